/* SPDX-License-Identifier: BSD-2-Clause */
/* -m connlimit: how many connections a host or network has. net/netfilter/xt_connlimit.c */
#include <errno.h>

#include "rules/ext/extension.h"

enum { CONNLIMIT_UPTO, CONNLIMIT_ABOVE, CONNLIMIT_MASK, CONNLIMIT_SADDR, CONNLIMIT_DADDR };

static const struct rules_option options[] = {
    {"connlimit-upto", CONNLIMIT_UPTO, RULES_ARGUMENT | RULES_INVERTS, 1u << CONNLIMIT_ABOVE, 0},
    {"connlimit-above", CONNLIMIT_ABOVE, RULES_ARGUMENT | RULES_INVERTS, 1u << CONNLIMIT_UPTO, 0},
    {"connlimit-mask", CONNLIMIT_MASK, RULES_ARGUMENT, 0, 0},
    {"connlimit-saddr", CONNLIMIT_SADDR, 0, 1u << CONNLIMIT_DADDR, 0},
    {"connlimit-daddr", CONNLIMIT_DADDR, 0, 1u << CONNLIMIT_SADDR, 0},
};

static unsigned full_prefix(uint8_t family)
{
    return family == PACKET_IPV6 ? 128 : 32;
}

static void set_prefix(uint8_t family, struct rules_match_connlimit *c, unsigned prefix)
{
    c->prefix = (uint8_t)prefix;
    c->mask = rules_prefix_mask(family, prefix);
}

static void connlimit_start(const struct rules_parse *p, void *data)
{
    set_prefix(p->family, data, full_prefix(p->family));
}

static int connlimit_option(struct rules_parse *p, const struct rules_option *o, const char *word,
                            bool inverted, void *data)
{
    struct rules_match_connlimit *c = data;
    struct packet_address mask;
    int r;

    switch (o->id) {
    case CONNLIMIT_UPTO:
    case CONNLIMIT_ABOVE:
        c->above = (o->id == CONNLIMIT_ABOVE) != inverted;
        return rules_parse_u32(p, word, 0, UINT32_MAX, &c->limit);
    case CONNLIMIT_MASK:
        r = rules_parse_mask(p, word, &mask);
        if (r < 0)
            return r;
        r = rules_mask_prefix(p->family, &mask);
        if (r < 0)
            return rules_fail(p, "\"%s\" is no prefix; expected a length of 0 to %u", word,
                              full_prefix(p->family));
        set_prefix(p->family, c, (unsigned)r);
        return 0;
    default:
        c->by_destination = o->id == CONNLIMIT_DADDR;
        return 0;
    }
}

static int connlimit_finish(struct rules_parse *p, void *data)
{
    (void)data;
    if (!(p->given & (1u << CONNLIMIT_UPTO | 1u << CONNLIMIT_ABOVE)))
        return rules_fail(p, "connlimit needs --connlimit-above or --connlimit-upto");
    return 0;
}

static void connlimit_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_connlimit *c = data;

    (void)how;
    fprintf(out, " --connlimit-%s %u --connlimit-mask %u --connlimit-%s", c->above ? "above" : "upto",
            c->limit, c->prefix, c->by_destination ? "daddr" : "saddr");
}

static void connlimit_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_connlimit *c = data;

    (void)how;
    fprintf(out, " #conn %s/%u %s %u", c->by_destination ? "dst" : "src", c->prefix,
            c->above ? ">" : "<=", c->limit);
}

const struct rules_extension rules_match_connlimit = {
    .name = "connlimit",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .type = RULES_MATCH_CONNLIMIT,
    .families = RULES_BOTH,
    .start = connlimit_start,
    .option = connlimit_option,
    .finish = connlimit_finish,
    .save = connlimit_save,
    .list = connlimit_list,
};
