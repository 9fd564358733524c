# SPDX-License-Identifier: BSD-2-Clause
"""What happens when something breaks: disks, peers, processes; nothing half-written passes for whole."""
import os
import resource
import signal
import socket
import subprocess
import threading
import time

from harness import AnonymousCase, Client, noise, read_all, read_file, wait_until, write_file
from namespace import UID


class DiskFull(AnonymousCase):
    size = 1 << 20

    @classmethod
    def prepare(cls):
        cls.small = cls.root + "/small"
        os.mkdir(cls.small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={cls.size},uid={UID['ftp']},gid={UID['ftp']}", "small", cls.small], check=True)

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            subprocess.run(["umount", "-l", cls.small], check=False)

    def tearDown(self):
        for name in os.listdir(self.small):
            os.unlink(os.path.join(self.small, name))

    def fill(self, **options):
        c = self.own_server(dict(self.conf, **options)).anonymous()
        got = c.put("STOR /pub/small/file", noise(3 * self.size))
        self.assertIn(got.code, (452, 552), got)
        self.assertRegex(got.text.lower(), r"space|full|quota")
        c.want("NOOP", 200)
        return c

    def test_plain(self):
        self.fill()
        for name in os.listdir(self.small):
            self.assertLess(os.stat(f"{self.small}/{name}").st_size, 3 * self.size)

    def test_delete_failed_uploads(self):
        self.fill(delete_failed_uploads="YES")
        self.assertTrue(wait_until(lambda: os.listdir(self.small) == []))

    def test_atomic(self):
        c = self.fill(atomic_uploads="YES")
        self.assertTrue(wait_until(lambda: os.listdir(self.small) == []))
        self.assertEqual(c.put("STOR /pub/small/file", b"fits").code, 226)

    def test_atomic_keeps_the_old_file(self):
        write_file(self.small + "/file", b"old")
        self.fill(atomic_uploads="YES")
        self.assertEqual(read_file(self.small + "/file"), b"old")

    def test_ascii(self):
        c = self.own_server(dict(self.conf, ascii_upload_enable="YES", delete_failed_uploads="YES")).anonymous()
        c.want("TYPE A", 200)
        self.assertIn(c.put("STOR /pub/small/file", b"line\r\n" * self.size).code, (452, 552))

    def test_no_inode_left(self):
        subprocess.run(["mount", "-o", "remount,nr_inodes=1", self.small], check=False)
        c = self.anonymous()
        c.epsv()
        self.assertIn(c.cmd("STOR /pub/small/file").code, (452, 552, 553))
        subprocess.run(["mount", "-o", "remount,nr_inodes=1000", self.small], check=False)


class PeerVanishes(AnonymousCase):
    options = {"atomic_uploads": "NO"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/big", noise(32 << 20))
        write_file(cls.root + "/small", b"0123456789")

    def test_during_a_download(self):
        for _ in range(10):
            c = self.anonymous()
            with c.data("RETR big") as data:
                data.recv(1000)
                c.reset()
        self.assert_served()

    def test_only_the_data_connection(self):
        c = self.anonymous()
        with c.data("RETR big") as data:
            data.recv(1000)
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.assertEqual(c.reply()[:2], (426, "Failure writing network stream."))
        self.assertEqual(c.get("RETR small"), b"0123456789")

    def vanish_during_an_upload(self, name, **options):
        c = self.own_server(dict(self.conf, **options)).anonymous()
        c.want("TYPE I", 200)
        with c.data("STOR /pub/" + name) as data:
            data.sendall(noise(500_000))
            time.sleep(0.2)
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.assertIn(c.reply().code, (426, 451))
        c.want("NOOP", 200)

    def test_upload_as_vsftpd(self):
        self.vanish_during_an_upload("plain")
        self.assertLessEqual(os.stat(self.path("plain")).st_size, 500_000)

    def test_upload_delete_failed(self):
        self.vanish_during_an_upload("gone", delete_failed_uploads="YES")
        self.assertTrue(wait_until(lambda: not os.path.exists(self.path("gone"))))

    def test_upload_atomic(self):
        before = sorted(os.listdir(self.root))
        self.vanish_during_an_upload("never", atomic_uploads="YES")
        self.assertTrue(wait_until(lambda: sorted(os.listdir(self.root)) == before), os.listdir(self.root))

    def test_control_channel_dies_during_an_upload(self):
        server = self.own_server(dict(self.conf, atomic_uploads="YES"))
        c = server.anonymous()
        with c.data("STOR /pub/orphan") as data:
            data.sendall(noise(100_000))
            c.reset()
            time.sleep(0.3)
        time.sleep(0.3)
        self.assertFalse(os.path.exists(self.path("orphan")))

    def test_the_server_waits_for_what_its_brokers_clean_up(self):
        """Once it has ended, systemd ends the rest of the service."""
        server = self.own_server(dict(self.conf, delete_failed_uploads="YES", drain_timeout="1"))
        c = server.anonymous()
        with c.data("STOR /pub/unfinished") as data:
            data.sendall(noise(100_000))
            self.assertTrue(wait_until(lambda: os.path.exists(self.path("unfinished"))))
            broker, = server.running("ftp")
            os.kill(broker, signal.SIGSTOP)  # a slow disk
            server.process.send_signal(signal.SIGTERM)
            try:
                time.sleep(2.5)
                self.assertIsNone(server.process.poll())
            finally:
                os.kill(broker, signal.SIGCONT)
            self.assertEqual(server.process.wait(10), 0)
            self.assertFalse(os.path.exists(self.path("unfinished")))

    def test_half_a_login(self):
        for line in (b"", b"US", b"USER anonymous\r\n", b"USER alice\r\nPASS x\r\n", b"USER anonymous\r\nPASS x\r\nLIST\r\n"):
            c = self.client()
            c.send(line)
            c.reset()
        self.assert_served()


class Atomic(AnonymousCase):
    options = {"atomic_uploads": "YES", "fsync_uploads": "YES"}

    def setUp(self):
        super().setUp()
        for name in os.listdir(self.root):
            os.unlink(self.path(name))

    def test_appears_when_whole(self):
        c, other = self.anonymous(), self.anonymous()
        with c.data("STOR new") as data:
            data.sendall(noise(300_000))
            time.sleep(0.2)
            self.assertFalse(os.path.exists(self.path("new")))
            self.assertEqual(other.lines("NLST"), [])
            other.want("SIZE new", 550)
        c.want(None, 226)
        self.assertTrue(self.disk("new") == noise(300_000))
        self.assertEqual(os.listdir(self.root), ["new"])

    def test_old_content_stays_until_then(self):
        write_file(self.path("file"), b"old")
        c = self.anonymous()
        with c.data("STOR file") as data:
            data.sendall(b"new content")
            time.sleep(0.2)
            self.assertEqual(self.disk("file"), b"old")
        c.want(None, 226)
        self.assertEqual(self.disk("file"), b"new content")

    def test_append_and_resume(self):
        c = self.anonymous()
        c.put("STOR file", b"12345")
        self.assertEqual(c.put("APPE file", b"678").code, 226)
        self.assertEqual(c.put("STOR file", b"abc", rest=4).code, 226)
        self.assertEqual(self.disk("file")[:7], b"1234abc")

    def test_two_uploads_of_one_name(self):
        one, two = self.anonymous(), self.anonymous()
        with one.data("STOR same") as a, two.data("STOR same") as b:
            a.sendall(b"a" * 100_000)
            b.sendall(b"b" * 100_000)
        self.assertIn(one.reply().code, (226, 451, 550, 553))
        self.assertIn(two.reply().code, (226, 451, 550, 553))
        self.assertIn(self.disk("same"), (b"a" * 100_000, b"b" * 100_000))
        self.assertEqual(os.listdir(self.root), ["same"])

    def killed(self, user):
        c = self.anonymous()
        with c.data("STOR victim") as data:
            data.sendall(noise(300_000))
            time.sleep(0.2)
            self.server.kill(user)
            time.sleep(0.3)
        self.assertFalse(os.path.exists(self.path("victim")))
        return c

    def test_worker_is_killed(self):
        self.killed("nobody")
        self.assertTrue(wait_until(lambda: os.listdir(self.root) == []), os.listdir(self.root))

    def test_broker_is_killed(self):
        c = self.killed("ftp")
        c.want(None, 451)
        self.assertFalse(os.path.exists(self.path("victim")))
        self.assertEqual(c.put("STOR /pub/victim", b"again").code, 226)


class KilledProcesses(AnonymousCase):
    options = {"delete_failed_uploads": "NO"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/big", noise(16 << 20))
        write_file(cls.root + "/small", b"0123456789")
        os.mkdir(cls.root + "/many", 0o755)
        for i in range(20_000):
            os.mknod(f"{cls.root}/many/{'x' * 200}{i}", 0o644)
        cls.wanted, cls.conf = cls.conf, None

    def setUp(self):
        self.server = self.own_server(self.wanted)  # one each: a server gives up a broker that ends again and again

    def kill(self, user):
        return self.server.kill(user)

    def test_broker_during_an_upload(self):
        c = self.anonymous()
        with c.data("STOR up") as data:
            data.sendall(noise(100_000))
            time.sleep(0.2)
            self.kill("ftp")
            time.sleep(0.2)
        c.want(None, 451)
        c.want("PWD", 257)
        self.assertEqual(c.get("RETR small"), b"0123456789")

    def test_broker_during_a_download(self):
        c = self.anonymous()
        with c.data("RETR big") as data:
            got = data.recv(1000)
            self.kill("ftp")
            while part := data.recv(1 << 18):
                got += part
        code = c.reply().code
        self.assertIn(code, (226, 451))
        self.assertEqual(code == 226, len(got) == 16 << 20)  # 226 for all of it, and for nothing less
        self.assertEqual(c.get("RETR small"), b"0123456789")

    def test_broker_during_a_listing(self):
        for verb, count in (("LIST", 20_000), ("MLSD", 20_002)):
            c = self.anonymous()
            with c.data(f"{verb} many") as data:
                self.kill("ftp")
                got = b""
                while part := data.recv(1 << 18):
                    got += part
            code = c.reply().code
            self.assertIn(code, (226, 451))
            self.assertEqual(code == 226, got.count(b"\r\n") == count)
            self.assertEqual(c.get("RETR small"), b"0123456789")

    def test_broker_between_commands(self):
        c = self.anonymous()
        for _ in range(3):
            self.kill("ftp")
            self.assertIn(c.cmd("SIZE small").code, (213, 451))
            self.assertEqual(c.want("SIZE small", 213).text, "10")
            self.assertIn('"/pub"', c.want("PWD", 257).text)

    def test_worker_is_started_again(self):
        monitor = self.server.process.pid
        for _ in range(2):
            c = self.anonymous()
            old = self.kill("nobody")
            self.assertTrue(c.is_closed())
            self.server.running("nobody", other_than=old)
            self.assertTrue(wait_until(self.can_log_in))
            self.assertEqual(self.server.process.pid, monitor)
        self.assertIsNone(self.server.process.poll())

    def can_log_in(self):
        try:
            self.assert_served()
            return True
        except (OSError, EOFError):
            return False

    def test_nothing_listens_twice_after_a_restart(self):
        self.kill("nobody")
        self.assertTrue(wait_until(self.can_log_in))
        c = self.anonymous()
        self.assertEqual(c.get("RETR small"), b"0123456789")
        self.assertEqual(c.get("RETR small", "active"), b"0123456789")


class SlowReaders(AnonymousCase):
    """More stalled transfers than any pool has threads."""
    options = {"data_connection_timeout": "60"}

    def test_stalled_transfers_do_not_use_up_the_server(self):
        write_file(self.path("big"), noise(16 << 20))
        write_file(self.path("small"), b"0123456789" * 1000)
        held = []
        for _ in range(150):
            c = self.anonymous()
            data = c.connect(c.epsv())
            c.want("RETR big", 150)
            held.append((c, data))
        begin = time.monotonic()
        c = self.anonymous()
        for _ in range(20):
            c.get("RETR small")
        self.assertEqual(c.put("STOR up", noise(1_000_000)).code, 226)
        self.assertLess(time.monotonic() - begin, 50)
        for c, data in held[:3]:
            self.assertEqual(len(read_all(data)), 16 << 20)
            c.want(None, 226)
        for c, data in held:
            data.close()
            c.close()


class ManySessions(AnonymousCase):
    count = 400  # tests/soak has 5000
    options = {"max_clients": "6000", "max_per_ip": "0"}

    def test_many_idle_sessions(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, max(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        write_file(self.path("file"), noise(1_000_000))
        held, failures = [], []

        def hold(source, count):
            try:
                for _ in range(count // 50):
                    some = [Client("127.0.0.1", self.server.port, source=source, greeting=False) for _ in range(50)]
                    for c in some:
                        c.send(b"USER anonymous\r\nPASS x@\r\n")
                    for c in some:
                        codes = [c.reply().code for _ in range(3)]
                        if codes != [220, 331, 230]:
                            failures.append(codes)
                    held.extend(some)
            except Exception as error:
                failures.append(repr(error))

        threads = [threading.Thread(target=hold, args=(f"127.0.0.{i + 2}", self.count // 4)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures[:5], [])
        self.assertEqual(len(held), self.count)
        c = self.anonymous()
        begin = time.monotonic()
        self.assertTrue(c.get("RETR file") == noise(1_000_000))
        self.assertLess(time.monotonic() - begin, 30)
        for one in held[::100]:
            one.want("NOOP", 200)
        for one in held:
            one.close()
        self.assert_served()
