/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_LOAD_H
#define SALLY_KERNEL_LOAD_H

/*
 * The kernel program (src/bpf/wall.bpf.c) gets into the kernel: its object is opened, its maps are given their
 * sizes, the verifier judges it. It is attached nowhere; what has been loaded ends with the process that has
 * it, unless it is pinned.
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
    char text[2000];  /* what failed, why, and what to do; of the verifier's log the last lines. No newline at
                        the end */
    char remark[600]; /* written by what succeeds, too: what is less than was asked for, and why. Or empty */
};

/* Of maps whose size depends on the rules, or on how much is to be remembered. 0: as the object has it. */
struct kernel_sizes {
    uint32_t image;                        /* bytes of a value of map "image" */
    uint32_t rule_counts, flows, expected; /* elements of the maps with these names */
};

struct kernel_program;

/* A map that is there already. */
struct kernel_shared {
    const char *name;
    int fd;
};

/* Loads the programs of the object at path, or with NULL of the one that was built into this program. 0, or -errno,
 * and then *ret_error says why and *ret_program is untouched. Takes CAP_BPF and CAP_NET_ADMIN. */
MUST_USE int kernel_program_load(const char *path, const struct kernel_sizes *sizes,
                                 struct kernel_program **ret_program, struct kernel_error *ret_error);
/* The same, over maps that another program has already (a row without name ends them); they are not made anew. */
MUST_USE int kernel_program_load_beside(const struct kernel_shared *shared, const struct kernel_sizes *sizes,
                                        struct kernel_program **ret_program, struct kernel_error *ret_error);
/* Puts what could not be done, and why, into *ret; returns error. */
int kernel_refuse(struct kernel_error *ret, enum kernel_refusal refusal, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* NULL is none. */
void kernel_program_free(struct kernel_program **program);
/* Descriptors are the program's: they live as long as it does. */
int kernel_program_fd(const struct kernel_program *program); /* of the one that judges packets */
int kernel_program_named(const struct kernel_program *program, const char *name); /* negative: it has none */
/* Of the map with this name; negative: it has none. */
MUST_USE int kernel_program_map(const struct kernel_program *program, const char *name);
/* Calls visit with each map and its name, until it returns other than 0; returns that. */
int kernel_program_maps(const struct kernel_program *program,
                        int (*visit)(void *arg, const char *name, int fd), void *arg);
/* Runs a program of type syscall with order as its context, and returns what it returns, or -errno. The kernel gives a timer
 * memory only if it has some at hand (bpf/sweep.h), which it soon has: at -ENOMEM it is run again within two seconds. */
MUST_USE int kernel_program_run(int program, void *order, uint32_t size);

#endif
