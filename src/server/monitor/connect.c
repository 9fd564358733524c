/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/connect.h"

#include "server/monitor/doors.h"
#include "server/monitor/monitor.h"
#include "sys/net.h"

#include <errno.h>
#include <unistd.h>

/*
 * SO_REUSEADDR lets many connections leave from one port; what it does not allow is the very same pair of
 * address and port while the last connection between them is in TIME_WAIT (connect says EADDRNOTAVAIL).
 */
static int attempt(const struct connect_request *request, uint16_t from_port)
{
    const int on = 1;
    struct sockaddr_storage from, to;
    socklen_t from_len = net_sockaddr(&request->from, from_port, &from);
    socklen_t to_len = net_sockaddr(&request->to, request->port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
                     sizeof(on)); /* without it bind fails, and is looked at */
    bool bound = from.ss_family != to.ss_family || bind(fd, (struct sockaddr *)&from, from_len) == 0;
    if (bound && (connect(fd, (struct sockaddr *)&to, to_len) == 0 || errno == EINPROGRESS))
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* Is the request between the two ends of this control channel? */
static bool is_of_channel(const struct connect_request *request, int control)
{
    struct sockaddr_storage from = {0}, to = {0};
    socklen_t from_len = sizeof(from), to_len = sizeof(to);
    if (getsockname(control, (struct sockaddr *)&from, &from_len) < 0 ||
        getpeername(control, (struct sockaddr *)&to, &to_len) < 0)
        return false;
    struct in6_addr from_ip = net_ip_of(&from), to_ip = net_ip_of(&to);
    return IN6_ARE_ADDR_EQUAL(&from_ip, &request->from) && IN6_ARE_ADDR_EQUAL(&to_ip, &request->to);
}

int connect_begin(uint32_t session, const struct connect_request *request, int control)
{
    const struct config *c = monitor.config;
    bool allowed =
        c->port_promiscuous || (request->port >= IPPORT_RESERVED && is_of_channel(request, control));
    if (request->port == 0 || !allowed)
        return -EACCES; /* the worker knows this rule; one that asks has been taken over */
    int r = is_of_channel(request, control) ? doors_open_active(session, control, request->port) : 0;
    if (r < 0)
        return r;
    if (!c->connect_from_port_20)
        return attempt(request, 0);
    int fd = attempt(request, (uint16_t)c->ftp_data_port);
    if (fd == -EADDRNOTAVAIL || fd == -EADDRINUSE || fd == -EACCES)
        fd = attempt(request, 0); /* a transfer from another port is better than none */
    return fd;
}
