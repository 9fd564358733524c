/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The command line. The first byte says in what pieces the rest arrives; whatever they are, the same lines
 * come out as from single bytes, no line is too long, and what a line is split into lies within it. And what a
 * client that speaks telnet says as a name, every 0xff doubled, is that name.
 */
#include "ftp/line.h"

#include "fuzz.h"

#include <string.h>

/* A digest of all that comes out, to compare two runs. */
struct digest {
    uint64_t hash;
    size_t lines, overlong;
};

static void digest_add(struct digest *d, const char *line, size_t len)
{
    for (size_t i = 0; i <= len; i++) /* the NUL too, which divides lines */
        d->hash = (d->hash ^ (uint8_t)line[i]) * UINT64_C(0x100000001b3);
}

static void check_split(const char *line, size_t len)
{
    char verb[16];
    const char *argument;
    memset(verb, 'x', sizeof(verb));
    ftp_line_split(line, verb, &argument);
    size_t verb_len = strnlen(verb, sizeof(verb));
    MUST(verb_len < sizeof(verb));
    MUST(strspn(verb, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == verb_len);
    MUST(argument >= line && argument <= line + len);
    MUST(*argument == '\0' || argument[-1] == ' ');
}

static void take_lines(struct ftp_lines *lines, struct digest *d)
{
    static char line[FTP_LINE_MAX + 1];
    size_t len = SIZE_MAX;
    enum ftp_line_result r;
    while ((r = ftp_lines_next(lines, line, &len)) != FTP_LINE_NONE) {
        if (r == FTP_LINE_OVERLONG) {
            d->overlong++;
            digest_add(d, "\n", 1);
            continue;
        }
        MUST(len <= FTP_LINE_MAX && strlen(line) == len);
        d->lines++;
        digest_add(d, line, len);
        check_split(line, len);
    }
}

static struct digest run(const uint8_t *data, size_t size, size_t step)
{
    struct ftp_lines lines = {0};
    struct digest d = {0};
    while (size > 0) {
        size_t part = size < step ? size : step, taken = SIZE_MAX;
        MUST(ftp_lines_feed(&lines, data, part, &taken) == 0);
        MUST(taken > 0 && taken <= part);
        MUST(lines.start + lines.len <= lines.cap && lines.cap <= 2 * FTP_LINE_MAX);
        data += taken;
        size -= taken;
        take_lines(&lines, &d);
        MUST((lines.buffer != NULL) == (lines.len > 0));
    }
    ftp_lines_clear(&lines);
    return d;
}

static void check_doubled(const uint8_t *name, size_t size)
{
    static uint8_t wire[2 * FTP_LINE_MAX + 8];
    static char said[FTP_LINE_MAX + 8], line[FTP_LINE_MAX + 1];
    struct ftp_lines lines = {0};
    size_t wire_len = 5, said_len = 5, taken, len;
    memcpy(wire, "STOR ", 5);
    memcpy(said, "STOR ", 5);
    for (size_t i = 0; i < size && said_len < FTP_LINE_MAX; i++) {
        if (strchr("\r\n", name[i])) /* and NUL: these have a meaning of their own */
            continue;
        said[said_len++] = (char)name[i];
        wire[wire_len++] = name[i];
        if (name[i] == 0xff)
            wire[wire_len++] = name[i];
    }
    wire[wire_len++] = '\n';
    for (size_t at = 0; at < wire_len; at += taken)
        MUST(ftp_lines_feed(&lines, wire + at, wire_len - at, &taken) == 0);
    MUST(ftp_lines_next(&lines, line, &len) == FTP_LINE);
    MUST(len == said_len && memcmp(line, said, len) == 0);
    MUST(lines.buffer == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = data[0] < 128 ? data[0] + 1u : (data[0] - 127u) * 128u;
    struct digest pieces = run(data + 1, size - 1, step), bytes = run(data + 1, size - 1, 1);
    MUST(pieces.hash == bytes.hash && pieces.lines == bytes.lines && pieces.overlong == bytes.overlong);
    check_doubled(data + 1, size - 1);
    return 0;
}
