#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Enforces the include table: which room of src/ may include which. Exit status 0: the table holds, 1: it doesn't.

The table below is doc/architecture.md's, word for word; a change to it is a decision page in doc/decisions/.
"""
import pathlib
import re
import sys

SRC = pathlib.Path(__file__).resolve().parent.parent / "src"

# Besides itself and base. "verdict" and "explain" stand on what they name and on nothing that those stand on.
ROOMS = {
    "base": "",
    "ftp": "",
    "packet": "",
    "sys": "",
    "rules": "packet",
    "track": "packet ftp",
    "host": "packet",
    "verdict": "rules packet track host",
    "explain": "verdict rules packet track host ftp speech",
    "bpf": "packet ftp track rules verdict",
    "kernel": "rules track verdict packet bpf sys",
    "ipc": "sys",
    "tls": "",
    "channel": "sys",
    "server": "ftp channel ipc tls sys kernel",
    "speech": "",
    "client": "ftp channel sys speech",
}

# Arguments and wiring, one row a program or its folder. Server, client and firewall meet nowhere, here neither.
PROGRAMS = {
    "cmd/sallyd.c": "server ipc sys",
    "cmd/sally.c": "client ftp channel sys speech",
    "cmd/sally/": "client ftp channel sys speech",
    "cmd/sallywall.c": "explain verdict rules packet track host kernel bpf sys speech",
    "cmd/wall/": "explain verdict rules packet track host kernel bpf sys speech",
}

# Inside the server, besides itself and what lies in src/server/ itself. The worker holds no code that opens a file or
# checks a password, and nothing that parses network bytes is in the monitor or a broker.
SERVER = {
    "admin": "",
    "config": "",
    "auth": "config",
    "broker": "auth config",
    "keys": "config",
    "worker": "config",
    "monitor": "auth broker config keys worker",
}

# Rooms whose files stand one above the other: no circle among them (a file and its header count as one).
LAYERED = {"base", "bpf", "cmd/wall", "explain/diff", "explain/exchange", "explain/fix", "explain/near", "explain/packet",
           "explain/play", "explain/replay", "explain/tell", "ftp", "host", "packet", "rules/ext", "rules/forms", "rules/language", "rules/nft", "rules/shell",
           "server/broker", "server/keys", "server/worker",
           "track", "track/native", "verdict", "verdict/condition", "verdict/image", "verdict/match", "verdict/nft", "verdict/passage"}

# Rooms without I/O: the engine takes bytes, a clock and storage as arguments.
PURE = {"base", "ftp", "host", "packet", "rules", "tls", "track", "verdict"}
IO = {"fcntl.h", "poll.h", "pthread.h", "sys/epoll.h", "sys/ioctl.h", "sys/mman.h", "sys/sendfile.h", "unistd.h"}

# What a header that is also compiled with -target bpf may ask of the system.
FREESTANDING = re.compile(r"(linux|asm|bpf)/|(stdbool|stddef|stdint|limits|iso646|stdalign|stdarg|float)\.h$")

GENERATED = {"korean.h", "wall_object.h"}  # by the build

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
DIRECTIVE = re.compile(r"^\s*#\s*(include|import)")


def read_includes(path):
    for number, text in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(text)
        if found:
            yield number, found[1] == '"', found[2]
        elif DIRECTIVE.match(text):
            yield number, True, text.strip()  # by a macro, say: no file of src/ has such a name, so it is refused


def wrong_between_rooms(name, room, other, target):
    if room == "cmd":
        allowed = next((PROGRAMS[row] for row in PROGRAMS if name.startswith(row)), None)
        if allowed is None:
            return "src/%s has no row in PROGRAMS" % name
    else:
        allowed = ROOMS[room]
    if name.startswith("cmd/wall/") and target.startswith("server/config/"):  # what a server is told, its firewall may be asked about
        return None
    if other in ("base", room) or other in allowed.split():
        if room == "server" and other == "kernel" and not target.startswith("kernel/pinhole"):
            return "server may include of kernel only pinholes"
        return None
    return "%s may not include %s" % (room, other)


def wrong_in_server(name, target):
    parts, others = name.split("/"), target.split("/")
    if len(others) == 2:  # src/server/x.h is for all of the server
        return None
    if len(parts) == 2:
        return None if others[1] in ("config", "auth") else "src/server/ itself may not include server/%s" % others[1]
    folder, other = parts[1], others[1]
    if folder not in SERVER:
        return "server/%s has no row in SERVER" % folder
    if other == folder or other in SERVER[folder].split():
        return None
    return "server/%s may not include server/%s" % (folder, other)


def find_wrong(name, own, target):
    """What is wrong with src/NAME including TARGET (own: in quotes), or None."""
    room = name.split("/")[0]
    if room != "cmd" and room not in ROOMS:
        return "src/%s is no room of the house" % room
    if not own:
        if (SRC / target).is_file():
            return "a file of ours is named in quotes"
        if room in PURE and target in IO:
            return "%s does no I/O" % room
        if room == "bpf" and not FREESTANDING.match(target):
            return "bpf includes only freestanding headers"
        return None
    if ".." in target or not (SRC / target).is_file():
        return None if target in GENERATED else "not a file named from src/"
    if room == "server" and target.startswith("server/"):
        return wrong_in_server(name, target)
    return wrong_between_rooms(name, room, target.split("/")[0], target)


def closure(start):
    """{name: who includes it first} of what the files in start include, directly or not, themselves too."""
    found = {}
    waiting = [(name, None) for name in start]
    while waiting:
        name, by = waiting.pop()
        if name in found or not (SRC / name).is_file():
            continue
        found[name] = by
        waiting += [(target, name) for _, own, target in read_includes(SRC / name) if own]
    return found


def not_freestanding(files):
    """The kernel program's headers ask nothing of the system, and nothing of the rooms that do: a line each."""
    start = [path.relative_to(SRC).as_posix() for path in files if path.relative_to(SRC).parts[0] == "bpf"]
    for name, by in sorted(closure(start).items()):
        if name.endswith(".c") and by or "/native/" in name:
            yield "src/%s: the kernel program includes it (by way of src/%s), and it is native" % (name, by)
        for number, own, target in read_includes(SRC / name):
            if not own and not FREESTANDING.match(target):
                yield "src/%s:%d: includes %s, but the kernel program includes it (by way of src/%s)" % (
                    name, number, target, by)


def unwanted(files):
    """No byte of the network is parsed in the monitor or in a broker, so nothing of ftp/ is to be found there."""
    for folder in ("monitor", "broker"):
        start = [path.relative_to(SRC).as_posix() for path in files if path.relative_to(SRC).parts[:2] == ("server", folder)]
        for name, by in sorted(closure(start).items()):
            if name.startswith("ftp/"):
                yield "src/%s: server/%s includes it (by way of src/%s)" % (name, folder, by)


def find_circle(below):
    """A circle in {unit: units that it includes}, as a list that ends where it begins, or None."""
    done = set()

    def walk(unit, path):
        if unit in path:
            return path[path.index(unit):] + [unit]
        if unit in done:
            return None
        done.add(unit)
        return next((c for c in (walk(other, path + [unit]) for other in sorted(below.get(unit, ()))) if c), None)

    return next((c for c in (walk(unit, []) for unit in sorted(below)) if c), None)


def circles(files):
    """What is wrong within the layered rooms, a line each."""
    for room in sorted(LAYERED):
        below = {}
        for path in files:
            name = path.relative_to(SRC).with_suffix("").as_posix()
            if name.rpartition("/")[0] != room:
                continue
            for _, own, target in read_includes(path):
                other = target.removesuffix(".h")
                if own and other != name and other.rpartition("/")[0] == room:
                    below.setdefault(name, set()).add(other)
        circle = find_circle(below)
        if circle:
            yield "src/%s: a circle of includes: %s" % (room, " -> ".join(name.rpartition("/")[2] for name in circle))


def main():
    files = sorted(path for path in SRC.rglob("*") if path.suffix in (".c", ".h"))
    wrong = 0
    for path in files:
        name = path.relative_to(SRC).as_posix()
        for number, own, target in read_includes(path):
            reason = find_wrong(name, own, target)
            if reason:
                wrong += 1
                print("src/%s:%d: includes %s: %s" % (name, number, target, reason))
    for line in [*circles(files), *not_freestanding(files), *unwanted(files)]:
        wrong += 1
        print(line)
    if wrong:
        print("%d includes break the table in tests/includes.py (doc/architecture.md)" % wrong)
    elif not files:
        print("no source found under %s" % SRC)
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
