/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/control.h"

#include "server/worker/cmd_login.h"
#include "server/worker/cmd_tls.h"
#include "server/worker/cmd_transfer.h"
#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/handshake.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "server/worker/peers.h"
#include "sys/net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DEFERRED_MAX = 8 * 1024, /* bytes of commands kept for after a transfer */
    LAST_WORDS_SECONDS = 10, /* for a client to read what it was told before the end */
};

static int highest_fd; /* higher numbers are for data channels and files */

void control_init(void)
{
    struct rlimit limit = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &limit); /* else 1024, as few as any system allows */
    highest_fd = (int)(limit.rlim_cur - limit.rlim_cur / 8);
}

/* --- time -------------------------------------------------------------------------------------------- */

/* Idle time is looked at when the timer fires rather than set anew by each command. */
static void idle_timeout(struct session *s)
{
    if (session_idle_left(s) > 0) {
        session_set_idle_timer(s);
        return;
    }
    if (s->waiting == WAIT_HANDSHAKE) {
        log_event(s, "TLS handshake not ended in time");
        session_end(s);
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
    if (s->ended) {
        output_drop(s); /* it had its time to read */
        session_changed(s);
    } else if (s->waiting == WAIT_DELAY)
        s->after(s);
    else if (s->waiting == WAIT_PORT)
        data_timeout(s);
    else if (s->waiting == WAIT_TRANSFER)
        transfer_timeout(s);
    else
        idle_timeout(s);
}

/* --- lines ------------------------------------------------------------------------------------------- */

static bool defer_line(struct control_channel *c, const char *line, size_t len)
{
    char *grown =
        c->deferred_len + len + 1 <= DEFERRED_MAX ? realloc(c->deferred, c->deferred_len + len + 1) : NULL;
    if (!grown)
        return false;
    c->deferred = grown;
    memcpy(grown + c->deferred_len, line, len + 1);
    c->deferred_len += len + 1;
    return true;
}

/* Takes the first deferred line into line; false if there is none. */
static bool undefer_line(struct control_channel *c, char *line)
{
    if (c->deferred_len == 0)
        return false;
    size_t len = strlen(c->deferred) + 1;
    memcpy(line, c->deferred, len);
    c->deferred_len -= len;
    memmove(c->deferred, c->deferred + len, c->deferred_len);
    if (c->deferred_len == 0) {
        free(c->deferred);
        c->deferred = NULL;
    }
    return true;
}

/*
 * A line that came while a transfer runs: ABOR is heard whatever waits before it, STAT if nothing does, the rest is for
 * later; so is another ABOR, which gets an answer of its own then.
 */
static void line_in_transfer(struct session *s, char *line, size_t len)
{
    bool is_heard = command_is_abort(line) ? !s->transfer->abort_asked
                                           : s->control.deferred_len == 0 && command_is_in_transfer(line);
    if (is_heard)
        command_run(s, line);
    else if (!defer_line(&s->control, line, len)) {
        reply(s, 421, "Too many commands during a transfer.");
        session_end(s);
    }
}

/* May the session hear another line? */
static bool hears(const struct session *s)
{
    return !s->ended && !output_is_blocked(s) && (s->waiting == WAIT_NOTHING || s->waiting == WAIT_TRANSFER);
}

/* Runs lines until the session must wait, its replies are stuck, or there are no more. */
static void run_lines(struct session *s)
{
    char line[FTP_LINE_MAX + 1];
    size_t len;
    while (hears(s)) {
        if (s->waiting == WAIT_NOTHING && undefer_line(&s->control, line)) {
            command_run(s, line);
            continue;
        }
        enum ftp_line_result r = ftp_lines_next(&s->control.lines, line, &len);
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

/* --- input ------------------------------------------------------------------------------------------- */

/* What TLS has read off the socket already, the socket does not tell of. */
static void input_is_more(struct session *s)
{
    if (s->control.tls && !s->control.input_off && tls_channel_has_input(s->control.tls))
        event_active(&s->control.input, EV_READ, 0);
}

static void input_pause(struct session *s, bool pause)
{
    if (s->control.fd < 0 || s->control.input_off == pause)
        return;
    s->control.input_off = pause;
    if (pause)
        event_del(&s->control.input);
    else if (event_add(&s->control.input, NULL) < 0)
        session_end(s); /* it would never be heard again */
    else
        input_is_more(s);
}

/* Bytes, or 0 at the end, or -errno. */
static ssize_t read_some(struct session *s, void *bytes, size_t len)
{
    if (s->control.tls) {
        ssize_t n = tls_channel_read(s->control.tls, bytes, len);
        return n == -EPIPE ? 0 : n; /* how a control channel ends matters to nobody */
    }
    ssize_t n = recv(s->control.fd, bytes, len, MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    struct ftp_lines *lines = &s->control.lines;
    (void)fd;
    char bytes[2 * FTP_LINE_MAX];
    size_t taken = 0;
    (void)what;
    if (!hears(s) || s->control.input_eof || lines->len > FTP_LINE_MAX + 1) {
        input_pause(s, true); /* a pipelining client; read on when it is settled and may go on */
        return;
    }
    ssize_t n = read_some(s, bytes, sizeof(bytes) - lines->len);
    if (n == -EAGAIN || n == -EINTR)
        return;
    session_changed(s);
    if (n == 0 && s->control.is_clearing)
        tls_cleared(s);
    else if (n == 0 && (s->waiting == WAIT_TRANSFER || lines->len > 0)) {
        s->control.input_eof = true; /* half-closed: what came before is still answered */
        input_pause(s, true);
    } else if (n <= 0 || ftp_lines_feed(lines, bytes, (size_t)n, &taken) < 0 || taken < (size_t)n)
        session_end(s);
    else
        run_lines(s);
    if (n > 0)
        input_is_more(s);
}

/* --- birth ------------------------------------------------------------------------------------------- */

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
static bool admit(struct session *s, unsigned from_there)
{
    const struct config *c = session_config(s);
    const char *why = NULL;
    if ((c->max_clients > 0 && session_count_all() > c->max_clients) || s->control.fd > highest_fd)
        why = "There are too many connected users, please try later.";
    else if (c->max_per_ip > 0 && from_there > c->max_per_ip)
        why = "There are too many connections from your internet address.";
    if (!why)
        return true;
    log_event(s, "refused: %s", why);
    reply(s, 421, "%s", why);
    session_end(s);
    return false;
}

static bool learn_addresses(struct session *s)
{
    struct sockaddr_storage peer = {0}, local = {0};
    socklen_t peer_len = sizeof(peer), local_len = sizeof(local);
    if (getpeername(s->control.fd, (struct sockaddr *)&peer, &peer_len) < 0 ||
        getsockname(s->control.fd, (struct sockaddr *)&local, &local_len) < 0)
        return false;
    s->peer = net_ip_of(&peer);
    s->local = net_ip_of(&local);
    return true;
}

void control_accept(int fd)
{
    const int on = 1;
    struct session *s = session_new();
    if (!s) {
        close(fd);
        return;
    }
    s->control.fd = fd;
    event_assign(&s->control.input, worker.base, fd, EV_READ | EV_PERSIST, on_input, s);
    event_assign(&s->timer, worker.base, -1, 0, on_timer, s);
    /* Urgent data stays in line, where the telnet Synch belongs: without that, an ABOR would not be understood. */
    bool is_in_line = setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)); /* the idle timer ends it too, later */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* else replies are slower, not wrong */
    unsigned from_there = is_in_line && learn_addresses(s) ? peers_join(&s->peer) : 0;
    if (from_there == 0 || event_add(&s->control.input, NULL) < 0)
        session_end(s);
    else if (admit(s, from_there)) {
        log_connect(s);
        session_set_idle_timer(s);
        if (session_config(s)->ssl_enable && session_config(s)->implicit_ssl)
            tls_begin(s, greet);
        else
            greet(s);
    }
}

/* --- settling, and death ----------------------------------------------------------------------------- */

static void close_channel(struct session *s)
{
    if (s->control.fd < 0)
        return;
    event_del(&s->control.input);
    event_del(&s->timer); /* perhaps it was activated after the session's end */
    output_drop(s);
    handshake_cancel(&s->control.handshake);
    if (s->control.tls)
        (void)!tls_channel_close(s->control.tls); /* who is gone needs no good-bye */
    tls_channel_free(&s->control.tls);
    tls_channel_free(&s->control.tls_before);
    close(s->control.fd);
    s->control.fd = -1;
    ftp_lines_clear(&s->control.lines);
}

/* What it was told is not with the socket yet: is there still time to wait for that? */
static bool has_last_words(struct session *s)
{
    const struct timeval limit = {.tv_sec = LAST_WORDS_SECONDS};
    return output_is_blocked(s) &&
           (event_pending(&s->timer, EV_TIMEOUT, NULL) || event_add(&s->timer, &limit) == 0);
}

/* Ended: what it holds is given up, at once or when its transfer has ended; the channel when all was said. */
static void bury(struct session *s)
{
    data_reset(s);
    transfer_cancel(s);
    if (has_last_words(s))
        return; /* their end, or that of the time for them, is a change */
    close_channel(s);
    if (s->transfer)
        return; /* its end is a change */
    login_end(s);
    peers_leave(&s->peer);
    keys_unref(&s->control.keys);
    session_free(&s);
}

static void settle(struct session *s)
{
    if (s->control.deferred_len > 0 || s->control.lines.len > 0)
        run_lines(s);
    if (s->control.input_eof && s->waiting == WAIT_NOTHING && s->control.deferred_len == 0 &&
        !output_is_blocked(s))
        session_end(s);
    output_flush();
    if (s->ended)
        bury(s);
    else if (hears(s) && !s->control.input_eof)
        input_pause(s, false);
}

void control_settle(void)
{
    struct session *s;
    while ((s = session_next_changed()))
        settle(s);
}
