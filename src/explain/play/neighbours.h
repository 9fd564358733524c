/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_NEIGHBOURS_H
#define SALLY_EXPLAIN_PLAY_NEIGHBOURS_H

/*
 * IPv6 finds a machine on its link by ICMPv6 (RFC 4861), which ip6tables sees as it sees everything; ARP, by which IPv4 does, iptables
 * never sees. Where rules forget it, a session that they let pass never begins.
 */
#include "base/result.h"
#include "explain/play/world.h"

enum neighbours_need {
    NEIGHBOURS_NEEDED,
    NEIGHBOURS_MAYBE, /* it was not said whether the machine knows where they are */
    NEIGHBOURS_NEVER, /* IPv4; or they are set by hand, or alone on their links */
};

/* Of who is played. */
enum neighbours_need neighbours_need(const struct rules *r, const struct play *play);

/* Adds to story, which may be a made-up one, the first of the four messages that the rules stop, as they judge it. 0, with no step if
 * they stop none; -ENOMEM. */
MUST_USE int neighbours_find_stopped(struct wall_rules *r, const struct play *play, struct story *story);

#endif
