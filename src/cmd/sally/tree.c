/* SPDX-License-Identifier: BSD-2-Clause */
/* Trees: sally mirror and sally rm. */
#include "client/folder.h"
#include "client/mirror.h"
#include "client/say.h"
#include "cmd/sally/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fd.h"

/* ---- rm ---- */

bool tree_is_where_we_are(const char *path)
{
    size_t end = strlen(path), begin;

    while (end > 0 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/';)
        begin--;
    return end == begin || (end - begin == 1 && path[begin] == '.') ||
           (end - begin == 2 && path[begin] == '.' && path[begin + 1] == '.');
}

enum client_result task_rm(struct client *c, struct task *t)
{
    const char *path = t->path;
    enum client_result r;

    if (!t->o->is_recursive)
        return client_do(c, "DELE", path);
    if (tree_is_where_we_are(path))
        return client_local(c, path, EISDIR);
    r = client_folder_exists(c, path);
    if (r && r != CLIENT_REMOTE_REFUSED)
        return r;
    return client_remove(c, path, r ? FTP_LISTED_FILE : FTP_LISTED_FOLDER, false, NULL, NULL);
}

int command_rm(const struct options *o, char *const urls[])
{
    struct options once = *o;

    once.retries = 0;
    once.parallel = 1;
    return session_tasks(&once, urls, NULL, count_words(urls), task_rm);
}

/* ---- mirror ---- */

static const enum speech_phrase acts[] = {
    [CLIENT_MIRROR_GET] = SPEECH_MIRROR_GET,       [CLIENT_MIRROR_PUT] = SPEECH_MIRROR_PUT,
    [CLIENT_MIRROR_FOLDER] = SPEECH_MIRROR_FOLDER, [CLIENT_MIRROR_LINK] = SPEECH_MIRROR_LINK,
    [CLIENT_MIRROR_DELETE] = SPEECH_MIRROR_DELETE,
};

/* A name may be a server's: what would move the cursor is escaped. */
static void tell(void *arg, enum client_mirror_act act, const char *path)
{
    char text[SPEECH_TEXT];

    show_line(
        arg, speech_text(acts[act], (const char *const[SPEECH_WORDS]){path, "", "", ""}, text, sizeof(text)));
}

static void print_count(const struct options *o, struct show *show, const struct client_mirror_count *n)
{
    uint64_t copied = n->done[CLIENT_MIRROR_GET] + n->done[CLIENT_MIRROR_PUT] - (o->is_dry ? 0 : n->failed);
    char *line, *would;

    if ((!o->is_dry && !o->is_verbose) || o->is_json)
        return;
    line = PHRASE(MIRROR_COUNT, NUMBER(copied), NUMBER(n->same), NUMBER(n->done[CLIENT_MIRROR_DELETE]),
                  NUMBER(n->left_out), NUMBER(n->failed), NUMBER(n->bytes));
    would = o->is_dry ? PHRASE(MIRROR_WOULD, line) : NULL;
    if (line)
        show_line(show, would ? would : line);
    free(would);
    free(line);
}

static enum client_result mirror_into(const struct options *o, struct session *s, struct show *show,
                                      const char *path, int root)
{
    struct client_mirror_plan plan = {.remote = path,
                                      .root = root,
                                      .is_upload = o->is_reverse,
                                      .deletes = o->deletes,
                                      .is_dry = o->is_dry,
                                      .only_newer = o->only_newer,
                                      .keeps_links = o->keeps_links,
                                      .includes = o->includes,
                                      .excludes = o->excludes,
                                      .tell = (o->is_dry || o->is_verbose) && !o->is_json ? tell : NULL,
                                      .arg = show};
    struct client_mirror_count count;
    enum client_result r = client_mirror(session_fleet(s), &plan, &count);

    print_count(o, show, &count);
    return r;
}

enum client_result tree_mirror(const struct options *o, struct session *s, struct show *show,
                               const char *path, const char *here)
{
    int root;
    enum client_result r;

    if (!o->is_reverse && !o->is_dry && mkdir(here, 0777) < 0 && errno != EEXIST)
        return (enum client_result)say_local(here, errno);
    root = open(here, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return (enum client_result)say_local(here, errno);
    r = mirror_into(o, s, show, path, root);
    fd_close(&root);
    return r;
}

/* The path's last name; "" if it ends in a slash, which says: what is in it, and goes where we are. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int mirror(const struct options *o, const struct client_url *url, const char *here)
{
    struct show *show = show_new(o);
    struct session *s = NULL;
    enum client_result r;

    if (!show)
        return say_local("sally", ENOMEM);
    r = session_at(&s, o, show, url);
    if (!r)
        r = tree_mirror(o, s, show, url->path, here);
    session_close(&s);
    if (r)
        show_failure(show);
    show_free(&show);
    return (int)r;
}

int command_mirror(const struct options *o, char *const words[])
{
    const char *there = words[o->is_reverse ? 1 : 0], *here = words[o->is_reverse ? 0 : 1];
    struct client_url url;
    enum client_url_error error;
    int code;

    if (o->is_reverse && !there) {
        fprintf(stderr, "sally: mirror --reverse: FOLDER URL\n");
        return EXIT_USAGE;
    }
    error = client_url_parse(there, &url);
    if (error)
        return say_no_url(there, error);
    code = mirror(o, &url, here ? here : *name_of(url.path) ? name_of(url.path) : ".");
    client_url_free(&url);
    return code;
}
