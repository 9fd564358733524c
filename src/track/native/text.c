/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/tracker.h"

const char *track_reason_text(enum track_reason reason)
{
    static const char *const texts[TRACK_REASONS] = {
        [TRACK_OK] = "nothing is wrong",
        [TRACK_SHORT_PACKET] = "the packet is shorter than its headers say",
        [TRACK_BAD_CHECKSUM] = "its checksum is wrong",
        [TRACK_BAD_TCP_FLAGS] = "no TCP sends this combination of flags",
        [TRACK_TCP_NOT_A_START] = "it belongs to no known connection, and such a segment can't begin one",
        [TRACK_TCP_OUT_OF_WINDOW] =
            "its sequence or acknowledgement number lies outside what the two sides have "
            "agreed on",
        [TRACK_TCP_INVALID_IN_STATE] = "a connection in this state can't send such a segment",
        [TRACK_TCP_STALE_SYN] = "a SYN or SYN/ACK makes no sense in this state of the connection",
        [TRACK_ICMP_NOT_A_REQUEST] =
            "it answers no ICMP request that was seen, and such a message can't begin a "
            "connection",
        [TRACK_ICMP_UNKNOWN_INNER] =
            "the ICMP error complains of a packet that belongs to no known connection",
        [TRACK_ICMP_WRONG_OUTER] =
            "the ICMP error goes to another machine than the one that sent the packet it "
            "complains of",
        [TRACK_FRAGMENT] = "it is a fragment that was not put together with the rest",
        [TRACK_TABLE_FULL] = "the table of connections is full",
        [TRACK_NO_HELPER] = "no rule gives this connection the FTP helper",
        [TRACK_HELPER_REMOVED] =
            "no rule gives this connection the FTP helper, and the kernel no longer attaches it "
            "by itself, as kernels up to 4.6 did",
        [TRACK_NOT_READABLE] = "the control connection is encrypted (TLS), so the helper can't read it",
        [TRACK_NOT_AT_LINE_START] =
            "the segment does not begin right after the end of a line that the helper has "
            "seen",
        [TRACK_FIRST_PAYLOAD] =
            "it is in the first data that this side sends, which the helper never looks at",
        [TRACK_NOT_AT_SEGMENT_START] =
            "something else stands before it in the same segment, and the helper reads "
            "only the beginning of each",
        [TRACK_FOREIGN_ADDRESS] =
            "it names an address that is not the sender's own (nf_conntrack_ftp loose=0)",
        [TRACK_BAD_ADDRESS] = "it names an impossible address or port",
        [TRACK_EXPECTATIONS_FULL] = "the table of expectations is full",
        [TRACK_EXPECTATION_TAKEN] =
            "another control connection has already announced the same data connection",
        [TRACK_NOT_ESTABLISHED] = "the other side has not answered yet, so the helper does not listen",
        [TRACK_PARTIAL_MATCH] =
            "the helper took it for a cut-off announcement of a data port, and drops such "
            "packets",
        [TRACK_NOT_REWRITTEN] =
            "the helper of NAT could not write the address that the other side knows into it",
        [TRACK_NAT_FTP_OPEN] =
            "whether the helper of NAT (nf_nat_ftp) is there, which writes the address that "
            "the other side knows into "
            "it, is not known",
    };

    return (unsigned)reason < TRACK_REASONS && texts[reason] ? texts[reason] : "for an unknown reason";
}

/* Promised by doc/explain-json.md. */
const char *track_reason_name(enum track_reason reason)
{
    static const char *const names[TRACK_REASONS] = {
        [TRACK_OK] = NULL,
        [TRACK_SHORT_PACKET] = "short-packet",
        [TRACK_BAD_CHECKSUM] = "bad-checksum",
        [TRACK_BAD_TCP_FLAGS] = "bad-tcp-flags",
        [TRACK_TCP_NOT_A_START] = "tcp-not-a-start",
        [TRACK_TCP_OUT_OF_WINDOW] = "tcp-out-of-window",
        [TRACK_TCP_INVALID_IN_STATE] = "tcp-invalid-in-state",
        [TRACK_TCP_STALE_SYN] = "tcp-stale-syn",
        [TRACK_ICMP_NOT_A_REQUEST] = "icmp-not-a-request",
        [TRACK_ICMP_UNKNOWN_INNER] = "icmp-unknown-inner",
        [TRACK_ICMP_WRONG_OUTER] = "icmp-wrong-outer",
        [TRACK_FRAGMENT] = "fragment",
        [TRACK_TABLE_FULL] = "table-full",
        [TRACK_NO_HELPER] = "no-helper",
        [TRACK_HELPER_REMOVED] = "helper-removed",
        [TRACK_NOT_READABLE] = "not-readable",
        [TRACK_NOT_AT_LINE_START] = "not-at-line-start",
        [TRACK_FIRST_PAYLOAD] = "first-payload",
        [TRACK_NOT_AT_SEGMENT_START] = "not-at-segment-start",
        [TRACK_FOREIGN_ADDRESS] = "foreign-address",
        [TRACK_BAD_ADDRESS] = "bad-address",
        [TRACK_EXPECTATIONS_FULL] = "expectations-full",
        [TRACK_EXPECTATION_TAKEN] = "expectation-taken",
        [TRACK_NOT_ESTABLISHED] = "not-established",
        [TRACK_PARTIAL_MATCH] = "partial-match",
        [TRACK_NOT_REWRITTEN] = "not-rewritten",
        [TRACK_NAT_FTP_OPEN] = "nat-helper-open",
    };

    return (unsigned)reason < TRACK_REASONS ? names[reason] : NULL;
}
