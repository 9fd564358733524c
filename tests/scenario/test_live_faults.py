# SPDX-License-Identifier: BSD-2-Clause
"""What may go wrong around a live wall: what stood still stands, and what is said is true."""
import json
import os
import shutil
import signal
import subprocess

import harness
import live
from harness import wait_until
from live import Knock, LiveCase, Probe, closed_rules, hook_in_the_way

NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT = 1, 2, 3
PF_INET, PF_INET6 = 2, 10
OUR_PRIORITY = -1


class Faults(LiveCase):
    limit = 120

    def knock(self, world, seconds=5):
        knock = Knock(world, seconds)
        self.addCleanup(knock.close)
        return knock

    def standing(self, place="server"):
        world = self.world(place)
        world.up(ipv4=closed_rules(chain=world.chain))
        knock = self.knock(world)
        self.assertEqual(knock.tried(), (0, 10))
        return world, knock

    def test_a_second_up_changes_nothing(self):
        world, knock = self.standing()
        before = world.saved()
        with Probe(world) as probe:
            done = world.wall.sallywall("up", status=(1, 2, 3, 4))
            self.quiet_probe(probe.end(), world)
        self.assertRegex(done.stderr, "is up .*already")
        self.assertEqual(world.saved(), before)
        self.assertEqual(knock.tried(), (0, 10))

    def test_down_twice_and_commands_without_a_wall(self):
        world, knock = self.standing()
        world.wall.sallywall("down")
        self.assertEqual(knock.tried(), (10, 10))
        self.assertEqual(live.pins_left(), [])
        for words in (("down",), ("iptables", "-S"), ("iptables", "-A", "INPUT", "-j", "DROP"), ("iptables-save",)):
            with self.subTest(words=words):
                done = world.wall.sallywall(*words, status=(1, 2, 3, 4))
                self.assertRegex(done.stderr, r"no wall|up")
        self.assertEqual(knock.tried(), (10, 10))

    def test_who_does_not_see_all_processes_takes_no_wall_for_a_husk(self):
        """As all scenarios are in a PID namespace of their own; tests/husks.py is not."""
        world = live.World()
        world.up(ipv4=closed_rules())
        for host in {world.client, world.wall}:
            host.close()
        husk = live.pins_left()
        self.assertEqual(len(husk), 1)
        other, _ = self.standing()
        other.wall.sallywall("down")
        self.assertEqual(live.pins_left(), husk)
        shutil.rmtree(os.path.join(live.PINS, husk[0]))

    def test_a_wall_of_another_version_is_left_as_it_is(self):
        world, knock = self.standing()
        live.pinned_state(lambda state: state[:16] + b"\xff" + state[17:])  # struct bpf_state: layout
        for words in (("iptables", "-S"), ("iptables", "-A", "INPUT", "-j", "DROP"), ("up",), ("status",)):
            with self.subTest(words=words):
                done = world.wall.sallywall(*words, status=(1, 2, 3, 4))
                self.assertIn("another version of sallywall", done.stderr)
        self.assertEqual(knock.tried(), (0, 10))
        world.wall.sallywall("down")
        self.assertEqual(knock.tried(), (10, 10))

    def test_put_up_by_ip_netns_exec(self):
        """Which mounts a /sys of its own, with a bpffs that is gone when it ends."""
        world = self.world()
        name = "sally-live"
        os.makedirs("/run/netns", exist_ok=True)
        subprocess.run(["ip", "netns", "attach", name, str(self.holder(world.wall))], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", name], check=False)
        path = os.path.join(harness.WORK, "exec.rules")
        with open(path, "w") as f:
            f.write(closed_rules())
        subprocess.run(["ip", "netns", "exec", name, harness.SALLYWALL, "up", "--rules", path], check=True, capture_output=True)
        self.assertEqual(self.knock(world).tried(), (0, 10))
        done = subprocess.run(["ip", "netns", "exec", name, harness.SALLYWALL, "iptables", "-S"], capture_output=True, text=True)
        self.assertIn(f"--dport {live.FORBIDDEN} -j DROP", done.stdout, done.stderr)

    def holder(self, host):
        process = host.start("sleep", "600")
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGKILL)
        return process.pid

    def test_somebody_else_has_our_priority(self):
        """At any of our hooks: up says so, and attaches nothing."""
        for family, hook in ((PF_INET, NF_INET_LOCAL_IN), (PF_INET6, NF_INET_LOCAL_OUT), (PF_INET, NF_INET_FORWARD)):
            with self.subTest(family=family, hook=hook), live.World() as world:
                link = hook_in_the_way(world.wall, family, hook, OUR_PRIORITY)
                done = world.wall.sallywall("up", status=(1, 2, 3, 4))
                self.assertRegex(done.stderr, r"priority")
                self.assertFalse(world.stands())
                self.assertEqual(self.knock(world).tried(), (10, 10))
                self.assertEqual(live.pins_left(), [])  # which the others' walls are gone from by now, too
                os.close(link)
                self.assertTrue(wait_until(lambda: world.wall.sallywall("up", status=None).returncode == 0, 5, 0.3))

    def test_the_bpffs_is_unmounted(self):
        """Pins are what keeps a wall up: so it is gone then. That is said, and another one can be put up."""
        world, knock = self.standing()
        subprocess.run(["umount", "-l", live.PINS], check=True)
        self.assertTrue(wait_until(lambda: knock.tried(2) == (2, 2), 10))
        self.assertNotEqual(world.wall.sallywall("status", status=None).returncode, 0)
        self.assertNotEqual(world.wall.sallywall("iptables", "-S", status=None).returncode, 0)
        world.up(ipv4=closed_rules())
        self.assertEqual(knock.tried(), (0, 10))

    def test_a_wall_that_is_not_seen_is_unknown(self):
        """Where walls are kept is hidden, or how that is found; elsewhere no wall is one that was looked for."""
        world, knock = self.standing()
        alone = live.Host()
        self.addCleanup(alone.close)
        hidden = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", 'mount -t proc proc /proc; mount -t tmpfs no /run; exec "$@"', "-"]
        no_proc = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs no /proc/1; exec "$@"', "-"]
        for how, cause in ((hidden, "not seen in /run/sallywall"), (no_proc, "/proc, .* can't be read")):
            for words, status in ((("status",), 3), (("iptables", "-S"), 4), (("iptables-save",), 4), (("down",), 2)):
                with self.subTest(cause=cause, words=words):
                    done = world.wall.run(*how, harness.SALLYWALL, *words, check=False)
                    self.assertEqual(done.returncode, status, done.stderr)
                    self.assertRegex(done.stdout + done.stderr, cause)
            done = world.wall.run(*how, harness.SALLYWALL, "status", "--json", check=False)
            self.assertEqual((done.returncode, json.loads(done.stdout)["up"]), (3, None))
        self.assertIn("no wall is up", alone.sallywall("status", status=1).stdout)
        world.wall.sallywall("down")
        done = world.wall.run(*hidden, harness.SALLYWALL, "status", check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(knock.tried(), (10, 10))

    def test_pins_that_somebody_removed(self):
        """The wall judges on, or drops everything where its program is gone with the pin; nobody says that it lets all pass, and
        down takes all of it away."""
        for name, passes in (("slots", (0, 0)), ("image", (0, 10)), ("gate", (0, 10)), ("state", (0, 10))):
            before = set(live.pins_left())
            with self.subTest(name=name), live.World() as world:
                world.up(ipv4=closed_rules())
                folder, = set(live.pins_left()) - before
                os.unlink(os.path.join(live.PINS, folder, name))
                knock = self.knock(world, 1.0)
                self.assertEqual(knock.tried(), passes)
                for words in (("status",), ("iptables", "-S"), ("iptables", "-A", "INPUT", "-j", "ACCEPT"), ("up",)):
                    done = world.wall.sallywall(*words, status=None)
                    self.assertNotIn("everything pass", done.stdout + done.stderr, words)
                self.assertEqual(knock.tried(), passes)
                world.wall.sallywall("down")
                self.assertEqual(knock.tried(), (10, 10))

    def test_the_kernel_refuses(self):
        """bpf(2) or mount(2) fail, whatever for: no wall, or the one of before, and words about it."""
        refuse = os.path.join(harness.BUILT, "tests", "refuse")
        for error, call in (("EPERM", "bpf"), ("ENOSYS", "bpf"), ("EPERM", "mount"), ("EPERM", "setns")):
            with self.subTest(error=error, call=call), live.World() as world:
                done = world.wall.run(refuse, error, call, harness.SALLYWALL, "up", check=False)
                if done.returncode:  # where that call wasn't needed it goes without it
                    self.assertIn("sallywall up: ", done.stderr)
                    self.assertFalse(world.stands())
                    self.assertEqual(self.knock(world).tried(2), (2, 2))
                    world.up(ipv4=closed_rules())
                before = world.saved()
                done = world.wall.run(refuse, error, call, harness.SALLYWALL, "iptables", "-A", "INPUT", "-j", "ACCEPT", check=False)
                self.assertEqual(world.saved(), before + ["-A INPUT -j ACCEPT"] * (done.returncode == 0))
                self.assertTrue(done.returncode == 0 or "iptables: " in done.stderr)

    def test_rules_that_are_refused_leave_those_that_stand(self):
        world, knock = self.standing()
        before = world.saved()
        with Probe(world) as probe:
            for text in ("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p nonsense -j DROP\nCOMMIT\n", "*filter\n-A NOWHERE -j DROP\nCOMMIT\n",
                         "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j NOSUCH\nCOMMIT\n", "*filter\n:INPUT ACCEPT [0:0]\n"):
                with self.subTest(text=text):
                    done = world.wall.sallywall("iptables-restore", input=text, status=(0, 1, 2, 3, 4))
                    after = world.saved()
                    self.assertTrue(done.returncode or text.count("COMMIT") == 0, text)
                    self.assertEqual(after, before)
            self.quiet_probe(probe.end(), world)
        self.assertEqual(knock.tried(), (0, 10))

    def test_two_at_once_lose_nothing(self):
        world, _ = self.standing()
        commands = [world.wall.start(harness.SALLYWALL, "iptables", "-w", "-A", "INPUT", "-p", "tcp", "--dport", str(5000 + n), "-j",
                                     "DROP", stderr=subprocess.PIPE, text=True) for n in range(12)]
        for process in commands:
            self.assertEqual(process.wait(60), 0, process.stderr.read())
            process.stderr.close()
        rules = world.wall.sallywall("iptables", "-S", "INPUT").stdout
        self.assertEqual([n for n in range(12) if f"--dport {5000 + n} " not in rules], [])

    def test_a_gateway_judges_what_passes_and_not_what_it_says_itself(self):
        world, knock = self.standing("gateway")
        self.assertEqual(knock.tried(), (0, 10))


if __name__ == "__main__":
    import unittest
    unittest.main()
