/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BASE_CURSOR_H
#define SALLY_BASE_CURSOR_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sticky-error cursors over a byte buffer, for messages between our own processes (host byte order).
 *
 * Read or write on without checking; the first overrun or malformed field makes the cursor bad, every
 * later read then yields zero or "", every later write does nothing, and one check at the end tells.
 * A cursor borrows its buffer and never allocates.
 */
struct wire_reader {
    const uint8_t *at, *end;
    bool bad;
};

struct wire_writer {
    uint8_t *start, *at, *end;
    bool bad;
};

void wire_reader_init(struct wire_reader *r, const void *bytes, size_t len);
uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
/* A string that wire_put_str wrote; NUL-terminated, pointing into the buffer. "" once bad. Never NULL.
 * An inner NUL, a missing terminator or a length past the end makes the reader bad. */
const char *wire_get_str(struct wire_reader *r);
/* Bytes that wire_put_bytes wrote: pointer into the buffer and length. Once bad: "" and 0. */
const uint8_t *wire_get_bytes(struct wire_reader *r, size_t *ret_len);
/* Copies exactly len bytes that wire_put_raw wrote; zeroes dst once bad. */
void wire_get_raw(struct wire_reader *r, void *dst, size_t len);
/* True if nothing went wrong and every byte was consumed. */
MUST_USE bool wire_reader_done(const struct wire_reader *r);

void wire_writer_init(struct wire_writer *w, void *bytes, size_t cap);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
/* At most 65,534 bytes; NULL is written as "". */
void wire_put_str(struct wire_writer *w, const char *s);
void wire_put_bytes(struct wire_writer *w, const void *bytes, size_t len);
void wire_put_raw(struct wire_writer *w, const void *bytes, size_t len);
/* Bytes written so far, or -EMSGSIZE once bad. */
MUST_USE int wire_writer_length(const struct wire_writer *w);

#endif
