/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cursor.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One of each kind of field; the length, or -EMSGSIZE. */
static int write_all(uint8_t *bytes, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, bytes, cap);
    wire_put_u8(&w, 0xfe);
    wire_put_u16(&w, 0xfedc);
    wire_put_u32(&w, 0xfedcba98);
    wire_put_u64(&w, 0xfedcba9876543210);
    wire_put_str(&w, "name");
    wire_put_str(&w, NULL);
    wire_put_bytes(&w, "a\0b", 3);
    wire_put_raw(&w, "raw!", 4);
    return wire_writer_length(&w);
}

static bool read_all(const uint8_t *bytes, size_t len)
{
    struct wire_reader r;
    size_t data_len = 99;
    char raw[4];
    wire_reader_init(&r, bytes, len);
    bool same = wire_get_u8(&r) == 0xfe;
    same &= wire_get_u16(&r) == 0xfedc;
    same &= wire_get_u32(&r) == 0xfedcba98;
    same &= wire_get_u64(&r) == 0xfedcba9876543210;
    same &= strcmp(wire_get_str(&r), "name") == 0;
    same &= strcmp(wire_get_str(&r), "") == 0;
    const uint8_t *data = wire_get_bytes(&r, &data_len);
    same &= data_len == 3 && memcmp(data, "a\0b", 3) == 0;
    wire_get_raw(&r, raw, sizeof(raw));
    same &= memcmp(raw, "raw!", 4) == 0;
    return same && wire_reader_done(&r);
}

static void what_is_written_is_read(void **state)
{
    uint8_t bytes[128];
    (void)state;
    int len = write_all(bytes, sizeof(bytes));
    assert_true(len > 0);
    assert_true(read_all(bytes, (size_t)len));
}

/* Each prefix lives in a block of its own length, so that the sanitizer sees a byte read too far. */
static void every_prefix_and_any_leftover_is_bad(void **state)
{
    uint8_t bytes[128];
    (void)state;
    size_t len = (size_t)write_all(bytes, sizeof(bytes));
    for (size_t n = 0; n < len; n++) {
        uint8_t *prefix = malloc(n ? n : 1);
        memcpy(prefix, bytes, n);
        assert_false(read_all(prefix, n));
        free(prefix);
    }
    bytes[len] = 0;
    assert_false(read_all(bytes, len + 1));
}

static void a_full_buffer_is_bad_and_stays_bad(void **state)
{
    uint8_t bytes[128];
    struct wire_writer w;
    (void)state;
    size_t len = (size_t)write_all(bytes, sizeof(bytes));
    for (size_t cap = 0; cap < len; cap++) {
        uint8_t *small = malloc(cap ? cap : 1);
        assert_int_equal(write_all(small, cap), -EMSGSIZE);
        free(small);
    }
    wire_writer_init(&w, bytes, 1);
    wire_put_u16(&w, 1);
    wire_put_u8(&w, 1); /* would fit */
    assert_int_equal(wire_writer_length(&w), -EMSGSIZE);
    assert_ptr_equal(w.at, w.start);
}

static void bad_reads_yield_nothing(void **state)
{
    const uint8_t bytes[2] = {1, 2};
    struct wire_reader r;
    uint8_t raw[4] = {9, 9, 9, 9};
    size_t len = 99;
    (void)state;
    wire_reader_init(&r, bytes, sizeof(bytes));
    assert_int_equal(wire_get_u32(&r), 0);
    assert_int_equal(wire_get_u8(&r), 0); /* is there, but the cursor is bad */
    assert_string_equal(wire_get_str(&r), "");
    assert_non_null(wire_get_bytes(&r, &len));
    assert_int_equal(len, 0);
    wire_get_raw(&r, raw, sizeof(raw));
    assert_memory_equal(raw, "\0\0\0\0", 4);
    assert_false(wire_reader_done(&r));
}

static void malformed_strings_are_bad(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x03\x00"
         "a\0b\0",
         6}, /* NUL inside */
        {"\x02\x00"
         "abc",
         5}, /* no terminator */
        {"\xff\xff"
         "abc\0",
         6},             /* length past the end */
        {"\x00\x00", 2}, /* no room for the terminator */
        {"\x00", 1},     /* half a length */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wire_reader r;
        wire_reader_init(&r, cases[i].bytes, cases[i].len);
        assert_string_equal(wire_get_str(&r), "");
        assert_true(r.bad);
    }
}

static void huge_byte_counts_are_bad(void **state)
{
    const uint8_t bytes[8] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4};
    struct wire_reader r;
    size_t len = 99;
    (void)state;
    wire_reader_init(&r, bytes, sizeof(bytes));
    wire_get_bytes(&r, &len);
    assert_true(r.bad);
    assert_int_equal(len, 0);
}

static void strings_end_at_64_kib(void **state)
{
    enum { LONGEST = 65534 };
    char *text = malloc(LONGEST + 2);
    uint8_t *bytes = malloc(2 * LONGEST);
    struct wire_writer w;
    struct wire_reader r;
    (void)state;
    memset(text, 'x', LONGEST + 1);
    text[LONGEST + 1] = '\0';
    wire_writer_init(&w, bytes, 2 * LONGEST);
    wire_put_str(&w, text);
    assert_int_equal(wire_writer_length(&w), -EMSGSIZE);

    text[LONGEST] = '\0';
    wire_writer_init(&w, bytes, 2 * LONGEST);
    wire_put_str(&w, text);
    int len = wire_writer_length(&w);
    assert_int_equal(len, 2 + LONGEST + 1);
    wire_reader_init(&r, bytes, (size_t)len);
    assert_string_equal(wire_get_str(&r), text);
    assert_true(wire_reader_done(&r));
    free(text);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_prefix_and_any_leftover_is_bad),
        cmocka_unit_test(a_full_buffer_is_bad_and_stays_bad),
        cmocka_unit_test(bad_reads_yield_nothing),
        cmocka_unit_test(malformed_strings_are_bad),
        cmocka_unit_test(huge_byte_counts_are_bad),
        cmocka_unit_test(strings_end_at_64_kib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
