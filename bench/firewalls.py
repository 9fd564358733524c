# SPDX-License-Identifier: BSD-2-Clause
"""The firewalls that ./run bench wall compares, and the machines between which they stand: network namespaces of the bench's
own, with a cable between two. Standard library only."""
import ctypes
import json
import os
import re
import shutil
import struct
import subprocess
import time

import stage
from stage import Failure

LIBC = ctypes.CDLL(None, use_errno=True)
WALLLOAD = os.path.join(stage.BUILD, "bench", "wallload")
CLIENT, SERVER, INNER, OUTER = "192.0.2.2", "198.51.100.2", "198.51.100.1", "192.0.2.1"
MACS = {"client": "02:00:00:00:00:02", "outer": "02:00:00:00:00:01", "inner": "02:00:00:00:01:01", "server": "02:00:00:00:01:02"}
SETTINGS = ("ipv4/ip_forward 1", "ipv4/conf/all/rp_filter 0", "ipv4/conf/default/rp_filter 0", "ipv4/icmp_ratelimit 1000",
            "ipv4/ip_local_port_range 1024 65535", "ipv4/tcp_max_syn_backlog 65535", "core/somaxconn 65535")
CORES = sorted(os.sched_getaffinity(0))
SENDING, OTHER = CORES[-1], CORES[0]
CONNTRACK_MOST = 250_000  # of nf_conntrack's flows: its limit of 262,144 is the machine's, and left alone


class Machine:
    """A network namespace, and how to run programs in it."""

    def __init__(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if LIBC.unshare(stage.CLONE_NEWNET) != 0:
            raise Failure(f"unshare: {os.strerror(ctypes.get_errno())}")
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        stage.run("ip", "link", "set", "lo", "up")
        for line in SETTINGS:
            name, value = line.split(" ", 1)
            try:
                with open(f"/proc/sys/net/{name}", "w") as file:
                    file.write(value)
            except FileNotFoundError:
                pass
        LIBC.setns(home, stage.CLONE_NEWNET)
        os.close(home)

    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def enter(self, core=None):
        def inside():
            stage.die_with_parent()
            if LIBC.setns(self.fd, stage.CLONE_NEWNET) != 0:
                os._exit(126)
            if core is not None:
                os.sched_setaffinity(0, {core})
        return inside

    def run(self, *argv, input=None, limit=120):
        """Its output; a failure with its words if it fails."""
        try:
            done = subprocess.run(argv, input=input, stdin=None if input is not None else subprocess.DEVNULL, text=True,
                                  capture_output=True, preexec_fn=self.enter(), timeout=limit)
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(argv)}: not done within {limit} s") from None
        if done.returncode != 0:
            raise Failure(f"{' '.join(argv)[:200]}: {(done.stderr or done.stdout).strip()[-300:] or done.returncode}")
        return done.stdout

    def close(self):
        os.close(self.fd)


class Load:
    """wallload on a machine, in the background."""

    def __init__(self, machine, command, core, has_word=False, **options):
        argv = [WALLLOAD, command]
        for name, value in options.items():
            argv += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        self.words = " ".join(argv[1:])
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=machine.enter(core))
        if has_word and self.process.stdout.readline() != "ready\n":
            self.result()

    def result(self, limit=180):
        """Ends it, where it goes on until it is told."""
        try:
            out, err = self.process.communicate("", timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Failure(f"wallload {self.words}: not done within {limit} s") from None
        if self.process.returncode != 0:
            raise Failure(err.strip() or f"wallload {self.words}: exit status {self.process.returncode}")
        return json.loads(out) if out.strip() else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Place:
    """client - wall, where what is protected runs on the wall itself, or client - wall - server."""

    def __init__(self, is_gateway):
        self.is_gateway = is_gateway
        self.client, self.wall = Machine(), Machine()
        self.server = Machine() if is_gateway else self.wall
        self.chain = "FORWARD" if is_gateway else "INPUT"
        self.target = SERVER if is_gateway else OUTER
        self.cable(self.client, CLIENT, "client", self.wall, "outer", OUTER, "eth0")
        if is_gateway:
            self.cable(self.server, SERVER, "server", self.wall, "inner", INNER, "eth1")

    @staticmethod
    def cable(host, own, mac, wall, end, address, name):
        """The host's way to everywhere is the wall; who sends from an address at random is the client."""
        wall.run("ip", "link", "add", "name", name, "address", MACS[end], "type", "veth", "peer", "name", "eth0", "address",
                 MACS[mac], "netns", host.path())
        for machine, interface, mine, other, lladdr in ((host, "eth0", own, address, MACS[end]), (wall, name, address, own, MACS[mac])):
            machine.run("ip", "address", "add", f"{mine}/24", "dev", interface)
            machine.run("ip", "link", "set", interface, "up")
            machine.run("ip", "neighbour", "replace", other, "lladdr", lladdr, "dev", interface, "nud", "permanent")
        host.run("ip", "route", "add", "default", "via", address)
        if mac == "client":
            wall.run("ip", "route", "add", "10.0.0.0/8", "via", own)

    def flood(self, core=SENDING, **options):
        return Load(self.client, "flood", core, interface="eth0", mac=MACS["outer"], **{"from": CLIENT}, to=self.target, **options)

    def close(self):
        for machine in {self.client, self.wall, self.server}:
            machine.close()


class Firewall:
    """name; its commands by what they do. Rules are texts as iptables-save writes them."""
    name, restore, command, programs = "", (), (), ()

    def missing(self):
        return [program for program in self.programs if not shutil.which(program)]

    def version(self):
        return subprocess.run([self.programs[0], "--version"], capture_output=True, text=True).stdout.strip().split("\n")[0]

    def load(self, place, text, flows=None):
        """flows: room for so many, where that can be said."""
        place.wall.run(*self.restore, input=text)

    def replace(self, place, text):
        place.wall.run(*self.restore, input=text)

    def append(self, place, words):
        place.wall.run(*self.command, *words.split())

    def hits(self, place, rule):
        """How many packets met it, by the firewall's own counter."""
        for line in place.wall.run(*self.command, "-v", "-S", place.chain).splitlines():
            found = re.fullmatch(r"(.*) -c (\d+) \d+( .*)?", line.strip())
            if found and sorted((found[1] + (found[3] or "")).split()) == sorted(rule.split()):
                return int(found[2])
        raise Failure(f"{self.name}: no rule {rule!r} is there")

    def has_room(self, flows):
        return flows <= CONNTRACK_MOST

    def flows(self, place):
        """How many it holds."""
        return int(place.wall.run("conntrack", "-C"))

    def down(self, place):
        pass


class Legacy(Firewall):
    name, restore = "iptables-legacy", ("iptables-legacy-restore",)
    command, programs = ("iptables-legacy",), ("iptables-legacy", "iptables-legacy-restore", "conntrack")


class Nft(Firewall):
    """Replacing is nft's own: a file of the same rules in its language."""
    name, restore = "iptables-nft", ("iptables-nft-restore",)
    command, programs = ("iptables-nft",), ("iptables-nft", "iptables-nft-restore", "nft", "conntrack")

    def replace(self, place, text):
        """Translated before the clock runs: see translated."""
        place.wall.run("nft", "-f", "-", input=text)

    @staticmethod
    def translated(text):
        """A rule set of ours (the few forms that rules() in wall.py makes) for nft -f."""
        lines = ["table ip filter", "flush table ip filter", "table ip filter {"]
        chain = re.search(r"^-A (\w+)", text, re.MULTILINE)[1]
        policy = re.search(rf"^:{chain} (\w+)", text, re.MULTILINE)[1].lower()
        lines += [f"chain {chain} {{", f"type filter hook {chain.lower()} priority filter; policy {policy};"]
        for rule in re.findall(r"^-A \w+ (.*)$", text, re.MULTILINE):
            rule = re.sub(r"-m conntrack --ctstate (\S+)", lambda m: "ct state " + m[1].lower(), rule)
            rule = re.sub(r"-s (\S+)", r"ip saddr \1", rule)
            rule = re.sub(r"-p (\w+) -m \w+ --dport (\d+)", r"\1 dport \2", rule)
            lines.append(re.sub(r"-j (\w+)", lambda m: "counter " + m[1].lower(), rule))
        return "\n".join([*lines, "}", "}"]) + "\n"


class Ours(Firewall):
    name = "sallywall"

    def __init__(self, program):
        self.programs = (program,)
        self.restore, self.command = (program, "iptables-restore"), (program, "iptables")

    def has_room(self, flows):
        """Can it be told to hold so many? Else it holds what it was built for."""
        return "--max-flows" in subprocess.run([self.programs[0], "up", "--help"], capture_output=True, text=True).stdout

    def load(self, place, text, flows=None):
        room = ("--max-flows", str(flows)) if flows and self.has_room(flows) else ()
        place.wall.run(self.programs[0], "up", *room, "--rules", "-", input=text)

    def flows(self, place):
        return int(place.wall.run(self.programs[0], "conntrack", "-C"))

    def down(self, place):
        place.wall.run(self.programs[0], "down")


class NoFirewall(Firewall):
    name = "none"

    def version(self):
        return ""

    def load(self, place, text, flows=None):
        pass

    def hits(self, place, rule):
        return None


# ---- what the kernel tells of programs and maps ----

SYSCALL = {"x86_64": 321, "aarch64": 280}
OBJ_GET, ENABLE_STATS = 7, 32


def bpf(command, attributes):
    number = SYSCALL.get(os.uname().machine)
    if number is None:
        raise Failure(f"the number of bpf(2) on {os.uname().machine} is not known here")
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = LIBC.syscall(number, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def pinned(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(OBJ_GET, struct.pack("QII", ctypes.addressof(name), 0, 0))


def pins(place):
    """{name: what /proc tells of the object} of all that is pinned below /run/sallywall; the bench has no other wall."""
    found = {}
    for folder, _, names in os.walk("/run/sallywall"):
        for name in names:
            try:
                fd = pinned(os.path.join(folder, name))
            except OSError:
                continue
            with open(f"/proc/self/fdinfo/{fd}") as info:
                found[name] = dict(line.rstrip("\n").split(":\t", 1) for line in info if ":\t" in line)
            os.close(fd)
    return found


def program_time(place, action):
    """Nanoseconds a packet in our programs, while action runs. The kernel's counting ends with the descriptor."""
    fd = bpf(ENABLE_STATS, struct.pack("I", 0))
    try:
        before = pins(place)
        action()
        after = pins(place)
    finally:
        os.close(fd)

    def grown(key):
        return sum(int(info[key]) - int(before.get(name, {}).get(key, 0)) for name, info in after.items() if key in info)
    if not grown("run_cnt"):
        raise Failure("no program of ours ran")
    return grown("run_time_ns") / grown("run_cnt")


def map_bytes(place):
    return sum(int(info["memlock"]) for info in pins(place).values() if "map_type" in info)


def slab_bytes():
    """What the machine's kernel holds in slabs, all caches together."""
    with open("/proc/meminfo") as meminfo:
        return next(int(line.split()[1]) for line in meminfo if line.startswith("Slab:")) * 1024


def settle():
    """Until what was freed is free: the kernel lets go of namespaces in its own time."""
    time.sleep(0.3)
