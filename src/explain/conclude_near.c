/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/conclude.h"
#include "explain/make.h"
#include "speech/speech.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_SAID = 2 }; /* of a step's near misses, in the conclusion */

static const struct story_step *turning_step_of(const struct story *story, enum story_outcome outcome)
{
    for (size_t i = 0; i < story->task_count; i++) {
        const struct story_task *task = &story->tasks[i];
        if (task->outcome == outcome && task->step)
            return &story->steps[task->step - 1];
    }
    return NULL;
}

const struct story_step *conclude_turning_step(const struct story *story)
{
    const struct story_step *step = turning_step_of(story, STORY_BLOCKED);
    if (!step)
        step = turning_step_of(story, STORY_UNKNOWN);
    for (size_t i = 0; i < story->step_count && !step && story->task_count == 0; i++) {
        if (story->steps[i].fate != WALL_PASS)
            step = &story->steps[i];
    }
    return step;
}

/* Does the sentence name the rule already? */
static bool is_said(const char *conclusion, const struct story_rule *rule)
{
    char *place = story_place(rule);
    char *named = PHRASE(KNOWN_MARK, place);
    bool said = named && strstr(conclusion, named);
    free(place);
    free(named);
    return said;
}

static int say(struct story *story, const struct story_near *near)
{
    char *longer =
        story_format("%s %c%s.", story->conclusion, toupper((unsigned char)near->text[0]), near->text + 1);
    if (!longer)
        return -ENOMEM;
    free(story->conclusion);
    story->conclusion = longer;
    return 0;
}

int conclude_near(struct story *story)
{
    const struct story_step *step = conclude_turning_step(story);
    int error = 0, said = 0;
    for (size_t i = 0; step && i < step->near_count && said < NEAR_SAID && !error; i++) {
        if (is_said(story->conclusion, &step->near[i].rule))
            continue;
        error = say(story, &step->near[i]);
        said++;
    }
    return error;
}
