/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_MAPS_H
#define SALLY_BPF_MAPS_H

/* What lies in the kernel program's maps, for it and for whoever loads it. Freestanding, besides linux/bpf.h. */
#include <linux/bpf.h>

#include "bpf/ask.h"
#include "track/expect.h"
#include "track/ftp_line.h"
#include "track/settings.h"
#include "verdict/image/format.h"
#include "verdict/match/hashlimit.h"
#include "verdict/match/recent.h"

/* Map "settings", one element. */
struct bpf_settings {
    struct track_settings track;
    uint32_t is_asked; /* not 0: a test run, see ask.h */
    uint32_t spare;
    int64_t tai_offset; /* seconds that TAI is ahead of UTC, as this machine's clock has it (adjtimex(2)) */
};

/* Of rules that return unless others are kept (trial.h). */
enum bpf_trial_phase {
    BPF_NO_TRIAL,
    BPF_ON_TRIAL,
    BPF_RETURNING, /* for an instant; if who did it was killed, until the timer comes */
    BPF_RETURNED,
    BPF_KEPT,
};

struct bpf_trial {
    uint32_t phase;      /* enum bpf_trial_phase; changed by compare and swap, so that one of several wins */
    uint32_t generation; /* that returns */
    uint64_t until;      /* nanoseconds of CLOCK_BOOTTIME */
};

/* What the program "trial" is told. */
struct bpf_trial_order {
    uint64_t nanoseconds;
    uint32_t is_ipv6, spare;
};

/* Map "state", one element: what is switched while packets pass. */
struct bpf_state {
    uint32_t armed;         /* 0: every packet is accepted, and none looked at */
    uint32_t generation[2]; /* 0 or 1: of the rules that count, for IPv4 and IPv6 */
    uint32_t answers;       /* bit 0: IPv4, 1: IPv6: REJECT answers (bpf/reject.h) */
    uint32_t layout;        /* BPF_LAYOUT of who put the wall up */
    /* Not 0: acknowledgements are right beside the kernel's nf_nat_ftp, too (rewritten.h). */
    uint32_t knows_rewritten;
    uint64_t since;              /* seconds since 1970: when it was armed */
    uint64_t namespace, network; /* inodes: which network namespace it is in (kernel/husks.h) */
    struct bpf_trial trial[2];   /* IPv4 and IPv6 */
};

/* What lies in maps and images that programs of one version of this file have, and no other reads or writes. */
enum {
    BPF_LAYOUT = IMAGE_VERSION << 24 ^ (int)sizeof(struct bpf_state) << 16 ^
                 (int)sizeof(struct track_flow) << 8 ^ (int)sizeof(struct track_ftp_line)
};

/* Map "image" has an element for each family and generation. */
enum { BPF_ELEMENTS = 4 };

static inline uint32_t bpf_element(bool is_ipv6, uint32_t generation)
{
    return (is_ipv6 ? 2U : 0U) | (generation & 1U);
}

/* Map "flows", a pool of slots. Map "flow_index" leads to a flow's by the number of its tuple (track_tuple_number); map
 * "free_slots" has the numbers of those that were given back (pool.h). What is to be whole is read with BPF_F_LOCK. */
struct bpf_flow {
    struct track_flow flow; /* serial 0: nobody's */
    struct bpf_spin_lock lock;
    uint32_t moves; /* so many packets have been put to it, in the order in which they had the lock */
    uint64_t packets[TRACK_DIRECTIONS],
        bytes[TRACK_DIRECTIONS]; /* those that it took, as nf_conntrack_acct */
};

/* Map "pool", one element: of the flows together. */
struct bpf_pool {
    uint32_t used;             /* slots */
    uint32_t top;              /* from here on no slot has ever been used */
    uint32_t hand;             /* where the next flow that has to go is looked for */
    uint32_t serial;           /* the last that a flow was given */
    uint64_t evicted;          /* flows that had to go for another */
    uint64_t refused;          /* connections that found no room */
    uint64_t unheard;          /* events that "flow_events" had no room for */
    uint64_t unheard_expected; /* and "expect_events" */
};

/* Map "sweeper", one element. */
struct bpf_sweeper {
    struct bpf_timer timer;
    uint32_t next;       /* slot */
    uint32_t rounds;     /* that are over */
    uint64_t buckets_at; /* ms: when hashlimit's buckets are looked at again */
    uint64_t ticked;     /* ms: when the timer came last */
    int64_t error;       /* not 0: why it will not come again */
};

/* Maps "flow_watch" and "expect_watch", one element: until then (ms) somebody wants to hear of flows, or expectations, that
 * come, change and go. Who listens says so again in time: nothing is left behind by one that was killed. */
struct bpf_flow_watch {
    uint64_t until;
};

/* In the ring buffer "flow_events". */
enum bpf_flow_event_type { BPF_FLOW_NEW = 1, BPF_FLOW_UPDATE = 2, BPF_FLOW_DESTROY = 4 };

struct bpf_flow_event {
    uint32_t type, spare;
    uint64_t now_ms;
    struct track_flow flow;
    uint64_t packets[TRACK_DIRECTIONS], bytes[TRACK_DIRECTIONS];
};

/* Map "expected", of struct track_expectation. */
struct bpf_expected_key {
    struct packet_address source, destination;
    uint16_t port, zone;
    uint8_t family, spare[3];
};

/* In the ring buffer "expect_events"; none is updated. */
struct bpf_expect_event {
    uint32_t type, has_master;
    uint64_t now_ms;
    struct track_expectation expectation;
    struct track_tuple master; /* of its control connection, if that was still there */
};

/* What the programs of sweep.h are asked, as the context of a test run; the answer is what they return. */
struct bpf_order {
    uint64_t now_ms;
    uint32_t steps;        /* sweep_now: so many slots */
    uint32_t slot, serial; /* forget_flow */
    uint32_t spare;
    struct bpf_expected_key expected; /* forget_expected, order_expected */
    struct track_tuple control; /* order_expected: packets of the control connection, of either direction */
    uint32_t seconds;
    uint32_t size; /* order_expected: of this struct, as who asks knows it */
};

/* Map "passing": what OUTPUT has found of a packet. */
struct bpf_passed {
    struct bpf_answer answer;
    bool has_flow;
    uint32_t direction;
    uint32_t slot; /* if it is still the flow's */
    struct track_flow flow;
};

/* Map "controls", by the flow's handle: what a control connection has besides. */
struct bpf_control {
    uint32_t slot;    /* the flow's; its serial is the handle */
    uint32_t busy;    /* one CPU listens */
    uint32_t expects; /* not 0: expected is the key of its expectation */
    uint32_t ordered; /* not 0: the server has ordered that one */
    struct bpf_expected_key expected;
    struct track_ftp ftp;
    struct track_ftp_line line[TRACK_DIRECTIONS];
};

/* Map "rule_counts": what met a rule or a policy; which is whose, the images say (image_table.counters). */
struct rule_count {
    uint64_t packets, bytes;
};

/* Map "remembered", by condition: what a limit or statistic match has counted. */
struct bpf_remembered_key {
    uint32_t offset; /* in the image */
    uint32_t serial; /* of the image */
};

struct bpf_remembered {
    struct bpf_spin_lock lock;
    uint32_t counter;           /* statistic --mode nth */
    uint32_t credit, cap, cost; /* limit, as struct limit_bucket */
    uint32_t spare;
    uint64_t previous;
};

/* Map "buckets", of hashlimit. */
struct bpf_bucket_key {
    uint64_t table;
    uint16_t port[2];
    struct packet_address address[2];
};

struct bpf_bucket {
    struct hashlimit_bucket bucket;
    struct bpf_spin_lock lock;
    uint32_t spare;
};

/* Map "tables", of hashlimit, by name_id. */
struct bpf_table {
    uint64_t began; /* jiffies; 0: nobody has asked it */
    uint32_t count; /* its buckets */
    uint32_t gc;    /* jiffies: so long after its time a bucket may still be asked for */
};

/* An address in a list of recent. */
struct bpf_seen {
    struct packet_address address;
    uint64_t changed; /* at which change of the list; 0: the place is free */
    struct recent_ring ring;
    uint32_t ttl;
    uint64_t stamps[RECENT_STAMPS];
};

/* Map "lists", of recent, by name_id. */
struct bpf_list {
    struct bpf_spin_lock lock;
    uint32_t spare;
    uint64_t changes; /* so many questions may have changed it */
    struct bpf_seen seen[RECENT_ADDRESSES];
};

/* Map "limited", of connlimit: an address, and how many connections it has. */
struct bpf_limited_key {
    uint32_t offset, serial; /* of the condition in its image, and of that */
    uint16_t zone, spare;
    struct packet_address address;
};

struct bpf_limited {
    uint32_t busy;   /* somebody changes it */
    uint32_t gone;   /* it is no longer in the map */
    uint32_t count;  /* of its slots */
    uint32_t cursor; /* the slot that is looked at next */
};

/* Map "limited_slots": those connections. */
struct bpf_limited_slot_key {
    struct bpf_limited_key of;
    uint32_t slot;
};

struct bpf_limited_slot {
    struct track_tuple tuple;
    uint64_t since; /* ms */
    uint32_t processor, spare;
};

/* Map "limited_flows": which they are. */
struct bpf_limited_flow_key {
    struct bpf_limited_key of;
    struct track_tuple tuple;
};

#endif
