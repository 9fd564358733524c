# SPDX-License-Identifier: BSD-2-Clause
"""What tests of FTP under TLS share: certificates, a server with TLS, clients that break off in every way."""
import contextlib
import os
import socket
import ssl
import struct
import subprocess

import harness
from harness import AnonymousCase, TlsClient, make_dir, noise, read_file, tls_context, wait_until, write_file

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = TLS12, TLS13


# --- certificates -------------------------------------------------------------------------------------------------

def openssl(*args, check=True, **kw):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, timeout=harness.PATIENCE, **kw)
    if check and done.returncode != 0:
        raise AssertionError(f"openssl {args}: {done.stderr.decode()}")
    return done


def make_certificate(path, *names, kind="EC", days=90, by=None):
    """A file with a key and its certificate, for hosts; days=-1: it has expired. by: the authority's file, None: its own."""
    key = ["rsa:2048"] if kind == "RSA" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subject = ["-subj", "/CN=" + names[0]]
    if days > 0:
        openssl("req", "-x509", "-newkey", *key, "-nodes", "-keyout", path, "-out", path + ".crt", "-days", days, *subject,
                "-addext", "subjectAltName=" + ",".join("DNS:" + name for name in names),
                *(["-CA", by, "-CAkey", by] if by else []))
    else:
        openssl("req", "-newkey", *key, "-nodes", "-keyout", path, "-out", path + ".csr", *subject)
        sign = ["x509", "-req", "-in", path + ".csr", "-out", path + ".crt",
                *(["-CA", by, "-CAkey", by, "-set_serial", 7] if by else ["-signkey", path])]
        past = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]  # from OpenSSL 3.4 on, which refuses -1 days
        if openssl(*sign, *past, check=False).returncode:
            openssl(*sign, "-days", days)
    with open(path, "ab") as f:
        f.write(read_file(path + ".crt"))
    os.chmod(path, 0o600)
    return path


def der_of(path):
    text = read_file(path).decode()
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE"):text.index("-----END CERTIFICATE") + 25])


# --- what the classes share ---------------------------------------------------------------------------------------

class TlsCase(AnonymousCase):
    """Anonymous may do everything, under TLS or not; cls.certificate is the server's."""
    @classmethod
    def setUpClass(cls):
        harness.need("openssl")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.folder = make_dir(os.path.join(os.path.dirname(cls.root), "certificates"), "nobody")
        cls.certificate = make_certificate(cls.folder + "/server.pem", "ftp.example")
        cls.conf = {"ssl_enable": "YES", "allow_anon_ssl": "YES", "rsa_cert_file": cls.certificate, **cls.conf}
        write_file(cls.root + "/file", noise(3000))

    def setUp(self):
        super().setUp()
        self.way = ""

    def plain(self, server=None, host="127.0.0.1", version=None, **kw):
        """A client that could do TLS and has not yet."""
        kw.setdefault("context", tls_context(version))
        c = TlsClient(host, (server or self.server).port, **kw)
        self.addCleanup(c.close)
        return c

    def secret(self, server=None, host="127.0.0.1", version=None, **kw):
        """A client under TLS."""
        return self.plain(server, host, version, **kw).auth()

    def private(self, server=None, host="127.0.0.1", version=None, **kw):
        """Anonymous in /pub, under TLS on both channels."""
        c = self.secret(server, host, version, **kw).login().protect()
        c.want("CWD /pub", 250)
        c.want("TYPE I", 200)
        return c

    def versions(self):
        for version in VERSIONS:
            self.way = version.name
            yield version

    def shown(self, *args, **kw):
        """The certificate that a new session is shown, in DER."""
        with self.secret(*args, **kw) as c:
            c.cmd("NOOP")
            return c.sock.getpeercert(True)

    def is_refused(self, *args, **kw):
        """Is there no TLS for this client? Under TLS 1.3 it believes so until it reads."""
        try:
            with self.secret(*args, **kw) as c:
                c.cmd("NOOP")
                return False
        except (ConnectionError, ssl.SSLError, EOFError):
            return True

    def assert_served(self, server=None):
        for version in self.versions():
            with self.private(server, version=version) as c:
                self.assertEqual(c.get("RETR file"), self.disk("file"))

    # --- programs ---

    def run_client(self, *argv):
        done = subprocess.run([str(word) for word in argv], capture_output=True, timeout=harness.PATIENCE, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout

    def curl(self, version):
        """How curl begins."""
        harness.need("curl")
        return ["curl", "-sS", "-k", "--ssl-reqd", "--tlsv" + version, "--tls-max", version]

    def run_lftp(self, version, commands):
        harness.need("lftp")
        other = {"1.2": "1.3", "1.3": "1.2"}[version]
        return self.run_client("lftp", "-c", "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
                               f"set ssl:priority NORMAL:-VERS-TLS{other}; set net:max-retries 1; set cmd:fail-exit yes; "
                               f"open -p {self.server.port} 127.0.0.1; {commands}")


def key_process(server):
    """Its number, once it is there."""
    def find():
        for pid in harness.children(server.process.pid):
            with contextlib.suppress(OSError):
                if read_file(f"/proc/{pid}/comm") == b"sallyd: keys\n":
                    return pid
        return None
    return wait_until(find)


def vanish(sock):
    """The peer gets a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def say_end(sock):
    """Sends close_notify, and waits for nothing."""
    sock.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        sock.unwrap()


def has_in_memory(pid, *secrets):
    """Is one of them in what the process can write to?"""
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - begin < 1 << 28:  # larger is what the sanitizers have set aside
                memory.seek(begin)
                with contextlib.suppress(OSError):
                    content = memory.read(end - begin)
                    if any(secret in content for secret in secrets):
                        return True
    return False


def client_hello(version=None):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        tls_context(version).wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()
