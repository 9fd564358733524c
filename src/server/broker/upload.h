/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_UPLOAD_H
#define SALLY_SERVER_BROKER_UPLOAD_H

#include "server/broker/state.h"

/* Removes every upload that was begun and not ended, if it is atomic or delete_failed_uploads says so. For
 * the end. */
void uploads_drop_all(struct broker *b);

/* name, in the directory, is an upload on its way that a listing met: removes it if nobody writes it any more
 * (not locked, and older than a day: a machine that crashed left it). */
void upload_sweep(int dir_fd, const char *name);

#endif
