/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_SHELL_PRIVATE_H
#define SALLY_RULES_SHELL_PRIVATE_H

#include "rules/shell/shell.h"

struct shell_variable {
    char *name, *text;
    char *why;    /* not NULL: not known */
    bool is_list; /* an array: its words, one a line */
};

/* A variable as it was before a function or a subshell, which gets it back. */
struct shell_saved {
    char *name, *text, *why; /* text NULL: it was not set */
    bool is_list;
};

struct shell_function {
    char *name;
    const char *body;
    uint32_t line;
};

struct shell_document { /* whose text comes after the line */
    char *end;          /* the line that ends it */
    bool expands, strips;
};

enum shell_jump { JUMP_NONE, JUMP_CONTINUE, JUMP_BREAK, JUMP_RETURN, JUMP_EXIT };

struct shell {
    const char *at, *end;
    uint32_t line;
    const struct shell_host *host;
    size_t fuel;
    bool failed;  /* out of memory */
    bool is_over; /* out of fuel, or nested too deep */
    unsigned depth;
    enum shell_jump jump;  /* the rest is skipped, up to what it leads to */
    const char *maybe_why; /* why the mode is MAYBE */
    bool doubts;           /* a jump that is a maybe: the rest of the loop or function is one, too */
    bool includes;         /* another file was read: any variable may be set */
    void *spare;           /* memory of the last word that was made, for the next */
    struct shell_variable *variables;
    size_t variable_count;
    struct shell_saved *saved;
    size_t saved_count;
    size_t saves_from; /* in a subshell: what is set behind this many of saved is saved first */
    bool is_subshell;
    bool splits_oddly; /* IFS was set: where values are parted is not known */
    bool ends_on_failure, by_failure, is_inverted, may_have_ended; /* set -e */
    unsigned asking;                                               /* conditions in which it does not count */
    struct shell_function *functions;
    size_t function_count;
    struct shell_field *arguments; /* $1...; NULL: those of the script, which are not known */
    size_t argument_count;
    struct shell_document documents[8]; /* that wait for the end of the line */
    size_t document_count;
    char *document; /* of the command that was read last */
    char *document_why;
};

struct shell_words {
    struct shell_field *list;
    size_t count, capacity;
};

/* What stands behind < and > of a command. */
struct shell_redirections {
    bool has_document, reads_file, writes_settings;
};

struct shell_place {
    const char *at;
    uint32_t line;
};

struct shell_subshell { /* how it was before one */
    bool was, ended;
    size_t from;
};

/* ---- words (word.c) ---- */

/* Looks at n bytes; false: the fuel is out. */
bool shell_burn(struct shell *sh, size_t n);
void shell_skip_blanks(struct shell *sh); /* and lines that go on */
/* Is there a word here, and not an operator or the end of a line? */
bool shell_is_word(const struct shell *sh);
/* The word here as it is written, without taking it. */
size_t shell_peek(const struct shell *sh, const char **ret_word);
bool shell_peek_is(const struct shell *sh, const char *word);
/* Takes the word; expands it into fields of *ret unless that is NULL. splits: unquoted blanks of values part
 * words. */
void shell_take_word(struct shell *sh, struct shell_words *ret, bool splits);
/* Over something between parentheses, the first of which was taken. */
void shell_skip_parentheses(struct shell *sh);
/* Expands text as between double quotes. */
struct shell_field shell_expand_text(struct shell *sh, const char *text, size_t size);
void shell_words_fini(struct shell_words *w);

/* ---- lines, documents and redirections (cursor.c) ---- */

/* On by n bytes, and by the lines in them. */
void shell_step(struct shell *sh, size_t n);
/* Does what is here begin with what? */
bool shell_is_at(const struct shell *sh, const char *what);
/* Takes the word if it is the one here. false: it is not. */
bool shell_take_keyword(struct shell *sh, const char *word);
struct shell_place shell_mark(const struct shell *sh);
/* Over newlines and comments, and what documents come behind a line. */
void shell_skip_lines(struct shell *sh);
/* Over what parts commands; not ";;", which ends a case. */
void shell_skip_separators(struct shell *sh);
/* Takes a redirection and notes it in *r. false: there is none here. */
bool shell_take_redirection(struct shell *sh, struct shell_redirections *r);
/* Reads the document of a command, which comes behind its line, into sh->document. */
void shell_fetch_document(struct shell *sh, const struct shell_redirections *r);
/* Tells the host of something that can't be followed. */
void shell_lose(struct shell *sh, uint32_t line, const char *what);

/* ---- modes (mode.c) ---- */

enum shell_mode shell_weaker(enum shell_mode a, enum shell_mode b);
/* What runs if the status is wanted. */
enum shell_mode shell_mode_if(enum shell_mode mode, enum shell_status status, enum shell_status wanted);
/* The mode with regard to jumps, and to what may have ended the script. */
enum shell_mode shell_now(const struct shell *sh, enum shell_mode mode);
/* Marks why things are a maybe from here on; returns what was the reason before, for shell_because_end. */
char *shell_because(struct shell *sh, enum shell_mode before, enum shell_mode after, const char *what,
                    uint32_t line);
void shell_because_end(struct shell *sh, char *old);

/* ---- lists (run.c), what they are made of, and what holds lists again ---- */

/* Up to one of stops, which is not taken. Returns what the last command answers. */
enum shell_status shell_run_list(struct shell *sh, enum shell_mode mode, const char *const *stops);
/* A command of whatever kind, with its redirections (compound.c). */
enum shell_status shell_run_command(struct shell *sh, enum shell_mode mode);
/* Assignments and words, up to what ends them (simple.c). */
enum shell_status shell_run_simple(struct shell *sh, enum shell_mode mode);
/* What is set behind the first is as before behind the second (compound.c). */
struct shell_subshell shell_enter_subshell(struct shell *sh);
void shell_leave_subshell(struct shell *sh, struct shell_subshell before);

/* ---- functions (function.c) ---- */

/* Takes the head of a definition, "name()" or "function name"; its body comes next. false: there is none here. */
bool shell_take_function(struct shell *sh);
const struct shell_function *shell_find_function(const struct shell *sh, const char *name);
/* Runs its body with the words behind the first as arguments; words keeps as many as shift leaves. */
enum shell_status shell_call_function(struct shell *sh, enum shell_mode mode, const struct shell_function *f,
                                      struct shell_words *words);

/* ---- variables (variable.c) ---- */

/* Sets it; text and why are copied. In MAYBE it is not known whether. */
void shell_set(struct shell *sh, enum shell_mode mode, const char *name, size_t size,
               const struct shell_field *value, bool is_list);
const struct shell_variable *shell_find(const struct shell *sh, const char *name, size_t size);
void shell_unset(struct shell *sh, const char *name);
/* The variable gets back what it is now, at shell_restore. */
void shell_save(struct shell *sh, const char *name, size_t size);
void shell_restore(struct shell *sh, size_t saved_count);
/* Those whose names are in the text are not known any more: it reckons, and may set them. */
void shell_doubt_names(struct shell *sh, enum shell_mode mode, const char *at, const char *end);
/* None is known any more. */
void shell_doubt_all(struct shell *sh, const char *because);
/* Length of the name of a variable here, or 0. */
size_t shell_name_size(const char *at, const char *end);

/* ---- the shell's own commands (builtin.c) ---- */

/* Carries out a command of the shell's own, or one that changes nothing here. false: it is none. */
bool shell_builtin(struct shell *sh, enum shell_mode mode, const struct shell_words *w,
                   enum shell_status *ret);
/* What [ WORDS ] answers. */
enum shell_status shell_test(const struct shell_field *fields, size_t count);

__attribute__((format(printf, 2, 3))) char *shell_format(struct shell *sh, const char *format, ...);

#endif
