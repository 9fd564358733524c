#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A wall whose network namespace nobody has any more goes with the next down, and one that somebody has stays.

usage: husks.py SALLYWALL    in the first PID namespace, where all processes are seen; elsewhere no wall is taken for a husk
                             (tests/scenario/test_live_faults.py)
"""
import os
import re
import subprocess
import sys
import tempfile
import time

PINS = "/run/sallywall"
FIRST_PIDS = 0xEFFFFFFC


def walls():
    return {name for name in os.listdir(PINS) if re.fullmatch("[0-9a-f]{16}", name)} if os.path.isdir(PINS) else set()


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def main(program):
    if os.geteuid() or os.stat("/proc/self/ns/pid").st_ino != FIRST_PIDS:
        print("SKIP husks: takes root in the first PID namespace\n0 passed, 0 failed, 1 skipped")
        return 77
    before = walls()
    with tempfile.NamedTemporaryFile("w", suffix=".rules") as rules:
        rules.write("*filter\n:INPUT ACCEPT\n-A INPUT -p tcp --dport 9 -j DROP\nCOMMIT\n")
        rules.flush()
        up = subprocess.run(["unshare", "--net", program, "up", "--rules", rules.name], capture_output=True, text=True)
        if up.returncode == 2 and "6.4" in up.stderr:
            print("SKIP husks: %s\n0 passed, 0 failed, 1 skipped" % up.stderr.strip())
            return 77
        husk = walls() - before
        with subprocess.Popen(["unshare", "--net", "sh", "-c", f'"{program}" up --rules "{rules.name}" && echo up && read line; '
                               f'"{program}" down'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as somebody:
            somebody.stdout.readline()
            lived = walls() - before - husk
            subprocess.run(["unshare", "--net", "sh", "-c", f'"{program}" up --rules "{rules.name}"; "{program}" down'],
                           capture_output=True)
            is_gone = wait_until(lambda: not husk & walls())
            stays = lived <= walls()
            somebody.communicate("\n")
    results = {"a husk is left": up.returncode == 0 and len(husk) == 1, "the next down takes it": is_gone,
               "a wall that somebody has stays": len(lived) == 1 and stays, "its own down takes it": wait_until(lambda: walls() == before)}
    for what, is_good in results.items():
        print("%s  %s" % ("ok  " if is_good else "FAIL", what.replace(" ", "_")))
    bad = list(results.values()).count(False)
    print("%d passed, %d failed, 0 skipped" % (len(results) - bad, bad))
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
