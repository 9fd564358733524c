#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs client programs against sallyd and Debian's vsftpd on one configuration, and says what worked at which.

A case is one thing asked of one client in one way: passive or active, over IPv4 or IPv6, in the clear or under TLS 1.2, TLS 1.3
or implicit TLS. It passes if sallyd does it, or if vsftpd does not do it either; under TLS only if it is known why.
"""
import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
INSIDE = "SALLY_CLIENTS_INSIDE"
sys.path[:0] = [os.path.join(TOP, "tests/scenario"), HERE]
sys.dont_write_bytecode = True

import cases  # noqa: E402
import harness  # noqa: E402
import namespace  # noqa: E402
import programs  # noqa: E402
from reasons import is_chance, reason, vsftpds_reason  # noqa: E402

SIDES = ("sallyd", "vsftpd")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run clients", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="clients with NAME in their names")
    parser.add_argument("--way", default="", metavar="WORDS", help="ways with WORDS in them: active, IPv6, TLS, TLS 1.3, implicit...")
    parser.add_argument("--seconds", type=float, default=float("inf"), metavar="N", help="begin nothing more after so long: it is skipped")
    parser.add_argument("--list", action="store_true", help="print the clients and end")
    parser.add_argument("--sallyd", default=TOP + "/build/sallyd", help="the server (build/sallyd)")
    parser.add_argument("-v", "--verbose", action="store_true", help="what the clients said where something failed")
    return parser.parse_args()


def heading():
    """The cases' names, downwards, above both halves."""
    names = [case.name for case in cases.CASES]
    height = max(map(len, names))
    rows = ["".join(name.rjust(height)[row] for name in names) for row in range(height)]
    lines = [f"{'':43}{row}  {row}" for row in rows]
    return "\n".join(lines + [f"{'':43}{SIDES[0]:{len(names)}}  {SIDES[1]}"])


def row(client, way, outcomes):
    found = {outcome.case.name: outcome.good for outcome in outcomes}
    halves = ["".join(" " if c.name not in found else "+" if found[c.name][side] else "-" for c in cases.CASES) for side in SIDES]
    return f"{client.name:17}{programs.way_name(way):26}{halves[0]}  {halves[1]}"


def tell_differences(outcomes, verbose):
    print("\nWhere a client failed (+ worked, - did not), and why:")
    for outcome in outcomes:
        if all(outcome.good.values()):
            continue
        marks = ", ".join(f"{side} {'+' if outcome.good[side] else '-'}" for side in SIDES)
        word = "FAIL" if is_failure(outcome) else "    "
        print(f"{word} {outcome.client.name}, {programs.way_name(outcome.way)}, {outcome.case.name}: {marks}: {told(outcome)}")
        if verbose or is_failure(outcome):
            failed_at = next(side for side in SIDES if not outcome.good[side])
            for line in outcome.said[failed_at].strip().splitlines()[-4:]:
                print(f"       | {line[:150]}")


def words_of(outcome):
    return outcome.client.name, programs.way_name(outcome.way), outcome.case.name


def told(outcome):
    return outcome.good["sallyd"] and vsftpds_reason(*words_of(outcome)) or reason(*words_of(outcome)) or "no reason known"


def is_failure(outcome):
    """Under TLS, that vsftpd fails as well is no excuse unless it is known why."""
    if outcome.good["sallyd"] or is_chance(*words_of(outcome)):
        return False
    return outcome.good["vsftpd"] or bool(outcome.way.security and not reason(*words_of(outcome)))


def run_inside(options, chosen):
    """In namespaces of its own. The exit status."""
    import trial
    harness.WORK = namespace.enter(TOP, options.sallyd)
    harness.SALLYD = options.sallyd
    pair, outcomes, skipped, end = trial.Pair(), [], 0, time.monotonic() + options.seconds
    print(heading())
    try:
        for client in chosen:
            if not client.is_here():
                skipped += 1
                print(f"{client.name:17}SKIPPED: {client.package} is not there", flush=True)
                continue
            for way in client.ways():
                if options.way not in programs.way_name(way):
                    continue
                if time.monotonic() > end:
                    skipped += 1
                    print(f"{client.name:17}{programs.way_name(way):26}SKIPPED: no time is left", flush=True)
                    continue
                of_way = list(pair.try_client(client, way))
                if of_way:
                    print(row(client, way, of_way), flush=True)
                outcomes += of_way
    finally:
        pair.stop()
    tell_differences(outcomes, options.verbose)
    failed = sum(map(is_failure, outcomes))
    print(f"{len(outcomes) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not outcomes else 0


def main():
    options = parse_arguments()
    sys.stdout.reconfigure(errors="replace")
    chosen = [c for c in programs.CLIENTS if not options.only or any(name in c.name for name in options.only)]
    if options.list:
        for client in chosen:
            print(f"{client.name:17}{client.package:22}{', '.join(map(programs.way_name, client.ways()))}")
        return 0
    if not chosen:
        sys.exit("no client of that name: --list shows them")
    if os.environ.get(INSIDE):
        return run_inside(options, chosen)
    if os.geteuid() != 0:
        sys.exit("the clients run in network namespaces of their own, which takes root: sudo ./run clients")
    return subprocess.call(namespace.command_in_namespace([sys.executable, *sys.argv]), env=dict(os.environ, **{INSIDE: "1"}))


if __name__ == "__main__":
    sys.exit(main())
