/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_FTP_H
#define SALLY_TRACK_FTP_H

/*
 * The FTP helper's ears, in the manner of Linux (net/netfilter/nf_conntrack_ftp.c, 6.12 and 6.18): what it
 * hears in a segment, and what it misses. Freestanding. The robust manner is in ftp_line.h.
 */
#include "track/ftp_read.h"
#include "track/tcp_window.h"

enum { TRACK_FTP_NEWLINES = 2 };

/* What the helper remembers of a control connection; nf_conntrack_ftp.h: nf_ct_ftp_master. */
struct track_ftp {
    uint32_t newline[TRACK_DIRECTIONS][TRACK_FTP_NEWLINES]; /* sequence numbers right after a newline */
    uint8_t newlines[TRACK_DIRECTIONS];
    uint8_t heard; /* directions that have sent a payload, bit by bit; only the reasons for people ask */
};

enum track_ftp_heard {
    TRACK_FTP_NOT_HEARD, /* the segment does not begin where a newline was seen to end */
    TRACK_FTP_NOTHING,   /* it begins with something else */
    TRACK_FTP_PLACE,
    TRACK_FTP_PARTIAL, /* it begins like an announcement that can't be read: Linux drops it */
};

static inline bool track_ftp_is_after_newline(const struct track_ftp *ftp, enum track_direction direction,
                                              uint32_t sequence)
{
    for (uint32_t i = 0; i < TRACK_FTP_NEWLINES && i < ftp->newlines[direction]; i++) {
        if (ftp->newline[direction][i] == sequence)
            return true;
    }
    return false;
}

/* Of two, the older one goes; what is older than both is not remembered. */
static inline void track_ftp_remember_newline(struct track_ftp *ftp, enum track_direction direction,
                                              uint32_t sequence)
{
    uint32_t *newline = ftp->newline[direction];

    if (track_ftp_is_after_newline(ftp, direction, sequence))
        return;
    if (ftp->newlines[direction] < TRACK_FTP_NEWLINES) {
        newline[ftp->newlines[direction]++ & 1] = sequence;
        return;
    }
    uint32_t oldest = track_before(newline[0], newline[1]) ? 0 : 1;
    if (track_after(sequence, newline[oldest]))
        newline[oldest] = sequence;
}

/* One pattern at the very beginning of a segment. skip: what its address follows; 0: nothing. */
static inline enum track_ftp_heard track_ftp_match(const uint8_t *data, uint32_t size, const char *pattern,
                                                   uint8_t skip, uint32_t *ret_offset)
{
    uint32_t at = 4;

    if (size <= 4)
        return track_same_word(data, pattern, size) ? TRACK_FTP_PARTIAL : TRACK_FTP_NOTHING;
    if (!track_same_word(data, pattern, 4))
        return TRACK_FTP_NOTHING;
    if (skip) {
        while (at < size && at < TRACK_FTP_LONGEST && data[at] != skip)
            at++;
        if (at >= size)
            return TRACK_FTP_PARTIAL;
        at++;
    }
    *ret_offset = at;
    return TRACK_FTP_PLACE;
}

/* Does the segment begin with an announcement? *place comes with the sender's own address and family. */
static inline enum track_ftp_heard track_ftp_find(enum track_direction direction, const uint8_t *data,
                                                  uint32_t size, struct track_ftp_place *place)
{
    bool reply = direction == TRACK_REPLY;
    enum track_ftp_heard heard;
    uint32_t at = 0;
    bool read;

    heard = track_ftp_match(data, size, reply ? "227 " : "PORT", reply ? 0 : ' ', &at);
    if (heard == TRACK_FTP_PLACE) {
        read = reply ? track_read_passive(data + at, size - at, place)
                     : track_read_host_port(data + at, size - at, '\r', place);
        return read ? TRACK_FTP_PLACE : TRACK_FTP_PARTIAL;
    }
    if (heard == TRACK_FTP_PARTIAL)
        return heard;
    heard = track_ftp_match(data, size, reply ? "229 " : "EPRT", reply ? '(' : ' ', &at);
    if (heard != TRACK_FTP_PLACE)
        return heard;
    read = reply ? track_read_extended_passive(data + at, size - at, place)
                 : track_read_extended_port(data + at, size - at, place);
    return read ? TRACK_FTP_PLACE : TRACK_FTP_PARTIAL;
}

/* A payload of size (at least 1) bytes that begins at sequence. */
static inline enum track_ftp_heard track_ftp_listen(struct track_ftp *ftp, enum track_direction direction,
                                                    uint32_t sequence, const uint8_t *data, uint32_t size,
                                                    struct track_ftp_place *place)
{
    enum track_ftp_heard heard = TRACK_FTP_NOT_HEARD;

    if (track_ftp_is_after_newline(ftp, direction, sequence))
        heard = track_ftp_find(direction, data, size, place);
    /* What is dropped will come again, so its newline does not count yet. */
    if (heard != TRACK_FTP_PARTIAL && data[size - 1] == '\n')
        track_ftp_remember_newline(ftp, direction, sequence + size);
    return heard;
}

#endif
