/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/beside.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND = 128 };

struct lines {
    const char *at, *end;
    const char *line;
    size_t size;
};

static bool next_line(struct lines *l)
{
    if (l->at == l->end)
        return false;
    const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
    l->line = l->at;
    l->size = (size_t)((stop ? stop : l->end) - l->at);
    l->at = stop ? stop + 1 : l->end;
    return true;
}

static bool begins(const char *line, size_t size, const char *start)
{
    return size >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

/* ---- iptables-save ---- */

/* "[12:3456] -A INPUT": with -c. */
static bool is_rule(const struct lines *l)
{
    const char *behind = l->size && l->line[0] == '[' ? memchr(l->line, ']', l->size) : NULL;
    size_t skip = behind ? (size_t)(behind - l->line) + 1 : 0;

    skip += skip && skip < l->size && l->line[skip] == ' ';
    return begins(l->line + skip, l->size - skip, "-A ");
}

static bool drops_by_policy(const struct lines *l)
{
    const char *blank = memchr(l->line, ' ', l->size);

    return l->size && l->line[0] == ':' && blank &&
           begins(blank, l->size - (size_t)(blank - l->line), " DROP");
}

bool beside_holds_rules(const char *text, size_t size)
{
    struct lines l = {.at = text, .end = text + size};

    while (next_line(&l)) {
        if (is_rule(&l) || drops_by_policy(&l))
            return true;
    }
    return false;
}

bool beside_holds_rewriting_rules(const char *text, size_t size)
{
    struct lines l = {.at = text, .end = text + size};
    bool rewriting = false;

    while (next_line(&l)) {
        if (l.size && l.line[0] == '*')
            rewriting = !begins(l.line, l.size, "*filter") && !begins(l.line, l.size, "*security");
        if (rewriting && is_rule(&l))
            return true;
    }
    return false;
}

/* ---- nft ---- */

static bool is_of_iptables(const char *table)
{
    static const char *const names[] = {"filter", "raw", "nat", "mangle", "security"};
    const char *name = strncmp(table, "ip6 ", 4) == 0  ? table + 4
                       : strncmp(table, "ip ", 3) == 0 ? table + 3
                                                       : "";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Tables of the other family, and of ARP: those never see such a packet. Those of the link layer may. */
static bool bears_on(const char *table, uint8_t family)
{
    const char *other = family == PACKET_IPV6 ? "ip " : "ip6 ";

    return strncmp(table, other, strlen(other)) != 0 && strncmp(table, "arp ", 4) != 0;
}

/* Statements that do more than let pass and stop. */
static bool rewrites(const char *text)
{
    static const char *const words[] = {
        " set ",    "dnat",  "snat",     "redirect", "masquerade", "notrack",   "tproxy", " fwd ",  " dup ",
        "synproxy", "queue", "flow add", " update ", " add ",      "xt target", " xt ",   "secmark"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(text, words[i]))
            return true;
    }
    return false;
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
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (begins(line, strlen(line), starts[i]))
            return !strstr(line, "drop") && !strstr(line, "reject");
    }
    return false;
}

/* The table by which sallyd gives its control connections the helper "sane", and not a word more: it stops nothing, and
 * changes nothing that a rule can ask for (kernel/pinhole_conntrack.c). Changes text. */
static bool is_of_sallyd(char *text)
{
    char *rest;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (!is_line_of_sallyd(line + strspn(line, "\t ")))
            return false;
    }
    return true;
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

/* iptables-save shows the other chains of such a table, and of this one nothing. Changes text. */
static int look_at_chains(struct rules *r, const char *table, char *text)
{
    char chain[64] = "", what[COMMAND + 64], command[COMMAND], *rest;
    int error = 0;

    for (char *line = strtok_r(text, "\n", &rest); line && !error; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, " chain %63s", chain) == 1)
            continue;
        if (!strstr(line, " hook ") || !is_foreign_chain(chain))
            continue;
        snprintf(what, sizeof what, "the chain \"%s\" that nft made in the table %.70s", chain, table);
        snprintf(command, sizeof command, "nft list table %.90s", table);
        error = rules_beside_add(r, what, command, true);
    }
    return error;
}

/* "inet filter": what does it? Without a base chain no packet meets it. Changes text. */
static int look_at_table(struct rules *r, const char *table, char *text, bool has_iptables)
{
    char what[COMMAND], command[COMMAND];

    if (!bears_on(table, r->family))
        return 0;
    if (has_iptables && is_of_iptables(table))
        return look_at_chains(r, table, text);
    bool may_rewrite = rewrites(text);
    if (!strstr(text, " hook ") || is_of_sallyd(text))
        return 0;
    snprintf(what, sizeof what, "the nftables table \"%.90s\"", table);
    snprintf(command, sizeof command, "nft list table %.90s", table);
    return rules_beside_add(r, what, command, may_rewrite);
}

/* Without " # handle 12" at the end. */
static size_t size_without_handle(const char *line, size_t size)
{
    static const char mark[] = " # handle ";
    size_t digits = 0;

    while (digits < size && isdigit((unsigned char)line[size - digits - 1]))
        digits++;
    if (!digits || size < digits + sizeof mark - 1)
        return size;
    size_t rest = size - digits - (sizeof mark - 1);
    return memcmp(line + rest, mark, sizeof mark - 1) == 0 ? rest : size;
}

/* Copies a line with its end to *at, as text. */
static void put_line(char **at, const struct lines *l)
{
    size_t size = size_without_handle(l->line, l->size);

    for (size_t i = 0; i < size; i++)
        (*at)[i] = l->line[i] ? l->line[i] : '?';
    (*at)[size] = '\n';
    (*at)[size + 1] = '\0';
    *at += size + 1;
}

int beside_nft(struct rules *r, const char *text, size_t size, bool has_iptables)
{
    struct lines l = {.at = text, .end = text + size};
    char *table = malloc(size + 2), *at = table, family[16], name[64], full[16 + 64];
    int error = table ? 0 : -ENOMEM;
    bool inside = false;

    while (!error && next_line(&l)) {
        if (!inside && begins(l.line, l.size, "table ")) {
            inside = true;
            at = table;
        }
        if (!inside)
            continue;
        put_line(&at, &l);
        if (l.line[0] != '}' && l.at != l.end)
            continue;
        inside = false;
        if (sscanf(table, "table %15s %63s", family, name) == 2) {
            snprintf(full, sizeof full, "%s %s", family, name);
            error = look_at_table(r, full, table, has_iptables);
        }
    }
    free(table);
    return error;
}
