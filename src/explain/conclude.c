/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/conclude.h"
#include "explain/make.h"
#include "explain/play/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- pieces of a sentence ---- */

/* "rule 3 of INPUT drops", "the policy of OUTPUT drops", "the FTP helper drops" */
static char *who_does_what(const struct story_step *step)
{
    const char *verb = step->fate == WALL_REJECT ? "rejects" : "drops";
    const struct story_rule *rule = &step->rule;
    if (step->stage == WALL_BY_HELPER)
        return story_format("the FTP helper %s", verb);
    if (step->stage == WALL_BY_CONNTRACK || !rule->chain)
        return story_format("connection tracking %s", verb);
    const char *table = strcmp(rule->table, "raw") == 0 ? " in the raw table" : "";
    if (rule->number == 0)
        return story_format("the policy of %s%s %s", rule->chain, table, verb);
    return story_format("rule %u of %s%s %s", rule->number, rule->chain, table, verb);
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

/* Among the rules that were looked at and said no, the last that accepts state and asks for more. */
static const struct story_looked *rule_that_nearly(const struct story_step *step, const char *state)
{
    for (size_t i = step->looked_count; i-- > 0;) {
        const struct story_looked *l = &step->looked[i];
        if (l->answer == VERDICT_NO && l->rule.text && strstr(l->rule.text, "-j ACCEPT") &&
            strstr(l->rule.text, "state ") && strstr(l->rule.text, state))
            return l;
    }
    return NULL;
}

static bool asks_for_ports(const struct story_rule *rule)
{
    return strstr(rule->text, "port ") || strstr(rule->text, "ports ");
}

static const char *state_reason(const struct story_step *step)
{
    if (step->state == TRACK_UNTRACKED)
        return "because a NOTRACK rule keeps the session out of connection tracking";
    if (step->state == TRACK_INVALID)
        return track_reason_text(step->reason);
    return NULL;
}

/* The state is as it should be, but no rule takes it: which one nearly would have? */
static char *known_reason(const struct story_step *step, uint16_t port)
{
    const char *state = step->state == TRACK_RELATED ? "RELATED" : "ESTABLISHED";
    const struct story_looked *near = rule_that_nearly(step, state);
    const char *knows = step->state == TRACK_RELATED
                            ? "although the firewall knows that it belongs to the FTP session"
                            : "although it belongs to a connection that is open";
    if (!near)
        return story_format("%s: no rule before it accepts %s packets", knows, state);
    const struct story_rule *rule = &near->rule;
    if (asks_for_ports(rule))
        return story_format(
            "%s: rule %u of %s, which accepts %s packets, is limited to ports that %u is not one of", knows,
            rule->number, rule->chain, state, port);
    return story_format("%s: rule %u of %s, which accepts %s packets, asks for more than that", knows,
                        rule->number, rule->chain, state);
}

static char *new_reason(const struct story *story, const struct story_step *step)
{
    const struct story_event *event = last_expectation(story, step);
    bool is_missed = event && event->type == TRACK_EXPECT_MISSED;
    if (!is_missed)
        return strdup("because no rule admits it");
    switch (event->reason) {
    case TRACK_NO_HELPER:
    case TRACK_HELPER_REMOVED:
        return strdup("because nothing told the firewall that it belongs to the FTP session");
    case TRACK_NOT_READABLE:
        return strdup("because the control channel is encrypted, so that the firewall can't read which port "
                      "was agreed on");
    default:
        return story_format("because the firewall's FTP helper missed the announcement (%s)",
                            track_reason_text(event->reason));
    }
}

/* Port of the packet's destination, from "1.2.3.4:21" or "[::1]:21". */
static uint16_t destination_port(const struct story_step *step)
{
    const char *colon = strrchr(step->destination, ':');
    return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

static char *reason_of(const struct story *story, const struct story_step *step)
{
    const char *fixed = state_reason(step);
    if (fixed)
        return strdup(fixed);
    if (step->stage == WALL_BY_HELPER)
        return strdup(track_reason_text(step->reason));
    if (step->state == TRACK_RELATED || step->state == TRACK_ESTABLISHED)
        return known_reason(step, destination_port(step));
    return new_reason(story, step);
}

/* ---- why a task failed ---- */

static bool is_label(const struct story_step *step, const char *label)
{
    return strcmp(step->label, label) == 0;
}

/* "the server tells the client to connect to port 10093, and %s that connection, %s" */
static char *why_data(const struct story *story, const struct story_step *step, const char *who,
                      const char *reason, const struct play *played)
{
    bool active = session_is_active(story->mode);
    unsigned port = destination_port(step);
    if (is_label(step, "SYN") && !active)
        return story_format("the server tells the client to connect to port %u, and %s that connection, %s",
                            port, who, reason);
    if (is_label(step, "SYN"))
        return story_format("the client tells the server to connect to port %u, and %s that connection, %s",
                            port, who, reason);
    if (is_label(step, "SYN ACK") && active)
        return story_format(
            "the server connects from its port %u to the client, and %s the client's answer, %s",
            played->active_from_20 ? played->server_port - 1U : port, who, reason);
    return story_format("on the data connection, %s the packet \"%s\" of the %s, %s", who, step->label,
                        step->from == STORY_CLIENT ? "client" : "server", reason);
}

static char *why_control(const struct story_step *step, const char *who, const char *reason)
{
    if (is_label(step, "SYN"))
        return story_format("%s the client's connection to port %u, and no rule before it admits that port",
                            who, destination_port(step));
    return story_format("%s the %s of the %s (\"%s\"), %s", who,
                        is_label(step, "SYN ACK") ? "answer" : "packet",
                        step->from == STORY_CLIENT ? "client" : "server", step->label, reason);
}

static char *why_unknown(const struct story_step *step)
{
    const struct story_rule *rule = &step->rule;
    const char *asked = step->because ? step->because : "something that the rules don't tell";
    if (!rule->chain)
        return story_format("the firewall asks for %s", asked);
    return story_format("unknown because of rule %u of %s: it asks for %s", rule->number, rule->chain, asked);
}

static char *why_of(const struct story *story, const struct story_task *task, const struct play *played)
{
    const struct story_step *step = &story->steps[task->step - 1];
    if (task->outcome == STORY_UNKNOWN)
        return why_unknown(step);
    char *who = who_does_what(step), *reason = reason_of(story, step), *why = NULL;
    if (who && reason)
        why = step->channel == STORY_DATA ? why_data(story, step, who, reason, played)
                                          : why_control(step, who, reason);
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
    static const char *const names[8] = {
        "nothing",
        "every directory listing",
        "every download",
        "every directory listing and download",
        "every upload",
        "every directory listing and upload",
        "every download and upload",
        "every directory listing, download and upload",
    };
    static const char *const tasks[] = {"LIST", "RETR", "STOR"};
    unsigned bits = 0;
    for (size_t i = 0; i < story->task_count; i++) {
        for (unsigned t = 0; t < 3; t++) {
            if (strcmp(story->tasks[i].name, tasks[t]) == 0 && story->tasks[i].outcome == outcome)
                bits |= 1U << t;
        }
    }
    return names[bits];
}

static char *sentence_works(const struct story *story)
{
    for (size_t i = 0; i < story->step_count; i++) {
        const struct story_step *step = &story->steps[i];
        if (step->channel != STORY_DATA || !is_label(step, "SYN") || !step->rule.chain)
            continue;
        const char *known =
            step->state == TRACK_RELATED ? " because the firewall knows that they belong to the session" : "";
        if (step->rule.number == 0)
            return story_format(
                "The whole session works: login, listing, download and upload; the policy of %s "
                "admits the data connections%s.",
                step->rule.chain, known);
        return story_format(
            "The whole session works: login, listing, download and upload; rule %u of %s admits "
            "the data connections%s.",
            step->rule.number, step->rule.chain, known);
    }
    return strdup("The whole session works: login, listing, download and upload; no rule stands in its way.");
}

static char *sentence_blocked(const struct story *story, const struct story_task *task,
                              const struct play_outcomes *outcomes)
{
    char list[PLAY_OUTCOMES_TEXT];
    const struct story_step *step = &story->steps[task->step - 1];
    bool refused = step->fate == WALL_REJECT;
    if (strcmp(task->name, "connect") == 0)
        return story_format("The client can't even connect%s: %s.",
                            refused ? " and is refused at once" : " and times out", task->why);
    if (strcmp(task->name, "login") == 0)
        return story_format("The client connects, but can't log in: %s.", task->why);
    const char *which = which_transfers(story, STORY_BLOCKED), *how = refused ? "is refused" : "times out";
    if (play_outcomes_format(outcomes, list))
        return story_format("Login works, but unless the %s keeps to data ports %s, %s %s: %s.",
                            session_is_active(story->mode) ? "client" : "server", list, which, how,
                            task->why);
    return story_format("Login works, but %s %s: %s.", which, how, task->why);
}

static char *sentence_unknown(const struct story *story, const struct story_task *task)
{
    if (strcmp(task->name, "connect") == 0 || strcmp(task->name, "login") == 0)
        return story_format("Whether the session works can't be told: %s.", task->why);
    return story_format("Login works, but whether %s does can't be told: %s.",
                        which_transfers(story, STORY_UNKNOWN), task->why);
}

/* Where the firewall expected a connection and drops it all the same, the reader is told at that packet. */
static int note_wrong_ports(struct story *story)
{
    int error = 0;
    for (size_t i = 0; i < story->step_count && !error; i++) {
        struct story_step *step = &story->steps[i];
        const struct story_looked *near = NULL;
        if (step->state == TRACK_RELATED && (step->fate == WALL_DROP || step->fate == WALL_REJECT))
            near = rule_that_nearly(step, "RELATED");
        if (near && asks_for_ports(&near->rule))
            error = story_event_add(
                step, TRACK_EXPECT_MISSED, TRACK_OK,
                "wrong port range: rule %u of %s accepts RELATED connections, but not to port %u",
                near->rule.number, near->rule.chain, destination_port(step));
    }
    return error;
}

int conclude_story(struct story *story, const struct play *played, const struct play_outcomes *outcomes)
{
    for (size_t i = 0; i < story->task_count; i++) {
        struct story_task *task = &story->tasks[i];
        if (task->outcome == STORY_WORKS || task->step == 0)
            continue;
        task->why = why_of(story, task, played);
        if (!task->why)
            return -ENOMEM;
    }
    const struct story_task *failed = first_failed(story);
    if (!failed || !failed->why)
        story->conclusion = sentence_works(story);
    else if (failed->outcome == STORY_BLOCKED)
        story->conclusion = sentence_blocked(story, failed, outcomes);
    else
        story->conclusion = sentence_unknown(story, failed);
    return story->conclusion ? note_wrong_ports(story) : -ENOMEM;
}
