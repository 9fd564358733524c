/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/reassemble.h"

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/decode.h"
#include "packet/extension.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/*
 * One struct datagram for each that is not whole yet, found by its key, oldest first (a uthash keeps the
 * order of insertion). Its data lies at its place in one buffer; spans says which parts have come, in order
 * and never touching. The headers before the data are the first fragment's.
 */

enum { IPV6_HEADER = 40, IPV4_SECONDS = 30, IPV6_SECONDS = 60, LONGEST = 65535 };

struct key {
    struct packet_address source, destination;
    uint32_t id;
    uint8_t family, protocol; /* protocol: only IPv4's key has it (RFC 791, RFC 8200 section 4.5) */
    uint8_t unused[2];
};

struct span {
    uint32_t start, end;
};

struct datagram {
    struct key key;
    uint64_t expires;
    uint8_t *data, *header;
    size_t data_capacity, header_size;
    size_t next_header; /* IPv6: offset in header of the byte that named the fragment header */
    uint8_t first_kind; /* IPv6: what follows the fragment header */
    struct span *spans;
    size_t span_count, span_capacity;
    uint32_t length; /* of the data, as far as known */
    uint32_t filled; /* bytes of it that have come */
    uint32_t sound;  /* the data is known up to here: a capture may be cut */
    bool has_last;
    UT_hash_handle hh;
};

struct packet_reassembler {
    size_t limit, held;
    struct datagram *datagrams;
    uint8_t *whole; /* the last result */
};

/* A fragment, measured. */
struct piece {
    struct key key;
    const uint8_t *data;
    uint32_t start, end; /* in the datagram's data */
    uint32_t there;      /* bytes captured of it */
    uint32_t header_size, next_header;
    uint8_t first_kind;
    bool last;
    bool passes; /* it is let through as it is */
};

struct packet_reassembler *packet_reassembler_new(size_t limit)
{
    struct packet_reassembler *r = calloc(1, sizeof(*r));

    if (r)
        r->limit = limit;
    return r;
}

static size_t datagram_weight(const struct datagram *d)
{
    return sizeof(*d) + d->data_capacity + d->header_size + d->span_capacity * sizeof(*d->spans);
}

static void datagram_drop(struct packet_reassembler *r, struct datagram *d)
{
    HASH_DEL(r->datagrams, d);
    r->held -= datagram_weight(d);
    free(d->data);
    free(d->header);
    free(d->spans);
    free(d);
}

void packet_reassembler_free(struct packet_reassembler **r)
{
    if (!*r)
        return;
    while ((*r)->datagrams)
        datagram_drop(*r, (*r)->datagrams);
    free((*r)->whole);
    free(*r);
    *r = NULL;
}

static int measure_ipv4(const struct packet *p, struct piece *piece)
{
    piece->key.id = wire_read16(p->bytes + 4);
    piece->key.protocol = p->protocol;
    piece->header_size = (uint32_t)(p->bytes[0] & 15) * 4;
    return 0;
}

/* Is what stands behind a first fragment's header too short for the transport that it announces? Only then:
 * a chain of extension headers that can't be walked is no reason (ipv6frag_thdr_truncated). */
static bool transport_is_cut(const struct packet *p, uint32_t at)
{
    uint8_t kind = EXTENSION_FRAGMENT;

    while (extension_is_walked(kind)) {
        if (p->captured < at + 2)
            return false;
        uint32_t size = extension_size(kind, p->bytes[at + 1]);
        kind = p->bytes[at];
        at += size;
    }
    uint32_t least = kind == PACKET_TCP ? 20 : kind == PACKET_UDP || kind == PACKET_ICMPV6 ? 8 : 1;
    return kind != EXTENSION_NONE && at + least > p->length;
}

/* The fragment header, and the byte before it that names it. */
static int measure_ipv6(const struct packet *p, struct piece *piece)
{
    uint32_t at = IPV6_HEADER, named = 6;
    uint8_t kind = p->bytes[named];

    for (unsigned n = 0; kind != EXTENSION_FRAGMENT; n++) {
        if (n == EXTENSION_COUNT || !extension_is_walked(kind) || p->captured - at < EXTENSION_LEAST)
            return -EBADMSG;
        uint32_t size = extension_size(kind, p->bytes[at + 1]);
        if (size > p->captured - at)
            return -EBADMSG;
        named = at;
        kind = p->bytes[at];
        at += size;
    }
    if (p->captured - at < EXTENSION_LEAST)
        return -EBADMSG;
    piece->key.id = wire_read32(p->bytes + at + 4);
    piece->first_kind = p->bytes[at];
    piece->passes = p->fragment_offset == 0 && transport_is_cut(p, at);
    piece->header_size = at;
    piece->next_header = named;
    return 0;
}

static int measure(const struct packet *p, struct piece *ret)
{
    struct piece piece = {.start = p->fragment_offset, .last = !p->more_fragments};
    int r;

    if (p->fault == PACKET_BAD_CHECKSUM && p->family == PACKET_IPV4)
        return -EBADMSG; /* of the IP header; of a fragment's transport there is no sum to check */
    piece.key.source = p->source;
    piece.key.destination = p->destination;
    piece.key.family = p->family;
    r = p->family == PACKET_IPV4 ? measure_ipv4(p, &piece) : measure_ipv6(p, &piece);
    if (r < 0)
        return r;
    uint32_t skip = piece.header_size + (p->family == PACKET_IPV6 ? EXTENSION_LEAST : 0);
    if (p->length < skip || p->captured < skip)
        return -EBADMSG;
    piece.data = p->bytes + skip;
    uint32_t size = p->length - skip;
    /* A fragment with more to come is a multiple of 8: IPv4 cuts it (ip_frag_queue), IPv6 lets it through. */
    if (!piece.last && p->family == PACKET_IPV4)
        size -= size % 8;
    piece.end = piece.start + size;
    piece.there = p->captured - skip < size ? p->captured - skip : size;
    *ret = piece;
    return 0;
}

static void expire(struct packet_reassembler *r, uint64_t now_ms)
{
    struct datagram *d, *next;

    HASH_ITER(hh, r->datagrams, d, next)
        if (d->expires <= now_ms)
            datagram_drop(r, d);
}

static struct datagram *datagram_find(struct packet_reassembler *r, const struct piece *piece,
                                      uint64_t now_ms)
{
    struct datagram *d;

    HASH_FIND(hh, r->datagrams, &piece->key, sizeof(piece->key), d);
    if (d)
        return d;
    d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->key = piece->key;
    d->sound = LONGEST;
    d->expires = now_ms + (piece->key.family == PACKET_IPV4 ? IPV4_SECONDS : IPV6_SECONDS) * UINT64_C(1000);
    HASH_ADD(hh, r->datagrams, key, sizeof(d->key), d);
    if (!d->hh.tbl) {
        free(d);
        return NULL;
    }
    r->held += datagram_weight(d);
    return d;
}

enum place { PLACE_FREE, PLACE_DUPLICATE, PLACE_OVERLAP };

/* Where the piece falls among what has come: *ret_index is where its span belongs. */
static enum place find_place(const struct datagram *d, const struct piece *piece, size_t *ret_index)
{
    size_t low = 0, high = d->span_count;

    while (low < high) { /* the first span that ends behind the piece's start */
        size_t middle = low + (high - low) / 2;
        if (d->spans[middle].end <= piece->start)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_index = low;
    if (low == d->span_count || d->spans[low].start >= piece->end)
        return PLACE_FREE;
    bool within = d->spans[low].start <= piece->start && piece->end <= d->spans[low].end;
    return within ? PLACE_DUPLICATE : PLACE_OVERLAP;
}

/* Only what continues the last span becomes a part of it, as in inet_frag_queue_insert; so a fragment across
 * two others is an overlap even if it brings nothing new, unless those two came in order. */
static int add_span(struct datagram *d, size_t index, const struct piece *piece)
{
    d->filled += piece->end - piece->start;
    if (index > 0 && index == d->span_count && d->spans[index - 1].end == piece->start) {
        d->spans[index - 1].end = piece->end;
        return 0;
    }
    if (d->span_count == d->span_capacity) {
        size_t capacity = d->span_capacity ? 2 * d->span_capacity : 4;
        struct span *grown = realloc(d->spans, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        d->spans = grown;
        d->span_capacity = capacity;
    }
    memmove(d->spans + index + 1, d->spans + index, (d->span_count++ - index) * sizeof(*d->spans));
    d->spans[index] = (struct span){piece->start, piece->end};
    return 0;
}

static int add_data(struct datagram *d, const struct piece *piece)
{
    if (piece->end > d->data_capacity) {
        size_t capacity = d->data_capacity ? d->data_capacity : 2048;
        while (capacity < piece->end)
            capacity *= 2;
        uint8_t *grown = realloc(d->data, capacity);
        if (!grown)
            return -ENOMEM;
        memset(grown + d->data_capacity, 0, capacity - d->data_capacity);
        d->data = grown;
        d->data_capacity = capacity;
    }
    memcpy(d->data + piece->start, piece->data, piece->there);
    if (piece->there < piece->end - piece->start && piece->start + piece->there < d->sound)
        d->sound = piece->start + piece->there;
    return 0;
}

static int add_header(struct datagram *d, const struct packet *p, const struct piece *piece)
{
    if (piece->start != 0)
        return 0;
    d->header = malloc(piece->header_size);
    if (!d->header)
        return -ENOMEM;
    memcpy(d->header, p->bytes, piece->header_size);
    d->header_size = piece->header_size;
    d->next_header = piece->next_header;
    d->first_kind = piece->first_kind;
    return 0;
}

enum fit { FIT_WELL, FIT_REFUSED, FIT_FATAL, FIT_ASTRAY };

/* Does the piece's end agree with what is known of the length? If not, IPv6 refuses the fragment only
 * (nf_ct_frag6_queue), IPv4 all of the datagram (ip_frag_queue). */
static enum fit note_end(struct datagram *d, const struct piece *piece)
{
    enum fit wrong = d->key.family == PACKET_IPV4 ? FIT_FATAL : FIT_REFUSED;

    if (piece->end > LONGEST)
        return FIT_REFUSED;
    if (!piece->last && piece->end % 8)
        return FIT_ASTRAY;
    if (piece->last && (piece->end < d->length || (d->has_last && piece->end != d->length)))
        return wrong;
    if (!piece->last && piece->end > d->length && d->has_last)
        return wrong;
    d->has_last |= piece->last;
    if (piece->end > d->length)
        d->length = piece->end;
    return piece->end == piece->start ? wrong : FIT_WELL;
}

/* The datagram as one packet: the kernel's ip_frag_reasm and nf_ct_frag6_reasm. */
static int join(struct packet_reassembler *r, struct datagram *d, struct packet *ret)
{
    size_t size = d->header_size + d->length;
    bool v4 = d->key.family == PACKET_IPV4;

    if (size > LONGEST + (v4 ? 0u : IPV6_HEADER))
        return -EBADMSG;
    uint8_t *at = malloc(size);
    if (!at)
        return -ENOMEM;
    r->whole = at;
    memcpy(at, d->header, d->header_size);
    memcpy(at + d->header_size, d->data, d->length);
    if (v4) {
        wire_write16(at + 2, (uint16_t)size);
        wire_write16(at + 6, 0);
        wire_write16(at + 10, 0);
        wire_write16(at + 10, packet_sum_finish(packet_sum_add(0, at, d->header_size)));
    } else {
        wire_write16(at + 4, (uint16_t)(size - IPV6_HEADER));
        at[d->next_header] = d->first_kind;
    }
    size_t captured = d->sound < d->length ? d->header_size + d->sound : size;
    return packet_decode(at, captured, false, ret);
}

/* Before more is taken in: the oldest go until size bytes fit. keep is needed by the caller. */
static void make_room(struct packet_reassembler *r, const struct datagram *keep)
{
    struct datagram *d, *next;

    HASH_ITER(hh, r->datagrams, d, next) {
        if (r->held <= r->limit)
            return;
        if (d != keep)
            datagram_drop(r, d);
    }
}

/* Of a piece that is new and contradicts nothing. */
static int take_in(struct packet_reassembler *r, struct datagram *d, const struct packet *fragment,
                   const struct piece *piece, size_t index)
{
    size_t weight = datagram_weight(d);
    int result = add_data(d, piece);

    if (result == 0)
        result = add_header(d, fragment, piece);
    if (result == 0)
        result = add_span(d, index, piece);
    r->held += datagram_weight(d) - weight;
    return result;
}

int packet_reassemble(struct packet_reassembler *r, const struct packet *packet, uint64_t now_ms,
                      struct packet *ret)
{
    struct piece piece;
    size_t index;

    if (!packet->is_fragment && !packet->is_atomic) {
        *ret = *packet;
        return 1;
    }
    int result = measure(packet, &piece);
    expire(r, now_ms);
    if (result < 0)
        return result;
    if (piece.passes) {
        *ret = *packet;
        return 1;
    }
    free(r->whole);
    r->whole = NULL;
    struct datagram *d = datagram_find(r, &piece, now_ms);
    if (!d)
        return -ENOMEM;
    enum fit fit = note_end(d, &piece);
    if (fit != FIT_WELL) {
        if (fit != FIT_REFUSED || d->span_count == 0)
            datagram_drop(r, d);
        if (fit != FIT_ASTRAY)
            return -EBADMSG;
        *ret = *packet;
        return 1;
    }
    switch (find_place(d, &piece, &index)) {
    case PLACE_DUPLICATE:
        return 0;
    case PLACE_OVERLAP:
        datagram_drop(r, d);
        return -EBADMSG;
    case PLACE_FREE:
        break;
    }
    result = take_in(r, d, packet, &piece, index);
    if (result == 0 && d->has_last && d->filled == d->length) {
        result = join(r, d, ret);
        datagram_drop(r, d);
        return result < 0 ? (result == -ENOMEM ? result : -EBADMSG) : 1;
    }
    if (result < 0)
        datagram_drop(r, d);
    else
        make_room(r, d);
    return result;
}
