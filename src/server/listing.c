/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/listing.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

/*
 * A folder of 100,000 entries goes through here once a listing, so lines are written by hand: room is checked
 * once a line, and the put_ functions only move the pointer on.
 */
static char *put_text(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

static char *put_spaces(char *at, size_t count)
{
    memset(at, ' ', count);
    return at + count;
}

/* The last digits bytes of value in a base up to 16. */
static char *put_digits(char *at, uint64_t value, unsigned base, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= base)
        at[i] = "0123456789abcdef"[value % base];
    return at + digits;
}

static unsigned count_digits(uint64_t value, unsigned base)
{
    unsigned digits = 1;
    for (; value >= base; value /= base)
        digits++;
    return digits;
}

static char *put_number(char *at, uint64_t value, unsigned base)
{
    return put_digits(at, value, base, count_digits(value, base));
}

/* A decimal at the right of a column. */
static char *put_right(char *at, uint64_t value, unsigned width)
{
    unsigned digits = count_digits(value, 10);
    if (digits < width)
        at = put_spaces(at, width - digits);
    return put_digits(at, value, 10, digits);
}

/* A text at the left of a column. */
static char *put_left(char *at, const char *text, size_t len, size_t width)
{
    at = put_text(at, text, len);
    return len < width ? put_spaces(at, width - len) : at;
}

/* A name without the bytes that would end its line. */
static char *put_name(char *at, const char *name, size_t len, char for_lf)
{
    for (size_t i = 0; i < len; i++)
        at[i] = name[i] == '\n' ? for_lf : name[i] == '\r' ? '?' : name[i];
    return at + len;
}

/* --- time -------------------------------------------------------------------------------------------- */

enum {
    DAY = 86400,
    HALF_A_YEAR = 182 * DAY, /* as vsftpd has it */
    DAYS_OF_400_YEARS = 146097,
    DAYS_TO_1970 = 719468, /* from 1 March of year 0 */
};

struct moment {
    unsigned year, month, day, hour, minute, second; /* month and day from 1 */
};

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

/* The inverse. seconds of the years 0 to 9999. */
static struct moment moment_of(int64_t seconds)
{
    int64_t days = seconds / DAY - (seconds % DAY < 0);
    unsigned second = (unsigned)(seconds - days * DAY);
    days += DAYS_TO_1970;
    int64_t era = (days < 0 ? days - (DAYS_OF_400_YEARS - 1) : days) / DAYS_OF_400_YEARS;
    int64_t day = days - era * DAYS_OF_400_YEARS;
    /* Take out the leap days before it (one every 1,461 days, but for three centuries' ends) and years are
     * all 365. */
    int64_t year = (day - day / 1460 + day / 36524 - day / (DAYS_OF_400_YEARS - 1)) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct moment){.year = (unsigned)(year + era * 400 + (month <= 2)),
                           .month = (unsigned)month,
                           .day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
                           .hour = second / 3600,
                           .minute = second / 60 % 60,
                           .second = second % 60};
}

static struct moment local_moment_of(int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!localtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
        return moment_of(seconds);
    return (struct moment){.year = (unsigned)(tm.tm_year + 1900),
                           .month = (unsigned)tm.tm_mon + 1,
                           .day = (unsigned)tm.tm_mday,
                           .hour = (unsigned)tm.tm_hour,
                           .minute = (unsigned)tm.tm_min,
                           .second = (unsigned)tm.tm_sec};
}

/* A file's time can be anything: into the years that four digits can say. */
static int64_t within_years(int64_t seconds)
{
    const int64_t first = INT64_C(-62167219200),
                  last = INT64_C(253402300799); /* 0000-01-01, 9999-12-31 23:59:59 */
    return seconds < first ? first : seconds > last ? last : seconds;
}

bool ftp_time_format(int64_t seconds, char *out)
{
    struct moment m = moment_of(within_years(seconds));
    out = put_digits(out, m.year, 10, 4);
    out = put_digits(out, m.month, 10, 2);
    out = put_digits(out, m.day, 10, 2);
    out = put_digits(out, m.hour, 10, 2);
    out = put_digits(out, m.minute, 10, 2);
    out = put_digits(out, m.second, 10, 2);
    *out = '\0';
    return within_years(seconds) == seconds;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return (unsigned)(days[month - 1] + (month == 2 && leap));
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
    if (strspn(text, "0123456789") != 14)
        return -EINVAL;
    unsigned year = read_digits(text, 4), month = read_digits(text + 4, 2), day = read_digits(text + 6, 2);
    unsigned hour = read_digits(text + 8, 2), minute = read_digits(text + 10, 2);
    unsigned second = read_digits(text + 12, 2); /* 60: a leap second, RFC 3659 section 2.3 */
    const char *end = text + 14;
    if (*end == '.') {
        size_t fraction = strspn(end + 1, "0123456789");
        if (fraction == 0)
            return -EINVAL;
        end += 1 + fraction;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
        second > 60 || (!ret_end && *end != '\0'))
        return -EINVAL;
    *ret_seconds = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    if (ret_end)
        *ret_end = end;
    return 0;
}

/* --- LIST -------------------------------------------------------------------------------------------- */

enum {
    CLOCK_TEXT = 12, /* "Jan 01 12:00" or "Jan 01  2024" */
    NLINK_WIDTH = 5,
    OWNER_WIDTH = 8,
    BYTES_WIDTH = 8,
};

static const char *clock_text(struct ftp_listing_clock *c, int64_t mtime)
{
    int64_t seconds = within_years(mtime);
    int64_t minute = seconds / 60 - (seconds % 60 < 0);
    int recent = mtime <= c->now && mtime >= c->now - HALF_A_YEAR;
    if (c->cached_text[0] != '\0' && c->cached_minute == minute && c->cached_recent == recent)
        return c->cached_text;

    struct moment m = c->use_localtime ? local_moment_of(seconds) : moment_of(seconds);
    char *at = c->cached_text;
    at = put_text(at, &"JanFebMarAprMayJunJulAugSepOctNovDec"[(m.month - 1) * 3], 3);
    *at++ = ' ';
    at = put_digits(at, m.day, 10, 2);
    *at++ = ' ';
    if (recent) {
        at = put_digits(at, m.hour, 10, 2);
        *at++ = ':';
        put_digits(at, m.minute, 10, 2);
    } else {
        *at++ = ' ';
        put_digits(at, m.year, 10, 4);
    }
    c->cached_minute = minute;
    c->cached_recent = recent;
    return c->cached_text;
}

static char kind_letter(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return 'd';
    case S_IFLNK:
        return 'l';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return 's';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    default:
        return '-';
    }
}

/* "-rwsr-xr-t" */
static char *put_mode(char *at, uint32_t mode)
{
    static const struct {
        uint32_t bit;
        char with_x, without_x;
    } special[3] = {{S_ISUID, 's', 'S'}, {S_ISGID, 's', 'S'}, {S_ISVTX, 't', 'T'}};
    *at++ = kind_letter(mode);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t bits = mode >> (6 - 3 * i);
        bool x = bits & 1;
        *at++ = bits & 4 ? 'r' : '-';
        *at++ = bits & 2 ? 'w' : '-';
        if (mode & special[i].bit)
            *at++ = x ? special[i].with_x : special[i].without_x;
        else
            *at++ = x ? 'x' : '-';
    }
    return at;
}

int ftp_list_line(const struct ftp_entry *e, struct ftp_listing_clock *clock, char *out, size_t cap)
{
    size_t name = strlen(e->name), owner = strlen(e->owner), group = strlen(e->group);
    size_t target = e->link_target ? strlen(e->link_target) : 0;
    if (cap < FTP_LISTING_ROOM || cap - FTP_LISTING_ROOM < name + owner + group + target)
        return -ENOSPC;
    char *at = put_mode(out, e->mode);
    at = put_right(at, e->nlink, NLINK_WIDTH);
    *at++ = ' ';
    at = put_left(at, e->owner, owner, OWNER_WIDTH);
    *at++ = ' ';
    at = put_left(at, e->group, group, OWNER_WIDTH);
    *at++ = ' ';
    at = put_right(at, e->size, BYTES_WIDTH);
    *at++ = ' ';
    at = put_text(at, clock_text(clock, e->mtime), CLOCK_TEXT);
    *at++ = ' ';
    at = put_name(at, e->name, name, '?');
    if (e->link_target) {
        at = put_text(at, " -> ", 4);
        at = put_name(at, e->link_target, target, '?');
    }
    at = put_text(at, "\r\n", 2);
    return (int)(at - out);
}

/* --- MLSD -------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t bit;
    const char *name;
} fact_names[] = {
    {FTP_FACT_TYPE, "type"},
    {FTP_FACT_SIZE, "size"},
    {FTP_FACT_MODIFY, "modify"},
    {FTP_FACT_PERM, "perm"},
    {FTP_FACT_UNIQUE, "unique"},
    {FTP_FACT_UNIX_MODE, "UNIX.mode"},
    {FTP_FACT_UNIX_OWNER, "UNIX.owner"},
    {FTP_FACT_UNIX_GROUP, "UNIX.group"},
};

enum {
    FACT_COUNT = sizeof(fact_names) / sizeof(fact_names[0]),
};

static const char *type_text(const struct ftp_entry *e)
{
    switch (e->mode & S_IFMT) {
    case S_IFDIR:
        if (strcmp(e->name, ".") == 0)
            return "cdir";
        return strcmp(e->name, "..") == 0 ? "pdir" : "dir";
    case S_IFLNK: /* as RFC 3659 section 7.7.4 and mirrors have it; without a target as its erratum 1500 */
        return e->link_target ? "OS.unix=slink:" : "OS.unix=symlink";
    case S_IFIFO:
        return "OS.unix=fifo";
    case S_IFSOCK:
        return "OS.unix=socket";
    case S_IFCHR:
        return "OS.unix=chr";
    case S_IFBLK:
        return "OS.unix=blk";
    default:
        return "file";
    }
}

static char *put_perm(char *at, bool folder, uint32_t may)
{
    static const struct perm {
        uint32_t may;
        char letter;
    } of_file[] = {{FTP_MAY_APPEND, 'a'}, {FTP_MAY_DELETE, 'd'}, {FTP_MAY_RENAME, 'f'},
                   {FTP_MAY_READ, 'r'},   {FTP_MAY_APPEND, 'w'}, {0, '\0'}},
      of_folder[] = {
          {FTP_MAY_CREATE, 'c'}, {FTP_MAY_DELETE, 'd'}, {FTP_MAY_READ, 'e'},   {FTP_MAY_RENAME, 'f'},
          {FTP_MAY_READ, 'l'},   {FTP_MAY_MKDIR, 'm'},  {FTP_MAY_DELETE, 'p'}, {0, '\0'}};
    for (const struct perm *p = folder ? of_folder : of_file; p->may; p++)
        if (may & p->may)
            *at++ = p->letter;
    return at;
}

static char *put_fact(char *at, const struct ftp_entry *e, uint32_t fact, uint32_t may)
{
    const char *type;
    switch (fact) {
    case FTP_FACT_TYPE:
        type = type_text(e);
        at = put_text(at, type, strlen(type));
        return e->link_target ? put_text(at, e->link_target, strlen(e->link_target)) : at;
    case FTP_FACT_SIZE:
        return put_number(at, e->size, 10);
    case FTP_FACT_MODIFY:
        (void)!ftp_time_format(e->mtime, at); /* out of range, it writes the end of what can be said */
        return at + 14;
    case FTP_FACT_PERM:
        return put_perm(at, S_ISDIR(e->mode), may);
    case FTP_FACT_UNIQUE:
        at = put_number(at, e->dev, 16);
        *at++ = 'g';
        return put_number(at, e->ino, 16);
    case FTP_FACT_UNIX_MODE:
        return put_digits(at, e->mode & 07777, 8, 4);
    case FTP_FACT_UNIX_OWNER:
        return put_number(at, e->uid, 10);
    default:
        return put_number(at, e->gid, 10);
    }
}

bool ftp_fact_can_say(const char *target)
{
    for (; *target; target++)
        if ((uint8_t)*target <= ' ' || *target == ';' || *target == 0x7f)
            return false;
    return true;
}

int ftp_fact_line(const struct ftp_entry *e, uint32_t facts, uint32_t may, char *out, size_t cap)
{
    size_t name = strlen(e->name), target = e->link_target ? strlen(e->link_target) : 0;
    char *at = out;
    if (cap < FTP_LISTING_ROOM || cap - FTP_LISTING_ROOM < name + target)
        return -ENOSPC;
    if (!S_ISREG(e->mode))
        facts &= ~(uint32_t)FTP_FACT_SIZE;
    if (within_years(e->mtime) != e->mtime)
        facts &= ~(uint32_t)FTP_FACT_MODIFY;
    for (size_t i = 0; i < FACT_COUNT; i++) {
        if (!(facts & fact_names[i].bit))
            continue;
        at = put_text(at, fact_names[i].name, strlen(fact_names[i].name));
        *at++ = '=';
        at = put_fact(at, e, fact_names[i].bit, may);
        *at++ = ';';
    }
    *at++ = ' ';
    at = put_name(at, e->name, name, '\0');
    at = put_text(at, "\r\n", 2);
    return (int)(at - out);
}

int ftp_facts_format(uint32_t enabled, int with_stars, char *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < FACT_COUNT; i++) {
        bool on = enabled & fact_names[i].bit;
        size_t name = strlen(fact_names[i].name);
        if (!with_stars && !on)
            continue;
        if (len + name + 3 > cap) /* a star, a semicolon, the NUL */
            return -ENOSPC;
        memcpy(out + len, fact_names[i].name, name);
        len += name;
        if (with_stars && on)
            out[len++] = '*';
        out[len++] = ';';
    }
    if (len >= cap)
        return -ENOSPC;
    out[len] = '\0';
    return (int)len;
}

uint32_t ftp_facts_parse(const char *argument)
{
    uint32_t facts = 0;
    while (*argument) {
        size_t len = strcspn(argument, ";");
        for (size_t i = 0; i < FACT_COUNT; i++)
            if (strlen(fact_names[i].name) == len && strncasecmp(argument, fact_names[i].name, len) == 0)
                facts |= fact_names[i].bit;
        argument += len + (argument[len] == ';');
    }
    return facts;
}
