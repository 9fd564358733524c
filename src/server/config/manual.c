/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints sallyd.conf(5), mdoc(7), from doc/man/sallyd.conf.5.in and the table of options. A part of the
 * build, not of the server.
 */
#include "server/config/option_table.h"

#include <stdio.h>
#include <string.h>

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || byte == '_' || (byte >= '0' && byte <= '9');
}

/* Only names with a '_' are sure to be meant as such: "listen" is also a word. */
static bool is_option_name(const char *word, size_t len)
{
    return memchr(word, '_', len) && option_find(word, len);
}

/* Where the output stands: mdoc wants short lines, a new one for each sentence, and none that begins like a
 * request. */
struct column {
    size_t at;
};

enum { COLUMN_FULL = 56 };

static void column_break(struct column *column)
{
    putchar('\n');
    column->at = 0;
}

static void column_byte(struct column *column, char byte)
{
    if (byte == ' ' && column->at >= COLUMN_FULL) {
        column_break(column);
        return;
    }
    if (column->at == 0 && (byte == '.' || byte == '\''))
        printf("\\&");
    if (byte == '\\')
        printf("\\e");
    else
        putchar(byte);
    column->at++;
}

static void column_word(struct column *column, const char *word, size_t len)
{
    /* \% keeps a name in one piece, where it would be hyphenated at the end of a line. */
    bool name = is_option_name(word, len);
    printf(name ? "\\%%\\fB%.*s\\fP" : "%.*s", (int)len, word);
    column->at += len + (name ? strlen("\\%\\fB\\fP") : 0);
}

/* Text as lines of mdoc, names of options in bold. */
static void text_print(const char *text)
{
    struct column column = {.at = 0};
    while (*text) {
        size_t word = 0;
        while (is_name_byte(text[word]))
            word++;
        if (word > 0) {
            column_word(&column, text, word);
            text += word;
        } else if (strncmp(text, ". ", 2) == 0) {
            putchar('.');
            column_break(&column);
            text += 2;
        } else {
            column_byte(&column, *text++);
        }
    }
    column_break(&column);
}

static void default_print(const struct option *o)
{
    char shown[OPTION_SHOWN_MAX];
    switch (o->type) {
    case OPTION_BOOL:
        printf("Default: %s.\n", o->value.boolean ? "YES" : "NO");
        return;
    case OPTION_NUMBER:
        printf("Default: %s", option_show_number(o, o->value.number, shown));
        printf("; %s.\n", option_show_range(o, shown));
        return;
    case OPTION_STRING:
        break;
    }
    if (o->value.string)
        printf("Default:\n.Ql %s ;\n%s.\n", o->value.string, option_show_range(o, shown));
    else
        printf("Default: not set; %s.\n", option_show_range(o, shown));
}

static void option_print(const struct option *o)
{
    printf(".It Cm %s\n", o->name);
    text_print(o->text);
    if (o->why) {
        printf("Accepted, but changes nothing:\n");
        text_print(o->why);
    }
    printf(".Pp\n");
    default_print(o);
    if (o->scope == SESSION)
        printf("For single users, too.\n");
}

static void options_print(void)
{
    const struct option *o = option_table;
    for (size_t section = 0; section < option_section_count; section++) {
        printf(".Ss %s\n.Bl -tag -width Ds\n", option_sections[section].title);
        for (size_t i = 0; i < option_sections[section].count; i++)
            option_print(o++);
        printf(".El\n");
    }
}

int main(int argc, char **argv)
{
    FILE *template = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!template) {
        fprintf(stderr, "usage: %s TEMPLATE, an mdoc file with a line @OPTIONS@\n", argv[0]);
        return 2;
    }
    char line[1024];
    while (fgets(line, sizeof(line), template)) {
        if (strcmp(line, "@OPTIONS@\n") == 0)
            options_print();
        else
            fputs(line, stdout);
    }
    bool failed = ferror(template);
    fclose(template);
    return failed || fflush(stdout) != 0 || ferror(stdout);
}
