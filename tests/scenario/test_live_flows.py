# SPDX-License-Identifier: BSD-2-Clause
"""What the wall knows of connections: `sallywall conntrack` and `expect` beside the kernel's own conntrack(8), which sees the same
packets in the same namespace; and what goes by itself."""
import re
import signal
import socket
import subprocess
import time

import harness
import live
from harness import need, wait_until

COUNTING = "*filter\n-A INPUT -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n"  # for this the kernel tracks


class BesideConntrack(live.LiveCase):
    """Every line that one prints the other does, too."""

    def setUp(self):
        super().setUp()
        need("conntrack", "iptables-legacy-restore", "ping")
        harness.need_netfilter()
        self.net = self.world()
        self.host = self.net.wall
        for program in ("iptables-legacy-restore", "ip6tables-legacy-restore"):
            self.host.run(program, input=COUNTING)
        self.host.run("sysctl", "-q", "net.netfilter.nf_conntrack_acct=1")
        self.net.up("--helper", "none")
        with self.host.at():
            self.talk()

    def talk(self):
        """Connections of each kind, which stay open until the test ends."""
        listener = self.keep(socket.create_server(("127.0.0.1", 4242)))
        client = self.keep(socket.create_connection(("127.0.0.1", 4242)))
        server = self.keep(listener.accept()[0])
        client.sendall(b"hello")
        server.recv(9)
        server.sendall(b"good day")
        client.recv(9)
        self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).sendto(b"x", ("127.0.0.1", 53))
        self.keep(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)).sendto(b"x", ("::1", 53))
        for address in ("127.0.0.1", "::1"):
            subprocess.run(["ping", "-c", "1", "-W", "2", address], stdout=subprocess.DEVNULL, check=True)

    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def both(self, *words, status=0):
        """What both print, without what passes between two calls: seconds."""
        ours = self.host.sallywall("conntrack", *words, status=status)
        theirs = self.host.run("conntrack", *words, check=False)
        self.assertEqual(theirs.returncode, ours.returncode, words)
        lines = [sorted(re.sub(r"^((?:ipv\d +\d+ )?\w+ +\d+) \d+ ", r"\1 T ", line) for line in done.stdout.splitlines())
                 for done in (ours, theirs)]
        self.assertEqual(lines[0], lines[1], words)
        return lines[0]

    def test_lists_are_the_same(self):
        self.assertEqual(len(self.both("-L")), 5)
        for words in ("-L -f ipv4", "-L -f ipv6", "-L -o extended", "-L -p tcp", "-L -p 17", "-L -u ASSURED", "-L -u SEEN_REPLY",
                      "-L -m 0", "-L -m 1/1", "-L -s 127.0.0.0/8", "-L -d ::1", "-L -r 127.0.0.1", "-L -q ::1",
                      "-L -p tcp --dport 4242", "-L -p tcp --sport 4242", "-L -p tcp --reply-port-src 4242",
                      "-L -p tcp --state ESTABLISHED", "-L -p tcp --state TIME_WAIT", "-L -p icmp --icmp-type 8",
                      "-C", "-L expect", "-C expect"):
            with self.subTest(words=words):
                self.both(*words.split())

    def test_what_is_deleted_is_gone_from_both(self):
        self.assertEqual(len(self.both("-D", "-p", "udp")), 2)
        self.both("-D", "-p", "udp", status=1)
        self.assertEqual(len(self.both("-L")), 3)
        self.both("-F")
        self.assertEqual(self.both("-L"), [])

    def test_both_tell_the_same_events(self):
        self.both("-F")
        watchers = [self.host.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                    for argv in ((harness.SALLYWALL, "conntrack", "-E"), ("conntrack", "-E"))]
        time.sleep(1)  # conntrack does not say when it listens
        with self.host.at():
            with socket.create_server(("127.0.0.1", 4343)) as listener, socket.create_connection(("127.0.0.1", 4343)), \
                    listener.accept()[0]:
                pass
        self.both("-D", "-p", "tcp", "--dport", "4343")
        time.sleep(0.5)
        told = []
        for watcher in watchers:
            watcher.send_signal(signal.SIGINT)
            out, error = watcher.communicate(timeout=harness.PATIENCE)
            self.assertEqual(watcher.returncode, 0, error)
            self.assertIn("flow events have been shown", error)
            lines = [line for line in out.splitlines() if "dport=4343" in line]
            told.append([re.sub(r" (?:\[USERSPACE\].*|\d+(?= [A-Z]))", "", line) for line in lines])
        self.assertEqual(told[0], told[1])
        self.assertRegex(told[0][0], r"^ +\[NEW\] tcp .* SYN_SENT ")
        self.assertRegex(told[0][-1], r"^\[DESTROY\] tcp ")

    def test_one_listens_at_a_time(self):
        first = self.host.start(harness.SALLYWALL, "conntrack", "-E", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            self.assertTrue(wait_until(lambda: "another sallywall conntrack -E listens" in self.second_listener()))
        finally:
            first.send_signal(signal.SIGINT)
            first.communicate(timeout=harness.PATIENCE)
        self.assertEqual(first.returncode, 0)

    def second_listener(self):
        done = self.host.run("timeout", "1", harness.SALLYWALL, "conntrack", "-E", check=False)
        return done.stderr

    def test_mistakes_are_told(self):
        for words, said in (("", "one of -L, -D, -F, -C and -E"), ("-L -D", "only one"), ("-L nosuch", "no table \"nosuch\""),
                            ("-L -p nosuch", "expected tcp"), ("-L -s nosuch", "expected an address"),
                            ("-L -s 127.0.0.1 -d ::1", "expected an address of the family"), ("-L -u NOSUCH", "expected ASSURED"),
                            ("-L --state NOSUCH", "expected a state of TCP"), ("-L -m x", "expected MARK"),
                            ("-I -p tcp", "unknown option")):
            with self.subTest(words=words):
                self.assertIn(said, self.host.sallywall("conntrack", *words.split(), status=2).stderr)


class Expectations(live.LiveCase):
    """What FTP sessions have announced, as conntrack(8) prints it."""

    def setUp(self):
        super().setUp()
        self.net = self.world()
        self.host = self.net.wall
        self.net.up()

    def announce(self):
        """A client and a server of which nothing is known but what they say."""
        with self.host.at():
            listener = socket.create_server(("127.0.0.1", 21))
            client = socket.create_connection(("127.0.0.1", 21))
            server = listener.accept()[0]
            for thing in (listener, client, server):
                self.addCleanup(thing.close)
            server.sendall(b"220 ready\r\n")
            client.recv(99)
            client.sendall(b"PASV\r\n")
            server.recv(99)
            server.sendall(b"227 Entering Passive Mode (127,0,0,1,160,0)\r\n")
            client.recv(99)
        self.control = client, server
        return client.getsockname()[1]

    def test_expectations_are_listed_counted_and_deleted(self):
        port = self.announce()
        line = self.host.sallywall("expect", "-L").stdout
        self.assertRegex(line, r"^\d+ proto=6 src=127\.0\.0\.1 dst=127\.0\.0\.1 sport=0 dport=40960 mask-src=255\.255\.255\.255 "
                               r"mask-dst=255\.255\.255\.255 sport=0 dport=65535 master-src=127\.0\.0\.1 master-dst=127\.0\.0\.1 "
                               rf"sport={port} dport=21 class=0 helper=ftp\n$")
        self.assertEqual(self.host.sallywall("conntrack", "-L", "expect").stdout.split(maxsplit=1)[1], line.split(maxsplit=1)[1])
        self.assertEqual(self.host.sallywall("expect", "-C").stdout, "1\n")
        self.assertIn("helper=ftp", self.host.sallywall("conntrack", "-L", "--dport", "21").stdout)
        self.host.sallywall("expect", "-D", "--dport", "40961", status=1)
        self.assertIn("dport=40960", self.host.sallywall("expect", "-D", "--dport", "40960").stdout)
        self.assertEqual(self.host.sallywall("expect", "-C").stdout, "0\n")

    def test_both_tell_the_same_events(self):
        """As conntrack(8) does of the kernel's own helper: announced anew, used, deleted, ended with its control connection."""
        need("conntrack", "iptables-legacy-restore")
        harness.need_netfilter()
        self.host.run("iptables-legacy-restore", input="*raw\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n"
                      "-A OUTPUT -p tcp --dport 21 -j CT --helper ftp\nCOMMIT\n" + COUNTING)
        watchers = [self.host.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                    for argv in ((harness.SALLYWALL, "expect", "-E"), ("conntrack", "-E", "expect"))]
        time.sleep(1)  # conntrack does not say when it listens
        self.announce()
        client, server = self.control
        for port in (161, 162):
            server.sendall(b"227 Entering Passive Mode (127,0,0,1,%d,0)\r\n" % port)
            client.recv(99)
        with self.host.at(), socket.create_server(("127.0.0.1", 162 << 8)), socket.create_connection(("127.0.0.1", 162 << 8)):
            pass
        for port in (163, 164):
            server.sendall(b"227 Entering Passive Mode (127,0,0,1,%d,0)\r\n" % port)
            client.recv(99)
            if port == 163:
                self.host.sallywall("expect", "-D")
                self.host.run("conntrack", "-F", "expect")
        self.host.sallywall("conntrack", "-D", "--dport", "21")
        self.host.run("conntrack", "-D", "-p", "tcp", "--dport", "21")
        time.sleep(0.5)
        told = []
        for watcher in watchers:
            watcher.send_signal(signal.SIGINT)
            out, error = watcher.communicate(timeout=harness.PATIENCE)
            self.assertEqual(watcher.returncode, 0, error)
            told.append([])
            for event in [re.findall(r"\[\w+\]| dport=4\d+|master-\S+", line) for line in out.splitlines()]:
                if told[-1] and event[0] == "[NEW]" and told[-1][-1] == ["[DESTROY]", *event[1:]]:
                    told[-1].pop()  # over loopback the kernel's helper hears everything twice
                else:
                    told[-1].append(event)
        self.assertEqual([line[0] for line in told[0]], ["[NEW]", "[DESTROY]", "[NEW]", "[DESTROY]", "[NEW]", "[DESTROY]", "[NEW]",
                                                         "[DESTROY]", "[NEW]", "[DESTROY]"])
        self.assertEqual(told[0], told[1])

    def test_who_ends_the_control_connection_ends_what_it_expects(self):
        self.announce()
        self.host.sallywall("conntrack", "-D", "--dport", "21")
        self.assertEqual(self.host.sallywall("expect", "-C").stdout, "0\n")

    def test_without_a_wall_it_says_so(self):
        self.host.sallywall("down")
        for command in ("conntrack", "expect"):
            self.assertIn("no wall is up", self.host.sallywall(command, "-L", status=2).stderr)
