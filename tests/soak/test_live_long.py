# SPDX-License-Identifier: BSD-2-Clause
"""The live wall for longer: 1,000 kills of each kind, and floods of a minute."""
import os
import subprocess
import time

import test_live_flood
import test_live_kills
import test_live_truth
from harness import Client, make_dir
from live import closed_rules


class KilledChanges1000(test_live_kills.KilledChanges):
    count = 1000
    limit = 1200


class KilledUpAndDown1000(test_live_kills.KilledUpAndDown):
    count = 1000
    limit = 1800


class Floods60(test_live_flood.Floods):
    seconds = 60.0
    limit = 420


class AllRowsUnderTls(test_live_truth.LiveTruthUnderTls):
    rows = tuple(row for row in test_live_truth.ROWS if row)


class SeedsFile(test_live_flood.TruthCase):
    """The file that people had when all this began, up and down through the wall and its helper, and without a wall. The numbers are
    told, and not judged: what else the machine does is not known here."""
    limit = 600
    size = 3_972_005_888
    options = {"anon_max_rate": "0"}

    @classmethod
    def prepare(cls):
        super().prepare()
        large = make_dir(cls.root + "/large", "ftp")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10g,mode=777", "large", large], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", large], check=False)
        with open(large + "/down", "wb") as f:
            f.truncate(cls.size)
        os.chmod(large + "/down", 0o644)

    def rates(self, world):
        """MB a second, down and up."""
        block = bytes(1 << 20)
        with world.client.at():
            client = Client(world.address, 21, timeout=120).login()
            self.addCleanup(client.close)
            client.want("TYPE I", 200)
            begin = time.monotonic()
            with client.data("RETR /pub/large/down") as data:
                got = 0
                while part := data.recv(1 << 20):
                    got += len(part)
            client.want(None, 226)
            down = self.size / (time.monotonic() - begin) / 1e6
            self.assertEqual(got, self.size)
            begin = time.monotonic()
            with client.data("STOR /pub/large/up") as data:
                for _ in range(self.size // len(block)):
                    data.sendall(block)
                data.sendall(block[:self.size % len(block)])
            client.want(None, 226)
            up = self.size / (time.monotonic() - begin) / 1e6
        self.assertEqual(os.stat(self.root + "/large/up").st_size, self.size)
        os.unlink(self.root + "/large/up")
        return down, up

    def test_up_and_down(self):
        world = self.world()
        self.serve(world, 7)
        self.addCleanup(self.servers[-1].stop)
        found = {}
        for name in ("none", "wall"):
            if name == "wall":
                world.up(ipv4=closed_rules())
            found[name] = self.rates(world)
            print(f"     | {name}: {found[name][0]:,.0f} MB/s down, {found[name][1]:,.0f} MB/s up", flush=True)
        print("     | wall of none: %.2f down, %.2f up" % tuple(w / n for w, n in zip(found["wall"], found["none"])), flush=True)
