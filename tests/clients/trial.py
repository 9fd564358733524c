# SPDX-License-Identifier: BSD-2-Clause
"""Both servers on one configuration, and what a client brings about at each."""
import collections
import concurrent.futures
import functools
import os
import subprocess

import harness
from cases import CASES, MOVES, Side
from namespace import PASSWORD
from test_oracle import Vsftpd
from tls import make_certificate

CONF = {  # the same text for sallyd and vsftpd, but for ports and the folders of logs and files
    "anonymous": {"anonymous_enable": "YES", "local_enable": "NO", "no_anon_password": "NO", "anon_root": "{tree}"},
    "alice": {"local_enable": "YES", "local_root": "{tree}", "chroot_local_user": "YES", "allow_writeable_chroot": "YES",
              "write_enable": "YES", "local_umask": "022", "pam_service_name": "ftp"},
}
EVERYBODY = {"ascii_download_enable": "YES", "ascii_upload_enable": "YES"}
# require_ssl_reuse is on at both unless it is switched off. An RSA key, as vsftpd's ciphers want one.
TLS = {"ssl_enable": "YES", "allow_anon_ssl": "YES", "force_local_logins_ssl": "YES", "force_local_data_ssl": "YES",
       "force_anon_logins_ssl": "YES", "force_anon_data_ssl": "YES", "ssl_ciphers": "ECDHE+AESGCM"}
SECURITY = {"": {}, "TLS 1.2": TLS, "TLS 1.3": TLS, "implicit TLS": TLS | {"implicit_ssl": "YES"}}
VERSIONS = {"TLS 1.2": {"ssl_tlsv13": "NO"}, "TLS 1.3": {"ssl_tlsv12": "NO"}}  # sallyd's options; for vsftpd OpenSSL is told
OPENSSL = """openssl_conf = begin
[begin]
ssl_conf = ssl
[ssl]
system_default = version
[version]
MinProtocol = TLSv{0}
MaxProtocol = TLSv{0}
"""
PASSWORDS = {"anonymous": "guest", "alice": PASSWORD}

Outcome = collections.namedtuple("Outcome", "client way case good said")  # good, said: {"sallyd": ..., "vsftpd": ...}


class LimitedVsftpd(Vsftpd):
    """It has no options for the versions of TLS 1.2 and 1.3."""
    openssl = None  # a configuration of OpenSSL's

    def start(self, **popen):
        return super().start(env={"OPENSSL_CONF": self.openssl} if self.openssl else {}, **popen)


class Pair:
    """sallyd and vsftpd, each started when it is first wanted for a user, a family and a security; to be stopped."""

    def __init__(self):
        self.servers = {}
        # a machine with no address but 127.0.0.1 has no IPv4 in the eyes of getaddrinfo's AI_ADDRCONFIG
        subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], check=True)
        os.makedirs(harness.WORK + "/tls")
        self.certificate = make_certificate(harness.WORK + "/tls/server.pem", "ftp.example", kind="RSA")
        self.sides = [Side(name, os.path.join(harness.WORK, "at-" + name), functools.partial(self.port, name)) for name in ("sallyd", "vsftpd")]

    def port(self, name, user, way):
        key = name, user, way.family, way.security
        if key not in self.servers:
            self.servers[key] = self.start(*key)
        return self.servers[key].port

    def start(self, name, user, family, security):
        side = next(side for side in self.sides if side.name == name)
        options = {key: value.format(tree=side.tree) for key, value in CONF[user].items()} | EVERYBODY | SECURITY[security]
        options |= {"rsa_cert_file": self.certificate} if security else {}
        options |= {"listen_ipv6": "YES", "listen": "NO"} if family == "IPv6" else {}
        if name == "sallyd":
            return harness.Server(options | VERSIONS.get(security, {}), f"{name}-{user}").start()
        server = LimitedVsftpd(options, f"{name}-{user}")
        if security in VERSIONS:
            server.openssl = harness.write_file(f"{harness.WORK}/tls/{security}.cnf", OPENSSL.format(security.split()[1]))
        return server.start()

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def try_client(self, client, way, names=None):
        """The outcomes of all cases (or those of these names) that the client has words for."""
        if way.security or way.family != "IPv4":
            names = MOVES
        with concurrent.futures.ThreadPoolExecutor(len(self.sides)) as pool:  # each server with a client at the same time
            for case in CASES:
                if client.can(case) and (names is None or case.name in names):
                    for side in self.sides:
                        side.port(case.user, way)  # started by one thread
                    good = list(pool.map(lambda side: perform(client, way, case, side), self.sides))
                    yield Outcome(client, way, case, {s.name: g for s, g in zip(self.sides, good)}, {s.name: s.output for s in self.sides})


def perform(client, way, case, side):
    side.clear()
    case.prepare(side)
    side.output = client.run(case, side, case.user, PASSWORDS[case.user], way)
    return bool(case.check(side))
