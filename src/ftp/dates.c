/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/dates.h"

#include "ftp/time.h"

#include <string.h>

/* A number in a date of words: "31", "31.", "31日". */
static bool read_ordinal(struct ftp_text t, const char *form, unsigned *ret)
{
    size_t len = ftp_text_form(t, form, ret);
    for (size_t i = len; i < t.len; i++)
        if (ftp_is_ascii(t.at[i]) && t.at[i] != '.' && t.at[i] != ',')
            return false;
    return len > 0;
}

/* How the months begin in the languages that servers speak (see ftp_text_begins). Without what is another month
 * in another language: "lip", "srp", "lis". */
static const char *const month_names[12] = {
    "jan gen ene ian sty led oca янв",
    "feb fev f*v lut *no *ub фев",
    "mar m*r mrt b*e мар",
    "apr avr abr *pr kwi dub nis апр",
    "may mai maj mei mag m*j kv* мая май",
    "jun juin j*n giu iun cze *en haz июн",
    "jul juil j*l lug iul *ec tem июл",
    "aug ao ago avg sie a*u авг",
    "sep set wrz z* eyl сен",
    "oct okt ott out pa* *j eki окт",
    "nov noi kas ноя",
    "dec dez d*c dic des gru pro ara дек",
};

/* From 1, or 0 for a word that is not known. */
static unsigned month_of(struct ftp_text word)
{
    unsigned number;
    if (read_ordinal(word, "N", &number))
        return number;
    for (unsigned month = 0; month < 12; month++)
        for (const char *name = month_names[month]; name; name = strchr(name, ' '))
            if (ftp_text_begins(word, name += *name == ' '))
                return month + 1;
    return 0;
}

/* "12:59", "12:59:59.123". Its length, or 0: *m is as it was. */
static size_t read_clock(struct ftp_text t, struct ftp_moment *m, enum ftp_precision *ret_precision)
{
    unsigned n[3] = {0};
    size_t len = ftp_text_form(t, "N:N:N", n);
    *ret_precision = len > 0 ? FTP_TO_SECOND : FTP_TO_MINUTE;
    if (len == 0)
        len = ftp_text_form(t, "N:N", n);
    else if (len < t.len && t.at[len] == '.')
        for (len++; len < t.len && ftp_is_digit(t.at[len]);)
            len++;
    if (len == 0)
        return 0;
    m->hour = n[0];
    m->minute = n[1];
    m->second = *ret_precision == FTP_TO_SECOND ? n[2] : 0;
    return len;
}

static void set_time(struct ftp_listed_time *t, const struct ftp_moment *m, enum ftp_precision precision)
{
    t->is_known = ftp_moment_seconds(m, &t->seconds) == 0;
    t->precision = precision;
    t->is_utc = false;
}

/* The last such day, but for a day by which clocks and zones may differ. Some servers leave the year out for
 * longer than the half a year of ls, but hardly in what is to come. 29 February may be eight years ago. */
static void set_recent(struct ftp_listed_time *t, struct ftp_moment *m, enum ftp_precision precision,
                       int64_t now)
{
    m->year = ftp_moment_of(now).year + 1;
    for (unsigned i = 0; i < 10; i++, m->year--) {
        set_time(t, m, precision);
        if (t->is_known && t->seconds - FTP_DAY <= now)
            return;
    }
    t->is_known = false;
}

/* --- ls ---------------------------------------------------------------------------------------------- */

/* "+0100" in seconds. */
static bool read_zone(struct ftp_text t, int *ret)
{
    unsigned n[2];
    if (t.len != 5 || (*t.at != '+' && *t.at != '-') || !ftp_text_fits(ftp_text_from(t, 1), "NN", n))
        return false;
    *ret = (*t.at == '-' ? -60 : 60) * (int)(n[0] * 60 + n[1]);
    return true;
}

static size_t read_iso(const struct ftp_text *word, size_t count, struct ftp_listed_time *ret)
{
    unsigned n[3];
    int zone;
    struct ftp_moment m;
    enum ftp_precision precision;
    if (count < 2 || !ftp_text_fits(word[0], "Y-N-N", n) ||
        read_clock(word[1], &m, &precision) != word[1].len)
        return 0;
    m.year = n[0];
    m.month = n[1];
    m.day = n[2];
    set_time(ret, &m, precision);
    if (precision != FTP_TO_SECOND || count < 3 || !read_zone(word[2], &zone))
        return 2;
    ret->is_utc = true;
    ret->seconds -= zone;
    return 3;
}

/* The month may be any word: ls speaks more languages than month_of. */
static size_t read_words(const struct ftp_text *word, size_t count, bool day_first, int64_t now,
                         struct ftp_listed_time *ret)
{
    struct ftp_moment m = {0};
    enum ftp_precision precision = FTP_TO_DAY;
    size_t used = 3;
    if (count < 3 || !read_ordinal(word[!day_first], "N", &m.day) || m.day < 1 || m.day > 31)
        return 0;
    m.month = month_of(word[day_first]);
    bool has_year = read_ordinal(word[2], "Y", &m.year);
    if (!has_year && read_clock(word[2], &m, &precision) != word[2].len)
        return 0;
    if (precision == FTP_TO_SECOND && count > 3 && ftp_text_fits(word[3], "Y", &m.year)) {
        has_year = true;
        used++;
    }
    if (has_year)
        set_time(ret, &m, precision);
    else
        set_recent(ret, &m, precision, now);
    return used;
}

size_t ftp_date_ls(const struct ftp_text *word, size_t count, int64_t now, struct ftp_listed_time *ret)
{
    size_t used = read_iso(word, count, ret);
    if (used == 0)
        used = read_words(word, count, false, now, ret);
    return used ? used : read_words(word, count, true, now, ret);
}

/* --- DOS --------------------------------------------------------------------------------------------- */

static bool read_numbers(struct ftp_text t, bool *day_first, struct ftp_moment *m)
{
    unsigned n[3];
    if (ftp_text_fits(t, "Y-N-N", n)) {
        *m = (struct ftp_moment){.year = n[0], .month = n[1], .day = n[2]};
        return true;
    }
    bool dots = ftp_text_fits(t, "N.N.Y", n) || ftp_text_fits(t, "N.N.N", n);
    if (!dots && !ftp_text_fits(t, "N-N-Y", n) && !ftp_text_fits(t, "N-N-N", n))
        return false;
    *day_first = *day_first || dots || n[0] > 12;
    bool swap = *day_first && n[1] <= 12;
    *m = (struct ftp_moment){.year = n[2], .month = n[swap], .day = n[!swap]};
    if (m->year < 100)
        m->year += m->year < 70 ? 2000 : 1900;
    return true;
}

static bool read_half_of_day(struct ftp_text t, struct ftp_moment *m)
{
    bool after_noon = ftp_text_is(t, "PM") || ftp_text_is(t, "P");
    if (!after_noon && !ftp_text_is(t, "AM") && !ftp_text_is(t, "A"))
        return false;
    m->hour = m->hour % 12 + (after_noon ? 12 : 0);
    return true;
}

size_t ftp_date_dos(const struct ftp_text *word, size_t count, bool *day_first, struct ftp_listed_time *ret)
{
    struct ftp_moment m;
    enum ftp_precision precision;
    size_t used = 2;
    if (count < 2 || !read_numbers(word[0], day_first, &m))
        return 0;
    size_t clock = read_clock(word[1], &m, &precision);
    if (clock == 0 || (clock < word[1].len && !read_half_of_day(ftp_text_from(word[1], clock), &m)))
        return 0;
    if (clock == word[1].len && count > 2 && read_half_of_day(word[2], &m))
        used++;
    set_time(ret, &m, precision);
    return used;
}

/* --- VMS --------------------------------------------------------------------------------------------- */

size_t ftp_date_vms(const struct ftp_text *word, size_t count, struct ftp_listed_time *ret)
{
    struct ftp_moment m = {0};
    enum ftp_precision precision;
    if (count == 0)
        return 0;
    struct ftp_text year = word[0], day = ftp_text_take(&year, '-'), month = ftp_text_take(&year, '-');
    if (!ftp_text_fits(day, "N", &m.day) || !ftp_text_fits(year, "Y", &m.year))
        return 0;
    m.month = month_of(month);
    bool has_clock = count > 1 && read_clock(word[1], &m, &precision) > 0;
    set_time(ret, &m, has_clock ? precision : FTP_TO_DAY);
    return has_clock ? 2 : 1;
}
