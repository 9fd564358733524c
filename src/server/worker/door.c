/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/door.h"

#include "server/link.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "server/worker/session.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/queue.h>

static _Thread_local bool needed;

bool door_is_needed(void)
{
    return needed;
}

void door_set_needed(bool is_needed)
{
    needed = is_needed;
}

static unsigned patience(const struct session *s)
{
    unsigned seconds = session_config(s)->accept_timeout;
    return seconds > 0 && seconds < DOOR_SECONDS_MOST ? seconds : DOOR_SECONDS_MOST;
}

/* --- used -------------------------------------------------------------------------------------------- */

/* Who comes in by a door has used it up, which the kernel sees to. The monitor, which makes sure, need not be woken for each: it
 * hears of it by the session's next question, or of many a little later. */
static const struct timeval soon = {.tv_usec = 100 * 1000};
static _Thread_local LIST_HEAD(, session) used;
static _Thread_local bool is_timed;

static void forget_used(struct session *s)
{
    if (s->data.door.is_used)
        LIST_REMOVE(s, data.door.next_used);
    s->data.door.is_used = false;
}

static void tell_used(evutil_socket_t fd, short what, void *arg)
{
    struct session *s;
    (void)fd;
    (void)what;
    (void)arg;
    is_timed = false;
    while ((s = LIST_FIRST(&used))) {
        forget_used(s);
        worker_must_tell(MSG_DOOR_SHUT, s->id);
    }
}

static bool is_telling(void)
{
    is_timed = is_timed || event_base_once(worker.base, -1, EV_TIMEOUT, tell_used, NULL, &soon) == 0;
    return is_timed;
}

void door_used(struct session *s)
{
    struct door *d = &s->data.door;
    /* Asked for again it may have been opened after the connection came; whoever is welcome may have come by no door. */
    bool is_closed = d->is_wanted && !d->is_again && !d->is_asked && !s->data.passive.promiscuous;
    if (is_closed && is_telling()) {
        d->is_used = true;
        LIST_INSERT_HEAD(&used, s, data.door.next_used);
    } else if (d->is_wanted)
        worker_must_tell(MSG_DOOR_SHUT, s->id);
    d->is_wanted = false; /* a question that is under way is still answered, by which the port is announced */
}

/* --- asked for --------------------------------------------------------------------------------------- */

void door_ask(struct session *s, void (*then)(struct session *s, int error))
{
    struct door *d = &s->data.door;
    uint8_t payload[16];
    const struct door_request request = {
        .port = (uint16_t)s->data.passive.key.port, .seconds = patience(s), .turn = s->data.passive.turn};
    int len = door_request_encode(&request, payload, sizeof(payload));
    struct ipc_message m = {.type = MSG_DOOR,
                            .serial = ++d->serial,
                            .id = s->id,
                            .payload = payload,
                            .len = (size_t)len,
                            .fd = s->control.fd};
    forget_used(s); /* another port's, which the monitor shuts for this one's */
    d->then = then;
    d->is_again = d->is_wanted;
    d->is_asked = d->is_wanted = true;
    int r = link_send(worker.monitor, &m);
    if (r < 0)
        door_answered(s, d->serial, -r, false);
}

bool door_renew(struct session *s, void (*then)(struct session *s, int error))
{
    if (!s->data.door.is_wanted)
        return false;
    if (passive_holds(&s->data.passive)) /* else it has come, and is on its way from another loop */
        door_ask(s, then);
    return true;
}

void door_opened_with_connection(struct session *s)
{
    s->data.door.is_wanted = needed;
}

void door_shut(struct session *s)
{
    struct door *d = &s->data.door;
    d->is_asked = false;
    d->tries = 0;
    d->then = NULL;
    if (d->is_wanted || (d->is_used && s->ended))
        worker_must_tell(MSG_DOOR_SHUT, s->id);
    if (s->ended)
        forget_used(s);
    d->is_wanted = false;
}

/* The kernel's own helper has put its expectation, of 300 seconds, in our door's place when the port was announced. */
static void ask_after_announcement(struct session *s)
{
    output_flush();
    door_ask(s, NULL);
}

static void ask_again(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = session_find((uint32_t)(uintptr_t)arg);
    (void)fd;
    (void)what;
    if (s && s->data.door.is_wanted && !s->data.door.is_asked && passive_holds(&s->data.passive))
        door_ask(s, NULL);
}

/* Somebody else has come in by it, and the set that it was in is full of those that were used. */
static void ask_when_swept(const struct session *s)
{
    static const struct timeval swept = {.tv_usec = DOOR_SWEPT_MS * 1000};
    /* without memory for that it is asked once more when a transfer waits (data.c) */
    (void)event_base_once(worker.base, -1, EV_TIMEOUT, ask_again, (void *)(uintptr_t)s->id, &swept);
}

void door_answered(struct session *s, uint16_t serial, int error, bool is_heard)
{
    struct door *d = &s->data.door;
    if (!d->is_asked || d->serial != serial)
        return;
    void (*then)(struct session *, int) = d->then;
    d->is_asked = false;
    d->then = NULL;
    if (error != 0 && error != EBUSY)
        log_event(s, "no door in the firewall for port %u: %s", (unsigned)s->data.passive.key.port,
                  door_words(error));
    if (then)
        then(s, error);
    else if (error == EBUSY)
        ask_when_swept(s);
    if (then && is_heard && !s->control.tls && d->is_wanted && !d->is_asked)
        ask_after_announcement(s);
}

const char *door_words(int error)
{
    switch (error) {
    case ENOENT:
    case EOPNOTSUPP:
        return "The server's firewall is not as the server needs it";
    case EBUSY: /* nft: too many that were used lie in the set until it is swept */
    case EMFILE:
    case ENOSPC:
    case ENFILE:
        return "The server's firewall can't take more data connections now: please try again";
    default:
        return strerror(error);
    }
}
