/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv6 finds a machine on its link by ICMPv6 (RFC 4861), which ip6tables sees as it sees everything; ARP, by which
 * IPv4 does, iptables never sees. Rules that forget it let a session pass that never begins.
 */
#include "explain/conclude.h"
#include "explain/make.h"
#include "explain/play/world.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SOLICITATION = 135, ADVERTISEMENT = 136, MESSAGE = 24, BUFFER = 128 };

struct neighbours {
    const struct rules *rules;
    const struct play *play;
    struct wall *wall;
    struct packet_address own, other; /* this machine, and its neighbour on the way to the other end */
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

/* Of the same /64 they are neighbours; else a router is, and routers ask with their link's own address. */
static void find_ends(struct neighbours *n)
{
    const struct play *play = n->play;
    bool at_client = play->where == STORY_AT_CLIENT;
    n->own = play->where == STORY_AT_GATEWAY ? address_of("fe80::fe")
             : at_client                     ? play->client
                                             : play->server;
    n->other = at_client ? play->server : play->client;
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
    play_world(n->play, n->play->where == STORY_AT_CLIENT ? STORY_SERVER : STORY_CLIENT, &world);
    const char *interface = world.in[0] ? world.in : "";
    world.unknown |= interface[0] ? 0U : VERDICT_NO_IN | VERDICT_NO_OUT;
    world.in = is_in ? interface : "";
    world.out = is_in ? "" : interface;
    world.local = &n->own;
    world.local_count = 1;
    wall_packet(n->wall, &packet, is_in ? WALL_IN : WALL_OUT, &world, 0, NULL, &report);
    return story_step_judge(step, n->rules, &report);
}

struct stopped {
    char *who;  /* "rule 3 of INPUT drops"; NULL: nobody */
    char *hook; /* where */
};

static int remember(struct stopped *stopped, const struct story_step *step)
{
    stopped->who = conclude_who_does_what(step);
    stopped->hook = strdup(step->hook);
    return stopped->who && stopped->hook ? 0 : -ENOMEM;
}

/* The first of the four messages that is stopped. */
static int find_stopped(struct neighbours *n, struct stopped *ret)
{
    static const struct {
        uint8_t type;
        bool is_in;
    } messages[] = {
        {SOLICITATION, true}, {ADVERTISEMENT, false}, {SOLICITATION, false}, {ADVERTISEMENT, true}};
    int error = 0;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]) && !error && !ret->who; i++) {
        struct story made_up = {0};
        struct story_step *step = story_step_add(&made_up);
        error = step ? ask(n, messages[i].type, messages[i].is_in, step) : -ENOMEM;
        if (!error && (step->fate == WALL_DROP || step->fate == WALL_REJECT))
            error = remember(ret, step);
        if (step)
            story_step_drop_last(&made_up);
        free(made_up.steps);
    }
    return error;
}

static int tell(struct story *story, const struct stopped *stopped)
{
    char *way = PHRASE(NEIGHBOURS_COMMANDS, stopped->hook);
    char *longer = story->outcome == STORY_WORKS
                       ? PHRASE(NEIGHBOURS_WORKS, story->conclusion, stopped->who, way)
                       : PHRASE(NEIGHBOURS_BLOCKED, stopped->who, way);
    free(way);
    if (!longer)
        return -ENOMEM;
    if (story->outcome == STORY_WORKS) {
        free(story->conclusion);
        story->conclusion = longer;
        return 0;
    }
    int error = story_note_add(story, "%s", longer);
    free(longer);
    return error;
}

int conclude_neighbours(struct story *story, struct wall_rules *r, const struct play *played)
{
    struct neighbours n = {.rules = wall_rules_model(r), .play = played};
    struct track_config config;
    struct stopped stopped = {0};
    if (played->family != PACKET_IPV6 || n.rules->family != PACKET_IPV6 || play_is_local(played))
        return 0;
    play_config(played, &config);
    find_ends(&n);
    n.wall = wall_new(r, &config, NULL, NULL);
    int error = n.wall ? find_stopped(&n, &stopped) : -ENOMEM;
    if (!error && stopped.who)
        error = tell(story, &stopped);
    wall_free(&n.wall);
    free(stopped.who);
    free(stopped.hook);
    return error;
}
