# SPDX-License-Identifier: BSD-2-Clause
"""Event loops side by side: what belongs to all of them counts once, and what belongs to one is found from each."""
import os
import threading

from harness import AnonymousCase, Server, ServerCase, make_dir, noise, process_status, wait_until, write_file

LOOPS = 3


def loop_of(row):
    return row["id"] % LOOPS


class Loops(AnonymousCase):
    options = {"workers": str(LOOPS), "max_clients": "0"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", noise(100_000))

    def spread(self, server=None, **kw):
        """Sessions, so many that each loop has some."""
        server = server or self.server
        sessions = [server.anonymous(**kw) for _ in range(4 * LOOPS)]
        for c in sessions:
            self.addCleanup(c.close)
            c.want("CWD /pub", 250)
            c.want("TYPE I", 200)
        self.assertEqual({loop_of(row) for row in server.who()}, set(range(LOOPS)))
        return sessions

    def threads(self):
        worker, = [pid for pid in self.server.pids("nobody") if len(os.listdir(f"/proc/{pid}/task")) > 1]
        return worker, [t for t in os.listdir(f"/proc/{worker}/task")
                        if process_status(f"{worker}/task/{t}")["Name"] in ("sallyd: worker", "sallyd:loop")]

    def test_every_session_works(self):
        sessions = self.spread()
        for mode in ("passive", "active"):
            for c in sessions:
                self.assertEqual(c.get("RETR file", mode), self.disk("file"))
                self.assertEqual(c.put("STOR up", b"x" * 70_000, mode).code, 226)
                self.assertIn(b"file", c.get("LIST", mode))

    def test_all_at_once(self):
        failures = []

        def work(c, n):
            try:
                for i in range(20):
                    assert c.put(f"STOR at-once-{n}", bytes([n]) * (i * 1000)).code == 226
                    assert c.get(f"RETR at-once-{n}") == bytes([n]) * (i * 1000)
            except Exception as e:  # told by the test
                failures.append(e)

        threads = [threading.Thread(target=work, args=(c, n)) for n, c in enumerate(self.spread())]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])

    def test_each_thread_is_confined_and_pinned(self):
        worker, threads = self.threads()
        self.assertEqual(len(threads), LOOPS)
        cpus = os.sched_getaffinity(0)
        for t in threads:
            status = process_status(f"{worker}/task/{t}")
            self.assertEqual((status["Seccomp"], status["NoNewPrivs"], int(status["CapEff"], 16)), ("2", "1", 0))
        pinned = [os.sched_getaffinity(int(t)) for t in threads]
        for cpu in sorted(cpus)[:LOOPS]:
            self.assertIn({cpu}, pinned)

    def test_who_lists_all_and_kick_ends_each(self):
        sessions = self.spread()
        rows = self.server.who()
        self.assertEqual([row["since"] for row in rows], sorted(row["since"] for row in rows))
        for row in rows:
            self.server.command("kick", row["id"], "--socket", self.server.control_socket)
        for c in sessions:
            self.assertTrue(c.is_closed())
        self.assertTrue(wait_until(lambda: not self.server.who()))
        gone = self.server.command("kick", rows[0]["id"], "--socket", self.server.control_socket, check=False)
        self.assertNotEqual(gone.returncode, 0)

    def test_max_per_ip_and_max_clients_count_all(self):
        server = self.own_server(dict(self.conf, max_per_ip="5", max_clients="8"))
        first = [server.anonymous(source="127.0.0.2") for _ in range(5)]
        self.assertEqual(server.client(source="127.0.0.2").greeting.code, 421)
        others = [server.anonymous(source="127.0.0.3") for _ in range(3)]
        self.assertEqual(server.client(source="127.0.0.4").greeting.code, 421)
        for c in first + others:
            c.want("NOOP", 200)
        first.pop().cmd("QUIT")
        self.assertTrue(wait_until(lambda: len(server.who()) == 7))
        server.anonymous(source="127.0.0.2").want("NOOP", 200)

    def test_one_passive_port_for_all(self):
        """It is one loop's; whoever else waits on it hears of its connection, too."""
        server = self.own_server(dict(self.conf, pasv_min_port="21500", pasv_max_port="21500", max_per_ip="0"))
        sessions = [server.anonymous(source=f"127.0.0.{n}") for n in range(2, 2 + 4 * LOOPS)]
        for c in sessions:
            c.want("CWD /pub", 250)
            c.want("TYPE I", 200)
            self.assertEqual(c.epsv(), 21500)  # all hold it, each for its address
        for c in reversed(sessions):
            with c.connect(21500) as data:
                c.want("RETR file", 150)
                got = b""
                while part := data.recv(65536):
                    got += part
                self.assertEqual(got, self.disk("file"))
            c.want(None, 226)

    def test_a_connection_that_was_given_up_is_not_the_next_one(self):
        """A client that asks for a port again and connects again means the second connection, whichever loop accepts them."""
        server = self.own_server(dict(self.conf, pasv_min_port="21500", pasv_max_port="21500", max_per_ip="0"))
        failures = []

        def work(n):
            try:
                c = server.anonymous(source=f"127.0.1.{n}")
                c.want("CWD /pub", 250)
                c.want("TYPE I", 200)
                for _ in range(40):
                    c.epsv()
                    with c.connect(21500):  # not used, and not closed
                        c.epsv()
                        with c.connect(21500) as data:
                            c.want(f"STOR again{n}", 150)
                            data.sendall(b"x")
                    c.want(None, 226)
                c.close()
            except Exception as e:  # told by the test
                failures.append(e)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 1 + 2 * LOOPS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])

    def test_turns_on_the_one_port_go_round(self):
        server = self.own_server(dict(self.conf, pasv_min_port="21500", pasv_max_port="21500"))
        sessions = self.spread(server)
        for c in sessions:
            c.send("EPSV\r\nNLST".encode() + b"\r\n")
        for _ in sessions:
            def has_turn(c):
                return not c.quiet(0.01)
            c = wait_until(lambda: next((c for c in sessions if has_turn(c)), None))
            c.want(None, 229)
            with c.connect(21500) as data:
                c.want(None, 150)
                while data.recv(65536):
                    pass
            c.want(None, 226)
            sessions = [other for other in sessions if other is not c]

    def test_a_reload_counts_in_each(self):
        server = self.own_server(dict(self.conf, ftpd_banner="one"))
        server.reload(ftpd_banner="two")
        self.assertTrue(wait_until(lambda: all("two" in server.client().greeting.text for _ in range(4 * LOOPS))))

    def test_drained_when_the_last_transfer_has_ended(self):
        server = self.own_server(dict(self.conf, drain_timeout="30"))
        write_file(self.path("big"), noise(20 << 20))
        sessions = self.spread(server)
        with sessions[-1].data("RETR big") as data:
            thread = threading.Thread(target=server.stop)
            thread.start()
            for c in sessions[:-1]:
                self.assertTrue(c.is_closed())
            got = 0
            while part := data.recv(1 << 18):
                got += len(part)
            self.assertEqual(got, 20 << 20)
        sessions[-1].want(None, 226)
        thread.join()

    def test_unusable_numbers_are_refused(self):
        for wrong in ("0", "17", "-1", "many", "2x"):
            with open(self.server.dir + "/wrong.conf", "w") as f:
                f.write(f"workers={wrong}\n")
            told = self.server.command("--check-config", self.server.dir + "/wrong.conf", check=False)
            self.assertIn(f"workers={wrong}: expected auto or a number from 1 to 16", told.stdout + told.stderr)
            self.assertNotEqual(told.returncode, 0)


class Quota(ServerCase):
    """One count for an account, whatever loops its sessions are in."""
    conf = {"workers": str(LOOPS), "virtual_enable": "YES", "guest_username": "ftp", "write_enable": "YES", "max_per_ip": "0"}
    most = 1 << 20

    @classmethod
    def start_server(cls, conf, **popen):
        server = Server(conf, cls.__name__)
        server.add_user("kim", make_dir(cls.root + "/kim"), "--rights", "rwd", "--quota-bytes", str(cls.most), "--quota-files", "6")
        return server.start(**popen)

    def test_bytes_and_files(self):
        sessions = [self.as_user("kim") for _ in range(4 * LOOPS)]
        for c in sessions:
            c.want("TYPE I", 200)
        self.assertEqual({loop_of(row) for row in self.server.who()}, set(range(LOOPS)))
        stored = [c.put(f"STOR f{n}", noise(100_000)).code for n, c in enumerate(sessions[:6])]
        self.assertEqual(stored, [226] * 6)
        for c in sessions:
            with c.connect(c.epsv()):
                c.want("STOR more", 552)
        left = {c.want("AVBL", 213).text for c in sessions}
        self.assertEqual(left, {str(self.most - 600_000)})
        for n in range(6):
            sessions[-1 - n].want(f"DELE f{n}", 250)
        self.assertTrue(wait_until(lambda: {c.want("AVBL", 213).text for c in sessions} == {str(self.most)}))
