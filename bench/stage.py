# SPDX-License-Identifier: BSD-2-Clause
"""The stage on which the bench plays: own network, mount and process namespaces, so that nothing that a server
does is seen outside, and nothing outlives the bench. Linux and root only; standard library only."""
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(REPOSITORY, "build")
FTPLOAD = os.path.join(BUILD, "bench", "ftpload")
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
INSIDE = "SALLY_BENCH_INSIDE"
GROUP = "SALLY_BENCH_CGROUP"


class Failure(Exception):
    """A measurement that could not be made, with the reason for people to read."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(argv)}: {done.stderr.strip() or f'exit status {done.returncode}'}")


# ---- entering ----

def die_with_parent():
    """In a child before exec: be killed when the one who started us is gone, even by SIGKILL (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def enter(seconds_at_most):
    """Returns only inside the namespaces; outside, runs this script again inside and exits with its status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0:
        name = os.path.basename(sys.argv[0]).removesuffix(".py")
        sys.exit(f"bench: needs root, for namespaces of its own: sudo ./run bench {name}")
    group = group_make()
    child = subprocess.Popen(
        ["unshare", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
         "--propagation", "private", sys.executable, *sys.argv],
        env={**os.environ, INSIDE: "1", GROUP: group}, preexec_fn=die_with_parent)
    try:
        sys.exit(child.wait(timeout=seconds_at_most))
    except subprocess.TimeoutExpired:
        say(f"took longer than {seconds_at_most} s; stopped")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # unshare --kill-child: with it dies the first process inside, and with that all others.
        child.kill()
        child.wait()
        group_remove(group)


def users_write(etc, home):
    """A passwd and a group file with a user ftp, as the machine's own otherwise; only this mount namespace sees them."""
    for name, line in (("passwd", f"ftp:x:499:499:bench:{home}:/usr/sbin/nologin\n"), ("group", "ftp:x:499:\n")):
        with open(f"/etc/{name}") as old:
            kept = [entry for entry in old if not entry.startswith("ftp:") and ":499:" not in entry]
        with open(f"{etc}/{name}", "w") as new:
            new.write("".join(kept) + line)
        run("mount", "--bind", f"{etc}/{name}", f"/etc/{name}")


def build():
    """Prepares the namespaces; returns the tmpfs folder where everything lives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # A folder that every Debian has, that any user can pass through, and that does not hide the repository.
    folder = next(f for f in ("/mnt", "/srv", "/media") if os.path.isdir(f) and not REPOSITORY.startswith(f + "/"))
    run("mount", "-t", "tmpfs", "-o", "mode=0755,size=80%,nr_inodes=1m", "bench", folder)
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "bench", "/run")
    for name in ("ftp", "etc", "empty", "state", "log"):
        os.mkdir(f"{folder}/{name}", 0o755)
    users_write(f"{folder}/etc", f"{folder}/ftp")
    return folder


def disk_mount(folder):
    """A folder of the machine's own disk, for uploads to it; returns the name of its file system."""
    disk = os.path.join(BUILD, "bench-disk")
    os.makedirs(disk, exist_ok=True)
    for left in os.listdir(disk):  # of a bench that was killed
        os.unlink(os.path.join(disk, left))
    os.mkdir(folder, 0o755)
    run("mount", "--bind", disk, folder)
    os.chown(folder, 499, 499)
    return subprocess.run(["findmnt", "-no", "FSTYPE", "--target", disk], capture_output=True, text=True).stdout.strip()


def network_renew():
    """Moves us, and what we start from now on, into a network with nothing in it. Thousands of connections in TIME_WAIT
    that one turn leaves behind would otherwise slow the next one, or take its ports."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise Failure(f"unshare: {os.strerror(ctypes.get_errno())}")
    run("ip", "link", "set", "lo", "up")


# ---- load ----

def ftpload(command, limit=120, **options):
    """Runs the load generator to its end; returns what it printed."""
    argv = ftpload_arguments(command, limit, options)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return ftpload_result(command, limit, done.returncode, done.stdout, done.stderr)


def ftpload_arguments(command, limit, options):
    argv = [FTPLOAD, command, "--limit", str(limit)]
    for name, value in options.items():
        argv += [f"--{name}"] if value is True else [] if value is False else [f"--{name}", str(value)]
    return argv


def ftpload_result(command, limit, status, out, err):
    if status == -signal.SIGALRM:
        raise Failure(f"ftpload {command}: not done within {limit} s")
    if status != 0:
        raise Failure(err.strip().splitlines()[-1] if err.strip() else f"ftpload {command}: exit status {status}")
    return json.loads(out.strip().splitlines()[-1])


class Load:
    """ftpload in the background: says a first line when it is ready, and goes on (or ends) at our word."""

    def __init__(self, command, limit=120, **options):
        self.command, self.limit = command, limit
        self.process = subprocess.Popen(ftpload_arguments(command, limit, options), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.first = self.process.stdout.readline()
        if not self.first:
            self.result()

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def running(self):
        return self.process.poll() is None

    def result(self):
        out, err = self.process.communicate()
        return ftpload_result(self.command, self.limit, self.process.returncode, out, err)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.process.kill()
            self.process.communicate()


# ---- the server's processor time ----

def group_make():
    """A control group (version 2) for the server's processes, for what they cost together with those that have ended.
    Empty where none can be made: then that is not measured."""
    with open("/proc/self/mounts") as mounts:
        roots = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    for root in roots:
        group = os.path.join(root, f"sallyport-bench-{os.getpid()}")
        try:
            os.mkdir(group)
            return group
        except OSError:
            pass
    say("no control group can be made here, so the servers' processor time is not measured")
    return ""


def group_remove(group):
    """What is in there is being killed: the group can go as soon as that is over."""
    deadline = time.monotonic() + 5
    while group and time.monotonic() < deadline:
        try:
            os.rmdir(group)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


def group_enter():
    """In a child before exec: it and its children are the server's processes."""
    if os.environ.get(GROUP):
        with open(os.path.join(os.environ[GROUP], "cgroup.procs"), "w") as processes:
            processes.write("0")


def processor_seconds():
    """What all the server's processes of this run have used so far, or None."""
    if not os.environ.get(GROUP):
        return None
    with open(os.path.join(os.environ[GROUP], "cpu.stat")) as stat:
        return next(int(line.split()[1]) for line in stat if line.startswith("usage_usec")) / 1e6


# ---- processes and their memory ----

def processes_others(*not_these):
    """Every process in the namespace but us and the ones named: so, the server's, whoever their parent is."""
    ours = {os.getpid(), *not_these}
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in ours]


def processes_end():
    """Ends all other processes here, and waits until none is left."""
    deadline = time.monotonic() + 60
    while (pids := processes_others()) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
        time.sleep(0.01)


def reap():
    """We are process 1 here: orphans are ours to wait for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def rollup_read(pid):
    """The process's Pss, and the Pss without shared memory, in kB; zeros once it is gone."""
    values = {}
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            for line in rollup:
                name, _, rest = line.partition(":")
                if name in ("Pss", "Pss_Shmem"):
                    values[name] = int(rest.split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    pss = values.get("Pss", 0)
    return pss, pss - values.get("Pss_Shmem", 0)


def memory_pss(pids):
    return sum(rollup_read(pid)[0] for pid in pids)


def memory_with_memfds(pids):
    """What the processes hold, in kB, with memory that they hold only by descriptor (a listing in a memfd is in nobody's
    Pss): their own pages, and all the machine's shared memory, which nothing else is filling at the time."""
    with open("/proc/meminfo") as meminfo:
        shmem = next(int(line.split()[1]) for line in meminfo if line.startswith("Shmem:"))
    return sum(rollup_read(pid)[1] for pid in pids) + shmem
