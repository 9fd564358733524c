# SPDX-License-Identifier: BSD-2-Clause
"""The unit tests of what depends on the kernel, on this kernel."""
import glob
import os
import subprocess
import unittest

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Units(unittest.TestCase):
    def test_units_of_tls_sys_and_kernel(self):
        programs = sorted(glob.glob(os.path.join(harness.BUILT, "tests/unit/unit-*-*")))
        programs = [p for p in programs if os.path.isfile(p) and os.access(p, os.X_OK)]
        self.assertGreater(len(programs), 3, programs)
        for program in programs:
            with self.subTest(program=os.path.basename(program)):
                done = subprocess.run([program], cwd=TOP,
                                      capture_output=True, text=True, timeout=170)
                self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
