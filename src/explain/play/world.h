/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_WORLD_H
#define SALLY_EXPLAIN_PLAY_WORLD_H

#include "explain/make.h"
#include "explain/play/play.h"

/* What the firewall of a struct play knows of the world, and what it is told while a packet is judged. */

/* Fills in what the person did not say: family, addresses that suit the rules, ranges of ports. */
void play_complete(const struct rules *r, struct play *play);
/* Kernel, manner and the helper's parameters. */
void play_config(const struct play *play, struct track_config *ret);
/* The way through the firewall of a packet that from sends. */
enum wall_path play_path(const struct play *play, enum story_lane from);
/* Interfaces and addresses, for a packet that from sends. Borrows from play. */
void play_world(const struct play *play, enum story_lane from, struct wall_world *ret);
/* Do client and server run on the machine that filters, so that their packets go over loopback? */
bool play_is_local(const struct play *play);
const struct packet_address *play_address(const struct play *play, enum story_lane side);

/* The rule that decided, whatever table it stands in; NULL: none did. */
const struct verdict *play_verdict(const struct wall_report *report);

/* Notes down, on the last step of a story, the rules that were looked at and what the tracker did. */
struct play_watch {
    struct story *story;
    const struct rules *rules;
    bool looked; /* the rules, too */
    int error;   /* 0 or -ENOMEM, sticky */
};
void play_watch_rule(void *arg, const struct rules_chain *chain, const struct rules_rule *rule,
                     uint32_t number, enum verdict_answer answer);
void play_watch_event(void *arg, const struct track_event *event);

#endif
