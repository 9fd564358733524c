/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_BROKER_H
#define SALLY_SERVER_BROKER_BROKER_H

#include "server/auth/auth.h"
#include "server/config/config.h"

/*
 * A broker: the process that touches files, as one logged-in identity, inside its root, without a network.
 *
 * Called in a child that the monitor has just forked, still as root (or as the launching user, without root).
 * It opens the root, becomes grant->uid for good (setgroups, setresgid, setresuid, no_new_privs), chroots
 * where it can, applies landlock and seccomp, and serves requests from sock (SEQPACKET, blocking) with a few
 * identical threads until the other end closes. Then it removes uploads that were begun and not ended, if
 * atomic or delete_failed_uploads. Never returns. cpu: the processor (cpus.h) whose loop it works for, -1: any; there a
 * request and its reply cost no interrupt of another one. What takes long runs anywhere.
 *
 * Exit status: 0 when the other end closed; BROKER_ROOT_CHANGED when the directory at grant->root is not the
 * one that the grant means: it was switched since the login; anything else is an accident.
 */
enum {
    BROKER_ROOT_CHANGED = 3,
};
_Noreturn void broker_main(int sock, const struct config *c, const struct auth_grant *grant, int cpu);

/* The same up to where it would serve, then tries the system calls that brokers live by: status 0 if a broker can
 * live here; else a message says which call is missing. */
_Noreturn void broker_try(int sock, const struct config *c, const struct auth_grant *grant);

#endif
