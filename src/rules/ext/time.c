/* SPDX-License-Identifier: BSD-2-Clause */
/* -m time: dates, hours and days. net/netfilter/xt_time.c */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/ext/extension.h"

enum {
    TIME_DATE_START,
    TIME_DATE_STOP,
    TIME_START,
    TIME_STOP,
    TIME_CONTIGUOUS,
    TIME_MONTH_DAYS,
    TIME_WEEK_DAYS,
    TIME_IN_UTC,
    TIME_KERNEL_TZ,
};

static const struct rules_option options[] = {
    {"datestart", TIME_DATE_START, RULES_ARGUMENT, 0, 0},
    {"datestop", TIME_DATE_STOP, RULES_ARGUMENT, 0, 0},
    {"timestart", TIME_START, RULES_ARGUMENT, 0, 0},
    {"timestop", TIME_STOP, RULES_ARGUMENT, 0, 0},
    {"contiguous", TIME_CONTIGUOUS, 0, 0, 0},
    {"monthdays", TIME_MONTH_DAYS, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"weekdays", TIME_WEEK_DAYS, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"utc", TIME_IN_UTC, 0, 1u << TIME_KERNEL_TZ, 0},
    {"kerneltz", TIME_KERNEL_TZ, 0, 1u << TIME_IN_UTC, 0},
    {"localtz", TIME_KERNEL_TZ, 0, 1u << TIME_IN_UTC, 0}, /* its old name */
};

enum {
    DAY_LAST = 86399,      /* s */
    DATE_LAST = INT32_MAX, /* s since 1970; also "no end" */
    WEEK_ALL = 0xfe,       /* bits 1 to 7 */
};
static const uint32_t MONTH_ALL = 0xfffffffe; /* bits 1 to 31 */

static const char *const week_days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

static void time_start(const struct rules_parse *p, void *data)
{
    struct rules_match_time *t = data;

    (void)p;
    t->day_stop = DAY_LAST;
    t->date_stop = DATE_LAST;
    t->month_days = MONTH_ALL;
    t->week_days = WEEK_ALL;
}

/*
 * Reads up to count numbers, each before its own separator ("-", "-", "T", ":", ":"); the rest keep their
 * values. How many there were, or 0: malformed.
 */
static size_t parse_fields(const char *word, const char *separators, unsigned *field, const unsigned *most,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t digits = strspn(word, "0123456789");

        if (digits == 0 || digits > 4)
            return 0;
        field[i] = (unsigned)strtoul(word, NULL, 10);
        if (field[i] > most[i])
            return 0;
        word += digits;
        if (*word == '\0')
            return i + 1;
        if (i + 1 == count || *word++ != separators[i])
            return 0;
    }
    return 0;
}

static int parse_date(struct rules_parse *p, const char *word, uint32_t *ret)
{
    static const unsigned most[] = {2038, 12, 31, 23, 59, 59};
    unsigned field[] = {0, 1, 1, 0, 0, 0};
    struct tm tm = {0};

    if (parse_fields(word, "--T::", field, most, 6) == 0 || field[0] < 1970)
        return rules_fail(p, "\"%s\" is no date from 1970 to 2038; expected YYYY[-MM[-DD[Thh[:mm[:ss]]]]]",
                          word);
    tm.tm_year = (int)field[0] - 1900;
    tm.tm_mon = (int)field[1] - 1;
    tm.tm_mday = (int)field[2];
    tm.tm_hour = (int)field[3];
    tm.tm_min = (int)field[4];
    tm.tm_sec = (int)field[5];
    *ret = (uint32_t)timegm(&tm);
    return 0;
}

static int parse_daytime(struct rules_parse *p, const char *word, uint32_t *ret)
{
    static const unsigned most[] = {23, 59, 59};
    unsigned field[] = {0, 0, 0};

    if (parse_fields(word, "::", field, most, 3) < 2)
        return rules_fail(p, "\"%s\" is no time from 00:00:00 to 23:59:59; expected hh:mm[:ss]", word);
    *ret = field[0] * 3600 + field[1] * 60 + field[2];
    return 0;
}

static int parse_month_days(struct rules_parse *p, const char *word, uint32_t *ret)
{
    const char *at = word;
    uint32_t set = 0;
    char element[16];
    uint8_t day;
    int r;

    while ((r = rules_parse_element(p, &at, element, sizeof element)) > 0) {
        r = rules_parse_u8(p, element, 1, 31, &day);
        if (r < 0)
            return r;
        set |= UINT32_C(1) << day;
    }
    *ret = set;
    return r;
}

/* The number of a day, or its name, of which two letters are enough. */
static int parse_week_day(struct rules_parse *p, const char *word, uint8_t *ret)
{
    size_t index;
    int r;

    if (*word >= '0' && *word <= '9')
        return rules_parse_u8(p, word, 1, 7, ret);
    for (index = 0; index < 7; index++)
        if (strncmp(word, week_days[index], 2) == 0) {
            *ret = (uint8_t)(index + 1);
            return 0;
        }
    r = rules_parse_choice(p, word, week_days, 7, false, "a day of the week", &index);
    if (r == 0)
        *ret = (uint8_t)(index + 1);
    return r;
}

static int parse_week_days(struct rules_parse *p, const char *word, uint8_t *ret)
{
    const char *at = word;
    unsigned set = 0;
    char element[16];
    uint8_t day;
    int r;

    while ((r = rules_parse_element(p, &at, element, sizeof element)) > 0) {
        r = parse_week_day(p, element, &day);
        if (r < 0)
            return r;
        set |= 1u << day;
    }
    *ret = (uint8_t)set;
    return r;
}

static int time_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                       void *data)
{
    struct rules_match_time *t = data;
    int r = 0;

    switch (o->id) {
    case TIME_DATE_START:
        return parse_date(p, word, &t->date_start);
    case TIME_DATE_STOP:
        return parse_date(p, word, &t->date_stop);
    case TIME_START:
        return parse_daytime(p, word, &t->day_start);
    case TIME_STOP:
        return parse_daytime(p, word, &t->day_stop);
    case TIME_CONTIGUOUS:
        t->contiguous = true;
        return 0;
    case TIME_MONTH_DAYS: /* a negated list is kept as the days left over, as the kernel keeps it */
        r = parse_month_days(p, word, &t->month_days);
        if (r == 0 && inverted)
            t->month_days ^= MONTH_ALL;
        if (r == 0 && t->month_days == 0)
            return rules_fail(p, "no day of the month is left: the rule would never match");
        return r;
    case TIME_WEEK_DAYS:
        r = parse_week_days(p, word, &t->week_days);
        if (r == 0 && inverted)
            t->week_days ^= WEEK_ALL;
        if (r == 0 && t->week_days == 0)
            return rules_fail(p, "no day of the week is left: the rule would never match");
        return r;
    case TIME_KERNEL_TZ:
        t->kernel_tz = true;
        return 0;
    default: /* TIME_IN_UTC: as it is */
        return 0;
    }
}

static int time_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_time *t = data;

    if (t->date_stop == 0) /* which iptables takes, and forgets when it saves */
        return rules_fail(p, "a rule that ends where 1970 begins never matches; expected a later --datestop");
    if (t->contiguous && t->day_start < t->day_stop)
        return rules_fail(p, "--contiguous is for times that pass midnight: --timestop before --timestart");
    return 0;
}

static void print_daytime(FILE *out, const char *before, uint32_t second)
{
    fprintf(out, " %s %02u:%02u:%02u", before, second / 3600, second / 60 % 60, second % 60);
}

static void print_date(FILE *out, const char *before, char between, uint32_t date)
{
    time_t when = (time_t)date;
    struct tm tm;

    gmtime_r(&when, &tm);
    fprintf(out, " %s %04d-%02d-%02d%c%02d:%02d:%02d", before, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
            between, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* As iptables writes it: 11st, 12nd, 13rd. */
static const char *ordinal(unsigned day)
{
    static const char *const endings[] = {"th", "st", "nd", "rd"};

    return endings[day % 10 < 4 ? day % 10 : 0];
}

static void print_month_days(FILE *out, const char *before, uint32_t set, bool ordinals)
{
    char separator = ' ';

    fprintf(out, " %s", before);
    for (unsigned day = 1; day <= 31; day++)
        if (set & UINT32_C(1) << day) {
            fprintf(out, "%c%u%s", separator, day, ordinals ? ordinal(day) : "");
            separator = ',';
        }
}

static void print_week_days(FILE *out, const char *before, uint8_t set)
{
    char separator = ' ';

    fprintf(out, " %s", before);
    for (unsigned day = 1; day <= 7; day++)
        if (set & 1u << day) {
            fprintf(out, "%c%s", separator, week_days[day - 1]);
            separator = ',';
        }
}

static void time_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_time *t = data;

    (void)how;
    if (t->day_start != 0 || t->day_stop != DAY_LAST) {
        print_daytime(out, "--timestart", t->day_start);
        print_daytime(out, "--timestop", t->day_stop);
    }
    if (t->month_days != MONTH_ALL)
        print_month_days(out, "--monthdays", t->month_days, false);
    if (t->week_days != WEEK_ALL)
        print_week_days(out, "--weekdays", t->week_days);
    /* iptables-save on a 64-bit machine leaves out a start of 0, but no end. */
    if (t->date_start != 0)
        print_date(out, "--datestart", 'T', t->date_start);
    print_date(out, "--datestop", 'T', t->date_stop);
    if (t->kernel_tz)
        fputs(" --kerneltz", out);
    if (t->contiguous)
        fputs(" --contiguous", out);
}

static void time_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_time *t = data;

    (void)how;
    fputs(" TIME", out);
    if (t->day_start != 0 || t->day_stop != DAY_LAST) {
        print_daytime(out, "from", t->day_start);
        print_daytime(out, "to", t->day_stop);
    }
    if (t->week_days != WEEK_ALL)
        print_week_days(out, "on", t->week_days);
    if (t->month_days != MONTH_ALL)
        print_month_days(out, "on", t->month_days, true);
    if (t->date_start != 0)
        print_date(out, "starting from", ' ', t->date_start);
    if (t->date_stop != DATE_LAST)
        print_date(out, "until date", ' ', t->date_stop);
    if (!t->kernel_tz)
        fputs(" UTC", out);
    if (t->contiguous)
        fputs(" contiguous", out);
}

const struct rules_extension rules_match_time = {
    .name = "time",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .type = RULES_MATCH_TIME,
    .families = RULES_BOTH,
    .start = time_start,
    .option = time_option,
    .finish = time_finish,
    .save = time_save,
    .list = time_list,
};
