/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEARCH_WORK = 60000000, /* entries looked at: a few seconds */
    SEARCH_DEPTH = 1500,    /* cuts inside of one another: a few kilobytes of stack each */
    SEARCH_FINDS = 1000,
    SEARCH_OPEN = 64,
};

/* What is left of a row in a region: entries that some of its packets may meet, in order. */
struct rest {
    uint32_t *at;  /* owned: indexes into the row */
    uint8_t *sure; /* owned: all packets that come here meet it */
    size_t count;
    bool untracked;
    bool has_turns; /* some packets may jump ahead, or become UNTRACKED */
};

struct node {
    struct diff_region region;
    struct rest rest[2]; /* old, new */
};

static void rest_clear(struct rest *r)
{
    free(r->at);
    free(r->sure);
    *r = (struct rest){0};
}

static void node_clear(struct node *n)
{
    rest_clear(&n->rest[0]);
    rest_clear(&n->rest[1]);
}

static const struct diff_row *row_of(const struct diff_search *s, int side)
{
    return side ? s->new : s->old;
}

static const struct diff_entry *entry_at(const struct diff_search *s, const struct node *n, int side,
                                         size_t p)
{
    return &row_of(s, side)->entries[n->rest[side].at[p]];
}

/* ---- narrowing a row to a region ---- */

/* Labels that some packets may have left for. */
struct open_labels {
    uint32_t label[SEARCH_OPEN];
    size_t count;
};

static bool label_close(struct open_labels *o, uint32_t label)
{
    bool found = false;
    for (size_t i = o->count; i-- > 0;) {
        if (o->label[i] != label)
            continue;
        o->label[i] = o->label[--o->count];
        found = true;
    }
    return found;
}

static enum verdict_answer ask_entry(const struct diff_entry *e, const struct diff_region *region,
                                     bool untracked, bool maybe_untracked)
{
    enum verdict_answer answer = VERDICT_YES;
    for (uint16_t i = 0; i < e->count; i++) {
        enum verdict_answer one = diff_condition_ask(&e->conditions[i], region, untracked);
        if (maybe_untracked && e->conditions[i].field == DIFF_STATE &&
            one != diff_condition_ask(&e->conditions[i], region, true))
            one = VERDICT_UNKNOWN;
        if (one == VERDICT_NO)
            return VERDICT_NO;
        if (one == VERDICT_UNKNOWN)
            answer = VERDICT_UNKNOWN;
    }
    return answer;
}

struct narrowing {
    struct rest *out;
    struct open_labels open;
    bool maybe_untracked;
    bool is_dead;     /* nobody comes here, until a label that is open */
    bool is_skipping; /* everybody has left, for: */
    uint32_t skip_to;
};

static void keep(struct narrowing *n, uint32_t at, bool sure)
{
    n->out->at[n->out->count] = at;
    n->out->sure[n->out->count++] = sure;
}

/* An entry that does something. false: what follows need not be looked at. */
static bool narrow_entry(struct narrowing *n, uint32_t at, const struct diff_entry *e, bool sure)
{
    bool alone = n->open.count == 0;
    switch ((enum diff_action)e->action) {
    case DIFF_LEAVE:
        if (sure && alone) {
            n->is_skipping = true;
            n->skip_to = e->label;
            return true;
        }
        keep(n, at, sure);
        n->out->has_turns = true;
        n->is_dead = sure;
        if (n->open.count == SEARCH_OPEN)
            return false;
        n->open.label[n->open.count++] = e->label;
        return true;
    case DIFF_NOTRACK:
        if (sure && alone) {
            n->out->untracked = true;
            return true;
        }
        keep(n, at, sure);
        n->out->has_turns = true;
        n->maybe_untracked = true;
        return true;
    case DIFF_DEPENDS:
        keep(n, at, sure);
        return true;
    default:
        keep(n, at, sure);
        n->is_dead = sure;
        return !sure || !alone;
    }
}

/* false: out of memory, or too many labels open at once (then the search is cut). */
static bool narrow(struct diff_search *s, int side, const struct diff_region *region, const struct rest *in,
                   struct rest *ret)
{
    const struct diff_row *row = row_of(s, side);
    struct rest out = {.at = malloc((in->count + 1) * sizeof(*out.at)),
                       .sure = malloc(in->count + 1),
                       .untracked = in->untracked};
    struct narrowing n = {.out = &out};
    if (!out.at || !out.sure) {
        rest_clear(&out);
        return false;
    }
    s->work += in->count;
    for (size_t i = 0; i < in->count; i++) {
        const struct diff_entry *e = &row->entries[in->at[i]];
        if (e->action == DIFF_MARK) {
            if (n.is_skipping && e->label == n.skip_to)
                n.is_skipping = false;
            if (label_close(&n.open, e->label)) {
                n.is_dead = false;
                keep(&n, in->at[i], false);
            }
            continue;
        }
        if (n.is_skipping || n.is_dead)
            continue;
        enum verdict_answer answer = ask_entry(e, region, out.untracked, n.maybe_untracked);
        if (answer != VERDICT_NO && !narrow_entry(&n, in->at[i], e, answer == VERDICT_YES)) {
            s->cut |= n.open.count == SEARCH_OPEN;
            break;
        }
    }
    *ret = out;
    return true;
}

/* ---- comparing what is left ---- */

static bool asks_state(const struct diff_entry *e)
{
    for (uint16_t i = 0; i < e->count; i++) {
        if (e->conditions[i].field == DIFF_STATE)
            return true;
    }
    return false;
}

/* How far ahead of p its label stands. */
static size_t leap(const struct diff_search *s, const struct node *n, int side, size_t p)
{
    const struct diff_entry *e = entry_at(s, n, side, p);
    for (size_t i = p + 1; i < n->rest[side].count; i++) {
        const struct diff_entry *m = entry_at(s, n, side, i);
        if (m->action == DIFF_MARK && m->label == e->label)
            return i;
    }
    return SIZE_MAX;
}

static bool is_same_at(const struct diff_search *s, const struct node *n, size_t p)
{
    const struct diff_entry *a = entry_at(s, n, 0, p), *b = entry_at(s, n, 1, p);
    if (a->id != b->id)
        return false;
    if (n->rest[0].untracked != n->rest[1].untracked && asks_state(a))
        return false;
    return a->action != DIFF_LEAVE || leap(s, n, 0, p) == leap(s, n, 1, p);
}

/* The first place at which the rows differ; SIZE_MAX: they don't. */
static size_t first_difference(const struct diff_search *s, const struct node *n)
{
    size_t least = n->rest[0].count < n->rest[1].count ? n->rest[0].count : n->rest[1].count;
    for (size_t p = 0; p < least; p++) {
        if (!is_same_at(s, n, p))
            return p;
    }
    return n->rest[0].count == n->rest[1].count ? SIZE_MAX : least;
}

/* ---- cutting ---- */

static const struct diff_condition *open_condition(const struct diff_search *s, const struct node *n,
                                                   int side, size_t p)
{
    if (p >= n->rest[side].count)
        return NULL;
    const struct diff_entry *e = entry_at(s, n, side, p);
    for (uint16_t i = 0; i < e->count; i++) {
        if (diff_condition_ask(&e->conditions[i], &n->region, n->rest[side].untracked) == VERDICT_UNKNOWN)
            return &e->conditions[i];
    }
    return NULL;
}

/* Has the other row this entry further on? Then the one that it has here is the newcomer. */
static bool comes_later(const struct diff_search *s, const struct node *n, int side, size_t p)
{
    if (p >= n->rest[side].count)
        return true;
    uint32_t id = entry_at(s, n, side, p)->id;
    for (size_t i = p + 1; i < n->rest[!side].count; i++) {
        if (entry_at(s, n, !side, i)->id == id)
            return true;
    }
    return false;
}

/* The condition to cut along where the rows differ. */
static const struct diff_condition *cut_at(struct diff_search *s, const struct node *n, size_t p)
{
    int first = comes_later(s, n, 0, p) ? 1 : 0;
    s->work += n->rest[0].count + n->rest[1].count;
    const struct diff_condition *c = open_condition(s, n, first, p);
    return c ? c : open_condition(s, n, !first, p);
}

/* The first condition before place p (or anywhere) that is open. */
static const struct diff_condition *cut_before(const struct diff_search *s, const struct node *n)
{
    for (int side = 0; side < 2; side++) {
        for (size_t p = 0; p < n->rest[side].count; p++) {
            const struct diff_condition *c = open_condition(s, n, side, p);
            if (c)
                return c;
        }
    }
    return NULL;
}

/* For both rows; if for one only, the example is a packet that the other tracks. */
static bool is_untracked(const struct node *n)
{
    return n->rest[0].untracked && n->rest[1].untracked;
}

static bool is_terminal(const struct diff_entry *e)
{
    return e->action <= DIFF_DEPENDS;
}

/* Are both rows decided at p, whatever comes before? */
static bool is_decided(const struct diff_search *s, const struct node *n, size_t p)
{
    for (int side = 0; side < 2; side++) {
        if (p >= n->rest[side].count || n->rest[side].has_turns || !n->rest[side].sure[p] ||
            !is_terminal(entry_at(s, n, side, p)))
            return false;
    }
    return true;
}

/* ---- finding ---- */

static struct diff_find *find_of(struct diff_search *s, const struct diff_entry *old,
                                 const struct diff_entry *new)
{
    for (size_t i = 0; i < s->count; i++) {
        struct diff_find *f = &s->finds[i];
        if (f->old->rule == old->rule && f->old->chain == old->chain && f->new->rule == new->rule &&
            f->new->chain == new->chain)
            return f;
    }
    return NULL;
}

/* How well a packet serves as an example: it comes from the client, and opens something. */
static int merit(const struct diff_search *s, const struct diff_witness *w)
{
    const struct packet_recipe *r = &w->recipe;
    bool client =
        packet_address_equal(&r->source, s->client) || packet_address_equal(&r->destination, s->client);
    bool server =
        packet_address_equal(&r->source, s->server) || packet_address_equal(&r->destination, s->server);
    return (w->has_atoms ? 0 : 8) + (w->state == TRACK_NEW ? 4 : 0) + (client ? 2 : 0) + (server ? 1 : 0);
}

/* Puts a scope to those of a find, joined with as many of them as will. */
static void scope_add(struct diff_find *f, struct diff_scope *scope)
{
    for (size_t i = 0; i < f->scopes;) {
        if (!diff_scope_join(scope, &f->scope[i])) {
            i++;
            continue;
        }
        f->scope[i] = f->scope[--f->scopes];
        i = 0;
    }
    if (f->scopes < DIFF_SCOPES)
        f->scope[f->scopes++] = *scope;
    else
        f->has_more = true;
}

static int find_add(struct diff_search *s, const struct diff_entry *old, const struct diff_entry *new,
                    const struct diff_witness *witness, struct diff_scope *scope)
{
    struct diff_find *f = find_of(s, old, new);
    if (!f && s->count == SEARCH_FINDS) {
        s->cut = true;
        return 0;
    }
    if (!f && (s->count & (s->count - 1)) == 0) { /* as many as there is room for: twice as many */
        struct diff_find *finds = reallocarray(s->finds, s->count ? 2 * s->count : 1, sizeof(*finds));
        if (!finds)
            return -ENOMEM;
        s->finds = finds;
    }
    if (!f) {
        f = &s->finds[s->count++];
        *f = (struct diff_find){.old = old, .new = new, .witness = *witness};
    }
    if (merit(s, witness) > merit(s, &f->witness))
        f->witness = *witness;
    scope_add(f, scope);
    return 0;
}

static int child(struct diff_search *s, const struct node *parent, const struct diff_region *region,
                 struct node *ret)
{
    struct node n = {.region = *region};
    if (!narrow(s, 0, region, &parent->rest[0], &n.rest[0]) ||
        !narrow(s, 1, region, &parent->rest[1], &n.rest[1])) {
        node_clear(&n);
        return -ENOMEM;
    }
    *ret = n;
    return 0;
}

/* What is behind it differs, and whether that matters hangs on it. */
static void note_unsure(struct diff_search *s, int side, const struct diff_entry *e)
{
    if (!s->unsure)
        s->unsure_rules = row_of(s, side)->rules;
    if (!s->unsure)
        s->unsure = e;
}

/* How many of the ends that were asked about it has. */
static int nearness(const struct diff_search *s, const struct diff_region *region)
{
    bool out = s->path == WALL_OUT;
    diff_number source = diff_number_of(out ? s->server : s->client, s->family);
    diff_number destination = diff_number_of(out ? s->client : s->server, s->family);
    const struct diff_interval *from = &region->interval[DIFF_SOURCE];
    const struct diff_interval *to = &region->interval[DIFF_DESTINATION];
    return (source >= from->first && source <= from->last) +
           (destination >= to->first && destination <= to->last);
}

/*
 * The rows are decided by old and new, unless an earlier rule takes a packet: is there a packet that none
 * takes? 1 with a witness, 0, or -ENOMEM.
 */
static int escape(struct diff_search *s, const struct node *n, const struct diff_entry *old,
                  const struct diff_entry *new, struct diff_witness *ret, unsigned depth)
{
    if (n->rest[0].count == 0 || n->rest[1].count == 0 || s->work > SEARCH_WORK || depth > SEARCH_DEPTH) {
        s->cut |= s->work > SEARCH_WORK || depth > SEARCH_DEPTH;
        return 0;
    }
    for (int side = 0; side < 2; side++) {
        const struct diff_entry *first = entry_at(s, n, side, 0);
        if (!n->rest[side].sure[0] || first == (side ? new : old))
            continue;
        if (first->action == DIFF_DEPENDS)
            note_unsure(s, side, first);
        return 0;
    }
    struct diff_region half[2];
    const struct diff_condition *c = cut_before(s, n);
    if (!c)
        return diff_region_witness(&n->region, s->family, s->path, is_untracked(n), s->names, s->client,
                                   s->server, ret);
    diff_region_split(&n->region, c, &half[0], &half[1]);
    /* The half nearer to what was asked about first; else the one outside of the condition. */
    int first = nearness(s, &half[0]) > nearness(s, &half[1]) ? 0 : 1;
    for (int i = 0; i < 2; i++) {
        struct node inner;
        int error = child(s, n, &half[i ? !first : first], &inner);
        if (error)
            return error;
        int found = escape(s, &inner, old, new, ret, depth + 1);
        node_clear(&inner);
        if (found)
            return found;
    }
    return 0;
}

static int decided(struct diff_search *s, const struct node *n, size_t p, unsigned depth)
{
    const struct diff_entry *old = entry_at(s, n, 0, p), *new = entry_at(s, n, 1, p);
    const struct diff_find *known = find_of(s, old, new);
    struct diff_witness witness;
    struct diff_scope scope;
    if (old->action == DIFF_DEPENDS && new->action == DIFF_DEPENDS)
        note_unsure(s, 1, new);
    if (old->action == new->action || (known && known->has_more))
        return 0;
    int found = escape(s, n, old, new, &witness, depth);
    if (found <= 0)
        return found;
    diff_scope_of(&n->region, is_untracked(n), &scope);
    return find_add(s, old, new, &witness, &scope);
}

/* The condition to cut n along; NULL: no cut is needed, or none more can be made, and *ret_error says how that went. */
static const struct diff_condition *cut_of(struct diff_search *s, const struct node *n, unsigned depth,
                                           int *ret_error)
{
    size_t p = first_difference(s, n);
    *ret_error = 0;
    if (p == SIZE_MAX)
        return NULL;
    if (s->work > SEARCH_WORK || depth > SEARCH_DEPTH) {
        s->cut = true;
        return NULL;
    }
    const struct diff_condition *c = cut_at(s, n, p);
    if (!c && is_decided(s, n, p)) {
        *ret_error = decided(s, n, p, depth);
        return NULL;
    }
    if (!c)
        c = cut_before(s, n);
    s->cut |= !c; /* nothing to cut along and yet not decided: labels that never close */
    return c;
}

/* What is inside of a condition, by itself; then on with what is outside, which may be as long a way as there are
 * rules, and is none into the stack. */
static int search(struct diff_search *s, const struct node *n, unsigned depth)
{
    struct node here = {0};
    int error;
    const struct diff_condition *c = cut_of(s, n, depth, &error);
    while (c && !error) {
        struct node inner;
        struct diff_region half[2];
        diff_region_split(&n->region, c, &half[0], &half[1]);
        error = child(s, n, &half[0], &inner);
        if (error)
            break;
        error = search(s, &inner, depth + 1);
        node_clear(&inner);
        if (!error)
            error = child(s, n, &half[1], &inner);
        if (error)
            break;
        node_clear(&here);
        here = inner;
        n = &here;
        c = cut_of(s, n, depth, &error);
    }
    node_clear(&here);
    return error;
}

static int rest_all(const struct diff_row *row, struct rest *ret)
{
    ret->at = malloc((row->count + 1) * sizeof(*ret->at));
    ret->sure = calloc(row->count + 1, 1);
    if (!ret->at || !ret->sure)
        return -ENOMEM;
    for (size_t i = 0; i < row->count; i++)
        ret->at[i] = (uint32_t)i;
    ret->count = row->count;
    return 0;
}

int diff_search_run(struct diff_search *s)
{
    struct node all = {0}, first;
    diff_region_all(&all.region, s->family, s->path, s->names);
    int error = rest_all(s->old, &all.rest[0]);
    if (!error)
        error = rest_all(s->new, &all.rest[1]);
    if (!error)
        error = child(s, &all, &all.region, &first);
    node_clear(&all);
    if (error)
        return error;
    error = search(s, &first, 0);
    node_clear(&first);
    return error;
}

void diff_search_clear(struct diff_search *s)
{
    free(s->finds);
    s->finds = NULL;
    s->count = 0;
}
