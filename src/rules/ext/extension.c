/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/ext/extension.h"

#include <string.h>

#define MATCH(type, row)  [RULES_MATCH_##type] = &rules_match_##row
#define TARGET(type, row) [RULES_TARGET_##type] = &rules_target_##row

static const struct rules_extension *const matches[RULES_MATCH_TYPES] = {RULES_MATCHES(MATCH)};
static const struct rules_extension *const targets[RULES_TARGET_TYPES] = {RULES_TARGETS(TARGET)};

bool rules_families_serve(uint8_t families, uint8_t family)
{
    return families == RULES_BOTH || (families == RULES_IPV6_ONLY) == (family == PACKET_IPV6);
}

static const struct rules_extension *row_named(const struct rules_extension *const *rows, unsigned count,
                                               const char *name, uint8_t family)
{
    for (unsigned i = 0; i < count; i++) {
        const struct rules_extension *row = rows[i];
        if (row && !row->word && rules_families_serve(row->families, family) &&
            (strcmp(row->name, name) == 0 || (row->alias && strcmp(row->alias, name) == 0)))
            return row;
    }
    return NULL;
}

const struct rules_extension *rules_match_row(uint8_t type)
{
    return type < RULES_MATCH_TYPES ? matches[type] : NULL;
}

const struct rules_extension *rules_target_row(uint8_t type)
{
    return type < RULES_TARGET_TYPES ? targets[type] : NULL;
}

const struct rules_extension *rules_match_named(const char *name, uint8_t family)
{
    if (strcmp(name, "icmpv6") == 0) /* its third name */
        name = rules_match_icmp6.name;
    return row_named(matches, RULES_MATCH_TYPES, name, family);
}

const struct rules_extension *rules_target_named(const char *name, uint8_t family)
{
    return row_named(targets, RULES_TARGET_TYPES, name, family);
}

bool rules_is_verdict(const char *name)
{
    static const char *const verdicts[] = {"ACCEPT", "DROP", "RETURN", "QUEUE"};

    for (unsigned i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (strcmp(name, verdicts[i]) == 0)
            return true;
    }
    return false;
}
