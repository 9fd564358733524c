/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_DECODE_H
#define SALLY_PACKET_DECODE_H

#include "base/result.h"
#include "packet/packet.h"

/*
 * Reads an IPv4 or IPv6 packet (RFC 791, RFC 8200: extension headers hop-by-hop, routing, destination
 * options, fragment, authentication are walked, at most 16) of size captured bytes at bytes, which must
 * outlive *ret. check_sums: also verify the transport's checksum and the IPv4 header's (a wrong one is
 * PACKET_BAD_CHECKSUM). 0; -EPROTONOSUPPORT: neither version 4 nor 6; -EBADMSG: the IP header itself is cut
 * off or contradicts itself, so that no router would pass it on (*ret untouched). Trouble above IP is not an
 * error: see fault.
 */
MUST_USE int packet_decode(const void *bytes, size_t size, bool check_sums, struct packet *ret);

/* "192.0.2.1" or "2001:db8::1" into text, at least 46 bytes. Returns text. */
char *packet_address_format(const struct packet_address *a, uint8_t family, char *text);
/* Reads either form; 0 and both outputs, or -EINVAL. */
MUST_USE int packet_address_parse(const char *text, struct packet_address *ret, uint8_t *ret_family);
/* "tcp", "udp", "icmp", "ipv6-icmp"... or NULL: the name that iptables-save writes for a protocol number. */
const char *packet_protocol_name(uint8_t protocol);

#endif
