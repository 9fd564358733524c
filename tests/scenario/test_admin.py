# SPDX-License-Identifier: BSD-2-Clause
"""Running it: who and kick, signals, systemd, without root."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess

from harness import AnonymousCase, Server, make_dir, noise, wait_until, write_file
from namespace import UID
import harness


class Who(AnonymousCase):
    options = {"local_enable": "YES", "control_group": "ftpadmin"}

    def session(self, text):
        return wait_until(lambda: next((s for s in self.server.who() if text in json.dumps(s)), None))

    def test_sessions_and_transfers(self):
        write_file(self.path("big"), noise(32 << 20))
        self.assertEqual(self.server.who(), [])
        c = self.as_user("alice", source="127.0.0.6")
        seen = self.session("alice")
        self.assertTrue(seen)
        self.assertIn("127.0.0.6", json.dumps(seen))
        d = self.anonymous(source="127.0.0.7")
        with d.data("RETR big") as data:
            data.recv(1000)
            seen = self.session("big")
            self.assertTrue(seen, self.server.who())
            self.assertIn("127.0.0.7", json.dumps(seen))
            table = self.server.command("who", "--socket", self.server.control_socket).stdout
            for part in ("alice", "127.0.0.6", "127.0.0.7", "/pub/big"):
                self.assertIn(part, table)
        c.close()
        self.assertTrue(wait_until(lambda: "alice" not in json.dumps(self.server.who())))

    def test_kick(self):
        victim, other = self.as_user("alice"), self.anonymous()
        done = self.server.command("kick", self.session("alice")["id"], "--socket", self.server.control_socket)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(victim.is_closed())
        other.want("NOOP", 200)
        self.assertNotEqual(self.server.command("kick", "999999", "--socket", self.server.control_socket, check=False).returncode, 0)

    def test_kick_during_a_transfer(self):
        write_file(self.path("big"), noise(32 << 20))
        victim = self.anonymous()
        with victim.data("RETR big") as data:
            data.recv(1000)
            self.server.command("kick", self.session("big")["id"], "--socket", self.server.control_socket)
            data.settimeout(harness.PATIENCE)
            got = 0
            try:
                while part := data.recv(1 << 20):
                    got += len(part)
            except ConnectionResetError:
                pass
            self.assertLess(got, 32 << 20)
        self.assertTrue(victim.is_closed())

    def test_who_may_ask(self):
        mode = os.stat(self.server.control_socket)
        self.assertEqual((mode.st_uid, mode.st_gid, stat.S_IMODE(mode.st_mode) & 0o007), (0, 3999, 0))
        args = ("who", "--json", "--socket", self.server.control_socket)
        for user, groups, wanted in (("alice", [], False), ("nobody", [], False), ("bob", [3999], True)):
            done = self.server.command(*args, check=False, user=UID[user], group=UID[user], extra_groups=groups)
            self.assertEqual(done.returncode == 0, wanted, user)

    def test_names_cannot_garble_the_table(self):
        write_file(self.path("x\x1b[2Jy\nz"), noise(32 << 20))
        c = self.anonymous()
        with c.connect(c.epsv()):
            c.send(b"RETR x\x1b[2Jy\0z\r\n")
            c.want(None, 150)
            table = self.server.command("who", "--socket", self.server.control_socket).stdout
            self.assertNotIn("\x1b", table)


class Drain(AnonymousCase):
    def test_sigterm_lets_transfers_finish(self):
        write_file(self.path("big"), content := noise(16 << 20))
        server = self.own_server(dict(self.conf, drain_timeout="60"))
        busy, idle = server.anonymous(), server.anonymous()
        busy.want("TYPE I", 200)
        with busy.data("RETR /pub/big") as data:
            got = data.recv(1000)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(idle.reply().code, 421)
            self.assertTrue(idle.is_closed())
            self.assertTrue(self.turns_away(server))
            self.assertIsNone(server.process.poll())
            while part := data.recv(1 << 18):
                got += part
        busy.want(None, 226)
        self.assertTrue(got == content)
        self.assertTrue(busy.is_closed())
        self.assertEqual(server.process.wait(harness.PATIENCE), 0)

    def turns_away(self, server):
        """Is a new client refused, or told 421, rather than left waiting?"""
        try:
            with server.client(greeting=False) as c:
                return c.reply().code == 421
        except (ConnectionError, EOFError):
            return True

    def test_drain_is_bounded(self):
        write_file(self.path("big"), noise(32 << 20))
        server = self.own_server(dict(self.conf, drain_timeout="1"))
        c = server.anonymous()
        with c.data("RETR /pub/big") as data:
            data.recv(1000)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(harness.PATIENCE)  # unbounded, it would be data_connection_timeout, 300 seconds

    def test_sigterm_when_idle_is_quick(self):
        server = self.own_server(dict(self.conf, drain_timeout="300"))
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(harness.PATIENCE), 0)

    def test_worker_ends_with_the_monitor(self):
        server = self.own_server(self.conf)
        server.anonymous()
        family = harness.descendants(server.process.pid)
        self.assertGreaterEqual(len(family), 2)
        server.process.kill()
        self.assertTrue(wait_until(lambda: not [p for p in family if os.path.exists(f"/proc/{p}/exe")]))


class Systemd(AnonymousCase):
    def test_notify(self):
        path = os.path.join(os.path.dirname(self.root), "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            os.chmod(path, 0o777)
            notify.settimeout(harness.PATIENCE)
            server = self.own_server(self.conf, env={"NOTIFY_SOCKET": path})
            self.assertIn(b"READY=1", notify.recv(4096).split(b"\n"))
            server.process.send_signal(signal.SIGTERM)
            said = b""
            while b"STOPPING=1" not in said:
                said = notify.recv(4096)
            server.process.wait(harness.PATIENCE)

    def test_socket_activation(self):
        server = Server(self.conf, "activated")
        self.addCleanup(server.stop)
        with socket.create_server(("127.0.0.1", server.port)) as listener:
            os.dup2(listener.fileno(), 99)
            command = 'exec 3<&99 99<&-; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
            try:
                server.start(["bash", "-c", command, "bash", harness.SALLYD, server.file], pass_fds=[99])
            finally:
                os.close(99)
        for _ in range(3):
            self.assert_served(server)
        self.assertIn(b"pub\r\n", server.anonymous().get("NLST /"))

    def test_ready_line_names_the_address_and_the_ports(self):
        line = next(x for x in self.server.output if "ready" in x)
        self.assertRegex(line, rf"^sallyd \S+ ready: ftp://\S+:{self.server.port}/ \(passive ports 20000-20999\)$")


class PortTaken(AnonymousCase):
    def test_says_which_port_and_why(self):
        server = Server(self.conf, "taken", port=self.server.port).start(wait_ready=False)
        self.assertNotEqual(server.process.wait(harness.PATIENCE), 0)
        server.stop()
        self.assertIn(str(self.server.port), server.text())
        self.assertRegex(server.text().lower(), "in use")

    def test_alternate_port(self):
        server = Server(dict(self.conf, listen_port_alternate="2999"), "alternate", port=self.server.port)
        self.addCleanup(server.stop)
        server.start()
        self.assertIn(":2999/", server.text())
        with harness.Client("127.0.0.1", 2999) as c:
            c.login("anonymous", "x@")


class WithoutRoot(AnonymousCase):
    """run_as_launching_user, started by nobody."""
    options = {"run_as_launching_user": "YES", "connect_from_port_20": "NO"}

    @classmethod
    def start_server(cls, conf, **popen):
        server = Server(conf, cls.__name__)
        os.chown(server.dir, UID["nobody"], UID["nobody"])
        os.chown(cls.root, UID["nobody"], UID["nobody"])
        write_file(cls.root + "/file", b"0123456789", "nobody")
        return server.start(user=UID["nobody"], group=UID["nobody"], extra_groups=[])

    def test_transfers(self):
        c = self.anonymous()
        for mode in ("passive", "active"):
            self.assertEqual(c.get("RETR file", mode), b"0123456789")
            self.assertEqual(c.put("STOR up", noise(100_000), mode).code, 226)
            self.assertTrue(self.disk("up") == noise(100_000))
        self.assertIn("up", c.facts())

    def test_says_what_it_cannot_do(self):
        self.assertRegex(self.server.text(), r"(?i)root|privilege|chroot")

    def test_stays_inside(self):
        c = self.anonymous()
        for path in ("/etc/passwd", "../../etc/passwd", "/proc/self/environ"):
            c.epsv()
            c.want("RETR " + path, 550)

    def test_processes_are_confined(self):
        self.anonymous()
        for pid in harness.descendants(self.server.process.pid):
            status = harness.process_status(pid)
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), status["Name"])


class OwnRoot(WithoutRoot):
    """anon_root itself belongs to the user who started the server: no chroot takes place, so none is refused."""
    @classmethod
    def start_server(cls, conf, **popen):
        os.chown(os.path.dirname(cls.root), UID["nobody"], UID["nobody"])
        return super().start_server(conf, **popen)

    def test_its_owner_may_write_it(self):
        c = self.anonymous()
        self.assertEqual(c.put("STOR /top", b"x").code, 226)


class RootAsItself(AnonymousCase):
    """run_as_launching_user, started by root, as in containers."""
    options = {"run_as_launching_user": "YES", "local_enable": "YES", "delay_failed_login": "0"}

    @classmethod
    def prepare(cls):
        for folder in (os.path.dirname(cls.root), cls.root):
            os.chown(folder, 0, 0)
        os.chown(write_file(cls.root + "/file", b"0123456789", "nobody"), 0, 0)
        write_file(cls.root + "/private", b"x", "alice", 0o600)

    def test_files(self):
        c = self.anonymous()
        for mode in ("passive", "active"):
            self.assertEqual(c.get("RETR file", mode), b"0123456789")
            self.assertEqual(c.put("STOR up", noise(100_000), mode).code, 226)
            self.assertTrue(self.disk("up") == noise(100_000))
        self.assertEqual(os.stat(self.path("up")).st_uid, 0)
        c.want("MKD dir", 257)
        c.want("RNFR dir", 350)
        c.want("RNTO other", 250)
        c.want("RMD other", 250)
        self.assertIn("up", c.facts())
        c.want("DELE up", 250)

    def test_is_root_in_name_alone(self):
        c = self.anonymous()
        c.epsv()
        c.want("RETR private", 550)  # what is not root's own is closed to it
        os.symlink("/etc/passwd", self.path("link"))
        for path in ("link", "/etc/passwd", "../../etc/passwd", "/proc/self/environ"):
            c.epsv()
            c.want("RETR " + path, 550)
        os.unlink(self.path("link"))

    def test_processes(self):
        self.anonymous()
        told = [harness.process_status(pid) for pid in harness.descendants(self.server.process.pid)]
        self.assertEqual({s["Name"]: s["Uid"].split()[0] for s in told},
                         {"sallyd: worker": str(UID["nobody"]), "sallyd: broker": "0"})
        for s in told:
            self.assertEqual([int(s[field], 16) for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")], [0] * 5, s["Name"])
            self.assertEqual((s["NoNewPrivs"], s["Seccomp"]), ("1", "2"), s["Name"])

    def test_brokers_root(self):
        self.anonymous()
        broker = [p for p in harness.descendants(self.server.process.pid) if harness.process_status(p)["Name"] == "sallyd: broker"]
        self.assertEqual([os.readlink(f"/proc/{p}/root") for p in broker], [os.path.dirname(self.root)])

    def test_local_users_are_turned_away(self):
        for user in ("root", "alice"):
            with self.client() as c:
                c.want("USER " + user, 331)
                self.assertEqual(c.cmd("PASS " + harness.PASSWORD)[:2], (530, "Login incorrect."))

    def test_says_so(self):
        self.assertRegex(self.server.text(), "(?i)root: sessions")


class Background(AnonymousCase):
    """background=YES: who starts it learns by the exit status whether there is a server."""
    options = {"background": "YES"}

    @classmethod
    def prepare(cls):
        cls.wanted, cls.conf = cls.conf, None

    def launch(self, *before):
        server = Server(self.wanted, "background")
        server.write_conf()
        done = subprocess.run([*before, harness.SALLYD, server.file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30)
        return server, done

    @staticmethod
    def monitors(server):
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if server.file in harness.read_file(f"/proc/{name}/cmdline").decode().split("\0"):
                    found.append(int(name))
        return [pid for pid in found if int(harness.process_status(pid)["PPid"]) not in found]

    def test_ready_when_it_returns(self):
        server, done = self.launch()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("ready:", done.stdout)
        self.assert_served(server)
        monitor, = self.monitors(server)
        os.kill(monitor, signal.SIGTERM)
        self.assertTrue(wait_until(lambda: self.monitors(server) == [], 10))

    def test_fails_when_there_is_none(self):
        refuse = shutil.copy(harness.BUILT + "/tests/refuse", harness.WORK)
        server, done = self.launch(refuse, "EPERM", "openat2")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("openat2", done.stdout)
        self.assertNotIn("ready:", done.stdout)
        self.assertTrue(wait_until(lambda: self.monitors(server) == [], 10))


class PlainUser(AnonymousCase):
    def test_not_root_and_not_told_to_run_so(self):
        server = Server(self.conf, "plain")
        os.chown(server.dir, UID["nobody"], UID["nobody"])
        server.start(wait_ready=False, user=UID["nobody"], group=UID["nobody"], extra_groups=[])
        self.assertNotEqual(server.process.wait(harness.PATIENCE), 0)
        server.stop()
        self.assertTrue(re.search("root|run_as_launching_user", server.text()))

    def tearDown(self):
        make_dir(self.root)
