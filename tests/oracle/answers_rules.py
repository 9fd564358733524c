# SPDX-License-Identifier: BSD-2-Clause
"""Rule sets for tests/oracle/answers.py, made at random: of the sorts that people have, and of those that decide beside the
filter table (nat, mangle, security, sets that rules fill, tables of nft's own)."""
import dataclasses
import random

from answers_world import CLIENT, EMPTY, SECOND, SERVER, WALL_IN, WALL_OUT

PASV = (10090, 10100)
OTHER_PORT = 2121  # where each machine's other FTP server listens
STRANGER = {4: "203.0.113.77", 6: "2001:db8:dead::77"}
SORTS = ("plain", "nat", "mangle", "written", "security", "sets", "odd", "nft", "both", "mixed")


@dataclasses.dataclass
class Case:
    """One rule set, where it stands, and of which sort it is."""
    seed: str
    family: int
    place: str  # server, gateway, client: where the wall stands; itself: it is both ends
    backend: str  # nft, legacy
    sort: str
    policies: dict  # {(table, chain): policy}
    rules: list  # (table, chain, words) in order
    chains: list  # (table, name) of chains of one's own
    other: list = dataclasses.field(default_factory=list)  # rules that stand in the other back end
    nft: list = dataclasses.field(default_factory=list)  # whole texts for nft -f
    sets: list = dataclasses.field(default_factory=list)  # lines for ipset restore

    def text(self, rules, chains=(), policies=None):
        tables = sorted({t for t, *_ in rules} | {t for t, _ in chains} | {t for t, _ in policies or {}})
        lines = []
        for table in tables:
            lines += ["*" + table]
            lines += [":%s %s [0:0]" % (chain, (policies or {}).get((table, chain), "ACCEPT")) for chain in EMPTY[table].split()]
            lines += [":%s - [0:0]" % name for t, name in chains if t == table]
            lines += ["-A %s %s" % (chain, words) for t, chain, words in rules if t == table]
            lines += ["COMMIT"]
        return "\n".join(lines) + "\n"

    def restores(self):
        """(back end, text for its restore program) in the order in which they are loaded."""
        yield self.backend, self.text(self.rules, self.chains, self.policies)
        if self.other:
            yield ("legacy" if self.backend == "nft" else "nft"), self.text(self.other)

    def hidden(self):
        """Does anything stand beside these rules, in a place that iptables-save does not print?"""
        return bool(self.nft or self.other)

    def smaller(self):
        """Cases that lack one thing of this one."""
        for name in ("nft", "other", "rules"):
            whole = getattr(self, name)
            for i in reversed(range(len(whole))):
                yield dataclasses.replace(self, **{name: whole[:i] + whole[i + 1:]})
        for key in self.policies:
            yield dataclasses.replace(self, policies={k: v for k, v in self.policies.items() if k != key})
        for key in self.chains:
            if not any(key == (t, c) or t == key[0] and w.split()[-1] == key[1] for t, c, w in self.rules):
                yield dataclasses.replace(self, chains=[c for c in self.chains if c != key])

    def told(self):
        lines = ["wall at the %s, IPv%d" % (self.place, self.family)]
        lines += ["ipset " + line for line in self.sets]
        for backend, text in self.restores():
            lines += ["%s-restore:" % backend, *text.splitlines()]
        for text in self.nft:
            lines += ["nft -f:", *text.splitlines()]
        return "\n".join("    " + line for line in lines)


class Maker:
    def __init__(self, seed, sort=None):
        self.rng = random.Random(seed)
        self.family = self.pick(4, 4, 4, 6)
        self.place = self.pick(*["server"] * 6, *["gateway"] * 6, *["client"] * 3, "itself")
        self.sort = sort or self.rng.choice(("plain", *SORTS))
        self.case = Case(seed, self.family, self.place, self.pick("nft", "nft", "legacy"), self.sort, {}, [], [])

    # --- small choices ---------------------------------------------------------------------------------------------

    def pick(self, *choices):
        return self.rng.choice(choices)

    def maybe(self, chance):
        return self.rng.random() < chance

    def ends(self):
        """The client's and the server's address, as the wall sees them before any translation."""
        if self.place in ("server", "itself"):
            return (CLIENT if self.place == "server" else WALL_IN)[self.family], WALL_IN[self.family]
        return (CLIENT if self.place == "gateway" else WALL_OUT)[self.family], SERVER[self.family]

    def hooks(self):
        """The filter chains that (what the client sends, what the server sends) passes."""
        return {"server": ("INPUT", "OUTPUT"), "gateway": ("FORWARD", "FORWARD"), "client": ("OUTPUT", "INPUT"),
                "itself": self.pick(("INPUT", "OUTPUT"), ("OUTPUT", "INPUT"))}[self.place]

    def port(self):
        return self.pick("20", "21", "21", "22", "%d:%d" % PASV, "%d:%d" % PASV, "1024:65535", "2121", "40000:41000")

    # --- what rules ask --------------------------------------------------------------------------------------------

    def interface(self, chain):
        ways = {"INPUT": "i", "PREROUTING": "i", "OUTPUT": "o", "POSTROUTING": "o"}
        way = ways.get(chain) or self.pick("i", "o")
        return "%s-%s %s" % (self.pick("", "", "", "! "), way, self.pick("eth0", "eth1", "eth+", "lo", "ppp0"))

    def address(self):
        client, server = self.ends()
        one = self.pick(client, server, STRANGER[self.family])
        mask = self.pick("", "/24" if self.family == 4 else "/64")
        return "%s-%s %s%s" % (self.pick("", "", "! "), self.pick("s", "d"), one, mask)

    def state(self):
        module, option = self.pick(("conntrack", "ctstate"), ("state", "state"))
        states = self.pick("NEW", "ESTABLISHED", "RELATED", "RELATED,ESTABLISHED", "RELATED,ESTABLISHED", "INVALID",
                           "NEW,ESTABLISHED", "UNTRACKED", "INVALID,UNTRACKED")
        return "-m %s %s--%s %s" % (module, self.pick("", "", "", "! "), option, states)

    def protocol(self):
        icmp = "-p icmp" if self.family == 4 else "-p ipv6-icmp"
        return self.pick("-p tcp", "-p udp", icmp, "-p tcp --dport " + self.port(), "-p tcp --dport " + self.port(),
                         "-p tcp --sport " + self.port(), "-p udp --dport 53", "-p tcp -m multiport --dports 21,22,%d:%d" % PASV,
                         "-p tcp --syn", "-p tcp --tcp-flags SYN,ACK SYN,ACK", "-p tcp ! --syn")

    def deep(self):
        """Of what other tables change or what conntrack knows beyond the state."""
        client, server = self.ends()
        ttl = "-m ttl --ttl-%s %d" % (self.pick("eq", "lt", "gt"), self.pick(1, 5, 62, 63, 64, 65, 128))
        hl = ttl.replace("ttl", "hl")
        return self.pick("-m mark --mark 0x%x" % self.pick(0, 1, 2), "-m mark ! --mark 0x1", "-m connmark --mark 0x1",
                         "-m mark --mark 0x1/0x1", ttl if self.family == 4 else hl, "-m tos --tos 0x10", "-m dscp --dscp 0x0a",
                         "-m dscp ! --dscp 0x0a", "-p tcp --syn -m tcpmss --mss 1:1300", "-m conntrack --ctstate DNAT",
                         "-m conntrack ! --ctstate SNAT", "-p tcp -m conntrack --ctorigdstport 21",
                         "-m conntrack --ctorigdst " + server, "-m conntrack --ctreplsrc " + server,
                         "-m conntrack --ctorigsrc " + client, "-m conntrack --ctdir ORIGINAL", "-m helper --helper ftp",
                         "-m addrtype --dst-type LOCAL", "-m addrtype --src-type UNICAST", "-m length --length 40:120",
                         "-m conntrack --ctstatus ASSURED", "-m conntrack --ctstatus EXPECTED", "-m pkttype --pkt-type unicast",
                         "-m conntrack --ctstatus SEEN_REPLY")

    def question(self, chain, deep=0.1):
        asked = []
        if self.maybe(0.5):
            asked.append(self.protocol())
        if self.maybe(0.25):
            asked.append(self.address())
        if self.maybe(0.2):
            asked.append(self.interface(chain))
        if self.maybe(0.3):
            asked.append(self.state())
        if self.maybe(deep):
            extra = self.deep()
            if extra.startswith("-p") and any(a.startswith("-p") for a in asked):
                asked = [a for a in asked if not a.startswith("-p")]
            asked.insert(0, extra)
        return " ".join(asked)

    # --- the filter and raw tables ---------------------------------------------------------------------------------

    def add(self, table, chain, *words, first=False):
        rule = (table, chain, " ".join(w for w in words if w))
        own = [i for i, (t, c, _) in enumerate(self.case.rules) if (t, c) == (table, chain)]
        at = own[0] if first and own else len(self.case.rules)
        self.case.rules.insert(at, rule)

    def usual(self):
        """Rules as guides have them, some of them forgotten."""
        there, back = self.hooks()
        wanted = [(there, "-p tcp --dport 21 -j ACCEPT", 0.85), (there, self.state_rule(), 0.6),
                  (there, "-p tcp --dport %d:%d -j ACCEPT" % PASV, 0.35), (there, "-p tcp --dport 20 -j ACCEPT", 0.2),
                  (there, "-p tcp --sport 20 --dport 1024:65535 -j ACCEPT", 0.1), ("INPUT", "-i lo -j ACCEPT", 0.3),
                  (there, "-p tcp --sport 1024: --dport 1024: -m state --state ESTABLISHED -j ACCEPT", 0.1)]
        if back != there or self.maybe(0.7):
            wanted += [(back, self.state_rule(), 0.7), (back, "-p tcp --sport 21 -j ACCEPT", 0.3),
                       (back, "-p tcp --sport 20 -j ACCEPT", 0.3)]
        rules = [(chain, words) for chain, words, chance in wanted if self.maybe(chance)]
        if self.maybe(0.3):
            self.rng.shuffle(rules)
        for chain, words in rules:
            self.add("filter", chain, words)
        for chain in dict.fromkeys((there, back)):
            self.close_chain(chain, 0.8 if chain == there else 0.35)

    def state_rule(self):
        return self.pick("-m state --state RELATED,ESTABLISHED -j ACCEPT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                         "-m conntrack --ctstate ESTABLISHED -j ACCEPT",
                         "-p tcp --dport 1024:65535 -m state --state RELATED,ESTABLISHED -j ACCEPT",
                         "-p tcp -m state --state NEW,RELATED,ESTABLISHED -j ACCEPT")

    def close_chain(self, chain, chance):
        if not self.maybe(chance):
            return
        if self.maybe(0.5):
            self.case.policies["filter", chain] = "DROP"
        else:
            self.add("filter", chain, self.pick("", "-p tcp", self.address()), self.pick("-j DROP", "-j REJECT"))

    def some(self, table, chains, targets, count, deep=0.1):
        """Rules of any kind at any place."""
        for _ in range(count):
            chain = self.pick(*chains)
            self.add(table, chain, self.question(chain, deep), "-j " + self.pick(*targets), first=self.maybe(0.4))

    def own_chain(self, table):
        """Part of a chain's rules moves to a chain of its own."""
        used = sorted({c for t, c, _ in self.case.rules if t == table and c.isupper()})
        if not used:
            return
        chain, name = self.pick(*used), self.pick("own-rules", "office", "ftp_in")
        self.case.chains.append((table, name))
        jump = (table, chain, (self.question(chain, 0) + self.pick(" -j ", " -j ", " -g ") + name).strip())
        moved, rules = [], []
        for rule in self.case.rules:
            (moved if rule[:2] == (table, chain) and self.maybe(0.5) else rules).append(rule)
        rules.insert(self.rng.randrange(len(rules) + 1), jump)
        self.case.rules = rules + [(t, name, words) for t, _, words in moved]

    def raw(self):
        if self.maybe(0.5):
            self.add("raw", self.pick("PREROUTING", "PREROUTING", "OUTPUT"), "-p tcp --dport 21 -j CT --helper ftp")
        if self.maybe(0.15):
            self.some("raw", ("PREROUTING", "OUTPUT"), ("DROP", "ACCEPT", "NOTRACK", "CT --notrack", "TRACE", "DROP"), 1, 0.03)
        if self.maybe(0.03):
            self.case.policies["raw", self.pick("PREROUTING", "OUTPUT")] = "DROP"

    def plain(self):
        self.raw()
        self.usual()
        if self.maybe(0.4):
            self.some("filter", sorted({*self.hooks()}), ("ACCEPT", "DROP", "REJECT", "RETURN"), self.pick(1, 2, 3))
        if self.maybe(0.25):
            self.own_chain("filter")

    # --- what decides beside them ----------------------------------------------------------------------------------

    def ask_later(self):
        """A filter rule that asks for what another table has changed."""
        chain = self.pick(*self.hooks())
        self.add("filter", chain, self.deep(), "-j " + self.pick("ACCEPT", "DROP", "DROP"), first=self.maybe(0.7))

    def target_of_dnat(self):
        one = self.pick(SERVER, SECOND, WALL_IN, WALL_OUT)[self.family]
        bracketed = "[%s]" % one if self.family == 6 else one
        return self.pick("DNAT --to-destination %s:%d" % (bracketed, OTHER_PORT), "DNAT --to-destination " + one,
                         "DNAT --to-destination :%d" % OTHER_PORT, "REDIRECT --to-ports %d" % OTHER_PORT,
                         "DNAT --to-destination %s:%d-%d" % (bracketed, *PASV), "NETMAP --to " + self.network())

    def network(self):
        return self.pick("198.51.100.0/24", "192.0.2.0/24") if self.family == 4 else self.pick("2001:db8:64::/64", "2001:db8:2::/64")

    def target_of_snat(self, chain):
        one = self.pick(WALL_IN, WALL_OUT, STRANGER)[self.family]
        choices = ["SNAT --to-source " + one, "SNAT --to-source %s:50000-50100" % ("[%s]" % one if self.family == 6 else one)]
        if chain == "POSTROUTING":
            choices += ["MASQUERADE", "MASQUERADE", "MASQUERADE --random", "NETMAP --to " + self.network()]
        return self.pick(*choices)

    def nat(self):
        for _ in range(self.pick(1, 1, 2, 3)):
            chain = self.pick("PREROUTING", "PREROUTING", "OUTPUT", "POSTROUTING", "POSTROUTING", "INPUT")
            target = self.target_of_dnat() if chain in ("PREROUTING", "OUTPUT") else self.target_of_snat(chain)
            asked = self.pick("-p tcp --dport 21", "-p tcp --dport 21", "-p tcp --dport %d:%d" % PASV, "-p tcp", "-p udp",
                              "-p tcp -s %s" % STRANGER[self.family], "-p tcp " + self.interface(chain), "-p tcp " + self.address())
            if not (":" in target.replace("::", "") or "ports" in target) and self.maybe(0.3):
                asked = self.pick("", self.interface(chain))
            self.add("nat", chain, asked, "-j " + self.pick(target, target, target, target, target, "ACCEPT"))
        if self.maybe(0.3):
            self.own_chain("nat")
        if self.maybe(0.3):
            self.ask_later()

    def mangle(self):
        chains = EMPTY["mangle"].split()
        ttl = ("TTL --ttl-set 1", "TTL --ttl-set 5", "TTL --ttl-dec 1", "TTL --ttl-inc 2")
        targets = ["MARK --set-mark 1", "MARK --set-xmark 0x1/0x1", "CONNMARK --set-mark 1", "CONNMARK --save-mark",
                   "CONNMARK --restore-mark", "DROP", "DROP", "TOS --set-tos 0x10", "DSCP --set-dscp 0x0a", "ACCEPT", "RETURN",
                   *(ttl if self.family == 4 else (t.replace("TTL", "HL").replace("ttl", "hl") for t in ttl))]
        self.some("mangle", chains, targets, self.pick(1, 2, 3), 0.15)
        if self.maybe(0.25):
            self.add("mangle", self.pick("FORWARD", "OUTPUT", "POSTROUTING"), "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS",
                     self.pick("--set-mss 1200", "--clamp-mss-to-pmtu"))
        if self.maybe(0.25):
            self.case.policies["mangle", self.pick(*chains)] = "DROP"
        for _ in range(self.pick(0, 1, 1, 2)):
            self.ask_later()
        if self.maybe(0.25):
            self.own_chain("mangle")

    # --- headers that are written, and asked for later ---------------------------------------------------------------

    def writing(self):
        ttl = "TTL --ttl-%s" if self.family == 4 else "HL --hl-%s"
        return self.pick(ttl % "set %d" % self.pick(0, 1, 2, 5, 64, 65), ttl % "set %d" % self.pick(2, 5, 63), ttl % "inc 2", ttl % "dec 1",
                         "TOS --set-tos 0x%02x" % self.pick(0, 4, 16), "TOS --set-tos 0x10/0x1c", "TOS --or-tos 0x08", "TOS --and-tos 0xe3",
                         "TOS --xor-tos 0x14", "DSCP --set-dscp 0x%02x" % self.pick(0, 2, 4, 10), "TCPMSS --set-mss %d" % self.pick(500, 1200, 9000))

    def asking(self):
        ttl = "-m ttl --ttl-%s %d" if self.family == 4 else "-m hl --hl-%s %d"
        return self.pick(ttl % (self.pick("eq", "lt", "gt"), self.pick(1, 2, 4, 5, 62, 63, 64, 65)), ttl % ("eq", self.pick(4, 5)),
                         "-m tos --tos 0x%02x/0x%02x" % self.pick((0x10, 0x10), (4, 0xff), (0, 0x1c), (0x08, 0x1c), (0x10, 0xff), (0x14, 0x14)),
                         "-m dscp --dscp 0x%02x" % self.pick(0, 2, 4, 10), "-m dscp ! --dscp 0x02",
                         "-p tcp --syn -m tcpmss --mss %s" % self.pick("1:65535", "1201:1500", "500", "1:1200", "1200:9000"), "-m tos --tos Minimize-Delay")

    def writing_of_nft(self):
        ip, hops = ("ip", "ttl") if self.family == 4 else ("ip6", "hoplimit")
        return self.pick("%s %s set %d" % (ip, hops, self.pick(1, 2, 5, 65)), "%s dscp set %d" % (ip, self.pick(0, 2, 4)),
                         "tcp option maxseg size set %d" % self.pick(500, 1200, 9000), "%s dscp set af11" % ip)

    def asking_of_nft(self):
        """No sets of dscp: where there is one, nft 1.0.6 dies of inserting a rule by its place."""
        ip, hops = ("ip", "ttl") if self.family == 4 else ("ip6", "hoplimit")
        return self.pick("%s %s %d" % (ip, hops, self.pick(1, 4, 5, 63, 64)), "%s %s < %d" % (ip, hops, self.pick(2, 6, 64)),
                         "%s dscp %d" % (ip, self.pick(0, 2, 4, 10)), "%s dscp != 2" % ip, "tcp option maxseg size < 1300",
                         "tcp option maxseg size 500", "tcp flags syn tcp option maxseg exists")

    def written(self):
        for _ in range(self.pick(1, 1, 2, 3)):
            target = self.writing()
            asked = "-p tcp --tcp-flags SYN,RST SYN" if "MSS" in target else self.pick("", "", "-p tcp", "-p tcp --dport 21", "-p tcp --sport 21")
            self.add("mangle", self.pick(*EMPTY["mangle"].split()), asked, "-j " + target)
        for _ in range(self.pick(1, 2)):
            table = self.pick("filter", "filter", "mangle", "security")
            chain = self.pick(*self.hooks()) if table == "filter" else self.pick(*EMPTY[table].split())
            self.add(table, chain, self.asking(), "-j " + self.pick("DROP", "DROP", "ACCEPT"), first=table == "filter" and self.maybe(0.7))
        if self.maybe(0.3):
            ip = "ip" if self.family == 4 else "ip6"
            chain = "type filter hook %s priority %s;" % (self.pick("prerouting", "input", "forward", "output", "postrouting"), self.pick("-160", "-140", "5", "60"))
            question = self.pick("", "tcp dport 21 ", "meta l4proto tcp ")
            self.case.nft.append(self.nft_table(self.pick("inet", ip), chain, [self.pick(question, "") + self.writing_of_nft(), self.asking_of_nft() + " drop"]))

    def security(self):
        chains = EMPTY["security"].split()
        self.some("security", chains, ("DROP", "DROP", "ACCEPT", "RETURN", "MARK --set-mark 1")[:4], self.pick(1, 2))
        if self.maybe(0.4):
            self.case.policies["security", self.pick(*chains)] = "DROP"

    def fill_sets(self):
        """A rule puts an address into a set, and another one asks for it."""
        kind = self.pick("hash:ip", "hash:ip,port", "hash:net", "hash:net,port")
        full = self.pick("", "", "", " maxelem 1", " maxelem 2")
        self.case.sets = ["create seen %s family %s%s" % (kind, "inet" if self.family == 4 else "inet6", full)]
        has_port = kind.endswith(",port")
        side = self.pick("src,dst", "dst,dst", "src,src") if has_port else self.pick("src", "dst")
        if "net" in kind and self.maybe(0.5):  # what is added is as small as that
            self.case.sets.append("add seen " + self.pick("10.77.0.0/16", "10.77.7.0/24") + (",tcp:21" if has_port else "") if self.family == 4
                                  else "add seen 2001:db8:77::/48" + (",tcp:21" if has_port else ""))
        table, chains = self.pick(("filter", self.hooks()), ("raw", ("PREROUTING", "OUTPUT")), ("mangle", ("PREROUTING", "INPUT")))
        if self.maybe(0.3):
            self.case.sets.append("add seen " + self.ends()[0] + (",tcp:21" if has_port else ""))
        self.add(table, self.pick(*chains), self.pick("-p tcp --dport 21", "", "-p tcp" if has_port else self.protocol()),
                 "-j SET --%s-set seen %s" % (self.pick("add", "add", "del"), side), first=self.maybe(0.6))
        self.add("filter", self.pick(*self.hooks()), "-m set %s--match-set seen %s" % (self.pick("", "! "), side),
                 "-j " + self.pick("ACCEPT", "DROP", "REJECT"), first=self.maybe(0.6))

    def odd_question(self, table):
        """By what came before, by chance, by the clock, by who sends, by bytes, by what a socket or a route says."""
        number = self.pick(1, 2, 3)
        choices = ["-m limit --limit %d/hour --limit-burst %d" % (number, self.pick(1, 2, 40)),
                   "-m recent --name seen --set", "-m recent --name seen --rcheck", "-m recent --name seen --update --seconds 60",
                   "-m recent --name seen ! --rcheck", "-m recent --name seen --rcheck --hitcount %d" % number,
                   "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst %d --hashlimit-mode srcip --hashlimit-name h" % number,
                   "-m hashlimit --hashlimit-above 1/hour --hashlimit-burst %d --hashlimit-name h" % number,
                   "-m statistic --mode nth --every %d --packet 0" % number, "-m statistic --mode random --probability 0.5",
                   "-p tcp -m connlimit --connlimit-above %d" % number, "-p tcp --syn -m connlimit --connlimit-upto 1",
                   "-m connbytes --connbytes %d --connbytes-mode packets --connbytes-dir both" % number,
                   "-m quota --quota %d" % self.pick(0, 100, 100000), "-m time --timestart 00:00 --timestop 23:59:59",
                   "-m time --datestop 2020-01-01", "-m u32 --u32 0&0xff=0", "-m string --string USER --algo bm",
                   "-m policy --dir in --pol none", "-m policy --dir in --pol ipsec", "-m cpu --cpu 0", "-m socket",
                   "-m conntrack --ctproto tcp", "-m conntrack --ctexpire 1:100", "-m ecn --ecn-tcp-cwr -p tcp", "-m realm --realm 1",
                   "-m devgroup --src-group 0", "-m connlabel --label 1", "-m cgroup --cgroup 1", "-m rpfilter", "-m rpfilter --invert",
                   "-p tcp -m tcp --tcp-option 8", "-m physdev --physdev-is-bridged", "-m osf --genre Linux -p tcp",
                   "-m owner --uid-owner 0", "-m owner --socket-exists", "-m nfacct --nfacct-name x", "-m dst", "-m rt", "-m frag"]
        return self.pick(*choices)

    def odd_target(self, table):
        targets = ["ACCEPT", "DROP", "DROP", "LOG --log-level 7", "NFLOG --nflog-group 5", "NFQUEUE --queue-num 3",
                   "NFQUEUE --queue-num 3 --queue-bypass", "AUDIT --type accept", "RETURN"]
        if table == "filter":
            targets += ["REJECT --reject-with tcp-reset", "SYNPROXY"]
        if table == "raw":
            targets += ["CT --zone 1", "CT --zone-orig 2", "CT --zone-reply 2", "CT --ctevents new", "TRACE", "NOTRACK", "SYNPROXY"]
        if table == "mangle":
            targets += ["TPROXY --on-port 2121 --tproxy-mark 0x1/0x1", "ECN --ecn-tcp-remove", "CHECKSUM --checksum-fill",
                        "CLASSIFY --set-class 1:2", "TEE --gateway " + SECOND[self.family], "TTL --ttl-dec 63", "TTL --ttl-dec 62",
                        "MARK --set-mark 1", "IDLETIMER --timeout 9 --label x", "HMARK --hmark-tuple src --hmark-mod 3 --hmark-rnd 1"]
        return self.pick(*targets)

    def odd(self):
        """Matches and targets that are seldom seen. What the kernel or iptables refuses here is left out beforehand."""
        for _ in range(self.pick(1, 1, 2)):
            table = self.pick("filter", "filter", "filter", "raw", "mangle")
            chain = self.pick(*(self.hooks() if table == "filter" else EMPTY[table].split()))
            asked, target = self.odd_question(table), self.odd_target(table)
            if "tcp-reset" in target or target in ("SYNPROXY", "ECN --ecn-tcp-remove"):
                asked = "-p tcp --dport 21"
            if target.startswith("TPROXY"):
                chain, asked = "PREROUTING", "-p tcp --dport 21"
            self.add(table, chain, asked, "-j " + target, first=self.maybe(0.6))
        if self.maybe(0.3):
            self.ask_later()

    # --- tables of nft's own ---------------------------------------------------------------------------------------

    def nft_question(self):
        client, server = self.ends()
        ip = "ip" if self.family == 4 else "ip6"
        return self.pick("tcp dport 21", "tcp sport 21", "tcp dport { 20, 21, 22 }", "tcp dport %d-%d" % PASV, "ct state new",
                         "ct state established", "ct state related", "%s saddr %s" % (ip, client), "%s daddr %s" % (ip, server),
                         "iifname eth0", "oifname eth0", "meta l4proto tcp", "udp dport 53", "meta mark 1", "",
                         "tcp flags syn / syn,ack", "tcp dport != 22", "%s saddr %s" % (ip, STRANGER[self.family]),
                         "%s saddr . tcp dport { %s . 21, %s . 20-22 }" % (ip, client, server), "%s saddr != { %s, %s }" % (ip, client, STRANGER[self.family]),
                         "tcp dport { 20-22, 1024-65535 }", "ct direction reply", "ct direction original ct state new", "ct status assured", "ct helper \"ftp\"",
                         "meta l4proto tcp ct original proto-dst 21", "ct original %s saddr %s" % (ip, client), "fib daddr type local", "meta pkttype host",
                         "meta mark . tcp dport { 0 . 21, 1 . 21 }", "ct mark 1", "ct state { new, established } tcp sport 21", "iifname \"eth*\" tcp dport 21",
                         "ct state != established", "tcp option maxseg exists", "tcp flags fin,rst", "@th,16,16 21", "meta mark & 0x1 == 0x1", "%s daddr & %s == %s" % (
                             ip, "255.255.255.0" if self.family == 4 else "ffff:ffff::", "192.0.2.0" if self.family == 4 else "2001:db8::"))

    def nft_statement(self, hook):
        choices = ["drop", "drop", "accept", "counter", "meta mark set 1", "ct mark set 1", "limit rate 1/minute burst 1 packets accept", "ct count over 1 drop",
                   "limit rate over 1/minute burst 3 packets drop", "quota over 2000 bytes drop", "meta mark set meta mark | 0x1", "ct mark set meta mark", "meta mark set ct mark",
                   "continue", "return", "log"]
        if hook in ("input", "forward", "output"):
            choices += ["reject", "reject with tcp reset"]
        if hook == "prerouting":
            choices += ["notrack"]
        return self.pick(*choices)

    def nft_rule(self, hook):
        question, statement = self.nft_question(), self.nft_statement(hook)
        if hook in ("forward", "output", "postrouting") and self.maybe(0.06):
            question = "rt %s nexthop %s%s" % ("ip" if self.family == 4 else "ip6", self.pick("", "!= "), self.pick(*self.ends()))
        if "oifname" in question and hook in ("prerouting", "input") or "iifname" in question and hook in ("output", "postrouting"):
            question = ""
        if "tcp reset" in statement:
            question = "meta l4proto tcp"
        if "state" in question and statement == "notrack":
            question = ""
        return ("%s %s" % (question, statement)).strip()

    def nft_filter(self, family):
        hook = self.pick("prerouting", "input", "input", "forward", "forward", "output", "postrouting")
        priority = self.pick("filter", "filter", "filter - 10", "filter + 10", "-300", "-200", "-150", "50", "100", "300")
        rules = [self.nft_rule(hook) for _ in range(self.pick(1, 1, 2, 3))]
        if any(r.endswith("notrack") for r in rules):
            priority = "-300"
        policy = self.pick("accept", "accept", "drop")
        if policy == "drop" and self.maybe(0.6):
            rules.append("ct state established,related accept")
        return self.nft_table(family, "type filter hook %s priority %s; policy %s;" % (hook, priority, policy), rules)

    def nft_nat(self, family):
        to = self.pick(SERVER, SECOND, WALL_IN)[self.family]
        ip = "ip" if self.family == 4 else "ip6"
        if self.maybe(0.6):
            chain = "type nat hook %s priority dstnat;" % self.pick("prerouting", "output").replace("output", "output")
            chain = chain.replace("output priority dstnat", "output priority -100")
            rule = self.pick("tcp dport 21 dnat %s to %s" % ("to" if False else ip if family == "inet" else "", to),
                             "tcp dport 21 redirect to :%d" % OTHER_PORT)
        else:
            chain = "type nat hook postrouting priority srcnat;"
            rule = self.pick("masquerade", "oifname eth1 masquerade", "meta l4proto tcp snat %s to %s" % (ip if family == "inet" else "", to))
        return self.nft_table(family, chain, [rule])

    def nft_helper(self, family):
        body = "\tct helper ftp-std {\n\t\ttype \"ftp\" protocol tcp;\n\t}\n"
        return self.nft_table(family, "type filter hook %s priority filter;" % self.pick("prerouting", "output"),
                              ["tcp dport 21 ct helper set \"ftp-std\""], body)

    def nft_ingress(self, _):
        chain = "type filter hook ingress device %s priority 0; policy accept;" % self.pick("eth0", "eth1")
        return self.nft_table(self.pick("netdev", "inet"), chain, [self.pick("tcp dport 21 drop", "tcp sport 21 drop", "udp dport 53 drop",
                                                                           "tcp dport %d-%d drop" % PASV)])

    def nft_map(self, family):
        body = "\tmap by_port {\n\t\ttype inet_service : verdict\n\t\telements = { 21 : %s, 53 : accept, 22 : drop }\n\t}\n" % self.pick("accept", "drop")
        return self.nft_table(family, "type filter hook %s priority filter;" % self.pick("input", "forward", "output"),
                              ["tcp dport vmap @by_port", "ct state vmap { established : accept, invalid : drop }"], body)

    def nft_chains(self, family):
        """Chains that lead to one another, a set that rules fill, and maps."""
        ip, kind = ("ip", "ipv4_addr") if self.family == 4 else ("ip6", "ipv6_addr")
        hook = self.pick("prerouting", "input", "input", "forward", "forward", "output", "postrouting")
        client, server = self.ends()
        verdict = lambda: self.pick("accept", "drop", "jump first", "goto second", "return", "continue")
        body = "\tset seen {\n\t\ttype %s\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t}\n" % kind
        body += "\tmap marks {\n\t\ttype inet_service : mark\n\t\telements = { 21 : 0x1, 20 : 0x2 }\n\t}\n"
        for name in ("second", "first"):
            lines = [r.replace("jump first", "accept") for r in (self.nft_rule(hook), self.nft_rule(hook))]
            body += "\tchain %s {\n%s\t}\n" % (name, "".join("\t\t%s\n" % r for r in lines if "notrack" not in r))
        some = ["tcp dport vmap { 21 : %s, 20 : %s, 1024-65535 : %s }" % (verdict(), verdict(), verdict()), "ct state vmap { established : accept, new : %s, related : %s }" % (verdict(), verdict()),
                "%s saddr . tcp dport vmap { %s . 21 : %s, %s . 21 : %s }" % (ip, client, verdict(), server, verdict()), "jump first", "tcp dport 21 goto second",
                "tcp flags syn add @seen { %s saddr }" % ip, "%s saddr @seen %s" % (ip, self.pick("accept", "drop")), "%s daddr @seen accept" % ip,
                "update @seen { %s saddr limit rate over 1/minute burst 3 packets } drop" % ip, "add @seen { %s saddr ct count over 1 } drop" % ip,
                "meta mark set tcp dport map @marks", "meta mark vmap { 0x1 : %s, 0x2 : drop }" % verdict(), "tcp sport 21 accept"]
        rules = self.rng.sample(some, self.pick(2, 3, 4))
        return self.nft_table(family, "type filter hook %s priority %s; policy %s;" % (hook, self.pick("filter", "-150", "5", "60"), self.pick("accept", "accept", "drop")), rules, body)

    def nft_table(self, family, chain, rules, body=""):
        ip = "ip" if self.family == 4 else "ip6"
        name = self.pick("office", "guard", "mine", "fw4")
        if family == ip and self.case.backend == "nft" and self.maybe(0.15):
            name = self.pick("filter", "raw")
        lines = "".join("\t\t%s\n" % r for r in [chain, *rules])
        return "table %s %s {\n%s\tchain %s {\n%s\t}\n}\n" % (family, name, body, self.pick("one", "two", "three"), lines)

    def beside(self):
        for _ in range(self.pick(1, 1, 1, 2)):
            family = self.pick("inet", "inet", "ip" if self.family == 4 else "ip6", "ip" if self.family == 4 else "ip6",
                               "ip6" if self.family == 4 else "ip")
            make = self.pick(self.nft_filter, self.nft_filter, self.nft_filter, self.nft_chains, self.nft_chains, self.nft_chains, self.nft_nat, self.nft_helper, self.nft_ingress,
                             self.nft_map)
            if family == ("ip6" if self.family == 4 else "ip"):
                self.case.nft.append(self.nft_table(family, "type filter hook input priority 0; policy drop;", []))
            else:
                self.case.nft.append(make(family))

    def in_both(self):
        """The other back end has rules as well."""
        there, back = self.hooks()
        chain = self.pick(there, there, back)
        self.case.other = [("filter", chain, (self.question(chain, 0) + " -j " + self.pick("DROP", "ACCEPT", "REJECT")).strip())]
        if self.maybe(0.3):
            self.case.other.append(("raw", "PREROUTING", "-p tcp --dport 21 -j CT --helper ftp"))

    def make(self):
        """The case of this seed."""
        self.plain()
        parts = {"nat": self.nat, "mangle": self.mangle, "written": self.written, "security": self.security, "sets": self.fill_sets, "nft": self.beside,
                 "odd": self.odd, "both": self.in_both}
        if self.sort == "mixed":
            for part in self.rng.sample(sorted(parts), self.pick(2, 3)):
                parts[part]()
        elif self.sort != "plain":
            parts[self.sort]()
        return self.case
