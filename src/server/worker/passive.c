/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/passive.h"

#include "server/worker/inbox.h"
#include "server/worker/state.h"
#include "sys/net.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STRANGERS_HOLDERS = 256, /* from so many holders on, strangers are told of only once in a while */
    QUEUED_MOST = 64,        /* connections that are taken off a queue by who gives its port up */
    STRANGERS_AT_ONCE = 64,  /* sessions that are told of one */
};

struct listener {
    int fd;
    uint16_t port;
    struct event *event;
};

static const double strangers_rest = 1; /* seconds */

static _Thread_local struct listener *listeners; /* this loop's */
static _Thread_local size_t listener_count;
static _Thread_local bool asked; /* for one more, without an answer yet */
static const struct passive_news *news;

/* Of all loops. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    struct port {
        uint16_t number;
        int fd; /* its listener, which is never closed: any loop may accept from it */
    } *ports;
    size_t port_count;
    struct passive_wait *holders; /* by key */
    unsigned promiscuous;         /* of the holders */
    bool no_more;                 /* the monitor said so */
    double told_at;               /* of strangers, when there are many holders */
    TAILQ_HEAD(, passive_wait) queue;
} all = {.queue = TAILQ_HEAD_INITIALIZER(all.queue)};

void passive_init(const struct passive_news *n)
{
    news = n;
}

/* Under the lock, as all up to "news". */
static struct passive_wait *holder_of(const struct passive_key *key)
{
    struct passive_wait *w;
    HASH_FIND(hh, all.holders, key, sizeof(*key), w);
    return w;
}

/* --- holding ----------------------------------------------------------------------------------------- */

static void hold(struct passive_wait *w, const struct passive_key *key)
{
    w->key = *key;
    w->since = worker_now();
    w->strangers = 0;
    w->state = PASSIVE_HOLDS;
    all.promiscuous += w->promiscuous;
    HASH_ADD(hh, all.holders, key, sizeof(w->key), w);
}

static void unhold(struct passive_wait *w, enum passive_wait_state state)
{
    HASH_DEL(all.holders, w);
    all.promiscuous -= w->promiscuous;
    w->state = state;
}

/* Unguessable numbers, many for one system call. */
static uint32_t random_u32(void)
{
    static _Thread_local uint32_t pool[64];
    static _Thread_local size_t left;
    if (left == 0) {
        if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
            abort();
        left = sizeof(pool) / sizeof(pool[0]);
    }
    return pool[--left];
}

/* A port that no session holds for ip: one of this loop's listeners rather than another's, each time sought from a random
 * place on so that the next one can't be guessed. */
static bool find_free(const struct in6_addr *ip, struct passive_key *ret)
{
    uint32_t start = random_u32();
    for (size_t n = 0; n < listener_count; n++) {
        *ret = (struct passive_key){*ip, listeners[(start + n) % listener_count].port};
        if (!holder_of(ret))
            return true;
    }
    for (size_t n = 0; n < all.port_count; n++) {
        *ret = (struct passive_key){*ip, all.ports[(start + n) % all.port_count].number};
        if (!holder_of(ret))
            return true;
    }
    return false;
}

/* All ports are held for ip. One whose holder has had the time to connect and did not may be taken over. */
static bool take_stale(const struct in6_addr *ip, struct passive_key *ret)
{
    for (size_t n = 0; n < all.port_count; n++) {
        struct passive_key key = {*ip, all.ports[n].number};
        struct passive_wait *w = holder_of(&key);
        if (w->patience == 0 || worker_now() - w->since < w->patience)
            continue;
        unhold(w, PASSIVE_IDLE);
        *ret = key;
        return true;
    }
    return false;
}

/* --- news -------------------------------------------------------------------------------------------- */

enum news_kind {
    NEWS_TURN,
    NEWS_ARRIVAL,
    NEWS_STRANGER,
};

/* For a session in whatever loop. */
struct parcel {
    struct inbox_message message;
    enum news_kind kind;
    uint32_t session, serial;
    int fd;
    struct in6_addr from;
};

static void tell(const struct parcel *p)
{
    if (p->kind == NEWS_TURN)
        news->on_turn(p->session, p->serial);
    else if (p->kind == NEWS_ARRIVAL)
        news->on_arrival(p->session, p->serial, p->fd);
    else
        news->on_stranger(p->session, p->serial, &p->from);
}

static void on_parcel(struct inbox_message *m)
{
    struct parcel *p = (struct parcel *)m;
    tell(p);
    free(p);
}

/* Not under the lock: it may come back here. Out of memory, a connection is refused, and a turn is heard of when patience is at
 * an end. */
static void send_news(const struct parcel *p)
{
    unsigned loop = p->session % worker_loops;
    struct parcel *copy = loop != worker.loop ? malloc(sizeof(*copy)) : NULL;
    if (loop == worker.loop)
        tell(p);
    else if (copy) {
        *copy = *p;
        copy->message.run = on_parcel;
        inbox_post(loop, &copy->message);
    } else if (p->fd >= 0)
        close(p->fd);
}

static struct parcel parcel_for(const struct passive_wait *w, enum news_kind kind)
{
    return (struct parcel){.kind = kind, .session = w->session, .serial = w->serial, .fd = -1};
}

/* Under the lock: the first of those who wait that port is free for has its turn. False: nobody. */
static bool give_turn(uint16_t port, struct parcel *ret)
{
    struct passive_wait *w;
    TAILQ_FOREACH(w, &all.queue, queue) {
        struct passive_key key = {w->key.ip, port};
        if (holder_of(&key))
            continue;
        TAILQ_REMOVE(&all.queue, w, queue);
        hold(w, &key);
        *ret = parcel_for(w, NEWS_TURN);
        return true;
    }
    return false;
}

/* --- connections ------------------------------------------------------------------------------------- */

/* Reset, not closed: the stranger learns at once that nothing is here. */
static void refuse(int fd)
{
    const struct linger reset = {1, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); /* else it learns a little later */
    close(fd);
}

/* Any session on that port that takes whoever comes: the one that waits longest. Under the lock. */
static struct passive_wait *promiscuous_holder(uint16_t port)
{
    struct passive_wait *w, *next, *oldest = NULL;
    if (all.promiscuous == 0)
        return NULL;
    HASH_ITER(hh, all.holders, w, next) {
        if (w->key.port == port && w->promiscuous && (!oldest || w->since < oldest->since))
            oldest = w;
    }
    return oldest;
}

/* Whoever waits on that port learns that it was not his address: behind two addresses a client waits in vain. So many at a
 * time; returns how many. */
static size_t note_stranger(uint16_t port, const struct in6_addr *from, struct parcel *ret, size_t cap)
{
    struct passive_wait *w, *next;
    size_t count = 0;
    if (HASH_COUNT(all.holders) > STRANGERS_HOLDERS && worker_now() - all.told_at < strangers_rest)
        return 0; /* a flood is not to cost more than its own packets */
    all.told_at = worker_now();
    HASH_ITER(hh, all.holders, w, next) {
        if (w->key.port != port || count == cap || atomic_fetch_add(&w->strangers, 1) > 0)
            continue;
        ret[count] = parcel_for(w, NEWS_STRANGER);
        ret[count++].from = *from;
    }
    return count;
}

/* What an accept led to, to be told when the lock is free. */
struct arrivals {
    struct parcel told[STRANGERS_AT_ONCE], turn;
    size_t count;
    bool is_turn;
};

/*
 * Under the lock: takes one connection off a port's queue and finds whose it is; leaving: a holder that gives the port up, so
 * that his is nobody's. False: there was none; errno says why.
 *
 * Accepting and finding are one step, and who gives a port up first takes what has queued: a connection that was meant for him
 * would else be taken for that of the next holder, who may be the same client.
 */
static bool take_one(int fd, uint16_t port, const struct passive_wait *leaving, struct arrivals *ret)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    int conn = accept4(fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
    ret->count = 0;
    ret->is_turn = false;
    if (conn < 0)
        return false;
    struct passive_key key = {net_ip_of(&from), port};
    struct passive_wait *w = holder_of(&key);
    if (!w)
        w = promiscuous_holder(port);
    if (w && w != leaving) {
        ret->told[ret->count] = parcel_for(w, NEWS_ARRIVAL);
        ret->told[ret->count++].fd = conn;
        unhold(w, PASSIVE_MET);
        ret->is_turn = give_turn(port, &ret->turn);
        return true;
    }
    refuse(conn);
    if (!w)
        ret->count = note_stranger(port, &key.ip, ret->told, STRANGERS_AT_ONCE);
    return true;
}

static void tell_all(const struct arrivals *a)
{
    if (a->is_turn)
        send_news(&a->turn);
    for (size_t i = 0; i < a->count; i++)
        send_news(&a->told[i]);
}

/* Under the lock. */
static int listener_fd(uint32_t port)
{
    size_t i = 0;
    while (i + 1 < all.port_count && all.ports[i].number != port)
        i++;
    return all.ports[i].fd;
}

/* --- what sessions ask for --------------------------------------------------------------------------- */

static void ask_for_more(void)
{
    if (!asked)
        asked = worker_tell(MSG_MORE_PORTS, worker.loop) == 0;
}

enum passive_wait_state passive_request(struct passive_wait *w, const struct in6_addr *ip)
{
    struct passive_key key;
    passive_release(w);
    pthread_mutex_lock(&lock);
    memset(&w->key, 0, sizeof(w->key));
    w->serial++;
    bool has_one = find_free(ip, &key) || (all.no_more && take_stale(ip, &key));
    bool wants_more = !has_one && !all.no_more;
    if (has_one)
        hold(w, &key);
    else {
        w->key.ip = *ip;
        w->since = worker_now();
        w->state = PASSIVE_QUEUED;
        TAILQ_INSERT_TAIL(&all.queue, w, queue);
    }
    pthread_mutex_unlock(&lock);
    if (wants_more)
        ask_for_more();
    return has_one ? PASSIVE_HOLDS : PASSIVE_QUEUED;
}

void passive_release(struct passive_wait *w)
{
    struct arrivals queued;
    struct parcel turn;
    bool is_given = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < QUEUED_MOST && w->state == PASSIVE_HOLDS; i++) {
        if (!take_one(listener_fd(w->key.port), (uint16_t)w->key.port, w, &queued))
            break;
        pthread_mutex_unlock(&lock);
        tell_all(&queued);
        pthread_mutex_lock(&lock);
    }
    if (w->state == PASSIVE_QUEUED)
        TAILQ_REMOVE(&all.queue, w, queue);
    if (w->state == PASSIVE_HOLDS) {
        unhold(w, PASSIVE_IDLE);
        is_given = give_turn((uint16_t)w->key.port, &turn);
    }
    w->state = PASSIVE_IDLE;
    pthread_mutex_unlock(&lock);
    if (is_given)
        send_news(&turn);
}

bool passive_holds(const struct passive_wait *w)
{
    pthread_mutex_lock(&lock);
    bool holds = w->state == PASSIVE_HOLDS;
    pthread_mutex_unlock(&lock);
    return holds;
}

bool passive_await(struct passive_wait *w)
{
    pthread_mutex_lock(&lock);
    bool will = w->state == PASSIVE_HOLDS || w->state == PASSIVE_MET;
    if (w->state == PASSIVE_HOLDS)
        w->since = worker_now();
    pthread_mutex_unlock(&lock);
    return will;
}

/* --- listeners --------------------------------------------------------------------------------------- */

static struct listener *listener_of(uint16_t port)
{
    for (size_t i = 0; i < listener_count; i++) {
        if (listeners[i].port == port)
            return &listeners[i];
    }
    return NULL;
}

static void rest(uint16_t port);

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = listener_of((uint16_t)(uintptr_t)arg);
    (void)fd;
    (void)what;
    if (l && event_add(l->event, NULL) < 0)
        rest(l->port);
}

/* No descriptor is left to accept with: asking on and on would only burn the processor. */
static void rest(uint16_t port)
{
    static const struct timeval pause = {.tv_usec = 100 * 1000};
    if (event_base_once(worker.base, -1, EV_TIMEOUT, on_rested, (void *)(uintptr_t)port, &pause) == 0)
        event_del(listener_of(port)->event); /* only with somebody who ends the rest */
}

/* One connection a turn: the next one, if it is there, ends the next wait at once, and a second accept would
 * mostly find nothing. */
static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    uint16_t port = (uint16_t)(uintptr_t)arg;
    struct arrivals a;
    (void)what;
    pthread_mutex_lock(&lock);
    bool is_taken = take_one(fd, port, NULL, &a);
    int error = errno;
    pthread_mutex_unlock(&lock);
    if (is_taken)
        tell_all(&a);
    else if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
        rest(port);
}

/* False: out of memory. */
static bool add_port(uint16_t number, int fd)
{
    pthread_mutex_lock(&lock);
    struct port *grown = reallocarray(all.ports, all.port_count + 1, sizeof(*grown));
    if (grown) {
        all.ports = grown;
        all.ports[all.port_count++] = (struct port){number, fd};
    }
    pthread_mutex_unlock(&lock);
    return grown != NULL;
}

/* A new port is free for every address that waits: one more of these has it. False: none. */
static bool serve_one(uint16_t port)
{
    struct parcel turn;
    pthread_mutex_lock(&lock);
    bool is_given = give_turn(port, &turn);
    pthread_mutex_unlock(&lock);
    if (is_given)
        send_news(&turn);
    return is_given;
}

/* True: others still wait. */
static bool serve_queue(uint16_t port)
{
    while (serve_one(port))
        ;
    pthread_mutex_lock(&lock);
    bool is_left = !TAILQ_EMPTY(&all.queue) && !all.no_more;
    pthread_mutex_unlock(&lock);
    return is_left;
}

void passive_add_listener(int fd, uint16_t port)
{
    asked = false;
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
    if (!add_port(port, fd)) {
        listeners[--listener_count].event = NULL;
        event_free(event);
        close(fd);
        return;
    }
    if (serve_queue(port))
        ask_for_more();
}

void passive_no_more(void)
{
    pthread_mutex_lock(&lock);
    all.no_more = true;
    pthread_mutex_unlock(&lock);
    asked = false;
}

void passive_may_be_more(void)
{
    pthread_mutex_lock(&lock);
    all.no_more = false;
    pthread_mutex_unlock(&lock);
}
