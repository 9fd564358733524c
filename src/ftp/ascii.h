/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_ASCII_H
#define SALLY_FTP_ASCII_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Line ends of TYPE A (RFC 959 section 3.1.1.1): CR LF on the wire, LF in files here. A block at a time; the
 * state carries what a block's edge cut in two, zeroed at the start.
 */
struct ftp_ascii {
    bool after_cr;
};

/* File to wire: each LF that no CR precedes becomes CR LF. out: 2 * len bytes. Returns the bytes written. */
size_t ftp_ascii_to_wire(struct ftp_ascii *state, const char *in, size_t len, char *out);

/* Wire to file: CR LF becomes LF, any other CR stays. out: len + 1 bytes. Returns the bytes written. */
size_t ftp_ascii_from_wire(struct ftp_ascii *state, const char *in, size_t len, char *out);

/* Wire to file, at the end: a last CR that nothing followed. out: 1 byte. */
size_t ftp_ascii_from_wire_end(struct ftp_ascii *state, char *out);

#endif
