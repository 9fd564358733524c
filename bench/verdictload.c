/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One round of `./run bench verdict` for one rule set: compiles it, sends packets through it, prints what it
 * measured as one JSON object. See bench/README.md.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mixed.h"
#include "packet/decode.h"
#include "rules/rules.h"
#include "ruleset.h"
#include "track/native/tracker.h"
#include "verdict/image/image.h"
#include "verdict/linear.h"
#include "verdict/wall.h"

enum {
    SLOT = 64,       /* bytes for a packet, none of which is longer */
    LATER = 1000000, /* ms; by then every connection that got no answer has ended */

};

struct options {
    enum ruleset_shape shape;
    size_t rules, flows, established, packets;
    uint64_t seed;
    const char *capture; /* to be written, and nothing else; or NULL */
};

struct stored {
    uint8_t bytes[SLOT];
};

/* Packets as they lie in a receive ring, with the name of the interface that each came in by. */
struct trace {
    struct stored *packets;
    uint8_t *sizes;
    const char **in;
    size_t count;
};

struct world {
    struct rules *rules;
    struct image *image;
    struct verdict_memory *memory;
    struct wall_rules *shared; /* the rules as the wall has them */
    struct wall *wall;
    struct verdict_packet asked;  /* what is the same for all packets is set once */
    uint64_t accepted, by_policy; /* so that nothing is left out by the compiler, and for sanity */
};

static void fail(const char *what)
{
    fprintf(stderr, "verdictload: %s\n", what);
    exit(1);
}

static void *need(void *memory)
{
    if (!memory)
        fail("out of memory");
    return memory;
}

/* The thread's own time: what others do on the machine meanwhile is not in it. */
static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A line of /proc/self/status, kB. */
static long status_kb(const char *name)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long value = -1;

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

/* Sets VmHWM back to what is resident now. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");

    if (file) {
        fputs("5", file);
        fclose(file);
    }
}

/* ---- rules ---- */

static struct ruleset *load_rules(const struct options *o, struct world *w)
{
    struct ruleset *set = need(ruleset_new(o->shape, o->rules, o->seed));
    char *text = need(ruleset_text(set));
    struct rules_error error;

    if (rules_read(text, strlen(text), "generated", PACKET_IPV4, &w->rules, &error) < 0)
        fail(error.message);
    free(text);
    w->memory = need(verdict_memory_new());
    w->shared = need(wall_rules_new(w->rules));
    return set;
}

static void measure_compile(struct world *w)
{
    long before, peak;
    double start;

    forget_peak();
    before = status_kb("VmRSS:");
    start = now();
    w->image = need(image_compile(w->rules));
    printf("\"compile_ms\": %.3f, ", (now() - start) * 1e3);
    peak = status_kb("VmHWM:");
    printf("\"compile_mb\": %.3f, \"image_mb\": %.3f, ", (double)(peak - before) / 1e3,
           (double)image_size(w->image) / 1e6);
}

/* ---- packets ---- */

static struct trace trace_new(size_t count)
{
    struct trace t = {.packets = need(aligned_alloc(SLOT, count * sizeof(struct stored))),
                      .sizes = need(malloc(count)),
                      .in = need(malloc(count * sizeof(char *))),
                      .count = count};

    return t;
}

static void trace_free(struct trace *t)
{
    free(t->packets);
    free(t->sizes);
    free(t->in);
}

static void trace_put(struct trace *t, size_t i, const struct packet_recipe *recipe, const char *in)
{
    int size = packet_build(recipe, t->packets[i].bytes, SLOT);

    if (size < 0)
        fail("a packet is too long");
    t->sizes[i] = (uint8_t)size;
    t->in[i] = in;
}

static void decode(const struct trace *t, size_t i, struct packet *ret)
{
    if (packet_decode(t->packets[i].bytes, t->sizes[i], false, ret) < 0)
        fail("a packet can't be decoded");
}

static void decide(struct world *w, const struct packet *packet, const char *in,
                   const struct track_view *view, struct verdict *ret)
{
    w->asked.packet = packet;
    w->asked.in = in;
    w->asked.view = view;
    image_walk(w->image, RULES_FILTER, &w->asked, w->memory, ret);
}

/* ---- verdict alone ---- */

static double measure_verdict(struct world *w, const struct trace *t, enum track_state state)
{
    struct track_view view = {.state = state};
    struct packet *packets = need(malloc(t->count * sizeof(*packets)));
    struct verdict v;
    double start;

    for (size_t i = 0; i < t->count; i++)
        decode(t, i, &packets[i]);
    start = now();
    for (size_t i = 0; i < t->count; i++)
        decide(w, &packets[i], t->in[i], &view, &v);
    start = now() - start;
    free(packets);
    return (double)t->count / start;
}

/* The peer. It takes as many packets as it gets through in a tenth of a second, but 100 at least. */
static double measure_linear(struct world *w, const struct trace *t)
{
    struct track_view view = {.state = TRACK_NEW};
    double start = now(), took = 0;
    size_t done = 0;

    while (done < 100 || (took < 0.1 && done < t->count)) {
        struct packet packet;
        struct verdict v, by_image;

        decode(t, done, &packet);
        struct verdict_packet p = {
            .packet = &packet, .hook = RULES_FORWARD, .in = t->in[done], .out = "eth9", .view = &view};

        start = now();
        linear_walk(w->rules, RULES_FILTER, &p, w->memory, false, NULL, &v);
        took += now() - start;
        decide(w, &packet, t->in[done], &view, &by_image);
        if (v.rule != by_image.rule || v.code != by_image.code)
            fail("the image and the linear walk don't agree");
        done++;
    }
    return (double)done / took;
}

/* ---- the whole way, as the program goes it: decoding, then the wall ---- */

static double send_all(struct world *w, const struct trace *t, uint64_t now_ms)
{
    struct wall_world world = {.out = "eth9"};
    struct wall_report report;
    struct packet packet;
    double start = now();

    for (size_t i = 0; i < t->count; i++) {
        decode(t, i, &packet);
        world.in = t->in[i];
        wall_packet(w->wall, &packet, WALL_THROUGH, &world, now_ms, NULL, &report);
        w->accepted += report.fate == WALL_PASS;
        w->by_policy += !report.verdict.rule;
    }
    return (double)t->count / (now() - start);
}

static void start_wall(struct world *w, size_t flows)
{
    struct track_config config;

    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    config.max_flows = (uint32_t)flows;
    wall_free(&w->wall);
    w->wall = need(wall_new(w->shared, &config, NULL, NULL));
}

static struct trace new_flows(struct ruleset *set, size_t count)
{
    struct trace t = trace_new(count);

    for (size_t i = 0; i < count; i++) {
        struct packet_recipe recipe;
        const char *in;

        ruleset_packet(set, &recipe, &in);
        trace_put(&t, i, &recipe, in);
    }
    return t;
}

static void reverse(struct packet_recipe *recipe)
{
    struct packet_recipe forth = *recipe;

    recipe->source = forth.destination;
    recipe->destination = forth.source;
    recipe->source_port = forth.destination_port;
    recipe->destination_port = forth.source_port;
    recipe->tcp.sequence = forth.tcp.acknowledgement;
    recipe->tcp.acknowledgement = forth.tcp.sequence;
    if (recipe->protocol == PACKET_ICMP)
        recipe->icmp.type = recipe->icmp.type == 8 ? 0 : 8;
}

/* Lets the tracker see a packet, past the rules. */
static void pass(struct world *w, const struct packet_recipe *recipe)
{
    enum track_reason reason;
    struct track_view view;
    struct packet packet;
    uint8_t bytes[SLOT];
    int size = packet_build(recipe, bytes, sizeof(bytes));

    if (size < 0 || packet_decode(bytes, (size_t)size, false, &packet) < 0)
        fail("a packet can't be built");
    tracker_begin(wall_tracker(w->wall), &packet, 1000, NULL, &view);
    if (!tracker_commit(wall_tracker(w->wall), &packet, NULL, &view, &reason))
        fail("a flow can't be made");
}

/* Establishes flows; t then has a packet of each direction for each of them. */
static struct trace establish(struct world *w, struct ruleset *set, size_t flows)
{
    struct trace t = trace_new(2 * flows);

    for (size_t i = 0; i < flows; i++) {
        struct packet_recipe recipe;
        const char *in;

        ruleset_packet(set, &recipe, &in);
        pass(w, &recipe);
        recipe.tcp.sequence++;
        recipe.tcp.acknowledgement = recipe.tcp.sequence * 2654435761U;
        reverse(&recipe);
        recipe.tcp.sequence--;
        recipe.tcp.flags = recipe.protocol == PACKET_TCP ? PACKET_SYN | PACKET_ACK : 0;
        pass(w, &recipe);
        recipe.tcp.sequence++;
        recipe.tcp.flags = recipe.protocol == PACKET_TCP ? PACKET_ACK : 0;
        trace_put(&t, 2 * i, &recipe, "eth9");
        reverse(&recipe);
        pass(w, &recipe);
        trace_put(&t, 2 * i + 1, &recipe, in);
    }
    return t;
}

/* Draws count packets from t, in random order. */
static struct trace shuffle(const struct trace *t, size_t count, uint64_t random)
{
    struct trace drawn = trace_new(count);

    for (size_t i = 0; i < count; i++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        size_t from = (size_t)((random >> 32) * t->count >> 32);

        drawn.packets[i] = t->packets[from];
        drawn.sizes[i] = t->sizes[from];
        drawn.in[i] = t->in[from];
    }
    return drawn;
}

static void measure_new(struct world *w, struct ruleset *set, const struct options *o)
{
    struct trace t = new_flows(set, o->packets);
    long before;

    measure_verdict(w, &t, TRACK_NEW); /* fills the caches */
    printf("\"verdict_new\": %.0f, ", measure_verdict(w, &t, TRACK_NEW));
    printf("\"verdict_established\": %.0f, ", measure_verdict(w, &t, TRACK_ESTABLISHED));
    printf("\"linear_new\": %.0f, ", measure_linear(w, &t));
    before = status_kb("VmRSS:");
    start_wall(w, o->packets);
    send_all(w, &t, 1000); /* the tracker grows to its size; then all these flows end, as in a firewall that
                              has run for a while */
    printf("\"tracked_rss_mb\": %.1f, ", (double)(status_kb("VmRSS:") - before) / 1e3);
    tracker_tick(wall_tracker(w->wall), LATER);
    w->accepted = w->by_policy = 0;
    printf("\"new\": %.0f, ", send_all(w, &t, LATER));
    printf("\"accepted\": %.3f, \"by_policy\": %.3f, \"tracked\": %zu, ",
           (double)w->accepted / (double)t.count, (double)w->by_policy / (double)t.count,
           tracker_flow_count(wall_tracker(w->wall)));
    trace_free(&t);
}

static void measure_established(struct world *w, struct ruleset *set, const struct options *o)
{
    struct trace each, t;

    start_wall(w, o->established);
    each = establish(w, set, o->established);
    t = shuffle(&each, o->packets, o->seed);
    send_all(w, &t, 2000); /* fills the caches */
    w->accepted = 0;
    printf("\"established\": %.0f, ", send_all(w, &t, 2000));
    printf("\"established_accepted\": %.3f, ", (double)w->accepted / (double)t.count);
    trace_free(&each);
    trace_free(&t);
}

/* Bytes for each of so many flows, as the tracker says and as the machine does. */
static void measure_flows(struct world *w, struct ruleset *set, const struct options *o)
{
    long before;

    wall_free(&w->wall);
    malloc_trim(0); /* or the new tracker lies in what the old one had, and seems to cost nothing */
    before = status_kb("VmRSS:");
    start_wall(w, o->flows);
    for (size_t i = 0; tracker_flow_count(wall_tracker(w->wall)) < o->flows && i < 4 * o->flows; i++) {
        struct packet_recipe recipe;
        const char *in;

        ruleset_packet(set, &recipe, &in);
        pass(w, &recipe);
    }
    size_t count = tracker_flow_count(wall_tracker(w->wall));
    printf("\"flows\": %zu, \"flow_bytes\": %.1f, \"flow_rss_bytes\": %.1f", count,
           (double)tracker_memory(wall_tracker(w->wall)) / (double)count,
           (double)(status_kb("VmRSS:") - before) * 1024 / (double)count);
}

static bool accepts(void *arg, const struct packet_recipe *first)
{
    struct track_view view = {.state = TRACK_NEW};
    struct packet packet;
    struct verdict v;
    uint8_t bytes[SLOT];
    int size = packet_build(first, bytes, sizeof(bytes));

    if (size < 0 || packet_decode(bytes, (size_t)size, false, &packet) < 0)
        fail("a packet can't be built");
    decide(arg, &packet, "eth0", &view, &v);
    return v.code == VERDICT_ACCEPT;
}

/* What sallywall itself is measured with. */
static void write_capture(const struct options *o, struct world *w, struct ruleset *set)
{
    FILE *out = fopen(o->capture, "we");

    w->image = need(image_compile(w->rules));
    if (!out || mixed_write(set, accepts, w, o->packets, out) < 0 || fclose(out) != 0)
        fail("the capture can't be written");
    exit(0);
}

static bool read_options(int argc, char **argv, struct options *ret)
{
    static const struct option names[] = {{"shape", required_argument, NULL, 's'},
                                          {"rules", required_argument, NULL, 'r'},
                                          {"flows", required_argument, NULL, 'f'},
                                          {"packets", required_argument, NULL, 'p'},
                                          {"established", required_argument, NULL, 'e'},
                                          {"seed", required_argument, NULL, 'x'},
                                          {"print", no_argument, NULL, 'P'},
                                          {"capture", required_argument, NULL, 'c'},
                                          {NULL, 0, NULL, 0}};
    bool print = false;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        size_t number = optarg ? strtoul(optarg, NULL, 10) : 0;

        switch (option) {
        case 's':
            ret->shape = RULESET_SHAPES;
            for (int shape = 0; shape < RULESET_SHAPES; shape++)
                if (strcmp(optarg, ruleset_shape_name((enum ruleset_shape)shape)) == 0)
                    ret->shape = (enum ruleset_shape)shape;
            break;
        case 'r':
            ret->rules = number;
            break;
        case 'f':
            ret->flows = number;
            break;
        case 'p':
            ret->packets = number;
            break;
        case 'e':
            ret->established = number;
            break;
        case 'x':
            ret->seed = number;
            break;
        case 'P':
            print = true;
            break;
        case 'c':
            ret->capture = optarg;
            break;
        default:
            return false;
        }
    }
    if (ret->shape == RULESET_SHAPES || !ret->rules || !ret->packets || !ret->established || optind != argc)
        return false;
    if (print) {
        char *text = need(ruleset_text(need(ruleset_new(ret->shape, ret->rules, ret->seed))));

        fputs(text, stdout);
        exit(0);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {
        .shape = RULESET_FW, .rules = 10000, .packets = 1000000, .established = 100000, .seed = 1};
    struct world w = {.asked = {.hook = RULES_FORWARD, .out = "eth9"}};

    if (!read_options(argc, argv, &o)) {
        fputs("usage: verdictload [--shape acl|fw|ipc] [--rules N] [--packets N] [--established FLOWS] "
              "[--flows N] "
              "[--seed N] [--print | --capture FILE]\n",
              stderr);
        return 2;
    }
    struct ruleset *set = load_rules(&o, &w);

    if (o.capture)
        write_capture(&o, &w, set);
    printf("{");
    measure_compile(&w);
    measure_new(&w, set, &o);
    measure_established(&w, set, &o);
    if (o.flows)
        measure_flows(&w, set, &o);
    else
        printf("\"flows\": 0");
    printf("}\n");
    wall_free(&w.wall);
    wall_rules_free(&w.shared);
    image_free(&w.image);
    verdict_memory_free(&w.memory);
    rules_free(&w.rules);
    ruleset_free(&set);
    return 0;
}
