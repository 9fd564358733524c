/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_ANSWERS_H
#define SALLY_KERNEL_ANSWERS_H

/* REJECT's answers at a wall: the programs of bpf/reject.h, where they stand, and the rules of reject.h. */
#include "kernel/standing.h"

/* Pins what will be needed once a rule wants to answer. */
MUST_USE int answers_pin(const struct kernel_wall *wall, const struct kernel_program *program,
                         struct kernel_error *error);
/* If these rules want to answer, and nothing is there yet that does it, it is put there. Where it can't be had REJECT
 * acts as DROP, and error->remark says so. */
void answers_want(struct kernel_wall *wall, const struct rules *rules, struct kernel_error *error);
/* The rules that answer are put in again if they were wanted: somebody may have taken them out. */
void answers_again(struct kernel_wall *wall, unsigned family, struct kernel_error *error);
/* Before a folder of this network namespace is removed: the rules that need what is pinned in it go. Where they can't,
 * error->remark says so. */
void answers_end(int root, const char *name, struct kernel_error *error);

#endif
