/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What is said on control connections, in both manners of the helper. Each record of the input: one byte for
 * who speaks (bit 0), on which of two connections (bit 1), with which jump in the sequence numbers (bits 2,
 * 3) and whether a data connection is tried afterwards (bit 4), one byte of length, then so many bytes.
 *
 * There is never more than one expectation a control connection; it is for the peer's address, lasts 300 s,
 * and only the linux manner drops anything.
 */
#include "packet/build.h"
#include "packet/decode.h"
#include "track/native/tracker.h"

#include "fuzz.h"

#include <string.h>

enum { CONNECTIONS = 2 };

struct world {
    struct tracker *tracker;
    enum track_manner manner;
    uint64_t now;
    uint8_t family;
    struct packet_address ends[2];
    uint32_t next[CONNECTIONS][2];
    size_t per_control[CONNECTIONS + 1];
};

static bool send(struct world *w, const struct packet_recipe *recipe, struct track_view *view)
{
    static const struct track_template template = {.helper = TRACK_HELPER_FTP};
    uint8_t bytes[512];
    struct packet packet;
    enum track_reason reason = TRACK_OK;
    int size = packet_build(recipe, bytes, sizeof(bytes));

    MUST(size > 0);
    uint8_t *exact = malloc((size_t)size); /* an overrun is seen */
    MUST(exact);
    memcpy(exact, bytes, (size_t)size);
    MUST(packet_decode(exact, (size_t)size, true, &packet) == 0);
    tracker_begin(w->tracker, &packet, w->now, &template, view);
    MUST((view->state == TRACK_INVALID) == (view->flow == NULL));
    bool passed = !view->drop && tracker_commit(w->tracker, &packet, NULL, view, &reason);
    MUST(passed || w->manner == TRACK_LINUX);
    MUST(passed == (reason == TRACK_OK));
    free(exact);
    return passed;
}

static struct packet_recipe segment(const struct world *w, unsigned connection, unsigned from, uint8_t flags)
{
    struct packet_recipe r = {.family = w->family, .protocol = PACKET_TCP, .window_scale = -1};
    uint16_t client = (uint16_t)(40000 + connection);

    r.source = w->ends[from];
    r.destination = w->ends[!from];
    r.source_port = from ? 21 : client;
    r.destination_port = from ? client : 21;
    r.tcp = (struct packet_tcp){.sequence = w->next[connection][from],
                                .acknowledgement = flags & PACKET_ACK ? w->next[connection][!from] : 0,
                                .window = 65535,
                                .flags = flags};
    return r;
}

static void connect_both(struct world *w)
{
    static const uint8_t flags[] = {PACKET_SYN, PACKET_SYN | PACKET_ACK, PACKET_ACK};
    struct track_view view;

    for (unsigned c = 0; c < CONNECTIONS; c++) {
        w->next[c][0] = 0xfffffff0; /* wraps soon */
        w->next[c][1] = 0x7ffffff0;
        for (unsigned i = 0; i < 3; i++) {
            struct packet_recipe r = segment(w, c, i == 1, flags[i]);
            MUST(send(w, &r, &view));
            w->next[c][i == 1] += !!(flags[i] & PACKET_SYN);
        }
    }
}

static bool check_expectation(void *arg, const struct track_expectation *e)
{
    struct world *w = arg;
    const struct track_flow *master = tracker_flow(w->tracker, e->master);

    MUST(master && master->helper == TRACK_HELPER_FTP);
    unsigned connection = master->tuple.source_port - 40000u;
    MUST(connection < CONNECTIONS);
    MUST(++w->per_control[connection] == 1);
    MUST(e->expires > w->now && e->expires <= w->now + 300000);
    MUST(e->family == w->family);
    MUST(packet_address_equal(&e->destination, &w->ends[0]) ||
         packet_address_equal(&e->destination, &w->ends[1]));
    MUST(packet_address_equal(&e->source, &w->ends[packet_address_equal(&e->destination, &w->ends[0])]));
    MUST(w->manner == TRACK_LINUX || e->port != 0);
    w->per_control[CONNECTIONS] = e->port;
    return true;
}

static void check_all(struct world *w)
{
    memset(w->per_control, 0, sizeof(w->per_control));
    tracker_each_expectation(w->tracker, check_expectation, w);
}

static void try_data(struct world *w, unsigned from)
{
    struct track_view view;
    struct packet_recipe r = segment(w, 0, from, PACKET_SYN);

    r.source_port = 5;
    r.destination_port = (uint16_t)w->per_control[CONNECTIONS];
    send(w, &r, &view);
    MUST(view.state != TRACK_RELATED || (view.flow->status & TRACK_EXPECTED));
}

static void run(enum track_manner manner, uint8_t family, const uint8_t *data, size_t size)
{
    struct world w = {.manner = manner};
    struct track_config config;
    struct track_view view;

    track_config_default(&config, manner, TRACK_KERNEL(6, 18));
    w.tracker = tracker_new(&config, NULL, NULL);
    MUST(w.tracker);
    packet_address_parse(family == PACKET_IPV6 ? "2001:db8::1" : "192.0.2.1", &w.ends[0], &w.family);
    packet_address_parse(family == PACKET_IPV6 ? "2001:db8::2" : "198.51.100.7", &w.ends[1], &w.family);
    connect_both(&w);
    while (size >= 2) {
        unsigned how = data[0], from = how & 1, connection = how >> 1 & 1, length = data[1];
        static const int jumps[] = {0, -7, 7, 0};
        data += 2;
        size -= 2;
        if (length > size)
            length = (unsigned)size;
        w.next[connection][from] += (uint32_t)jumps[how >> 2 & 3];
        struct packet_recipe r = segment(&w, connection, from, PACKET_ACK);
        r.payload = data;
        r.payload_size = length;
        if (send(&w, &r, &view))
            w.next[connection][from] += length;
        w.now += how * 100;
        tracker_tick(w.tracker, w.now);
        check_all(&w);
        if (how & 16)
            try_data(&w, from);
        data += length;
        size -= length;
    }
    tracker_free(&w.tracker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (uint8_t family = PACKET_IPV4; family <= PACKET_IPV6; family += 2) {
        run(TRACK_LINUX, family, data, size);
        run(TRACK_ROBUST, family, data, size);
    }
    return 0;
}
