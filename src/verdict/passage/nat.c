/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/passage/nat.h"

#include <string.h>

#include "track/native/nat.h"
#include "track/tuple.h"
#include "verdict/nft/walk.h"
#include "verdict/passage/ask.h"

/* Asked about by itself, a packet of a connection that is open: its first packet met the rules of nat, on the
 * way that this one goes, or on the way back. */
static struct verdict_packet first_packet(const struct passage *g, struct packet *packet,
                                          struct track_view *view)
{
    struct verdict_packet first = g->packet;

    *view = g->view;
    view->state = TRACK_NEW;
    view->direction = TRACK_ORIGINAL;
    view->fresh = true;
    *packet = *g->ask->packet;
    if (packet->protocol == PACKET_TCP)
        packet->tcp.flags = PACKET_SYN;
    first.packet = packet;
    first.view = view;
    if (g->view.direction == TRACK_ORIGINAL)
        return first;
    packet->source = g->ask->packet->destination;
    packet->destination = g->ask->packet->source;
    packet->source_port = g->ask->packet->destination_port;
    packet->destination_port = g->ask->packet->source_port;
    first.in = g->packet.out;
    first.out = g->packet.in;
    first.unknown &= ~(uint32_t)(VERDICT_NO_IN | VERDICT_NO_OUT);
    first.unknown |= g->packet.unknown & VERDICT_NO_IN ? VERDICT_NO_OUT : 0;
    first.unknown |= g->packet.unknown & VERDICT_NO_OUT ? VERDICT_NO_IN : 0;
    return first;
}

/* Would they have sent it elsewhere? */
static bool meet_nat_of_first(struct passage *g)
{
    static const enum wall_path back[] = {
        [WALL_IN] = WALL_OUT, [WALL_OUT] = WALL_IN, [WALL_THROUGH] = WALL_THROUGH, [WALL_LOOP] = WALL_LOOP};
    struct packet packet;
    struct track_view view;
    struct verdict_packet first = first_packet(g, &packet, &view);
    enum wall_path path = g->view.direction == TRACK_REPLY ? back[g->ask->path] : g->ask->path;
    struct order_place place = {0};
    struct verdict v;

    while (order_next_of(&g->wall->rules->order, path, &place)) {
        bool behind = g->view.direction == TRACK_ORIGINAL && passage_rewrites_source(place.hook);
        bool of_nft = place.stop->deed == ORDER_NFT_NAT;

        if ((place.stop->deed != ORDER_NAT && !of_nft) || behind)
            continue;
        first.hook = place.hook;
        passage_walk_stop(g, place.stop, &first, NULL, &v);
        if (v.code != VERDICT_DEPENDS && v.nat.kind == NAT_NONE)
            continue;
        if (v.nat.kind != NAT_NONE)
            v.because =
                "where the connection was sent when it began (NAT), of which this packet alone says nothing";
        v.code = VERDICT_DEPENDS;
        g->packet.hook = place.hook;
        passage_decide_by_rules(g, &v, RULES_NAT);
        passage_go_astray(g);
        return false;
    }
    return true;
}

/* Of a connection of this machine's own, or towards it: an address that stands in for one that is not known. It must
 * be nobody's in the conversation. */
static struct packet_address stand_in(const struct packet *p)
{
    static const uint8_t four[] = {192, 0, 2, 1}, six[] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xff, [15] = 1};
    struct packet_address a = {{0}};
    uint8_t *last = (uint8_t *)a.word + (p->family == PACKET_IPV6 ? 15 : 3);

    __builtin_memcpy(a.word, p->family == PACKET_IPV6 ? six : four, p->family == PACKET_IPV6 ? 16 : 4);
    while (packet_address_equal(&a, &p->source) || packet_address_equal(&a, &p->destination))
        ++*last;
    return a;
}

static struct packet_address loopback_address(uint8_t family)
{
    struct packet_address a = {{0}};
    uint8_t *octets = (uint8_t *)a.word;

    octets[family == PACKET_IPV6 ? 15 : 3] = 1;
    octets[0] = family == PACKET_IPV6 ? 0 : 127;
    return a;
}

/* nf_nat_redirect.c, nf_nat_masquerade.c: which address of this machine is meant? Status bits of what is open. */
static uint16_t resolve(const struct passage *g, struct nat_order *order)
{
    const struct host *host = g->ask->world->host;
    const struct packet *p = g->packet.packet;
    bool out = order->kind == NAT_MASQUERADE;
    uint16_t open = 0;

    if (order->kind == NAT_MAP)
        return 0;
    order->kind = NAT_MAP;
    order->flags |= NAT_MAPS_ADDRESSES;
    if (!out && g->packet.hook == RULES_OUTPUT) {
        order->first = loopback_address(p->family);
    } else if (!host_address_of(host, out ? g->packet.out : g->packet.in, p->family,
                                out ? &p->destination : NULL, &order->first)) {
        order->first = stand_in(p);
        open = out ? TRACK_SRC_ADDRESS_OPEN : TRACK_DST_ADDRESS_OPEN;
    }
    order->last = order->first;
    return open;
}

/* What rules behind can't know of its ends, since it is not known what they were mapped to. */
static void blur(struct passage *g)
{
    static const struct {
        uint16_t open;
        uint8_t manip;
        uint32_t forth, back;
    } rows[] = {
        {TRACK_SRC_ADDRESS_OPEN, NAT_SOURCE, VERDICT_NO_SOURCE, VERDICT_NO_DESTINATION},
        {TRACK_SRC_PORT_OPEN, NAT_SOURCE, VERDICT_NO_SOURCE_PORT, VERDICT_NO_DESTINATION_PORT},
        {TRACK_DST_ADDRESS_OPEN, NAT_DESTINATION, VERDICT_NO_DESTINATION, VERDICT_NO_SOURCE},
        {TRACK_DST_PORT_OPEN, NAT_DESTINATION, VERDICT_NO_DESTINATION_PORT, VERDICT_NO_SOURCE_PORT},
    };
    const struct track_flow *flow = g->view.flow;

    g->packet.unknown &= ~(uint32_t)VERDICT_NO_ENDS;
    for (size_t i = 0; flow && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!(flow->status & rows[i].open))
            continue;
        g->packet.unknown |= VERDICT_NO_TUPLE;
        bool reply = g->view.direction == TRACK_REPLY;
        /* Forth it is open once it is written, back until then. */
        if (g->is_written[reply ? !rows[i].manip : rows[i].manip] != reply)
            g->packet.unknown |= reply ? rows[i].back : rows[i].forth;
    }
}

/* nf_nat_packet: the end of this hook becomes what the connection's tuples say. */
static void write_end(struct passage *g, enum nat_manip manip)
{
    struct packet_copy *copy = &g->wall->copy;
    bool source = manip == NAT_SOURCE;
    struct track_tuple to;

    g->is_written[manip] = true;
    if (!nat_rewrites(g->view.flow, g->view.direction, manip, &to))
        return;
    if (packet_copy_take(copy, g->packet.packet) < 0) { /* out of memory: nothing is sure */
        passage_go_astray(g);
        return;
    }
    packet_copy_set_end(copy, source, source ? &to.source : &to.destination,
                        source || track_is_icmp(to.protocol) ? to.source_port : to.destination_port);
    g->packet.packet = &copy->packet;
}

/* What a rule of nat makes of it is not known. */
static bool leave_open(struct passage *g, struct verdict *v, const char *because)
{
    v->code = VERDICT_DEPENDS;
    v->because = because;
    passage_decide_by_rules(g, v, RULES_NAT);
    passage_go_astray(g);
    return g->is_tracked;
}

/* The connection's first packet: rules say what becomes of this end. */
static bool decide_end(struct passage *g, const struct order_place *at, enum nat_manip manip)
{
    struct verdict v;
    bool on = at->stop->deed == ORDER_NFT_NAT ? passage_ask_nft(g, at, &v) : passage_ask_rules(g, at, &v);
    bool maps = v.code == VERDICT_ACCEPT && v.nat.kind != NAT_NONE,
         own = maps && v.nat.kind == NAT_MASQUERADE && passage_is_sent_here(g);

    if (!on || !maps || g->report->astray)
        return on;
    if (g->ask->world->outside)
        return leave_open(
            g, &v, "where the connection is sent instead (NAT), of which a capture shows one side only");
    uint16_t open = resolve(g, &v.nat);
    if (own && open) /* mostly it has that address already */
        return leave_open(g, &v, "the address of the interface that the packet leaves by (--address)");
    nat_map(g->wall->tracker, g->view.flow, manip, &v.nat);
    g->view.flow->status |= open;
    g->report->mapped[manip] = (struct wall_mapping){at->hook, v};
    g->report->is_mapped[manip] = true;
    g->report->flow = *g->view.flow;
    return true;
}

/* Does another of NAT's chains stand behind this one at the hook? */
static bool is_last_of_nat(const struct passage *g, const struct order_place *at)
{
    struct order_place next = *at;

    return !order_next_of(&g->wall->rules->order, g->path, &next) || next.hook != at->hook ||
           (next.stop->deed != ORDER_NAT && next.stop->deed != ORDER_NFT_NAT);
}

/* nf_nat_inet_fn: rules decide about a connection once, the first that maps it; what follows of it is translated alike. */
bool passage_meet_nat(struct passage *g, const struct order_place *at)
{
    enum nat_manip manip = passage_rewrites_source(at->hook) ? NAT_SOURCE : NAT_DESTINATION;
    bool open = g->view.state == TRACK_ESTABLISHED || g->view.state == TRACK_RELATED;

    if (!g->wall->rules->has_nat || g->report->astray)
        return !g->report->astray || g->is_tracked;
    if (!g->is_tracked && open && !g->view.fresh)
        return !g->wall->rules->rewrites[RULES_NAT] || meet_nat_of_first(g);
    if (!g->view.flow)
        return true;
    if (g->view.fresh && !nat_is_mapped(g->view.flow, manip) && !decide_end(g, at, manip))
        return false;
    if (!is_last_of_nat(g, at) || g->report->astray)
        return !g->report->astray || g->is_tracked;
    if (g->view.fresh)
        nat_map(g->wall->tracker, g->view.flow, manip,
                NULL); /* unless a rule has: so that it clashes with no other */
    write_end(g, manip);
    blur(g);
    return true;
}
