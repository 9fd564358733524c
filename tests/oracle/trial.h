/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_TRIAL_H
#define SALLY_TESTS_ORACLE_TRIAL_H

#include "host.h"
#include "track/native/tracker.h"

struct trial {
    struct host *host;
    bool afresh; /* as if nothing had been before, not only without rules and connections */
    uint8_t family;
    bool nft;
    bool pieces;      /* fragments are not put together before either sees them */
    unsigned variant; /* of the host, if it has several */
    const char *rules;
    bool waits;                 /* some seconds in the middle of each sequence */
    struct track_config config; /* of both */
    const struct sequence *sequences;
    unsigned count;
    bool careful; /* counters are compared after each sequence, not only at the end */
};

enum finding_kind {
    FINDING_NONE,
    FINDING_RULES,
    FINDING_FATE,
    FINDING_FLOW,
    FINDING_EXPECTATION,
    FINDING_COUNTER
};

/* The first disagreement. */
struct finding {
    enum finding_kind kind;
    unsigned sequence; /* index in the trial */
    char *text;        /* what differs, on lines; the caller frees it */
};

void trial_run(const struct trial *t, struct finding *ret);
/* Each packet of the sequences with what the engine and the host made of it. A new string. */
char *trial_tell(const struct trial *t);

#endif
