/* SPDX-License-Identifier: BSD-2-Clause */
/* getaddrinfo(3) waits as long as /etc/resolv.conf says, and is not to be called off; so it runs beside us (getaddrinfo_a(3)). */
#include "client/private.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 50 };

struct question {
    struct gaicb ask;
    struct addrinfo wanted;
    char *host, port[8];
};

static void question_free(struct question *q)
{
    freeaddrinfo(q->ask.ar_result); /* NULL is none */
    free(q->host);
    free(q);
}

static struct question *question_new(const char *host, int family, uint16_t port)
{
    struct question *q = calloc(1, sizeof(*q));

    if (!q)
        return NULL;
    q->host = strdup(host);
    snprintf(q->port, sizeof(q->port), "%u", port);
    q->wanted.ai_family = family;
    q->wanted.ai_socktype = SOCK_STREAM;
    q->ask = (struct gaicb){.ar_name = q->host, .ar_service = q->port, .ar_request = &q->wanted};
    if (q->host)
        return q;
    question_free(q);
    return NULL;
}

/* Until it is answered, called off, or patience is at its end: EAI_INPROGRESS then. */
static int await_answer(struct question *q, const struct channel_limits *limits)
{
    struct channel_limits glance = {.patience = 0, .stop = limits->stop};
    const struct gaicb *const list[] = {&q->ask};
    int error = gai_error(&q->ask);

    for (int waited = 0; error == EAI_INPROGRESS && waited < limits->patience; waited += LOOK_MS) {
        struct timespec a_while = {.tv_nsec = LOOK_MS * 1000000L};
        if (channel_wait(-1, 0, &glance) == -ECANCELED)
            return EAI_CANCELED;
        (void)!gai_suspend(list, 1, &a_while); /* what it has come to, gai_error says */
        error = gai_error(&q->ask);
    }
    return error;
}

int client_resolve(const char *host, int family, uint16_t port, const struct channel_limits *limits,
                   struct addrinfo **ret)
{
    struct question *q = question_new(host, family, port);
    struct gaicb *list[1];
    int error;

    if (!q)
        return EAI_MEMORY;
    list[0] = &q->ask;
    error = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (!error)
        error = await_answer(q, limits);
    if (!error) {
        *ret = q->ask.ar_result;
        q->ask.ar_result = NULL;
    }
    /* What nobody can call off goes on, and what it needs is left to it. */
    if ((error == EAI_INPROGRESS || error == EAI_CANCELED) && gai_cancel(&q->ask) == EAI_NOTCANCELED)
        return error;
    question_free(q);
    return error;
}
