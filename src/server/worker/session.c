/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/session.h"

#include "server/listing.h"
#include "sys/net.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    VISITED_MAX = 1024, /* directories with a message; beyond, messages are shown again */
};

static const double login_seconds = 300; /* to log in, where idle_session_timeout sets no limit */

static _Thread_local struct session *sessions; /* by id */
static _Thread_local TAILQ_HEAD(, session) changed;
static atomic_uint counts[LOOPS_MAX]; /* of each loop, written by it alone */

/* --- all of them ------------------------------------------------------------------------------------- */

struct session *session_find(uint32_t id)
{
    struct session *s;
    HASH_FIND(hh, sessions, &id, sizeof(id), s);
    return s;
}

unsigned session_count(void)
{
    return HASH_COUNT(sessions);
}

unsigned session_count_of(unsigned loop)
{
    return atomic_load_explicit(&counts[loop], memory_order_relaxed);
}

unsigned session_count_all(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < worker_loops; i++)
        sum += atomic_load(&counts[i]);
    return sum;
}

void session_init(void)
{
    TAILQ_INIT(&changed);
}

void session_each(void (*each)(struct session *, void *ctx), void *ctx)
{
    struct session *s, *next;
    HASH_ITER(hh, sessions, s, next)
        each(s, ctx);
}

struct session *session_new(void)
{
    static _Thread_local uint32_t last;
    struct session *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    do
        s->id = ++last * worker_loops + worker.loop;
    while (s->id < worker_loops || session_find(s->id));
    s->settings = settings_ref(worker.settings);
    s->state = SESSION_GREETED;
    s->connected_at = s->active_at = s->login.since = worker_now();
    s->control.fd = s->data.fd = -1;
    s->mode.facts = FTP_FACTS_DEFAULT;
    s->mode.ascii = true; /* RFC 959 section 3.1.1.5: the default type is ASCII */
    HASH_ADD(hh, sessions, id, sizeof(s->id), s);
    atomic_fetch_add(&counts[worker.loop], 1);
    return s;
}

void session_free(struct session **session)
{
    struct session *s = *session;
    *session = NULL;
    HASH_DEL(sessions, s);
    atomic_fetch_sub(&counts[worker.loop], 1);
    if (s->changed)
        TAILQ_REMOVE(&changed, s, next_changed);
    settings_unref(&s->settings);
    free(s->control.deferred);
    free(s->login.host);
    free(s->files.wanted);
    free(s);
}

const char *session_peer_text(const struct session *s)
{
    static _Thread_local char text[INET6_ADDRSTRLEN];
    net_ip_format(&s->peer, text);
    return text;
}

void session_changed(struct session *s)
{
    if (s->changed)
        return;
    s->changed = true;
    TAILQ_INSERT_TAIL(&changed, s, next_changed);
}

struct session *session_next_changed(void)
{
    struct session *s = TAILQ_FIRST(&changed);
    if (s) {
        TAILQ_REMOVE(&changed, s, next_changed);
        s->changed = false;
    }
    return s;
}

/* --- waiting and time -------------------------------------------------------------------------------- */

void session_set_timer(struct session *s, double seconds)
{
    struct timeval tv = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
    if (s->ended)
        return;
    if (seconds <= 0)
        event_del(&s->timer);
    else if (event_add(&s->timer, &tv) < 0)
        session_end(s); /* nothing would end what it waits for */
}

/* Before it has logged in, nothing that the session says gives it more time. */
double session_idle_left(const struct session *s)
{
    double limit = session_config(s)->idle_session_timeout;
    bool is_in = s->state == SESSION_READY;
    if (limit <= 0 && is_in)
        return INFINITY;
    return (is_in ? s->active_at : s->login.since) + (limit > 0 ? limit : login_seconds) - worker_now();
}

void session_set_idle_timer(struct session *s)
{
    double left = session_idle_left(s);
    session_set_timer(s, isinf(left) ? 0 : left > 0.001 ? left : 0.001);
}

void session_wait_for(struct session *s, enum session_wait what)
{
    s->waiting = what;
}

void session_resume(struct session *s)
{
    bool had_own_timer = s->waiting == WAIT_DELAY || s->waiting == WAIT_PORT || s->waiting == WAIT_TRANSFER;
    s->waiting = WAIT_NOTHING;
    s->active_at = worker_now();
    if (had_own_timer)
        session_set_idle_timer(s);
    session_changed(s);
}

void session_delay(struct session *s, double seconds, void (*after)(struct session *))
{
    session_wait_for(s, WAIT_DELAY);
    s->after = after;
    session_set_timer(s, seconds);
}

void session_end(struct session *s)
{
    if (s->ended)
        return;
    s->ended = true;
    event_del(&s->control.input);
    event_del(&s->timer);
    session_changed(s);
}

/* --- messages of directories ------------------------------------------------------------------------- */

/* FNV-1a: a clash only hides one message. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

bool session_first_visit(struct session *s, const char *message)
{
    uint64_t hash = hash_of(s->files.cwd);
    if (*message == '\0')
        return false;
    for (size_t i = 0; i < s->files.visited_count; i++) {
        if (s->files.visited[i] == hash)
            return false;
    }
    uint64_t *grown = s->files.visited_count < VISITED_MAX
                          ? reallocarray(s->files.visited, s->files.visited_count + 1, sizeof(*grown))
                          : NULL;
    if (grown) {
        s->files.visited = grown;
        s->files.visited[s->files.visited_count++] = hash;
    }
    return true;
}
