/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_WRITE_BEHIND_H
#define SALLY_SERVER_WORKER_WRITE_BEHIND_H

#include "base/result.h"

#include <stddef.h>

/*
 * Writes a file in a thread of its own while the next block is being made: deciphering and the file system each take about
 * half of the time of an upload under TLS. Two blocks, one in either's hands. For one thread.
 */
struct write_behind;

enum {
    WRITE_BEHIND_BLOCK = 256 * 1024, /* bytes */
};

/* To fd, at its position; fd stays the caller's and must not be used until the end. NULL: no memory, or no thread. */
MUST_USE struct write_behind *write_behind_begin(int fd);
/* The block to fill, of WRITE_BEHIND_BLOCK bytes; waits until there is one. */
char *write_behind_block(struct write_behind *w);
/* Its first len bytes are to be written. 0, or the -errno that an earlier block met: no more is written then. */
MUST_USE int write_behind_put(struct write_behind *w, size_t len);
/* When all is written: how much of it was, and 0 or the first -errno. Also sets *w to NULL. */
MUST_USE int write_behind_end(struct write_behind **w, unsigned long long *ret_written);

#endif
