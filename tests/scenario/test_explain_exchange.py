# SPDX-License-Identifier: BSD-2-Clause
"""What `sallywall explain --tcp, --udp, --icmp` says, and whether real exchanges through real iptables rules agree: each
question is asked and tried, and each fix that is offered is carried out and tried.

This namespace is the firewall, between two machines at its cables "wan" and "lan"."""
import collections
import concurrent.futures
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import unittest

import harness
from harness import need_netfilter, wait_until

BLOCKED_AFTER = 1.2  # seconds until a client calls an exchange blocked; who is expected to get through waits with patience
OUT, MINE, HERE, IN = "198.51.100.7", "198.51.100.1", "192.0.2.1", "192.0.2.18"
OUT6, MINE6, HERE6, IN6 = "fd00:51::7", "fd00:51::1", "fd00:c0::1", "fd00:c0::18"
PORTS = (22, 25, 53, 80, 8080)
SEED, MADE = int(os.environ.get("EXCHANGE_SEED", "1")), int(os.environ.get("EXCHANGE_RULES", "6"))  # more of them, by hand

# What answers at the ports above, over TCP and UDP; both families. Sizes are those that explain plays.
SERVER = """
import select, socket, sys
ports = [int(p) for p in sys.argv[1:]]
waiting = {}
for port in ports:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            s.listen(64)
        waiting[s] = "listens" if kind == socket.SOCK_STREAM else "udp"
print("ready", flush=True)
while True:
    for s in select.select(list(waiting), [], [])[0]:
        try:
            if waiting[s] == "listens":
                waiting[s.accept()[0]] = "tcp"
            elif waiting[s] == "udp":
                data, peer = s.recvfrom(2000)
                s.sendto((b"answer to " + data).ljust(512), peer)
            else:
                data = s.recv(2000)
                if data:
                    s.sendall((b"answer to " + data).ljust(512))
                else:
                    del waiting[s]
                    s.close()
        except OSError:
            if waiting[s] == "tcp":
                del waiting[s]
                s.close()
"""

# One exchange: prints "works", "refused" or "blocked".
CLIENT = """
import socket, sys
kind, address, port, source, seconds = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if source != "0":
    s.bind(("", int(source)))
s.settimeout(float(seconds))
try:
    s.connect((address, int(port)))
    s.send(b"question".ljust(64))
    print("works" if s.recv(2000).startswith(b"answer to question") else "nonsense")
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("blocked")
except OSError as e:  # not permitted: this machine's own OUTPUT dropped it; unreachable: rejected with another ICMP error
    print("refused" if e.errno in (113, 101) else "blocked")
"""


# One ping, likewise.
PING = """
import os, socket, struct, sys, time
address, seconds = sys.argv[1], float(sys.argv[2])
six = ":" in address
request, reply = (128, 129) if six else (8, 0)
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, 58 if six else 1)
packet = struct.pack("!BBHHH", request, 0, 0, os.getpid() & 0xffff, 1) + b"question".ljust(56)
total = sum(struct.unpack("!%dH" % (len(packet) // 2), packet))
total = (total & 0xffff) + (total >> 16)
packet = packet[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + packet[4:]  # for IPv6 the kernel does it
end = time.monotonic() + seconds
try:
    s.sendto(packet, (address, 0))
    while (left := end - time.monotonic()) > 0:
        s.settimeout(left)
        got = s.recv(2000)
        got = got if six else got[(got[0] & 15) * 4:]
        if got[0] == reply and got[4:] == packet[4:]:
            print("works")
            break
    else:
        print("blocked")
except (TimeoutError, PermissionError):
    print("blocked")
"""


class Machine:
    """A namespace of its own at the other end of a cable of this one."""

    def __init__(self, cable, ends):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        pid = str(self.holder.pid)
        wait_until(lambda: os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        run = subprocess.run
        run(f"ip link add name {cable} type veth peer name eth0 netns {pid}".split(), check=True)
        run(f"ip link set {cable} up".split(), check=True)
        self.run("ip link set lo up".split(), check=True)
        self.run("ip link set eth0 up".split(), check=True)
        for ours, theirs, size in ends:
            run(f"ip address add {ours}/{size} dev {cable}".split() + ["nodad"] * (":" in ours), check=True)
            self.run(f"ip address add {theirs}/{size} dev eth0".split() + ["nodad"] * (":" in ours), check=True)
            self.run(["ip", "-6" if ":" in ours else "-4", "route", "add", "default", "via", ours], check=True)

    def argv(self, argv):
        return ["nsenter", "-t", str(self.holder.pid), "-n", *argv]

    def run(self, argv, **kw):
        return subprocess.run(self.argv(argv), **kw)

    def close(self):
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()


class Here:
    def argv(self, argv):
        return argv


class Question:
    """kind, who asks whom, where the firewall stands, and what explain is to say."""

    def __init__(self, kind, at, port=0, source=0, six=False, expected=None):
        self.kind, self.at, self.port, self.source, self.six, self.expected = kind, at, port, source, six, expected

    def ends(self):
        """self, lo: this machine asks itself, at an address of its cables or at that of loopback."""
        if self.six:
            return {"server": (OUT6, MINE6), "client": (MINE6, OUT6), "gateway": (OUT6, IN6), "self": (MINE6, MINE6), "lo": ("::1", "::1")}[self.at]
        return {"server": (OUT, MINE), "client": (MINE, OUT), "gateway": (OUT, IN), "self": (MINE, MINE), "lo": ("127.0.0.1", "127.0.0.1")}[self.at]

    def words(self):
        client, server = self.ends()
        client, server = (f"[{a}]" if self.six and self.port else a for a in (client, server))
        if self.port:
            server += f":{self.port}"
            client += f":{self.source}" if self.source else ""
        place = {"server": ["--at", "server", "--in", "wan"], "client": ["--at", "client", "--out", "wan"],
                 "gateway": ["--at", "gateway", "--in", "wan", "--out", "lan"]}.get(self.at, [])
        return [f"--{self.kind}", f"{client} > {server}", *place]

    def __str__(self):
        return " ".join(self.words())


def table(name, chains, *rules):
    return "\n".join([f"*{name}", *(f":{c} {p} [0:0]" for c, p in chains.items()), *rules, "COMMIT"]) + "\n"


def filter_table(*rules, **policies):
    return table("filter", {"INPUT": "ACCEPT", "FORWARD": "ACCEPT", "OUTPUT": "ACCEPT", **policies}, *rules)


STATE = "-A %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
RULE_SETS = {
    "a web server": filter_table("-A INPUT -i lo -j ACCEPT", STATE % "INPUT", "-A INPUT -p tcp --dport 80 -j ACCEPT", INPUT="DROP"),
    "an accept behind the drop": filter_table("-A INPUT -p tcp --dport 80 -j ACCEPT", "-A INPUT -j DROP",
                                              "-A INPUT -p tcp --dport 22 -j ACCEPT"),
    "a reject for all": filter_table("-A INPUT -p tcp --dport 22 -j ACCEPT", "-A INPUT -j REJECT --reject-with icmp-port-unreachable"),
    "a reset": filter_table("-A INPUT -p tcp --dport 25 -j REJECT --reject-with tcp-reset", "-A INPUT -p udp --dport 53 -j DROP"),
    "answers that can't leave": filter_table("-A OUTPUT -p tcp --sport 80 -j ACCEPT", OUTPUT="DROP"),
    "both ways by ports": filter_table("-A INPUT -p tcp --dport 22 -j ACCEPT", "-A OUTPUT -p tcp --sport 22 -j ACCEPT",
                                       "-A INPUT -p udp --dport 53 -j ACCEPT", INPUT="DROP", OUTPUT="DROP", FORWARD="DROP"),
    "only others": filter_table("-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT", "-A INPUT -p icmp -m icmp --icmp-type 0 -j ACCEPT",
                                STATE % "OUTPUT", INPUT="DROP", OUTPUT="DROP"),
    "a chain of its own": filter_table(":services - [0:0]", "-A INPUT -p tcp -j services", "-A services -p tcp --dport 80 -j ACCEPT",
                                       "-A services -p tcp --dport 22 -j DROP", "-A services -j RETURN", "-A INPUT -p udp -j REJECT"),
    "new is nowhere": filter_table("-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT", "-A INPUT -m conntrack --ctstate NEW -j DROP"),
    "source ports": filter_table("-A INPUT -p tcp --sport 32768:60999 --dport 22 -j ACCEPT", INPUT="DROP"),
    "a gateway": filter_table(STATE % "FORWARD", "-A FORWARD -i wan -o lan -p tcp --dport 80 -j ACCEPT",
                              "-A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP", FORWARD="DROP"),
    "a gateway that forgets the way back": filter_table("-A FORWARD -i wan -o lan -j ACCEPT", "-A FORWARD -p udp -j ACCEPT", FORWARD="DROP"),
    "no tracking": table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}, "-A PREROUTING -p udp --dport 53 -j NOTRACK",
                         "-A PREROUTING -p tcp --dport 22 -j NOTRACK") +
                   filter_table("-A INPUT -p udp --dport 53 -j ACCEPT", STATE % "INPUT", STATE % "OUTPUT", INPUT="DROP", OUTPUT="DROP"),
    "invalid is dropped": filter_table("-A INPUT -m conntrack --ctstate INVALID -j DROP", STATE % "INPUT",
                                       "-A INPUT -p tcp --dport 22 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT", INPUT="DROP"),
    "raw drops": table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}, "-A PREROUTING -p tcp --dport 22 -j DROP",
                       "-A OUTPUT -p icmp -j DROP") + filter_table(),
}
RULE_SETS_6 = {
    "closed": filter_table("-A INPUT -p ipv6-icmp --icmpv6-type 135 -j ACCEPT", "-A INPUT -p ipv6-icmp --icmpv6-type 136 -j ACCEPT",
                           "-A INPUT -p tcp --dport 80 -j ACCEPT", INPUT="DROP", FORWARD="DROP"),
    "answers that can't leave": filter_table("-A OUTPUT -p ipv6-icmp --icmpv6-type 135 -j ACCEPT",
                                             "-A OUTPUT -p ipv6-icmp --icmpv6-type 136 -j ACCEPT", OUTPUT="DROP"),
}


LOOPBACK = {
    "loopback is let in": filter_table("-A INPUT -i lo -j ACCEPT", INPUT="DROP"),
    "loopback is not let in": filter_table("-A INPUT -i wan -j ACCEPT", "-A INPUT -p tcp --dport 80 -j ACCEPT", INPUT="DROP"),
    "what goes out by loopback is dropped": filter_table("-A OUTPUT -o lo -p tcp --dport 22 -j DROP", "-A OUTPUT -o lo -p udp -j REJECT",
                                                         "-A INPUT -i lo -p icmp -m icmp --icmp-type 0 -j DROP"),
    "states": filter_table(STATE % "INPUT", "-A INPUT -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT",
                           "-A OUTPUT -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT", STATE % "OUTPUT", INPUT="DROP", OUTPUT="DROP"),
    "untracked where it goes out": table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}, "-A OUTPUT -o lo -j NOTRACK") +
                                   filter_table("-A INPUT -m conntrack --ctstate UNTRACKED -p tcp -j ACCEPT", INPUT="DROP"),
    "untracked where it comes in, too late": table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}, "-A PREROUTING -i lo -j NOTRACK") +
                                             filter_table("-A INPUT -m conntrack --ctstate UNTRACKED -j DROP", "-A INPUT -p udp -j DROP"),
    "raw drops where it comes in": table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}, "-A PREROUTING -i lo -p tcp --dport 22 -j DROP") +
                                   filter_table(),
    "loopback's addresses": filter_table("-A INPUT -s 127.0.0.0/8 -j ACCEPT", "-A INPUT -m addrtype --src-type LOCAL -p tcp --dport 80 -j ACCEPT",
                                         "-A INPUT -m addrtype --src-type LOCAL -p tcp --sport 80 -j ACCEPT", INPUT="DROP"),
}


def questions(six=False, places=("server", "client", "gateway")):
    return [Question(kind, at, port, six=six)
            for at in places
            for kind, port in (("tcp", 22), ("tcp", 80), ("tcp", 25), ("udp", 53), ("icmp", 0))]


# Of what made-up rules are made.
MATCHES = ("", "-p tcp", "-p udp", "-p icmp", "-p tcp --dport 22", "-p tcp --sport 22", "-p tcp -m multiport --ports 22,80", "-p udp --dport 53",
           "-p udp --sport 53", "-p tcp --dport 1:1023", "-p tcp ! --dport 80", "-p tcp --sport 1024:65535", "-p icmp --icmp-type 8", "-p icmp --icmp-type 0",
           f"-s {OUT}", f"-d {MINE}", f"! -s {OUT}", "-s 198.51.100.0/24", "-d 127.0.0.0/8", "-i lo", "-o lo", "-i wan", "-o wan", "! -i wan", "-i lan",
           "-m state --state NEW", "-m state --state ESTABLISHED", "-m conntrack --ctstate RELATED,ESTABLISHED", "-m conntrack --ctstate INVALID",
           "-m conntrack --ctdir REPLY", "-m conntrack --ctstate NEW -p tcp --syn", "-p tcp --tcp-flags SYN,ACK SYN,ACK", "-p tcp ! --syn",
           "-m conntrack --ctproto 17", "-m conntrack --ctorigdstport 22 -p tcp", "-m conntrack --ctstatus SEEN_REPLY", "-m state --state UNTRACKED",
           "-m connmark --mark 1", "-m mark --mark 1", "-m addrtype --dst-type LOCAL", "-m length --length 0:70", "-m ttl --ttl-lt 64")
TARGETS = ("ACCEPT", "ACCEPT", "ACCEPT", "DROP", "DROP", "REJECT", "own", "RETURN", "CONNMARK --set-mark 1", "MARK --set-mark 1")


def made_rules(dice):
    """A filter table, and now and then a raw one, that iptables takes."""
    def line(chain, targets):
        matches = [m for m in MATCHES if not any(w in f" {m}" for w in
                                                 {"INPUT": (" -o ",), "PREROUTING": (" -o ",), "OUTPUT": (" -i ",), "own": (" -i ", " -o ")}.get(chain, ()))]
        target = dice.choice(targets)
        return f"-A {chain} {dice.choice(matches)} -j {target}".replace("  ", " ")

    filter_targets = [t for t in TARGETS if "MARK" not in t]
    lines = [line(chain, [t for t in filter_targets if t != "own" or chain != "own"])
             for chain in ("INPUT", "OUTPUT", "FORWARD", "own") for _ in range(dice.randint(1, 4))]
    policies = {chain: dice.choice(("ACCEPT", "DROP")) for chain in ("INPUT", "FORWARD", "OUTPUT")}
    text = table("filter", {**policies, "own": "-"}, *lines)
    if dice.random() < 0.3:
        raw = [f"-A {chain} {dice.choice(('-p udp', '-p tcp', '-p tcp --dport 22', '-p icmp', '-p udp --sport 53'))} -j {dice.choice(('NOTRACK', 'NOTRACK', 'DROP'))}"
               for chain in ("PREROUTING", "OUTPUT") if dice.random() < 0.6]
        text = table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}, *raw) + text
    return text


def explain(rules, *words):
    argv = [harness.SALLYWALL, "explain", "-", "--json", *words]
    done = subprocess.run(argv, input=rules, capture_output=True, text=True, timeout=harness.PATIENCE)
    if done.returncode not in (0, 1, 3):
        raise AssertionError(f"{argv} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


class RealExchanges(unittest.TestCase):
    limit = 600

    @classmethod
    def setUpClass(cls):
        if not harness.SALLYWALL:
            raise AssertionError("no sallywall beside the server that is tested")
        need_netfilter()
        harness.need("ip", "nsenter")
        cls.here = Here()
        cls.outside = Machine("wan", ((MINE, OUT, 24), (MINE6, OUT6, 64)))
        cls.inside = Machine("lan", ((HERE, IN, 24), (HERE6, IN6, 64)))
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open("/proc/sys/net/" + name, "w") as f:
                f.write("1")
        cls.answerers = [subprocess.Popen(m.argv([sys.executable, "-c", SERVER, *map(str, PORTS)]), stdout=subprocess.PIPE, text=True)
                       for m in (cls.here, cls.outside, cls.inside)]
        for server in cls.answerers:
            if server.stdout.readline() != "ready\n":
                raise AssertionError("a server of the test did not start")

    @classmethod
    def tearDownClass(cls):
        for server in cls.answerers:
            server.kill()
            server.wait()
            server.stdout.close()
        for machine in (cls.outside, cls.inside):
            machine.close()

    # ---- what is real ----

    def load(self, rules, six=False):
        """Both tables, so that nothing of what was there before stays; and what is tracked is forgotten."""
        program = "ip6tables-legacy-restore" if six else "iptables-legacy-restore"
        empty = table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}) + filter_table()
        for text in (empty, rules):
            subprocess.run([program], input=text, text=True, check=True)

    def saved(self, six=False):
        program = "ip6tables-legacy-save" if six else "iptables-legacy-save"
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout

    def once(self, q, seconds):
        client, server = q.ends()
        machine = self.here if q.at in ("client", "self", "lo") else self.outside
        argv = [sys.executable, "-c", CLIENT, q.kind, server, str(q.port), str(q.source), str(seconds)]
        if q.kind == "icmp":
            argv = [sys.executable, "-c", PING, server, str(seconds)]
        done = subprocess.run(machine.argv(argv), capture_output=True, text=True, timeout=2 * harness.PATIENCE)
        self.assertIn(done.stdout.strip(), ("works", "refused", "blocked"), done.stderr)
        return done.stdout == "works\n"

    def works(self, q, expected):
        """Who is expected to get through and does not tries again with patience, on a busy machine."""
        got = self.once(q, BLOCKED_AFTER)
        return got or (expected and self.once(q, harness.PATIENCE / 4))

    def carry_out(self, fix):
        for command in fix["commands"]:
            program, *words = shlex.split(command)
            self.assertIn(program, ("iptables", "ip6tables"))
            subprocess.run([program + "-legacy", "-w", *words], check=True, capture_output=True, text=True)

    # ---- the comparison ----

    def compare(self, name, rules, asked, six=False):
        """Every question about a rule set; all at a time, since who is blocked waits."""
        self.load(rules, six)
        saved = self.saved(six)
        told = {q: explain(saved, *q.words()) for q in asked}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            real = dict(zip(asked, pool.map(lambda q: self.works(q, told[q]["outcome"] == "works"), asked)))
        for q in asked:
            with self.subTest(rules=name, question=str(q)):
                self.assertEqual(told[q]["outcome"], "works" if real[q] else "blocked", told[q]["conclusion"])
                self.assertEqual(bool(told[q]["fixes"]), not real[q], told[q]["conclusion"])
        for q in asked:
            for fix in told[q]["fixes"]:
                with self.subTest(rules=name, question=str(q), fix=fix["commands"]):
                    self.load(rules, six)
                    self.carry_out(fix)
                    self.assertTrue(self.works(q, True))
        return told

    def test_answers_and_fixes_agree_with_this_kernel(self):
        for name, rules in RULE_SETS.items():
            asked = [q for q in questions() if q.at != "gateway" or name.startswith("a gateway")]
            if name == "source ports":
                asked = [Question("tcp", "server", 22, source) for source in (40000, 61000, 1024)]
            told = self.compare(name, rules, asked)
            if name in ("a web server", "both ways by ports"):  # not all of it works, not all of it fails
                self.assertEqual({t["outcome"] for t in told.values()}, {"works", "blocked"})

    def test_a_machine_that_asks_itself_agrees_with_this_kernel(self):
        for name, rules in LOOPBACK.items():
            told = self.compare(name, rules, questions(places=("self", "lo")))
            self.assertTrue(all(any("same machine" in note for note in t["notes"]) for t in told.values()))
        self.compare("IPv6", filter_table("-A INPUT -i lo -p tcp -j ACCEPT", INPUT="DROP"), questions(six=True, places=("self", "lo")), six=True)

    def test_ipv6_agrees_with_this_kernel(self):
        for name, rules in RULE_SETS_6.items():
            self.compare(name, rules, [q for q in questions(six=True) if q.at != "gateway"], six=True)

    def test_made_up_rules_agree_with_this_kernel(self):
        """Answers and the first fix of each; what can't be told is counted, since a test of nothing else would show nothing."""
        dice, count, told = random.Random(SEED), MADE, collections.Counter()
        for number in range(count):
            rules = made_rules(dice)
            asked = dice.sample(questions(places=("server", "client", "gateway", "self", "lo")), 8)
            for answer in self.compare_confident(f"made up, {number}", rules, asked).values():
                told[answer["outcome"]] += 1
        self.assertTrue(told["works"] > count and told["blocked"] > count, told)

    def compare_confident(self, name, rules, asked):
        self.load(rules)
        saved = self.saved()
        told = {q: explain(saved, *q.words()) for q in asked}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            real = dict(zip(asked, pool.map(lambda q: self.works(q, told[q]["outcome"] == "works"), asked)))
        for q in asked:
            with self.subTest(rules=rules, question=str(q)):
                self.assertIn(told[q]["outcome"], ("unknown", "works" if real[q] else "blocked"), f"{rules} {q}: {told[q]['conclusion']}")
        for q in asked:
            for fix in told[q]["fixes"][:1]:
                with self.subTest(rules=rules, question=str(q), fix=fix["commands"]):
                    self.load(rules)
                    self.carry_out(fix)
                    self.assertTrue(self.works(q, True), f"{rules} {q} {fix['commands']}")
        return told

    def test_what_ipv6_needs_before_the_first_packet_is_told(self):
        """Neighbours find each other by ICMPv6, which rules see; ARP they never saw."""
        rules = filter_table("-A INPUT -p tcp --dport 22 -j ACCEPT", INPUT="DROP")
        q = Question("tcp", "server", 22, six=True)
        told = explain(rules, *q.words())
        self.assertIn("the policy of INPUT drops neighbour discovery", told["conclusion"])
        self.load(rules, six=True)
        for forget in (subprocess.run, self.outside.run):
            forget("ip -6 neigh flush all".split(), check=True, capture_output=True)
        self.assertFalse(self.works(q, False))
        for number in (135, 136):
            self.carry_out({"commands": [f"ip6tables -I INPUT -p ipv6-icmp --icmpv6-type {number} -j ACCEPT"]})
        self.assertTrue(self.works(q, True))
        self.assertNotIn("neighbour", explain(self.saved(six=True), *q.words())["conclusion"])

    def test_a_client_port_that_was_not_said_is_no_guess(self):
        rules = RULE_SETS["source ports"]
        q = Question("tcp", "server", 22)
        self.assertEqual(explain(rules, *q.words())["outcome"], "unknown")
        self.load(rules)
        real = {source: self.works(Question("tcp", "server", 22, source), source == 40000) for source in (40000, 61000)}
        self.assertEqual(real, {40000: True, 61000: False})
