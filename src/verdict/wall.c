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
    bool rewrites[RULES_TABLES]; /* has a target that sends packets elsewhere */
    bool sockmark;               /* has a match that gives the packet the mark of its socket */
    struct linear_place hops;    /* the first rule of mangle that sets the TTL; chain NULL: none */
    const struct rules_beside *rewriter,
        *dropper;        /* the first beside them that may do such, or drop; or NULL */
    struct image *image; /* NULL: not compiled */
    uint64_t spent;      /* rules that were asked where the image would have done */
    uint64_t price;      /* from so many on it is compiled */
};

static void look_at_rule(struct wall_rules *r, int table, const struct rules_chain *chain, size_t at)
{
    const struct rules_rule *rule = &chain->rules[at];
    const struct rules_target *target = &rule->target;
    uint16_t changes = target->type == RULES_TARGET_OPAQUE ? target->opaque.changes : 0;

    r->rewrites[table] |= changes & RULES_CHANGES_ADDRESSES;
    if (changes & RULES_CHANGES_TTL && !r->hops.chain)
        r->hops = (struct linear_place){chain, at};
    for (uint16_t m = 0; m < rule->match_count; m++)
        r->sockmark |= rule->matches[m].type == RULES_MATCH_OPAQUE && rule->matches[m].opaque.changes;
}

static void look_at_rules(struct wall_rules *r)
{
    uint64_t count = 0;

    for (int t = 0; t < RULES_TABLES; t++) {
        const struct rules_table *table = &r->model->tables[t];

        for (size_t c = 0; c < table->count; c++) {
            const struct rules_chain *chain = table->chains[c];

            count += chain->count;
            for (size_t i = 0; i < chain->count; i++)
                look_at_rule(r, t, chain, i);
        }
    }
    r->price = PRICE_AT_ALL + count * PRICE_OF_RULE;
}

static void look_beside(struct wall_rules *r)
{
    for (size_t i = r->model->beside_count; i-- > 0;) {
        const struct rules_beside *b = &r->model->beside[i];

        if (b->rewrites)
            r->rewriter = b;
        r->dropper = b;
    }
}

struct wall_rules *wall_rules_new(const struct rules *r)
{
    struct wall_rules *rules = calloc(1, sizeof *rules);

    if (!rules)
        return NULL;
    rules->model = (struct rules *)(uintptr_t)r;
    look_at_rules(rules);
    look_beside(rules);
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
    uint32_t forgotten; /* enum verdict_ignorance: what some rule may have changed for good */
};

struct wall *wall_new(struct wall_rules *rules, const struct track_config *config, track_on_event *on_event,
                      void *arg)
{
    struct wall *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->rules = rules;
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
    bool is_tracked;                /* by the wall's tracker; else the asker makes the connection up */
    struct track_flow made_up;      /* that connection */
    struct verdict_packet packet;   /* as the next rule sees it */
    struct track_view view;         /* once conntrack has looked */
    struct track_template template; /* what raw said */
    bool template_unknown;
    bool is_confirmed; /* the tracker is through with it */
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
        .routed = ask->path == WALL_THROUGH,
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

/* Sources are rewritten last: the packet itself has passed, if all before was certain. */
static bool rewrites_source(enum rules_hook hook)
{
    return hook == RULES_POSTROUTING || hook == RULES_INPUT;
}

/* By rules, unless it is in doubt already and these let it pass or are in doubt, too. */
static void decide_by_rules(struct passage *g, const struct verdict *v, enum rules_table_type table)
{
    struct wall_report *report = g->report;
    enum wall_fate fate = fate_of(v->code);

    if (report->fate == WALL_UNKNOWN && (fate == WALL_PASS || fate == WALL_UNKNOWN))
        return;
    if (fate == WALL_PASS && table != RULES_FILTER)
        return;
    if (fate == WALL_UNKNOWN && table == RULES_NAT && rewrites_source(g->packet.hook)) {
        report->rewrite = (struct wall_rewrite){g->packet.hook, *v};
        return;
    }
    decide(g, fate, WALL_BY_RULES);
    report->table = table;
    report->hook = g->packet.hook;
    report->verdict = *v;
}

static void decide_beside(struct passage *g, const struct rules_beside *beside)
{
    decide(g, WALL_UNKNOWN, WALL_BY_BESIDE);
    g->report->beside = beside;
    g->report->astray = beside->rewrites;
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

/* What rules did to marks, and what they may have done to other things. CONNMARK has had its effect on a known
 * connection even if the packet is dropped after it. */
static void take_changes(struct passage *g, const struct verdict *v)
{
    g->packet.mark = v->mark;
    g->packet.unknown = (g->packet.unknown & ~(uint32_t)VERDICT_CHANGEABLE) | v->unknown;
    if (!g->is_tracked)
        return;
    if (v->connmark_set && g->view.flow)
        g->view.flow->mark = v->connmark;
    g->wall->forgotten |= v->unknown & VERDICT_LASTING;
}

static void take_template(struct passage *g, const struct verdict *v)
{
    g->template = v->template;
    g->template_unknown = v->template_unknown;
}

/* ---- what a packet meets; each says whether it goes on ---- */

/* What follows of the connection is as uncertain. */
static void go_astray(struct passage *g)
{
    g->report->astray = true;
    if (g->is_tracked && g->view.flow)
        g->view.flow->status |= TRACK_ASTRAY;
}

/* May more than its fate be in doubt? In raw it is how the packet is tracked; behind, where it goes. */
static bool leads_astray(const struct passage *g, enum rules_table_type table)
{
    if (table == RULES_RAW)
        return !g->packet.view && (g->is_tracked || g->template_unknown);
    return g->wall->rules->rewrites[table];
}

static bool meet_rules(struct passage *g, const struct order_place *at)
{
    enum rules_table_type table = (enum rules_table_type)at->stop->table;
    const struct wall_rules *rules = g->wall->rules;
    struct verdict v;

    if (!rules->model->tables[table].present && table != RULES_FILTER)
        return true;
    if (g->report->astray)
        return g->is_tracked; /* it is tracked as if these let it pass, too */
    g->packet.hook = at->hook;
    if (table == RULES_FILTER && g->ask->world->mark_is_sure) {
        g->packet.mark = g->ask->world->mark;
        g->packet.unknown &= ~(uint32_t)VERDICT_NO_MARK;
    }
    walk_rules(g->wall->rules, table, &g->packet, g->wall->memory, g->trace, &v);
    if (g->trace && g->trace->table)
        g->trace->table(g->trace->arg, table, &g->packet, &v);
    take_changes(g, &v);
    if (table == RULES_RAW && !g->packet.view) /* xt_CT leaves alone what has a connection */
        take_template(g, &v);
    bool begun = g->is_tracked && g->packet.view;
    if (begun && is_answered_with_reset(&v, g->packet.packet))
        tracker_close(g->wall->tracker, &g->view);
    keep_flow(g);
    decide_by_rules(g, &v, table);
    if (v.code == VERDICT_DEPENDS && leads_astray(g, table))
        go_astray(g);
    if (v.code != VERDICT_DROP && v.code != VERDICT_REJECT)
        return true;
    if (begun && !g->is_confirmed)
        tracker_abandon(g->wall->tracker, &g->view);
    return false;
}

static const struct track_template *template_of(const struct passage *g)
{
    const struct track_template *t = &g->template;

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
    const struct track_template *template = &g->template;
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

static bool is_astray(const struct track_flow *flow)
{
    return flow && flow->status & TRACK_ASTRAY;
}

static void follow_astray(struct passage *g)
{
    const struct verdict earlier = {
        .code = VERDICT_DEPENDS,
        .because = "what became of an earlier packet of this connection, which is not evaluated",
    };

    decide_by_rules(g, &earlier, RULES_RAW);
    go_astray(g);
}

static bool meet_conntrack(struct passage *g, const struct order_place *at)
{
    struct tracker *tracker = g->wall->tracker;
    struct wall_report *report = g->report;

    (void)at;
    if (g->is_tracked)
        tracker_begin(tracker, g->ask->packet, g->ask->now_ms, template_of(g), &g->view);
    else
        make_up(g);
    report->view = g->view;
    report->view.flow = NULL;
    report->reason = g->view.reason;
    g->packet.view = &g->view;
    if (!g->is_tracked)
        return !g->template_unknown; /* else it may be in another state than the asker says */
    if (g->view.drop) {
        if (g->report->fate != WALL_UNKNOWN)
            decide(g, WALL_DROP, WALL_BY_CONNTRACK);
        tracker_abandon(tracker, &g->view);
        return false;
    }
    if (g->view.flow && g->view.flow->master)
        g->packet.master = tracker_flow(tracker, g->view.flow->master);
    if (g->report->astray)
        go_astray(g);
    else if (is_astray(g->view.flow) || is_astray(g->packet.master))
        follow_astray(g);
    return true;
}

static bool meet_confirm(struct passage *g, const struct order_place *at)
{
    enum track_reason reason = TRACK_OK;

    (void)at;
    if (!g->is_tracked)
        return true;
    bool passes = tracker_commit(g->wall->tracker, g->ask->packet, &g->view, &reason);
    g->is_confirmed = true;
    if (!passes && !g->report->astray) {
        decide(g, WALL_DROP, WALL_BY_HELPER);
        g->report->reason = reason;
    }
    if (passes || !g->report->astray)
        keep_flow(g);
    return passes;
}

/* ---- NAT ---- */

/* Asked about by itself, a packet of a connection that is open: its first packet met the rules of nat, on the
 * way that this one goes, or on the way back. */
static struct verdict_packet first_packet(const struct passage *g, struct packet *packet,
                                          struct track_view *view)
{
    struct verdict_packet first = g->packet;

    *view = g->view;
    view->state = TRACK_NEW;
    view->direction = TRACK_ORIGINAL;
    view->fresh = true;
    *packet = *g->ask->packet;
    if (packet->protocol == PACKET_TCP)
        packet->tcp.flags = PACKET_SYN;
    first.packet = packet;
    first.view = view;
    if (g->view.direction == TRACK_ORIGINAL)
        return first;
    packet->source = g->ask->packet->destination;
    packet->destination = g->ask->packet->source;
    packet->source_port = g->ask->packet->destination_port;
    packet->destination_port = g->ask->packet->source_port;
    first.in = g->packet.out;
    first.out = g->packet.in;
    first.unknown &= ~(uint32_t)(VERDICT_NO_IN | VERDICT_NO_OUT);
    first.unknown |= g->packet.unknown & VERDICT_NO_IN ? VERDICT_NO_OUT : 0;
    first.unknown |= g->packet.unknown & VERDICT_NO_OUT ? VERDICT_NO_IN : 0;
    return first;
}

/* Would they have sent it elsewhere? */
static bool meet_nat_of_first(struct passage *g)
{
    static const enum wall_path back[] = {
        [WALL_IN] = WALL_OUT, [WALL_OUT] = WALL_IN, [WALL_THROUGH] = WALL_THROUGH, [WALL_LOOP] = WALL_LOOP};
    struct packet packet;
    struct track_view view;
    struct verdict_packet first = first_packet(g, &packet, &view);
    enum wall_path path = g->view.direction == TRACK_REPLY ? back[g->ask->path] : g->ask->path;
    struct order_place place = {0};
    struct verdict v;

    while (order_next(path, &place)) {
        bool behind = g->view.direction == TRACK_ORIGINAL && rewrites_source(place.hook);

        if (place.stop->deed != ORDER_NAT || behind)
            continue;
        first.hook = place.hook;
        walk_rules(g->wall->rules, RULES_NAT, &first, g->wall->memory, NULL, &v);
        if (v.code != VERDICT_DEPENDS)
            continue;
        g->packet.hook = place.hook;
        decide_by_rules(g, &v, RULES_NAT);
        go_astray(g);
        return false;
    }
    return true;
}

/* nf_nat_inet_fn: rules decide about a connection once, what follows of it is translated alike. */
static bool meet_nat(struct passage *g, const struct order_place *at)
{
    bool open = g->view.state == TRACK_ESTABLISHED || g->view.state == TRACK_RELATED;

    if (g->view.fresh)
        return meet_rules(g, at);
    if (g->is_tracked || !open || !g->wall->rules->rewrites[RULES_NAT])
        return true;
    return meet_nat_of_first(g);
}

/* ---- the whole way ---- */

/* ip_forward drops what has no hop left, and what a rule before it set is not evaluated. */
static void meet_forwarding(struct passage *g)
{
    const struct linear_place *hops = &g->wall->rules->hops;
    const struct verdict v = {
        .code = VERDICT_DEPENDS,
        .chain = hops->chain,
        .rule = hops->chain ? &hops->chain->rules[hops->next] : NULL,
        .number = (uint32_t)hops->next + 1,
        .because =
            "the TTL that a rule sets, which is not evaluated: a packet without hops left is not forwarded",
    };

    if (g->packet.unknown & VERDICT_NO_TTL)
        decide_by_rules(g, &v, RULES_MANGLE);
}

static void pass(struct passage *g)
{
    static bool (*const meet[])(struct passage *g, const struct order_place *at) = {
        [ORDER_RULES] = meet_rules,
        [ORDER_NAT] = meet_nat,
        [ORDER_CONNTRACK] = meet_conntrack,
        [ORDER_CONFIRM] = meet_confirm,
    };
    const struct wall_rules *rules = g->wall->rules;
    struct order_place place = {0};

    *g->report = (struct wall_report){.table = RULES_RAW, .hook = order_hook(g->ask->path, RULES_RAW)};
    if (rules->rewriter)
        decide_beside(g, rules->rewriter);
    for (bool on = true; on && order_next(g->ask->path, &place);) {
        if (place.hook == RULES_FORWARD && g->packet.hook != RULES_FORWARD)
            meet_forwarding(g);
        on = meet[place.stop->deed](g, &place);
    }
    if (rules->dropper && g->report->fate == WALL_PASS)
        decide_beside(g, rules->dropper);
}

static struct passage begin(struct wall *w, const struct wall_ask *ask, const struct verdict_trace *trace,
                            struct wall_report *ret)
{
    struct passage g = {.wall = w, .ask = ask, .packet = describe(ask), .trace = trace, .report = ret};

    g.packet.unknown |= w->rules->sockmark ? VERDICT_NO_MARK : 0;
    return g;
}

void wall_packet(struct wall *w, const struct packet *packet, enum wall_path path,
                 const struct wall_world *world, uint64_t now_ms, const struct verdict_trace *trace,
                 struct wall_report *ret)
{
    const struct wall_ask ask = {.packet = packet, .path = path, .world = world, .now_ms = now_ms};
    struct passage g = begin(w, &ask, trace, ret);

    g.is_tracked = true;
    g.packet.tracker = w->tracker;
    g.packet.unknown |= w->forgotten;
    pass(&g);
}

void wall_ask(struct wall *w, const struct wall_ask *ask, const struct verdict_trace *trace,
              struct wall_report *ret)
{
    struct passage g = begin(w, ask, trace, ret);

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
