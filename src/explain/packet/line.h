/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PACKET_LINE_H
#define SALLY_EXPLAIN_PACKET_LINE_H

/* Packets that were seen, written: in the language in which they are asked about (question.h), and as the kernel logs
 * them (log.h). */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "packet/packet.h"

/* "tcp 198.51.100.7:40000 > 192.0.2.10:22 syn", "icmp 192.0.2.1 > 192.0.2.2 type=8 code=0" */
void packet_line_write(FILE *out, const struct packet *p);
/* False: of a later fragment, or of one that is cut off, nothing can be asked. */
bool packet_line_can_be_asked(const struct packet *p);

/* linux/netfilter/xt_LOG.h: XT_LOG_TCPSEQ and its like. */
enum packet_logs {
    PACKET_LOGS_SEQUENCE = 1,
    PACKET_LOGS_TCP_OPTIONS = 2,
    PACKET_LOGS_IP_OPTIONS = 4,
    PACKET_LOGS_MAC = 32
};

struct packet_logged {
    const char *prefix, *in, *out; /* "": none */
    const uint8_t *frame;          /* its header of 14 bytes, or NULL: none was there */
    const struct packet *packet;
    uint32_t mark;
    uint8_t options; /* enum packet_logs */
};

/* One line and its newline, as net/netfilter/nf_log_syslog.c prints it: but for UID and GID of who sent it. */
void packet_log_write(FILE *out, const struct packet_logged *logged);

#endif
