/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BASE_BOUNDED_H
#define SALLY_BASE_BOUNDED_H

/*
 * Text that is read byte by byte, written once for the native programs and for the kernel's verifier. Freestanding.
 *
 * The verifier must see that every loop ends and every access stays inside. It can, if where a reader stands
 * lies in memory (a number in a register makes each turn of a loop a case of its own), if bytes are asked for
 * by a function that checks, and if loops are the kernel's iterators. src/bpf/kernel.h, included before
 * anything else, says what the words below mean there; natively they cost nothing.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/wire.h"

#ifndef BOUNDED_LOOP
/* Runs most times, unless it is left. */
#define BOUNDED_LOOP(i, most) for (uint32_t i = 0; i < (most); i++)
/* A function that the verifier looks at by itself, once; its pointers are never NULL natively. */
#define BOUNDED_PART static inline
#define BOUNDED_NEEDS(pointer)
#endif

enum {
#ifdef __bpf__
    BOUNDED_TEXT = 2048, /* bytes that fit */
#else
    BOUNDED_TEXT = 65536, /* bytes that are looked at: no segment is longer */
#endif
    BOUNDED_END = 256, /* what stands behind the last byte */
};

/* Natively borrowed; the kernel program copies a piece of the packet in. */
struct bounded_text {
#ifdef __bpf__
    uint8_t bytes[BOUNDED_TEXT];
#else
    const uint8_t *bytes;
#endif
    uint32_t size, at;
};

/* The byte there, or BOUNDED_END. */
static inline uint32_t bounded_byte(const struct bounded_text *t, uint32_t at)
{
    return at < t->size && at < BOUNDED_TEXT ? t->bytes[at] : BOUNDED_END;
}

/* Four bytes in network order, or 0 if they are not all there. */
static inline uint32_t bounded_read32(const struct bounded_text *t, uint32_t at)
{
    if (at > BOUNDED_TEXT - 4 || at + 4 > t->size)
        return 0;
    return wire_read32(t->bytes + at);
}

static inline uint32_t bounded_here(const struct bounded_text *t)
{
    return bounded_byte(t, t->at);
}

static inline bool bounded_is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static inline uint32_t bounded_upper(uint32_t c)
{
    return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* Do size bytes (at most 4) from `at` on say the word, whatever their case? */
static inline bool bounded_says(const struct bounded_text *t, uint32_t at, const char *word, uint32_t size)
{
    for (uint32_t i = 0; i < 4; i++) {
        if (i < size && bounded_upper(bounded_byte(t, at + i)) != (uint8_t)word[i])
            return false;
    }
    return true;
}

#endif
