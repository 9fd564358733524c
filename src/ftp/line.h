/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_LINE_H
#define SALLY_FTP_LINE_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Command lines out of a control channel's bytes (RFC 959 section 5.3, RFC 1123 section 4.1.2.10, RFC 854).
 *
 * Lines end at LF; a CR before it is dropped. Telnet commands (IAC x, IAC WILL/WONT/DO/DONT x, IAC SB ... IAC
 * SE) are removed before a line's first byte, which is where clients put them (ABOR's Synch). Inside a line
 * IAC IAC is one 0xff byte, and a 0xff with anything else after it is part of a name, as in vsftpd: names in
 * CP1251 have that byte, and hardly a client doubles it. A NUL inside stands for a newline in a file name, as
 * wu-ftpd and vsftpd have it; CR NUL is CR (RFC 2640 section 3.1). A line longer than FTP_LINE_MAX is
 * swallowed to its end and reported once.
 *
 * The state is small and lives in the session, zeroed at first; the bytes of an unfinished line are kept in a
 * buffer that exists only while there are any, so an idle session costs none. All but buffer, len and
 * telnet (0: in none) is opaque.
 */
enum {
    FTP_LINE_MAX = 4096, /* bytes, without the line's end */
};

struct ftp_lines {
    char *buffer; /* NULL: nothing buffered */
    uint16_t cap;
    uint16_t start, len; /* the bytes held */
    uint16_t scanned;    /* how many of them, from start, have no LF */
    uint8_t telnet;      /* where in a telnet command the last byte stopped */
    bool overlong;       /* the line at start began before it and is thrown away */
};

/* What ftp_lines_next found. */
enum ftp_line_result {
    FTP_LINE_NONE,     /* no whole line yet */
    FTP_LINE,          /* one line */
    FTP_LINE_OVERLONG, /* a line over FTP_LINE_MAX ended and was thrown away: answer 500 */
};

/* Takes received bytes, removing what is telnet's. 0 or -ENOMEM. Holds at most 2 * FTP_LINE_MAX bytes:
 * ret_taken tells how many of len were taken; fewer than len only when that much is held. Then ftp_lines_next
 * until it says FTP_LINE_NONE makes room, always. */
MUST_USE int ftp_lines_feed(struct ftp_lines *l, const void *bytes, size_t len, size_t *ret_taken);

/* The next whole line, copied to line (FTP_LINE_MAX + 1 bytes, NUL-terminated; inner NULs already newlines).
 * line and ret_len are set only with FTP_LINE. */
enum ftp_line_result ftp_lines_next(struct ftp_lines *l, char *line, size_t *ret_len);

/* Forgets everything buffered, half a telnet command included. Also the destructor. */
void ftp_lines_clear(struct ftp_lines *l);

/* Splits a line into its verb (upper case, at most 15 letters; "" if there is none, it is longer or has
 * anything but letters) and its argument: what follows exactly one space, else "". argument points into line.
 * Bytes of a telnet command that lost its IAC to an urgent send (BSD clients' ABOR: DM alone is left) are
 * passed over at the start. */
void ftp_line_split(const char *line, char ret_verb[16], const char **ret_argument);

#endif
