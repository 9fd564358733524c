/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/neighbours.h"
#include "explain/make.h"
#include "host/host.h"
#include "packet/build.h"
#include "packet/decode.h"

#include <errno.h>
#include <string.h>

enum { SOLICITATION = 135, ADVERTISEMENT = 136, MESSAGE = 24, BUFFER = 128 };

struct neighbours {
    const struct rules *rules;
    const struct play *play;
    struct wall *wall;
    enum story_lane side;             /* whose link it is */
    struct packet_address own, other; /* this machine, and its neighbour on the way to that side */
};

static struct packet_address address_of(const char *text)
{
    struct packet_address address = {0};
    uint8_t told;
    (void)!packet_address_parse(text, &address, &told); /* a constant of ours, well formed */
    return address;
}

/* ff02::1:ffXX:XXXX, of the last three bytes of who is looked for. */
static struct packet_address solicited_node(const struct packet_address *target)
{
    struct packet_address address = address_of("ff02::1:ff00:0");
    memcpy((uint8_t *)address.word + 13, (const uint8_t *)target->word + 13, 3);
    return address;
}

/* The address by which a gateway is known on a side's link: a router's is of the link alone. */
static struct packet_address own_of_gateway(const struct play *play, enum story_lane side)
{
    struct packet_address own = address_of("fe80::fe");
    struct wall_world world;
    size_t count;
    const struct host_address *all = host_addresses(play->host, &count);

    play_world(play, side, &world);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes = (const uint8_t *)all[i].address.word;
        if (all[i].family == PACKET_IPV6 && strcmp(all[i].interface, world.in) == 0 && bytes[0] == 0xfe &&
            bytes[1] == 0x80)
            own = all[i].address;
    }
    return own;
}

/* Of the same /64 they are neighbours; else a router is, and routers ask with their link's own address. */
static void find_ends(struct neighbours *n)
{
    const struct play *play = n->play;
    n->own = play->where == STORY_AT_GATEWAY ? own_of_gateway(play, n->side)
             : n->side == STORY_SERVER       ? play->client
                                             : play->server;
    n->other = n->side == STORY_SERVER ? play->server : play->client;
    if (memcmp(n->own.word, n->other.word, 8) != 0)
        n->other = address_of("fe80::1");
}

/* What becomes of a message, in step. */
static int ask(struct neighbours *n, uint8_t type, bool is_in, struct story_step *step)
{
    const struct packet_address *source = is_in ? &n->other : &n->own,
                                *destination = is_in ? &n->own : &n->other;
    const struct packet_address *target = type == SOLICITATION ? destination : source;
    struct packet_address everyone = solicited_node(destination);
    uint8_t message[MESSAGE] = {0}, buffer[BUFFER];
    struct packet packet;
    struct wall_world world;
    struct wall_report report;
    memcpy(message, target->word, 16);
    message[16] = type == SOLICITATION ? 1 : 2; /* the link-layer address, of 8 bytes */
    message[17] = 1;
    struct packet_recipe recipe = {.family = PACKET_IPV6,
                                   .protocol = PACKET_ICMPV6,
                                   .ttl = 255,
                                   .source = *source,
                                   .destination = type == SOLICITATION ? everyone : *destination,
                                   .icmp = {.type = type},
                                   .payload = message,
                                   .payload_size = sizeof(message)};
    int size = packet_build(&recipe, buffer, sizeof(buffer));
    if (size < 0 || packet_decode(buffer, (size_t)size, false, &packet) < 0)
        return -ENOMEM;
    play_world(n->play, n->side, &world);
    const char *interface = world.in[0] ? world.in : "";
    world.unknown |= interface[0] ? 0U : VERDICT_NO_IN | VERDICT_NO_OUT;
    world.in = is_in ? interface : "";
    world.out = is_in ? "" : interface;
    world.local = &n->own;
    world.local_count = 1;
    if (host_has_address(world.host, PACKET_IPV6, &n->own) != HOST_YES)
        world.host = NULL; /* made up, and not to be routed */
    wall_packet(n->wall, &packet, is_in ? WALL_IN : WALL_OUT, &world, 0, NULL, &report);
    return story_step_judge(step, n->rules, &report);
}

static int find_stopped(struct neighbours *n, struct story *story)
{
    static const struct {
        uint8_t type;
        bool is_in;
    } messages[] = {
        {SOLICITATION, true}, {ADVERTISEMENT, false}, {SOLICITATION, false}, {ADVERTISEMENT, true}};

    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct story_step *step = story_step_add(story);
        int error = step ? ask(n, messages[i].type, messages[i].is_in, step) : -ENOMEM;
        if (error || step->fate == WALL_DROP || step->fate == WALL_REJECT)
            return error;
        story_step_drop_last(story);
    }
    return 0;
}

/* Of the machine's links to the two ends, who is looked for there. */
static enum host_answer looks_for(const struct play *play, enum story_lane side)
{
    if (play->where == (side == STORY_CLIENT ? STORY_AT_CLIENT : STORY_AT_SERVER))
        return HOST_NO;
    return host_looks_for(play->host, side == STORY_CLIENT ? &play->client : &play->server);
}

int neighbours_find_stopped(struct wall_rules *r, const struct play *play, struct story *story,
                            bool *ret_sure)
{
    struct neighbours n = {.rules = wall_rules_model(r), .play = play};
    struct track_config config;
    int error = 0;

    if (play->family != PACKET_IPV6 || n.rules->family != PACKET_IPV6 || play_is_local(play))
        return 0;
    play_config(play, &config);
    n.wall = wall_new(r, &config, NULL, NULL);
    if (!n.wall)
        return -ENOMEM;
    for (n.side = STORY_CLIENT; n.side <= STORY_SERVER && !error && !story->step_count; n.side++) {
        enum host_answer looks = looks_for(play, n.side);
        if (looks == HOST_NO)
            continue;
        find_ends(&n);
        error = find_stopped(&n, story);
        *ret_sure = looks == HOST_YES;
    }
    wall_free(&n.wall);
    return error;
}
