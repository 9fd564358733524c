# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel makes of it: FTP sessions, single packets and captures, carried out in the world of answers_world.py."""
import contextlib
import dataclasses
import errno
import ipaddress
import os
import re
import select
import socket
import struct
import time

from answers_world import CLIENT, SECOND, SERVER, WALL_IN, WALL_OUT

class Patience:
    """Seconds that we wait for what is said to arrive, in a session, whose segments are sent again, and for one packet; and for
    what is said not to arrive."""
    session, packet, blocked = 4.0, 1.5, 0.1


@contextlib.contextmanager
def patience(session, packet, blocked):
    """Another one for a while."""
    usual = Patience.session, Patience.packet, Patience.blocked
    Patience.session, Patience.packet, Patience.blocked = session, packet, blocked
    try:
        yield
    finally:
        Patience.session, Patience.packet, Patience.blocked = usual


FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
TASKS = ("connect", "login", "LIST", "RETR", "STOR")
# What a server says at a transfer's begin and end, in the words that the program plays: rules may ask for a packet's length.
BEGIN = {"LIST": "<150 Here comes the directory listing.", "STOR": "<150 Ok to send data.",
         "RETR": "<150 Opening BINARY mode data connection for report.txt (1400 bytes)."}
END = {"LIST": "<226 Directory send OK.", "RETR": "<226 Transfer complete.", "STOR": "<226 Transfer complete."}
SIZES = {"LIST": [134], "RETR": [1400], "STOR": [1400]}
ENDS = {"server": ("client", "wall"), "gateway": ("client", "server"), "client": ("wall", "server"),
        "itself": ("wall", "wall")}  # (client, server) by place


class Stuck(Exception):
    """Something did not arrive in time."""


def addresses(case):
    """(the client's, the server's)"""
    if case.place in ("server", "itself"):
        return (CLIENT if case.place == "server" else WALL_IN)[case.family], WALL_IN[case.family]
    return (CLIENT if case.place == "gateway" else WALL_OUT)[case.family], SERVER[case.family]


def ready(sock, event, seconds):
    poller = select.poll()
    poller.register(sock, event)
    return any(found & event for _, found in poller.poll(max(0, seconds) * 1000))


class Ports:
    """Opens sockets, and closes them all so that nothing of them is left: no TIME_WAIT, no SYN that is repeated."""

    def __init__(self, world):
        self.world, self.open = world, []

    def make(self, machine, family, port=0, listen=False, host=""):
        with self.world.at(machine):
            sock = socket.socket(FAMILIES[family], socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.open.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        if listen:
            sock.listen(8)
        return sock

    def accept(self, listener):
        sock, _ = listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open.append(sock)
        return sock

    def close(self):
        for sock in reversed(self.open):
            with contextlib.suppress(OSError):
                sock.close()
        self.open = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connected(sock):
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def meet(ports, caller, target, listeners, seconds):
    """The far end of a connection from caller to target, of whichever of listeners it came to."""
    try:
        status = caller.connect_ex(target)
    except OSError as error:
        status = error.errno
    if status not in (0, errno.EINPROGRESS):
        raise Stuck("connect: " + os.strerror(status))
    end = time.monotonic() + seconds
    poller = select.poll()
    by_fd = {sock.fileno(): sock for sock in listeners}
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    found = poller.poll(seconds * 1000)
    if not found:
        raise Stuck("no connection came")
    far = ports.accept(by_fd[found[0][0]])
    if not ready(caller, select.POLLOUT, end - time.monotonic()) or not connected(caller):
        raise Stuck("the caller heard nothing")
    return far, by_fd[found[0][0]]


def say(sender, receiver, text, seconds):
    """Sends text, and returns it as it arrived: a helper may have rewritten it."""
    data = text if isinstance(text, bytes) else text.encode() + b"\r\n"
    try:
        sender.send(data)
        got, end = b"", time.monotonic() + seconds
        while not (got.endswith(b"\r\n") if not isinstance(text, bytes) else len(got) >= len(data)):
            if not ready(receiver, select.POLLIN, end - time.monotonic()):
                raise Stuck("%r did not arrive" % data[:40])
            more = receiver.recv(65536)
            if not more:
                raise Stuck("closed at %r" % data[:40])
            got += more
    except OSError as error:
        raise Stuck("%r: %s" % (data[:40], error)) from error
    return got if isinstance(text, bytes) else got[:-2].decode("latin-1")


def record(text):
    """As TLS would carry it: nobody on the way can read it."""
    data = bytes(byte ^ 0xa5 for byte in text.encode() + b"\r\n")
    return struct.pack("!BHH", 23, 0x303, len(data)) + data


def finish(one, other, seconds):
    """Both ends of a data connection close it, one first."""
    for near, far in ((one, other), (other, one)):
        try:
            near.shutdown(socket.SHUT_WR)
            if not ready(far, select.POLLIN, seconds) or far.recv(100):
                raise Stuck("the end of the data did not arrive")
        except OSError as error:
            raise Stuck("closing: %s" % error) from error


@dataclasses.dataclass
class Plan:
    """A session that is to be played: ports as the program played them."""
    mode: str  # passive, active, epsv, eprt
    port: int = 21
    tls: bool = False
    own: int = 40000
    client_ports: dict = dataclasses.field(default_factory=dict)  # {task: the client's port of the data connection}
    server_ports: dict = dataclasses.field(default_factory=dict)
    patience: dict = dataclasses.field(default_factory=dict)  # {task: seconds}
    sizes: dict = dataclasses.field(default_factory=dict)  # {task: [bytes of a segment of data, ...]}
    passive_port: int = 10090  # where nothing was said of the data connection
    data_port: int = 20

    def active(self):
        return self.mode in ("active", "eprt")

    def ports(self, task):
        usual = (55958 if self.active() else 39999) + TASKS.index(task)  # those that the program plays
        return self.client_ports.get(task, usual), self.server_ports.get(task, self.data_port if self.active() else self.passive_port)


class Session:
    """A client and a server of FTP that talk to each other."""

    def __init__(self, ports, case, plan, extra_ports=()):
        self.ports, self.case, self.plan, self.family = ports, case, plan, case.family
        self.client_host, self.server_host = ENDS[case.place]
        self.listeners = {}
        for host in ("wall", "server"):
            for port in {21, 2121, plan.port, *extra_ports}:
                self.listeners[ports.make(host, self.family, port, listen=True)] = host
        self.client = self.server = None
        self.hidden = False  # is the control channel under TLS by now?

    def play(self):
        """{task: why it did not work, or None}"""
        became, broken = {}, None
        for task in TASKS:
            seconds = self.plan.patience.get(task, Patience.blocked)
            try:
                if broken and task != "login" and self.server and self.alive(became):
                    broken = None
                if broken:
                    raise Stuck(broken)
                {"connect": self.connect, "login": self.login}.get(task, lambda s, t=task: self.transfer(t, s))(seconds)
                became[task] = None
            except Stuck as stuck:
                became[task] = broken = str(stuck)
        return became

    def alive(self, became):
        """Can the control channel still be talked on, after a transfer that failed?"""
        return became["login"] is None and not ready(self.client, select.POLLIN, 0) and not ready(self.server, select.POLLIN, 0)

    def connect(self, seconds):
        _, server = addresses(self.case)
        self.client = self.ports.make(self.client_host, self.family, self.plan.own)
        self.server, listener = meet(self.ports, self.client, (server, self.plan.port), self.listeners, seconds)
        self.server_host = self.listeners[listener]

    def login(self, seconds):
        self.talk("<220 (sallyd)", seconds)
        if self.plan.tls:
            self.talk(">AUTH TLS", seconds)
            self.talk("<234 Proceed with negotiation.", seconds)
            self.hidden = True
        for line in (">USER kim", "<331 Please specify the password.", ">PASS sesame", "<230 Login successful.",
                     ">TYPE I", "<200 Switching to Binary mode."):
            self.talk(line, seconds)

    def talk(self, line, seconds):
        """"<" is what the server says."""
        ends = (self.server, self.client) if line[0] == "<" else (self.client, self.server)
        if not self.hidden:
            return say(*ends, line[1:], seconds)
        say(*ends, record(line[1:]), seconds)  # who reads along can't change it, either
        return line[1:]

    def transfer(self, task, seconds):
        argument = {"LIST": "LIST", "RETR": "RETR report.txt", "STOR": "STOR photo.jpg"}[task]
        client, server = (self.open_active if self.plan.active() else self.open_passive)(task, argument, seconds)
        source, sink = (client, server) if task == "STOR" else (server, client)
        for size in self.plan.sizes.get(task, SIZES[task]):
            say(source, sink, b"x" * size, seconds)
        finish(source, sink, seconds)
        self.talk(END[task], seconds)

    def open_passive(self, task, argument, seconds):
        own, port = self.plan.ports(task)
        with self.ports.make(self.server_host, self.family, port, listen=True) as listener:
            data, far = self.reach_passive(own, port, listener, seconds)
        self.talk(">" + argument, seconds)
        self.talk(BEGIN[task], seconds)
        return data, far

    def reach_passive(self, own, port, listener, seconds):
        self.talk(">PASV" if self.plan.mode == "passive" else ">EPSV", seconds)
        host = self.server.getsockname()[0]
        if self.plan.mode == "passive":
            heard = self.talk("<227 Entering Passive Mode (%s,%d,%d)." % (host.replace(".", ","), port >> 8, port & 255), seconds)
            numbers = re.search(r"\((.*)\)", heard)[1].split(",")
            # as clients do today: of the address that it names they take no notice
            target = self.client.getpeername()[0], int(numbers[4]) << 8 | int(numbers[5])
        else:
            heard = self.talk("<229 Entering Extended Passive Mode (|||%d|)" % port, seconds)
            target = self.client.getpeername()[0], int(re.search(r"\|(\d+)\|", heard)[1])
        data = self.ports.make(self.client_host, self.family, own)
        far, _ = meet(self.ports, data, target, [listener], seconds)
        return data, far

    def open_active(self, task, argument, seconds):
        own, port = self.plan.ports(task)
        listener = self.ports.make(self.client_host, self.family, own, listen=True)
        host = self.client.getsockname()[0]
        if self.plan.mode == "active":
            heard = self.talk(">PORT %s,%d,%d" % (host.replace(".", ","), own >> 8, own & 255), seconds)
            numbers = heard.split()[1].split(",")
            target = ".".join(numbers[:4]), int(numbers[4]) << 8 | int(numbers[5])
        else:
            heard = self.talk(">EPRT |%d|%s|%d|" % (2 if self.family == 6 else 1, host, own), seconds)
            words = heard.split("|")
            target = words[2], int(words[3])
        if ipaddress.ip_address(target[0]) != ipaddress.ip_address(self.server.getpeername()[0]):
            self.talk("<501 That address is not yours.", seconds)
            raise Stuck("the server refuses the address %s, as it knows the client as %s" % (target[0], self.server.getpeername()[0]))
        self.talk("<200 PORT command successful. Consider using PASV." if self.plan.mode == "active" else
                  "<200 EPRT command successful. Consider using EPSV.", seconds)
        self.talk(">" + argument, seconds)
        data = self.ports.make(self.server_host, self.family, port, host=self.server.getsockname()[0])
        try:
            far, _ = meet(self.ports, data, target, [listener], seconds)
        except Stuck:
            data.close()
            with contextlib.suppress(Stuck):
                self.talk("<425 Failed to establish connection.", seconds)
            raise
        finally:
            listener.close()
        self.talk(BEGIN[task], seconds)
        return far, data


def play_session(world, case, plan):
    with world.at("wall"):
        world.forget()
    with Ports(world) as ports:
        return Session(ports, case, plan).play()


# --- there and back -------------------------------------------------------------------------------------------------

def play_exchange(world, case, kind, own, port, seconds, sizes=(8, 8), observe=None):
    """Why no answer came, or None. observe is called at the wall while the connection is open."""
    with world.at("wall"):
        world.forget()
    with Ports(world) as ports:
        try:
            if kind == "tcp":
                return exchange_tcp(ports, case, own, port, seconds, sizes, observe)
            became = (exchange_udp if kind == "udp" else exchange_icmp)(ports, case, own, port, seconds, sizes)
            look(world, observe)
            return became
        except Stuck as stuck:
            return str(stuck)
        except OSError as error:
            return str(error)


def look(world, observe):
    if observe:
        with world.at("wall"):
            observe()


def exchange_tcp(ports, case, own, port, seconds, sizes, observe=None):
    listeners = [ports.make(host, case.family, p, listen=True) for host in ("wall", "server") for p in {21, 2121, port}]
    client = ports.make(ENDS[case.place][0], case.family, own)
    server, _ = meet(ports, client, (addresses(case)[1], port), listeners, seconds)
    say(client, server, b"?" * sizes[0], seconds)
    say(server, client, b"!" * sizes[1], seconds)
    look(ports.world, observe)
    finish(client, server, seconds)


def datagram(ports, host, family, kind, protocol=0):
    with ports.world.at(host):
        sock = socket.socket(FAMILIES[family], kind | socket.SOCK_NONBLOCK, protocol)
    ports.open.append(sock)
    return sock


def at_port(ports, host, family, address, port):
    """A socket of UDP that answers from the address that it was asked at."""
    sock = datagram(ports, host, family, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


HOSTS = (("wall", WALL_IN), ("wall", WALL_OUT), ("server", SERVER), ("server", SECOND))


def exchange_udp(ports, case, own, port, seconds, sizes):
    """A client of UDP asks again if nothing comes, as resolvers do."""
    f = case.family
    servers = [at_port(ports, host, f, address[f], p) for host, address in HOSTS for p in {21, 2121, port} - {own}]
    client = at_port(ports, ENDS[case.place][0], f, addresses(case)[0], own)
    client.connect((addresses(case)[1], port))
    end = time.monotonic() + seconds
    while True:
        client.send(b"?" * sizes[0])
        if answered(client, servers, min(0.5, seconds), b"!" * sizes[1]):
            return None
        if time.monotonic() > end:
            raise Stuck("no answer over UDP")


def answered(client, servers, seconds, answer):
    end = time.monotonic() + seconds
    poller = select.poll()
    by_fd = {sock.fileno(): sock for sock in servers}
    for fd in [*by_fd, client.fileno()]:
        poller.register(fd, select.POLLIN)
    while (left := end - time.monotonic()) > 0:
        for fd, _ in poller.poll(left * 1000):
            if fd == client.fileno():
                return client.recv(2000) == answer
            _, peer = by_fd[fd].recvfrom(2000)
            by_fd[fd].sendto(answer, peer)
    return False


def exchange_icmp(ports, case, _own, _port, seconds, _sizes):
    number = NUMBERS[case.family]["icmp"]
    client, server = addresses(case)
    sock = datagram(ports, ENDS[case.place][0], case.family, socket.SOCK_RAW, number)
    token = os.urandom(4)
    carried = split(build(Packet("", "icmp", client, server, carries=56), token), case.family)[1]
    sock.sendto(carried, (server, 0))
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if ready(sock, select.POLLIN, left):
            data = sock.recv(2000)
            body = split(data, 4)[1] if case.family == 4 else data
            if body[0] in (0, 129) and body[8:].startswith(token * 2):
                return
    raise Stuck("no echo came back")


# --- one packet -----------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Packet:
    hook: str
    proto: str  # tcp, udp, icmp
    source: str
    target: str
    sport: int = 0
    dport: int = 0
    flags: str = "syn"
    sender: str = "client"
    carries: int = 0  # bytes, at least
    ttl: int = 64
    tos: int = 0

    def family(self):
        return 6 if ":" in self.source else 4

    def words(self):
        def end(host, port):
            if self.proto == "icmp":
                return host
            return "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)
        said = "%s %s > %s" % (self.proto, end(self.source, self.sport), end(self.target, self.dport))
        return said + (" " + self.flags if self.proto == "tcp" else "")


FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16}
NUMBERS = {4: {"tcp": 6, "udp": 17, "icmp": 1}, 6: {"tcp": 6, "udp": 17, "icmp": 58}}


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def build(packet, token):
    """The packet as bytes; token (four bytes) is what it is known by afterwards."""
    family, number = packet.family(), NUMBERS[packet.family()][packet.proto]
    source, target = (socket.inet_pton(FAMILIES[family], a) for a in (packet.source, packet.target))
    if packet.proto == "tcp":
        bits = sum(FLAGS[f] for f in packet.flags.split())
        body = struct.pack("!HH4sIBBHHH", packet.sport, packet.dport, token, 0 if bits == 2 else 1, 5 << 4, bits, 64240, 0, 0)
        body, at = body + b"x" * packet.carries, 16
    elif packet.proto == "udp":
        carried = (token * 2).ljust(packet.carries, b"x")
        body, at = struct.pack("!HHHH", packet.sport, packet.dport, 8 + len(carried), 0) + carried, 6
    else:
        body, at = struct.pack("!BBHHH", 8 if family == 4 else 128, 0, 0, 77, 1) + (token * 2).ljust(packet.carries, b"x"), 2
    pseudo = b"" if number == 1 else source + target + struct.pack("!II" if family == 6 else "!HH", *(
        (len(body), number) if family == 6 else (number, len(body))))
    body = body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2:]
    if family == 6:
        return struct.pack("!IHBB", 6 << 28 | packet.tos << 20, len(body), number, packet.ttl) + source + target + body
    head = struct.pack("!BBHHHBBH4s4s", 0x45, packet.tos, 20 + len(body), 4242, 0x4000, packet.ttl, number, 0, source, target)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def split(data, family):
    """(protocol, what it carries) of an IP packet without extension headers."""
    return (data[9], data[(data[0] & 15) * 4:]) if family == 4 else (data[6], data[40:])


class Ears:
    """Hears what arrives at the client and at the server, and what is delivered at the wall itself."""
    ETHER = {4: 0x0800, 6: 0x86dd}

    def __init__(self, world, family):
        self.family, self.socks = family, []
        for host in ("client", "server"):
            with world.at(host):
                self.socks.append((socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self.ETHER[family])), None))
        for number in NUMBERS[family].values():
            with world.at("wall"):
                self.socks.append((socket.socket(FAMILIES[family], socket.SOCK_RAW, number), number))
        for sock, _ in self.socks:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def heard(self):
        """(protocol, what it carries) of all that arrived since."""
        for sock, number in self.socks:
            with contextlib.suppress(BlockingIOError):
                while True:
                    data, sender = sock.recvfrom(65536)
                    if number is None and sender[2] == socket.PACKET_OUTGOING:
                        continue
                    yield (number, data) if number is not None and self.family == 6 else split(data, self.family)

    def wait(self, number, token, seconds):
        end = time.monotonic() + seconds
        poller = select.poll()
        for sock, _ in self.socks:
            poller.register(sock, select.POLLIN)
        while True:
            if any(is_it(n, body, number, token) for n, body in self.heard()):
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            poller.poll(left * 1000)

    def close(self):
        for sock, _ in self.socks:
            sock.close()


def is_it(number, body, wanted, token):
    if number != wanted:
        return False
    if number == 6:
        return body[4:8] == token
    return body[8:].startswith(token * 2) and (number == 17 or body[0] in (8, 128))


def send_packet(world, packet, data):
    family = packet.family()
    with world.at(packet.sender):
        sock = socket.socket(FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW)
    with sock:
        if family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
        try:
            sock.sendto(data, (packet.target, 0))
        except PermissionError:
            pass  # the wall's own OUTPUT has dropped it
        except OSError as error:
            if error.errno not in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EINVAL, errno.ENOBUFS):
                raise


def try_packet(world, packet, seconds):
    """Does it arrive anywhere?"""
    ears = Ears(world, packet.family())
    try:
        with world.at("wall"):
            world.forget()
        token = os.urandom(4)
        for _ in ears.heard():
            pass
        send_packet(world, packet, build(packet, token))
        return ears.wait(NUMBERS[packet.family()][packet.proto], token, seconds)
    finally:
        ears.close()


# --- a capture ------------------------------------------------------------------------------------------------------

SO_TIMESTAMP = 29


class Tap:
    """What passes an interface of the wall, in both directions, as tcpdump would see it there."""

    def __init__(self, world, interface):
        with world.at("wall"):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.sock.bind((interface, 0))
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)

    def frames(self):
        """[(microseconds, did the wall send it?, bytes)], and closes."""
        found = []
        with self.sock, contextlib.suppress(BlockingIOError):
            while True:
                data, extra, _, sender = self.sock.recvmsg(65536, 64)
                seconds, micro = struct.unpack("qq", extra[0][2][:16])
                found.append((seconds * 1000000 + micro, sender[2] == socket.PACKET_OUTGOING, data))
        return found


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for micro, _, data in frames:
            f.write(struct.pack("<IIII", micro // 1000000, micro % 1000000, len(data), len(data)) + data)


def key(number, body):
    """What a packet is known by on both sides of a translation."""
    return (number, body[4:14], body[(body[12] >> 4) * 4:]) if number == 6 else (number, body[8:])


def capture_session(world, case, plan):
    """(frames, their fates): a real session, seen at the interface that the question is about. A fate is True: the packet got
    beyond the wall's rules; False: it did not; None: it can't be told."""
    ears = Ears(world, case.family)
    tap = Tap(world, "eth1" if case.place == "client" else "eth0")
    try:
        play_session(world, case, plan)
        time.sleep(0.02)
        frames = [f for f in tap.frames() if f[2][12:14] == struct.pack("!H", Ears.ETHER[case.family])]
        arrived = [key(n, body) for n, body in ears.heard() if n == 6]
    finally:
        ears.close()
    keys = [key(*split(data[14:], case.family)) if split(data[14:], case.family)[0] == 6 else None for _, _, data in frames]
    inward = [k for k, (_, out, _) in zip(keys, frames) if not out]
    fates = []
    for k, (_, out, _) in zip(keys, frames):
        count = arrived.count(k)
        fates.append(True if out else None if k is None else False if count == 0 else True if count >= inward.count(k) else None)
    return frames, fates
