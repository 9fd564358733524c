/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void fields(void **state)
{
    static const struct row_case cases[] = {
        {"-m length --length 5", NULL, " length 5"},
        {"-m length ! --length 5:", "-m length ! --length 5:65535", " length !5:65535"},
        {"-m length --length 65536", "!65535", NULL},
        {"-m ttl --ttl 5", "-m ttl --ttl-eq 5", " TTL match TTL == 5"},
        {"-m ttl ! --ttl-eq 5", NULL, " TTL match TTL != 5"},
        {"-m ttl --ttl-lt 5", NULL, " TTL match TTL < 5"},
        {"-m ttl", "!--ttl-eq", NULL},
        {"-m ttl --ttl-lt 5 --ttl-gt 6", "!", NULL},
        {"-m ttl --ttl-eq 256", "!255", NULL},
        {"-m tos --tos Minimize-Delay", "-m tos --tos 0x10/0x3f", " tos match0x10/0x3f"},
        {"-m tos ! --tos 4", "-m tos ! --tos 0x04/0xff", " tos match!0x04/0xff"},
        {"-m tos --tos Minimise-Delay", "!did you mean Minimize-Delay", NULL},
        {"-m tos --tos 5/256", "!0xff", NULL},
        {"-m dscp --dscp-class ef", "-m dscp --dscp 0x2e", " DSCP match 0x2e"},
        {"-m dscp ! --dscp-class AF41", "-m dscp ! --dscp 0x22", " DSCP match !0x22"},
        {"-m dscp --dscp 64", "!63", NULL},
        {"-m dscp", "!--dscp", NULL},
        {"-m dscp --dscp-class AF44", "!did you mean AF4", NULL},
        {"-p tcp -m tcpmss --mss 5", NULL, " tcpmss match 5"},
        {"-m tcpmss --mss 5", "!tcp", NULL},
        {"-p tcp -m tcpmss ! --mss 5:9", NULL, " tcpmss match !5:9"},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void hop_limit(void **state)
{
    static const struct row_case cases[] = {
        {"-m hl ! --hl 3", "-m hl ! --hl-eq 3", " HL match HL != 3"},
        {"-m ttl --ttl-eq 3", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV6};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(hop_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
