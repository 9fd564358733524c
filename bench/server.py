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

import doors
import servers
import stage
from stage import Failure, Load, ftpload, say

OURS = "sallyd"
REFERENCE = "bare"

FULL = {"rounds": 5, "held": 5000, "seconds": 3, "retr": 1_000_000_000, "stor": 500_000_000, "listed": 100_000,
        "crowd": 10_000, "tls_file": 500_000_000, "tls_held": 1000, "tls_burst": 1000}
QUICK = {"rounds": 3, "held": 500, "seconds": 1, "retr": 256_000_000, "stor": 128_000_000, "listed": 20_000,
         "crowd": 2_000, "tls_file": 128_000_000, "tls_held": 200, "tls_burst": 200}
SMALL_FILES = 1000
LOGINS_AT_ONCE = 8
SMALL_AT_ONCE = (1, 4, 16, 64)
TLS_SMALL_AT_ONCE = 4
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


def times_best(factor):
    """At least so many times the best peer's."""
    return lambda o, p, r: p and o >= factor * best(p)


def part_of_best(divisor):
    """At most the best peer's, divided by this."""
    return lambda o, p, r: p and o <= min(p.values()) / divisor


def rows_for(size):
    retr, stor = f"{size['retr'] / 1e6:,.0f} MB", f"{size['stor'] / 1e6:,.0f} MB"
    tls_file = f"{size['tls_file'] / 1e6:,.0f} MB"
    return {row.key: row for row in (
        Row("idle-memory", f"memory of an idle session, {size['held']:,} held", "kB", "<= 8 kB",
            lambda o, p, r: o <= 8, 1),
        Row("logins", f"anonymous logins, {LOGINS_AT_ONCE} at once", "/s", "10 x best peer",
            times_best(10)),
        Row("retr-1", f"RETR {retr}, 1 at once", "MB/s", "best peer, 0.95 x bare", retr_reached),
        Row("retr-4", f"RETR {retr}, 4 at once", "MB/s", "best peer, 0.95 x bare", retr_reached),
        Row("stor-1", f"STOR {stor}, 1 at once", "MB/s", "best peer", times_best(1)),
        Row("stor-4", f"STOR {stor}, 4 at once", "MB/s", "best peer", times_best(1)),
        Row("stor-disk", f"STOR {stor}, 1 at once, on a disk", "MB/s", "best peer", times_best(1)),
        *(Row(f"doors-{way}", f"1 KiB files with doors of {way} / with open ports", "x", ">= 0.8", lambda o, p, r: o >= 0.8, 2)
          for way in doors.WAYS),
        *(Row(f"small-{n}", f"RETR of 1 KiB files, {n} session{'s' * (n > 1)}", "files/s",
              "1.15 x best peer" if n == 4 else "best peer", times_best(1.15 if n == 4 else 1)) for n in SMALL_AT_ONCE),
        Row("list", f"LIST of {size['listed']:,} files", "files/s", "2 x best peer",
            times_best(2)),
        Row("mlsd", f"MLSD of {size['listed']:,} files", "files/s", "2 x best peer",
            times_best(2)),
        Row("list-memory", "memory growth in LIST / listing's size", "x", "<= 1", lambda o, p, r: o <= 1, 2),
        Row("crowd", f"RETR with {size['crowd']:,} sessions held / alone", "x", ">= 0.9",
            lambda o, p, r: o >= 0.9, 2),
        Row("tls-logins-ecdsa", f"TLS logins, P-256, {LOGINS_AT_ONCE} at once", "/s", "2 x best peer",
            times_best(2)),
        Row("tls-logins-ecdsa-cpu", "... processor time of one", "ms", "best peer / 5", part_of_best(5), 2),
        Row("tls-logins-rsa", f"TLS logins, RSA-2048, {LOGINS_AT_ONCE} at once", "/s", "2 x best peer",
            times_best(2)),
        Row("tls-logins-rsa-cpu", "... processor time of one", "ms", "best peer / 4", part_of_best(4), 2),
        Row("tls-retr-1", f"TLS RETR {tls_file}, 1 at once", "MB/s", "1.15 x best peer", times_best(1.15)),
        Row("tls-retr-4", f"TLS RETR {tls_file}, 4 at once", "MB/s", "best peer", times_best(1)),
        Row("tls-stor-1", f"TLS STOR {tls_file}, 1 at once", "MB/s", "1.25 x best peer", times_best(1.25)),
        Row("tls-stor-4", f"TLS STOR {tls_file}, 4 at once", "MB/s", "1.25 x best peer", times_best(1.25)),
        Row("tls-small", f"TLS RETR of 1 KiB files, {TLS_SMALL_AT_ONCE} sessions", "files/s", "2 x best peer", times_best(2)),
        Row("tls-idle", f"memory of an idle TLS session, {size['tls_held']:,} held", "kB", "<= 20 kB",
            lambda o, p, r: o <= 20, 1),
        Row("tls-burst", f"slowest NOOP in {size['tls_burst']:,} handshakes at once", "ms", "<= 50 ms",
            lambda o, p, r: o <= 50, 1),
    )}


def median_of(measure):
    return statistics.median(measure() for _ in range(TRANSFERS_A_TURN))


# ---- the measurements: each yields values for one or more rows, of one running server, once ----

def idle_memory(server, count, **options):
    before = stage.memory_pss(server.processes())
    with Load("hold", 300, port=server.port, count=count, **options) as load:
        time.sleep(1)
        after = stage.memory_pss(server.processes(load))
        load.go()
        load.result()
    return (after - before) / count


def measure_held(server, size):
    return {"idle-memory": idle_memory(server, size["held"])}


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


def stor_rate(server, sessions, length, where="incoming", **options):
    incoming = f"{server.folder}/ftp/{where}"
    try:
        result = ftpload("stor", port=server.port, sessions=sessions, path=f"{where}/upload",
                         source=f"{server.folder}/ftp/large", size=length, **options)
        names = os.listdir(incoming)
        if len(names) != sessions:
            raise Failure(f"{sessions} uploads left {len(names)} files: {' '.join(sorted(names))}")
        for name in names:
            ftpload("verify", source=f"{incoming}/{name}", size=length)
    finally:
        for name in os.listdir(incoming):
            os.unlink(f"{incoming}/{name}")
    return result["megabytes_per_second"]


def measure_stor(server, size):
    return {f"stor-{n}": median_of(lambda: stor_rate(server, n, size["stor"])) for n in (1, 4)}


def measure_stor_disk(server, size):
    def rate():
        os.sync()  # nobody is to wait for what another one wrote
        return stor_rate(server, 1, size["stor"], "disk")
    return {"stor-disk": median_of(rate)}


def reference_stor_disk(folder, size):
    """The same number of bytes by write(2), from memory."""
    def rate():
        block, name = bytes(256 * 1024), f"{folder}/ftp/disk/written"
        os.sync()
        begin = time.monotonic()
        with open(name, "wb", buffering=0) as file:
            for _ in range(size["stor"] // len(block)):
                file.write(block)
        seconds = time.monotonic() - begin
        os.unlink(name)
        return size["stor"] // len(block) * len(block) / seconds / 1e6
    return {"stor-disk": median_of(rate)}


def measure_small(server, size):
    return {f"small-{n}": ftpload("small", port=server.port, sessions=n, path="small", count=SMALL_FILES,
                                  seconds=size["seconds"])["per_second"] for n in SMALL_AT_ONCE}


def measure_doors(way, server, size):
    with_doors, with_open_ports = (doors.rate(server, way, is_open, SMALL_FILES, size["seconds"]) for is_open in (False, True))
    say(f"    {way}: {with_doors:,.0f} files a second with doors, {with_open_ports:,.0f} with open ports")
    return {f"doors-{way}": with_doors / with_open_ports}


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


# ---- the same under TLS ----

def measure_tls_logins(server, size):
    before = stage.processor_seconds()
    result = ftpload("logins", port=server.port, sessions=LOGINS_AT_ONCE, seconds=size["seconds"], tls=True)
    time.sleep(0.2)  # the last sessions' processes end
    key = f"tls-logins-{server.key_type}"
    values = {key: result["per_second"]}
    if before is not None:
        values[f"{key}-cpu"] = (stage.processor_seconds() - before) * 1000 / result["done"]
    return values


def measure_tls_retr(server, size):
    def rate(sessions):
        return ftpload("retr", port=server.port, sessions=sessions, path="middle", size=size["tls_file"],
                       tls=True)["megabytes_per_second"]
    return {f"tls-retr-{n}": median_of(lambda: rate(n)) for n in (1, 4)}


def measure_tls_stor(server, size):
    return {f"tls-stor-{n}": median_of(lambda: stor_rate(server, n, size["tls_file"], tls=True)) for n in (1, 4)}


def measure_tls_small(server, size):
    """Each file's data connection resumes the session, as clients do; with a server that can't, it is a full handshake."""
    def measure(seconds, full):
        return ftpload("small", port=server.port, sessions=TLS_SMALL_AT_ONCE, path="small", count=SMALL_FILES,
                       seconds=seconds, tls=True, full=full)
    try:
        trial = measure(0.2, False)
        why = None if trial["resumed"] == trial["done"] else \
            f"it resumed {trial['resumed']} of {trial['done']} sessions that it was asked to"
    except Failure as failure:
        why = f"asked to resume a session it failed ({failure})"
    if why and server.name != OURS:
        server.notes["tls-small"] = f"full handshakes, as {why}"
    elif why:
        raise Failure(why)
    return {"tls-small": measure(size["seconds"], why is not None)["per_second"]}


def measure_tls_idle(server, size):
    return {"tls-idle": idle_memory(server, size["tls_held"], tls=True)}


def measure_tls_burst(server, size):
    return {"tls-burst": ftpload("burst", 300, port=server.port, count=size["tls_burst"], tls=True)["worst_ms"]}


MEASURE_DOORS = {way: functools.partial(measure_doors, way) for way in doors.WAYS}

# What is measured, the rows that it yields, and the type of the server's key (None: no TLS).
MEASUREMENTS = (
    (measure_held, ("idle-memory",), None),
    (measure_logins, ("logins",), None),
    (measure_retr, ("retr-1", "retr-4"), None),
    (measure_stor, ("stor-1", "stor-4"), None),
    (measure_stor_disk, ("stor-disk",), None),
    (measure_small, tuple(f"small-{n}" for n in SMALL_AT_ONCE), None),
    *((measure, (f"doors-{way}",), None) for way, measure in MEASURE_DOORS.items()),
    (measure_list, ("list", "mlsd", "list-memory"), None),
    (measure_crowd, ("crowd",), None),
    (measure_tls_logins, ("tls-logins-ecdsa", "tls-logins-ecdsa-cpu"), "ecdsa"),
    (measure_tls_logins, ("tls-logins-rsa", "tls-logins-rsa-cpu"), "rsa"),
    (measure_tls_retr, ("tls-retr-1", "tls-retr-4"), "ecdsa"),
    (measure_tls_stor, ("tls-stor-1", "tls-stor-4"), "ecdsa"),
    (measure_tls_small, ("tls-small",), "ecdsa"),
    (measure_tls_idle, ("tls-idle",), "ecdsa"),
    (measure_tls_burst, ("tls-burst",), "ecdsa"),
)

# What the machine and our client reach without any FTP server: bare sendfile, and a process that recites replies.
REFERENCES = {measure_logins: reference_logins, measure_retr: reference_retr, measure_stor_disk: reference_stor_disk}


# ---- doing it ----

def files_make(folder, size):
    say(f"making the files to serve, in memory ({folder})")
    ftp = f"{folder}/ftp"
    ftpload("pattern", source=f"{ftp}/large", size=size["retr"])
    ftpload("pattern", source=f"{ftp}/middle", size=size["tls_file"])
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
    say(f"the disk that is uploaded to is {stage.disk_mount(f'{ftp}/disk')}")


def participants(measure, contenders, hold_peers):
    if measure in MEASURE_DOORS.values() or (measure is measure_crowd and not hold_peers):
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


def server_measure(server, measure, size, key_type):
    server.key_type = key_type
    if measure in MEASURE_DOORS.values():
        return measure(server, size)
    with server:
        return measure(server, size)


def measure_all(contenders, folder, size, only, hold_peers):
    """All rows; in every round each server once, so that a disturbance hits all alike."""
    values, errors = {}, {}
    for measure, keys, key_type in MEASUREMENTS:
        jobs = {server.name: functools.partial(server_measure, server, measure, size, key_type)
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


def table(rows, only, names, values, errors, notes):
    lines = []
    for key in only:
        first = next(keys[0] for _, keys, _ in MEASUREMENTS if key in keys)
        row, medians = rows[key], {name: statistics.median(v) for name, v in values.get(key, {}).items()}
        cells = []
        for name in names:
            if (first, name) in errors:
                cells.append("failed")
            else:
                mark = " *" if (key, name) in notes else ""
                cells.append(f"{medians[name]:,.{row.digits}f}{mark}" if name in medians else "-")
        reached = "NO" if cells[0] == "failed" else verdict(row, medians)
        lines.append([row.label, row.unit, *cells, row.target, reached])
    return table_text(["", "", *names, "must reach", "reached"], lines)


def notes_of(contenders, only):
    return {(key, server.name): note for server in contenders for key, note in server.notes.items() if key in only}


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
        "notes": [{"row": key, "server": name, "note": note}
                  for (key, name), note in notes_of(contenders, only).items()],
    }


def rows_named(keys, name):
    """The rows that a person means: that one, and all whose names begin with it (tls, tls-logins)."""
    return [key for key in keys if f"{key}-".startswith(f"{name}-")]


def arguments_parse():
    keys = list(rows_for(FULL))
    parser = argparse.ArgumentParser(prog="./run bench server", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes and 3 rounds: minutes, and rougher")
    parser.add_argument("--only", action="append", metavar="ROW", help="only this row, and those whose names begin so "
                        f"(may be given again): {', '.join(keys)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds per row, in place of 5")
    parser.add_argument("--servers", metavar="A,B", help="only these of sallyd, vsftpd, pure-ftpd, proftpd, vsftpd-one")
    parser.add_argument("--hold-peers", action="store_true", help="in the row crowd, the peers too (thousands of processes)")
    parser.add_argument("--json", metavar="FILE", help="write all values there; with -, print them in place of the table")
    parser.add_argument("--sallyd", default=os.path.join(stage.BUILD, "sallyd"), metavar="PROGRAM",
                        help="measure this build of ours")
    arguments = parser.parse_args()
    for name in arguments.only or ():
        if not rows_named(keys, name):
            parser.error(f"no row is named {name}; there are {', '.join(keys)}")
    wanted = {key for name in arguments.only or keys for key in rows_named(keys, name)}
    return arguments, [key for key in keys if key in wanted]


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
    arguments, only = arguments_parse()
    size = dict(QUICK if arguments.quick else FULL)
    size["rounds"] = arguments.rounds or size["rounds"]
    prepare_outside()
    stage.enter(seconds_at_most=5400)
    folder = stage.build()
    rows = rows_for(size)
    contenders = contenders_pick(folder, arguments)
    files_make(folder, size)
    servers.certificates_make(folder)
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
        notes = notes_of(contenders, only)
        print(table(rows, only, names, values, errors, notes))
        for (key, name), note in notes.items():
            print(f"* {name}, {key}: {note}")
        for (key, name), error in errors.items():
            print(f"failed: {name}, {key}: {error}")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
