/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_WATCHED_H
#define SALLY_CMD_WALL_WATCHED_H

/* A packet that the wall has told, and what people and programs are told of it. */
#include <jansson.h>

#include "base/result.h"
#include "explain/story.h"
#include "kernel/watch.h"
#include "packet/packet.h"

struct watched {
    const struct bpf_told *told;
    struct packet packet; /* if is_read */
    bool is_read, has_rule;
    struct kernel_watch_rule rule;
    struct story_rule quoted; /* if has_rule */
};

/* 0, or -ENOMEM. told must outlive it. */
MUST_USE int watched_read(struct kernel_watch *watch, const struct bpf_told *told, struct watched *ret);
void watched_fini(struct watched *w);

/* Seconds since 1970, and *ret_us, at which a moment of CLOCK_MONOTONIC was. */
int64_t watched_time(uint64_t monotonic_ns, uint32_t *ret_us);
/* "drop" or "reject" */
const char *watched_verb(const struct watched *w);

/* New strings; NULL: out of memory. */
/* "tcp 192.0.2.1:40000 > 192.0.2.2:22 syn state=new in=eth0" */
MUST_USE char *watched_packet(const struct watched *w);
/* The same with all that explain --packet can be told; NULL, too, if it can't be asked about. */
MUST_USE char *watched_question(const struct watched *w);
/* "rule 3 of INPUT", "the policy of INPUT", "connection tracking" */
MUST_USE char *watched_decider(const struct watched *w);
/* That, and more: "rule 3 of INPUT: -A INPUT -j DROP", "connection tracking: the table of connections is full" */
MUST_USE char *watched_why(const struct watched *w);
/* One object. */
MUST_USE json_t *watched_json(const struct watched *w);

/* Text from rules and packets, with nothing in it that a terminal obeys. */
void watched_put(const char *text, FILE *out);

#endif
