/* SPDX-License-Identifier: BSD-2-Clause */
/* The phrases of sallywall explain, as those of phrases.h, which includes them. */

/* Who and what. */
SPEECH(CLIENT, "client")
SPEECH(SERVER, "server")
SPEECH(FIREWALL, "firewall")
SPEECH(ANSWER, "answer")
SPEECH(PACKET, "packet")
SPEECH(NONE, "none")
SPEECH(NOTHING, "nothing")
SPEECH(AND, "%1$s and %2$s")
SPEECH(STANDARD_INPUT, "standard input")
SPEECH(FIRST_DATA, "first data")
SPEECH(INSIDE_TLS, "%1$s (inside TLS)")
SPEECH(NOT_TRACKED, "not tracked")
SPEECH(PACKET_FLAGS, "%1$s, %2$s bytes")
SPEECH(PACKET_FLAGS_ONE, "%1$s, %2$s byte")

/* Where a rule stands; the short ones are for a line of their own. */
SPEECH(PLACE_RULE, "rule %1$s of %2$s")
SPEECH(PLACE_RULE_IN, "rule %1$s of %2$s in the %3$s table")
SPEECH(PLACE_POLICY, "the policy of %1$s")
SPEECH(PLACE_POLICY_IN, "the policy of %1$s in the %2$s table")
SPEECH(PLACE_SHORT_POLICY, "%1$s policy")
SPEECH(NO_CHAIN, "no chain")
SPEECH(NO_TABLE, "no table")
SPEECH(FTP_HELPER, "the FTP helper")
SPEECH(BESIDE, "what is beside these rules")
SPEECH(THE_ROUTE, "the route")

/* Who stops a packet: the first word of sentences that go on with what is stopped. */
SPEECH(WHO_HELPER_DROPS, "the FTP helper drops")
SPEECH(WHO_HELPER_REJECTS, "the FTP helper rejects")
SPEECH(WHO_TRACKING_DROPS, "connection tracking drops")
SPEECH(WHO_TRACKING_REJECTS, "connection tracking rejects")
SPEECH(WHO_ROUTE_DROPS, "the routing decision drops")
SPEECH(WHO_DROPS, "%1$s drops")
SPEECH(WHO_REJECTS, "%1$s rejects")

/* Why it is that rule. */
SPEECH(REASON_NOTRACK, "because a NOTRACK rule keeps the session out of connection tracking")
SPEECH(REASON_OF_TRACKING, "%1$s")
SPEECH(REASON_NO_RULE, "because no rule admits it")
SPEECH(REASON_ROUTE, "because of %1$s: %2$s") /* an address, and what routes say of it */
SPEECH(ROUTE_UNKNOWN, "where packets to %1$s go, which NAT made their destination: %2$s")
SPEECH(ROUTE_NOT_SAID, "whether that is this machine itself, or which way leads there, was not said "
                       "(--address, --route, or a snapshot as FILE)")
SPEECH(REFUSES_NAMED, "the server refuses it, since it names %1$s while the connection comes from %2$s: NAT "
                      "rewrote that, and no helper the command")
SPEECH(ANSWERED_PAST, "rules of NAT lead it to %1$s, in the same network as %2$s: the answer goes back there "
                      "directly, from an address "
                      "that was not asked, unless what is sent back into its network is masqueraded")
SPEECH(MAYBE_NO_HAIRPIN, "whether the bridge %1$s sends it back by the port where it came in (hairpin mode)")
SPEECH(
    MAYBE_PAST_BRIDGE,
    "whether iptables sees the answer, which goes back by the bridge %1$s directly (bridge-nf-call-iptables)")
SPEECH(MAYBE_NOT_LED, "whether the server waits at %1$s, too: rules of NAT lead its control connection "
                      "elsewhere, and not this one")
SPEECH(MAYBE_NOBODY_WAITS, "whether the server waits at %1$s, too, where rules of NAT lead it")
SPEECH(NOBODY_WAITS, "rules of NAT lead it to %1$s, where nobody waits for it")
SPEECH(FROM_ITSELF, "rules of NAT make it come to %1$s from its own address, which no machine takes")
SPEECH(OF_NO_CONNECTION, "rules of NAT make it come to %1$s from %2$s, and there is no such connection there")
SPEECH(MAPPED_SOURCE, "NAT: its source becomes %1$s, by %2$s, %3$s")
SPEECH(MAPPED_DESTINATION, "NAT: its destination becomes %1$s, by %2$s, %3$s")
SPEECH(
    MAPPED_SOURCE_OWN,
    "NAT: its source becomes this machine's address, which was not said (%1$s stands for it), by %2$s, %3$s")
SPEECH(MAPPED_DESTINATION_OWN,
       "NAT: it is sent to this machine itself (%1$s stands for its address), by %2$s, %3$s")
SPEECH(REASON_NOT_TOLD, "because nothing told the firewall that it belongs to the FTP session")
SPEECH(REASON_ENCRYPTED,
       "because the control channel is encrypted, so that the firewall can't read which port was agreed on")
SPEECH(REASON_MISSED, "because the firewall's FTP helper missed the announcement (%1$s)")
SPEECH(KNOWN_RELATED, "although the firewall knows that it belongs to the FTP session")
SPEECH(KNOWN_ESTABLISHED, "although it belongs to a connection that is open")
SPEECH(KNOWN_NO_RULE, "%1$s: no rule before it accepts it")
SPEECH(KNOWN_PORTS, "%1$s: %2$s, which accepts %3$s packets, is limited to ports that %4$s is not one of")
SPEECH(KNOWN_MORE, "%1$s: %2$s, which accepts %3$s packets, asks for more than that")
SPEECH(KNOWN_MARK, "%1$s, which accepts") /* by which the two before name a rule */

/* Why a task failed: who and reason as above. */
SPEECH(WHY_PASSIVE, "the server tells the client to connect to port %1$s, and %2$s that connection, %3$s")
SPEECH(WHY_ACTIVE, "the client tells the server to connect to port %1$s, and %2$s that connection, %3$s")
SPEECH(WHY_ACTIVE_ANSWER,
       "the server connects from its port %1$s to the client, and %2$s the client's answer, %3$s")
SPEECH(WHY_DATA, "on the data connection, %1$s the packet \"%2$s\" of the %3$s, %4$s")
SPEECH(WHY_CONNECT_SINCE, "%1$s the client's connection to port %2$s, %3$s")
SPEECH(WHY_CONNECT, "%1$s the client's connection to port %2$s, and no rule before it admits that port")
SPEECH(WHY_CONTROL, "%1$s the %2$s of the %3$s (\"%4$s\"), %5$s")
SPEECH(DEPENDS, "it depends on %1$s")
SPEECH(DEPENDS_AT, "it depends on %1$s, at %2$s: %3$s")
SPEECH(DEPENDS_SEE, "it depends on %1$s (to see it: %2$s)")
SPEECH(DEPENDS_AT_SEE, "it depends on %1$s, at %2$s: %3$s (to see it: %4$s)")
SPEECH(NOT_IN_RULES, "something that the rules don't tell")

/* Which transfers, and how it looks to the client. */
SPEECH(ALL_L, "every directory listing")
SPEECH(ALL_D, "every download")
SPEECH(ALL_LD, "every directory listing and download")
SPEECH(ALL_U, "every upload")
SPEECH(ALL_LU, "every directory listing and upload")
SPEECH(ALL_DU, "every download and upload")
SPEECH(ALL_LDU, "every directory listing, download and upload")
SPEECH(ENDS_REFUSED, "is refused")
SPEECH(ENDS_FAILS, "fails")
SPEECH(ENDS_BROKEN, "breaks off")
SPEECH(ENDS_TIMEOUT, "times out")

/* The conclusion of a session. */
SPEECH(LOST_ONE, " On the way %1$s packet is lost and sent again: %2$s packet %3$s.")
SPEECH(LOST_MORE, " On the way %1$s packets are lost and sent again: %2$s packet %3$s.")
SPEECH(LOST_END, " Only the end of the connection is lost: %1$s packet %2$s.")
SPEECH(LOST_END_MAYBE, " Whether the end of the connection arrives can't be told: %1$s (packet %2$s).")
SPEECH(WORKS_BY,
       "The whole session works: login, listing, download and upload; %1$s admits the data connections.%2$s")
SPEECH(WORKS_KNOWN, "The whole session works: login, listing, download and upload; %1$s admits the data "
                    "connections because the firewall knows that they belong to the session.%2$s")
SPEECH(WORKS_FREE,
       "The whole session works: login, listing, download and upload; no rule stands in its way.%1$s")
SPEECH(CANT_CONNECT_REFUSED, "The client can't even connect and is refused at once: %1$s.")
SPEECH(CANT_CONNECT_TIMEOUT, "The client can't even connect and times out: %1$s.")
SPEECH(CANT_CONNECT_ALTHOUGH,
       "The client can't connect and times out, although its first packet gets through: %1$s.")
SPEECH(CANT_CONNECT_EVEN_IF,
       "The client can't connect and times out, even if its first packet gets through: %1$s.")
SPEECH(CANT_LOG_IN, "The client connects, but can't log in: %1$s.")
SPEECH(LOGIN_UNKNOWN, "Whether the login works can't be told; even if it does,")
SPEECH(LOGIN_WORKS, "Login works, but")
SPEECH(BLOCKED, "%1$s %2$s %3$s: %4$s.")
SPEECH(BLOCKED_UNLESS, "%1$s unless the %2$s keeps to data ports %3$s, %4$s %5$s: %6$s.")
SPEECH(PORT_UNSAID, "Login works, but whether %1$s does depends on the port that the server sends data from, "
                    "which was not said (--data-port): with some %2$s.")
SPEECH(PORT_SOME, "Login works, but whether %1$s does depends on the port that the server sends data from, "
                  "which was not said (--data-port): from port %2$s the session works; from another %3$s.")
SPEECH(SESSION_UNKNOWN, "Whether the session works can't be told: %1$s.")
SPEECH(TRANSFER_UNKNOWN, "Login works, but whether %1$s does can't be told: %2$s.")
SPEECH(ALONE, "%1$s If only these rules counted: %2$s")

/* Rules that nearly admitted what was dropped. */
SPEECH(NEAR_BUT, "%1$s would admit it but for %2$s")
SPEECH(NEAR_BEHIND, "%1$s would admit it, but stands behind %2$s")
SPEECH(NEAR_LED, "%1$s would admit it, but %2$s, which leads there, asks for %3$s")
SPEECH(NEAR_UNREACHED, "%1$s would admit it, but nothing reaches this rule: no way leads to %2$s")
SPEECH(NEAR_HOOK, "%1$s would admit it, but this packet passes %2$s")
SPEECH(NEAR_TABLE, "%1$s accepts it, but that ends only the %2$s table")
SPEECH(OBSTACLE_HERE, "the %1$s that is rule %2$s") /* DROP, and its number */
SPEECH(OBSTACLE, "the %1$s that is %2$s")

/* What tracking says below a packet. The word is what is expected, with a space before it, or nothing. */
SPEECH(EXPECTS, "expects%1$s")
SPEECH(EXPECTS_NO_LONGER_NEWER, "no longer expects (a newer one takes its place)%1$s")
SPEECH(EXPECTS_AGAIN, "expects once more%1$s")
SPEECH(EXPECTED, "this is what was expected:%1$s")
SPEECH(EXPECTS_NO_LONGER_TIME, "no longer expects (its time is over)%1$s")
SPEECH(EXPECTS_NO_LONGER_END, "no longer expects (its control channel ended)%1$s")
SPEECH(EXPECTS_NOT, "does not expect%1$s")
SPEECH(HELPER_DROPS_THIS, "the helper drops this packet%1$s")
SPEECH(EXPECTS_FOR, "%1$s, for %2$s s")
SPEECH(WRONG_PORT_RANGE, "wrong port range: %1$s accepts RELATED connections, but not to port %2$s")
SPEECH(AS_ABOVE, "%1$s, as above")

/* What tracking finds wrong, in the words of track_reason_text. */
SPEECH(TRACK_OK, "nothing is wrong")
SPEECH(TRACK_SHORT_PACKET, "the packet is shorter than its headers say")
SPEECH(TRACK_BAD_CHECKSUM, "its checksum is wrong")
SPEECH(TRACK_BAD_TCP_FLAGS, "no TCP sends this combination of flags")
SPEECH(TRACK_TCP_NOT_A_START, "it belongs to no known connection, and such a segment can't begin one")
SPEECH(TRACK_TCP_OUT_OF_WINDOW,
       "its sequence or acknowledgement number lies outside what the two sides have agreed on")
SPEECH(TRACK_TCP_INVALID_IN_STATE, "a connection in this state can't send such a segment")
SPEECH(TRACK_TCP_STALE_SYN, "a SYN or SYN/ACK makes no sense in this state of the connection")
SPEECH(TRACK_ICMP_NOT_A_REQUEST,
       "it answers no ICMP request that was seen, and such a message can't begin a connection")
SPEECH(TRACK_ICMP_UNKNOWN_INNER, "the ICMP error complains of a packet that belongs to no known connection")
SPEECH(TRACK_ICMP_WRONG_OUTER,
       "the ICMP error goes to another machine than the one that sent the packet it complains of")
SPEECH(TRACK_FRAGMENT, "it is a fragment that was not put together with the rest")
SPEECH(TRACK_TABLE_FULL, "the table of connections is full")
SPEECH(TRACK_NO_HELPER, "no rule gives this connection the FTP helper")
SPEECH(TRACK_HELPER_REMOVED, "no rule gives this connection the FTP helper, and the kernel no longer "
                             "attaches it by itself, as kernels up to 4.6 did")
SPEECH(TRACK_NOT_READABLE, "the control connection is encrypted (TLS), so the helper can't read it")
SPEECH(TRACK_NOT_AT_LINE_START,
       "the segment does not begin right after the end of a line that the helper has seen")
SPEECH(TRACK_FIRST_PAYLOAD, "it is in the first data that this side sends, which the helper never looks at")
SPEECH(TRACK_NOT_AT_SEGMENT_START,
       "something else stands before it in the same segment, and the helper reads only the beginning of each")
SPEECH(TRACK_FOREIGN_ADDRESS, "it names an address that is not the sender's own (nf_conntrack_ftp loose=0)")
SPEECH(TRACK_BAD_ADDRESS, "it names an impossible address or port")
SPEECH(TRACK_EXPECTATIONS_FULL, "the table of expectations is full")
SPEECH(TRACK_EXPECTATION_TAKEN, "another control connection has already announced the same data connection")
SPEECH(TRACK_NOT_ESTABLISHED, "the other side has not answered yet, so the helper does not listen")
SPEECH(TRACK_PARTIAL_MATCH,
       "the helper took it for a cut-off announcement of a data port, and drops such packets")
SPEECH(TRACK_NOT_REWRITTEN, "the helper of NAT could not write the address that the other side knows into it")
SPEECH(TRACK_NAT_FTP_OPEN,
       "whether the helper of NAT (nf_nat_ftp) is there, which writes the address that the other side "
       "knows into it, is not known")

/* Notes below the answer of explain. */
SPEECH(NOTE_NO_FIXES_TRIED, "What would help was not tried: that takes too long with %1$s rules of nft.")
SPEECH(NOTE_MANAGED, "%1$s makes these rules and keeps what its own commands change; what iptables or nft "
                     "changes beside it may be gone when it makes them anew.")
SPEECH(NOTE_LED, "Rules of NAT lead the client to %1$s: that a server answers there is assumed.")
SPEECH(NOTE_ENDS, "Who talks to whom was not said, so client %1$s and server %2$s are assumed: another "
                  "client may fare differently (--client, --server).")
SPEECH(NOTE_END_CLIENT, "Which client it is was not said, so client %1$s and server %2$s are assumed: "
                        "another client may fare differently (--client, --server).")
SPEECH(NOTE_END_SERVER, "Which server it is was not said, so client %1$s and server %2$s are assumed: "
                        "another client may fare differently (--client, --server).")
SPEECH(NOTE_FAMILY, "These are %1$s rules; what is asked about is %2$s, and meets none of them.")
SPEECH(NOTE_LOOPBACK, "Client and server are the same machine: each packet goes over loopback (lo), and "
                      "meets the rules of OUTPUT and then those of INPUT.")
SPEECH(NOTE_INTERFACES, "Some rules name interfaces, and which ones are used was not said (--in, --out).")
SPEECH(NOTE_TOWARDS,
       "By the machine's routes packets of the client come by %1$s; if they come by another interface, --in "
       "says so.")
SPEECH(NOTE_TOWARDS_SERVER,
       "By the machine's routes the server is reached by %1$s; if it is another interface, --out says so.")
SPEECH(NOTE_LIMITS, "Limits are taken to be unused so far: nobody else connects.")
SPEECH(NOTE_RECENT, "Lists of recent addresses are taken to be empty at the start.")
SPEECH(NOTE_MARK, "Packets are taken to carry no mark before the first rule.")
SPEECH(NOTE_TIME, "Rules with a time of day are asked for one moment: now, or what --time says.")
SPEECH(NOTE_DATA_PORT, "It depends on the port that the server sends data from: from %1$s the session works. "
                       "Told here is what happens with another.")
SPEECH(NOTE_PICKED_PORT, "It depends on the data port that the %1$s picks: with %2$s the session works. Told "
                         "here is what happens with one of the others.")
SPEECH(NOTE_NAMES_OTHER,
       "The 227 that the client hears names %1$s. Clients of today connect to %2$s all the same (curl, lftp, "
       "FileZilla); one that believes it "
       "does not get there. The server can be told which address to name (pasv_address=%2$s).")
SPEECH(NOTE_PORT_AGAIN,
       "Told of a %1$s that takes the same data port for each transfer: rules remember it. With another "
       "port each time the session works.")
SPEECH(
    NOTE_SENDS_FROM,
    "Which port the server sends data from was not said: tried were 20 and all from 1024 on (--data-port).")
SPEECH(NOTE_SENDS_FROM_BELOW, "Which port the server sends data from was not said: tried were 20, the one "
                              "below its own and all from 1024 on (--data-port).")
SPEECH(
    NOTE_PASSIVE_PORTS,
    "Which passive ports the server uses was not said, so any from 1024 to 65534 is assumed (--pasv-ports).")
SPEECH(NOTE_HELPER_GONE,
       "With these rules FTP worked on Linux before 4.7: nf_conntrack_ftp used to attach itself to port 21. "
       "That is off by default since Linux 4.7 and gone in 6.0: this kernel (%1$s) needs %2$s. "
       "modprobe nf_conntrack_ftp alone does not help.")
SPEECH(NOTE_HELPER_OFF, "With these rules FTP worked on Linux before 4.7: nf_conntrack_ftp used to attach "
                        "itself to port 21. That is off by default since Linux 4.7: this kernel (%1$s) needs "
                        "%2$s, or sysctl net.netfilter.nf_conntrack_helper=1, which is gone in "
                        "6.0. modprobe nf_conntrack_ftp alone does not help.")
SPEECH(RULE_CT_HELPER, "a CT --helper rule")
SPEECH(RULE_NFT_HELPER, "a rule with ct helper set")
SPEECH(NOTE_TLS, "Without TLS these rules are enough: the helper reads the control channel. Under TLS it "
                 "can't, whatever rule assigns it.")
SPEECH(NOTE_OTHER_MODE, "The rules as they are let the same session pass in %1$s mode (--ftp %2$s).")
SPEECH(NOTE_OTHER_MODE_PORT, "The rules as they are let the same session pass in %1$s mode, if the server "
                             "sends data from port %2$s (--ftp %3$s).")
SPEECH(MODE_PASSIVE, "passive")
SPEECH(MODE_ACTIVE, "active")
SPEECH(NEIGHBOURS_WORKS,
       "%1$s But %2$s neighbour discovery (ICMPv6 types 135 and 136), by which IPv6 finds a machine on its "
       "link: only machines that know each other's link-layer address already get so far (%3$s).")
SPEECH(NEIGHBOURS_BLOCKED, "Nothing begins: %1$s neighbour discovery (ICMPv6 types 135 and 136), by which "
                           "IPv6 finds a machine on its link. The "
                           "rules let through what would come then (%2$s).")
SPEECH(NEIGHBOURS_CLAUSE, "%1$s neighbour discovery")
SPEECH(NEIGHBOURS_BESIDES, "Besides, %1$s neighbour discovery (ICMPv6 types 135 and 136), by which IPv6 "
                           "finds a machine on its link: whatever else helps, it helps only machines that "
                           "know each other's link-layer address already (%2$s).")
SPEECH(NEIGHBOURS_NFT, "nft add rule %1$s %2$s icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } "
                       "accept, before what drops them")
SPEECH(NEIGHBOURS_COMMANDS,
       "ip6tables -I %1$s -p ipv6-icmp --icmpv6-type 135 -j ACCEPT, and the same with 136")

/* What a fix does, for its title, which begins with a capital letter. */
SPEECH(FIX_NEIGHBOURS, "admit neighbour discovery")
SPEECH(FIX_OPEN_CONTROL, "open port %1$s")
SPEECH(FIX_OPEN_CONTROL_UDP, "open UDP port %1$s")
SPEECH(FIX_HELPER, "give port %1$s its helper")
SPEECH(FIX_STATE, "admit announced (RELATED) connections")
SPEECH(FIX_ANSWERS, "admit answers on open (ESTABLISHED) connections")
SPEECH(FIX_WIDEN, "lift the port limit of the state rule")
SPEECH(FIX_ONE_PORT, "use one passive port, %1$s, and open it")
SPEECH(FIX_RANGE, "open the passive ports %1$s:%2$s")
SPEECH(FIX_SEND_FROM, "make the server send data from port %1$s")
SPEECH(FIX_PORT_20, "open port %1$s, which active data connections come from")
SPEECH(FIX_FROM_20, "admit what the server sends from port %1$s")
SPEECH(FIX_CONFIGURE, "make the server use only ports %1$s:%2$s, which the rules admit")
SPEECH(FIX_PING, "admit echo requests (ping)")

/* What a fix has to say of itself. */
SPEECH(FIX_NOTE_PLAIN_TEXT,
       "A helper reads plain text: once clients log in under TLS, it sees no announcements any more.")
SPEECH(FIX_NOTE_WIDEN, "The rule keeps its states and loses its ports; what it lets in is still only what "
                       "belongs to connections that were admitted.")
SPEECH(FIX_NOTE_ONE_PORT, "With sallyd one passive port serves any number of clients at a time; another "
                          "server needs one for each transfer. The pasv_ lines belong into its configuration "
                          "(sallyd.conf, vsftpd.conf); restart it afterwards.")
SPEECH(FIX_NOTE_RANGE, "The pasv_ lines belong into the server's configuration (vsftpd.conf, sallyd.conf); "
                       "restart it afterwards.")
SPEECH(FIX_NOTE_EVERY_PORT, "Whatever else listens on one of these ports is open, too: only for a server "
                            "whose passive range can't be set.")
SPEECH(FIX_NOTE_EVERY_PORT_CLIENT,
       "The server may name any of these ports; only its administrator can make them fewer.")
SPEECH(FIX_NOTE_SEND_FROM,
       "The first line belongs into the server's configuration (vsftpd.conf, sallyd.conf), where "
       "ftp_data_port has to be 20, as it is by default; restart it afterwards.")
SPEECH(FIX_NOTE_FROM_20, "Whoever holds the server's address reaches every high port from that one; passive "
                         "mode needs no such rule.")
SPEECH(FIX_NOTE_CONFIGURE, "The pasv_ lines belong into the server's configuration (vsftpd.conf, "
                           "sallyd.conf); restart it afterwards. The rules stay as they are.")

/* What a fix exposes. */
SPEECH(EXPOSES, "exposes: %1$s")
SPEECH(PORTS_ONE, "%1$s port")
SPEECH(PORTS_MORE, "%1$s ports")
SPEECH(PORTS_ABOUT, "about %1$s ports")
SPEECH(EXPOSES_NEIGHBOURS, "none: machines on its links find it")
SPEECH(EXPOSES_PING, "no port; the machine can be pinged")
SPEECH(EXPOSES_OUTWARDS, "nothing inwards; %1$s outwards")
SPEECH(EXPOSES_ANNOUNCED_TO, "none: only announced connections, to %1$s more")
SPEECH(EXPOSES_ANNOUNCED, "none: only announced connections")
SPEECH(EXPOSES_ANSWERS, "none: only answers on open connections")
SPEECH(EXPOSES_SAME, "none: the rules stay as they are")
SPEECH(EXPOSES_ANYWHERE, "%1$s to anywhere")
SPEECH(EXPOSES_OTHER_END, "%1$s to the other end of the session only")
SPEECH(EXPOSES_BEHIND,
       "; and %1$s of machines behind it, since what is forwarded comes by the changed rules, too")
SPEECH(EXPOSES_ITSELF,
       "; and %1$s of the firewall itself, since what is sent to it comes by the changed rules, too")
SPEECH(PINGS, "pings")

/* What a story is about. */
SPEECH(TITLE, "%1$s FTP%2$s from %3$s to %4$s, firewall %5$s")
SPEECH(TITLE_OTHER, "A packet's way through a firewall")
SPEECH(TITLE_PASSIVE, "Passive")
SPEECH(TITLE_ACTIVE, "Active")
SPEECH(TITLE_EPSV, "Extended passive")
SPEECH(TITLE_EPRT, "Extended active")
SPEECH(TITLE_TLS, " under TLS")
SPEECH(ON_SERVER, "on the server")
SPEECH(ON_WAY, "on the way between them")
SPEECH(ON_GATEWAY, "on a gateway")
SPEECH(ON_CLIENT, "on the client")

/* The picture: its head and its lanes. */
SPEECH(HEAD_WORKS, "WORKS")
SPEECH(HEAD_BLOCKED, "BLOCKED")
SPEECH(HEAD_UNKNOWN, "UNKNOWN")
SPEECH(OUTCOME_WORKS, "works")
SPEECH(OUTCOME_BLOCKED, "blocked")
SPEECH(OUTCOME_UNKNOWN, "unknown")
SPEECH(TASK_CONNECT, "connect")
SPEECH(TASK_LOGIN, "login")
SPEECH(TASK_QUIT, "quit")
SPEECH(SAME, "the same")
SPEECH(SAME_AT, "the same (packet %1$s)")
SPEECH(WHY_AT, "%1$s (packet %2$s)")
SPEECH(TASKS_WORK, "%1$s of %2$s tasks work")
SPEECH(MADE, "rules: %1$s   kernel: Linux %2$s")
SPEECH(MADE_FTP, "rules: %1$s   kernel: Linux %2$s   FTP helper: %3$s")
SPEECH(HELPER_ROBUST, "robust")
SPEECH(HELPER_LINUX, "as Linux has it")
SPEECH(IN_BRACKETS, "(%1$s)")
SPEECH(SYN_PORTS, "%1$s, port %2$s → %3$s")
SPEECH(JUDGED_PASS, "%1$s · %2$s")
SPEECH(JUDGED_DROP, "%1$s · dropped by %2$s")
SPEECH(JUDGED_REJECT, "%1$s · rejected by %2$s")
SPEECH(JUDGED_UNKNOWN, "%1$s · unknown: %2$s")
SPEECH(DOUBT, "it depends on %1$s")
SPEECH(DOUBT_SEE, "it depends on %1$s; to see it: %2$s")
SPEECH(NOT_KNOWN, "what is not known")
SPEECH(RULE_LINE, "%1$s  (line %2$s)")
SPEECH(BY_JUMP, "by %1$s: %2$s")
SPEECH(RETRY_ONE, "tried %1$s more time until %2$s s, with the same result")
SPEECH(RETRY_MORE, "tried %1$s more times until %2$s s, with the same result")
SPEECH(PHASE_LIKE, "goes as %1$s went: packets %2$s to %3$s")
SPEECH(CONTROL_CHANNEL, "control channel")
SPEECH(DATA_CHANNEL, "data channel")
SPEECH(STOPPED, "stopped by the firewall")
SPEECH(HIDDEN_ONE, "%1$s packet not shown (acknowledgements, closings, repetitions): -v shows all")
SPEECH(HIDDEN_MORE, "%1$s packets not shown (acknowledgements, closings, repetitions): -v shows all")
SPEECH(LOOKED_NO, "no ")
SPEECH(LOOKED_YES, "yes")
SPEECH(HEADING_FIXES_SHORT, "What helps (tried by playing the session again)")
SPEECH(HEADING_RULES, "Rules that decided")
SPEECH(HEADING_PACKETS, "Every packet")
SPEECH(NOT_DRAWN, "%1$s more packets are not drawn")
SPEECH(DRAWN_PACKET, "Packet %1$s, %2$s to %3$s: %4$s (%5$s). %6$s")
SPEECH(MADE_DRAWN, "rules: %1$s · kernel: Linux %2$s")
SPEECH(MADE_DRAWN_FTP, "rules: %1$s · kernel: Linux %2$s · FTP helper: %3$s")
SPEECH(COLUMN_FROM, "from")
SPEECH(COLUMN_TO, "to")
SPEECH(COLUMN_WHAT, "what")
SPEECH(COLUMN_STATE, "state")
SPEECH(COLUMN_FATE, "fate")
SPEECH(COLUMN_DECIDER, "decided by")
SPEECH(FATE_PASS, "pass")
SPEECH(FATE_DROP, "drop")
SPEECH(FATE_REJECT, "reject")
SPEECH(HEADING_FIXES, "What helps: each was tried by playing the session again; the least exposed first")
SPEECH(HEADING_FAILED, "Tried too, and no help here")
SPEECH(HEADING_NOTES, "Notes")

/* A plain exchange. What its packets are called: */
SPEECH(LABEL_REQUEST, "request")
SPEECH(LABEL_QUERY, "query")
SPEECH(LABEL_ECHO_REQUEST, "echo request")
SPEECH(LABEL_ECHO_REPLY, "echo reply")
SPEECH(TASK_ASK, "ask")
SPEECH(TASK_CLOSE, "close")
SPEECH(OF_SYN, "the client's first packet (SYN)")
SPEECH(OF_SYN_ACK, "the server's answer to it (SYN ACK)")
SPEECH(OF_ACK, "the client's acknowledgement (ACK)")
SPEECH(OF_REQUEST, "the client's request")
SPEECH(OF_QUERY, "the client's query")
SPEECH(OF_ANSWER, "the server's answer")
SPEECH(OF_ECHO_REQUEST, "the echo request")
SPEECH(OF_ECHO_REPLY, "the echo reply")
SPEECH(OF_PACKET, "a packet")
SPEECH(AND_NO_RULE, "and no rule before it admits it")
SPEECH(WHY_EXCHANGE, "%1$s %2$s, %3$s")

/* What was tried, and what came of it. */
SPEECH(TRIED_TCP, "a connection to port %1$s")
SPEECH(TRIED_UDP, "a query to UDP port %1$s")
SPEECH(TRIED_PING, "a ping")
SPEECH(ADMITTED_FREE, "no rule stands in its way")
SPEECH(ADMITTED_BY, "%1$s admits it")
SPEECH(BOTH_WAYS_TCP,
       "It works both ways: %1$s is made, and what is said on it passes there and back; %2$s.%3$s")
SPEECH(BOTH_WAYS, "It works both ways: %1$s arrives and the answer comes back; %2$s.%3$s")
SPEECH(SYMPTOM_REFUSED, "The client can't connect and is refused at once")
SPEECH(SYMPTOM_ARRIVES, "The client's packet arrives, but it can't connect and times out")
SPEECH(SYMPTOM_TIMEOUT, "The client can't connect and times out")
SPEECH(SYMPTOM_NO_ANSWER, "The client connects, but gets no answer")
SPEECH(SYMPTOM_NO_REQUEST, "The client connects, but can't ask for anything")
SPEECH(SYMPTOM_REFUSED_AT_ONCE, "It is refused at once")
SPEECH(SYMPTOM_NO_REPLY, "It arrives, but no answer comes back")
SPEECH(SYMPTOM_LOST, "No answer comes, since it does not arrive")
SPEECH(SYMPTOM_WHY, "%1$s: %2$s.")
SPEECH(BY_SOURCE_PORT, "Whether %1$s works depends on the port that the client sends from, which was not "
                       "said: from port %2$s it works; from another %3$s.")
SPEECH(BY_CLIENT, "Whether %1$s works depends on who asks, which was not said (--client): from %2$s it "
                  "works; from somebody else, such as %3$s, %4$s.")
SPEECH(EXCHANGE_UNKNOWN, "Whether %1$s works can't be told: %2$s.")
SPEECH(EXCHANGE_UNKNOWN_PORT, "Whether %1$s works can't be told: it depends on the port that the client "
                              "sends from; with one of them %2$s.")
SPEECH(NOTE_NOT_EVERYBODY, "Not for everybody: from %1$s, whom the rules name, it is blocked (--client).")
SPEECH(NOTE_SOURCE_PORT, "It depends on the port that the client sends from: from %1$s it works. Told here "
                         "is what happens with another.")
SPEECH(NOTE_ANY_SOURCE_PORT, "Which port the client sends from was not said: any from 1024 on is taken to be "
                             "used (write it behind the client's address).")
SPEECH(NOTE_NOT_CLOSED, "The connection works, but can't be closed: %1$s what ends it (packet %2$s), and "
                        "both ends wait for that until they give up.")
SPEECH(TITLE_EXCHANGE, "%1$s from %2$s, there and back, firewall %3$s")
SPEECH(TO_TCP, "TCP to %1$s")
SPEECH(TO_UDP, "UDP to %1$s")
SPEECH(PING_OF, "Ping of %1$s")

/* One packet. */
SPEECH(NO_FLAGS, "no flags")
SPEECH(CUT_HEADER, "cut-off header")
SPEECH(PACKET_FRAGMENT, "fragment at byte %1$s, %2$s bytes")
SPEECH(PACKET_PROTOCOL, "protocol %1$s, %2$s bytes")
SPEECH(ICMP_NAMED, "ICMP %1$s")
SPEECH(ICMP_TYPE, "ICMP type %1$s code %2$s")
SPEECH(ICMP_UNREACHABLE, "destination unreachable")
SPEECH(ICMP_UNREACHABLE_6, "unreachable")
SPEECH(ICMP_REDIRECT, "redirect")
SPEECH(ICMP_TIME, "time exceeded")
SPEECH(ICMP_PARAMETER, "parameter problem")
SPEECH(ICMP_TOO_BIG, "packet too big")
SPEECH(ICMP_ROUTER_ASK, "router solicit")
SPEECH(ICMP_ROUTER, "router advertisement")
SPEECH(ICMP_NEIGHBOUR_ASK, "neighbour ask")
SPEECH(ICMP_NEIGHBOUR, "neighbour answer")
SPEECH(TITLE_PACKET, "%1$s %2$s -> %3$s at %4$s")
SPEECH(TITLE_PACKET_NUMBER, "protocol %1$s %2$s -> %3$s at %4$s")
SPEECH(PACKET_UNKNOWN, "Whether this packet passes can't be told: %1$s.")
SPEECH(STATE_AS_SAID, "%1$s, as was said")
SPEECH(PACKET_FREE, "No rule is in the way at %1$s: the packet (%2$s) passes.")
SPEECH(PACKET_TRACKED_OUT, "Connection tracking drops this packet (%1$s): %2$s.")
SPEECH(POLICY_ACCEPTS, "No rule of %1$s decides about this packet (%2$s), and %3$s accepts it.")
SPEECH(POLICY_DROPS, "No rule of %1$s decides about this packet (%2$s), and %3$s drops it.")
SPEECH(POLICY_REJECTS, "No rule of %1$s decides about this packet (%2$s), and %3$s rejects it.")
SPEECH(RULE_ACCEPTS, "%1$s accepts this packet (%2$s).") /* its first letter is made a capital */
SPEECH(RULE_DROPS, "%1$s drops this packet (%2$s).")
SPEECH(RULE_REJECTS, "%1$s rejects this packet (%2$s).")
SPEECH(NOTE_REWRITE, "Then the source of this packet may be rewritten by rule %1$s of %2$s in the nat table "
                     "(%3$s), which is not evaluated: what comes of its connection is not told here.")
SPEECH(
    NOTE_ONE_HALF,
    "Client and server are the same machine: such a packet goes over loopback (lo) and meets the rules of "
    "OUTPUT and then those of INPUT. Asked was one of the two; leave hook=, in= and out= away to ask both.")
SPEECH(NOTE_STATE_OTHER, "That the packet is %1$s was said, but the rules of raw make it %2$s.")
SPEECH(NOTE_STATE_SAME, "That the packet is %1$s was said, not found out. To a firewall that has seen "
                        "nothing of its connection it is %2$s, and its fate the same.")
SPEECH(NOTE_STATE_PASSES, "That the packet is %1$s was said, not found out, and it decides: to a firewall "
                          "that has seen nothing of its connection it is %2$s, and would pass.")
SPEECH(NOTE_STATE_DROPPED, "That the packet is %1$s was said, not found out, and it decides: to a firewall "
                           "that has seen nothing of its connection it is %2$s, and would be dropped.")
SPEECH(NOTE_STATE_REJECTED, "That the packet is %1$s was said, not found out, and it decides: to a firewall "
                            "that has seen nothing of its connection it is %2$s, and would be rejected.")
SPEECH(NOTE_STATE_UNKNOWN, "That the packet is %1$s was said, not found out, and it decides: to a firewall "
                           "that has seen nothing of its connection it is %2$s, and could not be told about.")
SPEECH(OTHER_FAMILY, "It can't be told: the packet is %1$s, and these are rules of %2$s, which it does not "
                     "meet; ask with those that %3$s prints.")
SPEECH(OTHER_RULES, "the rules of %1$s, which are not these")
SPEECH(NOTE_EXCHANGE_TRIED,
       "What helps was tried with the exchange that such a packet begins, there and back.")

/* Whom to ask about what is not known. */
SPEECH(SEE_CONNECTING, "conntrack -E, while the client connects")
SPEECH(SEE_SETS, "ipset save > SETS, and here --sets SETS")
SPEECH(SEE_IN, "ip route get, with the sender's address; here --in")
SPEECH(SEE_OUT, "ip route get, with the receiver's address; here --out")
SPEECH(SEE_SHAPE, "tcpdump -nv, which shows length, TTL and TOS; here --packet with ttl=, tos= and length=")
SPEECH(SEE_COUNTERS, "%1$s -t %2$s -nvL, whose counters show which rules match")
SPEECH(NOT_EVALUATED, "%1$s, which is not evaluated")

/* What is not known, in the words of the room that does not know it. */
SPEECH(UNKNOWN_NAT, "where the connection is sent instead (NAT), which is not evaluated")
SPEECH(UNKNOWN_DECIDES, "what an extension that is not evaluated decides")
SPEECH(UNKNOWN_ZONE, "the zone of the connection")
SPEECH(UNKNOWN_EARLIER, "what became of an earlier packet of this connection, which is not evaluated")
SPEECH(UNKNOWN_TTL_SET, "the TTL that a rule leaves it: a packet without hops left is not forwarded")
SPEECH(UNKNOWN_LIMIT, "how many packets have passed a limit before")
SPEECH(UNKNOWN_BURST, "which back end of iptables counts, for a burst as large as this")
SPEECH(UNKNOWN_COUNTED, "how many packets a rule has counted before")
SPEECH(UNKNOWN_TIME, "the time of day")
SPEECH(UNKNOWN_HASHLIMIT, "how many packets have passed a hashlimit before")
SPEECH(UNKNOWN_NOT_CAPTURED, "a part of the packet that the capture does not hold")
SPEECH(UNKNOWN_MAPPED,
       "the address or port that NAT gives the connection, which is one of several or was not said")
SPEECH(
    UNKNOWN_NAT_FTP,
    "whether nf_nat_ftp is loaded, which writes the address that the other side knows into what is announced")
SPEECH(UNKNOWN_SENT_WHEN_IT_BEGAN,
       "where the connection was sent when it began (NAT), of which this packet alone says nothing")
SPEECH(UNKNOWN_OWN_ADDRESS, "the address of the interface that the packet leaves by (--address)")
SPEECH(UNKNOWN_CAPTURED_SIDE,
       "where the connection is sent instead (NAT), of which a capture shows one side only")
SPEECH(HOPS_TAKEN, "leaving it no hop: a packet whose TTL is 0 or 1 is not forwarded")
SPEECH(ROUTE_NO_HOPS, "no hop is left to it: a packet whose TTL is 0 or 1 is not forwarded")
SPEECH(UNKNOWN_WAY_BACK, "the way that routes lead (fib, rpfilter)")
SPEECH(UNKNOWN_OPTIONS, "options of the TCP header, which are its sender's to choose")
SPEECH(ROUTE_NO_FORWARDING,
       "this machine does not forward (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding)")
SPEECH(UNKNOWN_TCP_CHANGED, "the TCP header, which a rule before it may have changed")
SPEECH(UNKNOWN_NO_MEMORY, "what was remembered, for want of memory")
SPEECH(UNKNOWN_CONNLIMIT, "how many connections a connlimit has counted")
SPEECH(UNKNOWN_IN, "the interface that the packet comes in by")
SPEECH(UNKNOWN_OUT, "the interface that the packet leaves by")
SPEECH(UNKNOWN_MARK, "the mark of the packet")
SPEECH(UNKNOWN_LENGTH, "the length of the packet, which its sender chooses and a rule before may change")
SPEECH(UNKNOWN_TTL, "the TTL of the packet, which its sender chooses and a rule before may change")
SPEECH(UNKNOWN_TOS, "the TOS field of the packet, which its sender chooses and a rule before may change")
SPEECH(UNKNOWN_MAC, "the hardware address that the packet comes from")
SPEECH(UNKNOWN_PKTTYPE, "how the packet was addressed on the link")
SPEECH(UNKNOWN_CONNMARK, "the mark of the connection")
SPEECH(UNKNOWN_RECENT, "which addresses a recent list holds")
SPEECH(UNKNOWN_SOURCE_KIND, "what kind of address the source is to this machine")
SPEECH(UNKNOWN_DESTINATION_KIND, "what kind of address the destination is to this machine")
SPEECH(UNKNOWN_SET, "the members of a set")
SPEECH(UNKNOWN_SET_COUNTERS, "the counters of a set's member")
SPEECH(UNKNOWN_BRIDGE, "the port of a bridge")
SPEECH(UNKNOWN_OWNER, "the owner of the socket")
SPEECH(UNKNOWN_HEADERS, "extension headers that can't be read")
SPEECH(UNKNOWN_EXTENSION, "an extension that is not evaluated")
SPEECH(UNKNOWN_BYTES_MADE_UP, "bytes of a packet that is made up (a capture has real ones)")
SPEECH(UNKNOWN_BYTES_CHANGED, "bytes of the packet, which a rule before it may have changed")
SPEECH(UNKNOWN_CHAIN, "what that chain holds, which these rules don't say")

/* Captures. Nouns for counts: */
SPEECH(PACKETS, "packets")
SPEECH(FRAME, "frame")
SPEECH(FRAMES, "frames")
SPEECH(SESSION, "FTP session")
SPEECH(SESSIONS, "FTP sessions")
SPEECH(TASK_DATA, "data")
SPEECH(TASK_TRANSFER, "transfer")
SPEECH(TRANSFERS, "transfers")
SPEECH(TIME_ONE, "time")
SPEECH(TIMES, "times")
SPEECH(IT, "it")
SPEECH(THEM, "them")
SPEECH(CONNECTION_TRACKING, "connection tracking")
SPEECH(NO_RULE, "no rule")

/* What a capture shows of why a task fails, or leaves open. */
SPEECH(STOPS, "%1$s stops %2$s")
SPEECH(DEPENDS_ON, "it depends on %1$s")
SPEECH(ANNOUNCED_IN_VAIN, " Packet %1$s announced that connection, but nothing was expected: %2$s.")
SPEECH(UNKNOWN_TRANSLATED,
       "which addresses the rules meet, as they are translated (NAT) between the places of the capture")
SPEECH(UNKNOWN_CHANNEL_TLS,
       "whether that is its data channel, whose announcement is under TLS and can't be read")
SPEECH(UNKNOWN_CHANNEL, "whether that is its data channel, as the capture does not hold all that was said")
SPEECH(UNKNOWN_OWN_ANSWER, "whether the firewall sent it itself, as its answer to a packet that it rejected")
SPEECH(UNKNOWN_EARLIER_PACKETS, "what earlier packets met, which can't be told")
SPEECH(UNKNOWN_FIRST_PACKET, "what became of the packet that began its connection")
SPEECH(UNKNOWN_ANNOUNCED, "whether it was announced, as the capture does not hold all that was said")
SPEECH(UNKNOWN_LOST_PACKETS, "packets of its connection that the capture lost")
SPEECH(UNKNOWN_LOST_PART, "the part of its connection that is not in the capture")
SPEECH(UNKNOWN_RULES_6, "rules of ip6tables, since it is IPv6, and these are of iptables")
SPEECH(UNKNOWN_RULES_4, "rules of iptables, since it is IPv4, and these are of ip6tables")
SPEECH(UNKNOWN_CUT_HEADERS, "its headers, which the snap length cut off")
SPEECH(UNKNOWN_GRE, "the state of PPTP's GRE connections, which is not judged")
SPEECH(UNKNOWN_SCTP, "the state of SCTP and DCCP connections, which is not judged")
SPEECH(UNKNOWN_CHECKSUM, "whether its checksum was wrong on the wire, too, as it is in the capture")
SPEECH(OPEN_TLS, "the control channel is under TLS from here on: what was said can't be read")
SPEECH(OPEN_ONE_WAY, "the capture has packets of one direction only")
SPEECH(OPEN_LOST, "the capture lost frames, and has no answer to it")
SPEECH(OPEN_NOT_ASKED, "a data channel was announced, but no transfer was asked for in the capture")
SPEECH(OPEN_ENDS, "the capture ends before the transfer does")
SPEECH(OPEN_NO_ANSWER, "the capture has no answer to it")
SPEECH(OPEN_WHICH_CHANNEL,
       "which data channel it had can't be told, as the capture does not hold all that was said")
SPEECH(OPEN_NO_CHANNEL,
       "its data channel is not in the capture, so that what the rules make of it can't be told")
SPEECH(OPEN_GIVEN_UP, "the client broke it off")
SPEECH(IT_FAILS, "it fails")
SPEECH(CAUSE_THEN, "%1$s; then %2$s")
SPEECH(CAUSE_TLS, "the control channel is under TLS from here on: what is said, and which data channels are "
                  "announced, can't be read, by a firewall's helper no more than here")
SPEECH(CAUSE_ADDRESS, "the %1$s names %2$s for the data connection, but is %3$s itself")
SPEECH(CAUSE_TURNED_AWAY, "the server turns the client away: %1$s")
SPEECH(CAUSE_LOGIN, "the server refuses the login: %1$s")
SPEECH(CAUSE_REFUSES, "the server refuses %1$s: %2$s")
SPEECH(CAUSE_CLOSES, "the server closes the session: %1$s")
SPEECH(CAUSE_SAYS, "%1$s: %2$s")
SPEECH(SAYS_425, "the server could not open the data connection")
SPEECH(SAYS_426, "the data connection broke off")
SPEECH(SAYS_530, "the server wants a login first")
SPEECH(SAYS_550, "the server refuses it")
SPEECH(SAYS_NO, "the server says no")
SPEECH(CAUSE_UNREACHABLE, "%1$s answers that the connection to port %2$s is not possible (ICMP, code %3$s)")
SPEECH(CAUSE_SILENCE_TRIED, "no answer came to the connection to port %1$s, though it was tried %2$s times")
SPEECH(CAUSE_SILENCE_MAYBE, "the capture has no answer to the connection to port %1$s")
SPEECH(CAUSE_SILENCE_FOR, "no answer came to the connection to port %1$s in %2$s s")
SPEECH(CAUSE_SILENCE, "no answer came to the connection to port %1$s")
SPEECH(CAUSE_DATA_REFUSED,
       "the data connection is refused: nobody listens on the announced port, or a firewall answers so")
SPEECH(CAUSE_DATA_RESET, "the data connection was reset after %1$s bytes")
SPEECH(CAUSE_CLIENT_RESETS, "the client resets the control connection")
SPEECH(CAUSE_CLIENT_CLOSES, "the client closes the control connection")
SPEECH(CAUSE_REFUSED, "the connection is refused: nobody listens on that port, or a firewall answers so")
SPEECH(CAUSE_SERVER_RESETS, "the server resets the control connection")
SPEECH(CAUSE_SERVER_CLOSES, "the server closes the control connection")
SPEECH(CAUSE_CUT, "the capture's snap length cut off what was said here, after %1$s of %2$s bytes")
SPEECH(CAUSE_LOST, "this acknowledges %1$s bytes that are not in the capture: it lost frames")

/* The conclusion about a capture. */
SPEECH(CAPTURE_STOPPED, "%1$s %2$s of the FTP session would not pass; the first is packet %3$s, %4$s from "
                        "%5$s to %6$s, stopped by %7$s.%8$s")
SPEECH(CAPTURE_FAILS, "%1$s fails at packet %2$s: %3$s")
SPEECH(CAPTURE_FAILS_THOUGH,
       "The rules let the session pass, but it does not work: %1$s fails at packet %2$s: %3$s")
SPEECH(CAPTURE_DOUBT_STOPS, "Whether all of the FTP session passes can't be told: %1$s stops packet %2$s, "
                            "%3$s from %4$s to %5$s, and it depends on %6$s.")
SPEECH(CAPTURE_DOUBT,
       "Whether all of the FTP session passes can't be told: packet %1$s, %2$s from %3$s to %4$s; %5$s.")
SPEECH(
    CAPTURE_HEADLESS,
    "Nothing can be told from the capture: of %1$s of its %2$s frames the snap length cut off the headers.")
SPEECH(CAPTURE_LEFT_OUT,
       "The capture shows no FTP session with those who were asked about (--server, --client).")
SPEECH(CAPTURE_OTHER, "The capture shows no FTP session: what is spoken in it is %1$s.")
SPEECH(CAPTURE_NO_FTP, "The capture shows no FTP session.")
SPEECH(ANOTHER_PROTOCOL, "another protocol")
SPEECH(NO_PROTOCOL, "nothing that is known")
SPEECH(CAPTURE_OPEN,
       "Whether the FTP session works can't be told from the capture: %1$s (packet %2$s): %3$s.")
SPEECH(CAPTURE_PART,
       "What the capture shows of the FTP session works, but it was read in part only: it %1$s.")
SPEECH(CAPTURE_LONGER, "What was read of the FTP session works, but the capture is longer than what is read.")
SPEECH(CAPTURE_TLS, "Whether the FTP session works can't be told from the capture: it is under TLS from "
                    "packet %1$s on, and what was said can't be read.")
SPEECH(CAPTURE_LOGIN_ONLY,
       "Whether the FTP session works can't be told from the capture: it shows a login, but no transfer.")
SPEECH(CAPTURE_NO_TRANSFER,
       "Whether the FTP session works can't be told from the capture: it shows no transfer.")
SPEECH(CAPTURE_WORKS, "The FTP session works: %1$s %2$s went through.")
SPEECH(CAPTURE_WORKS_RULES,
       "The FTP session works: %1$s %2$s went through, and every packet of the session passes the rules.")
SPEECH(TITLE_CAPTURE, "%1$s replayed: FTP server %2$s, firewall %3$s")
SPEECH(TITLE_CAPTURE_OTHER, "%1$s replayed: no FTP session, firewall %2$s")

/* Notes about a capture. */
SPEECH(NOTE_NO_BEGINNING,
       "Of %1$s %2$s the capture does not hold the beginning: what the firewall knew of %3$s is assumed.")
SPEECH(NOTE_LOST_FRAMES,
       "Of %1$s %2$s the capture lost frames: bytes are acknowledged in %3$s that were never seen.")
SPEECH(NOTE_ONE_WAY,
       "Of %1$s %2$s the capture has one direction only: what the other end said in %3$s is not known.")
SPEECH(NOTE_CUT_SPEECH,
       "The snap length cut off what was said in %1$s %2$s; capture with tcpdump -s 0 to have all of %3$s.")
SPEECH(NOTE_TRANSLATED, "%1$s %2$s the capture has before and after NAT: how the addresses are translated is "
                        "not evaluated with %3$s.")
SPEECH(NOTE_UNDER_TLS, "%1$s %2$s went on under TLS: no more is known of what was said in %3$s, nor which "
                       "data channels were announced.")
SPEECH(NOTE_NOT_FTP_ONE, "%1$s connection to an FTP port is not FTP, and counted as other traffic.")
SPEECH(NOTE_NOT_FTP, "%1$s connections to an FTP port are not FTP, and counted as other traffic.")
SPEECH(NOTE_NOT_FTP_BUT_ONE,
       "%1$s connection to an FTP port is not FTP, but %2$s, and counted as other traffic.")
SPEECH(NOTE_NOT_FTP_BUT,
       "%1$s connections to an FTP port are not FTP, but %2$s, and counted as other traffic.")
SPEECH(NOTE_DOUBLED, "%1$s %2$s had been captured before, on its way: each was counted once.")
SPEECH(NOTE_CUT, "The snap length cut %1$s %2$s short.")
SPEECH(NOTE_HEADLESS, "Of %1$s %2$s the snap length cut off headers: nothing is said about what was in it.")
SPEECH(NOTE_LOST, "The capturing machine counted %1$s %2$s that it lost.")
SPEECH(NOTE_LEFT_TO_CARD,
       "%1$s %2$s had no checksum yet, since the network card fills it in after the capture: taken as right.")
SPEECH(NOTE_WRONG_SUMS,
       "%1$s %2$s had a wrong checksum in the capture; a firewall that gets it so calls it INVALID.")
SPEECH(NOTE_LEFTOVER, "%1$s %2$s of connections that were over would not pass; that stops nothing.")
SPEECH(NOTE_NOT_JUDGED, "%1$s %2$s of SCTP, DCCP or PPTP: their states are not judged.")
SPEECH(NOTE_MOVED,
       "%1$s %2$s of several interfaces did not lie in the order of time: numbers here are in that order.")
SPEECH(NOTE_BACK, "The capture's clock went back %1$s %2$s: time stands still then.")
SPEECH(NOTE_OTHER_TRAFFIC,
       "Of other traffic, which is not judged, %1$s %2$s would not pass; the first is packet %3$s.")
SPEECH(NOTE_UNREAD, "%1$s frames were taken on links of type %2$s, in which no IP is looked for.")
SPEECH(NOTE_READ_UP_TO, "The capture was read up to packet %1$s: it %2$s.")
SPEECH(NOTE_ONLY_FIRST, "Only the first %1$s packets were read: the capture is longer. tcpdump -r CAPTURE -w "
                        "SMALLER 'host CLIENT' leaves out what is not asked about.")
SPEECH(NOTE_NOT_TOLD, "%1$s packets are not told one by one: only the first %2$s are.")
SPEECH(NOTE_OF_THAT_DAY, "What the firewall of that day dropped before the place of the capture is not in "
                         "the capture, and answers to it are not either.")
SPEECH(NOTE_NO_RULES,
       "No rules were given: everything is accepted, and the FTP helper reads the control channel.")
SPEECH(NOTE_FIRST_IS_SERVER, "No FTP session was recognised: the end that took the first connection is taken "
                             "for the server (--server).")
SPEECH(NOTE_FIXES_PLAYED, "The fixes were tried on a played %1$s session between the same ends.")
SPEECH(NOTE_NO_FIX,
       "No fix is told: a played %1$s session between the same ends is not stopped in the same way.")
SPEECH(DAMAGED_OFF, "breaks off within a frame")
SPEECH(DAMAGED_UNREADABLE, "can't be read any further")
SPEECH(DAMAGED, "is damaged: what should be a frame is none")
SPEECH(DAMAGED_PACKING, "is packed by gzip, and what is packed is damaged or breaks off")

/* What the system's libraries say of errors, by their own words (strerror, gai_strerror, X509_verify_cert_error_string). */
SPEECH(SYSTEM_NO_FILE, "No such file or directory")
SPEECH(SYSTEM_NOT_ALLOWED, "Permission denied")
SPEECH(SYSTEM_NOT_PERMITTED, "Operation not permitted")
SPEECH(SYSTEM_EXISTS, "File exists")
SPEECH(SYSTEM_IS_FOLDER, "Is a directory")
SPEECH(SYSTEM_NO_FOLDER, "Not a directory")
SPEECH(SYSTEM_FULL, "No space left on device")
SPEECH(SYSTEM_QUOTA, "Disk quota exceeded")
SPEECH(SYSTEM_TOO_LARGE, "File too large")
SPEECH(SYSTEM_READ_ONLY, "Read-only file system")
SPEECH(SYSTEM_IO, "Input/output error")
SPEECH(SYSTEM_LONG_NAME, "File name too long")
SPEECH(SYSTEM_LINKS, "Too many levels of symbolic links")
SPEECH(SYSTEM_OPEN_FILES, "Too many open files")
SPEECH(SYSTEM_MEMORY, "Cannot allocate memory")
SPEECH(SYSTEM_ARGUMENT, "Invalid argument")
SPEECH(SYSTEM_BUSY, "Device or resource busy")
SPEECH(SYSTEM_CHARACTER, "Invalid or incomplete multibyte or wide character")
SPEECH(SYSTEM_PROTOCOL, "Protocol error")
SPEECH(SYSTEM_NO_NAME, "Name or service not known")
SPEECH(SYSTEM_NAME_LATER, "Temporary failure in name resolution")
SPEECH(SYSTEM_NO_ADDRESS, "No address associated with hostname")
SPEECH(SYSTEM_SELF_SIGNED, "self-signed certificate")
SPEECH(SYSTEM_SELF_SIGNED_CHAIN, "self-signed certificate in certificate chain")
SPEECH(SYSTEM_NO_ISSUER, "unable to get local issuer certificate")
SPEECH(SYSTEM_UNVERIFIED, "unable to verify the first certificate")
SPEECH(SYSTEM_EXPIRED, "certificate has expired")
SPEECH(SYSTEM_NOT_YET, "certificate is not yet valid")
SPEECH(SYSTEM_HOST, "hostname mismatch")
SPEECH(SYSTEM_ADDRESS, "IP address mismatch")
SPEECH(SYSTEM_NOT_EMPTY, "Directory not empty")
SPEECH(SYSTEM_PIPE, "Broken pipe")
SPEECH(SYSTEM_NO_DEVICE, "No such device or address")
SPEECH(SYSTEM_NOT_SUPPORTED, "Operation not supported")
SPEECH(SYSTEM_TEXT_BUSY, "Text file busy")
SPEECH(SYSTEM_STALE, "Stale file handle")
SPEECH(SYSTEM_OTHER_DEVICE, "Invalid cross-device link")
SPEECH(SYSTEM_OPEN_FILES_ALL, "Too many open files in system")
SPEECH(SYSTEM_LATER, "Resource temporarily unavailable")
SPEECH(SYSTEM_ADDRESS_IN_USE, "Address already in use")
SPEECH(SYSTEM_ADDRESS_AWAY, "Cannot assign requested address")
SPEECH(SYSTEM_NETWORK_DOWN, "Network is down")
SPEECH(SYSTEM_ABORTED, "Software caused connection abort")
SPEECH(SYSTEM_NAME_FAILED, "Non-recoverable failure in name resolution")
SPEECH(SYSTEM_NO_ISSUER_AT_ALL, "unable to get issuer certificate")
SPEECH(SYSTEM_REVOKED, "certificate revoked")
SPEECH(SYSTEM_SIGNATURE, "certificate signature failure")
SPEECH(SYSTEM_NO_AUTHORITY, "invalid CA certificate")
SPEECH(SYSTEM_PURPOSE, "unsuitable certificate purpose")
SPEECH(SYSTEM_KEY_WEAK, "EE certificate key too weak")
SPEECH(SYSTEM_HASH_WEAK, "CA signature digest algorithm too weak")
SPEECH(SYSTEM_TLS_NONE, "wrong version number")
SPEECH(SYSTEM_TLS_OLD, "unsupported protocol")
SPEECH(SYSTEM_TLS_ALERT_OLD, "tlsv1 alert protocol version")
SPEECH(SYSTEM_TLS_ALERT_HANDSHAKE, "sslv3 alert handshake failure")
SPEECH(SYSTEM_TLS_ALERT_INTERNAL, "tlsv1 alert internal error")
SPEECH(SYSTEM_TLS_DH, "dh key too small")

/* What clients of a server meet (--server-config). */
SPEECH(SERVED_HEAD, "What clients of the server that %1$s describes meet at %2$s")
SPEECH(SERVED_DOORS,
       "Doors (firewall=%1$s): the server itself tells the firewall of each data connection, under TLS too")
SPEECH(SERVED_NO_DOORS, "No doors (firewall=%1$s): of data connections the firewall knows what it can read")
SPEECH(SERVED_ELSEWHERE,
       "No doors: the server is another machine than this firewall, and can open none in it")
SPEECH(SERVED_OF_VSFTPD, "No doors: vsftpd opens none (sallyd does, with the same configuration)")
SPEECH(WALL_HERE, "the wall of this machine")
SPEECH(SERVED_PLAIN, "in the clear")
SPEECH(SERVED_TLS, "under TLS")
SPEECH(SERVED_OFF, "not offered")
SPEECH(SERVED_WHY, "%1$s: %2$s")
SPEECH(SERVED_ALL, "All that the server offers its clients works over %1$s with the rules of %2$s.")
SPEECH(SERVED_ALL_DOORS, "All that the server offers its clients works over %1$s with the rules of %2$s, by "
                         "doors where they are needed.")
SPEECH(SERVED_USED, "That packet has used its door up, since doors are for one connection. RELATED has to be "
                    "accepted for all ports that the server may name.")
SPEECH(SERVED_FIX, "What would help: %1$s")
