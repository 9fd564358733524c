/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/tell/say.h"
#include "explain/make.h"

#include <stdlib.h>
#include <string.h>

char *say_decider(const struct story_step *step)
{
    if (step->stage == WALL_BY_CONNTRACK)
        return strdup("conntrack");
    if (step->stage == WALL_BY_HELPER)
        return strdup("the FTP helper");
    if (step->stage == WALL_BY_BESIDE)
        return strdup("what is beside these rules");
    return step->rule.chain ? story_place_short(&step->rule) : strdup("no table");
}

char *say_judgement(const struct story_step *step)
{
    static const char *const verbs[] = {[WALL_PASS] = "",
                                        [WALL_DROP] = "dropped by ",
                                        [WALL_REJECT] = "rejected by ",
                                        [WALL_UNKNOWN] = "unknown: "};
    char *who = say_decider(step);
    char *text =
        who ? story_format("%s · %s%s", story_state_name(step->state), verbs[step->fate], who) : NULL;
    free(who);
    return text;
}

char *say_doubt(const struct story_step *step)
{
    return story_format("it depends on %s%s%s", step->because ? step->because : "what is not known",
                        step->ask ? "; to see it: " : "", step->ask ? step->ask : "");
}

char *say_rule(const struct story_rule *rule)
{
    const char *text = rule->text ? rule->text : "";
    return rule->line ? story_format("%s  (line %u)", text, rule->line) : strdup(text);
}

char *say_jump(const struct story_rule *jump)
{
    char *place = story_place_short(jump);
    char *text = place ? story_format("by %s: %s", place, jump->text) : NULL;
    free(place);
    return text;
}
