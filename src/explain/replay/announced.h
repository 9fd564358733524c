/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_ANNOUNCED_H
#define SALLY_EXPLAIN_REPLAY_ANNOUNCED_H

#include "base/result.h"
#include "packet/packet.h"
#include "track/native/tracker.h"

/* What became of each expectation, and why an announcement led to none. Fed with the tracker's events. */
struct announced;

MUST_USE struct announced *announced_new(void); /* NULL: out of memory */
void announced_free(struct announced **a);
/* number: of the packet that is on its way. 0 or -ENOMEM. */
MUST_USE int announced_event(struct announced *a, const struct track_event *event, uint32_t number);
/* Why the announcement in packet number led to no expectation; TRACK_OK: it did, or there is none. */
enum track_reason announced_missed(const struct announced *a, uint32_t number);
/* Moves the lines into *ret, one an expectation that was made, with what became of it. */
void announced_take(struct announced *a, char ***ret, size_t *ret_count);

#endif
