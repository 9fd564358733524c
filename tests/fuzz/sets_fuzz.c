/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Members of sets. A text is read whole or refused at a place within it; what was read answers every
 * question, of packets of both families, in every direction.
 */
#include "verdict/sets/sets.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "packet/build.h"
#include "packet/decode.h"

static void ask(const struct verdict_sets *bound, const struct packet *packet)
{
    static const char *const names[] = {"a", "b", "c", "nobody"};
    const struct verdict_packet p = {.packet = packet, .hook = RULES_INPUT, .in = "eth0", .out = ""};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (unsigned bits = 0; bits < 16; bits++) {
            struct rules_match_set match = {
                .element = {.dimensions = (uint8_t)(1 + bits % 3), .source_bits = (uint8_t)(bits >> 1)},
                .return_nomatch = bits & 1};
            strcpy(match.element.name, names[i]);
            enum verdict_answer answer = bound->contains(bound->arg, &match, &p);
            MUST(answer == VERDICT_NO || answer == VERDICT_YES || answer == VERDICT_UNKNOWN);
        }
    }
}

static void ask_packets(const struct sets *s)
{
    static const struct packet_recipe recipes[] = {
        {.family = PACKET_IPV4, .protocol = PACKET_TCP, .source_port = 40000, .destination_port = 21},
        {.family = PACKET_IPV4, .protocol = PACKET_ICMP, .icmp = {.type = 8}},
        {.family = PACKET_IPV6, .protocol = PACKET_UDP, .source_port = 53, .destination_port = 1024},
    };
    struct verdict_sets bound;
    uint8_t bytes[256];

    sets_bind(s, &bound);
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        struct packet packet;
        int size = packet_build(&recipes[i], bytes, sizeof bytes);
        MUST(size > 0 && packet_decode(bytes, (size_t)size, false, &packet) == 0);
        ask(&bound, &packet);
        memcpy(packet.source.word, "\xc0\0\2\1", 4);
        memcpy(packet.destination.word, "\x20\1\xd\xb8", 4);
        ask(&bound, &packet);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sets *s = NULL;
    struct rules_error error = {0};
    int r = sets_read((const char *)data, size, "input", &s, &error);

    if (r < 0) {
        MUST(r == -EINVAL && !s);
        MUST(error.line > 0 && error.column > 0 && error.message[0]);
        return 0;
    }
    ask_packets(s);
    sets_free(&s);
    MUST(!s);
    return 0;
}
