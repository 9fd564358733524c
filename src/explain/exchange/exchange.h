/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_EXCHANGE_EXCHANGE_H
#define SALLY_EXPLAIN_EXCHANGE_EXCHANGE_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * A plain exchange, there and back: a TCP connection with a request and its answer, a question and an answer
 * over UDP, a ping. protocol: PACKET_TCP, PACKET_UDP or PACKET_ICMP (which is ICMPv6 where the addresses are
 * IPv6). play holds its ends (ends.h) and where the firewall stands; the rest of it is completed.
 */

/* Plays it through r (not changed); tries fixes; concludes. NULL: out of memory. */
MUST_USE struct story *exchange_explain(const struct rules *r, uint8_t protocol, const struct play *play);

#endif
