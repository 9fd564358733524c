/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/wire.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "rules/language/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIRE_LATENCY_MS = 10,
    WIRE_SCALE = 7,
    WIRE_FIRST_WINDOW = 64240, /* on a SYN, unscaled */
    WIRE_WINDOW = 502,         /* later: 64,256 bytes */
    WIRE_GIVE_UP_MS = 4000,    /* after the last repetition: when the next one would be due */
    WIRE_BUFFER = 2048,
    WIRE_ECHO_ID = 0x2a2a,
};

static const uint32_t wait_before_ms[] = {0, 1000, 2000}; /* a packet is sent again after 1 s and 3 s */

static uint8_t protocol_of(const struct wire *w)
{
    return w->play->protocol ? w->play->protocol : PACKET_TCP;
}

static void add_tcp(const struct wire *w, const struct wire_connection *c, enum story_lane from,
                    uint8_t flags, struct packet_recipe *recipe)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    bool is_syn = flags & PACKET_SYN;
    recipe->tcp = (struct packet_tcp){.sequence = c->next[from],
                                      .acknowledgement = flags & PACKET_ACK ? c->next[to] : 0,
                                      .window = is_syn ? WIRE_FIRST_WINDOW : WIRE_WINDOW,
                                      .flags = flags};
    recipe->mss = is_syn ? (w->play->family == PACKET_IPV6 ? 1440 : 1460) : 0;
    recipe->window_scale = is_syn ? WIRE_SCALE : -1;
    recipe->sack_permitted = is_syn;
}

/* The client pings. */
static void add_echo(enum story_lane from, struct packet_recipe *recipe)
{
    static const uint8_t types[][2] = {{8, 0}, {128, 129}}; /* request and reply (RFC 792, RFC 4443) */
    recipe->icmp = (struct packet_icmp){
        .type = types[recipe->protocol == PACKET_ICMPV6][from != STORY_CLIENT], .id = WIRE_ECHO_ID};
    recipe->icmp_sequence = 1;
}

static int build(const struct wire *w, const struct wire_connection *c, enum story_lane from, uint8_t flags,
                 const void *payload, size_t size, void *buffer)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    struct packet_recipe recipe = {
        .family = w->play->family,
        .protocol = protocol_of(w),
        .ttl = 64,
        .source = *play_address(w->play, from),
        .destination = *play_address(w->play, to),
        .source_port = c->port[from],
        .destination_port = c->port[to],
        .window_scale = -1,
        .payload = payload,
        .payload_size = size,
    };
    if (recipe.protocol == PACKET_TCP)
        add_tcp(w, c, from, flags, &recipe);
    if (recipe.protocol == PACKET_ICMP || recipe.protocol == PACKET_ICMPV6)
        add_echo(from, &recipe);
    return packet_build(&recipe, buffer, WIRE_BUFFER);
}

static int describe(struct wire *w, struct story_step *step, const struct packet *packet, const char *label)
{
    step->at_ms = w->now_ms;
    step->label = strdup(label);
    step->phase = strdup(w->phase);
    step->source = story_end_text(&packet->source, packet->family, packet->source_port);
    step->destination = story_end_text(&packet->destination, packet->family, packet->destination_port);
    step->packet = story_packet_text(packet);
    bool whole = step->label && step->phase && step->source && step->destination && step->packet;
    return whole ? 0 : -ENOMEM;
}

/* Who is answered with a reset, or refused before a connection is there, does not try again; of an ICMP error
 * on an open connection TCP takes no notice (RFC 5461). */
static bool is_final(const struct wire *w, const struct wall_report *report, const struct packet *packet)
{
    const struct verdict *v = wall_report_verdict(report);
    if (report->fate != WALL_REJECT)
        return false;
    if (packet->protocol != PACKET_TCP || packet->tcp.flags == PACKET_SYN || !v || !v->rule)
        return true;
    return strstr(rules_reject_name(w->rules->family, v->rule->target.reject.with), "reset") != NULL;
}

static enum wall_fate attempt(struct wire *w, const struct wire_connection *c, enum story_lane from,
                              const struct packet *packet, const char *label, bool is_retry,
                              bool *ret_is_final)
{
    struct verdict_trace trace;
    struct wall_report report;
    struct wall_world world;
    enum wall_path path = play_path(w->play, from);
    struct story_step *step = story_step_add(w->story);
    if (!step) {
        w->error = -ENOMEM;
        return WALL_DROP;
    }
    step->from = from;
    step->channel = c->channel;
    step->is_retry = is_retry;
    w->error = describe(w, step, packet, label);
    play_world(w->play, from, &world);
    wall_packet(w->wall, packet, path, &world, w->now_ms, play_watch_trace(&w->watch, step, &trace), &report);
    wall_report_follow(&report);
    if (!w->error)
        w->error = w->watch.error;
    if (!w->error)
        w->error = story_step_judge(step, w->rules, &report);
    if (report.astray && w->raw_doubt == 0)
        w->raw_doubt = step->number;
    if (report.fate == WALL_UNKNOWN && w->doubt_step == 0)
        w->doubt_step = step->number;
    if ((report.fate == WALL_DROP || report.fate == WALL_REJECT) && w->lost_step == 0)
        w->lost_step = step->number;
    *ret_is_final = is_final(w, &report, packet);
    return report.fate;
}

static void advance(struct wire_connection *c, enum story_lane from, uint8_t flags, size_t size)
{
    c->next[from] += (uint32_t)size + (flags & PACKET_SYN ? 1U : 0U) + (flags & PACKET_FIN ? 1U : 0U);
}

bool wire_send(struct wire *w, struct wire_connection *c, enum story_lane from, uint8_t flags,
               const void *payload, size_t size, const char *label)
{
    uint8_t buffer[WIRE_BUFFER];
    struct packet packet;
    if (w->is_dead || w->error || w->raw_doubt)
        return false; /* behind a doubt about where packets go there is nothing to tell */
    int built = build(w, c, from, flags, payload, size, buffer);
    if (built < 0 || packet_decode(buffer, (size_t)built, false, &packet) < 0) {
        w->error = -EINVAL;
        return false;
    }
    for (size_t i = 0; i < sizeof(wait_before_ms) / sizeof(wait_before_ms[0]); i++) {
        bool ends = false;
        w->now_ms += wait_before_ms[i];
        enum wall_fate fate = attempt(w, c, from, &packet, label, i > 0, &ends);
        if (w->error)
            return false;
        if (fate == WALL_PASS || fate == WALL_UNKNOWN) {
            w->now_ms += WIRE_LATENCY_MS;
            advance(c, from, flags, size);
            return true;
        }
        if (ends)
            return false;
    }
    w->now_ms += WIRE_GIVE_UP_MS;
    return false;
}

bool wire_connect(struct wire *w, struct wire_connection *c, enum story_lane from)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    return wire_send(w, c, from, PACKET_SYN, NULL, 0, "SYN") &&
           wire_send(w, c, to, PACKET_SYN | PACKET_ACK, NULL, 0, "SYN ACK") &&
           wire_send(w, c, from, PACKET_ACK, NULL, 0, "ACK");
}

bool wire_close(struct wire *w, struct wire_connection *c, enum story_lane from)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    return wire_send(w, c, from, PACKET_FIN | PACKET_ACK, NULL, 0, "FIN") &&
           wire_send(w, c, to, PACKET_FIN | PACKET_ACK, NULL, 0, "FIN") &&
           wire_send(w, c, from, PACKET_ACK, NULL, 0, "ACK");
}
