/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/cmd_transfer.h"

#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/handshake.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "server/worker/pool.h"

#include "ftp/ascii.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- its end ----------------------------------------------------------------------------------------- */

void transfer_over(struct session *s)
{
    struct transfer *t = s->transfer;
    bool abort_asked = t->abort_asked;
    s->transfer = NULL;
    handshake_cancel(&t->handshake);
    transfer_free(&t);
    listing_turn_release(&s->listing);
    data_reset(s);
    session_resume(s);
    if (abort_asked)
        reply(s, 226, "ABOR successful.");
    if (worker.draining && !s->ended) {
        reply(s, 421, "Service shutting down.");
        session_end(s);
    }
}

void transfer_end_quota(struct transfer *t)
{
    if (t->quota && t->borrows)
        atomic_fetch_add(t->quota, t->credited);
    t->borrows = false;
}

/* An upload that was begun comes to nothing; remove: even the file that it made goes. */
static void drop_upload(struct session *s, struct transfer *t, bool remove)
{
    transfer_end_quota(t);
    if (t->upload == 0)
        return;
    identity_drop_upload(s->login.identity, t->upload, remove);
}

void transfer_fail(struct session *s, int code, const char *text, const char *why)
{
    struct transfer *t = s->transfer;
    s->files.on_reply = NULL; /* an answer that is still on its way comes too late: discarded */
    drop_upload(s, t, t->made_file);
    t->why = why;
    log_transfer(s, t, false);
    reply(s, code, "%s", text);
    transfer_over(s);
}

void transfer_open_failed(struct session *s, const struct file_reply *r, int code, const char *text)
{
    struct transfer *t = s->transfer;
    t->error = (int)r->error;
    log_transfer(s, t, false);
    reply_file_error(s, r->error, code, text);
    transfer_over(s);
}

bool transfer_reply_result(struct session *s, const struct transfer *t)
{
    if (t->broker_died)
        reply_file_error(s, EPIPE, 451, "");
    else if (t->result == TRANSFER_ABORTED)
        reply(s, 426, "Transfer aborted. Data connection closed.");
    else if (t->result == TRANSFER_STALLED) {
        reply(s, 421, "Data timeout. Reconnect. Sorry.");
        session_end(s);
    } else
        return false;
    return true;
}

/* A thread has ended it. */
static void on_end(struct transfer *t)
{
    struct session *s = t->session;
    bool is_upload = t->kind == TRANSFER_RECEIVE;
    if (!s->ended) {
        t->conclude(s);
        return;
    }
    drop_upload(s, t, false); /* nobody is left to answer; the broker still learns how it ended */
    log_transfer(s, t, t->result == TRANSFER_DONE && !is_upload);
    transfer_over(s);
}

/* All was sent, and the client has seen it, or had its time. */
static void end_sending(struct session *s)
{
    struct transfer *t = s->transfer;
    if (t->ending)
        event_free(t->ending);
    t->ending = NULL;
    close(t->data);
    t->data = -1;
    t->conclude(s);
}

void transfer_cancel(struct session *s)
{
    struct transfer *t = s->transfer;
    if (!t)
        return;
    if (t->running) {
        transfer_abort(t);
        return;
    }
    if (t->phase == PHASE_ENDING) {
        end_sending(s);
        return;
    }
    if (t->phase == PHASE_CLOSING)
        return; /* whether it is whole is not known before the broker has answered, and the logs are to say so */
    transfer_fail(s, 426, "", "the session ended");
}

/* The broker died. OPENING, until the file is open, and CLOSING hear of it by their reply. */
void transfer_broker_lost(struct session *s)
{
    struct transfer *t = s->transfer;
    if (!t)
        return;
    bool is_open = t->phase == PHASE_CONNECTING || t->phase == PHASE_SECURING ||
                   (t->phase == PHASE_OPENING && t->upload != 0);
    if (is_open || t->running)
        t->upload = 0; /* the next broker knows nothing of it, and may give the number to another */
    if (t->running) {
        t->broker_died = true;
        transfer_abort(t);
    } else if (is_open)
        transfer_fail(s, 451, "The file service ended unexpectedly. Please try again.", "the broker died");
}

void transfer_timeout(struct session *s)
{
    if (s->transfer->phase == PHASE_CONNECTING)
        data_timeout(s);
    else if (s->transfer->phase == PHASE_SECURING)
        transfer_fail(s, 522, "SSL connection failed: no TLS handshake came on the data connection.",
                      "no TLS handshake came on the data connection");
    else if (listing_turn_is_queued(&s->listing))
        transfer_fail(s, 450, "Other listings for your address have not been read yet. Please try again.",
                      "other listings for this address are not read");
    else if (s->transfer->phase == PHASE_OPENING)
        transfer_fail(s, 451, "The server's disk does not answer. Please try again.",
                      "the disk does not answer");
}

void cmd_abor(struct session *s, const char *argument)
{
    struct transfer *t = s->transfer;
    (void)argument;
    if (!t) {
        reply(s, 225, "No transfer to ABOR.");
        return;
    }
    t->abort_asked = true;
    if (t->running)
        transfer_abort(t);
    else if (t->phase == PHASE_OPENING || t->phase == PHASE_CONNECTING || t->phase == PHASE_SECURING)
        transfer_fail(s, 426, "Transfer aborted. Data connection closed.", "aborted by the client");
}

int transfer_init(void)
{
    return transfer_pool_init(worker.base, on_end);
}

/* --- the data channel stands ------------------------------------------------------------------------- */

static void announce(struct session *s, struct transfer *t)
{
    t->announced = true;
    if (t->listing)
        reply(s, 150, "Here comes the directory listing.");
    else if (t->kind == TRANSFER_SEND)
        reply(s, 150, "Opening %s mode data connection for %s (%llu bytes).", t->ascii ? "ASCII" : "BINARY",
              t->shown, (unsigned long long)t->size);
    else if (t->unique)
        reply(s, 150, "FILE: %s", t->shown); /* RFC 1123 section 4.1.2.9 */
    else
        reply(s, 150, "Ok to send data.");
    output_flush(); /* what ends the transfer must not travel with what begins it: some clients take both for its end */
}

/* The same under TLS: bytes and end in one write. What the socket does not take, the thread flushes. */
static bool send_private_at_once(struct transfer *t)
{
    enum { OVERHEAD = 1024 }; /* of a few records */
    if (t->strict_close || !tls_channel_gather(t->tls, t->memory_len + OVERHEAD) ||
        (t->memory_len > 0 && tls_channel_write(t->tls, t->memory, t->memory_len) < 0))
        return false;
    atomic_fetch_add(&t->moved, (unsigned long long)t->memory_len);
    t->memory_len = 0;
    return tls_channel_close(t->tls) == 0 && shutdown(t->data, SHUT_WR) == 0;
}

/* Few bytes that the socket takes at once need no thread. True: all sent. */
static bool send_at_once(struct transfer *t)
{
    if (!t->memory || t->rate > 0)
        return false;
    if (t->tls)
        return send_private_at_once(t);
    /* MSG_MORE: the last segment waits for the close that follows and takes its FIN along. */
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE;
    ssize_t n = t->memory_len > 0 ? send(t->data, t->memory, t->memory_len, flags) : 0;
    if (n < 0)
        return false; /* the thread meets the same failure and reports it */
    atomic_fetch_add(&t->moved, (unsigned long long)n);
    t->memory_len -= (size_t)n;
    memmove(t->memory, t->memory + n, t->memory_len);
    return t->memory_len == 0 && shutdown(t->data, SHUT_WR) == 0;
}

/* The client has closed the channel, as most do at its end, or had its time for it. See await_close in transfer.c. */
static void on_ending(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    (void)fd;
    if ((what & EV_READ) && transfer_was_reset(s->transfer)) {
        s->transfer->result = TRANSFER_NETWORK;
        s->transfer->error = ECONNRESET;
    }
    end_sending(s);
}

static void await_close(struct session *s)
{
    static const struct timeval moment = {.tv_usec = ENDING_MS * 1000};
    struct transfer *t = s->transfer;
    t->phase = PHASE_ENDING;
    t->ending = event_new(worker.base, t->data, EV_READ, on_ending, s);
    if (!t->ending || event_add(t->ending, &moment) < 0)
        end_sending(s);
}

void transfer_move(struct session *s)
{
    struct transfer *t = s->transfer;
    session_set_timer(s, 0); /* from here on the thread watches for stalls */
    t->phase = PHASE_MOVING;
    t->began = worker_now();
    if (send_at_once(t))
        await_close(s);
    else if (t->tls && fcntl(t->data, F_SETFL, 0) < 0) /* transfers block; handshakes did not */
        transfer_fail(s, 426, "Failure writing network stream.", strerror(errno));
    else if (transfer_start(t) < 0)
        transfer_fail(s, 451, "The server can't run another transfer now. Please try again.",
                      "no thread for it");
}

static void on_secured(struct session *s, struct tls_channel *c, const char *why)
{
    struct transfer *t = s->transfer;
    t->handshake = NULL;
    t->tls = c;
    if (!c) {
        log_event(s, "TLS handshake on the data connection failed: %s", why);
        transfer_fail(s, 522, "SSL connection failed: the TLS handshake on the data connection failed.",
                      "the TLS handshake failed");
    } else if (session_config(s)->require_ssl_reuse && !tls_channel_is_bound(c))
        transfer_fail(s, 522,
                      "SSL connection failed; session reuse required: see require_ssl_reuse option in "
                      "sallyd.conf man page",
                      "the data connection does not continue the control connection's TLS session "
                      "(require_ssl_reuse)");
    else
        transfer_move(s);
}

enum {
    SECURING_SECONDS = 60, /* for a handshake, where nothing else limits it */
};

/* What goes from a file to the network as it is need not come by here: the kernel encrypts it. For few bytes it does not pay. */
static bool is_for_kernel(struct session *s, const struct transfer *t)
{
    return worker_has_kernel_tls && session_config(s)->ssl_ktls && t->kind == TRANSFER_SEND && t->file >= 0 &&
           !t->ascii && !t->streamed;
}

/* The client begins TLS when it has read 150. */
static void secure(struct session *s)
{
    struct transfer *t = s->transfer;
    const struct config *c = session_config(s);
    unsigned patience = c->accept_timeout > 0 ? c->accept_timeout : c->data_connection_timeout;
    t->phase = PHASE_SECURING;
    session_set_timer(s, patience > 0 ? patience : SECURING_SECONDS);
    keys_renew(&s->control.keys);
    if (fcntl(t->data, F_SETFL, O_NONBLOCK) == 0)
        t->handshake = handshake_begin(s, s->control.keys, t->data, session_tls(s), on_secured);
    if (t->handshake && is_for_kernel(s, t))
        handshake_for_kernel(t->handshake);
    if (!t->handshake)
        transfer_fail(s, 451, "The server is out of memory. Please try again.", strerror(ENOMEM));
}

static void on_channel(struct session *s, int fd, const char *why)
{
    if (fd < 0) {
        char text[160];
        snprintf(text, sizeof(text), "Failed to establish connection. %s.", why);
        transfer_fail(s, 425, text, why);
        return;
    }
    s->transfer->data = fd;
    if (!s->transfer->announced)
        announce(s, s->transfer);
    if (s->data.is_private)
        secure(s);
    else
        transfer_move(s);
}

/* A connection is there that may be its own: the client begins TLS, and tells, when it has read 150. */
static void on_maybe(struct session *s)
{
    if (!s->transfer->announced)
        announce(s, s->transfer);
}

void transfer_connect(struct session *s)
{
    static const struct data_waiter waiter = {on_channel, on_maybe};
    s->transfer->phase = PHASE_CONNECTING;
    data_acquire(s, &waiter);
}

/* --- its beginning ----------------------------------------------------------------------------------- */

struct transfer *transfer_begin(struct session *s, enum transfer_kind kind, const char *verb,
                                const char *argument, void (*conclude)(struct session *s))
{
    const struct config *c = session_config(s);
    uint64_t restart = s->mode.restart;
    s->mode.restart = 0;
    if (kind != TRANSFER_HASH && c->ssl_enable && !s->data.is_private &&
        (s->login.anonymous ? c->force_anon_data_ssl : c->force_local_data_ssl)) {
        reply(s, 522, "Data connections must be encrypted.");
        return NULL;
    }
    if (kind != TRANSFER_HASH && s->data.mode == DATA_NONE) {
        reply(s, 425, "Use PORT or PASV first.");
        return NULL;
    }
    const char *path = command_path(s, argument);
    struct transfer *t = path ? transfer_new(kind) : NULL;
    if (!t || !(t->path = strdup(path)) || !(t->shown = strdup(argument))) {
        if (path)
            reply(s, 451, "The server is out of memory. Please try again.");
        transfer_free(&t);
        return NULL;
    }
    t->session = s;
    t->conclude = conclude;
    t->verb = verb;
    t->offset = restart;
    t->hash = s->mode.hash;
    t->rate = s->login.grant.rate;
    t->stall_timeout = c->data_connection_timeout;
    t->sync = c->fsync_uploads;
    t->strict_eof = c->strict_ssl_read_eof;
    t->strict_close = c->strict_ssl_write_shutdown;
    t->began = worker_now();
    s->transfer = t;
    session_wait_for(s, WAIT_TRANSFER);
    session_set_timer(s, c->data_connection_timeout); /* for the broker to open it */
    return t;
}

bool transfer_take_content(struct transfer *t, const struct file_reply *r, int fd)
{
    t->file = fd;
    if (fd >= 0)
        return true;
    size_t cap = t->ascii ? 2 * r->data_len : r->data_len;
    t->memory = malloc(cap > 0 ? cap : 1);
    if (!t->memory)
        return false;
    struct ftp_ascii ascii = {false};
    if (t->ascii)
        t->memory_len = ftp_ascii_to_wire(&ascii, (const char *)r->data, r->data_len, t->memory);
    else if (r->data_len > 0)
        memcpy(t->memory, r->data, t->memory_len = r->data_len);
    return true;
}

/* A whole number of bytes, no sign, no blank, no more than a file can have (proftpd#2286). */
void cmd_rest(struct session *s, const char *argument)
{
    char *end;
    errno = 0;
    unsigned long long offset = strtoull(argument, &end, 10);
    if (strspn(argument, "0123456789") != strlen(argument) || errno != 0 || offset > INT64_MAX) {
        reply(s, 501, "REST needs a number of bytes.");
        return;
    }
    s->mode.restart = offset;
    reply(s, 350, "Restart position accepted (%llu).", offset);
}
