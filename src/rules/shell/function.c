/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions: defined, found again and called. */
#include <stdlib.h>
#include <string.h>

#include "rules/shell/private.h"

/* What is defined again takes the place of what was. */
static void keep_function(struct shell *sh, const char *name, size_t size)
{
    for (size_t i = 0; i < sh->function_count; i++) {
        struct shell_function *f = &sh->functions[i];
        if (strlen(f->name) == size && memcmp(f->name, name, size) == 0) {
            f->body = sh->at;
            f->line = sh->line;
            return;
        }
    }
    if (sh->function_count == SHELL_FUNCTIONS) {
        sh->is_over = true;
        return;
    }
    struct shell_function *list = reallocarray(sh->functions, sh->function_count + 1, sizeof(*list));
    char *copy = strndup(name, size);
    sh->failed |= !list || !copy;
    sh->functions = list ? list : sh->functions;
    if (list && copy)
        list[sh->function_count++] = (struct shell_function){copy, sh->at, sh->line};
    else
        free(copy);
}

bool shell_take_function(struct shell *sh)
{
    bool keyword = shell_peek_is(sh, "function");
    struct shell_place here = shell_mark(sh);
    const char *name;

    if (keyword) {
        shell_step(sh, 8);
        shell_skip_blanks(sh);
    }
    size_t size = shell_peek(sh, &name);
    const char *after = name + size;
    while (after < sh->end && (*after == ' ' || *after == '\t'))
        after++;
    bool parentheses = after < sh->end && *after == '(';
    const char *closing = parentheses ? after + 1 : after;
    while (parentheses && closing < sh->end && *closing == ' ')
        closing++;
    if (!size || memchr(name, '=', size) ||
        (!keyword && (!parentheses || closing == sh->end || *closing != ')'))) {
        sh->at = here.at;
        sh->line = here.line;
        return false;
    }
    shell_step(sh, (size_t)((parentheses ? closing + 1 : after) - sh->at));
    shell_skip_lines(sh);
    keep_function(sh, name, size);
    return true;
}

const struct shell_function *shell_find_function(const struct shell *sh, const char *name)
{
    for (size_t i = 0; i < sh->function_count; i++) {
        if (strcmp(sh->functions[i].name, name) == 0)
            return &sh->functions[i];
    }
    return NULL;
}

enum shell_status shell_call_function(struct shell *sh, enum shell_mode mode, const struct shell_function *f,
                                      struct shell_words *words)
{
    const char *here = sh->at;
    uint32_t line = sh->line;
    struct shell_field *arguments = sh->arguments;
    size_t count = sh->argument_count;
    bool doubts = sh->doubts;

    if (sh->depth >= SHELL_DEPTH) {
        shell_lose(sh, line, "functions that call one another too deep");
        return SHELL_UNSURE;
    }
    sh->at = f->body;
    sh->line = f->line;
    sh->arguments = words->list + 1;
    sh->argument_count = words->count - 1;
    size_t saved = sh->saved_count;
    enum shell_status status = shell_run_command(sh, mode);
    shell_restore(sh, saved);
    words->count = sh->argument_count + 1; /* as many as shift has left */
    sh->arguments = arguments;
    sh->argument_count = count;
    sh->doubts = doubts;
    if (sh->jump == JUMP_RETURN)
        sh->jump = JUMP_NONE;
    sh->at = sh->is_over ? sh->end : here;
    sh->line = line;
    return status;
}
