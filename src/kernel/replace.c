/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/able.h"
#include "kernel/forget.h"
#include "kernel/pins.h"
#include "kernel/sets.h"
#include "kernel/standing.h"
#include "kernel/watch.h"
#include "verdict/image/image.h"
#include "verdict/image/places.h"

/*
 * Other rules: they are written into the element that no packet uses, then one word says that it counts. If the
 * maps are too small, the program is loaded again over larger ones with the same contents first, and one slot says that
 * it is the one.
 */

/* A counter that goes on under another number. */
struct moved {
    uint32_t from, to;
    struct rules_counters read; /* what is known of it, and is in the new one already */
};

/* The next rules, and what they are in the kernel. */
struct change {
    struct kernel_wall *wall;
    const struct rules *rules;
    const struct wall_terms *terms;
    struct able_terms able; /* the terms', and what sets stand already */
    uint64_t *standing;
    unsigned family;
    uint32_t serial;
    uint8_t *image, *text; /* what the elements will hold */
    size_t image_size, text_size;
    uint32_t count, *numbers; /* by place */
    uint32_t *before;         /* by place: key of what it was in wall->known, or TEXTS_NEW */
    uint8_t *used;            /* by number: it is a counter of rules that count now, or will */
    uint32_t room, next;      /* numbers that there are; where to look for a free one */
    struct moved *moved;
    uint32_t moved_count;
    bool may_set;     /* counters of known rules */
    bool is_short;    /* there was no number left */
    unsigned seconds; /* not 0: on trial */
};

/* ---- who is who ---- */

static uint32_t find_known(const struct change *c, uint32_t key)
{
    const struct known *all = c->wall->known[c->family];

    return key < c->wall->known_count[c->family] && all[key].is_known ? key : (uint32_t)TEXTS_NEW;
}

static void same_place(void *arg, const struct texts_place *place)
{
    struct change *c = arg;

    c->before[place->index] = find_known(c, place->key);
}

static void note_key(void *arg, const struct texts_place *place)
{
    ((uint32_t *)arg)[place->index] = place->key;
}

/* By their texts: the rules of before are read again for that. */
static int match_alike(struct change *c, struct kernel_error *error)
{
    struct rules *before = NULL;
    int r = kernel_wall_rules(c->wall, c->rules->family, &before, error);
    uint32_t *keys = r ? NULL : calloc(texts_each(before, NULL, NULL) + 1, sizeof(*keys));

    if (r == 0)
        r = keys ? texts_match(before, c->rules, c->before) : -ENOMEM;
    if (r == 0) {
        texts_each(before, note_key, keys);
        for (uint32_t i = 0; i < c->count; i++) {
            if (c->before[i] != (uint32_t)TEXTS_NEW)
                c->before[i] = find_known(c, keys[c->before[i]]);
        }
    }
    free(keys);
    rules_free(&before);
    return r;
}

static int find_before(struct change *c, enum wall_counters counters, struct kernel_error *error)
{
    memset(c->before, 0xff, (c->count + 1) * sizeof(*c->before));
    if (counters == WALL_ALIKE_RULES)
        return match_alike(c, error);
    if (counters == WALL_SAME_RULES)
        texts_each(c->rules, same_place, c);
    return 0;
}

/* ---- numbers ---- */

static void mark_element(struct change *c, uint32_t element)
{
    size_t size;
    const struct kernel_text *head = standing_text(c->wall, element, &size);

    if (!head)
        return;
    for (uint32_t i = 0; i < head->count; i++) {
        uint32_t number = ((const uint32_t *)(const void *)(head + 1))[i];
        if (number < c->room)
            c->used[number] = true;
    }
}

/* By rules that count, and by those that may return. */
static void mark_used(struct change *c)
{
    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        mark_element(c, standing_current(c->wall, f));
        if (trial_goes_on(c->wall, f))
            mark_element(c, standing_current(c->wall, f) ^ 1);
    }
}

static uint32_t take_number(struct change *c)
{
    while (c->next < c->room && c->used[c->next])
        c->next++;
    if (c->next == c->room) {
        c->is_short = true;
        return 0;
    }
    c->used[c->next] = true;
    return c->next;
}

static bool is_as_read(const struct rules_counters *a, const struct rules_counters *b)
{
    return a->packets == b->packets && a->bytes == b->bytes;
}

static void give_number(void *arg, const struct texts_place *place)
{
    struct change *c = arg;
    const struct rules_counters *counters = texts_counters(place);
    uint32_t before = c->before[place->index], *number = &c->numbers[place->index];
    const struct known *known = before == (uint32_t)TEXTS_NEW ? NULL : &c->wall->known[c->family][before];

    if (known && (!c->may_set || is_as_read(counters, &known->counters))) {
        *number = known->number;
        return;
    }
    *number = take_number(c);
    if (c->is_short)
        return;
    c->wall->counts[*number] = (struct rule_count){counters->packets, counters->bytes};
    if (known)
        c->moved[c->moved_count++] = (struct moved){known->number, *number, known->counters};
}

/* Gives every place its number, and the new ones their counts. */
static void give_numbers(struct change *c)
{
    c->next = c->moved_count = 0;
    c->is_short = false;
    texts_each(c->rules, give_number, c);
}

/* ---- what the elements will hold ---- */

/* Chains come in the order of texts_each. */
struct numbering {
    const uint32_t *numbers;
    const struct rules_chain *chain;
    uint32_t first; /* place of the chain */
};

static uint32_t places_of(const struct rules_chain *chain)
{
    return chain ? (chain->policy != RULES_POLICY_NONE) + (uint32_t)chain->count : 0;
}

static void write_number(void *arg, const struct image_place *place)
{
    struct numbering *n = arg;
    uint32_t policy = place->chain->policy != RULES_POLICY_NONE;

    if (place->chain != n->chain) {
        n->first += places_of(n->chain);
        n->chain = place->chain;
    }
    *place->counter = n->numbers[n->first + (place->number ? policy + place->number - 1 : 0)];
}

struct hearing {
    const struct wall_terms *terms;
    struct kernel_error *error;
};

static void hear_note(void *arg, const struct able_note *note)
{
    const struct hearing *h = arg;

    if (h->terms->tell)
        h->terms->tell(h->terms->arg, note);
    if (note->refused && !h->error->text[0])
        kernel_refuse(h->error, KERNEL_LACKS, -EOPNOTSUPP, "the wall does not carry out \"%s\": %s; %s",
                      note->rule[0] ? note->rule : note->chain->name, note->why, note->remedy);
}

/* Nothing is loaded as something else, whoever loads it. */
static int check(const struct change *c, const struct image *image, struct kernel_error *error)
{
    struct hearing hearing = {c->terms, error};
    struct able_terms terms = c->able;

    terms.rejects = true; /* where it can't be had, answers_want remarks on it */
    terms.listens |= kernel_watch_logs(c->wall);
    return able_check(c->rules, image, &terms, hear_note, &hearing);
}

static int make_image(struct change *c, struct kernel_error *error)
{
    struct image *image = image_compile(c->rules);
    int r = image ? check(c, image, error) : -ENOMEM;

    if (r) {
        image_free(&image);
        return r;
    }
    c->image_size = image_size(image);
    c->image = image_take(&image);
    ((struct image_header *)(void *)c->image)->serial = c->serial;
    return 0;
}

/* With the numbers that places have now. */
static int make_text(struct change *c)
{
    struct numbering numbering = {.numbers = c->numbers};

    free(c->text);
    c->text = NULL;
    image_places_each(c->image, c->rules, write_number, &numbering);
    return texts_write(c->rules, c->numbers, c->serial, &c->text, &c->text_size);
}

/* ---- from the rules of before to those of after ---- */

static int write_element(struct change *c, uint32_t element)
{
    size_t room;
    uint8_t *memory = standing_element(c->wall, element, &room);

    if (!memory)
        return -errno;
    memcpy(memory, c->image, c->image_size);
    memcpy(memory + texts_begin(c->image_size), c->text, c->text_size);
    return 0;
}

static size_t element_size(const struct change *c)
{
    return texts_begin(c->image_size) + c->text_size;
}

static void add_to(struct rule_count *count, const struct rule_count *now, uint64_t packets, uint64_t bytes)
{
    __atomic_fetch_add(&count->packets, now->packets - packets, __ATOMIC_RELAXED);
    __atomic_fetch_add(&count->bytes, now->bytes - bytes, __ATOMIC_RELAXED);
}

/* What counters that were set have counted between being read and not being used any more. */
static int follow_moved(const struct change *c)
{
    int r = c->moved_count ? maps_wait() : 0;

    for (uint32_t i = 0; r == 0 && i < c->moved_count; i++) {
        const struct moved *m = &c->moved[i];
        add_to(&c->wall->counts[m->to], &c->wall->counts[m->from], m->read.packets, m->read.bytes);
    }
    return r;
}

/* Into the element that nobody uses: which nobody uses any more, once those are done that began before the last
 * change. */
static int swap_element(struct change *c, struct kernel_error *error)
{
    uint32_t *generation = &c->wall->state->generation[c->family], next = !*generation;
    int r = maps_wait();

    if (r == 0)
        r = write_element(c, bpf_element(c->family == WALL_IPV6, next));
    if (r == 0 && c->seconds)
        r = trial_begin(c->wall, c->family, c->seconds, error);
    if (r)
        return r;
    __atomic_store_n(generation, next, __ATOMIC_SEQ_CST);
    r = follow_moved(c);
    return r ? kernel_refuse(error, KERNEL_FAILS, r, "the rules count, but some counters may be too low: %s",
                             strerror(-r))
             : 0;
}

/* ---- larger maps ---- */

static uint32_t power_above(size_t least, size_t needed)
{
    size_t power = least;

    while (power < needed)
        power *= 2;
    return (uint32_t)power;
}

void standing_sizes(size_t image, uint32_t counters, struct kernel_sizes *ret)
{
    ret->image = power_above(1 << 16, image);
    ret->rule_counts = power_above(4096, (size_t)counters * 4); /* of two generations of two families */
}

static bool fits(struct change *c)
{
    size_t room = 0;

    standing_element(c->wall, 0, &room);
    return !c->is_short && element_size(c) <= room;
}

static bool is_replaced(const char *name)
{
    return strcmp(name, "image") == 0 || strcmp(name, "rule_counts") == 0 ||
           strchr(name, '.'); /* constants */
}

/* All maps but those that are to be larger. */
static void share(const struct maps *maps, struct kernel_shared ret[MAPS_MOST + 1])
{
    size_t count = 0;

    for (size_t i = 0; i < maps->count; i++) {
        if (!is_replaced(maps->all[i].name))
            ret[count++] = (struct kernel_shared){maps->all[i].name, maps->all[i].fd};
    }
    ret[count] = (struct kernel_shared){0};
}

static int copy_elements(struct kernel_wall *from, struct kernel_wall *to)
{
    for (uint32_t i = 0; i < BPF_ELEMENTS; i++) {
        size_t size, room;
        const uint8_t *old = standing_element(from, i, &size);
        uint8_t *new = standing_element(to, i, &room);
        if (!old || !new)
            return -errno;
        memcpy(new, old, size);
    }
    return 0;
}

/* What the program of before has counted since its counts were copied (as *copied has them). */
static int follow_counts(const struct kernel_wall *from, struct kernel_wall *to,
                         const struct rule_count *copied, uint32_t count)
{
    int r = maps_wait();

    for (uint32_t i = 0; r == 0 && i < count; i++)
        add_to(&to->counts[i], &from->counts[i], copied[i].packets, copied[i].bytes);
    return r;
}

/* The program, over larger maps. */
static int load_larger(const struct change *c, struct kernel_program **ret, struct kernel_error *error)
{
    struct kernel_shared shared[MAPS_MOST + 1];
    struct kernel_sizes sizes = {0};
    size_t room = 0, size = element_size(c);

    standing_element(c->wall, 0, &room);
    standing_sizes(size > room ? 2 * size : room, c->count, &sizes);
    if (sizes.rule_counts < c->room)
        sizes.rule_counts = c->room;
    if (c->is_short)
        sizes.rule_counts = power_above(2 * (size_t)c->room, 2 * (size_t)c->count);
    share(&c->wall->maps, shared);
    return kernel_program_load_beside(shared, &sizes, ret, error);
}

static int pin_maps(const struct kernel_wall *wall, int program, struct kernel_error *error)
{
    int r = pins_put(wall->folder, "wall", program, error);

    for (size_t i = 0; r == 0 && i < wall->maps.count; i++) {
        if (is_replaced(wall->maps.all[i].name) && !strchr(wall->maps.all[i].name, '.'))
            r = pins_put(wall->folder, wall->maps.all[i].name, wall->maps.all[i].fd, error);
    }
    return r;
}

/* From here on new's program judges. */
static int call_instead(struct kernel_wall *old, struct kernel_wall *new, int program,
                        const struct rule_count *copied, struct kernel_error *error)
{
    uint32_t zero = 0, count = maps_find(&old->maps, "rule_counts")->entries;
    int r = bpf_map_update_elem(kernel_wall_map(old, "slots"), &zero, &program, BPF_ANY) ? -errno : 0;

    if (r)
        return kernel_refuse(error, KERNEL_FAILS, r, "the larger program can't be called: %s", strerror(-r));
    r = follow_counts(old, new, copied, count);
    if (r)
        return kernel_refuse(error, KERNEL_FAILS, r,
                             "the rules count, but some of their counters may be too low: %s", strerror(-r));
    return pin_maps(new, program, error);
}

static int move_over(struct kernel_wall *old, struct kernel_wall *new, int program,
                     struct kernel_error *error)
{
    size_t size = maps_find(&old->maps, "rule_counts")->entries * sizeof(struct rule_count);
    struct rule_count *copied = malloc(size);
    int r = copied ? 0 : -ENOMEM;

    if (copied) {
        memcpy(copied, old->counts, size);
        memcpy(new->counts, copied, size);
        r = copy_elements(old, new);
    }
    if (r)
        kernel_refuse(error, KERNEL_FAILS, r, "the rules can't be written into larger maps: %s",
                      strerror(-r));
    else
        r = call_instead(old, new, program, copied, error);
    free(copied);
    return r;
}

/* The same rules, in maps that have room for the next ones. */
static int grow(struct change *c, struct kernel_error *error)
{
    struct kernel_wall *old = c->wall, new = {.root = old->root, .folder = old->folder};
    struct kernel_program *program = NULL;
    int r = load_larger(c, &program, error);

    if (r)
        return r;
    r = standing_open_maps(&new, kernel_program_fd(program), kernel_wall_map(old, "slots"), error);
    if (r == 0)
        standing_note(&new, program);
    if (r == 0)
        r = move_over(old, &new, kernel_program_fd(program), error);
    kernel_program_free(&program);
    if (r) {
        maps_close(&new.maps);
        return r;
    }
    maps_close(&old->maps);
    old->maps = new.maps;
    old->state = new.state;
    old->counts = new.counts;
    return 0;
}

/* ---- all of it ---- */

static uint32_t next_serial(struct kernel_wall *wall)
{
    uint32_t last = 0;
    size_t size;

    for (uint32_t i = 0; i < BPF_ELEMENTS; i++) {
        const struct kernel_text *head = standing_text(wall, i, &size);
        if (head && head->serial > last)
            last = head->serial;
    }
    return last + 1;
}

/* Finds numbers among those that there are, and what the elements will hold with them. */
static int number(struct change *c)
{
    uint32_t room = maps_find(&c->wall->maps, "rule_counts")->entries;
    uint8_t *used = realloc(c->used, room);

    if (!used)
        return -ENOMEM;
    c->used = used;
    c->room = room;
    memset(used, 0, room);
    mark_used(c);
    give_numbers(c);
    return make_text(c);
}

static struct kernel_sets_maps sets_maps(const struct change *c)
{
    return (struct kernel_sets_maps){kernel_wall_map(c->wall, "sets"), kernel_wall_map(c->wall, "set_heads"),
                                     kernel_wall_map(c->wall, "members")};
}

static int find_sets(struct change *c)
{
    const struct kernel_sets_maps maps = sets_maps(c);

    c->able = c->terms->able;
    int r = kernel_sets_ids(&maps, &c->standing, &c->able.standing_count);
    c->able.standing = c->standing;
    return r;
}

/* Before rules count that ask for them. */
static int put_sets(const struct change *c)
{
    const struct kernel_sets_maps maps = sets_maps(c);

    return c->able.sets ? kernel_sets_write(&maps, c->able.sets) : 0;
}

static int prepare(struct change *c, enum wall_counters counters, struct kernel_error *error)
{
    int r;

    c->numbers = calloc(c->count + 1, sizeof(*c->numbers));
    c->before = calloc(c->count + 1, sizeof(*c->before));
    c->moved = calloc(c->count + 1, sizeof(*c->moved));
    r = c->numbers && c->before && c->moved ? 0 : -ENOMEM;
    if (r == 0)
        r = find_sets(c);
    if (r == 0)
        r = find_before(c, counters, error);
    if (r == 0)
        r = make_image(c, error);
    if (r == 0)
        r = number(c);
    return r ? r : put_sets(c);
}

static void change_fini(struct change *c)
{
    free(c->image);
    free(c->text);
    free(c->numbers);
    free(c->before);
    free(c->used);
    free(c->moved);
    free(c->standing);
}

static int refuse_trial(const struct change *c, struct kernel_error *error)
{
    return kernel_refuse(
        error, KERNEL_FAILS, -EBUSY,
        "%s rules wait to be confirmed, and can't be changed until then: sallywall confirm keeps "
        "them, sallywall confirm --no brings the old ones back",
        c->family == WALL_IPV6 ? "IPv6" : "IPv4");
}

/* Rules that were only counted would be lost. */
static bool are_read(const struct rules *r)
{
    for (unsigned t = 0; t < RULES_TABLES; t++) {
        for (size_t i = 0; i < r->tables[t].count; i++) {
            if (r->tables[t].chains[i]->unread)
                return false;
        }
    }
    return true;
}

int standing_replace(struct kernel_wall *wall, const struct rules *rules, enum wall_counters counters,
                     const struct wall_terms *terms, unsigned seconds, struct kernel_error *error)
{
    struct change c = {
        .wall = wall,
        .rules = rules,
        .terms = terms,
        .family = wall_family(rules->family),
        .serial = next_serial(wall),
        .count = texts_each(rules, NULL, NULL),
        .may_set = counters == WALL_SAME_RULES,
        .seconds = seconds,
    };
    int r;

    if (trial_goes_on(wall, c.family))
        return refuse_trial(&c, error);
    r = are_read(rules) ? prepare(&c, counters, error) : -EINVAL;
    if (r == 0 && !fits(&c)) {
        r = grow(&c, error);
        if (r == 0)
            r = number(&c);
    }
    if (r == 0)
        r = swap_element(&c, error);
    if (r == 0 && !trial_goes_on(wall, WALL_IPV4) && !trial_goes_on(wall, WALL_IPV6))
        standing_forget(wall, rules); /* else what may return still needs it */
    if (r && !error->text[0])
        kernel_refuse(error, KERNEL_FAILS, r, "the rules can't be put into the kernel: %s", strerror(-r));
    change_fini(&c);
    return r;
}

int kernel_wall_check(struct kernel_wall *wall, const struct rules *rules, const struct wall_terms *terms,
                      struct kernel_error *error)
{
    struct change c = {.wall = wall, .rules = rules, .terms = terms, .family = wall_family(rules->family)};
    int r;

    if (trial_goes_on(wall, c.family))
        return refuse_trial(&c, error);
    r = find_sets(&c);
    if (r == 0)
        r = make_image(&c, error);
    if (r && !error->text[0])
        kernel_refuse(error, KERNEL_FAILS, r, "the rules can't be tried: %s", strerror(-r));
    change_fini(&c);
    return r;
}
