/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/passage/ask.h"

#include <string.h>

#include "rules/language/names.h"
#include "track/decide.h"
#include "verdict/linear.h"
#include "verdict/nft/walk.h"

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

static void take_template(struct passage *g, const struct verdict *v)
{
    g->template = v->template;
    g->template_unknown |= v->template_unknown;
}

/* May more than its fate be in doubt? In raw it is how the packet is tracked; behind, where it goes. */
static bool leads_astray(const struct passage *g, enum rules_table_type table)
{
    if (table == RULES_RAW)
        return !g->packet.view && (g->is_tracked || g->template_unknown);
    return g->wall->rules->rewrites[table];
}

void passage_walk_stop(const struct passage *g, const struct order_stop *stop, const struct verdict_packet *p,
                       const struct verdict_trace *trace, struct verdict *ret)
{
    struct wall_rules *rules = g->wall->rules;
    enum rules_table_type table = (enum rules_table_type)stop->table;

    if (stop->chain)
        nft_walk(stop->chain, p, g->wall->memory, trace, ret);
    else if (stop->other && p->packet->family == rules->model->family)
        linear_walk(rules->model->other, table, p, g->wall->memory, rules->count, trace, ret);
    else
        wall_rules_walk(rules, table, p, g->wall->memory, trace, ret);
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
        passage_walk_stop(g, next.stop, &g->packet, NULL, &other);
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
    passage_keep_flow(g);
    passage_decide_by_rules(g, v, table);
    if (v->code == VERDICT_DEPENDS && astray)
        passage_go_astray(g);
    if (v->code != VERDICT_DROP && v->code != VERDICT_REJECT)
        return true;
    if (begun && !g->is_confirmed)
        tracker_abandon(g->wall->tracker, &g->view);
    return false;
}

bool passage_ask_rules(struct passage *g, const struct order_place *at, struct verdict *v)
{
    enum rules_table_type table = (enum rules_table_type)at->stop->table;
    const struct wall_rules *rules = g->wall->rules;

    if (g->report->astray ||
        (table != RULES_FILTER && !at->stop->other && !rules->model->tables[table].present)) {
        *v = (struct verdict){.code = VERDICT_ACCEPT};
        return g->is_tracked || !g->report->astray; /* it is tracked as if these let it pass, too */
    }
    g->packet.hook = at->hook;
    if (table == RULES_FILTER && g->ask->world->mark_is_sure) {
        g->packet.mark = g->ask->world->mark;
        g->packet.unknown &= ~(uint32_t)VERDICT_NO_MARK;
    }
    passage_walk_stop(g, at->stop, &g->packet, g->trace, v);
    if (g->trace && g->trace->table && !at->stop->other)
        g->trace->table(g->trace->arg, table, &g->packet, v);
    /* xt_CT leaves alone what has a connection, or a template by the other back end's rules */
    if (table == RULES_RAW && !g->packet.view && !passage_template(g))
        take_template(g, v);
    bool disagree = rivals_disagree(g, at, v), on = heed(g, v, table, leads_astray(g, table));
    if (disagree)
        doubt_first(g);
    return on;
}

bool passage_meet_rules(struct passage *g, const struct order_place *at)
{
    struct verdict v;

    return passage_ask_rules(g, at, &v);
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

    if (early && passage_template(g))
        g->packet.view = g->template.notrack ? &untracked : &new;
    nft_walk(chain, &g->packet, g->wall->memory, g->trace, ret);
    if (early && !passage_template(g))
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

bool passage_ask_nft(struct passage *g, const struct order_place *at, struct verdict *v)
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

bool passage_meet_nft(struct passage *g, const struct order_place *at)
{
    struct verdict v;

    return passage_ask_nft(g, at, &v);
}
