#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""nft's rules against nft and the kernel: rule sets made at random are loaded in a network namespace. How we print what
`nft -j list ruleset` says must be what `nft -a list ruleset` says; and which rules match a packet that comes in must be those whose
counters the kernel counts. A rule of ours may be "unknown"; how many are is told.

usage: nft.py [--driver PATH] [--sets N] [--packets N] [--seed N] [--set N] [--verbose]

Exit status 1: something differs; 2: can't be run here.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
LOCAL = {4: ["10.1.0.1", "10.1.0.2", "10.9.0.1"], 6: ["fd00:1::1", "fd00:9::1"]}
PEERS = {4: ["10.1.0.9", "10.2.3.4", "192.0.2.7", "192.0.2.200", "198.51.100.1"], 6: ["fd00:1::9", "2001:db8::7", "2001:db8:1::5", "fe80::9"]}
REMOTE = {4: ["10.9.0.5"], 6: ["fd00:9::5"]}  # behind the wall
PORTS = [20, 21, 22, 53, 80, 443, 1023, 1024, 8080, 40000, 65535]
MAC = bytes((2, 0, 0, 0, 0, 1))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# ---- packets --------------------------------------------------------------------------------------------------------


class Packets:
    """Packets made at random, of few values, so that rules meet them."""

    def __init__(self, rng):
        self.rng, self.last = rng, None
        self.family = self.pick(4, 4, 6)  # what rules remember is of both families, and our two walls know nothing of each other

    def pick(self, *choices):
        return self.rng.choice(choices)

    def options(self):
        some = [b"\x02\x04" + struct.pack("!H", self.pick(536, 1460)), b"\x01", b"\x04\x02", b"\x03\x03\x07",
                b"\x08\x0a" + struct.pack("!II", 5, 6)]
        made = b"".join(o for o in some if self.rng.random() < 0.4)
        return made + b"\0" * (-len(made) % 4)

    def transport(self, family):
        """The protocol, its header and payload, where its checksum stands, and its ports."""
        payload = bytes(self.rng.randrange(256) for _ in range(self.pick(0, 0, 1, 20)))
        sport, dport = self.pick(*PORTS), self.pick(*PORTS)
        kind = self.pick("tcp", "tcp", "tcp", "udp", "icmp", "other")
        if kind == "tcp":
            options = self.options()
            flags = self.pick(0x02, 0x02, 0x12, 0x10, 0x18, 0x04, 0x11, 0x29, 0x42, 0xc2)
            head = struct.pack("!HHIIBBHHH", sport, dport, self.pick(1, 7, 0xffffffff), 0, (5 + len(options) // 4) << 4, flags,
                               self.pick(0, 1024, 65535), 0, 0)
            return 6, head + options + payload, 16
        if kind == "udp":
            return 17, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload, 6
        if kind == "icmp":
            kinds = (8, 0, 3, 13) if family == 4 else (128, 129, 1, 135)
            return (1 if family == 4 else 58), struct.pack("!BBHHH", self.pick(*kinds), self.pick(0, 0, 1, 3), 0, self.pick(5, 6), 1) + payload, 2
        return self.pick(50, 103), struct.pack("!HHI", sport, dport, 77) + payload, None

    def ipv4(self, source, destination):
        protocol, body, at = self.transport(4)
        pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, protocol, len(body))
        body = self.sum(body, at, b"" if protocol == 1 else pseudo)
        fragment = self.pick(0, 0, 0, 0, 0, 0x4000)
        if self.rng.random() < 0.06:
            body = body[:self.pick(2, 4, 8, 13)]
        head = struct.pack("!BBHHHBBH4s4s", 0x45, self.pick(0, 0, 0x10, 0x20, 0xb8, 0x03), 20 + len(body), self.pick(0, 99), fragment,
                           max(self.least_ttl, self.pick(1, 4, 5, 64, 255)), protocol, 0, socket.inet_aton(source), socket.inet_aton(destination))
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body

    def ipv6(self, source, destination):
        protocol, body, at = self.transport(6)
        addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
        body = self.sum(body, at, addresses + struct.pack("!II", len(body), protocol))
        first = protocol
        if self.rng.random() < 0.15:
            body, first = struct.pack("!BBHI", protocol, 0, 0x0104, 0) + body, 60
        head = struct.pack("!IHBB", 6 << 28 | self.pick(0, 0x10, 0xb8) << 20 | self.pick(0, 5), len(body), first, max(self.least_ttl, self.pick(1, 64, 255)))
        return head + addresses + body

    @staticmethod
    def sum(body, at, pseudo):
        if at is None or at + 2 > len(body):
            return body
        return body[:at] + struct.pack("!H", checksum(pseudo + body) or 0xffff) + body[at + 2:]

    def one(self):
        if self.last and self.rng.random() < 0.3:
            return self.last  # of a connection that is known
        family = self.family
        source, destination = self.pick(*PEERS[family]), self.pick(*LOCAL[family], *REMOTE[family])
        if destination in REMOTE[family] and source.startswith("fe80"):
            source = PEERS[family][0]  # such packets are not forwarded
        self.least_ttl = 2 if destination in REMOTE[family] else 1
        self.last = (self.ipv4 if family == 4 else self.ipv6)(source, destination)
        return self.last


# ---- rules ----------------------------------------------------------------------------------------------------------


class Maker:
    """A rule set: chains at a few places, whose rules count what they match."""

    def __init__(self, rng):
        self.rng, self.sets, self.names = rng, [], 0

    def pick(self, *choices):
        return self.rng.choice(choices)

    def port(self):
        return self.pick("%d" % self.pick(*PORTS), "%d" % self.pick(*PORTS), "%d-%d" % self.pick((20, 22), (1024, 40000), (0, 80)))

    def address(self, family):
        return self.pick(*PEERS[4], "192.0.2.0/24", "10.0.0.0/8", "192.0.2.7-192.0.2.100", "0.0.0.0/0") if family == 4 else self.pick(
            *PEERS[6], "2001:db8::/32", "fe80::/10", "2001:db8::1-2001:db8::ff")

    def many(self, make, count=3):
        found = []
        for _ in range(self.pick(1, 2, count)):
            one = make()
            if one not in found:
                found.append(one)
        return found

    def of_ports(self):
        ports = sorted(self.rng.sample(PORTS, self.pick(1, 2, 4)))
        if self.rng.random() < 0.4:
            return "{ %s, 2000-3000 }" % ", ".join("%d" % p for p in ports if p < 2000)  if ports[0] < 2000 else "{ 2000-3000 }"
        return "{ %s }" % ", ".join("%d" % p for p in ports)

    def of_addresses(self, family):
        if self.rng.random() < 0.4:
            return "{ 10.0.0.0/8, 192.0.2.0/25, 198.51.100.1 }" if family == 4 else "{ 2001:db8::/48, fe80::9 }"
        return "{ %s }" % ", ".join(self.rng.sample(PEERS[family], 2))

    def named(self, type_, elements, flags="", map_=""):
        self.names += 1
        name = "n%d" % self.names
        kind = "map" if map_ else "set"
        self.sets.append("%s %s { type %s%s; %s %s }" % (kind, name, type_, " : " + map_ if map_ else "", "flags %s;" % flags if flags else "",
                                                        "elements = { %s }" % elements if elements else ""))
        return "@" + name

    def wanted(self, values, sets):
        """Something to compare with: one value, several, or none of them."""
        choice = self.rng.random()
        if choice < 0.4:
            return values()
        if choice < 0.55:
            return "!= " + values()
        return ("!= " if choice > 0.85 else "") + sets()

    def number(self, low, high):
        return self.pick("%d" % self.rng.randint(low, high), "!= %d" % self.rng.randint(low, high), "< %d" % self.rng.randint(low + 1, high),
                         ">= %d" % self.rng.randint(low, high), "> %d" % self.rng.randint(low, high - 1), "%d-%d" % (low, (low + high) // 2))

    def question_of_ports(self):
        protocol = self.pick("tcp", "tcp", "udp", "th")
        before = "meta l4proto { tcp, udp } " if protocol == "th" and self.rng.random() < 0.7 else ""
        named = lambda: self.named("inet_service", self.pick("21, 22, 80", "20-22, 1024-40000"), "interval")
        sets = self.pick(self.of_ports, named)
        question = "%s%s %s %s" % (before, protocol, self.pick("sport", "dport"), self.wanted(self.port, sets))
        return question

    def question_of_addresses(self):
        family = self.pick(4, 4, 6)
        header, kind = ("ip", "ipv4_addr") if family == 4 else ("ip6", "ipv6_addr")
        named = lambda: self.named(kind, "192.0.2.0/24, 10.2.3.4" if family == 4 else "2001:db8::/32", "interval")
        sets = self.pick(lambda: self.of_addresses(family), named)
        return "%s %s %s" % (header, self.pick("saddr", "saddr", "daddr"), self.wanted(lambda: self.address(family), sets))

    def question_of_both(self):
        elements = self.pick("192.0.2.0/24 . 20-80, 10.2.3.4 . 443", "192.0.2.7 . 21, 10.1.0.9 . 22, 198.51.100.1 . 53", "10.0.0.0/8 . 0-65535")
        flags = "interval" if "/" in elements else ""
        wanted = self.pick("{ %s }" % elements, self.named("ipv4_addr . inet_service", elements, flags))
        protocol = self.pick("tcp", "udp")
        return "ip saddr . %s dport %s" % (protocol, self.pick("", "", "!= ") + wanted)

    def question_of_headers(self):
        return self.pick("ip ttl " + self.number(1, 255), "ip6 hoplimit " + self.number(1, 255), "ip length " + self.number(20, 60),
                         "ip dscp " + self.pick("cs1", "ef", "!= cs0", "{ cs0, cs1, ef }"), "ip6 dscp " + self.pick("ef", "!= cs0"), "ip dscp & 0x10 == 0x10", "frag frag-off 5", "dst hdrlength 0",
                         "ip ecn " + self.pick("ce", "!= not-ect"), "ip protocol " + self.pick("tcp", "{ tcp, udp, icmp }", "!= udp"),
                         "ip6 nexthdr " + self.pick("{ tcp, udp }", "60", "!= tcp"), "ip id " + self.number(0, 99), "ip version 4",
                         "ip frag-off & 0x4000 " + self.pick("== 0", "!= 0"), "ip saddr & 255.255.0.255 == 192.0.0.7", "ip hdrlength 5",
                         "ip6 length " + self.number(8, 40), "ip6 flowlabel " + self.number(0, 5),
                         "ether saddr " + self.pick("02:00:00:00:00:01", "!= 02:00:00:00:00:01", "{ 02:00:00:00:00:01, 02:00:00:00:00:02 }"),
                         "exthdr dst " + self.pick("exists", "missing"), "exthdr frag " + self.pick("exists", "missing"),
                         "udp length " + self.number(8, 28), "icmp type " + self.pick("echo-request", "{ echo-request, echo-reply }", "!= echo-reply"),
                         "icmpv6 type " + self.pick("echo-request", "{ echo-request, nd-neighbor-solicit }"), "icmp code " + self.number(0, 3),
                         "icmpv6 code 0", "@nh,64,8 " + self.pick("64", "!= 64"), "@th,16,16 " + self.pick("21", "22"), "@nh,0,4 4")

    def question_of_tcp(self):
        return self.pick("tcp flags syn", "tcp flags syn,ack", "tcp flags & (fin|syn|rst|ack) == syn", "tcp flags ! syn", "tcp flags == syn",
                         "tcp flags != syn", "tcp flags & (syn|ack) != syn", "tcp flags & syn == syn", "tcp flags & (syn|ack) == { syn, ack }", "tcp flags syn / syn,ack", "tcp doff & 8 != 0", "tcp flags { syn, ack, 0x12 }", "tcp window " + self.number(0, 2000),
                         "tcp sequence " + self.number(0, 9), "tcp doff " + self.number(5, 10), "tcp option maxseg size " + self.number(500, 1500),
                         "tcp option maxseg " + self.pick("exists", "missing"), "tcp option timestamp " + self.pick("exists", "missing"),
                         "tcp option window count " + self.number(0, 8), "tcp option sack-perm exists", "tcp option timestamp tsval 5",
                         "tcp urgptr 0")

    def question_of_meta(self):
        return self.pick("meta l4proto " + self.pick("tcp", "{ tcp, udp }", "!= tcp", "ipv6-icmp", "47"), "meta nfproto " + self.pick("ipv4", "ipv6", "!= ipv4"),
                         "meta protocol " + self.pick("ip", "ip6", "{ ip, ip6 }"), "meta length " + self.number(20, 80), "meta pkttype " + self.pick("host", "!= host", "broadcast"),
                         "iifname " + self.pick('"v1"', '"v*"', '"w*"', '!= "v1"', '{ "v1", "lo" }', '{ "lo", "w*" }', '{ "v*", "lo" }'), "iif " + self.pick('"v1"', '"lo"', '!= "v1"'),
                         "oifname " + self.pick('"v1"', '!= "v1"', '"v2"', '"v*"'), "oif " + self.pick('"v2"', '!= "v2"'), "iifname . oifname { \"v1\" . \"v2\", \"v2\" . \"v1\" }", "meta mark " + self.pick("0", "1", "!= 0", "0x10-0x20", "{ 0, 1, 5 }"),
                         "meta mark & 0xf " + self.pick("== 1", "!= 0"), "meta mark < 5", "meta iifname . meta l4proto { \"v1\" . tcp, \"lo\" . udp }",
                         "fib daddr type " + self.pick("local", "unicast", "{ local, broadcast }", "!= local"), "fib saddr type " + self.pick("local", "unicast"),
                         "fib saddr . iif oif " + self.pick("exists", "missing"), "fib saddr . iif oifname " + self.pick('"v1"', '"lo"'), "fib saddr . mark . iif oif exists",
                         "meta day " + self.pick('"Monday"', '{ "Monday", "Tuesday", "Wednesday", "Thursday" }'), "meta hour \"00:00\"-\"%02d:00\"" % self.rng.randint(1, 23),
                         "meta time < \"2040-01-01 00:00:00\"", "meta cpu 0", "numgen random mod 2 0", "numgen random mod 1 " + self.pick("0", "1"))

    def question_of_connections(self):
        return self.pick("ct state new", "ct state established,related", "ct state invalid", "ct state { new, established }", "ct state != established",
                         "ct state == new", "ct state untracked", "ct status " + self.pick("assured", "confirmed", "seen-reply", "expected", "! confirmed"),
                         "ct original packets > 1", "ct state & new == new", "ct direction " + self.pick("original", "reply"), "ct mark " + self.pick("0", "!= 0", "1", "& 0xf == 1"), "ct zone != 0",
                         "ct original ip saddr " + self.address(4), "ct reply ip saddr 10.1.0.1",
                         "ct original ip6 saddr " + self.address(6), "meta l4proto tcp ct original proto-dst " + self.port(), "ct zone 0", "ct helper \"ftp\"",
                         "ct expiration < 10m", "ct state . ct mark { new . 0, established . 1 }")

    def question_that_remembers(self):
        return self.pick("limit rate 1/hour burst 2 packets", "limit rate 1/hour burst 5 packets", "limit rate over 1/hour burst 3 packets", "quota 200 bytes", "quota over 300 bytes",
                         "limit rate 100 bytes/hour", "limit rate over 1 kbytes/hour burst 100 bytes")

    def fill(self):
        dynamic = self.named("ipv4_addr", "", "dynamic,timeout")
        return self.pick(["add %s { ip saddr }" % dynamic, "ip saddr %s" % dynamic], ["tcp dport 21 update %s { ip saddr timeout 1m }" % dynamic, "ip saddr %s" % dynamic],
                         ["add %s { ip saddr limit rate 1/hour burst 2 packets }" % dynamic], ["update %s { ip daddr }" % dynamic, "ip saddr != %s" % dynamic, "ip daddr %s" % dynamic],
                         ["tcp flags syn add %s { ip saddr }" % dynamic, "udp dport 53 delete %s { ip saddr }" % dynamic, "ip saddr %s" % dynamic])

    def deed(self, hook):
        marks = self.named("ipv4_addr", "192.0.2.7 : 1, 10.2.3.4 : 2", "", "mark")
        deeds = ["meta mark set %d" % self.pick(0, 1, 5), "meta mark set meta mark | 0x10", "ct mark set %d" % self.pick(1, 2), "ct mark set meta mark",
                 "meta mark set ct mark", "meta mark set ip saddr map " + marks, "meta mark set tcp dport map { 21 : 0x1, 22 : 0x2 }",
                 "meta mark set meta mark & 0xf0 | 0x1", "meta mark set meta mark ^ 0x1"]
        headers = [["ip ttl set %d" % self.pick(1, 9, 64), "ip ttl " + self.pick("9", "< 10", "!= 64")],
                   ["ip6 hoplimit set %d" % self.pick(3, 64), "ip6 hoplimit " + self.pick("3", "> 3")],
                   ["ip dscp set " + self.pick("cs1", "ef"), "ip dscp " + self.pick("cs1", "!= cs1", "ef")],
                   ["ip6 dscp set ef", "ip6 dscp " + self.pick("ef", "cs0")], ["ip ecn set ce", "ip ecn " + self.pick("ce", "!= ce"), "ip dscp != cs0"],
                   ["tcp option maxseg size set %d" % self.pick(600, 1200, 9000), "tcp option maxseg size " + self.pick("600", "< 1201", "> 1200"),
                    "tcp option maxseg exists"]]
        if self.rng.random() < 0.4:
            return self.pick(*headers)
        return [self.pick(*deeds), self.pick("meta mark 1", "ct mark 1", "meta mark & 0x10 == 0x10", "meta mark != 0")]

    def question(self):
        return self.pick(self.question_of_ports, self.question_of_addresses, self.question_of_both, self.question_of_headers, self.question_of_tcp,
                         self.question_of_meta, self.question_of_connections)()

    def question_without_protocol(self):
        """Before another one: nft takes a question about a protocol for what is implied by what stands behind it, and does not list it."""
        while True:
            question = self.question()
            if not re.search(r"l4proto|nexthdr|ip protocol|ct protocol", question):
                return question

    def rules(self, hook):
        lines = []
        for _ in range(self.pick(4, 8, 14)):
            choice = self.rng.random()
            if choice < 0.08:
                lines += self.deed(hook)
            elif choice < 0.1 and hook in ("forward", "output", "postrouting"):
                family = self.pick(4, 4, 6)
                lines.append("rt %s nexthop %s" % ("ip" if family == 4 else "ip6", self.wanted(lambda: self.address(family), lambda: self.of_addresses(family))))
            elif choice < 0.12 and hook != "raw":
                lines.append(self.question_that_remembers())
            elif choice < 0.16:
                lines += self.fill()
            elif choice < 0.4:
                lines.append("%s %s" % (self.question_without_protocol(), self.question()))
            else:
                lines.append(self.question())
        return ["%s counter" % line for line in lines]

    def verdict(self, chains):
        return self.pick("accept", "drop", "continue", "return", *["jump " + c for c in chains], *["goto " + c for c in chains])

    def decide(self, chains):
        choice = self.rng.random()
        if choice < 0.3:
            return "tcp dport vmap { %s }" % ", ".join("%d : %s" % (p, self.verdict(chains)) for p in self.rng.sample(PORTS, 3))
        if choice < 0.45:
            table = self.named("ipv4_addr", ", ".join("%s : %s" % (a, self.verdict(chains)) for a in self.rng.sample(PEERS[4], 2)), "", "verdict")
            return "ip saddr vmap " + table
        if choice < 0.55:
            return "ct state vmap { established : accept, new : %s, invalid : drop }" % self.verdict(chains)
        if choice < 0.6:
            return "meta l4proto . ip saddr vmap { tcp . 10.1.0.9 : %s, udp . 192.0.2.7 : %s }" % (self.verdict(chains), self.verdict(chains))
        if choice < 0.7:
            return "%s counter %s" % (self.question(), self.pick("reject", "reject with icmp host-unreachable", "reject with icmpx no-route"))
        return "%s counter %s" % (self.question(), self.verdict(chains))

    def deciding(self):
        chains = []
        for name in ("c3", "c2", "c1"):
            body = [self.decide([n for n, _ in chains]) for _ in range(self.pick(1, 2, 3))]
            chains.append((name, body + ["counter"]))
        base = [self.decide([n for n, _ in chains]) for _ in range(self.pick(2, 4, 6))] + ["counter"]
        return [*chains, ("decides", ["type filter hook input priority 10; policy %s" % self.pick("accept", "accept", "drop"), *base])]

    def table(self, name):
        chains = []
        if self.rng.random() < 0.4:
            chains.append(("early", ["type filter hook prerouting priority -300", *(self.pick(["udp dport 53 notrack"], ["tcp dport 80 notrack counter"], []) + self.rules("raw"))]))
        if self.rng.random() < 0.6:
            chains.append(("middle", ["type filter hook prerouting priority %s" % self.pick("mangle", "-150", "dstnat + 5"), *self.rules("mangle")]))
        if self.rng.random() < 0.6:
            chains.append(("through", ["type filter hook %s priority %s" % (self.pick("forward", "postrouting"), self.pick("filter", "-5", "60")), *self.rules("filter")]))
        chains.append(("late", ["type filter hook input priority %s" % self.pick("filter", "-5", "filter + 3"), *self.rules("filter")]))
        if self.rng.random() < 0.6:
            chains += self.deciding()
        chains.append(("last", ["type filter hook input priority 100", "counter"]))
        body = "".join(" %s\n" % s for s in self.sets)
        for chain, lines in chains:
            body += " chain %s {\n%s }\n" % (chain, "".join("  %s;\n" % line for line in lines))
        return "table %s %s {\n%s}\n" % ("inet", name, body)


# ---- the two sides --------------------------------------------------------------------------------------------------


class Ours:
    def __init__(self, driver):
        environment = {**os.environ, "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=0"}
        self.process = subprocess.Popen([driver, "v1", "v2", *LOCAL[4], *LOCAL[6]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def ask(self, word, text):
        data = text.encode()
        self.process.stdin.write(b"%s %d\n" % (word.encode(), len(data)) + data)
        self.process.stdin.flush()
        status, size = self.process.stdout.readline().split()
        return int(status), self.process.stdout.read(int(size)).decode(errors="replace")


INSIDE = []  # words that lead into the namespace of the wall, where v1 is; v0 is here


def inside(*words, **how):
    return subprocess.run([*INSIDE, *words], capture_output=True, text=True, **how)


def nft(*words, text=None):
    return inside("nft", *words, input=text)


def load(text):
    """Loads it without the lines that nft refuses, of which it tells one after the other."""
    for _ in range(20):
        done = nft("-f", "-", text=text)
        wrong = re.match(r"/dev/stdin:(\d+):", done.stderr)
        if done.returncode == 0 or not wrong:
            break
        lines = text.split("\n")
        del lines[int(wrong[1]) - 1]
        text = "\n".join(lines)
    return done, text


# What the machine answers would change its connections behind our back.
MUTE = "table inet mute { chain mute { type filter hook output priority -400; policy drop; }; }"


def set_up():
    wall = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)  # ends with us
    while os.readlink("/proc/%d/ns/net" % wall.pid) == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    INSIDE[:] = ["nsenter", "--net=/proc/%d/ns/net" % wall.pid]
    pathlib.Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    subprocess.run(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(wall.pid)], check=True)
    subprocess.run(["ip", "link", "set", "v0", "up"], check=True)
    for words in ("link set lo up", "link set v1 up address 02:00:00:00:00:02", "addr add 10.1.0.1/24 dev v1", "addr add 10.1.0.2/24 dev v1",
                  "addr add fd00:1::1/64 dev v1 nodad", "route add default via 10.1.0.9", "-6 route add default via fd00:1::9"):
        inside("ip", *words.split(), check=True)
    subprocess.run(["ip", "link", "add", "v3", "type", "veth", "peer", "name", "v2", "netns", str(wall.pid)], check=True)
    subprocess.run(["ip", "link", "set", "v3", "up"], check=True)
    for words in ("link set v2 up", "addr add 10.9.0.1/24 dev v2", "addr add fd00:9::1/64 dev v2 nodad", "neigh add 10.9.0.5 lladdr 02:00:00:00:00:05 dev v2",
                  "neigh add fd00:9::5 lladdr 02:00:00:00:00:05 dev v2"):
        inside("ip", *words.split(), check=True)
    inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding", check=True)
    for name in ("all", "default", "v1"):
        inside("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/%s/rp_filter" % name, check=True)
    time.sleep(1.5)  # until v1 is of use
    return wall


def counters():
    """Of each rule that has one, by its handle: packets."""
    found = {}
    for item in json.loads(nft("-j", "list", "ruleset").stdout)["nftables"]:
        for expr in item.get("rule", {}).get("expr", ()):
            if isinstance(expr.get("counter"), dict):
                found[item["rule"]["handle"]] = expr["counter"]["packets"]
    return found


def printed():
    """Lines of nft's own text that are rules or heads of base chains."""
    lines = []
    for line in nft("-a", "list", "ruleset").stdout.split("\n"):
        line = line.strip()
        if re.search(r"# handle \d+$", line) and not line.split(" # handle")[0].endswith("{") or line.startswith("type ") and " hook " in line:
            lines.append(line)
    return sorted(lines)


# What nft 1.0.6 leaves out of its JSON, or we don't print.
UNPRINTED = re.compile(r"numgen|rt nexthop|rt ip|meta cpu")


class Judge:
    def __init__(self, options):
        self.options, self.ours, self.counts = options, Ours(options.driver), collections.Counter()
        self.unknown = collections.Counter()
        for kind, words in enumerate(("addr show", "link show", "-4 rule show", "-6 rule show", "-4 route show table all", "-6 route show table all")):
            status, said = self.ours.ask("know", "%d %s" % (kind, inside("ip", *words.split()).stdout))
            if status:
                raise SystemExit("%s: %s" % (words, said))
        self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.link.bind(("v0", 0))

    def report(self, number, text, *lines):
        self.counts["differ"] += 1
        print("DIFFERS: seed %s, set %d" % (self.options.seed, number), *lines, sep="\n    ")
        if self.options.verbose:
            print(text)

    def compare_print(self, number, text):
        status, ours = self.ours.ask("print", "")
        self.lines = printed()
        self.deciding = {int(line.rpartition(" ")[2]) for line in self.lines if "# handle" in line and re.search(r"accept|drop|jump|goto|return|reject|vmap", line)}
        real, ours = self.lines, sorted(line for line in ours.split("\n") if line)
        keep = lambda lines: [line for line in lines if not UNPRINTED.search(line) and not re.search(r" # handle %s$" % "|".join(handles or ["x"]), line)]
        handles = [re.search(r"# handle (\d+)$", line)[1] for line in real if UNPRINTED.search(line)]
        real, ours = keep(real), keep(ours)
        self.counts["printed"] += len(real)
        if real != ours:
            self.counts["misprinted"] += 1
            self.report(number, text, *["nft:  " + r for r in real if r not in ours], *["ours: " + o for o in ours if o not in real])

    def send(self, packet):
        kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
        self.link.send(bytes((2, 0, 0, 0, 0, 2)) + MAC + struct.pack("!H", kind) + packet)

    def one_packet(self, number, text, packet, before):
        self.send(packet)
        after = counters()
        status, said = self.ours.ask("packet", "%d %s" % (time.monotonic() * 1000, packet.hex()))
        rules, fate, maybe = {}, "", set()
        for line in said.split("\n"):
            word, _, rest = line.partition(" ")
            if word == "fate":
                fate = rest
            elif word:
                if int(word) in self.deciding:
                    maybe |= {rest} & {"UNKNOWN"}  # what comes behind is maybe not reached
                rules.setdefault(int(word), set()).update({rest} | maybe)
        astray = fate.startswith("unknown")
        for handle in after:
            counted, told = after[handle] - before.get(handle, 0), rules.get(handle, {"NO"})
            self.counts["compared"] += 1
            if "UNKNOWN" in told or astray:
                self.counts["unknown"] += 1
                rule = next((line for line in self.lines if line.endswith("# handle %d" % handle)), "")
                self.unknown[fate.partition(" ")[2] if astray else re.sub(r"packets.*", "", rule)] += 1
            elif (counted > 0) != ("YES" in told):
                self.report(number, text, "packet " + packet.hex(), "rule %d is %s, the kernel counts %d; fate %s" % (handle, told, counted, fate),
                            next((line for line in printed() if line.endswith("# handle %d" % handle)), ""))
                return after
        return after

    def one_set(self, number):
        rng = random.Random("%s %d" % (self.options.seed, number))
        text = Maker(rng).table("t")
        nft("-f", "-", text="flush ruleset\n" + MUTE)  # at once, or reports of this machine draw from limits
        inside("conntrack", "-F")
        loaded, text = load(text)
        if loaded.returncode:
            self.counts["refused"] += 1
            if self.options.verbose:
                print("REFUSED", number, loaded.stderr, text)
            return
        self.counts["sets"] += 1
        status, said = self.ours.ask("read", nft("-j", "list", "ruleset").stdout)
        if status:
            self.report(number, text, "can't be read: " + said)
            return
        self.compare_print(number, text)
        before, packets = counters(), Packets(rng)
        for _ in range(self.options.packets):
            differed = self.counts["differ"]
            before = self.one_packet(number, text, packets.one(), before)
            if self.counts["differ"] > differed:
                return

    def run(self):
        for number in [self.options.set] if self.options.set is not None else range(self.options.sets):
            self.one_set(number)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", default=str(TOP / "build/check/tests/oracle-nft"))
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--packets", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", type=int)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: needs root, for a network namespace of its own\n0 passed, 0 failed, 1 skipped")
        return 0
    if not all(shutil.which(t) for t in ("nft", "ip", "conntrack", "unshare", "nsenter")) or not os.path.exists(options.driver):
        print("missing: nft, ip, conntrack, unshare or %s" % options.driver, file=sys.stderr)
        return 2
    if "NFT_INSIDE" not in os.environ:
        return subprocess.run(["unshare", "--net", "--mount", sys.executable, "-B", *sys.argv], env={**os.environ, "NFT_INSIDE": "1", "TZ": "UTC"}).returncode
    wall = set_up()
    judge = Judge(options)
    judge.run()
    wall.communicate()
    c = judge.counts
    print("%d rule sets, %d that nft refuses" % (c["sets"], c["refused"]))
    print("lines printed     %7d compared, %d differ" % (c["printed"], c["misprinted"]))
    print("answers of rules  %7d compared, %d differ" % (c["compared"], c["differ"] - c["misprinted"]))
    print("                  %7d unknown" % c["unknown"])
    for because, count in judge.unknown.most_common(8):
        print("    %6d unknown for %s" % (count, because or "?"))
    print("%d passed, %d failed, 0 skipped" % (c["sets"] - min(c["sets"], c["differ"]), c["differ"]))
    return 1 if c["differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
