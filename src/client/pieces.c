/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file in several pieces at once. Each piece is a job that writes at its own place in NAME.part; the last one to end gives the file its
 * name. As long as there may be holes in it NAME.part says so, and a kill leaves nothing that would be gone on with; if a piece
 * fails for good, what is whole from the beginning is left with its mark.
 */
#include "client/copy_private.h"
#include "client/say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_LEAST = 1 << 20 };

struct pieces;

struct piece {
    struct pieces *of;
    uint64_t offset, size, done;
    bool is_counted; /* it is whole, and no longer one of those that are missing */
    bool is_last;    /* none was missing any more: it gives the file its name */
};

struct pieces {
    struct fetch fetch;
    struct client_copy copy; /* its strings are owned */
    struct timespec began;
    unsigned count;
    unsigned missing, left;    /* atomic: pieces that are not whole, and whose jobs are not over */
    enum client_result result; /* of giving it its name, once none is missing */
    struct piece piece[];
};

static void pieces_free(struct pieces *p)
{
    fetch_close(&p->fetch);
    free((char *)(uintptr_t)p->copy.remote);
    free((char *)(uintptr_t)p->copy.local);
    free(p);
}

/* Bytes from the beginning without a hole. */
static uint64_t whole_until(const struct pieces *p)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->piece[i].done < p->piece[i].size)
            return p->piece[i].offset + p->piece[i].done;
    return p->fetch.facts.size;
}

/* A job is over, done or dropped. The last one's failure leaves what can be gone on with. */
static void drop(void *arg)
{
    struct piece *piece = arg;
    struct pieces *p = piece->of;

    if (__atomic_sub_fetch(&p->left, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (p->fetch.is_cleared)
        fetch_leave(&p->fetch, whole_until(p));
    pieces_free(p);
}

/* The last piece is longer than it can be: the file has grown, or the server did not begin where it was asked to. Nothing of it counts. */
static enum client_result refuse_more(struct piece *piece)
{
    piece->done = 0;
    SAY(piece->of->fetch.c, CLIENT_ERROR, PIECES_DIFFER, piece->of->copy.local);
    return CLIENT_CUT;
}

static enum client_result write_piece(void *arg, const void *bytes, size_t len)
{
    struct piece *piece = arg;
    int error;

    if (len > piece->size - piece->done)
        return refuse_more(piece);
    error = fetch_write(piece->of->fetch.fd, bytes, len, piece->offset + piece->done);
    if (error)
        return client_local(piece->of->fetch.c, piece->of->copy.local, -error);
    piece->done += len;
    return CLIENT_OK;
}

static enum client_result finish(struct client *c, struct pieces *p)
{
    enum client_result r;

    p->fetch.c = c;
    r = fetch_check_pieces(&p->fetch);
    if (!r)
        r = fetch_finish(&p->fetch);
    if (r)
        return r;
    p->fetch.is_cleared = false; /* it has its name: nothing is to be left behind */
    copy_say_moved(c, p->fetch.facts.size, &p->began);
    return CLIENT_OK;
}

/* The last piece is what follows, so that it is seen where the file ends. What is missing of it: nothing, if the session broke once all had come. */
static enum client_result get_rest(struct client *c, struct piece *piece)
{
    const struct pieces *p = piece->of;
    bool is_end = piece->offset + piece->size == p->fetch.facts.size;
    struct client_piece want = {.path = p->copy.remote,
                                .offset = piece->offset + piece->done,
                                .most = is_end ? UINT64_MAX : piece->size - piece->done,
                                .total = p->fetch.facts.size};
    uint64_t bytes;
    enum client_result r =
        piece->done < piece->size ? client_get(c, &want, write_piece, piece, &bytes) : CLIENT_OK;

    if (!r && piece->done < piece->size) {
        SAY(c, CLIENT_ERROR, CLOSED_EARLY);
        r = CLIENT_CUT;
    }
    return r;
}

static enum client_result run(struct client *c, unsigned attempt, void *arg)
{
    struct piece *piece = arg;
    struct pieces *p = piece->of;
    enum client_result r = get_rest(c, piece);

    (void)attempt; /* it goes on where it broke off */
    if (r)
        return r;
    if (!piece->is_counted) {
        piece->is_counted = true;
        piece->is_last = __atomic_sub_fetch(&p->missing, 1, __ATOMIC_ACQ_REL) == 0;
    }
    if (!piece->is_last)
        return CLIENT_OK;
    if (p->result != CLIENT_CUT) /* they are of two files: another look would not change that */
        p->result = finish(c, p);
    return p->result;
}

/* Takes f's file. NULL: no memory. */
static struct pieces *divide(struct fetch *f, unsigned count)
{
    struct pieces *p = calloc(1, sizeof(*p) + count * sizeof(p->piece[0]));
    uint64_t size = f->facts.size / count;

    if (!p)
        return NULL;
    p->copy = *f->copy;
    p->copy.remote = strdup(f->copy->remote);
    p->copy.local = strdup(f->copy->local);
    if (!p->copy.remote || !p->copy.local) {
        p->fetch.fd = p->fetch.place.folder = -1;
        pieces_free(p);
        return NULL;
    }
    p->fetch = *f;
    p->fetch.copy = &p->copy;
    p->count = p->missing = p->left = count;
    for (unsigned i = 0; i < count; i++)
        p->piece[i] = (struct piece){
            .of = p, .offset = i * size, .size = i + 1 < count ? size : f->facts.size - i * size};
    clock_gettime(CLOCK_MONOTONIC, &p->began);
    return p;
}

/* Can the file be had from anywhere in it, and will anything tell that the pieces are of one? Else *count is 1. */
static enum client_result ask_pieces(struct client *c, const struct fetch *f, unsigned *count)
{
    bool begins = false;
    enum client_result r = CLIENT_OK;

    if (!f->facts.has_size) {
        *count = 1;
        return CLIENT_OK;
    }
    if (f->facts.size / PIECE_LEAST < *count)
        *count = (unsigned)(f->facts.size / PIECE_LEAST);
    if (*count > 1 && (f->facts.has_time || client_offers(c, "HASH")))
        r = client_try(c, "REST", "1", &begins);
    if (!r && begins)
        r = client_try(c, "REST", "0", &begins);
    if (!begins)
        *count = 1;
    return r;
}

enum client_result client_fetch_in_pieces(struct client_fleet *fleet, struct client *c,
                                          const struct client_copy *copy, unsigned count)
{
    struct fetch f;
    struct pieces *p;
    enum client_result r = fetch_open(c, copy, &f);
    uint64_t bytes;

    if (!r)
        r = ask_pieces(c, &f, &count);
    if (r || count < 2) {
        fetch_close(&f);
        return r ? r : client_fetch(c, copy, &bytes);
    }
    if (fetch_clear(&f, false) <
        0) { /* where holes can't be told there are none; and what else is wrong, that says */
        fetch_close(&f);
        return client_fetch(c, copy, &bytes);
    }
    p = divide(&f, count);
    if (!p) {
        fetch_close(&f);
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    }
    for (unsigned i = 0; i < count; i++)
        if (client_fleet_add(fleet, run, drop, &p->piece[i]) < 0)
            r = client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    return r;
}
