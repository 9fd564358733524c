/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial.h"

#include "engine.h"
#include "sequence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 1000, SLACK_SECONDS = 2, WAIT_US = 3300000 };

/* Of a flow's status, what both sides keep. */
static const uint32_t STATUS = TRACK_EXPECTED | TRACK_SEEN_REPLY | TRACK_ASSURED | TRACK_CONFIRMED;

/* A trial that runs. */
struct run {
    const struct trial *trial;
    struct rules *rules;
    struct engine *engine;
    struct flow_list *flows; /* of each sequence: those that began in it, on either side */
    struct finding *finding;
    FILE *tell; /* or NULL */
};

static void find(struct run *r, enum finding_kind kind, unsigned sequence, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Keeps the first kind and sequence; all lines of the same are kept. */
static void find(struct run *r, enum finding_kind kind, unsigned sequence, const char *format, ...)
{
    struct finding *f = r->finding;
    char *line, *all;
    va_list arguments;

    if (f->kind != FINDING_NONE && (f->kind != kind || f->sequence != sequence))
        return;
    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        die("out of memory");
    va_end(arguments);
    if (asprintf(&all, "%s    %s\n", f->text ? f->text : "", line) < 0)
        die("out of memory");
    free(line);
    free(f->text);
    *f = (struct finding){kind, sequence, all};
}

static void compare_flow(struct run *r, unsigned sequence, const struct track_tuple *t)
{
    struct flow_view kernel, engine;
    char a[LINE] = "(none)", b[LINE] = "(none)";
    bool has_kernel = conntrack_get(r->trial->stand->conntrack, t, &kernel);
    bool has_engine = engine_get(r->engine, t, kernel_now(), &engine);
    if (has_kernel && !tuple_equal(&kernel.tuple, t))
        has_kernel = false; /* found by its reply direction */
    if (!has_kernel && !has_engine)
        return;
    bool same = has_kernel && has_engine && (kernel.status & STATUS) == (engine.status & STATUS) &&
                kernel.mark == engine.mark && kernel.tcp_state == engine.tcp_state &&
                llabs(kernel.seconds - engine.seconds) <= SLACK_SECONDS &&
                !strcmp(kernel.helper, engine.helper);
    if (same)
        return;
    if (has_kernel)
        flow_view_format(&kernel, a, sizeof(a));
    if (has_engine)
        flow_view_format(&engine, b, sizeof(b));
    find(r, FINDING_FLOW, sequence, "kernel %s\n    engine %s", a, b);
}

static void note_new(struct flow_list *all, const struct flow_list *began)
{
    for (size_t i = 0; i < began->count; i++)
        if (!flow_list_find(all, &began->items[i].tuple))
            flow_list_add(all, &began->items[i]);
}

/* In a long run a connection may expire, which the engine and the kernel notice in their own time. */
static bool has_expired(struct run *r, unsigned side, const struct flow_view *v)
{
    struct flow_view engine;
    return side == 1 ? v->seconds == 0 : !engine_get(r->engine, &v->tuple, kernel_now(), &engine);
}

static void compare_ends(struct run *r, unsigned sequence, const struct flow_list *kernel,
                         const struct flow_list *engine)
{
    const struct flow_list *lists[2] = {kernel, engine};
    static const char *const WHO[2] = {"kernel", "engine"};
    char text[LINE];

    for (unsigned side = 0; side < 2; side++)
        for (size_t i = 0; i < lists[side]->count; i++)
            if (!flow_list_find(lists[!side], &lists[side]->items[i].tuple) &&
                !has_expired(r, side, &lists[side]->items[i]))
                find(r, FINDING_FLOW, sequence, "ended only in the %s: %s", WHO[side],
                     flow_view_format(&lists[side]->items[i], text, sizeof(text)));
}

static void compare_flows(struct run *r, unsigned sequence)
{
    struct flow_list began[2] = {0}, ended[2] = {0};
    struct flow_list *all = &r->flows[sequence];

    conntrack_events(r->trial->stand->conntrack, &began[0], &ended[0]);
    engine_events(r->engine, &began[1], &ended[1]);
    note_new(all, &began[0]);
    note_new(all, &began[1]);
    for (size_t i = 0; i < all->count; i++)
        compare_flow(r, sequence, &all->items[i].tuple);
    if (!r->trial->waits) /* the kernel tells of what has expired when it comes across it */
        compare_ends(r, sequence, &ended[0], &ended[1]);
    for (unsigned side = 0; side < 2; side++) {
        flow_list_free(&began[side]);
        flow_list_free(&ended[side]);
    }
}

static bool expectation_equal(const struct expectation_view *a, const struct expectation_view *b)
{
    return a->family == b->family && a->port == b->port && a->master_port == b->master_port &&
           packet_address_equal(&a->source, &b->source) &&
           packet_address_equal(&a->destination, &b->destination) &&
           packet_address_equal(&a->master_source, &b->master_source) &&
           llabs(a->seconds - b->seconds) <= SLACK_SECONDS;
}

static void compare_expectations(struct run *r, unsigned sequence)
{
    struct expectation_list lists[2] = {0};
    static const char *const WHO[2] = {"kernel", "engine"};
    char text[LINE];

    conntrack_dump_expectations(r->trial->stand->conntrack, &lists[0]);
    engine_dump_expectations(r->engine, kernel_now(), &lists[1]);
    for (unsigned side = 0; side < 2; side++)
        for (size_t i = 0; i < lists[side].count; i++) {
            size_t j = 0;
            while (j < lists[!side].count &&
                   !expectation_equal(&lists[side].items[i], &lists[!side].items[j]))
                j++;
            if (j == lists[!side].count)
                find(r, FINDING_EXPECTATION, sequence, "expected only by the %s: %s", WHO[side],
                     expectation_view_format(&lists[side].items[i], text, sizeof(text)));
        }
    expectation_list_free(&lists[0]);
    expectation_list_free(&lists[1]);
}

static void compare_rule(struct run *r, unsigned sequence, const struct rules_chain *chain, size_t i,
                         const struct rules_rule *kernel)
{
    const struct rules_rule *engine = &chain->rules[i];
    if (engine->counters.packets == kernel->counters.packets &&
        engine->counters.bytes == kernel->counters.bytes)
        return;
    char *text = rules_rule_text(r->rules, chain, engine);
    find(r, FINDING_COUNTER, sequence, "kernel [%llu:%llu] engine [%llu:%llu] %s",
         (unsigned long long)kernel->counters.packets, (unsigned long long)kernel->counters.bytes,
         (unsigned long long)engine->counters.packets, (unsigned long long)engine->counters.bytes, text);
    free(text);
}

static void compare_chain(struct run *r, unsigned sequence, enum rules_table_type table,
                          const struct rules_chain *chain, const struct rules *kernel)
{
    const struct rules_chain *other = rules_chain_find(kernel, table, chain->name);
    if (!other || other->count != chain->count) {
        find(r, FINDING_RULES, sequence, "chain %s has %zu rules, of which the kernel has %zu", chain->name,
             chain->count, other ? other->count : 0);
        return;
    }
    bool guarded = table == RULES_RAW && chain == rules_chain_at(r->rules, RULES_RAW, RULES_OUTPUT);
    for (size_t i = guarded; i < chain->count; i++)
        compare_rule(r, sequence, chain, i, &other->rules[i]);
    if (chain->policy == RULES_POLICY_NONE || r->trial->nft) /* nft keeps no counters of policies */
        return;
    if (chain->counters.packets != other->counters.packets || chain->counters.bytes != other->counters.bytes)
        find(r, FINDING_COUNTER, sequence, "policy of %s %s: kernel [%llu:%llu] engine [%llu:%llu]",
             rules_table_name(table), chain->name, (unsigned long long)other->counters.packets,
             (unsigned long long)other->counters.bytes, (unsigned long long)chain->counters.packets,
             (unsigned long long)chain->counters.bytes);
}

static void compare_counters(struct run *r, unsigned sequence)
{
    char *text = kernel_save(r->trial->family, r->trial->nft);
    struct rules *kernel;
    struct rules_error error;
    if (rules_read(text, strlen(text), "iptables-save", r->trial->family, &kernel, &error) < 0) {
        find(r, FINDING_RULES, sequence, "iptables-save's output, line %u column %u: %s\n%s", error.line,
             error.column, error.message, text);
        free(text);
        return;
    }
    for (unsigned table = 0; table < RULES_TABLES; table++)
        for (size_t i = 0; i < r->rules->tables[table].count; i++)
            compare_chain(r, sequence, (enum rules_table_type)table, r->rules->tables[table].chains[i],
                          kernel);
    rules_free(&kernel);
    free(text);
}

static void run_step(struct run *r, unsigned sequence, const struct step *step, unsigned number)
{
    bool kernel = false, engine = false;
    char note[200], text[LINE];

    kernel_packet(&r->trial->stand->kernel, step, &kernel);
    engine_packet(r->engine, step, kernel_now(), &engine, note);
    if (engine && !kernel)
        kernel = kernel_packet_is_late(&r->trial->stand->kernel, step);
    if (r->tell)
        fprintf(r->tell, "    %2u %s\n       kernel %s; engine %s\n", number,
                step_format(step, text, sizeof(text)),
                step->path == WALL_IN ? "(not seen)"
                : kernel              ? "pass"
                                      : "drop",
                note);
    if (kernel != engine || strncmp(note, "unknown", 7) == 0)
        find(r, FINDING_FATE, sequence, "packet %u: kernel %s, engine %s", number, kernel ? "pass" : "drop",
             note);
}

static void run_sequence(struct run *r, unsigned index, unsigned first, unsigned end)
{
    const struct sequence *s = &r->trial->sequences[index];

    for (unsigned i = first; i < end; i++)
        run_step(r, index, &s->step[i], i);
    compare_flows(r, index);
    /* The kernel keeps what an expired control connection expects until it comes across that. */
    if (strcmp(s->kind, "ftp") == 0 && first == 0)
        compare_expectations(r, index);
    if (r->trial->careful)
        compare_counters(r, index);
}

static void run_all(struct run *r)
{
    const struct trial *t = r->trial;

    for (unsigned i = 0; i < t->count && r->finding->kind == FINDING_NONE; i++)
        run_sequence(r, i, 0, t->waits ? t->sequences[i].split : t->sequences[i].count);
    if (t->waits && r->finding->kind == FINDING_NONE) {
        usleep(WAIT_US);
        if (r->tell)
            fprintf(r->tell, "    (some seconds pass)\n");
        for (unsigned i = 0; i < t->count && r->finding->kind == FINDING_NONE; i++)
            run_sequence(r, i, t->sequences[i].split, t->sequences[i].count);
    }
    if (r->finding->kind == FINDING_NONE && t->count)
        compare_counters(r, t->count - 1);
}

int stand_open(struct stand *s, const char **ret_why)
{
    int r = kernel_open(&s->kernel, ret_why);
    if (r == 0)
        s->conntrack = conntrack_open();
    return r;
}

void stand_close(struct stand *s)
{
    conntrack_close(&s->conntrack);
    kernel_close(&s->kernel);
}

static void run_in_kernel(struct run *r)
{
    const struct trial *t = r->trial;
    struct track_config defaults;
    const char *why;
    if (t->afresh) {
        stand_close(t->stand);
        if (stand_open(t->stand, &why) < 0)
            die("%s", why);
    }
    track_config_default(&defaults, TRACK_LINUX, TRACK_KERNEL(6, 18));
    kernel_set_timeouts(t->timeouts ? t->timeouts : &defaults.timeouts);
    char *said = kernel_load(t->family, t->nft, t->rules);
    if (said)
        find(r, FINDING_RULES, 0, "the kernel refuses the rules: %s", said);
    else
        run_all(r);
    free(said);
    kernel_unload(t->family, t->nft);
    conntrack_flush(t->stand->conntrack);
}

static void run(const struct trial *t, struct finding *ret, FILE *tell)
{
    struct run r = {.trial = t, .finding = ret, .tell = tell};
    struct rules_error error;

    *ret = (struct finding){0};
    if (rules_read(t->rules, strlen(t->rules), "rules", t->family, &r.rules, &error) < 0) {
        find(&r, FINDING_RULES, 0, "the rules, line %u column %u: %s", error.line, error.column,
             error.message);
        return;
    }
    r.flows = calloc(t->count, sizeof(*r.flows));
    if (!r.flows)
        die("out of memory");
    r.engine = engine_new(r.rules, t->timeouts);
    run_in_kernel(&r);
    engine_free(&r.engine);
    for (unsigned i = 0; i < t->count; i++)
        flow_list_free(&r.flows[i]);
    free(r.flows);
    rules_free(&r.rules);
}

void trial_run(const struct trial *t, struct finding *ret)
{
    run(t, ret, NULL);
}

char *trial_tell(const struct trial *t)
{
    struct finding finding;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        die("out of memory");
    run(t, &finding, out);
    free(finding.text);
    if (fclose(out) != 0)
        die("out of memory");
    return text;
}
