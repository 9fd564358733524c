# SPDX-License-Identifier: BSD-2-Clause
"""The iptables language on files, against real iptables in a namespace: commands, listings, saving, mistakes."""
import contextlib
import os
import random
import re
import shlex
import signal
import subprocess
import threading
import time

import harness
import wall
from harness import need, read_file, write_file
from wall import SYN, HEAD, EMPTY, filter_table, sallywall, uncommented, named, real

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


class Language(wall.KernelCase):
    """sallywall iptables --rules FILE against iptables-legacy in this namespace."""

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
                statuses = {theirs.returncode} | ({1, 2} if "Invalid argument" in theirs.stderr else set())  # the kernel's refusal
                self.assertIn(ours.returncode, statuses, f"{theirs.stderr}{ours.stderr}")
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


class Files(wall.WallCase):
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
        start = time.monotonic()
        sallywall("iptables", "--rules", path, "-P", "FORWARD", "DROP", status=0)
        once = time.monotonic() - start
        begin = time.monotonic()
        killed = finished = 0
        while time.monotonic() - begin < (4 if killed > 5 else harness.PATIENCE):
            words = (["-A", "INPUT", "-j", "DROP"], ["-D", "INPUT", "1"])[finished % 2]
            child = subprocess.Popen([harness.SALLYWALL, "iptables", "--rules", path, *words], stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0, 2 * once))
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

    def test_all_tables(self):
        heads = {"nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"), "security": ("INPUT", "FORWARD", "OUTPUT"),
                 "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")}

        def table(name, *rules):
            return f"*{name}\n" + "".join(f":{c} ACCEPT [3:180]\n" for c in heads[name]) + "".join(r + "\n" for r in rules) + "COMMIT\n"
        nat = ("-A PREROUTING -p tcp -m tcp --dport 2121 -j DNAT --to-destination 10.0.0.1-10.0.0.9:21-30 --random --persistent",
               "-A POSTROUTING -o eth0 -j MASQUERADE --random")
        mangle = ("-A PREROUTING -j TTL --ttl-set 9", "-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu")
        security = ("-A INPUT -p tcp -m tcp --dport 80 -j SECMARK --selctx system_u:object_r:http_packet_t:s0",)
        before = table("nat", *nat) + filter_table() + table("mangle", *mangle) + table("security", *security)
        path = self.file(before)
        sallywall("iptables", "--rules", path, "-A", "INPUT", "-j", "DROP", status=0)
        self.assertEqual(read_file(path).decode(), before.replace(filter_table(), filter_table("-A INPUT -j DROP")))
        self.assertRegex(sallywall("check", path, status=0).stdout, r"nat +4 chains, 2 rules")
        sallywall("iptables", "--rules", path, "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-j", "REDIRECT", "--to-ports", "21", status=0)
        self.assertIn("-A OUTPUT -p tcp -j REDIRECT --to-ports 21\n", read_file(path).decode())
        for words in (("-A", "INPUT", "-j", "DNAT", "--to-destination", "10.0.0.1"),
                      ("-t", "nat", "-A", "POSTROUTING", "-j", "TTL", "--ttl-set", "9")):
            with self.subTest(words=words):
                self.assertTrue(sallywall("iptables", "--rules", path, *words, status=2).stderr.strip())

    def test_usage(self):
        for words in ([], ["nonsense"], ["check"], ["check", "/nowhere"], ["save"], ["save", "-", "-t", "nta"],
                      ["explain", "/nowhere"], ["explain", "-", "--ftp", "pasive"], ["explain", "-", "--nonsense"],
                      ["explain", "-", "--kernel", "x"], ["explain", "-", "--pasv-ports", "9:5"],
                      ["explain", "-", "--ftp", "active", "--data-port", "0"], ["explain", "-", "--ftp", "active", "--data-port", "20:x"],
                      ["explain", "-", "--data-port", "20"],  # of a passive session
                      ["explain", "-", "--packet", "tcp 192.0.2.7 > 192.0.2.18:22", "--data-port", "20"],
                      ["explain", "-", "--at", "home"], ["explain", "-", "--tcp", "192.0.2.7 > 192.0.2.18"],
                      ["explain", "-", "--udp", "192.0.2.18:ssh"], ["explain", "-", "--icmp", "192.0.2.7 > 192.0.2.18:22"],
                      ["explain", "-", "--tcp", "192.0.2.18:22", "--udp", "192.0.2.18:53"],
                      ["explain", "-", "--tcp", "192.0.2.18:22", "--tcp", "192.0.2.18:23"],
                      ["explain", "-", "--tcp", "192.0.2.18:22", "--ftp", "passive"], ["explain", "-", "--tcp", "192.0.2.18:22", "--tls"],
                      ["explain", "-", "--tcp", "192.0.2.7 > 192.0.2.18:22", "--client", "192.0.2.8"],
                      ["explain", "-", "--tcp", "127.0.0.1:22", "--at", "gateway"],
                      ["explain", "-", "--client", "1.2.3"], ["explain", "-", "--packet", "nonsense"], ["explain", "-", "--time", "noon"],
                      ["explain", "-", "--pcap", "/nowhere"], ["explain", "-", "--sets", "/nowhere"], ["diff", "-"],
                      ["explain", "-", "--svg", "/nowhere/x"], ["replay"], ["replay", "/nowhere"], ["replay", "/etc/passwd"]):
            with self.subTest(words=words):
                self.assertTrue(sallywall(*words, input=filter_table(), status=2).stderr.strip())
        for words in (["--help"], ["--version"], *([c, "--help"] for c in ("explain", "diff", "replay", "check", "save"))):
            self.assertTrue(sallywall(*words, status=0).stdout.strip())


class Saving(wall.KernelCase):
    """save prints what iptables-save printed, and reading that back gives the same."""

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
            self.skipTest("THIS KERNEL HAS NO NFTABLES that take these rules: " + done.stderr[:200])
        self.assertEqual(sallywall("save", "-", "-c", input=done.stdout, status=0).stdout, done.stdout)

    def test_sets(self):
        need("ipset")
        if real("ipset", "create", "friends", "hash:ip").returncode:
            self.skipTest("THIS KERNEL HAS NO SETS: ipset can't create one")
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


class Mistakes(wall.WallCase):
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
