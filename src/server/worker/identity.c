/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/identity.h"

#include "server/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct held_request {
    STAILQ_ENTRY(held_request) next;
    struct ipc_message message;
    uint8_t payload[];
};

static _Thread_local struct identity *identities;
static _Thread_local unsigned logins; /* being checked */

/* A broker outlives its last session by this, for the next login of the same account. */
static const struct timeval linger = {.tv_sec = 1};

struct identity *identity_find(uint32_t id)
{
    struct identity *i;
    HASH_FIND(hh, identities, &id, sizeof(id), i);
    return i;
}

static void (*tell_lost)(struct session *s);

void identity_init(void (*on_broker_lost)(struct session *s))
{
    tell_lost = on_broker_lost;
}

/* No answer will come. */
static void answer_dead(struct session *s)
{
    static const struct file_reply dead = {.error = EPIPE, .text = ""};
    file_reply_fn *on_reply = s->files.on_reply;
    s->files.on_reply = NULL;
    if (on_reply)
        on_reply(s, &dead, -1);
}

/* Each session of i loses its current command, and no more. */
static void fail_commands(struct identity *i)
{
    struct session *s, *next;
    for (s = LIST_FIRST(&i->sessions); s; s = next) {
        next = LIST_NEXT(s, of_identity);
        tell_lost(s);
        answer_dead(s);
    }
}

/* Said before the broker's socket is closed, so that its end, which looks orderly then, is not taken for
 * one. */
static void ask_for_another(uint32_t id)
{
    worker_must_tell(MSG_BROKER_BROKE, id);
}

static void on_ended(void *ctx, int error)
{
    struct identity *i = ctx;
    if (error == -EPROTO)
        ask_for_another(i->id);
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

/*
 * What was deleted, replaced or dropped may be stored again; a request that failed may have freed something, too. An upload's
 * file counts from its making on, also where nobody waits for it any more: dropping it takes it off again.
 */
static void account(struct identity *i, const struct file_reply *reply)
{
    if (!i->quota || !i->quota->counted)
        return;
    atomic_fetch_sub(&i->quota->bytes, (long long)reply->freed);
    i->quota->files -= reply->freed_files;
    if (reply->error == 0 && reply->upload != 0 && reply->files > 0)
        i->quota->files++;
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
    account(i, &reply);
    if (m->fd_lost) {
        discard(i, &reply, -1);
        reply = (struct file_reply){.error = EMFILE, .text = ""};
    }
    struct session *s = session_find(m->id);
    if (!s || s->login.identity != i || m->serial != s->files.serial || !s->files.on_reply) {
        discard(i, &reply, m->fd);
        return;
    }
    file_reply_fn *on_reply = s->files.on_reply;
    s->files.on_reply = NULL;
    on_reply(s, &reply, m->fd);
}

/* A request that was held and can't be sent now: it gets the answer of one whose broker died. */
static void fail_request(uint32_t id, uint16_t serial)
{
    struct session *s = session_find(id);
    if (s && s->files.serial == serial)
        answer_dead(s);
}

static void send_held(struct identity *i)
{
    struct held_request *h;
    while ((h = STAILQ_FIRST(&i->held))) {
        STAILQ_REMOVE_HEAD(&i->held, next);
        if (i->link && link_send(i->link, &h->message) < 0)
            fail_request(h->message.id, h->message.serial);
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
    (void)fd;
    (void)what;
    if (!LIST_EMPTY(&i->sessions))
        return;
    if (logins > 0) {
        event_add(i->linger, &linger); /* out of memory, its broker stays, which only costs a process */
        return;
    }
    worker_must_tell(MSG_RELEASE, i->id); /* before the broker ends, or its end would look like an accident */
    HASH_DEL(identities, i);
    link_free(&i->link);
    send_held(i);
    quota_unref(&i->quota);
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
    if (sock < 0) { /* no room for it, so it ends */
        ask_for_another(id);
        return;
    }
    if (!i)
        i = identity_new(id);
    if (!i) {
        ask_for_another(id);
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
    ask_for_another(id);
    close(sock);
    send_held(i);
    fail_commands(i);
}

void identity_login_began(void)
{
    logins++;
}

void identity_login_over(void)
{
    logins--;
}

int identity_join(struct identity *i, struct session *s)
{
    const struct login_reply *g = &s->login.grant;
    bool is_limited = g->quota_bytes > 0 || g->quota_files > 0;
    if (!i->quota && g->kind == LOGIN_VIRTUAL)
        i->quota = quota_ref(s->login.user, is_limited);
    if (!i->quota && is_limited)
        return -ENOMEM;
    s->login.identity = i;
    LIST_INSERT_HEAD(&i->sessions, s, of_identity);
    return 0;
}

void identity_leave(struct session *s)
{
    LIST_REMOVE(s, of_identity);
    if (LIST_EMPTY(&s->login.identity->sessions))
        event_add(s->login.identity->linger,
                  &linger); /* out of memory, its broker stays: it costs a process */
    s->login.identity = NULL;
}

static bool send_request(struct identity *i, enum server_message type, uint32_t id, uint16_t serial,
                         const struct file_request *request)
{
    static _Thread_local uint8_t payload[9000]; /* as long as its row allows */
    int len = file_request_encode(request, payload, sizeof(payload));
    if (len < 0)
        return false;
    struct ipc_message m = {
        .type = (uint16_t)type, .serial = serial, .id = id, .payload = payload, .len = (size_t)len, .fd = -1};
    return i->link ? link_send(i->link, &m) == 0 : hold(i, &m);
}

void identity_ask(struct session *s, enum server_message type, const struct file_request *request,
                  file_reply_fn *on_reply)
{
    s->files.on_reply = on_reply;
    s->files.serial++;
    if (s->waiting == WAIT_NOTHING)
        session_wait_for(s, WAIT_BROKER);
    if (!send_request(s->login.identity, type, s->id, s->files.serial, request))
        answer_dead(s);
}

void identity_drop_upload(struct identity *i, uint32_t upload, bool remove)
{
    uint32_t flags = remove ? FILE_REMOVE : 0;
    /* One that does not reach the broker stays open there until it ends, and is dropped then. */
    (void)!send_request(i, MSG_FILE_END, 0, 0, &(struct file_request){.upload = upload, .flags = flags});
}
