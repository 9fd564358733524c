/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_WALL_H
#define SALLY_VERDICT_WALL_H

#include "base/result.h"
#include "rules/rules.h"
#include "track/native/tracker.h"
#include "verdict/verdict.h"

/*
 * A whole firewall in memory: rules, tracker and what matches remember. One packet goes through its hooks in
 * the kernel's order: raw, conntrack, filter, then the helper and confirmation. explain, replay, diff, the
 * oracle test and the fuzzers all run this.
 */
enum wall_path {
    WALL_IN,      /* to this machine: raw PREROUTING, filter INPUT */
    WALL_OUT,     /* from this machine: raw OUTPUT, filter OUTPUT */
    WALL_THROUGH, /* routed: raw PREROUTING, filter FORWARD */
};

enum wall_fate { WALL_PASS, WALL_DROP, WALL_REJECT, WALL_UNKNOWN };
enum wall_stage { WALL_BY_RAW, WALL_BY_CONNTRACK, WALL_BY_FILTER, WALL_BY_HELPER };

struct wall_report {
    enum wall_fate fate;
    enum wall_stage stage;      /* who decided */
    struct verdict raw, filter; /* filter is only set if raw accepted */
    struct track_view view;     /* state, direction, reason; its flow is NULL: see flow below */
    struct track_flow flow;     /* as it was after the packet; only if has_flow */
    bool has_flow;
    enum track_reason reason; /* why conntrack or the helper dropped it, or why it is INVALID */
};

/* What of the world the packets' rules may ask; see struct verdict_packet. Borrowed, may be changed between
 * packets. */
struct wall_world {
    const char *in, *out;
    uint32_t unknown; /* enum verdict_ignorance */
    uint8_t pkttype, mac[6];
    uint32_t mark;
    bool mark_is_sure; /* that is the mark which filter sees, whatever mangle does: see wall_ignorance */
    int64_t time;
    int32_t zone_minutes;
    const struct packet_address *local;
    size_t local_count;
    const struct verdict_sets *sets;
};

struct wall;

/* r (of either family; a packet of the other family meets no rules) must outlive the wall and is only written
 * to when count is set: then rule and chain counters count. NULL: out of memory. */
MUST_USE struct wall *wall_new(struct rules *r, const struct track_config *config, bool count,
                               track_on_event *on_event, void *arg);
void wall_free(struct wall **w);
/* trace may be NULL; it is told raw's rules, then filter's. A packet whose fate is UNKNOWN is
 * tracked as if it had passed, by filter too if that is raw's doubt. Raw's may be about the tracking itself
 * (NOTRACK, CT): what follows of such a connection is then as uncertain, whatever its report says. */
void wall_packet(struct wall *w, const struct packet *packet, enum wall_path path,
                 const struct wall_world *world, uint64_t now_ms, const struct verdict_trace *trace,
                 struct wall_report *ret);
struct tracker *wall_tracker(struct wall *w);

/* What rules of mangle, nat and security, which are only kept, may have changed before filter sees a packet:
 * VERDICT_NO_MARK, VERDICT_NO_CONNMARK. */
uint32_t wall_ignorance(const struct rules *r);

#endif
