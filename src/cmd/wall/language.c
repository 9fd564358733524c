/* SPDX-License-Identifier: BSD-2-Clause */
/* iptables, ip6tables, save, check: the iptables language on a file, without a kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/options.h"
#include "cmd/wall/source.h"
#include "host/snapshot.h"
#include "rules/forms/look.h"

/* --rules FILE, wherever it stands; the other words close up. NULL: not there. */
static const char *take_rules_file(int *argc, char **argv)
{
    const char *file = NULL;
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--rules") == 0 && i + 1 < *argc)
            file = argv[++i];
        else if (strncmp(argv[i], "--rules=", 8) == 0)
            file = argv[i] + 8;
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    argv[kept] = NULL;
    return file;
}

static bool says_counters(const char *text)
{
    for (; text; text = strchr(text, '\n')) {
        text += strspn(text, "\n");
        if (*text == '[')
            return true;
    }
    return false;
}

static bool has_counted(const struct rules *r)
{
    for (int type = 0; type < RULES_TABLES; type++) {
        const struct rules_table *table = &r->tables[type];

        for (size_t i = 0; i < table->count; i++) {
            for (size_t k = 0; k < table->chains[i]->count; k++) {
                const struct rules_counters *counters = &table->chains[i]->rules[k].counters;

                if (counters->packets || counters->bytes)
                    return true;
            }
        }
    }
    return false;
}

/* The file's rules; none yet if there is no such file. */
static int read_or_make(const char *file, uint8_t family, struct rules **ret, bool *ret_counters)
{
    char *name = NULL, *text = NULL;
    size_t size = 0;
    int r = strcmp(file, "-") == 0 ? 0 : files_read(file, &text, &size);

    *ret_counters = text && says_counters(text);
    bool is_snapshot = text && snapshot_is(text, size);
    free(text);
    if (r == -ENOENT) {
        *ret = rules_new(family);
        return *ret ? 0 : -1;
    }
    if (is_snapshot) { /* what is written back would be rules alone */
        fprintf(stderr,
                "sallywall: %s: a snapshot is not changed; take its rules: sallywall save %s -%c > FILE\n",
                file, file, family == PACKET_IPV6 ? '6' : '4');
        return -1;
    }
    r = source_read(file, SOURCE_SAVE, family, 0, ret, &name);
    free(name);
    return r;
}

/* counters: the file had them, so that a change of one rule does not touch every other line. */
static int store(const struct rules *r, const char *file, bool counters)
{
    char *text = rules_save(r, NULL, counters || has_counted(r) ? RULES_SAVE_COUNTERS : 0);
    int result = -ENOMEM;

    if (text && strcmp(file, "-") == 0)
        result = fputs(text, stdout) < 0 ? -EIO : 0;
    else if (text)
        result = files_replace(file, text, strlen(text));
    free(text);
    if (result)
        fprintf(stderr, "sallywall: %s: can't be written, and is as it was: %s\n", file, strerror(-result));
    return result;
}

/* Carries out argv[1...] on r. */
static int carry_out(struct rules *r, int argc, char **argv, const char *file, bool counters)
{
    struct rules_outcome outcome = {0};
    struct rules_error error = {0};
    int result = rules_command(r, argc - 1, (const char *const *)argv + 1, &outcome, &error);

    if (result) {
        fprintf(stderr, "%s: %s\n", argv[0], result == -EINVAL ? error.message : strerror(-result));
        return STATUS_TROUBLE;
    }
    if (outcome.status)
        fprintf(stderr, "%s: %s\n", argv[0], error.message);
    if (outcome.output)
        fputs(outcome.output, stdout);
    free(outcome.output);
    if (outcome.changed && store(r, file, counters))
        return STATUS_TROUBLE;
    return finish_output(outcome.status);
}

static void print_usage(FILE *out, const char *command)
{
    fprintf(out,
            "usage: sallywall %s [--rules FILE] COMMAND...\n"
            "Works on the wall that stands (sallywall up), or on FILE (of %s-save) and then on nothing else. "
            "COMMAND is as in %s(8).\n",
            command, command, command);
}

void print_iptables_version(const char *command)
{
    printf("%s v1.8.9 (sallywall %s)\n", command, SALLY_VERSION);
}

/* Questions about the program. */
static bool is_answered(int argc, char **argv)
{
    bool asks_help = strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0;
    bool asks_version = strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0;

    if (argc == 2 && asks_help)
        print_usage(stdout, argv[0]);
    else if (argc == 2 && asks_version)
        print_iptables_version(argv[0]);
    return argc == 2 && (asks_help || asks_version);
}

int iptables_command(int argc, char **argv)
{
    uint8_t family = strcmp(argv[0], "ip6tables") == 0 ? PACKET_IPV6 : PACKET_IPV4;
    const char *file = take_rules_file(&argc, argv);
    struct rules *r = NULL;
    bool counters;

    if (argc < 2) {
        print_usage(stderr, argv[0]);
        return STATUS_TROUBLE;
    }
    if (is_answered(argc, argv))
        return finish_output(0);
    if (!file)
        return live_iptables(argc, argv);
    int locked = strcmp(file, "-") == 0 ? 0 : files_lock(file);
    if (locked && locked != -ENOENT) {
        fprintf(stderr, "sallywall: %s: its directory can't be locked: %s\n", file, strerror(-locked));
        return STATUS_TROUBLE;
    }
    if (read_or_make(file, family, &r, &counters))
        return STATUS_TROUBLE;

    int status = STATUS_TROUBLE;
    if (r->family == family)
        status = carry_out(r, argc, argv, file, counters);
    else
        fprintf(stderr, "sallywall: %s holds rules of %s\n", file,
                r->family == PACKET_IPV6 ? "ip6tables" : "iptables");
    rules_free(&r);
    return status;
}

struct saving {
    bool counters;
    const char *table;
    uint8_t family;
};

static bool take_counters(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct saving *)what)->counters = true;
    return true;
}

static bool take_table(void *what, const char *value, const char **why)
{
    static const char *const tables[] = {"filter", "raw", "nat", "mangle", "security"};

    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        if (strcmp(value, tables[i]) == 0) {
            ((struct saving *)what)->table = tables[i];
            return true;
        }
    }
    *why = "filter, raw, nat, mangle or security";
    return false;
}

static bool take_ipv4(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct saving *)what)->family = PACKET_IPV4;
    return true;
}

static bool take_ipv6(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct saving *)what)->family = PACKET_IPV6;
    return true;
}

static const struct option_row saving_rows[] = {
    {"-4", NULL, "the rules are iptables'", take_ipv4},
    {"-6", NULL, "the rules are ip6tables'", take_ipv6},
    {"-c", NULL, "with counters", take_counters},
    {"-t", "TABLE", "only this one", take_table},
};

static const struct option_command save_options = {"save",
                                                   "RULES|- [OPTION...]",
                                                   "Reads a rule set and prints it as iptables-save would.",
                                                   saving_rows,
                                                   4,
                                                   1,
                                                   1};
static const struct option_command check_options = {
    "check",
    "RULES|- [OPTION...]",
    "Reads a rule set and says what it holds. Exit status: 0 it can be read, 2 it can't, and why.",
    saving_rows,
    2,
    1,
    1};

static int read_for(const struct option_command *command, int argc, char **argv, struct saving *what,
                    struct rules **ret, char **ret_name)
{
    int operands;
    int r = options_read(command, argc, argv, what, &operands);

    return r ? r : source_read(argv[1], SOURCE_SAVE, what->family, 0, ret, ret_name);
}

int save_command(int argc, char **argv)
{
    struct saving what = {0};
    struct rules *r = NULL;
    char *name = NULL;
    int result = read_for(&save_options, argc, argv, &what, &r, &name);

    if (result)
        return result > 0 ? 0 : STATUS_TROUBLE;
    char *text = rules_save(r, what.table, what.counters ? RULES_SAVE_COUNTERS : 0);
    if (text)
        fputs(text, stdout);
    int status = finish_output(text ? 0 : STATUS_TROUBLE);
    free(text);
    free(name);
    rules_free(&r);
    return status;
}

static void print_table(const struct rules *r, enum rules_table_type type)
{
    const struct rules_table *table = &r->tables[type];
    size_t rules = 0;

    for (size_t i = 0; i < table->count; i++)
        rules += table->chains[i]->count;
    if (table->present)
        printf("  %-10s %zu chains, %zu rules\n", rules_table_name(type), table->count, rules);
}

static int print_remarks(struct rules *r)
{
    struct form_notes notes = {0};
    int result = look_at_rules(r, &notes);

    if (!result)
        result = notes_give(&notes, r);
    notes_fini(&notes);
    for (size_t i = 0; i < r->remark_count && !result; i++)
        printf("  %s\n", r->remarks[i].text);
    return result;
}

int check_command(int argc, char **argv)
{
    struct saving what = {0};
    struct rules *r = NULL;
    char *name = NULL;
    int result = read_for(&check_options, argc, argv, &what, &r, &name);

    if (result)
        return result > 0 ? 0 : STATUS_TROUBLE;
    printf("%s: can be read; rules of %s\n", name, r->family == PACKET_IPV6 ? "ip6tables" : "iptables");
    for (int type = 0; type < RULES_TABLES; type++)
        print_table(r, (enum rules_table_type)type);
    int status = finish_output(print_remarks(r) ? STATUS_TROUBLE : 0);
    free(name);
    rules_free(&r);
    return status;
}
