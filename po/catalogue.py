#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""catalogue.py NAME PO: prints a catalogue of po/ as C, the array NAME of texts by phrase. Run by the build.

A message's context is its phrase's name in src/speech/phrases.h. Only what gettext's own tools write is read:
comments, msgctxt, msgid and msgstr, each in as many strings as it likes.
"""
import re
import sys

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"$')


def read(path):
    """[{"msgctxt": ..., "msgid": ..., "msgstr": ...}] of the messages, as C has them between quotes."""
    messages, message, key = [], {}, None
    with open(path, encoding="utf-8") as f:
        lines = [line.strip() for line in f]
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        if not line.startswith('"'):
            key, _, line = line.partition(" ")
            if key in ("msgctxt", "msgid") and "msgstr" in message:
                messages.append(message)
                message = {}
        found = STRING.match(line)
        if not found or key not in ("msgctxt", "msgid", "msgstr"):
            sys.exit("%s:%d: neither msgctxt, msgid nor msgstr with a string: %s" % (path, number, line))
        message[key] = message.get(key, "") + found[1]
    return messages + [message] if message else messages


def main():
    name, path = sys.argv[1:]
    sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale of who builds
    print("/* %s */\nstatic const char *const %s[SPEECH_PHRASES] = {" % (path.rpartition("/")[2], name))
    for message in read(path):
        if message.get("msgctxt") and message.get("msgstr"):
            print('    [SPEECH_%s] = "%s",' % (message["msgctxt"], message["msgstr"]))
    print("};")


if __name__ == "__main__":
    main()
