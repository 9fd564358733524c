/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: the connections that FTP sessions have announced to the live wall. */
#include "cmd/wall/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/flow_events.h"
#include "track/native/tracker.h"

enum { LINE = 1024, STATUS_NONE = 1 /* as conntrack exits when it has deleted nothing */ };

struct showing {
    const struct flow_order *order;
    const struct kernel_flows *flows;
    const struct kernel_wall *wall;
    uint64_t now;
    unsigned long count;
    int error;
};

static void show(const struct showing *s, const struct track_expectation *e, const struct track_flow *master)
{
    char line[LINE];

    if (track_expectation_format_of(e, master, s->now, line, sizeof(line)) < (int)sizeof(line))
        puts(line);
}

static bool see(void *arg, const struct track_expectation *e, const struct track_flow *master)
{
    struct showing *s = arg;
    bool flushes = s->order->task == FLOW_FLUSH, ends = flushes || s->order->task == FLOW_DELETE;
    int r = 1;

    if (!flushes && !flow_filter_expects(&s->order->filter, e))
        return true;
    if (ends)
        r = expectations_end(s->flows, e);
    if (r < 0)
        s->error = r;
    if (r <= 0)
        return r == 0;
    s->count++;
    if (s->order->task == FLOW_LIST || s->order->task == FLOW_DELETE)
        show(s, e, master);
    return true;
}

/* What was done. */
static int tell(const struct showing *s)
{
    if (s->order->task == FLOW_COUNT)
        printf("%lu\n", s->count);
    else if (s->order->task == FLOW_FLUSH)
        fprintf(stderr, "sallywall: expectation table has been emptied.\n");
    else
        fprintf(stderr, "sallywall: %lu expectations have been %s.\n", s->count,
                s->order->task == FLOW_DELETE ? "deleted" : "shown");
    return s->order->task == FLOW_DELETE && !s->count ? STATUS_NONE : 0;
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "sallywall expect: %s: %s\n", what, strerror(-error));
    return STATUS_TROUBLE;
}

/* ---- -E ---- */

static bool watch_is_over(void *arg)
{
    return flow_events_are_over(((const struct showing *)arg)->wall);
}

static void show_event(void *arg, const struct bpf_expect_event *e)
{
    struct showing *s = arg;
    struct track_flow master = {.tuple = e->master};

    if (!(e->type & s->order->events) || !flow_filter_expects(&s->order->filter, &e->expectation))
        return;
    flow_events_print_type(s->order, e->type);
    s->now = e->now_ms;
    show(s, &e->expectation, e->has_master ? &master : NULL);
    s->count++;
}

static int watch(struct showing *s)
{
    uint64_t lost = 0;
    int r = flow_events_begin("expect", s->wall);

    if (r)
        return r;
    r = expectations_watch(s->flows, -1, watch_is_over, show_event, s, &lost);
    if (r < 0)
        return fail("events can't be heard", r);
    flow_events_end(s->wall, "expectation", s->count, lost);
    return 0;
}

/* ---- the command ---- */

static int go_over(struct showing *s)
{
    int r = expectations_each(s->flows, s->now, see, s);

    if (r == 0)
        r = s->error;
    return r < 0 ? fail("the expectations can't be read or deleted", r) : tell(s);
}

int expect_carry_out(const struct flow_order *order)
{
    struct kernel_wall *wall;
    struct kernel_flows flows;
    struct showing s = {.order = order, .flows = &flows, .now = flows_clock()};
    int status;

    if (!flow_tables_open("expect", &wall, &flows))
        return STATUS_TROUBLE;
    s.wall = wall;
    status = order->task == FLOW_WATCH ? watch(&s) : go_over(&s);
    flows_close(&flows);
    kernel_wall_close(&wall);
    return finish_output(status);
}

int expect_command(int argc, char **argv)
{
    struct flow_order order;
    int r = flow_order_read(argc, argv, &order);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    return expect_carry_out(&order);
}
