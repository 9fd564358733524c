/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_CAPTURE_H
#define SALLY_EXPLAIN_REPLAY_CAPTURE_H

#include "base/result.h"

/* IP packets out of a capture file: pcap or pcapng, packed by gzip or not (doc/decisions/0036). Every byte is
 * hostile. A frame at a time is held. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct capture;

struct capture_frame {
    const uint8_t *bytes; /* the IP header; NULL: the frame holds no IP */
    uint32_t size;        /* bytes that were captured from there on */
    uint32_t length;      /* bytes on the wire from there on */
    bool is_cut;          /* the snap length cut something off */
    uint64_t time_us;     /* since 1970 */
    uint32_t where;       /* the same for frames of the same interface with the same link header */
};

/* Takes file over, also on failure; name is that which commands are told with. Link types: see link.h. 0 and
 * *ret; -EINVAL with *message (caller frees); -ENOMEM. */
MUST_USE int capture_open(FILE *file, const char *name, struct capture **ret, char **message);
void capture_close(struct capture **c);
/* 1 and the next frame, whose bytes stay until the next call; 0: the end; -EINVAL with *message: the file
 * breaks off or is damaged, and no more frames can be had; -ENOMEM. */
MUST_USE int capture_next(struct capture *c, struct capture_frame *ret, char **message);
/* Have there been several interfaces so far? Then frames need not be in the order of time. */
bool capture_is_mixed(const struct capture *c);
/* Back to the first frame. 0; or -EIO. */
MUST_USE int capture_rewind(struct capture *c);

/* What the file itself says, after it was read to the end. */
struct capture_remarks {
    uint64_t lost;           /* packets that the capturing machine counted as lost */
    uint32_t unread;         /* frames of interfaces whose link type is not read */
    const char *unread_name; /* of such a type; NULL: none */
    uint32_t interfaces;
    bool limited; /* what stands behind STREAM_MOST or STREAM_PACKED_MOST was not read */
};
struct capture_remarks capture_remarks(const struct capture *c);

#endif
