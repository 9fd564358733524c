/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/wall.h"

#include <stdlib.h>
#include <string.h>

#include "rules/language/names.h"
#include "verdict/linear.h"

struct wall {
    struct rules *rules;
    struct tracker *tracker;
    struct verdict_memory *memory;
    bool count;
    uint32_t ignorance;    /* see wall_ignorance */
    bool connmark_unknown; /* a rule that is UNKNOWN may have marked some connection, from then on */
};

struct wall *wall_new(struct rules *r, const struct track_config *config, bool count,
                      track_on_event *on_event, void *arg)
{
    struct wall *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->rules = r;
    w->count = count;
    w->ignorance = wall_ignorance(r);
    w->tracker = tracker_new(config, on_event, arg);
    w->memory = verdict_memory_new();
    if (!w->tracker || !w->memory || verdict_memory_learn(w->memory, r) < 0)
        wall_free(&w);
    return w;
}

void wall_free(struct wall **w)
{
    if (!*w)
        return;
    verdict_memory_free(&(*w)->memory);
    if ((*w)->tracker)
        tracker_free(&(*w)->tracker);
    free(*w);
    *w = NULL;
}

struct tracker *wall_tracker(struct wall *w)
{
    return w->tracker;
}

uint32_t wall_ignorance(const struct rules *r)
{
    static const struct {
        const char *word;
        uint32_t unknown;
    } words[] = {
        {" MARK", VERDICT_NO_MARK},
        {" HMARK", VERDICT_NO_MARK},
        {" CONNMARK", VERDICT_NO_MARK | VERDICT_NO_CONNMARK},
        {"--map-mark", VERDICT_NO_MARK},      /* -j SET */
        {"--tproxy-mark", VERDICT_NO_MARK},   /* -j TPROXY */
        {"--restore-skmark", VERDICT_NO_MARK} /* -m socket */
    };
    uint32_t unknown = 0;

    for (size_t i = 0; i < r->verbatim_count; i++) {
        const struct rules_verbatim *v = &r->verbatim[i];
        for (size_t j = 0; v->name[0] && j < sizeof words / sizeof *words; j++) {
            if (strstr(v->text, words[j].word))
                unknown |= words[j].unknown;
        }
    }
    return unknown;
}

static const enum rules_hook hooks[RULES_TABLES][WALL_THROUGH + 1] = {
    [RULES_RAW] =
        {[WALL_IN] = RULES_PREROUTING, [WALL_OUT] = RULES_OUTPUT, [WALL_THROUGH] = RULES_PREROUTING},
    [RULES_FILTER] = {[WALL_IN] = RULES_INPUT, [WALL_OUT] = RULES_OUTPUT, [WALL_THROUGH] = RULES_FORWARD},
};

/* What a rule may ask of the packet at its first hook. */
static struct verdict_packet describe(const struct wall *w, const struct packet *packet,
                                      const struct wall_world *world, uint64_t now_ms)
{
    struct verdict_packet p = {
        .packet = packet,
        .in = world->in ? world->in : "",
        .out = world->out ? world->out : "",
        .mark = world->mark,
        .pkttype = world->pkttype,
        .unknown = world->unknown | (w->connmark_unknown ? (uint32_t)VERDICT_NO_CONNMARK : 0),
        .now_ms = now_ms,
        .time = world->time,
        .zone_minutes = world->zone_minutes,
        .local = world->local,
        .local_count = world->local_count,
        .sets = world->sets,
        .tracker = w->tracker,
    };

    for (size_t i = 0; i < sizeof p.mac; i++)
        p.mac[i] = world->mac[i];
    return p;
}

static void walk_table(struct wall *w, enum rules_table_type table, enum wall_path path,
                       struct verdict_packet *p, const struct verdict_trace *trace, struct verdict *ret)
{
    p->hook = hooks[table][path];
    if (p->packet->family == w->rules->family) {
        linear_walk(w->rules, table, p, w->memory, w->count, trace, ret);
        return;
    }
    struct effect_state untouched;
    linear_state_init(&untouched, p);
    linear_state_conclude(&untouched, VERDICT_ACCEPT, NULL, NULL, ret);
}

static enum wall_fate fate_of(enum verdict_code code)
{
    static const enum wall_fate fates[] = {[VERDICT_ACCEPT] = WALL_PASS,
                                           [VERDICT_DROP] = WALL_DROP,
                                           [VERDICT_REJECT] = WALL_REJECT,
                                           [VERDICT_DEPENDS] = WALL_UNKNOWN};

    return fates[code];
}

static const struct track_template *template_of(const struct verdict *raw)
{
    const struct track_template *t = &raw->template;

    return t->notrack || t->zone || t->helper != TRACK_HELPER_NONE ? t : NULL;
}

static void keep_flow(const struct track_flow *flow, struct wall_report *ret)
{
    if (!flow)
        return;
    ret->flow = *flow;
    ret->has_flow = true;
}

/* The helper and confirmation, behind a filter that let the packet pass. */
static void confirm(struct wall *w, const struct packet *packet, struct track_view *view,
                    struct wall_report *ret)
{
    enum track_reason reason = TRACK_OK;

    if (!tracker_commit(w->tracker, packet, view, &reason)) {
        ret->fate = WALL_DROP;
        ret->stage = WALL_BY_HELPER;
        ret->reason = reason;
    }
    keep_flow(view->flow, ret);
}

/* REJECT --reject-with tcp-reset: nf_send_reset answers what is no reset itself. */
static bool is_answered_with_reset(const struct verdict *v, const struct packet *packet)
{
    return v->code == VERDICT_REJECT && packet->protocol == PACKET_TCP && packet->fault == PACKET_SOUND &&
           !(packet->tcp.flags & PACKET_RST) &&
           strcmp(rules_reject_name(packet->family, v->rule->target.reject.with), "tcp-reset") == 0;
}

/* From filter on. CONNMARK has had its effect on a known connection even if the packet is dropped after it.
 */
static void filter(struct wall *w, enum wall_path path, struct verdict_packet *p, struct track_view *view,
                   const struct verdict_trace *trace, struct wall_report *ret)
{
    walk_table(w, RULES_FILTER, path, p, trace, &ret->filter);
    ret->stage = WALL_BY_FILTER;
    ret->fate = fate_of(ret->filter.code);
    if (ret->filter.connmark_set && view->flow)
        view->flow->mark = ret->filter.connmark;
    w->connmark_unknown |= ret->filter.unknown & VERDICT_NO_CONNMARK;
    if (is_answered_with_reset(&ret->filter, p->packet))
        tracker_close(w->tracker, view);
    keep_flow(view->flow, ret);
    if (ret->fate == WALL_PASS || ret->fate == WALL_UNKNOWN)
        confirm(w, p->packet, view, ret);
    else
        tracker_abandon(w->tracker, view);
}

/* Raw may have let it pass. */
static void track_in_doubt(struct wall *w, const struct packet *packet, uint64_t now_ms,
                           struct wall_report *ret)
{
    enum track_reason reason = TRACK_OK;
    struct track_view view;

    tracker_begin(w->tracker, packet, now_ms, template_of(&ret->raw), &view);
    ret->view = view;
    ret->reason = view.reason;
    if (view.drop)
        tracker_abandon(w->tracker, &view);
    else if (tracker_commit(w->tracker, packet, &view, &reason))
        keep_flow(view.flow, ret);
    ret->view.flow = NULL;
}

void wall_packet(struct wall *w, const struct packet *packet, enum wall_path path,
                 const struct wall_world *world, uint64_t now_ms, const struct verdict_trace *trace,
                 struct wall_report *ret)
{
    struct verdict_packet p = describe(w, packet, world, now_ms);
    struct track_view view;

    *ret = (struct wall_report){.stage = WALL_BY_RAW};
    walk_table(w, RULES_RAW, path, &p, trace, &ret->raw);
    ret->fate = fate_of(ret->raw.code);
    if (ret->fate == WALL_UNKNOWN)
        track_in_doubt(w, packet, now_ms, ret);
    if (ret->fate != WALL_PASS)
        return;
    tracker_begin(w->tracker, packet, now_ms, template_of(&ret->raw), &view);
    ret->view = view;
    ret->reason = view.reason;
    if (view.drop) {
        ret->fate = WALL_DROP;
        ret->stage = WALL_BY_CONNTRACK;
        tracker_abandon(w->tracker, &view);
    } else {
        p.view = &view;
        p.mark = ret->raw.mark;
        p.unknown |=
            ret->raw.unknown | (w->ignorance & ~(world->mark_is_sure ? (uint32_t)VERDICT_NO_MARK : 0));
        p.master = view.flow && view.flow->master ? tracker_flow(w->tracker, view.flow->master) : NULL;
        filter(w, path, &p, &view, trace, ret);
    }
    ret->view.flow = NULL;
}
