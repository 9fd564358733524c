/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "rules/language/reader.h"

/* All words of a line are read: do they make a whole? */

enum {
    CHAIN_NAME_MAX = 28, /* XT_EXTENSION_MAXNAMELEN is 29 with the NUL */
    JUMP_NAMES_MAX = 4096,
};

static const char always_allowed[] = "twWM46";

static bool command_takes_rule(enum line_command command)
{
    return command == LINE_APPEND || command == LINE_CHECK || command == LINE_DELETE ||
           command == LINE_INSERT || command == LINE_REPLACE;
}

static int check_allowed(struct line_reader *l)
{
    const struct line_form *form = line_form_of_command(l->line->command);

    for (unsigned i = 0; i < sizeof(l->seen_word) / sizeof(l->seen_word[0]); i++) {
        if (!l->seen_word[i] || line_form_of_letter((char)i) || strchr(form->allowed, (int)i) ||
            strchr(always_allowed, (int)i))
            continue;
        if (i == '0')
            return words_fail(line_blame(l, l->seen_word[i] - 1), l->error,
                              "--line-numbers has no place with --%s", form->name);
        return words_fail(line_blame(l, l->seen_word[i] - 1), l->error, "-%c has no place with --%s", (char)i,
                          form->name);
    }
    return 0;
}

static int check_interfaces(struct line_reader *l)
{
    const struct rules_rule *rule = &l->line->rule;
    const char *chain = l->line->chain;
    bool no_out = !strcmp(chain, "PREROUTING") || !strcmp(chain, "INPUT");
    bool no_in = !strcmp(chain, "POSTROUTING") || !strcmp(chain, "OUTPUT");

    if (no_out && (rule->out.name[0] || rule->out.inverted))
        return words_fail(line_blame(l, l->seen_word['o'] - 1), l->error,
                          "-o has no place in %s: its packets have no outgoing interface yet", chain);
    if (no_in && (rule->in.name[0] || rule->in.inverted))
        return words_fail(line_blame(l, l->seen_word['i'] - 1), l->error,
                          "-i has no place in %s: its packets have no incoming interface", chain);
    return 0;
}

static const char *near_chain(const struct rules_table *t, const char *word, bool is_goto)
{
    static const char *const targets[] = {"ACCEPT", "DROP", "RETURN",   "REJECT", "LOG",
                                          "NFLOG",  "MARK", "CONNMARK", "CT",     "NOTRACK"};
    const struct rules_opaque_name *opaque = rules_opaque_targets;
    const char *names[JUMP_NAMES_MAX];
    size_t count = 0;

    for (; !is_goto && count < sizeof(targets) / sizeof(targets[0]); count++)
        names[count] = targets[count];
    for (; !is_goto && opaque->name && count < JUMP_NAMES_MAX; opaque++)
        names[count++] = opaque->name;
    for (size_t i = 0; i < t->count && count < JUMP_NAMES_MAX; i++) {
        if (t->chains[i]->policy == RULES_POLICY_NONE)
            names[count++] = t->chains[i]->name;
    }
    return nearest_name(word, names, count);
}

static int find_jump(struct line_reader *l)
{
    struct rules_target *target = &l->line->rule.target;
    const struct rules_table *t = &l->r->tables[l->line->table];
    size_t place = l->jump_word;

    if (target->type != RULES_TARGET_CHAIN)
        return 0;
    struct rules_chain *chain = rules_table_chain(t, l->jump);
    if (chain && chain->policy == RULES_POLICY_NONE) {
        target->chain = chain;
        return 0;
    }
    target->type = RULES_TARGET_NONE;
    if (chain)
        return words_fail(line_blame(l, place), l->error,
                          "%s is a built-in chain; rules jump to chains of users only", l->jump);
    const char *near = near_chain(t, l->jump, target->is_goto);
    if (target->is_goto)
        return words_fail(line_blame(l, place), l->error,
                          "-g needs a chain; \"%s\" is none of the table %s%s%s%s", l->jump,
                          rules_table_name(l->line->table), near ? "; did you mean " : "", near ? near : "",
                          near ? "?" : "");
    return words_fail(line_blame(l, place), l->error,
                      "\"%s\" is neither a target nor a chain of the table %s%s%s%s", l->jump,
                      rules_table_name(l->line->table), near ? "; did you mean " : "", near ? near : "",
                      near ? "?" : "");
}

static int one_network(struct rules_network **list, size_t *count, struct rules_network *first)
{
    if (!*list) {
        *list = calloc(1, sizeof(**list));
        if (!*list)
            return -ENOMEM;
        *count = 1;
    }
    *first = (*list)[0];
    return 0;
}

static int finish_rule(struct line_reader *l)
{
    struct line *line = l->line;
    int rc = find_jump(l);

    if (rc == 0)
        rc = check_interfaces(l);
    if (rc == 0)
        rc = line_finish_parts(l);
    if (rc == 0)
        rc = one_network(&line->sources, &line->source_count, &line->rule.source);
    if (rc == 0)
        rc = one_network(&line->destinations, &line->destination_count, &line->rule.destination);
    if (rc == 0 && line->source_count * line->destination_count > RULES_LINE_RULES)
        return words_fail(line_blame(l, l->seen_word['d'] - 1), l->error,
                          "%zu sources and %zu destinations make more than %d rules of one line",
                          line->source_count, line->destination_count, RULES_LINE_RULES);
    if (rc == 0 && line->source_count * line->destination_count > 1 &&
        (line->rule.source.inverted || line->rule.destination.inverted))
        return words_fail(line_blame(l, l->seen_word[line->rule.source.inverted ? 's' : 'd'] - 1), l->error,
                          "\"!\" has no place where several addresses make several rules");
    if (rc == 0 && line->command == LINE_REPLACE && line->source_count * line->destination_count > 1)
        return words_fail(line_blame(l, l->seen_word['R'] - 1), l->error,
                          "several addresses are several rules; -R puts one in the place of one");
    line->rule.counters = line->counters;
    line->rule.line = l->words->line;
    return rc;
}

/* As iptables -N and -E: XT_EXTENSION_MAXNAMELEN, and no name that -j would take for something else. */
static int check_new_name(struct line_reader *l, const char *name)
{
    if (name[0] == '-' || name[0] == '!')
        return words_fail(l->words, l->error, "the chain name \"%s\" may not begin with \"%c\"", name,
                          name[0]);
    if (name[0] == '\0' || strpbrk(name, " \t\n\v\f\r\""))
        return words_fail(l->words, l->error,
                          "the chain name \"%s\" may not be empty or hold blanks or quotes", name);
    if (strlen(name) > CHAIN_NAME_MAX)
        return words_fail(l->words, l->error,
                          "the chain name \"%s\" is %zu bytes long, at most %d are allowed", name,
                          strlen(name), CHAIN_NAME_MAX);
    if (!strcmp(name, "ACCEPT") || !strcmp(name, "DROP") || !strcmp(name, "RETURN") ||
        rules_target_named(name, l->r->family))
        return words_fail(l->words, l->error, "a chain may not be called \"%s\", as a target is", name);
    return 0;
}

int line_finish(struct line_reader *l)
{
    struct line *line = l->line;

    if (line->flags & LINE_OTHER_FAMILY)
        return 0;
    if (line->command == LINE_NONE)
        return words_fail(line_blame(l, 0), l->error,
                          "no command; expected one of -A -C -D -I -R -L -S -F -Z -N -X -P -E");
    int rc = check_allowed(l);
    if (rc)
        return rc;
    if (command_takes_rule(line->command))
        return finish_rule(l);
    if (line->command == LINE_NEW)
        return check_new_name(l, line->chain);
    if (line->command == LINE_RENAME)
        return check_new_name(l, line->argument);
    return 0;
}
