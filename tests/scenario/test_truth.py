# SPDX-License-Identifier: BSD-2-Clause
"""A success is said only when it holds, and a refusal says why: replies, logs, quotas, memory."""
import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import harness
from harness import AnonymousCase, ServerCase, make_dir, noise, read_all, read_file, wait_until, write_file


class Wire:
    """What goes over lo from a port, segment by segment."""

    def __init__(self, port):
        self.port, self.segments = port, []
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.sock.bind(("lo", 0))
        self.sock.settimeout(0.1)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                packet, address = self.sock.recvfrom(65536)
                header = (packet[0] & 15) * 4
                if packet[9] != socket.IPPROTO_TCP or address[2] == socket.PACKET_OUTGOING:
                    continue
                source, = struct.unpack_from("!H", packet, header)
                payload = packet[header + (packet[header + 12] >> 4) * 4:]
                if source == self.port and payload:
                    self.segments.append(payload)

    def stop(self):
        self.over.set()
        self.thread.join()
        self.sock.close()
        return self.segments


class Replies(AnonymousCase):
    def check_segments(self, line, mode):
        c = self.anonymous()
        wire = Wire(self.server.port)
        for _ in range(20):
            c.get(line, mode)
        self.assertTrue(wait_until(lambda: any(b"226 " in s for s in wire.segments)))
        for segment in wire.stop():
            self.assertFalse(b"150 " in segment and b"226 " in segment, segment)

    def test_226_does_not_travel_with_150(self):
        write_file(self.path("small"), b"few bytes")
        write_file(self.path("empty"), b"")
        for line in ("RETR small", "RETR empty", "LIST", "NLST", "MLSD"):
            for mode in ("passive", "active"):
                with self.subTest(line=line, mode=mode):
                    self.check_segments(line, mode)


    def test_a_reset_after_the_last_byte_is_no_226(self):
        """The bytes were with this machine's kernel, not with the client, who threw them away."""
        write_file(self.path("small"), noise(32 << 10))
        c = self.anonymous()
        codes = []
        while len(codes) < 50 and 426 not in codes:  # on a busy machine the reset may come later than the server waits
            data = socket.create_connection(("127.0.0.1", c.epsv()), 5)
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            c.want("RETR small", 150)
            data.recv(32 << 10, socket.MSG_PEEK | socket.MSG_WAITALL)
            data.close()
            codes.append(c.reply().code)
        self.assertEqual(codes[-1], 426, codes)
        self.assertLessEqual(set(codes), {226, 426})
        self.assertEqual(c.get("RETR small"), noise(32 << 10))


class Shrinking(AnonymousCase):
    """A file that somebody makes shorter while it is sent."""
    options = {"ascii_download_enable": "YES", "xferlog_enable": "YES", "dual_log_enable": "YES"}

    def check(self, kind):
        path = write_file(self.path("big"), noise(64 << 20))
        log = os.path.join(os.path.dirname(self.root), "log.json." + kind)
        server = self.own_server(dict(self.conf, json_log_file=log))
        with server.anonymous() as c:
            c.want("TYPE " + kind, 200)
            with c.data("RETR /pub/big") as data:
                data.recv(1000)
                os.truncate(path, 32 << 20)
                read_all(data)
            got = c.reply()
            self.assertEqual(got.code, 451, got)
            c.want("NOOP", 200)
        lines = wait_until(lambda: [x for x in map(json.loads, read_file(log).splitlines()) if x["event"] == "transfer"])
        self.assertEqual([x["ok"] for x in lines], [False])
        self.assertTrue(wait_until(lambda: b"FAIL DOWNLOAD" in read_file(server.conf["vsftpd_log_file"])))
        self.assertRegex(read_file(server.conf["xferlog_file"]).decode(), r" i\n$")

    def test_binary(self):
        self.check("I")

    def test_ascii(self):
        self.check("A")

    def test_one_that_grows_is_sent_whole(self):
        path = write_file(self.path("log"), noise(8 << 20))
        c = self.anonymous()
        with c.data("RETR log") as data:
            got = data.recv(1000)
            with open(path, "ab") as f:
                f.write(b"more")
            got += read_all(data)
        c.want(None, 226)
        self.assertEqual(got[:8 << 20], noise(8 << 20))


class Quota(ServerCase):
    """Overwriting costs what goes beyond the old content, also when nothing is left."""
    conf = {"virtual_enable": "YES", "guest_username": "ftp", "write_enable": "YES", "local_umask": "022"}
    most = 100_000

    @classmethod
    def start_server(cls, conf, **popen):
        server = harness.Server(conf, cls.__name__)
        server.add_user("kim", make_dir(cls.path(cls, "kim")), "--rights", "rwd", "--quota-bytes", str(cls.most))
        return server.start(**popen)

    def used(self):
        return sum(os.stat(self.path("kim/" + name)).st_size for name in os.listdir(self.path("kim")))

    def fill(self, server):
        for name in os.listdir(self.path("kim")):
            os.unlink(self.path("kim/" + name))
        write_file(self.path("kim/full"), noise(self.most))
        c = server.client()
        self.addCleanup(c.close)
        c.login("kim")
        c.want("TYPE I", 200)
        return c

    def check(self, server):
        c = self.fill(server)
        self.assertEqual(c.put("STOR full", noise(60_000)).code, 226)  # smaller
        self.assertEqual(c.put("STOR full", noise(self.most, 2)).code, 226)  # to the brim again
        self.assertEqual(c.put("STOR full", noise(self.most, 3)).code, 226)  # as much
        self.assertEqual(self.disk("kim/full"), noise(self.most, 3))
        self.assertEqual(c.want("AVBL", 213).text, "0")
        self.assertEqual(c.put("STOR full", noise(self.most + 1)).code, 552)
        self.assertLessEqual(self.used(), self.most)
        return c

    def test_in_place(self):
        self.check(self.server)

    def test_atomic(self):
        server = self.own_server(dict(self.server.conf, listen_port=harness.Server.next_port + 1, atomic_uploads="YES"))
        c = self.check(server)
        self.assertEqual(self.disk("kim/full"), noise(self.most, 3))  # the old content stands
        self.assertEqual(c.put("STOR full", noise(self.most, 4)).code, 226)

    def test_what_fails_costs_nothing(self):
        server = self.own_server(dict(self.server.conf, listen_port=harness.Server.next_port + 1, atomic_uploads="YES"))
        c = self.fill(server)
        for _ in range(3):
            with c.data("STOR full") as data:
                data.sendall(noise(50_000))
                c.want("ABOR", 426)
            c.want(None, 226)
        self.assertEqual(c.want("AVBL", 213).text, "0")
        self.assertEqual(c.put("STOR full", noise(self.most, 5)).code, 226)
        self.assertEqual(c.put("STOR full", noise(10)).code, 226)
        self.assertEqual(c.want("AVBL", 213).text, str(self.most - 10))

    def test_a_new_file_is_refused_and_not_left(self):
        c = self.fill(self.server)
        with c.connect(c.epsv()):
            c.want("STOR other", 552)
        self.assertFalse(os.path.exists(self.path("kim/other")))
        self.assertEqual(c.put("STOR full", b"").code, 226)
        self.assertEqual(c.put("STOR other", noise(self.most)).code, 226)

    def test_one_count_for_an_account_whatever_is_reloaded(self):
        """Sessions from before and after a reload have brokers of their own, and one quota."""
        c = self.fill(self.server)
        c.want("DELE full", 250)
        self.assertEqual(c.put("STOR a", noise(60_000)).code, 226)
        self.server.reload(ftpd_banner="anew")
        self.assertTrue(wait_until(lambda: "anew" in self.client().greeting.text))
        d = self.as_user("kim")
        d.want("TYPE I", 200)
        self.assertEqual(d.put("STOR b", noise(60_000)).code, 552)
        with c.connect(c.epsv()):
            c.want("STOR c", 552)  # b took all that was left
        d.want("DELE b", 250)
        self.assertEqual(c.put("STOR c", noise(40_000)).code, 226)
        self.assertEqual(self.used(), self.most)


class BeforeLogin(AnonymousCase):
    options = {"idle_session_timeout": "2", "delay_failed_login": "0", "max_login_fails": "1000"}

    def ends_in_time(self, c, talk):
        begin = time.monotonic()
        with contextlib.suppress(OSError, EOFError):
            while time.monotonic() - begin < 15:
                time.sleep(0.3)
                if talk(c).code == 421:
                    break
        self.assertGreater(time.monotonic() - begin, 1)
        self.assertLess(time.monotonic() - begin, 10)

    def test_talking_gives_no_more_time(self):
        self.ends_in_time(self.client(), lambda c: c.cmd("NOOP"))
        self.ends_in_time(self.client(), lambda c: c.cmd("USER anonymous"))

    def test_nor_does_a_failed_login(self):
        def fail(c):
            got = c.cmd("USER alice")
            return got if got.code == 421 else c.cmd("PASS wrong")
        server = self.own_server(dict(self.conf, local_enable="YES"))
        self.ends_in_time(server.client(), fail)

    def test_a_session_that_is_in_has_its_own_time(self):
        c = self.anonymous()
        for _ in range(10):
            time.sleep(0.3)
            c.want("NOOP", 200)


class Reasons(AnonymousCase):
    options = {"xferlog_enable": "YES", "accept_timeout": "2", "pasv_address": "203.0.113.9"}

    def setUp(self):
        super().setUp()
        open(self.server.conf["vsftpd_log_file"], "w").close()

    def logged(self, pattern):
        log = self.server.conf["vsftpd_log_file"]
        self.assertTrue(wait_until(lambda: re.search(pattern, read_file(log).decode(), re.M)),
                        "no %r in:\n%s" % (pattern, read_file(log).decode()))

    def test_permission(self):
        os.mkdir(self.path("closed"), 0o700)
        write_file(self.path("secret"), b"x", "nobody", 0o600)
        c = self.anonymous()
        for line, word in (("RETR secret", "DOWNLOAD"), ("STOR closed/x", "UPLOAD"), ("MKD closed/x", "MKDIR"),
                           ("CWD closed", "CWD"), ("DELE closed/x", "DELETE"), ("RNFR closed/x", "RNFR"),
                           ("MDTM closed/x", "MDTM"), ("MFMT 20200101000000 secret", "MFMT")):
            with self.subTest(line=line):
                c.epsv()
                got = c.cmd(line)
                self.assertIn(got.code, (550, 553))
                self.assertRegex(got.text, r"Permission denied|Operation not permitted")
                self.logged(rf'FAIL {word}: Client "127\.0\.0\.1", "/pub/\w+.*: (Permission denied|Operation not permitted)$')
        self.assertEqual(c.get("LIST closed"), b"")
        self.logged(r'FAIL LIST: Client "127\.0\.0\.1", "/pub/closed".*: Permission denied$')

    def test_read_only_file_system(self):
        where = make_dir(self.path("fixed"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,mode=777", "fixed", where], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", where], check=False)
        server = self.own_server(dict(self.conf))  # whose mount namespace is ours still
        c = server.anonymous()
        c.want("CWD /pub", 250)
        for line, code in (("MKD fixed/x", 550), ("STOR fixed/x", 553)):
            c.epsv()
            self.assertIn("Read-only file system", c.want(line, code).text)

    def test_a_stranger_and_a_wrong_address(self):
        c = self.anonymous()
        port = c.epsv()
        with contextlib.suppress(ConnectionResetError):  # which may be there before connect() has returned
            with socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.77", 0)) as stranger:
                self.assertEqual(stranger.recv(1), b"")
        self.logged(rf"data connection from 127\.0\.0\.77 to port {port} refused")
        self.assertIn("another one", c.want("LIST", 425).text)
        c.want("PASV", 227)
        self.assertIn("No connection came to 203.0.113.9 port ", c.want("LIST", 425).text)
        self.logged(r"FAIL LIST: .*: No connection came to 203\.0\.113\.9 port \d+$")

    def test_nobody_listens(self):
        c = self.anonymous()
        with c.listen() as listener:
            command = c.port_command(listener)
        c.want(command, 200)
        self.assertIn("Connection refused", c.want("LIST", 425).text)

    def test_what_the_administrator_forbids(self):
        c = self.own_server(dict(self.conf, write_enable="NO", cmds_denied="SIZE",
                                 vsftpd_log_file=self.server.conf["vsftpd_log_file"])).anonymous()
        self.assertEqual(c.want("MKD x", 550).text, "Permission denied.")
        c.want("SIZE x", 550)
        self.logged(r"MKD refused: .*permits it: Client")
        self.logged(r"SIZE refused: cmds_allowed or cmds_denied: Client")


class LostLines(AnonymousCase):
    """A log that can't be written: the server serves on, counts, and says so once."""

    def lost(self, server):
        return json.loads(server.command("who", "--json", "--socket", server.control_socket).stdout)["lost_log_lines"]

    def own(self, log):
        return self.own_server(dict(self.conf, xferlog_enable="YES", vsftpd_log_file=log))

    def test_a_fifo_without_a_reader(self):
        fifo = os.path.join(os.path.dirname(self.root), "fifo")
        os.mkfifo(fifo)
        server = self.own(fifo)
        self.assert_served(server)
        self.assertTrue(wait_until(lambda: self.lost(server) > 0))
        self.assertEqual(server.text().count(fifo), 1, server.text())
        fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # somebody reads it at last

        def heard():
            with server.client() as c:
                c.login("anonymous")
            with contextlib.suppress(BlockingIOError):
                return b"OK LOGIN" in os.read(fd, 65536)
        self.assertTrue(wait_until(heard, 10, 0.2))
        before = self.lost(server)
        os.close(fd)  # and goes away
        self.assert_served(server)
        self.assertTrue(wait_until(lambda: self.lost(server) > before))
        server.reload()
        self.assert_served(server)
        self.assertEqual(server.stop(), 0)

    def test_a_full_disk(self):
        disk = make_dir(os.path.join(os.path.dirname(self.root), "disk"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "disk", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        log = disk + "/vsftpd.log"
        server = self.own(log)
        with server.anonymous() as c:
            for n in range(400):
                c.want("MKD /pub/" + "d%03d" % n, 257)
                c.want("RMD /pub/" + "d%03d" % n, 250)
            self.assertGreater(self.lost(server), 0)
            kept = read_file(log)
            self.assertTrue(kept.endswith(b"\n"), kept[-100:])
            os.truncate(log, 0)
            c.want("MKD /pub/after", 257)
            c.want("RMD /pub/after", 250)
        lines = kept.splitlines() + read_file(log).splitlines()
        for line in lines:
            self.assertRegex(line, rb"^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} \[pid \d+\] .*Client \"127\.0\.0\.1\"")
        self.assertIn(b"/pub/after", read_file(log))
        self.assertEqual(server.text().count("are being lost"), 1, server.text())


class Unread(AnonymousCase):
    """Memory for who does not read what he asked for."""
    limit = 90
    options = {"pasv_max_port": "20099", "data_connection_timeout": "60"}
    count = 20_000

    @classmethod
    def prepare(cls):
        many = make_dir(cls.root + "/many")
        for n in range(cls.count):
            with open(f"{many}/a-file-with-a-name-{n:06}", "w"):
                pass

    def memory(self):
        """Of all processes, and of memfds that no process has mapped, in bytes."""
        pids = [self.server.process.pid] + harness.descendants(self.server.process.pid)
        sizes, files = 0, set()
        for pid in pids:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as f:
                sizes += sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Pss:"))
            fds = []
            with contextlib.suppress(OSError):  # it may have ended meanwhile
                fds = os.listdir(f"/proc/{pid}/fd")
            for fd in fds:
                with contextlib.suppress(OSError):
                    st = os.stat(f"/proc/{pid}/fd/{fd}")
                    if "memfd:" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                        files.add((st.st_dev, st.st_ino, st.st_blocks * 512))
        return sizes + sum(size for _, _, size in files)

    def test_listings(self):
        warm = [self.anonymous() for _ in range(8)]  # each loop has its broker
        listing = [len(c.get("LIST many")) for c in warm][0]
        before, most = self.memory(), 0
        sessions = [self.anonymous() for _ in range(40)]
        channels = []
        for s in sessions:
            data = socket.socket()
            data.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            data.connect(("127.0.0.1", s.epsv()))
            channels.append(data)
            s.send("LIST many")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            most = max(most, self.memory() - before)
            time.sleep(0.1)
        self.assertLess(most, 20 * listing, "%d bytes for 40 listings of %d" % (most, listing))
        other = self.anonymous(source="127.0.0.2")  # is not held up
        self.assertEqual(len(other.get("LIST many")), listing)
        total = []
        for s, data in zip(sessions, channels):  # and all get theirs when they read
            reader = threading.Thread(target=lambda d=data: total.append(len(read_all(d))))
            reader.start()
            channels[channels.index(data)] = reader
        for reader in channels:
            reader.join(60)
        self.assertEqual(total, [listing] * 40)
        for s in sessions:
            s.want(None, 150)
            s.want(None, 226)
