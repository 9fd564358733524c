/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines from a terminal (libedit: history, completion of commands and of names here and there), or from a script. */
#include "cmd/sally/places.h"
#include "cmd/sally/shell.h"

#include <dirent.h>
#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { HISTORY = 1000, NAMES = 2000, WORD = 1024 };

struct shell_line {
    struct shell *sh;
    EditLine *editor; /* NULL: no terminal */
    History *history;
    char *history_file; /* NULL: nothing is kept */
    char *line;         /* owned */
    size_t cap;
    char prompt[256];
};

/* ---- what a word may become ---- */

struct names {
    char *name[NAMES];
    size_t count;
};

static void add_name(struct names *n, const char *name, const char *start, bool is_folder)
{
    char *text;

    if (n->count < NAMES && strncmp(name, start, strlen(start)) == 0 &&
        asprintf(&text, "%s%s", name, is_folder ? "/" : "") >= 0)
        n->name[n->count++] = text;
}

static void add_commands(struct names *n, const char *start)
{
    const char *name;

    for (unsigned i = 0; (name = shell_command_name(i)); i++)
        add_name(n, name, start, false);
}

static void add_there(struct names *n, struct shell *sh, const char *folder, const char *start,
                      bool only_folders)
{
    char *path = shell_there(sh, folder);
    const struct client_folder *listing = path ? shell_listing(sh, path) : NULL;

    for (size_t i = 0; listing && i < listing->count; i++) {
        const struct client_entry *e = &listing->entries[i];
        bool is_folder = e->kind == FTP_LISTED_FOLDER;
        if (!e->flaws && (is_folder || !only_folders))
            add_name(n, e->name, start, is_folder);
    }
    free(path);
}

static void add_here(struct names *n, const char *folder, const char *start)
{
    DIR *dir = opendir(*folder ? folder : ".");

    for (const struct dirent *d; dir && (d = readdir(dir));)
        if (*d->d_name != '.' || *start == '.')
            add_name(n, d->d_name, start, d->d_type == DT_DIR);
    if (dir)
        closedir(dir);
}

static void add_bookmark(void *arg, const char *name, const char *url)
{
    struct names *n = arg;

    (void)url;
    add_name(n, name, "", false);
}

/* word: what stands before the cursor, number i of its command. Returns where in word the names begin: behind its last slash. */
static const char *find_names(struct shell *sh, const char *command, unsigned i, const char *word,
                              struct names *n)
{
    const char *slash = strrchr(word, '/'), *start = slash ? slash + 1 : word;
    char folder[WORD];
    enum shell_word kind = shell_word_kind(command, i);

    snprintf(folder, sizeof(folder), "%.*s", (int)(slash == word ? 1 : start - word), word);
    if (i == 0)
        add_commands(n, word);
    else if (kind == SHELL_HERE)
        add_here(n, folder, start);
    else if (kind == SHELL_THERE || kind == SHELL_THERE_FOLDER)
        add_there(n, sh, folder, start, kind == SHELL_THERE_FOLDER);
    else if (kind == SHELL_BOOKMARK)
        bookmark_each(add_bookmark, n);
    for (size_t at = 0; at < n->count; at++) /* bookmarks come as they are */
        if (strncmp(n->name[at], start, strlen(start)) != 0) {
            free(n->name[at]);
            n->name[at--] = n->name[--n->count];
        }
    return start;
}

static size_t common_length(const struct names *n)
{
    size_t len = strlen(n->name[0]);

    for (size_t i = 1; i < n->count; i++)
        for (size_t at = 0; at < len; at++)
            if (n->name[i][at] != n->name[0][at])
                len = at;
    return len;
}

/* Types text, so that it stays one word; a finished one is followed by a blank. */
static void type(EditLine *el, const char *text, size_t len, bool is_finished)
{
    char typed[2 * WORD + 2], *to = typed;

    for (size_t i = 0; i < len && i < WORD; i++) {
        if (strchr(" \t\\'\"", text[i]))
            *to++ = '\\';
        *to++ = text[i];
    }
    if (is_finished)
        *to++ = ' ';
    *to = '\0';
    (void)!el_insertstr(el, typed); /* a line that is full stays as it is */
}

/* A server's names may move the cursor. */
static void print_names(const struct names *n)
{
    putchar('\n');
    for (size_t i = 0; i < n->count; i++) {
        char text[SPEECH_TEXT];
        puts(speech_text(SPEECH_VERBATIM, (const char *const[SPEECH_WORDS]){n->name[i], "", "", ""}, text,
                         sizeof(text)));
    }
}

static unsigned char complete(EditLine *el, int key)
{
    struct shell_line *l;
    const LineInfo *info = el_line(el);
    Tokenizer *t = tok_init(NULL);
    struct names *n = calloc(1, sizeof(*n));
    const char **words, *start;
    int count, word, at;
    unsigned char result = CC_ERROR;

    (void)key;
    if (t && n && el_get(el, EL_CLIENTDATA, &l) == 0 && tok_line(t, info, &count, &words, &word, &at) >= 0) {
        char now[WORD];
        /* What is behind the cursor is left as it is. */
        snprintf(now, sizeof(now), "%.*s", at, word < count ? words[word] : "");
        start = find_names(l->sh, count > 0 ? words[0] : "", (unsigned)word, now, n);
        if (n->count > 0) {
            size_t typed = strlen(start), len = common_length(n);
            bool is_one = n->count == 1, is_folder = is_one && len > 0 && n->name[0][len - 1] == '/';
            if (len > typed || is_one)
                type(el, n->name[0] + typed, len - typed, is_one && !is_folder);
            else
                print_names(n);
            result = len > typed || is_one ? CC_REFRESH : CC_REDISPLAY;
        }
        for (size_t i = 0; i < n->count; i++)
            free(n->name[i]);
    }
    free(n);
    if (t)
        tok_end(t);
    return result;
}

/* ---- the terminal ---- */

static char *prompt(EditLine *el)
{
    struct shell_line *l;

    if (el_get(el, EL_CLIENTDATA, &l) < 0)
        return (char *)(uintptr_t)"> ";
    if (l->sh->s) { /* the server says where it is */
        char there[SPEECH_TEXT];
        speech_text(SPEECH_VERBATIM, (const char *const[SPEECH_WORDS]){l->sh->there, "", "", ""}, there,
                    sizeof(there));
        snprintf(l->prompt, sizeof(l->prompt), "%.60s:%.120s> ", l->sh->url.host, there);
    } else {
        snprintf(l->prompt, sizeof(l->prompt), "sally> ");
    }
    return l->prompt;
}

static void open_history(struct shell_line *l)
{
    HistEvent event;

    l->history = history_init();
    l->history_file = place_made(PLACE_STATE, "history");
    if (!l->history)
        return;
    history(l->history, &event, H_SETSIZE, HISTORY);
    history(l->history, &event, H_SETUNIQUE, 1);
    if (l->history_file)
        history(l->history, &event, H_LOAD, l->history_file); /* there may be none yet */
    el_set(l->editor, EL_HIST, history, l->history);
}

struct shell_line *shell_line_new(struct shell *sh)
{
    struct shell_line *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->sh = sh;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return l;
    l->editor = el_init("sally", stdin, stdout, stderr);
    if (!l->editor)
        return l;
    el_set(l->editor, EL_CLIENTDATA, l);
    el_set(l->editor, EL_PROMPT, prompt);
    el_set(l->editor, EL_EDITOR, "emacs");
    el_set(l->editor, EL_ADDFN, "complete", "Complete a name", complete);
    el_set(l->editor, EL_BIND, "^I", "complete", NULL);
    open_history(l);
    el_source(l->editor, NULL); /* ~/.editrc, if there is one */
    return l;
}

void shell_line_free(struct shell_line **l)
{
    HistEvent event;

    if (!*l)
        return;
    if ((*l)->history && (*l)->history_file)
        history((*l)->history, &event, H_SAVE, (*l)->history_file);
    if ((*l)->history)
        history_end((*l)->history);
    if ((*l)->editor)
        el_end((*l)->editor);
    free((*l)->history_file);
    free((*l)->line);
    free(*l);
    *l = NULL;
}

bool shell_line_has_person(const struct shell_line *l)
{
    return l->editor;
}

/* PASS or ACCT, said to the server as it is; or a URL in which there is a password, which is refused. */
static bool has_secret(const char *line)
{
    const char *said = strcasestr(line, "quote");

    if (said)
        said += strlen("quote") + strspn(said + strlen("quote"), " \t\"'\\");
    return client_url_may_have_password(line) ||
           (said && (strncasecmp(said, "PASS", 4) == 0 || strncasecmp(said, "ACCT", 4) == 0));
}

static const char *read_edited(struct shell_line *l)
{
    int count;
    const char *line = el_gets(l->editor, &count);
    HistEvent event;

    if (!line && errno == EINTR) {
        el_set(l->editor, EL_UNBUFFERED, 0); /* and so the line that was begun is gone */
        putchar('\n');
        return "";
    }
    if (line && count > 1 && l->history && !has_secret(line))
        history(l->history, &event, H_ENTER, line);
    return count > 0 ? line : NULL;
}

const char *shell_line_read(struct shell_line *l)
{
    ssize_t n;

    errno = 0;
    if (l->editor)
        return read_edited(l);
    n = getline(&l->line, &l->cap, stdin);
    if (n > 0 && l->line[n - 1] == '\n')
        l->line[n - 1] = '\0';
    return n < 0 ? NULL : l->line;
}
