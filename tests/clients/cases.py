# SPDX-License-Identifier: BSD-2-Clause
"""What every client is asked to do, and what must be true on disk afterwards.

A case is a list of steps, (verb, its names), that each client says in its own way (programs.py). A client that has no way
to say one of the verbs is not asked. Readers are anonymous, writers the user alice, who may write below in/.
"""
import collections
import os
import re
import shutil

from harness import make_dir, noise, read_file, write_file

FILE = noise(300_000)
SMALL = ["m%02d" % i for i in range(20)]
BYTES = b"caf\xe9 \xff.txt".decode("utf-8", "surrogateescape")  # as CP1251 or Latin-1 clients name files: no UTF-8
NAME = "파 일 [1].txt"
TEXT = b"".join(b"line %d\n" % i for i in range(5000))
TREE = {
    "file": FILE,
    "dir/a.txt": b"first", "dir/b.txt": b"second", "dir/c.dat": b"third",
    "tree/top.txt": b"top", "tree/deep/er/leaf.bin": noise(40_000, 2),
    "with blank/two words.txt": b"two words",
    "한글/파일.txt": "파일".encode(),
    "Photos [2024]/one [1].jpg": b"picture one", "Photos [2024]/two.jpg": b"picture two",
    "bytes/" + BYTES: b"bytes",
    "links/target.txt": b"target",
    "text": TEXT, "empty": b"",
    "three/1": noise(1000, 1), "three/2": noise(200_000, 2), "three/3": b"3",
} | {"many/" + name: name.encode() for name in SMALL}
LINKS = {"links/link.txt": "target.txt"}

Case = collections.namedtuple("Case", "name user steps prepare check")
CASES = []


class Side:
    """One server with the tree that it serves and the folder in which its client runs."""

    def __init__(self, name, top, port):
        """port: a function that says where the server for a user and a way listens."""
        self.name, self.tree, self.local, self.home = name, top + "/tree", top + "/local", top + "/home"
        self.port, self.output = port, ""  # what the client said last
        for path, content in TREE.items():
            write_file(os.path.join(self.tree, path), content)
        for path, target in LINKS.items():
            os.symlink(target, os.path.join(self.tree, path))
        self.clear()

    def clear(self):
        for folder in (self.local, self.home, self.tree + "/in"):
            shutil.rmtree(folder, ignore_errors=True)
            make_dir(folder, "alice")

    def has(self, path, content):
        """Is path, in whatever folder of the client's or below in/, a file of this content?"""
        try:
            return read_file(os.path.join(self.local, path)) == content
        except OSError:
            return False

    def remote_has(self, path, content):
        return self.has(os.path.join(self.tree, path), content)


def reading(name, steps, check, prepare=lambda side: None):
    CASES.append(Case(name, "anonymous", steps, prepare, check))


def writing(name, steps, check, prepare=lambda side: None):
    CASES.append(Case(name, "alice", steps, prepare, check))


def got(local, content):
    return lambda side: side.has(local, content)


def getting(name, remote):
    """One file, to the name got or, where a client gives no choice, its own."""
    reading(name, [("get", {"r": remote, "l": "got"})], lambda side: any(side.has(n, TREE[remote]) for n in ("got", os.path.basename(remote))))


def got_from(folder, *names):
    """The files of a folder, wherever a client puts them (a.txt, dir/a.txt), and no other of it."""
    def check(side):
        found = {n for n in os.listdir(os.path.join(side.tree, folder))
                 if any(side.has(p, TREE[f"{folder}/{n}"]) for p in (n, f"{folder}/{n}", f"got/{n}"))}
        return found == set(names)
    return check


def told(*names):
    return lambda side: all(name in side.output for name in names)


def have_folder(folder):
    """mget dir/*.txt writes to dir/a.txt in some clients, which do not make dir."""
    return lambda side: make_dir(os.path.join(side.local, folder), "nobody")


def mirrored(side):
    """got/... or, as some do, tree/..."""
    return any(all(side.has(top + path, TREE["tree/" + path]) for path in ("top.txt", "deep/er/leaf.bin")) for top in ("got/", "tree/"))


def mirrored_back(side):
    return any(side.remote_has(f"in/{top}/deep/up.bin", FILE) for top in ("back", "up"))


def link_came(side):
    """As a link or as a copy, whatever the client makes of it."""
    return any(side.has(top + "/link.txt", b"target") for top in ("got", "links"))


def put_up(path, content):
    return lambda side: write_file(os.path.join(side.tree, path), content, "alice")


def put_local(path, content):
    return lambda side: write_file(os.path.join(side.local, path), content, "nobody")


def is_content(side):
    """Did the client end without a complaint? An empty file is there after a failure as well."""
    return not re.search("^status |^ended after ", side.output, re.M)


def absent(path):
    return lambda side: not os.path.exists(os.path.join(side.tree, path))


reading("list", [("list", {"r": "dir"})], told("a.txt", "b.txt", "c.dat"))
getting("get", "file")
reading("small files", [("get", {"r": "many/" + n, "l": n}) for n in SMALL], got_from("many", *SMALL))
reading("resume", [("resume", {"r": "file", "l": "part", "at": "100000"})], got("part", FILE), put_local("part", FILE[:100_000]))
reading("names to get", [("names", {"r": "dir"})], got_from("dir", "a.txt", "b.txt", "c.dat"))
reading("mget dir/*", [("mget", {"r": "dir/*.txt"})], got_from("dir", "a.txt", "b.txt"), have_folder("dir"))
reading("mirror", [("mirror", {"r": "tree", "l": "got"})], mirrored)
reading("links", [("mirror", {"r": "links", "l": "got"})], link_came)
getting("blank", "with blank/two words.txt")
getting("Hangul", "한글/파일.txt")
reading("[ ] list", [("list", {"r": "Photos [2024]"})], told("one [1].jpg", "two.jpg"))
getting("[ ] get", "Photos [2024]/one [1].jpg")
reading("[ ] mget", [("mget", {"r": "Photos [2024]/*"})],
        got_from("Photos [2024]", "one [1].jpg", "two.jpg"), have_folder("Photos [2024]"))
reading("[ ] mirror", [("mirror", {"r": "Photos [2024]", "l": "got"})], got_from("Photos [2024]", "one [1].jpg", "two.jpg"))
getting("0xFF", "bytes/" + BYTES)
reading("0xFF mirror", [("mirror", {"r": "bytes", "l": "got"})],
        lambda side: any(side.has(top + BYTES, b"bytes") for top in ("got/", "bytes/")))
writing("put", [("put", {"r": "in/up", "l": "source"})], lambda side: side.remote_has("in/up", FILE), put_local("source", FILE))
writing("put name", [("put", {"r": "in/" + NAME, "l": "source"})], lambda side: side.remote_has("in/" + NAME, FILE), put_local("source", FILE))
writing("0xFF put", [("put", {"r": "in/" + BYTES, "l": "source"})], lambda side: side.remote_has("in/" + BYTES, FILE), put_local("source", FILE))
writing("mkdir", [("mkdir", {"r": "in/new"})], lambda side: os.path.isdir(side.tree + "/in/new"))
writing("rename", [("rename", {"r": "in/old", "to": "in/new"})], lambda side: side.remote_has("in/new", b"old"), put_up("in/old", b"old"))
writing("delete", [("delete", {"r": "in/old"})], absent("in/old"), put_up("in/old", b"old"))
writing("rmdir", [("rmdir", {"r": "in/old"})], absent("in/old"), lambda side: make_dir(side.tree + "/in/old", "alice"))
writing("mirror back", [("upload", {"r": "in/back", "l": "up"})], mirrored_back, put_local("up/deep/up.bin", FILE))

BASIC = {case.name for case in CASES}

# What moves bytes is asked for in every way, the rest in the clear over IPv4 only.
reading("text", [("get text", {"r": "text", "l": "got"})], lambda side: any(side.has("got", c) for c in (TEXT, TEXT.replace(b"\n", b"\r\n"))))
reading("3 gets, 1 session", [("get each", {"r": "three/", "l": "got"})],
        lambda side: all(any(side.has(p + n, TREE["three/" + n]) for p in ("got", "")) for n in "123"))
reading("empty", [("get", {"r": "empty", "l": "got"})], lambda side: side.has("got", b"") and is_content(side))
writing("put text", [("put text", {"r": "in/text", "l": "source"})], lambda side: side.remote_has("in/text", TEXT), put_local("source", TEXT))
writing("3 puts, 1 session", [("put each", {"r": "in", "l": "up"})],
        lambda side: all(side.remote_has("in/up" + n, TREE["three/" + n]) for n in "123"),
        lambda side: [write_file(f"{side.local}/up{n}", TREE["three/" + n], "nobody") for n in "123"])
writing("puts", [("put", {"r": "in/%d" % i, "l": "source"}) for i in range(5)],
        lambda side: all(side.remote_has("in/%d" % i, FILE) for i in range(5)), put_local("source", FILE))
writing("put empty", [("put", {"r": "in/empty", "l": "source"})], lambda side: side.remote_has("in/empty", b"") and is_content(side), put_local("source", b""))
MOVES = {"list", "get", "small files", "resume", "mirror", "put", "mirror back", "text", "3 gets, 1 session", "empty", "put text",
         "3 puts, 1 session", "puts", "put empty"}
