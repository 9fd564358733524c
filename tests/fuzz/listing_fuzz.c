/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What servers list. The first byte chooses MLSD or LIST, and the time; the rest is lines. What is read lies within
 * the line (or what the dialect kept), and what is known is in its range. And what sallyd writes of a file made of
 * the bytes is read back as it was.
 */
#include "ftp/listing.h"
#include "ftp/time.h"
#include "server/listing.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool lies_in(struct ftp_text t, const char *bytes, size_t len)
{
    return t.at >= bytes && t.at <= bytes + len && t.len <= (size_t)(bytes + len - t.at);
}

static void check_entry(const struct ftp_listed *e, const char *line, size_t len, const struct ftp_dialect *d)
{
    const struct ftp_text texts[] = {e->name, e->target, e->owner, e->group, e->unique, e->perm};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        MUST(!texts[i].at || lies_in(texts[i], line, len) ||
             (i == 0 && lies_in(e->name, d->name, sizeof(d->name))));
    MUST(e->name.at && (e->name.len == 0) == !!(e->flaws & FTP_NAME_EMPTY));
    MUST((e->name.len > 0 && memchr(e->name.at, '/', e->name.len)) == !!(e->flaws & FTP_NAME_SLASH));
    MUST(e->kind >= FTP_LISTED_UNKNOWN && e->kind <= FTP_LISTED_PARENT);
    MUST(e->mode <= 07777 || !e->has_mode);
    MUST(!e->time.is_known || ftp_time_can_say(e->time.seconds + FTP_DAY * 5) ||
         ftp_time_can_say(e->time.seconds - FTP_DAY * 5)); /* a zone may go past the ends */
    MUST(e->time.precision >= FTP_TO_SECOND && e->time.precision <= FTP_TO_DAY);
}

static void check_line(struct ftp_dialect *dialect, const uint8_t *bytes, size_t len, uint8_t how)
{
    char *line = malloc(len ? len : 1); /* nothing behind it may be read */
    struct ftp_listed e, untouched;
    memset(&e, 0x5a, sizeof(e));
    untouched = e;
    memcpy(line, bytes, len);
    int64_t now = (int64_t)(how >> 1) * 86400 * 365;
    int r =
        how & 1 ? ftp_listed_read_facts(line, len, &e) : ftp_listed_read_line(dialect, line, len, now, &e);
    MUST(r == 1 || r == 0 || r == -EINVAL);
    MUST(dialect->begun < sizeof(dialect->name));
    if (r == 1)
        check_entry(&e, line, len, dialect);
    else
        MUST(memcmp(&e, &untouched, sizeof(e)) == 0);
    free(line);
}

static bool same(struct ftp_text got, const char *want)
{
    return got.len == strlen(want) && memcmp(got.at, want, got.len) == 0;
}

static void check_same(const struct ftp_entry *e, const struct ftp_listed *got)
{
    MUST(got->kind == (e->link_target ? FTP_LISTED_LINK : FTP_LISTED_FILE));
    MUST(same(got->name, e->name) && same(got->owner, e->owner) && same(got->group, e->group));
    MUST(!e->link_target == !got->target.at && (!e->link_target || same(got->target, e->link_target)));
    MUST(got->has_mode && got->mode == (e->mode & 07777) && got->time.is_known);
}

static void check_written(const struct ftp_entry *e, int64_t now)
{
    char line[1024];
    struct ftp_listing_clock clock = {.now = now};
    struct ftp_dialect dialect = {0};
    struct ftp_listed got;
    int len = ftp_list_line(e, &clock, line, sizeof(line));
    MUST(len > 0 && ftp_listed_read_line(&dialect, line, (size_t)len, now, &got) == 1);
    check_same(e, &got);
    MUST(got.has_size && got.size == e->size);
    MUST(got.time.seconds <= e->mtime &&
         e->mtime - got.time.seconds < (got.time.precision == FTP_TO_DAY ? FTP_DAY : 60));
    if (e->link_target && !ftp_fact_can_say(e->link_target))
        return;
    len = ftp_fact_line(e, FTP_FACTS_ALL, 63, line, sizeof(line));
    MUST(len > 0 && ftp_listed_read_facts(line, (size_t)len, &got) == 1);
    check_same(e, &got);
    MUST(got.has_size == !e->link_target && got.time.seconds == e->mtime);
}

/* The bytes without those that no name can have, or that sallyd can't say. */
static void make_name(const uint8_t *bytes, size_t size, char out[129])
{
    size_t len = 0;
    for (size_t i = 0; i < size && len < 128; i++)
        if (!memchr("\r\n\0/", bytes[i], 4))
            out[len++] = (char)bytes[i];
    out[len] = '\0';
}

static void check_back(const uint8_t *data, size_t size)
{
    char name[129], target[129], number[2][16];
    make_name(data + 12, (size - 12) / 2, name);
    make_name(data + 12 + (size - 12) / 2, size - 12 - (size - 12) / 2, target);
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    uint16_t owner = (uint16_t)(data[0] << 8 | data[1]), group = (uint16_t)(data[2] << 8 | data[3]);
    snprintf(number[0], sizeof(number[0]), "%u", owner);
    snprintf(number[1], sizeof(number[1]), "%u", group);
    struct ftp_entry e = {.name = name,
                          .owner = number[0],
                          .group = number[1],
                          .link_target = *target && (data[4] & 1) ? target : NULL,
                          .mode = data[5] | (data[6] & 0xfu) << 8,
                          .nlink = data[7],
                          .size = (uint64_t)data[8] << (data[9] & 63),
                          .mtime = data[10] * INT64_C(86400) * 200 + data[11] * 991,
                          .uid = owner,
                          .gid = group};
    if (e.link_target)
        e.size = strlen(target);
    e.mode |= e.link_target ? S_IFLNK : S_IFREG;
    check_written(&e, data[9] * INT64_C(86400) * 200);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ftp_dialect dialect = {0};
    if (size == 0)
        return 0;
    for (size_t at = 1; at < size;) {
        const uint8_t *lf = memchr(data + at, '\n', size - at);
        size_t len = lf ? (size_t)(lf - (data + at)) + 1 : size - at;
        check_line(&dialect, data + at, len, data[0]);
        at += len;
    }
    if (size > 13)
        check_back(data, size);
    return 0;
}
