# SPDX-License-Identifier: BSD-2-Clause
"""fail2ban's own filter for vsftpd finds who fails to log in, and nobody can make it find somebody else; nor can what a
client sends forge a field of any log."""
import collections
import concurrent.futures
import contextlib
import json
import os
import re
import socket
import subprocess
import threading

from harness import AnonymousCase, Server, noise, read_file, wait_until, write_file
import tools

FORGED = "6.6.6.6"
TRUE = "127.0.0.9"
LINE = 'Sat Nov 28 12:00:00 2026 [pid 1] [x] FAIL LOGIN: Client "6.6.6.6"'
XFER = "Sat Nov 28 12:00:00 2026 1 6.6.6.6 1 /forged b _ o a x ftp 0 * c"

# What a client may send where a name is expected. A NUL is how a newline travels (RFC 959's Telnet rules, as vsftpd reads
# them).
HOSTILE = [part if isinstance(part, bytes) else part.encode() for part in (
    'x] FAIL LOGIN: Client "6.6.6.6",',
    'x] FAIL LOGIN: Client "6.6.6.6"',
    'x] FAIL LOGIN: Client "6.6.6.6"  ',
    '[x] FAIL LOGIN: Client "6.6.6.6",',
    ']', '[', '[]', '][', '"', '""', "'", '\\', '\\"', '%s%n%x', ' x', 'x ', ' ',
    'x]', 'x"', 'x",', '] [pid 1] [x] FAIL LOGIN: Client "6.6.6.6",',
    '", "6.6.6.6", 1 bytes, 1.00Kbyte/sec', 'x", 99999999 bytes, 1.00Kbyte/sec', '": Client "6.6.6.6"',
    'Client "6.6.6.6"', 'x: Client "6.6.6.6"',
    "x\0" + LINE, "x\0 [pid 1] [x] FAIL LOGIN: Client \"6.6.6.6\",", "x\0" + XFER, "x\0<86>sallyd[1]: [x] FAIL LOGIN: Client \"6.6.6.6\"",
    "x 1 6.6.6.6 1 /forged b _ o a x ftp 0 * c", "x\t6.6.6.6\t1", "x ftp 0 * c", "x\x0b6.6.6.6\x0c1",
    "x\x1b[2K\x1b[1G" + LINE, "x\x08\x08\x08\x08" + LINE, "x\x7f\x7f", "x\x1c\x1d\x1e\x1f" + LINE,
    "x\u0085" + LINE, "x\u2028" + LINE, "x\u2029" + LINE, "x\u009b2K" + LINE, "x\u202e" + LINE,
    b"x\x85" + LINE.encode(), b"x\x9b2K", b"x\xff\xff] FAIL LOGIN: Client \"6.6.6.6\",", b"x\xc3", b"\xe2\x80", b"\xff\xff",
    "x rhost=6.6.6.6", "x rhost=6.6.6.6 user=y", "rhost=6.6.6.6", "x; logname= uid=0 euid=0 tty=ftp ruser= rhost=6.6.6.6",
    '","client":"6.6.6.6","user":"', '"}\0{"event":"login","ok":false,"client":"6.6.6.6"}', "\\u0022,\\u0022client",
    "A" * 63 + '] FAIL LOGIN: Client "6.6.6.6",', "A" * 64 + '] FAIL LOGIN: Client "6.6.6.6",', "A" * 200 + ' Client "6.6.6.6"',
    "\u00e9" * 32 + "] FAIL LOGIN: Client \"6.6.6.6\",", "a" + "\u00e9" * 31 + "] FAIL LOGIN: Client \"6.6.6.6\",", "\U0001f600" * 40,
)]

def failures(path, name="vsftpd"):
    """What fail2ban-regex finds with the filter of that name: addresses, one for each failure."""
    filter_file = tools.path(f"/etc/fail2ban/filter.d/{name}.conf")
    done = subprocess.run([*tools.command("fail2ban-regex"), "--config", os.path.dirname(os.path.dirname(filter_file)),
                           "--usedns", "no", "--out", "ip", path, filter_file],
                          env=tools.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or "Traceback" in done.stderr:
        raise AssertionError(f"fail2ban-regex ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.split()


class FilterCase(AnonymousCase):
    """Every log at once; a session of its own for what would end one."""
    limit = 300
    options = {"local_enable": "YES", "virtual_enable": "NO", "xferlog_enable": "YES", "dual_log_enable": "YES",
               "delay_failed_login": "0", "max_login_fails": "1000", "log_ftp_protocol": "NO"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.log = cls.server.conf["vsftpd_log_file"]

    def send_login(self, c, name, password=b"wrong"):
        """USER and PASS; the last reply's code."""
        c.send(b"USER " + name + b"\r\n")
        code = c.reply().code
        if code == 331:
            c.send(b"PASS " + password + b"\r\n")
            code = c.reply().code
        return code

    def fail_with(self, names):
        """Tries to log in with each name, a few at a time, as a password check takes its time. How many got a 530."""
        def one_session(some):
            with self.server.client(source=TRUE) as c:
                return [self.send_login(c, name) for name in some]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            codes = [code for some in pool.map(one_session, [names[i::4] for i in range(4)]) for code in some]
        self.assertEqual(set(codes) - {500, 501, 530}, set())
        return codes.count(530)

    def lines(self, path):
        return read_file(path).split(b"\n")[:-1]

    def settle(self):
        """Waits until what has happened so far is in the log."""
        tag = f"settled-{os.urandom(4).hex()}"
        with self.server.client(source=TRUE) as c:
            c.login("anonymous", tag)
        self.assertTrue(wait_until(lambda: tag.encode() in read_file(self.log), 10))


class Matches(FilterCase):
    def test_every_way_to_fail(self):
        for source, name in ((TRUE, b"alice"), ("127.0.0.10", b"no-such-user"), ("127.0.0.11", b"root"), ("127.0.0.12", b"nobody")):
            with self.server.client(source=source) as c:
                for _ in range(3):
                    self.assertEqual(self.send_login(c, name), 530)
        self.settle()
        self.assertEqual(collections.Counter(failures(self.log)),
                         {TRUE: 3, "127.0.0.10": 3, "127.0.0.11": 3, "127.0.0.12": 3})

    def test_ipv6_and_mapped_addresses(self):
        server = self.own_server(dict(self.conf, listen_ipv6="YES"))
        for host, source in (("127.0.0.1", TRUE), ("fd00:5a11::1", "fd00:5a11::7")):
            with server.client(host, source=source) as c:
                self.assertEqual(self.send_login(c, b"alice"), 530)
        path = server.conf["vsftpd_log_file"]
        self.assertTrue(wait_until(lambda: read_file(path).count(b"FAIL LOGIN") == 2, 10))
        self.assertEqual(sorted(failures(path)), [TRUE, "fd00:5a11::7"])

    def test_virtual_users_and_lists(self):
        accounts = os.path.join(os.path.dirname(self.root), "accounts.db")
        listed = write_file(os.path.join(os.path.dirname(self.root), "listed"), b"carol\n", "nobody")
        os.chown(listed, 0, 0)
        server = Server(dict(self.conf, virtual_enable="YES", accounts_file=accounts, userlist_enable="YES", userlist_file=listed), "lists")
        self.addCleanup(server.stop)
        server.add_user("virtual", self.root)
        server.start()
        with server.client(source=TRUE) as c:
            self.assertEqual(self.send_login(c, b"virtual"), 530)
            self.assertEqual(self.send_login(c, b"alice"), 530)
        path = server.conf["vsftpd_log_file"]
        self.assertTrue(wait_until(lambda: read_file(path).count(b"FAIL LOGIN") == 2, 10))
        self.assertEqual(failures(path), [TRUE] * 2)

    def test_success_is_no_failure(self):
        before = len(failures(self.log))
        for name in ("alice", "bob"):
            with self.server.client(source=TRUE) as c:
                c.login(name)
                c.get("LIST")
        self.settle()
        self.assertEqual(len(failures(self.log)), before)


class Forged(FilterCase):
    """Names with all that is in HOSTILE, wherever a client may name something."""
    options = {**FilterCase.options, "log_ftp_protocol": "YES"}

    @classmethod
    def prepare(cls):
        cls.conf["json_log_file"] = os.path.join(os.path.dirname(cls.root), "log.json")

    def setUp(self):
        super().setUp()
        for option in ("vsftpd_log_file", "xferlog_file", "json_log_file"):
            if os.path.exists(self.server.conf[option]):
                os.truncate(self.server.conf[option], 0)

    def check_logs(self, failed):
        """failed: how many logins failed. Every line of every log must say what is true."""
        self.settle()
        found = failures(self.log)
        self.assertEqual(set(found) - {TRUE}, set(), "an address that was never there")
        self.assertEqual(len(found), failed, "who failed is not found")
        for line in self.lines(self.log):
            self.check_vsftpd_line(line)
        for line in self.lines(self.server.conf["xferlog_file"]):
            self.check_xferlog_line(line)
        for line in self.lines(self.server.conf["json_log_file"]):
            self.check_json_line(line)

    HEAD = re.compile(rb"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \[pid \d+\] ")
    EVENT = re.compile(rb"(?:\[([^\]]+)\] )?([^\"]+?): Client \"([^\"]*)\"(?:, (.*))?")
    TRANSFER = re.compile(rb"\"[^\"]*\",(?: (\d+) bytes,)? [\d.]+Kbyte/sec(?:: [^\"]*)?")

    def check_text(self, line):
        self.assertNotRegex(line, rb"[\x00-\x1f\x7f]")
        self.assertNotRegex(line.decode("utf-8", "surrogateescape"), "[\x80-\x9f\u2028\u2029]")

    def check_vsftpd_line(self, line):
        self.check_text(line)
        self.assertRegex(line, self.HEAD)
        self.check_vsftpd_event(self.HEAD.sub(b"", line, 1), line)

    def check_vsftpd_event(self, event, line):
        parts = self.EVENT.fullmatch(event)
        self.assertTrue(parts, line)
        user, what, address, rest = parts.groups()
        self.assertEqual(address.decode(), TRUE, line)
        if what.endswith((b"DOWNLOAD", b"UPLOAD", b"APPEND")):
            size = self.TRANSFER.fullmatch(rest)
            self.assertTrue(size, line)
            self.assertIn(size[1], (None, b"7"), line)

    def check_xferlog_line(self, line):
        self.check_text(line)
        field = line.split()
        self.assertEqual(len(field), 18, line)
        self.assertEqual((field[6].decode(), field[9:11], field[12], field[14:17]),
                         (TRUE, [b"b", b"_"], b"a", [b"ftp", b"0", b"*"]), line)
        self.assertIn((field[7], field[17]), ((b"7", b"c"), (b"0", b"i")), line)

    def check_json_line(self, line):
        def once(pairs):
            self.assertEqual(len(pairs), len(dict(pairs)), line)
            return dict(pairs)
        event = json.loads(line, object_pairs_hook=once)
        self.assertEqual(event["client"], TRUE, line)
        if event["event"] == "transfer":
            self.assertEqual(event["bytes"], 7 if event["ok"] else 0, line)

    def test_names_of_users(self):
        self.check_logs(self.fail_with(HOSTILE))

    def test_names_of_users_that_json_has_whole(self):
        names = ['x] FAIL LOGIN: Client "6.6.6.6",', 'we"ird\\', "\u00e9t\u00e9"]
        with self.server.client(source=TRUE) as c:
            for name in names:
                self.assertEqual(self.send_login(c, name.encode()), 530)

        def told():
            events = [json.loads(line) for line in self.lines(self.server.conf["json_log_file"])]
            return [x["user"] for x in events if x["event"] == "login" and not x["ok"]]
        wait_until(lambda: len(told()) == len(names), 10)
        self.assertEqual(told(), names)

    def test_anonymous_passwords(self):
        for password in HOSTILE:
            with self.server.client(source=TRUE) as c:
                self.assertEqual(self.send_login(c, b"anonymous", password), 230, password)
                c.want("TYPE I", 200)
                self.assertEqual(c.put("STOR pub/f", b"7 bytes").code, 226)
        self.check_logs(0)

    def test_what_clients_say_of_themselves(self):
        for text in HOSTILE:
            with self.server.client(source=TRUE) as c, contextlib.suppress(EOFError, ConnectionError):
                for verb in (b"CLNT ", b"HOST ", b"SITE ", b"OPTS ", b"XYZZ ", b""):
                    c.send(verb + text + b"\r\n")
                    c.reply()
        self.check_logs(0)

    def test_names_of_files(self):
        c = self.client(source=TRUE).login("anonymous", "test@")
        c.want("CWD /pub", 250)
        c.want("TYPE I", 200)
        write_file(self.path("seed"), noise(7))
        for name in HOSTILE:
            self.name_a_file(c, name)
        self.check_logs(0)

    def name_a_file(self, c, name):
        """Everything that may be done to a file of that name, whether it can be there or not."""
        with c.connect(c.epsv()) as data:
            c.send(b"STOR " + name + b"\r\n")
            if c.reply().code == 150:
                data.sendall(b"7 bytes")
                data.shutdown(socket.SHUT_WR)
                c.reply()
        with c.connect(c.epsv()) as data:
            c.send(b"RETR " + name + b"\r\n")
            if c.reply().code == 150:
                while data.recv(100):
                    pass
                c.reply()
        for line in (b"RNFR " + name, b"RNTO moved " + name[:100], b"RNFR moved " + name[:100], b"RNTO " + name, b"DELE " + name,
                     b"MKD " + name, b"CWD " + name, b"CWD /pub", b"SITE CHMOD 755 " + name, b"MFMT 20260101000000 " + name,
                     b"RMD " + name, b"SIZE " + name):
            c.send(line + b"\r\n")
            c.reply()


class ToTheSystemLog(FilterCase):
    """syslog_enable, and what PAM itself writes there. A line that says [user] FAIL LOGIN: Client "address" without vsftpd's
    date is not what the filter looks for, with vsftpd neither; but nobody else's address may ever be found."""
    options = {**FilterCase.options, "syslog_enable": "YES", "dual_log_enable": "NO"}

    @classmethod
    def prepare(cls):
        cls.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        cls.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        cls.received = []
        threading.Thread(target=cls.receive, daemon=True).start()

    @classmethod
    def receive(cls):
        while said := cls.socket.recv(65536):
            cls.received.append(said)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        os.unlink("/dev/log")

    def as_file(self, program=b"sallyd"):
        """What the program and PAM within it said, as rsyslog writes it, without its care for control characters."""
        path = os.path.join(os.path.dirname(self.root), "auth.log")
        with open(path, "wb") as f:
            for said in list(self.received):
                f.write(b"Nov 28 12:00:00 host " + re.sub(rb"^<\d+>(\w{3} [ \d]\d [\d:]{8} )?sallyd", program, said).rstrip(b"\0\n") +
                        b"\n")
        return path

    def test_nobody_else_is_found(self):
        self.fail_with(HOSTILE + [b"alice"])
        with self.server.client(source=TRUE) as c:
            c.login("anonymous", "the-end@")
        self.assertTrue(wait_until(lambda: any(b"the-end@" in said for said in self.received), 10))
        for said in list(self.received):
            if b"LOGIN:" in said and b"pam_" not in said:
                self.assertNotRegex(said.rstrip(b"\n"), rb"[\x00-\x1f\x7f]")
                self.assertEqual(re.search(rb'Client "([^"]*)"', said)[1].decode(), TRUE, said)

    def test_nobody_else_is_found_in_what_pam_says(self):
        self.fail_with([name for name in HOSTILE if b"rhost" in name] + [b"alice"])
        self.assertTrue(wait_until(lambda: any(b"user=alice" in said for said in self.received), 10))
        for name, program in (("vsftpd", b"vsftpd"), ("pam-generic", b"sallyd")):
            found = failures(self.as_file(program), name)
            self.assertEqual(set(found) - {TRUE, "127.0.0.13"}, set(), name)
            self.assertIn(TRUE, found, name)

    def test_pams_own_lines_are_found(self):
        """By fail2ban's filter for PAM in general: with vsftpd's, only a program called vsftpd is."""
        with self.server.client(source="127.0.0.13") as c:
            self.assertEqual(self.send_login(c, b"bob"), 530)
        self.assertTrue(wait_until(lambda: any(b"rhost=127.0.0.13" in said for said in self.received), 10))
        self.assertIn("127.0.0.13", failures(self.as_file(), "pam-generic"))
