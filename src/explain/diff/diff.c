/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/diff.h"
#include "explain/diff/search.h"
#include "explain/make.h"
#include "explain/play/ports.h"
#include "explain/play/world.h"
#include "packet/decode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIFF_SHOWN = 4 }; /* scopes told of one change */

struct differ {
    struct diff *diff;
    const struct rules *old, *new;
    struct wall_rules *old_rules, *new_rules;
    struct wall *old_wall, *new_wall; /* that are only asked */
    struct play play;
};

/* ---- adding to the answer ---- */

__attribute__((format(printf, 2, 3))) static int add_note(struct diff *d, const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&text, format, list);
    va_end(list);
    char **notes = length < 0 ? NULL : reallocarray(d->notes, d->note_count + 1, sizeof(*notes));
    if (!notes) {
        free(length < 0 ? NULL : text);
        return -ENOMEM;
    }
    d->notes = notes;
    notes[d->note_count++] = text;
    return 0;
}

static void change_clear(struct diff_change *c)
{
    free(c->witness);
    free(c->scope);
    story_rule_clear(&c->old_rule);
    story_rule_clear(&c->new_rule);
}

/* Takes change over, whole or not. */
static int add_change(struct diff *d, struct diff_change *change)
{
    struct diff_change *changes = NULL;
    if (change->witness && change->scope)
        changes = reallocarray(d->changes, d->count + 1, sizeof(*changes));
    if (!changes) {
        change_clear(change);
        return -ENOMEM;
    }
    d->changes = changes;
    changes[d->count++] = *change;
    return 0;
}

/* ---- flows ---- */

/* "INPUT tcp 198.51.100.7:40000 -> 192.168.0.18:22 SYN, NEW, in eth0" */
static char *witness_text(const struct diff_witness *w, enum wall_path path, const struct packet *p)
{
    char *source = story_end_text(&p->source, p->family, p->source_port);
    char *destination = story_end_text(&p->destination, p->family, p->destination_port);
    char *what = story_packet_text(p), *text = NULL;
    const char *name = packet_protocol_name(p->protocol);
    char number[24];
    snprintf(number, sizeof(number), "protocol %u", p->protocol);
    if (source && destination && what)
        text = story_format("%s %s %s -> %s%s%s, %s%s%s%s%s", rules_hook_name(order_hook(path, RULES_FILTER)),
                            name ? name : number, source, destination, p->protocol == PACKET_TCP ? " " : ", ",
                            what, story_state_name(w->state), w->in[0] ? ", in " : "", w->in,
                            w->out[0] ? ", out " : "", w->out);
    free(source);
    free(destination);
    free(what);
    return text;
}

static char *scope_text(const struct differ *d, const struct diff_find *f, enum wall_path path,
                        const struct diff_names *names)
{
    char *text = strdup("");
    size_t shown = f->scopes < DIFF_SHOWN ? f->scopes : DIFF_SHOWN;
    for (size_t i = 0; i < shown && text; i++) {
        char *scope = diff_scope_text(&f->scope[i], d->new->family, path, names);
        char *longer = scope ? story_format("%s%s%s", text, i ? "; " : "", scope) : NULL;
        free(scope);
        free(text);
        text = longer;
    }
    if (text && (f->has_more || f->scopes > shown)) {
        char *longer = story_format("%s; and more", text);
        free(text);
        text = longer;
    }
    return text;
}

static int quote_entry(struct story_rule *ret, const struct rules *r, const struct diff_entry *e)
{
    return story_rule_quote(ret, r, e->table, e->chain, e->rule, e->number);
}

static int quote_report(struct story_rule *ret, const struct rules *r, const struct wall_report *report)
{
    enum rules_table_type table;
    const struct verdict *v = wall_report_verdict(report, &table);
    return story_rule_quote(ret, r, table, v->chain, v->rule, v->number);
}

/* What the plain walk says of the witness, if nothing about it is left open. */
static int judge_witness(const struct differ *d, const struct diff_find *f, enum wall_path path,
                         const struct packet *p, struct diff_change *change)
{
    const struct diff_witness *w = &f->witness;
    struct packet_address local = path == WALL_OUT ? p->source : p->destination;
    struct wall_world world = {
        .in = w->in, .out = w->out, .local = &local, .local_count = path == WALL_THROUGH ? 0 : 1};
    struct wall_ask ask = {.packet = p, .path = path, .world = &world, .state = w->state};
    struct wall_report before, after;
    wall_ask(d->old_wall, &ask, NULL, &before);
    wall_ask(d->new_wall, &ask, NULL, &after);
    change->before = before.fate;
    change->after = after.fate;
    int error = quote_report(&change->old_rule, d->old, &before);
    return error ? error : quote_report(&change->new_rule, d->new, &after);
}

static int tell_find(struct differ *d, const struct diff_find *f, enum wall_path path,
                     const struct diff_names *names)
{
    uint8_t *buffer = malloc(PACKET_LONGEST);
    struct diff_change change = {.before = (enum wall_fate)f->old->action,
                                 .after = (enum wall_fate)f->new->action};
    struct packet packet;
    int error = buffer ? diff_witness_build(&f->witness, buffer, &packet) : -ENOMEM;
    if (!error && f->witness.has_atoms) {
        error = quote_entry(&change.old_rule, d->old, f->old);
        if (!error)
            error = quote_entry(&change.new_rule, d->new, f->new);
    } else if (!error) {
        error = judge_witness(d, f, path, &packet, &change);
    }
    if (!error) {
        change.witness = witness_text(&f->witness, path, &packet);
        change.scope = scope_text(d, f, path, names);
    }
    free(buffer);
    if (!error && change.before != change.after)
        return add_change(d->diff, &change);
    d->diff->complete = d->diff->complete && change.before != change.after;
    change_clear(&change);
    return error == -ENOMEM ? error : 0;
}

static int compare_rows(struct differ *d, enum wall_path path, struct diff_names *names, struct diff_row *old,
                        struct diff_row *new)
{
    struct diff_search search = {.old = old,
                                 .new = new,
                                 .path = path,
                                 .family = d->new->family,
                                 .names = names,
                                 .client = &d->play.client,
                                 .server = &d->play.server};
    int error = diff_rows_number(old, new);
    if (!error)
        error = diff_search_run(&search);
    for (size_t i = 0; i < search.count && !error; i++)
        error = tell_find(d, &search.finds[i], path, names);
    if (search.cut || old->cut || new->cut || names->overflow)
        d->diff->complete = false;
    if (!error && (old->marks || new->marks) && path == WALL_IN)
        error = add_note(d->diff,
                         "Some rules set marks. Whether marks change what later rules say is not followed.");
    diff_search_clear(&search);
    return error;
}

static int compare_flows(struct differ *d, enum wall_path path)
{
    struct diff_names *names = calloc(1, sizeof(*names));
    struct diff_row old = {0}, new = {0};
    if (!names)
        return -ENOMEM;
    diff_names_collect(names, d->old);
    diff_names_collect(names, d->new);
    int error = diff_row_make(d->old, path, names, &old);
    if (!error)
        error = diff_row_make(d->new, path, names, &new);
    if (!error)
        error = compare_rows(d, path, names, &old, &new);
    diff_row_clear(&old);
    diff_row_clear(&new);
    diff_names_clear(names);
    free(names);
    return error;
}

/* ---- sessions ---- */

/* The packet that a session failed at; NULL: it did not. */
static const struct story_step *failing_step(const struct story *s)
{
    for (size_t i = 0; i < s->task_count; i++) {
        if (s->tasks[i].outcome != STORY_WORKS && s->tasks[i].step)
            return &s->steps[s->tasks[i].step - 1];
    }
    return NULL;
}

/* The packet that a session's fate hangs on: the one that failed, or that fails in the other session. */
static const struct story_step *telling_step(const struct story *s, const struct story *other)
{
    const struct story_step *own = failing_step(s), *theirs = failing_step(other);
    for (size_t i = 0; i < s->step_count && !own && theirs; i++) {
        const struct story_step *step = &s->steps[i];
        if (step->channel == theirs->channel && step->from == theirs->from &&
            strcmp(step->label, theirs->label) == 0)
            own = step;
    }
    return own;
}

static enum wall_fate session_fate(const struct story *s)
{
    static const enum wall_fate fates[] = {
        [STORY_WORKS] = WALL_PASS, [STORY_BLOCKED] = WALL_DROP, [STORY_UNKNOWN] = WALL_UNKNOWN};
    return fates[s->outcome];
}

static int copy_rule(struct story_rule *ret, const struct story *s, const struct story *other)
{
    const struct story_step *step = telling_step(s, other);
    if (!step || !step->rule.chain)
        return 0;
    struct story_rule copy = {.table = strdup(step->rule.table),
                              .chain = strdup(step->rule.chain),
                              .number = step->rule.number,
                              .line = step->rule.line,
                              .text = strdup(step->rule.text)};
    *ret = copy;
    return copy.table && copy.chain && copy.text ? 0 : -ENOMEM;
}

/* "LIST, RETR, STOR": what does not do in the one that is worse. */
static char *session_scope(const struct story *before, const struct story *after)
{
    const struct story *worse = before->outcome == STORY_WORKS ? after : before;
    char *text = NULL;
    for (size_t i = 0; i < worse->task_count; i++) {
        if (worse->tasks[i].outcome == STORY_WORKS)
            continue;
        char *longer =
            text ? story_format("%s, %s", text, worse->tasks[i].name) : strdup(worse->tasks[i].name);
        free(text);
        text = longer;
        if (!text)
            return NULL;
    }
    return text ? text : strdup("the whole session");
}

static int tell_session(struct differ *d, const struct play *play, const struct story *before,
                        const struct story *after)
{
    char *client = story_end_text(&play->client, play->family, 0);
    char *server = story_end_text(&play->server, play->family, 0);
    struct diff_change change = {.before = session_fate(before), .after = session_fate(after)};
    int error = client && server ? copy_rule(&change.old_rule, before, after) : -ENOMEM;
    if (!error)
        error = copy_rule(&change.new_rule, after, before);
    if (!error) {
        change.witness =
            story_format("FTP session, %s%s, from %s to %s, firewall at the %s", story_mode_name(play->mode),
                         play->tls ? " under TLS" : "", client, server, story_at_name(play->where));
        change.scope = session_scope(before, after);
    }
    free(client);
    free(server);
    if (error) {
        change_clear(&change);
        return error;
    }
    return add_change(d->diff, &change);
}

static int compare_session(struct differ *d, enum story_mode mode, bool tls)
{
    struct play play = d->play;
    play.mode = mode;
    play.tls = tls;
    struct story *before = play_worst(d->old_rules, &play, true, NULL, NULL);
    struct story *after = before ? play_worst(d->new_rules, &play, true, NULL, NULL) : NULL;
    int error = after ? 0 : -ENOMEM;
    if (!error && before->outcome != after->outcome)
        error = tell_session(d, &play, before, after);
    story_free(&before);
    story_free(&after);
    return error;
}

static int compare_sessions(struct differ *d)
{
    static const enum story_mode modes[] = {STORY_PASSIVE, STORY_ACTIVE, STORY_EPSV, STORY_EPRT};
    int error = 0;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]) && !error; i++) {
        if (d->play.family == PACKET_IPV6 && (modes[i] == STORY_PASSIVE || modes[i] == STORY_ACTIVE))
            continue; /* PASV and PORT hold IPv4 addresses only */
        error = compare_session(d, modes[i], false);
        if (!error)
            error = compare_session(d, modes[i], true);
    }
    return error;
}

/* ---- the whole ---- */

static int note_tables(struct differ *d)
{
    const struct rules *both[] = {d->old, d->new};
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < both[i]->verbatim_count; k++) {
            const struct rules_verbatim *v = &both[i]->verbatim[k];
            if (!v->name[0] || v->rules == 0)
                continue;
            int error = add_note(d->diff, "The %s rule set has %u rule%s in table %s, which %s not compared.",
                                 i ? "new" : "old", v->rules, v->rules == 1 ? "" : "s", v->name,
                                 v->rules == 1 ? "is" : "are");
            if (error)
                return error;
        }
    }
    return 0;
}

static int compare(struct differ *d)
{
    static const enum wall_path paths[] = {WALL_IN, WALL_THROUGH, WALL_OUT};
    int error = 0;
    if (d->old->family != d->new->family) {
        d->diff->complete = false;
        return add_note(d->diff, "One rule set is for IPv4 and the other for IPv6: no packet meets both.");
    }
    for (size_t i = 0; i < 3 && !error; i++)
        error = compare_flows(d, paths[i]);
    if (!error)
        error = compare_sessions(d);
    if (!error)
        error = note_tables(d);
    if (!error && !d->diff->complete)
        error =
            add_note(d->diff, "The rule sets are too large or too entangled to compare in full: there may be "
                              "more differences than these.");
    return error;
}

static int differ_init(struct differ *d)
{
    struct track_config config;
    play_config(&d->play, &config);
    d->old_rules = wall_rules_new(d->old);
    d->new_rules = wall_rules_new(d->new);
    if (!d->old_rules || !d->new_rules)
        return -ENOMEM;
    d->old_wall = wall_new(d->old_rules, &config, NULL, NULL);
    d->new_wall = wall_new(d->new_rules, &config, NULL, NULL);
    return d->old_wall && d->new_wall ? 0 : -ENOMEM;
}

static void differ_fini(struct differ *d)
{
    wall_free(&d->old_wall);
    wall_free(&d->new_wall);
    wall_rules_free(&d->old_rules);
    wall_rules_free(&d->new_rules);
}

struct diff *diff_rules(const struct rules *old, const struct rules *new, const struct play *play)
{
    struct differ d = {.old = old, .new = new, .play = *play};
    d.diff = calloc(1, sizeof(*d.diff));
    if (!d.diff)
        return NULL;
    d.diff->complete = true;
    if (play_complete(new, &d.play) < 0 || differ_init(&d) < 0 || compare(&d) < 0)
        diff_free(&d.diff);
    differ_fini(&d);
    return d.diff;
}

void diff_free(struct diff **d)
{
    struct diff *diff = *d;
    if (!diff)
        return;
    *d = NULL;
    for (size_t i = 0; i < diff->count; i++)
        change_clear(&diff->changes[i]);
    free(diff->changes);
    for (size_t i = 0; i < diff->note_count; i++)
        free(diff->notes[i]);
    free(diff->notes);
    free(diff);
}
