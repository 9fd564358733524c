# SPDX-License-Identifier: BSD-2-Clause
"""The FTP server of a world: sallyd or vsftpd, on one configuration."""
import glob
import os
import re
import subprocess

import hosts

CONF = {"listen": "YES", "background": "NO", "anonymous_enable": "NO", "local_enable": "YES", "write_enable": "YES",
        "connect_from_port_20": "YES", "pam_service_name": "vsftpd", "xferlog_enable": "NO"}
OURS = {"firewall": "none", "drain_timeout": "1"}
THEIRS = {"seccomp_sandbox": "NO", "isolate": "NO", "isolate_network": "NO"}  # they do not know newer C libraries
TLS = {"ssl_enable": "YES", "force_local_logins_ssl": "NO", "force_local_data_ssl": "NO"}
OUTPUT = "server.log"


class Server:
    """name: sallyd or vsftpd. options: what a row adds."""

    def __init__(self, lab, host, name, options, tls):
        self.lab, self.host, self.name, self.process = lab, host, name, None
        own = OURS if name == "sallyd" else THEIRS
        self.conf = {**CONF, **own, "secure_chroot_dir": lab.path("empty"), **(self.tls() if tls else {}), **options}
        if name == "sallyd":
            self.conf.update(control_socket=lab.path("control"), accounts_file=lab.path("accounts.db"))
        self.file = lab.path(("sallyd" if name == "sallyd" else "vsftpd") + ".conf")

    def tls(self):
        if self.name == "sallyd":
            return {**TLS, "ssl_self_signed": "YES"}
        certificate = self.lab.path("certificate.pem")
        if not os.path.exists(certificate):
            self.host.must(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=192.168.0.18", "-keyout",
                            certificate, "-out", certificate + ".new"])
            with open(certificate, "a", encoding="utf-8") as f, open(certificate + ".new", encoding="utf-8") as made:
                f.write(made.read())
        return {**TLS, "rsa_cert_file": certificate, "rsa_private_key_file": certificate, "ssl_ciphers": "HIGH"}

    def argv(self):
        return [self.lab.programs[self.name], self.file]

    def environment(self):
        if self.name == "sallyd":
            return hosts.ENVIRONMENT
        folders = sorted({os.path.dirname(path) for path in glob.glob(self.lab.path("peers/**/lib*.so*"), recursive=True)})
        return {**hosts.ENVIRONMENT, "LD_LIBRARY_PATH": ":".join(folders)}

    def start(self):
        with open(self.file, "w", encoding="utf-8") as f:
            f.writelines(f"{name}={value}\n" for name, value in self.conf.items())
        self.output = open(self.lab.path(OUTPUT), "wb")
        self.process = self.host.start(self.argv(), env=self.environment(), stdout=self.output, stderr=subprocess.STDOUT)
        if not hosts.wait_until(self.is_there, 30) or self.process.poll() is not None:
            raise hosts.Failed(f"{self.name}: {self.said() or 'does not listen'}")
        return self

    def is_there(self):
        """Serves, or has ended. sallyd says when it is ready."""
        return self.process.poll() is not None or (" ready: " in self.said() if self.name == "sallyd" else self.host.listens(21))

    def fingerprint(self):
        """Of its certificate; empty: it has no TLS."""
        if self.conf.get("ssl_enable") != "YES":
            return ""
        said = self.said() if self.name == "sallyd" else self.host.must(["openssl", "x509", "-noout", "-sha256", "-fingerprint", "-in",
                                                                        self.conf["rsa_cert_file"]])
        return re.search(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said)[0].replace(":", "").lower()

    def said(self):
        with open(self.lab.path(OUTPUT), encoding="utf-8", errors="replace") as f:
            return f.read().strip()

    def edit(self, options):
        """As the guide does: lines are added, and the server started again."""
        self.stop()
        self.conf.update(options)
        self.start()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()
        if not hosts.wait_until(lambda: not self.host.listens(21), 10):
            raise hosts.Failed(f"{self.name} does not end")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process:
            self.stop()
