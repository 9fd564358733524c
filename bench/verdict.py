#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run bench verdict: the compiled image against the linear walk, one table. See README.md beside this file."""
import sys

sys.dont_write_bytecode = True

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOAD = os.path.join(ROOT, "build", "bench", "verdictload")
PROGRAM = os.path.join(ROOT, "build", "sallywall")
SHAPES = ("acl", "fw", "ipc")
SIZES = (10, 100, 1000, 10000)
FLOWS = 1_000_000
CAPTURED = 1_000_000
SERVER = "172.31.255.21"  # MIXED_SERVER in mixed.h
TIMEOUT = 300

# (label, key, factor, format)
COLUMNS = (("compile ms", "compile_ms", 1, "{:,.1f}"), ("compile MB", "compile_mb", 1, "{:,.1f}"),
           ("image MB", "image_mb", 1, "{:,.2f}"), ("linear M/s", "linear_new", 1e-6, "{:,.3f}"),
           ("verdict, new", "verdict_new", 1e-6, "{:,.1f}"), ("verdict, est.", "verdict_established", 1e-6, "{:,.1f}"),
           ("whole, new", "new", 1e-6, "{:,.2f}"), ("whole, est.", "established", 1e-6, "{:,.2f}"))


class Failure(Exception):
    pass


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./run bench verdict", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds, fewer packets")
    parser.add_argument("--rounds", type=int, help="in place of 5")
    parser.add_argument("--seed", type=int, default=1, help="of the rule sets and packets")
    parser.add_argument("--load", default=LOAD, metavar="PROGRAM", help="another build of verdictload")
    parser.add_argument("--program", default=PROGRAM, metavar="PROGRAM", help="another build of sallywall")
    parser.add_argument("--json", metavar="FILE", help="every single value; - prints that in place of the table")
    return parser.parse_args()


def run_load(arguments, core, shape, size, flows):
    packets = 250_000 if arguments.quick else FLOWS
    command = [arguments.load, "--shape", shape, "--rules", str(size), "--seed", str(arguments.seed),
               "--packets", str(packets), "--flows", str(flows)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT,
                              preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    except FileNotFoundError:
        raise Failure(f"{arguments.load} is not there: ./run build makes it") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(command)} took longer than {TIMEOUT} s") from None
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(arguments, rounds):
    """Every rule set has its turn in each round, so that a disturbance of the machine hits all."""
    core = max(os.sched_getaffinity(0))
    values = {(shape, size): [] for shape in SHAPES for size in SIZES}
    for turn in range(rounds):
        for (shape, size), results in values.items():
            if sys.stderr.isatty():
                print(f"\rround {turn + 1} of {rounds}: {shape} {size:<8,}", end="", file=sys.stderr, flush=True)
            flows = FLOWS if shape == SHAPES[0] and size == SIZES[-1] else 0
            results.append(run_load(arguments, core, shape, size, flows))
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return values


# ---- sallywall itself ----

def write_rules(arguments, shape, name):
    """The rule set, and what lets FTP through it: the helper, and a rule for the control channel."""
    done = subprocess.run([arguments.load, "--shape", shape, "--rules", str(SIZES[-1]), "--seed", str(arguments.seed),
                           "--print"], capture_output=True, text=True, check=True, timeout=TIMEOUT)
    raw = ("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
           "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n")
    second = "-A FORWARD -m conntrack --ctstate INVALID -j DROP\n"
    control = f"-A FORWARD -d {SERVER} -p tcp -m tcp --dport 21 -j ACCEPT\n"
    with open(name, "w", encoding="ascii") as file:
        file.write(raw + done.stdout.replace(second, second + control))


def spent(command, core):
    """Seconds of a processor, and megabytes at most, of a program that may say that something is blocked."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1, 3):
            errors.seek(0)
            raise Failure(f"{' '.join(command)}: {errors.read().strip()}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def processor_seconds(command, core):
    return spent(command, core)[0]


# ---- rules of NAT and of nft, as a machine's snapshot has them ----

def random_rules(rng, count):
    """(address, port, whether it is let in)"""
    return [(f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}", rng.randrange(1, 65535), rng.random() < 0.5)
            for _ in range(count)]


def iptables_text(rng, count):
    """Half of them map a destination."""
    nat = [f"-A PREROUTING -d {a}/32 -p tcp -m tcp --dport {p} -j DNAT --to-destination 192.0.2.{p % 250 + 1}:{p}"
           for a, p, _ in random_rules(rng, count // 2)]
    filters = [f"-A INPUT -s {a}/32 -p tcp -m tcp --dport {p} -j {'ACCEPT' if let else 'DROP'}" for a, p, let in random_rules(rng, count - count // 2)]
    return "\n".join(["*nat", ":PREROUTING ACCEPT [0:0]", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]", *nat, "COMMIT",
                      "*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]",
                      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", *filters, "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "COMMIT", ""])


def nft_text(rng, count):
    """The same, as `nft -j list ruleset` prints it."""
    def field(protocol, name, value):
        return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": name}}, "right": value}}

    def rule(table, family, chain, *expr):
        return {"rule": {"family": family, "table": table, "chain": chain, "handle": len(objects) + 1, "expr": expr}}
    objects = [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]
    for family, table, chain, kind, hook, prio, policy in (("inet", "guard", "input", "filter", "input", 5, "drop"),
                                                          ("ip", "map", "pre", "nat", "prerouting", -90, "accept")):
        objects += [{"table": {"family": family, "name": table, "handle": 1}},
                    {"chain": {"family": family, "table": table, "name": chain, "handle": 1, "type": kind, "hook": hook, "prio": prio, "policy": policy}}]
    objects.append(rule("guard", "inet", "input", {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": None}))
    for a, p, let in random_rules(rng, count - count // 2):
        objects.append(rule("guard", "inet", "input", field("ip", "saddr", a), field("tcp", "dport", p), {"accept" if let else "drop": None}))
    objects.append(rule("guard", "inet", "input", field("tcp", "dport", 21), {"accept": None}))
    for a, p, _ in random_rules(rng, count // 2):
        objects.append(rule("map", "ip", "pre", field("ip", "daddr", a), field("tcp", "dport", p), {"dnat": {"addr": "192.0.2.9", "port": p}}))
    return json.dumps({"nftables": objects}) + "\n"


def machine_text(rng, count):
    return ("# sallywall snapshot 1\n# kernel: 6.18.0\n# ---- iptables-nft-save -c\n" + iptables_text(rng, count // 2) +
            "# ---- nft -j list ruleset\n" + nft_text(rng, count // 2))


MACHINES = {"nat": iptables_text, "nft": nft_text, "both": machine_text}


def measure_machines(arguments, rounds):
    """{kind: [{seconds, MB}]} of explain, a round each."""
    core = max(os.sched_getaffinity(0))
    values = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in MACHINES.items():
            name = os.path.join(folder, kind)
            with open(name, "w", encoding="ascii") as file:
                file.write(make(random.Random(arguments.seed), SIZES[-1]))
            values[kind] = [dict(zip(("seconds", "MB"), spent([arguments.program, "explain", name], core))) for _ in range(rounds)]
    return values


def measure_program(arguments, rounds):
    """{shape: [{explain, replay}]}, a round each."""
    core = max(os.sched_getaffinity(0))
    values = {}
    for shape in SHAPES:
        if sys.stderr.isatty():
            print(f"\rsallywall itself: {shape:<20}", end="", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            rules, capture = os.path.join(folder, "rules"), os.path.join(folder, "capture")
            write_rules(arguments, shape, rules)
            subprocess.run([arguments.load, "--shape", shape, "--rules", str(SIZES[-1]), "--seed", str(arguments.seed),
                            "--packets", str(CAPTURED), "--capture", capture], check=True, timeout=TIMEOUT)
            explain = [arguments.program, "explain", rules, "--at", "gateway"]
            replay = [arguments.program, "replay", capture, "--rules", rules, "--at", "gateway", "--in", "eth0",
                      "--out", "eth9", "--server", SERVER]
            values[shape] = [{"explain": processor_seconds(explain, core),
                              "replay": CAPTURED / processor_seconds(replay, core)} for _ in range(rounds)]
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return values


def median(results, key):
    return statistics.median(result[key] for result in results)


def judge(values, program, machines):
    """(what, target, value, reached) of each target; the worst of the shapes counts."""
    def least(key, size):
        return min(median(values[shape, size], key) for shape in SHAPES)

    def most(key, size):
        return max(median(values[shape, size], key) for shape in SHAPES)

    def flatness(key):
        return min(median(values[shape, 10000], key) / median(values[shape, 10], key) for shape in SHAPES)

    explain = max(median(program[shape], "explain") for shape in SHAPES)
    replay = min(median(program[shape], "replay") for shape in SHAPES)
    flow_bytes = median(values[SHAPES[0], 10000], "flow_rss_bytes")
    rows = []
    for what, key in (("verdict", "verdict"), ("whole", None)):
        new, established = ("verdict_new", "verdict_established") if key else ("new", "established")
        rows += [
            (f"{what}: new flows, 10,000 rules / 10 rules", ">= 0.5", f"{flatness(new):.2f}", flatness(new) >= 0.5),
            (f"{what}: new flows, 10,000 rules", ">= 5 M/s", f"{least(new, 10000) / 1e6:.2f} M/s",
             least(new, 10000) >= 5e6),
            (f"{what}: established flows, 10,000 rules", ">= 8 M/s", f"{least(established, 10000) / 1e6:.2f} M/s",
             least(established, 10000) >= 8e6)]
    return rows + [
        ("compiling 10,000 rules", "< 300 ms", f"{most('compile_ms', 10000):.1f} ms", most("compile_ms", 10000) < 300),
        ("memory for it at its peak", "< 64 MB", f"{most('compile_mb', 10000):.1f} MB", most("compile_mb", 10000) < 64),
        ("tracking 1,000,000 flows", "< 200 bytes each", f"{flow_bytes:.0f} bytes", flow_bytes < 200),
        ("sallywall explain, 10,000 rules", "< 1 s", f"{explain:.2f} s", explain < 1),
        ("sallywall replay --rules, 10,000 rules", ">= 300,000/s", f"{replay:,.0f}/s", replay >= 300_000),
        *((f"sallywall explain, 10,000 rules, {kind}", "< 1 s, 100 MB", f"{median(results, 'seconds'):.2f} s, {median(results, 'MB'):.0f} MB",
           median(results, "seconds") < 1 and median(results, "MB") < 100) for kind, results in machines.items())]


def print_table(values, program, machines, rounds):
    print(f"Medians of {rounds}, one core of {platform.machine()}, Linux {platform.release()}. Millions of packets a second "
          "but for the first three columns.\n")
    print(f"{'rules':<12}" + "".join(f"{label:>14}" for label, *_ in COLUMNS))
    for (shape, size), results in values.items():
        cells = (form.format(median(results, key) * factor) for _, key, factor, form in COLUMNS)
        print(f"{shape + f' {size:,}':<12}" + "".join(f"{cell:>14}" for cell in cells))
    print(f"\n{'target (worst of the three shapes)':<46}{'':>18}{'measured':>14}")
    for what, target, value, reached in judge(values, program, machines):
        print(f"{what:<46}{target:>18}{value:>14}  {'reached' if reached else 'MISSED'}")


def main():
    arguments = parse_arguments()
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    try:
        values = measure(arguments, rounds)
        program = measure_program(arguments, rounds)
        machines = measure_machines(arguments, rounds)
    except Failure as failure:
        sys.exit(f"bench verdict: {failure}")
    if arguments.json:
        report = {f"{shape} {size}": results for (shape, size), results in values.items()}
        report = json.dumps(report | {f"sallywall {shape}": results for shape, results in program.items()} |
                            {f"sallywall explain {kind}": results for kind, results in machines.items()}, indent=1)
        if arguments.json == "-":
            print(report)
            return
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(report + "\n")
    print_table(values, program, machines, rounds)


if __name__ == "__main__":
    main()
