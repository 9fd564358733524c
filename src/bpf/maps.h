/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_MAPS_H
#define SALLY_BPF_MAPS_H

/* What lies in the kernel program's maps, for it and for whoever loads it. Freestanding, besides linux/bpf.h. */
#include <linux/bpf.h>

#include "track/expect.h"
#include "track/ftp_line.h"
#include "track/settings.h"
#include "verdict/match/hashlimit.h"
#include "verdict/match/recent.h"

/* Map "settings", one element. */
struct bpf_settings {
    struct track_settings track;
    uint32_t is_asked; /* not 0: a test run, see ask.h */
};

/* Map "flows"; the key is the tuple that track_tuple_key makes. What is not known to be whole when it is
 * read (a flow of another CPU) is read with BPF_F_LOCK. */
struct bpf_flow {
    struct track_flow flow;
    struct bpf_spin_lock lock;
    uint32_t spare;
};

/* Map "expected", of struct track_expectation. */
struct bpf_expected_key {
    struct packet_address source, destination;
    uint16_t port, zone;
    uint8_t family, spare[3];
};

/* Map "controls", by the flow's handle: what a control connection has besides. */
struct bpf_control {
    struct track_tuple flow; /* its key */
    uint32_t busy;           /* one CPU listens */
    uint32_t expects;        /* not 0: expected is the key of its expectation */
    struct bpf_expected_key expected;
    struct track_ftp ftp;
    struct track_ftp_line line[TRACK_DIRECTIONS];
};

/* Map "rule_counts": what met the rule of a bit of the image; filter's bits first, then raw's. */
struct rule_count {
    uint64_t packets, bytes;
};

/* Map "remembered", by the offset of its condition in the image: what a limit or statistic match has counted. */
struct bpf_remembered {
    struct bpf_spin_lock lock;
    uint32_t counter;           /* statistic --mode nth */
    uint32_t credit, cap, cost; /* limit, as struct limit_bucket */
    uint32_t spare;
    uint64_t previous;
};

/* Map "buckets", of hashlimit. */
struct bpf_bucket_key {
    uint32_t table;
    uint16_t port[2];
    struct packet_address address[2];
};

struct bpf_bucket {
    struct hashlimit_bucket bucket;
    struct bpf_spin_lock lock;
    uint32_t spare;
};

/* Map "tables", of hashlimit, by their numbers. */
struct bpf_table {
    uint64_t began; /* jiffies; 0: nobody has asked it */
    uint32_t count; /* its buckets */
    uint32_t spare;
};

/* An address in a list of recent. */
struct bpf_seen {
    struct packet_address address;
    uint64_t changed; /* at which change of the list; 0: the place is free */
    struct recent_ring ring;
    uint32_t spare;
    uint64_t stamps[RECENT_STAMPS];
};

/* Map "lists", of recent, by their numbers. */
struct bpf_list {
    struct bpf_spin_lock lock;
    uint32_t spare;
    uint64_t changes; /* so many questions may have changed it */
    struct bpf_seen seen[RECENT_ADDRESSES];
};

#endif
