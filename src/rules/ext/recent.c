/* SPDX-License-Identifier: BSD-2-Clause */
/* -m recent: lists of addresses and when they were seen. net/netfilter/xt_recent.c */
#include <string.h>

#include "rules/ext/field.h"

/* Begins in the order of enum rules_recent_command. */
enum {
    RECENT_SET,
    RECENT_RCHECK,
    RECENT_UPDATE,
    RECENT_REMOVE,
    RECENT_SECONDS,
    RECENT_REAP,
    RECENT_HITCOUNT,
    RECENT_RTTL,
    RECENT_NAME,
    RECENT_RSOURCE,
    RECENT_RDEST,
    RECENT_MASK
};

enum {
    CHANGES = RULES_BIT(RECENT_SET) | RULES_BIT(RECENT_REMOVE),
    COMMANDS = CHANGES | RULES_BIT(RECENT_RCHECK) | RULES_BIT(RECENT_UPDATE),
    HITS_MOST = 65535, /* XT_RECENT_MAX_NSTAMPS - 1 */
};

static void recent_start(void *data)
{
    struct rules_match_recent *recent = data;

    memcpy(recent->name, "DEFAULT", sizeof "DEFAULT");
}

/* iptables-save prints more than 2,147,483,647 as a negative number, so that is taken too. */
static int read_seconds(struct rules_parse *p, const char *word, void *at)
{
    uint32_t below, *ret = at;
    int r;

    if (*word != '-')
        return rules_read_number(p, word, at);
    r = rules_parse_u32(p, word + 1, 1, (uint32_t)INT32_MAX + 1, &below);
    if (r == 0)
        *ret = UINT32_MAX - below + 1;
    return r;
}

static void print_seconds(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    fprintf(out, "%d", *(const int32_t *)at);
}

static void start_mask(uint8_t family, void *at)
{
    struct rules_match_recent *recent = at;

    recent->mask = rules_prefix_mask(family, 128);
}

static int read_mask(struct rules_parse *p, const char *word, void *at)
{
    struct rules_match_recent *recent = at;

    return rules_parse_address(p, word, &recent->mask);
}

static void print_mask(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_match_recent *recent = at;

    rules_print_address(out, how->family, &recent->mask);
}

/* The side stands behind it when saved, before it in a listing. */
static void list_mask(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_match_recent *recent = at;

    fprintf(out, "%s mask: ", recent->by_destination ? "dest" : "source");
    print_mask(out, at, how);
}

static const struct rules_value seconds = {.read = read_seconds, .print = print_seconds},
                                mask = {.start = start_mask,
                                        .read = read_mask,
                                        .print = print_mask,
                                        .list = list_mask};

#define COMMAND(word, command_id, label)                                                                     \
    RULES_OPTION(word, command_id, RULES_INVERTS, .excludes = COMMANDS,                                      \
                 .given = RULES_IS(match_recent, command, command_id),                                       \
                 .inverted = RULES_BOOL(match_recent, inverted), .listed = "( !) recent: " label)

static const struct rules_option options[] = {
    COMMAND("set", RECENT_SET, "SET"),
    COMMAND("rcheck", RECENT_RCHECK, "CHECK"),
    COMMAND("update", RECENT_UPDATE, "UPDATE"),
    COMMAND("remove", RECENT_REMOVE, "REMOVE"),
    RULES_OPTION("seconds", RECENT_SECONDS, RULES_ARGUMENT, .excludes = CHANGES,
                 RULES_TAKES(seconds, match_recent, seconds), .least = 1, .listed = " seconds: "),
    RULES_OPTION("reap", RECENT_REAP, 0, .excludes = CHANGES, .requires = RULES_BIT(RECENT_SECONDS),
                 .given = RULES_BOOL(match_recent, reap)),
    RULES_OPTION("hitcount", RECENT_HITCOUNT, RULES_ARGUMENT,
                 RULES_TAKES(rules_number, match_recent, hit_count), .most = HITS_MOST,
                 .listed = " hit_count: "),
    RULES_OPTION("rttl", RECENT_RTTL, 0, .excludes = CHANGES, .given = RULES_BOOL(match_recent, rttl),
                 .listed = " TTL-Match"),
    RULES_OPTION("name", RECENT_NAME, RULES_ARGUMENT | RULES_SHOWN,
                 RULES_TAKES(rules_file_name, match_recent, name), .listed = " name: "),
    RULES_OPTION("rsource", RECENT_RSOURCE, 0, .given = RULES_IS(match_recent, by_destination, false),
                 .listed = ""),
    RULES_OPTION("rdest", RECENT_RDEST, 0, .given = RULES_IS(match_recent, by_destination, true),
                 .listed = ""),
    RULES_OPTION("mask", RECENT_MASK, RULES_ARGUMENT | RULES_SHOWN, .value = &mask, .listed = " side: "),
};

static const uint8_t order[] = {RECENT_SET,     RECENT_RCHECK, RECENT_UPDATE,   RECENT_REMOVE,
                                RECENT_SECONDS, RECENT_REAP,   RECENT_HITCOUNT, RECENT_RTTL,
                                RECENT_NAME,    RECENT_MASK,   RECENT_RSOURCE,  RECENT_RDEST};

static int recent_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_recent *recent = data;

    if ((p->given & CHANGES) && recent->hit_count > 0)
        return rules_fail(p, "--hitcount goes with --rcheck or --update only");
    return 0;
}

const struct rules_extension rules_match_recent = {
    .name = "recent",
    .type = RULES_MATCH_RECENT,
    .heap = sizeof(struct rules_match_recent),
    RULES_OPTIONS(options),
    RULES_ORDER(order),
    .one_of = COMMANDS,
    .lacking = "recent needs one of --set, --rcheck, --update or --remove",
    .start = recent_start,
    .finish = recent_finish,
};
