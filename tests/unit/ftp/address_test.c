/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/address.h"
#include "sys/net.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

static const struct ftp_address untouched = {.port = 4711};

static void assert_address(const struct ftp_address *a, const char *ip, unsigned port)
{
    char text[INET6_ADDRSTRLEN];
    net_ip_format(&a->ip, text);
    assert_string_equal(text, ip);
    assert_int_equal(a->port, port);
}

static void port_reads_six_octets(void **state)
{
    struct ftp_address a;
    (void)state;
    assert_int_equal(ftp_port_parse("192,0,2,1,4,210", &a), FTP_ADDRESS_OK);
    assert_address(&a, "192.0.2.1", 1234);
    assert_true(net_ip_is_v4(&a.ip));
    assert_int_equal(ftp_port_parse("255,255,255,255,255,255", &a), FTP_ADDRESS_OK);
    assert_address(&a, "255.255.255.255", 65535);
    assert_int_equal(ftp_port_parse("010,001,000,002,000,021", &a), FTP_ADDRESS_OK); /* decimal, not octal */
    assert_address(&a, "10.1.0.2", 21);
}

static void malformed_port_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1,2,3,4,5",
        "1,2,3,4,5,",
        "1,2,3,4,5,6,",
        "1,2,3,4,5,6,7",
        "1,2,3,4,5,6 ",
        " 1,2,3,4,5,6",
        "1,2,3,4,5,256",
        "256,2,3,4,5,6",
        "1,2,3,4,5,-6",
        "1,2,3,4,5,+6",
        "1,2,3,4,,6",
        ",1,2,3,4,5",
        "1,2,3,4,5,0006",
        "1,2,3,4,5,4294967302",
        "1,2,3,4,5,18446744073709551622",
        "1.2.3.4.5.6",
        "0x1,2,3,4,5,6",
        "1,2,3,4,0,0",
        "1,2,3,4,5,6\n",
        "1, 2,3,4,5,6",
        "a,b,c,d,e,f",
        "1,2,3,4,5;6",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ftp_address a = untouched;
        assert_int_equal(ftp_port_parse(bad[i], &a), FTP_ADDRESS_SYNTAX);
        assert_memory_equal(&a, &untouched, sizeof(a));
    }
}

static void eprt_reads_both_families(void **state)
{
    struct ftp_address a;
    (void)state;
    assert_int_equal(ftp_eprt_parse("|1|132.235.1.2|6275|", &a), FTP_ADDRESS_OK);
    assert_address(&a, "132.235.1.2", 6275);
    assert_true(net_ip_is_v4(&a.ip));
    assert_int_equal(ftp_eprt_parse("|2|1080::8:800:200C:417A|5282|", &a), FTP_ADDRESS_OK);
    assert_address(&a, "1080::8:800:200c:417a", 5282);
    assert_false(net_ip_is_v4(&a.ip));
    assert_int_equal(ftp_eprt_parse("!2!ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255!65535!", &a),
                     FTP_ADDRESS_OK);
    assert_int_equal(ftp_eprt_parse("~1~10.0.0.1~1~", &a), FTP_ADDRESS_OK);
    assert_address(&a, "10.0.0.1", 1);
    assert_int_equal(ftp_eprt_parse("|2|::ffff:10.0.0.1|1024|", &a), FTP_ADDRESS_OK);
    assert_true(net_ip_is_v4(&a.ip)); /* one host, one spelling */
}

static void malformed_eprt_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "|",
        "||",
        "|||",
        "||||",
        "|1|",
        "|1|10.0.0.1",
        "|1|10.0.0.1|",
        "|1|10.0.0.1|1",
        "|1|10.0.0.1||",
        "|1|10.0.0.1|0|",
        "|1|10.0.0.1|65536|",
        "|1|10.0.0.1|000001|",
        "|1|10.0.0.1|-1|",
        "|1|10.0.0.1|+1|",
        "|1|10.0.0.1| 1|",
        "|1|10.0.0.1|1|x",
        "|1|10.0.0.1|1||",
        "|1|10.0.0|1|",
        "|1|10.0.0.256|1|",
        "|1|::1|1|",
        "|2|10.0.0.1|1|",
        "|2|::1%lo|1|",
        "|2|fe80::1%1|1|",
        "|2|:::|1|",
        "|2|1:2:3:4:5:6:7:8:9|1|",
        "|x|10.0.0.1|1|",
        "|-1|10.0.0.1|1|",
        "| 1|10.0.0.1|1|",
        "|1 |10.0.0.1|1|",
        "1|10.0.0.1|1|",
        " 1 10.0.0.1 1 ",
        "\t1\t10.0.0.1\t1\t",
        "\xff"
        "1\xff"
        "10.0.0.1\xff"
        "1\xff",
        ".1.10.0.0.1.1.",
        "11110.0.0.1111",
        "|1|10.0.0.1!1|",
        "|1|localhost|1|",
        "|1|0x0a.0.0.1|1|",
        "|999999|10.0.0.1|1|",
        "|2|0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000|1|",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ftp_address a = untouched;
        assert_int_equal(ftp_eprt_parse(bad[i], &a), FTP_ADDRESS_SYNTAX);
        assert_memory_equal(&a, &untouched, sizeof(a));
    }
}

static void other_protocol_numbers_are_522(void **state)
{
    struct ftp_address a = untouched;
    (void)state;
    assert_int_equal(ftp_eprt_parse("|3|10.0.0.1|1|", &a), FTP_ADDRESS_PROTOCOL);
    assert_int_equal(ftp_eprt_parse("|0|10.0.0.1|1|", &a), FTP_ADDRESS_PROTOCOL);
    assert_int_equal(ftp_eprt_parse("|65535|whatever", &a), FTP_ADDRESS_PROTOCOL);
    assert_memory_equal(&a, &untouched, sizeof(a));
}

static void epsv_arguments(void **state)
{
    static const struct {
        const char *argument;
        int want;
    } cases[] = {
        {"", 0},
        {"1", 1},
        {"2", 2},
        {"ALL", 3},
        {"all", 3},
        {"aLl", 3},
        {"0", -EPROTONOSUPPORT},
        {"3", -EPROTONOSUPPORT},
        {"99999999999999999999", -EPROTONOSUPPORT},
        {"ALLE", -EINVAL},
        {"AL", -EINVAL},
        {" ", -EINVAL},
        {"1 ", -EINVAL},
        {"-1", -EINVAL},
        {"x", -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ftp_epsv_parse(cases[i].argument), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_reads_six_octets),          cmocka_unit_test(malformed_port_is_refused),
        cmocka_unit_test(eprt_reads_both_families),       cmocka_unit_test(malformed_eprt_is_refused),
        cmocka_unit_test(other_protocol_numbers_are_522), cmocka_unit_test(epsv_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
