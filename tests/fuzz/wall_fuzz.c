/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The whole engine: a rule file, a NUL, then packets, each behind its length (2 bytes, big-endian), a byte
 * that says which way it goes and one that says how many units of 50 ms after the one before it comes. What
 * is said of each packet holds together, and the tracker holds no more flows than it may.
 */
#include "verdict/wall.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "packet/decode.h"

enum { MOST_FLOWS = 64, HEADER = 4 };

static void check_report(const struct wall_report *r)
{
    MUST(r->fate <= WALL_UNKNOWN && r->stage <= WALL_BY_HELPER);
    MUST(r->view.flow == NULL);
    MUST(!r->astray || r->fate == WALL_UNKNOWN || r->rewrite.verdict.code == VERDICT_DEPENDS);
    if (r->stage == WALL_BY_RULES) {
        MUST(r->fate != WALL_PASS || r->table == RULES_FILTER);
        MUST((r->fate == WALL_UNKNOWN) == (r->verdict.because != NULL));
        MUST(r->fate == WALL_UNKNOWN || r->table != RULES_RAW || !r->has_flow);
    }
    if (r->stage == WALL_BY_HELPER || r->stage == WALL_BY_CONNTRACK)
        MUST(r->fate == WALL_DROP && r->reason != TRACK_OK);
    if (r->has_flow)
        MUST(r->view.state != TRACK_INVALID && r->view.state != TRACK_UNTRACKED);
}

static void send_packets(struct wall *w, const uint8_t *data, size_t size)
{
    const struct wall_world world = {.in = "eth0", .out = "eth1", .unknown = VERDICT_NO_SET | VERDICT_NO_MAC};
    uint64_t now = 100000;

    while (size > HEADER) {
        size_t length = (size_t)data[0] << 8 | data[1];
        enum wall_path path = (enum wall_path)(data[2] % 3);
        struct packet packet;
        now += (uint64_t)data[3] * 50;
        data += HEADER;
        size -= HEADER;
        if (length > size)
            length = size;
        if (packet_decode(data, length, true, &packet) == 0) {
            struct wall_report report;
            wall_packet(w, &packet, path, &world, now, NULL, &report);
            check_report(&report);
            MUST(tracker_flow_count(wall_tracker(w)) <= MOST_FLOWS);
        }
        data += length;
        size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    struct rules *r = NULL;
    struct rules_error error;
    struct track_config config;

    if (!end || rules_read((const char *)data, (size_t)(end - data), "input", 0, &r, &error) < 0)
        return 0;
    track_config_default(&config, data[0] & 1 ? TRACK_ROBUST : TRACK_LINUX, TRACK_KERNEL(6, 18));
    config.max_flows = MOST_FLOWS;
    struct wall *w = wall_new_counting(r, &config, NULL, NULL);
    MUST(w);
    send_packets(w, end + 1, size - (size_t)(end + 1 - data));
    wall_free(&w);
    MUST(!w);
    rules_free(&r);
    return 0;
}
