/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_FRAMES_H
#define SALLY_EXPLAIN_REPLAY_FRAMES_H

#include "base/result.h"
#include "explain/replay/capture.h"
#include "packet/packet.h"

/* The IP packets of a whole capture, in memory, so that they can be gone through twice: first to see who
 * serves, then to replay. */
enum {
    FRAMES_MOST = 1000000,
    FRAMES_BYTES = 512 << 20,
};

struct frame {
    uint64_t time_us;
    size_t at;             /* of its bytes in frames.bytes */
    uint32_t size, number; /* number in the capture, 1... */
};

struct frames {
    struct frame *frames;
    size_t count;
    uint8_t *bytes;
    size_t size;
    uint64_t packets, not_ip; /* in the capture */
    bool cut;                 /* there was more than FRAMES_MOST or FRAMES_BYTES */
    char *damage;             /* why reading ended early, or NULL */
};

/* 0, or -EINVAL with *message: not even one packet could be read. -ENOMEM. Takes file over. */
MUST_USE int frames_read(FILE *file, struct frames *ret, char **message);
void frames_fini(struct frames *f);
/* Decodes frame i; false: it is no sound IP packet. */
MUST_USE bool frames_packet(const struct frames *f, size_t i, struct packet *ret);

/* The FTP server among the ends, as far as the packets tell: who takes connections on one of ports, or says
 * 220 first. Else whoever took the first connection or got the first packet: *ret_guessed. false: no packet
 * at all. */
MUST_USE bool frames_find_server(const struct frames *f, const uint16_t *ports, size_t port_count,
                                 struct packet_address *ret, uint16_t *ret_port, uint8_t *ret_family,
                                 bool *ret_guessed);

#endif
