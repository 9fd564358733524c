# SPDX-License-Identifier: BSD-2-Clause
"""The forms in which people have their rules: what iptables itself prints of the rules of this namespace, read back, is
answered as what iptables-save prints of them, or with "unknown"; scripts are read as a shell carries them out."""
import os
import random
import re
import shlex
import subprocess
import unittest

import harness
import wall
from harness import need
from wall import real, sallywall, told

TABLES = ("filter", "raw", "mangle", "nat")
CHAINS = {"filter": "INPUT FORWARD OUTPUT", "raw": "PREROUTING OUTPUT", "nat": "PREROUTING INPUT OUTPUT POSTROUTING",
          "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING"}
WAYS = {"in": ["-i eth0", "! -i lo", "-i eth+"], "out": ["-o eth1", "! -o lo"]}
CONDITIONS = ["", "-s 192.0.2.0/24", "! -s 192.0.2.9", "-d 198.51.100.7", "-d 192.0.2.0/255.255.0.255", "-p tcp --dport 21", "-p tcp ! --dport 22",
              "-p tcp --sport 1024:65535 --dport 20:21", "-p udp --dport 53", "-p tcp --syn", "-p tcp ! --syn", "-p tcp --tcp-flags ALL NONE",
              "-p tcp -m multiport --dports 21,80,990:992", "-p udp -m multiport ! --sports 53", "-m conntrack --ctstate NEW",
              "-m conntrack ! --ctstate RELATED,ESTABLISHED", "-m state --state ESTABLISHED", "-p icmp --icmp-type 8", "-p icmp", "-p 47",
              "-m limit --limit 5/min", "-m iprange --src-range 192.0.2.1-192.0.2.100", "-m mark --mark 1", "-m mark ! --mark 0x10/0xff",
              "-m comment --comment 'made up'", "-p tcp --dport 21 -m comment --comment tcp", "-m addrtype --dst-type LOCAL", "-m ttl --ttl-gt 5",
              "-m length --length 0:100", "-p tcp -m connlimit --connlimit-above 3", "-m mac --mac-source 02:00:00:00:00:02",
              "-m recent --name made --set", "-m dscp --dscp 10", "-m tos --tos 0x10", "-m pkttype --pkt-type unicast", "-f", "! -p tcp",
              "-m u32 --u32 '6&0xFF=6'", "-m statistic --mode nth --every 2 --packet 0", "-m string --string x --algo bm"]
TARGETS = {"filter": ["ACCEPT", "DROP", "REJECT", "RETURN", "own", "LOG --log-prefix 'dpt:21 '", "REJECT --reject-with icmp-host-prohibited"],
           "raw": ["ACCEPT", "DROP", "CT --notrack", "TRACE"],
           "mangle": ["ACCEPT", "DROP", "MARK --set-mark 1", "MARK --set-xmark 0x10/0xf0", "CONNMARK --save-mark"],
           "nat": ["ACCEPT", "RETURN"]}
PACKETS = ["tcp 192.0.2.9:40000 > 198.51.100.7:21 syn in=eth0", "tcp 192.0.2.9:40000 > 198.51.100.7:22 syn in=eth0 out=eth1",
           "udp 203.0.113.5:53 > 198.51.100.7:5000 in=eth0", "icmp 192.0.2.9 > 198.51.100.7 type 8 in=eth0",
           "tcp 198.51.100.7:21 > 192.0.2.9:40000 ack out=eth1", "tcp 192.0.2.77:2000 > 192.0.2.1:80 ack state=established in=eth0 out=eth1"]


def made_up(chance):
    """Commands that make rules in each table."""
    yield "-N own"
    for table in TABLES:
        chains = CHAINS[table].split() + (["own"] if table == "filter" else [])
        for _ in range(chance.randrange(1, 7)):
            chain = chance.choice(chains)
            ways = {"INPUT": "in", "PREROUTING": "in", "OUTPUT": "out", "POSTROUTING": "out"}.get(chain)
            way = chance.choice(WAYS[ways]) if ways and chance.random() < .5 else ""
            target = chance.choice([t for t in TARGETS[table] if chain != "own" or t != "own"])
            yield f"-t {table} -A {chain} {way} {chance.choice(CONDITIONS)} {chance.choice(CONDITIONS[:12])} -j {target}"
        if table == "filter" and chance.random() < .5:
            yield f"-P {chance.choice(CHAINS[table].split())} DROP"


class Forms(wall.KernelCase):
    """iptables-legacy of this namespace; iptables-nft prints alike, which test_both_back_ends_print_alike holds."""

    def printed(self, program, *words, tables=TABLES):
        return "\n".join(real(program, "-t", table, *words).stdout for table in tables)

    def fates(self, rules):
        return [self.packet(rules, packet)["outcome"] for packet in PACKETS]

    def test_what_iptables_prints_is_answered_as_what_it_saves(self):
        chance, known = random.Random(10), 0
        for round in range(25):
            self.setUp()
            commands = list(made_up(chance))
            for command in commands:
                real("iptables-legacy", *shlex.split(command))  # what contradicts itself is refused, and is not there
            saved = self.fates(real("iptables-legacy-save").stdout)
            for words in (["-S"], ["-nvL"], ["-nvL", "--line-numbers"], ["-nvxL"]):
                with self.subTest(round=round, words=words):
                    text = self.printed("iptables-legacy", *words)
                    for packet, fate, said in zip(PACKETS, saved, self.fates(text)):
                        known += said != "unknown"
                        self.assertIn(said, (fate, "unknown"), f"{packet}\n{text}")
                        if words == ["-S"]:
                            self.assertEqual(said, fate, f"{packet}\n{text}")
        self.assertGreater(known, 200)

    def test_both_back_ends_print_alike(self):
        need("iptables-nft")
        for condition in CONDITIONS:
            with self.subTest(condition=condition):
                printed = []
                for program in ("iptables-legacy", "iptables-nft"):
                    real(program, "-F")
                    done = real(program, *shlex.split(f"-A INPUT {condition} -j DROP"))
                    if done.returncode == 0:
                        printed.append(self.printed(program, "-nvL", tables=["filter"]))
                    real(program, "-F")
                self.assertEqual(len(set(re.sub(r"\d+ packets, \d+ bytes", "", text) for text in printed)), 1, printed)

    def test_a_listing_without_v_or_n_is_never_wrong(self):
        chance = random.Random(11)
        for round in range(10):
            self.setUp()
            for command in made_up(chance):
                real("iptables-legacy", *shlex.split(command))
            saved = self.fates(real("iptables-legacy-save").stdout)
            for words in (["-L"], ["-nL"], ["-L", "--line-numbers"]):
                with self.subTest(round=round, words=words):
                    text = self.printed("iptables-legacy", *words)
                    for packet, fate, said in zip(PACKETS, saved, self.fates(text)):
                        self.assertIn(said, (fate, "unknown"), f"{packet}\n{text}")

    def test_one_table_is_not_all(self):
        """What iptables -L and -S print is one table's; the others may decide."""
        real("iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "21", "-j", "ACCEPT")
        real("iptables-legacy", "-t", "mangle", "-A", "INPUT", "-p", "tcp", "--dport", "21", "-j", "DROP")
        for words in (["-S"], ["-nvL"]):
            said = self.packet(self.printed("iptables-legacy", *words, tables=["filter"]), PACKETS[0], status=3)
            self.assertRegex(said["conclusion"], r"raw, mangle and nat.*iptables-save")
        said = self.packet(self.printed("iptables-legacy", "-S", tables=["filter", "raw", "nat", "mangle"]), PACKETS[0], status=1)
        self.assertIn("mangle", said["conclusion"] + str(said["packets"]))

    def test_warnings_of_iptables_are_heard(self):
        need("nft", "iptables-nft")
        try:
            subprocess.run(["nft", "-f", "-"], check=True, text=True,
                           input="table ip filter {\n chain guard {\n  type filter hook input priority 5; policy drop;\n }\n}\n")
            real("iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "21", "-j", "ACCEPT")
            for text in (real("iptables-nft-save").stdout, real("iptables-nft", "-S").stdout):
                self.assertIn("# Table `filter' contains incompatible base-chains", text)
                said = self.packet(text, PACKETS[0], status=3)
                self.assertRegex(said["conclusion"], "nft list ruleset|iptables-save")
        finally:
            subprocess.run(["nft", "delete table ip filter"], shell=False, check=False, capture_output=True)


SCRIPTS = {
    "a server": """
        IPT="iptables-legacy -w"
        $IPT -F; $IPT -P INPUT DROP
        OPEN="21 22 990"
        trusted=(192.0.2.0/24 '203.0.113.5')
        $IPT -A INPUT -i lo -j ACCEPT   # ourselves
        $IPT -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
        admit() { local port=$1; shift; for net in "$@"; do $IPT -A INPUT -s $net -p tcp \\
            --dport $port -m state --state NEW -j ACCEPT; done; }
        for p in $OPEN; do admit $p "${trusted[@]}"; done
        if [ "$OPEN" = "" ]; then $IPT -P INPUT ACCEPT; else $IPT -A INPUT -j LOG --log-prefix 'in: '; fi""",
    "a gateway": """
        set -e
        LAN=eth1 WAN=eth0; ipt() { iptables-legacy "$@"; }
        ipt -N guard || true
        ipt -A guard -p tcp -m multiport --dports 21,80 -j ACCEPT && ipt -A guard -j DROP
        ipt -A FORWARD -i "$WAN" -o $LAN -g guard
        case "$LAN" in eth0|wlan*) ipt -P FORWARD ACCEPT;; eth1) ipt -P FORWARD DROP;; esac
        ipt -t mangle -A FORWARD -m comment --comment "to the \\"lan\\"" -o $LAN -j MARK --set-mark ${MARK:-7}
        ipt -I FORWARD 1 -m conntrack --ctstate ESTABLISHED -j ACCEPT
        ipt -D guard -j DROP; ipt -A guard -j REJECT""",
    "rules to load": """
        NET=192.0.2.0/24
        iptables-legacy-restore <<RULES
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -s $NET -p tcp --dport 21 -j ACCEPT
COMMIT
RULES
        iptables-legacy -A INPUT -p udp -j ACCEPT""",
}


class MadeUp:
    """A script of bash, made up: variables, lists, conditions, loops, functions, and what fails."""
    CONDITIONS = ['[ "$A" = 21 ]', '[ -z "$Z" ]', '[ "$B" != 22 ]', '[[ $A == 21 ]]', "true", "false", "test 3 -gt 2", '! [ "$A" = 21 ]',
                  "$IPT -C INPUT -p tcp --dport 21 -j ACCEPT", "[ -e /nonexistent ]"]
    SETTINGS = ["A=21", "A=22", "B=$A", 'C="$B"', "T=DROP", "T=ACCEPT", "L=(21 22 80)", "L+=(99)", "CH=INPUT", "CH=own", "Z=", "Z=1",
                "A=$(echo 21)", "((A++))", "export B=80"]
    LISTS = ["21 22", "$A $B", '"${L[@]}"', "${L[@]}", '"$A $B"', "$(echo 21 80)"]

    def __init__(self, chance):
        self.chance, self.choice, self.inside = chance, chance.choice, True  # in the function, which does not call itself

    def command(self):
        word = self.choice(["22", "21", "80", '"$A"', "$B", "${C}", "${D:-80}", "$i", '"${1:-80}"'])
        chain, target = self.choice(["INPUT", "INPUT", "own", "$CH"]), self.choice(["ACCEPT", "DROP", "$T", "RETURN"])
        return f"$IPT {self.choice(['-A', '-A', '-I', '-D', '-C'])} {chain} -p tcp --dport {word} -j {target}"

    def block(self, depth):
        return "\n".join(self.statement(depth) for _ in range(self.chance.randrange(1, 4)))

    def statement(self, depth):
        kind = self.chance.randrange(14) if depth < 3 else 0
        made = {5: lambda: self.choice(self.SETTINGS), 6: lambda: self.choice(self.SETTINGS),
                7: lambda: f"if {self.choice(self.CONDITIONS)}; then\n{self.block(depth + 1)}\nelse\n{self.block(depth + 1)}\nfi",
                8: lambda: f"for i in {self.choice(self.LISTS)}; do\n{self.block(depth + 1)}\ndone",
                9: lambda: f"{self.choice(self.CONDITIONS)} {self.choice(['&&', '||'])} {self.command()}",
                10: lambda: f"( {self.choice(['A=80;', 'B=80;', ''])} {self.command()} )",
                11: lambda: self.command() if self.inside else f"f {self.choice(['21', '$A', '22 80', '$B'])}",
                12: lambda: f"case $A in\n 21) {self.command()} ;;\n 22|80) {self.command()} ;;\n *) {self.command()} ;;\nesac",
                13: lambda: self.choice(["$IPT -P INPUT DROP", "$IPT -F INPUT", "echo x | while read A; do :; done", "true"])}
        return made.get(kind, self.command)()

    def script(self):
        start = "#!/bin/bash\nIPT=iptables-legacy\ni=21 A=21; B=22 C=80; T=ACCEPT; CH=own; L=(21 22)\n$IPT -N own\n$IPT -A INPUT -j own\n"
        function = f"f() {{\nlocal A=$1\n{self.block(2)}\n{self.choice(['return', 'shift', '[ $1 = 21 ] && return', ':'])}\n{self.command()}\n}}\n"
        self.inside = False
        lines = [self.statement(0) for _ in range(self.chance.randrange(3, 9))]
        return start + function + self.choice(["", "set -e\n"]) + "\n".join(lines) + self.choice(["\n", "\nexit 0\n$IPT -F\n"])


class Scripts(wall.KernelCase):
    """Read by sallywall, which runs nothing; run by bash in this namespace."""

    def setUp(self):
        super().setUp()
        need("bash")

    def test_a_script_is_read_as_bash_runs_it(self):
        for name, script in SCRIPTS.items():
            self.setUp()
            subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
            saved = real("iptables-legacy-save").stdout
            for packet in PACKETS:
                with self.subTest(name, packet=packet):
                    theirs, ours = self.packet(saved, packet), self.packet("#!/bin/bash\n" + script, packet)
                    self.assertEqual(ours["outcome"], theirs["outcome"], ours["conclusion"])
                    self.assertNotEqual(ours["outcome"], "unknown")
                    rules = [[p["rule"] and p["rule"]["text"] for p in said["packets"]] for said in (theirs, ours)]
                    self.assertEqual(*rules)

    def test_scripts_that_are_made_up(self):
        chance, known = random.Random(12), 0
        for round in range(60):
            self.setUp()
            script = MadeUp(chance).script()
            subprocess.run(["bash", "-c", script], capture_output=True, timeout=30)  # some of its commands fail
            saved = real("iptables-legacy-save").stdout
            for port in (21, 22, 80):
                packet = f"tcp 192.0.2.9:40000 > 198.51.100.7:{port} syn in=eth0"
                theirs, ours = self.packet(saved, packet)["outcome"], self.packet(script, packet)["outcome"]
                with self.subTest(round=round, port=port):
                    self.assertIn(ours, (theirs, "unknown"), script)
                    known += ours != "unknown"
        self.assertGreater(known, 40)

    def test_nothing_is_run(self):
        trace = os.path.join(self.dir, "trace")
        script = f"#!/bin/bash\niptables -P INPUT DROP\ntouch {trace}\nX=$(touch {trace})\n`touch {trace}`\neval 'touch {trace}'\n"
        self.packet(script, PACKETS[0], status=3)
        self.assertFalse(os.path.exists(trace))


    def test_a_227_that_names_the_inner_address(self):
        rules = ("*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n-A PREROUTING -d 198.51.100.1/32 -p tcp -m multiport --dports "
                 "21,10090:10100 -j DNAT --to-destination 192.168.0.18\nCOMMIT\n" + wall.filter_table())
        for mode, named in ("passive", True), ("epsv", False):
            said = wall.told("explain", "-", "--ftp", mode, "--pasv-ports", "10090:10100", "--client", "198.51.100.7", "--server", "198.51.100.1",
                             "--address", "eth0=198.51.100.1/24", "--address", "eth1=192.168.0.1/24", input=rules, status=0)
            self.assertEqual("pasv_address=198.51.100.1" in " ".join(said["notes"]), named)


LOG = ("[ 77.1] [UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=192.0.2.9 DST=198.51.100.7 LEN=60 "
       "TOS=0x00 PREC=0x00 TTL=52 ID=1 DF PROTO=TCP SPT=40000 DPT=%d WINDOW=64240 RES=0x00 SYN URGP=0")


class Ports(wall.WallCase):
    def test_it_is_not_the_ports_fault(self):
        """Rules that remember where a transfer went let none through there again: nothing is wrong with the port that was played."""
        members = self.file("create used hash:ip,port\n", "sets")
        rules = wall.filter_table("-A INPUT -p tcp -m tcp --dport 10090:10100 -m conntrack --ctstate NEW -m set --match-set used dst,dst -j DROP",
                                  "-A INPUT -p tcp -m tcp --dport 10090:10100 -j SET --add-set used dst,dst")
        for ports, again in ("10090:10100", True), ("10090:10090", False):
            said = wall.told("explain", "-", "--sets", members, "--ftp", "epsv", "--pasv-ports", ports, "--client", "192.0.2.9", "--server", "192.0.2.1",
                             input=rules, status=1)
            self.assertNotIn("keeps to data ports", said["conclusion"])
            self.assertEqual("the same data port for each transfer" in " ".join(said["notes"]), again)


class Told(wall.WallCase):
    """What is no rule set is told in one line; what is a packet is asked about."""

    def test_a_line_of_the_log_is_a_packet(self):
        rules = wall.filter_table("-A INPUT -i eth0 -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -j DROP")
        self.assertEqual(self.packet(rules, LOG % 21, status=0)["outcome"], "works")
        said = self.packet(rules, LOG % 2121, status=1)
        self.assertEqual(said["packets"][0]["rule"]["text"], "-A INPUT -j DROP")
        done = sallywall("explain", "-", input=LOG % 21 + "\n", status=2)
        self.assertRegex(done.stderr, r"a line of the kernel's log.*--packet")

    def test_one_line_says_what_it_is_and_what_to_run(self):
        for text, says in (("Status: active\n", "ufw show raw"), ("", "empty"), ("Name: x\nType: hash:ip\n", "--sets"),
                           ("<html>\n", "page"), ("\x7fELF\x01\x00", "program"), ("pass in all\n", "pf")):
            with self.subTest(text=text):
                done = sallywall("explain", "-", input=text, status=2)
                self.assertIn(says, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertLessEqual(len(done.stderr.splitlines()), 3)  # with the place

    def test_a_file_that_is_changed_is_none_of_these(self):
        """A listing or a script is never written over with what was understood of it."""
        for text in ("iptables -A INPUT -j DROP\n", "-P INPUT ACCEPT\n", "Chain INPUT (policy ACCEPT)\n"):
            path = self.file(text, str(len(text)))
            sallywall("iptables", "--rules", path, "-A", "INPUT", "-j", "DROP", status=2)
            self.assertEqual(harness.read_file(path).decode(), text)

    def test_both_sides_of_diff_may_be_in_any_form(self):
        old = self.file(wall.filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -j DROP"), "old")
        new = self.file("iptables -A INPUT -p tcp --dport 21 -j ACCEPT\niptables -A INPUT -j DROP\n", "new")
        sallywall("diff", old, new, status=0)
        newer = self.file("iptables -A INPUT -j DROP\n", "newer")
        self.assertGreater(len(told("diff", old, newer, status=1)["changes"]), 0)


if __name__ == "__main__":
    unittest.main()
