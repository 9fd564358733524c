/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_WALL_H
#define SALLY_VERDICT_WALL_H

#include "base/result.h"
#include "host/host.h"
#include "track/native/tracker.h"
#include "verdict/verdict.h"
#include "verdict/wall_rules.h"

/*
 * A whole firewall in memory: rules, tracker and what matches remember. One packet goes through its hooks in
 * the kernel's order (order.h). explain, replay, diff, the oracle test and the fuzzers all run this.
 */
enum wall_fate { WALL_PASS, WALL_DROP, WALL_REJECT, WALL_UNKNOWN };
enum wall_stage {
    WALL_BY_RULES,
    WALL_BY_CONNTRACK,
    WALL_BY_HELPER,
    WALL_BY_BESIDE, /* what is not among the rules: struct rules_beside */
    WALL_BY_ROUTE,  /* the routing decision, of the destination that a rule of NAT gave it */
};

struct wall_report {
    enum wall_fate fate;
    enum wall_stage stage;       /* who decided */
    enum rules_table_type table; /* BY_RULES: which of them, and where; of a packet that passes, filter's */
    enum rules_hook hook;
    struct verdict verdict;
    const struct rules_beside *beside; /* BY_BESIDE */
    /* UNKNOWN about more than whether the packet passes: it may be tracked, addressed or routed otherwise, and
     * what follows of its connection is as uncertain, whatever its report says. */
    bool astray;
    struct
        wall_rewrite { /* PASS and astray: its source is rewritten behind all rules, so that this packet passes */
        enum rules_hook hook;
        struct verdict verdict; /* of nat */
    } rewrite;
    /* As it leaves the last hook that it came to: NAT may have written to it. Its bytes are borrowed until the wall's next packet. */
    struct packet packet;
    enum wall_path path;       /* that it took, which NAT may have changed */
    char out[RULES_INTERFACE]; /* by which it leaves; "": not known, or it stays */
    struct wall_mapping {      /* rules of NAT that map its connection, with its first packet */
        enum rules_hook hook;
        struct verdict verdict;
    } mapped[2]; /* by enum nat_manip */
    bool is_mapped[2];
    struct host_way way;    /* BY_ROUTE */
    struct track_view view; /* state, direction, reason; its flow is NULL: see flow below */
    struct track_flow flow; /* as it was after the packet; only if has_flow */
    bool has_flow;
    enum track_reason reason; /* why conntrack or the helper dropped it, or why it is INVALID */
};

/* What of the world the packets' rules may ask; see struct verdict_packet. Borrowed, may be changed between
 * packets. */
struct wall_world {
    const char *in, *out; /* each hook takes of them what it has: INPUT has no out */
    uint32_t unknown;     /* enum verdict_ignorance */
    uint8_t pkttype, mac[6];
    uint32_t mark;
    bool mark_is_sure; /* that is the mark which filter sees, whatever mangle does */
    int64_t time;
    int32_t zone_minutes;
    const struct packet_address *local;
    size_t local_count;
    const struct host *host; /* all that is known of the machine, or NULL */
    bool
        made_up; /* this machine sends it to an address that only NAT has made up: does a route lead there? */
    bool
        outside; /* packets are as a capture shows them, on the outer side of NAT: what rules map is not followed */
    const struct verdict_sets *sets;
};

struct wall;

/* rules (of either family; a packet of the other family meets none of them) must outlive the wall. NULL: out
 * of memory. */
MUST_USE struct wall *wall_new(struct wall_rules *rules, const struct track_config *config,
                               track_on_event *on_event, void *arg);
/* Rule and chain counters of r count, which only the walk rule by rule does. r must outlive the wall. */
MUST_USE struct wall *wall_new_counting(struct rules *r, const struct track_config *config,
                                        track_on_event *on_event, void *arg);
void wall_free(struct wall **w);
/* trace may be NULL; it is told each table's rules, in order. A packet whose fate is UNKNOWN is tracked as if
 * it had passed; if it is astray, no rules behind are asked. */
void wall_packet(struct wall *w, const struct packet *packet, enum wall_path path,
                 const struct wall_world *world, uint64_t now_ms, const struct verdict_trace *trace,
                 struct wall_report *ret);
struct tracker *wall_tracker(struct wall *w);

/* A packet asked about by itself, of a connection that the asker makes up. */
struct wall_ask {
    const struct packet *packet;
    enum wall_path path;
    const struct wall_world *world;
    enum track_state state; /* TRACK_NONE: NEW; NOTRACK has its say all the same */
    enum track_direction direction;
    uint64_t now_ms;
};

/* The same order, but nothing is tracked, and what matches remember is as before the first packet, each time:
 * for walls that only answer such questions. ret has no flow. */
void wall_ask(struct wall *w, const struct wall_ask *ask, const struct verdict_trace *trace,
              struct wall_report *ret);

/* A packet that passes although what follows is uncertain becomes UNKNOWN itself, because of nat's rule: for whoever
 * asks about its connection. */
void wall_report_follow(struct wall_report *report);

/* The rules' verdict that decided; NULL: none did, but the tracker, the helper or what is beside. */
const struct verdict *wall_report_verdict(const struct wall_report *report);

#endif
