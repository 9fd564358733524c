/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_NATIVE_STORE_H
#define SALLY_TRACK_NATIVE_STORE_H

/*
 * What a tracker keeps: flows, control connections, expectations, and whom it tells of them. What it decides
 * about them is in the freestanding headers.
 *
 * Life of a flow: taken from the pool by tracker_begin, in the table from tracker_commit on, out of it when
 * it ends. The slot of a flow that tracker_begin itself ends (a refused connection) is held until the packet
 * is done with. A control connection, that is one with the FTP helper, has a record besides; its number is
 * the handle that its children and its expectation know it by. It outlives the connection while somebody
 * knows the number.
 */
#include "track/decide.h"
#include "track/ftp_line.h"
#include "track/native/event.h"
#include "track/native/table.h"

/* By how much one direction's sequence numbers differ behind NAT's helper; nf_conntrack_seqadj.h: nf_ct_seqadj. */
struct track_shift {
    uint32_t position; /* from which, exclusive, after counts */
    uint32_t before, after;
};

/* A control connection. */
struct control {
    uint32_t slot;  /* of its flow; TABLE_NONE: it has ended */
    uint32_t users; /* the flow, its children, its expectation */
    uint32_t
        expectation; /* number, 0: none; there is never more than one (max_expected of the kernel's helper) */
    uint32_t next_free;
    struct track_ftp ftp;
    struct track_shift shift[TRACK_DIRECTIONS];
    struct track_ftp_line line[]; /* robust: one a direction */
};

/* An expectation, in the list from the oldest to the newest, which is also the order in which they expire. */
struct expected {
    struct track_expectation e;
    uint32_t older, newer;   /* numbers, 0: none */
    uint32_t next_in_bucket; /* also: of the free ones */
};

enum { EXPECTED_BUCKETS = 1024 };

struct expectations {
    struct expected *all; /* number 1 is all[0] */
    uint32_t capacity, count;
    uint32_t free, oldest, newest;
    uint32_t bucket[EXPECTED_BUCKETS];
};

struct tracker {
    struct track_settings settings;
    struct table table;
    track_on_event *on_event;
    void *arg;
    uint64_t now;
    uint32_t last_serial;
    uint32_t current; /* slot of the flow that begin has shown */
    uint32_t current_hash;
    uint32_t held;  /* slot to give back when the packet is done with */
    uint32_t sweep; /* slot that was last looked at for its age */

    uint8_t *controls; /* of control_size bytes each; number 1 is the first */
    size_t control_size;
    uint32_t control_capacity, control_top, control_free;
    struct expectations expectations;
};

void tracker_tell(struct tracker *t, enum track_event_type type, enum track_reason reason,
                  const struct track_flow *flow, const struct track_expectation *e);

/* ---- flows ---- */

/* In the table, and not about to leave it. */
bool tracker_has(const struct tracker *t, uint32_t slot);
/* A flow in the table ends; its slot is given back at once, or, if it is the current one, held. */
void tracker_end_flow(struct tracker *t, uint32_t slot);
/* A flow that is not in the table is forgotten. */
void tracker_forget_flow(struct tracker *t, uint32_t slot);
/* The flow in the table that tuple belongs to, or TABLE_NONE. One whose time is over ends now. */
uint32_t tracker_find_flow(struct tracker *t, const struct track_tuple *tuple, uint32_t hash,
                           enum track_direction *direction);
/* A flow enters the table: under the tuples of both its directions, which differ if NAT maps an end. hash: of the
 * original one. */
void tracker_index_flow(struct tracker *t, uint32_t slot, uint32_t hash);
/* Is there room for a new flow? Looks at the age of some others, and pushes one near hash out of a full table. */
MUST_USE bool tracker_has_room(struct tracker *t, uint32_t hash);

/* ---- control connections ---- */

static inline struct control *tracker_control(const struct tracker *t, uint32_t number)
{
    return (void *)(t->controls + (number - 1) * t->control_size);
}

/* Its number, with one user; 0: out of memory. */
uint32_t tracker_control_new(struct tracker *t, uint32_t slot);
void tracker_control_use(struct tracker *t, uint32_t number);
void tracker_control_unuse(struct tracker *t, uint32_t number);
/* Its flow, or NULL: it has ended, or there is none of that number. */
struct track_flow *tracker_control_flow(const struct tracker *t, uint32_t number);

/* ---- expectations ---- */

/* 0; -EBUSY: another control connection expects the same; -EMFILE: too many, or out of memory. */
MUST_USE int tracker_expect(struct tracker *t, const struct track_expectation *e,
                            const struct track_flow *master);
/* Number of the expectation that wants this tuple, or 0. */
uint32_t tracker_expected(const struct tracker *t, const struct track_tuple *tuple);
/* Removes it, saying why. */
void tracker_unexpect(struct tracker *t, uint32_t number, enum track_event_type why,
                      const struct track_flow *flow);
void tracker_expire_expectations(struct tracker *t);

#endif
