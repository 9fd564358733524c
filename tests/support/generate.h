/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_GENERATE_H
#define SALLY_TESTS_GENERATE_H

/*
 * Random rule sets and packets that meet them: rules and packets are drawn from the same small pools of
 * addresses, ports, lengths and so on, packets at these values and right beside them, so that the edges of
 * rules are hit. The same seed and the same order of calls give the same text and the same bytes everywhere.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct generate_options {
    uint8_t family;  /* enum packet_family */
    unsigned rules;  /* about so many in table filter */
    unsigned chains; /* of users, in filter; they jump and go only to later ones, so that nothing loops */
    bool raw;        /* also table raw, with NOTRACK and CT --helper ftp now and then */
    bool states;     /* matches that ask connection tracking */
    bool memory;     /* limit, hashlimit, recent, connlimit, statistic --mode nth */
    bool unknown;    /* owner, physdev, statistic --mode random, interfaces that are not named */
};

struct generate;

/* NULL: out of memory. */
struct generate *generate_new(uint64_t seed, const struct generate_options *options);
void generate_free(struct generate **g);
/* The rule set as iptables-save writes it; made once, owned by g. */
const char *generate_rules(const struct generate *g);
/* Another IP packet into buffer (at least 2048 bytes); its size. Transports are whole or cut, TCP has options
 * or nonsense in their place, some packets are later fragments. Checksums are right. */
size_t generate_packet(struct generate *g, uint8_t *buffer, size_t capacity);
/* A random number below limit (> 0) from the same stream. */
uint32_t generate_number(struct generate *g, uint32_t limit);
/* One of the interface names that the rules use or one that they don't. */
const char *generate_interface(struct generate *g);

#endif
