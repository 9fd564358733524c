/* SPDX-License-Identifier: BSD-2-Clause */
/* iptables and ip6tables on the wall that stands. */
#include "cmd/wall/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/guard.h"
#include "cmd/wall/loading.h"
#include "cmd/wall/running.h"
#include "sys/run.h"

const char live_no_table[] = "is not the wall's, which has filter and raw; it stays the kernel's, "
                             "where nft or iptables-legacy change it";

enum packet_family live_family(const char *command)
{
    return strncmp(command, "ip6", 3) == 0 ? PACKET_IPV6 : PACKET_IPV4;
}

static int tell(const char *command, const struct kernel_error *error, int r)
{
    fprintf(stderr, "%s: %s\n", command, error->text);
    if (error->refusal == KERNEL_FORBIDS || r == -ENOMEDIUM || r == -EBUSY)
        return LIVE_LOCKED;
    if (r == -EOPNOTSUPP) /* a rule that the wall does not carry out */
        return LIVE_OTHER;
    return r == -ENOENT || error->refusal == KERNEL_LACKS ? LIVE_VERSION : LIVE_OTHER;
}

/* Scripts look for iptables' own words. */
static int tell_locked(const char *command, const struct kernel_error *error, int seconds)
{
    fprintf(stderr, "%s: Another app is currently holding the xtables lock: %s. ", command, error->text);
    if (seconds)
        fprintf(stderr, "Stopped waiting after %ds.\n", seconds);
    else
        fputs("Perhaps you want to use the -w option?\n", stderr);
    return LIVE_LOCKED;
}

int live_open(const char *command, enum packet_family family, const struct rules_look *look, uint32_t but,
              struct live *ret)
{
    struct kernel_error error = {0};
    int seconds = look->waits ? look->seconds : 0, r;

    *ret = (struct live){.command = command};
    r = kernel_wall_open_to_change(seconds, &ret->wall, &error);
    if (r == -EAGAIN)
        return tell_locked(command, &error, seconds);
    if (r == 0)
        r = kernel_wall_rules_but(ret->wall, family, but, &ret->rules, &error);
    if (r)
        return tell(command, &error, r);
    ret->first_new = ret->rules->next_serial;
    return 0;
}

void live_close(struct live *live)
{
    rules_free(&live->rules);
    kernel_wall_close(&live->wall);
}

/* Of what is new, what the wall does less of than the rule says; and where the first stands that it does not do. */
static void hear_note(void *arg, const struct able_note *note)
{
    struct live *live = arg;
    const struct rules_rule *rule = note->number ? &note->chain->rules[note->number - 1] : NULL;

    if (!rule || rule->serial < live->first_new)
        return;
    if (!note->refused)
        able_note_print(stderr, note);
    else if (!live->refused_line)
        live->refused_line = rule->line;
}

static int give(struct live *live, bool only_tries)
{
    const struct rules *rules = live->rules;
    struct kernel_error error = {0};
    struct loading loading;

    if (loading_begin(&loading, live->command, rules, NULL))
        return LIVE_OTHER;
    if (!only_tries)
        guard_warn(rules->family == PACKET_IPV6 ? "ip6tables" : "iptables", rules, live->word_count,
                   live->words);
    loading.terms.tell = hear_note;
    loading.terms.arg = live;
    int r = only_tries ? kernel_wall_check(live->wall, rules, &loading.terms, &error)
                       : kernel_wall_replace(live->wall, rules, WALL_SAME_RULES, &loading.terms, &error);
    loading_end(&loading, &error);
    return r ? tell(live->command, &error, r) : 0;
}

int live_replace(struct live *live)
{
    return give(live, false);
}

int live_try(struct live *live)
{
    return give(live, true);
}

/* ---- a command line ---- */

static int carry_out(struct live *live, int argc, char **argv)
{
    struct rules_outcome outcome = {0};
    struct rules_error wrong = {0};
    int r;

    live->words = (const char *const *)argv + 1;
    live->word_count = argc - 1;
    r = rules_command(live->rules, live->word_count, live->words, &outcome, &wrong);
    int status = r == -EINVAL ? LIVE_USAGE : r ? LIVE_OTHER : outcome.status;

    if (status)
        fprintf(stderr, "%s: %s\n", live->command, r && r != -EINVAL ? strerror(-r) : wrong.message);
    if (status == 0 && outcome.changed)
        status = live_replace(live);
    if (status == 0 && outcome.output)
        fputs(outcome.output, stdout);
    free(outcome.output);
    return finish_output(status);
}

static int run_kernels(const char *command, const char *const *words, struct run_said *ret)
{
    char program[RUNNING_NAME];
    int r = -ENOENT;

    for (int i = 0; r == -ENOENT && i < RUNNING_NAMES; i++) {
        running_name(command, i, program);
        r = run_program(program, words, "", -1, ret);
    }
    return r;
}

static int refuse_table(const char *command, const char *table, const char *why)
{
    fprintf(stderr, "%s: the table %s %s%s\n", command, table, live_no_table, why);
    return LIVE_VERSION;
}

int live_list_kernels(const char *command, const char *table, const char *const *words)
{
    struct run_said said = {0};
    int r = run_kernels(command, words, &said);

    if (r && r != -EPERM)
        return refuse_table(command, table,
                            r == -ENOENT ? "; this machine has no iptables that shows it" : "");
    fprintf(stderr, "%s: the table %s is the kernel's, and not the wall's: this is what its own %s says\n",
            command, table, command);
    fputs(said.errors, stderr);
    fputs(said.output, stdout);
    r = said.status;
    run_said_free(&said);
    return finish_output(r);
}

int live_iptables(int argc, char **argv)
{
    enum packet_family family = live_family(argv[0]);
    struct rules_look look;
    struct live live;

    rules_command_look(family, argc - 1, (const char *const *)argv + 1, &look);
    if (!(LIVE_TABLES & 1U << look.table)) {
        const char *table = rules_table_name(look.table);
        return look.lists ? live_list_kernels(argv[0], table, (const char *const *)argv + 1)
                          : refuse_table(argv[0], table, "");
    }
    int status = live_open(argv[0], family, &look, 0, &live);
    if (status == 0)
        status = carry_out(&live, argc, argv);
    live_close(&live);
    return status;
}

int live_read(uint8_t family, struct rules **ret)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    int r = kernel_wall_open(&wall, &error);

    if (!r)
        r = kernel_wall_rules(wall, (enum packet_family)family, ret, &error);
    kernel_wall_close(&wall);
    if (r)
        fprintf(stderr, "sallywall explain --wall: %s\n", error.text);
    return r ? -1 : 0;
}

int live_stands(void)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error ignored = {0};
    int r = kernel_wall_open(&wall, &ignored);

    kernel_wall_close(&wall);
    return r == 0 ? 1 : r == -ENOENT ? 0 : -1;
}

static void tell_waiting(long process)
{
    if (process)
        fprintf(stderr,
                "sallywall: waiting for process %ld, which is changing the wall of this network namespace\n",
                process);
    else
        fputs(
            "sallywall: waiting for another process, which is changing the wall of this network namespace\n",
            stderr);
}

void live_begin(void)
{
    kernel_wall_on_wait(tell_waiting);
}
