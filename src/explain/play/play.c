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
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the story's head ---- */

static char *title(const struct story *story, const struct play *play)
{
    static const enum speech_phrase modes[] = {[STORY_PASSIVE] = SPEECH_TITLE_PASSIVE,
                                               [STORY_ACTIVE] = SPEECH_TITLE_ACTIVE,
                                               [STORY_EPSV] = SPEECH_TITLE_EPSV,
                                               [STORY_EPRT] = SPEECH_TITLE_EPRT};
    static const enum speech_phrase places[] = {[STORY_AT_SERVER] = SPEECH_ON_SERVER,
                                                [STORY_AT_GATEWAY] = SPEECH_ON_WAY,
                                                [STORY_AT_CLIENT] = SPEECH_ON_CLIENT};
    return PHRASE(TITLE, speech_plain(modes[play->mode]), play->tls ? SAID(TITLE_TLS) : "", story->client,
                  story->server, speech_plain(places[play->where]));
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
