/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_FTP_LINE_H
#define SALLY_TRACK_FTP_LINE_H

/*
 * The robust manner: puts the lines of a control connection together, across segments, and reads those that
 * name a data port as RFC 959, 1123 and 2428 say. Freestanding, bounded.
 */
#include "track/ftp_read.h"
#include "track/tcp_window.h"

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

enum track_ftp_named {
    TRACK_FTP_NAMES_NOTHING,
    TRACK_FTP_NAMES_PLACE,
    TRACK_FTP_NAMES_NONSENSE, /* of the right form, but an octet over 255, or a port of 0 or over 65535 */
};

/* A decimal number at *at, which moves past it; capped above 65535. false: no digit there. */
static inline bool track_line_number(const uint8_t *text, uint32_t size, uint32_t *at, uint32_t *ret)
{
    uint32_t value = 0, begin = *at;

    while (*at < size && *at - begin < TRACK_FTP_LINE && track_is_digit(text[*at])) {
        value = value * 10 + text[*at] - '0';
        if (value > 65536)
            value = 65536;
        (*at)++;
    }
    *ret = value;
    return *at > begin;
}

/* count numbers with a separator between them. */
static inline bool track_line_numbers(const uint8_t *text, uint32_t size, uint32_t *at, uint8_t separator,
                                      uint32_t *number, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i && (*at >= size || text[(*at)++] != separator))
            return false;
        if (!track_line_number(text, size, at, &number[i]))
            return false;
    }
    return true;
}

static inline enum track_ftp_named track_line_host_port(const uint8_t *text, uint32_t size, uint32_t at,
                                                        struct track_ftp_place *place)
{
    uint32_t number[6], excess = 0;

    if (!track_line_numbers(text, size, &at, ',', number, 6) || (at < size && text[at] == ','))
        return TRACK_FTP_NAMES_NOTHING;
    for (uint32_t i = 0; i < 6; i++)
        excess |= number[i] >> 8;
    if (excess || !(number[4] | number[5]))
        return TRACK_FTP_NAMES_NONSENSE;
    track_set_ipv4(place, number);
    place->port = (uint16_t)(number[4] << 8 | number[5]);
    return TRACK_FTP_NAMES_PLACE;
}

/* The first run of six numbers: the text may hold other digits before it. */
static inline enum track_ftp_named track_line_passive(const uint8_t *text, uint32_t size, uint32_t at,
                                                      struct track_ftp_place *place)
{
    for (; at < size && at < TRACK_FTP_LINE; at++) {
        if (!track_is_digit(text[at]) || track_is_digit(text[at - 1]))
            continue;
        enum track_ftp_named named = track_line_host_port(text, size, at, place);
        if (named != TRACK_FTP_NAMES_NOTHING)
            return named;
    }
    return TRACK_FTP_NAMES_NOTHING;
}

/* A port and its delimiter. */
static inline enum track_ftp_named track_line_port(const uint8_t *text, uint32_t size, uint32_t at,
                                                   uint8_t delimiter, struct track_ftp_place *place)
{
    uint32_t port;

    if (!track_line_number(text, size, &at, &port) || at >= size || text[at] != delimiter)
        return TRACK_FTP_NAMES_NOTHING;
    if (port == 0 || port > 65535)
        return TRACK_FTP_NAMES_NONSENSE;
    place->port = (uint16_t)port;
    return TRACK_FTP_NAMES_PLACE;
}

static inline enum track_ftp_named track_line_eprt(const uint8_t *text, uint32_t size, uint32_t at,
                                                   struct track_ftp_place *place)
{
    uint8_t delimiter;

    if (size - at <= 3 || !track_is_delimiter(text[at]) || text[at + 2] != text[at])
        return TRACK_FTP_NAMES_NOTHING;
    delimiter = text[at];
    if (text[at + 1] != (place->family == PACKET_IPV6 ? '2' : '1'))
        return TRACK_FTP_NAMES_NOTHING;
    at += 3;
    if (place->family == PACKET_IPV6) {
        uint32_t length = track_read_six(text + at, size - at, delimiter, &place->address);
        if (length == 0)
            return TRACK_FTP_NAMES_NOTHING;
        at += length;
    } else {
        uint32_t number[4];
        if (!track_line_numbers(text, size, &at, '.', number, 4))
            return TRACK_FTP_NAMES_NOTHING;
        if ((number[0] | number[1] | number[2] | number[3]) >> 8)
            return TRACK_FTP_NAMES_NONSENSE;
        track_set_ipv4(place, number);
    }
    if (at >= size || text[at] != delimiter)
        return TRACK_FTP_NAMES_NOTHING;
    return track_line_port(text, size, at + 1, delimiter, place);
}

static inline enum track_ftp_named track_line_epsv(const uint8_t *text, uint32_t size, uint32_t at,
                                                   struct track_ftp_place *place)
{
    while (at < size && at < TRACK_FTP_LINE && text[at] != '(')
        at++;
    at++;
    if (at + 3 >= size || !track_is_delimiter(text[at]) || text[at + 1] != text[at] ||
        text[at + 2] != text[at])
        return TRACK_FTP_NAMES_NOTHING;
    return track_line_port(text, size, at + 3, text[at], place);
}

/*
 * Does a line (without its end) name a data port? *place comes with the sender's own address and family, and
 * is changed only if it does.
 */
static inline enum track_ftp_named track_line_read(enum track_direction direction, const uint8_t *text,
                                                   uint32_t size, struct track_ftp_place *place)
{
    struct track_ftp_place named = *place;
    enum track_ftp_named r = TRACK_FTP_NAMES_NOTHING;
    uint32_t at = 4;

    if (size <= 5 || text[4 - (direction == TRACK_REPLY)] != ' ')
        return TRACK_FTP_NAMES_NOTHING;
    while (at < size && at < TRACK_FTP_LINE && text[at] == ' ')
        at++;
    if (direction == TRACK_ORIGINAL && track_same_word(text, "PORT", 4))
        r = track_line_host_port(text, size, at, &named);
    else if (direction == TRACK_ORIGINAL && track_same_word(text, "EPRT", 4))
        r = track_line_eprt(text, size, at, &named);
    else if (direction == TRACK_REPLY && track_same_word(text, "227", 3))
        r = track_line_passive(text, size, at, &named);
    else if (direction == TRACK_REPLY && track_same_word(text, "229", 3))
        r = track_line_epsv(text, size, at, &named);
    if (r == TRACK_FTP_NAMES_PLACE)
        *place = named;
    return r;
}

/* ---- from segments to lines ---- */

/* The code of "227-..." or "227 ...", or 0. */
static inline uint16_t track_line_code(const struct track_ftp_line *l, uint8_t mark)
{
    if (l->size < 4 || l->text[3] != mark || !track_is_digit(l->text[0]) || !track_is_digit(l->text[1]) ||
        !track_is_digit(l->text[2]))
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
 * Takes bytes from *at on, up to the end of a line or of the data. true: text holds a whole line that counts;
 * call track_line_drop when it is read.
 */
static inline bool track_line_take(struct track_ftp_line *l, enum track_direction direction,
                                   const uint8_t *data, uint32_t size, uint32_t *at)
{
    for (uint32_t n = 0; n < TRACK_FTP_LONGEST && *at < size; n++) {
        uint8_t c = data[(*at)++];

        l->next++;
        if (c != '\n') {
            if (l->size < TRACK_FTP_LINE && !(l->flags & TRACK_LINE_LOST))
                l->text[l->size++] = c;
            continue;
        }
        if (!(l->flags & TRACK_LINE_LOST) && (direction == TRACK_ORIGINAL || track_line_counts(l)))
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
