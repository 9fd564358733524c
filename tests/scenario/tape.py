# SPDX-License-Identifier: BSD-2-Clause
"""Captures made by hand: TCP sessions as bytes, and the files that hold them."""
import gzip
import socket
import struct

CLIENT, SERVER = "192.0.2.7", "198.51.100.21"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETHERNET, RAW, COOKED, COOKED2, NFLOG = 1, 101, 113, 276, 239


def total(data):
    data += b"\0" * (len(data) % 2)
    words = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while words >> 16:
        words = (words & 0xffff) + (words >> 16)
    return words


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def ip(source, destination, protocol, body, ident=1, ttl=64):
    """An IP packet of either family."""
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, ttl) + address(source) + address(destination) + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), ident, 0x4000, ttl, protocol, 0) + address(source) + address(destination)
    return head[:10] + struct.pack("!H", ~total(head) & 0xffff) + head[12:] + body


def tcp(source, sport, destination, dport, flags, seq, ack=0, data=b"", window=60000, ident=1, ttl=64, sums="right", options=b""):
    """sums: right; card: left to the network card; wrong."""
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, (20 + len(options)) // 4 << 4, flags, window, 0, 0)
    body = head + options + data
    pseudo = address(source) + address(destination) + struct.pack("!II", len(body), 6)
    value = {"right": ~total(pseudo + body) & 0xffff, "card": total(pseudo), "wrong": 0x1234}[sums]
    return ip(source, destination, 6, body[:16] + struct.pack("!H", value) + body[18:], ident, ttl)


class Tape:
    """Packets with their times. frames: (microseconds, IP packet)."""

    def __init__(self, client=CLIENT, server=SERVER):
        self.client, self.server = client, server
        self.frames, self.now, self.ident = [], 1_700_000_000_000_000, 1

    def add(self, packet, after=0.01):
        self.now += int(after * 1_000_000)
        self.frames.append((self.now, packet))
        return len(self.frames)

    def connect(self, sport, dport, up=True, **kw):
        return Connection(self, sport, dport, up, **kw)

    def drop(self, *numbers):
        """The same without these frames (1...)."""
        other = Tape(self.client, self.server)
        other.frames = [f for i, f in enumerate(self.frames, 1) if i not in numbers]
        return other

    def first(self, text):
        """Number of the first frame that holds this."""
        return next(i for i, (_, packet) in enumerate(self.frames, 1) if text.encode() in packet)

    def pcap(self, link=RAW, snap=262144, zipped=False, order="<"):
        out = struct.pack(order + "IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, snap, link)
        for when, packet in self.frames:
            frame = framed(packet, link)
            out += struct.pack(order + "IIII", when // 1000000, when % 1000000, min(len(frame), snap), len(frame)) + frame[:snap]
        return gzip.compress(out) if zipped else out


def framed(packet, link, source=b"\x02\0\0\0\0\1"):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"
    if link == ETHERNET:
        return b"\x02\0\0\0\0\2" + source + kind + packet
    if link == COOKED:
        return b"\0\0\0\1\0\6" + source + b"\0\0" + kind + packet
    if link == COOKED2:
        return kind + b"\0\0" + b"\0\0\0\2" + b"\0\1\0\6" + source + b"\0\0" + packet
    if link == NFLOG:
        return (struct.pack("<BBH", 2, 0, 5) + struct.pack("<HHHBB", 8, 1, 0x800, 1, 0) + struct.pack("<HH", 5, 10) + b"\0" + b"\0" * 3 +
                struct.pack("<HH", 4 + len(packet), 9) + packet + b"\0" * (-len(packet) % 4))
    return packet


class Connection:
    """A TCP connection on a tape. up: the client begins it."""

    def __init__(self, tape, sport, dport, up=True, seq=1000, answer=True, **kw):
        self.tape, self.kw = tape, kw
        self.ends = [(tape.client, sport), (tape.server, dport)] if up else [(tape.server, sport), (tape.client, dport)]
        self.up = up
        self.seq = [seq, seq + 500000]
        self.send(0, SYN)
        if answer:
            self.send(1, SYN | ACK)
            self.send(0, ACK)

    def send(self, end, flags, data=b"", after=0.01, **kw):
        """end 0: who began."""
        if isinstance(data, str):
            data = data.encode()
        self.tape.ident += 1
        packet = tcp(*self.ends[end], *self.ends[1 - end], flags, self.seq[end], self.seq[1 - end] if flags & ACK else 0, data,
                     ident=self.tape.ident, **{**self.kw, **kw})
        self.seq[end] += len(data) + bool(flags & SYN) + bool(flags & FIN)
        return self.tape.add(packet, after)

    def say(self, text, **kw):
        """The client."""
        number = self.send(0 if self.up else 1, PSH | ACK, text + "\r\n", **kw)
        self.send(1 if self.up else 0, ACK)
        return number

    def reply(self, text, **kw):
        number = self.send(1 if self.up else 0, PSH | ACK, text + "\r\n", **kw)
        self.send(0 if self.up else 1, ACK)
        return number

    def close(self, first=1):
        self.send(first, FIN | ACK)
        self.send(1 - first, FIN | ACK)
        return self.send(first, ACK)


def passive(server, port):
    return f"227 Entering Passive Mode ({server.replace('.', ',')},{port // 256},{port % 256})."


def session(tape, *, control=21, cport=40000, user="kim"):
    """Connected and logged in."""
    c = tape.connect(cport, control)
    c.reply("220 Files of the department")
    c.say(f"USER {user}")
    c.reply("331 Password?")
    c.say("PASS swordfish")
    c.reply("230 Login successful.")
    return c


def fetch(tape, c, port=10093, sport=40001, command="RETR a.txt", named=None, data=b"x" * 300, end="226 Transfer complete."):
    """A passive transfer. The number of its first frame."""
    number = c.say("PASV")
    c.reply(passive(named or tape.server, port))
    d = tape.connect(sport, port, seq=700000)
    c.say(command)
    c.reply("150 Here it comes.")
    d.send(1, PSH | ACK, data)
    d.send(0, ACK)
    d.close(1)
    if end:
        c.reply(end)
    return number


def whole(tape=None, **kw):
    """A session that works: login, a download, goodbye."""
    tape = tape or Tape()
    c = session(tape, **kw)
    fetch(tape, c)
    c.say("QUIT")
    c.reply("221 Goodbye.")
    c.close()
    return tape


# ---- pcapng ----

def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def section():
    return block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))


def interface(link, snap=0, nano=False):
    return block(1, struct.pack("<HHI", link, 0, snap) + (struct.pack("<HHB3x", 9, 1, 9) if nano else b""))


def packet_block(number, when, frame, snap=262144, nano=False):
    ticks = when * 1000 if nano else when
    kept = frame[:snap]
    return block(6, struct.pack("<IIIII", number, ticks >> 32, ticks & 0xffffffff, len(kept), len(frame)) + kept)
