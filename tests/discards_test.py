#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Does discards.py find what it is for, and nothing else? Sample statements in, the functions that it names out."""
import unittest

from discards import discards

SAMPLES = (
    # thrown away
    ("(void)setsockopt(fd, a(b), c);", ["setsockopt"]),
    ("(void)!write(fd, text, 1);", ["write"]),
    ("( void ) ours(x);", ["ours"]),
    ("(void)ours(x,\n           y);", ["ours"]),
    ("event_add(e, NULL);", ["event_add"]),
    ("if (x)\n    unlink(path);", ["unlink"]),
    ("else\n    unlink(path);", ["unlink"]),
    ("LIST_FOREACH(a, b, c)\n    dup2(a, 1);", ["dup2"]),
    ("case ONE:\n    chown(p, 1, 1);", ["chown"]),
    ("rename(a, b); unlink(c);", ["rename", "unlink"]),
    ('puts("(");\nmkdir(d, 0755);', ["mkdir"]),
    ("#define A \\\n    (void)ours(x);", ["ours"]),
    # no reasons
    ("(void)ours(x); /* */", ["ours"]),
    ("(void)ours(x); /* ---- */", ["ours"]),
    ("(void)ours(x); // why", ["ours"]),
    ("y(); /* a reason of this line */\n(void)ours(x);", ["ours"]),
    ("/* a reason further up is none */\n\n(void)ours(x);", ["ours"]),
    ('(void)ours("/* in a string it is no reason */");', ["ours"]),
    # reasons
    ("(void)ours(x); /* nothing depends on it */", []),
    ("(void)ours(x,\n           y); // nothing depends on it", []),
    ("/* nothing depends\n * on it */\n(void)ours(x);", []),
    ("(void)close(fd);", []),
    # not thrown away, and no calls
    ("int r = unlink(path);", []),
    ("if (unlink(path) < 0)", []),
    ("if (a && unlink(path))\n    x();", []),
    ("return (int)write(fd, text, 1);", []),
    ("r = a ? read(fd, b, 1) : write(fd, b, 1);", []),
    ("(void)unused;", []),
    ("int link_send(struct link *l);", []),
    ("/* (void)ours(x); */", []),
    ('x = "(void)ours(x);";', []),
)


class Discards(unittest.TestCase):
    def test_samples(self):
        for text, names in SAMPLES:
            with self.subTest(text=text):
                self.assertEqual([name for _, name in discards("{\n" + text + "\n}\n")], names)

    def test_line_is_told(self):
        self.assertEqual(list(discards("/* one\n two */\nint f(void)\n{\n    (void)ours(x);\n}\n")), [(5, "ours")])


if __name__ == "__main__":
    unittest.main()
