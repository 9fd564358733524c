/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_FILE_ERROR_H
#define SALLY_SERVER_WORKER_FILE_ERROR_H

#include <stddef.h>

/* What an errno of a file, a disk or a broker means to a client and to the logs. */

/* For the logs: never NULL. */
const char *file_error_text(int error);

/* An answer to a client whose request failed with error, in text (cap bytes). Returns its code: 451, 452 or 552 where the
 * fault is ours or the disk's, which a client may try again or must know; else code, with its own words as vsftpd has them,
 * and the reason after them where that tells nobody what he may not know. error 0: its own words alone. */
int file_error_answer(int error, int code, const char *words, char *text, size_t cap);

#endif
