# SPDX-License-Identifier: BSD-2-Clause
"""Every command: reply codes, and the texts that vsftpd's clients know."""
import hashlib
import os
import re
import time
import zlib

from harness import AnonymousCase, noise, write_file, make_dir, wait_until

COMMANDS = ("USER PASS QUIT REIN PORT PASV EPRT EPSV TYPE STRU MODE RETR STOR STOU APPE REST ALLO RNFR RNTO ABOR DELE RMD MKD "
            "PWD CWD CDUP LIST NLST MLSD MLST SITE SYST STAT HELP NOOP FEAT OPTS SIZE MDTM MFMT HASH HOST CLNT AVBL "
            "XCWD XPWD XMKD XRMD XCUP").split()


class BeforeLogin(AnonymousCase):
    def test_greeting(self):
        greeting = self.client().greeting
        self.assertEqual(greeting.code, 220)
        self.assertRegex(greeting.text, r"^\(.+\)$")

    def test_everything_else_wants_a_login(self):
        c = self.client()
        for command in ("PWD", "CWD /", "LIST", "RETR x", "STOR x", "SIZE x", "PASV", "EPSV", "PORT 127,0,0,1,200,1",
                        "TYPE I", "SYST", "REST 1", "SITE HELP", "MLSD", "HASH x", "NONSENSE"):
            with self.subTest(command=command):
                got = c.cmd(command)
                self.assertEqual((got.code, got.text), (530, "Please login with USER and PASS."))

    def test_login(self):
        self.expect(self.client(), [
            ("PASS x", 503, "Login with USER first."),
            ("USER anonymous", 331, "Please specify the password."),
            ("PASS me@example.org", 230, "Login successful."),
            ("PASS me@example.org", 230, "Already logged in."),
            ("USER alice", 530, "Can't change"),
            ("QUIT", 221, "Goodbye."),
        ])

    def test_names_for_anonymous(self):
        for name in ("ftp", "FTP", "Anonymous", "anonymous"):
            self.client().login(name, "x@")

    def test_unknown_user_is_asked_for_a_password_too(self):
        self.expect(self.own_local().client(), [("USER nobody-here", 331), ("PASS x", 530, "Login incorrect.")])

    def own_local(self):
        return self.own_server(dict(self.conf, local_enable="YES", delay_failed_login=0))

    def test_anonymous_only(self):
        self.expect(self.client(), [("USER alice", 530, "This FTP server is anonymous only.")])

    def test_what_works_before_login(self):
        c = self.client()
        feat = c.want("FEAT", 211)
        self.assertIn(" UTF8", feat.lines)
        self.expect(c, [("OPTS UTF8 ON", 200, "Always in UTF8 mode."), ("HOST ftp.example.org", 220), ("CLNT test", 200),
                        ("QUIT", 221)])
        self.assertTrue(c.is_closed())

    def test_rein_forgets_the_login(self):
        c = self.anonymous()
        c.want("REIN", 220)
        c.want("PWD", 530)
        c.login("anonymous", "x@")
        self.assertIn('"/"', c.want("PWD", 257).text)

    def test_host_after_login_is_refused(self):
        self.anonymous().want("HOST ftp.example.org", 503)


class Replies(AnonymousCase):
    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")
        os.utime(cls.root + "/file", (1577836800, 1577836800))  # 2020-01-01 00:00:00 UTC
        make_dir(cls.root + "/folder")

    def test_plain_replies(self):
        self.expect(self.anonymous(), [
            ("NOOP", 200, "NOOP ok."), ("noop", 200), ("SYST", 215, "UNIX Type: L8"),
            ("PWD", 257, '"/pub"'), ("XPWD", 257, '"/pub"'),
            ("CWD folder", 250, "Directory successfully changed."), ("CDUP", 250, "Directory successfully changed."),
            ("XCWD folder", 250), ("XCUP", 250), ("CWD nowhere", 550, "Failed to change directory."),
            ("CWD file", 550), ("PWD", 257, '"/pub"'),
            ("TYPE A", 200, "Switching to ASCII mode."), ("TYPE I", 200, "Switching to Binary mode."),
            ("TYPE A N", 200), ("TYPE L 8", 200, "Switching to Binary mode."), ("TYPE X", 500, "Unrecognised TYPE command."),
            ("STRU F", 200, "Structure set to F."), ("STRU R", 504, "Bad STRU command."),
            ("MODE S", 200, "Mode set to S."), ("MODE B", 504, "Bad MODE command."),
            ("ALLO 100", 202, "ALLO command ignored."), ("ABOR", 225, "No transfer to ABOR."),
            ("REST 5", 350, "Restart position accepted (5)."), ("REST 0", 350, "(0)"),
            ("SIZE file", 213, "10"), ("SIZE nothing", 550, "Could not get file size."), ("SIZE folder", 550),
            ("MDTM file", 213, "20200101000000"), ("MDTM nothing", 550, "Could not get file modification time."),
            ("RETR file", 425, "Use PORT or PASV first."), ("LIST", 425, "Use PORT or PASV first."),
            ("STOR x", 425, "Use PORT or PASV first."),
            ("NONSENSE", 500, "Unknown command."), ("HELP", 214, "Help OK."),
            ("OPTS UTF8 ON", 200, "Always in UTF8 mode."), ("OPTS NONSENSE", 501, "Option not understood."),
            ("CLNT lftp", 200),
        ])
        self.assertFalse(os.path.exists(self.path("x")))

    def test_changing_things(self):
        self.expect(self.anonymous(), [
            ("MKD new", 257, '"/pub/new" created'), ("MKD new", 550, "Create directory operation failed."),
            ("RMD new", 250, "Remove directory operation successful."), ("RMD new", 550, "Remove directory operation failed."),
            ("XMKD new", 257), ("XRMD new", 250),
            ("RNTO x", 503, "RNFR required first."), ("RNFR nothing", 550, "RNFR command failed."),
            ("RNFR folder", 350, "Ready for RNTO."), ("RNTO renamed", 250, "Rename successful."),
            ("RNFR renamed", 350), ("RNTO no/such/place", 550, "Rename failed."), ("RNTO folder", 503),
            ("RNFR renamed", 350), ("NOOP", 200), ("RNFR renamed", 350), ("RNTO folder", 250),
            ("DELE nothing", 550, "Delete operation failed."),
        ])
        write_file(self.path("doomed"), "x")
        self.expect(self.anonymous(), [("DELE doomed", 250, "Delete operation successful.")])
        self.assertEqual(sorted(os.listdir(self.root)), ["file", "folder"])

    def test_quotes_in_a_name_are_doubled(self):
        c = self.anonymous()
        self.assertIn('"/pub/say ""hi""" created', c.want('MKD say "hi"', 257).text)
        c.want('CWD say "hi"', 250)
        self.assertIn('"/pub/say ""hi"""', c.want("PWD", 257).text)
        c.want("CDUP", 250)
        c.want('RMD say "hi"', 250)

    def test_feat_and_help_name_every_command(self):
        c = self.anonymous()
        words = set(re.findall(r"[A-Z]+", "\n".join(c.want("HELP", 214).lines)))
        self.assertEqual(set(COMMANDS) - words, set())
        feat = c.want("FEAT", 211)
        self.assertEqual(feat.lines[0], "211-Features:")
        self.assertEqual(feat.lines[-1], "211 End")
        self.assertTrue(all(line.startswith(" ") for line in feat.lines[1:-1]), feat.lines)
        features = [line.split()[0].rstrip(";") for line in feat.lines[1:-1]]
        for name in ("EPRT", "EPSV", "MDTM", "MFMT", "MLST", "PASV", "REST", "SIZE", "TVFS", "UTF8", "HASH", "HOST", "CLNT"):
            self.assertIn(name, features)
        self.assertIn(" REST STREAM", feat.lines)

    def test_stat_of_the_session(self):
        stat = self.anonymous().want("STAT", 211)
        self.assertIn("FTP server status", stat.lines[0])
        self.assertIn("End of status", stat.lines[-1])
        self.assertIn("127.0.0.1", "\n".join(stat.lines))

    def test_stat_of_a_path(self):
        got = self.anonymous().want("STAT file", 213, 212)
        self.assertTrue(any(re.search(r"-rw-r--r--.* 10 .*file$", line) for line in got.lines), got.lines)
        self.assertIn("End of status", got.lines[-1])

    def test_stat_during_a_transfer(self):
        write_file(self.path("big"), noise(8 << 20))
        c = self.anonymous()
        with c.data("RETR big") as data:
            data.recv(100)
            c.send("STAT")
            self.assertIn(c.reply().code, (211, 213))
            c.send("NOOP")
            while data.recv(1 << 18):
                pass
        self.assertEqual({c.reply().code, c.reply().code}, {226, 200})

    def test_quit_during_a_transfer_lets_it_finish(self):
        write_file(self.path("big"), content := noise(8 << 20))
        c = self.anonymous()
        with c.data("RETR big") as data:
            got = data.recv(100)
            c.send("QUIT")
            while part := data.recv(1 << 18):
                got += part
        self.assertEqual(got == content, True)
        self.assertEqual([c.reply().code, c.reply().code], [226, 221])


class Pipelined(AnonymousCase):
    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")

    def test_many_commands_in_one_packet(self):
        c = self.anonymous()
        c.send(b"NOOP\r\nPWD\r\nSYST\nTYPE I\r\nSIZE file\r\n" * 50)
        self.assertEqual([c.reply().code for _ in range(250)], [200, 257, 215, 200, 213] * 50)

    def test_login_in_one_packet(self):
        c = self.client(greeting=False)
        c.send(b"USER anonymous\r\nPASS x@\r\nCWD /pub\r\nSIZE file\r\nQUIT\r\n")
        self.assertEqual([c.reply().code for _ in range(6)], [220, 331, 230, 250, 213, 221])

    def test_commands_behind_a_transfer(self):
        c = self.anonymous()
        data = c.connect(c.epsv())
        c.send(b"RETR file\r\nNOOP\r\nSIZE file\r\n")
        with data:
            self.assertEqual(data.recv(100), b"0123456789")
        self.assertEqual([c.reply().code for _ in range(4)], [150, 226, 200, 213])

    def test_a_line_that_comes_byte_by_byte(self):
        c = self.anonymous()
        for byte in b"SIZE file\r\n":
            c.send(bytes([byte]))
            time.sleep(0.01)
        self.assertEqual(c.reply().code, 213)

    def test_telnet_commands_before_a_line_are_taken_out(self):
        c = self.anonymous()
        for telnet in (b"\xff\xf1", b"\xff\xfb\x01", b"\xff\xfb\x01\xff\xfd\x03", b"\xff\xfa\x18\n\xff\xf0", b"\xff\xf4\xff\xf2", b"\xff\xf4\xff", b"\xf2"):
            c.send(telnet + b"NOOP\r\n")
            self.assertEqual(c.reply().code, 200, telnet)

    def test_telnet_commands_in_a_verb_are_none(self):
        c = self.anonymous()
        c.send(b"NO\xff\xf1OP\r\n")
        self.assertEqual(c.reply().code, 500)

    def test_line_of_4_kib(self):
        c = self.anonymous()
        c.want("SIZE " + "a" * (4096 - 5), 550)
        for length in (4097, 10_000, 300_000):
            c.want("SIZE " + "a" * (length - 5), 500)
            c.want("NOOP", 200)


class Facts(AnonymousCase):
    content = noise(300_000)

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", cls.content)
        os.utime(cls.root + "/file", (1577836800, 1577836800))
        make_dir(cls.root + "/folder")

    def test_mlst(self):
        c = self.anonymous()
        got = c.want("MLST file", 250)
        self.assertEqual(len(got.lines), 3, got.lines)
        self.assertRegex(got.lines[1], r"^ \S+; /?.*file$")
        facts = got.lines[1].lower()
        for part in ("type=file;", "size=300000;", "modify=20200101000000", "perm=", "unique=", "unix.mode=0644;"):
            self.assertIn(part, facts)
        self.assertIn("type=dir;", c.want("MLST folder", 250).lines[1].lower())
        c.want("MLST", 250)
        c.want("MLST nothing", 550)

    def test_opts_mlst_chooses_facts(self):
        c = self.anonymous()
        c.want("OPTS MLST size;Type;nonsense;", 200)
        self.assertRegex(c.want("MLST file", 250).lines[1].lower(), r"^ (type=file;size=300000;|size=300000;type=file;) ")
        starred = next(line for line in c.want("FEAT", 211).lines if "MLST" in line).lower()
        self.assertIn("size*;", starred)
        self.assertIn("modify;", starred)
        c.want("OPTS MLST", 200)
        self.assertRegex(c.want("MLST file", 250).lines[1], r"^ {1,2}/?\S*file$")  # RFC 3659 section 7.2: facts may be none

    def test_avbl(self):
        space = int(re.match(r"\d+", self.anonymous().want("AVBL", 213).text)[0])
        disk = os.statvfs(self.root)
        self.assertAlmostEqual(space, disk.f_bavail * disk.f_frsize, delta=64 << 20)

    def hash(self, c, name="file"):
        got = re.match(r"(\S+) (\d+)-(\d+) ([0-9A-Fa-f]+) (.*)$", c.want("HASH " + name, 213).text)
        self.assertTrue(got)
        return got[1].upper(), int(got[2]), got[4].lower()

    def test_hash(self):
        c = self.anonymous()
        wanted = {"SHA-256": hashlib.sha256(self.content).hexdigest(), "SHA-512": hashlib.sha512(self.content).hexdigest(),
                  "CRC32": "%08x" % zlib.crc32(self.content)}
        self.assertEqual(self.hash(c), ("SHA-256", 0, wanted["SHA-256"]))
        for name, value in wanted.items():
            self.assertIn(name, c.want("OPTS HASH " + name, 200).text.upper())
            self.assertIn(name, c.want("OPTS HASH", 200).text.upper())
            self.assertEqual(self.hash(c), (name, 0, value))
            feature = next(line for line in c.want("FEAT", 211).lines if line.strip().startswith("HASH")).upper()
            self.assertIn(name + "*", feature)
        c.want("OPTS HASH MD2", 501, 504)
        c.want("HASH nothing", 550)
        c.want("HASH folder", 550, 553)

    def test_hash_of_a_range(self):
        c = self.anonymous()
        for start in (1, 4096, 299_999, 300_000):
            c.want(f"REST {start}", 350)
            self.assertEqual(self.hash(c), ("SHA-256", start, hashlib.sha256(self.content[start:]).hexdigest()))
        self.assertEqual(self.hash(c)[1], 0)  # REST counts once
        c.want("REST 300001", 350)
        self.assertGreaterEqual(c.cmd("HASH file").code, 500)

    def test_hash_of_a_large_file_does_not_stall_others(self):
        with open(self.path("large"), "wb") as f:
            f.truncate(1 << 30)
        slow, other = self.anonymous(), self.anonymous()
        slow.send("HASH large")
        begin = time.monotonic()
        for _ in range(20):
            other.want("SIZE file", 213)
        self.assertLess(time.monotonic() - begin, 30)
        slow.close()
        os.unlink(self.path("large"))


class Site(AnonymousCase):
    """SITE needs a user with rights."""
    options = {"local_enable": "YES", "chmod_enable": "YES", "allow_writeable_chroot": "YES"}

    def test_chmod_and_umask(self):
        c = self.as_user("alice")
        c.put("STOR file", b"x")
        home = c.want("PWD", 257).text.split('"')[1]
        self.assertEqual(os.stat(home + "/file").st_mode & 0o777, 0o600)
        self.expect(c, [("SITE CHMOD 640 file", 200, "SITE CHMOD command ok."),
                        ("SITE NONSENSE", 500, "Unknown SITE command."), ("SITE HELP", 214, "CHMOD", "UMASK", "UTIME"),
                        ("SITE CHMOD 600 nothing", 550), ("SITE UMASK", 200, "077"), ("SITE UMASK 027", 200, "27")])
        self.assertEqual(os.stat(home + "/file").st_mode & 0o777, 0o640)
        c.put("STOR second", b"x")
        self.assertTrue(wait_until(lambda: os.path.exists(home + "/second")))
        self.assertEqual(os.stat(home + "/second").st_mode & 0o777, 0o640)
        c.want("SITE CHMOD 4755 file", 200, 550)

    def test_mfmt_and_friends(self):
        c = self.as_user("alice")
        home = c.want("PWD", 257).text.split('"')[1]
        c.put("STOR file", b"x")
        self.assertRegex(c.want("MFMT 20010203040506 file", 213).text, r"(?i)^Modify=20010203040506; .*file$")
        self.assertEqual(c.want("MDTM file", 213).text, "20010203040506")
        self.assertEqual(os.stat(home + "/file").st_mtime, 981173106)
        c.want("MDTM 20020203040506 file", 213)  # vsftpd's mdtm_write
        self.assertEqual(c.want("MDTM file", 213).text, "20020203040506")
        c.want("MFMT 20019999040506 file", 501)
        c.want("MFMT 20010203040506 nothing", 550)
        c.want("SITE UTIME 20030203040506 file", 200)
        self.assertEqual(c.want("MDTM file", 213).text, "20030203040506")
        other = self.own_server(dict(self.conf, anon_other_write_enable="NO")).anonymous()
        other.want("MFMT 20010203040506 /pub/locked", 550)

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/locked", "x")

    def test_anonymous_may_not_chmod(self):
        self.anonymous().want("SITE CHMOD 666 locked", 550, 500)
        self.assertEqual(os.stat(self.path("locked")).st_mode & 0o777, 0o644)
