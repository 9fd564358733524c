# SPDX-License-Identifier: BSD-2-Clause
"""sally URL: commands that a person types, and scripts."""
import json
import os
import re
import subprocess

import harness
import terminal
from harness import noise, write_file
from namespace import PASSWORD
from test_sally import NO_CONNECTION, REMOTE, USAGE, SallyCase
from tls import make_certificate


class Scripts(SallyCase):
    def free(self):
        """All may be changed by the anonymous."""
        subprocess.run(["chmod", "-R", "a+rwX", self.root], check=True)

    def script(self, *lines, url=None, status=0):
        return self.sally(url or self.url(), input="".join(line + "\n" for line in lines).encode(), status=status)

    def test_a_session(self):
        write_file(self.path("one"), "one\n")
        write_file(self.path("with blank"), noise(1000))
        write_file(self.path("folder/two"), "two\n")
        self.free()
        said = self.script("# what is there", "pwd", "ls", "cat one", "get 'with blank'", "get -o other with\\ blank", "cd folder", "pwd",
                           "cat two ../one", "mkdir new", "mv two new/three", "put other", "lcd /", "lpwd", "quit", "cat nothing").stdout.decode()
        self.assertIn("/pub\n", said)
        self.assertRegex(said, r" one\n.*one\n")
        self.assertIn("/pub/folder\ntwo\none\n", said)
        self.assertTrue(said.endswith("/\n"))

    def test_patterns(self):
        for name in "a.txt", "b.txt", "c.dat", ".d.txt":
            write_file(self.path(name), name)
        self.script("mget *.txt")
        self.assertEqual(self.names(), ["a.txt", "b.txt"])
        os.mkdir(self.here + "/e.txt")
        self.script("mkdir up", "cd up", "mput *.txt")
        self.assertEqual(sorted(os.listdir(self.path("up"))), ["a.txt", "b.txt"])
        self.script("mget *.none", status=REMOTE)

    def test_trees_and_removing(self):
        write_file(self.path("tree/in/a"), "a")
        self.free()
        self.script("mirror tree", "rm -r tree", "mirror -R tree again")
        self.assertEqual(self.mine("tree/in/a"), b"a")
        self.assertEqual(sorted(os.listdir(self.root)), ["again"])
        self.assertEqual(self.disk("again/in/a"), b"a")

    def test_what_is_wrong_ends_a_script(self):
        for line, status in (("fly", USAGE), ("get", USAGE), ("cat none", REMOTE), ("cd none", REMOTE), ("cat 'a", USAGE),
                             ("get -P 0 a", USAGE), ("open 127.0.0.1:1", NO_CONNECTION), ("bookmark a/b", 9)):
            with self.subTest(line=line):
                self.assertNotIn(b"/pub", self.script(line, "pwd", status=status).stdout)

    def test_words_to_the_server(self):
        said = self.script("quote NOOP", "site HELP", "chmod 600 none", status=REMOTE).stderr.decode()
        self.assertIn("Command:\tNOOP", said)
        self.assertIn("Command:\tSITE HELP", said)
        self.assertIn("Command:\tSITE CHMOD 600 /pub/none", said)

    def test_bookmarks(self):
        write_file(self.path("folder/two"), "two\n")
        self.script("cd folder", "bookmark here", "bookmark there ftp://127.0.0.1:1/")
        self.assertEqual(self.script("bookmark", "cat two", url="here").stdout.decode(),
                         f"here ftp://127.0.0.1:{self.server.port}//pub/folder\nthere ftp://127.0.0.1:1/\ntwo\n")
        self.script("bookmark -there", "bookmark")
        self.assertEqual(self.script("bookmark", url="here").stdout.count(b"\n"), 1)

    def test_a_queue(self):
        for name in "abc":
            write_file(self.path(name), name)
        self.script("queue get a b", "queue")
        os.mkdir(self.here + "/elsewhere")
        self.sally("queue", "get", self.url("c"), self.url("none"))
        self.sally("queue", "put", "/etc/passwd", self.url())
        self.assertEqual(self.sally("queue").stdout.count(b"\n"), 5)
        self.sally("queue", "run", "-P", "2", status=REMOTE)
        self.assertEqual(self.names(), ["a", "b", "c", "elsewhere"])
        self.assertIn("passwd", os.listdir(self.root))
        self.assertEqual(self.sally("queue").stdout.decode(), f"get\t{self.url('none')}\t{self.here}/none\n")
        self.sally("queue", "clear")
        self.assertEqual(self.sally("queue").stdout, b"")

    def test_what_is_set_stays(self):
        write_file(self.path("one"), "one\n")
        self.script("set -o wanted --encoding UTF-8", "lpwd", "get one", "close", f"open {self.url()}", "get one")
        self.assertEqual(self.names(), ["wanted"])

    def test_doctor(self):
        """What `sally doctor` says of the folder, but for times."""
        os.mkdir(self.path("folder"))
        self.free()
        self.assertRegex(self.script("help").stdout.decode(), r"(?m)^doctor +\[--no-upload\]")
        typed = self.script("cd folder", "doctor", "pwd").stdout.decode()
        self.assertTrue(typed.endswith("/pub/folder\n"), typed)

        def bare(told):
            return re.sub(r"\d+ ms", "N ms", re.sub(r" +", " ", told))
        told = self.sally("doctor", self.url("folder")).stdout.decode()
        self.assertIn("PASV", told)
        self.assertEqual(bare(typed.removesuffix("/pub/folder\n")), bare(told))
        self.assertEqual(os.listdir(self.path("folder")), [])
        report = json.loads(self.script("doctor --json --no-upload", url=self.url("folder")).stdout.splitlines()[-1])
        self.assertEqual((report["event"], report["host"], report["port"]), ("report", "127.0.0.1", self.server.port))
        self.assertNotIn("small_put", [key for row in report["rows"] for key, step in row.items()
                                       if isinstance(step, dict) and step.get("outcome") == "works"])

    def test_doctor_of_what_does_not_work(self):
        """Its exit status ends a script, as that of any command."""
        self.assertNotIn(b"/pub\n", self.script("doctor --active --active-ports 1:1", "pwd", status=2).stdout)
        self.assertIn(b"no session", self.sally(input=b"doctor\n", status=NO_CONNECTION).stderr)

    def test_without_a_session(self):
        self.sally(input=b"help\nlcd /\n")
        self.assertIn(b"no session", self.sally(input=b"ls\n", status=NO_CONNECTION).stderr)

    def test_the_server_ends_the_session(self):
        write_file(self.path("one"), "one\n")
        with terminal.Typing([harness.SALLY, "--retry-delay", "0", self.url()], self.here, self.environment()) as sally:
            sally.expect("/pub> ")
            self.server.kill("nobody")
            sally.type("cat one\n")
            sally.expect("one\r\n")


class Person(SallyCase):
    def typing(self, *words, **kw):
        return terminal.Typing([harness.SALLY, "--retry-delay", "0", *words, self.url()], self.here, self.environment(), **kw)

    def test_completion(self):
        write_file(self.path("long name.txt"), "there")
        write_file(self.path("folder/inside"), "inside")
        with self.typing() as sally:
            sally.expect("/pub> ")
            sally.type("cat lo\t\n")
            sally.expect("there")
            sally.type("cat fol\tin\t\n")
            sally.expect("inside\r\n.*inside|inside")
            sally.type("mk\tnew\n")
            sally.expect("/pub> ")
            sally.type("doc\t--no-upl\n")
            sally.expect("tor --no-upl.*EPSV.*/pub> ")
            sally.type("quit\n")
            self.assertEqual(sally.end(), 0)
        self.assertEqual(sorted(os.listdir(self.root)), ["folder", "long name.txt", "new"])

    def test_what_goes_wrong_ends_nothing(self):
        with self.typing() as sally:
            sally.expect("/pub> ")
            sally.type("cat none\n")
            sally.expect("550.*/pub> ")
            sally.type("pwd\n")
            sally.expect("/pub\r\n")
            sally.type("quit\n")
            self.assertEqual(sally.end(), REMOTE)

    def test_history(self):
        for line in "lcd /tmp\n", "\x10\x10\nlpwd\n":
            with self.typing() as sally:
                sally.expect("/pub> ")
                sally.type(line)
                sally.expect("/pub> ")
                sally.type("quit\n")
                sally.end()
        self.assertIn("/tmp", sally.seen)


class Trust(SallyCase):
    """doctor asks nothing that the session knows: neither the password nor whom to trust."""

    @classmethod
    def prepare(cls):
        folder = harness.make_dir(os.path.join(os.path.dirname(cls.root), "certificates"), "nobody")
        cls.certificate = make_certificate(folder + "/server.pem", "localhost")
        cls.conf = {**cls.conf, "local_enable": "YES", "ssl_enable": "YES", "rsa_cert_file": cls.certificate}

    def test_doctor(self):
        url = f"alice@127.0.0.1:{self.server.port}/"
        with terminal.Typing([harness.SALLY, url], self.here, self.environment()) as sally:
            sally.expect("Password for alice")
            sally.type(PASSWORD + "\n")
            sally.expect("\\(yes/no\\)")
            sally.type("yes\n")
            sally.expect("alice> ")
            os.unlink(self.home + "/.local/state/sally/servers")
            sally.type("doctor --no-upload\n")
            sally.expect(r"IPv4 TLS +ok \d+ ms.*works.*alice> ")
            sally.type("quit\n")
            sally.end()
        self.assertEqual(sally.seen.count("(yes/no)"), 1)
        self.assertEqual(sally.seen.count("Password for"), 1)
        self.assertNotIn(PASSWORD, sally.seen)


class Bars(SallyCase):
    options = {"anon_max_rate": 2_000_000}

    def test_a_bar(self):
        write_file(self.path("\ud55c\uae00"), noise(2_000_000))
        with terminal.Typing([harness.SALLY, "get", self.url("\ud55c\uae00")], self.here, self.environment(), columns=60) as sally:
            sally.expect(r"\ud55c\uae00 +\[#+ *\] +\d+%  .* MB/s  0:0\d")
            self.assertEqual(sally.end(), 0)
        for line in sally.seen.replace("\r", "\n").split("\n"):
            text = line.replace("\x1b[K", "").replace("\x1b[A", "")
            self.assertLessEqual(sum(2 if c > "\u1100" else 1 for c in text), 60, text)

    def test_two_at_once_and_narrow(self):
        for name in "ab":
            write_file(self.path(name), noise(6_000_000))
        with terminal.Typing([harness.SALLY, "get", "-P", "2", self.url("a"), self.url("b")], self.here, self.environment(),
                             columns=24) as sally:
            sally.expect(r"0 \+ 2")
            self.assertEqual(sally.end(), 0)
        self.assertEqual(self.mine("a"), self.mine("b"))

    def test_ctrl_c(self):
        write_file(self.path("a"), noise(8_000_000))
        with terminal.Typing([harness.SALLY, "get", self.url("a")], self.here, self.environment()) as sally:
            sally.expect(r"%")
            sally.type("\x03")
            self.assertEqual(sally.end(), 130)
        self.assertEqual(self.names(), ["a.part"])
        self.assertIn(b"Resuming", self.sally("get", "-v", "-c", self.url("a")).stderr)
        self.assertEqual(self.mine("a"), noise(8_000_000))
