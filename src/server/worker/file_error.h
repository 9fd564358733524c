/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_FILE_ERROR_H
#define SALLY_SERVER_WORKER_FILE_ERROR_H

#include "server/worker/session.h"

/* Answers a request that failed with errno `error`: 451, 452 or 552 where the fault is ours or the disk's,
 * which a client may try again or must know; else code and text, as vsftpd has them. */
void file_error_reply(struct session *s, uint32_t error, int code, const char *text);

#endif
