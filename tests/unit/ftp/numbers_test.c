/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/numbers.h"

#include "unit.h"

#include <string.h>

static const enum ftp_manner manners[] = {FTP_AS_LINUX, FTP_AS_HELPER, FTP_AS_SERVER};

static struct ftp_reader reader_of(const char *text)
{
    return (struct ftp_reader){.text = {.bytes = (const uint8_t *)text, .size = (uint32_t)strlen(text)}};
}

/* What each manner, in the order of the enum, makes of text; port: of those that read it. */
struct row {
    const char *text;
    int read[3]; /* enum ftp_read */
    uint16_t port;
};

enum { NO = FTP_READ_NOTHING, IS = FTP_READ_PLACE, BAD = FTP_READ_NONSENSE };

static void assert_read(const struct row *row, enum ftp_manner manner, const struct ftp_reader *r, int read)
{
    if (read != row->read[manner])
        fail_msg("\"%s\", manner %d: %d", row->text, manner, read);
    if (read == FTP_READ_PLACE)
        assert_int_equal(r->port, row->port);
}

static void host_and_port_are_read_as_strictly_as_asked(void **state)
{
    static const struct row rows[] = {
        {"10,1,2,3,4,5", {IS, IS, IS}, 1029},
        {"010,1,2,3,004,5", {IS, IS, IS}, 1029},
        {"0010,1,2,3,4,5", {IS, IS, NO}, 1029},
        {"10,1,2,3,4,5,", {NO, NO, NO}, 0},
        {"10,1,2,3,4", {NO, NO, NO}, 0},
        {"10,1,,3,4,5", {IS, NO, NO}, 1029},
        {"10,1,2,3,40,999", {IS, BAD, BAD}, 11239},
        {"10,1,2,3,0,0", {IS, BAD, BAD}, 0},
        {"10,1,2,3,4294967300,5", {IS, BAD, NO}, 1029},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t m = 0; m < COUNT(manners); m++) {
            struct ftp_reader r = reader_of(rows[i].text);
            int read = ftp_read_host_port(&r, manners[m]);
            assert_read(&rows[i], manners[m], &r, read);
        }
}

static void ends_are_read_as_strictly_as_asked(void **state)
{
    static const struct row four[] = {
        {"10.1.2.3|21|", {IS, IS, IS}, 21},  {"10.1.2.3|65557|", {IS, BAD, BAD}, 21},
        {"10.1.2.3|0|", {BAD, BAD, BAD}, 0}, {"10.1.2.3|000021|", {IS, IS, NO}, 21},
        {"10.1.2.03|21|", {IS, IS, NO}, 21}, {"10.1.2.300|21|", {IS, BAD, BAD}, 21},
        {"10..2.3|21|", {IS, NO, NO}, 21},   {"10.1.2.3|21", {NO, NO, NO}, 0},
        {"10.1.2.3.21|", {NO, NO, NO}, 0},   {"10.1.2.3x21|", {NO, NO, NO}, 0},
    };
    static const struct row six[] = {
        {"fe80::1|21|", {IS, IS, IS}, 21},
        {"::|21|", {IS, IS, IS}, 21},
        {"1:2:3:4:5:6:7::|21|", {IS, IS, IS}, 21},
        {"::ffff:10.1.2.3|21|", {IS, IS, IS}, 21},
        {"::ffff:10.1.2.03|21|", {IS, IS, NO}, 21},
        {"::10.1.2.3:21|", {IS, NO, NO}, 21}, /* Linux does not look where it stopped */
        {"::00001|21|", {IS, IS, NO}, 21},
        {"::10000|21|", {NO, NO, NO}, 0},
        {"1:2:3:4:5:6:7|21|", {NO, NO, NO}, 0},
        {"1:2:3:4:5:6:7:8::|21|", {NO, NO, NO}, 0},
        {":1|21|", {NO, NO, NO}, 0},
        {"1::2::3|21|", {NO, NO, NO}, 0},
        {"fe80::1%1|21|", {NO, NO, NO}, 0},
    };
    (void)state;
    for (size_t m = 0; m < COUNT(manners); m++) {
        for (size_t i = 0; i < COUNT(four); i++) {
            struct ftp_reader r = reader_of(four[i].text);
            int read = ftp_read_ends(&r, '|', false, manners[m]);
            assert_read(&four[i], manners[m], &r, read);
        }
        for (size_t i = 0; i < COUNT(six); i++) {
            struct ftp_reader r = reader_of(six[i].text);
            int read = ftp_read_ends(&r, '|', true, manners[m]);
            assert_read(&six[i], manners[m], &r, read);
        }
    }
}

/* A delimiter that the address needs is none (RFC 2428 section 2). */
static void no_dot_delimits_an_ipv4_address(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(manners); m++) {
        struct ftp_reader r = reader_of("10.1.2.3.21.");
        assert_int_equal(ftp_read_ends(&r, '.', false, manners[m]), FTP_READ_NOTHING);
    }
}

static void an_address_comes_in_network_order(void **state)
{
    static const uint8_t six[16] = {0xfe, 0x80, [13] = 1, [14] = 2, [15] = 3}, four[4] = {10, 1, 2, 3};
    struct ftp_reader r = reader_of("fe80::1:203|21|");

    (void)state;
    assert_int_equal(ftp_read_ends(&r, '|', true, FTP_AS_SERVER), FTP_READ_PLACE);
    assert_memory_equal(r.address, six, sizeof(six));
    r = reader_of("10,1,2,3,4,5");
    assert_int_equal(ftp_read_host_port(&r, FTP_AS_SERVER), FTP_READ_PLACE);
    assert_memory_equal(r.address, four, sizeof(four));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port_are_read_as_strictly_as_asked),
        cmocka_unit_test(ends_are_read_as_strictly_as_asked),
        cmocka_unit_test(no_dot_delimits_an_ipv4_address),
        cmocka_unit_test(an_address_comes_in_network_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
