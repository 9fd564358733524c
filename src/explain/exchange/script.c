/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/exchange/script.h"
#include "explain/play/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXCHANGE_CLIENT_PORT = 40000, /* where the range allows it */
    EXCHANGE_ISN = 0x3a5c0001,
    EXCHANGE_REQUEST = 64, /* bytes */
    EXCHANGE_ANSWER = 512,
    EXCHANGE_ECHO_ID = 0x2a2a,
    EXCHANGE_PING = 56, /* what ping sends, so that all of it is 84 bytes over IPv4 */
};

struct exchange {
    struct wire wire;
    struct wire_connection line;
    uint32_t doubt; /* first step of which it can't be told; 0: none */
};

/* ---- what is sent ---- */

static bool send_bytes(struct exchange *e, enum story_lane from, size_t size, const char *label)
{
    uint8_t bytes[EXCHANGE_ANSWER];
    memset(bytes, 'x', size);
    return wire_send(&e->wire, &e->line, from, PACKET_PSH | PACKET_ACK, bytes, size, label);
}

static bool run_connect(struct exchange *e)
{
    return wire_connect(&e->wire, &e->line, STORY_CLIENT);
}

static bool run_ask(struct exchange *e)
{
    switch (e->wire.play->protocol) {
    case PACKET_TCP:
        return send_bytes(e, STORY_CLIENT, EXCHANGE_REQUEST, "request");
    case PACKET_UDP:
        return send_bytes(e, STORY_CLIENT, EXCHANGE_REQUEST, "query");
    default:
        return send_bytes(e, STORY_CLIENT, EXCHANGE_PING, "echo request");
    }
}

static bool run_answer(struct exchange *e)
{
    if (packet_has_ports(e->wire.play->protocol))
        return send_bytes(e, STORY_SERVER, EXCHANGE_ANSWER, "answer");
    return send_bytes(e, STORY_SERVER, EXCHANGE_PING, "echo reply"); /* it holds what the request held */
}

/* ---- tasks ---- */

static const struct exchange_task {
    const char *name;
    bool tcp_only;
    bool (*run)(struct exchange *e);
} tasks[] = {{"connect", true, run_connect}, {"ask", false, run_ask}, {"answer", false, run_answer}};

/* A rule that drops behind a doubt of filter's stops it either way; behind one of raw's, it may be tracked
 * otherwise and pass. */
static void judge_task(struct exchange *e, struct story_task *task, bool is_done)
{
    const struct wire *w = &e->wire;
    bool is_blocked = !is_done && (!w->raw_doubt || (w->lost_step && w->lost_step < w->raw_doubt));
    uint32_t doubt = is_done ? e->doubt : w->raw_doubt;
    task->outcome = is_blocked ? STORY_BLOCKED : doubt ? STORY_UNKNOWN : STORY_WORKS;
    task->step = is_blocked ? w->lost_step : doubt;
}

static bool run_task(struct exchange *e, const struct exchange_task *t)
{
    e->wire.phase = t->name;
    bool done = t->run(e);
    if (e->doubt == 0)
        e->doubt = e->wire.doubt_step;
    struct story_task *task = e->wire.error ? NULL : story_task_add(e->wire.story, t->name);
    if (!task) {
        e->wire.error = -ENOMEM;
        return false;
    }
    judge_task(e, task, done);
    e->wire.is_dead = !done; /* what comes after it never begins, and shares its fate */
    return done;
}

static void run_tasks(struct exchange *e)
{
    struct wire *w = &e->wire;
    bool is_tcp = w->play->protocol == PACKET_TCP, done = true;
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]) && !w->error; i++) {
        if (is_tcp || !tasks[i].tcp_only)
            done = run_task(e, &tasks[i]);
    }
    w->phase = "close";
    if (is_tcp && done && !w->error)
        (void)!wire_close(w, &e->line, STORY_CLIENT); /* the tasks are over: its packets are the story */
}

static void sum_up(struct story *story)
{
    for (size_t i = 0; i < story->task_count; i++) {
        enum story_outcome outcome = story->tasks[i].outcome;
        if (outcome == STORY_BLOCKED || (outcome == STORY_UNKNOWN && story->outcome == STORY_WORKS))
            story->outcome = outcome;
    }
}

static int play_all(struct exchange *e, struct wall_rules *r)
{
    struct track_config config;
    play_config(e->wire.play, &config);
    e->wire.wall = wall_new(r, &config, play_watch_event, &e->wire.watch);
    if (!e->wire.wall)
        return -ENOMEM;
    run_tasks(e);
    wall_free(&e->wire.wall);
    return e->wire.error;
}

struct story *exchange_play(struct wall_rules *r, const struct play *play, uint32_t looked)
{
    struct story *story = calloc(1, sizeof(*story));
    if (!story)
        return NULL;
    struct exchange e = {
        .wire = {.rules = wall_rules_model(r),
                 .play = play,
                 .story = story,
                 .watch = {.story = story, .rules = wall_rules_model(r), .looked = looked}},
        .line = {.channel = STORY_OTHER, .next = {EXCHANGE_ISN, EXCHANGE_ISN + 0x8000000U}},
    };
    story->kind = STORY_EXCHANGE;
    story->where = play->where;
    struct wire_end client = {play->client, EXCHANGE_ECHO_ID}, server = {play->server, EXCHANGE_ECHO_ID};
    if (packet_has_ports(play->protocol)) {
        client.port = play_port_in(play->client_ports, EXCHANGE_CLIENT_PORT, 0);
        server.port = play->server_port;
    }
    wire_begin(&e.line, STORY_CLIENT, &client, &server);
    if (play_all(&e, r) < 0)
        story_free(&story);
    else
        sum_up(story);
    return story;
}
