/* SPDX-License-Identifier: BSD-2-Clause */
#include "sequence.h"

#include "packet/decode.h"
#include "stage.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct play {
    const char *name;
    void (*run)(struct stage *s);
    unsigned weight;
    bool only_through;
} PLAYS[] = {
    {"tcp", play_tcp, 22, false},
    {"wild tcp", play_tcp_wild, 12, false},
    {"udp", play_udp, 10, false},
    {"icmp", play_icmp, 6, false},
    {"icmp errors", play_icmp_errors, 10, false},
    {"ftp", play_ftp, 24, true},
    {"fragments", play_fragments, 6, true},
    {"other protocols", play_others, 4, false},
    {"broken packets", play_broken, 6, true},
};

static struct packet_address address(uint8_t family, unsigned network, unsigned host)
{
    struct packet_address a = {0};
    if (family == PACKET_IPV4)
        a.word[0] = htonl(10u << 24 | network << 16 | host);
    else {
        a.word[0] = htonl(0xfd000000u | network << 16);
        a.word[3] = htonl(host);
    }
    return a;
}

static void cast_make(struct cast *c, uint8_t family, uint32_t number, struct dice *d)
{
    c->family = family;
    c->client = address(family, 1, 256 + number);
    c->server = address(family, 2, 1 + dice_below(d, 4));
    c->stranger = address(family, 2, 9);
    c->gateway_clients = address(family, 1, 0xfffe);
    c->gateway_servers = address(family, 2, 0xfffe);
}

static const struct play *choose(struct dice *d)
{
    unsigned all = 0, i = 0;
    for (size_t n = 0; n < sizeof(PLAYS) / sizeof(PLAYS[0]); n++)
        all += PLAYS[n].weight;
    unsigned at = dice_below(d, all);
    while (at >= PLAYS[i].weight)
        at -= PLAYS[i++].weight;
    return &PLAYS[i];
}

/* Mostly through the gateway; else between the gateway itself and somebody. */
static void choose_path(struct stage *s, const struct play *play)
{
    unsigned roll = play->only_through ? 0 : dice_below(s->dice, 10);
    s->path = WALL_THROUGH;
    if (roll == 8) {
        s->path = WALL_IN;
        s->cast.server = s->cast.gateway_clients;
    } else if (roll == 9) {
        s->path = WALL_OUT; /* the gateway is the client, and its port tells sequences apart */
        s->cast.client = s->cast.gateway_servers;
        s->cast.server = address(s->cast.family, 2, 256 + s->sequence->number);
    }
}

void sequence_make(struct sequence *s, uint8_t family, uint32_t set, uint32_t number, bool headers,
                   struct dice *d)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    if (!stage)
        die("out of memory");
    memset(s, 0, sizeof(*s));
    s->number = number;
    stage->sequence = s;
    stage->dice = d;
    stage->headers = headers;
    stage->fragment_id = set * FRAGMENT_IDS;
    cast_make(&stage->cast, family, number, d);
    const struct play *play = choose(d);
    s->kind = play->name;
    choose_path(stage, play);
    play->run(stage);
    /* Expectations of an expired control connection depend on when the kernel comes across that. */
    s->split = strcmp(s->kind, "ftp") == 0 || !s->count ? s->count : dice_below(d, s->count);
    free(stage);
}

void sequence_free(struct sequence *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->step[i].bytes);
    s->count = 0;
}

void stage_add(struct stage *s, bool reply, const void *bytes, size_t size)
{
    static const enum wall_path WAY[3][2] = {
        [WALL_IN] = {WALL_IN, WALL_OUT},
        [WALL_OUT] = {WALL_OUT, WALL_IN},
        [WALL_THROUGH] = {WALL_THROUGH, WALL_THROUGH},
    };
    struct sequence *q = s->sequence;
    if (q->count == STEPS)
        return;
    struct step *step = &q->step[q->count];
    step->path = WAY[s->path][reply];
    /* The gateway as client stands before the servers' device. */
    step->side = s->path == WALL_OUT || (reply && s->path == WALL_THROUGH) ? TUN_SERVERS : TUN_CLIENTS;
    step->bytes = malloc(size ? size : 1);
    if (!step->bytes)
        die("out of memory");
    memcpy(step->bytes, bytes, size);
    step->size = (uint32_t)size;
    q->count++;
}

void stage_send(struct stage *s, bool reply, const struct packet_recipe *r)
{
    int size = packet_build(r, s->bounce, sizeof(s->bounce));
    if (size > 0)
        stage_add(s, reply, s->bounce, (size_t)size);
}

struct packet_recipe stage_recipe(const struct stage *s, bool reply, uint8_t protocol)
{
    static const uint8_t TTLS[] = {64, 64, 64, 128, 255, 2, 40}, TOSES[] = {0, 0, 0, 0x10, 0x08, 0xb8};
    return (struct packet_recipe){
        .family = s->cast.family,
        .protocol = protocol,
        .ttl = dice_pick(s->dice, TTLS),
        .tos = dice_pick(s->dice, TOSES),
        .source = reply ? s->cast.server : s->cast.client,
        .destination = reply ? s->cast.client : s->cast.server,
        .window_scale = -1,
    };
}

struct step *stage_last(struct stage *s)
{
    return s->sequence->count ? &s->sequence->step[s->sequence->count - 1] : NULL;
}

static const char *flag_letters(uint8_t flags, char text[9])
{
    size_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        if (flags & 1u << i)
            text[n++] = "FSRPAUEC"[i];
    text[n] = '\0';
    return text;
}

static void format_payload(const struct packet *p, char *text, size_t size)
{
    const uint8_t *at = p->bytes + p->payload;
    size_t n = packet_payload_size(p), used = 0;
    for (size_t i = 0; i < n && i < 60 && used + 5 < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, at[i] >= ' ' && at[i] < 127 ? "%c" : "\\x%02x", at[i]);
    text[used] = '\0';
}

char *step_format(const struct step *step, char *text, size_t size)
{
    static const char *const WAY[] = {[WALL_IN] = "in", [WALL_OUT] = "out", [WALL_THROUGH] = "through"};
    char source[46], destination[46], flags[9], payload[300] = "";
    struct packet p;
    if (packet_decode(step->bytes, step->size, true, &p) < 0) {
        snprintf(text, size, "%s tun%u: %u bytes that are no packet", WAY[step->path], step->side,
                 step->size);
        return text;
    }
    packet_address_format(&p.source, p.family, source);
    packet_address_format(&p.destination, p.family, destination);
    int n = snprintf(text, size, "%s tun%u %s:%u > %s:%u proto %u len %u ttl %u fault %u", WAY[step->path],
                     step->side, source, p.source_port, destination, p.destination_port, p.protocol, p.length,
                     p.ttl, p.fault);
    if (n < 0 || (size_t)n >= size)
        return text;
    if (p.is_fragment)
        n += snprintf(text + n, size - (size_t)n, " fragment %u%s", p.fragment_offset,
                      p.more_fragments ? "+" : "");
    if (p.fragment_offset)
        return text;
    if (p.protocol == PACKET_TCP) {
        format_payload(&p, payload, sizeof(payload));
        snprintf(text + n, size - (size_t)n, " [%s] seq %u ack %u win %u header %u data %u \"%s\"",
                 flag_letters(p.tcp.flags, flags), p.tcp.sequence, p.tcp.acknowledgement, p.tcp.window,
                 p.tcp.header, packet_payload_size(&p), payload);
    } else if (p.protocol == PACKET_ICMP || p.protocol == PACKET_ICMPV6) {
        snprintf(text + n, size - (size_t)n, " type %u code %u id %u", p.icmp.type, p.icmp.code, p.icmp.id);
    }
    return text;
}
