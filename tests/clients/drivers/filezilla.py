# SPDX-License-Identifier: BSD-2-Clause
"""FileZilla under a display of its own, told by lines of TAB-separated words what to do:
HOST PORT USER PASSWORD passive|active clear|AUTH|implicit <LINES

It has no command line for transfers, so they are written into the queue that it keeps from one start to the next, and a key
begins the queue. Its message log is printed; the status is 0 only if the log says of each transfer that it was successful.
"""
import ftplib
import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from xml.sax.saxutils import escape

SECONDS = 18  # for all of it: programs.SECONDS ends it the hard way
STILL = 2.5  # seconds
PROTOCOLS = {"clear": 6, "AUTH": 4, "implicit": 3}  # as the queue has them
BAD = ["session resumption", "Failed to retrieve directory listing"]  # it lists a folder before it transfers; and looks for resumption
HOME = os.path.join(os.environ["HOME"], "filezilla")
CONFIG, LOG = HOME + "/.config/filezilla", HOME + "/log"
SETTINGS = {"Greeting version": "99.0.0", "Update Check": "0", "Logging file": LOG, "Prompt password save": "0", "File exists action download": "1",
            "File exists action upload": "1", "Number of Transfers": "1"}
TABLES = """
    CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, host TEXT NOT NULL, port INTEGER, user TEXT, password TEXT,
        account TEXT, keyfile TEXT, protocol INTEGER, type INTEGER, logontype INTEGER, timezone_offset INTEGER, transfer_mode TEXT,
        max_connections INTEGER, encoding TEXT, bypass_proxy INTEGER, post_login_commands TEXT, name TEXT, parameters TEXT,
        site_path TEXT DEFAULT NULL);
    CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, server INTEGER NOT NULL, source_file TEXT, target_file TEXT,
        local_path INTEGER, remote_path INTEGER, size INTEGER, error_count INTEGER, priority INTEGER, flags INTEGER,
        default_exists_action INTEGER, extra_flags TEXT);
    CREATE TABLE local_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
    CREATE TABLE remote_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
"""
DOWNLOAD, MIDDLE = 16, 2  # a flag, a priority

host, port, user, password, mode, tls = sys.argv[1:]
steps = [line.split("\t")[:3] for line in sys.stdin.read().splitlines()]


def certificate():
    """What the server shows: to be trusted, as a person would say who is asked."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if tls == "AUTH":
        ftp = ftplib.FTP_TLS(context=context, timeout=10)
        ftp.connect(host, int(port))
        ftp.auth()
        return ftp.sock.getpeercert(True)
    with context.wrap_socket(socket.create_connection((host, int(port)), 10)) as sock:
        return sock.getpeercert(True)


def write_config():
    os.makedirs(CONFIG)
    settings = SETTINGS | {"Use Pasv mode": str(int(mode == "passive"))}
    with open(CONFIG + "/filezilla.xml", "w", encoding="utf-8") as file:
        inside = "".join(f'<Setting name="{name}">{escape(value)}</Setting>' for name, value in settings.items())
        file.write(f'<?xml version="1.0"?><FileZilla3><Settings>{inside}</Settings></FileZilla3>')
    with open(CONFIG + "/trustedcerts.xml", "w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0"?><FileZilla3>{trusted()}</FileZilla3>')


def trusted():
    """That this host has no TLS, or this certificate."""
    if tls == "clear":
        return f'<InsecureHosts><Host Port="{port}">{host}</Host></InsecureHosts>'
    return (f"<TrustedCerts><Certificate><Data>{certificate().hex()}</Data><ActivationTime>1</ActivationTime>"
            f"<ExpirationTime>99999999999</ExpirationTime><Host>{host}</Host><Port>{port}</Port><TrustSANs>0</TrustSANs></Certificate></TrustedCerts>")


def remote_path(folder):
    """As FileZilla writes it: kind and prefix, then each part's length and the part."""
    return " ".join(["1", "0", *(f"{len(part)} {part}" for part in folder.split("/") if part)])


def write_queue():
    with sqlite3.connect(CONFIG + "/queue.sqlite3") as queue:
        queue.executescript(TABLES)
        queue.execute("INSERT INTO servers (host, port, user, password, protocol, type, logontype, timezone_offset, transfer_mode, max_connections,"
                      " encoding, bypass_proxy) VALUES (?, ?, ?, ?, ?, 0, 1, 0, 'default', 1, 'UTF-8', 0)",
                      (host, int(port), user, password, PROTOCOLS[tls]))
        for verb, remote, local in steps:
            paths = (queue.execute("INSERT INTO local_paths (path) VALUES (?)", (os.getcwd() + "/",)).lastrowid,
                     queue.execute("INSERT INTO remote_paths (path) VALUES (?)", (remote_path(os.path.dirname(remote)),)).lastrowid)
            name = os.path.basename(remote)
            source, target, flags = (name, local, DOWNLOAD) if verb == "get" else (local, name, 0)
            size = -1 if verb == "get" else os.path.getsize(local)
            queue.execute("INSERT INTO files (server, source_file, target_file, local_path, remote_path, size, error_count, priority, flags)"
                          " VALUES (1, ?, ?, ?, ?, ?, 0, ?, ?)", (source, target, *paths, size, MIDDLE, flags))


def log():
    try:
        with open(LOG, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def start_display():
    """It chooses a number that is free."""
    reading, writing = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1000x700x24", "-nolisten", "tcp"], pass_fds=[writing],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as said:
        os.environ["DISPLAY"] = ":" + said.readline().strip()
    return server


def xdotool(*words):
    return subprocess.run(["xdotool", *words], capture_output=True, text=True).stdout.split()


def press_begin():
    """Ctrl-P begins the queue, or stops it. False: the window isn't there yet."""
    windows = xdotool("search", "--onlyvisible", "--name", "FileZilla")
    if windows:
        xdotool("windowfocus", windows[0], "key", "--clearmodifiers", "ctrl+p")
    return bool(windows)


def run_queue():
    """Presses again when nothing has happened for a while, as who looks at it would. Is all transferred?"""
    seen, changed = "", 0.0
    while log().count("File transfer successful") < len(steps) and time.monotonic() < end:
        if log() != seen:
            seen, changed = log(), time.monotonic()
        elif time.monotonic() - changed > STILL and press_begin():
            changed = time.monotonic()
        time.sleep(0.1)
    return log().count("File transfer successful") == len(steps)


def work():
    write_config()
    write_queue()
    program = subprocess.Popen(["filezilla"], env=dict(os.environ, HOME=HOME), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        good = run_queue()
    finally:
        program.kill()
        program.wait()
    print(log())
    return good and not any(words in log() for words in BAD)


end = time.monotonic() + SECONDS
shutil.rmtree(HOME, ignore_errors=True)
display = start_display()
try:
    status = 0 if work() else 1
finally:
    display.terminate()
    display.wait()
sys.exit(status)
