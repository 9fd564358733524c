/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our side of tests/oracle/language.py: one rule set, asked and changed over standard input.
 *
 *     language 4|6
 *
 * A request is a line "WORD SIZE" and SIZE bytes; the answer a line "STATUS SIZE" and SIZE bytes.
 *
 *     new                      an empty rule set
 *     read   FILE              replaces the rule set; a message if it can't be read
 *     do     ARGUMENT\0...     a command; what it prints, or the message
 *     save   "" or "c"         with -c
 *     again  ""                0 if what is saved reads back as the same rule set
 *
 * STATUS is what iptables would exit with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

enum { WORDS_MOST = 1000 };

static struct rules *rules;
static enum packet_family family;

static void answer(int status, const char *text)
{
    printf("%d %zu\n%s", status, strlen(text), text);
    fflush(stdout);
}

static void answer_error(int status, const struct rules_error *error)
{
    char text[600];

    snprintf(text, sizeof text, "%u:%u: %s", error->line, error->column, error->message);
    answer(status, text);
}

static void do_new(void)
{
    rules_free(&rules);
    rules = rules_new(family);
    if (rules == NULL)
        abort();
    answer(0, "");
}

static void do_read(const char *text, size_t size)
{
    struct rules_error error = {0};
    struct rules *made;

    if (rules_read(text, size, "file", (uint8_t)family, &made, &error) < 0) {
        answer_error(1, &error);
        return;
    }
    rules_free(&rules);
    rules = made;
    answer(0, "");
}

static void do_command(const char *text, size_t size)
{
    struct rules_outcome outcome = {0};
    struct rules_error error = {0};
    const char *words[WORDS_MOST];
    int count = 0, r;

    for (const char *at = text; at < text + size && count < WORDS_MOST; at += strlen(at) + 1)
        words[count++] = at;
    r = rules_command(rules, count, words, &outcome, &error);
    if (r < 0)
        answer_error(2, &error);
    else if (outcome.status != 0)
        answer_error(outcome.status, &error);
    else
        answer(0, outcome.output ? outcome.output : "");
    if (r == 0)
        free(outcome.output);
}

static void do_save(const char *how)
{
    char *text = rules_save(rules, NULL, strcmp(how, "c") == 0 ? RULES_SAVE_COUNTERS : 0);

    if (text == NULL)
        abort();
    answer(0, text);
    free(text);
}

static void do_again(void)
{
    char *text = rules_save(rules, NULL, 0);
    struct rules_error error = {0};
    struct rules *again;

    if (text == NULL)
        abort();
    if (rules_read(text, strlen(text), "saved", (uint8_t)family, &again, &error) < 0) {
        answer_error(1, &error);
    } else {
        bool same = rules_equal(rules, again);

        answer(same ? 0 : 1, same ? "" : text);
        rules_free(&again);
    }
    free(text);
}

int main(int argc, char **argv)
{
    char line[64], word[16];
    size_t size;

    if (argc != 2)
        return 2;
    family = *argv[1] == '6' ? PACKET_IPV6 : PACKET_IPV4;
    rules = rules_new(family);
    while (rules != NULL && fgets(line, sizeof line, stdin) != NULL) {
        char *text;

        if (sscanf(line, "%15s %zu", word, &size) != 2 || (text = calloc(1, size + 1)) == NULL ||
            fread(text, 1, size, stdin) != size)
            return 2;
        if (strcmp(word, "new") == 0)
            do_new();
        else if (strcmp(word, "read") == 0)
            do_read(text, size);
        else if (strcmp(word, "do") == 0)
            do_command(text, size);
        else if (strcmp(word, "save") == 0)
            do_save(text);
        else if (strcmp(word, "again") == 0)
            do_again();
        else
            return 2;
        free(text);
    }
    rules_free(&rules);
    return 0;
}
