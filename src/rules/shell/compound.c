/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compound commands: conditions, loops, cases, groups. A loop's body is read once for each time that it runs, and what
 * does not run is read once without running.
 */
#include <string.h>

#include "rules/shell/private.h"

/* [[ WORDS ]], in which operators are words. */
static enum shell_status run_brackets(struct shell *sh, enum shell_mode mode)
{
    struct shell_words words = {0};
    bool plain = true;

    shell_step(sh, 2);
    mode = shell_now(sh, mode);
    for (shell_skip_lines(sh); sh->at < sh->end && !shell_peek_is(sh, "]]"); shell_skip_lines(sh)) {
        if (shell_is_word(sh)) {
            shell_take_word(sh, mode == SHELL_SKIPS ? NULL : &words, false);
        } else {
            plain = false;
            shell_step(sh, 1);
        }
    }
    shell_step(sh, 2);
    enum shell_status status =
        plain && mode != SHELL_SKIPS ? shell_test(words.list, words.count) : SHELL_UNSURE;
    shell_words_fini(&words);
    return status;
}

static enum shell_status run_if(struct shell *sh, enum shell_mode mode)
{
    static const char *const then[] = {"then", NULL}, *const ends[] = {"elif", "else", "fi", NULL};
    enum shell_mode left = mode; /* in which mode the branches that follow are reached */
    enum shell_status status = SHELL_UNSURE;

    shell_step(sh, 2);
    for (;;) {
        uint32_t line = sh->line;
        sh->asking++;
        enum shell_status asked = shell_run_list(sh, left, then);
        sh->asking--;
        enum shell_mode here = shell_mode_if(left, asked, SHELL_OK),
                        otherwise = shell_mode_if(left, asked, SHELL_FAILED);
        if (!shell_take_keyword(sh, "then"))
            break;
        char *old =
            shell_because(sh, mode, asked == SHELL_UNSURE ? SHELL_MAYBE : mode, "the condition", line);
        enum shell_status branch = shell_run_list(sh, here, ends);
        if (here == SHELL_RUNS)
            status = branch;
        left = otherwise;
        if (shell_take_keyword(sh, "elif")) {
            shell_because_end(sh, old);
            continue;
        }
        if (shell_take_keyword(sh, "else")) {
            branch = shell_run_list(sh, left, ends);
            if (left == SHELL_RUNS)
                status = branch;
        }
        shell_because_end(sh, old);
        break;
    }
    if (!shell_take_keyword(sh, "fi"))
        sh->is_over |= sh->at < sh->end;
    return status;
}

/* ---- loops ---- */

static const char *const done[] = {"done", NULL};

/* Once through the body of a loop. */
static void run_body(struct shell *sh, enum shell_mode mode, struct shell_place body)
{
    if (sh->is_over)
        return;
    sh->at = body.at;
    sh->line = body.line;
    (void)shell_run_list(sh, mode, done); /* what a loop answers is not asked */
    if (sh->jump == JUMP_CONTINUE)
        sh->jump = JUMP_NONE;
}

static void end_loop(struct shell *sh, bool doubts)
{
    sh->doubts = doubts;
    if (sh->jump == JUMP_BREAK)
        sh->jump = JUMP_NONE;
    if (!shell_take_keyword(sh, "done"))
        sh->is_over |= sh->at < sh->end;
}

static bool find_body(struct shell *sh)
{
    shell_skip_separators(sh);
    return shell_take_keyword(sh, "do") || shell_take_keyword(sh, "{");
}

static enum shell_status run_for(struct shell *sh, enum shell_mode mode)
{
    struct shell_words words = {0};
    uint32_t line = sh->line;
    bool doubts = sh->doubts, counts = false;

    shell_step(sh, shell_peek_is(sh, "for") ? 3 : 6);
    mode = shell_now(sh, mode);
    shell_skip_blanks(sh);
    const char *name = sh->at;
    size_t size = shell_name_size(sh->at, sh->end);
    shell_step(sh, size);
    if (!size && shell_is_at(sh, "((")) {
        const char *from = sh->at;
        counts = true;
        shell_step(sh, 1);
        shell_skip_parentheses(sh);
        shell_doubt_names(sh, mode, from, sh->at);
    }
    shell_skip_lines(sh);
    if (shell_take_keyword(sh, "in")) {
        for (shell_skip_blanks(sh); shell_is_word(sh); shell_skip_blanks(sh))
            shell_take_word(sh, mode == SHELL_SKIPS ? NULL : &words, true);
    } else {
        counts = true;
    }
    if (!find_body(sh)) {
        sh->is_over = true;
        shell_words_fini(&words);
        return SHELL_UNSURE;
    }
    struct shell_place body = shell_mark(sh);
    for (size_t i = 0; i < words.count && !sh->is_over && !sh->jump; i++) {
        enum shell_mode here = words.list[i].why ? shell_weaker(mode, SHELL_MAYBE) : mode;
        char *old = shell_because(sh, mode, here, "what is looped over", line);
        shell_set(sh, words.list[i].why ? SHELL_RUNS : mode, name, size, &words.list[i], false);
        run_body(sh, here, body);
        shell_because_end(sh, old);
    }
    if (counts && mode != SHELL_SKIPS) {
        char *old = shell_because(sh, mode, SHELL_MAYBE, "how often it loops", line);
        run_body(sh, shell_weaker(mode, SHELL_MAYBE), body);
        shell_because_end(sh, old);
    } else if (!words.count || sh->jump) {
        enum shell_jump jump = sh->jump;
        run_body(sh, SHELL_SKIPS, body);
        sh->jump = jump;
    }
    shell_words_fini(&words);
    end_loop(sh, doubts);
    return SHELL_OK;
}

/* As long as it is known that it goes on, then maybe once more. */
static enum shell_status run_while(struct shell *sh, enum shell_mode mode)
{
    static const char *const begins[] = {"do", NULL};
    enum shell_status wanted = shell_peek_is(sh, "until") ? SHELL_FAILED : SHELL_OK, asked;
    bool doubts = sh->doubts;
    uint32_t line = sh->line;

    shell_step(sh, 5);
    mode = shell_now(sh, mode);
    struct shell_place condition = shell_mark(sh);
    for (unsigned times = 0;; times++) {
        sh->at = condition.at;
        sh->line = condition.line;
        sh->asking++;
        asked = shell_run_list(sh, mode, begins);
        sh->asking--;
        if (!find_body(sh)) {
            sh->is_over = true;
            break;
        }
        if (times == SHELL_TURNS && asked == wanted)
            shell_lose(sh, line, "a loop that may never end");
        if (times == SHELL_TURNS || asked != wanted || mode != SHELL_RUNS || sh->is_over)
            break;
        run_body(sh, mode, shell_mark(sh));
        if (sh->jump)
            break;
    }
    enum shell_mode last =
        sh->jump ? SHELL_SKIPS
                 : shell_weaker(shell_mode_if(mode, asked, wanted), mode == SHELL_SKIPS ? mode : SHELL_MAYBE);
    char *old = shell_because(sh, mode, last, "how often it loops", line);
    if (!sh->is_over && !shell_peek_is(sh, "done"))
        run_body(sh, last, shell_mark(sh));
    shell_because_end(sh, old);
    end_loop(sh, doubts);
    return SHELL_UNSURE;
}

/* ---- case ---- */

/* Is it certain that the pattern is the word (OK), or not (FAILED)? */
static enum shell_status fits_pattern(const struct shell_field *word, const char *pattern, size_t size)
{
    if (size == 1 && *pattern == '*')
        return SHELL_OK;
    if (word->why || memchr(pattern, '*', size) || memchr(pattern, '?', size) || memchr(pattern, '[', size) ||
        memchr(pattern, '$', size))
        return SHELL_UNSURE;
    while (size && (*pattern == '"' || *pattern == '\'')) {
        pattern++;
        size -= size > 1 ? 2 : 1;
    }
    return strlen(word->text) == size && memcmp(word->text, pattern, size) == 0 ? SHELL_OK : SHELL_FAILED;
}

/* The patterns of a branch, up to its parenthesis. */
static enum shell_status take_patterns(struct shell *sh, const struct shell_field *word)
{
    enum shell_status status = SHELL_FAILED;

    if (shell_is_at(sh, "("))
        shell_step(sh, 1);
    while (sh->at < sh->end && *sh->at != ')' && !sh->is_over) {
        shell_skip_blanks(sh);
        const char *pattern = sh->at;
        while (sh->at < sh->end && !strchr("|) \t\n", *sh->at))
            shell_step(sh, 1);
        enum shell_status one = fits_pattern(word, pattern, (size_t)(sh->at - pattern));
        if (one == SHELL_OK || (one == SHELL_UNSURE && status == SHELL_FAILED))
            status = one;
        shell_skip_lines(sh);
        if (shell_is_at(sh, "|"))
            shell_step(sh, 1);
        else if (sh->at == pattern)
            sh->is_over = true; /* no pattern: this is not understood */
    }
    shell_step(sh, 1);
    return status;
}

static enum shell_status run_case(struct shell *sh, enum shell_mode mode)
{
    static const char *const ends[] = {";;", "esac", NULL};
    struct shell_words words = {0};
    struct shell_field none = {.text = (char[]){""}, .why = NULL};
    uint32_t line = sh->line;

    shell_step(sh, 4);
    mode = shell_now(sh, mode);
    shell_skip_blanks(sh);
    shell_take_word(sh, mode == SHELL_SKIPS ? NULL : &words, false);
    const struct shell_field *word = words.count ? &words.list[0] : &none;
    enum shell_mode left = mode;
    shell_skip_lines(sh);
    if (!shell_take_keyword(sh, "in"))
        sh->is_over = true;
    char *old = shell_because(sh, mode, word->why ? SHELL_MAYBE : mode, "what the case asks", line);
    for (shell_skip_lines(sh); sh->at < sh->end && !shell_peek_is(sh, "esac") && !sh->is_over;
         shell_skip_lines(sh)) {
        enum shell_status fits = take_patterns(sh, word);
        (void)shell_run_list(sh, shell_mode_if(left, fits, SHELL_OK),
                             ends); /* a case's own answer is not asked */
        left = shell_mode_if(left, fits, SHELL_FAILED);
        while (shell_is_at(sh, ";") || shell_is_at(sh, "&"))
            shell_step(sh, 1);
    }
    shell_because_end(sh, old);
    if (!shell_take_keyword(sh, "esac"))
        sh->is_over |= sh->at < sh->end;
    shell_words_fini(&words);
    return SHELL_UNSURE;
}

/* ---- groups ---- */

static enum shell_status run_group(struct shell *sh, enum shell_mode mode, const char *end)
{
    const char *const ends[] = {end, NULL};

    shell_step(sh, 1);
    enum shell_status status = shell_run_list(sh, mode, ends);
    if (shell_is_at(sh, end))
        shell_step(sh, 1);
    else
        sh->is_over |= sh->at < sh->end;
    return status;
}

struct shell_subshell shell_enter_subshell(struct shell *sh)
{
    struct shell_subshell before = {sh->is_subshell, sh->jump != JUMP_NONE, sh->saves_from};

    sh->is_subshell = true;
    sh->saves_from = sh->saved_count;
    return before;
}

void shell_leave_subshell(struct shell *sh, struct shell_subshell before)
{
    shell_restore(sh, sh->saves_from);
    sh->is_subshell = before.was;
    sh->saves_from = before.from;
    if (sh->jump && !before.ended)
        sh->jump = JUMP_NONE; /* it ended the subshell alone */
}

static enum shell_status run_subshell(struct shell *sh, enum shell_mode mode)
{
    struct shell_subshell before = shell_enter_subshell(sh);
    enum shell_status status = run_group(sh, mode, ")");

    shell_leave_subshell(sh, before);
    return status;
}

/* ---- whichever it is ---- */

static enum shell_status run_nested(struct shell *sh, enum shell_mode mode)
{
    static const struct {
        const char *word;
        enum shell_status (*run)(struct shell *sh, enum shell_mode mode);
    } compounds[] = {{"if", run_if},       {"for", run_for},   {"select", run_for}, {"while", run_while},
                     {"until", run_while}, {"case", run_case}, {"[[", run_brackets}};

    for (size_t i = 0; i < sizeof(compounds) / sizeof(compounds[0]); i++) {
        if (shell_peek_is(sh, compounds[i].word))
            return compounds[i].run(sh, mode);
    }
    if (shell_is_at(sh, "((")) {
        const char *from = sh->at;
        shell_step(sh, 1);
        shell_skip_parentheses(sh);
        shell_doubt_names(sh, shell_now(sh, mode), from, sh->at);
        return SHELL_UNSURE;
    }
    if (shell_is_at(sh, "("))
        return run_subshell(sh, mode);
    if (shell_peek_is(sh, "{"))
        return run_group(sh, mode, "}");
    if (shell_take_function(sh)) {
        (void)shell_run_command(sh, SHELL_SKIPS); /* its body, over which this reads */
        return SHELL_OK;
    }
    return shell_run_simple(sh, mode);
}

enum shell_status shell_run_command(struct shell *sh, enum shell_mode mode)
{
    struct shell_redirections r = {0};

    if (++sh->depth > SHELL_DEPTH)
        sh->is_over = true;
    enum shell_status status = sh->is_over ? SHELL_UNSURE : run_nested(sh, mode);
    sh->depth--;
    for (shell_skip_blanks(sh); shell_take_redirection(sh, &r);
         shell_skip_blanks(sh)) /* of a compound command */
        ;
    return status;
}
