/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_PATH_H
#define SALLY_FTP_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Joins a client's path to the working directory and resolves ".", ".." and repeated slashes textually; ".." at the
 * root stays there. cwd is absolute and already clean. Result in out (cap bytes, with NUL): absolute, no slash at the end but "/".
 * 0 or -ENAMETOOLONG. An empty argument is the cwd. */
int ftp_path_join(const char *cwd, const char *argument, char *out, size_t cap);

/* Doubles '"' for a 257 reply (RFC 959 appendix II) and turns newlines into NULs. Returns the length; -ENAMETOOLONG. */
int ftp_path_quote(const char *path, char *out, size_t cap);

/* Does name match pattern: '*', '?', '[a-z]', '[!...]', '\x', '{a,b}' ? Time at most len(pattern) * len(name) per alternative,
 * and at most 64 alternatives (more: false), so no pattern can burn the processor (CERT CA-2001-07, CVE-2011-0418). */
bool ftp_glob_match(const char *pattern, const char *name);
/* Any of the characters that make an argument a pattern? */
bool ftp_glob_is_pattern(const char *text);

#endif
