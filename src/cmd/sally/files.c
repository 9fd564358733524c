/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/copy.h"
#include "client/folder.h"
#include "client/say.h"
#include "cmd/sally/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

size_t count_words(char *const words[])
{
    size_t count = 0;

    while (words[count])
        count++;
    return count;
}

/* ---- cat ---- */

static enum client_result write_out(void *arg, const void *bytes, size_t len)
{
    struct client *c = arg;

    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n < 0 && errno != EINTR)
            return client_local(c, "standard output", errno);
        if (n > 0) {
            bytes = (const char *)bytes + n;
            len -= (size_t)n;
        }
    }
    return CLIENT_OK;
}

enum client_result task_cat(struct client *c, const struct task *t)
{
    struct client_piece piece = {.path = t->path, .most = UINT64_MAX, .total = UINT64_MAX};
    struct client_facts facts;
    enum client_result r = client_size(c, piece.path, &facts);
    uint64_t bytes;
    char said[24], came[24];

    fflush(stdout); /* what was printed stands before it */
    if (facts.has_size)
        piece.total = facts.size;
    if (!r)
        r = client_get(c, &piece, write_out, c, &bytes);
    if (r || !facts.has_size || facts.size == bytes)
        return r;
    snprintf(said, sizeof(said), "%ju", (uintmax_t)facts.size);
    snprintf(came, sizeof(came), "%ju", (uintmax_t)bytes);
    SAY(c, CLIENT_ERROR, SIZE_SAID_DIFFERS, piece.path, said, came);
    return CLIENT_CUT;
}

int command_cat(const struct options *o, char *const urls[])
{
    struct options once = *o;

    once.retries = 0; /* what was written is written */
    once.parallel = 1;
    return session_tasks(&once, urls, NULL, count_words(urls), task_cat);
}

/* ---- get ---- */

enum client_result task_get(struct client *c, const struct task *t)
{
    struct client_copy copy = {.remote = t->path,
                               .folder = AT_FDCWD,
                               .local = t->o->output ? t->o->output : last_name(t->path),
                               .resumes = t->o->resumes || t->is_again,
                               .is_durable = true};
    uint64_t bytes;

    if (t->o->segments > 1 && !t->o->resumes)
        return client_fetch_in_pieces(t->fleet, c, &copy, t->o->segments);
    return client_fetch(c, &copy, &bytes);
}

int command_get(const struct options *o, char *const urls[])
{
    size_t count = count_words(urls);

    if (o->output && count > 1) {
        fprintf(stderr, "sally: --output names one file, and there are %zu URLs\n", count);
        return EXIT_USAGE;
    }
    return session_tasks(o, urls, NULL, count, task_get);
}

/* ---- put ---- */

enum client_result task_put(struct client *c, const struct task *t)
{
    const char *path = t->path;
    bool is_folder = !*path || path[strlen(path) - 1] == '/';
    char *remote = is_folder ? client_join(path, last_name(t->word)) : strdup(path);
    struct client_copy copy = {
        .remote = remote, .folder = AT_FDCWD, .local = t->word, .resumes = t->o->resumes || t->is_again};
    uint64_t bytes;
    enum client_result r =
        remote ? client_store(c, &copy, &bytes) : client_fail(c, CLIENT_FAILED, -ENOMEM, 0);

    free(remote);
    return r;
}

int command_put(const struct options *o, char *const words[])
{
    size_t count = count_words(words) - 1;
    char **urls = calloc(count, sizeof(*urls));
    int code;

    for (size_t i = 0; urls && i < count; i++)
        urls[i] = words[count];
    code = urls ? session_tasks(o, urls, words, count, task_put) : say_local("sally", ENOMEM);
    free(urls);
    return code;
}
