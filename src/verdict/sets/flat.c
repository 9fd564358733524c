/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/sets/flat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/sets/private.h"

/*
 * A member is cut into keys as ipset cuts it: ranges of addresses into the largest blocks that fit, ranges of ports
 * into ports.
 */

enum { KEYS_MOST = 1 << 20 }; /* of a set */

/* A set is being told. */
struct telling {
    const struct sets_set *set;
    const struct sets_visitor *visitor; /* NULL: only to see what shapes there are */
    uint64_t id;
    struct sets_head head;
    struct sets_member_key key;
    bool nomatch;
    uint32_t keys;
    bool ended, too_much;
};

/* ---- shapes ---- */

static unsigned rank_of(const struct telling *t, const struct sets_shape *shape)
{
    unsigned rank = 0, slot = 0;

    for (unsigned i = 0; i < SETS_PARTS && t->head.parts[i]; i++) {
        if (t->head.parts[i] == SETS_NETWORK)
            rank = rank * 256 + shape->prefix[slot & 1];
        slot += sets_is_address(t->head.parts[i]);
    }
    return rank * 256 + shape->extra;
}

/* Shapes lie in the order in which they decide: long prefixes first. */
static void note_shape(struct telling *t, const struct sets_shape *shape)
{
    unsigned at = 0, rank = rank_of(t, shape);

    while (at < t->head.shapes && rank_of(t, &t->head.shape[at]) >= rank) {
        if (memcmp(&t->head.shape[at], shape, sizeof(*shape)) == 0)
            return;
        at++;
    }
    if (t->head.shapes == SETS_SHAPES) {
        t->too_much = true;
        return;
    }
    memmove(&t->head.shape[at + 1], &t->head.shape[at], (t->head.shapes - at) * sizeof(*shape));
    t->head.shape[at] = *shape;
    t->head.shapes++;
}

/* ---- keys ---- */

static void tell_part(struct telling *t, const struct sets_member *m, unsigned part, unsigned slot);

static void tell_key(struct telling *t)
{
    if (t->keys++ == KEYS_MOST)
        t->too_much = true;
    if (t->visitor)
        t->ended |= !t->visitor->member(t->visitor->arg, t->id, &t->key, t->nomatch);
    else
        note_shape(t, &t->key.shape);
}

static bool has_bit(const struct packet_address *a, unsigned bit)
{
    return ((const uint8_t *)a->word)[bit / 8] >> (7 - bit % 8) & 1;
}

static void put_bit(struct packet_address *a, unsigned bit, bool on)
{
    uint8_t *byte = &((uint8_t *)a->word)[bit / 8];

    *byte = (uint8_t)((*byte & ~(0x80 >> bit % 8)) | (on ? 0x80 >> bit % 8 : 0));
}

/* The last address of the block of that prefix which begins at a. */
static struct packet_address block_end(const struct packet_address *a, unsigned prefix, unsigned bits)
{
    struct packet_address end = *a;

    for (unsigned bit = prefix; bit < bits; bit++)
        put_bit(&end, bit, true);
    return end;
}

/* The address behind a. false: there is none. */
static bool next_address(struct packet_address *a, unsigned bits)
{
    for (unsigned bit = bits; bit > 0; bit--) {
        bool was = has_bit(a, bit - 1);
        put_bit(a, bit - 1, !was);
        if (!was)
            return true;
    }
    return false;
}

static void tell_addresses(struct telling *t, const struct sets_member *m, unsigned part, unsigned slot)
{
    const struct packet_address *last = &m->part[part].address.last;
    struct packet_address first = m->part[part].address.first, end;
    unsigned bits = t->set->family == PACKET_IPV6 ? 128 : 32;

    do {
        unsigned prefix = bits;
        while (prefix > 0 && !has_bit(&first, prefix - 1)) {
            end = block_end(&first, prefix - 1, bits);
            if (sets_compare(&end, last) > 0)
                break;
            prefix--;
        }
        end = block_end(&first, prefix, bits);
        t->key.address[slot & 1] = first;
        t->key.shape.prefix[slot & 1] = (uint8_t)prefix;
        tell_part(t, m, part + 1, slot + 1);
        first = end;
    } while (!t->ended && !t->too_much && sets_compare(&end, last) < 0 && next_address(&first, bits));
}

static void tell_ports(struct telling *t, const struct sets_member *m, unsigned part, unsigned slot)
{
    for (uint32_t port = m->part[part].port.first; port <= m->part[part].port.last; port++) {
        t->key.port = (uint16_t)port;
        t->key.protocol = t->head.parts[part] == SETS_PORT ? m->part[part].port.protocol : 0;
        tell_part(t, m, part + 1, slot);
        if (t->ended || t->too_much)
            return;
    }
}

static void put_extra(struct telling *t, char kind, const struct sets_part *part)
{
    memset(t->key.extra, 0, sizeof(t->key.extra));
    t->key.shape.extra = 0;
    if (kind == SETS_INTERFACE) {
        size_t length = strlen(part->interface.name);
        memcpy(t->key.extra, part->interface.name, length);
        t->key.shape.extra = part->interface.wildcard ? (uint8_t)length : SETS_EXTRA;
        t->too_much |= part->interface.physical;
    } else if (kind == SETS_MAC && !part->mac.any) {
        memcpy(t->key.extra, part->mac.address, SETS_MAC_SIZE);
        t->key.shape.extra = SETS_MAC_SIZE;
    } else if (kind == SETS_MARK) {
        memcpy(t->key.extra, &part->mark, SETS_MARK_SIZE);
        t->key.shape.extra = SETS_MARK_SIZE;
    }
}

static void tell_part(struct telling *t, const struct sets_member *m, unsigned part, unsigned slot)
{
    char kind = part < SETS_PARTS ? (char)t->head.parts[part] : '\0';

    if (!kind) {
        tell_key(t);
    } else if (sets_is_address((uint8_t)kind)) {
        tell_addresses(t, m, part, slot);
    } else if (kind == SETS_PORT || kind == SETS_BARE_PORT) {
        tell_ports(t, m, part, slot);
    } else {
        put_extra(t, kind, &m->part[part]);
        tell_part(t, m, part + 1, slot);
    }
}

static void tell_members(struct telling *t, const struct sets_visitor *visitor)
{
    t->visitor = visitor;
    t->keys = 0;
    for (size_t i = 0; i < t->set->count && !t->ended && !t->too_much; i++) {
        t->key = (struct sets_member_key){0};
        t->nomatch = t->set->members[i].nomatch;
        tell_part(t, &t->set->members[i], 0, 0);
    }
}

/* ---- sets ---- */

static bool is_list(const struct sets_set *set)
{
    return set->type->parts[0] == SETS_SET;
}

/* What there is to know of a set besides its members. false: the kernel program can't be asked about it. */
static bool read_head(const struct sets *s, const struct sets_set *set, struct telling *t)
{
    *t = (struct telling){.set = set,
                          .id = sets_id(set->name),
                          .head = {.family = set->family, .mark_mask = set->mark_mask, .mask = set->mask}};
    if (!is_list(set)) {
        memcpy(t->head.parts, set->type->parts, strlen(set->type->parts));
        tell_members(t, NULL);
        return !t->too_much;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (i == SETS_LISTED)
            return false;
        t->head.list[t->head.listed++] = sets_id(s->sets[set->members[i].part[0].set].name);
    }
    return true;
}

static const struct sets_set *find(const struct sets *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->sets[i].name, name) == 0)
            return &s->sets[i];
    return NULL;
}

bool sets_has(const struct sets *s, const char *name)
{
    return find(s, name) != NULL;
}

/* The kernel has no hardware address of where a packet goes. */
static bool asks_far_mac(const struct sets_set *set, const struct rules_match_set *match)
{
    const char *mac = strchr(set->type->parts, SETS_MAC);

    return mac && !(match->element.source_bits >> (mac - set->type->parts) & 1);
}

static bool is_flat(const struct sets *s, const struct sets_set *set, const struct rules_match_set *match)
{
    struct telling *t = malloc(sizeof(*t));
    bool yes = t && !asks_far_mac(set, match) && read_head(s, set, t);

    free(t);
    return yes;
}

bool sets_is_flat(const struct sets *s, const struct rules_match_set *match)
{
    const struct sets_set *set = find(s, match->element.name);
    bool yes = set && is_flat(s, set, match);

    for (size_t i = 0; yes && is_list(set) && i < set->count; i++)
        yes = is_flat(s, &s->sets[set->members[i].part[0].set], match);
    return yes;
}

int sets_each_flat(const struct sets *s, const struct sets_visitor *visitor)
{
    struct telling *t = malloc(sizeof(*t));
    bool ended = false;

    if (!t)
        return -ENOMEM;
    for (size_t i = 0; i < s->count && !ended; i++) {
        if (!read_head(s, &s->sets[i], t))
            continue;
        ended = !visitor->head(visitor->arg, t->id, &t->head);
        if (!ended && !is_list(&s->sets[i]))
            tell_members(t, visitor);
        ended |= t->ended;
    }
    free(t);
    return ended ? -ECANCELED : 0;
}
