/* SPDX-License-Identifier: BSD-2-Clause */
/* -m limit: a token bucket for the whole rule. net/netfilter/xt_limit.c */
#include "rules/ext/extension.h"
#include "rules/ext/rate.h"

enum { LIMIT_RATE, LIMIT_BURST };

static const struct rules_option options[] = {
    {.name = "limit", .id = LIMIT_RATE, .flags = RULES_ARGUMENT},
    {.name = "limit-burst", .id = LIMIT_BURST, .flags = RULES_ARGUMENT},
};

enum {
    LIMIT_SCALE = 10000,            /* XT_LIMIT_SCALE: 1/10,000 s */
    LIMIT_BURST_DEFAULT = 5,        /* packets */
    LIMIT_BURST_MOST = 10000,       /* packets */
    LIMIT_CREDITS_A_SECOND = 32000, /* xt_limit.c: HZ times the credits of a jiffy; so for HZ 250 and 1000 */
};

static void limit_start(const struct rules_parse *p, void *data)
{
    struct rules_match_limit *limit = data;

    (void)p;
    limit->average = LIMIT_SCALE * 3600u / 3u; /* 3/hour */
    limit->burst = LIMIT_BURST_DEFAULT;
}

static int limit_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                        void *data)
{
    struct rules_match_limit *limit = data;
    uint64_t average;
    uint32_t unit;
    int r;

    (void)inverted;
    if (o->id == LIMIT_BURST)
        return rules_parse_u32(p, word, 0, LIMIT_BURST_MOST, &limit->burst);
    r = rules_rate_parse(p, word, LIMIT_SCALE, &average, &unit);
    if (r < 0)
        return r;
    limit->average = (uint32_t)average;
    return 0;
}

/* How the kernel turns a time into credits, in 32 bits. */
static uint32_t limit_credits(uint32_t time)
{
    if (time > UINT32_MAX / LIMIT_CREDITS_A_SECOND)
        return time / LIMIT_SCALE * LIMIT_CREDITS_A_SECOND;
    return time * LIMIT_CREDITS_A_SECOND / LIMIT_SCALE;
}

static int limit_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_limit *limit = data;

    /* The kernel multiplies in 32 bits and refuses what runs over (xt_limit.c, checkentry). */
    if (limit->burst == 0 || limit_credits(limit->average * limit->burst) < limit_credits(limit->average))
        return rules_fail(p, "a burst of %u packets is %s for this rate; the kernel refuses it", limit->burst,
                          limit->burst == 0 ? "too small" : "too large");
    return 0;
}

static void limit_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_limit *limit = data;

    (void)how;
    fputs(" --limit", out);
    rules_rate_print(out, limit->average, LIMIT_SCALE);
    if (limit->burst != LIMIT_BURST_DEFAULT)
        fprintf(out, " --limit-burst %u", limit->burst);
}

static void limit_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_limit *limit = data;

    (void)how;
    fputs(" limit: avg", out);
    rules_rate_print(out, limit->average, LIMIT_SCALE);
    fprintf(out, " burst %u", limit->burst);
}

const struct rules_extension rules_match_limit = {
    .name = "limit",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .type = RULES_MATCH_LIMIT,
    .families = RULES_BOTH,
    .start = limit_start,
    .option = limit_option,
    .finish = limit_finish,
    .save = limit_save,
    .list = limit_list,
};
