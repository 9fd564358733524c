/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/decode.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

/* A datagram to cut up. */
struct whole {
    uint8_t *bytes;
    size_t size, header; /* header: of IP */
    uint8_t protocol;
    uint32_t id;
};

static void add_fragment(struct stage *s, bool reply, const struct whole *w, size_t start, size_t end,
                         bool more)
{
    uint8_t *at = s->bounce;
    size_t size = end - start, skip = w->header;

    memcpy(at, w->bytes, w->header);
    if (s->cast.family == PACKET_IPV4) {
        wire_write16(at + 2, (uint16_t)(w->header + size));
        wire_write16(at + 4, (uint16_t)w->id);
        wire_write16(at + 6, (uint16_t)((more ? 0x2000u : 0) | start >> 3));
        wire_write16(at + 10, 0);
        wire_write16(at + 10, packet_sum_finish(packet_sum_add(0, at, w->header)));
    } else {
        at[6] = 44;
        wire_write16(at + 4, (uint16_t)(8 + size));
        at[40] = w->protocol;
        at[41] = 0;
        wire_write16(at + 42, (uint16_t)(start | more));
        wire_write32(at + 44, w->id);
        skip += 8;
    }
    memset(at + skip, 'x', size);
    for (size_t i = start; i < end && w->header + i < w->size; i++)
        at[skip + i - start] = w->bytes[w->header + i];
    stage_add(s, reply, at, skip + size);
}

/* In pieces of a few hundred bytes, in some order; now and then one is lost, doubled, or lies. */
static void add_cut(struct stage *s, bool reply, const struct whole *w)
{
    struct dice *d = s->dice;
    size_t size = w->size - w->header, starts[16], ends[16];
    unsigned count = 0;

    for (size_t at = 0; at < size && count < 12;) {
        size_t part = 8 * ((s->headers && at == 0 ? 4 : 1) + dice_below(d, 60));
        if (count == 11 || at + part > size)
            part = size - at;
        starts[count] = at;
        ends[count++] = at += part;
    }
    for (unsigned i = count; i > 1 && dice_chance(d, 60); i--) {
        unsigned j = dice_below(d, i);
        size_t start = starts[i - 1], end = ends[i - 1];
        starts[i - 1] = starts[j];
        ends[i - 1] = ends[j];
        starts[j] = start;
        ends[j] = end;
    }
    for (unsigned i = 0; i < count; i++) {
        bool more = ends[i] < size;
        if (dice_chance(d, 4))
            continue;
        if (dice_chance(d, 4) && starts[i] >= 8)
            add_fragment(s, reply, w, starts[i] - 8, ends[i], more);
        if (dice_chance(d, 3))
            add_fragment(s, reply, w, starts[i], ends[i] + dice_below(d, 16), false);
        add_fragment(s, reply, w, starts[i], ends[i], s->headers || dice_chance(d, 98) ? more : !more);
        if (dice_chance(d, 8))
            add_fragment(s, reply, w, starts[i], ends[i], more);
    }
}

static void cut_last(struct stage *s, bool reply, uint32_t id)
{
    struct step *step = stage_last(s);
    if (!step)
        return;
    bool v4 = s->cast.family == PACKET_IPV4;
    struct whole w = {.bytes = step->bytes, .size = step->size, .header = v4 ? 20 : 40, .id = id};
    w.protocol = step->bytes[v4 ? 9 : 6];
    s->sequence->count--;
    add_cut(s, reply, &w);
    free(w.bytes);
}

void play_fragments(struct stage *s)
{
    static const char data[3000];
    struct dice *d = s->dice;
    struct talk t;
    bool tcp = dice_chance(d, 40);

    talk_init(s, &t, 80);
    t.mutations = MUTATIONS_NONE;
    if (tcp)
        talk_handshake(s, &t);
    for (unsigned n = 1 + dice_below(d, 4); n; n--) {
        bool reply = dice_chance(d, 40);
        if (tcp) {
            talk_segment(s, &t, reply, PACKET_ACK | PACKET_PSH, data, 1 + dice_below(d, sizeof(data)));
        } else {
            struct packet_recipe r = stage_recipe(s, reply, PACKET_UDP);
            r.source_port = reply ? 53 : 40004;
            r.destination_port = reply ? 40004 : 53;
            r.payload = data;
            r.payload_size = dice_below(d, sizeof(data));
            stage_send(s, reply, &r);
        }
        if (dice_chance(d, 75))
            cut_last(s, reply, s->fragment_id++);
    }
}
