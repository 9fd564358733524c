/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/unseen.h"

#include <stdlib.h>
#include <string.h>

#include "rules/forms/names.h"

void unseen_chain(struct made *made, const char *chain)
{
    static const char *const may[] = {"ACCEPT", "DROP"};

    for (unsigned i = 0; i < 2; i++)
        made_line(made, 0, "-A %s -m unknown --because \"what is in the chain %s, which is not shown\" -j %s",
                  chain, chain, may[i]);
}

bool unseen_is_readable(enum rules_table_type table, uint8_t family, const struct unseen_rule *rule)
{
    struct rules_error error;
    struct rules *r = NULL;
    struct made made;
    bool is_chain = rule->target && !is_target(rule->target, family);

    if (!made_open(&made))
        return false;
    made_line(&made, 0, "*%s", rules_table_name(table));
    if (is_chain)
        made_line(&made, 0, ":%s -", rule->target);
    if (names_hook(rule->chain) < 0 && (!is_chain || strcmp(rule->chain, rule->target) != 0))
        made_line(&made, 0, ":%s -", rule->chain);
    made_line(&made, 0, "-A %s %s", rule->chain, rule->words);
    made_line(&made, 0, "COMMIT");
    bool readable = made_read(&made, NULL, family, &r, &error) == 0;
    rules_free(&r);
    made_fini(&made);
    return readable;
}

void unseen_instead(struct made *made, uint32_t line, const char *chain, const char *instead)
{
    for (const char *at = instead; *at;) {
        size_t size = strcspn(at, "\n");
        made_line(made, line, "-A %s %.*s", chain, (int)size, at);
        at += size + (at[size] == '\n');
    }
}
