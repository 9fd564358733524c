/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void play_config(const struct play *play, struct track_config *ret)
{
    track_config_default(ret, play->manner, play->kernel);
    ret->ftp_loose = play->helper_loose;
    if (play->helper_port_count == 0)
        return;
    memcpy(ret->ftp_ports, play->helper_ports, sizeof(ret->ftp_ports));
    ret->ftp_port_count = play->helper_port_count;
}

enum wall_path play_path(const struct play *play, enum story_lane from)
{
    static const enum wall_path paths[][2] = {
        [STORY_AT_SERVER] = {[STORY_CLIENT] = WALL_IN, [STORY_SERVER] = WALL_OUT},
        [STORY_AT_GATEWAY] = {[STORY_CLIENT] = WALL_THROUGH, [STORY_SERVER] = WALL_THROUGH},
        [STORY_AT_CLIENT] = {[STORY_CLIENT] = WALL_OUT, [STORY_SERVER] = WALL_IN},
    };
    return paths[play->where][from];
}

const struct packet_address *play_address(const struct play *play, enum story_lane side)
{
    return side == STORY_CLIENT ? &play->client : &play->server;
}

/* From a machine to itself: by loopback, whichever of its addresses is used. */
static bool is_local(const struct packet_address *a, const struct packet_address *b, uint8_t family)
{
    static const uint8_t six[16] = {[15] = 1};
    const uint8_t *x = (const uint8_t *)a->word, *y = (const uint8_t *)b->word;

    if (packet_address_equal(a, b))
        return true;
    return family == PACKET_IPV4 ? x[0] == 127 || y[0] == 127
                                 : memcmp(x, six, sizeof(six)) == 0 || memcmp(y, six, sizeof(six)) == 0;
}

bool play_is_local(const struct play *play)
{
    return play->where != STORY_AT_GATEWAY && is_local(&play->client, &play->server, play->family);
}

/* A server has one interface towards the client, a client one towards the server, a gateway both. */
static const char *interface_towards(const struct play *play, enum story_lane side)
{
    if (play_is_local(play) && !play->in && !play->out)
        return "lo";
    if (play->where == STORY_AT_SERVER)
        return play->in ? play->in : play->out;
    if (play->where == STORY_AT_CLIENT)
        return play->out ? play->out : play->in;
    return side == STORY_CLIENT ? play->in : play->out;
}

void play_world(const struct play *play, enum story_lane from, struct wall_world *ret)
{
    enum wall_path path = play_path(play, from);
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    const char *in = path == WALL_OUT ? "" : interface_towards(play, from);
    const char *out = path == WALL_IN ? "" : interface_towards(play, to);
    *ret = (struct wall_world){
        .in = in ? in : "",
        .out = out ? out : "",
        .unknown = VERDICT_NO_MAC | (in ? 0U : VERDICT_NO_IN) | (out ? 0U : VERDICT_NO_OUT) |
                   (play->sets ? 0U : VERDICT_NO_SET),
        .time = play->time,
        .sets = play->sets,
    };
    if (play->where == STORY_AT_GATEWAY)
        return; /* neither end is an address of the gateway's own */
    ret->local = play_address(play, play->where == STORY_AT_SERVER ? STORY_SERVER : STORY_CLIENT);
    ret->local_count = 1;
}

static enum rules_table_type table_of(const struct rules *r, const struct rules_chain *chain)
{
    const struct rules_table *raw = &r->tables[RULES_RAW];
    for (size_t i = 0; i < raw->count; i++) {
        if (raw->chains[i] == chain)
            return RULES_RAW;
    }
    return RULES_FILTER;
}

static void watch_rule(void *arg, const struct rules_chain *chain, const struct rules_rule *rule,
                       uint32_t number, enum verdict_answer answer)
{
    struct play_watch *w = arg;
    if (w->error)
        return;
    struct story_step *step = &w->story->steps[w->story->step_count - 1];
    w->error = story_looked_add(step, w->rules, table_of(w->rules, chain), chain, rule, number, answer);
}

const struct verdict_trace *play_watch_trace(struct play_watch *w, const struct story_step *step,
                                             struct verdict_trace *ret)
{
    if (w->looked != (uint32_t)PLAY_WATCH_ALL && w->looked != step->number)
        return NULL;
    *ret = (struct verdict_trace){.arg = w, .rule = watch_rule};
    return ret;
}

void play_watch_event(void *arg, const struct track_event *event)
{
    struct play_watch *w = arg;
    char *text = NULL;
    if (w->error || w->story->step_count == 0)
        return;
    w->error = story_event_text(event, &text);
    if (w->error || !text)
        return;
    struct story_step *step = &w->story->steps[w->story->step_count - 1];
    w->error = story_event_add(step, event->type, event->reason, "%s", text);
    free(text);
}
