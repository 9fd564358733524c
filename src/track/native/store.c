/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/store.h"

#include "track/hear.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SWEEP_A_FLOW =
        2, /* slots that are looked at for each new flow, so that the pool doesn't fill with old ones */
    ROOM_PROBES = 64, /* entries of the table that are looked at for one to push out */
    ROOM_SWEEP = 256, /* slots that are looked at for one that has expired, if the table is full */
    SWEEP_AHEAD = 16, /* slots; so far ahead of the sweep they are fetched into the cache */
};

void tracker_tell(struct tracker *t, enum track_event_type type, enum track_reason reason,
                  const struct track_flow *flow, const struct track_expectation *e)
{
    struct track_event event = {
        .type = type, .reason = reason, .now = t->now, .flow = flow, .expectation = e};

    if (t->on_event)
        t->on_event(t->arg, &event);
}

/* ---- control connections ---- */

static bool grow_controls(struct tracker *t)
{
    uint32_t capacity = t->control_capacity ? 2 * t->control_capacity : 16;
    uint8_t *controls = reallocarray(t->controls, capacity, t->control_size);

    if (!controls)
        return false;
    t->controls = controls;
    t->control_capacity = capacity;
    return true;
}

uint32_t tracker_control_new(struct tracker *t, uint32_t slot)
{
    uint32_t number = t->control_free;

    if (number) {
        t->control_free = tracker_control(t, number)->next_free;
    } else {
        if (t->control_top == t->control_capacity && !grow_controls(t))
            return 0;
        number = ++t->control_top;
    }
    struct control *c = tracker_control(t, number);
    memset(c, 0, t->control_size);
    c->slot = slot;
    c->users = 1;
    return number;
}

void tracker_control_use(struct tracker *t, uint32_t number)
{
    tracker_control(t, number)->users++;
}

void tracker_control_unuse(struct tracker *t, uint32_t number)
{
    struct control *c = tracker_control(t, number);

    if (--c->users > 0)
        return;
    c->next_free = t->control_free;
    t->control_free = number;
}

struct track_flow *tracker_control_flow(const struct tracker *t, uint32_t number)
{
    if (number == 0 || number > t->control_top || tracker_control(t, number)->users == 0)
        return NULL;
    uint32_t slot = tracker_control(t, number)->slot;
    return slot == TABLE_NONE ? NULL : table_flow(&t->table, slot);
}

/* ---- expectations ---- */

static struct expected *expected_at(const struct tracker *t, uint32_t number)
{
    return &t->expectations.all[number - 1];
}

static uint32_t *bucket_of(const struct tracker *t, const struct packet_address *source,
                           const struct packet_address *destination, uint16_t port, uint16_t zone)
{
    struct track_hash h;

    track_hash_begin(&h, &t->settings.config.key);
    for (unsigned w = 0; w < 4; w++)
        track_hash_add(&h, track_pair(source->word[w], destination->word[w]));
    track_hash_add(&h, track_pair(port, zone));
    return (uint32_t *)&t->expectations.bucket[track_hash_end(&h) % EXPECTED_BUCKETS];
}

uint32_t tracker_expected(const struct tracker *t, const struct track_tuple *tuple)
{
    uint32_t number =
        *bucket_of(t, &tuple->source, &tuple->destination, tuple->destination_port, tuple->zone);

    while (number && !track_expectation_wants(&expected_at(t, number)->e, tuple))
        number = expected_at(t, number)->next_in_bucket;
    return number;
}

static uint32_t find_same(const struct tracker *t, const struct track_expectation *e)
{
    uint32_t number = *bucket_of(t, &e->source, &e->destination, e->port, e->zone);

    while (number && !track_expectation_clashes(&expected_at(t, number)->e, e))
        number = expected_at(t, number)->next_in_bucket;
    return number;
}

/* Out of all lists. */
static void remove_expected(struct tracker *t, uint32_t number)
{
    struct expectations *x = &t->expectations;
    struct expected *it = expected_at(t, number);
    uint32_t *link = bucket_of(t, &it->e.source, &it->e.destination, it->e.port, it->e.zone);

    while (*link != number)
        link = &expected_at(t, *link)->next_in_bucket;
    *link = it->next_in_bucket;
    *(it->older ? &expected_at(t, it->older)->newer : &x->oldest) = it->newer;
    *(it->newer ? &expected_at(t, it->newer)->older : &x->newest) = it->older;
    it->next_in_bucket = x->free;
    x->free = number;
    x->count--;

    uint32_t master = it->e.master;
    tracker_control(t, master)->expectation = 0;
    tracker_control_unuse(t, master);
}

void tracker_unexpect(struct tracker *t, uint32_t number, enum track_event_type why,
                      const struct track_flow *flow)
{
    struct track_expectation e = expected_at(t, number)->e;

    remove_expected(t, number);
    tracker_tell(t, why, TRACK_OK, flow, &e);
}

static uint32_t take_number(struct expectations *x)
{
    uint32_t number = x->free;

    if (number) {
        x->free = x->all[number - 1].next_in_bucket;
        return number;
    }
    uint32_t capacity = x->capacity ? 2 * x->capacity : 16;
    struct expected *all = reallocarray(x->all, capacity, sizeof(*all));
    if (!all)
        return 0;
    x->all = all;
    for (uint32_t i = x->capacity; i < capacity; i++)
        all[i].next_in_bucket = i + 1 < capacity ? i + 2 : 0;
    number = x->capacity + 1;
    x->free = all[number - 1].next_in_bucket;
    x->capacity = capacity;
    return number;
}

static int add_expected(struct tracker *t, const struct track_expectation *e)
{
    struct expectations *x = &t->expectations;
    uint32_t number = x->count < t->settings.config.max_expectations ? take_number(x) : 0;

    if (!number)
        return -EMFILE;
    uint32_t *bucket = bucket_of(t, &e->source, &e->destination, e->port, e->zone);
    *expected_at(t, number) = (struct expected){.e = *e, .older = x->newest, .next_in_bucket = *bucket};
    *bucket = number;
    *(x->newest ? &expected_at(t, x->newest)->newer : &x->oldest) = number;
    x->newest = number;
    x->count++;
    tracker_control(t, e->master)->expectation = number;
    tracker_control_use(t, e->master);
    return 0;
}

int tracker_expect(struct tracker *t, const struct track_expectation *e, const struct track_flow *master)
{
    uint32_t same = find_same(t, e), before = tracker_control(t, e->master)->expectation;
    enum track_expecting what =
        track_expecting(same, same && expected_at(t, same)->e.master == e->master, before);

    if (what == TRACK_EXPECTING_TAKEN)
        return -EBUSY;
    if (what == TRACK_EXPECTING_AGAIN)
        remove_expected(t, same);
    if (what == TRACK_EXPECTING_INSTEAD)
        tracker_unexpect(t, before, TRACK_EXPECT_REPLACED, master);
    int r = add_expected(t, e);
    if (r == 0)
        tracker_tell(t, what == TRACK_EXPECTING_AGAIN ? TRACK_EXPECT_REFRESHED : TRACK_EXPECT_NEW, TRACK_OK,
                     master, e);
    return r;
}

void tracker_expire_expectations(struct tracker *t)
{
    struct expectations *x = &t->expectations;

    while (x->oldest && expected_at(t, x->oldest)->e.expires <= t->now)
        tracker_unexpect(t, x->oldest, TRACK_EXPECT_EXPIRED,
                         tracker_control_flow(t, expected_at(t, x->oldest)->e.master));
}

/* ---- flows ---- */

/* What a flow holds besides its slot. */
static void let_go(struct tracker *t, struct track_flow *flow)
{
    if (flow->helper_data) {
        struct control *c = tracker_control(t, flow->helper_data);
        if (c->expectation)
            tracker_unexpect(t, c->expectation, TRACK_EXPECT_REMOVED, flow);
        tracker_control(t, flow->helper_data)->slot = TABLE_NONE;
        tracker_control_unuse(t, flow->helper_data);
    }
    if (flow->master)
        tracker_control_unuse(t, flow->master);
}

static bool is_mapped(const struct track_flow *flow)
{
    return flow->status & (TRACK_SRC_NAT | TRACK_DST_NAT);
}

void tracker_index_flow(struct tracker *t, uint32_t slot, uint32_t hash)
{
    const struct track_flow *flow = table_flow(&t->table, slot);

    table_insert(&t->table, slot, hash);
    if (is_mapped(flow))
        table_insert_again(&t->table, slot, table_hash(&t->table, &flow->reply));
}

void tracker_end_flow(struct tracker *t, uint32_t slot)
{
    struct track_flow *flow = table_flow(&t->table, slot);

    table_remove(&t->table, slot, table_hash(&t->table, &flow->tuple));
    if (is_mapped(flow))
        table_remove_again(&t->table, slot, table_hash(&t->table, &flow->reply));
    flow->status |= TRACK_DYING;
    tracker_tell(t, TRACK_FLOW_ENDED, TRACK_OK, flow, NULL);
    let_go(t, flow);
    /* Who has been shown it may still read it. */
    if (slot == t->current)
        t->held = slot;
    else
        table_give_back(&t->table, slot);
}

void tracker_forget_flow(struct tracker *t, uint32_t slot)
{
    let_go(t, table_flow(&t->table, slot));
    table_give_back(&t->table, slot);
}

bool tracker_has(const struct tracker *t, uint32_t slot)
{
    return table_has(&t->table, slot) &&
           (table_flow(&t->table, slot)->status & (TRACK_CONFIRMED | TRACK_DYING)) == TRACK_CONFIRMED;
}

static bool end_if_expired(struct tracker *t, uint32_t slot)
{
    if (!tracker_has(t, slot) || !track_has_expired(table_flow(&t->table, slot), t->now))
        return false;
    tracker_end_flow(t, slot);
    return true;
}

/* Looks at the age of the next few slots. */
static void sweep(struct tracker *t, uint32_t slots)
{
    for (uint32_t i = 0; i < slots && i < t->table.top; i++) {
        t->sweep = t->sweep < t->table.top ? t->sweep + 1 : 1;
        if (t->table.top - t->sweep > SWEEP_AHEAD)
            __builtin_prefetch(table_flow(&t->table, t->sweep + SWEEP_AHEAD));
        end_if_expired(t, t->sweep);
    }
}

/* As early_drop of nf_conntrack_core.c: some neighbours in the table, whoever is not assured. */
static bool push_out(struct tracker *t, uint32_t hash)
{
    uint32_t entries = 1U << t->table.bits, home = table_home(&t->table, hash);

    for (uint32_t i = 0; i < ROOM_PROBES && i < entries; i++) {
        uint32_t slot = t->table.entries[(home + i) & (entries - 1)].slot;
        if (slot == TABLE_NONE)
            continue;
        struct track_flow *flow = table_flow(&t->table, slot);
        if (flow->status & TRACK_ASSURED && !track_has_expired(flow, t->now))
            continue;
        tracker_end_flow(t, slot);
        return true;
    }
    return false;
}

static bool make_room(struct tracker *t, uint32_t hash)
{
    uint32_t taken = t->table.taken;

    sweep(t, ROOM_SWEEP);
    return t->table.taken < taken || push_out(t, hash);
}

bool tracker_has_room(struct tracker *t, uint32_t hash)
{
    sweep(t, SWEEP_A_FLOW);
    return t->table.taken < t->settings.config.max_flows || make_room(t, hash);
}

uint32_t tracker_find_flow(struct tracker *t, const struct track_tuple *tuple, uint32_t hash,
                           enum track_direction *direction)
{
    uint32_t slot = table_find(&t->table, tuple, hash, direction);

    if (slot == TABLE_NONE || !track_has_expired(table_flow(&t->table, slot), t->now))
        return slot;
    tracker_end_flow(t, slot);
    return TABLE_NONE;
}
