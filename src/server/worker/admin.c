/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/admin.h"

#include "server/worker/inbox.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "server/worker/sink.h"
#include "server/worker/transfer.h"
#include "tls/channel.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUEST_BYTES_MAX = 64,
    ADMIN_SECONDS = 30, /* a client that takes longer is gone */
};

static double since_epoch(double monotonic)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (worker_now() - monotonic);
}

/* Names may hold any bytes; JSON may not. */
static json_t *text_or_null(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    return value ? value : json_string("(not UTF-8)");
}

static void add_transfer(json_t *row, const struct session *s)
{
    const struct transfer *t = s->transfer;
    static const char *const modes[] = {
        [DATA_NONE] = "none", [DATA_PASSIVE] = "passive", [DATA_ACTIVE] = "active"};
    unsigned long long bytes = t ? atomic_load(&t->moved) : 0;
    double seconds = t ? worker_now() - t->began : 0;
    json_object_set_new(row, "mode", json_string(modes[s->data.mode]));
    json_object_set_new(row, "command", text_or_null(t ? t->verb : NULL));
    json_object_set_new(row, "file", text_or_null(t ? t->path : NULL));
    json_object_set_new(row, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(row, "rate", json_real(seconds > 0.001 ? (double)bytes / seconds : 0.0));
}

static void add_tls(json_t *row, const struct session *s)
{
    const struct tls_channel *c = s->control.tls;
    char subject[512];
    json_object_set_new(row, "tls", text_or_null(c ? tls_channel_protocol(c) : NULL));
    json_object_set_new(row, "cipher", text_or_null(c ? tls_channel_cipher(c) : NULL));
    json_object_set_new(row, "certificate",
                        text_or_null(c && tls_channel_client(c, subject, sizeof(subject)) ? subject : NULL));
    json_object_set_new(row, "private_data", json_boolean(s->data.is_private));
}

static void add_session(struct session *s, void *ctx)
{
    if (s->ended)
        return;
    json_t *row = json_object();
    json_object_set_new(row, "id", json_integer(s->id));
    json_object_set_new(row, "user", text_or_null(s->state == SESSION_READY ? s->login.user : NULL));
    json_object_set_new(row, "address", json_string(session_peer_text(s)));
    add_tls(row, s);
    json_object_set_new(row, "since", json_real(since_epoch(s->connected_at)));
    json_object_set_new(row, "idle", json_real(s->transfer ? 0.0 : worker_now() - s->active_at));
    add_transfer(row, s);
    json_array_append_new(ctx, row);
}

/* --- the answer -------------------------------------------------------------------------------------- */

static void done(struct bufferevent *b, void *ctx)
{
    (void)ctx;
    bufferevent_free(b);
}

static void on_event(struct bufferevent *b, short what, void *ctx)
{
    (void)what;
    done(b, ctx);
}

/* Takes what is said. */
static void answer(struct bufferevent *b, json_t *said)
{
    const struct timeval limit = {.tv_sec = ADMIN_SECONDS};
    char *text = json_dumps(said, JSON_COMPACT);
    json_decref(said);
    if (!text) {
        done(b, NULL);
        return;
    }
    bufferevent_setcb(b, NULL, done, on_event, NULL);
    bufferevent_set_timeouts(b, NULL, &limit);
    bufferevent_write(b, text, strlen(text));
    bufferevent_write(b, "\n", 1);
    free(text);
}

static int by_age(const void *a, const void *b)
{
    double one = json_real_value(json_object_get(*(json_t *const *)a, "since"));
    double other = json_real_value(json_object_get(*(json_t *const *)b, "since"));
    return one < other ? -1 : one > other;
}

/* The same rows as they came in; takes them. */
static json_t *sorted(json_t *rows)
{
    size_t count = json_array_size(rows);
    json_t **each = calloc(count + 1, sizeof(json_t *)), *in_order = json_array();
    for (size_t i = 0; each && i < count; i++)
        each[i] = json_array_get(rows, i);
    if (each)
        qsort(each, count, sizeof(json_t *), by_age);
    for (size_t i = 0; each && i < count; i++)
        json_array_append(in_order, each[i]);
    free(each);
    json_decref(rows);
    return in_order;
}

/* --- a question goes round all loops, and comes back to the one that was asked ----------------------- */

struct question {
    struct inbox_message message;
    unsigned loop;             /* where it is */
    struct bufferevent *asker; /* the first loop's */
    json_t *sessions;          /* so far; NULL: it is about one that is to be kicked */
    json_int_t lost;           /* lines of logs */
    uint32_t kick;
    bool is_kicked;
};

static json_t *who(struct question *q)
{
    return json_pack("{s:o, s:I}", "sessions", sorted(q->sessions), "lost_log_lines", q->lost);
}

static json_t *kicked(const struct question *q)
{
    return q->is_kicked ? json_pack("{s:I}", "kicked", (json_int_t)q->kick)
                        : json_pack("{s:s}", "error", "no such session");
}

static bool kick(uint32_t id)
{
    struct session *s = session_find(id);
    if (!s || s->ended)
        return false;
    log_event(s, "ended by the administrator");
    reply(s, 421, "The administrator ended this session.");
    session_end(s);
    return true;
}

static void on_question(struct inbox_message *m)
{
    struct question *q = (struct question *)m;
    if (q->loop == worker_loops) {
        answer(q->asker, q->sessions ? who(q) : kicked(q));
        free(q);
        return;
    }
    if (q->sessions) {
        session_each(add_session, q->sessions);
        q->lost += (json_int_t)sink_lost();
    } else
        q->is_kicked |= kick(q->kick);
    q->loop++;
    inbox_post(q->loop % worker_loops, &q->message);
}

static void ask(struct bufferevent *b, json_t *sessions, uint32_t id)
{
    struct question *q = malloc(sizeof(*q));
    if (!q) {
        json_decref(sessions);
        done(b, NULL);
        return;
    }
    *q = (struct question){.message.run = on_question, .asker = b, .sessions = sessions, .kick = id};
    on_question(&q->message);
}

static void run(struct bufferevent *b, const char *request)
{
    char *end;
    bool is_kick = strncmp(request, "kick ", 5) == 0;
    unsigned long id = is_kick ? strtoul(request + 5, &end, 10) : 0;
    if (strcmp(request, "who") == 0)
        ask(b, json_array(), 0);
    else if (!is_kick)
        answer(b, json_pack("{s:s}", "error", "unknown request"));
    else if (*end != '\0' || request[5] == '\0' || id > UINT32_MAX)
        answer(b, json_pack("{s:s}", "error", "no such session"));
    else
        ask(b, NULL, (uint32_t)id);
}

static void on_request(struct bufferevent *b, void *ctx)
{
    struct evbuffer *in = bufferevent_get_input(b);
    char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
    (void)ctx;
    if (!line && evbuffer_get_length(in) <= REQUEST_BYTES_MAX)
        return;
    bufferevent_disable(b, EV_READ);
    bufferevent_setcb(b, NULL, NULL, NULL, NULL); /* until it is answered, nothing frees it */
    run(b, line ? line : "");
    free(line);
}

void admin_serve(int fd)
{
    const struct timeval limit = {.tv_sec = ADMIN_SECONDS};
    if (fd < 0)
        return;
    evutil_make_socket_nonblocking(fd);
    struct bufferevent *b = bufferevent_socket_new(worker.base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!b) {
        close(fd);
        return;
    }
    bufferevent_setcb(b, on_request, NULL, on_event, NULL);
    bufferevent_set_timeouts(b, &limit, &limit);
    bufferevent_enable(b, EV_READ | EV_WRITE);
}
