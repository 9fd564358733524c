/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_HASH_H
#define SALLY_TRACK_HASH_H

/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF") over whole 64-bit words: a sender
 * who doesn't know the key can't aim packets at one bucket. Freestanding.
 */
#include "track/tuple.h"

struct track_key {
    uint64_t half[2];
};

struct track_hash {
    uint64_t v[4];
};

static inline void track_hash_round(struct track_hash *h)
{
#define TRACK_ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))
    h->v[0] += h->v[1];
    h->v[2] += h->v[3];
    h->v[1] = TRACK_ROTATE(h->v[1], 13) ^ h->v[0];
    h->v[3] = TRACK_ROTATE(h->v[3], 16) ^ h->v[2];
    h->v[0] = TRACK_ROTATE(h->v[0], 32);
    h->v[2] += h->v[1];
    h->v[0] += h->v[3];
    h->v[1] = TRACK_ROTATE(h->v[1], 17) ^ h->v[2];
    h->v[3] = TRACK_ROTATE(h->v[3], 21) ^ h->v[0];
    h->v[2] = TRACK_ROTATE(h->v[2], 32);
#undef TRACK_ROTATE
}

static inline void track_hash_begin(struct track_hash *h, const struct track_key *key)
{
    h->v[0] = key->half[0] ^ 0x736f6d6570736575;
    h->v[1] = key->half[1] ^ 0x646f72616e646f6d;
    h->v[2] = key->half[0] ^ 0x6c7967656e657261;
    h->v[3] = key->half[1] ^ 0x7465646279746573;
}

static inline void track_hash_add(struct track_hash *h, uint64_t word)
{
    h->v[3] ^= word;
    track_hash_round(h);
    h->v[0] ^= word;
}

static inline uint64_t track_hash_end(struct track_hash *h)
{
    h->v[2] ^= 0xff;
    track_hash_round(h);
    track_hash_round(h);
    track_hash_round(h);
    return h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
}

static inline uint64_t track_pair(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

/* mask: all ones, or 0 to leave them as they are. */
static inline void track_exchange(uint32_t *a, uint32_t *b, uint32_t mask)
{
    uint32_t difference = (*a ^ *b) & mask;

    *a ^= difference;
    *b ^= difference;
}

/* The same for a tuple and its inverse, so that a flow needs one entry in the table. */
static inline uint64_t track_tuple_hash(const struct track_tuple *t, const struct track_key *key)
{
    struct packet_address low = t->source, high = t->destination;
    /* Of ICMP only the id is the same in question and answer. */
    bool icmp = track_is_icmp(t->protocol);
    uint32_t low_port = t->source_port, high_port = icmp ? t->source_port : t->destination_port;
    uint32_t words = t->family == PACKET_IPV6 ? 4 : 1;
    struct track_hash h;

    /* Which end comes first can't be predicted, so this is no branch. */
    uint32_t exchange = -(uint32_t)!track_end_before(&low, (uint16_t)low_port, &high, (uint16_t)high_port);
    for (uint32_t w = 0; w < words; w++)
        track_exchange(&low.word[w], &high.word[w], exchange);
    track_exchange(&low_port, &high_port, exchange);
    track_hash_begin(&h, key);
    for (uint32_t w = 0; w < words; w++)
        track_hash_add(&h, track_pair(low.word[w], high.word[w]));
    track_hash_add(&h, track_pair(low_port << 16 | high_port,
                                  (uint32_t)t->zone << 16 | (uint32_t)t->family << 8 | t->protocol));
    return track_hash_end(&h);
}

/* A number for a tuple as track_tuple_key makes it: that two of a million have the same, happens once in tens of
 * millions of times, and nobody can make it happen who doesn't know the key. */
static inline uint64_t track_tuple_number(const struct track_tuple *t, const struct track_key *key)
{
    uint32_t words = t->family == PACKET_IPV6 ? 4 : 1;
    struct track_hash h;

    track_hash_begin(&h, key);
    for (uint32_t w = 0; w < words; w++)
        track_hash_add(&h, track_pair(t->source.word[w], t->destination.word[w]));
    track_hash_add(&h, track_pair((uint32_t)t->source_port << 16 | t->destination_port,
                                  (uint32_t)t->zone << 16 | (uint32_t)t->family << 8 | t->protocol));
    return track_hash_end(&h);
}

#endif
