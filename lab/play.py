# SPDX-License-Identifier: BSD-2-Clause
"""A row is played: its commands, the server, the client's sessions, and what became of them."""
import dataclasses
import hashlib
import os
import random
import re
import subprocess
import time

import hosts
import rows
from cell import PASSWORD, USER
from rows import NO_LOGIN, TIMES_OUT, WORKS
from server import Server

NO_CONNECTION, NO_DATA = 4, 7  # exit statuses of sally
PATIENT = 20  # seconds for who is expected to get through, on a machine that may be busy
LISTED, RETURNED = "image.iso", "image.back"
BLOCK = 1 << 20
FEATURES = re.compile(r"(\S+\t211-Features:)\n(?:.*\n)*?\S+\t211 End(?=\n)")


def common(lines, other):
    """How many they begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(lines, other)) if a != b), min(len(lines), len(other)))


@dataclasses.dataclass
class Step:
    """kind: which of these says what it is: command (host, text, output), log (title, text), text (title, text), outcome
    (mode, got, is_right, text), explain (title, text)."""
    kind: str
    title: str = ""
    text: str = ""
    output: str = ""
    mode: str = ""
    got: str = ""
    is_right: bool = True


@dataclasses.dataclass
class Outcome:
    row: object
    side: str
    mode: str
    got: str      # a name of WORDS, or words
    expected: str

    def is_right(self):
        return self.got == self.expected


@dataclasses.dataclass
class Played:
    row: object
    side: str
    steps: list
    outcomes: list
    diagram: str = ""


class Lab:
    """What is the same for all rows: programs, folder, file, options."""

    def __init__(self, folder, programs, options, say):
        self.folder, self.programs, self.options, self.say = folder, programs, options, say
        self.worlds = {}
        for name in ("empty", "client", "state"):
            os.mkdir(self.path(name))
        with open(self.path("client/password"), "w", encoding="utf-8") as f:
            f.write(PASSWORD + "\n")
        os.chmod(self.path("client/password"), 0o600)
        self.hash = self.make_file(self.path("client/" + LISTED), options.size)
        self.home = self.path("home/" + USER)

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def make_file(path, size):
        """Of noise, and in its middle of nothing if it is large; what it hashes to."""
        noise = random.Random(1).randbytes(BLOCK)
        with open(path, "wb") as f:
            for at in range(0, size, BLOCK):
                if at < 64 * BLOCK or at + BLOCK >= size:
                    f.seek(at)
                    f.write(noise[:size - at])
            f.truncate(size)
        return hash_of(path)

    def world(self, side, has_gateway):
        """One for each firewall, kept: neither side's rules meet the other's packets."""
        if (side, has_gateway) not in self.worlds:
            self.worlds[side, has_gateway] = hosts.World(has_gateway)
        return self.worlds[side, has_gateway]


def hash_of(path):
    found = hashlib.sha256()
    with open(path, "rb") as f:
        while part := f.read(BLOCK):
            found.update(part)
    return found.hexdigest()


# --- the two firewalls ----------------------------------------------------------------------------------------------

class Kernel:
    """Its iptables, whichever of its two back ends the machine calls so."""
    side, explained_as, expects = "kernel", [], ["conntrack", "-E", "expect"]

    def __init__(self, lab, world):
        self.lab, self.world = lab, world

    def call(self, words):
        """(what is typed, the argument vector)."""
        return "iptables " + words, ["iptables", *words.split()]

    def begin(self):
        """The rules of row 0; what is said before them."""
        self.restore("iptables-restore")
        return []

    def restore(self, *words):
        path = self.lab.path("row0.rules")
        with open(path, "w", encoding="utf-8") as f:
            f.write(rows.restored(self.world.chain))
        self.world.firewall.must([*words, path])

    def empty(self):
        self.world.firewall.must(["iptables", "-F"])

    def saved(self):
        return self.world.firewall.must(["iptables-save"])


class Wall(Kernel):
    side, explained_as = "sallywall", ["--wall"]

    def __init__(self, lab, world):
        super().__init__(lab, world)
        self.program = lab.programs["sallywall"]
        self.expects = [self.program, "expect", "-E"]
        self.environment = {**hosts.ENVIRONMENT, "SALLYWALL_DIR": lab.path("state")}

    def call(self, words):
        return "sallywall iptables " + words, [self.program, "iptables", *words.split()]

    def begin(self):
        host, said = self.world.firewall, []
        if host.run([self.program, "status"], env=self.environment)[0]:
            said = [("sallywall up", host.must([self.program, "up"], env=self.environment))]
        self.restore(self.program, "iptables-restore")
        return said

    def empty(self):
        self.world.firewall.must([self.program, "iptables", "-F"])

    def saved(self):
        return self.world.firewall.must([self.program, "iptables-save"])


FIREWALLS = {"kernel": Kernel, "sallywall": Wall}


# --- the client -----------------------------------------------------------------------------------------------------

class Client:
    """fingerprint: of the server's certificate, which it knows from whoever runs the server; empty: there is no TLS."""

    def __init__(self, lab, world, mode, patience, fingerprint):
        self.lab, self.host, self.mode, self.patience, self.fingerprint = lab, world.client, mode, patience, fingerprint
        self.cwd = lab.path("client")
        self.home = os.path.join(self.cwd, f"home-{time.monotonic_ns()}")  # it has never seen this server
        os.mkdir(self.home)

    def words(self, command, *more):
        words = [command, "-v", "--" + self.mode, "--timeout", f"{self.patience:g}", "--retries", "0", "--password-file", "password"]
        words += ["--fingerprint", self.fingerprint] if self.fingerprint else ["--plain"]
        words += ["--lang", "ko"] if self.lab.options.language == "ko" else []
        return words + list(more)

    def listing(self):
        return self.words("ls", f"{USER}@{hosts.SERVER}")

    def start(self, *words):
        """A process, whose log comes on its standard error."""
        self.began = time.monotonic()
        return self.host.start([self.lab.programs["sally"], *words], cwd=self.cwd, env={**hosts.ENVIRONMENT, "HOME": self.home},
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wait(self, child):
        """(exit status, log, seconds)."""
        out, _ = child.communicate(timeout=86400)
        return child.returncode, out.decode("utf-8", "replace"), time.monotonic() - self.began

    def call(self, *words):
        return self.wait(self.start(*words))


def what_became(status, log, seconds, patience):
    """A time-out is one only if the time is over: what is refused at once is something else. None: something else."""
    if status == 0 and LISTED in log:
        return WORKS
    is_late = seconds >= patience * 0.95
    return {NO_CONNECTION: NO_LOGIN, NO_DATA: TIMES_OUT}.get(status) if is_late else None


# --- a row ----------------------------------------------------------------------------------------------------------

class Play:
    """shown: logs of the row that were shown, so that one which begins alike need not be shown whole."""

    def __init__(self, lab, row, side, tell, shown):
        self.shown, self.lab, self.row, self.say, self.options, self.tell = shown, lab, row, lab.say, lab.options, tell
        self.world = lab.world(side, row.has_gateway)
        self.firewall = FIREWALLS[side](lab, self.world)
        self.played = Played(row, side, [], [])
        self.name = "sallyd" if row.doors else self.options.server

    def add(self, **step):
        self.played.steps.append(Step(**step))
        self.tell(self.played.steps[-1])

    def play(self):
        self.rules()
        options = {"firewall": "auto"} if self.row.doors else {}
        if self.row.doors and self.options.server != "sallyd":
            self.add(kind="text", text=self.say("SALLYD_HERE"))
        with open(os.path.join(self.lab.home, LISTED), "wb") as f:  # something to list
            f.write(b"x" * 1400)
        with Server(self.lab, self.world.server, self.name, options, self.row.tls) as server:
            self.configure(server)
            self.sessions(server.fingerprint())
        self.explain()
        return self.played

    def command(self, words):
        typed, argv = self.firewall.call(words)
        out = self.world.firewall.must(argv)
        self.add(kind="command", title=self.world.firewall.name, text=typed, output=out)

    def rules(self):
        for typed, out in self.firewall.begin():
            self.add(kind="command", title=self.world.firewall.name, text=typed, output=out)
        chain, commands = self.world.chain, self.row.commands
        if not commands:
            self.firewall.empty()
            commands = rows.BEFORE
        else:
            self.add(kind="text", text=self.say("RULES_OF_ROW_0"))
        for words in commands:
            self.command(words.format(chain=chain))
        self.command("-nL")
        if any(word.startswith("-t raw") for word in self.row.commands):
            self.command("-t raw -nL PREROUTING")
        if self.row.name == "4" and self.played.side == "kernel":
            self.switch()

    def switch(self):
        """The helper's, which decided in 2017."""
        words = ["sysctl", "net.netfilter.nf_conntrack_helper"]
        _, out = self.world.firewall.run(words)
        self.add(kind="command", title=self.world.firewall.name, text=" ".join(words), output=out)

    def configure(self, server):
        name = os.path.basename(server.file)
        if self.row.ports:
            lines = {"pasv_enable": "Yes", "pasv_min_port": self.row.ports[0], "pasv_max_port": self.row.ports[1]}
            self.add(kind="text", title=self.say("EDITED", name), text="\n".join(f"{a}={b}" for a, b in lines.items()))
            server.edit(lines)
            self.add(kind="text", text=self.say("RESTARTED"))
        if self.row.doors:
            said = [line for line in server.said().splitlines() if "firewall" in line]
            self.add(kind="text", title=self.say("SERVER_SAYS", server.name), text="\n".join(said))

    # --- sessions

    def sessions(self, fingerprint):
        """Both modes at once, told one after the other: each waits for its own time-outs."""
        modes = ("passive", "active") if self.row.kernel[0] != NO_LOGIN else ("passive",)
        watcher = Watcher(self) if self.row.doors and not self.row.has_gateway else None
        begun = []
        for mode in modes:
            expected = self.row.expected(self.played.side, mode)
            patience = max(PATIENT, self.options.patience) if expected == WORKS else self.options.patience
            client = Client(self.lab, self.world, mode, patience, fingerprint)
            begun.append((client, client.start(*client.listing()), expected))
        ended = [client.wait(child) for client, child, _ in begun]
        doors = watcher.end() if watcher else []
        for (client, _, expected), one in zip(begun, ended):
            self.session(client, one, expected)
        if doors:
            self.add(kind="text", title=self.say("DOORS_SEEN", watcher.name), text="\n".join(doors))
            self.add(kind="text", text=self.say("DOORS_WHY"))

    def session(self, client, ended, expected):
        mode, got = client.mode, what_became(*ended, client.patience)
        if got != expected and client.patience < PATIENT:  # a busy machine may be slower than that
            client.patience = PATIENT
            ended = client.call(*client.listing())
            got = what_became(*ended, client.patience)
        title = "LOG_LOGIN" if expected == NO_LOGIN else "LOG_" + mode.upper()
        self.log(title, "sally " + " ".join(client.listing()), ended[1])
        got = got or self.say("OTHER", ended[0], f"{ended[2]:.1f}")
        moved = ""
        if got == WORKS:
            got, moved = self.move(client)
        outcome = Outcome(self.row, self.played.side, mode, got, expected)
        self.played.outcomes.append(outcome)
        self.add(kind="outcome", mode=mode, got=got, is_right=outcome.is_right(), text=moved,
                 title="" if outcome.is_right() else expected)

    def log(self, title, typed, text):
        lines = FEATURES.sub(r"\1 ...", text).rstrip("\n").split("\n")
        known = max((common(lines, other) for other in self.shown), default=0)
        self.shown.append(lines)
        head = [self.say("AS_ABOVE")] if known > 3 else []
        self.add(kind="log", title=self.say(title), text="\n".join(head + lines[known if head else 0:]), output=typed)

    def move(self, client):
        """The file, to the server and back: (what became of it, words)."""
        url, stored = f"{USER}@{hosts.SERVER}/", os.path.join(self.lab.home, LISTED)
        up = self.moved(client, client.words("put", LISTED, url))
        down = self.moved(client, client.words("get", "-o", RETURNED, url + LISTED)) if up else None
        os.unlink(stored)
        if not up or not down:
            return self.say("FILE_DIFFERS"), ""
        back = os.path.join(client.cwd, RETURNED)
        is_same = hash_of(back) == self.lab.hash
        os.unlink(back)
        with open(stored, "wb") as f:
            f.write(b"x" * 1400)
        if not is_same:
            return self.say("FILE_DIFFERS"), ""
        return WORKS, self.say("MOVED", self.options.size, f"{up:.2f}", f"{down:.2f}")

    def moved(self, client, words):
        """Seconds, or None with the log shown."""
        status, log, seconds = client.call(*words)
        if status:
            self.log("LOG_" + client.mode.upper(), "sally " + " ".join(words), log)
            return None
        return seconds

    # --- what is said of it

    def explain(self):
        mode, path = self.row.shows, self.lab.path("rules.v4")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.firewall.saved())
        diagram = self.lab.path("diagram.svg")
        words = [self.lab.programs["sallywall"], "explain", "rules.v4", "--ftp", mode, "--client", hosts.CLIENT, "--server", hosts.SERVER,
                 "--lang", self.options.language, "--color", "never", "--svg", diagram, *self.firewall.explained_as]
        words += ["--data-port", "20"] if mode == "active" else []
        words += ["--tls"] * self.row.tls + ["--at", "gateway"] * self.row.has_gateway
        words += ["--pasv-ports", "%d:%d" % self.row.ports] if self.row.ports else []
        status, out = self.world.firewall.run(words, cwd=self.lab.folder)
        if status not in (0, 1, 3):
            raise hosts.Failed(out.strip())
        self.add(kind="explain", title=self.say("EXPLAIN", self.say(mode.upper())), text=first_paragraph(out),
                 output=self.say("EXPLAIN_DOORS") + "\n" + self.served() if self.row.name == "9" else "")
        with open(diagram, encoding="utf-8") as f:
            self.played.diagram = f.read()


    def served(self):
        """What it says of all that clients of this server may do."""
        words = [self.lab.programs["sallywall"], "explain", "rules.v4", "--server-config", "sallyd.conf", "--server", hosts.SERVER,
                 "--client", hosts.CLIENT, "--lang", self.options.language, "--color", "never", *self.firewall.explained_as]
        status, out = self.world.firewall.run(words, cwd=self.lab.folder)
        if status not in (0, 1, 3):
            raise hosts.Failed(out.strip())
        return out.strip()


def first_paragraph(text):
    word, _, rest = text.strip().split("\n\n")[0].partition("  ")
    return word + ": " + re.sub(r"\s*\n\s*", " ", rest.strip())


class Watcher:
    """Writes down how doors come and go."""

    def __init__(self, play):
        self.path = play.lab.path("doors.log")
        self.file = open(self.path, "wb")
        argv = play.firewall.expects
        self.name = " ".join([os.path.basename(argv[0]), *argv[1:]])
        self.process = play.world.firewall.start(argv, stdout=self.file, stderr=self.file)
        time.sleep(0.3)  # until it listens

    def end(self):
        """Lines of conntrack's, without what is the same in all."""
        time.sleep(0.3)
        self.process.terminate()
        self.process.wait(10)
        self.file.close()
        with open(self.path, encoding="utf-8", errors="replace") as f:
            lines = [line.strip() for line in f if re.match(r"\s*\[", line)]
        return [re.sub(r" mask-src=.*? master-src=", " ... master-src=", line) for line in lines]
