/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_REJECT_H
#define SALLY_KERNEL_REJECT_H

/*
 * REJECT answers (bpf/reject.h): rules of ours in the filter tables of the machine's own iptables carry out what the
 * wall has decided. They come first in INPUT, FORWARD and OUTPUT, and lead packets that are noted, and no others, to a
 * chain of ours in which each is answered as its rule says. Behind them stand programs of ours that drop what is still
 * noted: whatever becomes of those rules, nothing passes.
 *
 * They are put in by iptables-restore in one transaction, and stay until the wall goes down.
 */
#include <stdbool.h>

#include "base/result.h"
#include "kernel/load.h"
#include "rules/rules.h"

/* The rules in INPUT, FORWARD and OUTPUT lead to the first, its own to the second those packets that are noted. */
#define REJECT_CHAIN   "SALLYWALL"
#define REJECT_ANSWERS "SALLYWALL-ANSWERS"
#define REJECT_COMMENT "sallywall: answers for REJECT"

/* Is there a rule that is to answer? */
bool reject_is_asked(const struct rules *r);

/* What iptables-restore --noflush is told. saved: what iptables-save says; name: of the wall's folder; NULL: our
 * rules go, and none come. NULL: out of memory, or there is nothing to do. */
MUST_USE char *reject_transaction(const char *saved, enum packet_family family, const char *name);

/* Puts them in. 0, or -errno with *error: why they can't be had. */
MUST_USE int reject_put(const char *name, enum packet_family family, struct kernel_error *error);
/* Takes them out, from whichever back end has them. 0, or -errno with *error. */
MUST_USE int reject_take(enum packet_family family, struct kernel_error *error);

#endif
