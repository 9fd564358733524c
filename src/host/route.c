/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing decision. Rules are asked in their order; one of which it is not known whether it holds is followed and
 * passed by, and only if both come to the same is there an answer.
 */
#include "host/private.h"

#include "base/wire.h"

#include <string.h>

enum holds { HOLDS_NOT, HOLDS, HOLDS_PERHAPS };

struct ask {
    const struct host *h;
    const struct host_question *q;
    const char *only;  /* the interface by which the way must lead; NULL: any */
    bool even_down;    /* a link that is down is as good */
    const char *lacks; /* what was not said of tables that had no route for it; NULL: nothing */
    bool unsure;       /* any route found is: it may be an address of this machine */
};

static const struct host_rule default_rules[] = {
    {.family = PACKET_IPV4, .table = HOST_TABLE_LOCAL, .suppress = -1},
    {.family = PACKET_IPV4, .priority = 32766, .table = HOST_TABLE_MAIN, .suppress = -1},
    {.family = PACKET_IPV4, .priority = 32767, .table = HOST_TABLE_DEFAULT, .suppress = -1},
    {.family = PACKET_IPV6, .table = HOST_TABLE_LOCAL, .suppress = -1},
    {.family = PACKET_IPV6, .priority = 32766, .table = HOST_TABLE_MAIN, .suppress = -1},
};

static const char odd_rule[] = "what a routing rule means that has words which are not known";

static const char hidden_table[] = "whether an interface is of a VRF, whose table a routing rule asks";

static const char *const refusals[] = {
    [HOST_UNREACHABLE] = "a route that says unreachable",
    [HOST_PROHIBIT] = "a route that says prohibit",
    [HOST_BLACKHOLE] = "a route that says blackhole",
};

static uint32_t first_byte(const struct packet_address *a)
{
    return __builtin_bswap32(a->word[0]) >> 24;
}

static bool is_multicast(uint8_t family, const struct packet_address *a)
{
    return family == PACKET_IPV6 ? first_byte(a) == 0xff : first_byte(a) >> 4 == 14;
}

static bool is_strict(const struct host_question *q) /* rt6_need_strict */
{
    return q->family == PACKET_IPV6 && (__builtin_bswap32(q->destination.word[0]) & 0xffc00000) == 0xfe800000;
}

/* ---- one table ---- */

static bool is_usable(const struct ask *ask, uint8_t family, const struct host_hop *hop)
{
    int ignore;

    if (hop->dead &&
        !(hop->linkdown &&
          ask->even_down)) /* ip says dead, too, of what ignore_routes_with_linkdown leaves out */
        return false;
    if (ask->only && strcmp(ask->only, hop->out) != 0)
        return false;
    if (hop->linkdown && !ask->even_down &&
        host_switch_either(ask->h, family, HOST_SWITCH_IGNORE_LINKDOWN, hop->out, &ignore))
        return !ignore;
    return true;
}

/* A way of l that can be taken into *ret, as far as they are alike; false: there is none. */
static bool choose_hop(const struct ask *ask, const struct host_line *l, struct host_found *ret)
{
    bool has = l->hop_count == 0 && !ask->only;

    for (size_t i = 0; i < l->hop_count; i++) {
        const struct host_hop *hop = &ask->h->hops[l->hop + i];
        if (!is_usable(ask, l->family, hop))
            continue;
        ret->differ |= ret->hop && strcmp(ret->hop->out, hop->out) != 0;
        if (!ret->hop)
            ret->hop = hop;
        has = true;
    }
    return has;
}

static bool is_refusal(const struct host_line *l)
{
    return l->kind >= HOST_UNREACHABLE;
}

static bool line_fits(const struct ask *ask, const struct host_line *l)
{
    const struct host_question *q = ask->q;
    const struct host_family *known = &ask->h->known[q->family == PACKET_IPV6];

    if (l->made && (l->table == HOST_TABLE_LOCAL ? known->local : known->routes))
        return false;
    if (q->family == PACKET_IPV4 && l->tos && l->tos != (q->tos & 0x1c))
        return false;
    return !l->from.length || host_under(&q->source, &l->from);
}

/* IPv6: of one prefix and metric there may be several routes. */
static bool is_equal(const struct host_line *a, const struct host_line *b)
{
    return b->family == PACKET_IPV6 && a->to.length == b->to.length && a->from.length == b->from.length &&
           a->metric == b->metric;
}

static bool is_by_unknown(const struct host_question *q)
{
    return q->in && !q->in[0];
}

/* rt6_score_route: what the router said of itself, then that it lies where the packet came in. */
static int score(const struct ask *ask, const struct host_found *f)
{
    const char *in = ask->q->in;

    return f->line->preference * 2 + (!in || (f->hop && strcmp(f->hop->out, in) == 0));
}

/* Of two routes that are as good a router takes the first; a host the one whose neighbour answers, which is not known. */
static void choose_line(const struct ask *ask, const struct host_found *f, struct host_found *best)
{
    int difference = best->line ? score(ask, f) - score(ask, best) : 1;

    if (difference > 0) {
        *best = *f;
    } else if (difference == 0 &&
               (is_by_unknown(ask->q) || host_forwards(ask->h, PACKET_IPV6, "") != HOST_YES)) {
        best->clash |= is_refusal(f->line) || f->line->kind != best->line->kind;
        best->differ |= f->differ || !best->hop || !f->hop || strcmp(best->hop->out, f->hop->out) != 0;
    }
}

/* The first route of a place that is not before key's, or with behind that is behind it. */
static size_t find_place(const struct host *h, const struct host_line *key, bool behind)
{
    size_t low = 0, high = h->line_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (host_compare_place(&h->lines[middle], key) < (behind ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All the routes of one prefix, key's. */
static void look_at_place(const struct ask *ask, const struct host_line *key, struct host_found *ret)
{
    const struct host *h = ask->h;

    for (size_t i = find_place(h, key, false); i < h->line_count; i++) {
        const struct host_line *l = &h->lines[i];
        struct host_found found = {.line = l};
        if (host_compare_place(l, key) != 0 || (ret->line && !is_equal(ret->line, l)))
            return;
        if (!line_fits(ask, l) || (!is_refusal(l) && !choose_hop(ask, l, &found)))
            continue;
        choose_line(ask, &found, ret);
    }
}

/* The next shorter prefix of a table in which a is, behind key's; begins with a length of UINT8_MAX. false: there is none. */
static bool next_place(const struct host *h, const struct packet_address *a, struct host_line *key)
{
    memset(&key->to.address, 0xff, sizeof key->to.address);
    size_t i = find_place(h, key, true);
    if (i == h->line_count || h->lines[i].family != key->family || h->lines[i].table != key->table)
        return false;
    key->to = (struct host_prefix){*a, h->lines[i].to.length};
    host_mask(&key->to.address, key->to.length);
    return true;
}

static void look_up(const struct ask *ask, host_table table, struct host_found *ret)
{
    struct host_line key = {.family = ask->q->family, .table = table, .to.length = UINT8_MAX};

    *ret = (struct host_found){0};
    while (!ret->line && next_place(ask->h, &ask->q->destination, &key))
        look_at_place(ask, &key, ret);
}

enum host_answer host_has_address(const struct host *h, uint8_t family, const struct packet_address *a)
{
    struct host_line key = {.family = family, .table = HOST_TABLE_LOCAL, .to.length = UINT8_MAX};

    if (!h)
        return HOST_CANT_TELL;
    const struct host_family *known = &h->known[family == PACKET_IPV6];
    while (next_place(h, a, &key)) {
        for (size_t i = find_place(h, &key, false); i < h->line_count; i++) {
            const struct host_line *l = &h->lines[i];
            if (host_compare_place(l, &key) != 0)
                break;
            if (l->kind == HOST_TO_LOCAL && !(l->made && known->local))
                return l->odd ? HOST_CANT_TELL : HOST_YES;
        }
    }
    return known->local || known->addresses ? HOST_NO : HOST_CANT_TELL;
}

/* ---- rules ---- */

static enum holds both(enum holds a, enum holds b)
{
    if (a == HOLDS_NOT || b == HOLDS_NOT)
        return HOLDS_NOT;
    return a == HOLDS && b == HOLDS ? HOLDS : HOLDS_PERHAPS;
}

static enum holds sure(bool yes)
{
    return yes ? HOLDS : HOLDS_NOT;
}

static enum holds comes_in_by(const struct host_question *q, const char *in)
{
    if (!in[0])
        return HOLDS;
    if (!q->in)
        return sure(strcmp(in, "lo") == 0);
    return q->in[0] ? sure(strcmp(in, q->in) == 0) : HOLDS_PERHAPS;
}

/* The mark, then all that has no part in the question. Of a packet that came in the user is root. */
static enum holds rest_holds(const struct host_question *q, const struct host_rule *r, const char **lacks)
{
    enum holds holds = HOLDS;

    if (r->mask && q->mark_unknown) {
        holds = HOLDS_PERHAPS;
        *lacks = "the packet's mark, which a routing rule asks for";
    } else if (r->mask && ((q->mark ^ r->mark) & r->mask)) {
        return HOLDS_NOT;
    }
    if (r->has_uid && q->in && r->uid_first != 0)
        return HOLDS_NOT;
    if (r->has_uid && !q->in) {
        holds = HOLDS_PERHAPS;
        *lacks = "the user who sends it, whom a routing rule asks for";
    }
    if (r->any_port) {
        holds = HOLDS_PERHAPS;
        *lacks = "where a routing rule sends it that asks for protocol or ports";
    }
    if (r->hidden) {
        holds = HOLDS_PERHAPS;
        *lacks = hidden_table;
    }
    if (r->odd) {
        holds = HOLDS_PERHAPS;
        *lacks = odd_rule;
    }
    return holds;
}

static enum holds rule_holds(const struct host_question *q, const struct host_rule *r, const char **lacks)
{
    uint8_t tos = q->family == PACKET_IPV6 ? q->tos & 0xfc : q->tos & 0x1c;
    enum holds holds = sure(host_under(&q->source, &r->from) && host_under(&q->destination, &r->to));

    holds = both(holds, sure(!r->tos || r->tos == tos));
    holds = both(holds, sure(!r->has_dscp || r->dscp == q->tos >> 2));
    holds = both(holds, sure(!r->out[0])); /* which interface it is to leave by is not asked for beforehand */
    enum holds in = comes_in_by(q, r->in);
    if (in == HOLDS_PERHAPS)
        *lacks = "the interface that it came in by (--in), which a routing rule asks for";
    holds = both(holds, in);
    holds = both(holds, rest_holds(q, r, lacks));
    if (r->invert && holds != HOLDS_PERHAPS)
        holds = holds == HOLDS ? HOLDS_NOT : HOLDS;
    return holds;
}

/* What was not said of a table that has no route for it. */
static void note_miss(struct ask *ask, host_table table)
{
    const struct host *h = ask->h;
    const struct host_family *known = &h->known[ask->q->family == PACKET_IPV6];
    bool has_address = known->addresses || known->local;

    for (size_t i = 0; i < h->address_count && !has_address; i++)
        has_address = h->addresses[i].family == ask->q->family;
    if (table == HOST_TABLE_LOCAL && !has_address) {
        ask->unsure = true;
        ask->lacks = "which addresses this machine has (--address)";
    } else if (table == HOST_TABLE_MAIN && !known->routes && !ask->lacks) {
        ask->lacks = "a route to it (--route)";
    } else if (table != HOST_TABLE_LOCAL && table != HOST_TABLE_MAIN && table != HOST_TABLE_DEFAULT &&
               !known->local && !ask->lacks) {
        ask->lacks = "the routes of a table that a routing rule asks (ip route show table all)";
    }
}

static void copy_name(char *to, const char *from)
{
    memcpy(to, from, HOST_INTERFACE);
}

/* A gateway that is an address of the machine itself is none (fib_check_nh, rt_set_nexthop). */
static bool is_router(const struct ask *ask, const struct host_hop *hop)
{
    return hop->has_via && host_has_address(ask->h, ask->q->family, &hop->via) != HOST_YES;
}

static void make_way(const struct ask *ask, const struct host_found *f, struct host_answer_of_tables *ret)
{
    const struct host_line *l = f->line;
    struct host_way *way = &ret->way;

    *ret = (struct host_answer_of_tables){.line = l};
    way->has_source = l->has_source;
    way->source = l->source;
    if (f->clash) {
        way->fate = HOST_UNKNOWN;
        way->lacks = "which of several routes of the same metric the kernel takes";
    } else if (l->odd) {
        way->fate = HOST_UNKNOWN;
        way->lacks = "what a route means that has words which are not known";
    } else if (is_refusal(l)) {
        way->fate = HOST_NOWHERE;
        way->why = refusals[l->kind];
    } else if (l->kind == HOST_TO_LOCAL || l->kind == HOST_ANYCAST) {
        way->fate = HOST_LOCAL;
        if (!ask->q->in)
            copy_name(way->out, "lo\0\0\0\0\0\0\0\0\0\0\0\0\0");
    } else if (l->kind == HOST_UNICAST) {
        way->fate = HOST_FORWARD;
        if (f->hop && !f->differ)
            copy_name(way->out, f->hop->out);
        way->has_next = f->hop && !f->differ;
        if (way->has_next)
            way->next = is_router(ask, f->hop) ? f->hop->via : ask->q->destination;
    } else {
        way->fate = HOST_SPECIAL;
    }
}

static bool is_suppressed(const struct host_rule *r, const struct host_line *l)
{
    return r->suppress >= 0 && !is_refusal(l) && l->to.length <= r->suppress;
}

static void unknown(struct host_answer_of_tables *ret, const char *lacks)
{
    *ret = (struct host_answer_of_tables){.way = {.fate = HOST_UNKNOWN, .lacks = lacks}};
}

/* true: the rule has an answer. */
static bool carry_out(struct ask *ask, const struct host_rule *r, struct host_answer_of_tables *ret)
{
    struct host_found found;

    if (r->action == HOST_REFUSE) {
        *ret = (struct host_answer_of_tables){.way = {.fate = HOST_NOWHERE, .why = r->why}};
        return true;
    }
    if (r->action != HOST_LOOKUP)
        return false;
    if (r->hidden) {
        unknown(ret, hidden_table);
        return true;
    }
    look_up(ask, r->table, &found);
    if (!found.line) {
        note_miss(ask, r->table);
        return false;
    }
    if (found.line->kind == HOST_THROW || is_suppressed(r, found.line))
        return false;
    make_way(ask, &found, ret);
    return true;
}

static bool is_same(const struct host_way *a, const struct host_way *b)
{
    return a->fate == b->fate && strcmp(a->out, b->out) == 0 && a->has_source == b->has_source &&
           (!a->has_source || packet_address_equal(&a->source, &b->source));
}

/* Where "goto" leads: the first rule of that priority, or on if there is none. */
static size_t find_target(const struct host_rule *rules, size_t count, size_t from)
{
    size_t low = from + 1, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rules[middle].family == rules[from].family && rules[middle].priority < rules[from].target)
            low = middle + 1;
        else
            high = middle;
    }
    bool found =
        low < count && rules[low].family == rules[from].family && rules[low].priority == rules[from].target;
    return found ? low : from + 1;
}

static bool has_rules(const struct host *h, uint8_t family)
{
    for (size_t i = 0; i < h->rule_count; i++) {
        if (h->rules[i].family == family)
            return true;
    }
    return h->known[family == PACKET_IPV6].rules;
}

/* What it comes to that a rule holds, of which that is not known: nothing changes if it is the answer of the rest. */
struct perhaps {
    struct host_way way;
    bool has;
    const char *lacks;
};

static void add_perhaps(struct perhaps *p, const struct host_way *way, const char *lacks)
{
    if (p->lacks && (!p->has || !is_same(&p->way, way)))
        p->has = false;
    else
        *p = (struct perhaps){*way, true, lacks};
    p->lacks = lacks;
}

static void nothing(struct host_answer_of_tables *ret, const char *why)
{
    *ret = (struct host_answer_of_tables){.way = {.fate = HOST_NOWHERE, .why = why}};
}

/* The rules from *at on until one certainly has an answer. false: none has. */
static bool ask_rule(struct ask *ask, const struct host_rule *rules, size_t count, size_t *at,
                     struct perhaps *perhaps, struct host_answer_of_tables *ret)
{
    const struct host_rule *r = &rules[*at];
    const char *lacks = NULL;
    enum holds holds = rule_holds(ask->q, r, &lacks);

    if (holds == HOLDS && r->odd_effect) {
        holds = HOLDS_PERHAPS;
        lacks = odd_rule;
    }
    if (r->action == HOST_GOTO && holds == HOLDS_PERHAPS) {
        unknown(ret, lacks);
        return true;
    }
    if (r->action == HOST_GOTO && holds == HOLDS)
        *at = find_target(rules, count, *at) - 1;
    if (holds == HOLDS_NOT || !carry_out(ask, r, ret))
        return false;
    if (holds == HOLDS_PERHAPS)
        add_perhaps(perhaps, &ret->way, lacks);
    return holds == HOLDS;
}

static void ask_rules(struct ask *ask, const struct host_rule *rules, size_t count,
                      struct host_answer_of_tables *ret)
{
    struct perhaps perhaps = {0};
    bool found = false;

    for (size_t i = 0; i < count && !found; i++)
        found = rules[i].family == ask->q->family && ask_rule(ask, rules, count, &i, &perhaps, ret);
    if (!found && ask->lacks)
        unknown(ret, ask->lacks);
    else if (!found)
        nothing(ret, "no route to it");
    else if (ask->unsure)
        unknown(ret, ask->lacks);
    if (perhaps.lacks && (!perhaps.has || !is_same(&perhaps.way, &ret->way)))
        unknown(ret, perhaps.lacks);
}

static void ask_all(struct ask *ask, struct host_answer_of_tables *ret)
{
    if (has_rules(ask->h, ask->q->family))
        ask_rules(ask, ask->h->rules, ask->h->rule_count, ret);
    else
        ask_rules(ask, default_rules, sizeof default_rules / sizeof *default_rules, ret);
}

void host_ask_tables(const struct host *h, const struct host_question *q, struct host_answer_of_tables *ret)
{
    struct ask ask = {.h = h, .q = q};

    if (q->in && q->in[0] && is_strict(q))
        ask.only = q->in;
    ask_all(&ask, ret);
}

/* ---- the source of what came in over IPv4 ---- */

static bool is_loopback(const struct packet_address *a)
{
    return first_byte(a) == 127;
}

/* Rules or local routes of somebody's own: then a source is looked up in any case (fib4_has_custom_rules). */
static bool has_own_ways(const struct host *h)
{
    for (size_t i = 0, seen = 0; i < h->rule_count; i++) {
        const struct host_rule *r = &h->rules[i];
        if (r->family == PACKET_IPV4 && (++seen > 3 || (r->priority && r->priority < 32766)))
            return true;
    }
    for (size_t i = 0; i < h->line_count; i++) {
        const struct host_line *l = &h->lines[i];
        if (l->family == PACKET_IPV4 && l->table == HOST_TABLE_LOCAL && l->kind == HOST_TO_LOCAL &&
            !l->made && !l->by_kernel)
            return true;
    }
    return false;
}

static bool leads_by(const struct host *h, const struct host_line *l, const char *interface)
{
    for (size_t i = 0; i < l->hop_count; i++) {
        if (strcmp(h->hops[l->hop + i].out, interface) == 0)
            return true;
    }
    return false;
}

static bool has_no_address(const struct host *h, const char *interface)
{
    for (size_t i = 0; i < h->address_count; i++) {
        if (h->addresses[i].family == PACKET_IPV4 && strcmp(h->addresses[i].interface, interface) == 0)
            return false;
    }
    return h->known[0].addresses;
}

/* __fib_validate_source: a route back that must lead by the interface that it came in by (filter 1), or anywhere (2). */
static void check_back(const struct host *h, const struct host_question *q, int filter, bool accept_local,
                       struct host_answer_of_tables *ret)
{
    struct packet_address from = {0}; /* where broadcasts are answered from is not asked */
    struct host_answer_of_tables back;
    int use_mark = 0;

    if (ret->way.fate != HOST_SPECIAL)
        from = q->destination;
    if (!host_switch_either(h, PACKET_IPV4, HOST_SWITCH_SRC_VALID_MARK, q->in, &use_mark))
        use_mark = 0; /* the kernel's default */
    host_ask_tables(h,
                    &(struct host_question){.family = PACKET_IPV4,
                                            .source = from,
                                            .destination = q->source,
                                            .in = ret->way.fate == HOST_FORWARD ? ret->way.out : NULL,
                                            .mark = use_mark ? q->mark : 0,
                                            .mark_unknown = use_mark && q->mark_unknown,
                                            .tos = q->tos},
                    &back);
    const struct host_line *l = back.line;
    if (back.way.fate == HOST_UNKNOWN) {
        if (filter)
            unknown(ret, back.way.lacks);
        return;
    }
    if (l && !is_refusal(l) && l->kind != HOST_UNICAST && !(l->kind == HOST_TO_LOCAL && accept_local))
        nothing(ret, "its source is an address of this machine, or a broadcast address");
    else if (l && !is_refusal(l) && leads_by(h, l, q->in))
        return;
    else if (filter == 1 || (filter && (!l || is_refusal(l) || has_no_address(h, q->in))))
        nothing(ret, "the way back to its source is not by the interface that it came in by (rp_filter)");
}

/* With no filter the way back is looked up all the same where somebody has made rules or local routes, and where the packet
 * leaves as it came (fib_validate_source). */
static bool is_looked_up(const struct host *h, const struct host_question *q, const struct host_way *way,
                         bool accept_local)
{
    int redirects = 1;

    if (way->fate == HOST_FORWARD && strcmp(way->out, q->in) == 0 &&
        (!host_switch_either(h, PACKET_IPV4, HOST_SWITCH_SEND_REDIRECTS, q->in, &redirects) || redirects))
        return true;
    return !accept_local && has_own_ways(h);
}

static void check_own(const struct host *h, const struct host_question *q, bool accept_said,
                      struct host_answer_of_tables *ret)
{
    if (host_has_address(h, PACKET_IPV4, &q->source) != HOST_YES)
        return;
    if (accept_said)
        nothing(ret, "its source is an address of this machine (accept_local is off)");
    else
        unknown(ret, "whether accept_local is on, as its source is an address of this machine");
}

/* A filter that was not said counts only if a strict one would not let the packet go. */
static void check_source(const struct host *h, const struct host_question *q,
                         struct host_answer_of_tables *ret)
{
    int filter = 0, accept_local = 0;
    bool said = host_switch_either(h, PACKET_IPV4, HOST_SWITCH_RP_FILTER, q->in, &filter);
    bool accept_said = host_switch_either(h, PACKET_IPV4, HOST_SWITCH_ACCEPT_LOCAL, q->in, &accept_local);
    struct host_answer_of_tables strict = *ret;

    if (filter || (said && is_looked_up(h, q, &ret->way, accept_local))) {
        check_back(h, q, filter, accept_local, ret);
        return;
    }
    if (!accept_local)
        check_own(h, q, accept_said, ret);
    if (said || !h->known[0].routes)
        return;
    check_back(h, q, 1, accept_local, &strict);
    if (strict.way.fate == HOST_NOWHERE && ret->way.fate != HOST_NOWHERE)
        unknown(ret, "whether rp_filter is on where it came in, as the way back to its source is another");
}

/* Addresses that no interface but the machine's own may bring: ip_route_input_slow's martians. false: it goes on. */
static bool is_martian(const struct host *h, const struct host_question *q, struct host_answer_of_tables *ret)
{
    const struct packet_address *s = &q->source, *d = &q->destination;
    int on = 0;

    if (is_multicast(PACKET_IPV4, s) || s->word[0] == UINT32_MAX || first_byte(s) == 0)
        nothing(ret, "its source is no address of a host");
    else if (first_byte(d) == 0)
        nothing(ret, "its destination is no address of a host");
    else if (!(is_loopback(s) || is_loopback(d)))
        return false;
    else if (!host_switch_either(h, PACKET_IPV4, HOST_SWITCH_ROUTE_LOCALNET, q->in, &on))
        unknown(ret, "whether route_localnet is on where it came in, for addresses of 127.0.0.0/8");
    else if (!on)
        nothing(ret, "addresses of 127.0.0.0/8 may not come in by an interface (route_localnet is off)");
    return !on;
}

/* 127.0.0.0/8 and ::1 lead to lo on every machine, said or not. */
static bool is_lo(const struct host *h, const struct host_question *q)
{
    static const struct packet_address six = {{0, 0, 0, 1}};
    struct packet_address a = q->destination;

    a.word[3] = wire_read32((const uint8_t *)&a.word[3]);
    return !h->known[q->family == PACKET_IPV6].local &&
           (q->family == PACKET_IPV6 ? packet_address_equal(&a, &six) : is_loopback(&q->destination));
}

void host_route(const struct host *h, const struct host_question *q, struct host_way *ret)
{
    struct host_answer_of_tables answer;
    bool came_in = q->in && strcmp(q->in, "lo") != 0 && q->family == PACKET_IPV4;

    if (!h) {
        *ret = (struct host_way){.fate = HOST_UNKNOWN,
                                 .lacks = "which addresses and routes this machine has (--address, --route)"};
        return;
    }
    if (is_multicast(q->family, &q->destination) ||
        (q->family == PACKET_IPV4 && q->destination.word[0] == UINT32_MAX)) {
        *ret = (struct host_way){.fate = HOST_SPECIAL};
        return;
    }
    if (!q->in && is_lo(h, q)) {
        *ret = (struct host_way){.fate = HOST_LOCAL, .out = "lo"};
        return;
    }
    if (!(came_in && is_martian(h, q, &answer))) {
        host_ask_tables(h, q, &answer);
        if (came_in && q->in[0] && answer.way.fate != HOST_UNKNOWN && answer.way.fate != HOST_NOWHERE)
            check_source(h, q, &answer);
    }
    *ret = answer.way;
}

const char *host_towards(const struct host *h, uint8_t family, const struct packet_address *a)
{
    struct host_way way;

    host_route(h, &(struct host_question){.family = family, .destination = *a}, &way);
    for (size_t i = 0; way.fate == HOST_FORWARD && way.out[0] && i < h->hop_count; i++) {
        if (strcmp(h->hops[i].out, way.out) == 0)
            return h->hops[i].out;
    }
    return NULL;
}
