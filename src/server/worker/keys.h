/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_KEYS_H
#define SALLY_SERVER_WORKER_KEYS_H

#include "base/result.h"
#include "tls/server.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The certificates that sessions show, and the link to the key process that signs for them. A reload brings others for new
 * sessions; those before stay until their last session has ended, and with them their key process.
 */
struct keys;

struct keys_users {
    /* As tls_server_settings.ask, with the struct keys as ctx. */
    bool (*ask)(void *keys, struct tls_channel *c, const struct tls_to_sign *what);
    /* The answer to keys_sign; len 0: it is not signed. */
    void (*on_signed)(uint32_t id, const void *signature, size_t len);
    /* What was asked of these and not answered will not be. */
    void (*on_lost)(const struct keys *k);
};

/* In each loop, before its first session. on_settled: called once, when it is known what TLS new sessions have: why is NULL, or they
 * were to have some and can't. */
void keys_init(const struct keys_users *users, void (*on_settled)(const char *why));
/* KEYS: the socket of a key process, whose files are yet to come. Takes fd. */
void keys_connect(int fd);
/* NO_KEYS: new sessions have no TLS. */
void keys_none(void);

/* For a new TLS session, to be given back; NULL: there are none. */
struct keys *keys_ref_now(void);
/* Also sets *k to NULL. */
void keys_unref(struct keys **k);
/* Where the key process of these is gone, *k becomes those that new sessions have, if there are any: what is still to be signed
 * for an old session these sign, too. */
void keys_renew(struct keys **k);
struct tls_server *keys_server(const struct keys *k);
/* Has it signed; on_signed follows with that id, or on_lost. 0 or -errno. */
MUST_USE int keys_sign(struct keys *k, uint32_t id, const struct tls_to_sign *what);

#endif
