/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_PATH_H
#define SALLY_SERVER_PATH_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>

/* Joins a client's path to the working directory and resolves ".", ".." and repeated slashes textually; ".."
 * at the root stays there. cwd is absolute. Result in out (cap bytes, with NUL, not cwd's): absolute, no
 * slash at the end but "/". 0, or -ENAMETOOLONG with out undefined. An empty argument is the cwd. */
MUST_USE int ftp_path_join(const char *cwd, const char *argument, char *out, size_t cap);

/* Levels of an absolute path without "." and "..", as join makes it, below the root. */
size_t ftp_path_depth(const char *path);
/* Does a relative path, seen from a directory so many levels below the root, never go above that on its way?
 * Textually, as join. */
bool ftp_path_is_below(size_t depth, const char *path);

/* Doubles '"' for a 257 reply (RFC 959 appendix II) and turns newlines into NULs; a NUL follows that is not
 * counted. Returns the length, or -ENAMETOOLONG with out undefined. */
MUST_USE int ftp_path_quote(const char *path, char *out, size_t cap);

enum {
    FTP_GLOB_MAX = 1023, /* bytes of a pattern */
};

/* Does name match pattern: '*', '?', '[a-z]', '[!...]' or '[^...]', '\x', '{a,b}' (nested too) ? By bytes;
 * '.' and '/' are nothing special.
 * '[' and '{' that nothing closes are themselves. A pattern over FTP_GLOB_MAX matches nothing. All
 * alternatives are followed at once, in time at most len(pattern) * len(name), so no pattern can burn the
 * processor (CERT CA-2001-07, CVE-2011-0418). */
bool ftp_glob_match(const char *pattern, const char *name);
/* Has it any of '*', '?', '[', '{', which make an argument a pattern? */
bool ftp_glob_is_pattern(const char *text);

#endif
