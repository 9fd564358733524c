/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_HUSKS_H
#define SALLY_KERNEL_HUSKS_H

/*
 * Walls of network namespaces that nobody has any more. A link holds its namespace, so one that was deleted with a wall
 * in it lives on, its interfaces with it, until the links are gone. Nobody has it if no process is in it, and it is
 * neither mounted nor open anywhere that can be looked at. Who does not see all processes (in a PID namespace of its
 * own) can't tell, and finds none.
 */
#include "bpf/maps.h"

/* Notes which namespace this process is in. */
void husks_mark(struct bpf_state *ret);
/* How many there are in the root of all walls. */
unsigned husks_count(int root);
/* Removes them; returns how many are gone. */
unsigned husks_remove(int root);

#endif
