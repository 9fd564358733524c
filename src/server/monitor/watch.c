/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/watch.h"

#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"

#include <errno.h>
#include <libgen.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static const uint32_t names =
    IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR;

struct watch {
    int fd;
    struct event *event;
    void (*on_event)(void);
};

/* What it was, the names themselves tell best. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    char events[4096];
    (void)what;
    while (read(fd, events, sizeof(events)) > 0)
        ;
    w->on_event();
}

static void add_folder_of(int fd, const char *path, uint32_t mask)
{
    char *copy = strdup(path);
    if (copy && inotify_add_watch(fd, dirname(copy), mask) < 0 && errno == ENOSPC)
        tell("warning: no inotify watch is left (fs.inotify.max_user_watches): %s is looked at every %d "
             "seconds",
             path, WATCH_ROUNDS);
    free(copy);
}

struct watch *watch_new(const char *const *paths, size_t count, bool content, void (*on_event)(void))
{
    struct watch *w = malloc(sizeof(*w));
    if (!w)
        return NULL;
    *w = (struct watch){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .on_event = on_event};
    uint32_t mask = names | (content ? IN_MODIFY | IN_ATTRIB : 0);
    for (size_t i = 0; w->fd >= 0 && i < count; i++) {
        if (!paths[i])
            continue;
        char *real = realpath(paths[i], NULL);
        add_folder_of(w->fd, paths[i], mask);
        if (real)
            add_folder_of(w->fd, real, mask);
        free(real);
    }
    w->event = w->fd < 0 ? NULL : event_new(monitor.base, w->fd, EV_READ | EV_PERSIST, on_readable, w);
    if (!w->event || event_add(w->event, NULL) < 0)
        watch_free(&w);
    return w;
}

void watch_free(struct watch **w)
{
    if (*w && (*w)->event)
        event_free((*w)->event);
    if (*w && (*w)->fd >= 0)
        close((*w)->fd);
    free(*w);
    *w = NULL;
}
