#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures sally against lftp, curl, ncftp and aria2c, against the same servers in the same run, in the clear and under TLS.

Each row is the client's whole run: starting, logging in, moving, ending. What came is compared in size and number each time.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time

import servers
import stage
from stage import Failure, say

OURS = "sally"
FULL = {"rounds": 5, "large": 1 << 30, "small": 2000, "many": 100_000}
QUICK = {"rounds": 3, "large": 1 << 28, "small": 500, "many": 10_000}
SMALL = 2048
PATIENCE = 60  # seconds, after which a run has failed
MBYTE = 1e6


class Place:
    """A server that runs, a folder that things come to, and what clients need to know."""

    def __init__(self, server, folder, is_secure, size):
        self.server, self.folder, self.is_secure, self.size = server, folder, is_secure, size
        self.ftp, self.here = f"{folder}/ftp", f"{folder}/here"
        self.url = f"127.0.0.1:{server.port}"

    def renew(self):
        for path in self.here, f"{self.ftp}/incoming":
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path)
            os.chmod(path, 0o777)


def environment(place):
    return {"PATH": "/usr/bin:/bin", "HOME": place.folder + "/home", "LC_ALL": "C.UTF-8"}


def execute(place, argv):
    """Seconds, and the most memory it had. It must say that it did it."""
    began = time.monotonic()
    child = subprocess.Popen(argv, cwd=place.here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env=environment(place))
    limit = threading.Timer(PATIENCE, child.kill)
    limit.start()
    output = child.stdout.read()  # little, or nothing
    _, status, usage = os.wait4(child.pid, 0)
    limit.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode == -9:
        raise Failure(f"{argv[0]}: not done after {PATIENCE} seconds")
    if child.returncode:
        raise Failure(f"{argv[0]}: exit status {child.returncode}: {output.decode(errors='replace')[-300:]}")
    return time.monotonic() - began, usage.ru_maxrss * 1024


# ---- what each client is told ----

def sally(*words):
    def argv(place):
        return [os.path.join(stage.BUILD, "sally"), *(["--trust-new", "--tls"] if place.is_secure else []),
                *(word.replace("URL", place.url) for word in words)]
    return argv


def lftp(script):
    def argv(place):
        settings = ("set net:max-retries 1; set ssl:verify-certificate no; set cmd:fail-exit yes; set ftp:ssl-force %s; set ftp:ssl-allow %s; "
                    "set ftp:ssl-allow-anonymous yes; set ftp:ssl-protect-data yes; " % (("yes", "yes") if place.is_secure else ("no", "no")))
        return ["lftp", "-c", settings + f"open {place.url}; " + script]
    return argv


def curl(*words):
    def argv(place):
        return ["curl", "-sS", "--fail", *(["--ssl-reqd", "-k"] if place.is_secure else []),
                *(word.replace("URL", "ftp://" + place.url).replace("LAST", str(place.size["small"] - 1)) for word in words)]
    return argv


def plain_only(argv):
    return lambda place: None if place.is_secure else argv(place)


ROWS = {
    # key: label, unit, digits, {client: argv(place)}, what came, value of seconds, target, reached(medians)
    "get": ("get one file", "MB/s", {
        OURS: sally("get", "URL/large"), "lftp": lftp("get large"), "curl": curl("-O", "URL/large"),
        "ncftp": plain_only(lambda p: ["ncftpget", "-V", "-P", str(p.server.port), "127.0.0.1", ".", "large"]),
        "aria2c": plain_only(lambda p: ["aria2c", "-q", "-x4", "--file-allocation=none", f"ftp://{p.url}/large"])}),
    "put": ("put one file", "MB/s", {
        OURS: sally("put", "../ftp/large", "URL/incoming/"), "lftp": lftp("put -O incoming ../ftp/large"),
        "curl": curl("-T", "../ftp/large", "URL/incoming/"),
        "ncftp": plain_only(lambda p: ["ncftpput", "-V", "-P", str(p.server.port), "127.0.0.1", "incoming", "../ftp/large"])}),
    "mirror-4": ("mirror of small files, 4 at once", "files/s", {
        OURS: sally("mirror", "-P4", "URL/small", "small"), "lftp": lftp("mirror -P4 small small"),
        "curl": curl("-Z", "--parallel-max", "4", "-O", "URL/small/[0-LAST]")}),
    "mirror-8": ("the same, 8 at once", "files/s", {
        OURS: sally("mirror", "-P8", "URL/small", "small"), "lftp": lftp("mirror -P8 small small"),
        "curl": curl("-Z", "--parallel-max", "8", "-O", "URL/small/[0-LAST]")}),
    "up-4": ("the same upwards, 4 at once", "files/s", {
        OURS: sally("mirror", "-R", "-P4", "../ftp/small", "URL/incoming/small"), "lftp": lftp("mirror -R -P4 ../ftp/small incoming/small")}),
    "again": ("mirror again, nothing changed", "files/s", {
        OURS: sally("mirror", "URL/many", "../many"), "lftp": lftp("mirror many ../many")}),
}
MEMORY = "again-memory"
TARGETS = {"get": ("the best", lambda ours, peers: ours >= max(peers.values())),
           "put": ("the best", lambda ours, peers: ours >= max(peers.values())),
           "mirror-4": ("1.5x lftp", lambda ours, peers: ours >= 1.5 * peers["lftp"]),
           "mirror-8": ("1.5x lftp", lambda ours, peers: ours >= 1.5 * peers["lftp"]),
           "up-4": ("1.5x lftp", lambda ours, peers: ours >= 1.5 * peers["lftp"]),
           "again": ("3x lftp", lambda ours, peers: ours >= 3 * peers["lftp"]),
           MEMORY: ("", None)}


def check(place, key):
    """What came is what was to come, or the time of a failure would be measured."""
    if key in ("get", "put"):
        path = f"{place.here}/large" if key == "get" else f"{place.ftp}/incoming/large"
        if os.path.getsize(path) != place.size["large"]:
            raise Failure(f"{os.path.getsize(path)} bytes came")
        return
    if key == "again":
        return
    at = f"{place.ftp}/incoming/small" if key == "up-4" else place.here + "/small" if os.path.isdir(place.here + "/small") else place.here
    sizes = [entry.stat().st_size for entry in os.scandir(at)]
    if sizes != [SMALL] * place.size["small"]:
        raise Failure(f"{len(sizes)} files came, of {sum(sizes)} bytes")


def value(place, key, seconds):
    amount = {"get": place.size["large"] / MBYTE, "put": place.size["large"] / MBYTE, "again": place.size["many"]}
    return amount.get(key, place.size["small"]) / seconds


def measure_once(place, key, client, values, errors):
    argv = ROWS[key][2][client](place)
    if not argv:
        return
    try:
        stage.network_renew()
        with place.server:
            place.renew()
            if key in ("get", "put"):
                stage.ftpload("pattern", source=place.here + "/warm", size=place.size["large"])
                os.unlink(place.here + "/warm")
            if key == "again" and not os.path.isdir(place.folder + "/many"):
                execute(place, ROWS[key][2][OURS](place))  # the first time, which is not measured
            seconds, memory = execute(place, argv)
            check(place, key)
    except (Failure, OSError) as failure:
        errors[key, client] = str(failure)
        say(f"    {client}: failed: {failure}")
        return
    values.setdefault(key, {}).setdefault(client, []).append(value(place, key, seconds))
    if key == "again":
        values.setdefault(MEMORY, {}).setdefault(client, []).append(memory / MBYTE)
    say(f"    {client}: {key} {value(place, key, seconds):,.0f}")


def files_make(folder, size):
    say(f"making the files to serve, in memory ({folder})")
    ftp = f"{folder}/ftp"
    stage.ftpload("pattern", source=f"{ftp}/large", size=size["large"])
    os.makedirs(f"{folder}/home")
    for name, count, length in (("small", size["small"], SMALL), ("many", size["many"], 1)):
        os.mkdir(f"{ftp}/{name}", 0o755)
        for number in range(count):
            path = f"{ftp}/{name}/{number}" if name == "small" else f"{ftp}/{name}/file-{number:06}"
            with open(path, "wb") as file:
                file.truncate(length)
            os.utime(path, (1_600_000_000, 1_600_000_000))
    os.mkdir(f"{ftp}/incoming")


def table(values, errors, names, only):
    lines = []
    for key in [k for k in (*ROWS, MEMORY) if k in only or (k == MEMORY and "again" in only)]:
        label, unit = (ROWS[key][0], ROWS[key][1]) if key in ROWS else ("memory of that", "MB")
        medians = {name: statistics.median(v) for name, v in values.get(key, {}).items()}
        cells = [f"{medians[name]:,.0f}" if name in medians else "failed" if (key, name) in errors else "-" for name in names]
        target, reached = TARGETS[key]
        peers = {name: m for name, m in medians.items() if name != OURS}
        said = "" if not reached else "-" if OURS not in medians or not peers else "yes" if reached(medians[OURS], peers) else "NO"
        lines.append("| " + " | ".join((label, unit, *cells, target, said)) + " |")
    return "\n".join(["| | | " + " | ".join(names) + " | must reach | reached |", "|" + "---|" * (len(names) + 4), *lines])


def arguments_parse():
    parser = argparse.ArgumentParser(prog="./run bench client", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller, and 3 rounds")
    parser.add_argument("--only", action="append", metavar="ROW", choices=list(ROWS), help=f"only this row: {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--servers", metavar="A,B", default="sallyd,vsftpd")
    parser.add_argument("--plain", action="store_true", help="not under TLS")
    parser.add_argument("--json", metavar="FILE", help="every single value")
    return parser.parse_args()


def main():
    arguments = arguments_parse()
    size = dict(QUICK if arguments.quick else FULL)
    size["rounds"] = arguments.rounds or size["rounds"]
    missing = [name for name in ("lftp", "curl", "ncftpget", "aria2c") if not shutil.which(name)]
    if missing:
        sys.exit(f"bench: not there: {', '.join(missing)}; packaging/apt-bench.txt has the packages")
    if not os.environ.get(stage.INSIDE) and subprocess.run([os.path.join(stage.REPOSITORY, "bench/peers.sh")]).returncode != 0:
        sys.exit("bench: the peers could not be unpacked; see above")
    stage.enter(seconds_at_most=5400)
    folder = stage.build()
    files_make(folder, size)
    servers.certificates_make(folder)
    everyone = {server.name: server for server in servers.all_servers(folder, os.path.join(stage.BUILD, "sallyd"))}
    only, result = arguments.only or list(ROWS), {}
    names = [OURS, "lftp", "curl", "ncftp", "aria2c"]
    for name in arguments.servers.split(","):
        for is_secure in (False,) if arguments.plain else (False, True):
            server, values, errors = everyone[name], {}, {}
            server.key_type, server.first = "ecdsa" if is_secure else None, None
            place = Place(server, folder, is_secure, size)
            shutil.rmtree(folder + "/many", ignore_errors=True)
            for number in range(size["rounds"]):
                for key in only:
                    say(f"{name}{', TLS' if is_secure else ''}, {key}: round {number + 1} of {size['rounds']}")
                    clients = list(ROWS[key][2])
                    turn = number % len(clients)  # memory that nobody has touched lately is dear where machines are guests
                    for client in clients[turn:] + clients[:turn]:
                        if (key, client) not in errors:
                            measure_once(place, key, client, values, errors)
            title = f"{name}, {'under TLS' if is_secure else 'in the clear'}"
            result[title] = {"values": values, "errors": {f"{k}, {c}": e for (k, c), e in errors.items()}}
            print(f"\n{title}; medians of {size['rounds']}, {os.cpu_count()} cores, Linux {platform.release()}\n")
            print(table(values, errors, names, only))
            for (key, client), error in errors.items():
                print(f"failed: {client}, {key}: {error}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
