/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a script is read: its lines, the documents that come behind a line, and redirections. */
#include <stdlib.h>
#include <string.h>

#include "rules/shell/private.h"

void shell_step(struct shell *sh, size_t n)
{
    for (; n && sh->at < sh->end && shell_burn(sh, 1); n--) {
        sh->line += *sh->at == '\n';
        sh->at++;
    }
}

bool shell_is_at(const struct shell *sh, const char *what)
{
    size_t size = strlen(what);

    return (size_t)(sh->end - sh->at) >= size && memcmp(sh->at, what, size) == 0;
}

void shell_lose(struct shell *sh, uint32_t line, const char *what)
{
    sh->host->lost(sh->host->arg, line, what);
}

bool shell_take_keyword(struct shell *sh, const char *word)
{
    if (!shell_peek_is(sh, word))
        return false;
    shell_step(sh, strlen(word));
    return true;
}

struct shell_place shell_mark(const struct shell *sh)
{
    return (struct shell_place){sh->at, sh->line};
}

/* ---- documents ---- */

/* The text of a document that was announced in the line before. */
static void take_document(struct shell *sh, const struct shell_document *d)
{
    const char *from = sh->at, *to = NULL;

    while (sh->at < sh->end && !to) {
        const char *newline = memchr(sh->at, '\n', (size_t)(sh->end - sh->at));
        const char *stop = newline ? newline : sh->end, *word = sh->at;
        while (d->strips && word < stop && *word == '\t')
            word++;
        if ((size_t)(stop - word) == strlen(d->end) && memcmp(word, d->end, strlen(d->end)) == 0)
            to = sh->at;
        shell_step(sh, (size_t)(stop - sh->at) + (newline != NULL));
    }
    if (!to)
        to = sh->at;
    free(sh->document);
    free(sh->document_why);
    struct shell_field text = {.text = NULL};
    if (d->expands)
        text = shell_expand_text(sh, from, (size_t)(to - from));
    else
        text.text = strndup(from, (size_t)(to - from));
    sh->failed |= !text.text;
    sh->document = text.text;
    sh->document_why = text.why;
}

static void take_documents(struct shell *sh)
{
    for (size_t i = 0; i < sh->document_count; i++) {
        take_document(sh, &sh->documents[i]);
        free(sh->documents[i].end);
    }
    sh->document_count = 0;
}

void shell_fetch_document(struct shell *sh, const struct shell_redirections *r)
{
    const char *newline = memchr(sh->at, '\n', (size_t)(sh->end - sh->at));
    const char *here = sh->at;
    uint32_t line = sh->line;

    if (!r->has_document || !newline)
        return;
    /* Read ahead, then the rest of the line; what was read is passed over when the line ends. */
    sh->at = newline + 1;
    sh->line++;
    struct shell_document first = sh->documents[0];
    take_document(sh, &first);
    sh->at = here;
    sh->line = line;
}

/* ---- lines ---- */

void shell_skip_lines(struct shell *sh)
{
    for (;;) {
        shell_skip_blanks(sh);
        if (sh->at < sh->end && *sh->at == '#') {
            const char *newline = memchr(sh->at, '\n', (size_t)(sh->end - sh->at));
            shell_step(sh, (size_t)((newline ? newline : sh->end) - sh->at));
        }
        if (sh->at == sh->end || *sh->at != '\n')
            return;
        shell_step(sh, 1);
        take_documents(sh);
    }
}

void shell_skip_separators(struct shell *sh)
{
    for (;;) {
        shell_skip_lines(sh);
        bool is_semicolon = shell_is_at(sh, ";") && !shell_is_at(sh, ";;"),
             is_background = shell_is_at(sh, "&") && !shell_is_at(sh, "&&");
        if (!is_semicolon && !is_background)
            return;
        shell_step(sh, 1);
    }
}

/* ---- redirections ---- */

static void announce_document(struct shell *sh, struct shell_redirections *r)
{
    struct shell_words word = {0};
    struct shell_document d = {.expands = true};

    shell_step(sh, 2);
    if (shell_is_at(sh, "<")) { /* <<< WORD */
        shell_step(sh, 1);
        shell_skip_blanks(sh);
        shell_take_word(sh, NULL, false);
        r->reads_file = true;
        return;
    }
    if (shell_is_at(sh, "-")) {
        d.strips = true;
        shell_step(sh, 1);
    }
    shell_skip_blanks(sh);
    d.expands = !shell_is_at(sh, "'") && !shell_is_at(sh, "\"") && !shell_is_at(sh, "\\");
    shell_take_word(sh, &word, false);
    d.end = word.count ? strdup(word.list[0].text) : NULL;
    shell_words_fini(&word);
    if (!d.end || sh->document_count == sizeof(sh->documents) / sizeof(sh->documents[0])) {
        free(d.end);
        sh->is_over = true;
        return;
    }
    sh->documents[sh->document_count++] = d;
    r->has_document = true;
}

bool shell_take_redirection(struct shell *sh, struct shell_redirections *r)
{
    const char *at = sh->at;

    while (at < sh->end && *at >= '0' && *at <= '9')
        at++;
    if (at < sh->end && *at == '&' && at + 1 < sh->end && at[1] == '>')
        at++;
    if (at == sh->end || (*at != '<' && *at != '>'))
        return false;
    shell_step(sh, (size_t)(at - sh->at));
    if (shell_is_at(sh, "<<")) {
        announce_document(sh, r);
        return true;
    }
    bool reads = *sh->at == '<';
    struct shell_words target = {0};
    while (sh->at < sh->end && strchr("<>&|", *sh->at))
        shell_step(sh, 1);
    if (shell_is_at(sh, "(")) { /* <(...) */
        shell_step(sh, 1);
        shell_skip_parentheses(sh);
    } else {
        shell_skip_blanks(sh);
        shell_take_word(sh, &target, false);
    }
    r->reads_file |= reads;
    r->writes_settings |= !reads && target.count && strncmp(target.list[0].text, "/proc/", 6) == 0;
    shell_words_fini(&target);
    return true;
}
