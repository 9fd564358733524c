/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_MACHINE_H
#define SALLY_EXPLAIN_PLAY_MACHINE_H

/* The machine that filters, as a snapshot (host/snapshot.h) knows it: what a play takes of it. */
#include "base/result.h"
#include "explain/play/settings.h"
#include "host/snapshot.h"
#include "verdict/sets/sets.h"

struct play_machine; /* borrows nothing of the snapshot */

/* What can't be read of it is left out, and told with its place in the snapshot, which is called name. NULL: out of
 * memory. */
MUST_USE struct play_machine *play_machine_new(const struct snapshot *s, const char *name,
                                               void (*told)(void *arg, const struct rules_error *error),
                                               void *arg);
void play_machine_free(struct play_machine **m);
struct host *play_machine_host(struct play_machine *m); /* to which more may be added; m's own */

/* What people said themselves of that which the machine says, too: it goes before that. */
struct play_said {
    bool kernel, helper_ports, helper_loose, sets;
    bool wall; /* the rules are a wall's, whose manner and helper are its own */
};

/* Puts into play what m says and said does not. m must outlive play. */
void play_machine_apply(const struct play_machine *m, const struct play_said *said, struct play *play);
/* Of that which was said in play: what m says otherwise, a line each for people, as long as there are any; NULL: no
 * more. */
const char *play_machine_contradicts(const struct play_machine *m, const struct play_said *said,
                                     const struct play *play, unsigned n, char text[160]);

/* Switches of conntrack and the state of helper modules, into what track_config_default has set. */
void play_machine_configure(const struct play_machine *m, struct track_config *config);

#endif
