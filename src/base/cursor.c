/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cursor.h"

#include <errno.h>
#include <string.h>

void wire_reader_init(struct wire_reader *r, const void *bytes, size_t len)
{
    *r = (struct wire_reader){.at = bytes, .end = (const uint8_t *)bytes + len};
}

/* The next len bytes, or NULL (and bad from then on) if there are fewer. */
static const uint8_t *take(struct wire_reader *r, size_t len)
{
    if (r->bad || (size_t)(r->end - r->at) < len) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += len;
    return bytes;
}

void wire_get_raw(struct wire_reader *r, void *dst, size_t len)
{
    const uint8_t *bytes = take(r, len);
    if (bytes)
        memcpy(dst, bytes, len);
    else
        memset(dst, 0, len);
}

#define GETTER(name, type)                                                                                   \
    type name(struct wire_reader *r)                                                                         \
    {                                                                                                        \
        type v;                                                                                              \
        wire_get_raw(r, &v, sizeof(v));                                                                      \
        return v;                                                                                            \
    }
GETTER(wire_get_u8, uint8_t)
GETTER(wire_get_u16, uint16_t)
GETTER(wire_get_u32, uint32_t)
GETTER(wire_get_u64, uint64_t)

const uint8_t *wire_get_bytes(struct wire_reader *r, size_t *ret_len)
{
    size_t len = wire_get_u32(r);
    const uint8_t *bytes = take(r, len);
    *ret_len = bytes ? len : 0;
    return bytes ? bytes : (const uint8_t *)"";
}

const char *wire_get_str(struct wire_reader *r)
{
    size_t len = wire_get_u16(r);
    const uint8_t *bytes = take(r, len + 1);
    if (bytes && memchr(bytes, '\0', len + 1) == bytes + len)
        return (const char *)bytes;
    r->bad = true;
    return "";
}

bool wire_reader_done(const struct wire_reader *r)
{
    return !r->bad && r->at == r->end;
}

void wire_writer_init(struct wire_writer *w, void *bytes, size_t cap)
{
    *w = (struct wire_writer){.start = bytes, .at = bytes, .end = (uint8_t *)bytes + cap};
}

void wire_put_raw(struct wire_writer *w, const void *bytes, size_t len)
{
    if (w->bad || (size_t)(w->end - w->at) < len) {
        w->bad = true;
        return;
    }
    if (len > 0)
        memcpy(w->at, bytes, len);
    w->at += len;
}

#define PUTTER(name, type)                                                                                   \
    void name(struct wire_writer *w, type v)                                                                 \
    {                                                                                                        \
        wire_put_raw(w, &v, sizeof(v));                                                                      \
    }
PUTTER(wire_put_u8, uint8_t)
PUTTER(wire_put_u16, uint16_t)
PUTTER(wire_put_u32, uint32_t)
PUTTER(wire_put_u64, uint64_t)

void wire_put_bytes(struct wire_writer *w, const void *bytes, size_t len)
{
    if (len > UINT32_MAX)
        w->bad = true;
    wire_put_u32(w, (uint32_t)len);
    wire_put_raw(w, bytes, len);
}

void wire_put_str(struct wire_writer *w, const char *s)
{
    size_t len = s ? strlen(s) : 0;
    if (len >= UINT16_MAX)
        w->bad = true;
    wire_put_u16(w, (uint16_t)len);
    wire_put_raw(w, s ? s : "", len + 1);
}

int wire_writer_length(const struct wire_writer *w)
{
    return w->bad ? -EMSGSIZE : (int)(w->at - w->start);
}
