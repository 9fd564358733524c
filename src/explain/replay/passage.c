/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "explain/near/near.h"
#include "explain/replay/doubt.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "rules/nft/nft.h"
#include "track/icmp_type.h"

/* The helper must not judge half a line: what the snap length cut off is not shown to it at all. */
static struct packet shown(const struct passing *g)
{
    struct packet p = g->packet->packet;

    if (g->packet->is_cut && !p.fault && p.protocol == PACKET_TCP && p.payload < p.captured)
        p.captured = p.payload;
    return p;
}

/* What a capture does not tell of a packet before its first rule. One that was routed may have been caught when it came or
 * when it left, counted down; one that was sent is caught behind all rules. */
static uint32_t hidden_by_rules(const struct run *run, enum wall_path path)
{
    uint32_t writes = wall_rules_writes(run->walked);
    bool is_before = path == WALL_IN || path == WALL_LOOP;
    bool shape =
        path == WALL_THROUGH || (!is_before && writes & (NFT_WRITES_TTL | NFT_WRITES_TOS | NFT_WRITES_TCP));

    return (shape ? VERDICT_NO_SHAPE : 0) | (!is_before && writes & NFT_WRITES_TCP ? VERDICT_NO_BYTES : 0);
}

static void world_of(const struct run *run, const struct passing *g, struct play *play,
                     struct wall_world *ret)
{
    *play = run->play;
    play->where = g->where;
    if (g->session != SURVEY_NONE) {
        play->client = run_session(run, g->session)->client;
        play->server = run_session(run, g->session)->server;
        play->family = run_session(run, g->session)->family;
    }
    play_world(play, g->from, ret);
    ret->outside = true;
    ret->unknown &= ~(uint32_t)(VERDICT_NO_BYTES | VERDICT_NO_SHAPE);
    ret->unknown |= hidden_by_rules(run, g->path);
    ret->time = (int64_t)g->packet->time_s;
}

/* Do the rules give a control connection such as this one a helper when it begins, whether or not the capture
 * has that beginning? */
static bool would_have_helper(struct run *run, const struct survey_session *s)
{
    uint8_t bytes[64];
    struct packet_recipe recipe = {.family = s->family,
                                   .protocol = PACKET_TCP,
                                   .source = s->client,
                                   .destination = s->server,
                                   .source_port = s->client_port,
                                   .destination_port = s->server_port,
                                   .tcp = {.flags = PACKET_SYN, .window = 65535},
                                   .window_scale = -1};
    int size = packet_build(&recipe, bytes, sizeof(bytes));
    struct track_config config;
    struct packet p;
    struct play play = run->play;
    struct wall_world world;
    struct wall_report report = {0};

    play.client = s->client;
    play.server = s->server;
    play.where = run_place(run, s);
    play_config(&run->play, &config);
    play_world(&play, STORY_CLIENT, &world);
    struct wall *wall = wall_new(run->walked, &config, NULL, NULL);
    if (!wall || size < 0 || packet_decode(bytes, (size_t)size, false, &p) != 0) {
        wall_free(&wall);
        return true;
    }
    wall_packet(wall, &p, play_path(&play, STORY_CLIENT), &world, 0, NULL, &report);
    wall_free(&wall);
    return report.fate == WALL_UNKNOWN || (report.has_flow && report.flow.helper != TRACK_HELPER_NONE);
}

static bool has_helper(struct run *run, uint32_t session)
{
    if (run->helped_session != session + 1) {
        run->helped_session = session + 1;
        run->is_helped = would_have_helper(run, run_session(run, session));
    }
    return run->is_helped;
}

/* May an announcement of this connection be missing? Only if a helper would have read it. */
static bool may_be_announced(struct run *run, const struct passing *g)
{
    const struct packet *p = &g->packet->packet;

    if (g->session == SURVEY_NONE || g->channel == STORY_CONTROL ||
        (p->tcp.flags & (PACKET_SYN | PACKET_ACK)) != PACKET_SYN)
        return false;
    const struct survey_session *s = run_session(run, g->session);
    bool is_readable = !s->tls || s->tls > g->packet->number;
    return is_readable && survey_is_incomplete(s) && has_helper(run, g->session);
}

/* Would the packet meet the same fate in every state that it may have had? */
static bool stands(struct run *run, const struct passing *g, const struct packet *p,
                   const struct wall_world *world, const struct wall_report *report, uint32_t states)
{
    for (unsigned state = TRACK_INVALID; state <= TRACK_UNTRACKED; state++) {
        struct wall_ask ask = {.packet = p,
                               .path = g->path,
                               .world = world,
                               .state = (enum track_state)state,
                               .direction = report->view.direction,
                               .now_ms = g->packet->now_ms};
        struct wall_report other;

        if (!(states >> state & 1))
            continue;
        wall_ask(run->asked, &ask, NULL, &other);
        if (other.fate != report->fate)
            return false;
    }
    return report->stage != WALL_BY_CONNTRACK && report->stage != WALL_BY_HELPER;
}

/* What REJECT sends is of the connection that it refuses (nf_ct_attach), and meets OUTPUT wherever the firewall
 * stands; it looks as if the other end had sent it, or a router. */
static bool may_be_own_answer(const struct passing *g)
{
    const struct packet *p = &g->packet->packet;
    bool is_error = (p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6) &&
                    track_icmp_is_error(p->protocol, p->icmp.type);
    bool is_reset = p->protocol == PACKET_TCP && p->tcp.flags & PACKET_RST;

    return g->path != WALL_IN && (is_error || is_reset);
}

/* Why the report does not stand, as the capture lacks something; NULL: it does. */
static const char *doubt(struct run *run, const struct passing *g, const struct packet *p,
                         const struct wall_world *world, const struct wall_report *report)
{
    const struct doubt_case c = {.packet = g->packet,
                                 .report = report,
                                 .path = g->path,
                                 .follow = g->has_follow ? &g->follow : NULL,
                                 .may_be_announced = may_be_announced(run, g),
                                 .rules_family = run->own ? 0 : run->rules->family};
    const struct doubt d = doubt_of(&c);

    if (report->fate == WALL_UNKNOWN)
        return NULL;
    if (g->session != SURVEY_NONE && run_session(run, g->session)->translated && !run->own &&
        report->fate != WALL_PASS)
        return "which addresses the rules meet, as they are translated (NAT) between the places of the "
               "capture";
    if (report->fate != WALL_PASS && may_be_own_answer(g))
        return "whether the firewall sent it itself, as its answer to a packet that it rejected";
    if (run->is_astray && report->fate != WALL_PASS)
        return "what earlier packets met, which can't be told";
    if (d.why && (d.is_blind || !stands(run, g, p, world, report, d.states)))
        return d.why;
    return g->has_follow && g->follow.of->doubt && report->fate != WALL_PASS
               ? "what became of the packet that began its connection"
               : NULL;
}

static int describe(struct run *run, struct story_step *step, const struct packet *p)
{
    step->packet = story_packet_text(p);
    step->label = run->said[0] ? strdup(run->said) : step->packet ? strdup(step->packet) : NULL;
    step->phase = strdup("");
    step->source = story_end_text(&p->source, p->family, p->source_port);
    step->destination = story_end_text(&p->destination, p->family, p->destination_port);
    return step->packet && step->label && step->phase && step->source && step->destination ? 0 : -ENOMEM;
}

static int tell_cause(const struct run *run, struct story_step *step)
{
    const struct survey_cause *cause = survey_cause(&run->survey, step->number);

    for (; cause && cause < run->survey.causes + run->survey.cause_count && cause->frame == step->number;
         cause++) {
        if (!run_session(run, cause->session)->is_ftp)
            continue;
        char *both = step->cause ? story_format("%s; %s", step->cause, cause->text) : strdup(cause->text);

        if (!both)
            return -ENOMEM;
        free(step->cause);
        step->cause = both;
    }
    return 0;
}

static int blame(struct run *run, const struct passing *g, const struct story_step *step)
{
    struct judge *j = &run->judge;

    if (step->fate == WALL_PASS)
        return 0;
    if (g->session == SURVEY_NONE) {
        if (!j->other_first)
            j->other_first = step->number;
        j->other_stopped += step->fate != WALL_UNKNOWN;
        j->other_doubtful += step->fate == WALL_UNKNOWN;
        return 0;
    }
    if (g->follow.is_leftover) {
        j->leftover += step->fate != WALL_UNKNOWN;
        return 0;
    }
    return judge_packet(j, step, g->session, g->data, g->is_suspect, run->announced);
}

static void count_remarks(struct run *run, const struct passing *g)
{
    enum reading_sum sum = reading_sum(&g->packet->packet);
    uint8_t protocol = g->packet->packet.protocol;

    run->judge.left_to_card += sum == SUM_LEFT_TO_CARD;
    run->judge.wrong_sums += sum == SUM_WRONG;
    run->judge.not_judged += protocol == PACKET_SCTP || protocol == PACKET_DCCP;
    run->judge.other_packets += g->session == SURVEY_NONE;
}

/* ---- what came near to admitting the first packet that was stopped ---- */

static void ask_rule(void *arg, const struct rules_chain *chain, const struct rules_rule *rule,
                     uint32_t number, enum verdict_answer answer)
{
    (void)arg;
    (void)chain;
    (void)rule;
    (void)number;
    (void)answer;
}

struct nearness {
    struct story story; /* of one step: what its packet came near to */
    const struct rules *rules;
    int error;
};

static void ask_table(void *arg, enum rules_table_type table, const struct verdict_packet *p,
                      const struct verdict *v)
{
    struct nearness *n = arg;

    if (!n->error && (v->code == VERDICT_DROP || v->code == VERDICT_REJECT))
        n->error = near_find(&n->story, n->rules, table, p, v);
}

/* A rule that lets the session's other packets pass is there for those, and no near miss. */
static int keep_rule(struct run *run, const struct passing *g, const struct story_step *step)
{
    if (g->session == SURVEY_NONE || step->fate != WALL_PASS || !step->rule.chain ||
        run->judge.first_stopped.number)
        return 0;
    for (size_t i = 0; i < run->passed_count; i++) {
        if (story_rule_equal(&run->passed[i].rule, &step->rule))
            return 0;
    }
    if (run->passed_count == RULES_KEPT)
        return 0;
    struct story_rule *rule = &run->passed[run->passed_count++].rule;
    *rule = (struct story_rule){.table = strdup(step->rule.table),
                                .chain = strdup(step->rule.chain),
                                .number = step->rule.number,
                                .text = strdup(step->rule.text)};
    return rule->table && rule->chain && rule->text ? 0 : -ENOMEM;
}

/* Moves it to step. 0 or -ENOMEM. */
static int find_near(struct run *run, const struct passing *g, const struct packet *p,
                     const struct wall_world *world, const struct wall_report *report,
                     struct story_step *step)
{
    struct story_step *alone = &run->passed[run->passed_count];
    struct nearness n = {.story = {.steps = run->passed, .step_count = run->passed_count + 1},
                         .rules = run->rules};
    const struct verdict_trace trace = {.arg = &n, .rule = ask_rule, .table = ask_table};
    struct wall_ask ask = {.packet = p,
                           .path = g->path,
                           .world = world,
                           .state = report->view.state,
                           .direction = report->view.direction,
                           .now_ms = g->packet->now_ms};
    struct wall_report again;

    *alone = (struct story_step){.label = step->label};
    wall_ask(run->asked, &ask, &trace, &again);
    step->near = alone->near;
    step->near_count = alone->near_count;
    *alone = (struct story_step){0};
    if (n.error)
        return n.error;
    return judge_near(&run->judge, step);
}

static int judge_step(struct run *run, struct story_step *step, const struct passing *g)
{
    struct packet p = shown(g);
    struct verdict_trace trace;
    struct wall_world world;
    struct wall_report report;
    struct play play;

    world_of(run, g, &play, &world);
    const struct verdict_trace *traced = play_watch_trace(&run->watch, step, &trace);
    trace.table = NULL; /* near misses are asked about for one packet (find_near) */
    wall_packet(run->wall, &p, g->path, &world, g->packet->now_ms, traced, &report);
    const char *why = doubt(run, g, &p, &world, &report);
    int r = describe(run, step, &g->packet->packet);
    if (!r)
        r = story_step_judge(step, run->rules, &report);
    run->is_astray |= report.astray;
    if (!r && why) {
        step->fate = WALL_UNKNOWN;
        if (g->has_follow)
            g->follow.of->doubt = step->number;
        free(step->because);
        free(step->ask);
        step->ask = NULL;
        step->because = strdup(why);
        r = step->because ? 0 : -ENOMEM;
    }
    if (!r)
        r = tell_cause(run, step);
    count_remarks(run, g);
    if (!r)
        r = keep_rule(run, g, step);
    if (!r)
        r = blame(run, g, step);
    bool is_first = run->judge.first_stopped.number == step->number && report.stage == WALL_BY_RULES;
    return !r && is_first ? find_near(run, g, &p, &world, &report, step) : r;
}

int run_packet(struct run *run, const struct reading_packet *packet)
{
    struct passing g;
    int r = run_look_at(run, packet, &g);
    if (r)
        return r;
    struct story_step *step = story_step_add(run->story);
    if (!step)
        return -ENOMEM;
    run->number = step->number = packet->number;
    step->at_ms = packet->now_ms;
    step->from = g.from;
    step->channel = g.channel;
    step->is_retry = g.has_follow && !g.follow.is_new && g.follow.side == 0 && g.follow.of->syn_tries > 1 &&
                     (packet->packet.tcp.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN;
    r = judge_step(run, step, &g);
    if (!r)
        r = run->error ? run->error : run->watch.error;
    const struct replay_listener *listener = run->options->listener;
    if (!r && listener)
        r = listener->step(listener->arg, step);
    if (run->options->streamed || run->story->step_count > STEPS_MOST) {
        run->not_told += !run->options->streamed;
        story_step_drop_last(run->story);
    }
    return r;
}
