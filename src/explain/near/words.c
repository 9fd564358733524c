/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/near/words.h"

#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "speech/speech.h"

/* ---- a condition ---- */

/* Of the rule's header only what the condition is about. */
static void keep_of_header(struct rules_rule *part, const struct rules_rule *rule, uint8_t field)
{
    switch (field) {
    case CONDITION_SOURCE:
        part->source = rule->source;
        break;
    case CONDITION_DESTINATION:
        part->destination = rule->destination;
        break;
    case CONDITION_IN:
        part->in = rule->in;
        break;
    case CONDITION_OUT:
        part->out = rule->out;
        break;
    case CONDITION_FRAGMENT:
        part->fragment = rule->fragment;
        part->fragment_inverted = rule->fragment_inverted;
        break;
    case CONDITION_PROTOCOL:
        part->protocol = rule->protocol;
        part->protocol_inverted = rule->protocol_inverted;
        break;
    default: /* LENGTH: of "! -i +", which nothing meets */
        part->in = rule->in;
        part->out = rule->out;
        break;
    }
}

/* Of -m tcp and -m udp only the option that the condition is about. */
static void keep_of_ports(struct rules_match *match, uint8_t field)
{
    const struct rules_match_tcp all = match->tcp;
    struct rules_match_tcp *part = &match->tcp;
    *part = (struct rules_match_tcp){.source = {0, 65535}, .destination = {0, 65535}};
    switch (field) {
    case CONDITION_SOURCE_PORT:
        part->source = all.source;
        part->source_inverted = all.source_inverted;
        break;
    case CONDITION_DESTINATION_PORT:
        part->destination = all.destination;
        part->destination_inverted = all.destination_inverted;
        break;
    case CONDITION_FLAGS:
        part->flags_mask = all.flags_mask;
        part->flags_compare = all.flags_compare;
        part->flags_inverted = all.flags_inverted;
        break;
    default:
        part->option = all.option;
        part->option_inverted = all.option_inverted;
        break;
    }
}

/* Without the name of the match where its options can't be another's. */
static const char *skip_name(const char *text)
{
    static const char *const names[] = {"-m tcp ", "-m udp ", "-m multiport "};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(text, names[i], strlen(names[i])) == 0)
            return text + strlen(names[i]);
    }
    return text;
}

char *near_condition_words(const struct rules *r, const struct rules_rule *rule, const struct condition *c)
{
    static const struct rules_chain chain = {.name = "X"};
    struct rules_rule part = {0};
    struct rules_match match;
    if (c->match == CONDITION_OF_HEADER) {
        keep_of_header(&part, rule, c->field);
    } else {
        match = rule->matches[c->match]; /* shares what it points to */
        if (match.type == RULES_MATCH_TCP || match.type == RULES_MATCH_UDP)
            keep_of_ports(&match, c->field);
        part.matches = &match;
        part.match_count = 1;
    }
    char *text = rules_rule_text(r, &chain, &part);
    if (!text)
        return NULL;
    const char *words = strncmp(text, "-A X ", 5) == 0 ? skip_name(text + 5) : text;
    char *copy = strdup(words);
    free(text);
    return copy;
}

/* ---- the clause ---- */

static char *join(char *const *words, size_t count)
{
    if (count == 2)
        return PHRASE(AND, words[0], words[1]);
    return strdup(count ? words[0] : "");
}

/* "the DROP that is rule 7 of INPUT" */
static char *obstacle(const struct story_near *near, const char *target)
{
    bool same = near->other.chain && strcmp(near->other.chain, near->rule.chain) == 0 &&
                strcmp(near->other.table, near->rule.table) == 0;
    if (same && near->other.number)
        return PHRASE(OBSTACLE_HERE, target, NUMBER(near->other.number));
    char *place = story_place(&near->other);
    if (!near->other.number)
        return place;
    char *text = PHRASE(OBSTACLE, target, place);
    free(place);
    return text;
}

/* place: of the rule; but, other: what it says of itself or of the other rule. */
static char *clause(const struct story_near *near, const char *place, const char *but, const char *other,
                    const char *hook)
{
    switch (near->kind) {
    case STORY_NEAR_BUT:
        return PHRASE(NEAR_BUT, place, but);
    case STORY_NEAR_BEHIND:
        return PHRASE(NEAR_BEHIND, place, other);
    case STORY_NEAR_LED:
        return PHRASE(NEAR_LED, place, other, but);
    case STORY_NEAR_UNREACHED:
        return PHRASE(NEAR_UNREACHED, place, near->rule.chain);
    case STORY_NEAR_HOOK:
        return PHRASE(NEAR_HOOK, place, hook);
    case STORY_NEAR_TABLE:
        return PHRASE(NEAR_TABLE, place, near->rule.table);
    }
    return NULL;
}

char *near_clause(const struct story_near *near, const char *target, const char *hook)
{
    char *place = story_place(&near->rule), *but = join(near->but, near->but_count);
    char *other = near->kind == STORY_NEAR_BEHIND ? obstacle(near, target) : story_place(&near->other);
    char *text = place && but && other ? clause(near, place, but, other, hook) : NULL;
    free(place);
    free(but);
    free(other);
    return text;
}
