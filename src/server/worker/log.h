/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_LOG_H
#define SALLY_SERVER_WORKER_LOG_H

#include "server/messages.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The worker's logs, on descriptors that the monitor opened for appending: xferlog(5), vsftpd's own format
 * (file or syslog), and JSON lines. Which of them are open is the monitor's decision, from the configuration;
 * a log that is not open costs nothing.
 */
struct session;
struct transfer;

/* Takes fd, replacing what was there; -1: that log is closed. */
void log_set_sink(enum log_sink sink, int fd);

/* Lines that were not written because nobody read them, in all. */
unsigned long long log_lost(void);

void log_connect(const struct session *s);
void log_login(const struct session *s, bool ok);
/* what: "MKDIR", "DELETE", "RENAME", "CHMOD"...; detail may be NULL. */
void log_action(const struct session *s, const char *what, bool ok, const char *path, const char *detail);
/* A transfer that ended. */
void log_transfer(const struct session *s, const struct transfer *t, bool ok);
/* log_ftp_protocol: a command or a reply as it goes over the wire, passwords masked by the caller. */
void log_protocol(const struct session *s, bool is_command, const char *text, size_t len);
/* Something the administrator should know. */
__attribute__((format(printf, 2, 3))) void log_event(const struct session *s, const char *format, ...);

#endif
