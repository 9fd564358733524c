/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_SURVEY_RUN_H
#define SALLY_EXPLAIN_REPLAY_SURVEY_RUN_H

#include "explain/replay/dialog.h"
#include "explain/replay/findings.h"
#include "explain/replay/follow.h"
#include "explain/replay/reading.h"

/*
 * A survey on its way through a capture, for the files that make it: survey.c meets packets and tells which connection
 * is what, survey_control.c and survey_data.c take those of FTP sessions. What returns int: 0 or -ENOMEM.
 */
enum {
    SURVEY_PORTS = 65536,
    SURVEY_SYNS = 256, /* the latest, to know them again behind a translation of addresses */
};

struct survey_announcement {
    struct packet_address from, to, instead; /* instead: the speaker itself, if it named another */
    uint16_t port;
    uint8_t family;
    bool from_client;
    uint32_t session, task, frame, next; /* next: the one before with the same port, by index + 1 */
    char *said;
};

struct survey_syn {
    uint64_t now_ms;
    uint32_t sequence, serial;
    struct packet_address address[2];
    uint16_t port[2], window;
    uint8_t family, ttl, header;
};

struct survey_run {
    struct survey *survey;
    struct survey_syn syns[SURVEY_SYNS];
    uint32_t syn_count;
    struct follower *follower;
    const uint16_t *ports;
    size_t port_count;
    struct survey_announcement *announced;
    uint32_t announced_count, announced_capacity;
    uint32_t latest[SURVEY_PORTS];
    const struct reading_packet *now; /* the packet that is looked at */
    struct follow_event event;        /* what it did to its connection */
    int error;
};

/* What struct follow.user holds: 0 nothing, else an index + 1 in roles, which are not sorted yet. */

static inline struct survey_task *survey_task_at(struct survey *s, uint32_t task)
{
    return task == SURVEY_NONE ? NULL : &s->tasks[task];
}

/* ---- control connections (survey_control.c) ---- */

/* Is it one at which control connections are looked for? */
bool survey_is_port(const struct survey_run *run, uint16_t port);
/* c is a control connection; by_port: for its port only. */
MUST_USE int survey_add_session(struct survey_run *run, struct follow *c, const struct packet *p,
                                bool by_port);
/* p is of the session with that index. */
MUST_USE int survey_control_packet(struct survey_run *run, uint32_t index, const struct packet *p);
/* Tasks that are open when the control connection ends: failed because of what, or given up by the client
 * itself. */
MUST_USE int survey_end_tasks(struct survey_run *run, const struct survey_session *session, uint32_t frame,
                              enum survey_state state, const char *what);
/* What the end of a session means, once it is clear that the capture has all of it: an open task has failed,
 * unless its answer is among what the capture lacks. */
MUST_USE int survey_judge_end(struct survey_run *run, struct survey_session *s);

/* ---- data channels (survey_data.c) ---- */

/* As dialog.announced; run is the struct survey_run. */
MUST_USE int survey_announce(void *run, const struct dialog *d, bool by_server,
                             const struct packet_address *address, uint16_t port, const char *said);
/* What announced the connection that p begins, or is the first packet of that the capture has; back: p goes
 * back to who began it. NULL: nothing. */
const struct survey_announcement *survey_find_announcement(const struct survey_run *run,
                                                           const struct packet *p, bool back);
/* c is the data channel that a announced. */
MUST_USE int survey_add_data(struct survey_run *run, struct follow *c, const struct survey_announcement *a);
/* p is of the data channel with that index. */
MUST_USE int survey_data_packet(struct survey_run *run, uint32_t index, const struct packet *p);
/* It came to grief, as text says, which is taken over. is_refused: it never came to be, and so nothing was
 * transferred. */
MUST_USE int survey_blame_data(struct survey_run *run, const struct survey_data *data, bool is_refused,
                               char *text);

#endif
