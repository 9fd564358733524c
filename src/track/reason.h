/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_REASON_H
#define SALLY_TRACK_REASON_H

/* Why a packet is INVALID, an expectation was missed, or the helper dropped a packet. */
enum track_reason {
    TRACK_OK,
    /* INVALID */
    TRACK_SHORT_PACKET,
    TRACK_BAD_CHECKSUM,
    TRACK_BAD_TCP_FLAGS,
    TRACK_TCP_NOT_A_START, /* SYN/ACK, FIN or RST of an unknown connection */
    TRACK_TCP_OUT_OF_WINDOW,
    TRACK_TCP_INVALID_IN_STATE, /* the table says so */
    TRACK_TCP_STALE_SYN,        /* a SYN or its answer in a state where only an ACK can show if it is real */
    TRACK_ICMP_NOT_A_REQUEST,
    TRACK_ICMP_UNKNOWN_INNER, /* the error's inner packet belongs to no tracked connection */
    TRACK_ICMP_WRONG_OUTER,   /* the error goes to somebody else than the inner packet's sender */
    TRACK_FRAGMENT,           /* a fragment that was not reassembled */
    TRACK_TABLE_FULL,
    /* no expectation though a command or reply named a data port */
    TRACK_NO_HELPER,            /* nothing assigned the helper to this connection */
    TRACK_HELPER_REMOVED,       /* the automatic helper would have in older kernels */
    TRACK_NOT_READABLE,         /* TLS on the control channel */
    TRACK_NOT_AT_LINE_START,    /* the segment did not begin right after a newline seen before */
    TRACK_FIRST_PAYLOAD,        /* the first payload of a direction is never looked at */
    TRACK_NOT_AT_SEGMENT_START, /* something stands before it in the segment */
    TRACK_FOREIGN_ADDRESS,      /* loose=0 and not the sender's own address */
    TRACK_BAD_ADDRESS,          /* robust: an octet over 255, a port of 0 */
    TRACK_EXPECTATIONS_FULL,
    TRACK_EXPECTATION_TAKEN, /* another control connection has announced the same */
    TRACK_NOT_ESTABLISHED,
    /* the helper dropped the packet */
    TRACK_PARTIAL_MATCH,
    TRACK_NOT_REWRITTEN, /* NAT's helper could not write another address in its place */
    /* it passes, but as what can't be told */
    TRACK_NAT_FTP_OPEN, /* whether NAT's helper is there is not known */
    TRACK_REASONS
};

#endif
