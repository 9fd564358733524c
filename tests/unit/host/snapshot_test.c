/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot is read back as it was written; what is no snapshot is refused with its place. */
#include "host/snapshot.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/decode.h"

static const char whole[] = "# sallywall snapshot 1\n"
                            "# kernel: 6.1.0-18-amd64\n"
                            "# a remark of somebody who has read it\n"
                            "# ---- iptables-nft-save -c\n"
                            "# version: iptables-nft-save v1.8.9 (nf_tables)\n"
                            "*filter\n"
                            ":INPUT DROP [0:0]\n"
                            "COMMIT\n"
                            " # ---- ipset save\n" /* out of a comment */
                            "# ---- ipset save\n"
                            "# not to be had: ipset is not installed\n"
                            "# ---- a section of later times\n"
                            "whatever\n"
                            "# ---- ip addr show\n"
                            "2: eth0: <UP> mtu 1500\n"
                            "    inet 10.0.0.1/24 scope global eth0\n"
                            "# ---- ip -4 route show table all\n"
                            "default via 10.0.0.254 dev eth0 \n"
                            "local 10.0.0.1 dev eth0 table local proto kernel scope host src 10.0.0.1 \n"
                            "# ---- ip -6 route show table all\n"
                            "default via\n"
                            "# ---- /proc/sys\n"
                            "net.ipv4.ip_forward = 1\n"
                            "net.netfilter.nf_conntrack_max = 262144\n"
                            "net.netfilter.nf_conntrack_maximum = x\n"
                            "# ---- /sys/module\n"
                            "nf_conntrack_ftp: loaded\n"
                            "nf_conntrack_ftp.ports = 21,2121\n"
                            "nf_nat_ftp: not loaded\n"
                            "nf_tables: not known\n"
                            "# ---- ip link show\n";

static struct snapshot read_whole(const char *text, size_t size)
{
    struct snapshot s;
    struct host_error error;

    assert_true(snapshot_is(text, size));
    if (snapshot_read(text, size, &s, &error) < 0)
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
    return s;
}

static void want_part(const struct snapshot *s, enum snapshot_section section, uint32_t line,
                      const char *text)
{
    const struct snapshot_part *part = &s->parts[section];

    assert_true(part->is_there);
    assert_int_equal(part->line, line);
    assert_int_equal(part->size, strlen(text));
    assert_memory_equal(part->text, text, part->size);
}

static void test_sections(void **state)
{
    (void)state;
    struct snapshot s = read_whole(whole, sizeof whole - 1);
    assert_string_equal(s.kernel, "6.1.0-18-amd64");
    want_part(&s, SNAPSHOT_NFT_SAVE, 6, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n # ---- ipset save\n");
    assert_string_equal(s.parts[SNAPSHOT_NFT_SAVE].version, "iptables-nft-save v1.8.9 (nf_tables)");
    assert_false(s.parts[SNAPSHOT_IPSET].is_there);
    assert_string_equal(s.parts[SNAPSHOT_IPSET].missing, "ipset is not installed");
    assert_int_equal(s.parts[SNAPSHOT_LEGACY_SAVE].line, 0);
    assert_false(s.parts[SNAPSHOT_LEGACY_SAVE].is_there);
    want_part(&s, SNAPSHOT_ADDRESSES, 15, "2: eth0: <UP> mtu 1500\n    inet 10.0.0.1/24 scope global eth0\n");
    want_part(&s, SNAPSHOT_LINKS, 32, "");
}

static void test_words(void **state)
{
    (void)state;
    struct snapshot s = read_whole(whole, sizeof whole - 1);
    char text[16];
    int64_t value;
    assert_true(snapshot_switch(&s, "net.netfilter.nf_conntrack_max", &value));
    assert_int_equal(value, 262144);
    assert_false(snapshot_switch(&s, "net.netfilter.nf_conntrack_maximum", &value));
    assert_false(snapshot_switch(&s, "net.netfilter.nf_conntrack", &value));
    assert_int_equal(snapshot_module_state(&s, "nf_conntrack_ftp"), SNAPSHOT_LOADED);
    assert_int_equal(snapshot_module_state(&s, "nf_nat_ftp"), SNAPSHOT_ABSENT);
    assert_int_equal(snapshot_module_state(&s, "nf_tables"), SNAPSHOT_UNKNOWN);
    assert_int_equal(snapshot_module_state(&s, "ip_tables"), SNAPSHOT_UNKNOWN);
    assert_true(snapshot_parameter(&s, "nf_conntrack_ftp.ports", text, sizeof text));
    assert_string_equal(text, "21,2121");
    assert_false(snapshot_parameter(&s, "nf_conntrack_ftp.ports", text, 7));
    assert_false(snapshot_parameter(&s, "nf_conntrack_ftp.loose", text, sizeof text));
}

struct told {
    unsigned count;
    struct host_error last;
};

static void tell(void *arg, const struct host_error *error)
{
    struct told *told = arg;

    told->count++;
    told->last = *error;
}

static void test_host(void **state)
{
    (void)state;
    struct snapshot s = read_whole(whole, sizeof whole - 1);
    struct host *h = host_new();
    struct told told = {0};
    struct packet_address a;
    uint8_t family;

    assert_non_null(h);
    assert_int_equal(snapshot_tell_host(&s, h, tell, &told), 0);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.line, 21); /* of the whole file */
    assert_int_equal(packet_address_parse("8.8.8.8", &a, &family), 0);
    assert_string_equal(host_towards(h, family, &a), "eth0");
    assert_int_equal(host_has_address(h, family, &a), HOST_NO);
    assert_int_equal(host_forwards(h, family, "eth0"), HOST_YES);
    host_free(&h);
}

/* As mail may have made it. */
static void test_lines_that_end_in_crlf(void **state)
{
    char text[2 * sizeof whole], *to = text;

    (void)state;
    for (const char *at = whole; *at; at++) {
        if (*at == '\n')
            *to++ = '\r';
        *to++ = *at;
    }
    struct snapshot s = read_whole(text, (size_t)(to - text));
    struct host *h = host_new();
    assert_non_null(h);
    assert_int_equal(snapshot_tell_host(&s, h, NULL, NULL), 0);
    assert_int_equal(host_forwards(h, PACKET_IPV4, "eth0"), HOST_YES);
    assert_string_equal(s.parts[SNAPSHOT_IPSET].missing, "ipset is not installed");
    host_free(&h);
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *text;
        uint32_t line;
    } wrong[] = {
        {"", 1},
        {"# Generated by iptables-save\n", 1},
        {"# sallywall snapshot\n", 1},
        {"# sallywall snapshot 2\n", 1},
        {"# sallywall snapshot x\n", 1},
        {"# sallywall snapshot 1\n# ---- ipset save\n\n# ---- ipset save\n", 4},
    };
    struct snapshot s;
    struct host_error error;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(snapshot_read(wrong[i].text, strlen(wrong[i].text), &s, &error), -EINVAL);
        assert_int_equal(error.line, wrong[i].line);
        assert_int_equal(error.column, 1);
    }
    assert_int_equal(snapshot_read("# sallywall snapshot 1", 22, &s, &error), 0);
}

/* Names are what is looked for: no two are alike, and none is cut. */
static void test_names(void **state)
{
    char name[SNAPSHOT_NAME], other[SNAPSHOT_NAME];

    (void)state;
    for (int i = 0; i < SNAPSHOT_SECTIONS; i++) {
        assert_true(strlen(snapshot_name((enum snapshot_section)i, name)) < SNAPSHOT_NAME - 1);
        assert_non_null(SNAPSHOT_ROWS[i].tells);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, snapshot_name((enum snapshot_section)j, other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_lines_that_end_in_crlf),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
