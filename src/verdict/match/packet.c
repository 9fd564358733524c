/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in the packet and is no single number: net/netfilter/xt_tcpudp.c (options), xt_tcpmss.c. */
#include "base/wire.h"
#include "verdict/match/step.h"
#include "verdict/match/topic.h"

enum {
    TCP_HEADER = 20,
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

/* Offset of the first option that is asked for (tcp_option_is), or size. */
static uint32_t find_option(const uint8_t *options, uint32_t size, uint8_t kind, bool mss)
{
    uint32_t at = 0;

    while (at < size && !tcp_option_is(options, size, at, kind, mss))
        at = tcp_option_end(options, size, at);
    return at < size ? at : size;
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

/* A SYN that a real machine would send has a size of segments; no more is known of the options of a packet that is made up,
 * nor that of one that somebody else may make. */
static bool is_made_up_syn(const struct verdict_packet *p)
{
    return p->unknown & VERDICT_NO_BYTES && p->unknown & VERDICT_NO_SHAPE &&
           p->packet->protocol == PACKET_TCP && p->packet->tcp.flags & PACKET_SYN;
}

/* --tcp-option, behind ports and flags: the header is there (CONDITION_TRANSPORT). */
enum verdict_answer match_tcp_option(const struct match_question *q)
{
    const struct rules_match_tcp *m = &q->match->tcp;
    enum verdict_answer answer;
    uint32_t size;

    if (q->p->unknown & VERDICT_NO_TCP)
        return match_unknown(q, MATCH_TCP_CHANGED);
    const uint8_t *tcp = match_bytes(q, transport_offset(q->p->packet), TCP_HEADER, &answer);
    if (!tcp)
        return answer;
    const uint8_t *options = tcp_options(q, tcp, &size, &answer);
    if (!options)
        return answer;
    if (q->p->unknown & VERDICT_NO_BYTES && !(m->option == TCP_OPTION_MSS && is_made_up_syn(q->p)))
        return match_unknown(q, MATCH_OPTIONS_CHOSEN);
    return match_answer((find_option(options, size, m->option, false) < size) != m->option_inverted);
}

/* Of a size that is at least 1 and at most as a rule has written it, or any. */
static enum verdict_answer ask_mss_of_any(const struct match_question *q, const struct rules_match_tcpmss *m)
{
    uint16_t most = q->p->written.has_mss ? q->p->written.mss : UINT16_MAX;

    if (m->mss.first > most)
        return match_answer(m->inverted);
    if (m->mss.first <= 1 && m->mss.last >= most)
        return match_answer(!m->inverted);
    return match_unknown(q, MATCH_OPTIONS_CHOSEN);
}

enum verdict_answer match_tcpmss(const struct match_question *q)
{
    const struct rules_match_tcpmss *m = &q->match->tcpmss;
    enum verdict_answer answer;
    uint32_t size;

    if (q->p->unknown & VERDICT_NO_TCP)
        return match_unknown(q, MATCH_TCP_CHANGED);
    /* It does not ask whether this is a later fragment. */
    const uint8_t *tcp = match_bytes(q, transport_offset(q->p->packet), TCP_HEADER, &answer);
    if (!tcp)
        return answer;
    const uint8_t *options = tcp_options(q, tcp, &size, &answer);
    if (!options)
        return answer;
    if (is_made_up_syn(q->p))
        return ask_mss_of_any(q, m);
    if (q->p->unknown & VERDICT_NO_BYTES)
        return match_unknown(q, MATCH_OPTIONS_CHOSEN);
    uint32_t at = find_option(options, size, TCP_OPTION_MSS, true);
    if (at == size)
        return match_answer(m->inverted);
    uint16_t mss = wire_read16(options + at + 2);
    if (q->p->written.has_mss && mss > q->p->written.mss)
        mss = q->p->written.mss;
    return match_answer(match_in_range16(&m->mss, mss) != m->inverted);
}

/* Is the option there? Without it one may be put in. */
static bool has_mss(const struct verdict_packet *p)
{
    const struct packet *packet = p->packet;
    uint32_t at = packet->transport + TCP_HEADER, size;

    if (p->unknown & VERDICT_NO_BYTES || at > packet->captured)
        return is_made_up_syn(p);
    size = (uint32_t)(packet->bytes[packet->transport + 12] >> 4) * 4;
    if (size < TCP_HEADER || packet->transport + size > packet->captured)
        return false;
    return find_option(packet->bytes + at, size - TCP_HEADER, TCP_OPTION_MSS, true) < size - TCP_HEADER;
}

/* tcpmss_mangle_packet: one that is there is never raised; one that is not is put in, which leaves the packet longer. */
void match_write_mss(struct verdict_packet *p, uint16_t most)
{
    if (p->packet->protocol != PACKET_TCP || p->packet->fragment_offset)
        return;
    if (!has_mss(p)) {
        p->unknown |= VERDICT_NO_TCP;
        return;
    }
    if (!p->written.has_mss || p->written.mss > most)
        p->written.mss = most;
    p->written.has_mss = true;
}
