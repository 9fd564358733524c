/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a wall let through what it should, and nothing else, at every moment? Two streams of UDP pass it, and each packet says
 * its number. One process holds both ends: a socket belongs to the network namespace in which it was opened.
 */
#include "wallload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TOLD = 20, SETTLE_MS = 300 };

struct stream {
    int out, in;
    uint64_t sent, got, next; /* next: the number that is expected */
    uint64_t missing;         /* seen to be missing by the numbers */
};

struct probe {
    const struct wallload *asked;
    struct stream allowed, forbidden;
    double begin;
    struct {
        double at;
        const char *what;
        uint64_t number, count;
    } told[TOLD];
    unsigned count;
};

static void tell(struct probe *p, const char *what, uint64_t number, uint64_t count)
{
    if (p->count == TOLD)
        return;
    p->told[p->count].at = wallload_now();
    p->told[p->count].what = what;
    p->told[p->count].number = number;
    p->told[p->count++].count = count;
}

static struct sockaddr_in6 target_of(const struct wallload *asked, uint16_t port)
{
    struct sockaddr_in6 target = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char mapped[INET6_ADDRSTRLEN];

    snprintf(mapped, sizeof(mapped), "%s%s",
             asked->to && strchr(asked->to, ':') ? "" : "::ffff:", asked->to ? asked->to : "");
    errno = EINVAL;
    if (inet_pton(AF_INET6, mapped, &target.sin6_addr) != 1)
        wallload_fail("address", asked->to ? asked->to : "(none)");
    return target;
}

static int open_socket(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), off = 0;

    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
        wallload_fail("a socket for", "UDP");
    return fd;
}

static void open_sender(struct stream *s, const struct wallload *asked, uint16_t port)
{
    struct sockaddr_in6 target = target_of(asked, port);

    s->out = open_socket();
    if (connect(s->out, (struct sockaddr *)&target, sizeof(target)) < 0)
        wallload_fail("a socket to", asked->to);
}

static void open_receiver(struct stream *s, const struct wallload *asked, uint16_t port)
{
    struct sockaddr_in6 here = target_of(asked, port);
    int room = 64 << 20;

    s->in = open_socket();
    if (setsockopt(s->in, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
        bind(s->in, (struct sockaddr *)&here, sizeof(here)) < 0)
        wallload_fail("listening at", asked->to);
}

static void enter(const char *name)
{
    int fd = open(name ? name : "", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        wallload_fail("network namespace", name ? name : "(none)");
    close(fd);
}

static bool receive(struct stream *s, uint64_t *ret_number)
{
    ssize_t got = recv(s->in, ret_number, sizeof(*ret_number), 0);

    if (got < 0 && errno != EAGAIN)
        wallload_fail("receiving from", "the probe");
    return got == (ssize_t)sizeof(*ret_number);
}

/* Numbers come in order on a veth; one that was skipped is lost. */
static void hear(struct probe *p)
{
    uint64_t number;

    while (receive(&p->allowed, &number)) {
        if (number > p->allowed.next) {
            p->allowed.missing += number - p->allowed.next;
            tell(p, "lost", p->allowed.next, number - p->allowed.next);
        }
        p->allowed.next = number + 1;
        p->allowed.got++;
    }
    while (receive(&p->forbidden, &number)) {
        tell(p, "passed", number, 1);
        p->forbidden.got++;
    }
}

/* A refusal by ICMP or by our own host is told at the next call, and no fault of the probe's: the packet counts as sent. */
static void say(struct stream *s)
{
    uint64_t number = s->sent++;

    if (send(s->out, &number, sizeof(number), 0) < 0 && errno != EAGAIN && errno != EPERM &&
        errno != ECONNREFUSED && errno != EHOSTUNREACH)
        wallload_fail("sending of", "the probe");
}

static void report(struct probe *p)
{
    if (p->allowed.sent > p->allowed.next)
        tell(p, "lost", p->allowed.next, p->allowed.sent - p->allowed.next);
    printf("{\"allowed\": %llu, \"arrived\": %llu, \"forbidden\": %llu, \"passed\": %llu, \"began\": %.6f, "
           "\"told\": [",
           (unsigned long long)p->allowed.sent, (unsigned long long)p->allowed.got,
           (unsigned long long)p->forbidden.sent, (unsigned long long)p->forbidden.got, p->begin);
    for (unsigned i = 0; i < p->count; i++)
        printf("%s{\"what\": \"%s\", \"at\": %.6f, \"number\": %llu, \"count\": %llu}", i ? ", " : "",
               p->told[i].what, p->told[i].at, (unsigned long long)p->told[i].number,
               (unsigned long long)p->told[i].count);
    puts("]}");
}

void wallload_probe(const struct wallload *asked)
{
    struct probe p = {.asked = asked};
    struct timespec settle = {.tv_nsec = SETTLE_MS * 1000000L};

    open_sender(&p.allowed, asked, asked->port);
    open_sender(&p.forbidden, asked, asked->forbidden);
    enter(asked->behind);
    open_receiver(&p.allowed, asked, asked->port);
    open_receiver(&p.forbidden, asked, asked->forbidden);
    puts("ready");
    fflush(stdout);
    p.begin = wallload_now();
    while (!wallload_is_over(asked, p.begin)) {
        wallload_pace(asked, p.begin, p.allowed.sent);
        say(&p.allowed);
        say(&p.forbidden);
        hear(&p);
    }
    nanosleep(&settle, NULL);
    hear(&p);
    report(&p);
}
