# SPDX-License-Identifier: BSD-2-Clause
"""sally doctor: behind real firewalls the true cause is among those that it names, and none is that the evidence excludes."""
import concurrent.futures
import contextlib
import itertools
import json
import os
import shlex
import socket
import ssl
import subprocess
import threading
import unittest
import unittest.mock

import harness
import live
import terminal
import test_explain
import test_oracle
from harness import AnonymousCase, Server, need_netfilter, noise, write_file
from live import SERVER, World
from test_explain import ROWS, saved_rules
from test_sally import SallyCase
from tls import make_certificate, openssl

ALL, SOME, NONE = 0, 1, 2  # exit statuses
PASSIVE = {"PASSIVE_CLOSED", "HELPER_MISSING", "OUT_BLOCKED"}  # can't be told apart from where the client is
ACTIVE = {"ACTIVE_ANSWERS", "ACTIVE_OUT", "ACTIVE_HERE"}
PATIENT = 6  # seconds, where the machine was too busy for the first time-out


def causes(told, key="causes", family=None):
    return {finding["id"].removeprefix("CAUSE_") for finding in told[key] if family in (None, finding["family"])}


def certificate_in(folder, name="localhost"):
    """(file, fingerprint)"""
    file = make_certificate(harness.make_dir(folder, "nobody") + "/server.pem", name)
    text = openssl("x509", "-in", file, "-noout", "-fingerprint", "-sha256").stdout.decode()
    return file, text.strip().rpartition("=")[2].replace(":", "").lower()


def report_of(done):
    """What --json has told; the last event of all."""
    if "Sanitizer" in done.stderr or done.returncode not in (ALL, SOME, NONE):
        raise AssertionError(f"{done.args} ended with {done.returncode}: {done.stderr[-3000:]}{done.stdout[-3000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    if told["event"] != "report" or told["status"] != done.returncode:
        raise AssertionError(told)
    return told


class RealCase(AnonymousCase):
    """Real servers and rules, each row of a table in two namespaces of its own."""
    conf = None
    limit = 300
    numbers = itertools.count()

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()
        need_netfilter()
        super().setUpClass()

    @classmethod
    def prepare(cls):
        file, cls.fingerprint = certificate_in(os.path.join(os.path.dirname(cls.root), "certificates"))
        cls.plain = dict(cls.conf, listen_port=21, listen="NO", listen_ipv6="YES")
        cls.tls = {"ssl_enable": "YES", "allow_anon_ssl": "YES", "rsa_cert_file": file, "force_anon_logins_ssl": "NO",
                   "force_anon_data_ssl": "NO"}
        cls.conf = None
        write_file(cls.root + "/report.txt", b"x" * 700)

    @contextlib.contextmanager
    def served(self, rules="", pasv=None, rules6="", **conf):
        """A world whose server stands behind these rules."""
        with World() as world:
            if rules:
                world.server.run("iptables-legacy-restore", input=rules)
            if rules6:
                world.server.run("ip6tables-legacy-restore", input=rules6)
            first, last = (pasv or "30000:30999").split(":")
            options = dict(self.plain, pasv_min_port=first, pasv_max_port=last, **conf)
            server = Server(options, f"{self.id().rsplit('.', 1)[1]}-{next(self.numbers)}", port=21)
            self.servers.append(server)
            server.start(preexec_fn=world.server.enter())
            try:
                yield world
            finally:
                server.stop()

    def doctor(self, world, *options, host=SERVER, seconds=2):
        argv = [harness.SALLY, "doctor", "--json", "--timeout", str(seconds), *options, f"{host}/pub/"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=3 * harness.PATIENCE, preexec_fn=world.client.enter(),
                              stdin=subprocess.DEVNULL, start_new_session=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": os.path.join(harness.WORK, "no-home")})
        return report_of(done)

    def examined(self, world, wanted, *options, **kw):
        """What is told; where it is not what is wanted, the machine may have been too busy, and gets more time."""
        told = self.doctor(world, *options, **kw)
        if self.unlike(told, *wanted):
            told = self.doctor(world, *options, seconds=PATIENT, **kw)
        wrong = self.unlike(told, *wanted)
        return told, [f"{wrong}: {json.dumps(told, indent=1)}"] if wrong else []

    @staticmethod
    def unlike(told, status, fit, out=()):
        """What is other than wanted. Whether only a part of the range is open hangs on which ports came; test_the_range_* has it."""
        fits = causes(told) - {"RANGE_PARTIAL", "NOT_OFFERED"}
        missing = set(out) - causes(told, "ruled_out")
        if told["status"] == status and fits == set(fit) and not missing and not fits & causes(told, "ruled_out"):
            return ""
        return f"status {told['status']}, fits {sorted(fits)}, not ruled out {sorted(missing)}"

    def each(self, jobs, play):
        """play(*job) for all of them, some at a time: who is blocked waits. Each hands back what it found wrong."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            wrong = [line for lines in pool.map(lambda job: play(*job), jobs) for line in lines]
        self.assertEqual(wrong, [])

    def leftovers(self):
        return [name for name in os.listdir(self.root) if "doctor" in name]


# Row: what is to come of it: status, causes that fit, causes that must be ruled out. The true ones: TRUE.
TOLD = {
    0: (NONE, {"CONTROL_DROPPED", "HOST_AWAY"}, {"NOT_LISTENING", "CONTROL_REJECTED"}),
    1: (NONE, PASSIVE | ACTIVE),
    2: (SOME, PASSIVE),
    3: (SOME, ACTIVE),
    4: (NONE, PASSIVE | ACTIVE),
    5: (SOME, ACTIVE),
    6: (SOME, ACTIVE),
    7: (ALL, set()),
}
UNDER_TLS = {
    1: (NONE, PASSIVE | ACTIVE, {"HELPER_BLIND", "ACTIVE_BLIND"}),
    2: (SOME, PASSIVE, {"HELPER_BLIND"}),
    3: (SOME, ACTIVE, {"ACTIVE_BLIND"}),
    5: (SOME, {"HELPER_BLIND"} | ACTIVE, PASSIVE),
    6: (SOME, {"HELPER_BLIND"} | ACTIVE, PASSIVE),
    7: (SOME, {"HELPER_BLIND"}, PASSIVE),
}
TRUE = {0: {"CONTROL_DROPPED"}, 1: {"PASSIVE_CLOSED", "ACTIVE_ANSWERS"}, 2: {"PASSIVE_CLOSED"}, 3: {"ACTIVE_ANSWERS"},
        4: {"HELPER_MISSING", "ACTIVE_ANSWERS"}, 5: {"ACTIVE_ANSWERS"}, 6: {"ACTIVE_ANSWERS"}, 7: set()}


class TruthTable(RealCase):
    """Each row, live."""

    def test_the_table_holds_the_truth(self):
        """What is wanted below has the true cause, which the rules of the row say, among what fits."""
        for row, true in TRUE.items():
            self.assertLessEqual(true, TOLD[row][1])
            if row in UNDER_TLS:
                blind = {"HELPER_BLIND"} if row >= 5 else set()
                self.assertLessEqual(true | blind, UNDER_TLS[row][1])

    def play(self, row, tls, wanted):
        conf, options = (self.tls, ["--fingerprint", self.fingerprint]) if tls else ({}, [])
        with self.served(saved_rules(row), ROWS[row][2], **conf) as world:
            told, wrong = self.examined(world, wanted, *options)
            wrong += self.asked(world, told) if not wrong else []
        return [f"row {row}{', TLS' * tls}: {line}" for line in wrong]

    def asked(self, world, told):
        """The command that would tell, run on the server as it says, names the rule that drops."""
        wrong = []
        for finding in told["causes"]:
            words = shlex.split(finding.get("tell", {}).get("command", ""))
            if words[:1] != ["sallywall"] or finding["tell"]["on"] != "server":
                continue
            rules = world.server.run("iptables-legacy-save").stdout
            done = world.server.run(harness.SALLYWALL, "explain", "-", *words[2:], input=rules, check=False)
            if done.returncode not in (1, 3) or f"-A INPUT -d {SERVER}/32 -j DROP" not in done.stdout:
                wrong.append(f"{finding['id']}: {words} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return wrong

    def test_rows(self):
        self.each([(row, False, wanted) for row, wanted in TOLD.items()], self.play)
        self.assertEqual(self.leftovers(), [])

    def test_rows_under_tls(self):
        self.each([(row, True, wanted) for row, wanted in UNDER_TLS.items()], self.play)
        self.assertEqual(self.leftovers(), [])

    def test_row_8_where_tls_is_all_there_is(self):
        """Nothing is known of how it would be without: what that would have ruled out fits."""
        wanted = (SOME, PASSIVE | {"HELPER_BLIND"})
        with self.served(saved_rules(7), ROWS[7][2], **self.tls) as world:
            _, wrong = self.examined(world, wanted, "--tls", "--fingerprint", self.fingerprint)
        self.assertEqual(wrong, [])


class OtherServers(RealCase):
    """vsftpd, which says 150 only when its connection stands, and names no cause of its own but 522."""

    def test_vsftpd(self):
        test_oracle.need_vsftpd()
        with World() as world:
            world.server.run("iptables-legacy-restore", input=saved_rules(3))
            options = {**self.plain, **self.tls, "pasv_min_port": 10090, "pasv_max_port": 10100, "require_ssl_reuse": "YES",
                       "ssl_ciphers": "HIGH"}
            server = live.Vsftpd(options, "vsftpd", port=21)
            self.servers.append(server)
            server.start_at(world.server, lambda: live.listens(world.server, 21))
            try:
                told = self.doctor(world, "--fingerprint", self.fingerprint, seconds=PATIENT)
            finally:
                server.stop()
        is_522 = any(step.get("code") == 522 for row in told["rows"] for step in row.values() if isinstance(step, dict))
        self.assertEqual(causes(told), ACTIVE | ({"TLS_REUSE"} if is_522 else set()), told)


def filtered(*lines, table="filter"):
    chains = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    return f"*{table}\n{chains}" + "\n".join(lines) + "\nCOMMIT\n"


class OtherFirewalls(RealCase):
    """What else stands between."""

    REJECT = "-j REJECT --reject-with "
    SYN_30000 = "-A INPUT -p tcp -m tcp --dport 30000:30999 --tcp-flags SYN,RST,ACK,FIN SYN "
    TABLE = {
        "refused": (["-A INPUT -p tcp -m tcp --dport 21 " + REJECT + "tcp-reset"],
                    (NONE, {"NOT_LISTENING", "CONTROL_REJECTED"}, {"CONTROL_DROPPED", "HOST_AWAY"})),
        "prohibited": (["-A INPUT -p tcp -m tcp --dport 21 " + REJECT + "icmp-admin-prohibited"],
                       (NONE, {"HOST_AWAY", "CONTROL_REJECTED"}, {"CONTROL_DROPPED", "NOT_LISTENING"})),
        "passive is rejected": ([SYN_30000 + REJECT + "icmp-host-prohibited"], (SOME, PASSIVE)),
        "passive is reset": ([SYN_30000 + REJECT + "tcp-reset"], (SOME, PASSIVE)),
        "the server can't go out": (["-A OUTPUT -p tcp -m tcp --sport 20 " + REJECT + "tcp-reset"],
                                    (SOME, {"ACTIVE_OUT", "ACTIVE_HERE"}, {"ACTIVE_ANSWERS"})),
        "large packets from the server": (["-A OUTPUT -p tcp -m length --length 1200:65535 -j DROP"], (SOME, {"MTU", "CUT_OFF"})),
        "large packets to the server": (["-A INPUT -p tcp -m length --length 1200:65535 -j DROP"], (SOME, {"MTU", "CUT_OFF"})),
    }

    def play(self, name, lines, wanted):
        with self.served(filtered(*lines)) as world:
            told, wrong = self.examined(world, wanted)
        return [f"{name}: {line}" for line in wrong]

    def test_each(self):
        self.each([(name, *row) for name, row in self.TABLE.items()], self.play)

    def test_this_machine_lets_nobody_in(self):
        with self.served() as world:
            world.client.run("iptables-legacy-restore", input=filtered("-A INPUT -p tcp -m tcp --syn -j DROP"))
            told, wrong = self.examined(world, (SOME, ACTIVE))
            self.assertEqual(wrong, [])
            tell = next(f["tell"] for f in told["causes"] if f["id"] == "CAUSE_ACTIVE_HERE")
            self.assertEqual(tell["on"], "here")
            rules = world.client.run("iptables-legacy-save").stdout
            done = world.client.run(harness.SALLYWALL, "explain", "-", *shlex.split(tell["command"])[2:], input=rules, check=False)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)

    def test_the_range_is_open_in_part(self):
        """A port at which it came to stand and one at which not, one beside the other: the ports say whether a range can do that."""
        rules = filtered("-A INPUT -p tcp -m tcp --dport 30000:30499 --syn -j DROP")
        with self.served(rules, "30000:30999") as world:
            for _ in range(20):  # until not all ports fall on one side
                told = self.doctor(world, "--passive", "--no-upload")
                if "RANGE_PARTIAL" in causes(told):
                    break
        self.assertIn("RANGE_PARTIAL", causes(told), told)
        self.assertFalse(PASSIVE & causes(told), told)

    def test_each_family_is_judged_for_itself(self):
        hosts = os.path.join(harness.WORK, "hosts")  # over the machine's own, which is not to be written
        with open(hosts, "w") as f:
            f.write(f"{SERVER} both.test\n{live.SERVER6} both.test\n")
        subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/hosts"], check=True)
        rules6 = filtered("-A INPUT -p tcp -m tcp --dport 21 -j DROP")
        with self.served(rules6=rules6) as world:
            told, wrong = self.examined(world, (SOME, {"CONTROL_DROPPED", "HOST_AWAY"}), host="both.test")
        self.assertEqual(wrong, [])
        self.assertEqual(causes(told, family=4), {"NOT_OFFERED"})
        self.assertEqual([(row["family"], row["tls"]) for row in told["rows"]], [(4, True), (4, False), (6, True), (6, False)])
        self.assertEqual(told["rows"][1]["active"]["outcome"], "works")

    def test_ipv6(self):
        rules6 = filtered("-A INPUT -p ipv6-icmp -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", "-A INPUT -j DROP")
        with self.served(rules6=rules6) as world:
            told, wrong = self.examined(world, (NONE, PASSIVE | ACTIVE), host=f"[{live.SERVER6}]")
            self.assertEqual(wrong, [])
            self.assertEqual(told["rows"][1]["PASV"]["outcome"], "not tried")
            for finding in told["causes"]:
                if finding.get("tell", {}).get("on") == "server":
                    words = shlex.split(finding["tell"]["command"])
                    done = world.server.run(harness.SALLYWALL, "explain", "-", *words[2:], check=False,
                                            input=world.server.run("ip6tables-legacy-save").stdout)
                    self.assertEqual(done.returncode, 1, done.stdout + done.stderr)


class Nats(RealCase):
    """client - gateway - server. The server knows nothing of the client's network, or the client nothing of the server's."""
    MASQUERADE = ["-A POSTROUTING -o eth1 -j MASQUERADE"]
    FORWARD = [f"-A PREROUTING -d {live.GATE}/32 -p tcp -m tcp --dport 21 -j DNAT --to-destination {live.NET_BEHIND}"]
    BOTH_WAYS = [*FORWARD, f"-A POSTROUTING -s {live.NET_BEHIND}/32 -o eth0 -j SNAT --to-source {live.GATE}"]

    def told(self, nat, helper, tls, wanted, host):
        conf, options = (self.tls, ["--fingerprint", self.fingerprint]) if tls else ({}, [])
        with World("gateway") as world:
            chains = ":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            rules = f"*nat\n{chains}" + "\n".join(nat) + "\nCOMMIT\n"
            if helper:
                rules += "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + "\n".join(test_explain.HELPER) + "\nCOMMIT\n"
            world.wall.run("iptables-legacy-restore", input=rules)
            if nat == self.MASQUERADE:
                world.server.ip("route delete default")
            server = Server({**self.plain, **conf}, f"nat-{next(self.numbers)}", port=21)
            self.servers.append(server)
            server.start(preexec_fn=world.server.enter())
            try:
                _, wrong = self.examined(world, wanted, *options, host=host)
            finally:
                server.stop()
        return [f"{nat}, helper {helper}, TLS {tls}: {line}" for line in wrong]

    def test_the_client_is_behind_one(self):
        self.each([
            (self.MASQUERADE, False, False, (SOME, {"ACTIVE_REFUSED", "NAT_HERE", "ALG"}), live.NET_BEHIND),
            (self.MASQUERADE, False, True, (SOME, {"ACTIVE_REFUSED", "NAT_HERE"}, {"ALG", "ACTIVE_BLIND"}), live.NET_BEHIND),
            (self.MASQUERADE, True, True, (SOME, {"ACTIVE_BLIND"}, {"ACTIVE_REFUSED", "NAT_HERE"}), live.NET_BEHIND),
        ], self.told)

    def test_the_server_is_behind_one(self):
        self.each([
            (self.BOTH_WAYS, False, False, (SOME, PASSIVE | {"PASV_ADDRESS", "ALG"}), live.GATE),
            (self.BOTH_WAYS, False, True, (SOME, PASSIVE | {"PASV_ADDRESS"}, {"ALG", "HELPER_BLIND"}), live.GATE),
            (self.BOTH_WAYS, True, True, (SOME, {"HELPER_BLIND", "PASV_ADDRESS"}, PASSIVE), live.GATE),
            (self.FORWARD, False, False, (NONE, PASSIVE | {"PASV_ADDRESS", "ALG", "ACTIVE_STRANGER"}, ACTIVE), live.GATE),
        ], self.told)


class Settings(SallyCase):
    """A server whose settings are the cause."""
    conf = None

    @classmethod
    def prepare(cls):
        cls.certificate, cls.fingerprint = certificate_in(os.path.join(os.path.dirname(cls.root), "certificates"))
        cls.tls = {"ssl_enable": "YES", "allow_anon_ssl": "YES", "rsa_cert_file": cls.certificate, "force_anon_logins_ssl": "NO",
                   "force_anon_data_ssl": "NO"}
        cls.options_kept, cls.conf = cls.conf, None

    def setUp(self):
        super().setUp()
        write_file(self.root + "/report.txt", b"x" * 700)
        write_file(self.root + "/large", noise(2_000_000))

    def doctor(self, *words, status, conf=None, folder="pub/"):
        server = self.own_server({**self.options_kept, **(conf or {})})
        done = subprocess.run([harness.SALLY, "doctor", "--json", *words, f"127.0.0.1:{server.port}/{folder}"], capture_output=True, text=True,
                              timeout=harness.PATIENCE, env=self.environment(), start_new_session=True,
                              stdin=subprocess.DEVNULL)
        told = report_of(done)
        self.assertEqual(told["status"], status, told)
        return told

    def row(self, told, tls=False):
        return next(row for row in told["rows"] if row["tls"] == tls)

    def test_all_works(self):
        told = self.doctor("--fingerprint", self.fingerprint, status=ALL, conf=self.tls)
        self.assertEqual(causes(told), set())
        for tls in (False, True):
            outcomes = {key: step["outcome"] for key, step in self.row(told, tls).items() if isinstance(step, dict)}
            self.assertEqual(set(outcomes.values()), {"works"}, outcomes)
        self.assertEqual(sorted(os.listdir(self.root)), ["large", "report.txt"])

    def test_nothing_is_stored_where_it_is_not_wanted_or_not_allowed(self):
        for words, conf, put in ((["--no-upload"], {}, "not tried"), ([], {"anon_upload_enable": "NO"}, "not allowed")):
            with self.subTest(words=words):
                row = self.row(self.doctor(*words, status=ALL, conf=conf))
                self.assertEqual([row[key]["outcome"] for key in ("small_put", "small_get", "large_put", "large_get")],
                                 [put, "works", put, "works"])
                self.assertEqual(row["large_get"]["bytes"], 1 << 20)

    def test_the_address_that_the_server_names(self):
        conf = {"pasv_address": "10.9.8.7"}
        told = self.doctor(status=SOME, conf=conf)
        self.assertEqual(causes(told), {"PASV_ADDRESS", "ALG", "NOT_OFFERED"})
        self.assertEqual(self.row(told)["PASV"]["named"], "10.9.8.7")
        told = self.doctor("--fingerprint", self.fingerprint, status=SOME, conf={**conf, **self.tls})
        self.assertEqual((causes(told), causes(told, "ruled_out")), ({"PASV_ADDRESS"}, {"ALG"}))

    def test_active_mode_is_not_allowed(self):
        told = self.doctor("--fingerprint", self.fingerprint, status=SOME, conf={"port_enable": "NO", **self.tls})
        self.assertEqual((causes(told), causes(told, "ruled_out")), ({"ACTIVE_REFUSED"}, {"ALG", "ACTIVE_BLIND"}))

    def test_passive_mode_is_not_allowed(self):
        told = self.doctor("--fingerprint", self.fingerprint, status=SOME, conf={"pasv_enable": "NO", **self.tls})
        self.assertEqual((causes(told), causes(told, "ruled_out")), ({"PASSIVE_REFUSED"}, {"ALG"}))

    def test_a_certificate_that_is_not_trusted(self):
        told = self.doctor("--tls", status=NONE, conf=self.tls)
        self.assertEqual(causes(told), {"UNTRUSTED"})
        self.assertIn(self.fingerprint, told["causes"][0]["fix"]["text"])

    def test_who_wants_tls_is_right(self):
        told = self.doctor("--fingerprint", self.fingerprint, status=ALL, conf={**self.tls, "force_anon_logins_ssl": "YES"})
        self.assertEqual(causes(told), {"TLS_WANTED"})

    def test_nobody_is_let_in(self):
        told = self.doctor(status=NONE, conf={"anonymous_enable": "NO", "local_enable": "YES"})
        self.assertEqual(causes(told), {"LOGIN_REFUSED", "NOT_OFFERED"})

    def test_a_folder_that_is_not_there(self):
        told = self.doctor(status=NONE, folder="none/")
        self.assertEqual(causes(told), {"SERVER_SAYS", "NOT_OFFERED"})

    def test_a_password_is_not_sent_in_clear_and_that_is_nobodys_fault(self):
        server = self.own_server({**self.options_kept, "local_enable": "YES"})
        for words, status in (([], NONE), (["--plain"], SOME)):
            done = subprocess.run([harness.SALLY, "doctor", "-v", "--password-file", "-", *words, f"alice@127.0.0.1:{server.port}/"],
                                  capture_output=True, text=True, input="wrong\n", timeout=harness.PATIENCE,
                                  env=self.environment())
            self.assertEqual(done.returncode, NONE, done.stdout + done.stderr)
            self.assertEqual("USER" in done.stderr, status == SOME, done.stderr)
            self.assertEqual("travel in clear" in done.stdout, status == NONE, done.stdout)

    def test_text(self):
        server = self.own_server({**self.options_kept, "pasv_address": "10.9.8.7"})
        done = subprocess.run([harness.SALLY, "doctor", f"127.0.0.1:{server.port}/pub/"], capture_output=True, text=True,
                              timeout=harness.PATIENCE, env=self.environment())
        self.assertEqual(done.returncode, SOME, done.stderr)
        for line in (r"(?m)^ +login +EPSV +PASV +active +small +1 MB$", r"(?m)^IPv4 plain +ok \d+ ms +ok \d+ ms +elsewhere ",
                     r"(?m)^What fits:$", r"(?m)^To send to the server's administrator:$", r"pasv_address=127\.0\.0\.1"):
            self.assertRegex(done.stdout, line)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80, done.stdout)

    def test_a_narrow_terminal(self):
        server = self.own_server({**self.options_kept, "pasv_address": "10.9.8.7"})
        with terminal.Typing([harness.SALLY, "doctor", f"127.0.0.1:{server.port}/pub/"], self.here, self.environment(), 40) as sally:
            self.assertEqual(sally.end(), SOME, sally.seen)
        lines = sally.seen.replace("\r\n", "\n").rpartition("\r\x1b[K")[2].split("\n")
        self.assertIn("IPv4 plain", lines)
        self.assertIn("  PASV    elsewhere", lines)
        self.assertLessEqual(max(map(len, lines)), 40, lines)

    def test_nobody_is_there(self):
        self.assertEqual(subprocess.run([harness.SALLY, "doctor", "no-such-host.invalid"], capture_output=True).returncode, 3)
        self.sally("doctor", "a", "b", status=2)
        self.sally("doctor", "http://a", status=2)

    def test_interrupted(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            child = subprocess.Popen([harness.SALLY, "doctor", f"127.0.0.1:{silent.getsockname()[1]}"], stderr=subprocess.DEVNULL)
            silent.accept()[0].detach()
            child.send_signal(2)
            self.assertEqual(child.wait(harness.PATIENCE), 130)


# --- servers that say what they are told to ------------------------------------------------------------------------

class Talker:
    """One session after the other. script: {verb: reply, or what makes one of the session}."""
    STANDARD = {"": "220 hello", "AUTH": "502 no", "USER": "230 in", "FEAT": "211 none", "TYPE": "200 ok", "QUIT": "221 bye",
                "PBSZ": "200 ok", "PROT": "200 ok", "PORT": "200 ok", "LIST": "150 here", "RETR": "150 here", "STOR": "550 no"}
    LISTING = b"-rw-r--r-- 1 a b 100 Jan 1 2020 small\r\n-rw-r--r-- 1 a b 2000000 Jan 1 2020 large\r\n"

    def __init__(self, script, certificate=None, moves=None, source=None):
        self.source = source  # of active data connections
        self.script, self.moves = {**self.STANDARD, **script}, moves or {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
            self.script["AUTH"] = "234 go on"
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):  # which ends an accept that waits; closing does not
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(harness.PATIENCE)

    def serve(self):
        while True:
            try:
                control, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as passive:
                Talk(self, control, passive).run()


class Talk:
    def __init__(self, talker, control, passive):
        self.talker, self.control, self.passive = talker, control, passive
        self.is_tls, self.active, self.held = False, None, []

    def say(self, line):
        self.control.sendall(line.encode() + b"\r\n")

    def lines(self):
        while line := self.control.makefile("rb", buffering=0).readline():
            yield line.decode().split()

    def run(self):
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: [sock.close() for sock in (self.control, *self.held)])
            self.say(self.talker.script[""])
            for words in self.lines():
                self.answer(words)

    def answer(self, words):
        verb, port = words[0], self.passive.getsockname()[1]
        script = {"EPSV": f"229 Entering (|||{port}|)", "PASV": f"227 Entering (127,0,0,1,{port >> 8},{port & 255})", **self.talker.script}
        said = script.get(verb, "500 what?")
        self.say(said)
        if verb == "AUTH" and said.startswith("234"):
            self.control = self.talker.context.wrap_socket(self.control, server_side=True)
            self.is_tls = True
        if verb == "PORT":
            number = [int(n) for n in words[1].split(",")]
            self.active = (".".join(map(str, number[:4])), number[4] * 256 + number[5])
        if verb in ("EPSV", "PASV"):
            self.active = None
        if said.startswith("150"):
            self.transfer(verb, words[-1])
        elif verb in ("LIST", "RETR", "STOR") and not self.active:
            self.passive.accept()[0].close()  # nobody else is to have it

    def transfer(self, verb, name):
        data = socket.create_connection(self.active, None, self.talker.source) if self.active else self.passive.accept()[0]
        self.held.append(data)
        if self.is_tls:
            data = self.talker.context.wrap_socket(data, server_side=True)
            self.held.append(data)
        if self.talker.moves.get(name, self.talker.moves.get(verb)) == "stall":
            data.sendall(b"x" * 14480)
            return  # the socket is held until the session ends
        if self.talker.moves.get(verb) == "reuse":
            data.close()
            return self.say("522 SSL connection failed; session reuse required")
        with contextlib.suppress(OSError):
            data.sendall(self.talker.LISTING if verb == "LIST" else b"x" * (100 if name == "small" else 2_000_000))
        if self.is_tls:
            with contextlib.suppress(OSError):
                data.unwrap()
        data.close()
        self.say("226 done")


class Scripts(SallyCase):
    conf = None

    @classmethod
    def prepare(cls):
        cls.certificate, cls.fingerprint = certificate_in(os.path.join(os.path.dirname(cls.root), "certificates"))
        cls.conf = None

    def told(self, script, *words, status, **kw):
        with Talker(script, **kw) as talker:
            done = subprocess.run([harness.SALLY, "doctor", "--json", *words, f"127.0.0.1:{talker.port}"], capture_output=True, text=True,
                                  timeout=2 * harness.PATIENCE, env=self.environment(), start_new_session=True)
            told = report_of(done)
        self.assertEqual(told["status"], status, told)
        return told

    def test_nothing_wrong(self):
        self.assertEqual(causes(self.told({}, status=ALL)), {"NOT_OFFERED"})

    def test_425(self):
        told = self.told({"LIST": "425 Security: Bad IP connecting."}, status=NONE)
        self.assertEqual(causes(told), {"OTHER_PEER", "ACTIVE_OUT", "ACTIVE_HERE", "NOT_OFFERED"})
        self.assertIn("Bad IP connecting", next(f["text"] for f in told["causes"] if f["id"] == "CAUSE_OTHER_PEER"))

    def test_522(self):
        told = self.told({}, "--tls", "--fingerprint", self.fingerprint, status=NONE, certificate=self.certificate, moves={"LIST": "reuse"})
        self.assertEqual(causes(told), {"TLS_REUSE"})

    def test_a_stall_after_the_first_bytes(self):
        told = self.told({}, "--timeout", "2", status=SOME, moves={"large": "stall"})
        self.assertEqual(causes(told), {"MTU", "CUT_OFF", "NOT_OFFERED"})
        row = told["rows"][1]
        self.assertEqual((row["small_get"]["outcome"], row["large_get"]["outcome"], row["large_get"]["bytes"]), ("works", "stalled", 14480))

    def test_somebody_else_comes(self):
        told = self.told({}, "--timeout", "2", status=SOME, source=("127.0.0.2", 0))
        self.assertEqual((causes(told), causes(told, "ruled_out")), ({"ACTIVE_STRANGER", "NOT_OFFERED"}, ACTIVE))

    def test_tls_that_was_there_before(self):
        self.assertEqual(causes(self.told({}, "--tls", status=NONE)), {"TLS_GONE"})
        with Talker({}) as talker:
            write_file(self.home + "/.local/state/sally/servers", f"127.0.0.1:{talker.port} tls\n")
            done = subprocess.run([harness.SALLY, "doctor", "--json", f"127.0.0.1:{talker.port}"], capture_output=True, text=True,
                                  timeout=harness.PATIENCE, env=self.environment())
        self.assertEqual(causes(report_of(done)), {"TLS_GONE"})

    def test_a_login_that_is_refused_is_not_repeated(self):
        logins = []
        with Talker({"USER": "331 go on", "PASS": "530 no"}, certificate=self.certificate) as talker:
            say = Talk.answer
            with unittest.mock.patch.object(Talk, "answer", lambda talk, words: (logins.append(words[0]), say(talk, words))):
                done = subprocess.run([harness.SALLY, "doctor", "--plain", "--fingerprint", self.fingerprint, "--password-file", "-",
                                       f"alice@127.0.0.1:{talker.port}"], capture_output=True, text=True, input="secret\n",
                                      timeout=harness.PATIENCE, env=self.environment())
        self.assertEqual(done.returncode, NONE, done.stdout + done.stderr)
        self.assertEqual(logins.count("PASS"), 1)
        self.assertNotIn("secret", done.stdout + done.stderr)

    def test_no_epsv(self):
        self.assertEqual(causes(self.told({"EPSV": "500 what?"}, status=SOME)), {"EPSV_UNKNOWN", "ALG", "NOT_OFFERED"})

    def test_too_many(self):
        self.assertEqual(causes(self.told({"": "421 too many"}, status=NONE)), {"TOO_MANY"})

    def test_no_ftp_server_at_all(self):
        for greeting in ("SSH-2.0-OpenSSH_9.2p1", "220" + " x" * 3000):
            self.assertEqual(len(causes(self.told({"": greeting}, status=NONE))), 1)

    def test_a_server_does_not_move_the_cursor(self):
        with Talker({"LIST": "550 \x1b[2Jno"}) as talker:
            done = self.sally("doctor", f"127.0.0.1:{talker.port}", status=NONE)
        self.assertNotIn(b"\x1b", done.stdout)
        self.assertIn(b"^[[2Jno", done.stdout)
