/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_NET_H
#define SALLY_SYS_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Addresses are held as IPv6, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), whatever the socket's
 * family. */
struct in6_addr net_ip_of(const struct sockaddr_storage *from);
uint16_t net_port_of(const struct sockaddr_storage *from);
/* An address for a socket of ip's own family. Returns its length. */
socklen_t net_sockaddr(const struct in6_addr *ip, uint16_t port, struct sockaddr_storage *ret);

/* Is it IPv4? */
bool net_ip_is_v4(const struct in6_addr *ip);
/* "192.0.2.1" or "2001:db8::1" into text (INET6_ADDRSTRLEN bytes). */
void net_ip_format(const struct in6_addr *ip, char *text);

#endif
