/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_BANNER_H
#define SALLY_SERVER_MONITOR_BANNER_H

#include "server/config/config.h"

/*
 * The content of banner_file. vsftpd reads it for each session; our worker can read no file, so the monitor does, and again
 * whenever the file, or which file has that name, changes.
 */

/* Reads it: malloc'ed, 64 KiB at most; NULL where there is none, or it can't be read, which is told. */
char *banner_read(const struct config *c);
/* From now on on_change is called when monitor.config's banner_file may say something else than what was read last; it is to
 * read it. Call it again after a reload. */
void banner_follow(void (*on_change)(void));

#endif
