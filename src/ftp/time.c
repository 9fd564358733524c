/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/time.h"

#include <errno.h>
#include <string.h>

enum {
    DAYS_OF_400_YEARS = 146097,
    DAYS_TO_1970 = 719468, /* from 1 March of year 0 */
    TIME_DIGITS = 14,
};

static const int64_t first_second = INT64_C(-62167219200); /* 0000-01-01 */
static const int64_t last_second = INT64_C(253402300799);  /* 9999-12-31 23:59:59 */

bool ftp_time_can_say(int64_t seconds)
{
    return seconds >= first_second && seconds <= last_second;
}

/* Days since 1970 of a date of year 0 or later. Years are counted from March, which puts the leap day at the
 * end and makes every month's first day 153/5 days after the last one's, rounded. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y < 0 ? y - 399 : y) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_1970;
}

struct ftp_moment ftp_moment_of(int64_t seconds)
{
    if (!ftp_time_can_say(seconds))
        seconds = seconds < first_second ? first_second : last_second;
    int64_t days = seconds / FTP_DAY - (seconds % FTP_DAY < 0);
    unsigned second = (unsigned)(seconds - days * FTP_DAY);
    days += DAYS_TO_1970;
    int64_t era = (days < 0 ? days - (DAYS_OF_400_YEARS - 1) : days) / DAYS_OF_400_YEARS;
    int64_t day = days - era * DAYS_OF_400_YEARS;
    /* Take out the leap days before it (one every 1,461 days, but for three centuries' ends) and years are
     * all 365. */
    int64_t year = (day - day / 1460 + day / 36524 - day / (DAYS_OF_400_YEARS - 1)) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct ftp_moment){.year = (unsigned)(year + era * 400 + (month <= 2)),
                               .month = (unsigned)month,
                               .day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
                               .hour = second / 3600,
                               .minute = second / 60 % 60,
                               .second = second % 60};
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return (unsigned)(days[month - 1] + (month == 2 && leap));
}

int ftp_moment_seconds(const struct ftp_moment *m, int64_t *ret_seconds)
{
    if (m->year > 9999 || m->month < 1 || m->month > 12 || m->day < 1 ||
        m->day > days_in_month(m->year, m->month) || m->hour > 23 || m->minute > 59 || m->second > 60)
        return -EINVAL;
    *ret_seconds = days_of(m->year, m->month, m->day) * FTP_DAY + m->hour * 3600 + m->minute * 60 + m->second;
    return 0;
}

static void put_digits(char *at, unsigned value, unsigned digits)
{
    for (; digits-- > 0; value /= 10)
        at[digits] = (char)('0' + value % 10);
}

bool ftp_time_format(int64_t seconds, char *out)
{
    struct ftp_moment m = ftp_moment_of(seconds);
    put_digits(out, m.year, 4);
    put_digits(out + 4, m.month * 100 + m.day, 4);
    put_digits(out + 8, (m.hour * 100 + m.minute) * 100 + m.second, 6);
    out[TIME_DIGITS] = '\0';
    return ftp_time_can_say(seconds);
}

/* Digits that are known to be there. */
static unsigned read_digits(const char *text, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    return value;
}

int ftp_time_parse(const char *text, int64_t *ret_seconds, const char **ret_end)
{
    if (strspn(text, "0123456789") != TIME_DIGITS)
        return -EINVAL;
    struct ftp_moment m = {.year = read_digits(text, 4),
                           .month = read_digits(text + 4, 2),
                           .day = read_digits(text + 6, 2),
                           .hour = read_digits(text + 8, 2),
                           .minute = read_digits(text + 10, 2),
                           .second = read_digits(text + 12, 2)};
    const char *end = text + TIME_DIGITS;
    if (*end == '.') {
        size_t fraction = strspn(end + 1, "0123456789");
        if (fraction == 0)
            return -EINVAL;
        end += 1 + fraction;
    }
    if (!ret_end && *end != '\0')
        return -EINVAL;
    int r = ftp_moment_seconds(&m, ret_seconds);
    if (r == 0 && ret_end)
        *ret_end = end;
    return r;
}
