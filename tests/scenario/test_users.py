# SPDX-License-Identifier: BSD-2-Clause
"""Who gets in and what they may do: local users through PAM, virtual users with quotas, anonymous rights, lists."""
import os
import stat
import time

from harness import AnonymousCase, ServerCase, make_dir, noise, read_file, write_file
from namespace import PASSWORD, UID
import harness


def home(user):
    return os.path.join(harness.WORK, "home", user)


class Local(ServerCase):
    conf = {"local_enable": "YES", "write_enable": "YES", "delay_failed_login": "0"}

    def test_login_and_files(self):
        c = self.as_user("alice")
        self.assertEqual(c.want("PWD", 257).text.split('"')[1], home("alice"))
        self.assertEqual(c.put("STOR mine", b"content").code, 226)
        info = os.stat(home("alice") + "/mine")
        self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o777), (3001, 3001, 0o600))
        c.want("MKD dir", 257)
        self.assertEqual(os.stat(home("alice") + "/dir").st_mode & 0o777, 0o700)
        self.assertIn(b"root:x:0", c.get("RETR /etc/passwd"))  # not chrooted
        c.epsv()
        c.want("RETR /etc/shadow", 550)
        c.epsv()
        c.want("STOR /etc/x", 553)
        c.want("RMD dir", 250)

    def test_users_cannot_touch_each_others_files(self):
        write_file(home("bob") + "/private", b"secret", "bob", 0o600)
        c = self.as_user("alice")
        c.epsv()
        c.want(f"RETR {home('bob')}/private", 550)
        c.want(f"DELE {home('bob')}/private", 550)

    def test_refused(self):
        for user, password in (("alice", "wrong"), ("alice", ""), ("nobody-here", PASSWORD), ("ftp", PASSWORD),
                               ("root", "x"), ("alice\0", PASSWORD), ("../alice", PASSWORD), ("a" * 1000, PASSWORD)):
            with self.subTest(user=user), self.client() as c:
                got = c.cmd("USER " + user)
                if got.code == 331:
                    self.assertEqual((got := c.cmd("PASS " + password)).text, "Login incorrect.")
                self.assertIn(got.code, (530, 501))

    def test_anonymous_is_off(self):
        c = self.client()
        if c.cmd("USER anonymous").code == 331:
            c.want("PASS x@", 530)

    def test_check_shell(self):
        """As in a vsftpd with PAM, shells are the business of the PAM service. carol's is not in /etc/shells."""
        c = self.own_server(dict(self.conf, pam_service_name="shells")).client()
        c.want("USER carol", 331)
        c.want("PASS " + PASSWORD, 530)
        self.own_server(dict(self.conf, check_shell="NO")).client().login("carol", PASSWORD)


class Chroot(ServerCase):
    conf = None
    base = {"local_enable": "YES", "write_enable": "YES", "delay_failed_login": "0"}

    def pwd(self, user="alice", **options):
        with self.own_server(dict(self.base, **options)).client() as c:
            c.want("USER " + user, 331)
            if c.cmd("PASS " + PASSWORD).code != 230:
                return None
            return c.want("PWD", 257).text.split('"')[1]

    def setUp(self):
        super().setUp()
        self.list = os.path.join(os.path.dirname(self.root), "list")
        with open(self.list, "w") as f:
            f.write("bob\n")

    def test_writeable_root_is_refused(self):
        self.assertIsNone(self.pwd(chroot_local_user="YES"))

    def test_allow_writeable_chroot(self):
        self.assertEqual(self.pwd(chroot_local_user="YES", allow_writeable_chroot="YES"), "/")

    def test_root_that_the_user_cannot_write(self):
        os.chown(home("alice"), 0, 0)
        try:
            self.assertEqual(self.pwd(chroot_local_user="YES"), "/")
        finally:
            os.chown(home("alice"), UID["alice"], UID["alice"])

    def test_chroot_list(self):
        options = {"chroot_list_enable": "YES", "chroot_list_file": self.list, "allow_writeable_chroot": "YES"}
        self.assertEqual(self.pwd("bob", **options), "/")
        self.assertEqual(self.pwd("alice", **options), home("alice"))
        options["chroot_local_user"] = "YES"
        self.assertEqual(self.pwd("bob", **options), home("bob"))
        self.assertEqual(self.pwd("alice", **options), "/")

    def test_local_root(self):
        self.assertEqual(self.pwd(local_root=self.root), self.root)

    def test_passwd_chroot(self):
        os.makedirs(home("alice") + "/in", exist_ok=True)
        text = read_file("/etc/passwd").decode()
        with open("/etc/passwd", "w") as f:
            f.write(text.replace(home("alice") + ":", home("alice") + "/./in:"))
        try:
            self.assertEqual(self.pwd(passwd_chroot_enable="YES", chroot_local_user="YES", allow_writeable_chroot="YES"), "/in")
        finally:
            with open("/etc/passwd", "w") as f:
                f.write(text)

    def test_guest(self):
        c = self.own_server(dict(self.base, guest_enable="YES", guest_username="bob", local_root=self.root, user_sub_token="$USER",
                                 allow_writeable_chroot="YES")).client()
        c.login("alice", PASSWORD)
        self.assertEqual(c.want("PWD", 257).text.split('"')[1], "/")

    def test_user_sub_token(self):
        make_dir(os.path.join(self.root, "alice"), "alice")
        self.assertEqual(self.pwd(user_sub_token="$USER", local_root=self.root + "/$USER"), self.root + "/alice")

    def test_user_config_dir(self):
        folder = make_dir(os.path.join(os.path.dirname(self.root), "users"), "nobody")
        os.chown(folder, 0, 0)
        with open(folder + "/alice", "w") as f:
            f.write("write_enable=NO\n")
        server = self.own_server(dict(self.base, user_config_dir=folder))
        server.client().login("alice").want("MKD x", 550)
        server.client().login("bob").want("MKD x", 257)

    def test_tilde(self):
        c = self.own_server(dict(self.base, tilde_user_enable="YES")).client().login("alice")
        c.want("CWD /", 250)
        c.want("CWD ~", 250)
        self.assertIn(home("alice"), c.want("PWD", 257).text)


class Lists(ServerCase):
    conf = None
    base = {"local_enable": "YES", "delay_failed_login": "0"}

    def codes(self, **options):
        """{user: code of USER, or of PASS after 331}"""
        server, found = self.own_server(dict(self.base, **options)), {}
        for user in ("alice", "bob"):
            with server.client() as c:
                code = c.cmd("USER " + user).code
                found[user] = code if code != 331 else (331, c.cmd("PASS " + PASSWORD).code)
        return found

    def test_userlist(self):
        path = write_file(os.path.dirname(self.root) + "/users", b"# people\nbob\n", "nobody")
        os.chown(path, 0, 0)
        on = {"userlist_enable": "YES", "userlist_file": path}
        self.assertEqual(self.codes(**on), {"alice": (331, 230), "bob": 530})
        self.assertEqual(self.codes(userlist_deny="NO", **on), {"alice": 530, "bob": (331, 230)})

    def test_banned_email(self):
        path = write_file(os.path.dirname(self.root) + "/emails", b"bad@example.org\n", "nobody")
        server = self.own_server({"anonymous_enable": "YES", "anon_root": os.path.dirname(self.root), "deny_email_enable": "YES",
                                  "banned_email_file": path, "delay_failed_login": "0"})
        server.client().login("anonymous", "good@example.org")
        c = server.client()
        c.want("USER anonymous", 331)
        c.want("PASS bad@example.org", 530)

    def test_secure_email_list(self):
        path = write_file(os.path.dirname(self.root) + "/passwords", b"letmein\n", "nobody")
        server = self.own_server({"anonymous_enable": "YES", "anon_root": os.path.dirname(self.root), "secure_email_list_enable": "YES",
                                  "email_password_file": path, "delay_failed_login": "0"})
        server.client().login("anonymous", "letmein")
        c = server.client()
        c.want("USER anonymous", 331)
        c.want("PASS other", 530)

    def test_no_anon_password(self):
        server = self.own_server({"anonymous_enable": "YES", "anon_root": os.path.dirname(self.root), "no_anon_password": "YES"})
        server.client().want("USER anonymous", 230)


class AnonymousRights(AnonymousCase):
    off = {"write_enable": "YES", "anon_upload_enable": "NO", "anon_mkdir_write_enable": "NO", "anon_other_write_enable": "NO"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")
        write_file(cls.root + "/private", b"x", mode=0o640)

    def allowed(self, **options):
        """Which of the writing commands are not turned down with 550 Permission denied?"""
        c = self.own_server(dict(self.conf, **self.off) | options).anonymous()
        c.want("CWD /pub", 250)
        works = set()
        for command in ("STOR new", "APPE file", "MKD dir", "DELE nothing", "RMD nothing", "RNFR nothing", "STOR file"):
            if command[:4] in ("STOR", "APPE"):
                with c.connect(c.epsv()):
                    code = c.cmd(command).code
                if code == 150 and c.reply().code == 226:
                    works.add(command)
            elif "Permission denied" not in c.cmd(command).text:
                works.add(command.split()[0])
        for name, remove in (("new", os.unlink), ("dir", os.rmdir)):
            if os.path.exists(self.path(name)):
                remove(self.path(name))
        write_file(self.path("file"), b"0123456789")
        return works

    def test_nothing(self):
        self.assertEqual(self.allowed(), set())

    def test_write_enable_no(self):
        self.assertEqual(self.allowed(write_enable="NO", anon_upload_enable="YES", anon_mkdir_write_enable="YES",
                                      anon_other_write_enable="YES"), set())

    def test_upload_only(self):
        self.assertEqual(self.allowed(anon_upload_enable="YES"), {"STOR new"})

    def test_mkdir_only(self):
        self.assertEqual(self.allowed(anon_mkdir_write_enable="YES"), {"MKD"})

    def test_other(self):
        self.assertEqual(self.allowed(anon_upload_enable="YES", anon_other_write_enable="YES"),
                         {"STOR new", "STOR file", "APPE file", "DELE", "RMD", "RNFR"})

    def test_world_readable_only(self):
        c = self.anonymous()
        c.epsv()
        c.want("RETR private", 550)
        c = self.own_server(dict(self.conf, anon_world_readable_only="NO")).anonymous()
        self.assertEqual(c.get("RETR /pub/private"), b"x")

    def test_anon_umask_and_file_open_mode(self):
        c = self.own_server(dict(self.conf, anon_umask="027", file_open_mode="0777")).anonymous()
        c.put("STOR /pub/up", b"x")
        self.assertEqual(os.stat(self.path("up")).st_mode & 0o777, 0o750)
        os.unlink(self.path("up"))

    def test_chown_uploads(self):
        c = self.own_server(dict(self.conf, chown_uploads="YES", chown_username="bob", chown_upload_mode="0640")).anonymous()
        c.put("STOR /pub/up", b"x")
        info = os.stat(self.path("up"))
        self.assertEqual((info.st_uid, stat.S_IMODE(info.st_mode)), (UID["bob"], 0o640))
        os.unlink(self.path("up"))

    def test_upload_whose_owner_cannot_be_changed_is_none(self):
        """As vsftpd: a promise that can't be kept is not told as a success, and the file does not stay behind."""
        c = self.own_server(dict(self.conf, chown_uploads="YES", chown_username="nobody-here")).anonymous()
        for command in ("STOR /pub/up", "APPE /pub/up", "STOU /pub/up"):
            before = os.listdir(self.path("."))
            c.epsv()
            c.want(command, 553)
            self.assertEqual(sorted(os.listdir(self.path("."))), sorted(before), command)
        c.want("NOOP", 200)

    def test_upload_to_who_owns_it_already(self):
        write_file(self.path("his"), b"x", "bob", 0o666)
        c = self.own_server(dict(self.conf, chown_uploads="YES", chown_username="bob", anon_other_write_enable="YES")).anonymous()
        self.assertEqual(c.put("APPE /pub/his", b"y").code, 226)
        self.assertEqual((read_file(self.path("his")), os.stat(self.path("his")).st_uid), (b"xy", UID["bob"]))
        os.unlink(self.path("his"))

    def test_switches(self):
        c = self.own_server(dict(self.conf, download_enable="NO", dirlist_enable="NO")).anonymous()
        for command in ("RETR /pub/file", "LIST", "NLST", "MLSD", "STAT /pub"):
            self.assertEqual(c.cmd(command).text, "Permission denied.", command)

    def test_cmds_allowed_and_denied(self):
        c = self.own_server(dict(self.conf, cmds_allowed="USER,PASS,PWD,QUIT")).anonymous()
        self.expect(c, [("PWD", 257), ("SYST", 550, "Permission denied."), ("LIST", 550), ("QUIT", 221)])
        c = self.own_server(dict(self.conf, cmds_denied="DELE,RMD")).anonymous()
        self.expect(c, [("PWD", 257), ("DELE /pub/file", 550, "Permission denied."), ("RMD x", 550, "Permission denied."), ("SYST", 215)])


class Virtual(ServerCase):
    conf = {"virtual_enable": "YES", "guest_username": "ftp", "write_enable": "YES", "delay_failed_login": "0", "local_enable": "NO"}

    @classmethod
    def start_server(cls, conf, **popen):
        server = harness.Server(conf, cls.__name__)
        for name, options in (("vera", ["--rights", "rwd"]), ("reader", ["--rights", "r"]), ("writer", ["--rights", "w"]),
                              ("bytes", ["--rights", "rwd", "--quota-bytes", "100000"]),
                              ("files", ["--rights", "rwd", "--quota-files", "2"]), ("slow", ["--rights", "rwd", "--rate", "500000"])):
            server.add_user(name, make_dir(os.path.join(cls.root, name)), *options)
        return server.start(**popen)

    def test_accounts_file(self):
        path = self.server.conf["accounts_file"]
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        content = read_file(path)
        self.assertIn(b"$y$", content)
        self.assertNotIn(PASSWORD.encode(), content)

    def test_login(self):
        c = self.as_user("vera")
        self.assertEqual(c.want("PWD", 257).text.split('"')[1], "/")
        self.assertEqual(c.put("STOR x", b"mine").code, 226)
        self.assertEqual(self.disk("vera/x"), b"mine")
        self.assertEqual(os.stat(self.path("vera/x")).st_uid, UID["ftp"])
        self.assertEqual(c.get("RETR x"), b"mine")
        c.want("DELE x", 250)
        self.client().want("USER vera", 331)
        c = self.client()
        c.want("USER vera", 331)
        self.assertEqual(c.want("PASS wrong", 530).text, "Login incorrect.")

    def test_password_with_odd_characters(self):
        word = "p\u00e4 ss\"'%s:\\ \t;$(id)"
        self.server.add_user("odd", make_dir(self.path("odd")), password=word)
        self.client().login("odd", word)

    def test_rights(self):
        write_file(self.path("reader/x"), b"x")
        write_file(self.path("writer/x"), b"x")
        c = self.as_user("reader")
        self.assertEqual(c.get("RETR x"), b"x")
        for command in ("STOR y", "DELE x", "MKD y", "RNFR x", "APPE x", "SITE CHMOD 777 x"):
            c.epsv()
            self.assertEqual(c.cmd(command).code, 550, command)
        c = self.as_user("writer")
        self.assertEqual(c.put("STOR y", b"y").code, 226)
        for command in ("RETR x", "DELE x"):
            c.epsv()
            self.assertEqual(c.cmd(command).code, 550, command)

    def test_quota_of_bytes(self):
        c = self.as_user("bytes")
        self.assertEqual(c.put("STOR one", noise(60_000)).code, 226)
        got = c.put("STOR two", noise(60_000))
        self.assertEqual(got.code, 552, got)
        self.assertIn("quota", got.text.lower())
        used = sum(os.stat(f"{self.root}/bytes/{n}").st_size for n in os.listdir(self.root + "/bytes"))
        self.assertLessEqual(used, 100_000)
        c.cmd("DELE two")
        self.assertEqual(c.put("STOR one", noise(90_000)).code, 226)  # replacing frees what was there
        self.assertEqual(c.put("APPE one", noise(20_000)).code, 552)
        c.want("DELE one", 250)
        self.assertEqual(c.put("STOR two", noise(100_000)).code, 226)
        c.want("DELE two", 250)

    def test_quota_of_bytes_holds_for_two_sessions_at_once(self):
        one, two = self.as_user("bytes"), self.as_user("bytes")
        with one.data("STOR a") as a, two.data("STOR b") as b:
            for _ in range(8):
                for data in (a, b):
                    try:
                        data.sendall(noise(10_000))
                    except OSError:
                        pass
                time.sleep(0.05)
        self.assertIn(552, (one.reply().code, two.reply().code))
        used = sum(os.stat(f"{self.root}/bytes/{n}").st_size for n in os.listdir(self.root + "/bytes"))
        self.assertLessEqual(used, 100_000)
        for name in os.listdir(self.root + "/bytes"):
            self.as_user("bytes").want("DELE " + name, 250)

    def test_quota_of_files(self):
        c = self.as_user("files")
        for name in ("a", "b", "a"):
            self.assertEqual(c.put("STOR " + name, b"x").code, 226)
        with c.connect(c.epsv()):
            got = c.cmd("STOR c")
        if got.code == 150:
            got = c.reply()
        self.assertEqual(got.code, 552)
        self.assertIn("quota", got.text.lower())
        self.assertEqual(sorted(os.listdir(self.path("files"))), ["a", "b"])
        c.want("DELE a", 250)
        self.assertEqual(c.put("STOR c", b"x").code, 226)

    def test_rate_of_an_account(self):
        write_file(self.path("slow/file"), noise(1_000_000))
        c = self.as_user("slow")
        for _ in range(5):  # a busy machine makes it slower, never faster
            begin = time.monotonic()
            c.get("RETR file")
            rate = 1_000_000 / (time.monotonic() - begin)
            self.assertLess(rate, 550_000)
            if rate > 300_000:
                return
        self.fail(f"{rate:.0f} bytes a second")

    def test_user_command(self):
        accounts = ["--accounts", self.server.conf["accounts_file"]]
        self.assertEqual([n for n in ("vera", "reader", "bytes") if n not in self.server.command("user", "list", *accounts).stdout], [])
        self.server.add_user("late", make_dir(self.path("late")))
        self.client().login("late", PASSWORD)  # no reload needed
        self.server.command("user", "passwd", "late", *accounts, "--password-stdin", input="another one\n")
        self.client().login("late", "another one")
        self.assertNotEqual(self.server.command("user", "add", "late", "--home", self.root, *accounts, "--password-stdin",
                                                input="x\n", check=False).returncode, 0)
        self.server.command("user", "del", "late", *accounts)
        c = self.client()
        c.want("USER late", 331)
        c.want("PASS another one", 530)
        self.assertNotEqual(self.server.command("user", "del", "late", *accounts, check=False).returncode, 0)
        self.assertEqual(self.server.command("user", "nonsense", check=False).returncode, 2)


class Delays(ServerCase):
    conf = {"local_enable": "YES", "delay_failed_login": "1", "max_login_fails": "3"}

    def test_failed_login_is_delayed_without_holding_others(self):
        failing = [self.client() for _ in range(20)]
        for c in failing:
            c.send(b"USER alice\r\nPASS wrong\r\n")
        begin = time.monotonic()
        self.as_user("bob")
        self.assertLess(time.monotonic() - begin, 15)
        for c in failing:
            self.assertEqual([c.reply().code, c.reply().code], [331, 530])
        self.assertGreater(time.monotonic() - begin, 0.9)

    def test_max_login_fails(self):
        c = self.client()
        for _ in range(3):
            c.want("USER alice", 331)
            c.want("PASS wrong", 530)
        self.assertTrue(c.is_closed())

    def test_delay_successful_login(self):
        server = self.own_server(dict(self.conf, delay_successful_login="1"))
        begin = time.monotonic()
        server.client().login("alice")
        self.assertGreater(time.monotonic() - begin, 0.9)


class SlowPam(AnonymousCase):
    options = {"local_enable": "YES", "pam_service_name": "slow"}

    def test_slow_password_check_blocks_nobody(self):
        waiting = [self.client() for _ in range(5)]
        for c in waiting:
            c.send(f"USER alice\r\nPASS {PASSWORD}\r\n".encode())
        time.sleep(0.2)
        for _ in range(5):
            self.anonymous().want("PWD", 257)
        self.assertTrue(waiting[0].reply().code == 331 and waiting[0].quiet(0.1), "they were not served meanwhile")
        self.assertEqual(waiting[0].reply().code, 230)

    def test_client_that_leaves_while_its_password_is_checked(self):
        for _ in range(3):
            c = self.client()
            c.send(f"USER alice\r\nPASS {PASSWORD}\r\n".encode())
            c.reply()
            c.reset()
        self.assert_served()
