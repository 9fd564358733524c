# SPDX-License-Identifier: BSD-2-Clause
"""What `sallywall explain` offers and says beside its answer, tried live: near misses (what they name, changed, lets the
session in), fixes (carried out, the session works) and what a fix is said to expose (every port is tried, before and after,
on this machine and on one behind it)."""
import os
import random
import shlex
import signal
import subprocess
import sys
import unittest

import harness
import test_explain
from harness import wait_until
from test_explain import CLIENT, NO_LOGIN, SERVER, TIMES_OUT, WORKS, iptables

BEHIND, NEAR_BEHIND = "10.77.0.9", "10.77.0.1"
PASV = "31000:31009"
CHAINS = {"filter": "INPUT FORWARD OUTPUT", "raw": "PREROUTING OUTPUT",
          "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING"}
HELPER = "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp"
OPEN_21 = "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT"
STATE = "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"


def save(filter_rules=(), own="", raw=(), mangle=(), **policies):
    """What iptables-save would print; own names chains of users', policies are those of filter."""
    text = []
    for table, rules in ("raw", raw), ("mangle", mangle), ("filter", filter_rules):
        chains = [f":{c} {policies.get(c, 'ACCEPT') if table == 'filter' else 'ACCEPT'} [0:0]"
                  for c in CHAINS[table].split()]
        chains += [f":{c} - [0:0]" for c in own.split()] if table == "filter" else []
        text += ["*" + table, *chains, *rules, "COMMIT"]
    return "\n".join(text) + "\n"


# (rules, what is told first, commands that change what it names)
NEAR = [
    (save(["-A INPUT -s 0.0.0.0/32 -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -p tcp -j DROP"]),
     "Rule 1 of INPUT would admit it but for -s 0.0.0.0/32.",
     ["-R INPUT 1 -p tcp --dport 21 -j ACCEPT"]),
    (save(["-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", "-A INPUT -p tcp -j DROP", OPEN_21]),
     "Rule 3 of INPUT would admit it, but stands behind the DROP that is rule 2.",
     ["-D INPUT 3", "-I INPUT 2 -p tcp --dport 21 -j ACCEPT"]),
    (save(["-A SHOP -p tcp -m tcp --dport 21 -j ACCEPT"], own="SHOP", INPUT="DROP"),
     "Rule 1 of SHOP would admit it, but nothing reaches this rule: no way leads to SHOP.",
     ["-I INPUT 1 -j SHOP"]),
    (save(["-A INPUT -i eth9 -j SHOP", "-A SHOP -p tcp -m tcp --dport 21 -j ACCEPT"], own="SHOP", INPUT="DROP"),
     "Rule 1 of SHOP would admit it, but rule 1 of INPUT, which leads there, asks for -i eth9.",
     ["-R INPUT 1 -i here -j SHOP"]),
    (save(["-A INPUT -p udp -m udp --dport 21 -j ACCEPT"], INPUT="DROP"),
     "Rule 1 of INPUT would admit it but for -p udp.",
     ["-R INPUT 1 -p tcp --dport 21 -j ACCEPT"]),
    (save(["-A FORWARD -p tcp -m tcp --dport 21 -j ACCEPT"], INPUT="DROP"),
     "Rule 1 of FORWARD would admit it, but this packet passes INPUT.",
     ["-A INPUT -p tcp --dport 21 -j ACCEPT"]),
    (save(["-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"], mangle=[OPEN_21], INPUT="DROP"),
     "Rule 1 of INPUT in the mangle table accepts it, but that ends only the mangle table.",
     ["-A INPUT -p tcp --dport 21 -j ACCEPT"]),
]

# Rules whose fixes are tried; those in COUNTED are also counted port by port.
COUNTED = {
    "two ways": save(["-A INPUT -j SERVE", "-A FORWARD -p tcp -m tcp --dport 31004:31100 -j DROP", "-A FORWARD -g SORT",
                      "-A SORT -p tcp -j SERVE", "-A SERVE -m state --state ESTABLISHED -j ACCEPT", "-A SERVE -j DROP"],
                     own="SERVE SORT"),
    "raw": save(raw=["-A PREROUTING -p tcp -m tcp --dport 1:1023 -j DROP"]),
    "dropped before": save(["-A INPUT -p tcp -m tcp --dport 31005:40000 -j DROP", OPEN_21, STATE], INPUT="DROP"),
}
OTHERS = {
    "NEW in the list": save([OPEN_21, "-A INPUT -p tcp -m state --state NEW,RELATED,ESTABLISHED -m tcp --dport 1024:9000 "
                             "-j ACCEPT", "-A INPUT -j DROP"], raw=[HELPER]),
    "state rule with ports": save([OPEN_21, "-A INPUT -p tcp -m state --state RELATED,ESTABLISHED -m tcp --dport 1024:9000 "
                                   "-j ACCEPT", "-A INPUT -j DROP"], raw=[HELPER]),
    "answers": save(["-A OUTPUT -p tcp -m tcp --sport 21 -j DROP"]),
    "rejected": save(["-A INPUT -p tcp -m tcp --dport 21 -j REJECT --reject-with tcp-reset"]),
    "mangle": save(mangle=["-A INPUT -p tcp -m tcp --dport 21 -j DROP"]),
}

# Sends a SYN to every port, twice.
SENDER = """
import socket, struct, sys
source, destination, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, 6, 20)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.bind((source, 0))
def folded(total):
    total = (total & 0xffff) + (total >> 16)
    return (total & 0xffff) + (total >> 16)
head = struct.pack("!HHIIBBH", port, 0, 1, 0, 5 << 4, 2, 1024)
rest = sum(struct.unpack("!14H", pseudo + head))  # of the checksum, all but the port that is tried
for again in range(2):
    for to in range(65536):
        s.sendto(struct.pack("!HHIIBBHHH", port, to, 1, 0, 5 << 4, 2, 1024, ~folded(rest + to) & 0xffff, 0), (destination, 0))
"""

# Which ports of SYNs arrive behind the firewall's rules, as hexadecimal bits, once standard input ends.
RECEIVER = """
import select, socket, sys
source, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
seen, ends = bytearray(8192), False
print("ready", flush=True)
while True:
    ready = select.select([s] if ends else [s, sys.stdin], [], [], 1 if ends else None)[0]
    if not ready:
        break
    ends = ends or sys.stdin in ready
    if s not in ready:
        continue
    data = s.recv(200)
    tcp = data[(data[0] & 15) * 4:]
    if socket.inet_ntoa(data[12:16]) == source and int.from_bytes(tcp[:2], "big") == port and tcp[13] & 0x12 == 2:
        to = int.from_bytes(tcp[2:4], "big")
        seen[to // 8] |= 1 << to % 8
print(seen.hex())
"""


def ask(rules, *options, mode="passive"):
    """What --json says of rules, as text, for the session of these tests."""
    return test_explain.explain(rules, "--in", "here", *options, mode=mode, pasv=PASV)[1]


class LiveCase(test_explain.RealCase):
    limit = 600

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.behind = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        pid = str(cls.behind.pid)
        wait_until(lambda: os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        for command in (f"ip link add name inner type veth peer name eth0 netns {pid}",
                        f"ip address add {NEAR_BEHIND}/24 dev inner", "ip link set inner up"):
            subprocess.run(command.split(), check=True)
        for command in ("ip link set lo up", "ip link set eth0 up", f"ip address add {BEHIND}/24 dev eth0",
                        f"ip route add default via {NEAR_BEHIND}"):
            subprocess.run(["nsenter", "-t", pid, "-n", *command.split()], check=True)
        cls.client_machine.run(f"ip route add 10.77.0.0/24 via {SERVER}".split(), check=True)
        with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
            f.write("1")

    @classmethod
    def tearDownClass(cls):
        cls.behind.send_signal(signal.SIGKILL)
        cls.behind.wait()
        super().tearDownClass()

    def load_text(self, rules):
        subprocess.run(["iptables-legacy-restore"], input=rules, text=True, check=True)

    def carry_out(self, fix):
        """The server's passive range, as the fix leaves it."""
        ports = dict(c.split("=") for c in fix["commands"] if c.startswith("pasv_"))
        for command in fix["commands"]:
            if not command.startswith("pasv_"):
                words = shlex.split(command)
                self.assertEqual(words[0], "iptables")
                iptables(*words[1:])
        return f"{ports['pasv_min_port']}:{ports['pasv_max_port']}" if ports else PASV

    def session(self, pasv, expected):
        server = self.serve(pasv)
        try:
            return self.reached("passive", expected)
        finally:
            server.stop()


class NearMisses(LiveCase):
    def test_what_is_named_lets_the_client_in_when_it_is_changed(self):
        for rules, told, commands in NEAR:
            with self.subTest(told=told):
                answer = ask(rules)
                self.assertEqual(answer["outcome"], "blocked")
                self.assertIn(told, answer["conclusion"])
                first = next(p for p in answer["packets"] if p["fate"] != "pass")["near"][0]
                self.assertIn(first["text"][1:], answer["conclusion"])
                self.load_text(rules)
                server = self.serve(PASV)
                self.assertEqual(self.tried("passive", test_explain.BLOCKED_AFTER), NO_LOGIN)
                for command in commands:
                    iptables(*command.split())
                self.assertNotEqual(self.reached("passive", TIMES_OUT), NO_LOGIN)  # the listing may be blocked still
                server.stop()


class Fixes(LiveCase):
    def test_each_fix_works_here(self):
        for name, rules in {**OTHERS, "two ways": COUNTED["two ways"]}.items():
            answer = ask(rules)
            self.assertEqual(answer["outcome"], "blocked", name)
            self.assertTrue(answer["fixes"], name)
            for fix in answer["fixes"]:
                with self.subTest(rules=name, fix=fix["title"]):
                    self.load_text(rules)
                    pasv = self.carry_out(fix)
                    self.assertEqual(self.session(pasv, WORKS), WORKS, fix["commands"])

    def test_a_state_list_with_new_is_not_widened(self):
        answer = ask(OTHERS["NEW in the list"])
        self.assertFalse([f for f in answer["fixes"] if any(" -R " in c for c in f["commands"])])
        answer = ask(OTHERS["state rule with ports"])
        self.assertTrue([f for f in answer["fixes"] if any(" -R " in c for c in f["commands"])])

    def arrives(self, where, destination):
        """Ports of destination to which SYNs of the client get through, seen from behind the rules of where's machine."""
        port = str(random.randrange(50000, 60000))
        enter = ["nsenter", "-t", str(where.pid), "-n"] if where else []
        receiver = subprocess.Popen([*enter, sys.executable, "-c", RECEIVER, CLIENT, port], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        self.assertEqual(receiver.stdout.readline(), "ready\n")
        self.client_machine.run([sys.executable, "-c", SENDER, CLIENT, destination, port], check=True,
                                timeout=4 * harness.PATIENCE)
        bits = int.from_bytes(bytes.fromhex(receiver.communicate(timeout=4 * harness.PATIENCE)[0]), "little")
        return bits

    def arrive(self):
        return self.arrives(None, SERVER), self.arrives(self.behind, BEHIND)

    def test_as_many_ports_are_exposed_as_is_said(self):
        for name, rules in COUNTED.items():
            answer = ask(rules)
            self.load_text(rules)
            before = self.arrive()
            for fix in answer["fixes"]:
                with self.subTest(rules=name, fix=fix["commands"]):
                    self.load_text(rules)
                    self.carry_out(fix)
                    after = self.arrive()
                    new = [(a & ~b).bit_count() for a, b in zip(after, before)]
                    self.assertEqual(fix["exposed_ports"], sum(new), fix["exposes"])
                    self.assertEqual("machines behind it" in fix["exposes"], new[1] > 0, fix["exposes"])


if __name__ == "__main__":
    unittest.main()
