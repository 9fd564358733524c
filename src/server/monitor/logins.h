/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_LOGINS_H
#define SALLY_SERVER_MONITOR_LOGINS_H

#include "server/messages.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Checks logins and keeps the brokers that serve them. An identity is all the facts that a broker is made of
 * (key_of in logins.c), as each login finds them; the sessions for which they are the same share a broker. The worker, which knows when the last of them has ended, releases it. A
 * broker that dies before is replaced.
 *
 * Three things tell of a broker's end, and any of them may be seen first: the worker's RELEASE (nobody uses
 * the identity any more), its BROKER_BROKE (the broker can't be used: another, please), SIGCHLD. The worker
 * says its word before it closes the broker's socket, but that word may lie unread while the signal is
 * handled. So the exit status decides:
 *
 *   0, and the worker has said nothing: it closed the socket and its word is on its way. No alarm and no new
 *      broker. The identity is kept for that word, and for nobody else: it loses its key, and a login that
 *      comes meanwhile begins a new one under a new number, which no late word can mean.
 *   all else: an accident (killed, broken protocol, no memory). It is told, and a broker is started.
 *
 * RELEASE read first frees the identity, and the process that then ends is none of ours to speak of.
 * BROKER_BROKE read first kills the broker; should that have ended with 0 just before, it is replaced all the
 * same. An identity under whose key a login can find it thus has a broker, or one that is about to start.
 */
void logins_login(const struct ipc_message *m);
void logins_check_user(const struct ipc_message *m);
void logins_logout(uint32_t session);
/* The worker has closed the broker's socket: nobody uses the identity any more. */
void logins_release(uint32_t identity);
/* Kills the broker, which the worker cannot use (it broke protocol, or never arrived); another takes its
 * place. */
void logins_end_broker(uint32_t identity);
void logins_chown(const struct ipc_message *m);
/* A child has ended, with what waitpid(2) says. True if it was a broker. */
bool logins_child_ended(pid_t pid, int status);
/* The worker is gone, and with it every session. */
void logins_forget_all(void);

#endif
