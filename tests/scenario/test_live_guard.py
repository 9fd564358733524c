# SPDX-License-Identifier: BSD-2-Clause
"""Nobody locks himself out of the wall that stands: apply, confirm, warnings, boot, import."""
import fcntl
import json
import os
import pty
import re
import select
import shlex
import socket
import subprocess
import sys
import termios
import time
import unittest

import harness
from harness import need, need_netfilter, wait_until
from test_explain_exchange import Machine
from wall import WallCase, sallywall

SERVER, CLIENT = "192.0.2.1", "192.0.2.2"
SERVER6, CLIENT6 = "fd00:5a11:9::1", "fd00:5a11:9::2"
SSH = 22
WALKED = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
ALLOWED = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"

# Passes on what is typed, and prints what comes.
TYPIST = """
import socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
threading.Thread(target=lambda: [print(s.recv(100), flush=True) for _ in iter(int, 1)], daemon=True).start()
for line in sys.stdin:
    s.sendall(line.encode())
"""

# Knocks without end.
KNOCKER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b"knock", (sys.argv[1], int(sys.argv[2])))
"""


def table(*rules, policy="ACCEPT", name="filter"):
    chains = ("INPUT", "FORWARD", "OUTPUT") if name == "filter" else ("PREROUTING", "OUTPUT")
    heads = "".join(f":{chain} {policy if chain == 'INPUT' else 'ACCEPT'} [0:0]\n" for chain in chains)
    return f"*{name}\n{heads}" + "".join(rule + "\n" for rule in rules) + "COMMIT\n"


OLD = table(WALKED, ALLOWED, policy="DROP")
NEW = table(WALKED, ALLOWED, "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", policy="DROP")
CUT = table("-A INPUT -p tcp -m tcp --dport 22 -j DROP", WALKED, policy="DROP")


def rules(family="iptables"):
    return sallywall(family, "-S", status=0).stdout.splitlines()


def counted(rule):
    """How often it, or what begins so, was met."""
    found = re.findall(r"^(-A .*?) -c (\d+) \d+( .*)$", sallywall("iptables", "-S", "-v", status=0).stdout, re.MULTILINE)
    (count,) = [int(count) for head, count, tail in found if (head + tail).startswith(rule)]
    return count


class Session:
    """A connection to port 22 of this machine, from the one at the other end of the cable."""

    def __init__(self, machine, client, server):
        self.listener = socket.create_server((server, SSH), family=socket.AF_INET6 if ":" in server else socket.AF_INET)
        self.typist = subprocess.Popen(machine.argv([sys.executable, "-c", TYPIST, server, str(SSH)]), text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.listener.settimeout(20)
        self.ours, peer = self.listener.accept()
        self.said = f"{client} {peer[1]} {server} {SSH}"
        self.ends = (f"[{client}]:{peer[1]} to [{server}]:22" if ":" in client else f"{client}:{peer[1]} to {server}:22")
        self.env = dict(os.environ, SSH_CONNECTION=self.said)

    def works(self, seconds=20):
        """Does what is typed come, after what was on its way, and an answer go back?"""
        word, got = f"{time.monotonic()}\n", b""
        self.typist.stdin.write(word)
        self.typist.stdin.flush()
        self.ours.settimeout(seconds)
        try:
            while word.encode() not in got:
                got += self.ours.recv(1000)
        except TimeoutError:
            return False
        self.ours.sendall(word.encode())
        return self.is_shown(word.strip().encode(), seconds)

    def is_shown(self, word, seconds):
        shown, output = b"", self.typist.stdout.fileno()
        while word not in shown:
            if not select.select([output], [], [], seconds)[0]:
                return False
            shown += os.read(output, 1000)
        return True

    def close(self):
        self.typist.kill()
        self.typist.wait()
        self.typist.stdin.close()
        self.typist.stdout.close()
        self.ours.close()
        self.listener.close()


class GuardCase(WallCase):
    limit = 240

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ.pop("SSH_CONNECTION", None)
        os.environ["SALLYWALL_DIR"] = os.path.join(cls.dir, "state")
        tried = sallywall("up")
        if tried.returncode:
            raise unittest.SkipTest("NO WALL CAN BE PUT UP HERE: " + tried.stderr.strip())
        sallywall("down", status=0)
        cls.machine = Machine("cable", [(SERVER, CLIENT, 24), (SERVER6, CLIENT6, 64)])
        cls.addClassCleanup(cls.machine.close)

    def setUp(self):
        subprocess.run(["rm", "-rf", os.environ["SALLYWALL_DIR"]], check=True)

    def up(self, text, *words):
        sallywall("up", "--rules", self.file(text, "up"), *words, status=0)
        self.addCleanup(sallywall, "down")

    def session(self, client=CLIENT, server=SERVER):
        s = Session(self.machine, client, server)
        self.addCleanup(s.close)
        return s


# --- apply --------------------------------------------------------------------------------------------------------

class Apply(GuardCase):
    def refuse(self, text, session, *parts, family="iptables"):
        before = rules(family)
        done = sallywall("apply", self.file(text), env=session.env, status=1)
        for part in (session.ends, "nothing was changed", *parts):
            self.assertIn(part, done.stderr)
        self.assertEqual(rules(family), before)
        self.assertTrue(session.works())
        return done

    def test_what_changes_is_told_and_done(self):
        self.up(OLD)
        session = self.session()
        done = sallywall("apply", self.file(NEW), env=session.env, status=0)
        self.assertIn("to port 80", done.stdout)
        self.assertEqual(done.stderr, "")
        self.assertIn("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", rules())
        self.assertTrue(session.works())
        again = sallywall("apply", self.file(NEW), env=session.env, status=0)
        self.assertIn("Nothing changes", again.stdout)

    def test_what_would_cut_the_session_is_refused(self):
        self.up(OLD)
        session = self.session()
        self.refuse(CUT, session, "your connection", "rule 1 of INPUT (-A INPUT -p tcp -m tcp --dport 22 -j DROP)",
                    "what comes over it")
        self.refuse(table(WALKED, ALLOWED, "-A OUTPUT -p tcp -m tcp --sport 22 -j DROP", policy="DROP"), session,
                    "rule 1 of OUTPUT", "what this machine answers")
        self.refuse(table(policy="DROP"), session, "the policy of INPUT (-P INPUT DROP)")
        self.refuse(table("-A PREROUTING -i cable -p tcp -j DROP", name="raw"), session,
                    "rule 1 of PREROUTING in the raw table")
        self.refuse(table("-A INPUT -j guests", "-A guests -s 192.0.2.0/24 -j REJECT").replace(
            ":OUTPUT", ":guests - [0:0]\n:OUTPUT"), session, "rule 1 of guests")

    def test_what_would_not_let_it_back_in_is_refused(self):
        self.up(OLD)
        self.refuse(table(WALKED, policy="DROP"), self.session(), "go on, but a new one", "port 22", "-P INPUT DROP")

    def test_what_did_not_let_it_in_before_is_no_news(self):
        self.up(table(ALLOWED))
        session = self.session()
        sallywall("iptables", "-I", "INPUT", "-p", "tcp", "--syn", "-j", "DROP", status=0)
        done = sallywall("apply", self.file(table("-A INPUT -p tcp -m tcp --syn -j DROP", WALKED)), env=session.env, status=0)
        self.assertEqual(done.stderr, "")

    def test_what_cannot_be_told_is_said(self):
        self.up(OLD)
        session = self.session()
        done = sallywall("apply", self.file(table("-A INPUT -m mac --mac-source 02:00:00:00:00:07 -j DROP")), env=session.env,
                         status=0)
        for part in ("can't be told", "rule 1 of INPUT", "--confirm SECONDS"):
            self.assertIn(part, done.stderr)

    def test_force(self):
        self.up(OLD)
        session = self.session()
        done = sallywall("apply", self.file(CUT), "--force", env=session.env, status=0)
        self.assertIn("these rules cut your connection", done.stderr)
        self.assertFalse(session.works(seconds=1))
        sallywall("apply", self.file(OLD), env=session.env, status=0)
        self.assertTrue(session.works())

    def test_below_sudo(self):
        """Whose environment is cleaned: those that started it still have it."""
        self.up(OLD)
        session = self.session()
        inner = shlex.join(["env", "-u", "SSH_CONNECTION", harness.SALLYWALL, "apply", self.file(CUT)])
        done = subprocess.run(["sh", "-c", inner + "; exit $?"], env=session.env, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("your connection from " + session.ends, done.stderr)

    def test_without_ssh_connection(self):
        """What is connected to port 22, or else to whatever listens."""
        self.up(OLD)
        session = self.session()
        done = sallywall("apply", self.file(CUT), status=1)
        self.assertIn("the connection from " + session.ends, done.stderr)
        session.close()
        wait_until(lambda: "192.0.2.1:22" not in subprocess.run(["ss", "-Htn"], capture_output=True, text=True).stdout
                   or "FIN" in subprocess.run(["ss", "-Htan"], capture_output=True, text=True).stdout)

    def test_that_of_another_network_is_none(self):
        self.up(OLD)
        env = dict(os.environ, SSH_CONNECTION="198.51.100.7 50000 203.0.113.1 22")
        sallywall("apply", self.file(CUT), env=env, status=0)

    def test_ipv6(self):
        neighbours = "-A INPUT -p ipv6-icmp -j ACCEPT\n"
        sallywall("up", "--rules6", self.file(OLD.replace(WALKED, neighbours + WALKED), "up"), status=0)
        self.addCleanup(sallywall, "down")
        session = self.session(CLIENT6, SERVER6)
        before = rules("ip6tables")
        done = sallywall("apply", "-6", self.file(CUT), env=session.env, status=1)
        self.assertIn(session.ends, done.stderr)
        self.assertEqual(rules("ip6tables"), before)
        sallywall("apply", "-4", self.file(CUT), env=session.env, status=0)
        self.assertTrue(session.works())

    def test_what_the_file_does_not_say_stays(self):
        self.up(table("-A PREROUTING -p udp -j DROP", name="raw") + OLD)
        sallywall("apply", self.file("*filter\n-A INPUT -p udp -j ACCEPT\nCOMMIT\n"), "--force", status=0)
        self.assertIn("-A PREROUTING -p udp -j DROP", sallywall("iptables", "-t", "raw", "-S", status=0).stdout)
        self.assertEqual(rules(), ["-P INPUT DROP", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT", "-A INPUT -p udp -j ACCEPT"])

    def test_what_can_not_be_is_refused(self):
        self.up(OLD)
        for text, part in (("*filter\n-A INPUT -j NONSENSE\nCOMMIT\n", ":2:"),
                           (table("-A INPUT -p udp -j MARK --set-mark 1"), "-j MARK")):
            done = sallywall("apply", self.file(text), status=2)
            self.assertIn(part, done.stderr)
        self.assertEqual(rules()[-1], ALLOWED)

    def test_no_wall(self):
        done = sallywall("apply", self.file(OLD), status=2)
        self.assertIn("no wall is up", done.stderr)
        self.assertIn("sallywall up", done.stderr)


# --- up -----------------------------------------------------------------------------------------------------------

class Up(GuardCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sallywall, "down")

    def test_what_would_cut_the_session_is_refused(self):
        session = self.session()
        for env in (session.env, None):
            done = sallywall("up", "--rules", self.file(CUT), env=env, status=1)
            for part in (session.ends, "rule 1 of INPUT", "nothing was changed", "--force"):
                self.assertIn(part, done.stderr)
            sallywall("status", status=1)
            self.assertTrue(session.works())
        done = sallywall("up", "--rules", self.file(CUT), "--force", env=session.env, status=0)
        self.assertIn("these rules cut your connection", done.stderr)
        self.assertFalse(session.works(0.5))

    def test_what_is_met_in_its_middle_is_told(self):
        session = self.session()
        done = sallywall("up", "--rules", self.file(table("-A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP", WALKED,
                                                          ALLOWED)), env=session.env, status=0)
        self.assertIn("met in their middle", done.stderr)

    def test_a_family_without_rules_is_told(self):
        said = "IPv%d has no rules: all of it passes"
        for words, open_ones in (((), (4, 6)), (("--rules", self.file(OLD)), (6,)), (("--rules6", self.file(OLD, "six")), (4,)),
                                 (("--rules", self.file(OLD), "--rules6", self.file(table(), "empty")), (6,)),
                                 (("--rules", self.file(OLD), "--rules6", self.file(OLD, "six")), ())):
            with self.subTest(words=words):
                done = sallywall("up", *words, status=0)
                told = sallywall("status", status=0).stdout
                families = json.loads(sallywall("status", "--json", status=0).stdout)["families"]
                for family in (4, 6):
                    self.assertEqual(said % family in done.stderr, family in open_ones)
                    self.assertEqual(f"IPv{family}: 0 rules: all of it passes" in told, family in open_ones)
                    self.assertEqual(families[f"IPv{family}"]["pass_all"], family in open_ones)
                sallywall("down", status=0)


    def test_chains_that_the_file_does_not_have_accept(self):
        """As after iptables-restore on a machine without rules."""
        done = sallywall("up", "--rules", self.file(f"*filter\n:OUTPUT DROP\n:guests -\n{ALLOWED}\nCOMMIT\n*raw\nCOMMIT\n"), "--force",
                         status=0)
        self.assertNotIn("refused", done.stderr)
        self.assertEqual(rules(), ["-P INPUT ACCEPT", "-P FORWARD ACCEPT", "-P OUTPUT DROP", "-N guests", ALLOWED])

    def test_rules_that_are_refused_leave_no_wall(self):
        done = sallywall("up", "--rules", self.file("*filter\n-A INPUT -p udp -j MARK --set-mark 1\nCOMMIT\n"), status=2)
        self.assertIn("-j MARK", done.stderr)
        self.assertNotIn("interrupted", done.stderr)
        sallywall("status", status=1)


# --- on trial -----------------------------------------------------------------------------------------------------

class Trial(GuardCase):
    """apply --confirm."""

    def setUp(self):
        super().setUp()
        self.up(OLD)

    def begin(self, seconds, text=NEW, **kw):
        process = subprocess.Popen([harness.SALLYWALL, "apply", self.file(text), "--force", "--confirm", str(seconds)],
                                   stderr=subprocess.PIPE, text=True,
                                   **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **kw})
        self.addCleanup(self.end, process)
        while "type yes within" not in process.stderr.readline():
            self.assertIsNone(process.poll())
        return process

    def end(self, process):
        process.kill()
        process.communicate()

    def is_old(self):
        return rules() == ["-P INPUT DROP", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT", WALKED, ALLOWED]

    def on_trial(self):
        return "on trial" in sallywall("status", status=0).stdout

    def test_yes(self):
        process = self.begin(600)
        self.assertTrue(self.on_trial())
        out, _ = process.communicate("yes\n", timeout=60)
        self.assertEqual((process.returncode, self.on_trial(), self.is_old()), (0, False, False))
        self.assertIn("stay", out)

    def test_no(self):
        process = self.begin(600)
        process.communicate("no\n", timeout=60)
        self.assertEqual((process.returncode, self.is_old()), (1, True))

    def test_nothing_is_said(self):
        process = self.begin(2)
        out, _ = process.communicate(timeout=60)
        self.assertEqual((process.returncode, self.is_old()), (1, True))
        self.assertIn("the old rules count again", out)
        done = sallywall("confirm", status=1)
        self.assertIn("not confirmed in time", done.stderr)

    def test_the_process_is_killed(self):
        """While its rules cut the session: which goes on by itself."""
        session = self.session()
        process = self.begin(3, CUT)
        process.kill()
        process.wait()
        self.assertTrue(session.works(60))
        self.assertTrue(self.is_old())
        self.assertFalse(self.on_trial())

    def test_the_cable_is_cut(self):
        process = self.begin(3)
        subprocess.run(["ip", "link", "set", "cable", "down"], check=True)
        self.addCleanup(subprocess.run, ["ip", "link", "set", "cable", "up"], check=True)
        self.assertEqual(process.wait(60), 1)
        self.assertTrue(self.is_old())

    def make_terminals(self):
        os.makedirs("/dev/pts", exist_ok=True)
        subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", "/dev/pts"], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", "/dev/pts"], check=True)
        os.symlink("pts/ptmx", "/dev/ptmx")
        self.addCleanup(os.unlink, "/dev/ptmx")

    def test_a_terminal(self):
        """Typed yes; and one that hangs up, which brings the old rules back at once."""
        self.make_terminals()
        for typed in (b"yes\n", None):
            ours, theirs = pty.openpty()
            process = self.begin(600, text=CUT if typed else OLD, stdin=theirs, start_new_session=True,
                                 preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0))
            os.close(theirs)
            if typed:
                os.write(ours, typed)
            else:
                os.close(ours)
            self.assertEqual(process.wait(60), 0 if typed else 1)
            self.assertFalse(self.on_trial())
            self.assertFalse(self.is_old())  # CUT was kept, and came back
            if typed:
                os.close(ours)

    def test_confirmed_from_elsewhere(self):
        process = self.begin(600)
        sallywall("confirm", status=0)
        self.assertEqual(process.wait(60), 0)
        self.assertFalse(self.is_old())
        self.assertIn("nothing waits", sallywall("confirm", status=1).stderr)

    def test_sent_back_from_elsewhere(self):
        process = self.begin(600)
        sallywall("confirm", "--no", status=0)
        self.assertEqual(process.wait(60), 1)
        self.assertTrue(self.is_old())

    def test_others_wait(self):
        """What would change the family's rules is refused; the other's can be changed. Then nothing is in the way any more."""
        process = self.begin(600)
        for words in (("iptables", "-A", "INPUT", "-j", "ACCEPT"), ("iptables-restore",), ("iptables-restore", "--test")):
            done = sallywall(*words, input=NEW, status=4)  # a reason to try again
            self.assertIn("sallywall confirm", done.stderr)
        self.assertIn("sallywall confirm", sallywall("apply", self.file(OLD, "other"), "--force", status=2).stderr)
        self.assertIn("sallywall confirm", sallywall("save-boot", status=2).stderr)
        sallywall("ip6tables", "-A", "INPUT", "-p", "udp", "-j", "DROP", status=0)
        sallywall("confirm", "--no", status=0)
        self.assertEqual(process.wait(60), 1)
        self.assertTrue(self.is_old())
        sallywall("iptables", "-A", "INPUT", "-j", "ACCEPT", status=0)
        self.assertIn("-A INPUT -p udp -j DROP", rules("ip6tables"))

    def test_counters_go_on(self):
        session = self.session()
        self.assertTrue(session.works())
        before = counted(WALKED)
        process = self.begin(600)
        self.assertTrue(session.works())
        during = counted(WALKED)
        self.assertGreater(during, before)
        for i in range(3):  # which may take numbers of counters, but not those of what returns
            sallywall("ip6tables", "-A", "INPUT", "-p", "udp", "--dport", str(i + 1), "-j", "DROP", status=0)
        allowed = counted(ALLOWED)
        sallywall("confirm", "--no", status=0)
        process.wait(60)
        self.assertTrue(session.works())
        self.assertGreater(counted(WALKED), during)
        self.assertEqual(counted(ALLOWED), allowed)

    def test_more_rules_than_there_is_room_for(self):
        """The old ones return all the same, in a program that is larger by then."""
        session = self.session()
        many = [f"-A INPUT -s 10.{i // 250}.{i % 250}.1/32 -p udp -j DROP" for i in range(3000)]
        self.assertTrue(session.works())
        before = counted(WALKED)
        process = self.begin(600, table(WALKED, ALLOWED, *many, policy="DROP"), stdout=subprocess.DEVNULL)
        self.assertEqual(len(rules()), 3005)
        self.assertTrue(session.works())
        sallywall("confirm", "--no", status=0)
        process.wait(60)
        self.assertTrue(self.is_old())
        self.assertTrue(session.works())
        self.assertGreater(counted(WALKED), before)

    def test_the_wall_is_taken_down(self):
        process = self.begin(600)
        sallywall("down", status=0)
        self.assertEqual(process.wait(60), 2)
        self.assertIn("taken down", process.stderr.read())


# --- commands that count at once ----------------------------------------------------------------------------------

class Direct(GuardCase):
    def change(self, session, *words):
        """What is told. The commands that it says undo are done."""
        done = sallywall("iptables", *words, env=session.env, status=0)
        undo = re.search(r"this undoes it: (sallywall .*)", done.stderr)
        return done.stderr, shlex.split(undo[1]) if undo else None

    def undo(self, words):
        self.assertEqual(words[0], "sallywall")
        sallywall(*words[1:], status=0)

    def test_the_undo_is_printed_and_undoes(self):
        self.up(table(ALLOWED))
        session = self.session()
        before = rules()
        for words, undo in ((["-I", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"],
                             "sallywall iptables -D INPUT -p tcp --dport 22 -j DROP"),
                            (["-t", "raw", "-I", "PREROUTING", "1", "-i", "cable", "-p", "tcp", "-m", "comment", "--comment",
                              "it's me", "-j", "DROP"],
                             "sallywall iptables -t raw -D PREROUTING -i cable -p tcp -m comment --comment 'it'\\''s me' -j DROP"),
                            (["-A", "OUTPUT", "-j", "DROP"], "sallywall iptables -D OUTPUT -j DROP"),
                            (["-P", "OUTPUT", "DROP"], "sallywall iptables -P OUTPUT ACCEPT")):
            with self.subTest(words=words):
                told, back = self.change(session, *words)
                self.assertIn("warning", told)
                self.assertIn(session.ends, told)
                self.assertEqual(back, shlex.split(undo))
                self.assertFalse(session.works(0.5))
                self.undo(back)
                self.assertTrue(session.works())
                self.assertEqual(rules(), before)

    def test_what_no_command_undoes_is_saved(self):
        self.up(OLD)
        session = self.session()
        before = sallywall("iptables", "-S", status=0).stdout
        told, back = self.change(session, "-F", "INPUT")
        self.assertIn("the policy of INPUT", told)
        self.assertEqual(back[:2], ["sallywall", "iptables-restore"])
        self.undo(back)
        self.assertEqual(sallywall("iptables", "-S", status=0).stdout, before)
        self.assertTrue(session.works())

    def test_a_file(self):
        self.up(OLD)
        session = self.session()
        before = rules()
        done = sallywall("iptables-restore", self.file(CUT), env=session.env, status=0)
        self.assertIn("rule 1 of INPUT", done.stderr)
        self.undo(shlex.split(re.search(r"this undoes it: (.*)", done.stderr)[1]))
        self.assertEqual(rules(), before)
        self.assertTrue(session.works())

    def test_harmless_commands_are_silent(self):
        self.up(OLD)
        session = self.session()
        self.assertEqual(self.change(session, "-A", "INPUT", "-p", "tcp", "--dport", "80", "-j", "ACCEPT"), ("", None))
        self.assertEqual(sallywall("iptables", "-I", "INPUT", "-j", "DROP", status=0).stderr, "")

    def test_no_wall(self):
        done = sallywall("iptables", "-A", "INPUT", "-j", "DROP")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no wall is up", done.stderr)


# --- over a reboot ------------------------------------------------------------------------------------------------

class Boot(GuardCase):
    def path(self, name):
        return os.path.join(os.environ["SALLYWALL_DIR"], name)

    def damage(self, name, text="*filter\n-A INPUT -p tcp --dport"):
        with open(self.path(name), "w") as f:
            f.write(text)

    def reboot(self, status):
        sallywall("down")
        self.addCleanup(sallywall, "down")
        return sallywall("restore-boot", status=status)

    def save(self, *words):
        self.up(OLD, *words)
        sallywall("save-boot", status=0)

    def test_it_stands_again(self):
        self.up(OLD, "--helper", "ftp=21,2121", "--mode", "linux", "--loose")
        sallywall("ip6tables", "-A", "INPUT", "-p", "udp", "-j", "DROP", status=0)
        sallywall("save-boot", status=0)
        stood = rules(), rules("ip6tables")
        with open(self.path("options")) as f:
            self.assertEqual(f.read().split(), "--helper ftp=21,2121 --mode linux --loose".split())
        self.assertEqual(self.reboot(0).stderr, "")
        self.assertEqual((rules(), rules("ip6tables")), stood)
        sallywall("save-boot", status=0)
        with open(self.path("options")) as f:
            self.assertEqual(f.read().split(), "--helper ftp=21,2121 --mode linux --loose".split())

    def test_what_is_broken_is_not_taken(self):
        self.save()
        self.reboot(0)
        sallywall("iptables", "-A", "INPUT", "-p", "udp", "-j", "ACCEPT", status=0)
        sallywall("save-boot", status=0)
        for name in ("rules.v4", "rules.v6", "options"):
            with self.subTest(broken=name):
                with open(self.path(name)) as f:
                    whole = f.read()
                self.damage(name)
                done = self.reboot(1)
                for part in ("can't be loaded", "the last rules stand that could be loaded", "rules.v4.good"):
                    self.assertIn(part, done.stderr)
                self.assertEqual(rules()[-1], ALLOWED)
                self.damage(name, whole)
        os.unlink(self.path("rules.v4"))
        self.reboot(1)

    def test_nothing_can_be_taken(self):
        self.save()
        self.damage("rules.v4")
        self.assertIn("NO WALL STANDS", self.reboot(2).stderr)
        subprocess.run(["rm", "-r", os.environ["SALLYWALL_DIR"]], check=True)
        self.assertIn("nothing is saved", self.reboot(2).stderr)

    def test_a_wall_that_stands(self):
        """Gets the rules that are saved, and keeps its own if they are broken."""
        self.save()
        sallywall("iptables", "-A", "INPUT", "-p", "udp", "-j", "ACCEPT", status=0)
        self.damage("rules.v6")
        done = sallywall("restore-boot", status=2)
        self.assertIn("nothing was loaded", done.stderr)
        self.assertEqual(rules()[-1], "-A INPUT -p udp -j ACCEPT")
        self.damage("rules.v6", "")
        sallywall("restore-boot", status=0)
        self.assertEqual(rules()[-1], ALLOWED)

    def test_no_wall_is_not_saved(self):
        self.assertIn("no wall is up", sallywall("save-boot", status=2).stderr)


# --- import -------------------------------------------------------------------------------------------------------

class Import(GuardCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_netfilter()
        need("iptables-nft")

    def setUp(self):
        super().setUp()
        self.empty()
        self.addCleanup(self.empty)
        self.addCleanup(sallywall, "down")

    def empty(self):
        for family in ("iptables", "ip6tables"):
            for back_end in ("legacy", "nft"):
                self.run_program(f"{family}-{back_end}-restore", input=table() + table(name="raw"))
        self.run_program("nft", "flush", "ruleset")

    def run_program(self, *argv, **kw):
        return subprocess.run(argv, check=True, capture_output=True, text=True, **kw).stdout

    def saved(self, back_end):
        text = self.run_program(f"iptables-{back_end}-save", "-t", "filter")
        return [line for line in text.splitlines() if not line.startswith("#")]

    def test_dry_run(self):
        self.run_program("iptables-nft-restore", input=OLD)
        done = sallywall("import", "--dry-run", status=0)
        self.assertIn("3 rules and policies of filter", done.stdout)
        self.assertIn("Nothing was changed", done.stdout)
        sallywall("status", status=1)

    def test_there_and_back(self):
        for back_end in ("legacy", "nft"):
            with self.subTest(back_end=back_end):
                self.empty()
                self.run_program(f"iptables-{back_end}-restore", input=OLD)
                before = self.saved(back_end)
                done = sallywall("import", status=0)
                self.assertIn("still there", done.stdout)
                self.assertIn(f"iptables-{back_end} -F", done.stdout)
                self.assertEqual(rules(), ["-P INPUT DROP", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT", WALKED, ALLOWED])
                self.assertEqual(self.saved(back_end), before)
                sallywall("import", "--take-over", status=0)
                self.assertEqual([line for line in self.saved(back_end) if " DROP" in line or line.startswith("-A")], [])
                sallywall("import", "--take-over", status=1)
                self.assertEqual(rules()[-1], ALLOWED)
                sallywall("import", "--back", status=0)
                self.assertEqual(re.sub(r"\[\d+:\d+\]", "", "\n".join(self.saved(back_end))),
                                 re.sub(r"\[\d+:\d+\]", "", "\n".join(before)))
                sallywall("status", status=1)
                self.assertIn("no import", sallywall("import", "--back", status=1).stderr)

    def test_a_wall_that_stood_stands_again(self):
        self.up(table("-A INPUT -p udp -j ACCEPT"))
        stood = rules()
        self.run_program("iptables-nft-restore", input=OLD)
        sallywall("import", "--take-over", status=0)
        self.assertNotEqual(rules(), stood)
        sallywall("import", "--back", status=0)
        self.assertEqual(rules(), stood)

    def test_no_moment_is_open(self):
        """Not one of the packets that both stop comes through, on the way there and back."""
        self.run_program("iptables-nft-restore", input=table("-A INPUT -p udp -m udp --dport 999 -j DROP"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.bind((SERVER, 999))
            ours.setblocking(False)
            knocker = subprocess.Popen(self.machine.argv([sys.executable, "-c", KNOCKER, SERVER, "999"]))
            try:
                for _ in range(2):
                    sallywall("import", "--take-over", status=0)
                    wait_until(lambda: counted("-A INPUT -p udp") > 0)
                    sallywall("import", "--back", status=0)
            finally:
                knocker.kill()
                knocker.wait()
            with self.assertRaises(BlockingIOError):
                ours.recv(100)

    def test_the_usual_name_is_the_walls(self):
        """Where Debian's alternatives point iptables to it: what is imported is what is behind, all the same."""
        links = os.path.join(self.dir, "alternatives")
        subprocess.run(["cp", "-a", "/etc/alternatives", links], check=True)
        subprocess.run(["ln", "-sfn", harness.SALLYWALL, os.path.join(links, "iptables-save")], check=True)
        subprocess.run(["mount", "--bind", links, "/etc/alternatives"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/alternatives"], check=True)
        self.run_program("iptables-nft-restore", input=OLD)
        self.up(table("-A INPUT -p udp -j ACCEPT"))
        self.assertIn("3 rules and policies of filter", sallywall("import", "--dry-run", status=0).stdout)

    def test_what_is_not_taken_is_told(self):
        self.run_program("iptables-nft-restore", input=OLD)
        self.run_program("iptables-nft", "-t", "nat", "-A", "POSTROUTING", "-s", "10.0.0.0/8", "-j", "MASQUERADE")
        self.run_program("nft", "add table inet other; add chain inet other in { type filter hook input priority 5; }")
        done = sallywall("import", "--take-over", status=0)
        self.assertIn("the table nat (1 rule) stays the kernel's", done.stdout)
        self.assertIn("nftables table \"inet other\"", done.stdout)
        self.assertIn("MASQUERADE", self.run_program("iptables-nft-save", "-t", "nat"))

    def test_what_can_not_be_taken_is_refused(self):
        self.run_program("iptables-legacy-restore", input=OLD.replace(ALLOWED, ALLOWED + "\n-A INPUT -p udp -j MARK --set-xmark 0x1/0x1"))
        for words in (["--dry-run"], ["--take-over"]):
            done = sallywall("import", *words, status=1)
            self.assertIn("-j MARK", done.stderr)
            sallywall("status", status=1)
            self.assertIn(ALLOWED, self.saved("legacy"))
        self.assertIn("no import", sallywall("import", "--back", status=1).stderr)

    def test_nothing_to_take(self):
        self.assertIn("nothing to import", sallywall("import", status=1).stderr)
        sallywall("status", status=1)

    def test_the_session_goes_on(self):
        """It began before the wall, which meets it in its middle."""
        self.run_program("iptables-nft-restore", input=OLD)
        session = self.session()
        done = sallywall("import", "--take-over", env=session.env, status=0)
        self.assertNotIn("sallywall import:", done.stderr)
        self.assertTrue(session.works())
        sallywall("import", "--back", status=0)
        self.run_program("iptables-nft-restore", input=table(
            "-A INPUT -p tcp -m tcp ! --syn -m conntrack --ctstate NEW -j DROP", WALKED, ALLOWED, policy="DROP"))
        done = sallywall("import", env=session.env, status=0)
        self.assertIn("met in their middle", done.stderr)
        session.ours.sendall(b"hello\n")
        self.assertTrue(session.works())

    def test_ipv6(self):
        self.run_program("ip6tables-nft-restore", input=table("-A INPUT -p udp -j DROP"))
        sallywall("import", "--take-over", status=0)
        self.assertIn("-A INPUT -p udp -j DROP", rules("ip6tables"))
        self.assertNotIn("-A", self.run_program("ip6tables-nft-save"))
        sallywall("import", "--back", status=0)
        self.assertIn("-A INPUT -p udp -j DROP", self.run_program("ip6tables-nft-save"))
