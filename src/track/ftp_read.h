/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_FTP_READ_H
#define SALLY_TRACK_FTP_READ_H

/*
 * Reads data addresses out of PORT, EPRT, 227 and 229, in the two ways that matter: exactly as Linux does
 * (net/netfilter/nf_conntrack_ftp.c: octets of any size, ports that wrap), and as RFC 959, 1123 and 2428 say.
 * Freestanding, every loop bounded.
 */
#include "track/flow.h"

enum {
    TRACK_FTP_LONGEST = 65536, /* payload that is looked at: no segment is longer */
};

/* What a line names. The address begins as the sender's own, for EPSV names none. */
struct track_ftp_place {
    struct packet_address address;
    uint16_t port;
    uint8_t family;
};

/* How to read a number. */
enum track_ftp_manner {
    TRACK_FTP_AS_LINUX,
    TRACK_FTP_STRICT, /* an octet over 255 or a port over 65535 is a mistake */
};

static inline bool track_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline uint8_t track_fold(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

/* Do the first size bytes of both agree, whatever their case? */
static inline bool track_same_word(const uint8_t *data, const char *word, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        if (track_fold(data[i]) != (uint8_t)word[i])
            return false;
    }
    return true;
}

static inline void track_set_ipv4(struct track_ftp_place *place, const uint32_t octet[4])
{
    uint32_t host = octet[0] << 24 | octet[1] << 16 | octet[2] << 8 | octet[3];
    uint8_t wire[4] = {(uint8_t)(host >> 24), (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host};

    __builtin_memcpy(&place->address.word[0], wire, 4);
}

/*
 * count numbers with a separator between them, up to a terminator (0: anything that is neither). Missing
 * digits are a 0. Returns the length, without the terminator, or 0.
 */
static inline uint32_t track_read_numbers(const uint8_t *data, uint32_t size, uint32_t *number,
                                          uint32_t count, uint8_t separator, uint8_t terminator)
{
    uint32_t i = 0;

    for (uint32_t n = 0; n < count; n++)
        number[n] = 0;
    for (uint32_t at = 0; at < size && at < TRACK_FTP_LONGEST; at++) {
        if (track_is_digit(data[at]))
            number[i] = number[i] * 10 + data[at] - '0';
        else if (data[at] != separator)
            return i == count - 1 && (!terminator || data[at] == terminator) ? at : 0;
        else if (++i == count)
            return 0;
    }
    return 0;
}

/* h1,h2,h3,h4,p1,p2. Linux ors what exceeds an octet into its neighbours: PORT ...,40,999 names port 11239.
 */
static inline bool track_read_host_port(const uint8_t *data, uint32_t size, uint8_t terminator,
                                        struct track_ftp_place *place)
{
    uint32_t number[6];

    if (!track_read_numbers(data, size, number, 6, ',', terminator))
        return false;
    track_set_ipv4(place, number);
    place->port = (uint16_t)(number[4] << 8 | number[5]);
    return true;
}

/* From the first digit on; there may be parentheses or not (RFC 1123 section 4.1.2.6). */
static inline bool track_read_passive(const uint8_t *data, uint32_t size, struct track_ftp_place *place)
{
    uint32_t at = 0;

    while (at < size && at < TRACK_FTP_LONGEST && !track_is_digit(data[at]))
        at++;
    return at < size && track_read_host_port(data + at, size - at, 0, place);
}

/* A port up to delimiter; it wraps at 65,536, and 0 is none. */
static inline bool track_read_port(const uint8_t *data, uint32_t size, uint32_t from, uint8_t delimiter,
                                   uint16_t *port)
{
    uint16_t value = 0;

    for (uint32_t at = from; at < size && at < TRACK_FTP_LONGEST; at++) {
        if (data[at] == delimiter) {
            if (value == 0)
                return false;
            *port = value;
            return true;
        }
        if (!track_is_digit(data[at]))
            return false;
        value = (uint16_t)(value * 10u + data[at] - '0');
    }
    return false;
}

/* RFC 2428 section 2: any printable character may stand between the fields; Linux adds: but no digit. */
static inline bool track_is_delimiter(uint8_t c)
{
    return c >= 33 && c <= 126 && !track_is_digit(c);
}

/* ---- IPv6 addresses as Linux's in6_pton reads them ---- */

enum track_six_mark { TRACK_SIX_END, TRACK_SIX_COLON, TRACK_SIX_DOT, TRACK_SIX_HEX, TRACK_SIX_OTHER };

static inline enum track_six_mark track_six_mark(const uint8_t *data, uint32_t size, uint32_t at,
                                                 uint8_t delimiter)
{
    uint8_t c = at < size ? data[at] : 0;

    if (c == delimiter || c == 0)
        return TRACK_SIX_END;
    if (c == ':')
        return TRACK_SIX_COLON;
    if (c == '.')
        return TRACK_SIX_DOT;
    c = track_fold(c);
    return track_is_digit(c) || (c >= 'A' && c <= 'F') ? TRACK_SIX_HEX : TRACK_SIX_OTHER;
}

static inline uint16_t track_hex(uint8_t c)
{
    return (uint16_t)(track_is_digit(c) ? c - '0' : track_fold(c) - 'A' + 10);
}

/* A dotted quad from `at` on, ended by the delimiter or a colon: two groups. Returns where it ended, or 0. */
static inline uint32_t track_six_quad(const uint8_t *data, uint32_t size, uint32_t at, uint8_t delimiter,
                                      uint16_t group[2])
{
    uint32_t value = 0, octets = 0;
    bool digits = false;

    for (uint32_t n = 0; n < TRACK_FTP_LONGEST && octets < 4; n++, at++) {
        enum track_six_mark mark = track_six_mark(data, size, at, delimiter);
        if (mark == TRACK_SIX_HEX && track_is_digit(data[at])) {
            value = value * 10 + data[at] - '0';
            digits = true;
            if (value > 255)
                return 0;
            continue;
        }
        if (!digits || mark == TRACK_SIX_HEX || mark == TRACK_SIX_OTHER)
            return 0;
        group[octets / 2] = (uint16_t)(octets % 2 ? group[octets / 2] | value : value << 8);
        octets++;
        value = 0;
        digits = false;
        if (mark != TRACK_SIX_DOT)
            return octets == 4 ? at : 0;
    }
    return 0;
}

/* Groups of hexadecimal digits, one "::" for a run of zeros. count never exceeds 8. */
struct track_six {
    uint16_t group[8];
    uint32_t count;
    uint32_t gap; /* groups before the "::"; 8 and more: there was none */
};

static inline void track_six_push(struct track_six *six, uint16_t value)
{
    if (six->count < 8)
        six->group[six->count++] = value;
}

static inline void track_six_finish(const struct track_six *six, struct packet_address *ret)
{
    uint8_t wire[16] = {0};
    uint32_t after = six->gap > six->count ? 0 : six->count - six->gap;

    for (uint32_t i = 0; i < six->count && i < 8; i++) {
        uint32_t to = six->gap <= six->count && i >= six->gap ? 8 - after + (i - six->gap) : i;
        wire[(2 * to) & 15] = (uint8_t)(six->group[i] >> 8);
        wire[(2 * to + 1) & 15] = (uint8_t)six->group[i];
    }
    __builtin_memcpy(ret->word, wire, 16);
}

/* Returns the length of the address before its delimiter (the end of data counts as one), or 0. */
static inline uint32_t track_read_six(const uint8_t *data, uint32_t size, uint8_t delimiter,
                                      struct packet_address *ret)
{
    enum { NO_GAP = 99 };
    struct track_six six = {.gap = NO_GAP};
    uint32_t value = 0, at = 0, token = 0;
    bool digits = false, colon = false;

    for (uint32_t n = 0; n < TRACK_FTP_LONGEST; n++, at++) {
        enum track_six_mark mark = track_six_mark(data, size, at, delimiter);
        bool has_gap = six.gap != NO_GAP;

        if (mark == TRACK_SIX_HEX) {
            /* Leading zeros don't count, so a group may be longer than four digits. */
            if ((digits && (value & 0xf000)) || (at == 1 && colon) || six.count == 8)
                return 0;
            value = value << 4 | track_hex(data[at]);
            digits = true;
            colon = false;
        } else if (mark == TRACK_SIX_COLON && digits) {
            if (six.count >= 7)
                return 0;
            track_six_push(&six, (uint16_t)value);
            value = 0;
            digits = false;
            colon = true;
            token = at + 1;
        } else if (mark == TRACK_SIX_COLON && at == 0) {
            colon = true;
            token = 1;
        } else if (mark == TRACK_SIX_COLON && colon && !has_gap) {
            track_six_push(&six, 0);
            six.gap = six.count;
            colon = false;
            token = at + 1;
        } else if (mark == TRACK_SIX_END && (digits ? has_gap || six.count == 7 : has_gap && !colon)) {
            track_six_push(&six, (uint16_t)value);
            break;
        } else if (mark == TRACK_SIX_DOT && digits && (six.count == 6 || (has_gap && six.count < 6))) {
            at = track_six_quad(data, size, token, delimiter, &six.group[six.count]);
            if (at == 0)
                return 0;
            six.count += 2;
            break;
        } else {
            return 0;
        }
    }
    track_six_finish(&six, ret);
    return at;
}

/* |1|132.235.1.2|6275| or |2|1080::8:800:200C:417A|5282|. Only the connection's own family will do. */
static inline bool track_read_extended_port(const uint8_t *data, uint32_t size, struct track_ftp_place *place)
{
    uint32_t number[4], length;

    if (size <= 3 || !track_is_delimiter(data[0]) || data[2] != data[0] ||
        data[1] != (place->family == PACKET_IPV6 ? '2' : '1'))
        return false;
    if (place->family == PACKET_IPV6) {
        length = track_read_six(data + 3, size - 3, data[0], &place->address);
    } else {
        length = track_read_numbers(data + 3, size - 3, number, 4, '.', data[0]);
        if (length)
            track_set_ipv4(place, number);
    }
    return length && track_read_port(data, size, 3 + length + 1, data[0], &place->port);
}

/* |||6446| */
static inline bool track_read_extended_passive(const uint8_t *data, uint32_t size,
                                               struct track_ftp_place *place)
{
    return size > 3 && track_is_delimiter(data[0]) && data[1] == data[0] && data[2] == data[0] &&
           track_read_port(data, size, 3, data[0], &place->port);
}

#endif
