/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_RULES_H
#define SALLY_RULES_RULES_H

#include "rules/model.h"

/*
 * Reading and writing the iptables language, as iptables and ip6tables 1.8 have it. No I/O: text in, text
 * out.
 *
 * Every function that can be given wrong text fills a struct rules_error and returns -EINVAL, and leaves the
 * rule set as it was: a file is read whole or not at all, a command is carried out whole or not at all.
 */

struct rules_error {
    const char *file;  /* as the caller named it, borrowed; NULL for a command line */
    uint32_t line;     /* 1...; for a command line 0 */
    uint32_t column;   /* 1...: byte in the line; for a command line the number of the word (1 is the first
                          after the program) */
    char message[400]; /* what was found, what was expected, and the nearest right word if there is one */
};

/* NULL: out of memory. An empty rule set: no table is present. */
struct rules *rules_new(enum packet_family family);
void rules_free(struct rules **r);

/*
 * Reads an iptables-save file of size bytes (NUL bytes in it are an error). family 0: told from its comments
 * and contents (ip6tables-save's own comment, IPv6 addresses or prefixes, ip6 words); IPv4 if nothing tells.
 * name is for messages and is borrowed by *error. 0 and *ret, or -EINVAL with *error, or -ENOMEM.
 */
int rules_read(const char *text, size_t size, const char *name, uint8_t family, struct rules **ret,
               struct rules_error *error);

/* What rules_save prints. */
enum rules_save_flag {
    RULES_SAVE_COUNTERS = 1 << 0, /* -c */
};

/* As iptables-save: a new string, or NULL: out of memory. table: a name for -t, or NULL for all. Reading it
 * back gives the same model. */
char *rules_save(const struct rules *r, const char *table, unsigned flags);
/* One rule as iptables-save writes it, with "-A CHAIN ", without a newline. A new string or NULL. */
char *rules_rule_text(const struct rules *r, const struct rules_chain *chain, const struct rules_rule *rule);

/* What a command did, besides printing. */
struct rules_outcome {
    bool changed; /* the model */
    char *output; /* what to print, or NULL; the caller frees it */
    int status;   /* what iptables exits with: 0; 1: no such rule or chain (-C, -D...), message in error */
};

/*
 * Carries out one iptables command line: argv without the program's name ("-t", "raw", "-A",
 * "PREROUTING"...). Commands -A -C -D -I -R -L -S -F -Z -N -X -P -E and their long forms; options as in
 * iptables(8). Makes the table with its built-in chains if it is absent. 0 (even when *ret_outcome says
 * status 1: then *error says why), -EINVAL with *error (usage, status 2), -ENOMEM.
 */
int rules_command(struct rules *r, int argc, const char *const *argv, struct rules_outcome *ret_outcome,
                  struct rules_error *error);

/* The chain or NULL. */
struct rules_chain *rules_chain_find(const struct rules *r, enum rules_table_type table, const char *name);
/* The built-in chain of a hook in a table, or NULL: the table is absent or has none there. */
struct rules_chain *rules_chain_at(const struct rules *r, enum rules_table_type table, enum rules_hook hook);
/* "filter", "raw". */
const char *rules_table_name(enum rules_table_type table);
/* "PREROUTING"... */
const char *rules_hook_name(enum rules_hook hook);
/* A deep copy, or NULL: out of memory. Serials are kept. */
struct rules *rules_copy(const struct rules *r);
/* The same model? Counters, serials and lines are not compared. */
bool rules_equal(const struct rules *a, const struct rules *b);

#endif
