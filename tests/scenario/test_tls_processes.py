# SPDX-License-Identifier: BSD-2-Clause
"""FTP under TLS: what the key process is for, which programs can do it, listings of any length."""
import contextlib
import json
import os
import re
import signal
import ssl

import harness
from harness import Server, make_dir, noise, process_status, read_all, read_file, wait_until, write_file
from namespace import UID
from tls import VERSIONS, openssl, make_certificate, TlsCase, key_process, vanish, has_in_memory, client_hello


class Processes(TlsCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.conf["json_log_file"] = os.path.join(os.path.dirname(cls.root), "json.log")
        write_file(cls.root + "/big", noise(5 << 20))

    def served_at_last(self, server=None):
        def attempt():
            with contextlib.suppress(AssertionError, EOFError, ConnectionError, ssl.SSLError), self.private(server) as c:
                return c.get("RETR file") == self.disk("file")
        self.assertTrue(wait_until(attempt))

    def worker(self):
        keys = key_process(self.server)
        return [pid for pid in self.server.running("nobody") if pid != keys][0]

    def test_the_key_process_is_confined(self):
        pid = key_process(self.server)
        self.assertTrue(pid, "no key process")
        status = process_status(pid)
        for ids in ("Uid", "Gid"):
            self.assertEqual(status[ids].split(), [str(UID["nobody"])] * 4)
        self.assertEqual(status["Groups"].split(), [])
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual(os.listdir(f"/proc/{pid}/root/"), [])
        self.assertNotEqual(os.stat(f"/proc/{pid}/root/").st_ino, os.stat("/").st_ino)
        for fd in os.listdir(f"/proc/{pid}/fd"):
            if int(fd) > 2:
                self.assertFalse(os.readlink(f"/proc/{pid}/fd/{fd}").startswith(harness.WORK), fd)

    def test_the_key_is_in_no_other_process(self):
        """Neither as PEM nor as the number, in big endian or little; as root reads /proc/PID/mem"""
        self.assert_served()
        text = openssl("pkey", "-in", self.certificate, "-noout", "-text").stdout.decode()
        number = bytes.fromhex(re.sub(r"[^0-9a-f]", "", text[text.index("priv:") + 5:text.index("pub:")]))[-32:]
        pem = read_file(self.certificate).split(b"\n")[1]
        family, keys = [self.server.process.pid] + harness.descendants(self.server.process.pid), key_process(self.server)
        held = [pid for pid in family if has_in_memory(pid, number, number[::-1], pem)]
        self.assertEqual(held, [keys])  # there it must be found, or this looked in the wrong places

    def test_the_key_process_is_killed(self):
        open_before = [self.private(version=version) for version in VERSIONS]
        moving = self.private()
        with moving.data("RETR big") as data:
            got = data.recv(100)
            killed = key_process(self.server)
            os.kill(killed, signal.SIGKILL)
            for c in open_before:
                self.assertEqual(c.get("RETR file"), self.disk("file"))
                self.assertEqual(c.put("STOR new", b"new").code, 226)
            self.assertTrue(got + read_all(data) == self.disk("big"))
        moving.want(None, 226)
        self.served_at_last()
        self.assertNotIn(key_process(self.server), (None, killed))
        for c in open_before:
            self.assertEqual(c.get("RETR file"), self.disk("file"))

    def test_the_key_process_is_killed_and_data_channels_need_one(self):
        """require_ssl_reuse=NO, and a client that continues no session: each of its data channels is a whole handshake."""
        server = self.own_server(dict(self.conf, require_ssl_reuse="NO"))
        open_before = [self.private(server, version=version) for version in VERSIONS]
        os.kill(key_process(server), signal.SIGKILL)
        self.served_at_last(server)
        for c in open_before:
            self.way, c.resumes = c.sock.version(), False
            self.assertEqual(c.get("RETR file"), self.disk("file"))
            self.assertEqual(c.put("STOR new", b"new").code, 226)

    def test_ended_while_a_signature_is_awaited(self):
        """A handshake is given up while the key process rests: by ABOR, by the client's reset, by `sallyd kick`."""
        server = self.own_server(dict(self.conf, require_ssl_reuse="NO"))
        for version in self.versions():
            clients = [self.private(server, version=version) for _ in range(3)]
            pid = key_process(server)
            os.kill(pid, signal.SIGSTOP)
            try:
                data = []
                for c in clients:
                    data.append(c.connect(c.epsv()))
                    c.want("RETR file", 150)
                    data[-1].sendall(client_hello(version))
                control = self.begin(version, server)
                self.assertTrue(wait_until(lambda: len(server.who()) == 4))
                clients[0].want("ABOR", 426)
                clients[0].want(None, 226)
                vanish(clients[1].sock)
                self.assertTrue(wait_until(lambda: len(server.who()) == 3))
                for number in [w["id"] for w in server.who()][1:]:  # the oldest stays
                    server.command("kick", number, "--socket", server.control_socket)
                self.assertTrue(wait_until(lambda: len(server.who()) == 1))
            finally:
                os.kill(pid, signal.SIGCONT)
            for s in data:
                s.close()
            control.close()
            self.assertEqual(clients[0].get("RETR file"), self.disk("file"))
            clients[0].close()
            self.assertTrue(wait_until(lambda: not server.who()))
            self.assert_served(server)
            self.assertTrue(wait_until(lambda: not server.who()))

    def begin(self, version, server=None):
        """A client whose handshake waits for the key process, which rests."""
        c = self.plain(server, version=version)
        c.want("AUTH TLS", 234)
        c.sock.sendall(client_hello(version))
        return c

    def test_a_key_process_that_rests_stalls_only_who_needs_it(self):
        open_before = [self.private(version=version) for version in VERSIONS]
        pid = key_process(self.server)
        os.kill(pid, signal.SIGSTOP)
        try:
            begun = [self.begin(version) for version in VERSIONS for _ in range(4)]
            for c in open_before:
                self.assertEqual(c.get("RETR file"), self.disk("file"))
            self.assertIn(b"pub", self.plain().login().get("NLST"))
            for c in begun[::2]:
                c.reset()  # whose signature nobody wants any more
            for c in open_before:
                self.assertEqual(c.get("RETR file"), self.disk("file"))
        finally:
            os.kill(pid, signal.SIGCONT)
        for c in begun[1::2]:
            self.assertEqual(c.sock.recv(1), b"\x16")
        self.assert_served()

    def test_the_key_process_dies_amid_handshakes(self):
        c = self.private()
        pid = key_process(self.server)
        os.kill(pid, signal.SIGSTOP)
        begun = [self.begin(version) for version in VERSIONS for _ in range(4)]
        self.assertEqual(c.get("RETR file"), self.disk("file"))
        os.kill(pid, signal.SIGKILL)
        for d in begun:
            with contextlib.suppress(ConnectionError):
                read_all(d.sock)  # they end; under TLS 1.3 after a ServerHello
        self.assertEqual(c.get("RETR file"), self.disk("file"))
        self.served_at_last()

    def test_the_worker_is_killed(self):
        c, killed = self.private(), self.worker()
        os.kill(killed, signal.SIGKILL)
        self.assertTrue(c.is_closed())
        self.served_at_last()
        self.assertNotEqual(self.worker(), killed)
        self.assert_served()

    def test_the_key_process_does_not_outlive_the_monitor(self):
        server = Server(self.conf, "orphans").start()
        c, family = self.private(server), harness.descendants(server.process.pid)
        self.assertIn(key_process(server), family)
        server.process.kill()
        self.assertTrue(c.is_closed())
        self.assertTrue(wait_until(lambda: not any(map(harness.is_alive, family))))
        server.stop()

    def test_no_certificate_for_a_while(self):
        """The key process dies, and its file is gone: TLS can't be had, the rest can; and it comes back with the file."""
        path = make_certificate(self.folder + "/away.pem", "ftp.example")
        server = self.own_server(dict(self.conf, rsa_cert_file=path))
        c = self.private(server)
        os.rename(path, path + ".away")
        os.kill(key_process(server), signal.SIGKILL)

        def answer():
            with self.plain(server) as d:
                return d.cmd("AUTH TLS").code
        self.assertTrue(wait_until(lambda: any(path in line for line in server.output)), server.text())
        self.assertTrue(wait_until(lambda: answer() == 431, 20), answer())
        self.assertEqual(c.get("RETR file"), self.disk("file"))
        d = self.plain(server)
        d.want("AUTH TLS", 431)
        d.login()
        self.assertIn(b"pub", d.get("NLST"))
        os.rename(path + ".away", path)
        self.served_at_last(server)

    def test_who_and_the_log(self):
        for version in self.versions():
            with self.plain(version=version) as c:
                self.assertEqual([(w["tls"], w["cipher"], w["certificate"], w["private_data"]) for w in self.server.who()],
                                 [(None, None, None, False)])
                c.auth().login()
                cipher, protocol = c.sock.cipher()[0], c.sock.version()
                for is_private, line in ((False, "PROT C"), (True, "PROT P"), (False, "PROT C")):
                    c.want(line, 200)
                    self.assertEqual([(w["tls"], w["cipher"], w["certificate"], w["private_data"]) for w in self.server.who()],
                                     [(protocol, cipher, None, is_private)])
            self.assertTrue(wait_until(lambda: not self.server.who()))

            def is_logged():
                lines = [json.loads(line) for line in read_file(self.conf["json_log_file"]).decode().splitlines()]
                return [line for line in lines if (line.get("protocol"), line.get("cipher")) == (protocol, cipher)]
            self.assertTrue(wait_until(is_logged))

    def test_drain(self):
        """SIGTERM: a transfer goes on to its end, under TLS as in the clear."""
        server = self.own_server(dict(self.conf, drain_timeout="30"))
        write_file(self.path("long"), noise(16 << 20))
        c = self.private(server)
        with c.data("RETR long") as data:
            got = data.recv(100)
            server.process.send_signal(signal.SIGTERM)
            self.assertTrue(wait_until(lambda: server.port not in harness.listening_ports()))
            self.assertTrue(got + read_all(data) == self.disk("long"))
        c.want(None, 226)
        self.assertEqual(server.process.wait(harness.PATIENCE), 0)


class Programs(TlsCase):
    """Real clients, which continue sessions in their own ways; what is default is on."""
    def test_curl(self):
        """Without active mode, in which curl 7.87 to 7.88 never begins TLS (curl#10666)"""
        url = f"ftp://127.0.0.1:{self.server.port}/pub/"
        for version in ("1.2", "1.3"):
            self.way, curl = version, self.curl(version)
            self.assertEqual(self.run_client(*curl, url + "file"), self.disk("file"))
            self.assertEqual(self.run_client(*curl, url + "file", url + "file", url + "file"), self.disk("file") * 3)
            self.assertIn(b"file", self.run_client(*curl, url))
            self.run_client(*curl, "-T", self.certificate, url + "sent")
            self.assertEqual(self.disk("sent"), read_file(self.certificate))

    def test_lftp(self):
        for version in ("1.2", "1.3"):
            self.way = version
            got = self.run_lftp(version, f"cd pub; cls; put {self.certificate} -o sent; cat sent; cat file")
            self.assertTrue(got.endswith(read_file(self.certificate) + self.disk("file")), got[-100:])


class LongListing(TlsCase):
    """A folder of 100,000 names, to real clients; tests/soak has more of them."""
    count = 100_000

    @classmethod
    def prepare(cls):
        super().prepare()
        make_dir(cls.root + "/many")
        cls.names = {f"name{i:06}" for i in range(cls.count)}
        for name in cls.names:
            open(f"{cls.root}/many/{name}", "w").close()

    def assert_whole(self, text):
        found = {line.split()[-1] for line in text.decode().splitlines() if line.split()}
        self.assertTrue(self.names <= found, f"{len(found & self.names)} of {self.count}")

    def list_by_curl(self, version):
        self.way = version
        self.assert_whole(self.run_client(*self.curl(version), f"ftp://127.0.0.1:{self.server.port}/pub/many/"))

    def list_by_lftp(self, version):
        self.way = version
        self.assert_whole(self.run_lftp(version, "ls pub/many"))

    def test_curl(self):
        self.list_by_curl("1.3")

    def test_lftp(self):
        self.list_by_lftp("1.2")
