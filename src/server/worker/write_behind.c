/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/write_behind.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    STACK_BYTES = 64 * 1024,
};

struct block {
    size_t len; /* to be written; 0: the maker's */
    char bytes[WRITE_BEHIND_BLOCK];
};

struct write_behind {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned next; /* the block that the maker fills next, and the writer writes after the other one */
    bool is_over;  /* nothing more comes */
    int error;     /* -errno */
    unsigned long long written;
    struct block blocks[2];
};

/* 0 or -errno. */
static int write_block(struct write_behind *w, const struct block *b)
{
    for (size_t done = 0; done < b->len;) {
        ssize_t n = write(w->fd, b->bytes + done, b->len - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
        w->written += n > 0 ? (unsigned long long)n : 0;
    }
    return 0;
}

static void *thread_main(void *arg)
{
    struct write_behind *w = arg;
    (void)prctl(PR_SET_NAME, "sallyd:write"); /* a name for ps, no more */
    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0;; i = 1 - i) {
        struct block *b = &w->blocks[i];
        while (b->len == 0 && !w->is_over)
            pthread_cond_wait(&w->changed, &w->lock);
        if (b->len == 0)
            break;
        pthread_mutex_unlock(&w->lock);
        int error = w->error ? w->error : write_block(w, b);
        pthread_mutex_lock(&w->lock);
        w->error = error;
        b->len = 0;
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct write_behind *write_behind_begin(int fd)
{
    struct write_behind *w = malloc(sizeof(*w));
    pthread_attr_t attributes;
    if (!w)
        return NULL;
    w->fd = fd;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->next = 0;
    w->is_over = false;
    w->error = 0;
    w->written = 0;
    w->blocks[0].len = w->blocks[1].len = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES); /* more than the least there may be: cannot fail */
    int r = pthread_create(&w->thread, &attributes, thread_main, w);
    pthread_attr_destroy(&attributes);
    if (r != 0) {
        free(w);
        return NULL;
    }
    return w;
}

char *write_behind_block(struct write_behind *w)
{
    struct block *b = &w->blocks[w->next];
    pthread_mutex_lock(&w->lock);
    while (b->len > 0)
        pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return b->bytes;
}

int write_behind_put(struct write_behind *w, size_t len)
{
    pthread_mutex_lock(&w->lock);
    w->blocks[w->next].len = len;
    int error = w->error;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    w->next = len > 0 ? 1 - w->next : w->next;
    return error;
}

int write_behind_end(struct write_behind **behind, unsigned long long *ret_written)
{
    struct write_behind *w = *behind;
    *behind = NULL;
    pthread_mutex_lock(&w->lock);
    w->is_over = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    (void)!pthread_join(w->thread, NULL); /* it is ours, joined once: cannot fail */
    int error = w->error;
    *ret_written = w->written;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    free(w);
    return error;
}
