/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_SHELL_H
#define SALLY_CMD_SALLY_SHELL_H

#include "client/folder.h"
#include "cmd/sally/command.h"

enum { SHELL_PATH = 4096, SHELL_WORDS = 256 };

/* What a word of a command is, so that it can be completed. */
enum shell_word { SHELL_NOTHING, SHELL_HERE, SHELL_THERE, SHELL_THERE_FOLDER, SHELL_BOOKMARK };

struct shell {
    struct options o;
    struct show *show;
    struct session *s;      /* NULL: none is open */
    struct options used;    /* by it */
    struct client_url url;  /* its server */
    char there[SHELL_PATH]; /* the folder at the server */
    struct client_folder
        kept;        /* of it that was listed for completion last: kept_path. Read by shell_listing. */
    char *kept_path; /* NULL: nothing is kept */
    char **set;      /* what set was told, which options point into. Owned. */
    size_t set_count;
    bool is_over;
};

/* ---- shell_line.c: reading lines ---- */

struct shell_line;
/* From the terminal, with history and completion, or else standard input as it comes. NULL: no memory. */
MUST_USE struct shell_line *shell_line_new(struct shell *sh);
void shell_line_free(struct shell_line **l);
/* The next line, until the next call; "" after Ctrl-C; NULL: there is none. */
const char *shell_line_read(struct shell_line *l);
bool shell_line_has_person(const struct shell_line *l);

/* ---- shell.c ---- */

/* Of a command's word number i, 1 is the first behind its name; of its name: SHELL_NOTHING. */
enum shell_word shell_word_kind(const char *command, unsigned i);
/* The command whose name is number i in order; NULL: there are no more. */
const char *shell_command_name(unsigned i);
/* What a folder at the server holds, asked for once until something is changed there. NULL: it can't be said. */
const struct client_folder *shell_listing(struct shell *sh, const char *path);
/* The path at the server that a word means. The caller's to free; NULL: no memory. */
MUST_USE char *shell_there(const struct shell *sh, const char *word);

/* ---- bookmarks.c: names of URLs, a line each, in a file of the person's ---- */

/* The URL; NULL: there is none of this name. The caller's to free. */
MUST_USE char *bookmark_find(const char *name);
/* Puts it in place of one of this name; url NULL: takes that away. False: said why. */
bool bookmark_set(const char *name, const char *url);
/* Calls tell for each. */
void bookmark_each(void (*tell)(void *arg, const char *name, const char *url), void *arg);

#endif
