/* SPDX-License-Identifier: BSD-2-Clause */
/* What is seen in the rows of one family: the signs of causes, and what speaks against them. */
#include "client/doctor_signs.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { AT_ONCE_MS = 900 }; /* sooner than a SYN is sent again (RFC 6298: a second) */

static bool says(struct doctor_sign *s, const struct doctor_row *row, const char *detail)
{
    s->row = row;
    snprintf(s->detail, sizeof(s->detail), "%s", detail);
    return true;
}

static bool says_port(struct doctor_sign *s, const struct doctor_row *row, unsigned port)
{
    char text[8];

    snprintf(text, sizeof(text), "%u", port & 0xffff);
    return says(s, row, text);
}

/* Is it so in one of the two rows? */
typedef bool row_fn(const struct doctor_row *row, struct doctor_sign *s);

static bool in_any(const struct doctor_evidence *e, row_fn *is, struct doctor_sign *s)
{
    return is(e->plain, s) || is(e->tls, s);
}

enum { STEPS = (int)DOCTOR_WAYS + (int)DOCTOR_MOVES };

/* All that went over data connections of a row. */
static const struct doctor_step *step_of(const struct doctor_row *row, unsigned number)
{
    return number < DOCTOR_WAYS ? &row->ways[number].step : &row->moves[number - DOCTOR_WAYS];
}

/* ---- the control connection ---- */

static bool is_no_connection(enum doctor_end end)
{
    return end == DOCTOR_TIMED_OUT || end == DOCTOR_REFUSED || end == DOCTOR_PROHIBITED;
}

static bool login_ends(const struct doctor_row *row, enum client_step step, enum doctor_end end,
                       struct doctor_sign *s)
{
    return row->step == step && row->login.end == end && says(s, row, row->login.reply);
}

bool doctor_saw_control_blocked(const struct doctor_evidence *e, struct doctor_sign *s)
{
    const struct doctor_row *row = e->tls->login.end ? e->tls : e->plain;

    return row->step == CLIENT_STEP_CONNECT && is_no_connection(row->login.end) && says(s, row, "");
}

static bool row_refused(const struct doctor_row *row, struct doctor_sign *s)
{
    return login_ends(row, CLIENT_STEP_CONNECT, DOCTOR_REFUSED, s);
}

static bool row_prohibited(const struct doctor_row *row, struct doctor_sign *s)
{
    return login_ends(row, CLIENT_STEP_CONNECT, DOCTOR_PROHIBITED, s);
}

static bool row_unanswered(const struct doctor_row *row, struct doctor_sign *s)
{
    return login_ends(row, CLIENT_STEP_CONNECT, DOCTOR_TIMED_OUT, s);
}

static bool row_no_route(const struct doctor_row *row, struct doctor_sign *s)
{
    return login_ends(row, CLIENT_STEP_CONNECT, DOCTOR_NO_ROUTE, s);
}

static bool row_silent(const struct doctor_row *row, struct doctor_sign *s)
{
    return login_ends(row, CLIENT_STEP_WELCOME, DOCTOR_TIMED_OUT, s);
}

static bool row_closed(const struct doctor_row *row, struct doctor_sign *s)
{
    return login_ends(row, CLIENT_STEP_WELCOME, DOCTOR_BROKEN, s);
}

static bool row_login_refused(const struct doctor_row *row, struct doctor_sign *s)
{
    return row->login.code != 421 && (login_ends(row, CLIENT_STEP_LOGIN, DOCTOR_SAID_NO, s) ||
                                      login_ends(row, CLIENT_STEP_WELCOME, DOCTOR_SAID_NO, s));
}

static bool row_wants_tls(const struct doctor_row *row, struct doctor_sign *s)
{
    return !row->is_tls && row->login.end == DOCTOR_NOT_ALLOWED && says(s, row, row->login.reply);
}

static bool row_not_offered(const struct doctor_row *row, struct doctor_sign *s)
{
    return row->login.end == DOCTOR_NOT_OFFERED && says(s, row, row->login.reply);
}

/* Where it is a fault: TLS was asked for. */
static bool row_tls_gone(const struct doctor_row *row, struct doctor_sign *s)
{
    return !*row->fingerprint && login_ends(row, CLIENT_STEP_TLS, DOCTOR_SAID_NO, s) &&
           row->login.code != 421;
}

static bool row_untrusted(const struct doctor_row *row, struct doctor_sign *s)
{
    return row->login.end == DOCTOR_UNTRUSTED && says(s, row, row->fingerprint);
}

/* Also a handshake that comes to no end: its certificate is the first large packet. */
static bool row_handshake(const struct doctor_row *row, struct doctor_sign *s)
{
    bool has_begun = row->login.code == 234 || !*row->login.reply; /* implicit: before a word is said */

    return row->step == CLIENT_STEP_TLS && has_begun &&
           (row->login.end == DOCTOR_NO_TLS || row->login.end == DOCTOR_BROKEN ||
            row->login.end == DOCTOR_TIMED_OUT) &&
           says(s, row, "");
}

static bool row_handshake_hangs(const struct doctor_row *row, struct doctor_sign *s)
{
    return login_ends(row, CLIENT_STEP_TLS, DOCTOR_TIMED_OUT, s);
}

static bool row_too_many(const struct doctor_row *row, struct doctor_sign *s)
{
    if (row->login.code == 421)
        return says(s, row, row->login.reply);
    for (unsigned i = 0; i < STEPS; i++)
        if (step_of(row, i)->code == 421)
            return says(s, row, step_of(row, i)->reply);
    return false;
}

/* ---- passive ---- */

bool doctor_is_blocked(const struct doctor_step *step)
{
    return step->way != CLIENT_ACTIVE && step->stage == CLIENT_DATA_CONNECT && is_no_connection(step->end);
}

static bool has_stood(const struct doctor_step *step)
{
    return step->way != CLIENT_ACTIVE && step->stage > CLIENT_DATA_CONNECT;
}

static bool row_passive_blocked(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned i = 0; i < STEPS; i++)
        if (doctor_is_blocked(step_of(row, i)))
            return says_port(s, row, step_of(row, i)->port);
    return false;
}

static bool row_passive_stood(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned i = 0; i < STEPS; i++)
        if (has_stood(step_of(row, i)))
            return says_port(s, row, step_of(row, i)->port);
    return false;
}

bool doctor_saw_tls_passive_blocked(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_passive_blocked(e->tls, s);
}

bool doctor_saw_tls_passive_stood(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_passive_stood(e->tls, s);
}

/* Not one came through. */
bool doctor_saw_plain_passive_blocked(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return !row_passive_stood(e->plain, s) && row_passive_blocked(e->plain, s);
}

bool doctor_saw_passive_mixed(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return in_any(e, row_passive_stood, s) && in_any(e, row_passive_blocked, s);
}

/* The least and the greatest port that a passive connection was made to. */
static void ports_stood(const struct doctor_evidence *e, unsigned *least, unsigned *most)
{
    const struct doctor_row *rows[] = {e->plain, e->tls};

    *least = 65536;
    *most = 0;
    for (unsigned i = 0; i < 2 * STEPS; i++) {
        const struct doctor_step *step = step_of(rows[i / STEPS], i % STEPS);
        if (!has_stood(step))
            continue;
        *least = step->port < *least ? step->port : *least;
        *most = step->port > *most ? step->port : *most;
    }
}

/* A range that is open has no closed port in its midst. */
static bool row_port_between(const struct doctor_row *row, unsigned least, unsigned most,
                             struct doctor_sign *s)
{
    for (unsigned i = 0; i < STEPS; i++) {
        const struct doctor_step *step = step_of(row, i);
        if (doctor_is_blocked(step) && step->port >= least && step->port <= most)
            return says_port(s, row, step->port);
    }
    return false;
}

bool doctor_saw_ports_mixed(const struct doctor_evidence *e, struct doctor_sign *s)
{
    unsigned least, most;

    ports_stood(e, &least, &most);
    return row_port_between(e->plain, least, most, s) || row_port_between(e->tls, least, most, s);
}

/* A firewall that reads PASV alone opens for it alone. */
static bool row_only_pasv(const struct doctor_row *row, struct doctor_sign *s)
{
    const struct doctor_step *epsv = &row->ways[DOCTOR_EPSV].step, *pasv = &row->ways[DOCTOR_PASV].step;

    return doctor_is_blocked(epsv) && has_stood(pasv) && says_port(s, row, epsv->port);
}

bool doctor_saw_plain_only_pasv(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_only_pasv(e->plain, s);
}

bool doctor_saw_tls_only_pasv(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_only_pasv(e->tls, s);
}

static bool row_foreign(const struct doctor_row *row, struct doctor_sign *s)
{
    return row->ways[DOCTOR_PASV].is_foreign && says(s, row, row->ways[DOCTOR_PASV].named);
}

bool doctor_saw_tls_names_itself(const struct doctor_evidence *e, struct doctor_sign *s)
{
    const struct doctor_way *w = &e->tls->ways[DOCTOR_PASV];

    return row_foreign(e->plain, s) && w->step.port && !w->is_foreign && says(s, e->tls, "");
}

static bool is_refused_way(const struct doctor_way *w)
{
    return w->step.stage == CLIENT_DATA_ASKED && w->step.end == DOCTOR_SAID_NO && w->step.code != 421;
}

static bool row_no_epsv(const struct doctor_row *row, struct doctor_sign *s)
{
    const struct doctor_way *w = &row->ways[DOCTOR_EPSV];

    return is_refused_way(w) && !is_refused_way(&row->ways[DOCTOR_PASV]) && says(s, row, w->step.reply);
}

bool doctor_saw_tls_takes_epsv(const struct doctor_evidence *e, struct doctor_sign *s)
{
    const struct doctor_way *w = &e->tls->ways[DOCTOR_EPSV];

    return is_refused_way(&e->plain->ways[DOCTOR_EPSV]) && w->step.end && !is_refused_way(w) &&
           says(s, e->tls, "");
}

static bool row_passive_refused(const struct doctor_row *row, struct doctor_sign *s)
{
    const struct doctor_way *w = &row->ways[DOCTOR_PASV];

    if (!w->step.end) /* there is none for IPv6 */
        w = &row->ways[DOCTOR_EPSV];
    return is_refused_way(w) && says(s, row, w->step.reply);
}

/* ---- what reads along ---- */

static bool says_reuse(const struct doctor_step *step)
{
    const char *text = step->reply;

    if (step->code < 400 || strcasestr(text, "already"))
        return false;
    return strcasestr(text, "session") &&
           (strcasestr(text, "reuse") || strcasestr(text, "resum") || strcasestr(text, "TLS"));
}

/* A no for the server's own reasons. */
static bool is_own_no(const struct doctor_step *step)
{
    return step->end == DOCTOR_SAID_NO && step->code != 425 && step->code != 421 && step->code != 522 &&
           !says_reuse(step);
}

bool doctor_is_failure(enum doctor_end end)
{
    return end >= DOCTOR_TIMED_OUT;
}

/* Does this way end, without TLS, as it may where somebody changes what is said? */
static bool looks_changed(const struct doctor_row *row, unsigned way)
{
    const struct doctor_way *w = &row->ways[way];

    if (way == DOCTOR_PASV &&
        (w->is_foreign || (doctor_is_blocked(&w->step) && has_stood(&row->ways[DOCTOR_EPSV].step))))
        return true;
    return is_refused_way(w);
}

static bool is_changed(const struct doctor_evidence *e, unsigned way)
{
    const struct doctor_way *w = &e->plain->ways[way];
    bool is_own = w->step.stage >= CLIENT_DATA_BEGIN && is_own_no(&w->step);

    return looks_changed(e->plain, way) ||
           (doctor_is_failure(w->step.end) && !is_own && e->tls->ways[way].step.end == DOCTOR_WORKS);
}

bool doctor_saw_seems_read(const struct doctor_evidence *e, struct doctor_sign *s)
{
    for (unsigned w = 0; w < DOCTOR_WAYS; w++)
        if (is_changed(e, w))
            return says(s, e->plain, "");
    return false;
}

/* Whatever looks changed looks the same where nobody can have changed it. */
bool doctor_saw_tls_looks_the_same(const struct doctor_evidence *e, struct doctor_sign *s)
{
    for (unsigned w = 0; w < DOCTOR_WAYS; w++)
        if (is_changed(e, w) && !looks_changed(e->tls, w))
            return false;
    return says(s, e->tls, "");
}

/* ---- active ---- */

/* The server could not come, or came and nobody heard of it. */
static bool is_silent(const struct doctor_way *w)
{
    if (w->step.stage == CLIENT_DATA_CONNECT)
        return w->step.end == DOCTOR_TIMED_OUT;
    return w->step.stage == CLIENT_DATA_BEGIN &&
           (w->step.end == DOCTOR_TIMED_OUT || (w->step.code == 425 && !says_reuse(&w->step)));
}

static bool row_active_silent(const struct doctor_row *row, struct doctor_sign *s)
{
    return is_silent(&row->ways[DOCTOR_ACTIVE]) && says_port(s, row, row->ways[DOCTOR_ACTIVE].step.port);
}

static bool row_active_came(const struct doctor_row *row, struct doctor_sign *s)
{
    const struct doctor_way *w = &row->ways[DOCTOR_ACTIVE];

    return (w->step.stage > CLIENT_DATA_BEGIN) && says_port(s, row, w->step.port);
}

/* Somebody else came. */
static bool row_stranger(const struct doctor_row *row, struct doctor_sign *s)
{
    const struct doctor_way *w = &row->ways[DOCTOR_ACTIVE];

    return is_silent(&row->ways[DOCTOR_ACTIVE]) && *w->named && says(s, row, w->named);
}

bool doctor_saw_active_silent(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return in_any(e, row_active_silent, s);
}

bool doctor_saw_active_came(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return in_any(e, row_active_came, s);
}

static bool row_gave_up_at_once(const struct doctor_row *row, struct doctor_sign *s)
{
    const struct doctor_way *w = &row->ways[DOCTOR_ACTIVE];

    return is_silent(w) && w->step.stage == CLIENT_DATA_BEGIN && w->step.code == 425 &&
           w->step.ms < AT_ONCE_MS && says(s, row, "");
}

static bool row_active_refused(const struct doctor_row *row, struct doctor_sign *s)
{
    const struct doctor_way *w = &row->ways[DOCTOR_ACTIVE];

    return is_refused_way(w) && says(s, row, w->step.reply);
}

bool doctor_saw_tls_takes_active(const struct doctor_evidence *e, struct doctor_sign *s)
{
    const struct doctor_way *w = &e->tls->ways[DOCTOR_ACTIVE];

    return is_refused_way(&e->plain->ways[DOCTOR_ACTIVE]) && w->step.end && !is_refused_way(w) &&
           says(s, e->tls, "");
}

/* RFC 1918, 4193, 3927, 6598; loopback goes nowhere at all. */
static bool is_private(const char *text)
{
    unsigned char ip[16];

    if (inet_pton(AF_INET, text, ip) == 1)
        return ip[0] == 10 || ip[0] == 127 || (ip[0] == 172 && ip[1] >> 4 == 1) ||
               (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254) ||
               (ip[0] == 100 && ip[1] >> 6 == 1);
    return inet_pton(AF_INET6, text, ip) == 1 &&
           ((ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && ip[1] >> 6 == 2) || strcmp(text, "::1") == 0);
}

static bool row_active_fails(const struct doctor_row *row, struct doctor_sign *s)
{
    return row_active_silent(row, s) || row_active_refused(row, s);
}

static bool row_private_here(const struct doctor_row *row, struct doctor_sign *s)
{
    return row_active_fails(row, s) && is_private(row->here) && !row->is_near;
}

bool doctor_saw_tls_active_fail(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_active_fails(e->tls, s);
}

bool doctor_saw_plain_active_fail(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_active_fails(e->plain, s);
}

/* ---- TLS on data, and what is moved ---- */

static bool row_wants_session(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned i = 0; i < STEPS; i++) {
        const struct doctor_step *step = step_of(row, i);
        /* Before data are asked for, 522 speaks of address families (RFC 2428 section 2). */
        if (row->is_tls && step->stage >= CLIENT_DATA_BEGIN && (step->code == 522 || says_reuse(step)))
            return says(s, row, step->reply);
    }
    return false;
}

static bool is_tls_failure(const struct doctor_step *step)
{
    return step->stage == CLIENT_DATA_TLS && doctor_is_failure(step->end);
}

static bool row_data_tls(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned i = 0; i < STEPS; i++)
        if (is_tls_failure(step_of(row, i)))
            return says(s, row, step_of(row, i)->reply);
    return false;
}

bool doctor_saw_wants_session(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_wants_session(e->tls, s);
}

bool doctor_saw_data_tls(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return row_data_tls(e->tls, s);
}

bool doctor_saw_session_or_tls(const struct doctor_evidence *e, struct doctor_sign *s)
{
    return doctor_saw_wants_session(e, s) || doctor_saw_data_tls(e, s);
}

bool doctor_saw_resumed(const struct doctor_evidence *e, struct doctor_sign *s)
{
    struct doctor_sign ignored;

    if (doctor_saw_wants_session(e, &ignored))
        return false;
    for (unsigned i = 0; i < STEPS; i++)
        if (is_tls_failure(step_of(e->tls, i)) && !step_of(e->tls, i)->is_resumed)
            return false;
    return says(s, e->tls, "");
}

/* The server has no data connection, though we have. */
static bool row_other_peer(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned i = 0; i < STEPS; i++) {
        const struct doctor_step *step = step_of(row, i);
        if (step->way != CLIENT_ACTIVE && step->stage >= CLIENT_DATA_BEGIN && step->code == 425)
            return says(s, row, step->reply);
    }
    return false;
}

static bool is_hung(enum doctor_end end)
{
    return end == DOCTOR_STALLED || end == DOCTOR_BROKEN;
}

static bool says_bytes(struct doctor_sign *s, const struct doctor_row *row, const struct doctor_step *step)
{
    char text[24];

    snprintf(text, sizeof(text), "%ju", (uintmax_t)step->bytes);
    return says(s, row, text);
}

static bool row_moves_hang(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned i = 0; i < STEPS; i++) {
        const struct doctor_step *step = step_of(row, i);
        if (is_hung(step->end) && (i >= DOCTOR_WAYS || step->stage >= CLIENT_DATA_MOVE))
            return says_bytes(s, row, step);
    }
    return false;
}

static bool row_large_stalls(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned w = 0; w < DOCTOR_WAYS; w++)
        if (row->ways[w].step.stage >= CLIENT_DATA_MOVE && row->ways[w].step.end == DOCTOR_STALLED)
            return says_bytes(s, row, &row->ways[w].step);
    for (unsigned m = DOCTOR_LARGE_PUT; m <= DOCTOR_LARGE_GET; m++)
        if (row->moves[m].end == DOCTOR_STALLED)
            return says_bytes(s, row, &row->moves[m]);
    return row_handshake_hangs(row, s);
}

static bool row_small_stalls(const struct doctor_row *row, struct doctor_sign *s)
{
    return (row->moves[DOCTOR_SMALL_PUT].end == DOCTOR_STALLED ||
            row->moves[DOCTOR_SMALL_GET].end == DOCTOR_STALLED) &&
           says(s, row, "");
}

/* In every direction in which one stalls, another came through. */
bool doctor_saw_large_works(const struct doctor_evidence *e, struct doctor_sign *s)
{
    const struct doctor_row *rows[] = {e->plain, e->tls};
    struct doctor_sign ignored;

    if (in_any(e, row_handshake_hangs, &ignored))
        return false;
    for (unsigned m = DOCTOR_LARGE_PUT; m <= DOCTOR_LARGE_GET; m++)
        for (unsigned i = 0; i < 2; i++)
            if (rows[i]->moves[m].end == DOCTOR_STALLED && rows[1 - i]->moves[m].end != DOCTOR_WORKS)
                return false;
    for (unsigned i = 0; i < 2 * DOCTOR_WAYS; i++)
        if (rows[i / DOCTOR_WAYS]->ways[i % DOCTOR_WAYS].step.end == DOCTOR_STALLED)
            return false;
    return says(s, e->plain, "");
}

static bool row_control_cut(const struct doctor_row *row, struct doctor_sign *s)
{
    for (unsigned w = 0; w < DOCTOR_WAYS; w++) {
        const struct doctor_way *way = &row->ways[w];
        bool is_cut = way->step.end == DOCTOR_BROKEN || way->step.end == DOCTOR_TIMED_OUT;
        bool may_wait = w == DOCTOR_ACTIVE && way->step.end == DOCTOR_TIMED_OUT; /* for its own connection */
        if (is_cut &&
            (way->step.stage == CLIENT_DATA_ASKED || (way->step.stage == CLIENT_DATA_BEGIN && !may_wait)))
            return says(s, row, "");
    }
    return (row->step == CLIENT_STEP_LOGIN || row->step == CLIENT_STEP_TLS) && row->login.code == 0 &&
           (row->login.end == DOCTOR_BROKEN || row->login.end == DOCTOR_TIMED_OUT) && says(s, row, "");
}

static bool row_changed(const struct doctor_row *row, struct doctor_sign *s)
{
    return (row->moves[DOCTOR_SMALL_GET].end == DOCTOR_DIFFERS ||
            row->moves[DOCTOR_LARGE_GET].end == DOCTOR_DIFFERS) &&
           says(s, row, "");
}

static bool row_server_says(const struct doctor_row *row, struct doctor_sign *s)
{
    if (*row->fingerprint && is_own_no(&row->login) &&
        login_ends(row, CLIENT_STEP_TLS, DOCTOR_SAID_NO, s)) /* PROT */
        return true;
    for (unsigned i = 0; i < STEPS; i++)
        if (is_own_no(step_of(row, i)) && step_of(row, i)->stage >= CLIENT_DATA_BEGIN)
            return says(s, row, step_of(row, i)->reply);
    return false;
}

/* ---- signs of either row ---- */

#define IN_ANY(name)                                                                                         \
    bool doctor_saw_##name(const struct doctor_evidence *e, struct doctor_sign *s)                           \
    {                                                                                                        \
        return in_any(e, row_##name, s);                                                                     \
    }
IN_ANY(refused)
IN_ANY(private_here)
IN_ANY(prohibited)
IN_ANY(unanswered)
IN_ANY(no_route)
IN_ANY(silent)
IN_ANY(closed)
IN_ANY(login_refused)
IN_ANY(wants_tls)
IN_ANY(not_offered)
IN_ANY(stranger)
IN_ANY(tls_gone)
IN_ANY(untrusted)
IN_ANY(handshake)
IN_ANY(too_many)
IN_ANY(passive_blocked)
IN_ANY(passive_stood)
IN_ANY(foreign)
IN_ANY(no_epsv)
IN_ANY(passive_refused)
IN_ANY(gave_up_at_once)
IN_ANY(active_refused)
IN_ANY(other_peer)
IN_ANY(moves_hang)
IN_ANY(large_stalls)
IN_ANY(small_stalls)
IN_ANY(control_cut)
IN_ANY(changed)
IN_ANY(server_says)
