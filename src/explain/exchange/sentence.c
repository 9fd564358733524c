/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/exchange/sentence.h"
#include "explain/conclude.h"
#include "explain/make.h"
#include "packet/decode.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- why a task failed ---- */

/* What the packet is to who waits for it. */
static const char *packet_name(const struct story_step *step)
{
    static const struct {
        const char *label;
        enum speech_phrase name;
    } names[] = {
        {"SYN", SPEECH_OF_SYN},
        {"SYN ACK", SPEECH_OF_SYN_ACK},
        {"ACK", SPEECH_OF_ACK},
        {"request", SPEECH_OF_REQUEST},
        {"query", SPEECH_OF_QUERY},
        {"answer", SPEECH_OF_ANSWER},
        {"echo request", SPEECH_OF_ECHO_REQUEST},
        {"echo reply", SPEECH_OF_ECHO_REPLY},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(step->label, names[i].label) == 0)
            return speech_plain(names[i].name);
    }
    return SAID(OF_PACKET);
}

static bool is_stopped(const struct story_step *step)
{
    return step->fate == WALL_DROP || step->fate == WALL_REJECT;
}

static char *why_of(const struct story *story, const struct story_task *task)
{
    const struct story_step *step = &story->steps[task->step - 1];
    if (step->fate == WALL_PASS && step->cause)
        return strdup(step->cause);
    if (!is_stopped(step))
        return conclude_unknown(step);
    bool is_first = step->state == TRACK_NEW && step->rule.chain;
    char *who = conclude_who_does_what(step);
    char *reason = is_first ? PHRASE(AND_NO_RULE) : conclude_reason(story, step);
    char *why = PHRASE(WHY_EXCHANGE, who, packet_name(step), reason);
    free(who);
    free(reason);
    return why;
}

/* ---- the sentence ---- */

char *exchange_what(const struct play *play)
{
    uint16_t port = packet_has_ports(play->protocol) ? play->server_port : 0;
    char *server = story_end_text(&play->server, play->family, port);
    char *text = play->protocol == PACKET_TCP   ? PHRASE(TO_TCP, server)
                 : play->protocol == PACKET_UDP ? PHRASE(TO_UDP, server)
                                                : PHRASE(PING_OF, server);
    free(server);
    return text;
}

/* What a person tries. */
static char *attempt_text(const struct play *play)
{
    if (play->protocol == PACKET_TCP)
        return PHRASE(TRIED_TCP, NUMBER(play->server_port));
    if (play->protocol == PACKET_UDP)
        return PHRASE(TRIED_UDP, NUMBER(play->server_port));
    return PHRASE(TRIED_PING);
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
        return PHRASE(ADMITTED_FREE);
    char *place = story_place(rule);
    char *text = PHRASE(ADMITTED_BY, place);
    free(place);
    return text;
}

static char *sentence_works(const struct story *story, const struct play *play)
{
    char *attempt = attempt_text(play), *admitted = admitted_text(story), *lost = conclude_losses(story);
    char *text = play->protocol == PACKET_TCP ? PHRASE(BOTH_WAYS_TCP, attempt, admitted, lost)
                                              : PHRASE(BOTH_WAYS, attempt, admitted, lost);
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
        return refused ? SAID(SYMPTOM_REFUSED) : arrived ? SAID(SYMPTOM_ARRIVES) : SAID(SYMPTOM_TIMEOUT);
    if (play->protocol == PACKET_TCP)
        return arrived ? SAID(SYMPTOM_NO_ANSWER) : SAID(SYMPTOM_NO_REQUEST);
    return refused ? SAID(SYMPTOM_REFUSED_AT_ONCE) : arrived ? SAID(SYMPTOM_NO_REPLY) : SAID(SYMPTOM_LOST);
}

static char *sentence_blocked(const struct story *story, const struct story_task *task,
                              const struct play *play)
{
    return PHRASE(SYMPTOM_WHY, symptom(story, task, play), task->why);
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
        text = PHRASE(BY_SOURCE_PORT, attempt, list, task->why);
    else if (attempt && other)
        text = PHRASE(BY_CLIENT, attempt, address, story->client, task->why);
    else
        text = by_end ? PHRASE(EXCHANGE_UNKNOWN_PORT, attempt, task->why)
                      : PHRASE(EXCHANGE_UNKNOWN, attempt, task->why);
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
    return story_note_take(story, PHRASE(NOTE_NOT_EVERYBODY, address));
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
        return story_note_take(story, PHRASE(NOTE_SOURCE_PORT, list));
    return story_note_take(story, PHRASE(NOTE_ANY_SOURCE_PORT));
}

/* A connection that can't be closed works, and is then left standing. */
static int note_close(struct story *story)
{
    for (size_t i = 0; i < story->step_count; i++) {
        const struct story_step *step = &story->steps[i];
        if (strcmp(step->phase, "close") != 0 || !is_stopped(step))
            continue;
        char *who = conclude_who_does_what(step);
        int error = story_note_take(story, PHRASE(NOTE_NOT_CLOSED, who, NUMBER(step->number)));
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
