/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_TRIAL_H
#define SALLY_TESTS_ORACLE_TRIAL_H

#include "conntrack.h"
#include "kernel.h"

struct stand { /* where it runs */
    struct kernel kernel;
    struct conntrack *conntrack;
};

/* A new namespace; the old one's connections, fragments and lists are gone. -EPERM and *ret_why as
 * kernel_open. */
int stand_open(struct stand *s, const char **ret_why);
void stand_close(struct stand *s);

struct trial {
    struct stand *stand;
    bool afresh; /* in a new namespace, not only without rules and connections */
    uint8_t family;
    bool nft;
    const char *rules;
    bool waits;                            /* some seconds in the middle of each sequence */
    const struct track_timeouts *timeouts; /* of both; NULL: the defaults */
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
/* Each packet of the sequences with what the engine and the kernel made of it. A new string. */
char *trial_tell(const struct trial *t);

#endif
