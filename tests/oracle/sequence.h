/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_SEQUENCE_H
#define SALLY_TESTS_ORACLE_SEQUENCE_H

#include "oracle.h"
#include "random.h"

/* Addresses of the world: clients are 10.1.0.0/16 and fd01::/64 behind tun0, a client for each sequence;
 * servers 10.2.0.1... and fd02::1... behind tun1; the gateway itself is .255.254 and ::fffe on either side.
 */
struct cast {
    uint8_t family;
    struct packet_address client, server, stranger, gateway_clients, gateway_servers;
};

/* The sequence with this number of a rule set, from d. headers: no transport header is cut off. Its packets
 * are the caller's: sequence_free. */
void sequence_make(struct sequence *s, uint8_t family, uint32_t set, uint32_t number, bool headers,
                   struct dice *d);
void sequence_free(struct sequence *s);
/* A packet in words, into text. Returns text. */
char *step_format(const struct step *step, char *text, size_t size);

#endif
