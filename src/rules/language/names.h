/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_NAMES_H
#define SALLY_RULES_LANGUAGE_NAMES_H

#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Names of protocols and services, in tables of our own: what a rule file means must not depend on the
 * machine that explains it, and this room does no I/O. They are those of Debian 12's /etc/protocols and
 * /etc/services and of iptables' own list.
 */
MUST_USE bool rules_protocol_number(const char *name, uint8_t *ret);
/* The nearest name, or NULL. */
const char *rules_protocol_near(const char *word);
/* protocol 0: of any. */
MUST_USE bool rules_service_port(const char *name, uint8_t protocol, uint16_t *ret);
const char *rules_service_near(const char *word, uint8_t protocol);

/* "tcp"..., or NULL. */
const char *rules_protocol_name(uint8_t protocol);
/* "ftp"..., or NULL: the service that /etc/services of Debian calls this port of tcp, udp, sctp or dccp. */
const char *rules_service_name(uint16_t port, uint8_t protocol);
/* How REJECT's answers are called, in the order of struct rules_target_reject.with. */
const char *rules_reject_name(uint8_t family, uint8_t with);

#endif
