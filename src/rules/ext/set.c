/* SPDX-License-Identifier: BSD-2-Clause */
/* -m set: members of an ipset. net/netfilter/xt_set.c, revision 4 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "rules/ext/extension.h"

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
};

enum {
    PACKETS = 1u << SET_PACKETS_EQ | 1u << SET_PACKETS_LT | 1u << SET_PACKETS_GT,
    BYTES = 1u << SET_BYTES_EQ | 1u << SET_BYTES_LT | 1u << SET_BYTES_GT,
    DIMENSIONS_MOST = 6, /* IPSET_DIM_MAX */
};

static const struct rules_option options[] = {
    {"match-set", SET_MATCH, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
    {"set", SET_MATCH, RULES_ARGUMENT | RULES_INVERTS, 0, 0}, /* its old name */
    {"return-nomatch", SET_NOMATCH, RULES_REPEATS, 0, 0},
    {"update-counters", SET_UPDATE, RULES_INVERTS | RULES_REPEATS, 0, 0},
    {"update-subcounters", SET_SUBUPDATE, RULES_INVERTS | RULES_REPEATS, 0, 0},
    {"packets-eq", SET_PACKETS_EQ, RULES_ARGUMENT | RULES_INVERTS, PACKETS & ~(1u << SET_PACKETS_EQ), 0},
    {"packets-lt", SET_PACKETS_LT, RULES_ARGUMENT, PACKETS & ~(1u << SET_PACKETS_LT), 0},
    {"packets-gt", SET_PACKETS_GT, RULES_ARGUMENT, PACKETS & ~(1u << SET_PACKETS_GT), 0},
    {"bytes-eq", SET_BYTES_EQ, RULES_ARGUMENT | RULES_INVERTS, BYTES & ~(1u << SET_BYTES_EQ), 0},
    {"bytes-lt", SET_BYTES_LT, RULES_ARGUMENT, BYTES & ~(1u << SET_BYTES_LT), 0},
    {"bytes-gt", SET_BYTES_GT, RULES_ARGUMENT, BYTES & ~(1u << SET_BYTES_GT), 0},
};

static const char *const directions[] = {"dst", "src"};

/* The second word of --match-set: "src", "dst,src"... */
static int parse_directions(struct rules_parse *p, struct rules_match_set *set)
{
    const char *word = rules_next_word(p);
    char element[8];
    size_t index;
    int r;

    if (word == NULL)
        return rules_fail(p, "the directions are missing; expected src or dst behind the set's name");
    while ((r = rules_parse_element(p, &word, element, sizeof element)) > 0) {
        r = rules_parse_choice(p, element, directions, 2, false, "a direction", &index);
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
static int parse_set(struct rules_parse *p, const char *word, bool inverted, struct rules_match_set *set)
{
    int r;

    set->inverted = inverted;
    if (*word == '\0' || strpbrk(word, " \t\n\"'\\") != NULL)
        return rules_fail(p, "\"%s\" is no name of a set; expected one without blanks and quotes", word);
    r = rules_parse_text(p, word, set->name, sizeof set->name);
    return r < 0 ? r : parse_directions(p, set);
}

static int set_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                      void *data)
{
    static const uint8_t compares[] = {RULES_SET_EQ, RULES_SET_LT, RULES_SET_GT};
    struct rules_match_set *set = data;

    switch (o->id) {
    case SET_MATCH:
        return parse_set(p, word, inverted, set);
    case SET_NOMATCH:
        set->return_nomatch = true;
        return 0;
    case SET_UPDATE:
        set->keeps_counters = set->keeps_counters || inverted;
        return 0;
    case SET_SUBUPDATE:
        set->keeps_subcounters = set->keeps_subcounters || inverted;
        return 0;
    case SET_PACKETS_EQ:
    case SET_PACKETS_LT:
    case SET_PACKETS_GT:
        set->packets_compare = inverted ? RULES_SET_NE : compares[o->id - SET_PACKETS_EQ];
        return rules_parse_number(p, word, 0, UINT64_MAX, &set->packets);
    default:
        set->bytes_compare = inverted ? RULES_SET_NE : compares[o->id - SET_BYTES_EQ];
        return rules_parse_number(p, word, 0, UINT64_MAX, &set->bytes);
    }
}

static void print_compare(FILE *out, const char *prefix, const char *what, uint8_t compare, uint64_t value)
{
    static const char *const words[] = {
        [RULES_SET_EQ] = "eq", [RULES_SET_NE] = "eq", [RULES_SET_LT] = "lt", [RULES_SET_GT] = "gt"};

    if (compare != RULES_SET_NONE)
        fprintf(out, "%s %s%s-%s %" PRIu64, compare == RULES_SET_NE ? " !" : "", prefix, what, words[compare],
                value);
}

static void print_set(FILE *out, const struct rules_match_set *set, const char *prefix)
{
    fprintf(out, "%s %smatch-set %s", set->inverted ? " !" : "", prefix, set->name);
    for (unsigned i = 0; i < set->dimensions; i++)
        fprintf(out, "%c%s", i ? ',' : ' ', directions[set->source_bits >> i & 1]);
    if (set->return_nomatch)
        fprintf(out, " %sreturn-nomatch", prefix);
    if (set->keeps_counters)
        fprintf(out, " ! %supdate-counters", prefix);
    if (set->keeps_subcounters)
        fprintf(out, " ! %supdate-subcounters", prefix);
    print_compare(out, prefix, "packets", set->packets_compare, set->packets);
    print_compare(out, prefix, "bytes", set->bytes_compare, set->bytes);
}

static void set_save(FILE *out, const void *data, const struct rules_print *how)
{
    (void)how;
    print_set(out, data, "--");
}

static void set_list(FILE *out, const void *data, const struct rules_print *how)
{
    (void)how;
    print_set(out, data, "");
}

const struct rules_extension rules_match_set = {
    .name = "set",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .type = RULES_MATCH_SET,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_set),
    .option = set_option,
    .save = set_save,
    .list = set_list,
};
