# SPDX-License-Identifier: BSD-2-Clause
"""What each process may do, seen from outside: /proc/PID."""
import contextlib
import os

from harness import AnonymousCase, children, process_status, wait_until, write_file
from namespace import UID

NETWORK_TABLES = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")


def network_inodes():
    found = set()
    for table in NETWORK_TABLES:
        with open("/proc/net/" + table) as f:
            found |= {line.split()[9] for line in list(f)[1:]}
    return found


class Sandbox(AnonymousCase):
    options = {"local_enable": "YES", "chroot_local_user": "YES", "allow_writeable_chroot": "YES", "workers": "1"}

    def setUp(self):
        super().setUp()
        write_file(self.path("file"), b"x")
        self.c, self.d = self.anonymous(), self.as_user("alice")
        self.c.get("RETR file")
        self.d.get("LIST")

    def one(self, user):
        pids = self.server.running(user)
        self.assertEqual(len(pids), 1, f"processes of {user}")
        return pids[0]

    def check_confined(self, pid, uid):
        threads = os.listdir(f"/proc/{pid}/task")
        for thread in threads:
            status = process_status(f"{pid}/task/{thread}")
            self.assertEqual(status["Uid"].split(), [str(uid)] * 4)
            self.assertEqual(len(set(status["Gid"].split())), 1)
            self.assertNotIn("0", status["Gid"].split())
            self.assertNotIn("0", status["Groups"].split())
            for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(status[capabilities], 16), 0, capabilities)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")

    def test_worker(self):
        pid = self.one("nobody")
        self.check_confined(pid, UID["nobody"])
        self.assertEqual(os.listdir(f"/proc/{pid}/root/"), [])
        self.assertNotEqual(os.stat(f"/proc/{pid}/root/").st_ino, os.stat("/").st_ino)

    def test_broker_of_anonymous(self):
        pid = self.one("ftp")
        self.check_confined(pid, UID["ftp"])
        self.assertEqual(os.listdir(f"/proc/{pid}/root/"), ["pub"])

    def test_broker_of_a_local_user(self):
        pid = self.one("alice")
        self.check_confined(pid, UID["alice"])
        self.assertEqual(os.stat(f"/proc/{pid}/root/").st_uid, UID["alice"])

    def test_brokers_have_no_network(self):
        for user in ("ftp", "alice"):
            held = {os.readlink(f"/proc/{self.one(user)}/fd/{fd}") for fd in os.listdir(f"/proc/{self.one(user)}/fd")}
            self.assertEqual([s for s in held if s.startswith("socket:[") and s[8:-1] in network_inodes()], [])

    def test_worker_holds_no_files_but_logs(self):
        pid, allowed = self.one("nobody"), (self.server.dir, "/dev/null", "socket:", "pipe:", "anon_inode:", "/memfd:", "/dev/pts")
        held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        self.assertEqual([h for h in held if not h.startswith(allowed)], [])

    def test_worker_sees_no_password_file(self):
        pid = self.one("nobody")
        for path in ("/etc/passwd", "/etc/shadow"):
            self.assertFalse(os.path.exists(f"/proc/{pid}/root{path}"))

    def test_monitor_is_the_only_process_of_root(self):
        def is_of_root(pid):
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                return process_status(pid)["Uid"].split()[0] == "0"
            return False

        def of_root():
            return [p for p in children(self.server.process.pid) if is_of_root(p)]
        self.assertTrue(wait_until(lambda: of_root() == []))

    def test_one_broker_for_sessions_of_one_user(self):
        for _ in range(5):
            self.anonymous()
        self.one("ftp")

    def test_broker_ends_with_its_last_session(self):
        self.one("alice")
        self.d.want("QUIT", 221)
        self.assertTrue(wait_until(lambda: self.server.pids("alice") == []))
        self.one("ftp")
        self.as_user("alice").get("LIST")
        self.one("alice")
