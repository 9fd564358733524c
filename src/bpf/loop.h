/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_LOOP_H
#define SALLY_BPF_LOOP_H

/*
 * Loops that the verifier takes: it goes through the body of an open-coded iterator's loop until nothing new
 * comes (kernel/bpf/verifier.c, iterators: Linux 6.4), not once for each turn. What is counted from turn to turn
 * has to lie in memory, not in a register.
 */
#include <linux/version.h>
#include <stdint.h>

/* Headers of Linux 6.1, which Debian 12 builds with, don't have it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
struct bpf_iter_num {
    uint64_t opaque[1];
} __attribute__((aligned(8)));
#endif

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __attribute__((section(".ksyms")));
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __attribute__((section(".ksyms")));
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __attribute__((section(".ksyms")));

/* i (an int) from begin up to end - 1. clang 14 has types only for functions that an expression mentions, and
 * the cleanup attribute is none: so destroy is mentioned before it. */
#define LOOP(i, begin, end)                                                                                  \
    for (struct bpf_iter_num loop_ __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))),               \
         *begun_ __attribute__((unused)) = (bpf_iter_num_new(&loop_, (begin), (end)),                        \
                                            (void)bpf_iter_num_destroy, (struct bpf_iter_num *)0);           \
         ({                                                                                                  \
             int *next_ = bpf_iter_num_next(&loop_);                                                         \
             next_ && ((i) = *next_, (uint32_t)(i) < (uint32_t)(end));                                       \
         });)

/* A function that the verifier judges by itself, once, and whose callers it believes nothing of but the types of
 * their arguments. */
#define GLOBAL __attribute__((noinline))

/* The compiler may not know what it knows of a number: else it leaves out the check that the verifier asks for. */
#define HIDE(number) __asm__ volatile("" : "+r"(number))

#endif
