/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_MIXED_H
#define SALLY_BENCH_MIXED_H

#include <stdbool.h>
#include <stdio.h>

#include "ruleset.h"

/*
 * A capture as a gateway sees it: TCP connections, UDP requests and ICMP echos for rules of set, and passive
 * FTP sessions with MIXED_SERVER, 64 of all these at a time, one packet of one of them after the other. What
 * set refuses is tried three times.
 */
#define MIXED_SERVER "172.31.255.21"

/* pcap, link type raw IP. accepts: does set let this first packet pass? 0, or -1: it could not be written. */
int mixed_write(struct ruleset *set, bool (*accepts)(void *arg, const struct packet_recipe *first), void *arg,
                size_t packets, FILE *out);

#endif
