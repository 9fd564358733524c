# SPDX-License-Identifier: BSD-2-Clause
"""What sallywall says of packets, sessions and changes of rules, and the forms in which it says it."""
import json
import os
import re
import shutil
import xml.etree.ElementTree as xml

import harness
import run
import wall
from harness import need, read_file
from wall import SYN, SYN6, filter_table, sallywall, told, real


class Sources(wall.KernelCase):
    """Where explain takes rules from, and that it says so."""

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
        """A packet has to pass both. What ours let pass, the other's may stop; what ours drop is dropped, unless the other's
        send it elsewhere first."""
        ask = f"SALLYWALL explain --json --packet '{SYN % 21}'"
        ours = "iptables-nft -A INPUT -p tcp --dport %d -j DROP"
        for port, other, status, by in (
                (22, "-A INPUT -p tcp --dport 21 -j DROP", 1, "legacy filter"), (21, "-A INPUT -p tcp --dport 80 -j DROP", 1, "filter"),
                (21, "-t nat -A PREROUTING -p tcp --dport 21 -j REDIRECT --to-ports 2121", 0, "filter")):
            with self.subTest(port=port, other=other):
                said = self.in_namespace(f"{ours % port}; iptables-legacy {other}; {ask}", status)
                self.assertTrue(said["packets"][0]["decided_by"].endswith(by), said["packets"][0]["decided_by"])
                if by == "legacy filter":
                    self.assertIn("Rule 1 of INPUT in the legacy filter table", said["conclusion"])
                    self.assertEqual(said["fixes"], [])

    def test_tables_that_iptables_does_not_know(self):
        need("nft")
        hook = "chain c {\ntype %s hook %s priority 0; policy accept; %s\n}\n"
        ask = f"SALLYWALL explain --json --packet '{SYN % 21}'"
        drop = "iptables -A INPUT -p tcp --dport 21 -j DROP; "
        for table, setup, status in (
                ("inet firewall", hook % ("filter", "input", "tcp dport 21 drop;"), 1), ("ip filter", "", 0),
                ("inet firewall", "set s { type ipv4_addr; }", 0),                          # meets no packet
                ("ip6 firewall", hook % ("filter", "input", "tcp dport 21 drop;"), 0),  # none of this family
                ("netdev firewall", "", 0)):
            with self.subTest(table=table, setup=setup):
                said = self.in_namespace(f"nft 'table {table} {{\n{setup}\n}}'; {ask}", status)
                if status == 1:
                    self.assertEqual(said["packets"][0]["decided_by"], table)
                    self.assertRegex(said["packets"][0]["rule"]["text"], r"^tcp dport 21 drop # handle \d+$")
        # What ours drop is dropped, unless that table sends it elsewhere first.
        self.in_namespace(f"{drop}nft 'table inet t {{\n{hook % ('filter', 'input', 'tcp dport 22 drop;')}}}'; {ask}", 1)
        self.in_namespace(f"{drop}nft 'table ip t {{\n{hook % ('nat', 'prerouting', 'tcp dport 21 redirect to :2121;')}}}'; {ask}", 0)

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


class Packets(wall.WallCase):
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


class Sessions(wall.WallCase):
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
                if "gateway" not in (where, other):
                    continue  # the server's rules stop at the client what they stop at the server
                self.assertEqual(told("explain", "-", "--at", other, input=rules, status=0)["outcome"], "works")


class Changes(wall.WallCase):
    """diff."""
    OLD = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -j DROP")

    def diff(self, new, status, old=OLD, *options):
        return told("diff", self.file(old, "old"), self.file(new, "new"), *options, status=status)

    def test_nothing_changes(self):
        self.assertEqual(self.diff(self.OLD, 0)["changes"], [])
        self.assertEqual(self.diff(filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -p udp -j DROP",
                                                "-A INPUT -d 192.168.0.18/32 -j DROP"), 0)["changes"], [])
        sallywall("diff", self.file(self.OLD), self.file(self.OLD), status=0)

    def test_what_nat_counted_is_no_difference(self):
        """Two saves of one machine, at two moments: only the filter was changed between them."""
        nat = "# Generated on %d\n*nat\n:PREROUTING ACCEPT [%d:60]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" \
              ":POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o wan0 -j MASQUERADE\nCOMMIT\n"
        old = nat % (1, 5) + filter_table("-A INPUT -d 192.168.0.18/32 -j DROP")
        said = self.diff(nat % (2, 7) + filter_table(), 1, old)
        self.assertTrue(said["changes"])
        self.assertNotIn("The rules of nat differ", " ".join(said["notes"]))

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
        self.assertTrue(any(", active (data from port 20), " in c["witness"] for c in sessions))
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


class Tellings(wall.WallCase):
    """--json, --svg, --html and text of the same story."""
    RULES = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -d 192.168.0.18/32 -j DROP")
    QUESTIONS = (("--ftp", "passive"), ("--ftp", "active"), ("--ftp", "epsv", "--tls"), ("--ftp", "eprt", "--at", "gateway"),
                 ("--packet", SYN % 80), ("--tcp", "192.0.2.7 > 192.168.0.18:22"), ("--udp", "192.168.0.18:53"),
                 ("--icmp", "192.0.2.7 > 192.168.0.18"))

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
