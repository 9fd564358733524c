# SPDX-License-Identifier: BSD-2-Clause
"""Accounts with quotas, whose sessions, in the clear and under TLS, upload, overwrite, rename, delete, abort and vanish at any
time, with reloads meanwhile: what was told to be stored is on the disk, and what is counted is what is there."""
import contextlib
import os
import random
import signal
import ssl
import threading
import time

import harness
from harness import ServerCase, TlsClient, make_dir, noise, read_file, tls_context, wait_until

SECONDS = float(os.environ.get("SALLY_TURMOIL_SECONDS", "4"))
SEED = int(os.environ.get("SALLY_TURMOIL_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
PLAYERS = int(os.environ.get("SALLY_TURMOIL_PLAYERS", "2"))  # of each account
ACCOUNTS = ("ada", "bob")
MOST = 12_000_000
SIZES = (0, 1, 700, 5_000, 60_000, 300_000)
SECURITY = (None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Player(threading.Thread):
    """Uploads under names of its own. stored: what each name must hold; a name whose fate it does not know is left alone."""

    def __init__(self, server, account, number, stop):
        super().__init__()
        self.server, self.account, self.number, self.ending = server, account, number, stop
        self.random = random.Random(f"{SEED} {account} {number}")
        self.stored, self.made, self.wrong, self.client, self.steps = {}, 0, [], None, 0

    def run(self):
        while not self.ending.is_set():
            try:
                with self.new_client() as self.client:
                    self.client.want("TYPE I", 200)
                    while not self.ending.is_set() and self.step():
                        pass
            except TimeoutError:
                self.wrong.append("no answer in time")
            except (OSError, EOFError):
                pass  # the session ended, as sessions may
            except Exception as e:  # noqa: BLE001 - reported by the test
                self.wrong.append(repr(e))

    def new_client(self):
        version = self.random.choice(SECURITY)
        if version is None:
            return self.server.client().login(self.account)
        return TlsClient("127.0.0.1", self.server.port, context=tls_context(version)).auth().login(self.account).protect()

    def secured(self, data, stack):
        """After its 150 each data channel can be had."""
        try:
            return stack.enter_context(self.client.secured(data))
        except OSError as error:
            self.wrong.append(f"TLS on a data channel: {error!r}")
            raise

    def step(self):
        """False: the session is to end."""
        self.steps += 1
        return self.random.choices([self.upload, self.spoil, self.delete, self.rename, self.append, self.leave], [12, 8, 2, 2, 4, 1])[0]()

    def new_name(self):
        self.made += 1
        return f"{self.number}-{self.made}"

    def a_name(self):
        """One that is there, or now and then a new one."""
        if len(self.stored) > 5 or (self.stored and self.random.random() < 0.5):
            return self.random.choice(sorted(self.stored))
        return self.new_name()

    def content(self):
        return noise(self.random.choice(SIZES), self.random.randrange(1 << 20))

    def send(self, line, content):
        """The last code of an upload whose data channel is closed in order."""
        with contextlib.ExitStack() as stack:
            if self.random.random() < 0.3:
                listener = stack.enter_context(self.client.listen())
                self.client.want(self.client.port_command(listener), 200)
                begun = self.client.cmd(line).code
                data = stack.enter_context(listener.accept()[0]) if begun == 150 else None
            else:
                data = stack.enter_context(self.client.connect(self.client.epsv()))
                begun = self.client.cmd(line).code
            if begun != 150:
                return begun
            data = self.secured(data, stack)
            with contextlib.suppress(OSError):
                data.sendall(content)
                self.client.end_data(data)
        return self.client.reply().code

    def upload(self):
        name, content = self.a_name(), self.content()
        self.stored.pop(name, None)
        code = self.send("STOR " + name, content)
        if code == 226:
            self.stored[name] = content
        elif code not in (552, 451, 553):
            self.wrong.append(f"STOR: {code}")
        return True

    def append(self):
        if not self.stored:
            return True
        name, more = self.random.choice(sorted(self.stored)), self.content()
        old = self.stored.pop(name)
        if self.random.random() < 0.5:
            if self.send("APPE " + name, more) == 226:
                self.stored[name] = old + more
            return True
        at = self.random.randrange(len(old) + 1)
        self.client.want(f"REST {at}", 350)
        if self.send("STOR " + name, more) == 226:
            self.stored[name] = (old[:at] + more + old[at + len(more):]) if at else more
        return True

    def spoil(self):
        """An upload that is aborted or left, at any moment of it."""
        name = self.a_name()
        self.stored.pop(name, None)
        way = self.random.choices(("at once", "within", "reset", "close", "quit"), (6, 6, 1, 1, 1))[0]
        with contextlib.ExitStack() as stack:
            data, codes = stack.enter_context(self.client.connect(self.client.epsv())), []
            self.client.send(f"STOR {name}\r\n".encode() + b"ABOR\r\nABOR\r\nNOOP\r\n" * (way == "at once"))
            if way == "at once":
                return self.is_answered(codes)
            if isinstance(self.client, TlsClient):
                codes.append(self.client.reply().code)
                data = self.secured(data, stack) if codes == [150] else data
            with contextlib.suppress(OSError):
                data.sendall(self.content())
            time.sleep(self.random.random() * 0.02)
            if way == "within":
                self.client.send(b"ABOR\r\nABOR\r\nNOOP\r\n")
                return self.is_answered(codes)
            if way == "reset":
                self.client.reset()
            elif way == "quit":
                self.client.send("QUIT")
                data.close()
                with contextlib.suppress(EOFError):
                    while True:
                        self.client.reply()
        return False

    def is_answered(self, codes):
        """STOR, ABOR, ABOR, NOOP: one final answer each. codes: what has come already."""
        while codes[-1:] != [200]:
            codes.append(self.client.reply().code)
        final = [c for c in codes if c >= 200]
        if len(final) != 4 or final[2] != 225:
            self.wrong.append(f"answers to STOR and two ABORs: {codes}")
        return True

    def delete(self):
        if self.stored:
            name = self.random.choice(sorted(self.stored))
            del self.stored[name]
            self.client.want("DELE " + name, 250)
        return True

    def rename(self):
        """Over another one as well."""
        if self.stored:
            name, to = self.random.choice(sorted(self.stored)), self.a_name()
            content = self.stored.pop(name)
            self.stored.pop(to, None)
            self.client.want("RNFR " + name, 350)
            self.client.want("RNTO " + to, 250)
            self.stored[to] = content
        return True

    def leave(self):
        if self.random.random() < 0.5:
            self.client.reset()
        return False


class Turmoil(ServerCase):
    conf = {"virtual_enable": "YES", "guest_username": "ftp", "write_enable": "YES", "local_umask": "022", "lock_upload_files": "YES",
            "json_log_file": "/dev/null", "ssl_enable": "YES", "ssl_self_signed": "YES", "force_local_logins_ssl": "NO", "force_local_data_ssl": "NO"}
    limit = 60 + int(SECONDS * 3)

    @classmethod
    def start_server(cls, conf, **popen):
        server = harness.Server(conf, cls.__name__)
        for name in ACCOUNTS:
            server.add_user(name, make_dir(os.path.join(cls.root, name)), "--rights", "rwd", "--quota-bytes", str(MOST), "--quota-files", "5000")
        return server.start(**popen)

    def on_disk(self, account):
        """Bytes of all files, also of hidden ones."""
        folder = self.path(account)
        with contextlib.suppress(FileNotFoundError):  # one that is being cleared away
            return sum(os.stat(os.path.join(folder, name)).st_size for name in os.listdir(folder))
        return -1

    def play(self, **options):
        accounts = self.server.conf["accounts_file"]
        server = self.own_server(dict(self.conf, accounts_file=accounts, **options))
        watchers = {name: server.client().login(name) for name in ACCOUNTS}  # so that nothing is counted anew meanwhile
        ending = threading.Event()
        players = [Player(server, name, f"{options.get('atomic_uploads')}{n}", ending) for name in ACCOUNTS for n in range(PLAYERS)]
        for p in players:
            p.start()
        self.assertTrue(wait_until(lambda: all(p.steps or p.wrong for p in players), 30))  # a login costs time
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(2)
            server.process.send_signal(signal.SIGHUP)
        ending.set()
        for p in players:
            p.join(40)
        self.assertEqual([], [w for p in players for w in p.wrong])
        self.assertEqual([], [p.name for p in players if p.is_alive()])
        self.assertGreater(sum(p.steps for p in players), 0)
        self.assertTrue(wait_until(lambda: len(server.who()) == len(watchers), 20), server.who())
        for p in players:
            for name, content in p.stored.items():
                self.assertEqual(read_file(self.path(f"{p.account}/{name}")), content, name)
        for account, c in watchers.items():
            self.assertTrue(wait_until(lambda a=account, c=c: c.want("AVBL", 213).text == str(max(0, MOST - self.on_disk(a))), 10),
                            (account, c.want("AVBL", 213).text, MOST - self.on_disk(account)))
            c.close()
        self.assertEqual(server.stop(), 0)
        self.assertNotRegex(server.text(), "Sanitizer|runtime error")

    def test_in_place(self):
        self.way = f"SALLY_TURMOIL_SEED={SEED}"
        self.play(atomic_uploads="NO", delete_failed_uploads="NO")

    def test_in_place_and_failed_ones_deleted(self):
        self.way = f"SALLY_TURMOIL_SEED={SEED}"
        self.play(atomic_uploads="NO", delete_failed_uploads="YES")

    def test_atomic(self):
        self.way = f"SALLY_TURMOIL_SEED={SEED}"
        self.play(atomic_uploads="YES")
