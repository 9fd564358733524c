/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_HOST_H
#define SALLY_TESTS_ORACLE_HOST_H

#include "oracle.h"

struct trial;

/* Whom the engine is held against. Calls end the program when the machine fails them. */
struct host {
    const char *name;
    unsigned slack;    /* seconds by which what is left of a time may differ */
    bool says_why;     /* its outcomes have an answer */
    bool sends_itself; /* packets of its own, which the first rule of raw's OUTPUT drops and counts */
    bool tells_ends;   /* events has connections that ended */
    void (*leave_out)(struct rules *rules); /* those rules that it can't judge; NULL: it can all */
    bool counts_policies;                   /* what no rule of a chain decided */

    /* As if nothing had been before. */
    void (*renew)(struct host *h);
    /* NULL, or why it does not take the rules (a new string). rules: what trial->rules say. */
    char *(*load)(struct host *h, const struct trial *trial, const struct rules *rules);
    /* Forgets rules and connections. */
    void (*unload)(struct host *h, const struct trial *trial);
    /* Milliseconds on a clock that never goes back. */
    uint64_t (*now)(struct host *h);
    void (*wait)(struct host *h, unsigned ms);
    void (*packet)(struct host *h, const struct step *step, uint64_t now, struct outcome *ret);
    /* Under load what passes may come out a little later than at once: waits for it. */
    bool (*is_late)(struct host *h, const struct step *step);
    /* Connections that began (of a host that does not tell ends: those that are still there) and that ended since the last call,
     * appended. */
    void (*events)(struct host *h, struct flow_list *began, struct flow_list *ended);
    /* The connection whose original direction is t, as of the last events. False: there is none. */
    bool (*get)(struct host *h, const struct track_tuple *t, uint64_t now, struct flow_view *ret);
    /* All expectations, appended. */
    void (*expectations)(struct host *h, uint64_t now, struct expectation_list *ret);
    /* The trial's rules with what they counted; the caller frees them. */
    struct rules *(*counters)(struct host *h, const struct trial *trial);
};

#endif
