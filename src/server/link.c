/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/link.h"

#include "server/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

struct parcel {
    STAILQ_ENTRY(parcel) next;
    struct ipc_message message;
    uint8_t payload[];
};

struct link {
    int sock;
    uint8_t receives;
    struct event *readable, *writable;
    link_message_fn *on_message;
    link_ended_fn *on_ended;
    void *ctx;
    bool receiving, freed; /* freed by a callback of its own: the memory goes when that returns */
    STAILQ_HEAD(, parcel) queue;
    unsigned queued;
};

enum {
    QUEUED_MOST = 32768,  /* messages that the other end does not take: then it is as good as dead */
    MESSAGES_A_TURN = 64, /* so that one busy broker does not keep the loop from the others */
};

/* A loop's thread alone receives, and a message is done with before the next comes. */
static _Thread_local uint8_t receive_buffer[IPC_PACKET_MAX];

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
    struct link *l = arg;
    (void)what;
    l->receiving = true;
    for (int i = 0; i < MESSAGES_A_TURN && !l->freed; i++) {
        struct ipc_message m;
        int r = ipc_receive(sock, &server_protocol, l->receives, receive_buffer, &m);
        if (r == -EAGAIN)
            break;
        if (r < 0) {
            event_del(l->readable);
            l->on_ended(l->ctx, r);
            break;
        }
        l->on_message(l->ctx, &m);
    }
    l->receiving = false;
    if (l->freed)
        free(l);
}

static void parcel_free(struct parcel *p)
{
    if (p->message.fd >= 0)
        close(p->message.fd);
    free(p);
}

static void on_writable(evutil_socket_t sock, short what, void *arg)
{
    struct link *l = arg;
    struct parcel *p;
    (void)what;
    while ((p = STAILQ_FIRST(&l->queue))) {
        if (ipc_send(sock, &p->message) == -EAGAIN)
            return;
        l->queued--;
        STAILQ_REMOVE_HEAD(&l->queue, next); /* any other failure: the reader will hear of it */
        parcel_free(p);
    }
    event_del(l->writable);
}

struct link *link_new(struct event_base *base, int sock, uint8_t receives, link_message_fn *on_message,
                      link_ended_fn *on_ended, void *ctx)
{
    struct link *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    if (fcntl(sock, F_SETFL, O_NONBLOCK) < 0) {
        free(l); /* a socket that blocks would stop the loop */
        return NULL;
    }
    *l = (struct link){
        .sock = sock, .receives = receives, .on_message = on_message, .on_ended = on_ended, .ctx = ctx};
    STAILQ_INIT(&l->queue);
    l->readable = event_new(base, sock, EV_READ | EV_PERSIST, on_readable, l);
    l->writable = event_new(base, sock, EV_WRITE | EV_PERSIST, on_writable, l);
    if (!l->readable || !l->writable || event_add(l->readable, NULL) < 0) {
        l->sock = -1;
        link_free(&l);
        return NULL;
    }
    return l;
}

void link_free(struct link **link)
{
    struct link *l = *link;
    struct parcel *p;
    if (!l)
        return;
    *link = NULL;
    if (l->readable)
        event_free(l->readable);
    if (l->writable)
        event_free(l->writable);
    while ((p = STAILQ_FIRST(&l->queue))) {
        STAILQ_REMOVE_HEAD(&l->queue, next);
        parcel_free(p);
    }
    if (l->sock >= 0)
        close(l->sock);
    l->freed = true;
    if (!l->receiving)
        free(l);
}

static int enqueue(struct link *l, const struct ipc_message *m)
{
    struct parcel *p = l->queued < QUEUED_MOST ? malloc(sizeof(*p) + m->len) : NULL;
    if (!p)
        return -ENOMEM;
    int fd = -1;
    if (m->fd >= 0 && (fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3)) < 0) {
        free(p);
        return -ENOMEM;
    }
    p->message = *m;
    p->message.fd = fd;
    p->message.payload = p->payload;
    if (m->len > 0)
        memcpy(p->payload, m->payload, m->len);
    if (STAILQ_EMPTY(&l->queue) && event_add(l->writable, NULL) < 0) {
        parcel_free(p); /* nobody would send it */
        return -ENOMEM;
    }
    STAILQ_INSERT_TAIL(&l->queue, p, next);
    l->queued++;
    return 0;
}

int link_send(struct link *l, const struct ipc_message *m)
{
    if (m->len > IPC_PAYLOAD_MAX)
        return -EMSGSIZE;
    if (!STAILQ_EMPTY(&l->queue))
        return enqueue(l, m);
    int r = ipc_send(l->sock, m);
    return r == -EAGAIN ? enqueue(l, m) : r;
}
