/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_FTP_H
#define SALLY_TRACK_FTP_H

/*
 * The FTP helper's ears, in the manner of Linux (net/netfilter/nf_conntrack_ftp.c, 6.12 and 6.18): what it
 * hears in a segment, and what it misses. Freestanding. The robust manner is in ftp_line.h.
 */
#include "ftp/numbers.h"
#include "track/tcp_window.h"

enum { TRACK_FTP_NEWLINES = 2 };

/* What a line names. The address begins as the sender's own, for EPSV names none. */
struct track_ftp_place {
    struct packet_address address;
    uint16_t port;
    uint8_t family;
};

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

static inline void track_place_give(const struct track_ftp_place *place, struct ftp_reader *r)
{
    __builtin_memcpy(r->address, place->address.word, sizeof r->address);
}

static inline void track_place_take(struct track_ftp_place *place, const struct ftp_reader *r)
{
    __builtin_memcpy(place->address.word, r->address, sizeof r->address);
    place->port = r->port;
}

static inline bool track_ftp_is_after_newline(const struct track_ftp *ftp, enum track_direction direction,
                                              uint32_t sequence)
{
    uint32_t side = direction & 1;

    for (uint32_t i = 0; i < TRACK_FTP_NEWLINES; i++) {
        if (i < ftp->newlines[side] && ftp->newline[side][i] == sequence)
            return true;
    }
    return false;
}

/* Of two, the older one goes; what is older than both is not remembered. */
static inline void track_ftp_remember_newline(struct track_ftp *ftp, enum track_direction direction,
                                              uint32_t sequence)
{
    uint32_t side = direction & 1, *newline = ftp->newline[side];

    if (track_ftp_is_after_newline(ftp, direction, sequence))
        return;
    if (ftp->newlines[side] < TRACK_FTP_NEWLINES) {
        newline[ftp->newlines[side]++ & 1] = sequence;
        return;
    }
    uint32_t oldest = track_before(newline[0], newline[1]) ? 0 : 1;
    if (track_after(sequence, newline[oldest]))
        newline[oldest] = sequence;
}

/* Does the text begin like this? A cut-off beginning is partial. */
static inline enum track_ftp_heard track_ftp_begins(struct bounded_text *t, const char *pattern)
{
    if (!bounded_says(t, 0, pattern, t->size < 4 ? t->size : 4))
        return TRACK_FTP_NOTHING;
    t->at = 4;
    return t->size <= 4 ? TRACK_FTP_PARTIAL : TRACK_FTP_PLACE;
}

/* Past the next `until`, or up to the next digit if that is 0. */
BOUNDED_PART int track_ftp_skip(struct bounded_text *t, uint32_t until)
{
    BOUNDED_NEEDS(t);
    BOUNDED_LOOP(n, BOUNDED_TEXT) {
        uint32_t c = bounded_here(t);
        if (c == BOUNDED_END || (!until && bounded_is_digit(c)))
            break;
        t->at++;
        if (c == until)
            break;
    }
    return 0;
}

/* PORT and 227: there may be parentheses or not (RFC 1123 section 4.1.2.6). */
BOUNDED_PART int track_ftp_read_classic(struct ftp_reader *r, uint32_t reply)
{
    uint32_t end;

    BOUNDED_NEEDS(r);
    track_ftp_skip(&r->text, reply ? 0 : ' ');
    r->begin = r->text.at;
    if (ftp_read_host_port(r, FTP_AS_LINUX) != FTP_READ_PLACE)
        return TRACK_FTP_PARTIAL;
    end = bounded_here(&r->text);
    return (reply ? end != BOUNDED_END : end == '\r') ? TRACK_FTP_PLACE : TRACK_FTP_PARTIAL;
}

/* EPRT, of the connection's own family only, and 229. */
BOUNDED_PART int track_ftp_read_extended(struct ftp_reader *r, uint32_t reply, uint32_t six)
{
    uint32_t at, delimiter;
    int read;

    BOUNDED_NEEDS(r);
    track_ftp_skip(&r->text, reply ? '(' : ' ');
    at = r->begin = r->text.at;
    delimiter = bounded_byte(&r->text, at);
    if (!ftp_is_delimiter(delimiter) || bounded_byte(&r->text, at + 2) != delimiter ||
        bounded_byte(&r->text, at + 1) != (reply ? delimiter
                                           : six ? '2'
                                                 : '1'))
        return TRACK_FTP_PARTIAL;
    r->text.at = at + 3;
    read = reply ? ftp_read_port(r, delimiter, FTP_AS_LINUX) : ftp_read_ends(r, delimiter, six, FTP_AS_LINUX);
    return read == FTP_READ_PLACE ? TRACK_FTP_PLACE : TRACK_FTP_PARTIAL;
}

/* Does the segment begin with an announcement? *place comes with the sender's own address and family. */
static inline enum track_ftp_heard track_ftp_find(enum track_direction direction, struct ftp_reader *r,
                                                  struct track_ftp_place *place)
{
    bool reply = direction == TRACK_REPLY;
    enum track_ftp_heard heard = track_ftp_begins(&r->text, reply ? "227 " : "PORT");

    track_place_give(place, r);
    if (heard == TRACK_FTP_PLACE) {
        heard = (enum track_ftp_heard)track_ftp_read_classic(r, reply);
    } else if (heard == TRACK_FTP_NOTHING) {
        heard = track_ftp_begins(&r->text, reply ? "229 " : "EPRT");
        if (heard == TRACK_FTP_PLACE)
            heard = (enum track_ftp_heard)track_ftp_read_extended(r, reply, place->family == PACKET_IPV6);
    }
    if (heard == TRACK_FTP_PLACE)
        track_place_take(place, r);
    return heard;
}

/* A payload of size (at least 1) bytes that begins at sequence; ends: with a newline. */
static inline enum track_ftp_heard track_ftp_listen(struct track_ftp *ftp, enum track_direction direction,
                                                    uint32_t sequence, uint32_t size, bool ends,
                                                    struct ftp_reader *r, struct track_ftp_place *place)
{
    enum track_ftp_heard heard = TRACK_FTP_NOT_HEARD;

    if (track_ftp_is_after_newline(ftp, direction, sequence))
        heard = track_ftp_find(direction, r, place);
    /* What is dropped will come again, so its newline does not count yet. */
    if (heard != TRACK_FTP_PARTIAL && ends)
        track_ftp_remember_newline(ftp, direction, sequence + size);
    return heard;
}

#endif
