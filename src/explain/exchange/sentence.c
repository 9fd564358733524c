/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/exchange/sentence.h"
#include "explain/conclude.h"
#include "explain/make.h"
#include "packet/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- why a task failed ---- */

/* What the packet is to who waits for it. */
static const char *packet_name(const struct story_step *step)
{
    static const struct {
        const char *label, *name;
    } names[] = {
        {"SYN", "the client's first packet (SYN)"},
        {"SYN ACK", "the server's answer to it (SYN ACK)"},
        {"ACK", "the client's acknowledgement (ACK)"},
        {"request", "the client's request"},
        {"query", "the client's query"},
        {"answer", "the server's answer"},
        {"echo request", "the echo request"},
        {"echo reply", "the echo reply"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(step->label, names[i].label) == 0)
            return names[i].name;
    }
    return "a packet";
}

static bool is_stopped(const struct story_step *step)
{
    return step->fate == WALL_DROP || step->fate == WALL_REJECT;
}

static char *why_of(const struct story *story, const struct story_task *task)
{
    const struct story_step *step = &story->steps[task->step - 1];
    if (!is_stopped(step))
        return conclude_unknown(step);
    bool is_first = step->state == TRACK_NEW && step->rule.chain;
    char *who = conclude_who_does_what(step);
    char *reason = is_first ? strdup("and no rule before it admits it") : conclude_reason(story, step);
    char *why = who && reason ? story_format("%s %s, %s", who, packet_name(step), reason) : NULL;
    free(who);
    free(reason);
    return why;
}

/* ---- the sentence ---- */

char *exchange_what(const struct play *play)
{
    uint16_t port = packet_has_ports(play->protocol) ? play->server_port : 0;
    char *server = story_end_text(&play->server, play->family, port);
    const char *kind = play->protocol == PACKET_TCP   ? "TCP to"
                       : play->protocol == PACKET_UDP ? "UDP to"
                                                      : "Ping of";
    char *text = server ? story_format("%s %s", kind, server) : NULL;
    free(server);
    return text;
}

/* What a person tries. */
static char *attempt_text(const struct play *play)
{
    if (play->protocol == PACKET_TCP)
        return story_format("a connection to port %u", play->server_port);
    if (play->protocol == PACKET_UDP)
        return story_format("a query to UDP port %u", play->server_port);
    return strdup("a ping");
}

static const struct story_task *first_failed(const struct story *story)
{
    for (size_t i = 0; i < story->task_count; i++) {
        if (story->tasks[i].outcome == story->outcome)
            return &story->tasks[i];
    }
    return NULL;
}

/* "rule 3 of INPUT admits it", of the first packet, which is what asks to be let in. */
static char *admitted_text(const struct story *story)
{
    const struct story_rule *rule = &story->steps[0].rule;
    if (!rule->chain)
        return strdup("no rule stands in its way");
    char *place = story_place(rule);
    char *text = place ? story_format("%s admits it", place) : NULL;
    free(place);
    return text;
}

static char *sentence_works(const struct story *story, const struct play *play)
{
    bool is_tcp = play->protocol == PACKET_TCP;
    const char *goes = is_tcp ? "is made, and what is said on it passes there and back"
                              : "arrives and the answer comes back";
    char *attempt = attempt_text(play), *admitted = admitted_text(story), *lost = conclude_losses(story);
    char *text = NULL;
    if (attempt && admitted && lost)
        text = story_format("It works both ways: %s %s; %s.%s", attempt, goes, admitted, lost);
    free(lost);
    free(attempt);
    free(admitted);
    return text;
}

/* How it looks to who waits. */
static const char *symptom(const struct story *story, const struct story_task *task, const struct play *play)
{
    const struct story_step *step = &story->steps[task->step - 1];
    bool refused = step->fate == WALL_REJECT && step->from == STORY_CLIENT;
    bool arrived = step->from == STORY_SERVER;
    if (strcmp(task->name, "connect") == 0)
        return refused   ? "The client can't connect and is refused at once"
               : arrived ? "The client's packet arrives, but it can't connect and times out"
                         : "The client can't connect and times out";
    if (play->protocol == PACKET_TCP)
        return arrived ? "The client connects, but gets no answer"
                       : "The client connects, but can't ask for anything";
    return refused   ? "It is refused at once"
           : arrived ? "It arrives, but no answer comes back"
                     : "No answer comes, since it does not arrive";
}

static char *sentence_blocked(const struct story *story, const struct story_task *task,
                              const struct play *play)
{
    return story_format("%s: %s.", symptom(story, task, play), task->why);
}

/* What it depends on: who asks, from which port; else what the rules ask and nobody can tell. */
static char *sentence_unknown(const struct story *story, const struct story_task *task,
                              const struct play *play, const struct play_outcomes *outcomes,
                              const struct exchange_clients *clients)
{
    char list[PLAY_OUTCOMES_TEXT] = "", address[64];
    char *attempt = attempt_text(play), *text = NULL;
    bool by_end = is_stopped(&story->steps[task->step - 1]);
    const struct packet_address *other = by_end ? exchange_clients_find(clients, STORY_WORKS) : NULL;
    if (other)
        packet_address_format(other, play->family, address);
    if (attempt && by_end && play_outcomes_format(outcomes, list))
        text = story_format(
            "Whether %s works depends on the port that the client sends from, which was not said: "
            "from port %s it works; from another %s.",
            attempt, list, task->why);
    else if (attempt && other)
        text = story_format(
            "Whether %s works depends on who asks, which was not said (--client): from %s it works; from "
            "somebody else, such as %s, %s.",
            attempt, address, story->client, task->why);
    else if (attempt)
        text = story_format(
            "Whether %s works can't be told: %s%s.", attempt,
            by_end ? "it depends on the port that the client sends from; with one of them " : "", task->why);
    free(attempt);
    return text;
}

static int note_others(struct story *story, const struct play *play, const struct exchange_clients *clients)
{
    char address[64];
    const struct packet_address *other = exchange_clients_find(clients, STORY_BLOCKED);
    if (story->outcome != STORY_WORKS || !other)
        return 0;
    packet_address_format(other, play->family, address);
    return story_note_add(story, "Not for everybody: from %s, whom the rules name, it is blocked (--client).",
                          address);
}

int exchange_conclude(struct story *story, const struct play *played, const struct play_outcomes *outcomes,
                      const struct exchange_clients *clients)
{
    if (conclude_tasks(story, why_of))
        return -ENOMEM;
    const struct story_task *failed = first_failed(story);
    if (story->outcome == STORY_WORKS || !failed || !failed->why)
        story->conclusion = sentence_works(story, played);
    else if (story->outcome == STORY_BLOCKED)
        story->conclusion = sentence_blocked(story, failed, played);
    else
        story->conclusion = sentence_unknown(story, failed, played, outcomes, clients);
    return story->conclusion ? note_others(story, played, clients) : -ENOMEM;
}

/* ---- notes ---- */

static int note_ports(struct story *story, const struct play *asked, const struct play *played,
                      const struct play_outcomes *outcomes)
{
    char list[PLAY_OUTCOMES_TEXT];
    if (!packet_has_ports(played->protocol) || asked->client_ports.last != 0)
        return 0;
    if (play_outcomes_format(outcomes, list))
        return story_note_add(
            story,
            "It depends on the port that the client sends from: from %s it works. Told here is "
            "what happens with another.",
            list);
    return story_note_add(story,
                          "Which port the client sends from was not said: any from 1024 on is taken to be "
                          "used (write it behind the client's address).");
}

/* A connection that can't be closed works, and is then left standing. */
static int note_close(struct story *story)
{
    for (size_t i = 0; i < story->step_count; i++) {
        const struct story_step *step = &story->steps[i];
        if (strcmp(step->phase, "close") != 0 || !is_stopped(step))
            continue;
        char *who = conclude_who_does_what(step);
        int error =
            who ? story_note_add(story,
                                 "The connection works, but can't be closed: %s what ends it (packet %u), "
                                 "and both ends wait for that until they give up.",
                                 who, step->number)
                : -ENOMEM;
        free(who);
        return error;
    }
    return 0;
}

int exchange_notes(struct story *story, const struct rules *r, const struct play *asked,
                   const struct play *played, const struct play_outcomes *outcomes)
{
    int error = note_close(story);
    if (!error)
        error = note_ports(story, asked, played, outcomes);
    return error ? error : conclude_exchange_notes(story, r, asked, played);
}
