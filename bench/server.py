#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run bench server: sallyd against vsftpd, Pure-FTPd and ProFTPD, one table. See README.md beside this file."""
import sys

sys.dont_write_bytecode = True

import argparse
import functools
import json
import os
import platform
import statistics
import subprocess
import time

import servers
import stage
from stage import Failure, Load, ftpload, say

OURS = "sallyd"
REFERENCE = "bare"

FULL = {"rounds": 5, "held": 5000, "seconds": 3, "retr": 1_000_000_000, "stor": 500_000_000, "listed": 100_000,
        "crowd": 10_000}
QUICK = {"rounds": 3, "held": 500, "seconds": 1, "retr": 256_000_000, "stor": 128_000_000, "listed": 20_000,
         "crowd": 2_000}
SMALL_FILES = 1000
LOGINS_AT_ONCE = 8
SMALL_AT_ONCE = 4
# One transfer takes less than a second, and the scheduler's choice of cores sways it by a third: a turn's value is the
# median of this many.
TRANSFERS_A_TURN = 3


# ---- the rows ----

class Row:
    """One line of the table. `reached` judges ours (o) by the peers' values (p, by name) and the reference (r)."""

    def __init__(self, key, label, unit, target, reached, digits=0):
        self.key, self.label, self.unit, self.target, self.reached = key, label, unit, target, reached
        self.digits = digits


def best(p):
    return max(p.values(), default=0)


def retr_reached(o, p, r):
    return o >= best(p) and r is not None and o >= 0.95 * r


def stor_reached(o, p, r):
    return "vsftpd" in p and o >= 1.5 * p["vsftpd"] and o > best(p)


def rows_for(size):
    retr, stor = f"{size['retr'] / 1e6:,.0f} MB", f"{size['stor'] / 1e6:,.0f} MB"
    return {row.key: row for row in (
        Row("idle-memory", f"memory of an idle session, {size['held']:,} held", "kB", "<= 8 kB",
            lambda o, p, r: o <= 8, 1),
        Row("logins", f"anonymous logins, {LOGINS_AT_ONCE} at once", "/s", "10 x best peer",
            lambda o, p, r: p and o >= 10 * best(p)),
        Row("retr-1", f"RETR {retr}, 1 at once", "MB/s", "best peer, 0.95 x bare", retr_reached),
        Row("retr-4", f"RETR {retr}, 4 at once", "MB/s", "best peer, 0.95 x bare", retr_reached),
        Row("stor-1", f"STOR {stor}, 1 at once", "MB/s", "1.5 x vsftpd, > best", stor_reached),
        Row("stor-4", f"STOR {stor}, 4 at once", "MB/s", "1.5 x vsftpd, > best", stor_reached),
        Row("small", f"RETR of 1 KiB files, {SMALL_AT_ONCE} sessions", "files/s", "1.5 x best peer",
            lambda o, p, r: p and o >= 1.5 * best(p)),
        Row("list", f"LIST of {size['listed']:,} files", "files/s", "2 x best peer",
            lambda o, p, r: p and o >= 2 * best(p)),
        Row("mlsd", f"MLSD of {size['listed']:,} files", "files/s", "2 x best peer",
            lambda o, p, r: p and o >= 2 * best(p)),
        Row("list-memory", "memory growth in LIST / listing's size", "x", "<= 1", lambda o, p, r: o <= 1, 2),
        Row("crowd", f"RETR with {size['crowd']:,} sessions held / alone", "x", ">= 0.9",
            lambda o, p, r: o >= 0.9, 2),
    )}


def median_of(measure):
    return statistics.median(measure() for _ in range(TRANSFERS_A_TURN))


# ---- the measurements: each yields values for one or more rows, of one running server, once ----

def measure_held(server, size):
    before = stage.memory_pss(server.processes())
    with Load("hold", 300, port=server.port, count=size["held"]) as load:
        time.sleep(1)
        after = stage.memory_pss(server.processes(load))
        load.go()
        load.result()
    return {"idle-memory": (after - before) / size["held"]}


def measure_logins(server, size):
    result = ftpload("logins", port=server.port, sessions=LOGINS_AT_ONCE, seconds=size["seconds"])
    return {"logins": result["per_second"]}


def measure_retr(server, size):
    def rate(sessions):
        return ftpload("retr", port=server.port, sessions=sessions, path="large",
                       size=size["retr"])["megabytes_per_second"]
    return {"retr-1": median_of(lambda: rate(1)), "retr-4": median_of(lambda: rate(4))}


def reference_logins(folder, size):
    result = ftpload("ceiling", sessions=LOGINS_AT_ONCE, seconds=size["seconds"])
    return {"logins": result["per_second"]}


def reference_retr(folder, size):
    def rate(sessions):
        return ftpload("sendfile", sessions=sessions, source=f"{folder}/ftp/large",
                       size=size["retr"])["megabytes_per_second"]
    return {"retr-1": median_of(lambda: rate(1)), "retr-4": median_of(lambda: rate(4))}


def measure_stor(server, size):
    incoming = f"{server.folder}/ftp/incoming"

    def rate(sessions):
        try:
            result = ftpload("stor", port=server.port, sessions=sessions, path="incoming/upload",
                             source=f"{server.folder}/ftp/large", size=size["stor"])
            names = os.listdir(incoming)
            if len(names) != sessions:
                raise Failure(f"{sessions} uploads left {len(names)} files: {' '.join(sorted(names))}")
            for name in names:
                ftpload("verify", source=f"{incoming}/{name}", size=size["stor"])
        finally:
            for name in os.listdir(incoming):
                os.unlink(f"{incoming}/{name}")
        return result["megabytes_per_second"]
    return {"stor-1": median_of(lambda: rate(1)), "stor-4": median_of(lambda: rate(4))}


def measure_small(server, size):
    result = ftpload("small", port=server.port, sessions=SMALL_AT_ONCE, path="small", count=SMALL_FILES,
                     seconds=size["seconds"])
    return {"small": result["per_second"]}


def listing_growth(server, size):
    """How much memory one LIST takes at its peak, by the size of what it sends. Not timed: looking costs the server time."""
    with Load("list", port=server.port, path="many", count=size["listed"], wait=True) as load:
        before = peak = stage.memory_with_memfds(server.processes(load))
        load.go()
        while load.running():
            peak = max(peak, stage.memory_with_memfds(server.processes(load)))
            time.sleep(0.002)
        return (peak - before) * 1024 / load.result()["bytes"]


def measure_list(server, size):
    def rate(verb):
        return ftpload("list", port=server.port, path="many", count=size["listed"], verb=verb)["per_second"]
    values = {"list": rate("LIST")}
    if server.mlsd:
        values["mlsd"] = rate("MLSD")
    values["list-memory"] = listing_growth(server, size)
    return values


def measure_crowd(server, size):
    def rate():
        return ftpload("retr", port=server.port, path="large", size=size["retr"])["megabytes_per_second"]
    alone = median_of(rate)
    with Load("hold", 400, port=server.port, count=size["crowd"]) as load:
        time.sleep(1)
        crowded = median_of(rate)
        load.go()
        load.result()
    return {"crowd": crowded / alone}


MEASUREMENTS = (
    (measure_held, ("idle-memory",)),
    (measure_logins, ("logins",)),
    (measure_retr, ("retr-1", "retr-4")),
    (measure_stor, ("stor-1", "stor-4")),
    (measure_small, ("small",)),
    (measure_list, ("list", "mlsd", "list-memory")),
    (measure_crowd, ("crowd",)),
)

# What the machine and our client reach without any FTP server: bare sendfile, and a process that recites replies.
REFERENCES = {measure_logins: reference_logins, measure_retr: reference_retr}


# ---- doing it ----

def files_make(folder, size):
    say(f"making the files to serve, in memory ({folder})")
    ftp = f"{folder}/ftp"
    ftpload("pattern", source=f"{ftp}/large", size=size["retr"])
    os.mkdir(f"{ftp}/small", 0o755)
    for number in range(SMALL_FILES):
        with open(f"{ftp}/small/{number:04}", "wb") as file:
            file.write(number.to_bytes(8, "little") + bytes(1024 - 8))
    os.mkdir(f"{ftp}/many", 0o755)
    for number in range(size["listed"]):
        with open(f"{ftp}/many/file-{number:06}.dat", "wb") as file:
            file.truncate(number)
    os.mkdir(f"{ftp}/incoming", 0o755)
    os.chown(f"{ftp}/incoming", 499, 499)


def participants(measure, contenders, hold_peers):
    if measure is measure_crowd and not hold_peers:
        return [server for server in contenders if server.name == OURS]
    return contenders


def measure_once(keys, name, measure, values, errors):
    """Adds what measure() yields to the values, or why it could not be measured to the errors."""
    try:
        stage.network_renew()
        result = measure()
    except Failure as failure:
        errors[keys[0], name] = str(failure)
        say(f"    {name}: failed: {failure}")
        return
    for key, value in result.items():
        values.setdefault(key, {}).setdefault(name, []).append(value)
    say(f"    {name}: " + ", ".join(f"{key} {value:,.2f}" for key, value in result.items()))


def server_measure(server, measure, size):
    with server:
        return measure(server, size)


def measure_all(contenders, folder, size, only, hold_peers):
    """All rows; in every round each server once, so that a disturbance hits all alike."""
    values, errors = {}, {}
    for measure, keys in MEASUREMENTS:
        jobs = {server.name: functools.partial(server_measure, server, measure, size)
                for server in participants(measure, contenders, hold_peers)}
        if measure in REFERENCES:
            jobs[REFERENCE] = functools.partial(REFERENCES[measure], folder, size)
        if not jobs or not set(keys) & set(only):
            continue
        for number in range(size["rounds"]):
            say(f"{', '.join(keys)}: round {number + 1} of {size['rounds']}")
            for name, job in jobs.items():
                # A server that cannot do it once is not asked again.
                if (keys[0], name) not in errors:
                    measure_once(keys, name, job, values, errors)
    return values, errors


# ---- the table ----

def verdict(row, medians):
    ours = medians.get(OURS)
    peers = {name: value for name, value in medians.items() if name not in (OURS, REFERENCE)}
    if ours is None:
        return "-"
    return "yes" if row.reached(ours, peers, medians.get(REFERENCE)) else "NO"


def table_text(header, lines):
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]

    def line_text(cells):
        first, *rest = (cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(cells, widths)))
        return "| " + " | ".join((first, *rest)) + " |"
    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return "\n".join((line_text(header), rule, *(line_text(line) for line in lines)))


def table(rows, only, names, values, errors):
    lines = []
    for key in only:
        first = next(keys[0] for _, keys in MEASUREMENTS if key in keys)
        row, medians = rows[key], {name: statistics.median(v) for name, v in values.get(key, {}).items()}
        cells = []
        for name in names:
            if (first, name) in errors:
                cells.append("failed")
            else:
                cells.append(f"{medians[name]:,.{row.digits}f}" if name in medians else "-")
        reached = "NO" if cells[0] == "failed" else verdict(row, medians)
        lines.append([row.label, row.unit, *cells, row.target, reached])
    return table_text(["", "", *names, "must reach", "reached"], lines)


def document(size, contenders, only, rows, values, errors):
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kernel": platform.release(), "cores": os.cpu_count(), "sizes": size,
        "versions": {server.name: server.version() for server in contenders},
        "rows": {key: {
            "unit": rows[key].unit, "must_reach": rows[key].target,
            "medians": {name: statistics.median(v) for name, v in values.get(key, {}).items()},
            "rounds": values.get(key, {}),
            "reached": verdict(rows[key], {n: statistics.median(v) for n, v in values.get(key, {}).items()}),
        } for key in only},
        "errors": [{"row": key, "server": name, "error": error} for (key, name), error in errors.items()],
    }


def arguments_parse():
    keys = list(rows_for(FULL))
    parser = argparse.ArgumentParser(prog="./run bench server", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes and 3 rounds: minutes, and rougher")
    parser.add_argument("--only", action="append", metavar="ROW", choices=keys, help="only this row (may be given "
                        f"again): {', '.join(keys)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds per row, in place of 5")
    parser.add_argument("--servers", metavar="A,B", help="only these of sallyd, vsftpd, pure-ftpd, proftpd, vsftpd-one")
    parser.add_argument("--hold-peers", action="store_true", help="in the row crowd, the peers too (thousands of processes)")
    parser.add_argument("--json", metavar="FILE", help="write all values there; with -, print them in place of the table")
    parser.add_argument("--sallyd", default=os.path.join(stage.BUILD, "sallyd"), metavar="PROGRAM",
                        help="measure this build of ours")
    return parser.parse_args(), keys


def contenders_pick(folder, arguments):
    everyone = servers.all_servers(folder, os.path.abspath(arguments.sallyd))
    if not arguments.servers:
        everyone = [server for server in everyone if not server.by_name_only]
    else:
        wanted = arguments.servers.split(",")
        unknown = set(wanted) - {server.name for server in everyone}
        if unknown:
            sys.exit(f"bench: no server named {', '.join(sorted(unknown))}; there are "
                     f"{', '.join(server.name for server in everyone)}")
        everyone = [server for server in everyone if server.name in wanted]
    for server in everyone:
        if not server.available():
            say(f"{server.name} is left out: {server.program} does not exist; build it first: ./run build")
    return [server for server in everyone if server.available()]


def prepare_outside():
    """What needs the network or writes into build/: before entering the namespaces."""
    if os.environ.get(stage.INSIDE):
        return
    if not os.access(stage.FTPLOAD, os.X_OK):
        sys.exit(f"bench: {stage.FTPLOAD} does not exist; build it first: ./run build")
    if subprocess.run([os.path.join(stage.REPOSITORY, "bench", "peers.sh")]).returncode != 0:
        sys.exit("bench: the peers could not be unpacked; see above")


def main():
    arguments, keys = arguments_parse()
    only = [key for key in keys if not arguments.only or key in arguments.only]
    size = dict(QUICK if arguments.quick else FULL)
    size["rounds"] = arguments.rounds or size["rounds"]
    prepare_outside()
    stage.enter(seconds_at_most=5400)
    folder = stage.build()
    rows = rows_for(size)
    contenders = contenders_pick(folder, arguments)
    files_make(folder, size)
    values, errors = measure_all(contenders, folder, size, only, arguments.hold_peers)
    names = [OURS] + [server.name for server in contenders if server.name != OURS] + [REFERENCE]
    result = document(size, contenders, only, rows, values, errors)
    if arguments.json and arguments.json != "-":
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=2)
    if arguments.json == "-":
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        print(f"Medians of {size['rounds']}, {result['cores']} cores, Linux {result['kernel']}, "
              f"{', '.join(f'{name} ({version})' for name, version in result['versions'].items())}\n")
        print(table(rows, only, names, values, errors))
        for (key, name), error in errors.items():
            print(f"failed: {name}, {key}: {error}")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
