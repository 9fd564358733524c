/* SPDX-License-Identifier: BSD-2-Clause */
/* net/netfilter/ipset/ip_set_core.c: ip_set_test, and the types' kadt. */
#include "verdict/sets/sets.h"

#include <stdlib.h>
#include <string.h>

#include "verdict/sets/private.h"

void sets_free(struct sets **s)
{
    if (!*s)
        return;
    for (size_t i = 0; i < (*s)->count; i++) {
        free((*s)->sets[i].members);
        free((*s)->sets[i].reach);
    }
    free((*s)->sets);
    free(*s);
    *s = NULL;
}

static enum verdict_answer answer_of(bool yes)
{
    return yes ? VERDICT_YES : VERDICT_NO;
}

static struct packet_address address_of(const struct packet *p, bool source,
                                        const struct packet_address *mask)
{
    struct packet_address a = source ? p->source : p->destination;

    for (unsigned i = 0; i < 4; i++)
        a.word[i] &= mask->word[i];
    return a;
}

static enum verdict_answer ask_port(const struct sets_part *part, bool bare, const struct packet *p,
                                    bool source)
{
    uint16_t port;

    if (bare ? p->protocol != PACKET_TCP && p->protocol != PACKET_UDP : p->protocol != part->port.protocol)
        return VERDICT_NO;
    return answer_of(sets_port(p, source, &port) && port >= part->port.first && port <= part->port.last);
}

static enum verdict_answer ask_interface(const struct sets_part *part, const struct verdict_packet *p,
                                         bool source)
{
    const char *name = source ? p->in : p->out, *asked = part->interface.name;

    if (part->interface.physical || p->unknown & (source ? VERDICT_NO_IN : VERDICT_NO_OUT))
        return VERDICT_UNKNOWN;
    if (!name || name[0] == '\0')
        return VERDICT_NO;
    return answer_of(part->interface.wildcard ? strncmp(asked, name, strlen(asked)) == 0
                                              : strcmp(asked, name) == 0);
}

static enum verdict_answer ask_mac(const struct sets_part *part, const struct verdict_packet *p, bool source)
{
    if (part->mac.any)
        return VERDICT_YES;
    if (p->hook == RULES_OUTPUT || p->hook == RULES_POSTROUTING)
        return VERDICT_NO;
    if (!source || p->unknown & VERDICT_NO_MAC)
        return VERDICT_UNKNOWN;
    return answer_of(memcmp(part->mac.address, p->mac, sizeof p->mac) == 0);
}

static enum verdict_answer ask_part(const struct sets_set *set, char kind, const struct sets_part *part,
                                    const struct verdict_packet *p, bool source)
{
    struct packet_address address;

    switch (kind) {
    case SETS_ADDRESS:
    case SETS_NETWORK:
        address = address_of(p->packet, source, &set->mask);
        return answer_of(sets_compare(&part->address.first, &address) <= 0 &&
                         sets_compare(&address, &part->address.last) <= 0);
    case SETS_PORT:
    case SETS_BARE_PORT:
        return ask_port(part, kind == SETS_BARE_PORT, p->packet, source);
    case SETS_INTERFACE:
        return ask_interface(part, p, source);
    case SETS_MAC:
        return ask_mac(part, p, source);
    default: /* SETS_MARK */
        if (p->unknown & VERDICT_NO_MARK)
            return VERDICT_UNKNOWN;
        return answer_of((p->mark & set->mark_mask) == part->mark);
    }
}

static bool is_source(const struct rules_match_set *match, unsigned part)
{
    return match->element.source_bits >> part & 1;
}

static enum verdict_answer ask_member(const struct sets_set *set, const struct sets_member *member,
                                      const struct rules_match_set *match, const struct verdict_packet *p)
{
    enum verdict_answer all = VERDICT_YES;

    for (unsigned i = 0; set->type->parts[i]; i++) {
        enum verdict_answer one =
            ask_part(set, set->type->parts[i], &member->part[i], p, is_source(match, i));
        if (one == VERDICT_NO)
            return one;
        if (one == VERDICT_UNKNOWN)
            all = one;
    }
    return all;
}

/* The longer the prefixes, the sooner the kernel finds a member; of two networks the first counts first. */
static unsigned rank_of(const struct sets_set *set, const struct sets_member *member,
                        const struct rules_match_set *match, const struct packet *p)
{
    unsigned rank = 0, bits = p->family == PACKET_IPV4 ? 32 : 128;

    for (unsigned i = 0; set->type->parts[i]; i++) {
        if (set->type->parts[i] != SETS_NETWORK)
            continue;
        struct packet_address address = address_of(p, is_source(match, i), &set->mask);
        rank = rank * 256 + sets_block_prefix(&member->part[i], &address, bits);
    }
    return rank;
}

/* Members that begin at or before the packet's address end at this index. */
static size_t find_end(const struct sets_set *set, const struct packet_address *address)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sets_compare(&set->members[middle].part[0].address.first, address) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct finding {
    enum verdict_answer answer; /* of the member that decides */
    unsigned rank;
    bool nomatch;
};

static void weigh(struct finding *f, enum verdict_answer answer, unsigned rank, bool nomatch)
{
    if (answer == VERDICT_NO || (f->answer != VERDICT_NO && rank < f->rank))
        return;
    /* As sure as can be: of members alike a certain one decides. */
    if (rank == f->rank && f->answer == VERDICT_YES)
        return;
    *f = (struct finding){answer, rank, nomatch};
}

static struct finding find_member(const struct sets_set *set, const struct rules_match_set *match,
                                  const struct verdict_packet *p)
{
    struct finding f = {.answer = VERDICT_NO};
    struct packet_address address = {0};
    size_t end = set->count;

    if (set->reach) {
        address = address_of(p->packet, is_source(match, 0), &set->mask);
        end = find_end(set, &address);
    }
    for (size_t i = end; i > 0; i--) {
        const struct sets_member *member = &set->members[i - 1];
        if (set->reach && sets_compare(&set->reach[i - 1], &address) < 0)
            break;
        enum verdict_answer answer = ask_member(set, member, match, p);
        if (answer != VERDICT_NO)
            weigh(&f, answer, rank_of(set, member, match, p->packet), member->nomatch);
    }
    return f;
}

static bool has_networks(const struct sets_type *type)
{
    return strchr(type->parts, SETS_NETWORK) != NULL;
}

/* ip_set_test. */
static enum verdict_answer ask_set(const struct sets_set *set, const struct rules_match_set *match,
                                   const struct verdict_packet *p)
{
    if (match->element.dimensions < strlen(set->type->parts) ||
        (set->family && set->family != p->packet->family))
        return VERDICT_NO;
    struct finding f = find_member(set, match, p);
    if (f.answer != VERDICT_YES)
        return f.answer;
    /* --return-nomatch turns the found member round. */
    return answer_of(f.nomatch == (match->return_nomatch && has_networks(set->type)));
}

static enum verdict_answer ask_list(const struct sets *s, const struct sets_set *list,
                                    const struct rules_match_set *match, const struct verdict_packet *p)
{
    enum verdict_answer any = VERDICT_NO;

    for (size_t i = 0; i < list->count && any != VERDICT_YES; i++) {
        enum verdict_answer one = ask_set(&s->sets[list->members[i].part[0].set], match, p);
        if (one != VERDICT_NO)
            any = one;
    }
    return any;
}

struct sets_set *sets_find(const struct sets *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->sets[i].name, name) == 0)
            return &s->sets[i];
    }
    return NULL;
}

static enum verdict_answer contains(void *arg, const struct rules_match_set *match,
                                    const struct verdict_packet *p)
{
    const struct sets *s = arg;
    const struct sets_set *set = sets_find(s, match->element.name);

    if (!set)
        return VERDICT_UNKNOWN;
    return set->type->parts[0] == SETS_SET ? ask_list(s, set, match, p) : ask_set(set, match, p);
}

/* hash_net4_kadt: as long as the longest prefix among the members, if that stays so. */
static enum verdict_answer take_network(const struct sets_set *set, unsigned i,
                                        const struct packet_address *address, struct packet_address *ret)
{
    unsigned bits = set->family == PACKET_IPV6 ? 128 : 32;
    struct sets_part block = {.address = {*address, *address}};

    if (set->has_timeout && set->count)
        return VERDICT_UNKNOWN;
    sets_block_make(&block, set->longest[i] ? set->longest[i] : bits, bits);
    *ret = block.address.first;
    return VERDICT_YES;
}

/* The types' kadt. */
static enum verdict_answer take_part(const struct sets_set *set, unsigned i, const struct verdict_packet *p,
                                     bool source, struct verdict_set_key *key)
{
    struct packet_address address = address_of(p->packet, source, &set->mask);

    switch (set->type->parts[i]) {
    case SETS_ADDRESS:
        key->address[i ? 1 : 0] = address;
        return VERDICT_YES;
    case SETS_NETWORK:
        key->has_network = true;
        return take_network(set, i, &address, &key->address[i ? 1 : 0]);
    case SETS_PORT:
        key->port[1] = p->packet->protocol;
        return answer_of(sets_port(p->packet, source, &key->port[0]));
    case SETS_MARK:
        key->address[1].word[0] = p->mark & set->mark_mask;
        return p->unknown & VERDICT_NO_MARK ? VERDICT_UNKNOWN : VERDICT_YES;
    default:
        return VERDICT_UNKNOWN;
    }
}

static enum verdict_answer element(void *arg, const struct rules_set_element *asked,
                                   const struct verdict_packet *p, struct verdict_set_key *ret)
{
    const struct sets *s = arg;
    const struct sets_set *set = sets_find(s, asked->name);
    enum verdict_answer all = VERDICT_YES;

    if (!set || asked->dimensions < strlen(set->type->parts) ||
        (set->family && set->family != p->packet->family))
        return VERDICT_NO;
    if (strncmp(set->type->name, "hash:", strlen("hash:")) != 0)
        return VERDICT_UNKNOWN;
    *ret = (struct verdict_set_key){.set = (uint32_t)(set - s->sets),
                                    .timeout_s = set->timeout_s,
                                    .has_timeout = set->has_timeout,
                                    .room = set->count < set->most ? set->most - (uint32_t)set->count : 0,
                                    .makes_room = set->makes_room};
    for (unsigned i = 0; set->type->parts[i] && all != VERDICT_NO; i++) {
        enum verdict_answer one = take_part(set, i, p, asked->source_bits >> i & 1, ret);
        all = one == VERDICT_YES ? all : one;
    }
    return all;
}

static bool ports(void *arg, const char *name, verdict_on_ports *told, void *told_arg)
{
    const struct sets_set *set = sets_find(arg, name);

    for (unsigned i = 0; set && set->type->parts[i]; i++) {
        char kind = set->type->parts[i];
        if (kind == SETS_SET)
            return set->count == 0;
        for (size_t m = 0; (kind == SETS_PORT || kind == SETS_BARE_PORT) && m < set->count; m++)
            told(told_arg, set->members[m].part[i].port.first, set->members[m].part[i].port.last);
    }
    return true;
}

void sets_bind(const struct sets *s, struct verdict_sets *ret)
{
    *ret = (struct verdict_sets){
        .arg = (void *)(uintptr_t)s, .ports = ports, .contains = contains, .element = element};
}
