/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/play.h"
#include "explain/conclude.h"
#include "explain/fix/fix.h"
#include "explain/fix/makers.h"
#include "explain/make.h"
#include "explain/play/head.h"
#include "explain/play/ports.h"
#include "explain/play/session.h"
#include "explain/play/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the story's head ---- */

static char *title(const struct story *story, const struct play *play)
{
    static const char *const modes[] = {[STORY_PASSIVE] = "Passive",
                                        [STORY_ACTIVE] = "Active",
                                        [STORY_EPSV] = "Extended passive",
                                        [STORY_EPRT] = "Extended active"};
    static const char *const places[] = {[STORY_AT_SERVER] = "on the server",
                                         [STORY_AT_GATEWAY] = "on the way between them",
                                         [STORY_AT_CLIENT] = "on the client"};
    return story_format("%s FTP%s from %s to %s, firewall %s", modes[play->mode],
                        play->tls ? " under TLS" : "", story->client, story->server, places[play->where]);
}

static int fill_head(struct story *story, const struct play *play)
{
    int error = play_head_fill(story, play);
    if (error)
        return error;
    story->title = title(story, play);
    return story->title ? 0 : -ENOMEM;
}

struct story *play_session(const struct rules *r, const struct play *play)
{
    struct play_outcomes outcomes;
    struct play whole = *play, played;
    struct wall_rules *rules = wall_rules_new(r);
    struct story *story = NULL;
    if (rules && play_complete(r, &whole) == 0)
        story = play_worst(rules, &whole, false, &played, &outcomes);
    int error = story ? 0 : -ENOMEM;
    if (!error)
        error = fill_head(story, &whole);
    if (!error)
        error = conclude_story(story, &outcomes);
    if (!error)
        error = conclude_neighbours(story, rules, &played);
    if (!error)
        error = conclude_notes(story, rules, play, &played, &outcomes);
    if (!error && story->outcome != STORY_WORKS)
        error = fix_story(story, rules,
                          &(struct fix_question){.play = &whole,
                                                 .outcomes = &outcomes,
                                                 .knows_range = play->passive_ports.last != 0,
                                                 .makers = fix_ftp_makers,
                                                 .maker_count = fix_ftp_maker_count});
    wall_rules_free(&rules);
    if (error)
        story_free(&story);
    return story;
}
