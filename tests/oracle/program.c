/* SPDX-License-Identifier: BSD-2-Clause */
#include "program.h"

#include "bpf/maps.h"
#include "engine.h"
#include "fragments.h"
#include "kernel.h"
#include "kernel/flows.h"
#include "kernel/load.h"
#include "kernel/sets.h"
#include "rules/build.h"
#include "rules/rules.h"
#include "test_run.h"
#include "trial.h"
#include "verdict/image/image.h"
#include "verdict/image/places.h"
#include "verdict/match/addrtype.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

enum {
    FLOWS = 8192,        /* more than a set's sequences begin */
    MOST_RULES = 1000,   /* of a set */
    COUNTS = 4096,       /* elements of rule_counts: enough for as many */
    IMAGE = 1 << 20,     /* bytes, likewise */
    BEGINNING = 1000000, /* ms */
};

/* One of each compiler; the verifier takes its time, so they are loaded once for all sets. */
static const char *const OBJECTS[] = {WALL_OBJECTS NULL};

/* A connection that was seen in the program's map. */
struct seen {
    struct track_flow flow; /* as it was when its map was last looked at; its tuple is the key */
    unsigned look;          /* at which look */
    UT_hash_handle hh;
};

/* What a set leaves behind. */
static const char *const REMEMBERED[] = {
    "flows",   "flow_index", "free_slots", "pool",   "sweeper", "expected",      "controls",     "remembered",
    "buckets", "tables",     "lists",      "locals", "limited", "limited_slots", "limited_flows"};

struct program {
    struct host host; /* the first */
    struct kernel_program *loaded[sizeof(OBJECTS) / sizeof(OBJECTS[0])];
    unsigned count;                     /* of them */
    const struct kernel_program *asked; /* of these, the one that this set's packets go to */
    struct image *image;                /* of this set's rules */
    struct fragments *fragments;
    uint64_t now;
    struct seen *seen;
    unsigned look;
};

static struct program *self(struct host *h)
{
    return (struct program *)h;
}

static int map_of(const struct program *p, const char *name)
{
    int fd = kernel_program_map(p->asked, name);

    if (fd < 0)
        die("the program has no map \"%s\"", name);
    return fd;
}

static void put_at(const struct program *p, const char *map, uint32_t element, const void *value)
{
    if (bpf_map_update_elem(map_of(p, map), &element, value, BPF_ANY) < 0)
        die("map \"%s\" could not be written: %s", map, strerror(errno));
}

static void put(const struct program *p, const char *map, const void *value)
{
    put_at(p, map, 0, value);
}

enum { LONGEST_KEY = 72 };

_Static_assert(LONGEST_KEY >= sizeof(struct bpf_expected_key) && LONGEST_KEY >= sizeof(struct track_tuple) &&
                   LONGEST_KEY >= sizeof(struct bpf_bucket_key) &&
                   LONGEST_KEY >= sizeof(struct bpf_limited_flow_key),
               "the longest key");

/* ---- rules ---- */

static struct image *compile(const struct rules *rules)
{
    struct image *image = image_compile(rules);

    if (!image)
        die("out of memory");
    return image;
}

/* A copy of its block, whose counters have numbers. Returns how many they are; the caller frees it. */
static uint32_t copy_block(const struct image *image, const struct rules *rules, uint8_t **ret)
{
    uint8_t *block = malloc(image_size(image));

    if (!block)
        die("out of memory");
    memcpy(block, image_bytes(image), image_size(image));
    *ret = block;
    return image_places_number(block, rules);
}

struct beyond {
    const uint8_t *image;
    struct image_place places[MOST_RULES];
    size_t count;
};

static void note_beyond(void *arg, const struct image_place *place)
{
    struct beyond *b = arg;

    if (!place->rule || !image_rule_is_beyond(b->image, place->rule))
        return;
    if (b->count == MOST_RULES)
        die("too many rules");
    b->places[b->count++] = *place;
}

static int last_first(const void *a, const void *b)
{
    return (int)((const struct image_place *)b)->number - (int)((const struct image_place *)a)->number;
}

/* From the last on, so that the numbers of the others stay. */
static void leave_out(struct rules *rules)
{
    struct image *image = compile(rules);
    struct beyond b = {0};
    uint8_t *block;

    copy_block(image, rules, &block);
    b.image = block;
    image_places_each(block, rules, note_beyond, &b);
    free(block);
    qsort(b.places, b.count, sizeof(b.places[0]), last_first);
    for (size_t i = 0; i < b.count; i++)
        rules_chain_delete(b.places[i].chain, b.places[i].number - 1);
    image_free(&image);
}

static void renew(struct host *h)
{
    (void)h; /* each set begins anew */
}

static struct bpf_map_info info_of(const struct program *p, const char *map)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);

    if (bpf_obj_get_info_by_fd(map_of(p, map), &info, &size) < 0)
        die("map \"%s\": %s", map, strerror(errno));
    return info;
}

static void forget_elements(const struct program *p, const char *map, const struct bpf_map_info *info)
{
    void *nothing = calloc(1, info->value_size);

    if (!nothing)
        die("out of memory");
    for (uint32_t i = 0; i < info->max_entries; i++)
        if (bpf_map_update_elem(map_of(p, map), &i, nothing, BPF_ANY) < 0)
            die("map \"%s\" could not be emptied: %s", map, strerror(errno));
    free(nothing);
}

static void forget(const struct program *p, const char *map)
{
    struct bpf_map_info info = info_of(p, map);
    uint8_t key[LONGEST_KEY];
    int fd = map_of(p, map);

    if (info.type == BPF_MAP_TYPE_ARRAY) {
        forget_elements(p, map, &info);
        return;
    }
    if (info.type == BPF_MAP_TYPE_QUEUE) {
        while (bpf_map_lookup_and_delete_elem(fd, NULL, key) == 0)
            ;
        return;
    }
    while (bpf_map_get_next_key(fd, NULL, key) == 0)
        if (bpf_map_delete_elem(fd, key) < 0)
            die("map \"%s\" could not be emptied: %s", map, strerror(errno));
}

static void put_image(const struct program *p, const struct rules *rules)
{
    static const struct rule_count NONE;
    static uint8_t room[IMAGE];
    uint8_t *block;
    uint32_t counts = copy_block(p->image, rules, &block);

    if (image_size(p->image) > IMAGE || counts > COUNTS)
        die("an image of %zu bytes and %u counters is too large", image_size(p->image), counts);
    memset(room, 0, sizeof(room));
    memcpy(room, block, image_size(p->image));
    free(block);
    put_at(p, "image", bpf_element(rules->family == PACKET_IPV6, 0), room);
    for (uint32_t i = 0; i < counts; i++)
        put_at(p, "rule_counts", i, &NONE);
}

static void put_locals(const struct program *p, uint8_t family)
{
    static const uint32_t TYPE = ADDRTYPE_LOCAL;
    struct packet_address local[ENGINE_LOCALS];

    engine_locals(family, local);
    for (unsigned i = 0; i < ENGINE_LOCALS; i++)
        if (bpf_map_update_elem(map_of(p, "locals"), &local[i], &TYPE, BPF_ANY) < 0)
            die("map \"locals\" could not be written: %s", strerror(errno));
}

static void put_sets(const struct program *p, uint8_t family)
{
    const struct kernel_sets_maps maps = {map_of(p, "sets"), map_of(p, "set_heads"), map_of(p, "members")};
    struct sets *sets = engine_sets(family);
    int r = kernel_sets_write(&maps, sets);

    if (r < 0)
        die("the sets could not be written: %s", strerror(-r));
    sets_free(&sets);
}

static char *load(struct host *h, const struct trial *t, const struct rules *rules)
{
    struct program *p = self(h);
    struct bpf_settings settings = {.track = track_settings_of(&t->config), .is_asked = true};
    unsigned which = t->variant % p->count;

    p->host.name = strrchr(OBJECTS[which], '/') + 1;
    p->asked = p->loaded[which];
    p->image = compile(rules);
    p->fragments = fragments_new(!t->pieces);
    for (unsigned i = 0; i < sizeof(REMEMBERED) / sizeof(REMEMBERED[0]); i++)
        forget(p, REMEMBERED[i]);
    put_image(p, rules);
    put_locals(p, t->family);
    put_sets(p, t->family);
    put(p, "settings", &settings);
    return NULL;
}

static void unload(struct host *h, const struct trial *t)
{
    struct program *p = self(h);
    struct seen *s, *next;

    (void)t;
    HASH_ITER(hh, p->seen, s, next) {
        HASH_DEL(p->seen, s);
        free(s);
    }
    fragments_free(&p->fragments);
    image_free(&p->image);
}

static void read_count(void *arg, const struct image_place *place)
{
    struct rules_counters *counters =
        place->number ? &place->chain->rules[place->number - 1].counters : &place->chain->counters;
    struct rule_count count;

    if (bpf_map_lookup_elem(map_of(arg, "rule_counts"), place->counter, &count) < 0)
        die("map \"rule_counts\" could not be read: %s", strerror(errno));
    *counters = (struct rules_counters){count.packets, count.bytes};
}

static struct rules *counters(struct host *h, const struct trial *t)
{
    struct program *p = self(h);
    struct rules *rules;
    struct rules_error error;
    uint8_t *block;

    if (rules_read(t->rules, strlen(t->rules), "rules", t->family, &rules, &error) < 0)
        die("the rules, line %u column %u: %s", error.line, error.column, error.message);
    copy_block(p->image, rules, &block);
    image_places_each(block, rules, read_count, p);
    free(block);
    return rules;
}

/* ---- packets ---- */

static uint64_t now(struct host *h)
{
    return self(h)->now;
}

static void wait(struct host *h, unsigned ms)
{
    self(h)->now += ms;
}

static struct bpf_ask ask_of(const struct step *step, const struct packet *packet, uint64_t now_ms)
{
    struct bpf_ask ask = {
        .now_ms = now_ms,
        .time = time(NULL),
        .mark = step->path == WALL_OUT ? KERNEL_MARK : 0,
        .path = (uint8_t)step->path,
        .sum_is_wrong = packet->fault == PACKET_BAD_CHECKSUM,
    };

    strcpy(ask.in, step_in(step));
    strcpy(ask.out, step_out(step));
    return ask;
}

/* The path is what the program goes by, and not the hook. */
static bool run(const struct program *p, const struct packet *packet)
{
    int r =
        test_run(kernel_program_fd(p->asked), packet->bytes, packet->captured, packet->family == PACKET_IPV4);

    if (r < 0)
        die("a test run of the program failed: %s", strerror(-r));
    return r == NF_ACCEPT;
}

static void packet(struct host *h, const struct step *step, uint64_t now_ms, struct outcome *ret)
{
    static const struct bpf_answer NOTHING;
    struct program *p = self(h);
    struct packet whole;
    uint32_t first = 0;

    *ret = (struct outcome){.is_known = true, .note = NO_WHOLE_PACKET};
    p->now++;
    if (!fragments_read(p->fragments, step, now_ms, &whole))
        return;
    struct bpf_ask ask = ask_of(step, &whole, now_ms);
    put(p, "asked", &ask);
    put(p, "answered", &NOTHING);
    ret->passed = run(p, &whole);
    if (bpf_map_lookup_elem(map_of(p, "answered"), &first, &ret->answer) < 0)
        die("map \"answered\" could not be read: %s", strerror(errno));
    answer_format(&ret->answer, ret->note, sizeof(ret->note));
}

static bool is_late(struct host *h, const struct step *step)
{
    (void)h;
    (void)step;
    return false;
}

/* ---- connections ---- */

static int borrow(void *arg, const char *name, bool is_program)
{
    const struct program *p = arg;

    return is_program ? kernel_program_named(p->asked, name) : kernel_program_map(p->asked, name);
}

/* They are the program's. */
static struct kernel_flows flows_of(struct program *p)
{
    struct kernel_flows flows;
    const char *lacking;

    if (flows_open(&flows, borrow, p, &lacking) < 0)
        die("the program has no \"%s\"", lacking);
    return flows;
}

struct look {
    struct program *program;
    struct flow_list *began;
};

static bool take_flow(void *arg, const struct flows_place *place, const struct bpf_flow *f)
{
    const struct look *l = arg;
    struct program *p = l->program;
    const struct track_flow *flow = &f->flow;
    struct seen *s;

    (void)place;
    HASH_FIND(hh, p->seen, &flow->tuple, sizeof(flow->tuple), s);
    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s)
            die("out of memory");
        s->flow = *flow;
        HASH_ADD(hh, p->seen, flow.tuple, sizeof(flow->tuple), s);
        struct flow_view view = flow_view_of(flow, p->now);
        flow_list_add(l->began, &view);
    }
    s->flow = *flow;
    s->look = p->look;
    return true;
}

/* What the sweep takes was over before, so that nothing is seen of it. */
static void sweep(const struct program *p, const struct kernel_flows *flows)
{
    struct bpf_order order = {.now_ms = p->now, .steps = FLOWS};
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &order, .ctx_size_in = sizeof(order));

    if (bpf_prog_test_run_opts(flows->sweep_now, &options) < 0)
        die("the program that sweeps did not run: %s", strerror(errno));
}

static void events(struct host *h, struct flow_list *began, struct flow_list *ended)
{
    struct look l = {self(h), began};
    struct kernel_flows flows = flows_of(l.program);

    (void)ended;
    l.program->look++;
    sweep(l.program, &flows);
    if (flows_each(&flows, l.program->now, take_flow, &l) < 0)
        die("connections could not be read");
}

/* As of the last look. */
static bool get(struct host *h, const struct track_tuple *t, uint64_t now_ms, struct flow_view *ret)
{
    struct program *p = self(h);
    struct seen *s;

    HASH_FIND(hh, p->seen, t, sizeof(*t), s);
    if (!s || s->look != p->look || s->flow.expires <= now_ms)
        return false;
    *ret = flow_view_of(&s->flow, now_ms);
    return true;
}

struct expected {
    uint64_t now;
    struct expectation_list *list;
};

static bool take_expectation(void *arg, const struct track_expectation *e, const struct track_flow *master)
{
    const struct expected *x = arg;
    struct expectation_view v = expectation_view_of(e, x->now);

    if (master) {
        v.master_source = master->tuple.source;
        v.master_port = master->tuple.source_port;
    }
    expectation_list_add(x->list, &v);
    return true;
}

static void expectations(struct host *h, uint64_t now_ms, struct expectation_list *ret)
{
    struct expected x = {now_ms, ret};
    struct kernel_flows flows = flows_of(self(h));

    if (expectations_each(&flows, now_ms, take_expectation, &x) < 0)
        die("expectations could not be read");
}

/* ---- being a host ---- */

static const struct host PROGRAM = {
    .name = "program",
    .says_why = true,
    .counts_policies = true,
    .leave_out = leave_out,
    .renew = renew,
    .load = load,
    .unload = unload,
    .now = now,
    .wait = wait,
    .packet = packet,
    .is_late = is_late,
    .events = events,
    .get = get,
    .expectations = expectations,
    .counters = counters,
};

struct host *program_open(const char **ret_why)
{
    static struct kernel_error error;
    static const struct kernel_sizes SIZES = {.image = IMAGE, .rule_counts = COUNTS, .flows = FLOWS};
    struct program *p = calloc(1, sizeof(*p));
    struct host *h = &p->host;

    if (!p)
        die("out of memory");
    *h = PROGRAM;
    p->now = BEGINNING;
    while (OBJECTS[p->count] &&
           kernel_program_load(OBJECTS[p->count], &SIZES, &p->loaded[p->count], &error) == 0)
        p->count++;
    if (p->count && !OBJECTS[p->count])
        return h;
    *ret_why = OBJECTS[0] ? error.text : "the program was not built: that takes clang-14 or clang-19";
    if (OBJECTS[0] && error.refusal != KERNEL_LACKS && error.refusal != KERNEL_FORBIDS)
        die("%s", error.text);
    program_close(&h);
    return NULL;
}

void program_close(struct host **h)
{
    struct program *p = self(*h);

    for (unsigned i = 0; i < p->count; i++)
        kernel_program_free(&p->loaded[i]);
    free(p);
    *h = NULL;
}
