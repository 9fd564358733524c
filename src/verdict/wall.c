/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/wall.h"

#include <stdlib.h>
#include <string.h>

#include "rules/nft/nft.h"
#include "verdict/passage/ask.h"
#include "verdict/passage/conntrack.h"
#include "verdict/passage/nat.h"
#include "verdict/passage/route.h"

struct wall *wall_new(struct wall_rules *rules, const struct track_config *config, track_on_event *on_event,
                      void *arg)
{
    struct wall *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->rules = rules;
    w->tracker = tracker_new(config, on_event, arg);
    w->memory = verdict_memory_new();
    if (!w->tracker || !w->memory || verdict_memory_learn(w->memory, rules->model) < 0 ||
        (rules->model->other && verdict_memory_learn(w->memory, rules->model->other) < 0))
        wall_free(&w);
    return w;
}

struct wall *wall_new_counting(struct rules *r, const struct track_config *config, track_on_event *on_event,
                               void *arg)
{
    struct wall_rules *rules = wall_rules_new(r);
    struct wall *w = rules ? wall_new(rules, config, on_event, arg) : NULL;

    if (!w) {
        wall_rules_free(&rules);
        return NULL;
    }
    rules->count = true;
    w->own = rules;
    return w;
}

void wall_free(struct wall **w)
{
    if (!*w)
        return;
    packet_copy_free(&(*w)->copy);
    verdict_memory_free(&(*w)->memory);
    if ((*w)->tracker)
        tracker_free(&(*w)->tracker);
    wall_rules_free(&(*w)->own);
    free(*w);
    *w = NULL;
}

struct tracker *wall_tracker(struct wall *w)
{
    return w->tracker;
}
/* ---- the whole way ---- */

static uint32_t ignorance_of(uint32_t writes)
{
    static const struct {
        uint32_t writes, unknown;
    } rows[] = {{NFT_WRITES_MARK, VERDICT_NO_MARK},
                {NFT_WRITES_CONNMARK, VERDICT_NO_CONNMARK},
                {NFT_WRITES_TTL, VERDICT_NO_TTL},
                {NFT_WRITES_TOS, VERDICT_NO_TOS},
                {NFT_WRITES_TCP, VERDICT_NO_TCP}};
    uint32_t unknown = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        unknown |= writes & rows[i].writes ? rows[i].unknown : 0;
    return unknown;
}

/* What others write that stand at the same place is not known: they may come before, or behind. Returns what was not known
 * anyway. */
static uint32_t hide_from_rivals(struct passage *g, const struct order_stop *stop)
{
    uint32_t before = g->packet.unknown;

    g->packet.unknown |= ignorance_of(stop->rivals);
    return before;
}

/* What it does not write itself is as it was; what both write is as one of them has it. */
static void show_after_rivals(struct passage *g, const struct order_stop *stop, uint32_t before)
{
    uint32_t theirs = ignorance_of(stop->rivals), ours = ignorance_of(stop->writes);

    g->packet.unknown |= theirs & ours;
    g->packet.unknown &= ~(theirs & ~ours) | before;
}

/* ip_route_me_harder: what this machine sends goes another way if OUTPUT has changed where to, or the mark. */
static bool is_rerouted(const struct passage *g)
{
    return !packet_address_equal(&g->packet.packet->destination, &g->ask->packet->destination) ||
           g->packet.mark != g->ask->world->mark;
}

static void pass(struct passage *g)
{
    static bool (*const meet[])(struct passage *g, const struct order_place *at) = {
        [ORDER_RULES] = passage_meet_rules,
        [ORDER_NAT] = passage_meet_nat,
        [ORDER_CONNTRACK] = passage_meet_conntrack,
        [ORDER_CONFIRM] = passage_meet_confirm,
        [ORDER_NFT] = passage_meet_nft,
        [ORDER_NFT_NAT] = passage_meet_nat,
    };
    const struct wall_rules *rules = g->wall->rules;
    struct order_place place = {0};

    *g->report = (struct wall_report){.table = RULES_RAW, .hook = order_hook(g->ask->path, RULES_RAW)};
    g->wall->copy.packet.family = 0;
    if (rules->rewriter)
        passage_decide_beside(g, rules->rewriter);
    for (bool on = !passage_is_sent_here(g) || passage_route(g); on;) {
        struct order_place before = place;

        if (!order_next_of(&rules->order, g->path, &place))
            break;
        if (before.stop && before.hooks == 0 && place.hooks > 0 &&
            (!passage_is_sent_here(g) || is_rerouted(g))) {
            on = passage_route(g);
            place = before;
            if (!on || !order_next_of(&rules->order, g->path, &place))
                break;
        }
        if (place.hook == RULES_FORWARD && g->packet.hook != RULES_FORWARD && !passage_meet_forwarding(g))
            break;
        uint32_t unknown = hide_from_rivals(g, place.stop);
        on = meet[place.stop->deed](g, &place);
        show_after_rivals(g, place.stop, unknown);
    }
    g->report->packet = *g->packet.packet;
    g->report->path = g->path;
    if (!g->report->out[0] && !(g->packet.unknown & VERDICT_NO_OUT) && g->path != WALL_IN && g->packet.out)
        memcpy(g->report->out, g->packet.out, strnlen(g->packet.out, sizeof(g->report->out) - 1));
    if (rules->dropper && g->report->fate == WALL_PASS)
        passage_decide_beside(g, rules->dropper);
}

void wall_packet(struct wall *w, const struct packet *packet, enum wall_path path,
                 const struct wall_world *world, uint64_t now_ms, const struct verdict_trace *trace,
                 struct wall_report *ret)
{
    const struct wall_ask ask = {.packet = packet, .path = path, .world = world, .now_ms = now_ms};
    struct passage g;

    passage_begin(&g, w, &ask, trace, ret);
    g.is_tracked = true;
    g.packet.tracker = w->tracker;
    g.packet.unknown |= w->forgotten;
    pass(&g);
}

void wall_ask(struct wall *w, const struct wall_ask *ask, const struct verdict_trace *trace,
              struct wall_report *ret)
{
    struct passage g;

    passage_begin(&g, w, ask, trace, ret);
    verdict_memory_forget(w->memory);
    pass(&g);
}

void wall_report_follow(struct wall_report *report)
{
    if (report->fate != WALL_PASS || !report->astray)
        return;
    report->fate = WALL_UNKNOWN;
    report->stage = WALL_BY_RULES;
    report->table = RULES_NAT;
    report->hook = report->rewrite.hook;
    report->verdict = report->rewrite.verdict;
}

const struct verdict *wall_report_verdict(const struct wall_report *report)
{
    return report->stage == WALL_BY_RULES ? &report->verdict : NULL;
}
