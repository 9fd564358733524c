# SPDX-License-Identifier: BSD-2-Clause
"""LIST, NLST, MLSD: what they show, large folders, odd names."""
import os
import re
import time

from harness import AnonymousCase, make_dir, write_file


class Formats(AnonymousCase):
    @classmethod
    def prepare(cls):
        write_file(cls.root + "/old", b"x" * 1234, mode=0o640)
        os.utime(cls.root + "/old", (981173106, 981173106))  # 2001-02-03 04:05:06
        write_file(cls.root + "/new", b"")
        write_file(cls.root + "/.hidden", b"")
        make_dir(cls.root + "/folder")
        write_file(cls.root + "/folder/inner", b"")
        os.symlink("old", cls.root + "/link")

    def test_list(self):
        lines = {line.split()[8]: line for line in self.anonymous().lines("LIST")}
        self.assertEqual(sorted(lines), ["folder", "link", "new", "old"])
        self.assertRegex(lines["old"], r"^-rw-r----- +1 3000 +3000 +1234 Feb 03  2001 old$")
        self.assertRegex(lines["new"], r"^-rw-r--r-- +1 \S+ +\S+ +0 [A-Z][a-z]{2} \d\d \d\d:\d\d new$")
        self.assertRegex(lines["folder"], r"^drwxr-xr-x +2 ")
        self.assertRegex(lines["link"], r"^lrwxrwxrwx .* link -> old$")

    def test_texts(self):
        c = self.anonymous()
        with c.connect(c.epsv()) as data:
            self.assertEqual(c.want("LIST", 150).text, "Here comes the directory listing.")
            data.recv(65536)
        self.assertEqual(c.want(None, 226).text, "Directory send OK.")

    def test_options(self):
        c = self.anonymous()
        self.assertTrue(any(line.endswith(" .hidden") for line in c.lines("LIST -a")))
        self.assertTrue(any(line.endswith(" .hidden") for line in c.lines("LIST -la")))
        self.assertEqual(len(c.lines("LIST -l folder")), 1)
        self.assertEqual(len(c.lines("LIST folder/inner")), 1)
        self.assertNotIn("inner", "\n".join(c.lines("LIST -R")))  # ls_recurse_enable=NO

    def test_patterns(self):
        c = self.anonymous()
        self.assertEqual(sorted(c.lines("NLST *")), ["folder", "link", "new", "old"])
        self.assertEqual(c.lines("NLST n*"), ["new"])
        self.assertEqual(sorted(c.lines("NLST {new,old}")), ["new", "old"])
        self.assertEqual(c.lines("NLST ?e?"), ["new"])
        self.assertEqual(len(c.lines("LIST o*")), 1)

    def test_nlst(self):
        c = self.anonymous()
        self.assertEqual(sorted(c.lines("NLST")), ["folder", "link", "new", "old"])
        self.assertEqual([os.path.basename(n) for n in c.lines("NLST folder")], ["inner"])

    def test_mlsd(self):
        facts = self.anonymous().facts()
        self.assertTrue({"old", "new", "folder", "link"} <= set(facts))
        old = facts["old"]
        self.assertEqual((old["type"], old["size"], old["modify"][:14], old["unix.mode"]), ("file", "1234", "20010203040506", "0640"))
        self.assertEqual(facts["folder"]["type"], "dir")
        self.assertEqual(len({f["unique"] for n, f in facts.items() if n in ("old", "new", "folder")}), 3)
        self.assertIn("r", facts["new"]["perm"])

    def test_mlsd_of_what_is_no_folder(self):
        c = self.anonymous()
        c.epsv()
        c.want("MLSD old", 501, 550)
        c.epsv()
        c.want("MLSD nothing", 550, 501)

    def test_missing_folder(self):
        c = self.anonymous()
        with c.connect(c.epsv()) as data:
            if c.cmd("LIST nothing").code == 150:
                self.assertEqual(data.recv(10), b"")
                self.assertIn(c.reply().code, (226, 550))
        c.want("NOOP", 200)


class OddNames(AnonymousCase):
    names = ["two words", "  spaces  ", "日本語", "ümläut", "new\nline", "tab\tbed", "*", "?[a]", "\\", "%41", "-la", "dots..."]

    def wire(self, name):
        """A newline in a name is a NUL on the wire (wu-ftpd, vsftpd; RFC 2640 leaves it open)."""
        return name.replace("\n", "\0").encode()

    def test_upload_list_download_rename_delete(self):
        c = self.anonymous()
        for name in self.names:
            with self.subTest(name=name):
                wire = self.wire(name)
                with c.connect(c.epsv()) as data:
                    c.send(b"STOR " + wire + b"\r\n")
                    c.want(None, 150)
                    data.sendall(name.encode())
                c.want(None, 226)
                self.assertEqual(self.disk(name), name.encode())
                with c.connect(c.epsv()) as data:
                    c.send(b"RETR " + wire + b"\r\n")
                    c.want(None, 150)
                    self.assertEqual(data.recv(1000), name.encode())
                c.want(None, 226)
        self.assertEqual(sorted(os.listdir(self.root)), sorted(self.names))
        listed = c.get("MLSD")
        for name in self.names:
            self.assertIn(b" " + self.wire(name) + b"\r\n", listed)
        for command in ("LIST", "NLST"):  # exactly one line for each name, whatever is in it
            self.assertEqual(len([n for n in c.get(command).split(b"\r\n") if n]), len(self.names))
        for name in self.names:
            c.send(b"RNFR " + self.wire(name) + b"\r\n")
            c.want(None, 350)
            c.send(b"RNTO renamed\r\n")
            c.want(None, 250)
            c.want("DELE renamed", 250)
        self.assertEqual(os.listdir(self.root), [])

    def test_bytes_that_are_no_utf8(self):
        raw = b"latin\xe9"
        write_file(os.path.join(os.fsencode(self.root), raw).decode("utf-8", "surrogateescape"), b"x")
        c = self.anonymous()
        self.assertIn(raw + b"\r\n", c.get("NLST"))
        with c.connect(c.epsv()) as data:
            c.send(b"RETR " + raw + b"\r\n")
            c.want(None, 150)
            self.assertEqual(data.recv(10), b"x")
        c.want(None, 226)
        os.unlink(os.path.join(os.fsencode(self.root), raw))


class Visibility(AnonymousCase):
    @classmethod
    def prepare(cls):
        for name in ("a", "b", ".dot", "secret.key"):
            write_file(f"{cls.root}/{name}", b"content")
        make_dir(cls.root + "/sub")
        write_file(cls.root + "/sub/deep", b"")

    def server_with(self, **options):
        c = self.own_server(dict(self.conf, **options)).anonymous()
        c.want("CWD /pub", 250)
        return c

    def test_force_dot_files(self):
        self.assertIn(".dot", self.server_with(force_dot_files="YES").lines("NLST"))

    def test_ls_recurse_enable(self):
        listing = "\n".join(self.server_with(ls_recurse_enable="YES").lines("LIST -R"))
        self.assertIn("deep", listing)
        self.assertRegex(listing, r"sub:")

    def test_hide_ids(self):
        for line in self.server_with(hide_ids="YES").lines("LIST"):
            self.assertRegex(line, r" ftp +ftp ")

    def test_text_userdb_names(self):
        # anonymous sessions always see numbers in vsftpd; a name must never be invented
        for line in self.server_with(text_userdb_names="YES").lines("LIST"):
            self.assertRegex(line, r" (ftp|3000) +(ftp|3000) ")

    def test_hide_file(self):
        c = self.server_with(hide_file="{*.key,b}")
        self.assertEqual(sorted(c.lines("NLST")), ["a", "sub"])
        self.assertNotIn("secret.key", c.facts())
        self.assertEqual(c.get("RETR secret.key"), b"content")  # hidden, not denied

    def test_deny_file(self):
        c = self.server_with(deny_file="*.key")
        self.assertIn("secret.key", c.lines("NLST"))
        for command in ("RETR secret.key", "STOR x.key", "SIZE secret.key", "DELE secret.key", "RNFR secret.key", "MKD x.key"):
            if command[:4] in ("RETR", "STOR"):
                c.epsv()
            self.assertEqual(c.cmd(command).code, 550, command)
        c.want("RNFR a", 350)
        c.want("RNTO a.key", 550)

    def test_use_localtime(self):
        now = time.gmtime()
        line = next(x for x in self.server_with().lines("LIST") if x.endswith(" a"))
        hour = int(re.search(r" (\d\d):\d\d a$", line)[1])
        self.assertIn(hour, (now.tm_hour, (now.tm_hour - 1) % 24))


class Large(AnonymousCase):
    """A folder of 100,000 entries."""
    count = 100_000
    limit = 60

    @classmethod
    def prepare(cls):
        make_dir(cls.root + "/many")
        for i in range(cls.count):
            os.mknod(f"{cls.root}/many/file-{i:06}", 0o644)
        cls.names = [f"file-{i:06}" for i in range(cls.count)]

    def test_nlst(self):
        self.assertTrue(sorted(self.anonymous().lines("NLST many")) in (self.names, ["many/" + n for n in self.names]))

    def test_list(self):
        lines = self.anonymous().lines("LIST many")
        self.assertTrue(sorted(line[-11:] for line in lines) == self.names)
        self.assertTrue(all(line.startswith("-rw-r--r-- ") for line in lines))

    def test_mlsd(self):
        lines = self.anonymous().lines("MLSD many")
        names = sorted(line.split(" ", 1)[1] for line in lines)
        self.assertTrue([n for n in names if n not in (".", "..")] == self.names)

    def test_others_are_served_meanwhile(self):
        slow, other = self.anonymous(), self.anonymous()
        with slow.connect(slow.epsv()) as data:
            slow.send("LIST many")
            begin = time.monotonic()
            other.want("SIZE many/file-000001", 213)
            self.assertLess(time.monotonic() - begin, 3)
            while data.recv(1 << 18):
                pass
        self.assertEqual((slow.reply().code, slow.reply().code), (150, 226))
