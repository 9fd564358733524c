/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/condition/field.h"
#include "host/host.h"
#include "verdict/match/headers.h"
#include "verdict/match/match.h"
#include "verdict/match/step.h"
#include "verdict/match/topic.h"
#include "verdict/nft/value.h"

enum { IP_DONT_FRAGMENT = 0x4000, TCP_LEAST = 20 };

static nft_number number_of(struct condition_value v)
{
    return (nft_number)v.high << 64 | v.low;
}

/* As iptables' conditions read it. */
static void read_shared(enum condition_field field, const struct verdict_packet *p, uint16_t bits,
                        struct nft_value *ret)
{
    struct condition c = {
        .field = (uint8_t)field, .kind = CONDITION_RANGE, .argument = field == CONDITION_HELPER};
    struct condition_value value;

    if (field == CONDITION_MARK || field == CONDITION_CONNMARK)
        c.masked.mask.low = UINT32_MAX;
    switch (condition_read_field(&c, p, &value)) {
    case CONDITION_READ:
        nft_be(ret, number_of(value));
        break;
    case CONDITION_HIDDEN:
        nft_be_hidden(ret, bits, match_hidden((uint8_t)field));
        break;
    case CONDITION_UNCAUGHT:
        nft_be_hidden(ret, bits, MATCH_NOT_CAPTURED);
        break;
    default:
        nft_be_absent(ret);
        break;
    }
}

/* ---- bits of the packet ---- */

static nft_number bits_of(const uint8_t *bytes, uint32_t offset, uint32_t bits)
{
    uint32_t first = offset / 8, end = (offset + bits + 7) / 8, behind = end * 8 - offset - bits;
    nft_number n = 0;

    if (end - first <=
        sizeof(n)) { /* whole bytes, and what is too much of the last and the first is cut off */
        for (uint32_t i = first; i < end; i++)
            n = n << 8 | bytes[i];
        return n >> behind & ~(nft_number)0 >> (8 * sizeof(n) - bits);
    }
    for (uint32_t i = offset; i < offset + bits; i++)
        n = n << 1 | (bytes[i / 8] >> (7 - i % 8) & 1);
    return n;
}

/* nft_payload_eval: what lies behind the packet's end is absent. */
static void read_bits(const struct verdict_packet *p, enum nft_base base, uint32_t offset, uint32_t bits,
                      struct nft_value *ret)
{
    const struct packet *packet = p->packet;
    uint32_t from = base == NFT_BASE_TRANSPORT ? packet->transport : 0, end = from + (offset + bits + 7) / 8;

    if (base == NFT_BASE_TRANSPORT && (packet->fragment_offset || condition_is_cut_chain(packet)))
        nft_be_absent(ret);
    else if (end <= packet->captured && end <= packet->length)
        nft_be(ret, bits_of(packet->bytes + from, offset, bits));
    else if (end <= packet->length)
        nft_be_hidden(ret, (uint16_t)bits, MATCH_NOT_CAPTURED);
    else
        nft_be_absent(ret);
}

static bool has_header(const struct nft_header *h, const struct packet *p)
{
    return (!h->family || h->family == p->family) &&
           (!h->protocol || (h->protocol == p->protocol && !condition_is_cut_chain(p)));
}

/* What is not known of bits that were read, though they are there. */
static void hide(struct nft_value *v, nft_number bits, const char *because)
{
    if (v->absent == VERDICT_YES || !bits)
        return;
    v->part[0].hidden |= bits;
    v->part[0].value &= ~v->part[0].hidden;
    v->because = because;
}

static bool is_fragment_offset(const struct nft_field *f)
{
    return f->header && f->header->family == PACKET_IPV4 && f->offset == 48;
}

/* Of a packet that is made up the bytes are as good as those of any other, but for what is said of it. */
static void hide_made_up(const struct nft_field *f, struct nft_value *v)
{
    static const char because[] = "bytes of the packet, which are its sender's to choose";

    if (is_fragment_offset(f))
        hide(v, IP_DONT_FRAGMENT, because);
    else if (f->type != NFT_TYPE_PROTOCOL) /* which extension headers there are is said */
        hide(v, ~(nft_number)0 >> (128 - f->bits), because);
}

/* A part of the TOS field. */
static void read_tos(const struct verdict_packet *p, unsigned shift, nft_number all, struct nft_value *ret)
{
    if (ret->absent == VERDICT_YES)
        return;
    nft_be(ret, (nft_number)(condition_tos(p) >> shift) & all);
    hide(ret, (nft_number)(condition_hidden_tos(p) >> shift) & all, match_hidden(CONDITION_TOS));
}

static void read_header_field(const struct nft_field *f, const struct verdict_packet *p,
                              struct nft_value *ret)
{
    nft_number all = ~(nft_number)0 >> (128 - f->bits);

    read_bits(p, (enum nft_base)f->header->base, f->offset, f->bits, ret);
    switch (f->what) {
    case NFT_WHAT_BYTES:
        if (p->unknown & VERDICT_NO_BYTES)
            hide_made_up(f, ret);
        break;
    case NFT_WHAT_TTL:
        read_shared(CONDITION_TTL, p, f->bits, ret);
        break;
    case NFT_WHAT_DSCP:
    case NFT_WHAT_ECN:
        read_tos(p, f->what == NFT_WHAT_DSCP ? 2 : 0, all, ret);
        break;
    case NFT_WHAT_LENGTH:
    case NFT_WHAT_LENGTH6:
        if (p->unknown & (VERDICT_NO_TCP | VERDICT_NO_SHAPE))
            hide(ret, all, match_hidden(CONDITION_LENGTH));
        break;
    case NFT_WHAT_TCP_FLAGS:
        if (p->unknown & VERDICT_NO_TCP)
            hide(ret, PACKET_ECE | PACKET_CWR, MATCH_TCP_CHANGED);
        break;
    default:
        break;
    }
}

void nft_raw_value(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret)
{
    const struct nft_field *f = nft_field_at((enum nft_base)e->raw.base, e->raw.offset, e->bits,
                                             p->packet->family, p->packet->protocol);

    if (e->raw.base == NFT_BASE_LINK) {
        nft_be_hidden(ret, e->bits, "the header of the link");
        ret->absent = VERDICT_UNKNOWN;
    } else if (f) {
        read_header_field(f, p, ret);
    } else {
        read_bits(p, (enum nft_base)e->raw.base, e->raw.offset, e->bits, ret);
        if (p->unknown & VERDICT_NO_BYTES || condition_is_rewritten(p))
            hide(ret, ~(nft_number)0 >> (128 - e->bits),
                 "bytes of the packet, which are its sender's to choose");
    }
}

/* ---- the link ---- */

/* Only what came in by Ethernet has such an address. */
static void read_link(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    struct verdict_packet asked = *p;

    if (p->hook == RULES_POSTROUTING && p->routed)
        asked.hook = RULES_FORWARD; /* the header that it came with is still there */
    read_shared(CONDITION_MAC, &asked, f->bits, ret);
    if (ret->absent == VERDICT_NO &&
        p->unknown & VERDICT_NO_IN) /* by which device is not known, Ethernet's or not */
        ret->absent = VERDICT_UNKNOWN, ret->because = match_hidden(CONDITION_MAC);
    if (ret->absent == VERDICT_YES || f->what == NFT_WHAT_MAC)
        return;
    enum verdict_answer absent = ret->absent;
    if (f->what == NFT_WHAT_ETHERTYPE)
        nft_be(ret, p->packet->family == PACKET_IPV6 ? 0x86dd : 0x0800);
    else
        nft_be_hidden(ret, f->bits, match_hidden(CONDITION_MAC));
    ret->absent = absent;
}

/* ---- meta ---- */

/* A packet of POSTROUTING still has the device that it came in by (ip_output); one that is sent from here never had one. */
static void read_interface(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    static const nft_number lo = (nft_number)('l' << 8 | 'o') << 112; /* the name's first bytes */
    struct verdict_packet asked = *p;

    if (f->what == NFT_WHAT_IN && p->hook == RULES_POSTROUTING && p->routed)
        asked.hook = RULES_FORWARD;
    read_shared(f->what == NFT_WHAT_IN ? CONDITION_IN : CONDITION_OUT, &asked, f->bits, ret);
    ret->part[0].excludes = true; /* who does not know the interface has a packet from elsewhere */
    ret->part[0].excluded = lo;
}

/* Packets that pass through have no socket, and those that come in have one only if it was looked up early. */
static void read_socket(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    nft_be_hidden(ret, f->bits, "the owner of the socket");
    ret->absent = VERDICT_UNKNOWN;
    if (p->hook == RULES_PREROUTING || p->hook == RULES_FORWARD || p->routed)
        nft_be_absent(ret);
}

/* nft prints times in the zone of who lists the rules: the machine's own, if they are its rules. */
static void read_time(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    int64_t now = p->time + (int64_t)60 * p->zone_minutes;
    uint64_t second = (uint64_t)(now < 0 ? 0 : now);

    if (p->unknown & VERDICT_NO_TIME || now < 0)
        nft_be_hidden(ret, f->bits, "the time of day");
    else if (f->what == NFT_WHAT_TIME)
        nft_be(ret, (nft_number)second * 1000000000);
    else if (f->what == NFT_WHAT_HOUR)
        nft_be(ret, second % TIME_DAY);
    else
        nft_be(ret, (second / TIME_DAY + 4) % 7); /* 1 January 1970 was a Thursday */
}

static void read_l4proto(const struct verdict_packet *p, struct nft_value *ret)
{
    if (condition_is_cut_chain(p->packet))
        nft_be_absent(ret);
    else
        nft_be(ret, p->packet->protocol);
}

/* ---- connections ---- */

/* NF_CT_STATE_BIT. */
static nft_number state_bit(const struct track_view *view)
{
    static const uint8_t bits[] = {[TRACK_NONE] = 1,        [TRACK_INVALID] = 1, [TRACK_NEW] = 8,
                                   [TRACK_ESTABLISHED] = 2, [TRACK_RELATED] = 4, [TRACK_UNTRACKED] = 0x40};

    return bits[view ? view->state : TRACK_NONE];
}

static void read_tuple(const struct nft_expr *e, const struct track_flow *flow, struct nft_value *ret)
{
    const struct nft_field *f = e->field.row;
    const struct track_tuple *t =
        track_flow_tuple(flow, e->field.direction == NFT_DIRECTION_REPLY ? TRACK_REPLY : TRACK_ORIGINAL);
    bool source = f->what == NFT_WHAT_CT_SOURCE || f->what == NFT_WHAT_CT_SOURCE_PORT;

    if (f->what == NFT_WHAT_CT_SOURCE_PORT || f->what == NFT_WHAT_CT_DESTINATION_PORT)
        nft_be(ret, source ? t->source_port : t->destination_port);
    else if (f->family && f->family != t->family)
        nft_be_absent(ret);
    else
        nft_be(ret, number_of(condition_value_address(source ? &t->source : &t->destination, t->family)));
}

static void read_helper(const struct verdict_packet *p, struct nft_value *ret)
{
    static const nft_number ftp = (nft_number)('f' << 16 | 't' << 8 | 'p') << 104;

    read_shared(CONDITION_HELPER, p, 128, ret);
    if (ret->absent == VERDICT_NO && !ret->part[0].hidden)
        nft_be(ret, ftp);
}

static void read_connection(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret)
{
    const struct nft_field *f = e->field.row;
    const struct track_flow *flow = p->view ? p->view->flow : NULL;

    if (f->what == NFT_WHAT_CT_STATE) {
        nft_be(ret, state_bit(p->view));
        return;
    }
    if (!flow) {
        nft_be_absent(ret);
        return;
    }
    switch (f->what) {
    case NFT_WHAT_CT_STATUS:
        nft_be(ret, flow->status & 0x3ff);
        break;
    case NFT_WHAT_CT_MARK:
        read_shared(CONDITION_CONNMARK, p, f->bits, ret);
        break;
    case NFT_WHAT_CT_DIRECTION:
        nft_be(ret, p->view->direction);
        break;
    case NFT_WHAT_CT_EXPIRATION:
        nft_be(ret, (nft_number)condition_expires(flow, p->now_ms) * 1000);
        break;
    case NFT_WHAT_CT_HELPER:
        read_helper(p, ret);
        break;
    case NFT_WHAT_CT_FAMILY:
        nft_be(ret, flow->tuple.family == PACKET_IPV6 ? 10 : 2);
        break;
    case NFT_WHAT_CT_PROTOCOL:
        nft_be(ret, flow->tuple.protocol);
        break;
    case NFT_WHAT_CT_ZONE:
        nft_be(ret, flow->tuple.zone);
        break;
    default:
        read_tuple(e, flow, ret);
        break;
    }
}

/* ---- the route ---- */

/* nft_rt_get_eval: of the route that the packet has by then. One that OUTPUT has given a mark may have another. */
static void read_next_hop(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    bool sends = !p->routed && p->hook != RULES_FORWARD;
    struct host_question q = {.family = p->packet->family,
                              .source = p->packet->source,
                              .destination = p->packet->destination,
                              .in = sends ? NULL : p->in,
                              .mark = p->mark,
                              .tos = condition_tos(p)};
    struct host_way way = {.fate = HOST_UNKNOWN};

    if (p->packet->family != f->family) {
        nft_be_absent(ret);
        return;
    }
    nft_be_hidden(ret, f->bits, "the next machine on the packet's way");
    if (!p->host || p->unknown & (VERDICT_NO_ENDS | VERDICT_NO_MARK) ||
        (!sends && p->unknown & VERDICT_NO_IN) || (sends && p->mark))
        return;
    host_route(p->host, &q, &way);
    if (way.fate == HOST_FORWARD && way.has_next)
        nft_be(ret, number_of(condition_value_address(&way.next, p->packet->family)));
    else if (way.fate == HOST_LOCAL && sends)
        nft_be(ret, number_of(condition_value_address(&p->packet->destination, p->packet->family)));
}

/* ---- headers that may be missing ---- */

/* nft_exthdr_ipv6_eval, whether a header is there. */
static void read_extension(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    struct packet_source source = {.bytes = p->packet->bytes, .size = p->packet->captured};
    struct headers found = {0};

    if (p->packet->family != PACKET_IPV6) {
        nft_be_absent(ret);
    } else if (!headers_walk(&source, p->packet, &found)) {
        nft_be_hidden(ret, 1, "extension headers that can't be read");
    } else if (headers_bit(f->base) == HEADERS_PROTOCOL) {
        nft_be(ret, p->packet->protocol == f->base);
    } else {
        nft_be(ret, (found.bits & headers_bit(f->base)) != 0);
    }
}

/* Whether one is there can be answered for any packet. */
static void be_without_option(const struct nft_field *f, struct nft_value *ret)
{
    if (f->type == NFT_TYPE_BOOLEAN)
        nft_be(ret, false);
    else
        nft_be_absent(ret);
}

/* Of a packet that is made up: a SYN has its sender's size of segments. */
static void be_chosen_option(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    bool is_there =
        f->base == TCP_OPTION_MSS && p->packet->tcp.flags & PACKET_SYN && p->unknown & VERDICT_NO_SHAPE;

    if (is_there && f->type == NFT_TYPE_BOOLEAN) {
        nft_be(ret, true);
        return;
    }
    nft_be_hidden(ret, f->bits, MATCH_OPTIONS_CHOSEN);
    ret->absent = is_there || f->type == NFT_TYPE_BOOLEAN ? VERDICT_NO : VERDICT_UNKNOWN;
}

/* As a rule before may have written it. */
static nft_number option_bits(const struct nft_field *f, const struct verdict_packet *p,
                              const uint8_t *option)
{
    nft_number bits = bits_of(option, f->offset, f->bits);
    bool is_mss = f->base == TCP_OPTION_MSS && f->bits == 16;

    return is_mss && p->written.has_mss && bits > p->written.mss ? p->written.mss : bits;
}

/* nft_tcp_header_pointer */
bool nft_has_tcp(const struct verdict_packet *p)
{
    const struct packet *packet = p->packet;

    return packet->protocol == PACKET_TCP && !packet->fragment_offset && !condition_is_cut_chain(packet) &&
           packet->transport + TCP_LEAST <= packet->length;
}

/* nft_exthdr_tcp_eval */
static void read_tcp_option(const struct nft_field *f, const struct verdict_packet *p, struct nft_value *ret)
{
    const struct packet *packet = p->packet;
    uint32_t at = packet->transport, size, end;

    if (!nft_has_tcp(p)) {
        be_without_option(f, ret);
        return;
    }
    size = at + TCP_LEAST <= packet->captured ? (uint32_t)(packet->bytes[at + 12] >> 4) * 4 : 0;
    if (p->unknown & VERDICT_NO_BYTES && !(p->unknown & VERDICT_NO_TCP)) {
        be_chosen_option(f, p, ret);
        return;
    }
    if (p->unknown & VERDICT_NO_TCP || at + size > packet->captured || at + TCP_LEAST > packet->captured) {
        nft_be_hidden(ret, f->bits, p->unknown & VERDICT_NO_TCP ? MATCH_TCP_CHANGED : MATCH_NOT_CAPTURED);
        ret->absent = f->type == NFT_TYPE_BOOLEAN ? VERDICT_NO : VERDICT_UNKNOWN;
        return;
    }
    const uint8_t *options = packet->bytes + at + TCP_LEAST;
    size = size > TCP_LEAST ? size - TCP_LEAST : 0;
    for (at = 0; at < size && options[at] != f->base; at = end)
        end = tcp_option_end(options, size, at);
    if (at < size && f->type == NFT_TYPE_BOOLEAN)
        nft_be(ret, true);
    else if (at < size && at + (f->offset + f->bits) / 8U <= size)
        nft_be(ret, option_bits(f, p, options + at));
    else
        be_without_option(f, ret);
}

void nft_field_value(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret)
{
    const struct nft_field *f = e->field.row;

    if (f->header && f->header->base == NFT_BASE_LINK) {
        read_link(f, p, ret);
        return;
    }
    if (f->header) {
        if (has_header(f->header, p->packet))
            read_header_field(f, p, ret);
        else
            nft_be_absent(ret);
        return;
    }
    switch (f->what) {
    case NFT_WHAT_META_LENGTH:
        read_shared(CONDITION_LENGTH, p, f->bits, ret);
        break;
    case NFT_WHAT_ETHERTYPE:
        nft_be(ret, p->packet->family == PACKET_IPV6 ? 0x86dd : 0x0800);
        break;
    case NFT_WHAT_NFPROTO:
        nft_be(ret, p->packet->family == PACKET_IPV6 ? 10 : 2);
        break;
    case NFT_WHAT_L4PROTO:
        read_l4proto(p, ret);
        break;
    case NFT_WHAT_MARK:
        read_shared(CONDITION_MARK, p, f->bits, ret);
        break;
    case NFT_WHAT_IN:
    case NFT_WHAT_OUT:
        read_interface(f, p, ret);
        break;
    case NFT_WHAT_PKTTYPE:
        read_shared(CONDITION_PKTTYPE, p, f->bits, ret);
        break;
    case NFT_WHAT_SOCKET:
        read_socket(f, p, ret);
        break;
    case NFT_WHAT_TIME:
    case NFT_WHAT_DAY:
    case NFT_WHAT_HOUR:
        read_time(f, p, ret);
        break;
    case NFT_WHAT_NEXT_HOP:
        read_next_hop(f, p, ret);
        break;
    case NFT_WHAT_HEADER:
        read_extension(f, p, ret);
        break;
    case NFT_WHAT_TCP_OPTION:
        read_tcp_option(f, p, ret);
        break;
    default:
        read_connection(e, p, ret);
        break;
    }
}
