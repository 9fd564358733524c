# SPDX-License-Identifier: BSD-2-Clause
"""LIST, NLST, MLSD: what they show, large folders, odd names."""
import ctypes
import os
import pwd
import re
import shutil
import stat
import time

from harness import AnonymousCase, ServerCase, make_dir, read_all, write_file


class Formats(AnonymousCase):
    options = {"anon_world_readable_only": "NO"}

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

    def test_pattern_too_long(self):
        """Not an empty listing."""
        c = self.anonymous()
        wild = "{" + ",".join(f"a{i}" for i in range(256)) + "}"
        for command in ("LIST", "NLST", "STAT", "LIST -la", "NLST folder/", "STAT /pub/"):
            c.epsv()
            got = c.want(f"{command}{'' if command[-1] == '/' else ' '}{wild}", 501)
            self.assertIn("1023", got.text)
        c.want("NOOP", 200)
        self.assertEqual(c.lines("NLST {" + "x," * 500 + "new}"), ["new"])

    def test_nlst(self):
        c = self.anonymous()
        self.assertEqual(c.lines("NLST"), ["folder", "link", "new", "old"])
        self.assertEqual(c.lines("NLST folder"), ["folder/inner"])

    def test_nlst_gives_what_retr_takes(self):
        c = self.anonymous()
        c.want("CWD folder", 250)
        for argument in ("", ".", "./", "..", "../", "../folder", "/pub/folder", "/pub/folder/", "*", "i*", "../*", "../folder/*", "/pub/*", "../o*",
                         "-a ..", "-F *", "/pub//folder", "../folder/../folder/in*", "~/pub/*", "inner", "../old", "/pub/old"):
            names = c.lines("NLST " + argument if argument else "NLST")
            files = [n for n in names if n.rsplit("/", 1)[-1] in ("inner", "old", "new")]
            self.assertTrue(files, argument)
            for name in files:
                with self.subTest(argument=argument, name=name):
                    self.assertEqual(len(c.get("RETR " + name)), 1234 if name.endswith("old") else 0)

    def test_mlsd(self):
        facts = self.anonymous().facts()
        self.assertTrue({"old", "new", "folder", "link"} <= set(facts))
        old = facts["old"]
        self.assertEqual((old["type"], old["size"], old["modify"][:14], old["unix.mode"]), ("file", "1234", "20010203040506", "0640"))
        self.assertEqual(facts["folder"]["type"], "dir")
        self.assertEqual(len({f["unique"] for n, f in facts.items() if n in ("old", "new", "folder")}), 3)
        self.assertIn("r", facts["new"]["perm"])

    def test_links_in_mlsd(self):
        self.assertEqual(self.anonymous().facts()["link"]["type"], "OS.unix=slink:old")

    def test_mlst_follows(self):
        """As SIZE and MDTM do."""
        lines = self.anonymous().want("MLST link", 250).lines
        self.assertRegex(lines[1], r"^ type=file;size=1234;.* /pub/link$")

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


class LikePatterns(AnonymousCase):
    """A name that exists is taken literally before it is a pattern."""
    folders = ["Photos [2024]", "what?", "a*b", "[ab]", "{x,y}", "q[", "*", "back\\slash*"]

    @classmethod
    def prepare(cls):
        for name in cls.folders:
            write_file(f"{cls.root}/{name}/inside", b"")
        for name in ("Photos 2", "whatx", "axb", "a", "x", "qq", "file*", "filex"):
            write_file(f"{cls.root}/{name}", b"")
        os.symlink("a*b", cls.root + "/l*nk")

    def test_folders(self):
        c = self.anonymous()
        for name in self.folders + ["l*nk"]:
            for path in (name, "/pub/" + name, "../pub/" + name, name + "/"):
                with self.subTest(path=path):
                    prefix = path if path.endswith("/") else path + "/"
                    self.assertEqual(c.lines("NLST " + path), [prefix + "inside"])
                    self.assertEqual(c.lines(f"NLST {prefix}i*"), [prefix + "inside"])
                    self.assertRegex("\n".join(c.lines("LIST " + path)), r"^-.* inside$")
                    self.assertRegex("\n".join(c.lines("LIST -la " + path)), r" inside$")
                    self.assertRegex("\n".join(c.want("STAT " + path, 213).lines), r"\n -.* inside\n")
            c.want("CWD /pub/" + name, 250)
            self.assertEqual(c.lines("NLST"), ["inside"])
            self.assertEqual(len(c.lines("LIST")), 1)
            c.want("CWD /pub", 250)

    def test_files(self):
        c = self.anonymous()
        self.assertEqual(c.lines("NLST file*"), ["file*"])
        self.assertEqual(len(c.lines("LIST file*")), 1)

    def test_patterns_are_still_some(self):
        c = self.anonymous()
        self.assertEqual(c.lines("NLST file?"), ["file*", "filex"])
        self.assertEqual(c.lines("NLST [a]"), ["a"])
        self.assertEqual(c.lines("NLST {x,qq}"), ["qq", "x"])


class Byte255(AnonymousCase):
    """CP1251 has a letter there, KOI8-R another; to telnet it begins a command."""

    def test_kept(self):
        c = self.anonymous()
        root = os.fsencode(self.root)
        for name in (b"caf\xff", b"\xff", b"a\xff\xf4b", b"a\xff\xfb\x01b", b"\xff\xfe\xfd", b"a\xff\xf0"):
            for wire in (name, name.replace(b"\xff", b"\xff\xff")):
                with self.subTest(name=name, wire=wire):
                    with c.connect(c.epsv()) as data:
                        c.send(b"STOR " + wire + b"\r\n")
                        c.want(None, 150)
                        data.sendall(b"x")
                    c.want(None, 226)
                    self.assertEqual(os.listdir(root), [name])
                    self.assertEqual(c.get("NLST"), name + b"\r\n")
                    self.assertTrue(c.get("MLSD").endswith(b" " + name + b"\r\n"))
                    c.send(b"SIZE " + wire + b"\r\n")
                    c.want(None, 213)
                    c.send(b"DELE " + wire + b"\r\n")
                    c.want(None, 250)
                    self.assertEqual(os.listdir(root), [])


LIBC = ctypes.CDLL(None, use_errno=True)


def mount_dead(where):
    """A FUSE file system whose server is gone already."""
    node = where + ".node"
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(10, 229))
    try:
        fuse = os.open(node, os.O_RDWR)
    except OSError:
        return False
    finally:
        os.unlink(node)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    mounted = LIBC.mount(b"dead", where.encode(), b"fuse", 0, options) == 0
    os.close(fuse)
    return mounted


class WholeOrError(AnonymousCase):
    """What a listing can't tell makes it fail."""
    options = {"ls_recurse_enable": "YES", "anon_world_readable_only": "NO"}

    @classmethod
    def prepare(cls):
        cls.nest("deep", 150, "d")
        cls.nest("beyond", 50, "d" * 100)  # 5,050 bytes of path
        write_file(cls.root + "/half/file", b"x")
        os.chmod(cls.root + "/half", 0o744)
        write_file(cls.root + "/tree/closed/file", b"x")
        os.chmod(cls.root + "/tree/closed", 0o700)

    @classmethod
    def nest(cls, top, levels, name):
        fd = os.open(make_dir(f"{cls.root}/{top}"), os.O_PATH)
        for _ in range(levels):
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_PATH, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)

    def listing(self, command):
        """(what came, the last reply)"""
        c = self.anonymous()
        with c.connect(c.epsv()) as data:
            got = c.cmd(command)
            if got.code != 150:
                return b"", got
            content = read_all(data)
        return content, c.reply()

    def test_deep(self):
        content, said = self.listing("LIST -R deep")
        self.assertEqual(said.code, 226)
        self.assertEqual(content.count(b":\r\n"), 151)
        self.assertIn(b"\r\ndeep" + b"/d" * 150 + b":\r\n", content)

    def test_deeper_than_a_path(self):
        for command in ("LIST -R", "LIST -R beyond", "NLST -R beyond"):
            self.assertEqual(self.listing(command)[1].code, 451, command)
        self.anonymous().want("STAT -R beyond", 451)

    def test_read_without_search(self):
        """Names there are, nothing more can be said of them: not that there are none."""
        self.assertEqual(self.listing("NLST half")[0], b"half/file\r\n")
        self.assertEqual(self.listing("LIST half")[1].text, "Transfer done (but failed to open directory).")
        self.assertEqual(self.listing("MLSD half")[1].code, 550)
        self.anonymous().want("STAT half", 550)

    def test_closed_below(self):
        """Shown in its parent, without a heading that would say it were empty."""
        content = self.listing("LIST -R tree")[0].decode()
        self.assertRegex(content, r"^tree:\r\ndrwx------ .* closed\r\n$")

    def test_entry_that_cannot_be_looked_at(self):
        """A mount whose server died is shown as what it is, and nothing else is said of it."""
        dead = make_dir(self.path("mounts/dead"))
        write_file(self.path("mounts/file"), b"x")
        if not mount_dead(dead):
            self.skipTest("no FUSE here")
        try:
            with self.assertRaises(OSError):
                os.lstat(dead)
            c = self.anonymous()
            c.want("CWD mounts", 250)
            self.assertEqual(c.lines("NLST"), ["dead", "file"])
            self.assertRegex("\n".join(c.lines("LIST")), r"^d--------- .* dead\n-.* file$")
            self.assertIn("type=dir; dead", c.lines("MLSD"))
        finally:
            LIBC.umount2(dead.encode(), 2)

    def test_time_that_cannot_be_said(self):
        write_file(self.path("future"), b"x")
        os.utime(self.path("future"), (1 << 38, 1 << 38))  # year 10680
        if os.stat(self.path("future")).st_mtime != 1 << 38:
            self.skipTest("the file system does not keep it")
        c = self.anonymous()
        c.want("MDTM future", 550)
        self.assertNotIn("modify", c.facts()["future"])

    def test_stat_of_much(self):
        """A reply that is cut says so, and cuts no name."""
        make_dir(self.path("much"))
        names = [f"{i:05}" + "x" * 200 for i in range(5000)]
        for name in names:
            os.mknod(self.path("much/" + name))
        lines = self.anonymous().want("STAT much", 213).lines
        self.assertEqual(lines[-2], " (cut short: use LIST)")
        shown = [line.split()[8] for line in lines[3:-2]]  # after "." and ".."
        self.assertGreater(len(shown), 100)
        self.assertTrue(shown == names[:len(shown)])
        shutil.rmtree(self.path("much"))

    def test_time_that_may_be_kept(self):
        write_file(self.path("dated"), b"x")
        c = self.anonymous()
        for stamp in ("00000101000000", "19011213204551", "20380119031408", "24460510223856", "99991231235959"):
            for command in (f"MFMT {stamp} dated", f"MDTM {stamp} dated", f"SITE UTIME {stamp} dated"):
                os.utime(self.path("dated"), (1_000_000_000, 1_000_000_000))
                kept = c.cmd(command).code < 300
                self.assertEqual(c.want("MDTM dated", 213).text, stamp if kept else "20010909014640", command)


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


class OwnerNames(ServerCase):
    """text_userdb_names: whole names."""
    conf = {"local_enable": "YES", "text_userdb_names": "YES"}
    owner = "long-" + "o" * 60

    @classmethod
    def prepare(cls):
        with open("/etc/passwd", "a") as users, open("/etc/group", "a") as groups:
            users.write(f"{cls.owner}:x:3777:3777::/:/bin/sh\n")
            groups.write(f"{cls.owner}-group:x:3777:\n")

    def test_whole(self):
        c = self.as_user("alice")
        path = os.path.join(pwd.getpwnam("alice").pw_dir, "theirs")
        write_file(path, b"x", "alice")
        os.chown(path, 3777, 3777)
        self.assertEqual(c.lines("LIST theirs")[0].split()[2:4], [self.owner, self.owner + "-group"])
        os.chown(path, 3778, 3778)
        self.assertEqual(c.lines("LIST theirs")[0].split()[2:4], ["3778", "3778"])


class Large(AnonymousCase):
    """A folder of 100,000 entries."""
    count = 100_000

    @classmethod
    def prepare(cls):
        make_dir(cls.root + "/many")
        for i in range(cls.count):
            os.mknod(f"{cls.root}/many/file-{i:06}", 0o644)
        cls.names = [f"file-{i:06}" for i in range(cls.count)]

    def test_nlst(self):
        self.assertTrue(self.anonymous().lines("NLST many") == ["many/" + n for n in self.names])

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
            self.assertLess(time.monotonic() - begin, 30)
            while data.recv(1 << 18):
                pass
        self.assertEqual((slow.reply().code, slow.reply().code), (150, 226))
