/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_FIREWALL_H
#define SALLY_SERVER_CONFIG_OPTIONS_FIREWALL_H

/* Options about doors in the kernel's firewall. What the columns mean: options.h. */
#define CONFIG_OPTIONS_FIREWALL(BOOL, NUMBER, STRING)                                                        \
    STRING(firewall, "auto", NAME, SERVER, DONE,                                                             \
           "How data connections come through the firewall of this machine. For each the server opens a "    \
           "door: for that client's address and that port alone, until it is used, the session ends or "     \
           "accept_timeout is over, under TLS too. conntrack: the connection is RELATED, so that a rule "    \
           "which accepts ESTABLISHED,RELATED suffices. nft, ipset: the client is in a set (firewall_set) "  \
           "to which a rule refers; sallyd --firewall-rule prints both. sallywall: as conntrack, of the "    \
           "wall that sallywall up has put up. none: no doors; the firewall has to admit the passive "       \
           "ports. auto: sallywall, if a wall stands; conntrack, if rules of this machine ask for "          \
           "connection states; both, or none. It looks when the server starts and when it reads its "        \
           "configuration again.")                                                                           \
    STRING(firewall_helper, "sane", NAME, SERVER, DONE,                                                      \
           "The conntrack helper that control connections are given with firewall=conntrack; the kernel "    \
           "permits no expectation without one. sane (the scanner protocol's) does nothing with FTP. ftp "   \
           "also reads what is in the clear, and is for rules that say -m helper --helper ftp; with it the " \
           "kernel itself opens the way to whatever port of its own a client names with PORT, for five "     \
           "minutes.")                                                                                       \
    STRING(firewall_table, "inet filter", TEXT, SERVER, DONE,                                                \
           "firewall=nft: the family and name of the table that has the sets.")                              \
    STRING(firewall_set, "sallyd", NAME, SERVER, DONE,                                                       \
           "firewall=nft and ipset: the sets' name, to which 4 is added for IPv4 and 6 for IPv6.")

#endif
