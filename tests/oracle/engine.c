/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine.h"

#include "kernel.h"
#include "packet/decode.h"
#include "packet/reassemble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NOTE = 200, REASSEMBLY = 1 << 22, LOCALS = 3 };

struct engine {
    struct wall *wall;
    struct packet_reassembler *fragments;
    struct flow_list began, ended;
    struct packet_address local[LOCALS];
};

static struct flow_view view_of(const struct track_flow *f, uint64_t now)
{
    struct flow_view v = {
        .tuple = f->tuple,
        .status = f->status,
        .mark = f->mark,
        .seconds = f->expires > now ? (int64_t)((f->expires - now) / 1000) : 0,
        .tcp_state = f->tuple.protocol == PACKET_TCP ? f->tcp.state : -1,
    };
    if (f->helper == TRACK_HELPER_FTP)
        strcpy(v.helper, "ftp");
    return v;
}

static void take_event(void *arg, const struct track_event *event)
{
    struct engine *e = arg;
    if (event->type != TRACK_FLOW_NEW && event->type != TRACK_FLOW_ENDED)
        return;
    struct flow_view v = view_of(event->flow, event->now);
    flow_list_add(event->type == TRACK_FLOW_NEW ? &e->began : &e->ended, &v);
}

static void set_locals(struct engine *e, uint8_t family)
{
    static const char *const LOCAL[2][LOCALS] = {{"127.0.0.1", "10.1.255.254", "10.2.255.254"},
                                                 {"::1", "fd01::fffe", "fd02::fffe"}};
    for (unsigned i = 0; i < LOCALS; i++)
        (void)!packet_address_parse(LOCAL[family == PACKET_IPV6][i], &e->local[i], &family);
}

struct engine *engine_new(struct rules *rules, const struct track_timeouts *timeouts)
{
    struct engine *e = calloc(1, sizeof(*e));
    struct track_config config;
    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    if (timeouts)
        config.timeouts = *timeouts;
    if (!e)
        die("out of memory");
    set_locals(e, rules->family);
    e->wall = wall_new(rules, &config, true, take_event, e);
    e->fragments = packet_reassembler_new(REASSEMBLY);
    if (!e->wall || !e->fragments)
        die("out of memory");
    return e;
}

void engine_free(struct engine **e)
{
    wall_free(&(*e)->wall);
    packet_reassembler_free(&(*e)->fragments);
    flow_list_free(&(*e)->began);
    flow_list_free(&(*e)->ended);
    free(*e);
    *e = NULL;
}

/* Fragments are made whole before conntrack sees them; it checks sums only of what comes from outside. */
static bool read_step(struct engine *e, const struct step *step, uint64_t now, struct packet *ret)
{
    bool check = step->path != WALL_OUT;
    struct packet arrived;
    if (packet_decode(step->bytes, step->size, check, &arrived) < 0)
        return false;
    if (packet_reassemble(e->fragments, &arrived, now, ret) != 1)
        return false;
    return packet_decode(ret->bytes, ret->captured, check, ret) == 0;
}

static void write_note(const struct wall_report *r, char *note)
{
    static const char *const FATES[] = {"pass", "drop", "reject", "unknown"},
                             *const STAGES[] = {"raw", "conntrack", "filter", "helper"},
                             *const STATES[] = {"none",        "INVALID", "NEW",
                                                "ESTABLISHED", "RELATED", "UNTRACKED"};
    const struct verdict *v = r->stage == WALL_BY_RAW ? &r->raw : &r->filter;
    snprintf(note, NOTE, "%s by %s (%s %u), %s%s: %s%s%s", FATES[r->fate], STAGES[r->stage],
             v->chain ? v->chain->name : "-", v->number, STATES[r->view.state],
             r->view.direction == TRACK_REPLY ? " reply" : "", track_reason_text(r->reason),
             v->because ? " because of " : "", v->because ? v->because : "");
}

void engine_packet(struct engine *e, const struct step *step, uint64_t now, bool *ret_passed, char *note)
{
    static const char *const TUN[] = {"tun0", "tun1"};
    struct wall_report report = {0};
    struct packet p;
    struct wall_world world = {
        .in = step->path == WALL_OUT ? "" : TUN[step->side],
        .out = step->path == WALL_IN    ? ""
               : step->path == WALL_OUT ? TUN[step->side]
                                        : TUN[!step->side],
        .unknown = VERDICT_NO_MAC,
        .mark = step->path == WALL_OUT ? KERNEL_MARK : 0,
        .time = time(NULL),
        .local = e->local,
        .local_count = LOCALS,
    };
    if (note)
        snprintf(note, NOTE, "no whole packet");
    if (step->path != WALL_IN)
        *ret_passed = false;
    if (!read_step(e, step, now, &p))
        return;
    wall_packet(e->wall, &p, step->path, &world, now, NULL, &report);
    if (step->path != WALL_IN)
        *ret_passed = report.fate == WALL_PASS;
    if (note)
        write_note(&report, note);
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
    *ret = view_of(f, now);
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
    struct expectation_view v = {
        .source = e->source,
        .destination = e->destination,
        .port = e->port,
        .family = e->family,
        .seconds = e->expires > d->now ? (int64_t)((e->expires - d->now) / 1000) : 0,
    };
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
