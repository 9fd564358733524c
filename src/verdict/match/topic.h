/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_TOPIC_H
#define SALLY_VERDICT_MATCH_TOPIC_H

/* Between match.c, which has the table of matches, and the files that have their functions by topic. */
#include "verdict/verdict.h"

#define MATCH_NOT_CAPTURED   "a part of the packet that the capture does not hold"
#define MATCH_TCP_CHANGED    "the TCP header, which a rule before it may have changed"
#define MATCH_OPTIONS_CHOSEN "options of the TCP header, which are its sender's to choose"
#define MATCH_WAY_UNKNOWN    "the way that routes lead (fib, rpfilter)"
#define MATCH_MAPPED                                                                                         \
    "the address or port that NAT gives the connection, which is one of several or was not said"
#define MATCH_NO_MEMORY "what was remembered, for want of memory"

/* One match is asked about one packet. */
struct match_question {
    const struct rules_match *match;
    const struct verdict_packet *p;
    struct verdict_memory *memory;
    uint32_t serial;
    uint16_t index;
    const char **because; /* set on UNKNOWN */
};

typedef enum verdict_answer match_function(const struct match_question *q);

/* packet.c: what stands in the packet, and is no single number. */
match_function match_tcp_option, match_tcpmss;
/* u32.c */
match_function match_u32;
/* connlimit.c: what connection tracking has counted. */
match_function match_connlimit;
/* time.c: what was remembered, and the clock. */
match_function match_limit, match_statistic, match_time;
/* hashlimit.c, recent.c */
match_function match_hashlimit, match_recent;
/* set.c */
match_function match_set;
/* world.c: what is known of machine and packet besides. */
match_function match_addrtype, match_rpfilter, match_physdev, match_owner, match_told_unknown;
/* headers.c: IPv6's extension headers, of which most are asked for in vain. */
match_function match_ipv6header, match_opaque;

/* size bytes at offset of the packet. NULL: *ret_answer is what to answer instead: HOTDROP, or UNKNOWN if
 * only the capture ends there. As skb_header_pointer in matches that can do nothing without. */
const uint8_t *match_bytes(const struct match_question *q, uint32_t offset, uint32_t size,
                           enum verdict_answer *ret_answer);

/* SET: puts the packet into sets, and takes it out. false: which members there are is not known from here on. */
bool match_change_sets(const struct rules_target_set *target, const struct verdict_packet *p,
                       struct verdict_memory *memory);

/* TCPMSS, and nft's "tcp option maxseg size set": the packet's option holds no more than most. */
void match_write_mss(struct verdict_packet *p, uint16_t most);

/* Would a packet to the source leave by the interface that this one came in by, or by_any? p->host is there. */
enum verdict_answer match_leads_back(const struct verdict_packet *p, uint32_t mark, bool by_any);
/* What an address is to the machine: bits 1 << RTN_*, several if that is not known. */
uint16_t match_address_type(const struct verdict_packet *p, const struct packet_address *a);

/* Of a connection that is played it is known how it begins, and not how many packets follow: segments and their
 * acknowledgements are as the network has it. */
static inline bool match_is_guess(const struct verdict_packet *p)
{
    const uint32_t made_up = VERDICT_NO_BYTES | VERDICT_NO_SHAPE;

    if ((p->unknown & made_up) != made_up)
        return false;
    if (p->packet->protocol == PACKET_TCP)
        return (p->packet->tcp.flags & (PACKET_SYN | PACKET_ACK)) != PACKET_SYN;
    return p->view && p->view->flow && !p->view->fresh;
}

static inline bool match_in_range16(const struct rules_range16 *range, uint16_t value)
{
    return value >= range->first && value <= range->last;
}

static inline enum verdict_answer match_answer(bool yes)
{
    return yes ? VERDICT_YES : VERDICT_NO;
}

static inline enum verdict_answer match_unknown(const struct match_question *q, const char *because)
{
    *q->because = because;
    return VERDICT_UNKNOWN;
}

#endif
