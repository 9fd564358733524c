/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transfers that wait, in a file that outlives the program: a line each, "get URL FILE" or "put URL FILE" between tabs, FILE from the
 * root. A line goes once its transfer is done, and not before.
 */
#include "cmd/sally/queue.h"
#include "client/copy.h"
#include "cmd/sally/command.h"
#include "cmd/sally/places.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "sys/fd.h"

struct lines {
    char **line;
    size_t count;
};

static void lines_free(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->line[i]);
    free(l->line);
    *l = (struct lines){.count = 0};
}

static int read_lines(const char *file, struct lines *ret)
{
    FILE *in = fopen(file, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int r = 0;

    *ret = (struct lines){.count = 0};
    if (!in)
        return errno == ENOENT ? 0 : -errno;
    while (!r && (n = getline(&line, &cap, in)) > 0) {
        char **more = reallocarray(ret->line, ret->count + 1, sizeof(*more));
        if (!more)
            r = -ENOMEM;
        else
            ret->line = more;
        line[n - (line[n - 1] == '\n')] = '\0';
        if (!r && !(ret->line[ret->count++] = strdup(line)))
            r = -ENOMEM;
    }
    if (!r && ferror(in))
        r = -EIO;
    free(line);
    fclose(in);
    return r;
}

static int write_lines(const char *file, const struct lines *l, const char *but)
{
    char *made;
    FILE *out;
    int r = 0;

    if (asprintf(&made, "%s.new", file) < 0)
        return -ENOMEM;
    out = fopen(made, "we");
    for (size_t i = 0; out && i < l->count; i++)
        if (!but || strcmp(l->line[i], but) != 0)
            fprintf(out, "%s\n", l->line[i]);
    if (!out || fflush(out) || ferror(out) || fsync(fileno(out)) < 0)
        r = -errno;
    if (out && fclose(out) && !r)
        r = -errno;
    if (!r && rename(made, file) < 0)
        r = -errno;
    free(made);
    return r;
}

/* Adds a line (NULL: none) and takes away another (NULL: none; "": all). Two at once lose nothing. 0 or -errno, and that was said. */
static int change(const char *add, const char *but)
{
    char *file = place_made(PLACE_STATE, "queue"), *lock = NULL;
    struct lines l = {.count = 0};
    int fd = -1, r = -ENOENT;

    if (file && asprintf(&lock, "%s.lock", file) >= 0) {
        fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        r = fd < 0 || flock(fd, LOCK_EX) < 0 ? -errno : read_lines(file, &l);
    }
    if (!r && but && !*but)
        lines_free(&l);
    if (!r && add) {
        char **more = reallocarray(l.line, l.count + 1, sizeof(*more));
        if (more)
            l.line = more;
        if (!more || !(l.line[l.count++] = strdup(add)))
            r = -ENOMEM;
    }
    if (!r)
        r = write_lines(file, &l, but);
    if (r)
        say_local(file ? file : "queue", -r);
    lines_free(&l);
    fd_close(&fd);
    free(lock);
    free(file);
    return r;
}

int queue_add(bool is_put, const char *url, const char *local)
{
    char here[PATH_MAX] = "", *line;
    int r;

    if (strpbrk(local, "\t\n") || strpbrk(url, "\t\n")) {
        WRONG(QUEUE_NAME);
        return CLIENT_LOCAL_FAILED;
    }
    if (*local != '/' && !getcwd(here, sizeof(here)))
        return say_local(".", errno);
    if (asprintf(&line, "%s\t%s\t%s%s%s", is_put ? "put" : "get", url, here, *here ? "/" : "", local) < 0)
        return say_local("queue", ENOMEM);
    r = change(line, NULL);
    free(line);
    return r ? CLIENT_LOCAL_FAILED : 0;
}

static int read_queue(struct lines *ret)
{
    char *file = place_of(PLACE_STATE, "queue");
    int r = file ? read_lines(file, ret) : -ENOENT;

    if (r)
        say_local(file ? file : "queue", -r);
    free(file);
    return r ? CLIENT_LOCAL_FAILED : 0;
}

int queue_list(void)
{
    struct lines l;
    int code = read_queue(&l);

    for (size_t i = 0; !code && i < l.count; i++)
        puts(l.line[i]);
    lines_free(&l);
    return code;
}

int queue_clear(void)
{
    return change(NULL, "") ? CLIENT_LOCAL_FAILED : 0;
}

/* t->word is the line. */
static enum client_result task_queued(struct client *c, struct task *t)
{
    struct client_copy copy = {.remote = t->path,
                               .folder = AT_FDCWD,
                               .local = strrchr(t->word, '\t') + 1,
                               .resumes = true,
                               .is_durable = true};
    uint64_t bytes;
    enum client_result r = *t->word == 'p' ? client_store(c, &copy, &bytes) : client_fetch(c, &copy, &bytes);

    if (!r && change(NULL, t->word))
        r = CLIENT_LOCAL_FAILED;
    return r;
}

/* The URL of a line; NULL: the line is none of ours, or no memory. */
static char *url_of(const char *line)
{
    const char *url = strncmp(line, "get\t", 4) == 0 || strncmp(line, "put\t", 4) == 0 ? line + 4 : "\t";
    size_t len = strcspn(url, "\t");

    return len && url[len] == '\t' && url[len + 1] == '/' ? strndup(url, len) : NULL;
}

int queue_run(const struct options *o)
{
    struct lines l, urls;
    int code = read_queue(&l);

    urls = (struct lines){.line = calloc(l.count + 1, sizeof(*urls.line))};
    for (; !code && urls.line && urls.count < l.count; urls.count++)
        if (!(urls.line[urls.count] = url_of(l.line[urls.count]))) {
            WRONG(QUEUE_LINE, NUMBER(urls.count + 1), l.line[urls.count]);
            code = CLIENT_LOCAL_FAILED;
            break;
        }
    if (!code && urls.line && l.count > 0)
        code = session_tasks(o, urls.line, l.line, l.count, task_queued);
    lines_free(&urls);
    lines_free(&l);
    return code;
}

/* ---- the command line ---- */

/* A put's URL, with the file's name where it ends in a slash. The caller's to free. */
static char *put_url(const char *url, const char *file, bool is_folder)
{
    const char *slash = strrchr(file, '/');
    struct client_url read;
    char *full, *name;

    if (client_url_parse(url, &read))
        return NULL;
    is_folder |= !*read.path || read.path[strlen(read.path) - 1] == '/';
    client_url_free(&read);
    name = is_folder ? client_url_encode(slash ? slash + 1 : file) : strdup("");
    if (!name ||
        asprintf(&full, "%s%s%s", url, is_folder && url[strlen(url) - 1] != '/' ? "/" : "", name) < 0)
        full = NULL;
    free(name);
    return full;
}

static int add_puts(char *const words[])
{
    size_t count = count_words(words);
    struct client_url whole;
    enum client_url_error error = client_url_parse(words[count - 1], &whole);
    int code = 0;

    if (error)
        return say_no_url(words[count - 1], error);
    client_url_free(&whole);
    if (!names_differ(words, count - 1, false))
        return EXIT_USAGE;
    for (size_t i = 0; i + 1 < count && !code; i++) {
        char *url = put_url(words[count - 1], words[i], count > 2);
        code = url ? queue_add(true, url, words[i]) : say_local("queue", ENOMEM);
        free(url);
    }
    return code;
}

static int add_gets(const struct options *o, char *const words[])
{
    int code = 0;

    if (o->output && words[1]) {
        WRONG(OUTPUT_ONE_OF, NUMBER(count_words(words)));
        return EXIT_USAGE;
    }
    if (!names_differ(words, count_words(words), true))
        return EXIT_USAGE;
    for (; *words && !code; words++) {
        struct client_url url;
        enum client_url_error error = client_url_parse(*words, &url);
        if (error)
            return say_no_url(*words, error);
        const char *slash = strrchr(url.path, '/');
        code = queue_add(false, *words, o->output ? o->output : slash ? slash + 1 : url.path);
        client_url_free(&url);
    }
    return code;
}

int command_queue(const struct options *o, char *const words[])
{
    size_t count = count_words(words);

    if (count == 0)
        return queue_list();
    if (strcmp(words[0], "run") == 0 && count == 1)
        return queue_run(o);
    if (strcmp(words[0], "clear") == 0 && count == 1)
        return queue_clear();
    if (strcmp(words[0], "get") == 0 && count >= 2)
        return add_gets(o, words + 1);
    if (strcmp(words[0], "put") == 0 && count >= 3)
        return add_puts(words + 1);
    fprintf(stderr, "sally: queue [run | clear | get URL... | put FILE... URL]\n");
    return EXIT_USAGE;
}
