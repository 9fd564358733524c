/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_DROP_H
#define SALLY_BPF_DROP_H

/*
 * What the kernel program tells of packets that it drops, and of those that a rule wants logged: always how many, and
 * why; one by one only while somebody listens (kernel/watch.h). Freestanding.
 */
#include <stdint.h>

#include "track/reason.h"

/* Why a packet was dropped. */
enum bpf_drop_cause {
    BPF_DROP_NO_SCRATCH, /* more packets were under way at once than there is room for */
    BPF_DROP_UNREADABLE, /* no IP packet */
    BPF_DROP_RAW_RULE,   /* by a rule of raw... */
    BPF_DROP_RAW_POLICY, /* ...by a policy there */
    BPF_DROP_RULE,       /* likewise of filter */
    BPF_DROP_POLICY,
    BPF_DROP_REJECT,     /* by a rule, and with an answer where answers can be had (bpf/reject.h) */
    BPF_DROP_TOO_MANY,   /* it met more rules than are followed */
    BPF_DROP_UNANSWERED, /* of those of REJECT: the answer failed */
    BPF_DROP_CAUSES,
    /* By conntrack or helper: BPF_DROP_CAUSES + enum track_reason. */
    BPF_DROPS = BPF_DROP_CAUSES + TRACK_REASONS
};

/* Map "drop_counts", by cause, of each processor. */
struct bpf_drop_count {
    uint64_t packets, bytes;
    uint64_t untold; /* somebody listened, and had no room for it */
};

enum bpf_told_kind { BPF_TOLD_DROP = 1 << 0, BPF_TOLD_LOG = 1 << 1 };

/*
 * Map "listeners", one element in memory that who listens shares. A place is taken by changing an until that is over to
 * one that is to come (one atomic exchange), and kept by moving that on; who dies lets it be. Its ring is its own, in
 * map "rings".
 */
enum { BPF_LISTENERS = 8, BPF_RING = 1 << 20 };

struct bpf_listener {
    uint64_t until; /* ms of CLOCK_MONOTONIC */
    uint32_t kinds; /* enum bpf_told_kind, bits */
    uint32_t process;
};

struct bpf_listeners {
    uint64_t until; /* the latest of all */
    struct bpf_listener all[BPF_LISTENERS];
};

/* What lies in a ring. */
enum { BPF_TOLD_BYTES = 128, BPF_TOLD_NAME = 16, BPF_TOLD_MAC = 14, BPF_TOLD_NO_COUNTER = -1 };

struct bpf_told {
    uint64_t now_ns; /* CLOCK_MONOTONIC */
    uint32_t kind;   /* enum bpf_told_kind */
    uint32_t cause;  /* of a drop: enum bpf_drop_cause, or that of a reason */
    uint32_t element, serial,
        counter; /* which rule or policy: of the image with this serial; counter as uint32_t
                                          BPF_TOLD_NO_COUNTER: none */
    uint32_t mark;
    uint32_t length, captured; /* of the packet; how many bytes of it are here */
    uint8_t family, hook;      /* enum packet_family, enum rules_hook */
    uint8_t state, direction;  /* enum track_state, enum track_direction */
    uint8_t reason;            /* enum track_reason of an INVALID state */
    uint8_t stage;             /* enum bpf_stage: who dropped it */
    uint8_t has_mac;
    uint8_t mac[BPF_TOLD_MAC]; /* the frame's header */
    char in[BPF_TOLD_NAME], out[BPF_TOLD_NAME];
    uint8_t bytes[BPF_TOLD_BYTES];
};

#endif
