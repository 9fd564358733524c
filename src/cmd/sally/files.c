/* SPDX-License-Identifier: BSD-2-Clause */
/* Files come and go by another name, NAME.part, and have theirs only once they are whole. */
#include "cmd/sally/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/fd.h"

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static double seconds_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

/* ---- cat ---- */

static enum client_result write_out(void *arg, const void *bytes, size_t len)
{
    int fd = *(const int *)arg;
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno != EINTR)
            return (enum client_result)say_local("writing", errno);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return CLIENT_OK;
}

static enum client_result cat(const struct options *o, struct client *c, struct show *show,
                              const struct client_url *url, const char *word)
{
    uint64_t bytes;
    int out = STDOUT_FILENO;

    (void)o;
    (void)show;
    (void)word;
    return client_get(c, url->path, 0, UINT64_MAX, write_out, &out, &bytes);
}

int command_cat(const struct options *o, char *const urls[])
{
    int code = 0;

    for (; *urls && !code; urls++)
        code = session_run(o, *urls, NULL, cat);
    return code;
}

/* ---- get ---- */

static void say(struct show *show, enum client_event_kind kind, enum speech_phrase phrase, const char *a,
                const char *b, const char *c, const char *d)
{
    struct client_ears ears = show_ears(show);

    ears.hear(ears.arg, kind, phrase, (const char *const[SPEECH_WORDS]){a, b, c, d});
}

static void say_transferred(struct show *show, uint64_t bytes, const struct timespec *began)
{
    char count[24], seconds[24];

    snprintf(count, sizeof(count), "%ju", (uintmax_t)bytes);
    snprintf(seconds, sizeof(seconds), "%.1f", seconds_since(began));
    say(show, CLIENT_STATUS, SPEECH_TRANSFER_DONE, count, seconds, "", "");
}

/* Where to go on in what is there of the file: it was left with the remote file's time on it, so another file's beginning is not
 * taken for this one's. */
static uint64_t begun_before(int fd, const struct client_facts *facts)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !facts->has_time || !facts->has_size || st.st_mtime != facts->time ||
        (uint64_t)st.st_size > facts->size)
        return 0;
    return (uint64_t)st.st_size;
}

static int set_time(int fd, const struct client_facts *facts)
{
    struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = facts->time}};

    return facts->has_time && futimens(fd, times) < 0 ? -errno : 0;
}

/* Is what came what was said? */
static enum client_result check_size(struct show *show, const char *name, const char *part,
                                     const struct client_facts *facts, uint64_t size)
{
    char said[24], came[24];

    if (!facts->has_size || facts->size == size)
        return CLIENT_OK;
    snprintf(said, sizeof(said), "%ju", (uintmax_t)facts->size);
    snprintf(came, sizeof(came), "%ju", (uintmax_t)size);
    say(show, CLIENT_ERROR, SPEECH_SIZE_DIFFERS, name, said, came, part);
    return CLIENT_CUT;
}

/* Is the open file part's alone, and still part? Another sally may be writing it, or have just given it its name. */
static bool is_ours(int fd, const char *part)
{
    struct stat open, named;

    return fd_lock(fd, F_WRLCK) == 0 && fstat(fd, &open) == 0 && lstat(part, &named) == 0 &&
           open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

static enum client_result get_into(const struct options *o, struct client *c, struct show *show,
                                   const char *path, const char *name, const char *part)
{
    int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    struct client_facts facts;
    struct timespec began;
    uint64_t offset = 0, bytes = 0;
    enum client_result r;
    char number[24];
    int error = 0;

    if (fd < 0)
        return (enum client_result)say_local(part, errno);
    if (!is_ours(fd, part)) {
        say(show, CLIENT_ERROR, SPEECH_BUSY_FILE, part, "", "", "");
        close(fd);
        return CLIENT_LOCAL_FAILED;
    }
    r = client_look(c, path, &facts);
    if (!r && o->resumes)
        offset = begun_before(fd, &facts);
    if (!r && (ftruncate(fd, (off_t)offset) < 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0))
        r = (enum client_result)say_local(part, errno);
    if (offset) {
        snprintf(number, sizeof(number), "%ju", (uintmax_t)offset);
        say(show, CLIENT_STATUS, SPEECH_TRANSFER_RESUMES, number, "", "", "");
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    show_begin(show, name);
    if (!r)
        r = client_get(c, path, offset, facts.has_size ? facts.size : UINT64_MAX, write_out, &fd, &bytes);
    show_end(show);
    if (!r)
        r = check_size(show, name, part, &facts, offset + bytes);
    error = set_time(fd, &facts);
    if (!r && (error || fsync(fd) < 0 || rename(part, name) < 0))
        r = (enum client_result)say_local(name, error ? -error : errno);
    if (!r)
        say_transferred(show, bytes, &began);
    if (close(fd) < 0 && !r)
        r = (enum client_result)say_local(name, errno);
    if (r && offset + bytes == 0)
        unlink(part); /* nothing of it is there to go on with */
    return r;
}

static enum client_result get(const struct options *o, struct client *c, struct show *show,
                              const struct client_url *url, const char *word)
{
    const char *name = o->output ? o->output : last_name(url->path);
    char *part = NULL;
    enum client_result r;

    (void)word;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        fprintf(stderr, "sally: \"%s\" names no file to get\n", url->path);
        return CLIENT_LOCAL_FAILED;
    }
    if (asprintf(&part, "%s.part", name) < 0)
        return CLIENT_FAILED;
    r = get_into(o, c, show, url->path, name, part);
    free(part);
    return r;
}

int command_get(const struct options *o, char *const urls[])
{
    int code = 0;

    for (; *urls && !code; urls++)
        code = session_run(o, *urls, NULL, get);
    return code;
}

/* ---- put ---- */

static long read_in(void *arg, void *bytes, size_t cap)
{
    ssize_t n;

    do
        n = read(*(const int *)arg, bytes, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        say_local("reading", errno);
    return n < 0 ? -errno : n;
}

static enum client_result check_stored(struct client *c, struct show *show, const char *path, uint64_t size)
{
    struct client_facts facts;
    enum client_result r = client_look(c, path, &facts);
    char sent[24], there[24];

    if (r || !facts.has_size || facts.size == size)
        return r;
    snprintf(sent, sizeof(sent), "%ju", (uintmax_t)size);
    snprintf(there, sizeof(there), "%ju", (uintmax_t)facts.size);
    say(show, CLIENT_ERROR, SPEECH_SIZE_AFTER_DIFFERS, path, sent, there, "");
    return CLIENT_CUT;
}

static enum client_result put_from(struct client *c, struct show *show, int fd, const char *name,
                                   const char *path, const char *part)
{
    uint64_t bytes = 0;
    struct timespec began;
    struct stat st;
    enum client_result r;

    if (fstat(fd, &st) < 0)
        return (enum client_result)say_local(name, errno);
    clock_gettime(CLOCK_MONOTONIC, &began);
    show_begin(show, name);
    r = client_put(c, part, 0, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : UINT64_MAX, read_in, &fd, &bytes);
    show_end(show);
    if (!r)
        r = check_stored(c, show, part, bytes);
    if (!r)
        r = client_do(c, "RNFR", part);
    if (!r)
        r = client_do(c, "RNTO", path);
    if (!r)
        say_transferred(show, bytes, &began);
    return r;
}

static enum client_result put(const struct options *o, struct client *c, struct show *show,
                              const struct client_url *url, const char *word)
{
    bool is_folder = !*url->path || url->path[strlen(url->path) - 1] == '/';
    char *path = NULL, *part = NULL;
    int fd = open(word, O_RDONLY | O_CLOEXEC);
    enum client_result r = CLIENT_FAILED;

    (void)o;
    if (fd < 0)
        return (enum client_result)say_local(word, errno);
    if (asprintf(&path, "%s%s", url->path, is_folder ? last_name(word) : "") < 0)
        path = NULL;
    else if (asprintf(&part, "%s.part", path) < 0)
        part = NULL;
    if (path && part)
        r = put_from(c, show, fd, word, path, part);
    free(path);
    free(part);
    close(fd);
    return r;
}

int command_put(const struct options *o, char *const words[])
{
    size_t count = 0;
    int code = 0;

    while (words[count])
        count++;
    for (size_t i = 0; i + 1 < count && !code; i++)
        code = session_run(o, words[count - 1], words[i], put);
    return code;
}
