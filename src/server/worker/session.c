/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/session.h"

#include "ftp/listing.h"
#include "ftp/path.h"
#include "server/link.h"
#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "server/worker/peers.h"
#include "sys/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    VISITED_MAX = 1024,      /* directories with a message; beyond, messages are shown again */
    DEFERRED_MAX = 8 * 1024, /* bytes of commands kept for after a transfer */
};

static struct session *sessions; /* by id */

struct session *session_find(uint32_t id)
{
    struct session *s;
    HASH_FIND(hh, sessions, &id, sizeof(id), s);
    return s;
}

void session_each(void (*each)(struct session *, void *ctx), void *ctx)
{
    struct session *s, *next;
    HASH_ITER(hh, sessions, s, next)
        each(s, ctx);
}

/* --- waiting and time ------------------------------------------------------------------------------- */

void session_set_timer(struct session *s, double seconds)
{
    struct timeval tv = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
    if (seconds > 0)
        event_add(&s->timer, &tv);
    else
        event_del(&s->timer);
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
        session_set_timer(s, session_config(s)->idle_session_timeout);
}

/* Idle time is looked at when the timer fires rather than set anew by each command. */
static void idle_timeout(struct session *s)
{
    double limit = session_config(s)->idle_session_timeout;
    double left = s->active_at + limit - worker_now();
    if (limit <= 0)
        return;
    if (left > 0.01) {
        session_set_timer(s, left);
        return;
    }
    reply(s, 421, "Timeout.");
    session_end(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    (void)fd;
    (void)what;
    if (s->waiting == WAIT_DELAY) {
        file_reply_fn *go_on = s->on_reply;
        s->on_reply = NULL;
        go_on(s, NULL, -1);
    } else if (s->waiting == WAIT_PORT || s->waiting == WAIT_TRANSFER)
        data_timeout(s);
    else
        idle_timeout(s);
    session_settle(s);
}

/* --- input ------------------------------------------------------------------------------------------ */

static void input_pause(struct session *s, bool pause)
{
    if (s->fd < 0 || s->input_off == pause)
        return;
    s->input_off = pause;
    if (pause)
        event_del(&s->input);
    else
        event_add(&s->input, NULL);
}

static bool defer_line(struct session *s, const char *line, size_t len)
{
    char *grown =
        s->deferred_len + len + 1 <= DEFERRED_MAX ? realloc(s->deferred, s->deferred_len + len + 1) : NULL;
    if (!grown)
        return false;
    s->deferred = grown;
    memcpy(grown + s->deferred_len, line, len + 1);
    s->deferred_len += len + 1;
    return true;
}

/* Takes the first deferred line into line; false if there is none. */
static bool undefer_line(struct session *s, char *line)
{
    if (s->deferred_len == 0)
        return false;
    size_t len = strlen(s->deferred) + 1;
    memcpy(line, s->deferred, len);
    s->deferred_len -= len;
    memmove(s->deferred, s->deferred + len, s->deferred_len);
    if (s->deferred_len == 0) {
        free(s->deferred);
        s->deferred = NULL;
    }
    return true;
}

/* A line that came while a transfer runs: ABOR is heard always, STAT if nothing waits before it, the rest is
 * for later. */
static void line_in_transfer(struct session *s, char *line, size_t len)
{
    if (command_is_abort(line) || (s->deferred_len == 0 && command_is_in_transfer(line)))
        command_run(s, line);
    else if (!defer_line(s, line, len)) {
        reply(s, 421, "Too many commands during a transfer.");
        session_end(s);
    }
}

/* Runs lines until the session must wait, its replies are stuck, or there are no more. */
static void run_lines(struct session *s)
{
    char line[FTP_LINE_MAX + 1];
    size_t len;
    while (!s->ended && !output_is_blocked(s)) {
        if (s->waiting != WAIT_NOTHING && s->waiting != WAIT_TRANSFER)
            return;
        if (s->waiting == WAIT_NOTHING && undefer_line(s, line)) {
            command_run(s, line);
            continue;
        }
        enum ftp_line_result r = ftp_lines_next(&s->lines, line, &len);
        if (r == FTP_LINE_NONE)
            return;
        s->active_at = worker_now();
        if (r == FTP_LINE_OVERLONG)
            reply(s, 500, "Command line too long: at most %d bytes.", FTP_LINE_MAX);
        else if (s->waiting == WAIT_TRANSFER)
            line_in_transfer(s, line, len);
        else
            command_run(s, line);
    }
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    char bytes[2 * FTP_LINE_MAX];
    size_t taken = 0;
    (void)what;
    bool must_wait = s->waiting != WAIT_NOTHING && s->waiting != WAIT_TRANSFER;
    if (must_wait || output_is_blocked(s) || s->lines.len > FTP_LINE_MAX + 1) {
        input_pause(s, true); /* a pipelining client; session_settle reads on when it may */
        return;
    }
    if (s->input_eof) {
        input_pause(s, true);
        return;
    }
    ssize_t n = recv(fd, bytes, sizeof(bytes) - s->lines.len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == 0 && (s->waiting == WAIT_TRANSFER || s->lines.len > 0)) {
        s->input_eof = true; /* half-closed: what came before is still answered */
        input_pause(s, true);
    } else if (n <= 0 || ftp_lines_feed(&s->lines, bytes, (size_t)n, &taken) < 0 || taken < (size_t)n)
        session_end(s);
    else
        run_lines(s);
    session_settle(s);
}

/* --- birth and death -------------------------------------------------------------------------------- */

static void greet(struct session *s)
{
    const struct config *c = session_config(s);
    if (s->settings->banner) {
        reply_text(s, 220, s->settings->banner, strlen(s->settings->banner));
        reply(s, 220, "%s", "");
    } else if (c->ftpd_banner)
        reply(s, 220, "%s", c->ftpd_banner);
    else
        reply(s, 220, "(sallyd %s)", SALLY_VERSION);
}

/* vsftpd counts before it greets, and says so in a 421. */
static bool admit(struct session *s)
{
    const struct config *c = session_config(s);
    const char *why = NULL;
    if ((c->max_clients > 0 && worker.session_count > c->max_clients) || s->fd > worker.control_fd_most)
        why = "There are too many connected users, please try later.";
    else if (c->max_per_ip > 0 && peers_count(&s->peer) > c->max_per_ip)
        why = "There are too many connections from your internet address.";
    if (!why)
        return true;
    reply(s, 421, "%s", why);
    session_end(s);
    return false;
}

static bool learn_addresses(struct session *s)
{
    struct sockaddr_storage peer = {0}, local = {0};
    socklen_t peer_len = sizeof(peer), local_len = sizeof(local);
    if (getpeername(s->fd, (struct sockaddr *)&peer, &peer_len) < 0 ||
        getsockname(s->fd, (struct sockaddr *)&local, &local_len) < 0)
        return false;
    s->peer = net_ip_of(&peer);
    s->local = net_ip_of(&local);
    ftp_address_format(&s->peer, s->peer_text);
    return true;
}

static void session_init(struct session *s, int fd)
{
    do
        s->id = ++worker.last_id;
    while (s->id == 0 || session_find(s->id));
    s->fd = fd;
    s->data_fd = -1;
    s->settings = settings_ref(worker.settings);
    s->state = SESSION_GREETED;
    s->facts = FTP_FACTS_DEFAULT;
    s->connected_at = s->active_at = worker_now();
    s->ascii = true; /* RFC 959 section 3.1.1.5: the default type is ASCII */
    event_assign(&s->input, worker.base, fd, EV_READ | EV_PERSIST, on_input, s);
    event_assign(&s->timer, worker.base, -1, 0, on_timer, s);
    HASH_ADD(hh, sessions, id, sizeof(s->id), s);
    worker.session_count++;
}

void session_accept(int fd)
{
    const int on = 1;
    struct session *s = calloc(1, sizeof(*s));
    if (!s) {
        close(fd);
        return;
    }
    session_init(s, fd);
    /* Urgent data stays in line, where the telnet Synch belongs; replies are small and awaited. */
    (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
    if (!learn_addresses(s) || peers_join(&s->peer) < 0 || event_add(&s->input, NULL) < 0)
        session_end(s);
    else if (admit(s)) {
        log_connect(s);
        greet(s);
        session_set_timer(s, session_config(s)->idle_session_timeout);
    }
    session_settle(s);
}

static void tell_monitor_logout(struct session *s)
{
    struct ipc_message m = {.type = MSG_LOGOUT, .id = s->id, .fd = -1};
    (void)link_send(worker.monitor, &m);
}

void session_logout(struct session *s)
{
    if (s->waiting == WAIT_LOGIN && s->state == SESSION_NAMED)
        worker.logins_pending--;
    if (s->known_to_monitor)
        tell_monitor_logout(s);
    s->known_to_monitor = false;
    if (s->identity)
        identity_leave(s);
    s->state = SESSION_GREETED;
    free(s->user);
    free(s->password);
    free(s->cwd);
    free(s->home);
    free(s->rename_from);
    s->user = s->password = s->cwd = s->home = s->rename_from = NULL;
    free(s->visited);
    s->visited = NULL;
    s->visited_count = 0;
    s->restart = 0;
    s->anonymous = s->name_too_long = false;
}

void session_end(struct session *s)
{
    s->ended = true;
}

static void session_close_channel(struct session *s)
{
    if (s->fd < 0)
        return;
    event_del(&s->input);
    event_del(&s->timer);
    output_drop(s);
    close(s->fd);
    s->fd = -1;
    ftp_lines_clear(&s->lines);
    data_reset(s);
}

static void session_free(struct session *s)
{
    session_logout(s);
    peers_leave(&s->peer);
    HASH_DEL(sessions, s);
    worker.session_count--;
    settings_unref(&s->settings);
    free(s->deferred);
    free(s->host);
    free(s->wanted);
    free(s);
    worker_check_drained();
}

void session_settle(struct session *s)
{
    if (!s->ended && s->waiting == WAIT_NOTHING && (s->deferred_len > 0 || s->lines.len > 0))
        run_lines(s);
    if (s->input_eof && s->waiting == WAIT_NOTHING && s->deferred_len == 0 && !output_is_blocked(s))
        session_end(s);
    output_flush();
    if (!s->ended) {
        bool may_read = (s->waiting == WAIT_NOTHING || s->waiting == WAIT_TRANSFER) && !output_is_blocked(s);
        if (may_read && !s->input_eof)
            input_pause(s, false);
        return;
    }
    session_close_channel(s);
    if (s->transfer) {
        transfer_cancel(s); /* frees it now, or transfer_ended comes back here */
        if (s->transfer)
            return;
    }
    session_free(s);
}

/* --- requests --------------------------------------------------------------------------------------- */

void session_ask(struct session *s, enum server_message type, const struct file_request *request,
                 file_reply_fn *on_reply)
{
    s->on_reply = on_reply;
    s->serial++;
    if (s->waiting == WAIT_NOTHING)
        session_wait_for(s, WAIT_BROKER);
    if (!identity_ask(s, type, request)) {
        static const struct file_reply dead = {.error = EPIPE, .text = ""};
        s->on_reply = NULL;
        on_reply(s, &dead, -1);
    }
}

const char *session_path(struct session *s, const char *argument)
{
    static char path[FILE_PATH_MAX];
    const char *from = s->cwd;
    if (argument[0] == '~' && (argument[1] == '/' || argument[1] == '\0')) {
        from = s->home; /* as vsftpd, and ls of old, have it */
        argument += argument[1] == '/' ? 2 : 1;
    }
    if (ftp_path_join(from, argument, path, sizeof(path)) == 0)
        return path;
    reply(s, 550, "Path too long: at most %d bytes.", FILE_PATH_MAX - 1);
    return NULL;
}

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
    uint64_t hash = hash_of(s->cwd);
    if (*message == '\0')
        return false;
    for (size_t i = 0; i < s->visited_count; i++) {
        if (s->visited[i] == hash)
            return false;
    }
    uint64_t *grown = s->visited_count < VISITED_MAX
                          ? reallocarray(s->visited, s->visited_count + 1, sizeof(*grown))
                          : NULL;
    if (grown) {
        s->visited = grown;
        s->visited[s->visited_count++] = hash;
    }
    return true;
}
