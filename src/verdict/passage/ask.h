/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_PASSAGE_ASK_H
#define SALLY_VERDICT_PASSAGE_ASK_H

/* Rules are asked about a packet, and what they say is done. */
#include "verdict/passage/passage.h"

/* Of a table, or of one of nft's base chains. */
bool passage_meet_rules(struct passage *g, const struct order_place *at);
bool passage_meet_nft(struct passage *g, const struct order_place *at);
/* What the rules of one place say of a packet. */
void passage_walk_stop(const struct passage *g, const struct order_stop *stop, const struct verdict_packet *p,
                       const struct verdict_trace *trace, struct verdict *ret);
/* A table's rules are asked, and what they say is done. *v: what they said; ACCEPT, if they are not asked. */
bool passage_ask_rules(struct passage *g, const struct order_place *at, struct verdict *v);
/* The same of a base chain of nft's. */
bool passage_ask_nft(struct passage *g, const struct order_place *at, struct verdict *v);

#endif
