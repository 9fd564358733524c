# SPDX-License-Identifier: BSD-2-Clause
"""How things end in the worker: each command has its answer, also the last one; what was counted is counted back."""
import os
import signal
import socket
import subprocess

import harness
from harness import AnonymousCase, ServerCase, make_dir, noise, wait_until, write_file
from namespace import UID


class Answers(AnonymousCase):
    @classmethod
    def prepare(cls):
        write_file(cls.root + "/big", noise(8 << 20))

    def test_each_abor_is_answered(self):
        for line in ("RETR big", "STOR up"):
            with self.subTest(line=line):
                c = self.anonymous()
                with c.data(line):
                    c.send(b"ABOR\r\nABOR\r\nNOOP\r\nABOR\r\n")
                    codes = [c.reply().code for _ in range(5)]
                self.assertEqual(codes, [426, 226, 225, 200, 225])

    def test_each_abor_is_answered_before_the_data_channel_stands(self):
        c = self.anonymous()
        c.epsv()
        c.send(b"RETR big\r\nABOR\r\nABOR\r\nNOOP\r\n")
        self.assertEqual([c.reply().code for _ in range(4)], [426, 226, 225, 200])

    def test_the_last_answer_comes_though_many_wait_before_it(self):
        """The sockets take fewer bytes than are answered in one go, before the client begins to read."""
        with open("/proc/sys/net/ipv4/tcp_wmem", "w") as f:
            f.write("4096 4096 8192")
        server, line = self.own_server(self.conf), b"XYZZY\r\n"
        for count in (300, 500, 700):
            with self.subTest(count=count), socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                s.settimeout(harness.CLIENT_TIMEOUT)
                s.connect(("127.0.0.1", server.port))
                s.sendall(b"USER anonymous\r\nPASS x@\r\n")
                got = b""
                while b"\n230 " not in got:
                    got += s.recv(4096)
                s.sendall(line * count + b"QUIT\r\n")
                got = harness.read_all(s)
                self.assertTrue(got.endswith(b"221 Goodbye.\r\n"), got[-60:])
                self.assertEqual(got.count(b"500 Unknown command.\r\n"), count)

    def test_who_never_reads_the_last_answer_is_let_go(self):
        with open("/proc/sys/net/ipv4/tcp_wmem", "w") as f:
            f.write("4096 4096 8192")
        server = self.own_server(self.conf)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(("127.0.0.1", server.port))
            s.sendall(b"USER anonymous\r\nPASS x@\r\n")
            self.assertTrue(wait_until(lambda: [w for w in server.who() if w["user"]]))
            worker = server.pids("nobody")[0]
            held = len(os.listdir(f"/proc/{worker}/fd"))
            s.sendall(b"XYZZY\r\n" * 700 + b"QUIT\r\n")
            self.assertTrue(wait_until(lambda: len(os.listdir(f"/proc/{worker}/fd")) < held, 20))


class Counts(ServerCase):
    """What an account may still store follows what is on the disk, however an upload ends."""
    conf = {"virtual_enable": "YES", "guest_username": "ftp", "write_enable": "YES", "local_umask": "022", "accept_timeout": "20"}
    most = 3 << 20

    @classmethod
    def prepare(cls):
        cls.small = make_dir(cls.root + "/kim/small")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=1m,uid={UID['ftp']},gid={UID['ftp']}", "small", cls.small], check=True)

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            subprocess.run(["umount", "-l", cls.small], check=False)

    @classmethod
    def start_server(cls, conf, **popen):
        server = harness.Server(conf, cls.__name__)
        server.add_user("kim", make_dir(cls.root + "/kim"), "--rights", "rwd", "--quota-bytes", str(cls.most), "--quota-files", "3")
        return server.start(**popen)

    def each_way(self):
        for atomic in ("NO", "YES"):
            self.way = "atomic_uploads=" + atomic
            accounts = self.server.conf["accounts_file"]
            server = self.own_server(dict(self.conf, accounts_file=accounts, atomic_uploads=atomic))
            for folder, _, names in os.walk(self.root + "/kim"):
                for name in names:
                    os.unlink(os.path.join(folder, name))
            c = server.client()
            self.addCleanup(c.close)
            c.login("kim")
            c.want("TYPE I", 200)
            yield server, c

    def on_disk(self):
        sizes = [os.stat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(self.root + "/kim") for name in names]
        return len(sizes), sum(sizes)

    def assert_counts(self, c, files=None):
        """files: how many must be left, once the broker has cleared away."""
        if files is not None:
            c.want("SIZE barrier", 550)  # the broker has taken what was asked of it before
            self.assertTrue(wait_until(lambda: self.on_disk()[0] == files))
        files, used = self.on_disk()
        left = str(self.most - used)
        self.assertTrue(wait_until(lambda: c.want("AVBL", 213).text == left), (c.want("AVBL", 213).text, left))
        for i in range(3 - files):
            self.assertEqual(c.put(f"STOR more{i}", b"x").code, 226)
        with c.connect(c.epsv()):
            c.want("STOR toomany", 552)
        for i in range(3 - files):
            c.want(f"DELE more{i}", 250)

    def test_aborted_while_it_is_opened(self):
        for _, c in self.each_way():
            for i in range(6):
                c.epsv()
                c.send(f"STOR a{i}\r\nABOR\r\n".encode())
                c.want(None, 426)
                c.want(None, 226)
            self.assert_counts(c, 0)

    def test_gone_while_it_is_opened(self):
        for server, c in self.each_way():
            for i in range(6):
                d = server.client().login("kim")
                d.epsv()
                d.send(f"STOR a{i}\r\n".encode())
                d.reset()
            self.assertTrue(wait_until(lambda: len(server.who()) == 1))
            self.assert_counts(c, 0)

    def test_full_disk(self):
        for _, c in self.each_way():
            self.assertIn(c.put("STOR small/x", noise(2 << 20)).code, (452, 552))
            self.assert_counts(c)
            c.want("TYPE A", 200)
            self.assertIn(c.put("STOR small/x", noise(2 << 20)).code, (452, 552))
            self.assert_counts(c)

    def test_full_disk_over_an_old_file(self):
        for _, c in self.each_way():
            self.assertEqual(c.put("STOR small/x", noise(600 << 10)).code, 226)
            self.assertIn(c.put("STOR small/x", noise(2 << 20)).code, (452, 552))
            self.assert_counts(c)

    def test_a_broker_dies(self):
        for server, c in self.each_way():
            self.assertEqual(c.put("STOR x", noise(200_000)).code, 226)
            with c.data("STOR x") as data:
                data.sendall(noise(100_000))
                self.assertTrue(wait_until(lambda: [s for s in server.who() if s["bytes"] == 100_000]))
                os.kill(server.pids("ftp")[0], signal.SIGKILL)
                c.want(None, 451)
            self.assert_counts(c)
