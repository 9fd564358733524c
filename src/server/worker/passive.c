/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/passive.h"

#include "server/link.h"
#include "server/worker/session.h"
#include "sys/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener {
    int fd;
    uint16_t port;
    struct event *event;
};

static struct listener *listeners;
static size_t listener_count;
static struct passive_wait *holders; /* by key */
static TAILQ_HEAD(, passive_wait) queue = TAILQ_HEAD_INITIALIZER(queue);

static struct passive_wait *holder_of(const struct passive_key *key)
{
    struct passive_wait *w;
    HASH_FIND(hh, holders, key, sizeof(*key), w);
    return w;
}

bool passive_ports(uint16_t *ret_low, uint16_t *ret_high)
{
    uint16_t low = UINT16_MAX, high = 0;
    for (size_t i = 0; i < listener_count; i++) {
        low = listeners[i].port < low ? listeners[i].port : low;
        high = listeners[i].port > high ? listeners[i].port : high;
    }
    if (listener_count == 0)
        return false;
    *ret_low = low;
    *ret_high = high;
    return true;
}

/* --- holding ---------------------------------------------------------------------------------------- */

static void hold(struct passive_wait *w, const struct passive_key *key)
{
    w->key = *key;
    w->since = worker_now();
    w->state = PASSIVE_HOLDS;
    HASH_ADD(hh, holders, key, sizeof(w->key), w);
}

/* Unguessable numbers, many for one system call. */
static uint32_t random_u32(void)
{
    static uint32_t pool[64];
    static size_t left;
    if (left == 0) {
        if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
            abort();
        left = sizeof(pool) / sizeof(pool[0]);
    }
    return pool[--left];
}

/* A port that no session holds for ip, sought from a random place on so that the next one can't be guessed.
 */
static bool find_free(const struct in6_addr *ip, struct passive_key *ret)
{

    if (listener_count == 0)
        return false;
    uint32_t start = random_u32();
    for (size_t n = 0; n < listener_count; n++) {
        struct passive_key key = {*ip, listeners[(start + n) % listener_count].port};
        if (!holder_of(&key)) {
            *ret = key;
            return true;
        }
    }
    return false;
}

/* All ports are held for ip. One whose holder has had the time to connect and did not may be taken over. */
static bool take_stale(const struct in6_addr *ip, struct passive_key *ret)
{
    for (size_t n = 0; n < listener_count; n++) {
        struct passive_key key = {*ip, listeners[n].port};
        struct passive_wait *w = holder_of(&key);
        unsigned allowed = session_config(w->session)->accept_timeout;
        if (allowed == 0 || worker_now() - w->since < allowed)
            continue;
        HASH_DEL(holders, w);
        w->state = PASSIVE_IDLE;
        *ret = key;
        return true;
    }
    return false;
}

static void ask_for_more(void)
{
    struct ipc_message m = {.type = MSG_MORE_PORTS, .fd = -1};
    if (worker.no_more_ports || worker.port_asked)
        return;
    worker.port_asked = link_send(worker.monitor, &m) == 0;
}

enum passive_wait_state passive_request(struct passive_wait *w, struct session *s, const struct in6_addr *ip)
{
    struct passive_key key;
    passive_release(w);
    memset(&w->key, 0, sizeof(w->key));
    w->session = s;
    if (find_free(ip, &key) || (worker.no_more_ports && take_stale(ip, &key))) {
        hold(w, &key);
        return w->state;
    }
    w->key.ip = *ip;
    w->since = worker_now();
    w->state = PASSIVE_QUEUED;
    TAILQ_INSERT_TAIL(&queue, w, queue);
    ask_for_more();
    return w->state;
}

/* The port is free for its address: whoever waits longest from there gets it. */
static void pass_on(const struct passive_key *key)
{
    struct passive_wait *w;
    TAILQ_FOREACH(w, &queue, queue) {
        if (memcmp(&w->key.ip, &key->ip, sizeof(key->ip)) == 0) {
            TAILQ_REMOVE(&queue, w, queue);
            hold(w, key);
            session_passive_turn(w->session);
            return;
        }
    }
}

void passive_release(struct passive_wait *w)
{
    enum passive_wait_state was = w->state;
    w->state = PASSIVE_IDLE;
    if (was == PASSIVE_QUEUED)
        TAILQ_REMOVE(&queue, w, queue);
    if (was == PASSIVE_HOLDS) {
        struct passive_key key = w->key;
        HASH_DEL(holders, w);
        pass_on(&key);
    }
}

/* --- connections ------------------------------------------------------------------------------------ */

/* Reset, not closed: the stranger learns at once that nothing is here. */
static void refuse(int fd)
{
    const struct linger reset = {1, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

/* pasv_promiscuous: any session on that port that asked for it. */
static struct passive_wait *promiscuous_holder(uint16_t port)
{
    struct passive_wait *w, *next, *oldest = NULL;
    HASH_ITER(hh, holders, w, next) {
        if (w->key.port == port && session_config(w->session)->pasv_promiscuous &&
            (!oldest || w->since < oldest->since))
            oldest = w;
    }
    return oldest;
}

static void arrived(int fd, const struct listener *l, const struct sockaddr_storage *from)
{
    struct passive_key key = {net_ip_of(from), l->port};
    struct passive_wait *w = holder_of(&key);
    if (!w && worker.settings->config->pasv_promiscuous)
        w = promiscuous_holder(l->port);
    if (!w) {
        refuse(fd);
        return;
    }
    struct session *s = w->session;
    passive_release(w);
    session_passive_arrived(s, fd);
}

static struct listener *listener_of(uint16_t port)
{
    for (size_t i = 0; i < listener_count; i++) {
        if (listeners[i].port == port)
            return &listeners[i];
    }
    return NULL;
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = listener_of((uint16_t)(uintptr_t)arg);
    (void)fd;
    (void)what;
    if (l)
        event_add(l->event, NULL);
}

/* No descriptor is left to accept with: asking on and on would only burn the processor. */
static void rest(uint16_t port)
{
    static const struct timeval pause = {.tv_usec = 100 * 1000};
    event_del(listener_of(port)->event);
    (void)event_base_once(worker.base, -1, EV_TIMEOUT, on_rested, (void *)(uintptr_t)port, &pause);
}

/* One connection a turn: the next one, if it is there, ends the next wait at once, and a second accept would
 * mostly find nothing. */
static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    struct listener l = {.fd = fd, .port = (uint16_t)(uintptr_t)arg};
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    (void)what;
    int conn = accept4(fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
    if (conn >= 0)
        arrived(conn, &l, &from);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        rest(l.port);
}

void passive_add_listener(int fd, uint16_t port)
{
    worker.port_asked = false;
    struct listener *grown = reallocarray(listeners, listener_count + 1, sizeof(*listeners));
    struct event *event =
        event_new(worker.base, fd, EV_READ | EV_PERSIST, on_connection, (void *)(uintptr_t)port);
    if (grown)
        listeners = grown;
    if (!grown || !event || event_add(event, NULL) < 0) {
        if (event)
            event_free(event);
        close(fd);
        return;
    }
    listeners[listener_count++] = (struct listener){fd, port, event};
    /* A new port is free for every address that waits. */
    struct passive_wait *w, *next;
    for (w = TAILQ_FIRST(&queue); w; w = next) {
        struct passive_key key = {w->key.ip, port};
        next = TAILQ_NEXT(w, queue);
        if (holder_of(&key))
            continue;
        TAILQ_REMOVE(&queue, w, queue);
        hold(w, &key);
        session_passive_turn(w->session);
        next = TAILQ_FIRST(&queue); /* the turn may have changed the queue */
    }
    if (!TAILQ_EMPTY(&queue))
        ask_for_more();
}

void passive_no_more(void)
{
    worker.no_more_ports = true;
    worker.port_asked = false;
}
