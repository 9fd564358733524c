/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PACKET_LOG_H
#define SALLY_EXPLAIN_PACKET_LOG_H

#include "base/result.h"

#include <stdbool.h>

/*
 * Packets as the kernel logs them: the LOG target, ufw and nft alike (net/netfilter/nf_log_syslog.c), whatever stands
 * before it:
 *
 *   ... [UFW BLOCK] IN=eth0 OUT= MAC=... SRC=203.0.113.9 DST=192.0.2.10 LEN=60 ... PROTO=TCP SPT=50112 DPT=21 ... SYN ...
 */

/* Is there such a packet in the text? */
bool packet_log_is(const char *text);

/*
 * The first one, in the words that packet/words.h reads. Which state its connection has is not in a log. 0 and *ret
 * (the caller frees); -EINVAL with *message (the caller frees): what it lacks; -ENOMEM.
 */
MUST_USE int packet_log_words(const char *text, char **ret, char **message);

#endif
