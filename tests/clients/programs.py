# SPDX-License-Identifier: BSD-2-Clause
"""The client programs, one entry each: the package, how it is started, and how it says what a case asks for.

In a verb's words {r} is a name at the server, {l} one at the client, {to} a new name, {at} an offset, all quoted as the
client wants it; {u} and {dir} are the URL of r, as a file and as a folder; {base} is the URL of the root. A client with a
session is one program that reads all steps of a case from its standard input; without one, each verb is a command line of
its own. {mode} is what modes has for the mode that is tried.
"""
import dataclasses
import os
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

    def is_here(self):
        return bool(shutil.which(self.program, path=environment()["PATH"])) or os.path.exists(os.path.join(BUILD, self.program))

    def can(self, case):
        return all(verb in self.verbs for verb, _ in case.steps)

    def run(self, case, side, user, password, mode):
        """Does the steps of a case; what the client said. It ran to its end or was ended after SECONDS."""
        words = dict(host="127.0.0.1", port=side.ports[case.user], mode=self.modes[mode], drivers=DRIVERS, build=BUILD, home=side.home,
                     user=self.quote(user), password=self.quote(password))
        words["base"] = f"ftp://{as_url(user)}:{as_url(password).replace('/', '%2F')}@127.0.0.1:{words['port']}/"
        words["rawbase"] = self.quote(f"ftp://{user}:{password}@127.0.0.1:{words['port']}/")
        steps = [self.say(verb, names, words) for verb, names in case.steps]
        if not self.session:
            return self.run_each(steps, side, mode)
        script = "\n".join([self.begin.format(**words)] * bool(self.begin) + steps + [self.end] * bool(self.end)) + "\n"
        words.update(user=shlex.quote(user), password=shlex.quote(password), rawbase=shlex.quote(f"ftp://{user}:{password}@127.0.0.1:{words['port']}/"))
        return shell(self.session.format(**words), side, mode, script)

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
       "delete": "delete {r}", "rmdir": "rmdir {r}", "mget": "mget {r}"}
BEGIN = "user {user} {password}\nbinary"
LFTP = ("set net:max-retries 1\nset net:timeout 10\nset ftp:passive-mode {mode}\nset cmd:fail-exit yes\nset xfer:clobber on\n"
        "open -u {user},{password} -p {port} {host}")
LFTP_VERBS = {"list": "ls {r}", "get": "get {r} -o {l}", "resume": "get -c {r} -o {l}", "put": "put {l} -o {r}", "mkdir": "mkdir {r}",
              "rename": "mv {r} {to}", "delete": "rm {r}", "rmdir": "rmdir {r}", "mget": "cd {folder}\nmget {name}",
              "mirror": "mirror {r} {l}", "upload": "mirror -R {l} {r}"}

# --- libraries, each with a small program of ours that reads the steps (drivers/) ----------------------------------

WORDS = {"list": "list\t{r}", "get": "get\t{r}\t{l}", "resume": "resume\t{r}\t{l}\t{at}", "put": "put\t{r}\t{l}", "mkdir": "mkdir\t{r}",
         "rename": "rename\t{r}\t{to}", "delete": "delete\t{r}", "rmdir": "rmdir\t{r}", "names": "names\t{r}", "mget": "mget\t{r}",
         "mirror": "mirror\t{r}\t{l}", "upload": "upload\t{r}\t{l}"}
EACH_HAS = {"list", "get", "put", "mkdir", "rename", "delete", "rmdir"}


def library(name, package, program, command, more=(), modes=("passive", "active"), quick=False):
    verbs = {verb: WORDS[verb] for verb in [*EACH_HAS, *more]}
    return Client(name, package, program, verbs, {mode: mode for mode in modes}, command + " {host} {port} {user} {password} {mode}",
                  quote=raw, quick=quick)


RCLONE = "rclone --config /dev/null --ftp-host {host} --ftp-port {port} --ftp-user {user} --ftp-pass $(rclone obscure {password}) --retries 1 "

CLIENTS = [
    Client("tnftp", "tnftp", "tnftp", BSD | {"resume": "reget {r} {l}"}, {"passive": "-p", "active": "-A"},
           "tnftp {mode} -i -n -v -P {port} {host}", BEGIN, "quit", in_quotes, quick=True),
    Client("inetutils-ftp", "inetutils-ftp", "inetutils-ftp", BSD | {"resume": "reget {r} {l}"}, {"passive": "-p", "active": "-A"},
           "inetutils-ftp {mode} -i -n -v {host} {port}", BEGIN, "quit", in_quotes, quick=True),
    Client("ncftp", "ncftp", "ncftp",
           {"list": "ls {r}", "get": "get -z {r} {l}", "resume": "get -z {r} {l}", "put": "put -z {l} {r}", "mkdir": "mkdir {r}",
            "rename": "rename {r} {to}", "delete": "rm {r}", "rmdir": "rmdir {r}", "mget": "cd {folder}\nget {raw_name}", "mirror": "get -R {r}",
            "upload": "cd in\nput -R {l}"}, {"passive": "on", "active": "off"},
           "ncftp", "set passive {mode}\nset auto-resume yes\nopen -u {user} -p {password} -P {port} {host}", "quit", in_quotes),
    Client("lftp", "lftp", "lftp", LFTP_VERBS, {"passive": "on", "active": "off"}, "lftp --norc", LFTP, "bye", in_quotes, quick=True),
    Client("yafc", "yafc", "yafc",
           {"list": "ls -l {r}", "get": "get {r} -o {l}", "resume": "get -R {r} -o {l}", "put": "put {l} -o {r}", "mkdir": "mkdir {r}",
            "rename": "mv {r} {to}", "delete": "rm -f {r}", "rmdir": "rmdir {r}", "mget": "cd {folder}\nget {raw_name}", "mirror": "get -r {r}",
            "upload": "cd in\nput -r {l}"}, {"passive": "yes", "active": "no"},
           "echo use_passive_mode {mode} >{home}/rc; yafc -r {home}/rc -q -W {home}", "open {rawbase}", "quit", in_quotes),
    Client("gftp-text", "gftp-text", "gftp-text",
           {"list": "cd {r}\nls", "get": "cd {folder}\nget {name}", "mkdir": "mkdir {r}", "rename": "rename {r} {to}", "delete": "delete {r}",
            "rmdir": "rmdir {r}"}, BOTH, "gftp-text {rawbase}", "", "quit", raw),

    # --- programs of one command line ---
    Client("curl", "curl", "curl",
           {"list": "curl -sS -g {mode} {dir}", "get": "curl -sS -g {mode} -o {l} {u}", "resume": "curl -sS -g {mode} -C - -o {l} {u}",
            "put": "curl -sS -g {mode} -T {l} {u}", "mkdir": "curl -sS -g {mode} -Q 'MKD '{r} {base}",
            "rename": "curl -sS -g {mode} -Q 'RNFR '{r} -Q 'RNTO '{to} {base}", "delete": "curl -sS -g {mode} -Q 'DELE '{r} {base}",
            "rmdir": "curl -sS -g {mode} -Q 'RMD '{r} {base}"}, {"passive": "", "active": "-P -"}, quick=True),
    Client("wget", "wget", "wget",
           {"list": "wget -nv {mode} --no-remove-listing -O /dev/null {dir}; cat .listing", "get": "wget -nv {mode} -O {l} {u}",
            "resume": "wget -nv {mode} -c -O {l} {u}", "mirror": "wget -nv {mode} -r -nH {dir}"},
           {"passive": "-t 1 -T 10", "active": "-t 1 -T 10 --no-passive-ftp"}, quick=True),
    Client("wget -m, globs", "wget", "wget", {"mget": "wget -nv {mode} -nH {dir_of}/{raw_name}"},
           {"passive": "-t 1 -T 10", "active": "-t 1 -T 10 --no-passive-ftp"}),
    Client("aria2", "aria2", "aria2c", {"get": "aria2c {mode} -o {l} {u}", "resume": "aria2c {mode} -c -o {l} {u}"},
           {"passive": "--no-conf --ftp-pasv=true", "active": "--no-conf --ftp-pasv=false"}),
    Client("axel", "axel", "axel", {"get": "axel -q -n 1 -o {l} {u}"}, {"passive": ""}),
    Client("rclone", "rclone", "rclone",
           {"list": RCLONE + "lsf :ftp:{r}", "get": RCLONE + "copyto :ftp:{r} {l}", "put": RCLONE + "copyto {l} :ftp:{r}",
            "mkdir": RCLONE + "mkdir :ftp:{r}", "rename": RCLONE + "moveto :ftp:{r} :ftp:{to}",
            "delete": RCLONE + "deletefile :ftp:{r}", "rmdir": RCLONE + "rmdir :ftp:{r}",
            "mget": RCLONE + "copy --include {name} :ftp:{folder} .", "mirror": RCLONE + "copy :ftp:{r} {l}",
            "upload": RCLONE + "copy {l} :ftp:{r}"}, {"passive": ""}),
    Client("wput", "wput", "wput", {"put": "wput -B -t 1 {mode} {l} {u}"}, {"passive": "", "active": "-p"}),
    Client("busybox", "busybox", "busybox",
           {"get": "busybox ftpget -u {user} -p {password} -P {port} {host} {l} {r}",
            "resume": "busybox ftpget -c -u {user} -p {password} -P {port} {host} {l} {r}",
            "put": "busybox ftpput -u {user} -p {password} -P {port} {host} {r} {l}"}, {"passive": ""}),
    Client("busybox wget", "busybox", "busybox", {"get": "busybox wget -q -O {l} {base}{r}", "resume": "busybox wget -q -c -O {l} {base}{r}"}, {"passive": ""}),
    Client("lwp-download", "libwww-perl", "lwp-download", {"list": "lwp-request -m GET {dir}", "get": "lwp-download {u} {l}",
                                                           "put": "lwp-request -m PUT {u} <{l}"}, BOTH),

    # --- libraries ---
    library("Python ftplib", "python3", "python3", "python3 {drivers}/ftplib_driver.py", ["resume", "names", "mget", "mirror"], quick=True),
    library("Perl Net::FTP", "perl", "perl", "perl {drivers}/net_ftp.pl", ["resume", "names", "mget"], quick=True),
    library("Ruby net/ftp", "ruby", "ruby", "ruby {drivers}/net_ftp.rb", ["resume", "names", "mget"]),
    library("PHP ftp_*", "php-cli", "php", "php -n -d extension_dir=$(dirname {build}/root/usr/lib/php/*/ftp.so) -d extension=ftp.so {drivers}/ftp.php",
            ["resume", "names", "mget"]),
    library("Tcllib ftp", "tcllib", "tclsh", "tclsh {drivers}/ftp.tcl", ["resume", "names", "mget"]),
    library("Erlang ftp", "erlang-ftp", "escript", "escript {drivers}/ftp.escript", ["names", "mget"]),
    library("Java commons-net", "libcommons-net-java", "Commons.class", "java -XX:TieredStopAtLevel=1 -cp {build}:/usr/share/java/commons-net.jar Commons",
            ["resume", "names", "mget", "mirror"]),
    library("basic-ftp", "npm: basic-ftp", "npm/node_modules/basic-ftp", "node {drivers}/basic_ftp.js", ["resume", "mirror", "upload"], ["passive"]),
    library("jsftp", "npm: jsftp", "npm/node_modules/jsftp", "node {drivers}/jsftp.js", [], ["passive"]),
]
