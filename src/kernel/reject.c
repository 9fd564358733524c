/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/reject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/pins.h"
#include "rules/language/names.h"
#include "sys/run.h"

/* iptables of these two kinds stand beside each other, and the kernel runs the rules of both. */
static const char *const BACK_ENDS[] = {"nft", "legacy"};
enum { BACK_END_COUNT = 2, PROGRAM = 40 };

static const char *const HOOKS[] = {"INPUT", "FORWARD", "OUTPUT"};

/* ---- what is asked ---- */

bool reject_is_asked(const struct rules *r)
{
    const struct rules_table *filter = &r->tables[RULES_FILTER];

    for (size_t c = 0; c < filter->count; c++) {
        for (size_t i = 0; i < filter->chains[c]->count; i++) {
            if (filter->chains[c]->rules[i].target.type == RULES_TARGET_REJECT)
                return true;
        }
    }
    return false;
}

/* ---- a transaction ---- */

/* Rules that lead to our chain go, wherever somebody may have put them. Returns how many. */
static unsigned put_removals(FILE *out, const char *saved)
{
    unsigned count = 0;
    size_t size;

    for (const char *line = saved; *line; line += size + (line[size] == '\n')) {
        char text[1024];
        size = strcspn(line, "\n");
        snprintf(text, sizeof(text), "%.*s", (int)size, line);
        const char *jump = strstr(text, " -j " REJECT_CHAIN);
        if (strncmp(text, "-A ", 3) != 0 || !jump || jump[strlen(" -j " REJECT_CHAIN)])
            continue;
        fprintf(out, "-D %s\n", text + 3);
        count++;
    }
    return count;
}

#define COMMENT " -m comment --comment \"" REJECT_COMMENT "\""

/* Programs are asked about in our own chains only: a rule that asks one can't be deleted by what it says (iptables 1.8.9
 * of nf_tables: "does a matching rule exist?"). */
static void put_match(FILE *out, const char *name, const char *program)
{
    fprintf(out, " -m bpf --object-pinned " KERNEL_PINS "/%s/%s" COMMENT, name, program);
}

static void put_rules(FILE *out, enum packet_family family, const char *name)
{
    const char *with;

    for (uint8_t i = 0; (with = rules_reject_name((uint8_t)family, i)); i++) {
        char program[16];
        snprintf(program, sizeof(program), "noted%u", i);
        fprintf(out, "-A " REJECT_ANSWERS "%s", strcmp(with, "tcp-reset") == 0 ? " -p tcp" : "");
        put_match(out, name, program);
        fprintf(out, " -j REJECT --reject-with %s\n", with);
    }
    fputs("-A " REJECT_CHAIN, out);
    put_match(out, name, "noted");
    fputs(" -j " REJECT_ANSWERS "\n", out);
    for (size_t i = 0; i < sizeof(HOOKS) / sizeof(HOOKS[0]); i++)
        fprintf(out, "-I %s 1" COMMENT " -j " REJECT_CHAIN "\n", HOOKS[i]);
}

char *reject_transaction(const char *saved, enum packet_family family, const char *name)
{
    bool is_there = strstr(saved, ":" REJECT_CHAIN " ") != NULL;
    char *text = NULL;
    size_t size;
    FILE *out = is_there || name ? open_memstream(&text, &size) : NULL;

    if (!out)
        return NULL;
    fputs("*filter\n", out);
    if (name) /* makes it, or empties it */
        fputs(":" REJECT_CHAIN " - [0:0]\n:" REJECT_ANSWERS " - [0:0]\n", out);
    put_removals(out, saved);
    if (name)
        put_rules(out, family, name);
    else
        fputs("-F " REJECT_CHAIN "\n-F " REJECT_ANSWERS "\n-X " REJECT_CHAIN "\n-X " REJECT_ANSWERS "\n",
              out);
    fputs("COMMIT\n", out);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- iptables ---- */

static const char *base_name(enum packet_family family)
{
    return family == PACKET_IPV6 ? "ip6tables" : "iptables";
}

static int run(enum packet_family family, const char *back_end, const char *what, const char *const *words,
               const char *input, struct run_said *ret)
{
    char program[PROGRAM];
    int mounts = pins_mounts(), r;

    snprintf(program, sizeof(program), "%s-%s-%s", base_name(family), back_end, what);
    r = run_program(program, words, input, mounts, ret);
    if (mounts >= 0)
        close(mounts);
    return r;
}

/* Of all tables that there are: one that was asked for by name would be made. */
static int save(enum packet_family family, const char *back_end, struct run_said *ret)
{
    return run(family, back_end, "save", NULL, "", ret);
}

/* The last line of what it said. */
static void explain(struct kernel_error *error, const char *program, int r, const struct run_said *said)
{
    const char *why = said->errors ? said->errors : "", *newline;

    while ((newline = strchr(why, '\n')) && newline[1])
        why = newline + 1;
    if (r == -EPERM && why[0])
        kernel_refuse(error, KERNEL_LACKS, r, "%s: %.*s", program, (int)strcspn(why, "\n"), why);
    else
        kernel_refuse(error, KERNEL_LACKS, r, "%s: %s", program,
                      r == -ENOENT ? "there is no such program" : strerror(-r));
}

/* Adds our rules to those of one back end (name NULL: removes them). */
static int change(enum packet_family family, const char *back_end, const char *name,
                  struct kernel_error *error)
{
    static const char *const words[] = {"--noflush", "-w", "10", NULL};
    char program[PROGRAM];
    struct run_said saved = {0}, said = {0};
    char *text = NULL;
    int r = save(family, back_end, &saved);

    snprintf(program, sizeof(program), "%s-%s-restore", base_name(family), back_end);
    if (r == 0) {
        text = reject_transaction(saved.output, family, name);
        if (text)
            r = run(family, back_end, "restore", words, text, &said);
        else if (name)
            r = -ENOMEM;
    } else if (!name) {
        r = 0; /* this kernel or machine has none of these */
    }
    if (r)
        explain(error, program, r, said.errors ? &said : &saved);
    free(text);
    run_said_free(&saved);
    run_said_free(&said);
    return r;
}

static bool has_rules(enum packet_family family, const char *back_end)
{
    struct run_said said = {0};
    bool has = save(family, back_end, &said) == 0 && strstr(said.output, "\n-A ");

    run_said_free(&said);
    return has;
}

/* The one that iptables is on this machine. */
static unsigned usual_back_end(enum packet_family family)
{
    static const char *const words[] = {"--version", NULL};
    struct run_said said = {0};
    bool is_legacy =
        run_program(base_name(family), words, "", -1, &said) == 0 && strstr(said.output, "legacy");

    run_said_free(&said);
    return is_legacy;
}

int reject_put(const char *name, enum packet_family family, struct kernel_error *error)
{
    unsigned first = usual_back_end(family);
    struct kernel_error second;

    if (!has_rules(family, BACK_ENDS[first]) && has_rules(family, BACK_ENDS[!first]))
        first = !first;
    int r = change(family, BACK_ENDS[first], name, error);
    return r && change(family, BACK_ENDS[!first], name, &second) == 0 ? 0 : r;
}

int reject_take(enum packet_family family, struct kernel_error *error)
{
    int r = 0;

    for (unsigned i = 0; i < BACK_END_COUNT; i++) {
        struct kernel_error why;
        int one = change(family, BACK_ENDS[i], NULL, &why);
        if (one == 0 || one == -ENOENT)
            continue;
        *error = why;
        r = one;
    }
    return r;
}
