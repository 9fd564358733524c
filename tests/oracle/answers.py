#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The answers of sallywall against the kernel: rule sets made at random, with nat, mangle, security, sets and tables of nft's
own in them, are loaded in a network namespace; what `explain`, `diff` and `replay` say of them is tried with real packets and
real FTP sessions. An answer may be "unknown". One that is confident and contradicted by the kernel is a failure, and so is
any other end of the program than it promises.

usage: answers.py [--program PATH] [--sets N] [--seed N] [--set N] [--sort NAME] [--jobs N] [--seconds N] [--plant] [--verbose]

--set N    that one alone, of this seed
--sort     one of: plain nat mangle written security sets odd nft both mixed
--seconds  no more sets are begun after that
--plant    the judge's own test: everything is let through when the program is asked and cut off when its answer is tried;
           each answer "it works" must then be seen to be wrong

A file of iptables-save says nothing of nft tables beside it, or of the other back end's rules: where only these made the
difference and the program was given the file alone, that is counted apart. The last line counts. Exit status 1: contradicted;
2: can't be run here.
"""
import argparse
import collections
import concurrent.futures
import difflib
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import answers_ask  # noqa: E402
import answers_live  # noqa: E402
import answers_rules  # noqa: E402
from answers_world import Refused, World  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ("iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore", "nft", "ipset",
         "conntrack", "ip", "unshare")
# Of confident answers, in per cent of those about sets of the sort plain, with files: else nothing is proven.
LEAST_CONFIDENT = {"FTP sessions": 60, "packets": 80, "exchanges": 60, "captures": 60}
ENOUGH = 10  # questions about plain sets for a share that says something
REMARK = re.compile(r"^# (Table|Warning)", re.MULTILINE)  # iptables-save's word that it does not show all
SHRINKS = 60  # attempts to make a contradicted set smaller
CUT_OFF = "table inet planted { chain x { type filter hook prerouting priority -400; policy drop; }\n" \
          "chain y { type filter hook output priority -400; policy drop; }\n}\n"


class Judge:
    """Asks and tries, in a world of its own."""

    def __init__(self, options):
        self.options, self.world = options, World()
        self.program = answers_ask.Program(options.program, self.world)
        self.counts = collections.Counter()
        self.ways = {False: self.judge, True: self.plant}

    def is_sound(self):
        """Without rules everything works, wherever the wall stands: else nothing could be blamed on rules."""
        stuck = []
        for family in (4, 6):
            for place in answers_live.ENDS:
                case = answers_rules.Case("", family, place, "nft", "plain", {}, [], [])
                for kind in ("tcp", "udp", "icmp"):
                    stuck.append((place, kind, answers_live.play_exchange(self.world, case, kind, 40000, 53, 4.0)))
                for mode in ("epsv", "eprt"):
                    plan = answers_live.Plan(mode, patience=dict.fromkeys(answers_live.TASKS, 4.0))
                    became = answers_live.play_session(self.world, case, plan)
                    stuck += [(place, "%s, IPv%d: %s" % (mode, family, task), why) for task, why in became.items()]
        for place, what, why in stuck:
            if why:
                print("FAILED: without any rule, wall at %s, %s: %s" % (place, what, why))
        return not any(why for _, _, why in stuck)

    def run(self, numbers):
        if self.options.plant:
            self.counts["unsound"] += not self.is_sound()
        for number in numbers:
            if time.monotonic() > self.options.end:
                break
            self.one_set(number)
        self.program.close()

    def one_set(self, number):
        case = self.load_one("%s %s" % (self.options.seed, number))
        if case is None:
            self.counts["refused"] += 1
            return
        self.counts["sets"] += 1
        rng = random.Random("questions " + case.seed)
        for kind in self.choose(rng, case):
            question = kind(rng, case)
            try:
                self.ways[self.options.plant](number, case, question)
                if case.sets or kind in (answers_ask.Fixes, answers_ask.Diff) or self.options.plant:
                    self.world.load(case)
            except answers_ask.Broken as broken:
                self.counts[kind.name, "broken"] += 1
                self.report(number, case, question, None, [str(broken)])
                self.world.load(case)

    def load_one(self, seed):
        """The case of this seed, loaded; what iptables or the kernel refuses is made anew a few times. None: all were refused."""
        for again in range(5):
            case = answers_rules.Maker(seed + " again" * again, self.options.sort).make()
            try:
                self.world.load(case)
                return case
            except Refused as refused:
                if self.options.verbose:
                    print("REFUSED %s: %s" % (case.seed, refused))
        return None

    def choose(self, rng, case):
        if self.options.plant:
            return answers_ask.KINDS
        kinds = [answers_ask.Ftp, answers_ask.Single, answers_ask.Exchange]
        if case.place == "itself":
            return kinds  # a capture at lo has each packet twice, and diff has no word for it
        return kinds + [k for k, chance in ((answers_ask.Fixes, 0.3), (answers_ask.Diff, 0.25), (answers_ask.Replay, 0.3))
                        if rng.random() < chance]

    def judge(self, number, case, question):
        answer, found = self.try_once(case, question)
        name = question.name
        self.counts[name, "asked"] += 1
        self.counts[name, answer.outcome] += 1
        if answer.outcome == "unknown":
            self.counts["because", "live" if answer.live else "file" if answer.rules else "snapshot", reason(answer)] += 1
        if case.sort == "plain":
            self.counts[name, "plain"] += 1
            self.counts[name, "plain confident"] += question.is_confident(answer)
        if not found or not self.holds(case, question):
            return
        with answers_live.patience(1.2, 0.3, 0.1):  # much is tried, and a mistake does no harm
            answer, found, case = self.shrink(case, question, answer, found)
        if case.hidden() and not answer.live and not any(REMARK.search(text) for text in answer.rules):
            self.counts[name, "not in the file"] += 1
            if self.options.verbose:
                self.report(number, case, question, answer, found, "NOT IN THE FILE")
            return
        self.counts[name, "contradicted"] += 1
        self.report(number, case, question, answer, found)

    def plant(self, number, case, question):
        """Changes the rules behind the program's back: what was said to work is cut off, what was said not to is let through."""
        if isinstance(question, answers_ask.Replay):
            self.cut_off(case)
        answer = question.ask(self.program, case)
        self.counts[question.name, "asked"] += 1
        if question.is_confident(answer) and self.can_be_planted(answer):
            self.try_planted(number, case, question, answer)
        self.world.planted = None

    @staticmethod
    def can_be_planted(answer):
        """Is there something said to arrive that can be cut off, or said not to arrive that can be let through?"""
        if "replay" in answer.said:
            return {packet["fate"] for packet in answer.said["packets"]} == {"pass"}
        if answer.said["kind"] == "diff":
            return any("pass" in (change["before"], change["after"]) for change in answer.said["changes"])
        return True

    def try_planted(self, number, case, question, answer):
        if answer.outcome == "blocked" and not isinstance(question, answers_ask.Fixes):
            self.world.clear()
        else:
            self.cut_off(case)
        with answers_live.patience(1.2, 0.3, 1.0):
            found = question.contradictions(self.program, case, answer)
        if not question.tried(answer):
            return
        self.counts[question.name, "planted"] += 1
        if not found:
            self.counts[question.name, "unseen"] += 1
            self.report(number, case, question, answer, ["a planted fault was not seen"])

    def cut_off(self, case):
        self.world.planted = CUT_OFF
        self.world.load(case)

    def try_once(self, case, question):
        answer = question.ask(self.program, case)
        if not question.is_confident(answer):
            return answer, []
        return answer, question.contradictions(self.program, case, answer)

    def holds(self, case, question):
        """Once more from the beginning; and could it have happened at all, without any rule?"""
        self.world.load(case)
        if not self.try_once(case, question)[1]:
            return False
        possible = question.possible(self.program, case)
        self.world.load(case)
        return possible

    def shrink(self, case, question, answer, found):
        left = SHRINKS
        changed = True
        while changed and left > 0 and time.monotonic() < self.options.end:
            changed = False
            for smaller in case.smaller():
                left -= 1
                if left < 0 or time.monotonic() > self.options.end:
                    break
                try:
                    self.world.load(smaller)
                    now = self.try_once(smaller, question)
                except (Refused, answers_ask.Broken):
                    continue
                if now[1]:
                    answer, found, case, changed = now[0], now[1], smaller, True
                    break
        self.world.load(case)
        return answer, found, case

    def report(self, number, case, question, answer, found, what="CONTRADICTED"):
        lines = [what + ": seed %s, set %d (%s), %s" % (self.options.seed, number, case.sort, question.name), case.told()]
        if answer:
            lines += ["  asked     %s" % answer.command, *changes(answer.rules), "  answered  %s" % answer.headline()]
        print("\n".join(lines + ["  found     %s" % f for f in found]), flush=True)


def reason(answer):
    """Why it is unknown, without what names an address, a rule or a table."""
    told = [p["because"] for p in answer.said.get("packets", ()) if p.get("because")]
    text = told[0] if told else answer.said.get("conclusion", "")
    return re.sub(r'"[^"]*"|[0-9a-f]*[:.][0-9a-f:.]+|\d+', "...", text)[:150]


def changes(rules):
    """Of diff: how its two rule sets differ."""
    if len(rules) != 2:
        return []
    old, new = ([line for line in text.splitlines() if not line.startswith("#")] for text in rules)
    differ = difflib.unified_diff(old, new, n=0, lineterm="")
    return ["    " + line for line in differ if line[:2] not in ("@@", "--", "++")]


def work(options, numbers):
    judge = Judge(options)
    judge.run(numbers)
    return judge.counts


def run_all(options):
    numbers = [options.set] if options.set is not None else range(options.sets)
    jobs = min(options.jobs, len(numbers))
    if jobs == 1:
        return work(options, numbers)
    total = collections.Counter()
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        for counts in pool.map(work, [options] * jobs, [numbers[i::jobs] for i in range(jobs)]):
            total += counts
    return total


def summary(options, counts):
    failed = 0
    for name in [k.name for k in answers_ask.KINDS]:
        c = {what: counts[name, what] for what in ("asked", "unknown", "contradicted", "broken", "not in the file", "plain",
                                                  "plain confident")}
        share = 100 * c["plain confident"] // c["plain"] if c["plain"] else None
        wrong = c["contradicted"] + c["broken"]
        failed += wrong
        print("%-14s %6d compared, %d differ" % (name, c["asked"], wrong))
        print("               %6d unknown, %d broken, %d that a file could not know; %s of the plain ones confident" % (
            c["unknown"], c["broken"], c["not in the file"], "none" if share is None else "%d %%" % share))
        if c["plain"] >= ENOUGH and share < LEAST_CONFIDENT.get(name, 0):
            print("FAILED: too few confident answers about plain sets for a proof: %d %%" % share)
            failed += 1
    reasons = sorted(((n, key) for key, n in counts.items() if key[0] == "because"), reverse=True)
    if reasons and options.verbose:
        print("unknown, and why:")
        for n, (_, form, why) in reasons[:20]:
            print("  %5d  %-8s %s" % (n, form, why))
    print("%d rule sets, %d that the kernel refuses" % (counts["sets"], counts["refused"]))
    if counts["refused"] > max(5, counts["sets"] // 5):
        print("FAILED: too many rule sets were refused")
        failed += 1
    if options.plant:
        failed += counts["unsound"]
        for name in [k.name for k in answers_ask.KINDS]:
            planted, unseen = counts[name, "planted"], counts[name, "unseen"]
            print("%-14s %6d faults planted, %d not seen" % (name, planted, unseen))
            failed += unseen + (planted == 0)
    print("%d passed, %d failed, 0 skipped" % (counts["sets"] if not failed else max(0, counts["sets"] - failed), failed))
    return 1 if failed else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program")
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", type=int)
    parser.add_argument("--sort", choices=answers_rules.SORTS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=86400)
    parser.add_argument("--plant", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    choices = [TOP / "build" / b / "sallywall" for b in ("check", "oracle", "dev")] + [TOP / "build/sallywall"]
    options.program = os.path.realpath(options.program or next((p for p in choices if p.exists()), choices[-1]))
    options.end = time.monotonic() + options.seconds
    return options


def main():
    options = parse()
    if os.geteuid() != 0:
        print("skipped: needs root, for network namespaces of its own")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or not os.path.exists(options.program):
        print("missing: %s" % (", ".join(missing) or options.program), file=sys.stderr)
        return 2
    if "ANSWERS_INSIDE" not in os.environ:
        inside = {**os.environ, "ANSWERS_INSIDE": "1"}
        inside.setdefault("ASAN_OPTIONS", "abort_on_error=1:detect_leaks=0")
        words = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        return subprocess.run(words, env=inside).returncode
    subprocess.run(["mount", "-t", "tmpfs", "run", "/run"], check=True)  # xtables.lock: our firewall is nobody else's
    return summary(options, run_all(options))


if __name__ == "__main__":
    sys.exit(main())
