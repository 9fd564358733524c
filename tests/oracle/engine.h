/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_ENGINE_H
#define SALLY_TESTS_ORACLE_ENGINE_H

#include "oracle.h"

/* Our wall, with a reassembler before it, asked as the kernel is. */
struct engine;

/* rules are borrowed and count. NULL timeouts: the kernel's defaults. */
struct engine *engine_new(struct rules *rules, const struct track_timeouts *timeouts);
void engine_free(struct engine **e);
/* As kernel_packet. note (200 bytes): what it did, for a report; or NULL. */
void engine_packet(struct engine *e, const struct step *step, uint64_t now, bool *ret_passed, char *note);
/* As conntrack_events. */
void engine_events(struct engine *e, struct flow_list *began, struct flow_list *ended);
bool engine_get(struct engine *e, const struct track_tuple *t, uint64_t now, struct flow_view *ret);
void engine_dump_expectations(struct engine *e, uint64_t now, struct expectation_list *ret);

#endif
