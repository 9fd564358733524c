/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/build.h"
#include "packet/decode.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

static uint8_t bytes[PACKET_LONGEST + 1];

static struct packet_recipe recipe(const char *source, const char *destination, uint8_t protocol)
{
    struct packet_recipe r = {.protocol = protocol, .window_scale = -1};

    assert_int_equal(packet_address_parse(source, &r.source, &r.family), 0);
    assert_int_equal(packet_address_parse(destination, &r.destination, &r.family), 0);
    r.source_port = 40000;
    r.destination_port = 21;
    return r;
}

static size_t build(const struct packet_recipe *r)
{
    int size = packet_build(r, bytes, sizeof(bytes));

    assert_true(size > 0);
    return (size_t)size;
}

static struct packet decode(size_t size)
{
    struct packet p;

    assert_int_equal(packet_decode(bytes, size, true, &p), 0);
    return p;
}

static void a_syn_comes_back_as_it_was(void **state)
{
    static const char *const pairs[][2] = {{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8::2"}};
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct packet_recipe r = recipe(pairs[i][0], pairs[i][1], PACKET_TCP);
        r.tcp = (struct packet_tcp){.sequence = 0xdeadbeef, .window = 65535, .flags = PACKET_SYN};
        r.mss = 1460;
        r.window_scale = 7;
        r.sack_permitted = true;
        r.tos = 0x10;
        size_t size = build(&r);
        struct packet p = decode(size);
        char text[46];
        assert_int_equal(p.family, r.family);
        assert_string_equal(packet_address_format(&p.source, p.family, text), pairs[i][0]);
        assert_string_equal(packet_address_format(&p.destination, p.family, text), pairs[i][1]);
        assert_int_equal(p.fault, PACKET_SOUND);
        assert_int_equal(p.ttl, 64);
        assert_int_equal(p.tos, 0x10);
        assert_int_equal(p.length, size);
        assert_int_equal(p.source_port, 40000);
        assert_int_equal(p.destination_port, 21);
        assert_int_equal(p.tcp.sequence, 0xdeadbeef);
        assert_int_equal(p.tcp.flags, PACKET_SYN);
        assert_int_equal(p.tcp.header, 32);
        assert_int_equal(packet_payload_size(&p), 0);
    }
}

static void payload_of_a_cut_capture(void **state)
{
    struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_TCP);
    (void)state;
    r.payload = "USER anonymous\r\n";
    r.payload_size = 16;
    size_t size = build(&r);
    struct packet p = decode(size);
    assert_int_equal(packet_payload_size(&p), 16);
    assert_memory_equal(p.bytes + p.payload, "USER", 4);
    p = decode(size - 10);
    assert_int_equal(p.fault, PACKET_SOUND);
    assert_int_equal(p.length, size);
    assert_int_equal(p.captured, size - 10);
    assert_int_equal(packet_payload_size(&p), 6);
    /* What the link added behind the packet is not the packet's. */
    bytes[size] = 'x';
    p = decode(size + 1);
    assert_int_equal(p.captured, size);
    assert_int_equal(p.fault, PACKET_SOUND);
}

static void wrong_sums_are_told(void **state)
{
    static const uint8_t protocols[] = {PACKET_TCP, PACKET_UDP, PACKET_ICMP};
    (void)state;
    for (size_t i = 0; i < COUNT(protocols); i++) {
        struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", protocols[i]);
        struct packet p;
        r.payload = "abc";
        r.payload_size = 3;
        size_t size = build(&r);
        assert_int_equal(decode(size).fault, PACKET_SOUND);
        bytes[size - 1] ^= 1;
        assert_int_equal(decode(size).fault, PACKET_BAD_CHECKSUM);
        assert_int_equal(packet_decode(bytes, size, false, &p), 0);
        assert_int_equal(p.fault, PACKET_SOUND);
        bytes[size - 1] ^= 1;
        bytes[8]--; /* the header's sum */
        assert_int_equal(decode(size).fault, PACKET_BAD_CHECKSUM);
    }
}

/* Rules and tracker ask whether there is a header at all before they ask whether it is right. */
static void a_wrong_sum_hides_no_short_header(void **state)
{
    struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_TCP);
    (void)state;
    build(&r);
    bytes[8]--; /* the header's sum */
    assert_int_equal(decode(20 + 10).fault, PACKET_SHORT);
}

static void udp_without_a_sum(void **state)
{
    struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_UDP);
    (void)state;
    size_t size = build(&r);
    memset(bytes + 26, 0, 2);
    assert_int_equal(decode(size).fault, PACKET_SOUND);
}

/* Linux sums UDP-Lite as if it were UDP, so that what RFC 3828 says is right is INVALID to conntrack. */
static void udplite_is_summed_as_the_kernel_does(void **state)
{
    struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_UDPLITE);
    (void)state;
    r.payload = "abcd";
    r.payload_size = 4;
    size_t size = build(&r);
    assert_int_equal(decode(size).fault, PACKET_BAD_CHECKSUM);
    uint32_t sum = (uint32_t)(bytes[26] << 8 | bytes[27]) + PACKET_UDPLITE - PACKET_UDP;
    sum = (sum & 0xffff) + (sum >> 16);
    bytes[26] = (uint8_t)(sum >> 8);
    bytes[27] = (uint8_t)sum;
    assert_int_equal(decode(size).fault, PACKET_SOUND);
    memset(bytes + 26, 0, 2);
    assert_int_equal(decode(size).fault, PACKET_BAD_CHECKSUM);
}

static void short_transport_headers(void **state)
{
    static const struct {
        uint8_t protocol;
        size_t there;
        uint8_t fault;
        bool ports;
    } cases[] = {
        {PACKET_TCP, 20, PACKET_SOUND, true},  {PACKET_TCP, 19, PACKET_SHORT, true},
        {PACKET_TCP, 4, PACKET_SHORT, true},   {PACKET_TCP, 3, PACKET_SHORT, false},
        {PACKET_UDP, 7, PACKET_SHORT, true},   {PACKET_ICMP, 7, PACKET_SHORT, false},
        {PACKET_SCTP, 12, PACKET_SOUND, true}, {PACKET_SCTP, 3, PACKET_SHORT, false},
        {PACKET_GRE, 0, PACKET_SOUND, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", cases[i].protocol);
        struct packet p;
        if (cases[i].protocol == PACKET_SCTP) {
            r.payload = "\x9c\x40\x00\x15........";
            r.payload_size = 12;
        }
        build(&r);
        assert_int_equal(packet_decode(bytes, 20 + cases[i].there, false, &p), 0);
        assert_int_equal(p.fault, cases[i].fault);
        assert_int_equal(p.destination_port, cases[i].ports ? 21 : 0);
        assert_int_equal(p.transport, 20);
        if (p.fault == PACKET_SHORT)
            assert_int_equal(p.payload, p.captured);
    }
}

static void lengths_that_contradict(void **state)
{
    struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_TCP);
    (void)state;
    size_t size = build(&r);
    bytes[32] = 4 << 4;
    assert_int_equal(decode(size).fault, PACKET_BAD_LENGTH);
    bytes[32] = 6 << 4;
    assert_int_equal(decode(size).fault, PACKET_BAD_LENGTH);
    r.protocol = PACKET_UDP;
    size = build(&r);
    bytes[25] = 9;
    assert_int_equal(decode(size).fault, PACKET_BAD_LENGTH);
    bytes[25] = 7;
    assert_int_equal(decode(size).fault, PACKET_BAD_LENGTH);
}

static void what_no_router_passes_on(void **state)
{
    struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_TCP);
    struct packet p = {.ttl = 77};
    (void)state;
    build(&r);
    assert_int_equal(packet_decode(bytes, 0, true, &p), -EBADMSG);
    assert_int_equal(packet_decode(bytes, 19, true, &p), -EBADMSG);
    bytes[0] = 0x44;
    assert_int_equal(packet_decode(bytes, 40, true, &p), -EBADMSG);
    bytes[0] = 0x4f;
    assert_int_equal(packet_decode(bytes, 40, true, &p), -EBADMSG);
    bytes[0] = 0x45;
    bytes[3] = 19;
    assert_int_equal(packet_decode(bytes, 40, true, &p), -EBADMSG);
    bytes[0] = 0x55;
    assert_int_equal(packet_decode(bytes, 40, true, &p), -EPROTONOSUPPORT);
    bytes[0] = 0x60;
    assert_int_equal(packet_decode(bytes, 39, true, &p), -EBADMSG);
    assert_int_equal(p.ttl, 77);
}

/* Puts extension headers of 8 bytes each, of these kinds, in front of the transport. */
static size_t insert_extensions(size_t size, const uint8_t *kinds, size_t count)
{
    uint8_t protocol = bytes[6];

    memmove(bytes + 40 + 8 * count, bytes + 40, size - 40);
    memset(bytes + 40, 0, 8 * count);
    bytes[6] = kinds[0];
    for (size_t i = 0; i < count; i++)
        bytes[40 + 8 * i] = i + 1 < count ? kinds[i + 1] : protocol;
    bytes[5] = (uint8_t)(bytes[5] + 8 * count);
    return size + 8 * count;
}

static void extension_headers_are_walked(void **state)
{
    static const uint8_t kinds[17] = {0, 60, 43, 44, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60};
    (void)state;
    for (size_t count = 1; count <= 17; count++) {
        struct packet_recipe r = recipe("2001:db8::1", "2001:db8::2", PACKET_UDP);
        size_t size = insert_extensions(build(&r), kinds, count);
        struct packet p = decode(size);
        assert_int_equal(p.fault, count < 17 ? PACKET_SOUND : PACKET_SHORT);
        assert_false(p.is_fragment);
        if (count < 17) {
            assert_int_equal(p.protocol, PACKET_UDP);
            assert_int_equal(p.transport, 40 + 8 * count);
            assert_int_equal(p.destination_port, 21);
        }
    }
}

static void an_authentication_header_counts_in_fours(void **state)
{
    struct packet_recipe r = recipe("2001:db8::1", "2001:db8::2", PACKET_UDP);
    (void)state;
    size_t size = insert_extensions(build(&r), (const uint8_t[]){51, 60, 60}, 3);
    bytes[41] = 4; /* (4 + 2) * 4 = 24 bytes: the other two headers are its data */
    bytes[40] = PACKET_UDP;
    struct packet p = decode(size);
    assert_int_equal(p.transport, 64);
    assert_int_equal(p.fault, PACKET_SOUND);
}

static void nothing_follows(void **state)
{
    struct packet_recipe r = recipe("2001:db8::1", "2001:db8::2", 59);
    (void)state;
    struct packet p = decode(build(&r));
    assert_int_equal(p.fault, PACKET_SHORT);
    assert_int_equal(p.protocol, 59);
}

static void an_id_is_only_of_echo_and_its_like(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_ICMP);
        r.icmp = (struct packet_icmp){.type = (uint8_t)type, .code = 3, .id = 0x1234};
        struct packet p = decode(build(&r));
        bool has = type == 0 || type == 8 || (type >= 13 && type <= 18);
        assert_int_equal(p.icmp.type, type);
        assert_int_equal(p.icmp.code, 3);
        assert_int_equal(p.icmp.id, has ? 0x1234 : 0);
    }
}

static void the_builder_keeps_to_its_room(void **state)
{
    static uint8_t payload[PACKET_LONGEST + 1];
    struct packet_recipe r = recipe("192.0.2.1", "192.0.2.2", PACKET_UDP);
    uint8_t small[36] = {0};
    (void)state;
    r.payload = payload;
    r.payload_size = 8;
    assert_int_equal(packet_build(&r, small, 35), -EMSGSIZE);
    assert_int_equal(packet_build(&r, small, 36), 36);
    r.payload_size = PACKET_LONGEST - 28;
    assert_int_equal(packet_build(&r, bytes, sizeof(bytes)), PACKET_LONGEST);
    r.payload_size++;
    assert_int_equal(packet_build(&r, bytes, sizeof(bytes)), -EMSGSIZE);
    r.payload_size = SIZE_MAX;
    assert_int_equal(packet_build(&r, bytes, sizeof(bytes)), -EMSGSIZE);
}

static void names(void **state)
{
    struct packet_address a = {.word = {7}};
    uint8_t family = 9;
    (void)state;
    assert_string_equal(packet_protocol_name(6), "tcp");
    assert_string_equal(packet_protocol_name(58), "ipv6-icmp");
    assert_null(packet_protocol_name(200));
    assert_int_equal(packet_address_parse("192.0.2", &a, &family), -EINVAL);
    assert_int_equal(a.word[0], 7);
    assert_int_equal(family, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_comes_back_as_it_was),
        cmocka_unit_test(payload_of_a_cut_capture),
        cmocka_unit_test(wrong_sums_are_told),
        cmocka_unit_test(a_wrong_sum_hides_no_short_header),
        cmocka_unit_test(udp_without_a_sum),
        cmocka_unit_test(udplite_is_summed_as_the_kernel_does),
        cmocka_unit_test(short_transport_headers),
        cmocka_unit_test(lengths_that_contradict),
        cmocka_unit_test(what_no_router_passes_on),
        cmocka_unit_test(extension_headers_are_walked),
        cmocka_unit_test(an_authentication_header_counts_in_fours),
        cmocka_unit_test(nothing_follows),
        cmocka_unit_test(an_id_is_only_of_echo_and_its_like),
        cmocka_unit_test(the_builder_keeps_to_its_room),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
