/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_LOGINS_H
#define SALLY_SERVER_MONITOR_LOGINS_H

#include "server/messages.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Who is logged in, and the brokers that serve them. An identity is one account under one configuration; all
 * its sessions share a broker, which ends a moment after the last of them. A broker that dies is replaced
 * while sessions need it.
 */
void logins_login(const struct ipc_message *m);
void logins_check_user(const struct ipc_message *m);
void logins_logout(uint32_t session);
void logins_chown(const struct ipc_message *m);
/* A child has ended. True if it was a broker. */
bool logins_child_ended(pid_t pid);
/* The worker is gone, and with it every session. */
void logins_forget_all(void);

#endif
