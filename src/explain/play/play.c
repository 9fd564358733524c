/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/play.h"
#include "explain/conclude.h"
#include "explain/fix/fix.h"
#include "explain/make.h"
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
    story->rules_name = strdup(play->rules_name ? play->rules_name : "");
    story->client = story_end_text(&play->client, play->family, 0);
    story->server = story_end_text(&play->server, play->family, 0);
    story->kernel = story_format("%u.%u", play->kernel >> 16, play->kernel >> 8 & 255);
    story->manner = strdup(play->manner == TRACK_ROBUST ? "robust" : "linux");
    if (!story->rules_name || !story->client || !story->server || !story->kernel || !story->manner)
        return -ENOMEM;
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
        error = conclude_story(story, &played, &outcomes);
    if (!error)
        error = conclude_notes(story, rules, play, &played, &outcomes);
    if (!error && story->outcome != STORY_WORKS)
        error = fix_story(story, rules, &whole, &outcomes, play->passive_ports.last != 0);
    wall_rules_free(&rules);
    if (error)
        story_free(&story);
    return story;
}
