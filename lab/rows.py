# SPDX-License-Identifier: BSD-2-Clause
"""The rows of the truth table: what is opened before the rule that drops the rest, and what becomes of a session then.

A row begins with the rules of row 0, whatever the rows before it have opened. {chain} is INPUT, or FORWARD on a gateway.
"""
import dataclasses

from hosts import CLIENT, GATEWAY, SERVER

NO_LOGIN, TIMES_OUT, WORKS = "NO_LOGIN", "TIMES_OUT", "WORKS"
OUTCOMES = (NO_LOGIN, TIMES_OUT, WORKS)
RANGE = (10090, 10100)

BEFORE = [f"-A {{chain}} -s {CLIENT} -d {SERVER} -p tcp --dport 22 -j ACCEPT",
          f"-A {{chain}} -s {GATEWAY} -d {SERVER} -j ACCEPT",
          f"-A {{chain}} -s 8.8.8.8 -d {SERVER} -j ACCEPT",
          f"-A {{chain}} -d {SERVER} -j DROP"]


def opened(port):
    return f"-I {{chain}} -s 0.0.0.0/0 -d {SERVER} -p tcp --dport {port} -j ACCEPT"


def announced(ports):
    return f"-I {{chain}} -m state -s 0.0.0.0/0 -d {SERVER} -p tcp --dport {ports} --state ESTABLISHED,RELATED -j ACCEPT"


ANY_ANNOUNCED = f"-I {{chain}} -m state -d {SERVER} --state ESTABLISHED,RELATED -j ACCEPT"
HELPER = "-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp"
LOCKED_OUTPUT = ["-A OUTPUT -m state --state ESTABLISHED,RELATED -j ACCEPT", f"-A OUTPUT -s {SERVER} -j DROP"]


@dataclasses.dataclass
class Row:
    """kernel, wall: what becomes of (passive, active) mode behind the kernel's iptables and behind sallywall."""
    name: str
    commands: list
    kernel: tuple
    wall: tuple = None
    ports: tuple = None  # the passive range that the server is told, and restarted
    tls: bool = False
    doors: bool = False
    has_gateway: bool = False
    shows: str = "passive"  # which mode is explained

    def expected(self, wall, mode):
        return ((self.wall or self.kernel) if wall == "sallywall" else self.kernel)[mode == "active"]


ROWS = {row.name: row for row in (
    Row("0", [], (NO_LOGIN, NO_LOGIN)),
    Row("1", [opened(21)], (TIMES_OUT, TIMES_OUT)),
    Row("2", [opened(21), opened(20)], (TIMES_OUT, WORKS), shows="active"),
    Row("3", [opened(21), opened("10090:10100")], (WORKS, TIMES_OUT), ports=RANGE),
    Row("4", [opened(21), announced("1024:65534")], (TIMES_OUT, TIMES_OUT), (WORKS, TIMES_OUT)),
    Row("5", [opened(21), announced("1024:65534"), HELPER], (WORKS, TIMES_OUT)),
    Row("6", [opened(21), announced("10090:10100"), HELPER], (WORKS, TIMES_OUT), ports=RANGE),
    Row("7", [opened(21), ANY_ANNOUNCED, HELPER], (WORKS, WORKS)),
    Row("8", [opened(21), ANY_ANNOUNCED, HELPER], (TIMES_OUT, WORKS), tls=True),
    Row("g", [opened(21), ANY_ANNOUNCED, HELPER], (TIMES_OUT, WORKS), tls=True, doors=True, has_gateway=True),
    Row("9", [opened(21), ANY_ANNOUNCED, *LOCKED_OUTPUT], (WORKS, WORKS), tls=True, doors=True),
)}


def restored(chain):
    """The rules of row 0, in all tables that a row may have changed, as iptables-restore takes them."""
    lines = ["*raw", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", "COMMIT", "*filter",
             ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    return "\n".join(lines + [rule.format(chain=chain) for rule in BEFORE] + ["COMMIT", ""])
