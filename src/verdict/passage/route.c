/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/passage/route.h"

#include <stdio.h>
#include <string.h>

#include "track/tuple.h"
#include "verdict/condition/field.h"

static bool is_local_address(const struct passage *g, const struct packet_address *a)
{
    const struct wall_world *world = g->ask->world;

    for (size_t i = 0; i < world->local_count; i++) {
        if (packet_address_equal(a, &world->local[i]))
            return true;
    }
    return false;
}

/* Has NAT just given it another destination? Of further packets of the connection, and of connections that it announced,
 * the asker knows where they go. */
static bool is_sent_elsewhere(const struct passage *g)
{
    return g->view.fresh && g->view.flow && !(g->view.flow->status & TRACK_EXPECTED) &&
           (!packet_address_equal(&g->packet.packet->destination, &g->ask->packet->destination) ||
            g->packet.unknown & VERDICT_NO_DESTINATION);
}

/* Without a host: as the asker says, unless it was sent elsewhere. */
static void guess_way(const struct passage *g, bool moved, struct host_way *ret)
{
    bool here = g->path == WALL_IN || g->path == WALL_LOOP;

    *ret = (struct host_way){.fate = here ? HOST_LOCAL : HOST_FORWARD};
    if (g->ask->world->made_up && !g->packet.view)
        ret->fate = HOST_UNKNOWN;
    if (!moved)
        return;
    if (g->packet.unknown & VERDICT_NO_DESTINATION || is_local_address(g, &g->packet.packet->destination))
        ret->fate = HOST_LOCAL;
    else
        ret->fate = HOST_UNKNOWN;
}

static void find_way(const struct passage *g, bool moved, struct host_way *ret)
{
    const struct wall_world *world = g->ask->world;
    const struct packet *p = g->packet.packet;
    bool sends = passage_is_sent_here(g);
    const struct host_question q = {
        .family = p->family,
        .source = p->source,
        .destination = p->destination,
        .in = sends                               ? NULL
              : g->packet.unknown & VERDICT_NO_IN ? ""
                                                  : g->packet.in,
        .mark = g->packet.mark,
        .mark_unknown = g->packet.unknown & VERDICT_NO_MARK,
        .tos = condition_tos(&g->packet),
    };

    if (world->host && !(moved && g->packet.unknown & VERDICT_NO_DESTINATION))
        host_route(world->host, &q, ret);
    else
        guess_way(g, moved, ret);
    if (ret->fate == HOST_UNKNOWN && !moved && !world->made_up)
        guess_way(g, false, ret);
}

static void decide_by_route(struct passage *g, enum wall_fate fate, const struct host_way *way)
{
    if (g->report->fate == WALL_UNKNOWN && fate == WALL_UNKNOWN)
        return;
    passage_decide(g, fate, WALL_BY_ROUTE);
    g->report->hook = g->packet.hook;
    g->report->way = *way;
}

static bool go_nowhere(struct passage *g, const struct host_way *way)
{
    decide_by_route(g, WALL_DROP, way);
    if (g->is_tracked && g->packet.view)
        tracker_abandon(g->wall->tracker, &g->view);
    return false;
}

bool passage_route(struct passage *g)
{
    bool sends = passage_is_sent_here(g), moved = is_sent_elsewhere(g);
    struct host_way way;

    if (g->report->astray || (!moved && !g->ask->world->host && !g->ask->world->made_up))
        return true;
    find_way(g, moved, &way);
    if (way.fate == HOST_UNKNOWN) {
        decide_by_route(g, WALL_UNKNOWN, &way);
        passage_go_astray(g);
        return true;
    }
    if (way.fate == HOST_NOWHERE)
        return go_nowhere(g, &way);
    if (way.fate == HOST_SPECIAL)
        return true;
    bool here = way.fate == HOST_LOCAL;
    if (!here && !sends &&
        host_forwards(g->ask->world->host, g->packet.packet->family, g->packet.in) == HOST_NO) {
        way.why = "this machine does not forward (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding)";
        return go_nowhere(g, &way);
    }
    g->path = sends ? (here ? WALL_LOOP : WALL_OUT) : here ? WALL_IN : WALL_THROUGH;
    g->packet.routed = g->path == WALL_THROUGH;
    if (here && sends)
        strcpy(way.out, "lo");
    bool said = !moved && g->packet.out[0] && !(g->packet.unknown & VERDICT_NO_OUT);
    if (said && !here)
        return true; /* what the asker says goes before routes */
    if (way.out[0] && g->path != WALL_IN) {
        strcpy(g->report->out, way.out);
        g->packet.out = g->report->out;
        g->packet.unknown &= ~(uint32_t)VERDICT_NO_OUT;
    } else if (moved && g->path != WALL_IN) {
        g->packet.unknown |= VERDICT_NO_OUT;
    }
    return true;
}

/* What the rule that wrote the TTL has brought about. */
static bool leave_no_hop(struct passage *g, enum verdict_code code, const char *because)
{
    const struct way_place *at = &g->hops;
    const struct verdict v = {.code = code,
                              .chain = at->chain,
                              .rule = at->rule,
                              .nft_chain = at->nft_chain,
                              .nft_rule = at->nft_rule,
                              .number = at->rule ? (uint32_t)(at->rule - at->chain->rules) + 1 : 0,
                              .because = because};

    passage_decide_by_rules(g, &v, RULES_MANGLE);
    if (code == VERDICT_DROP && g->is_tracked && g->packet.view)
        tracker_abandon(g->wall->tracker, &g->view);
    return code != VERDICT_DROP;
}

bool passage_meet_forwarding(struct passage *g)
{
    static const char no_hops[] = "no hop is left to it: a packet whose TTL is 0 or 1 is not forwarded";

    if (g->packet.unknown & VERDICT_NO_TTL)
        return leave_no_hop(g, VERDICT_DEPENDS,
                            "the TTL that a rule leaves it: a packet without hops left is not forwarded");
    if (condition_is_hidden_ttl(&g->packet))
        return true;
    if (condition_ttl(&g->packet) <= 1 && g->packet.written.has_ttl)
        return leave_no_hop(g, VERDICT_DROP,
                            "leaving it no hop: a packet whose TTL is 0 or 1 is not forwarded");
    if (condition_ttl(&g->packet) <= 1 && g->packet.unknown & VERDICT_NO_BYTES)
        return go_nowhere(g, &(struct host_way){.fate = HOST_NOWHERE, .why = no_hops});
    if (g->packet.written.has_ttl)
        g->packet.written.ttl--;
    return true;
}
