/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/fix.h"
#include "explain/fix/expose.h"
#include "explain/make.h"
#include "explain/play/session.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIX_ROUNDS = 10, /* packets that one repair may have to admit, one after the other */
    FIX_ARGUMENTS = 64,
    FIX_LINE = 600,
};

/* ---- commands ---- */

static int remember(struct fix_attempt *a, char *line)
{
    if (!line)
        return -ENOMEM;
    if (a->count == FIX_COMMANDS) {
        free(line);
        return -ENOENT;
    }
    a->commands[a->count++] = line;
    return 0;
}

/* Commands that fixes make hold no quotes. */
static int carry_out(struct rules *r, const char *command)
{
    char copy[FIX_LINE], *save = NULL;
    const char *argv[FIX_ARGUMENTS];
    struct rules_outcome outcome = {0};
    struct rules_error error;
    int argc = 0;
    snprintf(copy, sizeof(copy), "%s", command);
    for (char *word = strtok_r(copy, " ", &save); word && argc < FIX_ARGUMENTS;
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    int result = rules_command(r, argc, argv, &outcome, &error);
    if (result == -ENOMEM)
        return -ENOMEM;
    bool done = result == 0 && outcome.status == 0;
    if (result == 0)
        free(outcome.output);
    return done ? 0 : -ENOENT;
}

int fix_command(struct fix_attempt *a, const char *format, ...)
{
    char command[FIX_LINE];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(command, sizeof(command), format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof(command))
        return -ENOENT;
    wall_rules_free(&a->walked);
    int error = carry_out(a->rules, command);
    if (error)
        return error;
    return remember(
        a, story_format("%s %s", a->rules->family == PACKET_IPV6 ? "ip6tables" : "iptables", command));
}

int fix_configure(struct fix_attempt *a, const char *format, ...)
{
    char *line = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&line, format, list);
    va_end(list);
    return remember(a, length < 0 ? NULL : line);
}

/* ---- an attempt ---- */

static void attempt_clear(struct fix_attempt *a)
{
    wall_rules_free(&a->walked);
    rules_free(&a->rules);
    for (size_t i = 0; i < a->count; i++)
        free(a->commands[i]);
    a->count = 0;
}

/* The packet to admit next: the one that decided about the first task that does not work. */
static const struct story_step *first_lost(const struct story *story)
{
    for (size_t i = 0; i < story->task_count; i++) {
        const struct story_task *task = &story->tasks[i];
        if (task->outcome != STORY_WORKS)
            return task->step ? &story->steps[task->step - 1] : NULL;
    }
    return NULL;
}

/* One round: plays, and has the maker admit what is lost. 1: works; 0: go on; or what the maker said. */
static int attempt_round(struct fix_attempt *a, const struct fix_maker *maker)
{
    struct play lost = a->play;
    if (!a->walked && !(a->walked = wall_rules_new(a->rules)))
        return -ENOMEM;
    struct story *story = session_play(a->walked, &a->play, SESSION_LOOKS_AT_NONE);
    if (story && story->outcome == STORY_WORKS) {
        story_free(&story);
        story = play_worst(a->walked, &a->play, true, &lost, NULL);
        if (story && story->outcome == STORY_WORKS) {
            story_free(&story);
            return 1;
        }
    }
    const struct story_step *step = story ? first_lost(story) : NULL;
    if (step && maker->reads_looked) {
        uint32_t number = step->number;
        story_free(&story);
        story = session_play(a->walked, &lost, number);
        step = story ? first_lost(story) : NULL;
    }
    if (!story)
        return -ENOMEM;
    int result = step && step->rule.chain ? maker->admit(a, step) : -ENOENT;
    story_free(&story);
    return result;
}

/* Works the attempt out. 1: it leads to a session that works; 0: it doesn't; -ENOMEM. */
static int attempt_run(struct fix_attempt *a, const struct fix_maker *maker)
{
    int result = maker->prepare ? maker->prepare(a) : 0;
    for (int i = 0; result == 0 && i < FIX_ROUNDS; i++)
        result = attempt_round(a, maker);
    if (result == -ENOMEM)
        return -ENOMEM;
    return result == 1 && a->count > 0;
}

/* ---- telling it ---- */

static char *with_commas(uint64_t n)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    char *out = calloc(1, 48), *at = out;
    for (int i = 0; out && i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    return out;
}

static char *exposes_text(const struct fix_attempt *a, const struct fix_exposure *e)
{
    if (e->ports == 0) {
        if (a->deeds & (1U << FIX_HELPER | 1U << FIX_STATE | 1U << FIX_WIDEN))
            return strdup("none: only announced connections");
        return strdup(a->deeds & (1U << FIX_ANSWERS) ? "none: only answers on open connections"
                                                     : "none: the rules stay as they are");
    }
    char *number = with_commas(e->ports);
    if (!number)
        return NULL;
    const char *ports = e->ports == 1 ? "port" : "ports";
    char *text = e->outgoing_only ? story_format("nothing inwards; %s %s outwards", number, ports)
                 : e->to_anywhere ? story_format("%s %s to anywhere", number, ports)
                                  : story_format("%s %s to the other end of the session only", number, ports);
    free(number);
    return text;
}

static char *deed_text(const struct fix_attempt *a, enum fix_deed deed)
{
    unsigned port = a->play.server_port;
    struct rules_range16 r = a->range;
    switch (deed) {
    case FIX_OPEN_CONTROL:
        return story_format("open port %u", port);
    case FIX_HELPER:
        return story_format("give port %u its helper", port);
    case FIX_STATE:
        return strdup("admit announced (RELATED) connections");
    case FIX_ANSWERS:
        return strdup("admit answers on open (ESTABLISHED) connections");
    case FIX_WIDEN:
        return strdup("lift the port limit of the state rule");
    case FIX_ONE_PORT:
        return story_format("use one passive port, %u, and open it", r.first);
    case FIX_RANGE:
        return story_format("open the passive ports %u:%u", r.first, r.last);
    case FIX_PORT_20:
        return story_format("open port %u, which active data connections come from", port - 1);
    case FIX_FROM_20:
        return story_format("admit what the server sends from port %u", port - 1);
    case FIX_CONFIGURE:
        return story_format("make the server use only ports %u:%u, which the rules admit", r.first, r.last);
    case FIX_DEEDS:
        break;
    }
    return NULL;
}

static char *title_text(const struct fix_attempt *a)
{
    char *title = NULL;
    for (int deed = 0; deed < FIX_DEEDS; deed++) {
        if (!(a->deeds & (1U << deed)))
            continue;
        char *text = deed_text(a, (enum fix_deed)deed);
        char *longer = !text ? NULL : title ? story_format("%s, %s", title, text) : strdup(text);
        free(text);
        free(title);
        title = longer;
        if (!title)
            return NULL;
    }
    if (title)
        title[0] = (char)toupper((unsigned char)title[0]);
    return title;
}

static bool is_told(const struct story *story, const struct fix_attempt *a)
{
    for (size_t i = 0; i < story->fix_count; i++) {
        const struct story_fix *fix = &story->fixes[i];
        size_t same = 0;
        while (fix->command_count == a->count && same < a->count &&
               strcmp(fix->commands[same], a->commands[same]) == 0)
            same++;
        if (fix->command_count == a->count && same == a->count)
            return true;
    }
    return false;
}

static int fix_add(struct story *story, struct fix_attempt *a, const struct fix_exposure *e)
{
    struct story_fix *fixes = reallocarray(story->fixes, story->fix_count + 1, sizeof(*fixes));
    if (!fixes)
        return -ENOMEM;
    story->fixes = fixes;
    struct story_fix fix = {
        .title = title_text(a),
        .exposes = exposes_text(a, e),
        .exposed_ports = e->ports,
        .commands = calloc(a->count, sizeof(char *)),
        .note = a->note ? strdup(a->note) : NULL,
        .works = true,
    };
    if (!fix.title || !fix.exposes || !fix.commands || (a->note && !fix.note)) {
        free(fix.title);
        free(fix.exposes);
        free(fix.commands);
        free(fix.note);
        return -ENOMEM;
    }
    memcpy(fix.commands, a->commands, a->count * sizeof(char *));
    fix.command_count = a->count;
    a->count = 0; /* they are the story's now */
    fixes[story->fix_count++] = fix;
    return 0;
}

static size_t count_rules(const struct story_fix *fix)
{
    size_t count = 0;
    for (size_t i = 0; i < fix->command_count; i++)
        count += strncmp(fix->commands[i], "ip", 2) == 0;
    return count;
}

/* Least exposed first; then what touches the rules least. */
static int by_exposure(const void *a, const void *b)
{
    const struct story_fix *x = a, *y = b;
    size_t rules_of_x = count_rules(x), rules_of_y = count_rules(y);
    if (x->exposed_ports != y->exposed_ports)
        return x->exposed_ports < y->exposed_ports ? -1 : 1;
    if (rules_of_x != rules_of_y)
        return rules_of_x < rules_of_y ? -1 : 1;
    if (x->command_count != y->command_count)
        return x->command_count < y->command_count ? -1 : 1;
    return strcmp(x->title, y->title);
}

/* A range that is narrowed but needs no rule is one that the rules admit already. */
static void retitle(struct fix_attempt *a)
{
    uint32_t ranges = 1U << FIX_ONE_PORT | 1U << FIX_RANGE;
    for (size_t i = 0; i < a->count; i++) {
        if (strncmp(a->commands[i], "ip", 2) == 0)
            return;
    }
    if (a->deeds & ranges)
        a->deeds = (a->deeds & ~ranges) | 1U << FIX_CONFIGURE;
}

static bool is_configured(const struct story *story)
{
    for (size_t i = 0; i < story->fix_count; i++) {
        if (count_rules(&story->fixes[i]) == 0)
            return true;
    }
    return false;
}

static int try_maker(struct story *story, struct wall_rules *r, const struct fix_maker *maker,
                     struct fix_attempt *a)
{
    struct fix_exposure exposure;
    int result = attempt_run(a, maker);
    if (result <= 0 || is_told(story, a))
        return result < 0 ? result : 0;
    retitle(a);
    if (a->deeds == 1U << FIX_CONFIGURE && is_configured(story))
        return 0;
    int error = fix_expose(r, a->walked, &a->play, &exposure);
    return error ? error : fix_add(story, a, &exposure);
}

int fix_story(struct story *story, struct wall_rules *r, const struct play *play,
              const struct play_outcomes *outcomes, bool knows_range)
{
    int error = 0;
    for (size_t i = 0; i < fix_maker_count && !error; i++) {
        struct fix_attempt a = {.play = *play, .outcomes = outcomes, .knows_range = knows_range};
        if (!fix_makers[i].suits(&a))
            continue;
        a.rules = rules_copy(wall_rules_model(r));
        error = a.rules ? try_maker(story, r, &fix_makers[i], &a) : -ENOMEM;
        attempt_clear(&a);
    }
    if (story->fix_count > 1)
        qsort(story->fixes, story->fix_count, sizeof(*story->fixes), by_exposure);
    return error;
}
