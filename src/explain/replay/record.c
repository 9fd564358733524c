/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/record.h"
#include "explain/replay/pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINK_MASK = 0x03ffffff, /* above it: bytes of check sum behind each frame */

    NG_SECTION = 0x0a0d0d0a,
    NG_ORDER = 0x1a2b3c4d,
    NG_INTERFACE = 1,
    NG_OLD_PACKET = 2,
    NG_SIMPLE = 3,
    NG_STATISTICS = 5,
    NG_PACKET = 6,
    NG_BLOCK_LEAST = 12,
    NG_SECTION_BODY = 16,
    NG_OPTION_UNITS = 9,
    NG_OPTION_OFFSET = 14,
    NG_OPTION_LOST = 5, /* isb_ifdrop */
    MICROSECONDS = 1000000,
};

static uint32_t get32(const struct recorder *r, const uint8_t *at)
{
    if (r->big_endian)
        return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static uint32_t get16(const struct recorder *r, const uint8_t *at)
{
    return r->big_endian ? (uint32_t)at[0] << 8 | at[1] : (uint32_t)at[1] << 8 | at[0];
}

/* In one piece, or as two words, the higher first. */
static uint64_t get64(const struct recorder *r, const uint8_t *at)
{
    uint64_t first = get32(r, at), second = get32(r, at + 4);

    return r->big_endian ? first << 32 | second : second << 32 | first;
}

static uint64_t get_high_low(const struct recorder *r, const uint8_t *at)
{
    return (uint64_t)get32(r, at) << 32 | get32(r, at + 4);
}

/* ---- bytes ---- */

static enum record_result read_some(struct recorder *r, void *to, size_t size, size_t *ret)
{
    switch (stream_read(r->stream, to, size, ret)) {
    case 0:
        return RECORD_FRAME;
    case -EBADMSG:
        return RECORD_PACKING;
    case -ENOMEM:
        return RECORD_NO_MEMORY;
    default:
        return RECORD_UNREADABLE;
    }
}

/* What begins a record: nothing at all is the end. */
static enum record_result read_head(struct recorder *r, void *to, size_t size)
{
    size_t got;
    enum record_result result = read_some(r, to, size, &got);

    if (result != RECORD_FRAME)
        return result;
    return got == size ? RECORD_FRAME : got ? RECORD_BREAKS_OFF : RECORD_END;
}

static enum record_result read_rest(struct recorder *r, void *to, size_t size)
{
    enum record_result result = size ? read_head(r, to, size) : RECORD_FRAME;

    return result == RECORD_END ? RECORD_BREAKS_OFF : result;
}

/* Into r->bytes. */
static enum record_result read_body(struct recorder *r, uint32_t size)
{
    if (size > r->capacity) {
        uint8_t *bytes = realloc(r->bytes, size);

        if (!bytes)
            return RECORD_NO_MEMORY;
        r->bytes = bytes;
        r->capacity = size;
    }
    return read_rest(r, r->bytes, size);
}

static enum record_result skip(struct recorder *r, uint32_t size)
{
    uint8_t piece[4096];
    enum record_result result = RECORD_FRAME;

    for (; size && result == RECORD_FRAME; size -= size < sizeof(piece) ? size : (uint32_t)sizeof(piece))
        result = read_rest(r, piece, size < sizeof(piece) ? size : sizeof(piece));
    return result;
}

/* ---- interfaces ---- */

static enum record_result add_interface(struct recorder *r, struct record_interface new)
{
    if (r->interface_count == RECORD_INTERFACES)
        return RECORD_DAMAGED;
    struct record_interface *all =
        reallocarray(r->interfaces, r->interface_count + 1, sizeof(*r->interfaces));
    if (!all)
        return RECORD_NO_MEMORY;
    r->interfaces = all;
    all[r->interface_count++] = new;
    return RECORD_FRAME;
}

/* A clock may hold anything; the far future is as good as never. */
static uint64_t time_of(const struct record_interface *i, uint64_t ticks)
{
    uint64_t seconds = ticks / i->units, rest = ticks % i->units;
    __extension__ unsigned __int128 us = (unsigned __int128)rest * MICROSECONDS / i->units;

    if (i->offset_s < 0 && seconds < 0 - (uint64_t)i->offset_s)
        return 0;
    seconds += (uint64_t)i->offset_s;
    return seconds > UINT64_MAX / MICROSECONDS / 2 ? 0 : seconds * MICROSECONDS + (uint64_t)us;
}

/* ---- pcap ---- */

static enum record_result pcap_begin(struct recorder *r, uint32_t magic)
{
    uint8_t head[PCAP_HEAD - 4];
    enum record_result result = read_rest(r, head, sizeof(head));

    if (result != RECORD_FRAME)
        return result;
    r->is_odd = magic == PCAP_ODD;
    return add_interface(r,
                         (struct record_interface){.link = get32(r, head + 16) & LINK_MASK,
                                                   .snap = get32(r, head + 12),
                                                   .units = magic == PCAP_NANO ? 1000000000 : MICROSECONDS});
}

static enum record_result pcap_next(struct recorder *r, struct record *ret)
{
    uint8_t head[PCAP_RECORD + PCAP_ODD_MORE];
    enum record_result result = read_head(r, head, r->is_odd ? PCAP_RECORD + PCAP_ODD_MORE : PCAP_RECORD);
    if (result != RECORD_FRAME)
        return result;
    const struct record_interface *i = &r->interfaces[0];
    uint64_t ticks = (uint64_t)get32(r, head) * i->units + get32(r, head + 4);

    *ret = (struct record){.size = get32(r, head + 8),
                           .length = get32(r, head + 12),
                           .time_us = time_of(i, ticks),
                           .link = i->link,
                           .big_endian = r->big_endian};
    if (ret->size > RECORD_LONGEST)
        return RECORD_DAMAGED;
    result = read_body(r, ret->size);
    ret->bytes = r->bytes;
    return result;
}

/* ---- pcapng ---- */

/* The value of an option of at least size bytes in the list at `at`, or NULL. */
static const uint8_t *find_option(const struct recorder *r, const uint8_t *at, uint32_t size, uint32_t code,
                                  uint32_t least)
{
    while (size >= 4) {
        uint32_t kind = get16(r, at), length = get16(r, at + 2), whole = 4 + ((length + 3) & ~3U);

        if (kind == 0 || whole > size)
            return NULL;
        if (kind == code && length >= least)
            return at + 4;
        at += whole;
        size -= whole;
    }
    return NULL;
}

/* if_tsresol: a power of ten, or with the highest bit one of two. 0: no clock has it. */
static uint64_t units_of(const uint8_t *option)
{
    uint64_t units = 1;

    if (!option)
        return MICROSECONDS;
    if (*option & 0x80)
        return (*option & 0x7f) < 64 ? 1ULL << (*option & 0x7f) : 0;
    for (int i = 0; i < *option; i++) {
        if (units > UINT64_MAX / 10)
            return 0;
        units *= 10;
    }
    return units;
}

static enum record_result take_interface(struct recorder *r, uint32_t size)
{
    if (size < 8)
        return RECORD_DAMAGED;
    const uint8_t *b = r->bytes;
    const uint8_t *offset = find_option(r, b + 8, size - 8, NG_OPTION_OFFSET, 8);
    struct record_interface new = {
        .link = get16(r, b),
        .snap = get32(r, b + 4),
        .units = units_of(find_option(r, b + 8, size - 8, NG_OPTION_UNITS, 1)),
        .offset_s = offset ? (int64_t)get64(r, offset) : 0,
    };

    return new.units ? add_interface(r, new) : RECORD_DAMAGED;
}

/* A section may have another byte order, and has interfaces of its own. */
static enum record_result take_section(struct recorder *r, const uint8_t head[8])
{
    uint8_t order[4];
    enum record_result result = read_rest(r, order, sizeof(order));

    if (result != RECORD_FRAME)
        return result;
    r->big_endian = true;
    if (get32(r, order) != NG_ORDER) {
        r->big_endian = false;
        if (get32(r, order) != NG_ORDER)
            return RECORD_DAMAGED;
    }
    uint32_t size = get32(r, head + 4);
    r->interface_base += r->interface_count;
    r->interface_count = 0;
    if (size < NG_BLOCK_LEAST + NG_SECTION_BODY || size > RECORD_PASSED_OVER || size % 4)
        return RECORD_DAMAGED;
    return skip(r, size - 12);
}

static void take_statistics(struct recorder *r, uint32_t size)
{
    const uint8_t *lost = size > 12 ? find_option(r, r->bytes + 12, size - 12, NG_OPTION_LOST, 8) : NULL;

    if (lost)
        r->lost += get64(r, lost);
}

/* Where the fields of the three kinds of packet blocks are. */
static enum record_result take_packet(struct recorder *r, uint32_t kind, uint32_t size, struct record *ret)
{
    uint32_t head = kind == NG_SIMPLE ? 4 : 20;
    const uint8_t *b = r->bytes;

    if (size < head)
        return RECORD_DAMAGED;
    uint32_t i = kind == NG_SIMPLE ? 0 : kind == NG_PACKET ? get32(r, b) : get16(r, b);
    if (i >= r->interface_count)
        return RECORD_DAMAGED;
    const struct record_interface *interface = &r->interfaces[i];
    *ret = (struct record){.bytes = b + head,
                           .length = kind == NG_SIMPLE ? get32(r, b) : get32(r, b + 16),
                           .interface = r->interface_base + i,
                           .link = interface->link,
                           .big_endian = r->big_endian};
    if (kind == NG_SIMPLE) {
        ret->size = interface->snap && interface->snap < ret->length ? interface->snap : ret->length;
        ret->time_us = r->time_us;
    } else {
        ret->size = get32(r, b + 12);
        ret->time_us = time_of(interface, get_high_low(r, b + 4));
    }
    r->time_us = ret->time_us;
    return ret->size > size - head ? RECORD_DAMAGED : RECORD_FRAME;
}

/* The body of a block of a kind that is read is in r->bytes; its length stands once more behind it. */
static enum record_result read_block(struct recorder *r, uint32_t size)
{
    if (size < NG_BLOCK_LEAST || size > RECORD_LONGEST)
        return RECORD_DAMAGED;
    enum record_result result = read_body(r, size - 8);

    if (result == RECORD_FRAME && get32(r, r->bytes + size - 12) != size)
        return RECORD_DAMAGED;
    return result;
}

static bool is_read(uint32_t kind)
{
    return kind == NG_INTERFACE || kind == NG_OLD_PACKET || kind == NG_SIMPLE || kind == NG_STATISTICS ||
           kind == NG_PACKET;
}

static enum record_result ng_next(struct recorder *r, struct record *ret)
{
    for (;;) {
        uint8_t head[8];
        enum record_result result = read_head(r, head, sizeof(head));
        uint32_t kind = result == RECORD_FRAME ? get32(r, head) : 0;
        uint32_t size = result == RECORD_FRAME ? get32(r, head + 4) : 0;

        if (result != RECORD_FRAME)
            return result;
        if (kind == NG_SECTION)
            result = take_section(r, head);
        else if (!is_read(kind))
            result = size < NG_BLOCK_LEAST || size > RECORD_PASSED_OVER ? RECORD_DAMAGED
                                                                        : skip(r, ((size + 3) & ~3U) - 8);
        else
            result = read_block(r, size);
        if (result != RECORD_FRAME)
            return result;
        if (kind == NG_INTERFACE)
            result = take_interface(r, size - 12);
        else if (kind == NG_STATISTICS)
            take_statistics(r, size - 12);
        else if (is_read(kind))
            return take_packet(r, kind, size - 12, ret);
        if (result != RECORD_FRAME)
            return result;
    }
}

/* ---- either ---- */

static bool is_pcap(uint32_t magic)
{
    return magic == PCAP_MICRO || magic == PCAP_NANO || magic == PCAP_ODD;
}

/* Finds out the byte order. 0: no form that is known. */
static uint32_t magic_of(struct recorder *r, const uint8_t bytes[4])
{
    for (int i = 0; i < 2; i++) {
        r->big_endian = i == 1;
        uint32_t magic = get32(r, bytes);
        if (is_pcap(magic) || magic == NG_SECTION) /* which reads the same either way */
            return magic;
    }
    return 0;
}

bool record_is_known(const uint8_t magic[4])
{
    return magic_of(&(struct recorder){0}, magic);
}

enum record_result record_begin(struct recorder *r)
{
    uint8_t bytes[8];
    enum record_result result = read_head(r, bytes, 4);

    r->interface_count = r->interface_base = 0;
    r->lost = r->time_us = 0;
    if (result != RECORD_FRAME)
        return result;
    uint32_t magic = magic_of(r, bytes);
    r->is_ng = magic == NG_SECTION;
    if (!r->is_ng)
        return magic ? pcap_begin(r, magic) : RECORD_DAMAGED;
    result = read_rest(r, bytes + 4, 4);
    return result == RECORD_FRAME ? take_section(r, bytes) : result;
}

enum record_result record_next(struct recorder *r, struct record *ret)
{
    return r->is_ng ? ng_next(r, ret) : pcap_next(r, ret);
}

void record_fini(struct recorder *r)
{
    free(r->interfaces);
    free(r->bytes);
    stream_close(&r->stream);
    *r = (struct recorder){0};
}
