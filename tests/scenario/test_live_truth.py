# SPDX-License-Identifier: BSD-2-Clause
"""The truth table, live: real servers and clients, with `sallywall up` on the server or on a gateway before it."""
import concurrent.futures
import itertools
import unittest

import harness
import live
import test_oracle
from harness import AnonymousCase, Server, write_file
from live import LiveCase, World, by_curl, by_lftp, by_python, listens, reached, rows_text
from test_explain import MODES, ROWS, TIMES_OUT, TRUTH, WORKS

# With the helper on port 21 from `up` on, row 4 is what it was when the document was written.
LIVE = {**TRUTH, 4: (WORKS, TIMES_OUT, TIMES_OUT, TIMES_OUT)}
ABREAST = 4  # rows at a time, each in namespaces of its own: who is blocked waits


def live_truth(row, mode, tls=False, table=LIVE):
    return table[row][2 * tls + (mode in ("active", "eprt"))]


class TruthCase(LiveCase, AnonymousCase):
    """Everything below sets up one row; the rows go beside each other."""
    conf = None
    limit = 300
    numbers = itertools.count()

    @classmethod
    def setUpClass(cls):
        LiveCase.setUpClass.__func__(cls)
        AnonymousCase.setUpClass.__func__(cls)

    @classmethod
    def prepare(cls):
        cls.conf_for_rows = dict(cls.conf, listen_port=21, listen="NO", listen_ipv6="YES", connect_from_port_20="YES")
        cls.conf = None
        write_file(cls.root + "/report.txt", b"x" * 1400)

    def serve(self, world, row, kind=Server, **more):
        first, last = (ROWS[row][2] or "30000:30999").split(":")
        options = dict(self.conf_for_rows, pasv_min_port=first, pasv_max_port=last, **more)
        server = kind(options, f"{self.id().rsplit('.', 1)[1]}-{next(self.numbers)}", port=21)
        self.servers.append(server)
        if kind is Server:
            return server.start(preexec_fn=world.server.enter())
        return server.start_at(world.server, lambda: listens(world.server, 21))

    def put_up(self, world, row, *options):
        accepts, raw, _ = ROWS[row]
        world.up(*options, ipv4=rows_text(world, accepts, raw), ipv6=rows_text(world, accepts, raw, 6))

    def each(self, rows, places, play):
        """play(world, row, place) for all of them, some at a time; each hands back what it found wrong."""
        jobs = [(row, place) for row in rows for place in places]

        def one(job):
            with World(job[1]) as world:
                return play(world, *job)
        with concurrent.futures.ThreadPoolExecutor(ABREAST) as pool:
            wrong = [line for lines in pool.map(one, jobs) for line in lines]
        self.assertEqual(wrong, [])

    def compare(self, world, row, place, tries, server):
        """tries: (what it is called, client, mode, family, expected, more)."""
        def one(entry):
            name, client, mode, family, expected, more = entry
            got = reached(client, world, mode, expected, family=family, **more)
            return None if got == expected else f"row {row}, {place}, IPv{family}, {name} {mode}: {got}, not {expected}"
        with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
            wrong = list(filter(None, pool.map(one, tries)))
        server.stop()
        return wrong


class LiveTruth(TruthCase):
    def play(self, world, row, place):
        self.put_up(world, row)
        server = self.serve(world, row)
        tries = [("curl", by_curl, mode, 4, live_truth(row, mode), {}) for mode in MODES]
        tries += [("curl", by_curl, mode, 6, live_truth(row, mode), {}) for mode in ("epsv", "eprt")]
        return self.compare(world, row, place, tries, server)

    def test_all_rows_on_the_server_and_on_a_gateway(self):
        self.each(ROWS, ("server", "gateway"), self.play)


class LiveTruthWithoutHelper(TruthCase):
    """--helper none: as the kernel's own conntrack without a CT rule; with one the helper listens."""

    def play(self, world, row, place):
        self.put_up(world, row, "--helper", "none")
        server = self.serve(world, row)
        tries = [("curl", by_curl, mode, 4, live_truth(row, mode, table=TRUTH), {}) for mode in MODES]
        return self.compare(world, row, place, tries, server)

    def test_rows_with_states(self):
        self.each((4, 5, 7), ("server",), self.play)


class LiveTruthUnderTls(TruthCase):
    """Row 8, and others under TLS: the helper can't read. tests/soak has all."""
    rows = (2, 3, 4, 7)

    def play(self, world, row, place):
        self.put_up(world, row)
        server = self.serve(world, row, ssl_enable="YES", allow_anon_ssl="YES", ssl_self_signed="YES")
        tries = [("ftplib", by_python, mode, family, live_truth(row, mode, True), {"tls": True})
                 for mode in ("passive", "active") for family in (4, 6)]
        return self.compare(world, row, place, tries, server)

    def test_rows(self):
        self.each(self.rows, ("server",), self.play)


class LiveClients(TruthCase):
    """lftp and ftplib, and vsftpd in the server's place."""

    def play(self, kind):
        def play(world, row, place):
            self.put_up(world, row)
            server = self.serve(world, row, kind)
            tries = [(name, client, mode, 4, live_truth(row, mode), {})
                     for name, client in (("lftp", by_lftp), ("ftplib", by_python)) for mode in ("passive", "active")]
            return self.compare(world, row, place, tries, server)
        return play

    def test_sallyd(self):
        harness.need("lftp")
        self.each((2, 6), ("server",), self.play(Server))

    def test_vsftpd(self):
        harness.need("lftp")
        test_oracle.need_vsftpd()
        self.each((3, 4), ("gateway",), self.play(live.Vsftpd))


if __name__ == "__main__":
    unittest.main()
