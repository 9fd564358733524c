/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/match/match.h"

#include "verdict/match/topic.h"

#include <string.h>

static const struct {
    match_function *evaluate;
    bool stateless; /* depends on nothing but the packet and its state */
} matches[RULES_MATCH_TYPES] = {
    [RULES_MATCH_TCP] = {match_tcp, true},
    [RULES_MATCH_UDP] = {match_udp, true},
    [RULES_MATCH_ICMP] = {match_icmp, true},
    [RULES_MATCH_ICMP6] = {match_icmp6, true},
    [RULES_MATCH_STATE] = {match_conntrack, true},
    [RULES_MATCH_CONNTRACK] = {match_conntrack, true},
    [RULES_MATCH_MULTIPORT] = {match_multiport, true},
    [RULES_MATCH_IPRANGE] = {match_iprange, true},
    [RULES_MATCH_LIMIT] = {match_limit, false},
    [RULES_MATCH_HASHLIMIT] = {match_hashlimit, false},
    [RULES_MATCH_CONNLIMIT] = {match_connlimit, false},
    [RULES_MATCH_RECENT] = {match_recent, false},
    [RULES_MATCH_MAC] = {match_mac, true},
    [RULES_MATCH_MARK] = {match_mark, true},
    [RULES_MATCH_CONNMARK] = {match_connmark, true},
    [RULES_MATCH_COMMENT] = {match_comment, true},
    [RULES_MATCH_ADDRTYPE] = {match_addrtype, true},
    [RULES_MATCH_HELPER] = {match_helper, true},
    [RULES_MATCH_LENGTH] = {match_length, true},
    [RULES_MATCH_TTL] = {match_ttl, true},
    [RULES_MATCH_HL] = {match_ttl, true},
    [RULES_MATCH_TOS] = {match_tos, true},
    [RULES_MATCH_DSCP] = {match_dscp, true},
    [RULES_MATCH_PKTTYPE] = {match_pkttype, true},
    [RULES_MATCH_STATISTIC] = {match_statistic, false},
    [RULES_MATCH_TIME] = {match_time, false},
    [RULES_MATCH_TCPMSS] = {match_tcpmss, true},
    [RULES_MATCH_U32] = {match_u32, true},
    [RULES_MATCH_SET] = {match_set, false},
    [RULES_MATCH_PHYSDEV] = {match_physdev, false},
    [RULES_MATCH_OWNER] = {match_owner, false},
    [RULES_MATCH_OPAQUE] = {match_opaque, false},
};

enum verdict_answer match_evaluate(const struct rules_match *match, const struct verdict_packet *p,
                                   struct verdict_memory *memory, uint32_t serial, uint16_t index,
                                   const char **ret_because)
{
    const struct match_question q = {
        .match = match, .p = p, .memory = memory, .serial = serial, .index = index, .because = ret_because};

    return matches[match->type].evaluate(&q);
}

bool match_is_stateless(const struct rules_match *match)
{
    return matches[match->type].stateless;
}

static enum verdict_answer inverted(enum verdict_answer answer, bool invert)
{
    if (!invert || answer == VERDICT_UNKNOWN)
        return answer;
    return answer == VERDICT_YES ? VERDICT_NO : VERDICT_YES;
}

/* ifname_compare of x_tables: the name with its NUL, or only the letters before '+'. A hook without an
 * interface has the name "". */
static enum verdict_answer match_interface(const struct rules_interface *asked, const char *name,
                                           bool unknown)
{
    size_t size = strlen(asked->name);

    if (size == 0)
        return inverted(VERDICT_YES, asked->inverted && asked->wildcard);
    if (unknown) /* but certainly not loopback */
        return !asked->wildcard && strcmp(asked->name, "lo") == 0 ? inverted(VERDICT_NO, asked->inverted)
                                                                  : VERDICT_UNKNOWN;
    if (!name)
        name = "";
    return inverted(match_answer(strncmp(asked->name, name, asked->wildcard ? size : size + 1) == 0),
                    asked->inverted);
}

/* -p 0 asks for nothing. */
static bool match_protocol(const struct rules_rule *rule, const struct packet *packet)
{
    return rule->protocol == 0 || (rule->protocol == packet->protocol) != rule->protocol_inverted;
}

/* The decoder leaves an extension header as protocol only if the chain of headers is cut off there. */
static bool is_cut_chain(const struct packet *packet)
{
    uint8_t protocol = packet->protocol;

    return packet->family == PACKET_IPV6 &&
           (protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 || protocol == 60);
}

/* ip6_packet_match can't find the protocol that the rule asks for. */
static enum verdict_answer match_cut_chain(const struct packet *packet, const char **ret_because)
{
    if (packet->captured == packet->length)
        return VERDICT_HOTDROP;
    *ret_because = MATCH_NOT_CAPTURED;
    return VERDICT_UNKNOWN;
}

static bool hook_has_in(enum rules_hook hook)
{
    return hook == RULES_PREROUTING || hook == RULES_INPUT || hook == RULES_FORWARD;
}

static enum verdict_answer match_interfaces(const struct rules_rule *rule, const struct verdict_packet *p,
                                            const char **ret_because)
{
    bool has_in = hook_has_in(p->hook), has_out = p->hook >= RULES_FORWARD;
    enum verdict_answer in =
        match_interface(&rule->in, has_in ? p->in : "", has_in && p->unknown & VERDICT_NO_IN);
    if (in == VERDICT_NO)
        return VERDICT_NO;
    enum verdict_answer out =
        match_interface(&rule->out, has_out ? p->out : "", has_out && p->unknown & VERDICT_NO_OUT);
    if (out == VERDICT_NO)
        return VERDICT_NO;
    if (in == VERDICT_UNKNOWN) {
        *ret_because = "the interface that the packet comes in by";
        return VERDICT_UNKNOWN;
    }
    if (out == VERDICT_UNKNOWN)
        *ret_because = "the interface that the packet leaves by";
    return out;
}

enum verdict_answer match_header(const struct rules_rule *rule, const struct verdict_packet *p,
                                 const char **ret_because)
{
    const struct packet *packet = p->packet;

    if (packet_address_under(&packet->source, &rule->source.address, &rule->source.mask) ==
        rule->source.inverted)
        return VERDICT_NO;
    if (packet_address_under(&packet->destination, &rule->destination.address, &rule->destination.mask) ==
        rule->destination.inverted)
        return VERDICT_NO;
    bool cut = rule->protocol != 0 && is_cut_chain(packet);
    if (!cut && !match_protocol(rule, packet))
        return VERDICT_NO;
    /* -f: second and further fragments. */
    if (rule->fragment && (packet->fragment_offset > 0) == rule->fragment_inverted)
        return VERDICT_NO;
    enum verdict_answer answer = match_interfaces(rule, p, ret_because);
    return cut && answer == VERDICT_YES ? match_cut_chain(packet, ret_because) : answer;
}

enum verdict_answer match_rule(const struct rules_rule *rule, const struct verdict_packet *p,
                               struct verdict_memory *memory, const char **ret_because, bool *ret_hotdrop)
{
    return match_rest(rule, true, UINT64_MAX, p, memory, ret_because, ret_hotdrop);
}

enum verdict_answer match_rest(const struct rules_rule *rule, bool header, uint64_t matches_left,
                               const struct verdict_packet *p, struct verdict_memory *memory,
                               const char **ret_because, bool *ret_hotdrop)
{
    const char *because = NULL;
    enum verdict_answer all = header ? match_header(rule, p, &because) : VERDICT_YES;

    if (all == VERDICT_NO || all == VERDICT_HOTDROP)
        return all;
    bool doubt = verdict_memory_in_doubt(memory);
    for (uint16_t i = 0; i < rule->match_count; i++) {
        const char *why = NULL;
        if (i < 64 && !(matches_left >> i & 1))
            continue;
        if (all == VERDICT_UNKNOWN)
            verdict_memory_doubt(memory, true);
        enum verdict_answer one = match_evaluate(&rule->matches[i], p, memory, rule->serial, i, &why);
        if (one == VERDICT_YES)
            continue;
        if (one == VERDICT_UNKNOWN && all == VERDICT_YES)
            because = why;
        bool sure = all == VERDICT_YES;
        if (one != VERDICT_UNKNOWN && (sure || one == VERDICT_NO)) {
            all = one;
            break;
        }
        all = VERDICT_UNKNOWN;
        if (one == VERDICT_HOTDROP) {
            *ret_hotdrop = true;
            break;
        }
    }
    verdict_memory_doubt(memory, doubt);
    if (all == VERDICT_UNKNOWN)
        *ret_because = because;
    return all;
}
