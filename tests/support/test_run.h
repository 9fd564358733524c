/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_TEST_RUN_H
#define SALLY_TESTS_TEST_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"

enum { TEST_RUN_LARGEST = 3600 }; /* bytes of a packet: it has to fit into a page */

/* A netfilter program's test run with an IP packet: its verdict, or -errno. All are at PRE_ROUTING, for at LOCAL_OUT Linux
 * 6.18 leaves the Ethernet header, which it asks for, before the packet. */
MUST_USE int test_run(int program, const uint8_t *packet, uint32_t size, bool v4);

#endif
