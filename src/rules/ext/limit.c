/* SPDX-License-Identifier: BSD-2-Clause */
/* -m limit: a token bucket for the whole rule. net/netfilter/xt_limit.c */
#include "rules/ext/field.h"
#include "rules/ext/rate.h"

enum {
    LIMIT_SCALE = 10000,            /* XT_LIMIT_SCALE: 1/10,000 s */
    LIMIT_BURST_DEFAULT = 5,        /* packets */
    LIMIT_BURST_MOST = 10000,       /* packets */
    LIMIT_CREDITS_A_SECOND = 32000, /* xt_limit.c: HZ times the credits of a jiffy; so for HZ 250 and 1000 */
};

static int read_rate(struct rules_parse *p, const char *word, void *at)
{
    uint64_t average;
    uint32_t unit;
    int r = rules_rate_parse(p, word, LIMIT_SCALE, &average, &unit);

    if (r == 0)
        *(uint32_t *)at = (uint32_t)average;
    return r;
}

static void print_rate(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    rules_rate_print(out, *(const uint32_t *)at, LIMIT_SCALE);
}

static const struct rules_value rate = {.read = read_rate, .print = print_rate};

static const struct rules_option options[] = {
    RULES_OPTION("limit", 0, RULES_ARGUMENT | RULES_SHOWN, RULES_TAKES(rate, match_limit, average),
                 .standard = LIMIT_SCALE * 3600u / 3u /* 3/hour */, .listed = " limit: avg "),
    RULES_OPTION("limit-burst", 1, RULES_ARGUMENT | RULES_LISTED,
                 RULES_TAKES(rules_number, match_limit, burst), .most = LIMIT_BURST_MOST,
                 .standard = LIMIT_BURST_DEFAULT, .listed = " burst "),
};

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

const struct rules_extension rules_match_limit = {
    .name = "limit", .type = RULES_MATCH_LIMIT, RULES_OPTIONS(options), .finish = limit_finish};
