/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/listing.h"

#include "ftp/time.h"

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

/* --- LIST -------------------------------------------------------------------------------------------- */

enum {
    HALF_A_YEAR = 182 * FTP_DAY, /* as vsftpd has it */
    CLOCK_TEXT = 12,             /* "Jan 01 12:00" or "Jan 01  2024" */
    NLINK_WIDTH = 5,
    OWNER_WIDTH = 8,
    BYTES_WIDTH = 8,
};

static struct ftp_moment local_moment_of(int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!localtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
        return ftp_moment_of(seconds);
    return (struct ftp_moment){.year = (unsigned)(tm.tm_year + 1900),
                               .month = (unsigned)tm.tm_mon + 1,
                               .day = (unsigned)tm.tm_mday,
                               .hour = (unsigned)tm.tm_hour,
                               .minute = (unsigned)tm.tm_min,
                               .second = (unsigned)tm.tm_sec};
}

static const char *clock_text(struct ftp_listing_clock *c, int64_t mtime)
{
    int64_t minute = mtime / 60 - (mtime % 60 < 0);
    int recent = mtime <= c->now && mtime >= c->now - HALF_A_YEAR;
    if (c->cached_text[0] != '\0' && c->cached_minute == minute && c->cached_recent == recent)
        return c->cached_text;

    struct ftp_moment m = c->use_localtime ? local_moment_of(mtime) : ftp_moment_of(mtime);
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
    if (!ftp_time_can_say(e->mtime))
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
