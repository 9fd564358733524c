/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PACKET_QUESTION_H
#define SALLY_EXPLAIN_PACKET_QUESTION_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * One packet, described by a person, and its path through the rules.
 *
 *   tcp 198.51.100.7:40000 > 192.168.0.18:22 syn state=new in=eth0
 *   udp [2001:db8::1]:5353 -> [2001:db8::2]:53
 *   icmp 192.0.2.1 > 192.0.2.2 type 8
 *   -p tcp -s 198.51.100.7 -d 192.168.0.18 --dport 22 --syn
 *   [UFW BLOCK] IN=eth0 OUT= MAC=... SRC=198.51.100.7 DST=192.168.0.18 ... PROTO=TCP SPT=40000 DPT=22 ... SYN ...
 *
 * Without state= a tracker that has seen nothing yet says what the packet is; with it, what the person says
 * holds, and is told as that. Without hook= a packet with in= and out= is forwarded, one with in= alone comes in
 * and one with out= alone goes out (on a gateway these two are forwarded as well); without either, it enters at
 * play->where, from the client's side. The story's client is the end that asks, as far as addresses, flags and
 * ports tell.
 */

/*
 * Asks the question line of r (not changed). play: where, kernel, manner, interfaces, sets, time, rules_name.
 * 0 and *ret, a story of one step and kind STORY_PACKET. -EINVAL with *message (caller frees): the line can't
 * be understood, with its column and what was expected. -ENOMEM.
 */
MUST_USE int packet_question_ask(const struct rules *r, const char *line, const struct play *play,
                                 struct story **ret, char **message);

/* The enum packet_family of the packet in line; 0: line can't be understood. */
uint8_t packet_question_family(const char *line);

#endif
