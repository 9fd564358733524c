# SPDX-License-Identifier: BSD-2-Clause
"""sally where it could believe a stranger, tell a secret, or lose a file."""
import contextlib
import os
import subprocess
import threading
import time
import unittest.mock

import harness
import terminal
from harness import noise, read_file, write_file
from namespace import PASSWORD
from test_sally import CUT, LOCAL, NO_TLS, REMOTE, USAGE, Hostile, SallyCase, Scripted, fingerprint_of
from test_sally_mirror import Lister, TreeCase
from tls import make_certificate

LISTED = "type=file;size=5;modify=20200101000000; "


class Between(SallyCase):
    """Somebody between sally and the server."""

    def certificate(self):
        return make_certificate(harness.make_dir(self.home + "/certificate") + "/server.pem", "localhost")

    def test_what_was_said_in_clear_is_no_answer_under_tls(self):
        certificate = self.certificate()
        with Scripted({"PBSZ": "200 ok", "PROT": "200 ok"}, b"", certificate, behind=b"230 in\r\n") as server:
            said = self.sally("ls", "--fingerprint", fingerprint_of(certificate), f"127.0.0.1:{server.port}", status=NO_TLS).stderr
            self.assertNotIn(b"USER", said)
            self.assertEqual(server.seen, [])

    def test_a_fingerprint_asks_for_tls(self):
        with Scripted({"LIST": "150 here"}) as server:
            self.sally("ls", "--plain", "--fingerprint", "0" * 64, f"127.0.0.1:{server.port}", status=NO_TLS)
            self.assertFalse([line for line in server.seen if line.startswith("USER")])

    def test_no_second_session_without_tls(self):
        """The first one has it; so what breaks is not opened again in clear."""
        certificate = self.certificate()
        script = {"PBSZ": "200 ok", "PROT": "200 ok", "RETR": "421 gone"}
        for words, certificates, logins in (("--trust-new",), "/dev/null", 0), ((), certificate, 1):
            with self.subTest(words=words), Scripted(script, b"", certificate, again=True) as server, \
                    unittest.mock.patch.dict(os.environ, SSL_CERT_FILE=certificates):
                self.sally("get", *words, "--retries", "1", f"localhost:{server.port}/f", status=NO_TLS)
                self.assertEqual(len([line for line in server.seen if line.startswith("USER")]), logins)

    def test_trust_at_first_sight_is_not_for_who_was_trusted_by_the_system(self):
        os.makedirs(self.home + "/.local/state/sally")
        with Scripted({}, b"", self.certificate()) as server:
            write_file(self.home + "/.local/state/sally/servers", f"127.0.0.1:{server.port} tls\n")
            self.sally("ls", "--trust-new", f"127.0.0.1:{server.port}", status=NO_TLS, start_new_session=True)


class Secrets(SallyCase):
    options = {"local_enable": "YES"}

    def told(self):
        """All that sally has written in its home."""
        return b"".join(read_file(os.path.join(folder, name)) for folder, _, names in os.walk(self.home) for name in names)

    def test_a_password_file_of_another_system(self):
        url = f"alice@127.0.0.1:{self.server.port}/"
        done = self.sally("ls", "-v", "--plain", "--password-file", "-", url, input=PASSWORD.encode() + b"\r\n")
        self.assertNotIn(PASSWORD.encode(), done.stdout + done.stderr)

    def test_a_password_of_several_lines(self):
        url = f"alice@127.0.0.1:{self.server.port}/"
        done = self.sally("ls", "--json", "--plain", "--password-file", "-", url, input=b"sec\rret\n", status=LOCAL)
        self.assertNotIn(b"ret", done.stdout.replace(b"retr", b"") + done.stderr)

    def test_a_url_with_a_password_is_not_said_again(self):
        for words in ("ls", "ftp://a:topsecret@h/"), ("put", "f", "ftp://a:topsecret@h/"), ("queue", "get", "ftp://a:topsecret@h/f"), \
                ("queue", "put", "f", "ftp://a:topsecret@h/"), ("mirror", "ftp://a:topsecret@h/"), ("doctor", "ftp://a:topsecret@h/"), \
                ("ftp://a:topsecret@h/",):
            with self.subTest(words=words):
                done = self.sally(*words, status=USAGE)
                self.assertIn(b"leave the password out", done.stderr)
                self.assertNotIn(b"topsecret", done.stdout + done.stderr + self.told())

    def test_nobody_wants_to_say_it(self):
        with terminal.Typing([harness.SALLY, "ls", f"alice@127.0.0.1:{self.server.port}/"], self.here, self.environment()) as sally:
            sally.expect("Password for alice")
            sally.type("\x03")
            self.assertEqual(sally.end(), 130)

    def test_a_session_keeps_no_password(self):
        done = self.sally(input=b"bookmark place ftp://a:topsecret@h/\n", status=USAGE)
        self.assertNotIn(b"topsecret", done.stdout + done.stderr + self.told())
        with terminal.Typing([harness.SALLY], self.here, self.environment()) as sally:
            for line in "lpwd", "open ftp://a:topsecret@h/", "quote PASS topsecret", "quote  pass topsecret":
                sally.expect("> ")
                sally.type(line + "\n")
            sally.expect("> ")
            sally.type("quit\n")
            sally.end()
        self.assertIn(b"lpwd", self.told())
        self.assertNotIn(b"topsecret", self.told())


class Losses(TreeCase):
    def setUp(self):
        super().setUp()
        subprocess.run(["chmod", "-R", "a+rwX", self.root], check=True)

    def test_several_files_go_into_a_folder(self):
        for name in "a", "b":
            write_file(f"{self.here}/{name}", name)
        harness.make_dir(self.path("to"))
        subprocess.run(["chmod", "a+rwx", self.path("to")], check=True)
        self.sally("put", "a", "b", self.url("to"))
        self.assertEqual((self.disk("to/a"), self.disk("to/b")), (b"a", b"b"))
        self.sally("queue", "put", "a", "b", self.url("to"))
        self.assertIn(b"/to/a\t", self.sally("queue").stdout)

    def test_two_files_of_one_name(self):
        for folder in "x", "y":
            write_file(f"{self.here}/{folder}/same", folder)
            write_file(self.path(f"{folder}/same"), folder)
        self.sally("get", self.url("x/same"), self.url("y/same"), status=USAGE)
        self.sally("put", "x/same", "y/same", self.url(), status=USAGE)
        self.sally("queue", "get", "-o", "one", self.url("x/same"), self.url("y/same"), status=USAGE)
        self.assertEqual(self.names(), ["x", "y"])

    def test_a_folder_that_the_server_can_not_read_is_no_empty_one(self):
        """To vsftpd, and so to sallyd, that is the end of a transfer like any other."""
        with Lister({"": "drwxr-xr-x 1 a b 0 Jan 1 2020 sub\r\n", "sub": ""}, verb="LIST", done="226 Transfer done (but failed to open directory).") as server:
            write_file(f"{self.here}/to/sub/mine", "mine")
            self.sally("mirror", "--delete", f"127.0.0.1:{server.port}/", "to", status=REMOTE)
            self.assertEqual(read_file(f"{self.here}/to/sub/mine"), b"mine")
            self.sally("ls", f"127.0.0.1:{server.port}/sub", status=REMOTE)

    def test_what_can_not_be_looked_at_here_is_not_gone(self):
        write_file(f"{self.here}/from/sub/a", "a")
        self.mirror("-R", "from", self.url("to"))
        os.chmod(f"{self.here}/from/sub", 0o444)
        subprocess.run(["chmod", "a+rx", self.here, f"{self.here}/from"], check=True)
        subprocess.run(["chown", "-R", "nobody", self.here, self.home], check=True)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        done = subprocess.run([*as_nobody, harness.SALLY, "mirror", "-R", "--delete", "from", self.url("to")], cwd=self.here,
                              env=self.environment(), capture_output=True, timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, LOCAL, done.stderr)
        self.assertEqual(self.disk("to/sub/a"), b"a")

    def test_what_is_called_as_another_on_its_way(self):
        """A file that is being written when the tree is copied."""
        names = {"a": 3_000_000, "a.part": 5}
        self.plant(self.root, names)
        self.plant(f"{self.here}/from", names)
        for words in ("-P", 2, self.url(), "to"), ("-P", 2, "-R", "from", self.url("up")):
            done = self.sally("mirror", *words, status=LOCAL if "-R" in words else REMOTE)
            self.assertIn(b"a.part", done.stderr)
        self.assertEqual(read_file(f"{self.here}/to/a"), noise(3_000_000, 1))
        self.assertEqual(self.disk("up/a"), noise(3_000_000, 1))
        self.assertEqual(os.listdir(f"{self.here}/to").count("a.part"), 0)

    def test_another_file_has_come_to_be_called_so(self):
        write_file(self.path("a"), noise(3_000_000))
        child = subprocess.Popen([harness.SALLY, "get", "--limit-rate", "2M", self.url("a")], cwd=self.here, env=self.environment(),
                                 stderr=subprocess.PIPE)
        harness.wait_until(lambda: "a.part" in self.names() and os.stat(self.here + "/a.part").st_size)
        write_file(self.here + "/other", "other")
        os.rename(self.here + "/other", self.here + "/a.part")
        self.assertIn(b"a.part", child.communicate(timeout=harness.PATIENCE)[1])
        self.assertEqual(child.returncode, LOCAL)
        self.assertEqual(self.mine("a.part"), b"other")
        self.assertNotIn("a", self.names())

    def test_removing_where_we_are(self):
        write_file(self.path("sub/a"), "a")
        subprocess.run(["chmod", "-R", "a+rwX", self.root], check=True)
        for path in ".", "/.", "//", "pub/..", "pub/sub/./", "./":
            with self.subTest(path=path):
                self.sally("rm", "-r", f"127.0.0.1:{self.server.port}/{path}", status=LOCAL)
        for line in "rm -r .", "rm -r ..", "rm -r ''", "rm -r sub/..":
            with self.subTest(line=line):
                self.assertNotEqual(self.sally(self.url(), input=line.encode() + b"\n", status=LOCAL), 0)
        self.assertEqual(self.disk("sub/a"), b"a")

    def test_a_file_is_not_deleted_for_what_does_not_exist(self):
        write_file(self.here + "/f", "12345")
        with Scripted({"STOR": "150 here", "RNTO": "550 f.part does not exist", "DELE": "250 gone", "SIZE": "213 5"}) as server:
            self.sally("put", "f", f"127.0.0.1:{server.port}/f", status=REMOTE)
        self.assertFalse([line for line in server.seen if line.startswith("DELE")])

    def test_only_what_we_have_begun_is_gone_on_with_by_itself(self):
        """The first attempt sends nothing; what lies there is another's."""
        write_file(self.here + "/f", noise(5000))
        os.utime(self.here + "/f", (1_600_000_000, 1_600_000_000))
        with Scripted({"STOR": "150 here", "APPE": "150 here", "SIZE": "213 5000", "MDTM": "213 20380101000000"}, again=True) as server:
            server.script["STOR"] = iter_once("421 later", "150 here")
            self.sally("put", "f", f"127.0.0.1:{server.port}/f")
        self.assertFalse([line for line in server.seen if line.startswith("APPE")])


class Breaking(Lister):
    """It makes one folder, ends the session at the next, once, and takes one session less for a while."""
    made, has_broken, turned_away = None, False, False

    def own_answer(self, verb, argument):
        if verb != "MKD" or argument == "to/new":
            return "257 made" if verb == "MKD" else None
        if self.made is None:
            self.made = argument
            self.listings["to/new"] = f"type=dir; {os.path.basename(argument)}\r\n"
            return "257 made"
        if not self.has_broken:
            harness.wait_until(lambda: self.asked.count(("FEAT", "")) == 2)  # the other session stands by then
            self.has_broken = True
            return ""
        return "550 it exists" if argument == self.made else "257 made"

    def session(self, control):
        if not self.has_broken or self.turned_away:
            super().session(control)
            return
        self.turned_away = True
        with control:
            control.sendall(b"421 too many\r\n")


def iter_once(first, then):
    """What is said the first time, and after that."""
    said = [first]
    return lambda: said.pop() if said else then


class Streams(SallyCase):
    def test_without_standard_error(self):
        """What is said there comes to lie in no file, and in no session."""
        write_file(self.path("a"), noise(3_000_000))
        for closed in (2,), (0, 2), (0, 1, 2):
            with self.subTest(closed=closed):
                shell = " ".join(f"{fd}>&-" for fd in closed)
                done = subprocess.run(["sh", "-c", f"exec {harness.SALLY} get -v {self.url('a')} {shell}"], cwd=self.here,
                                      env=self.environment(), timeout=harness.PATIENCE)
                self.assertEqual(done.returncode, 0)
                self.assertEqual(self.mine("a"), noise(3_000_000))
                os.unlink(self.here + "/a")

    def test_without_standard_output(self):
        write_file(self.path("a"), "a")
        for words in "cat", "ls":
            done = subprocess.run(["sh", "-c", f"exec {harness.SALLY} {words} {self.url('a' if words == 'cat' else '')} >&-"], cwd=self.here,
                                  env=self.environment(), timeout=harness.PATIENCE, capture_output=True)
            self.assertEqual(done.returncode, LOCAL, done.stderr)

    def test_nobody_reads_what_is_written(self):
        write_file(self.path("a"), noise(3_000_000))
        reader, writer = os.pipe()
        child = subprocess.Popen([harness.SALLY, "cat", self.url("a")], stdout=writer, stderr=subprocess.DEVNULL, env=self.environment())
        os.close(writer)
        os.read(reader, 1)
        with self.assertRaises(subprocess.TimeoutExpired):
            child.wait(0.5)
        child.terminate()
        self.assertEqual(child.wait(harness.PATIENCE), 130)
        os.close(reader)

    def test_nobody_writes_what_is_sent(self):
        os.mkfifo(self.here + "/fifo")
        child = subprocess.Popen([harness.SALLY, "put", "fifo", self.url("a")], cwd=self.here, stderr=subprocess.DEVNULL, env=self.environment())
        with open(self.here + "/fifo", "wb", buffering=0) as fifo:
            fifo.write(b"begun")
            with self.assertRaises(subprocess.TimeoutExpired):
                child.wait(0.5)
            child.terminate()
            self.assertEqual(child.wait(harness.PATIENCE), 130)
        self.assertFalse(os.path.exists(self.path("a")))


class Talker(Scripted):
    """It has something to say over the data connection for as long as anybody listens: line, and before it what it was sent."""

    def __init__(self, script, line, certificate=None):
        super().__init__(script, line * (1 << 20), certificate)

    def answer(self, control, verb):
        if verb not in ("STOR", "LIST"):
            super().answer(control, verb)
            return
        control.sendall(b"150 go on\r\n")
        data = self.passive.accept()[0]
        with contextlib.suppress(OSError):
            if self.context:
                data = self.context.wrap_socket(data, server_side=True)
            while verb == "STOR" and data.recv(65536):
                pass
            while True:
                data.sendall(self.sent)
        data.close()
        control.sendall(b"226 done\r\n")


class Endless(SallyCase):
    def test_a_listing_that_never_pauses_is_called_off(self):
        with Talker({}, b"-rw-r--r-- 1 a b 1 Jan 1 2020 x\r\n") as server:
            child = subprocess.Popen([harness.SALLY, "ls", f"127.0.0.1:{server.port}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                     env=self.environment())
            reader = threading.Thread(target=lambda: [None for _ in iter(lambda: child.stdout.read(1 << 20), b"")])
            child.stdout.read(1 << 20)
            reader.start()
            child.terminate()
            with self.subTest():
                self.assertEqual(child.wait(10), 130)
            child.kill()
            reader.join()
            child.stdout.close()
            child.wait()

    def test_who_talks_on_while_he_is_sent_something_is_not_heard_out(self):
        write_file(self.here + "/f", "12345")
        certificate = make_certificate(harness.make_dir(self.home + "/certificate") + "/server.pem", "localhost")
        with Talker({"PBSZ": "200 ok", "PROT": "200 ok", "SIZE": "213 5"}, b"x" * 100, certificate) as server:
            self.sally("put", "--fingerprint", fingerprint_of(certificate), "f", f"127.0.0.1:{server.port}/f")


class Others(SallyCase):
    def test_pieces_where_nothing_says_that_they_are_of_one_file(self):
        content = noise(3 << 20)
        with Lister({}, content=content) as server:
            self.sally("get", "--segments", "3", f"127.0.0.1:{server.port}/large")
        self.assertEqual(self.mine("large"), content)

    def test_pieces_where_the_server_begins_nowhere_but_at_the_beginning(self):
        content = noise(3 << 20)
        with Lister({}, content=content, times={"large": "20200101000000"}, refuses=("REST",)) as server:
            self.sally("get", "--segments", "3", f"127.0.0.1:{server.port}/large")
        self.assertEqual(self.mine("large"), content)

    def test_pieces_where_the_server_only_says_that_it_begins_elsewhere(self):
        with Lister({}, content=noise(3 << 20), times={"large": "20200101000000"}, forgets=True) as server:
            self.sally("get", "--segments", "3", "--retries", "0", f"127.0.0.1:{server.port}/large", status=CUT)
        self.assertNotIn("large", self.names())

    def test_another_server_is_not_there(self):
        write_file(self.path("a"), "a")
        self.sally("get", "--retries", "0", "127.0.0.1:1/x", "127.0.0.1:1/y", self.url("a"), status=4)
        self.assertEqual(self.names(), ["a"])

    def test_another_session_goes_on_with_what_was_begun(self):
        """It looks first what is there already."""
        for name in "one", "two":
            os.makedirs(f"{self.here}/from/new/{name}")
        with Breaking({"to": "type=dir; x\r\n"}) as server:
            self.sally("mirror", "-R", "-P", "2", "from", f"127.0.0.1:{server.port}/to")

    def test_a_folder_of_long_names_without_an_end(self):
        line = LISTED + "x" * 60_000 + "\r\n"
        with Lister({"": line * 4600}) as server:
            said = self.sally("mirror", f"127.0.0.1:{server.port}/", "to", status=REMOTE).stderr
        self.assertIn(b"more entries than any", said)

    def test_a_server_with_no_mlsd_but_mlst(self):
        with Lister({"": "-rw-r--r-- 1 a b 1 Jan 1 2020 x\r\n"}, verb="LIST") as server:
            server.own_answer = lambda verb, _: "211-\r\n MLST type*;\r\n211 end" if verb == "FEAT" else None
            self.assertIn(b" x\n", self.sally("ls", f"127.0.0.1:{server.port}").stdout)

    def test_more_comes_than_was_said(self):
        """And more, and more: nobody's disk is filled with it."""
        with Lister({}, content=b"12345678" * (4 << 20), said=5) as server:
            self.sally("get", "--retries", "0", f"127.0.0.1:{server.port}/large", status=CUT)
        self.assertLess(os.stat(self.here + "/large.part").st_size, 1 << 20)

    def test_a_name_in_the_prompt_does_not_move_the_cursor(self):
        for name in "\x1b[2J", "\u009b2J":
            line = f"-rw-r--r-- 1 a b 1 Jan 1 2020 a{name}\r\n".encode()
            with Scripted({"PWD": f'257 "/{name}"', "LIST": "150 here"}, line) as server:
                done = self.sally("-v", f"127.0.0.1:{server.port}", input=b"pwd\nls\n")
                self.assertNotIn(name.encode(), done.stdout + done.stderr)

    def test_set_is_kept(self):
        self.sally(input=b"set --encoding EUC-KR\nopen " + self.url().encode() + b"\nls\n")

    def test_options_count_in_the_session_that_is_open(self):
        write_file(self.path("a"), noise(300_000))
        for lines in "set --limit-rate 300k\nget a\n", "get --limit-rate 300k a\n":
            began = time.monotonic()
            self.sally(self.url(), input=lines.encode())
            self.assertGreater(time.monotonic() - began, 0.8)
        said = self.sally(self.url(), input=b"pwd\nls -v --active\nls\n").stderr
        self.assertIn(b"Command:\tPORT", said)

    def test_mirror_goes_to_where_the_session_is(self):
        subprocess.run(["chmod", "-R", "a+rwX", self.root], check=True)
        write_file(f"{self.here}/deep/tree/a", "a")
        self.sally(self.url(), input=f"mirror -R {self.here}/deep/tree\n".encode())
        self.assertEqual(self.disk("tree/a"), b"a")


del Hostile, TreeCase, SallyCase
