/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_IDENTITY_H
#define SALLY_SERVER_WORKER_IDENTITY_H

#include "base/result.h"
#include "server/worker/quota.h"
#include "server/worker/session.h"

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
    struct quota *quota; /* or NULL: the account has none */
};

/* Once: what to do with a session whose broker died while a transfer of its was under way, beside the answer (EPIPE) that
 * an outstanding request gets. */
void identity_init(void (*on_broker_lost)(struct session *s));
/* A BROKER message: a new identity or a new broker of a known one. Takes sock. */
void identity_broker(uint32_t id, int sock);
struct identity *identity_find(uint32_t id);
/* A login is being checked, whose reply may name any identity; it is answered, or nobody waits for it any more. */
void identity_login_began(void);
void identity_login_over(void);
/* s->login is filled in. 0 or -ENOMEM. */
MUST_USE int identity_join(struct identity *i, struct session *s);
void identity_leave(struct session *s);
/* Asks the session's broker; on_reply is called when it answers, or dies, perhaps at once. The session waits for the broker
 * unless it waits for its transfer. */
void identity_ask(struct session *s, enum server_message type, const struct file_request *request,
                  file_reply_fn *on_reply);
/* An upload that was begun comes to nothing; remove: even the file that it made goes. */
void identity_drop_upload(struct identity *i, uint32_t upload, bool remove);

#endif
