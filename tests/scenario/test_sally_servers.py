# SPDX-License-Identifier: BSD-2-Clause
"""sally with other servers, in the clear and under TLS: vsftpd, Pure-FTPd, ProFTPD, pyftpdlib."""
import glob
import os
import shutil
import socket
import subprocess

import harness
import run
import tools
from harness import noise, read_file, wait_until
from namespace import PASSWORD
from test_sally_mirror import TreeCase
from tls import make_certificate

PYFTPDLIB = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
port, root, certificate = int(sys.argv[1]), sys.argv[2], sys.argv[3]
handler = FTPHandler
if certificate:
    from pyftpdlib.handlers import TLS_FTPHandler as handler
    handler.certfile = certificate
    handler.tls_control_required = handler.tls_data_required = False
handler.authorizer = DummyAuthorizer()
handler.authorizer.add_anonymous(root, perm="elradfmwMT")
FTPServer(("127.0.0.1", port), handler).serve_forever()
"""


def program(name):
    """Of what bench/peers.sh has unpacked."""
    found = glob.glob(f"{run.TOP}/build/peers/root/**/sbin/{name}", recursive=True)
    if not found:
        raise AssertionError(f"no {name} below build/peers: sh bench/peers.sh unpacks it there")
    return found[0]


def libraries():
    root = f"{run.TOP}/build/peers/root"
    return ":".join(glob.glob(f"{root}/usr/lib/*-linux-gnu") + glob.glob(f"{root}/lib/*-linux-gnu"))


class Other:
    """A server that others wrote, with an anonymous login to root, where all is allowed. certificate "": no TLS."""

    def __init__(self, name, port, folder, root, certificate):
        self.name, self.port, self.folder, self.root, self.certificate = name, port, folder, root, certificate
        self.argv = getattr(self, name.replace("-", "_"))()

    def write(self, text):
        path = f"{self.folder}/{self.name}.conf"
        with open(path, "w") as f:
            f.write(text)
        return path

    def vsftpd(self):
        tls = f"ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file={self.certificate}\nssl_ciphers=HIGH\nrequire_ssl_reuse=YES\n"
        os.makedirs(f"{self.folder}/empty", exist_ok=True)
        return [program("vsftpd"), self.write(f"""listen=YES
background=NO
listen_address=127.0.0.1
listen_port={self.port}
anonymous_enable=YES
anon_root={self.root}
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
write_enable=YES
no_anon_password=YES
seccomp_sandbox=NO
secure_chroot_dir={self.folder}/empty
""" + tls * bool(self.certificate))]

    def pure_ftpd(self):
        tls = ["-Y", "1", "-2", self.certificate] if self.certificate else ["-Y", "0"]
        return [program("pure-ftpd"), *tls, "-S", f"127.0.0.1,{self.port}", "-4", "-l", "unix", "-H", "-f", "none", "-U", "022:022", "-g", f"{self.folder}/pure.pid"]

    def proftpd(self):
        modules = os.path.dirname(program("proftpd")).replace("/sbin", "/lib/proftpd")
        load = f"ModulePath {modules}\n" + "".join(f"<IfModule !{name}>\nLoadModule {name}\n</IfModule>\n" for name in ("mod_ls.c", "mod_xfer.c", "mod_tls.c"))
        tls = (f"TLSEngine on\nTLSLog none\nTLSECCertificateFile {self.certificate}\n"
               f"TLSECCertificateKeyFile {self.certificate}\nTLSVerifyClient off\nTLSRequired off\n")
        return [program("proftpd"), "--nodaemon", "--quiet", "--config", self.write(load + tls * bool(self.certificate) + f"""
ServerType standalone
ServerName test
DefaultServer on
DefaultAddress 127.0.0.1
Port {self.port}
UseIPv6 off
UseReverseDNS off
User nobody
Group nogroup
Umask 022
AuthOrder mod_auth_unix.c
WtmpLog off
TransferLog none
SystemLog none
ScoreboardFile none
AllowOverwrite on
AllowStoreRestart on
PidFile {self.folder}/proftpd.pid
<Anonymous {self.root}>
  User ftp
  Group ftp
  UserAlias anonymous ftp
  RequireValidShell off
</Anonymous>
""")]

    def pyftpdlib(self):
        return ["/usr/bin/python3", "-c", PYFTPDLIB, str(self.port), self.root, self.certificate]

    def environment(self):
        return tools.environment() if self.name == "pyftpdlib" else {**os.environ, "LD_LIBRARY_PATH": libraries()}

    def __enter__(self):
        self.log = open(f"{self.folder}/{self.name}.log", "w+")
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        env=self.environment(), start_new_session=True)
        if not wait_until(self.answers):
            raise AssertionError(f"{self.name} does not answer: {read_file(self.log.name).decode()}")
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended: {read_file(self.log.name).decode()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=harness.PATIENCE) as s:
                return s.recv(3) == b"220"
        except ConnectionError:
            return False

    def __exit__(self, *_):
        for pid in [*harness.descendants(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.log.close()


class Others(TreeCase):
    """One test a server; each does the same."""
    limit = 180

    def go_through(self, name):
        for number, certificate in enumerate(("", make_certificate(harness.make_dir(f"{self.home}/certificate") + "/server.pem", "localhost"))):
            with self.subTest(tls=bool(certificate)):
                top = f"{harness.WORK}/{name}{number}"
                os.mkdir(top)
                self.at = top if name == "pyftpdlib" else harness.make_dir(top + "/pub", "ftp")
                os.chmod(top, 0o755)
                os.chmod(self.at, 0o777)
                self.prefix = "" if name == "pyftpdlib" else "pub/"
                if name == "pure-ftpd":  # its anonymous folder is the user's home
                    self.make_person(top)
                with Other(name, 2190 + number, self.home, top, certificate) as server:
                    self.words = ["--trust-new", "--tls"] if certificate else []
                    self.words += ["--plain", "--password-file", self.home + "/password"] if name == "pure-ftpd" else []
                    self.use(server, name)
                shutil.rmtree(self.here)
                os.mkdir(self.here)

    def to(self, server, path=""):
        return f"{'alice@' * (server.name == 'pure-ftpd')}127.0.0.1:{server.port}/{self.prefix}{path}"

    def make_person(self, top):
        """Pure-FTPd's anonymous may not rename, so there it is a person."""
        with open("/etc/passwd") as f:
            others = [line for line in f if not line.startswith("alice:")]
        with open("/etc/passwd", "w") as f:
            f.write("".join(others) + f"alice:x:3001:3001::{top}:/bin/sh\n")
        with open(self.home + "/password", "w") as f:
            f.write(PASSWORD + "\n")

    def use(self, server, name):
        """Up, in pieces down, a tree both ways, an interrupted one, and away."""
        with open(self.here + "/large", "wb") as f:
            f.write(noise(3_000_000))
        os.utime(self.here + "/large", (1_600_000_000, 1_600_000_000))
        said = self.sally("put", "-v", *self.words, "large", self.to(server)).stderr
        self.assertEqual(read_file(self.at + "/large"), noise(3_000_000))
        self.assertEqual(b"TLS connection established" in said, "--tls" in self.words)
        os.unlink(self.here + "/large")
        said = self.sally("get", "-v", *self.words, self.to(server, "large")).stderr
        self.assertEqual(self.mine("large"), noise(3_000_000))
        if name in ("vsftpd", "proftpd") and "--tls" in self.words:
            self.assertNotIn(b"does not continue the TLS session", said)
        os.rename(self.here + "/large", self.here + "/large.part")
        os.truncate(self.here + "/large.part", 1_000_000)
        os.utime(self.here + "/large.part", (int(os.stat(self.at + "/large").st_mtime),) * 2)
        said = self.sally("get", "-v", "-c", *self.words, self.to(server, "large")).stderr
        self.assertIn(b"Resuming at byte 1000000", said)
        self.assertEqual(self.mine("large"), noise(3_000_000))
        self.sally("get", "--segments", "3", "-o", "pieces", *self.words, self.to(server, "large"))
        self.assertEqual(self.mine("pieces"), noise(3_000_000))
        self.plant(self.here + "/tree")
        self.mirror("-R", "-P", "3", *self.words, "tree", self.to(server, "tree"))
        self.mirror("-P", "3", *self.words, self.to(server, "tree"), "back")
        self.assertEqual({k: v and v[0] for k, v in self.tree(self.here + "/back").items()},
                         {k: v and v[0] for k, v in self.tree(self.here + "/tree").items()})
        for words in (self.to(server, "tree"), "back"), ("-R", "back", self.to(server, "tree")):
            said = self.mirror(*self.words, *words)
            self.assertEqual(said, ["0 files copied, 5 the same, 0 deleted, 0 left out, 0 failed; 0 bytes"])
        self.sally("doctor", *self.words, self.to(server))
        self.sally("rm", "-r", *self.words, self.to(server, "tree"))
        self.assertEqual(os.listdir(self.at), ["large"])

    def test_vsftpd(self):
        self.go_through("vsftpd")

    def test_pure_ftpd(self):
        self.go_through("pure-ftpd")

    def test_proftpd(self):
        self.go_through("proftpd")

    def test_pyftpdlib(self):
        self.go_through("pyftpdlib")


