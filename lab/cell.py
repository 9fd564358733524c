# SPDX-License-Identifier: BSD-2-Clause
"""A cell in which the lab is played: processes, mounts and networks of its own.

Whoever called the lab stays outside and only waits. What is inside is the first process of a process namespace: when it ends, or
when the one outside does, however that happens, the kernel ends all others of the cell, and takes its mounts, networks,
firewalls and what is in memory with them. A folder on the disk is what remains, and a second process outside removes that.
"""
import ctypes
import os
import select
import shutil
import signal
import sys
import tempfile
import time

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
NOSUID, NODEV, BIND, REC, PRIVATE = 2, 4, 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IN_MEMORY = 64 << 20  # a file up to this size is kept there

USER, PASSWORD = "test", "open sesame"
PASSWORD_HASH = "$6$sallyportlab$KvJ.o00fTMhV4jWTIt2/zRR3oAyLlJJEdAFfxvZRvkZqClgB8oWRWAppmaZ0M4qY3RrjRMcKY5BAWi5W.vnWR/"
PASSWD = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\ntest:x:1000:1000::/home/test:/bin/sh\n"
FILES = {
    "passwd": (PASSWD, 0o644),
    "group": ("root:x:0:\nnogroup:x:65534:\ntest:x:1000:\n", 0o644),
    "shadow": (f"root:*:19000::::::\nnobody:*:19000::::::\ntest:{PASSWORD_HASH}:19000::::::\n", 0o600),
}
PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"


def check(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags):
    check(LIBC.unshare(flags), "unshare")


def enter_network(fd):
    check(LIBC.setns(fd, NEWNET), "setns")


def mount(source, target, kind=None, flags=0, data=None):
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    check(LIBC.mount(*words, ctypes.c_ulong(flags), data.encode() if data else None), f"mount {target}")


# --- outside --------------------------------------------------------------------------------------------------------

def start_sweeper(folder):
    """A process that removes folder when the pipe, whose end is returned, is closed: by us, or by our death."""
    end, ours = os.pipe()
    pid = os.fork()
    if pid:
        os.close(end)
        return pid, ours
    os.close(ours)
    os.setsid()
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)
    os.read(end, 1)
    for _ in range(50):  # whoever still writes there is being ended
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            break
        time.sleep(0.1)
    os._exit(0)


class Interrupted(Exception):
    pass


def wait_for(inside):
    """The exit status of the first process of the cell; if we are told to end, it is ended."""
    def interrupted(number, _):
        raise Interrupted(number)
    try:
        for number in ENDS:
            signal.signal(number, interrupted)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
        return os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1])
    except Interrupted as told:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        os.kill(inside, signal.SIGKILL)
        os.waitpid(inside, 0)
        return 128 + told.args[0]


def run(play, size):
    """play(folder) in a cell, whose folder is in memory if a file of that size can be. What it returns, or 128 and a signal."""
    sys.stdout.flush()
    folder = tempfile.mkdtemp(prefix="sallyport-lab.")
    os.chmod(folder, 0o755)
    sweeper, ours = start_sweeper(folder)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # until somebody waits
    alive, outside = os.pipe()
    unshare(NEWPID)
    inside = os.fork()
    if inside == 0:
        os.close(ours)
        os.close(outside)
        os.setsid()  # the terminal's signals are for who waits
        for number in ENDS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
        os._exit(begin(play, folder, size, alive))
    status = wait_for(inside)
    os.close(ours)
    os.waitpid(sweeper, 0)
    return status


# --- inside ---------------------------------------------------------------------------------------------------------

def begin(play, folder, size, alive):
    status = 1
    try:
        check(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
        if select.select([alive], [], [], 0)[0]:
            return status  # died before it could be said
        enclose(folder, size <= IN_MEMORY)
        status = play(folder)
    except OSError as error:
        print(f"lab: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return status


def enclose(folder, is_in_memory):
    unshare(NEWNS | NEWNET | NEWIPC | NEWUTS)
    mount(None, "/", flags=REC | PRIVATE)
    mount("proc", "/proc", "proc")
    if is_in_memory:
        mount("lab", folder, "tmpfs", NOSUID | NODEV, "mode=755")
    mount("run", "/run", "tmpfs", NOSUID | NODEV, "mode=755")
    if os.path.exists("/dev/log"):  # nothing is said to the machine's own log
        mount("/dev/null", os.path.realpath("/dev/log"), flags=BIND)
    for name, (text, mode) in FILES.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        if os.path.exists("/etc/" + name):
            mount(path, "/etc/" + name, flags=BIND)
    services = os.path.join(folder, "pam.d")
    os.mkdir(services)
    with open(services + "/vsftpd", "w", encoding="utf-8") as f:
        f.write(PAM)
    mount(services, "/etc/pam.d", flags=BIND)
    home = os.path.join(folder, "home", USER)
    os.makedirs(home)
    os.chown(home, 1000, 1000)
