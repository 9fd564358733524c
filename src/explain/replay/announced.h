/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_ANNOUNCED_H
#define SALLY_EXPLAIN_REPLAY_ANNOUNCED_H

#include "base/result.h"
#include "packet/packet.h"
#include "track/native/tracker.h"

/*
 * Which control channel announced which data channel, and what became of each expectation. Fed with the
 * tracker's events; announcements that no helper made an expectation of count too, since the ends acted on
 * them all the same.
 */
struct replay_channel {   /* a data channel and who announced it */
    char *data, *control; /* "192.168.0.2:40001 -> 192.168.0.18:10093" */
    char *announced_by;   /* "227 Entering Passive Mode (...)", NULL: nobody that we saw */
};

/* What was found. Owned by whoever took it. */
struct announced_found {
    char **expectations; /* made, one line each, with what became of it */
    size_t expectation_count;
    struct replay_channel *channels;
    size_t channel_count;
};

void announced_found_clear(struct announced_found *found);

struct announced;

MUST_USE struct announced *announced_new(void); /* NULL: out of memory */
void announced_free(struct announced **a);
/* said: the line that is on its way, "227 Entering..."; number: of its packet. 0 or -ENOMEM. */
MUST_USE int announced_event(struct announced *a, const struct track_event *event, const char *said,
                             uint32_t number);
/* A TCP connection begins with p: is it an announced one? 0 or -ENOMEM. is_suspect: between ends that have a
 * control channel, so it may be a data channel that nobody announced. *ret_data: it is one. */
MUST_USE int announced_connect(struct announced *a, const struct packet *p, bool is_suspect, bool *ret_data);
/* Moves what was found into *ret. */
void announced_take(struct announced *a, struct announced_found *ret);

#endif
