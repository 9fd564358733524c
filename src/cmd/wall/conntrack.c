/* SPDX-License-Identifier: BSD-2-Clause */
/* conntrack: the connections that the live wall knows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/expect.h"
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

static int fail(const char *what, int error)
{
    fprintf(stderr, "sallywall conntrack: %s: %s\n", what, strerror(-error));
    return STATUS_TROUBLE;
}

static void print_flow(const struct flow_order *o, const struct track_flow *flow, uint64_t now_ms,
                       struct track_format *how)
{
    char line[LINE];

    how->family = o->extended;
    how->number = o->number;
    if (track_flow_format_as(flow, now_ms, how, line, sizeof(line)) < (int)sizeof(line))
        puts(line);
}

/* ---- -L, -D, -F, -C ---- */

static void show(struct showing *s, const struct bpf_flow *f)
{
    struct track_format how = {.kind = TRACK_FORMAT_LIST, .packets = f->packets, .bytes = f->bytes};

    print_flow(s->order, &f->flow, s->now, &how);
    s->count++;
}

static bool list_flow(void *arg, const struct flows_place *place, const struct bpf_flow *f)
{
    struct showing *s = arg;

    (void)place;
    if (flow_filter_takes(&s->order->filter, &f->flow))
        show(s, f);
    return true;
}

/* Ends it, if it is still the same one; shown is what was ended. */
static bool delete_flow(void *arg, const struct flows_place *place, const struct bpf_flow *f)
{
    struct showing *s = arg;

    if (!flow_filter_takes(&s->order->filter, &f->flow))
        return true;
    int r = flows_end(s->flows, place);
    if (r < 0)
        s->error = r;
    else if (r > 0 && s->order->task == FLOW_DELETE)
        show(s, f);
    return r >= 0;
}

static bool count_flow(void *arg, const struct flows_place *place, const struct bpf_flow *f)
{
    struct showing *s = arg;

    (void)place;
    s->count += flow_filter_takes(&s->order->filter, &f->flow);
    return true;
}

static int go_over(struct showing *s, flows_see *see)
{
    int r = flows_each(s->flows, s->now, see, s);

    return r < 0 ? r : s->error;
}

static int list(struct showing *s)
{
    int r = go_over(s, list_flow);

    if (r < 0)
        return fail("the connections can't be read", r);
    fprintf(stderr, "sallywall: %lu flow entries have been shown.\n", s->count);
    return 0;
}

static int delete(struct showing *s)
{
    int r = go_over(s, delete_flow);

    if (r < 0)
        return fail("the connections can't all be deleted", r);
    fprintf(stderr, "sallywall: %lu flow entries have been deleted.\n", s->count);
    return s->count ? 0 : STATUS_NONE;
}

static int flush(struct showing *s)
{
    static const struct flow_filter ALL = {.state = -1};
    struct flow_order order = *s->order;

    order.filter = ALL;
    s->order = &order;
    int r = go_over(s, delete_flow);
    if (r < 0)
        return fail("the table of connections can't be emptied", r);
    fprintf(stderr, "sallywall: connection tracking table has been emptied.\n");
    return 0;
}

static int count(struct showing *s)
{
    int r = go_over(s, count_flow);

    if (r < 0)
        return fail("the connections can't be counted", r);
    printf("%lu\n", s->count);
    return 0;
}

/* ---- -E ---- */

static bool watch_is_over(void *arg)
{
    return flow_events_are_over(((const struct showing *)arg)->wall);
}

static void show_event(void *arg, const struct bpf_flow_event *e)
{
    struct showing *s = arg;
    struct track_format how = {.kind = TRACK_FORMAT_UPDATE};

    if (!(e->type & s->order->events) || !flow_filter_takes(&s->order->filter, &e->flow))
        return;
    if (e->type == BPF_FLOW_NEW)
        how.kind = TRACK_FORMAT_NEW;
    else if (e->type == BPF_FLOW_DESTROY)
        how = (struct track_format){.kind = TRACK_FORMAT_DESTROY, .packets = e->packets, .bytes = e->bytes};
    flow_events_print_type(s->order, e->type);
    print_flow(s->order, &e->flow, e->now_ms, &how);
    s->count++;
}

static int watch(struct showing *s)
{
    uint64_t lost = 0;
    int r = flow_events_begin("conntrack", s->wall);

    if (r)
        return r;
    r = flows_watch(s->flows, -1, watch_is_over, show_event, s, &lost);
    if (r < 0)
        return fail("events can't be heard", r);
    flow_events_end(s->wall, "flow", s->count, lost);
    return 0;
}

/* ---- the command ---- */

int conntrack_command(int argc, char **argv)
{
    static int (*const TASKS[])(struct showing *s) = {[FLOW_LIST] = list,
                                                      [FLOW_DELETE] = delete,
                                                      [FLOW_FLUSH] = flush,
                                                      [FLOW_WATCH] = watch,
                                                      [FLOW_COUNT] = count};
    struct kernel_wall *wall;
    struct kernel_flows flows;
    struct flow_order order;
    int r = flow_order_read(argc, argv, &order);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (order.of_expectations)
        return expect_carry_out(&order);
    if (!flow_tables_open(argv[0], &wall, &flows))
        return STATUS_TROUBLE;
    struct showing s = {.order = &order, .flows = &flows, .wall = wall, .now = flows_clock()};
    int status = TASKS[order.task](&s);
    flows_close(&flows);
    kernel_wall_close(&wall);
    return finish_output(status);
}
