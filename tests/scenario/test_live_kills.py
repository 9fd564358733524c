# SPDX-License-Identifier: BSD-2-Clause
"""A command of the live wall that is killed leaves the wall of before or the wall of after, and packets notice nothing."""
import os
import random
import signal
import subprocess
import time

import harness
import live
from live import Knock, LiveCase, Probe, closed_rules

SEED = int(os.environ.get("SALLY_SEED", "1"))
LATEST = 1.15  # of a command's usual time: some are killed when they have ended


class KillCase(LiveCase):
    count = 20  # kills; tests/soak has more
    limit = 240

    def setUp(self):
        self.random = random.Random(f"{SEED} {self.id()}")
        self.usual = {}

    @staticmethod
    def kind(words):
        return " ".join(words[:2]) if words[0] == "iptables" else words[0]

    def start(self, host, words, text):
        path = os.path.join(harness.WORK, self.id())
        with open(path, "w") as f:
            f.write(text or "")
        with open(path) as f:
            return host.start(harness.SALLYWALL, *words, stdin=f, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self, host, *words, input=None):
        """Starts a command and kills it at an instant that the seed chooses. False: it had ended."""
        process = self.start(host, words, input)
        time.sleep(self.random.random() * LATEST * self.usual[self.kind(words)])
        process.kill()
        return process.wait() == -signal.SIGKILL

    def take_time(self, host, *words, input=None):
        """Runs it whole, and remembers how long that takes."""
        process = self.start(host, words, input)
        begin = time.monotonic()
        self.assertEqual(process.wait(), 0, words)
        took = time.monotonic() - begin
        self.usual[self.kind(words)] = min(took, self.usual.get(self.kind(words), took))


def marked(number):
    """A set of rules that says which it is."""
    return closed_rules(f"-A INPUT -p udp -m udp --dport {3000 + number} -j DROP")


def listed(text):
    """What iptables -S says of such a set."""
    policies = ["-P " + line[1:].split(" [")[0] for line in text.splitlines() if line.startswith(":")]
    return [*policies, *(line for line in text.splitlines() if line.startswith("-A"))]


class KilledChanges(KillCase):
    def draw(self, number, old):
        """A command that changes rules, its input, and the rules that the whole of it leaves."""
        rule = f"-p udp -m udp --dport {4000 + number} -j DROP"
        first = next(i for i, line in enumerate(old) if line.startswith("-A INPUT"))
        last = len(old) - 1 - first
        return self.random.choice([
            (("iptables", *f"-A INPUT {rule}".split()), None, old + ["-A INPUT " + rule]),
            (("iptables", *f"-I INPUT {last} {rule}".split()), None, old[:first + last - 1] + ["-A INPUT " + rule] + old[first + last - 1:]),
            (("iptables", "-R", "INPUT", str(last + 1), *rule.split()), None, old[:-1] + ["-A INPUT " + rule]),
            (("iptables-restore",), marked(number), listed(marked(number)))])

    def test_rules_are_the_old_or_the_new_ones(self):
        world = self.world()
        world.up(ipv4=marked(0), ipv6=marked(0))
        for _ in range(12):
            words, text, _ = self.draw(0, world.saved())
            self.take_time(world.wall, *words, input=text)
        killed, became = 0, {"old": 0, "new": 0}
        old = world.saved()
        with Probe(world) as probe:
            for number in range(1, self.count + 1):
                words, text, new = self.draw(number, old)
                killed += self.kill(world.wall, *words, input=text)
                now = world.saved()
                self.assertIn(now, (old, new), f"kill {number} of seed {SEED}: {words}")
                became["old" if now == old else "new"] += 1
                old = now
            told = probe.end()
        self.quiet_probe(told, world)
        self.assertGreater(killed, self.count // 5, became)
        world.wall.sallywall("iptables", "-F")  # nothing is left locked


class KilledUpAndDown(KillCase):
    """Forbidden packets pass all or none: there is no wall, or the whole."""

    def whole(self, world, knock, text):
        """Does a wall stand, the whole of it? None of it does where none does."""
        forbidden, allowed = knock.tried()
        self.assertEqual(allowed, 10)
        stands = world.stands()
        self.assertEqual(forbidden, 0 if stands else 10, f"seed {SEED}")
        if stands:
            self.assertEqual(world.saved(), listed(text))
        return stands

    def test_all_of_it_or_none(self):
        world = self.world()
        knock, text = Knock(world), marked(1)
        self.addCleanup(knock.close)
        path = os.path.join(harness.WORK, "up.rules")
        with open(path, "w") as f:
            f.write(text)
        self.take_time(world.wall, "up", "--rules", path)
        self.take_time(world.wall, "down")
        stood = {True: 0, False: 0}
        for _ in range(self.count // 2):
            self.kill(world.wall, "up", "--rules", path)
            stands = self.whole(world, knock, text)
            stood[stands] += 1
            if not stands:
                world.wall.sallywall("up", "--rules", path)
                self.assertTrue(self.whole(world, knock, text))
            self.kill(world.wall, "down")
            if self.whole(world, knock, text):
                world.wall.sallywall("down")
                self.assertFalse(self.whole(world, knock, text))
        world.wall.sallywall("down", status=None)  # what the last one that was killed left, if it did
        self.assertEqual(live.pins_left(), [])


if __name__ == "__main__":
    import unittest
    unittest.main()
