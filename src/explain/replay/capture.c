/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "explain/replay/forms.h"
#include "explain/replay/link.h"
#include "explain/replay/record.h"

struct capture {
    struct recorder recorder;
    uint32_t unread, interfaces;
    const char *unread_name;
};

static int fail(char **message, char *text)
{
    *message = text;
    return text ? -EINVAL : -ENOMEM;
}

static int fail_reading(enum record_result why, char **message)
{
    static const char *const words[] = {
        [RECORD_BREAKS_OFF] = "breaks off within a frame",
        [RECORD_DAMAGED] = "is damaged: what should be a frame is none",
        [RECORD_PACKING] = "is packed by gzip, and what is packed is damaged or breaks off",
        [RECORD_UNREADABLE] = "can't be read any further",
    };

    return why == RECORD_NO_MEMORY ? -ENOMEM : fail(message, strdup(words[why]));
}

/* pcap has one link type for all; pcapng may have as many as it likes, some of which are not read. */
static int check_link(const struct capture *c, char **message)
{
    const struct recorder *r = &c->recorder;
    uint32_t link = r->is_ng ? 0 : r->interfaces[0].link;

    if (r->is_ng || link_is_read(link))
        return 0;
    const char *name = link_name(link);
    return fail(message,
                story_format("was taken on a link of type %s (%u), in which no IP is looked for; "
                             "Ethernet, Linux cooked (tcpdump -i any), PPP, PPPoE, NFLOG, raw IP and "
                             "loopback are read: capture on such an interface",
                             name ? name : "unknown", link));
}

static int begin(struct capture *c, const char *name, char **message)
{
    uint8_t peek[FORMS_PEEK];
    size_t size;
    int r = stream_read(c->recorder.stream, peek, sizeof(peek), &size);

    if (r == -ENOMEM)
        return r;
    if (r == -EIO)
        return fail(message, strdup("can't be read: it is no file, or its disk fails"));
    if (size < 4 || !record_is_known(peek))
        return r == -EBADMSG && size == 0 ? fail_reading(RECORD_PACKING, message)
                                          : fail(message, forms_refuse(name, peek, size));
    if (stream_rewind(c->recorder.stream))
        return fail_reading(RECORD_UNREADABLE, message);
    enum record_result result = record_begin(&c->recorder);
    if (result != RECORD_FRAME)
        return fail_reading(result == RECORD_END ? RECORD_BREAKS_OFF : result, message);
    return check_link(c, message);
}

int capture_open(FILE *file, const char *name, struct capture **ret, char **message)
{
    struct capture *c = calloc(1, sizeof(*c));

    if (!c) {
        fclose(file);
        return -ENOMEM;
    }
    int r = stream_open(file, &c->recorder.stream);
    if (r && r != -ENOMEM)
        r = fail(message, story_format("can't be read: %s", strerror(-r)));
    if (!r)
        r = begin(c, name, message);
    if (r)
        capture_close(&c);
    else
        *ret = c;
    return r;
}

void capture_close(struct capture **c)
{
    if (*c)
        record_fini(&(*c)->recorder);
    free(*c);
    *c = NULL;
}

bool capture_is_mixed(const struct capture *c)
{
    return c->recorder.interface_base + c->recorder.interface_count > 1;
}

int capture_rewind(struct capture *c)
{
    c->unread = 0;
    if (stream_rewind(c->recorder.stream))
        return -EIO;
    return record_begin(&c->recorder) == RECORD_FRAME ? 0 : -EIO;
}

/* FNV-1a. */
static uint32_t hash(uint32_t start, const uint8_t *bytes, size_t size)
{
    uint32_t h = start ^ 2166136261U;

    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * 16777619U;
    return h;
}

int capture_next(struct capture *c, struct capture_frame *ret, char **message)
{
    struct record record;
    size_t offset;
    enum record_result result = record_next(&c->recorder, &record);

    if (result == RECORD_END || stream_is_limited(c->recorder.stream))
        return 0;
    if (result != RECORD_FRAME)
        return fail_reading(result, message);
    *ret = (struct capture_frame){.time_us = record.time_us, .is_cut = record.size < record.length};
    if (record.interface >= c->interfaces)
        c->interfaces = record.interface + 1;
    if (!link_is_read(record.link)) {
        const char *name = link_name(record.link);

        c->unread++;
        c->unread_name = name ? name : "unknown";
    } else if (link_skip(record.link, record.big_endian, record.bytes, record.size, &offset)) {
        ret->bytes = record.bytes + offset;
        ret->size = record.size - (uint32_t)offset;
        ret->length = record.length > record.size ? record.length - (uint32_t)offset : ret->size;
        ret->where = hash(record.interface, record.bytes, offset);
    }
    return 1;
}

struct capture_remarks capture_remarks(const struct capture *c)
{
    return (struct capture_remarks){.lost = c->recorder.lost,
                                    .unread = c->unread,
                                    .unread_name = c->unread_name,
                                    .interfaces = c->interfaces,
                                    .limited = stream_is_limited(c->recorder.stream)};
}
