/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_NUMBERS_H
#define SALLY_FTP_NUMBERS_H

/*
 * The numbers by which PORT, EPRT, 227 and 229 name a data port (RFC 959 section 5.3.2, RFC 2428). Freestanding,
 * for the server, the native tracker and the kernel program, which differ in how they find them and in how
 * strict they are.
 */
#include "base/bounded.h"

/* How strict. */
enum ftp_manner {
    FTP_AS_LINUX,  /* nf_conntrack_ftp.c: missing digits are a 0, numbers of any size wrap */
    FTP_AS_HELPER, /* RFC 959, 1123 and 2428 as a firewall may believe them */
    FTP_AS_SERVER, /* as a server takes a command: besides, no number is longer than it need be */
};

enum ftp_read {
    FTP_READ_NOTHING, /* of another form */
    FTP_READ_PLACE,
    FTP_READ_NONSENSE, /* of the right form, but an octet over 255, or a port of 0 or over 65535 */
};

/* What is odd about the numbers read so far. */
enum ftp_flaw {
    FTP_NO_DIGIT = 1 << 0,
    FTP_OVER_OCTET = 1 << 1,
    FTP_OVER_PORT = 1 << 2,
    FTP_LEADING_ZERO = 1 << 3,
    FTP_LONG_OCTET = 1 << 4, /* more than three digits */
    FTP_LONG_PORT = 1 << 5,  /* more than five */
};

/* Reads on from text.at. */
struct ftp_reader {
    struct bounded_text text;
    uint32_t begin; /* where what names the place begins; it ends at text.at */
    uint32_t flaws; /* enum ftp_flaw */
    uint32_t digits;
    uint32_t number[6]; /* modulo 2^32 */
    /* An IPv6 address: groups, and how many stand before the "::" */
    uint32_t value, count, gap, token;
    bool colon;
    uint8_t group[16];
    /* What was read; IPv4 in the first four, network order. */
    uint8_t address[16];
    uint16_t port;
};

/* RFC 2428 section 2: any printable character may stand between the fields; Linux adds: but no digit. */
static inline bool ftp_is_delimiter(uint32_t c)
{
    return c >= 33 && c <= 126 && !bounded_is_digit(c);
}

/* One decimal number, maybe of no digits, into number[i]. */
BOUNDED_PART int ftp_read_number(struct ftp_reader *r, uint32_t i)
{
    BOUNDED_NEEDS(r);
    if (i >= 6)
        return 0;
    r->number[i] = 0;
    r->digits = 0;
    BOUNDED_LOOP(n, BOUNDED_TEXT) {
        uint32_t c = bounded_here(&r->text), value = r->number[i];
        if (!bounded_is_digit(c))
            break;
        if (r->digits && value == 0)
            r->flaws |= FTP_LEADING_ZERO;
        value = value * 10 + (c - '0');
        if (value > UINT8_MAX)
            r->flaws |= FTP_OVER_OCTET;
        if (value > UINT16_MAX)
            r->flaws |= FTP_OVER_PORT;
        r->number[i] = value;
        r->digits++;
        r->text.at++;
    }
    if (r->digits == 0)
        r->flaws |= FTP_NO_DIGIT;
    if (r->digits > 3)
        r->flaws |= FTP_LONG_OCTET;
    if (r->digits > 5)
        r->flaws |= FTP_LONG_PORT;
    return 0;
}

/* count of them with a separator between each two, and none behind. false: the form is another. */
BOUNDED_PART int ftp_read_numbers(struct ftp_reader *r, uint32_t count, uint32_t separator)
{
    BOUNDED_NEEDS(r);
    r->flaws = 0;
    BOUNDED_LOOP(i, 6) {
        if (i >= count)
            break;
        if (i > 0) {
            if (bounded_here(&r->text) != separator)
                return false;
            r->text.at++;
        }
        ftp_read_number(r, i);
    }
    return bounded_here(&r->text) != separator;
}

/* Which flaws make it something else; the others make it nonsense. */
static inline uint32_t ftp_flaws_of_form(enum ftp_manner manner, uint32_t too_long)
{
    if (manner == FTP_AS_LINUX)
        return 0;
    return manner == FTP_AS_SERVER ? FTP_NO_DIGIT | too_long : FTP_NO_DIGIT;
}

/* Linux ors what exceeds an octet into its neighbours. */
static inline void ftp_set_ipv4(struct ftp_reader *r)
{
    uint32_t host = r->number[0] << 24 | r->number[1] << 16 | r->number[2] << 8 | r->number[3];

    r->address[0] = (uint8_t)(host >> 24);
    r->address[1] = (uint8_t)(host >> 16);
    r->address[2] = (uint8_t)(host >> 8);
    r->address[3] = (uint8_t)host;
}

/* h1,h2,h3,h4,p1,p2. What follows is the caller's to judge, but it is no comma. */
BOUNDED_PART int ftp_read_host_port(struct ftp_reader *r, enum ftp_manner manner)
{
    BOUNDED_NEEDS(r);
    if (!ftp_read_numbers(r, 6, ',') || (r->flaws & ftp_flaws_of_form(manner, FTP_LONG_OCTET)))
        return FTP_READ_NOTHING;
    if (manner != FTP_AS_LINUX && ((r->flaws & FTP_OVER_OCTET) || !(r->number[4] | r->number[5])))
        return FTP_READ_NONSENSE;
    ftp_set_ipv4(r);
    /* As Linux reads it, PORT ...,40,999 names port 11239. */
    r->port = (uint16_t)(r->number[4] << 8 | r->number[5]);
    return FTP_READ_PLACE;
}

/* A port and its delimiter. */
BOUNDED_PART int ftp_read_port(struct ftp_reader *r, uint32_t delimiter, enum ftp_manner manner)
{
    BOUNDED_NEEDS(r);
    r->flaws = 0;
    ftp_read_number(r, 0);
    if ((r->flaws & ftp_flaws_of_form(manner, FTP_LONG_PORT)) || bounded_here(&r->text) != delimiter)
        return FTP_READ_NOTHING;
    r->text.at++;
    r->port = (uint16_t)r->number[0];
    if (r->port == 0 || (manner != FTP_AS_LINUX && (r->flaws & FTP_OVER_PORT)))
        return FTP_READ_NONSENSE;
    return FTP_READ_PLACE;
}

/* ---- IPv6 addresses as Linux's in6_pton reads them ---- */

enum ftp_six_mark { FTP_SIX_END, FTP_SIX_COLON, FTP_SIX_DOT, FTP_SIX_HEX, FTP_SIX_OTHER };

static inline bool ftp_is_hex(uint32_t c)
{
    c = bounded_upper(c);
    return bounded_is_digit(c) || (c >= 'A' && c <= 'F');
}

static inline enum ftp_six_mark ftp_six_mark(uint32_t c, uint32_t delimiter)
{
    if (c == delimiter || c == 0 || c == BOUNDED_END)
        return FTP_SIX_END;
    if (c == ':')
        return FTP_SIX_COLON;
    if (c == '.')
        return FTP_SIX_DOT;
    return ftp_is_hex(c) ? FTP_SIX_HEX : FTP_SIX_OTHER;
}

static inline void ftp_six_push(struct ftp_reader *r, uint32_t value)
{
    uint32_t i = r->count;

    if (i >= 8)
        return;
    r->group[2 * i] = (uint8_t)(value >> 8);
    r->group[2 * i + 1] = (uint8_t)value;
    r->count = i + 1;
    r->value = r->digits = 0;
}

/* The last two groups as a dotted quad, which begins at token and may end with a colon. */
static inline bool ftp_six_quad(struct ftp_reader *r, uint32_t delimiter, enum ftp_manner manner)
{
    uint32_t flaws = FTP_NO_DIGIT | FTP_OVER_OCTET | (manner == FTP_AS_SERVER ? FTP_LEADING_ZERO : 0);

    r->text.at = r->token;
    if (!ftp_read_numbers(r, 4, '.') || (r->flaws & flaws))
        return false;
    enum ftp_six_mark mark = ftp_six_mark(bounded_here(&r->text), delimiter);
    if (mark != FTP_SIX_END && mark != FTP_SIX_COLON)
        return false;
    ftp_six_push(r, r->number[0] << 8 | r->number[1]);
    ftp_six_push(r, r->number[2] << 8 | r->number[3]);
    return true;
}

enum { FTP_SIX_NO_GAP = 99 };

static inline bool ftp_six_colon(struct ftp_reader *r, uint32_t n)
{
    if (r->digits) {
        if (r->count >= 7)
            return false;
        ftp_six_push(r, r->value);
        r->colon = true;
    } else if (n == 0) {
        r->colon = true;
    } else if (r->colon && r->gap == FTP_SIX_NO_GAP) {
        ftp_six_push(r, 0);
        r->gap = r->count;
        r->colon = false;
    } else {
        return false;
    }
    r->text.at++;
    r->token = r->text.at;
    return true;
}

static inline bool ftp_six_hex(struct ftp_reader *r, uint32_t n, uint32_t c, enum ftp_manner manner)
{
    /* Linux counts no leading zeros, so a group may be longer than four digits there. */
    if ((r->value & 0xf000) || (manner == FTP_AS_SERVER && r->digits == 4) || (n == 1 && r->colon) ||
        r->count == 8)
        return false;
    c = bounded_upper(c);
    r->value = r->value << 4 | (bounded_is_digit(c) ? c - '0' : c - 'A' + 10);
    r->digits++;
    r->colon = false;
    r->text.at++;
    return true;
}

/* Zeros go where the gap was. */
BOUNDED_PART int ftp_six_finish(struct ftp_reader *r)
{
    uint32_t moved, to;

    BOUNDED_NEEDS(r);
    for (uint32_t i = 0; i < 16; i++)
        r->address[i] = 0;
    moved = r->gap > r->count ? 0 : 8 - r->count;
    BOUNDED_LOOP(i, 8) {
        if (i >= r->count)
            break;
        to = (i >= r->gap ? i + moved : i) & 7;
        r->address[2 * to] = r->group[2 * i];
        r->address[2 * to + 1] = r->group[2 * i + 1];
    }
    return 0;
}

/* An address, up to its delimiter (the end of the text counts as one). */
BOUNDED_PART int ftp_read_six(struct ftp_reader *r, uint32_t delimiter, enum ftp_manner manner)
{
    BOUNDED_NEEDS(r);
    r->value = r->digits = r->count = 0;
    r->gap = FTP_SIX_NO_GAP;
    r->token = r->text.at;
    r->colon = false;
    BOUNDED_LOOP(n, BOUNDED_TEXT) {
        uint32_t c = bounded_here(&r->text);
        enum ftp_six_mark mark = ftp_six_mark(c, delimiter);
        bool has_gap = r->gap != FTP_SIX_NO_GAP;

        if (mark == FTP_SIX_HEX && ftp_six_hex(r, n, c, manner))
            continue;
        if (mark == FTP_SIX_COLON && ftp_six_colon(r, n))
            continue;
        if (mark == FTP_SIX_END && (r->digits ? has_gap || r->count == 7 : has_gap && !r->colon)) {
            ftp_six_push(r, r->value);
            break;
        }
        if (mark == FTP_SIX_DOT && r->digits && (r->count == 6 || (has_gap && r->count < 6)) &&
            ftp_six_quad(r, delimiter, manner))
            break;
        return FTP_READ_NOTHING;
    }
    ftp_six_finish(r);
    return FTP_READ_PLACE;
}

/* ---- what EPRT says behind the protocol: "132.235.1.2|6275|" ---- */

static inline int ftp_read_four(struct ftp_reader *r, enum ftp_manner manner)
{
    if (!ftp_read_numbers(r, 4, '.') || (r->flaws & ftp_flaws_of_form(manner, FTP_LEADING_ZERO)))
        return FTP_READ_NOTHING;
    if (manner != FTP_AS_LINUX && (r->flaws & FTP_OVER_OCTET))
        return FTP_READ_NONSENSE;
    ftp_set_ipv4(r);
    return FTP_READ_PLACE;
}

/* A delimiter must not be needed by the address itself (RFC 2428 section 2), so that a dot is none for IPv4. */
static inline int ftp_read_ends(struct ftp_reader *r, uint32_t delimiter, uint32_t six,
                                enum ftp_manner manner)
{
    int address;

    address = six ? ftp_read_six(r, delimiter, manner) : ftp_read_four(r, manner);
    if (address != FTP_READ_PLACE)
        return address;
    /* Linux does not look whether an IPv6 address stopped at the delimiter. */
    if (bounded_here(&r->text) != delimiter && !(six && manner == FTP_AS_LINUX))
        return FTP_READ_NOTHING;
    r->text.at++;
    return ftp_read_port(r, delimiter, manner);
}

#endif
