/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/payload.h"

#include <string.h>

#include "verdict/image/format.h"
#include "verdict/match/addrtype.h"
#include "verdict/match/headers.h"
#include "verdict/memory.h"
#include "verdict/sets/member.h"

typedef uint32_t payload_function(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                                  const struct rules_match *match);

/* Of a table by name the first rule's settings count, for all rules that name it. */
static uint32_t add_hashlimit(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                              const struct rules_match *match)
{
    const struct memory_table *table = memory_table_of(shared, match);
    struct hashlimit_asked asked;

    memset(&asked, 0, sizeof(asked));
    asked.match = table->hashlimit;
    asked.table = name_id(family, table->name);
    asked.match.above = match->hashlimit->above;
    return table->number < IMAGE_SHARED ? image_block_put(block, &asked, sizeof(asked)) : 0;
}

static uint32_t add_recent(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                           const struct rules_match *match)
{
    const struct memory_table *table = memory_table_of(shared, match);
    struct recent_asked asked;

    (void)family; /* lists are of both */
    memset(&asked, 0, sizeof(asked));
    asked.match = *match->recent;
    asked.table = name_id(0, table->name);
    asked.match.mask = table->mask;
    if (table->number >= IMAGE_SHARED || table->stamps > RECENT_STAMPS)
        return 0;
    return image_block_put(block, &asked, sizeof(asked));
}

static uint32_t add_addrtype(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                             const struct rules_match *match)
{
    const struct rules_match_addrtype *m = &match->addrtype;

    (void)shared;
    (void)family;
    if ((m->source | m->destination) & (ADDRTYPE_ROUTES | ADDRTYPE_ANYCAST))
        return 0;
    return image_block_put(block, m, sizeof(*m));
}

static uint32_t add_time(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                         const struct rules_match *match)
{
    (void)shared;
    (void)family;
    return match->time.kernel_tz ? 0 : image_block_put(block, &match->time, sizeof(match->time));
}

static uint32_t add_u32(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                        const struct rules_match *match)
{
    (void)shared;
    (void)family;
    return image_block_put(block, match->u32, sizeof(*match->u32));
}

static uint32_t add_set(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                        const struct rules_match *match)
{
    const struct rules_match_set *m = match->set;
    struct set_asked asked;

    (void)shared;
    (void)family;
    memset(&asked, 0, sizeof(asked)); /* the bytes between its members, too */
    asked.id = sets_id(m->element.name);
    asked.match = *m;
    if (m->packets_compare != RULES_SET_NONE || m->bytes_compare != RULES_SET_NONE)
        return 0;
    return image_block_put(block, &asked, sizeof(asked));
}

static uint32_t add_owner(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                          const struct rules_match *match)
{
    (void)shared;
    (void)family;
    return match->owner->suppl_groups ? 0 : image_block_put(block, match->owner, sizeof(*match->owner));
}

static uint32_t add_opaque(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                           const struct rules_match *match)
{
    struct headers_routing routing;

    (void)shared;
    (void)family;
    return headers_routing_read(&match->opaque, &routing) ? image_block_put(block, &routing, sizeof(routing))
                                                          : 0;
}

uint32_t image_payload_add(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                           const struct rules_match *match)
{
    static const struct {
        payload_function *add;
        uint8_t size; /* else: of the union's member, which begins at its start */
    } rows[RULES_MATCH_TYPES] = {
        [RULES_MATCH_TCP] = {.size = sizeof(match->tcp)},
        [RULES_MATCH_TCPMSS] = {.size = sizeof(match->tcpmss)},
        [RULES_MATCH_LIMIT] = {.size = sizeof(match->limit)},
        [RULES_MATCH_STATISTIC] = {.size = sizeof(match->statistic)},
        [RULES_MATCH_CONNLIMIT] = {.size = sizeof(match->connlimit)},
        [RULES_MATCH_IPV6HEADER] = {.size = sizeof(match->ipv6header)},
        [RULES_MATCH_TIME] = {.add = add_time},
        [RULES_MATCH_ADDRTYPE] = {.add = add_addrtype},
        [RULES_MATCH_HASHLIMIT] = {.add = add_hashlimit},
        [RULES_MATCH_RECENT] = {.add = add_recent},
        [RULES_MATCH_U32] = {.add = add_u32},
        [RULES_MATCH_SET] = {.add = add_set},
        [RULES_MATCH_OWNER] = {.add = add_owner},
        [RULES_MATCH_OPAQUE] = {.add = add_opaque},
    };

    if (rows[match->type].add)
        return rows[match->type].add(block, shared, family, match);
    return rows[match->type].size ? image_block_put(block, &match->tcp, rows[match->type].size) : 0;
}
