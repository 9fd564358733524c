/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_STREAM_H
#define SALLY_EXPLAIN_REPLAY_STREAM_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The bytes of a file, from its beginning as often as wanted; what gzip packed is unpacked on the way, a piece
 * at a time, so that no file fills the memory. */
struct stream;

/* Takes file over, also on failure. What can't be read twice (a pipe) goes to an unnamed file first. 0, or a
 * negative errno. */
MUST_USE int stream_open(FILE *file, struct stream **ret);
void stream_close(struct stream **s);
/* How much is read of a file at most, and how much is unpacked: a few bytes may unpack to any number. */
#define STREAM_MOST        (16ULL << 30)
#define STREAM_PACKED_MOST (2ULL << 30)

/* Reads size bytes, fewer only at the end. 0; -EIO; -EBADMSG: packed bytes that are damaged or break off. In
 * any case *ret says how many there are. */
MUST_USE int stream_read(struct stream *s, void *to, size_t size, size_t *ret);
/* Goes back to the beginning. 0 or a negative errno. */
MUST_USE int stream_rewind(struct stream *s);
bool stream_is_packed(const struct stream *s);
/* Was the end only that of what is read at most? */
bool stream_is_limited(const struct stream *s);

#endif
