/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/doubles.h"

#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

enum {
    SLOTS = 16384,       /* of what was seen lately, a power of two; newer ones take the place of older */
    PASSING_US = 500000, /* how long a packet takes from one interface to another at most */
    MIRRORED_US = 5000,  /* and if it is seen in the very same place, numbered by its sender */
    REPEATED_US = 1000,  /* and if it has no number: no sender repeats as fast */
    OTHER_PAYLOAD = 64,  /* bytes of what is not TCP that are compared */
    TCP_SUM_AT = 16,     /* of the checksum, which a network card may fill in on the way */
};

struct seen {
    uint64_t hash, time_us;
    uint32_t where;
    uint8_t ttl;
};

struct doubles {
    struct seen slots[SLOTS];
};

struct doubles *doubles_new(void)
{
    return calloc(1, sizeof(struct doubles));
}

void doubles_free(struct doubles **d)
{
    free(*d);
    *d = NULL;
}

/* FNV-1a. */
static uint64_t mix(uint64_t h, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++)
        h = (h ^ at[i]) * 1099511628211ULL;
    return h;
}

static uint16_t identification_of(const struct packet *p)
{
    return p->family == PACKET_IPV4 ? wire_read16(p->bytes + 4) : 0;
}

/* Of a TCP segment its header but for the checksum: sequence numbers and lengths stand for the payload. */
static uint64_t mix_transport(uint64_t h, const struct packet *p)
{
    uint32_t end = p->length < p->captured ? p->length : p->captured;

    if (p->protocol == PACKET_TCP && p->fault == PACKET_SOUND && !p->is_fragment) {
        uint32_t header = p->payload < end ? p->payload : end;
        h = mix(h, p->bytes + p->transport, TCP_SUM_AT);
        return mix(h, p->bytes + p->transport + TCP_SUM_AT + 2, header - p->transport - TCP_SUM_AT - 2);
    }
    if (p->transport < end)
        h = mix(h, p->bytes + p->transport,
                end - p->transport < OTHER_PAYLOAD ? end - p->transport : OTHER_PAYLOAD);
    return h;
}

/* Of all that does not change on the way. */
static uint64_t hash_of(const struct packet *p)
{
    uint16_t identification = identification_of(p);
    uint64_t h = 14695981039346656037ULL;

    h = mix(h, &p->source, sizeof(p->source));
    h = mix(h, &p->destination, sizeof(p->destination));
    h = mix(h, &p->protocol, sizeof(p->protocol));
    h = mix(h, &p->length, sizeof(p->length));
    h = mix(h, &p->fragment_offset, sizeof(p->fragment_offset));
    h = mix(h, &identification, sizeof(identification));
    return mix_transport(h, p);
}

bool doubles_know(struct doubles *d, const struct packet *p, uint64_t time_us, uint32_t where)
{
    uint64_t hash = hash_of(p);
    struct seen *s = &d->slots[hash % SLOTS];
    bool is_numbered = identification_of(p) != 0;

    if (s->hash == hash && time_us >= s->time_us) {
        bool elsewhere = s->where != where || s->ttl != p->ttl;
        uint64_t passed = time_us - s->time_us;

        if (passed <= (elsewhere ? PASSING_US : is_numbered ? MIRRORED_US : REPEATED_US))
            return true;
    }
    *s = (struct seen){hash, time_us, where, p->ttl};
    return false;
}
