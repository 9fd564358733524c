# SPDX-License-Identifier: BSD-2-Clause
"""The clients that people use: ftplib, curl, lftp, tnftp; both modes, both address families."""
import ftplib
import io
import os
import shutil
import subprocess

from harness import PATIENCE, AnonymousCase, need, noise, read_file, write_file
from namespace import IPV6_ADDRESSES

NAMES = ["plain", "with space", "ünïcödé-日本語", "-dash", "quote\"'`", "semi;colon&amp", "percent%41", "star", " leading"]


class ClientCase(AnonymousCase):
    options = {"listen_ipv6": "YES", "connect_from_port_20": "YES"}
    content = noise(1_500_000)

    program = "python3"  # which may be missing

    @classmethod
    def prepare(cls):
        need(cls.program)
        write_file(cls.root + "/file", cls.content)
        cls.here = os.path.dirname(cls.root)

    def each_way(self):
        for host in ("127.0.0.1", IPV6_ADDRESSES[0]):
            for passive in (True, False):
                self.way = f"{'passive' if passive else 'active'}, {host}"
                yield host, passive
        shutil.rmtree(self.root + "/dir", ignore_errors=True)

    def local(self, name):
        path = os.path.join(self.here, "client-" + name)
        if os.path.exists(path):
            os.unlink(path)
        return path

    def run_client(self, argv, script=None):
        done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=PATIENCE, cwd=self.here)
        self.assertEqual(done.returncode, 0, f"{argv}\n{done.stdout}{done.stderr}")
        return done.stdout

    def url(self, host, path=""):
        host = f"[{host}]" if ":" in host else host
        return f"ftp://{host}:{self.server.port}/pub/{path}"

    def check_upload(self, name):
        self.assertTrue(self.disk(name) == self.content, name)
        os.unlink(self.path(name))


class Ftplib(ClientCase):
    def open(self, host, passive):
        ftp = ftplib.FTP(timeout=20, encoding="utf-8")
        ftp.connect(host, self.server.port)
        ftp.login()
        ftp.set_pasv(passive)
        ftp.cwd("/pub")
        self.addCleanup(ftp.close)
        return ftp

    def test_files(self):
        for host, passive in self.each_way():
            ftp = self.open(host, passive)
            got = io.BytesIO()
            ftp.retrbinary("RETR file", got.write)
            self.assertTrue(got.getvalue() == self.content)
            ftp.retrbinary("RETR file", (rest := io.BytesIO()).write, rest=1_000_000)
            self.assertTrue(rest.getvalue() == self.content[1_000_000:])
            ftp.storbinary("STOR up", io.BytesIO(self.content))
            self.assertEqual(ftp.size("up"), len(self.content))
            self.check_upload("up")
            ftp.quit()

    def test_folders_and_names(self):
        for host, passive in self.each_way():
            ftp = self.open(host, passive)
            self.assertEqual(ftp.mkd("dir"), "/pub/dir")
            ftp.cwd("dir")
            for name in NAMES:
                ftp.storbinary("STOR " + name, io.BytesIO(name.encode()))
            self.assertEqual(sorted(ftp.nlst()), sorted(NAMES))
            facts = dict(ftp.mlsd())
            self.assertEqual(sorted(n for n in facts if n not in (".", "..")), sorted(NAMES))
            self.assertEqual(facts["plain"]["type"], "file")
            for name in NAMES:
                ftp.rename(name, name + "2")
                self.assertEqual(read_file(f"{self.root}/dir/{name}2"), name.encode())
                ftp.delete(name + "2")
            ftp.cwd("..")
            ftp.rmd("dir")
            self.assertFalse(os.path.exists(self.path("dir")))

    def test_text(self):
        for host, passive in self.each_way():
            lines = []
            self.open(host, passive).retrlines("LIST", lines.append)
            self.assertTrue(any(line.endswith(" file") for line in lines), lines)


class Curl(ClientCase):
    program = "curl"

    def curl(self, passive, *args):
        mode = [] if passive else ["--ftp-port", "-"]
        return self.run_client(["curl", "-sS", "--max-time", "20", "--noproxy", "*", "--globoff", *mode, *args])

    def test_download(self):
        for host, passive in self.each_way():
            self.curl(passive, "-o", self.local("got"), self.url(host, "file"))
            self.assertTrue(read_file(self.here + "/client-got") == self.content)

    def test_resume(self):
        for host, passive in self.each_way():
            write_file(self.local("part"), self.content[:700_001], "nobody")
            self.curl(passive, "-C", "-", "-o", self.here + "/client-part", self.url(host, "file"))
            self.assertTrue(read_file(self.here + "/client-part") == self.content)

    def test_range(self):
        self.curl(True, "-r", "1000-1999", "-o", self.local("range"), self.url("127.0.0.1", "file"))
        self.assertEqual(read_file(self.here + "/client-range"), self.content[1000:2000])

    def test_upload(self):
        source = write_file(self.local("source"), self.content)
        for host, passive in self.each_way():
            self.curl(passive, "-T", source, self.url(host, "up"))
            self.check_upload("up")
            self.curl(passive, "--ftp-create-dirs", "-T", source, self.url(host, "new/folders/up"))
            self.check_upload("new/folders/up")
            shutil.rmtree(self.path("new"))

    def test_resume_upload_and_append(self):
        source = write_file(self.local("source"), self.content)
        for host, passive in self.each_way():
            write_file(self.path("up"), self.content[:400_000])
            self.curl(passive, "-C", "-", "-T", source, self.url(host, "up"))
            self.check_upload("up")
            self.curl(passive, "-a", "-T", source, self.url(host, "up"))
            self.check_upload("up")

    def test_listing_and_names(self):
        for name in NAMES:
            write_file(f"{self.root}/{name}", name)
        for host, passive in self.each_way():
            listed = self.curl(passive, "--list-only", self.url(host)).replace("\r", "").split("\n")
            self.assertTrue(set(NAMES) <= set(listed), listed)
            self.assertIn("with space", self.curl(passive, self.url(host)))
            self.assertEqual(self.curl(passive, self.url(host, "with%20space")), "with space")
        for name in NAMES:
            os.unlink(f"{self.root}/{name}")

    def test_pasv_without_epsv(self):
        self.curl(True, "--disable-epsv", "-o", self.local("got"), self.url("127.0.0.1", "file"))
        self.assertTrue(read_file(self.here + "/client-got") == self.content)

    def test_port_without_eprt(self):
        self.curl(False, "--disable-eprt", "-o", self.local("got"), self.url("127.0.0.1", "file"))
        self.assertTrue(read_file(self.here + "/client-got") == self.content)

    def test_missing_file_is_an_error(self):
        done = subprocess.run(["curl", "-s", "--max-time", "20", self.url("127.0.0.1", "nothing")], capture_output=True)
        self.assertEqual(done.returncode, 78)  # CURLE_REMOTE_FILE_NOT_FOUND

    def test_modification_time(self):
        os.utime(self.path("file"), (981173106, 981173106))
        self.curl(True, "-R", "-o", self.local("got"), self.url("127.0.0.1", "file"))
        self.assertEqual(os.stat(self.here + "/client-got").st_mtime, 981173106)


class Lftp(ClientCase):
    program = "lftp"

    def lftp(self, host, passive, script):
        settings = f"set net:max-retries 1; set net:timeout 10; set ftp:passive-mode {'on' if passive else 'off'}; set cmd:fail-exit yes; "
        settings += "set xfer:clobber on; set ftp:use-mdtm-overloaded off; "
        target = f"[{host}]" if ":" in host else host
        return self.run_client(["lftp", "--norc", "-c", f"{settings} open ftp://{target}:{self.server.port}/pub/; {script}"])

    def test_files(self):
        source = write_file(self.local("source"), self.content)
        for host, passive in self.each_way():
            self.lftp(host, passive, f"get file -o {self.local('got')}; put {source} -o up; mv up moved; ls; bye")
            self.assertTrue(read_file(self.here + "/client-got") == self.content)
            self.check_upload("moved")

    def test_resume(self):
        for host, passive in self.each_way():
            part = write_file(self.local("part"), self.content[:1_000_001], "nobody")
            self.lftp(host, passive, f"get -c file -o {part}; bye")
            self.assertTrue(read_file(part) == self.content)

    def test_segments_of_one_file(self):
        self.lftp("127.0.0.1", True, f"pget -n 4 file -o {self.local('got')}; bye")
        self.assertTrue(read_file(self.here + "/client-got") == self.content)

    def test_mirror_of_links(self):
        """MLSD tells their targets, so that they are made again as links."""
        links = {"to-file": "some file", "to-folder": "folder", "up": "../file", "folder/back": "../some file", "dangling": "nowhere"}
        write_file(self.path("tree/some file"), b"x")
        write_file(self.path("tree/folder/x"), b"x")
        for name, target in links.items():
            os.symlink(target, self.path("tree/" + name))
        for host, passive in self.each_way():
            self.lftp(host, passive, "mirror tree back; bye")
            told = {name: os.readlink(f"{self.here}/back/{name}") for name in links if os.path.islink(f"{self.here}/back/{name}")}
            self.assertEqual(told, {name: target for name, target in links.items() if " " not in target})  # a blank can't be said
            self.assertEqual(read_file(self.here + "/back/folder/x"), b"x")
            shutil.rmtree(self.here + "/back")
        shutil.rmtree(self.path("tree"))

    def test_mirror_there_and_back(self):
        tree = os.path.join(self.here, "tree")
        for i, name in enumerate(NAMES):
            write_file(f"{tree}/sub {i % 3}/{name}", noise(10_000, i), "nobody")
        for host, passive in self.each_way():
            self.lftp(host, passive, "mirror -R --parallel=3 tree mirrored; mirror --parallel=3 mirrored back; rm -r mirrored; bye")
            for i, name in enumerate(NAMES):
                self.assertEqual(read_file(f"{self.here}/back/sub {i % 3}/{name}"), noise(10_000, i))
            self.assertFalse(os.path.exists(self.path("mirrored")))
            shutil.rmtree(self.here + "/back")
        shutil.rmtree(tree)


class Tnftp(ClientCase):
    program = "tnftp"

    def tnftp(self, host, passive, script):
        argv = ["tnftp", "-p" if passive else "-A", "-n", "-v", "-P", str(self.server.port), host]
        return self.run_client(argv, "user anonymous me@\nbinary\ncd /pub\n" + script + "\nquit\n")

    def test_files(self):
        source = write_file(self.local("source"), self.content)
        for host, passive in self.each_way():
            out = self.tnftp(host, passive, f"get file {self.local('got')}\nput {source} up\nrename up moved\nls\nmkdir dir\nrmdir dir")
            self.assertTrue(read_file(self.here + "/client-got") == self.content, out)
            self.check_upload("moved")

    def test_resume(self):
        for host, passive in self.each_way():
            part = write_file(self.local("part"), self.content[:1_000_001], "nobody")
            self.tnftp(host, passive, f"restart 1000001\nget file {part}")
            self.assertTrue(read_file(part)[-1000:] == self.content[-1000:])

    def test_many(self):
        for i in range(20):
            write_file(f"{self.root}/many{i}", noise(1000, i))
        for host, passive in self.each_way():
            self.tnftp(host, passive, "prompt off\nmget many*")
            for i in range(20):
                self.assertEqual(read_file(f"{self.here}/many{i}"), noise(1000, i))
                os.unlink(f"{self.here}/many{i}")
