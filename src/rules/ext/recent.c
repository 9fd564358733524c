/* SPDX-License-Identifier: BSD-2-Clause */
/* -m recent: lists of addresses and when they were seen. net/netfilter/xt_recent.c */
#include <errno.h>
#include <string.h>

#include "rules/ext/extension.h"
#include "rules/ext/file_name.h"

enum {
    RECENT_SET, /* in the order of enum rules_recent_command */
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
    RECENT_MASK,
};

enum {
    COMMANDS = 1u << RECENT_SET | 1u << RECENT_RCHECK | 1u << RECENT_UPDATE | 1u << RECENT_REMOVE,
    CHANGES = 1u << RECENT_SET | 1u << RECENT_REMOVE,
    HITS_MOST = 65535, /* XT_RECENT_MAX_NSTAMPS - 1 */
};

static const struct rules_option options[] = {
    {"set", RECENT_SET, RULES_INVERTS, COMMANDS & ~(1u << RECENT_SET), 0},
    {"rcheck", RECENT_RCHECK, RULES_INVERTS, COMMANDS & ~(1u << RECENT_RCHECK), 0},
    {"update", RECENT_UPDATE, RULES_INVERTS, COMMANDS & ~(1u << RECENT_UPDATE), 0},
    {"remove", RECENT_REMOVE, RULES_INVERTS, COMMANDS & ~(1u << RECENT_REMOVE), 0},
    {"seconds", RECENT_SECONDS, RULES_ARGUMENT, CHANGES, 0},
    {"reap", RECENT_REAP, 0, CHANGES, 1u << RECENT_SECONDS},
    {"hitcount", RECENT_HITCOUNT, RULES_ARGUMENT, 0, 0},
    {"rttl", RECENT_RTTL, 0, CHANGES, 0},
    {"name", RECENT_NAME, RULES_ARGUMENT, 0, 0},
    {"rsource", RECENT_RSOURCE, 0, 0, 0},
    {"rdest", RECENT_RDEST, 0, 0, 0},
    {"mask", RECENT_MASK, RULES_ARGUMENT, 0, 0},
};

static const char *const command_words[] = {"set", "rcheck", "update", "remove"};
static const char *const command_listed[] = {"SET", "CHECK", "UPDATE", "REMOVE"};

static void recent_start(const struct rules_parse *p, void *data)
{
    struct rules_match_recent *recent = data;

    memcpy(recent->name, "DEFAULT", sizeof "DEFAULT");
    recent->mask = rules_prefix_mask(p->family, p->family == PACKET_IPV6 ? 128 : 32);
}

/* iptables-save prints more than 2,147,483,647 as a negative number, so that is taken too. */
static int parse_seconds(struct rules_parse *p, const char *word, uint32_t *ret)
{
    uint32_t below;
    int r;

    if (*word != '-')
        return rules_parse_u32(p, word, 1, UINT32_MAX, ret);
    r = rules_parse_u32(p, word + 1, 1, (uint32_t)INT32_MAX + 1, &below);
    if (r == 0)
        *ret = UINT32_MAX - below + 1;
    return r;
}

static int recent_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                         void *data)
{
    struct rules_match_recent *recent = data;

    switch (o->id) {
    case RECENT_SECONDS:
        return parse_seconds(p, word, &recent->seconds);
    case RECENT_REAP:
        recent->reap = true;
        return 0;
    case RECENT_HITCOUNT:
        return rules_parse_u32(p, word, 0, HITS_MOST, &recent->hit_count);
    case RECENT_RTTL:
        recent->rttl = true;
        return 0;
    case RECENT_NAME:
        return rules_parse_file_name(p, word, recent->name, sizeof recent->name);
    case RECENT_RSOURCE:
    case RECENT_RDEST:
        recent->by_destination = o->id == RECENT_RDEST;
        return 0;
    case RECENT_MASK:
        return rules_parse_address(p, word, &recent->mask);
    default:
        recent->command = o->id;
        recent->inverted = inverted;
        return 0;
    }
}

static int recent_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_recent *recent = data;

    if (!(p->given & COMMANDS))
        return rules_fail(p, "recent needs one of --set, --rcheck, --update or --remove");
    if ((p->given & CHANGES) && recent->hit_count > 0)
        return rules_fail(p, "--hitcount goes with --rcheck or --update only");
    return 0;
}

static void recent_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_recent *recent = data;

    fprintf(out, "%s --%s", recent->inverted ? " !" : "", command_words[recent->command]);
    if (recent->seconds)
        fprintf(out, " --seconds %d", (int32_t)recent->seconds);
    if (recent->reap)
        fputs(" --reap", out);
    if (recent->hit_count)
        fprintf(out, " --hitcount %u", recent->hit_count);
    if (recent->rttl)
        fputs(" --rttl", out);
    fprintf(out, " --name %s --mask ", recent->name);
    rules_print_address(out, how->family, &recent->mask);
    fputs(recent->by_destination ? " --rdest" : " --rsource", out);
}

static void recent_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_recent *recent = data;

    fprintf(out, "%s recent: %s", recent->inverted ? " !" : "", command_listed[recent->command]);
    if (recent->seconds)
        fprintf(out, " seconds: %d", (int32_t)recent->seconds);
    if (recent->reap)
        fputs(" reap", out);
    if (recent->hit_count)
        fprintf(out, " hit_count: %u", recent->hit_count);
    if (recent->rttl)
        fputs(" TTL-Match", out);
    fprintf(out, " name: %s side: %s mask: ", recent->name, recent->by_destination ? "dest" : "source");
    rules_print_address(out, how->family, &recent->mask);
}

const struct rules_extension rules_match_recent = {
    .name = "recent",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .type = RULES_MATCH_RECENT,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_recent),
    .start = recent_start,
    .option = recent_option,
    .finish = recent_finish,
    .save = recent_save,
    .list = recent_list,
};
