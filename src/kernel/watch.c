/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/standing.h"
#include "track/native/tracker.h"
#include "verdict/image/format.h"

enum {
    LIFE_MS = 3000,  /* how long a watcher that says nothing more is told */
    RENEW_MS = 1000, /* how often it says something */
    RULE_SETS = 16,  /* that are kept */
};

/* ---- counters ---- */

/* Of enum bpf_drop_cause. */
static const struct {
    const char *name, *text;
} CAUSES[BPF_DROP_CAUSES] = {
    [BPF_DROP_NO_SCRATCH] = {"no-scratch", "too many packets were under way at once"},
    [BPF_DROP_UNREADABLE] = {"unreadable", "the packet is no IP packet that could be read"},
    [BPF_DROP_RAW_RULE] = {"raw-rule", "by a rule in the raw table"},
    [BPF_DROP_RAW_POLICY] = {"raw-policy", "by a policy of the raw table"},
    [BPF_DROP_RULE] = {"rule", "by a rule"},
    [BPF_DROP_POLICY] = {"policy", "by a policy"},
    [BPF_DROP_REJECT] = {"reject", "rejected by a rule"},
    [BPF_DROP_TOO_MANY] = {"too-many-rules", "more rules matched it than the wall follows"},
    [BPF_DROP_UNANSWERED] = {"unanswered",
                             "of those rejected: not answered, as the wall's own rules in iptables are "
                             "gone (the next change of the wall's rules puts them back)"},
};

const char *kernel_drop_name(uint32_t cause)
{
    if (cause < BPF_DROP_CAUSES)
        return CAUSES[cause].name;
    return track_reason_name((enum track_reason)(cause - BPF_DROP_CAUSES));
}

const char *kernel_drop_text(uint32_t cause)
{
    if (cause < BPF_DROP_CAUSES)
        return CAUSES[cause].text;
    return track_reason_text((enum track_reason)(cause - BPF_DROP_CAUSES));
}

static void add_up(const struct bpf_drop_count *all, int processors, struct bpf_drop_count *ret)
{
    *ret = (struct bpf_drop_count){0};
    for (int i = 0; i < processors; i++) {
        ret->packets += all[i].packets;
        ret->bytes += all[i].bytes;
        ret->untold += all[i].untold;
    }
}

int kernel_drop_counts(const struct kernel_wall *wall, struct bpf_drop_count ret[BPF_DROPS],
                       struct kernel_error *error)
{
    int map = kernel_wall_map(wall, "drop_counts"), processors = libbpf_num_possible_cpus(), r = 0;
    struct bpf_drop_count *all = processors > 0 ? calloc((size_t)processors, sizeof(*all)) : NULL;

    if (map < 0 || !all)
        r = map < 0 ? map : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < BPF_DROPS; i++) {
        r = bpf_map_lookup_elem(map, &i, all) ? -errno : 0;
        if (r == 0)
            add_up(all, processors, &ret[i]);
    }
    free(all);
    return r ? kernel_refuse(error, KERNEL_FAILS, r, "the counters of drops can't be read: %s", strerror(-r))
             : 0;
}

/* ---- rule sets that were watched ---- */

struct counted {
    uint32_t counter, number;
    const struct rules_chain *chain;
    const struct rules_rule *rule;
};

struct watched_rules {
    struct rules *rules;
    uint32_t serial, element;
    uint32_t count;
    struct counted *all; /* by counter */
};

struct kernel_watch {
    struct kernel_wall *wall;
    struct bpf_listeners *listeners;
    struct bpf_listener *own;
    uint32_t place, kinds;
    struct ring_buffer *ring;
    int map;
    void (*take)(void *arg, const struct bpf_told *told);
    void *arg;
    struct watched_rules rules[RULE_SETS]; /* the latest first */
};

static void forget_rules(struct watched_rules *w)
{
    rules_free(&w->rules);
    free(w->all);
    *w = (struct watched_rules){0};
}

struct counting {
    const uint32_t *numbers;
    struct counted *all;
};

static void count_place(void *arg, const struct texts_place *place)
{
    struct counting *c = arg;

    if (place->rule)
        place->rule->line = 0; /* of a file that nobody has */
    c->all[place->index] = (struct counted){
        .counter = c->numbers[place->index],
        .number = place->rule ? (uint32_t)(place->rule - place->chain->rules) + 1 : 0,
        .chain = place->chain,
        .rule = place->rule,
    };
}

static int compare_counted(const void *a, const void *b)
{
    uint32_t x = ((const struct counted *)a)->counter, y = ((const struct counted *)b)->counter;

    return (x > y) - (x < y);
}

/* The rules in an element, if they are those with this serial, before and after they were read. */
static bool read_rules(struct kernel_wall *wall, const struct bpf_told *told, struct watched_rules *ret)
{
    struct rules_error ignored = {0};
    struct watched_rules w = {.serial = told->serial, .element = told->element};
    const uint32_t *numbers;
    uint32_t serial;
    size_t size;
    const struct kernel_text *text = standing_text(wall, told->element, &size);

    if (!text || text->serial != told->serial ||
        texts_read((const uint8_t *)text, size, told->family, 0, &w.rules, &numbers, &serial, &ignored))
        return false;
    w.count = texts_each(w.rules, NULL, NULL);
    w.all = calloc(w.count + 1, sizeof(*w.all));
    struct counting counting = {numbers, w.all};
    if (w.all)
        texts_each(w.rules, count_place, &counting);
    text = standing_text(wall, told->element, &size);
    if (!w.all || !text || text->serial != told->serial) {
        forget_rules(&w);
        return false;
    }
    qsort(w.all, w.count, sizeof(*w.all), compare_counted);
    *ret = w;
    return true;
}

/* The maps of rules may have become others since the wall was opened: they grow. */
static bool learn_rules(const struct bpf_told *told, struct watched_rules *ret)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error ignored;
    bool learnt = kernel_wall_open(&wall, &ignored) == 0 && read_rules(wall, told, ret);

    kernel_wall_close(&wall);
    return learnt;
}

/* NULL: nobody has them any more. */
static const struct watched_rules *rules_of(struct kernel_watch *w, const struct bpf_told *told)
{
    struct watched_rules new = {.serial = told->serial, .element = told->element};

    for (size_t i = 0; i < RULE_SETS; i++) {
        if (w->rules[i].serial == told->serial && w->rules[i].element == told->element)
            return w->rules[i].rules ? &w->rules[i] : NULL;
    }
    if (!read_rules(w->wall, told, &new))
        (void)!learn_rules(told, &new); /* then it is kept that they are gone */
    forget_rules(&w->rules[RULE_SETS - 1]);
    memmove(w->rules + 1, w->rules, (RULE_SETS - 1) * sizeof(w->rules[0]));
    w->rules[0] = new;
    return new.rules ? &w->rules[0] : NULL;
}

bool kernel_watch_find(struct kernel_watch *watch, const struct bpf_told *told, struct kernel_watch_rule *ret)
{
    struct counted wanted = {.counter = told->counter}, *found;
    const struct watched_rules *w =
        told->counter == (uint32_t)BPF_TOLD_NO_COUNTER ? NULL : rules_of(watch, told);

    found = w ? bsearch(&wanted, w->all, w->count, sizeof(*w->all), compare_counted) : NULL;
    if (found)
        *ret = (struct kernel_watch_rule){w->rules, found->chain, found->rule, found->number};
    return found;
}

/* ---- a place among who is told ---- */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool take_place(struct kernel_watch *w, uint64_t now)
{
    for (uint32_t i = 0; i < BPF_LISTENERS; i++) {
        struct bpf_listener *l = &w->listeners->all[i];
        uint64_t until = __atomic_load_n(&l->until, __ATOMIC_SEQ_CST);
        if (until > now || !__atomic_compare_exchange_n(&l->until, &until, now + LIFE_MS, false,
                                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        __atomic_store_n(&l->kinds, 0, __ATOMIC_SEQ_CST); /* nothing into the ring of who was here before */
        l->process = (uint32_t)getpid();
        w->own = l;
        w->place = i;
        return true;
    }
    return false;
}

static void renew(struct kernel_watch *w)
{
    uint64_t until = now_ms() + LIFE_MS, latest = __atomic_load_n(&w->listeners->until, __ATOMIC_SEQ_CST);

    __atomic_store_n(&w->own->until, until, __ATOMIC_SEQ_CST);
    while (latest < until && !__atomic_compare_exchange_n(&w->listeners->until, &latest, until, false,
                                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
}

bool kernel_watch_logs(struct kernel_wall *wall)
{
    const struct bpf_listeners *all = maps_memory(&wall->maps, "listeners");
    uint64_t now = now_ms();

    for (uint32_t i = 0; all && i < BPF_LISTENERS; i++) {
        if (all->all[i].until > now && all->all[i].kinds & BPF_TOLD_LOG)
            return true;
    }
    return false;
}

static int hear(void *arg, void *data, size_t size)
{
    struct kernel_watch *w = arg;

    if (size >= sizeof(struct bpf_told) && w->take)
        w->take(w->arg, data);
    return 0;
}

static int make_ring(struct kernel_watch *w)
{
    int rings = kernel_wall_map(w->wall, "rings");

    if (rings < 0)
        return rings;
    w->map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "sally_ring", 0, 0, BPF_RING, NULL);
    if (w->map < 0)
        return -errno;
    w->ring = ring_buffer__new(w->map, hear, w, NULL);
    if (!w->ring || bpf_map_update_elem(rings, &w->place, &w->map, BPF_ANY))
        return errno ? -errno : -ENOMEM;
    return 0;
}

static int listen_to(struct kernel_watch *w, struct kernel_error *error)
{
    int r;

    w->listeners = maps_memory(&w->wall->maps, "listeners");
    if (!w->listeners)
        return kernel_refuse(error, KERNEL_FAILS, -errno,
                             "the wall was put up by another version of sallywall, which tells nothing");
    if (!take_place(w, now_ms()))
        return kernel_refuse(error, KERNEL_FAILS, -EBUSY,
                             "%d processes watch this wall already, and more can't", BPF_LISTENERS);
    r = make_ring(w);
    if (r)
        return kernel_refuse(error, KERNEL_FAILS, r, "the ring for what is dropped can't be made: %s",
                             strerror(-r));
    __atomic_store_n(&w->own->kinds, w->kinds, __ATOMIC_SEQ_CST);
    renew(w);
    return 0;
}

int kernel_watch_open(uint32_t kinds, struct kernel_watch **ret, struct kernel_error *error)
{
    struct kernel_watch *w = calloc(1, sizeof(*w));
    int r =
        w ? kernel_wall_open(&w->wall, error) : kernel_refuse(error, KERNEL_FAILS, -ENOMEM, "out of memory");

    if (w) {
        w->kinds = kinds;
        w->map = -1;
    }
    if (r == 0)
        r = listen_to(w, error);
    if (r)
        kernel_watch_close(&w);
    else
        *ret = w;
    return r;
}

int kernel_watch_next(struct kernel_watch *w, int milliseconds,
                      void (*take)(void *arg, const struct bpf_told *told), void *arg,
                      struct kernel_error *error)
{
    int r;

    if (!w->wall->state->armed)
        return kernel_refuse(error, KERNEL_FAILS, -ENOENT, "the wall was taken down");
    renew(w);
    w->take = take;
    w->arg = arg;
    r = ring_buffer__poll(w->ring, milliseconds < RENEW_MS ? milliseconds : RENEW_MS);
    if (r < 0 && r != -EINTR)
        return kernel_refuse(error, KERNEL_FAILS, r, "what is dropped can't be read: %s", strerror(-r));
    return r < 0 ? r : 0;
}

const struct kernel_wall *kernel_watch_wall(const struct kernel_watch *watch)
{
    return watch->wall;
}

static void give_place_back(struct kernel_watch *w)
{
    int rings = kernel_wall_map(w->wall, "rings");

    __atomic_store_n(&w->own->kinds, 0, __ATOMIC_SEQ_CST);
    if (rings >= 0)
        (void)!bpf_map_delete_elem(rings, &w->place); /* else the next to have the place replaces it */
    __atomic_store_n(&w->own->until, 0, __ATOMIC_SEQ_CST);
}

void kernel_watch_close(struct kernel_watch **watch)
{
    struct kernel_watch *w = *watch;

    if (!w)
        return;
    if (w->own)
        give_place_back(w);
    ring_buffer__free(w->ring);
    if (w->map >= 0)
        close(w->map);
    for (size_t i = 0; i < RULE_SETS; i++)
        forget_rules(&w->rules[i]);
    kernel_wall_close(&w->wall);
    free(w);
    *watch = NULL;
}
