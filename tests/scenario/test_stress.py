# SPDX-License-Identifier: BSD-2-Clause
"""Many sessions that do anything at any time: random commands, aborts, resets, half-closed channels, dying brokers and
workers. Whatever they did, the server serves on, and what they took is given back."""
import contextlib
import os
import random
import re
import signal
import socket
import struct
import threading
import time

from harness import PATIENCE, AnonymousCase, children, descendants, noise, process_status, wait_until, write_file
from namespace import PASSWORD

SEED = int(os.environ.get("SALLY_STRESS_SEED", "0")) or random.SystemRandom().randrange(1 << 32)

UPLOADS = [b"", b"few bytes\n", noise(100_000, 7)]
PLAIN = ["NOOP", "PWD", "EPSV", "PASV", "SYST", "FEAT", "HELP", "STAT", "STAT /pub", "CWD /pub", "CWD ..", "CDUP", "TYPE I", "TYPE A",
         "SIZE /pub/big", "MDTM /pub/small", "MLST /pub/big", "REST 10", "REST 18446744073709551616", "ABOR", "EPSV ALL",
         "RNFR /pub/small", "RNTO /pub/small2", "RNFR /pub/small2", "RNTO /pub/small", "DELE /pub/up1", "MKD /pub/d",
         "RMD /pub/d", "HASH /pub/big", "HASH /pub/none", "OPTS HASH CRC32", "OPTS MLST size;", "SITE UMASK 077",
         "SITE CHMOD 644 /pub/up2", "MFMT 20200101000000 /pub/up2", "AVBL", "ALLO 1", "MODE Z", "STRU R", "PASS again",
         "USER anonymous", "PORT 127,0,0,1,0,1", "PORT 10,0,0,1,200,1", "EPRT |1|127.0.0.1|1|", "NLST /pub/*l*", "XYZZY",
         "A" * 5000, "\x00\xff\xff", "STAT -R /"]
MOVING = ["RETR /pub/big", "RETR /pub/small", "RETR /pub/none", "LIST", "LIST -aR /", "NLST /pub/*", "MLSD /pub",
          "STOR /pub/up1", "STOR /pub/up2", "APPE /pub/up1", "STOU up", "STOR /none/up"]


@contextlib.contextmanager
def may_break():
    """The peer may have closed, but it must not keep silent."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError:
        pass


class Player:
    """One client that plays sessions until it is told to stop. What it found wrong is in `wrong`."""

    def __init__(self, port, seed, accounts):
        self.port, self.random, self.accounts = port, random.Random(seed), accounts
        self.wrong, self.played, self.sock, self.replies = [], 0, None, b""
        self.last, self.shown, self.extras = None, b"", []

    def play(self, stop):
        while not stop.is_set():
            try:
                self.session()
            except TimeoutError:
                self.wrong.append(f"no answer within {PATIENCE} s to {self.last!r}")
            except (OSError, EOFError):
                pass  # a session may end; that it answers while it lasts is checked
            finally:
                for s in [self.sock, *self.extras]:
                    if s:
                        s.close()
                self.sock, self.extras = None, []
            self.played += 1

    def session(self):
        self.last, self.replies = "connect", b""
        self.sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if self.random.random() < 0.05:
            return self.vanish()
        self.reply()
        self.login()
        for _ in range(self.random.randrange(12)):
            self.random.choices([self.plain, self.move, self.pipeline, self.abort_plain], [5, 6, 2, 1])[0]()
            if self.random.random() < 0.04:
                return self.vanish()
        self.random.choice([self.quit, self.vanish, self.half_close])()

    def login(self):
        user, password = self.random.choice(self.accounts)
        self.ask("USER " + user)
        if self.random.random() < 0.03:
            self.ask("PASS wrong" + password)
            self.ask("USER " + user)
        self.ask("PASS " + password)

    # --- words ---

    def send(self, *lines):
        self.last = lines
        self.sock.sendall(b"".join(line.encode("latin-1") + b"\r\n" for line in lines))

    def reply(self):
        """The code of the next reply, of one line or many."""
        code = None
        while True:
            while b"\n" not in self.replies:
                got = self.sock.recv(65536)
                if not got:
                    raise EOFError
                self.replies += got
            line, self.replies = self.replies.split(b"\n", 1)
            if code is None:
                if not re.match(rb"\d{3}[ -]", line):
                    self.wrong.append(f"not a reply: {line!r} after {self.last!r}")
                    raise EOFError
                code = line[:3]
            if line.startswith(code + b" "):
                self.shown = line
                return int(code)

    def ask(self, line):
        self.send(line)
        return self.reply()

    def plain(self):
        code = self.ask(self.random.choice(PLAIN))
        if code < 200 or code == 421:
            raise EOFError

    def pipeline(self):
        lines = self.random.choices([p for p in PLAIN if len(p) < 100], k=self.random.randrange(1, 30))
        self.send(*lines, *["QUIT"] * (self.random.random() < 0.3))
        for _ in lines:
            self.reply()

    def abort_plain(self):
        self.send(self.random.choice(PLAIN), "ABOR")
        self.reply()
        self.reply()

    # --- data ---

    def data_channel(self):
        """(a listener, None) after PORT, (None, a connection) after EPSV; None if there is no channel to be had."""
        if self.random.random() < 0.3:
            listener = socket.create_server(("127.0.0.1", 0))
            listener.settimeout(PATIENCE)
            self.extras.append(listener)
            port = listener.getsockname()[1]
            return (listener, None) if self.ask(f"PORT 127,0,0,1,{port >> 8},{port & 255}") == 200 else None
        if self.ask("EPSV") != 229:
            return None
        s = socket.create_connection(("127.0.0.1", int(re.search(rb"\|\|\|(\d+)\|", self.shown)[1])), PATIENCE)
        self.extras.append(s)
        return None, s

    def move(self):
        channel = self.data_channel()
        if channel is None:
            return
        ways = {"whole": 6, "abort at once": 2, "abort within": 2, "quit within": 1, "leave": 2}
        way = self.random.choices(list(ways), ways.values())[0]
        self.send(self.random.choice(MOVING), *["ABOR"] * (way == "abort at once"))
        if way == "abort at once":
            return self.finish_abort()
        if way == "leave":
            time.sleep(self.random.random() * 0.02)
            self.vanish()
        if self.reply() >= 200:
            return
        listener, s = channel
        with s or listener.accept()[0] as s:
            if way != "whole":
                self.send({"abort within": "ABOR", "quit within": "QUIT"}[way])
            self.exchange(s)
        if way == "abort within":
            return self.finish_abort()
        self.reply()
        if way == "quit within":
            self.reply()
            raise EOFError

    def exchange(self, s):
        """Bytes in both directions; the server takes or gives what it wants, and may close at any time."""
        s.settimeout(PATIENCE)
        with may_break():
            s.sendall(self.random.choice(UPLOADS))
            s.shutdown(socket.SHUT_WR)
        with may_break():
            while s.recv(1 << 16) and self.random.random() < 0.98:
                pass

    def finish_abort(self):
        """A NOOP after it all tells where the answers end: after at most 150, 426 or 226, and 226 or 225."""
        self.send("MODE S", "NOOP")
        codes = []
        while codes[-2:] != [200, 200]:
            codes.append(self.reply())
        if len(codes) > 6 or not codes[:-2]:
            self.wrong.append(f"answers to an abort: {codes}")

    # --- ends ---

    def quit(self):
        self.ask("QUIT")

    def vanish(self):
        if self.random.random() < 0.5:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise EOFError

    def half_close(self):
        lines = self.random.choices(["NOOP", "PWD", "SIZE /pub/big", "STAT /pub", "CWD /pub"], k=5)
        self.send(*lines)
        self.sock.shutdown(socket.SHUT_WR)
        for _ in lines:
            self.reply()


class Stress(AnonymousCase):
    options = {"local_enable": "YES", "pasv_min_port": 20000, "pasv_max_port": 20002, "max_login_fails": 1000,
               "delay_failed_login": 0, "pasv_wait_timeout": 2, "accept_timeout": 2, "connect_timeout": 2,
               "log_ftp_protocol": "YES", "xferlog_enable": "YES", "ls_recurse_enable": "YES"}
    limit = 240
    seconds, sessions = 3, 12  # tests/soak has more
    alone = True

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/big", noise(2 << 20))
        write_file(cls.root + "/small", noise(1000))

    def play(self, meanwhile=None, server=None, seconds=None):
        """Sessions for some seconds; meanwhile(random) is done now and then. What the players found wrong."""
        server = server or self.server
        players = [Player(server.port, SEED + i, [("anonymous", "x@")] * 9 + [("alice", PASSWORD)]) for i in range(self.sessions)]
        stop = threading.Event()
        threads = [threading.Thread(target=p.play, args=(stop,), daemon=True) for p in players]
        for t in threads:
            t.start()
        end, dice = time.monotonic() + (seconds or self.seconds), random.Random(SEED)
        while time.monotonic() < end:
            time.sleep(0.3)
            if meanwhile:
                meanwhile(dice)
        stop.set()
        for t in threads:
            t.join(PATIENCE + 5)
        self.assertFalse([t for t in threads if t.is_alive()], f"seed {SEED}")
        self.assertNotIn("Sanitizer", server.text(), f"seed {SEED}")
        self.assertNotIn("runtime error", server.text(), f"seed {SEED}")
        self.assertGreater(sum(p.played for p in players), 0, f"seed {SEED}")
        return [w for p in players for w in p.wrong]

    def worker(self):
        return self.server.running("nobody")[0]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.worker()}/fd"))

    def assert_back_to(self, descriptors, processes):
        self.assertTrue(wait_until(lambda: self.server.who() == []), self.server.who())
        # Idle threads go after 5 seconds, and with each the pipe it kept; the broker one second after its last session.
        wait_until(lambda: self.descriptors() <= descriptors, step=0.2)
        self.assertLessEqual(self.descriptors(), descriptors)
        wait_until(lambda: len(descendants(self.server.process.pid)) <= processes)
        self.assertLessEqual(len(descendants(self.server.process.pid)), processes)

    def test_sessions(self):
        time.sleep(2)
        self.anonymous().close()
        time.sleep(2)
        before, worker = (self.descriptors(), len(descendants(self.server.process.pid))), self.worker()
        wrong = self.play()
        self.assertEqual(wrong, [], f"seed {SEED}")
        self.assertEqual(self.worker(), worker, "the worker must not have died")
        self.assert_served()
        self.assert_back_to(*before)

    def test_brokers_die(self):
        worker = self.worker()

        def kill(dice):
            for pid in self.server.pids("ftp"):
                if dice.random() < 0.7:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)

        wrong = self.play(kill)
        self.assertEqual(wrong, [], f"seed {SEED}")
        self.assertEqual(self.worker(), worker, "the worker must not have died")
        self.assertTrue(wait_until(lambda: self.server.who() == []), self.server.who())
        self.anonymous()  # its CWD needs a broker, which may be five seconds away after so many deaths

    def test_worker_dies(self):
        killed = [time.monotonic()]

        def kill(dice):  # one that dies sooner than a second after its start, five times in a row, is not started again
            if time.monotonic() - killed[0] > 1.2 and dice.random() < 0.5:
                self.server.kill("nobody")
                killed[0] = time.monotonic()

        self.play(kill)
        self.server.running("nobody")
        self.assert_served()
        self.assertTrue(wait_until(lambda: len(children(self.server.process.pid)) <= 1),
                        [process_status(p)["Name"] for p in children(self.server.process.pid)])

    def test_drain(self):
        for _ in range(3):
            server = self.own_server(dict(self.conf, drain_timeout=1, pasv_min_port=20100, pasv_max_port=20102))
            self.play(lambda _, s=server: s.process.send_signal(signal.SIGTERM), server, seconds=0.5)
            self.assertEqual(server.process.wait(PATIENCE), 0)
            self.assertNotIn("Sanitizer", server.text(), f"seed {SEED}")


class Turns(AnonymousCase):
    """What makes one session go on while another is being dealt with: a passive port that becomes free."""
    options = {"pasv_min_port": 20000, "pasv_max_port": 20000, "local_enable": "YES"}

    def setUp(self):
        super().setUp()
        write_file(self.path("big"), noise(100_000))
        said = len(self.server.text())
        self.addCleanup(lambda: self.assertNotIn("Sanitizer", self.server.text()[said:]))

    def waiting_pair(self):
        """A session that holds the only port, and one that waits for it and will then QUIT."""
        second, first = self.anonymous(), self.anonymous()
        first.epsv()
        first.send("RETR /pub/big")
        second.send(b"EPSV\r\nQUIT\r\n")
        self.assertTrue(wait_until(lambda: "RETR" in str(self.server.who())))
        return first, second

    def test_broker_dies(self):
        worker = self.server.running("nobody")
        first, second = self.waiting_pair()
        self.server.kill("ftp")
        self.assertEqual(first.reply().code, 451)
        self.assertEqual([second.reply().code, second.reply().code], [229, 221])
        first.want("PWD", 257)
        self.assertEqual(self.server.pids("nobody"), worker)

    def test_holder_leaves(self):
        first, second = self.waiting_pair()
        first.reset()
        self.assertEqual([second.reply().code, second.reply().code], [229, 221])

    def test_old_answer_is_not_given_again(self):
        c = self.client()
        c.want("USER alice", 331)
        c.want("PASS wrong", 530)
        c.login("alice")
        self.server.kill("alice")
        self.assertTrue(c.quiet(1), "nothing was asked")
        c.want("PWD", 257)

    def test_z_drain(self):
        """The last one: the server ends. The holder is idle, so it goes first and makes the next one's turn come."""
        holder, waiting = self.anonymous(), self.anonymous()
        holder.epsv()
        waiting.send(b"EPSV\r\nQUIT\r\n")
        time.sleep(0.3)
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(PATIENCE), 0)
        self.assertTrue(holder.is_closed() and waiting.is_closed())
