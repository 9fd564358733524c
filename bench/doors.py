# SPDX-License-Identifier: BSD-2-Clause
"""What a door for each transfer costs: the same small files through the same kind of firewall, with doors and with the passive range
open. On the loopback, where both ends' packets meet the rules."""
import subprocess

import stage
from stage import Failure

SESSIONS, FIRST, LAST = 4, 30000, 30099
WAYS = ("conntrack", "nft", "ipset", "sallywall")
STATES = "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"


def feed(text, *argv):
    done = subprocess.run(argv, input=text, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: {done.stderr.strip()[:200]}")


def iptables_text(port, more):
    lines = [f"-A INPUT -p tcp --dport {port} -j ACCEPT", f"-A INPUT {STATES}", *more]
    return "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + "\n".join(lines) + "\nCOMMIT\n"


def rule_of(server):
    """What sallyd asks the administrator for, without what is in the tables already."""
    options = [f"-ofirewall={server.firewall}", f"-olisten_port={server.port}", "-oanonymous_enable=YES"]
    return subprocess.run([server.program, "/dev/null", *options, "--firewall-rule"], capture_output=True, text=True, check=True).stdout


def lock(server, way, is_open):
    """is_open: the passive range is, else whoever has a door."""
    opened = [f"-A INPUT -p tcp --dport {FIRST}:{LAST} -j ACCEPT"] if is_open else []
    if way == "nft":
        feed("table inet filter {\nchain input { type filter hook input priority 0; policy drop; }\n"
             "chain output { type filter hook output priority 0; policy accept; }\n}\n" +
             (f"add rule inet filter input ct state established,related accept\n"
              f"add rule inet filter input tcp dport {{ {server.port}, {FIRST}-{LAST} }} accept\n" if is_open else rule_of(server)),
             "nft", "-f", "-")
    elif way == "sallywall":
        with open(f"{server.folder}/wall.rules", "w") as file:
            file.write(iptables_text(server.port, opened))
        feed("", stage.BUILD + "/sallywall", "up", "--rules", file.name)
    else:
        feed(iptables_text(server.port, opened), "iptables-nft-restore")
        if way == "ipset" and not is_open:
            feed(rule_of(server).replace("iptables ", "iptables-nft ").replace("ip6tables ", "ip6tables-nft "), "sh", "-e")


def rate(server, way, is_open, files, seconds):
    stage.network_renew()
    server.firewall = "none" if is_open else way
    lock(server, way, is_open)
    try:
        with server:
            return stage.ftpload("small", port=server.port, sessions=SESSIONS, path="small", count=files, seconds=seconds)["per_second"]
    finally:
        server.firewall = "none"
        if way == "sallywall":
            subprocess.run([stage.BUILD + "/sallywall", "down"], capture_output=True)
