# SPDX-License-Identifier: BSD-2-Clause
"""The wall on this kernel: up, every row of the truth table on the server and on a gateway, down; or refused in words that help."""
import unittest

import live
from test_program import takes_netfilter_programs

if takes_netfilter_programs():
    import test_live_truth

    class Wall(test_live_truth.LiveTruth):
        """Of this file, so that it is found by its name."""
        limit = 1200
else:
    class TooOld(unittest.TestCase):
        def test_the_kernel_that_is_wanted_is_named(self):
            with live.World("server") as world:
                done = world.wall.sallywall("up", status=2)
            self.assertRegex(done.stderr, r"need Linux 6\.4, and this is 6\.1.*linux-image-amd64 from bookworm-backports")
