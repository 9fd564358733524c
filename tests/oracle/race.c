/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One connection on two CPUs at once. Two threads, each on a CPU of its own, put packets of the same TCP connection to the
 * kernel program, in test runs: segments inside and outside of the window, handshakes, FIN, RST, SYN that begin it anew.
 * The program says of each packet the how many-th it was that had the lock of its flow, and of which flow (struct
 * bpf_answer). In that order each flow's packets then go through the engine, which has to say the same of each; and no
 * number may be missing or there twice.
 *
 * Prints "WHAT N compared, N differ" for each object. Exit status 0, 1 (something differs), 2 (usage, or the machine
 * failed); where it can't be tried, it says why, and that is all: 77.
 */
#include "bpf/ask.h"
#include "kernel/flows.h"
#include "kernel/load.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "random.h"
#include "test_run.h"
#include "track/native/tracker.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDES = 2, PACKETS = 1000000, NOW = 1000000, LARGEST = 200, AHEAD = 500, TOLD = 5, SKIPPED = 77 };

static const char *const OBJECTS[] = {WALL_OBJECTS NULL};

/* A packet that was put to the program. */
struct put {
    uint32_t number;
    struct bpf_answer answer;
};

struct side {
    pthread_t thread;
    unsigned cpu;
    const struct kernel_program *program;
    pthread_barrier_t *begin;
    struct put *puts; /* count of them */
    uint32_t first, count;
    int error;
};

static _Noreturn void die(const char *what, int error)
{
    fprintf(stderr, "oracle-race: %s: %s\n", what, strerror(error));
    exit(2);
}

/* ---- packets ---- */

static uint8_t flags_of(struct dice *d, uint32_t number)
{
    static const uint8_t FIRST[] = {PACKET_SYN, PACKET_SYN | PACKET_ACK, PACKET_ACK};
    uint32_t n = dice_below(d, 1000);

    if (number < sizeof(FIRST))
        return FIRST[number];
    if (n < 30)
        return PACKET_SYN;
    if (n < 40)
        return PACKET_SYN | PACKET_ACK;
    if (n < 55)
        return PACKET_FIN | PACKET_ACK;
    if (n < 60)
        return PACKET_RST;
    return n < 500 ? PACKET_ACK : PACKET_ACK | PACKET_PSH;
}

/* The same number gives the same packet. Packets 0, 1 and 2 are a handshake. */
static struct packet_recipe packet_of(uint32_t number)
{
    static const char DATA[100];
    struct dice d = dice_for(1, 0, number);
    struct packet_recipe r = {.family = PACKET_IPV4, .protocol = PACKET_TCP, .window_scale = -1};
    uint8_t flags = flags_of(&d, number);
    bool reply = number < 3 ? number == 1 : dice_chance(&d, 50);

    if (number < 3 || flags == PACKET_SYN)
        reply = number == 1;
    r.source.word[0] = htonl(reply ? 0x0a020001 : 0x0a010105);
    r.destination.word[0] = htonl(reply ? 0x0a010105 : 0x0a020001);
    r.source_port = reply ? 80 : 40000;
    r.destination_port = reply ? 40000 : 80;
    r.tcp = (struct packet_tcp){.flags = flags, .window = (uint16_t)(20000 + dice_below(&d, 40000))};
    r.tcp.sequence = reply ? 5000 : 1000;
    r.tcp.acknowledgement = flags & PACKET_ACK ? (reply ? 1001 : 5001) : 0;
    if (flags == PACKET_SYN || flags == (PACKET_SYN | PACKET_ACK)) {
        r.window_scale = dice_chance(&d, 50) ? 7 : -1;
        return r;
    }
    if (number < 3) {
        r.tcp.sequence++;
        return r;
    }
    r.tcp.sequence += dice_chance(&d, 10) ? dice_below(&d, 1 << 24) : 1 + dice_below(&d, AHEAD);
    if (flags & PACKET_ACK)
        r.tcp.acknowledgement += dice_below(&d, AHEAD);
    if (flags == PACKET_RST) /* counts where the other side has acknowledged all, as it soon has */
        r.tcp.sequence = (reply ? 5000 : 1000) + AHEAD;
    r.payload = DATA;
    r.payload_size = flags & PACKET_PSH ? dice_below(&d, sizeof(DATA)) : 0;
    return r;
}

static uint32_t build(uint32_t number, uint8_t bytes[LARGEST])
{
    struct packet_recipe r = packet_of(number);
    int size = packet_build(&r, bytes, LARGEST);

    if (size < 0)
        die("packet_build", -size);
    return (uint32_t)size;
}

/* ---- the program ---- */

/* On this CPU, in its own element of what is asked. 0 or -errno. */
static int put_packet(const struct kernel_program *p, uint32_t cpu, struct put *put)
{
    static const struct bpf_answer NOTHING;
    struct bpf_ask ask = {.now_ms = NOW, .path = 2};
    uint8_t bytes[LARGEST];
    uint32_t size = build(put->number, bytes), place = cpu % BPF_ASKING;
    int answered = kernel_program_map(p, "answered");

    if (bpf_map_update_elem(kernel_program_map(p, "asked"), &place, &ask, BPF_ANY) < 0 ||
        bpf_map_update_elem(answered, &place, &NOTHING, BPF_ANY) < 0)
        return -errno;
    int r = test_run(kernel_program_fd(p), bytes, size, true);
    if (r < 0)
        return r;
    return bpf_map_lookup_elem(answered, &place, &put->answer) < 0 ? -errno : 0;
}

static int stay_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *run_side(void *arg)
{
    struct side *s = arg;

    s->error = -stay_on(s->cpu);
    pthread_barrier_wait(s->begin);
    for (uint32_t i = 0; i < s->count && s->error == 0; i++) {
        s->puts[i].number = s->first + i * SIDES;
        s->error = put_packet(s->program, s->cpu, &s->puts[i]);
    }
    return NULL;
}

/* Two CPUs that this process may use. False: there aren't. */
static bool find_cpus(unsigned ret[SIDES])
{
    unsigned found = 0;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return false;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && found < SIDES; cpu++)
        if (CPU_ISSET(cpu, &set))
            ret[found++] = cpu;
    return found == SIDES;
}

/* All packets, each with what the program said of it. */
static void put_all(const struct kernel_program *p, const unsigned cpus[SIDES], struct put *puts,
                    uint32_t count)
{
    struct side side[SIDES];
    pthread_barrier_t begin;

    if (stay_on(cpus[0]))
        die("a CPU", errno);
    for (uint32_t i = 0; i < 3; i++) { /* the handshake, one after the other */
        puts[i].number = i;
        int r = put_packet(p, cpus[0], &puts[i]);
        if (r < 0)
            die("a test run", -r);
    }
    pthread_barrier_init(&begin, NULL, SIDES);
    for (unsigned i = 0; i < SIDES; i++) {
        uint32_t half = (count - 3) / SIDES;
        side[i] = (struct side){.cpu = cpus[i], .program = p, .begin = &begin, .first = 3 + i, .count = half};
        side[i].puts = puts + 3 + i * half;
        int r = pthread_create(&side[i].thread, NULL, run_side, &side[i]);
        if (r)
            die("a thread", r);
    }
    for (unsigned i = 0; i < SIDES; i++)
        pthread_join(side[i].thread, NULL);
    pthread_barrier_destroy(&begin);
    for (unsigned i = 0; i < SIDES; i++)
        if (side[i].error)
            die("a test run", -side[i].error);
}

/* ---- the engine ---- */

struct tally {
    uint32_t compared, differ, flows, in_turns; /* in_turns: the packet before it was the other CPU's */
};

static void differ(struct tally *t, const struct put *p, const char *what, unsigned engine, unsigned program)
{
    if (t->differ++ < TOLD)
        printf("packet %u, number %u of flow %u: %s is %u to the engine, and %u to the program\n", p->number,
               p->answer.order, p->answer.serial, what, engine, program);
}

static void compare(struct tally *t, const struct put *p, const char *what, unsigned engine, unsigned program)
{
    t->compared++;
    if (engine != program)
        differ(t, p, what, engine, program);
}

static void replay_packet(struct tracker *tracker, struct tally *t, const struct put *p)
{
    uint8_t bytes[LARGEST];
    uint32_t size = build(p->number, bytes);
    struct packet packet;
    struct track_view view;
    enum track_reason reason;

    if (packet_decode(bytes, size, true, &packet) < 0)
        die("packet_decode", EINVAL);
    tracker_begin(tracker, &packet, NOW, NULL, &view);
    compare(t, p, "the state", view.state, p->answer.state);
    compare(t, p, "the direction", view.direction, p->answer.direction);
    compare(t, p, "the reason", view.reason, p->answer.reason);
    /* It ended this flow and began another, in whose place that of another CPU stands. */
    if (view.fresh && p->answer.order != 1)
        tracker_abandon(tracker, &view);
    else if (view.flow && !tracker_commit(tracker, &packet, NULL, &view, &reason))
        die("tracker_commit", EINVAL);
}

struct last {
    struct bpf_flow flow;
    unsigned count;
};

static bool take_last(void *arg, const struct flows_place *place, const struct bpf_flow *flow)
{
    struct last *l = arg;

    (void)place;
    l->flow = *flow;
    l->count++;
    return true;
}

/* The flow that is left at the end. */
static void compare_last(const struct tracker *tracker, struct tally *t, const struct put *p,
                         const struct bpf_flow *f)
{
    const struct track_flow *e = tracker_find(tracker, &f->flow.tuple, NOW), *k = &f->flow;

    compare(t, p, "the number of packets", p->answer.order, f->moves);
    compare(t, p, "whether it is there", e != NULL, true);
    if (!e)
        return;
    compare(t, p, "the status", e->status, k->status);
    compare(t, p, "the time left", (unsigned)(e->expires - NOW), (unsigned)(k->expires - NOW));
    compare(t, p, "TCP's state", e->tcp.state, k->tcp.state);
    compare(t, p, "the last sequence number", e->tcp.last_sequence, k->tcp.last_sequence);
    compare(t, p, "the last acknowledgement", e->tcp.last_ack, k->tcp.last_ack);
    for (unsigned i = 0; i < TRACK_DIRECTIONS; i++) {
        compare(t, p, "the end", e->tcp.side[i].end, k->tcp.side[i].end);
        compare(t, p, "the end of the window", e->tcp.side[i].max_end, k->tcp.side[i].max_end);
        compare(t, p, "the window", e->tcp.side[i].max_window, k->tcp.side[i].max_window);
        compare(t, p, "the scale", e->tcp.side[i].scale, k->tcp.side[i].scale);
    }
}

static int by_order(const void *a, const void *b)
{
    const struct bpf_answer *x = &((const struct put *)a)->answer, *y = &((const struct put *)b)->answer;

    if (x->serial != y->serial)
        return x->serial < y->serial ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The packets of one flow from puts on: how many. */
static uint32_t replay_flow(const struct track_config *config, const struct put *puts, uint32_t count,
                            const struct bpf_flow *last, struct tally *t)
{
    struct tracker *tracker = tracker_new(config, NULL, NULL);
    uint32_t n = 0;

    if (!tracker)
        die("the engine", ENOMEM);
    for (; n < count && puts[n].answer.serial == puts->answer.serial; n++) {
        compare(t, &puts[n], "the place in its flow", n + 1, puts[n].answer.order);
        replay_packet(tracker, t, &puts[n]);
        t->in_turns += n && (puts[n].number & 1) != (puts[n - 1].number & 1);
    }
    if (puts->answer.serial == last->flow.serial)
        compare_last(tracker, t, &puts[n - 1], last);
    t->flows++;
    tracker_free(&tracker);
    return n;
}

static void replay(const struct track_config *config, struct put *puts, uint32_t count,
                   const struct bpf_flow *last, struct tally *t)
{
    uint32_t at = 0;

    qsort(puts, count, sizeof(*puts), by_order);
    while (at < count && puts[at].answer.order == 0)
        at++;
    while (at < count)
        at += replay_flow(config, puts + at, count - at, last, t);
}

/* ---- an object ---- */

static int find(void *arg, const char *name, bool is_program)
{
    const struct kernel_program *p = arg;

    return is_program ? kernel_program_named(p, name) : kernel_program_map(p, name);
}

static void race(struct kernel_program *p, const char *object, uint32_t packets, const unsigned cpus[SIDES],
                 struct tally *t)
{
    struct track_config config;
    struct kernel_flows flows;
    struct last last = {.count = 0};
    const char *lacking;
    uint32_t zero = 0, count = 3 + (packets - 3) / SIDES * SIDES;
    struct put *puts = calloc(count, sizeof(*puts));

    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    struct bpf_settings settings = {.track = track_settings_of(&config), .is_asked = BPF_ASKED_BY_CPU};
    if (!puts)
        die("packets", ENOMEM);
    if (bpf_map_update_elem(kernel_program_map(p, "settings"), &zero, &settings, BPF_ANY) < 0)
        die("settings", errno);
    if (flows_open(&flows, find, p, &lacking) < 0)
        die(lacking, ENOENT);
    put_all(p, cpus, puts, count);
    if (flows_each(&flows, NOW, take_last, &last) < 0 || last.count > 1)
        die("the connections", EINVAL);
    replay(&config, puts, count, &last.flow, t);
    printf("%s: %u packets, %u flows; %u times the packet before was the other CPU's\n",
           strrchr(object, '/') + 1, count, t->flows, t->in_turns);
    free(puts);
}

int main(int argc, char **argv)
{
    uint32_t packets =
        argc == 3 && strcmp(argv[1], "--packets") == 0 ? (uint32_t)strtoul(argv[2], NULL, 10) : PACKETS;
    unsigned cpus[SIDES], differing = 0;
    struct kernel_sizes sizes = {.flows = 1024};
    struct kernel_error error = {.text = "the program was not built: that takes clang-14 or clang-19"};

    if ((argc != 1 && argc != 3) || packets < 5) {
        fprintf(stderr, "usage: oracle-race [--packets NUMBER]\n");
        return 2;
    }
    if (!find_cpus(cpus)) {
        printf("two CPUs at once take a machine with two\n");
        return SKIPPED;
    }
    for (unsigned i = 0; OBJECTS[i]; i++) {
        struct kernel_program *p;
        struct tally t = {0};
        if (kernel_program_load(OBJECTS[i], &sizes, &p, &error) < 0) {
            printf("%s\n", error.text);
            return error.refusal == KERNEL_LACKS || error.refusal == KERNEL_FORBIDS ? SKIPPED : 2;
        }
        race(p, OBJECTS[i], packets, cpus, &t);
        printf("one flow on two CPUs, %s %u compared, %u differ\n", strrchr(OBJECTS[i], '/') + 1, t.compared,
               t.differ);
        differing += t.differ;
        kernel_program_free(&p);
    }
    if (!OBJECTS[0])
        printf("%s\n", error.text);
    return differing ? 1 : OBJECTS[0] ? 0 : SKIPPED;
}
