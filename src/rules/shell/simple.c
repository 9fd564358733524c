/* SPDX-License-Identifier: BSD-2-Clause */
/* Simple commands: assignments, words, and what is called with them. */
#include <stdlib.h>
#include <string.h>

#include "rules/shell/private.h"

struct simple {
    struct shell_words words;
    struct shell_redirections redirections;
};

/* NAME=(WORDS) */
static void take_list(struct shell *sh, enum shell_mode mode, const char *name, size_t size, bool appends)
{
    const struct shell_variable *old = appends ? shell_find(sh, name, size) : NULL;
    struct shell_words words = {0};
    char *text = strdup(old ? old->text : ""), *why = old && old->why ? strdup(old->why) : NULL;

    shell_step(sh, 1);
    for (shell_skip_lines(sh); sh->at < sh->end && *sh->at != ')' && shell_is_word(sh); shell_skip_lines(sh))
        shell_take_word(sh, &words, true);
    if (shell_is_at(sh, ")"))
        shell_step(sh, 1);
    for (size_t i = 0; i < words.count && text && shell_burn(sh, strlen(text)); i++) {
        char *more = shell_format(sh, "%s%s%s", text, *text ? "\n" : "", words.list[i].text);
        free(text);
        text = more;
        if (words.list[i].why && !why)
            why = strdup(words.list[i].why);
    }
    struct shell_field value = {.text = text, .why = why};
    if (text && shell_burn(sh, strlen(text)))
        shell_set(sh, mode, name, size, &value, true);
    shell_words_fini(&words);
    free(text);
    free(why);
}

/* NAME=VALUE, NAME+=VALUE before a command, or instead of one. */
static bool take_assignment(struct shell *sh, enum shell_mode mode)
{
    size_t size = shell_name_size(sh->at, sh->end);
    const char *name = sh->at, *at = sh->at + size;
    bool appends = size && at < sh->end && *at == '+';
    struct shell_words words = {0};

    at += appends;
    if (!size || at >= sh->end || *at != '=')
        return false;
    shell_step(sh, (size_t)(at - sh->at) + 1);
    if (shell_is_at(sh, "(")) {
        take_list(sh, mode, name, size, appends);
        return true;
    }
    shell_take_word(sh, mode == SHELL_SKIPS ? NULL : &words, false);
    const struct shell_variable *old = appends ? shell_find(sh, name, size) : NULL;
    const struct shell_field *word = words.count ? &words.list[0] : NULL;
    struct shell_field value = {.text =
                                    shell_format(sh, "%s%s", old ? old->text : "", word ? word->text : ""),
                                .why = word && word->why ? word->why
                                       : old             ? old->why
                                                         : NULL};
    if (value.text && shell_burn(sh, strlen(value.text)))
        shell_set(sh, mode, name, size, &value, false);
    free(value.text);
    shell_words_fini(&words);
    return true;
}

/* sudo, env and their like stand before the command. */
static void drop_prefixes(struct shell_words *w)
{
    static const char *const prefixes[] = {"sudo", "env",     "nice",  "time", "command",
                                           "exec", "builtin", "nohup", "doas"};

    for (bool dropped = true; dropped && w->count > 1;) {
        dropped = false;
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !dropped; i++)
            dropped = strcmp(w->list[0].text, prefixes[i]) == 0;
        for (size_t n = dropped; n && w->count > 1;) {
            free(w->list[0].text);
            free(w->list[0].why);
            memmove(&w->list[0], &w->list[1], --w->count * sizeof(*w->list));
            n = w->list[0].text[0] == '-' ||
                (shell_name_size(w->list[0].text, strchr(w->list[0].text, '\0')) &&
                 strchr(w->list[0].text, '=') && w->count > 1);
        }
    }
}

/* Of these it is known that they set no rules, and no variables that scripts of rules use. */
static bool is_library(const char *file)
{
    static const char *const names[] = {"/lib/lsb/init-functions", "/etc/init.d/functions",
                                        "/etc/rc.d/init.d/functions", "/lib/init/vars.sh", "/etc/rc.status"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], file) == 0)
            return true;
    }
    return false;
}

static enum shell_status call_host(struct shell *sh, enum shell_mode mode, const struct simple *s,
                                   uint32_t line)
{
    struct shell_call call = {.mode = mode,
                              .why = sh->maybe_why ? sh->maybe_why : "what may have ended before",
                              .line = line,
                              .fields = s->words.list,
                              .count = s->words.count,
                              .document = s->redirections.has_document ? sh->document : NULL,
                              .document_why = s->redirections.has_document ? sh->document_why : NULL,
                              .reads_file = s->redirections.reads_file,
                              .writes_settings = s->redirections.writes_settings};

    return sh->host->call(sh->host->arg, &call);
}

static enum shell_status execute(struct shell *sh, enum shell_mode mode, struct simple *s, uint32_t line)
{
    enum shell_status status;

    drop_prefixes(&s->words);
    const char *name = s->words.list[0].text;
    const struct shell_function *f = s->words.list[0].why ? NULL : shell_find_function(sh, name);

    if (s->words.list[0].why) {
        char *what = shell_format(sh, "a command that is not known: it is %s", s->words.list[0].why);
        if (what)
            shell_lose(sh, line, what);
        free(what);
        return SHELL_UNSURE;
    }
    if (f)
        return shell_call_function(sh, mode, f, &s->words);
    if (strcmp(name, ".") == 0 || strcmp(name, "source") == 0) {
        if (s->words.count > 1 && is_library(s->words.list[1].text))
            return SHELL_UNSURE;
        shell_doubt_all(sh, "which a file may set");
        return call_host(sh, mode, s, line);
    }
    if (!s->redirections.writes_settings && shell_builtin(sh, mode, &s->words, &status))
        return status;
    shell_fetch_document(sh, &s->redirections);
    return call_host(sh, mode, s, line);
}

/* Commands whose arguments are assignments, of lists as well. */
static bool takes_assignments(const struct shell *sh)
{
    static const char *const names[] = {"declare", "local", "typeset", "readonly", "export"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (shell_peek_is(sh, names[i]))
            return true;
    }
    return false;
}

enum shell_status shell_run_simple(struct shell *sh, enum shell_mode mode)
{
    struct simple s = {0};
    uint32_t line = sh->line;
    enum shell_status status = SHELL_OK;
    bool names = true, assigns = false, is_local = false, oddly = sh->splits_oddly;

    mode = shell_now(sh, mode);
    for (;;) {
        shell_skip_blanks(sh);
        if (sh->at < sh->end && *sh->at == '#')
            break;
        if (shell_take_redirection(sh, &s.redirections))
            continue;
        if (is_local && mode != SHELL_SKIPS)
            shell_save(sh, sh->at, shell_name_size(sh->at, sh->end));
        if ((names || assigns) && take_assignment(sh, mode))
            continue;
        if (!shell_is_word(sh))
            break;
        assigns |= names && takes_assignments(sh);
        is_local |=
            assigns && sh->arguments && !shell_peek_is(sh, "export") && !shell_peek_is(sh, "readonly");
        names = false;
        shell_take_word(sh, mode == SHELL_SKIPS ? NULL : &s.words, true);
    }
    if (!names)
        sh->splits_oddly = oddly; /* IFS before a command is for that alone */
    if (mode != SHELL_SKIPS && s.words.count && !sh->is_over)
        status = execute(sh, mode, &s, line);
    shell_words_fini(&s.words);
    return mode == SHELL_SKIPS ? SHELL_UNSURE : status;
}
