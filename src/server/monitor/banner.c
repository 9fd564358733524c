/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/banner.h"

#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"
#include "server/monitor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BANNER_BYTES_MAX = 64 * 1024,
};

static struct watch *watch;
static struct event *rounds;
static struct stat seen; /* what was read last; zero: nothing was there */
static void (*tell_change)(void);

static void note(struct stat *st, int result)
{
    if (result < 0)
        memset(st, 0, sizeof(*st));
    memset(&st->st_atim, 0, sizeof(st->st_atim)); /* reading is no change */
}

/* O_NONBLOCK: a FIFO of that name is no reason to wait. */
char *banner_read(const struct config *c)
{
    if (!c->banner_file)
        return NULL;
    char *text = calloc(1, BANNER_BYTES_MAX + 1);
    int fd = open(c->banner_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    note(&seen, fd >= 0 ? fstat(fd, &seen)
                        : stat(c->banner_file, &seen)); /* of what is read: a change from now on is one */
    ssize_t n = text && fd >= 0 ? read(fd, text, BANNER_BYTES_MAX) : -1;
    if (n < 0) {
        tell("banner_file: cannot read %s: %s; greeting without it", c->banner_file, strerror(errno));
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static void look(void)
{
    struct stat now;
    note(&now, stat(monitor.config->banner_file, &now));
    if (memcmp(&now, &seen, sizeof(now)) != 0)
        tell_change();
}

static void on_round(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    look();
}

void banner_follow(void (*on_change)(void))
{
    static const struct timeval period = {.tv_sec = WATCH_ROUNDS};
    const char *path = monitor.config->banner_file;
    watch_free(&watch);
    if (rounds)
        event_free(rounds);
    rounds = NULL;
    if (!path)
        return;
    tell_change = on_change;
    watch = watch_new(&path, 1, true, look);
    rounds = event_new(monitor.base, -1, EV_PERSIST, on_round, NULL);
    if (!rounds || event_add(rounds, &period) < 0)
        tell("out of memory: banner_file is not followed; send SIGHUP when it changes");
}
