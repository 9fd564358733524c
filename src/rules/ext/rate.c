/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/ext/rate.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

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
