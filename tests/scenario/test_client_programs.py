# SPDX-License-Identifier: BSD-2-Clause
"""The quick ones of the client programs (tests/clients) against sallyd and vsftpd on one configuration."""
import os
import sys
import unittest

import run
from test_oracle import need_vsftpd

sys.path.append(os.path.join(run.TOP, "tests/clients"))
import programs  # noqa: E402
from cases import BASIC  # noqa: E402
from trial import Pair  # noqa: E402


# Which connection carries the data makes no difference to names, so active mode is asked for less. ./run clients asks for all.
ASKED = {"passive": BASIC, "active": {"list", "get", "small files", "resume", "put"}}


class ClientPrograms(unittest.TestCase):
    """What works with vsftpd works with sallyd."""
    limit = 120

    @classmethod
    def setUpClass(cls):
        need_vsftpd()
        cls.pair = Pair()

    @classmethod
    def tearDownClass(cls):
        cls.pair.stop()

    def try_client(self, client):
        self.assertTrue(client.is_here(), f"{client.name} is not there (package {client.package})")
        worked = 0
        for mode in client.modes:
            for outcome in self.pair.try_client(client, programs.Way(mode, "IPv4", ""), ASKED[mode]):
                worked += outcome.good["sallyd"]
                with self.subTest(mode=mode, case=outcome.case.name):
                    self.assertTrue(outcome.good["sallyd"] or not outcome.good["vsftpd"], outcome.said["sallyd"][-300:])
        self.assertGreater(worked, 9, "hardly anything worked")


def add_test(client):
    name = "test_" + "".join(c if c.isalnum() else "_" for c in client.name.lower())
    setattr(ClientPrograms, name, lambda self: self.try_client(client))


for each in programs.CLIENTS:
    if each.quick:
        add_test(each)
