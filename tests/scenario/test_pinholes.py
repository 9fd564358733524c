# SPDX-License-Identifier: BSD-2-Clause
"""What Linux's netfilter does, as far as doors in the firewall (src/kernel/pinhole.h) stand on it, without our server: a kernel that
does it in another way is noticed here, before a client meets it."""
import contextlib
import re
import socket
import struct
import subprocess
import time
import unittest

import harness
import netfilter
from harness import wait_until
from live import CLIENT, CLIENT6, SERVER, SERVER6, World
from netfilter import (EXCL, EXPECT, SET_ADD, SET_DELETE, Netfilter, Tuple, delete_entry, delete_expectation, new_entry,
                       new_expectation)

PORT = 30021  # of data
REFUSED = 0.5  # seconds, after which what has not come is taken for dropped
LOCKED = """table inet lock {
 chain in { type filter hook input priority 0; policy drop; ct state established,related accept; tcp dport { 21, 2221 } accept; }
 chain out { type filter hook output priority 0; policy %s; ct state established,related accept; }
}
"""
HELPER = """table inet help {
 ct helper control { type "%s" protocol tcp; }
%s}
"""
CHAIN = ' chain %s { type filter hook %s priority -150; %s tcp dport %d ct helper set "control"; }\n'


def helper_table(name="sane", hooks=("prerouting", "output"), port=21):
    return HELPER % (name, "".join(CHAIN % (hook, hook, "", port) for hook in hooks))


class Control:
    """A control connection, both of its ends the test's."""

    def __init__(self, world, address=SERVER, port=21, at=None):
        """at: where the client is, if not at the client."""
        with world.server.at():
            listener = socket.create_server((address, 21), family=socket.AF_INET6 if ":" in address else socket.AF_INET, reuse_port=True)
        with listener, (at or world.client).at():
            self.client = socket.create_connection((address, port), harness.PATIENCE)
            self.server = listener.accept()[0]
        for sock in (self.client, self.server):
            sock.settimeout(harness.PATIENCE)
        local, peer = self.server.getsockname(), self.server.getpeername()
        self.replies = Tuple(local[0], local[1], peer[0], peer[1])

    def data(self, port=PORT):
        """A passive data connection's."""
        return Tuple(self.replies.to, 0, self.replies.source, port)

    def active(self, port):
        return Tuple(self.replies.source, 0, self.replies.to, port)

    def say(self, line):
        """The server does; and the client has heard it."""
        self.server.sendall(line)
        while self.client.recv(1000)[-1:] != b"\n":
            pass

    def command(self, line=b"NOOP\r\n"):
        self.client.sendall(line)
        while self.server.recv(1000)[-1:] != b"\n":
            pass

    def close(self):
        self.client.close()
        self.server.close()


class KernelCase(unittest.TestCase):
    """Each test begins in the same namespaces, without any rules and connections."""
    limit = 60
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        harness.need("nft", "ipset", "conntrack", "iptables-nft")
        harness.need_netfilter()
        cls.world = World()
        cls.netfilter = Netfilter(cls.world.server)

    @classmethod
    def tearDownClass(cls):
        cls.netfilter.close()
        cls.world.close()

    def setUp(self):
        self.host = self.world.server
        self.host.run("nft", "flush", "ruleset")
        self.host.run("conntrack", "-F")
        self.addCleanup(self.host.run, "conntrack", "-F")

    def rules(self, *texts):
        self.host.run("nft", "-f", "-", input="".join(texts))

    def control(self, *args, **kw):
        control = Control(self.world, *args, **kw)
        self.addCleanup(control.close)
        return control

    def told(self, *messages):
        return self.netfilter.ask(*messages)

    def create(self, control, expected, seconds=20, **kw):
        """An expectation with its time, as sallyd makes it."""
        return self.told(new_expectation(control.replies, expected, seconds, **kw), new_expectation(control.replies, expected, seconds, 0))

    def expected(self):
        """{port: seconds that are left} of all expectations."""
        said = self.host.run("conntrack", "-L", "expect", check=False).stdout
        return {int(port): int(seconds) for seconds, port in re.findall(r"^(\d+) proto=6 .*? dport=(\d+) mask-src", said, re.MULTILINE)}

    def comes(self, port=PORT, address=SERVER, start=None, end=None, seconds=None):
        """Does a connection come from start (the client) to end (the server)?"""
        with (end or self.world.server).at():
            listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        with listener, (start or self.world.client).at(), contextlib.suppress(TimeoutError, PermissionError):
            with socket.create_connection((address, port), seconds or REFUSED):
                return True
        return False

    def comes_in(self, *args, **kw):
        """The same, where it has to."""
        return self.comes(*args, seconds=harness.PATIENCE, **kw)


class Expectations(KernelCase):
    """conntrack: src/kernel/pinhole_conntrack.c."""

    def test_one_connection_is_related(self):
        """The first; the second is not, and an expectation that has served is not there any more. IPv4 and IPv6."""
        self.rules(LOCKED % "accept", helper_table())
        for address in (SERVER, SERVER6):
            control = self.control(address)
            self.assertFalse(self.comes(address=address))
            self.assertEqual(self.create(control, control.data()), ["", ""])
            self.assertEqual(self.told(new_expectation(control.replies, control.data(), 20)), ["EEXIST"])
            self.assertTrue(self.comes_in(address=address))
            self.assertFalse(self.comes(address=address))
            self.assertEqual(self.told(delete_expectation(control.data())), ["ENOENT"])

    def test_one_connection_out(self):
        """Active, where the output is locked; from any port."""
        self.rules(LOCKED % "drop", helper_table())
        for address, client in ((SERVER, CLIENT), (SERVER6, CLIENT6)):
            control = self.control(address)
            way = {"address": client, "start": self.world.server, "end": self.world.client}
            self.assertFalse(self.comes(**way))
            self.assertEqual(self.create(control, control.active(PORT)), ["", ""])
            self.assertTrue(self.comes_in(**way))
            self.assertFalse(self.comes(**way))

    def test_its_time_is_ignored_when_it_is_made(self):
        """The helper's policy counts; the same message again, without EXCL, sets the time, and the kernel keeps it."""
        for name, seconds in (("sane", 300), ("ftp", 300), ("irc", 300), ("sip", 180)):
            with self.subTest(helper=name):
                self.rules(helper_table(name))
                control = self.control()
                self.assertEqual(self.told(new_expectation(control.replies, control.data(), 7)), [""])
                self.assertIn(self.expected()[PORT], range(seconds - 60, seconds + 1))
                self.assertEqual(self.told(new_expectation(control.replies, control.data(), 7, 0)), [""])
                self.assertLessEqual(self.expected()[PORT], 7)
                self.assertEqual(self.told(new_expectation(control.replies, control.data(), 1, 0)), [""])
                self.assertTrue(wait_until(lambda: not self.expected()))
                control.close()
                self.rules("flush ruleset\n")

    def test_another_one_takes_its_place(self):
        """Of one control connection; nobody is told. irc keeps eight."""
        for name, most in (("sane", 1), ("ftp", 1), ("irc", 8)):
            with self.subTest(helper=name):
                self.rules(helper_table(name))
                control = self.control()
                ports = range(PORT, PORT + most + 1)
                self.assertEqual([self.create(control, control.data(port)) for port in ports], [["", ""]] * len(ports))
                self.assertEqual(sorted(self.expected()), list(ports)[1:])
                control.close()
                self.rules("flush ruleset\n")
                self.host.run("conntrack", "-F")

    def test_without_a_helper(self):
        self.rules(LOCKED % "accept")
        control = self.control()
        self.assertEqual(self.create(control, control.data()), ["EOPNOTSUPP", "ENOENT"])
        self.assertEqual(self.create(control, control.data(), helper="ftp")[0], "EOPNOTSUPP")

    def test_no_helper_for_an_entry_that_is_there(self):
        """It can be made anew with one, and the connection lives on."""
        self.rules(LOCKED % "accept")
        control = self.control()
        self.rules(helper_table())
        control.command()
        control.say(b"200 OK\r\n")
        self.assertEqual(self.create(control, control.data())[0], "EOPNOTSUPP")
        self.assertEqual(self.told(delete_entry(control.replies), new_entry(control.replies.turned(), "sane")), ["", ""])
        self.assertEqual(self.create(control, control.data()), ["", ""])
        self.assertTrue(self.comes_in())
        control.command()
        control.say(b"200 OK\r\n")

    def test_connections_are_flushed(self):
        """With the entry its expectations go; the client's next packet makes another one, with the helper."""
        self.rules(LOCKED % "accept", helper_table())
        control = self.control()
        self.create(control, control.data())
        self.host.run("conntrack", "-F")
        self.assertEqual(self.expected(), {})
        self.assertEqual(self.create(control, control.data()), ["ENOENT"] * 2)
        control.command()
        self.assertEqual(self.create(control, control.data()), ["", ""])
        self.assertTrue(self.comes_in())

    def test_the_table_is_deleted(self):
        """Connections keep the helper that they have; new ones get none."""
        self.rules(LOCKED % "accept", helper_table())
        control = self.control()
        self.host.run("nft", "delete", "table", "inet", "help")
        control.command()
        self.assertEqual(self.create(control, control.data()), ["", ""])
        self.assertTrue(self.comes_in())
        other = self.control()
        self.assertEqual(self.create(other, other.data())[0], "EOPNOTSUPP")

    def test_who_comes_first_gives_the_helper(self):
        """A rule of the administrator's at raw, and ours at input."""
        self.host.run("iptables-nft", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", "21", "-j", "CT", "--helper", "ftp")
        self.rules(LOCKED % "accept", helper_table("sane", ["input"]))
        control = self.control()
        control.command()
        self.assertEqual(re.findall(r"helper=(\w+)", self.host.run("conntrack", "-L").stdout), ["ftp"])
        self.assertEqual(self.create(control, control.data()), ["", ""])

    def test_the_kernels_own_parser_of_ftp(self):
        """What it reads in a reply takes the place of ours, for 300 seconds: of the same port, and of another."""
        self.rules(LOCKED % "accept", helper_table("ftp"))
        for reply, port in ((b"227 Entering Passive Mode (192,168,0,18,%d,%d).\r\n" % (PORT >> 8, PORT & 255), PORT),
                            (b"227 Entering Passive Mode (192,168,0,18,%d,%d).\r\n" % (PORT >> 8, (PORT & 255) + 1), PORT + 1),
                            (b"229 Entering Extended Passive Mode (|||%d|)\r\n" % PORT, PORT)):
            with self.subTest(reply=reply):
                self.assertEqual(SERVER, "192.168.0.18")
                control = self.control()
                control.say(b"220 Hello.\r\n")  # it reads lines whose beginning it has seen
                control.command(b"PASV\r\n" if reply.startswith(b"227") else b"EPSV\r\n")
                self.assertEqual(self.create(control, control.data()), ["", ""])
                self.assertLessEqual(self.expected()[PORT], 20)
                control.say(reply)
                self.assertEqual(list(self.expected()), [port])
                self.assertGreater(self.expected()[port], 200)
                self.assertEqual(self.create(control, control.data(port)), ["EEXIST", ""])  # and so its time is ours again
                self.assertLessEqual(self.expected()[port], 20)
                control.close()
                self.host.run("conntrack", "-F")

    def test_sane_does_not_listen(self):
        self.rules(LOCKED % "accept", helper_table("sane"))
        control = self.control()
        self.create(control, control.data())
        control.say(b"220 Hello.\r\n")
        control.command(b"PASV\r\n")
        control.say(b"227 Entering Passive Mode (192,168,0,18,%d,%d).\r\n" % (PORT >> 8, (PORT & 255) + 1))
        control.command(b"PORT 192,168,0,2,100,1\r\n")
        control.say(b"200 OK\r\n")
        self.assertEqual(list(self.expected()), [PORT])
        self.assertLessEqual(self.expected()[PORT], 20)

    def test_a_packet_that_is_dropped_has_used_it_up(self):
        self.rules(LOCKED % "accept", helper_table())
        self.host.run("nft", "insert", "rule", "inet", "lock", "in", "tcp", "dport", str(PORT), "ct", "state", "related", "drop")
        control = self.control()
        self.create(control, control.data())
        self.assertFalse(self.comes())
        self.assertEqual(self.expected(), {})
        self.rules("flush chain inet lock in\n", LOCKED % "accept")
        self.assertFalse(self.comes())

    def test_the_end_of_the_control_connection_leaves_it(self):
        """Whether in order or by a reset."""
        self.rules(helper_table())
        for port, is_reset in ((PORT, False), (PORT + 1, True)):
            control = self.control()
            self.create(control, control.data(port))
            if is_reset:
                control.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            control.close()
            state = "CLOSE" if is_reset else "TIME_WAIT"
            self.assertTrue(wait_until(lambda: f" {state} src={CLIENT}" in self.host.run("conntrack", "-L").stdout))  # noqa: B023
            self.assertIn(port, self.expected())

    def test_nat_on_the_same_machine(self):
        """The control connection is found by its replies, which are what the server's socket says, and by what the client sent; not by
        what NAT made of that. Its helper is given before NAT by the port before it, or at input by the one after it."""
        nat = f"table ip nat {{\n chain pre {{ type nat hook prerouting priority -100; ip daddr {SERVER} tcp dport 2221 redirect to :21; }}\n}}\n"
        for table in (helper_table(hooks=["prerouting"], port=2221), helper_table(hooks=["input"])):
            self.rules("flush ruleset\n", LOCKED % "accept", nat, table)
            control = self.control(port=2221)
            self.assertEqual(self.told(new_expectation(control.replies.turned(), control.data(), 20)), ["ENOENT"])
            self.assertEqual(self.create(control, control.data()), ["", ""])
            self.assertTrue(self.comes_in())
            control.close()
        self.rules("flush ruleset\n", LOCKED % "accept", nat, helper_table(hooks=["prerouting"]))
        control = self.control(port=2221)
        self.assertEqual(self.create(control, control.data())[0], "EOPNOTSUPP")

    def test_the_loopback(self):
        """Its entries are made on the way out: a chain at prerouting, or at input, comes too late."""
        for hooks, answer in ((["prerouting"], "EOPNOTSUPP"), (["input"], "EOPNOTSUPP"), (["input", "output"], "")):
            self.rules("flush ruleset\n", helper_table(hooks=hooks))
            for address in ("127.0.0.1", SERVER):
                control = self.control(address, at=self.world.server)
                self.assertEqual(self.create(control, control.data())[0], answer, hooks)
                control.close()

    def test_two_control_connections(self):
        """Of one client, and the same port: EXCL refuses, and else the time of the one that is there changes, which stays the first's."""
        self.rules(helper_table())
        first, second = self.control(), self.control()
        self.create(first, first.data(), 200)
        self.assertEqual(self.create(second, second.data(), 50), ["EEXIST", ""])
        self.assertLessEqual(self.expected()[PORT], 50)
        self.assertIn(f"sport={first.replies.to_port}", self.host.run("conntrack", "-L", "expect").stdout)
        self.assertEqual(self.told(delete_expectation(second.data())), [""])
        self.assertEqual(self.create(second, second.data(), 50), ["", ""])
        self.assertIn(f"sport={second.replies.to_port}", self.host.run("conntrack", "-L", "expect").stdout)

    def test_flags(self):
        """A permanent one admits any number, an inactive one nobody."""
        self.rules(LOCKED % "accept", helper_table())
        control = self.control()
        self.assertEqual(self.told(new_expectation(control.replies, control.data(), 20, kind=netfilter.PERMANENT)), [""])
        self.assertEqual([self.comes_in() for _ in range(3)], [True] * 3)
        self.assertEqual(self.told(delete_expectation(control.data())), [""])
        self.assertEqual(self.told(new_expectation(control.replies, control.data(), 20, kind=netfilter.INACTIVE)), [""])
        self.assertFalse(self.comes())

    def test_the_table_is_full(self):
        """EMFILE, at once; entries that are made by message take a helper, too."""
        self.rules(helper_table())
        masters = [Tuple("10.%d.%d.%d" % (n >> 16, n >> 8 & 255, n & 255), 1024, SERVER, 21) for n in range(1, netfilter.most_expectations() + 2)]
        told = []
        for start in range(0, len(masters), 100):
            some = masters[start:start + 100]
            self.assertEqual(set(self.told(*(new_entry(m, "sane", 60) for m in some))), {""})
            told += self.told(*(new_expectation(m.turned(), Tuple(m.source, 0, SERVER, PORT), 60) for m in some))
        self.assertEqual(self.netfilter.count(EXPECT), len(masters) - 1)
        self.assertEqual(told, [""] * (len(masters) - 1) + ["EMFILE"])
        self.host.run("conntrack", "-F")
        self.assertEqual(self.netfilter.count(EXPECT), 0)


class Tables(KernelCase):
    """Whose a table is."""

    def test_an_owned_table(self):
        """It survives a flush of all rules, nobody else may delete it or add to it, and it goes with the process."""
        owner = self.host.start("nft", "-i", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            owner.stdin.write('add table inet ours { flags owner; }\nadd chain inet ours c\n')
            owner.stdin.flush()
            self.assertTrue(wait_until(lambda: "chain c" in self.tables()))
            self.rules("table inet theirs { }\n")
            self.host.run("nft", "flush", "ruleset")
            self.assertIn("table inet ours", self.tables())
            self.assertNotIn("theirs", self.tables())
            for command in ("delete table inet ours", "add chain inet ours d", "flush table inet ours"):
                self.assertNotEqual(self.host.run("nft", command, check=False).returncode, 0, command)
        finally:
            owner.kill()
            owner.communicate()
        self.assertTrue(wait_until(lambda: "table inet ours" not in self.tables()))

    def tables(self):
        return self.host.run("nft", "list", "ruleset").stdout

    def test_a_flush_is_told(self):
        self.rules(helper_table())
        with Netfilter(self.host, 1 << netfilter.NFT_EVENTS - 1) as events:
            self.host.run("nft", "flush", "ruleset")
            self.assertTrue(list(events.heard()))

    def test_what_is_no_tcp_is_counted_where_connections_are_tracked(self):
        """By that `auto` finds out; whatever a rule does with it, and nothing is switched on by it."""
        def counted():
            said = self.host.run("conntrack", "-S").stdout
            return sum(map(int, re.findall(r"invalid=(\d+)", said)))

        def send():
            with self.host.at(), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
                with contextlib.suppress(PermissionError):
                    raw.sendto(bytes(20), ("127.0.0.1", 0))
        for rules, is_counted in (("", False), ("table inet x {\n chain c { type filter hook input priority 0; policy drop; }\n}\n", False),
                                  (LOCKED % "drop", True), (LOCKED % "accept", True)):
            self.rules("flush ruleset\n", rules)
            before = counted()
            send()
            self.assertEqual(counted() > before, is_counted, rules)


NFT_SET = """table inet filter {
 set door { type ipv4_addr . ipv4_addr . inet_service; flags timeout,dynamic; }
 chain in { type filter hook input priority 0; policy drop; ct state established accept
  tcp flags & (syn|ack) == syn ip saddr . ip daddr . tcp dport @door delete @door { ip saddr . ip daddr . tcp dport } %s
 }
}
"""
ELEMENT = f"{CLIENT} . {SERVER} . {PORT}"


class Sets(KernelCase):
    """nft and ipset: src/kernel/pinhole_nft.c and pinhole_ipset.c."""

    def elements(self):
        return re.findall(r" expires ", self.host.run("nft", "list", "ruleset").stdout)

    def add(self, seconds, word="add", check=True):
        return self.host.run("nft", f"{word} element inet filter door {{ {ELEMENT} timeout {seconds}s }}", check=check)

    def test_nft_lets_one_in(self):
        self.rules(NFT_SET % "accept")
        self.assertFalse(self.comes())
        self.add(60)
        self.assertTrue(self.comes_in())
        self.assertFalse(self.comes())
        self.assertEqual(self.elements(), [])

    def test_nft_time(self):
        """EXCL tells that one is there. Without it kernels differ: before 6.12 it keeps its time."""
        self.rules(NFT_SET % "accept")
        self.add(1)
        self.assertNotEqual(self.add(300, "create", check=False).returncode, 0)
        time.sleep(1.1)
        self.assertFalse(self.comes())
        self.assertEqual(self.elements(), [])

    def test_nft_a_packet_that_is_dropped_later(self):
        """Has used it up, and its repetition does not come in either."""
        self.rules(NFT_SET % "counter drop")
        self.add(60)
        self.assertFalse(self.comes(seconds=1.6))
        self.assertEqual(self.elements(), [])
        self.assertRegex(self.host.run("nft", "list", "ruleset").stdout, "counter packets 1 ")

    def ipset(self, last="ACCEPT"):
        self.host.run("ipset", "destroy", "-exist", "door")
        self.addCleanup(self.host.run, "ipset", "destroy", "door")
        self.addCleanup(self.host.run, "iptables-nft", "-F")
        self.addCleanup(self.host.run, "iptables-nft", "-P", "INPUT", "ACCEPT")
        self.host.run("ipset", "create", "door", "hash:ip,port,ip", "timeout", "60")
        self.host.run("iptables-nft-restore", input="*filter\n:INPUT DROP\n:USED - [0:0]\n-A USED -j SET --del-set door src,dst,dst\n"
                      f"-A USED -j {last}\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
                      "-A INPUT -p tcp --syn -m set --match-set door src,dst,dst -j USED\nCOMMIT\n")

    def members(self):
        return re.findall(r"^add .*", self.host.run("ipset", "save").stdout, re.MULTILINE)

    def element(self, command=SET_ADD, seconds=60, **kw):
        return self.netfilter.tell(netfilter.set_element(command, "door", CLIENT, PORT, SERVER, seconds, **kw))

    def test_ipset_lets_one_in(self):
        """Protocol 6 of its messages is taken."""
        self.ipset()
        self.assertFalse(self.comes())
        self.assertEqual(self.element(), "")
        self.assertTrue(self.comes_in())
        self.assertFalse(self.comes())
        self.assertEqual(self.members(), [])

    def test_ipset_time(self):
        """Without EXCL who adds one that is there gives it a new time."""
        self.ipset()
        self.assertEqual((self.element(seconds=500), self.element(seconds=1)), ("", ""))
        self.assertNotEqual(self.element(seconds=500, flags=EXCL), "")
        self.assertTrue(wait_until(lambda: not self.members()))
        self.assertFalse(self.comes())
        self.assertEqual(self.element(SET_DELETE, None, flags=0), "")  # what is not there is deleted without a word
        self.assertNotEqual(self.element(SET_DELETE, None, flags=EXCL), "")

    def test_ipset_a_packet_that_is_dropped_later(self):
        self.ipset("DROP")
        self.assertEqual(self.element(), "")
        self.assertFalse(self.comes())
        self.assertEqual(self.members(), [])


if __name__ == "__main__":
    unittest.main()
