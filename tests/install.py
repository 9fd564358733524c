#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Installs, starts from the installed unit's own command line, uses, rotates, installs again and removes: what unit,
server, PAM, logrotate and manual pages say about where things are must agree, and afterwards nothing of ours may be left.

usage: install.py [PREFIX...]    /usr /opt/sallyport /usr/local, if none is named

Everything is written into layers over /etc, /usr and so on, and over build/, which ./run build has made; only this process
sees them, and they are gone when it ends. Takes root. Prints "ok PREFIX" or "FAIL PREFIX: why" for each.
"""
import contextlib
import ftplib
import io
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/scenario"))
sys.dont_write_bytecode = True
import namespace  # noqa: E402  the scenarios' private world: users, network, a place for files
import tools      # noqa: E402

INSIDE = "SALLY_INSTALL_INSIDE"
LAYERED = ("/etc", "/usr", "/opt", "/var", "/srv")
OPTIONS = ("-Dpamdir=/etc/pam.d", "-Dlogrotatedir=/etc/logrotate.d", "-Dsystemdunitdir=", "-Dsysusersdir=")  # as unsaid
PREFIXES = ("/usr", "/opt/sallyport", "/usr/local")
LOG = pathlib.Path("/var/log/vsftpd.log")


def run(argv, status=0, **kw):
    """What argv printed. Its status must be the given one."""
    done = subprocess.run([str(a) for a in argv], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300, **kw)
    assert done.returncode == status, "%s ended with %d:\n%s" % (shlex.join(map(str, argv)), done.returncode, done.stdout)
    return done.stdout


# --- a world of one's own -----------------------------------------------------------------------------------------

class World:
    """Layers over the machine's folders. left(): what was added to them since clean() was called."""

    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.lower = self.work / "lower"
        self.lower.mkdir()
        run(["mount", "--bind", "/", self.lower])
        self.tops = [top for top in LAYERED if top != work]
        for top in [str(ROOT / "build")] + self.tops:
            layer = self.layer(top)
            (layer / "up").mkdir(parents=True)
            (layer / "work").mkdir()
            run(["mount", "-t", "overlay", "overlay", "-o",
                 "lowerdir=%s,upperdir=%s/up,workdir=%s/work" % (top, layer, layer), top])
        run(["mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run"])
        (ROOT / "build/meson-logs/install-log.txt").unlink(missing_ok=True)
        self.before = set()

    def layer(self, top):
        return self.work / ("layer" + top.replace("/", "-"))

    def changes(self):
        """Paths that this world has and the machine hasn't, or that it has otherwise."""
        for top in self.tops:
            up = self.layer(top) / "up"
            for path in up.rglob("*"):
                name = top / path.relative_to(up)
                if not (path.is_dir() and (self.lower / str(name)[1:]).is_dir()):
                    yield str(name)

    def clean(self):
        self.before = set(self.changes())

    def left(self):
        return set(self.changes()) - self.before


def add_user(name, uid, home):
    os.makedirs(home)
    os.chown(home, uid, uid)
    for file, line in (("passwd", "%s:x:%d:%d::%s:/bin/sh" % (name, uid, uid, home)), ("group", "%s:x:%d:" % (name, uid)),
                       ("shadow", "%s:%s:19000:0:99999:7:::" % (name, namespace.PASSWORD_HASH))):
        with open("/etc/" + file, "a") as f:
            f.write(line + "\n")


# --- what was installed -------------------------------------------------------------------------------------------

class Places:
    """Where things of this prefix must be."""

    def __init__(self, prefix):
        systemd = {"/usr": "/usr/lib", "/usr/local": "/usr/local/lib"}.get(prefix, "/etc")
        self.sysconf = "/etc" if prefix == "/usr" else prefix + "/etc"
        self.sallyd = prefix + "/sbin/sallyd"
        self.conf = pathlib.Path(self.sysconf + "/sallyd.conf")
        self.unit = systemd + "/systemd/system/sallyd.service"
        self.sallywall = prefix + "/sbin/sallywall"
        self.wall_unit = systemd + "/systemd/system/sallywall.service"
        self.manual = prefix + "/share/man"
        self.sysusers = systemd + "/sysusers.d/sallyd.conf"
        self.logrotate = "/etc/logrotate.d/sallyd"
        self.config = {str(self.conf), "/etc/pam.d/sallyd", self.logrotate}
        self.files = self.config | {self.sallyd, self.sallywall, prefix + "/bin/sally", self.manual + "/man1/sally.1", self.unit, self.wall_unit, self.sysusers,
                                    systemd + "/systemd/system/sallyd.socket", self.manual + "/man8/sallyd.8",
                                    self.manual + "/man8/sallywall.8", self.manual + "/man5/sallyd.conf.5"}
        self.files |= {prefix + "/share/bash-completion/completions/sally", prefix + "/share/zsh/site-functions/_sally"}
        self.files |= {prefix + "/libexec/sallywall/" + family + tool  # links to sallywall
                       for family in ("iptables", "ip6tables") for tool in ("", "-restore", "-save")}


def unit_commands(unit, key):
    return [shlex.split(line.partition("=")[2]) for line in open(unit) if line.startswith(key + "=")]


def check_unit(places):
    for key in ("ExecStartPre", "ExecStart"):
        (command,) = unit_commands(places.unit, key)
        assert command[0] == places.sallyd and str(places.conf) in command, command
    for key in ("ExecStart", "ExecReload"):
        assert unit_commands(places.wall_unit, key) == [[places.sallywall, "restore-boot"]]
    said = run([*tools.command("systemd-analyze"), "verify", "--man=no", places.unit, places.unit.replace(".service", ".socket"),
                places.wall_unit], env=tools.environment())
    assert not said, said


def check_manual(places):
    """The pages name the files that are there, and man can show them."""
    for page in ("man8/sallyd.8", "man5/sallyd.conf.5"):
        text = open("%s/%s" % (places.manual, page)).read()
        named = set(re.findall(r"^\.It Pa (\S*/sallyd\.conf)$", text, re.MULTILINE))
        assert named == {str(places.conf)}, "%s: %s" % (page, named)
        if shutil.which("man"):
            shown = run(["man", "-l", "%s/%s" % (places.manual, page)], env=dict(os.environ, MANPAGER="cat", LC_ALL="C.UTF-8"))
            assert str(places.conf) in shown, shown


def check_users(places):
    run([*tools.command("systemd-sysusers"), places.sysusers], env=tools.environment())
    names = [line.partition(":")[0] for line in open("/etc/passwd")]
    assert {"ftp", "sallyd"} <= set(names), names


# --- the running server -------------------------------------------------------------------------------------------

@contextlib.contextmanager
def started(places):
    """The server as the unit starts it, in a directory that says nothing, with the folders that systemd would make."""
    for line in open(places.unit):
        key, _, name = line.strip().partition("=")
        if key in ("RuntimeDirectory", "StateDirectory"):
            os.makedirs({"R": "/run/", "S": "/var/lib/"}[key[0]] + name, exist_ok=True)
    for command in unit_commands(places.unit, "ExecStartPre"):
        run(command)
    (command,) = unit_commands(places.unit, "ExecStart")
    server = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    try:
        line = server.stdout.readline()
        assert " ready: ftp://" in line, "not ready: %r" % line
        yield server
    finally:
        server.terminate()
        server.stdout.close()
    assert server.wait(60) == 0, "the server ended with %d" % server.returncode


@contextlib.contextmanager
def session(user):
    with ftplib.FTP() as ftp:
        ftp.connect("127.0.0.1", 21, timeout=20)
        ftp.login(user, namespace.PASSWORD)
        yield ftp


def logged(text):
    deadline = time.monotonic() + 20
    while not (LOG.exists() and text in LOG.read_text()):
        assert time.monotonic() < deadline, "%r is not in %s" % (text, LOG)
        time.sleep(0.05)


def reload(places, server):
    (command,) = unit_commands(places.unit, "ExecReload")
    run([word.replace("$MAINPID", str(server.pid)) for word in command])


def put(user, name, content):
    """Uploads; None, or why it was refused."""
    with session(user) as ftp:
        try:
            ftp.storbinary("STOR " + name, io.BytesIO(content))
        except ftplib.error_perm as refused:
            return str(refused)


def make_lasting_user(places):
    """README's way to make one."""
    os.makedirs("/srv/ftp/lee")
    shutil.chown("/srv/ftp/lee", "ftp", "ftp")
    run(["sh", "-c", 'echo "$1" | "$0" user add lee --home /srv/ftp/lee --rights rwd --password-stdin', places.sallyd,
         namespace.PASSWORD])


def use(places, home):
    """As it was installed: local users may read. What an administrator changes counts after a reload."""
    (home / "file").write_bytes(b"content")
    with started(places) as server:
        with session("kim") as ftp:
            got = io.BytesIO()
            ftp.retrbinary("RETR file", got.write)
            assert got.getvalue() == b"content" and ftp.nlst() == ["file"]
        assert put("kim", "up", b"x").startswith("550")
        logged("[kim] OK DOWNLOAD")
        make_lasting_user(places)
        with open(places.conf, "a") as f:
            f.write("write_enable=YES\nvirtual_enable=YES\n")
        reload(places, server)
        deadline = time.monotonic() + 20
        while put("kim", "up", b"uploaded"):
            assert time.monotonic() < deadline, "the change does not count"
            time.sleep(0.05)
        assert (home / "up").read_bytes() == b"uploaded"
        assert put("lee", "theirs", b"y") is None
        assert pathlib.Path("/srv/ftp/lee/theirs").read_bytes() == b"y"
        rotate(places)
    assert run([places.sallyd, "--check-config"]) == "%s: configuration is good\n" % places.conf


def rotate(places):
    """logrotate finds the log, and the next session's lines are in the new one."""
    run([*tools.command("logrotate"), "--force", "--state", "/var/lib/logrotate-status", places.logrotate],
        env=tools.environment())
    assert "[kim] OK UPLOAD" in pathlib.Path(str(LOG) + ".1").read_text(), "the log was not rotated"
    with session("kim") as ftp:
        ftp.nlst()
    logged("[kim] OK LOGIN")


# --- installed and removed ----------------------------------------------------------------------------------------

def must_be(what, have, want):
    assert have == want, "%s: missing %s, too much %s" % (what, sorted(want - have), sorted(have - want))


def files_only(paths):
    return {p for p in paths if not os.path.isdir(p)}


def forget_what_the_server_made():
    for path in [*LOG.parent.glob("vsftpd.log*"), pathlib.Path("/var/lib/logrotate-status")]:
        path.unlink()
    shutil.rmtree("/var/lib/sallyd")
    shutil.rmtree("/srv/ftp")


def install_twice(places, prefix, world):
    """The second time what the administrator changed stays, in files and in words."""
    run(["./run", "install", "--prefix=" + prefix, *OPTIONS])
    must_be("installed", files_only(world.left()), places.files)
    check_unit(places)
    check_manual(places)
    world_users = set(world.left())
    check_users(places)
    world.before |= world.left() - world_users


def remove(places, world):
    forget_what_the_server_made()
    changed = places.conf.read_text()
    said = run(["./run", "install"])
    assert str(places.conf) in said, "the second install does not say that a changed file stays: " + said
    assert places.conf.read_text() == changed, "the second install has written over the administrator's file"
    run(["./run", "uninstall"])
    left = world.left()
    must_be("left", files_only(left), {str(places.conf)})
    must_be("left", {p for p in left if os.path.isdir(p)}, {d for d in left if str(places.conf).startswith(d + "/")})
    assert places.conf.read_text() == changed
    places.conf.unlink()


def by_meson_alone(places, world):
    """What packagers use: DESTDIR, and a removal that knows nothing of configuration files."""
    package = world.work / "package"
    run(["meson", "install", "-C", "build", "--no-rebuild", "--destdir", package])
    must_be("DESTDIR", {"/" + str(p.relative_to(package)) for p in package.rglob("*") if not p.is_dir()}, places.files)
    run(["meson", "install", "-C", "build", "--no-rebuild"])
    must_be("installed by meson", files_only(world.left()), places.files)
    run(["ninja", "-C", "build", "uninstall"])
    must_be("left by ninja uninstall", files_only(world.left()), places.config)
    run(["ninja", "-C", "build", "remove-config-files"])
    must_be("left at the end", files_only(world.left()), set())


def prove(prefix):
    """One prefix, in a world of its own."""
    work = namespace.work_dir(str(ROOT))
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "sallyport-tests", work])
    world = World(work)
    home = pathlib.Path(work) / "home/kim"
    add_user("kim", 3001, str(home))
    world.clean()
    places = Places(prefix)
    install_twice(places, prefix, world)
    use(places, home)
    remove(places, world)
    by_meson_alone(places, world)


def main(prefixes):
    if not os.environ.get(INSIDE):
        tools.unpack()
        os.environ[INSIDE] = "1"
        argv = namespace.command_in_namespace([sys.executable, os.path.abspath(__file__), *prefixes])
        os.execvp(argv[0], argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.umask(0o022)
    if len(prefixes) == 1:
        namespace.network_up()
        try:
            prove(prefixes[0])
        except (AssertionError, OSError, EOFError, ftplib.Error, subprocess.SubprocessError) as error:
            print("FAIL %s: %s" % (prefixes[0], error), flush=True)
            return 1
        print("ok   " + prefixes[0], flush=True)
        return 0
    argv = namespace.command_in_namespace([sys.executable, os.path.abspath(__file__)])
    return max([subprocess.run(argv + [prefix], cwd=ROOT).returncode for prefix in prefixes or PREFIXES])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
