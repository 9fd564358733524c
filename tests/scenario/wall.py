# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of sallywall stand on."""
import json
import os
import re
import shlex
import subprocess
import unittest

import harness
import test_explain
from harness import make_dir, need_netfilter

CLIENT6, SERVER6 = "fd00:5a11:1::2", "fd00:5a11:1::18"
SYN = "tcp 198.51.100.7:40000 > 192.168.0.18:%d syn"
SYN6 = "tcp [2001:db8::7]:40000 > [2001:db8::18]:%d syn"
HEAD = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
EMPTY = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n*filter\n" + HEAD + "COMMIT\n"


def filter_table(*rules):
    return "*filter\n" + HEAD + "".join(rule + "\n" for rule in rules) + "COMMIT\n"


def sallywall(*words, status=None, input=None, **kw):
    """The completed process, whose exit status must be this one (or one of these) if one is given."""
    done = subprocess.run([harness.SALLYWALL, *map(str, words)], capture_output=True, timeout=60, text=True,
                          input=input, errors="surrogateescape", **kw)
    wanted = (status,) if isinstance(status, int) else status
    if done.returncode < 0 or "Sanitizer" in done.stderr or (wanted is not None and done.returncode not in wanted):
        raise AssertionError(f"{words} ended with {done.returncode}, not {status}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done


def told(command, *words, status=None, **kw):
    return json.loads(sallywall(command, *words, "--json", status=status, **kw).stdout)


def uncommented(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def named(listing):
    """A listing of iptables 1.8 with -n, which says protocols as numbers, with names as all versions before had them."""
    names = {"0": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp"}
    return re.sub(r" (\d+) +(--|-f|!f) ", lambda m: f" {names.get(m[1], m[1]):4} {m[2]} ", listing)


def real(program, *words, **kw):
    return subprocess.run([program, *words], capture_output=True, text=True, errors="surrogateescape", **kw)


class WallCase(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        test_explain.need_sallywall()
        cls.dir = make_dir(os.path.join(harness.WORK, cls.__name__), "ftp", 0o777)

    def file(self, text, name="rules"):
        path = os.path.join(self.dir, f"{self.id().rsplit('.', 1)[1]}-{name}")
        with open(path, "w", errors="surrogateescape") as f:
            f.write(text)
        return path

    def packet(self, rules, packet, *options, status=None):
        """What --json says of one packet and rules, which are text."""
        return told("explain", "-", "--packet", packet, *options, input=rules, status=status)


class KernelCase(WallCase):
    """Beside the real iptables of this network namespace."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_netfilter()

    def setUp(self):
        for family in ("iptables", "ip6tables"):
            for table in ("raw", "filter", "nat", "mangle"):
                for words in ("-F", "-X", "-Z"):
                    real(family + "-legacy", "-t", table, words)
            for chain in ("INPUT", "FORWARD", "OUTPUT"):
                real(family + "-legacy", "-P", chain, "ACCEPT")

    def both(self, family, path, command):
        """Does command to the kernel and to path. The two completed processes."""
        words = shlex.split(command)
        return real(family + "-legacy", *words), sallywall(family, "--rules", path, *words)

    def assert_same_rules(self, family, path):
        kernel = []
        for table in ("filter", "raw"):
            kernel.append(uncommented(real(family + "-legacy-save", "-t", table).stdout))
            saved = sallywall("save", path, "-t", table, "-4" if family == "iptables" else "-6", status=0).stdout
            self.assertEqual(uncommented(saved), kernel[-1])
