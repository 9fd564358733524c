/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_EXPECT_H
#define SALLY_CMD_WALL_EXPECT_H

#include "cmd/wall/flow_order.h"

/* What is asked of expectations, as `sallywall expect` and `sallywall conntrack ... expect` do. Returns the exit status. */
MUST_USE int expect_carry_out(const struct flow_order *order);

#endif
