/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/ask.h"
#include "verdict/linear.h"

#include <errno.h>
#include <string.h>

/* A connection such as a packet of that state belongs to, as far as rules can ask. */
static void make_up_flow(const struct play_ask *ask, const struct track_template *template,
                         struct track_flow *flow, struct track_view *view)
{
    static const uint16_t statuses[] = {
        [TRACK_NEW] = 0,
        [TRACK_ESTABLISHED] = TRACK_SEEN_REPLY | TRACK_ASSURED | TRACK_CONFIRMED,
        [TRACK_RELATED] = TRACK_EXPECTED,
        [TRACK_UNTRACKED] = 0,
    };
    const struct packet *p = ask->packet;
    bool reply = ask->direction == TRACK_REPLY;
    enum track_state state = ask->state == TRACK_NONE ? TRACK_NEW : ask->state;
    if (template->notrack)
        state = TRACK_UNTRACKED;
    *view = (struct track_view){.state = state, .direction = ask->direction};
    if (state == TRACK_INVALID || state == TRACK_UNTRACKED)
        return;
    *flow = (struct track_flow){
        .tuple = {.source = reply ? p->destination : p->source,
                  .destination = reply ? p->source : p->destination,
                  .source_port = reply ? p->destination_port : p->source_port,
                  .destination_port = reply ? p->source_port : p->destination_port,
                  .family = p->family,
                  .protocol = p->protocol,
                  .zone = template->zone},
        .status = statuses[state],
        .expires = ask->now_ms + 120000,
        .helper = (uint8_t)template->helper,
        .expected_by = state == TRACK_RELATED ? TRACK_HELPER_FTP : TRACK_HELPER_NONE,
        .serial = 1,
    };
    view->flow = flow;
    view->fresh = state == TRACK_NEW || state == TRACK_RELATED;
}

static enum wall_fate fate_of(const struct verdict *v)
{
    static const enum wall_fate fates[] = {[VERDICT_ACCEPT] = WALL_PASS,
                                           [VERDICT_DROP] = WALL_DROP,
                                           [VERDICT_REJECT] = WALL_REJECT,
                                           [VERDICT_DEPENDS] = WALL_UNKNOWN};
    return fates[v->code];
}

static void walk_table(struct rules *r, const struct play_ask *ask, enum rules_table_type table,
                       const struct verdict_packet *vp, struct verdict_memory *memory,
                       const struct verdict_trace *trace, struct verdict *ret)
{
    if (ask->image)
        image_walk(ask->image, table, vp, memory, NULL, ret);
    else
        linear_walk(r, table, vp, memory, false, trace, ret);
}

static void walk(struct rules *r, const struct play_ask *ask, struct verdict_memory *memory,
                 const struct verdict_trace *trace, struct wall_report *ret)
{
    static const enum rules_hook hooks[][2] = {[WALL_IN] = {RULES_PREROUTING, RULES_INPUT},
                                               [WALL_OUT] = {RULES_OUTPUT, RULES_OUTPUT},
                                               [WALL_THROUGH] = {RULES_PREROUTING, RULES_FORWARD}};
    const struct wall_world *world = ask->world;
    struct track_flow flow;
    struct verdict_packet vp = {
        .packet = ask->packet,
        .hook = hooks[ask->path][0],
        .in = world->in,
        .out = ask->path == WALL_OUT ? world->out : "",
        .mark = world->mark,
        .pkttype = world->pkttype,
        .unknown = world->unknown,
        .now_ms = ask->now_ms,
        .time = world->time,
        .zone_minutes = world->zone_minutes,
        .local = world->local,
        .local_count = world->local_count,
        .sets = world->sets,
    };
    memcpy(vp.mac, world->mac, sizeof(vp.mac));
    ret->stage = WALL_BY_RAW;
    walk_table(r, ask, RULES_RAW, &vp, memory, trace, &ret->raw);
    ret->fate = fate_of(&ret->raw);
    if (ret->fate != WALL_PASS && ret->fate != WALL_UNKNOWN)
        return;
    bool doubt = ret->fate == WALL_UNKNOWN;
    make_up_flow(ask, &ret->raw.template, &flow, &ret->view);
    vp.hook = hooks[ask->path][1];
    vp.out = world->out;
    vp.view = &ret->view;
    vp.mark = ret->raw.mark;
    vp.unknown |= ret->raw.unknown;
    walk_table(r, ask, RULES_FILTER, &vp, memory, trace, &ret->filter);
    ret->view.flow = NULL;
    if (doubt && ret->filter.code == VERDICT_ACCEPT)
        return; /* raw's doubt stays */
    ret->stage = WALL_BY_FILTER;
    ret->fate = fate_of(&ret->filter);
}

int play_ask(const struct rules *r, const struct play_ask *ask, struct verdict_memory *memory,
             const struct verdict_trace *trace, struct wall_report *ret)
{
    struct verdict_memory *own = NULL;
    if (!memory && !(own = verdict_memory_new()))
        return -ENOMEM;
    *ret = (struct wall_report){0};
    /* A walk that does not count writes nothing to the rules. */
    walk((struct rules *)r, ask, memory ? memory : own, trace, ret);
    verdict_memory_free(&own);
    return 0;
}
