# SPDX-License-Identifier: BSD-2-Clause
"""The configuration file: checks, reloading, and what comes from a vsftpd."""
import os
import subprocess
import time

from harness import AnonymousCase, Server, ServerCase, wait_until, write_file
import harness

# What Debian's /etc/vsftpd.conf sets.
DEBIAN_VSFTPD_CONF = """\
# Example config file /etc/vsftpd.conf
listen=NO
listen_ipv6=YES
anonymous_enable=NO
local_enable=YES
#write_enable=YES
dirmessage_enable=YES
use_localtime=YES
xferlog_enable=YES
connect_from_port_20=YES
secure_chroot_dir=/var/run/vsftpd/empty
pam_service_name=vsftpd
rsa_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
rsa_private_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
ssl_enable=NO
"""


class Check(ServerCase):
    conf = None

    def check(self, text, *options):
        path = write_file(os.path.join(os.path.dirname(self.root), "test.conf"), text, "nobody", 0o644)
        os.chown(path, 0, 0)
        done = subprocess.run([harness.SALLYD, path, "--check-config", *options], capture_output=True, text=True, timeout=harness.PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def refuse(self, text, *parts, options=()):
        status, said = self.check(text, *options)
        self.assertNotEqual(status, 0, said)
        for part in parts:
            self.assertIn(part, said)

    def test_good(self):
        self.assertEqual(self.check("# comment\n\nlisten=YES\nanon_umask=022\nlisten_port=2121\n")[0], 0)

    def test_unknown_name(self):
        self.refuse("listen=YES\n# two\nanonymus_enable=YES\n", "test.conf:3", "anonymus_enable", "anonymous_enable")

    def test_bad_values(self):
        self.refuse("listen=MAYBE\n", "test.conf:1", "listen")
        self.refuse("\nmax_clients=many\n", "test.conf:2", "max_clients")
        self.refuse("anon_umask=09\n", "test.conf:1")
        self.refuse("listen_port=70000\n", "test.conf:1")
        self.refuse("listen\n", "test.conf:1")

    def test_space_around_the_equals_sign_is_an_error_as_in_vsftpd(self):
        self.refuse("listen =YES\n", "test.conf:1")

    def test_every_error_is_told(self):
        self.refuse("first_bad=1\nlisten=YES\nsecond_bad=1\n", "first_bad", "second_bad")

    def test_option_on_the_command_line(self):
        self.assertEqual(self.check("listen=YES\n", "-olisten_port=2121")[0], 0)
        self.refuse("listen=YES\n", "no_such_thing", options=["-ono_such_thing=1"])

    def test_missing_file(self):
        done = subprocess.run([harness.SALLYD, "/no/such/file.conf"], capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/no/such/file.conf", done.stdout + done.stderr)

    def test_wrong_use_is_status_2_at_once(self):
        for words in (["--bogus"], ["-x"], ["a", "b"], ["who", "--bogus"], ["kick"], ["kick", "1", "2"], ["user"]):
            with self.subTest(words=words):
                done = subprocess.run([harness.SALLYD] + words, capture_output=True, text=True, timeout=harness.PATIENCE)
                self.assertEqual(done.returncode, 2)
                self.assertIn("usage", (done.stdout + done.stderr).lower())

    def test_version(self):
        done = subprocess.run([harness.SALLYD, "-v"], capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertRegex(done.stdout + done.stderr, r"\d+\.\d+\.\d+")

    def test_nothing_starts_with_a_bad_file(self):
        server = Server({"listen_prot": "1"}, "bad").start(wait_ready=False)
        self.assertNotEqual(server.process.wait(harness.PATIENCE), 0)
        self.assertFalse(server.is_ready())
        server.stop()

    def test_debian_vsftpd_conf(self):
        status, said = self.check(DEBIAN_VSFTPD_CONF)
        self.assertEqual(status, 0, said)
        os.makedirs("/run/vsftpd/empty", exist_ok=True)
        server = Server({}, "debian")
        self.addCleanup(server.stop)
        server.start([harness.SALLYD, server.file, f"-olisten_port={server.port}", f"-ocontrol_socket={server.control_socket}"],
                     text=DEBIAN_VSFTPD_CONF)
        for host in ("127.0.0.1", "::1"):
            with server.client(host) as c:
                c.login("alice")
                c.get("LIST")
                c.want("MKD x", 550)

    def test_every_vsftpd_option_is_known(self):
        text = ("ssl_enable=NO\ntcp_wrappers=NO\nlisten=YES\nsession_support=NO\none_process_model=NO\ntrans_chunk_size=0\n"
                "setproctitle_enable=NO\nisolate=YES\nisolate_network=YES\nseccomp_sandbox=YES\nptrace_sandbox=NO\nhttp_enable=NO\n"
                "no_log_lock=NO\nlock_upload_files=YES\nuse_sendfile=YES\nvirtual_use_local_privs=NO\nftp_enable=YES\n"
                "rsa_cert_file=/x\nssl_ciphers=HIGH\nnopriv_user=nobody\nstrict_ssl_read_eof=YES\nimplicit_ssl=NO\n"
                "require_ssl_reuse=YES\ndebug_ssl=NO\nssl_tlsv1=NO\nssl_sni_hostname=x\n")
        status, said = self.check(text)
        self.assertEqual(status, 0, said)

    def test_crlf_line_ends(self):
        status, said = self.check("listen=YES\r\nmax_clients=5\r\n")
        self.assertTrue(status == 0 or "test.conf:1" in said, said)


class CommandLine(AnonymousCase):
    def test_option_overrides_the_file(self):
        server = Server(dict(self.conf, ftpd_banner="file"), "override")
        self.addCleanup(server.stop)
        server.start([harness.SALLYD, server.file, "-oftpd_banner=command line"])
        self.assertEqual(server.client().greeting.text, "command line")


class Reload(AnonymousCase):
    options = {"ftpd_banner": "one"}

    def greeting(self):
        with self.client() as c:
            return c.greeting.text

    def test_good_and_bad_files(self):
        old = self.anonymous()
        self.server.reload(ftpd_banner="two", write_enable="NO")
        self.assertTrue(wait_until(lambda: self.greeting() == "two"))
        self.assertEqual(self.anonymous().cmd("MKD x").code, 550)
        old.want("MKD x", 257)  # a session keeps what it began with
        old.want("RMD x", 250)

        said = len(self.server.text())
        self.server.reload(ftpd_banner="three", no_such_option="YES")
        self.assertTrue(wait_until(lambda: "no_such_option" in self.server.text()[said:]), self.server.text())
        time.sleep(0.1)
        self.assertEqual(self.greeting(), "two")

        self.server.reload(ftpd_banner="four", no_such_option=None)
        self.assertTrue(wait_until(lambda: self.greeting() == "four"))
        old.want("NOOP", 200)

    def test_transfer_goes_on_during_a_reload(self):
        write_file(self.path("big"), content := os.urandom(16 << 20))
        c = self.anonymous()
        with c.data("RETR big") as data:
            got = data.recv(1000)
            self.server.reload()
            time.sleep(0.3)
            while part := data.recv(1 << 18):
                got += part
        c.want(None, 226)
        self.assertTrue(got == content)
