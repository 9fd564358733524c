/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/keys.h"

#include "server/link.h"
#include "server/tls_files.h"
#include "server/worker/log.h"
#include "server/worker/settings.h"
#include "server/worker/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WARN_DAYS = 14, /* before a certificate expires */
};

struct keys {
    unsigned refs;
    struct link *link;         /* NULL: the key process is gone */
    struct tls_server *server; /* NULL: its files have not come yet */
};

static _Thread_local const struct keys_users *users;
static _Thread_local void (*tell_settled)(const char *why);
static _Thread_local struct keys *now;      /* for new sessions; NULL: none */
static _Thread_local struct keys *arriving; /* its files are awaited */

void keys_init(const struct keys_users *users_, void (*on_settled)(const char *why))
{
    users = users_;
    tell_settled = on_settled;
}

static void settled(const char *why)
{
    if (tell_settled)
        tell_settled(why);
    tell_settled = NULL;
}

struct keys *keys_ref_now(void)
{
    if (now)
        now->refs++;
    return now;
}

void keys_unref(struct keys **keys)
{
    struct keys *k = *keys;
    *keys = NULL;
    if (!k || --k->refs > 0)
        return;
    link_free(&k->link);
    tls_server_free(&k->server);
    free(k);
}

void keys_renew(struct keys **keys)
{
    struct keys *newer = (*keys)->link ? NULL : keys_ref_now();
    if (!newer)
        return;
    keys_unref(keys);
    *keys = newer;
}

struct tls_server *keys_server(const struct keys *k)
{
    return k->server;
}

int keys_sign(struct keys *k, uint32_t id, const struct tls_to_sign *what)
{
    uint8_t payload[1024];
    int len = sign_request_encode(what, payload, sizeof(payload));
    if (len < 0)
        return len;
    const struct ipc_message m = {
        .type = MSG_SIGN, .id = id, .payload = payload, .len = (size_t)len, .fd = -1};
    return k->link ? link_send(k->link, &m) : -EPIPE;
}

/* --- what the key process says ----------------------------------------------------------------------- */

static void warn_of_age(const char *name, int days)
{
    if (days < 0)
        log_event(NULL, "the certificate in %s has expired", name);
    else if (days < WARN_DAYS)
        log_event(NULL, "the certificate in %s expires in %d day%s", name, days, days == 1 ? "" : "s");
}

static void on_day(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (now)
        tls_server_ages(now->server, warn_of_age);
}

/* Now and each day; one loop does it for all. */
static void look_at_ages(void)
{
    static const struct timeval day = {.tv_sec = 24 * 3600};
    static struct event *days;
    if (worker.loop != 0)
        return;
    if (!days && (days = event_new(worker.base, -1, EV_PERSIST, on_day, NULL)) && event_add(days, &day) < 0)
        log_event(NULL, "out of memory: nobody will be warned of certificates that expire");
    on_day(-1, 0, NULL);
}

static void take_files(struct keys *k, int fd)
{
    char why[TLS_WHY_MAX];
    if (k != arriving) { /* others have come since */
        close(fd);
        return;
    }
    arriving = NULL;
    k->server = fd >= 0 ? tls_files_use(worker.settings->config, fd, users->ask, k, why) : NULL;
    if (fd < 0)
        strcpy(why, "no descriptor was free");
    else
        close(fd);
    if (!k->server) {
        settled(why);
        log_event(NULL,
                  "the certificates could not be taken over, and sessions have the TLS that they had: %s",
                  why);
        keys_unref(&k);
        return;
    }
    keys_unref(&now);
    now = k;
    look_at_ages();
    settled(NULL);
}

static void on_message(void *ctx, const struct ipc_message *m)
{
    if (m->type == MSG_TLS_FILES)
        take_files(ctx, m->fd);
    else
        users->on_signed(m->id, m->payload, m->len);
}

/* The monitor starts another one. */
static void on_ended(void *ctx, int error)
{
    struct keys *k = ctx;
    (void)error;
    link_free(&k->link);
    users->on_lost(k);
    if (k == arriving)
        keys_unref(&arriving);
    else if (k == now)
        keys_unref(&now); /* AUTH says so until the monitor has started another */
}

void keys_connect(int fd)
{
    struct keys *k = calloc(1, sizeof(*k));
    if (k)
        k->link = link_new(worker.base, fd, FROM_KEYS, on_message, on_ended, k);
    if (!k || !k->link) {
        close(fd);
        free(k);
        log_event(NULL, "out of memory: sessions have the TLS that they had");
        return;
    }
    k->refs = 1;
    keys_unref(&arriving);
    arriving = k;
}

void keys_none(void)
{
    keys_unref(&arriving);
    keys_unref(&now);
    settled(NULL);
}
