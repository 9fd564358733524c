/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_CONNLIMIT_H
#define SALLY_VERDICT_MATCH_CONNLIMIT_H

/* How connections are counted (nf_conncount.c), for connlimit and for nft's "ct count". */
#include "verdict/memory.h"

/* The connection that is counted: the packet's, or in raw and of untracked ones what its own ends make. false: nothing can
 * be made of them. */
bool connlimit_tuple(const struct verdict_packet *p, struct track_tuple *ret);
/* Forgets those that have ended, and counts this one if it has not been. false: out of memory. */
MUST_USE bool connlimit_count(const struct verdict_packet *p, const struct track_tuple *tuple,
                              struct memory_connections *c);

#endif
