/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_PCAP_H
#define SALLY_EXPLAIN_REPLAY_PCAP_H

/* The form of a pcap file (draft-ietf-opsawg-pcap), in the byte order of who writes it: a head, then records. */
#include <stdint.h>

enum {
    PCAP_MICRO = 0xa1b2c3d4,
    PCAP_NANO = 0xa1b23c4d,
    PCAP_ODD = 0xa1b2cd34, /* Alexey Kuznetsov's, with interface and protocol in each record */
    PCAP_ODD_MORE = 8,
    PCAP_LINK_RAW = 101, /* IP packets, of either version, without a frame */
};

struct pcap_head {
    uint32_t magic;
    uint16_t major, minor;  /* 2, 4 */
    uint32_t zone, figures; /* 0 */
    uint32_t snap;          /* most bytes of a record */
    uint32_t link;
};

/* Before each record's bytes. */
struct pcap_record {
    uint32_t seconds, fraction; /* since 1970; micro- or nanoseconds */
    uint32_t captured, length;  /* bytes that follow; of the packet */
};

enum { PCAP_HEAD = sizeof(struct pcap_head), PCAP_RECORD = sizeof(struct pcap_record) };

_Static_assert((int)PCAP_HEAD == 24 && (int)PCAP_RECORD == 16, "as they lie in the file");

#endif
