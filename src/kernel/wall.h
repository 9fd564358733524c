/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_WALL_H
#define SALLY_KERNEL_WALL_H

/*
 * The live wall of the network namespace that this process is in: put up, looked at, given other rules, taken down.
 * It stands without a process (pins.h); whatever is done to it is done by one store of one word, so that a process
 * that is killed leaves the wall of before or the wall of after.
 *
 * Functions that fail return -errno with *error, and what stood still stands.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "bpf/maps.h"
#include "kernel/able.h"
#include "kernel/load.h"
#include "rules/rules.h"

enum { WALL_IPV4, WALL_IPV6, WALL_FAMILIES };

struct kernel_wall;

/* Who is told what of the rules is not carried out as they say (able.h), and what there is besides. */
struct wall_terms {
    struct able_terms able;
    able_tell *tell; /* or NULL */
    void *arg;
};

/* What a wall is put up with. */
struct wall_plan {
    const struct rules *rules[WALL_FAMILIES]; /* NULL: empty tables, which accept everything */
    struct track_config track;
    struct wall_terms terms;
};

/* -EEXIST: one stands here already. */
MUST_USE int kernel_wall_up(const struct wall_plan *plan, struct kernel_error *error);
/* Removes it, and what namespaces that are gone have left, of which *ret_husks says how many. -ENOENT: none
 * stands; -ENOMEDIUM: whether one does is not known. */
MUST_USE int kernel_wall_down(unsigned *ret_husks, struct kernel_error *error);

/* Opens it, to look or, with seconds to wait for others (negative: as long as it takes), to change it.
 * -ENOENT: none stands; -ENOMEDIUM: whether one does is not known; -EAGAIN: others did not end in time. */
MUST_USE int kernel_wall_open(struct kernel_wall **ret, struct kernel_error *error);
MUST_USE int kernel_wall_open_to_change(int seconds, struct kernel_wall **ret, struct kernel_error *error);
/* Who waits for others longer than a second is told, once, with the process that is waited for (0: not known). */
void kernel_wall_on_wait(void (*tell)(long process));
/* Lets others change it. NULL is none. */
void kernel_wall_close(struct kernel_wall **wall);

/* A map of it by its name; the descriptor is the wall's. Negative: it has none. */
MUST_USE int kernel_wall_map(const struct kernel_wall *wall, const char *name);
/* What is switched and counted while packets pass, in memory that the program shares. */
const struct bpf_state *kernel_wall_state(const struct kernel_wall *wall);
/* What its tracking and helper were told when it was put up. 0 or -errno. */
MUST_USE int kernel_wall_track(const struct kernel_wall *wall, struct track_config *ret);
/* The folder of its pins; the wall's. */
int kernel_wall_folder(const struct kernel_wall *wall);

/* Its rules (enum packet_family), with what they have counted; the caller's. */
MUST_USE int kernel_wall_rules(struct kernel_wall *wall, enum packet_family family, struct rules **ret,
                               struct kernel_error *error);
/* The same without the rules of some tables (rules_read_but), which have to be cleared before kernel_wall_replace. */
MUST_USE int kernel_wall_rules_but(struct kernel_wall *wall, enum packet_family family, uint32_t tables,
                                   struct rules **ret, struct kernel_error *error);

/* Whose counters go on. */
enum wall_counters {
    WALL_SAME_RULES, /* the rules are those that kernel_wall_rules gave, changed: by their serials. Counters that
                         differ from what was read then are set */
    WALL_ALIKE_RULES, /* those of rules with the same text in the same chain */
    WALL_NEW_COUNTERS /* nobody's: they begin as the rules say */
};
/* From one packet to the next, other rules count. The wall must be open to be changed. -EOPNOTSUPP: the program does
 * not carry out one of them, and *error names it. */
MUST_USE int kernel_wall_replace(struct kernel_wall *wall, const struct rules *rules,
                                 enum wall_counters counters, const struct wall_terms *terms,
                                 struct kernel_error *error);

/* Would it, as far as that shows without doing it? */
MUST_USE int kernel_wall_check(struct kernel_wall *wall, const struct rules *rules,
                               const struct wall_terms *terms, struct kernel_error *error);

/* Puts there again what answers for REJECT (answers.h), if it was there, after somebody has emptied iptables' filter
 * table. Where it can't be had any more error->remark says so. The wall must be open to be changed. */
void kernel_wall_answer_again(struct kernel_wall *wall, enum packet_family family,
                              struct kernel_error *error);

/*
 * Rules on trial: those of before return by themselves in so many seconds (1 or more), done by the kernel, unless they are
 * kept. Until then rules of that family can't be replaced (-EBUSY). Counters as WALL_ALIKE_RULES, and those of
 * the rules of before go on when they return.
 */
MUST_USE int kernel_wall_try(struct kernel_wall *wall, const struct rules *rules, unsigned seconds,
                             const struct wall_terms *terms, struct kernel_error *error);

enum wall_trial { WALL_NO_TRIAL, WALL_ON_TRIAL, WALL_RETURNED, WALL_KEPT };

/* How the last trial of a family stands; of one that goes on, the seconds that are left (not NULL). */
enum wall_trial kernel_wall_trial(const struct kernel_wall *wall, enum packet_family family,
                                  unsigned *ret_seconds);
/* Ends it: keeps the rules, for which the wall need not be open to be changed, or lets those of before return at once,
 * for which it must. 0, or -ENOENT: none goes on (any more). */
MUST_USE int kernel_wall_end_trial(struct kernel_wall *wall, enum packet_family family, bool keep);

#endif
