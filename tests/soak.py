#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What takes too long for ./run check: the tests of tests/soak, the fuzzers with new inputs, and every client program if
tests/clients is there.

usage: soak.py [--seconds N]    for all of it together (1800); what the time is not enough for is skipped

The last line adds up: N passed, N failed, N skipped. The exit status is 0 only if nothing failed and something passed.
"""
import argparse
import sys
import time

import check

CLIENTS = check.ROOT / "tests/clients/run.py"
CHAOS = 8  # tests of tests/soak that go on for as long as they may: they share half of the time
FUZZ_SECONDS = 30  # each fuzzer, with a seed of that day
CLIENTS_SECONDS = 240  # the least for the table of clients; all of it takes a quarter of an hour and more


def part(tally, name, argv, **env):
    """Runs a program whose last line counts, and adds that up."""
    print("== %s" % name, flush=True)
    status, output = check.run(argv, echo=True, **env)
    last = output.rstrip().rpartition("\n")[2]
    if not check.add_count(tally, output):
        tally.add("%s (status %d, without a count at the end)" % (name, status), False, last)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=1800)
    seconds = parser.parse_args().seconds
    tally = check.Tally()
    check.deadline = time.monotonic() + seconds
    if not check.build(tally, check.CHECK):
        return check.report(tally)
    server = ["--sallyd", str(check.CHECK / "sallyd")]
    part(tally, "long scenarios", [sys.executable, "tests/scenario/run.py", "--soak", "--jobs", "1", "--slowest", "20",
                                   "--seconds", str(check.time_left() - 5), *server],
         SALLY_SOAK_SECONDS=str(seconds / 2 / CHAOS), SALLY_TURMOIL_SECONDS=str(seconds / 2 / CHAOS), **check.SANITIZERS_SANDBOXED)
    print("== fuzz", flush=True)
    check.check_fuzz(tally, "--test-args=-seed=0 -max_total_time=%d" % FUZZ_SECONDS)
    if check.time_left() < CLIENTS_SECONDS:
        tally.skip("clients", "less than %d of %d seconds are left; ./run clients is the same" % (CLIENTS_SECONDS, seconds))
    elif CLIENTS.exists():
        part(tally, "clients", [sys.executable, str(CLIENTS), "--seconds", str(check.time_left() - 60)])
    return check.report(tally)


if __name__ == "__main__":
    sys.exit(main())
