# SPDX-License-Identifier: BSD-2-Clause
"""Logs are followed by name: Debian's own logrotate file for vsftpd works as it is, and no line is lost."""
import collections
import glob
import itertools
import json
import os
import re
import subprocess
import threading

from harness import AnonymousCase, Server, ServerCase, make_dir, noise, read_file, wait_until, write_file
from namespace import UID
import tools

LOG = "/var/log/vsftpd.log"
OWN_FILE = tools.SOURCE / "packaging/logrotate.d/sallyd"


def debian_file():
    """What Debian's vsftpd brings, word for word."""
    return read_file(tools.path("/etc/logrotate.d/vsftpd")).decode()


class LogCase(AnonymousCase):
    options = {"xferlog_enable": "YES", "vsftpd_log_file": LOG}
    tags = itertools.count(1)

    def rotate(self, *texts):
        """logrotate --force on these configuration files, as cron runs it."""
        folder = make_dir(os.path.join(os.path.dirname(self.root), "logrotate.d"), "nobody")
        for i, text in enumerate(texts):
            os.chown(write_file(f"{folder}/{i}", text, "nobody"), 0, 0)
        done = subprocess.run([*tools.command("logrotate"), "--force", "--state", folder + "-state",
                               *(f"{folder}/{i}" for i in range(len(texts)))],
                              env=tools.environment(), capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def speak(self, server=None):
        """A session that leaves one line of its own; what is in it."""
        tag = f"tag-{next(self.tags)}-"
        with (server or self.server).client() as c:
            c.login("anonymous", tag)
        return tag.encode()

    def text(self, path):
        return read_file(path) if os.path.exists(path) else b""

    def assert_followed(self, path, server=None):
        """Does the next session, or at least one soon, write into the file that has this name now?"""
        def is_followed():
            tag = self.speak(server)
            files = [path, *glob.glob("/var/log/**/*", recursive=True)]
            wait_until(lambda: any(tag in self.text(f) for f in files if not os.path.isdir(f)), 1)
            return tag in self.text(path)
        self.assertTrue(wait_until(is_followed, 10), f"{path} stays without the lines of new sessions")

    def assert_in(self, tag, path):
        self.assertTrue(wait_until(lambda: tag in self.text(path), 10), f"{tag} is not in {path}")


class ByName(LogCase):
    def test_debians_own_file_for_vsftpd(self):
        for _ in range(3):
            before = self.speak()
            self.assert_in(before, LOG)
            self.rotate(debian_file())
            self.assertIn(before, read_file(LOG + ".1"))
            self.assert_followed(LOG)
            self.assertNotIn(before, read_file(LOG))
            status = os.stat(LOG)
            self.assertEqual((status.st_mode & 0o777, status.st_uid, status.st_gid), (0o640, 0, 4))

    def test_our_file_for_logrotate_beside_debians(self):
        self.assert_in(self.speak(), LOG)
        self.rotate(read_file(OWN_FILE).decode(), debian_file())
        self.assert_followed(LOG)

    def test_moved_and_not_made_again(self):
        before = self.speak()
        self.assert_in(before, LOG)
        os.rename(LOG, LOG + ".away")
        self.assert_followed(LOG)
        self.assertIn(before, read_file(LOG + ".away"))
        self.assertEqual(os.stat(LOG).st_mode & 0o777, 0o600)

    def test_deleted(self):
        self.assert_in(self.speak(), LOG)
        os.unlink(LOG)
        self.assert_followed(LOG)

    def test_another_file_moved_over_it(self):
        self.assert_in(self.speak(), LOG)
        write_file("/var/log/other", b"from elsewhere\n", "nobody", 0o600)
        os.rename("/var/log/other", LOG)
        self.assert_followed(LOG)
        self.assertTrue(read_file(LOG).startswith(b"from elsewhere\n"))

    def test_emptied_in_place(self):
        """copytruncate: what follows begins at the beginning, without a hole."""
        before = self.speak()
        self.assert_in(before, LOG)
        self.rotate(debian_file().replace("create 640 root adm", "copytruncate"))
        self.assertIn(before, read_file(LOG + ".1"))
        self.assert_in(self.speak(), LOG)
        self.assertNotIn(before, read_file(LOG))
        self.assertNotIn(b"\0", read_file(LOG))

    def test_moved_while_nobody_is_there(self):
        """Twice before anybody speaks."""
        self.assert_in(self.speak(), LOG)
        for name in (".x", ".y"):
            os.rename(LOG, LOG + name)
            self.assertTrue(wait_until(lambda: os.path.exists(LOG), 10), "the file is not made again")
        self.assert_followed(LOG)

    def test_a_session_that_is_there_writes_into_the_new_file(self):
        c = self.anonymous()
        self.rotate(debian_file())
        self.assert_followed(LOG)
        c.want("MKD made-after", 257)
        self.assert_in(b"/pub/made-after", LOG)

    def test_after_a_reload_too(self):
        server = self.own_server(dict(self.conf, vsftpd_log_file="/var/log/reloaded.log"))
        self.assert_followed("/var/log/reloaded.log", server)
        server.reload(vsftpd_log_file="/var/log/second.log")
        self.assert_followed("/var/log/second.log", server)
        os.rename("/var/log/second.log", "/var/log/second.old")
        self.assert_followed("/var/log/second.log", server)


class Folders(LogCase):
    """What names a log may change further up, too."""
    options = {"xferlog_enable": "YES", "vsftpd_log_file": "/var/log/ftp/log"}

    @classmethod
    def prepare(cls):
        os.makedirs("/var/log/ftp")

    def test_its_folder_is_moved(self):
        before = self.speak()
        self.assert_in(before, "/var/log/ftp/log")
        os.rename("/var/log/ftp", "/var/log/ftp.old")
        os.mkdir("/var/log/ftp")
        self.assert_followed("/var/log/ftp/log")
        self.assertIn(before, read_file("/var/log/ftp.old/log"))

    def test_a_link_is_switched(self):
        os.makedirs("/var/log/first")
        os.makedirs("/var/log/next")
        os.symlink("first", "/var/log/present")
        server = self.own_server(dict(self.conf, vsftpd_log_file="/var/log/present/log"))
        self.assert_followed("/var/log/first/log", server)
        os.symlink("next", "/var/log/present.new")
        os.rename("/var/log/present.new", "/var/log/present")
        self.assert_followed("/var/log/next/log", server)


class EveryLog(LogCase):
    options = {"xferlog_enable": "YES", "dual_log_enable": "YES", "vsftpd_log_file": LOG, "xferlog_file": "/var/log/xferlog",
               "json_log_file": "/var/log/sallyd.json"}
    files = (LOG, "/var/log/xferlog", "/var/log/sallyd.json")

    def test_our_file_for_logrotate(self):
        write_file(self.path("old"), noise(1))
        write_file(self.path("new"), noise(1))
        self.anonymous().get("RETR old")
        for path in self.files:
            self.assert_in(b"/pub/old", path)
        self.rotate(read_file(OWN_FILE).decode())
        for path in self.files:
            self.assertIn(b"/pub/old", read_file(path + ".1"))

        def all_have_it():
            self.anonymous().get("RETR new")
            return wait_until(lambda: all(b"/pub/new" in self.text(path) for path in self.files), 1)
        self.assertTrue(wait_until(all_have_it, 10), [p for p in self.files if b"/pub/new" not in self.text(p)])
        for line in read_file("/var/log/sallyd.json").splitlines():
            json.loads(line)


class UnderLoad(LogCase):
    """Sessions come and go, and the log is rotated twenty times: each leaves its line, once and whole."""
    limit = 300
    LINE = re.compile(rb'\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \[pid \d+\] [^\0]*"')

    def load(self, rotate):
        """Calls rotate twenty times, each after five more sessions; the tags of all sessions."""
        spoken, done, errors = [], threading.Event(), []

        def speak():
            try:
                while not done.is_set():
                    spoken.append(self.speak())
            except (OSError, EOFError, AssertionError) as error:
                errors.append(error)
        speakers = [threading.Thread(target=speak) for _ in range(2)]
        for thread in speakers:
            thread.start()
        try:
            for _ in range(20):
                enough = len(spoken) + 5
                self.assertTrue(wait_until(lambda: len(spoken) >= enough or errors, 20))
                rotate()
        finally:
            done.set()
            for thread in speakers:
                thread.join()
        self.assertEqual(errors, [])
        return spoken

    def logged(self):
        return b"".join(read_file(path) for path in glob.glob(LOG + "*"))

    def assert_all(self, spoken):
        def times():
            return collections.Counter(re.findall(rb"tag-\d+-", self.logged()))
        wait_until(lambda: times().keys() >= set(spoken), 10, 0.2)
        found = times()
        self.assertEqual([tag for tag in spoken if found[tag] != 1], [])
        self.assert_whole(self.logged())

    def assert_whole(self, text):
        self.assertEqual([line for line in text.splitlines() if not self.LINE.fullmatch(line)], [])

    def setUp(self):
        super().setUp()
        for path in glob.glob(LOG + "?*"):
            os.unlink(path)
        self.assert_in(self.speak(), LOG)

    def test_with_create(self):
        text = debian_file().replace("rotate 4", "rotate 100")
        self.assert_all(self.load(lambda: self.rotate(text)))
        self.assertEqual(glob.glob(LOG + "*.backup"), [], "logrotate found a file that it was about to make")

    def test_without_create(self):
        text = debian_file().replace("rotate 4", "rotate 100").replace("create 640 root adm", "nocreate")

        def rotate():
            self.rotate(text)
            self.assertTrue(wait_until(lambda: os.path.exists(LOG), 10), "the file is not made again")
        self.assert_all(self.load(rotate))

    def test_moved_by_hand(self):
        count = itertools.count()

        def move():
            os.rename(LOG, f"{LOG}.{next(count)}")
            self.assertTrue(wait_until(lambda: os.path.exists(LOG), 10), "the file is not made again")
        self.assert_all(self.load(move))

    def test_with_copytruncate(self):
        """What is written between copy and truncation is lost by its nature; no line is torn, and the log goes on."""
        text = debian_file().replace("rotate 4", "rotate 100").replace("create 640 root adm", "copytruncate")
        self.load(lambda: self.rotate(text))
        self.assert_in(self.speak(), LOG)
        self.assertNotIn(b"\0", self.logged())
        self.assert_whole(read_file(LOG))


class WithoutRoot(ServerCase):
    """Somebody's own server follows names where that somebody may."""
    conf = None

    def test_moved(self):
        folder = make_dir("/var/log/own", "nobody")
        server = Server({"anonymous_enable": "YES", "anon_root": os.path.dirname(self.root), "xferlog_enable": "YES",
                         "run_as_launching_user": "YES", "connect_from_port_20": "NO", "vsftpd_log_file": folder + "/log"}, "own")
        self.addCleanup(server.stop)
        os.chown(server.dir, UID["nobody"], UID["nobody"])
        server.start(user=UID["nobody"], group=UID["nobody"], extra_groups=[])
        self.assert_served(server)
        self.assertTrue(wait_until(lambda: os.path.exists(folder + "/log"), 10))
        os.rename(folder + "/log", folder + "/old")
        self.assertTrue(wait_until(lambda: os.path.exists(folder + "/log"), 10), "the file is not made again")
        self.assert_served(server)
        self.assertTrue(wait_until(lambda: read_file(folder + "/log"), 10))
