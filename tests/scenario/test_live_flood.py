# SPDX-License-Identifier: BSD-2-Clause
"""A flood of connections that nobody answers costs no established session, and new ones still get in; nf_conntrack with the
same rules and a table of the same size beside it."""
import contextlib
import json
import os
import subprocess

import harness
import live
from harness import Client
from live import ALLOWED, closed_rules
from test_live_truth import TruthCase

RATE = 200_000  # packets a second, if the processor can


class Kernel:
    """The kernel's conntrack and iptables-legacy in our place."""
    name = "nf_conntrack"

    def load(self, world, text):
        text += "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
        world.wall.run("iptables-legacy-restore", input=text)


class Ours:
    name = "sallywall"

    def load(self, world, text):
        world.up(ipv4=text)


class Session:
    """An FTP session that somebody uses all the time."""

    def __init__(self, world, content):
        self.world, self.content, self.rounds, self.broke = world, content, 0, None
        with world.client.at():
            self.client = Client(world.address, 21, timeout=20)
            self.client.login()
            self.client.want("CWD /pub", 250)
            self.client.want("TYPE I", 200)

    def use(self):
        """A command, and a transfer by a port that only the helper opens."""
        try:
            with self.world.client.at():
                self.client.want("NOOP", 200)
                if self.client.get("RETR report.txt") != self.content:
                    raise AssertionError("other bytes came")
            self.rounds += 1
        except (OSError, EOFError, AssertionError) as error:
            self.broke = f"after {self.rounds} rounds: {type(error).__name__}: {error}"
        return self.broke is None

    def close(self):
        with contextlib.suppress(OSError):
            self.client.close()


class FloodCase(TruthCase):
    seconds = 3.0
    sessions = 4
    limit = 180
    alone = True  # a flood takes the room of others' packets, before any hook

    def flood(self, world, *options, port):
        argv = [os.path.join(harness.BUILT, "bench", "wallload"), "flood", "--interface", "eth0", "--mac", live.MACS["outer"], "--from",
                live.CLIENT, "--to", world.address, "--port", str(port), "--random", "--frames", str(1 << 19), "--rate", str(RATE),
                "--seconds", str(self.seconds), *options]
        return world.client.start(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def under_flood(self, side, *options, port):
        """What became of sessions: {lost, refused: how many new ones did not get in, new, sent}."""
        world = self.world()
        side.load(world, closed_rules())
        world.wall.ip("route add 10.0.0.0/8 via " + live.CLIENT)  # where the flood says that it comes from
        self.serve(world, 7)
        self.addCleanup(self.servers[-1].stop)
        held = [Session(world, b"x" * 1400) for _ in range(self.sessions)]
        flood = self.flood(world, *options, port=port)
        refused, new = [], 0
        while flood.poll() is None:
            for session in held:
                if not session.broke:
                    session.use()
            try:
                fresh = Session(world, b"x" * 1400)
                if not fresh.use():
                    refused.append(fresh.broke)
                fresh.close()
            except (OSError, EOFError, AssertionError) as error:
                refused.append(f"{type(error).__name__}: {error}")
            new += 1
        sent = json.loads(flood.communicate()[0])["sent"]
        lost = [s.broke for s in held if s.broke or not s.use()]
        for session in held:
            session.close()
        return {"lost": lost, "refused": refused, "new": new, "rounds": sum(s.rounds for s in held), "sent": sent}

    def compare(self, *options, port):
        ours, kernel = (self.under_flood(side, *options, port=port) for side in (Ours(), Kernel()))
        for name, found in (("sallywall", ours), ("nf_conntrack", kernel)):
            print(f"     | {name}: {found['sent']:,} packets; of {self.sessions} sessions {len(found['lost'])} lost, "
                  f"{found['rounds']} rounds of theirs; of {found['new']} new ones {len(found['refused'])} did not get in", flush=True)
        self.assertEqual(ours["lost"], [])
        self.assertEqual(ours["refused"], [])
        self.assertGreater(ours["new"], 0)


class Floods(FloodCase):
    def test_syns(self):
        self.compare("--syn", port=21)

    def test_udp(self):
        self.compare(port=ALLOWED)


class HalfOpen(TruthCase):
    """More SYNs to the helper's port than it can listen to connections take nothing from who comes after them."""
    limit = 120

    def test_the_helper_hears_who_speaks(self):
        world = self.world()
        world.up(ipv4=closed_rules())
        world.wall.ip("route add 10.0.0.0/8 via " + live.CLIENT)
        self.serve(world, 7)
        self.addCleanup(self.servers[-1].stop)
        argv = [os.path.join(harness.BUILT, "bench", "wallload"), "flood", "--interface", "eth0", "--mac", live.MACS["outer"], "--from",
                live.CLIENT, "--to", world.address, "--port", "21", "--syn", "--random", "--frames", "6000", "--count", "6000"]
        world.client.run(*argv)
        session = Session(world, b"x" * 1400)
        self.addCleanup(session.close)
        self.assertTrue(session.use(), session.broke)


if __name__ == "__main__":
    import unittest
    unittest.main()
