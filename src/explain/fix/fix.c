/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/fix.h"
#include "explain/fix/expose.h"
#include "explain/fix/makers.h"
#include "explain/fix/manager.h"
#include "explain/fix/told.h"
#include "explain/make.h"
#include "explain/play/neighbours.h"
#include "explain/play/session.h"
#include "rules/nft/nft.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Of nft's, which are asked one after the other: what a fix exposes takes a question for each port that rules name. */
    FIX_NFT_RULES = 1000,
    FIX_ROUNDS = 10, /* packets that one repair may have to admit, one after the other */
};

/* ---- an attempt ---- */

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

/* The session works, if it begins. 1: it does, or nobody knows better; 0: go on; or what the maker said. */
static int admit_neighbours(struct fix_attempt *a)
{
    struct story made_up = {0};
    bool sure = false;

    int result = neighbours_find_stopped(a->walked, &a->play, &made_up, &sure);
    if (!result)
        result = made_up.step_count ? fix_admit_neighbours(a, &made_up.steps[0]) : 1;
    if (made_up.step_count)
        story_step_drop_last(&made_up);
    free(made_up.steps);
    return result;
}

/* One round: plays, and has the maker admit what is lost. 1: works; 0: go on; or what the maker said. */
static int attempt_round(struct fix_attempt *a, const struct fix_maker *maker)
{
    struct play lost = a->play;
    if (!a->walked && !(a->walked = wall_rules_new(a->rules)))
        return -ENOMEM;
    struct story *story = play_once(a->walked, &a->play, SESSION_LOOKS_AT_NONE);
    if (story && story->outcome == STORY_WORKS) {
        story_free(&story);
        story = play_worst(a->walked, &a->play, true, &lost, NULL);
        if (story && story->outcome == STORY_WORKS) {
            story_free(&story);
            return admit_neighbours(a);
        }
    }
    const struct story_step *step = story ? first_lost(story) : NULL;
    if (step && (maker->reads_looked || fix_manager_reads_looked(a->rules))) {
        uint32_t number = step->number;
        story_free(&story);
        story = play_once(a->walked, &lost, number);
        step = story ? first_lost(story) : NULL;
    }
    if (!story)
        return -ENOMEM;
    /* Of a packet of which it can't be told whether it is lost there is nothing to repair. */
    bool is_lost = step && (step->fate == WALL_DROP || step->fate == WALL_REJECT);
    bool is_useless = step && step->fate == WALL_PASS && step->cause && maker->rewrites;
    int result = (is_lost && step->rule.chain) || is_useless ? maker->admit(a, step) : -ENOENT;
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

/* ---- the story's fixes ---- */

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
        .title = fix_title(a),
        .order = fix_order(a),
        .exposes = fix_exposes(a, e),
        .exposed_ports = fix_exposed_ports(e),
        .commands = calloc(a->count, sizeof(char *)),
        .note = a->note ? strdup(a->note) : NULL,
        .works = true,
    };
    if (!fix.title || !fix.order || !fix.exposes || !fix.commands || (a->note && !fix.note)) {
        free(fix.title);
        free(fix.order);
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

/* A command that changes rules, not a line of configuration. */
static bool is_of_rules(const char *command)
{
    static const char *const programs[] = {"iptables ", "ip6tables ", "iptables-legacy ", "ip6tables-legacy ",
                                           "nft ",      "ufw ",       "firewall-cmd "};
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (strncmp(command, programs[i], strlen(programs[i])) == 0)
            return true;
    }
    return false;
}

static size_t count_rules(const struct story_fix *fix)
{
    size_t count = 0;
    for (size_t i = 0; i < fix->command_count; i++)
        count += is_of_rules(fix->commands[i]);
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
    return strcmp(x->order, y->order);
}

/* A range that is narrowed but needs no rule is one that the rules admit already. */
static void retitle(struct fix_attempt *a)
{
    uint32_t ranges = 1U << FIX_ONE_PORT | 1U << FIX_RANGE;
    for (size_t i = 0; i < a->count; i++) {
        if (is_of_rules(a->commands[i]))
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
    int error = fix_expose(r, a->walked, &a->play, a->deeds & 1U << FIX_WIDEN, &exposure);
    return error ? error : fix_add(story, a, &exposure);
}

int fix_story(struct story *story, struct wall_rules *r, const struct fix_question *question)
{
    const struct nft_ruleset *nft = wall_rules_model(r)->nft;
    int error = 0;
    if (nft && nft->rule_count > FIX_NFT_RULES)
        return story_note_take(story, PHRASE(NOTE_NO_FIXES_TRIED, NUMBER(nft->rule_count)));
    for (size_t i = 0; i < question->maker_count && !error; i++) {
        const struct fix_maker *maker = &question->makers[i];
        struct fix_attempt a = {
            .play = *question->play, .outcomes = question->outcomes, .knows_range = question->knows_range};
        if (!maker->suits(&a))
            continue;
        a.rules = rules_copy(wall_rules_model(r));
        error = a.rules ? try_maker(story, r, maker, &a) : -ENOMEM;
        fix_attempt_clear(&a);
    }
    if (story->fix_count > 1)
        qsort(story->fixes, story->fix_count, sizeof(*story->fixes), by_exposure);
    const char *manager = fix_manager(wall_rules_model(r));
    if (story->fix_count && manager && !error)
        error = story_note_take(story, PHRASE(NOTE_MANAGED, manager));
    return error;
}
