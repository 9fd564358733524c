/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/inbox.h"

#include "server/worker/state.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

STAILQ_HEAD(messages, inbox_message);

static struct inbox {
    pthread_mutex_t lock;
    struct messages waiting;
    int wakeup;
} inboxes[LOOPS_MAX];

static void on_wakeup(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *i = arg;
    struct messages all = STAILQ_HEAD_INITIALIZER(all);
    struct inbox_message *m;
    uint64_t count;
    (void)what;
    (void)!read(fd, &count,
                sizeof(count)); /* the queue says what there is; this only quiets the descriptor */
    pthread_mutex_lock(&i->lock);
    STAILQ_CONCAT(&all, &i->waiting);
    pthread_mutex_unlock(&i->lock);
    while ((m = STAILQ_FIRST(&all))) {
        STAILQ_REMOVE_HEAD(&all, next);
        m->run(m);
    }
}

int inbox_open(void)
{
    struct inbox *i = &inboxes[worker.loop];
    pthread_mutex_init(&i->lock, NULL);
    STAILQ_INIT(&i->waiting);
    i->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (i->wakeup < 0)
        return -errno;
    struct event *e = event_new(worker.base, i->wakeup, EV_READ | EV_PERSIST, on_wakeup, i);
    return e && event_add(e, NULL) == 0 ? 0 : -ENOMEM;
}

void inbox_post(unsigned loop, struct inbox_message *m)
{
    struct inbox *i = &inboxes[loop];
    const uint64_t one = 1;
    pthread_mutex_lock(&i->lock);
    bool first = STAILQ_EMPTY(&i->waiting);
    STAILQ_INSERT_TAIL(&i->waiting, m, next);
    pthread_mutex_unlock(&i->lock);
    if (first)
        (void)!write(i->wakeup, &one,
                     sizeof(one)); /* an eventfd takes it: its count is nowhere near the end */
}
