/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_PARSE_H
#define SALLY_RULES_LANGUAGE_PARSE_H

#include "base/result.h"
#include "rules/ext/extension.h"

/* What rows and the core read of one word. */

/* All of these take the whole word, and fail (rules_fail's -EINVAL) naming the word and what was expected. */

/* Decimal, 0x hexadecimal or 0 octal, as strtoul with base 0; first to last. */
MUST_USE int rules_parse_number(struct rules_parse *p, const char *word, uint64_t first, uint64_t last,
                                uint64_t *ret);
MUST_USE int rules_parse_u32(struct rules_parse *p, const char *word, uint32_t first, uint32_t last,
                             uint32_t *ret);
/* "5", "5:9", ":9" (from 0), "5:" (to most). A range that goes down is taken, as iptables takes it here and there:
 * nothing is in it. Rows that must not take it refuse it by rules_refuse_down. */
MUST_USE int rules_parse_range16(struct rules_parse *p, const char *word, uint16_t most,
                                 struct rules_range16 *ret);
MUST_USE int rules_parse_range32(struct rules_parse *p, const char *word, uint32_t most,
                                 struct rules_range32 *ret);
/* "VALUE" (mask all ones) or "VALUE/MASK"; numbers as rules_parse_number. */
MUST_USE int rules_parse_value32(struct rules_parse *p, const char *word, struct rules_value32 *ret);
/* A number or a service name of protocol (0: of any). */
MUST_USE int rules_parse_port(struct rules_parse *p, const char *word, uint8_t protocol, uint16_t *ret);
/* "21", "ftp", "20:ftp", ":21", "1024:". The same of one that goes down. */
MUST_USE int rules_parse_ports(struct rules_parse *p, const char *word, uint8_t protocol,
                               struct rules_range16 *ret);
/* rules_fail's -EINVAL if it goes down, else 0. */
MUST_USE int rules_refuse_down(struct rules_parse *p, const char *word, const struct rules_range16 *range);
/* One address of p->family; names of hosts are refused (nothing is looked up). */
MUST_USE int rules_parse_address(struct rules_parse *p, const char *word, struct packet_address *ret);
/* A mask of p->family: a prefix length or an address. */
MUST_USE int rules_parse_mask(struct rules_parse *p, const char *word, struct packet_address *ret);
/* "ADDRESS", "ADDRESS/PREFIX", "ADDRESS/MASK"; the address is masked as iptables masks it. ret->inverted is
 * left alone. */
MUST_USE int rules_parse_network(struct rules_parse *p, const char *word, struct rules_network *ret);
/* A protocol's name or number, 0..255 ("all" is 0). */
MUST_USE int rules_parse_protocol(struct rules_parse *p, const char *word, uint8_t *ret);
/* One of names: its value. */
MUST_USE int rules_parse_name(struct rules_parse *p, const char *word, const struct rules_names *names,
                              uint32_t *ret);
/* A list of names, "a,b,c": their values together. */
MUST_USE int rules_parse_names(struct rules_parse *p, const char *word, const struct rules_names *names,
                               uint32_t *ret);
/* An interface name, with '+' at its end a wildcard. ret->inverted is left alone. */
MUST_USE int rules_parse_interface(struct rules_parse *p, const char *word, struct rules_interface *ret);
/* Copies a word into an array of size bytes (zero already), at most size - 1 long. */
MUST_USE int rules_parse_text(struct rules_parse *p, const char *word, char *dst, size_t size);
/* The next element of a list "a,b,c": copies it into buffer and moves *at behind it. 1: there was one; 0: the
 * end; -EINVAL: empty or too long. Start with *at = word. */
MUST_USE int rules_parse_element(struct rules_parse *p, const char **at, char *buffer, size_t size);

#endif
