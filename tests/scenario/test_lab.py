# SPDX-License-Identifier: BSD-2-Clause
"""./run lab: rows of it in both languages, with their page; that it leaves nothing, however it ends; its command line."""
import contextlib
import glob
import html.parser
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

import harness
import run
from harness import descendants, is_alive, need_netfilter, wait_until
from live import need_live

HANGUL = re.compile("[\uac00-\ud7a3]")
LATIN = re.compile(r"[A-Za-z]{3,}")


class Page(html.parser.HTMLParser):
    """What is open when it ends, and what it would fetch."""
    VOID = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.fetched, self.images = [], [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.images += tag == "img"
        self.fetched += [value for name, value in attrs if name in ("src", "href") and not value.startswith(("data:image/svg+xml;", "#row-"))]

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            self.wrong.append(tag)


class LabCase(unittest.TestCase):
    limit = 120

    @classmethod
    def setUpClass(cls):
        harness.need("iptables", "conntrack", "ss", "sysctl")
        need_netfilter()

    def setUp(self):
        self.programs = tempfile.mkdtemp(dir=harness.WORK)
        self.folder = tempfile.mkdtemp(dir=harness.WORK)
        for name, path in (("sally", harness.SALLY), ("sallyd", harness.SALLYD), ("sallywall", harness.SALLYWALL)):
            os.symlink(path, os.path.join(self.programs, name))

    def argv(self, *words):
        return [sys.executable, "-B", os.path.join(run.TOP, "lab"), "--programs", self.programs, *words]

    def start(self, *words):
        return subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**os.environ, "LC_ALL": "C.UTF-8", "TMPDIR": self.folder})

    def play(self, *words, status=0):
        child = self.start(*words)
        said = child.communicate(timeout=harness.PATIENCE * 2)[0]
        self.assertEqual(child.returncode, status, said[-3000:])
        return said

    def left(self):
        """What there is that a lab may have made."""
        with open("/proc/self/mountinfo") as f:
            mounts = f.read()
        said = [subprocess.run(words, capture_output=True, text=True, check=True).stdout for words in (["ss", "-Hltn"], ["ip", "link"])]
        return os.listdir(self.folder), mounts, sorted(glob.glob("/run/sallywall/*")), said


class Rows(LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_live()

    def played(self, language):
        page = os.path.join(harness.WORK, f"{language}.html")
        before = self.left()
        said = self.play("--rows", "1,4,9", "--patience", "1", "--file", "300000", "--lang", language, "--html", page)
        self.assertEqual(self.left(), before)
        with open(page, encoding="utf-8") as f:
            text = f.read()
        told = Page(text)
        self.assertEqual((told.open, told.wrong, told.fetched, told.images), ([], [], [], 6))
        return said, text

    def test_in_english(self):
        said, text = self.played("en")
        for words in ("All 12 outcomes are as today's truth table has them.", "server# iptables -I INPUT -s 0.0.0.0/0 -d 192.168.0.18 -p tcp "
                      "--dport 21 -j ACCEPT", "tcp dpts:1024:65534", "BLOCKED: Login works", "firewall: a door for each data connection",
                      "Connection timed out after 1 seconds of inactivity", "300,000 bytes in"):
            self.assertIn(words, re.sub(r"\s+", " ", said))
        self.assertEqual(said.count("⇒ passive: works"), 3)  # row 4 with sallywall, row 9 with both
        self.assertEqual(said.count("⇒ active: works"), 2)
        self.assertEqual(said.count("⇒ passive: login works, then it times out"), 3)
        self.assertGreaterEqual(len(re.findall(r"(?m)^ +\[NEW\]", said)), 4)  # doors
        self.assertIsNone(HANGUL.search(said + text))
        self.assertNotIn("\033", said)

    def test_in_korean(self):
        said, text = self.played("ko")
        for words in ("결과 12건 모두 오늘날의 진리표와 같습니다.", "1초 동안 활동이 없어 연결 시간이 초과됨", "커널의 iptables"):
            self.assertIn(words, said)
        own = [line for line in said.splitlines() if not re.match(r"^    .*[#$] |^      ", line)]  # ours, rather than programs'
        english = [line for line in own if LATIN.search(re.sub(r"[\w./-]*\(.*?\)", "", line)) and not HANGUL.search(line)]
        self.assertEqual(english, [])
        self.assertIn('<html lang="ko">', text)


class Ends(LabCase):
    """Ended in the middle of a row, with its firewall, server and client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_live()

    def interrupted(self, number):
        before = self.left()
        child = self.start("--rows", "1", "--patience", "30", "--wall", "sallywall")
        self.addCleanup(child.stdout.close)
        lines = iter(child.stdout.readline, "")
        self.assertTrue(any("tcp dpt:21" in line for line in lines))
        self.assertTrue(wait_until(lambda: {"sallyd", "sally"} <= self.names(child)))
        family = descendants(child.pid)
        self.assertEqual(len(os.listdir(self.folder)), 1)
        child.send_signal(number)
        status = child.wait(harness.PATIENCE)
        said = child.stdout.read()
        self.assertTrue(wait_until(lambda: not [pid for pid in family if is_alive(pid)], 10))
        self.assertTrue(wait_until(lambda: self.left() == before, 10), self.left())
        return status, said

    @staticmethod
    def names(process):
        found = set()
        for pid in descendants(process.pid):
            with contextlib.suppress(OSError):
                found.add(harness.process_status(pid)["Name"])
        return found

    def test_by_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                status, said = self.interrupted(number)
                self.assertEqual(status, 128 + number)
                self.assertIn("nothing is left of it", said)

    def test_killed(self):
        self.assertEqual(self.interrupted(signal.SIGKILL)[0], -signal.SIGKILL)


class Words(LabCase):
    def test_what_is_wrong_is_said(self):
        for language, words, expected in (
                ("en", ["--rows", "1,12"], "--rows 12: one of these is wanted: 0, 1"), ("ko", ["--rows", "1,12"], "다음 중 하나여야"),
                ("en", ["--bogus"], "there is no option --bogus"), ("ko", ["--bogus"], "--bogus 옵션은 없습니다"),
                ("en", ["--file"], "--file wants a value"), ("en", ["--file", "4X"], "--file 4X: a number"),
                ("en", ["--patience=0"], "--patience 0: a number"), ("en", ["--html", "/none/such"], "can't be written"),
                ("en", ["--server", "iis"], "sallyd, vsftpd"), ("en", ["--programs", "/none"], "there is no /none/sally"),
                ("en", ["--file", "9000G"], "has room for")):
            with self.subTest(words=words, language=language):
                self.assertIn(expected, self.play("--lang", language, *words, status=2))
        self.assertIn("--lang xx: one of these is wanted: en, ko", self.play("--lang", "xx", status=2))

    def test_help(self):
        self.assertIn("--rows 4,8", self.play("--help"))
        self.assertRegex(self.play("--help", "--lang", "ko"), HANGUL)

    def test_it_takes_root(self):
        """In a user namespace where nobody is root, who may read all the same what lies below /root."""
        self.assertIn("sudo ./run lab", subprocess.run(["unshare", "--user", *self.argv()], capture_output=True, text=True, check=False).stderr)

    def test_a_row_that_comes_out_otherwise(self):
        """The table's own word is changed: it is told, by its row, and in the exit status."""
        code = ("import sys; sys.argv.pop(0); sys.path.insert(0, sys.argv[0]); import rows; rows.ROWS['0'].kernel = (rows.TIMES_OUT,) * 2\n"
                "import runpy; sys.exit(runpy.run_path(sys.argv[0] + '/__main__.py')['main'](sys.argv[1:]))")
        argv = self.argv("--rows", "0", "--wall", "kernel", "--patience", "1", "--lang", "en")
        done = subprocess.run([*argv[:2], "-c", code, *argv[2:]], capture_output=True, text=True, timeout=harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("row 0, The kernel's iptables, passive: no login: it times out; expected: login works, then it times out", done.stdout)


if __name__ == "__main__":
    unittest.main()
