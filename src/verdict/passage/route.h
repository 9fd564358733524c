/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_PASSAGE_ROUTE_H
#define SALLY_VERDICT_PASSAGE_ROUTE_H

/* Where a packet goes. */
#include "verdict/passage/passage.h"

/* Behind PREROUTING; before OUTPUT, and behind it where NAT gave it another destination. false: it goes nowhere. */
bool passage_route(struct passage *g);
/* ip_forward, ip6_forward: what has no hop left is dropped, and else it has one less. How many a sender gives it is enough. */
bool passage_meet_forwarding(struct passage *g);

#endif
