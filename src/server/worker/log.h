/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_LOG_H
#define SALLY_SERVER_WORKER_LOG_H

#include "server/messages.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The worker's logs: xferlog(5), vsftpd's own format (file or syslog), and JSON lines, in the sinks that the monitor opened
 * (sink.h). Which of them are open is the monitor's decision, from the configuration; a log that is not wanted costs
 * nothing. What a client chose (names, passwords) can't forge another field or line of any.
 */
struct session;
struct transfer;

void log_connect(const struct session *s);
/* Its control channel is under TLS now. */
void log_tls(const struct session *s);
void log_login(const struct session *s, bool ok);
/* what: "MKDIR", "DELETE", "RENAME", "CHMOD"...; detail may be NULL. why: NULL if it was done, else the reason why not. */
void log_action(const struct session *s, const char *what, const char *path, const char *detail,
                const char *why);
/* A transfer that ended; one that failed says why (t->why, t->error). Listings only if they failed. */
void log_transfer(const struct session *s, const struct transfer *t, bool ok);
/* log_ftp_protocol: a command, or a reply with its code in prefix, passwords masked by the caller. */
void log_protocol(const struct session *s, bool is_command, const char *prefix, const char *text);
/* Something the administrator should know. */
__attribute__((format(printf, 2, 3))) void log_event(const struct session *s, const char *format, ...);

#endif
