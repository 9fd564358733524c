/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that forget neighbour discovery let a session pass that never begins. */
#include "explain/conclude.h"
#include "explain/fix/nft.h"
#include "explain/make.h"
#include "explain/play/neighbours.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stopped {
    char *who; /* "rule 3 of INPUT drops"; NULL: nobody */
    char *way; /* what would let it through */
};

static int remember(struct stopped *stopped, const struct story_step *step)
{
    stopped->who = conclude_who_does_what(step);
    stopped->way = fix_nft_decides(step) ? PHRASE(NEIGHBOURS_NFT, step->rule.table, step->rule.chain)
                                         : PHRASE(NEIGHBOURS_COMMANDS, step->hook);
    return stopped->who && stopped->way ? 0 : -ENOMEM;
}

/* Nothing begins. */
static int take_back(struct story *story, const char *why)
{
    story->outcome = STORY_BLOCKED;
    for (size_t i = 0; i < story->task_count; i++) {
        struct story_task *task = &story->tasks[i];
        free(task->why);
        task->outcome = STORY_BLOCKED;
        task->why = strdup(why);
        if (!task->why)
            return -ENOMEM;
    }
    return 0;
}

static int tell(struct story *story, const struct stopped *stopped, bool sure)
{
    bool works = story->outcome == STORY_WORKS;
    char *why = PHRASE(NEIGHBOURS_CLAUSE, stopped->who);
    char *longer = !works ? PHRASE(NEIGHBOURS_BESIDES, stopped->who, stopped->way)
                   : sure ? PHRASE(NEIGHBOURS_BLOCKED, stopped->who, stopped->way)
                          : PHRASE(NEIGHBOURS_WORKS, story->conclusion, stopped->who, stopped->way);
    int error = longer && why ? 0 : -ENOMEM;

    if (!error && works) {
        free(story->conclusion);
        story->conclusion = longer;
        longer = NULL;
        error = sure ? take_back(story, why) : 0;
    } else if (!error) {
        error = story_note_add(story, "%s", longer);
    }
    free(why);
    free(longer);
    return error;
}

int conclude_neighbours(struct story *story, struct wall_rules *r, const struct play *played)
{
    bool sure = false;
    struct stopped stopped = {0};
    struct story made_up = {0};

    int error = neighbours_find_stopped(r, played, &made_up, &sure);
    if (!error && made_up.step_count)
        error = remember(&stopped, &made_up.steps[0]);
    if (!error && stopped.who)
        error = tell(story, &stopped, sure);
    if (made_up.step_count)
        story_step_drop_last(&made_up);
    free(made_up.steps);
    free(stopped.who);
    free(stopped.way);
    return error;
}
