/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_NEIGHBOURS_H
#define SALLY_EXPLAIN_PLAY_NEIGHBOURS_H

/*
 * IPv6 finds a machine on its link by ICMPv6 (RFC 4861), which ip6tables sees as it sees everything; ARP, by which IPv4 does, iptables
 * never sees. Where rules forget it, a session that they let pass never begins.
 */
#include "base/result.h"
#include "explain/play/world.h"

/* Adds to story, a made-up one without steps, the first message of neighbour discovery that the rules stop on a link on which the machine
 * has to look for somebody. *ret_sure: it has to; false: it was not said whether somebody has set where those are. 0, with no step if none
 * is stopped; -ENOMEM. */
MUST_USE int neighbours_find_stopped(struct wall_rules *r, const struct play *play, struct story *story,
                                     bool *ret_sure);

#endif
