/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_WORLD_H
#define SALLY_EXPLAIN_PLAY_WORLD_H

#include "base/result.h"
#include "explain/make.h"
#include "explain/play/settings.h"

/* What the firewall of a struct play knows of the world, and what it is told while a packet is judged. */

/* Fills in what the person did not say: family, addresses that suit the rules, ranges of ports. 0 or -ENOMEM.
 */
MUST_USE int play_complete(const struct rules *r, struct play *play);
/* Kernel, manner and the helper's parameters. */
void play_config(const struct play *play, struct track_config *ret);
/* The way through the firewall of a packet that from sends. */
enum wall_path play_path(const struct play *play, enum story_lane from);
/* The port of range that is used as the n-th: from the customary one on where the range has room, else from its
 * fourth on. */
uint16_t play_port_in(struct rules_range16 range, uint16_t customary, unsigned n);
/* Is that side on the firewall's own machine? */
bool play_is_here(const struct play *play, enum story_lane side);
/* Interfaces and addresses, for a packet that from sends. Borrows from play. */
void play_world(const struct play *play, enum story_lane from, struct wall_world *ret);
/* Do client and server run on the machine that filters, so that their packets go over loopback? */
bool play_is_local(const struct play *play);
bool play_is_loopback(const struct packet_address *a, uint8_t family); /* 127.0.0.0/8, ::1 */
const struct packet_address *play_address(const struct play *play, enum story_lane side);

/* Notes down, on the last step of a story, the rules that were looked at and what the tracker did. */
struct play_watch {
    struct story *story;
    const struct rules *rules;
    uint32_t looked; /* number of the step whose rules are noted down; 0: of none */
    int error;       /* 0 or -ENOMEM, sticky */
};
enum { PLAY_WATCH_ALL = -1 }; /* steps, as watch.looked */
/* What the wall is given at the step for its rules to be noted down: ret, or NULL, so that they need not be
 * asked one by one. */
const struct verdict_trace *play_watch_trace(struct play_watch *w, const struct story_step *step,
                                             struct verdict_trace *ret);
void play_watch_event(void *arg, const struct track_event *event);

#endif
