/* SPDX-License-Identifier: BSD-2-Clause */
/* comment: matches always. */
#include <string.h>

#include "rules/ext/field.h"

enum {
    COMMENT_SIZE = 256, /* XT_MAX_COMMENT_LEN; iptables cuts what is longer */
};

static int read_comment(struct rules_parse *p, const char *word, void *at)
{
    if (strchr(word, '\n'))
        return rules_fail(p, "there is a newline in the comment; a rule is one line");
    memcpy(at, word, strnlen(word, COMMENT_SIZE - 1));
    return 0;
}

static void list_comment(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    fprintf(out, "/* %s */", (const char *)at);
}

static const struct rules_value comment = {
    .read = read_comment, .print = rules_print_text, .list = list_comment};

static const struct rules_option options[] = {
    RULES_OPTION("comment", 0, RULES_ARGUMENT | RULES_NEEDED, .value = &comment, .listed = " "),
};

const struct rules_extension rules_match_comment = {
    .name = "comment", .type = RULES_MATCH_COMMENT, .heap = COMMENT_SIZE, RULES_OPTIONS(options)};
