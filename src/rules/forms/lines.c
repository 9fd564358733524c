/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/forms/names.h"
#include "rules/forms/rows.h"
#include "rules/language/words.h"

struct lines {
    struct rows row;
    struct rules_words *words;
    struct sections *s;
    struct rules_error *error;
};

static int fail_line(struct lines *l)
{
    int size = l->row.size < 40 ? (int)l->row.size : 40;

    return rules_fail_at(
        l->error, l->words->file, l->row.number, 1,
        "found \"%.*s\"%s, expected a line as `iptables -S` prints it, beginning with -P, -N or -A", size,
        l->row.text, (size_t)size < l->row.size ? "..." : "");
}

static const char *word_at(const struct lines *l, size_t i)
{
    return i < l->words->count ? l->words->word[i].text : NULL;
}

static bool is_either(const char *word, const char *a, const char *b)
{
    return word && (strcmp(word, a) == 0 || strcmp(word, b) == 0);
}

/* What the rule jumps or goes to. */
static const char *target_of(const struct lines *l, size_t from)
{
    for (size_t i = from; i + 1 < l->words->count; i++) {
        const char *word = word_at(l, i);
        if (is_either(word, "-j", "--jump") || is_either(word, "-g", "--goto"))
            return word_at(l, i + 1);
    }
    return NULL;
}

/* The rest of the line from word i on. */
static char *rest_of(const struct lines *l, size_t i)
{
    if (i >= l->words->count)
        return strdup("");
    const char *from = l->row.text + l->words->word[i].column - 1;

    return strndup(from, (size_t)(l->row.text + l->row.size - from));
}

/* "-t TABLE", with which a line may begin. Words that are left begin with *first. */
static int take_table(struct lines *l, size_t *first)
{
    const char *table = word_at(l, *first + 1);

    if (!is_either(word_at(l, *first), "-t", "--table") || !table)
        return 0;
    int type = names_table(table, strlen(table));
    if (type == NAMES_NO_TABLE)
        return rules_fail_at(l->error, l->words->file, l->row.number, l->words->word[*first + 1].column,
                             "there is no table \"%s\"", table);
    if (!l->s->count || l->s->list[l->s->count - 1].table != type)
        sections_begin(l->s, type, l->row.number);
    *first += 2;
    return 0;
}

static int take_rule(struct lines *l, size_t first)
{
    const char *chain = word_at(l, first + 1);
    char *rest = rest_of(l, first + 2);

    if (!rest || !chain) {
        free(rest);
        return chain ? -ENOMEM : fail_line(l);
    }
    sections_rule(l->s, l->row.number, chain, rest, target_of(l, first + 2), NULL);
    free(rest);
    return 0;
}

static int take_command(struct lines *l, size_t first)
{
    const char *command = word_at(l, first), *chain = word_at(l, first + 1), *policy = word_at(l, first + 2);

    if (is_either(command, "-A", "--append"))
        return take_rule(l, first);
    if (is_either(command, "-P", "--policy") && chain && policy) {
        sections_chain(l->s, l->row.number, chain, policy);
        return 0;
    }
    if (is_either(command, "-N", "--new-chain") && chain) {
        sections_chain(l->s, l->row.number, chain, "-");
        return 0;
    }
    if (!command || command[0] != '-' || !command[1] || !strchr("IDRFXZE-", command[1]))
        return fail_line(l);
    char *rest = rest_of(l, first);
    if (!rest)
        return -ENOMEM;
    sections_command(l->s, l->row.number, rest);
    free(rest);
    return 0;
}

/* ":CHAIN POLICY [packets:bytes]" */
static int take_declaration(struct lines *l)
{
    const char *chain = word_at(l, 0), *policy = word_at(l, 1);

    if (!policy || !chain[1])
        return fail_line(l);
    sections_chain(l->s, l->row.number, chain + 1, policy);
    return 0;
}

static bool is_counters(const char *word)
{
    return word && word[0] == '[' && strchr(word, ':') && word[strlen(word) - 1] == ']';
}

static int take_words(struct lines *l)
{
    size_t first = is_counters(word_at(l, 0)) ? 1 : 0;

    if (l->row.text[0] == ':')
        return take_declaration(l);
    int rc = take_table(l, &first);
    return rc ? rc : take_command(l, first);
}

static void begin_table(struct lines *l, const char *name, size_t size)
{
    sections_begin(l->s, names_table(name, size), l->row.number);
}

static int take_line(struct lines *l)
{
    struct prompt prompt;

    if (l->row.size && l->row.text[0] != '-' && row_is_prompt(&l->row, &prompt)) {
        begin_table(l, prompt.table ? prompt.table : "filter",
                    prompt.table ? prompt.table_size : strlen("filter"));
        return 0;
    }
    if (!l->row.size || l->row.text[0] == '#' || word_is(l->row.text, l->row.size, "COMMIT"))
        return 0;
    if (l->row.text[0] == '*') {
        begin_table(l, l->row.text + 1, l->row.size - 1);
        return 0;
    }
    l->words->line = l->row.number;
    int rc = words_split(l->words, l->row.text, l->row.size, 1, l->error);
    return rc ? rc : take_words(l);
}

int lines_read(const char *text, size_t size, const char *name, uint8_t family, struct sections *s,
               struct rules_error *error)
{
    struct lines l = {.s = s, .error = error, .words = malloc(sizeof(*l.words))};
    int rc = l.words ? 0 : -ENOMEM;

    (void)family;
    if (rc == 0)
        l.words->file = name;
    rows_begin(&l.row, text, size);
    while (rc == 0 && rows_next(&l.row))
        rc = take_line(&l);
    free(l.words);
    return rc ? rc : s->failed ? -ENOMEM : 0;
}
