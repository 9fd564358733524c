/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_TIME_H
#define SALLY_FTP_TIME_H

#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

/* Dates of the calendar and seconds since 1970, without the C library's zones and languages. */
enum {
    FTP_DAY = 86400, /* seconds */
};

struct ftp_moment {
    unsigned year, month, day, hour, minute, second; /* month and day from 1 */
};

/* The moment in UTC; that of the year 0 or 9999 that is nearest, if four digits can't say its year. */
struct ftp_moment ftp_moment_of(int64_t seconds);
/* The inverse: 0, or -EINVAL for a moment that does not exist. A leap second (RFC 3659 section 2.3) does. */
MUST_USE int ftp_moment_seconds(const struct ftp_moment *m, int64_t *ret_seconds);

/* Not before year 0 nor after 9999, which four digits can't say. */
bool ftp_time_can_say(int64_t seconds);
/* "YYYYMMDDHHMMSS" (RFC 3659 section 2.3) of seconds since 1970, in UTC. out: 16 bytes, NUL-terminated.
 * False if it can't be said: out is then the nearest that can. */
MUST_USE bool ftp_time_format(int64_t seconds, char *out);
/* Reads exactly 14 digits, optionally a fraction that is ignored. 0 or -EINVAL, also for a date that does not
 * exist, and for anything that follows, unless ret_end is not NULL and takes where it begins. Nothing is read
 * behind the first byte that does not belong to it. */
MUST_USE int ftp_time_parse(const char *text, int64_t *ret_seconds, const char **ret_end);

#endif
