/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"

#include <string.h>

static const uint16_t PORTS[] = {21, 22, 80, 443, 8080, 2121, 1023, 40000};

void talk_init(struct stage *s, struct talk *t, uint16_t server_port)
{
    struct dice *d = s->dice;

    memset(t, 0, sizeof(*t));
    /* When the gateway itself is the client, only the server's address tells sequences apart. */
    t->port[0] = (uint16_t)(40000 + dice_below(d, 8));
    t->port[1] = server_port;
    for (unsigned side = 0; side < ORACLE_SIDES; side++) {
        /* Some near the wrap. */
        t->next[side] = dice_chance(d, 20) ? UINT32_MAX - dice_below(d, 3000) : (uint32_t)dice_roll(d);
        t->window[side] = (uint16_t)(dice_chance(d, 10) ? dice_below(d, 2000) : 65535u);
        t->scale[side] = dice_chance(d, 70) ? (int8_t)dice_below(d, 15) : -1;
        if (dice_chance(d, 2))
            t->scale[side] = 15; /* more than RFC 7323 allows */
    }
    static const unsigned MUTATIONS[] = {MUTATIONS_NONE, MUTATIONS_NONE, MUTATIONS_SOME, MUTATIONS_MANY};
    t->mutations = dice_pick(d, MUTATIONS);
}

/* All that a window check has an opinion of, and some more. */
static void mutate(struct stage *s, struct packet_recipe *r)
{
    static const uint32_t STEPS_AWAY[] = {1, 2, 100, 1460, 65535, 65536, 70000, 1u << 20, 1u << 30, 1u << 31};
    static const uint8_t FLAGS[] = {PACKET_SYN,
                                    PACKET_SYN | PACKET_ACK,
                                    PACKET_RST,
                                    PACKET_RST | PACKET_ACK,
                                    PACKET_FIN | PACKET_ACK,
                                    PACKET_ACK,
                                    PACKET_FIN,
                                    0,
                                    PACKET_SYN | PACKET_FIN,
                                    PACKET_SYN | PACKET_RST,
                                    PACKET_ACK | PACKET_URG,
                                    PACKET_SYN | PACKET_URG,
                                    PACKET_ACK | PACKET_ECE | PACKET_CWR,
                                    0xff};
    struct dice *d = s->dice;
    uint32_t away = dice_pick(d, STEPS_AWAY);

    switch (dice_below(d, 8)) {
    case 0:
        r->tcp.sequence += away;
        break;
    case 1:
        r->tcp.sequence -= away;
        break;
    case 2:
        r->tcp.acknowledgement += away;
        break;
    case 3:
        r->tcp.acknowledgement -= away;
        break;
    case 4:
        r->tcp.window = (uint16_t)(dice_chance(d, 50) ? 0u : dice_below(d, 65536));
        break;
    case 5:
        r->tcp.flags = dice_pick(d, FLAGS);
        break;
    case 6:
        r->tcp.acknowledgement = (uint32_t)dice_roll(d);
        break;
    default:
        r->tcp.flags ^= (uint8_t)(1u << dice_below(d, 8));
        break;
    }
}

void talk_segment(struct stage *s, struct talk *t, unsigned from, uint8_t flags, const void *payload,
                  size_t size)
{
    struct dice *d = s->dice;
    unsigned to = !from;
    struct packet_recipe r = stage_recipe(s, from == 1, PACKET_TCP);

    r.source_port = t->port[from];
    r.destination_port = t->port[to];
    r.tcp.sequence = t->next[from];
    r.tcp.acknowledgement = flags & PACKET_ACK ? t->next[to] : 0;
    r.tcp.window = t->window[from];
    r.tcp.flags = flags;
    r.payload = payload;
    r.payload_size = size;
    if (flags & PACKET_SYN) {
        r.mss = dice_chance(d, 80) ? (uint16_t)(500 + dice_below(d, 1000)) : 0;
        r.window_scale = t->scale[from];
        r.sack_permitted = dice_chance(d, 50);
    }
    if (!dice_chance(d, t->mutations / 4)) /* else its numbers are used again: lost and sent anew */
        t->next[from] += (uint32_t)size + (flags & PACKET_SYN ? 1 : 0) + (flags & PACKET_FIN ? 1 : 0);
    if (dice_chance(d, t->mutations))
        mutate(s, &r);
    if (dice_chance(d, t->mutations / 3))
        return;
    stage_send(s, from == 1, &r);
    while (dice_chance(d, t->mutations / 3))
        stage_send(s, from == 1, &r);
}

void talk_handshake(struct stage *s, struct talk *t)
{
    struct dice *d = s->dice;

    talk_segment(s, t, 0, PACKET_SYN, NULL, 0);
    if (dice_chance(d, t->mutations / 2)) /* RFC 9293 section 3.5: simultaneous open */
        talk_segment(s, t, 1, PACKET_SYN, NULL, 0);
    talk_segment(s, t, 1, PACKET_SYN | PACKET_ACK, NULL, 0);
    if (dice_chance(d, t->mutations / 2))
        talk_segment(s, t, 0, PACKET_SYN | PACKET_ACK, NULL, 0);
    talk_segment(s, t, 0, PACKET_ACK, NULL, 0);
}

void talk_close(struct stage *s, struct talk *t)
{
    struct dice *d = s->dice;
    unsigned first = dice_below(d, 2);

    switch (dice_below(d, 5)) {
    case 0: /* one side resets */
        talk_segment(s, t, first, dice_chance(d, 50) ? PACKET_RST : PACKET_RST | PACKET_ACK, NULL, 0);
        return;
    case 1: /* both at once */
        talk_segment(s, t, first, PACKET_FIN | PACKET_ACK, NULL, 0);
        talk_segment(s, t, !first, PACKET_FIN | PACKET_ACK, NULL, 0);
        talk_segment(s, t, first, PACKET_ACK, NULL, 0);
        talk_segment(s, t, !first, PACKET_ACK, NULL, 0);
        return;
    case 2: /* left open */
        return;
    default:
        talk_segment(s, t, first, PACKET_FIN | PACKET_ACK, NULL, 0);
        if (dice_chance(d, 60))
            talk_segment(s, t, !first, PACKET_ACK, NULL, 0);
        talk_segment(s, t, !first, PACKET_FIN | PACKET_ACK, NULL, 0);
        talk_segment(s, t, first, PACKET_ACK, NULL, 0);
        return;
    }
}

void play_tcp(struct stage *s)
{
    static const char data[3000];
    struct dice *d = s->dice;
    struct talk t;

    talk_init(s, &t, dice_pick(d, PORTS));
    if (!dice_chance(d, 8)) /* else picked up in the middle */
        talk_handshake(s, &t);
    for (unsigned n = dice_below(d, 10); n; n--)
        talk_segment(s, &t, dice_below(d, 2), dice_chance(d, 80) ? PACKET_ACK | PACKET_PSH : PACKET_ACK, data,
                     dice_chance(d, 30) ? 0 : dice_below(d, sizeof(data)));
    talk_close(s, &t);
    if (!dice_chance(d, 25))
        return;
    /* The same ports again, with new numbers: TIME_WAIT reopened, or a stale connection. */
    t.next[0] += dice_chance(d, 50) ? 70000 : (uint32_t)dice_roll(d);
    t.next[1] = (uint32_t)dice_roll(d);
    talk_handshake(s, &t);
    talk_segment(s, &t, 0, PACKET_ACK | PACKET_PSH, data, 10);
    talk_close(s, &t);
}

/* Any flags in any direction, with numbers that fit more or less. */
void play_tcp_wild(struct stage *s)
{
    static const char data[200];
    struct dice *d = s->dice;
    struct talk t;

    talk_init(s, &t, dice_pick(d, PORTS));
    if (dice_chance(d, 50)) {
        t.mutations = MUTATIONS_NONE;
        talk_handshake(s, &t);
    }
    t.mutations = dice_chance(d, 50) ? MUTATIONS_SOME : MUTATIONS_MANY;
    for (unsigned n = 3 + dice_below(d, 12); n; n--) {
        static const uint8_t CLASSES[] = {
            PACKET_SYN, PACKET_SYN | PACKET_ACK, PACKET_FIN | PACKET_ACK, PACKET_ACK, PACKET_ACK,
            PACKET_RST, PACKET_RST | PACKET_ACK};
        uint8_t flags = dice_chance(d, 85) ? dice_pick(d, CLASSES) : (uint8_t)dice_below(d, 256);
        talk_segment(s, &t, dice_below(d, 2), flags, data,
                     dice_chance(d, 70) ? 0 : dice_below(d, sizeof(data)));
    }
}
