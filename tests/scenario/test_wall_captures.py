# SPDX-License-Identifier: BSD-2-Clause
"""sallywall on captures of real sessions, against what the kernel's conntrack made of the same packets."""
import os
import re
import struct
import subprocess
import time
import unittest

import harness
import test_explain
from harness import Server, make_dir, need, need_netfilter, noise, read_file, write_file
from test_explain import CLIENT, SERVER, ClientMachine
from wall import CLIENT6, SERVER6, filter_table, sallywall, told, real

MODES = {  # curl's options and what announces the data channel
    "passive": (["--disable-epsv"], "227 "), "epsv": ([], "229 "), "active": (["--disable-eprt"], "PORT "), "eprt": ([], "EPRT "),
}
HELPER_RULES = ("-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp", "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT")


def as_pcapng(pcap):
    """The packets of a pcap file, microseconds, as pcapng has them."""
    link, at, blocks = struct.unpack_from("<I", pcap, 20)[0], 24, []

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    while at < len(pcap):
        seconds, micro, size, whole = struct.unpack_from("<IIII", pcap, at)
        when = seconds * 1000000 + micro
        blocks.append(block(6, struct.pack("<IIIII", 0, when >> 32, when & 0xffffffff, size, whole) + pcap[at + 16:at + 16 + size]))
        at += 16 + size
    return (block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("<HHI", link, 0, 262144)) +
            b"".join(blocks))


def masked(line):
    """A line of conntrack -L without what another moment changes, and its time-out."""
    proto, number, rest = line.split(None, 2)
    seconds, rest = rest.split(None, 1)
    return f"{proto} {number} {re.sub(r' use=[0-9]+', '', rest)}".strip(), int(seconds)


class Captures(unittest.TestCase):
    """Sessions of curl and sallyd, captured by tcpdump where the kernel's own conntrack saw them."""
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()
        need_netfilter()
        need("tcpdump", "conntrack", "curl")
        cls.dir = make_dir(os.path.join(harness.WORK, "Captures"))
        cls.client = ClientMachine()
        subprocess.run(f"ip address add {SERVER6}/64 dev here nodad".split(), check=True)
        cls.client.run(f"ip address add {CLIENT6}/64 dev there nodad".split(), check=True)
        for program in ("iptables-legacy", "ip6tables-legacy"):
            for rule in HELPER_RULES:
                subprocess.run([program, *rule.split()], check=True)
        write_file(make_dir(cls.dir + "/top/pub") + "/report.txt", noise(100000))
        os.chmod(cls.dir + "/top", 0o755)
        cls.server = Server({"anonymous_enable": "YES", "anon_root": cls.dir + "/top", "connect_from_port_20": "YES",
                             "listen_ipv6": "YES"}, "captures", port=21).start()
        cls.seen, cls.late = {}, {}

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.client.close()

    @classmethod
    def record(cls, mode, ipv6=False, options=("-i", "here")):
        """(capture's file, what conntrack -L printed then) of a LIST and a RETR; once."""
        name = mode + "6" * ipv6 + "".join(options)
        if name in cls.seen:
            return cls.seen[name]
        path, ours = f"{cls.dir}/{name}.pcap", f"[{CLIENT6}]" if ipv6 else CLIENT  # curl 8 takes no bare one
        host = f"[{SERVER6}]" if ipv6 else SERVER
        family = "ipv6" if ipv6 else "ipv4"
        real("conntrack", "-F", "-f", family)
        sniffer = subprocess.Popen(["tcpdump", "-Z", "root", "-B", "32768", *options, "-U", "--immediate-mode", "-w", path, "tcp"],
                                   stderr=subprocess.PIPE, text=True)
        try:
            while "listening on" not in (line := sniffer.stderr.readline()):
                if not line:
                    raise AssertionError("tcpdump ended")
            active = ["-P", ours] if mode in ("active", "eprt") else []
            done = cls.client.run(["curl", "-sS", "--max-time", "60", *MODES[mode][0], *active, "-o", "/dev/null", "-o", "/dev/null",
                                   f"ftp://{host}/pub/", f"ftp://{host}/pub/report.txt"], capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(done.stderr)
            ended = time.monotonic()
            harness.wait_until(lambda: real("conntrack", "-L", "-f", family, "-p", "tcp").stdout.count("TIME_WAIT") == 3)
            listed = real("conntrack", "-L", "-f", family, "-p", "tcp").stdout.splitlines()
            late = time.monotonic() - ended  # what the kernel counts on while we ask it
            size = -1
            while size != (size := os.path.getsize(path)):  # tcpdump writes what it has
                time.sleep(0.6)
        finally:
            sniffer.terminate()
            sniffer.wait(harness.PATIENCE)
            sniffer.stderr.close()
        rules = real("ip6tables-legacy-save" if ipv6 else "iptables-legacy-save").stdout
        with open(path + ".rules", "w") as f:
            f.write(rules)
        cls.seen[name], cls.late[path] = (path, listed), late
        return cls.seen[name]

    def each(self):
        for mode in MODES:
            for ipv6 in (False, True):
                if not (ipv6 and mode in ("passive", "active")):  # 227 and PORT can't say IPv6 addresses
                    self.way = f"{mode}, IPv{6 if ipv6 else 4}"
                    yield mode, ipv6, *self.record(mode, ipv6)

    def test_connections_are_those_of_the_kernel(self):
        for _, _, path, listed in self.each():
            said = told("replay", path, "--rules", path + ".rules", status=0)["replay"]
            ours = dict(map(masked, said["connections"]))
            kernel = dict(map(masked, listed))
            self.assertEqual(sorted(ours), sorted(kernel))
            self.assertEqual(len(kernel), 3)
            for line, seconds in kernel.items():
                self.assertLessEqual(abs(ours[line] - seconds), 2 + self.late[path], line)

    def test_data_channels_and_announcers(self):
        for mode, ipv6, path, _ in self.each():
            said = told("replay", path, status=0)["replay"]
            server, client = (SERVER6, CLIENT6) if ipv6 else (SERVER, CLIENT)
            self.assertEqual(len(said["data_channels"]), 2)
            self.assertEqual(len(said["expectations"]), 2)
            for channel, expectation in zip(said["data_channels"], said["expectations"]):
                self.assertTrue(channel["announced_by"].startswith(MODES[mode][1]), channel)
                self.assertRegex(channel["control"], rf"{client}\]?:\d+ -> \[?{server}\]?:21$")
                source, target = (server, client) if mode in ("active", "eprt") else (client, server)
                self.assertRegex(channel["data"], rf"{source}\]?:\d+ -> \[?{target}\]?:\d+$")
                self.assertIn(channel["data"].rsplit(":", 1)[1], expectation)
            text = sallywall("replay", path, status=0).stdout
            for channel in said["data_channels"]:
                self.assertIn(channel["data"], text)
            for line in said["connections"]:
                self.assertIn(line, text)

    def test_states_of_packets(self):
        for mode, _, path, _ in self.each():
            for rules in ((), ("--rules", path + ".rules")):
                packets = told("replay", path, *rules, status=0)["packets"]
                self.assertEqual((packets[0]["label"].split(",")[0], packets[0]["state"]), ("SYN", "new"))
                starts = [p for p in packets if p["channel"] == "data" and p["packet"] == "SYN"]
                self.assertEqual([p["state"] for p in starts], ["related"] * 2)
                self.assertEqual([p["from"] for p in starts], [("client", "server")[mode in ("active", "eprt")]] * 2)
                self.assertEqual({p["state"] for p in packets if p not in starts and p is not packets[0]}, {"established"})
                self.assertEqual({p["fate"] for p in packets}, {"pass"})

    def test_explain_finds_the_server_and_the_blocked_channel(self):
        for mode, ipv6, path, _ in self.each():
            server = SERVER6 if ipv6 else SERVER
            self.assertEqual(told("explain", path + ".rules", "--pcap", path, status=0)["question"]["server"], server)
            rules = filter_table("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT",
                                 f"-A INPUT -d {server}/{128 if ipv6 else 32} -p tcp -j DROP")
            said = told("explain", "-", "--pcap", path, input=rules, status=1)
            self.assertEqual((said["kind"], said["question"]["server"]), ("capture", server))
            first = next(p for p in said["packets"] if p["fate"] != "pass")
            self.assertEqual((first["channel"], first["rule"]["number"]), ("data", 2))
            self.assertEqual(first["label"].split(",")[0], "SYN ACK" if mode in ("active", "eprt") else "SYN")
            outcomes = {task["name"]: task["outcome"] for task in said["tasks"]}
            self.assertEqual([outcomes[name] for name in ("login", "LIST", "RETR")], ["works", "blocked", "blocked"])
            sallywall("replay", path, "--rules", "-", input=rules, status=1)

    def test_pcapng_says_the_same(self):
        path, _ = self.record("epsv")
        other = path + "ng"
        with open(other, "wb") as f:
            f.write(as_pcapng(read_file(path)))
        first, second = told("replay", path, status=0), told("replay", other, status=0)
        self.assertEqual(second["packets"], first["packets"])
        self.assertEqual(second["replay"], first["replay"])

    def test_other_links_and_clocks(self):
        for options in (["-i", "any"], ["-i", "here", "--time-stamp-precision=nano"]):
            path, listed = self.record("active", options=options)
            said = told("replay", path, "--rules", path + ".rules", status=0)["replay"]
            self.assertEqual(sorted(masked(line)[0] for line in said["connections"]), sorted(masked(line)[0] for line in listed))
            self.assertEqual([c["announced_by"][:5] for c in said["data_channels"]], ["PORT "] * 2)

    def test_snap_length(self):
        """A real session of which tcpdump kept 96 bytes a packet: the 227 is cut, and the firewall read all of it."""
        path, _ = self.record("passive", options=("-i", "here", "-s", "96"))
        rules = ("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
                 "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n"
                 "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n")
        said = told("replay", path, "--rules", "-", input=rules, status=3)
        self.assertNotIn("drop", {p["fate"] for p in said["packets"]})
        self.assertTrue(any("snap length cut off" in (p["cause"] or "") for p in said["packets"] if p["label"].startswith("227")))
        told("replay", path, "--rules", path + ".rules", status=0)  # which accept everything: then nothing hangs on it

    def test_captures_that_break_off(self):
        path, _ = self.record("passive")
        whole = read_file(path)
        cut = path + ".cut"
        for size in (0, 10, 23):
            write_file(cut, whole[:size])
            self.assertIn(cut, sallywall("replay", cut, status=2).stderr)
        for size in (24, 30, 200, len(whole) // 2):
            write_file(cut, whole[:size])
            self.assertIn(sallywall("replay", cut).returncode, (0, 1, 2, 3))
