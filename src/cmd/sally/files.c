/* SPDX-License-Identifier: BSD-2-Clause */
#include "channel/channel.h"
#include "client/copy.h"
#include "client/folder.h"
#include "client/say.h"
#include "cmd/sally/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

struct output {
    struct client *c;
    int stop;
};

/* Who reads it may take his time, and it may be called off meanwhile. */
static enum client_result write_out(void *arg, const void *bytes, size_t len)
{
    const struct output *out = arg;
    const struct channel_limits forever = {.patience = -1, .stop = out->stop};
    struct client *c = out->c;

    while (len > 0) {
        if (channel_wait(STDOUT_FILENO, POLLOUT, &forever) == -ECANCELED)
            return CLIENT_CANCELED;
        ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n < 0 && errno != EINTR)
            return client_local(c, SAID(STANDARD_OUTPUT), errno);
        if (n > 0) {
            bytes = (const char *)bytes + n;
            len -= (size_t)n;
        }
    }
    return CLIENT_OK;
}

enum client_result task_cat(struct client *c, struct task *t)
{
    struct client_piece piece = {.path = t->path, .most = UINT64_MAX, .total = UINT64_MAX};
    struct client_facts facts;
    enum client_result r = client_size(c, piece.path, &facts);
    struct output out = {.c = c, .stop = t->o->stop};
    uint64_t bytes;
    char said[24], came[24];

    fflush(stdout); /* what was printed stands before it */
    if (facts.has_size)
        piece.total = facts.size;
    if (!r)
        r = client_get(c, &piece, write_out, &out, &bytes);
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

enum client_result task_get(struct client *c, struct task *t)
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

/* What a URL, or else a path, is called here. The caller's to free; NULL: no memory, or it is no URL, which is said later. */
static char *name_here(const char *word, bool is_url)
{
    struct client_url url = {.host = NULL};
    char *name;

    if (!is_url)
        return strdup(last_name(word));
    if (client_url_parse(word, &url))
        return NULL;
    name = strdup(last_name(url.path));
    client_url_free(&url);
    return name;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *one = a, *const *other = b;

    return strcmp(*one ? *one : "", *other ? *other : "");
}

bool names_differ(char *const words[], size_t count, bool are_urls)
{
    char **names = calloc(count + 1, sizeof(*names));
    bool differ = true;

    for (size_t i = 0; names && i < count; i++)
        names[i] = name_here(words[i], are_urls);
    if (names)
        qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 0; names && i < count; i++) {
        if (differ && i > 0 && names[i] && *names[i] && compare_names(&names[i - 1], &names[i]) == 0) {
            WRONG(TWO_OF_A_NAME, names[i]);
            differ = false;
        }
        if (i > 0)
            free(names[i - 1]);
    }
    if (names && count > 0)
        free(names[count - 1]);
    free(names);
    return differ;
}

int command_get(const struct options *o, char *const urls[])
{
    size_t count = count_words(urls);

    if (!o->output && !names_differ(urls, count, true))
        return EXIT_USAGE;
    if (o->output && count > 1) {
        WRONG(OUTPUT_ONE_OF, NUMBER(count));
        return EXIT_USAGE;
    }
    return session_tasks(o, urls, NULL, count, task_get);
}

/* ---- put ---- */

enum client_result task_put(struct client *c, struct task *t)
{
    const char *path = t->path;
    bool is_folder = !*path || path[strlen(path) - 1] == '/';
    char *remote = is_folder ? client_join(path, last_name(t->word)) : strdup(path);
    struct client_copy copy = {
        .remote = remote, .folder = AT_FDCWD, .local = t->word, .resumes = t->o->resumes || t->has_begun};
    uint64_t bytes = 0;
    enum client_result r =
        remote ? client_store(c, &copy, &bytes) : client_fail(c, CLIENT_FAILED, -ENOMEM, 0);

    t->has_begun |= bytes > 0;
    free(remote);
    return r;
}

char *folder_url(const char *url, bool is_folder)
{
    size_t len = strlen(url);
    char *made;

    return asprintf(&made, "%s%s", url, is_folder && len > 0 && url[len - 1] != '/' ? "/" : "") < 0 ? NULL
                                                                                                    : made;
}

int command_put(const struct options *o, char *const words[])
{
    size_t count = count_words(words) - 1;
    char **urls = calloc(count, sizeof(*urls)), *url = folder_url(words[count], count > 1);
    int code;

    if (!names_differ(words, count, false)) {
        free(url);
        free(urls);
        return EXIT_USAGE;
    }
    for (size_t i = 0; urls && i < count; i++)
        urls[i] = url;
    code = urls && url ? session_tasks(o, urls, words, count, task_put) : say_local("sally", ENOMEM);
    free(url);
    free(urls);
    return code;
}
