/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_TASKS_H
#define SALLY_EXPLAIN_REPLAY_TASKS_H

#include "base/result.h"
#include "explain/story.h"

/* What the person in a capture wanted, read off the control channel: connect, login, each LIST, RETR, STOR;
 * and whether packets of it were stopped. Zeroed at first. */
struct replay_tasks {
    struct replay_task {
        char *name;
        bool stopped, doubtful;
        uint32_t step; /* the packet that decided */
    } *all;
    size_t count, capacity;
    struct track_tuple *data; /* of data channels that began, both ways found */
    size_t data_count, data_capacity;
    uint8_t data_ports[65536 / 8]; /* a bit for each port that one of them went to */
};

/* After step was judged. said: the line on the control channel, or "". 0 or -ENOMEM. */
MUST_USE int replay_tasks_look(struct replay_tasks *t, const struct story_step *step, const struct packet *p,
                               const char *said);
/* Is this the flow of a data channel that began before our eyes? */
bool replay_tasks_is_data(const struct replay_tasks *t, const struct track_tuple *tuple);
/* Does p come from the end of such a channel that accepted it? */
bool replay_tasks_listens(const struct replay_tasks *t, const struct packet *p);
/* One sentence about the packets that were stopped or can't be told; a new string, or NULL: out of memory. */
MUST_USE char *replay_conclude(const struct story *s, uint64_t dropped, uint64_t unknown);
/* Moves them into the story. 0 or -ENOMEM. */
MUST_USE int replay_tasks_take(struct replay_tasks *t, struct story *s);
void replay_tasks_fini(struct replay_tasks *t);

#endif
