#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs client programs against sallyd and Debian's vsftpd on one configuration, and says what worked at which.

A case is one thing asked of one client in one mode. It passes if sallyd does it, or if vsftpd does not do it either.
"""
import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
INSIDE = "SALLY_CLIENTS_INSIDE"
sys.path[:0] = [os.path.join(TOP, "tests/scenario"), HERE]
sys.dont_write_bytecode = True

import cases  # noqa: E402
import harness  # noqa: E402
import namespace  # noqa: E402
import programs  # noqa: E402
from reasons import reason  # noqa: E402

SIDES = ("sallyd", "vsftpd")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run clients", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="clients with NAME in their names")
    parser.add_argument("--list", action="store_true", help="print the clients and end")
    parser.add_argument("--sallyd", default=TOP + "/build/sallyd", help="the server (build/sallyd)")
    parser.add_argument("-v", "--verbose", action="store_true", help="what the clients said where something failed")
    return parser.parse_args()


def heading():
    """The cases' names, downwards, above both halves."""
    names = [case.name for case in cases.CASES]
    height = max(map(len, names))
    rows = ["".join(name.rjust(height)[row] for name in names) for row in range(height)]
    lines = [f"{'':26}{row}  {row}" for row in rows]
    return "\n".join(lines + [f"{'':26}{SIDES[0]:{len(names)}}  {SIDES[1]}"])


def row(client, mode, outcomes):
    found = {outcome.case.name: outcome.good for outcome in outcomes}
    halves = ["".join(" " if c.name not in found else "+" if found[c.name][side] else "-" for c in cases.CASES) for side in SIDES]
    return f"{client.name:17}{mode:9}{halves[0]}  {halves[1]}"


def tell_differences(outcomes, verbose):
    print("\nWhere a client failed (+ worked, - did not), and why:")
    for outcome in outcomes:
        if all(outcome.good.values()):
            continue
        marks = ", ".join(f"{side} {'+' if outcome.good[side] else '-'}" for side in SIDES)
        why = reason(outcome.client.name, outcome.case.name) or "no reason known"
        word = "FAIL" if is_failure(outcome) else "    "
        print(f"{word} {outcome.client.name}, {outcome.mode}, {outcome.case.name}: {marks}: {why}")
        if verbose or is_failure(outcome):
            for line in outcome.said["sallyd"].strip().splitlines()[-4:]:
                print(f"       | {line[:150]}")


def is_failure(outcome):
    return outcome.good["vsftpd"] and not outcome.good["sallyd"]


def run_inside(options, chosen):
    """In namespaces of its own. The exit status."""
    import trial
    harness.WORK = namespace.enter(TOP, options.sallyd)
    harness.SALLYD = options.sallyd
    pair, outcomes, skipped = trial.Pair(), [], 0
    print(heading())
    try:
        for client in chosen:
            if not client.is_here():
                skipped += 1
                print(f"{client.name:17}SKIPPED: {client.package} is not there", flush=True)
                continue
            for mode in client.modes:
                of_mode = list(pair.try_client(client, mode))
                print(row(client, mode, of_mode), flush=True)
                outcomes += of_mode
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
            print(f"{client.name:17}{client.package:22}{', '.join(client.modes)}")
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
