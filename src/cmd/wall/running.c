/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/reject.h"
#include "sys/run.h"

enum { COMMAND = 128 };

/* What a program of the system prints, whole; what it complains of is passed on. 0 or as run_program. */
static int ask(const char *program, const char *const *words, char **ret_text, size_t *ret_size)
{
    struct run_said said = {0};
    int r = run_program(program, words, "", -1, &said);

    if (said.errors)
        fputs(said.errors, stderr);
    if (r == 0) {
        *ret_text = said.output;
        *ret_size = said.size;
        said.output = NULL;
    }
    run_said_free(&said);
    return r;
}

/* Is there anything that could stop or change a packet? Empty tables let everything pass. */
static bool holds_rules(const char *text)
{
    for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, "-A ", 3) == 0)
            return true;
        if (line[0] == ':' && strncmp(line + strcspn(line, " \n"), " DROP", 5) == 0)
            return true;
    }
    return false;
}

/* Rules in a table that can do more than let pass and stop? */
static bool holds_rewriting_rules(const char *text)
{
    bool rewriting = false;

    for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (line[0] == '*')
            rewriting = strncmp(line, "*filter\n", 8) != 0 && strncmp(line, "*security\n", 10) != 0;
        if (rewriting && strncmp(line, "-A ", 3) == 0)
            return true;
    }
    return false;
}

void running_fini(struct running *r)
{
    free(r->name);
    free(r->text);
    free(r->other);
    *r = (struct running){0};
}

/* Is a line of iptables-save one of the rules that the live wall has put there (kernel/reject.h)? */
static bool is_of_wall(const char *line)
{
    char text[1024];

    snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
    return strncmp(text, ":" REJECT_CHAIN, strlen(":" REJECT_CHAIN)) == 0 ||
           strncmp(text, "-A " REJECT_CHAIN, strlen("-A " REJECT_CHAIN)) == 0 ||
           strstr(text, " -j " REJECT_CHAIN) || strstr(text, REJECT_COMMENT);
}

/* Those are no rules of the administrator's. */
static void strip_wall(struct running *r)
{
    char *to = r->text;
    size_t size;

    for (const char *line = r->text; *line; line += size) {
        size = strcspn(line, "\n");
        size += line[size] == '\n';
        if (is_of_wall(line))
            continue;
        memmove(to, line, size);
        to += size;
    }
    *to = '\0';
    r->size = (size_t)(to - r->text);
}

static int run_save(const char *program, struct running *ret)
{
    static const char *const version[] = {"--version", NULL};
    size_t size;
    int r = ask(program, version, &ret->name, &size);

    if (!r)
        r = ask(program, NULL, &ret->text, &ret->size);
    if (!r)
        strip_wall(ret);
    return r;
}

/* iptables-save knows the rules of its own back end only, and the kernel runs those of both. If all the rules
 * are of the other one, that is taken; if both have some, the other's are what is beside. */
static void choose_back_end(uint8_t family, struct running *ours)
{
    bool nft = strstr(ours->name, "nf_tables") != NULL;
    struct running other = {0};
    char program[32];

    snprintf(program, sizeof(program), "%s-%s-save", family == PACKET_IPV6 ? "ip6tables" : "iptables",
             nft ? "legacy" : "nft");
    if (run_save(program, &other) || !holds_rules(other.text)) {
        running_fini(&other);
        return;
    }
    if (!holds_rules(ours->text)) {
        running_fini(ours);
        *ours = other;
        return;
    }
    ours->other = other.text;
    other.text = NULL;
    running_fini(&other);
}

void running_name(const char *command, int i, char ret[RUNNING_NAME])
{
    static const char *const back_ends[RUNNING_NAMES] = {"", "-nft", "-legacy"};
    size_t base = strcspn(command, "-");

    snprintf(ret, RUNNING_NAME, "%.*s%s%s", (int)base, command, back_ends[i], command + base);
}

static int run_any_save(const char *program, struct running *ret)
{
    char name[RUNNING_NAME];
    int r = -ENOENT;

    for (int i = 0; r == -ENOENT && i < RUNNING_NAMES; i++) {
        running_name(program, i, name);
        r = run_save(name, ret);
    }
    return r;
}

int running_read(uint8_t family, struct running *ret)
{
    const char *program = family == PACKET_IPV6 ? "ip6tables-save" : "iptables-save";
    struct running running = {0};
    char *name = NULL;
    int r = run_any_save(program, &running);

    if (r == -ENOENT)
        fprintf(stderr,
                "sallywall: this machine has no %s; name a rule file (made by %s on the firewall), or - for "
                "standard input\n",
                program, program);
    else if (r)
        fprintf(stderr,
                "sallywall: %s failed (see above, if it said why); it needs root. Or name a rule file\n",
                program);
    else
        choose_back_end(family, &running);
    if (!r && asprintf(&name, "this machine (%.*s)", (int)strcspn(running.name, "\n"), running.name) < 0)
        r = -1;
    if (r) {
        running_fini(&running);
        return -1;
    }
    free(running.name);
    running.name = name;
    *ret = running;
    return 0;
}

/* ---- what is beside them ---- */

static bool is_of_iptables(const char *table)
{
    static const char *const names[] = {"filter", "raw", "nat", "mangle", "security"};
    const char *name = strncmp(table, "ip6 ", 4) == 0  ? table + 4
                       : strncmp(table, "ip ", 3) == 0 ? table + 3
                                                       : "";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Tables of the other family, of the link layer and of ARP: those never see such a packet, or (netdev, bridge) may. */
static bool bears_on(const char *table, uint8_t family)
{
    const char *other = family == PACKET_IPV6 ? "ip " : "ip6 ";

    return strncmp(table, other, strlen(other)) != 0 && strncmp(table, "arp ", 4) != 0 &&
           !is_of_iptables(table);
}

/* Statements that do more than let pass and stop, as nft prints them. */
static bool rewrites(const char *text)
{
    static const char *const words[] = {
        " set ",    "dnat",  "snat",     "redirect", "masquerade", "notrack",   "tproxy", " fwd ",  " dup ",
        "synproxy", "queue", "flow add", " update ", " add ",      "xt target", " xt ",   "secmark"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(text, words[i]))
            return true;
    }
    return false;
}

static bool begins_with(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

static bool is_line_of_sallyd(const char *line)
{
    static const char *const starts[] = {"table inet sallyd-",
                                         "flags owner",
                                         "ct helper control {",
                                         "type \"sane\" protocol tcp",
                                         "l3proto inet",
                                         "set ports {",
                                         "type inet_service",
                                         "elements = { ",
                                         "chain in {",
                                         "chain self {",
                                         "type filter hook input priority",
                                         "type filter hook output priority",
                                         "tcp dport @ports ct helper set \"control\"",
                                         "oif \"lo\" tcp dport @ports ct helper set \"control\""};

    if (strspn(line, "0123456789, }") == strlen(line)) /* of a set, or the end of something */
        return true;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (begins_with(line, starts[i]))
            return !strstr(line, "drop") && !strstr(line, "reject");
    return false;
}

/* The table by which sallyd gives its control connections the helper "sane", and not a word more: it stops nothing, and changes nothing
 * that a rule can ask for (kernel/pinhole_conntrack.c). Changes text. */
static bool is_of_sallyd(char *text)
{
    char *rest;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (!is_line_of_sallyd(line + strspn(line, "\t ")))
            return false;
    return true;
}

/* "inet filter": what does it? Without a base chain no packet meets it. */
static int look_at_table(const char *table, struct rules *r)
{
    char family[16], name[64], command[COMMAND], what[COMMAND], *text = NULL;
    const char *const arguments[] = {"list", "table", family, name, NULL};
    size_t size;

    if (sscanf(table, "%15s %63s", family, name) != 2)
        return 0;
    bool known = ask("nft", arguments, &text, &size) == 0;
    bool acts = !known || strstr(text, " hook "), may_rewrite = !known || rewrites(text);
    int error = 0;
    if (acts && !(known && is_of_sallyd(text))) {
        snprintf(what, sizeof(what), "the nftables table \"%.90s\"", table);
        snprintf(command, sizeof(command), "nft list table %.90s", table);
        error = rules_beside_add(r, what, command, may_rewrite);
    }
    free(text);
    return error;
}

/* Without the program nobody lists them for us. A kernel with modules has nf_tables' only if something uses it;
 * one without may have it built in. */
static int miss_nft(struct rules *r)
{
    if (access("/sys/module/nf_tables", F_OK) && access("/proc/modules", F_OK) == 0)
        return 0;
    return rules_beside_add(r, "tables of nftables, if there are any (they could not be listed)",
                            "nft list ruleset, as root, with the package nftables", true);
}

/* Tables made by nft itself act on every packet, too, and iptables-save keeps silent about them. */
static int look_at_nft(struct rules *r)
{
    static const char *const arguments[] = {"list", "tables", NULL};
    char *text = NULL, *rest;
    size_t size;
    int error = ask("nft", arguments, &text, &size);

    if (error)
        return error == -ENOMEM ? error : miss_nft(r);
    for (char *line = strtok_r(text, "\n", &rest); line && !error; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "table ", 6) == 0 && bears_on(line + 6, r->family))
            error = look_at_table(line + 6, r);
    }
    free(text);
    return error;
}

/* A chain that nft hooked into a table of iptables': under a name that iptables would not give it. */
static bool is_foreign_chain(const char *name)
{
    for (int hook = 0; hook < RULES_HOOKS; hook++) {
        if (strcmp(name, rules_hook_name((enum rules_hook)hook)) == 0)
            return false;
    }
    return true;
}

/* iptables-save shows the other chains of such a table, and of this one nothing. */
static int look_at_chains(struct rules *r)
{
    static const char *const arguments[] = {"list", "chains", NULL};
    const char *family = r->family == PACKET_IPV6 ? "ip6" : "ip";
    char table[64] = "", chain[64] = "", of[16] = "", *text = NULL, *rest;
    size_t size;
    int error = 0;

    error = ask("nft", arguments, &text, &size);
    if (error) /* without the program look_at_nft has said so */
        return error == -ENOENT ? 0 : error == -ENOMEM ? error : miss_nft(r);
    for (char *line = strtok_r(text, "\n", &rest); line && !error; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "table %15s %63s", of, table) == 2 || sscanf(line, " chain %63s", chain) == 1)
            continue;
        char name[sizeof(of) + sizeof(table)], what[COMMAND + 64], command[COMMAND + 16];
        snprintf(name, sizeof(name), "%s %s", of, table);
        if (!strstr(line, " hook ") || strcmp(of, family) != 0 || !is_of_iptables(name) ||
            !is_foreign_chain(chain))
            continue;
        snprintf(what, sizeof(what), "the chain \"%s\" that nft made in the table %s", chain, name);
        snprintf(command, sizeof(command), "nft list table %s", name);
        error = rules_beside_add(r, what, command, true);
    }
    free(text);
    return error;
}

int running_look_beside(const struct running *running, struct rules *r)
{
    const char *prefix = r->family == PACKET_IPV6 ? "ip6tables" : "iptables";
    const char *back_end = strstr(running->name, "nf_tables") ? "legacy" : "nft";
    char what[COMMAND], command[COMMAND];

    if (running->other) {
        snprintf(what, sizeof(what), "the rules of %s-%s, which this machine has besides", prefix, back_end);
        snprintf(command, sizeof(command), "%s-%s-save", prefix, back_end);
        int error = rules_beside_add(r, what, command, holds_rewriting_rules(running->other));
        if (error)
            return error;
    }
    int error = look_at_nft(r);
    return error ? error : look_at_chains(r);
}
