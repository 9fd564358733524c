/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_DATES_H
#define SALLY_FTP_DATES_H

#include "ftp/text.h"

enum ftp_precision { FTP_TO_SECOND, FTP_TO_MINUTE, FTP_TO_DAY };

/* A time as a listing has it. */
struct ftp_listed_time {
    bool is_known;
    bool is_utc;                  /* else of the server's own zone, which the caller has to learn */
    enum ftp_precision precision; /* what is finer is 0 in seconds */
    int64_t seconds;              /* since 1970, as if it were UTC */
};

/*
 * Each reads a date from the first of some words and says how many it took: 0 if it is none. One that does not
 * exist (30 February), or whose month is of an unknown language, takes them too, but is not known.
 */

/* As ls in any language: "Jan 31 12:59", "31 Jan 2024", "Jan 31 12:59:59 2024", "2024-01-31 12:59",
 * "2024-01-31 12:59:59.123 +0100". Without a year it is the last one that has been by now, or within a day. */
size_t ftp_date_ls(const struct ftp_text *word, size_t count, int64_t now, struct ftp_listed_time *ret);
/* As DOS: "01-31-24 12:59PM", "2024-01-31 12:59", "31.01.2024 12:59". Of two numbers the first is the month, as
 * IIS has it, unless *day_first; that is set by a date which can be read no other way. */
size_t ftp_date_dos(const struct ftp_text *word, size_t count, bool *day_first, struct ftp_listed_time *ret);
/* As VMS: "31-JAN-2024 12:59:59", "31-JAN-2024". */
size_t ftp_date_vms(const struct ftp_text *word, size_t count, struct ftp_listed_time *ret);

#endif
