/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "rules/build.h"
#include "rules/language/read.h"
#include "rules/language/read_line.h"
#include "rules/language/run.h"

/*
 * Reads a file line by line, as iptables-restore: comments and blank lines anywhere; "*TABLE" opens a table
 * and empties it; in it ":CHAIN POLICY [packets:bytes]" lines, and commands, with [packets:bytes] before them
 * if there are counters; COMMIT closes it.
 *
 * Comments are kept too. They come before what follows them: a rule, or the table; after the last table they
 * end the file.
 *
 * With a struct rules_restore the file is carried out on rules that stand, as iptables-restore does: no comments are
 * kept, and built-in chains that the file does not have keep their policies.
 */
enum place { OUTSIDE, IN_TABLE, IN_OTHER_TABLE };

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
    size_t settled;  /* comments whose place is final */
    uint32_t unread; /* 1 << enum rules_table_type: whose rules are only counted */

    const struct rules_restore *how; /* NULL: the file is all that there is */
    FILE *out;                       /* what commands in it print; NULL: they may not */
    bool changed;                    /* with how: something was said of a table */
    int status;                      /* that iptables-restore would exit with if it fails now */
};

struct row {
    const char *text;
    size_t size;   /* with its newline */
    size_t length; /* without */
};

#define fail(reader, column, ...)                                                                            \
    rules_fail_at((reader)->error, (reader)->name, (reader)->number, (uint32_t)(column), __VA_ARGS__)

/* ---- comments ---- */

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
    int rc = rules_comment_add(rd->r, rd->comment, rd->comment_size, before, serial);
    rd->comment = NULL;
    return rc;
}

/* What stands between two tables belongs before the second. */
static void settle_before_table(struct reader *rd)
{
    struct rules *r = rd->r;

    for (; rd->settled < r->comment_count; rd->settled++) {
        if (r->comments[rd->settled].before == RULES_TABLES)
            r->comments[rd->settled].before = (int8_t)rd->table;
    }
}

/* ---- tables ---- */

static int fail_table(struct reader *rd, const char *name)
{
    const char *names[RULES_TABLES];
    char near[64];

    for (unsigned i = 0; i < RULES_TABLES; i++)
        names[i] = rules_table_name((enum rules_table_type)i);
    return fail(rd, 2, "there is no table \"%s\"; expected filter, raw, nat, mangle or security%s", name,
                rules_suggest(name, names, RULES_TABLES, near, sizeof(near)));
}

/* Until the file has them, too. */
static void undeclare_builtins(struct rules_table *t)
{
    for (size_t i = 0; i < t->count && t->chains[i]->policy != RULES_POLICY_NONE; i++)
        t->chains[i]->undeclared = true;
}

/* Of a table that is read anew. */
static void drop_comments(struct rules *r, enum rules_table_type table)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->comment_count; i++) {
        if (r->comments[i].before == (int8_t)table)
            free(r->comments[i].text);
        else
            r->comments[kept++] = r->comments[i];
    }
    r->comment_count = kept;
}

/* The file's table begins where one stands already. */
static void begin_standing(struct reader *rd)
{
    rd->changed = true;
    if (rd->how->keeps)
        return;
    drop_comments(rd->r, rd->table);
    rules_table_clear(&rd->r->tables[rd->table]);
}

static void begin_anew(struct reader *rd, bool given_twice)
{
    rules_table_clear(&rd->r->tables[rd->table]); /* given twice: the second takes the place of the first */
    if (!given_twice)
        undeclare_builtins(&rd->r->tables[rd->table]);
}

/* What the file says of it is not for these rules. */
static bool is_other_table(const struct rules_restore *how, enum rules_table_type table, const char *name)
{
    return how && ((how->table && strcmp(how->table, name) != 0) || !(how->tables & 1U << table));
}

static int begin_table(struct reader *rd)
{
    bool was_there = rd->r->tables[rd->table].present;
    int rc = rules_table_make(rd->r, rd->table);

    if (rc)
        return rc;
    if (rd->how)
        begin_standing(rd);
    else
        begin_anew(rd, was_there);
    rd->place = IN_TABLE;
    rc = settle_comment(rd, 0);
    settle_before_table(rd);
    return rc;
}

enum { TABLE_NAME = 64 };

static void read_table_name(const struct row *row, char ret[TABLE_NAME])
{
    size_t size = 0;

    while (1 + size < row->length && size < TABLE_NAME - 1 && !isspace((unsigned char)row->text[1 + size]))
        size++;
    memcpy(ret, row->text + 1, size);
    ret[size] = '\0';
}

static int open_table(struct reader *rd, const struct row *row)
{
    char name[TABLE_NAME];

    read_table_name(row, name);
    if (!rules_table_find(name, &rd->table))
        return fail_table(rd, name);
    rd->table_line = rd->number;
    if (!is_other_table(rd->how, rd->table, name))
        return begin_table(rd);
    rd->place = IN_OTHER_TABLE;
    return 0;
}

static int close_table(struct reader *rd)
{
    int rc = rules_table_check(&rd->r->tables[rd->table], rd->table, rd->name, rd->error);

    rd->status = rc ? 1 : rd->status;
    rd->place = OUTSIDE;
    rd->settled = rd->r->comment_count;
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
    rd->status = 1;
    if (!builtin)
        return fail(rd, policy->column,
                    "the chain %s is a user's and has no policy; found \"%s\", expected -", chain->name,
                    policy->text);
    if (strcmp(policy->text, "ACCEPT") != 0 && strcmp(policy->text, "DROP") != 0)
        return fail(rd, policy->column, "\"%s\" is not a policy; expected ACCEPT or DROP", policy->text);
    chain->policy = policy->text[0] == 'A' ? RULES_POLICY_ACCEPT : RULES_POLICY_DROP;
    rd->status = 2;
    return 0;
}

/* Declared where it stands already. */
static int begin_chain_again(struct reader *rd, struct rules_chain *chain)
{
    if (!rd->how || !rd->how->keeps)
        return fail(rd, 2, "the chain %s is declared twice", chain->name);
    rules_chain_flush(chain);
    return 0;
}

static int make_chain(struct reader *rd, const char *name, struct rules_chain **ret)
{
    struct rules_table *t = &rd->r->tables[rd->table];
    struct rules_chain *chain = rules_table_chain(t, name);

    if (chain) {
        chain->undeclared = false;
        *ret = chain;
        return chain->policy != RULES_POLICY_NONE ? 0 : begin_chain_again(rd, chain);
    }
    if (name[0] == '\0' || strpbrk(name, " \t\n\v\f\r\""))
        return fail(rd, 2, "the chain name \"%s\" is empty or holds blanks or quotes", name);
    if (strlen(name) > 28) /* XT_EXTENSION_MAXNAMELEN less the NUL */
        return fail(rd, 2, "the chain name \"%s\" is longer than 28 bytes", name);
    if (rules_is_verdict(name))
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
    if (chain->policy != RULES_POLICY_NONE && strcmp(w->word[1].text, "-") != 0)
        chain->counters = rd->how && !rd->how->counts ? (struct rules_counters){0} : counters;
    return 0;
}

/* ---- rules ---- */

/* A line with -4 or -6 for the other family is skipped by iptables-restore; in a file it becomes a comment. */
static int keep_other_family(struct reader *rd, const struct row *row)
{
    char *text = rd->how ? NULL : malloc(row->length + 3);

    if (rd->how)
        return 0;
    if (!text)
        return -ENOMEM;
    memcpy(text, "# ", 2);
    memcpy(text + 2, row->text, row->length);
    text[2 + row->length] = '\n';
    int rc = settle_comment(rd, rd->r->next_serial);
    if (rc == 0)
        rc = rules_comment_add(rd->r, text, row->length + 3, (int)rd->table, rd->r->next_serial);
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
        if (!(line.flags & LINE_COUNTERS) && !(rd->how && !rd->how->counts)) {
            line.counters = *counters;
            line.rule.counters = *counters;
        }
        rc = line_run(rd->r, &line, w, false, rd->out, &changed, &rd->status, rd->error);
        if (rc == 0)
            rc = settle_comment(rd, rd->r->next_serial != serial ? serial : 0);
    }
    line_fini(&line);
    return rc;
}

/* "-A CHAIN ..." */
static int count_rule(struct reader *rd, const struct row *row)
{
    static const char begin[] = {'-', 'A', ' '};
    struct rules_chain *chain = NULL;
    char name[RULES_NAME] = "";

    for (size_t i = sizeof(begin);
         i < row->length && row->text[i] != ' ' && i - sizeof(begin) < RULES_NAME - 1; i++)
        name[i - sizeof(begin)] = row->text[i];
    if (row->length > sizeof(begin) && memcmp(row->text, begin, sizeof(begin)) == 0)
        chain = rules_table_chain(&rd->r->tables[rd->table], name);
    if (!chain)
        return fail(rd, 1, "expected a rule of a chain of the table %s", rules_table_name(rd->table));
    chain->unread++;
    return settle_comment(rd, rd->r->next_serial); /* to go with the table */
}

static int read_command(struct reader *rd, const struct row *row)
{
    struct rules_counters counters = {0};
    size_t skip = 0;

    if (rd->unread & 1U << rd->table)
        return count_rule(rd, row);
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

    rd->status = 1;
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

/* A comment or nothing, which may be anywhere. */
static void pass_comment(struct reader *rd, const struct row *row)
{
    if (!rd->how)
        hold_comment(rd, row);
    else if (rd->how->tells && row->text[0] == '#')
        fprintf(rd->out, "%.*s\n", (int)row->length, row->text);
}

/* Of a table that is asked for but is not ours only what does nothing is taken. */
static int pass_other_table(struct reader *rd, const struct row *row)
{
    const char *table = rules_table_name(rd->table);
    bool is_empty_chain = row->text[0] == ':' && !memmem(row->text, row->length, " DROP", 5);

    if (row->length == 6 && memcmp(row->text, "COMMIT", 6) == 0)
        rd->place = OUTSIDE;
    else if (!(rd->how->table && strcmp(rd->how->table, table) != 0) && !is_empty_chain)
        return fail(rd, 1, "the table %s %s", table, rd->how->why_not);
    return 0;
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
    rd->status = 2;
    if (is_blank(row) || row->text[0] == '#') {
        pass_comment(rd, row);
        return 0;
    }
    if (rd->place == OUTSIDE)
        return row->text[0] == '*' ? open_table(rd, row) : fail_outside(rd, row);
    if (row->text[0] == '*')
        return fail(rd, 1,
                    "found the beginning of a table, expected COMMIT of the table %s (line %" PRIu32 ")",
                    rules_table_name(rd->table), rd->table_line);
    if (rd->place == IN_OTHER_TABLE)
        return pass_other_table(rd, row);
    if (row->length == 6 && memcmp(row->text, "COMMIT", 6) == 0)
        return close_table(rd);
    return row->text[0] == ':' ? read_chain(rd, row) : read_command(rd, row);
}

/* The next line; false: there is none. */
static bool next_row(const char **at, const char *end, struct row *ret)
{
    if (*at == end)
        return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    size_t length = (size_t)((newline ? newline : end) - *at);

    *ret = (struct row){.text = *at, .length = length, .size = length + (newline != NULL)};
    *at += ret->size;
    return true;
}

static int read_text(struct reader *rd, const char *text, size_t size)
{
    const char *end = text + size;
    struct row row;

    while (next_row(&text, end, &row)) {
        rd->number++;
        int rc = read_row(rd, &row);
        if (rc)
            return rc;
    }
    rd->status = 1;
    if (rd->place != OUTSIDE)
        return fail(rd, 1, "the file ends, expected COMMIT of the table %s (line %" PRIu32 ")",
                    rules_table_name(rd->table), rd->table_line);
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

static int read_file(struct reader *rd, const char *text, size_t size)
{
    int rc = -ENOMEM;

    rd->words = malloc(sizeof(*rd->words));
    if (rd->r && rd->words) {
        rd->words->file = rd->name;
        rc = size ? read_text(rd, text, size) : 0;
    }
    free(rd->words);
    return rc;
}

int rules_read(const char *text, size_t size, const char *name, uint8_t family, struct rules **ret,
               struct rules_error *error)
{
    return rules_read_but(0, text, size, name, family, ret, error);
}

int rules_read_but(uint32_t tables, const char *text, size_t size, const char *name, uint8_t family,
                   struct rules **ret, struct rules_error *error)
{
    struct reader rd = {.error = error, .name = name, .unread = tables};
    int rc = size ? check_bytes(&rd, text, size) : 0;

    if (rc)
        return rc;
    if (!family)
        family = rules_text_family(text, size);
    rd.r = rules_new((enum packet_family)(family ? family : PACKET_IPV4));
    rc = read_file(&rd, text, size);
    if (rc)
        rules_free(&rd.r);
    else
        *ret = rd.r;
    return rc;
}

int read_onto(struct rules *r, const struct read_source *source, const struct rules_restore *how, FILE *out,
              struct rules_outcome *ret, struct rules_error *error)
{
    struct reader rd = {.r = r, .error = error, .name = source->name, .how = how, .out = out, .status = 1};
    int rc = source->size ? check_bytes(&rd, source->text, source->size) : 0;

    if (rc == 0)
        rc = read_file(&rd, source->text, source->size);
    ret->changed = rd.changed;
    ret->status = rc ? rd.status : 0;
    return rc;
}

uint32_t rules_restore_anew(const char *text, size_t size, const struct rules_restore *how)
{
    const char *end = text + size;
    enum rules_table_type table;
    char name[TABLE_NAME];
    uint32_t ret = 0;
    struct row row;

    while (!how->keeps && next_row(&text, end, &row)) {
        if (row.text[0] != '*')
            continue;
        read_table_name(&row, name);
        if (rules_table_find(name, &table) && !is_other_table(how, table, name))
            ret |= 1U << table;
    }
    return ret;
}
