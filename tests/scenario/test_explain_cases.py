# SPDX-License-Identifier: BSD-2-Clause
"""What decides beside the filter table: each answer of `sallywall explain` is right, or "unknown" for the right reason, told
alike in every format; what the kernel does with the same rules is tried beside it, and every fix that is offered is carried
out and works.

The machines are those of the oracle for answers: a client (192.0.2.9), the wall (192.0.2.1 at eth0, 198.51.100.1 at eth1) and
a server behind it (198.51.100.9)."""
import dataclasses
import os
import re
import sys
import unittest

import harness
import test_explain
from harness import make_dir, need, need_netfilter
from wall import sallywall, told

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "oracle"))
import answers_ask  # noqa: E402
import answers_live  # noqa: E402
import answers_world  # noqa: E402

PASV = ["--pasv-ports", "10090:10100"]
WORKS, BLOCKED, UNKNOWN = "works", "blocked", "unknown"
CHAINS = {"filter": "INPUT FORWARD OUTPUT", "raw": "PREROUTING OUTPUT", "nat": "PREROUTING INPUT OUTPUT POSTROUTING",
          "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING", "security": "INPUT FORWARD OUTPUT"}
WAY_ON = r"nft list|ip route|iptables|ip6tables|ipset|conntrack|tcpdump"  # the command that would tell


def table(name, *lines, own="", **policies):
    """One table as iptables-save prints it; own names chains of one's own."""
    chains = [":%s %s [0:0]" % (c, policies.get(c, "ACCEPT")) for c in CHAINS[name].split()]
    return "\n".join(["*" + name, *chains, *(":%s - [0:0]" % c for c in own.split()), *lines, "COMMIT"]) + "\n"


OPEN = table("filter")
HELPER = "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp"
STATE = "-A %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
GUARDED = table("filter", STATE % "INPUT", "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", INPUT="DROP") + table("raw", HELPER)
GATEWAY = table("filter", STATE % "FORWARD", "-A FORWARD -i eth0 -o eth1 -j ACCEPT", FORWARD="DROP")


@dataclasses.dataclass
class Example:
    """Rules, a question, what the kernel does, and what an answer that is not "works" has to name."""
    rules: str
    truth: str
    names: str = ""
    place: str = "server"
    mode: str = "epsv"
    family: int = 4
    port: int = 21
    exact: bool = False  # "unknown" is not enough
    nft: tuple = ()
    sets: tuple = ()
    backend: str = "legacy"

    def restores(self):
        yield self.backend, self.rules

    def question(self):
        return ["--ftp", self.mode, *PASV, *answers_ask.place_words(self, self.port),
                *(["--data-port", "20"] if self.mode in ("active", "eprt") else [])]


SIX = {"family": 6}
PUBLISHED = table("nat", "-A PREROUTING -m addrtype --dst-type LOCAL -j OUTSIDE",
                  "-A POSTROUTING -s 198.51.100.0/24 ! -o eth1 -j MASQUERADE",
                  "-A OUTSIDE ! -i eth1 -p tcp -m tcp --dport 2121 -j DNAT --to-destination 198.51.100.9:21", own="OUTSIDE")
PUBLISHED += table("filter", "-A INPUT -i lo -j ACCEPT", "-A FORWARD -o eth1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                   "-A FORWARD -o eth1 -j TO-BOX", "-A FORWARD -i eth1 ! -o eth1 -j ACCEPT",
                   "-A TO-BOX -d 198.51.100.9/32 ! -i eth1 -o eth1 -p tcp -m tcp --dport 21 -j ACCEPT",
                   own="TO-BOX", INPUT="DROP", FORWARD="DROP")
MASQUERADED = table("nat", "-A POSTROUTING -o eth1 -j MASQUERADE") + GATEWAY
KNOCK = table("filter", "-A INPUT -p tcp -m tcp --dport 21 -j SET --add-set visitors src",
              "-A INPUT -m set --match-set visitors src -j DROP")
VISITORS = ("create visitors hash:ip",)

EXAMPLES = {
    # tables that drop
    "mangle's policy": Example(table("mangle", "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", INPUT="DROP") + OPEN, BLOCKED, r"mangle"),
    "mangle's policy of OUTPUT": Example(table("mangle", OUTPUT="DROP") + GUARDED, BLOCKED, r"mangle"),
    "mangle's policy behind the filter": Example(table("mangle", POSTROUTING="DROP") + GUARDED, BLOCKED, r"mangle"),
    "a rule of mangle": Example(table("mangle", "-A PREROUTING -p tcp -m tcp --dport 21 -j DROP") + GUARDED, BLOCKED, r"mangle"),
    "a chain of mangle": Example(table("mangle", "-A PREROUTING -i eth0 -j sieve", "-A sieve -p tcp -m tcp --dport 10000:11000 -j DROP",
                                       own="sieve") + GUARDED, BLOCKED, r"mangle"),
    "mangle on the way through": Example(table("mangle", "-A FORWARD -o eth1 -p tcp -j DROP") + GATEWAY, BLOCKED, r"mangle",
                                         place="gateway"),
    "mangle's policy, IPv6": Example(table("mangle", INPUT="DROP") + OPEN, BLOCKED, r"mangle", **SIX),
    "security's policy": Example(table("security", INPUT="DROP") + OPEN, BLOCKED, r"security"),
    "a rule of security": Example(table("security", "-A OUTPUT -p tcp -m tcp --sport 21 -j DROP") + GUARDED, BLOCKED, r"security"),
    "security on the way through": Example(table("security", "-A FORWARD -p tcp -m tcp --dport 21 -j DROP") + GATEWAY, BLOCKED,
                                           r"security", place="gateway"),
    "security of the client": Example(table("security", OUTPUT="DROP") + OPEN, BLOCKED, r"security", place="client"),
    # tables that change what later rules ask
    "a mark": Example(table("mangle", "-A PREROUTING -p tcp -m tcp --dport 21 -j MARK --set-xmark 0x7/0xffffffff") +
                      table("filter", "-A INPUT -m mark --mark 0x7 -j DROP"), BLOCKED, r"mark|mangle|rule 1 of INPUT"),
    "a mark that lets in": Example(table("mangle", "-A PREROUTING -p tcp -j MARK --set-xmark 0x9/0xffffffff") +
                                   table("filter", "-A INPUT -m mark --mark 0x9 -j ACCEPT", INPUT="DROP"), WORKS, r"mark|mangle"),
    "a connection's mark": Example(table("mangle", "-A PREROUTING -p tcp -m tcp --dport 21 -j CONNMARK --set-xmark 0x4/0xffffffff") +
                                   table("filter", "-A OUTPUT -m connmark --mark 0x4 -j DROP"), BLOCKED,
                                 r"mark|mangle|rule 1 of OUTPUT"),
    "a hop limit": Example(table("mangle", "-A PREROUTING -i eth0 -j TTL --ttl-set 1") + GATEWAY, BLOCKED, r"TTL|ttl|mangle",
                           place="gateway"),
    "a TTL asked for later": Example(table("mangle", "-A PREROUTING -j TTL --ttl-set 9") +
                                     table("filter", "-A INPUT -m ttl --ttl-eq 9 -j DROP"), BLOCKED,
                                     r"TTL|ttl|mangle|rule 1 of INPUT"),
    "a DSCP asked for later": Example(table("mangle", "-A PREROUTING -p tcp -j DSCP --set-dscp 0x0c") +
                                      table("filter", "-A INPUT -m dscp --dscp 0x0c -j DROP"), BLOCKED, r"(?i)dscp|mangle|rule 1 of INPUT"),
    "a set that a rule fills": Example(KNOCK, BLOCKED, r"visitors|rule [12] of INPUT", sets=VISITORS),
    # nat
    "a published port": Example(PUBLISHED, BLOCKED, r"NAT|FORWARD|TO-BOX|told the firewall", port=2121),
    "a redirected port": Example(table("nat", "-A PREROUTING -p tcp -m tcp --dport 21 -j REDIRECT --to-ports 2121") +
                                 table("filter", "-A INPUT -p tcp -m tcp --dport 21 -j DROP"), WORKS, r"REDIRECT|nat\b"),
    "a redirected port, closed": Example(table("nat", "-A PREROUTING -p tcp -m tcp --dport 21 -j REDIRECT --to-ports 2121") +
                                         table("filter", "-A INPUT -p tcp -m tcp --dport 2121 -j DROP"), BLOCKED, r"2121|REDIRECT|nat\b"),
    "turned away to another machine": Example(table("nat", "-A PREROUTING -d 192.0.2.1/32 -p tcp -j DNAT --to-destination 198.51.100.9") +
                                              table("filter", "-A FORWARD -p tcp -m tcp --dport 21 -j DROP"), BLOCKED,
                                              r"NAT|FORWARD"),
    "the client's own translation": Example(table("nat", "-A OUTPUT -p tcp -m tcp --dport 21 -j DNAT --to-destination 198.51.100.10:2121") +
                                            table("filter", "-A OUTPUT -p tcp -m tcp --dport 2121 -j DROP"), BLOCKED, r"DNAT|nat\b|2121",
                                            place="client"),
    "active behind a masquerade": Example(MASQUERADED, BLOCKED, r"MASQUERADE|nat\b|helper", place="gateway", mode="active"),
    "active behind SNAT": Example(table("nat", "-A POSTROUTING -s 192.0.2.0/24 -o eth1 -j SNAT --to-source 198.51.100.1") + GATEWAY,
                                  BLOCKED, r"SNAT|nat\b|helper", place="gateway", mode="active"),
    "nat that does not bear on it": Example(table("nat", "-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353") + GUARDED,
                                            WORKS, r"REDIRECT|nat\b"),
    # nft beside iptables
    "a chain of nft in iptables' table": Example(table("filter"), BLOCKED, r"nft|gate", backend="nft", nft=(
        "table ip filter {\n chain gate {\n type filter hook input priority 0; policy drop;\n ct state established,related accept\n"
        " tcp dport 2222 accept\n }\n}\n",)),
    "a table of nft": Example(GUARDED, BLOCKED, r"inet office", exact=True, nft=(
        "table inet office {\n set friends {\n type ipv4_addr\n flags interval\n elements = { 203.0.113.0/25 }\n }\n"
        " map by_port {\n type inet_service : verdict\n elements = { 21 : jump for_friends, 80 : accept }\n }\n"
        " chain for_friends {\n ip saddr @friends accept\n }\n"
        " chain entry {\n type filter hook input priority filter + 10; policy drop;\n"
        " ct state vmap { established : accept, related : accept, invalid : drop }\n iifname \"lo\" accept\n"
        " tcp dport vmap @by_port\n }\n}\n",)),
    "nft at ingress": Example(GUARDED, BLOCKED, r"nft", nft=(
        "table netdev early {\n chain first {\n type filter hook ingress device eth0 priority 0; policy accept;\n"
        " tcp dport 21 drop\n }\n}\n",)),
    # headers that the packets certainly lack
    **{"IPv6: " + words: Example(table("filter", "-A INPUT %s -j DROP" % words, STATE % "INPUT",
                                       "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT",
                                       "-A INPUT -p tcp -m tcp --dport 10090:10100 -j ACCEPT", INPUT="DROP"),
                                 WORKS, exact=True, **SIX)
       for words in ("-m rt --rt-type 0", "-m rt --rt-segsleft 1:9", "-m frag --fragfirst", "-m hbh --hbh-len 8", "-m dst",
                     "-m ipv6header --header frag --soft", "-p ipv6-mh -m mh --mh-type 5", "-m rt")},
    # what the filter alone decides: no answer may hide behind "unknown"
    "guarded": Example(GUARDED, WORKS, exact=True),
    "guarded, active": Example(GUARDED, WORKS, exact=True, mode="active"),
    "no helper": Example(table("filter", STATE % "INPUT", "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", INPUT="DROP"), BLOCKED,
                         r"INPUT", exact=True),
    "empty tables beside it": Example(GUARDED + table("mangle") + table("nat") + table("security"), WORKS, exact=True),
}

PROGRAMS = {4: "iptables", 6: "ip6tables"}


def nft_alone(hook, *rules, body="", policy="drop"):
    lines = "".join("  %s\n" % rule for rule in ("ct state established accept", *rules))
    return "table inet office {\n%s chain gate {\n  type filter hook %s priority filter; policy %s;\n%s }\n}\n" % (body, hook, policy, lines)


class Alone(Example):
    """A machine without any rule of iptables."""

    def restores(self):
        return ()


HELPED_BY_MAP = ("table inet helped {\n ct helper std {\n  type \"ftp\" protocol tcp\n }\n chain early {\n  type filter hook prerouting priority filter\n"
                 "  ct helper set meta l4proto . th dport map { tcp . %d : \"std\" }\n }\n}\n")
HELPED = ("table inet helped {\n ct helper std {\n  type \"ftp\" protocol tcp\n }\n chain begin {\n  type filter hook prerouting priority raw + 5\n"
          "  ct state untracked return\n }\n chain early {\n  type filter hook prerouting priority filter\n  tcp dport 21 ct helper set \"std\"\n }\n}\n")
NFT_ALONE = {
    "nothing is open": Alone("", BLOCKED, nft=(nft_alone("input"),)),
    "no helper": Alone("", BLOCKED, nft=(nft_alone("input", "tcp dport 21 accept"),)),
    "a helper, and RELATED": Alone("", WORKS, nft=(nft_alone("input", "tcp dport 21 accept", "ct state related accept"), HELPED)),
    "a helper by a map": Alone("", WORKS, nft=(nft_alone("input", "tcp dport 21 accept", "ct state related accept"), HELPED_BY_MAP % 21)),
    "a helper by a map, of another port": Alone("", BLOCKED, nft=(nft_alone("input", "tcp dport 21 accept", "ct state related accept"), HELPED_BY_MAP % 2121)),
    "one of one": Alone("", WORKS, nft=(nft_alone("input", "tcp dport 21 numgen random mod 1 vmap { 0 : accept }", "tcp dport 10090-10100 accept"),)),
    "what nobody asks for is written": Alone("", WORKS, nft=(nft_alone("input", "ip id set 0 tcp urgptr set 0 tcp dport 21 accept", "tcp dport 10090-10100 accept"),)),
    "the usual clamp": Alone("", BLOCKED, place="gateway", nft=(nft_alone("forward", "iifname eth0 oifname eth1 tcp dport 21 accept"),
                             "table inet clamp {\n chain clamped {\n  type filter hook forward priority mangle;\n  tcp flags syn tcp option maxseg size set rt mtu\n }\n}\n")),
    "a helper, and no RELATED": Alone("", BLOCKED, nft=(nft_alone("input", "tcp dport 21 accept"), HELPED)),
    "the range is open": Alone("", WORKS, nft=(nft_alone("input", "tcp dport { 21, 10090-10100 } accept"),)),
    "refused by a rule": Alone("", BLOCKED, nft=(nft_alone("input", "tcp dport 22 accept", "reject with icmpx admin-prohibited", "tcp dport 21 accept"),)),
    "a rule in a chain of its own": Alone("", BLOCKED, nft=(nft_alone(
        "input", "jump more", body=" chain more {\n  tcp dport 21 accept\n  tcp dport > 1023 reject with tcp reset\n }\n"),)),
    "a map of states": Alone("", BLOCKED, nft=(nft_alone(
        "input", "ct state vmap { established : accept, related : accept, invalid : drop }", "tcp dport 21 accept"),)),
    "active, from a server that may not call": Alone("", BLOCKED, mode="eprt", nft=(nft_alone("output", "tcp sport 21 accept"),)),
    "active, with a helper": Alone("", WORKS, mode="eprt", nft=(nft_alone("output", "ct state related accept"), HELPED)),
    "a gateway": Alone("", BLOCKED, place="gateway", nft=(nft_alone("forward", "iifname eth0 oifname eth1 tcp dport 21 accept"),)),
    "a gateway with a helper": Alone("", WORKS, place="gateway", nft=(nft_alone("forward", "iifname eth0 tcp dport 21 accept", "ct state related accept"), HELPED)),
    "IPv6": Alone("", BLOCKED, nft=(nft_alone("input", "ip6 saddr ::/0 tcp dport 21 accept"),), **SIX),
    "of two, the later one drops": Alone("", BLOCKED, nft=(nft_alone("input", "accept"), nft_alone("input", policy="drop").replace("office", "guard").replace(
        "priority filter", "priority filter + 1"))),
}


def need_tools():
    test_explain.need_sallywall()
    need_netfilter()
    need("nft", "ipset", "conntrack", *("%s-%s-restore" % (p, b) for p in PROGRAMS.values() for b in ("nft", "legacy")))


class Cases(unittest.TestCase):
    """One world for all of them."""
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        need_tools()
        cls.dir = make_dir(os.path.join(harness.WORK, cls.__name__), mode=0o777)
        cls.world = answers_world.World()
        cls.program = answers_ask.Program(harness.SALLYWALL, cls.world)

    @classmethod
    def tearDownClass(cls):
        cls.program.close()

    def for_each(self, check, wanted=lambda e: True):
        for name, example in EXAMPLES.items():
            if wanted(example):
                with self.subTest(name):
                    check(example)

    def file(self, text, name="rules"):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def ask(self, example, *options):
        """(completed process, file that was given)"""
        self.world.load(example)
        saved = self.file(self.world.saved(example))
        return sallywall("explain", saved, *example.question(), *options, status=(0, 1, 3)), saved

    def said(self, example):
        done, _ = self.ask(example, "--json")
        return answers_ask.json.loads(done.stdout), done

    def live(self, example, plan=None):
        """{task: why not} of a real session."""
        plan = plan or answers_live.Plan(example.mode, example.port, passive_port=10090)
        plan.patience = dict.fromkeys(answers_live.TASKS, 4.0 if example.truth == WORKS else 0.5)
        return answers_live.play_session(self.world, example, plan)


def what_decides(said):
    """The conclusion, and the rule of the packet that decided."""
    packet = next((t["packet"] for t in said["tasks"] if t["outcome"] != WORKS and t["packet"]), None)
    rule = said["packets"][packet - 1]["rule"] if packet else None
    return f"{said['conclusion']} {rule['text'] if rule else ''}"


class NftAlone(Cases):
    def for_each(self, check):
        for name, example in NFT_ALONE.items():
            with self.subTest(name):
                self.world.load(example)
                check(example)

    def explain(self, example, *rules):
        with self.world.at("wall"):
            done = sallywall("explain", *rules, *example.question(), "--json", status=(0, 1, 3))
        return answers_ask.json.loads(done.stdout)

    def test_answers_are_the_kernels(self):
        def check(example):
            became = self.live(example)
            self.assertEqual(WORKS if not any(became.values()) else BLOCKED, example.truth, became)
            for rules in ((), (self.file("".join(example.nft), "nft"),)):  # this machine's, and a text of nft's
                said = self.explain(example, *rules)
                self.assertEqual(said["outcome"], example.truth, (rules, said["conclusion"]))
        self.for_each(check)

    def test_what_came_near_is_told(self):
        for name, says in (("refused by a rule", r"stands behind the reject that is rule 3"),
                           ("a gateway from elsewhere", r"would admit it but for ip saddr 203\.0\.113\.0/24")):
            example = {**NFT_ALONE, "a gateway from elsewhere": Alone("", BLOCKED, place="gateway", nft=(
                nft_alone("forward", "ip saddr 203.0.113.0/24 tcp dport 21 accept"),))}[name]
            with self.subTest(name):
                self.world.load(example)
                self.assertRegex(self.explain(example)["conclusion"], says)

    def test_fixes_are_nfts_and_work(self):
        seen = []

        def check(example):
            for fix in self.explain(example)["fixes"] if example.truth == BLOCKED else ():
                self.assertFalse([c for c in fix["commands"] if c.startswith("ip")], fix["commands"])
                seen.extend(c for c in fix["commands"] if c.startswith("nft"))
                self.world.load(example)
                port = answers_ask.carry_out(self.program, example, fix["commands"])
                self.assertTrue(port, fix["commands"])
                plan = answers_live.Plan(example.mode, example.port, passive_port=port, patience=dict.fromkeys(answers_live.TASKS, 4.0))
                became = answers_live.play_session(self.world, example, plan)
                self.assertFalse(any(became.values()), (fix["commands"], became))
        self.for_each(check)
        self.assertTrue([c for c in seen if " handle " in c])
        self.assertTrue([c for c in seen if "ct helper set" in c])


class Answers(Cases):
    def test_the_kernel_does_what_these_examples_say(self):
        def check(example):
            self.world.load(example)
            became = self.live(example)
            self.assertEqual(WORKS if not any(became.values()) else BLOCKED, example.truth, became)
        self.for_each(check)

    def test_answers_are_right_or_unknown(self):
        """Of a file; what nft's own tables do is no file's to know, unless it says that they are there."""
        def check(example):
            said, _ = self.said(example)
            self.assertIn(said["outcome"], {example.truth} if example.exact else {example.truth, UNKNOWN}, said["conclusion"])
        self.for_each(check, lambda e: not e.nft or "table ip filter" in e.nft[0])

    def test_answers_about_this_machine_are_right_or_unknown(self):
        def check(example):
            self.world.load(example)
            with self.world.at("wall"):
                done = sallywall("explain", *example.question(), "--json", status=(0, 1, 3))
            said = answers_ask.json.loads(done.stdout)
            self.assertIn(said["outcome"], {example.truth} if example.exact else {example.truth, UNKNOWN}, said["conclusion"])
            if said["outcome"] != WORKS:
                self.assertRegex(what_decides(said), example.names or ".")
            if said["outcome"] == UNKNOWN:
                self.assertRegex(" ".join([said["conclusion"], *said["notes"]]), WAY_ON)
        self.for_each(check)

    def test_what_decides_is_named(self):
        def check(example):
            said, done = self.said(example)
            if said["outcome"] != WORKS:
                self.assertRegex(what_decides(said), example.names)
            self.assertEqual(done.stderr, "")  # what bears on the answer is in the answer
        self.for_each(check, lambda e: e.names and (not e.nft or "table ip filter" in e.nft[0]))

    def test_unknown_is_told_alike_in_every_format(self):
        seen = []

        def check(example):
            svg, html = os.path.join(self.dir, "a.svg"), os.path.join(self.dir, "a.html")
            done, _ = self.ask(example, "--svg", svg, "--html", html)
            if done.returncode != 3:
                return
            seen.append(example)
            first = re.split(r"\n\s*\n", done.stdout.strip())[0]
            self.assertTrue(first.startswith("UNKNOWN"), first)
            self.assertRegex(first, example.names)
            self.assertRegex(done.stdout, WAY_ON)
            for path in (svg, html):
                with open(path) as f:
                    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", f.read()))
                self.assertRegex(text, r"(?i)unknown")
                self.assertRegex(text, example.names)
        self.for_each(check, lambda e: not e.exact)
        self.assertTrue(seen)

    def test_fixes_are_carried_out_and_work(self):
        def check(example):
            said, _ = self.said(example)
            for fix in said["fixes"]:
                self.assertTrue(fix["works"])
                self.world.load(example)
                port = answers_ask.carry_out(self.program, example, fix["commands"])
                self.assertTrue(port, fix["commands"])
                plan = answers_live.Plan(example.mode, example.port, passive_port=port)
                self.assertFalse(any(self.tried(example, plan).values()), (fix["commands"], said["conclusion"]))
        self.for_each(check, lambda e: e.truth == BLOCKED)

    def tried(self, example, plan):
        plan.patience = dict.fromkeys(answers_live.TASKS, 4.0)
        return answers_live.play_session(self.world, example, plan)

    def test_no_fix_touches_a_chain_that_the_packets_do_not_pass(self):
        said, _ = self.said(EXAMPLES["a published port"])
        self.assertFalse([f for f in said["fixes"] if any(" INPUT" in c for c in f["commands"])])
        self.assertNotRegex(said["conclusion"], r"INPUT")

    def test_which_port_a_helper_needs_before_a_translation(self):
        """A rule of raw sees the port as the client asked for it."""
        published = EXAMPLES["a published port"]
        for port, works in ((2121, True), (21, False)):
            rule = "-A PREROUTING -p tcp -m tcp --dport %d -j CT --helper ftp" % port
            example = dataclasses.replace(published, rules=PUBLISHED + table("raw", rule), truth=WORKS if works else BLOCKED)
            self.world.load(example)
            became = self.live(example)
            self.assertEqual(not any(became.values()), works, became)
            said, _ = self.said(example)
            self.assertIn(said["outcome"], (UNKNOWN, example.truth), said["conclusion"])

    def test_a_helper_is_what_helps_behind_a_masquerade(self):
        for name in ("active behind a masquerade", "active behind SNAT"):
            example = dataclasses.replace(EXAMPLES[name], rules=EXAMPLES[name].rules + table("raw", HELPER), truth=WORKS)
            self.world.load(example)
            became = self.live(example)
            self.assertFalse(any(became.values()), became)
            said, _ = self.said(example)
            self.assertIn(said["outcome"], (UNKNOWN, WORKS), said["conclusion"])


class BothBackEnds(Cases):
    """iptables-legacy and iptables-nft have rules of their own, and the kernel asks both."""

    def test_the_other_one_is_not_forgotten(self):
        closed = table("filter", "-A INPUT -p tcp -m tcp --dport 21 -j DROP")
        for first, second in ((GUARDED, closed), (closed, GUARDED)):
            self.world.load(Example(first, BLOCKED, backend="nft"))
            with self.world.at("wall"):
                answers_world.do("iptables-legacy-restore", input=second)
                self.world.legacy_used.add("iptables")
                done = sallywall("explain", *Example("", BLOCKED).question(), status=1)
            self.assertRegex(done.stdout, r"rule 1 of INPUT in\s+the legacy filter table" if second == closed else r"rule 1 of INPUT\s+drops")
            self.assertTrue(any(answers_live.play_session(self.world, Example("", BLOCKED), answers_live.Plan("epsv")).values()))


class Differences(Cases):
    """What diff says when something beside the filter has changed."""

    def test_what_decides_beside_the_filter_is_no_silent_nothing(self):
        def check(example):
            plain = OPEN if example.place != "gateway" else GATEWAY
            files = [self.file(plain, "old"), self.file(example.rules, "new")]
            done = sallywall("diff", *files, *answers_ask.place_words(example, example.port), *PASV, status=(1, 3))
            self.assertRegex(done.stdout, example.names)
        self.for_each(check, lambda e: not e.nft and not e.exact and e.truth == BLOCKED and e.family == 4 and not e.sets)

    def test_the_same_rules_are_the_same(self):
        def check(example):
            old, new = self.file(example.rules, "old"), self.file(example.rules, "new")
            sallywall("diff", old, new, "-%d" % example.family, status=(0, 3))
        self.for_each(check, lambda e: not e.nft)


class Captured(Cases):
    """Captures of real sessions, and rules beside the filter."""

    def test_verdicts_are_right_or_unknown(self):
        def check(example):
            self.world.load(example)
            plan = answers_live.Plan(example.mode, passive_port=10090)
            plan.patience = dict.fromkeys(answers_live.TASKS, 4.0 if example.truth == WORKS else 0.3)
            frames, fates = answers_live.capture_session(self.world, example, plan)
            if not frames:  # all was dropped before it left
                return
            path = os.path.join(self.dir, "session.pcap")
            answers_live.write_pcap(path, frames)
            rules = self.file(self.world.saved(example))
            answer = self.program.ask("replay", path, "--rules", rules, *answers_ask.place_words(example))
            self.assertEqual(answers_ask.misjudged(answer.said["packets"], fates), [])
        self.for_each(check, lambda e: not e.nft and e.family == 4 and e.port == 21)


# --- what files say of themselves -------------------------------------------------------------------------------------

REMARKS = {
    "incompatible chains": ("# Table `filter' contains incompatible base-chains, use 'nft' tool to list them.\n", r"nft"),
    "an incompatible table": ("# Table `mangle' is incompatible, use 'nft' tool.\n", r"nft"),
    "legacy beside nft": ("# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n", r"legacy"),
}
FRAGMENTS = {
    "no chain of the system": "*filter\n:visitors-in - [0:0]\n:log-and-drop - [0:0]\n-A visitors-in -s 198.51.100.0/24 -j RETURN\n"
                              "-A visitors-in -p tcp -m tcp --dport 21 -j log-and-drop\n-A log-and-drop -j DROP\nCOMMIT\n",
    "another chain of the system": "*filter\n:OUTPUT ACCEPT [0:0]\n:only-ftp - [0:0]\n-A only-ftp -p tcp -m tcp --dport 21 -j ACCEPT\n"
                                   "-A only-ftp -j DROP\nCOMMIT\n",
}
SCRIPT = """#!/bin/sh
# rules of the branch office
LAN=lan1
FTP=192.0.2.10
PORTS="21 22"
FW=/usr/sbin/iptables
echo 1 > /proc/sys/net/ipv4/ip_forward
modprobe nf_conntrack_ftp
$FW -F
$FW -P INPUT DROP
$FW -P FORWARD DROP
$FW -A INPUT -i lo -j ACCEPT
$FW -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
for p in $PORTS; do
    $FW -A INPUT -p tcp -d $FTP --dport $p -m state --state NEW -j ACCEPT
done
if [ -n "$LAN" ]; then
    $FW -A INPUT -i $LAN -p udp --dport 53 -j ACCEPT
fi
"""
LISTING = """Chain INPUT (policy DROP 31 packets, 1860 bytes)
num   pkts bytes target     prot opt in     out     source               destination
1       12   720 ACCEPT     all  --  lo     *       0.0.0.0/0            0.0.0.0/0
2     4410  390K ACCEPT     all  --  *      *       0.0.0.0/0            0.0.0.0/0            ctstate RELATED,ESTABLISHED
3        9   540 ACCEPT     tcp  --  lan7   *       0.0.0.0/0            192.0.2.10           multiport dports 21,990

Chain FORWARD (policy DROP 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination

Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination
"""
TERSE = """Chain INPUT (policy DROP)
target     prot opt source               destination
ACCEPT     all  --  anywhere             anywhere
ACCEPT     tcp  --  anywhere             192.0.2.10           tcp dpt:ftp

Chain FORWARD (policy DROP)
target     prot opt source               destination

Chain OUTPUT (policy ACCEPT)
target     prot opt source               destination
"""
UFW = """Status: active

To                         Action      From
--                         ------      ----
22/tcp                     LIMIT       Anywhere
20,21/tcp                  ALLOW       198.51.100.0/24
"""
ENDS = ["--client", "198.51.100.7", "--server", "192.0.2.10", *PASV]


class Files(unittest.TestCase):
    """Forms of input, from the program alone."""

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()

    def explain(self, text, *options, status):
        return told("explain", "-", *options, input=text, status=status)

    def test_a_remark_in_the_file_makes_it_unknown(self):
        for name, (remark, names) in REMARKS.items():
            with self.subTest(name):
                for text in (remark + GUARDED, GUARDED + remark):
                    said = self.explain(text, *ENDS, status=3)
                    self.assertRegex(said["conclusion"], names)
                    self.assertEqual(said["fixes"], [])

    def test_other_comments_are_comments(self):
        self.explain("# Generated by iptables-save v1.8.9 (nf_tables) on Mon Nov  2 07:11:36 2026\n# ours: use 'nft' one day\n" + GUARDED,
                     *ENDS, status=0)

    def test_a_fragment_is_told_as_one(self):
        for name, text in FRAGMENTS.items():
            for place in ("server", "gateway"):
                with self.subTest(name, place=place):
                    said = self.explain(text, *ENDS, "--at", place, status=3)
                    self.assertRegex(" ".join([said["conclusion"], *said["notes"]]), r"(?i)fragment|reach|no chain|has no|not declared")
                    chain = re.search(r"(?m)^:([a-z-]+)", text)[1]
                    self.assertIn(chain, " ".join([said["conclusion"], *said["notes"]]))

    def test_a_descending_range_is_read_and_matches_nothing(self):
        rule = "-A INPUT -p %s -m %s --%sport %d:%d -j ACCEPT"
        for proto, side, first, last in (("udp", "d", 60000, 53), ("udp", "s", 2000, 1999), ("udp", "d", 65535, 0)):
            with self.subTest(proto=proto, side=side):
                text = table("filter", rule % (proto, proto, side, first, last), INPUT="DROP")
                self.assertIn(rule % (proto, proto, side, first, last), sallywall("save", "-", input=text, status=0).stdout)
                for port in (first, last, (first + last) // 2):
                    packet = "%s 198.51.100.7:%d > 192.0.2.10:%d" % (proto, port or 1, port or 1)
                    said = self.explain(text, "--packet", packet, status=1)
                    self.assertRegex(" ".join(said["notes"]), r"[Rr]ule 1 of INPUT.*(down|never|descend)")

    def test_a_script_is_read(self):
        """21 is open to the server; nothing reads what it announces, so passive data connections are dropped."""
        said = self.explain(SCRIPT, *ENDS, status=(1, 3))
        tasks = {task["name"]: task["outcome"] for task in said["tasks"]}
        self.assertNotEqual(tasks["connect"], BLOCKED)
        self.assertNotEqual(tasks["LIST"], WORKS)
        said = self.explain(SCRIPT.replace("21 22", "22"), *ENDS, status=(1, 3))
        self.assertNotEqual({task["name"]: task["outcome"] for task in said["tasks"]}["connect"], WORKS)

    def test_a_listing_is_read(self):
        """It says nothing of the other tables: whether a helper is set can't be known."""
        said = self.explain(LISTING, *ENDS, "--in", "lan7", status=3)
        self.assertRegex(" ".join([said["conclusion"], *said["notes"]]), r"(?i)listing|raw|table|helper")
        said = self.explain(LISTING, *ENDS, "--in", "wan7", status=(1, 3))
        self.assertNotEqual(said["tasks"][0]["outcome"], WORKS)

    def test_a_listing_without_interfaces_can_not_say_which(self):
        """Its first rule may be that of lo."""
        said = self.explain(TERSE, *ENDS, "--in", "lan7", status=3)
        self.assertRegex(" ".join([said["conclusion"], *said["notes"]]), r"(?i)interface|-v\b")

    def test_what_holds_too_little_is_refused_with_the_way_on(self):
        done = sallywall("explain", "-", *ENDS, input=UFW, status=2)
        self.assertRegex(done.stderr, r"ufw show raw|iptables-save")

    def test_a_line_of_the_kernels_log_is_a_packet(self):
        """Which rule drops it, and what would let it in."""
        rules = table("filter", STATE % "INPUT", "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", INPUT="DROP")
        for prefix in ("[  812.4] [UFW BLOCK] ", "Nov  3 04:05:06 box kernel: [99.1] refused: ", ""):
            line = prefix + ("IN=lan7 OUT= MAC=02:00:00:00:00:07:02:00:00:00:00:08:08:00 SRC=198.51.100.7 DST=192.0.2.10 LEN=60 TOS=0x00 "
                             "PREC=0x00 TTL=51 ID=771 DF PROTO=TCP SPT=41000 DPT=20107 WINDOW=64240 RES=0x00 SYN URGP=0")
            with self.subTest(prefix):
                said = self.explain(rules, "--packet", line, status=1)
                self.assertEqual((said["packets"][0]["source"], said["packets"][0]["destination"]), ("198.51.100.7:41000", "192.0.2.10:20107"))
                self.assertEqual(said["packets"][0]["hook"], "INPUT")
                self.assertRegex(said["conclusion"], r"INPUT")
                done = sallywall("explain", "-", "--packet", line, input=rules, status=1)
                self.assertRegex(done.stdout, r"iptables .*--dport 20107.* -j ACCEPT")

    def test_what_a_machine_says_to_itself_passes_both_ways_out_and_in(self):
        for chain, rule in (("OUTPUT", "--dport 21"), ("INPUT", "--dport 21"), ("OUTPUT", "--sport 21"), ("INPUT", "--sport 21")):
            rules = table("filter", "-A %s -p tcp -m tcp %s -j DROP" % (chain, rule))
            for asked in (["--client", "127.0.0.1", "--server", "127.0.0.1"], ["--client", "192.0.2.10", "--server", "192.0.2.10"],
                          ["--tcp", "127.0.0.1 > 127.0.0.1:21"]):
                with self.subTest(rules=rules.splitlines()[4], asked=asked):
                    self.explain(rules, *asked, status=(1, 3))

    def test_the_time_of_day_is_now_unless_another_is_said(self):
        past, later = "2020-01-01T00:00:00", "2037-01-01T00:00:00"
        packet = ["--packet", "udp 198.51.100.7:5000 > 192.0.2.10:53"]
        for words, status in (("--datestop " + past, 0), ("--datestart " + past, 1), ("--datestart " + later, 0),
                              ("--datestart %s --datestop %s" % (past, later), 1)):
            with self.subTest(words):
                self.explain(table("filter", "-A INPUT -m time %s -j DROP" % words), *packet, status=status)
        rules = table("filter", "-A INPUT -m time --datestop %s -j DROP" % past)
        self.explain(rules, *packet, "--time", "2019-06-01T12:00", status=1)

    def test_rules_of_nft_are_evaluated(self):
        text = EXAMPLES["a table of nft"].nft[0]
        done = sallywall("explain", "-", *ENDS, input=text, status=1)
        self.assertIn("inet office", done.stdout)
        friend = ["--client", "203.0.113.5", "--server", "192.0.2.10"]
        done = sallywall("explain", "-", *friend, input=text.replace("policy drop", "policy accept"), status=0)

    def test_nft_says_what_it_refuses(self):
        done = sallywall("explain", "-", *ENDS, input="table inet x {\n chain y {\n  no such thing\n }\n}\n", status=2)
        self.assertRegex(done.stderr, r"nft refuses[^$]*:3:")
        done = sallywall("explain", "-", *ENDS, input='{"nftables": [\n{"table": }\n]}', status=2)
        self.assertRegex(done.stderr, r":2:\d+: ")


if __name__ == "__main__":
    unittest.main()
