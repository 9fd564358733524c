/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_PASSAGE_CONNTRACK_H
#define SALLY_VERDICT_PASSAGE_CONNTRACK_H

/* Which connection a packet is of, and in what state (nf_conntrack_in); then what the FTP helper makes of it, and a new connection
 * enters the table (nf_confirm). */
#include "verdict/passage/passage.h"

bool passage_meet_conntrack(struct passage *g, const struct order_place *at);
bool passage_meet_confirm(struct passage *g, const struct order_place *at);

#endif
