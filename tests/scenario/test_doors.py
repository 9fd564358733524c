# SPDX-License-Identifier: BSD-2-Clause
"""Doors in the kernel's firewall, one a transfer: everything is dropped but port 21 and what the rules that sallyd asks for let in,
on the way in and on the way out; real clients, in the clear and under TLS, both families. And whoever else comes stays out."""
import concurrent.futures
import contextlib
import ftplib
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import unittest.mock

import harness
import live
from harness import AnonymousCase, Server, wait_until, write_file
from live import World, by_curl, by_lftp, by_python, reached
from netfilter import Netfilter, Tuple, most_expectations, new_entry, new_expectation
from test_explain import TIMES_OUT, WORKS

LOCKED = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
{}
COMMIT
"""
STATES = LOCKED.format("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
                       "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
NFT = "table inet filter {\n%s}\n" % "".join(
    f" chain {name} {{ type filter hook {name} priority 0; policy drop; }}\n" for name in ("input", "forward", "output"))
MODES = ("passive", "epsv", "active", "eprt")
TLS = {"ssl_enable": "YES", "allow_anon_ssl": "YES", "ssl_self_signed": "YES"}


class DoorCase(AnonymousCase):
    limit = 300

    @classmethod
    def prepare(cls):
        harness.need("nft", "ipset", "conntrack", "iptables-nft-restore", "curl", "lftp")
        harness.need_netfilter()
        write_file(cls.root + "/report.txt", b"x" * 1400)
        cls.options = dict(cls.conf, listen_port=21, listen="NO", listen_ipv6="YES", connect_from_port_20="YES",
                           pasv_min_port=30000, pasv_max_port=30999)
        cls.conf = None

    # Each: what locks the machine and admits who has a door.

    def lock_states(self, world, conf, output="DROP"):
        del conf
        for program in "iptables-nft-restore", "ip6tables-nft-restore":
            world.server.run(program, input=STATES.replace(":OUTPUT DROP", ":OUTPUT " + output))

    def rule(self, conf):
        """What sallyd asks for."""
        options = [f"-o{name}={value}" for name, value in conf.items()]
        return subprocess.run([harness.SALLYD, "/dev/null", *options, "--firewall-rule"], capture_output=True, text=True, check=True).stdout

    def lock_nft(self, world, conf):
        world.server.run("nft", "-f", "-", input=NFT + self.rule(conf))

    def lock_ipset(self, world, conf):
        for program in "iptables-nft-restore", "ip6tables-nft-restore":
            world.server.run(program, input=LOCKED.format(""))
        world.server.run("sh", "-e", input=self.rule(conf))

    def lock_wall(self, world, conf):
        del conf
        live.need_live()
        world.up(ipv4=STATES, ipv6=STATES)

    WAYS = {"conntrack": ({"firewall": "conntrack"}, lock_states), "auto": ({"firewall": "auto"}, lock_states),
            "ftp": ({"firewall": "conntrack", "firewall_helper": "ftp"}, lock_states),
            "nft": ({"firewall": "nft"}, lock_nft), "ipset": ({"firewall": "ipset"}, lock_ipset),
            "sallywall": ({"firewall": "sallywall"}, lock_wall), "auto, wall": ({"firewall": "auto"}, lock_wall)}

    def left(self, host):
        """What there is in the firewall, but for what it counts and when it ends."""
        rules = host.run("nft", "-s", "list", "ruleset").stdout + host.run("ipset", "save").stdout
        rules = re.sub(r"elements = \{[^}]*\}", lambda found: re.sub(r"expires \w+", "", found[0]), rules)
        return rules + host.run("conntrack", "-L", "expect", check=False).stdout + host.sallywall("expect", "-L", status=None).stdout

    def serve(self, world, way, **more):
        conf, lock = self.WAYS[way]
        lock(self, world, conf)
        before = self.left(world.server)
        server = Server(dict(self.options, **conf, **more), f"{self.id().rsplit('.', 1)[1]}-{way}-{len(self.servers)}", port=21)
        self.servers.append(server)
        server.start(preexec_fn=world.server.enter())
        return server, before

    def gone(self, world, server, before):
        """Nothing of the server's is left in the firewall."""
        self.assertEqual(server.stop(), 0, server.text())
        self.assertEqual(self.left(world.server), before)

    @contextlib.contextmanager
    def doors(self, way, **more):
        with World() as world:
            server, before = self.serve(world, way, **more)
            yield world, server
            self.gone(world, server, before)

    def session(self, world, port=21, source=None):
        """One that is logged in, in the clear; its data connections are the test's."""
        with world.client.at():
            client = Session(world, port, source)
        self.addCleanup(client.close)
        return client.login("anonymous", "test@")

    def expected(self, world):
        """Seconds that are left of each expectation."""
        said = world.server.run("conntrack", "-L", "expect", check=False).stdout
        return [int(seconds) for seconds in re.findall(r"^(\d+) proto=6", said, re.MULTILINE)]

    def elements(self, world, way):
        """How many doors there are."""
        if way == "nft":
            return len(re.findall(r" expires ", world.server.run("nft", "list", "ruleset").stdout))
        if way == "ipset":
            return len(re.findall(r"^add ", world.server.run("ipset", "save").stdout, re.MULTILINE))
        if way == "sallywall":
            return len(world.server.sallywall("expect", "-L", status=None).stdout.splitlines())
        return len(self.expected(world))


class Session(harness.Client):
    """A client in a namespace of its own."""

    def __init__(self, world, port=21, source=None):
        self.world = world
        super().__init__(world.address, port, source)

    def connect(self, port, source=None, host=None, patience=harness.PATIENCE):
        """The connection, or None: nothing answered."""
        with self.world.client.at():
            sock = socket.socket(self.family)
        try:
            sock.settimeout(patience)
            sock.bind((source or self.address, 0))
            sock.connect((host or self.host, port))
        except TimeoutError:
            sock.close()
            return None
        return sock

    def is_open(self, port, source=None, patience=1.2):
        """Does anything come back?"""
        try:
            sock = self.connect(port, source, patience=patience)
        except ConnectionRefusedError:
            return True
        if sock:
            sock.close()
        return bool(sock)


class Clients(DoorCase):
    """Every way, mode, family and client, in the clear and under TLS."""

    def go_through(self, way):
        with self.doors(way, **TLS) as (world, _):
            tries = [("curl", by_curl, mode, family, {}) for mode in MODES for family in (4, 6) if family == 4 or mode in ("epsv", "eprt")]
            tries += [("curl, TLS", by_curl_tls, mode, family, {}) for mode, family in (("passive", 4), ("epsv", 4), ("epsv", 6))]
            tries += [("lftp", by_lftp, mode, 4, {"tls": tls}) for mode in ("passive", "active") for tls in (False, True)]
            tries += [("ftplib", by_python, mode, family, {"tls": tls}) for mode in ("passive", "active") for family in (4, 6)
                      for tls in (False, True)]
            tries += [("sally", by_sally, mode, family, {}) for mode in ("passive", "active") for family in (4, 6)]

            def one(entry):
                name, client, mode, family, more = entry
                got = reached(client, world, mode, WORKS, family=family, **more)
                return None if got == WORKS else f"{way}, IPv{family}, {name} {mode} {more}: {got}"
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                self.assertEqual(list(filter(None, pool.map(one, tries))), [])

    def test_conntrack(self):
        self.go_through("conntrack")

    def test_conntrack_with_the_kernels_own_helper(self):
        self.go_through("ftp")

    def test_nft(self):
        self.go_through("nft")

    def test_ipset(self):
        self.go_through("ipset")

    def test_auto(self):
        self.go_through("auto")

    def test_sallywall(self):
        self.go_through("sallywall")

    def test_auto_where_a_wall_stands(self):
        self.go_through("auto, wall")


def by_curl_tls(world, mode, seconds, family=4):
    address = world.address if family == 4 else f"[{world.address6}]"
    done = world.client.run("curl", "-sv", "--ssl-reqd", "--insecure", "--connect-timeout", str(seconds), "--max-time", str(seconds + 1),
                            *(["--disable-epsv"] if mode == "passive" else []), f"ftp://{address}/pub/", check=False)
    if done.returncode == 0 and "report.txt" in done.stdout:
        return WORKS
    if done.returncode != 28 and "connect timeout" not in done.stderr:
        raise AssertionError(done.stderr[-1500:])
    return TIMES_OUT


def by_sally(world, mode, seconds, family=4):
    """Under TLS, which it uses wherever it is offered."""
    address = world.address if family == 4 else f"[{world.address6}]"
    done = world.client.run(harness.SALLY, "ls", "-v", "--trust-new", "--" + mode,
                            "--timeout", str(seconds), "--retries", "0", f"ftp://{address}/pub/", check=False,
                            env={**os.environ, "HOME": tempfile.mkdtemp(dir=harness.WORK), "LC_ALL": "C.UTF-8"})
    if done.returncode == 0 and "report.txt" in done.stdout:
        return WORKS
    if done.returncode != 7:
        raise AssertionError(f"{done.returncode}: " + done.stderr[-2500:])
    return TIMES_OUT


STRANGER = "192.168.0.77"


class Doors(DoorCase):
    """What a door is: for one client, one port, one connection, and a time."""
    EACH = ("conntrack", "ftp", "nft", "ipset", "sallywall")

    def each(self, play, ways=EACH, **more):
        def one(way):
            with self.doors(way, **more) as (world, server):
                world.client.ip(f"address add {STRANGER}/24 dev eth0")
                world.server.ip(f"neighbour replace {STRANGER} lladdr {live.MACS['client']} dev eth0 nud permanent")
                play(way, world, server)
        for way in ways:
            with self.subTest(way=way):
                one(way)

    def test_nobody_else_and_nothing_more(self):
        def play(way, world, server):
            client = self.session(world)
            port = client.epsv()
            self.assertFalse(client.is_open(port, STRANGER), "a stranger came in")
            self.assertFalse(client.is_open(port + 1 if port < 30999 else port - 1), "another port is open")
            self.assertEqual(self.elements(world, way), 1)
            with client.connect(port) as data:
                client.want("LIST", 150)
                self.assertIn(b"pub", harness.read_all(data))
            client.want(None, 226)
            self.assertFalse(client.is_open(port), "a second connection came in")
            self.assertEqual(self.elements(world, way), 0)
        self.each(play)

    def test_a_second_announcement_is_the_one_that_counts(self):
        def play(way, world, server):
            client = self.session(world)
            first = client.epsv()
            second = client.pasv()[1]
            self.assertEqual(self.elements(world, way), 1)
            self.assertTrue(first == second or not client.is_open(first))
            self.assertTrue(client.is_open(second))
        self.each(play)

    def test_it_ends_with_its_time(self):
        def play(way, world, server):
            client = self.session(world)
            port = client.epsv()
            self.assertTrue(wait_until(lambda: max(self.expected(world), default=0) <= 2, 5))  # ftp: once the reply was out
            time.sleep(3.5)
            self.assertFalse(client.is_open(port))
            self.assertTrue(wait_until(lambda: self.elements(world, way) == 0, 10))
            self.assertIn(b"pub", client.get("LIST"))  # and there is the next one
        self.each(play, accept_timeout=2)

    def test_a_transfer_gives_it_more_time(self):
        def play(way, world, server):
            client = self.session(world)
            port = client.epsv()
            time.sleep(2.5)
            client.send("LIST")
            time.sleep(2.5)
            with client.connect(port) as data:
                self.assertIn(b"pub", harness.read_all(data))
            client.want(None, 150)
            client.want(None, 226)
        self.each(play, accept_timeout=4)

    def test_it_ends_with_the_session(self):
        def play(way, world, server):
            for end in (lambda c: c.want("QUIT", 221), harness.Client.reset, lambda c: c.want("REIN", 502, 220, 500)):
                client = self.session(world)
                client.epsv()
                end(client)
                client.close()
                self.assertTrue(wait_until(lambda: self.elements(world, way) == 0, 10))
        self.each(play)

    def test_active_with_the_output_locked(self):
        def play(way, world, server):
            client = self.session(world)
            with world.client.at():
                listener = client.listen()
            with listener:
                client.want(client.port_command(listener), 200)
                client.want("LIST", 150)
                data, _ = listener.accept()
                with data:
                    self.assertIn(b"pub", harness.read_all(data))
                client.want(None, 226)
                self.assertTrue(wait_until(lambda: self.elements(world, way) == 0, 10))  # of nft the monitor takes it out
            with world.server.at():  # nobody else on this machine may go there
                other = socket.socket()
            with other, self.assertRaises((TimeoutError, PermissionError)):
                other.settimeout(1.2)
                other.connect((live.CLIENT, 9))
        self.each(play)

    def test_who_cannot_be_told_from_the_client_by_its_address(self):
        """TLS tells: somebody behind the same address comes first, says nothing or something else, and the client is served."""
        for words in (b"", b"hello\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"):
            def play(way, world, server):
                client = Continuing(world)
                self.addCleanup(client.close)
                _, port = client.makepasv()
                with world.client.at():
                    stranger = socket.create_connection((world.address, port), harness.PATIENCE)
                with stranger:
                    stranger.sendall(words)
                    client.makepasv = lambda: (world.address, port)
                    self.assertIn("report.txt", " ".join(client.nlst("/pub")))
                    stranger.settimeout(harness.PATIENCE)
                    with contextlib.suppress(ConnectionError):
                        self.assertEqual(stranger.recv(1000), b"")
                del client.makepasv
                self.assertIn("report.txt", " ".join(client.nlst("/pub")))
            self.each(play, ("conntrack", "nft", "sallywall"), **TLS)

    def test_sets_that_are_full(self):
        """425 at once, and why; and the next one works when there is room."""
        small = {"nft": ("timeout,dynamic; ", "timeout,dynamic; size 2; "), "ipset": (" timeout 60", " timeout 60 maxelem 2")}

        def play(way, world, server):
            clients = [self.session(world, source=source) for source in (live.CLIENT, STRANGER, live.CLIENT, STRANGER)]
            codes = [client.cmd("EPSV") for client in clients]
            self.assertEqual([reply.code for reply in codes].count(229), 2, codes)
            self.assertIn("firewall can't take more", [reply.text for reply in codes if reply.code == 425][0])
            for client in clients:
                client.close()
            self.assertTrue(wait_until(lambda: self.elements(world, way) == 0, 10))
            self.assertIn(b"pub", self.session(world).get("LIST"))
        for way, (what, instead) in small.items():
            rule = type(self).rule
            with self.subTest(way=way), unittest.mock.patch.object(type(self), "rule", lambda s, conf: rule(s, conf).replace(what, instead)):
                self.each(play, (way,))

    def test_few_ports_for_many_transfers(self):
        """nft: what was used lies in the set until a sweep; that is waited for, and nobody is turned away."""
        def play(way, world, server):
            client = self.session(world)
            for _ in range(100):
                self.assertIn(b"pub", client.get("LIST"))
        self.each(play, ("nft", "conntrack"), pasv_min_port=30000, pasv_max_port=30001)

    def test_more_strangers_than_are_kept(self):
        """Who is refused at once for that has used the door up, too."""
        def play(way, world, server):
            client = Continuing(world)
            self.addCleanup(client.close)
            _, port = client.makepasv()
            with contextlib.ExitStack() as strangers, world.client.at():
                for _ in range(66):
                    self.assertTrue(wait_until(lambda: self.elements(world, way) == 1))
                    with contextlib.suppress(ConnectionResetError):
                        strangers.enter_context(socket.create_connection((world.address, port), harness.PATIENCE))
            client.timeout = 10
            client.makepasv = lambda: (world.address, port)
            self.assertIn("report.txt", " ".join(client.nlst("/pub")))
        self.each(play, ("conntrack", "nft"), **TLS)

    def test_without_a_limit_in_time(self):
        """accept_timeout=0: a door has its time all the same, and a transfer that waits has it opened again."""
        def play(way, world, server):
            client = self.session(world)
            port = client.epsv()
            self.assertLessEqual(max(self.expected(world), default=0), 300)
            client.send("LIST")
            time.sleep(1.5)
            with client.connect(port) as data:
                self.assertIn(b"pub", harness.read_all(data))
            client.want(None, 150)
            client.want(None, 226)
            self.assertTrue(wait_until(lambda: self.elements(world, way) == 0, 10))
        self.each(play, ("conntrack", "nft", "sallywall"), accept_timeout=0)

    def test_whoever_comes_is_welcome(self):
        """pasv_promiscuous and port_promiscuous: doors are for the client's own address none the less, and its transfers work."""
        def play(way, world, server):
            client = self.session(world)
            port = client.epsv()
            self.assertFalse(client.is_open(port, STRANGER))
            with client.connect(port) as data:
                client.want("LIST", 150)
                self.assertIn(b"pub", harness.read_all(data))
            client.want(None, 226)
            with world.client.at():
                listener = client.listen()
                with listener:
                    client.want(client.port_command(listener), 200)
                    client.want("LIST", 150)
                    with listener.accept()[0] as data:
                        self.assertIn(b"pub", harness.read_all(data))
            client.want(None, 226)
            client.want("PORT " + STRANGER.replace(".", ",") + ",100,1", 200)
            client.want("LIST", 425)
            self.assertTrue(wait_until(lambda: self.elements(world, way) == 0, 10))
        self.each(play, ("conntrack",), pasv_promiscuous="YES", port_promiscuous="YES", connect_timeout=2)

    def test_addresses_of_a_link(self):
        """Of IPv6; the number of the interface is no part of a door, and of an active connection's address it is."""
        with self.doors("conntrack") as (world, _):
            for host, address in ((world.client, "fe80::a2"), (world.server, "fe80::a1")):
                host.ip(f"address add {address}/64 dev eth0 nodad")
            for host, address, name in ((world.client, "fe80::a1", "outer"), (world.server, "fe80::a2", "client")):
                host.ip(f"neighbour replace {address} lladdr {live.MACS[name]} dev eth0 nud permanent")
            with world.client.at(), harness.Client("fe80::a1%eth0", 21) as client:
                client.login("anonymous", "test@")
                with socket.create_connection((client.host, client.epsv()), harness.PATIENCE) as data:
                    client.want("LIST", 150)
                    self.assertIn(b"pub", harness.read_all(data))
                client.want(None, 226)
                with socket.socket(socket.AF_INET6) as listener:
                    listener.bind(("fe80::a2", 0, 0, client.sock.getsockname()[3]))
                    listener.listen()
                    client.want(f"EPRT |2|fe80::a2|{listener.getsockname()[1]}|", 200)
                    client.want("LIST", 150)
                    listener.settimeout(harness.PATIENCE)
                    with listener.accept()[0] as data:
                        self.assertIn(b"pub", harness.read_all(data))
                client.want(None, 226)


class Continuing(ftplib.FTP_TLS):
    """In the client's namespace; its data channels continue the control channel's session."""

    def __init__(self, world, patience=harness.PATIENCE):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(timeout=patience, context=context)
        self.world = world
        with world.client.at():
            self.connect(world.address, 21)
        self.login("anonymous", "test@")
        self.prot_p()

    def ntransfercmd(self, cmd, rest=None):
        with self.world.client.at():
            conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session), size


class Conntrack(DoorCase):
    """What netfilter does beside us."""

    def test_no_hole_of_300_seconds(self):
        """The kernel's own helper reads what is in the clear, and would leave its expectation that long."""
        for way in ("conntrack", "ftp"):
            for address in ({}, {"pasv_address": "198.51.100.7"}):
                with self.subTest(way=way, **address), self.doors(way, accept_timeout=20, **address) as (world, _):
                    client = self.session(world)
                    for command in ("EPSV", "PASV"):
                        port = client.epsv() if command == "EPSV" else client.pasv()[1]
                        self.assertTrue(wait_until(lambda: self.expected(world) and max(self.expected(world)) <= 20, 5), self.expected(world))
                        self.assertTrue(client.is_open(port))

    def test_a_helper_of_somebody_else(self):
        with World() as world:
            for program in "iptables-nft", "ip6tables-nft":
                world.server.run(program, "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", "21", "-j", "CT", "--helper", "ftp")
            server, before = self.serve(world, "conntrack", **TLS, accept_timeout=20)
            self.assertEqual([by_python(world, mode, 15, tls=tls) for mode in ("passive", "active") for tls in (False, True)], [WORKS] * 4)
            client = self.session(world)
            client.epsv()
            self.assertTrue(wait_until(lambda: self.expected(world) and max(self.expected(world)) <= 20, 5), self.expected(world))
            client.close()
            wait_until(lambda: not self.expected(world))
            self.gone(world, server, before)

    def test_rules_are_flushed(self):
        with self.doors("conntrack") as (world, _):
            world.server.run("nft", "flush", "ruleset")
            self.lock_states(world, {})
            self.assertIn(b"pub", self.session(world).get("LIST"))
            self.assertNotEqual(world.server.run("nft", "delete", "table", "inet", self.table(world), check=False).returncode, 0)
            self.assertIn(b"pub", self.session(world).get("LIST"))

    def table(self, world):
        return re.search(r"table inet (sallyd-\S+)", world.server.run("nft", "list", "tables").stdout)[1]

    def test_connections_are_flushed(self):
        """Between the announcement and the connection; with the next command the control connection is known again."""
        with self.doors("conntrack") as (world, _):
            client = self.session(world)
            port = client.epsv()
            world.server.run("conntrack", "-F")
            self.assertEqual(self.expected(world), [])
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                coming = pool.submit(client.connect, port)
                time.sleep(0.3)
                client.send("LIST")
                with coming.result() as data:
                    self.assertIn(b"pub", harness.read_all(data))
            client.want(None, 150)
            client.want(None, 226)
            world.server.run("conntrack", "-F")
            self.assertIn(b"pub", client.get("LIST"))  # and before it

    def while_flushed(self, world, work, *commands):
        """What four of them hand back who work while the firewall is flushed every now and then."""
        write_file(self.root + "/load", b"y" * 70_000)
        self.lock_states(world, {}, "ACCEPT")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(work) for _ in range(4)]
            for _ in range(6):
                time.sleep(0.6)
                for command in commands:
                    world.server.run(*command)
                self.lock_states(world, {}, "ACCEPT")  # else no reply gets out before the client's next word, whoever serves
            done = [job.result() for job in jobs]
        self.lock_states(world, {})
        return done

    def test_rules_are_flushed_under_load(self):
        with self.doors("conntrack") as (world, _):
            def work():
                client, count, end = self.session(world), 0, time.monotonic() + 4
                while time.monotonic() < end:
                    self.assertEqual(client.get("RETR pub/load"), b"y" * 70_000)
                    count += 1
                return count
            self.assertGreater(min(self.while_flushed(world, work, ("nft", "flush", "ruleset"))), 3)

    def test_connections_are_flushed_under_load(self):
        """Who is moving bytes loses his connection with that, as with any server. Nobody waits for ever, and what comes next works."""
        with self.doors("conntrack") as (world, _):
            def work():
                client, end = self.session(world), time.monotonic() + 4
                while time.monotonic() < end:
                    port = client.epsv()
                    client.send("SIZE pub/load\r\nLIST pub")
                    with contextlib.suppress(TimeoutError, ConnectionError), client.connect(port) as data:
                        data.settimeout(5)
                        data.recv(1000)
                    client.want(None, 213)
                    if client.want(None, 150, 425).code == 150:
                        client.want(None, 226, 426)
                return True
            self.assertEqual(self.while_flushed(world, work, ("conntrack", "-F")), [True] * 4)
            self.assertIn(b"pub", self.session(world).get("LIST"))

    def test_control_connections_that_are_not_tracked(self):
        """Each has an entry all the same, for its door; it goes with that, as no packet ends it."""
        with World() as world:
            world.server.run("iptables-nft-restore", input="*raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n-A PREROUTING -p tcp --dport 21 -j CT --notrack\n"
                             "-A OUTPUT -p tcp --sport 21 -j CT --notrack\nCOMMIT\n*filter\n:INPUT DROP\n"
                             "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,UNTRACKED -j ACCEPT\nCOMMIT\n")
            server = Server(dict(self.options, firewall="conntrack", accept_timeout=30), "untracked", port=21)
            self.servers.append(server)
            server.start(preexec_fn=world.server.enter())
            client = self.session(world)
            self.assertIn(b"pub", client.get("LIST"))
            client.want("QUIT", 221)
            left = re.findall(r"tcp +6 (\d+) ESTABLISHED .*dport=21 ", world.server.run("conntrack", "-L").stdout)
            self.assertLessEqual([int(seconds) for seconds in left], [90])
            self.gone_after(world, server)

    def test_a_session_from_before(self):
        """Its entry has no helper, and the kernel gives none to an entry that is there."""
        with World() as world:
            self.lock_states(world, {})
            server = Server(dict(self.options, firewall="none"), "from-before", port=21)
            self.servers.append(server)
            server.start(preexec_fn=world.server.enter())
            client = self.session(world)
            server.reload(firewall="conntrack")
            self.assertTrue(wait_until(lambda: "configuration reloaded" in server.text()))
            self.assertIn(b"pub", self.session(world).get("LIST"))
            self.assertIn(b"pub", client.get("LIST"))
            self.gone_after(world, server)

    def gone_after(self, world, server):
        self.assertEqual(server.stop(), 0)
        self.assertNotIn("sallyd-", self.left(world.server))

    def test_another_control_port(self):
        """Which is no helper's, not in sallywall either."""
        for way in ("conntrack", "sallywall"):
            with self.subTest(way=way), World() as world:
                rules = STATES.replace("--dport 21 ", "--dport 2121 ")
                if way == "sallywall":
                    live.need_live()
                    world.up(ipv4=rules, ipv6=rules)
                else:
                    world.server.run("iptables-nft-restore", input=rules)
                server = Server(dict(self.options, firewall=way, listen_port=2121), f"port-{way}", port=2121)
                self.servers.append(server)
                server.start(preexec_fn=world.server.enter())
                for _ in range(3):
                    self.assertIn(b"pub", self.session(world, 2121).get("LIST"))
                said = json.loads(world.server.sallywall("explain", *(["--wall", "--rules", harness.write_file(harness.WORK + "/wall-rules", rules)]
                                                                      if way == "sallywall" else []), "--json", "--server-config", server.file).stdout)
                self.assertEqual({said_way["outcome"] for said_way in said["ways"]}, {"works", "off"})
                self.gone_after(world, server)

    def test_another_way_while_a_client_is_on_its_way(self):
        """A door that was announced is opened the new way when the configuration is read again."""
        for first, then in (("nft", "conntrack"), ("conntrack", "nft")):
            with self.subTest(first=first, then=then), World() as world:
                self.lock_nft(world, {"firewall": "nft"})
                server = Server(dict(self.options, firewall=first), f"another-{first}", port=21)
                self.servers.append(server)
                server.start(preexec_fn=world.server.enter())
                client = self.session(world)
                port = client.epsv()
                server.reload(firewall=then)
                self.assertTrue(wait_until(lambda: "configuration reloaded" in server.text()))
                self.assertEqual((self.elements(world, first), self.elements(world, then)), (0, 1))
                with client.connect(port, patience=10) as data:
                    client.want("LIST", 150)
                    self.assertIn(b"pub", harness.read_all(data))
                client.want(None, 226)
                self.assertEqual((self.elements(world, first), self.elements(world, then)), (0, 0))
                self.gone_after(world, server)

    def test_the_kernels_table_is_full(self):
        """425 at once, and why, whichever side the connection would begin at; and when there is room all is well."""
        with self.doors("conntrack") as (world, _), Netfilter(world.server) as kernel:
            client = self.session(world)
            world.server.run("nft", "-f", "-", input="table inet x {\n ct helper h { type \"sane\" protocol tcp; }\n}\n")
            masters = [Tuple("10.%d.%d.%d" % (n >> 16, n >> 8 & 255, n & 255), 1024, world.address, 21) for n in range(1, most_expectations() + 1)]
            for start in range(0, len(masters), 100):
                some = masters[start:start + 100]
                kernel.ask(*(new_entry(m, "sane", 600) for m in some))
                kernel.ask(*(new_expectation(m.turned(), Tuple(m.source, 0, world.address, 30000), 600) for m in some))
            begun = time.monotonic()
            self.assertIn("firewall can't take more", client.want("EPSV", 425).text)
            with world.client.at(), client.listen() as listener:
                client.want(client.port_command(listener), 200)
                self.assertIn("firewall can't take more", client.want("LIST", 425).text)
            self.assertLess(time.monotonic() - begun, 30)
            world.server.run("conntrack", "-D", "-s", "10.0.0.0/16")
            self.assertIn(b"pub", client.get("LIST"))
            world.server.run("nft", "delete", "table", "inet", "x")

    def test_loops_that_share_a_port(self):
        """What one loop says of a session whose connection has come is not taken for the next one's, which another loop has."""
        with self.doors("conntrack", workers=2, pasv_min_port=30000, pasv_max_port=30000, pasv_wait_timeout=30, max_per_ip=0) as (world, _):
            def work(_):
                client, end, longest = self.session(world), time.monotonic() + 8, 0.0
                while time.monotonic() < end:
                    port, begun = client.epsv(), time.monotonic()
                    data = client.connect(port, patience=20)
                    longest = max(longest, time.monotonic() - begun)
                    if not data:
                        return "nothing answered"
                    with data:
                        client.want("LIST", 150)
                        self.assertIn(b"pub", harness.read_all(data))
                    client.want(None, 226)
                return None
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                self.assertEqual(list(pool.map(work, range(8))), [None] * 8)

    def test_two_servers(self):
        with World() as world:
            first, before = self.serve(world, "conntrack")
            other = Server(dict(self.options, firewall="conntrack", listen_port=2121, pasv_min_port=31000, pasv_max_port=31999), "other", port=2121)
            self.servers.append(other)
            for program in "iptables-nft", "ip6tables-nft":
                world.server.run(program, "-I", "INPUT", "-p", "tcp", "--dport", "2121", "-j", "ACCEPT")
            before = before.replace("dport 21 accept", "dport 21 accept")
            other.start(preexec_fn=world.server.enter())
            for _ in range(2):
                self.assertIn(b"pub", self.session(world).get("LIST"))
                self.assertIn(b"pub", self.session(world, 2121).get("LIST"))
            self.gone_only(world, other)
            self.assertIn(b"pub", self.session(world).get("LIST"))
            self.gone_after(world, first)

    def test_two_servers_of_one_number(self):
        """Of containers that share the network: each is process 1 of its own."""
        with World() as world:
            self.lock_states(world, {})
            for port in 21, 2121:
                server = Server(dict(self.options, firewall="conntrack", listen_port=port, pasv_min_port=30000 + port, pasv_max_port=30000 + port),
                                f"contained-{port}", port=port)
                self.servers.append(server)
                self.addCleanup(self.end_contained, server)
                server.start(["unshare", "--pid", "--fork", "--kill-child", harness.SALLYD, server.file], preexec_fn=world.server.enter())
            self.assertIn(b"pub", self.session(world).get("LIST"))

    def end_contained(self, server):
        for pid in harness.children(server.process.pid):
            os.kill(pid, signal.SIGTERM)
        server.process.wait(harness.PATIENCE)
        server.stop()

    def gone_only(self, world, server):
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.left(world.server).count("table inet sallyd-"), 1)

    def test_nat_on_the_same_machine(self):
        """Clients come to another port, which a rule sends to the server's."""
        with World() as world:
            server, _ = self.serve(world, "conntrack", **TLS)
            world.server.run("nft", "-f", "-", input="table ip nat {\n chain pre {\n type nat hook prerouting priority -100\n tcp dport 2221 redirect to :21\n}\n}\n")
            client = self.session(world, 2221)
            self.assertIn(b"pub", client.get("LIST"))
            self.gone_after(world, server)

    def test_nat_and_a_session_from_before(self):
        """Its entry is made anew with the helper: with its NAT and its mark, by which a rule of the administrator's knows it."""
        with World() as world:
            world.server.run("nft", "-f", "-", input="""table ip nat {
 chain pre { type nat hook prerouting priority -100; tcp dport 2221 redirect to :21; }
}
table inet lock {
 chain seen { type filter hook prerouting priority 0; tcp flags & (syn|ack) == syn tcp dport 21 ct mark set 0x51; }
 chain in { type filter hook input priority 0; policy drop
  ct mark 0x51 accept
  tcp dport >= 30000 ct state established,related accept
 }
}
""")
            server = Server(dict(self.options, firewall="none"), "nat-before", port=21)
            self.servers.append(server)
            server.start(preexec_fn=world.server.enter())
            clients = [self.session(world, port) for port in (21, 2221)]
            server.reload(firewall="conntrack")
            self.assertTrue(wait_until(lambda: "configuration reloaded" in server.text()))
            for client in clients:
                client.sock.settimeout(15)
                self.assertIn(b"pub", client.get("LIST"))
                client.want("NOOP", 200)
            self.gone_after(world, server)

    def test_auto_leaves_alone_what_tracks_nothing(self):
        with World() as world:
            world.server.run("iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP")
            before = self.left(world.server)
            server = Server(dict(self.options, firewall="auto"), "auto", port=21)
            self.servers.append(server)
            server.start(preexec_fn=world.server.enter())
            self.assertIn(b"pub", self.session(world).get("LIST"))
            self.assertEqual(self.left(world.server), before)
            self.assertRegex(server.text(), "no doors, since no rule of this machine asks for connection states")
            self.gone(world, server, before)

    def test_forwarded_connections_are_left_alone(self):
        """Those of servers behind this machine keep the helper that they have, or none."""
        with World("gateway") as world:
            world.wall.run("iptables-nft", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP")
            server = Server(dict(self.options, firewall="conntrack"), "gateway", port=21)
            self.servers.append(server)
            server.start(preexec_fn=world.wall.enter())
            behind = Server(dict(self.options, pasv_min_port=32000, pasv_max_port=32999), "behind", port=21)
            self.servers.append(behind)
            behind.start(preexec_fn=world.server.enter())
            self.assertIn(b"pub", self.session(world).get("LIST"))
            self.assertNotIn("helper=", world.wall.run("conntrack", "-L").stdout)


class Killed(DoorCase):
    """No process leaves anything open for longer than its time."""

    def test_the_monitor(self):
        for way in ("conntrack", "nft", "ipset", "sallywall"):
            with self.subTest(way=way), World() as world:
                server, _ = self.serve(world, way, accept_timeout=3)
                client = self.session(world)
                client.epsv()
                self.assertEqual(self.elements(world, way), 1)
                os.kill(server.process.pid, signal.SIGKILL)
                self.assertTrue(wait_until(lambda: self.elements(world, way) == 0, 10))
                self.assertTrue(wait_until(lambda: "table inet sallyd-" not in self.left(world.server)))
                server.stop()

    def test_the_worker(self):
        with self.doors("conntrack") as (world, server):
            client = self.session(world)
            client.epsv()
            os.kill(server.pids("nobody")[0], signal.SIGKILL)
            self.assertTrue(client.is_closed())
            self.assertTrue(wait_until(lambda: not self.expected(world), 10))
            self.assertIn(b"pub", self.again(world))

    def again(self, world):
        """A new session, as soon as there is a worker for it."""
        for _ in range(20):
            with contextlib.suppress(EOFError, ConnectionError):
                return self.session(world).get("LIST")
            time.sleep(0.2)
        raise AssertionError("no session can be had")


class Told(DoorCase):
    """explain --server-config says of each way what then becomes of it."""
    LIMITED = STATES.replace("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                             "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
                             "-A INPUT -p tcp -m tcp --dport 9000:9999 -m conntrack --ctstate RELATED -j ACCEPT")
    RANGE = LOCKED.format("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 30000:30999 -j ACCEPT\n"
                          "-A OUTPUT -p tcp -m tcp --sport 21 -j ACCEPT\n-A OUTPUT -p tcp -m tcp --sport 30000:30999 -j ACCEPT")

    def test_as_it_is(self):
        cases = [("states", STATES, "conntrack"), ("states", STATES, "auto"), ("states", STATES, "none"), ("limited", self.LIMITED, "conntrack"),
                 ("range", self.RANGE, "none"), ("range", self.RANGE, "auto")]
        seen = set()
        for name, rules, firewall in cases:
            with self.subTest(rules=name, firewall=firewall), World() as world:
                world.server.run("iptables-nft-restore", input=rules)
                server = Server(dict(self.options, firewall=firewall, **TLS), f"told-{name}-{firewall}", port=21)
                self.servers.append(server)
                server.start(preexec_fn=world.server.enter())
                said = json.loads(world.server.sallywall("explain", "--json", "--server-config", server.file, "--server", world.address,
                                                         "--client", live.CLIENT, status=(0, 1)).stdout)
                told = {(way["mode"], way["tls"]): way["outcome"] for way in said["ways"]}
                tries = [(mode, tls) for mode in ("passive", "active") for tls in (False, True)]
                with concurrent.futures.ThreadPoolExecutor(4) as pool:
                    got = dict(zip(tries, pool.map(lambda way: reached(by_python, world, way[0], WORKS if told[way] == "works" else TIMES_OUT,
                                                                       tls=way[1]), tries)))
                self.assertEqual({way: outcome == WORKS for way, outcome in got.items()}, {way: told[way] == "works" for way in tries}, said)
                seen.update(told.items())
                server.stop()
        self.assertEqual({outcome for _, outcome in seen}, {"works", "blocked"})

    def test_at_start(self):
        """The server says it, too, and more where something does not work; if sallywall is where the server is."""
        beside = os.path.join(os.path.dirname(harness.SALLYD), "sallywall")
        os.symlink(harness.SALLYWALL, beside)
        self.addCleanup(os.unlink, beside)
        for rules, words in ((STATES, "All that the server offers its clients works over IPv4 with the rules of the wall of this machine, by doors"),
                             (self.LIMITED, "used its door up"), (LOCKED.format(""), "No doors (firewall=none)")):
            with World() as world:
                if rules is STATES:
                    live.need_live()
                    world.up(ipv4=rules, ipv6=rules)
                else:
                    world.server.run("iptables-nft-restore", input=rules)
                server = Server(dict(self.options, firewall="auto", **TLS), f"start-{abs(hash(words))}", port=21)
                self.servers.append(server)
                server.start(preexec_fn=world.server.enter())
                self.assertTrue(wait_until(lambda: words in server.text()), server.text())
                self.assertEqual(server.stop(), 0)

    def test_in_words(self):
        for language, words in (("en", ("Doors (firewall=conntrack)", "used its door up", "passive (under TLS)")), ("ko", ("문 (firewall=conntrack)",))):
            conf = harness.write_file(f"{harness.WORK}/told.conf", "anonymous_enable=YES\nssl_enable=YES\nfirewall=conntrack\n")
            rules = harness.write_file(f"{harness.WORK}/told.rules", self.LIMITED)
            done = subprocess.run([harness.SALLYWALL, "explain", rules, "--server-config", conf, "--lang", language], capture_output=True,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            for word in words:
                self.assertIn(word, done.stdout)
        done = subprocess.run([harness.SALLYWALL, "explain", rules, "--server-config", "/nowhere"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("/nowhere", done.stderr)

    def test_who_can_open_none(self):
        """A server behind the firewall, or another one than ours."""
        rules = harness.write_file(f"{harness.WORK}/told.rules", STATES.replace(":FORWARD ACCEPT", ":FORWARD DROP").replace(
            "COMMIT", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -p tcp -m tcp --dport 21 -j ACCEPT\nCOMMIT"))
        for name, at, doors, says in (("sallyd.conf", "server", True, "Doors (firewall=auto)"), ("sallyd.conf", "gateway", False, "another machine"),
                                      ("vsftpd.conf", "server", False, "vsftpd opens none")):
            conf = harness.write_file(f"{harness.WORK}/{name}", "anonymous_enable=YES\nport_enable=NO\n")
            done = subprocess.run([harness.SALLYWALL, "explain", rules, "--server-config", conf, "--at", at], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, says in done.stdout), (0 if doors else 1, True), done.stdout + done.stderr)


class Loader(threading.Thread):
    """Fetches a file again and again, in sessions that may end at any time. done: how often it had all of it; wrong: what may not be."""

    def __init__(self, case, world, is_private, is_over):
        super().__init__(daemon=True)
        self.case, self.world, self.is_private, self.is_over = case, world, is_private, is_over
        self.done, self.broken, self.wrong = 0, 0, []

    def run(self):
        while not self.is_over():
            try:
                self.work()
            except (OSError, EOFError, AssertionError, ftplib.Error):  # of what was killed or flushed; whether too long, work has noted
                self.broken += 1
                time.sleep(0.05)
            except Exception as error:  # noqa: BLE001 - reported by the test
                self.wrong.append(repr(error))

    def work(self):
        with self.world.client.at():
            client = Continuing(self.world, 5) if self.is_private else Session(self.world)
        with contextlib.closing(client):
            client.sock.settimeout(20)  # and a data connection 5 seconds
            fetch = self.fetch_private if self.is_private else self.fetch_clear
            if not self.is_private:
                client.login("anonymous", "test@")
            while not self.is_over():
                content = fetch(client)
                if content != self.case.content:
                    self.wrong.append(f"{len(content)} bytes were said to be all")
                self.done += 1

    def fetch_private(self, client):
        parts = []
        client.retrbinary("RETR pub/load", parts.append)
        return b"".join(parts)

    def fetch_clear(self, client):
        data = client.connect(client.epsv(), patience=5)
        if not data:
            raise TimeoutError("no connection")
        with data:
            try:
                client.want("RETR pub/load", 150)
                content = harness.read_all(data)
                client.want(None, 226)
            except TimeoutError:
                self.wrong.append("no answer in time")
                raise
        return content


class KilledAtRandom(DoorCase):
    """Whichever process is killed, whatever is flushed while files go, in the clear and under TLS: nothing is open for longer than its time,
    nobody waits for ever, what comes next works, and nothing is left."""
    transfers, rounds, loaders, accept_timeout = 100, 2, 4, 3
    limit = 180
    names = {"worker": "sallyd: worker", "broker": "sallyd: broker", "key process": "sallyd: keys"}

    def start_on(self, world):
        server = Server(dict(self.options, firewall="conntrack", accept_timeout=self.accept_timeout, workers=2, max_per_ip=0, **TLS),
                        f"at-random-{len(self.servers)}", port=21)
        self.servers.append(server)
        return server.start(preexec_fn=world.server.enter())

    def disturb(self, what):
        if what == "monitor":
            family = harness.descendants(self.served.process.pid)
            self.served.process.kill()
            self.served.process.wait()
            self.assertTrue(wait_until(lambda: not any(map(harness.is_alive, family))), "what the monitor started outlived it")
            self.served.stop()
            self.assertTrue(wait_until(lambda: "table inet sallyd-" not in self.left(self.world.server)))
            self.served = self.start_on(self.world)
        elif what == "rules":
            self.world.server.run("nft", "flush", "ruleset")
            self.lock_states(self.world, {}, "ACCEPT")
        elif what == "connections":
            self.world.server.run("conntrack", "-F")
        else:
            for pid in harness.children(self.served.process.pid):
                with contextlib.suppress(OSError):
                    if harness.read_file(f"/proc/{pid}/comm").decode().rstrip() == self.names[what]:
                        os.kill(pid, signal.SIGKILL)

    def test_nothing_is_left_open(self):
        dice = random.Random()
        seed = int(os.environ.get("SALLY_STRESS_SEED", "0")) or dice.randrange(1 << 32)
        self.way = f"SALLY_STRESS_SEED={seed}"
        dice.seed(seed)
        self.content = b"y" * 70_000
        write_file(self.root + "/load", self.content)
        kinds = [*self.names, "monitor", "rules", "connections"]
        with World() as self.world:
            self.lock_states(self.world, {}, "ACCEPT")
            before = self.left(self.world.server)
            self.served = self.start_on(self.world)
            enough, count = threading.Event(), 0
            loaders = [Loader(self, self.world, n % 2, enough.is_set) for n in range(self.loaders)]
            for loader in loaders:
                loader.start()
            try:
                while count < len(kinds) * self.rounds or sum(loader.done for loader in loaders) < self.transfers:
                    if count % len(kinds) == 0:
                        dice.shuffle(kinds)
                    self.disturb(kinds[count % len(kinds)])
                    count += 1
                    done = sum(loader.done for loader in loaders)
                    self.assertTrue(wait_until(lambda d=done: sum(loader.done for loader in loaders) > d), f"nothing came after {kinds}, {count}")
                    time.sleep(0.5 + dice.random())  # a worker that lives less than a second five times is not started again
                    self.assertLessEqual(max(self.expected(self.world), default=0), self.accept_timeout)
                    self.assertLessEqual(self.left(self.world.server).count("table inet sallyd-"), 1)
            finally:
                enough.set()
                for loader in loaders:
                    loader.join(harness.PATIENCE)
            self.assertEqual([wrong for loader in loaders for wrong in loader.wrong], [])
            self.assertEqual([loader for loader in loaders if loader.is_alive() or not loader.done], [])
            self.assertTrue(wait_until(lambda: not self.expected(self.world)))
            print(f"     {count} disturbances, {sum(loader.done for loader in loaders)} transfers, {sum(loader.broken for loader in loaders)} broken off", flush=True)
            self.gone(self.world, self.served, before)


class Walls(DoorCase):
    def test_the_wall_is_taken_down_and_put_up(self):
        """Where none stands there is nothing to open a door in, and nothing in the way."""
        for way in ("sallywall", "auto, wall"):
            with self.subTest(way=way), World() as world:
                server, _ = self.serve(world, way)
                client = self.session(world)
                self.assertIn(b"pub", client.get("LIST"))
                world.server.sallywall("down")
                self.assertIn(b"pub", client.get("LIST"))
                world.up(ipv4=STATES, ipv6=STATES)
                self.assertIn(b"pub", self.session(world).get("LIST"))
                self.assertEqual(server.stop(), 0, server.text())


class Rule(DoorCase):
    def test_a_way_that_does_not_work(self):
        """The server does not start, and says what is missing."""
        for way, words in (("nft", "table inet filter has no set sallyd4"), ("ipset", "no ipset sallyd4")):
            with self.subTest(way=way), World() as world:
                server = Server(dict(self.options, firewall=way), f"lacks-{way}", port=21)
                server.start(wait_ready=False, preexec_fn=world.server.enter())
                self.assertEqual(server.process.wait(harness.PATIENCE), 1)
                server.stop()
                self.assertIn(words, server.text())
                self.assertIn("--firewall-rule", server.text())

    def test_without_the_right(self):
        """What the kernel refuses is told as what it is."""
        for way in ("conntrack", "nft", "ipset"):
            with self.subTest(way=way), World() as world:
                conf, lock = self.WAYS[way]
                lock(self, world, conf)
                server = Server(dict(self.options, **conf), f"no-right-{way}", port=21)
                server.start(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", harness.SALLYD, server.file], wait_ready=False,
                             preexec_fn=world.server.enter())
                self.assertEqual(server.process.wait(harness.PATIENCE), 1)
                server.stop()
                self.assertIn("Operation not permitted", server.text())

    def test_without_root(self):
        """run_as_launching_user: auto leaves it, and what was asked for is refused."""
        with World() as world:
            self.lock_states(world, {})
            options = dict(self.options, run_as_launching_user="YES", listen_port=2121, connect_from_port_20="NO", ftp_username="nobody")
            for way in ("auto", "conntrack"):
                server = Server(dict(options, firewall=way), f"no-root-{way}", port=2121)
                os.chmod(server.dir, 0o777)
                enter = world.server.enter()
                server.start(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", harness.SALLYD, server.file], wait_ready=way == "auto",
                             preexec_fn=enter)
                if way == "auto":
                    self.assertIn("no doors, since they take root", server.text())
                    self.assertEqual(server.stop(), 0)
                else:
                    self.assertEqual(server.process.wait(harness.PATIENCE), 1)
                    server.stop()
                    self.assertIn("firewall=conntrack does not work here", server.text())

    def test_wrong_words(self):
        for option, word in (("firewall", "yes"), ("firewall_helper", "irc"), ("firewall_set", "a b"), ("firewall_set", "x;reboot"),
                             ("firewall_table", "filter")):
            with self.subTest(option=option, word=word):
                done = subprocess.run([harness.SALLYD, "/dev/null", "-oanonymous_enable=YES", f"-o{option}={word}", "--firewall-rule"],
                                      capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(f"{option}={word}: expected", done.stderr)


if __name__ == "__main__":
    unittest.main()
