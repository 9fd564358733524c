/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_SESSION_H
#define SALLY_CMD_WALL_SESSION_H

/* The connection over which somebody administers this machine, and whether rules would cut it. */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"
#include "explain/make.h"
#include "rules/rules.h"

enum { SESSIONS_MOST = 64 };

/* A TCP connection that ends here: in this network namespace. */
struct session {
    uint8_t family; /* enum packet_family */
    struct packet_address client, server;
    uint16_t client_port, server_port;
    char device[IF_NAMESIZE]; /* by which this machine answers; "": not known */
    bool is_local;            /* the client is this machine, too */
};

struct sessions {
    struct session all[SESSIONS_MOST];
    size_t count;
    bool
        is_own; /* this process's: by SSH_CONNECTION, of it or of those that started it. Else what is connected to a
                    port that listens here: to port 22 if anything is, and from elsewhere */
};

/* Looks, and never fails: what can't be found out is not there. own_only: nothing but SSH_CONNECTION. */
void sessions_find(bool own_only, struct sessions *ret);

/* "198.51.100.7:50000 to 192.0.2.18:22" into text, at least 120 bytes. Returns text. */
char *session_format(const struct session *s, char *text);

enum session_fate { SESSION_PASSES, SESSION_UNKNOWN, SESSION_CUT };

/* The packets of a session that are asked about. */
enum session_packet {
    SESSION_SENDS,   /* from the client, of the connection as it is */
    SESSION_ANSWERS, /* to the client */
    SESSION_AGAIN,   /* the client begins another one to the same port */
    SESSION_MET, /* as SENDS, to a wall that has seen nothing of the connection yet: it went up in its middle */
    SESSION_PACKETS
};

struct session_answer {
    enum session_fate fate[SESSION_PACKETS];
    struct story_rule rule[SESSION_PACKETS]; /* of those that don't pass, what decides; chain NULL: no rule */
};

/* What rules of the session's family make of it. 0, or -ENOMEM and nothing to be freed. */
MUST_USE int session_judge(const struct rules *r, const struct session *s, struct session_answer *ret);
void session_answer_fini(struct session_answer *answer);

#endif
