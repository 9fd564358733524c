/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/nft/nat.h"

#include "base/wire.h"

static struct packet_address address_of(nft_number n, uint8_t family)
{
    struct packet_address a = {{0}};

    for (unsigned i = 0; i < (family == PACKET_IPV6 ? 4U : 1U); i++)
        wire_write32((uint8_t *)&a.word[i], (uint32_t)(n >> (family == PACKET_IPV6 ? 96 - 32 * i : 0)));
    return a;
}

/* From where to where: what is written, or what a map has. YES, NO or UNKNOWN as above. */
static enum verdict_answer range_of(const struct nft_expr *e, const struct nft_world *w,
                                    struct nft_value *first, struct nft_value *last, bool *ret_is_prefix,
                                    const char **ret_because)
{
    const struct nft_element *element = NULL;
    struct nft_value key;

    if (e->kind == NFT_EXPR_MAP) {
        nft_evaluate(e->map.key, w, &key);
        if (key.absent == VERDICT_YES)
            return VERDICT_NO;
        *ret_because = key.because ? key.because : "what a map has for the packet";
        enum verdict_answer found = nft_lookup(e->map.set, &key, w, &element, ret_because);
        if (found != VERDICT_YES)
            return found;
        if (key.absent == VERDICT_UNKNOWN || !element || !element->data)
            return VERDICT_UNKNOWN;
        e = element->data;
    }
    nft_evaluate(e, w, first);
    *last = *first;
    *ret_is_prefix = e->kind == NFT_EXPR_VALUE && e->value.shape == NFT_SHAPE_PREFIX;
    if (e->kind == NFT_EXPR_VALUE)
        last->part[0].value = e->value.last;
    const struct nft_expr *part = e->kind == NFT_EXPR_CONCAT ? e->parts.first : NULL;
    for (unsigned i = 0; part && i < last->count; i++, part = part->next)
        last->part[i].value = part->kind == NFT_EXPR_VALUE ? part->value.last : last->part[i].value;
    *ret_because = first->because ? first->because : *ret_because;
    if (first->absent != VERDICT_NO)
        return first->absent == VERDICT_YES ? VERDICT_NO : VERDICT_UNKNOWN;
    for (unsigned i = 0; i < first->count; i++) {
        if (first->part[i].hidden)
            return VERDICT_UNKNOWN;
    }
    return VERDICT_YES;
}

static enum verdict_answer order_addresses(const struct nft_statement *s, const struct nft_world *w,
                                           struct nat_order *ret, const char **ret_because)
{
    struct nft_value first, last;
    bool is_prefix = false;
    enum verdict_answer answer;

    if (!s->nat.address)
        return VERDICT_YES;
    answer = range_of(s->nat.address, w, &first, &last, &is_prefix, ret_because);
    if (answer != VERDICT_YES)
        return answer;
    ret->flags |= NAT_MAPS_ADDRESSES;
    if (is_prefix && s->nat.flags & NFT_NAT_PREFIX)
        ret->flags |= NAT_NETMAP;
    ret->first = address_of(first.part[0].value, w->p->packet->family);
    ret->last = address_of(last.part[0].value, w->p->packet->family);
    if (first.count == 2) { /* "tcp dport map { 80 : 192.0.2.1 . 8080 }" */
        ret->flags |= NAT_MAPS_PORTS;
        ret->port_first = (uint16_t)first.part[1].value;
        ret->port_last = (uint16_t)last.part[1].value;
    }
    return VERDICT_YES;
}

static enum verdict_answer order_ports(const struct nft_statement *s, const struct nft_world *w,
                                       struct nat_order *ret, const char **ret_because)
{
    struct nft_value first, last;
    bool is_prefix;
    enum verdict_answer answer;

    if (!s->nat.port)
        return VERDICT_YES;
    answer = range_of(s->nat.port, w, &first, &last, &is_prefix, ret_because);
    if (answer != VERDICT_YES)
        return answer;
    ret->flags |= NAT_MAPS_PORTS;
    ret->port_first = (uint16_t)first.part[0].value;
    ret->port_last = (uint16_t)last.part[0].value;
    return VERDICT_YES;
}

enum verdict_answer nft_nat_order(const struct nft_statement *s, const struct nft_world *w,
                                  struct nat_order *ret, const char **ret_because)
{
    static const struct {
        uint8_t kind, manip;
    } kinds[] = {[NFT_SNAT] = {NAT_MAP, NAT_SOURCE},
                 [NFT_DNAT] = {NAT_MAP, NAT_DESTINATION},
                 [NFT_MASQUERADE] = {NAT_MASQUERADE, NAT_SOURCE},
                 [NFT_REDIRECT] = {NAT_REDIRECT, NAT_DESTINATION}};
    static const struct {
        uint8_t said, flag;
    } flags[] = {{NFT_NAT_RANDOM, NAT_RANDOM},
                 {NFT_NAT_FULLY_RANDOM, NAT_RANDOM_FULLY},
                 {NFT_NAT_PERSISTENT, NAT_PERSISTENT}};
    enum verdict_answer answer;

    if (s->nat.family && s->nat.family != w->p->packet->family)
        return VERDICT_NO; /* nft_nat_inet_eval lets it pass on */
    *ret = (struct nat_order){.kind = kinds[s->nat.kind].kind, .manip = kinds[s->nat.kind].manip};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        ret->flags |= s->nat.flags & flags[i].said ? flags[i].flag : 0;
    answer = order_addresses(s, w, ret, ret_because);
    return answer == VERDICT_YES ? order_ports(s, w, ret, ret_because) : answer;
}
