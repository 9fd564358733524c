/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The threads that transfers run in; each loop has its own. One lock guards the two queues: transfers that wait for a thread, and
 * those that have ended and wait for the loop, which an eventfd wakes. A transfer in a queue, or in a thread,
 * belongs to this file and transfer.c; the loop may only read `moved` and set `aborted`.
 */
#include "server/worker/pool.h"

#include "sys/cpus.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_SECONDS = 5, /* then a thread without work ends */
    STACK_BYTES = 128 * 1024,
};

STAILQ_HEAD(transfer_queue, transfer);

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    unsigned idle, queued;
    struct transfer_queue waiting, ended;
    int wakeup;
    struct event *event;
    void (*on_end)(struct transfer *);
};

static _Thread_local struct pool *own; /* this loop's, for good */

static void report(struct pool *pool, struct transfer *t)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&pool->lock);
    bool first = STAILQ_EMPTY(&pool->ended);
    STAILQ_INSERT_TAIL(&pool->ended, t, queue);
    pthread_mutex_unlock(&pool->lock);
    if (first)
        (void)!write(pool->wakeup, &one,
                     sizeof(one)); /* an eventfd takes it: its count is nowhere near the end */
}

/* The next transfer, or NULL after IDLE_SECONDS without one. */
static struct transfer *next_transfer(struct pool *pool)
{
    struct timespec until;
    int r = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    pthread_mutex_lock(&pool->lock);
    pool->idle++;
    while (STAILQ_EMPTY(&pool->waiting) && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&pool->work, &pool->lock, &until);
    struct transfer *t = STAILQ_FIRST(&pool->waiting);
    if (t) {
        STAILQ_REMOVE_HEAD(&pool->waiting, queue);
        pool->queued--;
    }
    pool->idle--;
    pthread_mutex_unlock(&pool->lock);
    return t;
}

static void *thread_main(void *arg)
{
    struct transfer_tools tools = {.pipe = {-1, -1}};
    struct pool *pool = arg;
    struct transfer *t;
    cpus_unpin();                                /* the loop's own processor is for replies */
    (void)prctl(PR_SET_NAME, "sallyd:transfer"); /* a name for ps, no more */
    while ((t = next_transfer(pool))) {
        transfer_run(t, &tools);
        report(pool, t);
    }
    transfer_tools_fini(&tools);
    return NULL;
}

static int start_thread(struct pool *pool)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES); /* more than the least there may be: cannot fail */
    int r = pthread_create(&thread, &attributes, thread_main, pool);
    pthread_attr_destroy(&attributes);
    return -r;
}

int transfer_start(struct transfer *t)
{
    pthread_mutex_lock(&own->lock);
    bool need_thread = own->idle <= own->queued;
    bool refused = need_thread && start_thread(own) < 0 && own->idle == 0;
    if (!refused) {
        t->running = true;
        STAILQ_INSERT_TAIL(&own->waiting, t, queue);
        own->queued++;
        pthread_cond_signal(&own->work);
    }
    pthread_mutex_unlock(&own->lock);
    return refused ? -EAGAIN : 0;
}

static void on_wakeup(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;
    struct transfer_queue ended = STAILQ_HEAD_INITIALIZER(ended);
    struct transfer *t;
    struct pool *pool = arg;
    (void)what;
    (void)!read(fd, &count,
                sizeof(count)); /* the queue says what there is; this only quiets the descriptor */
    pthread_mutex_lock(&pool->lock);
    STAILQ_CONCAT(&ended, &pool->ended);
    pthread_mutex_unlock(&pool->lock);
    while ((t = STAILQ_FIRST(&ended))) {
        STAILQ_REMOVE_HEAD(&ended, queue);
        t->running = false;
        pool->on_end(t);
    }
}

int transfer_pool_init(struct event_base *base, void (*on_end)(struct transfer *))
{
    pthread_condattr_t monotonic;
    own = calloc(1, sizeof(*own));
    if (!own)
        return -ENOMEM;
    pthread_mutex_init(&own->lock, NULL);
    STAILQ_INIT(&own->waiting);
    STAILQ_INIT(&own->ended);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&own->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    own->on_end = on_end;
    own->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (own->wakeup < 0)
        return -errno;
    own->event = event_new(base, own->wakeup, EV_READ | EV_PERSIST, on_wakeup, own);
    return own->event && event_add(own->event, NULL) == 0 ? 0 : -ENOMEM;
}

/* shutdown wakes a thread that is blocked on the socket. */
void transfer_abort(struct transfer *t)
{
    atomic_store(&t->aborted, true);
    pthread_mutex_lock(&t->data_lock);
    if (t->data >= 0)
        (void)shutdown(t->data, SHUT_RDWR);
    pthread_mutex_unlock(&t->data_lock);
}
