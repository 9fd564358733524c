/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_RULESET_H
#define SALLY_BENCH_RULESET_H

#include <stddef.h>
#include <stdint.h>

#include "packet/build.h"

/*
 * Rule sets in the shape of real ones, and packets spread over their rules. The shapes are those of
 * ClassBench (Taylor and Turner, "ClassBench: a packet classification benchmark", INFOCOM 2005): access lists
 * of routers (acl), firewalls (fw), and rules of Linux's ipchains (ipc). What they take from it is how often
 * a field is a wildcard, how long prefixes are and that they nest, how ports come (any, one, a range, above
 * 1023), and that the more specific rule stands before the more general one. The same seed gives the same
 * set.
 */
enum ruleset_shape { RULESET_ACL, RULESET_FW, RULESET_IPC, RULESET_SHAPES };

struct ruleset;

/* NULL: out of memory. */
struct ruleset *ruleset_new(enum ruleset_shape shape, size_t rules, uint64_t seed);
void ruleset_free(struct ruleset **set);
const char *ruleset_shape_name(enum ruleset_shape shape);
/* As iptables-save writes it, all rules in FORWARD, behind the two rules that begin most sets: ESTABLISHED
 * and RELATED are accepted, INVALID is dropped. A new string, or NULL: out of memory. */
char *ruleset_text(const struct ruleset *set);
/* The first packet of a flow that a rule chosen at random is meant for, and the interface that it comes in
 * by. A rule that stands before may decide it all the same. */
void ruleset_packet(struct ruleset *set, struct packet_recipe *ret, const char **ret_in);

#endif
