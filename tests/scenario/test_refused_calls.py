# SPDX-License-Identifier: BSD-2-Clause
"""System calls that a seccomp profile (EPERM) or an old kernel (ENOSYS) refuses; all the others: tests/soak."""
from refused import ERRNOS, RefusedCase


class Refused(RefusedCase):
    limit = 60

    def both(self, call, works, *names):
        for error in ERRNOS:
            with self.subTest(error=error):
                self.assertEqual(self.check(error, call, *names), works)

    def test_close_range(self):
        self.both("close_range", True)

    def test_splice(self):
        self.both("splice", True)

    def test_sendfile(self):
        self.both("sendfile", True)

    def test_fchmodat2(self):
        self.both("fchmodat2", True)

    def test_openat2(self):
        self.both("openat2", False)

    def test_getrandom(self):
        self.both("getrandom", False)

    def test_chroot(self):
        self.both("chroot", False)
