/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/read_line.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "rules/language/parts.h"

/* ---- commands ---- */

enum line_after { AFTER_NOTHING, AFTER_NUMBER_MAYBE, AFTER_NUMBER, AFTER_NAME };

/* What a command looks like. */
struct line_form {
    char letter;
    uint8_t command; /* enum line_command */
    uint8_t after;   /* enum line_after: what follows the chain */
    const char *name;
    const char *allowed; /* letters of the options that may stand with it */
};

static const struct line_form forms[] = {
    {'A', LINE_APPEND, AFTER_NOTHING, "append", "sdpjgmviocf"},
    {'C', LINE_CHECK, AFTER_NOTHING, "check", "sdpjgmviof"},
    {'D', LINE_DELETE, AFTER_NUMBER_MAYBE, "delete", "sdpjgmviof"},
    {'I', LINE_INSERT, AFTER_NUMBER_MAYBE, "insert", "sdpjgmviocf"},
    {'R', LINE_REPLACE, AFTER_NUMBER, "replace", "sdpjgmviocf"},
    {'L', LINE_LIST, AFTER_NUMBER_MAYBE, "list", "nvx0Z"},
    {'S', LINE_LIST_RULES, AFTER_NUMBER_MAYBE, "list-rules", "vZ"},
    {'F', LINE_FLUSH, AFTER_NOTHING, "flush", "v"},
    {'Z', LINE_ZERO, AFTER_NUMBER_MAYBE, "zero", "v"},
    {'N', LINE_NEW, AFTER_NOTHING, "new-chain", "v"},
    {'X', LINE_DELETE_CHAIN, AFTER_NOTHING, "delete-chain", "v"},
    {'E', LINE_RENAME, AFTER_NAME, "rename-chain", "v"},
    {'P', LINE_POLICY, AFTER_NAME, "policy", "vc"},
    {0, LINE_DELETE_NUMBER, AFTER_NOTHING, "delete by number", "v"},
};

enum {
    FORMS = sizeof(forms) / sizeof(forms[0]),
};

static const struct line_form *form_of_letter(char letter)
{
    for (unsigned i = 0; letter && i < FORMS; i++) {
        if (forms[i].letter == letter)
            return &forms[i];
    }
    return NULL;
}

static const struct line_form *form_of_command(enum line_command command)
{
    unsigned i = 0;

    while (forms[i].command != command)
        i++;
    return &forms[i];
}

static int take_rule_number(struct line_reader *l, const char *word)
{
    char *end;
    unsigned long number = strtoul(word, &end, 10);

    if (word[0] < '0' || word[0] > '9' || *end || number < 1 || number > INT_MAX)
        return words_fail(l->words, l->error, "found \"%s\", expected the number of a rule, 1 or more", word);
    l->line->number = (uint32_t)number;
    return 0;
}

/* What a command brings with it behind the chain. */
static int take_after(struct line_reader *l, const struct line_form *form)
{
    const char *word = form->after == AFTER_NOTHING ? NULL : rules_next_word(&l->p);

    if (!word && form->after == AFTER_NUMBER)
        return words_fail(l->words, l->error, "-%c needs a chain and the number of a rule", form->letter);
    if (!word && form->after == AFTER_NAME)
        return words_fail(l->words, l->error, "-%c needs a chain and %s", form->letter,
                          form->letter == 'P' ? "a policy, ACCEPT or DROP" : "its new name");
    if (form->after == AFTER_NAME)
        l->line->argument = word;
    else if (word)
        return take_rule_number(l, word);
    return 0;
}

/* -Z may stand with -L and -S; else a line has one command. */
static int take_command_letter(struct line_reader *l, const struct line_form *form)
{
    struct line *line = l->line;
    bool lists = line->command == LINE_LIST || line->command == LINE_LIST_RULES;
    bool will_list = form->command == LINE_LIST || form->command == LINE_LIST_RULES;

    if (line->command == LINE_NONE) {
        line->command = form->command;
    } else if (lists && form->command == LINE_ZERO && !(line->flags & LINE_ZEROES)) {
        line->flags |= LINE_ZEROES;
    } else if (will_list && line->command == LINE_ZERO) {
        line->command = form->command;
        line->flags |= LINE_ZEROES;
    } else {
        return words_fail(l->words, l->error, "two commands, --%s and --%s; expected one",
                          form_of_command(line->command)->name, form->name);
    }
    return 0;
}

static int take_command(struct line_reader *l, const struct core_option *o, const char *word)
{
    const struct line_form *form = form_of_letter(o->letter);
    int rc = take_command_letter(l, form);

    if (rc)
        return rc;
    if (!word) /* -L -S -F -Z -X: all chains */
        return 0;
    l->line->chain = word;
    l->line->chain_word = l->words->current;
    rc = take_after(l, form);
    if (rc == 0 && form->command == LINE_DELETE && l->line->number)
        l->line->command = LINE_DELETE_NUMBER;
    return rc;
}

/* May be given again: it adds up, or the last one holds. */
static const char repeatable[] = "mvwWMt46";

static int take_core(struct line_reader *l, const struct core_option *o, const char *word, bool inverted)
{
    if (form_of_letter(o->letter))
        return take_command(l, o, word);
    return parts_take_core(l, o->letter, word, inverted);
}

static int check_core(struct line_reader *l, const struct core_option *o)
{
    uint32_t *seen = &l->seen_word[(int)o->letter];

    if (l->inverted && !o->inverts)
        return words_fail(l->words, l->error, "--%s takes no \"!\" before it", o->name);
    if (*seen && !strchr(repeatable, o->letter) && !form_of_letter(o->letter))
        return words_fail(l->words, l->error, "--%s was given already; once is allowed", o->name);
    if (!*seen)
        l->seen[strlen(l->seen)] = o->letter;
    *seen = (uint32_t)l->words->current + 1;
    return 0;
}

/* Fetches what the option needs and takes it. attached: what is written onto it, or NULL. */
static int take_core_word(struct line_reader *l, const struct core_option *o, const char *attached)
{
    const char *word = attached;
    size_t place = l->words->current;
    bool inverted = l->inverted;

    int rc = check_core(l, o);
    if (rc)
        return rc;
    l->inverted = false;
    if (o->argument == OPTION_ARGUMENT && !word) {
        word = words_next(l->words);
        if (!word)
            return words_fail(words_at(l->words, place), l->error,
                              "--%s needs an argument, and the line ends", o->name);
    } else if (o->argument == OPTION_MAYBE && !word) {
        word = rules_next_word(&l->p);
    } else if (o->argument == OPTION_PLAIN && word) {
        return words_fail(l->words, l->error, "--%s takes no argument", o->name);
    }
    return take_core(l, o, word, inverted);
}

/* ---- words ---- */

static int take_long(struct line_reader *l, const char *word)
{
    const char *name = word + 2;
    size_t size = strcspn(name, "=");
    const char *value = name[size] ? name + size + 1 : NULL;
    struct option_found found;
    char names[200] = "";

    int rc = option_find_owner(l->owners, l->r->family, name, size, &found, names, sizeof(names));
    if (rc == -ENOENT) {
        rc = parts_load_implied(l, name, size);
        if (rc < 0)
            return rc;
        rc = rc ? option_find_owner(l->owners, l->r->family, name, size, &found, names, sizeof(names))
                : -ENOENT;
    }
    struct option_owner *newest = l->owners->count ? &l->owners->list[l->owners->count - 1] : NULL;
    l->opaque = NULL;
    if (rc == -ENOENT) {
        if (!newest || !newest->row->word)
            return option_unknown(l->owners, l->r->family, l->line->rule.protocol, name, size, l->words,
                                  l->error);
        l->opaque = newest;
        return parts_take_opaque(l, newest, word);
    }
    if (rc)
        return words_fail(l->words, l->error, "--%.*s is the beginning of several options: %s", (int)size,
                          name, names);
    return found.core ? take_core_word(l, found.core, value) : parts_take_option(l, &found, value);
}

static int take_short(struct line_reader *l, const char *word)
{
    l->opaque = NULL;
    for (const char *c = word + 1; *c; c++) {
        const struct core_option *o = option_core(*c, l->r->family);
        if (!o && *c == 'f')
            return words_fail(l->words, l->error, "-f is not for IPv6; -m frag looks at fragments there");
        if (!o)
            return words_fail(l->words, l->error, "unknown option -%c", *c);
        if (o->argument != OPTION_PLAIN)
            return take_core_word(l, o, c[1] ? c + 1 : NULL);
        int rc = take_core_word(l, o, NULL);
        if (rc)
            return rc;
    }
    return 0;
}

/* Texts on the web are full of these in place of two hyphens. */
static bool begins_with_dash(const char *word)
{
    static const char *const dashes[] = {"\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x88\x92"};

    for (unsigned i = 0; i < sizeof(dashes) / sizeof(dashes[0]); i++) {
        if (strncmp(word, dashes[i], 3) == 0)
            return true;
    }
    return false;
}

static int fail_no_option(struct line_reader *l, const char *word)
{
    if (begins_with_dash(word))
        return words_fail(l->words, l->error,
                          "\"%s\" begins with a typographic dash; expected a hyphen, - or --", word);
    return words_fail(l->words, l->error, "found \"%s\", expected an option", word);
}

/* "-dport 21" is -d with the address "port"; say what is missing rather than that the address is wrong. */
static int take_short_or_hint(struct line_reader *l, const char *word)
{
    size_t place = l->words->current;
    int rc = take_short(l, word);

    if (rc != -EINVAL || !option_is_long(word + 1))
        return rc;
    return words_fail(words_at(l->words, place), l->error,
                      "found \"%s\"; did you mean -%s, with two hyphens?", word, word);
}

static int take_word(struct line_reader *l, const char *word)
{
    if (strcmp(word, "!") == 0) {
        if (l->inverted)
            return words_fail(l->words, l->error, "two \"!\" in a row; expected one");
        if (!words_peek(l->words))
            return words_fail(l->words, l->error, "nothing follows the \"!\"; expected an option");
        l->inverted = true;
        return 0;
    }
    if (word[0] == '-' && word[1] == '-' && word[2])
        return take_long(l, word);
    if (word[0] == '-' && word[1] && word[1] != '-')
        return take_short_or_hint(l, word);
    if (l->opaque)
        return parts_take_opaque(l, l->opaque, word);
    return fail_no_option(l, word);
}

/* ---- all words of a line are read: do they make a whole? ---- */

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
    const struct line_form *form = form_of_command(l->line->command);

    for (const char *c = l->seen; *c; c++) {
        if (form_of_letter(*c) || strchr(form->allowed, *c) || strchr(always_allowed, *c))
            continue;
        words_at(l->words, l->seen_word[(int)*c] - 1);
        if (*c == '0')
            return words_fail(l->words, l->error, "--line-numbers has no place with --%s", form->name);
        return words_fail(l->words, l->error, "-%c has no place with --%s", *c, form->name);
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
        return words_fail(words_at(l->words, l->seen_word['o'] - 1), l->error,
                          "-o has no place in %s: its packets have no outgoing interface yet", chain);
    if (no_in && (rule->in.name[0] || rule->in.inverted))
        return words_fail(words_at(l->words, l->seen_word['i'] - 1), l->error,
                          "-i has no place in %s: its packets have no incoming interface", chain);
    return 0;
}

static const char *near_chain(const struct rules_table *t, const char *word, bool is_goto)
{
    static const char *const targets[] = {"ACCEPT", "DROP", "RETURN",   "REJECT",     "LOG",
                                          "NFLOG",  "MARK", "CONNMARK", "CT",         "NOTRACK",
                                          "DNAT",   "SNAT", "REDIRECT", "MASQUERADE", "NETMAP"};
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
        return words_fail(words_at(l->words, place), l->error,
                          "%s is a built-in chain; rules jump to chains of users only", l->jump);
    const char *near = near_chain(t, l->jump, target->is_goto);
    if (target->is_goto)
        return words_fail(words_at(l->words, place), l->error,
                          "-g needs a chain; \"%s\" is none of the table %s%s%s%s", l->jump,
                          rules_table_name(l->line->table), near ? "; did you mean " : "", near ? near : "",
                          near ? "?" : "");
    return words_fail(words_at(l->words, place), l->error,
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
        rc = parts_finish(l);
    if (rc == 0)
        rc = one_network(&line->sources, &line->source_count, &line->rule.source);
    if (rc == 0)
        rc = one_network(&line->destinations, &line->destination_count, &line->rule.destination);
    if (rc == 0 && line->source_count * line->destination_count > RULES_LINE_RULES)
        return words_fail(words_at(l->words, l->seen_word['d'] - 1), l->error,
                          "%zu sources and %zu destinations make more than %d rules of one line",
                          line->source_count, line->destination_count, RULES_LINE_RULES);
    if (rc == 0 && line->source_count * line->destination_count > 1 &&
        (line->rule.source.inverted || line->rule.destination.inverted))
        return words_fail(words_at(l->words, l->seen_word[line->rule.source.inverted ? 's' : 'd'] - 1),
                          l->error, "\"!\" has no place where several addresses make several rules");
    if (rc == 0 && line->command == LINE_REPLACE && line->source_count * line->destination_count > 1)
        return words_fail(words_at(l->words, l->seen_word['R'] - 1), l->error,
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
    if (rules_is_verdict(name) || rules_target_named(name, l->r->family))
        return words_fail(l->words, l->error, "a chain may not be called \"%s\", as a target is", name);
    return 0;
}

static int finish_line(struct line_reader *l)
{
    struct line *line = l->line;

    if (line->flags & LINE_OTHER_FAMILY)
        return 0;
    if (line->command == LINE_NONE)
        return words_fail(words_at(l->words, 0), l->error,
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

/* ---- a line ---- */

int line_read(const struct rules *r, enum rules_table_type table, struct rules_words *words, struct line *ret,
              struct rules_error *error)
{
    struct option_owners owners; /* large, and little of it is used: not cleared */
    struct line_reader l = {
        .r = r, .words = words, .error = error, .line = ret, .in_file = table != RULES_TABLES};
    const char *word;
    int rc = 0;

    memset(ret, 0, sizeof(*ret));
    owners.count = 0;
    l.owners = &owners;
    ret->table = l.in_file ? table : RULES_FILTER;
    l.p = (struct rules_parse){.family = r->family,
                               .table = (uint8_t)ret->table,
                               .rule = &ret->rule,
                               .error = error,
                               .words = words};
    while (rc == 0 && !(ret->flags & LINE_OTHER_FAMILY) && (word = words_next(words)))
        rc = take_word(&l, word);
    if (rc == 0)
        rc = finish_line(&l);
    if (rc)
        line_fini(ret);
    return rc;
}

void line_fini(struct line *line)
{
    rules_rule_fini(&line->rule);
    free(line->sources);
    free(line->destinations);
    line->sources = line->destinations = NULL;
}
