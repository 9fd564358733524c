/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_NETWORK_H
#define SALLY_SERVER_CONFIG_OPTIONS_NETWORK_H

/* Options about connections. What the columns mean: options.h. */
#define CONFIG_OPTIONS_NETWORK(BOOL, NUMBER, STRING)                                                         \
    BOOL(listen, true, SERVER, DONE,                                                                         \
         "Listen for control connections over IPv4, on listen_address and listen_port. With both "           \
         "listen and listen_ipv6 off, connections come only from sockets that systemd passes (socket "       \
         "activation); being started by inetd for each connection is not supported.")                        \
    BOOL(listen_ipv6, false, SERVER, DONE,                                                                   \
         "Listen for control connections on listen_address6 and listen_port. A wildcard IPv6 socket "        \
         "takes IPv4 connections as well, so this and listen exclude each other, as in vsftpd.")             \
    STRING(listen_address, NULL, ADDRESS4, SERVER, DONE,                                                     \
           "The IPv4 address to listen on. Unset: every local address.")                                     \
    STRING(listen_address6, NULL, ADDRESS6, SERVER, DONE,                                                    \
           "The IPv6 address to listen on. Unset: every local address, IPv4 included.")                      \
    NUMBER(listen_port, 21, 1, 65535, PORT, SERVER, DONE, "The port to listen on for control connections.")  \
    NUMBER(listen_port_alternate, 0, 0, 65535, PORT, SERVER, DONE,                                           \
           "The port to listen on if listen_port is taken or not permitted. The ready line and the log "     \
           "then name it. 0: none, and the server does not start.")                                          \
    BOOL(background, false, SERVER, DONE,                                                                    \
         "Leave the terminal and go on in the background once the listeners are open.")                      \
    NUMBER(max_clients, 2000, 0, 1000000, COUNT, SERVER, DONE,                                               \
           "The most control connections at once; whoever comes after that is told 421 and sent away. 0: "   \
           "no limit.")                                                                                      \
    NUMBER(max_per_ip, 50, 0, 1000000, COUNT, SERVER, DONE,                                                  \
           "The most control connections at once from one client address. 0: no limit.")                     \
    NUMBER(idle_session_timeout, 300, 0, 86400, SECONDS, SESSION, DONE,                                      \
           "How long a client may be silent between commands before its session ends with 421, and how "     \
           "long it may take to log in, whatever it says meanwhile. 0: no limit, but 300 seconds to log "    \
           "in.")                                                                                            \
    NUMBER(data_connection_timeout, 300, 0, 86400, SECONDS, SESSION, DONE,                                   \
           "How long a transfer may stand still before its session is ended. 0: no limit.")                  \
    NUMBER(accept_timeout, 60, 0, 86400, SECONDS, SESSION, DONE,                                             \
           "How long the server waits for a client to connect to a passive port. 0: no limit.")              \
    NUMBER(connect_timeout, 60, 0, 86400, SECONDS, SESSION, DONE,                                            \
           "How long the server tries to connect to the port that a client named with PORT or EPRT. 0: "     \
           "as long as the kernel tries.")                                                                   \
    NUMBER(drain_timeout, 30, 0, 86400, SECONDS, SERVER, DONE,                                               \
           "After SIGTERM no new session begins, running transfers finish, and what still runs after "       \
           "this time is cut off. 0: everything ends at once.")                                              \
    BOOL(pasv_enable, true, SESSION, DONE, "Permit passive mode, PASV and EPSV.")                            \
    NUMBER(pasv_min_port, 5001, 0, 65535, PORT, SERVER, DONE,                                                \
           "The lowest port for passive data connections. A passive port serves any number of clients at "   \
           "once, told apart by their addresses, so that one port (pasv_min_port equal to pasv_max_port) "   \
           "is enough, and a firewall needs to admit no more than that. 0: 1024.")                           \
    NUMBER(pasv_max_port, 0, 0, 65535, PORT, SERVER, DONE,                                                   \
           "The highest port for passive data connections. 0: 65535.")                                       \
    NUMBER(pasv_wait_timeout, 10, 0, 3600, SECONDS, SESSION, DONE,                                           \
           "Two sessions of one client address that await data connections at the same time need two "       \
           "passive ports, unless TLS tells them apart (require_ssl_reuse). When there is none left, the "   \
           "second waits its turn for at most this long before it is told 425.")                             \
    STRING(pasv_address, NULL, HOST, SERVER, DONE,                                                           \
           "The IPv4 address that the reply to PASV names, where it is not the address that the client "     \
           "connected to: behind a NAT, the address outside. A dotted address or, with "                     \
           "pasv_addr_resolve, a host name.")                                                                \
    BOOL(pasv_addr_resolve, false, SERVER, DONE,                                                             \
         "pasv_address is a host name. It is looked up once, whenever the configuration is read.")           \
    STRING(pasv_address_map, NULL, LIST, SERVER, DONE,                                                       \
           "Which address the reply to PASV names to clients of which network: a list of "                   \
           "network=address, as in 10.0.0.0/8=10.0.0.5,0.0.0.0/0=203.0.113.7 . The first network that "      \
           "holds the client counts. A client in none of them is told pasv_address. An entry without an "    \
           "address, as in 10.0.0.0/8= , stands for the address that the client connected to.")              \
    BOOL(pasv_promiscuous, false, SERVER, DONE,                                                              \
         "Permit a passive data connection from another address than that of the control connection. "       \
         "It goes to the session that has waited longest on that port. This opens the door to those "        \
         "who steal data connections (CERT VU#2558). What firewall opens is for the client's own "           \
         "address all the same.")                                                                            \
    BOOL(port_enable, true, SESSION, DONE, "Permit active mode, PORT and EPRT.")                             \
    BOOL(port_promiscuous, false, SERVER, DONE,                                                              \
         "Permit PORT and EPRT to name any address and port. This makes the server a tool for scanning "     \
         "and attacking third hosts (the FTP bounce, CERT CA-1997-27). Otherwise only the client's own "     \
         "address and ports from 1024 up.")                                                                  \
    BOOL(connect_from_port_20, false, SERVER, DONE,                                                          \
         "Make active data connections from ftp_data_port, as RFC 959 asks and as some firewalls need, "     \
         "rather than from any port. The monitor, which runs as root, binds it.")                            \
    NUMBER(ftp_data_port, 20, 1, 65535, PORT, SERVER, DONE,                                                  \
           "The port from which active data connections come with connect_from_port_20.")                    \
    BOOL(tcp_wrappers, false, SERVER,                                                                        \
         "libwrap is no longer maintained; use a packet filter, which also keeps the connection away from "  \
         "the server",                                                                                       \
         "Ask libwrap (hosts.allow and hosts.deny) about each connection.")                                  \
    BOOL(ftp_enable, true, SERVER, "FTP is all that this server serves", "Serve FTP.")                       \
    BOOL(http_enable, false, SERVER,                                                                         \
         "this is an FTP server; a line that looks like HTTP ends the session (CVE-2021-3618)",              \
         "Answer HTTP requests.")

#endif
