/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_EXCHANGE_ENDS_H
#define SALLY_EXPLAIN_EXCHANGE_ENDS_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * Who talks to whom, as a person writes it:
 *
 *   203.0.113.9:40000 > 192.0.2.10:22      blanks as one likes, "->" as well
 *   [2001:db8::9] > [2001:db8::10]:ssh     a service's name instead of a port
 *   192.0.2.10:22                          some client
 *   22                                     some client, and the server that the rules name
 *
 * Without ports for ICMP.
 */

/* Reads text, of protocol PACKET_TCP, PACKET_UDP or PACKET_ICMP, into play: family, client, client_ports (0,0: not
 * said), server, server_port. What play says already (of --client, --server) has to agree. 0; -EINVAL with *message
 * (caller frees): what was found and what was expected; -ENOMEM. */
MUST_USE int exchange_ends_read(const char *text, uint8_t protocol, struct play *play, char **message);

#endif
