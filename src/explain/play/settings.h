/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_SETTINGS_H
#define SALLY_EXPLAIN_PLAY_SETTINGS_H

#include "explain/story.h"

struct host;
struct play;
struct play_machine;
struct wall_rules;
/* Plays what is asked once through r: steps, tasks and their outcomes, without conclusion, fixes and notes. play
 * must be complete (addresses, ranges). looked: as of session_play. NULL: out of memory. */
typedef struct story *play_script(struct wall_rules *r, const struct play *play, uint32_t looked);

/* How a session is played. play_defaults fills in what people rarely say. */
struct play {
    play_script *script; /* what is played; NULL: the FTP session (session.h) */
    uint8_t protocol;    /* of another script: PACKET_TCP, PACKET_UDP, PACKET_ICMP or PACKET_ICMPV6 */
    struct rules_range16 client_ports; /* likewise: that the client sends from */
    enum story_mode mode;
    enum story_at where;
    bool at_said; /* --at; else the addresses that host has may tell otherwise */
    bool tls;     /* AUTH TLS before login: the helper can't read what follows */
    uint8_t family;
    struct packet_address client, server; /* all zero: one is assumed that suits the rules */
    uint16_t server_port;                 /* 21 */
    struct rules_range16 passive_ports;   /* --pasv-ports; 0,0: any unprivileged one */
    struct rules_range16 active_ports;    /* that the client names in PORT and EPRT */
    struct rules_range16 data_ports; /* --data-port, that active data connections come from; 0,0: not said */
    uint32_t kernel;                 /* TRACK_KERNEL() */
    enum track_manner manner;
    uint16_t helper_ports[8]; /* --helper-ports */
    uint8_t helper_port_count;
    bool helper_loose;
    bool helper_always;       /* it needs no rule: a live wall's */
    uint8_t nat_ftp;          /* --nat-helper; enum track_nat_ftp: is nf_nat_ftp there? */
    const char *in, *out;     /* --in, --out: interface towards the client / the server; NULL: not known */
    bool in_found, out_found; /* that was not said, but follows from the routes of host */
    const struct verdict_sets *sets; /* --sets FILE, or NULL */
    const struct host
        *host; /* what is known of the firewall's machine: a snapshot, --address, --route; or NULL */
    const struct play_machine *machine; /* a snapshot's, whose switches hold (machine.h); or NULL */
    int64_t time;                       /* of day, for -m time */
    const char *rules_name;
};

void play_defaults(struct play *ret);

#endif
