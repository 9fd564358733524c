/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_READER_H
#define SALLY_RULES_LANGUAGE_READER_H

#include "base/result.h"
#include "rules/language/line.h"
#include "rules/language/option.h"

/* Shared by line.c (words and commands), header.c (the rule's header), parts.c (matches and
 * targets) and finish.c. */
struct line_reader {
    const struct rules *r;
    struct rules_words *words;
    struct rules_error *error;
    struct line *line;
    struct rules_parse p;
    struct option_owners *owners;
    struct option_owner *opaque; /* words that are no options are its: an option of it came before them */
    bool in_file;
    bool inverted;    /* "!" came just before */
    const char *jump; /* after -j or -g; looked up when all is read */
    size_t jump_word;
    uint32_t seen_word[128]; /* place + 1 of each core option that was given */
};

enum line_after { AFTER_NOTHING, AFTER_NUMBER_MAYBE, AFTER_NUMBER, AFTER_NAME };

/* What a command looks like. */
struct line_form {
    char letter;
    uint8_t command; /* enum line_command */
    uint8_t after;   /* enum line_after: what follows the chain */
    const char *name;
    const char *allowed; /* letters of the options that may stand with it */
};

/* By letter: NULL if it is no command's. */
const struct line_form *line_form_of_letter(char letter);
const struct line_form *line_form_of_command(enum line_command command);

/* The words, with the one at place being what messages are about. */
struct rules_words *line_blame(struct line_reader *l, size_t place);

/* An option that is no command (header.c); word: its argument or NULL. */
MUST_USE int line_take_header(struct line_reader *l, char letter, const char *word, bool inverted);
/* -m NAME, -j NAME, -g CHAIN. */
MUST_USE int line_take_match(struct line_reader *l, const char *word, bool inverted);
MUST_USE int line_take_jump(struct line_reader *l, const char *word, bool inverted);
MUST_USE int line_take_goto(struct line_reader *l, const char *word, bool inverted);
/* A long option that the core does not have. value: what stood behind '=', or NULL. */
MUST_USE int line_take_part_option(struct line_reader *l, const struct option_found *found,
                                   const char *value);
/* Loads the match that -p implies, if it has the option: 1. 0: it hasn't, or is there already. */
MUST_USE int line_load_implied(struct line_reader *l, const char *name, size_t size);
/* A word for an opaque match or target; the "!" before it too. */
MUST_USE int line_take_opaque(struct line_reader *l, struct option_owner *owner, const char *word);
/* All words are read: checks the line as a whole and completes the rule (finish.c). */
MUST_USE int line_finish(struct line_reader *l);
/* All is read: what was needed is there, and fits the rule. */
MUST_USE int line_finish_parts(struct line_reader *l);

#endif
