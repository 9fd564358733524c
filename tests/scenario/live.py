# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the live wall stand on: machines in network namespaces of their own, a wall on one of them, servers on
another, and a probe that watches at every moment what passes."""
import contextlib
import ctypes
import json
import os
import re
import socket
import struct
import subprocess
import sys
import unittest

import harness
import test_explain
import test_oracle
from harness import Server, wait_until
from test_explain import NO_LOGIN, TIMES_OUT, WORKS

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
CLIENT, SERVER, GATE = test_explain.CLIENT, test_explain.SERVER, "192.168.0.1"
NET_BEHIND, GATE_BEHIND = "192.168.18.18", "192.168.18.1"  # the server's own, on a gateway
CLIENT6, SERVER6, GATE6 = "fd00:5a11:1::2", "fd00:5a11:1::18", "fd00:5a11:1::1"
SERVER6_BEHIND, GATE6_BEHIND = "fd00:5a11:2::18", "fd00:5a11:2::1"
MACS = {"client": "02:00:00:00:00:02", "outer": "02:00:00:00:00:01", "inner": "02:00:00:00:01:01", "server": "02:00:00:00:01:02"}
SETTINGS = ("ipv4/ip_forward 1", "ipv6/conf/all/forwarding 1", "ipv6/conf/default/accept_dad 0", "ipv6/conf/default/accept_ra 0",
            "ipv4/conf/all/rp_filter 0", "ipv4/conf/default/rp_filter 0",
            "ipv6/conf/default/mldv2_unsolicited_report_interval 1")  # what IPv6 says of itself is said before any rules are there
BLOCKED_AFTER = test_explain.BLOCKED_AFTER


def setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def in_namespace(fd):
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    setns(fd)
    try:
        yield
    finally:
        setns(home)
        os.close(home)


class Host:
    """A network namespace."""

    def __init__(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.run("ip", "link", "set", "lo", "up")
        for line in SETTINGS:
            name, value = line.split()
            with open("/proc/sys/net/" + name, "w") as f:
                f.write(value)
        setns(home)
        os.close(home)

    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def enter(self):
        """For preexec_fn."""
        return lambda: setns(self.fd)

    def at(self):
        return in_namespace(self.fd)

    def run(self, *argv, check=True, input=None, **kw):
        kw.setdefault("env", {**os.environ, "XTABLES_LOCKFILE": f"{harness.WORK}/xtables-{self.fd}.lock"})  # iptables waits for nobody
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=harness.PATIENCE, input=input,
                              preexec_fn=self.enter(), **kw)
        if check and done.returncode:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done

    def ip(self, *lines):
        self.run("ip", "-batch", "-", input="".join(line + "\n" for line in lines))

    def start(self, *argv, **kw):
        return subprocess.Popen(argv, preexec_fn=self.enter(), **kw)

    def sallywall(self, *words, status=0, **kw):
        """The completed process, which must have this exit status (or one of these; None: any)."""
        done = self.run(harness.SALLYWALL, *map(str, words), check=False, **kw)
        wanted = (status,) if isinstance(status, int) else status
        if done.returncode < 0 or "Sanitizer" in done.stderr or (wanted is not None and done.returncode not in wanted):
            raise AssertionError(f"{words} ended with {done.returncode}, not {status}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def close(self):
        os.close(self.fd)


def cable(one, one_end, other, other_end):
    """Each end: (interface, MAC, IPv4, IPv6). Neighbours are known beforehand: IPv6 would ask for them through the very rules."""
    one.run("ip", "link", "add", "name", one_end[0], "address", one_end[1], "type", "veth", "peer", "name", other_end[0], "address",
            other_end[1], "netns", other.path())
    for host, (name, _, ipv4, ipv6), far in ((one, one_end, other_end), (other, other_end, one_end)):
        host.ip(f"address add {ipv4}/24 dev {name}", f"address add {ipv6}/64 dev {name} nodad", f"link set {name} up",
                *(f"neighbour replace {address} lladdr {far[1]} dev {name} nud permanent" for address in far[2:]))


class World:
    """client - wall (place "server"), or client - wall - server (place "gateway")."""

    def __init__(self, place="server"):
        self.place = place
        self.client, self.wall = Host(), Host()
        self.server = self.wall if place == "server" else Host()
        self.address, self.address6 = (SERVER, SERVER6) if place == "server" else (NET_BEHIND, SERVER6_BEHIND)
        near = (SERVER, SERVER6) if place == "server" else (GATE, GATE6)
        cable(self.wall, ("eth0", MACS["outer"], *near), self.client, ("eth0", MACS["client"], CLIENT, CLIENT6))
        self.client.ip(*(f"route add default via {address} dev eth0" for address in near))
        if place == "gateway":
            cable(self.wall, ("eth1", MACS["inner"], GATE_BEHIND, GATE6_BEHIND),
                  self.server, ("eth0", MACS["server"], NET_BEHIND, SERVER6_BEHIND))
            self.server.ip(*(f"route add default via {address} dev eth0" for address in (GATE_BEHIND, GATE6_BEHIND)))
        self.chain = "INPUT" if place == "server" else "FORWARD"

    def up(self, *options, ipv4="", ipv6="", **kw):
        """Puts the wall up with these rules, as iptables-save and ip6tables-save write them."""
        words = list(options)
        for option, text in (("--rules", ipv4), ("--rules6", ipv6)):
            if text:
                path = os.path.join(harness.WORK, f"up-{id(self):x}{option}")
                with open(path, "w") as f:
                    f.write(text)
                words += [option, path]
        return self.wall.sallywall("up", *words, **kw)

    def saved(self, program="iptables"):
        """Policies and rules of its table filter, without counters."""
        return self.wall.sallywall(program, "-S").stdout.splitlines()

    def stands(self):
        """Does a wall stand there?"""
        return self.wall.sallywall("iptables", "-S", status=None).returncode == 0

    def close(self):
        if self.stands():
            self.wall.sallywall("down")
        for host in {self.client, self.wall, self.server}:
            host.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def rows_text(world, accepts, raw, family=4):
    """A row of the truth table for where the wall stands, as iptables-save or ip6tables-save prints it."""
    target = world.address + "/32" if family == 4 else world.address6 + "/128"
    chains = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    lines = [*accepts, f"-A INPUT -d {target} -j DROP"]
    text = "*filter\n" + chains + "\n".join(line.replace("-A INPUT", "-A " + world.chain) for line in lines) + "\nCOMMIT\n"
    if raw:
        text += "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + "\n".join(raw) + "\nCOMMIT\n"
    return text


class Vsftpd(test_explain.Vsftpd):
    """In a namespace of a world, where it can be asked whether it is there."""

    def start_at(self, host, ask):
        program = test_oracle.vsftpd()
        root = os.path.dirname(os.path.dirname(os.path.dirname(program)))
        for name in test_oracle.OURS_ONLY:
            self.conf.pop(name, None)
        self.conf.update(seccomp_sandbox="NO", isolate="NO", isolate_network="NO")
        libraries = ":".join(sorted({folder for folder, _, names in os.walk(root) if any(".so" in n for n in names)}))
        Server.start(self, [program, self.file], wait_ready=False, env={"LD_LIBRARY_PATH": libraries}, preexec_fn=host.enter())
        if not wait_until(ask):
            self.stop()
            raise AssertionError("vsftpd did not start:\n" + self.text())
        return self


def listens(host, port):
    with host.at():
        with open("/proc/thread-self/net/tcp6") as six, open("/proc/thread-self/net/tcp") as four:
            return any(line.split()[3] == "0A" and line.split()[1].endswith(":%04X" % port) for line in [*six, *four] if ":" in line)


# --- clients --------------------------------------------------------------------------------------------------------

PYTHON_CLIENT = """
import ftplib, ssl, sys
host, mode, tls, seconds = sys.argv[1], sys.argv[2], sys.argv[3] == "tls", float(sys.argv[4])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


class Continuing(ftplib.FTP_TLS):
    '''Its data channels continue the control channel's session, as servers want it.'''
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return (self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session) if self._prot_p else conn), size


client = Continuing(timeout=seconds, context=context) if tls else ftplib.FTP(timeout=seconds)
client.connect(host, 21)
client.login("anonymous", "test@")
print("logged in", flush=True)
if tls:
    client.prot_p()
client.set_pasv(mode in ("passive", "epsv"))
print(client.nlst("/pub"))
"""


def by_curl(world, mode, seconds, family=4):
    address = world.address if family == 4 else f"[{world.address6}]"
    own = CLIENT if family == 4 else f"[{CLIENT6}]"
    options = {"passive": ["--disable-epsv"], "epsv": [], "active": ["--disable-eprt", "-P", own], "eprt": ["-P", own]}[mode]
    done = world.client.run("curl", "-sv", "--connect-timeout", str(seconds), "--max-time", str(seconds + 1), *options,
                            f"ftp://{address}/pub/", check=False)
    if done.returncode == 0 and "report.txt" in done.stdout:
        return WORKS
    if done.returncode != 28 and "connect timeout" not in done.stderr:  # IPv6's data connection ends with another number
        raise AssertionError(done.stderr[-1500:])
    return TIMES_OUT if re.search(r"^< 230", done.stderr, re.MULTILINE) else NO_LOGIN


def by_python(world, mode, seconds, family=4, tls=False):
    address = world.address if family == 4 else world.address6
    done = world.client.run(sys.executable, "-c", PYTHON_CLIENT, address, mode, "tls" if tls else "plain", str(seconds), check=False)
    if done.returncode == 0 and "report.txt" in done.stdout:
        return WORKS
    if "timed out" not in done.stderr.lower():
        raise AssertionError(done.stderr[-1500:])
    return TIMES_OUT if "logged in" in done.stdout else NO_LOGIN


def by_lftp(world, mode, seconds, family=4, tls=False):
    address = world.address if family == 4 else f"[{world.address6}]"
    passive = "yes" if mode in ("passive", "epsv") else "no"
    script = (f"set net:timeout {seconds}; set net:max-retries 1; set ftp:passive-mode {passive}; "
              f"set ftp:ssl-allow {'yes' if tls else 'no'}; set ftp:ssl-force {'yes' if tls else 'no'}; set ftp:ssl-allow-anonymous yes; "
              "set ssl:verify-certificate no; set ftp:ssl-protect-data yes; set ftp:ssl-protect-list yes; "
              f"set net:reconnect-interval-base 1; set ftp:prefer-epsv {'yes' if mode == 'epsv' else 'no'}; "
              f"open ftp://anonymous:test@{address}; nlist /pub; bye")
    argv = ["timeout", str(4 * seconds + 4), "lftp", "-d", "-c", script.replace("test@" + address, "test%40@" + address)]
    done = world.client.run(*argv, check=False)
    if done.returncode == 0 and "report.txt" in done.stdout:
        return WORKS
    return TIMES_OUT if "<--- 230" in done.stderr + done.stdout else NO_LOGIN


def reached(client, world, mode, expected, **kw):
    """How far a real client gets; one that does not get as far as expected tries again with patience, on a busy machine."""
    got = client(world, mode, BLOCKED_AFTER, **kw)
    return got if got == expected else client(world, mode, 15, **kw)


# --- the probe ------------------------------------------------------------------------------------------------------

ALLOWED, FORBIDDEN = 1001, 1002
KNOCK_ALLOWED, KNOCK_FORBIDDEN = 1003, 1004  # the same for who knocks beside it


def backlog_drops():
    """Packets that this machine's processors had no room for, whoever sent them in whichever namespace: before any hook."""
    with open("/proc/net/softnet_stat") as f:
        return sum(int(line.split()[1], 16) for line in f)


class Probe:
    """Packets all the time, to a port that is open and to one that is not (bench/wallprobe.c)."""

    def __init__(self, world, rate=2000, family=4, seconds=None):
        program = os.path.join(harness.BUILT, "bench", "wallload")
        argv = [program, "probe", "--to", world.address if family == 4 else world.address6, "--behind", world.server.path(),
                "--port", str(ALLOWED), "--forbidden", str(FORBIDDEN), "--rate", str(rate)]
        self.process = world.client.start(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(self.process.communicate()[1])
        self.drops = backlog_drops()

    def end(self):
        """{allowed, arrived, forbidden, passed, told}: how many were sent and got through."""
        out, err = self.process.communicate("", timeout=harness.PATIENCE)
        if self.process.returncode:
            raise AssertionError(err)
        return json.loads(out) | {"backlog": backlog_drops() - self.drops}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Knock:
    """A few packets to both ports, one after the other, and what of them has come."""

    def __init__(self, world, seconds=5):
        self.out, self.came = [], []
        for port in (KNOCK_FORBIDDEN, KNOCK_ALLOWED):
            with world.client.at():
                self.out.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            self.out[-1].connect((world.address, port))
            with world.server.at():
                self.came.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            self.came[-1].bind(("", port))
            self.came[-1].settimeout(seconds)

    def tried(self, count=10):
        """(arrived where it is forbidden, arrived where it is allowed). The last one is allowed: when it is there, all are."""
        for _ in range(count):
            for sock in self.out:
                with contextlib.suppress(OSError):  # a refusal of the packet before, by ICMP
                    sock.send(b"knock")
        allowed = 0
        while allowed < count and self.received(self.came[1]):
            allowed += 1
        self.came[0].setblocking(False)
        forbidden = 0
        while self.received(self.came[0]):
            forbidden += 1
        return forbidden, allowed

    @staticmethod
    def received(sock):
        try:
            return len(sock.recv(100)) > 0
        except (TimeoutError, BlockingIOError):
            return False

    def close(self):
        for sock in self.out + self.came:
            sock.close()


def closed_rules(*more, chain="INPUT", policy="DROP", family=4):
    """Lets the probe's one port through and not the other, as FTP, and what more there is."""
    lines = [f"-A {chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
             *(f"-A {chain} -p udp -m udp --dport {port} -j {target}" for port, target in (
                 (ALLOWED, "ACCEPT"), (FORBIDDEN, "DROP"), (KNOCK_ALLOWED, "ACCEPT"), (KNOCK_FORBIDDEN, "DROP"))),
             f"-A {chain} -p tcp -m tcp --dport 21 -j ACCEPT", *more]
    chains = {name: "ACCEPT" for name in ("INPUT", "FORWARD", "OUTPUT")} | {chain: policy}
    return "*filter\n" + "".join(f":{name} {word} [0:0]\n" for name, word in chains.items()) + "\n".join(lines) + "\nCOMMIT\n"


class LiveCase(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()
        need_live()

    def world(self, place="server"):
        world = World(place)
        self.addCleanup(world.close)
        return world

    def quiet_probe(self, told, world):
        """Nothing was misjudged; if something was, the wall's own account of what it dropped is shown, too."""
        if told["allowed"] != told["arrived"] or told["passed"]:
            told["status"] = world.wall.sallywall("status", status=None).stdout
        self.assertGreater(told["arrived"], 0, told)
        self.assertEqual(told["passed"], 0, told)
        self.assertLessEqual(told["allowed"] - told["arrived"], told["backlog"], told)


def need_live():
    """A kernel that does not take the program can show nothing of it: skipped, loudly. Any other refusal is a failure."""
    world = World()
    try:
        done = world.wall.sallywall("up", status=None)
        if done.returncode and re.search(r"need Linux 6\.4|CONFIG_|CAP_BPF|not built", done.stderr):
            raise unittest.SkipTest("NO LIVE WALL HERE: " + done.stderr.strip().split("\n")[0])
        if done.returncode:
            raise AssertionError("sallywall up: " + done.stderr)
    finally:
        world.close()


# --- what the kernel holds ------------------------------------------------------------------------------------------

PINS = "/run/sallywall"
BPF, MAP_LOOKUP, MAP_UPDATE, PROG_LOAD, OBJ_GET, LINK_CREATE = {"x86_64": 321, "aarch64": 280}, 1, 2, 5, 7, 28
PROG_NETFILTER, ATTACH_NETFILTER = 32, 45


def bpf(command, attributes):
    """bpf(2); the result, or an OSError."""
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = LIBC.syscall(BPF[os.uname().machine], command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def pins_left():
    """Namespaces for which something is pinned; other mounts of ours see none of it."""
    return [name for name in os.listdir(PINS) if re.fullmatch("[0-9a-f]{16}", name)] if os.path.isdir(PINS) else []


def pinned_state(change):
    """The value of the map "state" of the wall that stands, as change makes it of what it was."""
    folder, = pins_left()
    path = ctypes.create_string_buffer(os.path.join(PINS, folder, "state").encode())
    fd, _ = bpf(OBJ_GET, struct.pack("=Q", ctypes.addressof(path)))
    with open(f"/proc/self/fdinfo/{fd}", encoding="utf-8") as info:
        size = next(int(line.split()[1]) for line in info if line.startswith("value_size"))
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(size)
    element = struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
    bpf(MAP_LOOKUP, element)
    value.raw = change(value.raw)
    bpf(MAP_UPDATE, element)
    os.close(fd)


def hook_in_the_way(host, family, hook, priority):
    """A program of somebody else's at that priority, which accepts everything; its link lives as long as the descriptor."""
    code = struct.pack("=BBhi", 0xb7, 0, 0, 1) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # r0 = NF_ACCEPT; exit
    text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("=IIQQIIQII", PROG_NETFILTER, 2, ctypes.addressof(text), ctypes.addressof(licence), 0, 0, 0, 0, 0)
    attributes += b"in_the_way".ljust(16, b"\0") + struct.pack("=II", 0, ATTACH_NETFILTER)
    program, _ = bpf(PROG_LOAD, attributes)
    with host.at():
        link, _ = bpf(LINK_CREATE, struct.pack("=IIIIIIiI", program, 0, ATTACH_NETFILTER, 0, family, hook, priority, 0))
    os.close(program)
    return link
