# SPDX-License-Identifier: BSD-2-Clause
"""FTP under TLS: AUTH, PBSZ, PROT, CCC; who must and who may; attacks, and peers that are slow."""
import contextlib
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import harness
from harness import new_tls_context, noise, read_all, wait_until, write_file
from namespace import PASSWORD
from tls import VERSIONS, TlsCase, client_hello


# --- AUTH, PBSZ, PROT, CCC; who must, who may ---------------------------------------------------------------------

class Negotiation(TlsCase):
    options = {"local_enable": "YES", "chroot_local_user": "YES", "allow_writeable_chroot": "YES"}

    @classmethod
    def prepare(cls):
        super().prepare()
        write_file(harness.WORK + "/home/alice/file", b"hers", "alice")

    def features(self, c):
        return {line.strip().upper() for line in c.want("FEAT", 211).lines[1:-1]}

    def test_mechanisms(self):
        for version in self.versions():
            for mechanism in ("TLS", "SSL", "tls", "TLS-C", "TLS-P"):
                c = self.plain(version=version).auth(mechanism)
                self.assertEqual(c.sock.version(), version.name.replace("_", "."))
                c.login().protect()
                self.assertIn(b"pub", c.get("NLST"))

    def test_feat(self):
        tls = {"AUTH TLS", "PBSZ", "PROT"}
        c = self.plain()
        self.assertLessEqual(tls, self.features(c))
        self.assertLessEqual({"PBSZ", "PROT"}, self.features(c.auth()))
        c = self.plain(self.own_server(dict(self.conf, ssl_enable="NO")))
        self.assertFalse([line for line in self.features(c) if line.split()[0] in ("AUTH", "PBSZ", "PROT", "CCC")])

    def test_without_ssl_enable(self):
        c = self.plain(self.own_server(dict(self.conf, ssl_enable="NO", rsa_cert_file="/no/such/file")))
        self.expect(c, [("AUTH TLS", 502), ("PBSZ 0", 502), ("PROT P", 502), ("CCC", 530)])
        c.login()
        self.assertIn(b"pub", c.get("NLST"))
        self.expect(c, [("PBSZ 0", 502), ("PROT P", 502), ("NOOP", 200)])

    def test_commands_out_of_order(self):
        c = self.plain()
        self.expect(c, [("PBSZ 0", 503), ("PROT P", 503), ("PROT C", 503), ("AUTH KERBEROS_V4", 504), ("AUTH GSSAPI", 504),
                        ("AUTH", 501), ("AUTH TLSX", 504), ("CCC", 530)])
        c.auth()
        self.expect(c, [("AUTH TLS", 503), ("AUTH SSL", 503), ("PROT X", 504), ("PROT S", 536), ("PROT E", 536),
                        ("PBSZ 0", 200), ("PBSZ 1024", 200), ("PROT P", 200), ("PROT C", 200)])
        c.login()
        self.expect(c, [("AUTH TLS", 503), ("CCC", 534, "ssl_allow_ccc"), ("NOOP", 200)])

    def test_auth_after_login_changes_nothing(self):
        c = self.plain().login()
        self.assertGreaterEqual(c.cmd("AUTH TLS").code, 500)
        c.want("PWD", 257)
        self.assertIn(b"pub", c.get("NLST"))

    def test_what_was_said_in_the_clear_is_forgotten(self):
        c = self.plain()
        c.want("USER anonymous", 331)
        c.auth()
        c.want("PASS x@", 503)
        c.login()

    def test_rein_under_tls(self):
        """RFC 4217 section 11 would have it end TLS: who wants that may connect anew."""
        c = self.secret().login().protect()
        c.want("REIN", 502)
        self.assertIn(b"pub", c.get("NLST"))

    def test_stat_tells_what_is_encrypted(self):
        c = self.secret().login()
        told = "\n".join(c.want("STAT", 211).lines)
        self.assertIn("Control connection is encrypted", told)
        self.assertIn("Data connections will be plain text", told)
        self.assertIn("Data connections will be encrypted", "\n".join(c.protect().want("STAT", 211).lines))
        told = "\n".join(self.plain().login().want("STAT", 211).lines)
        self.assertIn("Control connection is plain text", told)

    def test_implicit_ssl(self):
        server = self.own_server(dict(self.conf, implicit_ssl="YES"))
        for version in self.versions():
            c = self.plain(server, version=version, implicit=True)
            self.assertEqual(c.greeting.code, 220)
            c.want("AUTH TLS", 503)
            c.login().protect()
            self.assertEqual(c.get("RETR pub/file"), self.disk("file"))
        with socket.create_connection(("127.0.0.1", server.port), harness.CLIENT_TIMEOUT) as s:
            s.sendall(b"USER anonymous\r\n")
            with contextlib.suppress(ConnectionError):
                self.assertNotIn(b"220", read_all(s))

    def test_ccc(self):
        server = self.own_server(dict(self.conf, ssl_allow_ccc="YES"))
        for version in self.versions():
            c = self.private(server, version=version)
            session = c.sock.session
            c.want("CCC", 200)
            c.sock = c.sock.unwrap()
            c.want("PWD", 257)
            c.session = session
            self.assertEqual(c.get("RETR file"), self.disk("file"))
            c.resumes = False
            with c.data("RETR file") as data, contextlib.suppress(OSError):
                self.assertEqual(read_all(data), b"")
            c.want(None, 522)
            self.assertGreaterEqual(c.cmd("AUTH TLS").code, 500)
            c.want("CCC", 533)
            c.want("QUIT", 221)

    def test_bytes_pipelined_after_ccc_end_the_session(self):
        """Whether they come under TLS or, somebody else's, in the clear: none may count as said after it."""
        server = self.own_server(dict(self.conf, ssl_allow_ccc="YES"))
        for version in self.versions():
            c = self.private(server, version=version)
            c.send(b"CCC\r\nMKD injected\r\n")
            self.assertTrue(c.is_closed())
        self.assertFalse(os.path.exists(self.path("injected")))

    def test_force_local_logins_ssl(self):
        c = self.plain()
        self.expect(c, [("USER alice", 530), ("PASS " + PASSWORD, 503)])
        c.auth().login("alice")
        c = self.plain(self.own_server(dict(self.conf, force_local_logins_ssl="NO")))
        c.login("alice")
        c.want("PWD", 257)

    def test_force_local_data_ssl(self):
        c = self.secret().login("alice")
        for line in ("RETR file", "LIST", "MLSD", "STOR new"):
            c.epsv()
            c.want(line, 521, 522)
        c.protect()
        self.assertEqual(c.get("RETR file"), b"hers")
        c.want("PROT C", 200)
        c.epsv()
        c.want("RETR file", 521, 522)
        c = self.secret(self.own_server(dict(self.conf, force_local_data_ssl="NO"))).login("alice")
        self.assertEqual(c.get("RETR file"), b"hers")
        c.protect()
        self.assertEqual(c.get("RETR file"), b"hers")

    def test_local_data_is_private_though_the_login_need_not_be(self):
        c = self.plain(self.own_server(dict(self.conf, force_local_logins_ssl="NO"))).login("alice")
        c.epsv()
        c.want("RETR file", 521, 522)

    def test_force_anon_logins_ssl(self):
        self.plain().login()
        c = self.plain(self.own_server(dict(self.conf, force_anon_logins_ssl="YES")))
        c.want("USER anonymous", 530)
        c.auth().login()
        self.assertIn(b"pub", c.get("NLST"))

    def test_force_anon_data_ssl(self):
        c = self.secret(self.own_server(dict(self.conf, force_anon_data_ssl="YES"))).login()
        c.epsv()
        c.want("RETR pub/file", 521, 522)
        c.protect()
        self.assertEqual(c.get("RETR pub/file"), self.disk("file"))

    def test_allow_anon_ssl(self):
        server = self.own_server(dict(self.conf, allow_anon_ssl="NO"))
        for user in ("anonymous", "ftp"):
            self.secret(server).want("USER " + user, 530)
        self.plain(server).login()
        self.secret(server).login("alice")


# --- who was told, and when ---------------------------------------------------------------------------------------

class Attacks(TlsCase):
    def check_injection(self, raw, version=None):
        """What comes with AUTH, before its reply, ends the session, and is neither answered nor done."""
        c = self.plain(version=version)
        c.send(raw)
        with contextlib.suppress(ConnectionError):
            said = read_all(c.sock)
            for word in (b"331", b"230", b"257", b"200", b"\x16\x03"):
                self.assertNotIn(word, said)
        return c

    def test_attack_injection_after_auth(self):
        """CVE-2011-0411 and its kin: what was sent in the clear must not count as said under TLS"""
        more = b"USER anonymous\r\nPASS x@\r\nMKD /pub/injected\r\n"
        for auth in (b"AUTH TLS\r\n", b"AUTH SSL\r\n", b"auth tls\n"):
            for injected in (more, b"NOOP\r\n", b"N", b"\r\n", more * 100, b"AUTH TLS\r\n", client_hello(),
                             more + client_hello()):
                self.way = f"{auth} {injected[:20]}"
                self.check_injection(auth + injected)
        self.assertFalse(os.path.exists(self.path("injected")))

    def test_attack_injection_before_and_after_auth(self):
        c = self.plain()
        c.send(b"NOOP\r\nUSER anonymous\r\nAUTH TLS\r\nPASS x@\r\nMKD /pub/injected\r\n")
        with contextlib.suppress(ConnectionError):
            self.assertNotIn(b"230", read_all(c.sock))
        self.assertFalse(os.path.exists(self.path("injected")))

    def test_attack_injection_after_the_reply(self):
        """In the clear where a ClientHello is due, also before one: nothing of it is done"""
        for version in self.versions():
            for injected in (b"USER anonymous\r\nPASS x@\r\nMKD /pub/injected\r\n",
                             b"GET / HTTP/1.1\r\nHost: ftp.example\r\n\r\n",
                             b"POST / HTTP/1.1\r\n\r\nMKD /pub/injected\r\n", b"\x80\x2c\x01\x03\x01" + bytes(41), bytes(200)):
                for hello in (b"", client_hello(version)):
                    c = self.plain()
                    c.want("AUTH TLS", 234)
                    c.send(injected + hello)
                    with contextlib.suppress(ConnectionError):
                        self.assertFalse(re.search(rb"(?m)^[1-5]\d\d[ -]", read_all(c.sock)))
        self.assertFalse(os.path.exists(self.path("injected")))

    def test_alpn(self):
        """ALPACA: who was led here and believes to speak with another kind of server"""
        for version in self.versions():
            c = self.private(context=new_tls_context(version, alpn=["ftp"]))
            self.assertEqual(c.sock.selected_alpn_protocol(), "ftp")
            self.assertEqual(c.get("RETR file"), self.disk("file"))
            c = self.private(context=new_tls_context(version, alpn=["http/1.1", "ftp"]))
            self.assertEqual(c.sock.selected_alpn_protocol(), "ftp")
            for others in (["http/1.1"], ["h2", "http/1.1"], ["imap"], ["ft"], ["ftpx"]):
                self.assertTrue(self.is_refused(context=new_tls_context(version, alpn=others)), others)
            self.assertIsNone(self.secret(version=version).sock.selected_alpn_protocol())
        self.assert_served()

    def test_renegotiation_is_refused(self):
        argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", "-starttls", "ftp", "-tls1_2"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            alarm = threading.Timer(harness.PATIENCE, client.kill)
            alarm.start()
            said = b""
            while b"Verify return code" not in said:
                said += client.stdout.read1()
                self.assertIsNone(client.poll(), said)
            client.stdin.write(b"R\n")
            client.stdin.flush()
            said = client.stdout.read()  # it gives up
            alarm.cancel()
        self.assertIn(b"RENEGOTIATING", said)
        self.assertIn(b"no renegotiation", said)
        self.assert_served()

    def test_key_update(self):
        """TLS 1.3's own way of new keys"""
        argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", "-starttls", "ftp", "-tls1_3"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            alarm = threading.Timer(harness.PATIENCE, client.kill)
            alarm.start()
            said = b""
            for line, answer in ((b"", b"Verify return code"), (b"K\n", b"KEYUPDATE"),
                                 (b"USER anonymous\r\n", b"331 "), (b"k\n", b"KEYUPDATE"), (b"PASS x@\r\n", b"230 ")):
                client.stdin.write(line)
                client.stdin.flush()
                said = b""
                while answer not in said and (more := client.stdout.read1()):
                    said += more
                self.assertIn(answer, said)
            client.kill()
            alarm.cancel()

    def test_byte_by_byte(self):
        """A record for each byte, also of nothing at all where OpenSSL sends such"""
        for version in self.versions():
            c = self.secret(version=version).login()
            for byte in b"NOOP\r\n" * 200:
                c.sock.sendall(bytes([byte]))
            for _ in range(200):
                c.want(None, 200)

    def test_changed_on_the_way(self):
        """A forged record on the control channel ends the session; none of it is a command."""
        for version in self.versions():
            c = self.private(version=version)
            with socket.socket(fileno=c.sock.detach()) as raw:
                raw.settimeout(harness.CLIENT_TIMEOUT)
                raw.sendall(b"\x17\x03\x03\x00\x40" + noise(64) + b"MKD injected\r\n")
                with contextlib.suppress(ConnectionError):
                    read_all(raw)
        self.assertFalse(os.path.exists(self.path("injected")))
        self.assert_served()


class Slow(TlsCase):
    options = {"accept_timeout": "2", "idle_session_timeout": "4"}

    def test_who_is_silent_stalls_nobody_and_is_ended(self):
        """In the handshake of the control channel or of a data channel; and who says its ClientHello byte by byte."""
        waiting, trickling, begun = [], [], []
        for version in self.versions():
            for said in (b"", client_hello(version)[:60]):
                c = self.plain(version=version)
                c.want("AUTH TLS", 234)
                c.send(said)
                waiting.append(c)
                c = self.private(version=version)
                begun.append((c, c.connect(c.epsv())))
                c.want("RETR file", 150)
                begun[-1][1].sendall(said)
            c = self.plain(version=version)
            c.want("AUTH TLS", 234)
            trickling.append(c.sock)
            c = self.private(version=version)
            begun.append((c, c.connect(c.epsv())))
            c.want("RETR file", 150)
            trickling.append(begun[-1][1])
        ended = threading.Event()

        def trickle(sock):
            for byte in client_hello():  # about 200 bytes, so it would take 40 seconds at the least
                if ended.wait(0.2):
                    return
                try:
                    sock.sendall(bytes([byte]))
                except OSError:
                    return
        threads = [threading.Thread(target=trickle, args=(sock,)) for sock in trickling]
        for thread in threads:
            thread.start()
        try:
            begin = time.monotonic()
            self.assert_served()
            for c, data in begun:
                with data:
                    self.assertIn(c.reply().code, (421, 425, 426, 522))
                    self.assert_served()
            for c in waiting:
                self.assertTrue(c.is_closed())
            for sock in trickling:
                with contextlib.suppress(OSError):
                    sock.recv(1)
            self.assertLess(time.monotonic() - begin, 30)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.assertTrue(wait_until(lambda: not self.server.who()))
        self.assert_served()

    def test_who_does_not_read_the_handshake(self):
        """A client whose receive buffer is full stalls nobody."""
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                s = stack.enter_context(socket.socket())
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                s.settimeout(harness.CLIENT_TIMEOUT)
                s.connect(("127.0.0.1", self.server.port))
                self.assertTrue(s.recv(1000).startswith(b"220"))
                s.sendall(b"AUTH TLS\r\n")
                self.assertTrue(s.recv(1000).startswith(b"234"))
                s.sendall(client_hello())
            self.assert_served()
            self.assertTrue(wait_until(lambda: not self.server.who()))

    def test_who_stands_still_amid_a_transfer_is_ended(self):
        write_file(self.path("long"), noise(16 << 20))
        server = self.own_server(dict(self.conf, data_connection_timeout="1", idle_session_timeout="60"))
        for version in self.versions():
            c, d = self.private(server, version=version), self.private(server, version=version)
            with c.data("RETR long") as reading, d.data("STOR new") as writing:
                reading.recv(1)
                writing.sendall(b"new")
                for client in (c, d):
                    self.assertIn(client.reply().code, (421, 426))

    def test_two_hundred_handshakes_at_once(self):
        begun = [self.plain(version=VERSIONS[i % 2]) for i in range(200)]
        for c in begun:
            c.want("AUTH TLS", 234)
            c.sock = c.context.wrap_socket(c.sock, do_handshake_on_connect=False)
            c.sock.setblocking(False)
        for c in begun:
            with contextlib.suppress(ssl.SSLWantReadError):
                c.sock.do_handshake()
        for c in begun:
            c.sock.settimeout(harness.CLIENT_TIMEOUT)
            c.sock.do_handshake()
        for c in begun:
            c.login()
