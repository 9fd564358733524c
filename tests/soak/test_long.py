# SPDX-License-Identifier: BSD-2-Clause
"""What takes longer than ./run check has: the same tests as tests/scenario, with more of everything."""
import os
import time

import test_faults
import test_stress
from harness import AnonymousCase, noise, write_file

# Seconds for each kind of chaos. ./run soak --seconds sets it.
SECONDS = float(os.environ.get("SALLY_SOAK_SECONDS", "120"))


class LongStress(test_stress.Stress):
    seconds, sessions = SECONDS, 40
    limit = int(SECONDS) + 300


class Sessions5000(test_faults.ManySessions):
    count = 5000
    limit = 600


class Kills(AnonymousCase):
    """The broker of a session is killed again and again: each time the command says so or works, and the next one works."""
    limit = int(SECONDS) + 300

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/small", b"0123456789")

    def test_brokers(self):
        worker, c, end = self.server.running("nobody"), self.anonymous(), time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.server.kill("ftp")
            self.assertIn(c.cmd("SIZE small").code, (213, 451))
            self.assertEqual(c.want("SIZE small", 213).text, "10")
        self.assertEqual(self.server.running("nobody"), worker)


class LargeFile(AnonymousCase):
    limit = 600

    def test_whole_gib_up_and_down(self):
        c, block = self.anonymous(), noise(1 << 20)
        with c.data("STOR large") as data:
            for _ in range(1024):
                data.sendall(block)
        c.want(None, 226)
        with c.data("RETR large") as data:
            for _ in range(1024):
                got = bytearray()
                while len(got) < len(block):
                    part = data.recv(len(block) - len(got))
                    self.assertTrue(part, "the file ended early")
                    got += part
                self.assertTrue(got == block)
            self.assertEqual(data.recv(1), b"")
        c.want(None, 226)
        c.want("DELE large", 250)
