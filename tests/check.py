#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every test of the project, and one line at the end that adds them up: N passed, N failed, N skipped.

usage: check.py [static] [unit] [door] [install] [scenario] [oracle] [program] [language]
                [fuzz]    (all of them, if none is named)

Called by ./run check, which installs what the tests need. A cmocka case, a fuzzer, a scenario and a static check count
one each. All of it has 25 minutes, whatever the machine; a part that has used up its share is ended, and that is a
failure. Something that could not run here is named at the end as skipped, something that broke as failed. The exit
status is 0 only if nothing failed and something passed.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECK = ROOT / "build/check"  # gcc, AddressSanitizer and UndefinedBehaviorSanitizer: unit tests and scenarios
FUZZ = ROOT / "build/fuzz"  # clang, libFuzzer
# One version, whichever machine: another one lays out otherwise and warns of other things (packaging/apt-check.txt).
CLANG, CLANG_FORMAT, SYMBOLIZER = "clang-19", "clang-format-19", "llvm-symbolizer-19"
# Optimized a little, with line numbers and no more: sanitizers make the compiler slow, and this takes a third of the time.
# What warns only where more is optimized is found by the release build (check_door).
QUICK = ["-Doptimization=1", "-Dhardening=false"]
BUILDS = {
    CHECK: ({}, ["-Dtests=true", "-Db_sanitize=address,undefined", *QUICK,
                 "-Dc_args=-fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1"]),
    # Always the same inputs, so that it is a change that turns it red; others are for soak.py.
    FUZZ: ({"CC": CLANG}, ["-Dfuzz=true", "-Dfuzz_seconds=6", "-Dfuzz_seed=1", *QUICK, "-Dc_args=-g1"]),
}
# Seconds for each part, 25 minutes in all. What one leaves, the next ones have.
SHARES = {"static": 20, "unit": 240, "door": 80, "install": 40, "scenario": 700, "oracle": 50, "program": 60, "language": 40,
          "answers": 80, "fuzz": 190}
SHELL_SCRIPTS = {"run": "sh", "bench/peers.sh": "sh", "tests/fresh.sh": "bash", "tests/roots.sh": "bash",
                 "tests/kernels/run.sh": "bash", "tests/kernels/guest.sh": "sh", "tests/first_boot.sh": "bash",
                 ".ci/run": "bash", "packaging/config-files.sh": "sh"}
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
# Of thousands of processes: a stack that is looked at when it is gone costs each a fifth of its time, and unit tests look for it.
# Sandboxed ones can't be searched for leaks: LeakSanitizer stops them with ptrace from a thread of its own.
SANITIZERS_SANDBOXED = {**SANITIZERS, "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=0"}


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add(self, name, ok, output=""):
        if ok:
            self.passed += 1
            return
        self.failed.append(name)
        print("FAILED: %s" % name)
        print("\n".join("    " + line for line in output.rstrip().splitlines()[-60:]), flush=True)

    def skip(self, name, why):
        self.skipped.append("%s: %s" % (name, why))
        print("SKIPPED: %s: %s" % (name, why), flush=True)


deadline = 0.0  # of the part that runs


def time_left():
    return max(1, int(deadline - time.monotonic()))


def run(argv, echo=False, **env):
    """Runs argv until the part's time is up, then ends it with all that it started. Returns its status and output."""
    seconds = time_left()
    child = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors="replace", env={**os.environ, **env}, start_new_session=True)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child.pid, signal.SIGKILL))
    signal.alarm(seconds)
    lines = []
    try:
        for line in child.stdout:
            lines.append(line)
            if echo:  # indented, so that only our own last line stands alone
                print("  " + line, end="", flush=True)
        status = child.wait()
    except BaseException:
        os.killpg(child.pid, signal.SIGTERM)
        raise
    finally:
        left = signal.alarm(0)
    if status == -signal.SIGKILL and left == 0:
        lines.append("ended after %d seconds: its share of the time (SHARES in tests/check.py) is used up\n" % seconds)
    return status, "".join(lines)


def build(tally, tree):
    env, options = BUILDS[tree]
    name = "%s builds without a warning" % tree.relative_to(ROOT)
    if not (tree / "build.ninja").exists():
        status, output = run(["meson", "setup", str(tree), "-Dwerror=true"] + options, **env)
        if status:
            tally.add(name, False, output)
            return False
    status, output = run(["ninja", "-C", str(tree)])
    tally.add(name, status == 0 and "warning:" not in output, output)
    return status == 0


# Each prints what is wrong, with a status.
STATIC = {"include table": "tests/includes.py", "results thrown away": "tests/discards.py",
          "what finds them": "tests/discards_test.py",
          "phrases and their catalogues": "tests/speech.py"}


def check_static(tally):
    for name, script in STATIC.items():
        status, output = run([sys.executable, script])
        tally.add(name, status == 0, output)
    sources = [str(p.relative_to(ROOT)) for top in ("src", "tests", "bench") for p in sorted((ROOT / top).rglob("*.[ch]"))]
    status, output = run([CLANG_FORMAT, "--dry-run", "-Werror"] + sources)
    files = sorted(set(re.findall(r"^(\S+?):\d+:", output, re.MULTILINE)))
    tally.add("layout", status == 0, "to mend it: %s -i %s" % (CLANG_FORMAT, " ".join(files)) if files else output)
    for script, shell in SHELL_SCRIPTS.items():
        status, output = run([shell, "-n", script])
        tally.add("%s -n %s" % (shell, script), status == 0, output)


TAP = re.compile(r"^(not )?ok \d+ *(?:- )?(.*?)(?: *# *(SKIP)\b *(.*))?$", re.MULTILINE)
PLAN = re.compile(r"^1\.\.(\d+)$", re.MULTILINE)


def count_unit(tally, test):
    """Counts what one test program reported (TAP from cmocka); one that reported nothing counts as one case itself."""
    name, result = test["name"], test["result"]
    cases = TAP.findall(test.get("stdout", ""))
    output = test.get("stdout", "") + test.get("stderr", "")
    planned = sum(int(n) for n in PLAN.findall(test.get("stdout", "")))
    broken = [case for bad, case, skip, _ in cases if bad and not skip]
    for bad, case, skip, case_skipped in cases:  # cmocka prints a skipped case's name behind the word
        if skip:
            tally.skip("%s: %s" % (name, case or case_skipped), "says the test")
        else:
            tally.add("%s: %s" % (name, case), not bad, output)
    if result == "SKIP" and not cases:
        tally.skip(name, output.strip().replace("\n", "; ") or "says the test")
    elif len(cases) < planned or (result not in ("OK", "SKIP") and not broken):
        tally.add("%s (%s after %d of %d cases)" % (name, result.lower(), len(cases), planned), False, output)
    elif not cases:
        tally.add(name, True)


def read_test_log(tree):
    log = tree / "meson-logs/testlog.json"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


# Whatever meson starts finds the tools by these names.
TOOLS = {"CLANG": CLANG, "ASAN_SYMBOLIZER_PATH": shutil.which(SYMBOLIZER) or ""}


def meson_test(tally, tree, suite, count, words=(), **env):
    (tree / "meson-logs/testlog.json").unlink(missing_ok=True)
    status, output = run(["meson", "test", "-C", str(tree), "--suite", suite, "--no-rebuild",
                          "--num-processes", str(os.cpu_count()), "--timeout-multiplier", "0"] + list(words), **TOOLS, **env)
    tests = read_test_log(tree)
    for test in tests:
        count(tally, test)
    if not tests:
        tally.add("%s tests: none ran" % suite, False, output)
    elif status and all(test["result"] in ("OK", "SKIP") for test in tests):
        tally.add("%s tests did not end" % suite, False, output)


def check_unit(tally):
    if build(tally, CHECK):
        meson_test(tally, CHECK, "unit", count_unit, CMOCKA_MESSAGE_OUTPUT="TAP", **SANITIZERS)


def count_fuzzer(tally, test):
    tally.add("fuzz %s" % test["name"], test["result"] == "OK", test.get("stdout", "") + test.get("stderr", ""))


def check_fuzz(tally, *words):
    if build(tally, FUZZ):
        meson_test(tally, FUZZ, "fuzz", count_fuzzer, words)


DOOR_WORDS = (
    ("", 0), ("help", 0), ("--help", 0), ("no-such-word", 2), ("install --help", 0),
    ("serve --help", 0), ("serve -h", 0), ("serve --port 2121 -h", 0), ("serve a b", 2), ("serve -- a b", 2),
    ("serve --port", 2), ("serve --port 0", 2), ("serve --port 65536", 2), ("serve --port=ftp .", 2),
    ("serve --user", 2), ("serve --user=", 2), ("serve --user Anonymous .", 2), ("serve --user a/b", 2),
    ("serve --bogus", 2), ("serve -x .", 2),
)


def check_door(tally):
    """./run itself, with the release build that it makes, in a network of its own."""
    for words, expected in DOOR_WORDS:
        status, output = run(["./run"] + words.split())
        tally.add("./run %s ends with %d and says how it is used" % (words, expected),
                  status == expected and "./run serve [" in output, output)
    if os.geteuid():
        tally.skip("./run serve: a first session", "makes a network namespace, which takes root: sudo ./run check")
        return
    with tempfile.TemporaryDirectory(prefix="door-", dir=ROOT / "build") as folder:
        os.chmod(folder, 0o755)
        (pathlib.Path(folder) / "WELCOME.txt").write_text("welcome\n")
        shutil.chown(folder, "nobody")
        for options in ([], ["--port", "2345", "--user", "kim"]):
            status, output = run(["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                                  "tests/first_session.py", "--lo", *options, folder])
            tally.add(" ".join(["./run serve", *options]) + ": a first session", status == 0, output)


INSTALL_LINE = re.compile(r"^(ok|FAIL) +(/\S+?)(?:: |$)", re.MULTILINE)


def check_install(tally):
    """One case is one prefix: installed, started as the unit does, used, installed again, removed."""
    if os.geteuid():
        tally.skip("installing", "makes layers over the machine's folders, which takes root: sudo ./run check")
        return
    status, output = run(["./run", "build"])
    if status == 0:
        status, output = run([sys.executable, "tests/install.py"])
    told = INSTALL_LINE.findall(output)
    for word, prefix in told:
        tally.add("installed below %s" % prefix, word == "ok", output)
    if not told or (status and all(word == "ok" for word, _ in told)):
        tally.add("installing (status %d)" % status, False, output)


SCENARIO_LINE = re.compile(r"^(FAIL|SKIP) +(\S+?)(?:: (.*))?$", re.MULTILINE)
COUNT = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


def add_count(tally, output):
    """Adds up what a program of ours says in its last line, with the names that it printed. False: it said nothing."""
    count = COUNT.fullmatch(output.rstrip().rpartition("\n")[2])
    if not count:
        return False
    passed, failed, skipped = map(int, count.groups())
    told = SCENARIO_LINE.findall(output)
    tally.passed += passed
    tally.failed += (["%s: %s" % (name, why) for word, name, why in told if word == "FAIL"] +
                     ["one of them, see above"] * failed)[:failed]
    tally.skipped += (["%s: %s" % (name, why) for word, name, why in told if word == "SKIP"] +
                      ["one of them, see above"] * skipped)[:skipped]
    return True


def check_scenario(tally):
    if not (CHECK / "sallyd").exists() and not build(tally, CHECK):
        return
    status, output = run(["sh", "bench/peers.sh"])
    tally.add("a vsftpd to compare with", status == 0, output)
    status, output = run([sys.executable, "tests/scenario/tools.py"])
    tally.add("packages that tests use, unpacked", status == 0, output)
    # sallywall as it is released, for it is started thousands of times, which costs eight times as much with sanitizers; with
    # these it is what unit tests, fuzzers and "answers" run, and ./run soak.
    status, output = run(["./run", "build"])
    tally.add("./run build", status == 0, output)
    status, output = run([sys.executable, "tests/scenario/run.py", "--sallyd", str(CHECK / "sallyd"),
                          "--sallywall", str(ROOT / "build/sallywall"), "--slowest", "10",
                          "--jobs", str((os.cpu_count() or 1) + 1),  # many of them wait
                          "--seconds", str(time_left() - 5)], echo=True, **SANITIZERS_SANDBOXED)
    last = output.rstrip().rpartition("\n")[2]
    if not add_count(tally, output):
        tally.add("scenarios (status %d, without a count at the end)" % status, False, last)
    elif status and not tally.failed:
        tally.add("scenarios (status %d)" % status, False, last)


ORACLE_LINE = re.compile(r"^FAILED: (set \d+.*)$", re.MULTILINE)


def check_rule_sets(tally, name, *options):
    """The engine against another host: one case is one rule set with its sequences of packets."""
    if not build(tally, CHECK):
        return
    status, output = run([str(CHECK / "tests/oracle-netfilter"), *options], **SANITIZERS)
    last = output.rstrip().rpartition("\n")[2]
    count = COUNT.fullmatch(last)
    if not count:
        tally.add("%s (status %d, without a count at the end)" % (name, status), False, output)
        return
    passed, failed, skipped = map(int, count.groups())
    tally.passed += passed
    if failed:
        print(output, flush=True)
        names = ["%s: %s" % (name, line) for line in ORACLE_LINE.findall(output)]
        tally.failed += (names + ["a rule set, see above"] * failed)[:failed]
    if skipped:
        why = re.search(r"^SKIPPED: (.*)$", output, re.MULTILINE)
        tally.skip("%s (%d rule sets)" % (name, skipped), why.group(1) if why else "says the test")
    if status not in (0, 77) and not failed:
        tally.add("%s (status %d)" % (name, status), False, output)


def check_oracle(tally):
    check_rule_sets(tally, "netfilter oracle", "--sets", "60")  # ./run oracle has the time for more


def check_program(tally):
    """The program in the kernel, as each compiler made it."""
    check_rule_sets(tally, "kernel program", "--program", "--sets", "20")
    if build(tally, CHECK):
        check_compared(tally, "kernel program", [str(CHECK / "tests/oracle-race"), "--packets", "200000"], **SANITIZERS)
        check_husks(tally)


def check_husks(tally):
    status, output = run([sys.executable, "tests/husks.py", str(CHECK / "sallywall")], **SANITIZERS_SANDBOXED)
    if not add_count(tally, output) or (status and status != 77 and "FAIL" not in output):
        tally.add("husks (status %d)" % status, False, output)


COMPARED_LINE = re.compile(r"^(.+?) +(\d+) compared, (\d+) differ$", re.MULTILINE)


def check_compared(tally, name, argv, **env):
    """A program of ours that counts what it compared: one case is one thing that is compared, many times."""
    status, output = run(argv, **env)
    told = COMPARED_LINE.findall(output)
    for what, _, differ in told:
        tally.add("%s: %s" % (name, what), differ == "0", "%s of these differ:\n%s" % (differ, output))
    if not told and status in (0, 77):
        tally.skip(name, output.partition("\n")[0])
    elif not told or (status != 0 and all(differ == "0" for _, _, differ in told)):
        tally.add("%s (status %d)" % (name, status), False, output)


def check_language(tally):
    """The iptables language against the real iptables, and nft's against nft and the kernel."""
    if build(tally, CHECK):
        check_compared(tally, "iptables language", [sys.executable, "tests/oracle/language.py", "--driver",
                                                    str(CHECK / "tests/oracle-language")], **SANITIZERS)
        check_compared(tally, "nft's rules", [sys.executable, "tests/oracle/nft.py", "--driver", str(CHECK / "tests/oracle-nft")], **SANITIZERS)


def check_answers(tally):
    """What sallywall says against what the kernel does; and does the judge see faults that are planted?"""
    if not build(tally, CHECK):
        return
    argv = [sys.executable, "tests/oracle/answers.py", "--program", str(CHECK / "sallywall")]
    check_compared(tally, "answers, with planted faults", argv + ["--plant", "--sort", "plain", "--sets", "12"],
                   **SANITIZERS_SANDBOXED)
    check_compared(tally, "answers", argv + ["--sets", "24", "--seconds", str(max(10, time_left() - 20))], **SANITIZERS_SANDBOXED)


PARTS = {"static": check_static, "unit": check_unit, "door": check_door, "install": check_install,
         "scenario": check_scenario, "oracle": check_oracle, "program": check_program, "language": check_language, "answers": check_answers,
         "fuzz": check_fuzz}


def report(tally):
    print()
    for heading, names in (("SKIPPED, so not tested here:", tally.skipped), ("FAILED:", tally.failed)):
        if names:
            print("\n  ".join([heading] + names))
    print("%d passed, %d failed, %d skipped" % (tally.passed, len(tally.failed), len(tally.skipped)))
    return 1 if tally.failed or not tally.passed else 0


def main(names):
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print("check: unknown part \"%s\"; there are: %s" % (unknown[0], " ".join(PARTS)), file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tally = Tally()
    global deadline
    deadline = time.monotonic()
    for name, part in PARTS.items():
        deadline += SHARES[name]
        if names and name not in names:
            continue
        print("== %s" % name, flush=True)
        before, start = tally.passed, time.monotonic()
        part(tally)
        print("== %s: %d passed, %.0f s" % (name, tally.passed - before, time.monotonic() - start), flush=True)
    return report(tally)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
