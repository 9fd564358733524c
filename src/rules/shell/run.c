/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A script, carried out while it is read: its lists and pipelines, what follows from their answers (&&, ||, set -e),
 * and the whole.
 */
#include "rules/shell/shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/shell/private.h"

/* ---- lists ---- */

static bool is_stop(const struct shell *sh, const char *const *stops)
{
    for (; *stops; stops++) {
        if (strcmp(*stops, ";;") == 0 || strcmp(*stops, ")") == 0 ? shell_is_at(sh, *stops)
                                                                  : shell_peek_is(sh, *stops))
            return true;
    }
    return false;
}

static enum shell_status run_pipeline(struct shell *sh, enum shell_mode mode)
{
    bool inverted = false, piped = false;

    shell_skip_blanks(sh);
    while (shell_take_keyword(sh, "!")) {
        inverted = !inverted;
        shell_skip_blanks(sh);
    }
    sh->asking += inverted;
    enum shell_status status = shell_run_command(sh, mode);
    for (shell_skip_blanks(sh); shell_is_at(sh, "|") && !shell_is_at(sh, "||"); shell_skip_blanks(sh)) {
        struct shell_subshell before = shell_enter_subshell(sh);
        shell_step(sh, shell_is_at(sh, "|&") ? 2 : 1);
        shell_skip_lines(sh);
        piped = true;
        status = shell_run_command(sh, mode);
        shell_leave_subshell(sh, before);
    }
    sh->asking -= inverted;
    sh->is_inverted = inverted;
    if (piped || status == SHELL_UNSURE)
        return SHELL_UNSURE;
    return inverted ? (status == SHELL_OK ? SHELL_FAILED : SHELL_OK) : status;
}

/* set -e: what fails ends the script, where nobody asks. */
static void end_on_failure(struct shell *sh, enum shell_mode mode, enum shell_status status)
{
    if (status == SHELL_OK || !sh->ends_on_failure || sh->asking || mode == SHELL_SKIPS || sh->jump)
        return;
    if (mode == SHELL_MAYBE) {
        sh->may_have_ended |= status == SHELL_FAILED;
        return;
    }
    if (status == SHELL_UNSURE) {
        sh->host->assumed(sh->host->arg, 0,
                          "nothing fails whose outcome is not known: set -e would end the script");
        return;
    }
    sh->host->assumed(sh->host->arg, sh->line, "what fails here ends the script, as set -e has it");
    sh->jump = JUMP_EXIT;
    sh->by_failure = true;
}

static void undo_end(struct shell *sh, uint32_t line)
{
    if (sh->jump != JUMP_EXIT || !sh->by_failure)
        return;
    sh->jump = JUMP_NONE;
    sh->by_failure = false;
    shell_lose(sh, line, "what goes on behind a failure");
}

static enum shell_status run_and_or(struct shell *sh, enum shell_mode mode)
{
    uint32_t line = sh->line;
    bool ran = sh->jump == JUMP_NONE;
    enum shell_mode here = mode;
    enum shell_status status = run_pipeline(sh, mode), last = status;

    for (;;) {
        shell_skip_blanks(sh);
        bool is_and = shell_is_at(sh, "&&"), is_or = shell_is_at(sh, "||");
        if (!is_and && !is_or) {
            end_on_failure(sh, here, sh->is_inverted ? SHELL_OK : last);
            return status;
        }
        if (ran)
            undo_end(sh, line); /* of a function whose failure is asked here */
        shell_step(sh, 2);
        shell_skip_lines(sh);
        enum shell_status wanted = is_and ? SHELL_OK : SHELL_FAILED;
        here = shell_mode_if(mode, status, wanted);
        char *old = shell_because(sh, mode, here, "what stands before it", line);
        last = run_pipeline(sh, here);
        shell_because_end(sh, old);
        if (status == wanted)
            status = last;
    }
}

enum shell_status shell_run_list(struct shell *sh, enum shell_mode mode, const char *const *stops)
{
    enum shell_status status = SHELL_OK;

    for (shell_skip_separators(sh); sh->at < sh->end && !is_stop(sh, stops); shell_skip_separators(sh)) {
        const char *before = sh->at;
        status = run_and_or(sh, shell_now(sh, mode));
        if (sh->at == before) { /* what is here begins no command */
            if (!sh->is_over && mode != SHELL_SKIPS)
                shell_lose(sh, sh->line, "what is no command of a shell");
            sh->is_over = true; /* line stays what it is */
            sh->at = sh->end;
        }
    }
    return status;
}

/* ---- the whole ---- */

static void shell_fini(struct shell *sh)
{
    for (size_t i = 0; i < sh->variable_count; i++) {
        free(sh->variables[i].name);
        free(sh->variables[i].text);
        free(sh->variables[i].why);
    }
    for (size_t i = 0; i < sh->function_count; i++)
        free(sh->functions[i].name);
    for (size_t i = 0; i < sh->document_count; i++)
        free(sh->documents[i].end);
    for (size_t i = 0; i < sh->saved_count; i++) {
        free(sh->saved[i].name);
        free(sh->saved[i].text);
        free(sh->saved[i].why);
    }
    free(sh->saved);
    free(sh->spare);
    free(sh->variables);
    free(sh->functions);
    free(sh->document);
    free(sh->document_why);
}

int shell_run(const char *text, size_t size, const struct shell_host *host)
{
    static const char *const none[] = {NULL};
    struct shell sh = {.at = text, .end = text + size, .line = 1, .host = host, .fuel = SHELL_FUEL + size};
    struct shell_field argument = {.text = (char *)(uintptr_t)host->argument};

    if (host->argument) {
        sh.arguments = &argument;
        sh.argument_count = 1;
    }

    (void)shell_run_list(&sh, SHELL_RUNS, none); /* what the script answers is not asked */
    if (sh.is_over)
        shell_lose(&sh, sh.line, "all that stands from here on");
    int rc = sh.failed ? -ENOMEM : sh.is_over ? -E2BIG : 0;
    shell_fini(&sh);
    return rc;
}
