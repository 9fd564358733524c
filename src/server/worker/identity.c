/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/identity.h"

#include "server/link.h"
#include "server/worker/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct held_request {
    STAILQ_ENTRY(held_request) next;
    struct ipc_message message;
    uint8_t payload[];
};

static struct identity *identities;

/* A broker outlives its last session by this, for the next login of the same account. */
static const struct timeval linger = {.tv_sec = 1};

struct identity *identity_find(uint32_t id)
{
    struct identity *i;
    HASH_FIND(hh, identities, &id, sizeof(id), i);
    return i;
}

static void give_up_request(struct session *s)
{
    static const struct file_reply dead = {.error = EPIPE, .text = ""};
    file_reply_fn *on_reply = s->on_reply;
    if (s->waiting == WAIT_DELAY || !on_reply)
        return;
    s->on_reply = NULL;
    on_reply(s, &dead, -1);
}

/* Each session of i loses its current command, and no more. */
static void fail_commands(struct identity *i)
{
    struct session *s, *next;
    for (s = LIST_FIRST(&i->sessions); s; s = next) {
        next = LIST_NEXT(s, of_identity);
        transfer_cancel(s);
        give_up_request(s);
        session_settle(s);
    }
}

static void on_ended(void *ctx, int error)
{
    struct identity *i = ctx;
    const struct ipc_message broke = {.type = MSG_BROKER_BROKE, .id = i->id, .fd = -1};
    if (error == -EPROTO)
        (void)link_send(worker.monitor, &broke);
    link_free(&i->link);
    fail_commands(i);
}

/* A reply that nobody waits for any more. */
static void discard(struct identity *i, const struct file_reply *reply, int fd)
{
    if (fd >= 0)
        close(fd);
    if (reply->error == 0 && reply->upload != 0)
        identity_drop_upload(i, reply->upload, reply->files > 0);
}

/* What was deleted, replaced or dropped may be stored again. */
static void give_back(struct identity *i, const struct file_reply *reply)
{
    if (reply->error != 0 || !i->counted)
        return;
    atomic_fetch_add(&i->bytes_left, (long long)reply->freed);
    i->files_left += reply->freed_files;
}

static void on_message(void *ctx, const struct ipc_message *m)
{
    struct identity *i = ctx;
    struct file_reply reply;
    if (!file_reply_decode(m, &reply)) {
        if (m->fd >= 0)
            close(m->fd);
        on_ended(i, -EPROTO);
        return;
    }
    give_back(i, &reply);
    if (m->fd_lost) {
        discard(i, &reply, -1);
        reply = (struct file_reply){.error = EMFILE, .text = ""};
    }
    struct session *s = session_find(m->id);
    if (!s || s->identity != i || m->serial != s->serial || !s->on_reply || s->waiting == WAIT_DELAY) {
        discard(i, &reply, m->fd);
        return;
    }
    file_reply_fn *on_reply = s->on_reply;
    s->on_reply = NULL;
    on_reply(s, &reply, m->fd);
    session_settle(s);
}

static void send_held(struct identity *i)
{
    struct held_request *h;
    while ((h = STAILQ_FIRST(&i->held))) {
        STAILQ_REMOVE_HEAD(&i->held, next);
        if (i->link)
            (void)link_send(i->link, &h->message);
        free(h);
    }
}

static bool hold(struct identity *i, const struct ipc_message *m)
{
    struct held_request *h = malloc(sizeof(*h) + m->len);
    if (!h)
        return false;
    h->message = *m;
    h->message.payload = h->payload;
    memcpy(h->payload, m->payload, m->len);
    STAILQ_INSERT_TAIL(&i->held, h, next);
    return true;
}

static void on_linger(evutil_socket_t fd, short what, void *arg)
{
    struct identity *i = arg;
    const struct ipc_message m = {.type = MSG_RELEASE, .id = i->id, .fd = -1};
    (void)fd;
    (void)what;
    if (!LIST_EMPTY(&i->sessions))
        return;
    if (worker.logins_pending > 0) {
        event_add(i->linger, &linger);
        return;
    }
    (void)link_send(worker.monitor, &m); /* before the broker ends, or its end would look like an accident */
    HASH_DEL(identities, i);
    link_free(&i->link);
    send_held(i);
    event_free(i->linger);
    free(i);
}

static struct identity *identity_new(uint32_t id)
{
    struct identity *i = calloc(1, sizeof(*i));
    if (!i)
        return NULL;
    i->id = id;
    STAILQ_INIT(&i->held);
    i->linger = event_new(worker.base, -1, 0, on_linger, i);
    if (!i->linger || event_add(i->linger, &linger) < 0) {
        free(i);
        return NULL;
    }
    HASH_ADD(hh, identities, id, sizeof(i->id), i);
    return i;
}

void identity_broker(uint32_t id, int sock)
{
    struct identity *i = identity_find(id);
    if (sock < 0)
        return; /* no room for it: the broker ends, and the monitor starts another */
    if (!i)
        i = identity_new(id);
    if (!i) {
        close(sock);
        return;
    }
    if (i->link)
        on_ended(i, -EPIPE);
    i->link = link_new(worker.base, sock, FROM_BROKER, on_message, on_ended, i);
    if (i->link) {
        send_held(i);
        return;
    }
    close(sock);
    send_held(i);
    fail_commands(i);
}

void identity_join(struct identity *i, struct session *s)
{
    s->identity = i;
    LIST_INSERT_HEAD(&i->sessions, s, of_identity);
}

void identity_leave(struct session *s)
{
    LIST_REMOVE(s, of_identity);
    if (LIST_EMPTY(&s->identity->sessions))
        event_add(s->identity->linger, &linger);
    s->identity = NULL;
}

static bool send_request(struct identity *i, enum server_message type, uint32_t id, uint16_t serial,
                         const struct file_request *request)
{
    static uint8_t payload[9000]; /* as long as its row allows */
    int len = file_request_encode(request, payload, sizeof(payload));
    if (len < 0)
        return false;
    struct ipc_message m = {
        .type = (uint16_t)type, .serial = serial, .id = id, .payload = payload, .len = (size_t)len, .fd = -1};
    return i->link ? link_send(i->link, &m) == 0 : hold(i, &m);
}

bool identity_ask(struct session *s, enum server_message type, const struct file_request *request)
{
    return send_request(s->identity, type, s->id, s->serial, request);
}

void identity_drop_upload(struct identity *i, uint32_t upload, bool remove)
{
    uint32_t flags = remove ? FILE_REMOVE : 0;
    (void)send_request(i, MSG_FILE_END, 0, 0, &(struct file_request){.upload = upload, .flags = flags});
}
