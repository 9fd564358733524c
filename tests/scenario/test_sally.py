# SPDX-License-Identifier: BSD-2-Clause
"""sally, the client: files whole or not at all, whichever data connection works, and servers that mean harm."""
import contextlib
import fcntl
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import unittest.mock

import harness
import terminal
from harness import AnonymousCase, noise, read_file, write_file
from namespace import PASSWORD
from tls import make_certificate, openssl

REFUSED, NO_CONNECTION, NO_TLS, NO_LOGIN, NO_DATA, REMOTE, LOCAL, CUT = 1, 4, 5, 6, 7, 8, 9, 10
USAGE = 2


class SallyCase(AnonymousCase):
    """Each test has a folder of its own, where sally runs."""

    def setUp(self):
        super().setUp()
        self.here = tempfile.mkdtemp(dir=harness.WORK)
        self.addCleanup(shutil.rmtree, self.here)
        self.home = tempfile.mkdtemp(dir=harness.WORK)  # what it remembers
        subprocess.run(["find", self.root, "-mindepth", "1", "-delete"], check=True)
        self.addCleanup(shutil.rmtree, self.home)

    def environment(self):
        return {**{k: v for k, v in os.environ.items() if not k.startswith("XDG_")}, "LC_ALL": "C.UTF-8", "HOME": self.home}

    def sally(self, *words, status=0, input=b"", **kw):
        done = subprocess.run([harness.SALLY, "--retry-delay", "0", *map(str, words)], cwd=self.here, capture_output=True,
                              timeout=harness.PATIENCE, input=input, env=self.environment(), **kw)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done

    def url(self, path="", server=None):
        return f"127.0.0.1:{(server or self.server).port}/pub/{path}"

    def mine(self, name):
        return read_file(os.path.join(self.here, name))

    def names(self):
        return sorted(os.listdir(self.here))


class Files(SallyCase):
    def test_a_file_comes_and_goes_whole(self):
        write_file(self.path("a"), noise(3_000_000))
        os.utime(self.path("a"), (1_600_000_000, 1_600_000_000))
        self.sally("get", self.url("a"))
        self.assertEqual(self.mine("a"), noise(3_000_000))
        self.assertEqual(os.stat(self.here + "/a").st_mtime, 1_600_000_000)
        self.assertEqual(self.names(), ["a"])
        self.sally("put", "a", self.url("b"))
        self.sally("put", "a", self.url())
        self.assertEqual(self.disk("b"), noise(3_000_000))
        self.assertEqual(sorted(os.listdir(self.root)), ["a", "b"])

    def test_an_empty_file(self):
        write_file(self.path("empty"), "")
        self.sally("get", self.url("empty"))
        self.assertEqual(self.mine("empty"), b"")

    def test_what_was_begun_goes_on_only_with_the_same_file(self):
        for age, there, wanted in ((0, noise(1000), noise(5000)), (7, noise(1000, 2), noise(5000)), (0, noise(9000, 2), noise(5000))):
            with self.subTest(age=age, size=len(there)):
                write_file(self.path("long"), noise(5000))
                os.utime(self.path("long"), (1_600_000_000, 1_600_000_000))
                part = self.here + "/long.part"
                with open(part, "wb") as f:
                    f.write(there)
                os.utime(part, (1_600_000_000 - age,) * 2)
                said = self.sally("get", "-v", "--continue", self.url("long")).stderr
                self.assertEqual(self.mine("long"), wanted)
                self.assertEqual(b"Resuming at byte 1000" in said, age == 0 and len(there) == 1000)
                self.assertEqual(self.names(), ["long"])

    def test_cat_and_ls(self):
        write_file(self.path("one"), "one\n")
        self.assertEqual(self.sally("cat", self.url("one")).stdout, b"one\n")
        os.utime(self.path("one"), (1_600_000_000, 1_600_000_000))
        self.assertRegex(self.sally("ls", self.url()).stdout, rb"(?m)^-rw-r--r-- +4 2020-09-13 12:26 one$")
        entries = [json.loads(line) for line in self.sally("ls", "--json", self.url()).stdout.splitlines()]
        self.assertIn({"name": "one", "type": "file", "size": 4, "mode": 0o644, "time": "2020-09-13T12:26:40Z"}, entries)

    def test_what_is_not_there(self):
        said = self.sally("get", self.url("none"), status=REMOTE).stderr
        self.assertIn(b"Command:\tRETR pub/none", said)
        self.assertEqual(self.names(), [])
        self.sally("put", "none", self.url(), status=LOCAL)
        self.sally("ls", "127.0.0.1:1/", status=NO_CONNECTION)

    def test_names(self):
        for name in ("with blank", "\u00e4\ud55c\uae00", "a%b", "-dash", "..three"):
            with self.subTest(name=name):
                write_file(self.path(name), name)
                quoted = name.replace("%", "%25")
                self.sally("get", "--", self.url(quoted))
                self.assertEqual(self.mine(name), name.encode())

    def test_a_full_disk_is_said_and_leaves_no_whole_name(self):
        write_file(self.path("large"), noise(3_000_000))
        small = tempfile.mkdtemp(dir=harness.WORK)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        said = self.sally("get", "-o", small + "/large", self.url("large"), status=LOCAL).stderr
        self.assertIn(b"No space left", said)
        self.assertEqual(os.listdir(small), ["large.part"])

    def test_only_files_are_replaced(self):
        write_file(self.path("a"), "new")
        os.mkfifo(self.here + "/fifo")
        os.mkdir(self.here + "/folder")
        for name in "fifo", "folder":
            self.sally("get", "-o", name, self.url("a"), status=LOCAL)
        os.symlink("elsewhere", self.here + "/link")
        self.sally("get", "-o", "link", self.url("a"))
        self.assertFalse(os.path.islink(self.here + "/link"))
        self.assertEqual(self.names(), ["fifo", "folder", "link"])

    def test_what_lies_there_stays_if_nothing_comes(self):
        for name in "none.part", "none":
            with open(self.here + "/" + name, "w") as f:
                f.write("begun")
        self.sally("get", self.url("none"), status=REMOTE)
        self.assertEqual((self.mine("none.part"), self.mine("none")), (b"begun", b"begun"))

    def test_several_at_once_and_one_that_is_not_there(self):
        for name in "abc":
            write_file(self.path(name), noise(400_000, ord(name)))
        self.sally("get", "-P", "3", self.url("a"), self.url("none"), self.url("b"), self.url("c"), status=REMOTE)
        for name in "abc":
            self.assertEqual(self.mine(name), noise(400_000, ord(name)))
        self.sally("rm", self.url("a"), self.url("b"), self.url("c"))
        self.assertEqual(os.listdir(self.root), [])
        self.sally("put", "-P", "3", "a", "b", "c", self.url())
        for name in "abc":
            self.assertEqual(self.disk(name), noise(400_000, ord(name)))

    def test_a_file_in_pieces(self):
        write_file(self.path("large"), noise(9_000_001))
        said = self.sally("get", "-v", "--segments", "4", self.url("large")).stderr.decode()
        self.assertEqual(self.mine("large"), noise(9_000_001))
        for number in range(1, 4):
            self.assertIn(f"REST {number * (9_000_001 // 4)}", said)
        self.assertIn("HASH", said)  # and it is the same
        write_file(self.path("small"), "small")
        self.sally("get", "--segments", "4", self.url("small"))
        self.assertEqual(self.names(), ["large", "small"])

    def test_what_may_have_holes_is_not_gone_on_with(self):
        write_file(self.path("a"), noise(3_000_000))
        part = self.here + "/a.part"
        with open(part, "wb") as f:
            f.truncate(3_000_000)
        try:
            os.setxattr(part, "user.sally.of", b"pieces")
        except OSError as error:  # a tmpfs before Linux 6.6; there sally gets no file in pieces
            self.skipTest(f"no extended attributes here: {error}")
        os.utime(part, (int(os.stat(self.path("a")).st_mtime),) * 2)
        self.assertNotIn(b"Resuming", self.sally("get", "-v", "-c", self.url("a")).stderr)
        self.assertEqual(self.mine("a"), noise(3_000_000))

    def test_an_upload_goes_on(self):
        with open(self.here + "/a", "wb") as f:
            f.write(noise(500_000))
        write_file(self.path("a.part"), noise(500_000)[:200_000])
        said = self.sally("put", "-v", "-c", "a", self.url()).stderr
        self.assertIn(b"Resuming at byte 200000", said)
        self.assertEqual(self.disk("a"), noise(500_000))
        write_file(self.path("a.part"), noise(200_000, 7))  # another file's
        said = self.sally("put", "-v", "-c", "a", self.url()).stderr
        self.assertNotIn(b"Resuming", said)
        self.assertEqual(self.disk("a"), noise(500_000))

    def test_a_rate(self):
        write_file(self.path("a"), noise(300_000))
        began = time.monotonic()
        self.sally("get", "--limit-rate", "300k", self.url("a"))
        self.assertGreater(time.monotonic() - began, 0.5)  # a second, but for what the last piece need not wait

    def test_names_in_another_encoding(self):
        name = "\ud55c\uae00"
        raw = os.fsencode(self.root) + b"/" + name.encode("cp949")
        with open(raw, "wb") as f:
            f.write(b"text")
        self.assertTrue(self.sally("ls", "--encoding", "CP949", self.url()).stdout.decode().endswith(f" {name}\n"))
        self.sally("get", "--encoding", "CP949", self.url(name))
        self.assertEqual(self.mine(name), b"text")

    def test_events(self):
        write_file(self.path("a"), noise(1000))
        events = [json.loads(line) for line in self.sally("get", "--json", self.url("a")).stdout.splitlines()]
        self.assertIn({"event": "status", "session": 0, "id": "LOGGED_IN", "words": [], "text": "Logged in"}, events)
        self.assertIn(["1000"], [e["words"][:1] for e in events if e.get("id") == "TRANSFER_DONE"])

    def test_another_is_writing_it(self):
        write_file(self.path("a"), noise(1000))
        with open(self.here + "/a.part", "wb") as part:
            part.write(b"begun")
            part.flush()
            fcntl.lockf(part, fcntl.LOCK_EX)
            said = self.sally("get", self.url("a"), status=LOCAL).stderr
        self.assertIn(b"another sally is writing it", said)
        self.assertEqual(self.mine("a.part"), b"begun")

    def test_completion_of_zsh(self):
        harness.need("zsh")
        folder = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging/completion")
        os.makedirs(self.home + "/.config/sally")
        write_file(self.home + "/.config/sally/bookmarks", "office ftp://H/\n")
        write_file(self.here + "/alpha.txt", "")
        environment = {**self.environment(), "PATH": os.path.dirname(harness.SALLY) + ":" + os.environ["PATH"], "PS1": "> "}
        with terminal.Typing([shutil.which("zsh"), "-f", "-i"], self.here, environment, columns=200) as zsh:
            zsh.type(f"fpath=({folder} $fpath); autoload -U compinit; compinit -u -D; sally() {{ printf '<%s>' \"$@\"; echo }}; echo rea''dy\n")
            zsh.expect("ready\r")
            for typed, words in (("mir\t", "<mirror>"), ("-v mir\t", "<-v><mirror>"), ("-P 4 mir\t", "<-P><4><mirror>"), ("off\t", "<office>"),
                                 ("put al\t", "<put><alpha.txt>"), ("queue -v ru\t", "<queue><-v><run>"), ("get --reve\t", "<get><--reverse>"),
                                 ("get --encoding UTF-16B\t", "<get><--encoding><UTF-16BE>"), ("get --output=al\t", "<get><--output=alpha.txt>")):
                with self.subTest(typed=typed):
                    zsh.type("sally " + typed + "\n")
                    zsh.expect(f"{words}\r")

    def test_completion(self):
        file = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging/completion/sally.bash")
        for words, wanted in ((["mi"], "mirror"), (["get", "--seg"], "--segments"), (["get", "-o", "/etc/passw"], "/etc/passwd")):
            script = f"source {file}; COMP_WORDS=(sally {' '.join(words)}); COMP_CWORD={len(words)}; _sally; echo ${{COMPREPLY[@]}}"
            done = subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                                  env={**self.environment(), "PATH": os.path.dirname(harness.SALLY) + ":" + os.environ["PATH"]})
            self.assertIn(wanted, done.stdout.split(), done.stderr)

    def test_usage(self):
        for words in (("get",), ("put", "a"), ("fly", "a"), ("get", "--no-such", "a"), ("get", "http://a/b"), ("get", "ftp://a:0/b"),
                      ("ls", "ftp://u:secret@h/"), ("ls", "--active-ports", "9:1", "h"), ("ls", "--fingerprint", "12", "h"), ("get", "-P", "0", "h/a"), ("get", "-P", "65", "h/a"),
                      ("get", "--retries", "-1", "h/a"), ("get", "--limit-rate", "x", "h/a"), ("ls", "--encoding", "none", "h"),
                      ("ls", "--active-address", "h", "h"), ("get", "-o", "a", "h/a", "h/b"), ("mirror", "-R", "a")):
            with self.subTest(words=words):
                self.assertTrue(self.sally(*words, status=USAGE).stderr.startswith((b"sally: ", b"usage: ")))
        self.assertIn(b"usage: sally", self.sally("--help").stdout)


class Ways(SallyCase):
    """Data connections."""
    options = {"pasv_min_port": 20500, "pasv_max_port": 20510}

    def closed(self, *what):
        harness.need("iptables-legacy")
        rule = ["-I", "INPUT", "-p", "tcp", "--dport", "20500:20510", "--syn", *what]
        subprocess.run(["iptables-legacy", *rule], check=True)
        self.addCleanup(subprocess.run, ["iptables-legacy", "-D", *rule[1:]], check=True)

    def test_passive_ports_are_closed_and_active_is_not(self):
        write_file(self.path("a"), noise(1000))
        self.closed("-j", "REJECT", "--reject-with", "tcp-reset")
        said = self.sally("get", "-v", self.url("a")).stderr
        self.assertEqual(self.mine("a"), noise(1000))
        self.assertIn(b"No data connection by EPSV: Connection refused", said)
        self.assertIn(b"Trying PASV instead.", said)
        self.assertIn(b"Command:\tPORT 127,0,0,1,", said)

    def test_what_worked_is_remembered(self):
        self.closed("-j", "REJECT", "--reject-with", "tcp-reset")
        self.assertIn(b"Command:\tEPSV", self.sally("ls", "-v", self.url()).stderr)
        self.assertNotIn(b"Command:\tEPSV", self.sally("ls", "-v", self.url()).stderr)

    def test_none_is_allowed(self):
        write_file(self.path("a"), noise(1000))
        self.closed("-j", "REJECT", "--reject-with", "icmp-admin-prohibited")
        said = self.sally("get", "--passive", self.url("a"), status=NO_DATA).stderr
        self.assertIn(b"prohibited by a firewall", said)
        self.assertIn(b"No data connection could be made", said)
        self.assertEqual(self.names(), [])

    def test_how_long_each_is_waited_for(self):
        self.closed("-j", "DROP")
        began = time.monotonic()
        said = self.sally("ls", "--passive", "--timeout", "1", self.url(), status=NO_DATA).stderr
        self.assertEqual(said.count(b"timed out after 1 seconds"), 2, said)
        self.assertLess(time.monotonic() - began, 9)

    def test_active_ports(self):
        said = self.sally("ls", "-v", "--active", "--active-ports", "30000:30003", self.url()).stderr
        self.assertIn(b"PORT 127,0,0,1,117,48", said)


def fingerprint_of(certificate):
    text = openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256").stdout.decode()
    return text.strip().rpartition("=")[2].replace(":", "").lower()


class Secured(SallyCase):
    """TLS wherever it is offered."""

    @classmethod
    def prepare(cls):
        folder = harness.make_dir(os.path.join(os.path.dirname(cls.root), "certificates"), "nobody")
        cls.certificate = make_certificate(folder + "/server.pem", "localhost")
        cls.conf = {**cls.conf, "ssl_enable": "YES", "allow_anon_ssl": "YES", "rsa_cert_file": cls.certificate,
                    "require_ssl_reuse": "YES"}
        cls.fingerprint = fingerprint_of(cls.certificate)

    def test_who_is_not_known_is_not_talked_to(self):
        said = self.sally("ls", self.url(), status=NO_TLS).stderr.decode()
        self.assertIn(self.fingerprint, said)
        self.assertNotIn("USER", said)
        self.assertFalse(os.path.exists(self.home + "/.local"))  # whoever that was says nothing of the server

    def test_the_right_fingerprint(self):
        write_file(self.path("a"), noise(500_000))
        said = self.sally("get", "-v", "--fingerprint", self.fingerprint, self.url("a")).stderr
        self.assertEqual(self.mine("a"), noise(500_000))
        self.assertIn(b"PROT P", said)
        self.assertNotIn(b"does not continue the TLS session", said)
        self.sally("put", "--fingerprint", self.fingerprint, "a", self.url("b"))
        self.assertEqual(self.disk("b"), noise(500_000))

    def known_servers(self):
        return read_file(self.home + "/.local/state/sally/servers").decode()

    def test_trust_at_first_sight(self):
        self.sally("ls", "--trust-new", self.url())
        line = f"127.0.0.1:{self.server.port} tls fingerprint={self.fingerprint} way=EPSV\n"
        self.assertEqual(self.known_servers(), line)
        self.sally("ls", self.url())
        with open(self.home + "/.local/state/sally/servers", "w") as f:
            f.write("other:21 tls\n" + line.replace(self.fingerprint, "0" * 64))
        said = self.sally("ls", "--trust-new", self.url(), status=NO_TLS).stderr
        self.assertIn(b"HAS CHANGED", said)
        self.sally("ls", "--fingerprint", self.fingerprint, self.url())
        self.assertEqual(self.known_servers(), "other:21 tls\n" + line)

    def test_what_is_remembered_is_not_understood(self):
        os.makedirs(self.home + "/.local/state/sally")
        with open(self.home + "/.local/state/sally/servers", "w") as f:
            f.write("other:21 tls\n127.0.0.1:21 tsl\n")
        self.assertIn(b"line 2", self.sally("ls", "--trust-new", self.url(), status=LOCAL).stderr)

    def test_a_person_is_asked(self):
        with terminal.Typing([harness.SALLY, "ls", self.url()], self.here, self.environment()) as sally:
            sally.expect(f"{self.fingerprint}.*\\(yes/no\\)")
            sally.type("maybe\n")
            sally.expect("\\(yes/no\\)")
            sally.type("yes\n")
            self.assertEqual(sally.end(), 0)
        self.sally("ls", self.url())

    def test_another_fingerprint(self):
        said = self.sally("ls", "--fingerprint", "0" * 64, self.url(), status=NO_TLS).stderr
        self.assertIn(b"HAS CHANGED", said)
        self.assertNotIn(b"USER", said)

    def test_whom_this_system_trusts(self):
        env = {"SSL_CERT_FILE": self.certificate}
        url = self.url().replace("127.0.0.1", "localhost")
        with unittest.mock.patch.dict(os.environ, env):
            self.sally("ls", url)
            self.sally("ls", self.url(), status=NO_TLS)  # under another name


class Passwords(SallyCase):
    options = {"local_enable": "YES"}

    def test_no_password_in_clear_without_a_word(self):
        url = f"alice@127.0.0.1:{self.server.port}/"
        said = self.sally("ls", "--password-file", "-", url, status=NO_TLS, input=PASSWORD.encode()).stderr
        self.assertIn(b"--plain", said)
        self.assertNotIn(b"USER", said)
        said = self.sally("ls", "-v", "--plain", "--password-file", "-", url, input=PASSWORD.encode()).stderr
        self.assertIn(b"Command:\tPASS ****", said)
        self.assertNotIn(PASSWORD.encode(), said)
        self.sally("ls", "--plain", "--password-file", "-", url, status=NO_LOGIN, input=b"wrong\n")

    def test_tls_that_is_gone(self):
        os.makedirs(self.home + "/.local/state/sally")
        with open(self.home + "/.local/state/sally/servers", "w") as f:
            f.write(f"127.0.0.1:{self.server.port} tls\n")
        url = f"alice@127.0.0.1:{self.server.port}/"
        said = self.sally("ls", "--plain", "--password-file", "-", url, status=NO_TLS, input=PASSWORD.encode()).stderr
        self.assertIn(b"has offered TLS before", said)
        self.assertNotIn(b"USER", said)

    def test_netrc_and_a_command(self):
        name = self.home + "/.netrc"
        with open(name, "w") as f:
            f.write(f"machine other login bob password x\nmachine 127.0.0.1\n login alice\n password \"{PASSWORD}\"\n")
        self.sally("ls", "--plain", f"127.0.0.1:{self.server.port}/", status=LOCAL)  # others may read it
        os.chmod(name, 0o600)
        said = self.sally("ls", "-v", "--plain", f"127.0.0.1:{self.server.port}/").stderr
        self.assertIn(b"USER alice", said)
        self.sally("ls", "--plain", f"alice@127.0.0.1:{self.server.port}/")
        os.unlink(name)
        url = f"alice@127.0.0.1:{self.server.port}/"
        command = f"test $SALLY_USER@$SALLY_HOST = alice@127.0.0.1 && echo {PASSWORD}"
        self.sally("ls", "--plain", "--password-command", command, url)
        self.sally("ls", "--plain", "--password-command", "false", url, status=LOCAL)

    def test_a_person_is_asked(self):
        url = f"alice@127.0.0.1:{self.server.port}/"
        for answer, status in ("no", NO_TLS), ("yes", 0):
            with terminal.Typing([harness.SALLY, "ls", url], self.here, self.environment()) as sally:
                sally.expect("Password for alice")
                sally.type(PASSWORD + "\n")
                sally.expect("\\(yes/no\\)")
                sally.type(answer + "\n")
                self.assertEqual(sally.end(), status)
                self.assertNotIn(PASSWORD, sally.seen)

    def test_nobody_to_ask(self):
        said = self.sally("ls", f"alice@127.0.0.1:{self.server.port}/", status=LOCAL, start_new_session=True).stderr
        self.assertIn(b"--password-file", said)


# --- servers that mean harm ---------------------------------------------------------------------------------------

class Scripted:
    """A server that says what it is told to: {verb: reply, or what makes one of the session}."""

    def __init__(self, script, data=b"", certificate=None, behind=b"", again=False):
        """behind: what comes in clear with the answer to AUTH. again: a second session, without TLS, after the first."""
        self.script, self.sent, self.seen, self.context = script, data, [], None
        self.behind, self.again = behind, again
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.passive = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        for sock in self.listener, self.passive:  # which ends an accept that waits; closing does not
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self.thread.join(harness.PATIENCE)

    STANDARD = {"": "220 hello", "AUTH": "502 no", "USER": "230 in", "FEAT": "211 none", "TYPE": "200 ok", "SIZE": "502 no",
                "MDTM": "502 no", "QUIT": "221 bye", "RNFR": "350 go on", "RNTO": "250 done"}

    def serve(self):
        with contextlib.suppress(OSError):  # of accept: the end
            self.meet()
            while self.again:
                self.context = None
                self.meet()

    def meet(self):
        control, _ = self.listener.accept()
        with contextlib.suppress(OSError):
            self.session(control)

    def session(self, control):
        self.answer(control, "")
        if self.context:
            control.recv(100)
            control.sendall(b"234 go on\r\n" + self.behind)
            control = self.context.wrap_socket(control, server_side=True)
        with control, control.makefile("rb") as lines:
            for line in lines:
                verb = line.split()[0].decode()
                self.seen.append(line.decode().strip())
                self.answer(control, verb)

    def answer(self, control, verb):
        port = self.passive.getsockname()[1]
        said = {**self.STANDARD, "EPSV": f"229 Entering (|||{port}|)",
                "PASV": f"227 Entering (127,0,0,1,{port >> 8},{port & 255})", **self.script}.get(verb, "500 what?")
        said = said() if callable(said) else said
        for part in [said] if isinstance(said, (str, bytes)) else said:
            control.sendall(part if isinstance(part, bytes) else part.encode() + b"\r\n")
        if verb in ("STOR", "APPE") and str(said).startswith("150"):
            with self.passive.accept()[0] as data:
                while data.recv(65536):
                    pass
            control.sendall(b"226 done\r\n")
        if verb in ("RETR", "LIST", "MLSD") and str(said).startswith("150"):
            data = self.passive.accept()[0]
            if self.context:
                data = self.context.wrap_socket(data, server_side=True, suppress_ragged_eofs=False)
            with data:  # which closes the socket, and under TLS says nothing of it
                data.sendall(self.sent)
            control.sendall(b"226 done\r\n")


class Hostile(SallyCase):
    def against(self, script, *words, data=b"", status=0):
        with Scripted(script, data) as server:
            done = self.sally(*[str(word).replace("URL", f"127.0.0.1:{server.port}") for word in words], status=status)
            return done, server.seen

    def test_endless_lines_and_replies(self):
        for name, reply, status in (("a line", b"220 " + b"x" * 200_000, REFUSED), ("lines", b"220-x\r\n" * 60_000, REFUSED),
                                    ("no reply", b"hello\r\n", REFUSED), ("nothing", b"", NO_CONNECTION)):
            with self.subTest(reply=name):
                with Scripted({"": reply}) as server:
                    if not reply:
                        server.answer = lambda control, verb: control.shutdown(socket.SHUT_RDWR)
                    self.sally("ls", f"127.0.0.1:{server.port}", status=status)

    def test_an_address_that_is_another_machine(self):
        with Scripted({"EPSV": "500 no", "LIST": "150 here"}, b"-rw-r--r-- 1 a b 1 Jan 1 2020 x\r\n") as server:
            port = server.passive.getsockname()[1]
            server.script["PASV"] = f"227 Entering (10,0,0,1,{port >> 8},{port & 255})"
            done = self.sally("ls", "-v", f"127.0.0.1:{server.port}")
        self.assertIn(b"10.0.0.1 for data", done.stderr)
        self.assertIn(b" x\n", done.stdout)

    def test_a_listing_does_not_move_the_cursor(self):
        line = b"-rw-r--r-- 1 a b 1 Jan 1 2020 a\x1b[2Jb\x07\r\n"
        done, _ = self.against({"LIST": "150 here"}, "ls", "URL", data=line)
        self.assertTrue(done.stdout.endswith(b" a^[[2Jb^G\n"), done.stdout)
        done, _ = self.against({"LIST": "150 here"}, "ls", "URL", data=line + b"what \x1b is this\r\n", status=REFUSED)
        self.assertIn(b"not understood: what ^[ is this", done.stderr)
        self.assertTrue(done.stdout.endswith(b" a^[[2Jb^G\n"), done.stdout)

    def test_less_comes_than_was_said(self):
        for size in (7, 3):
            with self.subTest(size=size):
                done, _ = self.against({"SIZE": f"213 {size}", "RETR": "150 here"}, "get", "URL/f", data=b"12345", status=CUT)
                self.assertIn(b"f.part", done.stderr)
                self.assertEqual(self.names(), ["f.part"])

    def test_tls_that_is_cut_off(self):
        certificate = make_certificate(harness.make_dir(self.home + "/certificate") + "/server.pem", "localhost")
        script = {"RETR": "150 here", "MLSD": "150 here", "LIST": "150 here", "PBSZ": "200 ok", "PROT": "200 ok"}
        for words in ("get", "URL/f"), ("cat", "URL/f"), ("ls", "URL"):
            with Scripted(script, b"12345\r\n", certificate) as server:
                url = words[-1].replace("URL", f"127.0.0.1:{server.port}")
                said = self.sally(*words[:-1], "--fingerprint", fingerprint_of(certificate), "--retries", "0", url, status=CUT).stderr
                self.assertIn(b"without saying so", said)
        self.assertNotIn("f", self.names())

    def test_a_name_is_no_command(self):
        done, seen = self.against({}, "get", "URL/a%0d%0aDELE%20b", status=USAGE)
        self.assertEqual(seen, [])
        done, seen = self.against({"RETR": "550 no"}, "cat", "URL/a%00b", status=USAGE)
        self.assertEqual(seen, [])

    def test_a_name_that_leads_out_is_not_written(self):
        for name in ("..", ".", "a/.."):
            with self.subTest(name=name):
                self.against({}, "get", f"URL/{name}", status=LOCAL)
                self.assertEqual(self.names(), [])

    def test_too_many_connections(self):
        self.against({"": "421 too many"}, "ls", "URL", status=11)

    def test_interrupted(self):
        with Scripted({"": b""}) as server:
            child = subprocess.Popen([harness.SALLY, "ls", f"127.0.0.1:{server.port}"], stderr=subprocess.PIPE)
            server.thread.join(0.3)
            child.send_signal(2)
            self.assertEqual(child.wait(harness.PATIENCE), 130)
            child.stderr.close()
