/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/build.h"
#include "packet/decode.h"
#include "packet/reassemble.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

enum { DATA = 64, V4 = 4, V6 = 6 };

static uint8_t datagram[2048], piece[2048];
static size_t datagram_size;

/* A UDP datagram with DATA bytes above IP. */
static void make_datagram(unsigned version)
{
    static uint8_t payload[DATA - 8];
    struct packet_recipe r = {.protocol = PACKET_UDP, .source_port = 40000, .destination_port = 53};
    const char *from = version == V4 ? "192.0.2.1" : "2001:db8::1";
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)i;
    assert_int_equal(packet_address_parse(from, &r.source, &r.family), 0);
    r.destination = r.source;
    r.payload = payload;
    r.payload_size = sizeof(payload);
    int size = packet_build(&r, datagram, sizeof(datagram));
    assert_true(size > 0);
    datagram_size = (size_t)size;
}

/* Bytes start to end of its data as a fragment. */
static struct packet make_piece(size_t start, size_t end, bool more, uint8_t id)
{
    bool v4 = datagram[0] >> 4 == 4;
    size_t header = v4 ? 20 : 40, all = header;
    struct packet p;

    memcpy(piece, datagram, header);
    if (v4) {
        piece[5] = id;
        piece[6] = (uint8_t)((more ? 0x20 : 0) | start >> 11);
        piece[7] = (uint8_t)(start >> 3);
    } else {
        memset(piece + 40, 0, 8);
        piece[40] = piece[6];
        piece[6] = 44;
        piece[42] = (uint8_t)(start >> 8);
        piece[43] = (uint8_t)(start | more);
        piece[47] = id;
        all += 8;
    }
    memset(piece + all, 0xee, end - start);
    for (size_t i = start; i < end && header + i < datagram_size; i++)
        piece[all + i - start] = datagram[header + i];
    all += end - start;
    size_t length = v4 ? all : all - 40;
    piece[v4 ? 2 : 4] = (uint8_t)(length >> 8);
    piece[v4 ? 3 : 5] = (uint8_t)length;
    assert_int_equal(packet_decode(piece, all, false, &p), 0);
    return p;
}

static int give(struct packet_reassembler *r, size_t start, size_t end, bool more, struct packet *ret)
{
    struct packet p = make_piece(start, end, more, 1);

    return packet_reassemble(r, &p, 0, ret);
}

static void expect_whole(const struct packet *whole)
{
    struct packet p;
    assert_int_equal(whole->captured, datagram_size);
    assert_int_equal(packet_decode(whole->bytes, whole->captured, true, &p), 0);
    assert_int_equal(p.fault, PACKET_SOUND);
    assert_false(p.is_fragment);
    assert_int_equal(p.protocol, PACKET_UDP);
    assert_int_equal(p.destination_port, 53);
    assert_memory_equal(p.bytes + p.transport, datagram + datagram_size - DATA, DATA);
}

/* Four fragments in every order, the datagram is whole with the last of them. */
static void any_order(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 4 * 4 * 4 * 4 * 2; order++) {
        unsigned at[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15)
            continue;
        make_datagram(order >> 8 ? V6 : V4);
        struct packet_reassembler *r = packet_reassembler_new(1 << 20);
        struct packet whole;
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(give(r, 16 * at[i], 16 * at[i] + 16, at[i] < 3, &whole), i == 3);
        expect_whole(&whole);
        packet_reassembler_free(&r);
        assert_null(r);
    }
}

static void a_repeated_fragment_does_no_harm(void **state)
{
    (void)state;
    for (unsigned version = V4; version <= V6; version += V6 - V4) {
        make_datagram(version);
        struct packet_reassembler *r = packet_reassembler_new(1 << 20);
        struct packet whole;
        assert_int_equal(give(r, 0, 32, true, &whole), 0);
        assert_int_equal(give(r, 0, 32, true, &whole), 0);
        assert_int_equal(give(r, 8, 24, true, &whole), 0);
        assert_int_equal(give(r, 32, DATA, false, &whole), 1);
        expect_whole(&whole);
        packet_reassembler_free(&r);
    }
}

static void an_overlap_ends_the_datagram(void **state)
{
    (void)state;
    for (unsigned version = V4; version <= V6; version += V6 - V4) {
        make_datagram(version);
        struct packet_reassembler *r = packet_reassembler_new(1 << 20);
        struct packet whole;
        assert_int_equal(give(r, 0, 32, true, &whole), 0);
        assert_int_equal(give(r, 24, 40, true, &whole), -EBADMSG);
        assert_int_equal(give(r, 32, DATA, false, &whole), 0);
        assert_int_equal(give(r, 0, 32, true, &whole), 1);
        packet_reassembler_free(&r);
    }
}

/* Nothing new, but across two fragments: an overlap, unless they came in order (inet_frag_queue_insert). */
static void across_two_fragments(void **state)
{
    struct packet whole;
    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        make_datagram(V4);
        struct packet_reassembler *r = packet_reassembler_new(1 << 20);
        assert_int_equal(give(r, order ? 16 : 0, order ? 32 : 16, true, &whole), 0);
        assert_int_equal(give(r, order ? 0 : 16, order ? 16 : 32, true, &whole), 0);
        assert_int_equal(give(r, 8, 24, true, &whole), order ? -EBADMSG : 0);
        packet_reassembler_free(&r);
    }
}

/* Two ends: IPv4 forgets the datagram, IPv6 the second fragment. */
static void two_ends(void **state)
{
    struct packet whole;
    (void)state;
    for (unsigned version = V4; version <= V6; version += V6 - V4) {
        make_datagram(version);
        struct packet_reassembler *r = packet_reassembler_new(1 << 20);
        assert_int_equal(give(r, 32, DATA, false, &whole), 0);
        assert_int_equal(give(r, DATA, DATA + 8, false, &whole), -EBADMSG);
        assert_int_equal(give(r, 0, 32, true, &whole), version == V6);
        packet_reassembler_free(&r);
    }
}

static void it_waits_so_long(void **state)
{
    struct packet whole;
    (void)state;
    for (unsigned version = V4; version <= V6; version += V6 - V4) {
        uint64_t limit = version == V4 ? 30000 : 60000;
        make_datagram(version);
        for (uint64_t late = limit - 1; late <= limit; late++) {
            struct packet_reassembler *r = packet_reassembler_new(1 << 20);
            struct packet p = make_piece(0, 32, true, 1);
            assert_int_equal(packet_reassemble(r, &p, 1000, &whole), 0);
            p = make_piece(32, DATA, false, 1);
            assert_int_equal(packet_reassemble(r, &p, 1000 + late, &whole), late < limit);
            packet_reassembler_free(&r);
        }
    }
}

static void the_oldest_goes_first(void **state)
{
    struct packet whole;
    (void)state;
    make_datagram(V4);
    struct packet_reassembler *r = packet_reassembler_new(8192);
    for (uint8_t id = 1; id <= 20; id++) {
        struct packet p = make_piece(0, 32, true, id);
        assert_int_equal(packet_reassemble(r, &p, 0, &whole), 0);
    }
    struct packet p = make_piece(32, DATA, false, 1);
    assert_int_equal(packet_reassemble(r, &p, 0, &whole), 0);
    p = make_piece(32, DATA, false, 20);
    assert_int_equal(packet_reassemble(r, &p, 0, &whole), 1);
    packet_reassembler_free(&r);
}

static void a_cut_fragment_cuts_the_whole(void **state)
{
    struct packet whole;
    (void)state;
    make_datagram(V4);
    struct packet_reassembler *r = packet_reassembler_new(1 << 20);
    struct packet p = make_piece(0, 32, true, 1), cut;
    assert_int_equal(packet_decode(p.bytes, 40, false, &cut), 0);
    assert_int_equal(packet_reassemble(r, &cut, 0, &whole), 0);
    assert_int_equal(give(r, 32, DATA, false, &whole), 1);
    assert_int_equal(whole.length, datagram_size);
    assert_int_equal(whole.captured, 40);
    packet_reassembler_free(&r);
}

static void what_is_no_fragment_comes_back(void **state)
{
    struct packet p, whole;
    (void)state;
    make_datagram(V4);
    assert_int_equal(packet_decode(datagram, datagram_size, false, &p), 0);
    struct packet_reassembler *r = packet_reassembler_new(1 << 20);
    assert_int_equal(packet_reassemble(r, &p, 0, &whole), 1);
    assert_ptr_equal(whole.bytes, datagram);
    packet_reassembler_free(&r);
}

/* RFC 6946: a fragment header that says "all of it" is taken away. */
static void an_atomic_fragment_loses_its_header(void **state)
{
    struct packet whole;
    (void)state;
    make_datagram(V6);
    struct packet_reassembler *r = packet_reassembler_new(1 << 20);
    struct packet p = make_piece(0, DATA, false, 1);
    assert_true(p.is_atomic);
    assert_false(p.is_fragment);
    assert_int_equal(packet_reassemble(r, &p, 0, &whole), 1);
    expect_whole(&whole);
    packet_reassembler_free(&r);
}

/* A first fragment without its transport header, and one of no multiple of 8, pass IPv6's reassembly as they
 * are; the second also ends the datagram. */
static void ipv6_fragments_that_pass(void **state)
{
    struct packet whole;
    (void)state;
    make_datagram(V6);
    datagram[6] = PACKET_TCP;
    struct packet_reassembler *r = packet_reassembler_new(1 << 20);
    struct packet p = make_piece(0, 16, true, 1);
    assert_int_equal(packet_reassemble(r, &p, 0, &whole), 1);
    assert_true(whole.is_fragment);
    assert_int_equal(give(r, 0, 32, true, &whole), 0);
    p = make_piece(32, 39, true, 1);
    assert_int_equal(packet_reassemble(r, &p, 0, &whole), 1);
    assert_int_equal(whole.fragment_offset, 32);
    assert_int_equal(give(r, 32, DATA, false, &whole), 0);
    packet_reassembler_free(&r);
}

/* IPv4 cuts it to a multiple of 8 instead. */
static void an_uneven_ipv4_fragment_is_cut(void **state)
{
    struct packet whole;
    (void)state;
    make_datagram(V4);
    struct packet_reassembler *r = packet_reassembler_new(1 << 20);
    assert_int_equal(give(r, 0, 37, true, &whole), 0);
    assert_int_equal(give(r, 32, DATA, false, &whole), 1);
    expect_whole(&whole);
    packet_reassembler_free(&r);
}

static void longer_than_a_packet(void **state)
{
    struct packet whole;
    (void)state;
    make_datagram(V4);
    struct packet_reassembler *r = packet_reassembler_new(1 << 20);
    assert_int_equal(give(r, 65528, 65544, false, &whole), -EBADMSG);
    packet_reassembler_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(a_repeated_fragment_does_no_harm),
        cmocka_unit_test(an_overlap_ends_the_datagram),
        cmocka_unit_test(across_two_fragments),
        cmocka_unit_test(two_ends),
        cmocka_unit_test(it_waits_so_long),
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(a_cut_fragment_cuts_the_whole),
        cmocka_unit_test(what_is_no_fragment_comes_back),
        cmocka_unit_test(an_atomic_fragment_loses_its_header),
        cmocka_unit_test(ipv6_fragments_that_pass),
        cmocka_unit_test(an_uneven_ipv4_fragment_is_cut),
        cmocka_unit_test(longer_than_a_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
