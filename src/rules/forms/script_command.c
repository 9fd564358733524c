/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/script_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/build.h"
#include "rules/forms/names.h"

enum { COMMANDS_MOST = 20000, UNREAD_MOST = 200, ARGUMENTS_MOST = 256 };

/* A command of iptables. */
struct command {
    const struct shell_call *call;
    const char *words[ARGUMENTS_MOST]; /* behind the program's name, without -t TABLE */
    size_t count;
    const char *table;    /* of -t */
    char letter;          /* of the command, 'A'... */
    size_t chain;         /* where its chain stands; 0: none */
    size_t conditions;    /* where those of a rule begin */
    const char *target;   /* of -j, -g */
    char why[SCRIPT_WHY]; /* "": all words are known */
    bool is_vague;        /* some are not */
    bool is_lost;         /* an unknown word may be anything */
};

void script_lose(struct script *s, uint32_t line, const char *what)
{
    s->lost = true;
    notes_add(s->notes, NOTE_REWRITES, line, "iptables-save",
              "line %u of the script: %s, which is not followed", line, what);
}

/* ---- the words of a command ---- */

static bool is_one(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(*list, word) == 0)
            return true;
    }
    return false;
}

/* "-A" and "--append" are the same. */
static char command_letter(const char *word)
{
    static const struct {
        const char *name;
        char letter;
    } names[] = {{"--append", 'A'}, {"--delete", 'D'},       {"--insert", 'I'},    {"--replace", 'R'},
                 {"--flush", 'F'},  {"--zero", 'Z'},         {"--new-chain", 'N'}, {"--delete-chain", 'X'},
                 {"--policy", 'P'}, {"--rename-chain", 'E'}, {"--list", 'L'},      {"--list-rules", 'S'},
                 {"--check", 'C'},  {"--new", 'N'},          {"--version", 'V'},   {"--delete-chain", 'X'}};

    if (word[0] == '-' && word[1] && word[1] != '-' && strchr("ADIRFZNXPELSCV", word[1]))
        return word[1];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(word, names[i].name) == 0)
            return names[i].letter;
    }
    return '\0';
}

static void not_known(struct command *c, const char *why)
{
    if (!c->why[0])
        snprintf(c->why, sizeof(c->why), "%s", why);
}

/* A word that is not known is left out, with the option that it belongs to; what is left asks less. */
static void drop_unknown(struct command *c, const struct shell_field *field)
{
    static const char *const jumps[] = {"-j", "--jump", "-g", "--goto", NULL};
    const char *option = c->count ? c->words[c->count - 1] : "";

    not_known(c, field->why);
    if (!c->count || option[0] != '-' || command_letter(option) || is_one(option, jumps)) {
        c->is_lost = true;
        return;
    }
    c->count--;
    if (c->count && strcmp(c->words[c->count - 1], "!") == 0)
        c->count--;
}

static void take_words(struct command *c)
{
    static const char *const tables[] = {"-t", "--table", NULL}, *const waits[] = {"-w", "--wait", "-W",
                                                                                   NULL};
    const struct shell_call *call = c->call;

    for (size_t i = 1; i < call->count; i++) {
        const struct shell_field *field = &call->fields[i];
        if (c->count == ARGUMENTS_MOST) {
            c->is_lost = true;
            return;
        }
        if (!field->why && is_one(field->text, tables) && i + 1 < call->count) {
            c->table = call->fields[++i].text;
            if (call->fields[i].why) {
                not_known(c, call->fields[i].why);
                c->is_lost = true;
            }
        } else if (!field->why && strncmp(field->text, "--table=", 8) == 0) {
            c->table = field->text + 8;
        } else if (!field->why && is_one(field->text, waits)) {
            if (i + 1 < call->count && call->fields[i + 1].text[0] >= '0' &&
                call->fields[i + 1].text[0] <= '9')
                i++;
        } else if (field->why) {
            drop_unknown(c, field);
        } else {
            c->words[c->count++] = field->text;
        }
    }
}

/* The command, its chain, and where the rest begins. */
static void find_parts(struct command *c)
{
    static const char *const jumps[] = {"-j", "--jump", "-g", "--goto", NULL};

    for (size_t i = 0; i < c->count; i++) {
        char letter = command_letter(c->words[i]);
        if (!c->letter && letter) {
            c->letter = letter;
            c->chain = i + 1 < c->count && c->words[i + 1][0] != '-' ? i + 1 : 0;
            c->conditions = c->chain ? c->chain + 1 : i + 1;
            if (c->chain && strchr("IRD", letter) && c->conditions < c->count &&
                c->words[c->conditions][0] >= '0' && c->words[c->conditions][0] <= '9')
                c->conditions++;
        }
        if (is_one(c->words[i], jumps) && i + 1 < c->count)
            c->target = c->words[i + 1];
    }
    c->is_vague = c->why[0];
    if (c->call->mode == SHELL_MAYBE)
        not_known(c, c->call->why);
}

/* ---- carrying out ---- */

/* The rules that are made from serial on are of this line. */
static void note_origin(struct script *s, uint32_t serial, uint32_t line)
{
    if (s->origin_count == s->origin_capacity) {
        size_t capacity = s->origin_capacity ? 2 * s->origin_capacity : 256;
        struct script_origin *origins = reallocarray(s->origins, capacity, sizeof(*origins));
        if (!origins) {
            s->error = -ENOMEM;
            return;
        }
        s->origins = origins;
        s->origin_capacity = capacity;
    }
    s->origins[s->origin_count++] = (struct script_origin){serial, line};
}

/* What rules_command returns; *ret_status as iptables exits. */
static int carry_out(struct script *s, const struct command *c, const char *const *words, size_t count,
                     int *ret_status, struct rules_error *error)
{
    const char *argv[ARGUMENTS_MOST + 8];
    struct rules_outcome outcome = {0};
    int argc = 0;

    if (c->table) {
        argv[argc++] = "-t";
        argv[argc++] = c->table;
    }
    memcpy(argv + argc, words, count * sizeof(*words));
    note_origin(s, s->r->next_serial, c->call->line);
    int rc = rules_command(s->r, argc + (int)count, argv, &outcome, error);
    free(outcome.output);
    *ret_status = outcome.status;
    if (rc == -ENOMEM)
        s->error = rc;
    s->unread += rc == -EINVAL;
    return rc;
}

static void because(const struct command *c, const char *what, char text[SCRIPT_WHY])
{
    snprintf(text, SCRIPT_WHY, "line %u of the script: %s", c->call->line, what);
    for (; *text; text++) {
        if (strchr("\"'\\\n", *text))
            *text = '`'; /* so that it is printed as it is, without escapes */
    }
}

/* -A or -I with its chain, "-m unknown", and from on what the command has. */
static int carry_out_unknown(struct script *s, const struct command *c, const char *what, size_t from,
                             const char *const *target, struct rules_error *error)
{
    const char *words[ARGUMENTS_MOST + 8];
    char why[SCRIPT_WHY];
    size_t count = 0;
    int status;

    s->is_vague = true;
    because(c, what, why);
    for (size_t i = 0; i < c->conditions; i++)
        words[count++] = c->words[i];
    words[count++] = "-m";
    words[count++] = "unknown";
    words[count++] = "--because";
    words[count++] = why;
    for (size_t i = from; i < c->count; i++)
        words[count++] = c->words[i];
    for (; target && *target; target++)
        words[count++] = *target;
    int rc = carry_out(s, c, words, count, &status, error);
    return rc ? rc : status ? -EINVAL : 0;
}

/* A rule whose words can't be read, or whose target is not known: any condition, and its target, or any. */
static void add_vague(struct script *s, const struct command *c, const char *what)
{
    static const char *const accept[] = {"-j", "ACCEPT", NULL}, *const drop[] = {"-j", "DROP", NULL};
    const char *const own[] = {"-j", c->target, NULL};
    struct rules_error error = {0};

    if (c->target && !carry_out_unknown(s, c, what, c->count, own, &error))
        return;
    if (s->error || carry_out_unknown(s, c, what, c->count, accept, &error) ||
        carry_out_unknown(s, c, what, c->count, drop, &error))
        script_lose(s, c->call->line, what);
    else if (c->table && strcmp(c->table, "filter") != 0)
        script_lose(s, c->call->line, what);
}

static int table_of(const struct command *c)
{
    const char *table = c->table ? c->table : "filter";

    return names_table(table, strlen(table));
}

/* With its built-in chains, which are there whatever becomes of the command. */
static void make_table(struct script *s, const struct command *c)
{
    int type = table_of(c);

    if (type >= 0 && rules_table_make(s->r, (enum rules_table_type)type))
        s->error = -ENOMEM;
}

static struct rules_chain *chain_of(const struct script *s, const struct command *c)
{
    int type = table_of(c);

    return type < 0 || !c->chain ? NULL
                                 : rules_chain_find(s->r, (enum rules_table_type)type, c->words[c->chain]);
}

static bool table_has_rules(const struct script *s, const struct command *c)
{
    int type = table_of(c);
    const struct rules_chain *chain = chain_of(s, c);

    if (type < 0)
        return false;
    if (c->chain)
        return chain && chain->count;
    for (size_t i = 0; i < s->r->tables[type].count; i++) {
        if (s->r->tables[type].chains[i]->count)
            return true;
    }
    return false;
}

/* Rules: what is not known becomes an unknown condition. */
static enum shell_status add_rule(struct script *s, struct command *c)
{
    struct rules_error error = {0};
    char what[SCRIPT_WHY];
    int status = 0, rc;

    if (c->is_lost) {
        if (c->chain && c->conditions > c->chain)
            add_vague(s, c, c->why);
        else
            script_lose(s, c->call->line, c->why);
        return SHELL_UNSURE;
    }
    if (c->why[0])
        rc = carry_out_unknown(s, c, c->why, c->conditions, NULL, &error);
    else
        rc = carry_out(s, c, c->words, c->count, &status, &error);
    if (rc == 0 && status == 0)
        return c->why[0] ? SHELL_UNSURE : SHELL_OK;
    snprintf(what, sizeof(what), "%.180s", error.message);
    if (!c->chain || !chain_of(s, c)) {
        snprintf(what, sizeof(what), "a rule of the chain %s, which the script does not make",
                 c->chain ? c->words[c->chain] : "?");
        script_lose(s, c->call->line, what);
    } else {
        notes_add(s->notes, NOTE_REMARK, c->call->line, NULL,
                  "Line %u can't be read, so that what its rule asks is unknown: %s", c->call->line,
                  error.message);
        add_vague(s, c, what);
    }
    return SHELL_UNSURE;
}

/* Policies: one that is not known is as if nobody had said it. */
static enum shell_status set_policy(struct script *s, struct command *c)
{
    struct rules_error error = {0};
    struct rules_chain *chain;
    int status = 0;

    if (!c->is_lost && !c->why[0] && carry_out(s, c, c->words, c->count, &status, &error) == 0) {
        chain = chain_of(s, c);
        if (chain && !status)
            chain->undeclared = false;
        return status ? SHELL_FAILED : SHELL_OK;
    }
    chain = chain_of(s, c);
    if (chain && chain->policy != RULES_POLICY_NONE)
        chain->undeclared = true;
    else
        script_lose(s, c->call->line, c->why[0] ? c->why : error.message);
    return SHELL_UNSURE;
}

/* Is the rule of a command there? What -D would take away; UNSURE: rules that are unknown may be it. */
static enum shell_status check(struct script *s, struct command *c)
{
    const char *words[ARGUMENTS_MOST];
    struct rules_error error = {0};
    int status = 0;

    if (c->is_lost || !c->chain)
        return SHELL_UNSURE;
    for (size_t i = 0; i < c->count; i++)
        words[i] = i + 1 == c->chain ? "-C" : c->words[i];
    if (carry_out(s, c, words, c->count, &status, &error))
        return SHELL_UNSURE;
    return status == 0 ? SHELL_OK : s->is_vague ? SHELL_UNSURE : SHELL_FAILED;
}

/* What takes away or changes what is there. */
static enum shell_status change(struct script *s, struct command *c)
{
    struct rules_error error = {0};
    int status = 0;

    if (!c->is_lost && !c->why[0]) {
        if (c->letter == 'F' && !c->chain)
            s->flushed = true;
        if (carry_out(s, c, c->words, c->count, &status, &error) == 0)
            return status ? SHELL_FAILED : SHELL_OK;
        /* A rule that can't be read was not added either, but as one that is unknown. */
        if (c->letter == 'D' && !table_has_rules(s, c))
            return SHELL_UNSURE;
        script_lose(s, c->call->line, error.message);
        return SHELL_UNSURE;
    }
    if (c->letter == 'Z' || (strchr("FDX", c->letter) && !c->is_lost && !table_has_rules(s, c)))
        return SHELL_UNSURE;
    if (c->letter == 'D' && c->call->mode == SHELL_MAYBE && check(s, c) == SHELL_FAILED)
        return SHELL_FAILED; /* it takes nothing away */
    script_lose(s, c->call->line, c->why);
    return SHELL_UNSURE;
}

static enum shell_status make_chain(struct script *s, struct command *c)
{
    struct rules_error error = {0};
    int status = 0;

    if (c->is_lost) {
        script_lose(s, c->call->line, c->why);
        return SHELL_UNSURE;
    }
    /* One that may not be made changes nothing unless rules jump to it, and they are unknown then, too. */
    int rc = carry_out(s, c, c->words, c->count, &status, &error);
    if (rc)
        script_lose(s, c->call->line, error.message);
    return rc || c->why[0] ? SHELL_UNSURE : status ? SHELL_FAILED : SHELL_OK;
}

enum shell_status script_command(struct script *s, const struct shell_call *call)
{
    struct command c = {.call = call};

    if (s->gave_up)
        return SHELL_UNSURE;
    if (s->commands++ == COMMANDS_MOST || s->unread > UNREAD_MOST) {
        script_lose(s, call->line,
                    s->unread > UNREAD_MOST ? "more that can't be read than is looked at, from here on"
                                            : "more commands than are looked at, from here on");
        s->gave_up = true;
        return SHELL_UNSURE;
    }
    take_words(&c);
    find_parts(&c);
    make_table(s, &c);
    switch (c.letter) {
    case 'A':
    case 'I':
        return add_rule(s, &c);
    case 'P':
        return set_policy(s, &c);
    case 'N':
        return make_chain(s, &c);
    case 'C':
        return c.is_vague ? SHELL_UNSURE : check(s, &c);
    case 'D':
    case 'R':
    case 'F':
    case 'X':
    case 'E':
    case 'Z':
        return change(s, &c);
    case '\0':
        if (c.is_lost || (call->count > 1 && c.count))
            script_lose(s, call->line, c.why[0] ? c.why : "a command of iptables that is not understood");
        return SHELL_UNSURE;
    default: /* prints only */
        return SHELL_UNSURE;
    }
}
