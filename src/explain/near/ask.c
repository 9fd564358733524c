/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/near/ask.h"

#include <stdio.h>
#include <string.h>

#include "verdict/condition/field.h"
#include "verdict/condition/read.h"

enum {
    FEW_PORTS = 1024, /* a range of more says little about the packet */
    NEIGHBOURS = 10,  /* ports that far apart may be meant to be the same */
    UNPRIVILEGED = 1024,
};

struct asker {
    const struct rules_rule *rule;
    const struct verdict_packet *p;
    struct verdict_memory *memory;
    struct near_asked *asked;
};

/* ---- ports ---- */

static bool is_port(uint8_t field)
{
    return field == CONDITION_SOURCE_PORT || field == CONDITION_DESTINATION_PORT || field == CONDITION_PORTS;
}

/* 2121 and 21, 8080 and 80: the digits of one among those of the other. */
static bool has_digits(unsigned a, unsigned b)
{
    char longer[8], shorter[8];
    snprintf(longer, sizeof(longer), "%u", a > b ? a : b);
    snprintf(shorter, sizeof(shorter), "%u", a > b ? b : a);
    return strstr(longer, shorter) != NULL;
}

/* May who wrote the one have meant the other? Two well-known ports are two services. */
static bool looks_like(unsigned wanted, unsigned port)
{
    unsigned apart = wanted > port ? wanted - port : port - wanted;
    if (wanted < UNPRIVILEGED && port < UNPRIVILEGED)
        return false;
    return apart <= NEIGHBOURS || has_digits(wanted, port);
}

/* A range that leaves the packet's port out; a port like it; or the right one at the wrong end. */
static bool is_near_range(uint64_t first, uint64_t last, bool inverted, unsigned port, unsigned other)
{
    if (inverted || first != last)
        return port >= UNPRIVILEGED || last < UNPRIVILEGED;
    return looks_like((unsigned)first, port) || first == other;
}

static bool is_near_port(const struct condition *c, const struct verdict_packet *p)
{
    const struct packet *packet = p->packet;
    unsigned port = c->field == CONDITION_SOURCE_PORT ? packet->source_port : packet->destination_port;
    unsigned other = c->field == CONDITION_SOURCE_PORT ? packet->destination_port : packet->source_port;
    if (c->kind == CONDITION_RANGE)
        return is_near_range(c->range.first.low, c->range.last.low, c->inverted, port, other);
    bool is_near = c->inverted;
    for (uint8_t i = 0; i < c->count; i++)
        is_near |= is_near_range(c->list[i].first, c->list[i].last, false, port, other);
    return is_near;
}

/* ---- addresses ---- */

/* "-s 0.0.0.0/32", which is nobody's; or one of the same neighbourhood: a /16, or a /48 of IPv6. */
static bool is_near_address(const struct condition *c, const struct verdict_packet *p)
{
    const struct packet *packet = p->packet;
    bool is_source = c->field == CONDITION_SOURCE, is_six = packet->family == PACKET_IPV6;
    struct condition_value own =
        condition_value_address(is_source ? &packet->source : &packet->destination, packet->family);
    struct condition_value wanted = c->kind == CONDITION_RANGE ? c->range.first : c->masked.wanted;
    if (c->inverted || (wanted.high == 0 && wanted.low == 0))
        return true;
    return is_six ? own.high >> 16 == wanted.high >> 16 : own.low >> 16 == wanted.low >> 16;
}

/* ---- what a condition tells ---- */

static bool wants_loopback(const struct condition *c)
{
    if (c->inverted)
        return false;
    if (c->field == CONDITION_IN || c->field == CONDITION_OUT)
        return condition_asks_loopback(c);
    if (c->field != CONDITION_SOURCE && c->field != CONDITION_DESTINATION)
        return false;
    if (c->kind != CONDITION_MASKED)
        return false;
    bool four = c->masked.mask.high == 0 && c->masked.wanted.low >> 24 == 127;
    return four || (c->masked.wanted.high == 0 && c->masked.wanted.low == 1);
}

/* Of a condition that does not hold: is the rule about something else altogether? */
static bool is_foreign(const struct condition *c, const struct verdict_packet *p)
{
    bool is_new = p->view && p->view->state == TRACK_NEW;
    switch (c->field) {
    case CONDITION_STATE:
    case CONDITION_HELPER:
    case CONDITION_CT_STATUS:
    case CONDITION_CT_DIRECTION:
        return is_new; /* nearly every rule set has a rule for what is established */
    case CONDITION_TRANSPORT:
    case CONDITION_ICMP:
    case CONDITION_FRAGMENT:
    case CONDITION_PKTTYPE:
        return true;
    default:
        return wants_loopback(c);
    }
}

static unsigned width(const struct condition *c)
{
    unsigned sum = 0;
    if (c->kind == CONDITION_RANGE)
        return (unsigned)(c->range.last.low - c->range.first.low) + 1;
    for (uint8_t i = 0; i < c->count; i++)
        sum += (unsigned)(c->list[i].last - c->list[i].first) + 1;
    return sum;
}

/* How much a condition that holds tells this packet from others. */
static unsigned specific(const struct condition *c)
{
    if (c->inverted)
        return 0;
    if (is_port(c->field))
        return width(c) <= FEW_PORTS ? 4 : 1;
    switch (c->field) {
    case CONDITION_ICMP:
        return 3;
    case CONDITION_SOURCE:
    case CONDITION_DESTINATION:
        return 2;
    case CONDITION_IN:
    case CONDITION_OUT:
    case CONDITION_PROTOCOL:
        return 1;
    default:
        return 0;
    }
}

/* ---- asking ---- */

static void note_held(struct asker *a, const struct condition *c)
{
    struct near_asked *asked = a->asked;
    asked->specific += specific(c);
    asked->holds_port |= is_port(c->field) && specific(c) > 1;
    asked->holds_source |= c->field == CONDITION_SOURCE && !c->inverted;
    asked->holds_state |= c->field == CONDITION_STATE;
    if (c->kind != CONDITION_CALL || match_is_stateless(&a->rule->matches[c->match]))
        return;
    asked->is_stateful = true;
    asked->stateful = *c;
}

static void note_failed(struct asker *a, const struct condition *c)
{
    struct near_asked *asked = a->asked;
    if (asked->fails < NEAR_FAILS)
        asked->failing[asked->fails] = *c;
    asked->fails++;
    asked->is_foreign |= is_foreign(c, a->p);
    if (c->field == CONDITION_SOURCE || c->field == CONDITION_DESTINATION)
        asked->is_far |= !is_near_address(c, a->p);
    if (is_port(c->field)) {
        asked->fails_port = true;
        asked->is_port_near = is_near_port(c, a->p);
    }
}

static void note_unknown(struct asker *a, const struct condition *c)
{
    if (c->field == CONDITION_IN || c->field == CONDITION_OUT)
        a->asked->is_interface_unknown = true;
    else
        a->asked->is_unknown = true;
}

/* A condition_visit. */
static bool ask_one(void *arg, const struct condition *c)
{
    struct asker *a = arg;
    a->asked->asks_port |= is_port(c->field);
    switch (match_conditions(a->rule, (const uint8_t *)c, &(uint32_t){0}, 1, UINT64_MAX, a->p, a->memory)
                .answer) {
    case VERDICT_YES:
        note_held(a, c);
        break;
    case VERDICT_NO:
        note_failed(a, c);
        break;
    case VERDICT_UNKNOWN:
        note_unknown(a, c);
        break;
    case VERDICT_HOTDROP: /* of a header that is too short, by a rule for another protocol */
        a->asked->is_foreign = true;
        break;
    }
    return a->asked->fails <= NEAR_FAILS;
}

void near_ask(const struct rules_rule *rule, const struct verdict_packet *p, struct verdict_memory *memory,
              struct near_asked *ret)
{
    *ret = (struct near_asked){0};
    struct asker asker = {.rule = rule, .p = p, .memory = memory, .asked = ret};
    condition_read(rule, p->packet->family, ask_one, &asker);
}

static bool fails_field(const struct near_asked *a, enum condition_field field)
{
    for (unsigned i = 0; i < a->fails && i < NEAR_FAILS; i++) {
        if (a->failing[i].field == field)
            return true;
    }
    return false;
}

bool near_is_near(const struct near_asked *a)
{
    if (a->is_foreign || a->is_unknown || a->is_interface_unknown || a->fails == 0 || a->fails > NEAR_FAILS)
        return false;
    if (a->fails > 1)
        return a->holds_port && !a->fails_port;
    if (a->fails_port)
        return a->is_port_near || a->holds_state || a->holds_source;
    if (fails_field(a, CONDITION_PROTOCOL))
        return a->holds_port;
    return !a->is_far || a->specific > 1; /* who lets all in that comes from elsewhere means just that */
}

/* ---- what kind of rule it is ---- */

struct kind {
    bool asks_state, asks_ports;
    uint8_t states; /* that all conditions so far want */
};

static uint8_t wanted_states(const struct condition *c)
{
    static const enum track_state states[] = {TRACK_INVALID, TRACK_NEW, TRACK_ESTABLISHED, TRACK_RELATED,
                                              TRACK_UNTRACKED};
    uint8_t bits = 0;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        uint64_t bit = condition_state_bit((uint8_t)states[i]);
        if (condition_wants(c, (struct condition_value){0, bit}))
            bits |= (uint8_t)(1U << states[i]);
    }
    return bits;
}

/* A condition_visit. */
static bool classify(void *arg, const struct condition *c)
{
    struct kind *k = arg;
    k->asks_ports |= is_port(c->field);
    if (c->field != CONDITION_STATE)
        return true;
    k->states &= wanted_states(c);
    k->asks_state = true;
    return true;
}

void near_classify(const struct rules_rule *rule, uint8_t family, uint8_t *ret_states, bool *ret_asks_ports)
{
    struct kind k = {.states = UINT8_MAX};
    condition_read(rule, family, classify, &k);
    bool is_state_rule =
        rule->target.type == RULES_TARGET_ACCEPT && k.asks_state && !(k.states >> TRACK_NEW & 1);
    *ret_states = is_state_rule ? k.states : 0;
    *ret_asks_ports = k.asks_ports;
}
