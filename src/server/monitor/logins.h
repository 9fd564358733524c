/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_LOGINS_H
#define SALLY_SERVER_MONITOR_LOGINS_H

#include "server/messages.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Checks logins and keeps the brokers that serve them. An identity is one account under one configuration;
 * all its sessions share a broker. The worker, which knows when the last of them has ended, releases it. A
 * broker that dies before is replaced.
 */
void logins_login(const struct ipc_message *m);
void logins_check_user(const struct ipc_message *m);
void logins_logout(uint32_t session);
/* The worker has closed the broker's socket: nobody uses the identity any more. */
void logins_release(uint32_t identity);
/* Kills the broker, which broke protocol; another takes its place. */
void logins_end_broker(uint32_t identity);
void logins_chown(const struct ipc_message *m);
/* A child has ended. True if it was a broker. */
bool logins_child_ended(pid_t pid);
/* The worker is gone, and with it every session. */
void logins_forget_all(void);

#endif
