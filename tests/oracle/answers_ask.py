# SPDX-License-Identifier: BSD-2-Clause
"""Questions for tests/oracle/answers.py: what the program is asked, and where the kernel contradicts what it says.

Nothing is known here of how the program comes to an answer: only its words on the command line, its exit status, and what
doc/explain-json.md promises of its JSON.
"""
import dataclasses
import ipaddress
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile

import answers_live as live
from answers_rules import OTHER_PORT, PASV, Maker
from answers_world import CLIENT, SERVER, WALL_IN, WALL_OUT, do

STATUS = {0: "works", 1: "blocked", 3: "unknown"}
DIFF_STATUS = {0: "same", 1: "changes", 3: "unknown"}


class Broken(Exception):
    """The program ended as it never should."""


@dataclasses.dataclass
class Answer:
    command: str
    outcome: str  # one of STATUS or DIFF_STATUS
    said: dict
    rules: list = dataclasses.field(default_factory=list)  # what it was given, as text
    live: bool = False  # it looked at the machine itself

    def headline(self):
        if self.said.get("kind") == "diff":
            told = ["%s: %s -> %s" % (c["witness"], c["before"], c["after"]) for c in self.said["changes"]]
            return "; ".join(told) or "nothing changes"
        return "%s: %s" % (self.outcome, self.said["conclusion"])


class Program:
    """sallywall, which is run at the wall."""

    def __init__(self, path, world):
        self.path, self.world = path, world
        self.folder = tempfile.mkdtemp(prefix="answers-")

    def close(self):
        shutil.rmtree(self.folder)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def snapshot(self):
        """What `sallywall snapshot` says of the wall, as a file."""
        with self.world.at("wall"):
            done = subprocess.run([self.path, "snapshot"], capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise Broken("sallywall snapshot\n    ended with %d: %s" % (done.returncode, done.stderr[-2000:].strip()))
        return self.file("snapshot", done.stdout)

    def ask(self, *words, statuses=STATUS):
        words = [self.path, *words, "--json"]
        with self.world.at("wall"):
            done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=120, stdin=subprocess.DEVNULL)
        command = shlex.join(["sallywall", *words[1:]])
        if done.returncode == 2 and "legacy" in done.stderr and "explain" in words:
            return Answer(command, "unknown", {"conclusion": done.stderr.strip()})  # it asks which of the two back ends
        if done.returncode == 2 and "this is empty" in done.stderr:
            return Answer(command, "unknown", {"conclusion": done.stderr.strip(), "changes": [], "packets": [], "notes": [], "fixes": []})
        if done.returncode not in statuses or "Sanitizer" in done.stderr or "runtime error" in done.stderr:
            raise Broken("%s\n    ended with %d: %s" % (command, done.returncode, done.stderr[-3000:].strip()))
        try:
            said = json.loads(done.stdout)
        except ValueError as error:
            raise Broken("%s\n    said no JSON: %s" % (command, error)) from error
        outcome = statuses[done.returncode]
        if statuses is STATUS and said["outcome"] != outcome:
            raise Broken("%s\n    ended with %d and said %s" % (command, done.returncode, said["outcome"]))
        return Answer(command, outcome, said)


def place_words(case, port=21, interfaces=True):
    """Where the wall is and between whom, as options."""
    client, server = live.addresses(case)
    words = ["--at", "server" if case.place == "itself" else case.place, "--client", client]
    words += ["--server", server if port == 21 else "%s:%d" % ("[%s]" % server if case.family == 6 else server, port)]
    if interfaces:
        words += {"server": ["--in", "eth0"], "gateway": ["--in", "eth0", "--out", "eth1"], "client": ["--out", "eth1"],
                  "itself": ["--in", "lo"]}[case.place]
    return words + ["-%d" % case.family]


def rules_words(program, case, form):
    """The rules to be looked at: a file and the sets that go with it, or nothing, for those of this machine."""
    if form == "live":
        return [], []
    if form == "snapshot":
        return [program.snapshot()], []
    text = program.world.saved(case)
    words = [program.file("rules", text)]
    if case.sets and form == "file and sets":
        words += ["--sets", program.file("sets", program.world.saved_sets())]
    return words, [text]


def choose_form(rng):
    return rng.choice(("live", "file", "file and sets", "snapshot", "snapshot"))


class Question:
    """One question, which can be asked again of a smaller case."""

    def possible(self, program, case):
        """Does what was tried work where nothing is filtered? Leaves the wall without rules."""
        return True

    def is_confident(self, answer):
        """Does it claim anything that can be tried?"""
        return answer.outcome != "unknown"

    def tried(self, answer):
        """Was anything tried, in the end?"""
        return self.is_confident(answer)


# What "iptables" means on this machine.
DEFAULT_BACKEND = "legacy" if "legacy" in os.path.realpath(shutil.which("iptables") or "") else "nft"


class Ftp(Question):
    name = "FTP sessions"

    def __init__(self, rng, case):
        modes = ("passive", "passive", "active", "active", "epsv", "eprt") if case.family == 4 else ("epsv", "eprt")
        self.mode, self.form = rng.choice(modes), choose_form(rng)
        self.port = rng.choice((21,) * 9 + (OTHER_PORT,))
        self.interfaces, self.say_port = rng.random() < 0.85, rng.random() < 0.7
        self.tls = rng.random() < 0.15

    def ask(self, program, case):
        rules, texts = rules_words(program, case, self.form)
        words = ["explain", *rules, "--ftp", self.mode, "--pasv-ports", "%d:%d" % PASV]
        words += place_words(case, self.port, self.interfaces)
        if self.mode in ("active", "eprt") and self.say_port:
            words += ["--data-port", "20"]
        answer = program.ask(*words, *["--tls"] * self.tls)
        answer.live, answer.rules = self.form == "live", texts
        return answer

    def plan(self, said, patience=None):
        """Ports as the program has played them; where it says that something works, we are patient."""
        plan = live.Plan(self.mode, self.port, self.tls, passive_port=PASV[0])
        for packet in said.get("packets", ()):
            source, target = (int(packet[end].rpartition(":")[2]) for end in ("source", "destination"))
            if packet["packet"] == "SYN" and packet["channel"] == "control":
                plan.own = source
            if packet["packet"] == "SYN" and packet["channel"] == "data":
                plan.client_ports[packet["phase"]], plan.server_ports[packet["phase"]] = (
                    (target, source) if plan.active() else (source, target))
            size = re.search(r"(\d+) bytes", packet["packet"])
            if size and packet["channel"] == "data" and not packet["retry"]:
                plan.sizes.setdefault(packet["phase"], []).append(int(size[1]))
        for task in said.get("tasks", ()):
            plan.patience[task["name"]] = live.Patience.session if task["outcome"] == "works" else live.Patience.blocked
        plan.patience.update(patience or {})
        return plan

    def contradictions(self, program, case, answer):
        if is_led_away(answer, self.port):
            return []
        became = live.play_session(program.world, case, self.plan(answer.said))
        found = []
        for task in answer.said["tasks"]:
            if task["outcome"] == "works" and became[task["name"]]:
                found.append("%s works, it says; live it does not: %s" % (task["name"], became[task["name"]]))
                break  # what comes after it is no news
            if task["outcome"] == "blocked" and not became[task["name"]]:
                found.append("%s is blocked, it says; live it works" % task["name"])
        return found

    def possible(self, program, case):
        program.world.clear()
        plan = self.plan({}, dict.fromkeys(live.TASKS, live.Patience.session))
        return not any(live.play_session(program.world, case, plan).values())


def is_led_away(answer, port):
    """To a port or a machine where no server of ours waits: the answer says that it takes one to be there."""
    first = (answer.said.get("packets") or [{}])[0]
    became = first.get("becomes")
    if not became:
        return False
    host, led_to = read_end(became["destination"])
    return led_to not in (21, OTHER_PORT, port) or host in CLIENT.values()


class Fixes(Ftp):
    """What is said to help is done, at the wall, and helps."""
    name = "fixes"

    def contradictions(self, program, case, answer):
        self.count = 0
        if is_led_away(answer, self.port):
            return []
        for number, fix in enumerate(f for f in answer.said["fixes"] if f["works"]):
            program.world.load(case)
            port = carry_out(program, case, fix["commands"], self.form) if number < 3 else None
            if port:
                self.count += 1
                plan = self.plan({}, dict.fromkeys(live.TASKS, live.Patience.session))
                plan.passive_port = port
                became = live.play_session(program.world, case, plan)
                if any(became.values()):
                    task, why = next((t, w) for t, w in became.items() if w)
                    return ["the fix %s is said to work; done live, %s does not: %s" % (fix["commands"], task, why)]
        return []

    def tried(self, answer):
        return answer.outcome == "blocked" and self.count > 0


def carry_out(program, case, commands, form="file"):
    """Does what a fix says, at the wall. The server's passive port afterwards, or None: that can't be done here. Who sees a file alone can't
    know which back end "iptables" is; it is the one that made the file."""
    backend = case.backend if form.startswith("file") else DEFAULT_BACKEND
    folder, port = os.path.join(program.folder, backend), PASV[0]
    os.makedirs(folder, exist_ok=True)
    for name in ("iptables", "ip6tables"):
        if not os.path.lexists(os.path.join(folder, name)):
            os.symlink(shutil.which("%s-%s" % (name, backend)), os.path.join(folder, name))
    for command in commands:
        if command.startswith("pasv_min_port="):
            port = int(command.partition("=")[2])
        elif command.startswith(("iptables ", "ip6tables ", "iptables-legacy ", "ip6tables-legacy ", "nft ")):
            with program.world.at("wall"):
                do("sh", "-c", "PATH=%s:$PATH; %s" % (folder, command))
        elif not command.startswith(("pasv_", "modprobe ", "#")):
            return None
    return port


def random_packet(rng, case):
    """A packet of a kind that the rules ask for, and the hook at which it is asked about."""
    f = case.family
    hook = rng.choice(("INPUT", "FORWARD", "OUTPUT"))
    ways = {"INPUT": [(CLIENT, WALL_IN, "client"), (SERVER, WALL_OUT, "server")],
            "FORWARD": [(CLIENT, SERVER, "client"), (SERVER, CLIENT, "server")],
            "OUTPUT": [(WALL_OUT, SERVER, "wall"), (WALL_IN, CLIENT, "wall")]}
    source, target, sender = rng.choice(ways[hook])
    proto = rng.choice(("tcp", "tcp", "tcp", "udp", "icmp"))
    ports = [rng.choice((20, 21, 40000, 50000)), rng.choice((20, 21, 21, 22, 53, OTHER_PORT, 10095, 40001))]
    flags = rng.choice(("syn", "syn", "syn", "syn ack", "ack", "fin ack", "rst"))
    return live.Packet(hook, proto, source[f], target[f], *ports, flags, sender)


def packet_interfaces(packet):
    """(in, out)"""
    near = {"client": "eth0", "server": "eth1", "wall": None}[packet.sender]
    if packet.hook == "INPUT":
        return near, None
    towards = "eth0" if packet.target in CLIENT.values() else "eth1"
    return (near if packet.hook == "FORWARD" else None), towards


class Single(Question):
    name = "packets"

    def __init__(self, rng, case):
        self.packet, self.form = random_packet(rng, case), choose_form(rng)
        self.as_options = self.packet.hook == "OUTPUT" or self.packet.sender == "client" and rng.random() < 0.5

    def words(self, case):
        """Interfaces stand beside the packet or are options; the place is said only where it has to be."""
        came, goes = packet_interfaces(self.packet)
        words, packet = [], self.packet.words()
        if self.packet.hook == "OUTPUT":
            words = ["--at", "client", "--out", goes]
        elif self.as_options:
            words = ["--in", came] + (["--at", "gateway", "--out", goes] if goes else [])
        else:
            packet += " in=" + came + (" out=" + goes if goes else "")
        return ["--packet", packet, *words, "-%d" % case.family]

    def ask(self, program, case):
        rules, texts = rules_words(program, case, self.form)
        answer = program.ask("explain", *rules, *self.words(case))
        answer.live, answer.rules = self.form == "live", texts
        return answer

    def contradictions(self, program, case, answer):
        works = answer.outcome == "works"
        arrived = live.try_packet(program.world, self.packet, live.Patience.packet if works else live.Patience.blocked)
        if works == arrived:
            return []
        hook = answer.said["packets"][-1]["hook"] if answer.said["packets"] else "?"
        return ["the packet %s at %s, it says; live it %s" % ("passes" if works else "is blocked", hook,
                                                             "arrives" if arrived else "does not arrive")]

    def possible(self, program, case):
        program.world.clear()
        return live.try_packet(program.world, self.packet, live.Patience.packet)


def connections(family, kind):
    """[((source, port), (target, port)) of the first direction, the same of the answers], as the kernel has them."""
    said = subprocess.run(["conntrack", "-L", "-f", "ipv%d" % family, "-p", kind], capture_output=True, text=True).stdout
    found = []
    for line in said.splitlines():
        words = re.findall(r"(src|dst|sport|dport)=(\S+)", line)
        if len(words) < 8:
            continue
        ends = [value for _, value in words[:8]]
        pairs = [(ends[i], int(ends[i + 2])) for i in (0, 1, 4, 5)]
        found.append(((pairs[0], pairs[1]), (pairs[2], pairs[3])))
    return found


class Exchange(Question):
    """A connection, a question over UDP or a ping, and the answer."""
    name = "exchanges"

    def __init__(self, rng, case):
        self.kind, self.form = rng.choice(("tcp", "tcp", "udp", "icmp")), choose_form(rng)
        self.port = rng.choice((21, 22, 53, OTHER_PORT, 10095))
        self.own = rng.choice((0, 20, 40000, 50000))

    def ask(self, program, case):
        rules, texts = rules_words(program, case, self.form)
        client, server = (("[%s]" if case.family == 6 and self.kind != "icmp" else "%s") % end for end in live.addresses(case))
        if self.kind != "icmp":
            client, server = client + (":%d" % self.own if self.own else ""), "%s:%d" % (server, self.port)
        place = [w for w in place_words(case) if w not in ("--client", "--server", *live.addresses(case))]
        answer = program.ask("explain", *rules, "--" + self.kind, "%s > %s" % (client, server), *place)
        answer.live, answer.rules = self.form == "live", texts
        return answer

    def contradictions(self, program, case, answer):
        own = self.own
        if not own and self.kind != "icmp":
            own = read_end(answer.said["packets"][0]["source"])[1]
        works = answer.outcome == "works"
        if self.kind != "icmp" and is_led_away(answer, self.port):
            return []
        sizes = {p["from"]: int(s[1]) for p in answer.said["packets"] if (s := re.search(r"(\d+) bytes", p["packet"]))}
        seconds = live.Patience.session if works else live.Patience.blocked
        both = [sizes.get("client", 8), sizes.get("server", 8)]
        tracked = []
        became = live.play_exchange(program.world, case, self.kind, own, self.port, seconds, both,
                                    lambda: tracked.extend(connections(case.family, self.kind)))
        if works == (became is None):
            return self.mapped(case, answer, tracked) if works else []
        if works and "the end of" in became and "the end of the connection" in answer.said["conclusion"]:
            return []  # it says so
        return ["it %s, it says; live: %s" % ("works" if works else "is blocked", became or "it works")]

    def mapped(self, case, answer, tracked):
        """Is the connection in the kernel's table as the answer has it? Where chance decides, it says so."""
        first = answer.said["packets"][0]
        source, target = read_end(first["source"]), read_end(first["destination"])
        if self.kind == "icmp" or not tracked:
            return []
        became = first["becomes"] or first
        said = read_end(became["destination"]), read_end(became["source"])
        if any(event.get("open") for event in first["events"]):
            return []
        for original, reply in tracked:
            if original == (source, target) and reply != said:
                return ["the connection is answered as %s > %s, it says; live as %s > %s" % (*said, *reply)]
        return []

    def possible(self, program, case):
        program.world.clear()
        return live.play_exchange(program.world, case, self.kind, self.own or 40000, self.port, live.Patience.session) is None


WITNESS = re.compile(r"(INPUT|OUTPUT|FORWARD) (tcp|udp|icmp|ipv6-icmp) (\S+) -> (\S+?),? (SYN|udp|ICMP\w* echo request)\b.*?(?:, TTL (\d+))?(?:, TOS (\w+))?, NEW"
                     r"(?:, in (\S+?))?(?:, out (\S+?))?$")
SESSION = re.compile(r"FTP session, (?P<mode>\w+)(?: \(data from port 20\))?(?P<tls> under TLS)?, from .*, "
                     r"firewall at the (?P<at>\w+)$")


def read_end(text):
    host, _, port = text.rpartition(":") if re.search(r"\]:\d+$|^[\d.]+:\d+$", text) else (text, "", "0")
    return host.strip("[]"), int(port)


def is_of_a_net(address):
    """A network's own address, or that of all its hosts: who has it is another question."""
    nets = [ipaddress.ip_interface("%s/%d" % (end[f], 24 if f == 4 else 64)).network for end in (CLIENT, SERVER) for f in (4, 6)]
    one = ipaddress.ip_address(address)
    return any(one in (net.network_address, net.broadcast_address) for net in nets)


def read_witness(text):
    """The packet of a witness, or None if it is of a kind that can't be sent."""
    found = WITNESS.match(text)
    if not found:
        return None
    hook, proto, source, target, _, ttl, tos, came, goes = found.groups()
    (source, sport), (target, dport) = read_end(source), read_end(target)
    sender = "wall" if hook == "OUTPUT" else "server" if came == "eth1" else "client"
    if came not in (None, "eth0", "eth1") or goes not in (None, "eth0", "eth1"):
        return None
    own = {**{a: 0 for a in WALL_IN.values()}, **{a: 0 for a in WALL_OUT.values()}}
    if hook == "FORWARD" and (source in own or target in own) or hook == "INPUT" and source in own:
        return None
    if hook == "INPUT" and target not in own or hook == "OUTPUT" and source not in own:
        return None  # of a wall with another address
    if target in {"client": CLIENT, "server": SERVER}.get(sender, {}).values():
        return None  # never leaves who sends it
    if any(is_of_a_net(address) for address in (source, target)):
        return None
    size = re.search(r", (\d+) bytes", text)
    packet = live.Packet(hook, proto.replace("ipv6-", ""), source, target, sport, dport, "syn", sender)
    packet.carries = int(size[1]) if size else 0
    packet.ttl, packet.tos = int(ttl or 64), int(tos or "0", 16)
    packet.goes = goes or ("eth0" if sender == "server" else "eth1")
    return packet


class Diff(Question):
    name = "diff"

    def __init__(self, rng, case):
        self.seed, self.texts = rng.random(), None

    def changed(self, case):
        """The case with one thing changed."""
        maker = Maker(self.seed)
        maker.family, maker.place, maker.case = case.family, case.place, dataclasses.replace(
            case, rules=list(case.rules), chains=list(case.chains), policies=dict(case.policies))
        rules = maker.case.rules
        way = maker.pick("remove", "add", "add", "policy", "move")
        if way in ("remove", "move") and rules:
            taken = rules.pop(maker.rng.randrange(len(rules)))
            if way == "move":
                rules.insert(maker.rng.randrange(len(rules) + 1), taken)
        elif way == "policy":
            at = "filter", maker.pick(*maker.hooks())
            maker.case.policies[at] = "ACCEPT" if maker.case.policies.get(at) == "DROP" else "DROP"
        else:
            maker.some("filter", sorted({*maker.hooks()}), ("ACCEPT", "DROP", "REJECT"), 1)
        return maker.case

    def ask(self, program, case):
        texts = []
        for one in (self.changed(case), case):  # so that the case itself stands afterwards
            program.world.load(one)
            texts.insert(0, program.world.saved(one))
        files = [program.file(name, text) for name, text in zip(("old", "new"), texts)]
        words = ["diff", *files, *place_words(case), "--pasv-ports", "%d:%d" % PASV]
        answer = program.ask(*words, statuses=DIFF_STATUS)
        answer.rules = texts
        return answer

    def contradictions(self, program, case, answer):
        if answer.outcome == "same" and answer.said["complete"]:
            return self.same(program, case)
        found, self.count = [], 0
        for change in answer.said["changes"][:8]:
            told = self.change(program, case, change)
            self.count += told is not None
            found += told or []
        return found

    def is_confident(self, answer):
        """It may be unknown whether there are more changes than it tells."""
        return answer.outcome != "unknown" or bool(answer.said.get("changes"))

    def tried(self, answer):
        return answer.outcome == "same" or self.count > 0

    def change(self, program, case, change):
        """What contradicts a change; None if it can't be tried."""
        packet = read_witness(change["witness"])
        session = SESSION.match(change["witness"])
        if not packet and not session:
            return None
        if session and session["at"] != case.place:
            return None
        found = []
        for when, one in (("before", case), ("after", self.changed(case))):
            fate = change[when]
            if fate not in ("pass", "drop", "reject"):
                continue
            program.world.load(one)
            works = self.try_witness(program, one, packet, session, fate == "pass")
            if works is None:
                return None
            if works != (fate == "pass"):
                became = "arrives" if works else "does not"
                found.append("%s: %s %s, it says; live it %s" % (change["witness"], when, fate, became))
        if found and packet and not self.arrives_without_rules(program, case, packet):
            return None
        return found

    @staticmethod
    def arrives_without_rules(program, case, packet):
        program.world.clear()
        works = program.world.with_route(packet, lambda: live.try_packet(program.world, packet, live.Patience.packet))
        program.world.load(case)
        return works

    @staticmethod
    def try_witness(program, case, packet, session, works):
        if packet:
            seconds = live.Patience.packet if works else live.Patience.blocked
            return program.world.with_route(packet, lambda: live.try_packet(program.world, packet, seconds))
        seconds = live.Patience.session if works else live.Patience.blocked
        plan = live.Plan(session["mode"], tls=bool(session["tls"]), passive_port=PASV[0],
                         patience=dict.fromkeys(live.TASKS, seconds))
        return not any(live.play_session(program.world, case, plan).values())

    def same(self, program, case):
        """Nothing changes, it says: packets and a session fare alike with both."""
        maker = Maker(self.seed)
        packets = [random_packet(maker.rng, case) for _ in range(4)]
        mode = maker.pick("epsv", "eprt")
        fates = []
        for one in (case, self.changed(case)):
            program.world.load(one)
            plan = live.Plan(mode, passive_port=PASV[0])
            works = not any(live.play_session(program.world, one, plan).values())
            fates.append([self.arrives(program, p) for p in packets] + [works])
        return ["%s: before %s, after %s, but nothing changes, it says" % (what, a, b)
                for what, a, b in zip([p.words() for p in packets] + ["an FTP session, " + mode], *fates) if a != b]

    @staticmethod
    def arrives(program, packet):
        return any(live.try_packet(program.world, packet, times * live.Patience.blocked) for times in (1, 5))


def misjudged(packets, fates):
    """The first packet of a capture that is not told as it fared. Doubled ones are told once: then it is open which they are."""
    if len(packets) > len(fates):
        return ["%d packets are told of %d that were captured" % (len(packets), len(fates))]
    if len(packets) < len(fates):
        return []
    for packet, fate in zip(packets, fates):
        if fate is not None and packet["fate"] != "unknown" and (packet["fate"] == "pass") != fate:
            return ["packet %d (%s): %s, it says; live it %s" % (packet["number"], packet["label"], packet["fate"],
                                                               "arrived" if fate else "did not arrive")]
    return []


class Replay(Ftp):
    name = "captures"

    def __init__(self, rng, case):
        super().__init__(rng, case)
        self.form, self.port, self.tls = "file", 21, False

    def ask(self, program, case):
        """The session takes place first, and the capture of it is what is asked about."""
        rules, texts = rules_words(program, case, "file and sets")  # before it: the session itself may fill a set
        self.frames, self.fates = live.capture_session(program.world, case, self.plan({}))
        path = os.path.join(program.folder, "session.pcap")
        if not self.frames:
            return Answer("replay", "unknown", {"conclusion": "nothing was captured"})
        live.write_pcap(path, self.frames)
        options = rules[1:]
        answer = program.ask("replay", path, "--rules", rules[0], *options, *place_words(case))
        answer.rules = texts
        return answer

    def contradictions(self, program, case, answer):
        return misjudged(answer.said["packets"], self.fates)

    def possible(self, program, case):
        return True

    def is_confident(self, answer):
        """Whatever the headline says, each packet has a verdict of its own."""
        return any(packet["fate"] != "unknown" for packet in answer.said.get("packets", ()))


KINDS = (Ftp, Single, Exchange, Fixes, Diff, Replay)
