/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_NEAR_ASK_H
#define SALLY_EXPLAIN_NEAR_ASK_H

/* One rule, asked all its conditions of one packet. */
#include "rules/model.h"
#include "verdict/match/match.h"

enum { NEAR_FAILS = 2 }; /* a rule of which more does not hold is not near */

struct near_asked {
    unsigned fails; /* conditions that do not hold */
    struct condition failing[NEAR_FAILS];
    bool is_unknown;           /* of some condition it can't be told whether it holds... */
    bool is_interface_unknown; /* ...or only of interfaces */
    bool is_foreign;           /* what does not hold says that the rule is about other traffic */
    bool holds_port;           /* it names a port, or few, and this one is among them */
    bool holds_state;          /* it names states, and this one is among them */
    bool holds_source;         /* it names where the packet comes from */
    bool asks_port;
    bool fails_port;   /* a port is among what does not hold... */
    bool is_port_near; /* ...and looks like it */
    bool is_far;       /* an address is among it, and is of somewhere else */
    unsigned specific; /* how much of what holds tells this packet from others */
    bool is_stateful;  /* a condition that holds here may not have held then: limits and the like... */
    struct condition stateful; /* ...this one */
};

/* memory: of nothing yet. */
void near_ask(const struct rules_rule *rule, const struct verdict_packet *p, struct verdict_memory *memory,
              struct near_asked *ret);

static inline bool near_holds(const struct near_asked *a)
{
    return a->fails == 0 && !a->is_unknown && !a->is_interface_unknown;
}

/* What kind of rule it is. *ret_states: if it is a state rule, one that accepts by the state of the connection and
 * leaves new connections to others, the states that it accepts, as bits 1 << enum track_state; else 0. */
void near_classify(const struct rules_rule *rule, uint8_t family, uint8_t *ret_states, bool *ret_asks_ports);

/* Is a rule of which only this does not hold worth telling? */
bool near_is_near(const struct near_asked *a);

#endif
