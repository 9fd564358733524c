# SPDX-License-Identifier: BSD-2-Clause
"""What `sallywall explain` says of the truth table, and whether real servers behind real iptables rules agree."""
import concurrent.futures
import contextlib
import functools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import harness
import test_oracle
from harness import AnonymousCase, Server, descendants, need_netfilter, wait_until, write_file

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENT, SERVER = "192.168.0.2", "192.168.0.18"
MODES = ("passive", "active", "epsv", "eprt")
BLOCKED_AFTER = 2  # seconds that the real client waits before it calls a connection blocked

ACCEPT_21 = ["-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT"]
STATE = "-A INPUT -p tcp -m state --state RELATED,ESTABLISHED -m tcp --dport %s -j ACCEPT"
HELPER = ["-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp"]

# Row: (filter rules before the DROP, raw rules, the server's passive range).
ROWS = {
    0: ([], [], None),
    1: (ACCEPT_21, [], None),
    2: (ACCEPT_21 + ["-A INPUT -p tcp -m tcp --dport 20 -j ACCEPT"], [], None),
    3: (ACCEPT_21 + ["-A INPUT -p tcp -m tcp --dport 10090:10100 -j ACCEPT"], [], "10090:10100"),
    4: (ACCEPT_21 + [STATE % "1024:65534"], [], "10090:10100"),
    5: (ACCEPT_21 + [STATE % "1024:65534"], HELPER, "10090:10100"),
    6: (ACCEPT_21 + [STATE % "10090:10100"], HELPER, "10090:10100"),
    7: (ACCEPT_21 + ["-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"], HELPER, "10090:10100"),
}
# (plain passive, plain active, passive under TLS, active under TLS)
NO_LOGIN, TIMES_OUT, WORKS = "no login", "times out", "works"
TRUTH = {
    0: (NO_LOGIN, NO_LOGIN, NO_LOGIN, NO_LOGIN),
    1: (TIMES_OUT, TIMES_OUT, TIMES_OUT, TIMES_OUT),
    2: (TIMES_OUT, WORKS, TIMES_OUT, WORKS),
    3: (WORKS, TIMES_OUT, WORKS, TIMES_OUT),
    4: (TIMES_OUT, TIMES_OUT, TIMES_OUT, TIMES_OUT),
    5: (WORKS, TIMES_OUT, TIMES_OUT, TIMES_OUT),
    6: (WORKS, TIMES_OUT, TIMES_OUT, TIMES_OUT),
    7: (WORKS, WORKS, TIMES_OUT, WORKS),
}


def truth(row, mode, tls):
    return TRUTH[row][2 * tls + (mode in ("active", "eprt"))]


def saved_rules(row):
    """The row as iptables-save prints it."""
    accepts, raw, _ = ROWS[row]
    chains = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    lines = ["*filter", *chains.splitlines(), *accepts, f"-A INPUT -d {SERVER}/32 -j DROP", "COMMIT"]
    if raw:
        lines += ["*raw", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", *raw, "COMMIT"]
    return "\n".join(lines) + "\n"


def explain(rules, *options, mode="passive", tls=False, pasv=None, data_port="20"):
    """(exit status, what --json says) of the rules, as text."""
    argv = [harness.SALLYWALL, "explain", "-", "--ftp", mode, "--client", CLIENT, "--server", SERVER, "--json"]
    argv += ["--tls"] * tls + (["--pasv-ports", pasv] if pasv else []) + list(options)
    if mode in ("active", "eprt") and data_port:
        argv += ["--data-port", data_port]  # 20: as these servers do, with connect_from_port_20
    done = subprocess.run(argv, input=rules, capture_output=True, text=True, timeout=harness.PATIENCE)
    if done.returncode not in (0, 1, 3):
        raise AssertionError(f"{argv} ended with {done.returncode}: {done.stderr}")
    return done.returncode, json.loads(done.stdout)


def outcome(told):
    tasks = {task["name"]: task["outcome"] for task in told["tasks"]}
    if tasks["login"] != "works":
        return NO_LOGIN
    return WORKS if tasks["LIST"] == "works" else TIMES_OUT


def need_sallywall():
    if not harness.SALLYWALL:
        raise AssertionError("no sallywall beside the server that is tested")


explain_once = functools.cache(explain)  # several tests look at the same answers


class TruthTable(unittest.TestCase):
    """The table, from the program alone: nothing but its input is looked at."""

    @classmethod
    def setUpClass(cls):
        need_sallywall()

    def each(self):
        for row, (_, _, pasv) in ROWS.items():
            for mode in MODES:
                for tls in (False, True):
                    with self.subTest(row=row, mode=mode, tls=tls):
                        status, told = explain_once(saved_rules(row), mode=mode, tls=tls, pasv=pasv)
                        yield row, mode, tls, status, told

    def test_outcomes_and_statuses(self):
        for row, mode, tls, status, told in self.each():
            wanted = truth(row, mode, tls)
            self.assertEqual(outcome(told), wanted, told["conclusion"])
            self.assertEqual(status, 0 if wanted == WORKS else 1)
            self.assertEqual(told["outcome"], "works" if wanted == WORKS else "blocked")
            transfers = {task["outcome"] for task in told["tasks"] if task["name"] in ("LIST", "RETR", "STOR")}
            self.assertEqual(transfers, {told["outcome"]})

    def test_the_deciding_rule_is_quoted(self):
        for _, mode, _, status, told in self.each():
            if status == 0:
                continue
            number = next(task["packet"] for task in told["tasks"] if task["outcome"] == "blocked")
            packet = told["packets"][number - 1]
            self.assertEqual(packet["fate"], "drop")
            self.assertEqual(packet["rule"]["text"], f"-A INPUT -d {SERVER}/32 -j DROP")
            self.assertIn(f"rule {packet['rule']['number']} of INPUT drops", told["conclusion"])

    def test_fixes_work_and_the_least_exposing_comes_first(self):
        for _, _, _, status, told in self.each():
            self.assertEqual(bool(told["fixes"]), status == 1)
            self.assertTrue(all(fix["works"] for fix in told["fixes"]))
            exposed = [fix["exposed_ports"] for fix in told["fixes"]]
            self.assertEqual(exposed, sorted(exposed))

    def test_a_fix_makes_the_session_work_when_it_is_applied(self):
        """The commands that are shown, carried out by the program that reads such rules: explain says it works then."""
        for row, mode, tls, _, told in self.each():
            for fix in told["fixes"]:
                rules, pasv = apply_to_text(saved_rules(row), fix, ROWS[row][2])
                status, after = explain_once(rules, mode=mode, tls=tls, pasv=pasv)
                self.assertEqual(status, 0, f"{fix['commands']}: {after['conclusion']}")

    def test_row_4_names_the_helper_that_is_gone(self):
        _, told = explain(saved_rules(4), pasv="10090:10100")
        self.assertTrue(any("nf_conntrack_ftp used to attach itself" in note for note in told["notes"]), told["notes"])
        self.assertEqual(told["fixes"][0]["exposes"], "none: only announced connections")
        status, _ = explain(saved_rules(4), "--kernel", "4.4", pasv="10090:10100")
        self.assertEqual(status, 0)


def apply_to_text(rules, fix, pasv):
    """A rule set with a fix applied: only what fixes use, -I and -A at a place and -R."""
    lines = rules.splitlines()
    ports = {}
    for command in fix["commands"]:
        words = shlex.split(command)
        if "=" in words[0]:
            name, value = words[0].split("=")
            ports[name] = value
            continue
        table = words[words.index("-t") + 1] if "-t" in words else "filter"
        words = words[3:] if "-t" in words else words[1:]
        lines = apply_command(lines, table, words)
    if ports:
        pasv = f"{ports['pasv_min_port']}:{ports['pasv_max_port']}"
    return "\n".join(lines) + "\n", pasv


def apply_command(lines, table, words):
    if "*" + table not in lines:
        lines = ["*" + table, ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", "COMMIT"] + lines
    start = lines.index("*" + table)
    end = lines.index("COMMIT", start)
    command, chain, rest = words[0], words[1], words[2:]
    number = int(rest.pop(0)) if command in ("-I", "-R") and rest[0].isdigit() else 1
    own = [i for i in range(start, end) if lines[i].startswith(f"-A {chain} ")]
    rule = f"-A {chain} {' '.join(rest)}"
    if command == "-R":
        return lines[:own[number - 1]] + [rule] + lines[own[number - 1] + 1:]
    at = end if command == "-A" or number > len(own) else own[number - 1]
    return lines[:at] + [rule] + lines[at:]


# --- the same with real servers and real rules --------------------------------------------------------------------

class ClientMachine:
    """A network namespace with the client's address, at the other end of a cable."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        pid = str(self.holder.pid)
        wait_until(lambda: os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        for command in (f"ip link add name here type veth peer name there netns {pid}",
                        f"ip address add {SERVER}/24 dev here", "ip link set here up"):
            subprocess.run(command.split(), check=True)
        for command in (f"ip address add {CLIENT}/24 dev there", "ip link set there up", "ip link set lo up"):
            self.run(command.split(), check=True)

    def run(self, argv, **kw):
        return subprocess.run(["nsenter", "-t", str(self.holder.pid), "-n", *argv], **kw)

    def close(self):
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()


def iptables(*words, **kw):
    return subprocess.run(["iptables-legacy", "-w", *words], check=True, capture_output=True, text=True, **kw).stdout


class RealCase(AnonymousCase):
    """Real rules in this namespace, a real client in another."""
    conf = None
    limit = 240

    @classmethod
    def setUpClass(cls):
        need_sallywall()
        need_netfilter()
        super().setUpClass()
        cls.client_machine = ClientMachine()

    @classmethod
    def tearDownClass(cls):
        cls.client_machine.close()
        super().tearDownClass()

    @classmethod
    def prepare(cls):
        cls.conf_for_rows = dict(cls.conf, listen_port=21, listen_address=SERVER)
        cls.conf = None
        write_file(cls.root + "/report.txt", b"x" * 1400)

    def load(self, row):
        subprocess.run(["iptables-legacy-restore"], input=saved_rules(row), text=True, check=True)
        if not ROWS[row][1]:
            iptables("-t", "raw", "-F")

    def serve(self, pasv, kind=Server, **conf):
        options = dict(self.conf_for_rows, **conf)
        first, last = (pasv or "30000:30999").split(":")
        options.update(pasv_min_port=first, pasv_max_port=last)
        server = kind(options, f"row{len(os.listdir(harness.WORK))}", port=21)
        self.servers = [server]
        self.addCleanup(server.stop)
        return server.start()

    def reached(self, mode, expected):
        """How far a real client gets; one that does not get as far as expected tries again with patience, on a busy machine."""
        got = self.tried(mode, BLOCKED_AFTER)
        return got if got == expected else self.tried(mode, harness.PATIENCE)

    def tried(self, mode, seconds):
        """How far a real client gets with a listing, if it waits so long before it calls a connection blocked."""
        options = {"passive": ["--disable-epsv"], "epsv": [], "active": ["--disable-eprt", "-P", CLIENT],
                   "eprt": ["-P", CLIENT]}[mode]
        argv = ["curl", "-sv", "--connect-timeout", str(seconds), "--max-time", str(seconds + 1),
                *options, f"ftp://{SERVER}/pub/"]
        done = self.client_machine.run(argv, capture_output=True, text=True, timeout=2 * harness.PATIENCE)
        if done.returncode == 0 and "report.txt" in done.stdout:
            return WORKS
        self.assertEqual(done.returncode, 28, done.stderr)  # CURLE_OPERATION_TIMEDOUT
        return TIMES_OUT if re.search(r"^< 230", done.stderr, re.MULTILINE) else NO_LOGIN

    def compare(self, row, server, modes=MODES, tls=False):
        """All modes at a time, since who is blocked waits."""
        pasv = f"{server.conf['pasv_min_port']}:{server.conf['pasv_max_port']}"
        rules = subprocess.run(["iptables-legacy-save"], check=True, capture_output=True, text=True).stdout
        with concurrent.futures.ThreadPoolExecutor(len(modes)) as pool:
            real = dict(zip(modes, pool.map(lambda mode: self.reached(mode, truth(row, mode, tls)), modes)))
        for mode in modes:
            with self.subTest(row=row, mode=mode):
                _, told = explain(rules, mode=mode, tls=tls, pasv=pasv)
                self.assertEqual(real[mode], truth(row, mode, tls))
                self.assertEqual(outcome(told), real[mode], told["conclusion"])


class RealTruthTable(RealCase):
    def test_rows_agree_with_this_kernel(self):
        for row, (_, _, pasv) in ROWS.items():
            self.load(row)
            server = self.serve(pasv)
            self.compare(row, server)
            server.stop()

    def test_each_fix_of_each_row_works_here(self):
        for row, (_, _, pasv) in ROWS.items():
            for mode in ("passive", "active"):
                if truth(row, mode, False) == WORKS:
                    continue
                with self.subTest(row=row, mode=mode):
                    self.load(row)
                    rules = subprocess.run(["iptables-legacy-save"], check=True, capture_output=True, text=True).stdout
                    _, told = explain(rules, mode=mode, pasv=pasv)
                    for fix in told["fixes"]:
                        self.load(row)
                        self.apply_and_try(fix, mode, pasv)

    def apply_and_try(self, fix, mode, pasv):
        ports = dict(c.split("=") for c in fix["commands"] if c.startswith("pasv_"))
        for command in fix["commands"]:
            if not command.startswith("pasv_"):
                words = shlex.split(command)
                self.assertEqual(words[0], "iptables")
                iptables(*words[1:])
        server = self.serve(f"{ports['pasv_min_port']}:{ports['pasv_max_port']}" if ports else pasv)
        self.assertEqual(self.reached(mode, WORKS), WORKS, fix["commands"])
        server.stop()


class RealDataPort(RealCase):
    """Servers that send from port 20, from another one, and from whatever port they get."""
    ways = {"20": {"connect_from_port_20": "YES"}, "2020": {"connect_from_port_20": "YES", "ftp_data_port": 2020},
            "any": {"connect_from_port_20": "NO"}}

    def told(self, row, *options):
        rules = subprocess.run(["iptables-legacy-save"], check=True, capture_output=True, text=True).stdout
        return explain(rules, *options, mode="active", pasv="10090:10100", data_port=None)[1]

    def test_what_is_said_of_the_port_agrees_with_this_kernel(self):
        real = {}
        for row in (2, 5, 7):
            self.load(row)
            for port, conf in self.ways.items():
                with self.subTest(row=row, port=port):
                    told = self.told(row, "--data-port", port)
                    server = self.serve("10090:10100", **conf)
                    real[row, port] = self.reached("active", outcome(told))
                    server.stop()
                    self.assertEqual(outcome(told), real[row, port], told["conclusion"])
            unsaid = self.told(row)["outcome"]
            same = {real[row, port] for port in self.ways}
            self.assertEqual(unsaid, "unknown" if len(same) > 1 else "works" if same == {WORKS} else "blocked")
        self.assertEqual({real[2, "20"], real[2, "any"]}, {WORKS, TIMES_OUT})

    def test_fixes_work_whatever_the_port_is(self):
        """Of a server of which nothing was said: those that change it, and those that do for any."""
        self.load(2)
        told = self.told(2)
        self.assertEqual(told["outcome"], "unknown")
        self.assertTrue(any("connect_from_port_20=YES" in fix["commands"] for fix in told["fixes"]))
        for fix in told["fixes"]:
            with self.subTest(fix=fix["commands"]):
                self.load(2)
                conf = dict(c.split("=") for c in fix["commands"] if not c.startswith("iptables "))
                for command in fix["commands"]:
                    if command.startswith("iptables "):
                        iptables(*shlex.split(command)[1:])
                for way in ([{}] if conf else self.ways.values()):
                    server = self.serve("10090:10100", **way, **conf)
                    self.assertEqual(self.reached("active", WORKS), WORKS)
                    server.stop()


class RealLoopback(RealCase):
    """The server's own machine is the client: packets meet OUTPUT and INPUT, by lo."""
    helper_going_out = [rule.replace("PREROUTING", "OUTPUT") for rule in HELPER]

    def tried(self, mode, seconds):
        argv = ["curl", "-sv", "--connect-timeout", str(seconds), "--max-time", str(seconds + 1), "--disable-epsv",
                f"ftp://{SERVER}/pub/"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=2 * harness.PATIENCE)
        if done.returncode == 0 and "report.txt" in done.stdout:
            return WORKS
        self.assertEqual(done.returncode, 28, done.stderr)
        return TIMES_OUT if re.search(r"^< 230", done.stderr, re.MULTILINE) else NO_LOGIN

    def test_a_machine_that_asks_itself_agrees_with_this_kernel(self):
        accept_lo = ["-A INPUT -i lo -j ACCEPT"]
        drop_out = ["-A OUTPUT -o lo -p tcp --dport 10090:10100 -j DROP"]
        cases = ((ACCEPT_21, [], NO_LOGIN), (accept_lo, [], WORKS), (accept_lo + drop_out, [], TIMES_OUT), ROWS[7][:2] + (TIMES_OUT,),
                 (ROWS[7][0], self.helper_going_out, WORKS))
        for accepts, raw, expected in cases:
            with self.subTest(accepts=accepts, raw=raw):
                ROWS["own"] = (accepts, raw, "10090:10100")
                self.addCleanup(ROWS.pop, "own", None)
                self.load("own")
                server = self.serve("10090:10100")
                rules = subprocess.run(["iptables-legacy-save"], check=True, capture_output=True, text=True).stdout
                _, told = explain(rules, "--client", SERVER, pasv="10090:10100")
                self.assertEqual(outcome(told), expected, told["conclusion"])
                self.assertEqual(self.reached("passive", expected), expected)
                server.stop()


class Vsftpd(test_oracle.Vsftpd):
    def stop(self):
        """Its sessions wait for clients that have given up."""
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return super().stop()


# curl 7.88 never begins TLS on an active data connection; Python's client does.
TLS_CLIENT = """
import ftplib, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
client = ftplib.FTP_TLS(timeout=float(sys.argv[3]), context=context)
client.connect(sys.argv[1], 21)
client.login("anonymous", "test@")
print("logged in", flush=True)
client.prot_p()
client.set_pasv(sys.argv[2] == "passive")
print(client.nlst("/pub"))
"""


class RealTruthTableUnderTls(RealCase):
    """Row 8. vsftpd stands in for the server, as it speaks TLS."""

    def tried(self, mode, seconds):
        argv = [sys.executable, "-c", TLS_CLIENT, SERVER, mode, str(seconds)]
        done = self.client_machine.run(argv, capture_output=True, text=True, timeout=5 * harness.PATIENCE)
        if done.returncode == 0 and "report.txt" in done.stdout:
            return WORKS
        self.assertIn("timed out", done.stderr.lower())
        return TIMES_OUT if "logged in" in done.stdout else NO_LOGIN

    @classmethod
    def setUpClass(cls):
        test_oracle.need_vsftpd()
        super().setUpClass()

    def certificate(self):
        path = os.path.join(harness.WORK, "vsftpd.pem")
        if not os.path.exists(path):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "2",
                            "-keyout", path, "-out", path + ".crt"], check=True, capture_output=True)
            with open(path, "a") as f, open(path + ".crt") as certificate:
                f.write(certificate.read())
        return path

    def test_rows_agree_with_this_kernel(self):
        for row, (_, _, pasv) in ROWS.items():
            if row == 0:
                continue
            self.load(row)
            server = self.serve(pasv, Vsftpd, ssl_enable="YES", allow_anon_ssl="YES", require_ssl_reuse="NO",
                                rsa_cert_file=self.certificate(), ssl_ciphers="HIGH")
            self.compare(row, server, ("passive", "active"), tls=True)
            server.stop()


class Readme(unittest.TestCase):
    """What README shows is what the program says."""

    def setUp(self):
        need_sallywall()
        self.text = ROOT.joinpath("README.md").read_text()
        rules = re.search(r"cat rules\.v4\n(.*?COMMIT\n)", self.text, re.DOTALL).group(1)
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        write_file(os.path.join(self.folder, "rules.v4"), "".join(line[4:] for line in rules.splitlines(True)))

    def explain(self, *words):
        return subprocess.run([harness.SALLYWALL, "explain", "rules.v4", "--kernel", "6.18", *words], cwd=self.folder,
                              env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, timeout=harness.PATIENCE)

    def test_the_text_is_the_programs(self):
        shown = re.search(r"<!-- explain: begin -->\n(.*?)<!-- explain: end -->", self.text, re.DOTALL).group(1)
        shown = "".join(line[4:] if line.strip() else line for line in shown.splitlines(True))
        self.assertEqual(shown.strip(), self.explain().stdout.strip())

    def test_the_drawing_is_the_programs(self):
        self.explain("--svg", "drawn.svg")
        with open(os.path.join(self.folder, "drawn.svg")) as drawn:
            self.assertEqual(drawn.read(), ROOT.joinpath("doc/images/explain-passive.svg").read_text())
