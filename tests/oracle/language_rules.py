# SPDX-License-Identifier: BSD-2-Clause
"""Random rules and commands of the iptables language, for language.py: every match, target, option and form that ours
evaluates, right ones mostly."""
import re

# What iptables takes and ours refuses on purpose: an expression over the command, and why.
# Of these the real one forgets a part that can never match, when it saves; ours keeps it.
FORGOTTEN = re.compile(r"! (--[sd]\S*|-i|-o) (:|0:65535|0:|:65535|\+)( |$)|"
                       r"--tcp-flags NONE (?!NONE)|--help?( |$)")  # and --help is no option of ours

DELIBERATE = [
    (r"--hashlimit-(burst|rate-interval) \d+[^0-9kmx ]", "iptables reads the digits that a number begins with"),
    (r"--(mss|length|ctexpire) ( |$)", "iptables takes an empty word for the whole range"),
    (r"--monthdays \S*[^0-9, ]", "iptables reads the digits that a day begins with"),
    (r"--time(start|stop) :", "iptables takes an empty number for 0"),
    (r"--physdev-(in|out) ( |$)", "iptables takes an empty name for any bridge port"),
    (r"port 99999999999( |$)", "iptables takes a port modulo 65,536"),
    (r"--reject-with ( |$)", "iptables takes no word for the first answer"),
    (r"--monthdays (0|\S*,0)\b", "there is no day 0"),
    (r"--weekdays (\d\d|[89]|\S*,[89])", "there is no such day of the week"),
    (r"-c (\S*[^0-9 ]\S*|\S+ \S*[^0-9 ]\S*)( |$)", "iptables reads the digits that a counter begins with"),
    (r"--(limit|hashlimit(-upto|-above)?) \d+[^/0-9 ]", "iptables reads the digits that a rate begins with"),
    (r"! --(monthdays|weekdays)", "a list of days of which none is left cannot be saved"),
]


def pick(rng, *choices):
    return rng.choice(choices)


def maybe(rng, *words, chance=0.5):
    return list(words) if rng.random() < chance else []


def bang(rng, chance=0.3):
    return ["!"] if rng.random() < chance else []


def number(rng, most, least=0):
    value = rng.choice([least, most, rng.randint(least, most), rng.randint(least, min(most, least + 300))])
    return rng.choice(["%d", "%d", "%d", "0x%x"]) % value


def u16range(rng, least=0):
    a, b = sorted((rng.randint(least, 65535), rng.randint(least, 65535)))
    return rng.choice(["%d" % a, "%d:%d" % (a, b), ":%d" % b, "%d:" % a, "%d:%d" % (a, a), "0:65535"])


def value32(rng):
    value = number(rng, 0xffffffff)
    return rng.choice([value, value, value + "/" + number(rng, 0xffffffff), value + "/0xffffffff", value + "/0"])


def address(rng, family):
    if family == 6:
        return rng.choice(["fe80::1", "2001:db8::%x" % rng.randint(0, 65535), "::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4",
                           "FD00:0:0::A"])
    return rng.choice(["10.%d.%d.%d" % (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255)), "192.168.0.18",
                       "127.0.0.1", "0.0.0.0", "255.255.255.255"])


def network(rng, family):
    base = address(rng, family)
    if family == 6:
        return base + rng.choice(["", "/%d" % rng.randint(0, 128), "/64", "/ffff:0:ffff::", "/ffff:ffff::", "/::"])
    return base + rng.choice(["", "", "/%d" % rng.randint(0, 32), "/24", "/255.255.0.0", "/255.0.255.0", "/0.0.0.0", "/0.0.0.255",
                              "/255.255.255.255"])


def port(rng):
    return rng.choice(["ftp", "ftp-data", "ssh", "http", "https", "domain", "ntp", "smtp", "imap2"] + [str(rng.randint(0, 65535))] * 12)


def ports(rng):
    a, b = sorted((rng.randint(0, 65535), rng.randint(0, 65535)))
    return rng.choice([port(rng), port(rng), "%d:%d" % (a, b), ":%d" % b, "%d:" % a, "ftp-data:ftp", ":", "0:65535", "21:21"])


# ---- matches: each gives the words, -m and all; some need a protocol ----

def m_tcp(rng, family):
    flags = "SYN ACK FIN RST URG PSH".split()
    words = maybe(rng, *bang(rng), pick(rng, "--sport", "--source-port"), ports(rng), chance=0.4)
    words += maybe(rng, *bang(rng), pick(rng, "--dport", "--destination-port"), ports(rng), chance=0.6)
    if rng.random() < 0.3:
        words += bang(rng) + pick(rng, ["--syn"], [
            "--tcp-flags", pick(rng, "ALL", "NONE", ",".join(rng.sample(flags, rng.randint(1, 6)))),
            pick(rng, "ALL", "NONE", "SYN", ",".join(rng.sample(flags, rng.randint(1, 3))))])
    words += maybe(rng, *bang(rng), "--tcp-option", number(rng, 255), chance=0.15)
    return ["-p", pick(rng, "tcp", "6", "TCP")] + maybe(rng, "-m", "tcp") + words


def m_udp(rng, family):
    return ["-p", pick(rng, "udp", "17")] + maybe(rng, "-m", "udp") + maybe(rng, *bang(rng), "--sport", ports(rng)) + maybe(
        rng, *bang(rng), "--dport", ports(rng))


def m_icmp(rng, family):
    if family == 6:
        return ["-p", pick(rng, "icmpv6", "ipv6-icmp", "58")] + maybe(
            rng, *bang(rng), "--icmpv6-type", pick(rng, "echo-request", "destination-unreachable", "no-route", "128", "1/4", "3",
                                                   "neighbour-solicitation", "ping", "packet-too-big", "bad-header", "255"))
    return ["-p", "icmp"] + maybe(rng, *bang(rng), "--icmp-type", pick(
        rng, "any", "echo-request", "ping", "8", "3/1", "fragmentation-needed", "3", "11", "time-exceeded", "port-unreachable",
        "255", "network-redirect", "0", "8/0"))


def states(rng):
    return ",".join(rng.sample("NEW ESTABLISHED RELATED INVALID UNTRACKED".split(), rng.randint(1, 5)))


def m_state(rng, family):
    return ["-m", "state", *bang(rng), "--state", states(rng)]


def plain_network(rng, family):
    """Without what the real one forgets or looks up here: masks that are no prefixes, names."""
    if family == 6:
        return pick(rng, "2001:db8::%x" % rng.randint(1, 65535), "2001:db8::/32", "fe80::/%d" % rng.randint(1, 64))
    return pick(rng, "10.1.2.%d" % rng.randint(1, 255), "10.0.0.0/%d" % rng.randint(8, 32), "192.168.7.0/255.255.255.0")


def m_conntrack(rng, family):
    words = maybe(rng, *bang(rng), "--ctstate", pick(rng, states(rng), states(rng), "SNAT", "DNAT,NEW", "new,Established"))
    words += maybe(rng, *bang(rng), "--ctproto", pick(rng, "tcp", "17", "icmp", "47"), chance=0.2)
    for option in ("--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst"):
        words += maybe(rng, *bang(rng), option, plain_network(rng, family), chance=0.12)
    for option in ("--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport"):
        words += maybe(rng, *bang(rng), option, ports(rng), chance=0.12)
    words += maybe(rng, *bang(rng), "--ctstatus", pick(rng, "NONE", "EXPECTED", "SEEN_REPLY,ASSURED", "CONFIRMED"), chance=0.2)
    words += maybe(rng, *bang(rng), "--ctexpire", pick(rng, "5", "5:9", ":60", "10:", "0"), chance=0.2)
    words += maybe(rng, "--ctdir", pick(rng, "ORIGINAL", "REPLY"), chance=0.2)
    return ["-m", "conntrack"] + words


def m_multiport(rng, family):
    items = []
    for _ in range(rng.randint(1, 8)):
        a, b = sorted((rng.randint(0, 65535), rng.randint(0, 65535)))
        items.append(rng.choice([port(rng), port(rng), "%d:%d" % (a, b)]))
    return ["-p", pick(rng, "tcp", "udp", "sctp"), "-m", "multiport", *bang(rng), pick(
        rng, "--ports", "--sports", "--dports", "--source-ports", "--destination-ports"), ",".join(items)]


def m_comment(rng, family):
    return ["-m", "comment", "--comment", pick(rng, "plain", "two words", "a 'quote' and \"more\"", "back\\slash", "x" * 255, "a.b:c",
                                               "~!@#$%", "", "ünïcode", "tab\there")]


def m_iprange(rng, family):
    def one():
        return pick(rng, address(rng, family), address(rng, family) + "-" + address(rng, family))
    return ["-m", "iprange"] + maybe(rng, *bang(rng), "--src-range", one(), chance=0.7) + maybe(
        rng, *bang(rng), "--dst-range", one())


def rate(rng):
    return "%d%s" % (rng.choice([1, 3, 5, 7, 10, 12, 30, 100, 999, 1000, 9999, rng.randint(1, 10000)]), pick(
        rng, "", "/s", "/sec", "/second", "/m", "/min", "/minute", "/h", "/hour", "/d", "/day", "/Hour"))


def m_limit(rng, family):
    return ["-m", "limit"] + maybe(rng, "--limit", rate(rng), chance=0.9) + maybe(
        rng, "--limit-burst", pick(rng, "1", "5", "10", "100", "1000", "10000", number(rng, 10000)))


def m_hashlimit(rng, family):
    full = 128 if family == 6 else 32
    if rng.random() < 0.4:
        amount = pick(rng, "%db/s" % rng.randint(16, 5000), "%dkb/s" % rng.randint(1, 5000), "%dmb/s" % rng.randint(1, 30000))
        burst = maybe(rng, "--hashlimit-burst", pick(rng, "%dmb" % rng.randint(1, 4000), "%dkb" % rng.randint(1, 99999),
                                                     str(rng.randint(1, 1000000)), "%dk" % rng.randint(1, 9999)))
    else:
        amount = rate(rng)
        burst = maybe(rng, "--hashlimit-burst", pick(rng, "1", "7", "1000000", number(rng, 1000000, 1), "7k"))
    words = bang(rng) + [pick(rng, "--hashlimit", "--hashlimit-upto", "--hashlimit-above"), amount] + burst
    words += maybe(rng, "--hashlimit-mode", ",".join(rng.sample(["srcip", "dstip", "srcport", "dstport"], rng.randint(1, 4))),
                   chance=0.7)
    words += maybe(rng, "--hashlimit-srcmask", str(rng.randint(0, full)), chance=0.2)
    words += maybe(rng, "--hashlimit-dstmask", str(rng.randint(0, full)), chance=0.2)
    for option, values in (("size", ["1", "64", "2000000"]), ("max", ["10", "999"]), ("gcinterval", ["1000", "5000", "1"]),
                           ("expire", ["1000", "60000", "15000", "777"])):
        words += maybe(rng, "--hashlimit-htable-" + option, rng.choice(values), chance=0.15)
    if rng.random() < 0.2:
        words += ["--hashlimit-rate-match"] + maybe(rng, "--hashlimit-rate-interval", pick(rng, "1", "30", "60"))
    rng_name = "h%d" % rng.randint(0, 10 ** 9)  # the kernel shares a table by name, with its first settings
    words += ["--hashlimit-name", rng_name]
    return ["-m", "hashlimit"] + words


def m_connlimit(rng, family):
    full = 128 if family == 6 else 32
    return ["-m", "connlimit", *bang(rng), pick(rng, "--connlimit-above", "--connlimit-upto"), number(rng, 0xffffffff)] + maybe(
        rng, "--connlimit-mask", str(rng.randint(0, full)), chance=0.4) + pick(rng, [], [], ["--connlimit-saddr"],
                                                                              ["--connlimit-daddr"])


def m_recent(rng, family):
    words = bang(rng) + [pick(rng, "--set", "--rcheck", "--update", "--remove")]
    words += maybe(rng, "--seconds", number(rng, 0x7fffffff, 1), chance=0.3) + maybe(rng, "--hitcount", number(rng, 255), chance=0.3)
    words += maybe(rng, "--rttl", chance=0.15) + maybe(rng, "--reap", chance=0.15)
    words += maybe(rng, "--name", pick(rng, "ssh", "FTP", "x.y-z_1", "DEFAULT", "a" * 30))
    words += maybe(rng, "--mask", pick(rng, "ffff:ffff::", "::") if family == 6 else pick(rng, "255.255.255.0", "255.0.255.0"), chance=0.2)
    return ["-m", "recent"] + words + pick(rng, [], ["--rsource"], ["--rdest"])


def m_mac(rng, family):
    return ["-m", "mac", *bang(rng), "--mac-source", ":".join(rng.choice(["%02x", "%02X", "%x"]) % rng.randint(0, 255)
                                                              for _ in range(6))]


def m_mark(rng, family):
    return ["-m", pick(rng, "mark", "connmark"), *bang(rng), "--mark", value32(rng)]


def m_addrtype(rng, family):
    kinds = "UNSPEC UNICAST LOCAL BROADCAST ANYCAST MULTICAST BLACKHOLE UNREACHABLE PROHIBIT THROW NAT XRESOLVE local uni".split()
    if family == 6:
        kinds = ["UNICAST", "LOCAL", "ANYCAST", "MULTICAST", "UNREACHABLE", "UNSPEC", "PROHIBIT"]

    def some():
        return ",".join(rng.sample(kinds, rng.randint(1, 3)))
    return ["-m", "addrtype"] + maybe(rng, *bang(rng), "--src-type", some()) + maybe(rng, *bang(rng), "--dst-type", some(), chance=0.8) + pick(
        rng, [], [], ["--limit-iface-in"], ["--limit-iface-out"])


def m_helper(rng, family):
    return ["-m", "helper", *bang(rng), "--helper", pick(rng, "ftp", "ftp-2121", "", "sip", "a b")]


def m_length(rng, family):
    return ["-m", "length", *bang(rng), "--length", u16range(rng)]


def m_ttl(rng, family):
    name = "hl" if family == 6 else "ttl"
    return ["-m", name] + pick(rng, bang(rng) + ["--%s-eq" % name], ["--%s-lt" % name], ["--%s-gt" % name],
                               bang(rng) + ["--" + name]) + [number(rng, 255)]


def m_tos(rng, family):
    return ["-m", "tos", *bang(rng), "--tos", pick(rng, number(rng, 255), number(rng, 255) + "/" + number(rng, 255), "Minimize-Delay",
                                                   "minimize-cost", "Normal-Service", "0x10/0x3f", "8/63")]


def m_dscp(rng, family):
    return ["-m", "dscp", *bang(rng)] + pick(rng, ["--dscp", number(rng, 63)], [
        "--dscp-class", pick(rng, "EF", "ef", "BE", "CS0", "cs7", "AF11", "af43", "AF32")])


def m_pkttype(rng, family):
    return ["-m", "pkttype", *bang(rng), "--pkt-type", pick(rng, "unicast", "broadcast", "multicast", "otherhost", "bcast", "mcast", "host",
                                                            "Unicast")]


def m_statistic(rng, family):
    if rng.random() < 0.5:
        return ["-m", "statistic", "--mode", "random", *bang(rng), "--probability", pick(
            rng, "0", "1", "0.5", "0.1", ".25", "1e-3", "%.11f" % rng.random(), repr(rng.random()))]
    every = rng.randint(1, 20)
    return ["-m", "statistic", "--mode", "nth", *bang(rng), "--every", str(every), "--packet", str(rng.randint(0, every))]


def m_time(rng, family):
    def date():
        return pick(rng, "2020", "2021-02", "2030-12-31", "1970", "2038-01-20", "2024-02-29T12", "2025-06-07T08:09",
                    "2026-11-22T23:59:59")

    def clock():
        return pick(rng, "%d:%02d" % (rng.randint(0, 23), rng.randint(0, 59)), "%02d:%02d:%02d" % (
            rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)))
    words = maybe(rng, "--datestart", date(), chance=0.25) + maybe(rng, "--datestop", date().replace("1970", "1971"), chance=0.25)
    words += maybe(rng, "--timestart", clock(), chance=0.4) + maybe(rng, "--timestop", clock(), chance=0.4)
    words += maybe(rng, *bang(rng), "--monthdays", ",".join(str(d) for d in rng.sample(range(1, 32), rng.randint(1, 8))), chance=0.3)
    words += maybe(rng, *bang(rng), "--weekdays", ",".join(rng.sample(["Mon", "Tu", "3", "Thu", "Fri", "Sat", "7"], rng.randint(
        1, 6))), chance=0.3)
    return ["-m", "time"] + words + pick(rng, [], [], ["--utc"], ["--kerneltz"], ["--contiguous"])


def m_tcpmss(rng, family):
    a, b = sorted((rng.randint(0, 65535), rng.randint(0, 65535)))
    return ["-p", "tcp", "-m", "tcpmss", *bang(rng), "--mss", pick(rng, str(a), "%d:%d" % (a, b), "%d:%d" % (a, a))]


def m_u32(rng, family):
    def location():
        text = number(rng, 0xffffffff)
        for _ in range(rng.randint(0, 3)):
            operator = pick(rng, "&", "<<", ">>", "@", " & ", " >> ")
            text += operator + number(rng, 33 if "<" in operator or ">" in operator else 0xffffffff)
        return text

    def value():
        a = number(rng, 0xffffffff)
        return pick(rng, a, a, a + ":" + number(rng, 0xffffffff))
    tests = [location() + pick(rng, "=", " = ") + ",".join(value() for _ in range(rng.randint(1, 3)))
             for _ in range(rng.randint(1, 3))]
    return ["-m", "u32", *bang(rng), "--u32", pick(rng, "&&", " && ").join(tests)]


def m_set(rng, family):
    name = "six" if family == 6 else pick(rng, "one", "two")
    words = bang(rng) + ["--match-set", name, ",".join(rng.choice(["src", "dst"]) for _ in range(rng.randint(1, 3)))]
    words += maybe(rng, "--return-nomatch", chance=0.2) + maybe(rng, *bang(rng), "--update-counters", chance=0.15)
    words += maybe(rng, *bang(rng), "--update-subcounters", chance=0.15)
    words += maybe(rng, *pick(rng, bang(rng) + ["--packets-eq"], ["--packets-lt"], ["--packets-gt"]), number(rng, 2 ** 64 - 1), chance=0.2)
    words += maybe(rng, *pick(rng, bang(rng) + ["--bytes-eq"], ["--bytes-lt"], ["--bytes-gt"]), number(rng, 2 ** 64 - 1), chance=0.2)
    return ["-m", "set"] + words


def m_physdev(rng, family):
    words = maybe(rng, *bang(rng), "--physdev-in", pick(rng, "eth0", "eth+", "br-x1")) + maybe(rng, *bang(rng), "--physdev-is-in", chance=0.3)
    words += maybe(rng, *bang(rng), "--physdev-is-bridged", chance=0.3)
    return ["-m", "physdev"] + words


def m_owner(rng, family):
    def one(names):
        a, b = sorted((rng.randint(0, 70000), rng.randint(0, 70000)))
        return pick(rng, str(a), "%d-%d" % (a, b), "%d:%d" % (a, b), rng.choice(names), "0", "33")
    words = maybe(rng, *bang(rng), "--uid-owner", one(["root", "www-data", "nobody", "mail"]))
    words += maybe(rng, *bang(rng), "--gid-owner", one(["root", "adm", "nogroup", "staff"])) + maybe(rng, *bang(rng), "--socket-exists", chance=0.3)
    return ["-m", "owner"] + words + maybe(rng, "--suppl-groups", chance=0.2)


def opaque_match(rng):
    return pick(rng, [], ["-m", "cpu", "--cpu", "1"], ["-m", "string", "--string", pick(rng, "GET /", "x", 'a"b'), "--algo", "bm"],
                ["-m", "quota", "--quota", "1000"], ["-m", "socket", "--transparent"], ["-m", "devgroup", "--src-group", "0x1"],
                ["-m", "cluster", "--cluster-total-nodes", "2", "--cluster-local-node", "1", "--cluster-hash-seed", "0xdeadbeef"],
                ["-m", "connbytes", "--connbytes", "10:20", "--connbytes-mode", "bytes", "--connbytes-dir", "both"],
                ["-m", "policy", "--dir", "in", "!", "--pol", "none"], ["-p", "esp", "-m", "esp", "--espspi", "1:5"],
                ["-m", "string", "--hex-string", "|0a0d|", "--algo", "kmp", "--to", "99"])


def opaque_target(rng, family):
    return pick(rng, [], ["-j", "NFQUEUE", "--queue-num", str(rng.randint(1, 99))], ["-j", "NFQUEUE"], ["-j", "NFQUEUE", "--queue-balance", "1:3"],
                ["-j", "AUDIT", "--type", "drop"], ["-j", "CLASSIFY", "--set-class", "0001:0002"], ["-j", "DROP"],
                ["-j", "TEE", "--gateway", "fe80::9" if family == 6 else "10.0.0.9"])


MATCHES = [m_tcp, m_udp, m_icmp, m_state, m_conntrack, m_multiport, m_comment, m_iprange, m_limit, m_hashlimit, m_connlimit, m_recent,
           m_mac, m_mark, m_addrtype, m_helper, m_length, m_ttl, m_tos, m_dscp, m_pkttype, m_statistic, m_time, m_tcpmss, m_u32, m_set,
           m_physdev, m_owner]


# ---- targets ----

def t_plain(rng, family, table, chains):
    return pick(rng, [], ["-j", "ACCEPT"], ["-j", "DROP"], ["-j", "RETURN"], ["--jump", "ACCEPT"])


def t_chain(rng, family, table, chains):
    return [pick(rng, "-j", "-j", "-g", "--goto"), rng.choice(chains[-2:])] if len(chains) > 3 else ["-j", "ACCEPT"]


def t_reject(rng, family, table, chains):
    kinds4 = ["icmp-port-unreachable", "icmp-host-prohibited", "tcp-reset", "icmp-admin-prohibited", "port-unreach", "icmp-net-unreachable",
              "host-unreach", "icmp-proto-unreachable", "icmp-net-prohibited"]
    kinds6 = ["icmp6-no-route", "tcp-reset", "icmp6-adm-prohibited", "port-unreach", "icmp6-addr-unreachable", "icmp6-policy-fail",
              "icmp6-reject-route", "adm-prohibited", "icmp6-port-unreachable"]
    return ["-j", "REJECT"] + maybe(rng, "--reject-with", rng.choice(kinds6 if family == 6 else kinds4), chance=0.7)


def t_log(rng, family, table, chains):
    return ["-j", "LOG"] + maybe(rng, "--log-prefix", pick(rng, "drop: ", "x", "a \"quoted\" one")) + maybe(
        rng, "--log-level", pick(rng, "4", "debug", "info", "7", "0", "warning", "emerg", "error")) + maybe(
            rng, "--log-tcp-sequence", chance=0.2) + maybe(rng, "--log-tcp-options", chance=0.2) + maybe(
                rng, "--log-ip-options", chance=0.2) + maybe(rng, "--log-uid", chance=0.2) + maybe(rng, "--log-macdecode", chance=0.2)


def t_nflog(rng, family, table, chains):
    return ["-j", "NFLOG"] + maybe(rng, "--nflog-group", number(rng, 65535)) + maybe(
        rng, "--nflog-prefix", pick(rng, "ab", "a b", "x:", "y" * 63)) + maybe(
            rng, pick(rng, "--nflog-size", "--nflog-range"), number(rng, 0xffffffff), chance=0.3) + maybe(
                rng, "--nflog-threshold", number(rng, 65535), chance=0.3)


def t_mark(rng, family, table, chains):
    return ["-j", "MARK"] + pick(rng, ["--set-mark", value32(rng)], ["--set-xmark", value32(rng)], ["--and-mark", number(rng, 0xffffffff)],
                                 ["--or-mark", number(rng, 0xffffffff)], ["--xor-mark", number(rng, 0xffffffff)])


def t_connmark(rng, family, table, chains):
    kept = pick(rng, [], ["--mask", number(rng, 0xffffffff)], ["--nfmask", number(rng, 0xffffffff)], [
        "--ctmask", number(rng, 0xffffffff), "--nfmask", "0xff"])
    return ["-j", "CONNMARK"] + pick(rng, ["--set-mark", value32(rng)], ["--set-xmark", value32(rng)], ["--or-mark", number(rng, 0xffffffff)],
                                     ["--save-mark"] + kept, ["--restore-mark"] + kept) + maybe(
        rng, pick(rng, "--left-shift-mark", "--right-shift-mark"), number(rng, 31), chance=0.2)


def t_ct(rng, family, table, chains):
    words = pick(rng, [], ["--notrack"], ["--zone", number(rng, 65535)], ["--zone", "mark"], ["--zone-orig", number(rng, 65535)],
                 ["--zone-reply", "mark"])
    words = words + maybe(rng, "--ctevents", ",".join(rng.sample("new related destroy reply assured protoinfo helper mark secmark".split(),
                                                               rng.randint(1, 4))), chance=0.3)
    return pick(rng, ["-j", "NOTRACK"], ["-j", "CT"] + words, ["-p", "tcp", "-j", "CT", "--helper", "ftp"])


TARGETS = [t_plain, t_plain, t_plain, t_chain, t_reject, t_log, t_nflog, t_mark, t_connmark]


def header(rng, family, chain):
    words = maybe(rng, *bang(rng), pick(rng, "-s", "--source", "--src"), network(rng, family), chance=0.3)
    words += maybe(rng, *bang(rng), pick(rng, "-d", "--destination", "--dst"), network(rng, family), chance=0.3)
    words += maybe(rng, *bang(rng), "-i", pick(rng, "eth0", "eth+", "lo", "wlan0.100", "abcdefghijklmno"), chance=0.15)
    words += maybe(rng, *bang(rng), "-o", pick(rng, "eth0", "ppp+", "lo"), chance=0.15)
    if family == 4:
        words += maybe(rng, *bang(rng), "-f", chance=0.05)
    return words + maybe(rng, "-c", str(rng.choice([0, 1, 99999, 100000, 123456789, 10 ** 12])),
                         str(rng.choice([0, 60, 99999, 100000, 99999499, 10 ** 15])), chance=0.25)


WRONG = ["", "-1", "foo", "99999999999", "1:2:3", "!", "0x", "1/2/3", "a,b", ",", "10.0.0.1", "::1", "tcp", "-x", "NEW", "1-2"]


def spoil(rng, words):
    """One small mistake."""
    words = list(words)
    if not words:
        return words
    at = rng.randrange(len(words))
    action = rng.randrange(5)
    if action == 0:
        words[at] = rng.choice(WRONG)
    elif action == 1:
        del words[at]
    elif action == 2:
        words.insert(at, words[at])
    elif action == 3:
        words.insert(at, "!")
    elif words[at].startswith("--") and len(words[at]) > 5:
        words[at] = words[at][:-rng.randint(1, 3)]  # an abbreviation, which may be ambiguous
    return words


def mistake(rng, family, table, chains):
    """A small rule with something wrong in it, or not."""
    while True:
        match = rng.choice(MATCHES)(rng, family)
        target = rng.choice(TARGETS + ([t_ct] * 4 if table == "raw" else []))(rng, family, table, chains)
        if "-p" in match and "-p" in target:
            continue
        words = spoil(rng, match + target)
        if not FORGOTTEN.search(" ".join(words)):
            return words


def rule(rng, family, table, chain, chains):
    protocol = None
    words = header(rng, family, chain)
    targets = TARGETS + ([t_ct] * 4 if table == "raw" else [])
    target = rng.choice(targets)(rng, family, table, chains)
    if "-p" in target:
        protocol = target[1]
    for make in rng.sample(MATCHES, rng.choice([1, 1, 1, 2, 3])):
        match = make(rng, family)
        if "-p" in match:
            if protocol is not None:
                continue
            protocol = match[match.index("-p") + 1]
        words += match
    if protocol is None and rng.random() < 0.1:
        words += bang(rng) + ["-p", pick(rng, "esp", "47", "gre", "sctp", "all", "0", "253")]
    words += target
    words = spoil(rng, words) if rng.random() < 0.15 else words
    return rule(rng, family, table, chain, chains) if FORGOTTEN.search(" ".join(words)) else words


# ---- commands ----

def simple(rng, family, chains):
    """A small rule of few variants, so that -C, -D and -R hit."""
    words = pick(rng, ["-p", "tcp", "--dport", str(rng.randint(20, 23))], ["-s", "2001:db8::1" if family == 6 else "10.0.0.1"],
                 ["-m", "state", "--state", "ESTABLISHED,RELATED"], [], ["-i", "eth0"])
    return words + pick(rng, [], ["-j", "ACCEPT"], ["-j", "DROP"], ["-j", rng.choice(chains)], ["-g", rng.choice(chains)])


def command(rng, family, builtin, users):
    table = rng.choice(["filter", "filter", "filter", "raw"])
    chains = builtin[table] + users[:3]
    chain, user = rng.choice(chains), rng.choice(users[:3])
    rulenum = str(rng.choice([1, 1, 2, 2, 3, 4, 9, 0]))
    choices = [
        [pick(rng, "-A", "--append"), chain, *simple(rng, family, users[:3])],
        ["-A", chain, *simple(rng, family, users[:3])],
        ["-A", chain, *rule(rng, family, table, chain, chains)],
        ["-I", chain, *simple(rng, family, users[:3])],
        ["-I", chain, rulenum, *simple(rng, family, users[:3])],
        ["-R", chain, rulenum, *simple(rng, family, users[:3])],
        [pick(rng, "-D", "--delete"), chain, rulenum],
        ["-D", chain, *simple(rng, family, users[:3])],
        [pick(rng, "-C", "--check"), chain, *simple(rng, family, users[:3])],
        [pick(rng, "-N", "--new-chain", "--new"), user], ["-N", user], ["-N", user],
        ["-X"] if rng.random() < 0.3 else ["-X", user],
        ["-E", user, rng.choice(users)],
        ["-P", rng.choice(builtin[table] + [user]), pick(rng, "ACCEPT", "DROP", "DROP", "RETURN", "foo")],
        ["-F"] if rng.random() < 0.1 else ["-F", chain],
        ["-Z"] if rng.random() < 0.3 else ["-Z", chain, *maybe(rng, rulenum)],
        ["-S", *maybe(rng, chain)], ["-S", chain, rulenum], ["-S", "-v"],
        ["-L", *maybe(rng, chain), "-n"], ["-L", chain, rulenum, "-n", "-v"], ["-nL"], ["-nvL", chain, "--line-numbers"],
        ["-A", chain, "-s", "2001:db8::1,2001:db8::2" if family == 6 else "10.0.0.1,10.0.0.2", "-j", "ACCEPT"],
        ["-D", chain, "-s", "2001:db8::1,2001:db8::2" if family == 6 else "10.0.0.1,10.0.0.2", "-j", "ACCEPT"],
    ]
    words = rng.choice(choices)
    if rng.random() < 0.06:
        words = spoil(rng, words)
    return (["-t", table] if table != "filter" or rng.random() < 0.2 else []) + words
