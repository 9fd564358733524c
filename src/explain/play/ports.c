/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/ports.h"
#include "explain/play/session.h"
#include "verdict/condition/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536 };

/* ---- where rules change their mind ---- */

/* A bit for each port at which something begins. */
struct bounds {
    uint8_t begins[PORTS];
};

static void add_range(struct bounds *b, uint64_t first, uint64_t last)
{
    b->begins[first % PORTS] = 1;
    if (last < PORTS - 1)
        b->begins[last + 1] = 1;
}

/* A condition_visit. */
static bool add_ports(void *arg, const struct condition *c)
{
    static const bool is_port[CONDITION_FIELDS] = {
        [CONDITION_SOURCE_PORT] = true,
        [CONDITION_DESTINATION_PORT] = true,
        [CONDITION_PORTS] = true,
        [CONDITION_CT_SOURCE_PORT] = true,
        [CONDITION_CT_DESTINATION_PORT] = true,
        [CONDITION_CT_REPLY_SOURCE_PORT] = true,
        [CONDITION_CT_REPLY_DESTINATION_PORT] = true,
    };

    if (is_port[c->field] && c->kind == CONDITION_RANGE)
        add_range(arg, c->range.first.low, c->range.last.low);
    for (uint8_t i = 0; is_port[c->field] && c->kind == CONDITION_LIST && i < c->count; i++)
        add_range(arg, c->list[i].first, c->list[i].last);
    return true;
}

static void add_rules(struct bounds *b, const struct rules *r)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++)
                condition_read(&chain->rules[i], r->family, add_ports, b);
        }
    }
}

uint16_t *play_port_bounds(const struct rules *r, size_t *ret_count)
{
    struct bounds *b = calloc(1, sizeof(*b));
    uint16_t *ports = calloc(PORTS, sizeof(*ports));
    size_t count = 0;
    if (!b || !ports) {
        free(b);
        free(ports);
        return NULL;
    }
    b->begins[0] = 1;
    add_rules(b, r);
    for (size_t port = 0; port < PORTS; port++) {
        if (b->begins[port])
            ports[count++] = (uint16_t)port;
    }
    free(b);
    *ret_count = count;
    return ports;
}

/* ---- parts ---- */

int play_ports_split(const struct rules *r, struct rules_range16 range, struct play_parts *ret)
{
    size_t count = 0, inside = 0;
    uint16_t *bounds = play_port_bounds(r, &count);
    if (!bounds)
        return -ENOMEM;
    struct play_parts parts = {0};
    for (size_t i = 0; i < count; i++)
        inside += bounds[i] > range.first && bounds[i] <= range.last;
    /* Of too many, every so-manieth; the first and the last part are always among them. */
    size_t step = inside / (PLAY_PARTS - 1) + 1, seen = 0;
    parts.is_sampled = step > 1;
    uint16_t first = range.first;
    for (size_t i = 0; i < count; i++) {
        if (bounds[i] <= range.first || bounds[i] > range.last)
            continue;
        if (seen++ % step == 0 && parts.count < PLAY_PARTS - 1)
            parts.part[parts.count++] = (struct rules_range16){first, (uint16_t)(bounds[i] - 1)};
        first = bounds[i];
    }
    parts.part[parts.count++] = (struct rules_range16){first, range.last};
    free(bounds);
    *ret = parts;
    return 0;
}

/* ---- the worst part ---- */

static struct rules_range16 *named_range(struct play *play)
{
    return session_is_active(play->mode) ? &play->active_ports : &play->passive_ports;
}

static bool is_worse(enum story_outcome a, enum story_outcome than)
{
    static const int badness[] = {[STORY_WORKS] = 0, [STORY_UNKNOWN] = 1, [STORY_BLOCKED] = 2};
    return badness[a] > badness[than];
}

/* Plays every part. The index of the worst one; -1: none is worse than at_least; or -ENOMEM. */
static int play_parts(struct wall_rules *r, const struct play *play, enum story_outcome at_least,
                      struct play_outcomes *outcomes, int *ret_worst)
{
    int worst = -1;
    for (size_t i = 0; i < outcomes->parts.count; i++) {
        struct play part = *play;
        *named_range(&part) = outcomes->parts.part[i];
        struct story *story = session_play(r, &part, SESSION_LOOKS_AT_NONE);
        if (!story)
            return -ENOMEM;
        outcomes->outcome[i] = story->outcome;
        if (is_worse(story->outcome, at_least)) {
            at_least = story->outcome;
            worst = (int)i;
        }
        story_free(&story);
    }
    *ret_worst = worst;
    return 0;
}

struct story *play_worst(struct wall_rules *r, const struct play *play, bool quiet, struct play *ret_play,
                         struct play_outcomes *ret)
{
    struct play_outcomes outcomes = {0};
    struct play chosen = *play;
    int worst = -1;
    struct story *story = session_play(r, &chosen, SESSION_LOOKS_AT_NONE);
    if (!story || play_ports_split(wall_rules_model(r), *named_range(&chosen), &outcomes.parts) < 0 ||
        play_parts(r, play, story->outcome, &outcomes, &worst) < 0) {
        story_free(&story);
        return NULL;
    }
    if (worst >= 0)
        *named_range(&chosen) = outcomes.parts.part[worst];
    if (worst >= 0 || !quiet) {
        story_free(&story);
        story = session_play(r, &chosen, quiet ? SESSION_LOOKS_AT_NONE : SESSION_LOOKS_AT_ALL);
    }
    if (ret_play)
        *ret_play = chosen;
    if (ret)
        *ret = outcomes;
    return story;
}

bool play_outcomes_format(const struct play_outcomes *outcomes, char *text)
{
    const struct play_parts *parts = &outcomes->parts;
    size_t good = 0, length = 0, shown = 0;
    for (size_t i = 0; i < parts->count; i++)
        good += outcomes->outcome[i] == STORY_WORKS;
    if (good == 0 || good == parts->count)
        return false;
    for (size_t i = 0; i < parts->count && shown < 8; i++) {
        struct rules_range16 row = parts->part[i];
        if (outcomes->outcome[i] != STORY_WORKS)
            continue;
        while (i + 1 < parts->count && outcomes->outcome[i + 1] == STORY_WORKS)
            row.last = parts->part[++i].last;
        int n = snprintf(text + length, PLAY_OUTCOMES_TEXT - length,
                         row.first == row.last ? "%s%u" : "%s%u:%u", shown ? ", " : "", row.first, row.last);
        length += (size_t)n;
        shown++;
    }
    return true;
}
