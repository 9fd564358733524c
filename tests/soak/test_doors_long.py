# SPDX-License-Identifier: BSD-2-Clause
"""Doors in the firewall with more of everything; the kernel's table filled by real sessions; and while the programs that administrators have
load their rules anew."""
import concurrent.futures
import contextlib
import os
import re
import resource
import signal
import subprocess
import threading
import time
import unittest

import harness
import live
import managers
import netfilter
import test_doors
import tools
from harness import wait_until
from live import World
from test_doors import TLS, DoorCase, Loader


class Killed(test_doors.KilledAtRandom):
    transfers, rounds, loaders = 1000, 20, 8
    limit = 900


class TableFull(DoorCase):
    """4,096 sessions of several addresses, each of which waits for a connection: there is no room for one more door."""
    limit = 600
    addresses = 8

    def test_there_is_no_room(self):
        most = netfilter.most_expectations()
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        with self.doors("conntrack", max_clients=0, max_per_ip=0, accept_timeout=240) as (world, _):
            sources = ["192.168.0.%d" % (100 + n) for n in range(self.addresses)]
            for source in sources:
                world.client.ip(f"address add {source}/24 dev eth0")
                world.server.ip(f"neighbour replace {source} lladdr {live.MACS['client']} dev eth0 nud permanent")

            def hold(source):
                return [(session, session.cmd("EPSV")) for session in
                        (self.session(world, source=source) for _ in range(most // self.addresses + 1))]
            with concurrent.futures.ThreadPoolExecutor(self.addresses) as pool:
                held = [entry for entries in pool.map(hold, sources) for entry in entries]
            codes = [reply.code for _, reply in held]
            self.assertEqual(codes.count(229), most)
            refused = [(session, reply) for session, reply in held if reply.code != 229]
            for session, reply in refused:
                self.assertEqual((reply.code, "firewall can't take more" in reply.text), (425, True), reply)
                begun = time.monotonic()
                session.want("EPSV", 425)
                self.assertLess(time.monotonic() - begun, 20)
            kernel = netfilter.Netfilter(world.server)
            self.addCleanup(kernel.close)
            self.assertEqual(kernel.count(netfilter.EXPECT), most)
            for session, _ in held[:10]:
                session.close()
            self.assertTrue(wait_until(lambda: kernel.count(netfilter.EXPECT) <= most - 10))
            self.assertIn(b"pub", refused[0][0].get("LIST"))
            for session, _ in held:
                session.close()
            self.assertTrue(wait_until(lambda: kernel.count(netfilter.EXPECT) == 0))


class Reloaded(DoorCase):
    """Real programs load their rules anew while files go: transfers go on, and afterwards all is as before."""
    limit = 300
    seconds = 12

    def play(self, world, reload, way="auto"):
        """Returns how many transfers there were."""
        self.content = b"y" * 70_000
        harness.write_file(self.root + "/load", self.content)
        server = harness.Server(dict(self.options, firewall=way, max_per_ip=0, **TLS), f"reloaded-{self.id().rsplit('.', 1)[1]}", port=21)
        self.servers.append(server)
        server.start(preexec_fn=world.server.enter())
        self.assertRegex(server.text(), "a door for each data connection, by way of conntrack")
        enough, reloads = threading.Event(), 0
        loaders = [Loader(self, world, n % 2, enough.is_set) for n in range(4)]
        for loader in loaders:
            loader.start()
        end = time.monotonic() + self.seconds
        try:
            while time.monotonic() < end or reloads < 3:
                reload()
                reloads += 1
                done = sum(loader.done for loader in loaders)
                self.assertTrue(wait_until(lambda d=done: sum(loader.done for loader in loaders) > d), "nothing came after it")
        finally:
            enough.set()
            for loader in loaders:
                loader.join(harness.PATIENCE)
        self.assertEqual([wrong for loader in loaders for wrong in loader.wrong], [])
        self.assertEqual([loader for loader in loaders if loader.is_alive() or not loader.done], [])
        done, broken = (sum(getattr(loader, name) for loader in loaders) for name in ("done", "broken"))
        print(f"     {reloads} reloads, {done} transfers, {broken} broken off", flush=True)
        client = self.session(world)
        port = client.epsv()
        with contextlib.suppress(OSError):  # firewalld refuses by ICMP
            self.assertFalse(client.is_open(port - 1 if port > 30000 else port + 1))
        client.close()
        self.assertTrue(wait_until(lambda: not self.expected(world)))
        self.assertEqual(server.stop(), 0, server.text())
        self.assertNotIn("sallyd-", world.server.run("nft", "list", "tables").stdout)

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.dir = os.path.join(harness.WORK, "programs")
        os.makedirs(cls.dir, exist_ok=True)
        try:
            tools.unpack()
        except (OSError, subprocess.CalledProcessError) as error:
            raise unittest.SkipTest(f"NO FIREWALLD, NO UFW TO BE HAD: {error}") from error

    # --- ufw ---

    def test_ufw(self):
        ufw = managers.Ufw(self.dir)

        def call(*words):
            world.server.run(*ufw.command(*words), env=ufw.environment())
        with World() as world:
            for words in (("allow", "21/tcp"), ("--force", "enable")):
                call(*words)
            self.play(world, lambda: call("reload"))

    # --- firewalld ---

    def begin(self, host, argv, env):
        process = host.start(*argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_firewalld(self):
        harness.need("dbus-daemon")
        firewalld = managers.Firewalld(self.dir)
        env = firewalld.environment()

        def call(*words, check=True):
            return world.server.run(*firewalld.command(*words), check=check, env=env)
        with World() as world:
            self.begin(world.server, firewalld.bus_command(), env)
            self.assertTrue(wait_until(lambda: os.path.exists(firewalld.bus)))
            daemon = self.begin(world.server, firewalld.daemon_command(), env)
            if not wait_until(lambda: daemon.poll() is not None or call("--state", check=False).returncode == 0):
                daemon.kill()
            if daemon.poll() is not None:
                raise unittest.SkipTest("FIREWALLD DOES NOT RUN HERE: " + re.sub(r"\s+", " ", daemon.stdout.read()[-400:]))
            for scope in ([], ["--permanent"]):
                call(*scope, "--zone=public", "--add-port=21/tcp")
            self.play(world, lambda: call("--reload"))
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(harness.PATIENCE)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        unittest.main()
