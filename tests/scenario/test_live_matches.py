# SPDX-License-Identifier: BSD-2-Clause
"""What rules of the live wall match, packet for packet: the machine's own iptables has the same rules in the same namespace,
sees the same packets right behind the wall, and counts them, too."""
import re
import socket
import unittest

from harness import need
from live import CLIENT, CLIENT6, MACS, SERVER, SERVER6, LiveCase, World

FAMILIES = {4: ("iptables", "iptables-legacy"), 6: ("ip6tables", "ip6tables-legacy")}
OTHER_MAC = "02:00:00:00:00:99"

# Nothing here stops a packet: both see all of them.
INPUT = ["-m addrtype --dst-type LOCAL", "-m addrtype --dst-type BROADCAST", "-m addrtype --dst-type MULTICAST",
         "-m addrtype ! --dst-type LOCAL", "-m addrtype --src-type LOCAL", "-m addrtype --src-type UNICAST",
         "-m addrtype --dst-type LOCAL --limit-iface-in", "-m addrtype --src-type LOCAL --limit-iface-in",
         f"-m mac --mac-source {MACS['client']}", f"-m mac ! --mac-source {MACS['client']}", f"-m mac --mac-source {OTHER_MAC}",
         "-m pkttype --pkt-type unicast", "-m pkttype --pkt-type broadcast", "-m pkttype --pkt-type multicast",
         "-m time --datestart 2020-01-01 --datestop 2037-12-31", "-m time --datestop 2020-01-01",
         "-m statistic --mode nth --every 3 --packet 1", "-m ttl --ttl-eq 64", "-m length --length 84:100",
         "-m recent --name one --set", "-m recent --name one --rcheck --hitcount 3 --rttl", "-m u32 --u32 5&0xFF=64",
         "-p tcp --syn -m connlimit --connlimit-above 1", "-p tcp --syn -m connlimit --connlimit-upto 3 --connlimit-mask 24",
         "-p tcp --syn -m connlimit --connlimit-above 2 --connlimit-daddr"]
OUTPUT = ["-m owner --uid-owner 0", "-m owner --uid-owner 33", "-m owner ! --uid-owner 33", "-m owner --gid-owner 33",
          "-m owner --uid-owner 10-40", "-m owner --socket-exists", "-m owner ! --socket-exists", "-m addrtype --src-type LOCAL",
          "-m addrtype --dst-type LOCAL", "-m addrtype --src-type LOCAL --limit-iface-out", "-m addrtype --dst-type UNICAST"]
INPUT6 = ["-m addrtype --dst-type LOCAL", "-m addrtype --dst-type MULTICAST", "-m addrtype --src-type LOCAL",
          "-m addrtype ! --src-type LOCAL", "-m addrtype --dst-type LOCAL --limit-iface-in", "-m rt --rt-type 0",
          "-m rt ! --rt-type 0", "-m ipv6header --header prot", "-m ipv6header --header frag --soft", "-m hl --hl-eq 64",
          f"-m mac --mac-source {MACS['client']}", "-m pkttype --pkt-type unicast",
          "-p tcp --syn -m connlimit --connlimit-above 1 --connlimit-mask 64"]
OUTPUT6 = ["-m owner --uid-owner 33", "-m addrtype --src-type LOCAL", "-m addrtype --dst-type LOCAL",
           "-m addrtype --src-type LOCAL --limit-iface-out"]
FORWARD = ["-m ttl --ttl-eq 63", "-m ttl --ttl-lt 64", "-m u32 --u32 5&0xFF=63", f"-m mac --mac-source {MACS['client']}",
           "-m addrtype --dst-type UNICAST", "-m addrtype --dst-type LOCAL", "-m addrtype --src-type LOCAL",
           "-m pkttype --pkt-type unicast", "-i eth0 -o eth1", "-m recent --name two --set",
           "-m recent --name two --rcheck --hitcount 2 --rttl"]


def table(**chains):
    lines = [f"-A {chain} {rule}" for chain, rules in chains.items() for rule in rules]
    return "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + "\n".join(lines) + "\nCOMMIT\n"


class Matches(LiveCase):
    limit = 120

    def both(self, world, family, text):
        """The same rules in the wall, which is to be put up with them, and in the kernel's iptables. Of these the kernel may lack
        some: what it does not take is told, and left out of both."""
        _, legacy = FAMILIES[family]
        need(legacy + "-restore")
        kept = []
        for line in text.splitlines():
            alone = table() if not line.startswith("-A") else table().replace("COMMIT", line + "\nCOMMIT")
            if world.wall.run(legacy + "-restore", "--test", input=alone, check=False).returncode == 0:
                kept.append(line)
            else:
                print(f"# this kernel's {legacy} does not take {line}")
        text = "\n".join(kept) + "\n"
        world.wall.run(legacy + "-restore", input=text)
        return text

    def counts(self, world, family):
        ours, legacy = FAMILIES[family]

        def counted(said):
            found = re.findall(r"^(-A .*) -c (\d+) (\d+)", said, re.MULTILINE)
            return [(int(packets), int(size)) for _, packets, size in found], [rule for rule, _, _ in found]
        mine, rules = counted(world.wall.sallywall(ours, "-v", "-S").stdout)
        theirs, _ = counted(world.wall.run(legacy, "-v", "-S").stdout)
        self.assertEqual(len(mine), len(theirs))
        return list(zip(rules, mine, theirs))

    def compare(self, world, family):
        """Rules that a packet has met, for a test that meets none proves nothing."""
        counts = self.counts(world, family)
        self.assertEqual([row for row in counts if row[1] != row[2]], [])
        return {rule for rule, mine, _ in counts if mine[0]}

    def connections(self, world, address, count):
        """So many TCP connections at once from the client, which then are closed."""
        with world.server.at():
            listener = socket.create_server((address, 8080), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        with listener, world.client.at():
            several = [socket.create_connection((address, 8080), timeout=10) for _ in range(count)]
            for connection in several:
                connection.close()

    def test_to_and_from_this_machine(self):
        with World() as world:
            four = self.both(world, 4, table(INPUT=INPUT, OUTPUT=OUTPUT))
            six = self.both(world, 6, table(INPUT=INPUT6, OUTPUT=OUTPUT6))
            world.up(ipv4=four, ipv6=six)
            world.client.run("ping", "-c", "3", "-i", "0.2", "-q", SERVER)
            world.client.run("ping", "-c", "2", "-i", "0.2", "-t", "9", "-q", SERVER)
            world.client.run("ping", "-b", "-c", "1", "-W", "1", "-q", "192.168.0.255", check=False)  # nobody answers
            world.client.run("ping", "-c", "3", "-i", "0.2", "-q", SERVER6)
            world.wall.run("ping", "-c", "1", "-q", "127.0.0.1")
            world.wall.run("ping", "-c", "1", "-q", SERVER)
            world.wall.run("ping", "-c", "1", "-q", "::1")
            for address in (CLIENT, CLIENT6):
                world.wall.run("setpriv", "--reuid", "33", "--regid", "33", "--clear-groups", "bash", "-c",
                               f"echo x > /dev/udp/{address}/9")
            self.connections(world, SERVER, 4)
            self.connections(world, SERVER6, 3)
            met = self.compare(world, 4) | self.compare(world, 6)
            for rule in ("--dst-type BROADCAST", "--uid-owner 33", "--connlimit-above 1", "--src-type LOCAL", "--mac-source 02",
                         "--dst-type LOCAL --limit-iface-in", "--hitcount 3"):
                self.assertTrue([line for line in met if rule in line], f"no packet met {rule}: {sorted(met)}")

    def test_through_a_gateway(self):
        with World("gateway") as world:
            world.up(ipv4=self.both(world, 4, table(FORWARD=FORWARD)))
            world.client.run("ping", "-c", "3", "-i", "0.2", "-q", world.address)
            world.client.run("ping", "-c", "2", "-i", "0.2", "-t", "9", "-q", world.address)
            met = self.compare(world, 4)
            for rule in ("--ttl-eq 63", "--u32", "--mac-source"):
                self.assertTrue([line for line in met if rule in line], f"no packet met {rule}: {sorted(met)}")

    def test_an_address_counts_from_the_moment_it_is_there(self):
        with World() as world:
            world.up(ipv4=table(INPUT=["-m addrtype --dst-type LOCAL", "-m addrtype --src-type LOCAL"]))
            world.wall.ip("address add 192.168.0.77/24 dev eth0")
            world.client.ip(f"neighbour replace 192.168.0.77 lladdr {MACS['outer']} dev eth0 nud permanent")
            world.client.run("ping", "-c", "1", "-q", "192.168.0.77")
            world.wall.run("ping", "-c", "1", "-I", "192.168.0.77", "-q", "127.0.0.1")
            listed = world.wall.sallywall("iptables", "-v", "-S").stdout
            self.assertIn("--dst-type LOCAL -c 3 ", listed)
            self.assertIn("--src-type LOCAL -c 2 ", listed)


class Sets(LiveCase):
    limit = 90

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("ipset")
        with World() as world:
            if world.wall.run("ipset", "create", "try", "hash:ip", check=False).returncode:
                raise unittest.SkipTest("this kernel has no sets (CONFIG_IP_SET_HASH_IP)")

    def test_members_are_those_of_ipset_when_they_were_loaded(self):
        rule = "-A INPUT -m set --match-set bad src -j DROP"
        with World() as world:
            refused = world.up(ipv4=table().replace("COMMIT", rule + "\nCOMMIT"), status=None)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn(rule, refused.stderr)
            self.assertFalse(world.stands())
            world.wall.run("ipset", "create", "bad", "hash:ip")
            world.up(ipv4=table().replace("COMMIT", rule + "\nCOMMIT"))
            world.client.run("ping", "-c", "1", "-W", "5", "-q", SERVER)
            world.wall.run("ipset", "add", "bad", CLIENT)
            world.wall.sallywall("sets")
            self.assertNotEqual(world.client.run("ping", "-c", "1", "-W", "1", "-q", SERVER, check=False).returncode, 0)
            world.wall.run("ipset", "del", "bad", CLIENT)
            world.wall.sallywall("iptables", "-A", "INPUT", "-m", "set", "!", "--match-set", "bad", "src")
            world.client.run("ping", "-c", "1", "-W", "5", "-q", SERVER)
            world.wall.run("ipset", "destroy", "bad")  # the wall's members stay
            again = table().replace("COMMIT", rule + "\nCOMMIT")
            for words in (["--test"], []):
                world.wall.sallywall("iptables-restore", *words, input=again)
            world.wall.sallywall("iptables-restore", "--test", input=again.replace("bad", "worse"), status=1)

    def test_the_longest_prefix_decides(self):
        with World() as world:
            for words in ("create nets hash:net", "add nets 192.168.0.0/24", f"add nets {CLIENT}/32 nomatch"):
                world.wall.run("ipset", *words.split())
            world.up(ipv4=table(INPUT=["-m set --match-set nets src", "-m set --match-set nets src --return-nomatch",
                                       "-m set ! --match-set nets dst"]))
            world.client.run("ping", "-c", "2", "-i", "0.2", "-q", SERVER)
            listed = world.wall.sallywall("iptables", "-v", "-S").stdout
            self.assertIn("--match-set nets src -c 0 0", listed)
            self.assertIn("--return-nomatch -c 2 ", listed)
            self.assertIn("! --match-set nets dst -c 0 0", listed)
