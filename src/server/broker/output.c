/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/output.h"

#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void output_init(struct output *o, struct call *call)
{
    *o = (struct output){.call = call, .memfd = -1};
    (void)pthread_mutex_init(&o->lock, NULL);
}

/* Makes the memfd; a streamed one goes to the worker at once. */
static int open_memfd(struct output *o)
{
    struct call *call = o->call;
    if (o->memfd >= 0)
        return 0;
    o->memfd = memfd_create("listing", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (o->memfd < 0)
        return -errno;
    if (!(call->in->flags & FILE_STREAM))
        return 0;
    call->fd = o->memfd;
    int r = call_reply(call);
    call->fd = -1;
    return r;
}

/* The memfd's position is the worker's too, so every write names its own. */
static int write_out(struct output *o, const char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(o->memfd, bytes + done, len - done, (off_t)o->len);
        if (n < 0)
            return -errno;
        done += (size_t)n;
        o->len += (size_t)n;
    }
    return 0;
}

int lines_flush(struct lines *l)
{
    struct output *o = l->to;
    (void)pthread_mutex_lock(&o->lock);
    int r = open_memfd(o);
    if (r == 0)
        r = write_out(o, l->bytes, l->used);
    (void)pthread_mutex_unlock(&o->lock);
    if (r == 0)
        l->used = 0;
    return r;
}

char *lines_room(struct lines *l, int *ret_error)
{
    if (WORKSPACE_OUT - l->used < OUTPUT_LINE_MAX) {
        int r = lines_flush(l);
        if (r < 0) {
            *ret_error = r;
            return NULL;
        }
    }
    return l->bytes + l->used;
}

int output_finish(struct output *o, struct lines *last, int error)
{
    struct call *call = o->call;
    int r = error;
    bool is_short = o->memfd < 0 && last->used <= FILE_INLINE_MAX;
    if (r == 0 && is_short) {
        call->out->data = (const uint8_t *)last->bytes;
        call->out->data_len = call->out->size = last->used;
    } else if (r == 0)
        r = lines_flush(last);
    if (o->memfd >= 0 && fcntl(o->memfd, F_ADD_SEALS, r == 0 ? LISTING_WHOLE : LISTING_BROKEN) < 0 && r == 0)
        r = -errno;
    if (r == 0 && o->memfd >= 0 && !call->replied) {
        call->out->size = o->len;
        call->fd = o->memfd;
        o->memfd = -1;
    }
    fd_close(&o->memfd);
    (void)pthread_mutex_destroy(&o->lock);
    return r;
}
