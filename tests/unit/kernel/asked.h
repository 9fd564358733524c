/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_KERNEL_ASKED_H
#define SALLY_TESTS_KERNEL_ASKED_H

/*
 * The kernel program, asked by test runs: of each packet what it says, and the connections that it has then. Calls end the
 * test when the machine fails them.
 */
#include "bpf/ask.h"
#include "kernel/flows.h"
#include "kernel/load.h"
#include "packet/build.h"
#include "track/settings.h"

struct asked {
    struct kernel_program *program;
    struct kernel_flows flows; /* the program's descriptors */
    uint64_t now;              /* ms, that packets are told; one later each */
    bool is_live;              /* they are told that it is that of a hook */
};

/* Without rules. how: BPF_ASKED or BPF_ASKED_BY_CPU. False: this machine can't load it, which is said. */
MUST_USE bool asked_open(struct asked *a, const char *object, const struct kernel_sizes *sizes,
                         const struct track_config *config, uint32_t how);
void asked_close(struct asked *a);

void asked_put(const struct asked *a, const char *map, uint32_t place, const void *value);
/* The packet, in element place of what is asked. */
struct bpf_answer asked_deliver(const struct asked *a, const struct packet_recipe *r, uint64_t now_ms,
                                uint32_t place);
/* The next packet, through this machine. */
struct bpf_answer asked_next(struct asked *a, const struct packet_recipe *r);
/* A tick of the sweep: so many slots. */
void asked_sweep(const struct asked *a, uint64_t now_ms, uint32_t slots);

#endif
