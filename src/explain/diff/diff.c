/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/diff.h"
#include "explain/diff/search.h"
#include "explain/make.h"
#include "explain/play/ports.h"
#include "explain/play/world.h"
#include "packet/decode.h"
#include "rules/nft/nft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIFF_SHOWN = 4,      /* scopes told of one change */
    DIFF_DATA_PORT = 20, /* that active servers send from, if another was not said */
};

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
    for (size_t i = 0; length >= 0 && i < d->note_count; i++) {
        if (strcmp(d->notes[i], text) == 0) {
            free(text);
            return 0;
        }
    }
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

/* ", where \"-m set --match-set seen src\" holds": what the packet does not show; NULL: out of memory. */
static char *atoms_text(const struct diff_witness *w, const struct diff_names *names)
{
    char *text = strdup("");
    for (size_t i = 0; i < names->atom_count && text; i++) {
        bool holds = diff_bits_has(&w->holds, (unsigned)i);
        if (!holds && !diff_bits_has(&w->fails, (unsigned)i))
            continue;
        char *longer =
            story_format("%s, where \"%s\" %s", text, names->atom[i], holds ? "holds" : "does not hold");
        free(text);
        text = longer;
    }
    return text;
}

/* "INPUT tcp 198.51.100.7:40000 -> 192.168.0.18:22 SYN, NEW, in eth0"; assumed: atoms that it does not show. */
static char *witness_text(const struct diff_witness *w, enum wall_path path, const struct packet *p,
                          const char *assumed)
{
    char *source = story_end_text(&p->source, p->family, p->source_port);
    char *destination = story_end_text(&p->destination, p->family, p->destination_port);
    char *what = story_packet_text(p), *text = NULL;
    const char *name = packet_protocol_name(p->protocol);
    char number[24], ttl[24] = "", tos[24] = "";
    if (w->says_ttl)
        snprintf(ttl, sizeof(ttl), ", TTL %u", w->recipe.ttl);
    if (w->says_tos)
        snprintf(tos, sizeof(tos), ", TOS 0x%02x", w->recipe.tos);
    snprintf(number, sizeof(number), "protocol %u", p->protocol);
    if (source && destination && what)
        text = story_format("%s %s %s -> %s%s%s%s%s, %s%s%s%s%s%s",
                            rules_hook_name(order_hook(path, RULES_FILTER)), name ? name : number, source,
                            destination, p->protocol == PACKET_TCP ? " " : ", ", what, ttl, tos,
                            story_state_name(w->state), w->in[0] ? ", in " : "", w->in,
                            w->out[0] ? ", out " : "", w->out, assumed);
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
    const struct verdict *v = wall_report_verdict(report);
    if (!v)
        return 0; /* what is beside the rules */
    return story_verdict_quote(ret, r, report->table, v);
}

/* What the plain walk says of the witness, if nothing about it is left open. */
static int judge_witness(const struct differ *d, const struct diff_find *f, enum wall_path path,
                         const struct packet *p, struct diff_change *change)
{
    const struct diff_witness *w = &f->witness;
    struct packet_address local = path == WALL_OUT ? p->source : p->destination;
    struct wall_world world = {.in = w->in,
                               .out = w->out,
                               .unknown = VERDICT_NO_BYTES | (w->in[0] ? 0U : VERDICT_NO_IN) |
                                          (w->out[0] ? 0U : VERDICT_NO_OUT),
                               .local = &local,
                               .local_count = path == WALL_THROUGH ? 0 : 1};
    struct wall_ask ask = {.packet = p, .path = path, .world = &world, .state = w->state};
    struct wall_report before, after;
    wall_ask(d->old_wall, &ask, NULL, &before);
    wall_ask(d->new_wall, &ask, NULL, &after);
    change->before = before.fate;
    change->after = after.fate;
    int error = quote_report(&change->old_rule, d->old, &before);
    return error ? error : quote_report(&change->new_rule, d->new, &after);
}

/* What hangs on conditions that a packet does not show: they are said to hold or not. */
static int quote_find(const struct differ *d, const struct diff_find *f, struct diff_change *change)
{
    change->before = (enum wall_fate)f->old->action;
    change->after = (enum wall_fate)f->new->action;
    story_rule_clear(&change->old_rule);
    story_rule_clear(&change->new_rule);
    int error = quote_entry(&change->old_rule, d->old, f->old);
    return error ? error : quote_entry(&change->new_rule, d->new, f->new);
}

/* The walk tells, if it can; some conditions it knows of this packet (a connection's addresses, what a list
 * holds at first), so that the search was free where the packet is not. */
static int judge_find(const struct differ *d, const struct diff_find *f, enum wall_path path,
                      const struct packet *packet, const struct diff_names *names, struct diff_change *change)
{
    int error = judge_witness(d, f, path, packet, change);
    bool known = change->before != WALL_UNKNOWN && change->after != WALL_UNKNOWN;
    bool beside =
        d->old->beside_count || d->new->beside_count; /* then it is not for the atoms that it is unknown */
    bool assumes = f->witness.has_atoms && !known && !beside;
    if (!error && assumes)
        error = quote_find(d, f, change);
    char *assumed = error ? NULL : assumes ? atoms_text(&f->witness, names) : strdup("");
    if (assumed)
        change->witness = witness_text(&f->witness, path, packet, assumed);
    free(assumed);
    return error ? error : change->witness ? 0 : -ENOMEM;
}

/* Others that hang on the same conditions may fare differently all the same. */
static int note_atoms(struct differ *d, const struct diff_find *f, const struct diff_names *names)
{
    char *atoms = atoms_text(&f->witness, names);
    int error = -ENOMEM;
    d->diff->unsure = true;
    if (atoms)
        error =
            add_note(d->diff, "No packet was found that fares differently%s, but there may be some.", atoms);
    free(atoms);
    return error;
}

static int tell_find(struct differ *d, const struct diff_find *f, enum wall_path path,
                     const struct diff_names *names)
{
    uint8_t *buffer = malloc(PACKET_LONGEST);
    struct diff_change change = {0};
    struct packet packet;
    int error = buffer ? diff_witness_build(&f->witness, buffer, &packet) : -ENOMEM;
    if (!error)
        error = judge_find(d, f, path, &packet, names, &change);
    if (!error)
        change.scope = scope_text(d, f, path, names);
    free(buffer);
    if (!error && change.before != change.after)
        return add_change(d->diff, &change);
    bool same = change.before == change.after;
    change_clear(&change);
    if (!error && f->witness.has_atoms)
        return note_atoms(d, f, names);
    d->diff->complete = d->diff->complete && !same;
    return error == -ENOMEM ? error : 0;
}

/* What rules write into packets, and others read. */
static int note_changes(struct differ *d, const struct diff_row *old, const struct diff_row *new)
{
    static const struct {
        uint16_t change;
        const char *what;
    } rows[] = {
        {RULES_CHANGES_MARK, "marks"},      {RULES_CHANGES_SETS, "members of sets"},
        {RULES_CHANGES_TTL, "TTLs"},        {RULES_CHANGES_TOS, "TOS fields"},
        {RULES_CHANGES_TCP, "TCP headers"},
    };
    uint16_t both = (old->changes & old->asks) | (new->changes &new->asks);
    int error = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !error; i++) {
        if (!(both & rows[i].change))
            continue;
        d->diff->unsure = true;
        error = add_note(d->diff,
                         "Some rules change %s and others ask for them, which is not compared: there "
                         "may be more differences than these.",
                         rows[i].what);
    }
    return error;
}

/* The first rule because of which it can't be told; more would say the same. */
static int note_unsure(struct differ *d, const struct diff_search *search)
{
    const struct diff_entry *e = search->unsure;
    struct story_rule rule;
    int error = story_rule_quote(&rule, search->unsure_rules, e->table, e->chain, e->rule, e->number);
    d->diff->unsure = true;
    if (!error)
        error = add_note(d->diff,
                         "What rule %u of %s in the %s table (%s) does is not evaluated, and the rules that "
                         "its packets meet behind it differ: whether they fare as before can't be told.",
                         rule.number, rule.chain, rule.table, rule.text);
    story_rule_clear(&rule);
    return error;
}

static int compare_rows(struct differ *d, enum wall_path path, struct diff_names *names, struct diff_row *old,
                        struct diff_row *new)
{
    bool at_client = d->play.where == STORY_AT_CLIENT; /* what goes out there comes from the client */
    struct diff_search search = {.old = old,
                                 .new = new,
                                 .path = path,
                                 .family = d->new->family,
                                 .names = names,
                                 .client = at_client ? &d->play.server : &d->play.client,
                                 .server = at_client ? &d->play.client : &d->play.server};
    int error = diff_rows_number(old, new);
    if (!error)
        error = diff_search_run(&search);
    for (size_t i = 0; i < search.count && !error; i++)
        error = tell_find(d, &search.finds[i], path, names);
    if (search.cut || old->cut || new->cut || names->overflow)
        d->diff->complete = false;
    if (!error)
        error = note_changes(d, old, new);
    if (!error && search.unsure)
        error = note_unsure(d, &search);
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
    int error = diff_row_make(d->old, d->new, path, names, &old);
    if (!error)
        error = diff_row_make(d->new, d->old, path, names, &new);
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

/* The customary port; another one was said. */
static const char *data_port_text(const struct play *play)
{
    bool active = play->mode == STORY_ACTIVE || play->mode == STORY_EPRT;
    return active && play->data_ports.first == DIFF_DATA_PORT && play->data_ports.last == DIFF_DATA_PORT
               ? " (data from port 20)"
               : "";
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
        change.witness = story_format(
            "FTP session, %s%s%s, from %s to %s, firewall at the %s", story_mode_name(play->mode),
            data_port_text(play), play->tls ? " under TLS" : "", client, server, story_at_name(play->where));
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

/* Do both give helpers to the same connections? Then sessions whose packets fare alike do so, too. */
static bool tracks_alike(const struct differ *d)
{
    return rules_table_equal(d->old, d->new, RULES_RAW);
}

/* Where sources are rewritten packets have passed, but what comes of their connections may differ. */
static int note_nat(struct differ *d)
{
    if (rules_table_equal(d->old, d->new, RULES_NAT))
        return 0;
    d->diff->unsure = true;
    return add_note(
        d->diff, "The rules of nat differ. Which packets they send elsewhere is compared, where to is not, "
                 "nor what becomes of sources: there may be more differences than these.");
}

/* With neither rules can it be told. */
static int note_session(struct differ *d, const struct story *after)
{
    const struct story_step *step = failing_step(after);
    d->diff->unsure = true;
    return add_note(
        d->diff, "Whether an FTP session works can be told with neither of the rule sets: it depends on %s.",
        step && step->because ? step->because : "what is not evaluated");
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
    else if (!error && before->outcome == STORY_UNKNOWN && !tracks_alike(d))
        error = note_session(d, after);
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

/* What acts beside the rules is not compared. */
static int note_beside(struct differ *d, const struct rules *r, const char *which)
{
    int error = 0;
    if (r->other) {
        d->diff->unsure = true;
        error = add_note(d->diff,
                         "Beside the %s rule set stand the rules of iptables-%s, which are not compared.",
                         which, r->other->back_end);
    }
    for (size_t i = 0; i < r->beside_count && !error; i++) {
        d->diff->unsure = true;
        error = add_note(d->diff, "Beside the %s rule set stands %s, which is not compared (see: %s).", which,
                         r->beside[i].what, r->beside[i].command);
    }
    return error;
}

/* Chains of nft's are not compared condition by condition: what they add is not looked for. */
static int note_nft(struct differ *d)
{
    if (nft_equal(d->old->nft, d->new->nft) ||
        (!nft_is_met(d->old->nft, d->old->family) && !nft_is_met(d->new->nft, d->new->family)))
        return 0;
    d->diff->unsure = true;
    return add_note(
        d->diff, "Tables of nftables are among these rules: what they change is not looked for one by one.");
}

/* What is not known of one is not known of the other, and whatever it is, it is the same. */
static int compare_all(struct differ *d)
{
    static const enum wall_path paths[] = {WALL_IN, WALL_THROUGH, WALL_OUT};
    int error = 0;
    if (rules_equal(d->old, d->new))
        return 0;
    for (size_t i = 0; i < 3 && !error; i++)
        error = compare_flows(d, paths[i]);
    if (!error)
        error = compare_sessions(d);
    return error ? error : note_nat(d);
}

static int compare(struct differ *d)
{
    if (d->old->family != d->new->family) {
        d->diff->complete = false;
        return add_note(d->diff, "One rule set is for IPv4 and the other for IPv6: no packet meets both.");
    }
    int error = compare_all(d);
    if (!error)
        error = note_nft(d);
    if (!error)
        error = note_beside(d, d->old, "old");
    if (!error)
        error = note_beside(d, d->new, "new");
    if (!error && !d->diff->complete)
        error =
            add_note(d->diff, "The rule sets are too large or too entangled to compare in full: there may be "
                              "more differences than these.");
    d->diff->complete = d->diff->complete && !d->diff->unsure;
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
    if (d.play.data_ports.last == 0)
        d.play.data_ports = (struct rules_range16){DIFF_DATA_PORT, DIFF_DATA_PORT};
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
