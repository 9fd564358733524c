/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_IDENTITY_H
#define SALLY_SERVER_WORKER_IDENTITY_H

#include "server/worker/session.h"

#include <stdatomic.h>

/*
 * A logged-in identity and the link to its broker, shared by all its sessions. The monitor names an identity
 * before the first LOGIN_REPLY that uses it, and replaces a broker that died with another BROKER message. A
 * moment after its last session it is released here, which ends the broker, and the monitor is told; not
 * while a login is being checked, whose reply may name it.
 */
struct identity {
    UT_hash_handle hh;
    uint32_t id;
    struct link *link; /* NULL: the broker is dead; requests are held for the next one */
    STAILQ_HEAD(, held_request) held;
    LIST_HEAD(, session) sessions;
    struct event *linger;
    /* Quota: what uploads may still add. Counted from what lies below the root when the first session logs
     * in; writers subtract as they write. Meaningless unless counted. */
    bool counted;
    atomic_llong bytes_left;
    long long files_left;
};

/* A BROKER message: a new identity or a new broker of a known one. Takes sock. */
void identity_broker(uint32_t id, int sock);
struct identity *identity_find(uint32_t id);
void identity_join(struct identity *i, struct session *s);
void identity_leave(struct session *s);
/* Sends a request of s; false if there is no broker to ask. */
bool identity_ask(struct session *s, enum server_message type, const struct file_request *request);
/* An upload that was begun comes to nothing; remove: even the file that it made goes. */
void identity_drop_upload(struct identity *i, uint32_t upload, bool remove);

#endif
