/* SPDX-License-Identifier: BSD-2-Clause */
/* Listings and files over a data connection. */
#include "client/folder.h"
#include "client/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_MOST = 64 * 1024 };

static enum client_result be_binary(struct client *c)
{
    enum client_result r = c->is_binary ? CLIENT_OK : client_do(c, "TYPE", "I");

    c->is_binary = !r;
    return r;
}

/* Says why the data connection failed under way. */
static enum client_result data_failed(struct client *c, ssize_t n)
{
    c->data.error = (int)n;
    if (n == -EPIPE && channel_is_secure(c->control))
        SAY(c, CLIENT_ERROR, TLS_CUT);
    else
        return client_fail(c, CLIENT_CUT, (int)n, c->site.idle_ms);
    return CLIENT_CUT;
}

/* ---- listings ---- */

struct listing {
    bool is_facts;
    client_entry_fn *visit;
    void *arg;
    struct ftp_dialect dialect;
    int64_t now;
    bool is_part; /* a line was not understood */
    bool has_any; /* something was listed, if only the folder itself */
    char *line;   /* begun and not ended */
    size_t len;
};

static enum client_result line_ends(struct client *c, struct listing *l)
{
    struct ftp_listed entry;
    enum client_result done;
    char *name;
    int r;

    l->line[l->len] = '\0';
    r = l->is_facts ? ftp_listed_read_facts(l->line, l->len, &entry)
                    : ftp_listed_read_line(&l->dialect, l->line, l->len, l->now, &entry);
    l->len = 0;
    if (r < 0) {
        SAY(c, CLIENT_ERROR, LIST_LINE, l->line);
        l->is_part = true;
    }
    l->has_any |= r > 0;
    if (r <= 0 || entry.kind == FTP_LISTED_SELF || entry.kind == FTP_LISTED_PARENT)
        return CLIENT_OK;
    name = client_name_in(c, entry.name.at, entry.name.len, &entry.name.len);
    if (name)
        entry.name.at = name; /* else it stays what it is at the server: bytes */
    done = l->visit(l->arg, &entry);
    free(name);
    return done;
}

static enum client_result pump_listing(struct client *c, struct channel *data, void *arg)
{
    struct listing *l = arg;
    char bytes[16384];
    ssize_t n;

    while ((n = channel_read(data, bytes, sizeof(bytes))) > 0) {
        c->data.bytes += (uint64_t)n;
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

/* To LIST a folder that is not there, or that the server may not read, may be an empty one. Who believes that deletes what is in the other. */
static enum client_result check_empty(struct client *c, const char *path)
{
    if (c->reply.text && strcasestr(c->reply.text, "failed to open")) /* vsftpd, sallyd: 226 */
        return client_refused(c, CLIENT_REMOTE_REFUSED, SPEECH_REMOTE_REFUSED, path);
    return c->has_mlsd ? CLIENT_OK : client_folder_exists(c, path);
}

static enum client_result ask_listing(struct client *c, const char *path, struct listing *l)
{
    return client_transfer(c, &(struct client_transfer){.verb = l->is_facts ? "MLSD" : "LIST",
                                                        .argument = *path ? path : NULL,
                                                        .pump = pump_listing,
                                                        .arg = l});
}

enum client_result client_list(struct client *c, const char *path, client_entry_fn *visit, void *arg)
{
    struct listing l = {
        .is_facts = c->has_mlsd, .visit = visit, .arg = arg, .now = time(NULL), .line = malloc(LINE_MOST)};
    enum client_result r;

    if (!l.line)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    SAY(c, CLIENT_STATUS, LIST_BEGINS, path);
    r = ask_listing(c, path, &l);
    if (r == CLIENT_REMOTE_REFUSED && l.is_facts && (c->reply.code == 500 || c->reply.code == 502)) {
        l.is_facts = c->has_mlsd = false; /* it has MLST, and no more of RFC 3659 */
        r = ask_listing(c, path, &l);
    }
    if (!r && l.is_part)
        r = CLIENT_FAILED;
    if (!r && !l.has_any)
        r = check_empty(c, path);
    if (r)
        SAY(c, CLIENT_ERROR, LIST_FAILED);
    else
        SAY(c, CLIENT_STATUS, LIST_DONE, path);
    free(l.line);
    return r;
}

/* ---- files ---- */

enum client_result client_size(struct client *c, const char *path, struct client_facts *ret)
{
    enum client_result r = be_binary(c); /* on which it depends */

    *ret = (struct client_facts){.has_size = false};
    if (!r)
        r = client_command(c, "SIZE", path);
    if (!r && c->reply.code == 213)
        ret->has_size = ftp_reply_size(&c->reply, &ret->size);
    return r;
}

enum client_result client_look(struct client *c, const char *path, struct client_facts *ret)
{
    enum client_result r = client_size(c, path, ret);

    if (!r)
        r = client_command(c, "MDTM", path);
    if (!r && c->reply.code == 213)
        ret->has_time = ftp_reply_time(&c->reply, &ret->time);
    return r;
}

enum client_result client_hash(struct client *c, const char *path, uint64_t bytes, char ret[CLIENT_HASH])
{
    enum client_result r =
        client_offers(c, "HASH") ? client_do(c, "OPTS", "HASH SHA-256") : CLIENT_REMOTE_REFUSED;
    uintmax_t first, last;
    int read;

    if (!r)
        r = client_do(c, "HASH", path);
    if (r)
        return r;
    read = sscanf(c->reply.text, "SHA-256 %ju-%ju %64[0-9a-fA-F]", &first, &last, ret);
    /* Whether the last byte's number is said or the one behind it, servers differ. */
    if (read == 3 && first == 0 && (last == bytes || last + 1 == bytes))
        return CLIENT_OK;
    return client_refused(c, CLIENT_REMOTE_REFUSED, SPEECH_REPLY_UNEXPECTED, "HASH");
}

struct pump {
    client_bytes_fn *write;
    client_more_fn *read;
    void *arg;
    const struct client_piece *of;
    uint64_t bytes;
    struct timespec began;
};

static enum client_result pump_begin(struct client *c, struct pump *p)
{
    if (!c->piece)
        c->piece = malloc(CLIENT_PIECE);
    clock_gettime(CLOCK_MONOTONIC, &p->began);
    return c->piece ? CLIENT_OK : client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
}

/* Bytes that are moved at once: a tenth of a second's, if a rate is to be kept. */
static size_t piece_size(const struct client *c, uint64_t most)
{
    uint64_t size = c->site.rate && c->site.rate / 10 < CLIENT_PIECE ? c->site.rate / 10 + 1 : CLIENT_PIECE;

    return (size_t)(size < most ? size : most);
}

/* n more have moved: says so, and waits as the rate wants. 0, or -ECANCELED. */
static int moved(struct client *c, struct pump *p, size_t n)
{
    struct timespec now;
    int64_t spent, due;
    struct channel_limits limits = {.stop = c->limits.stop};
    int error;

    p->bytes += n;
    c->data.bytes = p->bytes;
    if (c->ears.move)
        c->ears.move(c->ears.arg, p->of->offset + p->bytes, p->of->total);
    if (!c->site.rate)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    spent = (now.tv_sec - p->began.tv_sec) * 1000 + (now.tv_nsec - p->began.tv_nsec) / 1000000;
    due = (int64_t)((double)p->bytes * 1000 / (double)c->site.rate);
    limits.patience = (int)(due - spent);
    error = due > spent ? channel_wait(-1, 0, &limits) : 0;
    return error == -ETIMEDOUT ? 0 : error;
}

static enum client_result pump_in(struct client *c, struct channel *data, void *arg)
{
    struct pump *p = arg;
    enum client_result r = pump_begin(c, p);
    ssize_t n = 1;

    while (!r && n > 0 && p->bytes < p->of->most) {
        n = channel_read(data, c->piece, piece_size(c, p->of->most - p->bytes));
        if (n > 0)
            r = p->write(p->arg, c->piece, (size_t)n);
        if (n > 0 && !r) {
            int error = moved(c, p, (size_t)n);
            n = error ? error : n;
        }
    }
    return r || n >= 0 ? r : data_failed(c, n);
}

/* The next piece goes out. Its bytes, 0: that was all; or -errno, and *ret_is_read: of reading it, not of sending. */
static long send_piece(struct client *c, const struct pump *p, struct channel *data, bool *has_file,
                       bool *ret_is_read)
{
    int error;
    long n;

    *ret_is_read = false;
    if (*has_file) {
        n = channel_send_file(data, p->of->file, piece_size(c, CLIENT_PIECE));
        *has_file = n != -EOPNOTSUPP;
        if (*has_file)
            return n;
    }
    n = p->read(p->arg, c->piece, piece_size(c, CLIENT_SENT));
    *ret_is_read = n < 0;
    error = n > 0 ? channel_write(data, c->piece, (size_t)n) : 0;
    return error ? error : n;
}

static enum client_result pump_out(struct client *c, struct channel *data, void *arg)
{
    struct pump *p = arg;
    enum client_result r = pump_begin(c, p);
    bool has_file = p->of->has_file, is_read = false;
    long n = 1;

    if (r)
        return r;
    while (n > 0) {
        n = send_piece(c, p, data, &has_file, &is_read);
        if (n > 0) {
            int error = moved(c, p, (size_t)n);
            n = error ? error : n;
        }
    }
    if (is_read)
        return n == -ECANCELED ? client_fail(c, CLIENT_CANCELED, -ECANCELED, 0) : CLIENT_LOCAL_FAILED;
    if (!n)
        n = channel_end(data);
    return n ? data_failed(c, n) : CLIENT_OK;
}

static enum client_result move_file(struct client *c, struct pump *p, const struct client_transfer *t,
                                    uint64_t *ret_bytes)
{
    enum client_result r = be_binary(c);

    if (!r && c->ears.transfer)
        c->ears.transfer(c->ears.arg, p->of->path);
    if (!r)
        r = client_transfer(c, t);
    if (c->ears.transfer)
        c->ears.transfer(c->ears.arg, NULL);
    *ret_bytes = p->bytes;
    return r;
}

enum client_result client_get(struct client *c, const struct client_piece *piece, client_bytes_fn *write,
                              void *arg, uint64_t *ret_bytes)
{
    struct pump p = {.write = write, .arg = arg, .of = piece};

    SAY(c, CLIENT_STATUS, GET_BEGINS, piece->path);
    return move_file(c, &p,
                     &(struct client_transfer){.verb = "RETR",
                                               .argument = piece->path,
                                               .offset = piece->offset,
                                               .is_piece = piece->most != UINT64_MAX,
                                               .pump = pump_in,
                                               .arg = &p},
                     ret_bytes);
}

enum client_result client_put(struct client *c, const struct client_piece *piece, client_more_fn *read,
                              void *arg, uint64_t *ret_bytes)
{
    struct pump p = {.read = read, .arg = arg, .of = piece};

    SAY(c, CLIENT_STATUS, PUT_BEGINS, piece->path);
    return move_file(
        c, &p,
        &(struct client_transfer){
            .verb = piece->offset ? "APPE" : "STOR", .argument = piece->path, .pump = pump_out, .arg = &p},
        ret_bytes);
}
