/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/wall.h"

#include <stdlib.h>
#include <string.h>

#include "rules/language/names.h"
#include "track/decide.h"
#include "track/tuple.h"
#include "verdict/image/image.h"
#include "verdict/linear.h"

/* ---- rules, walked in either way ---- */

/* How many rules are asked one by one before compiling, for each rule and at all: a quarter of those that
 * could be asked in the time that it takes (2.5 us a rule and 0.2 ms at all, against 10 ns). Whoever has
 * asked so much mostly goes on asking. */
enum { PRICE_OF_RULE = 64, PRICE_AT_ALL = 5000 };

struct wall_rules {
    struct rules *model; /* only written to when count is set */
    bool count;
    struct image *image; /* NULL: not compiled */
    uint64_t spent;      /* rules that were asked where the image would have done */
    uint64_t price;      /* from so many on it is compiled */
};

static uint64_t price_of(const struct rules *r)
{
    uint64_t count = 0;

    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++)
            count += r->tables[t].chains[c]->count;
    }
    return PRICE_AT_ALL + count * PRICE_OF_RULE;
}

struct wall_rules *wall_rules_new(const struct rules *r)
{
    struct wall_rules *rules = calloc(1, sizeof *rules);

    if (!rules)
        return NULL;
    rules->model = (struct rules *)(uintptr_t)r;
    rules->price = price_of(r);
    return rules;
}

void wall_rules_free(struct wall_rules **r)
{
    if (!*r)
        return;
    image_free(&(*r)->image);
    free(*r);
    *r = NULL;
}

const struct rules *wall_rules_model(const struct wall_rules *r)
{
    return r->model;
}

/* If it can't be compiled it stays as it is; the next try has its price again. */
static void spend(struct wall_rules *r, uint32_t work)
{
    r->spent += work;
    if (r->image || r->spent < r->price)
        return;
    r->image = image_compile(r->model);
    r->spent = 0;
}

static void walk_rules(struct wall_rules *r, enum rules_table_type table, const struct verdict_packet *p,
                       struct verdict_memory *memory, const struct verdict_trace *trace, struct verdict *ret)
{
    if (p->packet->family != r->model->family) {
        linear_conclude(p, VERDICT_ACCEPT, NULL, NULL, ret);
    } else if (trace || r->count) {
        linear_walk(r->model, table, p, memory, r->count, trace, ret);
    } else if (r->image) {
        image_walk(r->image, table, p, memory, ret);
    } else {
        linear_walk(r->model, table, p, memory, false, NULL, ret);
        spend(r, ret->work);
    }
}

/* ---- the wall ---- */

struct wall {
    struct wall_rules *rules;
    struct wall_rules *own; /* rules, if nobody shares them; or NULL */
    struct tracker *tracker;
    struct verdict_memory *memory;
    uint32_t ignorance;    /* see ignorance_of */
    bool connmark_unknown; /* a rule that is UNKNOWN may have marked some connection, from then on */
};

/* What rules of mangle, nat and security, which are only kept, may have changed before filter sees a packet:
 * VERDICT_NO_MARK, VERDICT_NO_CONNMARK. */
static uint32_t ignorance_of(const struct rules *r)
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

struct wall *wall_new(struct wall_rules *rules, const struct track_config *config, track_on_event *on_event,
                      void *arg)
{
    struct wall *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->rules = rules;
    w->ignorance = ignorance_of(rules->model);
    w->tracker = tracker_new(config, on_event, arg);
    w->memory = verdict_memory_new();
    if (!w->tracker || !w->memory || verdict_memory_learn(w->memory, rules->model) < 0)
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

/* ---- a packet's passage ---- */

struct passage {
    struct wall *wall;
    const struct wall_ask *ask;
    bool is_tracked;              /* by the wall's tracker; else the asker makes the connection up */
    struct track_flow made_up;    /* that connection */
    struct verdict_packet packet; /* as the next rule sees it */
    struct track_view view;       /* once conntrack has looked */
    bool in_doubt;                /* whether raw let it pass */
    const struct verdict_trace *trace;
    struct wall_report *report;
};

/* What a rule may ask of the packet at its first hook. */
static struct verdict_packet describe(const struct wall_ask *ask)
{
    const struct wall_world *world = ask->world;
    struct verdict_packet p = {
        .packet = ask->packet,
        .in = world->in ? world->in : "",
        .out = world->out ? world->out : "",
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

    for (size_t i = 0; i < sizeof p.mac; i++)
        p.mac[i] = world->mac[i];
    return p;
}

static enum wall_fate fate_of(enum verdict_code code)
{
    static const enum wall_fate fates[] = {[VERDICT_ACCEPT] = WALL_PASS,
                                           [VERDICT_DROP] = WALL_DROP,
                                           [VERDICT_REJECT] = WALL_REJECT,
                                           [VERDICT_DEPENDS] = WALL_UNKNOWN};

    return fates[code];
}

static void decide(struct passage *g, enum wall_fate fate, enum wall_stage stage)
{
    g->report->fate = fate;
    g->report->stage = stage;
}

static void keep_flow(struct passage *g)
{
    if (!g->is_tracked || !g->view.flow)
        return;
    g->report->flow = *g->view.flow;
    g->report->has_flow = true;
}

/* REJECT --reject-with tcp-reset. */
static bool is_answered_with_reset(const struct verdict *v, const struct packet *packet)
{
    return v->code == VERDICT_REJECT && track_answered_with_reset(packet) &&
           strcmp(rules_reject_name(packet->family, v->rule->target.reject.with), "tcp-reset") == 0;
}

/* What rules did to marks. CONNMARK has had its effect on a known connection even if the packet is dropped
 * after it. */
static void take_marks(struct passage *g, const struct verdict *v)
{
    const uint32_t marks = VERDICT_NO_MARK | VERDICT_NO_CONNMARK;

    g->packet.mark = v->mark;
    g->packet.unknown = (g->packet.unknown & ~marks) | v->unknown;
    if (!g->is_tracked)
        return;
    if (v->connmark_set && g->view.flow)
        g->view.flow->mark = v->connmark;
    g->wall->connmark_unknown |= v->unknown & VERDICT_NO_CONNMARK;
}

/* ---- what a packet meets; each says whether it goes on ---- */

static bool meet_rules(struct passage *g, const struct order_place *at)
{
    static const enum wall_stage stages[] = {[RULES_RAW] = WALL_BY_RAW, [RULES_FILTER] = WALL_BY_FILTER};
    enum rules_table_type table = (enum rules_table_type)at->stop->table;
    struct verdict *v = table == RULES_RAW ? &g->report->raw : &g->report->filter;

    if (g->in_doubt && g->is_tracked)
        return true; /* it is tracked as if these let it pass, too */
    g->packet.hook = at->hook;
    walk_rules(g->wall->rules, table, &g->packet, g->wall->memory, g->trace, v);
    take_marks(g, v);
    bool begun = g->is_tracked && g->packet.view;
    if (begun && is_answered_with_reset(v, g->packet.packet))
        tracker_close(g->wall->tracker, &g->view);
    keep_flow(g);
    enum wall_fate fate = fate_of(v->code);

    if (fate != WALL_PASS || !g->in_doubt) /* else the doubt stays */
        decide(g, fate, stages[table]);
    if (fate == WALL_UNKNOWN && !g->packet.view)
        g->in_doubt = true;
    if (fate != WALL_DROP && fate != WALL_REJECT)
        return true;
    if (begun)
        tracker_abandon(g->wall->tracker, &g->view);
    return false;
}

/* NAT may have changed addresses, but that is not followed; a mark is all else that the rules between raw and
 * filter can change. */
static bool meet_kept(struct passage *g, const struct order_place *at)
{
    (void)at;
    g->packet.unknown |= g->wall->ignorance & ~(g->ask->world->mark_is_sure ? (uint32_t)VERDICT_NO_MARK : 0);
    return true;
}

static const struct track_template *template_of(const struct verdict *raw)
{
    const struct track_template *t = &raw->template;

    return t->notrack || t->zone || t->helper != TRACK_HELPER_NONE ? t : NULL;
}

/* A connection such as a packet of the asker's state belongs to, as far as rules can ask. */
static void make_up(struct passage *g)
{
    static const uint16_t statuses[] = {
        [TRACK_NEW] = 0,
        [TRACK_ESTABLISHED] = TRACK_SEEN_REPLY | TRACK_ASSURED | TRACK_CONFIRMED,
        [TRACK_RELATED] = TRACK_EXPECTED,
        [TRACK_UNTRACKED] = 0,
    };
    const struct track_template *template = &g->report->raw.template;
    const struct packet *p = g->ask->packet;
    bool reply = g->ask->direction == TRACK_REPLY;
    enum track_state state = g->ask->state == TRACK_NONE ? TRACK_NEW : g->ask->state;

    if (template->notrack)
        state = TRACK_UNTRACKED;
    g->view = (struct track_view){.state = state, .direction = g->ask->direction};
    if (state == TRACK_INVALID || state == TRACK_UNTRACKED)
        return;
    const struct track_tuple forth = {.source = reply ? p->destination : p->source,
                                      .destination = reply ? p->source : p->destination,
                                      .source_port = reply ? p->destination_port : p->source_port,
                                      .destination_port = reply ? p->source_port : p->destination_port,
                                      .family = p->family,
                                      .protocol = p->protocol,
                                      .zone = template->zone};
    g->made_up = (struct track_flow){
        .status = statuses[state],
        .expires = g->ask->now_ms + 120000,
        .helper = (uint8_t)template->helper,
        .expected_by = state == TRACK_RELATED ? TRACK_HELPER_FTP : TRACK_HELPER_NONE,
        .serial = 1,
    };
    track_flow_name(&g->made_up, &forth);
    g->view.flow = &g->made_up;
    g->view.fresh = state == TRACK_NEW || state == TRACK_RELATED;
}

static bool meet_conntrack(struct passage *g, const struct order_place *at)
{
    struct tracker *tracker = g->wall->tracker;
    struct wall_report *report = g->report;

    (void)at;
    if (g->is_tracked)
        tracker_begin(tracker, g->ask->packet, g->ask->now_ms, template_of(&report->raw), &g->view);
    else
        make_up(g);
    report->view = g->view;
    report->view.flow = NULL;
    report->reason = g->view.reason;
    g->packet.view = &g->view;
    if (!g->is_tracked)
        return !report->raw.template_unknown; /* else it may be in another state than the asker says */
    if (g->view.drop) {
        if (!g->in_doubt)
            decide(g, WALL_DROP, WALL_BY_CONNTRACK);
        tracker_abandon(tracker, &g->view);
        return false;
    }
    if (g->view.flow && g->view.flow->master)
        g->packet.master = tracker_flow(tracker, g->view.flow->master);
    return true;
}

static bool meet_confirm(struct passage *g, const struct order_place *at)
{
    enum track_reason reason = TRACK_OK;

    (void)at;
    if (!g->is_tracked)
        return true;
    bool passes = tracker_commit(g->wall->tracker, g->ask->packet, &g->view, &reason);
    if (!passes && !g->in_doubt) {
        decide(g, WALL_DROP, WALL_BY_HELPER);
        g->report->reason = reason;
    }
    if (passes || !g->in_doubt)
        keep_flow(g);
    return passes;
}

static void pass(struct passage *g)
{
    static bool (*const meet[])(struct passage *g, const struct order_place *at) = {
        [ORDER_RULES] = meet_rules,
        [ORDER_KEPT] = meet_kept,
        [ORDER_CONNTRACK] = meet_conntrack,
        [ORDER_CONFIRM] = meet_confirm,
    };
    struct order_place place = {0};

    *g->report = (struct wall_report){.stage = WALL_BY_RAW};
    while (order_next(g->ask->path, &place) && meet[place.stop->deed](g, &place))
        ;
}

void wall_packet(struct wall *w, const struct packet *packet, enum wall_path path,
                 const struct wall_world *world, uint64_t now_ms, const struct verdict_trace *trace,
                 struct wall_report *ret)
{
    const struct wall_ask ask = {.packet = packet, .path = path, .world = world, .now_ms = now_ms};
    struct passage g = {
        .wall = w, .ask = &ask, .is_tracked = true, .packet = describe(&ask), .trace = trace, .report = ret};

    g.packet.tracker = w->tracker;
    if (w->connmark_unknown)
        g.packet.unknown |= VERDICT_NO_CONNMARK;
    pass(&g);
}

void wall_ask(struct wall *w, const struct wall_ask *ask, const struct verdict_trace *trace,
              struct wall_report *ret)
{
    struct passage g = {.wall = w, .ask = ask, .packet = describe(ask), .trace = trace, .report = ret};

    verdict_memory_forget(w->memory);
    pass(&g);
}

const struct verdict *wall_report_verdict(const struct wall_report *report, enum rules_table_type *ret_table)
{
    switch (report->stage) {
    case WALL_BY_RAW:
        *ret_table = RULES_RAW;
        return &report->raw;
    case WALL_BY_FILTER:
        *ret_table = RULES_FILTER;
        return &report->filter;
    default:
        return NULL;
    }
}
