/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/passage/conntrack.h"

#include <string.h>

#include "track/decide.h"
#include "track/native/nat.h"
#include "track/tuple.h"

/* A connection such as a packet of the asker's state belongs to, as far as rules can ask. */
static void make_up(struct passage *g)
{
    static const uint16_t statuses[] = {
        [TRACK_NEW] = 0,
        [TRACK_ESTABLISHED] = TRACK_SEEN_REPLY | TRACK_ASSURED | TRACK_CONFIRMED,
        [TRACK_RELATED] = TRACK_EXPECTED,
        [TRACK_UNTRACKED] = 0,
    };
    const struct track_template *template = &g->template;
    const struct packet *p = g->ask->packet;
    bool reply = g->ask->direction == TRACK_REPLY;
    enum track_state state = g->ask->state == TRACK_NONE ? TRACK_NEW : g->ask->state;

    if (template->notrack)
        state = TRACK_UNTRACKED;
    g->view = (struct track_view){.state = state, .direction = g->ask->direction};
    if (state == TRACK_INVALID || state == TRACK_UNTRACKED)
        return;
    const struct track_tuple forth = {.source = reply ? p->destination : p->source,
                                      .destination = reply ? p->source : p->destination,
                                      .source_port = reply ? p->destination_port : p->source_port,
                                      .destination_port = reply ? p->source_port : p->destination_port,
                                      .family = p->family,
                                      .protocol = p->protocol,
                                      .zone = template->zone};
    g->made_up = (struct track_flow){
        .status = statuses[state],
        .expires = g->ask->now_ms + 120000,
        .helper = (uint8_t)template->helper,
        .expected_by = state == TRACK_RELATED ? TRACK_HELPER_FTP : TRACK_HELPER_NONE,
        .serial = 1,
    };
    track_flow_name(&g->made_up, &forth);
    g->view.flow = &g->made_up;
    g->view.fresh = state == TRACK_NEW || state == TRACK_RELATED;
}

static bool is_astray(const struct track_flow *flow)
{
    return flow && flow->status & TRACK_ASTRAY;
}

static void follow_astray(struct passage *g)
{
    const struct verdict earlier = {
        .code = VERDICT_DEPENDS,
        .because = "what became of an earlier packet of this connection, which is not evaluated",
    };

    passage_decide_by_rules(g, &earlier, RULES_RAW);
    passage_go_astray(g);
}

bool passage_meet_conntrack(struct passage *g, const struct order_place *at)
{
    struct tracker *tracker = g->wall->tracker;
    struct wall_report *report = g->report;

    (void)at;
    if (g->is_tracked)
        tracker_begin(tracker, g->ask->packet, g->ask->now_ms, passage_template(g), &g->view);
    else
        make_up(g);
    report->view = g->view;
    report->view.flow = NULL;
    report->reason = g->view.reason;
    g->packet.view = &g->view;
    if (!g->is_tracked)
        return !g->template_unknown; /* else it may be in another state than the asker says */
    if (g->view.drop) {
        if (g->report->fate != WALL_UNKNOWN)
            passage_decide(g, WALL_DROP, WALL_BY_CONNTRACK);
        tracker_abandon(tracker, &g->view);
        return false;
    }
    if (g->view.flow && g->view.flow->master)
        g->packet.master = tracker_flow(tracker, g->view.flow->master);
    if (g->report->astray)
        passage_go_astray(g);
    else if (is_astray(g->view.flow) || is_astray(g->packet.master))
        follow_astray(g);
    return true;
}

static void doubt_nat_ftp(struct passage *g)
{
    static const struct verdict open = {
        .code = VERDICT_DEPENDS,
        .because = "whether nf_nat_ftp is loaded, which writes the address that the other side knows into "
                   "what is announced",
    };

    if (!g->report->astray)
        passage_decide_by_rules(g, &open, RULES_RAW);
    passage_go_astray(g);
}

bool passage_meet_confirm(struct passage *g, const struct order_place *at)
{
    enum track_reason reason = TRACK_OK;

    (void)at;
    if (!g->is_tracked)
        return true;
    struct packet_copy *copy = &g->wall->copy;
    bool passes = tracker_commit(g->wall->tracker, g->packet.packet, copy, &g->view, &reason);
    g->is_confirmed = true;
    if (copy->packet.family)
        g->packet.packet = &copy->packet;
    if (passes && reason == TRACK_NAT_FTP_OPEN)
        doubt_nat_ftp(g);
    if (!passes && !g->report->astray) {
        passage_decide(g, WALL_DROP, WALL_BY_HELPER);
        g->report->reason = reason;
    }
    if (passes || !g->report->astray)
        passage_keep_flow(g);
    return passes;
}
