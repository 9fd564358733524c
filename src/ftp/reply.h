/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_REPLY_H
#define SALLY_FTP_REPLY_H

#include "base/result.h"
#include "ftp/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A server's replies, line by line (RFC 959 section 4.2), and what some of them say. */

enum {
    FTP_REPLY_MOST = 256 * 1024, /* bytes of one reply: FEAT, HELP and a welcome are far below */
};

/* Zeroed before the first reply. */
struct ftp_reply {
    int code; /* 100...599; 0: its first line has not come */
    char *
        text; /* its lines, each with a newline, without the codes of the first and last; NULL: none yet. Owned. */
    size_t len, cap;
};

enum ftp_reply_state {
    FTP_REPLY_MORE, /* lines are missing */
    FTP_REPLY_WHOLE,
    FTP_REPLY_NONE,     /* no reply begins so */
    FTP_REPLY_TOO_LONG, /* over FTP_REPLY_MOST */
    FTP_REPLY_NO_MEMORY,
};

/* Takes the next line, without its end. After FTP_REPLY_WHOLE: ftp_reply_clear before the next reply's. */
enum ftp_reply_state ftp_reply_add(struct ftp_reply *r, const char *line);
void ftp_reply_clear(struct ftp_reply *r);
/* The last line of a whole reply, without its code, as a string of its own; NULL: no memory. The caller's to free. */
MUST_USE char *ftp_reply_last_line(const struct ftp_reply *r);

/* 227: the first six numbers of the text that are a host and a port (RFC 1123 section 4.1.2.6: wherever they stand). */
MUST_USE bool ftp_reply_passive(const struct ftp_reply *r, struct ftp_address *ret);
/* 229: the port (RFC 2428 section 3). 0: none is named. */
uint16_t ftp_reply_extended_port(const struct ftp_reply *r);
/* 257: the name between quotes, where "" is one of them (RFC 959 appendix II). Into out; false: there is none, or it has no
 * room. */
MUST_USE bool ftp_reply_path(const struct ftp_reply *r, char *out, size_t cap);
/* 213 with a number (SIZE, RFC 3659 section 4). */
MUST_USE bool ftp_reply_size(const struct ftp_reply *r, uint64_t *ret);
/* 213 with a time (MDTM, RFC 3659 section 3), UTC: seconds since 1970. */
MUST_USE bool ftp_reply_time(const struct ftp_reply *r, int64_t *ret);

#endif
