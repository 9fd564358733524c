/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/members.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys/run.h"

static bool rule_asks(const struct rules_rule *rule)
{
    for (unsigned i = 0; i < rule->match_count; i++)
        if (rule->matches[i].type == RULES_MATCH_SET)
            return true;
    return false;
}

static bool chain_asks(const struct rules_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        if (rule_asks(&chain->rules[i]))
            return true;
    return false;
}

bool members_are_asked(const struct rules *r)
{
    for (unsigned t = 0; r && t < RULES_TABLES; t++)
        for (size_t c = 0; c < r->tables[t].count; c++)
            if (chain_asks(r->tables[t].chains[c]))
                return true;
    return false;
}

static int read_text(const struct run_said *said, struct sets **ret)
{
    struct rules_error error;
    int r = sets_read(said->output, said->size, "ipset save", ret, &error);

    if (r == -EINVAL)
        fprintf(stderr, "sallywall: %s:%u:%u: %s\n", error.file, error.line, error.column, error.message);
    else if (r)
        fprintf(stderr, "sallywall: ipset save: %s\n", strerror(-r));
    return r;
}

int members_read(struct sets **ret)
{
    static const char *const words[] = {"save", NULL};
    struct run_said said;
    int r = run_program("ipset", words, "", -1, &said);
    bool has_said = r == 0 || r == -EPERM;

    *ret = NULL;
    if (r == -ENOENT)
        return 0;
    if (r == -EPERM)
        fprintf(stderr, "sallywall: ipset save failed: %s\n", said.errors);
    else if (r)
        fprintf(stderr, "sallywall: ipset save could not be run: %s\n", strerror(-r));
    else
        r = read_text(&said, ret);
    if (has_said)
        run_said_free(&said);
    return r;
}
