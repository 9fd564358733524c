#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The first session somebody has: ./run serve, anonymous reads, the one-time user uploads, and it ends without a trace.

usage: first_session.py [--lo] [ARGUMENT...]    --lo: in a new network namespace, bring its loopback up
                                                ARGUMENT: for ./run serve, the last one a directory
"""
import fcntl
import ftplib
import hashlib
import io
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
UPLOAD = bytes(range(256)) * 1000


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING


def start(args, printed):
    """Starts ./run serve and waits for the ready line; what it prints goes on to arrive in printed."""
    server = subprocess.Popen(["./run", "serve"] + args, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    ready = threading.Event()

    def read():
        for line in server.stdout:
            printed.append(line)
            print("  " + line, end="", flush=True)
            if " ready: " in line:
                ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    deadline = time.monotonic() + 300  # it may build first
    while not ready.wait(0.05):
        if not reader.is_alive() or time.monotonic() > deadline:
            stop(server, reader)
            raise AssertionError("no ready line")
    return server, reader


def stop(server, reader):
    server.send_signal(signal.SIGTERM)
    status = server.wait(30)
    reader.join(10)
    return status


def read_as_anonymous(port, passive, welcome):
    with ftplib.FTP() as ftp:
        ftp.connect("127.0.0.1", port, timeout=10)
        ftp.login()
        ftp.set_pasv(passive)
        got = io.BytesIO()
        ftp.retrbinary("RETR WELCOME.txt", got.write)
        assert got.getvalue() == welcome, "the welcome file came back changed"
        assert "WELCOME.txt" in ftp.nlst()
        try:
            ftp.storbinary("STOR intruder", io.BytesIO(b"x"))
        except ftplib.error_perm as refused:
            assert str(refused).startswith("550"), refused
        else:
            raise AssertionError("anonymous may upload")


class Secure(ftplib.FTP_TLS):
    """Python's client never continues the control connection's TLS session on a data connection; this one does."""

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session), size


def refuse_in_the_clear(port, user):
    with ftplib.FTP() as ftp:
        ftp.connect("127.0.0.1", port, timeout=10)
        try:
            ftp.sendcmd("USER " + user)
        except ftplib.error_perm as refused:
            assert str(refused).startswith("530"), refused
        else:
            raise AssertionError("a password is asked for in the clear")


def upload(port, user, password, fingerprint):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Secure(context=context) as ftp:
        ftp.connect("127.0.0.1", port, timeout=10)
        ftp.auth()
        shown = hashlib.sha256(ftp.sock.getpeercert(binary_form=True)).hexdigest().upper()
        assert shown == fingerprint.replace(":", ""), "another certificate than the one whose fingerprint was printed"
        ftp.login(user, password)
        ftp.prot_p()
        ftp.storbinary("STOR upload.bin", io.BytesIO(UPLOAD))


def asked_for(args, option):
    return args[args.index(option) + 1] if option in args else None


def sessions(text, share, args):
    port = int(re.search(r"ready: ftp://\S*:(\d+)/", text)[1])
    user, password = re.search(r'user "(\w+)", password "(\w+)"', text).groups()
    assert asked_for(args, "--port") in (None, str(port)), "it listens on port %d" % port
    assert user == (asked_for(args, "--user") or "upload"), user
    for passive in (True, False):
        read_as_anonymous(port, passive, (share / "WELCOME.txt").read_bytes())
    refuse_in_the_clear(port, user)
    upload(port, user, password, re.search(r"\b((?:[0-9A-F]{2}:){31}[0-9A-F]{2})\b", text)[1])
    assert (share / "upload.bin").read_bytes() == UPLOAD, "the upload is not what was sent"


def a_port_that_is_taken_is_refused(args):
    """Who names a port wants that one: no other is taken instead."""
    with socket.create_server(("", int(asked_for(args, "--port")))):
        done = subprocess.run(["./run", "serve"] + args, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 1 and " ready: " not in done.stdout and asked_for(args, "--port") in done.stdout, done.stdout


def main(args):
    if "--lo" in args:
        args.remove("--lo")
        loopback_up()
    share = pathlib.Path(args[-1]) if args else ROOT / "share"
    left = set(pathlib.Path(tempfile.gettempdir()).glob("sallyport.*"))
    printed = []
    server, reader = start(args, printed)
    try:
        sessions("".join(printed), share, args)
    finally:
        status = stop(server, reader)
    assert status == 0, "./run serve ended with status %d" % status
    assert "upload.bin" in "".join(printed), "the upload is not in the log"
    assert not set(pathlib.Path(tempfile.gettempdir()).glob("sallyport.*")) - left, "temporary files are left"
    (share / "upload.bin").unlink()
    if asked_for(args, "--port"):
        a_port_that_is_taken_is_refused(args)
    print("first session: anonymous reads and may not write, the one-time user uploads under TLS, in both modes")


if __name__ == "__main__":
    main(sys.argv[1:])
