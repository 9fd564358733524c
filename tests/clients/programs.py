# SPDX-License-Identifier: BSD-2-Clause
"""The client programs, one entry each: the package, how it is started, and how it says what a case asks for.

In a verb's words {r} is a name at the server, {l} one at the client, {to} a new name, {at} an offset, all quoted as the
client wants it; {u} and {dir} are the URL of r, as a file and as a folder; {base} is the URL of the root. A client with a
session is one program that reads all steps of a case from its standard input; without one, each verb is a command line of
its own. {mode} is what modes has for the mode that is tried, {tls} and {scheme} what tls has for the way of beginning TLS.
"""
import collections
import dataclasses
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build/clients")  # what isn't installed but unpacked
DRIVERS = os.path.join(HERE, "drivers")
SECONDS = 20  # for one case
BOTH = {"passive": "", "active": ""}
HOSTS = {"IPv4": "127.0.0.1", "IPv6": "::1"}
NO_IPV6 = ("IPv4",)  # it has none
BEGINS = {"": "", "TLS 1.2": "AUTH", "TLS 1.3": "AUTH", "implicit TLS": "implicit"}  # security: how TLS begins

# How a case is tried: passive or active, a key of HOSTS, a key of BEGINS
Way = collections.namedtuple("Way", "mode family security")


def way_name(way):
    return " ".join([way.mode] + [way.family] * (way.family != "IPv4" or bool(way.security)) + [way.security] * bool(way.security))


def raw(text):
    return text


def in_quotes(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_url(text):
    return urllib.parse.quote(os.fsencode(text))


@dataclasses.dataclass
class Client:
    name: str
    package: str
    program: str  # must be found on the path, or be a file below build/clients
    verbs: dict
    modes: dict
    session: str = ""
    begin: str = ""
    end: str = ""
    quote: object = shlex.quote
    quick: bool = False  # is in ./run check
    families: tuple = tuple(HOSTS)
    tls: dict = dataclasses.field(default_factory=dict)  # how TLS begins ("AUTH", "implicit"): its words, and the URL's scheme
    tls_modes: tuple = ("passive", "active")
    ipv6_modes: tuple = ("passive", "active")

    def is_here(self):
        return bool(shutil.which(self.program, path=environment()["PATH"])) or os.path.exists(os.path.join(BUILD, self.program))

    def can(self, case):
        return all(verb in self.verbs for verb, _ in case.steps)

    def ways(self):
        """All that it can: each mode by each family, in the clear and under each version of TLS. Implicit TLS is asked for once."""
        for security, begin in BEGINS.items():
            if security and begin not in self.tls:
                continue
            for family in self.families if security != "implicit TLS" else ["IPv4"]:
                for mode in self.modes:
                    if (not security or mode in self.tls_modes) and (family == "IPv4" or mode in self.ipv6_modes) and \
                            (security, mode) != ("implicit TLS", "active"):
                        yield Way(mode, family, security)

    def words(self, user, password, way, port):
        """What the templates may name, of a server, as self.quote and the shell want it."""
        host = HOSTS[way.family]
        urlhost = f"[{host}]" if ":" in host else host
        at = f"{urlhost}:{port}"
        begin = BEGINS[way.security]
        tls, scheme = self.tls[begin] if begin else self.tls.get("", ("", "ftp"))
        rawbase = f"{scheme}://{user}:{password}@{at}/"
        words = dict(host=host, urlhost=urlhost, port=port, mode=self.modes[way.mode], tls=tls, scheme=scheme, drivers=DRIVERS, build=BUILD,
                     base=f"{scheme}://{as_url(user)}:{as_url(password).replace('/', '%2F')}@{at}/")
        return [words | dict(user=quote(user), password=quote(password), rawbase=quote(rawbase)) for quote in (self.quote, shlex.quote)]

    def run(self, case, side, user, password, way):
        """Does the steps of a case; what the client said. It ran to its end or was ended after SECONDS."""
        words, for_shell = self.words(user, password, way, side.port(case.user, way))
        words["home"] = for_shell["home"] = side.home
        steps = [self.say(verb, names, words) for verb, names in case.steps]
        if not self.session:
            return self.run_each(steps, side, way.mode)
        script = "\n".join([self.begin.format(**words)] * bool(self.begin) + steps + [self.end] * bool(self.end)) + "\n"
        return shell(self.session.format(**for_shell), side, way.mode, script)

    def run_each(self, steps, side, mode):
        said, end = "", time.monotonic() + SECONDS
        for step in steps:
            said += shell(step, side, mode, seconds=max(0.1, end - time.monotonic()))
        return said

    def say(self, verb, names, words):
        remote = names["r"]
        folder, name = os.path.dirname(remote) or ".", os.path.basename(remote)
        url = words["base"] + as_url(remote)
        names = {key: self.quote(word) for key, word in {**names, "folder": folder, "name": name}.items()}
        return self.verbs[verb].format(**words, **names, raw_name=name, u=shlex.quote(url), dir=shlex.quote(url + "/"),
                                       dir_of=shlex.quote(words["base"] + as_url(folder)))


def environment():
    """Of a client: what is unpacked is found, and nothing of the user's own settings."""
    root = BUILD + "/root"
    return {"PATH": f"{root}/usr/bin:" + os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb", "ERL_ROOTDIR": root + "/usr/lib/erlang",
            "no_proxy": "*", "NODE_PATH": BUILD + "/npm/node_modules"}


def shell(command, side, mode, script="", seconds=SECONDS):
    env = environment() | {"HOME": side.home, "FTP_PASSIVE": str(int(mode == "passive"))}
    child = subprocess.Popen(["sh", "-c", command], cwd=side.local, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    try:
        said, ended = child.communicate(script.encode("utf-8", "surrogateescape"), seconds)[0], ""
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        said, ended = child.communicate()[0], f"\nended after {SECONDS} seconds"
    if child.returncode and not ended:
        ended = f"\nstatus {child.returncode}"
    return said.decode("utf-8", "surrogateescape") + ended


# --- programs with a command language -----------------------------------------------------------------------------

BSD = {"list": "ls {r}", "get": "get {r} {l}", "put": "put {l} {r}", "mkdir": "mkdir {r}", "rename": "rename {r} {to}",
       "delete": "delete {r}", "rmdir": "rmdir {r}", "mget": "mget {r}", "get text": "ascii\nget {r} {l}", "put text": "ascii\nput {l} {r}"}
BEGIN = "user {user} {password}\nbinary"
LFTP = ("set net:max-retries 1\nset net:reconnect-interval-base 1\nset net:timeout 10\nset ftp:passive-mode {mode}\nset cmd:fail-exit yes\nset xfer:clobber on\n"
        "set ssl:verify-certificate no\nset ftp:ssl-protect-data yes\nset ftp:ssl-force {tls}\n"
        "open -u {user},{password} -p {port} {scheme}://{host}")
LFTP_VERBS = {"list": "ls {r}", "get": "get {r} -o {l}", "resume": "get -c {r} -o {l}", "put": "put {l} -o {r}", "mkdir": "mkdir {r}",
              "rename": "mv {r} {to}", "delete": "rm {r}", "rmdir": "rmdir {r}", "mget": "cd {folder}\nmget {name}",
              "mirror": "mirror {r} {l}", "upload": "mirror -R {l} {r}", "get text": "get -a {r} -o {l}", "put text": "put -a {l} -o {r}"}

# --- libraries, each with a small program of ours that reads the steps (drivers/) ----------------------------------

WORDS = {"list": "list\t{r}", "get": "get\t{r}\t{l}", "resume": "resume\t{r}\t{l}\t{at}", "put": "put\t{r}\t{l}", "mkdir": "mkdir\t{r}",
         "rename": "rename\t{r}\t{to}", "delete": "delete\t{r}", "rmdir": "rmdir\t{r}", "names": "names\t{r}", "mget": "mget\t{r}",
         "mirror": "mirror\t{r}\t{l}", "upload": "upload\t{r}\t{l}", "get text": "gettext\t{r}\t{l}", "put text": "puttext\t{r}\t{l}"}
LIBRARY_TLS = {"AUTH": ("AUTH", "ftp"), "implicit": ("implicit", "ftps"), "": ("clear", "ftp")}
AUTH_ONLY = {begin: LIBRARY_TLS[begin] for begin in ("AUTH", "")}
TEXT = ["get text", "put text"]
EACH_HAS = {"list", "get", "put", "mkdir", "rename", "delete", "rmdir"}


def library(name, package, program, command, more=(), modes=("passive", "active"), tls=None, **more_fields):
    verbs = {verb: WORDS[verb] for verb in [*EACH_HAS, *more]}
    return Client(name, package, program, verbs, {mode: mode for mode in modes},
                  command + " {host} {port} {user} {password} {mode}" + " {tls}" * bool(tls), quote=raw, tls=tls or {}, **more_fields)


def curl_tls_modes():
    """curl 7.87 and 7.88 never begin TLS on an active data channel (curl#10666): not asked, as each try lasts until it is ended."""
    said = subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout if shutil.which("curl") else ""
    return ("passive",) if re.match(r"curl 7\.8[78]\.", said) else ("passive", "active")


CURL = "curl -sS {mode} {tls} "
WGET = "wget -nv {mode} {tls} "
RCLONE = "rclone {tls} --config /dev/null --ftp-host {urlhost} --ftp-port {port} --ftp-user {user} --ftp-pass $(rclone obscure {password}) --retries 1 "
# Its sessions at the same time share one cache of TLS sessions, so that a data channel may show what another session was given.
ONE = "--ftp-concurrency 1 --transfers 1 --checkers 1 "

CLIENTS = [
    Client("tnftp", "tnftp", "tnftp", BSD | {"resume": "reget {r} {l}"}, {"passive": "-p", "active": "-A"},
           "tnftp {mode} -i -n -v -P {port} {host}", BEGIN, "quit", in_quotes, quick=True),
    Client("inetutils-ftp", "inetutils-ftp", "inetutils-ftp", BSD | {"resume": "reget {r} {l}"}, {"passive": "-p", "active": "-A"},
           "inetutils-ftp {mode} -i -n -v {host} {port}", BEGIN, "quit", in_quotes, quick=True),
    Client("ncftp", "ncftp", "ncftp",
           {"list": "ls {r}", "get": "get -z {r} {l}", "resume": "get -z {r} {l}", "put": "put -z {l} {r}", "mkdir": "mkdir {r}",
            "rename": "rename {r} {to}", "delete": "rm {r}", "rmdir": "rmdir {r}", "mget": "cd {folder}\nget {raw_name}", "mirror": "get -R {r}",
            "upload": "cd in\nput -R {l}"}, {"passive": "on", "active": "off"},
           "ncftp", "set passive {mode}\nset auto-resume yes\nopen -u {user} -p {password} -P {port} {host}", "quit", in_quotes,
           families=NO_IPV6),
    Client("lftp", "lftp", "lftp", LFTP_VERBS, {"passive": "on", "active": "off"}, "lftp --norc", LFTP, "bye", in_quotes, quick=True,
           tls={"": ("no", "ftp"), "AUTH": ("yes", "ftp"), "implicit": ("yes", "ftps")},
           ipv6_modes=("passive",)),  # active, it names the address :: in EPRT
    Client("yafc", "yafc", "yafc",
           {"list": "ls -l {r}", "get": "get {r} -o {l}", "resume": "get -R {r} -o {l}", "put": "put {l} -o {r}", "mkdir": "mkdir {r}",
            "rename": "mv {r} {to}", "delete": "rm -f {r}", "rmdir": "rmdir {r}", "mget": "cd {folder}\nget {raw_name}", "mirror": "get -r {r}",
            "upload": "cd in\nput -r {l}"}, {"passive": "yes", "active": "no"},
           "echo use_passive_mode {mode} >{home}/rc; yafc -r {home}/rc -q -W {home}", "open {rawbase}", "quit", in_quotes),
    Client("gftp-text", "gftp-text", "gftp-text",
           {"list": "cd {r}\nls", "get": "cd {folder}\nget {name}", "mkdir": "mkdir {r}", "rename": "rename {r} {to}", "delete": "delete {r}",
            "rmdir": "rmdir {r}"}, BOTH,
           "mkdir -p {home}/.gftp; echo verify_ssl_peer=0 >{home}/.gftp/gftprc; gftp-text {rawbase}", "", "quit", raw, families=NO_IPV6,
           tls={"AUTH": ("", "ftps"), "implicit": ("", "ftpsi")}, tls_modes=("passive",)),

    # --- programs of one command line ---
    Client("curl", "curl", "curl",
           {"list": CURL + "-g {dir}", "get": CURL + "-g -o {l} {u}", "resume": CURL + "-g -C - -o {l} {u}", "put": CURL + "-g -T {l} {u}",
            "mkdir": CURL + "-g -Q 'MKD '{r} {base}", "rename": CURL + "-g -Q 'RNFR '{r} -Q 'RNTO '{to} {base}",
            "delete": CURL + "-g -Q 'DELE '{r} {base}", "rmdir": CURL + "-g -Q 'RMD '{r} {base}", "get text": CURL + "-g -B -o {l} {u}",
            "put text": CURL + "-g -B --crlf -T {l} {u}", "get each": CURL + "-o {l}#1 {u}'{{1,2,3}}'", "put each": CURL + "-T {l}'{{1,2,3}}' {dir}"},
           {"passive": "", "active": "-P -"}, quick=True, tls={"AUTH": ("-k --ssl-reqd", "ftp"), "implicit": ("-k", "ftps")},
           tls_modes=curl_tls_modes()),
    Client("wget", "wget", "wget",
           {"list": WGET + "--no-remove-listing -O /dev/null {dir}; cat .listing", "get": WGET + "-O {l} {u}", "resume": WGET + "-c -O {l} {u}",
            "mirror": WGET + "-r -nH {dir}", "get text": WGET + "-O {l} {u}';type=a'", "get each": WGET + "{u}1 {u}2 {u}3"},
           {"passive": "-t 1 -T 10", "active": "-t 1 -T 10 --no-passive-ftp"}, quick=True,
           tls={"AUTH": ("--no-check-certificate", "ftps"), "implicit": ("--no-check-certificate --ftps-implicit", "ftps")}),
    Client("wget -m, globs", "wget", "wget", {"mget": "wget -nv {mode} -nH {dir_of}/{raw_name}"},
           {"passive": "-t 1 -T 10", "active": "-t 1 -T 10 --no-passive-ftp"}),
    Client("aria2", "aria2", "aria2c", {"get": "aria2c {mode} -o {l} {u}", "resume": "aria2c {mode} -c -o {l} {u}"},
           {"passive": "--no-conf --ftp-pasv=true", "active": "--no-conf --ftp-pasv=false"}),
    Client("axel", "axel", "axel", {"get": "axel -q -n 1 -o {l} {u}"}, {"passive": ""},
           families=NO_IPV6),  # its ftps waits for ever: it begins TLS on the data channel before it sends RETR
    Client("rclone", "rclone", "rclone",
           {"list": RCLONE + "lsf :ftp:{r}", "get": RCLONE + "copyto :ftp:{r} {l}", "put": RCLONE + "copyto {l} :ftp:{r}",
            "mkdir": RCLONE + "mkdir :ftp:{r}", "rename": RCLONE + "moveto :ftp:{r} :ftp:{to}",
            "delete": RCLONE + "deletefile :ftp:{r}", "rmdir": RCLONE + "rmdir :ftp:{r}",
            "mget": RCLONE + "copy --include {name} :ftp:{folder} .", "mirror": RCLONE + "copy :ftp:{r} {l}",
            "upload": RCLONE + "copy {l} :ftp:{r}"}, {"passive": ""},
           tls={"AUTH": (ONE + "--ftp-explicit-tls --ftp-no-check-certificate", "ftp"), "implicit": (ONE + "--ftp-tls --ftp-no-check-certificate", "ftps")}),
    Client("wput", "wput", "wput", {"put": "wput -B -t 1 {mode} {tls} {l} {u}"}, {"passive": "", "active": "-p"},
           families=NO_IPV6, tls={"AUTH": ("--force-tls", "ftp")}, tls_modes=("passive",)),
    Client("busybox", "busybox", "busybox",
           {"get": "busybox ftpget -u {user} -p {password} -P {port} {host} {l} {r}",
            "resume": "busybox ftpget -c -u {user} -p {password} -P {port} {host} {l} {r}",
            "put": "busybox ftpput -u {user} -p {password} -P {port} {host} {r} {l}"}, {"passive": ""}),
    Client("busybox wget", "busybox", "busybox", {"get": "busybox wget -q -O {l} {base}{r}", "resume": "busybox wget -q -c -O {l} {base}{r}"}, {"passive": ""}),
    Client("lwp-download", "libwww-perl", "lwp-download", {"list": "lwp-request -m GET {dir}", "get": "lwp-download {u} {l}",
                                                           "put": "lwp-request -m PUT {u} <{l}"}, BOTH),

    # --- libraries ---
    library("Python ftplib", "python3", "python3", "python3 {drivers}/ftplib_driver.py", [*TEXT, "resume", "names", "mget", "mirror"], quick=True,
            tls=AUTH_ONLY),
    library("ftplib, resuming", "python3", "python3", "python3 {drivers}/ftplib_driver.py", [*TEXT, "resume", "mirror"],
            tls={"": ("clear", "ftp"), "AUTH": ("AUTH-and-resume", "ftp")}),
    library("Perl Net::FTP", "libio-socket-ssl-perl", "perl", "perl {drivers}/net_ftp.pl", [*TEXT, "resume", "names", "mget"], quick=True, tls=LIBRARY_TLS),
    library("Ruby net/ftp", "ruby", "ruby", "ruby {drivers}/net_ftp.rb", [*TEXT, "resume", "names", "mget"], tls=AUTH_ONLY),
    library("PHP ftp_*", "php-cli", "php", "php -n -d extension_dir=$(dirname {build}/root/usr/lib/php/*/ftp.so) -d extension=ftp.so {drivers}/ftp.php",
            [*TEXT, "resume", "names", "mget"], tls=AUTH_ONLY),
    library("Tcllib ftp", "tcllib", "tclsh", "tclsh {drivers}/ftp.tcl", [*TEXT, "resume", "names", "mget"]),
    library("Erlang ftp", "erlang-ftp", "escript", "escript {drivers}/ftp.escript", [*TEXT, "names", "mget"], tls=LIBRARY_TLS),
    library("Java commons-net", "libcommons-net-java", "Commons.class", "java -XX:TieredStopAtLevel=1 -cp {build}:/usr/share/java/commons-net.jar Commons",
            [*TEXT, "resume", "names", "mget", "mirror"], tls=LIBRARY_TLS),
    library("basic-ftp", "npm: basic-ftp", "npm/node_modules/basic-ftp", "node {drivers}/basic_ftp.js", ["resume", "mirror", "upload"], ["passive"],
            LIBRARY_TLS),
    Client("FileZilla", "filezilla", "filezilla", {verb: WORDS[verb] for verb in ("get", "put")}, {"passive": "passive", "active": "active"},
           "python3 {drivers}/filezilla.py {host} {port} {user} {password} {mode} {tls}", quote=raw, tls=LIBRARY_TLS),
    library("jsftp", "npm: jsftp", "npm/node_modules/jsftp", "node {drivers}/jsftp.js", [], ["passive"]),
]
