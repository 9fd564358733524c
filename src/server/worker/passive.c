/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/passive.h"

#include "server/worker/inbox.h"
#include "server/worker/state.h"
#include "sys/net.h"
#include "tls/hello.h"

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
    UNCLAIMED_MOST = 64,     /* on a port from one address, besides one for each holder */
    NEWS_AT_ONCE = 64,       /* sessions that are told of one connection */
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

/* A connection to what several sessions hold: unread, until it is known whose it is. */
struct unclaimed {
    struct inbox_message
        message; /* to its loop: it is nobody's, as nobody holds its port for its address any more */
    TAILQ_ENTRY(unclaimed) next;
    struct passive_key key;
    unsigned loop;
    bool is_listed; /* among all loops'; under the lock */
    int fd;
    size_t seen; /* bytes, unread */
    struct event *event;
};

/* Of all loops. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    struct port {
        uint16_t number;
        int fd; /* its listener, which is never closed: any loop may accept from it */
    } *ports;
    size_t port_count;
    struct holders holders;
    TAILQ_HEAD(, unclaimed) unclaimed;
    bool no_more;   /* the monitor said so */
    double told_at; /* of strangers, when there are many holders */
} all = {.holders.queue = TAILQ_HEAD_INITIALIZER(all.holders.queue),
         .unclaimed = TAILQ_HEAD_INITIALIZER(all.unclaimed)};

void passive_init(const struct passive_news *n)
{
    news = n;
}

/* --- finding a port (under the lock) ----------------------------------------------------------------- */

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

static bool suits(const struct passive_wait *w, const struct passive_key *key, bool beside_others)
{
    return beside_others ? holders_may(&all.holders, w, key) : !holders_of(&all.holders, key);
}

/* One of this loop's listeners rather than another's, each time sought from a random place on so that the next one can't be
 * guessed. */
static bool find_port(const struct passive_wait *w, const struct in6_addr *ip, bool beside_others,
                      struct passive_key *ret)
{
    uint32_t start = random_u32();
    for (size_t n = 0; n < listener_count; n++) {
        *ret = (struct passive_key){*ip, listeners[(start + n) % listener_count].port};
        if (suits(w, ret, beside_others))
            return true;
    }
    for (size_t n = 0; n < all.port_count; n++) {
        *ret = (struct passive_key){*ip, all.ports[(start + n) % all.port_count].number};
        if (suits(w, ret, beside_others))
            return true;
    }
    return false;
}

/* --- news -------------------------------------------------------------------------------------------- */

enum news_kind {
    NEWS_TURN,
    NEWS_ARRIVAL,
    NEWS_MAYBE,
    NEWS_UNCLAIMED,
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
    else if (p->kind == NEWS_MAYBE)
        news->on_maybe(p->session, p->serial);
    else if (p->kind == NEWS_UNCLAIMED)
        news->on_unclaimed(p->session, p->serial);
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

/* Who waits has its turn on that port, if it is free for its address. False: nobody has. */
static bool serve_one(uint16_t port)
{
    struct parcel turn;
    pthread_mutex_lock(&lock);
    const struct passive_wait *w = holders_serve(&all.holders, port, worker_now());
    if (w)
        turn = parcel_for(w, NEWS_TURN);
    pthread_mutex_unlock(&lock);
    if (w)
        send_news(&turn);
    return w != NULL;
}

static void serve_queue(uint16_t port)
{
    while (serve_one(port))
        ;
}

/* --- connections ------------------------------------------------------------------------------------- */

/* Reset, not closed: the stranger learns at once that nothing is here. */
static void refuse(int fd)
{
    const struct linger reset = {1, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); /* else it learns a little later */
    close(fd);
}

/* Whoever waits on that port learns that it was not his address: behind two addresses a client waits in vain. So many at a
 * time; returns how many. */
static size_t note_stranger(uint16_t port, const struct in6_addr *from, struct parcel *ret, size_t cap)
{
    struct passive_wait *w, *next;
    size_t count = 0;
    if (HASH_COUNT(all.holders.table) > STRANGERS_HOLDERS && worker_now() - all.told_at < strangers_rest)
        return 0; /* a flood is not to cost more than its own packets */
    all.told_at = worker_now();
    HASH_ITER(hh, all.holders.table, w, next) {
        if (w->key.port != port || count == cap || atomic_fetch_add(&w->strangers, 1) > 0)
            continue;
        ret[count] = parcel_for(w, NEWS_STRANGER);
        ret[count++].from = *from;
    }
    return count;
}

/* What an accept led to, to be done when the lock is free. */
struct arrivals {
    struct parcel told[NEWS_AT_ONCE];
    size_t count;
    struct passive_key unclaimed; /* port 0: it is not */
};

/* w holds its port no more; where nobody does, what has come there is nobody's. */
static void leave(struct passive_wait *w, enum passive_wait_state state)
{
    const struct passive_key *key = &w->key;
    struct unclaimed *u, *next;
    holders_remove(&all.holders, w, state);
    if (holders_of(&all.holders, key))
        return;
    for (u = TAILQ_FIRST(&all.unclaimed); u; u = next) {
        next = TAILQ_NEXT(u, next);
        if (memcmp(&u->key, key, sizeof(*key)) != 0)
            continue;
        TAILQ_REMOVE(&all.unclaimed, u, next);
        u->is_listed = false;
        inbox_post(u->loop, &u->message);
    }
}

/* It is w's. */
static void note_arrival(struct passive_wait *w, int conn, struct arrivals *ret)
{
    ret->told[ret->count] = parcel_for(w, NEWS_ARRIVAL);
    ret->told[ret->count++].fd = conn;
    leave(w, PASSIVE_MET);
}

static size_t unclaimed_at(const struct passive_key *key)
{
    const struct unclaimed *u;
    size_t count = 0;
    TAILQ_FOREACH(u, &all.unclaimed, next)
        count += memcmp(&u->key, key, sizeof(*key)) == 0;
    return count;
}

/* One who has a door is never sure: others behind his address may have taken it. */
static bool is_doubted(const struct passive_wait *w)
{
    return w->has_door && w->bound_to;
}

/* Has TLS to tell whose a connection is? */
static bool is_shared(const struct passive_wait *first)
{
    return first->beside || is_doubted(first) || unclaimed_at(&first->key) > 0;
}

/* --- whose is it? ------------------------------------------------------------------------------------ */

/* Of the ones who wait for their connection on that port, the next few that have not heard of this one. */
static void note_maybe(const struct passive_key *key, struct arrivals *ret)
{
    for (struct passive_wait *w = holders_of(&all.holders, key); w && ret->count < NEWS_AT_ONCE;
         w = w->beside) {
        if (w->is_awaiting)
            ret->told[ret->count++] = parcel_for(w, NEWS_MAYBE);
        w->is_awaiting = false;
    }
}

static void unclaimed_free(struct unclaimed *u)
{
    event_free(u->event);
    free(u);
}

static void on_abandoned(struct inbox_message *m)
{
    struct unclaimed *u = (struct unclaimed *)m;
    int fd = u->fd;
    unclaimed_free(u); /* before its socket, which the event may still wait for */
    refuse(fd);
}

static void tell_all(const struct arrivals *a);

/* hello NULL: it said nothing of a session. Of one holder it is all the same, who has an answer for it. */
static void claim(struct unclaimed *u, const struct tls_hello *hello)
{
    struct arrivals a = {.count = 0};
    const struct passive_key key = u->key;
    pthread_mutex_lock(&lock);
    bool is_nobodys = !u->is_listed;
    struct passive_wait *first = holders_of(&all.holders, &key), *w = NULL;
    if (!is_nobodys) {
        TAILQ_REMOVE(&all.unclaimed, u, next);
        w = hello ? holders_named(&all.holders, &key, hello) : NULL;
        w = w || first->beside || is_doubted(first) ? w : first;
        for (struct passive_wait *other = w ? NULL : first; other; other = other->beside)
            atomic_fetch_add(&other->unbound, 1);
    }
    if (w)
        note_arrival(w, u->fd, &a);
    pthread_mutex_unlock(&lock);
    if (is_nobodys)
        return; /* on_abandoned is on its way */
    if (!w)
        refuse(u->fd);
    unclaimed_free(u);
    tell_all(&a);
    serve_queue((uint16_t)key.port);
}

/* Its first bytes are looked at and left where they are, for the handshake. */
static void on_first_bytes(evutil_socket_t fd, short what, void *arg)
{
    static _Thread_local uint8_t bytes[TLS_HELLO_MOST];
    struct unclaimed *u = arg;
    struct tls_hello hello;
    (void)what;
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
    bool has_ended = n <= 0 || (size_t)n <= u->seen;
    enum tls_hello_state state = has_ended ? TLS_HELLO_NONE : tls_hello_read(bytes, (size_t)n, &hello);
    u->seen = n > 0 ? (size_t)n : 0;
    const int wanted =
        state == TLS_HELLO_PART ? (int)n + 1 : 1; /* bytes, before it counts as readable again */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted)) < 0)
        state = TLS_HELLO_NONE;
    if (state != TLS_HELLO_PART || event_add(u->event, NULL) < 0)
        claim(u, state == TLS_HELLO_READ ? &hello : NULL);
}

/* Under the lock: a connection to what first and others hold. It has used first's door up, whatever becomes of it. */
static void keep_unclaimed(int conn, const struct passive_wait *first, struct arrivals *ret)
{
    size_t most = UNCLAIMED_MOST;
    if (first->has_door)
        ret->told[ret->count++] = parcel_for(first, NEWS_UNCLAIMED);
    for (const struct passive_wait *w = first; w; w = w->beside)
        most++;
    struct unclaimed *u = unclaimed_at(&first->key) < most ? malloc(sizeof(*u)) : NULL;
    struct event *event = u ? event_new(worker.base, conn, EV_READ, on_first_bytes, u) : NULL;
    if (!event || event_add(event, NULL) < 0) {
        if (event)
            event_free(event);
        free(u);
        refuse(conn);
        return;
    }
    *u = (struct unclaimed){.message.run = on_abandoned,
                            .key = first->key,
                            .loop = worker.loop,
                            .is_listed = true,
                            .fd = conn,
                            .event = event};
    TAILQ_INSERT_TAIL(&all.unclaimed, u, next);
    ret->unclaimed = u->key;
}

/* --- whoever comes ----------------------------------------------------------------------------------- */

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
    ret->unclaimed.port = 0;
    if (conn < 0)
        return false;
    struct passive_key key = {net_ip_of(&from), port};
    struct passive_wait *w = holders_of(&all.holders, &key);
    if (!w)
        w = holders_promiscuous(&all.holders, port);
    if (w && is_shared(w))
        keep_unclaimed(conn, w, ret);
    else if (w && w != leaving)
        note_arrival(w, conn, ret);
    else {
        refuse(conn);
        if (!w)
            ret->count = note_stranger(port, &key.ip, ret->told, NEWS_AT_ONCE);
    }
    return true;
}

/* Not under the lock. */
static void tell_all(const struct arrivals *a)
{
    for (size_t i = 0; i < a->count; i++)
        send_news(&a->told[i]);
}

/* Everybody who waits for his connection there and has not heard of one that may be his. Not under the lock, either. */
static void tell_maybe(const struct passive_key *key)
{
    struct arrivals a;
    do {
        a.count = 0;
        pthread_mutex_lock(&lock);
        note_maybe(key, &a);
        pthread_mutex_unlock(&lock);
        tell_all(&a);
    } while (a.count == NEWS_AT_ONCE);
}

/* As take_one, not under the lock; and tells all who are to hear of it. */
static bool take_and_tell(int fd, uint16_t port, const struct passive_wait *leaving, int *ret_error)
{
    struct arrivals a;
    pthread_mutex_lock(&lock);
    bool is_taken = take_one(fd, port, leaving, &a);
    *ret_error = errno;
    pthread_mutex_unlock(&lock);
    if (is_taken)
        tell_all(&a);
    if (is_taken && a.unclaimed.port != 0)
        tell_maybe(&a.unclaimed);
    return is_taken;
}

static int listener_fd(uint32_t port)
{
    size_t i = 0;
    pthread_mutex_lock(&lock);
    while (i + 1 < all.port_count && all.ports[i].number != port)
        i++;
    int fd = all.ports[i].fd;
    pthread_mutex_unlock(&lock);
    return fd;
}

/* --- what sessions ask for --------------------------------------------------------------------------- */

static void ask_for_more(void)
{
    if (!asked)
        asked = worker_tell(MSG_MORE_PORTS, worker.loop) == 0;
}

/* Under the lock. All ports are held for ip. One whose holder has had the time to connect and did not may be taken over. */
static bool take_stale(const struct in6_addr *ip, struct passive_key *ret)
{
    for (size_t n = 0; n < all.port_count; n++) {
        struct passive_key key = {*ip, all.ports[n].number};
        struct passive_wait *w = holders_of(&all.holders, &key);
        if (w->beside || w->patience == 0 || worker_now() - w->since < w->patience)
            continue;
        leave(w, PASSIVE_IDLE);
        *ret = key;
        return true;
    }
    return false;
}

enum passive_wait_state passive_request(struct passive_wait *w, const struct in6_addr *ip)
{
    struct passive_key key;
    passive_release(w);
    pthread_mutex_lock(&lock);
    memset(&w->key, 0, sizeof(w->key));
    w->serial++;
    bool has_one = find_port(w, ip, false, &key) ||
                   (all.no_more && (find_port(w, ip, true, &key) || take_stale(ip, &key)));
    bool wants_more = !has_one && !all.no_more;
    if (has_one)
        holders_add(&all.holders, w, &key, worker_now());
    else {
        w->key.ip = *ip;
        w->since = worker_now();
        w->state = PASSIVE_QUEUED;
        TAILQ_INSERT_TAIL(&all.holders.queue, w, queue);
    }
    pthread_mutex_unlock(&lock);
    if (wants_more)
        ask_for_more();
    return has_one ? PASSIVE_HOLDS : PASSIVE_QUEUED;
}

/* What has queued at w's port is taken off: it may be w's, and would else be taken for the next holder's. */
static void take_queued(const struct passive_wait *w)
{
    int error;
    for (int i = 0; i < QUEUED_MOST && passive_holds(w); i++) {
        if (!take_and_tell(listener_fd(w->key.port), (uint16_t)w->key.port, w, &error))
            break;
    }
}

void passive_release(struct passive_wait *w)
{
    take_queued(w);
    pthread_mutex_lock(&lock);
    bool held = w->state == PASSIVE_HOLDS;
    if (w->state == PASSIVE_QUEUED)
        TAILQ_REMOVE(&all.holders.queue, w, queue);
    if (held)
        leave(w, PASSIVE_IDLE);
    w->state = PASSIVE_IDLE;
    pthread_mutex_unlock(&lock);
    if (held)
        serve_queue((uint16_t)w->key.port);
}

bool passive_holds(const struct passive_wait *w)
{
    pthread_mutex_lock(&lock);
    bool holds = w->state == PASSIVE_HOLDS;
    pthread_mutex_unlock(&lock);
    return holds;
}

enum passive_prospect passive_await(struct passive_wait *w)
{
    enum passive_prospect prospect = PASSIVE_NONE;
    pthread_mutex_lock(&lock);
    if (w->state == PASSIVE_HOLDS) {
        w->since = worker_now();
        prospect = unclaimed_at(&w->key) > 0 ? PASSIVE_MAYBE : PASSIVE_COMING;
        w->is_awaiting = prospect == PASSIVE_COMING;
    } else if (w->state == PASSIVE_MET)
        prospect = PASSIVE_COMING;
    pthread_mutex_unlock(&lock);
    return prospect;
}

bool passive_unbind(struct passive_wait *w)
{
    pthread_mutex_lock(&lock);
    const struct passive_wait *first = w->state == PASSIVE_HOLDS ? holders_of(&all.holders, &w->key) : NULL;
    bool can = !first || (!first->beside && unclaimed_at(&first->key) == 0);
    if (can)
        w->bound_to = NULL;
    pthread_mutex_unlock(&lock);
    return can;
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
    int error;
    (void)what;
    if (take_and_tell(fd, port, NULL, &error))
        serve_queue(port);
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
    serve_queue(port);
    pthread_mutex_lock(&lock);
    bool is_wanted = !TAILQ_EMPTY(&all.holders.queue) && !all.no_more;
    pthread_mutex_unlock(&lock);
    if (is_wanted)
        ask_for_more();
}

static uint16_t port_at(size_t i)
{
    pthread_mutex_lock(&lock);
    uint16_t port = all.ports[i].number;
    pthread_mutex_unlock(&lock);
    return port;
}

void passive_no_more(void)
{
    pthread_mutex_lock(&lock);
    all.no_more = true;
    size_t count = all.port_count;
    pthread_mutex_unlock(&lock);
    asked = false;
    for (size_t i = 0; i < count; i++) /* some may share one now */
        serve_queue(port_at(i));
}

void passive_want_more(void)
{
    pthread_mutex_lock(&lock);
    bool may_be_more = !all.no_more;
    pthread_mutex_unlock(&lock);
    if (may_be_more)
        ask_for_more();
}

void passive_may_be_more(void)
{
    pthread_mutex_lock(&lock);
    all.no_more = false;
    pthread_mutex_unlock(&lock);
}
