/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_RECORD_H
#define SALLY_EXPLAIN_REPLAY_RECORD_H

#include "base/result.h"
#include "explain/replay/stream.h"

#include <stdint.h>

/*
 * Frames out of the two forms of files, as they lie there: pcap (draft-ietf-opsawg-pcap) and pcapng
 * (draft-ietf-opsawg-pcapng), sections and interfaces in any number and either byte order.
 */
enum {
    RECORD_INTERFACES = 1024,
    RECORD_PASSED_OVER = 64 << 20, /* bytes of a block that is of no interest */
    RECORD_LONGEST = 4 << 20, /* bytes of a frame; a TCP segment on its way to the card may have 512 KiB */
};

struct record_interface {
    uint32_t link, snap; /* snap 0: no limit */
    uint64_t units;      /* of the clock, a second */
    int64_t offset_s;
};

struct record {
    const uint8_t *bytes;
    uint32_t size, length; /* captured; on the wire */
    uint64_t time_us;
    uint32_t interface, link;
    bool big_endian;
};

struct recorder {
    struct stream *stream;
    bool is_ng, big_endian;
    bool is_odd;                              /* pcap with eight bytes more a record */
    struct record_interface *interfaces;      /* of this section; pcap has one */
    uint32_t interface_count, interface_base; /* base: in sections before */
    uint64_t lost;
    uint64_t time_us; /* of the frame before, for blocks without */
    uint8_t *bytes;
    uint32_t capacity;
};

enum record_result {
    RECORD_FRAME,
    RECORD_END,
    RECORD_BREAKS_OFF, /* within a record */
    RECORD_DAMAGED,
    RECORD_PACKING, /* what gzip packed is damaged or breaks off */
    RECORD_UNREADABLE,
    RECORD_NO_MEMORY,
};

/* Is it one of the two forms, by its first four bytes? */
bool record_is_known(const uint8_t magic[4]);
/* Reads the head of the file, from its beginning. RECORD_FRAME: go on. r: zeroed but for its stream. */
MUST_USE enum record_result record_begin(struct recorder *r);
/* RECORD_FRAME and *ret, whose bytes stay until the next call; or why there are no more. */
MUST_USE enum record_result record_next(struct recorder *r, struct record *ret);
void record_fini(struct recorder *r);

#endif
