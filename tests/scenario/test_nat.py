# SPDX-License-Identifier: BSD-2-Clause
"""NAT where people have it, in two or three machines: what explain says of a snapshot of the one in the middle is what becomes of real
sessions through it. The machines are those of tests/oracle, and so are client and server."""
import dataclasses
import os
import subprocess
import sys

import harness
import wall
from harness import need

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import answers_live as live  # noqa: E402
from answers_world import CLIENT, SERVER, WALL_IN, World  # noqa: E402

LAN, OUTSIDE = SERVER[4], WALL_IN[4]
PASV = 10090
HELPER = "iptables -t raw -A PREROUTING -p tcp --dport %d -j CT --helper ftp\n"
# A port of the outer address is a server's within, as container engines publish it; nothing else comes in.
PUBLISHED = f"""
iptables -P FORWARD DROP
iptables -P INPUT DROP
iptables -t nat -N PUBLISH
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j PUBLISH
iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j PUBLISH
iptables -t nat -A PUBLISH ! -i eth1 -p tcp --dport 2121 -j DNAT --to-destination {LAN}:21
iptables -t nat -A POSTROUTING -s 198.51.100.0/24 ! -o eth1 -j MASQUERADE
iptables -A FORWARD -o eth1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -d {LAN} ! -i eth1 -o eth1 -p tcp --dport 21 -j ACCEPT
iptables -A FORWARD -i eth1 ! -o eth1 -j ACCEPT
"""
# The server asks for itself by its outer address: there and back by the gateway.
HAIRPIN = f"iptables -t nat -A PREROUTING -d {OUTSIDE} -p tcp -j DNAT --to-destination {LAN}\n"
BACK = "iptables -t nat -A POSTROUTING -o eth1 -s 198.51.100.0/24 -j MASQUERADE\n"
MASQUERADE = "iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE\n"
NFT_MASQUERADE = """nft -f - <<X
table inet edge {
  ct helper ftp { type "ftp" protocol tcp; }
  chain early { type filter hook prerouting priority filter; tcp dport 21 ct helper set "ftp"; }
  chain out { type nat hook postrouting priority srcnat; oifname eth1 masquerade; }
  chain through { type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname eth0 oifname eth1 tcp dport 21 accept
  }
}
X
"""
# What Docker writes for `-p 2121:21 -p 10090:10090`, with eth1 in the place of docker0.
DOCKER = """iptables-restore <<X
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 198.51.100.0/24 ! -o eth1 -j MASQUERADE
-A POSTROUTING -s 198.51.100.9/32 -d 198.51.100.9/32 -p tcp -m tcp --dport 10090 -j MASQUERADE
-A POSTROUTING -s 198.51.100.9/32 -d 198.51.100.9/32 -p tcp -m tcp --dport 21 -j MASQUERADE
-A DOCKER -i eth1 -j RETURN
-A DOCKER ! -i eth1 -p tcp -m tcp --dport 10090 -j DNAT --to-destination 198.51.100.9:10090
-A DOCKER ! -i eth1 -p tcp -m tcp --dport 2121 -j DNAT --to-destination 198.51.100.9:21
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o eth1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o eth1 -j DOCKER
-A FORWARD -i eth1 ! -o eth1 -j ACCEPT
-A FORWARD -i eth1 -o eth1 -j ACCEPT
-A DOCKER -d 198.51.100.9/32 ! -i eth1 -o eth1 -p tcp -m tcp --dport 10090 -j ACCEPT
-A DOCKER -d 198.51.100.9/32 ! -i eth1 -o eth1 -p tcp -m tcp --dport 21 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i eth1 ! -o eth1 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o eth1 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
X
"""
# What kube-proxy writes for a service of type NodePort with one endpoint: who comes from outside is masqueraded, by a mark.
KUBE_PROXY = """iptables-restore <<X
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-EXT-4XB2PHFA5RWOYLLW - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SEP-XKKUYMYQLT5EQYDM - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-4XB2PHFA5RWOYLLW - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-EXT-4XB2PHFA5RWOYLLW -m comment --comment "masquerade traffic for default/ftp:ftp external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-4XB2PHFA5RWOYLLW -j KUBE-SVC-4XB2PHFA5RWOYLLW
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/ftp:ftp" -m tcp --dport 30021 -j KUBE-EXT-4XB2PHFA5RWOYLLW
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-SEP-XKKUYMYQLT5EQYDM -s 198.51.100.9/32 -m comment --comment "default/ftp:ftp" -j KUBE-MARK-MASQ
-A KUBE-SEP-XKKUYMYQLT5EQYDM -p tcp -m comment --comment "default/ftp:ftp" -m tcp -j DNAT --to-destination 198.51.100.9:21
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "default/ftp:ftp cluster IP" -m tcp --dport 21 -j KUBE-SVC-4XB2PHFA5RWOYLLW
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-4XB2PHFA5RWOYLLW ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -m tcp --dport 21 -j KUBE-MARK-MASQ
-A KUBE-SVC-4XB2PHFA5RWOYLLW -m comment --comment "default/ftp:ftp -> 198.51.100.9:21" -j KUBE-SEP-XKKUYMYQLT5EQYDM
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A OUTPUT -j KUBE-FIREWALL
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
X
"""
# Two ways to the same address; a mark chooses, and only one of the ways is open.
FAR = "203.0.113.200"
UPLINK = f"""
ip route add {FAR} via {LAN} dev eth1
ip rule add fwmark 7 lookup 100
ip route add {FAR} via 203.0.113.9 dev eth2 table 100
iptables -A FORWARD -o eth1 -j DROP
iptables -t nat -A POSTROUTING -o eth2 -j MASQUERADE
"""
MARKED = "iptables -t mangle -A PREROUTING -p tcp -j MARK --set-mark 7\n"


@dataclasses.dataclass
class Case:
    """As tests/oracle knows one, with ends of its own."""
    family: int
    place: str
    ends: tuple


class Through(wall.KernelCase):
    """Sessions through the wall, and what explain says of a snapshot of it."""
    limit = 240

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("ip", "nft", "iptables-nft", "conntrack")
        cls.world = World()
        cls.addresses, live.addresses = live.addresses, lambda case: case.ends
        live.ENDS["hairpin"] = ("server", "server")
        cls.second_cable()

    @classmethod
    def tearDownClass(cls):
        live.addresses = cls.addresses
        super().tearDownClass()

    @classmethod
    def second_cable(cls):
        """From the wall to the server, besides the first."""
        with cls.world.at("wall"):
            cls.shell("ip link add name eth2 type veth peer name eth1 netns /proc/%d/fd/%d" % (os.getpid(), cls.world.nets["server"]))
            cls.shell("ip addr add 203.0.113.1/24 dev eth2; ip link set eth2 up")
        with cls.world.at("server"):
            cls.shell(f"ip addr add 203.0.113.9/24 dev eth1; ip addr add {FAR}/32 dev lo; ip link set eth1 up")

    @staticmethod
    def shell(script):
        subprocess.run(["sh", "-ec", script], check=True, capture_output=True, text=True)

    def compare(self, script, words, case, modes=("passive", "active", "epsv", "eprt"), port=21):
        """{mode: the first task that fails, or None}; the same live as it is said to be."""
        with self.world.at("wall"):
            self.shell("nft flush ruleset; ip rule del fwmark 7 2>/dev/null || true; ip route flush table 100 2>/dev/null || true; "
                     f"ip route del {FAR} 2>/dev/null || true")
            self.shell(script)
        return self.compare_now(words, case, modes, port)

    def compare_now(self, words, case, modes=("passive", "active", "epsv", "eprt"), port=21):
        """The same for the rules that are there."""
        became = {}
        with self.world.at("wall"):
            snapshot = self.file(wall.sallywall("snapshot", status=0).stdout, "snapshot")
        for mode in modes:
            said = wall.told("explain", snapshot, "--ftp", mode, "--pasv-ports", f"{PASV}:{PASV}", *(["--data-port", "20"] if mode in ("active", "eprt") else []), *words,
                             status=(0, 1, 3))
            plan = live.Plan(mode, port, passive_port=PASV)
            for packet in said["packets"]:
                source, target = (int(packet[end].rpartition(":")[2]) for end in ("source", "destination"))
                if packet["packet"] == "SYN" and packet["channel"] == "data":
                    plan.client_ports[packet["phase"]] = target if plan.active() else source
            seconds = {"works": 4.0, "blocked": 0.2, "unknown": 0.2}
            plan.patience = {task["name"]: seconds[task["outcome"]] for task in said["tasks"]}
            lived = live.play_session(self.world, case, plan)
            for task in said["tasks"]:
                self.assertNotEqual(task["outcome"], "unknown", (mode, said["conclusion"]))
                self.assertEqual(task["outcome"] == "works", lived[task["name"]] is None, (mode, said["conclusion"], lived))
            became[mode] = next((task["name"] for task in said["tasks"] if task["outcome"] != "works"), None)
        return became


class Nat(Through):
    def test_published_port(self):
        case = Case(4, "server", (CLIENT[4], OUTSIDE))
        words = ["--client", CLIENT[4], "--server", OUTSIDE + ":2121", "--at", "server"]
        without = self.compare(PUBLISHED, words, case, port=2121)
        self.assertEqual(without, {"passive": "LIST", "epsv": "LIST", "active": None, "eprt": None})
        # The helper sees the port before it is translated.
        self.assertEqual(self.compare(PUBLISHED + HELPER % 21, words, case, ("passive",), 2121), {"passive": "LIST"})
        self.assertEqual(set(self.compare(PUBLISHED + HELPER % 2121, words, case, port=2121).values()), {None})

    def test_docker(self):
        words = ["--client", CLIENT[4], "--server", OUTSIDE + ":2121", "--at", "server"]
        became = self.compare(DOCKER, words, Case(4, "server", (CLIENT[4], OUTSIDE)), port=2121)
        self.assertEqual(became, {mode: None for mode in became})

    def test_kube_proxy(self):
        case = Case(4, "server", (CLIENT[4], OUTSIDE))
        words = ["--client", CLIENT[4], "--server", OUTSIDE + ":30021", "--at", "server"]
        without = self.compare(KUBE_PROXY, words, case, port=30021)
        self.assertEqual(set(without.values()), {"LIST"})
        self.assertEqual(set(self.compare(KUBE_PROXY + HELPER % 30021, words, case, port=30021).values()), {None})

    def test_hairpin(self):
        case = Case(4, "hairpin", (LAN, OUTSIDE))
        words = ["--client", LAN, "--server", OUTSIDE, "--at", "server"]
        self.assertEqual(self.compare(HAIRPIN + BACK, words, case, ("passive", "epsv")), {"passive": None, "epsv": None})
        self.assertEqual(self.compare(HAIRPIN, words, case, ("passive",)), {"passive": "connect"})

    def test_hairpin_between_neighbours(self):
        """A machine of the server's own network asks by the outer address: the server answers it directly, and nobody has asked that one."""
        for script, said in (HAIRPIN, "same network"), (HAIRPIN + BACK, ""):
            with self.world.at("wall"):
                self.shell("nft flush ruleset; " + script)
                became = wall.told("explain", self.file(wall.sallywall("snapshot", status=0).stdout, "snapshot"), "--ftp", "epsv", "--client", LAN + "1",
                              "--server", OUTSIDE, "--at", "server", status=1 if said else 0)
            self.assertIn(said, became["conclusion"])

    def test_nobody_is_found(self):
        """Over IPv6 rules that forget neighbour discovery stop all, but for neighbours that are set by hand, as those of this world are."""
        words = ["--client", CLIENT[6], "--server", WALL_IN[6], "--at", "server"]
        case = Case(6, "server", (CLIENT[6], WALL_IN[6]))
        rules = ("ip6tables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; ip6tables -A INPUT -p tcp --dport 21 -j ACCEPT\n"
                 "ip6tables -A INPUT -p tcp --dport 10090 -j ACCEPT; ip6tables -P INPUT DROP; ip6tables -P OUTPUT DROP\n"
                 "ip6tables -A OUTPUT -p tcp -j ACCEPT\n")
        self.assertEqual(self.compare(rules, words, case, ("epsv",)), {"epsv": None})
        sides = {"wall": CLIENT[6], "client": WALL_IN[6]}
        by_hand = {}
        for side, neighbour in sides.items():
            with self.world.at(side):
                by_hand[side] = subprocess.run(["ip", "neigh", "show", "to", neighbour], check=True, capture_output=True, text=True).stdout
                self.shell(f"ip neigh del {neighbour} dev eth0")
        try:
            self.assertEqual(self.compare(rules, words, case, ("epsv",)), {"epsv": "connect"})
            with self.world.at("wall"):
                snapshot = self.file(wall.sallywall("snapshot", status=0).stdout, "snapshot")
                said = wall.told("explain", snapshot, "--ftp", "epsv", "--pasv-ports", f"{PASV}:{PASV}", *words, status=1)
                self.assertIn("neighbour discovery", said["conclusion"])
                self.shell("\n".join(said["fixes"][0]["commands"]))
            self.assertEqual(self.compare_now(words, case, ("epsv",)), {"epsv": None})
        finally:
            for side, line in by_hand.items():
                with self.world.at(side):
                    self.shell("ip neigh replace " + line.replace("PERMANENT", "nud permanent"))

    def test_a_link_on_which_nobody_is_looked_for(self):
        """A gateway looks for machines on its links, each by itself: not on a tunnel."""
        script = """ip link set lo up
ip link add eth0 type veth peer name p0; ip link add eth1 type veth peer name p1; ip link set eth0 arp off
for i in eth0 p0 eth1 p1; do ip link set $i up; done
ip addr add fd00:1::1/64 dev eth0 nodad; ip addr add fd00:2::1/64 dev eth1 nodad
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip6tables -P INPUT DROP; ip6tables -A INPUT -i %s -p ipv6-icmp -j ACCEPT
exec "$0" snapshot"""
        for open_link, status in ("eth1", 0), ("eth0", 1):
            done = subprocess.run(["unshare", "--net", "sh", "-ec", script % open_link, harness.SALLYWALL], check=True, capture_output=True, text=True)
            said = wall.told("explain", self.file(done.stdout, "snapshot"), "-6", "--tcp", "fd00:1::9 > [fd00:2::9]:80", status=status)
            self.assertEqual("neighbour discovery" in said["conclusion"], status == 1)

    def test_gateway_before_the_client(self):
        case = Case(4, "gateway", (CLIENT[4], LAN))
        words = ["--client", CLIENT[4], "--server", LAN, "--at", "gateway"]
        without = self.compare(MASQUERADE, words, case)
        self.assertEqual(without, {"passive": None, "epsv": None, "active": "LIST", "eprt": "LIST"})
        self.assertEqual(set(self.compare(MASQUERADE + HELPER % 21, words, case).values()), {None})
        self.assertEqual(set(self.compare(NFT_MASQUERADE, words, case).values()), {None})

    def test_second_uplink(self):
        case = Case(4, "gateway", (CLIENT[4], FAR))
        words = ["--client", CLIENT[4], "--server", FAR, "--at", "gateway"]
        self.assertEqual(self.compare(UPLINK, words, case, ("passive",)), {"passive": "connect"})
        self.assertEqual(self.compare(UPLINK + MARKED, words, case, ("passive", "epsv")), {"passive": None, "epsv": None})
