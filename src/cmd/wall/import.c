/* SPDX-License-Identifier: BSD-2-Clause */
/* sallywall import: the rules of iptables that this machine runs become the wall's, and back again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/guard.h"
#include "cmd/wall/loading.h"
#include "cmd/wall/options.h"
#include "cmd/wall/running.h"
#include "cmd/wall/source.h"
#include "cmd/wall/suit.h"
#include "kernel/wall.h"
#include "rules/build.h"
#include "rules/nft/nft.h"
#include "sys/run.h"

/*
 * The wall goes up before anything of iptables' is taken away, and iptables' rules are back before it goes down: there is no
 * moment without either. For the way back these files are kept in the folder of guard.h:
 *
 *   import.before.v4, .v6  the rules of the wall that stood before; neither: none stood
 *   import.taken.v4, .v6   what iptables-save said before its filter table was emptied
 *   import.by.v4, .v6      the program that restores that
 *   import                 there has been an import; written last
 */
enum { STATUS_REFUSED = 1, PATH = 4096 };

struct importing {
    uint8_t family; /* 0: both */
    bool is_dry, takes_over, goes_back, is_forced;
};

/* What is taken over of a family. */
struct import {
    uint8_t family;
    struct running running;
    struct rules *rules; /* of filter and raw */
    bool has_any;        /* something to take */
};

static const uint8_t families[WALL_FAMILIES] = {PACKET_IPV4, PACKET_IPV6};

static int fail(const struct kernel_error *error)
{
    fprintf(stderr, "sallywall import: %s\n", error->text);
    return STATUS_TROUBLE;
}

static int number_of(uint8_t family)
{
    return family == PACKET_IPV6 ? 6 : 4;
}

static const char *program_of(uint8_t family)
{
    return family == PACKET_IPV6 ? "ip6tables" : "iptables";
}

/* ---- what this machine runs ---- */

static size_t count_rules(const struct rules_table *t)
{
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++)
        count += t->chains[i]->count + (t->chains[i]->policy == RULES_POLICY_DROP);
    return count;
}

static struct rules *only_ours(const struct rules *all)
{
    struct rules *r = rules_copy(all);

    for (int t = 0; r && t < RULES_TABLES; t++) {
        if (t == RULES_FILTER || t == RULES_RAW || !r->tables[t].present)
            continue;
        struct rules_table *table = &r->tables[t];
        rules_table_clear(table);
        for (size_t c = 0; c < table->count; c++)
            table->chains[c]->policy = RULES_POLICY_ACCEPT;
    }
    if (!r)
        return NULL;
    rules_beside_clear(r);
    nft_release(&r->nft);
    return r;
}

/* What is not taken, and acts on as it did. */
static void tell_rest(const struct rules *all)
{
    static const enum rules_table_type others[] = {RULES_NAT, RULES_MANGLE, RULES_SECURITY};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        size_t count = count_rules(&all->tables[others[i]]);
        if (count)
            printf("%s: the table %s (%zu rule%s) stays the kernel's, and goes on to act\n",
                   program_of(all->family), rules_table_name(others[i]), count, count == 1 ? "" : "s");
    }
    for (size_t i = 0; i < all->beside_count; i++)
        printf("%s: not taken over, and goes on to act: %s; \"%s\" shows it\n", program_of(all->family),
               all->beside[i].what, all->beside[i].command);
    for (size_t i = 0; all->nft && i < all->nft->table_count; i++) {
        const struct nft_table *table = all->nft->tables[i];
        const char *family = nft_family_name((enum nft_family)table->family);

        if (nft_table_is_met(all->nft, table, all->family))
            printf("%s: not taken over, and goes on to act: the nftables table \"%s %s\"; \"nft list table "
                   "%s %s\" shows it\n",
                   program_of(all->family), family, table->name, family, table->name);
    }
}

static int tell_mistake(const struct running *running, const struct rules_error *error)
{
    source_tell_mistake(error, running->text, running->size);
    return STATUS_TROUBLE;
}

static int read_family(uint8_t family, struct import *ret)
{
    struct rules *all = NULL;
    struct rules_error error = {0};

    ret->family = family;
    if (running_read(family, &ret->running))
        return STATUS_TROUBLE;
    int r = rules_read(ret->running.text, ret->running.size, ret->running.name, family, &all, &error);
    if (r == -EINVAL)
        return tell_mistake(&ret->running, &error);
    if (r == 0)
        r = running_look_beside(&ret->running, all);
    if (r == 0) {
        ret->rules = only_ours(all);
        r = ret->rules ? 0 : -ENOMEM;
    }
    if (r == 0) {
        ret->has_any = count_rules(&all->tables[RULES_FILTER]) || count_rules(&all->tables[RULES_RAW]);
        printf("%s: %zu rules and policies of filter, %zu of raw, of %s\n", program_of(family),
               count_rules(&all->tables[RULES_FILTER]), count_rules(&all->tables[RULES_RAW]),
               ret->running.name);
        tell_rest(all);
    }
    rules_free(&all);
    if (r)
        fprintf(stderr, "sallywall import: %s\n", strerror(-r));
    return r ? STATUS_TROUBLE : 0;
}

static bool is_asked(const struct importing *i, unsigned f)
{
    return !i->family || i->family == families[f];
}

/* Can it be taken, and would it cut nobody off? 0, or the exit status. */
static int judge(const struct importing *i, const struct import *import)
{
    if (suit_check("sallywall import", import->rules) ||
        !guard_may_go_up("sallywall import", import->rules, i->is_forced))
        return STATUS_REFUSED;
    return 0;
}

static int read_all(const struct importing *i, struct import imports[WALL_FAMILIES])
{
    bool has_any = false;
    int status = 0;

    for (unsigned f = 0; status == 0 && f < WALL_FAMILIES; f++) {
        if (!is_asked(i, f))
            continue;
        status = read_family(families[f], &imports[f]);
        has_any |= imports[f].has_any;
    }
    if (status == 0 && !has_any) {
        fprintf(
            stderr,
            "sallywall import: this machine runs no rules of iptables' filter and raw: there is nothing to "
            "import, and nothing was changed\n");
        return STATUS_REFUSED;
    }
    for (unsigned f = 0; status == 0 && f < WALL_FAMILIES; f++) {
        if (imports[f].has_any)
            status = judge(i, &imports[f]);
    }
    return status;
}

/* ---- files for the way back ---- */

static char *path_of(const char *what, uint8_t family, char ret[PATH])
{
    if (family)
        snprintf(ret, PATH, "%s/import.%s.v%d", guard_directory(), what, number_of(family));
    else
        snprintf(ret, PATH, "%s/%s", guard_directory(), what);
    return ret;
}

static bool is_kept(const char *what, uint8_t family)
{
    char path[PATH];

    return access(path_of(what, family, path), F_OK) == 0;
}

/* text NULL: out of memory. 0, or the exit status and told. */
static int keep(const char *what, uint8_t family, const char *text)
{
    char path[PATH];
    int r = 0;

    if (mkdir(guard_directory(), 0700) && errno != EEXIST)
        r = -errno;
    if (r == 0)
        r = text ? files_replace(path_of(what, family, path), text, strlen(text)) : -ENOMEM;
    if (r)
        fprintf(stderr,
                "sallywall import: %s, for the way back, can't be written: %s; nothing more was done\n",
                path_of(what, family, path), strerror(-r));
    return r ? STATUS_TROUBLE : 0;
}

static void forget(const char *what, uint8_t family)
{
    char path[PATH];

    if (unlink(path_of(what, family, path)) && errno != ENOENT)
        fprintf(stderr, "sallywall import: %s can't be removed: %s\n", path, strerror(errno));
}

/* Once: a second import goes back to what stood before the first. */
static int keep_wall(struct kernel_wall *wall)
{
    struct kernel_error error = {0};
    int status = 0;

    if (is_kept("import", 0))
        return 0;
    for (unsigned f = 0; status == 0 && f < WALL_FAMILIES; f++) {
        struct rules *r = NULL;
        forget("before", families[f]);
        if (!wall)
            continue;
        if (kernel_wall_rules(wall, (enum packet_family)families[f], &r, &error))
            return fail(&error);
        char *text = rules_save(r, NULL, RULES_SAVE_COUNTERS);
        status = keep("before", families[f], text);
        free(text);
        rules_free(&r);
    }
    return status ? status : keep("import", 0, "sallywall import --back goes back\n");
}

/* ---- the wall ---- */

static int put_up(const struct import imports[WALL_FAMILIES])
{
    struct kernel_error error = {0};
    struct wall_plan plan = {.rules = {NULL, NULL}};

    suit_track(&plan.track);
    for (unsigned f = 0; f < WALL_FAMILIES; f++)
        plan.rules[f] = imports[f].has_any ? imports[f].rules : NULL;
    struct loading loading;
    if (loading_begin(&loading, "sallywall import", plan.rules[WALL_IPV4], plan.rules[WALL_IPV6]))
        return STATUS_TROUBLE;
    plan.terms = loading.terms;
    int r = kernel_wall_up(&plan, &error);
    loading_end(&loading, &error);
    return r ? fail(&error) : 0;
}

static int replace(struct kernel_wall *wall, const struct import imports[WALL_FAMILIES])
{
    struct kernel_error error = {0};

    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        if (imports[f].has_any &&
            loading_replace("sallywall import", wall, imports[f].rules, WALL_ALIKE_RULES, 0, &error))
            return fail(&error);
    }
    return 0;
}

static int give(const struct import imports[WALL_FAMILIES])
{
    struct kernel_wall *wall = NULL;
    struct kernel_error none = {0};
    int r = kernel_wall_open_to_change(-1, &wall, &none), status;

    if (r && r != -ENOENT)
        return fail(&none);
    bool is_first = !is_kept("import", 0);
    status = keep_wall(wall);
    if (status == 0)
        status = wall ? replace(wall, imports) : put_up(imports);
    if (status && is_first)
        forget("import", 0);
    kernel_wall_close(&wall);
    if (status == 0)
        puts("The wall stands, with these rules.");
    return status;
}

/* ---- iptables' own rules ---- */

/* "iptables-nft" or "iptables-legacy": what has the rules that were read. */
static void back_end(const struct import *import, char ret[32])
{
    snprintf(ret, 32, "%s-%s", program_of(import->family),
             strstr(import->running.name, "nf_tables") ? "nft" : "legacy");
}

static void tell_beside(const struct import *import)
{
    char program[32];

    back_end(import, program);
    printf(
        "%s: the kernel's own filter rules are still there, behind the wall: what either drops is dropped. "
        "sallywall import --take-over empties them and keeps a copy; by hand: %s -P INPUT ACCEPT (and "
        "FORWARD, "
        "OUTPUT), %s -F, %s -X\n",
        program_of(import->family), program, program, program);
}

/* Its filter table, by the program of that back end, as text says. 0 or the exit status. */
static int restore_filter(const char *program, const char *text)
{
    static const char *const words[] = {"-T", "filter", NULL};
    struct run_said said = {0};
    int r = run_program(program, words, text, -1, &said);

    if (r)
        fprintf(stderr, "sallywall import: %s -T filter failed: %s\n", program,
                r == -EPERM && said.errors ? said.errors : strerror(-r));
    run_said_free(&said);
    return r ? STATUS_TROUBLE : 0;
}

/* What answers for the wall's REJECT stands in the same table: it went with the rest, and comes again. Meanwhile
 * such packets are dropped. */
static void answer_again(uint8_t family)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};

    if (kernel_wall_open_to_change(-1, &wall, &error) == 0)
        kernel_wall_answer_again(wall, (enum packet_family)family, &error);
    kernel_wall_close(&wall);
    if (error.remark[0])
        fprintf(stderr, "sallywall import: %s\n", error.remark);
}

static int take_over(const struct import *import)
{
    static const char EMPTY[] =
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
    char program[32], restore[48], path[PATH];
    int status;

    back_end(import, program);
    snprintf(restore, sizeof(restore), "%s-restore", program);
    status = keep("taken", import->family, import->running.text);
    if (status == 0)
        status = keep("by", import->family, restore);
    if (status == 0)
        status = restore_filter(restore, EMPTY);
    if (status)
        return status;
    answer_again(import->family);
    printf("%s: the kernel's own filter table is empty now; %s has what it was, and sallywall import --back "
           "goes back\n",
           program_of(import->family), path_of("taken", import->family, path));
    return 0;
}

static int import_all(const struct importing *i)
{
    struct import imports[WALL_FAMILIES] = {{0}, {0}};
    int status = read_all(i, imports);

    if (status == 0 && !i->is_dry)
        status = give(imports);
    else if (status == 0)
        puts("All of this can be taken over. Nothing was changed.");
    for (unsigned f = 0; status == 0 && !i->is_dry && f < WALL_FAMILIES; f++) {
        if (!imports[f].has_any)
            continue;
        if (i->takes_over)
            status = take_over(&imports[f]);
        else
            tell_beside(&imports[f]);
    }
    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        running_fini(&imports[f].running);
        rules_free(&imports[f].rules);
    }
    return finish_output(status);
}

/* ---- the way back ---- */

static int read_kept(const char *what, uint8_t family, char **ret)
{
    char path[PATH];
    size_t size;
    int r = files_read(path_of(what, family, path), ret, &size);

    if (r)
        fprintf(stderr, "sallywall import: %s: %s\n", path, strerror(-r));
    return r ? STATUS_TROUBLE : 0;
}

static int give_back(uint8_t family)
{
    char *program = NULL, *text = NULL;
    int status;

    if (!is_kept("taken", family))
        return 0;
    status = read_kept("by", family, &program);
    if (status == 0)
        status = read_kept("taken", family, &text);
    if (status == 0)
        status = restore_filter(program, text);
    free(program);
    free(text);
    if (status)
        return status;
    answer_again(family);
    printf("%s: the kernel's own filter rules are what they were\n", program_of(family));
    return 0;
}

static int restore_wall(struct kernel_wall *wall, uint8_t family)
{
    struct kernel_error error = {0};
    struct rules *r = NULL;
    char path[PATH], *name = NULL;
    int status = 0;

    if (source_read(path_of("before", family, path), SOURCE_SAVE, family, 0, &r, &name))
        status = STATUS_TROUBLE;
    else if (loading_replace("sallywall import", wall, r, WALL_ALIKE_RULES, 0, &error))
        status = fail(&error);
    free(name);
    rules_free(&r);
    return status;
}

/* What the wall was. */
static int return_wall(void)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    unsigned husks;
    int status = 0;

    if (!is_kept("before", PACKET_IPV4)) {
        int r = kernel_wall_down(&husks, &error);
        return r && r != -ENOENT ? fail(&error) : 0;
    }
    if (kernel_wall_open_to_change(-1, &wall, &error))
        return fail(&error);
    for (unsigned f = 0; status == 0 && f < WALL_FAMILIES; f++)
        status = restore_wall(wall, families[f]);
    kernel_wall_close(&wall);
    return status;
}

static int go_back(void)
{
    static const char *const kept[] = {"before", "taken", "by"};
    int status = 0;

    if (!is_kept("import", 0)) {
        fprintf(stderr, "sallywall import: there is no import to go back from\n");
        return STATUS_REFUSED;
    }
    for (unsigned f = 0; status == 0 && f < WALL_FAMILIES; f++)
        status = give_back(families[f]);
    bool stood = is_kept("before", PACKET_IPV4);
    if (status == 0)
        status = return_wall();
    if (status)
        return status;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        forget(kept[i], PACKET_IPV4);
        forget(kept[i], PACKET_IPV6);
    }
    forget("import", 0);
    puts(stood ? "The wall has the rules of before the import." : "The wall is down, as before the import.");
    return finish_output(0);
}

/* ---- words ---- */

static bool take_dry(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct importing *)what)->is_dry = true;
    return true;
}

static bool take_over_word(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct importing *)what)->takes_over = true;
    return true;
}

static bool take_back(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct importing *)what)->goes_back = true;
    return true;
}

static bool take_force(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct importing *)what)->is_forced = true;
    return true;
}

static bool take_ipv4(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct importing *)what)->family = PACKET_IPV4;
    return true;
}

static bool take_ipv6(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct importing *)what)->family = PACKET_IPV6;
    return true;
}

static const struct option_row rows[] = {
    {"--dry-run", NULL, "only say what would be done", take_dry},
    {"--take-over", NULL, "then empty iptables' filter table, of which a copy is kept", take_over_word},
    {"--back", NULL, "back to what was before the import", take_back},
    {"--force", NULL, "even if that cuts the connection that you work over", take_force},
    {"-4", NULL, "only IPv4", take_ipv4},
    {"-6", NULL, "only IPv6", take_ipv6},
};

static const struct option_command options = {"import",
                                              "[OPTION...]",
                                              "Gives the wall, which is put up if none stands, the rules of "
                                              "filter and raw that this machine's iptables or "
                                              "ip6tables\nhas, of either back end. Exit status: 0 done, 1 it "
                                              "can't be, and nothing was changed, 2 trouble.",
                                              rows,
                                              sizeof(rows) / sizeof(rows[0]),
                                              0,
                                              0};

int import_command(int argc, char **argv)
{
    struct importing i = {0};
    int operands, r = options_read(&options, argc, argv, &i, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (i.goes_back && (i.is_dry || i.takes_over || i.family)) {
        fprintf(stderr,
                "sallywall import: --back goes back from the whole import, and takes no other words\n");
        return STATUS_TROUBLE;
    }
    return i.goes_back ? go_back() : import_all(&i);
}
