# SPDX-License-Identifier: BSD-2-Clause
"""FTP under TLS: whose data channel it is, where a transfer ends, which certificate is shown, what the key process is for."""
import contextlib
import glob
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import harness
from harness import AnonymousCase, Server, TlsClient, make_dir, new_tls_context, noise, process_status, read_all, read_file, \
    tls_context, wait_until, write_file
from namespace import IPV6_ADDRESSES, PASSWORD, UID

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = TLS12, TLS13


# --- certificates -------------------------------------------------------------------------------------------------

def openssl(*args, check=True, **kw):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, timeout=harness.PATIENCE, **kw)
    if check and done.returncode != 0:
        raise AssertionError(f"openssl {args}: {done.stderr.decode()}")
    return done


def make_certificate(path, *names, kind="EC", days=90, by=None):
    """A file with a key and its certificate, for hosts; days=-1: it has expired. by: the authority's file, None: its own."""
    key = ["rsa:2048"] if kind == "RSA" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subject = ["-subj", "/CN=" + names[0]]
    if days > 0:
        openssl("req", "-x509", "-newkey", *key, "-nodes", "-keyout", path, "-out", path + ".crt", "-days", days, *subject,
                "-addext", "subjectAltName=" + ",".join("DNS:" + name for name in names),
                *(["-CA", by, "-CAkey", by] if by else []))
    else:
        openssl("req", "-newkey", *key, "-nodes", "-keyout", path, "-out", path + ".csr", *subject)
        sign = ["x509", "-req", "-in", path + ".csr", "-out", path + ".crt",
                *(["-CA", by, "-CAkey", by, "-set_serial", 7] if by else ["-signkey", path])]
        past = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]  # from OpenSSL 3.4 on, which refuses -1 days
        if openssl(*sign, *past, check=False).returncode:
            openssl(*sign, "-days", days)
    with open(path, "ab") as f:
        f.write(read_file(path + ".crt"))
    os.chmod(path, 0o600)
    return path


def der_of(path):
    text = read_file(path).decode()
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE"):text.index("-----END CERTIFICATE") + 25])


# --- what the classes share ---------------------------------------------------------------------------------------

class TlsCase(AnonymousCase):
    """Anonymous may do everything, under TLS or not; cls.certificate is the server's."""
    @classmethod
    def setUpClass(cls):
        harness.need("openssl")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.folder = make_dir(os.path.join(os.path.dirname(cls.root), "certificates"), "nobody")
        cls.certificate = make_certificate(cls.folder + "/server.pem", "ftp.example")
        cls.conf = {"ssl_enable": "YES", "allow_anon_ssl": "YES", "rsa_cert_file": cls.certificate, **cls.conf}
        write_file(cls.root + "/file", noise(3000))

    def setUp(self):
        super().setUp()
        self.way = ""

    def plain(self, server=None, host="127.0.0.1", version=None, **kw):
        """A client that could do TLS and has not yet."""
        kw.setdefault("context", tls_context(version))
        c = TlsClient(host, (server or self.server).port, **kw)
        self.addCleanup(c.close)
        return c

    def secret(self, server=None, host="127.0.0.1", version=None, **kw):
        """A client under TLS."""
        return self.plain(server, host, version, **kw).auth()

    def private(self, server=None, host="127.0.0.1", version=None, **kw):
        """Anonymous in /pub, under TLS on both channels."""
        c = self.secret(server, host, version, **kw).login().protect()
        c.want("CWD /pub", 250)
        c.want("TYPE I", 200)
        return c

    def versions(self):
        for version in VERSIONS:
            self.way = version.name
            yield version

    def shown(self, *args, **kw):
        """The certificate that a new session is shown, in DER."""
        with self.secret(*args, **kw) as c:
            c.cmd("NOOP")
            return c.sock.getpeercert(True)

    def is_refused(self, *args, **kw):
        """Is there no TLS for this client? Under TLS 1.3 it believes so until it reads."""
        try:
            with self.secret(*args, **kw) as c:
                c.cmd("NOOP")
                return False
        except (ConnectionError, ssl.SSLError, EOFError):
            return True

    def assert_served(self, server=None):
        for version in self.versions():
            with self.private(server, version=version) as c:
                self.assertEqual(c.get("RETR file"), self.disk("file"))

    # --- programs ---

    def run_client(self, *argv):
        done = subprocess.run([str(word) for word in argv], capture_output=True, timeout=harness.PATIENCE, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout

    def curl(self, version):
        """How curl begins."""
        harness.need("curl")
        return ["curl", "-sS", "-k", "--ssl-reqd", "--tlsv" + version, "--tls-max", version]

    def run_lftp(self, version, commands):
        harness.need("lftp")
        other = {"1.2": "1.3", "1.3": "1.2"}[version]
        return self.run_client("lftp", "-c", "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
                               f"set ssl:priority NORMAL:-VERS-TLS{other}; set net:max-retries 1; set cmd:fail-exit yes; "
                               f"open -p {self.server.port} 127.0.0.1; {commands}")


def key_process(server):
    """Its number, once it is there."""
    def find():
        for pid in harness.children(server.process.pid):
            with contextlib.suppress(OSError):
                if read_file(f"/proc/{pid}/comm") == b"sallyd: keys\n":
                    return pid
        return None
    return wait_until(find)


def vanish(sock):
    """The peer gets a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def say_end(sock):
    """Sends close_notify, and waits for nothing."""
    sock.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        sock.unwrap()


def has_in_memory(pid, *secrets):
    """Is one of them in what the process can write to?"""
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - begin < 1 << 28:  # larger is what the sanitizers have set aside
                memory.seek(begin)
                with contextlib.suppress(OSError):
                    content = memory.read(end - begin)
                    if any(secret in content for secret in secrets):
                        return True
    return False


def client_hello(version=None):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        tls_context(version).wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


# --- data channels ------------------------------------------------------------------------------------------------

class DataChannels(TlsCase):
    options = {"listen_ipv6": "YES", "ascii_download_enable": "YES", "ascii_upload_enable": "YES"}
    count = 5000

    @classmethod
    def prepare(cls):
        super().prepare()
        write_file(cls.root + "/big", noise(5 << 20))
        write_file(cls.root + "/empty", b"")
        write_file(cls.root + "/text", b"one\ntwo\nthree\n")
        make_dir(cls.root + "/many")
        for i in range(cls.count):
            open(f"{cls.root}/many/name{i:05}", "w").close()

    def check_transfers(self, c, mode):
        content = noise(70_000, 2)
        self.assertEqual(c.get("RETR file", mode), self.disk("file"))
        self.assertEqual(c.put("STOR new", content, mode).code, 226)
        self.assertEqual(c.put("APPE new", b"more", mode).code, 226)
        self.assertEqual(self.disk("new"), content + b"more")
        self.assertEqual(c.put("STOR new", b"end", mode, rest=70_000).code, 226)
        self.assertEqual(c.get("RETR new", mode, rest=69_990), content[69_990:] + b"end" + b"e")
        for line in ("LIST", "MLSD", "NLST"):
            self.assertIn(b"file\r\n", c.get(line, mode), line)
        self.assertEqual(c.get("NLST no-such-name*", mode), b"")

    def test_all_kinds_of_transfers(self):
        for version in self.versions():
            for host in ("127.0.0.1", IPV6_ADDRESSES[0]):
                for mode in ("passive", "active"):
                    self.way = f"{version.name} {host} {mode}"
                    self.check_transfers(self.private(host=host, version=version), mode)

    def test_pasv_and_eprt_over_ipv4(self):
        for version in self.versions():
            c = self.private(version=version)
            host, port = c.pasv()
            with c.connect(port, host=host) as data:
                c.want("RETR file", 150)
                self.assertEqual(read_all(c.secured(data)), self.disk("file"))
            c.want(None, 226)
            with c.listen() as listener:
                c.want(f"EPRT |1|127.0.0.1|{listener.getsockname()[1]}|", 200)
                c.want("RETR file", 150)
                data = listener.accept()[0]
                with c.secured(data) as secured:
                    self.assertFalse(secured.server_side)
                    self.assertEqual(read_all(secured), self.disk("file"))
            c.want(None, 226)

    def test_large_and_empty_files(self):
        for version in self.versions():
            c = self.private(version=version)
            self.assertEqual(c.get("RETR big"), self.disk("big"))
            self.assertEqual(c.put("STOR copy", self.disk("big")).code, 226)
            self.assertEqual(self.disk("copy"), self.disk("big"))
            self.assertEqual(c.get("RETR empty"), b"")
            self.assertEqual(c.put("STOR copy", b"").code, 226)
            self.assertEqual(self.disk("copy"), b"")

    def test_ascii(self):
        for version in self.versions():
            c = self.private(version=version)
            c.want("TYPE A", 200)
            self.assertEqual(c.get("RETR text"), b"one\r\ntwo\r\nthree\r\n")
            self.assertEqual(c.put("STOR copy", b"a\r\nb\r\n" * 20_000).code, 226)
            self.assertEqual(self.disk("copy"), b"a\nb\n" * 20_000)

    def test_a_long_listing(self):
        names = sorted(f"name{i:05}" for i in range(self.count))
        for version in self.versions():
            c = self.private(version=version)
            c.want("CWD many", 250)
            self.assertTrue(sorted(c.lines("NLST")) == names)
            self.assertTrue(set(names) <= set(c.facts("MLSD")))

    def test_many_transfers_in_one_session(self):
        """Whether the client takes the newest session each time, or the first every time."""
        for version in self.versions():
            c = self.private(version=version)
            first = c.sock.session
            for i in range(15):
                with c.data("RETR file") as data:
                    self.assertTrue(data.session_reused)
                    self.assertEqual(read_all(data), self.disk("file"))
                c.want(None, 226)
                c.resumes, c.other = i % 2 == 0, first

    def test_pipelined_commands(self):
        """More commands in a record than are read at once, and some that wait for a transfer's end"""
        for version in self.versions():
            c = self.private(version=version)
            c.send(b"NOOP\r\n" * 5000)
            for _ in range(5000):
                c.want(None, 200)
            with c.connect(c.epsv()) as data:
                c.send(b"RETR file\r\nNOOP\r\nPWD\r\n")
                c.want(None, 150)
                self.assertEqual(read_all(c.secured(data)), self.disk("file"))
            self.assertEqual([c.reply().code for _ in range(3)], [226, 200, 257])

    def test_rate(self):
        c = self.private(self.own_server(dict(self.conf, anon_max_rate="1000000")))
        for do in (lambda: c.get("RETR big", rest=(5 << 20) - 600_000), lambda: c.put("STOR copy", noise(600_000))):
            begin = time.monotonic()
            do()
            self.assertGreater(time.monotonic() - begin, 0.3)

    def test_private_and_clear_in_turn(self):
        for version in self.versions():
            c = self.private(version=version)
            for _ in range(2):
                self.assertEqual(c.get("RETR file"), self.disk("file"))
                c.want("PROT C", 200)
                c.is_private = False
                self.assertEqual(c.get("RETR file"), self.disk("file"))
                self.assertEqual(c.put("STOR clear", b"clear").code, 226)
                c.protect()

    def test_a_data_channel_has_no_tickets(self):
        """A client that only writes would close over one that is unread, and so reset the connection."""
        server = self.own_server(dict(self.conf, require_ssl_reuse="NO"))
        for version in self.versions():
            c = self.private(version=version)
            with c.data("RETR file") as data:
                read_all(data)
                self.assertEqual(data.session.id, c.session.id)
            c.want(None, 226)
        c = self.private(server, version=TLS13)
        c.resumes = False
        with c.data("RETR file") as data:
            read_all(data)
            self.assertFalse(data.session.has_ticket)
        c.want(None, 226)

    def test_abor_at_each_stage(self):
        for version in self.versions():
            c = self.private(version=version)
            for line in ("RETR big", "STOR aborted"):
                self.way = f"{version.name} {line}"
                c.epsv()
                c.send(f"{line}\r\nABOR\r\nNOOP\r\n".encode())  # before the connection
                self.assertEqual([c.reply().code for _ in range(3)], [426, 226, 200])
                with c.connect(c.epsv()) as data:
                    c.want(line, 150)
                    c.send(b"ABOR\r\nNOOP\r\n")                 # before TLS
                    self.assertEqual([c.reply().code for _ in range(3)], [426, 226, 200])
                with c.connect(c.epsv()) as data:
                    c.want(line, 150)
                    data.sendall(client_hello(version)[:100])    # amid its handshake
                    c.send(b"ABOR\r\nNOOP\r\n")
                    self.assertEqual([c.reply().code for _ in range(3)], [426, 226, 200])
                with c.data(line) as data:                       # amid the transfer
                    if line.startswith("RETR"):
                        data.recv(100)
                    else:
                        data.sendall(noise(100_000))
                    c.send(b"ABOR\r\nNOOP\r\n")
                    self.assertEqual([c.reply().code for _ in range(3)], [426, 226, 200])
                c.want("ABOR", 225)                              # after it
                self.assertEqual(c.get("RETR file"), self.disk("file"))

    def test_who_goes_at_each_stage_is_let_go(self):
        def connect(c):
            return c.connect(c.epsv())

        def begin(c):
            data = connect(c)
            c.want("RETR big", 150)
            return data

        def greet(c):
            data = begin(c)
            data.sendall(client_hello()[:100])
            return data

        def read(c):
            c.session, data = c.sock.session, begin(c)
            data = c.secured(data)
            data.recv(100)
            return data
        for version in self.versions():
            for stage in (connect, begin, greet, read):
                for end in (vanish, socket.socket.close):
                    c = self.private(version=version)
                    data = stage(c)
                    end(data)
                    end(c.sock)
        self.assertTrue(wait_until(lambda: not self.server.who()))
        self.assert_served()


class WhoseDataChannel(TlsCase):
    def refused(self, c, line):
        """What came over a data channel that is not to be served; the reply."""
        got = []

        def intrude(data):
            with contextlib.suppress(ConnectionError, ssl.SSLError), c.secured(data) as secured:
                if line.startswith("RETR") or line == "MLSD":
                    got.append(read_all(secured))
                else:
                    secured.sendall(b"the intruder's")
                    c.end_data(secured)

        with c.connect(c.epsv()) as data:
            c.want(line, 150)
            # By itself: Python may leave one connection's error to the next call of that thread on another one.
            thread = threading.Thread(target=intrude, args=(data,))
            thread.start()
            thread.join()
        return b"".join(got), c.reply()

    def check_refused(self, c):
        write_file(self.path("old"), b"old")
        for line in ("RETR file", "MLSD", "STOR old"):
            self.way += " " + line
            got, answer = self.refused(c, line)
            self.assertEqual(got, b"")
            self.assertEqual(answer.code, 522, answer.text)
            self.assertIn("require_ssl_reuse", answer.text)
        self.assertNotIn(b"intruder", self.disk("old"))
        c.resumes = True
        self.assertEqual(c.get("RETR file"), self.disk("file"))

    def test_who_continues_no_session_is_refused(self):
        for version in self.versions():
            c = self.private(version=version)
            c.resumes = False
            self.check_refused(c)

    def test_another_session_s_ticket_is_refused(self):
        for version in self.versions():
            c, d = self.private(version=version), self.private(version=version)
            for _ in range(2):
                self.assertEqual(d.get("RETR file"), self.disk("file"))
            c.resumes, c.other = False, d.sock.session
            self.assertTrue(c.other.has_ticket)
            self.check_refused(c)
            d.close()
            c.resumes = False
            self.check_refused(c)

    def test_another_session_s_id_is_refused(self):
        """TLS 1.2 without tickets: the server would have to remember."""
        context = new_tls_context(TLS12, options=ssl.OP_NO_TICKET)
        c, d = self.private(context=context), self.private(context=context)
        self.assertEqual(d.get("RETR file"), self.disk("file"))
        c.resumes, c.other = False, d.sock.session
        self.assertFalse(c.other.has_ticket)
        self.assertNotEqual(c.other.id, b"")
        self.check_refused(c)
        self.way = "its own"
        with c.data("RETR file") as data:
            self.assertTrue(data.session_reused)
            read_all(data)
        c.want(None, 226)

    def test_another_server_s_session_is_refused(self):
        server = self.own_server(self.conf)
        for version in self.versions():
            c, d = self.private(version=version), self.private(server, version=version)
            self.assertEqual(d.get("RETR file"), self.disk("file"))
            c.resumes, c.other = False, d.sock.session
            self.check_refused(c)

    def test_a_data_channel_s_own_session_is_not_the_control_channel_s(self):
        """What a refused client got in its handshake opens nothing afterwards."""
        for version in self.versions():
            c = self.private(version=version)
            c.resumes = False
            with c.connect(c.epsv()) as data:
                c.want("RETR file", 150)
                with contextlib.suppress(ConnectionError, ssl.SSLError), c.secured(data) as secured:
                    c.other = secured.session
                    read_all(secured)
                    c.other = secured.session
            c.want(None, 522)
            if c.other and (c.other.has_ticket or version == TLS12):
                self.check_refused(c)

    def test_a_new_session_may_show_an_old_one_and_is_bound_to_its_own(self):
        for version in self.versions():
            c = self.private(version=version)
            self.assertEqual(c.get("RETR file"), self.disk("file"))
            d = self.plain(version=version)
            d.want("AUTH TLS", 234)
            d.sock = d.context.wrap_socket(d.sock, session=c.sock.session)
            d.login().protect()
            d.want("CWD /pub", 250)
            self.assertEqual(d.get("RETR file"), self.disk("file"))

    def test_require_ssl_reuse_no(self):
        server = self.own_server(dict(self.conf, require_ssl_reuse="NO"))
        for version in self.versions():
            c, d = self.private(server, version=version), self.private(server, version=version)
            c.get("NLST")
            for c.resumes, c.other in ((False, None), (False, d.sock.session), (True, None)):
                self.assertEqual(c.get("RETR file"), self.disk("file"))
                self.assertEqual(c.put("STOR new", b"new").code, 226)
            self.assertEqual(self.disk("new"), b"new")

    def test_no_tls_on_a_private_data_channel(self):
        """Somebody who speaks no TLS gets nothing, and what it says is stored nowhere."""
        for version in self.versions():
            c = self.private(version=version)
            c.is_private = False
            for line in ("STOR clear", "RETR file"):
                with c.data(line) as data, contextlib.suppress(OSError):
                    data.sendall(b"said in the clear" * 100)
                    data.shutdown(socket.SHUT_WR)
                    self.assertNotIn(self.disk("file")[:16], read_all(data))
                answer = c.reply()
                self.assertIn(answer.code, (425, 426, 522), answer.text)
            with contextlib.suppress(FileNotFoundError):
                self.assertEqual(self.disk("clear"), b"")
            c.is_private = True
            self.assertEqual(c.get("RETR file"), self.disk("file"))


# --- where a transfer ends ----------------------------------------------------------------------------------------

class OnePort(TlsCase):
    """Clients behind one address on the one passive port there is: whose a connection is, TLS tells."""
    PORT = 21502
    options = {"workers": "3", "pasv_min_port": str(PORT), "pasv_max_port": str(PORT), "max_per_ip": "0"}
    CLIENTS = 6

    def sessions(self, **kw):
        """Each with a file of its own, and all holding the port."""
        all_of_them = [self.private(**kw) for _ in range(self.CLIENTS)]
        for n, c in enumerate(all_of_them):
            write_file(self.path(f"mine{n}"), noise(2000 + n))
            self.assertEqual(c.epsv(), self.PORT)
        return all_of_them

    def take(self, c, data, n):
        with c.secured(data) as secured:
            self.assertTrue(secured.session_reused)
            self.assertEqual(read_all(secured), self.disk(f"mine{n}"))
            c.end_data(secured)
        c.want(None, 226)

    def test_each_gets_its_own(self):
        """Connected in another order than they ask, and begun in a third."""
        for version in self.versions():
            sessions = self.sessions(version=version)
            datas = {n: c.connect(self.PORT) for n, c in reversed(list(enumerate(sessions)))}
            for n, c in enumerate(sessions):
                c.want(f"RETR mine{n}", 150)
            for n in (3, 0, 5, 1, 4, 2):
                self.take(sessions[n], datas[n], n)

    def test_sessions_by_their_ids(self):
        """TLS 1.2 without tickets."""
        sessions = self.sessions(context=new_tls_context(TLS12, options=ssl.OP_NO_TICKET))
        datas = [c.connect(self.PORT) for c in sessions]
        for n in reversed(range(self.CLIENTS)):
            sessions[n].want(f"RETR mine{n}", 150)
        for n in reversed(range(self.CLIENTS)):
            self.take(sessions[n], datas[n], n)

    def test_asked_for_before_anybody_connects(self):
        """150 comes when a connection does that may be its own."""
        sessions = self.sessions()
        for n, c in enumerate(sessions):
            c.send(f"RETR mine{n}\r\n".encode())
        first = sessions[2].connect(self.PORT)
        for c in sessions:
            c.want(None, 150)
        self.take(sessions[2], first, 2)
        for n in (5, 4, 3, 1, 0):
            self.take(sessions[n], sessions[n].connect(self.PORT), n)

    def test_in_pieces(self):
        """The first bytes of TLS, one by one: nobody is taken for anybody, and nobody burns the processor meanwhile."""
        sessions = self.sessions()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        c = sessions[1]
        with c.connect(self.PORT) as data:
            c.want("RETR mine1", 150)
            tls = c.context.wrap_bio(incoming, outgoing, session=c.session)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            for byte in outgoing.read():
                data.sendall(bytes([byte]))
            data.settimeout(harness.PATIENCE)
            got = b""
            while True:
                try:
                    part = tls.read(65536)
                    if not part:
                        break
                    got += part
                except ssl.SSLWantReadError:
                    data.sendall(outgoing.read())
                    bytes_read = data.recv(65536)
                    incoming.write(bytes_read) if bytes_read else incoming.write_eof()
                except ssl.SSLZeroReturnError:
                    break
            self.assertEqual(got, self.disk("mine1"))
        c.want(None, 226)

    def test_who_continues_nobody_s_session_is_nobody_s(self):
        """A stranger from the same address, or a client that does not resume, takes no place and harms nobody."""
        port = self.PORT + 1
        server = self.own_server(dict(self.conf, accept_timeout="3", pasv_min_port=str(port), pasv_max_port=str(port)))
        c, d, e = (self.private(server) for _ in range(3))
        for n, session in enumerate((c, d, e)):
            write_file(self.path(f"mine{n}"), noise(2000 + n))
            self.assertEqual(session.epsv(), port)
        c.resumes = False
        with c.connect(port) as silent, c.connect(port) as other, c.connect(port) as http:
            for n, session in enumerate((c, d, e)):
                session.want(f"RETR mine{n}", 150)
            with self.assertRaises((ConnectionError, ssl.SSLError, EOFError)):
                c.secured(other)
            http.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                self.assertEqual(http.recv(100), b"")
            self.take(d, d.connect(port), 1)
            self.take(e, e.connect(port), 2)
            answer = c.reply()
            self.assertEqual(answer.code, 425)
            self.assertIn("require_ssl_reuse", answer.text)
            silent.settimeout(harness.PATIENCE)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(silent.recv(1), b"")
        c.resumes = True
        self.assertEqual(c.get("RETR mine0"), self.disk("mine0"))

    def test_who_needs_the_port_alone_has_its_turn(self):
        sessions = self.sessions()
        clear = self.server.anonymous()
        clear.want("CWD /pub", 250)
        clear.want("TYPE I", 200)
        clear.send(b"EPSV\r\n")
        late = self.private()
        late.send(b"EPSV\r\n")  # after clear, which needs it alone
        for n, c in enumerate(sessions):
            with c.connect(self.PORT) as data:
                c.want(f"RETR mine{n}", 150)
                self.take(c, data, n)
        clear.want(None, 229)
        with clear.connect(self.PORT) as data:
            clear.want("RETR mine0", 150)
            self.assertEqual(read_all(data), self.disk("mine0"))
        clear.want(None, 226)
        late.want(None, 229)

    def test_what_was_left_there_is_not_the_next_one_s(self):
        """Who takes the port over from one that did not connect in time holds it alone, whatever came before."""
        port = self.PORT + 2
        server = self.own_server(dict(self.conf, accept_timeout="3", pasv_wait_timeout="1",
                                      pasv_min_port=str(port), pasv_max_port=str(port)))
        late, c = self.private(server), self.private(server)
        write_file(self.path("mine0"), noise(2000))
        self.assertEqual([late.epsv(), c.epsv()], [port, port])
        with late.connect(port) as silent, c.connect(port) as data:
            c.want("RETR mine0", 150)
            self.take(c, data, 0)
            clear = server.anonymous()
            clear.want("CWD /pub", 250)
            clear.want("TYPE I", 200)
            self.assertTrue(wait_until(lambda: clear.cmd("EPSV").code == 229))
            with clear.connect(port) as data:
                clear.want("RETR mine0", 150)
                self.assertEqual(read_all(data), self.disk("mine0"))
            clear.want(None, 226)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(silent.recv(1), b"")

    def test_given_up_and_gone(self):
        """Whoever asks again, goes in the clear, aborts or ends leaves the others theirs."""
        sessions = self.sessions()
        self.assertEqual(sessions[0].epsv(), self.PORT)
        sessions[1].want("PROT C", 200)
        sessions[1].want("RETR mine1", 425)  # nobody could tell its connection now
        sessions[2].close()
        sessions[3].send(b"RETR mine3\r\n")
        sessions[3].want("ABOR", 426)
        sessions[3].want(None, 226)
        with sessions[4].connect(self.PORT) as data:
            vanish(data)
        for n in (0, 4, 5):
            c = sessions[n]
            with c.connect(self.PORT) as data:
                c.want(f"RETR mine{n}", 150)
                self.take(c, data, n)

    def test_many_at_once(self):
        write_file(self.path("same"), noise(70_000))
        failures = []

        def work(n):
            try:
                c = self.private(version=VERSIONS[n % 2])
                for turn in range(12):
                    self.assertEqual(c.get("RETR same"), self.disk("same"))
                    self.assertEqual(c.put(f"STOR from{n}", b"%d of %d" % (turn, n)).code, 226)
                    self.assertEqual(self.disk(f"from{n}"), b"%d of %d" % (turn, n))
                c.cmd("QUIT")
            except Exception as e:  # told by the test
                failures.append((n, e))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])


class Ends(TlsCase):
    options = {"atomic_uploads": "YES", "ascii_upload_enable": "YES", "xferlog_enable": "YES", "xferlog_std_format": "NO"}

    @classmethod
    def prepare(cls):
        super().prepare()
        write_file(cls.root + "/big", noise(1 << 20))

    def cut_off(self, c, line, how, content):
        """The reply to an upload that how() ends."""
        with c.data(line) as data:
            with contextlib.suppress(ConnectionError):
                data.sendall(content)
                how(data)
            answer = c.reply()
        return answer

    @staticmethod
    def fin(data):
        data.shutdown(socket.SHUT_WR)  # Python's ends TLS without a word

    @staticmethod
    def half_a_record(data):
        with socket.socket(fileno=data.detach()) as raw:
            raw.sendall(b"\x17\x03\x03\x40\x00" + noise(100))

    @staticmethod
    def a_forged_record(data):
        with socket.socket(fileno=data.detach()) as raw:
            raw.sendall(b"\x17\x03\x03\x00\x40" + noise(64))

    @staticmethod
    def a_forged_end(data):
        """An alert, close_notify, in the clear"""
        with socket.socket(fileno=data.detach()) as raw:
            raw.sendall(b"\x15\x03\x03\x00\x02\x01\x00")

    def test_an_upload_that_is_cut_off_is_not_complete(self):
        for version in self.versions():
            c = self.private(version=version)
            for how in (self.fin, vanish, self.half_a_record, self.a_forged_record, self.a_forged_end):
                for size in (0, 10, 300_000):
                    self.way = f"{version.name} {how.__name__} {size}"
                    write_file(self.path("old"), b"old")
                    answer = self.cut_off(c, "STOR old", how, noise(size))
                    self.assertIn(answer.code, (426, 451), answer.text)
                    self.assertEqual(self.disk("old"), b"old")
            self.assertFalse(glob.glob(self.path(".sallyd*")))
            self.assertEqual(c.put("STOR old", b"new").code, 226)
            self.assertEqual(self.disk("old"), b"new")

    def test_not_complete_without_atomic_uploads(self):
        for delete in ("NO", "YES"):
            server = self.own_server(dict(self.conf, atomic_uploads="NO", delete_failed_uploads=delete))
            for version in self.versions():
                c = self.private(server, version=version)
                for line in ("STOR part", "APPE part"):
                    self.assertIn(self.cut_off(c, line, self.fin, noise(1000)).code, (426, 451))
                    if delete == "YES" and line.startswith("STOR"):
                        self.assertFalse(os.path.exists(self.path("part")))
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path("part"))

    def test_cut_off_in_ascii(self):
        for version in self.versions():
            c = self.private(version=version)
            c.want("TYPE A", 200)
            write_file(self.path("old"), b"old")
            self.assertIn(self.cut_off(c, "STOR old", self.fin, b"a\r\n" * 1000).code, (426, 451))
            self.assertEqual(self.disk("old"), b"old")

    def test_strict_ssl_read_eof_no_lets_a_bare_end_pass_and_logs_it(self):
        server = self.own_server(dict(self.conf, strict_ssl_read_eof="NO"))
        for version in self.versions():
            c = self.private(server, version=version)
            self.assertEqual(self.cut_off(c, "STOR bare", self.fin, noise(1000)).code, 226)
            self.assertEqual(self.disk("bare"), noise(1000))
            for how in (vanish, self.a_forged_record):
                self.way = f"{version.name} {how.__name__}"
                self.assertIn(self.cut_off(c, "STOR bare", how, noise(300_000)).code, (426, 451))
                self.assertEqual(self.disk("bare"), noise(1000))
        log = server.conf["vsftpd_log_file"]
        self.assertTrue(wait_until(lambda: read_file(log).count(b"strict_ssl_read_eof") >= 2))

    def begin(self, c, line, upto):
        """The data channel of line, which has come as far as upto: a key of DATA_STAGES."""
        data = c.connect(c.epsv())
        c.want(line, 150)
        if upto == "in the ClientHello":
            data.sendall(client_hello()[:60])
        elif upto == "after the ClientHello":
            data.sendall(client_hello())
        elif upto != "before TLS":
            data = c.secured(data)
            if not line.startswith("STOR"):
                data.recv(1)
            elif upto != "before the first byte":
                data.sendall(noise(self.DATA_STAGES[upto]))
        return data

    # how far a data channel has come -> bytes of an upload until then
    DATA_STAGES = {"before TLS": 0, "in the ClientHello": 0, "after the ClientHello": 0, "before the first byte": 0, "amid": 100, "all sent": 300_000}

    def test_a_data_channel_ends_without_close_notify_at_each_stage(self):
        """Nothing is whole then, and the session goes on."""
        write_file(self.path("long"), noise(16 << 20))
        for version in self.versions():
            c = self.private(version=version)
            for line in ("STOR old", "RETR long", "LIST"):
                for stage in self.DATA_STAGES:
                    for end in (socket.socket.close, vanish):
                        self.way = f"{version.name} {line} {stage} {end.__name__}"
                        write_file(self.path("old"), b"old")
                        end(self.begin(c, line, stage))
                        code = c.reply().code
                        is_in_flight = line == "LIST" and stage in ("before the first byte", "amid", "all sent")  # it was all sent already
                        self.assertIn(code, (425, 426, 451, 522) + (226,) * is_in_flight)
                        self.assertEqual(self.disk("old"), b"old")
                        c.want("NOOP", 200)
            self.assertEqual(c.get("RETR file"), self.disk("file"))
            self.assertFalse(glob.glob(self.path(".sallyd*")))
        os.unlink(self.path("long"))

    def test_a_control_channel_ends_without_close_notify_at_each_stage(self):
        """The session goes, with what it has begun."""
        def asked(version, said=b""):
            c = self.plain(version=version)
            c.want("AUTH TLS", 234)
            c.send(said)
            return c

        def named(version):
            c = self.secret(version=version)
            c.want("USER anonymous", 331)
            return c

        def waiting(version):
            c = self.private(version=version)
            return c, c.connect(c.epsv())

        def begun(line, stage):
            def begin(version):
                c = self.private(version=version)
                return c, self.begin(c, line, stage)
            return begin
        write_file(self.path("long"), noise(16 << 20))
        stages = {
            "AUTH was answered": asked, "in the ClientHello": lambda version: asked(version, client_hello(version)[:60]),
            "after the ClientHello": lambda version: asked(version, client_hello(version)),
            "before USER": lambda version: self.secret(version=version), "after USER": named,
            "logged in": lambda version: self.private(version=version), "EPSV was answered": waiting,
            **{f"{line}, {stage}": begun(line, stage) for line in ("STOR old", "RETR long", "LIST") for stage in self.DATA_STAGES},
        }
        for version in self.versions():
            for name, reach in stages.items():
                for end in (socket.socket.close, vanish):
                    self.way = f"{version.name} {name} {end.__name__}"
                    write_file(self.path("old"), b"old")
                    reached = reach(version)
                    c, data = reached if isinstance(reached, tuple) else (reached, None)
                    end(c.sock)
                    if data:  # left open, it could still be brought to its end: a control channel may be half closed
                        end(data)
                    self.assertTrue(wait_until(lambda: not self.server.who()))
                    self.assertEqual(self.disk("old"), b"old")
        self.assertTrue(wait_until(lambda: not glob.glob(self.path(".sallyd*"))))
        os.unlink(self.path("long"))
        self.assert_served()

    def test_an_upload_is_over_where_tls_is(self):
        """The client's close_notify ends it, whether the connection ends then, stays, or says more in the clear."""
        for version in self.versions():
            c = self.private(version=version)
            for i, size in enumerate((0, 10, 300_000)):
                with c.data("STOR new") as data:
                    data.sendall(noise(size, i))
                    say_end(data)
                c.want(None, 226)
                self.assertEqual(self.disk("new"), noise(size, i))
                with c.data("STOR new") as data:
                    data.sendall(noise(size, i + 10))
                    say_end(data)
                    c.want(None, 226)
                self.assertEqual(self.disk("new"), noise(size, i + 10))
                with c.data("STOR new") as data:
                    data.sendall(noise(size, i + 20))
                    with contextlib.suppress(OSError), data.unwrap() as raw:
                        raw.sendall(b"more, in the clear")
                    c.want(None, 226)
                self.assertEqual(self.disk("new"), noise(size, i + 20))

    def test_the_server_ends_tls_too(self):
        for version in self.versions():
            c = self.private(version=version)
            with c.data("STOR new") as data:
                data.sendall(b"new")
                data.unwrap()  # fails unless the server's close_notify comes
            c.want(None, 226)
            for line in ("RETR file", "RETR big", "LIST", "NLST no-such-name*"):
                with c.data(line) as data:
                    read_all(data)  # an SSLEOFError, if it were cut off
                    data.unwrap()
                c.want(None, 226)

    def test_a_download_that_fails_is_no_whole_one(self):
        """What ends with close_notify is all there is: an aborted one must not end so."""
        write_file(self.path("long"), noise(16 << 20))
        for version in self.versions():
            c = self.private(version=version)
            with c.data("RETR long") as data:
                data.recv(100)
                c.want("ABOR", 426)
                c.want(None, 226)
                with self.assertRaises(OSError):
                    read_all(data)
        os.unlink(self.path("long"))

    def test_strict_ssl_write_shutdown(self):
        server = self.own_server(dict(self.conf, strict_ssl_write_shutdown="YES"))
        for version in self.versions():
            c = self.private(server, version=version)
            for line in ("RETR file", "RETR big"):
                with c.data(line) as data:
                    read_all(data)
                    data.unwrap()
                c.want(None, 226)
                with c.data(line) as data:
                    read_all(data)
                self.assertIn(c.reply().code, (426, 451))

    def test_strict_ssl_write_shutdown_keeps_nothing_back(self):
        """The client answers the end that it has got: what waits for that answer must have been sent, not corked (0.2 s)."""
        c = self.private(self.own_server(dict(self.conf, strict_ssl_write_shutdown="YES")))

        def seconds():
            with c.data("RETR file") as data:
                begin = time.monotonic()
                read_all(data)
                took = time.monotonic() - begin
                data.unwrap()
            c.want(None, 226)
            return took
        self.assertTrue(wait_until(lambda: seconds() < 0.1, 20), "each took longer than 0.1 s")


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


# --- certificates -------------------------------------------------------------------------------------------------

class Certificates(TlsCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.rsa = make_certificate(cls.folder + "/rsa.pem", "ftp.example", kind="RSA")
        cls.first = make_certificate(cls.folder + "/first.pem", "first.example", "*.wild.example")
        cls.second = make_certificate(cls.folder + "/second.pem", "second.example")
        cls.authority = make_certificate(cls.folder + "/authority.pem", "authority")

    def s_client(self, server, *args):
        """What `openssl s_client` tells of a session."""
        return openssl("s_client", "-connect", f"127.0.0.1:{server.port}", "-starttls", "ftp", "-showcerts", *args,
                       input=b"QUIT\r\n", check=False).stdout.decode(errors="replace")

    def test_rsa_alone(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa))
        for version in self.versions():
            self.assertEqual(self.shown(server, version=version), der_of(self.rsa))
        self.assert_served(server)

    def test_the_key_in_a_file_of_its_own(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa + ".crt", rsa_private_key_file=self.rsa,
                                      ecdsa_cert_file=self.first + ".crt", ecdsa_private_key_file=self.first))
        self.assertEqual(self.shown(server), der_of(self.first))

    def test_rsa_and_ecdsa_side_by_side(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa, ecdsa_cert_file=self.certificate))
        for version in self.versions():
            self.assertEqual(self.shown(server, version=version), der_of(self.certificate))
        for kind, path in (("RSA", self.rsa), ("ECDSA", self.certificate)):
            context = new_tls_context(TLS12, ciphers=f"ECDHE-{kind}-AES128-GCM-SHA256")
            self.assertEqual(self.shown(server, context=context), der_of(path))
            with self.private(server, context=context) as c:
                self.assertEqual(c.get("RETR file"), self.disk("file"))
        for algorithm, path in (("rsa_pss_rsae_sha256", self.rsa), ("ecdsa_secp256r1_sha256", self.certificate)):
            said = self.s_client(server, "-tls1_3", "-sigalgs", algorithm)
            self.assertIn(ssl.DER_cert_to_PEM_cert(der_of(path)), said)

    def test_a_chain(self):
        leaf = make_certificate(self.folder + "/leaf.pem", "leaf.example", by=self.authority)
        with open(leaf, "ab") as f:
            f.write(read_file(self.authority + ".crt"))
        server = self.own_server(dict(self.conf, rsa_cert_file=leaf))
        said = self.s_client(server)
        for path in (leaf, self.authority):
            self.assertIn(ssl.DER_cert_to_PEM_cert(der_of(path)), said)
        context = ssl.create_default_context(cafile=self.authority + ".crt")
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13: the authority made here has no keyUsage
        with self.private(server, context=context, name="leaf.example") as c:
            self.assertEqual(c.get("RETR file"), self.disk("file"))

    def test_sni(self):
        server = self.own_server(dict(self.conf, sni_cert_files=f"{self.first}, {self.second}"))
        for version in self.versions():
            for name, path in (("first.example", self.first), ("second.example", self.second), ("SECOND.example", self.second),
                               ("any.wild.example", self.first), ("wild.example", self.certificate),
                               ("ftp.example", self.certificate), ("other.example", self.certificate),
                               (None, self.certificate)):
                self.way = f"{version.name} {name}"
                self.assertEqual(self.shown(server, version=version, name=name), der_of(path))
            with self.private(server, version=version, name="second.example") as c:
                self.assertEqual(c.get("RETR file"), self.disk("file"))

    def test_sni_with_both_kinds_of_keys(self):
        """Another host's RSA certificate beside EC ones: who can do RSA only gets what fits."""
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa, ecdsa_cert_file=self.certificate,
                                      sni_cert_files=self.first))
        rsa = new_tls_context(TLS12, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
        self.assertEqual(self.shown(server, name="first.example"), der_of(self.first))
        self.assertEqual(self.shown(server, name="ftp.example"), der_of(self.certificate))
        self.assertEqual(self.shown(server, name="ftp.example", context=rsa), der_of(self.rsa))

    def test_ssl_sni_hostname(self):
        server = self.own_server(dict(self.conf, ssl_sni_hostname="ftp.example"))
        for version in self.versions():
            self.assertEqual(self.shown(server, version=version, name="ftp.example"), der_of(self.certificate))
            for name in ("other.example", None):
                self.assertTrue(self.is_refused(server, version=version, name=name), name)

    def test_ciphers(self):
        server = self.own_server(dict(self.conf, ssl_ciphers="ECDHE-ECDSA-AES256-GCM-SHA384",
                                      ssl_ciphersuites="TLS_CHACHA20_POLY1305_SHA256"))
        for version, cipher in zip(VERSIONS, ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_CHACHA20_POLY1305_SHA256")):
            with self.private(server, version=version) as c:
                self.assertEqual(c.sock.cipher()[0], cipher)
                self.assertEqual(c.get("RETR file"), self.disk("file"))
        self.assertTrue(self.is_refused(server, context=new_tls_context(TLS12, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")))

    def test_no_cipher_without_ephemeral_keys(self):
        server = self.own_server(dict(self.conf, ssl_ciphers="ALL", rsa_cert_file=self.rsa))
        for ciphers in ("kRSA", "AES128-SHA", "DHE", "aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "PSK"):
            with contextlib.suppress(ssl.SSLError):  # unless the client's OpenSSL has none of them
                context = new_tls_context(TLS12, ciphers=ciphers)
                self.assertTrue(self.is_refused(server, context=context), ciphers)

    def test_versions(self):
        old = ssl.TLSVersion.TLSv1_1
        for conf, good, bad in (({}, VERSIONS, [old]), ({"ssl_tlsv12": "NO"}, [TLS13], [TLS12, old]),
                                ({"ssl_tlsv13": "NO"}, [TLS12], [TLS13])):
            server = self.own_server({**self.conf, **conf}) if conf else self.server
            for version in good:
                self.assertFalse(self.is_refused(server, version=version), version.name)
            for version in bad:
                context = new_tls_context(version, ciphers="ALL:@SECLEVEL=0")
                self.assertTrue(self.is_refused(server, context=context), version.name)

    def test_ocsp(self):
        for path, state in ((self.first, "V\t360101000000Z\t"), (self.rsa, "R\t360101000000Z\t260101000000Z,keyCompromise")):
            leaf = make_certificate(path + ".leaf", "first.example", by=self.authority)
            serial = openssl("x509", "-in", leaf, "-noout", "-serial").stdout.decode().strip().split("=")[1]
            write_file(self.folder + "/index", f"{state}\t{serial}\tunknown\t/CN=first.example\n", "nobody")
            openssl("ocsp", "-index", self.folder + "/index", "-CA", self.authority, "-rsigner", self.authority,
                    "-issuer", self.authority, "-cert", leaf, "-respout", leaf + ".ocsp", "-ndays", "2")
            server = self.own_server(dict(self.conf, sni_cert_files=leaf))
            for version in ("-tls1_2", "-tls1_3"):
                said = self.s_client(server, version, "-status", "-servername", "first.example")
                self.assertIn("OCSP Response Status: successful", said)
                self.assertIn("Cert Status: " + ("good" if state[0] == "V" else "revoked"), said)
                self.assertNotIn("OCSP Response Status", self.s_client(server, version, "-servername", "first.example"))
                self.assertIn("OCSP response: no response sent", self.s_client(server, version, "-status"))
            self.assertEqual(self.shown(server, name="first.example"), der_of(leaf))

    def test_expiry_is_told(self):
        for days, words in ((-1, "has expired"), (1, "expires"), (13, "expires"), (16, None), (90, None)):
            path = make_certificate(f"{self.folder}/days{days}.pem", "ftp.example", days=days)
            server = self.own_server(dict(self.conf, rsa_cert_file=path))
            told = [line for line in server.output if "expire" in line]
            self.assertEqual(len(told), 1 if words else 0, server.text())
            if words:
                self.assertIn(words, told[0])
                self.assertIn(path, told[0])
            self.assertEqual(self.shown(server), der_of(path))


class Reload(TlsCase):
    options = {"require_ssl_reuse": "NO"}

    @classmethod
    def prepare(cls):
        super().prepare()
        write_file(cls.root + "/big", noise(5 << 20))
        cls.fresh = make_certificate(cls.folder + "/fresh.pem", "ftp.example")

    def own_certificate(self, **conf):
        """A server, and the file that its certificate is in, which may be written to."""
        path = f"{self.folder}/own{Server.next_port}.pem"
        with open(path, "wb") as f:
            f.write(read_file(self.certificate))
        return self.own_server({**self.conf, **conf, "rsa_cert_file": path}), path

    def replace(self, path, content):
        with open(path + ".new", "wb") as f:
            f.write(content)
        os.rename(path + ".new", path)

    def test_new_sessions_get_the_new_one_and_old_ones_go_on(self):
        for reuse in ("YES", "NO"):
            server, path = self.own_certificate(require_ssl_reuse=reuse)
            old = [self.private(server, version=version) for version in VERSIONS]
            moving = self.private(server)
            with moving.data("RETR big") as data:
                got = data.recv(100)
                self.replace(path, read_file(self.fresh))
                server.reload()
                self.assertTrue(wait_until(lambda: self.shown(server) == der_of(self.fresh)), server.text())
                self.assertTrue(got + read_all(data) == self.disk("big"))
            moving.want(None, 226)
            for c in old:
                self.way = f"require_ssl_reuse={reuse} {c.sock.version()}"
                c.want("PWD", 257)
                self.assertEqual(c.get("RETR file"), self.disk("file"))
                if reuse == "NO":
                    c.resumes = False
                    with c.data("RETR file") as data:
                        self.assertEqual(data.getpeercert(True), der_of(self.certificate))
                        self.assertEqual(read_all(data), self.disk("file"))
                    c.want(None, 226)
            self.assert_served(server)

    def test_many_reloads(self):
        """Nothing is kept of what nobody uses any more, and what somebody uses is."""
        server, path = self.own_certificate(require_ssl_reuse="YES")
        before = self.private(server)
        pair = [self.fresh, self.certificate]
        for i in range(6):
            self.replace(path, read_file(pair[i % 2]))
            server.reload()
            self.assertTrue(wait_until(lambda: self.shown(server) == der_of(pair[i % 2])), server.text())
        self.assertEqual(before.get("RETR file"), self.disk("file"))
        before.close()
        self.assertTrue(wait_until(lambda: len(self.key_processes(server)) == 1), self.key_processes(server))
        self.assert_served(server)

    @staticmethod
    def key_processes(server):
        found = []
        for pid in harness.descendants(server.process.pid):
            with contextlib.suppress(OSError):
                if read_file(f"/proc/{pid}/comm") == b"sallyd: keys\n":
                    found.append(pid)
        return found

    def test_a_broken_file_keeps_the_old(self):
        server, path = self.own_certificate()
        c = self.private(server)
        good, text = read_file(self.certificate), read_file(self.certificate).decode()
        cut = text.index("-----BEGIN CERTIFICATE")
        key, certificate = text[:cut].encode(), text[cut:].encode()
        other_key = read_file(self.fresh).decode()
        other_key = other_key[:other_key.index("-----BEGIN CERTIFICATE")].encode()
        for what, content in (("nothing", b""), ("noise", noise(2000)), ("no key", certificate), ("no certificate", key),
                              ("half", good[:-200]), ("another key", other_key + certificate), ("none", None)):
            self.way = what
            said = len(server.output)
            if content is None:
                os.unlink(path)
            else:
                self.replace(path, content)
            server.reload()
            self.assertTrue(wait_until(lambda: any(path in line for line in server.output[said:])), server.text())
            self.assertEqual(self.shown(server), der_of(self.certificate))
            self.assertEqual(c.get("RETR file"), self.disk("file"))
        self.way = "mended"
        self.replace(path, read_file(self.fresh))
        server.reload()
        self.assertTrue(wait_until(lambda: self.shown(server) == der_of(self.fresh)), server.text())

    def test_another_file_by_another_configuration(self):
        server, _ = self.own_certificate()
        server.reload(rsa_cert_file=self.fresh)
        self.assertTrue(wait_until(lambda: self.shown(server) == der_of(self.fresh)), server.text())

    def test_switched_on_and_off(self):
        server = self.own_server(dict(self.conf, ssl_enable="NO"))
        c = self.plain(server)
        c.want("AUTH TLS", 502)
        server.reload(ssl_enable="YES")

        def answer():
            with self.plain(server) as d:
                return d.cmd("AUTH TLS").code
        self.assertTrue(wait_until(lambda: answer() == 234), server.text())
        self.assert_served(server)
        c = self.private(server)
        server.reload(ssl_enable="NO")
        self.assertTrue(wait_until(lambda: answer() == 502), server.text())
        self.assertEqual(c.get("RETR file"), self.disk("file"))


class ClientCertificates(TlsCase):
    options = {"xferlog_enable": "YES", "xferlog_std_format": "NO"}

    @classmethod
    def prepare(cls):
        super().prepare()
        authority = make_certificate(cls.folder + "/authority.pem", "authority")
        stranger = make_certificate(cls.folder + "/stranger.pem", "authority")
        cls.conf["ca_certs_file"] = authority + ".crt"
        cls.good = make_certificate(cls.folder + "/good.pem", "kim", by=authority)
        cls.expired = make_certificate(cls.folder + "/expired.pem", "late", by=authority, days=-1)
        cls.bad = make_certificate(cls.folder + "/bad.pem", "kim", by=stranger)  # of an authority with the same name
        cls.own = make_certificate(cls.folder + "/own.pem", "kim")

    def check(self, conf, good, bad):
        server = self.own_server({**self.conf, **conf})
        for version in self.versions():
            for certificate in good:
                self.way = f"{version.name} {certificate}"
                context = new_tls_context(version, certificate=certificate)
                with self.private(server, context=context) as c:
                    for _ in range(2):
                        self.assertEqual(c.get("RETR file"), self.disk("file"))
                    shown = server.who()[0]["certificate"]
                    if certificate and conf.get("ssl_request_cert") != "NO":
                        self.assertIn("late" if certificate == self.expired else "kim", shown)
                    else:
                        self.assertIsNone(shown)
                self.assertTrue(wait_until(lambda: not server.who()))
            for certificate in bad:
                self.way = f"{version.name} {certificate}"
                self.assertTrue(self.is_refused(server, context=new_tls_context(version, certificate=certificate)))

    def test_requested(self):
        self.check({}, [None, self.good, self.expired, self.bad, self.own], [])

    def test_not_requested(self):
        self.check({"ssl_request_cert": "NO"}, [None, self.good, self.bad], [])

    def test_required(self):
        self.check({"require_cert": "YES"}, [self.good, self.expired, self.bad, self.own], [None])

    def test_required_though_not_requested(self):
        """require_cert asks for what it requires"""
        self.check({"require_cert": "YES", "ssl_request_cert": "NO"}, [], [None])

    def test_validated(self):
        self.check({"validate_cert": "YES"}, [None, self.good], [self.expired, self.bad, self.own])

    def test_login(self):
        """An account lets in who shows its certificate; whoever shows another is asked for the password, as ever."""
        with open(self.own + ".crt") as f:
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).digest()
        users = os.path.join(self.folder, "users")
        os.makedirs(users, exist_ok=True)
        write_file(users + "/kim", "login_certificates=" + "0" * 64 + "," + digest.hex(":").upper() + "\n")
        server = Server(dict(self.conf, virtual_enable="YES", guest_username="ftp", user_config_dir=users,
                                     max_login_fails="1"), "login")
        self.addCleanup(server.stop)
        for name in ("kim", "lee"):
            server.add_user(name, make_dir(f"{self.root}/{name}"), "--rights", "rw")
        server.start()
        for version in self.versions():
            context = new_tls_context(version, certificate=self.own)
            with self.secret(server, context=context) as c:
                c.want("USER kim", 232)
                self.assertEqual(c.protect().put("STOR mine", b"x" * 1000).code, 226)
                self.assertEqual(c.get("RETR mine"), b"x" * 1000)
                self.assertEqual([w["user"] for w in server.who()], ["kim"])
            for certificate, name in ((self.own, "lee"), (self.good, "kim"), (None, "kim"), (self.own, "nobody-here")):
                self.way = f"{version.name} {certificate} {name}"
                with self.secret(server, context=new_tls_context(version, certificate=certificate)) as c:
                    c.want("USER " + name, 331)
                    c.want("PASS " + PASSWORD, 230 if name != "nobody-here" else 530)
        with server.client() as c:  # no TLS, no certificate
            c.want("USER kim", 530)
        log = read_file(server.conf["vsftpd_log_file"]).decode()
        self.assertEqual(log.count("FAIL LOGIN"), 2)  # of nobody-here

    def test_login_certificates_are_no_ones_but_a_users(self):
        with open(self.server.dir + "/wrong.conf", "w") as f:
            f.write("login_certificates=" + "0" * 64 + "\n")
        told = self.server.command("--check-config", self.server.dir + "/wrong.conf", check=False)
        self.assertEqual(told.returncode, 2)
        self.assertIn("login_certificates is for users' own files", told.stdout + told.stderr)

    def test_required_and_validated(self):
        self.check({"require_cert": "YES", "validate_cert": "YES"}, [self.good], [None, self.expired, self.bad, self.own])


class Starts(TlsCase):
    """What a server says that does not start, or that has a certificate of its own."""
    def check_refused(self, conf, *words):
        server = Server({**self.conf, **conf}, self.id().rsplit(".", 1)[1])
        self.servers = [server]
        self.addCleanup(server.stop)
        server.start(wait_ready=False)
        self.assertNotEqual(server.process.wait(harness.PATIENCE), 0)
        self.assertTrue(wait_until(lambda: all(word in server.text() for word in words)), server.text())
        self.assertFalse(server.is_ready())

    def test_no_certificate(self):
        for option in ("rsa_cert_file", "ecdsa_cert_file", "sni_cert_files", "ca_certs_file", "rsa_private_key_file"):
            words = [self.folder + "/none.pem"] + ["openssl req -x509"] * (option in ("rsa_cert_file", "ecdsa_cert_file"))
            self.check_refused({option: self.folder + "/none.pem"}, *words)
        self.check_refused({"rsa_cert_file": None}, "/usr/share/ssl/certs/vsftpd.pem", "openssl req -x509")

    def test_the_command_that_is_named_makes_one(self):
        server = Server({**self.conf, "rsa_cert_file": self.folder + "/made.pem"}, "named")
        self.addCleanup(server.stop)
        server.start(wait_ready=False)
        server.process.wait(harness.PATIENCE)
        found = wait_until(lambda: re.search(r"openssl req -x509.*made\.pem", server.text()))
        subprocess.run(["sh", "-c", found[0]], check=True, capture_output=True, timeout=harness.PATIENCE)
        self.assert_served(self.own_server({**self.conf, "rsa_cert_file": self.folder + "/made.pem"}))

    def test_bad_files(self):
        key = make_certificate(self.folder + "/other.pem", "ftp.example")
        encrypted, weak = self.folder + "/encrypted.pem", self.folder + "/ed25519.pem"
        openssl("pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", encrypted)
        openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=x", "-keyout", weak, "-out", weak + ".crt")
        noisy = write_file(self.folder + "/noise.pem", noise(1000))
        self.check_refused({"rsa_private_key_file": key}, self.certificate)
        self.check_refused({"rsa_private_key_file": encrypted}, encrypted, "encrypted")
        self.check_refused({"rsa_cert_file": weak + ".crt", "rsa_private_key_file": weak}, weak)
        self.check_refused({"rsa_cert_file": noisy}, noisy)
        self.check_refused({"rsa_cert_file": self.folder}, self.folder)
        self.check_refused({"ca_certs_file": noisy}, noisy)

    def test_bad_options(self):
        for conf, *words in (({"ssl_sslv2": "YES"}, "ssl_sslv2"), ({"ssl_sslv3": "YES"}, "ssl_sslv3"),
                             ({"ssl_tlsv12": "NO", "ssl_tlsv13": "NO"}, "ssl_tlsv12", "ssl_tlsv13"),
                             ({"validate_cert": "YES"}, "validate_cert", "ca_certs_file"),
                             ({"ssl_ciphers": "NONSENSE"}, "ssl_ciphers"), ({"ssl_ciphers": "kRSA"}, "ssl_ciphers"),
                             ({"ssl_ciphersuites": "NONSENSE"}, "ssl_ciphersuites"),
                             ({"dsa_cert_file": self.certificate}, "dsa_cert_file")):
            with self.subTest(conf=conf):
                self.check_refused(conf, *words)

    def test_a_key_that_everybody_may_read_is_told(self):
        server = self.own_server(self.conf)
        self.assertNotIn("everybody", server.text())
        path = self.folder + "/open.pem"
        write_file(path, read_file(self.certificate), "nobody", 0o644)
        server = self.own_server(dict(self.conf, rsa_cert_file=path))
        self.assertIn(path, "".join(line for line in server.output if "everybody" in line))

    def test_ssl_self_signed(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=None, ssl_self_signed="YES"))
        shown = self.shown(server)
        said = server.text().replace(":", "").lower()
        self.assertIn(hashlib.sha256(shown).hexdigest(), said)
        self.assert_served(server)

    def test_ssl_self_signed_is_for_the_life_of_the_server(self):
        """Its option says so: whoever noted the fingerprint has to be right after a reload, too."""
        server = self.own_server(dict(self.conf, rsa_cert_file=None, ssl_self_signed="YES"))
        shown, keys = self.shown(server), key_process(server)
        server.reload(sni_cert_files=self.certificate)
        self.assertTrue(wait_until(lambda: self.shown(server, name="ftp.example") == der_of(self.certificate)))
        self.assertEqual(self.shown(server, name="other.example"), shown)
        self.assertTrue(wait_until(lambda: key_process(server) != keys))  # the old one goes when nobody needs it


# --- processes ----------------------------------------------------------------------------------------------------

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
