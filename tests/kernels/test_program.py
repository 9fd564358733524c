# SPDX-License-Identifier: BSD-2-Clause
"""The firewall's program in this kernel: held against the engine, or refused in words that help."""
import os
import re
import subprocess
import unittest

import harness

SETS = 10  # of rules; an emulator is slow


def takes_netfilter_programs():
    return tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2]) >= (6, 4)


class Program(unittest.TestCase):
    limit = 1500

    def test_it_is_the_engine_or_says_why_not(self):
        done = subprocess.run([os.path.join(harness.BUILT, "tests/oracle-netfilter"), "--program", "--sets", str(SETS)],
                              capture_output=True, text=True, timeout=self.limit - 10)
        print("\n".join("program: " + line for line in done.stdout.splitlines()[-2:]), flush=True)
        if takes_netfilter_programs():
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, f"{SETS} passed, 0 failed, 0 skipped"),
                             done.stdout + done.stderr)
        else:
            self.assertEqual(done.returncode, 77, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"SKIPPED: .*need Linux 6\.4, and this is 6\.1.*"
                                          r"install linux-image-amd64 from bookworm-backports \(6\.12\)")
