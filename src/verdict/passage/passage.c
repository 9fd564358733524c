/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/passage/passage.h"

void passage_begin(struct passage *g, struct wall *w, const struct wall_ask *ask,
                   const struct verdict_trace *trace, struct wall_report *ret)
{
    const struct wall_world *world = ask->world;

    *g = (struct passage){
        .wall = w,
        .ask = ask,
        .path = ask->path,
        .packet = {.packet = ask->packet,
                   .in = world->in ? world->in : "",
                   .out = world->out ? world->out : "",
                   .routed = ask->path == WALL_THROUGH,
                   .mark = world->mark,
                   .pkttype = world->pkttype,
                   .unknown = world->unknown | (w->rules->sockmark ? VERDICT_NO_MARK : 0),
                   .now_ms = ask->now_ms,
                   .time = world->time,
                   .zone_minutes = world->zone_minutes,
                   .local = world->local,
                   .local_count = world->local_count,
                   .host = world->host,
                   .sets = world->sets},
        .trace = trace,
        .report = ret,
    };
    for (size_t i = 0; i < sizeof(g->packet.mac); i++)
        g->packet.mac[i] = world->mac[i];
}

static enum wall_fate fate_of(enum verdict_code code)
{
    static const enum wall_fate fates[] = {[VERDICT_ACCEPT] = WALL_PASS,
                                           [VERDICT_DROP] = WALL_DROP,
                                           [VERDICT_REJECT] = WALL_REJECT,
                                           [VERDICT_DEPENDS] = WALL_UNKNOWN};

    return fates[code];
}

void passage_decide(struct passage *g, enum wall_fate fate, enum wall_stage stage)
{
    g->report->fate = fate;
    g->report->stage = stage;
}

bool passage_rewrites_source(enum rules_hook hook)
{
    return hook == RULES_POSTROUTING || hook == RULES_INPUT;
}

void passage_decide_by_rules(struct passage *g, const struct verdict *v, enum rules_table_type table)
{
    struct wall_report *report = g->report;
    enum wall_fate fate = fate_of(v->code);

    if (report->fate == WALL_UNKNOWN && (fate == WALL_PASS || fate == WALL_UNKNOWN))
        return;
    if (fate == WALL_PASS &&
        (table != RULES_FILTER || (report->verdict.nft_rule && !v->rule && !v->nft_rule)))
        return; /* what accepted it tells more than what let it pass */
    if (fate == WALL_UNKNOWN && table == RULES_NAT && passage_rewrites_source(g->packet.hook)) {
        report->rewrite = (struct wall_rewrite){g->packet.hook, *v};
        return;
    }
    passage_decide(g, fate, WALL_BY_RULES);
    report->table = table;
    report->hook = g->packet.hook;
    report->verdict = *v;
}

void passage_decide_beside(struct passage *g, const struct rules_beside *beside)
{
    passage_decide(g, WALL_UNKNOWN, WALL_BY_BESIDE);
    g->report->beside = beside;
    g->report->astray = beside->rewrites;
}

void passage_keep_flow(struct passage *g)
{
    if (!g->is_tracked || !g->view.flow)
        return;
    g->report->flow = *g->view.flow;
    g->report->has_flow = true;
}

const struct track_template *passage_template(const struct passage *g)
{
    const struct track_template *t = &g->template;

    return t->notrack || t->zone || t->helper != TRACK_HELPER_NONE ? t : NULL;
}

void passage_go_astray(struct passage *g)
{
    g->report->astray = true;
    if (g->is_tracked && g->view.flow)
        g->view.flow->status |= TRACK_ASTRAY;
}

bool passage_is_sent_here(const struct passage *g)
{
    return g->ask->path == WALL_OUT || g->ask->path == WALL_LOOP;
}
