# SPDX-License-Identifier: BSD-2-Clause
"""What the scenarios stand on: a server of one's own, a client made of plain sockets, files and processes to look at."""
import collections
import contextlib
import functools
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import unittest

from namespace import PASSWORD, UID

SALLYD = None  # set by run.py: a copy of the server that every user may execute
SALLYWALL = None  # set by run.py: the firewall beside it, if one was built
SALLY = None  # set by run.py: the client beside it
BUILT = None   # set by run.py: the folder that the server was built in, with the tests' own helpers
WORK = None    # set by run.py: folder for the tests' files, on a tmpfs
PATIENCE = 60  # seconds until what must come is given up, which a busy machine never takes
CLIENT_TIMEOUT = PATIENCE

Reply = collections.namedtuple("Reply", "code text lines")


# --- files --------------------------------------------------------------------------------------------------------

def noise(size, seed=1):
    """size bytes that no other seed has; the same every time."""
    return random.Random(seed).randbytes(size)


def write_file(path, content, owner="ftp", mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    os.chown(path, UID[owner], UID[owner])
    os.chmod(path, mode)
    return path


def make_dir(path, owner="ftp", mode=0o755):
    os.makedirs(path, exist_ok=True)
    os.chown(path, UID[owner], UID[owner])
    os.chmod(path, mode)
    return path


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


def wait_until(condition, seconds=PATIENCE, step=0.02):
    """Polls condition until it is true; its last value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(step)
    return value


# --- what the machine has ------------------------------------------------------------------------------------------

def need(*programs):
    """A program that ./run check installs and that is not here makes the test fail, not be skipped: it would compare nothing."""
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        raise AssertionError("not installed: " + ", ".join(missing) + "; packaging/apt-check.txt has the packages")


def need_netfilter():
    """Skips what a kernel without netfilter can't show."""
    need("iptables-legacy")
    if subprocess.run(["unshare", "--net", "iptables-legacy", "-nL"], capture_output=True).returncode:
        raise unittest.SkipTest("THIS KERNEL HAS NO NETFILTER for a network namespace")


# --- processes ----------------------------------------------------------------------------------------------------

def process_status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def is_alive(pid):
    """Is it there, and not only waiting for its parent to ask how it ended?"""
    with contextlib.suppress(OSError):
        return not process_status(pid)["State"].startswith("Z")
    return False


def children(pid):
    """Living processes whose parent is pid."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                status = process_status(name)
                if status["PPid"] == str(pid) and not status["State"].startswith("Z"):
                    found.append(int(name))
    return found


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def listening_ports():
    """TCP ports that somebody listens on in this network namespace."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as f:
            for line in list(f)[1:]:
                field = line.split()
                if field[3] == "0A":
                    ports.add(int(field[1].rsplit(":", 1)[1], 16))
    return ports


# --- the server ---------------------------------------------------------------------------------------------------

class Server:
    """One sallyd with a configuration of its own."""
    next_port = 2100
    READY = re.compile(r"ready: ftp://\S+")

    def __init__(self, conf, name="server", port=None):
        Server.next_port += 1
        self.port = port or Server.next_port
        self.dir = os.path.join(WORK, f"{name}-{self.port}")
        os.makedirs(self.dir + "/empty")
        self.control_socket = os.path.join(self.dir, "control")
        self.file = os.path.join(self.dir, "sallyd.conf")
        self.conf = {
            "listen": "YES", "listen_port": self.port, "anonymous_enable": "NO", "background": "NO",
            "pasv_min_port": 20000, "pasv_max_port": 20999, "secure_chroot_dir": self.dir + "/empty",
            "max_per_ip": 0, "xferlog_file": self.dir + "/xferlog", "vsftpd_log_file": self.dir + "/vsftpd.log",
            "control_socket": self.control_socket, "accounts_file": self.dir + "/accounts.db", "drain_timeout": 2,
            "firewall": "none",  # the machine's own rules are not what is tested; test_doors.py has the others
        }
        if conf.get("listen_ipv6") == "YES":
            self.conf["listen"] = "NO"
        self.conf.update(conf)
        self.process, self.output, self._reader = None, [], None

    def write_conf(self, **changes):
        """Writes the file anew with these options changed; None takes one out."""
        self.conf.update(changes)
        with open(self.file, "w") as f:
            f.writelines(f"{k}={v}\n" for k, v in self.conf.items() if v is not None)

    def start(self, argv=None, wait_ready=True, text=None, **popen):
        """Runs the server and waits for its ready line. argv: another command line; text: another configuration."""
        self.write_conf()
        if text is not None:
            with open(self.file, "w") as f:
                f.write(text)
        env = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=8:detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", ""))
        env.update(popen.pop("env", {}))
        self.process = subprocess.Popen(argv or [SALLYD, self.file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=env, text=True, errors="replace", **popen)
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        if wait_ready:
            wait_until(lambda: self.is_ready() or self.process.poll() is not None)
            if not self.is_ready():
                self.stop()
                raise AssertionError("the server did not become ready; it said:\n" + self.text())
        return self

    def _read_output(self):
        for line in self.process.stdout:
            self.output.append(line)

    def is_ready(self):
        return any(self.READY.search(line) for line in list(self.output))

    def text(self):
        return "".join(list(self.output))

    def stop(self):
        """Ends the server. The exit status, or None if it had to be killed. Everything it started must be gone, too."""
        if not self.process:
            return None
        family, status = descendants(self.process.pid), None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self.process.wait(PATIENCE)
        self.process.kill()
        self.process.wait()
        left = wait_until(lambda: not [p for p in family if is_alive(p)])
        self._reader.join(PATIENCE)
        self.process.stdout.close()
        if left is False:
            for pid in family:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            raise AssertionError("processes of the server outlived it")
        return status

    def reload(self, **changes):
        self.write_conf(**changes)
        self.process.send_signal(signal.SIGHUP)

    def pids(self, user):
        """Processes of the server that run as user now; "nobody" is the worker, another name its broker."""
        wanted, found = str(UID[user]), []
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                if process_status(pid)["Uid"].split()[0] == wanted:
                    found.append(pid)
        return found

    def running(self, user, other_than=()):
        """The same, which must be there: waits until there is one, as each begins as root and is forked anew after a fault."""
        found = wait_until(lambda: [pid for pid in self.pids(user) if pid not in other_than])
        if not found:
            raise AssertionError(f"no process of {user}")
        return found

    def kill(self, user):
        """Kills what runs as user and waits until that is gone; its process numbers."""
        killed = self.running(user)
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, killed)))
        return killed

    def client(self, host="127.0.0.1", **kw):
        return Client(host, self.port, **kw)

    def anonymous(self, host="127.0.0.1", **kw):
        return self.client(host, **kw).login("anonymous", "test@")

    def command(self, *args, check=True, input=None, **kw):
        """Runs `sallyd ARGS...`; the completed process."""
        done = subprocess.run([SALLYD, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, input=input, **kw)
        if check and done.returncode != 0:
            raise AssertionError(f"sallyd {args} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def who(self):
        """Live sessions, as `sallyd who --json` has them: a list of objects."""
        told = json.loads(self.command("who", "--json", "--socket", self.control_socket).stdout)
        return told if isinstance(told, list) else told["sessions"]

    def add_user(self, name, home, *options, password=PASSWORD):
        self.command("user", "add", name, "--home", home, *options, "--accounts", self.conf["accounts_file"],
                     "--password-stdin", input=password + "\n")


# --- the client ---------------------------------------------------------------------------------------------------

class Client:
    """An FTP client of plain sockets that sends what it is told and shows what came back."""

    def __init__(self, host, port, source=None, timeout=CLIENT_TIMEOUT, greeting=True):
        self.host, self.timeout, self.buffer = host, timeout, b""
        self.sock = socket.create_connection((host, port), timeout, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = self.sock.getsockname()[0]
        self.family = self.sock.family
        self.greeting = self.reply() if greeting else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Vanishes: the peer gets a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, line):
        raw = line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape") + b"\r\n"
        self.sock.sendall(raw)

    def _line(self):
        while b"\n" not in self.buffer:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("the server closed the control channel" +
                               (f" after {self.buffer!r}" if self.buffer else ""))
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    def reply(self):
        """The next reply; a multi-line one (RFC 959 section 4.2) as one, its text that of the last line."""
        lines = [self._line()]
        if not re.match(r"\d{3}[ -]", lines[0]):
            raise AssertionError(f"not a reply: {lines[0]!r}")
        while lines[-1][:4] != lines[0][:3] + " ":
            lines.append(self._line())
        return Reply(int(lines[0][:3]), lines[-1][4:], lines)

    def cmd(self, line):
        self.send(line)
        return self.reply()

    def want(self, line, *codes):
        """Sends line; the reply, which must have one of these codes."""
        got = self.cmd(line) if line else self.reply()
        if got.code not in codes:
            raise AssertionError(f"{line!r}: wanted {codes}, got {got.lines}")
        return got

    def quiet(self, seconds):
        """Does nothing come for so long?"""
        self.sock.settimeout(seconds)
        try:
            return not self.buffer and self.sock.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(self.timeout)

    def is_closed(self, seconds=PATIENCE):
        """Does the server close the connection (whatever it says before)?"""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def login(self, user="anonymous", password=PASSWORD):
        self.want("USER " + user, 331)
        self.want("PASS " + password, 230)
        return self

    # --- data connections ---

    def epsv(self):
        return int(re.search(r"\(\|\|\|(\d+)\|\)", self.want("EPSV", 229).text)[1])

    def pasv(self):
        """(host, port) as the 227 reply has them."""
        number = re.search(r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", self.want("PASV", 227).text).groups()
        return ".".join(number[:4]), int(number[4]) * 256 + int(number[5])

    def connect(self, port, source=None, host=None):
        return socket.create_connection((host or self.host, port), self.timeout, (source or self.address, 0))

    def listen(self, port=0):
        """A listening socket for an active data connection."""
        s = socket.socket(self.family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.address, port))
        s.listen()
        s.settimeout(self.timeout)
        return s

    def port_command(self, listener):
        host, port = listener.getsockname()[:2]
        if self.family == socket.AF_INET6:
            return f"EPRT |2|{host}|{port}|"
        return "PORT " + ",".join(host.split(".") + [str(port >> 8), str(port & 255)])

    @contextlib.contextmanager
    def data(self, line, mode="passive"):
        """The data connection of line, whose 150 has been read. The 226 is for the caller."""
        if mode == "passive":
            s = self.connect(self.epsv())
            try:
                self.want(line, 150)
            except BaseException:
                s.close()
                raise
        else:
            with self.listen() as listener:
                self.want(self.port_command(listener), 200)
                self.want(line, 150)
                s, self.active_peer = listener.accept()
                s.settimeout(self.timeout)
        with self.secured(s) as s:
            yield s

    def secured(self, data):
        """The data connection as its bytes are to be read and written."""
        return data

    def end_data(self, data):
        """Says that all was sent."""
        data.shutdown(socket.SHUT_WR)

    def get(self, line, mode="passive", rest=0):
        """Does line ("RETR x", "LIST", ...); the bytes that came."""
        if rest:
            self.want(f"REST {rest}", 350)
        with self.data(line, mode) as s:
            content = read_all(s)
        self.want(None, 226)
        return content

    def put(self, line, content, mode="passive", rest=0):
        """Does line ("STOR x", ...) with content; the last reply, whatever it is."""
        if rest:
            self.want(f"REST {rest}", 350)
        with self.data(line, mode) as s:
            with contextlib.suppress(OSError):
                s.sendall(content)
                self.end_data(s)
        return self.reply()

    def lines(self, line):
        return self.get(line).decode("utf-8", "surrogateescape").split("\r\n")[:-1]

    def facts(self, line="MLSD"):
        """{name: {fact: value}} of an MLSD; fact names in lower case."""
        found = {}
        for entry in self.lines(line):
            facts, name = entry.split(" ", 1)
            found[name] = dict((k.lower(), v) for k, v in (f.split("=", 1) for f in facts.split(";") if f))
        return found


def read_all(sock):
    """Everything until the peer's end of file."""
    parts = []
    while part := sock.recv(1 << 18):
        parts.append(part)
    return b"".join(parts)


# --- the client under TLS -----------------------------------------------------------------------------------------

def new_tls_context(version=None, ciphers=None, alpn=None, certificate=None, options=0):
    """A context that trusts everybody: what is shown is compared in tests. version: of TLS, no other; certificate: a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # An end without close_notify is an error: Python 3.10 to 3.11 would take it for an end.
    context.options = context.options & ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0) | options
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(alpn)
    if certificate:
        context.load_cert_chain(certificate)
    return context


tls_context = functools.cache(new_tls_context)  # Python continues sessions within a context only


class TlsClient(Client):
    """The same client, which can speak TLS. As any that means it, it continues the control channel's session in its data
    channels: the newest, as it is when the reply to EPSV has been read."""

    def __init__(self, host, port, context=None, name=None, implicit=False, **kw):
        self.context, self.name = context or tls_context(), name
        self.is_private = False           # PROT P was said
        self.resumes, self.other = True, None  # False: data channels continue other, a session, or none
        self.session = None
        super().__init__(host, port, greeting=not implicit, **kw)
        if implicit:
            self.begin_tls()
            self.greeting = self.reply()

    def begin_tls(self):
        if self.buffer:
            raise AssertionError(f"said in the clear before TLS: {self.buffer!r}")
        self.sock = self.context.wrap_socket(self.sock, server_hostname=self.name)

    def auth(self, mechanism="TLS"):
        self.want("AUTH " + mechanism, 234)
        self.begin_tls()
        return self

    def protect(self):
        self.want("PBSZ 0", 200)
        self.want("PROT P", 200)
        self.is_private = True
        return self

    def want(self, line, *codes):
        got = super().want(line, *codes)
        if line and line[:4] in ("EPSV", "PASV", "EPRT", "PORT") and isinstance(self.sock, ssl.SSLSocket):
            self.session = self.sock.session or self.session  # none any more after CCC
        return got

    def secured(self, data):
        if not self.is_private:
            return data
        return self.context.wrap_socket(data, session=self.session if self.resumes else self.other, server_hostname=self.name,
                                        suppress_ragged_eofs=False)

    def end_data(self, data):
        """Under TLS: sends close_notify and reads the server's, which must be there."""
        if self.is_private:
            data.unwrap()
        else:
            super().end_data(data)


# --- test cases ---------------------------------------------------------------------------------------------------

class ServerCase(unittest.TestCase):
    """A class of tests that share one server. conf: its options; prepare(): its files, before it starts. A test that goes
    through several ways of doing the same sets self.way, for its failure's line."""
    conf = {}
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.root = make_dir(os.path.join(WORK, cls.__name__, "pub"), "ftp")
        os.chmod(os.path.dirname(cls.root), 0o755)
        cls.server = None
        cls.prepare()
        if cls.conf is not None:
            cls.server = cls.start_server(cls.conf)

    @classmethod
    def tearDownClass(cls):
        if cls.server:
            cls.server.stop()
        left = listening_ports()
        if left:
            raise AssertionError(f"ports left listening: {sorted(left)}")
        shutil.rmtree(os.path.dirname(cls.root), ignore_errors=True)

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def start_server(cls, conf, **popen):
        return Server(conf, cls.__name__).start(**popen)

    def setUp(self):
        self.servers = [self.server] if self.server else []  # whose last words are shown when the test fails

    def own_server(self, conf, **popen):
        """A server for this test only."""
        server = Server(conf, self.id().rsplit(".", 1)[1])
        self.servers = [server]
        self.addCleanup(server.stop)
        return server.start(**popen)

    def client(self, *args, **kw):
        c = self.server.client(*args, **kw)
        self.addCleanup(c.close)
        return c

    def anonymous(self, *args, **kw):
        c = self.client(*args, **kw)
        return c.login("anonymous", "test@")

    def as_user(self, name, *args, **kw):
        return self.client(*args, **kw).login(name, PASSWORD)

    def path(self, name):
        return os.path.join(self.root, name)

    def disk(self, name):
        return read_file(self.path(name))

    def expect(self, client, table):
        """Each row: command, code, and what its last line must contain."""
        for line, code, *text in table:
            with self.subTest(command=line):
                got = client.cmd(line)
                self.assertEqual(got.code, code, got.lines)
                for part in text:
                    self.assertIn(part, "\n".join(got.lines))

    def assert_served(self, server=None):
        """Does a new session work?"""
        with (server or self.server).client() as c:
            self.assertEqual(c.greeting.code, 220)
            c.want("USER anonymous", 331)
            c.want("PASS x@", 230)
            c.want("PWD", 257)


class AnonymousCase(ServerCase):
    """Anonymous may do everything below cls.root, as /pub."""
    options = {}

    @classmethod
    def setUpClass(cls):
        top = os.path.join(WORK, cls.__name__)
        os.makedirs(top, exist_ok=True)
        cls.conf = {"anonymous_enable": "YES", "anon_root": top, "write_enable": "YES", "anon_upload_enable": "YES",
                    "anon_mkdir_write_enable": "YES", "anon_other_write_enable": "YES", "anon_umask": "022",
                    "anon_world_readable_only": "YES", "connect_from_port_20": "YES", **cls.options}
        super().setUpClass()

    def anonymous(self, *args, **kw):
        c = super().anonymous(*args, **kw)
        c.want("CWD /pub", 250)
        c.want("TYPE I", 200)
        return c
