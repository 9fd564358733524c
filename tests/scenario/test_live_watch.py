# SPDX-License-Identifier: BSD-2-Clause
"""sallywall watch: what the wall drops is told, with its rule and the reason, and nothing is lost in silence."""
import json
import os
import re
import signal
import struct
import subprocess
import unittest

import harness
from harness import need, need_netfilter, wait_until
from test_explain_exchange import Machine
from wall import WallCase, sallywall

SERVER, CLIENT = "192.0.2.1", "192.0.2.2"
SERVER6, CLIENT6 = "fd00:5a11:9::1", "fd00:5a11:9::2"
RULES = ("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:LAST - [0:0]\n"
         "-A INPUT -m conntrack --ctstate INVALID -j DROP\n"
         "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
         "-A INPUT -p tcp -m tcp --dport 81 -j DROP\n"
         "-A INPUT -p udp -m udp --dport 82 -j LOG --log-prefix \"[no \\033[31m 82] \" --log-tcp-options\n"
         "-A INPUT -p udp -m udp --dport 83 -j NFLOG --nflog-prefix \"to nflog: \"\n"
         "-A INPUT -j LAST\n-A LAST -p udp -m udp --dport 84 -j DROP\nCOMMIT\n").replace("\\033", "")
RAW = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 85 -j DROP\nCOMMIT\n"

# Datagrams to ports, from a port: "COUNT PORT" pairs.
SEND = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 40000))
for count, port in zip(sys.argv[2::2], sys.argv[3::2]):
    for _ in range(int(count)):
        try:
            s.sendto(b"what", (sys.argv[1], int(port)))
        except ConnectionRefusedError:
            pass
"""

# One packet of TCP with these flags.
SEGMENT = """
import socket, struct, sys
source, destination, port, flags = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
body = struct.pack("!HHIIBBHHH", 40000, port, 7, 0, 5 << 4, flags, 1000, 0, 0)
text = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, 6, len(body)) + body
total = sum(struct.unpack("!%dH" % (len(text) // 2), text))
total = (total & 0xffff) + (total >> 16)
body = body[:16] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + body[18:]
socket.socket(socket.AF_INET, socket.SOCK_RAW, 6).sendto(body, (destination, 0))
"""


class Watcher:
    """A sallywall watch that listens already."""

    def __init__(self, test, *options):
        test.serial += 1
        self.path = os.path.join(test.dir, f"{test.id().rsplit('.', 1)[1]}-watch{test.serial}")
        with open(self.path, "w") as out:
            self.process = subprocess.Popen([harness.SALLYWALL, "watch", *map(str, options)], stdout=out, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.kill)
        test.knock(self)

    def text(self):
        with open(self.path, errors="surrogateescape") as f:
            return f.read()

    def lines(self):
        return self.text().splitlines()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    def end(self, status=0):
        """Its lines, once it has ended as it is told to, or by itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=harness.PATIENCE)[1]
        if self.process.returncode != status or "Sanitizer" in errors:
            raise AssertionError(f"watch ended with {self.process.returncode}, not {status}: {errors}\n{self.text()[-2000:]}")
        self.errors = errors
        return self.lines()


class LiveWatchTest(WallCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("nsenter")
        need_netfilter()
        if "netfilter programs" in sallywall("status").stderr:
            raise unittest.SkipTest("THIS KERNEL TAKES NO NETFILTER PROGRAMS")
        cls.client = Machine("outer", [(SERVER, CLIENT, 24), (SERVER6, CLIENT6, 64)])

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def setUp(self):
        self.serial = 0
        self.up(RAW + RULES)

    def tearDown(self):
        sallywall("down")

    def up(self, text):
        done = sallywall("up", "--rules", self.file(text), status=0)
        self.said = done.stderr

    def send(self, *pairs, to=SERVER):
        self.client.run(["python3", "-c", SEND, to, *map(str, pairs)], check=True, timeout=harness.PATIENCE)

    def segment(self, port, flags):
        self.client.run(["python3", "-c", SEGMENT, CLIENT, SERVER, str(port), str(flags)], check=True, timeout=harness.PATIENCE)

    def knock(self, watcher):
        """Until the watcher tells of it: port 9."""
        port = 83 if "--log" in watcher.process.args else 9

        def is_told():
            if watcher.process.poll() is not None:
                raise AssertionError(watcher.process.communicate()[1])
            self.send(1, port)
            return "40000" in watcher.text() or "DPT" in watcher.text()
        self.assertTrue(wait_until(is_told, step=0.2))

    def found(self, watcher, pattern):
        self.assertTrue(wait_until(lambda: re.search(pattern, watcher.text())), watcher.text())

    def counted(self):
        """{words of a reason: packets}, by status."""
        return {m[2]: int(m[1]) for m in re.finditer(r"dropped: (\d+) packets, \d+ bytes: (.*)", sallywall("status", status=0).stdout)}

    # ---- what is told ----

    def test_a_line_says_which_packet_which_rule_and_why(self):
        watcher = Watcher(self)
        self.segment(81, 2)
        self.segment(80, 0x10 | 1)  # FIN of an unknown connection
        self.send(1, 84, 1, 85)
        self.send(1, 86, to=SERVER6)  # no rules there
        self.found(watcher, r":85 ")
        text = "\n".join(watcher.end())
        time = r"\d\d:\d\d:\d\d\.\d\d\d"
        for pattern in (
                rf"{time} drop tcp {CLIENT}:40000 > {SERVER}:81 syn state=new in=outer: rule 3 of INPUT: -A INPUT -p tcp -m tcp --dport 81 -j DROP\n",
                rf"{time} drop tcp {CLIENT}:40000 > {SERVER}:80 ack,fin state=invalid in=outer: rule 1 of INPUT: -A INPUT .* -j DROP "
                r"\(invalid: it belongs to no known connection, and such a segment can't begin one\)\n",
                rf"{time} drop udp {CLIENT}:40000 > {SERVER}:84 state=new in=outer: rule 1 of LAST: ",
                rf"{time} drop udp {CLIENT}:40000 > {SERVER}:85 in=outer: rule 1 of PREROUTING in the raw table: ",
                rf"{time} drop udp {CLIENT}:40000 > {SERVER}:9 state=new in=outer: the policy of INPUT: -P INPUT DROP\n"):
            self.assertRegex(text + "\n", pattern)
        self.assertNotIn(":86", text)

    def test_ipv6_and_what_this_machine_sends(self):
        watcher = Watcher(self)
        sallywall("ip6tables", "-A", "INPUT", "-p", "udp", "--dport", 90, "-j", "DROP", status=0)
        sallywall("iptables", "-A", "OUTPUT", "-p", "udp", "--dport", 91, "-j", "REJECT", status=0)
        self.send(1, 90, to=SERVER6)
        subprocess.run(["python3", "-c", SEND, CLIENT, "1", "91"], stderr=subprocess.DEVNULL)
        self.found(watcher, ":91 ")
        text = "\n".join(watcher.end())
        self.assertIn(f" drop udp [{CLIENT6}]:40000 > [{SERVER6}]:90 state=new in=outer: rule 1 of INPUT: -A INPUT -p udp -m udp --dport 90 -j DROP", text)
        self.assertIn(f" reject udp {SERVER}:40000 > {CLIENT}:91 state=new out=outer: rule 1 of OUTPUT: -A OUTPUT ", text)

    def test_what_the_helper_drops(self):
        sallywall("down", status=0)
        sallywall("up", "--mode", "linux", status=0)
        server = subprocess.Popen(["python3", "-c", "import socket\ns = socket.create_server(('', 21))\nc = s.accept()[0]\nwhile c.recv(9): pass"])
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertTrue(wait_until(lambda: 21 in harness.listening_ports()))
        sallywall("iptables", "-A", "INPUT", "-p", "udp", "-j", "DROP", status=0)
        watcher = Watcher(self, "--json")
        talk = ("import socket, time\nc = socket.create_connection((%r, 21))\nfor word in b'NOOP\\r\\n', b'P':\n    c.send(word)\n"
                "    time.sleep(0.2)") % SERVER
        self.client.run(["python3", "-c", talk], check=True, timeout=harness.PATIENCE)
        self.found(watcher, "partial-match")
        told = next(t for t in map(json.loads, watcher.end()) if t.get("cause") == "partial-match")
        self.assertEqual((told["rule"], told["state"], told["destination_port"]), (None, "established", 21))
        self.assertEqual(told["why"], "the FTP helper: the helper took it for a cut-off announcement of a data port, and drops such packets")

    def test_json(self):
        watcher = Watcher(self, "--json")
        self.segment(81, 2)
        self.found(watcher, '"destination_port":81')
        told = [json.loads(line) for line in watcher.end()]
        one = next(t for t in told if t.get("destination_port") == 81)
        self.assertEqual(one["rule"], {"table": "filter", "chain": "INPUT", "number": 3, "line": None,
                                       "text": "-A INPUT -p tcp -m tcp --dport 81 -j DROP"})
        self.assertEqual({key: one[key] for key in ("fate", "cause", "hook", "state", "reason", "in", "out", "family", "protocol", "source",
                                                    "source_port", "destination", "length")},
                         {"fate": "drop", "cause": "rule", "hook": "input", "state": "new", "reason": None, "in": "outer", "out": None,
                          "family": 4, "protocol": 6, "source": CLIENT, "source_port": 40000, "destination": SERVER, "length": 40})

    def test_what_is_said_of_a_rule_outlives_it(self):
        """Rules are replaced while packets are told."""
        watcher = Watcher(self)
        for port in range(101, 106):
            sallywall("iptables", "-I", "INPUT", "-p", "udp", "--dport", port, "-j", "DROP", status=0)
            self.send(1, port)
        self.found(watcher, ":105 ")
        text = "\n".join(watcher.end())
        for port in range(101, 106):
            self.assertRegex(text, rf":{port} state=new in=outer: rule 1 of INPUT: -A INPUT -p udp -m udp --dport {port} -j DROP")

    def test_capture(self):
        path = os.path.join(self.dir, "watched.pcap")
        watcher = Watcher(self, "--pcap", path)
        self.segment(81, 2)
        self.found(watcher, ":81 ")
        watcher.end()
        with open(path, "rb") as f:
            content = f.read()
        self.assertEqual(struct.unpack("=IHHIIII", content[:24])[5:], (128, 101))
        done = sallywall("replay", path, "--rules", self.file(RULES, "again"))
        self.assertRegex(done.stdout, rf"{CLIENT}:40000 > {SERVER}:81 +SYN +NEW +drop")

    def test_explain_says_the_same(self):
        watcher = Watcher(self, "--explain")
        self.segment(81, 2)
        self.found(watcher, "Rule 3 of INPUT drops this packet")
        text = "\n".join(watcher.end())
        question = re.search(r"drop (tcp \S+ > \S+ syn \S+ \S+):", text)[1]
        asked = sallywall("explain", self.file(RAW + RULES, "again"), "--packet", question + " hook=input ttl=64 tos=0 mark=0", status=1).stdout
        self.assertIn(asked.splitlines()[0], text)
        self.assertNotIn("explain, which knows", text)

    # ---- LOG ----

    def test_log(self):
        self.assertIn("nothing is logged", self.said)
        watcher = Watcher(self, "--log")
        self.send(1, 82)
        self.found(watcher, "DPT=82")
        log = [line for line in watcher.end() if "DPT=82" in line]
        self.assertRegex(log[0], r"^\[no .* 82\] IN=outer OUT= MAC=([0-9a-f]{2}:){13}[0-9a-f]{2} "
                         rf"SRC={CLIENT} DST={SERVER} LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=\d+ DF PROTO=UDP SPT=40000 DPT=82 LEN=12 $")
        self.assertTrue(any(line.startswith("to nflog: IN=outer OUT= ") for line in watcher.lines()))
        asked = sallywall("explain", self.file(RULES, "again"), "--packet", log[0], status=1).stdout
        self.assertIn("BLOCKED", asked)

    def test_who_logs_is_known_to_who_changes_rules(self):
        more = self.file("*filter\n-A INPUT -p udp -m udp --dport 87 -j LOG\nCOMMIT\n")
        self.assertIn("nothing is logged", sallywall("iptables-restore", "--noflush", more, status=0).stderr)
        watcher = Watcher(self, "--log")
        self.assertNotIn("nothing is logged", sallywall("iptables-restore", "--noflush", more, status=0).stderr)
        watcher.end()

    # ---- floods ----

    def test_a_flood_is_summed_up_and_nothing_is_left_out(self):
        lines = 20
        before = sum(self.counted().values())
        watcher = Watcher(self, "--json", "--lines", lines)
        self.send(*(word for port in range(200, 400) for word in (40, port)))
        self.assertTrue(wait_until(lambda: sum(self.counted().values()) >= before + 8000))
        told = [json.loads(line) for line in watcher.end()]
        packets = sum(t.get("more_packets", 0) + t.get("untold_packets", 0) + ("packet" in t) for t in told)
        self.assertEqual(packets, sum(self.counted().values()) - before)
        self.assertLess(len([t for t in told if "packet" in t]), packets / 10)
        seconds = {}
        for t in told:
            second = t["time"][:19] if "time" in t else t["second"]
            seconds.setdefault(second, []).append(t)
        for second, all in seconds.items():
            self.assertLessEqual(len(all), lines, second)

    def test_alike_packets_are_one_line_a_second(self):
        watcher = Watcher(self)
        self.send(500, 84)
        self.found(watcher, r"more like udp \S+ > \S+:84 state=new in=outer: rule 1 of LAST\n")
        more = sum(int(n) for n in re.findall(r"drop (\d+) more like udp \S+ > \S+:84 ", "\n".join(watcher.end())))
        shown = watcher.text().count(":84 state=new in=outer: rule 1 of LAST: ")
        self.assertEqual(more + shown, 500)
        self.assertLess(shown, 20)

    # ---- who watches ----

    def test_several_watch_and_a_limit_is_told(self):
        watchers = [Watcher(self) for _ in range(8)]
        done = sallywall("watch", "--seconds", 1, status=2)
        self.assertIn("8 processes watch this wall already", done.stderr)
        self.segment(81, 2)
        for watcher in watchers:
            self.found(watcher, ":81 syn ")
        for watcher in watchers:
            watcher.kill()  # with SIGKILL: nobody gives the place back
        self.assertTrue(wait_until(lambda: sallywall("watch", "--seconds", 1).returncode == 0))

    def test_it_ends_by_itself(self):
        watcher = Watcher(self, "--count", 2)
        self.send(1, 84, 1, 84)
        self.assertTrue(wait_until(lambda: watcher.process.poll() is not None))
        self.assertEqual(len(watcher.end()), 2)
        sallywall("watch", "--seconds", 1, status=0)

    def test_it_ends_with_the_wall(self):
        watcher = Watcher(self)
        sallywall("down", status=0)
        self.assertTrue(wait_until(lambda: watcher.process.poll() is not None))
        watcher.end(2)
        self.assertIn("taken down", watcher.errors)
        self.assertIn("no wall", sallywall("watch", status=2).stderr)

    def test_mistakes(self):
        for words in (["--lines", "3"], ["--count", "0"], ["--seconds", "-1"], ["--pcap"], ["what"]):
            self.assertTrue(sallywall("watch", *words, status=2).stderr)
        self.assertIn("/no/such/folder", sallywall("watch", "--pcap", "/no/such/folder/x", "--seconds", 5, status=2).stderr)

    # ---- counters ----

    def test_drops_by_reason(self):
        before = self.counted()
        self.send(3, 84, 4, 86, 5, 85)
        self.segment(80, 0x10 | 1)
        after = self.counted()
        self.assertEqual({key: after[key] - before.get(key, 0) for key in after},
                         {"by a rule": 4, "by a policy": 4, "by a rule in the raw table": 5})
