# SPDX-License-Identifier: BSD-2-Clause
"""Transfers that are ended at random: the client, the server's session, the network. Nothing is lost, and nothing looks whole that is not."""
import contextlib
import os
import random
import signal
import subprocess
import time

import harness
from harness import noise, read_file, write_file
from test_sally import SallyCase

SIZE = 2_000_000


class KillsCase(SallyCase):
    times = 25  # of each kind; tests/soak does it more often
    limit = 240
    options = {"anon_max_rate": 20_000_000}  # a tenth of a second each, so that there is something to end

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("SALLY_SEED", "0")) or random.randrange(1 << 30)
        self.random = random.Random(self.seed)
        self.span = self.measure()

    def measure(self):
        """Seconds that a transfer takes here and now, so that it is ended while it runs."""
        write_file(self.path("a"), noise(SIZE))
        began = time.monotonic()
        self.sally("get", self.url("a"))
        os.unlink(self.here + "/a")
        return time.monotonic() - began

    def run_and(self, words, disturb):
        child = subprocess.Popen([harness.SALLY, "--retry-delay", "0.05", "--retries", "1000", *words], cwd=self.here,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment())
        time.sleep(self.random.uniform(0, self.span))
        disturb(child)
        said = child.communicate(timeout=harness.PATIENCE)[1]
        return child.returncode, said


class ClientKilled(KillsCase):
    def test_getting(self):
        write_file(self.path("a"), noise(SIZE))
        whole = resumed = 0
        for number in range(self.times):
            with self.subTest(number=number, seed=self.seed):
                segments = self.random.choice((["-c"], ["--segments", "3"]))
                self.run_and(["get", *segments, self.url("a")], lambda child: child.kill())
                if os.path.exists(self.here + "/a"):
                    self.assertEqual(self.mine("a"), noise(SIZE))
                    os.unlink(self.here + "/a")
                    whole += 1
                elif os.path.exists(self.here + "/a.part"):
                    said = self.sally("get", "-v", "-c", self.url("a")).stderr
                    resumed += b"Resuming" in said
                    self.assertEqual(self.mine("a"), noise(SIZE))
                    os.unlink(self.here + "/a")
                self.assertFalse(os.path.exists(self.here + "/a.part") and os.path.exists(self.here + "/a"))
        with contextlib.suppress(OSError):  # a tmpfs before Linux 6.6 has no place for the mark, and then all begins anew
            os.setxattr(self.here, "user.sally.test", b"x")
            self.assertGreater(resumed, 0, f"none of {self.times} was gone on with; {whole} were whole")

    def test_putting(self):
        with open(self.here + "/a", "wb") as f:
            f.write(noise(SIZE))
        for number in range(self.times):
            with self.subTest(number=number, seed=self.seed):
                self.run_and(["put", "-c", "a", self.url()], lambda child: child.kill())
                if os.path.exists(self.path("a")):
                    self.assertEqual(self.disk("a"), noise(SIZE))
                    os.unlink(self.path("a"))
        self.sally("put", "-c", "a", self.url())
        self.assertEqual(self.disk("a"), noise(SIZE))


class ServerKilled(KillsCase):
    def cut(self, _):
        """All of it is killed, and started again."""
        server = self.server
        family = [server.process.pid, *harness.descendants(server.process.pid)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.process.wait()
        harness.wait_until(lambda: not any(map(harness.is_alive, family)))
        server._reader.join(harness.PATIENCE)
        server.process.stdout.close()
        server.start()

    def test_getting_and_putting(self):
        write_file(self.path("a"), noise(SIZE))
        with open(self.here + "/b", "wb") as f:
            f.write(noise(SIZE, 2))
        for number in range(self.times):
            with self.subTest(number=number, seed=self.seed):
                words = self.random.choice((["get", self.url("a")], ["get", "--segments", "3", self.url("a")], ["put", "b", self.url()]))
                status, said = self.run_and(words, self.cut)
                self.assertEqual(status, 0, said.decode(errors="replace"))
                if words[0] == "get":
                    self.assertEqual(self.mine("a"), noise(SIZE))
                    os.unlink(self.here + "/a")
                else:
                    self.assertEqual(self.disk("b"), noise(SIZE, 2))
                    os.unlink(self.path("b"))

    def test_mirroring(self):
        for number in range(60):
            write_file(self.path(f"m/f{number}"), noise(40_000, number))
        for number in range(max(2, self.times // 8)):
            with self.subTest(number=number, seed=self.seed):
                status, said = self.run_and(["mirror", "-P", "3", self.url("m"), f"to{number}"], self.cut)
                self.assertEqual(status, 0, said.decode(errors="replace"))
                for name in range(60):
                    self.assertEqual(read_file(f"{self.here}/to{number}/f{name}"), noise(40_000, name))
                self.assertEqual(len(os.listdir(f"{self.here}/to{number}")), 60)


class NetworkCut(KillsCase):
    """The link is down for a while, and comes again."""

    def cut(self, _):
        for state in "down", "up":
            subprocess.run(["ip", "link", "set", "lo", state], check=True)
            time.sleep(0.05)

    def test_getting_and_putting(self):
        self.addCleanup(subprocess.run, ["ip", "link", "set", "lo", "up"], check=True)
        write_file(self.path("a"), noise(SIZE))
        with open(self.here + "/b", "wb") as f:
            f.write(noise(SIZE, 2))
        for number in range(self.times // 2):
            with self.subTest(number=number, seed=self.seed):
                self.assertEqual(self.run_and(["get", self.url("a")], self.cut)[0], 0)
                self.assertEqual(self.mine("a"), noise(SIZE))
                os.unlink(self.here + "/a")
                self.assertEqual(self.run_and(["put", "b", self.url()], self.cut)[0], 0)
                self.assertEqual(self.disk("b"), noise(SIZE, 2))
                os.unlink(self.path("b"))
