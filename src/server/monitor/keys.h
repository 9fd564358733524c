/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_KEYS_H
#define SALLY_SERVER_MONITOR_KEYS_H

#include "base/result.h"
#include "server/config/config.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The monitor's part in TLS: it starts the key process of a configuration (keys/keys.h), and has it and the worker speak with
 * each other. It sees no certificate and no key.
 */
struct keys_process {
    pid_t pid; /* 0: none */
    int sock;  /* to it; -1: none */
};

/* Starts one for c, and waits until it is ready; what stands in its way is told. 0, with *ret none if c is without TLS, or
 * -errno. */
MUST_USE int keys_start(const struct config *c, struct keys_process *ret);
/* Would keys_start have what it needs? What is wrong is told. Without root, who may not read keys, nothing is looked at. */
MUST_USE bool keys_check(const struct config *c);
/* From now on this one counts, for the worker there is and those to come; the one before ends when the last session with its
 * certificates has. */
void keys_use(const struct keys_process *k);
/* Tells a new worker. */
void keys_send(void);
/* Was it the one that counts? Then another is started, from the files as they are now. */
bool keys_child_ended(pid_t pid, int status);
/* The server ends. */
void keys_forget(void);

#endif
