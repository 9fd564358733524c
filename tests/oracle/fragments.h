/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_FRAGMENTS_H
#define SALLY_TESTS_ORACLE_FRAGMENTS_H

#include "oracle.h"

/* What stands before conntrack: fragments are made whole, as a kernel with conntrack does it, or go on as they
 * come. */
struct fragments;

struct fragments *fragments_new(bool makes_whole);
void fragments_free(struct fragments **f);
/* False: there is no whole packet yet, or it is none. ret's bytes stay until the next call. */
bool fragments_read(struct fragments *f, const struct step *step, uint64_t now, struct packet *ret);

#endif
