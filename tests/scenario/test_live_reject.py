# SPDX-License-Identifier: BSD-2-Clause
"""REJECT answers at the wall that stands, as the kernel's own does, and never lets anything pass."""
import os
import re
import subprocess
import unittest

import harness
from harness import need, need_netfilter, wait_until
from test_explain_exchange import Machine
from wall import WallCase, real, sallywall

SERVER, CLIENT = "192.0.2.1", "192.0.2.2"
SERVER6, CLIENT6 = "fd00:5a11:9::1", "fd00:5a11:9::2"
GATE, BEHIND = "192.0.3.1", "192.0.3.2"
GATE6, BEHIND6 = "fd00:5a11:a::1", "fd00:5a11:a::2"
TYPES = {"iptables": ["icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-port-unreachable",
                      "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited", "tcp-reset"],
         "ip6tables": ["icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable",
                       "icmp6-policy-fail", "icmp6-reject-route", "tcp-reset"]}
FIRST_PORT = 1000
OPEN = 2000  # somebody listens there

# Sends a SYN and a datagram to each port, always the same ones, and prints what comes back to each: protocol, port, and the
# answer's bytes but for what is never the same twice (identification and checksum of IPv4, flow label of IPv6); or "nothing".
PROBE = r"""
import select, socket, struct, sys, time
source, destination, seconds, *ports = sys.argv[1:]
six = ":" in source
family = socket.AF_INET6 if six else socket.AF_INET
ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86dd if six else 0x0800))
ears.bind(("eth0", 0x86dd if six else 0x0800))
mouth = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
pack = lambda address: socket.inet_pton(family, address)

def checksum(protocol, body):
    text = pack(source) + pack(destination) + struct.pack("!II", len(body), protocol) + body + b"\0" * (len(body) % 2)
    total = sum(struct.unpack("!%dH" % (len(text) // 2), text))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!H", ~total & 0xffff)

def packet(protocol, port):
    if protocol == 6:
        body = struct.pack("!HHIIBBHHH", 40000, port, 7, 0, 5 << 4, 2, 1000, 0, 0)
        body = body[:16] + checksum(6, body) + body[18:]
    else:
        body = struct.pack("!HHHH", 40000, port, 12, 0) + b"what"
        body = body[:6] + checksum(17, body) + body[8:]
    if six:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + pack(source) + pack(destination) + body
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + pack(source) + pack(destination) + body

def masked(bytes):
    return bytes[1:4].hex()[:1] + bytes[4:].hex() if six else bytes[:4].hex() + bytes[6:10].hex() + bytes[12:].hex()

def is_neighbour_talk(bytes):
    return six and bytes[6] == 58 and bytes[40] >= 130

def answer():
    end = time.monotonic() + float(seconds)
    while (left := end - time.monotonic()) > 0:
        if not select.select([ears], [], [], left)[0]:
            break
        bytes, about = ears.recvfrom(2000)
        if about[2] != socket.PACKET_OUTGOING and not is_neighbour_talk(bytes):
            return masked(bytes)
    return "nothing"

for port in map(int, ports):
    for protocol in (6, 17):
        mouth.sendto(packet(protocol, port), (destination, 0))
        print(protocol, port, answer(), flush=True)
"""

# Can one connect? In what time?
CONNECT = """
import socket, sys, time
begun = time.monotonic()
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
    print("works")
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("nothing")
except OSError as e:
    print(e.errno)
"""


def rules(family, chain):
    """A rule for each way to answer, each for a port of its own, and nothing else passes but what belongs to it."""
    lines = []
    for port, way in enumerate(TYPES[family], FIRST_PORT):
        for protocol in ("tcp",) if way == "tcp-reset" else ("tcp", "udp"):
            lines.append(f"-A {chain} -p {protocol} -m {protocol} --dport {port} -j REJECT --reject-with {way}")
    return ("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n"
            "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
            "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT\n"
            "-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT\n"
            if family == "ip6tables" else
            "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n"
            "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n") + "\n".join(lines) + "\nCOMMIT\n"


ONE = ("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
       f"-A INPUT -p tcp -m tcp --dport {OPEN} -j REJECT --reject-with tcp-reset\nCOMMIT\n")


class Rejecting(WallCase):
    """The wall is put up here, between a client and what is behind."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("iptables-nft", "iptables-legacy", "nsenter")
        need_netfilter()
        if "netfilter programs" in sallywall("status").stderr:
            raise unittest.SkipTest("THIS KERNEL TAKES NO NETFILTER PROGRAMS")
        for name, value in (("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"), ("ipv4/icmp_ratelimit", "0"),
                            ("ipv6/icmp/ratelimit", "0")):
            with open("/proc/sys/net/" + name, "w") as f:
                f.write(value)
        cls.client = Machine("outer", [(SERVER, CLIENT, 24), (SERVER6, CLIENT6, 64)])
        cls.behind = Machine("inner", [(GATE, BEHIND, 24), (GATE6, BEHIND6, 64)])

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.behind.close()

    def setUp(self):
        self.clear()

    def tearDown(self):
        sallywall("down")
        self.clear()

    def clear(self):
        for family in TYPES:
            for kind in ("nft", "legacy"):
                for chain in ("INPUT", "FORWARD", "OUTPUT"):
                    real(f"{family}-{kind}", "-P", chain, "ACCEPT")
                for words in ("-F", "-X"):
                    real(f"{family}-{kind}", words)

    def up(self, text, family="iptables", status=0):
        option = "--rules6" if family == "ip6tables" else "--rules"
        return sallywall("up", option, self.file(text, family), status=status)

    def probe(self, family, server, seconds=3):
        """{(protocol, port): answer}"""
        ports = [str(FIRST_PORT + i) for i in range(len(TYPES[family]))]
        done = self.client.run(["python3", "-c", PROBE, CLIENT6 if family == "ip6tables" else CLIENT, server, str(seconds), *ports],
                               capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {tuple(line.split()[:2]): line.split()[2] for line in done.stdout.splitlines()}

    def connect(self, address=SERVER, seconds=1, where=None):
        argv = ["python3", "-c", CONNECT, address, str(OPEN), str(seconds)]
        argv = where.argv(argv) if where else argv
        return subprocess.run(argv, capture_output=True, text=True, timeout=harness.PATIENCE).stdout.strip()

    def listen(self):
        """Somebody listens at OPEN."""
        server = subprocess.Popen(["python3", "-c", f"import socket; s = socket.create_server(('', {OPEN}))\nwhile True: s.accept()"])
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertTrue(wait_until(lambda: OPEN in harness.listening_ports()))

    def saved(self, kind="nft"):
        return real(f"iptables-{kind}-save").stdout

    def check_answers(self, family, chain, server):
        """The wall's are the kernel's, byte by byte."""
        path = self.file(rules(family, chain), "kernel")
        with open(path) as f:
            self.assertEqual(subprocess.run([family + "-legacy-restore"], stdin=f).returncode, 0)
        wanted = self.probe(family, server)
        answered = [key for key, answer in wanted.items() if answer != "nothing"]
        self.assertEqual(len(answered), 2 * len(TYPES[family]) - 1, wanted)  # a datagram meets no rule with tcp-reset
        self.clear()
        done = self.up(rules(family, chain), family)
        self.assertNotIn("DROP", done.stderr)
        self.assertEqual(self.probe(family, server), wanted)


class LiveRejectTest(Rejecting):
    def test_each_answer_at_input(self):
        self.check_answers("iptables", "INPUT", SERVER)

    def test_each_answer_at_input_ipv6(self):
        self.check_answers("ip6tables", "INPUT", SERVER6)

    def test_each_answer_on_a_gateway(self):
        self.check_answers("iptables", "FORWARD", BEHIND)

    def test_each_answer_on_a_gateway_ipv6(self):
        self.check_answers("ip6tables", "FORWARD", BEHIND6)

    def test_who_sends_from_here_is_told(self):
        self.up(ONE.replace("-A INPUT", "-A OUTPUT"))
        self.assertEqual(self.connect(CLIENT), "refused")

    def test_over_loopback(self):
        self.listen()
        self.up(ONE)
        self.assertEqual(self.connect("127.0.0.1"), "refused")

    def test_a_connection_that_was_there_is_reset(self):
        self.up(ONE.replace(f"-A INPUT -p tcp -m tcp --dport {OPEN} -j REJECT --reject-with tcp-reset\n", ""))
        self.listen()
        self.assertEqual(self.connect(where=self.client), "works")
        sallywall("iptables", "-A", "INPUT", "-p", "tcp", "--dport", OPEN, "-j", "REJECT", "--reject-with", "tcp-reset", status=0)
        self.assertEqual(self.connect(where=self.client), "refused")

    # ---- it fails closed ----

    def check_closed(self, *commands):
        self.listen()
        self.up(ONE)
        self.assertEqual(self.connect(where=self.client), "refused")
        for command in commands:
            self.assertEqual(real(*command.split()).returncode, 0, command)
        self.assertEqual(self.connect(where=self.client), "nothing")
        self.assertIn("not answered", sallywall("status", status=0).stdout)
        sallywall("iptables", "-A", "INPUT", "-p", "udp", "-j", "REJECT", status=0)
        self.assertEqual(self.connect(where=self.client), "refused")
        sallywall("iptables", "-D", "INPUT", "1", status=0)
        self.assertEqual(self.connect(where=self.client), "works")

    def test_flushed_by_somebody_else(self):
        self.check_closed("iptables-nft -F")

    def test_our_rule_is_removed(self):
        self.check_closed("iptables-nft -D INPUT 1")

    def test_somebody_accepts_before_it(self):
        self.check_closed("iptables-nft -I INPUT -j ACCEPT")

    def test_somebody_turns_its_answer_around(self):
        self.check_closed("iptables-nft -I SALLYWALL-ANSWERS -j ACCEPT")

    def test_our_rule_comes_after_others_that_drop(self):
        self.listen()
        self.up(ONE)
        self.assertEqual(real("iptables-nft", "-I", "INPUT", "-j", "DROP").returncode, 0)
        self.assertEqual(self.connect(where=self.client), "nothing")

    def test_without_iptables_it_acts_as_drop(self):
        self.listen()
        hidden = [os.path.realpath(f"/usr/sbin/xtables-{kind}-multi") for kind in ("nft", "legacy")]
        for path in hidden:
            subprocess.run(["mount", "--bind", "/dev/null", path], check=True)
        try:
            done = self.up(ONE)
        finally:
            for path in hidden:
                subprocess.run(["umount", path], check=True)
        self.assertIn("REJECT act as DROP", done.stderr)
        self.assertIn("iptables", done.stderr)
        self.assertEqual(self.connect(where=self.client), "nothing")

    # ---- in the machine's own iptables ----

    def test_nothing_is_put_there_unless_a_rule_answers(self):
        before = self.saved()
        self.up(ONE.replace("REJECT --reject-with tcp-reset", "DROP"))
        self.assertEqual(harness_rules(self.saved()), harness_rules(before))
        sallywall("iptables", "-A", "INPUT", "-p", "udp", "-j", "REJECT", status=0)
        self.assertEqual(self.saved().count("-j SALLYWALL\n"), 3)

    def test_it_goes_with_the_wall_and_nothing_else_does(self):
        for kind in ("nft", "legacy"):
            with self.subTest(kind):
                self.clear()
                real(f"iptables-{kind}", "-A", "INPUT", "-s", "203.0.113.9", "-j", "DROP")
                self.up(ONE)
                self.assertEqual(self.saved(kind).count("-j SALLYWALL\n"), 3)
                self.assertEqual(self.connect(where=self.client), "refused")
                sallywall("down", status=0)
                self.assertEqual(harness_rules(self.saved(kind)), ["-A INPUT -s 203.0.113.9/32 -j DROP"])
                self.assertNotIn("SALLYWALL", self.saved("nft") + self.saved("legacy"))

    def test_what_an_interrupted_up_has_left_is_not_doubled(self):
        self.up(ONE)
        text = self.saved()
        sallywall("down", status=0)
        text = text.replace(re.search("/run/sallywall/[0-9a-f]+/", text)[0] + "noted ", "/run/sallywall/gone ")
        left = "\n".join(line for line in text.splitlines() if "object-pinned" not in line) + "\n"
        self.assertEqual(subprocess.run(["iptables-nft-restore"], input=left, text=True).returncode, 0)
        self.assertEqual(self.saved().count("-j SALLYWALL\n"), 3)
        self.up(ONE)
        self.assertEqual(self.saved().count("-j SALLYWALL\n"), 3)

    def test_explain_does_not_take_it_for_the_administrators(self):
        self.up(ONE)
        packet = f"tcp {CLIENT}:40000 > {SERVER}:{OPEN} syn in=outer"
        done = sallywall("explain", "-4", "--packet", packet, "--json")
        self.assertNotIn("SALLYWALL", done.stdout)
        self.assertNotIn("sallywall: answers", done.stdout)


def harness_rules(text):
    return [line for line in text.splitlines() if line.startswith("-A ")]
