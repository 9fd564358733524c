/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_PASSAGE_NAT_H
#define SALLY_VERDICT_PASSAGE_NAT_H

/* What NAT makes of a connection, by the rules that its first packet meets, and of each of its packets (nf_nat_inet_fn). */
#include "verdict/passage/passage.h"

/* nf_nat_inet_fn: rules decide about a connection once, the first that maps it; what follows of it is translated alike. */
bool passage_meet_nat(struct passage *g, const struct order_place *at);

#endif
