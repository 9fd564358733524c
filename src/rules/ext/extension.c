/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/ext/extension.h"

#include <string.h>

static const struct rules_extension *const matches[RULES_MATCH_TYPES] = {
    [RULES_MATCH_TCP] = &rules_match_tcp,
    [RULES_MATCH_UDP] = &rules_match_udp,
    [RULES_MATCH_ICMP] = &rules_match_icmp,
    [RULES_MATCH_ICMP6] = &rules_match_icmp6,
    [RULES_MATCH_STATE] = &rules_match_state,
    [RULES_MATCH_CONNTRACK] = &rules_match_conntrack,
    [RULES_MATCH_MULTIPORT] = &rules_match_multiport,
    [RULES_MATCH_IPRANGE] = &rules_match_iprange,
    [RULES_MATCH_LIMIT] = &rules_match_limit,
    [RULES_MATCH_HASHLIMIT] = &rules_match_hashlimit,
    [RULES_MATCH_CONNLIMIT] = &rules_match_connlimit,
    [RULES_MATCH_RECENT] = &rules_match_recent,
    [RULES_MATCH_MAC] = &rules_match_mac,
    [RULES_MATCH_MARK] = &rules_match_mark,
    [RULES_MATCH_CONNMARK] = &rules_match_connmark,
    [RULES_MATCH_COMMENT] = &rules_match_comment,
    [RULES_MATCH_ADDRTYPE] = &rules_match_addrtype,
    [RULES_MATCH_HELPER] = &rules_match_helper,
    [RULES_MATCH_LENGTH] = &rules_match_length,
    [RULES_MATCH_TTL] = &rules_match_ttl,
    [RULES_MATCH_HL] = &rules_match_hl,
    [RULES_MATCH_TOS] = &rules_match_tos,
    [RULES_MATCH_DSCP] = &rules_match_dscp,
    [RULES_MATCH_PKTTYPE] = &rules_match_pkttype,
    [RULES_MATCH_STATISTIC] = &rules_match_statistic,
    [RULES_MATCH_TIME] = &rules_match_time,
    [RULES_MATCH_TCPMSS] = &rules_match_tcpmss,
    [RULES_MATCH_U32] = &rules_match_u32,
    [RULES_MATCH_SET] = &rules_match_set,
    [RULES_MATCH_PHYSDEV] = &rules_match_physdev,
    [RULES_MATCH_OWNER] = &rules_match_owner,
    [RULES_MATCH_OPAQUE] = &rules_match_opaque,
};

static const struct rules_extension *const targets[RULES_TARGET_TYPES] = {
    [RULES_TARGET_REJECT] = &rules_target_reject,     [RULES_TARGET_LOG] = &rules_target_log,
    [RULES_TARGET_NFLOG] = &rules_target_nflog,       [RULES_TARGET_MARK] = &rules_target_mark,
    [RULES_TARGET_CONNMARK] = &rules_target_connmark, [RULES_TARGET_CT] = &rules_target_ct,
    [RULES_TARGET_NOTRACK] = &rules_target_notrack,   [RULES_TARGET_OPAQUE] = &rules_target_opaque,
};

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
