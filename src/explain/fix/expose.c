/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/expose.h"
#include "explain/fix/reach.h"
#include "explain/play/ports.h"
#include "explain/play/world.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "rules/nft/nft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PORTS = 65536,
    VIEWS = 16,
    VISITS = 1 << 22, /* of rules, by each rule set */
};

/* One point of view: who sends to whom. */
struct view {
    struct packet_address source, destination;
    enum wall_path path;
    enum story_lane from; /* the side that it comes from */
    bool is_stranger;     /* the sender is nobody in particular */
};

struct exposing {
    struct wall *old, *new;
    const struct play *play;
    struct fix_reach reach;
    struct view views[VIEWS];
    size_t view_count;
    uint8_t begins[PORTS]; /* where either rule set changes its mind about ports */
    bool is_sampled;       /* there may be more such places */
};

/* ---- who may send to whom ---- */

/* An address that no rule is likely to name: of the documentation ranges (RFC 5737, RFC 3849). */
static struct packet_address stranger(uint8_t family, uint8_t number)
{
    struct packet_address address = {0};
    uint8_t told;
    /* a constant of ours, well formed */
    (void)!packet_address_parse(family == PACKET_IPV6 ? "2001:db8:ffff::cb:71" : "203.0.113.113", &address,
                                &told);
    ((uint8_t *)address.word)[family == PACKET_IPV6 ? 15 : 3] ^= number;
    return address;
}

static void add_view(struct exposing *x, struct view view)
{
    if (x->view_count < VIEWS && !packet_address_equal(&view.source, &view.destination))
        x->views[x->view_count++] = view;
}

/* To the firewall's own machine, and from it. */
static void add_own_views(struct exposing *x, struct packet_address own, struct packet_address end)
{
    const struct packet_address other = stranger(x->play->family, 0);
    enum story_lane far = x->play->where == STORY_AT_CLIENT ? STORY_SERVER : STORY_CLIENT;
    enum story_lane near = far == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    add_view(x, (struct view){other, own, WALL_IN, far, true});
    add_view(x, (struct view){end, own, WALL_IN, far, false});
    add_view(x, (struct view){own, end, WALL_OUT, near, false});
    add_view(x, (struct view){own, other, WALL_OUT, near, false});
}

/* From one machine to another through it. A stranger may be on either side. */
static void add_forwarded_views(struct exposing *x)
{
    const struct play *play = x->play;
    const struct packet_address one = stranger(play->family, 0), other = stranger(play->family, 1);
    add_view(x, (struct view){one, other, WALL_THROUGH, STORY_CLIENT, true});
    add_view(x, (struct view){one, other, WALL_THROUGH, STORY_SERVER, true});
    if (play->where != STORY_AT_SERVER) {
        add_view(x, (struct view){one, play->server, WALL_THROUGH, STORY_CLIENT, true});
        add_view(x, (struct view){play->server, other, WALL_THROUGH, STORY_SERVER, false});
    }
    if (play->where != STORY_AT_CLIENT) {
        add_view(x, (struct view){one, play->client, WALL_THROUGH, STORY_SERVER, true});
        add_view(x, (struct view){play->client, other, WALL_THROUGH, STORY_CLIENT, false});
    }
    if (play->where == STORY_AT_GATEWAY) {
        add_view(x, (struct view){play->client, play->server, WALL_THROUGH, STORY_CLIENT, false});
        add_view(x, (struct view){play->server, play->client, WALL_THROUGH, STORY_SERVER, false});
    }
}

static void add_views(struct exposing *x)
{
    const struct play *play = x->play;
    switch (play->where) {
    case STORY_AT_SERVER:
        add_own_views(x, play->server, play->client);
        break;
    case STORY_AT_CLIENT:
        add_own_views(x, play->client, play->server);
        break;
    case STORY_AT_GATEWAY:
        add_own_views(x, stranger(play->family, 2), play->client);
        break;
    }
    add_forwarded_views(x);
}

/* ---- asking ---- */

static bool is_own_path(const struct exposing *x, const struct view *view)
{
    return play_path(x->play, view->from) == view->path;
}

/* On another way than the session's nothing is known of interfaces. */
static struct wall_world world_of(const struct exposing *x, const struct view *view)
{
    struct wall_world world;
    play_world(x->play, view->from, &world);
    if (is_own_path(x, view))
        return world;
    world.in = world.out = "";
    world.unknown |=
        (view->path == WALL_OUT ? 0U : VERDICT_NO_IN) | (view->path == WALL_IN ? 0U : VERDICT_NO_OUT);
    world.local = view->path == WALL_IN ? &view->destination : &view->source;
    world.local_count = view->path != WALL_THROUGH;
    return world;
}

struct asked {
    const struct packet *packet;
    const struct view *view;
    enum track_state state;
};

/* How far the packet comes: 0 it is dropped, 1 it can't be told, 2 it passes. */
static int passes(const struct exposing *x, struct wall *wall, const struct asked *asked)
{
    static const int ranks[] = {[WALL_PASS] = 2, [WALL_UNKNOWN] = 1, [WALL_DROP] = 0, [WALL_REJECT] = 0};
    struct wall_world world = world_of(x, asked->view);
    struct wall_ask ask = {
        .packet = asked->packet, .path = asked->view->path, .world = &world, .state = asked->state};
    struct wall_report report;
    wall_ask(wall, &ask, NULL, &report);
    return ranks[report.fate];
}

/* Do the new rules let more of it pass than the old ones? */
static bool is_newly_admitted(const struct exposing *x, struct packet_recipe *recipe, const struct view *view,
                              enum track_state state)
{
    uint8_t buffer[128];
    struct packet packet;
    recipe->family = x->play->family;
    recipe->source = view->source;
    recipe->destination = view->destination;
    int size = packet_build(recipe, buffer, sizeof(buffer));
    if (size < 0 || packet_decode(buffer, (size_t)size, false, &packet) < 0)
        return false; /* no such packet can be */
    const struct asked asked = {&packet, view, state};
    int now = passes(x, x->new, &asked);
    return now > 0 && now > passes(x, x->old, &asked);
}

static bool admits_port(const struct exposing *x, const struct view *view, enum track_state state,
                        uint16_t source_port, uint16_t port)
{
    bool is_udp = x->play->protocol == PACKET_UDP;
    struct packet_recipe recipe = {
        .protocol = is_udp ? PACKET_UDP : PACKET_TCP,
        .source_port = source_port,
        .destination_port = port,
        .tcp = {.sequence = 1, .window = 64240, .flags = PACKET_SYN},
        .mss = is_udp ? 0 : 1460,
        .window_scale = is_udp ? -1 : 7,
    };
    return is_newly_admitted(x, &recipe, view, state);
}

static bool admits_ping(const struct exposing *x, const struct view *view)
{
    bool is_six = x->play->family == PACKET_IPV6;
    struct packet_recipe recipe = {.protocol = is_six ? PACKET_ICMPV6 : PACKET_ICMP,
                                   .icmp = {.type = is_six ? 128 : 8},
                                   .window_scale = -1};
    return is_newly_admitted(x, &recipe, view, TRACK_NEW);
}

/* ---- where rules change their mind ---- */

static void add_range(void *arg, uint16_t first, uint16_t last)
{
    uint8_t *begins = arg;

    begins[first] = 1;
    if (last < PORTS - 1)
        begins[last + 1] = 1;
}

static void ignore_ports(void *arg, uint16_t first, uint16_t last)
{
    (void)arg, (void)first, (void)last;
}

/* Does the match look at ports in another way than by ranges that are known? */
static bool is_odd(const struct exposing *x, const struct rules_match *match, uint8_t *begins)
{
    const struct verdict_sets *sets = x->play->sets;

    if (match->type == RULES_MATCH_SET)
        return sets && !sets->ports(sets->arg, match->set->element.name, add_range, begins);
    return match->type == RULES_MATCH_U32;
}

static bool has_odd_match(const struct exposing *x, const struct rules *r, uint8_t *begins)
{
    bool odd = !nft_ports(r->nft, ignore_ports, NULL);

    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                for (uint16_t m = 0; m < chain->rules[i].match_count; m++)
                    odd |= is_odd(x, &chain->rules[i].matches[m], begins);
            }
        }
    }
    return odd;
}

/* Where nobody knows at which ports rules change their mind, as many are asked for as the rules leave time for. */
static size_t step_for(const struct exposing *x, const struct rules *r)
{
    size_t rules = r->nft ? r->nft->rule_count : 0;

    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++)
            rules += r->tables[t].chains[c]->count;
    }
    return rules * x->view_count * x->reach.source_port_count * PORTS / VISITS + 1;
}

static int add_bounds(struct exposing *x, const struct rules *r)
{
    size_t count = 0;
    uint16_t *bounds = play_port_bounds(r, &count);
    if (!bounds)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        x->begins[bounds[i]] = 1;
    free(bounds);
    if (!has_odd_match(x, r, x->begins))
        return 0;
    size_t step = step_for(x, r);
    x->is_sampled |= step > 1;
    for (size_t port = 0; port < PORTS; port += step)
        x->begins[port] = 1;
    return 0;
}

/* ---- counting ---- */

/* Adds to admitted, and to *count, the ports that are newly admitted as seen from view. */
static void count_ports(const struct exposing *x, const struct view *view, enum track_state state,
                        uint8_t *admitted, uint64_t *count)
{
    for (size_t s = 0; s < x->reach.source_port_count; s++) {
        bool is_new = false;
        for (size_t port = 0; port < PORTS; port++) {
            if (x->begins[port])
                is_new = admits_port(x, view, state, x->reach.source_ports[s], (uint16_t)port);
            if (is_new && !admitted[port]) {
                admitted[port] = 1;
                ++*count;
            }
        }
    }
}

/* The ways that lead inwards: the session's own, and the other. */
static bool is_inwards(const struct exposing *x, const struct view *view, bool beside)
{
    bool is_own = (x->play->where == STORY_AT_GATEWAY) == (view->path == WALL_THROUGH);
    return view->path != WALL_OUT && x->reach.path[view->path] && is_own != beside;
}

static void count_inwards(const struct exposing *x, uint8_t *admitted, struct fix_exposure *ret)
{
    memset(admitted, 0, PORTS);
    for (size_t i = 0; i < x->view_count; i++) {
        const struct view *view = &x->views[i];
        uint64_t before = ret->ports;
        if (!is_inwards(x, view, false))
            continue;
        count_ports(x, view, TRACK_NEW, admitted, &ret->ports);
        ret->to_anywhere |= view->is_stranger && ret->ports > before;
        ret->pings |= admits_ping(x, view);
    }
}

static void count_beside(const struct exposing *x, uint8_t *admitted, struct fix_exposure *ret)
{
    memset(admitted, 0, PORTS);
    for (size_t i = 0; i < x->view_count; i++) {
        const struct view *view = &x->views[i];
        if (!is_inwards(x, view, true))
            continue;
        count_ports(x, view, TRACK_NEW, admitted, &ret->beside);
        ret->pings_beside |= admits_ping(x, view);
    }
}

static void count_outgoing(const struct exposing *x, uint8_t *admitted, struct fix_exposure *ret)
{
    memset(admitted, 0, PORTS);
    for (size_t i = 0; i < x->view_count; i++) {
        const struct view *view = &x->views[i];
        if (view->path == WALL_OUT && x->reach.path[WALL_OUT])
            count_ports(x, view, TRACK_NEW, admitted, &ret->outgoing);
    }
}

/* Of connections that are announced, between the ends of the session. */
static void count_announced(const struct exposing *x, uint8_t *admitted, struct fix_exposure *ret)
{
    memset(admitted, 0, PORTS);
    for (size_t i = 0; i < x->view_count; i++) {
        if (is_inwards(x, &x->views[i], false))
            count_ports(x, &x->views[i], TRACK_RELATED, admitted, &ret->announced);
    }
}

static int expose(struct exposing *x, bool announced, struct fix_exposure *ret)
{
    uint8_t *admitted = malloc(PORTS);
    if (!admitted)
        return -ENOMEM;
    *ret = (struct fix_exposure){.is_sampled = x->is_sampled};
    count_inwards(x, admitted, ret);
    count_beside(x, admitted, ret);
    count_outgoing(x, admitted, ret);
    if (announced)
        count_announced(x, admitted, ret);
    free(admitted);
    return 0;
}

int fix_expose(struct wall_rules *old, struct wall_rules *new, const struct play *play, bool announced,
               struct fix_exposure *ret)
{
    struct track_config config;
    struct exposing *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    play_config(play, &config);
    x->play = play;
    x->old = wall_new(old, &config, NULL, NULL);
    x->new = wall_new(new, &config, NULL, NULL);
    int error =
        x->old && x->new ? fix_reach_find(wall_rules_model(old), wall_rules_model(new), &x->reach) : -ENOMEM;
    add_views(x);
    if (!error)
        error = add_bounds(x, wall_rules_model(old));
    if (!error)
        error = add_bounds(x, wall_rules_model(new));
    if (!error)
        error = expose(x, announced, ret);
    wall_free(&x->old);
    wall_free(&x->new);
    free(x);
    return error;
}
