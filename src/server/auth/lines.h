/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_LINES_H
#define SALLY_SERVER_AUTH_LINES_H

#include "base/result.h"

#include <stdbool.h>

/*
 * Is line one of the lines of the file at path, byte for byte (a carriage return before the newline does not
 * count)? As vsftpd reads its lists: no comments, no trimming. 0, or -errno when the file cannot be read.
 */
MUST_USE int lines_contain(const char *path, const char *line, bool *ret);

#endif
