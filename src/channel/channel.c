/* SPDX-License-Identifier: BSD-2-Clause */
#include "channel/channel.h"

#include "channel/private.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

int channel_wait(int fd, short events, const struct channel_limits *limits)
{
    struct pollfd both[] = {{.fd = fd, .events = events}, {.fd = limits->stop, .events = POLLIN}};
    int r;

    do
        r = poll(both, 2, limits->patience);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    if (both[1].revents)
        return -ECANCELED;
    return r == 0 ? -ETIMEDOUT : 0;
}

struct channel *channel_over(int fd, const struct channel_limits *limits)
{
    struct channel *c = calloc(1, sizeof(*c));
    int flags = fcntl(fd, F_GETFL), one = 1;

    if (!c || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        free(c);
        close(fd);
        return NULL;
    }
    /* Without it a command waits for the answer to the one before. */
    (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* slower then, and no worse */
    c->fd = fd;
    c->limits = *limits;
    return c;
}

static int await_connected(int fd, const struct channel_limits *limits)
{
    int error = channel_wait(fd, POLLOUT, limits), said = 0;
    socklen_t len = sizeof(said);

    if (error)
        return error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &said, &len) < 0)
        return -errno;
    return -said;
}

static socklen_t length_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

int channel_connect(const struct sockaddr_storage *to, const struct sockaddr_storage *from,
                    const struct channel_limits *limits, struct channel **ret)
{
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;

    if (fd < 0)
        return -errno;
    if (from && bind(fd, (const struct sockaddr *)from, length_of(from)) < 0)
        error = -errno;
    if (!error && connect(fd, (const struct sockaddr *)to, length_of(to)) < 0)
        error = errno == EINPROGRESS || errno == EINTR ? await_connected(fd, limits) : -errno;
    if (error) {
        close(fd);
        return error;
    }
    *ret = channel_over(fd, limits);
    return *ret ? 0 : -ENOMEM;
}

void channel_free(struct channel **c)
{
    if (!*c)
        return;
    channel_tls_drop(*c);
    close((*c)->fd);
    free(*c);
    *c = NULL;
}

int channel_socket(const struct channel *c)
{
    return c->fd;
}

void channel_set_patience(struct channel *c, int ms)
{
    c->limits.patience = ms;
}

bool channel_is_secure(const struct channel *c)
{
    return c->ssl;
}

/* Who always finds something to read, or room to write, would never wait, and so never hear that it was called off. 0 or -ECANCELED. */
static int glance(struct channel *c)
{
    const struct channel_limits limits = {.patience = 0, .stop = c->limits.stop};

    if (++c->calls % CHANNEL_GLANCE)
        return 0;
    return channel_wait(-1, 0, &limits) == -ECANCELED ? -ECANCELED : 0;
}

static ssize_t read_plain(struct channel *c, void *bytes, size_t len)
{
    for (;;) {
        ssize_t n = recv(c->fd, bytes, len, 0);
        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        int error = errno == EAGAIN ? channel_wait(c->fd, POLLIN, &c->limits) : -errno;
        if (error)
            return error;
    }
}

ssize_t channel_read(struct channel *c, void *bytes, size_t len)
{
    int error = glance(c);

    if (error)
        return error;
    return c->ssl ? channel_tls_read(c, bytes, len) : read_plain(c, bytes, len);
}

ssize_t channel_send_file(struct channel *c, int file, size_t most)
{
    int error = c->ssl ? -EOPNOTSUPP : glance(c);

    while (!error) {
        ssize_t n = sendfile(c->fd, file, NULL, most);
        if (n >= 0)
            return n;
        if (errno == EAGAIN)
            error = channel_wait(c->fd, POLLOUT, &c->limits);
        else if (errno != EINTR)
            error = errno == EINVAL ? -EOPNOTSUPP : -errno;
    }
    return error;
}

int channel_write(struct channel *c, const void *bytes, size_t len)
{
    const char *at = bytes;
    int error = glance(c);

    if (error)
        return error;
    if (c->ssl)
        return channel_tls_write(c, bytes, len);
    while (len > 0) {
        ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            error = errno == EAGAIN ? channel_wait(c->fd, POLLOUT, &c->limits) : -errno;
        if (error)
            return error;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int channel_end(struct channel *c)
{
    int error = c->ssl ? channel_tls_end(c) : 0;

    if (shutdown(c->fd, SHUT_WR) < 0 && !error)
        error = -errno;
    if (c->ssl && !error)
        channel_tls_drain(c); /* how that ends the control channel says */
    return error;
}
