/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "explain/replay/capture.h"
#include "explain/replay/doubles.h"
#include "explain/replay/sorted.h"
#include "packet/checksum.h"
#include "packet/decode.h"
#include "packet/reassemble.h"

enum {
    FRAMES_MOST = 10000000,
    HELD_FRAGMENTS = 4 << 20,
};

struct reading {
    struct capture *capture;
    struct sorted *sorted;
    struct doubles *doubles;
    struct packet_reassembler *reassembler;
    struct reading_facts facts;
    bool has_start;
    uint64_t start_us, last_us, now_ms;
};

static void restart(struct reading *r)
{
    free(r->facts.damage);
    r->facts = (struct reading_facts){0};
    sorted_free(&r->sorted);
    doubles_free(&r->doubles);
    packet_reassembler_free(&r->reassembler);
    r->sorted = sorted_new();
    r->doubles = doubles_new();
    r->reassembler = packet_reassembler_new(HELD_FRAGMENTS);
    r->has_start = false;
    r->now_ms = 0;
}

int reading_open(FILE *file, const char *name, struct reading **ret, char **message)
{
    struct reading *r = calloc(1, sizeof(*r));

    if (!r) {
        fclose(file);
        return -ENOMEM;
    }
    int result = capture_open(file, name, &r->capture, message);
    if (!result) {
        restart(r);
        result = r->sorted && r->doubles && r->reassembler ? 0 : -ENOMEM;
    }
    if (result)
        reading_close(&r);
    else
        *ret = r;
    return result;
}

void reading_close(struct reading **r)
{
    if (!*r)
        return;
    capture_close(&(*r)->capture);
    sorted_free(&(*r)->sorted);
    doubles_free(&(*r)->doubles);
    packet_reassembler_free(&(*r)->reassembler);
    free((*r)->facts.damage);
    free(*r);
    *r = NULL;
}

int reading_again(struct reading *r)
{
    restart(r);
    if (!r->sorted || !r->doubles || !r->reassembler)
        return -ENOMEM;
    return capture_rewind(r->capture);
}

const struct reading_facts *reading_facts(const struct reading *r)
{
    return &r->facts;
}

/* Clocks jump; that of connection tracking never goes back. */
static void tick(struct reading *r, uint64_t time_us)
{
    if (!r->has_start)
        r->start_us = r->last_us = time_us;
    r->has_start = true;
    r->facts.back += time_us < r->last_us;
    r->last_us = time_us;
    uint64_t at = time_us > r->start_us ? (time_us - r->start_us) / 1000 : 0;
    r->now_ms = at > r->now_ms ? at : r->now_ms;
    r->facts.last_ms = r->now_ms;
}

/* A sender that leaves segmentation to its network card shows captures with a length of 0: then what was on
 * the wire is the length, which a snap length may have cut. */
static void mend_length(struct packet *p, const struct capture_frame *frame)
{
    bool is_unknown = p->family == PACKET_IPV4 && !p->bytes[2] && !p->bytes[3];

    if (is_unknown && frame->length > p->length)
        p->length = frame->length;
}

/* 1: it is to be looked at; 0: it is not; -ENOMEM. */
static int take(struct reading *r, const struct capture_frame *frame, struct reading_packet *ret)
{
    struct packet *p = &ret->packet, whole;

    if (!frame->bytes || packet_decode(frame->bytes, frame->size, false, p) != 0) {
        r->facts.not_ip++;
        r->facts.headless += frame->bytes && frame->is_cut;
        return 0;
    }
    mend_length(p, frame);
    if (doubles_know(r->doubles, p, frame->time_us, frame->where)) {
        r->facts.doubled++;
        return 0;
    }
    if (p->is_fragment) {
        int result = packet_reassemble(r->reassembler, p, r->now_ms, &whole);

        if (result != 1)
            return result == -ENOMEM ? result : 0;
        *p = whole;
    }
    ret->is_cut = p->captured < p->length;
    r->facts.cut += ret->is_cut;
    r->facts.headless += ret->is_cut && p->fault == PACKET_SHORT;
    ret->number = (uint32_t)r->facts.frames;
    ret->now_ms = r->now_ms;
    ret->time_s = frame->time_us / 1000000;
    return 1;
}

static void take_remarks(struct reading *r, bool limited)
{
    struct capture_remarks remarks = capture_remarks(r->capture);

    r->facts.lost = remarks.lost;
    r->facts.unread = remarks.unread;
    r->facts.unread_name = remarks.unread_name;
    r->facts.interfaces = remarks.interfaces;
    r->facts.limited = limited || remarks.limited;
}

int reading_next(struct reading *r, struct reading_packet *ret)
{
    struct capture_frame frame;
    uint64_t number;

    for (;;) {
        int result =
            r->facts.damage ? 0 : sorted_next(r->sorted, r->capture, &frame, &number, &r->facts.damage);

        if (result == -ENOMEM)
            return result;
        if (result != 1 || r->facts.frames == FRAMES_MOST) {
            take_remarks(r, result == 1);
            return 0;
        }
        r->facts.moved += number != ++r->facts.frames;
        tick(r, frame.time_us);
        result = take(r, &frame, ret);
        if (result)
            return result;
    }
}

/* ---- checksums ---- */

/* What a sender leaves in place of the checksum for its card to go on from: the sum of the pseudo header, with
 * the length or without; some leave nothing. A merged segment shows the same. */
static bool is_left_to_card(const struct packet *p, uint16_t there, uint32_t size)
{
    for (int i = 0; i < 2; i++) {
        uint64_t sum = packet_sum_pseudo(p->family, &p->source, &p->destination, p->protocol, i ? 0 : size);

        uint16_t begun = (uint16_t)~packet_sum_finish(sum);
        if (there == begun)
            return true;
    }
    return there == 0;
}

/* Of the IPv4 header. A card fills that in, too. */
static bool header_sum_is_right(const struct packet *p)
{
    return p->family != PACKET_IPV4 || wire_read16(p->bytes + 10) == 0 ||
           packet_sum_finish(packet_sum_add(0, p->bytes, (size_t)(p->bytes[0] & 15) * 4)) == 0;
}

enum reading_sum reading_sum(const struct packet *p)
{
    uint32_t size = p->length - p->transport, at = p->protocol == PACKET_TCP ? 16 : 6;

    if ((p->protocol != PACKET_TCP && p->protocol != PACKET_UDP) || p->fault || p->is_fragment ||
        p->captured < p->length || size < at + 2)
        return SUM_NOT_SEEN;
    if (!header_sum_is_right(p))
        return SUM_WRONG;
    uint16_t there = wire_read16(p->bytes + p->transport + at);
    if (p->protocol == PACKET_UDP && there == 0) /* RFC 768: not computed */
        return SUM_RIGHT;
    uint64_t sum = packet_sum_pseudo(p->family, &p->source, &p->destination, p->protocol, size);
    if (packet_sum_finish(packet_sum_add(sum, p->bytes + p->transport, size)) == 0)
        return SUM_RIGHT;
    return is_left_to_card(p, there, size) ? SUM_LEFT_TO_CARD : SUM_WRONG;
}
