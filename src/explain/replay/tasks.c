/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/tasks.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "explain/make.h"

/* Commands that begin a task (RFC 959 section 4.1, RFC 3659), under the name that people know. */
static const struct {
    const char *command, *task;
} commands[] = {
    {"USER", "login"}, {"LIST", "LIST"}, {"NLST", "LIST"}, {"MLSD", "LIST"},
    {"RETR", "RETR"},  {"STOR", "STOR"}, {"APPE", "STOR"}, {"STOU", "STOR"},
    {"PASV", "data"},  {"EPSV", "data"}, {"PORT", "data"}, {"EPRT", "data"},
};

/* Data channels that are looked for among the latest: a client has a few at a time. */
enum { DATA_SEARCHED = 256 };

static int begin(struct replay_tasks *t, const char *name, uint32_t number)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 16;
        struct replay_task *all = reallocarray(t->all, capacity, sizeof(*all));

        if (!all)
            return -ENOMEM;
        t->all = all;
        t->capacity = capacity;
    }
    t->all[t->count] = (struct replay_task){.name = strdup(name), .step = number};
    return t->all[t->count].name ? (t->count++, 0) : -ENOMEM;
}

static int name_last(struct replay_task *task, const char *name)
{
    char *copy = strdup(name);

    if (!copy)
        return -ENOMEM;
    free(task->name);
    task->name = copy;
    return 0;
}

/* A command on its way. PASV and its like begin a task whose name is known when the transfer is asked for. */
static int hear(struct replay_tasks *t, const char *said, uint32_t number)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct replay_task *last = t->count ? &t->all[t->count - 1] : NULL;

        if (strncasecmp(said, commands[i].command, 4) != 0 || isalnum((unsigned char)said[4]))
            continue;
        if (last && strcmp(last->name, "data") == 0)
            return strcmp(commands[i].task, "data") == 0 ? 0 : name_last(last, commands[i].task);
        return begin(t, commands[i].task, number);
    }
    return 0;
}

static int remember_data(struct replay_tasks *t, const struct packet *p)
{
    if (t->data_count == t->data_capacity) {
        size_t capacity = t->data_capacity ? t->data_capacity * 2 : 16;
        struct track_tuple *data = reallocarray(t->data, capacity, sizeof(*data));

        if (!data)
            return -ENOMEM;
        t->data = data;
        t->data_capacity = capacity;
    }
    t->data_ports[p->destination_port / 8] |= (uint8_t)(1U << p->destination_port % 8);
    t->data[t->data_count++] = (struct track_tuple){.source = p->source,
                                                    .destination = p->destination,
                                                    .source_port = p->source_port,
                                                    .destination_port = p->destination_port,
                                                    .family = p->family};
    return 0;
}

static const struct track_tuple *find_data(const struct replay_tasks *t, const struct packet_address *source,
                                           uint16_t source_port, const struct packet_address *destination,
                                           uint16_t destination_port)
{
    if (!(t->data_ports[destination_port / 8] >> destination_port % 8 & 1))
        return NULL;
    size_t from = t->data_count > DATA_SEARCHED ? t->data_count - DATA_SEARCHED : 0;

    for (size_t i = t->data_count; i-- > from;) {
        const struct track_tuple *d = &t->data[i];

        if (d->source_port == source_port && d->destination_port == destination_port &&
            packet_address_equal(&d->source, source) && packet_address_equal(&d->destination, destination))
            return d;
    }
    return NULL;
}

bool replay_tasks_is_data(const struct replay_tasks *t, const struct track_tuple *tuple)
{
    return find_data(t, &tuple->source, tuple->source_port, &tuple->destination, tuple->destination_port);
}

bool replay_tasks_listens(const struct replay_tasks *t, const struct packet *p)
{
    return find_data(t, &p->destination, p->destination_port, &p->source, p->source_port);
}

int replay_tasks_look(struct replay_tasks *t, const struct story_step *step, const struct packet *p,
                      const char *said)
{
    bool starts = p->protocol == PACKET_TCP && (p->tcp.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN;
    int r = 0;

    if (step->channel == STORY_OTHER)
        return 0;
    if (step->channel == STORY_CONTROL && starts && !step->is_retry)
        r = begin(t, "connect", step->number);
    else if (step->channel == STORY_CONTROL && step->from == STORY_CLIENT)
        r = hear(t, said, step->number);
    else if (step->channel == STORY_DATA && starts && !step->is_retry)
        r = remember_data(t, p);
    if (r || !t->count || step->fate == WALL_PASS)
        return r;

    struct replay_task *task = &t->all[t->count - 1];
    if (!task->stopped && !(task->doubtful && step->fate == WALL_UNKNOWN))
        task->step = step->number;
    task->stopped |= step->fate != WALL_UNKNOWN;
    task->doubtful |= step->fate == WALL_UNKNOWN;
    return 0;
}

static char *decider_text(const struct story_step *step)
{
    if (step->stage == WALL_BY_CONNTRACK)
        return strdup("connection tracking");
    if (step->stage == WALL_BY_HELPER)
        return strdup("the FTP helper");
    if (!step->rule.chain)
        return strdup("nobody");
    return step->rule.number ? story_format("rule %u of %s", step->rule.number, step->rule.chain)
                             : story_format("the policy of %s", step->rule.chain);
}

static const struct story_step *first_trouble(const struct story *s, bool stopped)
{
    for (size_t i = 0; i < s->step_count; i++) {
        enum wall_fate fate = s->steps[i].fate;

        if (stopped ? fate == WALL_DROP || fate == WALL_REJECT : fate == WALL_UNKNOWN)
            return &s->steps[i];
    }
    return NULL;
}

/* Who announced the connection that begins at step, and why nothing was expected: " Packet 18 announced that
 * connection, but ...". "" if nobody did. */
static char *missed_text(const struct story *s, const struct story_step *step)
{
    for (const struct story_step *at = step; at >= s->steps; at--) {
        for (size_t i = 0; i < at->event_count; i++) {
            const struct story_event *event = &at->events[i];
            const char *found = strstr(event->text, step->destination);

            if (event->type != TRACK_EXPECT_MISSED || !found || found[strlen(step->destination)] != ':')
                continue;
            return story_format(" Packet %u announced that connection, but nothing was expected: %s.",
                                at->number, track_reason_text(event->reason));
        }
    }
    return strdup("");
}

char *replay_conclude(const struct story *s, uint64_t dropped, uint64_t unknown)
{
    const struct story_step *step = dropped || unknown ? first_trouble(s, dropped) : NULL;

    if (!step)
        return strdup("Every packet of the capture passes.");
    char *who = decider_text(step);
    char *missed = missed_text(s, step), *text = NULL;
    if (who && missed && dropped)
        text = story_format("%llu packet%s of the capture would not pass; the first is packet %u, %s from %s "
                            "to %s, stopped by %s.%s",
                            (unsigned long long)dropped, dropped == 1 ? "" : "s", step->number, step->label,
                            step->source, step->destination, who, missed);
    else if (who)
        text =
            story_format("Whether all of it passes can't be told: packet %u, %s, depends on %s, at %s.",
                         step->number, step->label, step->because ? step->because : "something unknown", who);
    free(missed);
    free(who);
    return text;
}

static int compare_number(const void *key, const void *step)
{
    uint32_t a = *(const uint32_t *)key, b = ((const struct story_step *)step)->number;

    return a < b ? -1 : a > b;
}

/* Numbers are of the capture, and rise. */
static const struct story_step *find_step(const struct story *s, uint32_t number)
{
    return bsearch(&number, s->steps, s->step_count, sizeof(*s->steps), compare_number);
}

static char *why_text(const struct story *s, const struct replay_task *task)
{
    const struct story_step *step = find_step(s, task->step);
    char *who = step ? decider_text(step) : strdup("the firewall");
    char *text = NULL;

    if (who)
        text = task->stopped ? story_format("%s stops %s", who, step ? step->label : "it")
                             : story_format("it depends on %s, at %s",
                                            step && step->because ? step->because : "something unknown", who);
    free(who);
    return text;
}

int replay_tasks_take(struct replay_tasks *t, struct story *s)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct replay_task *from = &t->all[i];
        struct story_task *task = story_task_add(s, from->name);

        if (!task)
            return -ENOMEM;
        task->outcome = from->stopped ? STORY_BLOCKED : from->doubtful ? STORY_UNKNOWN : STORY_WORKS;
        task->step = from->step;
        if (task->outcome == STORY_WORKS)
            continue;
        task->why = why_text(s, from);
        if (!task->why)
            return -ENOMEM;
    }
    return 0;
}

void replay_tasks_fini(struct replay_tasks *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->all[i].name);
    free(t->all);
    free(t->data);
    *t = (struct replay_tasks){0};
}
