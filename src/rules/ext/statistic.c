/* SPDX-License-Identifier: BSD-2-Clause */
/* -m statistic: some packets of many, at random or by count. net/netfilter/xt_statistic.c */
#include <stdlib.h>

#include "rules/ext/field.h"

enum { STATISTIC_MODE, STATISTIC_PROBABILITY, STATISTIC_EVERY, STATISTIC_PACKET };

static const struct rules_name modes[] = {{"random", false}, {"nth", true}};
static const struct rules_names mode_names = {RULES_NAMES(modes), .exact = true, .kind = "a mode"};

static const double CERTAIN = 2147483648.0; /* probabilities are parts of 2^31 */

static int read_probability(struct rules_parse *p, const char *word, void *at)
{
    uint32_t *ret = at;
    char *end;
    double value = strtod(word, &end);

    if (end == word || *end != '\0' || !(value >= 0 && value <= 1))
        return rules_fail(p, "\"%s\" is no probability; expected 0 to 1, such as 0.25", word);
    *ret = (uint32_t)(value * CERTAIN + 0.5);
    return 0;
}

static const struct rules_value probability = {.read = read_probability};

static const struct rules_option options[] = {
    RULES_OPTION("mode", STATISTIC_MODE, RULES_ARGUMENT | RULES_NEEDED,
                 RULES_TAKES(rules_choice, match_statistic, nth), .names = &mode_names),
    RULES_OPTION("probability", STATISTIC_PROBABILITY, RULES_ARGUMENT | RULES_INVERTS,
                 .excludes = RULES_BIT(STATISTIC_EVERY) | RULES_BIT(STATISTIC_PACKET),
                 RULES_TAKES(probability, match_statistic, probability),
                 .inverted = RULES_BOOL(match_statistic, inverted)),
    RULES_OPTION("every", STATISTIC_EVERY, RULES_ARGUMENT | RULES_INVERTS,
                 .excludes = RULES_BIT(STATISTIC_PROBABILITY), .requires = RULES_BIT(STATISTIC_PACKET),
                 RULES_TAKES(rules_number, match_statistic, every), .least = 1,
                 .inverted = RULES_BOOL(match_statistic, inverted)),
    RULES_OPTION("packet", STATISTIC_PACKET, RULES_ARGUMENT, .excludes = RULES_BIT(STATISTIC_PROBABILITY),
                 .requires = RULES_BIT(STATISTIC_EVERY), RULES_TAKES(rules_number, match_statistic, packet)),
};

static int statistic_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_statistic *statistic = data;

    if (!statistic->nth && !(p->given & RULES_BIT(STATISTIC_PROBABILITY)))
        return rules_fail(p, "--mode random needs --probability");
    if (!statistic->nth)
        return 0;
    if (!(p->given & RULES_BIT(STATISTIC_EVERY)))
        return rules_fail(p, "--mode nth needs --every and --packet");
    if (statistic->packet >= statistic->every)
        return rules_fail(p, "--packet %u is out of range; expected 0 to %u, less than --every",
                          statistic->packet, statistic->every - 1);
    return 0;
}

static void print_statistic(FILE *out, const struct rules_match_statistic *statistic, const char *prefix)
{
    const char *not = statistic->inverted ? " !" : "";

    fprintf(out, " %smode %s%s", prefix, modes[statistic->nth].name, not);
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
    .type = RULES_MATCH_STATISTIC,
    RULES_OPTIONS(options),
    .finish = statistic_finish,
    .save = statistic_save,
    .list = statistic_list,
};
