# SPDX-License-Identifier: BSD-2-Clause
"""Downloads that the kernel encrypts: that it does, that nothing else changes, and what happens where it can't."""
import contextlib
import fcntl
import hashlib
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import harness
from harness import noise, read_all, read_file, wait_until, write_file
from tls import TLS12, TLS13, TlsCase

MODULE = "/sys/module/tls"
CHUNK = noise(1 << 20, 5)


def counters():
    """What the kernel's TLS did in this network namespace; empty: there is none."""
    with contextlib.suppress(FileNotFoundError), open("/proc/net/tls_stat") as f:
        return {name: int(value) for name, value in map(str.split, f)}
    return {}


def sent_by_kernel():
    """How many connections were given keys to encrypt with, ever."""
    return counters().get("TlsTxSw", 0)


class Downloads(TlsCase):
    """The same for whoever encrypts. boot: of kernels/run.sh, for which a class is."""
    options = {"listen_ipv6": "YES", "ascii_download_enable": "YES", "ssl_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"}
    boot = None

    @classmethod
    def setUpClass(cls):
        if os.environ.get("SALLY_BOOT") != cls.boot:
            raise AssertionError(f"{cls.__name__} is for the boot {cls.boot!r}, and this is {os.environ.get('SALLY_BOOT')!r}")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        super().prepare()
        write_file(cls.root + "/big", CHUNK * 6 + b"end")
        write_file(cls.root + "/small", CHUNK[:1000])
        write_file(cls.root + "/text", b"a line\n" * 20_000)

    def same(self, got, name, begin=0):
        """Compared by hash, so that a difference does not fill the screen."""
        wanted = self.disk(name)[begin:]
        self.assertEqual((len(got), hashlib.sha256(got).hexdigest()), (len(wanted), hashlib.sha256(wanted).hexdigest()))

    def counted(self, action):
        """What action returns, and how many connections the kernel encrypted meanwhile."""
        before = sent_by_kernel()
        return action(), sent_by_kernel() - before

    def served_again(self, version):
        """A new client: one that saw its TLS cut off does not continue that session (OpenSSL, TLS 1.2)."""
        self.same(self.private(version=version).get("RETR big"), "big")

    def small_window(self, c, size=64 << 10):
        """Data connections of c take little in advance."""
        def connect(port, source=None, host=None):
            s = socket.socket(c.family)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            s.settimeout(c.timeout)
            s.connect((c.host, port))
            return s
        c.connect = connect
        return c


class KernelTls(Downloads):
    boot = "tls"

    def test_its_start_loaded_the_module(self):
        """Nobody in this guest has, and the worker may not."""
        self.assertTrue(os.path.exists(MODULE))
        self.assertIn("TlsTxSw", counters())

    def test_downloads(self):
        for version in self.versions():
            for host in ("127.0.0.1", "::1"):
                for mode in ("passive", "active"):
                    c = self.private(version=version, host=host)
                    got, count = self.counted(lambda: c.get("RETR big", mode))
                    self.same(got, "big")
                    self.assertEqual(count, 1)
        self.assertEqual(counters()["TlsRxSw"], 0, "what is received was to be left alone")

    def test_each_cipher(self):
        suites = {"TLS_AES_128_GCM_SHA256": 1, "TLS_AES_256_GCM_SHA384": 1, "TLS_CHACHA20_POLY1305_SHA256": 0}
        for suite, kernel in suites.items():  # this boot has been told to do without chacha20poly1305
            server = self.own_server(dict(self.conf, ssl_ciphersuites=suite))
            self.way = suite
            c = self.private(server, version=TLS13)
            got, count = self.counted(lambda: c.get("RETR big"))
            self.same(got, "big")
            self.assertEqual(count, kernel)
            self.servers.remove(server)
            server.stop()
        lists = {"ECDHE-ECDSA-AES128-GCM-SHA256": 1, "ECDHE-ECDSA-AES256-GCM-SHA384": 1, "ECDHE-ECDSA-CHACHA20-POLY1305": 0,
                 "ECDHE-ECDSA-AES128-SHA256": 0}  # the last OpenSSL does not give to the kernel
        for cipher, kernel in lists.items():
            self.way = cipher
            c = self.private(context=harness.new_tls_context(TLS12, ciphers=cipher))
            got, count = self.counted(lambda: c.get("RETR big"))
            self.assertEqual(c.sock.cipher()[0], cipher)
            self.same(got, "big")
            self.assertEqual(count, kernel)

    def test_it_is_sendfile(self):
        """The worker's system calls, as strace sees them: all of the file goes by sendfile, to a socket that got keys."""
        harness.need("strace")
        worker = max(self.server.running("nobody"), key=lambda pid: len(os.listdir(f"/proc/{pid}/task")))
        trace = os.path.join(self.folder, "trace")
        for version in self.versions():
            c = self.private(version=version)
            seen = subprocess.Popen(["strace", "-f", "-p", str(worker), "-e", "trace=setsockopt,sendfile", "-o", trace],
                                    stderr=subprocess.PIPE)
            self.addCleanup(seen.kill)
            self.assertIn(b"attached", seen.stderr.readline())
            self.same(c.get("RETR big"), "big")
            seen.send_signal(signal.SIGINT)
            seen.wait(harness.PATIENCE)
            text = read_file(trace).decode()
            given = re.findall(r'setsockopt\((\d+), SOL_TCP, TCP_ULP, .*= 0', text)
            keyed = re.findall(r'setsockopt\((\d+), SOL_TLS, TLS_TX, .*= 0', text)
            self.assertEqual((len(given), keyed), (1, given), text)
            self.assertNotIn("TLS_RX", text)
            moved = re.findall(r"sendfile\((\d+), .*= (\d+)$|<\.\.\. sendfile resumed>.* = (\d+)$", text, re.MULTILINE)
            self.assertEqual(sum(int(a or b) for _, a, b in moved), len(self.disk("big")), text)
            self.assertLessEqual({fd for fd in re.findall(r"sendfile\((\d+),", text)}, set(given), text)

    def test_rest(self):
        for version in self.versions():
            c = self.private(version=version)
            for begin in (1, 16384, 3_000_001, len(self.disk("big")) - 20_000):
                got, count = self.counted(lambda: c.get("RETR big", rest=begin))
                self.same(got, "big", begin)
                self.assertEqual(count, 1)
            self.assertEqual(c.get("RETR big", rest=len(self.disk("big"))), b"")

    def test_what_is_not_a_file_as_it_is(self):
        """ASCII, few bytes and listings go by OpenSSL, uploads as well."""
        for version in self.versions():
            c = self.private(version=version)

            def all_of_it():
                self.same(c.get("RETR small"), "small")
                self.assertIn(b"big", c.get("LIST"))
                self.assertEqual(c.put("STOR new", CHUNK * 3).code, 226)
                self.assertEqual(self.disk("new"), CHUNK * 3)
                c.want("TYPE A", 200)
                self.assertEqual(c.get("RETR text"), self.disk("text").replace(b"\n", b"\r\n"))
            self.assertEqual(self.counted(all_of_it)[1], 0)

    def test_abor(self):
        write_file(self.path("long"), CHUNK * 32)
        for version in self.versions():
            c = self.small_window(self.private(version=version))
            begin = sent_by_kernel()
            with c.data("RETR long") as data:
                data.recv(100)
                c.want("ABOR", 426)
                c.want(None, 226)
                with self.assertRaises(OSError):  # no close_notify: it was not all
                    read_all(data)
            self.assertEqual(sent_by_kernel() - begin, 1)
            self.served_again(version)

    def test_who_goes_amid_it(self):
        write_file(self.path("long"), CHUNK * 32)
        for version in self.versions():
            c = self.small_window(self.private(version=version))
            with c.data("RETR long") as data:
                data.recv(100)
            self.assertEqual(c.reply().code, 426)
            self.served_again(version)

    def test_a_file_that_becomes_shorter(self):
        """That transfer is an error and ends without close_notify; another session's, of the same size, goes on and is whole."""
        size = 32
        for version in self.versions():
            shrinking, other = write_file(self.path("shrinking"), CHUNK * size), write_file(self.path("other"), CHUNK * size)
            c, neighbour = (self.small_window(self.private(version=version)) for _ in range(2))
            begin = sent_by_kernel()
            with c.data("RETR shrinking") as data, neighbour.data("RETR other") as going_on:
                head = going_on.recv(1000)
                data.recv(1000)
                os.truncate(shrinking, 1 << 20)
                with self.assertRaises(OSError):
                    read_all(data)
                self.assertEqual(c.reply().code, 451)
                self.same(head + read_all(going_on), "other")
            neighbour.want(None, 226)
            self.assertEqual(sent_by_kernel() - begin, 2)
            c.want("NOOP", 200)
            self.served_again(version)
            os.unlink(shrinking), os.unlink(other)

    def test_rate(self):
        """Blocks of a fraction of a second, each by sendfile. That it is not faster than it may be is all that can be said here."""
        server = self.own_server(dict(self.conf, anon_max_rate=2 << 20))
        for version in self.versions():
            c = self.private(server, version=version)
            begin = time.monotonic()
            got, count = self.counted(lambda: c.get("RETR big"))
            took = time.monotonic() - begin
            self.same(got, "big")
            self.assertEqual(count, 1)
            self.assertGreater(took, len(got) / (2 << 20) * 0.9)

    def test_who_rests_before_the_end_gets_all(self):
        """Wherever in the kernel's buffers the end falls, and though calls time out meanwhile (an eighth of
        data_connection_timeout), it comes, and close_notify after it."""
        server = self.own_server(dict(self.conf, data_connection_timeout=16))
        for size in range(1, 21):
            write_file(self.path("tail"), (CHUNK * 6)[:size * 200_000 + 7])
            self.way = str(size)
            c = self.small_window(self.private(server, version=TLS13))
            with c.data("RETR tail") as data:
                time.sleep(3)
                got = read_all(data)  # an SSLEOFError, were it cut off
            c.want(None, 226)
            self.same(got, "tail")

    def test_who_stands_still_is_ended_and_no_226(self):
        server = self.own_server(dict(self.conf, data_connection_timeout=2))
        for name in ("long", "tail"):
            write_file(self.path(name), CHUNK * (32 if name == "long" else 3))
            self.way = name
            c = self.small_window(self.private(server, version=TLS13), 4096)
            with c.data("RETR " + name) as data:
                data.recv(1)
                self.assertEqual(c.reply().code, 421)

    def test_strict_ssl_write_shutdown(self):
        server = self.own_server(dict(self.conf, strict_ssl_write_shutdown="YES"))
        for version in self.versions():
            c = self.private(server, version=version)
            with c.data("RETR big") as data:
                self.same(read_all(data), "big")
                data.unwrap()
            c.want(None, 226)
            with c.data("RETR big") as data:
                read_all(data)
            self.assertIn(c.reply().code, (426, 451))

    def test_many_at_once(self):
        clients = [self.private(version=version) for version in self.versions() for _ in range(4)]
        begin = sent_by_kernel()
        with contextlib.ExitStack() as stack:
            channels = [stack.enter_context(c.data("RETR big")) for c in clients]
            for data in channels:
                self.same(read_all(data), "big")
        for c in clients:
            c.want(None, 226)
        self.assertEqual(sent_by_kernel() - begin, len(clients))

    def test_curl(self):
        harness.need("curl")
        for version in ("1.2", "1.3"):
            self.way = version
            argv = ["curl", "-sS", "-k", "--ssl-reqd", "--tlsv" + version, "--tls-max", version]
            url = f"ftp://127.0.0.1:{self.server.port}/pub/big"
            begin = sent_by_kernel()
            done = subprocess.run([*argv, url, url, "-r", "5000000-", url], capture_output=True, timeout=harness.PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(hashlib.sha256(done.stdout).digest(),
                             hashlib.sha256(self.disk("big")[5_000_000:] * 3).digest())
            self.assertEqual(sent_by_kernel() - begin, 3)

    def test_switched_off(self):
        server = self.own_server(dict(self.conf, ssl_ktls="NO"))
        for version in self.versions():
            c = self.private(server, version=version)
            got, count = self.counted(lambda: c.get("RETR big"))
            self.same(got, "big")
            self.assertEqual(count, 0)

    def test_switched_by_a_reload(self):
        """Off for new sessions at once; on again, as it was at its start."""
        server = self.own_server(self.conf)
        for setting, expected in (("NO", 0), ("YES", 1)):
            server.reload(ssl_ktls=setting)

            def is_so():
                with self.private(server) as c:
                    return self.counted(lambda: c.get("RETR big"))[1] == expected
            self.assertTrue(wait_until(is_so), setting)

    def test_a_new_worker_has_it_as_well(self):
        server = self.own_server(self.conf)
        worker = min(server.running("nobody"))
        os.kill(worker, signal.SIGKILL)

        def is_served():
            with contextlib.suppress(OSError, EOFError, AssertionError), self.private(server) as c:
                got, count = self.counted(lambda: c.get("RETR big"))
                return len(got) == len(self.disk("big")) and count == 1
            return False
        self.assertTrue(wait_until(is_served))


def slowly(server, rest):
    """A socket to which comes what the server sends, as much as a small window takes with a rest after it, once the handshake is
    over."""
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    client, own = socket.socketpair()
    client.settimeout(harness.PATIENCE)

    def forward():
        while part := own.recv(65536):
            server.sendall(part)

    def backward():
        came = 0
        while part := server.recv(65536):
            own.sendall(part)
            came += len(part)
            time.sleep(rest if came > 4000 else 0)
        own.shutdown(socket.SHUT_WR)

    for way in (forward, backward):
        threading.Thread(target=way, daemon=True).start()
    return client


class SlowNetwork(Downloads):
    """Segments and send buffers as on a network: the loopback's, of 64 KiB, would make Linux 6.1 wait for more of a record before it
    sends the part it has."""
    boot = "tls"

    @classmethod
    def prepare(cls):
        super().prepare()
        with socket.socket() as s:  # SIOCSIFMTU
            fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))
        with open("/proc/sys/net/ipv4/tcp_wmem", "w") as f:
            f.write("4096 49152 49152")
        write_file(cls.root + "/tail", CHUNK[:110_000])

    def test_who_rests_longer_than_a_call_gets_all(self):
        """Calls time out (an eighth of data_connection_timeout) amid records, again and again: all comes, and close_notify."""
        server = self.own_server(dict(self.conf, data_connection_timeout=24))
        for version in self.versions():
            c = self.private(server, version=version)
            c.connect = lambda port, c=c: slowly(socket.create_connection((c.host, port), c.timeout), 4)
            begin = sent_by_kernel()
            with c.data("RETR tail") as data:
                got, cut_off = b"", None
                try:
                    while part := data.recv(1 << 18):
                        got += part
                except OSError as e:
                    cut_off = e
            self.assertEqual((c.reply().code, len(got), cut_off), (226, len(self.disk("tail")), None))
            self.same(got, "tail")
            self.assertEqual(sent_by_kernel() - begin, 1)


class NoKernelTls(Downloads):
    """A kernel that was told not to load the module."""
    boot = "bare"

    def test_there_is_none(self):
        self.assertFalse(os.path.exists(MODULE))
        with self.assertRaises(OSError), socket.socket() as s:
            s.setsockopt(socket.IPPROTO_TCP, 31, b"tls")  # TCP_ULP, as root

    def test_downloads_and_uploads(self):
        for version in self.versions():
            for mode in ("passive", "active"):
                c = self.private(version=version)
                self.same(c.get("RETR big", mode), "big")
                self.same(c.get("RETR big", mode, rest=12345), "big", 12345)
                self.assertEqual(c.put("STOR new", CHUNK * 3, mode).code, 226)
                self.assertEqual(self.disk("new"), CHUNK * 3)
        self.assertEqual(counters(), {})
