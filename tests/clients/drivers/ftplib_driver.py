# SPDX-License-Identifier: BSD-2-Clause
"""Python's ftplib, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active <LINES"""
import ftplib
import os
import sys

host, port, user, password, mode = sys.argv[1:]
ftp = ftplib.FTP(timeout=10)
ftp.encoding = "latin-1"  # any byte is a character, whatever the names are


def get(remote, local, at=None):
    with open(local.encode("latin-1"), "ab" if at else "wb") as file:
        ftp.retrbinary("RETR " + remote, file.write, rest=at)


def put(remote, local):
    with open(local.encode("latin-1"), "rb") as file:
        ftp.storbinary("STOR " + remote, file)


def get_names(what):
    for name in ftp.nlst(what):
        get(name, os.path.basename(name))


def mirror(remote, local):
    os.mkdir(local.encode("latin-1"))
    for name, facts in ftp.mlsd(remote, ["type"]):
        if facts["type"] == "dir":
            mirror(f"{remote}/{name}", f"{local}/{name}")
        elif facts["type"] not in ("cdir", "pdir"):
            get(f"{remote}/{name}", f"{local}/{name}")


DOES = {
    "list": lambda name: ftp.retrbinary("LIST " + name, sys.stdout.buffer.write), "get": get, "resume": get, "put": put, "mkdir": ftp.mkd,
    "rename": ftp.rename, "delete": ftp.delete, "rmdir": ftp.rmd, "names": get_names, "mget": get_names, "mirror": mirror,
}

ftp.connect(host, int(port))
ftp.login(user, password)
ftp.set_pasv(mode == "passive")
for line in sys.stdin.buffer.read().decode("latin-1").splitlines():
    verb, *names = line.split("\t")
    DOES[verb](*names)
ftp.quit()
