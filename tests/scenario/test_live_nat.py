# SPDX-License-Identifier: BSD-2-Clause
"""The wall beside the kernel's own NAT, which an administrator has put there with iptables; a machine that talks to itself; and
datagrams in fragments."""
import concurrent.futures
import contextlib
import re
import socket
import struct

import harness
from harness import AnonymousCase, Server, need, need_netfilter, wait_until, write_file
from live import CLIENT, GATE, NET_BEHIND, SERVER, SERVER6, LiveCase
from test_explain import BLOCKED_AFTER, MODES, NO_LOGIN, TIMES_OUT, WORKS

IPTABLES = ("iptables-legacy", "iptables-nft")
NEAR = "192.168.0.0/24"
LONG = "192.168.200.200"  # the gateway's, longer to write than the server's own: what is rewritten grows, in other tests it shrinks

# What an administrator does beside the wall. Of FTP only the kernel's own helper rewrites what is said of addresses.
KERNELS_HELPER = "-t raw -A PREROUTING -i eth0 -p tcp --dport 21 -j CT --helper ftp"
MASQUERADE = f"-t nat -A POSTROUTING -s {NEAR} -o eth1 -j MASQUERADE"
DNAT = "-t nat -A PREROUTING -d {} -p {} --dport {} -j DNAT --to-destination " + NET_BEHIND

NOBODY = 9  # where nobody listens
TO_NOBODY = f"-p udp -m udp --dport {NOBODY} -j ACCEPT"

RULES = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A {chain} -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A {chain} -m conntrack --ctstate RELATED -j ACCEPT
-A {chain} -p tcp -m conntrack --ctstate NEW -m tcp --dport 21 -j ACCEPT
{more}COMMIT
"""
RAW = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{}COMMIT\n"


def rules(chain, *more):
    return RULES.format(chain=chain, more="".join(f"-A {chain} {line}\n" for line in more))


def counted(host, rule, *words, program="iptables"):
    """(packets, bytes) that the wall's rule with this text has met."""
    text = host.sallywall(program, *words, "-v", "-S").stdout
    found = re.findall(rf"^-A .*{re.escape(rule)} .*?-c (\d+) (\d+)", text, re.MULTILINE)
    if len(found) != 1:
        raise AssertionError(f"{len(found)} rules have {rule}:\n{text}")
    return tuple(map(int, found[0]))


def related(host):
    return counted(host, "--ctstate RELATED")[0]


def curl(host, address, mode, own, seconds=BLOCKED_AFTER):
    """How far it gets. It believes what it is told of addresses, so that they must be right."""
    listen = ["-P", f"[{own}]" if ":" in own else own]
    options = {"passive": ["--disable-epsv", "--no-ftp-skip-pasv-ip"], "epsv": [], "active": ["--disable-eprt", *listen],
               "eprt": listen}[mode]
    done = host.run("curl", "-sv", "--connect-timeout", str(seconds), "--max-time", str(seconds + 1), *options,
                    f"ftp://{address}/pub/", check=False)
    if done.returncode == 0 and "report.txt" in done.stdout:
        return WORKS
    return (TIMES_OUT if re.search(r"^< 230", done.stderr, re.MULTILINE) else NO_LOGIN) + f" ({done.returncode})"


class ServedCase(LiveCase, AnonymousCase):
    """A real sallyd in a namespace of a world."""
    conf = None
    limit = 180
    number = 0

    @classmethod
    def setUpClass(cls):
        LiveCase.setUpClass.__func__(cls)
        need("curl", *IPTABLES)
        need_netfilter()
        AnonymousCase.setUpClass.__func__(cls)

    @classmethod
    def prepare(cls):
        cls.conf_here = dict(cls.conf, listen_port=21, listen="NO", listen_ipv6="YES", pasv_min_port=30000, pasv_max_port=30999)
        cls.conf = None
        write_file(cls.root + "/report.txt", b"x" * 1400)

    def serve(self, world):
        ServedCase.number += 1
        server = Server(self.conf_here, f"nat-{self.number}", port=21)
        self.servers.append(server)
        server.start(preexec_fn=world.server.enter())
        self.addCleanup(server.stop)
        return server

    def check_modes(self, host, address, modes, own, wanted=WORKS):
        """Real clients, all at once."""
        def one(mode):
            got = curl(host, address, mode, own)
            return got if got.startswith(wanted) else curl(host, address, mode, own, 15)
        with concurrent.futures.ThreadPoolExecutor(len(modes)) as pool:
            told = list(pool.map(one, modes))
        wrong = [f"{mode} to {address}: {got}, not {wanted}" for mode, got in zip(modes, told) if not got.startswith(wanted)]
        self.assertEqual(wrong, [])


class BesideNat(ServedCase):
    """client - gateway with the wall and with NAT - server."""

    def gateway(self, kind, *beside):
        world = self.world("gateway")
        world.wall.ip(f"address add {LONG}/32 dev eth0")
        for line in beside:
            world.wall.run(kind, *line.split())
        self.serve(world)
        return world

    @contextlib.contextmanager
    def session(self, world, address):
        with world.client.at():
            client = harness.Client(address, 21)
        with client:
            yield client.login("anonymous", "test@")

    def assert_expected(self, world, source, destination, port):
        """The wall's helper has heard of just this."""
        text = world.wall.sallywall("expect", "-L").stdout
        self.assertEqual(len(re.findall(rf" src={source} dst={destination} sport=0 dport={port} .*helper=ftp", text)), 1, text)

    def assert_flow(self, world, *parts):
        """One flow of the wall's has all this in its line."""
        lines = world.wall.sallywall("conntrack", "-L", "-p", "tcp").stdout.splitlines()
        found = [line for line in lines if all(part in line for part in parts)]
        self.assertEqual(len(found), 1, (parts, found or lines))

    def check_without_helper(self, world, address, modes):
        """All is the same but our helper: the wall does not let the data connection pass, and NAT can't help it."""
        world.wall.sallywall("down")
        world.up("--helper", "none", ipv4=rules("FORWARD"))
        self.check_modes(world.client, address, modes, CLIENT, TIMES_OUT)
        self.assertEqual(related(world.wall), 0)

    def passive(self, world, client, public):
        """One data connection, as the wall sees it: with the server's own address, whatever the client is told."""
        address, port = client.pasv()
        self.assertEqual(address, public)
        self.assert_expected(world, CLIENT, NET_BEHIND, port)
        with world.client.at(), client.connect(port) as data:
            for connection, there, more in ((data, port, "[ASSURED]"), (client.sock, 21, "helper=ftp")):
                own = connection.getsockname()[1]
                self.assert_flow(world, f"src={CLIENT} dst={NET_BEHIND} sport={own} dport={there} ",
                                 f"src={NET_BEHIND} dst={CLIENT} sport={there} dport={own} ", more)

    def active(self, world, client, public):
        with world.client.at(), client.listen() as listener:
            client.want(client.port_command(listener), 200)
            self.assert_expected(world, NET_BEHIND, CLIENT, listener.getsockname()[1])
            client.want("LIST /pub", 150)
            data, peer = listener.accept()
            with data:
                self.assertIn(b"report.txt", harness.read_all(data))
            self.assertEqual(peer[0], public)

    def assert_unreachable(self, world, address):
        """The error that a datagram causes is RELATED to it, and comes back through NAT."""
        before = related(world.wall)
        with world.client.at():
            here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with here, self.assertRaises(ConnectionRefusedError):
            here.connect((address, NOBODY))
            here.settimeout(harness.PATIENCE)
            here.send(b"x")
            here.recv(9)
        self.assertEqual(related(world.wall), before + 1)

    def masquerade(self, kind):
        world = self.gateway(kind, MASQUERADE, KERNELS_HELPER)
        world.server.ip("route del default")  # whom the gateway does not hide gets no answer
        world.up(ipv4=rules("FORWARD", TO_NOBODY))
        self.check_modes(world.client, NET_BEHIND, MODES, CLIENT)
        self.assertGreaterEqual(related(world.wall), len(MODES))
        with self.session(world, NET_BEHIND) as client:
            self.passive(world, client, NET_BEHIND)
            self.active(world, client, NET_BEHIND)
        self.assert_unreachable(world, NET_BEHIND)
        self.check_without_helper(world, NET_BEHIND, ("passive", "active"))

    def test_masquerade_by_iptables_legacy(self):
        self.masquerade("iptables-legacy")

    def test_masquerade_by_iptables_nft(self):
        self.masquerade("iptables-nft")

    def test_masquerade_needs_the_kernels_helper_for_active_only(self):
        world = self.gateway("iptables-nft", MASQUERADE)
        world.server.ip("route del default")
        world.up(ipv4=rules("FORWARD"))
        self.check_modes(world.client, NET_BEHIND, ("passive", "epsv"), CLIENT)
        self.assertGreaterEqual(related(world.wall), 2)
        self.assertNotEqual(curl(world.client, NET_BEHIND, "active", CLIENT), WORKS)

    def dnat(self, kind):
        world = self.gateway(kind, *(DNAT.format(address, "tcp", 21) for address in (GATE, LONG)), DNAT.format(LONG, "udp", NOBODY),
                             KERNELS_HELPER)
        world.up(ipv4=rules("FORWARD", TO_NOBODY) + RAW.format("".join(
            f"-A PREROUTING -d {address}/32 -p tcp -m tcp --dport 21\n" for address in (NET_BEHIND, GATE, LONG))))
        for address in (GATE, LONG):
            self.check_modes(world.client, address, MODES, CLIENT)
        self.assertGreaterEqual(related(world.wall), 2 * len(MODES))
        with self.session(world, LONG) as client:
            self.passive(world, client, LONG)
            self.active(world, client, LONG)
        self.assert_unreachable(world, LONG)
        raw = [counted(world.wall, f"-d {address}/32", "-t", "raw")[0] for address in (NET_BEHIND, GATE, LONG)]
        self.assertGreater(raw[0], 0)
        self.assertEqual(raw[1:], [0, 0], "raw sees what DNAT has made of a packet")
        self.check_without_helper(world, LONG, ("passive", "active"))

    def test_dnat_by_iptables_legacy(self):
        self.dnat("iptables-legacy")

    def test_dnat_by_iptables_nft(self):
        self.dnat("iptables-nft")

    def test_dnat_of_a_range_of_ports_without_the_kernels_helper(self):
        world = self.gateway("iptables-nft", DNAT.format(LONG, "tcp", 21), DNAT.format(LONG, "tcp", "30000:30999"))
        world.up(ipv4=rules("FORWARD"))
        self.check_modes(world.client, LONG, ("epsv",), CLIENT)
        self.assertGreaterEqual(related(world.wall), 1)
        self.check_without_helper(world, LONG, ("epsv",))

    def test_a_port_that_is_redirected_to_ours(self):
        world = self.world()
        world.wall.run("iptables-nft", *"-t nat -A PREROUTING -p tcp --dport 2121 -j REDIRECT --to-ports 21".split())
        self.serve(world)
        world.up(ipv4=rules("INPUT"))
        self.check_modes(world.client, SERVER + ":2121", ("epsv",), CLIENT)
        self.assertGreaterEqual(related(world.wall), 1)


# --- a machine that talks to itself ---------------------------------------------------------------------------------

SEGS_OUT = 136  # of struct tcp_info (linux/tcp.h), and behind it segs_in


def segments(connection):
    """How many segments this end has sent and got."""
    return struct.unpack_from("=II", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), SEGS_OUT)


class OverLoopback(ServedCase):
    def flow(self, world, *words):
        """[(packets, bytes) there, (packets, bytes) back] of the one flow."""
        lines = world.wall.sallywall("conntrack", "-L", *words).stdout.splitlines()
        self.assertEqual(len(lines), 1, lines)
        return [tuple(map(int, found)) for found in re.findall(r"packets=(\d+) bytes=(\d+)", lines[0])]

    def talk(self, world, here, header):
        """Three datagrams of 100 bytes, and two of 50 back."""
        family = socket.AF_INET6 if ":" in here else socket.AF_INET
        with world.wall.at():
            one, other = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        with one, other:
            other.bind((here, 5000))
            one.connect((here, 5000))
            one.settimeout(harness.PATIENCE)
            for _ in range(3):
                one.send(bytes(100))
                _, peer = other.recvfrom(200)
            for _ in range(2):
                other.sendto(bytes(50), peer)
                one.recv(200)
            self.assertEqual(self.flow(world, "-p", "udp", "-d", here), [(3, 3 * (header + 108)), (2, 2 * (header + 58))])

    def test_datagrams_are_counted_once(self):
        world = self.world()
        world.up(ipv4=rules("INPUT", "-p udp -m udp --dport 5000 -j ACCEPT"),
                 ipv6=rules("INPUT", "-p udp -m udp --dport 5000 -j ACCEPT"))
        for here, header in (("127.0.0.1", 20), (SERVER, 20), ("::1", 40), (SERVER6, 40)):
            self.talk(world, here, header)
        for program in ("iptables", "ip6tables"):
            self.assertEqual(counted(world.wall, "--dport 5000", program=program)[0], 2 * 3)

    def test_segments_are_counted_once(self):
        world = self.world()
        world.up(ipv4=rules("INPUT", "-p tcp -m conntrack --ctstate NEW -m tcp --dport 5000 -j ACCEPT"))
        with world.wall.at():
            listener = socket.create_server((SERVER, 5000))
            client = socket.create_connection((SERVER, 5000), harness.PATIENCE)
        with listener, client, listener.accept()[0] as server:
            for _ in range(10):
                client.sendall(bytes(100))
                server.recv(200)
                server.sendall(bytes(50))
                client.recv(200)
            same = wait_until(lambda: tuple(packets for packets, _ in self.flow(world, "-p", "tcp")) == segments(client), 10)
            self.assertTrue(same, (self.flow(world, "-p", "tcp"), segments(client)))
            client.sendall(bytes(7))

    def test_a_refusal_comes_at_once(self):
        world = self.world()
        strict = rules("INPUT", "-p tcp -m conntrack --ctstate NEW -m tcp --dport 5000 -j ACCEPT")
        world.up(ipv4=strict, ipv6=strict)
        for here in ("127.0.0.1", SERVER, "::1", SERVER6):
            with self.subTest(here), world.wall.at(), self.assertRaises(ConnectionRefusedError):
                socket.create_connection((here, 5000), harness.PATIENCE).close()

    def test_ftp_to_ones_own_address(self):
        world = self.world()
        self.serve(world)
        world.up(ipv4=rules("INPUT"), ipv6=rules("INPUT"))
        self.check_modes(world.wall, SERVER, MODES, SERVER)
        self.check_modes(world.wall, f"[{SERVER6}]", ("epsv", "eprt"), SERVER6)
        self.assertGreaterEqual(related(world.wall), len(MODES))
        world.wall.sallywall("down")
        world.up("--helper", "none", ipv4=rules("INPUT"))
        self.check_modes(world.wall, SERVER, ("passive", "active"), SERVER, TIMES_OUT)


# --- fragments ------------------------------------------------------------------------------------------------------

class Fragments(LiveCase):
    size = 4000

    def check(self, world, address, program):
        """One datagram in three pieces, and the rule has seen one packet with all of it."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with world.server.at():
            there = socket.socket(family, socket.SOCK_DGRAM)
        with world.client.at():
            here = socket.socket(family, socket.SOCK_DGRAM)
        with there, here:
            there.bind((address, 5000))
            there.settimeout(harness.PATIENCE)
            here.connect((address, 5000))
            here.send(bytes(self.size))
            self.assertEqual(len(there.recv(65536)), self.size)
        header = 40 if family == socket.AF_INET6 else 20
        self.assertEqual(counted(world.wall, "--dport 5000", program=program), (1, header + 8 + self.size))

    def whole(self, place):
        world = self.world(place)
        text = rules(world.chain, "-p udp -m udp --dport 5000 -j ACCEPT")
        world.up(ipv4=text, ipv6=text)
        self.check(world, world.address, "iptables")
        self.check(world, world.address6, "ip6tables")

    def test_to_this_machine(self):
        self.whole("server")

    def test_through_a_gateway(self):
        self.whole("gateway")
