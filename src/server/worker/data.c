/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/data.h"

#include "server/link.h"
#include "server/worker/command.h"
#include "server/worker/door.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "sys/net.h"
#include "tls/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* nft: what rules have taken out of a set lies in it, and in the way of what is put in with the same port, until the kernel sweeps
 * (gc-interval), for which nobody may change anything for a moment. So there are to be more ports, and others are tried before it is waited for. */
enum { DOOR_TRIES = 1600, DOOR_TRIES_AT_ONCE = 16 };

static const double door_again = 1; /* seconds; as a client's SYN comes again */

static void drop_connecting(struct data_channel *d)
{
    if (!d->connecting)
        return;
    close(event_get_fd(d->connecting));
    event_free(d->connecting);
    d->connecting = NULL;
}

void data_reset(struct session *s)
{
    struct data_channel *d = &s->data;
    door_shut(s);
    d->connect_serial++; /* an answer that is still on its way is for nobody */
    passive_release(&d->passive);
    drop_connecting(d);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
    d->mode = DATA_NONE;
    d->waiter = NULL;
}

/* Hands the channel (or -1) to whoever waits for it. */
static void hand_over(struct session *s, int fd, const char *why)
{
    const struct data_waiter *waiter = s->data.waiter;
    s->data.waiter = NULL;
    waiter->on_channel(s, fd, why);
}

/* --- active: PORT, EPRT ------------------------------------------------------------------------------ */

/* Only to the client itself and to no system port, or the server could be made to attack others (CERT
 * CA-1997-27, RFC 2577 section 3). */
static bool may_connect_to(const struct session *s, const struct ftp_address *to)
{
    if (session_config(s)->port_promiscuous)
        return to->port != 0;
    return to->port >= IPPORT_RESERVED && memcmp(&to->ip, &s->peer, sizeof(s->peer)) == 0;
}

static bool refuse_after_epsv_all(struct session *s, const char *what)
{
    if (s->data.epsv_all)
        reply(s, 503, "%s is refused after EPSV ALL.", what);
    return s->data.epsv_all;
}

/* A client under TLS continues the control channel's session on each data channel, and may use a ticket but once. */
static void give_ticket(struct session *s)
{
    if (s->control.tls && s->data.is_private)
        tls_channel_give_ticket(s->control.tls);
}

static void set_active(struct session *s, const char *what, enum ftp_eprt_result parsed,
                       const struct ftp_address *to)
{
    if (refuse_after_epsv_all(s, what))
        return;
    if (!session_config(s)->port_enable)
        reply(s, 550, "Permission denied.");
    else if (parsed == FTP_ADDRESS_PROTOCOL)
        reply(s, 522, "Network protocol not supported, use (1,2)");
    else if (parsed == FTP_ADDRESS_SYNTAX)
        reply(s, 501, "Illegal %s command.", what);
    else if (!may_connect_to(s, to)) {
        log_event(s, "%s to a foreign address or a system port refused", what);
        reply(s, 500, "Illegal %s command.", what);
    } else {
        data_reset(s);
        s->data.mode = DATA_ACTIVE;
        s->data.address = *to;
        give_ticket(s);
        reply(s, 200, "%s command successful. Consider using %s.", what, *what == 'P' ? "PASV" : "EPSV");
    }
}

void cmd_port(struct session *s, const char *argument)
{
    struct ftp_address to = {0};
    enum ftp_eprt_result parsed = ftp_port_parse(argument, &to);
    set_active(s, "PORT", parsed, &to);
}

void cmd_eprt(struct session *s, const char *argument)
{
    struct ftp_address to = {0};
    enum ftp_eprt_result parsed = ftp_eprt_parse(argument, &to);
    set_active(s, "EPRT", parsed, &to);
}

static void ask_connect(struct session *s)
{
    uint8_t payload[64];
    struct connect_request request = {
        .from = s->local, .to = s->data.address.ip, .port = s->data.address.port};
    int len = connect_request_encode(&request, payload, sizeof(payload));
    struct ipc_message m = {.type = MSG_CONNECT,
                            .serial = ++s->data.connect_serial,
                            .id = s->id,
                            .payload = payload,
                            .len = (size_t)len,
                            .fd = s->control.fd};
    int r = link_send(worker.monitor, &m);
    if (r < 0)
        hand_over(s, -1, strerror(-r));
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    int error = 0;
    socklen_t len = sizeof(error);
    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0 && fcntl(fd, F_SETFL, 0) < 0) /* transfers block */
        error = errno;
    if (error != 0) {
        hand_over(s, -1, strerror(error));
        return;
    }
    event_free(s->data.connecting);
    s->data.connecting = NULL;
    door_shut(s);
    hand_over(s, fd, NULL);
}

static const char *why_not_connected(const struct connect_reply *answer)
{
    int error = (int)answer->error;
    return answer->is_door
               ? door_words(error)
               : strerror(error != 0 ? error : EMFILE); /* none came along: there was no room for it */
}

void data_connect_reply(struct session *s, uint16_t serial, const struct connect_reply *answer, int fd)
{
    struct data_channel *d = &s->data;
    if (s->ended || !d->waiter || d->connect_serial != serial) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (fd < 0) {
        hand_over(s, -1, why_not_connected(answer));
        return;
    }
    d->connecting = event_new(worker.base, fd, EV_WRITE, on_connected, s);
    if (d->connecting && event_add(d->connecting, NULL) == 0)
        return;
    if (!d->connecting)
        close(fd);
    hand_over(s, -1, strerror(ENOMEM));
}

/* --- passive: PASV, EPSV ----------------------------------------------------------------------------- */

/* The address that a 227 names. */
static void announced_address(const struct session *s, unsigned char a[4])
{
    if (!config_passive_address(session_config(s), s->peer.s6_addr, a))
        memcpy(a, &s->local.s6_addr[12], 4);
}

static void say_port(struct session *s)
{
    give_ticket(s);
    uint16_t port = (uint16_t)s->data.passive.key.port;
    unsigned char a[4];
    if (s->data.epsv_reply) {
        reply(s, 229, "Entering Extended Passive Mode (|||%u|)", port);
        return;
    }
    announced_address(s, a);
    reply(s, 227, "Entering Passive Mode (%u,%u,%u,%u,%u,%u).", a[0], a[1], a[2], a[3], port >> 8,
          port & 0xff);
}

static void take_port(struct session *s);

static void try_again(struct session *s)
{
    passive_want_more();
    if (s->data.door.tries % DOOR_TRIES_AT_ONCE != 0)
        take_port(s);
    else /* it is asked when the timer says so */
        session_set_timer(s, (int)DOOR_SWEPT_MS / 1000.0);
}

static void on_door(struct session *s, int error)
{
    char text[160];
    if (error == EBUSY && ++s->data.door.tries < DOOR_TRIES) {
        try_again(s);
        return;
    }
    session_resume(s);
    if (error == 0) {
        say_port(s);
        return;
    }
    snprintf(text, sizeof(text), "%s.", door_words(error));
    data_reset(s);
    reply(s, 425, "%s", text);
}

/* A port is there: its door is opened, then it is announced. */
static void announce_port(struct session *s)
{
    if (!door_is_needed()) {
        say_port(s);
        return;
    }
    session_wait_for(s, WAIT_PORT);
    session_set_timer(s, 0);
    door_ask(s, on_door);
}

static void no_turn(struct session *s)
{
    data_reset(s);
    session_resume(s);
    reply(s, 425, "Every passive port is waiting for another connection from %s. Please try again.",
          session_peer_text(s));
}

/* Is nobody's data channel its own but its control channel's client's? Then TLS tells whose one is. */
static bool is_bound(const struct session *s)
{
    const struct config *c = session_config(s);
    return session_tls(s) && s->data.is_private && c->require_ssl_reuse && !c->pasv_promiscuous;
}

static void want_port(struct session *s, bool extended)
{
    struct passive_wait *w = &s->data.passive;
    data_reset(s);
    s->data.mode = DATA_PASSIVE;
    s->data.epsv_reply = extended;
    w->session = s->id;
    w->patience = session_config(s)->accept_timeout;
    w->promiscuous = session_config(s)->pasv_promiscuous;
    w->bound_to = is_bound(s) ? tls_channel_mark(session_tls(s)) : NULL;
    w->has_door = door_is_needed();
    take_port(s);
}

/* Any one that is free, or it waits for its turn. */
static void take_port(struct session *s)
{
    if (passive_request(&s->data.passive, &s->peer) == PASSIVE_HOLDS) {
        announce_port(s);
        return;
    }
    session_wait_for(s, WAIT_PORT);
    if (session_config(s)->pasv_wait_timeout > 0)
        session_set_timer(s, session_config(s)->pasv_wait_timeout);
    else
        no_turn(s);
}

/* The session that asked with that serial; NULL: it has ended, or asked for another port since. */
static struct session *asker(uint32_t id, uint32_t serial)
{
    struct session *s = session_find(id);
    return s && s->data.mode == DATA_PASSIVE && s->data.passive.serial == serial ? s : NULL;
}

/* By way of the loop: this is called while another session gives the port up, perhaps as it ends. */
static void on_turn(uint32_t id, uint32_t serial)
{
    struct session *s = asker(id, serial);
    if (s && s->waiting == WAIT_PORT)
        event_active(&s->timer, EV_TIMEOUT, 0);
}

static void say_turn(struct session *s)
{
    if (s->data.door.is_asked)
        return; /* it is being said */
    if (s->data.door.tries > 0) {
        session_set_timer(s, 0);
        door_ask(s, on_door);
        return;
    }
    session_resume(s);
    announce_port(s);
}

void cmd_pasv(struct session *s, const char *argument)
{
    (void)argument;
    if (refuse_after_epsv_all(s, "PASV"))
        return;
    if (!session_config(s)->pasv_enable)
        reply(s, 550, "Permission denied.");
    else if (!net_ip_is_v4(&s->local))
        reply(s, 425, "PASV can't name an IPv6 address: use EPSV.");
    else
        want_port(s, false);
}

void cmd_epsv(struct session *s, const char *argument)
{
    int protocol = ftp_epsv_parse(argument);
    int own = net_ip_is_v4(&s->local) ? 1 : 2;
    if (!session_config(s)->pasv_enable)
        reply(s, 550, "Permission denied.");
    else if (protocol == 3) {
        s->data.epsv_all = true;
        reply(s, 200, "EPSV ALL ok.");
    } else if (protocol == -EINVAL)
        reply(s, 501, "EPSV takes nothing, 1, 2 or ALL.");
    else if (protocol < 0 || (protocol > 0 && protocol != own))
        reply(s, 522, "Network protocol not supported, use (%d)", own);
    else
        want_port(s, true);
}

static void on_arrival(uint32_t id, uint32_t serial, int fd)
{
    struct session *s = asker(id, serial);
    if (!s) {
        close(fd);
        return;
    }
    door_used(s);
    if (s->data.waiter)
        hand_over(s, fd, NULL);
    else
        s->data.fd = fd;
}

static void on_maybe(uint32_t id, uint32_t serial)
{
    struct session *s = asker(id, serial);
    if (s && s->data.waiter)
        s->data.waiter->on_maybe(s);
}

/* Whoever came has used the door up, and may not be who it is for. A question that is under way may have been answered before he
 * came. */
static void on_unclaimed(uint32_t id, uint32_t serial)
{
    struct session *s = asker(id, serial);
    if (s && s->data.door.is_wanted)
        door_ask(s, s->data.door.then);
}

static void on_stranger(uint32_t id, uint32_t serial, const struct in6_addr *from)
{
    char text[INET6_ADDRSTRLEN];
    struct session *s = asker(id, serial);
    if (!s)
        return;
    net_ip_format(from, text);
    log_event(s, "data connection from %s to port %u refused: this client has another address", text,
              (unsigned)s->data.passive.key.port);
}

void data_init(void)
{
    static const struct passive_news news = {on_turn, on_arrival, on_maybe, on_unclaimed, on_stranger};
    passive_init(&news);
}

/* --- a transfer wants it ----------------------------------------------------------------------------- */

/* The transfer waits for its connection, which will not come now. */
static void on_late_door(struct session *s, int error)
{
    if (error != 0 && error != EBUSY && s->data.waiter) /* then it is asked again by the timer */
        hand_over(s, -1, door_words(error));
}

/* The firewall may have been emptied, and the client's packets be lost, at any time: the door is opened again and again. */
static void wait_on(struct session *s)
{
    const bool has_limit = session_config(s)->accept_timeout > 0;
    const double left = s->data.until - worker_now();
    if (!door_renew(s, on_late_door))
        session_set_timer(s, has_limit ? left : 0);
    else
        session_set_timer(s, has_limit && left < door_again ? left : door_again);
}

static void await_arrival(struct session *s)
{
    enum passive_prospect prospect = passive_await(&s->data.passive);
    if (prospect == PASSIVE_NONE) {
        hand_over(s, -1, "another connection took the passive port over");
        return;
    }
    /* From now on it waits: nobody takes the port over before accept_timeout. */
    s->data.until = worker_now() + session_config(s)->accept_timeout;
    wait_on(s);
    if (prospect == PASSIVE_MAYBE)
        s->data.waiter->on_maybe(s);
}

void data_acquire(struct session *s, const struct data_waiter *waiter)
{
    const struct config *c = session_config(s);
    s->data.waiter = waiter;
    if (s->data.fd >= 0) {
        int fd = s->data.fd;
        s->data.fd = -1;
        hand_over(s, fd, NULL);
    } else if (s->data.mode == DATA_ACTIVE) {
        session_set_timer(s, c->connect_timeout);
        door_opened_with_connection(s);
        ask_connect(s);
    } else
        await_arrival(s);
}

/* Where the client was sent: an address that is wrong behind NAT shows itself here. */
static const char *nobody_came(const struct session *s)
{
    static _Thread_local char text[200];
    const struct passive_wait *w = &s->data.passive;
    char to[INET6_ADDRSTRLEN];
    struct in6_addr ip = s->local;
    if (!s->data.epsv_reply)
        announced_address(s, &ip.s6_addr[12]);
    net_ip_format(&ip, to);
    snprintf(text, sizeof(text), "No connection came to %s port %u%s", to, (unsigned)w->key.port,
             w->unbound > 0
                 ? " that continues your TLS session (require_ssl_reuse), but one that continues nobody's"
             : w->strangers > 0 ? " from your address, but from another one"
                                : "");
    return text;
}

static bool is_waiting_on(const struct session *s)
{
    return s->data.door.is_wanted && (session_config(s)->accept_timeout == 0 || worker_now() < s->data.until);
}

void data_timeout(struct session *s)
{
    if (s->waiting == WAIT_PORT && passive_holds(&s->data.passive))
        say_turn(s);
    else if (s->waiting == WAIT_PORT)
        no_turn(s);
    else if (s->data.mode == DATA_PASSIVE && s->data.waiter && is_waiting_on(s))
        wait_on(s);
    else if (s->data.waiter)
        hand_over(s, -1, s->data.mode == DATA_PASSIVE ? nobody_came(s) : strerror(ETIMEDOUT));
}
