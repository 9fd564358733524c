/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_FILES_H
#define SALLY_CMD_WALL_FILES_H

#include "base/result.h"

#include <stddef.h>
#include <stdio.h>

enum { FILES_LONGEST = 64 << 20 }; /* bytes of a rule set, a set file */

/* All of stream, NUL-terminated, into a new buffer; 0, -EFBIG over FILES_LONGEST, -ENOMEM, or what read
 * failed with. */
MUST_USE int files_read_stream(FILE *stream, char **ret_text, size_t *ret_size);
/* The same of a file; "-" is standard input. Also -errno of open. */
MUST_USE int files_read(const char *name, char **ret_text, size_t *ret_size);

/*
 * Replaces the file name with text as a whole: a temporary file beside it, fsync, rename. Mode and, where
 * permitted, owner are kept; a new file has 0644 without the umask's bits; a symbolic link is followed. 0 or
 * -errno, and then name is as it was.
 */
MUST_USE int files_replace(const char *name, const char *text, size_t size);

/* Waits until no other process that called this changes a file in name's directory; holds until the process
 * ends. 0 or -errno. */
MUST_USE int files_lock(const char *name);

#endif
