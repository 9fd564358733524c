/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/cure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/conclude.h"
#include "explain/make.h"
#include "explain/play/play.h"
#include "explain/play/session.h"
#include "speech/speech.h"

/* How the session named its data channels: that one that was stopped, or else the first that did. */
static enum story_mode mode_of(const struct survey *survey, const struct judge_trouble *t,
                               enum story_mode otherwise)
{
    uint32_t task = t->data == SURVEY_NONE ? SURVEY_NONE : survey->data[t->data].task;

    if (task != SURVEY_NONE && survey->tasks[task].has_mode)
        return survey->tasks[task].mode;
    for (size_t i = 0; i < survey->task_count; i++) {
        if (survey->tasks[i].session == t->session && survey->tasks[i].has_mode)
            return survey->tasks[i].mode;
    }
    return otherwise;
}

static struct play like(const struct survey *survey, const struct judge_trouble *t, const struct play *play)
{
    const struct survey_session *s = &survey->sessions[t->session];
    struct play p = *play;

    p.client = s->client;
    p.server = s->server;
    p.family = s->family;
    p.server_port = s->server_port;
    p.tls |= s->tls != 0;
    p.mode = mode_of(survey, t, s->family == PACKET_IPV6 ? STORY_EPSV : play->mode);
    if (t->data != SURVEY_NONE && session_is_active(p.mode))
        p.data_ports =
            (struct rules_range16){survey->data[t->data].source_port, survey->data[t->data].source_port};
    return p;
}

/* Is the played session stopped as the captured one is? */
static bool is_alike(const struct story *played, const struct judge_trouble *t)
{
    const struct story_step *step = played->outcome == STORY_BLOCKED ? conclude_turning_step(played) : NULL;
    enum story_channel channel = t->data == SURVEY_NONE ? STORY_CONTROL : STORY_DATA;

    return step && step->channel == channel && t->rule.chain && step->rule.chain &&
           story_rule_equal(&step->rule, &t->rule);
}

int cure_find(struct story *s, const struct rules *r, const struct play *play, const struct survey *survey,
              const struct judge *judge)
{
    const struct judge_trouble *t = &judge->first_stopped;

    if (s->outcome != STORY_BLOCKED || !judge->stopped || survey->sessions[t->session].family != r->family)
        return 0;
    const struct play p = like(survey, t, play);
    struct story *played = play_session(r, &p);
    if (!played)
        return -ENOMEM;
    int result = 0;
    if (is_alike(played, t)) {
        s->fixes = played->fixes;
        s->fix_count = played->fix_count;
        played->fixes = NULL;
        played->fix_count = 0;
        if (s->fix_count)
            result = story_note_take(s, PHRASE(NOTE_FIXES_PLAYED, speech_of(story_mode_name(p.mode))));
    } else {
        result = story_note_take(s, PHRASE(NOTE_NO_FIX, speech_of(story_mode_name(p.mode))));
    }
    story_free(&played);
    return result;
}
