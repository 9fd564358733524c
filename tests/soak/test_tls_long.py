# SPDX-License-Identifier: BSD-2-Clause
"""TLS with more of everything: sessions, names in a listing, and processes that are killed amid transfers."""
import collections
import contextlib
import ftplib
import os
import random
import resource
import signal
import threading
import time

import harness
import test_tls_processes
from harness import TlsClient, children, noise, read_all, read_file, tls_context, wait_until
from tls import VERSIONS, TlsCase

SECONDS = float(os.environ.get("SALLY_SOAK_SECONDS", "120"))
SEED = int(os.environ.get("SALLY_STRESS_SEED", "0")) or random.SystemRandom().randrange(1 << 32)


class Sessions2000(TlsCase):
    """All logged in under TLS at the same time, half of them under TLS 1.2; each then has a data channel."""
    count = 2000
    limit = 900
    options = {"max_clients": "3000", "max_per_ip": "0"}

    def hold(self, source, count, held, failures):
        try:
            for i in range(count):
                c = TlsClient("127.0.0.1", self.server.port, context=tls_context(VERSIONS[i % 2]), source=source)
                held.append(c.auth().login().protect())
        except Exception as error:  # noqa: BLE001 - reported by the test
            failures.append(repr(error))

    def use(self, clients, failures):
        for i, c in enumerate(clients):
            try:
                c.want("CWD /pub", 250)
                c.want("TYPE I", 200)
                if c.get("RETR file") != self.disk("file"):
                    failures.append("RETR: other bytes")
                if i % 10 == 0 and c.put(f"STOR new-{id(c)}", noise(5000)).code != 226:
                    failures.append("STOR")
            except Exception as error:  # noqa: BLE001 - reported by the test
                failures.append(repr(error))

    def in_threads(self, target, rows):
        threads = [threading.Thread(target=target, args=row) for row in rows]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def test_they_are_there_at_once_and_each_transfers(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        held, failures = [], []
        self.in_threads(self.hold, [(f"127.0.0.{i + 2}", self.count // 4, held, failures) for i in range(4)])
        self.assertEqual(failures[:5], [])
        self.assertEqual(len(held), self.count)
        self.assertEqual(len(self.server.who()), self.count)
        self.in_threads(self.use, [(held[i::4], failures) for i in range(4)])
        self.assertEqual(failures[:5], [])
        self.assertEqual(len(self.server.who()), self.count)
        for c in held:
            c.close()
        self.assertTrue(wait_until(lambda: not self.server.who()))
        self.assert_served()


class Listing(test_tls_processes.LongListing):
    """The same under both versions of TLS, and to more clients."""
    limit = 600

    def test_curl(self):
        for version in ("1.2", "1.3"):
            self.list_by_curl(version)

    def test_lftp(self):
        for version in ("1.2", "1.3"):
            self.list_by_lftp(version)

    def test_our_own(self):
        for version in self.versions():
            c = self.private(version=version)
            for line in ("NLST many", "LIST many", "MLSD many"):
                self.way = f"{version.name} {line}"
                found = {entry.rpartition(" ")[2].rpartition("/")[2] for entry in c.lines(line)}
                self.assertTrue(found - {".", "..", ""} == self.names)

    def test_python_s_ftplib(self):
        """It can't continue sessions, so require_ssl_reuse=NO."""
        server = self.own_server(dict(self.conf, require_ssl_reuse="NO"))
        for version in self.versions():
            with ftplib.FTP_TLS(context=tls_context(version), timeout=harness.PATIENCE) as ftp:
                ftp.connect("127.0.0.1", server.port)
                ftp.login()
                ftp.prot_p()
                self.assertTrue({name.rpartition("/")[2] for name in ftp.nlst("/pub/many")} == self.names)


def comm(pid):
    with contextlib.suppress(OSError):
        return read_file(f"/proc/{pid}/comm").decode().rstrip("\n")
    return ""


class Loader(threading.Thread):
    """Uploads and downloads under TLS until it is told to stop, in sessions that may end at any time. What was said to be
    whole, is; what it found otherwise is in `wrong`."""

    KEPT = 20  # files, until they are looked at

    def __init__(self, case, number, ending):
        super().__init__(daemon=True)
        self.case, self.number, self.ending, self.random = case, number, ending, random.Random(f"{SEED} {number}")
        self.stored, self.wrong, self.done, self.broken, self.checked = {}, [], 0, 0, 0

    def run(self):
        while not self.ending.is_set():
            try:
                version = VERSIONS[self.random.randrange(2)]
                with TlsClient("127.0.0.1", self.case.port, context=tls_context(version)) as c:
                    c.auth().login("alice" if self.number % 2 else "anonymous").protect()
                    c.want("CWD /pub" if self.number % 2 == 0 else "CWD " + self.case.root, 250)
                    c.want("TYPE I", 200)
                    for _ in range(10):  # then it logs in anew
                        if self.ending.is_set():
                            break
                        (self.upload if self.random.random() < 0.6 else self.download)(c)
            except TimeoutError:
                self.wrong.append("no answer in time")
            except (OSError, EOFError, AssertionError):  # whatever was killed ends it: a refusal, or no more of it
                self.broken += 1
                time.sleep(0.05)
            except Exception as error:  # noqa: BLE001 - reported by the test
                self.wrong.append(repr(error))

    def upload(self, c):
        name = f"{self.number}-{self.done}-{self.broken}-{self.random.randrange(1 << 30)}"
        seed, size = self.random.randrange(1 << 20), self.random.choice((0, 1, 5_000, 400_000, 2_000_000))
        with c.data("STOR " + name) as data:
            with contextlib.suppress(OSError):
                data.sendall(noise(size, seed))
                c.end_data(data)
        if c.reply().code == 226:
            self.stored[name] = (size, seed)
            self.done += 1
        if len(self.stored) > self.KEPT:
            self.check_oldest()

    def check_oldest(self):
        """What was answered with 226 a while ago is whole, whatever was killed since."""
        name = next(iter(self.stored))
        size, seed = self.stored.pop(name)
        self.checked += 1
        try:
            if read_file(self.case.path(name)) != noise(size, seed):
                self.wrong.append(f"{name}: 226 for what isn't whole")
            os.unlink(self.case.path(name))
        except FileNotFoundError:
            self.wrong.append(f"{name}: 226 for what isn't there")

    def download(self, c):
        with c.data("RETR big") as data:
            try:
                content = read_all(data)
            except OSError:
                content = None  # it ended without close_notify
        if content is not None and content != self.case.big:
            self.wrong.append(f"RETR: an end in order after {len(content)} bytes")
        if c.reply().code == 226 and content is None:
            self.wrong.append("RETR: 226 without an end in order")
        self.done += 1


class Kills(TlsCase):
    """kill -9 of each process amid transfers, under load: what was announced is whole, and the server serves on."""
    limit = int(SECONDS) * 2 + 600
    loaders = 8
    options = {"local_enable": "YES", "local_umask": "022"}
    names = {"worker": "sallyd: worker", "key process": "sallyd: keys", "broker": "sallyd: broker", "password check": "sallyd"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.big = noise(4 << 20, 5)
        harness.write_file(cls.root + "/big", cls.big)
        os.chmod(cls.root, 0o777)

    def of_kind(self, kind):
        """All of them, now."""
        return [pid for pid in children(self.served.process.pid) if comm(pid) == self.names[kind]]

    def start_on(self, port, **options):
        """A server; another one may have been there before."""
        self.starts += 1
        self.served = harness.Server(dict(self.conf, **options), f"{self.id().rsplit('.', 1)[1]}-{self.starts}", port)
        self.servers = [self.served]
        self.addCleanup(self.served.stop)
        self.served.start()
        self.port = self.served.port

    def kill(self, kind, **options):
        """False: there was none."""
        if kind == "monitor":
            family = harness.descendants(self.served.process.pid)
            self.served.process.kill()
            self.served.process.wait()
            self.assertTrue(wait_until(lambda: not any(map(harness.is_alive, family))), "what the monitor started outlived it")
            self.assertNotRegex(self.served.text(), "Sanitizer|runtime error")
            self.start_on(self.port, **options)
            return True
        pids = wait_until(lambda: self.of_kind(kind), step=0.001)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)

    def play(self, **options):
        self.starts, ending, dice, killed = 0, threading.Event(), random.Random(SEED), collections.Counter()
        kinds = [*self.names, "monitor"]
        self.start_on(None, **options)
        loaders = [Loader(self, n, ending) for n in range(self.loaders)]
        for loader in loaders:
            loader.start()
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end or sum(killed.values()) < len(kinds):
                time.sleep(1.5 + dice.random())  # a worker that lives less than a second five times in a row is not started again
                kind = kinds[sum(killed.values()) % len(kinds)]
                self.assertTrue(self.kill(kind, **options), f"no {kind} to kill")
                killed[kind] += 1
                before = sum(loader.done for loader in loaders)
                self.assertTrue(wait_until(lambda b=before: sum(loader.done for loader in loaders) > b), f"nothing was transferred after {kind}")
        finally:
            ending.set()
            for loader in loaders:
                loader.join(harness.PATIENCE + 30)
        self.assertFalse([loader for loader in loaders if loader.is_alive()])
        for loader in loaders:
            while loader.stored:
                loader.check_oldest()
        print(f"     {dict(killed)} killed; of {sum(l.done for l in loaders)} transfers announced as whole {sum(l.checked for l in loaders)} uploads; "
              f"{sum(l.broken for l in loaders)} sessions ended", flush=True)
        self.assertEqual([], [w for loader in loaders for w in loader.wrong])
        self.assertTrue(sum(loader.checked for loader in loaders))
        self.assertTrue(wait_until(lambda: not self.served.who()))
        self.assert_served(self.served)
        self.assertEqual(self.served.stop(), 0)
        self.assertNotRegex(self.served.text(), "Sanitizer|runtime error")

    def test_in_place(self):
        self.way = f"SALLY_STRESS_SEED={SEED}"
        self.play(atomic_uploads="NO")

    def test_atomic(self):
        self.way = f"SALLY_STRESS_SEED={SEED}"
        self.play(atomic_uploads="YES")
