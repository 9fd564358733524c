/* SPDX-License-Identifier: BSD-2-Clause */
/* Words as numbers, as libnftables' datatypes print them. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "rules/nft/read.h"

enum { NAME_BYTES = 16, MS = 1000 };

static nft_number number_of(const uint8_t *bytes, size_t size)
{
    nft_number n = 0;

    for (size_t i = 0; i < size; i++)
        n = n << 8 | bytes[i];
    return n;
}

static bool read_ip(const char *text, struct nft_expr *ret)
{
    uint8_t bytes[16];

    if (ret->type != NFT_TYPE_IP6ADDR && inet_pton(AF_INET, text, bytes) == 1) {
        ret->type = NFT_TYPE_IPADDR;
        ret->value.first = number_of(bytes, 4);
    } else if (ret->type != NFT_TYPE_IPADDR && inet_pton(AF_INET6, text, bytes) == 1) {
        ret->type = NFT_TYPE_IP6ADDR;
        ret->value.first = number_of(bytes, 16);
    } else {
        return false;
    }
    return true;
}

static bool read_ether(const char *text, struct nft_expr *ret)
{
    for (int i = 0; i < 6; i++) {
        char *end;
        unsigned long byte = strtoul(text, &end, 16);

        if (end == text || end - text > 2 || *end != (i < 5 ? ':' : '\0'))
            return false;
        ret->value.first = ret->value.first << 8 | byte;
        text = end + 1;
    }
    return true;
}

/* Sixteen bytes with zeros behind the name; "eth*" is all that begins so, "eth\*" a name with a star. */
static bool read_name(const char *text, struct nft_expr *ret)
{
    uint8_t bytes[NAME_BYTES] = {0};
    size_t size = 0;

    for (; *text; text++) {
        if (text[0] == '*' && !text[1] && ret->type != NFT_TYPE_HELPER) {
            ret->value.shape = NFT_SHAPE_WILDCARD;
            break;
        }
        text += text[0] == '\\' && text[1] == '*';
        if (size == NAME_BYTES - 1)
            return false;
        bytes[size++] = (uint8_t)*text;
    }
    ret->value.first = number_of(bytes, sizeof(bytes));
    ret->value.length = (uint8_t)size;
    return true;
}

/* "0x1f", "31"; up to 128 bits. */
static bool read_digits(const char *text, nft_number *ret)
{
    bool hex = strncmp(text, "0x", 2) == 0;
    nft_number n = 0;

    text += hex ? 2 : 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        char c = *text;
        unsigned digit = c >= '0' && c <= '9'          ? (unsigned)(c - '0')
                         : hex && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                       : 16;

        if (digit == 16 || n > ~(nft_number)0 >> (hex ? 4 : 5))
            return false;
        n = n * (hex ? 16 : 10) + digit;
    }
    *ret = n;
    return true;
}

/* Exactly so many digits as a number below limit. */
static bool take_digits(const char **at, int count, char behind, unsigned limit, unsigned *ret)
{
    unsigned n = 0;

    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        n = n * 10 + (unsigned)(**at - '0');
    }
    if (n >= limit || (behind && **at != behind))
        return false;
    *at += behind != '\0';
    *ret = n;
    return true;
}

/* "10:00" or "10:00:30" */
static bool read_hour(const char *text, nft_number *ret)
{
    unsigned hours, minutes, seconds = 0;

    if (!take_digits(&text, 2, ':', 24, &hours) || !take_digits(&text, 2, '\0', 60, &minutes))
        return false;
    if (*text == ':' && (text++, !take_digits(&text, 2, '\0', 60, &seconds)))
        return false;
    *ret = hours * 3600 + minutes * 60 + seconds;
    return !*text;
}

/* Days since 1970 of a day of the Gregorian calendar (after Hinnant). */
static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
    uint64_t y = year - (month <= 2), era = y / 400, of_era = y % 400;
    uint64_t of_year = (153U * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2020-01-01 00:00:00" */
static bool read_time(const char *text, nft_number *ret)
{
    unsigned year, month, day;
    nft_number second;

    if (!take_digits(&text, 4, '-', 2500, &year) || !take_digits(&text, 2, '-', 13, &month) ||
        !take_digits(&text, 2, ' ', 32, &day) || year < 1970 || month < 1 || day < 1 ||
        !read_hour(text, &second))
        return false;
    *ret = ((nft_number)days_of(year, month, day) * 86400 + second) * 1000000000;
    return true;
}

static bool read_word(const char *text, struct nft_expr *ret)
{
    switch (ret->type) {
    case NFT_TYPE_NONE:
    case NFT_TYPE_IPADDR:
    case NFT_TYPE_IP6ADDR:
        return read_ip(text, ret);
    case NFT_TYPE_ETHERADDR:
        return read_ether(text, ret);
    case NFT_TYPE_IFINDEX:
    case NFT_TYPE_IFNAME:
    case NFT_TYPE_HELPER:
        return read_name(text, ret);
    case NFT_TYPE_HOUR:
        return read_hour(text, &ret->value.first);
    case NFT_TYPE_TIME:
        return read_time(text, &ret->value.first);
    default:
        return nft_word_number((enum nft_type)ret->type, text, &ret->value.first) ||
               read_digits(text, &ret->value.first);
    }
}

static bool is_of_names(enum nft_type type)
{
    return type == NFT_TYPE_IFNAME || type == NFT_TYPE_IFINDEX || type == NFT_TYPE_HELPER ||
           type == NFT_TYPE_ETHERADDR || type == NFT_TYPE_IP6ADDR;
}

bool nft_read_value(json_t *j, enum nft_type type, struct nft_expr *ret)
{
    struct nft_expr e = {.kind = NFT_EXPR_VALUE, .type = (uint8_t)type};

    if (json_is_string(j)) {
        if (!read_word(json_string_value(j), &e))
            return false;
    } else if (json_is_integer(j) && json_integer_value(j) >= 0 && !is_of_names(type)) {
        e.type = (uint8_t)(type == NFT_TYPE_NONE ? NFT_TYPE_INTEGER : type);
        e.value.first = (nft_number)json_integer_value(j) * (type == NFT_TYPE_SECONDS ? MS : 1);
    } else if (json_is_boolean(j)) {
        e.type = NFT_TYPE_BOOLEAN;
        e.value.first = json_is_true(j);
    } else {
        return false;
    }
    unsigned free_bits = e.value.shape == NFT_SHAPE_WILDCARD ? 8U * (NAME_BYTES - e.value.length) : 0;
    e.value.last = free_bits == 0     ? e.value.first
                   : free_bits >= 128 ? ~(nft_number)0
                                      : e.value.first | (((nft_number)1 << free_bits) - 1);
    e.bits = nft_types[e.type].bits;
    *ret = e;
    return true;
}
