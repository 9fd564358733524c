/* SPDX-License-Identifier: BSD-2-Clause */
/* comment: matches always. Its payload is the char * in the union. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ext/field.h"

enum {
    COMMENT_MAX = 255, /* XT_MAX_COMMENT_LEN less its NUL; iptables cuts what is longer */
};

static int read_comment(struct rules_parse *p, const struct rules_option *o, const char *word, void *at)
{
    char **comment = at;

    (void)o;
    if (strchr(word, '\n'))
        return rules_fail(p, "there is a newline in the comment; a rule is one line");
    *comment = strndup(word, COMMENT_MAX);
    return *comment ? 0 : -ENOMEM;
}

static void print_comment(FILE *out, const void *at, const struct rules_print *how)
{
    char *const *comment = at;

    (void)how;
    rules_print_string(out, *comment);
}

static void list_comment(FILE *out, const void *at, const struct rules_print *how)
{
    char *const *comment = at;

    (void)how;
    fprintf(out, "/* %s */", *comment);
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

static const struct rules_value comment = {
    .read = read_comment, .print = print_comment, .list = list_comment};

static const struct rules_option options[] = {
    RULES_OPTION("comment", 0, RULES_ARGUMENT | RULES_NEEDED, .value = &comment, .listed = " "),
};

const struct rules_extension rules_match_comment = {
    .name = "comment",
    .type = RULES_MATCH_COMMENT,
    RULES_OPTIONS(options),
    .free = free_comment,
    .copy = copy_comment,
    .equal = equal_comment,
};
