# SPDX-License-Identifier: BSD-2-Clause
"""Each system call that the server's processes make by name, refused with EPERM and with ENOSYS."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))

from refused import ERRNOS, RefusedCase  # noqa: E402

# Not those without which the program is not even loaded (newfstatat, pread64), or not the sanitizers' runtime (prlimit64,
# sigaltstack).
CALLS = """
    accept4 capget capset chroot clone3 close_range epoll_create1 eventfd2 faccessat faccessat2 fallocate fchmod fchmodat2
    fchdir fcntl fstat fstatfs fsync ftruncate getdents64 getgroups getpeername getrandom getsockname getsockopt
    landlock_add_rule landlock_create_ruleset landlock_restrict_self linkat lseek madvise memfd_create mkdirat
    openat2 pipe2 prctl readlinkat recvfrom recvmsg renameat renameat2 rseq seccomp sendfile
    sendmsg sendto setgroups setresgid setresuid setsockopt shutdown socketpair splice statx sysinfo umask
    uname unlinkat utimensat
""".split()


class AllRefused(RefusedCase):
    limit = 60

    def one(self, call):
        for error in ERRNOS:
            with self.subTest(call=call, error=error):
                works = self.check(error, call, "landlock" if "landlock" in call else call)
                print(f"     {call} {error}: {'works' if works else 'refused to start, and said so'}", flush=True)


def add(call):
    setattr(AllRefused, "test_" + call, lambda self: self.one(call))


for name in CALLS:
    add(name)
