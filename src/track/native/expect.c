/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/parts.h"

#include <errno.h>
#include <stdlib.h>

static struct expected *expected_at(const struct tracker *t, uint32_t number)
{
    return &t->expectations.all[number - 1];
}

static uint32_t *bucket_of(const struct tracker *t, const struct packet_address *source,
                           const struct packet_address *destination, uint16_t port, uint16_t zone)
{
    struct track_hash h;

    track_hash_begin(&h, &t->config.key);
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
    uint32_t number = x->count < t->config.max_expectations ? take_number(x) : 0;

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

/* In the order of __nf_ct_expect_check: the same again starts afresh, one of another control connection
 * stands, and the one before goes even if there turns out to be no room. */
int tracker_expect(struct tracker *t, const struct track_expectation *e, const struct track_flow *master)
{
    uint32_t same = find_same(t, e);
    bool again = same && expected_at(t, same)->e.master == e->master;
    int r;

    if (same && !again)
        return -EBUSY;
    if (again)
        remove_expected(t, same);
    else if (tracker_control(t, e->master)->expectation)
        tracker_unexpect(t, tracker_control(t, e->master)->expectation, TRACK_EXPECT_REPLACED, master);
    r = add_expected(t, e);
    if (r == 0)
        tracker_tell(t, again ? TRACK_EXPECT_REFRESHED : TRACK_EXPECT_NEW, TRACK_OK, master, e);
    return r;
}

void tracker_expire_expectations(struct tracker *t)
{
    struct expectations *x = &t->expectations;

    while (x->oldest && expected_at(t, x->oldest)->e.expires <= t->now)
        tracker_unexpect(t, x->oldest, TRACK_EXPECT_EXPIRED,
                         tracker_flow(t, expected_at(t, x->oldest)->e.master));
}

void tracker_each_expectation(const struct tracker *t,
                              bool (*visit)(void *arg, const struct track_expectation *e), void *arg)
{
    uint32_t number = t->expectations.oldest;

    while (number) {
        const struct expected *it = expected_at(t, number);
        if (it->e.expires > t->now && !visit(arg, &it->e))
            return;
        number = it->newer;
    }
}
