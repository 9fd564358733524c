/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/wall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/language/names.h"
#include "track/decide.h"
#include "track/native/nat.h"
#include "track/tuple.h"
#include "verdict/condition/field.h"
#include "verdict/image/image.h"
#include "verdict/linear.h"
#include "verdict/nft/walk.h"

/* ---- rules, walked in either way ---- */

/* How many rules are asked one by one before compiling, for each rule and at all: a quarter of those that
 * could be asked in the time that it takes (2.5 us a rule and 0.2 ms at all, against 10 ns). Whoever has
 * asked so much mostly goes on asking. */
enum { PRICE_OF_RULE = 64, PRICE_AT_ALL = 5000 };

struct wall_rules {
    struct rules *model; /* only written to when count is set */
    bool count;
    bool rewrites[RULES_TABLES]; /* has a target that sends packets elsewhere */
    bool has_nat;  /* any chain of NAT at all: then the kernel maps connections, be it to themselves */
    bool sockmark; /* has a match that gives the packet the mark of its socket */
    const struct rules_beside *rewriter,
        *dropper;        /* the first beside them that may do such, or drop; or NULL */
    struct order order;  /* of tables and of nft's chains */
    struct image *image; /* NULL: not compiled */
    uint64_t spent;      /* rules that were asked where the image would have done */
    uint64_t price;      /* from so many on it is compiled */
};

static void look_at_rule(struct wall_rules *r, int table, const struct rules_chain *chain, size_t at)
{
    const struct rules_rule *rule = &chain->rules[at];
    const struct rules_target *target = &rule->target;
    uint16_t changes = rules_target_changes(target);

    r->rewrites[table] |= (changes & RULES_CHANGES_ADDRESSES) != 0;
    for (uint16_t m = 0; m < rule->match_count; m++)
        r->sockmark |= rule->matches[m].type == RULES_MATCH_OPAQUE && rule->matches[m].opaque.changes;
}

static void look_at_rules(struct wall_rules *r)
{
    uint64_t count = 0;

    for (int t = 0; t < 2 * RULES_TABLES; t++) {
        const struct rules *rules = t < RULES_TABLES ? r->model : r->model->other;
        if (!rules)
            break;
        const struct rules_table *table = &rules->tables[t % RULES_TABLES];

        for (size_t c = 0; c < table->count; c++) {
            const struct rules_chain *chain = table->chains[c];

            count += chain->count;
            for (size_t i = 0; i < chain->count; i++)
                look_at_rule(r, t % RULES_TABLES, chain, i);
        }
    }
    r->price = PRICE_AT_ALL + count * PRICE_OF_RULE;
}

static void look_at_nft(struct wall_rules *r)
{
    for (size_t i = 0; i < r->order.count; i++)
        r->rewrites[RULES_NAT] |= r->order.stops[i].deed == ORDER_NFT_NAT;
    r->has_nat = r->rewrites[RULES_NAT] || r->model->tables[RULES_NAT].present ||
                 (r->model->other && r->model->other->tables[RULES_NAT].present);
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
    if (!order_init(&rules->order, r)) {
        free(rules);
        return NULL;
    }
    look_at_rules(rules);
    look_at_nft(rules);
    look_beside(rules);
    return rules;
}

void wall_rules_free(struct wall_rules **r)
{
    if (!*r)
        return;
    image_free(&(*r)->image);
    order_fini(&(*r)->order);
    free(*r);
    *r = NULL;
}

uint32_t wall_rules_writes(const struct wall_rules *r)
{
    uint32_t writes = 0;

    for (size_t i = 0; i < r->order.count; i++)
        writes |= r->order.stops[i].writes;
    return writes;
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
    uint32_t forgotten;      /* enum verdict_ignorance: what some rule may have changed for good */
    struct packet_copy copy; /* of the packet under way, once it is written to */
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

/* ---- a packet's passage ---- */

struct passage {
    struct wall *wall;
    const struct wall_ask *ask;
    enum wall_path path;            /* as far as it is decided */
    bool is_tracked;                /* by the wall's tracker; else the asker makes the connection up */
    struct track_flow made_up;      /* that connection */
    struct verdict_packet packet;   /* as the next rule sees it */
    struct track_view view;         /* once conntrack has looked */
    struct track_template template; /* what raw said */
    bool template_unknown;
    bool is_confirmed;     /* the tracker is through with it */
    struct way_place hops; /* the rule that wrote the TTL last */
    bool is_written[2];    /* by enum nat_manip: it has been where NAT writes that end */
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
        .host = world->host,
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
    if (fate == WALL_PASS &&
        (table != RULES_FILTER || (report->verdict.nft_rule && !v->rule && !v->nft_rule)))
        return; /* what accepted it tells more than what let it pass */
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
    if (v->code != VERDICT_REJECT || !track_answered_with_reset(packet))
        return false;
    if (v->nft_rule)
        return nft_rule_resets(v->nft_rule);
    return strcmp(rules_reject_name(packet->family, v->rule->target.reject.with), "tcp-reset") == 0;
}

/* What rules did to marks, and what they may have done to other things. CONNMARK has had its effect on a known
 * connection even if the packet is dropped after it. */
static void take_changes(struct passage *g, const struct verdict *v)
{
    g->packet.mark = v->mark;
    g->packet.written = v->written;
    g->hops = way_place_is_rule(&v->hops) ? v->hops : g->hops;
    g->packet.unknown = (g->packet.unknown & ~(uint32_t)VERDICT_CHANGEABLE) | v->unknown;
    if (!g->is_tracked)
        return;
    if (v->connmark_set && g->view.flow)
        g->view.flow->mark = v->connmark;
    g->wall->forgotten |= v->unknown & VERDICT_LASTING;
}

static const struct track_template *template_of(const struct passage *g)
{
    const struct track_template *t = &g->template;

    return t->notrack || t->zone || t->helper != TRACK_HELPER_NONE ? t : NULL;
}

static void take_template(struct passage *g, const struct verdict *v)
{
    g->template = v->template;
    g->template_unknown |= v->template_unknown;
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

/* What the rules of one place say of a packet. */
static void walk_stop(const struct passage *g, const struct order_stop *stop, const struct verdict_packet *p,
                      const struct verdict_trace *trace, struct verdict *ret)
{
    struct wall_rules *rules = g->wall->rules;
    enum rules_table_type table = (enum rules_table_type)stop->table;

    if (stop->chain)
        nft_walk(stop->chain, p, g->wall->memory, trace, ret);
    else if (stop->other && p->packet->family == rules->model->family)
        linear_walk(rules->model->other, table, p, g->wall->memory, rules->count, trace, ret);
    else
        walk_rules(rules, table, p, g->wall->memory, trace, ret);
}

/* Of two at one place that both stop the packet the first one counts, and which that is is not known: it may be dropped or
 * rejected. */
static bool rivals_disagree(struct passage *g, const struct order_place *at, const struct verdict *v)
{
    struct order_place next = *at;
    struct verdict other;

    if (v->code != VERDICT_DROP && v->code != VERDICT_REJECT)
        return false;
    while (order_next_of(&g->wall->rules->order, g->path, &next) && next.hook == at->hook &&
           order_is_same_place(next.stop, at->stop)) {
        if (next.stop->deed != ORDER_NFT && next.stop->deed != ORDER_RULES)
            continue;
        walk_stop(g, next.stop, &g->packet, NULL, &other);
        if (other.code != VERDICT_ACCEPT && other.code != v->code)
            return true;
    }
    return false;
}

static void doubt_first(struct passage *g)
{
    g->report->fate = WALL_UNKNOWN;
    g->report->verdict.code = VERDICT_DEPENDS;
    g->report->verdict.because = "which of two chains of the same priority is first";
}

/* What rules said is done. Does the packet go on? */
static bool heed(struct passage *g, const struct verdict *v, enum rules_table_type table, bool astray)
{
    bool begun = g->is_tracked && g->packet.view;

    take_changes(g, v);
    if (begun && is_answered_with_reset(v, g->packet.packet))
        tracker_close(g->wall->tracker, &g->view);
    keep_flow(g);
    decide_by_rules(g, v, table);
    if (v->code == VERDICT_DEPENDS && astray)
        go_astray(g);
    if (v->code != VERDICT_DROP && v->code != VERDICT_REJECT)
        return true;
    if (begun && !g->is_confirmed)
        tracker_abandon(g->wall->tracker, &g->view);
    return false;
}

/* A table's rules are asked, and what they say is done. *v: what they said; ACCEPT, if they are not asked. */
static bool ask_rules(struct passage *g, const struct order_place *at, struct verdict *v)
{
    enum rules_table_type table = (enum rules_table_type)at->stop->table;
    const struct wall_rules *rules = g->wall->rules;

    *v = (struct verdict){.code = VERDICT_ACCEPT};
    if (!at->stop->other && !rules->model->tables[table].present && table != RULES_FILTER)
        return true;
    if (g->report->astray)
        return g->is_tracked; /* it is tracked as if these let it pass, too */
    g->packet.hook = at->hook;
    if (table == RULES_FILTER && g->ask->world->mark_is_sure) {
        g->packet.mark = g->ask->world->mark;
        g->packet.unknown &= ~(uint32_t)VERDICT_NO_MARK;
    }
    walk_stop(g, at->stop, &g->packet, g->trace, v);
    if (g->trace && g->trace->table && !at->stop->other)
        g->trace->table(g->trace->arg, table, &g->packet, v);
    /* xt_CT leaves alone what has a connection, or a template by the other back end's rules */
    if (table == RULES_RAW && !g->packet.view && !template_of(g))
        take_template(g, v);
    bool disagree = rivals_disagree(g, at, v), on = heed(g, v, table, leads_astray(g, table));
    if (disagree)
        doubt_first(g);
    return on;
}

static bool meet_rules(struct passage *g, const struct order_place *at)
{
    struct verdict v;

    return ask_rules(g, at, &v);
}

/* nft's "ct helper set", of a connection that this packet begins. */
static void take_help(struct passage *g, const struct verdict *v)
{
    if (!v->help.set || !g->view.fresh)
        return;
    if (g->is_tracked)
        tracker_help(g->wall->tracker, &g->view, (enum track_helper)v->help.helper);
    else
        g->made_up.helper = v->help.helper;
}

/* A chain behind one that said how the packet is to be tracked sees that. */
static void walk_nft(struct passage *g, const struct nft_chain *chain, struct verdict *ret)
{
    static const struct track_view untracked = {.state = TRACK_UNTRACKED}, new = {.state = TRACK_NEW};
    bool early = !g->packet.view;

    if (early && template_of(g))
        g->packet.view = g->template.notrack ? &untracked : &new;
    nft_walk(chain, &g->packet, g->wall->memory, g->trace, ret);
    if (early && !template_of(g))
        take_template(g, ret);
    if (early)
        g->packet.view = NULL;
}

/* At conntrack's own priority it is not known which of the two is first. */
static void doubt_tracking(struct passage *g, const struct nft_chain *chain, struct verdict *v)
{
    struct verdict_packet untracked = g->packet;
    struct verdict other;

    if (chain->priority != ORDER_PRIORITY_CONNTRACK ||
        (chain->hook != RULES_PREROUTING && chain->hook != RULES_OUTPUT))
        return;
    untracked.view = NULL;
    nft_walk(chain, &untracked, g->wall->memory, NULL, &other);
    if (other.code == v->code && !(chain->writes & NFT_WRITES_TRACKING))
        return;
    v->code = VERDICT_DEPENDS;
    v->because = "whether a chain of conntrack's own priority is before or behind it";
}

/* The same of a base chain of nft's. */
static bool ask_nft(struct passage *g, const struct order_place *at, struct verdict *v)
{
    const struct nft_chain *chain = at->stop->chain;
    bool maps = at->stop->deed == ORDER_NFT_NAT,
         filters = !maps && at->hook != RULES_PREROUTING && at->hook != RULES_POSTROUTING;

    *v = (struct verdict){.code = VERDICT_ACCEPT};
    if (g->ask->packet->family != g->wall->rules->model->family)
        return true;
    if (g->report->astray)
        return g->is_tracked; /* as in ask_rules */
    g->packet.hook = at->hook;
    walk_nft(g, chain, v);
    if (g->trace && g->trace->nft_chain)
        g->trace->nft_chain(g->trace->arg, &g->packet, v);
    doubt_tracking(g, chain, v);
    take_help(g, v);
    enum rules_table_type as = maps ? RULES_NAT : filters ? RULES_FILTER : RULES_MANGLE;
    bool disagree = rivals_disagree(g, at, v);
    bool on = heed(g, v, as, chain->writes & (NFT_WRITES_TRACKING | NFT_WRITES_ADDRESSES));
    if (disagree)
        doubt_first(g);
    return on;
}

static bool meet_nft(struct passage *g, const struct order_place *at)
{
    struct verdict v;

    return ask_nft(g, at, &v);
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

static void doubt_nat_ftp(struct passage *g)
{
    static const struct verdict open = {
        .code = VERDICT_DEPENDS,
        .because = "whether nf_nat_ftp is loaded, which writes the address that the other side knows into "
                   "what is announced",
    };

    if (!g->report->astray)
        decide_by_rules(g, &open, RULES_RAW);
    go_astray(g);
}

static bool meet_confirm(struct passage *g, const struct order_place *at)
{
    enum track_reason reason = TRACK_OK;

    (void)at;
    if (!g->is_tracked)
        return true;
    struct packet_copy *copy = &g->wall->copy;
    bool passes = tracker_commit(g->wall->tracker, g->packet.packet, copy, &g->view, &reason);
    g->is_confirmed = true;
    if (copy->packet.family)
        g->packet.packet = &copy->packet;
    if (passes && reason == TRACK_NAT_FTP_OPEN)
        doubt_nat_ftp(g);
    if (!passes && !g->report->astray) {
        decide(g, WALL_DROP, WALL_BY_HELPER);
        g->report->reason = reason;
    }
    if (passes || !g->report->astray)
        keep_flow(g);
    return passes;
}

/* Does this machine send it? */
static bool is_sent_here(const struct passage *g)
{
    return g->ask->path == WALL_OUT || g->ask->path == WALL_LOOP;
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

    while (order_next_of(&g->wall->rules->order, path, &place)) {
        bool behind = g->view.direction == TRACK_ORIGINAL && rewrites_source(place.hook);
        bool of_nft = place.stop->deed == ORDER_NFT_NAT;

        if ((place.stop->deed != ORDER_NAT && !of_nft) || behind)
            continue;
        first.hook = place.hook;
        walk_stop(g, place.stop, &first, NULL, &v);
        if (v.code != VERDICT_DEPENDS && v.nat.kind == NAT_NONE)
            continue;
        if (v.nat.kind != NAT_NONE)
            v.because =
                "where the connection was sent when it began (NAT), of which this packet alone says nothing";
        v.code = VERDICT_DEPENDS;
        g->packet.hook = place.hook;
        decide_by_rules(g, &v, RULES_NAT);
        go_astray(g);
        return false;
    }
    return true;
}

/* Of a connection of this machine's own, or towards it: an address that stands in for one that is not known. It must
 * be nobody's in the conversation. */
static struct packet_address stand_in(const struct packet *p)
{
    static const uint8_t four[] = {192, 0, 2, 1}, six[] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xff, [15] = 1};
    struct packet_address a = {{0}};
    uint8_t *last = (uint8_t *)a.word + (p->family == PACKET_IPV6 ? 15 : 3);

    __builtin_memcpy(a.word, p->family == PACKET_IPV6 ? six : four, p->family == PACKET_IPV6 ? 16 : 4);
    while (packet_address_equal(&a, &p->source) || packet_address_equal(&a, &p->destination))
        ++*last;
    return a;
}

static struct packet_address loopback_address(uint8_t family)
{
    struct packet_address a = {{0}};
    uint8_t *octets = (uint8_t *)a.word;

    octets[family == PACKET_IPV6 ? 15 : 3] = 1;
    octets[0] = family == PACKET_IPV6 ? 0 : 127;
    return a;
}

/* nf_nat_redirect.c, nf_nat_masquerade.c: which address of this machine is meant? Status bits of what is open. */
static uint16_t resolve(const struct passage *g, struct nat_order *order)
{
    const struct host *host = g->ask->world->host;
    const struct packet *p = g->packet.packet;
    bool out = order->kind == NAT_MASQUERADE;
    uint16_t open = 0;

    if (order->kind == NAT_MAP)
        return 0;
    order->kind = NAT_MAP;
    order->flags |= NAT_MAPS_ADDRESSES;
    if (!out && g->packet.hook == RULES_OUTPUT) {
        order->first = loopback_address(p->family);
    } else if (!host_address_of(host, out ? g->packet.out : g->packet.in, p->family,
                                out ? &p->destination : NULL, &order->first)) {
        order->first = stand_in(p);
        open = out ? TRACK_SRC_ADDRESS_OPEN : TRACK_DST_ADDRESS_OPEN;
    }
    order->last = order->first;
    return open;
}

/* What rules behind can't know of its ends, since it is not known what they were mapped to. */
static void blur(struct passage *g)
{
    static const struct {
        uint16_t open;
        uint8_t manip;
        uint32_t forth, back;
    } rows[] = {
        {TRACK_SRC_ADDRESS_OPEN, NAT_SOURCE, VERDICT_NO_SOURCE, VERDICT_NO_DESTINATION},
        {TRACK_SRC_PORT_OPEN, NAT_SOURCE, VERDICT_NO_SOURCE_PORT, VERDICT_NO_DESTINATION_PORT},
        {TRACK_DST_ADDRESS_OPEN, NAT_DESTINATION, VERDICT_NO_DESTINATION, VERDICT_NO_SOURCE},
        {TRACK_DST_PORT_OPEN, NAT_DESTINATION, VERDICT_NO_DESTINATION_PORT, VERDICT_NO_SOURCE_PORT},
    };
    const struct track_flow *flow = g->view.flow;

    g->packet.unknown &= ~(uint32_t)VERDICT_NO_ENDS;
    for (size_t i = 0; flow && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!(flow->status & rows[i].open))
            continue;
        g->packet.unknown |= VERDICT_NO_TUPLE;
        bool reply = g->view.direction == TRACK_REPLY;
        /* Forth it is open once it is written, back until then. */
        if (g->is_written[reply ? !rows[i].manip : rows[i].manip] != reply)
            g->packet.unknown |= reply ? rows[i].back : rows[i].forth;
    }
}

/* nf_nat_packet: the end of this hook becomes what the connection's tuples say. */
static void write_end(struct passage *g, enum nat_manip manip)
{
    struct packet_copy *copy = &g->wall->copy;
    bool source = manip == NAT_SOURCE;
    struct track_tuple to;

    g->is_written[manip] = true;
    if (!nat_rewrites(g->view.flow, g->view.direction, manip, &to))
        return;
    if (packet_copy_take(copy, g->packet.packet) < 0) { /* out of memory: nothing is sure */
        go_astray(g);
        return;
    }
    packet_copy_set_end(copy, source, source ? &to.source : &to.destination,
                        source || track_is_icmp(to.protocol) ? to.source_port : to.destination_port);
    g->packet.packet = &copy->packet;
}

/* What a rule of nat makes of it is not known. */
static bool leave_open(struct passage *g, struct verdict *v, const char *because)
{
    v->code = VERDICT_DEPENDS;
    v->because = because;
    decide_by_rules(g, v, RULES_NAT);
    go_astray(g);
    return g->is_tracked;
}

/* The connection's first packet: rules say what becomes of this end. */
static bool decide_end(struct passage *g, const struct order_place *at, enum nat_manip manip)
{
    struct verdict v;
    bool on = at->stop->deed == ORDER_NFT_NAT ? ask_nft(g, at, &v) : ask_rules(g, at, &v);
    bool maps = v.code == VERDICT_ACCEPT && v.nat.kind != NAT_NONE,
         own = maps && v.nat.kind == NAT_MASQUERADE && is_sent_here(g);

    if (!on || !maps || g->report->astray)
        return on;
    if (g->ask->world->outside)
        return leave_open(
            g, &v, "where the connection is sent instead (NAT), of which a capture shows one side only");
    uint16_t open = resolve(g, &v.nat);
    if (own && open) /* mostly it has that address already */
        return leave_open(g, &v, "the address of the interface that the packet leaves by (--address)");
    nat_map(g->wall->tracker, g->view.flow, manip, &v.nat);
    g->view.flow->status |= open;
    g->report->mapped[manip] = (struct wall_mapping){at->hook, v};
    g->report->is_mapped[manip] = true;
    g->report->flow = *g->view.flow;
    return true;
}

/* Does another of NAT's chains stand behind this one at the hook? */
static bool is_last_of_nat(const struct passage *g, const struct order_place *at)
{
    struct order_place next = *at;

    return !order_next_of(&g->wall->rules->order, g->path, &next) || next.hook != at->hook ||
           (next.stop->deed != ORDER_NAT && next.stop->deed != ORDER_NFT_NAT);
}

/* nf_nat_inet_fn: rules decide about a connection once, the first that maps it; what follows of it is translated alike. */
static bool meet_nat(struct passage *g, const struct order_place *at)
{
    enum nat_manip manip = rewrites_source(at->hook) ? NAT_SOURCE : NAT_DESTINATION;
    bool open = g->view.state == TRACK_ESTABLISHED || g->view.state == TRACK_RELATED;

    if (!g->wall->rules->has_nat || g->report->astray)
        return !g->report->astray || g->is_tracked;
    if (!g->is_tracked && open && !g->view.fresh)
        return !g->wall->rules->rewrites[RULES_NAT] || meet_nat_of_first(g);
    if (!g->view.flow)
        return true;
    if (g->view.fresh && !nat_is_mapped(g->view.flow, manip) && !decide_end(g, at, manip))
        return false;
    if (!is_last_of_nat(g, at) || g->report->astray)
        return !g->report->astray || g->is_tracked;
    if (g->view.fresh)
        nat_map(g->wall->tracker, g->view.flow, manip,
                NULL); /* unless a rule has: so that it clashes with no other */
    write_end(g, manip);
    blur(g);
    return true;
}

/* ---- where it goes ---- */

static bool is_local_address(const struct passage *g, const struct packet_address *a)
{
    const struct wall_world *world = g->ask->world;

    for (size_t i = 0; i < world->local_count; i++) {
        if (packet_address_equal(a, &world->local[i]))
            return true;
    }
    return false;
}

/* Has NAT just given it another destination? Of further packets of the connection, and of connections that it announced,
 * the asker knows where they go. */
static bool is_sent_elsewhere(const struct passage *g)
{
    return g->view.fresh && g->view.flow && !(g->view.flow->status & TRACK_EXPECTED) &&
           (!packet_address_equal(&g->packet.packet->destination, &g->ask->packet->destination) ||
            g->packet.unknown & VERDICT_NO_DESTINATION);
}

/* Without a host: as the asker says, unless it was sent elsewhere. */
static void guess_way(const struct passage *g, bool moved, struct host_way *ret)
{
    bool here = g->path == WALL_IN || g->path == WALL_LOOP;

    *ret = (struct host_way){.fate = here ? HOST_LOCAL : HOST_FORWARD};
    if (g->ask->world->made_up && !g->packet.view)
        ret->fate = HOST_UNKNOWN;
    if (!moved)
        return;
    if (g->packet.unknown & VERDICT_NO_DESTINATION || is_local_address(g, &g->packet.packet->destination))
        ret->fate = HOST_LOCAL;
    else
        ret->fate = HOST_UNKNOWN;
}

static void find_way(const struct passage *g, bool moved, struct host_way *ret)
{
    const struct wall_world *world = g->ask->world;
    const struct packet *p = g->packet.packet;
    bool sends = is_sent_here(g);
    const struct host_question q = {
        .family = p->family,
        .source = p->source,
        .destination = p->destination,
        .in = sends                               ? NULL
              : g->packet.unknown & VERDICT_NO_IN ? ""
                                                  : g->packet.in,
        .mark = g->packet.mark,
        .mark_unknown = g->packet.unknown & VERDICT_NO_MARK,
        .tos = condition_tos(&g->packet),
    };

    if (world->host && !(moved && g->packet.unknown & VERDICT_NO_DESTINATION))
        host_route(world->host, &q, ret);
    else
        guess_way(g, moved, ret);
    if (ret->fate == HOST_UNKNOWN && !moved && !world->made_up)
        guess_way(g, false, ret);
}

static void decide_by_route(struct passage *g, enum wall_fate fate, const struct host_way *way)
{
    if (g->report->fate == WALL_UNKNOWN && fate == WALL_UNKNOWN)
        return;
    decide(g, fate, WALL_BY_ROUTE);
    g->report->hook = g->packet.hook;
    g->report->way = *way;
}

static bool go_nowhere(struct passage *g, const struct host_way *way)
{
    decide_by_route(g, WALL_DROP, way);
    if (g->is_tracked && g->packet.view)
        tracker_abandon(g->wall->tracker, &g->view);
    return false;
}

/* Behind PREROUTING; before OUTPUT, and behind it where NAT gave it another destination. false: it goes nowhere. */
static bool route(struct passage *g)
{
    bool sends = is_sent_here(g), moved = is_sent_elsewhere(g);
    struct host_way way;

    if (g->report->astray || (!moved && !g->ask->world->host && !g->ask->world->made_up))
        return true;
    find_way(g, moved, &way);
    if (way.fate == HOST_UNKNOWN) {
        decide_by_route(g, WALL_UNKNOWN, &way);
        go_astray(g);
        return true;
    }
    if (way.fate == HOST_NOWHERE)
        return go_nowhere(g, &way);
    if (way.fate == HOST_SPECIAL)
        return true;
    bool here = way.fate == HOST_LOCAL;
    if (!here && !sends &&
        host_forwards(g->ask->world->host, g->packet.packet->family, g->packet.in) == HOST_NO) {
        way.why = "this machine does not forward (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding)";
        return go_nowhere(g, &way);
    }
    g->path = sends ? (here ? WALL_LOOP : WALL_OUT) : here ? WALL_IN : WALL_THROUGH;
    g->packet.routed = g->path == WALL_THROUGH;
    if (here && sends)
        strcpy(way.out, "lo");
    bool said = !moved && g->packet.out[0] && !(g->packet.unknown & VERDICT_NO_OUT);
    if (said && !here)
        return true; /* what the asker says goes before routes */
    if (way.out[0] && g->path != WALL_IN) {
        strcpy(g->report->out, way.out);
        g->packet.out = g->report->out;
        g->packet.unknown &= ~(uint32_t)VERDICT_NO_OUT;
    } else if (moved && g->path != WALL_IN) {
        g->packet.unknown |= VERDICT_NO_OUT;
    }
    return true;
}

/* ---- the whole way ---- */

/* What the rule that wrote the TTL has brought about. */
static bool leave_no_hop(struct passage *g, enum verdict_code code, const char *because)
{
    const struct way_place *at = &g->hops;
    const struct verdict v = {.code = code,
                              .chain = at->chain,
                              .rule = at->rule,
                              .nft_chain = at->nft_chain,
                              .nft_rule = at->nft_rule,
                              .number = at->rule ? (uint32_t)(at->rule - at->chain->rules) + 1 : 0,
                              .because = because};

    decide_by_rules(g, &v, RULES_MANGLE);
    if (code == VERDICT_DROP && g->is_tracked && g->packet.view)
        tracker_abandon(g->wall->tracker, &g->view);
    return code != VERDICT_DROP;
}

/* ip_forward, ip6_forward: what has no hop left is dropped, and else it has one less. How many a sender gives it is enough. */
static bool meet_forwarding(struct passage *g)
{
    static const char no_hops[] = "no hop is left to it: a packet whose TTL is 0 or 1 is not forwarded";

    if (g->packet.unknown & VERDICT_NO_TTL)
        return leave_no_hop(g, VERDICT_DEPENDS,
                            "the TTL that a rule leaves it: a packet without hops left is not forwarded");
    if (condition_is_hidden_ttl(&g->packet))
        return true;
    if (condition_ttl(&g->packet) <= 1 && g->packet.written.has_ttl)
        return leave_no_hop(g, VERDICT_DROP,
                            "leaving it no hop: a packet whose TTL is 0 or 1 is not forwarded");
    if (condition_ttl(&g->packet) <= 1 && g->packet.unknown & VERDICT_NO_BYTES)
        return go_nowhere(g, &(struct host_way){.fate = HOST_NOWHERE, .why = no_hops});
    if (g->packet.written.has_ttl)
        g->packet.written.ttl--;
    return true;
}

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
        [ORDER_RULES] = meet_rules,     [ORDER_NAT] = meet_nat, [ORDER_CONNTRACK] = meet_conntrack,
        [ORDER_CONFIRM] = meet_confirm, [ORDER_NFT] = meet_nft, [ORDER_NFT_NAT] = meet_nat,
    };
    const struct wall_rules *rules = g->wall->rules;
    struct order_place place = {0};

    *g->report = (struct wall_report){.table = RULES_RAW, .hook = order_hook(g->ask->path, RULES_RAW)};
    g->wall->copy.packet.family = 0;
    if (rules->rewriter)
        decide_beside(g, rules->rewriter);
    for (bool on = !is_sent_here(g) || route(g); on;) {
        struct order_place before = place;

        if (!order_next_of(&rules->order, g->path, &place))
            break;
        if (before.stop && before.hooks == 0 && place.hooks > 0 && (!is_sent_here(g) || is_rerouted(g))) {
            on = route(g);
            place = before;
            if (!on || !order_next_of(&rules->order, g->path, &place))
                break;
        }
        if (place.hook == RULES_FORWARD && g->packet.hook != RULES_FORWARD && !meet_forwarding(g))
            break;
        uint32_t unknown = hide_from_rivals(g, place.stop);
        on = meet[place.stop->deed](g, &place);
        show_after_rivals(g, place.stop, unknown);
    }
    g->report->packet = *g->packet.packet;
    g->report->path = g->path;
    if (!g->report->out[0] && !(g->packet.unknown & VERDICT_NO_OUT) && g->path != WALL_IN && g->packet.out)
        snprintf(g->report->out, sizeof(g->report->out), "%s", g->packet.out);
    if (rules->dropper && g->report->fate == WALL_PASS)
        decide_beside(g, rules->dropper);
}

static struct passage begin(struct wall *w, const struct wall_ask *ask, const struct verdict_trace *trace,
                            struct wall_report *ret)
{
    struct passage g = {
        .wall = w, .ask = ask, .path = ask->path, .packet = describe(ask), .trace = trace, .report = ret};

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
