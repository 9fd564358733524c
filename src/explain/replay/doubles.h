/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_DOUBLES_H
#define SALLY_EXPLAIN_REPLAY_DOUBLES_H

/*
 * The same packet captured twice: on both interfaces of a bridge or gateway, by `-i any`, by a mirror port.
 * A packet that was sent twice is none: a sender gives it another number (IPv4's identification, a TCP time
 * stamp), or takes his time.
 */
#include "base/result.h"
#include "packet/packet.h"

struct doubles;

MUST_USE struct doubles *doubles_new(void); /* NULL: out of memory */
void doubles_free(struct doubles **d);
/* Is it one that was seen before? Else it is remembered. where: as struct capture_frame has it. Times that go
 * back are as good as none. */
bool doubles_know(struct doubles *d, const struct packet *p, uint64_t time_us, uint32_t where);

#endif
