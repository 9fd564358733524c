#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Finds results of calls that src/ throws away without saying why. Exit status 0: each has a reason, 1: some have none.

Our own functions are the compiler's business (MUST_USE, src/base/result.h). This reads what is left: `(void)call(...)` and
`(void)!call(...)`, and statements that are nothing but a call of a function in WATCHED. A reason stands in REASONS, once for
all calls of that function, or in a comment on a line of the statement or alone on the line above it.

usage: discards.py [FILE...]    (all of src/, if none is named)
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Calls that can fail, of which a bare statement is as much a discard as a cast.
WATCHED = """
    write read pwrite send sendto sendmsg fcntl ioctl setsockopt ftruncate fallocate fchmod fchmodat fchown fchownat chown
    chmod dup2 dup3 setrlimit getrlimit setsid chdir fchdir chroot unlink unlinkat rename renameat renameat2 mkdir mkdirat
    rmdir link symlink utimensat futimens fsync fdatasync pipe pipe2 socketpair bind listen connect sigaction tcsetattr prctl
    setuid setgid setgroups setresuid setresgid pthread_create pthread_cond_init pthread_mutex_init
    pthread_condattr_setclock pthread_attr_setstacksize asprintf vasprintf getrandom event_add event_base_once
    event_base_dispatch event_assign evbuffer_add evbuffer_remove
    EVP_Digest EVP_DigestInit_ex EVP_DigestUpdate EVP_DigestFinal_ex sqlite3_exec sqlite3_step pam_setcred pam_set_item
    link_send ipc_send
""".split()

# One reason for every call of a function.
REASONS = {
    "fputs": "an error stays with the stream, and who closes or flushes it looks",
    "fputc": "an error stays with the stream, and who closes or flushes it looks",
    "fwrite": "an error stays with the stream, and who closes or flushes it looks",
    "printf": "an error stays with the stream, and who closes or flushes it looks",
    "fprintf": "an error stays with the stream, and who closes or flushes it looks",
    "vfprintf": "an error stays with the stream, and who closes or flushes it looks",
    "snprintf": "cut to its buffer, which is long enough for what is meant or is a text for people",
    "vsnprintf": "cut to its buffer, which is long enough for what is meant or is a text for people",
    "close": "what was written is proven by fsync or by the write itself; there is nothing to do about the rest",
    "fclose": "of a stream that was only read; one that was written is looked at",
    "munmap": "fails only for addresses that are not ours",
    "madvise": "a hint",
    "shutdown": "fails only where the other end has gone already",
    "signal": "fails only for a number that is no signal, or one that can't be caught",
    "sigemptyset": "cannot fail",
    "sigaddset": "fails only for a number that is no signal",
    "sigprocmask": "fails only for a wrong first argument",
    "sigaction": "fails only for a number that is no signal, or one that can't be caught",
    "umask": "cannot fail; the result is the old mask",
    "clock_gettime": "fails only for a clock that does not exist",
    "event_assign": "fails only for flags that contradict each other",
    "mallopt": "a hint",
    "malloc_trim": "a hint",
    "pthread_mutex_init": "of a mutex of the default kind: cannot fail with glibc",
    "pthread_mutex_lock": "of a mutex of the default kind that this thread does not hold: cannot fail",
    "pthread_mutex_unlock": "of a mutex that this thread holds: cannot fail",
    "pthread_mutex_destroy": "of a mutex that nobody holds: cannot fail",
    "pthread_cond_init": "cannot fail with glibc",
    "pthread_condattr_setclock": "fails only for a clock that does not exist",
    "pthread_attr_destroy": "cannot fail with glibc",
    "pthread_detach": "of a thread of ours that nobody joins: cannot fail",
    "pthread_join": "of a thread of ours that nobody else joins: cannot fail",
    "sqlite3_extended_result_codes": "cannot fail for an open database",
    "sqlite3_busy_timeout": "cannot fail for an open database",
    "sqlite3_db_config": "a second fence: trusted_schema and cell_size_check are looked at",
    "sqlite3_close_v2": "cannot fail; what is still in use keeps it open",
    "sqlite3_finalize": "repeats the error of the step before, which was looked at",
    "pam_end": "frees everything, whatever a module says",
    "dprintf": "a question on a terminal: one that is gone ends the reading of the answer",
    "rights_print": "rights that letters can't say are shown as none",
    "complain": "its result is the exit status that it was given",
}

# A statement begins behind the end of another, a brace, a case, or the head of an if or a loop.
CAST = re.compile(r"\(\s*void\s*\)\s*!?\s*(\w+)\s*\(")
BARE = re.compile(r"(?:[;{}]|\belse|\bdo|\bcase\s+\w+\s*:|\bdefault\s*:|\))\s*(%s)\s*\(" % "|".join(WATCHED))
TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
PREPROCESSOR = re.compile(r"^[ \t]*#(?![ \t]*define)(?:\\\n|[^\n])*", re.MULTILINE)


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def split(text):
    """text without comments, strings and #if, #include and the like, each place kept; and the comments: {line: their words}."""
    comments = {}

    def take(match):
        if match[0].startswith("/"):
            first = text.count("\n", 0, match.start()) + 1
            for number, part in enumerate(match[0].splitlines(), first):
                comments[number] = comments.get(number, "") + " " + part
        return blank(match)

    code = TOKEN.sub(take, text)
    return PREPROCESSOR.sub(blank, code), comments


def end_of_call(code, at):
    """The place behind the parenthesis that closes the one at `at`."""
    depth = 0
    for place in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth == 0:
            return place + 1
    return len(code)


def is_statement(code, start, end):
    """Is the call from start to end all of its statement? What stands behind a `)` may be one, or part of an expression."""
    if not re.match(r"\s*;", code[end:end + 200]):
        return False
    before = code[:start].rstrip()
    if not before.endswith(")"):
        return True
    depth = 0  # back to where that parenthesis opens: is it the head of an if or a loop?
    for place in range(len(before) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(before[place], 0)
        if depth == 0:
            return re.search(r"(?:\b(?:if|for|while|switch)|_FOREACH\w*)\s*$", before[:place]) is not None
    return False


def says_why(words):
    """A reason has at least three words; a lone mark or name is none."""
    return len(re.findall(r"[A-Za-z]{2,}", words)) >= 3


def discards(text):
    """(line, function) of every discard without a reason."""
    code, comments = split(text)
    lines = code.split("\n")
    found = {}
    for pattern in (CAST, BARE):
        for match in pattern.finditer(code):
            found.setdefault(match.start(1), (match.end() - 1, pattern is CAST))
    for start, (opening, is_cast) in sorted(found.items()):
        name, end = re.match(r"\w+", code[start:])[0], end_of_call(code, opening)
        if name in REASONS or not (is_cast or is_statement(code, start, end)):
            continue
        first, last = code.count("\n", 0, start) + 1, code.count("\n", 0, end) + 1
        words = "".join(comments.get(number, "") for number in range(first, last + 1))
        above = first - 1
        while above in comments and not lines[above - 1].strip():  # a comment that stands alone, of any length
            words += comments[above]
            above -= 1
        if not says_why(words):
            yield first, name


def main(names):
    paths = [pathlib.Path(name) for name in names] or sorted(p for p in (ROOT / "src").rglob("*") if p.suffix in (".c", ".h"))
    wrong = 0
    for path in paths:
        for line, name in discards(path.read_text()):
            wrong += 1
            print("%s:%d: the result of %s is thrown away: act on it, or say in a comment here why it does not matter" % (
                path.resolve().relative_to(ROOT) if path.resolve().is_relative_to(ROOT) else path, line, name))
    if wrong:
        print("%d results are thrown away without a reason (tests/discards.py)" % wrong)
    elif not paths:
        print("no source found")
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
