# SPDX-License-Identifier: BSD-2-Clause
"""As a service: no file named, in the background, PAM sessions."""
import os
import re
import signal
import socket
import subprocess

from harness import AnonymousCase, Server, ServerCase, descendants, process_status, read_file, wait_until
from namespace import PASSWORD
import harness


class NoFile(ServerCase):
    """A server does not open to everybody because a file is missing."""
    conf = None

    @classmethod
    def prepare(cls):
        """Where this build looks: the server names it."""
        said = subprocess.run([harness.SALLYD, "--check-config"], capture_output=True, text=True, timeout=10)
        cls.file = re.search(r"(/\S+/sallyd\.conf)", said.stdout + said.stderr)[1]

    def setUp(self):
        super().setUp()
        if os.path.isdir(os.path.dirname(self.file)):
            subprocess.run(["mount", "-t", "tmpfs", "none", os.path.dirname(self.file)], check=True)
            self.addCleanup(subprocess.run, ["umount", os.path.dirname(self.file)], check=True)

    def run_without_file(self, *words):
        return subprocess.run([harness.SALLYD, *words], capture_output=True, text=True, timeout=10)

    def test_is_refused_and_says_what_to_do(self):
        for words in ([], ["-olisten_port=2999"], ["--check-config"], ["-oanonymous_enable=NO", "--check-config"]):
            with self.subTest(words=words):
                done = self.run_without_file(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                for part in (self.file, "does not exist", "sallyd FILE", "/dev/null"):
                    self.assertIn(part, done.stderr)

    def test_one_that_is_there_is_read(self):
        self.make_default("listen=YES\n")
        self.assertEqual(self.run_without_file("--check-config").stdout, f"{self.file}: configuration is good\n")
        self.make_default("nonsense\n")
        done = self.run_without_file("--check-config")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{self.file}:1", done.stderr)

    def make_default(self, text):
        if not os.path.isdir(os.path.dirname(self.file)):
            self.skipTest("no " + os.path.dirname(self.file))
        with open(self.file, "w") as f:
            f.write(text)
        os.chmod(self.file, 0o644)

    def test_defaults_on_purpose(self):
        server = Server({"anonymous_enable": "YES"}, "defaults")
        self.addCleanup(server.stop)
        server.start([harness.SALLYD, "/dev/null", f"-olisten_port={server.port}", f"-ocontrol_socket={server.control_socket}",
                      f"-oanon_root={os.path.dirname(self.root)}"])
        self.assert_served(server)


class Background(AnonymousCase):
    options = {"background": "YES"}

    @classmethod
    def start_server(cls, conf, **popen):
        """What is started ends at once; the server that it leaves behind has no parent here, and so is this process's."""
        server = Server(conf, cls.__name__).start(**popen)
        cls.status = server.process.wait(10)
        cls.daemon = next(p for p in descendants(1) if process_status(p)["PPid"] == "1" and server.file in cls.command_of(p))
        return server

    @staticmethod
    def command_of(pid):
        return read_file(f"/proc/{pid}/cmdline").decode().split("\0")

    @classmethod
    def tearDownClass(cls):
        family = [cls.daemon] + descendants(cls.daemon)
        os.kill(cls.daemon, signal.SIGTERM)
        if not wait_until(lambda: not [p for p in family if os.path.exists(f"/proc/{p}") and
                                       not process_status(p)["State"].startswith("Z")], 10):
            raise AssertionError("the server in the background did not end with all its processes")
        super().tearDownClass()

    def test_serves(self):
        self.assertEqual(self.status, 0)
        c = self.anonymous()
        self.assertEqual(c.put("STOR up", b"x").code, 226)
        self.assertEqual(c.get("RETR up"), b"x")

    def test_lets_go_of_the_terminal(self):
        self.assertEqual(os.getsid(self.daemon), self.daemon)
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{self.daemon}/fd/{fd}"), "/dev/null")

    def test_reloads_and_says_so_in_the_system_log(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind("/dev/log")
            self.addCleanup(os.unlink, "/dev/log")
            log.settimeout(10)
            self.server.write_conf(ftpd_banner="anew")
            os.kill(self.daemon, signal.SIGHUP)
            said = b""
            while b"configuration reloaded" not in said:
                said = log.recv(4096)
            self.assertRegex(said.decode(), rf"sallyd\[{self.daemon}\]: ")
        self.assertTrue(wait_until(lambda: self.server.client().greeting.text == "anew"))


class PamSessions(ServerCase):
    """session_support: a PAM session is open as long as its FTP session, and closed whatever ends that."""
    service = "sessions"

    @classmethod
    def prepare(cls):
        cls.record = os.path.join(os.path.dirname(cls.root), "record")
        script = os.path.join(os.path.dirname(cls.root), "note")
        with open(script, "w") as f:
            f.write(f'#!/bin/sh\necho "$PAM_TYPE $PAM_USER $PAM_SERVICE $PAM_RHOST" >>{cls.record}\n')
        os.chmod(script, 0o755)
        with open("/etc/pam.d/" + cls.service, "w") as f:
            f.write(f"auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_exec.so {script}\n")
        cls.conf = {"local_enable": "YES", "session_support": "YES", "pam_service_name": cls.service, "write_enable": "YES"}

    def setUp(self):
        super().setUp()
        with open(self.record, "w"):
            pass

    def recorded(self, event, user, times=1):
        line = f"{event} {user} {self.service} 127.0.0.1"
        return wait_until(lambda: read_file(self.record).decode().splitlines().count(line) == times, 10)

    def test_open_while_logged_in(self):
        c = self.as_user("alice")
        self.assertTrue(self.recorded("open_session", "alice"))
        c.put("STOR up", b"x")
        self.assertTrue(self.recorded("close_session", "alice", 0))
        c.want("QUIT", 221)
        self.assertTrue(self.recorded("close_session", "alice"))

    def test_each_session_has_its_own(self):
        first, second = self.as_user("alice"), self.as_user("alice")
        self.assertTrue(self.recorded("open_session", "alice", 2))
        first.want("QUIT", 221)
        self.assertTrue(self.recorded("close_session", "alice", 1))
        second.want("NOOP", 200)

    def test_none_for_a_wrong_password(self):
        c = self.client()
        c.want("USER bob", 331)
        c.want("PASS wrong", 530)
        self.as_user("alice")
        self.assertTrue(self.recorded("open_session", "alice"))
        self.assertNotIn("bob", read_file(self.record).decode())

    def test_closed_when_the_client_vanishes(self):
        c = self.as_user("bob")
        self.assertTrue(self.recorded("open_session", "bob"))
        c.reset()
        self.assertTrue(self.recorded("close_session", "bob"))

    def test_closed_when_the_worker_dies(self):
        server = self.own_server(self.conf)
        server.client().login("bob", PASSWORD)
        self.assertTrue(self.recorded("open_session", "bob"))
        os.kill(server.pids("nobody")[0], signal.SIGKILL)
        self.assertTrue(self.recorded("close_session", "bob"))

    def test_closed_when_the_server_ends(self):
        server = self.own_server(self.conf)
        c = server.client().login("bob", PASSWORD)
        self.assertTrue(self.recorded("open_session", "bob"))
        self.assertEqual(server.stop(), 0)
        c.close()
        self.assertTrue(self.recorded("close_session", "bob"))

    def test_none_unless_asked_for(self):
        server = self.own_server(dict(self.conf, session_support="NO"))
        with server.client() as c:
            c.login("carol")
            c.want("QUIT", 221)
        self.as_user("bob")
        self.assertTrue(self.recorded("open_session", "bob"))
        self.assertNotIn("carol", read_file(self.record).decode())
