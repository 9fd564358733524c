/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTION_TABLE_H
#define SALLY_SERVER_CONFIG_OPTION_TABLE_H

#include "base/result.h"
#include "server/config/config.h"

/*
 * options.h as data, for those who walk over the options rather than use one: the parser, the checks, the
 * text and the manual. The enumerators below are what the columns of the table are written in.
 */
enum option_type { OPTION_BOOL, OPTION_NUMBER, OPTION_STRING };

enum option_scope {
    SERVER,  /* one value for the whole server */
    SESSION, /* may differ from user to user: user_config_dir */
};

enum option_unit { COUNT, SECONDS, BYTES, RATE, PORT, MODE };

/* What a string is; for the manual. */
enum option_what { TEXT, PATH, NAME, HOST, ADDRESS4, ADDRESS6, LIST, PATTERN };

struct option {
    const char *name;
    enum option_type type;
    enum option_scope scope;
    size_t offset; /* of the value in struct config */
    union {
        bool boolean;
        unsigned number;
        const char *string;
    } value; /* the default */
    unsigned least, most;
    enum option_unit unit;
    enum option_what what;
    const char *why; /* why another value than the default changes nothing; NULL: it does what it says */
    const char *text;
};

extern const struct option option_table[];
extern const size_t option_count;

/* Options of one subject, neighbours in option_table. */
struct option_section {
    const char *title;
    size_t count;
};

extern const struct option_section option_sections[];
extern const size_t option_section_count;

/* NULL: no such option. name need not end in NUL. */
const struct option *option_find(const char *name, size_t len);

/* The value of an option in c. */
static inline bool *option_boolean(struct config *c, const struct option *o)
{
    return (bool *)((char *)c + o->offset);
}

static inline unsigned *option_number(struct config *c, const struct option *o)
{
    return (unsigned *)((char *)c + o->offset);
}

static inline const char **option_string(struct config *c, const struct option *o)
{
    return (const char **)((char *)c + o->offset);
}

/* Replaces a string value by a copy of the len bytes at value; an empty one by NULL. 0 or -ENOMEM. */
MUST_USE int option_set_string(struct config *c, const struct option *o, const char *value, size_t len);

bool option_is_default(const struct config *c, const struct option *o);

enum { OPTION_SHOWN_MAX = 64 };

/* A number as a configuration file would have it: octal with a leading 0 for modes. Returns into. */
const char *option_show_number(const struct option *o, unsigned number, char into[OPTION_SHOWN_MAX]);

/* What may stand behind the =, as in "YES or NO" or "0 to 86400 seconds". Returns into. */
const char *option_show_range(const struct option *o, char into[OPTION_SHOWN_MAX]);

#endif
