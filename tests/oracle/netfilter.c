/* SPDX-License-Identifier: BSD-2-Clause */
#include "netfilter.h"

#include "conntrack.h"
#include "kernel.h"
#include "rules/rules.h"
#include "trial.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct netfilter {
    struct host host; /* the first */
    struct kernel kernel;
    struct conntrack *conntrack;
};

static struct netfilter *self(struct host *h)
{
    return (struct netfilter *)h;
}

static void renew(struct host *h)
{
    struct netfilter *n = self(h);
    const char *why;

    conntrack_close(&n->conntrack);
    kernel_close(&n->kernel);
    if (kernel_open(&n->kernel, &why) < 0)
        die("%s", why);
    n->conntrack = conntrack_open();
}

static char *load(struct host *h, const struct trial *t, const struct rules *rules)
{
    (void)h;
    (void)rules;
    kernel_set_timeouts(&t->config.timeouts);
    return kernel_load(t->family, t->nft, t->rules);
}

static void unload(struct host *h, const struct trial *t)
{
    kernel_unload(t->family, t->nft);
    conntrack_flush(self(h)->conntrack);
}

static uint64_t now(struct host *h)
{
    (void)h;
    return kernel_now();
}

static void wait(struct host *h, unsigned ms)
{
    (void)h;
    usleep(ms * 1000);
}

static void packet(struct host *h, const struct step *step, uint64_t now_ms, struct outcome *ret)
{
    (void)now_ms;
    *ret = (struct outcome){.is_known = step->path != WALL_IN};
    kernel_packet(&self(h)->kernel, step, &ret->passed);
    strcpy(ret->note, !ret->is_known ? "(not seen)" : ret->passed ? "pass" : "drop");
}

static bool is_late(struct host *h, const struct step *step)
{
    return kernel_packet_is_late(&self(h)->kernel, step);
}

static void events(struct host *h, struct flow_list *began, struct flow_list *ended)
{
    conntrack_events(self(h)->conntrack, began, ended);
}

static bool get(struct host *h, const struct track_tuple *t, uint64_t now_ms, struct flow_view *ret)
{
    (void)now_ms;
    /* It finds either direction; only the original one is asked for here. */
    return conntrack_get(self(h)->conntrack, t, ret) && tuple_equal(&ret->tuple, t);
}

static void expectations(struct host *h, uint64_t now_ms, struct expectation_list *ret)
{
    (void)now_ms;
    conntrack_dump_expectations(self(h)->conntrack, ret);
}

static struct rules *counters(struct host *h, const struct trial *t)
{
    char *text = kernel_save(t->family, t->nft);
    struct rules *rules;
    struct rules_error error;

    (void)h;
    if (rules_read(text, strlen(text), "iptables-save", t->family, &rules, &error) < 0)
        die("iptables-save's output, line %u column %u: %s\n%s", error.line, error.column, error.message,
            text);
    free(text);
    return rules;
}

struct host *netfilter_open(const char **ret_why)
{
    struct netfilter *n = calloc(1, sizeof(*n));

    if (!n)
        die("out of memory");
    if (kernel_open(&n->kernel, ret_why) < 0) {
        free(n);
        return NULL;
    }
    n->conntrack = conntrack_open();
    n->host = (struct host){
        .name = "kernel",
        .slack = 2,
        .sends_itself = true,
        .tells_ends = true,
        .counts_policies = true,
        .renew = renew,
        .load = load,
        .unload = unload,
        .now = now,
        .wait = wait,
        .packet = packet,
        .is_late = is_late,
        .events = events,
        .get = get,
        .expectations = expectations,
        .counters = counters,
    };
    return &n->host;
}

void netfilter_close(struct host **h)
{
    struct netfilter *n = self(*h);

    conntrack_close(&n->conntrack);
    kernel_close(&n->kernel);
    free(n);
    *h = NULL;
}
