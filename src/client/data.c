/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data connections. There are several ways to make one, and whether one works may depend on every firewall between here and
 * the server, so they are tried one after the other, each for a short time; what has failed is not tried again in this session, and what
 * works stays.
 */
#include "client/private.h"
#include "sys/fd.h"
#include "sys/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A data connection that is being made. */
struct data {
    struct channel *channel; /* NULL: not connected yet */
    int listener;            /* -1: the other side does not come to us */
};

static void data_close(struct data *d)
{
    channel_free(&d->channel);
    fd_close(&d->listener);
}

static struct channel_limits data_limits(const struct client *c)
{
    return (struct channel_limits){.patience = c->site.data_ms, .stop = c->limits.stop};
}

/* Says by what no connection could be made, and why. CLIENT_NO_DATA, or CLIENT_CANCELED. */
static enum client_result no_way(struct client *c, const char *way, int error)
{
    char why[SPEECH_TEXT];

    c->data.stage = CLIENT_DATA_CONNECT;
    c->data.error = error;
    client_error_text(error, c->site.data_ms, why, sizeof(why));
    SAY(c, CLIENT_STATUS, MODE_FAILED, way, why);
    return error == -ECANCELED ? CLIENT_CANCELED : CLIENT_NO_DATA;
}

/* The server's answer to the command that asks for a way is no. */
static enum client_result way_refused(struct client *c, const char *way)
{
    char *last;

    if (c->reply.code == 421)
        return client_refused(c, CLIENT_BUSY, SPEECH_TOO_MANY, NULL);
    last = ftp_reply_last_line(&c->reply);
    SAY(c, CLIENT_STATUS, MODE_FAILED, way, last ? last : "");
    free(last);
    return CLIENT_NO_DATA;
}

/* ---- passive ---- */

static enum client_result go_to(struct client *c, const char *way, const struct in6_addr *ip, uint16_t port,
                                struct data *d)
{
    struct channel_limits limits = data_limits(c);
    struct sockaddr_storage to;
    int error;

    c->data.port = port;
    net_sockaddr(ip, port, &to);
    if (to.ss_family == AF_INET6) /* a link-local address means nothing without its interface */
        ((struct sockaddr_in6 *)&to)->sin6_scope_id =
            ((const struct sockaddr_in6 *)&c->server)->sin6_scope_id;
    error = channel_connect(&to, NULL, &limits, &d->channel);
    return error ? no_way(c, way, error) : CLIENT_OK;
}

static enum client_result ask_epsv(struct client *c, struct data *d)
{
    enum client_result r = client_command(c, "EPSV", NULL);
    struct in6_addr ip = net_ip_of(&c->server);
    uint16_t port;

    if (r)
        return r;
    port = c->reply.code == 229 ? ftp_reply_extended_port(&c->reply) : 0;
    return port ? go_to(c, "EPSV", &ip, port, d) : way_refused(c, "EPSV");
}

/* An address that 227 names and that is not the server's is not gone to: it may be one behind its NAT, where nothing is
 * reached, or another machine's, to which nothing of ours should go (RFC 2577 section 3; FileZilla, lftp: fix-pasv-address). */
static enum client_result ask_pasv(struct client *c, struct data *d)
{
    enum client_result r = client_command(c, "PASV", NULL);
    struct in6_addr ip = net_ip_of(&c->server);
    char named[INET6_ADDRSTRLEN], own[INET6_ADDRSTRLEN];
    struct ftp_address there;

    if (r)
        return r;
    if (c->reply.code != 227 || !ftp_reply_passive(&c->reply, &there))
        return way_refused(c, "PASV");
    if (memcmp(&there.ip, &ip, sizeof(ip)) != 0) {
        net_ip_format(&there.ip, named);
        net_ip_format(&ip, own);
        c->data.is_foreign = true;
        snprintf(c->data.named, sizeof(c->data.named), "%s", named);
        SAY(c, CLIENT_STATUS, ADDRESS_REPLACED, named, own);
    }
    return go_to(c, "PASV", &ip, there.port, d);
}

/* ---- active ---- */

/* A socket on the control connection's own address, on a port that is allowed. */
static int listen_here(struct client *c, struct sockaddr_storage *ret)
{
    socklen_t len = sizeof(*ret);
    uint16_t last = c->site.active_last > c->site.active_first ? c->site.active_last : c->site.active_first;
    int fd, one = 1, error = -EADDRINUSE;

    if (getsockname(channel_socket(c->control), (struct sockaddr *)ret, &len) < 0)
        return -errno;
    fd = socket(ret->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
                      sizeof(one)); /* then one port in TIME_WAIT is passed by */
    for (uint32_t port = c->site.active_first; port <= last && error == -EADDRINUSE; port++) {
        ((struct sockaddr_in *)ret)->sin_port =
            htons((uint16_t)port); /* at the same place in both families */
        error = bind(fd, (struct sockaddr *)ret, len) < 0 ? -errno : 0;
    }
    if (!error && (listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)ret, &len) < 0))
        error = -errno;
    if (!error)
        return fd;
    close(fd);
    return error;
}

static void write_port(char *out, size_t cap, const char *ip, uint16_t port)
{
    size_t n = (size_t)snprintf(out, cap, "%s,%u,%u", ip, port >> 8, port & 255);

    for (size_t i = 0; i < n && i < cap; i++)
        if (out[i] == '.')
            out[i] = ',';
}

static enum client_result ask_active(struct client *c, struct data *d)
{
    struct sockaddr_storage here = {.ss_family = AF_UNSPEC};
    char ip[INET6_ADDRSTRLEN], place[INET6_ADDRSTRLEN + 16];
    const char *way;
    struct in6_addr own;
    enum client_result r;
    bool is_v4;

    d->listener = listen_here(c, &here);
    own = net_ip_of(&here);
    is_v4 = net_ip_is_v4(&own);
    way = is_v4 ? "PORT" : "EPRT";
    if (d->listener < 0)
        return no_way(c, way, d->listener);
    c->data.port = net_port_of(&here);
    net_ip_format(&own, ip);
    if (is_v4)
        write_port(place, sizeof(place), c->site.active_address ? c->site.active_address : ip,
                   net_port_of(&here));
    else
        snprintf(place, sizeof(place), "|2|%s|%u|", c->site.active_address ? c->site.active_address : ip,
                 net_port_of(&here));
    r = client_command(c, way, place);
    if (!r && !client_replied(c, 200))
        r = way_refused(c, way);
    return r;
}

/* Takes the server's connection, and no other's. */
static int take_connection(struct client *c, struct data *d)
{
    struct channel_limits limits = data_limits(c);
    struct in6_addr server = net_ip_of(&c->server);
    char text[INET6_ADDRSTRLEN];

    for (;;) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        int error = channel_wait(d->listener, POLLIN, &limits);
        if (error)
            return error;
        int fd = accept4(d->listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
        if (fd < 0 && errno != ECONNABORTED && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (fd < 0)
            continue;
        struct in6_addr ip = net_ip_of(&from);
        if (memcmp(&ip, &server, sizeof(ip)) == 0) {
            d->channel = channel_over(fd, &limits);
            fd_close(&d->listener);
            return d->channel ? 0 : -ENOMEM;
        }
        net_ip_format(&ip, text);
        SAY(c, CLIENT_STATUS, WRONG_PEER, text);
        close(fd);
    }
}

/* ---- any of them ---- */

static const struct way {
    enum client_way bit;
    const char *name;
    bool is_v4; /* there is none for IPv6 */
    enum client_result (*ask)(struct client *c, struct data *d);
} ways[] = {
    {CLIENT_EPSV, "EPSV", false, ask_epsv},
    {CLIENT_PASV, "PASV", true, ask_pasv},
    {CLIENT_ACTIVE, "PORT", false, ask_active},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static bool is_allowed(const struct client *c, const struct way *way)
{
    struct in6_addr server = net_ip_of(&c->server);

    return c->ways & way->bit && (!way->is_v4 || net_ip_is_v4(&server));
}

/* The next one to try: the one that has worked, then as they stand in the table. tried: bits. NULL: there is none. */
static const struct way *next_way(const struct client *c, unsigned tried)
{
    const struct way *first = NULL;
    unsigned liked = c->seen.way ? c->seen.way : c->site.first_way;

    for (unsigned i = WAYS; i-- > 0;)
        if (!(tried & ways[i].bit) && is_allowed(c, &ways[i]))
            first = first && first->bit == liked ? first : &ways[i];
    return first;
}

/* The command is sent, the server has said that it begins: the connection stands, or is made now. */
static enum client_result begin(struct client *c, const struct way *way, struct data *d)
{
    int error = d->channel ? 0 : take_connection(c, d);

    if (error)
        return no_way(c, way->name, error);
    channel_set_patience(d->channel, c->site.idle_ms);
    c->data.stage = CLIENT_DATA_TLS;
    return channel_is_secure(c->control) ? client_secure(c, d->channel, true) : CLIENT_OK;
}

/* How the transfer ended, as the server says. is_piece: we have ended it, when we had enough. */
static enum client_result end(struct client *c, enum client_result so_far, const char *of, bool is_piece)
{
    enum client_result r = client_hear(c);

    if (r)
        return so_far ? so_far : r;
    if (client_replied(c, 200) || so_far || (is_piece && c->reply.code != 421))
        return so_far;
    return client_refused(c, CLIENT_CUT, SPEECH_REMOTE_REFUSED, of);
}

static void set_patience(struct client *c, int ms)
{
    c->limits.patience = ms;
    if (c->control)
        channel_set_patience(c->control, ms);
}

int client_ms_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)((now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000);
}

/* Many servers come to an active client before they answer, and where a firewall swallows that they may try for a minute. Nobody waits as
 * long; and since that answer would come to another command, the session is over with it. */
static enum client_result ask_transfer(struct client *c, const struct way *way,
                                       const struct client_transfer *t, const struct data *d)
{
    enum client_result r;
    int asked_at = client_ms_since(&c->data_began);

    if (d->listener < 0)
        return client_command(c, t->verb, t->argument);
    set_patience(c, c->site.data_ms);
    r = client_command(c, t->verb, t->argument);
    set_patience(c, c->site.idle_ms);
    if (r == CLIENT_NO_CONNECTION && client_ms_since(&c->data_began) - asked_at >= c->site.data_ms)
        r = no_way(c, way->name, -ETIMEDOUT);
    return r;
}

/* One way, from its question to the end of the transfer. CLIENT_NO_DATA: another may work. */
static enum client_result transfer_by(struct client *c, const struct way *way,
                                      const struct client_transfer *t)
{
    const char *of = t->argument ? t->argument : t->verb;
    struct data d = {.listener = -1};
    enum client_result r;
    char number[24];

    c->data = (struct client_data){.way = way->bit, .stage = CLIENT_DATA_ASKED};
    clock_gettime(CLOCK_MONOTONIC, &c->data_began);
    r = way->ask(c, &d);
    c->data.asked_ms = client_ms_since(&c->data_began);
    if (!r)
        c->data.stage = CLIENT_DATA_BEGIN;
    if (!r && t->offset) {
        snprintf(number, sizeof(number), "%ju", (uintmax_t)t->offset);
        r = client_do(c, "REST", number);
    }
    if (!r)
        r = ask_transfer(c, way, t, &d);
    if (!r && c->reply.code == 425)
        r = way_refused(c, way->name);
    else if (!r && !client_replied(c, 100))
        r = client_refused(c, CLIENT_REMOTE_REFUSED, SPEECH_REMOTE_REFUSED, of);
    else if (!r) {
        r = begin(c, way, &d);
        c->data.began_ms = client_ms_since(&c->data_began);
        if (!r) {
            c->data.stage = CLIENT_DATA_MOVE;
            r = t->pump(c, d.channel, t->arg);
        }
        data_close(&d);
        if (!r) {
            c->data.stage = CLIENT_DATA_END;
            c->seen.way = way->bit;
        }
        r = end(c, r, of, t->is_piece);
    }
    data_close(&d);
    c->data.done_ms = client_ms_since(&c->data_began);
    c->data.code = c->reply.code;
    if (r == CLIENT_NO_CONNECTION && !c->data.error)
        c->data.error = c->opening.error;
    if (!r)
        c->data.stage = CLIENT_DATA_DONE;
    return r;
}

enum client_result client_transfer(struct client *c, const struct client_transfer *t)
{
    enum client_result r = CLIENT_NO_DATA;
    unsigned tried = 0;

    for (const struct way *way; r == CLIENT_NO_DATA && c->control && (way = next_way(c, tried));) {
        if (tried)
            SAY(c, CLIENT_STATUS, MODE_NEXT, way->name);
        tried |= way->bit;
        r = transfer_by(c, way, t);
        if (r == CLIENT_NO_DATA)
            c->ways &= ~(unsigned)way->bit; /* what has once failed is not waited for again, */
    }
    if (r == CLIENT_NO_DATA) {
        SAY(c, CLIENT_ERROR, NO_DATA_CONNECTION);
        c->ways = c->site.ways; /* unless all have */
    }
    return r;
}
