# SPDX-License-Identifier: BSD-2-Clause
"""Data connections: active and passive, shared passive ports, both address families."""
import os
import socket
import threading
import time

from harness import AnonymousCase, CLIENT_TIMEOUT, noise, read_all, write_file
from namespace import IPV6_ADDRESSES


def is_refused(host, port, source):
    """Is a connection from source turned away at once: not accepted, or closed without a byte?"""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(2)
        s.bind((source, 0))
        try:
            s.connect((host, port))
            return s.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


class Active(AnonymousCase):
    options = {"pasv_enable": "NO"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")

    def test_comes_from_port_20(self):
        c = self.anonymous()
        self.assertEqual(c.get("RETR file", "active"), b"0123456789")
        self.assertEqual(c.active_peer, ("127.0.0.1", 20))

    def test_texts(self):
        c = self.anonymous()
        with c.listen() as listener:
            self.assertEqual(c.want(c.port_command(listener), 200).text, "PORT command successful. Consider using PASV.")

    def test_same_client_port_again_at_once(self):
        """The server closes first, so its side of the old connection waits in TIME_WAIT (proftpd's "Address already in use")."""
        c = self.anonymous()
        with c.listen() as listener:
            for _ in range(10):
                c.want(c.port_command(listener), 200)
                c.want("RETR file", 150)
                data, peer = listener.accept()
                with data:
                    self.assertEqual(read_all(data), b"0123456789")
                self.assertEqual(peer[1], 20)
                c.want(None, 226)

    def test_passive_is_refused(self):
        c = self.anonymous()
        c.want("PASV", 550)
        c.want("EPSV", 550)

    def test_bad_arguments(self):
        c = self.anonymous()
        for argument in ("", "1,2,3", "127,0,0,1,300,1", "127,0,0,1,-1,1", "a,b,c,d,e,f", "127,0,0,1,4,1,9", "127,0,0,1,4,1x"):
            self.assertIn(c.cmd("PORT " + argument).code, (500, 501), argument)
        for argument in ("", "|", "|1|127.0.0.1|", "|1|127.0.0.1|99999|", "|2|127.0.0.1|2000|", "|1|::1|2000|", "|1|127.0.0.1|x|"):
            self.assertIn(c.cmd("EPRT " + argument).code, (500, 501, 522), argument)
        c.want("EPRT |3|127.0.0.1|2000|", 522, 500)
        c.want("LIST", 425)

    def test_nobody_listens(self):
        c = self.anonymous()
        with c.listen() as listener:
            command = c.port_command(listener)
        c.want(command, 200)
        got = c.cmd("LIST")
        if got.code == 150:
            got = c.reply()
        self.assertEqual((got.code, got.text), (425, "Failed to establish connection. Connection refused."))
        c.want("NOOP", 200)


class ActiveFromAnyPort(AnonymousCase):
    options = {"connect_from_port_20": "NO"}

    def test_source_port(self):
        c = self.anonymous()
        c.get("LIST", "active")
        self.assertNotEqual(c.active_peer[1], 20)


class OtherDataPort(AnonymousCase):
    options = {"ftp_data_port": "2020"}

    def test_source_port(self):
        c = self.anonymous()
        c.get("LIST", "active")
        self.assertEqual(c.active_peer[1], 2020)


class PortOff(AnonymousCase):
    options = {"port_enable": "NO"}

    def test_port_is_refused(self):
        c = self.anonymous()
        c.want("PORT 127,0,0,1,200,1", 550)
        c.want("EPRT |1|127.0.0.1|20000|", 550)


class Passive(AnonymousCase):
    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")

    def test_pasv(self):
        c = self.anonymous()
        host, port = c.pasv()
        self.assertEqual(host, "127.0.0.1")
        self.assertTrue(20000 <= port <= 20999)
        with c.connect(port) as data:
            c.want("RETR file", 150)
            self.assertEqual(read_all(data), b"0123456789")
        c.want(None, 226)

    def test_command_before_the_connection(self):
        c = self.anonymous()
        port = c.epsv()
        c.send("RETR file")
        time.sleep(0.2)
        with c.connect(port) as data:
            c.want(None, 150)
            self.assertEqual(read_all(data), b"0123456789")
        c.want(None, 226)

    def test_address_is_the_one_the_client_came_to(self):
        host, _ = self.anonymous("127.0.0.7", source="127.0.0.3").pasv()
        self.assertEqual(host, "127.0.0.7")

    def test_epsv_arguments(self):
        c = self.anonymous()
        c.want("EPSV 1", 229)
        c.want("EPSV 2", 522, 229)
        c.want("EPSV 3", 522)
        c.want("EPSV all", 200)
        for command in ("PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|20000|"):
            self.assertGreaterEqual(c.cmd(command).code, 500, command)
        c.want("EPSV", 229)

    def test_new_pasv_replaces_the_old(self):
        c = self.anonymous()
        c.epsv()
        c.epsv()
        self.assertEqual(c.get("RETR file"), b"0123456789")

    def test_once_only(self):
        c = self.anonymous()
        port = c.epsv()
        with c.connect(port) as data:
            c.want("RETR file", 150)
            read_all(data)
        c.want(None, 226)
        c.want("RETR file", 425)
        self.assertTrue(is_refused("127.0.0.1", port, "127.0.0.1"))

    def test_stranger_is_refused_at_once(self):
        c = self.anonymous(source="127.0.0.2")
        port = c.epsv()
        begin = time.monotonic()
        self.assertTrue(is_refused("127.0.0.1", port, "127.0.0.3"))
        self.assertLess(time.monotonic() - begin, 30)
        with c.connect(port) as data:
            c.want("RETR file", 150)
            self.assertEqual(read_all(data), b"0123456789")
        c.want(None, 226)


class OnePassivePort(AnonymousCase):
    options = {"pasv_min_port": "20050", "pasv_max_port": "20050", "pasv_wait_timeout": "2", "max_clients": "500"}

    @classmethod
    def prepare(cls):
        for i in range(200):
            write_file(f"{cls.root}/file{i}", noise(100_000, i))

    def test_200_clients_at_once(self):
        barrier, failures = threading.Barrier(200, timeout=CLIENT_TIMEOUT), []

        def one(i):
            try:
                with self.server.client(source=f"127.0.1.{i + 1}") as c:
                    c.login("anonymous", "x@")
                    c.want("TYPE I", 200)
                    port = c.epsv()
                    barrier.wait()  # all of them wait on the port now
                    with c.connect(port) as data:
                        c.want(f"RETR /pub/file{i}", 150)
                        content = read_all(data)
                    c.want(None, 226)
                    if port != 20050 or content != noise(100_000, i):
                        failures.append((i, port, len(content)))
            except Exception as error:
                barrier.abort()
                failures.append((i, repr(error)))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(200)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])

    def test_30_clients_of_one_address_take_turns(self):
        failures = []

        def one(i):
            try:
                with self.server.client(source="127.0.0.4") as c:
                    c.login("anonymous", "x@")
                    c.want("TYPE I", 200)
                    for n in (i, i + 30):
                        if c.get(f"RETR /pub/file{n}") != noise(100_000, n):
                            failures.append((n, "another file's content"))
            except Exception as error:
                failures.append((i, repr(error)))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(30)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])

    def test_second_waits_its_turn(self):
        first, second = self.anonymous(), self.anonymous()
        port = first.epsv()
        second.send("EPSV")
        self.assertTrue(second.quiet(0.5))
        with first.connect(port) as data:
            first.want("RETR file1", 150)
            second.want(None, 229)
            self.assertTrue(read_all(data) == noise(100_000, 1))
        first.want(None, 226)
        with second.connect(port) as data:
            second.want("RETR file2", 150)
            self.assertTrue(read_all(data) == noise(100_000, 2))
        second.want(None, 226)

    def test_turn_comes_when_the_first_leaves(self):
        first, second = self.anonymous(), self.anonymous()
        first.epsv()
        second.send("EPSV")
        self.assertTrue(second.quiet(0.3))
        first.close()
        second.want(None, 229)

    def test_wait_ends(self):
        first, second = self.anonymous(), self.anonymous()
        first.epsv()
        begin = time.monotonic()
        self.assertIn(second.cmd("EPSV").code, (421, 425, 450))
        self.assertTrue(1.5 < time.monotonic() - begin < 45)
        second.want("NOOP", 200)


class FewPassivePorts(AnonymousCase):
    options = {"pasv_min_port": "20060", "pasv_max_port": "20062"}

    def test_sessions_of_one_address_get_different_ports(self):
        ports = [self.anonymous().epsv() for _ in range(3)]
        self.assertEqual(sorted(ports), [20060, 20061, 20062])
        last = self.anonymous()
        last.send("EPSV")
        self.assertTrue(last.quiet(0.3))
        self.assertIn(self.anonymous(source="127.0.0.2").epsv(), ports)


class BothFamilies(AnonymousCase):
    options = {"listen_ipv6": "YES"}
    addresses = [("127.0.0.1", "127.0.0.2"), ("::1", "::1"), (IPV6_ADDRESSES[0], IPV6_ADDRESSES[1])]

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")

    def test_transfers(self):
        for host, source in self.addresses:
            for mode in ("passive", "active"):
                with self.subTest(host=host, mode=mode):
                    c = self.anonymous(host, source=source)
                    self.assertEqual(c.get("RETR file", mode), b"0123456789")
                    self.assertEqual(c.put(f"STOR up-{mode}", noise(200_000), mode).code, 226)
                    self.assertTrue(self.disk(f"up-{mode}") == noise(200_000))
                    os.unlink(self.path(f"up-{mode}"))

    def test_pasv_over_ipv6_is_refused(self):
        self.assertIn(self.anonymous("::1").cmd("PASV").code, (425, 500, 501, 522, 550))

    def test_ipv6_stranger_is_refused(self):
        c = self.anonymous(IPV6_ADDRESSES[0], source=IPV6_ADDRESSES[1])
        port = c.epsv()
        self.assertTrue(is_refused(IPV6_ADDRESSES[0], port, IPV6_ADDRESSES[2]))
        c.connect(port).close()


class Addresses(AnonymousCase):
    def test_pasv_address(self):
        server = self.own_server(dict(self.conf, pasv_address="203.0.113.7"))
        self.assertEqual(server.anonymous().pasv()[0], "203.0.113.7")

    def test_pasv_addr_resolve(self):
        server = self.own_server(dict(self.conf, pasv_address="localhost", pasv_addr_resolve="YES"))
        self.assertEqual(server.anonymous().pasv()[0], "127.0.0.1")

    def test_pasv_address_map(self):
        server = self.own_server(dict(self.conf, pasv_address_map="127.0.0.2/32=10.9.9.9,127.0.4.0/24=10.8.8.8,0.0.0.0/0=203.0.113.7"))
        for source, wanted in (("127.0.0.2", "10.9.9.9"), ("127.0.4.77", "10.8.8.8"), ("127.0.0.1", "203.0.113.7")):
            self.assertEqual(server.anonymous(source=source).pasv()[0], wanted)

    def test_listen_address(self):
        server = self.own_server(dict(self.conf, listen_address="127.0.0.5"))
        server.anonymous("127.0.0.5").close()
        with self.assertRaises(ConnectionRefusedError):
            server.client("127.0.0.1")

    def test_pasv_promiscuous(self):
        server = self.own_server(dict(self.conf, pasv_promiscuous="YES"))
        c = server.anonymous(source="127.0.0.2")
        with c.connect(c.epsv(), source="127.0.0.3") as data:
            c.want("LIST", 150)
            read_all(data)
        c.want(None, 226)

    def test_port_promiscuous(self):
        server = self.own_server(dict(self.conf, port_promiscuous="YES"))
        c = server.anonymous(source="127.0.0.2")
        with socket.create_server(("127.0.0.3", 0)) as listener:
            c.want(c.port_command(listener), 200)
            c.want("LIST", 150)
            listener.accept()[0].close()
        c.reply()
