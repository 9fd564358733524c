/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/doubt.h"

#include <stddef.h>

enum {
    IF_INVALID = 1 << TRACK_INVALID,
    IF_NEW = 1 << TRACK_NEW,
    IF_ESTABLISHED = 1 << TRACK_ESTABLISHED,
    IF_RELATED = 1 << TRACK_RELATED,
    GRE_VERSION = 7,
    GRE_WITH_KEYS = 1, /* PPTP's (RFC 2637) */
};

static bool is_syn(const struct packet *p)
{
    return (p->tcp.flags & (PACKET_SYN | PACKET_ACK | PACKET_RST)) == PACKET_SYN;
}

/* The kernel has trackers of their own for these, which are not followed here (track/native/tracker.h). */
static bool is_not_followed(const struct packet *p)
{
    if (p->protocol == PACKET_GRE)
        return packet_payload_size(p) < 2 || (p->bytes[p->payload + 1] & GRE_VERSION) == GRE_WITH_KEYS;
    return p->protocol == PACKET_SCTP || p->protocol == PACKET_DCCP;
}

static struct doubt doubt_connection(const struct doubt_case *c)
{
    const struct follow *of = c->follow->of;
    const struct packet *p = &c->packet->packet;
    enum track_state state = c->report->view.state;
    bool has_hole = of->side[0].hole_count || of->side[1].hole_count;
    bool is_partial = !follow_is_established(of) || of->lost || has_hole || !of->side[!c->follow->side].seen;

    if (c->may_be_announced && state == TRACK_NEW)
        return (struct doubt){.states = IF_RELATED,
                              .why =
                                  "whether it was announced, as the capture does not hold all that was said"};
    if (state == TRACK_INVALID && is_partial)
        return (struct doubt){.states = IF_ESTABLISHED | IF_NEW,
                              .why = of->lost || has_hole
                                         ? "packets of its connection that the capture lost"
                                         : "the part of its connection that is not in the capture"};
    if (state == TRACK_NEW && !is_syn(p) && is_partial)
        return (struct doubt){.states = IF_ESTABLISHED,
                              .why = "the part of its connection that is not in the capture"};
    return (struct doubt){0};
}

struct doubt doubt_of(const struct doubt_case *c)
{
    const struct packet *p = &c->packet->packet;

    if (c->rules_family && p->family != c->rules_family)
        return (struct doubt){.is_blind = true,
                              .why = p->family == PACKET_IPV6
                                         ? "rules of ip6tables, since it is IPv6, and these are of iptables"
                                         : "rules of iptables, since it is IPv4, and these are of ip6tables"};
    if (p->fault == PACKET_SHORT && c->packet->is_cut)
        return (struct doubt){.is_blind = true, .why = "its headers, which the snap length cut off"};
    if (c->report->view.state == TRACK_UNTRACKED)
        return (struct doubt){0};
    if (is_not_followed(p))
        return (struct doubt){.states = IF_NEW | IF_ESTABLISHED | IF_INVALID,
                              .why = p->protocol == PACKET_GRE
                                         ? "the state of PPTP's GRE connections, which is not judged"
                                         : "the state of SCTP and DCCP connections, which is not judged"};
    if (c->path != WALL_OUT && reading_sum(p) == SUM_WRONG)
        return (struct doubt){.states = IF_INVALID,
                              .why =
                                  "whether its checksum was wrong on the wire, too, as it is in the capture"};
    return c->follow ? doubt_connection(c) : (struct doubt){0};
}
