/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_HEAR_H
#define SALLY_TRACK_HEAR_H

/*
 * What the helper makes of what it hears on a control connection: which data connections it expects, and which
 * packets it drops, in either manner. Freestanding; where expectations are stored is the caller's affair.
 */
#include "track/expect.h"
#include "track/ftp_line.h"
#include "track/reason.h"
#include "track/settings.h"
#include "track/tuple.h"

/* Does the helper read this packet? handle: of the flow, 0: it has no helper. */
static inline bool track_is_heard(const struct packet *p, const struct track_flow *flow)
{
    return p->protocol == PACKET_TCP && flow->tuple.protocol == PACKET_TCP &&
           flow->helper == TRACK_HELPER_FTP && flow->helper_data && !(flow->status & TRACK_DYING);
}

/* RFC 8446 section 5.1: a content type 20...23 (24: heartbeat) and version 3.x. */
static inline bool track_payload_is_tls(const void *payload, size_t size)
{
    const uint8_t *p = payload;

    return size >= 3 && p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3 && p[2] <= 4;
}

/* The speaker's own address: what EPSV means without saying so. */
static inline struct track_ftp_place track_own_place(const struct track_flow *flow,
                                                     enum track_direction direction)
{
    return (struct track_ftp_place){.address = track_flow_tuple(flow, direction)->source,
                                    .family = flow->tuple.family};
}

/* What an announcement makes the helper expect. */
static inline struct track_expectation
track_expectation_of(const struct track_flow *flow, enum track_direction direction,
                     const struct track_ftp_place *place, uint64_t now_ms, const struct track_config *config)
{
    const struct track_tuple *other = track_flow_tuple(flow, (enum track_direction) !direction);
    struct track_ftp_place own = track_own_place(flow, direction);

    return (struct track_expectation){
        .source = other->source,
        /* The speaker, as the other side knows it. */
        .destination =
            packet_address_equal(&place->address, &own.address) ? other->destination : place->address,
        .port = place->port,
        .saved_port = place->port,
        .direction = (uint8_t)direction,
        .zone = flow->tuple.zone,
        .family = flow->tuple.family,
        .master = flow->helper_data,
        .expires = now_ms + (uint64_t)config->timeouts.expectation * 1000,
    };
}

/* A stranger's address would open a hole to a machine that has not asked for it (CVE-2001-0405). */
static inline bool track_is_foreign(const struct track_ftp_place *place, const struct track_flow *flow,
                                    enum track_direction direction, const struct track_config *config)
{
    struct track_ftp_place own = track_own_place(flow, direction);

    return !config->ftp_loose && !packet_address_equal(&place->address, &own.address);
}

/* What becomes of a new expectation, in the order of __nf_ct_expect_check. */
enum track_expecting {
    TRACK_EXPECTING_TAKEN,   /* one of another control connection stands */
    TRACK_EXPECTING_AGAIN,   /* the same starts afresh */
    TRACK_EXPECTING_INSTEAD, /* the one before goes, even if there turns out to be no room */
    TRACK_EXPECTING_FIRST,
};

/* same: one that clashes with it is there, of its own control connection or another; another: its control
 * connection has one. */
static inline enum track_expecting track_expecting(bool same, bool own, bool another)
{
    if (same)
        return own ? TRACK_EXPECTING_AGAIN : TRACK_EXPECTING_TAKEN;
    return another ? TRACK_EXPECTING_INSTEAD : TRACK_EXPECTING_FIRST;
}

/* As Linux does: why it drops the packet, or TRACK_OK. announced: what became of the place that was heard.
 * What can't be expected is dropped, so that it comes again; a stranger's address is not its fault. */
static inline enum track_reason track_linux_drops(enum track_ftp_heard heard, enum track_reason announced)
{
    if (heard == TRACK_FTP_PARTIAL)
        return TRACK_PARTIAL_MATCH;
    return heard == TRACK_FTP_PLACE && announced != TRACK_FOREIGN_ADDRESS ? announced : TRACK_OK;
}

/* The robust manner, which never drops: what of a payload is listened to. */
enum track_listening {
    TRACK_LISTEN_ON,    /* from *ret_from on, with the line as it stands */
    TRACK_LISTEN_AGAIN, /* sent again, or late, from a line's beginning: it speaks for itself */
    TRACK_LISTEN_NOT,
};

static inline enum track_listening track_listening(struct track_ftp_line *line, const struct track_ftp *ftp,
                                                   const struct track_flow *flow,
                                                   enum track_direction direction, uint32_t sequence,
                                                   uint32_t size, uint32_t *ret_from)
{
    bool picked_up = flow->tcp.side[direction & 1].flags & TRACK_TCP_LIBERAL;
    bool again = track_ftp_is_after_newline(ftp, direction, sequence);

    *ret_from = track_line_meet(line, sequence, size, picked_up);
    if (*ret_from < size)
        return TRACK_LISTEN_ON;
    *ret_from = 0;
    return again ? TRACK_LISTEN_AGAIN : TRACK_LISTEN_NOT;
}

/* For TRACK_LISTEN_AGAIN. */
static inline void track_line_begin(struct track_ftp_line *line, uint32_t sequence)
{
    line->next = sequence;
    line->reply = 0;
    line->flags = TRACK_LINE_STARTED;
    line->size = 0;
}

/* Bytes of a line that was taken, without its end. */
static inline uint32_t track_line_size(const struct track_ftp_line *line)
{
    uint32_t size = line->size;

    if (size > TRACK_FTP_LINE)
        size = TRACK_FTP_LINE;
    return size && line->text[size - 1] == '\r' ? size - 1 : size;
}

#endif
