/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_TALK_H
#define SALLY_TESTS_TALK_H

/*
 * Packets between a client and a server, sent by lines of a test and tracked; what the tracker says of each
 * is kept, and all that it tells.
 */
#include "packet/build.h"
#include "packet/decode.h"
#include "track/native/tracker.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { TALK_EVENTS = 256 };

struct talk {
    struct track_config config;
    struct track_template template;
    struct tracker *tracker;
    uint64_t now;
    uint8_t family;
    struct packet_address client, server;
    uint16_t client_port, server_port;
    uint32_t next[2]; /* sequence numbers: client, server */

    struct track_view view; /* of the last packet; flow only until it is done with */
    struct track_flow flow; /* a copy of it */
    bool passed;
    enum track_reason reason; /* why not, or why INVALID */
    struct {
        enum track_event_type type;
        enum track_reason reason;
        struct track_expectation expectation;
    } events[TALK_EVENTS];
    size_t event_count, seen_events;
};

static inline void talk_hear(void *arg, const struct track_event *event)
{
    struct talk *t = arg;

    assert_true(t->event_count < TALK_EVENTS);
    t->events[t->event_count].type = event->type;
    t->events[t->event_count].reason = event->reason;
    if (event->expectation)
        t->events[t->event_count].expectation = *event->expectation;
    t->event_count++;
}

static inline void talk_addresses(struct talk *t, const char *client, const char *server)
{
    assert_int_equal(packet_address_parse(client, &t->client, &t->family), 0);
    assert_int_equal(packet_address_parse(server, &t->server, &t->family), 0);
}

/* t->config may be changed between talk_init and talk_start. */
static inline void talk_init(struct talk *t, enum track_manner manner)
{
    *t = (struct talk){.client_port = 40000, .server_port = 21, .now = 1000000, .next = {1000, 5000}};
    track_config_default(&t->config, manner, TRACK_KERNEL(6, 18));
    t->template.helper = TRACK_HELPER_FTP;
    talk_addresses(t, "192.0.2.1", "198.51.100.7");
}

static inline void talk_start(struct talk *t)
{
    t->tracker = tracker_new(&t->config, talk_hear, t);
    assert_non_null(t->tracker);
}

static inline void talk_end(struct talk *t)
{
    tracker_free(&t->tracker);
}

/* Tracks what is in bytes. dropped: the filter drops it. */
static inline void talk_track_bytes(struct talk *t, const void *bytes, size_t size, bool dropped)
{
    uint8_t *exact = malloc(size); /* so that reading past its end is seen */
    struct packet packet;

    assert_non_null(exact);
    memcpy(exact, bytes, size);
    assert_int_equal(packet_decode(exact, size, true, &packet), 0);
    t->seen_events = t->event_count;
    tracker_begin(t->tracker, &packet, t->now, &t->template, &t->view);
    t->reason = t->view.reason;
    t->passed = !t->view.drop;
    if (t->view.flow)
        t->flow = *t->view.flow;
    if (dropped)
        tracker_abandon(t->tracker, &t->view);
    else if (!t->view.drop)
        t->passed = tracker_commit(t->tracker, &packet, NULL, &t->view, &t->reason);
    if (t->view.flow)
        t->flow = *t->view.flow;
    t->view.flow = NULL;
    free(exact);
}

static inline void talk_send(struct talk *t, const struct packet_recipe *recipe, bool dropped)
{
    static uint8_t bytes[PACKET_LONGEST];
    int size = packet_build(recipe, bytes, sizeof(bytes));

    assert_true(size > 0);
    talk_track_bytes(t, bytes, (size_t)size, dropped);
}

static inline struct packet_recipe talk_recipe(const struct talk *t, enum track_direction from,
                                               uint8_t protocol)
{
    struct packet_recipe r = {.family = t->family, .protocol = protocol, .window_scale = -1};

    r.source = from == TRACK_ORIGINAL ? t->client : t->server;
    r.destination = from == TRACK_ORIGINAL ? t->server : t->client;
    r.source_port = from == TRACK_ORIGINAL ? t->client_port : t->server_port;
    r.destination_port = from == TRACK_ORIGINAL ? t->server_port : t->client_port;
    r.tcp = (struct packet_tcp){
        .sequence = t->next[from], .acknowledgement = t->next[!from], .window = 60000, .flags = PACKET_ACK};
    return r;
}

/* A segment in sequence; next moves. */
static inline enum track_state talk_segment(struct talk *t, enum track_direction from, uint8_t flags,
                                            const char *payload)
{
    struct packet_recipe r = talk_recipe(t, from, PACKET_TCP);

    r.tcp.flags = flags;
    if (!(flags & PACKET_ACK))
        r.tcp.acknowledgement = 0;
    r.payload = payload;
    r.payload_size = payload ? strlen(payload) : 0;
    talk_send(t, &r, false);
    t->next[from] += (uint32_t)r.payload_size + !!(flags & PACKET_SYN) + !!(flags & PACKET_FIN);
    return t->view.state;
}

static inline enum track_state client_says(struct talk *t, const char *text)
{
    return talk_segment(t, TRACK_ORIGINAL, PACKET_ACK | PACKET_PSH, text);
}

static inline enum track_state server_says(struct talk *t, const char *text)
{
    return talk_segment(t, TRACK_REPLY, PACKET_ACK | PACKET_PSH, text);
}

static inline void talk_handshake(struct talk *t)
{
    assert_int_equal(talk_segment(t, TRACK_ORIGINAL, PACKET_SYN, NULL), TRACK_NEW);
    assert_int_equal(talk_segment(t, TRACK_REPLY, PACKET_SYN | PACKET_ACK, NULL), TRACK_ESTABLISHED);
    assert_int_equal(talk_segment(t, TRACK_ORIGINAL, PACKET_ACK, NULL), TRACK_ESTABLISHED);
}

/* Up to where both sides have ended a line. */
static inline void talk_login(struct talk *t)
{
    talk_handshake(t);
    server_says(t, "220 Hello\r\n");
    client_says(t, "USER ftp\r\n");
    server_says(t, "230 Welcome\r\n");
}

/* Did the last packet make the tracker tell this? */
static inline bool talk_told(const struct talk *t, enum track_event_type type, enum track_reason reason)
{
    for (size_t i = t->seen_events; i < t->event_count; i++) {
        if (t->events[i].type == type && t->events[i].reason == reason)
            return true;
    }
    return false;
}

struct talk_expected {
    size_t count;
    struct track_expectation last;
};

static inline bool talk_count_expectation(void *arg, const struct track_expectation *e)
{
    struct talk_expected *x = arg;

    x->count++;
    x->last = *e;
    return true;
}

static inline struct talk_expected talk_expected(const struct talk *t)
{
    struct talk_expected x = {0};

    tracker_each_expectation(t->tracker, talk_count_expectation, &x);
    return x;
}

/* The port that is expected, 0: none. */
static inline unsigned talk_expected_port(const struct talk *t)
{
    struct talk_expected x = talk_expected(t);

    return x.count == 1 ? x.last.port : 0;
}

#endif
