/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/announced.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"

struct announcement {
    struct track_expectation what;
    char *control; /* its ends */
    char *said;
    bool open;   /* the line about its expectation has no end yet */
    size_t line; /* in lines; only if an expectation was made */
    size_t next; /* as struct announced has latest: the one before it with the same port */
};

enum { PORTS = 65536 };

struct announced {
    struct announcement *all;
    size_t count, capacity;
    size_t latest[PORTS]; /* by port, 1 + index of the latest that announced it; 0: none */
    struct announced_found found;
    size_t expectation_capacity, channel_capacity;
};

struct announced *announced_new(void)
{
    return calloc(1, sizeof(struct announced));
}

void announced_found_clear(struct announced_found *found)
{
    for (size_t i = 0; i < found->expectation_count; i++)
        free(found->expectations[i]);
    for (size_t i = 0; i < found->channel_count; i++) {
        free(found->channels[i].data);
        free(found->channels[i].control);
        free(found->channels[i].announced_by);
    }
    free(found->expectations);
    free(found->channels);
    *found = (struct announced_found){0};
}

void announced_free(struct announced **a)
{
    if (!*a)
        return;
    for (size_t i = 0; i < (*a)->count; i++) {
        free((*a)->all[i].control);
        free((*a)->all[i].said);
    }
    announced_found_clear(&(*a)->found);
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

static char *ends_text(const struct track_tuple *t)
{
    char *from = story_end_text(&t->source, t->family, t->source_port);
    char *to = story_end_text(&t->destination, t->family, t->destination_port);
    char *text = from && to ? story_format("%s -> %s", from, to) : NULL;

    free(from);
    free(to);
    return text;
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

static int add_line(struct announced *a, char *line)
{
    struct announced_found *f = &a->found;
    char **lines =
        line ? grow(f->expectations, f->expectation_count, &a->expectation_capacity, sizeof(*lines)) : NULL;

    if (!lines) {
        free(line);
        return -ENOMEM;
    }
    f->expectations = lines;
    lines[f->expectation_count++] = line;
    return 0;
}

static int announce(struct announced *a, const struct track_event *event, const char *said, uint32_t number,
                    bool expected)
{
    struct announcement *all = grow(a->all, a->count, &a->capacity, sizeof(*all));

    if (!all)
        return -ENOMEM;
    a->all = all;
    struct announcement *new = &a->all[a->count];
    *new = (struct announcement){
        .what = *event->expectation, .open = expected, .line = a->found.expectation_count};
    new->control = event->flow ? ends_text(&event->flow->tuple) : strdup("");
    new->said = strdup(said);
    new->next = a->latest[new->what.port];
    a->latest[new->what.port] = ++a->count;
    if (!new->control || !new->said)
        return -ENOMEM;
    if (!expected)
        return 0;
    char *what = expectation_text(event->expectation);
    char *line = what ? story_format("%s, announced in packet %u", what, number) : NULL;

    free(what);
    return add_line(a, line);
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
    for (size_t i = a->latest[event->expectation->port]; i > 0; i = a->all[i - 1].next) {
        struct announcement *n = &a->all[i - 1];

        if (!n->open || !same_end(&n->what, event->expectation))
            continue;
        char *line = story_format("%s; %s", a->found.expectations[n->line], how);
        if (!line)
            return -ENOMEM;
        free(a->found.expectations[n->line]);
        a->found.expectations[n->line] = line;
        n->open = false;
        return 0;
    }
    return 0;
}

int announced_event(struct announced *a, const struct track_event *event, const char *said, uint32_t number)
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
    if (event->type == TRACK_EXPECT_NEW || event->type == TRACK_EXPECT_MISSED)
        return announce(a, event, said, number, event->type == TRACK_EXPECT_NEW);
    if (event->type >= sizeof(ends) / sizeof(ends[0]) || !ends[event->type] ||
        event->type == TRACK_EXPECT_REFRESHED)
        return 0;
    return conclude(a, event, ends[event->type]);
}

static const struct announcement *find(const struct announced *a, const struct packet *p)
{
    for (size_t i = a->latest[p->destination_port]; i > 0; i = a->all[i - 1].next) {
        const struct track_expectation *e = &a->all[i - 1].what;

        if (e->family == p->family && e->port == p->destination_port &&
            packet_address_equal(&e->destination, &p->destination) &&
            packet_address_equal(&e->source, &p->source))
            return &a->all[i - 1];
    }
    return NULL;
}

int announced_connect(struct announced *a, const struct packet *p, bool is_suspect, bool *ret_data)
{
    const struct announcement *by = find(a, p);
    struct track_tuple ends = {.source = p->source,
                               .destination = p->destination,
                               .source_port = p->source_port,
                               .destination_port = p->destination_port,
                               .family = p->family};

    if (!by && !is_suspect) {
        *ret_data = false;
        return 0;
    }
    struct replay_channel *channels =
        grow(a->found.channels, a->found.channel_count, &a->channel_capacity, sizeof(*channels));
    if (!channels)
        return -ENOMEM;
    a->found.channels = channels;
    struct replay_channel *new = &channels[a->found.channel_count++];
    *new = (struct replay_channel){.data = ends_text(&ends),
                                   .control = by ? strdup(by->control) : NULL,
                                   .announced_by = by ? strdup(by->said) : NULL};
    *ret_data = true;
    return new->data && (!by || (new->control &&new->announced_by)) ? 0 : -ENOMEM;
}

void announced_take(struct announced *a, struct announced_found *ret)
{
    *ret = a->found;
    a->found = (struct announced_found){0};
}
