/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/private.h"

#include <string.h>

enum host_answer host_has_interface(const struct host *h, const char *name)
{
    if (!h)
        return HOST_CANT_TELL;
    for (size_t i = 0; i < h->interface_count; i++) {
        if (strcmp(h->interfaces[i].name, name) == 0)
            return HOST_YES;
    }
    return h->interfaces_read ? HOST_NO : HOST_CANT_TELL;
}

bool host_has_ports(const struct host *h, const char *interface)
{
    for (size_t i = 0; h && i < h->interface_count; i++) {
        if (strcmp(h->interfaces[i].master, interface) == 0)
            return true;
    }
    return false;
}

static bool is_without_arp(const struct host *h, const char *name)
{
    for (size_t i = 0; i < h->interface_count; i++) {
        if (strcmp(h->interfaces[i].name, name) == 0)
            return h->interfaces[i].no_arp;
    }
    return false;
}

enum host_answer host_looks_for(const struct host *h, const struct packet_address *a)
{
    struct host_way way;

    if (!h || !h->neighbours6_read)
        return HOST_CANT_TELL;
    host_route(h, &(struct host_question){.family = PACKET_IPV6, .destination = *a}, &way);
    if (way.fate != HOST_FORWARD || !way.out[0] || !way.has_next)
        return HOST_CANT_TELL;
    for (size_t i = 0; i < h->neighbour6_count; i++) {
        if (packet_address_equal(&h->neighbours6[i], &way.next))
            return HOST_NO;
    }
    return is_without_arp(h, way.out) ? HOST_NO : HOST_YES;
}

const struct host_address *host_addresses(const struct host *h, size_t *ret_count)
{
    *ret_count = h ? h->address_count : 0;
    return h ? h->addresses : NULL;
}

static bool is_loopback(const struct host_address *a)
{
    uint32_t first = __builtin_bswap32(a->address.word[0]) >> 24;

    return a->family == PACKET_IPV4 ? first == 127 : a->scope == HOST_HOST;
}

bool host_is_reachable(const struct host *h, uint8_t family)
{
    for (size_t i = 0; h && i < h->address_count; i++) {
        const struct host_address *a = &h->addresses[i];
        if (a->family == family && a->scope < HOST_LINK && !is_loopback(a))
            return true;
    }
    return false;
}

const struct packet_address *host_locals(const struct host *h, uint8_t family, size_t *ret_count)
{
    unsigned i = family == PACKET_IPV6;

    *ret_count = h ? h->local_count[i] : 0;
    return h ? h->locals[i] : NULL;
}

void host_mask(struct packet_address *a, unsigned length)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned bits = length > 32 * i ? length - 32 * i : 0;
        a->word[i] &= bits >= 32 ? UINT32_MAX : bits ? __builtin_bswap32(~(UINT32_MAX >> bits)) : 0;
    }
}

bool host_under(const struct packet_address *a, const struct host_prefix *prefix)
{
    struct packet_address masked = *a, network = prefix->address;

    host_mask(&masked, prefix->length);
    host_mask(&network, prefix->length);
    return packet_address_equal(&masked, &network);
}

static bool fits(const struct host_address *a, const char *interface, uint8_t family)
{
    return a->family == family && strcmp(a->interface, interface) == 0;
}

static bool on_link(const struct host_address *a, const struct packet_address *destination)
{
    return host_under(destination, &(struct host_prefix){a->peer, a->prefix});
}

/* inet_select_addr: the first primary one in whose network destination lies, else the first. */
static bool select_ipv4(const struct host *h, const char *interface, const struct packet_address *destination,
                        struct packet_address *ret)
{
    const struct host_address *first = NULL;

    for (size_t i = 0; i < h->address_count; i++) {
        const struct host_address *a = &h->addresses[i];
        if (!fits(a, interface, PACKET_IPV4) || (destination && (a->secondary || a->scope >= HOST_LINK)))
            continue;
        if (!first)
            first = a;
        if (!destination || on_link(a, destination)) {
            first = a;
            break;
        }
    }
    if (first)
        *ret = first->address;
    return first != NULL;
}

static bool is_link_local(const struct packet_address *a)
{
    return (a->word[0] & __builtin_bswap32(0xffc00000)) == __builtin_bswap32(0xfe800000);
}

/* ipv6_dev_get_saddr, simplified: the only one of the right scope that may be used, or the only one in whose network the
 * destination lies. */
static bool select_ipv6(const struct host *h, const char *interface, const struct packet_address *destination,
                        struct packet_address *ret)
{
    bool local = destination && is_link_local(destination);
    const struct host_address *any = NULL, *near = NULL;
    unsigned count = 0, near_count = 0;

    for (size_t i = 0; i < h->address_count; i++) {
        const struct host_address *a = &h->addresses[i];
        if (!fits(a, interface, PACKET_IPV6) || a->tentative || a->deprecated ||
            is_link_local(&a->address) != local)
            continue;
        any = a;
        count++;
        if (destination && on_link(a, destination)) {
            near = a;
            near_count++;
        }
    }
    if (count > 1 && near_count == 1)
        any = near;
    else if (count != 1)
        return false;
    *ret = any->address;
    return true;
}

bool host_address_of(const struct host *h, const char *interface, uint8_t family,
                     const struct packet_address *destination, struct packet_address *ret)
{
    struct host_answer_of_tables to;
    const struct packet_address *next = destination;

    if (!h || !interface || !interface[0])
        return false;
    if (family == PACKET_IPV6)
        return select_ipv6(h, interface, destination, ret);
    if (destination) {
        host_ask_tables(h, &(struct host_question){.family = family, .destination = *destination}, &to);
        if (to.way.has_next && strcmp(to.way.out, interface) == 0)
            next = &to.way.next;
    }
    return select_ipv4(h, interface, next, ret);
}
