/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/reject.h"
#include "rules/forms/beside.h"
#include "rules/nft/attach.h"
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

void running_fini(struct running *r)
{
    free(r->name);
    free(r->text);
    free(r->other);
    free(r->saved);
    *r = (struct running){0};
}

/* Is a line of iptables-save one of the rules that the live wall has put there (kernel/reject.h)? */
static bool is_of_wall(const char *line)
{
    char text[1024];

    snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
    const char *rule = text[0] == '[' ? text + strcspn(text, " ") + (strchr(text, ' ') != NULL) : text;
    return strncmp(text, ":" REJECT_CHAIN, strlen(":" REJECT_CHAIN)) == 0 ||
           strncmp(rule, "-A " REJECT_CHAIN, strlen("-A " REJECT_CHAIN)) == 0 ||
           strstr(text, " -j " REJECT_CHAIN) || strstr(text, REJECT_COMMENT);
}

void running_strip_wall(char *text)
{
    char *to = text;
    size_t size;

    for (const char *line = text; *line; line += size) {
        size = strcspn(line, "\n");
        bool has_end = line[size] == '\n';
        if (!is_of_wall(line)) {
            memmove(to, line, size);
            to += size;
        }
        if (has_end)
            *to++ = '\n';
        size += has_end;
    }
    *to = '\0';
}

static int run_save(const char *program, struct running *ret)
{
    static const char *const version[] = {"--version", NULL};
    size_t size;
    int r = ask(program, version, &ret->name, &size);

    if (!r)
        r = ask(program, NULL, &ret->text, &ret->size);
    if (r)
        return r;
    running_strip_wall(ret->text);
    ret->size = strlen(ret->text);
    return 0;
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
    bool has_other = run_save(program, &other) == 0;
    char *saved = nft ? strdup(ours->text) : has_other ? strdup(other.text) : NULL;
    if (!has_other || !beside_holds_rules(other.text, other.size)) {
        running_fini(&other);
    } else if (!beside_holds_rules(ours->text, ours->size)) {
        running_fini(ours);
        *ours = other;
    } else {
        ours->other = other.text;
        other.text = NULL;
        running_fini(&other);
    }
    ours->saved = saved;
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

int running_add_unlisted(struct rules *r)
{
    return rules_beside_add(r, "tables of nftables, if there are any (they could not be listed)",
                            "nft list ruleset, as root, with the package nftables", true);
}

int running_add_other(struct rules *r, bool is_legacy, const char *text, size_t size)
{
    const char *prefix = r->family == PACKET_IPV6 ? "ip6tables" : "iptables";
    const char *back_end = is_legacy ? "legacy" : "nft";
    char what[COMMAND], command[COMMAND];

    snprintf(what, sizeof(what), "the rules of %s-%s, which this machine has besides", prefix, back_end);
    snprintf(command, sizeof(command), "%s-%s-save", prefix, back_end);
    return rules_beside_add(r, what, command, beside_holds_rewriting_rules(text, size));
}

/* Without the program nobody lists them for us. A kernel with modules has nf_tables' only if something uses it;
 * one without may have it built in. */
static int miss_nft(struct rules *r)
{
    bool is_absent = access("/sys/module/nf_tables", F_OK) && access("/proc/modules", F_OK) == 0;

    return is_absent ? 0 : running_add_unlisted(r);
}

/* Tables made by nft itself act on every packet, too, and iptables-save keeps silent about them. */
static int look_at_nft(const struct running *running, struct rules *r)
{
    static const char *const arguments[] = {"-j", "list", "ruleset", NULL};
    char *text = NULL;
    size_t size;
    int error = ask("nft", arguments, &text, &size);

    if (error)
        return error == -ENOMEM ? error : miss_nft(r);
    error = nft_attach_list(r, text, size, running->saved, running->saved ? strlen(running->saved) : 0);
    free(text);
    return error;
}

int running_look_beside(const struct running *running, struct rules *r)
{
    bool is_legacy = strstr(running->name, "nf_tables") != NULL; /* the other is */

    r->is_legacy_beside = !is_legacy && running->saved;
    int error = running->other ? running_add_other(r, is_legacy, running->other, strlen(running->other)) : 0;

    return error ? error : look_at_nft(running, r);
}
