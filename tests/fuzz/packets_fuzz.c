/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Packets as they come from a wire: two bytes of length, then so many bytes, again and again. Each is
 * decoded; what the decoder says of it lies within it. Fragments go into a reassembler with little room, and
 * the clock runs; what comes out is a packet as well. All of them go through a wall of each family, in both
 * of the tracker's manners, and its report holds together.
 */
#include "packet/decode.h"
#include "packet/reassemble.h"
#include "verdict/wall.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

static void check_packet(const struct packet *p, size_t size)
{
    MUST(p->family == PACKET_IPV4 || p->family == PACKET_IPV6);
    MUST(p->captured <= size && p->captured <= p->length);
    MUST(p->transport <= p->captured && p->payload <= p->length);
    MUST(p->is_fragment == (p->more_fragments || p->fragment_offset > 0));
    MUST(p->fault != PACKET_SHORT || p->payload == p->captured);
    MUST(p->payload + packet_payload_size(p) <= (p->payload > p->captured ? p->payload : p->captured));
    if (p->fragment_offset)
        MUST(p->transport == p->captured && p->source_port == 0 && p->destination_port == 0);
}

static void check_text(const struct packet *p)
{
    char text[46];
    struct packet_address a;
    uint8_t family;

    packet_address_format(&p->source, p->family, text);
    MUST(packet_address_parse(text, &a, &family) == 0);
    MUST(family == p->family && packet_address_equal(&a, &p->source));
}

/* Helper, states, zones and memory: rules that ask for all that a packet can have. */
static const char RULES[] =
    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A PREROUTING -p udp -m u32 --u32 \"0>>22&0x3C@4>>16=9\" -j NOTRACK\n"
    "-A PREROUTING -p tcp -m multiport --ports 21,2121 -j CT --helper ftp\n"
    "-A PREROUTING -m length --length 999 -j CT --zone 3\nCOMMIT\n"
    "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:u - [0:0]\n"
    "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m conntrack --ctexpire 1:200 -j u\n"
    "-A FORWARD -m recent --set --name r -m connlimit --connlimit-upto 3 -j ACCEPT\n"
    "-A INPUT -m hashlimit --hashlimit-upto 1/hour --hashlimit-mode srcip,dstport "
    "--hashlimit-name h -j ACCEPT\n"
    "-A u -p tcp -m tcpmss --mss 500:1500 -j RETURN\n"
    "-A u -p tcp -m tcp --tcp-option 8 -j CONNMARK --set-xmark 0x7/0xff\n"
    "-A u -m helper --helper ftp -m limit --limit 1/sec -j DROP\n"
    "-A u -m state --state INVALID -j DROP\n-A u -j ACCEPT\nCOMMIT\n";

enum { WALLS = 4, MANNERS = 2 };

struct walls {
    struct wall *wall[WALLS];
    struct rules *rules[WALLS];
};

static void open_walls(struct walls *w)
{
    for (unsigned i = 0; i < WALLS; i++) {
        struct track_config config;
        struct rules_error error;
        uint8_t family = i / MANNERS ? PACKET_IPV6 : PACKET_IPV4;
        MUST(rules_read(RULES, sizeof(RULES) - 1, "rules", family, &w->rules[i], &error) == 0);
        track_config_default(&config, i % MANNERS ? TRACK_ROBUST : TRACK_LINUX, TRACK_KERNEL(6, 18));
        config.max_flows = 50;
        config.max_expectations = 3;
        config.timeouts.tcp_established = 20;
        w->wall[i] = wall_new_counting(w->rules[i], &config, NULL, NULL);
        MUST(w->wall[i]);
    }
}

static void close_walls(struct walls *w)
{
    for (unsigned i = 0; i < WALLS; i++) {
        MUST(tracker_flow_count(wall_tracker(w->wall[i])) <= 50);
        wall_free(&w->wall[i]);
        rules_free(&w->rules[i]);
    }
}

static void check_report(const struct packet *p, const struct wall_report *r)
{
    MUST(r->fate <= WALL_UNKNOWN && r->stage <= WALL_BY_HELPER);
    /* Of a packet that is cut, or after one. */
    MUST(r->fate != WALL_UNKNOWN || r->verdict.because);
    MUST(r->view.state <= TRACK_UNTRACKED);
    if (r->has_flow)
        MUST(r->flow.tuple.family == p->family);
    /* An ICMP error belongs to the connection that it is about. */
    if (r->has_flow && p->protocol != PACKET_ICMP && p->protocol != PACKET_ICMPV6)
        MUST(r->flow.tuple.protocol == p->protocol);
}

static void pass_walls(struct walls *w, const struct packet *p, uint64_t now)
{
    static const struct wall_world WORLD = {.in = "eth0", .out = "eth1"};
    enum wall_path path = (enum wall_path)(p->tos % 3);

    for (unsigned i = 0; i < WALLS; i++) {
        struct wall_report report;
        wall_packet(w->wall[i], p, path, &WORLD, now, NULL, &report);
        check_report(p, &report);
    }
}

/* Decoded with and without a look at the sums: the same, but for that fault. */
static void take(struct packet_reassembler *r, struct walls *w, const uint8_t *bytes, size_t size,
                 uint64_t now)
{
    struct packet p, strict, whole;
    int result = packet_decode(bytes, size, false, &p);

    MUST(packet_decode(bytes, size, true, &strict) == result);
    if (result < 0) {
        MUST(result == -EBADMSG || result == -EPROTONOSUPPORT);
        return;
    }
    MUST(strict.fault == p.fault || strict.fault == PACKET_BAD_CHECKSUM);
    MUST(strict.transport == p.transport && strict.payload == p.payload);
    check_packet(&p, size);
    check_text(&p);
    pass_walls(w, &strict, now);
    result = packet_reassemble(r, &p, now, &whole);
    MUST(result == 0 || result == 1 || result == -EBADMSG);
    MUST(result == 1 || p.is_fragment || p.is_atomic);
    if (result == 1) {
        check_packet(&whole, whole.captured);
        pass_walls(w, &whole, now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t exact[65536];
    struct packet_reassembler *r = packet_reassembler_new(16384);
    struct walls walls;
    uint64_t now = 0;

    open_walls(&walls);
    while (size >= 2) {
        size_t part = (size_t)(data[0] << 8 | data[1]);
        data += 2;
        size -= 2;
        if (part > size)
            part = size;
        memcpy(exact + sizeof(exact) - part, data, part); /* an overrun is seen */
        take(r, &walls, exact + sizeof(exact) - part, part, now);
        now += part * 8;
        data += part;
        size -= part;
    }
    close_walls(&walls);
    packet_reassembler_free(&r);
    return 0;
}
