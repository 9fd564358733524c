/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_LOAD_H
#define SALLY_KERNEL_LOAD_H

/*
 * The kernel program (src/bpf/wall.bpf.c) gets into the kernel: its object is opened, its maps are given their
 * sizes, the verifier judges it. It is attached nowhere; what has been loaded ends with the process that has
 * it.
 *
 * Which kernels take it, and what they must have been built with: doc/kernel.md. Not thread-safe while it
 * loads: libbpf tells all threads of a process at one place what went wrong.
 */
#include <stdint.h>

#include "base/result.h"

enum kernel_refusal {
    KERNEL_LACKS,    /* it is too old, or was built without what the program needs */
    KERNEL_FORBIDS,  /* to this process */
    KERNEL_VERIFIER, /* the verifier does not take the program: a bug of ours, or of its compiler */
    KERNEL_FAILS,    /* anything else: no such object, no memory... */
};

struct kernel_error {
    enum kernel_refusal refusal;
    char text[2000]; /* what failed, why, and what to do; of the verifier's log the last lines. No newline at
                        the end */
};

/* Of maps whose size depends on the rules, or on how much is to be remembered. 0: as the object has it. */
struct kernel_sizes {
    uint32_t image;                        /* bytes of the one value of map "image" */
    uint32_t rule_counts, flows, expected; /* elements of the maps with these names */
};

struct kernel_program;

/* Loads program "wall" of the object at path. 0, or -errno, and then *ret_error says why and *ret_program is
 * untouched. Takes CAP_BPF and CAP_NET_ADMIN. */
MUST_USE int kernel_program_load(const char *path, const struct kernel_sizes *sizes,
                                 struct kernel_program **ret_program, struct kernel_error *ret_error);
/* NULL is none. */
void kernel_program_free(struct kernel_program **program);
/* Descriptors are the program's: they live as long as it does. */
int kernel_program_fd(const struct kernel_program *program);
/* Of the map with this name; negative: it has none. */
MUST_USE int kernel_program_map(const struct kernel_program *program, const char *name);

#endif
