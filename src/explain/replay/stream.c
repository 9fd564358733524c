/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/stream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    PIECE = 64 << 10,
    GZIP_WINDOW = 15 + 16 /* inflateInit2: the largest window, with gzip's header and trailer */
};

struct stream {
    FILE *file;
    bool is_packed, is_over; /* is_over: of the packed bytes, the last member has ended */
    bool has_zlib, is_limited;
    uint64_t left; /* that may still be read */
    z_stream zlib;
    uint8_t piece[PIECE];
};

/* ---- a pipe is read once, a file as often as one likes ---- */

static int copy_all(FILE *from, FILE *to)
{
    char piece[PIECE];
    size_t size;

    while ((size = fread(piece, 1, sizeof(piece), from)) > 0) {
        if (fwrite(piece, 1, size, to) != size)
            return errno ? -errno : -EIO;
    }
    return ferror(from) ? -EIO : fflush(to) ? -errno : 0;
}

static int make_seekable(FILE **file)
{
    if (fseeko(*file, 0, SEEK_SET) == 0)
        return 0;
    FILE *copy = tmpfile();
    if (!copy)
        return -errno;
    int r = copy_all(*file, copy);
    if (r) {
        fclose(copy);
        return r;
    }
    fclose(*file);
    *file = copy;
    return 0;
}

/* ---- opening ---- */

static int begin(struct stream *s)
{
    uint8_t magic[2];

    if (fseeko(s->file, 0, SEEK_SET))
        return -errno;
    size_t size = fread(magic, 1, sizeof(magic), s->file);
    if (ferror(s->file) || fseeko(s->file, 0, SEEK_SET))
        return -EIO;
    s->is_packed = size == sizeof(magic) && magic[0] == 0x1f && magic[1] == 0x8b; /* RFC 1952 */
    s->is_over = s->is_limited = false;
    s->left = s->is_packed ? STREAM_PACKED_MOST : STREAM_MOST;
    if (!s->is_packed)
        return 0;
    if (s->has_zlib)
        inflateEnd(&s->zlib);
    s->zlib = (z_stream){0};
    s->has_zlib = inflateInit2(&s->zlib, GZIP_WINDOW) == Z_OK;
    return s->has_zlib ? 0 : -ENOMEM;
}

int stream_open(FILE *file, struct stream **ret)
{
    struct stream *s = calloc(1, sizeof(*s));
    int r = s ? make_seekable(&file) : -ENOMEM;

    if (!r) {
        s->file = file;
        r = begin(s);
    }
    if (!r) {
        *ret = s;
        return 0;
    }
    if (s && s->file)
        stream_close(&s);
    else
        fclose(file);
    free(s);
    return r;
}

void stream_close(struct stream **s)
{
    if (!*s)
        return;
    if ((*s)->has_zlib)
        inflateEnd(&(*s)->zlib);
    fclose((*s)->file);
    free(*s);
    *s = NULL;
}

int stream_rewind(struct stream *s)
{
    clearerr(s->file);
    return begin(s);
}

bool stream_is_packed(const struct stream *s)
{
    return s->is_packed;
}

/* ---- reading ---- */

/* More packed bytes. 1; 0: there are none; -EIO. */
static int refill(struct stream *s)
{
    size_t size = fread(s->piece, 1, sizeof(s->piece), s->file);

    if (ferror(s->file))
        return -EIO;
    s->zlib.next_in = s->piece;
    s->zlib.avail_in = (uInt)size;
    return size > 0;
}

/* A file may hold several members one after the other (RFC 1952 section 2.2); what is behind the last and
 * begins no other is padding. */
static int next_member(struct stream *s)
{
    int more = s->zlib.avail_in ? 1 : refill(s);

    if (more < 0)
        return more;
    s->is_over = more == 0 || s->zlib.next_in[0] != 0x1f;
    return s->is_over || inflateReset(&s->zlib) == Z_OK ? 0 : -EBADMSG;
}

static int unpack(struct stream *s)
{
    while (s->zlib.avail_out && !s->is_over) {
        int more = s->zlib.avail_in ? 1 : refill(s);

        if (more <= 0)
            return more ? more : -EBADMSG; /* within a member */
        int z = inflate(&s->zlib, Z_NO_FLUSH);
        if (z == Z_MEM_ERROR)
            return -ENOMEM;
        if (z != Z_OK && z != Z_STREAM_END)
            return -EBADMSG;
        int r = z == Z_STREAM_END ? next_member(s) : 0;
        if (r)
            return r;
    }
    return 0;
}

bool stream_is_limited(const struct stream *s)
{
    return s->is_limited;
}

static int read_bytes(struct stream *s, void *to, size_t size, size_t *ret)
{
    if (!s->is_packed) {
        *ret = fread(to, 1, size, s->file);
        return ferror(s->file) ? -EIO : 0;
    }
    s->zlib.next_out = to;
    s->zlib.avail_out = (uInt)size;
    int r = unpack(s);
    *ret = size - s->zlib.avail_out;
    return r;
}

int stream_read(struct stream *s, void *to, size_t size, size_t *ret)
{
    size_t wanted = size < s->left ? size : s->left;
    int r = read_bytes(s, to, wanted, ret);

    s->left -= *ret;
    s->is_limited |= !r && *ret == wanted && wanted < size;
    return r;
}
