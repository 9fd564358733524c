/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/decode.h"

/* Room for one more of size bytes. */
static int make_room(struct frames *f, size_t size, size_t *frame_capacity, size_t *byte_capacity)
{
    if (f->count == *frame_capacity) {
        size_t capacity = *frame_capacity ? *frame_capacity * 2 : 256;
        struct frame *frames = reallocarray(f->frames, capacity, sizeof(*frames));

        if (!frames)
            return -ENOMEM;
        f->frames = frames;
        *frame_capacity = capacity;
    }
    if (f->size + size > *byte_capacity) {
        size_t capacity = (f->size + size) * 2;
        uint8_t *bytes = realloc(f->bytes, capacity);

        if (!bytes)
            return -ENOMEM;
        f->bytes = bytes;
        *byte_capacity = capacity;
    }
    return 0;
}

static int read_all(struct capture *c, struct frames *f, char **message)
{
    size_t frame_capacity = 0, byte_capacity = 0;
    struct capture_frame frame;
    int r;

    while ((r = capture_next(c, &frame, message)) == 1) {
        f->packets++;
        if (!frame.bytes) {
            f->not_ip++;
            continue;
        }
        if (f->count == FRAMES_MOST || f->size + frame.size > FRAMES_BYTES) {
            f->cut = true;
            return 0;
        }
        if (make_room(f, frame.size, &frame_capacity, &byte_capacity))
            return -ENOMEM;
        memcpy(f->bytes + f->size, frame.bytes, frame.size);
        f->frames[f->count++] =
            (struct frame){frame.time_us, f->size, (uint32_t)frame.size, (uint32_t)f->packets};
        f->size += frame.size;
    }
    return r;
}

int frames_read(FILE *file, struct frames *ret, char **message)
{
    struct frames f = {0};
    struct capture *capture = NULL;
    char *damage = NULL;
    int r = capture_open(file, &capture, message);

    if (r)
        return r;
    r = read_all(capture, &f, &damage);
    capture_close(&capture);
    if (r == -EINVAL && f.count) { /* a capture that breaks off tells what it holds */
        f.damage = damage;
        r = 0;
    } else if (r == -EINVAL) {
        *message = damage;
    }
    if (r)
        frames_fini(&f);
    else
        *ret = f;
    return r;
}

void frames_fini(struct frames *f)
{
    free(f->frames);
    free(f->bytes);
    free(f->damage);
    *f = (struct frames){0};
}

bool frames_packet(const struct frames *f, size_t i, struct packet *ret)
{
    return packet_decode(f->bytes + f->frames[i].at, f->frames[i].size, false, ret) == 0;
}

struct suspect {
    struct packet_address address;
    uint16_t port;
    uint8_t family, likelihood;
};

enum { LIKELY_END = 1, LIKELY_ACCEPTOR, LIKELY_GREETER, LIKELY_PORT, LIKELY_ACCEPTOR_AT_PORT };

static bool has_port(const uint16_t *ports, size_t count, uint16_t port)
{
    for (size_t i = 0; i < count; i++) {
        if (ports[i] == port)
            return true;
    }
    return false;
}

static void suspect(struct suspect *s, uint8_t likelihood, const struct packet *p, bool source)
{
    if (likelihood <= s->likelihood)
        return;
    *s = (struct suspect){source ? p->source : p->destination, source ? p->source_port : p->destination_port,
                          p->family, likelihood};
}

/* RFC 959 section 5.4: a server speaks first, with 220 or 120. */
static bool greets(const struct packet *p)
{
    return packet_payload_size(p) >= 4 &&
           (memcmp(p->bytes + p->payload, "220", 3) == 0 || memcmp(p->bytes + p->payload, "120", 3) == 0);
}

static void look(struct suspect *s, const struct packet *p, const uint16_t *ports, size_t count)
{
    suspect(s, LIKELY_END, p, false);
    if (p->protocol != PACKET_TCP || p->fault || p->fragment_offset)
        return;
    bool starts = (p->tcp.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN;

    if (starts)
        suspect(s, has_port(ports, count, p->destination_port) ? LIKELY_ACCEPTOR_AT_PORT : LIKELY_ACCEPTOR, p,
                false);
    if (has_port(ports, count, p->destination_port))
        suspect(s, LIKELY_PORT, p, false);
    if (has_port(ports, count, p->source_port))
        suspect(s, LIKELY_PORT, p, true);
    if (greets(p))
        suspect(s, LIKELY_GREETER, p, true);
}

bool frames_find_server(const struct frames *f, const uint16_t *ports, size_t port_count,
                        struct packet_address *ret, uint16_t *ret_port, uint8_t *ret_family,
                        bool *ret_guessed)
{
    struct suspect best = {0};
    struct packet p;

    for (size_t i = 0; i < f->count && best.likelihood < LIKELY_ACCEPTOR_AT_PORT; i++) {
        if (frames_packet(f, i, &p))
            look(&best, &p, ports, port_count);
    }
    if (!best.likelihood)
        return false;
    *ret = best.address;
    *ret_family = best.family;
    *ret_guessed = best.likelihood < LIKELY_GREETER;
    if (!*ret_guessed)
        *ret_port = best.port;
    return true;
}
