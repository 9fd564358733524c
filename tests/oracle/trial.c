/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial.h"

#include "engine.h"
#include "rules/rules.h"
#include "sequence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1000, WAIT_MS = 3300 };

/* Of a flow's status, what both sides keep. */
static const uint32_t STATUS = TRACK_EXPECTED | TRACK_SEEN_REPLY | TRACK_ASSURED | TRACK_CONFIRMED;

/* A trial that runs. */
struct run {
    const struct trial *trial;
    struct host *host;
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

static uint64_t now(const struct run *r)
{
    return r->host->now(r->host);
}

static void compare_flow(struct run *r, unsigned sequence, const struct track_tuple *t)
{
    struct flow_view host, engine;
    char a[LINE] = "(none)", b[LINE] = "(none)";
    bool has_host = r->host->get(r->host, t, now(r), &host);
    bool has_engine = engine_get(r->engine, t, now(r), &engine);
    if (!has_host && !has_engine)
        return;
    bool same = has_host && has_engine && (host.status & STATUS) == (engine.status & STATUS) &&
                host.mark == engine.mark && host.tcp_state == engine.tcp_state &&
                llabs(host.seconds - engine.seconds) <= r->host->slack && !strcmp(host.helper, engine.helper);
    if (same)
        return;
    if (has_host)
        flow_view_format(&host, a, sizeof(a));
    if (has_engine)
        flow_view_format(&engine, b, sizeof(b));
    find(r, FINDING_FLOW, sequence, "%s %s\n    engine %s", r->host->name, a, b);
}

static void note_new(struct flow_list *all, const struct flow_list *began)
{
    for (size_t i = 0; i < began->count; i++)
        if (!flow_list_find(all, &began->items[i].tuple))
            flow_list_add(all, &began->items[i]);
}

/* In a long run a connection may expire, which the engine and the host notice in their own time. */
static bool has_expired(struct run *r, unsigned side, const struct flow_view *v)
{
    struct flow_view engine;
    return side == 1 ? v->seconds == 0 : !engine_get(r->engine, &v->tuple, now(r), &engine);
}

static void compare_ends(struct run *r, unsigned sequence, const struct flow_list *host,
                         const struct flow_list *engine)
{
    const struct flow_list *lists[2] = {host, engine};
    const char *const WHO[2] = {r->host->name, "engine"};
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

    r->host->events(r->host, &began[0], &ended[0]);
    engine_events(r->engine, &began[1], &ended[1]);
    note_new(all, &began[0]);
    note_new(all, &began[1]);
    for (size_t i = 0; i < all->count; i++)
        compare_flow(r, sequence, &all->items[i].tuple);
    if (!r->trial->waits &&
        r->host->tells_ends) /* a host tells of what has expired when it comes across it */
        compare_ends(r, sequence, &ended[0], &ended[1]);
    for (unsigned side = 0; side < 2; side++) {
        flow_list_free(&began[side]);
        flow_list_free(&ended[side]);
    }
}

static bool expectation_equal(const struct expectation_view *a, const struct expectation_view *b,
                              unsigned slack)
{
    return a->family == b->family && a->port == b->port && a->master_port == b->master_port &&
           packet_address_equal(&a->source, &b->source) &&
           packet_address_equal(&a->destination, &b->destination) &&
           packet_address_equal(&a->master_source, &b->master_source) &&
           llabs(a->seconds - b->seconds) <= slack;
}

static void compare_expectations(struct run *r, unsigned sequence)
{
    struct expectation_list lists[2] = {0};
    const char *const WHO[2] = {r->host->name, "engine"};
    char text[LINE];

    r->host->expectations(r->host, now(r), &lists[0]);
    engine_dump_expectations(r->engine, now(r), &lists[1]);
    for (unsigned side = 0; side < 2; side++)
        for (size_t i = 0; i < lists[side].count; i++) {
            size_t j = 0;
            while (j < lists[!side].count &&
                   !expectation_equal(&lists[side].items[i], &lists[!side].items[j], r->host->slack))
                j++;
            if (j == lists[!side].count)
                find(r, FINDING_EXPECTATION, sequence, "expected only by the %s: %s", WHO[side],
                     expectation_view_format(&lists[side].items[i], text, sizeof(text)));
        }
    expectation_list_free(&lists[0]);
    expectation_list_free(&lists[1]);
}

static void compare_count(struct run *r, unsigned sequence, const char *what,
                          const struct rules_counters *host, const struct rules_counters *engine)
{
    if (engine->packets != host->packets || engine->bytes != host->bytes)
        find(r, FINDING_COUNTER, sequence, "%s [%llu:%llu] engine [%llu:%llu] %s", r->host->name,
             (unsigned long long)host->packets, (unsigned long long)host->bytes,
             (unsigned long long)engine->packets, (unsigned long long)engine->bytes, what);
}

static void compare_rule(struct run *r, unsigned sequence, const struct rules_chain *chain, size_t i,
                         const struct rules_rule *host)
{
    char *text = rules_rule_text(r->rules, chain, &chain->rules[i]);

    compare_count(r, sequence, text, &host->counters, &chain->rules[i].counters);
    free(text);
}

static void compare_chain(struct run *r, unsigned sequence, enum rules_table_type table,
                          const struct rules_chain *chain, const struct rules *host)
{
    const struct rules_chain *other = rules_chain_find(host, table, chain->name);
    char policy[100];

    if (!other || other->count != chain->count) {
        find(r, FINDING_RULES, sequence, "chain %s has %zu rules, of which the %s has %zu", chain->name,
             chain->count, r->host->name, other ? other->count : 0);
        return;
    }
    bool guarded = r->host->sends_itself && table == RULES_RAW &&
                   chain == rules_chain_at(r->rules, RULES_RAW, RULES_OUTPUT);
    for (size_t i = guarded; i < chain->count; i++)
        compare_rule(r, sequence, chain, i, &other->rules[i]);
    /* nft keeps no counters of policies. */
    if (chain->policy == RULES_POLICY_NONE || r->trial->nft || !r->host->counts_policies)
        return;
    snprintf(policy, sizeof(policy), "policy of %s %s", rules_table_name(table), chain->name);
    compare_count(r, sequence, policy, &other->counters, &chain->counters);
}

static void compare_counters(struct run *r, unsigned sequence)
{
    struct rules *host = r->host->counters(r->host, r->trial);

    for (unsigned table = 0; table < RULES_TABLES; table++)
        for (size_t i = 0; i < r->rules->tables[table].count; i++)
            compare_chain(r, sequence, (enum rules_table_type)table, r->rules->tables[table].chains[i], host);
    rules_free(&host);
}

static bool answer_equal(const struct bpf_answer *a, const struct bpf_answer *b)
{
    return a->code == b->code && a->stage == b->stage && a->state == b->state &&
           a->direction == b->direction && a->reason == b->reason;
}

static void run_step(struct run *r, unsigned sequence, const struct step *step, unsigned number)
{
    struct outcome host, engine;
    char text[LINE];
    uint64_t at = now(r);

    r->host->packet(r->host, step, at, &host);
    bool is_sure = engine_packet(r->engine, step, at, &engine);
    if (host.is_known && engine.passed && !host.passed && r->host->is_late(r->host, step)) {
        host.passed = true;
        snprintf(host.note, sizeof(host.note), "pass, late");
    }
    if (r->tell)
        fprintf(r->tell, "    %2u %s\n       %s %s; engine %s\n", number,
                step_format(step, text, sizeof(text)), r->host->name, host.note, engine.note);
    if (!is_sure || (host.is_known && host.passed != engine.passed) ||
        (r->host->says_why && !answer_equal(&host.answer, &engine.answer)))
        find(r, FINDING_FATE, sequence, "packet %u: %s %s, engine %s", number, r->host->name, host.note,
             engine.note);
}

static void run_sequence(struct run *r, unsigned index, unsigned first, unsigned end)
{
    const struct sequence *s = &r->trial->sequences[index];

    for (unsigned i = first; i < end; i++)
        run_step(r, index, &s->step[i], i);
    compare_flows(r, index);
    /* A host keeps what an expired control connection expects until it comes across that. */
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
        r->host->wait(r->host, WAIT_MS);
        if (r->tell)
            fprintf(r->tell, "    (some seconds pass)\n");
        for (unsigned i = 0; i < t->count && r->finding->kind == FINDING_NONE; i++)
            run_sequence(r, i, t->sequences[i].split, t->sequences[i].count);
    }
    if (r->finding->kind == FINDING_NONE && t->count)
        compare_counters(r, t->count - 1);
}

static void run_on_host(struct run *r)
{
    const struct trial *t = r->trial;

    if (t->afresh)
        r->host->renew(r->host);
    char *said = r->host->load(r->host, t, r->rules);
    if (said)
        find(r, FINDING_RULES, 0, "the %s refuses the rules: %s", r->host->name, said);
    else
        run_all(r);
    free(said);
    r->host->unload(r->host, t);
}

static void run(const struct trial *t, struct finding *ret, FILE *tell)
{
    struct run r = {.trial = t, .host = t->host, .finding = ret, .tell = tell};
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
    r.engine = engine_new(r.rules, &t->config, !t->pieces);
    run_on_host(&r);
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
