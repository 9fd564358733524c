/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_RULES_MADE_H
#define SALLY_TESTS_ORACLE_RULES_MADE_H

#include "random.h"
#include "rules/model.h"

/* A rule set as iptables-restore reads it: tables raw and filter, with user chains and everything in them
 * that decides by the packet, the connection, or what came before (nothing random, nothing about time). The
 * first rule of raw's OUTPUT drops what the kernel sends by itself. A new string.
 * more: matches that only the program is asked about, among them sets. */
char *rules_made(uint8_t family, bool nft, bool more, struct dice *d);
/* The sets that such rules name, as ipset saves them. */
const char *rules_sets(uint8_t family);
/* What leave_out leaves of such a text. Takes text; a new string. */
char *rules_left(char *text, uint8_t family, void (*leave_out)(struct rules *rules));
/* No rules, and policies that accept: nothing stands between the packets and the tracking. A new string. */
char *rules_none(void);

#endif
