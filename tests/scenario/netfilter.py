# SPDX-License-Identifier: BSD-2-Clause
"""Messages to the kernel's netfilter, as sallyd sends them: what conntrack(8) and ipset(8) can't say, or say in another way."""
import errno
import os
import socket
import struct

NETLINK_NETFILTER = 12
REQUEST, ACK, EXCL, CREATE, DUMP = 1, 4, 0x200, 0x400, 0x300
ERROR, DONE = 2, 3
CT, EXPECT, SET = 1 << 8, 2 << 8, 6 << 8  # subsystems
NEW, GET, DELETE, GET_STATS_CPU = 0, 1, 2, 4
SET_ADD, SET_DELETE = 9, 10
NESTED, NET_ORDER = 0x8000, 0x4000
TCP = 6
PERMANENT, INACTIVE = 1, 2  # of expectations
SEEN_REPLY, ASSURED, CONFIRMED = 2, 4, 8  # of entries
ESTABLISHED, LIBERAL = 3, 8
NAMES = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}  # which has another name, too
NFT_EVENTS = 7  # the group that hears of nftables


def attribute(kind, *parts):
    content = b"".join(parts)
    return struct.pack("=HH", len(content) + 4, kind) + content + bytes(-len(content) % 4)


def nest(kind, *parts):
    return attribute(kind | NESTED, *parts)


def u32(kind, value):
    return attribute(kind, struct.pack("!I", value))


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def text(kind, words):
    return attribute(kind, words.encode() + b"\0")


class Tuple:
    """From an address and a port to another: what the kernel tells connections by."""

    def __init__(self, source, source_port, to, to_port):
        self.source, self.source_port, self.to, self.to_port = source, source_port, to, to_port

    def turned(self):
        return Tuple(self.to, self.to_port, self.source, self.source_port)

    @property
    def family(self):
        return socket.AF_INET6 if ":" in self.source else socket.AF_INET

    def nested(self, kind):
        first = 3 if self.family == socket.AF_INET6 else 1
        return nest(kind, nest(1, attribute(first, packed(self.source)), attribute(first + 1, packed(self.to))),
                    nest(2, attribute(1, bytes([TCP])), attribute(2, struct.pack("!H", self.source_port)),
                         attribute(3, struct.pack("!H", self.to_port))))


def to_one_port(tuple_):
    """A mask: these addresses and that port, from any port."""
    everything = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" if tuple_.family == socket.AF_INET6 else "255.255.255.255"
    return Tuple(everything, 0, everything, 0xffff)


def new_expectation(master, expected, seconds, flags=CREATE | EXCL, helper=None, kind=None):
    """master: the tuple of the control connection, or of its replies; kind: its own flags."""
    body = master.nested(1) + expected.nested(2) + to_one_port(expected).nested(3) + u32(4, seconds)
    body += text(6, helper) if helper else b""
    body += u32(8, kind) if kind is not None else b""
    return EXPECT | NEW, flags, expected.family, body


def delete_expectation(expected):
    return EXPECT | DELETE, 0, expected.family, expected.nested(2)


def new_entry(tuple_, helper, seconds=3600):
    """One of an established connection, lenient about its windows."""
    flags = struct.pack("=BB", LIBERAL, LIBERAL)
    body = tuple_.nested(1) + tuple_.turned().nested(2) + u32(3, SEEN_REPLY | ASSURED | CONFIRMED) + u32(7, seconds)
    body += nest(4, nest(1, attribute(1, bytes([ESTABLISHED])), attribute(4, flags), attribute(5, flags)))
    return CT | NEW, CREATE | EXCL, tuple_.family, body + nest(5, text(1, helper))


def delete_entry(tuple_):
    return CT | DELETE, 0, tuple_.family, tuple_.nested(1)


def set_element(command, name, source, port, to, seconds=None, protocol=6, flags=0):
    """Of an ipset hash:ip,port,ip, IPv4. protocol: ipset's own version."""
    def address(kind, value):
        return nest(kind, attribute(1 | NET_ORDER, packed(value)))
    data = address(1, source) + attribute(4 | NET_ORDER, struct.pack("!H", port)) + attribute(7, bytes([TCP])) + address(20, to)
    data += attribute(6 | NET_ORDER, struct.pack("!I", seconds)) if seconds is not None else b""
    return SET | command, flags, socket.AF_INET, attribute(1, bytes([protocol])) + text(2, name) + nest(7, data)


class Netfilter:
    """A socket to the netfilter of a network namespace."""

    def __init__(self, host, groups=0):
        with host.at():
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self.sock.settimeout(10)
        self.sock.bind((0, groups))
        self.sequence = 0

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def message(self, kind, flags, family, body):
        self.sequence += 1
        return struct.pack("=IHHII", 20 + len(body), kind, REQUEST | ACK | flags, self.sequence, 0) + struct.pack("=BBH", family, 0, 0) + body

    def heard(self):
        """(type, sequence, content) of each message in the next datagram."""
        data = self.sock.recv(1 << 18)
        while len(data) >= 16:
            length, kind, _, sequence, _ = struct.unpack_from("=IHHII", data)
            yield kind, sequence, data[16:length]
            data = data[length + 3 & ~3:]

    def ask(self, *messages):
        """What becomes of each, as a name of errno; "" is well. All are sent at once."""
        first = self.sequence + 1
        self.sock.send(b"".join(self.message(*m) for m in messages))
        told = {}
        while len(told) < len(messages):
            for kind, sequence, content in self.heard():
                if kind == ERROR and sequence >= first:
                    code = -struct.unpack_from("=i", content)[0]
                    told[sequence - first] = NAMES.get(code, str(code)) if code else ""
        return [told[i] for i in range(len(messages))]

    def tell(self, message):
        return self.ask(message)[0]

    def count(self, subsystem):
        """Of all expectations, or entries."""
        self.sock.send(self.message(subsystem | GET, DUMP, socket.AF_UNSPEC, b""))
        found = 0
        while True:
            for kind, _, _ in self.heard():
                if kind in (DONE, ERROR):
                    return found
                found += 1


def most_expectations():
    """The kernel's table has room for so many in each namespace."""
    path = "/proc/sys/net/netfilter/nf_conntrack_expect_max"
    if not os.path.exists(path):
        return 4096
    with open(path, encoding="ascii") as f:
        return int(f.read())
