/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints sallywall(8), mdoc(7), from doc/man/sallywall.8.in and the tables of what the kernel program carries out and of
 * what the engine only keeps. A part of the build, not of sallywall.
 */
#include "kernel/able_rows.h"

#include <stdio.h>
#include <string.h>

#include "rules/ext/extension.h"
#include "verdict/match/headers.h"

enum { LINE = 1024, COLUMN_FULL = 56 };

/* Words on short lines, as mdoc wants them. A sentence begins a line of its own. */
static void put_words(const char *text)
{
    size_t column = 0;

    for (const char *at = text; *at; at++) {
        if (*at == ' ' && column >= COLUMN_FULL && at[1] != '.' && at[1] != '\'') {
            putchar('\n');
            column = 0;
        } else if (*at == '\\') {
            fputs("\\e", stdout);
            column += 2;
        } else {
            putchar(*at);
            column++;
        }
    }
}

static void put_sentence(const char *clause)
{
    char first = clause[0] >= 'a' && clause[0] <= 'z' ? (char)(clause[0] - 'a' + 'A') : clause[0];

    putchar(first);
    put_words(clause + 1);
    puts(".");
}

/* What is done less of than the rule says is told, and what is not done is refused. */
static void put_exception(const struct able_exception *e)
{
    fputs(e->less ? "Told: " : "Refused: ", stdout);
    if (e->option) {
        put_words(e->option);
        fputs(", since\n", stdout);
    }
    put_words(e->why ? e->why : "what is not known can't be carried out");
    puts(".");
}

static bool is_plain(const struct able_row *row)
{
    return row->how && !row->exceptions[0].remedy;
}

/* Rows that say the same are one item, at the first one's place. */
static bool is_told_already(const struct able_row *rows, unsigned type)
{
    for (unsigned i = 0; i < type; i++)
        if (is_plain(&rows[i]) && is_plain(&rows[type]) && strcmp(rows[i].how, rows[type].how) == 0)
            return true;
    return false;
}

static void put_rows(const char *flag, const struct able_row *rows, unsigned count,
                     const char *(*name)(unsigned type))
{
    for (unsigned type = 0; type < count; type++) {
        if (is_told_already(rows, type))
            continue;
        printf(".It Fl %s Cm %s", flag, name(type));
        for (unsigned i = type + 1; i < count && is_plain(&rows[type]); i++)
            if (is_plain(&rows[i]) && strcmp(rows[i].how, rows[type].how) == 0)
                printf(" , %s", name(i));
        putchar('\n');
        if (rows[type].how)
            put_sentence(rows[type].how);
        for (unsigned i = 0; i < ABLE_EXCEPTIONS && rows[type].exceptions[i].remedy; i++)
            put_exception(&rows[type].exceptions[i]);
    }
}

static void put_table(const char *name, enum rules_table_type table)
{
    const struct able_exception *e = able_table(table);

    printf(".It Fl t Cm %s\n", name);
    put_sentence(e ? e->why : "carried out");
    if (e)
        puts("Rules in it, and policies other than ACCEPT, are refused.");
}

static const char *match_name(unsigned type)
{
    if (type == RULES_MATCH_OPAQUE)
        return "any other";
    return rules_match_row((uint8_t)type)->name;
}

static const char *target_name(unsigned type)
{
    const char *word = able_target_word((uint8_t)type);

    if (type == RULES_TARGET_OPAQUE)
        return "any other";
    return word ? word : rules_target_row((uint8_t)type)->name;
}

static void put_list(void)
{
    puts(".Bl -tag -width Ds");
    for (unsigned t = 0; t < RULES_TABLES; t++)
        put_table(rules_table_name((enum rules_table_type)t), (enum rules_table_type)t);
    put_rows("m", able_matches, RULES_MATCH_TYPES, match_name);
    put_rows("j", able_targets, RULES_TARGET_TYPES, target_name);
    puts(".El");
}

/* ---- what is kept, and not evaluated ---- */

/* What those of a group are to rules that hang on them. */
struct kept_group {
    bool (*has)(const struct rules_opaque_name *row);
    const char *how;
};

static bool asks_for_header(const struct rules_opaque_name *row)
{
    return headers_is_asked_by(row->name);
}

static bool is_any(const struct rules_opaque_name *row)
{
    (void)row;
    return true;
}

static bool decides(const struct rules_opaque_name *row)
{
    return row->decides;
}

static bool changes_mark(const struct rules_opaque_name *row)
{
    return row->changes & RULES_CHANGES_MARK;
}

static bool changes_tcp(const struct rules_opaque_name *row)
{
    return row->changes & RULES_CHANGES_TCP;
}

static const struct kept_group kept_matches[] = {
    {asks_for_header, "evaluated of IPv6 packets without that header; else unknown"},
    {is_any, "unknown"},
    {NULL, NULL},
};
static const struct kept_group kept_targets[] = {
    {decides, "what becomes of the packet, or where it goes, is unknown"},
    {changes_mark, "unknown is which mark it leaves"},
    {changes_tcp, "unknown is what it leaves of the TCP header or the TOS field"},
    {is_any, "the packet goes on as it is; what else is done is not looked at"},
    {NULL, NULL},
};

/* The first group that has a row is its own. */
static unsigned group_of(const struct kept_group *groups, const struct rules_opaque_name *row)
{
    unsigned at = 0;

    while (!groups[at].has(row))
        at++;
    return at;
}

static void put_kept(const char *flag, const struct kept_group *groups, const struct rules_opaque_name *rows)
{
    for (unsigned g = 0; groups[g].has; g++) {
        const char *before = "";

        printf(".It Fl %s Cm", flag);
        for (const struct rules_opaque_name *row = rows; row->name; row++) {
            if (group_of(groups, row) != g)
                continue;
            printf("%s %s", before, row->name);
            before = " ,";
        }
        putchar('\n');
        put_sentence(groups[g].how);
    }
}

static void put_kept_list(void)
{
    puts(".Bl -tag -width Ds -compact");
    put_kept("m", kept_matches, rules_opaque_matches);
    put_kept("j", kept_targets, rules_opaque_targets);
    puts(".El");
}

int main(int argc, char **argv)
{
    FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
    char line[LINE];

    if (!in) {
        fprintf(stderr, "usage: sallywall-manual doc/man/sallywall.8.in\n");
        return 2;
    }
    while (fgets(line, sizeof line, in)) {
        if (strcmp(line, "@ABLE@\n") == 0)
            put_list();
        else if (strcmp(line, "@KEPT@\n") == 0)
            put_kept_list();
        else
            fputs(line, stdout);
    }
    return ferror(in) || fclose(in) || fflush(stdout) ? 1 : 0;
}
