/* SPDX-License-Identifier: BSD-2-Clause */
/* From a host's name to a session that is logged in. */
#include "client/private.h"
#include "sys/net.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_MS = 20000, DATA_MS = 10000, IDLE_MS = 60000, FTP_PORT = 21, FTPS_PORT = 990, GREETINGS = 3 };

static int otherwise(int value, int standard)
{
    return value ? value : standard;
}

struct client *client_new(const struct client_site *site, const struct client_ears *ears, int stop)
{
    struct client *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->site = *site;
    c->site.password = c->password = site->password ? strdup(site->password) : NULL;
    c->ears = *ears;
    c->site.connect_ms = otherwise(site->connect_ms, CONNECT_MS);
    c->site.data_ms = otherwise(site->data_ms, DATA_MS);
    c->site.idle_ms = otherwise(site->idle_ms, IDLE_MS);
    if (!c->site.port)
        c->site.port = site->security == CLIENT_TLS_IMPLICIT ? FTPS_PORT : FTP_PORT;
    c->ways = c->site.ways = site->ways ? site->ways : CLIENT_ANY_WAY;
    c->limits = (struct channel_limits){.patience = c->site.connect_ms, .stop = stop};
    if (client_names_open(c) < 0 || (site->password && !c->password))
        client_free(&c);
    return c;
}

void client_free(struct client **c)
{
    if (!*c)
        return;
    if ((*c)->control) {
        channel_set_patience((*c)->control, 1000); /* who does not hear it is not waited for */
        (void)!client_command(*c, "QUIT", NULL);   /* we go, whatever is said */
    }
    client_drop(*c);
    channel_tls_free(&(*c)->tls);
    client_names_close(*c);
    ftp_reply_clear(&(*c)->reply);
    free((*c)->features);
    free((*c)->piece);
    if ((*c)->password)
        explicit_bzero((*c)->password, strlen((*c)->password));
    free((*c)->password);
    free(*c);
    *c = NULL;
}

/* ---- TLS ---- */

/* Is this the server that is meant? */
static enum client_result trust(struct client *c, const struct channel_peer *peer)
{
    const char *known = c->site.fingerprint;

    if (known && strcasecmp(known, peer->fingerprint) == 0)
        return CLIENT_OK;
    if (known) {
        SAY(c, CLIENT_ERROR, CERTIFICATE_CHANGED, c->site.host, known, peer->fingerprint);
        return CLIENT_NO_TLS;
    }
    if (peer->is_trusted)
        return CLIENT_OK;
    SAY(c, CLIENT_ERROR, CERTIFICATE_UNKNOWN, c->site.host, speech_of(peer->why), peer->fingerprint);
    return CLIENT_NO_TLS;
}

enum client_result client_secure(struct client *c, struct channel *channel, bool is_data)
{
    struct channel_peer peer;
    enum client_result r;
    int error;

    if (!c->tls && !(c->tls = channel_tls_new()))
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    if (!is_data &&
        c->lines.len) { /* anybody may have said it, and it would be taken for an answer under TLS */
        SAY(c, CLIENT_ERROR, TLS_FORESTALLED);
        return CLIENT_NO_TLS;
    }
    if (!is_data)
        SAY(c, CLIENT_STATUS, TLS_INITIALIZING);
    error = channel_secure(channel, c->tls, c->site.host, is_data ? c->control : NULL, &peer);
    *(is_data ? &c->data.error : &c->opening.error) = error;
    if (error == -EPROTO) {
        SAY(c, CLIENT_ERROR, TLS_FAILED, speech_of(peer.why));
        return CLIENT_NO_TLS;
    }
    if (error)
        return client_fail(c, CLIENT_NO_TLS, error, c->limits.patience);
    if (is_data) {
        c->data.is_resumed = peer.is_resumed;
        if (!peer.is_resumed)
            SAY(c, CLIENT_STATUS, TLS_NOT_RESUMED);
        if (strcmp(peer.fingerprint, c->seen.fingerprint) == 0)
            return CLIENT_OK;
        SAY(c, CLIENT_ERROR, CERTIFICATE_OTHER);
        return CLIENT_NO_TLS;
    }
    SAY(c, CLIENT_STATUS, TLS_VERIFYING);
    c->seen.is_trusted = peer.is_trusted;
    memcpy(c->seen.fingerprint, peer.fingerprint, sizeof(c->seen.fingerprint));
    memcpy(c->seen.why, peer.why, sizeof(c->seen.why));
    r = trust(c, &peer);
    if (r)
        return r;
    c->seen.is_secure = true; /* TLS with anybody is none */
    SAY(c, CLIENT_STATUS, TLS_ESTABLISHED, peer.protocol, peer.cipher);
    return CLIENT_OK;
}

static enum client_result protect_data(struct client *c)
{
    enum client_result r;

    if (!channel_is_secure(c->control))
        return CLIENT_OK;
    r = client_command(c, "PBSZ", "0");
    if (!r && client_replied(c, 200))
        r = client_command(c, "PROT", "P");
    if (!r && !client_replied(c, 200))
        r = client_refused(c, CLIENT_NO_TLS, SPEECH_REPLY_UNEXPECTED, "PROT");
    return r;
}

static enum client_result go_on_plain(struct client *c)
{
    if (!c->site.password || c->site.is_plain_allowed)
        return CLIENT_OK;
    SAY(c, CLIENT_ERROR, NO_PLAIN_PASSWORD);
    c->seen.is_plain = true;
    return CLIENT_NO_TLS;
}

static enum client_result secure_at_once(struct client *c)
{
    return c->site.security == CLIENT_TLS_IMPLICIT ? client_secure(c, c->control, false) : CLIENT_OK;
}

/* Explicit TLS (RFC 4217 section 4). */
static enum client_result upgrade(struct client *c)
{
    enum client_result r;

    if (c->site.security == CLIENT_TLS_IMPLICIT)
        return CLIENT_OK;
    if (c->site.security == CLIENT_PLAIN)
        return go_on_plain(c);
    r = client_command(c, "AUTH", "TLS");
    if (r)
        return r;
    if (c->reply.code == 234)
        return client_secure(c, c->control, false);
    if (c->site.security == CLIENT_TLS_EXPLICIT || c->reply.code == 421)
        return client_refused(c, CLIENT_NO_TLS, SPEECH_REPLY_UNEXPECTED, "AUTH TLS");
    SAY(c, CLIENT_STATUS, TLS_NOT_OFFERED);
    return go_on_plain(c);
}

/* ---- connecting ---- */

static enum client_result connect_to(struct client *c, const struct addrinfo *a)
{
    struct sockaddr_storage to = {.ss_family = AF_UNSPEC};
    struct in6_addr ip;
    char text[INET6_ADDRSTRLEN], place[INET6_ADDRSTRLEN + 16];
    int error;

    memcpy(&to, a->ai_addr, a->ai_addrlen);
    ip = net_ip_of(&to);
    net_ip_format(&ip, text);
    snprintf(place, sizeof(place), net_ip_is_v4(&ip) ? "%s:%u" : "[%s]:%u", text, net_port_of(&to));
    SAY(c, CLIENT_STATUS, CONNECTING, place);
    c->limits.patience = c->site.connect_ms;
    snprintf(c->opening.server, sizeof(c->opening.server), "%s", text);
    error = channel_connect(&to, NULL, &c->limits, &c->control);
    c->opening.error = error;
    if (error)
        return client_fail(c, CLIENT_NO_CONNECTION, error, c->limits.patience);
    c->server = to;
    return CLIENT_OK;
}

static void note_here(struct client *c)
{
    struct sockaddr_storage here = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(here);
    struct in6_addr ip;

    if (getsockname(channel_socket(c->control), (struct sockaddr *)&here, &len) < 0)
        return;
    ip = net_ip_of(&here);
    net_ip_format(&ip, c->opening.here);
}

/* The first of the host's addresses that answers. */
static enum client_result reach(struct client *c)
{
    enum client_result r = CLIENT_NO_ADDRESS;
    struct channel_limits limits = {.patience = c->site.connect_ms, .stop = c->limits.stop};
    struct addrinfo *found;
    int error;

    SAY(c, CLIENT_STATUS, RESOLVING, c->site.host);
    error = client_resolve(c->site.host, c->site.family, c->site.port, &limits, &found);
    if (error == EAI_CANCELED)
        return client_fail(c, CLIENT_CANCELED, -ECANCELED, 0);
    if (error) {
        SAY(c, CLIENT_ERROR, NO_ADDRESS, c->site.host, speech_of(gai_strerror(error)));
        return CLIENT_NO_ADDRESS;
    }
    for (const struct addrinfo *a = found; a && r != CLIENT_OK && r != CLIENT_CANCELED; a = a->ai_next)
        r = connect_to(c, a);
    freeaddrinfo(found);
    if (!r) {
        note_here(c);
        SAY(c, CLIENT_STATUS, CONNECTED);
    }
    return r;
}

static enum client_result welcome(struct client *c)
{
    enum client_result r = client_hear(c);

    for (unsigned i = 0; !r && client_replied(c, 100) && i < GREETINGS; i++) /* 120: in so many minutes */
        r = client_hear(c);
    if (!r && !client_replied(c, 200))
        r = client_refused(c, CLIENT_NO_CONNECTION, SPEECH_REMOTE_REFUSED, c->site.host);
    return r;
}

/* ---- logging in ---- */

static enum client_result log_in(struct client *c)
{
    const char *user = c->site.user ? c->site.user : "anonymous";
    enum client_result r = client_command(c, "USER", user);

    if (!r && c->reply.code == 331)
        r = client_command(c, "PASS", c->site.password ? c->site.password : "sally@");
    if (r)
        return r;
    if (!client_replied(c, 200))
        return client_refused(c, CLIENT_NO_LOGIN, SPEECH_LOGIN_INCORRECT, user);
    SAY(c, CLIENT_STATUS, LOGGED_IN);
    return CLIENT_OK;
}

/* A feature is a line of FEAT's answer. */
bool client_offers(const struct client *c, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = c->features; at; at = strchr(at, '\n')) {
        at += strspn(at, "\n ");
        if (strncasecmp(at, name, len) == 0 && (at[len] == '\n' || at[len] == ' ' || at[len] == '\0'))
            return true;
        if (!*at)
            return false;
    }
    return false;
}

static enum client_result look_at_features(struct client *c)
{
    enum client_result r = client_command(c, "FEAT", NULL);

    free(c->features);
    c->features = NULL;
    if (!r && client_replied(c, 200)) {
        c->features = c->reply.text;
        c->reply = (struct ftp_reply){.code = c->reply.code};
    }
    c->has_mlsd = client_offers(c, "MLST");
    return !r && client_offers(c, "UTF8") && !c->site.encoding ? client_command(c, "OPTS", "UTF8 ON") : r;
}

bool client_is_open(const struct client *c)
{
    return c->control;
}

bool client_is_passing(enum client_result r)
{
    return r == CLIENT_NO_CONNECTION || r == CLIENT_CUT || r == CLIENT_BUSY;
}

enum client_result client_pause(const struct client *c, int ms)
{
    struct channel_limits limits = {.patience = ms, .stop = c->limits.stop};
    char seconds[16];

    snprintf(seconds, sizeof(seconds), "%g", ms / 1000.0);
    SAY(c, CLIENT_STATUS, RETRY_DELAY, seconds);
    return channel_wait(-1, 0, &limits) == -ECANCELED ? CLIENT_CANCELED : CLIENT_OK;
}

const struct client_data *client_data(const struct client *c)
{
    return &c->data;
}

const struct client_seen *client_seen(const struct client *c)
{
    return &c->seen;
}

const struct client_opening *client_opening(const struct client *c)
{
    return &c->opening;
}

static const struct {
    enum client_step step;
    enum client_result (*run)(struct client *c);
} steps[] = {
    {CLIENT_STEP_CONNECT, reach},          {CLIENT_STEP_TLS, secure_at_once},
    {CLIENT_STEP_WELCOME, welcome},        {CLIENT_STEP_TLS, upgrade},
    {CLIENT_STEP_LOGIN, log_in},           {CLIENT_STEP_TLS, protect_data},
    {CLIENT_STEP_LOGIN, look_at_features},
};

static enum client_result run_steps(struct client *c)
{
    enum client_result r = CLIENT_OK;

    clock_gettime(CLOCK_MONOTONIC, &c->opening_began);
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && !r; i++) {
        c->opening.step = steps[i].step;
        r = steps[i].run(c);
        if (!r)
            c->opening.done_ms[steps[i].step] = client_ms_since(&c->opening_began);
    }
    c->opening.code = c->reply.code;
    if (!r) {
        c->opening.step = CLIENT_STEP_OPEN;
        c->opening.done_ms[CLIENT_STEP_OPEN] = client_ms_since(&c->opening_began);
    }
    return r;
}

enum client_result client_open(struct client *c)
{
    enum client_result r;

    client_drop(c);
    c->is_binary = false;
    if (c->seen.is_secure && c->site.security == CLIENT_TLS_IF_OFFERED)
        c->site.security = CLIENT_TLS_EXPLICIT; /* it has been offered */
    c->seen = (struct client_seen){.way = c->seen.way};
    c->opening = (struct client_opening){.step = CLIENT_STEP_CONNECT};
    ftp_reply_clear(&c->reply);
    r = run_steps(c);
    if (r) {
        client_drop(c);
        return r;
    }
    c->limits.patience = c->site.idle_ms;
    channel_set_patience(c->control, c->limits.patience);
    return CLIENT_OK;
}
