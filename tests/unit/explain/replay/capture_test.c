/* SPDX-License-Identifier: BSD-2-Clause */
/* Files: their forms, what is wrong with them, packing, link headers, the order of several interfaces. */
#include "explain/replay/capture.h"
#include "explain/replay/forms.h"
#include "explain/replay/link.h"
#include "explain/replay/sorted.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LINK_ETHERNET = 1, LINK_RAW = 101, LINK_USB = 220 };

struct file {
    uint8_t bytes[4096];
    size_t size;
    bool big_endian;
};

static void put(struct file *f, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        f->bytes[f->size++] = (uint8_t)(value >> 8 * (f->big_endian ? size - 1 - i : i));
}

static void put_bytes(struct file *f, const void *bytes, size_t size)
{
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
}

static void put_pcap(struct file *f, uint32_t magic, uint32_t link)
{
    put(f, magic, 4);
    put(f, 2, 2);
    put(f, 4, 2);
    put(f, 0, 8);
    put(f, 65535, 4);
    put(f, link, 4);
}

/* A frame that holds the first bytes of an IPv4 header. */
static void put_frame(struct file *f, uint32_t seconds, uint32_t rest, uint32_t size, uint32_t length)
{
    put(f, seconds, 4);
    put(f, rest, 4);
    put(f, size, 4);
    put(f, length, 4);
    for (uint32_t i = 0; i < size; i++)
        put(f, i ? i : 0x45, 1);
}

static void put_section(struct file *f)
{
    put(f, 0x0a0d0d0a, 4);
    put(f, 28, 4);
    put(f, 0x1a2b3c4d, 4);
    put(f, 1, 2);
    put(f, 0, 2);
    put(f, UINT64_MAX, 8);
    put(f, 28, 4);
}

/* units: the byte of if_tsresol, or -1. */
static void put_interface(struct file *f, uint32_t link, int units)
{
    uint32_t size = units < 0 ? 20 : 32;

    put(f, 1, 4);
    put(f, size, 4);
    put(f, link, 2);
    put(f, 0, 2);
    put(f, 0, 4);
    if (units >= 0) {
        put(f, 9, 2);
        put(f, 1, 2);
        put(f, (uint64_t)units, 1);
        put(f, 0, 1);
        put(f, 0, 2);
        put(f, 0, 4);
    }
    put(f, size, 4);
}

static void put_packet(struct file *f, uint32_t interface, uint64_t ticks, uint8_t mark)
{
    put(f, 6, 4);
    put(f, 36, 4);
    put(f, interface, 4);
    put(f, ticks >> 32, 4);
    put(f, ticks & 0xffffffff, 4);
    put(f, 2, 4);
    put(f, 2, 4);
    put(f, 0x45, 1);
    put(f, mark, 1);
    put(f, 0, 2);
    put(f, 36, 4);
}

static struct capture *open_file(const struct file *f, char **message)
{
    struct capture *c = NULL;
    FILE *in = fmemopen((void *)(uintptr_t)f->bytes, f->size, "rb");

    assert_non_null(in);
    assert_int_equal(capture_open(in, "name", &c, message), 0);
    return c;
}

static void every_byte_order_and_resolution_of_pcap(void **state)
{
    (void)state;
    static const struct {
        uint32_t magic, rest;
        bool big_endian;
    } cases[] = {{0xa1b2c3d4, 250000, false}, {0xa1b2c3d4, 250000, true}, {0xa1b23c4d, 250000000, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct file f = {.big_endian = cases[i].big_endian};
        struct capture_frame frame;
        char *message = NULL;

        put_pcap(&f, cases[i].magic, LINK_RAW);
        put_frame(&f, 1000, cases[i].rest, 8, 60);
        put_frame(&f, 1001, 0, 8, 8);
        struct capture *c = open_file(&f, &message);
        for (int pass = 0; pass < 2; pass++) {
            assert_int_equal(capture_next(c, &frame, &message), 1);
            assert_int_equal(frame.time_us, 1000250000);
            assert_int_equal(frame.size, 8);
            assert_int_equal(frame.length, 60);
            assert_true(frame.is_cut);
            assert_int_equal(capture_next(c, &frame, &message), 1);
            assert_false(frame.is_cut);
            assert_int_equal(capture_next(c, &frame, &message), 0);
            assert_int_equal(capture_rewind(c), 0);
        }
        capture_close(&c);
    }
}

static void a_file_that_breaks_off_or_is_damaged_says_which(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        int cut;
        const char *why;
    } cases[] = {{8, 3, "breaks off"}, {8, 10, "breaks off"}, {0x7fffffff, 0, "damaged"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct file f = {0};
        struct capture_frame frame;
        char *message = NULL;

        put_pcap(&f, 0xa1b2c3d4, LINK_RAW);
        put_frame(&f, 1, 0, 8, 8);
        memcpy(f.bytes + 32, &cases[i].size, 4);
        f.size -= (size_t)cases[i].cut;
        struct capture *c = open_file(&f, &message);
        assert_int_equal(capture_next(c, &frame, &message), -EINVAL);
        assert_non_null(strstr(message, cases[i].why));
        free(message);
        capture_close(&c);
    }
}

static void interfaces_of_pcapng_have_clocks_and_links_of_their_own(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct file f = {.big_endian = order};
        struct capture_frame frame;
        char *message = NULL;

        put_section(&f);
        put_interface(&f, LINK_RAW, -1);
        put_interface(&f, LINK_RAW, 9);
        put_interface(&f, LINK_RAW, 0x80 | 10);
        put_interface(&f, LINK_USB, -1);
        put_packet(&f, 0, 5000000, 1);
        put_packet(&f, 1, 5000000000, 2);
        put_packet(&f, 2, 5 << 10, 3);
        put_packet(&f, 3, 5000000, 4);
        struct capture *c = open_file(&f, &message);
        uint32_t where = 0;
        for (uint8_t i = 1; i <= 3; i++) {
            assert_int_equal(capture_next(c, &frame, &message), 1);
            assert_int_equal(frame.time_us, 5000000);
            assert_int_equal(frame.bytes[1], i);
            assert_int_not_equal(frame.where, where);
            where = frame.where;
        }
        assert_int_equal(capture_next(c, &frame, &message), 1);
        assert_null(frame.bytes);
        assert_int_equal(capture_next(c, &frame, &message), 0);
        assert_true(capture_is_mixed(c));
        assert_int_equal(capture_remarks(c).unread, 1);
        assert_string_equal(capture_remarks(c).unread_name, "USB");
        capture_close(&c);
    }
}

static void clocks_that_no_machine_has_are_refused(void **state)
{
    (void)state;
    static const uint8_t units[] = {20, 0x7f, 0xff, 0x80 | 64};
    for (size_t i = 0; i < COUNT(units); i++) {
        struct file f = {0};
        struct capture_frame frame;
        char *message = NULL;

        put_section(&f);
        put_interface(&f, LINK_RAW, units[i]);
        put_packet(&f, 0, 1, 1);
        struct capture *c = open_file(&f, &message);
        assert_int_equal(capture_next(c, &frame, &message), -EINVAL);
        free(message);
        capture_close(&c);
    }
}

static void packed_bytes_are_read_like_others(void **state)
{
    (void)state;
    struct file f = {0}, packed = {0};
    struct capture_frame frame;
    char *message = NULL;
    z_stream z = {0};

    put_pcap(&f, 0xa1b2c3d4, LINK_RAW);
    for (uint32_t i = 0; i < 50; i++)
        put_frame(&f, i, 0, 20, 20);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = f.bytes;
    z.avail_in = (uInt)f.size;
    z.next_out = packed.bytes;
    z.avail_out = sizeof(packed.bytes);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed.size = z.total_out;
    deflateEnd(&z);
    struct capture *c = open_file(&packed, &message);
    int count = 0;
    while (capture_next(c, &frame, &message) == 1)
        count++;
    assert_int_equal(count, 50);
    assert_null(message);
    capture_close(&c);

    packed.size -= 12; /* its end, with the check sum */
    c = open_file(&packed, &message);
    int r;
    while ((r = capture_next(c, &frame, &message)) == 1)
        ;
    assert_int_equal(r, -EINVAL);
    assert_non_null(strstr(message, "gzip"));
    free(message);
    capture_close(&c);
}

static void frames_are_put_into_the_order_of_time(void **state)
{
    (void)state;
    struct file f = {0};
    struct capture_frame frame;
    char *message = NULL;
    uint64_t number;

    put_section(&f);
    put_interface(&f, LINK_RAW, -1);
    put_interface(&f, LINK_RAW, -1);
    for (uint8_t i = 0; i < 20; i++)
        put_packet(&f, 0, 2U * i, (uint8_t)(2 * i));
    for (uint8_t i = 0; i < 20; i++)
        put_packet(&f, 1, 2U * i + 1, (uint8_t)(2 * i + 1));
    put_bytes(&f, "\6\0\0\0", 4); /* and breaks off */
    struct capture *c = open_file(&f, &message);
    struct sorted *s = sorted_new();
    assert_non_null(s);
    for (uint8_t i = 0; i < 40; i++) {
        assert_int_equal(sorted_next(s, c, &frame, &number, &message), 1);
        assert_int_equal(frame.bytes[1], i);
        assert_int_equal(number, i / 2 + (i % 2 ? 21 : 1));
    }
    assert_int_equal(sorted_next(s, c, &frame, &number, &message), -EINVAL);
    assert_non_null(message);
    free(message);
    sorted_free(&s);
    capture_close(&c);
}

static void links_say_where_ip_begins(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *frame;
        size_t size;
        int offset; /* -1: no IP */
    } cases[] = {
        {1, "aaaaaabbbbbb\x08\x00\x45", 15, 14},
        {1, "aaaaaabbbbbb\x08\x06\x45", 15, -1},
        {1, "aaaaaabbbbbb\x81\x00\x00\x07\x86\xdd\x60", 19, 18},
        {1, "aaaaaabbbbbb\x88\x64\x11\x00\x00\x01\x00\x02\x00\x21\x45", 23, 22},
        {1, "aaaaaabbbbbb\x88\x64\x11\x00\x00\x01\x00\x02\xc0\x21\x45", 23, -1},
        {1, "aaaaaabbbbbb\x88\x64\x11\x00\x00\x01\x00\x02\x21\x45", 22, 21},
        {1, "aaaaaabbbbbb\x08", 13, -1},
        {9, "\xff\x03\x00\x57\x60", 5, 4},
        {9, "\x00\x21\x45", 3, 2},
        {113, "00000000000000\x08\x00\x45", 17, 16},
        {239, "\x02\x00\x00\x05\x08\x00\x01\x00zzzz\x05\x00\x09\x00\x45", 17, 16},
        {239, "\x02\x01\x00\x05\x05\x00\x09\x00\x45", 9, -1},
        {239, "\x02\x00\x00\x05\x00\x00\x09\x00\x45", 9, -1},
        {0, "\x02\x00\x00\x00\x45", 5, 4},
        {0, "\x02\x00\x00\x00\x25", 5, -1},
        {LINK_USB, "\x45", 1, -1},
        {9999, "\x45", 1, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t offset = 0;
        uint8_t *copy = malloc(cases[i].size); /* so that a byte too far is seen */

        assert_non_null(copy);
        memcpy(copy, cases[i].frame, cases[i].size);
        bool found = link_skip(cases[i].type, false, copy, cases[i].size, &offset);
        assert_int_equal(found ? (int)offset : -1, cases[i].offset);
        free(copy);
    }
}

static void other_forms_are_named_with_what_converts_them(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t size;
        const char *says;
    } cases[] = {
        {"a.xz",
         "\xfd"
         "7zXZ\0",
         6, "xz -dc a.xz | sallywall replay -"},
        {"it's", "BZh9", 4, "bzip2 -dc 'it'\\''s' | "},
        {"-x", "\x28\xb5\x2f\xfd", 4, "zstd -dc '-x' | "},
        {"a", "snoop\0\0\0", 8, "is a capture of snoop"},
        {"a.etl", "\0\0\1\0", 4, "pktmon etl2pcap a.etl"},
        {"a", "\1\2\3", 3, "editcap -F pcap a "},
        {"a", "*filter\n:INPUT", 14, "--rules"},
        {"a", "10:00 IP 192.0.2.1.1 > ", 23, "tcpdump -w"},
        {"a", "", 0, "is empty"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = forms_refuse(cases[i].name, (const uint8_t *)cases[i].bytes, cases[i].size);

        assert_non_null(text);
        assert_non_null(strstr(text, cases[i].says));
        assert_null(strchr(text, '\n'));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_order_and_resolution_of_pcap),
        cmocka_unit_test(a_file_that_breaks_off_or_is_damaged_says_which),
        cmocka_unit_test(interfaces_of_pcapng_have_clocks_and_links_of_their_own),
        cmocka_unit_test(clocks_that_no_machine_has_are_refused),
        cmocka_unit_test(packed_bytes_are_read_like_others),
        cmocka_unit_test(frames_are_put_into_the_order_of_time),
        cmocka_unit_test(links_say_where_ip_begins),
        cmocka_unit_test(other_forms_are_named_with_what_converts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
