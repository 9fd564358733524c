/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/line.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rules/language/reader.h"

/* ---- commands ---- */

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

const struct line_form *line_form_of_letter(char letter)
{
    for (unsigned i = 0; letter && i < FORMS; i++) {
        if (forms[i].letter == letter)
            return &forms[i];
    }
    return NULL;
}

const struct line_form *line_form_of_command(enum line_command command)
{
    unsigned i = 0;

    while (forms[i].command != command)
        i++;
    return &forms[i];
}

struct rules_words *line_blame(struct line_reader *l, size_t place)
{
    l->words->current = place;
    return l->words;
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
                          line_form_of_command(line->command)->name, form->name);
    }
    return 0;
}

static int take_command(struct line_reader *l, const struct core_option *o, const char *word)
{
    const struct line_form *form = line_form_of_letter(o->letter);
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
    if (line_form_of_letter(o->letter))
        return take_command(l, o, word);
    return line_take_header(l, o->letter, word, inverted);
}

static int check_core(struct line_reader *l, const struct core_option *o)
{
    uint32_t *seen = &l->seen_word[(int)o->letter];

    if (l->inverted && !o->inverts)
        return words_fail(l->words, l->error, "--%s takes no \"!\" before it", o->name);
    if (*seen && !strchr(repeatable, o->letter) && !line_form_of_letter(o->letter))
        return words_fail(l->words, l->error, "--%s was given already; once is allowed", o->name);
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
            return words_fail(line_blame(l, place), l->error, "--%s needs an argument, and the line ends",
                              o->name);
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

    int rc = option_find(l->owners, l->r->family, name, size, &found, names, sizeof(names));
    if (rc == -ENOENT) {
        rc = line_load_implied(l, name, size);
        if (rc < 0)
            return rc;
        rc = rc ? option_find(l->owners, l->r->family, name, size, &found, names, sizeof(names)) : -ENOENT;
    }
    struct option_owner *newest = l->owners->count ? &l->owners->list[l->owners->count - 1] : NULL;
    l->opaque = NULL;
    if (rc == -ENOENT) {
        if (!newest || !newest->row->word)
            return option_unknown(l->owners, l->r->family, l->line->rule.protocol, name, size, l->words,
                                  l->error);
        l->opaque = newest;
        return line_take_opaque(l, newest, word);
    }
    if (rc)
        return words_fail(l->words, l->error, "--%.*s is the beginning of several options: %s", (int)size,
                          name, names);
    return found.core ? take_core_word(l, found.core, value) : line_take_part_option(l, &found, value);
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
    return words_fail(line_blame(l, place), l->error, "found \"%s\"; did you mean -%s, with two hyphens?",
                      word, word);
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
        return line_take_opaque(l, l->opaque, word);
    return fail_no_option(l, word);
}

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
        rc = line_finish(&l);
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
