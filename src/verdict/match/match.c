/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/match/match.h"

#include "verdict/condition/field.h"
#include "verdict/match/topic.h"

/* Matches that ask for more than a number. Those without a row are all conditions (verdict/condition/read.c). */
static const struct {
    match_function *evaluate;
    bool stateless; /* depends on nothing but the packet and its state */
    bool transport; /* reads the transport header, and drops a packet that has none */
    bool ends;      /* asks for its addresses or ports, which NAT may have chosen */
} calls[RULES_MATCH_TYPES] = {
    [RULES_MATCH_TCP] = {match_tcp_option, true, true},
    [RULES_MATCH_TCPMSS] = {match_tcpmss, true, true},
    [RULES_MATCH_U32] = {match_u32, true, true, true},
    [RULES_MATCH_ADDRTYPE] = {match_addrtype, true, false, true},
    [RULES_MATCH_LIMIT] = {match_limit, false, false},
    [RULES_MATCH_HASHLIMIT] = {match_hashlimit, false, false, true},
    [RULES_MATCH_CONNLIMIT] = {match_connlimit, false, false, true},
    [RULES_MATCH_RECENT] = {match_recent, false, false, true},
    [RULES_MATCH_STATISTIC] = {match_statistic, false, false},
    [RULES_MATCH_TIME] = {match_time, false, false},
    [RULES_MATCH_SET] = {match_set, false, false, true},
    [RULES_MATCH_PHYSDEV] = {match_physdev, false, false},
    [RULES_MATCH_OWNER] = {match_owner, false, false},
    [RULES_MATCH_IPV6HEADER] = {match_ipv6header, true, false},
    [RULES_MATCH_RPFILTER] = {match_rpfilter, false, false},
    [RULES_MATCH_UNKNOWN] = {match_told_unknown, false, false},
    [RULES_MATCH_OPAQUE] = {match_opaque, false, false},
};

bool match_is_stateless(const struct rules_match *match)
{
    return calls[match->type].stateless;
}

bool match_reads_transport(const struct rules_match *match)
{
    return calls[match->type].transport;
}

const char *match_hidden(uint8_t field)
{
    switch (field) {
    case CONDITION_IN:
        return "the interface that the packet comes in by";
    case CONDITION_OUT:
        return "the interface that the packet leaves by";
    case CONDITION_MARK:
        return "the mark of the packet";
    case CONDITION_FLAGS:
        return MATCH_TCP_CHANGED;
    case CONDITION_LENGTH:
        return "the length of the packet, which its sender chooses and a rule before may change";
    case CONDITION_TTL:
        return "the TTL of the packet, which its sender chooses and a rule before may change";
    case CONDITION_TOS:
        return "the TOS field of the packet, which its sender chooses and a rule before may change";
    case CONDITION_MAC:
        return "the hardware address that the packet comes from";
    case CONDITION_PKTTYPE:
        return "how the packet was addressed on the link";
    case CONDITION_CONNMARK:
        return "the mark of the connection";
    case CONDITION_SOURCE:
    case CONDITION_DESTINATION:
    case CONDITION_SOURCE_PORT:
    case CONDITION_DESTINATION_PORT:
    case CONDITION_PORTS:
    case CONDITION_CT_REPLY_SOURCE:
    case CONDITION_CT_REPLY_DESTINATION:
    case CONDITION_CT_REPLY_SOURCE_PORT:
    case CONDITION_CT_REPLY_DESTINATION_PORT:
        return MATCH_MAPPED;
    default: /* HELPER */
        return "what another helper than ftp does";
    }
}

struct asking {
    const struct rules_rule *rule;
    const struct verdict_packet *p;
    struct verdict_memory *memory;
    /* struct match_answer so far */
    enum verdict_answer answer;
    bool hotdrop;
    const char *because;
};

static inline __attribute__((always_inline)) enum verdict_answer
ask_one(const struct asking *a, const struct condition *c, const char **ret_because)
{
    enum condition_reading reading;

    if (c->kind == CONDITION_CALL) {
        const struct rules_match *match = &a->rule->matches[c->match];
        const struct match_question q = {.match = match,
                                         .p = a->p,
                                         .memory = a->memory,
                                         .serial = a->rule->serial,
                                         .index = c->match,
                                         .because = ret_because};
        if (calls[match->type].ends && a->p->unknown & VERDICT_NO_ENDS) {
            *ret_because = MATCH_MAPPED;
            return VERDICT_UNKNOWN;
        }
        return calls[match->type].evaluate(&q);
    }
    enum verdict_answer answer = condition_holds(c, a->p, &reading);
    if (answer == VERDICT_UNKNOWN)
        *ret_because = reading == CONDITION_UNCAUGHT ? MATCH_NOT_CAPTURED : match_hidden(c->field);
    return answer;
}

/* A condition_visit. */
static inline __attribute__((always_inline)) bool ask_next(void *arg, const struct condition *c)
{
    struct asking *a = arg;
    bool sure = a->answer == VERDICT_YES;
    const char *because = NULL;
    enum verdict_answer one = ask_one(a, c, &because);

    if (one == VERDICT_YES)
        return true;
    if (one == VERDICT_NO || (sure && one == VERDICT_HOTDROP)) {
        a->answer = one;
        a->because = NULL;
        return false;
    }
    if (sure) {
        a->answer = VERDICT_UNKNOWN;
        a->because = because;
        verdict_memory_doubt(a->memory, true);
    }
    a->hotdrop = one == VERDICT_HOTDROP;
    return !a->hotdrop;
}

#define CONDITION_VISIT ask_next
#include "verdict/condition/reading.h"

struct match_answer match_rule(const struct rules_rule *rule, const struct verdict_packet *p,
                               struct verdict_memory *memory)
{
    struct asking a = {.rule = rule, .p = p, .memory = memory, .answer = VERDICT_YES};
    bool doubt = verdict_memory_in_doubt(memory);

    condition_read_inline(rule, p->packet->family, &a);
    verdict_memory_doubt(memory, doubt);
    return (struct match_answer){a.answer, a.because, a.hotdrop};
}

struct match_answer match_conditions(const struct rules_rule *rule, const uint8_t *base,
                                     const uint32_t *offsets, uint32_t count, uint64_t left,
                                     const struct verdict_packet *p, struct verdict_memory *memory)
{
    struct asking a = {.rule = rule, .p = p, .memory = memory, .answer = VERDICT_YES};
    bool doubt = verdict_memory_in_doubt(memory);

    for (uint32_t i = 0; i < count; i++) {
        if (i < 64 && !(left >> i & 1))
            continue;
        if (!ask_next(&a, (const struct condition *)(const void *)(base + offsets[i])))
            break;
    }
    verdict_memory_doubt(memory, doubt);
    return (struct match_answer){a.answer, a.because, a.hotdrop};
}
