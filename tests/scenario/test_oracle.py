# SPDX-License-Identifier: BSD-2-Clause
"""The same script to sallyd and to a real vsftpd (unpacked below build/peers): the same codes, and mostly the same texts."""
import glob
import os
import re
import unittest

import run
from harness import AnonymousCase, Server, listening_ports, make_dir, wait_until, write_file

OURS_ONLY = {"control_socket", "accounts_file", "drain_timeout"}


def vsftpd():
    found = glob.glob(os.path.join(run.TOP, "build/peers/**/sbin/vsftpd"), recursive=True)
    return found[0] if found else None


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


@unittest.skipUnless(vsftpd(), "NO VSFTPD TO COMPARE WITH below build/peers: ./run bench unpacks it there")
class Oracle(AnonymousCase):
    options = {"local_enable": "YES", "delay_failed_login": "0", "check_shell": "NO", "ascii_download_enable": "YES"}

    @classmethod
    def prepare(cls):
        write_file(cls.root + "/file", b"0123456789")
        os.utime(cls.root + "/file", (1577836800, 1577836800))
        make_dir(cls.root + "/folder")
        write_file(cls.root + "/private", b"x", mode=0o600)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.peer = Vsftpd(dict(cls.conf), "vsftpd").start()

    @classmethod
    def tearDownClass(cls):
        cls.peer.stop()
        super().tearDownClass()

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
                    self.assertEqual(ours, theirs)

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
        found = []
        for server in (self.peer, self.server):
            c = server.anonymous()
            self.addCleanup(c.close)
            c.want("CWD /pub", 250)
            found.append({command: sorted(c.lines(command)) for command in ("LIST", "NLST", "LIST -a", "LIST file", "NLST *", "LIST f*")})
        for command, theirs in found[0].items():
            with self.subTest(command=command):
                self.assertEqual(found[1][command], theirs)
