# SPDX-License-Identifier: BSD-2-Clause
"""What a broker was made of, and when it ends: new logins see what is true now, old sessions keep what they have."""
import os
import shutil
import signal
import threading

from harness import AnonymousCase, ServerCase, make_dir, process_status, read_file, wait_until, write_file
from namespace import PASSWORD


class Ends(AnonymousCase):
    """Is a broker's end told if and only if it was an accident?"""
    limit = 90
    ALARM = "ended unexpectedly"

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")
        cls.wanted, cls.conf = cls.conf, None  # a server for each test: its words are counted

    def log_in_and_out(self, server, stop, failures):
        try:
            while not stop.is_set():
                with server.anonymous() as c:
                    c.want("SIZE /pub/file", 213)
                    c.want("QUIT", 221)
        except Exception as error:
            failures.append(repr(error))

    def test_200_reloads_under_load(self):
        server = self.own_server(dict(self.wanted))
        stop, failures, reloads = threading.Event(), [], 200
        threads = [threading.Thread(target=self.log_in_and_out, args=(server, stop, failures)) for _ in range(3)]
        for t in threads:
            t.start()
        for i in range(reloads):
            server.process.send_signal(signal.SIGHUP)
            self.assertTrue(wait_until(lambda: server.text().count("configuration reloaded") > i, 20), i)
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertTrue(wait_until(lambda: server.pids("ftp") == [], 30))
        self.assert_served(server)
        self.assertNotIn(self.ALARM, server.text())

    def test_signal_is_seen_before_the_release(self):
        """More messages than the monitor reads in a turn lie before the RELEASE when it wakes; the signal is handled then."""
        listed = write_file(os.path.dirname(self.root) + "/nobody", b"", "nobody")
        server = self.own_server(dict(self.wanted, userlist_enable="YES", userlist_file=listed))  # so that each login is asked for
        sessions = [server.anonymous() for _ in range(80)]
        broker = wait_until(lambda: server.pids("ftp"), 10)[0]
        server.process.send_signal(signal.SIGSTOP)
        try:
            for c in sessions:
                c.want("QUIT", 221)
            self.assertTrue(wait_until(lambda: process_status(broker)["State"].startswith("Z"), 20))
        finally:
            server.process.send_signal(signal.SIGCONT)
        self.assertTrue(wait_until(lambda: not os.path.exists(f"/proc/{broker}"), 10))
        self.assert_served(server)
        self.assertNotIn(self.ALARM, server.text())

    def test_killed(self):
        server = self.own_server(dict(self.wanted))
        c = server.anonymous()
        for i in range(3):
            old = wait_until(lambda: server.pids("ftp"), 10)
            os.kill(old[0], signal.SIGKILL)
            self.assertTrue(wait_until(lambda: server.text().count(self.ALARM) == i + 1, 10), server.text())
            self.assertTrue(wait_until(lambda: set(server.pids("ftp")) - set(old), 10))
            self.assertIn(c.cmd("SIZE /pub/file").code, (213, 451))
            c.want("SIZE /pub/file", 213)
        c.want("QUIT", 221)
        self.assertTrue(wait_until(lambda: server.pids("ftp") == [], 10))
        self.assertEqual(server.text().count(self.ALARM), 3)


class Facts(ServerCase):
    """Whatever is true at a login counts for it, though another session of the account is in since before."""
    conf = None
    limit = 60
    local = {"local_enable": "YES", "write_enable": "YES", "allow_writeable_chroot": "YES"}

    def tearDown(self):
        self.group(bob=True)

    @staticmethod
    def group(**members):
        """Who is in ftpadmin."""
        with open("/etc/group") as f:
            lines = [line for line in f.read().splitlines() if not line.startswith("ftpadmin:")]
        with open("/etc/group", "w") as f:
            f.write("\n".join(lines + ["ftpadmin:x:3999:" + ",".join(members)]) + "\n")

    def groups_folder(self):
        folder = make_dir(self.path("admins"), "nobody", 0o750)
        os.chown(folder, 0, 3999)
        write_file(folder + "/file", b"x", "nobody")
        return folder

    def test_a_group_that_was_left(self):
        folder, server = self.groups_folder(), self.own_server(self.local)
        old = server.client().login("bob")
        self.assertEqual(len(old.lines(f"NLST {folder}")), 1)
        self.group()
        with server.client().login("bob") as new:
            new.want(f"CWD {folder}", 550)
            new.want(f"SIZE {folder}/file", 550)
        self.assertEqual(len(old.lines(f"NLST {folder}")), 1)

    def test_a_group_that_was_joined(self):
        folder, server = self.groups_folder(), self.own_server(self.local)
        old = server.client().login("alice")
        old.want(f"CWD {folder}", 550)
        self.group(bob=True, alice=True)
        server.client().login("alice").want(f"CWD {folder}", 250)
        old.want(f"CWD {folder}", 550)

    def served(self, root, change, conf=None, user="alice"):
        """What sessions from before and from after change() find in root/name, or None."""
        server = self.own_server(dict(self.local, chroot_local_user="YES", local_root=root, **conf or {}))
        old = server.client().login(user)
        old.get("RETR name")
        change()
        return [c.get("RETR name") if c.cmd("SIZE name").code == 213 else None for c in (old, server.client().login(user))]

    def two_folders(self):
        for name in ("one", "two"):
            make_dir(self.path(name), "alice")
            write_file(self.path(name + "/name"), name.encode(), "alice")
        link = self.path("link")
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink("one", link)
        return link

    def test_a_link_that_was_switched(self):
        link = self.two_folders()

        def switch():
            os.symlink("two", link + ".new")
            os.rename(link + ".new", link)
        self.assertEqual(self.served(link, switch), [b"one", b"two"])

    def test_a_directory_that_was_made_anew(self):
        self.two_folders()

        def remake():
            shutil.rmtree(self.path("one"))
            make_dir(self.path("one"), "alice")
            write_file(self.path("one/name"), b"anew", "alice")
        self.assertEqual(self.served(self.path("one"), remake), [None, b"anew"])

    def test_a_broker_that_comes_after_the_switch(self):
        """What the old sessions had is gone with the broker: they go on in what is there, and the log says so."""
        link = self.two_folders()
        server = self.own_server(dict(self.local, chroot_local_user="YES", local_root=link))
        old = server.client().login("alice")
        self.assertEqual(old.get("RETR name"), b"one")
        os.unlink(link)
        os.symlink("two", link)
        os.kill(wait_until(lambda: server.pids("alice"), 10)[0], signal.SIGKILL)
        self.assertTrue(wait_until(lambda: "not the directory any more" in server.text(), 10), server.text())
        self.assertIn(old.cmd("SIZE name").code, (213, 451))
        self.assertEqual(old.get("RETR name"), b"two")

    def test_an_accounts_rights_and_home(self):
        server = self.own_server({"virtual_enable": "YES", "guest_username": "ftp", "write_enable": "YES"})
        here, there = make_dir(self.path("here")), make_dir(self.path("there"))
        server.add_user("kim", here, "--rights", "r")
        old = server.client().login("kim")
        old.want("MKD dir", 550)

        def again(*options):
            server.command("user", "del", "kim", "--accounts", server.conf["accounts_file"])
            server.add_user("kim", *options)
            return server.client().login("kim")
        again(here, "--rights", "rwd").want("MKD dir", 257)
        old.want("MKD other", 550)
        again(there, "--rights", "rwd").want("MKD dir", 257)
        self.assertTrue(os.path.isdir(there + "/dir"))
        again(there, "--rights", "r").want("RMD dir", 550)

    def test_a_users_own_options(self):
        folder = make_dir(self.path("options"), "nobody")
        os.chown(folder, 0, 0)
        home = make_dir(self.path("home"), "alice")
        write_file(home + "/name.secret", b"x", "alice")

        def deny(pattern):
            with open(folder + "/alice", "w") as f:
                f.write(f"deny_file={pattern}\n")
        deny("*.none")
        server = self.own_server(dict(self.local, user_config_dir=folder, local_root=home))
        old = server.client().login("alice")
        old.want("SIZE name.secret", 213)
        deny("*.secret")
        server.client().login("alice").want("SIZE name.secret", 550)
        old.want("SIZE name.secret", 213)

    def anonymous_server(self, root, **options):
        return self.own_server(dict({"anonymous_enable": "YES", "anon_root": root}, **options))

    def test_anonymous_group_and_root(self):
        """Without another identity in between, that of the login before would still live."""
        self.two_folders()
        link, folder = self.path("link"), self.groups_folder()
        os.rename(folder, self.path("one/admins"))
        server = self.anonymous_server(link)
        old = server.anonymous()
        old.want("CWD admins", 550)
        self.group(ftp=True)
        new = server.anonymous()
        self.assertEqual(new.get("RETR admins/file"), b"x")
        old.want("CWD admins", 550)
        self.group()
        server.anonymous().want("CWD admins", 550)
        os.unlink(link)
        os.symlink("two", link)
        self.assertEqual([c.get("RETR name") for c in (old, new, server.anonymous())], [b"one", b"one", b"two"])
        os.rename(self.path("two"), self.path("away"))
        with server.client() as c:
            c.want("USER anonymous", 331)
            c.want("PASS x@", 530)
        shutil.rmtree(self.path("away"))

    def test_anonymous_logins_at_once(self):
        """They share answers, and each sees what was true after its PASS."""
        self.two_folders()
        link = self.path("link")
        server = self.anonymous_server(link)
        for target in ("one", "two") * 10:
            os.symlink(target, link + ".new")
            os.rename(link + ".new", link)
            sessions = [server.client() for _ in range(30)]
            for c in sessions:
                c.send(b"USER anonymous\r\nPASS x@\r\nSIZE name\r\n")
            sessions[7].reset()
            del sessions[7]
            for c in sessions:
                self.assertEqual([c.reply().code for _ in range(3)], [331, 230, 213])
            self.assertEqual({c.get("RETR name") for c in sessions[:5]}, {target.encode()})
            for c in sessions:
                c.close()
        self.assertTrue(wait_until(lambda: server.pids("ftp") == [], 10))

    def test_anonymous_logins_while_the_configuration_changes(self):
        self.two_folders()
        banned = write_file(self.path("banned"), b"bad@example.org\n", "nobody")
        server = self.anonymous_server(self.path("one"), banned_email_file=banned, delay_failed_login="0")
        for i in range(10):
            sessions = [server.client() for _ in range(20)]
            for n, c in enumerate(sessions):
                if n == 10:
                    server.reload(deny_email_enable="NO" if i % 2 else "YES")
                c.send(b"USER anonymous\r\nPASS bad@example.org\r\n")
            codes = [[c.reply().code for _ in range(2)] for c in sessions]
            self.assertTrue(all(code in ([331, 230], [331, 530]) for code in codes), codes)
            self.assertTrue(wait_until(lambda: server.text().count("configuration reloaded") > i, 10))
            with server.client() as c:
                c.want("USER anonymous", 331)
                c.want("PASS bad@example.org", 230 if i % 2 else 530)
            for c in sessions:
                c.close()

    def test_the_same_facts_share_a_broker(self):
        for loops in (1, 2):
            server = self.own_server(dict(self.local, workers=loops))
            sessions = [server.client().login("alice") for _ in range(4)]
            for c in sessions:
                c.want("SIZE /etc/passwd", 213)
            self.assertEqual(len(server.pids("alice")), loops)


class Refused(ServerCase):
    """A login that can't be had for good is told so at once, and only to who has the password."""
    conf = None
    base = {"local_enable": "YES", "anonymous_enable": "YES", "guest_username": "ftp",
            "allow_writeable_chroot": "YES", "chroot_local_user": "YES", "delay_failed_login": "1"}
    HOMELESS = (530, "Cannot change to your home directory.")

    def refused(self, server, user="alice", password=PASSWORD):
        """Code and text of the answer to PASS; the session is of use after it."""
        with server.client() as c:
            c.want("USER " + user, 331)
            got = c.cmd("PASS " + password)
            c.want("USER " + user, 331)
            return got[:2]

    def test_a_missing_home(self):
        gone = make_dir(self.path("gone"))
        server = self.own_server(dict(self.base, virtual_enable="YES", local_root=gone, anon_root=gone))
        server.add_user("kim", gone)
        os.rmdir(gone)
        for user in ("alice", "kim", "anonymous"):
            with self.subTest(user=user):
                self.assertEqual(self.refused(server, user), self.HOMELESS)
        self.assertEqual(self.refused(server, password="wrong"), (530, "Login incorrect."))
        self.assertEqual(self.refused(server, "kim", "wrong"), (530, "Login incorrect."))
        self.assertTrue(wait_until(lambda: server.text().count(gone) == 3), server.text())
        make_dir(gone, "alice")
        server.client().login("alice")

    def test_what_is_no_directory(self):
        os.symlink("loop", self.path("loop"))
        for place in (write_file(self.path("file"), b""), self.path("file/below"), self.path("loop")):
            with self.subTest(place=place):
                self.assertEqual(self.refused(self.own_server(dict(self.base, local_root=place))), self.HOMELESS)

    def test_a_home_that_is_closed_to_its_user(self):
        inner = make_dir(self.path("closed/inner"), "alice")
        os.chown(os.path.dirname(inner), 0, 0)
        os.chmod(os.path.dirname(inner), 0o700)
        server = self.own_server(dict(self.base, local_root=inner))
        self.assertEqual(self.refused(server), self.HOMELESS)
        self.assertEqual(server.pids("alice"), [])

    def test_a_missing_home_without_a_jail(self):
        text = read_file("/etc/passwd")
        with open("/etc/passwd", "wb") as f:
            f.write(text.replace(b"/home/alice:", b"/home/nowhere:"))
        try:
            server = self.own_server(dict(self.base, chroot_local_user="NO"))
            self.assertEqual(self.refused(server), self.HOMELESS)
            self.assertTrue(wait_until(lambda: "/home/nowhere" in server.text()), server.text())
        finally:
            with open("/etc/passwd", "wb") as f:
                f.write(text)

    def test_a_writable_root(self):
        server = self.own_server(dict(self.base, allow_writeable_chroot="NO"))
        self.assertEqual(self.refused(server), (530, "Refusing to run with writable root inside chroot()."))

    def test_a_server_that_is_not_set_up(self):
        for options in ({"userlist_enable": "YES", "userlist_file": self.path("no-list"), "userlist_deny": "YES"},
                        {"chroot_list_enable": "YES", "chroot_list_file": self.path("no-list")},
                        {"guest_enable": "YES", "guest_username": "no-such-user"},
                        {"guest_enable": "YES", "guest_username": "root"}):
            with self.subTest(**options):
                server = self.own_server(dict(self.base, **options))
                with server.client() as c:
                    got = c.cmd("USER alice")
                    if got.code == 331:
                        got = c.cmd("PASS " + PASSWORD)
                    self.assertEqual(got.code, 530, got)
                    c.want("NOOP", 530, 200)
                self.assertNotIn("try later", got.text)
