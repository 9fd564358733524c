/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/announced.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"

struct announcement {
    struct track_expectation what;
    bool open;   /* the line about it has no end yet */
    size_t next; /* as struct announced has latest: the one before it with the same port */
};

enum { PORTS = 65536, SEARCHED = 256, LINES_MOST = 200000, MISSED_MOST = 1000000 };

struct missed {
    uint32_t number;
    enum track_reason reason;
};

struct announced {
    struct announcement *all; /* one a line */
    char **lines;
    size_t count, capacity, line_count, line_capacity;
    struct missed *missed; /* by number, which rises */
    size_t missed_count, missed_capacity;
    size_t latest[PORTS]; /* by port, 1 + index of the latest that announced it; 0: none */
};

struct announced *announced_new(void)
{
    return calloc(1, sizeof(struct announced));
}

void announced_free(struct announced **a)
{
    if (!*a)
        return;
    for (size_t i = 0; i < (*a)->line_count; i++)
        free((*a)->lines[i]);
    free((*a)->lines);
    free((*a)->missed);
    free((*a)->all);
    free(*a);
    *a = NULL;
}

static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t larger = *capacity ? *capacity * 2 : 16;
    void *bigger = reallocarray(array, larger, size);

    if (bigger)
        *capacity = larger;
    return bigger;
}

static char *expectation_text(const struct track_expectation *e)
{
    char *from = story_end_text(&e->source, e->family, 0),
         *to = story_end_text(&e->destination, e->family, e->port);
    char *text = from && to ? story_format("%s -> %s", from, to) : NULL;

    free(from);
    free(to);
    return text;
}

static int miss(struct announced *a, enum track_reason reason, uint32_t number)
{
    if (a->missed_count == MISSED_MOST)
        return 0;
    struct missed *missed = grow(a->missed, a->missed_count, &a->missed_capacity, sizeof(*missed));

    if (!missed)
        return -ENOMEM;
    a->missed = missed;
    missed[a->missed_count++] = (struct missed){number, reason};
    return 0;
}

static int add_line(struct announced *a, const struct track_expectation *e, uint32_t number)
{
    char **lines = grow(a->lines, a->line_count, &a->line_capacity, sizeof(*lines));
    if (!lines)
        return -ENOMEM;
    a->lines = lines;
    char *what = expectation_text(e);
    char *line = what ? story_format("%s, announced in packet %u", what, number) : NULL;
    free(what);
    if (line)
        lines[a->line_count++] = line;
    return line ? 0 : -ENOMEM;
}

static int announce(struct announced *a, const struct track_expectation *e, uint32_t number)
{
    if (a->line_count == LINES_MOST)
        return 0;
    struct announcement *all = grow(a->all, a->count, &a->capacity, sizeof(*all));
    if (!all)
        return -ENOMEM;
    a->all = all;
    int r = add_line(a, e, number);
    if (r)
        return r;
    all[a->count] = (struct announcement){.what = *e, .open = true, .next = a->latest[e->port]};
    a->latest[e->port] = ++a->count;
    return 0;
}

static bool same_end(const struct track_expectation *x, const struct track_expectation *y)
{
    return x->family == y->family && x->port == y->port &&
           packet_address_equal(&x->destination, &y->destination) &&
           packet_address_equal(&x->source, &y->source);
}

/* Ends the line of an expectation that is over. */
static int conclude(struct announced *a, const struct track_event *event, const char *how)
{
    size_t i = a->latest[event->expectation->port];

    for (int searched = 0; i > 0 && searched < SEARCHED; searched++, i = a->all[i - 1].next) {
        struct announcement *n = &a->all[i - 1];

        if (!n->open || !same_end(&n->what, event->expectation))
            continue;
        char *line = story_format("%s; %s", a->lines[i - 1], how);
        if (!line)
            return -ENOMEM;
        free(a->lines[i - 1]);
        a->lines[i - 1] = line;
        n->open = false;
        return 0;
    }
    return 0;
}

int announced_event(struct announced *a, const struct track_event *event, uint32_t number)
{
    static const char *const ends[] = {
        [TRACK_EXPECT_REPLACED] = "replaced by a newer one",
        [TRACK_EXPECT_REFRESHED] = "announced again",
        [TRACK_EXPECT_USED] = "used",
        [TRACK_EXPECT_EXPIRED] = "expired unused",
        [TRACK_EXPECT_REMOVED] = "gone with its control connection",
    };

    if (!event->expectation)
        return 0;
    if (event->type == TRACK_EXPECT_NEW)
        return announce(a, event->expectation, number);
    if (event->type == TRACK_EXPECT_MISSED)
        return miss(a, event->reason, number);
    if (event->type >= sizeof(ends) / sizeof(ends[0]) || !ends[event->type] ||
        event->type == TRACK_EXPECT_REFRESHED)
        return 0;
    return conclude(a, event, ends[event->type]);
}

enum track_reason announced_missed(const struct announced *a, uint32_t number)
{
    size_t from = 0, to = a->missed_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (a->missed[middle].number < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from < a->missed_count && a->missed[from].number == number ? a->missed[from].reason : TRACK_OK;
}

void announced_take(struct announced *a, char ***ret, size_t *ret_count)
{
    *ret = a->lines;
    *ret_count = a->line_count;
    a->lines = NULL;
    a->line_count = 0;
}
