#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The first session somebody has: ./run serve, anonymous reads, the one-time user uploads, and it ends without a trace.

usage: first_session.py [--lo] [DIR]    --lo: in a new network namespace, bring its loopback up; DIR: as for ./run serve
"""
import fcntl
import ftplib
import io
import pathlib
import re
import signal
import socket
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


def start(directory, printed):
    """Starts ./run serve and waits for the ready line; what it prints goes on to arrive in printed."""
    server = subprocess.Popen(["./run", "serve"] + directory, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
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


def upload(port, user, password):
    with ftplib.FTP() as ftp:
        ftp.connect("127.0.0.1", port, timeout=10)
        ftp.login(user, password)
        ftp.storbinary("STOR upload.bin", io.BytesIO(UPLOAD))


def sessions(text, share):
    port = int(re.search(r"ready: ftp://\S*:(\d+)/", text)[1])
    user, password = re.search(r'user "(\w+)", password "(\w+)"', text).groups()
    for passive in (True, False):
        read_as_anonymous(port, passive, (share / "WELCOME.txt").read_bytes())
    upload(port, user, password)
    assert (share / "upload.bin").read_bytes() == UPLOAD, "the upload is not what was sent"


def main(args):
    if "--lo" in args:
        args.remove("--lo")
        loopback_up()
    share = pathlib.Path(args[0]) if args else ROOT / "share"
    left = set(pathlib.Path(tempfile.gettempdir()).glob("sallyport.*"))
    printed = []
    server, reader = start(args, printed)
    try:
        sessions("".join(printed), share)
    finally:
        status = stop(server, reader)
    assert status == 0, "./run serve ended with status %d" % status
    assert "upload.bin" in "".join(printed), "the upload is not in the log"
    assert not set(pathlib.Path(tempfile.gettempdir()).glob("sallyport.*")) - left, "temporary files are left"
    (share / "upload.bin").unlink()
    print("first session: anonymous reads and may not write, the one-time user uploads, in both modes")


if __name__ == "__main__":
    main(sys.argv[1:])
