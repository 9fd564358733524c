#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs that the tests use and that must not be installed for it, as their packages start services or timers: with
what they need and the machine hasn't, unpacked below build/tools.

usage: tools.py    downloads and unpacks; nothing to do if that is done already
"""
import glob
import os
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TOP = SOURCE / "build/tools"
ROOT = TOP / "root"
PACKAGES = ["fail2ban", "firewalld", "logrotate", "python3-openssl", "python3-pyftpdlib", "systemd", "ufw", "vsftpd"]


def unpack():
    """Downloads what is missing. Where a package is installed already, the machine's own is used."""
    stamp = TOP / "complete"
    if stamp.exists() and stamp.read_text().split() == PACKAGES:
        return
    shutil.rmtree(TOP, ignore_errors=True)
    (TOP / "packages/partial").mkdir(parents=True)
    ROOT.mkdir()
    apt = ["apt-get", "-qq", "-y", "-o", "APT::Sandbox::User=root", "-o", "Dir::Cache::Archives=%s/packages" % TOP]
    fetch = apt + ["--no-install-recommends", "--download-only", "install", *PACKAGES]
    if subprocess.run(fetch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        subprocess.run(apt + ["update"], stdout=subprocess.DEVNULL)
        subprocess.run(fetch, stdout=subprocess.DEVNULL, check=True)
    for package in sorted((TOP / "packages").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, ROOT], check=True)
    shutil.rmtree(TOP / "packages")
    stamp.write_text("\n".join(PACKAGES) + "\n")


def path(*names):
    """/etc/..., from a package that was unpacked or is installed; the first that is there."""
    for candidate in (top + name for name in names for top in (str(ROOT), "")):
        if os.path.exists(candidate):
            return candidate
    raise FileNotFoundError("no %s: tests/scenario/tools.py unpacks it" % " nor ".join(names))


def command(name):
    """The beginning of a command line that runs it; with environment()."""
    for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for candidate in (str(ROOT) + folder + "/" + name, folder + "/" + name):
            if os.path.exists(candidate):
                return ["/usr/bin/python3", candidate] if name.startswith(("fail2ban", "ufw")) else [candidate]
    raise FileNotFoundError("no %s: tests/scenario/tools.py unpacks it" % name)


def environment():
    """Where what was unpacked finds its libraries and modules; C.UTF-8, so that words and dates are known."""
    libraries = [f for pattern in ("usr/lib/*-linux-gnu", "lib/*-linux-gnu", "usr/lib/*-linux-gnu/systemd")
                 for f in glob.glob(str(ROOT / pattern))]
    units = ":".join(str(ROOT / folder) for folder in ("usr/lib/systemd/system", "lib/systemd/system"))
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": ":".join(libraries),
            "SYSTEMD_UNIT_PATH": units + ":",  # and those of the machine
            "PYTHONPATH": str(ROOT / "usr/lib/python3/dist-packages"), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    try:
        unpack()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit("tools.py: %s" % error)
