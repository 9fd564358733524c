# SPDX-License-Identifier: BSD-2-Clause
"""Rules that ufw and firewalld made, the real programs in the wall's namespace: of a snapshot each answer is definite, and the
kernel's."""
import os
import subprocess
import unittest

import harness
import managers
import test_nat
import tools
from answers_world import CLIENT, WALL_IN
from harness import need, wait_until
from wall import filter_table, sallywall, told

# Neither loads the helper for port 21: what the server asks for of the client's, and what the client asks for of the server's, is shut.
SHUT_PASSIVE = {"passive": "LIST", "epsv": "LIST", "active": None, "eprt": None}
OPEN = dict.fromkeys(SHUT_PASSIVE)
# What `iptables` runs is the other back end, for one command alone.
LEGACY = ["unshare", "-m", "sh", "-ec", 'mount --bind "$0" "$(realpath /usr/sbin/iptables)"; exec "$@"', "/usr/sbin/xtables-legacy-multi"]


class Managed(test_nat.Through):
    @classmethod
    def setUpClass(cls):
        try:
            tools.unpack()
        except (OSError, subprocess.CalledProcessError) as error:
            raise unittest.SkipTest(f"NO FIREWALLD, NO UFW TO BE HAD: {error}") from error
        super().setUpClass()

    def setUp(self):
        with self.world.at("wall"):
            super().setUp()
            self.shell("nft flush ruleset")

    def tearDown(self):
        self.setUp()

    def run_at_wall(self, argv, env, check=True):
        with self.world.at("wall"):
            done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=harness.PATIENCE)
        self.assertFalse(check and done.returncode, (argv, done.stdout, done.stderr))
        return done

    def begin_at_wall(self, argv, env):
        with self.world.at("wall"), open(os.path.join(self.dir, os.path.basename(argv[0]) + ".log"), "w", encoding="utf-8") as log:
            process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def became(self):
        words = ["--client", CLIENT[4], "--server", WALL_IN[4], "--at", "server"]
        return self.compare_now(words, test_nat.Case(4, "server", (CLIENT[4], WALL_IN[4])))

    def offered(self, program):
        """[the commands of each fix that is by the manager's own alone]; and it is said who manages the rules."""
        with self.world.at("wall"):
            said = told("explain", self.file(sallywall("snapshot", status=0).stdout, "before"), "--ftp", "epsv", "--client", CLIENT[4], "--server",
                        WALL_IN[4], "--at", "server", "--pasv-ports", "10090:10090", status=1)
        self.assertIn("may be gone when it makes them anew", " ".join(said["notes"]))
        return [fix["commands"] for fix in said["fixes"] if all(command.startswith(program + " ") for command in fix["commands"])]

    def test_ufw_that_is_asked_too_late(self):
        """What drops before ufw's users' chain is asked is not undone by a command of ufw's."""
        rules = filter_table(":ufw-user-input - [0:0]", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -p tcp --dport 9000:11000 -j DROP", "-A INPUT -j ufw-user-input",
                             "-A ufw-user-input -p tcp --dport 21 -j ACCEPT", "-A INPUT -j DROP")
        said = told("explain", "-", "--ftp", "epsv", "--client", CLIENT[4], "--server", WALL_IN[4], "--at", "server", "--pasv-ports", "10090:10090",
                    input=rules, status=1)
        self.assertTrue(said["fixes"])
        self.assertEqual([command for fix in said["fixes"] for command in fix["commands"] if command.startswith("ufw")], [])

    def play_ufw(self, before):
        ufw = managers.Ufw(os.path.join(self.dir, self.id().rsplit(".", 1)[1]))
        for words in (("allow", "21/tcp"), ("--force", "enable")):
            self.run_at_wall([*before, *ufw.command(*words)], ufw.environment())
        self.assertEqual(self.became(), SHUT_PASSIVE)
        self.run_at_wall([*before, *ufw.command("deny", "10000:10099/tcp")], ufw.environment())
        (commands,) = self.offered("ufw")
        for command in commands:
            self.run_at_wall([*before, *ufw.command(*command.split()[1:])], ufw.environment())
        self.assertEqual(self.became(), OPEN)

    def test_ufw(self):
        self.play_ufw([])

    def test_ufw_legacy(self):
        self.play_ufw(LEGACY)
        with self.world.at("wall"):
            self.assertIn("ufw-user-input", subprocess.run(["iptables-legacy-save"], capture_output=True, text=True, check=True).stdout)

    def play_firewalld(self, back_end):
        need("dbus-daemon")
        firewalld = managers.Firewalld(os.path.join(self.dir, back_end), back_end)
        env = firewalld.environment()

        def call(*words, check=True):
            return self.run_at_wall(firewalld.command(*words), env, check)
        self.begin_at_wall(firewalld.bus_command(), env)
        self.assertTrue(wait_until(lambda: os.path.exists(firewalld.bus)))
        daemon = self.begin_at_wall(firewalld.daemon_command(), env)
        self.assertTrue(wait_until(lambda: daemon.poll() is None and call("--state", check=False).returncode == 0))
        call("--zone=public", "--add-port=21/tcp")
        call("--zone=internal", "--add-source=203.0.113.0/24")  # somebody else's zone
        self.assertEqual(self.became(), SHUT_PASSIVE)
        ((now, for_good),) = (map(str.split, commands) for commands in self.offered("firewall-cmd"))
        call(*now[1:])
        self.assertEqual(self.became(), OPEN)
        call(*for_good[1:])
        call("--reload")  # what is not for good is gone
        call("--zone=public", "--add-port=21/tcp")
        self.assertEqual(self.became(), OPEN)

    def test_firewalld(self):
        self.play_firewalld("nftables")

    def test_firewalld_by_iptables(self):
        self.play_firewalld("iptables")


if __name__ == "__main__":
    unittest.main()
