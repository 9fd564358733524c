#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds the phrases of src/speech and their catalogues in po/ together. Exit status 0: they fit, 1: a line for each that doesn't.

Every phrase is said somewhere in src/: by its name, or, where a room knows nothing of languages, by its English text; what the
system's libraries say is called SYSTEM_. Every catalogue has each phrase once, with its English as it is now, translated, and
with the same words (%1$s...) in it.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
sys.path.insert(0, str(ROOT / "po"))
sys.dont_write_bytecode = True

import catalogue  # noqa: E402

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
LITERALS = re.compile(r"%s(?:\s*%s)*" % (LITERAL, LITERAL))
PHRASE = re.compile(r"^SPEECH\(\s*(\w+),\s*(%s(?:\s*%s)*)\)" % (LITERAL, LITERAL), re.MULTILINE)


def joined(literals):
    """ "a" "b" -> ab, as C writes it."""
    return "".join(text[1:-1] for text in re.findall(LITERAL, literals))


def read_phrases(name="phrases.h"):
    """{name: English} in order, with those of the files that it includes."""
    text = (SRC / "speech" / name).read_text()
    found = {phrase: joined(literals) for phrase, literals in PHRASE.findall(text)}
    for other in re.findall(r'^#include "speech/(\w+\.h)"', text, re.MULTILINE):
        found.update(read_phrases(other))
    return found


def unsaid(phrases):
    """A line for each phrase that nobody says."""
    names, texts = set(), set()
    for path in sorted(SRC.rglob("*.[ch]")):
        if path.relative_to(SRC).as_posix() in ("speech/phrases.h", "speech/sally.h", "speech/firewall.h", "speech/doctor.h"):
            continue
        text = path.read_text()
        names.update(re.findall(r"\bSPEECH_(\w+)", text), re.findall(r"\b(?:PHRASE|SAID|WRONG)\((\w+)", text))
        for cause in re.findall(r"\bCAUSE\((\w+),", text):  # of the doctor: what may be, and what mends it
            names.update(("CAUSE_" + cause, "FIX_" + cause))
        for said in re.findall(r"\bSAY\(([^;]*)\);", text):  # of the client: SAY(session, kind, phrase, words...)
            names.update(re.findall(r"\b[A-Z][A-Z_]*\b", said))
        texts.update(joined(literals) for literals in LITERALS.findall(text))
    return ["src/speech: %s is said nowhere in src/" % name
            for name, english in phrases.items()
            if name not in names and english not in texts and not name.startswith("SYSTEM_")]


def words(text):
    return sorted(set(re.findall(r"%\d\$s", text)))


def wrong_message(message, phrases, seen):
    name = message.get("msgctxt")
    if name not in phrases:
        return "there is no such phrase"
    if name in seen:
        return "twice"
    if message["msgid"] != phrases[name]:
        return "the phrase's English has changed to: %s" % phrases[name]
    if not message["msgstr"]:
        return "not translated"
    if words(message["msgstr"]) != words(message["msgid"]):
        return "other words than in English: %s" % " ".join(words(message["msgid"]))
    if "%" in re.sub(r"%\d\$s", "", message["msgstr"]):
        return "a % that is no word"
    return None


def wrong_in(path, phrases):
    """What is wrong with a catalogue, a line each."""
    if re.search(r"^#,.*\bfuzzy\b", path.read_text(encoding="utf-8"), re.MULTILINE):
        yield "po/%s: a fuzzy message" % path.name
    seen = set()
    for message in catalogue.read(str(path)):
        if not message["msgid"]:
            continue  # the head
        wrong = wrong_message(message, phrases, seen)
        if wrong:
            yield "po/%s: %s: %s" % (path.name, message.get("msgctxt"), wrong)
        seen.add(message.get("msgctxt"))
    for name in phrases.keys() - seen:
        yield "po/%s: %s is missing: %s" % (path.name, name, phrases[name])


def main():
    phrases = read_phrases()
    lines = unsaid(phrases)
    for path in sorted((ROOT / "po").glob("*.po")):
        lines += wrong_in(path, phrases)
    print("\n".join(sorted(lines)), end="\n" if lines else "")
    return 1 if lines or not phrases else 0


if __name__ == "__main__":
    sys.exit(main())
