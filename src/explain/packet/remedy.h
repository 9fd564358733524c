/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PACKET_REMEDY_H
#define SALLY_EXPLAIN_PACKET_REMEDY_H

#include "base/result.h"
#include "explain/play/settings.h"

/* What would let a packet in that was stopped: if it begins an exchange (a SYN, a datagram, an echo request), the
 * repairs of that exchange, each tried there and back. Adds them to story. play: with the packet's family and
 * interfaces. 0 or -ENOMEM. */
MUST_USE int packet_remedy(struct story *story, const struct rules *r, const struct packet *packet,
                           enum wall_path path, const struct play *play);

#endif
