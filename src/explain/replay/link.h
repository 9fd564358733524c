/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_LINK_H
#define SALLY_EXPLAIN_REPLAY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands before the IP header in a frame, by the link type of the capture
 * (www.tcpdump.org/linktypes.html). */

/* "Ethernet", or NULL: no name is known here. */
const char *link_name(uint32_t type);
/* Can frames of this type be read? */
bool link_is_read(uint32_t type);
/* Where the IP header begins in a frame of size captured bytes. false: the frame holds no IP. big_endian: the
 * order of the machine that captured. */
bool link_skip(uint32_t type, bool big_endian, const uint8_t *frame, size_t size, size_t *ret_offset);

#endif
