/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/line.h"

#include <string.h>

#include "base/wire.h"
#include "packet/decode.h"

enum { ADDRESS = 48 };

/* ---- as they are asked about ---- */

static const struct {
    uint8_t flag;
    const char *name, *logged;
} flags[] = {{PACKET_SYN, "syn", "SYN"}, {PACKET_ACK, "ack", "ACK"}, {PACKET_FIN, "fin", "FIN"},
             {PACKET_RST, "rst", "RST"}, {PACKET_PSH, "psh", "PSH"}, {PACKET_URG, "urg", "URG"},
             {PACKET_ECE, "ece", "ECE"}, {PACKET_CWR, "cwr", "CWR"}};
enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

bool packet_line_can_be_asked(const struct packet *p)
{
    return p->fault != PACKET_SHORT && p->fragment_offset == 0;
}

static void write_end(FILE *out, const struct packet *p, const struct packet_address *address, uint16_t port)
{
    char text[ADDRESS];
    bool has_port = packet_has_ports(p->protocol) && packet_line_can_be_asked(p);

    packet_address_format(address, p->family, text);
    fprintf(out, has_port && p->family == PACKET_IPV6 ? "[%s]" : "%s", text);
    if (has_port)
        fprintf(out, ":%u", port);
}

static void write_flags(FILE *out, uint8_t set)
{
    const char *before = " ";

    if (!set)
        fputs(" none", out);
    for (size_t i = 0; i < FLAGS; i++) {
        if (!(set & flags[i].flag))
            continue;
        fprintf(out, "%s%s", before, flags[i].name);
        before = ",";
    }
}

void packet_line_write(FILE *out, const struct packet *p)
{
    const char *name = packet_protocol_name(p->protocol);

    if (p->protocol == PACKET_ICMPV6)
        name = "icmpv6";
    if (name)
        fprintf(out, "%s ", name);
    else
        fprintf(out, "%u ", p->protocol);
    write_end(out, p, &p->source, p->source_port);
    fputs(" > ", out);
    write_end(out, p, &p->destination, p->destination_port);
    if (!packet_line_can_be_asked(p))
        fprintf(out, p->fragment_offset ? " fragment" : " cut off");
    else if (p->protocol == PACKET_TCP)
        write_flags(out, p->tcp.flags);
    else if (p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6)
        fprintf(out, " type=%u code=%u", p->icmp.type, p->icmp.code);
}

/* ---- as the kernel logs them ---- */

enum {
    FRAME_SOURCE = 6, /* where in a frame's header */
    FRAME_TYPE = 12,
    FRAME = 14,
    IP_CE = 0x8000,
    IP_DF = 0x4000,
    IP_MF = 0x2000,
    IP_OFFSET = 0x1fff,
    TOS_MASK = 0x1e,
    PRECEDENCE_MASK = 0xe0,
    DEEP = 1 /* quoted by an error */
};

/* Bytes of a packet from offset on, or NULL: they are not there. */
static const uint8_t *bytes_at(const struct packet *p, uint32_t offset, uint32_t size)
{
    return offset <= p->captured && size <= p->captured - offset ? p->bytes + offset : NULL;
}

static void write_bytes(FILE *out, const uint8_t *bytes, uint32_t size, const char *between)
{
    for (uint32_t i = 0; i < size; i++)
        fprintf(out, "%s%02x", i ? between : "", bytes[i]);
}

static void write_frame(FILE *out, const struct packet_logged *l)
{
    const uint8_t *f = l->frame;

    if (!f) {
        fputs("MAC= ", out);
        return;
    }
    if (!(l->options & PACKET_LOGS_MAC)) {
        fputs("MAC=", out);
        write_bytes(out, f, FRAME, ":");
        fputc(' ', out);
        return;
    }
    fputs("MACSRC=", out);
    write_bytes(out, f + FRAME_SOURCE, FRAME_SOURCE, ":");
    fputs(" MACDST=", out);
    write_bytes(out, f, FRAME_SOURCE, ":");
    fprintf(out, " MACPROTO=%04x ", wire_read16(f + FRAME_TYPE));
}

static void write_options(FILE *out, const struct packet *p, uint32_t from, uint32_t end)
{
    const uint8_t *bytes = end > from ? bytes_at(p, from, end - from) : NULL;

    if (!bytes)
        return;
    fputs("OPT (", out);
    write_bytes(out, bytes, end - from, "");
    fputs(") ", out);
}

static void write_incomplete(FILE *out, const struct packet *p)
{
    fprintf(out, "INCOMPLETE [%u bytes] ", p->captured > p->transport ? p->captured - p->transport : 0);
}

/* In the order of the wire, the highest first. */
static void write_tcp_flags(FILE *out, uint8_t set)
{
    static const char *const names[] = {"CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"};

    for (unsigned i = 0; i < 8; i++) {
        if (set & 0x80 >> i)
            fprintf(out, "%s ", names[i]);
    }
}

static void write_tcp(FILE *out, const struct packet *p, uint8_t options)
{
    const uint8_t *tcp = bytes_at(p, p->transport, 20);

    fputs("PROTO=TCP ", out);
    if (p->fragment_offset)
        return;
    if (!tcp) {
        write_incomplete(out, p);
        return;
    }
    fprintf(out, "SPT=%u DPT=%u ", wire_read16(tcp), wire_read16(tcp + 2));
    if (options & PACKET_LOGS_SEQUENCE)
        fprintf(out, "SEQ=%u ACK=%u ", wire_read32(tcp + 4), wire_read32(tcp + 8));
    fprintf(out, "WINDOW=%u RES=0x%02x ", wire_read16(tcp + 14), (tcp[12] & 0x0f) << 2);
    write_tcp_flags(out, tcp[13]);
    fprintf(out, "URGP=%u ", wire_read16(tcp + 18));
    if (options & PACKET_LOGS_TCP_OPTIONS)
        write_options(out, p, p->transport + 20, p->transport + (uint32_t)(tcp[12] >> 4) * 4);
}

static void write_udp(FILE *out, const struct packet *p)
{
    const uint8_t *udp = bytes_at(p, p->transport, 8);

    fprintf(out, "PROTO=%s ", p->protocol == PACKET_UDP ? "UDP" : "UDPLITE");
    if (p->fragment_offset)
        return;
    if (udp)
        fprintf(out, "SPT=%u DPT=%u LEN=%u ", wire_read16(udp), wire_read16(udp + 2), wire_read16(udp + 4));
    else
        write_incomplete(out, p);
}

static void write_ip(FILE *out, const struct packet *p, uint8_t options, unsigned depth);

/* What an error complains of, in brackets. */
static void write_quoted(FILE *out, const struct packet *p, uint8_t options)
{
    struct packet inner;
    uint32_t at = p->transport + 8;

    fputc('[', out);
    if (at < p->captured && packet_decode(p->bytes + at, p->captured - at, false, &inner) == 0)
        write_ip(out, &inner, options, DEEP);
    fputs("] ", out);
}

static void write_icmp_rest(FILE *out, const struct packet *p, const uint8_t *icmp, uint8_t options,
                            unsigned depth)
{
    bool six = p->protocol == PACKET_ICMPV6;
    uint8_t type = icmp[0], echo = six ? 128 : 8, reply = six ? 129 : 0;
    bool is_error = six ? type >= 1 && type <= 4 : type == 3 || type == 4 || type == 11;

    if (type == echo || type == reply)
        fprintf(out, "ID=%u SEQ=%u ", wire_read16(icmp + 4), wire_read16(icmp + 6));
    if (!six && type == 12)
        fprintf(out, "PARAMETER=%u ", icmp[4]);
    if (six && type == 4)
        fprintf(out, "POINTER=%08x ", wire_read32(icmp + 4));
    if (!six && type == 5)
        fprintf(out, "GATEWAY=%u.%u.%u.%u ", icmp[4], icmp[5], icmp[6], icmp[7]);
    if (depth == 0 && (is_error || (!six && (type == 5 || type == 12))))
        write_quoted(out, p, options);
    if (depth == 0 && !six && type == 3 && icmp[1] == 4)
        fprintf(out, "MTU=%u ", wire_read16(icmp + 6));
    if (depth == 0 && six && type == 2)
        fprintf(out, "MTU=%u ", wire_read32(icmp + 4));
}

static void write_icmp(FILE *out, const struct packet *p, uint8_t options, unsigned depth)
{
    const uint8_t *icmp = bytes_at(p, p->transport, 8);

    fprintf(out, "PROTO=%s ", p->protocol == PACKET_ICMPV6 ? "ICMPv6" : "ICMP");
    if (p->fragment_offset)
        return;
    if (!icmp) {
        write_incomplete(out, p);
        return;
    }
    fprintf(out, "TYPE=%u CODE=%u ", icmp[0], icmp[1]);
    write_icmp_rest(out, p, icmp, options, depth);
}

static void write_transport(FILE *out, const struct packet *p, uint8_t options, unsigned depth)
{
    if (p->protocol == PACKET_TCP)
        write_tcp(out, p, options);
    else if (p->protocol == PACKET_UDP || p->protocol == PACKET_UDPLITE)
        write_udp(out, p);
    else if (p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6)
        write_icmp(out, p, options, depth);
    else
        fprintf(out, "PROTO=%u ", p->protocol);
}

static void write_ipv4(FILE *out, const struct packet *p, uint8_t options)
{
    const uint8_t *ip = p->bytes;
    unsigned fragment = wire_read16(ip + 6);
    char text[ADDRESS];

    fprintf(out, "SRC=%s ", packet_address_format(&p->source, p->family, text));
    fprintf(out, "DST=%s ", packet_address_format(&p->destination, p->family, text));
    fprintf(out, "LEN=%u TOS=0x%02X PREC=0x%02X TTL=%u ID=%u ", wire_read16(ip + 2), p->tos & TOS_MASK,
            p->tos & PRECEDENCE_MASK, p->ttl, wire_read16(ip + 4));
    fprintf(out, "%s%s%s", fragment & IP_CE ? "CE " : "", fragment & IP_DF ? "DF " : "",
            fragment & IP_MF ? "MF " : "");
    if (fragment & IP_OFFSET)
        fprintf(out, "FRAG:%u ", fragment & IP_OFFSET);
    if (options & PACKET_LOGS_IP_OPTIONS)
        write_options(out, p, 20, (uint32_t)(ip[0] & 0x0f) * 4);
}

/* %pI6: nothing is left out. */
static void write_long_address(FILE *out, const char *name, const uint8_t *bytes)
{
    fputs(name, out);
    for (unsigned i = 0; i < 8; i++)
        fprintf(out, "%s%04x", i ? ":" : "", wire_read16(bytes + 2 * i));
    fputc(' ', out);
}

static void write_ipv6(FILE *out, const struct packet *p)
{
    const uint8_t *ip = p->bytes;

    write_long_address(out, "SRC=", ip + 8);
    write_long_address(out, "DST=", ip + 24);
    fprintf(out, "LEN=%u TC=%u HOPLIMIT=%u FLOWLBL=%u ", wire_read16(ip + 4) + 40U, p->tos, p->ttl,
            wire_read32(ip) & 0xfffff);
    if (p->is_fragment || p->is_atomic)
        fprintf(out, "FRAG:%u %s", p->fragment_offset, p->more_fragments ? "INCOMPLETE " : "");
}

static void write_ip(FILE *out, const struct packet *p, uint8_t options, unsigned depth)
{
    if (p->family == PACKET_IPV6)
        write_ipv6(out, p);
    else
        write_ipv4(out, p, options);
    write_transport(out, p, options, depth);
}

void packet_log_write(FILE *out, const struct packet_logged *l)
{
    fprintf(out, "%sIN=%s OUT=%s ", l->prefix, l->in, l->out);
    if (l->in[0])
        write_frame(out, l);
    write_ip(out, l->packet, l->options, 0);
    if (l->mark)
        fprintf(out, "MARK=0x%x ", l->mark);
    fputc('\n', out);
}
