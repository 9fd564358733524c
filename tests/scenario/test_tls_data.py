# SPDX-License-Identifier: BSD-2-Clause
"""FTP under TLS: whose data channel it is, and where a transfer ends."""
import contextlib
import glob
import os
import socket
import ssl
import threading
import time

import harness
from harness import make_dir, new_tls_context, noise, read_all, read_file, wait_until, write_file
from namespace import IPV6_ADDRESSES
from tls import TLS12, TLS13, VERSIONS, TlsCase, vanish, say_end, client_hello


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
