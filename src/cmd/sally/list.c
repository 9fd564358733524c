/* SPDX-License-Identifier: BSD-2-Clause */
/* sally ls: a folder's entries, for people as ls -l has them, and as JSON, one a line. */
#include "cmd/sally/command.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ftp/time.h"

static const struct kind {
    char letter;
    const char *word;
} kinds[] = {
    [FTP_LISTED_UNKNOWN] = {'?', NULL},    [FTP_LISTED_FILE] = {'-', "file"},
    [FTP_LISTED_FOLDER] = {'d', "folder"}, [FTP_LISTED_LINK] = {'l', "link"},
    [FTP_LISTED_OTHER] = {'o', "other"},   [FTP_LISTED_SELF] = {'d', "folder"},
    [FTP_LISTED_PARENT] = {'d', "folder"},
};

/* A server's name may hold what moves the cursor. */
static void print_text(struct ftp_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i], next = i + 1 < t.len ? (unsigned char)t.at[i + 1] : 0;
        if (c == 0xc2 && next >= 0x80 &&
            next < 0xa0) { /* as terminals know them in UTF-8: ESC and a letter in one */
            printf("M-^%c", (next & 0x1f) | 64);
            i++;
        } else if (c < 32 || c == 127)
            printf("^%c", c ^ 64);
        else
            putchar(c);
    }
}

static void print_mode(const struct ftp_listed *e)
{
    static const char letters[] = "rwxrwxrwx";

    putchar(kinds[e->kind].letter);
    for (unsigned i = 0; i < 9; i++)
        putchar(!e->has_mode ? '?' : e->mode >> (8 - i) & 1 ? letters[i] : '-');
}

static void print_time(const struct ftp_listed_time *time)
{
    struct ftp_moment m = ftp_moment_of(time->seconds);

    if (!time->is_known)
        printf("%16s", "?");
    else if (time->precision == FTP_TO_DAY)
        printf("%04u-%02u-%02u      ", m.year, m.month, m.day);
    else
        printf("%04u-%02u-%02u %02u:%02u", m.year, m.month, m.day, m.hour, m.minute);
}

static enum client_result print_entry(void *arg, const struct ftp_listed *e)
{
    (void)arg;
    print_mode(e);
    if (e->has_size)
        printf(" %13ju ", (uintmax_t)e->size);
    else
        printf(" %13s ", "?");
    print_time(&e->time);
    putchar(' ');
    print_text(e->name);
    if (e->target.len) {
        printf(" -> ");
        print_text(e->target);
    }
    putchar('\n');
    return CLIENT_OK;
}

/* A name that is not UTF-8 can't be a JSON string: each byte is a character there, and "encoding" says so. */
static int set_text(json_t *object, const char *key, struct ftp_text t)
{
    json_t *text = json_stringn(t.at, t.len);
    char *wide, *to;
    int r;

    if (text)
        return json_object_set_new(object, key, text);
    wide = to = malloc(2 * t.len + 1);
    if (!wide)
        return -1;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c >= 128)
            *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(c < 128 ? c : 0x80 | (c & 0x3f));
    }
    r = json_object_set_new(object, key, json_stringn(wide, (size_t)(to - wide))) |
        json_object_set_new(object, "encoding", json_string("ISO-8859-1"));
    free(wide);
    return r;
}

static int set_time(json_t *object, const struct ftp_listed_time *time)
{
    char text[32];
    struct ftp_moment m = ftp_moment_of(time->seconds);

    snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u%s", m.year, m.month, m.day, m.hour, m.minute,
             m.second, time->is_utc ? "Z" : "");
    return json_object_set_new(object, "time", json_string(text));
}

static enum client_result print_json(void *arg, const struct ftp_listed *e)
{
    json_t *object = json_object();
    int r = set_text(object, "name", e->name);

    (void)arg;
    if (kinds[e->kind].word)
        r |= json_object_set_new(object, "type", json_string(kinds[e->kind].word));
    if (e->has_size)
        r |= json_object_set_new(object, "size", json_integer((json_int_t)e->size));
    if (e->has_mode)
        r |= json_object_set_new(object, "mode", json_integer(e->mode));
    if (e->time.is_known)
        r |= set_time(object, &e->time);
    if (e->target.len)
        r |= set_text(object, "target", e->target);
    if (r || json_dumpf(object, stdout, JSON_COMPACT)) {
        json_decref(object);
        return (enum client_result)say_local(SAID(WRITING_LISTING), ENOMEM);
    }
    putchar('\n');
    json_decref(object);
    return CLIENT_OK;
}

enum client_result task_ls(struct client *c, struct task *t)
{
    return client_list(c, t->path, t->o->is_json ? print_json : print_entry, NULL);
}

int command_ls(const struct options *o, char *const urls[])
{
    struct options once = *o;
    int code;

    once.retries = 0; /* what was printed is printed */
    once.parallel = 1;
    code = session_tasks(&once, urls, NULL, count_words(urls), task_ls);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return say_local(SAID(STANDARD_OUTPUT), errno);
}
