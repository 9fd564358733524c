# SPDX-License-Identifier: BSD-2-Clause
"""Python's ftplib, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active
clear|AUTH|AUTH-and-resume <LINES"""
import ftplib
import os
import ssl
import sys

host, port, user, password, mode, tls = sys.argv[1:]


class Resuming(ftplib.FTP_TLS):
    """What ftplib lacks (python/cpython#63699), as many programs have it."""

    def ntransfercmd(self, cmd, rest=None):
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session), size


def new_ftp():
    if tls == "clear":
        return ftplib.FTP(timeout=10)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return {"AUTH": ftplib.FTP_TLS, "AUTH-and-resume": Resuming}[tls](timeout=10, context=context)


ftp = new_ftp()
ftp.encoding = "latin-1"  # any byte is a character, whatever the names are


def get(remote, local, at=None):
    with open(local.encode("latin-1"), "ab" if at else "wb") as file:
        ftp.retrbinary("RETR " + remote, file.write, rest=at)


def put(remote, local):
    with open(local.encode("latin-1"), "rb") as file:
        ftp.storbinary("STOR " + remote, file)


def get_text(remote, local):
    with open(local.encode("latin-1"), "w", encoding="latin-1") as file:
        ftp.retrlines("RETR " + remote, lambda line: print(line, file=file))


def put_text(remote, local):
    with open(local.encode("latin-1"), "rb") as file:
        ftp.storlines("STOR " + remote, file)


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
    "gettext": get_text, "puttext": put_text,
}

ftp.connect(host, int(port))
ftp.login(user, password)
if tls != "clear":
    ftp.prot_p()
ftp.set_pasv(mode == "passive")
for line in sys.stdin.buffer.read().decode("latin-1").splitlines():
    verb, *names = line.split("\t")
    DOES[verb](*names)
ftp.quit()
