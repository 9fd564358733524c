# SPDX-License-Identifier: BSD-2-Clause
"""Three machines in network namespaces, which one process plays: client - wall - server, with a cable between two.

Sockets belong to the namespace in which they were opened, so one thread can hold both ends of a conversation. Nothing is
tracked and nothing is filtered but by what a case loads at the wall. Neighbours are known beforehand, as IPv6 would ask for
them through the very rules; packets that close a connection leave nothing behind, so that the next question finds a
machine that has just been started.
"""
import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

# machine: ({interface: (the cable's other end, {family: addresses})})
CLIENT = {4: "192.0.2.9", 6: "2001:db8:2::9"}
WALL_IN = {4: "192.0.2.1", 6: "2001:db8:2::1"}  # eth0
WALL_OUT = {4: "198.51.100.1", 6: "2001:db8:64::1"}  # eth1
SERVER = {4: "198.51.100.9", 6: "2001:db8:64::9"}
SECOND = {4: "198.51.100.10", 6: "2001:db8:64::10"}  # the server's other address
MACS = {"client": "02:00:00:00:00:09", "in": "02:00:00:00:00:01", "out": "02:00:00:00:01:01", "server": "02:00:00:00:01:09"}

SETTINGS = ("ipv4/ip_forward 1", "ipv6/conf/all/forwarding 1", "ipv4/tcp_max_tw_buckets 0", "ipv4/conf/all/rp_filter 0",
            "ipv4/conf/default/rp_filter 0", "ipv4/tcp_timestamps 0", "ipv4/icmp_ratelimit 0", "ipv6/conf/all/accept_ra 0",
            "ipv6/conf/default/accept_ra 0", "ipv6/conf/default/router_solicitations 0", "ipv4/ip_local_port_range 50000 60000",
            "ipv4/conf/all/send_redirects 0", "ipv4/conf/default/send_redirects 0", "ipv6/conf/default/accept_dad 0")
EMPTY = {"filter": "INPUT FORWARD OUTPUT", "raw": "PREROUTING OUTPUT", "nat": "PREROUTING INPUT OUTPUT POSTROUTING",
         "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING", "security": "INPUT FORWARD OUTPUT"}


class Refused(Exception):
    """The kernel, or the program that should load it, does not take this rule set."""


def setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def new_namespace():
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def do(*words, input=None):
    done = subprocess.run(words, input=input, capture_output=True, text=True, errors="replace", timeout=120)
    if done.returncode:
        raise Refused("%s: %s" % (" ".join(words), (done.stderr or done.stdout).strip()))
    return done.stdout


def empty_tables():
    """For iptables-legacy-restore: every table as it is before anybody touches it."""
    text = []
    for table, chains in EMPTY.items():
        text += ["*" + table, *(":%s ACCEPT [0:0]" % chain for chain in chains.split()), "COMMIT"]
    return "\n".join(text) + "\n"


class World:
    def __init__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.nets = {}
        for name in ("client", "server", "wall"):
            self.nets[name] = new_namespace()
            self.set_up_host()
        self.lay_cables()
        self.legacy_used = set()
        self.planted = None  # rules of nft that are loaded with every case: see answers.py, --plant

    @contextlib.contextmanager
    def at(self, name):
        setns(self.nets[name])
        try:
            yield
        finally:
            setns(self.home)

    @staticmethod
    def set_up_host():
        do("ip", "link", "set", "lo", "up")
        for line in SETTINGS:
            name, value = line.split(" ", 1)
            with contextlib.suppress(FileNotFoundError), open("/proc/sys/net/" + name, "w") as f:
                f.write(value)

    def lay_cables(self):
        with self.at("wall"):
            for name, peer, end in (("eth0", "client", "in"), ("eth1", "server", "out")):
                do("ip", "link", "add", "name", name, "address", MACS[end], "type", "veth", "peer", "name", "eth0", "address",
                   MACS[peer], "netns", "/proc/%d/fd/%d" % (os.getpid(), self.nets[peer]))
        self.address("client", "eth0", [CLIENT], (WALL_IN, "in"), gateway=True)
        self.address("wall", "eth0", [WALL_IN], (CLIENT, "client"))
        self.address("wall", "eth1", [WALL_OUT], (SERVER, "server"), (SECOND, "server"))
        self.address("server", "eth0", [SERVER, SECOND], (WALL_OUT, "out"), gateway=True)

    def address(self, host, interface, own, *neighbours, gateway=False):
        with self.at(host):
            batch = ["link set %s up" % interface]
            for address in own:
                batch += ["address add %s/24 dev %s" % (address[4], interface),
                          "address add %s/64 dev %s nodad" % (address[6], interface)]
            for address, mac in neighbours:
                batch += ["neighbour replace %s lladdr %s dev %s nud permanent" % (address[f], MACS[mac], interface) for f in (4, 6)]
                if gateway:
                    batch += ["-%d route add default via %s" % (f, address[f]) for f in (4, 6)]
            for line in batch:
                do("ip", *line.split())

    # --- rules -----------------------------------------------------------------------------------------------------

    def clear(self):
        """The wall lets everything through and remembers nothing."""
        with self.at("wall"):
            do("nft", "flush", "ruleset")
            for family in sorted(self.legacy_used):
                do("%s-legacy-restore" % family, input=empty_tables())
            self.legacy_used.clear()
            self.forget()
            subprocess.run(["ipset", "destroy"], capture_output=True)

    @staticmethod
    def forget():
        subprocess.run(["conntrack", "-F"], capture_output=True)

    def load(self, case):
        """Loads a case, or raises Refused."""
        self.clear()
        program = "iptables" if case.family == 4 else "ip6tables"
        with self.at("wall"):
            if case.sets:
                do("ipset", "restore", input="\n".join(case.sets) + "\n")
            for backend, text in case.restores():
                if backend == "legacy":
                    self.legacy_used.add(program)
                do("%s-%s-restore" % (program, backend), input=text)
            for text in [*case.nft, *([self.planted] if self.planted else [])]:
                do("nft", "-f", "-", input=text)
            self.forget()

    def saved(self, case):
        """What an administrator would have saved: of the back end that the case uses."""
        program = "iptables" if case.family == 4 else "ip6tables"
        with self.at("wall"):
            return do("%s-%s-save" % (program, case.backend))

    def saved_sets(self):
        with self.at("wall"):
            return do("ipset", "save")

    # --- addresses that a question makes up ------------------------------------------------------------------------

    def with_route(self, packet, action):
        """Does action while the packet's target is the wall's own, or lies behind the wall, as its hook wants."""
        known = {a for pair in (CLIENT, SERVER, SECOND, WALL_IN, WALL_OUT) for a in pair.values()}
        family = "-6" if ":" in packet.source else "-4"
        undo = []
        behind = "eth0" if packet.target in CLIENT.values() else "eth1" if packet.target in {*SERVER.values(), *SECOND.values()} else None
        if packet.hook != "INPUT" and behind not in (None, packet.goes):
            return None
        with self.at("wall"):
            if packet.hook == "INPUT" and packet.target not in known:
                undo.append(self.add(family, "address", packet.target, "dev", "lo"))
            if packet.hook == "OUTPUT" and packet.source not in known:
                undo.append(self.add(family, "address", packet.source, "dev", "lo"))
            if packet.hook != "INPUT" and packet.target not in known:
                via = SERVER if packet.goes == "eth1" else CLIENT
                undo.append(self.add(family, "route", packet.target, "via", via[int(family[1])], "dev", packet.goes))
        try:
            return action() if None not in undo else None
        finally:
            with self.at("wall"):
                for words in undo:
                    if words:
                        subprocess.run(words, capture_output=True)

    @staticmethod
    def add(family, kind, *words):
        """Adds, and returns the command that takes it away again; None where it can't be."""
        try:
            do("ip", family, kind, "add", *words, *(["nodad"] if family == "-6" and kind == "address" else []))
        except Refused:
            return None
        return ["ip", family, kind, "del", *words]
