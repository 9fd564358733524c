/* SPDX-License-Identifier: BSD-2-Clause */
#include "wallload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, EVENTS = 256 };

/* IPv4 addresses as IPv4-mapped ones, so that one kind of socket does for both. */
static struct sockaddr_in6 read_target(const struct wallload *asked)
{
    struct sockaddr_in6 target = {.sin6_family = AF_INET6, .sin6_port = htons(asked->port)};
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
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;

    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
        wallload_fail("a socket for", "TCP");
    return fd;
}

/* Closing it resets the connection: no TIME_WAIT is left that would cost the next one. */
static void reset_on_close(int fd)
{
    struct linger now = {.l_onoff = 1};

    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
        wallload_fail("a socket's", "SO_LINGER");
}

/* ---- bulk ---- */

void wallload_bulk(const struct wallload *asked)
{
    struct sockaddr_in6 target = read_target(asked);
    char *chunk = calloc(1, CHUNK);
    int fd = open_socket();
    double begin = wallload_now();
    unsigned long long bytes = 0;
    struct timeval patience = {.tv_sec = 5};

    if (!chunk || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (struct sockaddr *)&target, sizeof(target)) < 0)
        wallload_fail("connecting to", asked->to);
    while (!wallload_is_over(asked, begin)) {
        ssize_t sent = send(fd, chunk, CHUNK, 0);

        if (sent < 0)
            wallload_fail("sending to", asked->to);
        bytes += (unsigned long long)sent;
    }
    printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", bytes, wallload_now() - begin);
    reset_on_close(fd);
    close(fd);
    free(chunk);
}

/* ---- connect ---- */

void wallload_connect(const struct wallload *asked)
{
    struct sockaddr_in6 target = read_target(asked);
    double begin = wallload_now(), worked = wallload_processor();
    unsigned long long done = 0;

    while (!wallload_is_over(asked, begin)) {
        int fd = open_socket(), tries = 1;
        struct timeval patience = {.tv_sec = 5};

        reset_on_close(fd);
        if (setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
            connect(fd, (struct sockaddr *)&target, sizeof(target)) < 0)
            wallload_fail("connecting to", asked->to);
        close(fd);
        done++;
    }
    printf("{\"done\": %llu, \"seconds\": %.6f, \"processor\": %.6f}\n", done, wallload_now() - begin,
           wallload_processor() - worked);
}

/* ---- serve ---- */

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        wallload_fail("watching", "a connection");
}

static int open_listener(const struct wallload *asked)
{
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(asked->port)};
    int fd = open_socket(), one = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(fd, 65535) < 0)
        wallload_fail("listening on", "the port");
    return fd;
}

/* MSG_TRUNC: the kernel throws the bytes away without copying them (tcp(7)). */
static void take(int fd)
{
    static char nowhere[CHUNK]; /* never touched */
    ssize_t got = recv(fd, nowhere, sizeof(nowhere), MSG_TRUNC | MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN))
        close(fd);
}

/* Those who come are taken while they come: many may have gone again meanwhile. */
static void accept_some(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0)
        watch(epoll, fd);
}

void wallload_serve(const struct wallload *asked)
{
    int listener = open_listener(asked), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS];
    double begin = wallload_now();

    if (epoll < 0)
        wallload_fail("epoll for", "connections");
    watch(epoll, listener);
    puts("ready");
    fflush(stdout);
    while (!wallload_is_over(asked, begin)) {
        int count = epoll_wait(epoll, events, EVENTS, 100);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_some(epoll, listener);
            else
                take(events[i].data.fd);
        }
    }
}
