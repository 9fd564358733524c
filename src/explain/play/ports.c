/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/ports.h"
#include "explain/play/session.h"
#include "rules/nft/nft.h"
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

static void add_nft_ports(void *arg, uint16_t first, uint16_t last)
{
    add_range(arg, first, last);
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
    (void)!nft_ports(r->nft, add_nft_ports, b); /* who has to know more asks for it */
    for (size_t port = 0; port < PORTS; port++) {
        if (b->begins[port])
            ports[count++] = (uint16_t)port;
    }
    free(b);
    *ret_count = count;
    return ports;
}

/* Does a rule put what has been seen into a set? Then it matters whether a server takes a port again. */
static bool remembers(const struct rules *r)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                if (rules_target_changes(&chain->rules[i].target) & RULES_CHANGES_SETS)
                    return true;
            }
        }
    }
    for (size_t i = 0; r->nft && i < r->nft->chain_count; i++) {
        if (r->nft->chains[i]->writes & NFT_WRITES_SETS)
            return true;
    }
    return false;
}

/* ---- parts ---- */

static void ignore_ports(void *arg, uint16_t first, uint16_t last)
{
    (void)arg, (void)first, (void)last;
}

int play_ports_split(const struct rules *r, struct rules_range16 range, size_t most, struct play_parts *ret)
{
    size_t count = 0, inside = 0;
    uint16_t *bounds = play_port_bounds(r, &count);
    if (!bounds)
        return -ENOMEM;
    struct play_parts parts = {0};
    for (size_t i = 0; i < count; i++)
        inside += bounds[i] > range.first && bounds[i] <= range.last;
    /* Of too many, every so-manieth; the first and the last part are always among them. */
    size_t step = inside / (most - 1) + 1, seen = 0;
    parts.is_sampled = step > 1 || !nft_ports(r->nft, ignore_ports, NULL);
    uint16_t first = range.first;
    for (size_t i = 0; i < count; i++) {
        if (bounds[i] <= range.first || bounds[i] > range.last)
            continue;
        if (seen++ % step == 0 && parts.count < most - 1)
            parts.part[parts.count++] = (struct rules_range16){first, (uint16_t)(bounds[i] - 1)};
        first = bounds[i];
    }
    parts.part[parts.count++] = (struct rules_range16){first, range.last};
    struct rules_range16 *last = &parts.part[parts.count - 1];
    if (last->first < last->last && parts.count < most && remembers(r)) {
        parts.part[parts.count++] = (struct rules_range16){last->last, last->last};
        parts.again = true;
        last->last--;
    }
    free(bounds);
    *ret = parts;
    return 0;
}

/* ---- the worst part ---- */

struct story *play_once(struct wall_rules *r, const struct play *play, uint32_t looked)
{
    return play->script ? play->script(r, play, looked) : session_play(r, play, looked);
}

/* The range that somebody picks a port of, of those that matter to the rules. */
static struct rules_range16 *named_range(struct play *play)
{
    if (play->script)
        return &play->client_ports;
    return session_is_active(play->mode) ? &play->active_ports : &play->passive_ports;
}

static bool is_worse(enum story_outcome a, enum story_outcome than)
{
    static const int badness[] = {[STORY_WORKS] = 0, [STORY_UNKNOWN] = 1, [STORY_BLOCKED] = 2};
    return badness[a] > badness[than];
}

enum { PLAY_TASKS = 8 };

/* The best that came of each task, whichever port it was. */
struct best {
    enum story_outcome task[PLAY_TASKS];
};

static void note_best(const struct story *story, struct best *best)
{
    for (size_t i = 0; i < story->task_count && i < PLAY_TASKS; i++) {
        if (is_worse(best->task[i], story->tasks[i].outcome))
            best->task[i] = story->tasks[i].outcome;
    }
}

/* Plays every part. The index of the worst one; -1: none is worse than at_least; or -ENOMEM. */
static int play_parts(struct wall_rules *r, const struct play *play, enum story_outcome at_least,
                      struct play_outcomes *outcomes, struct best *best, int *ret_worst)
{
    int worst = -1;
    for (size_t i = 0; i < outcomes->parts.count; i++) {
        struct play part = *play;
        *named_range(&part) = outcomes->parts.part[i];
        struct story *story = play_once(r, &part, SESSION_LOOKS_AT_NONE);
        if (!story)
            return -ENOMEM;
        outcomes->outcome[i] = story->outcome;
        if (play->script)
            note_best(story, best);
        if (is_worse(story->outcome, at_least)) {
            at_least = story->outcome;
            worst = (int)i;
        }
        story_free(&story);
    }
    *ret_worst = worst;
    return 0;
}

/* Of one data port that the server sends from: the worst part of the range that is named. play: as it is then
 * played. */
static struct story *worst_in_range(struct wall_rules *r, struct play *play, struct play_outcomes *outcomes,
                                    struct best *best)
{
    struct play asked = *play;
    int worst = -1;
    struct story *story = play_once(r, play, SESSION_LOOKS_AT_NONE);
    if (!story ||
        play_ports_split(wall_rules_model(r), *named_range(play), PLAY_PARTS, &outcomes->parts) < 0 ||
        play_parts(r, &asked, story->outcome, outcomes, best, &worst) < 0) {
        story_free(&story);
        return NULL;
    }
    if (worst < 0)
        return story;
    *named_range(play) = outcomes->parts.part[worst];
    story_free(&story);
    return play_once(r, play, SESSION_LOOKS_AT_NONE);
}

/* ---- which port the server sends from ---- */

/* A port that decides may be one that was not said: of a server in active mode, or of a client in an exchange. */
static bool is_port_open(const struct play *play)
{
    if (play->script)
        return play->client_ports.first != play->client_ports.last;
    return session_is_active(play->mode) && play->data_ports.last == 0;
}

/* Those that were said; or 20 (vsftpd's, and RFC 959's beside port 21), RFC 959's beside another port
 * (proftpd's), and whatever a system gives to who asks for none. */
static int split_data_ports(const struct rules *r, const struct play *play, struct play_parts *ret)
{
    uint16_t beside = (uint16_t)(play->server_port - 1);
    struct play_parts parts = {0}, any;
    if (play->script || !session_is_active(play->mode)) {
        *ret = parts;
        return 0;
    }
    if (play->data_ports.last)
        return play_ports_split(r, play->data_ports, PLAY_DATA_PARTS, ret);
    parts.part[parts.count++] = (struct rules_range16){20, 20};
    if (beside != 20 && beside != 0)
        parts.part[parts.count++] = (struct rules_range16){beside, beside};
    if (play_ports_split(r, (struct rules_range16){1024, 65534}, PLAY_DATA_PARTS, &any) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < any.count; i++)
        parts.part[parts.count++] = any.part[i];
    parts.is_sampled = any.is_sampled;
    *ret = parts;
    return 0;
}

static void take_back_what_depends(struct story *story, const struct best *best)
{
    enum story_outcome outcome = STORY_WORKS;
    for (size_t i = 0; i < story->task_count && i < PLAY_TASKS; i++) {
        struct story_task *task = &story->tasks[i];
        if (task->outcome == STORY_BLOCKED && best->task[i] != STORY_BLOCKED)
            task->outcome = STORY_UNKNOWN;
        if (is_worse(task->outcome, outcome))
            outcome = task->outcome;
    }
    story->outcome = outcome;
}

/* Of all data ports the worst; asked: what was said, chosen: as it is then played. */
static struct story *worst_of_all(struct wall_rules *r, const struct play *asked, struct play *chosen,
                                  struct play_outcomes *ret, struct best *best)
{
    struct play_outcomes outcomes = {0};
    struct story *worst = NULL;
    if (split_data_ports(wall_rules_model(r), asked, &outcomes.data) < 0)
        return NULL;
    for (size_t i = 0; i < outcomes.data.count || i == 0; i++) {
        struct play one = *asked;
        struct play_outcomes parts = {0};
        if (outcomes.data.count > 0)
            one.data_ports = outcomes.data.part[i];
        struct story *story = worst_in_range(r, &one, &parts, best);
        if (!story) {
            story_free(&worst);
            return NULL;
        }
        outcomes.data_outcome[i] = story->outcome;
        note_best(story, best);
        if (worst && !is_worse(story->outcome, worst->outcome)) {
            story_free(&story);
            continue;
        }
        story_free(&worst);
        worst = story;
        *chosen = one;
        outcomes.parts = parts.parts;
        memcpy(outcomes.outcome, parts.outcome, sizeof(parts.outcome));
    }
    *ret = outcomes;
    return worst;
}

struct story *play_worst(struct wall_rules *r, const struct play *play, bool quiet, struct play *ret_play,
                         struct play_outcomes *ret)
{
    struct play_outcomes outcomes;
    struct play chosen;
    struct best best;
    for (size_t i = 0; i < PLAY_TASKS; i++)
        best.task[i] = STORY_BLOCKED;
    struct story *story = worst_of_all(r, play, &chosen, &outcomes, &best);
    if (!story)
        return NULL;
    if (!quiet) {
        story_free(&story);
        story = play_once(r, &chosen, SESSION_LOOKS_AT_ALL);
    }
    if (story && is_port_open(play))
        take_back_what_depends(story, &best);
    if (ret_play)
        *ret_play = chosen;
    if (ret)
        *ret = outcomes;
    return story;
}

/* ---- words ---- */

static bool format_parts(const struct play_parts *parts, const enum story_outcome *outcome, char *text)
{
    size_t good = 0, length = 0, shown = 0;
    for (size_t i = 0; i < parts->count; i++)
        good += outcome[i] == STORY_WORKS;
    if (good == 0 || good == parts->count)
        return false;
    for (size_t i = 0; i < parts->count && shown < 8; i++) {
        struct rules_range16 row = parts->part[i];
        if (outcome[i] != STORY_WORKS)
            continue;
        while (i + 1 < parts->count && outcome[i + 1] == STORY_WORKS &&
               parts->part[i + 1].first == row.last + 1)
            row.last = parts->part[++i].last;
        int n = snprintf(text + length, PLAY_OUTCOMES_TEXT - length,
                         row.first == row.last ? "%s%u" : "%s%u:%u", shown ? ", " : "", row.first, row.last);
        length += (size_t)n;
        shown++;
    }
    return true;
}

bool play_only_again_fails(const struct play_outcomes *outcomes)
{
    const size_t count = outcomes->parts.count;
    size_t works = 0;

    for (size_t i = 0; i < count; i++)
        works += outcomes->outcome[i] == STORY_WORKS;
    return outcomes->parts.again && works == count - 1 && outcomes->outcome[count - 1] != STORY_WORKS;
}

bool play_outcomes_format(const struct play_outcomes *outcomes, char *text)
{
    return !play_only_again_fails(outcomes) && format_parts(&outcomes->parts, outcomes->outcome, text);
}

bool play_data_format(const struct play_outcomes *outcomes, char *text)
{
    return format_parts(&outcomes->data, outcomes->data_outcome, text);
}
