/* SPDX-License-Identifier: BSD-2-Clause */
/* A small file and a large one, both ways: what fits into a packet, and what does not. */
#include "client/doctor_private.h"
#include "client/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { PATIENCE_S = 60, SMALL_MOST = 1024, LARGE_LEAST = 64 * 1024 };

/* ---- what there is ---- */

static void keep(struct doctor_file *file, const struct ftp_listed *entry)
{
    snprintf(file->name, sizeof(file->name), "%.*s", (int)entry->name.len, entry->name.at);
    file->size = entry->size;
}

enum client_result doctor_see(void *arg, const struct ftp_listed *e)
{
    struct doctor *d = arg;

    if (e->kind != FTP_LISTED_FILE || e->flaws || !e->has_size || e->name.len >= sizeof(d->small.name) ||
        !e->size)
        return CLIENT_OK;
    if (e->size <= SMALL_MOST && !*d->small.name)
        keep(&d->small, e);
    if (e->size >= LARGE_LEAST && e->size > d->large.size)
        keep(&d->large, e);
    return CLIENT_OK;
}

/* ---- bytes ---- */

/* A file that is moved. Each byte follows from where it stands, so that what comes back can be compared. */
struct moving {
    uint64_t at, size;
    time_t began;
    bool is_ours, differs, is_late;
};

static unsigned char byte_at(uint64_t at)
{
    uint64_t x = (at + 1) *
                 0x9e3779b97f4a7c15U; /* the golden ratio: no line of it is like another, to who compresses */

    return (unsigned char)(x >> 56 ^ x >> 24);
}

static time_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* One who is slow works, and is not waited for without end. */
static bool is_late(struct moving *m)
{
    m->is_late |= seconds_now() - m->began > PATIENCE_S;
    return m->is_late;
}

static long give(void *arg, void *bytes, size_t cap)
{
    struct moving *m = arg;
    unsigned char *to = bytes;
    size_t n = 0;

    if (is_late(m))
        return -ETIMEDOUT;
    while (n < cap && m->at < m->size)
        to[n++] = byte_at(m->at++);
    return (long)n;
}

static enum client_result take(void *arg, const void *bytes, size_t len)
{
    struct moving *m = arg;
    const unsigned char *from = bytes;

    for (size_t i = 0; i < len && m->is_ours; i++)
        m->differs |= from[i] != byte_at(m->at + i);
    m->at += len;
    return is_late(m) ? CLIENT_CUT : CLIENT_OK;
}

/* ---- transfers ---- */

/* The session; a transfer before may have broken it. */
static enum client_result session(struct client *c)
{
    return client_is_open(c) ? CLIENT_OK : client_open(c);
}

/* is_open: there was a session, and so the data are those of this transfer. */
static void note(struct doctor *d, const struct client *c, bool is_open, enum client_result r,
                 const struct moving *m, struct doctor_step *ret)
{
    static const struct client_data none;
    const struct client_data *data = is_open ? client_data(c) : &none;
    enum doctor_end end = m->is_late ? DOCTOR_WORKS : doctor_end_of(r, data);

    if (end == DOCTOR_WORKS && m->is_ours && (m->differs || (m->at != m->size && !m->is_late)))
        end = DOCTOR_DIFFERS;
    doctor_note_data(d, end, data, ret);
}

/* Not to be let store (or have) files is nothing that is broken. */
static void allow_no(struct doctor_step *step)
{
    if (step->end == DOCTOR_SAID_NO && step->code / 100 == 5 && step->code != 522)
        step->end = DOCTOR_NOT_ALLOWED;
}

static enum client_result put(struct doctor *d, struct client *c, const char *path, uint64_t size,
                              struct doctor_step *ret)
{
    struct client_piece piece = {.path = path, .most = UINT64_MAX, .total = size};
    struct moving m = {.size = size, .began = seconds_now(), .is_ours = true};
    uint64_t bytes;
    enum client_result r;
    bool is_open;

    doctor_listen(d);
    r = session(c);
    is_open = !r;
    if (is_open)
        r = client_put(c, &piece, give, &m, &bytes);
    note(d, c, is_open, r, &m, ret);
    allow_no(ret);
    return r;
}

static enum client_result get(struct doctor *d, struct client *c, const char *path, uint64_t size,
                              bool is_ours, struct doctor_step *ret)
{
    struct client_piece piece = {.path = path, .most = is_ours ? UINT64_MAX : size, .total = size};
    struct moving m = {.size = size, .began = seconds_now(), .is_ours = is_ours};
    uint64_t bytes;
    enum client_result r;
    bool is_open;

    doctor_listen(d);
    r = session(c);
    is_open = !r;
    if (is_open)
        r = client_get(c, &piece, take, &m, &bytes);
    note(d, c, is_open, r, &m, ret);
    allow_no(ret);
    return r;
}

static void random_name(char out[21])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[6] = {0};

    if (getrandom(bytes, sizeof(bytes), 0) < 0)
        bytes[0] = (unsigned char)time(NULL); /* no secret; two at once are to have different ones */
    strcpy(out, ".sally-doctor-");
    for (unsigned i = 0; i < sizeof(bytes); i++)
        out[14 + i] = letters[bytes[i] % 32];
    out[20] = '\0';
}

/* What we have stored goes again; if it can't, that is told. */
static void remove_ours(struct doctor *d, struct client *c, const char *path)
{
    enum client_result r = CLIENT_NO_CONNECTION;
    bool is_done = false;

    for (unsigned attempt = 0; attempt < 2 && r == CLIENT_NO_CONNECTION; attempt++) {
        doctor_listen(d); /* a server that fails in a transfer may be gone only now */
        r = session(c);
        if (!r)
            r = client_try(c, "DELE", path, &is_done);
    }
    if (!r && is_done)
        return;
    snprintf(d->report->left, sizeof(d->report->left), "%s", path);
    snprintf(d->report->left_why, sizeof(d->report->left_why), "%s", *d->said ? d->said : d->reply);
}

/* To the server, back, and gone. */
static enum client_result there_and_back(struct doctor *d, struct client *c, uint64_t size,
                                         struct doctor_step *up, struct doctor_step *down)
{
    char name[21], *path;
    enum client_result r;

    random_name(name);
    path = client_join(d->plan->folder, name);
    if (!path)
        return CLIENT_FAILED;
    r = put(d, c, path, size, up);
    if (up->end == DOCTOR_WORKS && up->bytes == size)
        r = get(d, c, path, size, true, down);
    if (up->end != DOCTOR_NOT_ALLOWED)
        remove_ours(d, c, path);
    free(path);
    return r;
}

static enum client_result have(struct doctor *d, struct client *c, const struct doctor_file *file,
                               struct doctor_step *down)
{
    char *path = client_join(d->plan->folder, file->name);
    enum client_result r;

    if (!path)
        return CLIENT_FAILED;
    r = get(d, c, path, file->size < DOCTOR_LARGE ? file->size : DOCTOR_LARGE, false, down);
    free(path);
    return r;
}

static enum client_result both_ways(struct doctor *d, struct client *c, uint64_t size,
                                    const struct doctor_file *file, struct doctor_step *up,
                                    struct doctor_step *down)
{
    enum client_result r = d->plan->may_store ? there_and_back(d, c, size, up, down) : CLIENT_OK;
    bool is_open = down->end == DOCTOR_NOT_TRIED || down->end == DOCTOR_NOT_ALLOWED;

    if (r != CLIENT_CANCELED && is_open && *file->name)
        r = have(d, c, file, down);
    return r;
}

enum client_result doctor_move(struct doctor *d, struct doctor_row *row, struct client *c)
{
    const struct doctor_file small = d->small, large = d->large;
    enum client_result r =
        both_ways(d, c, DOCTOR_SMALL, &small, &row->moves[DOCTOR_SMALL_PUT], &row->moves[DOCTOR_SMALL_GET]);

    if (r != CLIENT_CANCELED)
        r = both_ways(d, c, DOCTOR_LARGE, &large, &row->moves[DOCTOR_LARGE_PUT],
                      &row->moves[DOCTOR_LARGE_GET]);
    return r == CLIENT_CANCELED ? r : CLIENT_OK;
}
