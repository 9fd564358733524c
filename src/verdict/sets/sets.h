/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_SETS_SETS_H
#define SALLY_VERDICT_SETS_SETS_H

#include "base/result.h"
#include "rules/rules.h"
#include "verdict/verdict.h"

/* Members of ipset's sets, as `ipset save` prints them: for -m set. No I/O: text in. */
struct sets;

/*
 * Reads "create NAME TYPE ..." and "add NAME ELEMENT ..." lines (after Debian's ipset 7.17; every type but
 * hash:net,iface's "physdev:" is compared). Members with a time-out count as members. name is for messages
 * and is borrowed by *error. 0 and *ret, or -EINVAL with *error, or -ENOMEM.
 */
MUST_USE int sets_read(const char *text, size_t size, const char *name, struct sets **ret,
                       struct rules_error *error);
void sets_free(struct sets **s);
/* Makes *ret ask s, which must outlive it. */
void sets_bind(const struct sets *s, struct verdict_sets *ret);

#endif
