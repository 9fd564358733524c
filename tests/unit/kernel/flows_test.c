/* SPDX-License-Identifier: BSD-2-Clause */

/* The kernel program's connections: who has to go for whom, what goes by itself, what is counted and told. That each is
 * what the engine makes of it, tests/oracle shows; here the engine is asked about a full table. */
#include "asked.h"
#include "packet/decode.h"
#include "track/native/tracker.h"

#include "unit.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>
#include <unistd.h>

/* One for each compiler, then NULL; where there is no clang, there are none. */
static const char *const OBJECTS[] = {WALL_OBJECTS NULL};

enum { MOST = 8, MS = 1000 };

static struct track_config config;
static struct asked asked;
static struct tracker *engine; /* is told the same, if it is not NULL */

/* ---- packets ---- */

static struct packet_recipe udp(uint16_t port)
{
    return (struct packet_recipe){
        .family = PACKET_IPV4,
        .protocol = PACKET_UDP,
        .source.word[0] = htonl(0x0a010105),
        .destination.word[0] = htonl(0x0a020001),
        .source_port = port,
        .destination_port = 53,
    };
}

static struct packet_recipe tcp(uint16_t port, uint8_t flags, uint32_t sequence, uint32_t acknowledgement)
{
    struct packet_recipe r = udp(port);

    r.protocol = PACKET_TCP;
    r.destination_port = 80;
    r.tcp = (struct packet_tcp){
        .sequence = sequence, .acknowledgement = acknowledgement, .window = 60000, .flags = flags};
    r.window_scale = -1;
    return r;
}

static struct packet_recipe back(struct packet_recipe r)
{
    struct packet_address source = r.source;
    uint16_t port = r.source_port;

    r.source = r.destination;
    r.destination = source;
    r.source_port = r.destination_port;
    r.destination_port = port;
    return r;
}

static void tell_engine(const struct packet_recipe *r, struct track_view *ret)
{
    uint8_t bytes[200];
    struct packet packet;
    enum track_reason reason;
    int size = packet_build(r, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(packet_decode(bytes, (size_t)size, true, &packet), 0);
    tracker_begin(engine, &packet, asked.now, NULL, ret);
    if (ret->flow)
        assert_true(tracker_commit(engine, &packet, NULL, ret, &reason));
}

static struct bpf_answer deliver(struct packet_recipe r)
{
    struct track_view view;
    struct bpf_answer answer;

    if (engine)
        tell_engine(&r, &view);
    answer = asked_next(&asked, &r);
    if (engine) {
        assert_int_equal(answer.state, view.state);
        assert_int_equal(answer.reason, view.reason);
        assert_int_equal(answer.stage == BPF_BY_CONNTRACK, view.drop);
    }
    return answer;
}

/* A connection that both sides have agreed on. */
static void establish(uint16_t port)
{
    deliver(tcp(port, PACKET_SYN, 1000, 0));
    deliver(back(tcp(port, PACKET_SYN | PACKET_ACK, 5000, 1001)));
    assert_int_equal(deliver(tcp(port, PACKET_ACK, 1001, 5001)).state, TRACK_ESTABLISHED);
}

/* ---- what is there ---- */

struct found {
    uint16_t port;
    unsigned count, assured;
    struct flows_place place;
    struct bpf_flow flow;
};

static bool find_port(void *arg, const struct flows_place *place, const struct bpf_flow *flow)
{
    struct found *f = arg;

    f->count++;
    f->assured += !!(flow->flow.status & TRACK_ASSURED);
    if (flow->flow.tuple.source_port == f->port) {
        f->place = *place;
        f->flow = *flow;
    }
    return true;
}

static struct found look(uint16_t port)
{
    struct found f = {.port = port};

    assert_int_equal(flows_each(&asked.flows, asked.now, find_port, &f), 0);
    return f;
}

static bool is_there(uint16_t port)
{
    return look(port).place.serial;
}

static struct bpf_pool pool(void)
{
    struct bpf_pool p;

    assert_int_equal(flows_pool(&asked.flows, &p), 0);
    return p;
}

static struct bpf_sweeper sweeper(void)
{
    struct bpf_sweeper s;
    uint32_t zero = 0;

    assert_int_equal(bpf_map_lookup_elem(kernel_program_map(asked.program, "sweeper"), &zero, &s), 0);
    return s;
}

static unsigned elements(const char *map)
{
    uint8_t key[64];
    int fd = kernel_program_map(asked.program, map);
    const void *last = NULL;
    unsigned n = 0;

    while (bpf_map_get_next_key(fd, last, key) == 0) {
        last = key;
        n++;
    }
    return n;
}

/* ---- with each object ---- */

static void with_each(uint32_t most, bool beside_engine, void (*test)(void))
{
    struct kernel_sizes sizes = {.flows = most};

    if (!OBJECTS[0])
        skip();
    for (unsigned i = 0; OBJECTS[i]; i++) {
        track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(5, 15));
        config.automatic_helper = true;
        config.max_flows = most;
        config.timeouts.expectation = 20; /* less than any connection lasts */
        if (!asked_open(&asked, OBJECTS[i], &sizes, &config, BPF_ASKED))
            skip();
        engine = beside_engine ? tracker_new(&config, NULL, NULL) : NULL;
        test();
        tracker_free(&engine);
        asked_close(&asked);
    }
}

/* ---- a full table ---- */

static void flood_one_established(void)
{
    establish(1);
    for (uint16_t port = 100; port < 1100; port++)
        assert_int_equal(deliver(udp(port)).state, TRACK_NEW);
    assert_true(is_there(1));
    assert_true(is_there(1099)); /* the last */
    assert_int_equal(look(0).count, MOST);
    assert_int_equal(pool().used, MOST);
    assert_int_equal(pool().evicted, 1000 - (MOST - 1));
    assert_int_equal(elements("flow_index"), MOST);
    assert_int_equal(deliver(tcp(1, PACKET_ACK, 1001, 5001)).state, TRACK_ESTABLISHED);
}

static void of_those_not_assured_one_goes(void **state)
{
    (void)state;
    with_each(MOST, true, flood_one_established);
}

static void fill_with_established(void)
{
    for (uint16_t port = 1; port <= MOST; port++)
        establish(port);
    struct bpf_answer answer = deliver(tcp(100, PACKET_SYN, 1, 0));
    assert_int_equal(answer.stage, BPF_BY_CONNTRACK);
    assert_int_equal(answer.reason, TRACK_TABLE_FULL);
    assert_int_equal(look(0).assured, MOST);
    assert_int_equal(pool().refused, 1);
    /* What is there goes on. */
    assert_int_equal(deliver(tcp(MOST, PACKET_ACK, 1001, 5001)).state, TRACK_ESTABLISHED);
}

static void where_all_are_assured_a_new_one_is_dropped(void **state)
{
    (void)state;
    with_each(MOST, true, fill_with_established);
}

static void outlive_established(void)
{
    for (uint16_t port = 1; port <= MOST; port++)
        establish(port);
    asked.now += (uint64_t)config.timeouts.tcp_established * MS + MS;
    assert_int_equal(deliver(tcp(100, PACKET_SYN, 1, 0)).state, TRACK_NEW);
    assert_true(is_there(100));
    assert_int_equal(look(0).count, 1);
}

static void one_whose_time_is_over_goes_though_assured(void **state)
{
    (void)state;
    with_each(MOST, true, outlive_established);
}

/* A handshake of a hundred packets' length gets through a flood. */
static void flood_a_handshake(void)
{
    for (uint16_t port = 1000; port < 1000 + 256; port++)
        deliver(udp(port));
    deliver(tcp(1, PACKET_SYN, 1000, 0));
    for (uint16_t port = 2000; port < 2100; port++)
        deliver(udp(port));
    deliver(back(tcp(1, PACKET_SYN | PACKET_ACK, 5000, 1001)));
    for (uint16_t port = 3000; port < 3100; port++)
        deliver(udp(port));
    assert_int_equal(deliver(tcp(1, PACKET_ACK, 1001, 5001)).state, TRACK_ESTABLISHED);
    for (uint16_t port = 4000; port < 5000; port++)
        deliver(udp(port));
    assert_true(look(1).flow.flow.status & TRACK_ASSURED);
}

static void who_came_last_is_spared(void **state)
{
    (void)state;
    with_each(256, false, flood_a_handshake);
}

/* ---- the sweep ---- */

static void sweep_all(void)
{
    establish(1);
    deliver(udp(2));
    uint64_t over = asked.now + (uint64_t)config.timeouts.udp * MS;
    asked_sweep(&asked, over, 100);
    assert_true(is_there(1));
    assert_int_equal(pool().used, 1);
    assert_int_equal(elements("flow_index"), 1);
    asked_sweep(&asked, over + (uint64_t)config.timeouts.tcp_established * MS, 100);
    assert_int_equal(pool().used, 0);
    assert_int_equal(elements("flow_index"), 0);
}

static void the_sweep_takes_what_is_over(void **state)
{
    (void)state;
    with_each(MOST, false, sweep_all);
}

static void sweep_step_by_step(void)
{
    for (uint16_t port = 1; port <= MOST; port++)
        deliver(udp(port));
    asked.now += (uint64_t)config.timeouts.udp * MS;
    for (unsigned left = MOST; left > 0; left -= 2) {
        assert_int_equal(pool().used, left);
        asked_sweep(&asked, asked.now, 2);
    }
    assert_int_equal(pool().used, 0);
    /* And again from the first slot on. */
    for (uint16_t port = 1; port <= MOST; port++)
        deliver(udp(port));
    assert_int_equal(look(0).count, MOST);
    asked_sweep(&asked, asked.now + (uint64_t)config.timeouts.udp * MS, MOST);
    assert_int_equal(pool().used, 0);
}

static void the_sweep_goes_so_far_and_then_on(void **state)
{
    (void)state;
    with_each(MOST, false, sweep_step_by_step);
}

static struct packet_recipe control_line(uint16_t port, uint32_t sequence, const char *text)
{
    struct packet_recipe r = tcp(port, PACKET_ACK, sequence, 5001);

    r.destination_port = 21;
    r.payload = text;
    r.payload_size = strlen(text);
    return r;
}

/* A control connection that has announced a port. */
static void announce(uint16_t port)
{
    struct packet_recipe syn = tcp(port, PACKET_SYN, 1000, 0),
                         answer = tcp(port, PACKET_SYN | PACKET_ACK, 5000, 1001);

    syn.destination_port = answer.destination_port = 21;
    deliver(syn);
    deliver(back(answer));
    deliver(control_line(port, 1001, ""));
    deliver(control_line(port, 1001, "USER a\r\n"));
    deliver(control_line(port, 1009, "PORT 10,1,1,5,160,0\r\n"));
}

static bool count_expectation(void *arg, const struct track_expectation *e, const struct track_flow *master)
{
    assert_non_null(master);
    assert_int_equal(master->serial, e->master);
    assert_int_equal(master->tuple.source_port, 1);
    *(struct track_expectation *)arg = *e;
    return true;
}

static void sweep_expectations(void)
{
    struct track_expectation e = {0};

    announce(1);
    assert_int_equal(expectations_each(&asked.flows, asked.now, count_expectation, &e), 0);
    assert_int_equal(e.port, 160 << 8);
    asked_sweep(&asked, asked.now, MOST);
    assert_int_equal(elements("expected"), 1);
    assert_int_equal(elements("controls"), 1);
    asked_sweep(&asked, asked.now + (uint64_t)config.timeouts.expectation * MS, MOST);
    assert_int_equal(elements("expected"), 0);
    assert_int_equal(elements("controls"), 1);
    asked_sweep(&asked, asked.now + (uint64_t)config.timeouts.tcp_established * MS, MOST);
    assert_int_equal(elements("controls"), 0);
}

static void expectations_and_control_connections_are_swept(void **state)
{
    (void)state;
    with_each(MOST, false, sweep_expectations);
}

/* The clock is the machine's: what has long been over is gone soon after the timer began, with nobody asking. */
static void let_time_pass(void)
{
    asked.now = 0; /* however short a time ago the machine was started */
    deliver(udp(1));
    assert_int_equal(pool().used, 1);
    assert_int_equal(flows_sweep(&asked.flows), 0);
    assert_int_equal(flows_sweep(&asked.flows), 0); /* it goes on */
    for (unsigned i = 0; i < 600 && pool().used; i++)
        usleep(50000);
    assert_int_equal(pool().used, 0);
    assert_int_equal(elements("flow_index"), 0);
}

static void a_timer_sweeps(void **state)
{
    (void)state;
    with_each(MOST, false, let_time_pass);
}

/* Who writes a value with a timer from outside ends the timer. */
static void end_the_timer(void)
{
    struct bpf_sweeper none = {.ticked = 0};

    asked_put(&asked, "sweeper", 0, &none);
}

/* In the kernel at a connection, which comes by other paths than those that can wait: it may take some of them. */
static void connect_until_it_starts(void)
{
    asked.now = flows_clock();
    asked.is_live = true;
    for (unsigned i = 0; i < 1000 && !sweeper().ticked; i++) {
        deliver(udp(1));
        struct flows_place place = look(1).place;
        assert_int_equal(flows_end(&asked.flows, &place), 1);
        if (sweeper().error)
            usleep(5000);
    }
    assert_int_equal(sweeper().error, 0);
    assert_true(sweeper().ticked);
}

static void let_the_timer_die(void)
{
    assert_int_equal(flows_sweep(&asked.flows), 0);
    end_the_timer();
    connect_until_it_starts();
    asked.now = 0; /* its time is over when it comes */
    asked.is_live = false;
    deliver(udp(2));
    for (unsigned i = 0; i < 600 && pool().used; i++)
        usleep(50000);
    assert_int_equal(pool().used, 0);
}

static void a_timer_that_died_begins_again_with_a_connection(void **state)
{
    (void)state;
    with_each(MOST, false, let_the_timer_die);
}

/* A map that nobody holds can't have a timer: so the start fails. That is no reason to wait with the next. */
static void let_a_start_fail(void)
{
    int held = kernel_program_map(asked.program, "sweeper"), again;
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);

    assert_int_equal(bpf_obj_get_info_by_fd(held, &info, &size), 0);
    assert_int_equal(close(held), 0);
    asked.now = flows_clock();
    asked.is_live = true;
    deliver(udp(1));
    again = bpf_map_get_fd_by_id(info.id);
    assert_true(again >= 0);
    if (again != held) {
        assert_int_equal(dup2(again, held), held);
        close(again);
    }
    assert_int_equal(sweeper().ticked, 0);
    assert_true(sweeper().error);
    connect_until_it_starts();
}

/* The kernel often has no memory for a timer at hand, when many have just been made. */
static void start_many(void)
{
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(flows_sweep(&asked.flows), 0);
        end_the_timer();
    }
}

static void a_timer_starts_whenever_it_is_asked_for(void **state)
{
    (void)state;
    with_each(MOST, false, start_many);
}

static void a_timer_that_could_not_start_is_tried_again(void **state)
{
    (void)state;
    with_each(MOST, false, let_a_start_fail);
}

/* ---- control connections ---- */

static void flood_the_helper(void)
{
    for (uint16_t port = 1000; port < 1100; port++) {
        struct packet_recipe syn = tcp(port, PACKET_SYN, 1000, 0),
                             answer = tcp(port, PACKET_SYN | PACKET_ACK, 5000, 1001);
        syn.destination_port = answer.destination_port = 21;
        deliver(syn);
        deliver(back(answer));
    }
    assert_int_equal(elements("controls"), 0);
    announce(1);
    assert_int_equal(elements("controls"), 1);
    assert_int_equal(elements("expected"), 1);
}

static void who_says_nothing_takes_no_room_from_sessions(void **state)
{
    (void)state;
    with_each(256, false, flood_the_helper);
}

/* ---- from outside ---- */

static void count_packets(void)
{
    struct packet_recipe large = udp(1);
    struct bpf_flow f;

    large.payload = "0123456789";
    large.payload_size = 10;
    deliver(udp(1));
    deliver(large);
    deliver(back(udp(1)));
    f = look(1).flow;
    assert_int_equal(f.packets[TRACK_ORIGINAL], 2);
    assert_int_equal(f.bytes[TRACK_ORIGINAL], 28 + 38);
    assert_int_equal(f.packets[TRACK_REPLY], 1);
    assert_int_equal(f.bytes[TRACK_REPLY], 28);
    assert_int_equal(f.moves, 3);
}

static void packets_and_bytes_are_counted(void **state)
{
    (void)state;
    with_each(MOST, false, count_packets);
}

static void end_one(void)
{
    announce(1);
    deliver(udp(2));
    struct flows_place place = look(1).place;
    assert_int_equal(flows_end(&asked.flows, &place), 1);
    assert_int_equal(flows_end(&asked.flows, &place), 0);
    assert_false(is_there(1));
    assert_true(is_there(2));
    assert_int_equal(elements("expected"), 0);
    assert_int_equal(elements("controls"), 0);
    /* Another that has its slot is not meant. */
    deliver(udp(3));
    assert_int_equal(look(3).place.slot, place.slot);
    assert_int_equal(flows_end(&asked.flows, &place), 0);
    assert_true(is_there(3));
}

static void a_connection_is_ended_once(void **state)
{
    (void)state;
    with_each(MOST, false, end_one);
}

static void end_expectation(void)
{
    struct track_expectation e = {0};

    announce(1);
    assert_int_equal(expectations_each(&asked.flows, asked.now, count_expectation, &e), 0);
    assert_int_equal(expectations_end(&asked.flows, &e), 1);
    assert_int_equal(expectations_end(&asked.flows, &e), 0);
    /* It can be announced again. */
    deliver(control_line(1, 1030, "PORT 10,1,1,5,161,0\r\n"));
    assert_int_equal(expectations_each(&asked.flows, asked.now, count_expectation, &e), 0);
    assert_int_equal(e.port, 161 << 8);
}

static void an_expectation_is_ended(void **state)
{
    (void)state;
    with_each(MOST, false, end_expectation);
}

/* ---- events ---- */

struct heard {
    uint32_t types[16];
    unsigned count;
};

static void hear(void *arg, const struct bpf_flow_event *event)
{
    struct heard *h = arg;

    assert_true(h->count < COUNT(h->types));
    assert_int_equal(event->flow.tuple.source_port, 1);
    h->types[h->count++] = event->type;
}

/* Once the watch has begun, which is the first that it asks. */
static bool play(void *arg)
{
    struct heard *h = arg;

    if (h->count >= 4)
        return true;
    establish(1);
    struct flows_place place = look(1).place;
    assert_int_equal(flows_end(&asked.flows, &place), 1);
    return false;
}

static void watch(void)
{
    static const uint32_t EXPECTED[] = {BPF_FLOW_NEW, BPF_FLOW_UPDATE, BPF_FLOW_UPDATE, BPF_FLOW_DESTROY};
    struct heard h = {.count = 0};
    uint64_t lost = 1;

    /* Before anybody listens nothing is told. */
    establish(1);
    struct flows_place place = look(1).place;
    assert_int_equal(flows_end(&asked.flows, &place), 1);
    asked.now = flows_clock();
    assert_int_equal(flows_watch(&asked.flows, 20000, play, hear, &h, &lost), 0);
    assert_int_equal(lost, 0);
    assert_true(h.count >= 4);
    for (unsigned i = 0; i < COUNT(EXPECTED); i++)
        assert_int_equal(h.types[i], EXPECTED[i]);
}

static void who_listens_is_told(void **state)
{
    (void)state;
    with_each(MOST, false, watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_those_not_assured_one_goes),
        cmocka_unit_test(where_all_are_assured_a_new_one_is_dropped),
        cmocka_unit_test(one_whose_time_is_over_goes_though_assured),
        cmocka_unit_test(who_came_last_is_spared),
        cmocka_unit_test(the_sweep_takes_what_is_over),
        cmocka_unit_test(the_sweep_goes_so_far_and_then_on),
        cmocka_unit_test(expectations_and_control_connections_are_swept),
        cmocka_unit_test(a_timer_sweeps),
        cmocka_unit_test(a_timer_that_died_begins_again_with_a_connection),
        cmocka_unit_test(a_timer_that_could_not_start_is_tried_again),
        cmocka_unit_test(a_timer_starts_whenever_it_is_asked_for),
        cmocka_unit_test(who_says_nothing_takes_no_room_from_sessions),
        cmocka_unit_test(packets_and_bytes_are_counted),
        cmocka_unit_test(a_connection_is_ended_once),
        cmocka_unit_test(an_expectation_is_ended),
        cmocka_unit_test(who_listens_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
