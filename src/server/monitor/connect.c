/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/connect.h"

#include "server/monitor/doors.h"
#include "server/monitor/monitor.h"
#include "sys/net.h"

#include <errno.h>
#include <unistd.h>

/* Which interface the control channel came in by: an address of a link (fe80::) says nothing without that. */
static uint32_t link_of(int control)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    bool is_ipv6 = getpeername(control, (struct sockaddr *)&peer, &len) == 0 && peer.ss_family == AF_INET6;
    return is_ipv6 ? ((const struct sockaddr_in6 *)&peer)->sin6_scope_id : 0;
}

static void add_link(struct sockaddr_storage *address, uint32_t link)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    if (address->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
        in6->sin6_scope_id = link;
}

/*
 * SO_REUSEADDR lets many connections leave from one port; what it does not allow is the very same pair of
 * address and port while the last connection between them is in TIME_WAIT (connect says EADDRNOTAVAIL).
 */
static int attempt(const struct connect_request *request, uint16_t from_port, uint32_t link)
{
    const int on = 1;
    struct sockaddr_storage from, to;
    socklen_t from_len = net_sockaddr(&request->from, from_port, &from);
    socklen_t to_len = net_sockaddr(&request->to, request->port, &to);
    add_link(&from, link);
    add_link(&to, link);
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

int connect_begin(uint32_t session, const struct connect_request *request, int control, bool *ret_is_door)
{
    const struct config *c = monitor.config;
    bool allowed =
        c->port_promiscuous || (request->port >= IPPORT_RESERVED && is_of_channel(request, control));
    if (request->port == 0 || !allowed)
        return -EACCES; /* the worker knows this rule; one that asks has been taken over */
    int r = is_of_channel(request, control) ? doors_open_active(session, control, request->port) : 0;
    *ret_is_door = r < 0;
    if (r < 0)
        return r;
    const uint32_t link = link_of(control);
    if (!c->connect_from_port_20)
        return attempt(request, 0, link);
    int fd = attempt(request, (uint16_t)c->ftp_data_port, link);
    if (fd == -EADDRNOTAVAIL || fd == -EADDRINUSE || fd == -EACCES)
        fd = attempt(request, 0, link); /* a transfer from another port is better than none */
    return fd;
}
