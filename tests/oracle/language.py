#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The iptables language, ours against the real one: random rules and commands go to iptables-legacy and ip6tables-legacy
1.8 in a network namespace and to ours; what they accept, save and list has to be the same.

usage: language.py [--driver PROGRAM] [--seed N] [--count N] [--verbose]

PROGRAM is tests/oracle/language.c, built (build/check/tests/oracle-language); none: it is built for this run. --count is
the number of rule sets of each family; the default takes about 20 seconds. The last line counts. Without root everything
is skipped, and it says so. The real one is that of Debian 12 (1.8.9) or of Debian 13 (1.8.11): ours lists as 1.8.11 does,
and where 1.8.9 does it in another way, that is known here, and the other way about. What ours does in another way on purpose is left out, and
counted apart (language_rules.py says why). Exit status 1: something differed; 2: there is nothing to compare with.
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import language_rules  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILTIN = {"filter": ["INPUT", "FORWARD", "OUTPUT"], "raw": ["PREROUTING", "OUTPUT"]}
CHAINS = ["users", "a-chain", "B", "web_1", "chain-of-twenty-eight-bytes0"]
SETS = {4: ["create one hash:ip counters", "create two hash:ip,port counters"],
        6: ["create six hash:ip family inet6 counters"]}

KNOWN = ("1.8.9", "1.8.11")
# Protocols that a listing with -n names in ours and in 1.8.11; 1.8.9 prints their numbers.
NAMED = {"0": "all", "6": "tcp", "17": "udp", "1": "icmp", "58": "ipv6-icmp", "132": "sctp", "136": "udplite", "50": "esp",
         "51": "ah", "135": "mobility-header", "33": "dccp", "108": "ipcomp"}
# The other way about, 1.8.11 saves the number of one that it doesn't know itself; ours and 1.8.9 its name.
SAVED = re.compile(r"(?<= -p )47\b"), "gre"
PROTOCOL = re.compile(r"^((?:\d+ +)?(?: *[0-9]+[KMGT]? +[0-9]+[KMGT]? )?(?:\S+ +| {10}))([ !])(\d+) +(?=[-!][-f] )", re.M)


class Ours:
    def __init__(self, driver, family):
        self.process = subprocess.Popen([driver, str(family)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, word, data=b""):
        if isinstance(data, str):
            data = data.encode()
        self.process.stdin.write(b"%s %d\n" % (word.encode(), len(data)) + data)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("our side ended, status %s, at %s %r" % (self.process.wait(), word, data))
        status, size = map(int, line.split())
        return status, self.process.stdout.read(size).decode()

    def do(self, words):
        return self.ask("do", b"".join(w.encode() + b"\0" for w in words))

    def close(self):
        self.process.stdin.close()
        return self.process.wait(10)


class Real:
    def __init__(self, family, backend="legacy"):
        self.name = "%s-%s" % ("ip6tables" if family == 6 else "iptables", backend)

    def run(self, words, text=None, tool=""):
        done = subprocess.run([self.name + tool, *words], input=text, capture_output=True, text=True, timeout=30)
        return done.returncode, SAVED[0].sub(SAVED[1], done.stdout), done.stderr.strip()

    def empty(self):
        text = "".join("*%s\n%sCOMMIT\n" % (table, "".join(":%s ACCEPT [0:0]\n" % c for c in chains))
                       for table, chains in BUILTIN.items())
        status, _, error = self.run([], text, "-restore")
        if status:
            raise RuntimeError("%s-restore of an empty rule set: %s" % (self.name, error))

    def save(self, *words):
        return self.run(words, None, "-save")[1]


class Tally:
    def __init__(self, verbose):
        self.passed = self.failed = self.left_out = 0
        self.verbose = verbose
        self.what = {}

    def check(self, what, good, told=""):
        count = self.what.setdefault(what, [0, 0])
        count[0] += 1
        if good:
            self.passed += 1
            return
        count[1] += 1
        self.failed += 1
        if self.verbose or count[1] <= 5:
            print("FAIL %s: %s" % (what, told), flush=True)

    def leave_out(self, why):
        self.left_out += 1
        if self.verbose:
            print("left out: %s" % why)

    def same(self, what, ours, real, told=""):
        if ours == real:
            return self.check(what, True)
        a, b = ours.splitlines(), real.splitlines()
        lines = ["ours %r\n  real %r" % (x, y) for x, y in zip(a, b) if x != y][:3] or ["%d and %d lines" % (len(a), len(b))]
        return self.check(what, False, "%s\n  %s" % (told, "\n  ".join(lines)))


def without_comments(text):
    return "".join(line + "\n" for line in text.splitlines() if not line.startswith("#"))


def renamed(listing):
    """The protocol column of a listing with -n of 1.8.9 as ours has it; one of 1.8.11 has it already."""
    return PROTOCOL.sub(lambda m: "%s%s%-4s " % (m.group(1), m.group(2), NAMED.get(m.group(3), m.group(3))), listing)


def accepted(status):
    return status == 0


def compare_one(tally, ours, real, words, deliberate):
    """One command to both. True: both took it."""
    status, _, error = real.run(words)
    our_status, told = ours.do(words)
    line = " ".join(words)
    asked = "doesn't exist" in error or ("No chain" in error and "-j CT" in line and "--helper" in line)
    if asked and accepted(our_status):
        tally.leave_out("%s: ours asks no kernel for sets and helpers" % line)
        ours.do(undo(words))
        return False
    for expression, why in deliberate:
        if accepted(status) and not accepted(our_status) and re.search(expression, line):
            tally.leave_out("%s: %s" % (line, why))
            real.run(undo(words))
            return False
    tally.check("accepts", accepted(status) == accepted(our_status),
                "%s %s\n  real: %d %s\n  ours: %d %s" % (real.name, line, status, error, our_status, told))
    if accepted(status) and not accepted(our_status):
        real.run(undo(words))
    if accepted(our_status) and not accepted(status):
        ours.do(undo(words))
    return accepted(status) and accepted(our_status)


def undo(words):
    words = ["-D" if w == "-A" else w for w in words]
    if "-c" in words:
        at = words.index("-c")
        del words[at:at + 3]
    return words


def compare_listings(tally, ours, real, table, told):
    for options in (["-n"], ["-n", "-v"], ["-n", "-v", "-x"], ["-n", "--line-numbers"], ["-v"]):
        words = ["-t", table, "-L", *options]
        theirs = real.run(words)[1]
        tally.same("listing", ours.do(words)[1], renamed(theirs) if "-n" in options else theirs,
                   "%s %s after %s" % (real.name, " ".join(words), told))
    status = real.run(["-t", table, "-S"])[1]
    tally.same("-S", ours.do(["-t", table, "-S"])[1], status, "%s -t %s -S after %s" % (real.name, table, told))


def rule_set(tally, ours, real, family, rng, number):
    """Rules one by one; then everything that can be printed, and reading back."""
    table = rng.choice(["filter", "filter", "filter", "raw"])
    chains = BUILTIN[table] + rng.sample(CHAINS, 2)
    ours.ask("new")
    real.empty()
    for words in [["-t", table, "-N", c] for c in chains if c not in BUILTIN[table]]:
        real.run(words)
        ours.do(words)
    for _ in range(18):
        chain = rng.choice(chains)
        rule = language_rules.rule(rng, family, table, chain, chains)
        compare_one(tally, ours, real, ["-t", table, "-A", chain, *rule], language_rules.DELIBERATE)
    told = "rule set %d" % number
    compare_listings(tally, ours, real, table, told)
    saved = real.save("-c", "-t", table)
    tally.same("save -c", without_comments(ours.ask("save", "c")[1]), without_comments(saved), told)
    status, message = ours.ask("again")
    tally.check("our own file read back", status == 0, told + ": " + message)
    status, message = ours.ask("read", saved)
    tally.check("their file read", status == 0, told + ": " + message)
    if status == 0:
        tally.same("their file read and saved", ours.ask("save", "c")[1], saved, told)
    status, _, error = real.run(["-c"], ours.ask("save", "c")[1], "-restore")
    tally.check("our file restored", status == 0, told + ": " + error)


def command_sequence(tally, ours, real, family, rng, number):
    """The same commands, right and wrong ones, to both: same status, and the same rules at the end."""
    ours.ask("new")
    real.empty()
    done = []
    for _ in range(25):
        words = language_rules.command(rng, family, BUILTIN, CHAINS)
        status, out, error = real.run(words)
        our_status, told = ours.do(words)
        done.append(" ".join(words))
        if accepted(status) != accepted(our_status) and any(re.search(e, done[-1]) for e, _ in language_rules.DELIBERATE):
            tally.leave_out(done[-1])
            return
        tally.check("command", accepted(status) == accepted(our_status), "%s %s\n  real: %d %s\n  ours: %d %s\n  after %s" % (
            real.name, done[-1], status, error, our_status, told, "; ".join(done[:-1])))
        if accepted(status) != accepted(our_status):
            break
        if accepted(status) and ("-S" in words or "-L" in words) and words.count("-v") < 2:  # twice shows its memory
            tally.same("command's output", told, renamed(out) if "-n" in words else out, "%s %s" % (real.name, done[-1]))
    for table in BUILTIN:
        tally.same("-S after commands", ours.do(["-t", table, "-S"])[1], real.run(["-t", table, "-S"])[1],
                   "sequence %d: %s" % (number, "; ".join(done)))


def mistakes(tally, ours, real, family, rng):
    """Rules with a mistake in them: refused by both, or taken by both for the same."""
    table, chains = rng.choice([("filter", CHAINS[:2]), ("raw", CHAINS[:2])])
    ours.ask("new")
    real.empty()
    for words in [["-t", table, "-N", c] for c in chains]:
        real.run(words)
        ours.do(words)
    for _ in range(20):
        rule = language_rules.mistake(rng, family, table, BUILTIN[table] + chains)
        compare_one(tally, ours, real, ["-t", table, "-A", chains[0], *rule], language_rules.DELIBERATE)
    tally.same("-S of mistakes", ours.do(["-t", table, "-S"])[1], real.run(["-t", table, "-S"])[1], "mistakes")


def opaque_file(tally, ours, real, rng, family, number):
    """Extensions whose words are only kept: what iptables saves is read, and saved as it was."""
    real.empty()
    for _ in range(6):
        real.run(["-A", "INPUT", *language_rules.header(rng, family, "INPUT"), *language_rules.opaque_match(rng),
                  *language_rules.opaque_target(rng, family)])
    text = real.save("-t", "filter")
    status, message = ours.ask("read", text)
    tally.check("kept words read", status == 0, "%d: %s" % (number, message))
    if status == 0:
        tally.same("kept words saved", ours.ask("save")[1], text, "file %d" % number)


def nft_file(tally, ours, real, nft, rng, family, number):
    """What iptables-nft saves is read, and saved as it was."""
    real.empty()
    nft.empty()
    text = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    for _ in range(12):
        rule = language_rules.rule(rng, family, "filter", "INPUT", ["INPUT"])
        if real.run(["-A", "INPUT", *rule])[0] == 0:
            nft.run(["-A", "INPUT", *rule])
    text = nft.save()
    status, message = ours.ask("read", text)
    tally.check("nft's file read", status == 0, "%d: %s" % (number, message))
    if status == 0:
        tally.same("nft's file read and saved", without_comments(ours.ask("save")[1]),
                   without_comments(text), "nft's file %d" % number)
    nft.empty()


def make_driver(folder):
    """Builds our side, if none was named."""
    program = os.path.join(folder, "language")
    sources = sorted((TOP / "src/rules").glob("*.c")) + [TOP / "src/base/nearest.c", TOP / "tests/oracle/language.c"]
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-O1", "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=all", "-I", str(TOP / "src"), "-o", program, *map(str, sources)], check=True)
    return program


def what_is_missing():
    """Why there is nothing to compare with, or None."""
    for tool in ("iptables-legacy", "ip6tables-legacy", "unshare"):
        if shutil.which(tool) is None:
            return "the language oracle needs %s" % tool
    version = subprocess.run(["iptables-legacy", "-V"], capture_output=True, text=True).stdout
    if re.match(r"iptables v(\S+)", version)[1] in KNOWN:
        return None
    return "compares with iptables %s, here is %s" % (" or ".join(KNOWN), version.strip())


def compare(arguments):
    tally = Tally(arguments.verbose)
    for family, sets in SETS.items():
        for line in sets if shutil.which("ipset") else []:
            subprocess.run(["ipset", *line.split()], check=False, capture_output=True)
    for family in (4, 6):
        ours, real, nft = Ours(arguments.driver, family), Real(family), Real(family, "nft")
        for number in range(arguments.count):
            rng = random.Random("%d %d %d" % (arguments.seed, family, number))
            rule_set(tally, ours, real, family, rng, number)
            command_sequence(tally, ours, real, family, rng, number)
            mistakes(tally, ours, real, family, rng)
            if number % 4 == 1:
                opaque_file(tally, ours, real, rng, family, number)
            if number % 4 == 0 and shutil.which(nft.name):
                nft_file(tally, ours, real, nft, rng, family, number)
        tally.check("our side ends well", ours.close() == 0)
    for what, (count, failed) in sorted(tally.what.items()):
        print("%-28s %6d compared, %d differ" % (what, count, failed))
    print("%d left out on purpose" % tally.left_out)
    print("%d passed, %d failed, 0 skipped" % (tally.passed, tally.failed))
    return 1 if tally.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", help="our side, built (tests/oracle/language.c)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the language oracle needs root, for a network namespace of its own")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    reason = what_is_missing()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    if arguments.inside:
        return compare(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XTABLES_LOCKFILE"] = os.path.join(folder, "xtables.lock")  # our firewall is nobody else's
        command = ["unshare", "--net", sys.executable, __file__, "--inside", "--driver",
                   arguments.driver or make_driver(folder), "--seed", str(arguments.seed), "--count", str(arguments.count)]
        return subprocess.run(command + ["--verbose"] * arguments.verbose, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
