/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "rules/build.h"
#include "rules/language/read_line.h"
#include "rules/language/run.h"

/*
 * Reads a file line by line, as iptables-restore: comments and blank lines anywhere; "*TABLE" opens a table
 * and empties it; in it ":CHAIN POLICY [packets:bytes]" lines, and commands, with [packets:bytes] before them
 * if there are counters; COMMIT closes it. Tables that are not evaluated are kept as text.
 *
 * Comments are kept too. They come before what follows them: a rule, or the table; after the last table they
 * end the file.
 */
enum place { OUTSIDE, IN_TABLE, IN_KEPT };

struct reader {
    struct rules *r;
    struct rules_words *words;
    struct rules_error *error;
    const char *name;
    enum place place;
    enum rules_table_type table; /* IN_TABLE */
    uint32_t number;             /* of the line, 1... */
    uint32_t table_line;         /* where the open table begins */
    const char *comment;         /* text of comments that wait for what they stand before, or NULL */
    size_t comment_size;
    const char *kept; /* IN_KEPT: its beginning */
    char kept_name[16];
    uint32_t kept_rules;
    size_t settled; /* verbatim texts whose place is final */
};

struct row {
    const char *text;
    size_t size;   /* with its newline */
    size_t length; /* without */
};

static const char *const kept_tables[] = {"nat", "mangle", "security"};

enum {
    KEPT_TABLES = sizeof(kept_tables) / sizeof(kept_tables[0]),
};

#define fail(reader, column, ...)                                                                            \
    rules_fail_at((reader)->error, (reader)->name, (reader)->number, (uint32_t)(column), __VA_ARGS__)

/* ---- comments and kept tables ---- */

static void hold_comment(struct reader *rd, const struct row *row)
{
    if (!rd->comment) {
        rd->comment = row->text;
        rd->comment_size = 0;
    }
    rd->comment_size += row->size;
}

/* Adds the waiting comments: before the rule of that serial, or (0) before the open table or the end. */
static int settle_comment(struct reader *rd, uint32_t serial)
{
    int before = rd->place == IN_TABLE ? (int)rd->table : RULES_TABLES;

    if (!rd->comment)
        return 0;
    int rc = rules_verbatim_add(rd->r, rd->comment, rd->comment_size, "", 0, before, serial);
    rd->comment = NULL;
    return rc;
}

/* What stands between two tables belongs before the second. */
static void settle_before_table(struct reader *rd)
{
    struct rules *r = rd->r;

    for (; rd->settled < r->verbatim_count; rd->settled++) {
        if (r->verbatim[rd->settled].before == RULES_TABLES)
            r->verbatim[rd->settled].before = (int8_t)rd->table;
    }
}

static int read_kept(struct reader *rd, const struct row *row)
{
    const char *rule = row->text, *end = row->text + row->length;

    if (row->length == 6 && memcmp(row->text, "COMMIT", 6) == 0) {
        rd->place = OUTSIDE;
        return rules_verbatim_add(rd->r, rd->kept, (size_t)(row->text + row->size - rd->kept), rd->kept_name,
                                  rd->kept_rules, RULES_TABLES, 0);
    }
    if (row->length && row->text[0] == '*')
        return fail(rd, 1,
                    "found the beginning of a table, expected COMMIT of the table %s (line %" PRIu32 ")",
                    rd->kept_name, rd->table_line);
    if (row->length && rule[0] == '[') {
        const char *bracket = memchr(rule, ']', row->length);
        for (rule = bracket ? bracket + 1 : rule; rule < end && *rule == ' '; rule++)
            ;
    }
    rd->kept_rules += end - rule > 3 && (memcmp(rule, "-A ", 3) == 0 || memcmp(rule, "-I ", 3) == 0);
    return 0;
}

/* ---- tables ---- */

static int fail_table(struct reader *rd, const char *name)
{
    const char *names[RULES_TABLES + KEPT_TABLES];
    char near[64];

    for (unsigned i = 0; i < RULES_TABLES; i++)
        names[i] = rules_table_name((enum rules_table_type)i);
    for (unsigned i = 0; i < KEPT_TABLES; i++)
        names[RULES_TABLES + i] = kept_tables[i];
    return fail(rd, 2, "there is no table \"%s\"; expected filter, raw, nat, mangle or security%s", name,
                rules_suggest(name, names, RULES_TABLES + KEPT_TABLES, near, sizeof(near)));
}

static int open_kept(struct reader *rd, const char *name, const struct row *row)
{
    for (unsigned i = 0; i < KEPT_TABLES; i++) {
        if (strcmp(name, kept_tables[i]) != 0)
            continue;
        int rc = settle_comment(rd, 0);
        rd->place = IN_KEPT;
        rd->kept = row->text;
        rd->kept_rules = 0;
        rd->table_line = rd->number;
        strcpy(rd->kept_name, kept_tables[i]);
        return rc;
    }
    return fail_table(rd, name);
}

static int open_table(struct reader *rd, const struct row *row)
{
    char name[64];
    size_t size = 0;

    while (1 + size < row->length && size < sizeof(name) - 1 && !isspace((unsigned char)row->text[1 + size]))
        size++;
    memcpy(name, row->text + 1, size);
    name[size] = '\0';
    if (!rules_table_find(name, &rd->table))
        return open_kept(rd, name, row);
    int rc = rules_table_make(rd->r, rd->table);
    if (rc)
        return rc;
    rules_table_clear(&rd->r->tables[rd->table]); /* given twice: the second takes the place of the first */
    rd->place = IN_TABLE;
    rd->table_line = rd->number;
    rc = settle_comment(rd, 0);
    settle_before_table(rd);
    return rc;
}

static int close_table(struct reader *rd)
{
    int rc = rules_table_check(&rd->r->tables[rd->table], rd->table, rd->name, rd->error);

    rd->place = OUTSIDE;
    rd->settled = rd->r->verbatim_count;
    return rc ? rc : settle_comment(rd, 0);
}

/* ---- chains ---- */

/* "[packets:bytes]", the whole of text up to end. */
static bool read_counters(const char *text, const char *end, struct rules_counters *ret)
{
    struct rules_counters c;
    char *stop;

    if (end - text < 5 || text[0] != '[' || !isdigit((unsigned char)text[1]))
        return false;
    errno = 0;
    c.packets = strtoull(text + 1, &stop, 10);
    if (*stop != ':' || !isdigit((unsigned char)stop[1]))
        return false;
    c.bytes = strtoull(stop + 1, &stop, 10);
    if (errno || *stop != ']' || stop + 1 != end)
        return false;
    *ret = c;
    return true;
}

static int read_policy(struct reader *rd, struct rules_chain *chain, const struct rules_word *policy)
{
    bool builtin = chain->policy != RULES_POLICY_NONE;

    if (strcmp(policy->text, "-") == 0)
        return 0;
    if (!builtin)
        return fail(rd, policy->column,
                    "the chain %s is a user's and has no policy; found \"%s\", expected -", chain->name,
                    policy->text);
    if (strcmp(policy->text, "ACCEPT") != 0 && strcmp(policy->text, "DROP") != 0)
        return fail(rd, policy->column, "\"%s\" is not a policy; expected ACCEPT or DROP", policy->text);
    chain->policy = policy->text[0] == 'A' ? RULES_POLICY_ACCEPT : RULES_POLICY_DROP;
    return 0;
}

static int make_chain(struct reader *rd, const char *name, struct rules_chain **ret)
{
    struct rules_table *t = &rd->r->tables[rd->table];
    struct rules_chain *chain = rules_table_chain(t, name);

    if (chain && chain->policy != RULES_POLICY_NONE) {
        *ret = chain;
        return 0;
    }
    if (chain)
        return fail(rd, 2, "the chain %s is declared twice", name);
    if (name[0] == '\0' || strpbrk(name, " \t\n\v\f\r\""))
        return fail(rd, 2, "the chain name \"%s\" is empty or holds blanks or quotes", name);
    if (strlen(name) > 28) /* XT_EXTENSION_MAXNAMELEN less the NUL */
        return fail(rd, 2, "the chain name \"%s\" is longer than 28 bytes", name);
    if (!strcmp(name, "ACCEPT") || !strcmp(name, "DROP") || !strcmp(name, "RETURN") || !strcmp(name, "QUEUE"))
        return fail(rd, 2, "a chain may not be called \"%s\", as a target is", name);
    if (t->count >= RULES_CHAINS_MAX)
        return fail(rd, 2, "more than %d chains in one table", RULES_CHAINS_MAX);
    return rules_chain_make(t, name, ret);
}

static int read_chain(struct reader *rd, const struct row *row)
{
    struct rules_words *w = rd->words;
    struct rules_chain *chain;

    w->line = rd->number;
    int rc = words_split(w, row->text + 1, row->length - 1, 2, rd->error);
    if (rc == 0)
        rc = settle_comment(rd, 0);
    if (rc)
        return rc;
    if (w->count < 2)
        return fail(rd, 1, "found %zu word%s, expected :CHAIN POLICY [packets:bytes]", w->count,
                    w->count == 1 ? "" : "s");
    rc = make_chain(rd, w->word[0].text, &chain);
    if (rc == 0)
        rc = read_policy(rd, chain, &w->word[1]);
    if (rc)
        return rc;
    struct rules_counters counters = {0};
    const char *text = w->count > 2 ? w->word[2].text : NULL;
    if (w->count > 3 || (text && !read_counters(text, text + strlen(text), &counters)))
        return fail(rd, w->word[2].column, "found \"%s\", expected [packets:bytes] and nothing behind it",
                    text);
    if (chain->policy != RULES_POLICY_NONE)
        chain->counters = counters;
    return 0;
}

/* ---- rules ---- */

/* A line with -4 or -6 for the other family is skipped by iptables-restore; here it becomes a comment. */
static int keep_other_family(struct reader *rd, const struct row *row)
{
    char *text = malloc(row->length + 3);

    if (!text)
        return -ENOMEM;
    memcpy(text, "# ", 2);
    memcpy(text + 2, row->text, row->length);
    text[2 + row->length] = '\n';
    int rc = settle_comment(rd, rd->r->next_serial);
    if (rc == 0)
        rc = rules_verbatim_add(rd->r, text, row->length + 3, "", 0, (int)rd->table, rd->r->next_serial);
    free(text);
    return rc;
}

static int read_line(struct reader *rd, const struct row *row, size_t skip,
                     const struct rules_counters *counters)
{
    struct rules_words *w = rd->words;
    uint32_t serial = rd->r->next_serial;
    struct line line;
    bool changed;
    int status;

    w->line = rd->number;
    int rc = words_split(w, row->text + skip, row->length - skip, (uint32_t)skip + 1, rd->error);
    if (rc)
        return rc;
    rc = line_read(rd->r, rd->table, w, &line, rd->error);
    if (rc)
        return rc;
    if (line.flags & LINE_OTHER_FAMILY) {
        rc = keep_other_family(rd, row);
    } else {
        if (!(line.flags & LINE_COUNTERS)) {
            line.counters = *counters;
            line.rule.counters = *counters;
        }
        rc = line_run(rd->r, &line, w, false, NULL, &changed, &status, rd->error);
        if (rc == 0)
            rc = settle_comment(rd, rd->r->next_serial != serial ? serial : 0);
    }
    line_fini(&line);
    return rc;
}

static int read_command(struct reader *rd, const struct row *row)
{
    struct rules_counters counters = {0};
    size_t skip = 0;

    if (row->text[0] == '[') {
        const char *bracket = memchr(row->text, ']', row->length);
        if (!bracket || !read_counters(row->text, bracket + 1, &counters))
            return fail(rd, 1, "expected [packets:bytes] before the rule");
        skip = (size_t)(bracket + 1 - row->text);
    }
    return read_line(rd, row, skip, &counters);
}

/* ---- lines ---- */

static bool is_blank(const struct row *row)
{
    for (size_t i = 0; i < row->length; i++) {
        if (row->text[i] != ' ' && row->text[i] != '\t')
            return false;
    }
    return true;
}

/* What people hand over instead, told by how it begins. */
static const struct {
    const char *begins, *is;
} other_texts[] = {
    {"iptables ", "a command of a shell script"},
    {"ip6tables ", "a command of a shell script"},
    {"Chain ", "a listing, as iptables -L prints it"},
    {"-P ", "what iptables -S prints"},
    {"table ", "what nft prints"},
};

static int fail_outside(struct reader *rd, const struct row *row)
{
    int size = row->length < 40 ? (int)row->length : 40;

    for (unsigned i = 0; i < sizeof(other_texts) / sizeof(other_texts[0]); i++) {
        size_t begins = strlen(other_texts[i].begins);
        if (row->length > begins && memcmp(row->text, other_texts[i].begins, begins) == 0)
            return fail(rd, 1,
                        "this looks like %s; expected what iptables-save prints, which begins with a table "
                        "like *filter",
                        other_texts[i].is);
    }
    return fail(rd, 1, "found \"%.*s\"%s, expected a comment or the beginning of a table, like *filter", size,
                row->text, (size_t)size < row->length ? "..." : "");
}

static int read_row(struct reader *rd, const struct row *row)
{
    if (row->length > RULES_LINE)
        return fail(rd, RULES_LINE, "the line is longer than %d bytes", RULES_LINE);
    if (row->length && row->text[row->length - 1] == '\r')
        return fail(
            rd, row->length,
            "the line ends with a carriage return, as in files from Windows; iptables-restore refuses "
            "it (remove them with dos2unix)");
    if (rd->place == IN_KEPT)
        return read_kept(rd, row);
    if (is_blank(row) || row->text[0] == '#') {
        hold_comment(rd, row);
        return 0;
    }
    if (rd->place == OUTSIDE)
        return row->text[0] == '*' ? open_table(rd, row) : fail_outside(rd, row);
    if (row->length == 6 && memcmp(row->text, "COMMIT", 6) == 0)
        return close_table(rd);
    if (row->text[0] == '*')
        return fail(rd, 1,
                    "found the beginning of a table, expected COMMIT of the table %s (line %" PRIu32 ")",
                    rules_table_name(rd->table), rd->table_line);
    return row->text[0] == ':' ? read_chain(rd, row) : read_command(rd, row);
}

static int read_text(struct reader *rd, const char *text, size_t size)
{
    const char *end = text + size;

    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        struct row row = {.text = at, .length = length, .size = length + (newline != NULL)};
        rd->number++;
        int rc = read_row(rd, &row);
        if (rc)
            return rc;
        at += row.size;
    }
    if (rd->place != OUTSIDE)
        return fail(rd, 1, "the file ends, expected COMMIT of the table %s (line %" PRIu32 ")",
                    rd->place == IN_KEPT ? rd->kept_name : rules_table_name(rd->table), rd->table_line);
    return settle_comment(rd, 0);
}

static int check_bytes(struct reader *rd, const char *text, size_t size)
{
    const char *nul = memchr(text, '\0', size);

    if (!nul)
        return 0;
    rd->number = 1;
    const char *line = text;
    for (const char *newline; (newline = memchr(line, '\n', (size_t)(nul - line))); line = newline + 1)
        rd->number++;
    return fail(rd, nul - line + 1, "there is a NUL byte; this is not an iptables-save file");
}

int rules_read(const char *text, size_t size, const char *name, uint8_t family, struct rules **ret,
               struct rules_error *error)
{
    struct reader rd = {.error = error, .name = name};
    int rc = size ? check_bytes(&rd, text, size) : 0;

    if (rc)
        return rc;
    if (!family)
        family = rules_text_family(text, size);
    rd.r = rules_new((enum packet_family)(family ? family : PACKET_IPV4));
    rd.words = malloc(sizeof(*rd.words));
    rc = -ENOMEM;
    if (rd.r && rd.words) {
        rd.words->file = name;
        rc = size ? read_text(&rd, text, size) : 0;
    }
    free(rd.words);
    if (rc)
        rules_free(&rd.r);
    else
        *ret = rd.r;
    return rc;
}
