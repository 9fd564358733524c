/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/output.h"

#include "sys/fd.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static int write_out(struct output *o, const char *bytes, size_t len)
{
    if (o->memfd < 0)
        o->memfd = memfd_create("listing", MFD_CLOEXEC);
    if (o->memfd < 0)
        return -errno;
    for (size_t done = 0; done < len;) {
        ssize_t n = write(o->memfd, bytes + done, len - done);
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    o->flushed += len;
    return 0;
}

static int flush(struct output *o)
{
    int r = write_out(o, o->call->w->out, o->used);
    if (r == 0)
        o->used = 0;
    return r;
}

int output_append(struct output *o, struct output *other)
{
    int r = flush(o);
    if (r == 0 && other->flushed > 0) {
        void *bytes = mmap(NULL, other->flushed, PROT_READ, MAP_SHARED, other->memfd, 0);
        if (bytes == MAP_FAILED)
            return -errno;
        r = write_out(o, bytes, other->flushed);
        (void)munmap(bytes, other->flushed);
    }
    return r == 0 ? write_out(o, other->call->w->out, other->used) : r;
}

char *output_room(struct output *o, int *ret_error)
{
    if (sizeof(o->call->w->out) - o->used < OUTPUT_LINE_MAX) {
        int r = flush(o);
        if (r < 0) {
            *ret_error = r;
            return NULL;
        }
    }
    return o->call->w->out + o->used;
}

int output_finish(struct output *o)
{
    struct file_reply *out = o->call->out;
    if (o->memfd < 0 && o->used <= FILE_INLINE_MAX) {
        out->data = (const uint8_t *)o->call->w->out;
        out->data_len = o->used;
        out->size = o->used;
        return 0;
    }
    int r = flush(o);
    if (r < 0)
        return r;
    if (lseek(o->memfd, 0, SEEK_SET) < 0)
        return -errno;
    out->size = o->flushed;
    o->call->fd = o->memfd;
    o->memfd = -1;
    return 0;
}
