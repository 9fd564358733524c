# SPDX-License-Identifier: BSD-2-Clause
"""sallywall snapshot: what is in it and what is not, and that explain says of it elsewhere what it says where it was taken."""
import json
import os
import re
import shlex
import shutil

import harness
import wall
from harness import need, read_file
from wall import real, sallywall, told

SECTIONS = """iptables-nft-save -c
iptables-legacy-save -c
ip6tables-nft-save -c
ip6tables-legacy-save -c
nft -a list ruleset
nft -j list ruleset
ipset save
ip addr show
ip link show
ip -4 rule show
ip -6 rule show
ip -4 route show table all
ip -6 route show table all
ip -6 neigh show nud permanent
/proc/sys
/sys/module
sallywall""".splitlines()
SWITCH = re.compile(r"net\.(ipv4\.(ip_forward|ip_local_port_range|conf\.[^.]+\.(forwarding|rp_filter|accept_local|route_localnet|"
                    r"send_redirects|src_valid_mark|ignore_routes_with_linkdown))|"
                    r"ipv6\.conf\.[^.]+\.(forwarding|force_forwarding|ignore_routes_with_linkdown|disable_ipv6)|"
                    r"netfilter\.nf_conntrack_(max|buckets|expect_max|helper|checksum|tcp_(loose|be_liberal|ignore_invalid_rst|max_retrans|"
                    r"timeout_\w+)|(udp|icmp|icmpv6|gre|generic)_timeout(_stream)?)|"
                    r"bridge\.bridge-nf-call-ip6?tables) = [0-9\t ]+")
MODULE = re.compile(r"(nf_conntrack_ftp|nf_nat_ftp|nf_conntrack|nf_tables|ip_tables|ip6_tables)(: (loaded|not loaded|built in|not known)|"
                    r"\.(ports|loose) = \S+)")

# A gateway between two nets, which lets one of its neighbours ask a server behind it, and is asked itself by the members of a set.
GATEWAY = """
ip link set lo up
ip link add name lan0 type veth peer name lan1
ip link add name wan0.5 type veth peer name wan1
ip addr add 192.168.7.1/24 dev lan0
ip addr add 198.51.100.1/24 dev wan0.5
ip addr add fd00:7::1/64 dev lan0 nodad
for i in lan0 lan1 wan0.5 wan1; do ip link set $i up; done
ip route add default via 198.51.100.254
ip route add blackhole 10.0.0.0/8
ip rule add fwmark 7 lookup 100
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose
ipset create friends hash:ip
ipset add friends 192.168.7.9
iptables -P INPUT DROP
iptables -P FORWARD DROP
iptables -A INPUT -m conntrack --ctstate INVALID -j DROP
iptables -A INPUT -i lan0 -p tcp -m set --match-set friends src --dport 21 -j ACCEPT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
iptables -A FORWARD -i wan0.5 -o lan0 -p tcp --dport 21 -m comment --comment "the server" -j ACCEPT
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip6tables -A INPUT -p tcp --dport 21 -j DROP
"""

QUESTIONS = [
    ["--packet", "tcp 192.168.7.9:40000 > 192.168.7.1:21 syn"],   # a friend
    ["--packet", "tcp 192.168.7.8:40000 > 192.168.7.1:21 syn"],   # none
    ["--packet", "tcp 198.51.100.7:40000 > 192.168.7.5:21 syn"],  # through
    ["--packet", "tcp 192.168.7.5:40000 > 198.51.100.7:21 syn"],
    ["--packet", "tcp [fd00:7::9]:40000 > [fd00:7::1]:21 syn"],
    ["--packet", "tcp 192.168.7.9:40000 > 192.168.7.1:21 ack"],   # in the middle, with tcp_loose off
    ["--tcp", "192.168.7.9 > 192.168.7.1:21"],
    ["--ftp", "passive", "--client", "198.51.100.7", "--server", "192.168.7.5"],
    ["--ftp", "active", "--client", "192.168.7.9"],
    [],
]


class Snapshot(wall.KernelCase):
    limit = 120

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("ip", "nft", "ipset", "iptables-nft", "iptables-legacy")

    def in_namespace(self, script, *asked):
        """What SALLYWALL says in a network namespace of its own, a completed process for each that is asked."""
        lines = [f"{shlex.join([harness.SALLYWALL, *words])} > {self.dir}/{i}.out 2> {self.dir}/{i}.err; echo $? > {self.dir}/{i}.status"
                 for i, words in enumerate(asked)]
        done = real("unshare", "--net", "sh", "-ec", script + "set +e\n" + "\n".join(lines))
        self.assertEqual(done.returncode, 0, done.stderr)
        return [(int(self.read(f"{self.dir}/{i}.status")), self.read(f"{self.dir}/{i}.out"), self.read(f"{self.dir}/{i}.err"))
                for i in range(len(asked))]

    def read(self, path):
        return read_file(path).decode()

    def snapshot_of(self, script):
        (status, text, errors), = self.in_namespace(script, ["snapshot"])
        self.assertEqual((status, errors), (0, ""), text)
        return text

    def sections(self, text):
        found = {}
        for line in text.splitlines():
            if line.startswith("# ---- "):
                found[line[7:]] = lines = []
            elif found:
                lines.append(line)
        return found

    def test_what_is_in_it_and_nothing_else(self):
        text = self.snapshot_of(GATEWAY)
        self.assertRegex(text, r"\A# sallywall snapshot 1\n# kernel: %s\n# ---- " % re.escape(os.uname().release))
        found = self.sections(text)
        self.assertEqual(list(found), SECTIONS)
        for line in found["/proc/sys"]:
            self.assertRegex(line, SWITCH.pattern + r"\Z")
        for line in found["/sys/module"]:
            self.assertRegex(line, MODULE.pattern + r"\Z")
        self.assertEqual(found["sallywall"], ["none"])
        for line in ("net.ipv4.conf.wan0/5.rp_filter = 0", "net.ipv4.ip_forward = 1", "net.netfilter.nf_conntrack_tcp_loose = 0"):
            self.assertIn(line, found["/proc/sys"])
        self.assertIn("add friends 192.168.7.9", found["ipset save"])
        self.assertIn("blackhole 10.0.0.0/8 ", found["ip -4 route show table all"])
        self.assertTrue([line for line in found["iptables-nft-save -c"] if "the server" in line])  # comments of rules are kept

    def test_no_secret(self):
        """What a machine has besides: names of hosts and users, environment, connections."""
        text = self.snapshot_of(GATEWAY)
        for secret in (os.uname().nodename, "root", os.environ.get("HOME"), "ESTABLISHED src=", "passw", self.dir):
            self.assertNotIn(secret, text)

    def test_a_comment_is_no_section(self):
        text = self.snapshot_of("iptables -A INPUT -p tcp --dport 21 -m comment --comment 'x\n# ---- ipset save\n# ---- sallywall\nup' -j DROP\n")
        self.assertEqual(list(self.sections(text)), SECTIONS)
        self.assertEqual(self.sections(text)["sallywall"], ["none"])

    def test_the_same_answers_elsewhere(self):
        asked = [["explain", "--json", *question] for question in QUESTIONS]
        (_, text, _), *live = self.in_namespace(GATEWAY, ["snapshot"], *asked)
        path = self.file(text)
        outcomes = []
        for question, (status, out, errors) in zip(QUESTIONS, live):
            with self.subTest(question=question):
                here = json.loads(out)
                there = told("explain", path, *question, status=status)
                outcomes.append(here["outcome"])
                self.assertNotEqual(here["outcome"], "unknown", here["conclusion"])
                for said in (here, there):
                    self.assertRegex(said["question"].pop("rules"), r"\(ip6?tables-save v1.*\(nf_tables\)\)")
                self.assertEqual(self.without_lines(there), self.without_lines(here))
        self.assertEqual(outcomes[:6], ["works", "blocked", "works", "blocked", "blocked", "blocked"])

    def without_lines(self, said):
        """Rules have other lines in a snapshot than in what iptables-save prints."""
        if isinstance(said, dict):
            return {key: self.without_lines(value) for key, value in said.items() if key != "line"}
        return [self.without_lines(value) for value in said] if isinstance(said, list) else said

    def test_lines_are_those_of_the_file(self):
        path = self.file(self.snapshot_of(GATEWAY))
        rule = told("explain", path, *QUESTIONS[0])["packets"][0]["rule"]
        line = self.read(path).splitlines()[rule["line"] - 1]
        self.assertEqual(re.sub(r"^\[.*?\] ", "", line), rule["text"])

    def test_what_is_said_goes_before(self):
        path = self.file(self.snapshot_of(GATEWAY))
        for words, wanted in ((["--kernel", "5.4"], "--kernel goes before what the snapshot has: another kernel: "),
                              (["--helper-ports", "2121"], "--helper-ports goes before"),
                              (["--in", "eth9"], "--in eth9: the snapshot has no interface of that name"),
                              (["--address", "lan0=192.168.7.2/24"], "the snapshot has no such address"),
                              (["--server", "203.0.113.5", "--at", "server"], "has no address 203.0.113.5, which it is said to have")):
            with self.subTest(words=words):
                done = sallywall("explain", path, *words, "--json", status=(0, 1, 3))
                self.assertIn(wanted, done.stderr)
        self.assertEqual(sallywall("explain", path, "--address", "192.168.7.1", "--json", status=(0, 1, 3)).stderr, "")

    def test_by_hand(self):
        rules = wall.filter_table("-A FORWARD -i lan0 -j ACCEPT", "-A FORWARD -j DROP", "-A INPUT -j DROP")
        packet = ["--packet", "tcp 192.168.7.9:40000 > 198.51.100.7:21 syn"]
        said = ["--address", "lan0=192.168.7.1/24", "--route", "default via 192.168.7.254 dev lan0"]
        self.assertEqual(told("explain", "-", *packet, "--at", "gateway", input=rules)["outcome"], "unknown")
        self.assertEqual(told("explain", "-", *packet, "--at", "gateway", *said, input=rules)["outcome"], "works")
        for wrong in (["--address", "eth0="], ["--address", "lan"], ["--route", "via"], ["--address", "1.2.3.4/33"]):
            self.assertIn("expected", sallywall("explain", "-", *wrong, input=rules, status=2).stderr)

    def test_other_commands_read_it(self):
        path, other = self.file(self.snapshot_of(GATEWAY)), self.file(self.snapshot_of("iptables -P INPUT DROP\n"), "other")
        saved = sallywall("save", path, "-4", status=0).stdout
        self.assertIn("-A FORWARD -i wan0.5 -o lan0", saved)
        self.assertIn("-A INPUT -p tcp -m tcp --dport 21 -j DROP", sallywall("save", path, "-6", status=0).stdout)
        sallywall("check", path, status=0)
        self.assertIn("a snapshot is not changed", sallywall("iptables", "--rules", path, "-F", status=2).stderr)
        self.assertEqual(told("diff", path, path, status=0)["changes"], [])
        self.assertTrue(told("diff", path, other, status=1)["changes"])

    def test_what_is_no_snapshot_of_this_format(self):
        for text, wanted in (("# sallywall snapshot 2\n", ":1:1: a snapshot of another format than 1"),
                             ("# sallywall snapshot 1\n# ---- ipset save\n# ---- ipset save\n", ":3:1: a section for the second time"),
                             ("# sallywall snapshot 1\n", "this snapshot has no rules of iptables-save")):
            self.assertIn(wanted, sallywall("explain", "-", input=text, status=2).stderr)

    def test_a_section_that_is_spoilt_is_left_out(self):
        text = self.snapshot_of(GATEWAY).replace("default via 198.51.100.254 dev wan0.5", "default via 198.51.100.254.1 dev wan0.5")
        path = self.file(text)
        line = text[:text.index("198.51.100.254.1")].count("\n") + 1
        done = sallywall("explain", path, "--json", status=(0, 1, 3))
        self.assertIn(f"{path}:{line}:", done.stderr)
        self.assertIn("this section is left out", done.stderr)

    def test_without_root(self):
        program = shutil.copy(harness.SALLYWALL, os.path.join(self.dir, "sallywall"))
        os.chmod(program, 0o755)
        done = real("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "snapshot")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("missing: rules of iptables", done.stderr)
        self.assertIn("run as root, it has more", done.stderr)
        found = self.sections(done.stdout)
        self.assertEqual(list(found), SECTIONS)
        self.assertTrue(found["iptables-nft-save -c"][0].startswith("# not to be had: "))
        self.assertTrue(found["ip addr show"][0].startswith("1: lo"))
        self.assertIn("this snapshot has no rules of iptables-save", sallywall("explain", self.file(done.stdout), status=2).stderr)

    def test_both_back_ends(self):
        setup = "iptables-nft -A INPUT -p tcp --dport 22 -j DROP\niptables-legacy -A INPUT -p tcp --dport 21 -j DROP\n"
        path = self.file(self.snapshot_of(setup))
        said = told("explain", path, "--packet", wall.SYN % 21, status=1)
        self.assertEqual(said["packets"][0]["decided_by"], "legacy filter")
        told("explain", path, "--packet", wall.SYN % 22, status=1)
        path = self.file(self.snapshot_of("iptables-legacy -A INPUT -p tcp --dport 21 -j DROP\n"), "legacy")
        told("explain", path, "--packet", wall.SYN % 21, status=1)

    def test_nft_beside(self):
        setup = "nft 'table inet firewall { chain c { type filter hook input priority 0; policy accept; tcp dport 21 drop; }; }'\n"
        said = told("explain", self.file(self.snapshot_of(setup)), "--packet", wall.SYN % 21, status=1)
        self.assertEqual(said["packets"][0]["decided_by"], "inet firewall")
