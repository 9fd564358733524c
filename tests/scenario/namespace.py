# SPDX-License-Identifier: BSD-2-Clause
"""A private world for one test class: own mounts, own network, own processes.

Test users, PAM services, logs and run-time files exist only inside; when the first process of the namespace ends, the
kernel takes all of it away, with every process that was started there.
"""
import fcntl
import os
import shutil
import socket
import struct
import subprocess

PASSWORD = "open sesame"
# crypt(5), yescrypt, of PASSWORD
PASSWORD_HASH = "$y$j9T$7F0Xx1yQvS8wq2bYH3ZkD.$1eucW3Bd/8jZX6I6gvIfPs.K58QfY.TAp27QT8T0UXB"

USERS = {  # name: (uid, shell)
    "ftp": (3000, "/usr/sbin/nologin"),
    "alice": (3001, "/bin/sh"),
    "bob": (3002, "/bin/sh"),
    "carol": (3003, "/bin/no-such-shell"),  # not in /etc/shells
}
UID = {name: uid for name, (uid, _) in USERS.items()} | {"nobody": 65534}

IPV6_ADDRESSES = ["fd00:5a11::%x" % i for i in range(1, 9)]


def work_dir(*outside):
    """A folder that everybody may walk through and that nobody's files (outside) lie below."""
    for candidate in ("/srv", "/mnt", "/media"):
        if not any(os.path.realpath(p).startswith(candidate + "/") for p in outside):
            return candidate
    raise RuntimeError("no mount point left for the tests' files: /srv, /mnt and /media all hold files of ours")


def command_in_namespace(argv):
    return ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
            "--propagation", "private"] + argv


def _mount(*args):
    subprocess.run(["mount", *args], check=True)


def network_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
    index = socket.if_nametoindex("lo")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        for address in IPV6_ADDRESSES:  # SIOCSIFADDR takes a struct in6_ifreq
            fcntl.ioctl(s, 0x8916, socket.inet_pton(socket.AF_INET6, address) + struct.pack("Ii", 128, index))


def _private_dev(work):
    """Nothing may be created in the machine's own /dev, but a test wants a /dev/log."""
    dev = os.path.join(work, ".dev")
    os.mkdir(dev)
    for node in ("null", "zero", "full", "random", "urandom", "tty"):
        open(os.path.join(dev, node), "w").close()
        _mount("--bind", "/dev/" + node, os.path.join(dev, node))
    for link, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, os.path.join(dev, link))
    os.mkdir(os.path.join(dev, "shm"), 0o1777)
    os.mkdir(os.path.join(dev, "pts"))  # terminals of tests
    _mount("--bind", "/dev/pts", os.path.join(dev, "pts"))
    os.symlink("pts/ptmx", os.path.join(dev, "ptmx"))
    _mount("--rbind", dev, "/dev")


def _write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def _private_etc(work):
    etc = os.path.join(work, ".etc")
    os.mkdir(etc)
    passwd = ["root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"]
    group = ["root:x:0:", "adm:x:4:", "nogroup:x:65534:", "ftpadmin:x:3999:bob"]
    shadow = ["root:*:19000::::::", "nobody:*:19000::::::"]
    for name, (uid, shell) in USERS.items():
        passwd.append(f"{name}:x:{uid}:{uid}::{work}/home/{name}:{shell}")
        group.append(f"{name}:x:{uid}:")
        shadow.append(f"{name}:{'*' if name == 'ftp' else PASSWORD_HASH}:19000:0:99999:7:::")
    for name, lines, mode in (("passwd", passwd, 0o644), ("group", group, 0o644), ("shadow", shadow, 0o600),
                              ("shells", ["/bin/sh", "/bin/bash"], 0o644)):
        _write(os.path.join(etc, name), "\n".join(lines) + "\n", mode)
        if not os.path.exists("/etc/" + name):
            continue
        _mount("--bind", os.path.join(etc, name), "/etc/" + name)

    pam = os.path.join(etc, "pam.d")
    shutil.copytree("/etc/pam.d", pam)
    service = ("auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n")
    for name in ("ftp", "sallyd", "vsftpd"):
        _write(os.path.join(pam, name), service)
    _write(os.path.join(pam, "slow"), "auth required pam_exec.so quiet /bin/sleep 10\n" + service)
    _write(os.path.join(pam, "shells"), "auth required pam_shells.so\n" + service)
    _mount("--bind", pam, "/etc/pam.d")


def enter(*outside):
    """Called once, as the first process of fresh namespaces. Returns the folder for the tests' files."""
    work = work_dir(*outside)
    _mount("-t", "tmpfs", "-o", "mode=755,size=2g,nr_inodes=400k", "sallyport-tests", work)
    network_up()
    _private_dev(work)
    _private_etc(work)
    _mount("-t", "tmpfs", "-o", "mode=755", "run", "/run")
    _mount("-t", "tmpfs", "-o", "mode=755", "log", "/var/log")
    for name, uid in UID.items():
        if name != "nobody":
            home = os.path.join(work, "home", name)
            os.makedirs(home)
            os.chown(home, uid, uid)
    os.environ["HOME"] = work
    os.environ["LC_ALL"] = "C.UTF-8"
    return work
