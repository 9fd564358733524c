/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_SETTINGS_H
#define SALLY_EXPLAIN_PLAY_SETTINGS_H

#include "explain/story.h"

/* How a session is played. play_defaults fills in what people rarely say. */
struct play {
    enum story_mode mode;
    enum story_at where;
    bool tls; /* AUTH TLS before login: the helper can't read what follows */
    uint8_t family;
    struct packet_address client, server; /* all zero: one is assumed that suits the rules */
    uint16_t server_port;                 /* 21 */
    struct rules_range16 passive_ports;   /* --pasv-ports; 0,0: any unprivileged one */
    struct rules_range16 active_ports;    /* that the client names in PORT and EPRT */
    bool active_from_20;                  /* active data connections come from port server_port - 1 */
    uint32_t kernel;                      /* TRACK_KERNEL() */
    enum track_manner manner;
    uint16_t helper_ports[8]; /* --helper-ports */
    uint8_t helper_port_count;
    bool helper_loose;
    const char *in, *out; /* --in, --out: interface towards the client / the server; NULL: not known */
    const struct verdict_sets *sets; /* --sets FILE, or NULL */
    int64_t time;                    /* of day, for -m time */
    const char *rules_name;
};

void play_defaults(struct play *ret);

#endif
