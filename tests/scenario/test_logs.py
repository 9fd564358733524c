# SPDX-License-Identifier: BSD-2-Clause
"""What the logs say: xferlog, vsftpd.log, JSON lines, syslog; banners."""
import json
import os
import re
import socket
import threading

from harness import AnonymousCase, make_dir, noise, read_file, wait_until, write_file
from namespace import PASSWORD

DATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4}"


class LogCase(AnonymousCase):
    log = "vsftpd_log_file"

    def setUp(self):
        super().setUp()
        with open(self.server.conf[self.log], "w"):
            pass

    def logged(self, pattern):
        """The first line of the log that matches; waits for it."""
        found = wait_until(lambda: re.search(pattern, read_file(self.server.conf[self.log]).decode(), re.M))
        if not found:
            self.fail(f"no line like {pattern!r} in:\n{read_file(self.server.conf[self.log]).decode()}")
        return found


class Xferlog(LogCase):
    options = {"xferlog_enable": "YES", "xferlog_std_format": "YES", "local_enable": "YES", "write_enable": "YES"}
    log = "xferlog_file"

    def test_anonymous_download_and_upload(self):
        write_file(self.path("a file"), noise(5000))
        c = self.anonymous()
        c.get("RETR a file")
        self.logged(rf"^{DATE} \d+ 127\.0\.0\.1 5000 /pub/a_file b _ o a test@ ftp 0 \* c$")
        c.put("STOR up", noise(7000))
        self.logged(rf"^{DATE} \d+ 127\.0\.0\.1 7000 /pub/up b _ i a test@ ftp 0 \* c$")

    def test_local_user(self):
        c = self.as_user("alice")
        c.put("STOR up", b"123")
        self.logged(rf"^{DATE} \d+ 127\.0\.0\.1 3 \S*/home/alice/up \S _ i r alice ftp 0 \* c$")

    def test_incomplete(self):
        write_file(self.path("big"), noise(32 << 20))
        c = self.anonymous()
        with c.data("RETR big") as data:
            data.recv(1000)
        c.want(None, 426)
        self.logged(rf"^{DATE} \d+ 127\.0\.0\.1 \d+ /pub/big b _ o a test@ ftp 0 \* i$")

    def test_ascii(self):
        c = self.own_server(dict(self.conf, ascii_download_enable="YES", xferlog_file=self.server.conf["xferlog_file"])).anonymous()
        write_file(self.path("text"), b"x\n")
        c.want("TYPE A", 200)
        c.get("RETR /pub/text")
        self.logged(rf"^{DATE} \d+ 127\.0\.0\.1 \d+ /pub/text a _ o a test@ ftp 0 \* c$")

    def test_a_name_cannot_forge_a_line(self):
        c = self.anonymous()
        with c.connect(c.epsv()) as data:
            c.send(b"STOR x\0Mon Jan  1 00:00:00 2024 1 6.6.6.6 1 forged b _ o a x ftp 0 * c\r\n")
            c.want(None, 150)
            data.sendall(b"x")
        c.want(None, 226)
        self.logged(r" 127\.0\.0\.1 1 /pub/x")
        self.assertNotRegex(read_file(self.server.conf["xferlog_file"]).decode(), r"(?m)^Mon Jan  1 00:00:00 2024")


class VsftpdLog(LogCase):
    options = {"xferlog_enable": "YES", "log_ftp_protocol": "NO", "local_enable": "YES", "delay_failed_login": "0"}
    head = rf"^{DATE} \[pid \d+\] "

    def test_login(self):
        self.anonymous()
        self.logged(self.head + r'CONNECT: Client "127\.0\.0\.1"$')
        self.logged(self.head + r'\[ftp\] OK LOGIN: Client "127\.0\.0\.1", anon password "test@"$')
        self.as_user("alice")
        self.logged(self.head + r'\[alice\] OK LOGIN: Client "127\.0\.0\.1"$')
        c = self.client()
        c.want("USER alice", 331)
        c.want("PASS wrong", 530)
        self.logged(self.head + r'\[alice\] FAIL LOGIN: Client "127\.0\.0\.1"$')
        self.assertNotIn(PASSWORD.encode(), read_file(self.server.conf[self.log]))

    def test_transfers(self):
        write_file(self.path("file"), noise(5000))
        c = self.anonymous()
        c.get("RETR file")
        self.logged(self.head + r'\[ftp\] OK DOWNLOAD: Client "127\.0\.0\.1", "/pub/file", 5000 bytes, [\d.]+Kbyte/sec$')
        c.put("STOR up", noise(6000))
        self.logged(self.head + r'\[ftp\] OK UPLOAD: Client "127\.0\.0\.1", "/pub/up", 6000 bytes, [\d.]+Kbyte/sec$')
        c.put("STOU wish", b"x")
        self.logged(self.head + r'\[ftp\] OK UPLOAD: Client "127\.0\.0\.1", "/pub/wish", 1 bytes, [\d.]+Kbyte/sec$')
        c.want("MKD dir", 257)
        self.logged(self.head + r'\[ftp\] OK MKDIR: Client "127\.0\.0\.1", "/pub/dir"$')
        c.want("RMD dir", 250)
        self.logged(self.head + r'\[ftp\] OK RMDIR: Client "127\.0\.0\.1", "/pub/dir"$')
        c.want("DELE up", 250)
        self.logged(self.head + r'\[ftp\] OK DELETE: Client "127\.0\.0\.1", "/pub/up"$')
        c.want("RNFR file", 350)
        c.want("RNTO moved", 250)
        self.logged(self.head + r'\[ftp\] OK RENAME: Client "127\.0\.0\.1", "/pub/file /pub/moved"$')
        c.epsv()
        c.want("RETR nothing", 550)
        self.logged(self.head + r'\[ftp\] FAIL DOWNLOAD: Client "127\.0\.0\.1", "/pub/nothing", 0\.00Kbyte/sec: No such file or directory$')

    def test_protocol(self):
        server = self.own_server(dict(self.conf, log_ftp_protocol="YES", vsftpd_log_file=self.server.conf[self.log]))
        server.client().login("alice", PASSWORD)
        self.logged(self.head + r'FTP command: Client "127\.0\.0\.1", "USER alice"$')
        self.logged(self.head + r'(\[alice\] )?FTP response: Client "127\.0\.0\.1", "331 Please specify the password\."$')
        self.logged(self.head + r'(\[alice\] )?FTP command: Client "127\.0\.0\.1", "PASS <password>"$')
        self.assertNotIn(PASSWORD.encode(), read_file(self.server.conf[self.log]))


class Followed(LogCase):
    options = {"xferlog_enable": "YES", "xferlog_std_format": "NO"}

    def test_in_a_folder_that_is_never_quiet(self):
        """Renamed without a new one being made, while other files come and go all the time."""
        log = self.server.conf[self.log]
        quiet = threading.Event()

        def bustle():
            while not quiet.wait(0.02):
                with open(log + ".other", "w"):
                    pass
                os.unlink(log + ".other")
        thread = threading.Thread(target=bustle)
        thread.start()
        try:
            os.rename(log, log + ".1")
            self.assertTrue(wait_until(lambda: os.path.exists(log), 3))
        finally:
            quiet.set()
            thread.join()
        self.anonymous()
        self.logged("OK LOGIN")


class BothLogs(AnonymousCase):
    options = {"xferlog_enable": "YES", "dual_log_enable": "YES"}

    def test_dual_log(self):
        self.anonymous().put("STOR up", b"x")
        for name in ("xferlog_file", "vsftpd_log_file"):
            self.assertTrue(wait_until(lambda: b"/pub/up" in read_file(self.server.conf[name])), name)


class JsonLog(AnonymousCase):
    options = {"local_enable": "YES", "delay_failed_login": "0"}

    def test_every_line_parses_and_transfers_are_there(self):
        path = os.path.join(os.path.dirname(self.root), "log.json")
        server = self.own_server(dict(self.conf, json_log_file=path))
        odd = 'we"ird\\na\u00efve'
        write_file(self.path(odd), noise(4321))
        with server.client() as c:
            c.login("alice")
            c.want("TYPE I", 200)
            c.get(f"RETR {self.root}/{odd}")
            c.want("QUIT", 221)
        with server.client() as c:
            c.want("USER alice", 331)
            c.want("PASS wrong", 530)

        def transfer():
            lines = [json.loads(line) for line in read_file(path).decode().splitlines()] if os.path.exists(path) else []
            return [x for x in lines if 4321 in x.values() and "alice" in x.values()] and lines
        lines = wait_until(transfer)
        self.assertTrue(lines, "no line of the transfer")
        line = next(x for x in lines if 4321 in x.values())
        self.assertTrue(any(str(v).endswith(odd) for v in line.values()), line)
        self.assertIn("127.0.0.1", line.values())
        self.assertNotIn(PASSWORD, read_file(path).decode())


class Syslog(AnonymousCase):
    def test_syslog_enable(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind("/dev/log")
            self.addCleanup(os.unlink, "/dev/log")
            os.chmod("/dev/log", 0o666)
            log.settimeout(5)
            server = self.own_server(dict(self.conf, syslog_enable="YES", xferlog_enable="YES"))
            server.anonymous().get("LIST")
            said = b""
            while b"OK LOGIN" not in said:
                said = log.recv(4096)
            self.assertRegex(said.decode(), r"^<\d+>.*(sallyd|vsftpd|ftpd).*OK LOGIN: Client \"127\.0\.0\.1\"")


class Banners(AnonymousCase):
    def greeting(self, **options):
        return self.own_server(dict(self.conf, **options)).client().greeting

    def test_ftpd_banner(self):
        self.assertEqual(self.greeting(ftpd_banner="Welcome to 100% of it").lines, ["220 Welcome to 100% of it"])

    def test_banner_file(self):
        path = write_file(os.path.dirname(self.root) + "/banner", b"first\nsecond\n", "nobody")
        self.assertEqual(self.greeting(banner_file=path).lines, ["220-first", "220-second", "220 "])

    def test_banner_file_that_changes(self):
        """Written to, replaced, replaced behind a link, removed, made again."""
        folder = make_dir(os.path.dirname(self.root) + "/banners")
        real, link = folder + "/real", os.path.dirname(self.root) + "/link"
        write_file(real, b"one\n", "nobody")
        os.symlink(real, link)
        server = self.own_server(dict(self.conf, banner_file=link))

        def wait_for(lines):
            got = []
            self.assertTrue(wait_until(lambda: got.append(server.client().greeting.lines) or got[-1] == lines, 3), got)

        wait_for(["220-one", "220 "])
        with open(real, "ab") as f:
            f.write(b"two\n")
        wait_for(["220-one", "220-two", "220 "])
        write_file(folder + "/new", b"three\n", "nobody")
        os.rename(folder + "/new", real)
        wait_for(["220-three", "220 "])
        other = write_file(make_dir(os.path.dirname(self.root) + "/others") + "/banner", b"other\n", "nobody")
        os.symlink(other, folder + "/link")
        os.rename(folder + "/link", link)
        wait_for(["220-other", "220 "])
        with open(other, "ab") as f:  # in a folder that nobody looked at before
            f.write(b"more\n")
        wait_for(["220-other", "220-more", "220 "])
        os.remove(link)
        self.assertTrue(wait_until(lambda: "greeting without it" in server.text(), 3), server.text())
        write_file(link, b"four\n", "nobody")
        wait_for(["220-four", "220 "])

    def test_dirmessage(self):
        write_file(self.path(".message"), b"Read me\nthen leave\n")
        c = self.own_server(dict(self.conf, dirmessage_enable="YES")).anonymous()
        self.assertEqual(c.want("CWD /pub", 250).lines, ["250-Read me", "250-then leave", "250 Directory successfully changed."])
        self.assertEqual(len(c.want("CWD /", 250).lines), 1)

    def test_message_file(self):
        write_file(self.path("hello"), b"hi\n")
        c = self.own_server(dict(self.conf, dirmessage_enable="YES", message_file="hello")).anonymous()
        self.assertEqual(c.want("CWD /pub", 250).lines[0], "250-hi")
