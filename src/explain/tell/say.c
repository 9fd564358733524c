/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/tell/say.h"
#include "explain/make.h"
#include "speech/speech.h"

#include <stdlib.h>
#include <string.h>

char *say_decider(const struct story_step *step)
{
    if (step->stage == WALL_BY_CONNTRACK)
        return strdup("conntrack");
    if (step->stage == WALL_BY_HELPER)
        return PHRASE(FTP_HELPER);
    if (step->stage == WALL_BY_BESIDE)
        return PHRASE(BESIDE);
    if (step->stage == WALL_BY_ROUTE)
        return PHRASE(THE_ROUTE);
    return step->rule.chain ? story_place_short(&step->rule) : PHRASE(NO_TABLE);
}

char *say_judgement(const struct story_step *step)
{
    static const enum speech_phrase phrases[] = {[WALL_PASS] = SPEECH_JUDGED_PASS,
                                                 [WALL_DROP] = SPEECH_JUDGED_DROP,
                                                 [WALL_REJECT] = SPEECH_JUDGED_REJECT,
                                                 [WALL_UNKNOWN] = SPEECH_JUDGED_UNKNOWN};
    char *who = say_decider(step);
    const char *const words[] = {speech_of(story_state_name(step->state)), who};
    char *text = speech_new(phrases[step->fate], 2, words);
    free(who);
    return text;
}

char *say_doubt(const struct story_step *step)
{
    const char *because = step->because ? speech_of(step->because) : SAID(NOT_KNOWN);
    return step->ask ? PHRASE(DOUBT_SEE, because, step->ask) : PHRASE(DOUBT, because);
}

char *say_rule(const struct story_rule *rule)
{
    const char *text = rule->text ? rule->text : "";
    return rule->line ? PHRASE(RULE_LINE, text, NUMBER(rule->line)) : strdup(text);
}

char *say_jump(const struct story_rule *jump)
{
    char *place = story_place_short(jump);
    char *text = PHRASE(BY_JUMP, place, jump->text);
    free(place);
    return text;
}

char *say_again(const struct story_event *event)
{
    const char *reason = strstr(event->text, ": ");
    char *what = strndup(event->text, reason ? (size_t)(reason - event->text) : strlen(event->text));
    char *text = PHRASE(AS_ABOVE, what);
    free(what);
    return text;
}

char *say_retries(uint32_t retries, uint64_t last_ms)
{
    char *until = story_format("%.1f", (double)last_ms / 1000);
    char *text =
        retries == 1 ? PHRASE(RETRY_ONE, NUMBER(1), until) : PHRASE(RETRY_MORE, NUMBER(retries), until);
    free(until);
    return text;
}

static const char *port_of(const char *end)
{
    const char *colon = strrchr(end, ':');
    return colon ? colon + 1 : "";
}

char *say_label(const struct story_step *step)
{
    if (strcmp(step->packet, "SYN") == 0)
        return PHRASE(SYN_PORTS, step->label, port_of(step->source), port_of(step->destination));
    return strdup(speech_of(step->label));
}
