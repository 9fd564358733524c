/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_FIRST = 256, /* most commands fit */
    BUFFER_MAX = 2 * FTP_LINE_MAX,
    VERB_MAX = 15,
};

/* RFC 854: the bytes that make telnet commands. */
enum {
    TELNET_SE = 240, /* the least command */
    TELNET_SB = 250,
    TELNET_WILL = 251, /* WILL, WONT, DO, DONT: 251..254, with an option after them */
    TELNET_DONT = 254,
    TELNET_IAC = 255,
};

enum telnet_state {
    TELNET_DATA,
    TELNET_COMMAND,        /* after IAC before a line */
    TELNET_OPTION,         /* after IAC WILL/WONT/DO/DONT */
    TELNET_SUBNEGOTIATION, /* after IAC SB */
    TELNET_SUBCOMMAND,     /* after IAC in there */
    TELNET_IN_LINE,        /* after 0xff inside a line, which was kept */
};

static uint8_t telnet_after_iac(uint8_t byte)
{
    if (byte == TELNET_SB)
        return TELNET_SUBNEGOTIATION;
    return byte >= TELNET_WILL && byte <= TELNET_DONT ? TELNET_OPTION : TELNET_DATA;
}

/* Moves the telnet state on by one byte. True if the byte belongs to the line. begins: nothing of the line has
 * come yet. */
static bool telnet_step(uint8_t *state, uint8_t byte, bool begins)
{
    switch ((enum telnet_state) * state) {
    case TELNET_DATA:
        if (byte != TELNET_IAC)
            return true;
        *state = begins ? TELNET_COMMAND : TELNET_IN_LINE;
        return !begins;
    case TELNET_COMMAND:
        *state = telnet_after_iac(byte);
        /* No command begins below SE: the IAC stood alone, because the DM after it was sent urgent and taken
         * out of the stream. The byte is the command's first letter ("IAC IP IAC" "ABOR"), and not to be
         * lost. */
        return byte == TELNET_IAC || byte < TELNET_SE;
    case TELNET_OPTION:
        *state = TELNET_DATA;
        return false;
    case TELNET_SUBNEGOTIATION:
        if (byte == TELNET_IAC)
            *state = TELNET_SUBCOMMAND;
        return false;
    case TELNET_SUBCOMMAND:
        *state = byte == TELNET_SE ? TELNET_DATA : TELNET_SUBNEGOTIATION;
        return false;
    case TELNET_IN_LINE:
        *state = TELNET_DATA;
        return byte != TELNET_IAC; /* doubled by a client that speaks telnet */
    }
    return true;
}

static void release_if_empty(struct ftp_lines *l)
{
    if (l->len > 0)
        return;
    free(l->buffer);
    l->buffer = NULL;
    l->cap = l->start = l->scanned = 0;
}

/* Moves what is held to the buffer's start and makes room for more bytes after it, as many as BUFFER_MAX
 * allows. */
static int make_room(struct ftp_lines *l, size_t more)
{
    if (l->start > 0) {
        memmove(l->buffer, l->buffer + l->start, l->len);
        l->start = 0;
    }
    size_t cap = l->cap ? l->cap : BUFFER_FIRST;
    while (cap < BUFFER_MAX && cap - l->len < more)
        cap *= 2;
    if (cap == l->cap)
        return 0;
    char *buffer = realloc(l->buffer, cap);
    if (!buffer)
        return -ENOMEM;
    l->buffer = buffer;
    l->cap = (uint16_t)cap;
    return 0;
}

/* Has nothing come yet of the line that the next byte belongs to? */
static bool line_begins(const struct ftp_lines *l)
{
    return l->len > 0 ? l->buffer[l->start + l->len - 1] == '\n' : !l->overlong;
}

int ftp_lines_feed(struct ftp_lines *l, const void *bytes, size_t len, size_t *ret_taken)
{
    const uint8_t *in = bytes;
    size_t taken = 0;
    int r = make_room(l, len);
    if (r < 0)
        return r;
    for (; taken < len && l->len < l->cap; taken++)
        if (telnet_step(&l->telnet, in[taken], line_begins(l)))
            l->buffer[l->len++] = (char)in[taken];
    release_if_empty(l);
    *ret_taken = taken;
    return 0;
}

/* A line's bytes with CR NUL as CR and any other NUL as newline. Returns the new length. */
static size_t copy_line(char *line, const char *from, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        line[out++] = from[i] == '\0' ? '\n' : from[i];
        if (from[i] == '\r' && i + 1 < len && from[i + 1] == '\0')
            i++;
    }
    line[out] = '\0';
    return out;
}

/* No LF among the bytes held: notes that, and lets go of a line that is too long already. */
static enum ftp_line_result wait_for_more(struct ftp_lines *l)
{
    l->scanned = l->len;
    /* One byte more than the longest line may wait: the CR of its end. */
    if (l->overlong || l->len > FTP_LINE_MAX + 1) {
        l->overlong = true;
        l->len = 0;
        release_if_empty(l);
    }
    return FTP_LINE_NONE;
}

enum ftp_line_result ftp_lines_next(struct ftp_lines *l, char *line, size_t *ret_len)
{
    if (!l->buffer)
        return FTP_LINE_NONE;
    const char *begin = l->buffer + l->start;
    const char *lf = memchr(begin + l->scanned, '\n', (size_t)(l->len - l->scanned));
    if (!lf)
        return wait_for_more(l);
    size_t len = (size_t)(lf - begin), used = len + 1;
    if (len > 0 && begin[len - 1] == '\r')
        len--;
    bool overlong = l->overlong || len > FTP_LINE_MAX;
    if (!overlong)
        *ret_len = copy_line(line, begin, len);
    l->overlong = false;
    l->start = (uint16_t)(l->start + used);
    l->len = (uint16_t)(l->len - used);
    l->scanned = 0;
    release_if_empty(l);
    return overlong ? FTP_LINE_OVERLONG : FTP_LINE;
}

void ftp_lines_clear(struct ftp_lines *l)
{
    free(l->buffer);
    *l = (struct ftp_lines){0};
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void ftp_line_split(const char *line, char ret_verb[16], const char **ret_argument)
{
    size_t len = 0;
    while ((uint8_t)*line >= TELNET_SE)
        line++;
    while (len < VERB_MAX && is_letter(line[len])) {
        ret_verb[len] = (char)(line[len] & ~0x20);
        len++;
    }
    ret_verb[line[len] == ' ' || line[len] == '\0' ? len : 0] = '\0';
    const char *space = strchr(line, ' ');
    *ret_argument = space ? space + 1 : line + strlen(line);
}
