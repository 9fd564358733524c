# SPDX-License-Identifier: BSD-2-Clause
"""The machines of the lab, each a network namespace: a client, a server, and a gateway in between for the row that has one."""
import os
import subprocess
import time

import cell

CLIENT, SERVER, GATEWAY = "192.168.0.2", "192.168.0.18", "192.168.0.1"
LIMIT = 60  # seconds that no command of ours takes
# Nothing of the caller's, nor over which connection he came; but how programs with sanitizers are to be run.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/",
               **{name: value for name, value in os.environ.items() if name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}}


class Failed(Exception):
    """Something of the lab itself, rather than what it shows."""


class Host:
    def __init__(self, name):
        self.name = name
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        cell.unshare(cell.NEWNET)
        self.fd = os.open("/proc/self/ns/net", os.O_RDONLY)
        cell.enter_network(home)
        os.close(home)
        self.ip("link set lo up")

    def start(self, argv, **more):
        more.setdefault("env", ENVIRONMENT)
        return subprocess.Popen(argv, preexec_fn=lambda: cell.enter_network(self.fd), stdin=subprocess.DEVNULL, **more)

    def run(self, argv, cwd=None, env=None, limit=LIMIT):
        """(exit status, what it printed)."""
        child = self.start(argv, cwd=cwd, env=env or ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, _ = child.communicate(timeout=limit)
        return child.returncode, out.decode("utf-8", "replace")

    def must(self, argv, **more):
        status, out = self.run(argv, **more)
        if status:
            raise Failed(f"{self.name}: {' '.join(argv)}: {out.strip() or status}")
        return out

    def ip(self, *lines):
        for line in lines:
            self.must(["ip", *line.split()])

    def listens(self, port):
        return self.must(["ss", "-Hltn", f"sport = :{port}"]).strip() != ""


def cable(one, one_end, other, other_end):
    one.ip(f"link add {one_end} type veth peer name {other_end} netns /proc/{os.getpid()}/fd/{other.fd}", f"link set {one_end} up")
    other.ip(f"link set {other_end} up")


class World:
    """client - server, or client - gateway - server; the firewall, whichever it is, stands on the last but the client."""

    def __init__(self, has_gateway):
        self.client, self.server = Host("client"), Host("server")
        self.gateway = Host("gateway") if has_gateway else None
        self.firewall = self.gateway or self.server
        self.chain = "FORWARD" if has_gateway else "INPUT"
        if has_gateway:
            self.connect_by_gateway()
        else:
            cable(self.server, "eth0", self.client, "eth0")
            self.client.ip(f"address add {CLIENT}/24 dev eth0")
            self.server.ip(f"address add {SERVER}/24 dev eth0")

    def connect_by_gateway(self):
        """The addresses are the same: the gateway has a route to each of the two."""
        cable(self.gateway, "eth0", self.client, "eth0")
        cable(self.gateway, "eth1", self.server, "eth0")
        for host, address, way in ((self.client, CLIENT, "eth0"), (self.server, SERVER, "eth1")):
            host.ip(f"address add {address}/32 dev eth0", f"route add {GATEWAY} dev eth0", f"route add default via {GATEWAY}")
            self.gateway.ip(f"address add {GATEWAY}/32 dev {way}", f"route add {address} dev {way}")
        self.gateway.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"])


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.03)
    return value
