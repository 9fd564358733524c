/* SPDX-License-Identifier: BSD-2-Clause */
/* -m connlimit: how many connections a host or network has. net/netfilter/xt_connlimit.c */
#include "rules/ext/field.h"

enum { CONNLIMIT_UPTO, CONNLIMIT_ABOVE, CONNLIMIT_MASK, CONNLIMIT_SADDR, CONNLIMIT_DADDR };

/* "! --connlimit-upto" is --connlimit-above, and is saved so. */
static int read_limit(struct rules_parse *p, const char *word, void *at)
{
    struct rules_match_connlimit *c = at;

    c->above = (p->option->id == CONNLIMIT_ABOVE) != p->inverted;
    return rules_parse_u32(p, word, 0, UINT32_MAX, &c->limit);
}

static const struct rules_value limit = {.read = read_limit};

static const struct rules_option options[] = {
    RULES_OPTION("connlimit-upto", CONNLIMIT_UPTO, RULES_ARGUMENT | RULES_INVERTS, .value = &limit,
                 .excludes = RULES_BIT(CONNLIMIT_ABOVE)),
    RULES_OPTION("connlimit-above", CONNLIMIT_ABOVE, RULES_ARGUMENT | RULES_INVERTS, .value = &limit,
                 .excludes = RULES_BIT(CONNLIMIT_UPTO)),
    RULES_OPTION("connlimit-mask", CONNLIMIT_MASK, RULES_ARGUMENT,
                 RULES_TAKES(rules_prefix, match_connlimit, prefix)),
    RULES_OPTION("connlimit-saddr", CONNLIMIT_SADDR, 0, .excludes = RULES_BIT(CONNLIMIT_DADDR),
                 .given = RULES_IS(match_connlimit, by_destination, false)),
    RULES_OPTION("connlimit-daddr", CONNLIMIT_DADDR, 0, .excludes = RULES_BIT(CONNLIMIT_SADDR),
                 .given = RULES_IS(match_connlimit, by_destination, true)),
};

static int connlimit_finish(struct rules_parse *p, void *data)
{
    struct rules_match_connlimit *c = data;

    c->mask = rules_prefix_mask(p->family, c->prefix);
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
    .type = RULES_MATCH_CONNLIMIT,
    RULES_OPTIONS(options),
    .one_of = RULES_BIT(CONNLIMIT_UPTO) | RULES_BIT(CONNLIMIT_ABOVE),
    .lacking = "connlimit needs --connlimit-above or --connlimit-upto",
    .finish = connlimit_finish,
    .save = connlimit_save,
    .list = connlimit_list,
};
