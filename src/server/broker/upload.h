/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_UPLOAD_H
#define SALLY_SERVER_BROKER_UPLOAD_H

#include "base/result.h"
#include "server/broker/state.h"

/* Removes every upload that was begun and not ended, if it is atomic or delete_failed_uploads says so. For
 * the end. */
void uploads_drop_all(struct broker *b);

/* fd_lock that waits a moment: the upload before may have been answered an instant before the last descriptor of
 * it was closed; and vsftpd waits, too. 0 or -EAGAIN. */
MUST_USE int upload_lock(int fd, short type);

/* name, in the directory, is an upload on its way that a listing met: removes it if nobody writes it any more
 * (not locked, and older than a day: a machine that crashed left it). */
void upload_sweep(int dir_fd, const char *name);

#endif
