/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in the packet: net/netfilter/xt_tcpudp.c, xt_multiport.c, xt_iprange.c, xt_length.c, xt_hl.c,
 * xt_dscp.c, xt_tcpmss.c. */
#include <string.h>

#include "packet/wire.h"
#include "verdict/match/topic.h"

enum {
    TCP_HEADER = 20,
    UDP_HEADER = 8,
    ICMP_HEADER = 8, /* all of it is asked for, though only type and code are looked at */
    PORTS = 4,
    TCP_OPTION_MSS = 2,
    TCP_OPTION_MSS_SIZE = 4,
};

const uint8_t *match_bytes(const struct match_question *q, uint32_t offset, uint32_t size,
                           enum verdict_answer *ret_answer)
{
    const struct packet *p = q->p->packet;

    if (offset <= p->captured && size <= p->captured - offset)
        return p->bytes + offset;
    if (offset > p->length || size > p->length - offset) {
        *ret_answer = VERDICT_HOTDROP;
        return NULL;
    }
    *ret_answer = match_unknown(q, MATCH_NOT_CAPTURED);
    return NULL;
}

/* Where matches look for the transport header, also those that don't ask whether this is a later fragment: in
 * IPv6 that has no offset (ipv6_find_hdr leaves it 0), so that they read the IP header. */
static uint32_t transport_offset(const struct packet *p)
{
    if (p->fragment_offset == 0)
        return p->transport;
    return p->family == PACKET_IPV4 ? p->payload : 0;
}

/* Walks the options of a TCP header as tcp_find_option does; op[size] may be read one byte too far by the
 * kernel, here it counts as end. Offset of the first option of a kind, or size. */
static uint32_t find_option(const uint8_t *options, uint32_t size, uint8_t kind)
{
    uint32_t at = 0;

    while (at < size) {
        if (options[at] == kind)
            return at;
        if (options[at] < 2 || at + 1 == size || options[at + 1] == 0)
            at++;
        else
            at += options[at + 1];
    }
    return size;
}

/* The options behind the header at tcp; NULL with *ret_answer: there are none that can be read. */
static const uint8_t *tcp_options(const struct match_question *q, const uint8_t *tcp, uint32_t *ret_size,
                                  enum verdict_answer *ret_answer)
{
    uint32_t header = (uint32_t)(tcp[12] >> 4) * 4;

    if (header < TCP_HEADER) {
        *ret_answer = VERDICT_HOTDROP;
        return NULL;
    }
    *ret_size = header - TCP_HEADER;
    return match_bytes(q, transport_offset(q->p->packet) + TCP_HEADER, header - TCP_HEADER, ret_answer);
}

static enum verdict_answer match_tcp_option(const struct match_question *q, const uint8_t *tcp)
{
    const struct rules_match_tcp *m = &q->match->tcp;
    enum verdict_answer answer;
    uint32_t size;
    const uint8_t *options = tcp_options(q, tcp, &size, &answer);

    if (!options)
        return answer;
    return match_answer((find_option(options, size, m->option) < size) != m->option_inverted);
}

enum verdict_answer match_tcp(const struct match_question *q)
{
    const struct rules_match_tcp *m = &q->match->tcp;
    const struct packet *p = q->p->packet;
    enum verdict_answer answer;

    /* A fragment that begins at byte 8 could overwrite the flags of a header already let through (RFC 1858);
     * the kernel counts in units of 8 for IPv4 only. */
    if (p->fragment_offset)
        return p->fragment_offset == 8 && p->family == PACKET_IPV4 ? VERDICT_HOTDROP : VERDICT_NO;
    const uint8_t *tcp = match_bytes(q, transport_offset(p), TCP_HEADER, &answer);
    if (!tcp)
        return answer;
    if (match_in_range16(&m->source, wire_read16(tcp)) == m->source_inverted ||
        match_in_range16(&m->destination, wire_read16(tcp + 2)) == m->destination_inverted ||
        ((tcp[13] & m->flags_mask) == m->flags_compare) == m->flags_inverted)
        return VERDICT_NO;
    return m->option ? match_tcp_option(q, tcp) : VERDICT_YES;
}

enum verdict_answer match_udp(const struct match_question *q)
{
    const struct rules_match_tcp *m = &q->match->tcp;
    enum verdict_answer answer;

    if (q->p->packet->fragment_offset)
        return VERDICT_NO;
    const uint8_t *udp = match_bytes(q, transport_offset(q->p->packet), UDP_HEADER, &answer);
    if (!udp)
        return answer;
    return match_answer(match_in_range16(&m->source, wire_read16(udp)) != m->source_inverted &&
                        match_in_range16(&m->destination, wire_read16(udp + 2)) != m->destination_inverted);
}

static enum verdict_answer match_icmp_of(const struct match_question *q, bool has_any)
{
    const struct rules_match_icmp *m = &q->match->icmp;
    enum verdict_answer answer;

    if (q->p->packet->fragment_offset)
        return VERDICT_NO;
    const uint8_t *icmp = match_bytes(q, transport_offset(q->p->packet), ICMP_HEADER, &answer);
    if (!icmp)
        return answer;
    bool same = icmp[0] == m->type && icmp[1] >= m->code.first && icmp[1] <= m->code.last;
    return match_answer(((has_any && m->type == 255) || same) != m->inverted);
}

enum verdict_answer match_icmp(const struct match_question *q)
{
    return match_icmp_of(q, true);
}

enum verdict_answer match_icmp6(const struct match_question *q)
{
    return match_icmp_of(q, false);
}

enum verdict_answer match_multiport(const struct match_question *q)
{
    const struct rules_match_multiport *m = q->match->multiport;
    enum verdict_answer answer;

    if (q->p->packet->fragment_offset)
        return VERDICT_NO;
    const uint8_t *ports = match_bytes(q, transport_offset(q->p->packet), PORTS, &answer);
    if (!ports)
        return answer;
    uint16_t source = wire_read16(ports), destination = wire_read16(ports + 2);
    for (unsigned i = 0; i < m->count; i++) {
        if ((m->side != RULES_PORTS_DESTINATION && match_in_range16(&m->ports[i], source)) ||
            (m->side != RULES_PORTS_SOURCE && match_in_range16(&m->ports[i], destination)))
            return match_answer(!m->inverted);
    }
    return match_answer(m->inverted);
}

/* Network byte order: bytes in the order of their weight. */
static bool address_within(const struct packet_address *address, const struct packet_address *first,
                           const struct packet_address *last)
{
    return memcmp(first->word, address->word, sizeof address->word) <= 0 &&
           memcmp(address->word, last->word, sizeof address->word) <= 0;
}

enum verdict_answer match_iprange(const struct match_question *q)
{
    const struct rules_match_iprange *m = q->match->iprange;
    const struct packet *p = q->p->packet;

    if (m->has_source && address_within(&p->source, &m->source_first, &m->source_last) == m->source_inverted)
        return VERDICT_NO;
    return match_answer(!m->has_destination ||
                        address_within(&p->destination, &m->destination_first, &m->destination_last) !=
                            m->destination_inverted);
}

enum verdict_answer match_length(const struct match_question *q)
{
    const struct rules_match_length *m = &q->match->length;
    uint32_t length = q->p->packet->length;

    return match_answer((length >= m->bytes.first && length <= m->bytes.last) != m->inverted);
}

enum verdict_answer match_ttl(const struct match_question *q)
{
    const struct rules_match_ttl *m = &q->match->ttl;
    /* ip_forward and ip6_forward have counted it down when the packet meets FORWARD. */
    uint8_t ttl = (uint8_t)(q->p->packet->ttl - (q->p->hook == RULES_FORWARD));

    switch (m->compare) {
    case RULES_TTL_EQ:
        return match_answer(ttl == m->ttl);
    case RULES_TTL_NE:
        return match_answer(ttl != m->ttl);
    case RULES_TTL_LT:
        return match_answer(ttl < m->ttl);
    default:
        return match_answer(ttl > m->ttl);
    }
}

enum verdict_answer match_tos(const struct match_question *q)
{
    const struct rules_match_tos *m = &q->match->tos;

    return match_answer(((q->p->packet->tos & m->mask) == m->value) != m->inverted);
}

enum verdict_answer match_dscp(const struct match_question *q)
{
    return match_answer((q->p->packet->tos >> 2 == q->match->dscp.dscp) != q->match->dscp.inverted);
}

enum verdict_answer match_tcpmss(const struct match_question *q)
{
    const struct rules_match_tcpmss *m = &q->match->tcpmss;
    enum verdict_answer answer;
    uint32_t size;

    /* It does not ask whether this is a later fragment. */
    const uint8_t *tcp = match_bytes(q, transport_offset(q->p->packet), TCP_HEADER, &answer);
    if (!tcp)
        return answer;
    const uint8_t *options = tcp_options(q, tcp, &size, &answer);
    if (!options)
        return answer;
    /* An option of this kind with another length is walked over. */
    for (uint32_t at = 0; at < size;) {
        if (options[at] == TCP_OPTION_MSS && size - at >= TCP_OPTION_MSS_SIZE &&
            options[at + 1] == TCP_OPTION_MSS_SIZE)
            return match_answer(match_in_range16(&m->mss, wire_read16(options + at + 2)) != m->inverted);
        bool single = options[at] < 2 || at + 1 == size || options[at + 1] == 0;
        at += single ? 1 : options[at + 1];
    }
    return match_answer(m->inverted);
}
