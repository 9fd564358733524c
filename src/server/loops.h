/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_LOOPS_H
#define SALLY_SERVER_LOOPS_H

/*
 * The worker's event loops, as the monitor and the worker number them. Each has a link of its own to the monitor. Numbers of
 * sessions and of identities, divided by how many loops there are, leave the number of the loop that they belong to.
 */
enum {
    LOOPS_MAX = 16,
};

#endif
