/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/ways.h"

static void join_help(struct verdict_help *h, const struct verdict_help *other)
{
    h->unknown |= other->unknown || h->set != other->set || h->helper != other->helper;
}

static void join_written(struct verdict_packet *p, const struct verdict_packet *other)
{
    const struct verdict_written *a = &p->written, *b = &other->written;

    if (a->has_ttl != b->has_ttl || a->ttl != b->ttl)
        p->unknown |= VERDICT_NO_TTL;
    if (a->tos_mask != b->tos_mask || a->tos != b->tos)
        p->unknown |= VERDICT_NO_TOS;
    if (a->has_mss != b->has_mss || a->mss != b->mss)
        p->unknown |= VERDICT_NO_TCP;
}

/* What is the same in both. */
static void join_states(struct effect_state *s, const struct effect_state *other)
{
    const struct verdict_packet *p = &other->packet;

    if (s->packet.mark != p->mark)
        s->packet.unknown |= VERDICT_NO_MARK;
    if (s->packet.has_connmark != p->has_connmark || s->packet.connmark != p->connmark)
        s->packet.unknown |= VERDICT_NO_CONNMARK;
    join_written(&s->packet, p);
    s->packet.unknown |= p->unknown & VERDICT_CHANGEABLE;
    s->template_unknown |= other->template_unknown || s->has_template != other->has_template ||
                           s->template.notrack != other->template.notrack ||
                           s->template.zone != other->template.zone ||
                           s->template.helper != other->template.helper;
}

void ways_join(struct ways *w, const struct effect_state *before, const struct verdict_help *help)
{
    join_states(&w->state, before);
    join_help(&w->help, help);
}

static bool same_order(const struct nat_order *a, const struct nat_order *b)
{
    return a->kind == b->kind && a->manip == b->manip && a->flags == b->flags &&
           packet_address_equal(&a->first, &b->first) && packet_address_equal(&a->last, &b->last) &&
           a->port_first == b->port_first && a->port_last == b->port_last && a->port_base == b->port_base;
}

static void note(struct ways *w, const struct way_end *end, const struct way_place *culprit)
{
    struct way_outcome *o = &w->outcomes[end->code];
    struct way_outcome now = {.possible = true, .end = *end, .culprit = *culprit};

    if (w->concluded) {
        join_states(&w->result, &w->state);
        join_help(&w->result_help, &w->help);
    } else {
        w->result = w->state;
        w->result_help = w->help;
    }
    w->concluded = true;
    w->last = end->code;
    /* Of outcomes alike the last is told, which is the one that is certain if any is. */
    if (o->possible && way_place_is_rule(&o->culprit)) {
        now.culprit = o->culprit;
        now.end.because = o->end.because;
    }
    now.differs = o->possible && (o->differs || !same_order(&o->end.nat, &end->nat));
    *o = now;
}

enum way ways_end(struct ways *w, const struct way_end *end)
{
    static const struct way_place none;
    struct way_end certain = *end;

    if (end->code != VERDICT_DEPENDS)
        certain.because = w->because;
    note(w, &certain, ways_are_uncertain(w) ? &w->doubt : &none);
    w->ended = true;
    return WAY_ENDED;
}

void ways_maybe_end(struct ways *w, const struct way_end *end)
{
    note(w, end, &end->at);
    w->ended = true;
}

void ways_doubt(struct ways *w, const struct way_place *at, const char *because)
{
    if (!ways_are_uncertain(w)) {
        w->doubt = *at;
        w->because = because;
    }
    if (!way_place_is_rule(&w->first)) {
        w->first = *at;
        w->first_because = because;
    }
}

void ways_fall(struct ways *w, struct way_fall *fall, const struct effect_state *before,
               const struct verdict_help *help)
{
    if (fall->fell) {
        join_states(&fall->state, &w->state);
        join_help(&fall->help, &w->help);
    } else {
        fall->state = w->state;
        fall->help = w->help;
    }
    fall->fell = true;
    w->state = *before;
    w->help = *help;
    w->maybe = true;
}

enum way ways_leave(struct ways *w, enum way way, bool maybe, const struct way_fall *fall)
{
    w->maybe = maybe;
    if (!fall->fell)
        return way;
    if (way == WAY_ENDED) {
        w->state = fall->state;
        w->help = fall->help;
    } else {
        ways_join(w, &fall->state, &fall->help);
    }
    return WAY_FELL;
}

/* The outcome that is not as the last one, or NULL. */
static const struct way_outcome *find_other(const struct ways *w)
{
    if (w->outcomes[VERDICT_DEPENDS].possible)
        return &w->outcomes[VERDICT_DEPENDS];
    for (int code = 0; code < VERDICT_DEPENDS; code++) {
        if (w->outcomes[code].possible && (code != (int)w->last || w->outcomes[code].differs))
            return &w->outcomes[code];
    }
    return NULL;
}

struct way_end ways_conclude(const struct ways *w)
{
    const struct way_outcome *other = find_other(w);
    struct way_end end = w->outcomes[w->last].end;

    if (other) {
        end = other->end;
        end.at = way_place_is_rule(&other->culprit) ? other->culprit : other->end.at;
    } else if (w->result.template_unknown || w->result_help.unknown) {
        end.at = w->first;
        end.because = w->first_because;
    } else {
        end.because = end.code == VERDICT_DEPENDS ? end.because : NULL;
        return end;
    }
    end.code = VERDICT_DEPENDS;
    end.hotdrop = false;
    end.nat = (struct nat_order){0};
    return end;
}
