/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates, and -m limit: a token bucket for the whole rule. net/netfilter/xt_limit.c */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "rules/ext/field.h"

/* ---- rates ---- */

static const struct {
    const char *word, *printed;
    uint32_t seconds;
} units[] = {{"day", "day", 86400}, {"hour", "hour", 3600}, {"minute", "min", 60}, {"second", "sec", 1}};

enum { UNITS = sizeof units / sizeof *units };

/* The unit that word is a beginning of, in either case: "s", "Sec", "second". 0: none. */
static uint32_t rate_unit(const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; length > 0 && i < UNITS; i++)
        if (strncasecmp(word, units[i].word, length) == 0)
            return units[i].seconds;
    return 0;
}

int rules_rate_parse(struct rules_parse *p, const char *word, uint32_t scale, uint64_t *ret_time,
                     uint32_t *ret_unit)
{
    size_t digits = strspn(word, "0123456789");
    uint64_t count = 0;
    uint32_t unit = 1;

    if (digits == 0 || digits > 10 || (word[digits] != '\0' && word[digits] != '/'))
        return rules_fail(
            p, "\"%s\" is no rate; expected a number, or one with /second, /minute, /hour or /day", word);
    for (size_t i = 0; i < digits; i++)
        count = count * 10 + (uint64_t)(word[i] - '0');
    if (word[digits] == '/')
        unit = rate_unit(word + digits + 1);
    if (unit == 0)
        return rules_fail(p, "\"%s\" is no unit of time; expected second, minute, hour or day",
                          word + digits + 1);
    if (count == 0)
        return rules_fail(p, "a rate of 0 admits nothing; expected at least 1");
    if ((uint64_t)scale * unit / count == 0)
        return rules_fail(p, "\"%s\" is too fast; the most is %u a second", word, scale);
    *ret_time = (uint64_t)scale * unit / count;
    *ret_unit = unit;
    return 0;
}

uint32_t rules_rate_print(FILE *out, uint64_t time, uint32_t scale)
{
    size_t i = 1;

    if (time == 0) {
        fputs("inf", out);
        return 0;
    }
    /* The shortest unit whose whole number of packets is near the truth. */
    while (i < UNITS) {
        uint64_t unit = (uint64_t)scale * units[i].seconds;

        if (time > unit || unit / time < unit % time)
            break;
        i++;
    }
    fprintf(out, "%" PRIu64 "/%s", (uint64_t)scale * units[i - 1].seconds / time, units[i - 1].printed);
    return units[i - 1].seconds;
}

/* ---- limit ---- */

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
