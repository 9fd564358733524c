/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_CAPTURE_H
#define SALLY_EXPLAIN_REPLAY_CAPTURE_H

#include "base/result.h"

/* IP packets out of a capture file: pcap or pcapng, read by libpcap (doc/decisions/0022). Every byte is
 * hostile. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct capture;

struct capture_frame {
    const uint8_t *bytes; /* the IP header; NULL: the frame holds no IP */
    size_t size;          /* bytes that were captured from there on */
    uint64_t time_us;     /* since 1970 */
};

/* Takes file over, also on failure. Link types: Ethernet (with VLAN tags), Linux cooked 1 and 2, raw IP,
 * loopback. 0 and *ret; -EINVAL with *message (caller frees); -ENOMEM. */
MUST_USE int capture_open(FILE *file, struct capture **ret, char **message);
void capture_close(struct capture **c);
/* 1 and the next frame, whose bytes stay until the next call; 0: the end; -EINVAL with *message: the file
 * breaks off or is damaged. */
MUST_USE int capture_next(struct capture *c, struct capture_frame *ret, char **message);

#endif
