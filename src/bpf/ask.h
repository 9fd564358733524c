/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_ASK_H
#define SALLY_BPF_ASK_H

/*
 * What the kernel program is told of one packet besides its bytes, and what it says of it. Freestanding.
 *
 * On a hook the program fills struct bpf_ask in from the hook's state and the clock. In a test run
 * (BPF_PROG_TEST_RUN, which knows no interface but lo and no clock but its own) it is the first element of the
 * map "asked", and the whole way of the packet is gone in one call: raw, conntrack, filter, helper,
 * confirmation. What it found is in "answered". If test runs are on several CPUs at once (BPF_ASKED_BY_CPU), each has
 * its own element.
 */
#include <stdint.h>

#include "track/flow.h"

enum { BPF_NAME = 16 }; /* of an interface, with its NUL */

/* struct bpf_settings.is_asked */
enum { BPF_LIVE, BPF_ASKED, BPF_ASKED_BY_CPU };
enum { BPF_ASKING = 32 }; /* elements of asked and answered: a CPU's is its number modulo that */

struct bpf_ask {
    uint64_t now_ms; /* on the tracker's clock */
    int64_t time;    /* seconds since 1970, UTC */
    uint32_t mark;
    uint8_t path; /* enum wall_path: 0 in, 1 out, 2 through */
    uint8_t pkttype;
    uint8_t mac[6];
    uint8_t sum_is_wrong;             /* the caller has found a checksum wrong: the program sums nothing */
    uint8_t is_live;                  /* on a hook: what follows is looked for when a rule asks (link.h) */
    uint8_t has_looked, no_mac;       /* pkttype and mac are there; it came with no hardware address */
    char in[BPF_NAME], out[BPF_NAME]; /* "": the hook has none */
};

enum bpf_stage { BPF_BY_RAW, BPF_BY_CONNTRACK, BPF_BY_FILTER, BPF_BY_HELPER };

struct bpf_answer {
    uint8_t code;      /* enum image_action: IMAGE_ACCEPT, IMAGE_DROP, IMAGE_REJECT */
    uint8_t stage;     /* enum bpf_stage: who decided */
    uint8_t state;     /* enum track_state */
    uint8_t direction; /* enum track_direction */
    uint8_t reason;    /* enum track_reason of why it is INVALID or dropped */
    uint8_t spare[3];
    /* Which packet of which flow it was, in the order in which packets had the flow's lock; of a flow that it began, the
     * first. 0: none, since it has no flow, or it began one and another CPU's stands in its place. */
    uint32_t serial, order;
};

#endif
