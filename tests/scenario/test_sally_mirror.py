# SPDX-License-Identifier: BSD-2-Clause
"""sally mirror: trees both ways, by several sessions, and what a server may not do with them."""
import contextlib
import os
import socket
import threading

import harness
from harness import noise, read_file, write_file
from test_sally import LOCAL, REFUSED, REMOTE, SallyCase

OLD = 1_600_000_000


class TreeCase(SallyCase):
    """A tree there (self.path) and a tree here (self.here + "/pub")."""

    FILES = {"a": 10, "sub/b": 300_000, "sub/deep/er/c": 1, "with blank/\u00e4\ud55c": 77, "sub/empty": 0}

    def plant(self, root, files=FILES):
        for name, size in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(noise(size, len(name)))
            os.utime(path, (OLD, OLD))
        os.makedirs(os.path.join(root, "nothing"), exist_ok=True)
        harness.subprocess.run(["chmod", "-R", "a+rwX", root], check=True)

    @staticmethod
    def tree(root):
        """{path: bytes, time}, with None for folders."""
        found = {}
        for folder, folders, files in os.walk(root):
            for name in folders:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, root)] = os.readlink(path) if os.path.islink(path) else None
            for name in files:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, root)] = (os.readlink(path) if os.path.islink(path) else
                                                      (read_file(path), int(os.stat(path).st_mtime)))
        return found

    def mirror(self, *words, **kw):
        return self.sally("mirror", "-v", *words, **kw).stdout.decode().splitlines()


class Down(TreeCase):
    def test_all_of_it_and_then_nothing(self):
        for sessions in 1, 4:
            with self.subTest(sessions=sessions):
                self.plant(self.root)
                self.mirror("-P", sessions, self.url(), f"to{sessions}")
                self.assertEqual(self.tree(f"{self.here}/to{sessions}"), self.tree(self.root))
                said = self.mirror("-P", sessions, self.url(), f"to{sessions}")
                self.assertEqual(said, ["0 files copied, 5 the same, 0 deleted, 0 left out, 0 failed; 0 bytes"])

    def test_what_changed(self):
        self.plant(self.root)
        self.mirror(self.url(), "to")
        write_file(self.path("a"), "longer than it was")
        with open(self.path("sub/b"), "r+b") as f:
            f.write(b"same size")
        os.utime(self.path("sub/b"), (OLD + 1, OLD + 1))
        self.assertEqual(sorted(self.mirror(self.url(), "to"))[1:], ["get a", "get sub/b"])
        self.assertEqual(self.tree(f"{self.here}/to"), self.tree(self.root))

    def test_only_newer(self):
        self.plant(self.root)
        self.mirror(self.url(), "to")
        for name, age in ("a", 5), ("sub/b", -5):
            with open(f"{self.here}/to/{name}", "w") as f:
                f.write("mine")
            os.utime(f"{self.here}/to/{name}", (OLD + age, OLD + age))
        self.assertEqual([line for line in self.mirror("--only-newer", self.url(), "to") if line.startswith("get")], ["get sub/b"])

    def test_deleting(self):
        self.plant(self.root)
        self.mirror(self.url(), "to")
        self.plant(f"{self.here}/to", {"mine": 5, "sub/mine": 5, "gone/with/all": 5, "kept.txt": 1, "keep/kept.txt": 1})
        before = self.tree(f"{self.here}/to")
        wanted = {"delete mine", "delete sub/mine", "delete gone/with/all", "delete gone/with", "delete gone", "delete keep"}
        said = self.mirror("--delete", "--dry-run", "--exclude", "*.txt", self.url(), "to")
        self.assertEqual(wanted, {line for line in said if line.startswith("delete")})
        self.assertEqual(self.tree(f"{self.here}/to"), before)
        self.mirror("--delete", "--exclude", "*.txt", self.url(), "to")
        left = {"kept.txt", "keep", "keep/kept.txt"}
        self.assertEqual(set(self.tree(f"{self.here}/to")) - set(self.tree(self.root)), left)
        self.mirror("--delete", self.url(), "to")
        self.assertEqual(self.tree(f"{self.here}/to"), self.tree(self.root))

    def test_nothing_is_deleted_for_a_folder_that_is_not_there(self):
        self.plant(f"{self.here}/to")
        before = self.tree(f"{self.here}/to")
        self.mirror("--delete", self.url("none"), "to", status=REMOTE)
        self.assertEqual(self.tree(f"{self.here}/to"), before)

    def test_a_dry_run_makes_nothing(self):
        self.plant(self.root)
        said = self.mirror("-n", self.url(), "to", status=LOCAL)
        os.mkdir(f"{self.here}/to")
        said = self.mirror("-n", self.url(), "to")
        self.assertEqual({line for line in said if line.startswith("get")}, {f"get {name}" for name in self.FILES})
        self.assertEqual(self.tree(f"{self.here}/to"), {})

    def test_some_of_it(self):
        self.plant(self.root)
        self.mirror("--include", "[ab]", "--exclude", "deep", self.url(), "to")
        files = {name for name, what in self.tree(f"{self.here}/to").items() if what}
        self.assertEqual(files, {"a", "sub/b"})
        self.assertNotIn("sub/deep", self.tree(f"{self.here}/to"))

    def test_modes_without_what_nobody_gives_away(self):
        for name, mode in ("run", 0o755), ("own", 0o604), ("open", 0o666), ("set", 0o4755):
            write_file(self.path(name), name)
            os.chmod(self.path(name), mode)
        self.mirror(self.url(), "to")
        modes = {name: os.stat(f"{self.here}/to/{name}").st_mode & 0o7777 for name in ("run", "own", "open", "set")}
        umask = os.umask(0o22)
        os.umask(umask)
        self.assertEqual(modes, {"run": 0o755 & ~umask, "own": 0o604 & ~umask, "open": 0o666 & ~umask, "set": 0o755 & ~umask})

    def test_links(self):
        self.plant(self.root)
        for name, target in ("in", "sub/b"), ("out", "../etc/passwd"), ("sub/up", "../a"), ("sub/over", "../../a"), ("absolute", "/etc"):
            os.symlink(target, self.path(name))
        self.mirror(self.url(), "without")
        self.assertFalse([name for name in self.tree(f"{self.here}/without") if "up" in name or "in" == name])
        self.mirror("--links", self.url(), "to")
        links = {name: what for name, what in self.tree(f"{self.here}/to").items() if isinstance(what, str)}
        self.assertLessEqual(set(links), {"in", "sub/up"})

    def test_a_link_here_is_not_followed(self):
        self.plant(self.root)
        os.makedirs(f"{self.here}/outside/deep/er")
        os.mkdir(f"{self.here}/to")
        os.symlink("../outside", f"{self.here}/to/sub")
        self.mirror(self.url(), "to", status=LOCAL)
        self.assertEqual(self.tree(f"{self.here}/outside"), {"deep": None, "deep/er": None})
        self.assertIn("a", self.tree(f"{self.here}/to"))
        self.assertTrue(os.path.islink(f"{self.here}/to/sub"))


class NoRenaming(TreeCase):
    options = {"anon_other_write_enable": "NO"}

    def test_files_are_stored_at_once(self):
        self.plant(f"{self.here}/from")
        said = self.sally("mirror", "-v", "-R", "from", self.url("to")).stderr.decode()
        self.assertEqual(said.count("lets nobody rename"), 1)
        self.assertLessEqual(set(self.FILES), set(self.tree(self.path("to"))))
        self.assertEqual({name: read_file(self.path("to/" + name)) for name in self.FILES},
                         {name: read_file(f"{self.here}/from/{name}") for name in self.FILES})


class Crowded(TreeCase):
    options = {"max_per_ip": 2}

    def test_it_goes_on_with_fewer(self):
        self.plant(self.root, {f"f{i}": 100_000 for i in range(40)})
        self.mirror("-P", "6", self.url(), "to")
        self.assertEqual(self.tree(f"{self.here}/to"), self.tree(self.root))


class Up(TreeCase):
    def test_all_of_it_and_then_nothing(self):
        for sessions in 1, 4:
            with self.subTest(sessions=sessions):
                self.plant(f"{self.here}/from")
                self.mirror("-R", "-P", sessions, "from", self.url(f"to{sessions}"))
                self.assertEqual(self.tree(self.path(f"to{sessions}")), self.tree(f"{self.here}/from"))
                said = self.mirror("-R", "-P", sessions, "from", self.url(f"to{sessions}"))
                self.assertEqual(said, ["0 files copied, 5 the same, 0 deleted, 0 left out, 0 failed; 0 bytes"])

    def test_what_changed_and_what_is_gone(self):
        self.plant(f"{self.here}/from")
        self.mirror("-R", "from", self.url("to"))
        with open(f"{self.here}/from/a", "w") as f:
            f.write("changed")
        harness.shutil.rmtree(f"{self.here}/from/sub")
        said = self.mirror("-R", "-n", "--delete", "from", self.url("to"))
        wanted = {"put a", "delete sub", "delete sub/b", "delete sub/empty", "delete sub/deep", "delete sub/deep/er", "delete sub/deep/er/c"}
        self.assertEqual(set(said[:-1]), wanted)
        self.mirror("-R", "--delete", "from", self.url("to"))
        self.assertEqual(self.tree(self.path("to")), self.tree(f"{self.here}/from"))

    def test_links_are_left_out(self):
        self.plant(f"{self.here}/from")
        os.symlink("a", f"{self.here}/from/link")
        self.mirror("-R", "from", self.url("to"))
        self.assertNotIn("link", self.tree(self.path("to")))

    def test_removing_a_tree(self):
        self.plant(self.path("tree"))
        self.sally("rm", self.url("tree"), status=REMOTE)
        self.sally("rm", "-r", self.url("tree"))
        self.assertFalse(os.path.exists(self.path("tree")))


class Lister:
    """A server that has what it is told to, and lists it as it is told to: {folder: text}. It hangs up after RETR from these bytes on, once.
    done: how a listing ends. refuses: verbs. forgets: from where RETR was to begin. said: the size, other than it is."""

    def __init__(self, listings, verb="MLSD", times={}, content=b"12345", hangs_up=(), done="226 done", refuses=(), forgets=False, said=None):
        self.done, self.refuses, self.forgets, self.said = done, refuses, forgets, said
        self.listings, self.verb, self.times, self.asked = listings, verb, times, []
        self.content, self.hangs_up = content, list(hangs_up)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                control, _ = self.listener.accept()
                threading.Thread(target=self.session, args=(control,), daemon=True).start()

    def own_answer(self, verb, argument):
        """Other than what any Lister says: a reply; "": the session ends. None: there is none."""

    def session(self, control):
        passive, offset = None, 0
        with control, control.makefile("rb") as lines:
            control.sendall(b"220 hello\r\n")
            for line in lines:
                verb, _, argument = line.decode().strip().partition(" ")
                self.asked.append((verb, argument))
                said = self.own_answer(verb, argument)
                if said == "":
                    control.shutdown(socket.SHUT_RDWR)
                    return
                if said:
                    pass
                elif verb == "EPSV":
                    passive = socket.create_server(("127.0.0.1", 0))
                    said = f"229 Entering (|||{passive.getsockname()[1]}|)"
                elif verb == self.verb or verb == "RETR":
                    control.sendall(b"150 here\r\n")
                    with passive, passive.accept()[0] as data, contextlib.suppress(ConnectionError):  # a piece is enough
                        data.sendall(self.listings.get(argument, "").encode() if verb != "RETR" else self.content[offset:])
                    if offset in self.hangs_up:
                        self.hangs_up.remove(offset)
                        control.shutdown(socket.SHUT_RDWR)  # makefile() keeps it open else
                        return
                    offset = 0
                    said = self.done if verb == self.verb and not self.listings.get(argument, "") else "226 done"
                elif verb in self.refuses:
                    said = "502 no"
                elif verb == "REST":
                    offset = 0 if self.forgets else int(argument)
                    said = "350 go on"
                elif verb == "SIZE" and len(self.content) > 5:
                    said = f"213 {self.said or len(self.content)}"
                elif verb == "FEAT":
                    said = "211-\r\n MLST type*;size*;modify*;\r\n211 end" if self.verb == "MLSD" else "502 no"
                elif verb == "MDTM" and argument in self.times:
                    said = "213 " + self.times[argument]
                else:
                    said = {"USER": "230 in", "TYPE": "200 ok", "CWD": "250 ok", "PWD": '257 "/"', "QUIT": "221 bye"}.get(verb, "502 no")
                control.sendall(said.encode() + b"\r\n")


class Hostile(TreeCase):
    def against(self, listings, *words, status=0, **kw):
        with Lister(listings, **kw) as server:
            done = self.sally("mirror", "-v", *words, f"127.0.0.1:{server.port}/", "to", status=status)
            return done, server.asked

    def test_names_that_lead_out(self):
        names = ["../up", "/absolute", "a/b", "..", ".", "line\nend", "\x1b[2J", "fine"]
        text = "".join(f"type=file;size=5;modify=20200101000000; {name}\r\n" for name in names if "\n" not in name)
        text += "type=dir;modify=20200101000000; ../out\r\n"
        done, asked = self.against({"": text}, status=REMOTE)
        self.assertEqual(self.tree(f"{self.here}/to").keys(), {"fine"})
        self.assertEqual([argument for verb, argument in asked if verb == "RETR"], ["fine"])
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)

    def test_a_tree_without_an_end(self):
        class Endless(dict):
            def get(self, path, default):
                return "type=dir;modify=20200101000000; d\r\n"
        _, asked = self.against(Endless(), status=LOCAL)
        self.assertLess(len(asked), 10_000)

    def test_less_comes_than_was_listed(self):
        _, asked = self.against({"": "type=file;size=9;modify=20200101000000; a\r\n"}, "--retries", "1", status=10)
        self.assertEqual(self.tree(f"{self.here}/to").keys(), {"a.part"})

    def test_the_session_breaks_once_a_piece_is_whole(self):
        """The file has its name, or the exit says that it has not."""
        content = noise(3 << 20)
        for offset in (0, 1 << 20, 2 << 20):
            with self.subTest(offset=offset):
                with Lister({}, content=content, times={"large": "20200101000000"}, hangs_up=[offset]) as server:
                    self.sally("get", "--segments", "3", "-o", f"at{offset}", f"127.0.0.1:{server.port}/large")
                self.assertEqual(server.hangs_up, [])
                self.assertEqual(self.mine(f"at{offset}"), content)

    def test_a_line_that_is_not_understood(self):
        os.makedirs(f"{self.here}/to")
        write_file(f"{self.here}/to/mine", "mine")
        _, asked = self.against({"": "what is this\r\ntype=file;size=5;modify=20200101000000; a\r\n"}, "--delete", status=REFUSED)
        self.assertEqual(self.tree(f"{self.here}/to").keys(), {"a", "mine"})

    def test_times_of_the_servers_own_zone(self):
        text = "-rw-r--r-- 1 a b 5 Jan 1 2020 day\r\n-rw-r--r-- 1 a b 5 Jan 01 12:00:00 2020 x\r\n"
        self.against({"": text}, verb="LIST", times={"x": "20200101030000", "day": "20200101030000"})
        self.assertEqual(os.stat(f"{self.here}/to/x").st_mtime, 1577847600)  # nine hours east
        done, _ = self.against({"": text}, verb="LIST", times={"x": "20200101030000", "day": "20200101030000"})
        self.assertIn(b"0 files copied, 2 the same", done.stdout)
