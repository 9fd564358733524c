/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv6's extension headers: net/ipv6/netfilter/ip6t_ipv6header.c, and ip6t_rt.c, ip6t_frag.c, ip6t_hbh.c, ip6t_srh.c,
 * ip6t_ah.c, ip6t_mh.c, of whose questions only rt's --rt-type is evaluated, but which never hold of a packet that lacks
 * their header, inverted or not.
 */
#include <stdio.h>
#include <string.h>

#include "verdict/match/headers.h"
#include "verdict/match/topic.h"

enum { MOBILITY = 135 };

static bool headers_of(const struct packet *p, struct headers *ret)
{
    struct packet_source source = {.bytes = p->bytes, .size = p->captured};

    return headers_walk(&source, p, ret);
}

enum verdict_answer match_ipv6header(const struct match_question *q)
{
    struct headers found;

    if (!headers_of(q->p->packet, &found))
        return match_unknown(q, "extension headers that can't be read");
    return match_answer(headers_are(&q->match->ipv6header, found.bits));
}

bool headers_routing_read(const struct rules_match_opaque *m, struct headers_routing *ret)
{
    const char *words = m->words ? m->words : "";
    unsigned type;
    int end = 0;
    bool inverted = strncmp(words, " !", 2) == 0;

    if (strcmp(m->name, "rt") != 0)
        return false;
    if (sscanf(words + (inverted ? 2 : 0), " --rt-type %3u%n", &type, &end) != 1 ||
        words[(inverted ? 2 : 0) + end] != '\0' || type > UINT8_MAX)
        return false;
    *ret = (struct headers_routing){(uint8_t)type, inverted};
    return true;
}

/* The header that an extension asks about, or 0. */
static unsigned asked_by(const char *name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } asked[] = {{"rt", HEADERS_ROUTING},     {"srh", HEADERS_ROUTING},     {"frag", HEADERS_FRAGMENT},
                 {"hbh", HEADERS_HOP_BY_HOP}, {"dst", HEADERS_DESTINATION}, {"ah", HEADERS_AUTHENTICATION}};

    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        if (strcmp(asked[i].name, name) == 0)
            return asked[i].bit;
    }
    return 0;
}

bool headers_is_asked_by(const char *match)
{
    return asked_by(match) || strcmp(match, "mh") == 0;
}

static bool certainly_lacks(const struct packet *p, const char *name)
{
    unsigned bit = asked_by(name);
    struct headers found;

    if (p->family != PACKET_IPV6)
        return false;
    if (strcmp(name, "mh") == 0)
        return p->protocol != MOBILITY;
    return bit && headers_of(p, &found) && !(found.bits & bit);
}

enum verdict_answer match_opaque(const struct match_question *q)
{
    struct headers_routing routing;
    struct headers found;

    if (certainly_lacks(q->p->packet, q->match->opaque.name))
        return VERDICT_NO;
    if (headers_routing_read(&q->match->opaque, &routing) && headers_of(q->p->packet, &found))
        return match_answer(headers_route(&routing, &found));
    return match_unknown(q, "an extension that is not evaluated");
}
