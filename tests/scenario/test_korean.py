# SPDX-License-Identifier: BSD-2-Clause
"""In Korean: what sally says, and what `sallywall explain` says of the truth table, on a system that has no Korean locale."""
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import AnonymousCase, write_file
from tape import whole
from test_explain import CLIENT, MODES, ROWS, SERVER, need_sallywall, saved_rules

KOREAN = {"LANG": "ko_KR.UTF-8"}
HANGUL = re.compile("[\uac00-\ud7a3]")


def environment(**locale):
    """Ours, with this locale and nothing else that says a language."""
    kept = {name: value for name, value in os.environ.items() if name not in ("LANG", "LANGUAGE") and not name.startswith("LC_")}
    return {**kept, **locale}


class Log(AnonymousCase):
    """Labels and lines as people know them; what the server says, and names, as they are."""

    def sally(self, *words, status=0, **locale):
        with tempfile.TemporaryDirectory(dir=harness.WORK) as here:
            done = subprocess.run([harness.SALLY, *words], cwd=here, capture_output=True, env=environment(**locale),
                                  timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done.stderr.decode()

    def url(self, path=""):
        return f"127.0.0.1:{self.server.port}/pub/{path}"

    def test_labels_and_lines(self):
        write_file(self.path("one"), "one\n")
        told = self.sally("get", "-v", self.url("one"), **KOREAN)
        for line in (r"상태:\t127\.0\.0\.1:\d+에 연결\.\.\.", r"상태:\t연결 수립, 환영 메시지를 기다림\.\.\.", r"응답:\t220 .*",
                     r"상태:\t로그인", r"명령:\tRETR pub/one", r"상태:\tpub/one 다운로드 시작",
                     r"상태:\t파일 전송 성공, 4바이트를 .*초에 전송"):
            self.assertRegex(told, f"(?m)^{line}$")
        self.assertEqual(set(re.findall(r"(?m)^(.*?)\t", told)), {"상태:", "명령:", "응답:"})

    def test_failures(self):
        self.assertRegex(self.sally("get", self.url("none"), status=8, **KOREAN), r"(?m)^오류:\tpub/none: 서버의 응답: .*[Oo]pen file")
        self.assertRegex(self.sally("ls", "127.0.0.1:1/", status=4, **KOREAN), r"(?m)^오류:\t연결이 거부됨$")
        self.assertRegex(self.sally("put", "none", self.url(), status=9, **KOREAN), r"(?m)^오류:\tnone: 그런 파일이나 폴더가 없음$")

    def test_which_language(self):
        for words, locale, label in ((["--lang", "ko"], {"LC_ALL": "C"}, "상태:"), (["--lang=en"], KOREAN, "Status:"), ([], {}, "Status:"),
                                     ([], {"LC_ALL": "C", **KOREAN}, "Status:"), ([], {"LANG": "ko_KR.EUC-KR"}, "Status:")):
            with self.subTest(words=words, locale=locale):
                self.assertTrue(self.sally("ls", "-v", *words, self.url(), **locale).startswith(label + "\t"))
        self.assertIn("--lang", self.sally("ls", "--lang", "xx", self.url(), status=2))

    def test_scripts_go_by_names_that_stay(self):
        done = subprocess.run([harness.SALLY, "ls", "--json", self.url()], capture_output=True, env=environment(**KOREAN),
                              timeout=harness.PATIENCE, check=True)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        told = {event["id"]: event["text"] for event in events if "id" in event}
        self.assertEqual(told["LOGGED_IN"], "로그인")


# Besides names and placeholders in capitals: what is typed, files, and what a server says.
TYPED = {"sally", "ftp", "ftps", "get", "put", "mirror", "ls", "cat", "rm", "doctor", "queue", "run", "clear", "help", "bookmark", "bye", "cd",
         "chmod", "close", "lcd", "lpwd", "mget", "mkdir", "mput", "mv", "open", "pwd", "quit", "quote", "set", "site", "en", "ko", "part",
         "iconv", "netrc", "yes", "no", "ms"}


def sentences_in(text):
    """The words of a text that are neither Korean, nor typed by a person: options, commands, \"quoted\"."""
    text = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'|--?[a-zA-Z][a-z-]*|\S*/\S*|\b[a-z]+\.(?:txt|lines|netrc)\b", " ", text)
    return sorted(set(re.findall(r"[A-Za-z]*[a-z]{2,}[A-Za-z]*", text)) - TYPED)


class Words(AnonymousCase):
    """What sally says besides its log: help, mistakes, sessions that are typed, what mirror does."""

    def setUp(self):
        super().setUp()
        self.here = tempfile.mkdtemp(dir=harness.WORK)
        self.addCleanup(shutil.rmtree, self.here)

    def say(self, *words, status=None, input="", **locale):
        """What is said on both, the Korean of a locale that there is not."""
        done = subprocess.run([harness.SALLY, "--retry-delay", "0", *words], cwd=self.here, capture_output=True, input=input.encode(), start_new_session=True,
                              env={**environment(**(locale or KOREAN)), "HOME": self.here}, timeout=harness.PATIENCE)
        told = (done.stdout + done.stderr).decode()
        if status is not None:
            self.assertEqual(done.returncode, status, told)
        return told

    def check(self, *words, status=None, input="", is_told=True):
        told = self.say(*words, status=status, input=input)
        self.assertEqual(sentences_in(told), [], told)
        self.assertEqual(bool(HANGUL.search(told)), is_told, told)
        return told

    def url(self, path=""):
        return f"127.0.0.1:{self.server.port}/pub/{path}"

    def test_help(self):
        whole = self.check("--help", status=0)
        self.assertTrue(whole.startswith("사용법: sally "), whole)
        for command in "get", "put", "mirror", "ls", "cat", "rm", "doctor", "queue":
            self.assertEqual(self.check(command, "--help", status=0), whole)
        for line in whole.splitlines():
            if re.match(r" +-", line) and not re.search(r"--(?:include|help|version)", line):
                self.assertRegex(line, HANGUL)

    def test_every_way_to_ask_for_it(self):
        for locale in {"LC_ALL": "ko_KR.UTF-8"}, {"LANG": "ko_KR.UTF-8"}, {"LANGUAGE": "ko"}:
            self.assertIn("사용법:", self.say("--help", **locale))
        self.assertIn("사용법:", self.say("--lang", "ko", "--help", LC_ALL="C"))
        self.assertIn("usage:", self.say("--lang", "en", "--help"))
        self.assertIn("usage:", self.say("--help", LC_ALL="C"))

    def test_options(self):
        options = (["--bogus"], ["--bogus=1"], ["-Q"], ["--re"], ["--output"], ["-o"], ["-vo"], ["--verbose=1"], ["-P", "0"], ["--segments", "99"], ["--retry-delay", "x"],
                   ["--timeout", "0"], ["--limit-rate", "1x"], ["--active-ports", "9:1"], ["--active-address", "X"],
                   ["--encoding", "NONE"], ["--fingerprint", "1"], ["--lang", "XX"], ["--include", "A"] * 70, ["--exclude", "A"] * 70)
        for words in options:
            with self.subTest(words=words):
                self.check("ls", "H", *words, status=2)

    def test_usage_and_urls(self):
        for words in (["get"], ["mirror", "A", "B", "C"], ["FLY", "H"], ["ls", "http://H"], ["ls", "ftp://"], ["ls", "H:99999"], ["ls", "H/%zz"],
                      ["ls", "U:P@H"], ["doctor", "U:P@H"], ["mirror", "U:P@H"], ["queue", "get", "U:P@H"], ["U:P@H"], ["get", "-o", "A", "B", "C"]):
            with self.subTest(words=words):
                self.check(*words, status=2)

    def test_typed_sessions(self):
        told = self.check(input="help\n", status=0)
        for line in told.splitlines():
            self.assertRegex(line[41:], HANGUL)
        for line in ("FLY", "help FLY", "cat 'A", "ls", "lcd /NONE", "ls --bogus", "open U:P@H", "bookmark A", "bookmark A/B U", "A " * 300,
                     "ls --help"):
            with self.subTest(line=line):
                self.check(input=line + "\n")

    def test_at_a_server(self):
        write_file(self.path("one.txt"), "one\n")
        for line in "mget *.NONE", "mput *.NONE", "get -o A one.txt one.txt", "put NONE", "mirror NONE", "doctor":
            with self.subTest(line=line):
                told = self.say(self.url(), input=line + "\n")
                self.assertEqual(sentences_in(re.sub(r"(?m)^(?:명령|응답):.*|서버의 응답: .*|\b[1-5]\d\d [A-Z].*(?:\n    .*)?", "", told)), [], told)
                self.assertTrue(HANGUL.search(told), told)

    def test_mirror(self):
        write_file(self.path("tree/IN/one.txt"), "one\n")
        os.mkdir(self.here + "/tree")
        told = self.check("mirror", "--dry-run", self.url("tree"), status=0)
        self.assertRegex(told, r"(?m)^폴더 생성 IN$")
        self.assertRegex(told, r"(?m)^다운로드 IN/one\.txt$")
        self.say("mirror", self.url("tree"), status=0)
        os.unlink(self.path("tree/IN/one.txt"))
        self.assertRegex(self.check("mirror", "--dry-run", "--delete", self.url("tree"), status=0), r"(?m)^삭제 IN/one\.txt$")
        os.mkdir(self.here + "/UP")
        write_file(self.here + "/UP/two.txt", "two\n")
        self.assertRegex(self.check("mirror", "-R", "--dry-run", "UP", self.url("tree"), status=0), r"(?m)^업로드 two\.txt$")

    def test_files_of_the_person(self):
        def put(name, text, mode=0o600):
            os.makedirs(os.path.dirname(os.path.join(self.here, name)), exist_ok=True)
            write_file(os.path.join(self.here, name), text)
            os.chmod(os.path.join(self.here, name), mode)

        self.check("queue", "get", "A/B%09C", status=9)
        put(".local/state/sally/queue", "BAD\n")
        self.check("queue", "run", status=9)
        put(".local/state/sally/servers", "127.0.0.1:21 tsl\n")
        self.check("ls", self.url(), status=9)
        os.unlink(self.here + "/.local/state/sally/servers")
        self.check("ls", "U@H", status=9)
        self.check("ls", "--password-file", "NONE", "U@H", status=9)
        self.check("ls", "--password-command", "exit 3", "U@H", status=9)
        put("LONG", "A" * 5000)
        self.check("ls", "--password-file", "LONG", "U@H", status=9)
        put(".netrc", "machine H login")
        self.check("ls", "H", status=9)
        put(".netrc", "machine H login A password B", 0o644)
        self.check("ls", "H", status=9)

    def test_names_for_scripts_stay(self):
        """Of files, and of what is kept in them."""
        self.say("queue", "get", self.url("A"), status=0)
        self.assertEqual(self.say("queue", status=0), f"get\t{self.url('A')}\t{self.here}/A\n")


# What is the same in every language: rules and commands, FTP's and TLS's own words, names of options, modules and files.
SAME = [re.compile(pattern, re.MULTILINE) for pattern in (
    r"^ {7}(?:ip6?tables|pasv_|connect_from).*$",         # commands, to be copied
    r"-[AP] (?:INPUT|OUTPUT|PREROUTING)[^│║]*",          # a rule, quoted
    r"\"[^\"]*\"",                                       # a packet, quoted
    r"\b[1-5]\d\d [A-Z][^│║]*",                          # a reply
    r"(?:PASS \.\.\.|USER kim|PORT [\d,]+|EPRT \S+|TYPE I|AUTH TLS|PBSZ 0|PROT P|(?:LIST|RETR|STOR)[^│║]*|TLS \w+(?:, \w+)?)",
    r"--[a-z-]+(?: (?:active|passive|epsv|eprt))?(?: --data-port \d+)?",
    r"\((?:passive|active)\)",
    r"sysctl net\.netfilter\.nf_conntrack_helper=1|modprobe\s+nf_conntrack_ftp|nf_conntrack_ftp|ftp_data_port|(?:sallyd|vsftpd)\.conf|pasv_|sallyd|ping",
)]


def english_in(text):
    """The words of a text that are neither Korean nor the same in every language."""
    for pattern in SAME:
        text = pattern.sub(" ", text)
    return sorted(set(re.findall(r"[A-Za-z]*[a-z]{2,}[A-Za-z]*", text)) - {"Linux", "tcp", "udp", "state", "ftp", "raw", "snap", "length"})


class Explained(unittest.TestCase):
    """Every row of the truth table, 8 (under TLS) among them, as text."""

    @classmethod
    def setUpClass(cls):
        need_sallywall()

    def explain(self, row, *options, mode="passive", tls=False, **locale):
        pasv = ROWS[row][2]
        argv = [harness.SALLYWALL, "explain", "-", "--ftp", mode, *options] + ["--tls"] * tls
        argv += ["--pasv-ports", pasv] if pasv and mode in ("passive", "epsv") else []
        done = subprocess.run(argv, input=saved_rules(row).encode(), capture_output=True, env=environment(**locale),
                              timeout=harness.PATIENCE)
        self.assertIn(done.returncode, (0, 1, 3), done.stderr)
        return done.returncode, done.stdout.decode()

    def check_korean(self, *words, **more):
        _, told = self.explain(*words, **more, **KOREAN)
        self.assertEqual(english_in(told), [], told)
        self.assertTrue(HANGUL.search(told.splitlines()[0]))

    def test_no_english_is_left(self):
        for row, mode, tls in itertools.product(ROWS, MODES, (False, True)):
            with self.subTest(row=row, mode=mode, tls=tls):
                self.check_korean(row, mode=mode, tls=tls)

    def test_nor_however_it_is_asked(self):
        ways = (("--client", CLIENT, "--server", SERVER), ("-v",), ("--at", "gateway"), ("--at", "client"), ("--kernel", "5.10"),
                ("--server", SERVER + ":2121"))
        for options, row, mode in itertools.product(ways, (0, 1, 4, 6, 7), ("passive", "active")):
            with self.subTest(options=options, row=row, mode=mode):
                self.check_korean(row, *options, mode=mode)

    def test_the_answer_is_the_same(self):
        """Outcome, commands, rules and the picture: whatever is no sentence."""
        def bare(told):
            return (re.findall(r"(?m)^ {7}((?:ip6?tables|pasv_|connect_from).*)$", told), re.findall(r"(?m)^ *(\d+) +[├│╞]", told),
                    told.count("✗"), told.count("✓"), told.count("▶"), told.count("◀"))
        for row, mode, tls in itertools.product(ROWS, ("passive", "active"), (False, True)):
            with self.subTest(row=row, mode=mode, tls=tls):
                status, korean = self.explain(row, "--lang", "ko", mode=mode, tls=tls, LC_ALL="C.UTF-8")
                status_too, english = self.explain(row, mode=mode, tls=tls, LC_ALL="C.UTF-8")
                self.assertEqual((status, bare(korean)), (status_too, bare(english)))

    def test_sentences(self):
        _, told = self.explain(1, "--client", CLIENT, "--server", SERVER, **KOREAN)
        told = re.sub(r"\s+", " ", told)
        self.assertIn("로그인은 되지만 모든 디렉터리 목록 조회와 다운로드, 업로드가 시간 초과로 실패합니다.", told)
        self.assertIn("INPUT의 2번 규칙이 차단합니다", told)
        _, told = self.explain(7, **KOREAN)
        self.assertIn("세션 전체가 정상적으로 동작합니다", re.sub(r"\s+", " ", told))

    def test_captures(self):
        """A session of which each packet in turn is missing, and rules that let it pass or stop it."""
        with tempfile.TemporaryDirectory(dir=harness.WORK) as here:
            path = os.path.join(here, "tape")
            for row, missing in itertools.product((1, 7), range(len(whole().frames) + 1)):
                with self.subTest(row=row, missing=missing):
                    with open(path, "wb") as f:
                        f.write(whole().drop(missing).pcap())
                    done = subprocess.run([harness.SALLYWALL, "explain", "-", "--pcap", path], input=saved_rules(row).encode(),
                                          capture_output=True, env=environment(**KOREAN), timeout=harness.PATIENCE)
                    told = done.stdout.decode().replace(path, " ")
                    self.assertEqual(english_in(told), [], told)
                    self.assertTrue(HANGUL.search(told.splitlines()[0]))

    def test_exchanges_and_packets(self):
        for row, question in itertools.product((0, 1, 7), (("--tcp", f"{CLIENT} > {SERVER}:22"), ("--udp", f"{CLIENT} > {SERVER}:53"),
                                                           ("--icmp", f"{CLIENT} > {SERVER}"), ("--packet", f"tcp {CLIENT}:40000 > {SERVER}:22 syn"),
                                                           ("--packet", f"tcp {CLIENT}:40000 > {SERVER}:2200 ack state=established"))):
            with self.subTest(row=row, question=question):
                done = subprocess.run([harness.SALLYWALL, "explain", "-", *question], input=saved_rules(row).encode(),
                                      capture_output=True, env=environment(**KOREAN), timeout=harness.PATIENCE)
                told = done.stdout.decode()
                self.assertEqual(english_in(told), [], told)
                self.assertTrue(HANGUL.search(told.splitlines()[0]))

    def test_json_is_english(self):
        for options, locale in ((["--json"], KOREAN), (["--json", "--lang", "ko"], {})):
            _, told = self.explain(4, *options, **locale)
            self.assertIsNone(HANGUL.search(told))
            self.assertTrue(json.loads(told)["conclusion"].startswith("Login works, but"))

    def test_a_page_says_its_language(self):
        with tempfile.TemporaryDirectory(dir=harness.WORK) as here:
            page = os.path.join(here, "page.html")
            for options, language in (((), "en"), (("--lang", "ko"), "ko")):
                self.explain(4, "--html", page, *options)
                with open(page, encoding="utf-8") as f:
                    text = f.read()
                self.assertIn(f'<html lang="{language}">', text)
                self.assertEqual(bool(HANGUL.search(text)), language == "ko")

    def test_terminals_and_locales(self):
        for locale, is_korean in ((KOREAN, True), ({"LC_ALL": "ko_KR.UTF-8"}, True), ({"LANGUAGE": "ko"}, True), ({"LC_ALL": "C", **KOREAN}, False),
                                  ({"LANG": "ko_KR.EUC-KR"}, False), ({}, False)):
            with self.subTest(locale=locale):
                _, told = self.explain(1, **locale)
                self.assertEqual(bool(HANGUL.search(told)), is_korean)
        _, told = self.explain(1, "--lang", "ko", LC_ALL="C")
        self.assertIn("차단", told)
        self.assertNotIn("?", told.splitlines()[0])


if __name__ == "__main__":
    unittest.main()
