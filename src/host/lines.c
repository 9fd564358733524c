/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes as they are kept: in the order in which the kernel asks them, and those that it makes for addresses itself. */
#include "host/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BY(a, b)                                                                                             \
    if ((a) != (b))                                                                                          \
    return (a) < (b) ? -1 : 1

int host_compare_place(const struct host_line *a, const struct host_line *b)
{
    BY(a->family, b->family);
    BY(a->table, b->table);
    BY(b->to.length, a->to.length);
    return memcmp(&a->to.address, &b->to.address, sizeof a->to.address);
}

/* Longest prefix first, so that the first that fits is taken; for one prefix as fib_insert_alias has them, which is good
 * for IPv6, too. */
static int compare_lines(const void *left, const void *right)
{
    const struct host_line *a = left, *b = right;
    int place = host_compare_place(a, b);

    if (place)
        return place;
    BY(b->from.length, a->from.length);
    BY(b->tos, a->tos);
    BY(a->metric, b->metric);
    BY(a->serial, b->serial);
    return 0;
}

static int compare_rules(const void *left, const void *right)
{
    const struct host_rule *a = left, *b = right;

    BY(a->family, b->family);
    BY(a->priority, b->priority);
    BY(a->serial, b->serial);
    return 0;
}

void host_sort(struct host *h)
{
    for (size_t i = 0; i < h->line_count; i++)
        host_mask(&h->lines[i].to.address, h->lines[i].to.length);
    if (h->line_count)
        qsort(h->lines, h->line_count, sizeof *h->lines, compare_lines);
    if (h->rule_count)
        qsort(h->rules, h->rule_count, sizeof *h->rules, compare_rules);
}

static int add(struct host *h, const struct host_address *a, enum host_kind kind, host_table table,
               struct host_prefix to)
{
    struct host_hop hop = {0};

    if (HOST_GROW(h->lines, h->line_capacity, h->line_count) < 0 ||
        HOST_GROW(h->hops, h->hop_capacity, h->hop_count) < 0)
        return -ENOMEM;
    memcpy(hop.out, a->interface, sizeof hop.out);
    h->hops[h->hop_count] = hop;
    h->lines[h->line_count] = (struct host_line){
        .family = a->family,
        .kind = (uint8_t)kind,
        .made = true,
        .table = table,
        .to = to,
        .metric = a->family == PACKET_IPV6 ? 256 : 0,
        .serial = (uint32_t)h->line_count,
        .has_source = a->family == PACKET_IPV4,
        .source = a->address,
        .hop = h->hop_count++,
        .hop_count = 1,
    };
    h->line_count++;
    return 0;
}

/* fib_add_ifaddr and addrconf's way. The host's own network 127/8 is local as a whole. */
int host_make_lines(struct host *h, const struct host_address *a)
{
    unsigned bits = host_bits(a->family);
    uint32_t host_part = a->prefix >= 32 ? 0 : __builtin_bswap32(UINT32_MAX >> a->prefix);
    struct host_prefix broadcast = {a->peer, 32};
    bool loopback = a->family == PACKET_IPV4 &&
                    (a->address.word[0] & __builtin_bswap32(0xff000000)) == __builtin_bswap32(0x7f000000);

    if (add(h, a, HOST_TO_LOCAL, HOST_TABLE_LOCAL, (struct host_prefix){a->address, (uint8_t)bits}) < 0)
        return -ENOMEM;
    if (a->prefix == bits && packet_address_equal(&a->address, &a->peer))
        return 0;
    if ((loopback || !a->no_route) &&
        add(h, a, loopback ? HOST_TO_LOCAL : HOST_UNICAST, loopback ? HOST_TABLE_LOCAL : HOST_TABLE_MAIN,
            (struct host_prefix){a->peer, a->prefix}) < 0)
        return -ENOMEM;
    broadcast.address.word[0] |= host_part;
    if (a->family == PACKET_IPV4 && a->prefix < 31)
        return add(h, a, HOST_BROADCAST, HOST_TABLE_LOCAL, broadcast);
    return 0;
}
