/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/line.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Feeds step bytes at a time and writes down all that comes out: "[line]" each, "!" for an overlong one. */
static void run(const void *bytes, size_t len, size_t step, char *out, size_t cap)
{
    struct ftp_lines lines = {0};
    static char line[FTP_LINE_MAX + 1];
    size_t at = 0, out_len = 0;
    while (at < len) {
        size_t taken = 0, line_len = 0, part = len - at < step ? len - at : step;
        enum ftp_line_result r;
        assert_int_equal(ftp_lines_feed(&lines, (const char *)bytes + at, part, &taken), 0);
        at += taken;
        while ((r = ftp_lines_next(&lines, line, &line_len)) != FTP_LINE_NONE) {
            if (r == FTP_LINE)
                assert_int_equal(line_len, strlen(line));
            int n = snprintf(out + out_len, cap - out_len, r == FTP_LINE ? "[%s]" : "!", line);
            assert_true(n >= 0 && (size_t)n < cap - out_len);
            out_len += (size_t)n;
        }
    }
    out[out_len] = '\0';
    ftp_lines_clear(&lines);
}

static void line_split_at_every_byte_boundary(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *want;
    } cases[] = {
#define CASE(bytes, want) {bytes, sizeof(bytes) - 1, want}
        CASE("USER kim\r\nPASS x\r\n", "[USER kim][PASS x]"),
        CASE("NOOP\nNOOP\n", "[NOOP][NOOP]"),     /* LF alone */
        CASE("\r\n\n", "[][]"),                   /* nothing is a line too */
        CASE("A\rB\r\r\n", "[A\rB\r]"),           /* only one CR goes */
        CASE("STOR a\0b\r\n", "[STOR a\nb]"),     /* NUL: newline in a name */
        CASE("STOR a\r\0b\r\n", "[STOR a\rb]"),   /* CR NUL: CR */
        CASE("STOR a\r\0\r\n", "[STOR a\r]"),     /* and before the end */
        CASE("STOR a\r\0\0\r\n", "[STOR a\r\n]"), /* CR, newline */
        CASE("\xff\xf4\xff\xf2"
             "ABOR\r\n",
             "[ABOR]"), /* IAC IP, IAC DM */
        CASE("\xff\xf4\xff"
             "ABOR\r\n",
             "[ABOR]"), /* DM sent urgent, out of the stream */
        CASE("\xff\xf4\xf2"
             "ABOR\r\n",
             "[\xf2"
             "ABOR]"), /* IAC sent urgent, out of the stream: ftp_line_split passes over the DM */
        CASE("NOOP\r\n\xff\xf1NOOP\r\n", "[NOOP][NOOP]"), /* NOP */
        CASE("\xff\xfb\x01\xff\xfd\nNOOP\r\n", "[NOOP]"), /* WILL, DO: an option, even LF */
        CASE("\xff\xfa\x18\x01\xff\xff\n\xff\xf1\xff\xf0NOOP\r\n", "[NOOP]"), /* SB ... SE */
        CASE("\xff\xffNOOP\r\n", "[\xffNOOP]"),
        /* inside a line: a name's, and one of two if a client doubles it */
        CASE("STOR \xff\r\n", "[STOR \xff]"),
        CASE("STOR \xff\xff\r\n", "[STOR \xff]"),
        CASE("STOR \xff\xff\xff\r\n", "[STOR \xff\xff]"),
        CASE("STOR \xff\xff\xff\xff\r\n", "[STOR \xff\xff]"),
        CASE("STOR \xff\xf4\xff\xf2\r\n", "[STOR \xff\xf4\xff\xf2]"),
        CASE("STOR a\xff\xfb\x01z\r\n", "[STOR a\xff\xfb\x01z]"),
        CASE("STOR \xff\xfa\nNOOP\n", "[STOR \xff\xfa][NOOP]"),
        CASE("STOR \xff\n\xff\xf1NOOP\n", "[STOR \xff][NOOP]"),
        CASE("S\xff\xffTOR\n", "[S\xffTOR]"),
        CASE("half", ""),
    };
    char out[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t step = 1; step <= cases[i].len; step++) {
            run(cases[i].bytes, cases[i].len, step, out, sizeof(out));
            assert_string_equal(out, cases[i].want);
        }
}

/* CVE-2010-4221: telnet bytes and length met in a stack buffer. Here: no line over FTP_LINE_MAX ever comes
 * out. */
static void cve_2010_4221_overlong_line(void **state)
{
    enum { LONGEST = 3 * FTP_LINE_MAX };
    char *bytes = malloc(LONGEST + 16), *out = malloc(LONGEST);
    const size_t lens[] = {FTP_LINE_MAX - 1,     FTP_LINE_MAX, FTP_LINE_MAX + 1,
                           FTP_LINE_MAX + 2,     8000,         2 * FTP_LINE_MAX - 1,
                           2 * FTP_LINE_MAX + 1, LONGEST};
    const size_t steps[] = {1, 7, 1000, FTP_LINE_MAX, 100000};
    (void)state;
    for (size_t i = 0; i < COUNT(lens) * COUNT(steps) * 2; i++) {
        size_t len = lens[i / 2 % COUNT(lens)], step = steps[i / 2 / COUNT(lens)];
        const char *end = i % 2 ? "\r\nNOOP\r\n" : "\nNOOP\n";
        memset(bytes, 'x', len);
        memcpy(bytes + len, end, strlen(end));
        run(bytes, len + strlen(end), step, out, LONGEST);
        if (len <= FTP_LINE_MAX) {
            assert_int_equal(strlen(out), len + 8);
            assert_string_equal(out + len + 1, "][NOOP]");
        } else {
            assert_string_equal(out, "![NOOP]");
        }
    }
    free(bytes);
    free(out);
}

static void telnet_commands_do_not_fill_the_buffer(void **state)
{
    struct ftp_lines lines = {0};
    size_t taken;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(ftp_lines_feed(&lines, "\xff\xf1\xff\xfa\xff\xf0", 6, &taken), 0);
        assert_int_equal(taken, 6);
    }
    assert_null(lines.buffer);
}

/* The end of a line that was thrown away is inside a line; what follows it is not. */
static void telnet_around_an_overlong_line(void **state)
{
    enum { LONG = 3 * FTP_LINE_MAX };
    static char bytes[LONG + 64], out[256];
    (void)state;
    memset(bytes, '\xff', LONG);
    memcpy(bytes + LONG, "\xff\xfax\n\xff\xf1NOOP\n", 11);
    for (size_t step = 1; step <= LONG; step += step < 3 ? 1 : 1021) {
        run(bytes, LONG + 11, step, out, sizeof(out));
        assert_string_equal(out, "![NOOP]");
    }
}

static void an_endless_line_is_held_within_bounds(void **state)
{
    struct ftp_lines lines = {0};
    char bytes[1000], line[FTP_LINE_MAX + 1];
    size_t taken, len;
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ftp_lines_feed(&lines, bytes, sizeof(bytes), &taken), 0);
        assert_true(lines.cap <= 2 * FTP_LINE_MAX);
        assert_int_equal(ftp_lines_next(&lines, line, &len), FTP_LINE_NONE);
    }
    ftp_lines_clear(&lines);
}

static void pipelined_bytes_wait_when_it_is_full(void **state)
{
    struct ftp_lines lines = {0};
    char bytes[3 * FTP_LINE_MAX], line[FTP_LINE_MAX + 1];
    size_t taken = 0, len, count = 0;
    (void)state;
    memset(bytes, '\n', sizeof(bytes));
    assert_int_equal(ftp_lines_feed(&lines, bytes, sizeof(bytes), &taken), 0);
    assert_int_equal(taken, 2 * FTP_LINE_MAX);
    assert_int_equal(ftp_lines_feed(&lines, bytes, 1, &taken), 0);
    assert_int_equal(taken, 0);
    while (ftp_lines_next(&lines, line, &len) == FTP_LINE)
        count++;
    assert_int_equal(count, 2 * FTP_LINE_MAX);
    assert_null(lines.buffer); /* an idle session holds nothing */
}

static void clear_forgets_half_a_command(void **state)
{
    struct ftp_lines lines = {0};
    char line[FTP_LINE_MAX + 1];
    size_t taken, len;
    (void)state;
    assert_int_equal(ftp_lines_feed(&lines, "AUTH\n\xff\xfa", 7, &taken), 0);
    ftp_lines_clear(&lines);
    assert_null(lines.buffer);
    assert_int_equal(ftp_lines_feed(&lines, "USER\n", 5, &taken), 0);
    assert_int_equal(ftp_lines_next(&lines, line, &len), FTP_LINE);
    assert_string_equal(line, "USER");
    ftp_lines_clear(&lines);
}

static void split_gives_verb_and_argument(void **state)
{
    static const struct {
        const char *line, *verb, *argument;
    } cases[] = {
        {"retr a b", "RETR", "a b"},
        {"RETR  a ", "RETR", " a "}, /* spaces belong to the name */
        {"NOOP", "NOOP", ""},
        {"NOOP ", "NOOP", ""},
        {"", "", ""},
        {" NOOP", "", "NOOP"},
        {"NO\tOP x", "", "x"},
        {"NO\nOP", "", ""},
        {"abcdefghijklmno x", "ABCDEFGHIJKLMNO", "x"}, /* 15 */
        {"abcdefghijklmnop x", "", "x"},
        {"GET / HTTP/1.1", "GET", "/ HTTP/1.1"},
        {"R2D2 x", "", "x"},
        {"us@er x", "", "x"},
        {"\xf2"
         "ABOR",
         "ABOR", ""},
        {"\xf4\xff\xf2"
         "ABOR",
         "ABOR", ""},
    };
    char verb[16];
    const char *argument;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ftp_line_split(cases[i].line, verb, &argument);
        assert_string_equal(verb, cases[i].verb);
        assert_string_equal(argument, cases[i].argument);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_split_at_every_byte_boundary),
        cmocka_unit_test(cve_2010_4221_overlong_line),
        cmocka_unit_test(telnet_commands_do_not_fill_the_buffer),
        cmocka_unit_test(telnet_around_an_overlong_line),
        cmocka_unit_test(an_endless_line_is_held_within_bounds),
        cmocka_unit_test(pipelined_bytes_wait_when_it_is_full),
        cmocka_unit_test(clear_forgets_half_a_command),
        cmocka_unit_test(split_gives_verb_and_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
