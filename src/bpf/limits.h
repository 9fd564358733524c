/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_LIMITS_H
#define SALLY_BPF_LIMITS_H

/* How far the kernel program follows a packet through rules. What goes beyond is dropped, so whoever loads rules
 * refuses such before (kernel/able.h). Freestanding. */
enum {
    WALK_DEPTH = 16,   /* nested chains; natively VERDICT_DEPTH */
    WALK_STEPS = 8192, /* rules that match a packet in one table, and ends of chains */
};

/* Where packets are worked on (scratch.h). */
enum {
    SCRATCH_EACH = 4,   /* slots a processor has: as many as packets interrupt each other there */
    SCRATCH_TRIES = 32, /* slots that are looked at, the neighbours' as well */
};

#endif
