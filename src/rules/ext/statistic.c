/* SPDX-License-Identifier: BSD-2-Clause */
/* -m statistic: some packets of many, at random or by count. net/netfilter/xt_statistic.c */
#include <errno.h>
#include <stdlib.h>

#include "rules/ext/extension.h"

enum { STATISTIC_MODE, STATISTIC_PROBABILITY, STATISTIC_EVERY, STATISTIC_PACKET };

static const struct rules_option options[] = {
    {"mode", STATISTIC_MODE, RULES_ARGUMENT | RULES_NEEDED, 0, 0},
    {"probability", STATISTIC_PROBABILITY, RULES_ARGUMENT | RULES_INVERTS,
     1u << STATISTIC_EVERY | 1u << STATISTIC_PACKET, 0},
    {"every", STATISTIC_EVERY, RULES_ARGUMENT | RULES_INVERTS, 1u << STATISTIC_PROBABILITY,
     1u << STATISTIC_PACKET},
    {"packet", STATISTIC_PACKET, RULES_ARGUMENT, 1u << STATISTIC_PROBABILITY, 1u << STATISTIC_EVERY},
};

static const char *const modes[] = {"random", "nth"};

static const double CERTAIN = 2147483648.0; /* probabilities are parts of 2^31 */

static int parse_probability(struct rules_parse *p, const char *word, uint32_t *ret)
{
    char *end;
    double value = strtod(word, &end);

    if (end == word || *end != '\0' || !(value >= 0 && value <= 1))
        return rules_fail(p, "\"%s\" is no probability; expected 0 to 1, such as 0.25", word);
    *ret = (uint32_t)(value * CERTAIN + 0.5);
    return 0;
}

static int statistic_option(struct rules_parse *p, const struct rules_option *o, const char *word,
                            bool inverted, void *data)
{
    struct rules_match_statistic *statistic = data;
    size_t index;
    int r;

    if (inverted)
        statistic->inverted = true;
    switch (o->id) {
    case STATISTIC_MODE:
        r = rules_parse_choice(p, word, modes, sizeof modes / sizeof *modes, false, "a mode", &index);
        if (r == 0)
            statistic->nth = index == 1;
        return r;
    case STATISTIC_PROBABILITY:
        return parse_probability(p, word, &statistic->probability);
    case STATISTIC_EVERY:
        return rules_parse_u32(p, word, 1, UINT32_MAX, &statistic->every);
    default: /* STATISTIC_PACKET */
        return rules_parse_u32(p, word, 0, UINT32_MAX, &statistic->packet);
    }
}

static int statistic_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_statistic *statistic = data;

    if (!statistic->nth && !(p->given & 1u << STATISTIC_PROBABILITY))
        return rules_fail(p, "--mode random needs --probability");
    if (!statistic->nth)
        return 0;
    if (!(p->given & 1u << STATISTIC_EVERY))
        return rules_fail(p, "--mode nth needs --every and --packet");
    if (statistic->packet >= statistic->every)
        return rules_fail(p, "--packet %u is out of range; expected 0 to %u, less than --every",
                          statistic->packet, statistic->every - 1);
    return 0;
}

static void print_statistic(FILE *out, const struct rules_match_statistic *statistic, const char *prefix)
{
    const char *not = statistic->inverted ? " !" : "";

    fprintf(out, " %smode %s%s", prefix, modes[statistic->nth], not);
    if (!statistic->nth) {
        fprintf(out, " %sprobability %.11f", prefix, statistic->probability / CERTAIN);
        return;
    }
    fprintf(out, " %severy %u", prefix, statistic->every);
    if (statistic->packet || *prefix)
        fprintf(out, " %spacket %u", prefix, statistic->packet);
}

static void statistic_save(FILE *out, const void *data, const struct rules_print *how)
{
    (void)how;
    print_statistic(out, data, "--");
}

static void statistic_list(FILE *out, const void *data, const struct rules_print *how)
{
    (void)how;
    fputs(" statistic", out);
    print_statistic(out, data, "");
}

const struct rules_extension rules_match_statistic = {
    .name = "statistic",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .type = RULES_MATCH_STATISTIC,
    .families = RULES_BOTH,
    .option = statistic_option,
    .finish = statistic_finish,
    .save = statistic_save,
    .list = statistic_list,
};
