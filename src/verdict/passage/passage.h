/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_PASSAGE_PASSAGE_H
#define SALLY_VERDICT_PASSAGE_PASSAGE_H

/*
 * One packet on its way through a wall: where it stands, and what became of it so far. The files of this room are what it meets:
 * rules (ask.h), connection tracking with the helper (conntrack.h), NAT (nat.h), the routing decision (route.h). Each "meet" says
 * whether the packet goes on; wall.c calls them in the kernel's order.
 */
#include "packet/rewrite.h"
#include "verdict/wall.h"

/* See wall.h. */
struct wall {
    struct wall_rules *rules;
    struct wall_rules *own; /* rules, if nobody shares them; or NULL */
    struct tracker *tracker;
    struct verdict_memory *memory;
    uint32_t forgotten;      /* enum verdict_ignorance: what some rule may have changed for good */
    struct packet_copy copy; /* of the packet under way, once it is written to */
};

struct passage {
    struct wall *wall;
    const struct wall_ask *ask;
    enum wall_path path;            /* as far as it is decided */
    bool is_tracked;                /* by the wall's tracker; else the asker makes the connection up */
    struct track_flow made_up;      /* that connection */
    struct verdict_packet packet;   /* as the next rule sees it */
    struct track_view view;         /* once conntrack has looked */
    struct track_template template; /* what raw said */
    bool template_unknown;
    bool is_confirmed;     /* the tracker is through with it */
    struct way_place hops; /* the rule that wrote the TTL last */
    bool is_written[2];    /* by enum nat_manip: it has been where NAT writes that end */
    const struct verdict_trace *trace;
    struct wall_report *report;
};

/* Before its first hook. */
void passage_begin(struct passage *g, struct wall *w, const struct wall_ask *ask,
                   const struct verdict_trace *trace, struct wall_report *ret);
/* What became of it, and by whom. */
void passage_decide(struct passage *g, enum wall_fate fate, enum wall_stage stage);
/* By rules, unless it is in doubt already and these let it pass or are in doubt, too. */
void passage_decide_by_rules(struct passage *g, const struct verdict *v, enum rules_table_type table);
void passage_decide_beside(struct passage *g, const struct rules_beside *beside);
/* Nothing that follows is sure any more: it may be tracked, addressed or routed otherwise, and so may what follows of its
 * connection. */
void passage_go_astray(struct passage *g);
/* Its connection is as the report has it. */
void passage_keep_flow(struct passage *g);
/* What rules of raw have said of its tracking, or NULL. */
const struct track_template *passage_template(const struct passage *g);
/* Sources are rewritten last: the packet itself has passed, if all before was certain. */
bool passage_rewrites_source(enum rules_hook hook);
/* Does this machine send it? */
bool passage_is_sent_here(const struct passage *g);

#endif
