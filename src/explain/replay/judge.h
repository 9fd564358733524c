/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_JUDGE_H
#define SALLY_EXPLAIN_REPLAY_JUDGE_H

#include "base/result.h"
#include "explain/replay/announced.h"
#include "explain/replay/findings.h"
#include "explain/replay/reading.h"

/*
 * The answer to a capture: what the rules made of the sessions in it, together with what client and server
 * said. Nothing is taken to work that the capture does not show working.
 */
struct judge_trouble {              /* a packet that was stopped, or can't be told about */
    uint32_t number, session, data; /* data: SURVEY_NONE for the control channel */
    char *label, *source, *destination;
    char *who;     /* "rule 3 of INPUT" */
    char *because; /* for UNKNOWN */
    char *more;    /* " Packet 18 announced that connection, but ...", what came near; "" */
    struct story_rule rule;
    bool would_stop; /* the packet is stopped for certain; what it belongs to is not certain */
};

struct judge_mark { /* for each task of the survey */
    bool stopped, doubtful;
    bool has_suspect; /* a connection that is likely its data channel */
    uint32_t step;
    char *why;
};

struct judge {
    const struct survey *survey;
    const struct reading_facts *facts;
    bool has_rules;
    struct judge_mark *marks;
    uint32_t *task; /* for each session, the task that is under way, or SURVEY_NONE */
    size_t tasks_begun;
    uint64_t stopped, doubtful, leftover; /* packets of FTP sessions */
    struct judge_trouble first_stopped, first_doubtful;
    uint64_t other_stopped, other_doubtful; /* packets of other traffic */
    uint32_t other_first;
    uint64_t other_packets, left_to_card, wrong_sums, not_judged, other_family;
};

MUST_USE int judge_init(struct judge *j, const struct survey *survey, const struct reading_facts *facts,
                        bool has_rules);
void judge_fini(struct judge *j);
/* A packet of an FTP session did not pass. data: of the survey, or SURVEY_NONE; is_suspect: that it is one of
 * a session's data channels is likely only. 0 or -ENOMEM. */
MUST_USE int judge_packet(struct judge *j, const struct story_step *step, uint32_t session, uint32_t data,
                          bool is_suspect, const struct announced *announced);
/* What came near to admitting the first packet that was stopped: its step has it. 0 or -ENOMEM. */
MUST_USE int judge_near(struct judge *j, const struct story_step *step);
/* A connection begins that is likely a data channel of session. */
void judge_suspect(struct judge *j, uint32_t session, uint32_t number);
/* Tasks, outcome, conclusion and notes. 0 or -ENOMEM. */
MUST_USE int judge_conclude(struct judge *j, struct story *s);

#endif
