/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/net.h"

#include <arpa/inet.h>
#include <string.h>

struct in6_addr net_ip_of(const struct sockaddr_storage *from)
{
    if (from->ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)from)->sin6_addr;
    struct in6_addr ip = {.s6_addr = {[10] = 0xff, 0xff}};
    memcpy(&ip.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
    return ip;
}

uint16_t net_port_of(const struct sockaddr_storage *from)
{
    return ntohs(from->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)from)->sin6_port
                                             : ((const struct sockaddr_in *)from)->sin_port);
}

socklen_t net_sockaddr(const struct in6_addr *ip, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (!IN6_IS_ADDR_V4MAPPED(ip)) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
        *in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *ip};
        return sizeof(*in6);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)ret;
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&in->sin_addr, &ip->s6_addr[12], 4);
    return sizeof(*in);
}

bool net_ip_is_v4(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip);
}

void net_ip_format(const struct in6_addr *ip, char *text)
{
    if (net_ip_is_v4(ip))
        inet_ntop(AF_INET, &ip->s6_addr[12], text, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, ip, text, INET6_ADDRSTRLEN);
}
