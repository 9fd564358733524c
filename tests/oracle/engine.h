/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_ENGINE_H
#define SALLY_TESTS_ORACLE_ENGINE_H

#include "oracle.h"

/* Our wall, asked as a host is (host.h). */
struct engine;

/* rules are borrowed and count. whole: fragments are put together before it sees them. */
struct engine *engine_new(struct rules *rules, const struct track_config *config, bool whole);
void engine_free(struct engine **e);
/* False: it does not know, which in this world is a bug. */
bool engine_packet(struct engine *e, const struct step *step, uint64_t now, struct outcome *ret);
void engine_events(struct engine *e, struct flow_list *began, struct flow_list *ended);
bool engine_get(struct engine *e, const struct track_tuple *t, uint64_t now, struct flow_view *ret);
enum { ENGINE_LOCALS = 3 };
/* The addresses that it takes for this machine's. */
void engine_locals(uint8_t family, struct packet_address ret[ENGINE_LOCALS]);
/* The sets that it knows; the caller's. */
struct sets *engine_sets(uint8_t family);
void engine_dump_expectations(struct engine *e, uint64_t now, struct expectation_list *ret);

#endif
