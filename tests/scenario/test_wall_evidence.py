# SPDX-License-Identifier: BSD-2-Clause
"""Captures as evidence: what they lack is told and never made a verdict, and the conversation in them is read."""
import gzip
import json
import os
import random
import struct
import subprocess
import sys
import unittest
import zlib

import harness
import test_explain
from harness import make_dir, read_file, write_file
from tape import (ACK, CLIENT, COOKED, COOKED2, ETHERNET, NFLOG, PSH, RAW, RST, SERVER, SYN, Tape, address, block, fetch, framed, interface, ip,
                  packet_block, passive, section, session, tcp, whole)
from wall import sallywall, told

FILTER = ("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n%s-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n"
          "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n")
WITHOUT = FILTER % ""
HELPER = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
WITH = HELPER + WITHOUT
STRICT = HELPER + FILTER % "-A INPUT -m conntrack --ctstate INVALID -j DROP\n"
OPEN = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
WORKS, BLOCKED, UNKNOWN = 0, 1, 3


MEASURE = """import resource, subprocess, sys
p = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def measured(*words):
    """Output, and the most memory that it took, KiB. The address sanitizer keeps what was freed: here little of it."""
    environment = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
    done = subprocess.run([sys.executable, "-c", MEASURE, harness.SALLYWALL, *words], capture_output=True, text=True, timeout=170,
                          env=environment, check=False)
    if len(done.stderr.split()) != 1:
        raise AssertionError(done.stderr)
    return done.stdout, int(done.stderr)


class EvidenceCase(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()
        cls.dir = make_dir(os.path.join(harness.WORK, cls.__name__))

    def file(self, data, name="capture"):
        path = os.path.join(self.dir, f"{self.id().rsplit('.', 1)[1]}-{name}")
        write_file(path, data)
        return path

    def replay(self, capture, status, rules=None, *options):
        """What replay --json says of a Tape, or of the bytes of a file."""
        path = self.file(capture.pcap() if isinstance(capture, Tape) else capture)
        words = ["--rules", self.file(rules.encode(), "rules")] if rules else []
        return told("replay", path, *words, "--kernel", "6.18", *options, status=status)

    def task(self, said, name):
        return [t for t in said["tasks"] if t["name"] == name][-1]

    def packet(self, said, number):
        return next(p for p in said["packets"] if p["number"] == number)

    def assertNoted(self, said, text):
        self.assertTrue(any(text in note for note in said["notes"]), said["notes"])


class Conversation(EvidenceCase):
    def test_a_session_that_works(self):
        for rules in (None, OPEN, WITH):
            said = self.replay(whole(), WORKS, rules)
            self.assertEqual([(t["name"], t["outcome"]) for t in said["tasks"]],
                             [("connect", "works"), ("login", "works"), ("RETR", "works")])
            self.assertIn("1 transfer went through", said["conclusion"])

    def test_rules_that_stop_it_and_fixes(self):
        said = self.replay(whole(), BLOCKED, WITHOUT)
        first = next(p for p in said["packets"] if p["fate"] != "pass")
        self.assertEqual((first["packet"], first["channel"], first["state"]), ("SYN", "data", "new"))
        self.assertIn(f"is packet {first['number']}, SYN from", said["conclusion"])
        self.assertIn("announced that connection, but nothing was expected", said["conclusion"])
        self.assertIn("iptables -t raw -I PREROUTING -p tcp --dport 21 -j CT --helper ftp", said["fixes"][0]["commands"])
        # What is offered is what helps: with it in the rules the same capture passes.
        self.replay(whole(), WORKS, HELPER + WITHOUT)
        path = self.file(whole().pcap())
        text = sallywall("explain", "-", "--pcap", path, "--kernel", "6.18", input=WITHOUT, status=BLOCKED).stdout
        self.assertIn(said["fixes"][0]["commands"][0], text)

    def test_near_misses(self):
        rules = FILTER.replace("-A INPUT -m", "-A INPUT -p tcp -m tcp --dport 10093 -s 0.0.0.0/32 -j ACCEPT\n-A INPUT -m").replace(
            "RELATED,ESTABLISHED", "ESTABLISHED") % ""
        said = self.replay(whole(), BLOCKED, rules)
        first = next(p for p in said["packets"] if p["fate"] != "pass")
        self.assertIn("-s 0.0.0.0/32", first["near"][0]["text"])
        self.assertIn("-s 0.0.0.0/32", said["conclusion"])
        # The rule that lets the control channel pass is none for the data channel.
        self.assertEqual(next(p for p in self.replay(whole(), BLOCKED, WITHOUT)["packets"] if p["fate"] != "pass")["near"], [])
        path = self.file(whole().pcap())
        self.assertIn("0.0.0.0/32", sallywall("explain", "-", "--pcap", path, "--kernel", "6.18", input=rules, status=BLOCKED).stdout)

    def test_a_login_that_is_refused(self):
        tape = Tape()
        c = tape.connect(40000, 21)
        c.reply("220 Files")
        c.say("USER kim")
        c.reply("331 Password?")
        c.say("PASS wrong")
        number = c.reply("530 Login incorrect.")
        for rules in (None, WITH):
            said = self.replay(tape, BLOCKED, rules)
            self.assertEqual(self.task(said, "login")["packet"], number)
            self.assertIn("530 Login incorrect.", self.task(said, "login")["why"])
            self.assertIn("530 Login incorrect.", self.packet(said, number)["cause"])
            self.assertIn("530 Login incorrect.", said["conclusion"])
            self.assertNotIn("swordfish", str(said))
        # Who then logs in after all has logged in.
        c.say("USER kim")
        c.reply("331 Password?")
        c.say("PASS right")
        c.reply("230 In.")
        fetch(tape, c)
        self.replay(tape, WORKS, WITH)

    def test_a_file_that_is_refused(self):
        tape = Tape()
        c = session(tape)
        c.say("PASV")
        c.reply(passive(SERVER, 10093))
        tape.connect(40001, 10093)
        c.say("RETR none.txt")
        number = c.reply("550 Failed to open file.")
        said = self.replay(tape, BLOCKED, WITH)
        self.assertEqual(self.task(said, "RETR")["packet"], number)
        self.assertIn("550 Failed to open file.", said["conclusion"])
        self.assertEqual(said["fixes"], [])

    def unanswered(self, *, tries=3, reply=None, refused=False):
        tape = Tape()
        c = session(tape)
        c.say("PASV")
        c.reply(passive(SERVER, 10093))
        d = tape.connect(40001, 10093, answer=False, seq=9)
        number = len(tape.frames)
        for i in range(1, tries):
            d.seq[0] = 9
            d.send(0, SYN, after=2 ** i)
        if refused:
            d.seq[0] = 10
            number = d.send(1, RST | ACK)
        c.say("LIST")
        if reply:
            c.reply(reply, after=20)
        return tape, number

    def test_a_data_connection_without_an_answer(self):
        for reply in (None, "425 Failed to establish connection."):
            tape, number = self.unanswered(reply=reply)
            for rules in (None, WITH):
                said = self.replay(tape, BLOCKED, rules)
                self.assertEqual(self.task(said, "LIST")["packet"], number)
                self.assertIn("no answer came to the connection to port 10093, though it was tried 3 times", said["conclusion"])
                self.assertIn("no answer came", self.packet(said, number)["cause"])
                self.assertEqual("425" in said["conclusion"], reply is not None)

    def test_a_data_connection_asked_for_once_at_the_end(self):
        tape, number = self.unanswered(tries=1)
        said = self.replay(tape, UNKNOWN, WITH)
        self.assertIn("the capture has no answer to the connection to port 10093", said["conclusion"])
        self.assertIn("the capture has no answer", self.packet(said, number)["cause"])
        tape.add(tcp(CLIENT, 40009, SERVER, 80, SYN, 1), after=60)  # it was not stopped at once
        said = self.replay(tape, BLOCKED, OPEN)
        self.assertIn("no answer came to the connection to port 10093 in 60.", said["conclusion"])

    def test_a_data_connection_that_the_server_waits_for(self):
        tape, number = self.unanswered(tries=1)
        c = tape.connect(41000, 21)  # in another session, a moment later
        c.reply("220 Files")
        said = self.replay(tape, UNKNOWN, WITH)
        tape, number = self.unanswered(tries=1)
        tape.frames.append((tape.frames[-1][0] + 100000, tcp(SERVER, 21, CLIENT, 40000, PSH | ACK, *self.next_of(tape), b"425 Nobody.\r\n")))
        said = self.replay(tape, BLOCKED, WITH)
        self.assertEqual(self.packet(said, number)["cause"], "no answer came to the connection to port 10093")
        self.assertIn("no answer came to the connection to port 10093; then the server could not open", self.task(said, "LIST")["why"])

    @staticmethod
    def next_of(tape):
        """Sequence and acknowledgement numbers that the server goes on with: as of its last, bare acknowledgement."""
        return struct.unpack("!II", [p for _, p in tape.frames if p[20:22] == struct.pack("!H", 21)][-1][24:32])

    def test_a_data_connection_that_is_refused(self):
        tape, number = self.unanswered(tries=1, refused=True)
        self.assertIn(f"LIST fails at packet {number}", self.replay(tape, BLOCKED)["conclusion"])
        tape, number = self.unanswered(tries=1, refused=True, reply="425 Can't open data connection.")
        said = self.replay(tape, BLOCKED, WITH)
        self.assertIn("the data connection is refused", self.packet(said, number)["cause"])
        self.assertIn(f"LIST fails at packet {number}", said["conclusion"])
        self.assertFalse(any("no answer came" in (p["cause"] or "") for p in said["packets"]))

    def test_a_data_connection_that_a_router_refuses(self):
        tape = Tape()
        c = session(tape)
        c.say("PASV")
        c.reply(passive(SERVER, 10093))
        tape.connect(40001, 10093, answer=False)
        lost = tape.frames[-1][1]
        number = tape.add(ip("203.0.113.1", CLIENT, 1, struct.pack("!BBHI", 3, 13, 0, 0) + lost[:28]))
        c.say("LIST", after=9)
        said = self.replay(tape, BLOCKED, None)
        self.assertEqual([p["number"] for p in said["packets"] if p["cause"]], [number])
        self.assertIn("203.0.113.1 answers that the connection to port 10093 is not possible", self.task(said, "LIST")["why"])
        self.assertIn("not possible", self.packet(said, number)["cause"])

    def test_a_transfer_that_breaks_off(self):
        tape = Tape()
        c = session(tape)
        c.say("PASV")
        c.reply(passive(SERVER, 10093))
        d = tape.connect(40001, 10093)
        c.say("RETR a")
        c.reply("150 Here it comes.")
        d.send(1, PSH | ACK, b"x" * 1000)
        number = d.send(1, RST | ACK)
        c.reply("426 Failure writing network stream.")
        said = self.replay(tape, BLOCKED, WITH)
        self.assertIn("the data connection was reset after 1000 bytes; then the data connection broke off: 426", self.task(said, "RETR")["why"])
        self.assertEqual(self.task(said, "RETR")["packet"], number)

    def test_the_control_connection_without_an_answer_refused_or_turned_away(self):
        for kind, words in (("silent", "no answer came to the connection to port 21"), ("reset", "the connection is refused"),
                            ("421", "421 Too many connections")):
            tape = Tape()
            c = tape.connect(40000, 21, answer=kind == "421")
            if kind == "silent":
                for i in range(2):
                    c.seq[0] = 1000
                    c.send(0, SYN, after=1)
            elif kind == "reset":
                c.send(1, RST | ACK)
            else:
                c.reply("421 Too many connections from your address.")
            said = self.replay(tape, BLOCKED, WITH)
            self.assertEqual(self.task(said, "connect")["outcome"], "blocked")
            self.assertIn(words, said["conclusion"])

    def test_an_address_that_is_foreign(self):
        tape = Tape()
        c = session(tape)
        c.say("PASV")
        number = c.reply(passive("10.0.0.5", 10093))
        c.say("LIST")
        c.reply("425 Nobody came.", after=20)
        said = self.replay(tape, BLOCKED, WITH)
        self.assertIn(f"the server names 10.0.0.5 for the data connection, but is {SERVER} itself", self.packet(said, number)["cause"])
        self.assertEqual(self.task(said, "LIST")["packet"], number)
        self.assertIn("425 Nobody came", self.task(said, "LIST")["why"])
        tape = Tape()
        c = session(tape)
        number = c.say("PORT 10,1,1,1,156,70")
        c.reply("500 Illegal PORT command.")
        said = self.replay(tape, BLOCKED, WITH)
        self.assertIn(f"the client names 10.1.1.1 for the data connection, but is {CLIENT} itself", said["conclusion"])
        self.assertEqual(self.packet(said, number)["label"], "PORT 10,1,1,1,156,70")

    def test_a_foreign_address_that_the_client_passes_over(self):
        tape = Tape()
        fetch(tape, session(tape), named="10.0.0.5")
        said = self.replay(tape, WORKS)
        self.assertEqual(len(said["replay"]["data_channels"]), 1)
        # The helper does not: then the connection is not RELATED.
        self.assertIn("not the sender's own", self.replay(tape, BLOCKED, WITH)["conclusion"])

    def test_active_mode(self):
        tape = Tape()
        c = session(tape)
        c.say("PORT 192,0,2,7,156,70")
        c.reply("200 PORT command successful.")
        c.say("LIST")
        c.reply("150 Here it comes.")
        d = tape.connect(20, 40006, up=False)
        d.send(0, PSH | ACK, b"x" * 99)
        d.close(0)
        c.reply("226 Done.")
        for rules in (None, OPEN, WITH):
            said = self.replay(tape, WORKS, rules)
            self.assertEqual(said["replay"]["data_channels"][0]["announced_by"], "PORT 192,0,2,7,156,70")
        said = self.replay(tape, BLOCKED, FILTER.replace("RELATED,ESTABLISHED", "ESTABLISHED") % "-A INPUT -p tcp -m tcp --sport 20 -j DROP\n",
                           "--at", "client")
        self.assertEqual(self.task(said, "connect")["outcome"], "works")
        # Of an answer, which is ESTABLISHED, it does not matter that nothing was expected.
        said = self.replay(tape, BLOCKED, WITHOUT.replace("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", ""))
        self.assertIn("SYN ACK from", said["conclusion"])
        self.assertNotIn("nothing was expected", said["conclusion"])

    def test_under_tls(self):
        tape = Tape()
        c = tape.connect(40000, 21)
        c.reply("220 Files")
        c.say("AUTH TLS")
        number = c.reply("234 Proceed.")
        for end in (0, 1):
            c.send(end, PSH | ACK, b"\x16\x03\x03\0\x20" + b"h" * 32)
        d = tape.connect(40001, 10093)
        start = len(tape.frames) - 2
        d.send(1, PSH | ACK, b"x" * 500)
        d.close()
        for rules in (None, OPEN):
            said = self.replay(tape, UNKNOWN, rules)
            self.assertIn(f"under TLS from packet {number} on", said["conclusion"])
            self.assertIn("under TLS from here on", self.packet(said, number)["cause"])
            self.assertEqual(said["replay"]["data_channels"], [])  # nobody announced any that we could read
        said = self.replay(tape, UNKNOWN, WITH)
        self.assertIn(f"stops packet {start}", said["conclusion"])
        self.assertIn("under TLS", said["conclusion"])
        self.assertEqual(said["question"]["tls"], True)
        self.assertEqual(said["fixes"], [])

    def test_a_password_is_not_told_however_it_comes(self):
        tape = Tape()
        c = tape.connect(40000, 21)
        c.reply("220 Files")
        c.say("USER kim")
        for part in ("PA", "SS xyzzy", "plugh\r\n"):
            c.send(0, PSH | ACK, part)
        c.reply("230 In.")
        c.say("USER kim\r\nPASS xyzzyplugh")
        c.reply("331 x\r\n230 In.")
        path = self.file(tape.pcap())
        for words in ((), ("--json",), ("-v",)):
            said = sallywall("replay", path, *words).stdout
            self.assertNotIn("xyzzy", said)
            self.assertNotIn("plugh", said)
            self.assertIn("USER kim", said)

    def test_more_than_one_line_and_less(self):
        """Replies of several lines, a line in two segments, two lines in one, retransmissions."""
        tape = Tape()
        c = tape.connect(40000, 21)
        c.reply("220-Welcome\r\n 530 is not meant here\r\n220 Files")
        c.say("USER kim\r\nPASS x")
        c.reply("331 Password?\r\n230 In.")
        c.send(0, PSH | ACK, "PA")
        c.send(0, PSH | ACK, "SV\r\n")
        c.reply(passive(SERVER, 10093))
        c.seq[1] -= len(passive(SERVER, 10093)) + 2
        c.reply(passive(SERVER, 10093), after=0.3)
        d = tape.connect(40001, 10093)
        c.say("RETR a")
        c.reply("150 Here it comes.")
        d.send(1, PSH | ACK, b"x" * 1000)
        d.close()
        c.reply("226 Done.")
        said = self.replay(tape, WORKS)
        self.assertEqual([t["name"] for t in said["tasks"]], ["connect", "login", "RETR"])
        self.assertEqual(said["replay"]["doubled"], 0)
        self.assertEqual(len(said["packets"]), len(tape.frames))


class OnlyFtp(EvidenceCase):
    GREETINGS = {
        "SMTP": ((1, "220 mail.example.net ESMTP"), (0, "EHLO kim"), (1, "250 OK"), (0, "RCPT TO:<a@b>"), (1, "550 No such user.")),
        "NNTP": ((1, "200 news.example.net ready"), (0, "MODE READER"), (1, "200 Posting allowed"), (0, "GROUP a.b"), (1, "411 No such group")),
        "POP3": ((1, "+OK ready"), (0, "USER kim"), (1, "+OK"), (0, "PASS x"), (1, "-ERR no"), (0, "LIST"), (1, "-ERR no")),
    }

    def other(self, tape, name, port):
        c = tape.connect(43210, port)
        for end, line in self.GREETINGS[name]:
            c.send(end, PSH | ACK, line + "\r\n")
            c.send(1 - end, ACK)

    def test_others_are_told_apart_at_any_port(self):
        for name in self.GREETINGS:
            for port in (21, 2525):
                tape = Tape()
                self.other(tape, name, port)
                said = self.replay(tape, UNKNOWN, WITH)
                self.assertEqual((said["tasks"], said["fixes"]), ([], []))
                self.assertTrue(said["conclusion"].startswith("The capture shows no FTP session"), said["conclusion"])
                self.assertFalse(any(p["cause"] for p in said["packets"]))
                self.assertNotIn("FTP server", said["title"])

    def test_ftp_at_another_port_is_found(self):
        tape = whole(control=2121)
        said = self.replay(tape, WORKS)
        self.assertEqual(said["replay"]["data_channels"][0]["control"], f"{CLIENT}:40000 -> {SERVER}:2121")

    def test_other_traffic_takes_neither_headline_nor_status(self):
        tape = Tape()
        for i in range(3):  # stopped by the rules
            tape.connect(50000 + i, 23, answer=False)
        self.other(tape, "SMTP", 25)
        whole(tape)
        said = self.replay(tape, WORKS, WITH)
        self.assertIn("works", said["conclusion"])
        self.assertNoted(said, "Of other traffic, which is not judged, ")
        self.assertEqual({p["channel"] for p in said["packets"] if p["fate"] != "pass"}, {"other"})

    def test_a_data_channel_needs_an_announcement(self):
        tape = Tape()
        c = session(tape)
        fetch(tape, c)
        tape.connect(20, 45000, up=False).close()      # from port 20, but nobody named the port
        tape.connect(40100, 10099).close()             # in the passive range
        said = self.replay(tape, WORKS, WITH)
        self.assertEqual(len(said["replay"]["data_channels"]), 1)
        self.assertEqual({p["channel"] for p in said["packets"] if p["source"].endswith((":40100", ":20"))}, {"other"})

    def test_the_server_that_is_asked_about(self):
        tape = whole()
        tape.server = "198.51.100.99"
        c = session(tape, cport=41000)
        c.say("LIST")
        c.reply("425 Use PORT or PASV first.")
        self.replay(tape, BLOCKED)
        self.replay(tape, WORKS, None, "--server", SERVER)
        tape.server, tape.client = SERVER, "192.0.2.99"
        tape.connect(42000, 21).reply("421 Not now.")
        self.replay(tape, WORKS, None, "--server", SERVER, "--client", CLIENT)
        self.replay(tape, BLOCKED, None, "--server", SERVER)
        said = self.replay(tape, UNKNOWN, None, "--server", "10.9.9.9")
        self.assertIn("no FTP session with those who were asked about", said["conclusion"])

    def test_probes_of_the_port_are_no_failed_sessions(self):
        tape = whole()
        tape.connect(42000, 21).send(0, RST)  # a half-open scan, nearly
        tape.connect(42001, 21).close(0)      # is the port open?
        self.replay(tape, WORKS, WITH)

    def test_no_text_is_no_ftp(self):
        tape = Tape()
        c = tape.connect(40000, 21)
        c.send(0, PSH | ACK, b"\0\1\2\3\4\5\6\7")
        c.send(1, PSH | ACK, b"\0\1")
        self.assertTrue(self.replay(tape, UNKNOWN, WITH)["conclusion"].startswith("The capture shows no FTP session"))

    def test_a_server_that_fetches_from_another(self):
        """The same machine is server in one session, client in the other."""
        tape = whole()
        tape.client, tape.server = SERVER, "203.0.113.50"
        c = session(tape, cport=50000)
        fetch(tape, c, sport=50001)
        rules = HELPER + WITHOUT.replace("COMMIT", "-A OUTPUT -p tcp -m tcp --dport 21 -d 203.0.113.50 -j ACCEPT\nCOMMIT")
        said = self.replay(tape, WORKS, rules)
        self.assertEqual({p["hook"] for p in said["packets"] if p["source"] == f"{SERVER}:50000"}, {"OUTPUT"})

    def test_nothing_but_something_else(self):
        tape = Tape()
        tape.connect(50000, 443).close()
        self.assertEqual(self.replay(tape, UNKNOWN, OPEN)["conclusion"], "The capture shows no FTP session.")


class Lacking(EvidenceCase):
    """What the capture lacks never becomes a verdict."""

    def test_snap_length(self):
        tape = whole()
        said = self.replay(tape.pcap(ETHERNET, snap=96), UNKNOWN, WITH)
        number = tape.first("227 ")
        self.assertIn("snap length cut off what was said here, after 42 of 51 bytes", self.packet(said, number)["cause"])
        self.assertEqual(self.packet(said, number)["fate"], "pass")  # the helper saw all of it, and drops nothing
        self.assertEqual(self.packet(said, number + 2)["fate"], "unknown")
        self.assertNoted(said, "The snap length cut off what was said in 1 FTP session")
        self.assertEqual(said["fixes"], [])
        # Where nothing hangs on it, it is told all the same; without a helper nothing could have been RELATED.
        self.replay(tape.pcap(ETHERNET, snap=96), WORKS, OPEN)
        self.replay(tape.pcap(ETHERNET, snap=96), WORKS)

    def test_snap_length_that_leaves_no_headers(self):
        said = self.replay(whole().pcap(ETHERNET, snap=40), UNKNOWN, WITH)
        self.assertIn("snap length cut off the headers", said["conclusion"])
        self.assertEqual({p["fate"] for p in said["packets"]}, {"unknown"})

    def test_frames_that_were_lost(self):
        tape = whole()
        for text in ("227 ", "PASV"):
            said = self.replay(tape.drop(tape.first(text)), UNKNOWN, WITH)
            self.assertTrue(any("bytes that are not in the capture: it lost frames" in (p["cause"] or "") for p in said["packets"])
                            or text == "PASV", said["packets"])
            self.assertNoted(said, "the capture lost frames")
        lossy = tape.drop(tape.first("331 "))
        said = self.replay(lossy, WORKS, OPEN)
        self.assertNoted(said, "the capture lost frames")
        self.replay(lossy, UNKNOWN, WITH)  # how the firewall's own tracking went on can't be known

    def test_lost_frames_make_no_packet_invalid(self):
        """The firewall saw what the capture did not."""
        tape = Tape()
        c = session(tape)
        c.say("PASV")
        c.reply(passive(SERVER, 10093))
        d = tape.connect(40001, 10093)
        c.say("STOR a")
        c.reply("150 Go on.")
        for i in range(30):
            d.send(0, PSH | ACK, b"x" * 9000)
            d.send(1, ACK)
        start = next(i for i, (_, p) in enumerate(tape.frames, 1) if len(p) > 9000)
        d.close(0)
        c.reply("226 Done.")
        lossy = tape.drop(*range(start + 1, start + 50))
        said = self.replay(lossy, UNKNOWN, STRICT)
        self.assertFalse(any(p["fate"] in ("drop", "reject") for p in said["packets"]),
                         [p for p in said["packets"] if p["fate"] != "pass"])
        self.assertIn("it depends on packets of its connection that the capture lost, at rule 1 of INPUT", said["conclusion"])
        self.replay(tape, WORKS, STRICT)

    def test_a_beginning_in_the_middle(self):
        tape = whole()
        later = tape.drop(*range(1, 8))
        said = self.replay(later, UNKNOWN, WITH)
        self.assertNoted(said, "does not hold the beginning")
        self.assertFalse(any(p["fate"] == "drop" for p in said["packets"]))
        self.assertEqual(self.replay(later, WORKS, OPEN)["tasks"][-1]["outcome"], "works")
        # Once an answer was heard whole, what nobody announced is other traffic again.
        other = tape.drop(*range(1, 8))
        other.connect(45000, 8080)
        self.assertEqual(self.packet(self.replay(other, UNKNOWN, WITH), len(other.frames) - 2)["channel"], "other")
        # Without a helper in the rules the data connection can't have been expected, whatever came before.
        self.replay(later, BLOCKED, WITHOUT)
        only_data = tape.drop(*range(1, tape.first("150 ") + 2))
        self.assertEqual(self.replay(only_data, UNKNOWN, WITH)["fixes"], [])

    def test_one_direction(self):
        for up in (True, False):
            tape = Tape()
            tape.frames = [f for f in whole().frames if (f[1][12:16] == address(CLIENT)) == up]
            said = self.replay(tape, UNKNOWN, STRICT)
            self.assertNoted(said, "the capture has one direction only")
            self.assertFalse(any(p["fate"] == "drop" for p in said["packets"]))

    def test_a_capture_that_was_stopped_early(self):
        tape = whole()
        tape.frames = tape.frames[:tape.first("150 ")]
        said = self.replay(tape, UNKNOWN, WITH)
        self.assertIn("the capture ends before the transfer does", said["conclusion"])
        tape.frames = tape.frames[:tape.first("230 ")]
        self.assertIn("it shows a login, but no transfer", self.replay(tape, UNKNOWN, WITH)["conclusion"])

    def test_a_capture_of_port_21_alone(self):
        tape = Tape()
        tape.frames = [f for f in whole().frames if struct.pack("!H", 21) in (f[1][20:22], f[1][22:24])]
        said = self.replay(tape, UNKNOWN, WITH)
        self.assertIn("its data channel is not in the capture", said["conclusion"])
        self.replay(tape, WORKS)

    def test_a_file_that_is_read_in_part(self):
        data = whole().pcap()
        said = self.replay(data[:-30], UNKNOWN, WITH)
        self.assertIn("read in part only: it breaks off within a frame", said["conclusion"])
        self.assertEqual((said["replay"]["complete"], self.task(said, "RETR")["outcome"]), (False, "works"))
        self.replay(whole().pcap(zipped=True)[:-200], UNKNOWN, WITH)
        self.replay(data[:-30], BLOCKED, WITHOUT)  # what was stopped was stopped

    def test_rules_of_the_other_family(self):
        tape = Tape("2001:db8::7", "2001:db8::21")
        c = session(tape)
        c.say("EPSV")
        c.reply("229 Entering Extended Passive Mode (|||10093|)")
        d = tape.connect(40001, 10093)
        c.say("LIST")
        c.reply("150 Here it comes.")
        d.send(1, PSH | ACK, b"x")
        d.close()
        c.reply("226 Done.")
        said = self.replay(tape, UNKNOWN, OPEN)
        self.assertIn("rules of ip6tables", said["conclusion"])
        self.replay(tape, WORKS)
        self.replay(tape, WORKS, OPEN, "-6")

    def test_checksums(self):
        for kind, status, note in (("card", WORKS, "the network card fills it in"), ("wrong", UNKNOWN, "had a wrong checksum")):
            tape = Tape()
            c = tape.connect(40000, 21, sums=kind)
            c.reply("220 Files")
            c.say("USER kim")
            c.reply("230 In.")
            fetch(tape, c)
            said = self.replay(tape, status, STRICT)
            self.assertNoted(said, note)
            self.assertNotIn("drop", {p["fate"] for p in said["packets"]})
            self.replay(tape, WORKS, WITH)  # nothing hangs on it

    def test_a_header_without_a_checksum(self):
        tape = whole()
        tape.frames = [(when, p[:10] + b"\0\0" + p[12:]) for when, p in tape.frames]
        self.replay(tape, WORKS, STRICT)

    def test_protocols_whose_states_are_not_followed(self):
        rules = FILTER % "-A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -p sctp -j ACCEPT\n-A INPUT -p gre -j ACCEPT\n"
        tape = whole()
        sctp = tape.add(ip(CLIENT, SERVER, 132, struct.pack("!HHII", 40000, 5000, 7, 0) + b"\0" * 20))
        keyed = tape.add(ip(CLIENT, SERVER, 47, b"\x30\x01\x88\x0b\0\4\0\7" + b"\0" * 8))
        plain = tape.add(ip(CLIENT, SERVER, 47, b"\0\0\x08\0" + b"\0" * 8))
        said = self.replay(tape, WORKS, HELPER + rules)
        for number, why in ((sctp, "SCTP"), (keyed, "PPTP")):
            self.assertEqual(self.packet(said, number)["fate"], "unknown")
            self.assertIn(f"{why}", self.packet(said, number)["because"])
            self.assertIn("not judged", self.packet(said, number)["because"])
        self.assertEqual((self.packet(said, plain)["fate"], self.packet(said, plain)["state"]), ("pass", "new"))


class Whatever(EvidenceCase):
    """The same session with anything missing: never the opposite of the truth."""
    CLOSED = HELPER + ("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n"
                       "-A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n"
                       "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A OUTPUT -m conntrack --ctstate INVALID -j DROP\n"
                       "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n")

    def recorded(self):
        tape = Tape()
        c = session(tape)
        fetch(tape, c, data=b"x" * 2000)
        c.say("PORT 192,0,2,7,156,70")
        c.reply("200 PORT command successful.")
        c.say("LIST")
        c.reply("150 Here it comes.")
        d = tape.connect(20, 40006, up=False, seq=4000)
        d.send(0, PSH | ACK, b"x" * 1400)
        d.send(1, ACK)
        d.close(0)
        c.reply("226 Done.")
        c.say("QUIT")
        c.reply("221 Goodbye.")
        c.close()
        return tape

    def variants(self, tape, seed):
        count, rng = len(tape.frames), random.Random(seed)
        for i in range(1, count + 1):
            yield f"without {i}", tape.drop(i).pcap()
        for i in range(1, count, 5):
            yield f"from {i + 1}", tape.drop(*range(1, i + 1)).pcap()
            yield f"to {i}", tape.drop(*range(i + 1, count + 1)).pcap()
        for snap in range(36, 140, 15):
            yield f"snap length {snap}", tape.pcap(ETHERNET, snap=snap)
        for _ in range(15):
            gone = sorted(rng.sample(range(1, count + 1), rng.randint(2, count // 2)))
            yield f"without {gone}", tape.drop(*gone).pcap()
        for _ in range(10):
            other, frames = Tape(), list(tape.frames)
            for i in rng.sample(range(count - 1), 3):
                frames[i], frames[i + 1] = (frames[i][0], frames[i + 1][1]), (frames[i + 1][0], frames[i][1])
            other.frames = frames
            yield "with neighbours that changed places", other.pcap()

    def never(self, rules, truth, opposite):
        tape, told_whole = self.recorded(), 0
        self.replay(tape, truth, rules)
        for what, data in self.variants(tape, 7):
            with self.subTest(what):
                path = self.file(data)
                words = ["--rules", self.file(rules.encode(), "rules")] if rules else []
                done = sallywall("replay", path, *words, "--kernel", "6.18", status=(WORKS, BLOCKED, UNKNOWN))
                self.assertNotEqual(done.returncode, opposite, done.stdout[-1500:])
                told_whole += done.returncode == truth
        self.assertGreater(told_whole, 20)  # not everything is in doubt

    def test_a_session_that_works_is_never_blocked(self):
        self.never(self.CLOSED, WORKS, BLOCKED)

    def test_a_session_that_works_by_itself_never_fails(self):
        self.never(None, WORKS, BLOCKED)

    def test_a_session_that_is_blocked_never_works(self):
        self.never(self.CLOSED[self.CLOSED.index("*filter"):], BLOCKED, WORKS)


class Forms(EvidenceCase):
    def test_links(self):
        plain = self.replay(whole(), WORKS, WITH)
        for link in (ETHERNET, COOKED, COOKED2, NFLOG, RAW):
            for order in "<>":
                if link == NFLOG and order == ">":
                    continue  # the parts of this link are in the file's order, too
                said = self.replay(whole().pcap(link, order=order), WORKS, WITH)
                self.assertEqual(said["packets"], plain["packets"])

    def test_pppoe_and_tags(self):
        plain = self.replay(whole(), WORKS, WITH)["packets"]
        for head in (b"\x88\x64\x11\0\0\1%s\0\x21", b"\x81\0\0\x07\x88\x64\x11\0\0\1%s\0\x21", b"\x88\xa8\0\1\x81\0\0\2\x08\0"):
            tape = whole()
            out = tape.pcap()[:20] + struct.pack("<I", ETHERNET)
            for when, p in tape.frames:
                frame = b"\2" * 12 + (head % struct.pack("!H", len(p) + 2) if b"%" in head else head) + p
                out += struct.pack("<IIII", when // 1000000, when % 1000000, len(frame), len(frame)) + frame
            self.assertEqual(self.replay(out, WORKS, WITH)["packets"], plain)

    def test_gzip(self):
        plain = self.replay(whole(), WORKS, WITH)
        data = whole().pcap()
        for zipped in (gzip.compress(data), gzip.compress(data[:500]) + gzip.compress(data[500:])):
            self.assertEqual(self.replay(zipped, WORKS, WITH), plain)

    def test_through_a_pipe(self):
        for data in (whole().pcap(), whole().pcap(zipped=True)):
            done = subprocess.run([harness.SALLYWALL, "replay", "-"], input=data, capture_output=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (WORKS, b""))

    def test_a_gzip_bomb(self):
        """It unpacks to 256 MiB of frames without IP: no memory is taken for them, and no verdict either."""
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        data = packer.compress(whole().pcap())
        frame = struct.pack("<IIII", 1_700_000_100, 0, 1 << 20, 1 << 20) + b"\0" * (1 << 20)
        for _ in range(256):
            data += packer.compress(frame)
        path = self.file(data + packer.flush())
        self.assertLess(os.path.getsize(path), 1 << 20)
        output, kilobytes = measured("replay", path)
        self.assertIn("The FTP session works", output)
        self.assertLess(kilobytes, 200000)

    def test_pcapng_with_several_interfaces(self):
        """Of different links, snap lengths and clocks; an interface that holds no IP; blocks of no known kind."""
        tape = whole()
        plain = self.replay(tape, WORKS, WITH)["packets"]
        data = section() + interface(ETHERNET) + interface(RAW, 1500, nano=True) + interface(220) + block(0x0bad, b"whatever")
        for i, (when, p) in enumerate(tape.frames):
            data += packet_block(1, when, p, nano=True) if i % 2 else packet_block(0, when, framed(p, ETHERNET))
        said = self.replay(data, WORKS, WITH)
        self.assertEqual(said["packets"], plain)
        usb = data + packet_block(2, tape.frames[-1][0], b"\0" * 64)
        self.assertNoted(self.replay(usb, WORKS, WITH), "links of type USB")
        two = data + section() + interface(COOKED2)  # a second section has interfaces of its own
        two += packet_block(0, tape.frames[-1][0] + 5, framed(ip(CLIENT, SERVER, 17, b"\0" * 8), COOKED2))
        self.assertEqual(len(self.replay(two, WORKS, WITH)["packets"]), len(plain) + 1)
        lost = data + block(5, struct.pack("<III", 0, 0, 0) + struct.pack("<HHQ", 5, 8, 17))
        self.assertNoted(self.replay(lost, WORKS, WITH), "17 packets that it lost")

    def test_interfaces_out_of_the_order_of_time(self):
        """What one interface saw lies behind what the other did."""
        tape = whole()
        plain = self.replay(tape, WORKS, WITH)["packets"]
        data = section() + interface(RAW) + interface(ETHERNET)
        up = [(when, p) for when, p in tape.frames if p[12:16] == address(CLIENT)]
        down = [(when, p) for when, p in tape.frames if p[12:16] != address(CLIENT)]
        for when, p in up:
            data += packet_block(0, when, p)
        for when, p in down:
            data += packet_block(1, when, framed(p, ETHERNET))
        said = self.replay(data, WORKS, WITH)
        self.assertEqual(said["packets"], plain)
        self.assertNoted(said, "did not lie in the order of time")

    def test_damaged_pcapng(self):
        data = section() + interface(RAW)
        for when, p in whole().frames:
            data += packet_block(0, when, p)
        for bad in (block(6, struct.pack("<IIIII", 9, 0, 0, 4, 4) + b"abcd"), block(6, struct.pack("<IIIII", 0, 0, 0, 4000, 4000) + b"abcd"),
                    struct.pack("<II", 6, 0xffffffff), struct.pack("<II", 6, 2), block(1, b"")):
            said = self.replay(data + bad, UNKNOWN, WITH)
            self.assertFalse(said["replay"]["complete"])

    def test_doubled_packets_count_once(self):
        plain = self.replay(whole(), WORKS, WITH)
        for ttl, delay in ((0, 20), (1, 3000)):
            tape = whole()
            tape.frames = [f for when, p in tape.frames for f in ((when, p), (when + delay, p[:8] + bytes([p[8] - ttl]) + p[9:]))]
            tape.frames.sort(key=lambda f: f[0])
            said = self.replay(tape, WORKS, WITH)
            self.assertEqual(said["replay"]["doubled"], len(plain["packets"]))
            self.assertEqual([p["label"] for p in said["packets"]], [p["label"] for p in plain["packets"]])
            self.assertNoted(said, "had been captured before, on its way: each was counted once")

    def translated(self, source=None, destination=None):
        """A session as a gateway has it on both sides."""
        tape = whole()
        both = []
        for when, p in tape.frames:
            inner = bytearray(p)
            inner[8] -= 1
            for at in (12, 16):
                for old, new in ((CLIENT, source), (SERVER, destination)):
                    if new and p[at:at + 4] == address(old):
                        inner[at:at + 4] = address(new)
            inner[10:12], inner[36:38] = b"\0\0", b"\0\0"
            both += [(when, p), (when + 200, bytes(inner))]
        tape.frames = both
        return tape

    def test_both_sides_of_nat(self):
        """Two connections to look at, one session; which of its addresses rules would meet is not known."""
        through = WITH.replace(":FORWARD DROP", ":FORWARD ACCEPT")
        for change in ({"source": "203.0.113.9"}, {"destination": "10.0.0.21"}):
            tape = self.translated(**change)
            said = self.replay(tape, WORKS, through, "--at", "gateway")
            self.assertEqual([t["name"] for t in said["tasks"]], ["connect", "login", "RETR"])
            self.assertNoted(said, "before and after NAT")
            said = self.replay(tape, UNKNOWN, WITH, "--at", "gateway")
            self.assertIn("translated (NAT)", said["conclusion"])
            self.assertEqual(said["fixes"], [])

    def test_what_is_sent_twice_is_not_doubled(self):
        tape, d = Tape(), None
        d = tape.connect(40000, 21, answer=False)
        for i in range(3):
            d.seq[0] = 1000
            d.send(0, SYN, after=1)
        said = self.replay(tape, BLOCKED)
        self.assertEqual((said["replay"]["doubled"], len(said["packets"])), (0, 4))
        self.assertEqual([p["retry"] for p in said["packets"]], [False, True, True, True])

    def test_segments_larger_than_the_link(self):
        """As a sender shows them that leaves segmentation to its card; the largest have no length in their IP header."""
        tape = Tape()
        c = session(tape)
        c.say("PASV")
        c.reply(passive(SERVER, 10093))
        d = tape.connect(40001, 10093)
        c.say("RETR a")
        c.reply("150 Here it comes.")
        d.send(1, PSH | ACK, b"x" * 60000)
        d.send(0, ACK)
        d.close()
        c.reply("226 Done.")
        at = next(i for i, (_, p) in enumerate(tape.frames) if len(p) > 60000)
        when, p = tape.frames[at]
        for snap in (262144, 200):
            tape.frames[at] = (when, p[:2] + b"\0\0" + p[4:])
            self.replay(tape.pcap(ETHERNET, snap=snap), WORKS, STRICT)

    def test_other_forms_are_refused_with_the_command(self):
        for head, words in ((b"\xfd7zXZ\0\0\0", "xz -dc"), (b"\x28\xb5\x2f\xfd", "zstd -dc"), (b"BZh91AY", "bzip2 -dc"),
                            (b"snoop\0\0\0\0\0\0\2", "editcap -F pcap"), (b"GMBU\0\1", "editcap -F pcap"), (b"PK\3\4", "unzip -p"),
                            (b"\0\1\2\3\4\5\6\7", "editcap -F pcap"), (b"", "is empty")):
            path = self.file(head)
            done = sallywall("replay", path, status=2)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn(words, done.stderr)
            self.assertEqual(path in done.stderr, True)
        odd = self.file(b"BZh9", "it's a 'file'")
        self.assertIn("'\\''s a", sallywall("replay", odd, status=2).stderr)
        etl = self.file(b"\0\0\1\0\0\0\0\0", "trace.etl")
        self.assertIn("pktmon etl2pcap", sallywall("replay", etl, status=2).stderr)
        text = self.file(b"12:00:00.1 IP 192.0.2.7.40000 > 198.51.100.21.21: Flags [S]\n\t0x0000:  4500 003c\n")
        self.assertIn("tcpdump -w", sallywall("replay", text, status=2).stderr)
        self.assertIn("--rules", sallywall("replay", self.file(OPEN.encode()), status=2).stderr)
        wlan = self.file(whole().pcap(105))
        self.assertIn("IEEE 802.11", sallywall("replay", wlan, status=2).stderr)


class Streamed(EvidenceCase):
    def test_json_holds_every_packet_and_takes_no_memory(self):
        count, tape = 120000, whole()
        out, when = [tape.pcap()], tape.frames[-1][0] // 1000000 + 1
        packet = ip(CLIENT, SERVER, 17, struct.pack("!HHHH", 5000, 5001, 8, 0))
        for i in range(count):
            out.append(struct.pack("<IIII", when + i // 1000, i % 1000 * 1000, len(packet), len(packet)) +
                       packet[:4] + struct.pack("!H", i & 0xffff) + packet[6:])
        path, rules = self.file(b"".join(out)), self.file(WITH.encode(), "rules")
        output, kilobytes = measured("replay", path, "--rules", rules, "--json")
        said = json.loads(output)
        self.assertEqual([p["number"] for p in said["packets"]], list(range(1, len(tape.frames) + count + 1)))
        self.assertEqual((said["outcome"], said["schema"], said["kind"]), ("works", 1, "capture"))
        self.assertLess(kilobytes, 200000, f"{len(output) // 1024} KiB were written")

    def test_explain_says_the_same(self):
        path = self.file(whole().pcap())
        said = told("explain", "-", "--pcap", path, "--kernel", "6.18", input=WITHOUT, status=BLOCKED)
        other = self.replay(whole(), BLOCKED, WITHOUT)
        del other["replay"]
        said["question"]["rules"] = other["question"]["rules"]
        said["title"] = other["title"]
        self.assertEqual(said, other)
        svg = self.file(b"", "svg")
        kept = told("explain", "-", "--pcap", path, "--kernel", "6.18", "--svg", svg, input=WITHOUT, status=BLOCKED)
        self.assertEqual(kept["packets"], other["packets"])

    def test_the_same_in_text_svg_and_html(self):
        tape, _ = Conversation.unanswered(self, reply="425 Failed.")
        path, html = self.file(tape.pcap()), self.file(b"", "html")
        text = sallywall("explain", "-", "--pcap", path, "--html", html, input=WITH, status=BLOCKED).stdout
        page = read_file(html).decode()
        for words in ("no answer came to the connection to port 10093", "425 Failed."):
            self.assertIn(words, " ".join(text.split()))
            self.assertIn(words, " ".join(page.split()))
