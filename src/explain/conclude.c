/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/conclude.h"
#include "explain/make.h"
#include "explain/play/session.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- pieces of a sentence ---- */

/* "rule 3 of INPUT drops", "the policy of OUTPUT drops", "the FTP helper drops" */
char *conclude_who_does_what(const struct story_step *step)
{
    bool rejects = step->fate == WALL_REJECT;
    if (step->stage == WALL_BY_HELPER)
        return rejects ? PHRASE(WHO_HELPER_REJECTS) : PHRASE(WHO_HELPER_DROPS);
    if (step->stage == WALL_BY_ROUTE)
        return PHRASE(WHO_ROUTE_DROPS);
    if (step->stage == WALL_BY_CONNTRACK || !step->rule.chain)
        return rejects ? PHRASE(WHO_TRACKING_REJECTS) : PHRASE(WHO_TRACKING_DROPS);
    char *place = story_place(&step->rule);
    char *text = rejects ? PHRASE(WHO_REJECTS, place) : PHRASE(WHO_DROPS, place);
    free(place);
    return text;
}

/* The last word of the tracker about an expectation, up to this step. NULL: it said nothing. */
static const struct story_event *last_expectation(const struct story *story, const struct story_step *until)
{
    const struct story_event *found = NULL;
    for (size_t i = 0; i < story->step_count && &story->steps[i] <= until; i++) {
        const struct story_step *step = &story->steps[i];
        for (size_t e = 0; e < step->event_count; e++) {
            enum track_event_type type = step->events[e].type;
            if (type == TRACK_EXPECT_NEW || type == TRACK_EXPECT_REPLACED || type == TRACK_EXPECT_MISSED ||
                type == TRACK_EXPECT_EXPIRED)
                found = &step->events[e];
        }
    }
    return found;
}

/* Among the rules that were looked at and said no, the last state rule for packets of this state. */
static const struct story_looked *state_rule_that_nearly(const struct story_step *step)
{
    for (size_t i = step->looked_count; i-- > 0;) {
        const struct story_looked *l = &step->looked[i];
        if (l->answer == VERDICT_NO && l->accepts_states >> step->state & 1)
            return l;
    }
    return NULL;
}

static char *tracking_reason(const struct story_step *step)
{
    return PHRASE(REASON_OF_TRACKING, speech_of(track_reason_text(step->reason)));
}

/* The state is as it should be, but no rule takes it: which one nearly would have? */
static char *known_reason(const struct story_step *step, uint16_t port)
{
    const char *state = step->state == TRACK_RELATED ? "RELATED" : "ESTABLISHED";
    const struct story_looked *near = state_rule_that_nearly(step);
    const char *knows = step->state == TRACK_RELATED ? SAID(KNOWN_RELATED) : SAID(KNOWN_ESTABLISHED);
    if (!near)
        return PHRASE(KNOWN_NO_RULE, knows);
    char *place = story_place(&near->rule);
    char *reason = near->asks_ports ? PHRASE(KNOWN_PORTS, knows, place, state, NUMBER(port))
                                    : PHRASE(KNOWN_MORE, knows, place, state);
    free(place);
    return reason;
}

static char *new_reason(const struct story *story, const struct story_step *step)
{
    const struct story_event *event = last_expectation(story, step);
    bool is_missed = event && event->type == TRACK_EXPECT_MISSED;
    if (!is_missed)
        return PHRASE(REASON_NO_RULE);
    switch (event->reason) {
    case TRACK_NO_HELPER:
    case TRACK_HELPER_REMOVED:
        return PHRASE(REASON_NOT_TOLD);
    case TRACK_NOT_READABLE:
        return PHRASE(REASON_ENCRYPTED);
    default:
        return PHRASE(REASON_MISSED, speech_of(track_reason_text(event->reason)));
    }
}

/* Port of the packet's destination, from "1.2.3.4:21" or "[::1]:21". */
static uint16_t destination_port(const struct story_step *step)
{
    const char *colon = strrchr(step->destination, ':');
    return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

char *conclude_reason(const struct story *story, const struct story_step *step)
{
    if (step->cause)
        return strdup(step->cause);
    if (step->state == TRACK_UNTRACKED)
        return PHRASE(REASON_NOTRACK);
    if (step->state == TRACK_INVALID || step->stage == WALL_BY_HELPER)
        return tracking_reason(step);
    if (step->state == TRACK_RELATED || step->state == TRACK_ESTABLISHED)
        return known_reason(step, destination_port(step));
    return new_reason(story, step);
}

/* ---- why a task failed ---- */

static bool is_label(const struct story_step *step, const char *label)
{
    return strcmp(step->label, label) == 0;
}

static const char *sender(const struct story_step *step)
{
    return step->from == STORY_CLIENT ? SAID(CLIENT) : SAID(SERVER);
}

static char *why_data(const struct story *story, const struct story_step *step, const char *who,
                      const char *reason)
{
    bool active = session_is_active(story->mode);
    const char *port = NUMBER(destination_port(step));
    if (is_label(step, "SYN") && !active)
        return PHRASE(WHY_PASSIVE, port, who, reason);
    if (is_label(step, "SYN"))
        return PHRASE(WHY_ACTIVE, port, who, reason);
    if (is_label(step, "SYN ACK") && active)
        return PHRASE(WHY_ACTIVE_ANSWER, port, who, reason);
    return PHRASE(WHY_DATA, who, speech_of(step->label), sender(step), reason);
}

static char *why_control(const struct story_step *step, const char *who, const char *reason)
{
    if (is_label(step, "SYN") && step->cause)
        return PHRASE(WHY_CONNECT_SINCE, who, NUMBER(destination_port(step)), reason);
    if (is_label(step, "SYN"))
        return PHRASE(WHY_CONNECT, who, NUMBER(destination_port(step)));
    const char *what = is_label(step, "SYN ACK") ? SAID(ANSWER) : SAID(PACKET);
    return PHRASE(WHY_CONTROL, who, what, sender(step), step->label, reason);
}

char *conclude_unknown(const struct story_step *step)
{
    const char *asked = step->because ? speech_of(step->because) : SAID(NOT_IN_RULES);
    if (!step->rule.chain)
        return step->ask ? PHRASE(DEPENDS_SEE, asked, step->ask) : PHRASE(DEPENDS, asked);
    char *place = story_place(&step->rule);
    char *why = step->ask ? PHRASE(DEPENDS_AT_SEE, asked, place, step->rule.text, step->ask)
                          : PHRASE(DEPENDS_AT, asked, place, step->rule.text);
    free(place);
    return why;
}

/* The step that stops it does so with some data ports, and which one it is was not said. */
static bool depends_on_port(const struct story *story, const struct story_task *task)
{
    const struct story_step *step = &story->steps[task->step - 1];
    return task->outcome == STORY_UNKNOWN && (step->fate == WALL_DROP || step->fate == WALL_REJECT);
}

static char *why_of(const struct story *story, const struct story_task *task)
{
    const struct story_step *step = &story->steps[task->step - 1];
    if (task->outcome == STORY_UNKNOWN && !depends_on_port(story, task))
        return conclude_unknown(step);
    if (step->fate == WALL_PASS && step->cause)
        return strdup(step->cause);
    char *who = conclude_who_does_what(step), *reason = conclude_reason(story, step), *why = NULL;
    if (who && reason)
        why =
            step->channel == STORY_DATA ? why_data(story, step, who, reason) : why_control(step, who, reason);
    free(who);
    free(reason);
    return why;
}

/* ---- the sentence ---- */

static const struct story_task *first_failed(const struct story *story)
{
    const struct story_task *unknown = NULL;
    for (size_t i = 0; i < story->task_count; i++) {
        if (story->tasks[i].outcome == STORY_BLOCKED)
            return &story->tasks[i];
        if (story->tasks[i].outcome == STORY_UNKNOWN && !unknown)
            unknown = &story->tasks[i];
    }
    return unknown;
}

/* Which of LIST, RETR and STOR are like that, as a person says it. */
static const char *which_transfers(const struct story *story, enum story_outcome outcome)
{
    static const enum speech_phrase names[8] = {
        SPEECH_NOTHING, SPEECH_ALL_L,  SPEECH_ALL_D,  SPEECH_ALL_LD,
        SPEECH_ALL_U,   SPEECH_ALL_LU, SPEECH_ALL_DU, SPEECH_ALL_LDU,
    };
    static const char *const tasks[] = {"LIST", "RETR", "STOR"};
    unsigned bits = 0;
    for (size_t i = 0; i < story->task_count; i++) {
        for (unsigned t = 0; t < 3; t++) {
            if (strcmp(story->tasks[i].name, tasks[t]) == 0 && story->tasks[i].outcome == outcome)
                bits |= 1U << t;
        }
    }
    return speech_plain(names[bits]);
}

static bool is_lost(const struct story_step *step)
{
    return step->fate == WALL_DROP || step->fate == WALL_REJECT;
}

/* The step that opens the first data connection; NULL: no rule admitted it. */
static const struct story_step *first_data(const struct story *story)
{
    for (size_t i = 0; i < story->step_count; i++) {
        const struct story_step *step = &story->steps[i];
        if (step->channel == STORY_DATA && is_label(step, "SYN") && step->fate == WALL_PASS &&
            step->rule.chain)
            return step;
    }
    return NULL;
}

static bool is_of_end(const struct story_step *step)
{
    return strcmp(step->phase, "quit") == 0 || strcmp(step->phase, "close") == 0;
}

/* Of the packets that are lost at the end, or before it: how many, and the first. */
static size_t count_lost(const struct story *story, bool at_end, const struct story_step **ret_first)
{
    size_t count = 0;
    for (size_t i = 0; i < story->step_count; i++) {
        const struct story_step *step = &story->steps[i];
        if (is_lost(step) && is_of_end(step) == at_end && count++ == 0)
            *ret_first = step;
    }
    return count;
}

static char *way_text(size_t count, const struct story_step *first)
{
    char *who = count ? conclude_who_does_what(first) : NULL;
    const char *lost = NUMBER(count), *number = NUMBER(count ? first->number : 0);
    char *text = count == 1 ? PHRASE(LOST_ONE, lost, who, number) : PHRASE(LOST_MORE, lost, who, number);
    free(who);
    return count ? text : strdup("");
}

static char *end_text(size_t count, const struct story_step *first)
{
    char *who = count ? conclude_who_does_what(first) : NULL;
    char *text = PHRASE(LOST_END, who, NUMBER(count ? first->number : 0));
    free(who);
    return count ? text : strdup("");
}

/* The end may be lost. NULL: no memory. */
static char *doubtful_end_text(const struct story *story)
{
    for (size_t i = 0; i < story->step_count; i++) {
        const struct story_step *step = &story->steps[i];
        if (step->fate != WALL_UNKNOWN || !is_of_end(step))
            continue;
        char *why = conclude_unknown(step);
        char *text = why ? PHRASE(LOST_END_MAYBE, why, NUMBER(step->number)) : NULL;
        free(why);
        return text;
    }
    return strdup("");
}

char *conclude_losses(const struct story *story)
{
    const struct story_step *first = NULL, *first_of_end = NULL;
    size_t on_way = count_lost(story, false, &first), at_end = count_lost(story, true, &first_of_end);
    char *way = way_text(on_way, first),
         *end = at_end ? end_text(at_end, first_of_end) : doubtful_end_text(story);
    char *text = way && end ? story_format("%s%s", way, end) : NULL;
    free(way);
    free(end);
    return text;
}

static char *sentence_works(const struct story *story)
{
    const struct story_step *data = first_data(story);
    char *lost = conclude_losses(story), *place = data ? story_place(&data->rule) : NULL;
    char *text = !data                          ? PHRASE(WORKS_FREE, lost)
                 : data->state == TRACK_RELATED ? PHRASE(WORKS_KNOWN, place, lost)
                                                : PHRASE(WORKS_BY, place, lost);
    free(lost);
    free(place);
    return text;
}

/* A reset that reaches who sent the packet; of other errors an open connection takes no notice. The target comes
 * last in a rule's text. */
static bool is_reset(const struct story_step *step)
{
    static const char end[] = "-j REJECT --reject-with tcp-reset";
    size_t length = step->rule.text ? strlen(step->rule.text) : 0;
    return step->fate == WALL_REJECT && length >= sizeof(end) - 1 &&
           strcmp(step->rule.text + length - (sizeof(end) - 1), end) == 0;
}

/* What it looks like at the client. Only who sent a packet hears that it is rejected: of an answer that is,
 * the client hears nothing. */
static bool is_refused(const struct story_step *step)
{
    return step->fate == WALL_REJECT && is_label(step, "SYN");
}

static const char *how_it_ends(const struct story_step *step)
{
    if (step->fate == WALL_PASS)
        return SAID(ENDS_FAILS);
    if (is_refused(step))
        return SAID(ENDS_REFUSED);
    return is_reset(step) && !is_label(step, "SYN ACK") ? SAID(ENDS_BROKEN) : SAID(ENDS_TIMEOUT);
}

/* Of a packet before this one it may not be known whether it gets through. */
static bool is_doubtful_before(const struct story *story, const struct story_step *until)
{
    for (const struct story_step *step = story->steps; step < until; step++) {
        if (step->fate == WALL_UNKNOWN)
            return true;
    }
    return false;
}

static char *sentence_no_connection(const struct story *story, const struct story_task *task,
                                    const struct story_step *step)
{
    if (is_refused(step))
        return PHRASE(CANT_CONNECT_REFUSED, task->why);
    if (is_label(step, "SYN"))
        return PHRASE(CANT_CONNECT_TIMEOUT, task->why);
    return is_doubtful_before(story, step) ? PHRASE(CANT_CONNECT_EVEN_IF, task->why)
                                           : PHRASE(CANT_CONNECT_ALTHOUGH, task->why);
}

/* What can be said of the login before a transfer that is lost in any case. */
static const char *login_text(const struct story *story)
{
    for (size_t i = 0; i < story->task_count; i++) {
        if (strcmp(story->tasks[i].name, "login") == 0 && story->tasks[i].outcome == STORY_UNKNOWN)
            return SAID(LOGIN_UNKNOWN);
    }
    return SAID(LOGIN_WORKS);
}

static char *sentence_blocked(const struct story *story, const struct story_task *task,
                              const struct play_outcomes *outcomes)
{
    char list[PLAY_OUTCOMES_TEXT];
    const struct story_step *step = &story->steps[task->step - 1];
    if (strcmp(task->name, "connect") == 0)
        return sentence_no_connection(story, task, step);
    if (strcmp(task->name, "login") == 0)
        return PHRASE(CANT_LOG_IN, task->why);
    const char *which = which_transfers(story, STORY_BLOCKED), *how = how_it_ends(step);
    const char *login = login_text(story);
    if (play_outcomes_format(outcomes, list))
        return PHRASE(BLOCKED_UNLESS, login, session_is_active(story->mode) ? SAID(CLIENT) : SAID(SERVER),
                      list, which, how, task->why);
    return PHRASE(BLOCKED, login, which, how, task->why);
}

/* "from port 20 it works; from others, such as 45001, the server connects ..." */
static char *sentence_port(const struct story *story, const struct story_task *task,
                           const struct play_outcomes *outcomes)
{
    char list[PLAY_OUTCOMES_TEXT];
    const char *which = which_transfers(story, STORY_UNKNOWN);
    if (!play_data_format(outcomes, list))
        return PHRASE(PORT_UNSAID, which, task->why);
    return PHRASE(PORT_SOME, which, list, task->why);
}

static char *sentence_unknown(const struct story *story, const struct story_task *task,
                              const struct play_outcomes *outcomes)
{
    if (depends_on_port(story, task))
        return sentence_port(story, task, outcomes);
    if (strcmp(task->name, "connect") == 0 || strcmp(task->name, "login") == 0)
        return PHRASE(SESSION_UNKNOWN, task->why);
    return PHRASE(TRANSFER_UNKNOWN, which_transfers(story, STORY_UNKNOWN), task->why);
}

/* Where the firewall expected a connection and drops it all the same, the reader is told at that packet. */
static int note_wrong_ports(struct story *story)
{
    int error = 0;
    for (size_t i = 0; i < story->step_count && !error; i++) {
        struct story_step *step = &story->steps[i];
        const struct story_looked *near =
            step->state == TRACK_RELATED && is_lost(step) ? state_rule_that_nearly(step) : NULL;
        if (!near || !near->asks_ports)
            continue;
        char *place = story_place(&near->rule);
        char *text = PHRASE(WRONG_PORT_RANGE, place, NUMBER(destination_port(step)));
        error = text ? story_event_add(step, TRACK_EXPECT_MISSED, TRACK_OK, "%s", text) : -ENOMEM;
        free(place);
        free(text);
    }
    return error;
}

int conclude_tasks(struct story *story,
                   char *(*why)(const struct story *story, const struct story_task *task))
{
    for (size_t i = 0; i < story->task_count; i++) {
        struct story_task *task = &story->tasks[i];
        if (task->outcome == STORY_WORKS || task->step == 0)
            continue;
        task->why = why(story, task);
        if (!task->why)
            return -ENOMEM;
    }
    return 0;
}

int conclude_story(struct story *story, const struct play_outcomes *outcomes)
{
    if (conclude_tasks(story, why_of))
        return -ENOMEM;
    const struct story_task *failed = first_failed(story);
    if (!failed || !failed->why)
        story->conclusion = sentence_works(story);
    else if (failed->outcome == STORY_BLOCKED)
        story->conclusion = sentence_blocked(story, failed, outcomes);
    else
        story->conclusion = sentence_unknown(story, failed, outcomes);
    if (!story->conclusion)
        return -ENOMEM;
    int error = conclude_near(story);
    return error ? error : note_wrong_ports(story);
}
