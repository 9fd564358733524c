/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6's extension headers, and ranges in which nothing is. What the kernel answers was seen on Linux 6.18. */
#include "verdict/ask.h"

static void plain(struct sample *s)
{
    sample_build(
        s, &(struct packet_recipe){.family = PACKET_IPV6, .source_port = 40000, .destination_port = 21});
}

/* Extension headers of these kinds, 8 bytes each, before the TCP header. */
static void extended(struct sample *s, const uint8_t *kinds, unsigned count)
{
    plain(s);
    memmove(s->bytes + 40 + 8 * count, s->bytes + 40, s->size - 40);
    memset(s->bytes + 40, 0, 8 * (size_t)count);
    for (unsigned i = 0; i < count; i++)
        s->bytes[40 + 8 * i] = i + 1 < count ? kinds[i + 1] : PACKET_TCP;
    s->bytes[6] = kinds[0];
    s->size += 8 * (size_t)count;
    wire_write16(s->bytes + 4, (uint16_t)(s->size - 40));
    sample_decode(s);
}

static void a_packet_that_lacks_a_header_matches_nothing_about_it(void **state)
{
    struct sample s;
    (void)state;

    plain(&s);
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-m rt --rt-type 0", NO}, {"-m rt ! --rt-type 0", NO}, {"-m frag", NO},
            {"-m frag ! --fragid 1", NO}, {"-m hbh", NO}, {"-m hbh ! --hbh-len 8", NO}, {"-m dst", NO},
            {"-m dst ! --dst-len 8", NO}, {"-m srh", NO}, {"-m srh ! --srh-next-hdr 17", NO}, {"-m ah", NO},
            {"-m ah ! --ahspi 5", NO}, {"-m eui64", UNKNOWN}, {"-m policy --dir in --pol none", UNKNOWN});
}

static void one_that_has_it_is_judged_by_its_type_alone(void **state)
{
    static const uint8_t kinds[] = {0, 43};
    struct sample s;
    (void)state;

    extended(&s, kinds, 2);
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-m rt --rt-type 0", YES}, {"-m rt ! --rt-type 0", NO}, {"-m rt --rt-type 4", NO},
            {"-m rt ! --rt-type 4", YES}, {"-m rt --rt-type 0 --rt-segsleft 1", UNKNOWN}, {"-m hbh", UNKNOWN},
            {"-m frag", NO}, {"-m dst", NO}, {"-m ah", NO}, {"-p tcp --dport 21", YES});
    s.size = 50; /* a capture that ends inside */
    sample_decode(&s);
    ASK_ALL(&p, {"-m frag", UNKNOWN}, {"-m rt --rt-type 0", UNKNOWN},
            {"-m ipv6header --header frag", UNKNOWN});
}

static void lists_of_headers_are_judged(void **state)
{
    static const uint8_t kinds[] = {0, 60};
    struct sample s;
    (void)state;

    plain(&s);
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-m ipv6header --header prot", YES}, {"-m ipv6header ! --header prot", NO},
            {"-m ipv6header --header hop --soft", NO}, {"-m ipv6header ! --header hop --soft", YES},
            {"-m ipv6header --header hop", NO}, {"-m ipv6header ! --header hop", YES},
            {"-m ipv6header --header hop,prot --soft", NO}, {"-m ipv6header ! --header hop,prot --soft", NO},
            {"-m ipv6header ! --header hop,prot", YES});
    extended(&s, kinds, 2);
    ASK_ALL(&p, {"-m ipv6header --header hop,dst,prot", YES}, {"-m ipv6header --header hop,dst", NO},
            {"-m ipv6header --header hop,dst --soft", YES}, {"-m ipv6header ! --header frag --soft", YES},
            {"-m ipv6header --header ipv6-frag", NO});
}

static void nothing_is_in_a_range_that_goes_down(void **state)
{
    struct sample s;
    (void)state;

    sample_build(
        &s, &(struct packet_recipe){.protocol = PACKET_UDP, .source_port = 5000, .destination_port = 53});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-p udp --dport 60:50", NO}, {"-p udp ! --dport 60:50", YES}, {"-p udp --sport 65535:0", NO},
            {"-m length --length 2000:1", NO}, {"-m length ! --length 2000:1", YES},
            {"-m iprange --src-range 192.0.2.9-192.0.2.0", NO});
}

static void what_a_form_leaves_open_is_unknown_for_its_reason(void **state)
{
    struct sample s;
    (void)state;

    plain(&s);
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-m unknown --because \"no -v\"", UNKNOWN}, {"-p udp -m unknown --because \"no -v\"", NO});
    struct rules *r =
        read_rules("*filter\n:INPUT ACCEPT\n-A INPUT -m unknown --because \"no -v\"\nCOMMIT\n", PACKET_IPV6);
    struct verdict_memory *memory = verdict_memory_new();
    assert_string_equal(match_rule(&rules_chain_find(r, RULES_FILTER, "INPUT")->rules[0], &p, memory).because,
                        "no -v");
    verdict_memory_free(&memory);
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_that_lacks_a_header_matches_nothing_about_it),
        cmocka_unit_test(one_that_has_it_is_judged_by_its_type_alone),
        cmocka_unit_test(lists_of_headers_are_judged),
        cmocka_unit_test(nothing_is_in_a_range_that_goes_down),
        cmocka_unit_test(what_a_form_leaves_open_is_unknown_for_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
