/* SPDX-License-Identifier: BSD-2-Clause */
/* The phrases of sally doctor, as those of phrases.h, which includes them. */

/* Its table: columns, rows, cells. */
SPEECH(COLUMN_LOGIN, "login")
SPEECH(COLUMN_ACTIVE, "active")
SPEECH(COLUMN_SMALL, "small")
SPEECH(COLUMN_LARGE, "1 MB")
SPEECH(ROW_PLAIN, "plain")
SPEECH(CELL_WORKS, "ok %1$s ms")
SPEECH(CELL_TIMED_OUT, "timed out")
SPEECH(CELL_REFUSED, "refused")
SPEECH(CELL_PROHIBITED, "prohibited")
SPEECH(CELL_NO_ROUTE, "no route")
SPEECH(CELL_BROKEN, "broke off")
SPEECH(CELL_STALLED, "stalled")
SPEECH(CELL_NO_TLS, "TLS failed")
SPEECH(CELL_UNTRUSTED, "not trusted")
SPEECH(CELL_DIFFERS, "differs")
SPEECH(CELL_FOREIGN, "elsewhere")
SPEECH(CELL_NOT_OFFERED, "not offered")
SPEECH(CELL_NOT_ALLOWED, "not allowed")
SPEECH(CELL_KEPT_BACK, "not tried")

/* Around it. Which words a phrase below has, says who says it (doctor_judge.c): the server's address, this machine's, the control port, or
 * what was seen: a port, an address, the server's words. */
SPEECH(DOCTOR_SEEN, "What was seen:")
SPEECH(DOCTOR_FITS, "What fits:")
SPEECH(TOPIC_SESSION, "Connection and login:")
SPEECH(TOPIC_PASSIVE, "Passive mode:")
SPEECH(TOPIC_ACTIVE, "Active mode:")
SPEECH(TOPIC_TRANSFERS, "Data in any mode:")
SPEECH(TOPIC_REMARK, "Besides:")
SPEECH(DOCTOR_RULED_OUT, "Ruled out:")
SPEECH(DOCTOR_TELLS, "What would tell:")
SPEECH(DOCTOR_HERE, "To do on this side:")
SPEECH(DOCTOR_LETTER, "To send to the server's administrator:")
SPEECH(DOCTOR_WORKS, "All of it works.")
SPEECH(DOCTOR_KEPT_BACK,
       "Without TLS nothing was tried: the password would travel in clear. To send it all the same: --plain")
SPEECH(DOCTOR_LEFT, "%1$s could not be deleted from the server: %2$s") /* name, why */
SPEECH(DOCTOR_BECAUSE, "%1$s: %2$s")                                   /* a cause that is ruled out; why */
SPEECH(LETTER_SEEN, "From %1$s, FTP to %2$s port %3$s does not all work. What a test saw:")
SPEECH(LETTER_FIXES, "What may be the cause, and what would mend it:")
SPEECH(LETTER_TELLS, "To find out which:")
SPEECH(TELL_ON_SERVER, "On the server, as root:") /* a command follows */
SPEECH(TELL_HERE, "On this machine, as root:")
SPEECH(TELL_RULE, "It names the rule that drops, and says what the FTP helper does.")

/* Causes, and what mends them. */
SPEECH(CAUSE_CONTROL_DROPPED, "A firewall, most often the server's own, drops connections to port %1$s.")
SPEECH(FIX_CONTROL_DROPPED, "The firewall before %1$s should let in TCP to port %2$s.")
SPEECH(CAUSE_HOST_AWAY,
       "No machine answers at %1$s: it is off, has another address, or the way to it is broken.")
SPEECH(FIX_HOST_AWAY, "Does the machine run, and is %1$s its address?")
SPEECH(CAUSE_NOT_LISTENING, "No FTP server listens on port %1$s of %2$s.")
SPEECH(FIX_NOT_LISTENING, "Start the FTP server, on port %1$s of %2$s.")
SPEECH(CAUSE_CONTROL_REJECTED, "A firewall, most often the server's own, rejects connections to port %1$s.")
SPEECH(FIX_CONTROL_REJECTED, "The firewall before %1$s should accept TCP to port %2$s, which it rejects.")
SPEECH(CAUSE_NO_ROUTE, "This machine has no route to %1$s.")
SPEECH(FIX_NO_ROUTE, "Give this machine a route to %1$s, if it is to be reached so.")
SPEECH(
    CAUSE_SILENT,
    "The server accepts and says nothing: it is overloaded, waits for a name or ident lookup, or speaks TLS "
    "from the first byte (ftps://).")
SPEECH(FIX_SILENT, "Why does the server at %1$s not greet? Lookups of client names (reverse DNS, ident) are "
                   "a common reason.")
SPEECH(CAUSE_CLOSED_AT_ONCE,
       "The server, or something before it, closes the connection before it says a word: a ban, or hosts "
       "that it does not admit.")
SPEECH(FIX_CLOSED_AT_ONCE, "Is %1$s banned (fail2ban, hosts.deny)?")
SPEECH(CAUSE_TOO_MANY, "The server takes no more connections: %1$s")
SPEECH(FIX_TOO_MANY, "Allow more connections, in all or from %1$s.")
SPEECH(CAUSE_LOGIN_REFUSED, "The server does not let this user in: %1$s")
SPEECH(FIX_LOGIN_REFUSED, "Are user and password right, and may this user log in from %1$s?")
SPEECH(CAUSE_TLS_WANTED, "The server wants TLS, as it should: %1$s")
SPEECH(FIX_TLS_WANTED, "Nothing: use TLS.")
SPEECH(CAUSE_NOT_OFFERED,
       "The server has no TLS, or something on the way takes it out of the conversation: %1$s")
SPEECH(FIX_NOT_OFFERED, "Give the server a certificate and switch TLS on.")
SPEECH(CAUSE_TLS_GONE, "TLS was asked for, or was there before, and the server does not offer it now. "
                       "Somebody on the way may take "
                       "it out of the conversation: %1$s")
SPEECH(FIX_TLS_GONE, "Does the server at %1$s offer TLS?")
SPEECH(CAUSE_UNTRUSTED, "The server's certificate is not one that this system trusts.")
SPEECH(FIX_UNTRUSTED, "Is %1$s the SHA-256 fingerprint of the server's certificate?")
SPEECH(CAUSE_HANDSHAKE,
       "The TLS handshake fails: old protocols or ciphers on one side, or something on the way that meddles.")
SPEECH(FIX_HANDSHAKE, "Let the server speak TLS 1.2 or later with current ciphers.")

SPEECH(CAUSE_PASSIVE_CLOSED,
       "The server's passive ports are closed: its firewall does not open them, or a NAT before it does not "
       "forward them.")
SPEECH(
    FIX_PASSIVE_CLOSED,
    "Give the server a fixed range of passive ports (pasv_min_port, pasv_max_port), and let in TCP to that "
    "range; a NAT has to forward it.")
SPEECH(
    CAUSE_HELPER_MISSING,
    "The server's firewall waits for connections that are RELATED, and no FTP helper says which are. Since "
    "Linux 4.7 none attaches itself.")
SPEECH(
    FIX_HELPER_MISSING,
    "Attach the helper: iptables -t raw -A PREROUTING -p tcp --dport %1$s -j CT --helper ftp (with rules for "
    "RELATED,ESTABLISHED).")
SPEECH(CAUSE_HELPER_BLIND, "A firewall reads the data port from the conversation, and can't under TLS.")
SPEECH(FIX_HELPER_BLIND, "Under TLS no firewall can learn the data port: open a fixed range of passive "
                         "ports, and let in TCP to that "
                         "range.")
SPEECH(CAUSE_RANGE_PARTIAL, "Only a part of the server's passive range is open: port %1$s is not.")
SPEECH(FIX_RANGE_PARTIAL,
       "The range of passive ports and the ports that the firewall lets in should be the same.")
SPEECH(CAUSE_OUT_BLOCKED, "A firewall on this side lets no connections out to such ports.")
SPEECH(FIX_OUT_BLOCKED, "Let this machine connect to the passive ports of %1$s (it was port %2$s).")
SPEECH(CAUSE_HELPER_OLD, "A firewall reads PASV from the conversation, and does not know EPSV.")
SPEECH(FIX_HELPER_OLD, "Update that firewall, or open a fixed range of passive ports.")
SPEECH(CAUSE_ALG, "Something on the way reads and changes the conversation: an application gateway (ALG) of "
                  "a router or a firewall.")
SPEECH(FIX_ALG, "Switch off the FTP gateway (ALG, FTP inspection) of the router or firewall; or use TLS, "
                "which it can't read.")
SPEECH(
    CAUSE_PASV_ADDRESS,
    "The server names %1$s for data, which is not where it was reached: it is behind a NAT and does not know "
    "its own address.")
SPEECH(FIX_PASV_ADDRESS, "Tell the server the address that the world knows: pasv_address=%1$s.")
SPEECH(CAUSE_EPSV_UNKNOWN, "The server is too old for EPSV (RFC 2428), or is told not to take it: %1$s")
SPEECH(FIX_EPSV_UNKNOWN, "Let the server take EPSV.")
SPEECH(CAUSE_PASSIVE_REFUSED, "The server offers no passive data connections now: %1$s")
SPEECH(FIX_PASSIVE_REFUSED, "Allow passive data connections, with enough ports.")
SPEECH(CAUSE_OTHER_PEER, "The server sees the data connection come from another address than the control "
                         "connection (a balancer, or a "
                         "NAT with several), or something on the way took it: %1$s")
SPEECH(FIX_OTHER_PEER,
       "Control and data connections of a client have to come from one address and go to one server.")

SPEECH(CAUSE_ACTIVE_ANSWERS,
       "The server's firewall drops the answers to its own connections, which come to the port that it sends "
       "data from (mostly 20): a rule for ESTABLISHED is missing, or limited to other ports.")
SPEECH(FIX_ACTIVE_ANSWERS,
       "Let answers in at any port: iptables -I INPUT -p tcp -m state --state ESTABLISHED,RELATED -j ACCEPT.")
SPEECH(CAUSE_ACTIVE_OUT, "The server's firewall does not let it connect to clients.")
SPEECH(FIX_ACTIVE_OUT, "Let the server connect out, from port 20 and above 1023.")
SPEECH(CAUSE_ACTIVE_HERE,
       "A firewall on this side does not let the server's connection in: this machine's, most often.")
SPEECH(FIX_ACTIVE_HERE, "Let in TCP from %1$s to some ports (--active-ports); or use passive mode.")
SPEECH(CAUSE_NAT_HERE,
       "This machine's address %1$s is a private one: if a NAT is between, the server can't come to it.")
SPEECH(FIX_NAT_HERE,
       "Name the outer address (--active-address) and forward ports (--active-ports); or use passive mode.")
SPEECH(CAUSE_ACTIVE_BLIND, "A NAT or a firewall reads PORT from the conversation, and can't under TLS.")
SPEECH(FIX_ACTIVE_BLIND, "Use passive mode under TLS; or --active-address and --active-ports.")
SPEECH(CAUSE_ACTIVE_STRANGER, "The data connection came from %1$s, which is not the server's address, and "
                              "was not taken: the server has "
                              "several addresses, or a NAT changes the one that it goes out by.")
SPEECH(FIX_ACTIVE_STRANGER, "Let active data connections go out by the address that clients use, %1$s.")
SPEECH(CAUSE_ACTIVE_REFUSED, "The server allows no active mode, or not to the address that it was told: %1$s")
SPEECH(FIX_ACTIVE_REFUSED, "Allow active mode (port_enable), if it is wanted.")

SPEECH(CAUSE_TLS_REUSE, "The server wants data connections to continue the control connection's TLS session, "
                        "and did not find that "
                        "in this one.")
SPEECH(FIX_TLS_REUSE, "Let the server take any session that it gave, also more than once; or not ask for it "
                      "(require_ssl_reuse=NO).")
SPEECH(CAUSE_DATA_TLS, "TLS fails on data connections alone: the server's TLS there is broken, or something "
                       "on the way answers in its "
                       "place.")
SPEECH(FIX_DATA_TLS, "Why does TLS fail on data connections? The server's log says.")
SPEECH(CAUSE_MTU,
       "Large packets get lost (MTU): a tunnel or PPPoE on the way, whose ICMP messages a firewall drops.")
SPEECH(FIX_MTU, "Let in ICMP fragmentation-needed, or clamp: iptables -t mangle -A FORWARD -p tcp "
                "--tcp-flags SYN,RST SYN -j TCPMSS "
                "--clamp-mss-to-pmtu.")
SPEECH(CAUSE_CUT_OFF,
       "Something on the way ends or holds up longer transfers: a firewall that loses track, an "
       "inspection, a limit; or the "
       "server does.")
SPEECH(FIX_CUT_OFF, "What ends transfers after %1$s bytes? Logs of the server and of the firewalls say.")
SPEECH(CAUSE_CONTROL_CUT, "The control connection breaks, or falls silent, when data is asked for: the "
                          "server fails, or something on "
                          "the way takes the command away.")
SPEECH(FIX_CONTROL_CUT, "What happens to %1$s's session when it asks for data? The server's log says.")
SPEECH(CAUSE_CHANGED, "What was stored came back other than it was sent.")
SPEECH(FIX_CHANGED, "What changes files on the server, or on the way to it?")
SPEECH(CAUSE_SERVER_SAYS, "The server itself says no: %1$s")
SPEECH(FIX_SERVER_SAYS, "The server answered: %1$s")
SPEECH(CAUSE_OTHER, "None of the causes that are known here; the log may tell (-v).")
SPEECH(FIX_OTHER, "The client's log is needed.")

/* Why a cause is ruled out. */
SPEECH(WHY_REFUSED, "somebody answered, and refused")
SPEECH(WHY_PROHIBITED, "a firewall or router said that it is prohibited, or that there is no way")
SPEECH(WHY_NO_ANSWER, "nothing at all came back, and this would have answered")
SPEECH(WHY_PASSIVE_STOOD, "a passive connection stood, to port %1$s")
SPEECH(WHY_PLAIN_SAME, "without TLS it is the same")
SPEECH(WHY_TLS_SAME, "under TLS, which nobody on the way can read, it is the same")
SPEECH(WHY_TLS_RIGHT, "under TLS, which nobody on the way can read, it is right")
SPEECH(WHY_PORTS_MIXED,
       "port %1$s did not come through, and it did another time, or ports on both sides of it did")
SPEECH(WHY_ACTIVE_WORKS, "the server's connection came, once")
SPEECH(WHY_STRANGER_CAME, "a connection came, from %1$s")
SPEECH(WHY_AT_ONCE, "the server gave up at once, and what is dropped takes time")
SPEECH(WHY_SAYS_REUSE, "the server says that it is about the TLS session")
SPEECH(WHY_RESUMED, "the session was continued, and the server did not complain of it")
SPEECH(WHY_SMALL_STALLS, "small files do not come through either")
SPEECH(WHY_LARGE_WORKS, "a large file came through the same way")
