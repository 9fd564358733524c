# SPDX-License-Identifier: BSD-2-Clause
"""The iptables language on the wall that stands, beside the real iptables in a namespace of its own: the same commands and
files to both, the same packets, and then the same rules, counters, and exit statuses."""
import contextlib
import fcntl
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import threading

import harness
import tools
import wall
from harness import need, read_file, write_file
from test_wall_language import SESSIONS, SESSIONS6
from wall import uncommented

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "oracle"))
import language  # noqa: E402
import language_rules  # noqa: E402

PINS = "/run/sallywall"
REFUSES = "does not carry out"
BUILTIN = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT"}
# What a policy has counted, in a listing, by -S -v, in a file.
POLICY = r"^(Chain %s \(policy \w+|-P %s \w+|:%s \w+).*"
LINKS = [family + tool for family in ("iptables", "ip6tables") for tool in ("", "-restore", "-save")]

# 7 pings, 5 datagrams that somebody takes, 3 connections that nobody takes, all of this host with itself; over both families.
TRAFFIC = """
import socket, subprocess
for address, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
    subprocess.run(["ping", "-q", "-c", "7", "-i", "0.01", "-W", "5", address], check=True, stdout=subprocess.DEVNULL)
    takes, sends = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    takes.bind((address, 5300))
    for i in range(5):
        sends.sendto(b"x" * 10 * i, (address, 5300))
    for i in range(3):
        with socket.socket(family) as s:
            assert s.connect_ex((address, 5301))
"""


def masked(text, counted):
    """Its lines, without what the policies of other chains have counted, and without comments."""
    for chain in BUILTIN - set(counted):
        text = re.sub(POLICY % ((chain,) * 3), r"\1", text, flags=re.M)
    return uncommented(text)


class Net:
    """A network namespace."""
    limit = 400  # seconds for a program

    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo && exec sleep 3600"],
                                       stdout=subprocess.PIPE)
        self.keeper.stdout.readline()

    def close(self):
        self.keeper.kill()
        self.keeper.wait()
        self.keeper.stdout.close()

    def run(self, *words, **kw):
        return subprocess.run(["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", *map(str, words)], capture_output=True,
                              text=True, timeout=self.limit, **kw)


class LiveCase(wall.KernelCase):
    """ours: with the wall up; theirs: where iptables-legacy is alone."""
    limit = 300

    def setUp(self):
        need("nsenter", "ping")
        self.ours, self.theirs = Net(), Net()
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)
        self.sallywall("up", status=0)
        self.addCleanup(self.sallywall, "down")

    def sallywall(self, *words, status=None, **kw):
        done = self.ours.run(harness.SALLYWALL, *words, **kw)
        if done.returncode < 0 or "Sanitizer" in done.stderr or (status is not None and done.returncode != status):
            raise AssertionError(f"{words} ended with {done.returncode}, not {status}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def both(self, command, input=None, family="iptables"):
        """command: of iptables, or with -restore or -save before it."""
        tool, words = "", shlex.split(command)
        if words and words[0] in ("-restore", "-save"):
            tool = words.pop(0)
        return (self.theirs.run(f"{family}-legacy{tool}", *words, input=input),
                self.sallywall(family + tool, *words, input=input))

    def assert_same(self, command, family="iptables", counted=BUILTIN):
        """counted: the built-in chains whose policies must have counted the same. iptables-legacy loses what all policies
        of a table have counted whenever something in it is changed; ours goes on."""
        theirs, ours = self.both(command, family=family)
        told = masked(language.renamed(theirs.stdout) if " -L" in " " + command else theirs.stdout, counted)
        self.assertEqual((ours.returncode, masked(ours.stdout, counted)), (theirs.returncode, told), ours.stderr)

    def assert_same_rules(self, family="iptables", counted=()):
        for command in ("-S", "-t raw -S", "-L -v -n -x", "-t raw -L -v -n -x", "-S -v"):
            with self.subTest(command=command):
                self.assert_same(command, family, counted)

    def pass_packets(self):
        for net in (self.ours, self.theirs):
            done = net.run(sys.executable, "-c", TRAFFIC)
            self.assertEqual(done.returncode, 0, done.stderr)


class Commands(LiveCase):
    def play(self, session, family="iptables"):
        """How many commands both refused, and how many of the rules the wall does not carry out."""
        refused = left_out = 0
        for command in filter(None, map(str.strip, session.splitlines())):
            with self.subTest(command=command):
                theirs, ours = self.both(command, family=family)
                if REFUSES in ours.stderr and theirs.returncode == 0:
                    self.assertEqual(ours.returncode, 1)
                    left_out += 1
                    undone = self.theirs.run(family + "-legacy", *shlex.split(command.replace("-A ", "-D ")))
                    self.assertEqual(undone.returncode, 0, undone.stderr)
                    continue
                missing = re.search(r"Couldn't load|No chain/target/match|missing kernel module", theirs.stderr)
                if missing and ours.returncode == 0 and theirs.returncode:  # what this kernel was built without
                    self.sallywall(family, *shlex.split(command.replace("-A ", "-D ")), status=0)
                    continue
                statuses = {theirs.returncode} | ({1, 2} if "Invalid argument" in theirs.stderr else set())
                self.assertIn(ours.returncode, statuses, theirs.stderr + ours.stderr)
                refused += theirs.returncode != 0
                self.assertEqual(bool(ours.stderr.strip()), bool(theirs.returncode), ours.stderr)
        self.assert_same_rules(family)
        return refused, left_out

    def test_the_guide(self):
        self.assertEqual(self.play(SESSIONS["the guide's"]), (0, 0))

    def test_every_command(self):
        refused, left_out = self.play(SESSIONS["every command"])
        self.assertGreater(refused, 10)
        self.assertEqual(left_out, 0)

    def test_every_command_of_ip6tables(self):
        self.assertEqual(self.play(SESSIONS6["every command"], "ip6tables")[1], 0)

    def test_several_addresses(self):
        self.assertEqual(self.play(SESSIONS["several addresses"]), (0, 0))

    def delete_behind(self, net, program, stood):
        """Rules of INPUT behind so many; one command may have made several."""
        while net.run(*program, "-D", "INPUT", stood + 1).returncode == 0:
            pass

    def test_random_rules(self):
        """The generator of the language's oracle. What the wall refuses, it refuses whole."""
        rng, taken, stood = random.Random(11), 0, 0
        for _ in range(60):
            words = language_rules.rule(rng, 4, "filter", "INPUT", ["INPUT"])
            if any(re.search(e, " ".join(words)) for e, _ in language_rules.DELIBERATE) or "--match-set" in words:
                continue
            theirs, ours = self.both(shlex.join(["-A", "INPUT", *words]))
            with self.subTest(rule=" ".join(words)):
                if theirs.returncode == 0 and ours.returncode:
                    self.assertIn(REFUSES, ours.stderr)
                    self.assertEqual(ours.returncode, 1)
                    self.delete_behind(self.theirs, ["iptables-legacy"], stood)
                elif theirs.returncode and ours.returncode == 0:
                    self.assertRegex(theirs.stderr, r"Couldn't load|No chain/target/match|missing kernel module|RULE_APPEND failed")
                    self.delete_behind(self.ours, [harness.SALLYWALL, "iptables"], stood)
                if theirs.returncode == ours.returncode == 0:
                    taken += 1
                    stood = len(self.theirs.run("iptables-legacy", "-S", "INPUT").stdout.splitlines()) - 1
        self.assertGreater(taken, 20)
        self.assert_same("-S")
        self.assert_same("-L -v -n -x", counted=())

    def test_what_is_no_rule(self):
        for family in ("iptables", "ip6tables"):
            self.assertRegex(self.sallywall(family, "-V", status=0).stdout, rf"\A{family} v1\.8\.\d+ \(sallywall [\d.]+\)\n\Z")
            self.assertIn("usage", self.sallywall(family, "--help", status=0).stdout)
        for table in ("nat", "mangle", "security"):
            for words in (["iptables", "-t", table, "-A", "OUTPUT", "-j", "ACCEPT"], ["ip6tables", "-w", "-t", table, "-L", "-Z"],
                          ["iptables", "-t", table, "-F"]):
                done = self.sallywall(*words, status=3)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, f"table {table} .*kernel's.*iptables-legacy")

    def test_tables_of_the_kernel_are_shown_as_they_are(self):
        """As the kernel's own program shows them, also where the usual names are this program's: as ufw show raw asks for them."""
        links = os.path.join(self.dir, "alternatives")
        shutil.copytree("/etc/alternatives", links, symlinks=True)
        for link in ("iptables", "iptables-save", "ip6tables", "ip6tables-save"):
            os.unlink(os.path.join(links, link))
            os.symlink(harness.SALLYWALL, os.path.join(links, link))
        hide = ["unshare", "--mount", "sh", "-c", f'mount --bind {links} /etc/alternatives && exec "$@"', "-"]
        self.ours.run("iptables-nft", "-t", "nat", "-A", "POSTROUTING", "-s", "10.0.0.0/8", "-j", "MASQUERADE")
        self.ours.run("ip6tables-nft", "-t", "mangle", "-A", "OUTPUT", "-p", "udp", "-j", "MARK", "--set-mark", "1")
        for family in ("iptables", "ip6tables"):
            for table in ("nat", "mangle", "security"):
                for words in (["-L", "-n", "-v", "-x", "-t", table], ["-t", table, "-S"]):
                    kernels = self.ours.run(f"{family}-nft", *words)
                    for ours in (self.sallywall(family, *words), self.ours.run(*hide, "/usr/sbin/" + family, *words)):
                        self.assertEqual((ours.returncode, ours.stdout), (0, kernels.stdout), ours.stderr)
                        self.assertIn(f"table {table} is the kernel's", ours.stderr)
        self.assertIn("MASQUERADE", self.sallywall("iptables", "-t", "nat", "-S", status=0).stdout)
        self.assertIn("MASQUERADE", self.sallywall("iptables-save", "-t", "nat", status=0).stdout)
        self.assertIn("MARK", self.sallywall("iptables-save", "-6", "-c", "-t", "mangle", status=0).stdout)
        self.sallywall("iptables", "-t", "nat", "-L", "NOSUCH", status=1)

    def test_no_wall(self):
        self.sallywall("down", status=0)
        for words in (["iptables", "-L"], ["ip6tables", "-A", "INPUT", "-j", "DROP"], ["iptables-save"], ["iptables-restore"],
                      ["iptables-restore", "--test"]):
            done = self.sallywall(*words, status=3, input="*filter\nCOMMIT\n")
            self.assertRegex(done.stderr, "no wall is up.*sallywall up")
            self.assertEqual(done.stdout, "")

    def test_links(self):
        """By any of the six names, through a link, it is that program."""
        for name in LINKS:
            os.symlink(harness.SALLYWALL, os.path.join(self.dir, name))
        env = dict(os.environ, PATH=self.dir + ":" + os.environ["PATH"])
        script = ("iptables -A INPUT -s 192.0.2.1 -j DROP && ip6tables -A INPUT -s 2001:db8::1 -j DROP && "
                  "iptables-save >a && ip6tables-save >b && iptables -F && ip6tables -F && iptables-restore <a && "
                  "ip6tables-restore b && iptables -S INPUT && ip6tables -S INPUT")
        done = self.ours.run("sh", "-c", script, env=env, cwd=self.dir)
        self.assertEqual(done.stdout.splitlines(), ["-P INPUT ACCEPT", "-A INPUT -s 192.0.2.1/32 -j DROP", "-P INPUT ACCEPT",
                                                    "-A INPUT -s 2001:db8::1/128 -j DROP"], done.stderr)


class Counters(LiveCase):
    RULES = """
        -N pings
        -A INPUT -p icmp -j pings
        -A pings -p icmp --icmp-type echo-request -j ACCEPT
        -A pings -j RETURN
        -A INPUT -p udp --dport 5300 -m comment --comment "some words" -j ACCEPT
        -A INPUT -p tcp -j ACCEPT
        -A OUTPUT -o lo -p udp -j RETURN
        -A OUTPUT -c 7 8000 -m conntrack --ctstate NEW
        -t raw -A PREROUTING -p icmp
        -P FORWARD DROP"""

    def play(self, commands, family="iptables"):
        for command in filter(None, map(str.strip, commands.splitlines())):
            for done in self.both(command, family=family):
                self.assertEqual(done.returncode, 0, command + done.stderr)

    def test_the_same_packets_count_the_same(self):
        self.play(self.RULES)
        self.play("-Z\n-t raw -Z")
        self.pass_packets()
        self.assert_same_rules(counted=BUILTIN)
        self.assert_same("-save -c -t filter")
        self.assert_same("-save -c -t raw")
        self.play("-A INPUT -j ACCEPT\n-D OUTPUT 1\n-R pings 2 -j ACCEPT\n-E pings echoes\n-P OUTPUT ACCEPT")
        self.pass_packets()
        self.assert_same_rules()
        self.play("-Z\n-t raw -Z")
        for zeroes in ("-Z INPUT 2", "-Z echoes", "-L INPUT -Z -v", "-S -v -Z OUTPUT", "-Z"):
            self.assert_same(zeroes, counted=())
            self.pass_packets()
            self.assert_same_rules()

    def test_the_same_for_ipv6(self):
        self.play("""-A INPUT -p icmpv6 -j ACCEPT
                     -A INPUT -p udp --dport 5300 -j ACCEPT
                     -I OUTPUT -p tcp --syn""", "ip6tables")
        self.play("-Z", "ip6tables")
        self.pass_packets()
        self.assert_same("-L -v -n -x", "ip6tables")

    def test_files_with_counters(self):
        self.play(self.RULES)
        self.pass_packets()
        for net, name in ((self.ours, "ours"), (self.theirs, "theirs")):
            tool = [harness.SALLYWALL, "iptables-save"] if net is self.ours else ["iptables-legacy-save"]
            write_file(os.path.join(self.dir, name), net.run(*tool, "-c").stdout.encode())
        for name in ("ours", "theirs"):
            path = os.path.join(self.dir, name)
            for options in ("-c", "", "--counters --noflush"):
                for done in self.both(f"-restore {options} {path}"):
                    self.assertEqual(done.returncode, 0, done.stderr)
                self.assert_same_rules()

    def test_other_tables_than_those_of_the_file_keep_theirs(self):
        self.play("-t raw -A PREROUTING -p icmp\n-t raw -A PREROUTING -p udp\n-A INPUT -p icmp -j ACCEPT\n-A INPUT -p udp -j ACCEPT")
        self.pass_packets()
        for table, other, chain in (("filter", "raw", "PREROUTING"), ("raw", "filter", "INPUT")):
            counted = self.sallywall("iptables", "-t", other, "-S", chain, "-v").stdout
            self.assertNotIn("-c 0 0", "\n".join(counted.splitlines()[1:]))
            self.sallywall("iptables-restore", status=0, input=f"*{table}\n-A OUTPUT -p tcp\nCOMMIT\n")
            self.assertEqual(self.sallywall("iptables", "-t", other, "-S", chain, "-v").stdout, counted)

    def test_nothing_that_is_counted_is_lost(self):
        """While packets pass, counters are read and zeroed, and other rules come and go."""
        self.play("-N c\n-A INPUT -p udp --dport 5300 -j c\n-A c -j ACCEPT")
        send = ("import socket, sys\n"
                "t, s = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)\n"
                "t.bind(('127.0.0.1', 5300)); s.connect(('127.0.0.1', 5300)); s.settimeout(0)\n"
                "sys.stdin.close(); n = 0\n"
                "import signal, time; stop = []; signal.signal(signal.SIGTERM, lambda *a: stop.append(1))\n"
                "print('begun', flush=True)\n"
                "while not stop:\n    s.send(b'x'); n += 1\n"
                "print(n)\n")
        sender = subprocess.Popen(["nsenter", f"--net=/proc/{self.ours.keeper.pid}/ns/net", sys.executable, "-c", send],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(sender.stdout.close)
        self.addCleanup(sender.kill)
        sender.stdout.readline()
        counted, zeroed, done = [0, 0], 0, threading.Event()

        def count(listing):
            counted[0] += int(re.search(r"^ *(\d+) +\d+ c  ", listing, re.M)[1])
            counted[1] += int(re.search(r"^Chain c .*\n.*\n *(\d+) ", listing, re.M)[1])

        def change():
            for i in range(1000):
                if done.is_set():
                    return
                self.sallywall("iptables", "-w", "-A", "FORWARD", "-s", f"10.0.0.{i % 250}", "-j", "DROP", status=0)
                if i % 2:
                    self.sallywall("iptables", "-w", "-D", "FORWARD", "1", status=0)
                if i % 5 == 4:
                    self.sallywall("iptables-restore", "-n", "-w", input="*raw\n-A OUTPUT -p icmp\nCOMMIT\n", status=0)

        changer = threading.Thread(target=change)
        changer.start()
        with contextlib.ExitStack() as stack:
            stack.callback(changer.join)
            stack.callback(done.set)
            for zeroed in range(12):
                count(self.sallywall("iptables", "-w", "-L", "-Z", "-v", "-n", "-x", status=0).stdout)
        sender.terminate()
        sent = int(sender.stdout.readline())
        sender.wait()
        count(self.sallywall("iptables", "-L", "-v", "-n", "-x", status=0).stdout)
        self.assertEqual(counted, [sent, sent])
        self.assertGreater(sent, 1000)


BASE = """*filter
:INPUT ACCEPT [5:500]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [7:700]
:one - [0:0]
:two - [0:0]
[1:100] -A INPUT -j one
[2:200] -A one -s 192.0.2.1/32 -j DROP
[3:300] -A two -j RETURN
COMMIT
*raw
:PREROUTING ACCEPT [9:900]
:OUTPUT ACCEPT [9:900]
[4:400] -A PREROUTING -p udp -m udp --dport 1 -j DROP
COMMIT
"""

# Options, and a file. Both must end alike and have the same rules and counters behind it.
FILES = [
    ("", "*filter\n-A INPUT -j DROP\nCOMMIT\n"),
    ("", "*filter\n:INPUT DROP [1:1]\n:new - [0:0]\n-A new -j ACCEPT\n-A INPUT -j new\nCOMMIT\n"),
    ("", "*filter\n:INPUT - [1:1]\n:OUTPUT ACCEPT\nCOMMIT\n"),
    ("-c", "*filter\n:INPUT ACCEPT [11:12]\n[13:14] -A INPUT -j DROP\n-A INPUT -c 15 16 -j ACCEPT\n-A INPUT -j ACCEPT\nCOMMIT\n"),
    ("", "*filter\n:INPUT ACCEPT [11:12]\n[13:14] -A INPUT -j DROP\n-A INPUT -c 15 16 -j ACCEPT\nCOMMIT\n"),
    ("-n", "*filter\n-A INPUT -j two\nCOMMIT\n"),
    ("--noflush", "*filter\n:two - [0:0]\n:three - [0:0]\n-A two -j one\n-A three -j two\n-I INPUT 1 -j three\nCOMMIT\n"),
    ("-n -c", "*filter\n:INPUT DROP [1:2]\n[3:4] -A INPUT -j two\nCOMMIT\n"),
    ("-n", "*filter\n-D INPUT -j one\n-F one\n-X one\n-E two three\n-P FORWARD ACCEPT\n-Z OUTPUT\nCOMMIT\n"),
    ("-n", "*filter\n-D INPUT 1\n-R one 1 -j ACCEPT\n-N four\n-C one -j ACCEPT\nCOMMIT\n"),
    ("-T raw", "*filter\n-F\nCOMMIT\n*raw\n-A OUTPUT -j ACCEPT\nCOMMIT\n"),
    ("--table filter", BASE),
    ("-t", "*filter\n-A INPUT -j DROP\nCOMMIT\n"),
    ("--test", "*filter\n-A INPUT -j NOWHERE\nCOMMIT\n"),
    ("-v", "# words\n*filter\n# more\n-A INPUT -j DROP\nCOMMIT\n"),
    ("-w 3", "*filter\n:INPUT DROP\nCOMMIT\n"),
    ("-nw", "\n# a comment\n\n*filter\n\n-A INPUT -j DROP\n# another\nCOMMIT\n\n"),
    ("-M modprobe", "*raw\nCOMMIT\n"),
    ("", "*filter\n-A INPUT -s 192.0.2.0/24,198.51.100.0/24 -m comment --comment \"a \\\"b\\\" c\" -j DROP\nCOMMIT\n"),
    ("", "*filter\n-4 -A INPUT -s 192.0.2.1 -j DROP\n-6 -A INPUT -s 2001:db8::1 -j DROP\nCOMMIT\n"),
    ("", ""),
    ("", "# only a comment\n"),
    # what is wrong
    ("", "*filter\n-A INPUT -j DROP\n"),
    ("", "-A INPUT -j DROP\n"),
    ("", "*filter\n-A INPUT -j NOWHERE\nCOMMIT\n"),
    ("-n", "*filter\n-A NOWHERE -j DROP\nCOMMIT\n"),
    ("-n", "*filter\n-D INPUT -j LOG\nCOMMIT\n"),
    ("-n", "*filter\n-X one\nCOMMIT\n"),
    ("", "*filter\n-A INPUT -p tcp --dprot 5\nCOMMIT\n"),
    ("", "*nonsense\nCOMMIT\n"),
    ("", "*filter\n:INPUT MAYBE [0:0]\nCOMMIT\n"),
    ("", "*filter\n:one DROP [0:0]\nCOMMIT\n"),
    ("", "*filter\n:a - [0:0]\n-A a -j a\n-A INPUT -j a\nCOMMIT\n"),
    ("-c", "*filter\n:INPUT ACCEPT [x:1]\nCOMMIT\n"),
    ("--nonsense", ""),
]


class Files(LiveCase):
    def test_as_iptables_restore(self):
        for number, (options, text) in enumerate(FILES):
            with self.subTest(number=number, options=options, text=text):
                for done in self.both("-restore -c", BASE):
                    self.assertEqual(done.returncode, 0, done.stderr)
                theirs, ours = self.both("-restore " + options, text)
                self.assertEqual(ours.returncode, theirs.returncode, theirs.stderr + ours.stderr)
                self.assertEqual(bool(ours.stderr), bool(theirs.stderr))
                changed = theirs.returncode == 0 and re.search(r"^\*", text, re.M) and not re.search(r"-t\b|--test", options)
                declared = set(re.findall(r"^:(\w+) [AD]", text, re.M)) if changed else BUILTIN
                for table in ("filter", "raw"):
                    self.assert_same(f"-save -c -t {table}", counted=declared)

    def test_a_mistake_is_named_by_its_line(self):
        done = self.sallywall("iptables-restore", input="*filter\n:INPUT ACCEPT [0:0]\n\n-A INPUT -p tcp --dprot 21\nCOMMIT\n")
        self.assertRegex(done.stderr, r"iptables-restore: line 4 failed, and nothing of the file is loaded\n"
                                      r"standard input:4:17: .*--dport")

    def test_a_rule_that_the_wall_does_not_carry_out(self):
        """Nothing is loaded as something else."""
        before = self.sallywall("iptables", "-S").stdout
        rule = "-A INPUT -m physdev --physdev-in eth1 -j ACCEPT"
        done = self.sallywall("iptables", *rule.split(), status=1)
        self.assertRegex(done.stderr, REFUSES + f'.*{rule}')
        done = self.sallywall("iptables-restore", input=f"*filter\n-A INPUT -j DROP\n{rule}\nCOMMIT\n", status=1)
        self.assertRegex(done.stderr, REFUSES + f'.*{rule}(?s:.*)line 3 failed')
        done = self.sallywall("iptables-restore", "-n", "-t", input=f"*filter\n-A INPUT -j DROP\n{rule}\nCOMMIT\n", status=1)
        self.assertRegex(done.stderr, f'{rule}(?s:.*)line 3 failed')
        self.assertEqual(self.sallywall("iptables", "-S").stdout, before)

    def test_the_whole_file_or_nothing(self):
        """iptables-restore commits table by table: its raw is in when filter fails."""
        self.both("-restore -c", BASE)
        before = uncommented(self.sallywall("iptables-save", "-c").stdout)
        text = "*raw\n-A OUTPUT -j ACCEPT\nCOMMIT\n*filter\n-A INPUT -j NOWHERE\nCOMMIT\n"
        self.assertEqual(self.sallywall("iptables-restore", input=text).returncode, 2)
        self.assertEqual(uncommented(self.sallywall("iptables-save", "-c").stdout), before)
        for where in ("-n", "-t", "-T filter"):
            self.assertNotEqual(self.sallywall("iptables-restore", *where.split(), input=text).returncode, 0)
            self.assertEqual(uncommented(self.sallywall("iptables-save", "-c").stdout), before)

    def test_tables_of_the_kernel(self):
        """Empty ones, as iptables-save prints them of each machine, are no matter; full ones are."""
        head = "*nat\n:PREROUTING ACCEPT [1:2]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n%sCOMMIT\n"
        end = "*filter\n-A INPUT -s 192.0.2.1 -j DROP\nCOMMIT\n"
        self.sallywall("iptables-restore", input=head % "" + end, status=0)
        self.assertIn("-A INPUT -s 192.0.2.1/32 -j DROP", self.sallywall("iptables", "-S").stdout)
        done = self.sallywall("iptables-restore", input=head % "-A POSTROUTING -j MASQUERADE\n" + "*filter\nCOMMIT\n", status=2)
        self.assertRegex(done.stderr, "line 6 failed.*\n.*table nat .*kernel's")
        self.assertIn("-A INPUT -s 192.0.2.1/32 -j DROP", self.sallywall("iptables", "-S").stdout)
        self.sallywall("iptables-restore", "-T", "filter", input=head % "-A POSTROUTING -j MASQUERADE\n" + "*filter\nCOMMIT\n", status=0)
        self.assertEqual(self.sallywall("iptables", "-S", "INPUT").stdout, "-P INPUT ACCEPT\n")

    def test_what_is_saved_is_what_is_read(self):
        for family in ("iptables", "ip6tables"):
            with self.subTest(family=family):
                self.sallywall(family, "-A", "INPUT", "-p", "tcp", "--dport", "21", "-m", "comment", "--comment", 'a "b" \\c', "-j", "ACCEPT")
                self.sallywall(family, "-t", "raw", "-A", "OUTPUT", "-p", "udp", "-j", "NOTRACK")
                self.pass_packets()
                saved = self.sallywall(family + "-save", "-c", status=0).stdout
                self.assertRegex(saved, rf"\A# Generated by sallywall {family}-save v[\d.]+ on \w")
                self.assertRegex(saved, r"\n# Completed on \w.*\n\Z")
                path = os.path.join(self.dir, family)
                self.sallywall(family + "-save", "-c", "-f", path, status=0)
                self.assertEqual(uncommented(read_file(path).decode()), uncommented(saved))
                self.sallywall(family, "-F", status=0)
                self.sallywall(family + "-restore", "-c", path, status=0)
                self.assertEqual(uncommented(self.sallywall(family + "-save", "-c").stdout), uncommented(saved))
                self.assertEqual(self.theirs.run(family + "-legacy-restore", "-c", input=saved).returncode, 0)
                self.assertEqual(uncommented(self.theirs.run(family + "-legacy-save", "-c", "-t", "filter").stdout),
                                 uncommented(self.sallywall(family + "-save", "-c", "-t", "filter").stdout))

    def test_comments_of_the_file_of_up_are_not_piled_up(self):
        self.sallywall("down", status=0)
        path = self.file("# Generated by iptables-save v1.8.9\n*filter\n" + wall.HEAD + "# mine\n-A INPUT -j ACCEPT\nCOMMIT\n# Completed\n")
        self.sallywall("up", "--rules", path, status=0)
        saved = self.sallywall("iptables-save", status=0).stdout
        self.assertEqual(len(re.findall("^#", saved, re.M)), 2)


class Together(LiveCase):
    """Two at once."""

    def test_nothing_is_lost(self):
        self.sallywall("iptables-restore", input="*filter\n%sCOMMIT\n" % "".join(f"-A INPUT -s 10.3.0.{i} -j DROP\n" for i in range(50)),
                       status=0)
        statuses = []

        def change(command, net, *options):
            for i in range(50):
                statuses.append(self.sallywall("iptables", *options, command, "INPUT", "-s", f"10.{net}.0.{i}", "-j", "DROP").returncode)

        writers = [threading.Thread(target=change, args=a) for a in (("-A", 1, "-w"), ("-A", 2, "-w"), ("-D", 3, "-w"))]
        for w in writers:
            w.start()
        for w in writers:
            w.join()
        self.assertEqual(statuses, [0] * 150)
        left = re.findall(r"-s 10\.(\d)\.0\.(\d+)/32", self.sallywall("iptables", "-S").stdout)
        for net in ("1", "2"):  # each in its own order, none lost
            self.assertEqual([int(i) for n, i in left if n == net], list(range(50)))
        self.assertEqual(len(left), 100)

    def lock(self, net):
        """The lock of the wall in there, by another process: a descriptor."""
        cookie = net.run(sys.executable, "-c", "import socket; print(socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8).hex())").stdout
        fd = os.open(os.path.join(PINS, "%016x" % int.from_bytes(bytes.fromhex(cookie), sys.byteorder)), os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def begin(self, *words, net=None):
        process = subprocess.Popen(["nsenter", f"--net=/proc/{(net or self.ours).keeper.pid}/ns/net", harness.SALLYWALL, *words],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        return process

    def test_who_waits_and_how_long(self):
        """As with iptables, whose words are these: without -w nobody."""
        fd, held = self.lock(self.ours), f"Another app is currently holding the xtables lock: process {os.getpid()} .*"
        for words, said in ((["iptables", "-L"], "-w"), (["iptables", "-w0", "-L"], "-w"), (["ip6tables-restore"], "-w"),
                            (["iptables", "-w", "1", "-A", "INPUT", "-j", "DROP"], "after 1s"),
                            (["iptables", "--wait=1", "-S"], "after 1s"), (["iptables-restore", "-w", "1"], "after 1s")):
            done = self.sallywall(*words, status=4, input="*filter\nCOMMIT\n")
            self.assertRegex(done.stderr, held + said)
        waiting = [self.begin(*words) for words in (("iptables", "-w", "-N", "waited"), ("iptables-save",), ("sets",), ("down",))]
        for process in waiting:
            self.assertIn(f"waiting for process {os.getpid()}, ", process.stderr.readline())
            self.assertIsNone(process.poll())
        self.sallywall("status", status=0)
        fcntl.flock(fd, fcntl.LOCK_UN)
        self.assertEqual(waiting[-1].wait(60), 0)
        for process in waiting[:-1]:  # before it is gone, or after
            self.assertIn(process.wait(60), (0, 2, 3))
        self.sallywall("status", status=1)

    def test_walls_of_other_namespaces_are_not_waited_for(self):
        other = Net()
        self.addCleanup(other.close)
        self.lock(self.ours)
        for words in (("up",), ("iptables", "-A", "INPUT", "-j", "DROP"), ("iptables-save",), ("down",)):
            done = other.run(harness.SALLYWALL, *words)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_who_goes_up_at_once(self):
        """In one namespace, one wall; in others each its own, on a machine that has had none."""
        other = Net()
        self.addCleanup(other.close)
        self.sallywall("down", status=0)
        subprocess.run(["umount", PINS], check=True)
        ups, beside = [self.begin("up") for _ in range(4)], self.begin("up", net=other)
        self.assertEqual(sorted(process.wait(60) for process in ups), [0, 2, 2, 2])
        self.assertEqual(beside.wait(60), 0)
        for net in (self.ours, other):
            self.assertEqual(net.run(harness.SALLYWALL, "iptables", "-S").returncode, 0)
        self.assertEqual(other.run(harness.SALLYWALL, "down").returncode, 0)


class Fail2ban(LiveCase):
    """The program itself, with its own actions, which looks for iptables by PATH."""
    ACTIONS = {"iptables-multiport": '[port="21,990"]', "iptables-allports": "", "iptables": '[port=21]', "iptables-new": "[port=21]",
               "iptables-ipset": '[port=21, ipsettype="hash:ip"]'}

    def setUp(self):
        super().setUp()
        self.net = None
        self.conf = os.path.join(self.dir, self.id().rsplit(".", 1)[1])
        shutil.copytree(tools.path("/etc/fail2ban"), self.conf)
        shutil.rmtree(os.path.join(self.conf, "jail.d"))
        self.socket, self.pid = os.path.join(self.conf, "socket"), os.path.join(self.conf, "pid")
        jails = "[DEFAULT]\nbackend = polling\nenabled = true\nfilter = vsftpd\nbantime = 1h\n"
        for name, options in self.ACTIONS.items():
            write_file(os.path.join(self.conf, name + ".log"), b"")
            jails += f"[{name}]\nlogpath = {self.conf}/{name}.log\nbanaction = {name}\naction = {name}{options[:-1] + ', ' if options else '['}name={name}]\n"
        write_file(os.path.join(self.conf, "jail.conf"), jails.encode())
        write_file(os.path.join(self.conf, "fail2ban.local"),
                   f"[Definition]\ndbfile = None\nlogtarget = {self.conf}/log\n".encode())

    def client(self, net, path, *words):
        env = dict(tools.environment(), HOME=self.dir)
        env["PATH"] = path + ":" + env["PATH"]
        return net.run(*tools.command("fail2ban-client"), "-c", self.conf, "-s", self.socket, "-p", self.pid, *words, env=env)

    def rules(self, net, real):
        program = "iptables-legacy" if real else harness.SALLYWALL
        text = net.run(*([program] if real else [program, "iptables"]), "-S").stdout
        return sorted(text.splitlines())  # jails run beside each other, in any order

    def play(self, net, path, real):
        """The rules when it runs, when somebody is banned, and in the end."""
        found = []
        started = self.client(net, path, "start")
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        try:
            for address in ("192.0.2.5", "192.0.2.6"):
                for jail in self.ACTIONS:
                    self.client(net, path, "set", jail, "banip", address)
                harness.wait_until(lambda: str(self.rules(net, real)).count(address) >= 4)
                found.append(self.rules(net, real))
            for jail in self.ACTIONS:
                self.client(net, path, "set", jail, "unbanip", "192.0.2.5")
            harness.wait_until(lambda: "192.0.2.5" not in str(self.rules(net, real)))
            found.append(self.rules(net, real))
        finally:
            self.client(net, path, "stop")
        harness.wait_until(lambda: not os.path.exists(self.pid))
        return found + [self.rules(net, real)]

    def test_it_bans(self):
        need("ipset")
        links, programs = os.path.join(self.dir, "links"), os.path.join(self.dir, "programs")
        for folder, target in ((links, harness.SALLYWALL), (programs, shutil.which("iptables-legacy"))):
            os.mkdir(folder)
            for name in LINKS:
                os.symlink(target, os.path.join(folder, name))
        ours, theirs = self.play(self.ours, links, False), self.play(self.theirs, programs, True)
        for mine, real in zip(ours, theirs, strict=True):
            self.assertEqual(mine, real)
        self.assertEqual([str(rules).count("192.0.2.") for rules in ours], [4, 8, 4, 0])
        log = read_file(os.path.join(self.conf, "log")).decode()
        self.assertEqual(re.findall("^.* ERROR .*", log, re.M), [])


class Ufw(LiveCase):
    """The program itself, which runs /usr/sbin/iptables: pointed to the wall as Debian's alternatives do it."""
    limit = 900
    # While it is off, rules go into its files only; to be on or off takes more than a hundred commands of iptables.
    STEPS = [("allow", "21/tcp"), ("deny", "from", "192.0.2.0/24"), ("reject", "out", "25/tcp"),
             ("route", "allow", "in", "on", "eth0", "out", "on", "eth1"), ("--force", "enable"), ("limit", "22/tcp")]

    def make(self, name, target):
        """A copy of ufw with its files, and /etc/alternatives with six other links."""
        root, links = os.path.join(self.dir, "ufw-" + name), os.path.join(self.dir, "links-" + name)
        for folder in ("/lib/ufw", "/usr/share/ufw", "/etc/ufw"):
            shutil.copytree(tools.path(folder), root + folder, symlinks=True)
        shutil.copytree(tools.path("/usr/share/ufw/iptables"), root + "/etc/ufw", dirs_exist_ok=True)
        shutil.copy(tools.path("/usr/share/ufw/ufw.conf"), root + "/etc/ufw/ufw.conf")
        os.mkdir(root + "/etc/default")
        shutil.copy(tools.path("/etc/default/ufw"), root + "/etc/default/ufw")
        shutil.copytree("/etc/alternatives", links, symlinks=True)
        for link in LINKS:
            os.unlink(os.path.join(links, link))
            os.symlink(target, os.path.join(links, link))
        return root, links

    def ufw(self, net, made, *words):
        root, links = made
        return net.run("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/alternatives && exec "$@"', links,
                       *tools.command("ufw"), f"--rootdir={root}", f"--datadir={root}", *words, env=tools.environment())

    def test_it_is_the_same(self):
        for link in LINKS:  # of Debian's own package
            self.assertEqual(os.readlink("/usr/sbin/" + link), "/etc/alternatives/" + link)
        ours = self.make("ours", harness.SALLYWALL)
        theirs = self.make("theirs", os.path.realpath(shutil.which("iptables-legacy")))
        for step in self.STEPS:
            with self.subTest(step=" ".join(step)):
                done, expected = self.ufw(self.ours, ours, *step), self.ufw(self.theirs, theirs, *step)
                self.assertEqual((done.returncode, done.stdout), (expected.returncode, expected.stdout), done.stderr)
                self.assertEqual(expected.returncode, 0, expected.stderr)
                for family in ("iptables", "ip6tables"):
                    self.assert_same("-S", family)
