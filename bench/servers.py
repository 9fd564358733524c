# SPDX-License-Identifier: BSD-2-Clause
"""The servers that are compared: how each is started, set up for its best."""
import glob
import os
import socket
import subprocess
import time

import stage

SESSIONS_MAX = 20000
# openssl req's arguments for each.
KEY_TYPES = {"ecdsa": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("-newkey", "rsa:2048")}


def certificates_make(folder):
    """One for each type of key, with its key in the same file, which is gone with the stage."""
    for key_type, arguments in KEY_TYPES.items():
        key, certificate = f"{folder}/etc/{key_type}.key", f"{folder}/etc/{key_type}.pem"
        stage.run("openssl", "req", "-x509", *arguments, "-nodes", "-subj", "/CN=bench", "-days", "2",
                  "-keyout", key, "-out", certificate)
        with open(key) as source, open(certificate, "a") as target:
            target.write(source.read())
        os.chmod(certificate, 0o600)


class Server:
    """One server program. `with server:` runs it, with nothing left of it afterwards."""

    mlsd = True
    by_name_only = False
    first = "small/0000"  # a file of 1,024 bytes; None: there is none
    key_type = None  # of its certificate, one of KEY_TYPES; None: it offers no TLS

    def __init__(self, name, program, port, folder):
        self.name, self.program, self.port, self.folder = name, program, port, folder
        self.configuration = f"{folder}/etc/{name}.conf"
        self.process = None
        self.notes = {}  # what must be said of its value in a row

    @property
    def certificate(self):
        return f"{self.folder}/etc/{self.key_type}.pem"

    def available(self):
        return os.access(self.program, os.X_OK)

    def version(self):
        return ""

    def configuration_text(self):
        return ""

    def argv(self):
        return [self.program, self.configuration]

    def environment(self):
        return dict(os.environ)

    def __enter__(self):
        with open(self.configuration, "w") as configuration:
            configuration.write(self.configuration_text())
        self.log = f"{self.folder}/log/{self.name}"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment(), cwd="/", preexec_fn=stage.group_enter)
        try:
            self.wait_ready()
            # The first session may fill caches (the user's name, the time zone) that all later ones share.
            if self.first:
                stage.ftpload("retr", 20, port=self.port, path=self.first, size=1024, tls=self.key_type is not None)
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_ready(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    if connection.recv(3) == b"220":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        with open(self.log) as log:
            said = log.read().strip()
        raise stage.Failure(f"{self.name} does not answer on port {self.port}; it said: {said or 'nothing'}")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        stage.processes_end()

    def processes(self, *loads):
        return stage.processes_others(*(load.process.pid for load in loads))


class Sallyd(Server):
    firewall = "none"

    def version(self):
        said = subprocess.run([self.program, "-v"], capture_output=True, text=True)
        return (said.stdout + said.stderr).strip().splitlines()[0] if said.returncode == 0 else ""

    def configuration_text(self):
        return f"""listen=YES
listen_address=127.0.0.1
listen_port={self.port}
anonymous_enable=YES
anon_root={self.folder}/ftp
ftp_username=ftp
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
max_clients={SESSIONS_MAX}
max_per_ip={SESSIONS_MAX}
pasv_min_port=30000
pasv_max_port=30099
idle_session_timeout=3600
xferlog_enable=NO
secure_chroot_dir={self.folder}/empty
control_socket={self.folder}/state/control
firewall={self.firewall}
""" + self.tls_text()

    def tls_text(self):
        return f"""ssl_enable=YES
allow_anon_ssl=YES
rsa_cert_file={self.certificate}
""" if self.key_type else ""


class Peer(Server):
    """A Debian package that bench/peers.sh unpacked."""

    package = ""
    root = os.path.join(stage.BUILD, "peers", "root")

    def __init__(self, name, port, folder):
        super().__init__(name, f"{self.root}/usr/sbin/{name}", port, folder)

    def version(self):
        with open(os.path.join(stage.BUILD, "peers", "versions")) as versions:
            return next((line.strip() for line in versions if line.split()[0] == self.package), self.package)

    def environment(self):
        libraries = glob.glob(f"{self.root}/usr/lib/*-linux-gnu") + glob.glob(f"{self.root}/lib/*-linux-gnu")
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


class Vsftpd(Peer):
    package = "vsftpd"
    mlsd = False
    one_process_model = "NO"

    def configuration_text(self):
        # isolate and isolate_network give every session namespaces of its own, which costs most of a login.
        return f"""listen=YES
background=NO
listen_address=127.0.0.1
listen_port={self.port}
anonymous_enable=YES
local_enable=NO
anon_root={self.folder}/ftp
ftp_username=ftp
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
max_clients=0
max_per_ip=0
idle_session_timeout=3600
xferlog_enable=NO
delay_successful_login=0
isolate=NO
isolate_network=NO
one_process_model={self.one_process_model}
secure_chroot_dir={self.folder}/empty
""" + self.tls_text()

    def tls_text(self):
        # It takes any type of key there. Its list of ciphers, of which OpenSSL has none today, is TLS 1.2's.
        return f"""ssl_enable=YES
allow_anon_ssl=YES
rsa_cert_file={self.certificate}
ssl_ciphers=HIGH
require_ssl_reuse=NO
""" if self.key_type else ""


class VsftpdOneProcess(Vsftpd):
    """Without privilege separation: the same process parses the network's bytes and keeps capabilities. Not comparable,
    and so only measured when asked for by name."""

    by_name_only = True
    one_process_model = "YES"

    def __init__(self, port, folder):
        super().__init__("vsftpd", port, folder)
        self.name = "vsftpd-one"
        self.configuration = f"{folder}/etc/{self.name}.conf"


class PureFtpd(Peer):
    package = "pure-ftpd"

    def argv(self):
        # Anonymous only, over IPv4, no DNS, no syslog; its listing limit raised; sessions as many as it is given.
        tls = ["-Y", "1", "-2", self.certificate] if self.key_type else []
        return [self.program, *tls, "-S", f"127.0.0.1,{self.port}", "-4", "-e", "-H", "-f", "none",
                "-c", str(SESSIONS_MAX), "-C", str(SESSIONS_MAX), "-L", "1000000:10", "-I", "60",
                "-U", "022:022", "-g", f"{self.folder}/state/pure-ftpd.pid"]


class Proftpd(Peer):
    package = "proftpd-core"

    def argv(self):
        return [self.program, "--nodaemon", "--quiet", "--config", self.configuration]

    def tls_text(self):
        # Without a file of authorities, each session reads the machine's whole bundle of them: 25 ms and 1 MB.
        name = {"ecdsa": "EC", "rsa": "RSA"}.get(self.key_type)
        return f"""ModulePath {self.root}/usr/lib/proftpd
LoadModule mod_tls.c
TLSEngine on
TLSLog none
TLSProtocol TLSv1.3
TLS{name}CertificateFile {self.certificate}
TLS{name}CertificateKeyFile {self.certificate}
TLSCACertificateFile {self.certificate}
TLSVerifyClient off
TLSRequired off
TLSOptions NoSessionReuseRequired
""" if name else ""

    def configuration_text(self):
        return self.tls_text() + f"""ServerType standalone
ServerName bench
DefaultServer on
DefaultAddress 127.0.0.1
Port {self.port}
UseIPv6 off
UseReverseDNS off
<IfModule mod_ident.c>
  IdentLookups off
</IfModule>
<IfModule mod_delay.c>
  DelayEngine off
</IfModule>
<IfModule mod_ctrls.c>
  ControlsEngine off
</IfModule>
User nobody
Group nogroup
MaxInstances none
TimeoutIdle 3600
TimeoutNoTransfer 3600
UseSendfile on
Umask 022
AuthOrder mod_auth_unix.c
WtmpLog off
TransferLog none
SystemLog none
ScoreboardFile none
PidFile {self.folder}/state/proftpd.pid
<Anonymous {self.folder}/ftp>
  User ftp
  Group ftp
  UserAlias anonymous ftp
  RequireValidShell off
</Anonymous>
"""


def all_servers(folder, sallyd):
    return [Sallyd("sallyd", sallyd, 2101, folder), Vsftpd("vsftpd", 2102, folder),
            PureFtpd("pure-ftpd", 2103, folder), Proftpd("proftpd", 2104, folder), VsftpdOneProcess(2105, folder)]
