#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the scenario tests: real clients against the built server, each test class in namespaces of its own."""
import argparse
import concurrent.futures
import fnmatch
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import unittest
import warnings

from checked import is_left_to_soak

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SOAK = os.path.join(TOP, "tests/soak")
KERNELS = os.path.join(TOP, "tests/kernels")
INSIDE = "SALLY_SCENARIO_INSIDE"
LIMIT = 180  # seconds for one test that names no other: only one that hangs takes so long
sys.path[:0] = [HERE, SOAK, KERNELS]
sys.dont_write_bytecode = True
warnings.simplefilter("ignore", ResourceWarning)


def all_tests(folder):
    """{"file.Class": [test, ...]} in order."""
    def flat(suite):
        for item in suite:
            if isinstance(item, unittest.TestSuite):
                yield from flat(item)
            else:
                yield item

    classes = {}
    loader = unittest.TestLoader()
    for test in flat(loader.discover(folder, top_level_dir=folder)):
        classes.setdefault(test.id().rsplit(".", 1)[0], []).append(test)
    if loader.errors:
        sys.exit("tests that can't be loaded:\n" + "\n".join(loader.errors))
    return classes


def tests_for(options):
    if options.kernels:
        return all_tests(KERNELS)
    here = all_tests(HERE)
    if options.soak:
        left = {name: chosen for name, tests in here.items() if (chosen := [t for t in tests if is_left_to_soak(t.id())])}
        return {**all_tests(SOAK), **left}
    if options.patterns:
        return here
    return {name: [t for t in tests if not is_left_to_soak(t.id())] for name, tests in here.items()}


def is_selected(test, patterns):
    return not patterns or any(p in test.id() or fnmatch.fnmatch(test.id(), p) for p in patterns)


class Timeout(Exception):
    pass


class LineResult(unittest.TestResult):
    """Prints a line for each test, gives each its time limit, and counts."""

    def __init__(self, verbose):
        super().__init__()
        self.verbose, self.passed, self.bad, self.started = verbose, 0, [], 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started, self.failing = time.monotonic(), None
        signal.alarm(getattr(test, "limit", LIMIT))

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)
        print(f"took {time.monotonic() - self.started:.1f} {test.id()}")

    def _say(self, word, test, why=""):
        name = test.id() if hasattr(test, "id") else str(test)
        took = f" ({time.monotonic() - self.started:.1f} s)" if self.verbose else ""
        print(f"{word:4} {name}{took}{': ' + why if why else ''}", flush=True)

    def addSuccess(self, test):
        if self.failing is None:
            self.passed += 1
            self._say("ok", test)

    def _fail(self, test, error):
        self.failing = test
        if test.id() in self.bad:
            return
        self.bad.append(test.id())
        lines = "".join(traceback.format_exception(*error)).strip().split("\n")
        way = f"[{test.way}] " if hasattr(test, "way") else ""
        self._say("FAIL", test, way + lines[-1][:300])
        for line in lines if self.verbose else lines[-12:]:
            print("     | " + line[:400], flush=True)
        for server in getattr(test, "servers", []):
            for line in server.output[-10:]:
                print("     > " + line.rstrip()[:400], flush=True)

    def addFailure(self, test, err):
        self._fail(test, err)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            print(f"     | in {subtest.id()[:200]}: {str(err[1])[:300]}".replace("\n", " "), flush=True)
            self._fail(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say("SKIP", test, reason)


def run_class(tests, options):
    """Inside the namespaces. Prints the lines and, last, the counts."""
    import harness
    import namespace
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def on_alarm(*_):
        raise Timeout("the test took longer than its limit")
    signal.signal(signal.SIGALRM, on_alarm)
    harness.WORK = namespace.enter(TOP, options.sallyd)
    os.environ["XTABLES_LOCKFILE"] = os.path.join(harness.WORK, "xtables.lock")  # our firewall is nobody else's
    harness.SALLYD = os.path.join(harness.WORK, "sallyd")
    shutil.copy(options.sallyd, harness.SALLYD)
    os.chmod(harness.SALLYD, 0o755)
    harness.BUILT = os.path.dirname(options.sallyd)
    wall = options.sallywall or os.path.join(os.path.dirname(options.sallyd), "sallywall")
    harness.SALLYWALL = wall if os.path.exists(wall) else None
    harness.SALLY = os.path.join(os.path.dirname(options.sallyd), "sally")
    result = LineResult(options.verbose)
    unittest.TestSuite(tests).run(result)
    print(f"counts {result.passed} {len(result.bad)} {len(result.skipped)}")


def start_class(name, tests, options):
    """One class in fresh namespaces; its output and its counts. What the time is not enough for has failed, or, where the time
    is all that bounds it (--soak), is skipped."""
    import namespace
    left = options.end - time.monotonic()
    if left < 1:
        skipped = len(tests) * options.soak
        return f"{'SKIP' if skipped else 'FAIL'} {name}: the time was up before it began\n", [0, len(tests) - skipped, skipped]
    limit = min(sum(getattr(t, "limit", LIMIT) for t in tests) + 30, left)
    argv = [sys.executable, os.path.abspath(__file__), "--sallyd", options.sallyd] + ["--soak"] * options.soak
    argv += ["--sallywall", options.sallywall] if options.sallywall else []
    argv += ["--kernels"] * options.kernels
    argv += ["-v"] * options.verbose + [t.id() for t in tests]
    child = subprocess.Popen(namespace.command_in_namespace(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace", env=dict(os.environ, **{INSIDE: name}))
    alarm = threading.Timer(limit, child.kill)
    alarm.start()
    lines, counts = [], None
    for line in child.stdout:
        if line.startswith("counts "):
            counts = [int(n) for n in line.split()[1:]]
        elif line.startswith("took "):
            options.took.append((float(line.split()[1]), line.split()[2]))
        elif options.jobs == 1:
            print(line, end="", flush=True)
        else:
            lines.append(line)
    child.wait()
    alarm.cancel()
    if counts is None:
        why = f"ended after {limit:.0f} seconds" if child.returncode == -signal.SIGKILL else f"ended early, status {child.returncode}"
        lines.append(f"FAIL {name}: {why}\n")
        counts = [0, len(tests), 0]
    return "".join(lines), counts


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", help="part of a test's name, or a pattern with * for the whole of it")
    parser.add_argument("--sallyd", help="the server to test (build/check/sallyd, else build/sallyd)")
    parser.add_argument("--sallywall", type=os.path.abspath, help="the firewall to test (that beside the server)")
    parser.add_argument("--jobs", type=int, default=2, help="classes at a time (2)")
    parser.add_argument("--soak", action="store_true", help="the long tests, those of tests/soak")
    parser.add_argument("--kernels", action="store_true", help="those of tests/kernels, in a guest: see ./run kernels")
    parser.add_argument("--seconds", type=float, default=86400, help="for all of them together")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="name the N slowest tests at the end")
    parser.add_argument("--list", action="store_true", help="print the tests' names and end")
    parser.add_argument("-v", "--verbose", action="store_true", help="times, and failures in full")
    options = parser.parse_args()
    if not options.sallyd:
        options.sallyd = next((p for p in (TOP + "/build/check/sallyd", TOP + "/build/sallyd") if os.path.exists(p)), None)
    options.end, options.took = time.monotonic() + options.seconds, []
    return options


def main():
    options = parse_arguments()
    classes = {name: chosen for name, tests in tests_for(options).items()
               if (chosen := [t for t in tests if is_selected(t, options.patterns)])}
    if os.environ.get(INSIDE):
        return run_class([t for tests in classes.values() for t in tests], options)
    if options.list:
        print("\n".join(t.id() for tests in classes.values() for t in tests))
        return 0
    count = sum(map(len, classes.values()))
    if os.geteuid() != 0:
        print("SCENARIO TESTS ALL SKIPPED: they need root for their namespaces. Run them with sudo.")
        print(f"0 passed, 0 failed, {count} skipped")
        return 0
    if not options.sallyd or not os.path.exists(options.sallyd):
        sys.exit("no server to test: build/check/sallyd and build/sallyd do not exist. Build one first (./run build).")
    options.sallyd = os.path.realpath(options.sallyd)
    total = [0, 0, 0]
    slow_first = sorted(classes.items(), key=lambda item: -max(getattr(t, "limit", LIMIT) for t in item[1]))
    for alone, jobs in ((False, max(1, options.jobs)), (True, 1)):  # what measures time gets the machine for itself
        chosen = [item for item in slow_first if getattr(item[1][0], "alone", False) == alone]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for done in concurrent.futures.as_completed([pool.submit(start_class, *item, options) for item in chosen]):
                text, counts = done.result()
                print(text, end="", flush=True)
                total = [a + b for a, b in zip(total, counts)]
    for seconds, name in sorted(options.took, reverse=True)[:options.slowest]:
        print(f"{seconds:7.1f} s  {name}")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
