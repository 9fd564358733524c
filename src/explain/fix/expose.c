/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/expose.h"
#include "explain/play/ports.h"
#include "explain/play/world.h"
#include "packet/build.h"
#include "packet/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536 };

/*
 * One point of view: who sends a SYN to whom. Rules may trust a source port (20 is the classic), which
 * anybody can send from; so that is tried, too.
 */
struct view {
    struct packet_address source, destination;
    uint16_t source_port;
    enum story_lane from; /* the side that it comes from */
    bool is_stranger;
};

/* A SYN as seen from view to a port: do the rules let it pass? 1, 0, or -ENOMEM. */
static int asks(struct wall *wall, const struct play *play, const struct view *view, uint16_t port)
{
    uint8_t buffer[128];
    struct packet packet;
    struct wall_world world;
    struct packet_recipe recipe = {
        .family = play->family,
        .protocol = PACKET_TCP,
        .source = view->source,
        .destination = view->destination,
        .source_port = view->source_port,
        .destination_port = port,
        .tcp = {.sequence = 1, .window = 64240, .flags = PACKET_SYN},
        .mss = 1460,
        .window_scale = 7,
    };
    int size = packet_build(&recipe, buffer, sizeof(buffer));
    if (size < 0 || packet_decode(buffer, (size_t)size, false, &packet) < 0)
        return -ENOMEM;
    play_world(play, view->from, &world);
    struct wall_ask ask = {.packet = &packet, .path = play_path(play, view->from), .world = &world};
    struct wall_report report;
    wall_ask(wall, &ask, NULL, &report);
    return report.fate == WALL_PASS;
}

/* Marks in admitted the ports that new lets pass and old does not; bounds: where either changes its mind. */
static int compare(struct wall *old, struct wall *new, const struct play *play, const struct view *view,
                   const uint8_t *begins, uint8_t *admitted, uint64_t *ret_count)
{
    bool is_new = false;
    for (size_t port = 0; port < PORTS; port++) {
        if (port == 0 || begins[port]) {
            int now = asks(new, play, view, (uint16_t)port);
            int before = now == 1 ? asks(old, play, view, (uint16_t)port) : 0;
            if (now < 0 || before < 0)
                return -ENOMEM;
            is_new = now && !before;
        }
        if (is_new && !admitted[port]) {
            admitted[port] = 1;
            ++*ret_count;
        }
    }
    return 0;
}

/* A rule that looks at ports in another way than by ranges: then each port is asked about. */
static bool has_odd_match(const struct rules *r)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                for (uint16_t m = 0; m < chain->rules[i].match_count; m++) {
                    uint8_t type = chain->rules[i].matches[m].type;
                    if (type == RULES_MATCH_U32 || type == RULES_MATCH_SET)
                        return true;
                }
            }
        }
    }
    return false;
}

static int add_bounds(const struct rules *r, uint8_t *begins)
{
    size_t count = 0;
    uint16_t *bounds = play_port_bounds(r, &count);
    if (!bounds)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        begins[bounds[i]] = 1;
    free(bounds);
    if (has_odd_match(r))
        memset(begins, 1, PORTS);
    return 0;
}

/* An address that no rule is likely to name: of the documentation ranges (RFC 5737, RFC 3849). */
static struct packet_address stranger(uint8_t family)
{
    struct packet_address address = {0};
    uint8_t told;
    /* a constant of ours, well formed */
    (void)!packet_address_parse(family == PACKET_IPV6 ? "2001:db8:ffff::cb:71" : "203.0.113.113", &address,
                                &told);
    return address;
}

static int expose(struct wall *old, struct wall *new, const struct play *play, uint8_t *begins,
                  uint8_t *admitted, struct fix_exposure *ret)
{
    struct packet_address other = stranger(play->family);
    const struct packet_address *client = &play->client, *server = &play->server;
    const struct view views[] = {
        {other, *server, 40000, STORY_CLIENT, true},    {other, *server, 20, STORY_CLIENT, true},
        {*client, *server, 40000, STORY_CLIENT, false}, {*client, *server, 20, STORY_CLIENT, false},
        {other, *client, 40000, STORY_SERVER, true},    {other, *client, 20, STORY_SERVER, true},
        {*server, *client, 40000, STORY_SERVER, false}, {*server, *client, 20, STORY_SERVER, false},
    };
    struct fix_exposure sum = {0};
    uint64_t outgoing = 0;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        bool is_out = play_path(play, views[i].from) == WALL_OUT;
        uint64_t before = sum.ports;
        if (is_out && views[i].is_stranger)
            continue; /* a stranger does not send from this machine */
        if (compare(old, new, play, &views[i], begins, is_out ? admitted + PORTS : admitted,
                    is_out ? &outgoing : &sum.ports) < 0)
            return -ENOMEM;
        sum.to_anywhere |= views[i].is_stranger && sum.ports > before;
    }
    sum.outgoing_only = sum.ports == 0 && outgoing > 0;
    if (sum.outgoing_only)
        sum.ports = outgoing;
    *ret = sum;
    return 0;
}

int fix_expose(struct wall_rules *old, struct wall_rules *new, const struct play *play,
               struct fix_exposure *ret)
{
    struct track_config config;
    play_config(play, &config);
    struct wall *before = wall_new(old, &config, NULL, NULL), *after = wall_new(new, &config, NULL, NULL);
    uint8_t *begins = calloc(3, PORTS);
    int error = before && after && begins ? add_bounds(wall_rules_model(old), begins) : -ENOMEM;
    if (!error)
        error = add_bounds(wall_rules_model(new), begins);
    if (!error)
        error = expose(before, after, play, begins, begins + PORTS, ret);
    wall_free(&before);
    wall_free(&after);
    free(begins);
    return error;
}
