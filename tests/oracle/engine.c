/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine.h"

#include "fragments.h"
#include "kernel.h"
#include "packet/decode.h"
#include "rules_made.h"
#include "track/native/tracker.h"
#include "verdict/image/format.h"
#include "verdict/sets/sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct engine {
    struct wall *wall;
    struct fragments *fragments;
    struct flow_list began, ended;
    struct packet_address local[ENGINE_LOCALS];
    struct sets *sets;
    struct verdict_sets bound;
};

static void take_event(void *arg, const struct track_event *event)
{
    struct engine *e = arg;
    if (event->type != TRACK_FLOW_NEW && event->type != TRACK_FLOW_ENDED)
        return;
    struct flow_view v = flow_view_of(event->flow, event->now);
    flow_list_add(event->type == TRACK_FLOW_NEW ? &e->began : &e->ended, &v);
}

void engine_locals(uint8_t family, struct packet_address ret[ENGINE_LOCALS])
{
    static const char *const LOCAL[2][ENGINE_LOCALS] = {{"127.0.0.1", "10.1.255.254", "10.2.255.254"},
                                                        {"::1", "fd01::fffe", "fd02::fffe"}};
    for (unsigned i = 0; i < ENGINE_LOCALS; i++)
        (void)!packet_address_parse(LOCAL[family == PACKET_IPV6][i], &ret[i], &family);
}

struct sets *engine_sets(uint8_t family)
{
    const char *text = rules_sets(family);
    struct rules_error error;
    struct sets *ret;

    if (sets_read(text, strlen(text), "sets", &ret, &error) < 0)
        die("the sets, line %u column %u: %s", error.line, error.column, error.message);
    return ret;
}

struct engine *engine_new(struct rules *rules, const struct track_config *config, bool whole)
{
    struct engine *e = calloc(1, sizeof(*e));
    if (!e)
        die("out of memory");
    engine_locals(rules->family, e->local);
    e->wall = wall_new_counting(rules, config, take_event, e);
    e->fragments = fragments_new(whole);
    e->sets = engine_sets(rules->family);
    sets_bind(e->sets, &e->bound);
    if (!e->wall)
        die("out of memory");
    return e;
}

void engine_free(struct engine **e)
{
    wall_free(&(*e)->wall);
    fragments_free(&(*e)->fragments);
    sets_free(&(*e)->sets);
    flow_list_free(&(*e)->began);
    flow_list_free(&(*e)->ended);
    free(*e);
    *e = NULL;
}

static uint8_t stage_of(const struct wall_report *r)
{
    static const uint8_t stages[] = {
        [WALL_BY_CONNTRACK] = BPF_BY_CONNTRACK, [WALL_BY_HELPER] = BPF_BY_HELPER};

    if (r->stage == WALL_BY_RULES)
        return r->table == RULES_RAW ? BPF_BY_RAW : BPF_BY_FILTER;
    return stages[r->stage];
}

static struct bpf_answer answer_of(const struct wall_report *r)
{
    static const uint8_t CODES[] = {
        [WALL_PASS] = IMAGE_ACCEPT, [WALL_DROP] = IMAGE_DROP, [WALL_REJECT] = IMAGE_REJECT};

    return (struct bpf_answer){
        .code = r->fate < WALL_UNKNOWN ? CODES[r->fate] : 0,
        .stage = stage_of(r),
        .state = (uint8_t)r->view.state,
        .direction = (uint8_t)r->view.direction,
        .reason = (uint8_t)r->reason,
    };
}

static void write_note(const struct wall_report *r, struct outcome *ret)
{
    const struct verdict *v = &r->verdict;
    char answer[sizeof(ret->note)];

    snprintf(ret->note, sizeof(ret->note), "%s (%s %u)%s%s",
             answer_format(&ret->answer, answer, sizeof(answer)), v->chain ? v->chain->name : "-", v->number,
             v->because ? " because of " : "", v->because ? v->because : "");
}

bool engine_packet(struct engine *e, const struct step *step, uint64_t now, struct outcome *ret)
{
    struct wall_report report = {0};
    struct packet p;
    struct wall_world world = {
        .in = step_in(step),
        .out = step_out(step),
        .unknown = VERDICT_NO_MAC,
        .mark = step->path == WALL_OUT ? KERNEL_MARK : 0,
        .time = time(NULL),
        .local = e->local,
        .local_count = ENGINE_LOCALS,
        .sets = &e->bound,
    };
    *ret = (struct outcome){.is_known = true, .note = NO_WHOLE_PACKET};
    if (!fragments_read(e->fragments, step, now, &p))
        return true;
    wall_packet(e->wall, &p, step->path, &world, now, NULL, &report);
    ret->passed = report.fate == WALL_PASS;
    ret->answer = answer_of(&report);
    write_note(&report, ret);
    return report.fate != WALL_UNKNOWN;
}

static void move(struct flow_list *from, struct flow_list *to)
{
    for (size_t i = 0; i < from->count; i++)
        flow_list_add(to, &from->items[i]);
    from->count = 0;
}

void engine_events(struct engine *e, struct flow_list *began, struct flow_list *ended)
{
    move(&e->began, began);
    move(&e->ended, ended);
}

bool engine_get(struct engine *e, const struct track_tuple *t, uint64_t now, struct flow_view *ret)
{
    tracker_tick(wall_tracker(e->wall), now);
    const struct track_flow *f = tracker_find(wall_tracker(e->wall), t, now);
    /* It finds either direction; only the original one is asked for here. */
    if (!f || !tuple_equal(&f->tuple, t))
        return false;
    *ret = flow_view_of(f, now);
    return true;
}

struct expectation_dump {
    struct engine *engine;
    uint64_t now;
    struct expectation_list *list;
};

static bool dump_expectation(void *arg, const struct track_expectation *e)
{
    struct expectation_dump *d = arg;
    const struct track_flow *master = tracker_flow(wall_tracker(d->engine->wall), e->master);
    struct expectation_view v = expectation_view_of(e, d->now);
    if (master) {
        v.master_source = master->tuple.source;
        v.master_port = master->tuple.source_port;
    }
    expectation_list_add(d->list, &v);
    return true;
}

void engine_dump_expectations(struct engine *e, uint64_t now, struct expectation_list *ret)
{
    struct expectation_dump d = {e, now, ret};
    tracker_tick(wall_tracker(e->wall), now);
    tracker_each_expectation(wall_tracker(e->wall), dump_expectation, &d);
}
