/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/reply.h"

#include "ftp/numbers.h"
#include "ftp/time.h"

#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "220 " or "220-" or "220": 220; else 0. */
static int code_of(const char *line)
{
    if (!is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]) || line[0] < '1' || line[0] > '5')
        return 0;
    if (line[3] != '\0' && line[3] != ' ' && line[3] != '-')
        return 0;
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static enum ftp_reply_state append(struct ftp_reply *r, const char *text)
{
    size_t len = strlen(text), needs = r->len + len + 2;

    if (needs > FTP_REPLY_MOST)
        return FTP_REPLY_TOO_LONG;
    if (needs > r->cap) {
        size_t cap = needs * 2;
        char *grown = realloc(r->text, cap);
        if (!grown)
            return FTP_REPLY_NO_MEMORY;
        r->text = grown;
        r->cap = cap;
    }
    memcpy(r->text + r->len, text, len);
    r->len += len + 1;
    r->text[r->len - 1] = '\n';
    r->text[r->len] = '\0';
    return FTP_REPLY_MORE;
}

enum ftp_reply_state ftp_reply_add(struct ftp_reply *r, const char *line)
{
    int code = code_of(line);
    bool is_first = r->code == 0, ends = code && line[3] != '-' && (is_first || code == r->code);
    enum ftp_reply_state state;

    if (is_first && !code)
        return FTP_REPLY_NONE;
    if (is_first)
        r->code = code;
    state = append(r, is_first || ends ? line + (line[3] ? 4 : 3) : line);
    return state == FTP_REPLY_MORE && ends ? FTP_REPLY_WHOLE : state;
}

void ftp_reply_clear(struct ftp_reply *r)
{
    free(r->text);
    *r = (struct ftp_reply){.code = 0};
}

char *ftp_reply_last_line(const struct ftp_reply *r)
{
    const char *end = r->text + r->len - 1, *begin = end;

    while (begin > r->text && begin[-1] != '\n')
        begin--;
    return strndup(begin, (size_t)(end - begin));
}

bool ftp_reply_passive(const struct ftp_reply *r, struct ftp_address *ret)
{
    for (const char *at = r->text; *at; at++) {
        struct ftp_reader reader = {
            .text = {.bytes = (const uint8_t *)at, .size = (uint32_t)(r->text + r->len - at)}};
        if (!is_digit(*at) || (at > r->text && is_digit(at[-1])) ||
            ftp_read_host_port(&reader, FTP_AS_HELPER) != FTP_READ_PLACE)
            continue;
        ret->ip = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&ret->ip.s6_addr[12], reader.address, 4);
        ret->port = reader.port;
        return true;
    }
    return false;
}

uint16_t ftp_reply_extended_port(const struct ftp_reply *r)
{
    const char *at = strchr(r->text, '(');
    unsigned long port;
    char *end, delimiter;

    if (!at || !ftp_is_delimiter((uint8_t)at[1]))
        return 0;
    delimiter = at[1];
    if (at[2] != delimiter || at[3] != delimiter || !is_digit(at[4]))
        return 0;
    port = strtoul(at + 4, &end, 10);
    return *end == delimiter && port <= UINT16_MAX ? (uint16_t)port : 0;
}

bool ftp_reply_path(const struct ftp_reply *r, char *out, size_t cap)
{
    const char *at = strchr(r->text, '"');
    size_t n = 0;

    if (!at)
        return false;
    for (at++; *at && n + 1 < cap; at++) {
        if (*at == '"' && *++at != '"') {
            out[n] = '\0';
            return true;
        }
        out[n++] = *at;
    }
    return false;
}

bool ftp_reply_size(const struct ftp_reply *r, uint64_t *ret)
{
    const char *at = r->text;
    uint64_t size = 0;

    if (!is_digit(*at))
        return false;
    for (; is_digit(*at); at++) {
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, (uint64_t)(*at - '0'), &size))
            return false;
    }
    *ret = size;
    return true;
}

bool ftp_reply_time(const struct ftp_reply *r, int64_t *ret)
{
    const char *end;

    return ftp_time_parse(r->text, ret, &end) == 0;
}
