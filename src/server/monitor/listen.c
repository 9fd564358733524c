/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/listen.h"

#include "base/cursor.h"
#include "server/messages.h"
#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"
#include "sys/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,        /* the kernel caps it at net.core.somaxconn */
    PASSIVE_AT_START = 16, /* ports of a wide range for each loop; more when one address needs more */
    PASSIVE_MOST = 1024,
    SYSTEMD_FIRST_FD = 3, /* SD_LISTEN_FDS_START */
};

struct socket {
    int fd;
    uint16_t port;
    bool passive;
};

static struct socket *sockets;
static size_t socket_count;

static int remember(int fd, uint16_t port, bool passive)
{
    struct socket *grown = reallocarray(sockets, socket_count + 1, sizeof(*sockets));
    if (!grown) {
        close(fd);
        return -ENOMEM;
    }
    sockets = grown;
    sockets[socket_count++] = (struct socket){fd, port, passive};
    return 0;
}

/* A listening socket on ip (:: means both families where the kernel has them). A descriptor or -errno. */
static int bind_listener(const struct in6_addr *ip, uint16_t port)
{
    const int on = 1, off = 0;
    struct sockaddr_storage address;
    socklen_t len = net_sockaddr(ip, port, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
                     sizeof(on)); /* without it bind fails, and is looked at */
    bool is_both =
        address.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0;
    if (is_both && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &len) == 0 ? net_port_of(&address) : 0;
}

/* Where to listen: the configured address, else every IPv4 address, or every address with listen_ipv6. */
static struct in6_addr listen_ip(void)
{
    const struct config *c = monitor.config;
    struct in6_addr ip = {.s6_addr = {[10] = 0xff, 0xff}};
    bool systemd_decides = !c->listen && !c->listen_ipv6;
    if (c->listen_ipv6 || systemd_decides) {
        ip = in6addr_any;
        if (c->listen_address6)
            (void)inet_pton(AF_INET6, c->listen_address6, &ip); /* config_check has read it */
    } else if (c->listen_address)
        (void)inet_pton(AF_INET, c->listen_address, &ip.s6_addr[12]); /* config_check has read it */
    return ip;
}

static int bind_anywhere(uint16_t port)
{
    struct in6_addr ip = listen_ip();
    int fd = bind_listener(&ip, port);
    bool no_ipv6 = fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL;
    if (no_ipv6 && IN6_IS_ADDR_UNSPECIFIED(&ip)) {
        ip = (struct in6_addr){.s6_addr = {[10] = 0xff, 0xff}};
        fd = bind_listener(&ip, port);
    }
    return fd;
}

/* --- control ----------------------------------------------------------------------------------------- */

/* sd_listen_fds(3): descriptors from 3 on, if the environment says that they are for this process. */
static int take_systemd_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int taken = 0;
    if (!pid || !count || strtol(pid, NULL, 10) != getpid())
        return 0;
    for (int i = 0; i < atoi(count); i++) {
        int fd = SYSTEMD_FIRST_FD + i, listens = 0;
        socklen_t len = sizeof(listens);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens || port_of(fd) == 0) {
            tell("descriptor %d from LISTEN_FDS is no listening TCP socket: not used", fd);
            continue;
        }

        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
            tell("descriptor %d from LISTEN_FDS: %s: not used", fd, strerror(errno));
            continue;
        }
        if (remember(fd, port_of(fd), false) == 0)
            taken++;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    return taken;
}

int listen_open_control(void)
{
    const struct config *c = monitor.config;
    if (take_systemd_sockets() > 0)
        return 0;
    if (!c->listen && !c->listen_ipv6) {
        tell("nothing to listen on: neither listen nor listen_ipv6 is YES, and no socket was passed by "
             "systemd");
        return -EINVAL;
    }
    int fd = bind_anywhere((uint16_t)c->listen_port);
    if ((fd == -EADDRINUSE || fd == -EACCES) && c->listen_port_alternate != 0) {
        tell("port %u %s; taking port %u instead", c->listen_port,
             fd == -EACCES ? "may not be bound by this user" : "is taken by another program",
             c->listen_port_alternate);
        fd = bind_anywhere((uint16_t)c->listen_port_alternate);
    }
    if (fd < 0) {
        tell("cannot listen on port %u: %s%s", c->listen_port, strerror(-fd),
             fd == -EADDRINUSE ? " (`ss -ltnp` shows who has it)"
             : fd == -EACCES   ? " (start as root, or choose a port above 1023)"
                               : "");
        return fd;
    }
    return remember(fd, port_of(fd), false);
}

/* --- passive ----------------------------------------------------------------------------------------- */

static void passive_range(uint32_t *ret_low, uint32_t *ret_high)
{
    const struct config *c = monitor.config;
    *ret_low = c->pasv_min_port > 0 ? c->pasv_min_port : 1024;
    *ret_high = c->pasv_max_port > 0 ? c->pasv_max_port : 65535;
}

static bool is_ours(uint32_t port)
{
    for (size_t i = 0; i < socket_count; i++) {
        if (sockets[i].port == port)
            return true;
    }
    return false;
}

/* From a random place in the range on, so that ports can't be foretold (RFC 2577 section 8). */
bool listen_one_more(void)
{
    uint32_t low, high, start = 0;
    size_t passive = 0;
    passive_range(&low, &high);
    for (size_t i = 0; i < socket_count; i++)
        passive += sockets[i].passive;
    if (passive >= PASSIVE_MOST || !monitor.config->pasv_enable ||
        getrandom(&start, sizeof(start), 0) != sizeof(start))
        return false;
    uint32_t width = high - low + 1;
    for (uint32_t n = 0; n < width; n++) {
        uint32_t port = low + (start % width + n) % width;
        int fd = is_ours(port) ? -EADDRINUSE : bind_anywhere((uint16_t)port);
        if (fd >= 0)
            return remember(fd, (uint16_t)port, true) == 0;
        if (fd != -EADDRINUSE && fd != -EACCES)
            return false;
    }
    return false;
}

int listen_open_passive(void)
{
    uint32_t low, high;
    size_t have = 0;
    if (!monitor.config->pasv_enable)
        return 0;
    passive_range(&low, &high);
    while (have < PASSIVE_AT_START * monitor.loops && have <= high - low && listen_one_more())
        have++;
    if (have == 0) {
        tell("cannot listen on any port from %u to %u for passive data connections: they are taken by other "
             "programs; "
             "choose others with pasv_min_port and pasv_max_port",
             low, high);
        return -EADDRINUSE;
    }
    return 0;
}

/* --- all --------------------------------------------------------------------------------------------- */

static void send_one(const struct socket *s, unsigned loop)
{
    uint8_t payload[8];
    struct wire_writer w;
    wire_writer_init(&w, payload, sizeof(payload));
    wire_put_u16(&w, s->port);
    wire_put_u8(&w, s->passive);
    monitor_send(MSG_LISTENER, loop, 0, payload, (size_t)wire_writer_length(&w), s->fd);
}

void listen_send_all(void)
{
    /* passive ports first: no client can come before they are there; each loop has its share of them */
    for (int passive = 1; passive >= 0; passive--) {
        for (size_t i = 0; i < socket_count; i++) {
            if (sockets[i].passive == (bool)passive)
                send_one(&sockets[i], passive ? (unsigned)i % monitor.loops : 0);
        }
    }
}

bool listen_has(uint16_t port, bool passive)
{
    for (size_t i = 0; i < socket_count; i++) {
        if (sockets[i].port == port && sockets[i].passive == passive)
            return true;
    }
    return false;
}

size_t listen_control_ports(uint16_t *ret, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < socket_count && count < cap; i++) {
        if (!sockets[i].passive)
            ret[count++] = sockets[i].port;
    }
    return count;
}

void listen_send_last(unsigned loop)
{
    send_one(&sockets[socket_count - 1], loop);
}

void listen_close_all(void)
{
    for (size_t i = 0; i < socket_count; i++)
        close(sockets[i].fd);
    free(sockets);
    sockets = NULL;
    socket_count = 0;
}

/* An address that somebody else could reach us at, for the ready line of a server that listens on all. */
static void outward_address(char *text)
{
    struct ifaddrs *all = NULL;
    strcpy(text, "127.0.0.1");
    if (getifaddrs(&all) < 0)
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK))
            continue;
        inet_ntop(AF_INET, &((const struct sockaddr_in *)i->ifa_addr)->sin_addr, text, INET6_ADDRSTRLEN);
        break;
    }
    freeifaddrs(all);
}

const char *listen_describe(void)
{
    static char text[256];
    char host[INET6_ADDRSTRLEN];
    struct in6_addr ip = listen_ip();
    uint32_t low, high;
    bool any = IN6_IS_ADDR_UNSPECIFIED(&ip) || (IN6_IS_ADDR_V4MAPPED(&ip) && ip.s6_addr32[3] == 0);
    if (any)
        outward_address(host);
    else
        net_ip_format(&ip, host);
    const char *bracket = strchr(host, ':') ? "[" : "";
    int n =
        snprintf(text, sizeof(text), "ftp://%s%s%s:%u/", bracket, host, *bracket ? "]" : "", sockets[0].port);
    passive_range(&low, &high);
    if (monitor.config->pasv_enable)
        snprintf(text + n, sizeof(text) - (size_t)n, " (passive ports %u-%u)", low, high);
    else
        snprintf(text + n, sizeof(text) - (size_t)n, " (no passive mode)");
    return text;
}
