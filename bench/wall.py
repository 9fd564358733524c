#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run bench wall: our live firewall beside iptables-legacy, iptables-nft and none, one table. See README.md beside this
file."""
import sys

sys.dont_write_bytecode = True

import argparse
import collections
import contextlib
import json
import os
import platform
import socket
import statistics
import time

import firewalls
import stage
from firewalls import CLIENT, CORES, OTHER, SENDING, Load, Place
from stage import Failure, say

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, "build", "sallywall")
OURS, LEGACY, NFT, NONE = "sallywall", "iptables-legacy", "iptables-nft", "none"
FULL = {"rounds": 5, "seconds": 2.0, "flood": 60.0, "held": 1_000_000}
QUICK = {"rounds": 3, "seconds": 0.5, "flood": 4.0, "held": 100_000}
PORT, ALLOWED, FORBIDDEN = 9, 1001, 1002
FLOOD_RATE = 100_000  # packets a second


# ---- rules ----

def rules(place, count, last, stateful=False, policy="ACCEPT"):
    """count rules of which a packet of ours meets the last only, behind those that let go on what is established."""
    lines = [f"-A {place.chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"] * stateful
    for i in range(count - 1):
        protocol = ("udp", "tcp")[i % 2]
        lines.append(f"-A {place.chain} -s 172.{16 + i // 256 % 16}.{i % 256}.0/24 -p {protocol} -m {protocol} --dport "
                     f"{1000 + i * 7 % 50000} -j ACCEPT")
    chains = {chain: "ACCEPT" for chain in ("INPUT", "FORWARD", "OUTPUT")} | {place.chain: policy}
    head = "".join(f":{chain} {word} [0:0]\n" for chain, word in chains.items())
    return "*filter\n" + head + "\n".join([*lines, last]) + "\nCOMMIT\n"


def last_rule(place, port=PORT, target="DROP", protocol="udp"):
    return f"-A {place.chain} -p {protocol} -m {protocol} --dport {port} -j {target}"


def check_hits(firewall, place, rule, least):
    hits = firewall.hits(place, rule)
    if hits is not None and hits < least:
        raise Failure(f"{firewall.name}: {rule!r} was met by {hits:,} packets, and should have been by {least:,.0f}")


@contextlib.contextmanager
def listener(place, port):
    """A socket that takes what comes and soon has no room, so that who is let through costs the same everywhere."""
    with in_namespace(place.server):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.bind(("", port))
        yield sock


@contextlib.contextmanager
def in_namespace(machine):
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    firewalls.LIBC.setns(machine.fd, stage.CLONE_NEWNET)
    try:
        yield
    finally:
        firewalls.LIBC.setns(home, stage.CLONE_NEWNET)
        os.close(home)


# ---- the rows; each returns {key: value} ----

def flooded(firewall, place, size, rule):
    """Packets a second of one flow, all of which the rule must have met. The second is the sender's processor's: what else runs on
    the machine takes no time here."""
    with place.flood(port=PORT, seconds=size["seconds"]) as load:
        told = load.result()
    check_hits(firewall, place, rule, 0.99 * told["sent"])
    return told["sent"] / told["processor"]


def measure_drop(count, stateful=False):
    def measure(firewall, place, size):
        rule = last_rule(place)
        firewall.load(place, rules(place, count, rule, stateful))
        with listener(place, PORT):
            return flooded(firewall, place, size, rule)
    return measure


def measure_established(firewall, place, size):
    """Packets of a flow that has been answered."""
    last = last_rule(place, target="ACCEPT")
    text = rules(place, 10, last, stateful=True, policy="DROP")
    firewall.load(place, text)
    with listener(place, PORT) as server, in_namespace(place.client):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((CLIENT, 1024))  # which wallload's frames begin with
            client.settimeout(5)
            server.settimeout(5)
            for _ in range(2):
                client.sendto(b"?", (place.target, PORT))
                server.sendto(b"!", server.recvfrom(100)[1])
                client.recv(100)
        return flooded(firewall, place, size, f"-A {place.chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")


def stateful_1000(firewall, place):
    last = last_rule(place, 5201, "ACCEPT", "tcp")
    firewall.load(place, rules(place, 1000, last, stateful=True, policy="DROP"))
    return last


def bulk_rate(place, seconds):
    with Load(place.client, "bulk", SENDING, to=place.target, port=5201, seconds=seconds) as load:
        told = load.result()
    return told["bytes"] * 8 / told["seconds"] / 1e9


def measure_bulk(firewall, place, size):
    last = stateful_1000(firewall, place)
    with Load(place.server, "serve", OTHER, has_word=True, port=5201):
        values = {"bulk": bulk_rate(place, size["seconds"])}
        check_hits(firewall, place, last, 1)
        check_hits(firewall, place, f"-A {place.chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", 1000)
        if firewall.name == OURS:  # apart, since counting costs time, too
            values["time"] = firewalls.program_time(place, lambda: bulk_rate(place, 0.5))
    return values


def measure_connect(firewall, place, size):
    last = stateful_1000(firewall, place)
    with Load(place.server, "serve", OTHER, has_word=True, port=5201):
        with Load(place.client, "connect", SENDING, to=place.target, port=5201, seconds=size["seconds"]) as load:
            told = load.result()
    check_hits(firewall, place, last, told["done"])
    return {"connect": told["done"] / told["processor"]}


def two_ports(place, number):
    """10,000 rules and more, of which the last ones let one port through and not another; number makes them differ."""
    allowed, forbidden = last_rule(place, ALLOWED, "ACCEPT"), last_rule(place, FORBIDDEN, "DROP")
    text = rules(place, 10_000 - 2, last_rule(place, 2000 + number), policy="DROP")
    return text.replace("COMMIT", f"{allowed}\n{forbidden}\nCOMMIT")


def misjudged(told):
    return told["allowed"] - told["arrived"] + told["passed"]


def measure_replace(firewall, place, size):
    """End to end, as the program's own time, while packets pass."""
    firewall.load(place, two_ports(place, 0))
    text = two_ports(place, 1)
    if firewall.name == NFT:
        firewall.replace(place, firewall.translated(two_ports(place, 0)))  # the same table afterwards, in its own form
        text = firewall.translated(text)
    with Load(place.client, "probe", SENDING, has_word=True, to=place.target, behind=place.server.path(), port=ALLOWED,
              forbidden=FORBIDDEN, rate=5000) as probe:
        time.sleep(0.2)
        begin = time.monotonic()
        firewall.replace(place, text)
        seconds = time.monotonic() - begin
        told = probe.result()
    if told["arrived"] == 0:
        raise Failure(f"{firewall.name}: nothing arrived, not even what should")
    return {"replace": seconds * 1000, "misjudged": misjudged(told)}


def measure_add(firewall, place, size):
    firewall.load(place, two_ports(place, 0))
    rule = last_rule(place, 3000)
    begin = time.monotonic()
    firewall.append(place, rule)
    seconds = time.monotonic() - begin
    if firewall.hits(place, rule) != 0:
        raise Failure(f"{firewall.name}: the rule that was added is not as it was")
    return {"add": seconds * 1000}


def measure_memory(firewall, place, size):
    """What holding so many flows costs. Ours lie in maps made for as many beforehand; the kernel takes memory as they come."""
    count = size["held"] if firewall.has_room(size["held"]) else min(size["held"], firewalls.CONNTRACK_MOST)
    before = slab_settled()
    firewall.load(place, rules(place, 10, last_rule(place, target="ACCEPT"), stateful=True, policy="DROP"), flows=count)
    with place.flood(port=PORT, frames=count, count=count, rate=400_000) as load:
        load.result()
    held = firewall.flows(place)
    if held < 0.98 * count:
        raise Failure(f"{firewall.name}: {held:,} flows are held, not {count:,}")
    used = firewalls.map_bytes(place) if firewall.name == OURS else firewalls.slab_bytes() - before
    return {"memory": used / held, "held": held}


def slab_settled():
    firewalls.settle()
    return firewalls.slab_bytes()


def measure_flood(firewall, place, size):
    """One connection moves bytes as fast as it can while SYNs come from everywhere to a port that is open."""
    last = stateful_1000(firewall, place)
    with Load(place.server, "serve", OTHER, has_word=True, port=5201):
        with Load(place.client, "bulk", OTHER, to=place.target, port=5201, seconds=size["flood"]) as bulk:
            time.sleep(0.2)
            with place.flood(port=5201, syn=True, random=True, frames=1 << 20, rate=FLOOD_RATE, seconds=size["flood"]) as flood:
                told, sent = bulk.result(), flood.result()
    check_hits(firewall, place, last, 0.9 * sent["sent"])
    return {"flood": told["bytes"] * 8 / told["seconds"] / 1e9, "flood-rate": sent["sent"] / sent["seconds"]}


EVERYBODY, FIREWALLS, TRACKERS = (OURS, LEGACY, NFT, NONE), (OURS, LEGACY, NFT), (OURS, LEGACY)


def single(key, measure):
    return lambda firewall, place, size: {key: measure(firewall, place, size)}


# (keys, who takes part, how)
MEASUREMENTS = (
    (("drop-10",), EVERYBODY, single("drop-10", measure_drop(10))),
    (("drop-10000",), FIREWALLS, single("drop-10000", measure_drop(10_000))),
    (("state-10",), FIREWALLS, single("state-10", measure_drop(10, stateful=True))),
    (("established-10",), EVERYBODY, single("established-10", measure_established)),
    (("bulk", "time"), EVERYBODY, measure_bulk),
    (("connect",), EVERYBODY, measure_connect),
    (("replace", "misjudged"), FIREWALLS, measure_replace),
    (("add",), FIREWALLS, measure_add),
    (("memory", "held"), TRACKERS, measure_memory),
    (("flood", "flood-rate"), EVERYBODY, measure_flood),
)
ALL_KEYS = [key for keys, _, _ in MEASUREMENTS for key in keys]

# label, unit, digits, must reach, reached(medians of all rows)
Row = collections.namedtuple("Row", "label unit digits target reached")


def ratio(medians, key, other):
    return medians[key][OURS] / medians[key][other]


ROWS = {
    "drop-10": Row("10 rules, dropped by the last", "packets/s", 0, "legacy", lambda m: ratio(m, "drop-10", LEGACY) >= 1),
    "drop-10000": Row("10,000 rules, dropped by the last", "packets/s", 0, "0.9 of 10 rules; 10x legacy; 40x nft", lambda m: (
        m["drop-10000"][OURS] >= 0.9 * m["drop-10"][OURS] and ratio(m, "drop-10000", LEGACY) >= 10
        and ratio(m, "drop-10000", NFT) >= 40)),
    "state-10": Row("new, through 10 rules behind ESTABLISHED", "packets/s", 0, "legacy",
                    lambda m: ratio(m, "state-10", LEGACY) >= 1),
    "established-10": Row("established, 10 rules behind it", "packets/s", 0, "legacy",
                          lambda m: ratio(m, "established-10", LEGACY) >= 1),
    "bulk": Row("TCP bulk, stateful, 1,000 rules", "Gbit/s", 2, "0.95 of legacy", lambda m: ratio(m, "bulk", LEGACY) >= 0.95),
    "time": Row("of it, in our program", "ns/packet", 0, "", None),
    "connect": Row("connections, stateful, 1,000 rules", "/s", 0, "1.25x legacy", lambda m: ratio(m, "connect", LEGACY) >= 1.25),
    "replace": Row("replace 10,000 rules", "ms", 0, "100", lambda m: m["replace"][OURS] <= 100),
    "misjudged": Row("packets misjudged meanwhile (most)", "packets", 0, "0", lambda m: m["misjudged"][OURS] == 0),
    "add": Row("add one rule to 10,000", "ms", 0, "70", lambda m: m["add"][OURS] <= 70),
    "memory": Row("memory a flow", "bytes", 0, "360", lambda m: m["memory"][OURS] <= 360),
    "held": Row("with so many held", "flows", 0, "1,000,000", lambda m: m["held"][OURS] >= 0.98e6),
    "flood": Row("TCP bulk under a flood of SYNs", "Gbit/s", 2, "0.9 of none", lambda m: ratio(m, "flood", NONE) >= 0.9),
    "flood-rate": Row("SYNs meanwhile", "packets/s", 0, "", None),
}
WORST_COUNTS = {"misjudged": max}  # of these not the median


# ---- rounds ----

def measure_once(keys, firewall, measure, is_gateway, size, values, errors):
    """One after the other on new machines, so that nobody pays for what another one left."""
    place = Place(is_gateway)
    try:
        result = measure(firewall, place, size)
    except (Failure, OSError, KeyError) as failure:
        errors[keys[0], firewall.name] = f"{type(failure).__name__}: {failure}" if isinstance(failure, KeyError) else str(failure)
        say(f"    {firewall.name}: failed: {failure}")
        return
    finally:
        with contextlib.suppress(Failure):
            firewall.down(place)
        place.close()
        firewalls.settle()
    for key, value in result.items():
        values.setdefault(key, {}).setdefault(firewall.name, []).append(value)
    say(f"    {firewall.name}: " + ", ".join(f"{key} {value:,.2f}" for key, value in result.items()))


def measure_all(contenders, is_gateway, size, only):
    """In every round everybody's turn at every row, in another order each time."""
    values, errors = {}, {}
    for number in range(size["rounds"]):
        for keys, who, measure in MEASUREMENTS:
            jobs = [firewall for firewall in contenders if firewall.name in who]
            if not jobs or not set(keys) & set(only):
                continue
            say(f"{keys[0]}: round {number + 1} of {size['rounds']}")
            for firewall in jobs[number % len(jobs):] + jobs[:number % len(jobs)]:
                if (keys[0], firewall.name) not in errors:  # who can't once is not asked again
                    measure_once(keys, firewall, measure, is_gateway, size, values, errors)
    return values, errors


def medians_of(values):
    return {key: {name: WORST_COUNTS.get(key, statistics.median)(found) for name, found in by_name.items()}
            for key, by_name in values.items()}


def verdict(row, medians):
    if row.reached is None:
        return ""
    try:
        return "yes" if row.reached(medians) else "NOT REACHED"
    except KeyError:
        return "-"


def cell(medians, errors, first, key, name):
    if (first, name) in errors:
        return "failed"
    return f"{medians[key][name]:,.{ROWS[key].digits}f}" if name in medians.get(key, {}) else "-"


def ratio_cell(medians, key, name):
    ours, other = medians.get(key, {}).get(OURS), medians.get(key, {}).get(name)
    return f"{ours / other:.2f}" if ours is not None and other else "-"


def table(names, only, values, errors):
    medians, lines = medians_of(values), []
    for keys, _, _ in MEASUREMENTS:
        for key in (key for key in keys if key in only):
            row = ROWS[key]
            lines.append([row.label, row.unit, *(cell(medians, errors, keys[0], key, name) for name in names),
                          *(ratio_cell(medians, key, name) for name in names if name != OURS), row.target, verdict(row, medians)])
    header = ["", "", *names, *(f"of {name}" for name in names if name != OURS), "must reach", ""]
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]

    def text(cells):
        return "| " + " | ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))) + " |"
    return "\n".join([text(header), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(text, lines)])


def document(contenders, size, only, values, errors):
    medians = medians_of(values)
    return {"made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "kernel": platform.release(), "cores": os.cpu_count(),
            "sizes": size, "versions": {firewall.name: firewall.version() for firewall in contenders},
            "rows": {key: {"unit": ROWS[key].unit, "must_reach": ROWS[key].target, "medians": medians.get(key, {}),
                           "rounds": values.get(key, {}), "reached": verdict(ROWS[key], medians)} for key in only},
            "errors": [{"row": key, "firewall": name, "error": error} for (key, name), error in errors.items()]}


# ---- the command ----

def arguments_parse():
    parser = argparse.ArgumentParser(prog="./run bench wall", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter and 3 rounds: minutes, and rougher")
    parser.add_argument("--only", action="append", metavar="ROW", help="only this row, and those whose names begin so "
                        f"(may be given again): {', '.join(ALL_KEYS)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="in place of 5")
    parser.add_argument("--firewalls", metavar="A,B", help=f"only these of {', '.join(EVERYBODY)}")
    parser.add_argument("--gateway", action="store_true", help="three machines, the wall on the one between (FORWARD)")
    parser.add_argument("--json", metavar="FILE", help="every single value; - prints that in place of the table")
    parser.add_argument("--program", default=PROGRAM, metavar="PROGRAM", help="another build of sallywall")
    arguments = parser.parse_args()
    wanted = [key for key in ALL_KEYS
              if not arguments.only or any(f"{key}-".startswith(f"{name}-") for name in arguments.only)]
    if not wanted:
        parser.error(f"no such row; there are {', '.join(ALL_KEYS)}")
    return arguments, wanted


def contenders_pick(arguments):
    everyone = [firewalls.Ours(os.path.abspath(arguments.program)), firewalls.Legacy(), firewalls.Nft(), firewalls.NoFirewall()]
    wanted = arguments.firewalls.split(",") if arguments.firewalls else EVERYBODY
    unknown = set(wanted) - set(EVERYBODY)
    if unknown:
        sys.exit(f"bench: no firewall named {', '.join(sorted(unknown))}; there are {', '.join(EVERYBODY)}")
    chosen = [firewall for firewall in everyone if firewall.name in wanted]
    for firewall in chosen:
        if missing := firewall.missing():
            sys.exit(f"bench: not there: {', '.join(missing)}; ./run build makes ours, packaging/apt-bench.txt has the packages")
    return chosen


def main():
    arguments, only = arguments_parse()
    size = dict(QUICK if arguments.quick else FULL)
    size["rounds"] = arguments.rounds or size["rounds"]
    contenders = contenders_pick(arguments)
    stage.enter(seconds_at_most=5400)
    stage.run("mount", "-t", "tmpfs", "-o", "mode=0755", "bench", "/run")
    if len(CORES) < 2:
        say("one processor only: who sends and who receives are in each other's way, and the rows of TCP mean little")
    values, errors = measure_all(contenders, arguments.gateway, size, only)
    report = json.dumps(document(contenders, size, only, values, errors), indent=1)
    if arguments.json and arguments.json != "-":
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(report + "\n")
    if arguments.json == "-":
        print(report)
    else:
        names = [firewall.name for firewall in contenders]
        print(f"Medians of {size['rounds']}, {os.cpu_count()} cores, Linux {platform.release()}, "
              f"{'on a gateway' if arguments.gateway else 'on the server itself'}\n")
        print(table(names, only, values, errors))
        for (key, name), error in errors.items():
            print(f"failed: {name}, {key}: {error}")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
