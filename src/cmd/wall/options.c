/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/options.h"

#include <string.h>

#include "base/nearest.h"

enum { OPTIONS_MOST = 48 };

static void print_help(const struct option_command *command)
{
    printf("usage: sallywall %s %s\n\n%s\n\n", command->name, command->usage, command->help);
    for (size_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        int width =
            printf("  %s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");

        printf("%*s%s\n", width < 30 ? 30 - width : 1, "", row->help);
    }
    printf("\nMore in sallywall(8).\n");
}

static const struct option_row *find_row(const struct option_command *command, const char *name,
                                         size_t length)
{
    for (size_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];

        if (strlen(row->name) == length && memcmp(row->name, name, length) == 0)
            return row;
    }
    return NULL;
}

static int refuse_unknown(const struct option_command *command, const char *word)
{
    const char *names[OPTIONS_MOST];
    size_t count = 0;

    for (; count < command->row_count && count < OPTIONS_MOST; count++)
        names[count] = command->rows[count].name;

    const char *near = nearest_name(word, names, count);
    fprintf(stderr, "sallywall %s: unknown option \"%s\"%s%s%s; see sallywall %s --help\n", command->name,
            word, near ? ": did you mean " : "", near ? near : "", near ? "?" : "", command->name);
    return -1;
}

/* One option at argv[*i]; moves *i on over its value. */
static int take_option(const struct option_command *command, int argc, char **argv, int *i, void *what)
{
    const char *word = argv[*i], *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    const struct option_row *row = find_row(command, word, equals ? (size_t)(equals - word) : strlen(word));
    const char *value = NULL, *why = "another value";

    if (!row)
        return refuse_unknown(command, word);
    if (row->argument) {
        value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
        if (!value) {
            fprintf(stderr, "sallywall %s: %s needs %s behind it\n", command->name, row->name, row->argument);
            return -1;
        }
    } else if (equals) {
        fprintf(stderr, "sallywall %s: %s takes no value\n", command->name, row->name);
        return -1;
    }
    if (row->take(what, value, &why))
        return 0;
    fprintf(stderr, "sallywall %s: %s %s: expected %s\n", command->name, row->name, value ? value : "", why);
    return -1;
}

int options_read(const struct option_command *command, int argc, char **argv, void *what, int *ret_operands)
{
    int operands = 0;
    bool only_operands = false;

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (only_operands || word[0] != '-' || strcmp(word, "-") == 0) {
            argv[++operands] = argv[i];
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(command);
            return 1;
        } else if (take_option(command, argc, argv, &i, what)) {
            return -1;
        }
    }
    if (operands < command->least || operands > command->most) {
        fprintf(stderr, "sallywall %s: %s\nusage: sallywall %s %s\n", command->name,
                operands < command->least ? "something is missing" : "too many words", command->name,
                command->usage);
        return -1;
    }
    *ret_operands = operands;
    return 0;
}
