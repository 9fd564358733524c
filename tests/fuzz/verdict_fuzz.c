/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The image against the linear walk: a rule file, a NUL, then packets, each behind its length (2 bytes,
 * big-endian), a byte for hook and state and one that says how many units of 50 ms after the one before it
 * comes. Both say the same of each packet.
 */
#include "verdict/image/image.h"

#include "fuzz.h"

#include <string.h>

#include "packet/decode.h"
#include "rules/rules.h"
#include "verdict/linear.h"

enum { HEADER = 4, UNKNOWN = 0x80 };

static void compare(struct rules *r, const struct image *image, const struct verdict_packet *p,
                    struct verdict_memory *memory[2])
{
    for (int table = 0; table < RULES_TABLES; table++) {
        struct verdict a, b;

        linear_walk(r, (enum rules_table_type)table, p, memory[0], false, NULL, &a);
        image_walk(image, (enum rules_table_type)table, p, memory[1], &b);
        MUST(a.code == b.code && a.chain == b.chain && a.rule == b.rule && a.number == b.number);
        MUST(a.because == b.because || (a.because && b.because && strcmp(a.because, b.because) == 0));
        MUST(a.mark == b.mark && a.connmark_set == b.connmark_set && a.connmark == b.connmark);
        MUST(a.hotdrop == b.hotdrop && a.unknown == b.unknown);
        MUST(a.template.notrack == b.template.notrack && a.template.zone == b.template.zone &&
             a.template.helper == b.template.helper);
    }
}

static void send_packets(struct rules *r, const struct image *image, struct verdict_memory *memory[2],
                         const uint8_t *data, size_t size)
{
    uint64_t now = 100000;

    while (size > HEADER) {
        size_t length = (size_t)data[0] << 8 | data[1];
        struct track_flow flow = {.mark = data[2] & 3U, .status = TRACK_CONFIRMED};
        struct track_view view = {.state = (enum track_state)((data[2] >> 3 & 7) % (TRACK_UNTRACKED + 1)),
                                  .flow = &flow};
        struct verdict_packet p = {.hook = (enum rules_hook)((data[2] & 7) % RULES_HOOKS),
                                   .in = "eth0",
                                   .out = "eth1",
                                   .view = data[2] & 0x40 ? NULL : &view,
                                   .unknown = data[2] & UNKNOWN ? VERDICT_NO_IN | VERDICT_NO_MARK : 0,
                                   .now_ms = now += (uint64_t)data[3] * 50};
        struct packet packet;

        data += HEADER;
        size -= HEADER;
        if (length > size)
            length = size;
        p.packet = &packet;
        if (packet_decode(data, length, true, &packet) == 0)
            compare(r, image, &p, memory);
        data += length;
        size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    struct verdict_memory *memory[2];
    struct rules_error error;
    struct rules *r = NULL;

    if (!end || rules_read((const char *)data, (size_t)(end - data), "input", 0, &r, &error) < 0)
        return 0;
    struct image *image = image_compile(r);

    MUST(image);
    for (int i = 0; i < 2; i++) {
        memory[i] = verdict_memory_new();
        MUST(memory[i] && verdict_memory_learn(memory[i], r) == 0);
    }
    send_packets(r, image, memory, end + 1, size - (size_t)(end + 1 - data));
    for (int i = 0; i < 2; i++)
        verdict_memory_free(&memory[i]);
    image_free(&image);
    rules_free(&r);
    return 0;
}
