/* SPDX-License-Identifier: BSD-2-Clause */
/* -m time: dates, hours and days. net/netfilter/xt_time.c */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/ext/field.h"

enum { TIME_IN_UTC = 7, TIME_KERNEL_TZ = 8 }; /* ids that others exclude */

enum {
    DAY_LAST = 86399,      /* s */
    DATE_LAST = INT32_MAX, /* s since 1970; also "no end" */
    WEEK_ALL = 0xfe,       /* bits 1 to 7 */
};
#define MONTH_ALL UINT32_C(0xfffffffe) /* bits 1 to 31 */

static const struct rules_name week_days[] = {{"Mon", 1 << 1}, {"Tue", 1 << 2}, {"Wed", 1 << 3},
                                              {"Thu", 1 << 4}, {"Fri", 1 << 5}, {"Sat", 1 << 6},
                                              {"Sun", 1 << 7}};
static const struct rules_names week_day_names = {RULES_NAMES(week_days), .exact = true,
                                                  .kind = "a day of the week"};

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

static int read_date(struct rules_parse *p, const char *word, void *at)
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
    *(uint32_t *)at = (uint32_t)timegm(&tm);
    return 0;
}

static int read_daytime(struct rules_parse *p, const char *word, void *at)
{
    static const unsigned most[] = {23, 59, 59};
    unsigned field[] = {0, 0, 0};

    if (parse_fields(word, "::", field, most, 3) < 2)
        return rules_fail(p, "\"%s\" is no time from 00:00:00 to 23:59:59; expected hh:mm[:ss]", word);
    *(uint32_t *)at = field[0] * 3600 + field[1] * 60 + field[2];
    return 0;
}

/* A negated list is kept as the days left over, as the kernel keeps it. */
static int read_month_days(struct rules_parse *p, const char *word, void *at)
{
    uint32_t *ret = at, set = 0, day = 0;
    char element[16];
    int r;

    while ((r = rules_parse_element(p, &word, element, sizeof element)) > 0) {
        r = rules_parse_u32(p, element, 1, 31, &day);
        if (r < 0)
            return r;
        set |= UINT32_C(1) << day;
    }
    *ret = p->inverted ? set ^ MONTH_ALL : set;
    if (r == 0 && *ret == 0)
        return rules_fail(p, "no day of the month is left: the rule would never match");
    return r;
}

/* The number of a day, or its name, of which two letters are enough. */
static int parse_week_day(struct rules_parse *p, const char *word, uint32_t *ret)
{
    uint32_t day = 0;
    int r;

    if (*word >= '0' && *word <= '9') {
        r = rules_parse_u32(p, word, 1, 7, &day);
        *ret = 1u << day;
        return r;
    }
    for (unsigned i = 0; i < RULES_COUNT(week_days); i++)
        if (strncmp(word, week_days[i].name, 2) == 0) {
            *ret = week_days[i].value;
            return 0;
        }
    return rules_parse_name(p, word, &week_day_names, ret);
}

static int read_week_days(struct rules_parse *p, const char *word, void *at)
{
    uint32_t set = 0, day = 0;
    uint8_t *ret = at;
    char element[16];
    int r;

    while ((r = rules_parse_element(p, &word, element, sizeof element)) > 0) {
        r = parse_week_day(p, element, &day);
        if (r < 0)
            return r;
        set |= day;
    }
    *ret = (uint8_t)(p->inverted ? set ^ WEEK_ALL : set);
    if (r == 0 && *ret == 0)
        return rules_fail(p, "no day of the week is left: the rule would never match");
    return r;
}

static const struct rules_value date_value = {.read = read_date}, daytime = {.read = read_daytime},
                                month_days = {.read = read_month_days},
                                days_of_week = {.read = read_week_days};

static const struct rules_option options[] = {
    RULES_OPTION("datestart", 0, RULES_ARGUMENT, RULES_TAKES(date_value, match_time, date_start)),
    RULES_OPTION("datestop", 1, RULES_ARGUMENT, RULES_TAKES(date_value, match_time, date_stop),
                 .standard = DATE_LAST),
    RULES_OPTION("timestart", 2, RULES_ARGUMENT, RULES_TAKES(daytime, match_time, day_start)),
    RULES_OPTION("timestop", 3, RULES_ARGUMENT, RULES_TAKES(daytime, match_time, day_stop),
                 .standard = DAY_LAST),
    RULES_OPTION("contiguous", 4, 0, .given = RULES_BOOL(match_time, contiguous)),
    RULES_OPTION("monthdays", 5, RULES_ARGUMENT | RULES_INVERTS,
                 RULES_TAKES(month_days, match_time, month_days), .standard = MONTH_ALL),
    RULES_OPTION("weekdays", 6, RULES_ARGUMENT | RULES_INVERTS,
                 RULES_TAKES(days_of_week, match_time, week_days), .standard = WEEK_ALL),
    RULES_OPTION("utc", TIME_IN_UTC, 0, .excludes = RULES_BIT(TIME_KERNEL_TZ)), /* as it is */
    RULES_OPTION("kerneltz", TIME_KERNEL_TZ, 0, .excludes = RULES_BIT(TIME_IN_UTC),
                 .given = RULES_BOOL(match_time, kernel_tz)),
    RULES_OPTION("localtz", TIME_KERNEL_TZ, 0, .excludes = RULES_BIT(TIME_IN_UTC)), /* its old name */
};

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
    fprintf(out, " %s ", before);
    rules_print_names(out, &week_day_names, set, ",");
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
    .type = RULES_MATCH_TIME,
    RULES_OPTIONS(options),
    .finish = time_finish,
    .save = time_save,
    .list = time_list,
};
