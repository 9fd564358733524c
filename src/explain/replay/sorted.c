/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/sorted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct held {
    struct capture_frame frame; /* its bytes are ours */
    uint64_t number;
};

struct sorted {
    struct held heap[SORTED_HELD]; /* the earliest first */
    size_t count;
    uint64_t frames;
    uint8_t *given; /* the bytes of the frame that was given out last */
    int over;       /* what capture_next said last: 1 there may be more */
    char *why;
};

struct sorted *sorted_new(void)
{
    struct sorted *o = calloc(1, sizeof(*o));

    if (o)
        o->over = 1;
    return o;
}

void sorted_free(struct sorted **o)
{
    if (!*o)
        return;
    for (size_t i = 0; i < (*o)->count; i++)
        free((uint8_t *)(uintptr_t)(*o)->heap[i].frame.bytes);
    free((*o)->given);
    free((*o)->why);
    free(*o);
    *o = NULL;
}

static bool is_earlier(const struct held *a, const struct held *b)
{
    return a->frame.time_us != b->frame.time_us ? a->frame.time_us < b->frame.time_us : a->number < b->number;
}

static void swap(struct sorted *o, size_t a, size_t b)
{
    struct held held = o->heap[a];

    o->heap[a] = o->heap[b];
    o->heap[b] = held;
}

static void rise(struct sorted *o, size_t i)
{
    for (; i > 0 && is_earlier(&o->heap[i], &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(o, i, (i - 1) / 2);
}

static void sink(struct sorted *o)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < o->count; i = child) {
        if (child + 1 < o->count && is_earlier(&o->heap[child + 1], &o->heap[child]))
            child++;
        if (!is_earlier(&o->heap[child], &o->heap[i]))
            return;
        swap(o, i, child);
    }
}

static int hold(struct sorted *o, const struct capture_frame *frame)
{
    struct held *held = &o->heap[o->count];

    *held = (struct held){*frame, o->frames};
    if (frame->bytes) {
        uint8_t *copy = malloc(frame->size);

        if (!copy)
            return -ENOMEM;
        memcpy(copy, frame->bytes, frame->size);
        held->frame.bytes = copy;
    }
    rise(o, o->count++);
    return 0;
}

/* 0; or -ENOMEM. */
static int fill(struct sorted *o, struct capture *c)
{
    struct capture_frame frame;

    while (o->over == 1 && o->count < SORTED_HELD) {
        o->over = capture_next(c, &frame, &o->why);
        if (o->over == -ENOMEM)
            return -ENOMEM;
        if (o->over != 1)
            return 0;
        o->frames++;
        int r = hold(o, &frame);
        if (r)
            return r;
    }
    return 0;
}

static int give(struct sorted *o, struct capture_frame *ret, uint64_t *ret_number)
{
    *ret = o->heap[0].frame;
    *ret_number = o->heap[0].number;
    free(o->given);
    o->given = (uint8_t *)(uintptr_t)ret->bytes;
    o->heap[0] = o->heap[--o->count];
    sink(o);
    return 1;
}

int sorted_next(struct sorted *o, struct capture *c, struct capture_frame *ret, uint64_t *ret_number,
                char **message)
{
    /* Where there is one interface, which a file says before its first frame, nothing need be held. */
    if (o->count == 0 && o->over == 1 && !capture_is_mixed(c)) {
        o->over = capture_next(c, ret, &o->why);
        *ret_number = o->frames += o->over == 1;
        if (o->over == 1)
            return 1;
    }
    int r = fill(o, c);
    if (r)
        return r;
    if (o->count)
        return give(o, ret, ret_number);
    *message = o->why;
    o->why = NULL;
    return o->over;
}
