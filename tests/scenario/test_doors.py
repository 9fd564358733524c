# SPDX-License-Identifier: BSD-2-Clause
"""Doors in the kernel's firewall, one a transfer: everything is dropped but port 21 and what the rules that sallyd asks for let in,
on the way in and on the way out; real clients, in the clear and under TLS, both families. And whoever else comes stays out."""
import concurrent.futures
import contextlib
import ftplib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import unittest.mock

import harness
import live
from harness import AnonymousCase, Server, wait_until, write_file
from live import World, by_curl, by_lftp, by_python, reached
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
            tries += [("lftp", by_lftp, mode, 4, {}) for mode in ("passive", "active")]
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
                self.assertEqual(self.elements(world, way), 0)
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


class Continuing(ftplib.FTP_TLS):
    """In the client's namespace; its data channels continue the control channel's session."""

    def __init__(self, world):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(timeout=harness.PATIENCE, context=context)
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
        for rules, words in ((STATES, "All that the server offers its clients works with the rules of this machine, by doors"),
                             (self.LIMITED, "used its door up"), (LOCKED.format(""), "No doors")):
            with World() as world:
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
