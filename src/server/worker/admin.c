/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/admin.h"

#include "server/worker/log.h"
#include "server/worker/session.h"

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
    json_object_set_new(row, "mode", json_string(modes[s->data_mode]));
    json_object_set_new(row, "command", text_or_null(t ? t->verb : NULL));
    json_object_set_new(row, "file", text_or_null(t ? t->path : NULL));
    json_object_set_new(row, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(row, "rate", json_real(seconds > 0.001 ? (double)bytes / seconds : 0.0));
}

static void add_session(struct session *s, void *ctx)
{
    if (s->ended)
        return;
    json_t *row = json_object();
    json_object_set_new(row, "id", json_integer(s->id));
    json_object_set_new(row, "user", text_or_null(s->state == SESSION_READY ? s->user : NULL));
    json_object_set_new(row, "address", json_string(s->peer_text));
    json_object_set_new(row, "since", json_real(since_epoch(s->connected_at)));
    json_object_set_new(row, "idle", json_real(s->transfer ? 0.0 : worker_now() - s->active_at));
    add_transfer(row, s);
    json_array_append_new(ctx, row);
}

static json_t *who(void)
{
    json_t *rows = json_array();
    session_each(add_session, rows);
    return json_pack("{s:o, s:I}", "sessions", rows, "lost_log_lines", (json_int_t)log_lost());
}

static json_t *kick(const char *number)
{
    char *end;
    unsigned long id = strtoul(number, &end, 10);
    struct session *s = *end == '\0' && *number && id <= UINT32_MAX ? session_find((uint32_t)id) : NULL;
    if (!s || s->ended)
        return json_pack("{s:s}", "error", "no such session");
    log_event(s, "ended by the administrator");
    reply(s, 421, "The administrator ended this session.");
    session_end(s);
    session_settle(s);
    return json_pack("{s:i}", "kicked", (int)id);
}

static json_t *answer_to(const char *request)
{
    if (strcmp(request, "who") == 0)
        return who();
    if (strncmp(request, "kick ", 5) == 0)
        return kick(request + 5);
    return json_pack("{s:s}", "error", "unknown request");
}

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

static void on_request(struct bufferevent *b, void *ctx)
{
    struct evbuffer *in = bufferevent_get_input(b);
    char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
    if (!line && evbuffer_get_length(in) <= REQUEST_BYTES_MAX)
        return;
    json_t *answer = answer_to(line ? line : "");
    char *text = json_dumps(answer, JSON_COMPACT);
    free(line);
    json_decref(answer);
    if (!text) {
        done(b, ctx);
        return;
    }
    bufferevent_disable(b, EV_READ);
    bufferevent_setcb(b, NULL, done, on_event, NULL);
    bufferevent_write(b, text, strlen(text));
    bufferevent_write(b, "\n", 1);
    free(text);
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
