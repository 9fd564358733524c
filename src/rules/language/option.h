/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_OPTION_H
#define SALLY_RULES_LANGUAGE_OPTION_H

#include "base/result.h"
#include "rules/build.h"
#include "rules/language/words.h"

/* Which option a word names: iptables' own, or one of the matches and the target that the rule has named so
 * far. */

enum option_argument {
    OPTION_PLAIN,
    OPTION_ARGUMENT, /* takes the next word, whatever it is */
    OPTION_MAYBE,    /* takes what is attached to it, or the next word if that is no option */
};

struct core_option {
    const char *name; /* without dashes */
    char letter;      /* of the short form, and how the core knows it */
    uint8_t argument; /* enum option_argument */
    bool inverts;
};

/* The match or target that options are for, as the rule names it. */
struct option_owner {
    const struct rules_extension *row;
    const char *name; /* as it was written; of an opaque one its own name */
    uint32_t given;   /* bits 1 << id */
    uint16_t match;   /* index in the rule, of a match */
    bool is_target;
    size_t word; /* where it is named */
};

struct option_owners {
    struct option_owner list[RULES_MATCHES_MAX + 1];
    size_t count;
};

struct option_found {
    const struct core_option *core; /* or */
    struct option_owner *owner;     /* and its */
    const struct rules_option *option;
};

/* By letter; NULL: none. */
const struct core_option *option_core(char letter, uint8_t family);
/* By long name, which may be abbreviated to what is unambiguous, as getopt_long has it. 0; -ENOENT: none;
 * -EINVAL: several, and *ret_names lists them. */
MUST_USE int option_find_owner(struct option_owners *owners, uint8_t family, const char *name, size_t size,
                               struct option_found *ret, char *ret_names, size_t names_size);
/* Fills in *error for an option that nobody has: what is near, or which match or target it belongs to. */
int option_unknown(const struct option_owners *owners, uint8_t family, uint8_t protocol, const char *name,
                   size_t size, const struct rules_words *words, struct rules_error *error);
/* Is it the long name of any option at all, of a match or target that need not be named? */
bool option_is_long(const char *name);
/* Does the row have an option of that name, written out or (abbreviated) unambiguous? */
bool option_row_has(const struct rules_extension *row, const char *name, size_t size);

#endif
