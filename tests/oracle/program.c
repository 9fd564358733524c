/* SPDX-License-Identifier: BSD-2-Clause */
#include "program.h"

#include "bpf/maps.h"
#include "engine.h"
#include "fragments.h"
#include "image_rules.h"
#include "kernel.h"
#include "kernel/load.h"
#include "rules/build.h"
#include "rules/rules.h"
#include "trial.h"
#include "verdict/image/image.h"
#include "verdict/match/addrtype.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

enum {
    BATCH = 256,         /* elements fetched at once */
    LARGEST = 3600,      /* bytes of a packet: a test run's has to fit into a page */
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
static const char *const REMEMBERED[] = {"flows",   "expected", "controls", "remembered",
                                         "buckets", "tables",   "lists",    "locals"};

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

/* struct nf_hook_state, of which a test run takes these two and wants the rest empty. */
struct hook_state {
    uint8_t hook, family;
    void *empty[5];
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

static void put(const struct program *p, const char *map, const void *value)
{
    uint32_t first = 0;

    if (bpf_map_update_elem(map_of(p, map), &first, value, BPF_ANY) < 0)
        die("map \"%s\" could not be written: %s", map, strerror(errno));
}

_Static_assert(sizeof(struct bpf_expected_key) >= sizeof(struct track_tuple) &&
                   sizeof(struct bpf_expected_key) >= sizeof(struct bpf_bucket_key),
               "the longest key");

/* ---- rules ---- */

static struct image *compile(const struct rules *rules)
{
    struct image *image = image_compile(rules);

    if (!image)
        die("out of memory");
    return image;
}

struct beyond {
    const uint8_t *image;
    struct image_place places[MOST_RULES];
    size_t count;
};

static void note_beyond(void *arg, const struct image_place *place)
{
    struct beyond *b = arg;

    if (!image_rule_is_beyond(b->image, place->rule))
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
    struct beyond b = {.image = image_bytes(image)};

    image_rules_each(b.image, rules, note_beyond, &b);
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
    uint8_t key[sizeof(struct bpf_expected_key)]; /* the longest */
    int fd = map_of(p, map);

    if (info.type == BPF_MAP_TYPE_ARRAY) {
        forget_elements(p, map, &info);
        return;
    }
    while (bpf_map_get_next_key(fd, NULL, key) == 0)
        if (bpf_map_delete_elem(fd, key) < 0)
            die("map \"%s\" could not be emptied: %s", map, strerror(errno));
}

static void put_image(const struct program *p)
{
    static const struct rule_count NONE;
    static uint8_t room[IMAGE];
    uint32_t counts = image_rules_counts(image_bytes(p->image));

    if (image_size(p->image) > IMAGE || counts > COUNTS)
        die("an image of %zu bytes and %u counters is too large", image_size(p->image), counts);
    memset(room, 0, sizeof(room));
    memcpy(room, image_bytes(p->image), image_size(p->image));
    put(p, "image", room);
    for (uint32_t i = 0; i < counts; i++)
        if (bpf_map_update_elem(map_of(p, "rule_counts"), &i, &NONE, BPF_ANY) < 0)
            die("map \"rule_counts\" could not be written: %s", strerror(errno));
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
    put_image(p);
    put_locals(p, t->family);
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
    struct rules_rule *rule = &place->chain->rules[place->number - 1];
    struct rule_count count;

    if (bpf_map_lookup_elem(map_of(arg, "rule_counts"), &place->count, &count) < 0)
        die("map \"rule_counts\" could not be read: %s", strerror(errno));
    rule->counters = (struct rules_counters){count.packets, count.bytes};
}

static struct rules *counters(struct host *h, const struct trial *t)
{
    struct program *p = self(h);
    struct rules *rules;
    struct rules_error error;

    if (rules_read(t->rules, strlen(t->rules), "rules", t->family, &rules, &error) < 0)
        die("the rules, line %u column %u: %s", error.line, error.column, error.message);
    image_rules_each(image_bytes(p->image), rules, read_count, p);
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

/* Behind an Ethernet header, which a test run wants and takes away (but at LOCAL_OUT, where Linux 6.18 leaves it). The path is
 * what the program goes by, and not the hook. */
static bool run(const struct program *p, const struct packet *packet)
{
    bool v4 = packet->family == PACKET_IPV4;
    struct hook_state state = {.hook = NF_INET_PRE_ROUTING, .family = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6};
    uint8_t frame[ETH_HLEN + LARGEST] = {[ETH_HLEN - 2] = v4 ? ETH_P_IP >> 8 : ETH_P_IPV6 >> 8,
                                         [ETH_HLEN - 1] = v4 ? ETH_P_IP & 0xff : ETH_P_IPV6 & 0xff};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .ctx_in = &state, .ctx_size_in = sizeof(state));

    if (packet->captured > LARGEST)
        die("a packet of %u bytes is too large for a test run", packet->captured);
    memcpy(frame + ETH_HLEN, packet->bytes, packet->captured);
    options.data_size_in = ETH_HLEN + packet->captured;
    if (bpf_prog_test_run_opts(kernel_program_fd(p->asked), &options) < 0)
        die("a test run of the program failed: %s", strerror(errno));
    return options.retval == NF_ACCEPT;
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

/* Calls take with each value of a hash map. */
static void each(const struct program *p, const char *name, void (*take)(void *arg, const void *value),
                 void *arg)
{
    struct bpf_map_info info = info_of(p, name);
    uint32_t count;
    int fd = map_of(p, name), r;
    uint64_t in, out; /* where it goes on: opaque, and of a hash map 4 bytes */
    bool first = true;

    uint8_t *keys = calloc(BATCH, info.key_size), *values = calloc(BATCH, info.value_size);
    if (!keys || !values)
        die("out of memory");
    do {
        count = BATCH;
        r = bpf_map_lookup_batch(fd, first ? NULL : &in, &out, keys, values, &count, NULL);
        if (r < 0 && errno != ENOENT)
            die("map \"%s\" could not be read: %s", name, strerror(errno));
        for (uint32_t i = 0; i < count; i++)
            take(arg, values + (size_t)i * info.value_size);
        in = out;
        first = false;
    } while (r == 0);
    free(keys);
    free(values);
}

struct look {
    struct program *program;
    struct flow_list *began;
};

static void take_flow(void *arg, const void *value)
{
    const struct look *l = arg;
    struct program *p = l->program;
    const struct track_flow *flow = &((const struct bpf_flow *)value)->flow;
    struct seen *s;

    if (flow->expires <= p->now)
        return;
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
}

static void events(struct host *h, struct flow_list *began, struct flow_list *ended)
{
    struct look l = {self(h), began};

    (void)ended;
    l.program->look++;
    each(l.program, "flows", take_flow, &l);
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
    struct program *program;
    uint64_t now;
    struct expectation_list *list;
};

static void take_expectation(void *arg, const void *value)
{
    const struct expected *x = arg;
    const struct track_expectation *e = value;

    if (e->expires <= x->now)
        return;
    struct expectation_view v = expectation_view_of(e, x->now);
    for (struct seen *s = x->program->seen; s; s = s->hh.next)
        if (s->look == x->program->look && s->flow.helper_data == e->master) {
            v.master_source = s->flow.tuple.source;
            v.master_port = s->flow.tuple.source_port;
        }
    expectation_list_add(x->list, &v);
}

static void expectations(struct host *h, uint64_t now_ms, struct expectation_list *ret)
{
    struct expected x = {self(h), now_ms, ret};

    each(x.program, "expected", take_expectation, &x);
}

/* ---- being a host ---- */

static const struct host PROGRAM = {
    .name = "program",
    .says_why = true,
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
