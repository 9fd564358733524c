# SPDX-License-Identifier: BSD-2-Clause
"""A program at a terminal of its own, and somebody who types."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import harness


class Typing:
    def __init__(self, argv, folder, environment, columns=80, rows=24):
        self.argv, self.folder, self.environment, self.size = argv, folder, environment, (rows, columns)
        self.seen, self.read_until, self.status = "", 0, None

    def __enter__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(self.folder)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *self.size, 0, 0))
                os.execve(self.argv[0], self.argv, {**self.environment, "TERM": "xterm"})
            finally:
                os._exit(127)
        return self

    def __exit__(self, *_):
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def take(self, end):
        """What comes next, until the moment end. False: there is no more."""
        if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
            raise AssertionError("nothing more came behind: %r" % self.seen[-2000:])
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the other side is gone
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern):
        """Reads until that is there, behind what was expected last."""
        end = time.monotonic() + harness.PATIENCE
        while not (found := re.search(pattern, self.seen[self.read_until:], re.DOTALL)):
            if not self.take(end):
                raise AssertionError("%r did not come: %r" % (pattern, self.seen[-2000:]))
        self.read_until += found.end()
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """Its exit status, once it is over."""
        end = time.monotonic() + harness.PATIENCE
        while self.take(end):
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status
