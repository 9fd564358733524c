# SPDX-License-Identifier: BSD-2-Clause
"""FTP under TLS: which certificate is shown, new ones while it runs, those of clients."""
import contextlib
import hashlib
import os
import re
import ssl
import subprocess

import harness
from harness import Server, make_dir, new_tls_context, noise, read_all, read_file, wait_until, write_file
from namespace import PASSWORD
from tls import TLS12, TLS13, VERSIONS, openssl, make_certificate, der_of, TlsCase, key_process


class Certificates(TlsCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.rsa = make_certificate(cls.folder + "/rsa.pem", "ftp.example", kind="RSA")
        cls.first = make_certificate(cls.folder + "/first.pem", "first.example", "*.wild.example")
        cls.second = make_certificate(cls.folder + "/second.pem", "second.example")
        cls.authority = make_certificate(cls.folder + "/authority.pem", "authority")

    def s_client(self, server, *args):
        """What `openssl s_client` tells of a session."""
        return openssl("s_client", "-connect", f"127.0.0.1:{server.port}", "-starttls", "ftp", "-showcerts", *args,
                       input=b"QUIT\r\n", check=False).stdout.decode(errors="replace")

    def test_rsa_alone(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa))
        for version in self.versions():
            self.assertEqual(self.shown(server, version=version), der_of(self.rsa))
        self.assert_served(server)

    def test_the_key_in_a_file_of_its_own(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa + ".crt", rsa_private_key_file=self.rsa,
                                      ecdsa_cert_file=self.first + ".crt", ecdsa_private_key_file=self.first))
        self.assertEqual(self.shown(server), der_of(self.first))

    def test_rsa_and_ecdsa_side_by_side(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa, ecdsa_cert_file=self.certificate))
        for version in self.versions():
            self.assertEqual(self.shown(server, version=version), der_of(self.certificate))
        for kind, path in (("RSA", self.rsa), ("ECDSA", self.certificate)):
            context = new_tls_context(TLS12, ciphers=f"ECDHE-{kind}-AES128-GCM-SHA256")
            self.assertEqual(self.shown(server, context=context), der_of(path))
            with self.private(server, context=context) as c:
                self.assertEqual(c.get("RETR file"), self.disk("file"))
        for algorithm, path in (("rsa_pss_rsae_sha256", self.rsa), ("ecdsa_secp256r1_sha256", self.certificate)):
            said = self.s_client(server, "-tls1_3", "-sigalgs", algorithm)
            self.assertIn(ssl.DER_cert_to_PEM_cert(der_of(path)), said)

    def test_a_chain(self):
        leaf = make_certificate(self.folder + "/leaf.pem", "leaf.example", by=self.authority)
        with open(leaf, "ab") as f:
            f.write(read_file(self.authority + ".crt"))
        server = self.own_server(dict(self.conf, rsa_cert_file=leaf))
        said = self.s_client(server)
        for path in (leaf, self.authority):
            self.assertIn(ssl.DER_cert_to_PEM_cert(der_of(path)), said)
        context = ssl.create_default_context(cafile=self.authority + ".crt")
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13: the authority made here has no keyUsage
        with self.private(server, context=context, name="leaf.example") as c:
            self.assertEqual(c.get("RETR file"), self.disk("file"))

    def test_sni(self):
        server = self.own_server(dict(self.conf, sni_cert_files=f"{self.first}, {self.second}"))
        for version in self.versions():
            for name, path in (("first.example", self.first), ("second.example", self.second), ("SECOND.example", self.second),
                               ("any.wild.example", self.first), ("wild.example", self.certificate),
                               ("ftp.example", self.certificate), ("other.example", self.certificate),
                               (None, self.certificate)):
                self.way = f"{version.name} {name}"
                self.assertEqual(self.shown(server, version=version, name=name), der_of(path))
            with self.private(server, version=version, name="second.example") as c:
                self.assertEqual(c.get("RETR file"), self.disk("file"))

    def test_sni_with_both_kinds_of_keys(self):
        """Another host's RSA certificate beside EC ones: who can do RSA only gets what fits."""
        server = self.own_server(dict(self.conf, rsa_cert_file=self.rsa, ecdsa_cert_file=self.certificate,
                                      sni_cert_files=self.first))
        rsa = new_tls_context(TLS12, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
        self.assertEqual(self.shown(server, name="first.example"), der_of(self.first))
        self.assertEqual(self.shown(server, name="ftp.example"), der_of(self.certificate))
        self.assertEqual(self.shown(server, name="ftp.example", context=rsa), der_of(self.rsa))

    def test_ssl_sni_hostname(self):
        server = self.own_server(dict(self.conf, ssl_sni_hostname="ftp.example"))
        for version in self.versions():
            self.assertEqual(self.shown(server, version=version, name="ftp.example"), der_of(self.certificate))
            for name in ("other.example", None):
                self.assertTrue(self.is_refused(server, version=version, name=name), name)

    def test_ciphers(self):
        server = self.own_server(dict(self.conf, ssl_ciphers="ECDHE-ECDSA-AES256-GCM-SHA384",
                                      ssl_ciphersuites="TLS_CHACHA20_POLY1305_SHA256"))
        for version, cipher in zip(VERSIONS, ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_CHACHA20_POLY1305_SHA256")):
            with self.private(server, version=version) as c:
                self.assertEqual(c.sock.cipher()[0], cipher)
                self.assertEqual(c.get("RETR file"), self.disk("file"))
        self.assertTrue(self.is_refused(server, context=new_tls_context(TLS12, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")))

    def test_no_cipher_without_ephemeral_keys(self):
        server = self.own_server(dict(self.conf, ssl_ciphers="ALL", rsa_cert_file=self.rsa))
        for ciphers in ("kRSA", "AES128-SHA", "DHE", "aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "PSK"):
            with contextlib.suppress(ssl.SSLError):  # unless the client's OpenSSL has none of them
                context = new_tls_context(TLS12, ciphers=ciphers)
                self.assertTrue(self.is_refused(server, context=context), ciphers)

    def test_versions(self):
        old = ssl.TLSVersion.TLSv1_1
        for conf, good, bad in (({}, VERSIONS, [old]), ({"ssl_tlsv12": "NO"}, [TLS13], [TLS12, old]),
                                ({"ssl_tlsv13": "NO"}, [TLS12], [TLS13])):
            server = self.own_server({**self.conf, **conf}) if conf else self.server
            for version in good:
                self.assertFalse(self.is_refused(server, version=version), version.name)
            for version in bad:
                context = new_tls_context(version, ciphers="ALL:@SECLEVEL=0")
                self.assertTrue(self.is_refused(server, context=context), version.name)

    def test_ocsp(self):
        for path, state in ((self.first, "V\t360101000000Z\t"), (self.rsa, "R\t360101000000Z\t260101000000Z,keyCompromise")):
            leaf = make_certificate(path + ".leaf", "first.example", by=self.authority)
            serial = openssl("x509", "-in", leaf, "-noout", "-serial").stdout.decode().strip().split("=")[1]
            write_file(self.folder + "/index", f"{state}\t{serial}\tunknown\t/CN=first.example\n", "nobody")
            openssl("ocsp", "-index", self.folder + "/index", "-CA", self.authority, "-rsigner", self.authority,
                    "-issuer", self.authority, "-cert", leaf, "-respout", leaf + ".ocsp", "-ndays", "2")
            server = self.own_server(dict(self.conf, sni_cert_files=leaf))
            for version in ("-tls1_2", "-tls1_3"):
                said = self.s_client(server, version, "-status", "-servername", "first.example")
                self.assertIn("OCSP Response Status: successful", said)
                self.assertIn("Cert Status: " + ("good" if state[0] == "V" else "revoked"), said)
                self.assertNotIn("OCSP Response Status", self.s_client(server, version, "-servername", "first.example"))
                self.assertIn("OCSP response: no response sent", self.s_client(server, version, "-status"))
            self.assertEqual(self.shown(server, name="first.example"), der_of(leaf))

    def test_expiry_is_told(self):
        for days, words in ((-1, "has expired"), (1, "expires"), (13, "expires"), (16, None), (90, None)):
            path = make_certificate(f"{self.folder}/days{days}.pem", "ftp.example", days=days)
            server = self.own_server(dict(self.conf, rsa_cert_file=path))
            told = [line for line in server.output if "expire" in line]
            self.assertEqual(len(told), 1 if words else 0, server.text())
            if words:
                self.assertIn(words, told[0])
                self.assertIn(path, told[0])
            self.assertEqual(self.shown(server), der_of(path))


class Reload(TlsCase):
    options = {"require_ssl_reuse": "NO"}

    @classmethod
    def prepare(cls):
        super().prepare()
        write_file(cls.root + "/big", noise(5 << 20))
        cls.fresh = make_certificate(cls.folder + "/fresh.pem", "ftp.example")

    def own_certificate(self, **conf):
        """A server, and the file that its certificate is in, which may be written to."""
        path = f"{self.folder}/own{Server.next_port}.pem"
        with open(path, "wb") as f:
            f.write(read_file(self.certificate))
        return self.own_server({**self.conf, **conf, "rsa_cert_file": path}), path

    def replace(self, path, content):
        with open(path + ".new", "wb") as f:
            f.write(content)
        os.rename(path + ".new", path)

    def test_new_sessions_get_the_new_one_and_old_ones_go_on(self):
        for reuse in ("YES", "NO"):
            server, path = self.own_certificate(require_ssl_reuse=reuse)
            old = [self.private(server, version=version) for version in VERSIONS]
            moving = self.private(server)
            with moving.data("RETR big") as data:
                got = data.recv(100)
                self.replace(path, read_file(self.fresh))
                server.reload()
                self.assertTrue(wait_until(lambda: self.shown(server) == der_of(self.fresh)), server.text())
                self.assertTrue(got + read_all(data) == self.disk("big"))
            moving.want(None, 226)
            for c in old:
                self.way = f"require_ssl_reuse={reuse} {c.sock.version()}"
                c.want("PWD", 257)
                self.assertEqual(c.get("RETR file"), self.disk("file"))
                if reuse == "NO":
                    c.resumes = False
                    with c.data("RETR file") as data:
                        self.assertEqual(data.getpeercert(True), der_of(self.certificate))
                        self.assertEqual(read_all(data), self.disk("file"))
                    c.want(None, 226)
            self.assert_served(server)

    def test_many_reloads(self):
        """Nothing is kept of what nobody uses any more, and what somebody uses is."""
        server, path = self.own_certificate(require_ssl_reuse="YES")
        before = self.private(server)
        pair = [self.fresh, self.certificate]
        for i in range(6):
            self.replace(path, read_file(pair[i % 2]))
            server.reload()
            self.assertTrue(wait_until(lambda: self.shown(server) == der_of(pair[i % 2])), server.text())
        self.assertEqual(before.get("RETR file"), self.disk("file"))
        before.close()
        self.assertTrue(wait_until(lambda: len(self.key_processes(server)) == 1), self.key_processes(server))
        self.assert_served(server)

    @staticmethod
    def key_processes(server):
        found = []
        for pid in harness.descendants(server.process.pid):
            with contextlib.suppress(OSError):
                if read_file(f"/proc/{pid}/comm") == b"sallyd: keys\n":
                    found.append(pid)
        return found

    def test_a_broken_file_keeps_the_old(self):
        server, path = self.own_certificate()
        c = self.private(server)
        good, text = read_file(self.certificate), read_file(self.certificate).decode()
        cut = text.index("-----BEGIN CERTIFICATE")
        key, certificate = text[:cut].encode(), text[cut:].encode()
        other_key = read_file(self.fresh).decode()
        other_key = other_key[:other_key.index("-----BEGIN CERTIFICATE")].encode()
        for what, content in (("nothing", b""), ("noise", noise(2000)), ("no key", certificate), ("no certificate", key),
                              ("half", good[:-200]), ("another key", other_key + certificate), ("none", None)):
            self.way = what
            said = len(server.output)
            if content is None:
                os.unlink(path)
            else:
                self.replace(path, content)
            server.reload()
            self.assertTrue(wait_until(lambda: any(path in line for line in server.output[said:])), server.text())
            self.assertEqual(self.shown(server), der_of(self.certificate))
            self.assertEqual(c.get("RETR file"), self.disk("file"))
        self.way = "mended"
        self.replace(path, read_file(self.fresh))
        server.reload()
        self.assertTrue(wait_until(lambda: self.shown(server) == der_of(self.fresh)), server.text())

    def test_another_file_by_another_configuration(self):
        server, _ = self.own_certificate()
        server.reload(rsa_cert_file=self.fresh)
        self.assertTrue(wait_until(lambda: self.shown(server) == der_of(self.fresh)), server.text())

    def test_switched_on_and_off(self):
        server = self.own_server(dict(self.conf, ssl_enable="NO"))
        c = self.plain(server)
        c.want("AUTH TLS", 502)
        server.reload(ssl_enable="YES")

        def answer():
            with self.plain(server) as d:
                return d.cmd("AUTH TLS").code
        self.assertTrue(wait_until(lambda: answer() == 234), server.text())
        self.assert_served(server)
        c = self.private(server)
        server.reload(ssl_enable="NO")
        self.assertTrue(wait_until(lambda: answer() == 502), server.text())
        self.assertEqual(c.get("RETR file"), self.disk("file"))


class ClientCertificates(TlsCase):
    options = {"xferlog_enable": "YES", "xferlog_std_format": "NO"}

    @classmethod
    def prepare(cls):
        super().prepare()
        authority = make_certificate(cls.folder + "/authority.pem", "authority")
        stranger = make_certificate(cls.folder + "/stranger.pem", "authority")
        cls.conf["ca_certs_file"] = authority + ".crt"
        cls.good = make_certificate(cls.folder + "/good.pem", "kim", by=authority)
        cls.expired = make_certificate(cls.folder + "/expired.pem", "late", by=authority, days=-1)
        cls.bad = make_certificate(cls.folder + "/bad.pem", "kim", by=stranger)  # of an authority with the same name
        cls.own = make_certificate(cls.folder + "/own.pem", "kim")

    def check(self, conf, good, bad):
        server = self.own_server({**self.conf, **conf})
        for version in self.versions():
            for certificate in good:
                self.way = f"{version.name} {certificate}"
                context = new_tls_context(version, certificate=certificate)
                with self.private(server, context=context) as c:
                    for _ in range(2):
                        self.assertEqual(c.get("RETR file"), self.disk("file"))
                    shown = server.who()[0]["certificate"]
                    if certificate and conf.get("ssl_request_cert") != "NO":
                        self.assertIn("late" if certificate == self.expired else "kim", shown)
                    else:
                        self.assertIsNone(shown)
                self.assertTrue(wait_until(lambda: not server.who()))
            for certificate in bad:
                self.way = f"{version.name} {certificate}"
                self.assertTrue(self.is_refused(server, context=new_tls_context(version, certificate=certificate)))

    def test_requested(self):
        self.check({}, [None, self.good, self.expired, self.bad, self.own], [])

    def test_not_requested(self):
        self.check({"ssl_request_cert": "NO"}, [None, self.good, self.bad], [])

    def test_required(self):
        self.check({"require_cert": "YES"}, [self.good, self.expired, self.bad, self.own], [None])

    def test_required_though_not_requested(self):
        """require_cert asks for what it requires"""
        self.check({"require_cert": "YES", "ssl_request_cert": "NO"}, [], [None])

    def test_validated(self):
        self.check({"validate_cert": "YES"}, [None, self.good], [self.expired, self.bad, self.own])

    def test_login(self):
        """An account lets in who shows its certificate; whoever shows another is asked for the password, as ever."""
        with open(self.own + ".crt") as f:
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).digest()
        users = os.path.join(self.folder, "users")
        os.makedirs(users, exist_ok=True)
        write_file(users + "/kim", "login_certificates=" + "0" * 64 + "," + digest.hex(":").upper() + "\n")
        server = Server(dict(self.conf, virtual_enable="YES", guest_username="ftp", user_config_dir=users,
                                     max_login_fails="1"), "login")
        self.addCleanup(server.stop)
        for name in ("kim", "lee"):
            server.add_user(name, make_dir(f"{self.root}/{name}"), "--rights", "rw")
        server.start()
        for version in self.versions():
            context = new_tls_context(version, certificate=self.own)
            with self.secret(server, context=context) as c:
                c.want("USER kim", 232)
                self.assertEqual(c.protect().put("STOR mine", b"x" * 1000).code, 226)
                self.assertEqual(c.get("RETR mine"), b"x" * 1000)
                self.assertEqual([w["user"] for w in server.who()], ["kim"])
            for certificate, name in ((self.own, "lee"), (self.good, "kim"), (None, "kim"), (self.own, "nobody-here")):
                self.way = f"{version.name} {certificate} {name}"
                with self.secret(server, context=new_tls_context(version, certificate=certificate)) as c:
                    c.want("USER " + name, 331)
                    c.want("PASS " + PASSWORD, 230 if name != "nobody-here" else 530)
        with server.client() as c:  # no TLS, no certificate
            c.want("USER kim", 530)
        log = read_file(server.conf["vsftpd_log_file"]).decode()
        self.assertEqual(log.count("FAIL LOGIN"), 2)  # of nobody-here

    def test_login_certificates_are_no_ones_but_a_users(self):
        with open(self.server.dir + "/wrong.conf", "w") as f:
            f.write("login_certificates=" + "0" * 64 + "\n")
        told = self.server.command("--check-config", self.server.dir + "/wrong.conf", check=False)
        self.assertEqual(told.returncode, 2)
        self.assertIn("login_certificates is for users' own files", told.stdout + told.stderr)

    def test_required_and_validated(self):
        self.check({"require_cert": "YES", "validate_cert": "YES"}, [self.good], [None, self.expired, self.bad, self.own])


class Starts(TlsCase):
    """What a server says that does not start, or that has a certificate of its own."""
    def check_refused(self, conf, *words):
        server = Server({**self.conf, **conf}, self.id().rsplit(".", 1)[1])
        self.servers = [server]
        self.addCleanup(server.stop)
        server.start(wait_ready=False)
        self.assertNotEqual(server.process.wait(harness.PATIENCE), 0)
        self.assertTrue(wait_until(lambda: all(word in server.text() for word in words)), server.text())
        self.assertFalse(server.is_ready())

    def test_no_certificate(self):
        for option in ("rsa_cert_file", "ecdsa_cert_file", "sni_cert_files", "ca_certs_file", "rsa_private_key_file"):
            words = [self.folder + "/none.pem"] + ["openssl req -x509"] * (option in ("rsa_cert_file", "ecdsa_cert_file"))
            self.check_refused({option: self.folder + "/none.pem"}, *words)
        self.check_refused({"rsa_cert_file": None}, "/usr/share/ssl/certs/vsftpd.pem", "openssl req -x509")

    def test_the_command_that_is_named_makes_one(self):
        server = Server({**self.conf, "rsa_cert_file": self.folder + "/made.pem"}, "named")
        self.addCleanup(server.stop)
        server.start(wait_ready=False)
        server.process.wait(harness.PATIENCE)
        found = wait_until(lambda: re.search(r"openssl req -x509.*made\.pem", server.text()))
        subprocess.run(["sh", "-c", found[0]], check=True, capture_output=True, timeout=harness.PATIENCE)
        self.assert_served(self.own_server({**self.conf, "rsa_cert_file": self.folder + "/made.pem"}))

    def test_bad_files(self):
        key = make_certificate(self.folder + "/other.pem", "ftp.example")
        encrypted, weak = self.folder + "/encrypted.pem", self.folder + "/ed25519.pem"
        openssl("pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", encrypted)
        openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=x", "-keyout", weak, "-out", weak + ".crt")
        noisy = write_file(self.folder + "/noise.pem", noise(1000))
        self.check_refused({"rsa_private_key_file": key}, self.certificate)
        self.check_refused({"rsa_private_key_file": encrypted}, encrypted, "encrypted")
        self.check_refused({"rsa_cert_file": weak + ".crt", "rsa_private_key_file": weak}, weak)
        self.check_refused({"rsa_cert_file": noisy}, noisy)
        self.check_refused({"rsa_cert_file": self.folder}, self.folder)
        self.check_refused({"ca_certs_file": noisy}, noisy)

    def test_bad_options(self):
        for conf, *words in (({"ssl_sslv2": "YES"}, "ssl_sslv2"), ({"ssl_sslv3": "YES"}, "ssl_sslv3"),
                             ({"ssl_tlsv12": "NO", "ssl_tlsv13": "NO"}, "ssl_tlsv12", "ssl_tlsv13"),
                             ({"validate_cert": "YES"}, "validate_cert", "ca_certs_file"),
                             ({"ssl_ciphers": "NONSENSE"}, "ssl_ciphers"), ({"ssl_ciphers": "kRSA"}, "ssl_ciphers"),
                             ({"ssl_ciphersuites": "NONSENSE"}, "ssl_ciphersuites"),
                             ({"dsa_cert_file": self.certificate}, "dsa_cert_file")):
            with self.subTest(conf=conf):
                self.check_refused(conf, *words)

    def test_a_key_that_everybody_may_read_is_told(self):
        server = self.own_server(self.conf)
        self.assertNotIn("everybody", server.text())
        path = self.folder + "/open.pem"
        write_file(path, read_file(self.certificate), "nobody", 0o644)
        server = self.own_server(dict(self.conf, rsa_cert_file=path))
        self.assertIn(path, "".join(line for line in server.output if "everybody" in line))

    def test_ssl_self_signed(self):
        server = self.own_server(dict(self.conf, rsa_cert_file=None, ssl_self_signed="YES"))
        shown = self.shown(server)
        said = server.text().replace(":", "").lower()
        self.assertIn(hashlib.sha256(shown).hexdigest(), said)
        self.assert_served(server)

    def test_ssl_self_signed_is_for_the_life_of_the_server(self):
        """Its option says so: whoever noted the fingerprint has to be right after a reload, too."""
        server = self.own_server(dict(self.conf, rsa_cert_file=None, ssl_self_signed="YES"))
        shown, keys = self.shown(server), key_process(server)
        server.reload(sni_cert_files=self.certificate)
        self.assertTrue(wait_until(lambda: self.shown(server, name="ftp.example") == der_of(self.certificate)))
        self.assertEqual(self.shown(server, name="other.example"), shown)
        self.assertTrue(wait_until(lambda: key_process(server) != keys))  # the old one goes when nobody needs it
