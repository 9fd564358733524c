/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ext/extension.h"

/* comment: matches always. Its payload is the char * in the union. */

enum {
    COMMENT_MAX = 255, /* XT_MAX_COMMENT_LEN less its NUL; iptables cuts what is longer */
};

static int parse_comment(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                         void *data)
{
    char **comment = data;

    (void)o;
    (void)inverted;
    if (strchr(word, '\n'))
        return rules_fail(p, "there is a newline in the comment; a rule is one line");
    *comment = strndup(word, COMMENT_MAX);
    return *comment ? 0 : -ENOMEM;
}

static void save_comment(FILE *out, const void *data, const struct rules_print *how)
{
    char *const *comment = data;

    (void)how;
    fputs(" --comment", out);
    rules_print_string(out, *comment);
}

static void list_comment(FILE *out, const void *data, const struct rules_print *how)
{
    char *const *comment = data;

    (void)how;
    fprintf(out, " /* %s */", *comment);
}

static void free_comment(void *data)
{
    char **comment = data;

    free(*comment);
}

static int copy_comment(void *data)
{
    char **comment = data;
    char *copy = strdup(*comment);

    if (!copy)
        return -ENOMEM;
    *comment = copy;
    return 0;
}

static bool equal_comment(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;

    return strcmp(*x, *y) == 0;
}

static const struct rules_option comment_options[] = {
    {.name = "comment", .id = 0, .flags = RULES_ARGUMENT | RULES_NEEDED},
};

const struct rules_extension rules_match_comment = {
    .name = "comment",
    .options = comment_options,
    .option_count = 1,
    .type = RULES_MATCH_COMMENT,
    .families = RULES_BOTH,
    .option = parse_comment,
    .save = save_comment,
    .list = list_comment,
    .free = free_comment,
    .copy = copy_comment,
    .equal = equal_comment,
};
