# SPDX-License-Identifier: BSD-2-Clause
"""sallywall as its users meet it: the iptables language on files, what it says of packets, captures and changes."""
import contextlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import threading
import time
import unittest
import xml.etree.ElementTree as xml

import harness
import run
import test_explain
from harness import Server, make_dir, noise, read_file, write_file
from test_explain import CLIENT, SERVER, ClientMachine

CLIENT6, SERVER6 = "fd00:5a11:1::2", "fd00:5a11:1::18"
SYN = "tcp 198.51.100.7:40000 > 192.168.0.18:%d syn"
SYN6 = "tcp [2001:db8::7]:40000 > [2001:db8::18]:%d syn"
HEAD = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
EMPTY = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n*filter\n" + HEAD + "COMMIT\n"


def filter_table(*rules):
    return "*filter\n" + HEAD + "".join(rule + "\n" for rule in rules) + "COMMIT\n"


def sallywall(*words, status=None, input=None, **kw):
    """The completed process, whose exit status must be this one (or one of these) if one is given."""
    done = subprocess.run([harness.SALLYWALL, *map(str, words)], capture_output=True, timeout=60, text=True,
                          input=input, errors="surrogateescape", **kw)
    wanted = (status,) if isinstance(status, int) else status
    if done.returncode < 0 or "Sanitizer" in done.stderr or (wanted is not None and done.returncode not in wanted):
        raise AssertionError(f"{words} ended with {done.returncode}, not {status}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done


def told(command, *words, status=None, **kw):
    return json.loads(sallywall(command, *words, "--json", status=status, **kw).stdout)


def uncommented(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def named(listing):
    """A listing of iptables 1.8 with -n, which says protocols as numbers, with names as all versions before had them."""
    names = {"0": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
    return re.sub(r" (\d+) +(--|-f|!f) ", lambda m: f" {names.get(m[1], m[1]):4} {m[2]} ", listing)


def real(program, *words, **kw):
    return subprocess.run([program, *words], capture_output=True, text=True, errors="surrogateescape", **kw)


class WallCase(unittest.TestCase):
    limit = 30
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()
        cls.dir = make_dir(os.path.join(harness.WORK, cls.__name__), "ftp", 0o777)

    def file(self, text, name="rules"):
        path = os.path.join(self.dir, f"{self.id().rsplit('.', 1)[1]}-{name}")
        with open(path, "w", errors="surrogateescape") as f:
            f.write(text)
        return path

    def packet(self, rules, packet, *options, status=None):
        """What --json says of one packet and rules, which are text."""
        return told("explain", "-", "--packet", packet, *options, input=rules, status=status)


class KernelCase(WallCase):
    """Beside the real iptables of this network namespace."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not test_explain.has_real_netfilter():
            raise unittest.SkipTest("NO IPTABLES-LEGACY that works in a network namespace here")

    def setUp(self):
        for family in ("iptables", "ip6tables"):
            for table in ("raw", "filter", "nat", "mangle"):
                for words in ("-F", "-X", "-Z"):
                    real(family + "-legacy", "-t", table, words)
            for chain in ("INPUT", "FORWARD", "OUTPUT"):
                real(family + "-legacy", "-P", chain, "ACCEPT")

    def both(self, family, path, command):
        """Does command to the kernel and to path. The two completed processes."""
        words = shlex.split(command)
        return real(family + "-legacy", *words), sallywall(family, "--rules", path, *words)

    def assert_same_rules(self, family, path):
        kernel = []
        for table in ("filter", "raw"):
            kernel.append(uncommented(real(family + "-legacy-save", "-t", table).stdout))
            saved = sallywall("save", path, "-t", table, "-4" if family == "iptables" else "-6", status=0).stdout
            self.assertEqual(uncommented(saved), kernel[-1])


# Each session is carried out in order by iptables and by us; then files, listings and exit statuses are the same.
SESSIONS = {
    "the guide's": """
        -A INPUT -s 192.168.0.2 -d 192.168.0.18 -p tcp --dport 22 -j ACCEPT
        -A INPUT -d 192.168.0.18 -j DROP
        -I INPUT -s 0.0.0.0/0 -d 192.168.0.18 -p tcp --dport 21 -j ACCEPT
        -I INPUT -s 0.0.0.0/0 -d 192.168.0.18 -p tcp --dport 10090:10100 -j ACCEPT
        -I INPUT -m state -s 0.0.0.0/0 -d 192.168.0.18 -p tcp --dport 1024:65534 --state ESTABLISHED,RELATED -j ACCEPT""",
    "every command": """
        -N ftp
        --new-chain web
        -A ftp -p tcp --dport ftp -j ACCEPT
        --append ftp -p tcp --dport ftp-data -j RETURN
        -I INPUT -j ftp
        -I INPUT 2 -i eth+ -p udp ! --sport 53 -j DROP
        -R INPUT 2 -i eth0 -p udp --sport domain -j ACCEPT
        --insert OUTPUT 1 ! -o lo -g web
        -A web -p tcp -m multiport --dports 80,443,8000:8080 -j ACCEPT
        -C web -p tcp -m multiport --dports 80,443,8000:8080 -j ACCEPT
        -C web -p tcp -m multiport --dports 80,443 -j ACCEPT
        -E web www
        -P FORWARD DROP
        -P INPUT RETURN
        -P www DROP
        -N www
        -X ftp
        -X nowhere
        -D INPUT 7
        -D INPUT -j DROP
        -D ftp -p tcp --dport 20 -j RETURN
        -D INPUT 1
        -X ftp
        -F ftp
        -X ftp
        -A INPUT -c 12 3456 -s 10.0.0.0/255.0.0.0 -j DROP
        -A FORWARD -s 10.1.0.0/255.255.0.255 ! -d 10.2.0.0/16 -f -j ACCEPT
        -Z FORWARD
        -A INPUT -j NOWHERE
        -A NOWHERE -j ACCEPT
        -A INPUT -p tcp --dport no-such-service
        -A INPUT -m nonsense -j ACCEPT
        -A INPUT --sport 5 -j ACCEPT
        -A INPUT -i averyveryverylongname -j ACCEPT
        -A www -j www
        -I INPUT 99 -j ACCEPT
        -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp
        -t raw -A OUTPUT -j CT --notrack
        -t raw -A INPUT -j ACCEPT
        -t raw -A PREROUTING -p udp -j NOTRACK""",
    "several addresses": """
        -A INPUT -s 192.0.2.1,192.0.2.2 -d 198.51.100.0/24,203.0.113.9 -j ACCEPT
        -D INPUT -s 192.0.2.1 -d 203.0.113.9 -j ACCEPT""",
    "matches": """
        -A INPUT -p tcp --syn -j ACCEPT
        -A INPUT -p tcp ! --syn -j ACCEPT
        -A INPUT -p tcp --tcp-flags SYN,RST,ACK,FIN SYN -j ACCEPT
        -A INPUT -p tcp ! --tcp-flags ALL NONE --tcp-option 8 -j ACCEPT
        -A INPUT -p tcp --sport :1023 --dport 1024: -j ACCEPT
        -A INPUT -p udp --dport 67:68 -j ACCEPT
        -A INPUT -p icmp --icmp-type echo-request -j ACCEPT
        -A INPUT -p icmp --icmp-type 3/4 -j ACCEPT
        -A INPUT -p icmp ! --icmp-type any -j ACCEPT
        -A INPUT -m state --state NEW,INVALID -j ACCEPT
        -A INPUT -m conntrack --ctstate DNAT,RELATED,UNTRACKED --ctproto tcp --ctorigsrc 10.0.0.0/8 -j ACCEPT
        -A INPUT -p tcp -m conntrack ! --ctrepldst 10.1.1.1 --ctorigdstport 21:22 --ctdir ORIGINAL --ctstatus ASSURED,EXPECTED --ctexpire 5:60 -j ACCEPT
        -A INPUT -p tcp -m multiport ! --ports 1,2,3:9 -j ACCEPT
        -A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 ! --dst-range 10.0.1.1-10.0.1.9 -j ACCEPT
        -A INPUT -m limit --limit 10/minute --limit-burst 7 -j ACCEPT
        -A INPUT -m hashlimit --hashlimit-upto 5/second --hashlimit-burst 9 --hashlimit-mode srcip,dstport --hashlimit-srcmask 24 --hashlimit-name aaa -j ACCEPT
        -A INPUT -m hashlimit --hashlimit-above 512kb/s --hashlimit-mode dstip --hashlimit-name bbb -j DROP
        -A INPUT -p tcp -m connlimit --connlimit-above 3 --connlimit-mask 24 -j DROP
        -A INPUT -m recent --name bad --set -j ACCEPT
        -A INPUT -m recent --name bad --update --seconds 60 --hitcount 4 --rttl --rdest -j DROP
        -A INPUT -m mac ! --mac-source 00:11:22:aa:bb:cc -j ACCEPT
        -A INPUT -m mark --mark 0x1/0xff -m connmark ! --mark 5 -j ACCEPT
        -A INPUT -m comment --comment "it's \\"so\\"" -j ACCEPT
        -A INPUT -m comment --comment word -j ACCEPT
        -A INPUT -m addrtype --src-type UNICAST,LOCAL ! --dst-type BROADCAST --limit-iface-in -j ACCEPT
        -A INPUT -m helper --helper ftp -j ACCEPT
        -A INPUT -m length --length 40:1500 -j ACCEPT
        -A INPUT -m ttl --ttl-gt 5 -m tos --tos 0x10/0x3f -j ACCEPT
        -A INPUT -m dscp --dscp-class AF41 -j ACCEPT
        -A INPUT -m pkttype --pkt-type multicast -j ACCEPT
        -A INPUT -m statistic --mode random --probability 0.25 -j ACCEPT
        -A INPUT -m statistic --mode nth --every 4 --packet 2 -j ACCEPT
        -A INPUT -m time --timestart 08:00 --timestop 17:30 --weekdays Mon,Fri --kerneltz -j ACCEPT
        -A INPUT -m time --datestart 2026-01-01 --datestop 2026-12-31T12:00:00 ! --monthdays 1,31 --contiguous --timestart 22:00 --timestop 02:00 -j ACCEPT
        -A INPUT -p tcp -m tcpmss --mss 500:1400 -j ACCEPT
        -A INPUT -m u32 --u32 "0>>22&0x3C@12>>26&0x3C@0=0x5353482D && 6&0xFF=6,17" -j ACCEPT
        -A INPUT -m physdev --physdev-in eth1 --physdev-is-bridged -j ACCEPT
        -A OUTPUT -m owner --uid-owner 1000-1005 ! --gid-owner 7 -j ACCEPT
        -A OUTPUT -m owner --socket-exists -j ACCEPT""",
    "targets": """
        -A INPUT -p tcp -j REJECT
        -A INPUT -p tcp -j REJECT --reject-with tcp-reset
        -A INPUT -j REJECT --reject-with icmp-admin-prohibited
        -A INPUT -j REJECT --reject-with tcp-reset
        -A INPUT -j LOG --log-prefix "in: a b" --log-level debug --log-tcp-options --log-ip-options --log-uid
        -A INPUT -j LOG
        -A INPUT -j NFLOG --nflog-group 5 --nflog-prefix "p q" --nflog-threshold 3
        -A INPUT -j MARK --set-mark 5
        -A INPUT -j MARK --or-mark 0x10
        -A INPUT -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff00
        -A INPUT -j CONNMARK --restore-mark
        -A INPUT -j CONNMARK --set-xmark 0x1/0x3
        -A INPUT -j CT --helper ftp
        -A INPUT
        -t raw -A PREROUTING -p tcp --dport 2121 -j CT --helper ftp
        -t raw -A PREROUTING -j CT --zone 5 --ctevents new,destroy""",
}
SESSIONS6 = {
    "every command": """
        -N web
        -A web -s 2001:db8::/32 ! -d fe80::1 -p tcp --dport http -j ACCEPT
        -A web -s 2001:db8::5/ffff:ffff::ffff -j DROP
        -I INPUT -i eth+ -g web
        -A INPUT -s 192.0.2.1 -j DROP
        -P OUTPUT DROP
        -R INPUT 1 -p ipv6-icmp -j web
        -S nowhere
        -D web 2""",
    "matches": """
        -A INPUT -p icmpv6 --icmpv6-type echo-request -j ACCEPT
        -A INPUT -p ipv6-icmp --icmpv6-type router-advertisement -j ACCEPT
        -A INPUT -p ipv6-icmp --icmpv6-type 1/3 -j ACCEPT
        -A INPUT -m hl --hl-lt 255 -j DROP
        -A INPUT -m conntrack --ctorigsrc 2001:db8::/48 --ctstate NEW -j ACCEPT
        -A INPUT -m iprange --src-range 2001:db8::1-2001:db8::9 -j ACCEPT
        -A INPUT -m multiport --dports 1 -j ACCEPT
        -A INPUT -m hashlimit --hashlimit-upto 5/second --hashlimit-mode srcip --hashlimit-srcmask 64 --hashlimit-name ccc -j ACCEPT
        -A INPUT -p tcp -m connlimit --connlimit-upto 3 --connlimit-mask 64 -j ACCEPT
        -A INPUT -m recent --name bad6 --rcheck --mask ffff:ffff:ffff:ffff:: -j DROP
        -A INPUT -f -j ACCEPT
        -A INPUT -p tcp -j REJECT --reject-with tcp-reset
        -A INPUT -j REJECT --reject-with icmp6-adm-prohibited
        -A INPUT -j REJECT --reject-with icmp-port-unreachable
        -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp""",
}


class Language(KernelCase):
    """sallywall iptables --rules FILE against iptables-legacy in this namespace."""
    limit = 60

    def run_session(self, family, session):
        path = self.file(EMPTY, "v4" if family == "iptables" else "v6")
        refused = 0
        for command in session.strip().splitlines():
            with self.subTest(command=command.strip()):
                before = read_file(path)
                theirs, ours = self.both(family, path, command)
                missing = re.search(r"Couldn't load|No chain/target/match|missing kernel module", theirs.stderr)
                if missing and ours.returncode == 0 and theirs.returncode:
                    write_file(path, before)  # an extension that this kernel was built without
                    continue
                status = 2 if "Invalid argument" in theirs.stderr else theirs.returncode  # the kernel refused what we can tell
                self.assertEqual(ours.returncode, status, f"{theirs.stderr}{ours.stderr}")
                if theirs.returncode:
                    refused += 1
                    self.assertEqual(read_file(path), before)
                    self.assertTrue(ours.stderr.strip())
        self.assert_same_rules(family, path)
        for command in ("-S", "-t raw -S", "-S INPUT", "-S INPUT 1", "-L -n", "-nvL --line-numbers", "-L -n -v -x", "-t raw -nL",
                        "-nL OUTPUT"):
            with self.subTest(command=command):
                theirs, ours = self.both(family, path, command)
                self.assertEqual((ours.returncode, ours.stdout), (theirs.returncode, named(theirs.stdout)), ours.stderr)
        return refused

    def test_the_guide(self):
        self.assertEqual(self.run_session("iptables", SESSIONS["the guide's"]), 0)

    def test_every_command(self):
        self.assertGreater(self.run_session("iptables", SESSIONS["every command"]), 10)

    def test_several_addresses(self):
        self.assertEqual(self.run_session("iptables", SESSIONS["several addresses"]), 0)

    def test_matches(self):
        self.run_session("iptables", SESSIONS["matches"])

    def test_targets(self):
        self.run_session("iptables", SESSIONS["targets"])

    def test_every_command_of_ip6tables(self):
        self.run_session("ip6tables", SESSIONS6["every command"])

    def test_matches_of_ip6tables(self):
        self.run_session("ip6tables", SESSIONS6["matches"])

    def test_port_names_without_n(self):
        path = self.file(EMPTY)
        for command in ("-A INPUT -p tcp --dport 21 -j ACCEPT", "-A INPUT -p udp --sport 53 -j DROP",
                        "-A INPUT -p tcp -m multiport --dports 20,21 -j ACCEPT", "-A INPUT -p icmp --icmp-type 8 -j ACCEPT"):
            self.both("iptables", path, command)
        theirs, ours = self.both("iptables", path, "-L INPUT")
        self.assertEqual(ours.stdout, theirs.stdout)

    def test_the_changed_file_is_what_iptables_save_prints(self):
        """Whole, in the form that it had: with counters before each rule, or without."""
        for options in ((), ("-c",)):
            self.setUp()
            real("iptables-legacy", "-A", "INPUT", "-c", "7", "420" if options else "0", "-j", "ACCEPT")
            if not options:
                real("iptables-legacy", "-Z")
            path = self.file(real("iptables-legacy-save", *options).stdout, f"saved{len(options)}")
            for command in ("-I INPUT -p tcp --dport 21 -j ACCEPT", "-P FORWARD DROP", "-N chain", "-A chain -j RETURN"):
                self.both("iptables", path, command)
            with open(path) as f:
                kernel = real("iptables-legacy-save", *options).stdout
                self.assertEqual(sorted(uncommented(f.read())), sorted(uncommented(kernel)))


# As a guide of 2017 showed it, with iptables 1.4.21. The lines end in the blanks that iptables puts there.
LISTING = """\
Chain INPUT (policy ACCEPT)
target     prot opt source               destination         
ACCEPT     tcp  --  0.0.0.0/0            192.168.0.18         state RELATED,ESTABLISHED tcp dpts:1024:65534
ACCEPT     tcp  --  0.0.0.0/0            192.168.0.18         tcp dpts:10090:10100
ACCEPT     tcp  --  0.0.0.0/0            192.168.0.18         tcp dpt:20
ACCEPT     tcp  --  0.0.0.0/0            192.168.0.18         tcp dpt:21
ACCEPT     tcp  --  192.168.0.2          192.168.0.18         tcp dpt:22
ACCEPT     all  --  192.168.0.1          192.168.0.18        
ACCEPT     all  --  8.8.8.8              192.168.0.18        
DROP       all  --  0.0.0.0/0            192.168.0.18        

Chain FORWARD (policy ACCEPT)
target     prot opt source               destination         

Chain OUTPUT (policy ACCEPT)
target     prot opt source               destination         
"""


class Files(WallCase):
    """A rule file that is changed: whole or not at all."""

    def test_listing(self):
        path = os.path.join(self.dir, "made-by-commands")
        for command in ("-A INPUT -s 192.168.0.2 -d 192.168.0.18 -p tcp --dport 22 -j ACCEPT",
                        "-A INPUT -s 192.168.0.1 -d 192.168.0.18 -j ACCEPT", "-A INPUT -s 8.8.8.8 -d 192.168.0.18 -j ACCEPT",
                        "-A INPUT -d 192.168.0.18 -j DROP",
                        "-I INPUT -s 0.0.0.0/0 -d 192.168.0.18 -p tcp --dport 21 -j ACCEPT",
                        "-I INPUT -s 0.0.0.0/0 -d 192.168.0.18 -p tcp --dport 20 -j ACCEPT",
                        "-I INPUT -s 0.0.0.0/0 -d 192.168.0.18 -p tcp --dport 10090:10100 -j ACCEPT",
                        "-I INPUT -m state -s 0.0.0.0/0 -d 192.168.0.18 -p tcp --dport 1024:65534 --state ESTABLISHED,RELATED -j ACCEPT"):
            sallywall("iptables", "--rules", path, *command.split(), status=0)
        for listing in (["-nL"], ["-L", "-n"], ["--list", "--numeric"]):
            self.assertEqual(sallywall("iptables", "--rules", path, *listing, status=0).stdout, LISTING)

    def test_mistakes_leave_the_file(self):
        path = self.file(filter_table("-A INPUT -j ACCEPT"))
        before, inode = read_file(path), os.stat(path).st_ino
        for command, status, *said in (
                ("-A INPUT -p tcp --dprot 21 -j ACCEPT", 2, "--dprot", "--dport"), ("-A INPUT -j ACEPT", 2, "ACEPT", "ACCEPT"),
                ("-A INPUT -m stat --state NEW -j DROP", 2, '"stat"', "state"), ("-A INPUT -m state --state NEWW", 2, "NEWW", "NEW"),
                ("-A INPTU -j DROP", 1, "INPTU", "INPUT"), ("-D INPUT 2", 1, "2", "INPUT"), ("-D INPUT -j DROP", 1, "INPUT"),
                ("-C INPUT -j DROP", 1), ("-X INPUT", 1), ("-N INPUT", 1), ("-P INPUT MAYBE", 1, "MAYBE"),
                ("-A INPUT -p tcp --dport 65536 -j DROP", 2, "65536"), ("-A INPUT -s 10.0.0.300 -j DROP", 2, "10.0.0.300"),
                ("-A INPUT -s 10.0.0.0/33 -j DROP", 2, "33"), ("-A INPUT -j DROP -A INPUT", 2), ("-t nta -L", 2, "nta", "nat"),
                ("-A INPUT -p tcp --dport", 2, "--dport"), ("-Q", 2, "-Q")):
            with self.subTest(command=command):
                done = sallywall("iptables", "--rules", path, *command.split())
                if status == 1:
                    self.assertIn(done.returncode, (1, 2))
                else:
                    self.assertEqual(done.returncode, 2, done.stderr)
                for word in said:
                    self.assertIn(word, done.stderr)
                self.assertEqual((read_file(path), os.stat(path).st_ino), (before, inode))

    def test_a_broken_file_is_left_too(self):
        path = self.file("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j NOWHERE\nCOMMIT\n")
        before = read_file(path)
        done = sallywall("iptables", "--rules", path, "-A", "INPUT", "-j", "DROP", status=2)
        self.assertIn(":3:", done.stderr)
        self.assertEqual(read_file(path), before)

    def test_killed_while_it_changes(self):
        path = self.file(filter_table(*["-A INPUT -s 10.0.%d.%d/32 -j DROP" % (i >> 8, i & 255) for i in range(3000)]))
        steady, chance = len(read_file(path).splitlines()), random.Random(3)
        end = time.monotonic() + 4
        killed = finished = 0
        while time.monotonic() < end:
            words = (["-A", "INPUT", "-j", "DROP"], ["-D", "INPUT", "1"])[finished % 2]
            child = subprocess.Popen([harness.SALLYWALL, "iptables", "--rules", path, *words], stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0, 0.12))
            child.send_signal(signal.SIGKILL)
            killed += child.wait() != 0
            finished += child.returncode == 0
            lines = read_file(path).splitlines()
            self.assertEqual(lines[-1], b"COMMIT")
            self.assertLess(abs(len(lines) - steady), 100)
        self.assertGreater(killed, 5)
        sallywall("check", path, status=0)

    def test_no_change_of_two_writers_is_lost(self):
        path = self.file(filter_table())

        def write(net):
            for i in range(20):
                sallywall("iptables", "--rules", path, "-A", "INPUT", "-s", f"10.{net}.0.{i}", "-j", "DROP", status=0)

        writers = [threading.Thread(target=write, args=(net,)) for net in (1, 2)]
        for w in writers:
            w.start()
        for w in writers:
            w.join()
        for net in (1, 2):
            found = re.findall(rf"-s 10\.{net}\.0\.(\d+)/32", read_file(path).decode())
            self.assertEqual(found, [str(i) for i in range(20)])
        self.assertEqual([n for n in os.listdir(self.dir) if n.startswith(os.path.basename(path) + ".")], [])

    def test_link_mode_and_owner_stay(self):
        path = self.file(filter_table())
        link = path + "-link"
        os.symlink(os.path.basename(path), link)
        os.chown(path, 3001, 3002)
        os.chmod(path, 0o640)
        sallywall("iptables", "--rules", link, "-A", "INPUT", "-j", "DROP", status=0)
        self.assertEqual(os.readlink(link), os.path.basename(path))
        status = os.stat(path)
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o7777), (3001, 3002, 0o640))
        self.assertIn(b"-A INPUT -j DROP\n", read_file(path))

    def test_reading_does_not_write(self):
        path = self.file(filter_table("-A INPUT -j DROP"))
        before = os.stat(path)
        for words in (["-L", "-n"], ["-S"], ["-C", "INPUT", "-j", "DROP"]):
            sallywall("iptables", "--rules", path, *words, status=0)
        after = os.stat(path)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_other_tables_are_kept(self):
        nat = "*nat\n:PREROUTING ACCEPT [3:180]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE --random\nCOMMIT\n"
        mangle = "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n"
        path = self.file(nat + filter_table() + mangle)
        sallywall("iptables", "--rules", path, "-A", "INPUT", "-j", "DROP", status=0)
        self.assertEqual(read_file(path).decode(), nat + filter_table("-A INPUT -j DROP") + mangle)
        said = sallywall("check", path, status=0).stdout
        self.assertRegex(said, r"nat .*not evaluated")
        notes = " ".join(told("explain", path)["notes"])
        self.assertRegex(notes, "nat table .*not evaluated")
        self.assertRegex(notes, "mangle table .*not evaluated")
        for words in (["-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE"], ["-t", "nat", "-F"]):
            done = sallywall("iptables", "--rules", path, *words, status=2)
            self.assertIn("nat", done.stderr)

    def test_usage(self):
        for words in ([], ["nonsense"], ["iptables", "-L"], ["check"], ["check", "/nowhere"], ["save"], ["save", "-", "-t", "nta"],
                      ["explain", "/nowhere"], ["explain", "-", "--ftp", "pasive"], ["explain", "-", "--nonsense"],
                      ["explain", "-", "--kernel", "x"], ["explain", "-", "--pasv-ports", "9:5"], ["explain", "-", "--at", "home"],
                      ["explain", "-", "--client", "1.2.3"], ["explain", "-", "--packet", "nonsense"], ["explain", "-", "--time", "noon"],
                      ["explain", "-", "--pcap", "/nowhere"], ["explain", "-", "--sets", "/nowhere"], ["diff", "-"],
                      ["explain", "-", "--svg", "/nowhere/x"], ["replay"], ["replay", "/nowhere"], ["replay", "/etc/passwd"]):
            with self.subTest(words=words):
                self.assertTrue(sallywall(*words, input=filter_table(), status=2).stderr.strip())
        for words in (["--help"], ["--version"], *([c, "--help"] for c in ("explain", "diff", "replay", "check", "save"))):
            self.assertTrue(sallywall(*words, status=0).stdout.strip())


class Saving(KernelCase):
    """save prints what iptables-save printed, and reading that back gives the same."""
    limit = 60

    def fill(self, family):
        sessions = SESSIONS if family == "iptables" else SESSIONS6
        commands = [c for s in sessions.values() for c in s.strip().splitlines()]
        for i, command in enumerate(commands):
            real(family + "-legacy", *shlex.split(command), *(["-c", str(i), str(i * 52)] if " -j " in command else []))
        real(family + "-legacy", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
        real(family + "-legacy", "-t", "mangle", "-A", "FORWARD", "-p", "tcp", "-j", "TOS", "--set-tos", "0x10")

    def test_byte_for_byte(self):
        for family in ("iptables", "ip6tables"):
            self.fill(family)
            for options in ([], ["-c"]):
                with self.subTest(family=family, options=options):
                    kernel = real(family + "-legacy-save", *options).stdout
                    self.assertGreater(len(kernel.splitlines()), 30)
                    saved = sallywall("save", "-", *options, input=kernel, status=0).stdout
                    self.assertEqual(saved, kernel)
                    back = real(family + "-legacy-restore", *(["-c"] if options else []), input=saved)
                    self.assertEqual(back.returncode, 0, back.stderr)
                    self.assertEqual(uncommented(real(family + "-legacy-save", *options).stdout), uncommented(kernel))
            kernel = real(family + "-legacy-save").stdout
            for table in ("filter", "raw", "nat"):
                saved = sallywall("save", "-", "-t", table, input=kernel, status=0).stdout
                self.assertEqual(uncommented(saved), uncommented(real(family + "-legacy-save", "-t", table).stdout))

    def test_the_nft_back_end(self):
        self.fill("iptables")
        kernel = real("iptables-legacy-save", "-c").stdout
        done = real("unshare", "--net", "sh", "-c", "iptables-nft-restore -c && exec iptables-nft-save -c",
                    input="\n".join(line for line in uncommented(kernel)) + "\n")
        if done.returncode:
            self.skipTest("NO IPTABLES-NFT that takes these rules: " + done.stderr[:200])
        self.assertEqual(sallywall("save", "-", "-c", input=done.stdout, status=0).stdout, done.stdout)

    def test_sets(self):
        if not shutil.which("ipset") or real("ipset", "create", "friends", "hash:ip").returncode:
            self.skipTest("NO IPSET that works here")
        self.addCleanup(real, "ipset", "destroy", "friends")
        self.addCleanup(real, "iptables-legacy", "-F")
        path = self.file(EMPTY)
        real("ipset", "add", "friends", "198.51.100.7")
        self.both("iptables", path, "-A INPUT -m set --match-set friends src -j ACCEPT")
        self.both("iptables", path, "-A INPUT -m set ! --match-set friends src -j DROP")
        self.assert_same_rules("iptables", path)
        rules, members = real("iptables-legacy-save").stdout, self.file(real("ipset", "save").stdout, "sets")
        self.assertIn("set", self.packet(rules, SYN % 80, status=3)["packets"][0]["because"])
        for source, status in (("198.51.100.7", 0), ("198.51.100.8", 1)):
            self.packet(rules, f"tcp {source}:5 > 192.168.0.18:80 syn", "--sets", members, status=status)


class Mistakes(WallCase):
    """File, line, column, what was expected, the nearest word, and a caret below the place."""

    def test_places(self):
        for rule, wrong, *said in (
                ("-A INPUT -p tcp -m tcp --dprot 21 -j ACCEPT", "--dprot", "--dport"),
                ("-A INPUT -p tcp -m tpc --dport 21 -j ACCEPT", "tpc", "tcp"),
                ("-A INPUT -m conntrack --ctstate NEW,ESTABLISED -j ACCEPT", "ESTABLISED", "ESTABLISHED"),
                ("-A INPUT -j ACCPT", "ACCPT", "ACCEPT"),
                ("-A INPUTT -j ACCEPT", "INPUTT", "INPUT"),
                ("-A INPUT -s 10.0.0.256/32 -j ACCEPT", "10.0.0.256"),
                ("-A INPUT -p tcp -m tcp --dport 70000 -j ACCEPT", "70000"),
                ("-A INPUT -p tpc -j ACCEPT", "tpc", "tcp"),
                ("-A INPUT -j REJECT --reject-with icmp-port-unreachabel", "icmp-port-unreachabel", "icmp-port-unreachable"),
                ("-A INPUT -m limit --limit 5/fortnight -j ACCEPT", "5/fortnight"),
                ("-A INPUT -m limit --limit 5/minute -j LOG --log-prefx x", "--log-prefx", "--log-prefix"),
                ("-B INPUT -j ACCEPT", "-B")):
            with self.subTest(rule=rule):
                path = self.file(filter_table("-A INPUT -i lo -j ACCEPT", rule))
                for command in ("check", "save", "explain"):
                    done = sallywall(command, path, status=2)
                    first, quoted, caret = done.stderr.splitlines()[:3]
                    self.assertRegex(first, rf"^{re.escape(path)}:6:\d+: ")
                    column = int(first[len(path):].split(":")[2])
                    start = rule.index(wrong)
                    word = rule.rindex(" ", 0, start) + 1 if " " in rule[:start] else 0
                    self.assertTrue(word < column <= start + len(wrong), first)
                    self.assertEqual(quoted.strip(), rule)
                    self.assertEqual(caret.index("^") - quoted.index(rule), column - 1)
                    for word in said:
                        self.assertRegex(first, rf"\b{re.escape(word)}(?![\w-])" if word[0] != "-" else re.escape(word))

    def test_files_that_break_off(self):
        for text, line in (("*filter\n:INPUT ACCEPT [0:0]\n", 2), ("-A INPUT -j DROP\n", 1), ("*filtre\nCOMMIT\n", 1),
                           ("*filter\n:INPUT ACEPT [0:0]\nCOMMIT\n", 2), ("*filter\n" + HEAD + "-A INPUT -j DROP\nCOMIT\n", 6),
                           ("*filter\n" + HEAD + '-A INPUT -m comment --comment "x -j DROP\nCOMMIT\n', 5)):
            with self.subTest(text=text):
                done = sallywall("check", "-", input=text, status=2)
                self.assertRegex(done.stderr, rf"^standard input:{line}:\d+: ")

    def test_check(self):
        done = sallywall("check", "-", input=EMPTY, status=0)
        self.assertRegex(done.stdout, r"(?s)standard input.*filter.*raw")


class Sources(KernelCase):
    """Where explain takes rules from, and that it says so."""
    PORT_21 = ["-A", "INPUT", "-p", "tcp", "--dport", "21", "-j"]

    def in_namespace(self, script, status):
        """sallywall's JSON from a shell in a network namespace of its own."""
        done = real("unshare", "--net", "sh", "-c", script.replace("SALLYWALL", harness.SALLYWALL))
        self.assertEqual(done.returncode, status, done.stdout[:1000] + done.stderr)
        return json.loads(done.stdout)

    def test_file_and_standard_input(self):
        rules = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j DROP")
        path = self.file(rules)
        told_file = told("explain", path, "--packet", SYN % 21, status=1)
        self.assertEqual(told_file["question"]["rules"], path)
        self.assertEqual(self.packet(rules, SYN % 21, status=1)["question"]["rules"], "standard input")
        self.assertEqual(told_file["packets"][0]["rule"], {"table": "filter", "chain": "INPUT", "number": 1, "line": 5,
                                                           "text": "-A INPUT -p tcp -m tcp --dport 21 -j DROP"})

    def test_this_machine(self):
        """Each back end, and none: what the kernel does is what is told."""
        ask = f"SALLYWALL explain --json --packet '{SYN % 21}'"
        drop = "-A INPUT -p tcp --dport 21 -j DROP"
        for setup, back_end, status in ((f"iptables-nft {drop}", "nf_tables", 1), (f"iptables-legacy {drop}", "legacy", 1), ("true", "", 0)):
            with self.subTest(setup=setup):
                said = self.in_namespace(f"{setup}; {ask}", status)
                self.assertIn("this machine (iptables-save v1", said["question"]["rules"])
                self.assertIn(back_end, said["question"]["rules"])

    def test_both_back_ends_at_once(self):
        done = real("unshare", "--net", "sh", "-c", "iptables-nft -A INPUT -p tcp --dport 22 -j DROP; "
                    f"iptables-legacy -A INPUT -p tcp --dport 21 -j DROP; {harness.SALLYWALL} explain")
        self.assertEqual(done.returncode, 2)
        self.assertIn("iptables-legacy-save", done.stderr)

    def test_this_machine_and_ipv6(self):
        drop = "ip6tables-nft -A INPUT -p tcp --dport 21 -j DROP"
        self.in_namespace(f"{drop}; SALLYWALL explain -6 --json --packet '{SYN6 % 21}'", 1)
        self.in_namespace(f"{drop}; SALLYWALL explain --json --packet '{SYN6 % 21}'", 1)
        self.in_namespace(f"{drop}; SALLYWALL explain --json --server 2001:db8::18", 1)

    def test_rules_that_name_no_family_are_asked_as_the_packet_is(self):
        rules = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j DROP")
        for packet in (SYN % 21, SYN6 % 21):
            self.packet(rules, packet, status=1)

    def test_without_root(self):
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        program = shutil.copy(harness.SALLYWALL, os.path.join(self.dir, "sallywall"))
        os.chmod(program, 0o755)
        done = real(*as_nobody, program, "explain")
        self.assertEqual(done.returncode, 2)
        self.assertIn("root", done.stderr)
        path = self.file(filter_table("-A INPUT -p tcp -m tcp --dport 21 -j DROP"))
        done = real(*as_nobody, program, "explain", path, "--packet", SYN % 21)
        self.assertEqual(done.returncode, 1, done.stderr)


class Packets(WallCase):
    """explain --packet."""
    RULES = filter_table(
        "-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -m conntrack --ctstate INVALID -j DROP", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A INPUT -p udp -m udp --dport 53 -j ACCEPT", "-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 113 -j REJECT --reject-with tcp-reset", "-A INPUT -j DROP",
        "-A FORWARD -s 198.51.100.0/24 -j ACCEPT", "-A FORWARD -j DROP")

    def test_fates(self):
        for packet, options, fate, chain, number in (
                (SYN % 22, (), "pass", "INPUT", 4), (SYN % 23, (), "drop", "INPUT", 8), (SYN % 113, (), "reject", "INPUT", 7),
                ("tcp 198.51.100.7:40000 > 192.168.0.18:23 ack state=established", (), "pass", "INPUT", 2),
                ("tcp 198.51.100.7:40000 > 192.168.0.18:23 syn state=related", (), "pass", "INPUT", 2),
                ("tcp 198.51.100.7:40000 > 192.168.0.18:22 ack state=invalid", (), "drop", "INPUT", 3),
                ("udp 198.51.100.7:999 > 192.168.0.18:53", (), "pass", "INPUT", 5),
                ("icmp 198.51.100.7 > 192.168.0.18 type 8", (), "pass", "INPUT", 6),
                ("-p tcp -s 198.51.100.7 -d 192.168.0.18 --dport 23 --syn", (), "drop", "INPUT", 8),
                (SYN % 23, ("--at", "gateway"), "pass", "FORWARD", 1),
                ("tcp 203.0.113.7:1 > 192.168.0.18:23 syn", ("--at", "gateway"), "drop", "FORWARD", 2),
                (SYN % 23, ("--at", "client"), "pass", "OUTPUT", 0)):
            with self.subTest(packet=packet, options=options):
                said = self.packet(self.RULES, packet, "--in", "eth0", *options, status=0 if fate == "pass" else 1)
                step = said["packets"][0]
                self.assertEqual((step["fate"], step["rule"]["chain"], step["rule"]["number"]), (fate, chain, number))

    def test_ipv6(self):
        rules = filter_table("-A INPUT -s 2001:db8::/32 -p tcp -m tcp --dport 22 -j ACCEPT",
                             "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT", "-A INPUT -j REJECT --reject-with icmp6-adm-prohibited")
        for packet, status, number in ((SYN6 % 22, 0, 1), (SYN6 % 23, 1, 3), ("tcp [2001:db9::7]:40000 > [2001:db8::18]:22 syn", 1, 3),
                                       ("icmpv6 2001:db8::7 > 2001:db8::18 type 128", 0, 2)):
            with self.subTest(packet=packet):
                self.assertEqual(self.packet(rules, packet, status=status)["packets"][0]["rule"]["number"], number)

    def test_interfaces(self):
        """Unknown until it is said which ones are used."""
        rules = filter_table("-A INPUT -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT", "-A INPUT -j DROP",
                             "-A FORWARD -i eth+ -o lan0 -j ACCEPT", "-A FORWARD -j DROP")
        for options, status in (((), 3), (("--in", "eth0"), 0), (("--in", "eth1"), 1), (("--at", "gateway"), 3),
                                (("--at", "gateway", "--in", "eth7"), 3), (("--at", "gateway", "--in", "eth7", "--out", "lan0"), 0),
                                (("--at", "gateway", "--out", "lan1"), 1), (("--at", "gateway", "--in", "wlan0"), 1)):
            with self.subTest(options=options):
                self.packet(rules, SYN % 80, *options, status=status)
        self.packet(rules, (SYN % 80) + " in=eth0", status=0)

    def test_time(self):
        rules = filter_table("-A INPUT -m time --timestart 08:00 --timestop 17:00 --weekdays Mon,Tue -j ACCEPT", "-A INPUT -j DROP")
        for when, status in (("2026-01-05T10:00", 0), ("2026-01-05T07:59", 1), ("2026-01-05T18:00", 1), ("2026-01-07T10:00", 1)):
            self.packet(rules, SYN % 80, "--time", when, status=status)

    def test_unknown_names_the_rule(self):
        for rule, because in (("-A INPUT -m physdev --physdev-in eth1 -j ACCEPT", "bridge"),
                              ("-A INPUT -m statistic --mode random --probability 0.50000000000 -j ACCEPT", "chance"),
                              ("-A INPUT -m set --match-set friends src -j ACCEPT", "set"),
                              ("-A INPUT -m mac --mac-source 00:11:22:33:44:55 -j ACCEPT", "hardware"),
                              ("-A INPUT -m quota --quota 5 -j ACCEPT", "extension"),
                              ("-A OUTPUT -m owner --uid-owner 1000 -j ACCEPT", "own")):
            chain = rule.split()[1]
            with self.subTest(rule=rule):
                rules = filter_table(f"-A {chain} -p tcp -m tcp --dport 22 -j ACCEPT", rule, f"-A {chain} -j DROP")
                side = ("--at", "client") if chain == "OUTPUT" else ()
                said = self.packet(rules, SYN % 80, *side, status=3)
                self.assertIn(f"rule 2 of {chain}", said["conclusion"])
                step = said["packets"][0]
                self.assertEqual((step["fate"], step["rule"]["text"]), ("unknown", rule))
                self.assertIn(because, step["because"])
                self.assertEqual(self.packet(rules, SYN % 22, *side, status=0)["outcome"], "works")
                # either way the packet is dropped: known, whatever that rule would say
                self.packet(rules.replace(rule, rule.replace("ACCEPT", "DROP")), SYN % 80, *side, status=1)

    def test_unknown_sessions(self):
        rules = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A OUTPUT -m owner --uid-owner 14 -j ACCEPT", "-A OUTPUT -j DROP")
        said = told("explain", "-", input=rules, status=3)
        self.assertEqual(said["outcome"], "unknown")
        self.assertIn("rule 1 of OUTPUT", said["conclusion"])
        self.assertIn("unknown", sallywall("explain", "-", input=rules, status=3).stdout.lower())


class Sessions(WallCase):
    """explain --ftp, where the truth table does not go."""
    ANNOUNCED = ("-A INPUT -p tcp -m tcp --dport %d -j ACCEPT", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -j DROP")

    def rules(self, port, helper):
        raw = f"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport {port} -j CT --helper ftp\nCOMMIT\n"
        return (raw if helper else "") + filter_table(self.ANNOUNCED[0] % port, *self.ANNOUNCED[1:])

    def test_ipv6(self):
        for helper, status in ((True, 0), (False, 1)):
            for mode in ("epsv", "eprt"):
                with self.subTest(helper=helper, mode=mode):
                    said = told("explain", "-", "-6", "--ftp", mode, "--server", "2001:db8::18", "--client", "2001:db8::2",
                                input=self.rules(21, helper), status=status if mode == "epsv" else 0)
                    self.assertEqual(said["question"]["server"], "2001:db8::18")
                    for fix in said["fixes"]:
                        for command in fix["commands"]:
                            self.assertRegex(command, "^(ip6tables |pasv_)")

    def test_ports_of_helpers(self):
        """Since Linux 6.0 only a rule attaches a helper; before, it attached itself to the ports that it was told."""
        for port, helper, options, status in (
                (2121, True, (), 0), (2121, False, (), 1), (2121, False, ("--kernel", "4.4"), 1), (21, False, ("--kernel", "4.4"), 0),
                (21, False, ("--kernel", "6.0"), 1), (2121, False, ("--kernel", "4.4", "--helper-ports", "21,2121"), 0),
                (21, False, ("--kernel", "4.4", "--helper-ports", "2121"), 1), (21, True, ("--loose", "--mode", "robust"), 0),
                (21, True, ("--tls",), 1)):
            with self.subTest(port=port, helper=helper, options=options):
                told("explain", "-", "--server", f"192.168.0.18:{port}", *options, input=self.rules(port, helper), status=status)

    def test_places(self):
        """The same session where the firewall is the server, a router between, or the client."""
        blocked = {"server": "INPUT", "gateway": "FORWARD", "client": "OUTPUT"}
        for where, chain in blocked.items():
            rules = filter_table(f"-A {chain} -p tcp -m tcp --dport 21 -j ACCEPT", f"-A {chain} -p tcp -m tcp --sport 21 -j ACCEPT",
                                 f"-A {chain} -j DROP")
            said = told("explain", "-", "--at", where, input=rules, status=1)
            self.assertEqual(said["question"]["at"], where)
            self.assertEqual({p["rule"]["chain"] for p in said["packets"] if p["fate"] == "drop"}, {chain})
            for other in blocked.keys() - {where}:
                self.assertEqual(told("explain", "-", "--at", other, input=rules, status=0)["outcome"], "works")


# --- captures -----------------------------------------------------------------------------------------------------

MODES = {  # curl's options and what announces the data channel
    "passive": (["--disable-epsv"], "227 "), "epsv": ([], "229 "), "active": (["--disable-eprt"], "PORT "), "eprt": ([], "EPRT "),
}
HELPER_RULES = ("-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp", "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT")


def as_pcapng(pcap):
    """The packets of a pcap file, microseconds, as pcapng has them."""
    link, at, blocks = struct.unpack_from("<I", pcap, 20)[0], 24, []

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    while at < len(pcap):
        seconds, micro, size, whole = struct.unpack_from("<IIII", pcap, at)
        when = seconds * 1000000 + micro
        blocks.append(block(6, struct.pack("<IIIII", 0, when >> 32, when & 0xffffffff, size, whole) + pcap[at + 16:at + 16 + size]))
        at += 16 + size
    return (block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("<HHI", link, 0, 262144)) +
            b"".join(blocks))


def masked(line):
    """A line of conntrack -L without what another moment changes, and its time-out."""
    proto, number, rest = line.split(None, 2)
    seconds, rest = rest.split(None, 1)
    return f"{proto} {number} {re.sub(r' use=[0-9]+', '', rest)}".strip(), int(seconds)


class Captures(unittest.TestCase):
    """Sessions of curl and sallyd, captured by tcpdump where the kernel's own conntrack saw them."""
    limit = 60
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()
        if not test_explain.has_real_netfilter():
            raise unittest.SkipTest("NO IPTABLES-LEGACY that works in a network namespace here")
        for program in ("tcpdump", "conntrack"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"NO {program.upper()} here: apt-get install {program}")
        cls.dir = make_dir(os.path.join(harness.WORK, "Captures"))
        cls.client = ClientMachine()
        subprocess.run(f"ip address add {SERVER6}/64 dev here nodad".split(), check=True)
        cls.client.run(f"ip address add {CLIENT6}/64 dev there nodad".split(), check=True)
        for program in ("iptables-legacy", "ip6tables-legacy"):
            for rule in HELPER_RULES:
                subprocess.run([program, *rule.split()], check=True)
        write_file(make_dir(cls.dir + "/top/pub") + "/report.txt", noise(100000))
        os.chmod(cls.dir + "/top", 0o755)
        cls.server = Server({"anonymous_enable": "YES", "anon_root": cls.dir + "/top", "connect_from_port_20": "YES",
                             "listen_ipv6": "YES"}, "captures", port=21).start()
        cls.seen = {}

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.client.close()

    @classmethod
    def record(cls, mode, ipv6=False):
        """(capture's file, what conntrack -L printed, what was said of each expectation) of a LIST and a RETR; once."""
        name = mode + "6" * ipv6
        if name in cls.seen:
            return cls.seen[name]
        path, ours = f"{cls.dir}/{name}.pcap", CLIENT6 if ipv6 else CLIENT
        host = f"[{SERVER6}]" if ipv6 else SERVER
        family = "ipv6" if ipv6 else "ipv4"
        real("conntrack", "-F", "-f", family)
        sniffer = subprocess.Popen(["tcpdump", "-Z", "root", "-i", "here", "-U", "--immediate-mode", "-w", path, "tcp"],
                                   stderr=subprocess.PIPE, text=True)
        try:
            while "listening on" not in (line := sniffer.stderr.readline()):
                if not line:
                    raise AssertionError("tcpdump ended")
            active = ["-P", ours] if mode in ("active", "eprt") else []
            done = cls.client.run(["curl", "-sS", "--max-time", "10", *MODES[mode][0], *active, "-o", "/dev/null", "-o", "/dev/null",
                                   f"ftp://{host}/pub/", f"ftp://{host}/pub/report.txt"], capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(done.stderr)
            harness.wait_until(lambda: real("conntrack", "-L", "-f", family, "-p", "tcp").stdout.count("TIME_WAIT") == 3, 1)
            listed = real("conntrack", "-L", "-f", family, "-p", "tcp").stdout.splitlines()
            time.sleep(0.2)  # tcpdump writes what it has
        finally:
            sniffer.terminate()
            sniffer.wait(5)
            sniffer.stderr.close()
        rules = real("ip6tables-legacy-save" if ipv6 else "iptables-legacy-save").stdout
        with open(path + ".rules", "w") as f:
            f.write(rules)
        cls.seen[name] = path, listed
        return cls.seen[name]

    def each(self):
        for mode in MODES:
            for ipv6 in (False, True):
                if not (ipv6 and mode in ("passive", "active")):  # 227 and PORT can't say IPv6 addresses
                    self.way = f"{mode}, IPv{6 if ipv6 else 4}"
                    yield mode, ipv6, *self.record(mode, ipv6)

    def test_connections_are_those_of_the_kernel(self):
        for _, _, path, listed in self.each():
            said = told("replay", path, "--rules", path + ".rules", status=0)["replay"]
            ours = dict(map(masked, said["connections"]))
            kernel = dict(map(masked, listed))
            self.assertEqual(sorted(ours), sorted(kernel))
            self.assertEqual(len(kernel), 3)
            for line, seconds in kernel.items():
                self.assertLessEqual(abs(ours[line] - seconds), 2, line)

    def test_data_channels_and_announcers(self):
        for mode, ipv6, path, _ in self.each():
            said = told("replay", path, status=0)["replay"]
            server, client = (SERVER6, CLIENT6) if ipv6 else (SERVER, CLIENT)
            self.assertEqual(len(said["data_channels"]), 2)
            self.assertEqual(len(said["expectations"]), 2)
            for channel, expectation in zip(said["data_channels"], said["expectations"]):
                self.assertTrue(channel["announced_by"].startswith(MODES[mode][1]), channel)
                self.assertRegex(channel["control"], rf"{client}\]?:\d+ -> \[?{server}\]?:21$")
                source, target = (server, client) if mode in ("active", "eprt") else (client, server)
                self.assertRegex(channel["data"], rf"{source}\]?:\d+ -> \[?{target}\]?:\d+$")
                self.assertIn(channel["data"].rsplit(":", 1)[1], expectation)
            text = sallywall("replay", path, status=0).stdout
            for channel in said["data_channels"]:
                self.assertIn(channel["data"], text)
            for line in said["connections"]:
                self.assertIn(line, text)

    def test_states_of_packets(self):
        for mode, _, path, _ in self.each():
            for rules in ((), ("--rules", path + ".rules")):
                packets = told("replay", path, *rules, status=0)["packets"]
                self.assertEqual((packets[0]["label"].split(",")[0], packets[0]["state"]), ("SYN", "new"))
                starts = [p for p in packets if p["channel"] == "data" and p["packet"] == "SYN"]
                self.assertEqual([p["state"] for p in starts], ["related"] * 2)
                self.assertEqual([p["from"] for p in starts], [("client", "server")[mode in ("active", "eprt")]] * 2)
                self.assertEqual({p["state"] for p in packets if p not in starts and p is not packets[0]}, {"established"})
                self.assertEqual({p["fate"] for p in packets}, {"pass"})

    def test_explain_finds_the_server_and_the_blocked_channel(self):
        for mode, ipv6, path, _ in self.each():
            server = SERVER6 if ipv6 else SERVER
            self.assertEqual(told("explain", path + ".rules", "--pcap", path, status=0)["question"]["server"], server)
            rules = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT",
                                 f"-A INPUT -d {server}/{128 if ipv6 else 32} -p tcp -j DROP")
            said = told("explain", "-", "--pcap", path, input=rules, status=1)
            self.assertEqual((said["kind"], said["question"]["server"]), ("capture", server))
            first = next(p for p in said["packets"] if p["fate"] != "pass")
            self.assertEqual((first["channel"], first["rule"]["number"]), ("data", 2))
            self.assertEqual(first["label"].split(",")[0], "SYN ACK" if mode in ("active", "eprt") else "SYN")
            outcomes = {task["name"]: task["outcome"] for task in said["tasks"]}
            self.assertEqual([outcomes[name] for name in ("login", "LIST", "RETR")], ["works", "blocked", "blocked"])
            sallywall("replay", path, "--rules", "-", input=rules, status=1)

    def test_pcapng_says_the_same(self):
        path, _ = self.record("epsv")
        other = path + "ng"
        with open(other, "wb") as f:
            f.write(as_pcapng(read_file(path)))
        first, second = told("replay", path, status=0), told("replay", other, status=0)
        self.assertEqual(second["packets"], first["packets"])
        self.assertEqual(second["replay"], first["replay"])

    def test_captures_that_break_off(self):
        path, _ = self.record("passive")
        whole = read_file(path)
        cut = path + ".cut"
        for size in (0, 10, 23):
            write_file(cut, whole[:size])
            self.assertIn(cut, sallywall("replay", cut, status=2).stderr)
        for size in (24, 30, 200, len(whole) // 2):
            write_file(cut, whole[:size])
            self.assertIn(sallywall("replay", cut).returncode, (0, 1, 2, 3))


# --- changes, and what is written ---------------------------------------------------------------------------------

class Changes(WallCase):
    """diff."""
    OLD = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -j DROP")

    def diff(self, new, status, old=OLD, *options):
        return told("diff", self.file(old, "old"), self.file(new, "new"), *options, status=status)

    def test_nothing_changes(self):
        self.assertEqual(self.diff(self.OLD, 0)["changes"], [])
        self.assertEqual(self.diff(filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -p udp -j DROP",
                                                "-A INPUT -d 192.168.0.18/32 -j DROP"), 0)["changes"], [])
        sallywall("diff", self.file(self.OLD), self.file(self.OLD), status=0)

    def test_witnesses_are_true(self):
        """What is said of before and after is what explain says of that packet and those rules."""
        checked = 0
        for new in (filter_table("-A INPUT -p tcp -m tcp --dport 20:21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -j DROP"),
                    filter_table("-A INPUT -d 192.168.0.18/32 -j DROP"), filter_table(),
                    filter_table("-A INPUT -s 203.0.113.0/24 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT",
                                 "-A INPUT -d 192.168.0.18/32 -j REJECT --reject-with icmp-port-unreachable")):
            said = self.diff(new, 1)
            self.assertTrue(said["changes"])
            for change in said["changes"]:
                with self.subTest(change=change):
                    self.assertNotEqual(change["before"], change["after"])
                    self.check_rules(change, new)
                    packet = re.match(r"INPUT (\w+ \S+ -> \S+)( SYN)?, NEW$", change["witness"])
                    if packet:
                        checked += 1
                        line = packet[1] + (" syn" if packet[2] else "")
                        for rules, fate in ((self.OLD, change["before"]), (new, change["after"])):
                            self.assertEqual(self.packet(rules, line)["packets"][0]["fate"], fate)
        self.assertGreater(checked, 3)

    def check_rules(self, change, new):
        for rules, rule in ((self.OLD, change["old_rule"]), (new, change["new_rule"])):
            if rule and rule["number"]:
                self.assertEqual(rules.splitlines()[rule["line"] - 1], rule["text"])

    def test_sessions(self):
        new = filter_table("-A INPUT -p tcp -m tcp --dport 20:21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -j DROP")
        sessions = [c for c in self.diff(new, 1)["changes"] if c["witness"].startswith("FTP session")]
        self.assertTrue(any(", active, " in c["witness"] for c in sessions))
        self.assertFalse(any("passive" in c["witness"] for c in sessions))
        for change in sessions:
            self.assertEqual((change["before"], change["after"]), ("drop", "pass"))

    def test_trouble(self):
        path = self.file(self.OLD)
        for other in ("/nowhere", self.file("nonsense\n", "bad"), self.file(filter_table("-A INPUT -s 2001:db8::/32 -j DROP"), "six")):
            self.assertTrue(sallywall("diff", path, other, status=2).stderr)


JSON_TYPES = {"integer": int, "string": str, "boolean": bool, "object": dict, "list": list}


def promised_members():
    """{heading: {member: type in words}} of doc/explain-json.md."""
    tables, heading = {}, None
    with open(os.path.join(run.TOP, "doc/explain-json.md")) as f:
        for line in f:
            if line.startswith("#"):
                heading = line.strip("# \n")
            elif line.startswith("| `") and heading:
                names, kind = line.split("|")[1:3]
                tables.setdefault(heading, {}).update({name: kind.strip() for name in re.findall(r"`([\w-]+)`", names)})
    return tables


class Tellings(WallCase):
    """--json, --svg, --html and text of the same story."""
    RULES = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -j DROP")
    QUESTIONS = (("--ftp", "passive"), ("--ftp", "active"), ("--ftp", "epsv", "--tls"), ("--ftp", "eprt", "--at", "gateway"),
                 ("--packet", SYN % 80))

    def check_object(self, thing, heading):
        for name, kind in self.promised[heading].items():
            self.assertIn(name, thing, heading)
            value = thing[name]
            if value is None:
                self.assertIn("null", kind, f"{heading}: {name}")
            elif kind.strip("*").startswith("rule"):
                self.assertEqual(sorted(value), ["chain", "line", "number", "table", "text"])
            else:
                self.assertIs(type(value), JSON_TYPES[kind.split()[0]], f"{heading}: {name}")

    def check_story(self, said):
        self.promised = promised_members()
        self.check_object(said, "explain")
        self.check_object(said["question"], "question")
        for heading in ("tasks", "packets", "fixes"):
            for element in said[heading]:
                self.check_object(element, heading)
        self.assertEqual([p["number"] for p in said["packets"]], list(range(1, len(said["packets"]) + 1)))
        self.assertEqual(said["schema"], 1)

    def test_json_is_as_documented(self):
        for question in self.QUESTIONS:
            with self.subTest(question=question):
                done = sallywall("explain", "-", *question, "--json", input=self.RULES, status=(0, 1))
                said = json.loads(done.stdout)
                self.assertTrue(done.stdout.endswith("}\n"))
                self.check_story(said)
                self.assertEqual(said["outcome"], ("works", "blocked")[done.returncode])
        diff = told("diff", self.file(self.RULES), self.file(filter_table(), "new"), status=1)
        self.check_object(diff, "diff")
        for change in diff["changes"]:
            self.assertEqual(sorted(change), ["after", "before", "new_rule", "old_rule", "scope", "witness"])

    def drawn(self, question, rules=RULES):
        svg, html = self.file("", "svg"), self.file("", "html")
        said = told("explain", "-", *question, "--svg", svg, "--html", html, input=rules)
        return said, read_file(svg).decode(), read_file(html).decode()

    def test_svg(self):
        for question in self.QUESTIONS:
            with self.subTest(question=question):
                said, text, _ = self.drawn(question)
                root = xml.fromstring(text)
                self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
                shown = " ".join(" ".join(root.itertext()).split())
                for lane in ("client", "firewall", "server"):
                    self.assertIn(lane, shown)
                dropped = [p for p in said["packets"] if p["fate"] == "drop"]
                for packet in dropped:
                    self.assertIn(packet["label"].split(",")[0], shown)
                    self.assertIn(packet["rule"]["text"], shown)
                spans = [range(int(a), int(b) + 1) for a, b in re.findall(r"went: packets (\d+) to (\d+)", shown)]
                for packet in dropped:  # drawn, or said to be as one that is drawn
                    number = packet["number"]
                    self.assertTrue(packet["retry"] or f"Packet {number}, " in shown or any(number in span for span in spans), packet)
                self.assertGreaterEqual(len(re.findall("class=\"[^\"]*bad[^\"]*\">[^<]*dropped by", text)), bool(dropped))
                self.assertNotRegex(text, r"<script|<image|href=|url\(|@import")

    def test_html(self):
        for question in self.QUESTIONS:
            said, _, text = self.drawn(question)
            for reference in re.findall(r"https?://[^\s\"'<]+", text):
                self.assertEqual(reference, "http://www.w3.org/2000/svg")
            self.assertNotRegex(text, r"<script|<link|<img|<iframe|\bsrc=|href=\"(?!#)|url\(|@import")
            self.assertIn("<svg", text)
            for fix in said["fixes"]:
                for command in fix["commands"]:
                    self.assertIn(command, text)

    def test_hostile_text_stays_text(self):
        evil = '-A INPUT -m comment --comment "</text><script>alert(1)</script>&\x1b[31m" -j DROP'
        rules = filter_table(evil)
        said, svg, html = self.drawn(("--packet", SYN % 80), rules)
        self.assertEqual(said["packets"][0]["fate"], "drop")
        xml.fromstring(svg)
        for text in (svg, html):
            self.assertNotIn("<script", text)
            self.assertNotIn("\x1b", text)
        for options in ((), ("-v",)):
            shown = sallywall("explain", "-", "--packet", SYN % 80, "--color", "never", *options, input=rules, status=1).stdout
            self.assertNotIn("\x1b", shown)

    def test_text(self):
        shown = sallywall("explain", "-", "--ftp", "passive", input=self.RULES, status=1).stdout
        self.assertTrue(shown.startswith("BLOCKED"))
        for part in ("LIST", "RETR", "STOR", "227 Entering Passive Mode", "-A INPUT -d 192.168.0.18/32 -j DROP", "CT --helper ftp",
                     "64,511 ports", "none: only announced connections"):
            self.assertIn(part, shown)
        self.assertNotIn("\x1b", shown)
        self.assertIn("\x1b[", sallywall("explain", "-", "--color", "always", input=self.RULES, status=1).stdout)
        narrow = sallywall("explain", "-", input=self.RULES, status=1, env=dict(os.environ, LC_ALL="C")).stdout
        self.assertTrue(narrow.isascii())
        self.assertGreater(len(sallywall("explain", "-", "-v", input=self.RULES, status=1).stdout), len(shown))


del KernelCase, WallCase  # so that only what is built on them is run
