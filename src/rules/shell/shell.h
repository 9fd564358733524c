/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_SHELL_SHELL_H
#define SALLY_RULES_SHELL_SHELL_H

/*
 * What a shell script would call, as far as that can be told without running it: nothing is ever run. Variables that
 * are set to words, loops over words, functions, and conditions that compare words are followed. What is not known (what a program prints, what a file
 * holds, arguments and environment) makes words unknown, and what depends on it a maybe; each with the reason.
 *
 * The script is hostile: the work is bounded by SHELL_FUEL bytes read or made, whatever loops it holds; then the
 * rest is not followed, and shell_run says so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum {
    SHELL_FUEL = 1 << 22, /* bytes that are looked at and made by expansion, besides those of the text */
    SHELL_WORD = 1 << 14, /* bytes of a word */
    SHELL_FIELDS = 1024,  /* words of a command */
    SHELL_FUNCTIONS = 256,
    SHELL_TURNS = 64, /* of a loop whose condition is known to hold */
    SHELL_DEPTH = 32, /* of functions and of compound commands, one in another */
};

/* A word, expanded. */
struct shell_field {
    char *text;
    char *why; /* NULL: text is known; else what it depends on, and text is as far as it is known */
};

/* Is what is called here surely called? */
enum shell_mode { SHELL_RUNS, SHELL_MAYBE, SHELL_SKIPS };
enum shell_status { SHELL_OK, SHELL_FAILED, SHELL_UNSURE };

struct shell_call {
    enum shell_mode mode; /* RUNS or MAYBE */
    const char *why;      /* of MAYBE */
    uint32_t line;
    const struct shell_field *fields; /* the first is the command's name */
    size_t count;
    const char *document; /* of <<, expanded; NULL: none */
    const char *document_why;
    bool reads_file;      /* < FILE, or a pipe */
    bool writes_settings; /* > /proc/... */
};

/* What the script's caller makes of it. */
struct shell_host {
    void *arg;
    const char *argument; /* that the script is called with; NULL: none is known */
    /* A command that is none of the shell's. UNSURE: what it answers is not known. */
    enum shell_status (*call)(void *arg, const struct shell_call *call);
    /* Something that can't be followed; what comes behind it may be otherwise. */
    void (*lost)(void *arg, uint32_t line, const char *what);
    /* Something that was taken for granted. */
    void (*assumed)(void *arg, uint32_t line, const char *what);
};

/* 0; -E2BIG: the fuel ran out, and the rest was not followed; -ENOMEM. */
MUST_USE int shell_run(const char *text, size_t size, const struct shell_host *host);

#endif
