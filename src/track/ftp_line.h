/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_FTP_LINE_H
#define SALLY_TRACK_FTP_LINE_H

/*
 * The robust manner: puts the lines of a control connection together, across segments, and reads those that
 * name a data port as RFC 959, 1123 and 2428 say. Freestanding, bounded.
 */
#include "track/ftp.h"

enum {
    /* The longest that matters: EPRT with the longest IPv6 address is 65; 227 may begin with some prose. */
    TRACK_FTP_LINE = 112,
};

enum track_ftp_line_flag {
    TRACK_LINE_STARTED = 1 << 0, /* next is known */
    TRACK_LINE_LOST = 1 << 1,    /* not at a line's beginning: wait for a newline */
};

/* One direction. */
struct track_ftp_line {
    uint32_t next;  /* sequence number of the next byte */
    uint16_t reply; /* code of a multi-line reply that has not ended (RFC 959 section 4.2), or 0 */
    uint8_t flags;
    uint8_t size; /* bytes in text; what did not fit is not there */
    uint8_t text[TRACK_FTP_LINE];
};

/* The first run of six numbers: the text may hold other digits before it. */
BOUNDED_PART int track_line_passive(struct ftp_reader *r)
{
    BOUNDED_NEEDS(r);
    BOUNDED_LOOP(n, TRACK_FTP_LINE) {
        uint32_t at = r->text.at;
        int read = FTP_READ_NOTHING;
        if (at >= r->text.size || at >= TRACK_FTP_LINE)
            break;
        r->token = at;
        if (bounded_is_digit(bounded_byte(&r->text, at)) && !bounded_is_digit(bounded_byte(&r->text, at - 1)))
            read = ftp_read_host_port(r, FTP_AS_HELPER);
        if (read != FTP_READ_NOTHING)
            return read;
        r->text.at = r->token + 1;
    }
    return FTP_READ_NOTHING;
}

BOUNDED_PART int track_line_extended(struct ftp_reader *r, uint32_t reply, uint32_t six)
{
    uint32_t at, delimiter;

    BOUNDED_NEEDS(r);
    if (reply) {
        BOUNDED_LOOP(n, TRACK_FTP_LINE) {
            if (r->text.at >= TRACK_FTP_LINE || bounded_here(&r->text) == '(')
                break;
            r->text.at++;
        }
        r->text.at++;
    }
    at = r->text.at;
    delimiter = bounded_byte(&r->text, at);
    if (!ftp_is_delimiter(delimiter) || bounded_byte(&r->text, at + 2) != delimiter ||
        bounded_byte(&r->text, at + 1) != (reply ? delimiter
                                           : six ? '2'
                                                 : '1'))
        return FTP_READ_NOTHING;
    r->text.at = at + 3;
    return reply ? ftp_read_port(r, delimiter, FTP_AS_HELPER)
                 : ftp_read_ends(r, delimiter, six, FTP_AS_HELPER);
}

/* The line in the reader, without its end. */
BOUNDED_PART int track_line_find(struct ftp_reader *r, uint32_t reply, uint32_t six)
{
    BOUNDED_NEEDS(r);
    if (r->text.size <= 5 || bounded_byte(&r->text, reply ? 3 : 4) != ' ')
        return FTP_READ_NOTHING;
    r->text.at = 4;
    BOUNDED_LOOP(n, TRACK_FTP_LINE) {
        if (bounded_here(&r->text) != ' ')
            break;
        r->text.at++;
    }
    if (bounded_says(&r->text, 0, reply ? "227" : "PORT", reply ? 3 : 4))
        return reply ? track_line_passive(r) : ftp_read_host_port(r, FTP_AS_HELPER);
    if (bounded_says(&r->text, 0, reply ? "229" : "EPRT", reply ? 3 : 4))
        return track_line_extended(r, reply, six);
    return FTP_READ_NOTHING;
}

/*
 * Does the line in the reader, without its end, name a data port? *place comes with the sender's own address
 * and family, and is changed only if it does.
 */
static inline enum ftp_read track_line_read(enum track_direction direction, struct ftp_reader *r,
                                            struct track_ftp_place *place)
{
    enum ftp_read read;

    track_place_give(place, r);
    read = (enum ftp_read)track_line_find(r, direction == TRACK_REPLY, place->family == PACKET_IPV6);
    if (read == FTP_READ_PLACE)
        track_place_take(place, r);
    return read;
}

/* ---- from segments to lines ---- */

/* The code of "227-..." or "227 ...", or 0. */
static inline uint16_t track_line_code(const struct track_ftp_line *l, uint8_t mark)
{
    if (l->size < 4 || l->text[3] != mark || !bounded_is_digit(l->text[0]) || !bounded_is_digit(l->text[1]) ||
        !bounded_is_digit(l->text[2]))
        return 0;
    return (uint16_t)((l->text[0] - '0') * 100 + (l->text[1] - '0') * 10 + l->text[2] - '0');
}

/* A reply line is complete: does it speak for itself, or is it the middle of a multi-line reply? */
static inline bool track_line_counts(struct track_ftp_line *l)
{
    uint16_t first = track_line_code(l, '-'), last = track_line_code(l, ' ');

    if (l->reply && l->reply != last)
        return false;
    l->reply = l->reply ? 0 : first;
    return !l->reply;
}

/*
 * A segment of size bytes begins at sequence. Returns how many of its bytes have been seen before (all:
 * size). picked_up: the connection was not seen to begin, so its first byte may be in the middle of a line.
 */
static inline uint32_t track_line_meet(struct track_ftp_line *l, uint32_t sequence, uint32_t size,
                                       bool picked_up)
{
    if (!(l->flags & TRACK_LINE_STARTED)) {
        l->flags = (uint8_t)(TRACK_LINE_STARTED | (picked_up ? TRACK_LINE_LOST : 0));
        l->next = sequence;
    }
    if (track_before(sequence, l->next)) {
        uint32_t seen = l->next - sequence;
        return seen < size ? seen : size;
    }
    if (sequence != l->next) {
        /* A segment is missing. What it held may come late, or never by this way. */
        l->flags |= TRACK_LINE_LOST;
        l->size = 0;
        l->reply = 0;
        l->next = sequence;
    }
    return 0;
}

/*
 * Takes bytes up to the end of a line or of the text. true: l holds a whole line that counts; call
 * track_line_drop when it is read.
 */
BOUNDED_PART int track_line_take(struct track_ftp_line *l, uint32_t reply, struct bounded_text *from)
{
    BOUNDED_NEEDS(l);
    BOUNDED_NEEDS(from);
    BOUNDED_LOOP(n, BOUNDED_TEXT) {
        uint32_t c = bounded_here(from), size = l->size;

        if (c == BOUNDED_END)
            break;
        from->at++;
        l->next++;
        if (c != '\n') {
            if (size < TRACK_FTP_LINE && !(l->flags & TRACK_LINE_LOST)) {
                l->text[size] = (uint8_t)c;
                l->size = (uint8_t)(size + 1);
            }
            continue;
        }
        if (!(l->flags & TRACK_LINE_LOST) && (!reply || track_line_counts(l)))
            return true;
        l->flags &= (uint8_t)~TRACK_LINE_LOST;
        l->size = 0;
    }
    return false;
}

static inline void track_line_drop(struct track_ftp_line *l)
{
    l->size = 0;
}

#endif
