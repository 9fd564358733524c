/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_TEXT_H
#define SALLY_FTP_TEXT_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of any kind that another's line is made of, and how they are taken apart. A piece is borrowed and no NUL
 * ends it; at is NULL where there is none. Only ASCII has meaning, whatever the C library's language is. */
struct ftp_text {
    const char *at;
    size_t len;
};

bool ftp_is_blank(char c); /* or a tab */
bool ftp_is_ascii(char c);
bool ftp_is_digit(char c);

/* All but the first from bytes; empty if there are not as many. */
struct ftp_text ftp_text_from(struct ftp_text t, size_t from);
/* Takes what is before the first c off *rest, and c too; all of it, if there is no c. */
struct ftp_text ftp_text_take(struct ftp_text *rest, char c);
/* Does it begin with the word, which ends at a NUL or a blank? Case does not count. A '*' is one or more bytes that
 * are not ASCII, so that a letter with an accent is one in any encoding. */
bool ftp_text_begins(struct ftp_text t, const char *word);
bool ftp_text_is(struct ftp_text t, const char *word);
/* All of t is digits of the base, at most 10, and their number fits. Else false, and *ret is untouched. */
MUST_USE bool ftp_text_number(struct ftp_text t, unsigned base, uint64_t *ret);
/* Numbers, between which stands what form says: Y has four digits, N one or two; '-' may be a slash. The length,
 * after which stands no further digit, or 0. ret has room for the numbers, and is changed in any case. */
MUST_USE size_t ftp_text_form(struct ftp_text t, const char *form, unsigned *ret);
/* The same, and nothing follows. */
MUST_USE bool ftp_text_fits(struct ftp_text t, const char *form, unsigned *ret);

/* What stands between blanks, none of it empty: the first of it, as much as the columns of a line can need. */
struct ftp_words {
    struct ftp_text word[16];
    size_t count;
};

struct ftp_words ftp_text_split(struct ftp_text t);

#endif
