/* SPDX-License-Identifier: BSD-2-Clause */
/* Listings and files over a data connection. */
#include "client/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 256 * 1024, LINE_MOST = 64 * 1024 };

static enum client_result be_binary(struct client *c)
{
    enum client_result r = c->is_binary ? CLIENT_OK : client_do(c, "TYPE", "I");

    c->is_binary = !r;
    return r;
}

/* Says why the data connection failed under way. */
static enum client_result data_failed(struct client *c, ssize_t n)
{
    if (n == -EPIPE && channel_is_secure(c->control))
        SAY(c, CLIENT_ERROR, TLS_CUT);
    else
        return client_fail(c, CLIENT_CUT, (int)n, c->site.idle_ms);
    return CLIENT_CUT;
}

static void tell_moved(const struct client *c, uint64_t bytes, uint64_t total)
{
    if (c->ears.move)
        c->ears.move(c->ears.arg, bytes, total);
}

/* ---- listings ---- */

struct listing {
    bool is_facts;
    client_entry_fn *visit;
    void *arg;
    struct ftp_dialect dialect;
    int64_t now;
    bool is_part; /* a line was not understood */
    char *line;   /* begun and not ended */
    size_t len;
};

static enum client_result line_ends(struct client *c, struct listing *l)
{
    struct ftp_listed entry;
    int r;

    l->line[l->len] = '\0';
    r = l->is_facts ? ftp_listed_read_facts(l->line, l->len, &entry)
                    : ftp_listed_read_line(&l->dialect, l->line, l->len, l->now, &entry);
    l->len = 0;
    if (r < 0) {
        SAY(c, CLIENT_ERROR, LIST_LINE, l->line);
        l->is_part = true;
    }
    if (r <= 0 || entry.kind == FTP_LISTED_SELF || entry.kind == FTP_LISTED_PARENT)
        return CLIENT_OK;
    return l->visit(l->arg, &entry);
}

static enum client_result pump_listing(struct client *c, struct channel *data, void *arg)
{
    struct listing *l = arg;
    char bytes[16384];
    ssize_t n;

    while ((n = channel_read(data, bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            enum client_result r = CLIENT_OK;
            if (bytes[i] == '\n')
                r = line_ends(c, l);
            else if (l->len < LINE_MOST - 1)
                l->line[l->len++] = bytes[i];
            else
                r = CLIENT_FAILED;
            if (r)
                return r;
        }
    }
    if (n < 0)
        return data_failed(c, n);
    return l->len ? line_ends(c, l) : CLIENT_OK;
}

enum client_result client_list(struct client *c, const char *path, client_entry_fn *visit, void *arg)
{
    struct listing l = {
        .is_facts = c->has_mlsd, .visit = visit, .arg = arg, .now = time(NULL), .line = malloc(LINE_MOST)};
    enum client_result r;

    if (!l.line)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    SAY(c, CLIENT_STATUS, LIST_BEGINS, path);
    r = client_transfer(c, c->has_mlsd ? "MLSD" : "LIST", *path ? path : NULL, 0, pump_listing, &l);
    if (!r && l.is_part)
        r = CLIENT_CUT;
    if (r)
        SAY(c, CLIENT_ERROR, LIST_FAILED);
    else
        SAY(c, CLIENT_STATUS, LIST_DONE, path);
    free(l.line);
    return r;
}

/* ---- files ---- */

enum client_result client_look(struct client *c, const char *path, struct client_facts *ret)
{
    enum client_result r = be_binary(c); /* SIZE depends on it */

    *ret = (struct client_facts){.has_size = false};
    if (!r)
        r = client_command(c, "SIZE", path);
    if (!r && c->reply.code == 213)
        ret->has_size = ftp_reply_size(&c->reply, &ret->size);
    if (!r)
        r = client_command(c, "MDTM", path);
    if (!r && c->reply.code == 213)
        ret->has_time = ftp_reply_time(&c->reply, &ret->time);
    return r;
}

struct pump {
    client_bytes_fn *write;
    client_more_fn *read;
    void *arg;
    uint64_t bytes, offset, total;
};

static enum client_result pump_in(struct client *c, struct channel *data, void *arg)
{
    struct pump *p = arg;
    char *piece = malloc(PIECE);
    enum client_result r = CLIENT_OK;
    ssize_t n = 0;

    if (!piece)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    while (!r && (n = channel_read(data, piece, PIECE)) > 0) {
        r = p->write(p->arg, piece, (size_t)n);
        if (!r)
            p->bytes += (uint64_t)n;
        tell_moved(c, p->offset + p->bytes, p->total);
    }
    free(piece);
    return r || n == 0 ? r : data_failed(c, n);
}

static enum client_result pump_out(struct client *c, struct channel *data, void *arg)
{
    struct pump *p = arg;
    char *piece = malloc(PIECE);
    int error = 0;
    long n = 0;

    if (!piece)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    while (!error && (n = p->read(p->arg, piece, PIECE)) > 0) {
        error = channel_write(data, piece, (size_t)n);
        if (!error)
            p->bytes += (uint64_t)n;
        tell_moved(c, p->offset + p->bytes, p->total);
    }
    free(piece);
    if (n < 0)
        return CLIENT_LOCAL_FAILED;
    if (!error)
        error = channel_end(data);
    return error ? data_failed(c, error) : CLIENT_OK;
}

enum client_result client_get(struct client *c, const char *path, uint64_t offset, uint64_t total,
                              client_bytes_fn *write, void *arg, uint64_t *ret_bytes)
{
    struct pump p = {.write = write, .arg = arg, .offset = offset, .total = total};
    enum client_result r = be_binary(c);

    SAY(c, CLIENT_STATUS, GET_BEGINS, path);
    if (!r)
        r = client_transfer(c, "RETR", path, offset, pump_in, &p);
    *ret_bytes = p.bytes;
    return r;
}

enum client_result client_put(struct client *c, const char *path, uint64_t offset, uint64_t total,
                              client_more_fn *read, void *arg, uint64_t *ret_bytes)
{
    struct pump p = {.read = read, .arg = arg, .offset = offset, .total = total};
    enum client_result r = be_binary(c);

    SAY(c, CLIENT_STATUS, PUT_BEGINS, path);
    if (!r)
        r = client_transfer(c, offset ? "APPE" : "STOR", path, 0, pump_out, &p);
    *ret_bytes = p.bytes;
    return r;
}
