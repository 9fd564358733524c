/* SPDX-License-Identifier: BSD-2-Clause */
/* Members of an ipset: -m set, -j SET. net/netfilter/xt_set.c, match revision 4, target revision 3 */
#include <string.h>

#include "rules/ext/field.h"

enum { DIMENSIONS_MOST = 6 }; /* IPSET_DIM_MAX */

static const struct rules_name directions[] = {{"dst", 0}, {"src", 1}};
static const struct rules_names direction_names = {RULES_NAMES(directions), .exact = true,
                                                   .kind = "a direction"};

/* The second word of --match-set and its like: "src", "dst,src"... */
static int parse_directions(struct rules_parse *p, struct rules_set_element *set)
{
    const char *word = rules_next_word(p);
    char element[8];
    uint32_t index;
    int r;

    if (word == NULL)
        return rules_fail(p, "the directions are missing; expected src or dst behind the set's name");
    while ((r = rules_parse_element(p, &word, element, sizeof element)) > 0) {
        r = rules_parse_name(p, element, &direction_names, &index);
        if (r < 0)
            return r;
        if (set->dimensions == DIMENSIONS_MOST)
            return rules_fail(p, "too many directions; %d are the most", DIMENSIONS_MOST);
        set->source_bits = (uint8_t)(set->source_bits | index << set->dimensions++);
    }
    if (r == 0 && set->dimensions == 0)
        return rules_fail(p, "found an empty word, expected src or dst");
    return r;
}

/* A set's name goes to the kernel as it is; a blank in it could not be printed and read back. */
static int read_set(struct rules_parse *p, const char *word, void *at)
{
    struct rules_set_element *set = at;
    int r;

    if (*word == '\0' || strpbrk(word, " \t\n\"'\\") != NULL)
        return rules_fail(p, "\"%s\" is no name of a set; expected one without blanks and quotes", word);
    r = rules_parse_text(p, word, set->name, sizeof set->name);
    return r < 0 ? r : parse_directions(p, set);
}

static void print_set(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_set_element *set = at;

    (void)how;
    fputs(set->name, out);
    for (unsigned i = 0; i < set->dimensions; i++)
        fprintf(out, "%c%s", i ? ',' : ' ', directions[set->source_bits >> i & 1].name);
}

static const struct rules_value set = {.read = read_set, .print = print_set};

enum {
    SET_MATCH,
    SET_NOMATCH,
    SET_UPDATE,
    SET_SUBUPDATE,
    SET_PACKETS_EQ,
    SET_PACKETS_LT,
    SET_PACKETS_GT,
    SET_BYTES_EQ,
    SET_BYTES_LT,
    SET_BYTES_GT,
    PACKETS = RULES_BIT(SET_PACKETS_EQ) | RULES_BIT(SET_PACKETS_LT) | RULES_BIT(SET_PACKETS_GT),
    BYTES = RULES_BIT(SET_BYTES_EQ) | RULES_BIT(SET_BYTES_LT) | RULES_BIT(SET_BYTES_GT)
};

/* How a member's own counters are compared. */
#define COMPARE(word, number, others, all, counter, compared, ...)                                           \
    RULES_OPTION(word, number, RULES_ARGUMENT | (others), .excludes = (all),                                 \
                 RULES_TAKES(rules_number, match_set, counter),                                              \
                 .given = RULES_IS(match_set, counter##_compare, compared), __VA_ARGS__)

static const struct rules_option match_options[] = {
    RULES_OPTION("match-set", SET_MATCH, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED,
                 RULES_TAKES(set, match_set, element), .inverted = RULES_BOOL(match_set, inverted)),
    RULES_OPTION("set", SET_MATCH, RULES_ARGUMENT | RULES_INVERTS), /* its old name */
    RULES_OPTION("return-nomatch", SET_NOMATCH, RULES_REPEATS,
                 .given = RULES_BOOL(match_set, return_nomatch)),
    RULES_OPTION("update-counters", SET_UPDATE, RULES_INVERTS | RULES_REPEATS,
                 .inverted = RULES_BOOL(match_set, keeps_counters)),
    RULES_OPTION("update-subcounters", SET_SUBUPDATE, RULES_INVERTS | RULES_REPEATS,
                 .inverted = RULES_BOOL(match_set, keeps_subcounters)),
    COMPARE("packets-eq", SET_PACKETS_EQ, RULES_INVERTS, PACKETS, packets, RULES_SET_EQ,
            .inverted = RULES_IS(match_set, packets_compare, RULES_SET_NE)),
    COMPARE("packets-lt", SET_PACKETS_LT, 0, PACKETS, packets, RULES_SET_LT),
    COMPARE("packets-gt", SET_PACKETS_GT, 0, PACKETS, packets, RULES_SET_GT),
    COMPARE("bytes-eq", SET_BYTES_EQ, RULES_INVERTS, BYTES, bytes, RULES_SET_EQ,
            .inverted = RULES_IS(match_set, bytes_compare, RULES_SET_NE)),
    COMPARE("bytes-lt", SET_BYTES_LT, 0, BYTES, bytes, RULES_SET_LT),
    COMPARE("bytes-gt", SET_BYTES_GT, 0, BYTES, bytes, RULES_SET_GT),
};

const struct rules_extension rules_match_set = {.name = "set",
                                                .type = RULES_MATCH_SET,
                                                .heap = sizeof(struct rules_match_set),
                                                RULES_OPTIONS(match_options)};

/* ---- target ---- */

enum { ADD, DEL, MAP, EXIST, TIMEOUT, MAP_MARK, MAP_PRIO, MAP_QUEUE };

#define DEED(word, number, member)                                                                           \
    RULES_OPTION(word, number, RULES_ARGUMENT, RULES_TAKES(set, target_set, member), .listed = " " word " ")
#define OF_DEED(word, number, deed, member)                                                                  \
    RULES_OPTION(word, number, RULES_REPEATS, .requires = RULES_BIT(deed),                                   \
                 .given = RULES_BOOL(target_set, member), .listed = " " word)

static const struct rules_option target_options[] = {
    DEED("add-set", ADD, add),
    OF_DEED("exist", EXIST, ADD, exist),
    RULES_OPTION("timeout", TIMEOUT, RULES_ARGUMENT, RULES_TAKES(rules_number, target_set, timeout),
                 .requires = RULES_BIT(ADD), .most = UINT32_MAX - 1,
                 .given = RULES_BOOL(target_set, has_timeout), .listed = " timeout "),
    DEED("del-set", DEL, del),
    DEED("map-set", MAP, map),
    OF_DEED("map-mark", MAP_MARK, MAP, map_mark),
    OF_DEED("map-prio", MAP_PRIO, MAP, map_prio),
    OF_DEED("map-queue", MAP_QUEUE, MAP, map_queue),
};

/* set_target_v3_checkentry */
static int target_finish(struct rules_parse *p, void *data)
{
    const struct rules_target_set *target = data;

    if (target->map.dimensions && p->table != RULES_MANGLE)
        return rules_fail(p, "SET --map-set is for the table mangle only");
    if (target->map.dimensions && !target->map_mark && !target->map_prio && !target->map_queue)
        return rules_fail(p, "SET --map-set needs one of --map-mark, --map-prio or --map-queue");
    return 0;
}

static uint8_t target_reach(const void *data)
{
    const struct rules_target_set *target = data;

    return (uint8_t)(target->map_prio || target->map_queue
                         ? RULES_BIT(RULES_FORWARD) | RULES_BIT(RULES_OUTPUT) | RULES_BIT(RULES_POSTROUTING)
                         : RULES_BIT(RULES_HOOKS) - 1);
}

const struct rules_extension rules_target_set = {
    .name = "SET",
    .type = RULES_TARGET_SET,
    .hooks = RULES_BIT(RULES_HOOKS) - 1,
    .reach = target_reach,
    .heap = sizeof(struct rules_target_set),
    RULES_OPTIONS(target_options),
    .one_of = RULES_BIT(ADD) | RULES_BIT(DEL) | RULES_BIT(MAP),
    .lacking = "SET needs one of --add-set, --del-set or --map-set",
    .finish = target_finish,
};
