# SPDX-License-Identifier: BSD-2-Clause
"""The same script to sallyd and to a real vsftpd (unpacked below build/peers): the same codes, and mostly the same texts."""
import glob
import os
import re
import time

import run
from harness import AnonymousCase, Server, listening_ports, make_dir, wait_until, write_file

OURS_ONLY = {"control_socket", "accounts_file", "drain_timeout", "firewall"}


def vsftpd():
    found = glob.glob(os.path.join(run.TOP, "build/peers/**/sbin/vsftpd"), recursive=True)
    return found[0] if found else None


def need_vsftpd():
    if not vsftpd():
        raise AssertionError("no vsftpd to compare with below build/peers: sh bench/peers.sh unpacks it there")


class Vsftpd(Server):
    def start(self, **_):
        program = vsftpd()
        root = os.path.dirname(os.path.dirname(os.path.dirname(program)))
        for name in OURS_ONLY:
            self.conf.pop(name, None)
        # its own sandboxes do not know all system calls of a newer C library
        self.conf.update(seccomp_sandbox="NO", isolate="NO", isolate_network="NO")
        libraries = ":".join(sorted({os.path.dirname(p) for p in glob.glob(root + "/**/lib*.so*", recursive=True)}))
        super().start([program, self.file], wait_ready=False, env={"LD_LIBRARY_PATH": libraries})
        if not wait_until(lambda: self.port in listening_ports()):
            self.stop()
            raise AssertionError("vsftpd did not start:\n" + self.text())
        return self


# Where we differ on purpose: command, and why.
DELIBERATE = {
    "REST x": "RFC 959: 501; vsftpd restarts at 0",
    "EPSV 2": "RFC 2428 section 3 gives the text", "EPSV 9": "RFC 2428 section 3 gives the text",
    "TYPE E": "RFC 959: 504, a type that we know and do not have",
    "PORT 1,2,3": "RFC 959: 501 for bad arguments", "EPRT x": "RFC 959: 501 for bad arguments",
    "OPTS UTF8 OFF": "501 with the reason", "OPTS x": "501 with the reason",
    "MKD": "501 for a missing argument", "RMD": "501 for a missing argument", "DELE": "501 for a missing argument",
    "SITE": "501 for a missing argument",
    "ACCT x": "RFC 959: 202, superfluous", "SMNT x": "not a command here",
}


def masked(reply):
    text = re.sub(r"\(\d+,\d+,\d+,\d+,\d+,\d+\)", "(ADDRESS)", reply.text)
    text = re.sub(r"\(\|\|\|\d+\|\)", "(PORT)", text)
    return reply.code, text


def reasonless(ours, theirs):
    """Our refusals go on with the reason after vsftpd's words."""
    code, text = ours
    return (code, theirs[1]) if code >= 500 and text.startswith(theirs[1] + " ") else ours


class BesideVsftpd(AnonymousCase):
    """Both serve the same files by the same configuration."""

    @classmethod
    def setUpClass(cls):
        need_vsftpd()
        super().setUpClass()
        cls.peer = Vsftpd(dict(cls.conf), "vsftpd").start()

    @classmethod
    def tearDownClass(cls):
        cls.peer.stop()
        super().tearDownClass()

    def both(self):
        """A client of each, vsftpd's first, in /pub."""
        clients = [server.anonymous() for server in (self.peer, self.server)]
        for c in clients:
            self.addCleanup(c.close)
            c.want("CWD /pub", 250)
        return clients


class Oracle(BesideVsftpd):
    options = {"local_enable": "YES", "delay_failed_login": "0", "check_shell": "NO", "ascii_download_enable": "YES"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")
        os.utime(cls.root + "/file", (1577836800, 1577836800))
        make_dir(cls.root + "/folder")
        write_file(cls.root + "/private", b"x", mode=0o600)

    def compare(self, script):
        told = []
        for server in (self.peer, self.server):
            c = server.client()
            self.addCleanup(c.close)
            told.append([masked(c.cmd(line)) for line in script])
        for line, theirs, ours in zip(script, *told):
            with self.subTest(command=line):
                if line in DELIBERATE:
                    self.assertTrue(ours[0] // 100 == theirs[0] // 100 or ours[0] >= 400 or ours[0] == 202, (ours, theirs))
                else:
                    self.assertEqual(reasonless(ours, theirs), theirs)

    def test_login(self):
        self.compare(["PWD", "PASS x", "USER alice", "PASS wrong", "USER nobody-here", "PASS wrong", "SYST", "USER anonymous", "PASS x@",
                      "PASS x@", "USER alice", "USER anonymous", "PWD", "QUIT"])

    def test_local_login(self):
        self.compare(["USER alice", "PASS open sesame", "PWD", "USER alice", "USER bob", "CWD /", "PWD", "CWD nowhere", "SITE",
                      "SITE UMASK", "SITE UMASK 022", "SITE NONSENSE", "MKD /x", "DELE /nothing", "RMD /nothing"])

    def test_browsing(self):
        self.compare(["USER ftp", "PASS x@", "PWD", "CWD pub", "PWD", "CWD folder", "CDUP", "CWD file", "SIZE file", "SIZE folder", "SIZE nothing",
                      "MDTM file", "MDTM nothing", "TYPE A", "TYPE I", "TYPE X", "TYPE L 8", "TYPE E", "STRU F", "STRU R", "MODE S", "MODE B",
                      "MODE Z", "ALLO 5", "NOOP", "NONSENSE", "REST 5", "REST 0", "REST x", "RNTO x", "RNFR nothing", "HELP", "ACCT x", "SMNT x"])

    def test_writing(self):
        self.compare(["USER ftp", "PASS x@", "CWD pub", "MKD new", "MKD new", "RNFR new", "RNTO other", "RMD other", "RMD other", "DELE nothing",
                      "XMKD new", "XRMD new", "RNFR file", "RNTO no/where", "MKD", "RMD", "DELE", "SITE CHMOD 644 file"])

    def test_data_commands(self):
        self.compare(["USER ftp", "PASS x@", "CWD pub", "RETR file", "LIST", "PASV", "EPSV", "EPSV 1", "EPSV 2", "EPSV 9", "PORT 1,2,3", "PORT 127,0,0,8,39,15",
                      "PORT 127,0,0,1,0,25", "EPRT |1|127.0.0.8|9999|", "EPRT x", "EPSV", "RETR nothing", "EPSV", "RETR private", "EPSV", "RETR folder",
                      "EPSV", "STOR no/where", "ABOR", "EPSV ALL"])

    def test_type_that_a_session_begins_with(self):
        said = []
        for server in (self.peer, self.server):
            c = server.anonymous()
            self.addCleanup(c.close)
            with c.connect(c.epsv()) as data:
                said.append((c.want("RETR /pub/file", 150).text, data.recv(100)))
        self.assertEqual(said[1], said[0])

    def test_opts(self):
        self.compare(["OPTS UTF8 ON", "OPTS NONSENSE", "USER ftp", "PASS x@", "OPTS UTF8 ON", "OPTS utf8 on", "OPTS UTF8 OFF", "OPTS x"])

    def test_listings(self):
        """Byte for byte."""
        theirs, ours = self.both()
        for command in ("LIST", "NLST", "LIST -a", "LIST file", "NLST *", "LIST f*"):
            with self.subTest(command=command):
                self.assertEqual(ours.lines(command), theirs.lines(command))


NAMES = ["a.txt", "b.txt", "c.dat", ".hidden", "dir/x", "dir/y.txt", "dir/.h", "dir/sub/deep", "Photos [2024]/p1", "what?/w", "whatx",
         "a*b/inside", "axb", "two words/in side", " lead/q", "-dash/d", "-l", "P\udcff/f", "caf\udcff", "br{a,b}/z", "bra"]

# What follows LIST, NLST and STAT: the same lines, in the same order.
LISTED = [
    "", " dir", " dir/", " dir//", " dir/*", " dir/*.txt", " dir/sub", " dir/sub/*", " /pub/dir", " /pub/dir/", " /pub/dir/*.txt", " .", " ./", " ./dir",
    " ..", " ../", " ../pub", " dir/..", " /", " /*", " //pub", " c.dat", " dir/x", " ./c.dat", " /pub/c.dat", " ./dir/./*", " dir/./x", " dir/fifo",
    " no/where", " *.zzz", " dir/*.zzz", " .*", " dir/.*", " *", " **", " {w,q}*", " two words", " two words/*", "  lead", " ld", " ld/*",
    " Photos [2024]", " Photos [2024]/", " Photos [2024]/*", " what?", " what?/*", " a*b", " a*b/*", " br{a,b}", " l*d", " P\udcff", " P\udcff/*",
    " */x", " */*", " dir/*/", " c.dat/", " c.dat/x", " ./-l", " ./-dash", " noread/*", " ~",
    " -a", " -a dir", " -a *", " -a dir/*", " -A", " -l", " -l dir", " -la dir", " -a .*", " -l dir/*.txt", " -1", " -1 dir", " -t", " -t dir", " -r", " -r dir",
    " -rt dir", " -lt", " -ltr", " -F", " -F dir", " -F dir/*", " -Fl", " -LF dir", " -S", " -L", " --help", " -", " - dir", " -- -dash", " -l -dash",
    " -a-l", " -a  lead", " -R", " -R dir", " -R dir/", " -R *", " -R dir/*", " -lR", " -lR dir", " -aR dir", " -rR dir", " -FR dir",
]

# Where we differ on purpose: what we say, and why.
LISTED_OTHERWISE = {
    " a.txt": (["a.txt"], "vsftpd matches patterns, and names, with 'name -> target' of links: lf, too"),
    " *.txt": (["a.txt", "b.txt"], "as before"),
    " lf": (["lf"], "as before: vsftpd does not find it"),
    " q*": (["q*"], "a file of that name: vsftpd does so for directories alone"),
    " [ab].txt": (["a.txt", "b.txt"], "vsftpd has no classes"),
    " noread/in": (["noread/in"], "vsftpd needs a directory that can be read for a name in it"),
    " closed": ([], "vsftpd shows the directory's own line; we say that it could not be opened"),
    " -d dir": (["dir"], "-d as ls has it; vsftpd does not know it"),
    " -R c.dat": (["c.dat"], "-R of a file as ls has it; vsftpd heads it with '.:'"),
    " P\udcff\udcff/*": (["P\udcff/f"], "a 0xff that a client doubles, as telnet wants it"),
}


class Listings(BesideVsftpd):
    """Arguments and options of LIST, NLST and STAT."""
    options = {"ls_recurse_enable": "YES"}
    limit = 60

    @classmethod
    def prepare(cls):
        for name in NAMES + ["noread/in", "q*", "qq"]:
            write_file(f"{cls.root}/{name}", b"content")
        for link, target in (("ld", "dir"), ("lf", "a.txt"), ("l*d", "dir"), ("lxd", "dir"), ("dangling", "nowhere")):
            os.symlink(target, f"{cls.root}/{link}")
        os.mkfifo(cls.root + "/dir/fifo")
        make_dir(cls.root + "/closed", "bob", 0o700)
        make_dir(cls.root + "/noread", "bob", 0o711)
        now, count = time.time() - 86400, 0  # no two of the same time, not by name
        for folder, folders, files in os.walk(cls.root, topdown=False):
            for name in files + folders + ["."]:
                count += 1
                when = now - 3600 * (count * 7919 % 101)
                os.utime(os.path.join(folder, name), (when, when), follow_symlinks=False)
        os.utime(os.path.dirname(cls.root), (now - 999, now - 999))

    def test_lines(self):
        theirs, ours = self.both()
        for command in ("LIST", "NLST"):
            for argument in LISTED:
                self.way = command + argument
                with self.subTest(command=self.way):
                    self.assertEqual(ours.lines(self.way), theirs.lines(self.way))

    def test_stat(self):
        """Hidden names are shown. Our lines begin with a blank, so that none can be taken for the reply's end; and 0xff is
        doubled in them as in all replies, vsftpd's too but for these."""
        theirs, ours = self.both()
        for argument in LISTED:
            self.way = "STAT" + argument
            told = [c.cmd(self.way) for c in (theirs, ours)]
            lines = [line.replace("\udcff\udcff", "\udcff") for line in told[1].lines]
            with self.subTest(command=self.way):
                if told[0].lines == ["213-Status follows:", "213 End of status"] and told[1].code == 550:
                    continue  # nothing there: an error here
                if argument:
                    self.assertEqual(lines[:1] + [line[1:] for line in lines[1:-1]] + lines[-1:], told[0].lines)

    def test_where_we_differ(self):
        theirs, ours = self.both()
        for argument, (wanted, _) in LISTED_OTHERWISE.items():
            with self.subTest(argument=argument):
                got = ours.lines("NLST" + argument)
                self.assertEqual(got, wanted)
                self.assertNotEqual(got, theirs.lines("NLST" + argument))
                self.assertEqual([os.path.basename(line.split(" ")[-1]) for line in ours.lines("LIST" + argument) if " -> " not in line],
                                 [os.path.basename(name) for name in wanted if name != "lf"])

    def test_bytes_of_names(self):
        """0xff in a name, before whatever is a telnet command elsewhere."""
        theirs, ours = self.both()
        for name in (b"m\xffn", b"m\xff", b"\xffm", b"m\xff\xf4n", b"m\xff\xfb\x01n", b"m\xff\xfan", b"\xd1\xff\xff"):
            for c in (theirs, ours):
                with self.subTest(name=name, vsftpd=c is theirs):
                    c.send(b"MKD " + name + b"\r\n")
                    said = c.want(None, 257).text.encode("utf-8", "surrogateescape")
                    made = [n for n in os.listdir(os.fsencode(self.root)) if n[:1] in b"m\xff\xd1"]
                    wanted = name.replace(b"\xff\xff", b"\xff") if c is ours else name
                    self.assertEqual(made, [wanted])
                    self.assertIn(b"/" + wanted.replace(b"\xff", b"\xff\xff") + b'"', said)
                    c.send(b"RMD " + name + b"\r\n")
                    c.want(None, 250)

    def test_a_file_on_its_way(self):
        """Its line shows what has come so far."""
        for c, other in zip(self.both(), self.both()):
            with c.data("STOR up") as data:
                data.sendall(b"x" * 5000)
                self.assertTrue(wait_until(lambda: os.path.getsize(self.path("up")) == 5000))
                self.assertEqual([line.split()[4] for line in other.lines("LIST up*")], ["5000"])
            c.want(None, 226)
            os.unlink(self.path("up"))
