/* SPDX-License-Identifier: BSD-2-Clause */
/* The shell's own commands, and those that change nothing that is asked here. */
#include <stdlib.h>
#include <string.h>

#include "rules/shell/private.h"

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ---- test ---- */

static enum shell_status answer(bool yes)
{
    return yes ? SHELL_OK : SHELL_FAILED;
}

static enum shell_status compare_numbers(const char *a, const char *sign, const char *b)
{
    char *end_a, *end_b;
    long x = strtol(a, &end_a, 10), y = strtol(b, &end_b, 10);

    if (!*a || !*b || *end_a || *end_b)
        return SHELL_UNSURE;
    return answer(is(sign, "-eq")   ? x == y
                  : is(sign, "-ne") ? x != y
                  : is(sign, "-lt") ? x < y
                  : is(sign, "-le") ? x <= y
                  : is(sign, "-gt") ? x > y
                                    : x >= y);
}

static enum shell_status compare(const char *a, const char *sign, const char *b)
{
    static const char *const numeric[] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"};

    if (is(sign, "=") || is(sign, "=="))
        return strpbrk(b, "*?[") ? SHELL_UNSURE : answer(is(a, b));
    if (is(sign, "!="))
        return strpbrk(b, "*?[") ? SHELL_UNSURE : answer(!is(a, b));
    for (size_t i = 0; i < sizeof(numeric) / sizeof(numeric[0]); i++) {
        if (is(sign, numeric[i]))
            return compare_numbers(a, sign, b);
    }
    return SHELL_UNSURE;
}

enum shell_status shell_test(const struct shell_field *fields, size_t count)
{
    bool inverted = count > 1 && is(fields[0].text, "!");
    enum shell_status s = SHELL_UNSURE;

    if (inverted) {
        fields++;
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].why)
            return SHELL_UNSURE;
    }
    if (count == 1)
        s = answer(fields[0].text[0]);
    else if (count == 2 && is(fields[0].text, "-n"))
        s = answer(fields[1].text[0]);
    else if (count == 2 && is(fields[0].text, "-z"))
        s = answer(!fields[1].text[0]);
    else if (count == 3)
        s = compare(fields[0].text, fields[1].text, fields[2].text);
    return s == SHELL_UNSURE || !inverted ? s : answer(s == SHELL_FAILED);
}

/* ---- others ---- */

/* NAME=VALUE, as arguments of export, local, readonly, declare. */
static void assign(struct shell *sh, enum shell_mode mode, const struct shell_field *field)
{
    size_t size = shell_name_size(field->text, field->text + strlen(field->text));

    if (field->why && (!size || field->text[size] != '=')) {
        shell_doubt_all(sh, "which may be set");
    } else if (size && field->text[size] == '=') {
        struct shell_field value = {.text = field->text + size + 1, .why = field->why};
        shell_set(sh, mode, field->text, size, &value, false);
    }
}

static void read_variables(struct shell *sh, enum shell_mode mode, const struct shell_words *w)
{
    for (size_t i = 1; i < w->count; i++) {
        struct shell_field value = {.text = "",
                                    .why = shell_format(sh, "which is read in line %u", sh->line)};
        size_t size = shell_name_size(w->list[i].text, w->list[i].text + strlen(w->list[i].text));
        if (size && !w->list[i].text[size])
            shell_set(sh, mode, w->list[i].text, size, &value, false);
        free(value.why);
    }
}

static void shift(struct shell *sh)
{
    if (!sh->arguments || !sh->argument_count)
        return;
    if (sh->arguments[0].text == sh->host->argument) { /* not ours to free */
        sh->argument_count = 0;
        return;
    }
    free(sh->arguments[0].text);
    free(sh->arguments[0].why);
    sh->argument_count--;
    memmove(&sh->arguments[0], &sh->arguments[1], sh->argument_count * sizeof(*sh->arguments));
}

static void assume(struct shell *sh, const char *what)
{
    sh->host->assumed(sh->host->arg, sh->line, what);
}

static void jump(struct shell *sh, enum shell_mode mode, enum shell_jump to)
{
    if (mode == SHELL_RUNS) {
        sh->jump = to;
    } else if (to == JUMP_EXIT || (to == JUMP_RETURN && !sh->arguments)) {
        assume(sh, "the script does not end here");
    } else {
        sh->doubts = true;
    }
}

/* What changes no rules, unless a word of it says otherwise (calls_others); what starts what it is given, as find
 * and xargs do, is none of them. */
static const char *const harmless[] = {"echo",
                                       "printf",
                                       "logger",
                                       "sleep",
                                       "cat",
                                       "grep",
                                       "egrep",
                                       "fgrep",
                                       "sed",
                                       "awk",
                                       "gawk",
                                       "cut",
                                       "sort",
                                       "uniq",
                                       "head",
                                       "tail",
                                       "tee",
                                       "tr",
                                       "wc",
                                       "id",
                                       "date",
                                       "which",
                                       "type",
                                       "hash",
                                       "mkdir",
                                       "rm",
                                       "cp",
                                       "mv",
                                       "ln",
                                       "touch",
                                       "chmod",
                                       "chown",
                                       "clear",
                                       "tput",
                                       "trap",
                                       "ulimit",
                                       "umask",
                                       "wait",
                                       "cd",
                                       "pwd",
                                       "ls",
                                       "basename",
                                       "dirname",
                                       "hostname",
                                       "uname",
                                       "lsmod",
                                       "ip",
                                       "ifconfig",
                                       "route",
                                       "tc",
                                       "ping",
                                       "dig",
                                       "host",
                                       "nslookup",
                                       "getent",
                                       "curl",
                                       "wget",
                                       "shopt",
                                       "alias",
                                       "unalias",
                                       "set",
                                       "getopts",
                                       "let",
                                       "expr",
                                       "seq",
                                       "stty",
                                       "log_daemon_msg",
                                       "log_end_msg",
                                       "log_begin_msg",
                                       "log_success_msg",
                                       "log_failure_msg",
                                       "log_action_msg",
                                       "action",
                                       "success",
                                       "failure",
                                       "exit_code",
                                       "iptables-save",
                                       "ip6tables-save",
                                       "iptables-legacy-save",
                                       "iptables-nft-save",
                                       "ipcalc",
                                       "sync",
                                       "kill",
                                       "ps",
                                       "pgrep",
                                       "stat",
                                       "realpath",
                                       "readlink",
                                       "mktemp"};

static bool changes_nothing(const char *name)
{
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (is(name, harmless[i]))
            return true;
    }
    return false;
}

/* They call others, or do so later. */
static bool calls_others(const struct shell_words *w)
{
    static const char *const names[] = {"xargs", "find", "trap", "awk", "gawk", "sed"};
    bool may = false, does = false;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        may |= is(w->list[0].text, names[i]);
    for (size_t i = 1; i < w->count; i++)
        does |= strstr(w->list[i].text, "tables") || strstr(w->list[i].text, "nft") || w->list[i].why;
    return may && does;
}

/* set -e, -u, -eu; set -- WORDS, which are not followed. */
static void set_options(struct shell *sh, const struct shell_words *w)
{
    for (size_t i = 1; i < w->count; i++) {
        const char *word = w->list[i].text;
        if (is(word, "--"))
            return;
        if ((word[0] == '-' || word[0] == '+') && strchr(word, 'e'))
            sh->ends_on_failure = word[0] == '-';
        if (is(word, "errexit"))
            sh->ends_on_failure = is(w->list[i - 1].text, "-o");
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_declaration(const char *name)
{
    return is(name, "export") || is(name, "local") || is(name, "readonly") || is(name, "declare") ||
           is(name, "typeset");
}

bool shell_builtin(struct shell *sh, enum shell_mode mode, const struct shell_words *w,
                   enum shell_status *ret)
{
    const char *name = base_name(w->list[0].text);

    *ret = SHELL_OK;
    if (is(name, "true") || is(name, ":") || (is(name, "exec") && w->count == 1)) {
        return true;
    } else if (is(name, "false")) {
        *ret = SHELL_FAILED;
    } else if (is(name, "[") || is(name, "test")) {
        size_t last = is(name, "[") && w->count > 1 && is(w->list[w->count - 1].text, "]") ? 1 : 0;
        *ret = shell_test(&w->list[1], w->count - 1 - last);
    } else if (is_declaration(name)) {
        for (size_t i = 1; i < w->count; i++)
            assign(sh, mode, &w->list[i]);
    } else if (is(name, "unset")) {
        for (size_t i = 1; i < w->count && mode == SHELL_RUNS; i++)
            shell_unset(sh, w->list[i].text);
    } else if (is(name, "read") || is(name, "mapfile") || is(name, "readarray")) {
        read_variables(sh, mode, w);
        *ret = SHELL_UNSURE;
    } else if (is(name, "shift")) {
        if (mode == SHELL_RUNS)
            shift(sh);
    } else if (is(name, "exit")) {
        jump(sh, mode, JUMP_EXIT);
    } else if (is(name, "return")) {
        jump(sh, mode, JUMP_RETURN);
    } else if (is(name, "break")) {
        jump(sh, mode, JUMP_BREAK);
    } else if (is(name, "continue")) {
        jump(sh, mode, JUMP_CONTINUE);
    } else if (is(name, "set")) {
        if (mode == SHELL_RUNS)
            set_options(sh, w);
        if (w->count > 1 && (is(w->list[1].text, "--") || strchr("-+", w->list[1].text[0]) == NULL))
            return false; /* other arguments for the script */
    } else if (is(name, "let") || is(name, "getopts") ||
               (is(name, "printf") && w->count > 1 && is(w->list[1].text, "-v"))) {
        for (size_t i = 1; i < w->count; i++)
            shell_doubt_names(sh, mode, w->list[i].text, strchr(w->list[i].text, '\0'));
        *ret = SHELL_UNSURE;
    } else if (changes_nothing(name) && !calls_others(w)) {
        *ret = is(name, "echo") || is(name, "printf") ? SHELL_OK : SHELL_UNSURE;
    } else {
        return false;
    }
    return true;
}
