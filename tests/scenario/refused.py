# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of refused system calls share: a server within a filter, and what it must do or say."""
import os
import shutil

from harness import Server, ServerCase, descendants, make_dir, noise, wait_until, write_file
import harness

ERRNOS = ("EPERM", "ENOSYS")


class RefusedCase(ServerCase):
    """A server whose calls are refused works in another way, or says before "ready" which one it misses."""

    conf = None

    @classmethod
    def prepare(cls):
        make_dir(cls.root, "alice")
        write_file(cls.root + "/small", b"0123456789", "alice")
        write_file(cls.root + "/large", noise(3 << 20), "alice")
        cls.refuse = shutil.copy(harness.BUILT + "/tests/refuse", harness.WORK)
        cls.wanted = {"local_enable": "YES", "write_enable": "YES", "local_root": cls.root, "chroot_local_user": "YES",
                      "allow_writeable_chroot": "YES"}

    def start_refused(self, error, call):
        server = Server(self.wanted, f"{call}-{error}")
        self.addCleanup(server.stop)
        server.start([self.refuse, error, call, harness.SALLYD, server.file], wait_ready=False)
        wait_until(lambda: server.is_ready() or server.process.poll() is not None, 30)
        return server

    def check(self, error, call, *names):
        """names: how a refusal may call it besides call. True if the server works."""
        server = self.start_refused(error, call)
        if not server.is_ready():
            self.assertEqual(server.process.wait(10), 1, server.text())
            server.stop()
            self.assertTrue(any(name in server.text() for name in (call, *names)), server.text())
            self.assertNotIn("Sanitizer", server.text())
            self.assertNotIn("starting another", server.text())
            return False
        self.use(server)
        self.assertEqual(server.stop(), 0, server.text())
        self.assertNotIn("unexpectedly", server.text())
        return True

    def use(self, server):
        c = server.client().login("alice")
        c.want("TYPE I", 200)
        self.assertIn(b"small", c.get("LIST"))
        self.assertIn("small", c.facts())
        self.assertEqual(c.get("RETR small"), b"0123456789")
        self.assertTrue(c.get("RETR large") == noise(3 << 20))
        for size in (5, 3 << 20):
            self.assertEqual(c.put("STOR up", noise(size, 2)).code, 226)
            self.assertTrue(self.disk("up") == noise(size, 2))
        c.want("SITE CHMOD 640 up", 200)
        self.assertEqual(os.stat(self.path("up")).st_mode & 0o777, 0o640)
        c.want("MKD dir", 257)
        c.want("RNFR up", 350)
        c.want("RNTO dir/moved", 250)
        c.want("DELE dir/moved", 250)
        c.want("RMD dir", 250)
        self.check_descriptors(server)
        c.close()

    def check_descriptors(self, server):
        """No listener in a broker; in neither what the monitor alone has."""
        listeners = {line.split()[9] for table in ("tcp", "tcp6") for line in list(open("/proc/net/" + table))[1:]
                     if line.split()[3] == "0A"}
        for pid in descendants(server.process.pid):
            held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2]
            if harness.process_status(pid)["Name"] == "sallyd: broker":
                self.assertEqual([h for h in held if h.strip("socket:[]") in listeners], [])
                self.assertLessEqual(len([h for h in held if h.startswith("socket:")]), 1, held)  # its own to the worker
            self.assertEqual([h for h in held if h.endswith((".conf", "accounts.db", "/control"))], [])
