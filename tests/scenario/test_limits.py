# SPDX-License-Identifier: BSD-2-Clause
"""Numbers that bound a session: clients, time-outs, rates."""
import contextlib
import threading
import time

from harness import PATIENCE, AnonymousCase, ServerCase, noise, read_all, wait_until, write_file


class Clients(AnonymousCase):
    options = {"max_clients": "5", "max_per_ip": "3"}

    def held(self, count, source):
        found = [self.client(source=source) for _ in range(count)]
        self.assertEqual({c.greeting.code for c in found}, {220})
        return found

    def test_max_per_ip(self):
        held = self.held(3, "127.0.0.2")
        c = self.client(source="127.0.0.2")
        self.assertEqual((c.greeting.code, c.greeting.text), (421, "There are too many connections from your internet address."))
        self.assertTrue(c.is_closed())
        for one in held:
            one.close()
        self.assertTrue(wait_until(lambda: self.client(source="127.0.0.2").greeting.code == 220))

    def test_max_clients(self):
        self.held(3, "127.0.0.3")
        self.held(2, "127.0.0.4")
        c = self.client(source="127.0.0.5")
        self.assertEqual((c.greeting.code, c.greeting.text), (421, "There are too many connected users, please try later."))
        self.assertTrue(c.is_closed())

    def tearDown(self):
        self.doCleanups()
        wait_until(lambda: self.server.who() == [])


class TimeOuts(AnonymousCase):
    options = {"idle_session_timeout": "1", "data_connection_timeout": "1", "accept_timeout": "1", "connect_timeout": "1"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/big", noise(32 << 20))

    def took(self, begin, least=0.9, most=45):
        self.assertTrue(least < time.monotonic() - begin < most, time.monotonic() - begin)

    def test_idle(self):
        c, begin = self.anonymous(), time.monotonic()
        self.assertEqual(c.reply()[:2], (421, "Timeout."))
        self.took(begin)
        self.assertTrue(c.is_closed())

    def test_idle_before_login(self):
        c, begin = self.client(), time.monotonic()
        self.assertEqual(c.reply().code, 421)
        self.took(begin)

    def test_commands_keep_a_session_alive(self):
        c = self.own_server(dict(self.conf, idle_session_timeout="4")).anonymous()
        for _ in range(10):  # each pause may be ten times as long as it is meant to be
            time.sleep(0.5)
            c.want("NOOP", 200)

    def test_half_a_line_does_not(self):
        c, begin = self.client(), time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - begin < PATIENCE:
                time.sleep(0.3)
                c.send(b"X")
        self.took(begin)
        self.assertTrue(c.is_closed())

    def test_stalled_download(self):
        c = self.anonymous()
        with c.data("RETR big") as data:
            data.recv(1000)
            begin = time.monotonic()
            self.assertIn(c.reply().code, (421, 426))
            self.took(begin)

    def test_stalled_upload(self):
        c = self.anonymous()
        with c.data("STOR up") as data:
            data.sendall(b"x")
            begin = time.monotonic()
            self.assertIn(c.reply().code, (421, 426))
            self.took(begin)

    def test_slow_transfer_is_not_stalled_and_not_idle(self):
        c = self.own_server(dict(self.conf, idle_session_timeout="4", data_connection_timeout="4")).anonymous()
        with c.data("STOR /pub/up") as data:
            for _ in range(10):
                data.sendall(b"x")
                time.sleep(0.5)
        c.want(None, 226)
        self.assertEqual(self.disk("up"), b"x" * 10)

    def test_nobody_connects(self):
        c = self.own_server(dict(self.conf, idle_session_timeout="100")).anonymous()
        port, begin = c.epsv(), time.monotonic()
        self.assertEqual(c.want("LIST", 425).text,
                         f"Failed to establish connection. No connection came to 127.0.0.1 port {port}.")
        self.took(begin)
        c.want("NOOP", 200)


class Rates(ServerCase):
    """Never 5% faster; slower only as far as a busy machine makes it."""
    alone = True
    rate, size = 2_000_000, 5_000_000
    conf = {}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", noise(cls.size))
        cls.conf = {"anonymous_enable": "YES", "anon_root": cls.root[:-4], "local_enable": "YES", "write_enable": "YES",
                    "local_root": cls.root, "anon_max_rate": str(cls.rate), "local_max_rate": str(cls.rate // 2),
                    "anon_upload_enable": "YES", "anon_other_write_enable": "YES", "check_shell": "NO"}

    def test_transfers_side_by_side(self):
        """Each session has a rate of its own."""
        for _ in range(5):
            ratios = self.measure()
            self.assertLess(max(ratios.values()), 1.05, ratios)
            if min(ratios.values()) >= 0.6:
                return
        self.fail(f"measured rate : wanted rate: {ratios}")

    def measure(self):
        took, content = {}, noise(self.size)

        def run(name, user, work):
            c = self.server.client()
            c.login(user, "open sesame")
            c.want("TYPE I", 200)
            begin = time.monotonic()
            work(c)
            took[name] = time.monotonic() - begin
            c.close()

        jobs = [("down", "anonymous", lambda c: c.get("RETR /pub/file")), ("again", "anonymous", lambda c: c.get("RETR /pub/file")),
                ("up", "anonymous", lambda c: c.put("STOR /pub/up", content)), ("local", "alice", lambda c: c.get("RETR file"))]
        threads = [threading.Thread(target=run, args=job) for job in jobs]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        wanted = {"down": self.rate, "again": self.rate, "up": self.rate, "local": self.rate // 2}
        return {name: round(self.size / took[name] / rate, 3) for name, rate in wanted.items()}

    def test_no_burst_after_a_pause(self):
        c = self.server.client()
        c.login("anonymous", "x@")
        c.want("TYPE I", 200)
        time.sleep(2)
        begin, got = time.monotonic(), 0
        with c.data("RETR /pub/file") as data:
            while time.monotonic() - begin < 1:
                got += len(data.recv(65536))
            self.assertLess(got, self.rate * 1.3 * (time.monotonic() - begin))
            read_all(data)
        c.want(None, 226)
        c.close()
