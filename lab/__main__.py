# SPDX-License-Identifier: BSD-2-Clause
"""sudo ./run lab: a guide to FTP behind iptables, live. See the usage in words.py."""
import dataclasses
import glob
import os
import shutil
import subprocess
import sys
import tempfile

import cell
import hosts
import page
import play
import rows
import tell
import words

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
USAGE = 2
UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}


@dataclasses.dataclass
class Options:
    rows: tuple = tuple(rows.ROWS)
    sides: tuple = ("kernel", "sallywall")
    server: str = "sallyd"
    size: int = 4 * 10**6
    patience: float = 2
    language: str = ""
    html: str = ""
    programs: str = os.path.join(TOP, "build")  # --programs, for tests


class Wrong(Exception):
    """A name of WORDS, and its words."""


# --- the command line -----------------------------------------------------------------------------------------------

def number(option, value, least, most, unit=1):
    try:
        found = float(value) * unit
    except ValueError:
        found = least - 1
    if not least <= found <= most:
        raise Wrong("WRONG_NUMBER", option, value, least, most)
    return found


def size(option, value):
    unit = UNITS.get(value[-1:], 1)
    return int(number(option, value[:-1] if unit > 1 else value, 1, 10**13, unit))


def one_of(option, value, allowed):
    if value not in allowed:
        raise Wrong("WRONG_VALUE", option, value, ", ".join(allowed))
    return allowed[value]


def take(options, name, value):
    if name == "--rows":
        chosen = [one_of(name, word, rows.ROWS).name for word in value.split(",")]
        options.rows = tuple(row for row in rows.ROWS if row in chosen)
    elif name == "--wall":
        options.sides = one_of(name, value, {"kernel": ("kernel",), "sallywall": ("sallywall",), "both": ("kernel", "sallywall")})
    elif name == "--server":
        options.server = one_of(name, value, {"sallyd": "sallyd", "vsftpd": "vsftpd"})
    elif name == "--file":
        options.size = size(name, value)
    elif name == "--patience":
        options.patience = number(name, value, 0.5, 3600)
    elif name == "--html":
        options.html = os.path.abspath(value)
    elif name == "--programs":
        options.programs = os.path.abspath(value)


VALUED = ("--rows", "--wall", "--server", "--file", "--patience", "--lang", "--html", "--programs")


def parse(argv):
    """(name, value) of each option."""
    argv = list(argv)
    while argv:
        name, equals, value = argv.pop(0).partition("=")
        if name in ("-h", "--help"):
            yield "--help", ""
            continue
        if name not in VALUED:
            raise Wrong("WRONG_OPTION", name)
        if not equals and not argv:
            raise Wrong("WANTS_VALUE", name)
        yield name, value if equals else argv.pop(0)


def language_of(argv):
    """What is wrong with the other options is said in it."""
    found = words.of_locale()
    for at, word in enumerate(argv):
        value = word[7:] if word.startswith("--lang=") else argv[at + 1] if word == "--lang" and at + 1 < len(argv) else None
        found = value if value in words.LANGUAGES else found
    return found


def options_of(argv, say):
    """None: help was asked for, and given."""
    options = Options(language=say.language)
    for name, value in parse(argv):
        if name == "--help":
            print(say("USAGE") + "\n" + say("OPTIONS"), end="")
            return None
        if name == "--lang":
            one_of(name, value, dict.fromkeys(words.LANGUAGES))
        take(options, name, value)
    if options.html and not os.path.isdir(os.path.dirname(options.html)):
        raise Wrong("NO_FILE", options.html, os.strerror(2))
    return options


# --- what is needed -------------------------------------------------------------------------------------------------

def programs_of(options):
    """{name: path}, each of which is there."""
    found = {name: os.path.join(options.programs, name) for name in ("sally", "sallyd", "sallywall")}
    for path in found.values():
        if not os.access(path, os.X_OK):
            raise Wrong("NO_PROGRAM", path)
    peers = os.path.join(options.programs, "peers")
    if options.server == "vsftpd":
        there = glob.glob(peers + "/**/sbin/vsftpd", recursive=True)
        if not there:
            raise Wrong("NO_VSFTPD", peers)
        found["vsftpd"] = there[0]
    return found


def brought(programs, peers, folder):
    """The same, below folder: where they are is hidden if it is below /home."""
    os.mkdir(os.path.join(folder, "bin"))
    found = {name: shutil.copy(os.path.realpath(path), os.path.join(folder, "bin", name))
             for name, path in programs.items() if name != "vsftpd"}
    if "vsftpd" in programs:  # with its libraries
        os.mkdir(os.path.join(folder, "peers"))
        cell.mount(peers, os.path.join(folder, "peers"), flags=cell.BIND)
        found["vsftpd"] = os.path.join(folder, "peers", os.path.relpath(programs["vsftpd"], peers))
    return found


def need_space(folder, options):
    if options.size > cell.IN_MEMORY:
        free, needed = shutil.disk_usage(folder).free, 2 * options.size + (64 << 20)
        if free < needed:
            raise Wrong("NO_SPACE", folder, free, needed)


# --- inside ---------------------------------------------------------------------------------------------------------

def sides_of(lab, options, say):
    """Those that can be played; the wall needs a kernel that takes it."""
    sides = list(options.sides)
    if "sallywall" in sides:
        world, program = lab.world("sallywall", False), lab.programs["sallywall"]
        environment = {**hosts.ENVIRONMENT, "SALLYWALL_DIR": lab.path("state")}
        status, out = world.firewall.run([program, "up"], env=environment)
        if status:
            print(f"lab: {say('NO_WALL')}\n{out}", file=sys.stderr)
            sides.remove("sallywall")
        else:
            world.firewall.must([program, "down"])
    return sides


def play_all(folder, options, say, out):
    """0, or 1 if anything came out otherwise than it should."""
    programs = brought(programs_of(options), os.path.join(options.programs, "peers"), folder)
    cell.mount(os.path.join(folder, "home"), "/home", flags=cell.BIND)
    lab = play.Lab(folder, programs, options, say)
    release = os.uname().release.split("-")[0]
    teller = tell.Teller(say, sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    teller.begin(release, options.server)
    sides = sides_of(lab, options, say)
    played = []
    for row in (rows.ROWS[name] for name in options.rows):
        teller.begin_row(row)
        shown = []
        for side in sides:
            teller.begin_side(side)
            played.append(play.Play(lab, row, side, teller.tell, shown).play())
        teller.end_row(row, sides)
    outcomes = [outcome for one in played for outcome in one.outcomes]
    teller.summary(outcomes)
    out.write(page.write(say, release, options.server, played).encode())
    out.flush()
    is_right = all(outcome.is_right() for outcome in outcomes) and sides == list(options.sides)
    return 0 if is_right else 1


def inside(folder, options, say, out):
    try:
        return play_all(folder, options, say, out)
    except Wrong as wrong:
        print(say(*wrong.args), file=sys.stderr)
    except hosts.Failed as failed:
        print(say("FAILED", failed), file=sys.stderr)
    except subprocess.TimeoutExpired as late:
        print(say("FAILED", late), file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    return 1


# --- outside --------------------------------------------------------------------------------------------------------

def save(text, path):
    """Belongs to who called sudo."""
    with open(path, "wb") as f:
        f.write(text)
    owner = os.environ.get("SUDO_UID", "")
    if owner.isdigit():
        os.chown(path, int(owner), int(os.environ.get("SUDO_GID", owner)))


def main(argv):
    say = words.Words(language_of(argv))
    try:
        options = options_of(argv, say)
        if options is None:
            return 0
        if os.geteuid():
            raise Wrong("NEEDS_ROOT")
        programs_of(options)
        need_space(tempfile.gettempdir(), options)
    except Wrong as wrong:
        print(say(*wrong.args), file=sys.stderr)
        return USAGE
    with os.fdopen(os.memfd_create("page"), "w+b", buffering=0) as out:
        status = cell.run(lambda folder: inside(folder, options, say, out), options.size)
        if status > 128:
            print("\n" + say("INTERRUPTED"), file=sys.stderr)
            return status
        out.seek(0)
        text = out.read()
    if options.html and text:
        try:
            save(text, options.html)
        except OSError as error:
            print(say("NO_FILE", options.html, error.strerror), file=sys.stderr)
            return 1
        print("  " + say("PAGE_WRITTEN", options.html))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
