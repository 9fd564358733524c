/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unknown: no extension of iptables. Readers of forms that leave something open put it where the condition
 * would be that the form does not tell, and say why; no answer that depends on it is more than UNKNOWN, and
 * iptables-restore refuses what can't be known.
 */
#include <string.h>

#include "rules/ext/field.h"

static int read_why(struct rules_parse *p, const char *word, void *at)
{
    if (strchr(word, '\n') || !*word)
        return rules_fail(p, "expected one line that says what is not known");
    memcpy(at, word, strnlen(word, RULES_PLACE_MOST - 1));
    return 0;
}

static void list_why(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    fprintf(out, "unknown: %s", (const char *)at);
}

static const struct rules_value why = {.read = read_why, .print = rules_print_text, .list = list_why};

static const struct rules_option options[] = {
    RULES_OPTION("because", 0, RULES_ARGUMENT | RULES_NEEDED, .value = &why, .at = {0, RULES_PLACE_MOST},
                 .listed = " "),
};

const struct rules_extension rules_match_unknown = {
    .name = "unknown", .type = RULES_MATCH_UNKNOWN, .heap = RULES_PLACE_MOST, RULES_OPTIONS(options)};
