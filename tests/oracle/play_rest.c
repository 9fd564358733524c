/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/decode.h"
#include "stage.h"

#include <string.h>

static bool is_v4(const struct stage *s)
{
    return s->cast.family == PACKET_IPV4;
}

static uint8_t icmp_of(const struct stage *s)
{
    return is_v4(s) ? PACKET_ICMP : PACKET_ICMPV6;
}

static void send_udp(struct stage *s, bool reply, uint16_t client, uint16_t server, size_t size)
{
    static const char data[2000];
    struct packet_recipe r = stage_recipe(s, reply, PACKET_UDP);

    r.source_port = reply ? server : client;
    r.destination_port = reply ? client : server;
    r.payload = data;
    r.payload_size = size;
    stage_send(s, reply, &r);
}

void play_udp(struct stage *s)
{
    static const uint16_t SERVICES[] = {53, 53, 123, 69, 514, 5353, 40000};
    struct dice *d = s->dice;
    uint16_t client = (uint16_t)(40000 + dice_below(d, 8)), server = dice_pick(d, SERVICES);

    for (unsigned n = 1 + dice_below(d, 7); n; n--) {
        if (dice_chance(d, 10))
            server = dice_pick(d, SERVICES);
        send_udp(s, dice_chance(d, 45), client, server, dice_below(d, 1400));
    }
}

static void send_icmp(struct stage *s, bool reply, uint8_t type, uint8_t code, uint16_t id)
{
    struct packet_recipe r = stage_recipe(s, reply, icmp_of(s));

    r.icmp = (struct packet_icmp){.type = type, .code = code, .id = id};
    r.payload = "0123456789abcdef";
    r.payload_size = dice_below(s->dice, 17);
    stage_send(s, reply, &r);
}

void play_icmp(struct stage *s)
{
    static const uint8_t TYPES4[] = {8, 8, 8, 0, 0, 13, 14, 15, 16, 17, 18, 9, 10, 5, 6, 19, 40},
                         TYPES6[] = {128, 128, 128, 129, 129, 130, 131, 139, 140, 141, 143, 1, 200, 255, 144};
    struct dice *d = s->dice;
    uint16_t id = (uint16_t)dice_below(d, 4);

    for (unsigned n = 1 + dice_below(d, 6); n; n--) {
        uint8_t type = is_v4(s) ? dice_pick(d, TYPES4) : dice_pick(d, TYPES6);
        send_icmp(s, dice_chance(d, 50), type, dice_chance(d, 90) ? 0 : (uint8_t)dice_below(d, 4), id);
    }
}

/* An error about the bytes of an earlier packet, from somewhere to where that came from (or elsewhere). */
static void send_error(struct stage *s, const struct step *about)
{
    static const uint8_t TYPES4[] = {3, 3, 3, 11, 12, 4, 5}, TYPES6[] = {1, 1, 2, 3, 4, 5, 127};
    struct dice *d = s->dice;
    struct packet inner;
    uint8_t bytes[1500];
    if (packet_decode(about->bytes, about->size, false, &inner) < 0)
        return;
    size_t size = about->size < 600 ? about->size : 600;
    memcpy(bytes, about->bytes, size);
    if (dice_chance(d, 20)) { /* as much as RFC 792 asks for, or less */
        size_t cut = inner.transport + (dice_chance(d, 70) ? 8 : dice_below(d, 8));
        size = cut < size ? cut : size;
    }
    if (dice_chance(d, 15) && inner.transport + 4 < size) /* something that nobody sent */
        bytes[inner.transport + dice_below(d, 4)] ^= (uint8_t)(1 + dice_below(d, 255));
    bool to_server = packet_address_equal(&inner.source, &s->cast.server);
    if (dice_chance(d, 10))
        to_server = !to_server;
    struct packet_recipe r = stage_recipe(s, !to_server, icmp_of(s));
    if (dice_chance(d, 30) && s->path == WALL_THROUGH && !to_server)
        r.source = s->cast.stranger; /* a router on the way */
    r.icmp = (struct packet_icmp){.type = is_v4(s) ? dice_pick(d, TYPES4) : dice_pick(d, TYPES6),
                                  .code = (uint8_t)dice_below(d, 4)};
    r.payload = bytes;
    r.payload_size = size;
    stage_send(s, !to_server, &r);
}

void play_icmp_errors(struct stage *s)
{
    struct dice *d = s->dice;
    struct talk t;
    unsigned kind = dice_below(d, 3);

    if (kind == 0) {
        talk_init(s, &t, 80);
        talk_handshake(s, &t);
        talk_segment(s, &t, 0, PACKET_ACK, "x", 1);
    } else if (kind == 1) {
        for (unsigned n = 1 + dice_below(d, 3); n; n--)
            send_udp(s, dice_chance(d, 40), 40001, 53, 20);
    } else {
        send_icmp(s, false, is_v4(s) ? 8 : 128, 0, 7);
        if (dice_chance(d, 50))
            send_icmp(s, true, is_v4(s) ? 0 : 129, 0, 7);
    }
    for (unsigned n = 1 + dice_below(d, 4); n && s->sequence->count; n--)
        send_error(s, &s->sequence->step[dice_below(d, s->sequence->count)]);
    if (dice_chance(d, 30))
        send_udp(s, true, 40001, 53, 20);
}

/* Protocols that conntrack knows only by their number, and UDP-Lite and GRE. */
void play_others(struct stage *s)
{
    static const uint8_t PROTOCOLS[] = {50, 89, 253, 4, PACKET_UDPLITE, PACKET_GRE};
    static const char gre[16];
    struct dice *d = s->dice;
    uint8_t protocol = dice_pick(d, PROTOCOLS);

    for (unsigned n = 1 + dice_below(d, 5); n; n--) {
        bool reply = dice_chance(d, 40);
        struct packet_recipe r = stage_recipe(s, reply, protocol);
        r.source_port = reply ? 53 : 40002;
        r.destination_port = reply ? 40002 : 53;
        r.payload = gre;
        r.payload_size = s->headers || dice_chance(d, 90) ? sizeof(gre) : dice_below(d, 4);
        stage_send(s, reply, &r);
    }
}

/* After a change within the transport, its sum is right again. */
static void mend_sum(struct step *step, size_t at, uint8_t protocol, const struct packet *p)
{
    uint32_t size = step->size - p->transport;
    uint64_t sum = protocol == PACKET_ICMP
                       ? 0
                       : packet_sum_pseudo(p->family, &p->source, &p->destination, protocol, size);
    wire_write16(step->bytes + at, 0);
    wire_write16(step->bytes + at, packet_sum_finish(packet_sum_add(sum, step->bytes + p->transport, size)));
}

/* Wrong header lengths, UDP lengths, cut headers, wrong sums: what conntrack calls INVALID. */
static void spoil(struct stage *s, struct step *step)
{
    struct dice *d = s->dice;
    struct packet p;
    if (packet_decode(step->bytes, step->size, false, &p) < 0)
        return;
    size_t sum_at = p.transport + (p.protocol == PACKET_TCP ? 16u : p.protocol == PACKET_UDP ? 6u : 2u);
    switch (dice_below(d, s->headers ? 3 : 4)) {
    case 0:
        step->bytes[step->size - 1] ^= 0x55;
        return;
    case 1:
        wire_write16(step->bytes + sum_at, (uint16_t)dice_below(d, 3) * 7);
        return;
    case 2:
        if (p.protocol == PACKET_TCP)
            step->bytes[p.transport + 12] = (uint8_t)(dice_below(d, 16) << 4);
        else if (p.protocol == PACKET_UDP)
            wire_write16(step->bytes + p.transport + 4, (uint16_t)dice_below(d, 40));
        mend_sum(step, sum_at, p.protocol, &p);
        return;
    default: /* the transport header is cut off, and IP says so */
        step->size -= dice_below(d, step->size - p.transport + 1);
        if (is_v4(s)) {
            wire_write16(step->bytes + 2, (uint16_t)step->size);
            wire_write16(step->bytes + 10, 0);
            wire_write16(step->bytes + 10, packet_sum_finish(packet_sum_add(0, step->bytes, 20)));
        } else {
            wire_write16(step->bytes + 4, (uint16_t)(step->size - 40));
        }
        return;
    }
}

void play_broken(struct stage *s)
{
    struct dice *d = s->dice;
    struct talk t;
    unsigned kind = dice_below(d, 3);

    if (kind == 0) {
        talk_init(s, &t, 80);
        talk_handshake(s, &t);
        talk_segment(s, &t, 0, PACKET_ACK, "GET", 3);
    } else {
        for (unsigned n = 3; n; n--)
            if (kind == 1)
                send_udp(s, dice_chance(d, 30), 40003, 53, 1 + dice_below(d, 12));
            else
                send_icmp(s, false, is_v4(s) ? 8 : 128, 0, 9);
    }
    for (unsigned i = 0; i < s->sequence->count; i++)
        if (dice_chance(d, 40) && s->sequence->step[i].size >= 48)
            spoil(s, &s->sequence->step[i]);
}
