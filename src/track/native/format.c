/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/decode.h"
#include "track/native/tracker.h"
#include "track/tcp.h"
#include "track/tuple.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* As the kernel numbers them (PF_INET, PF_INET6). */
enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 };

/* Appends like snprintf: counts what does not fit, too. */
struct line {
    char *text;
    size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *format, ...)
{
    size_t left = l->length < l->size ? l->size - l->length : 0;
    va_list args;

    va_start(args, format);
    int r = vsnprintf(left ? l->text + l->length : NULL, left, format, args);
    va_end(args);
    if (r > 0)
        l->length += (size_t)r;
}

/* Names that libnetfilter_conntrack knows; the others are "unknown". */
static const char *protocol_name(uint8_t protocol)
{
    switch (protocol) {
    case PACKET_TCP:
        return "tcp";
    case PACKET_UDP:
        return "udp";
    case PACKET_UDPLITE:
        return "udplite";
    case PACKET_ICMP:
        return "icmp";
    case PACKET_ICMPV6:
        return "icmpv6";
    case PACKET_SCTP:
        return "sctp";
    case PACKET_GRE:
        return "gre";
    case PACKET_DCCP:
        return "dccp";
    default:
        return "unknown";
    }
}

static const char *const tcp_state_names[TRACK_TCP_STATES] = {
    [TRACK_TCP_NONE] = "NONE",         [TRACK_TCP_SYN_SENT] = "SYN_SENT",
    [TRACK_TCP_SYN_RECV] = "SYN_RECV", [TRACK_TCP_ESTABLISHED] = "ESTABLISHED",
    [TRACK_TCP_FIN_WAIT] = "FIN_WAIT", [TRACK_TCP_CLOSE_WAIT] = "CLOSE_WAIT",
    [TRACK_TCP_LAST_ACK] = "LAST_ACK", [TRACK_TCP_TIME_WAIT] = "TIME_WAIT",
    [TRACK_TCP_CLOSE] = "CLOSE",       [TRACK_TCP_SYN_SENT2] = "SYN_SENT2",
};

static const char *tcp_state_name(uint8_t state)
{
    return state < TRACK_TCP_STATES ? tcp_state_names[state] : "NONE";
}

int track_tcp_state_find(const char *name)
{
    for (int i = 0; i < TRACK_TCP_STATES; i++)
        if (strcmp(tcp_state_names[i], name) == 0)
            return i;
    return -1;
}

static void put_ends(struct line *l, const char *prefix, uint8_t family, const struct packet_address *source,
                     const struct packet_address *destination)
{
    char text[46];

    put(l, "%ssrc=%s ", prefix, packet_address_format(source, family, text));
    put(l, "%sdst=%s ", prefix, packet_address_format(destination, family, text));
}

static void put_tuple(struct line *l, const struct track_tuple *t)
{
    put_ends(l, "", t->family, &t->source, &t->destination);
    if (track_is_icmp(t->protocol))
        put(l, "type=%u code=%u id=%u ", t->destination_port >> 8, t->destination_port & 0xffU,
            t->source_port);
    else if (t->protocol == PACKET_GRE)
        put(l, "srckey=0x%x dstkey=0x%x ", t->source_port, t->destination_port);
    else if (track_has_ports(t->protocol) || t->protocol == PACKET_DCCP)
        put(l, "sport=%u dport=%u ", t->source_port, t->destination_port);
}

static unsigned long long seconds_left(uint64_t expires, uint64_t now_ms)
{
    return expires > now_ms ? (expires - now_ms) / 1000 : 0;
}

static void put_counts(struct line *l, const struct track_format *how, enum track_direction direction)
{
    if (how->packets && how->bytes)
        put(l, "packets=%llu bytes=%llu ", (unsigned long long)how->packets[direction],
            (unsigned long long)how->bytes[direction]);
}

static void put_head(struct line *l, const struct track_flow *flow, uint64_t now_ms,
                     const struct track_format *how)
{
    unsigned long long seconds = seconds_left(flow->expires, now_ms);

    if (how->family)
        put(l, "%-8s %u ", flow->tuple.family == PACKET_IPV6 ? "ipv6" : "ipv4",
            flow->tuple.family == PACKET_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4);
    put(l, "%-8s %u ", protocol_name(flow->tuple.protocol), flow->tuple.protocol);
    if (seconds || how->kind != TRACK_FORMAT_DESTROY)
        put(l, "%llu ", seconds);
    if (flow->tuple.protocol == PACKET_TCP)
        put(l, "%s ", tcp_state_name(flow->tcp.state));
}

static void put_tail(struct line *l, const struct track_flow *flow, const struct track_format *how)
{
    if (flow->status & TRACK_ASSURED)
        put(l, "[ASSURED] ");
    if (flow->mark || how->kind == TRACK_FORMAT_LIST)
        put(l, "mark=%u ", flow->mark);
    if (flow->tuple.zone)
        put(l, "zone=%u ", flow->tuple.zone);
    if (flow->helper == TRACK_HELPER_FTP && how->kind <= TRACK_FORMAT_NEW)
        put(l, "helper=ftp ");
    if (how->kind == TRACK_FORMAT_LIST)
        put(l, "use=1 ");
    if (how->number)
        put(l, "id=%u ", flow->serial);
}

int track_flow_format_as(const struct track_flow *flow, uint64_t now_ms, const struct track_format *how,
                         char *text, size_t size)
{
    struct line l = {.text = text, .size = size};

    put_head(&l, flow, now_ms, how);
    put_tuple(&l, &flow->tuple);
    put_counts(&l, how, TRACK_ORIGINAL);
    if (!(flow->status & TRACK_SEEN_REPLY))
        put(&l, "[UNREPLIED] ");
    put_tuple(&l, &flow->reply);
    put_counts(&l, how, TRACK_REPLY);
    put_tail(&l, flow, how);
    l.length--; /* the last blank */
    if (l.length < size)
        text[l.length] = '\0';
    return (int)l.length;
}

int track_flow_format(const struct track_flow *flow, uint64_t now_ms, char *text, size_t size)
{
    static const struct track_format plain;

    return track_flow_format_as(flow, now_ms, &plain, text, size);
}

int track_expectation_format(const struct tracker *t, const struct track_expectation *e, uint64_t now_ms,
                             char *text, size_t size)
{
    return track_expectation_format_of(e, tracker_flow(t, e->master), now_ms, text, size);
}

int track_expectation_format_of(const struct track_expectation *e, const struct track_flow *master,
                                uint64_t now_ms, char *text, size_t size)
{
    static const struct packet_address all = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct line l = {.text = text, .size = size};

    put(&l, "%llu proto=%u ", seconds_left(e->expires, now_ms), PACKET_TCP);
    put_ends(&l, "", e->family, &e->source, &e->destination);
    put(&l, "sport=0 dport=%u ", e->port);
    put_ends(&l, "mask-", e->family, &all, &all);
    put(&l, "sport=0 dport=65535 ");
    if (master) {
        put_ends(&l, "master-", e->family, &master->tuple.source, &master->tuple.destination);
        put(&l, "sport=%u dport=%u ", master->tuple.source_port, master->tuple.destination_port);
    }
    put(&l, "class=0 helper=ftp");
    return (int)l.length;
}
