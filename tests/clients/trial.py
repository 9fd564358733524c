# SPDX-License-Identifier: BSD-2-Clause
"""Both servers on one configuration, and what a client brings about at each."""
import collections
import concurrent.futures
import os
import subprocess

import harness
from cases import CASES, Side
from namespace import PASSWORD
from test_oracle import Vsftpd

CONF = {  # the same text for sallyd and vsftpd, but for ports and the folders of logs and files
    "anonymous": {"anonymous_enable": "YES", "local_enable": "NO", "no_anon_password": "NO", "anon_root": "{tree}"},
    "alice": {"local_enable": "YES", "local_root": "{tree}", "chroot_local_user": "YES", "allow_writeable_chroot": "YES",
              "write_enable": "YES", "local_umask": "022", "pam_service_name": "ftp"},
}
PASSWORDS = {"anonymous": "guest", "alice": PASSWORD}

Outcome = collections.namedtuple("Outcome", "client mode case good said")  # good, said: {"sallyd": ..., "vsftpd": ...}


class Pair:
    """sallyd and vsftpd, started; to be stopped."""

    def __init__(self):
        self.servers, self.sides = [], []
        # a machine with no address but 127.0.0.1 has no IPv4 in the eyes of getaddrinfo's AI_ADDRCONFIG
        subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], check=True)
        for name, kind in (("sallyd", harness.Server), ("vsftpd", Vsftpd)):
            side = Side(name, os.path.join(harness.WORK, "at-" + name))
            for user, options in CONF.items():
                options = {key: value.format(tree=side.tree) for key, value in options.items()}
                server = kind(options, f"{name}-{user}")
                side.ports[user] = server.start().port
                self.servers.append(server)
            self.sides.append(side)

    def stop(self):
        for server in self.servers:
            server.stop()

    def try_client(self, client, mode, names=None):
        """The outcomes of all cases (or those of these names) that the client has words for."""
        with concurrent.futures.ThreadPoolExecutor(len(self.sides)) as pool:  # each server with a client at the same time
            for case in CASES:
                if client.can(case) and (names is None or case.name in names):
                    good = list(pool.map(lambda side: perform(client, mode, case, side), self.sides))
                    yield Outcome(client, mode, case, {s.name: g for s, g in zip(self.sides, good)}, {s.name: s.output for s in self.sides})


def perform(client, mode, case, side):
    side.clear()
    case.prepare(side)
    side.output = client.run(case, side, case.user, PASSWORDS[case.user], mode)
    return bool(case.check(side))
