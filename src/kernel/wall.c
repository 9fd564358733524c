/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/wall.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/answers.h"
#include "kernel/pins.h"
#include "kernel/standing.h"
#include "kernel/unseen.h"
#include "sys/heap.h"
#include "verdict/image/format.h"

/* ---- opening ---- */

int standing_open_maps(struct kernel_wall *wall, int program, int slots, struct kernel_error *error)
{
    int r = maps_open(&wall->maps, program);

    if (r == 0)
        r = maps_add(&wall->maps, slots);
    if (r == 0) {
        wall->state = maps_memory(&wall->maps, "state");
        wall->counts = maps_memory(&wall->maps, "rule_counts");
        r = wall->state && wall->counts ? 0 : -errno;
    }
    return r ? kernel_refuse(error, r == -EPERM ? KERNEL_FORBIDS : KERNEL_FAILS, r,
                             "the wall's maps can't be opened: %s", strerror(-r))
             : 0;
}

void standing_note(struct kernel_wall *wall, const struct kernel_program *program)
{
    struct bpf_order order = {0};

    wall->state->knows_rewritten =
        kernel_program_run(kernel_program_named(program, "knows_rewritten"), &order, sizeof(order)) > 0;
}

/* The program that judges is whose turn slots says. */
static int open_program(struct kernel_wall *wall, int slots, struct kernel_error *error)
{
    uint32_t zero = 0, id = 0;
    int program = bpf_map_lookup_elem(slots, &zero, &id) ? -errno : bpf_prog_get_fd_by_id(id), r;

    if (program < 0)
        return kernel_refuse(error, program == -EPERM ? KERNEL_FORBIDS : KERNEL_FAILS, program,
                             "the wall's program can't be opened: %s", strerror(-program));
    r = standing_open_maps(wall, program, slots, error);
    close(program);
    return r;
}

static int refuse_remains(struct kernel_error *error)
{
    return kernel_refuse(
        error, KERNEL_FAILS, -ENOENT,
        "no wall is up in this network namespace, only what an interrupted sallywall up or down has "
        "left (it lets everything pass): sallywall down removes it");
}

/* Of a folder without its pin "slots": up attaches its links last, and down disarms before it removes them. With that pin
 * the kernel has emptied the array, and the gate drops what it can hand to nobody. */
static bool may_drop(int folder)
{
    int link = pins_get(folder, "link-input"), state = pins_get(folder, "state");
    struct bpf_state s = {.armed = 1};
    uint32_t zero = 0;
    bool is_armed = state < 0 || bpf_map_lookup_elem(state, &zero, &s) || s.armed;

    if (state >= 0)
        close(state);
    if (link >= 0)
        close(link);
    return link >= 0 && is_armed;
}

static int refuse_without_slots(int folder, struct kernel_error *error)
{
    if (!may_drop(folder))
        return refuse_remains(error);
    return kernel_refuse(
        error, KERNEL_FAILS, -EIO,
        "the wall of this network namespace is broken, as somebody has removed its pin slots: it drops every "
        "packet. sallywall down removes it");
}

static int open_folder(struct kernel_wall *wall, const int *seconds, struct kernel_error *error)
{
    char name[PINS_NAME];
    uint64_t cookie;
    int r = pins_cookie(&cookie, error);

    if (r)
        return r;
    pins_folder_name(cookie, name);
    wall->root = pins_open_root(false, error);
    if (wall->root >= 0 && seconds)
        wall->folder = pins_lock_folder(wall->root, name, *seconds, false, error);
    else if (wall->root >= 0)
        wall->folder = pins_open_folder(wall->root, name, error);
    r = wall->root < 0 ? wall->root : wall->folder < 0 ? wall->folder : 0;
    return r == -ENOENT ? unseen_check(wall->root, error) : r;
}

static int refuse_layout(struct kernel_error *error)
{
    return kernel_refuse(
        error, KERNEL_FAILS, -EPROTO,
        "the wall was put up by another version of sallywall, whose maps this one does not read; it "
        "stands as it is. To go on: sallywall down and up (everything passes in between), or that version");
}

static int open_pins(struct kernel_wall *wall, struct kernel_error *error)
{
    int slots = pins_get(wall->folder, "slots");

    if (slots < 0)
        return refuse_without_slots(wall->folder, error);
    int r = open_program(wall, slots, error);
    close(slots);
    if (r == 0 && wall->state->armed && wall->state->layout != BPF_LAYOUT)
        return refuse_layout(error);
    return r == 0 && !wall->state->armed ? refuse_remains(error) : r;
}

/* seconds NULL: to look. */
static int open_wall(const int *seconds, struct kernel_wall **ret, struct kernel_error *error)
{
    struct kernel_wall *wall = calloc(1, sizeof(*wall));

    if (!wall)
        return kernel_refuse(error, KERNEL_FAILS, -ENOMEM, "out of memory");
    wall->root = wall->folder = -1;
    int r = open_folder(wall, seconds, error);
    if (r == 0)
        r = open_pins(wall, error);
    if (r)
        kernel_wall_close(&wall);
    else
        *ret = wall;
    return r;
}

int kernel_wall_open(struct kernel_wall **ret, struct kernel_error *error)
{
    return open_wall(NULL, ret, error);
}

int kernel_wall_open_to_change(int seconds, struct kernel_wall **ret, struct kernel_error *error)
{
    return open_wall(&seconds, ret, error);
}

void kernel_wall_close(struct kernel_wall **wall)
{
    struct kernel_wall *w = *wall;

    if (!w)
        return;
    maps_close(&w->maps);
    for (unsigned f = 0; f < WALL_FAMILIES; f++)
        free(w->known[f]);
    if (w->folder >= 0)
        close(w->folder);
    if (w->root >= 0)
        close(w->root);
    free(w);
    *wall = NULL;
}

/* ---- looking ---- */

int kernel_wall_map(const struct kernel_wall *wall, const char *name)
{
    for (size_t i = 0; i < wall->maps.count; i++) {
        if (strncmp(wall->maps.all[i].name, name, MAPS_NAME - 1) == 0)
            return wall->maps.all[i].fd;
    }
    return -ENOENT;
}

const struct bpf_state *kernel_wall_state(const struct kernel_wall *wall)
{
    return wall->state;
}

int kernel_wall_track(const struct kernel_wall *wall, struct track_config *ret)
{
    struct bpf_settings settings;
    uint32_t zero = 0;

    if (bpf_map_lookup_elem(kernel_wall_map(wall, "settings"), &zero, &settings))
        return -errno;
    *ret = settings.track.config;
    return 0;
}

int kernel_wall_folder(const struct kernel_wall *wall)
{
    return wall->folder;
}

void kernel_wall_on_wait(void (*tell)(long process))
{
    pins_on_wait(tell);
}

uint8_t *standing_element(struct kernel_wall *wall, uint32_t element, size_t *ret_size)
{
    uint8_t *memory = maps_memory(&wall->maps, "image");
    const struct map_view *view = maps_find(&wall->maps, "image");

    if (!memory)
        return NULL;
    *ret_size = view->value_size;
    return memory + element * map_entry_size(view);
}

const struct kernel_text *standing_text(struct kernel_wall *wall, uint32_t element, size_t *ret_size)
{
    size_t size = 0, begin;
    const uint8_t *memory = standing_element(wall, element, &size);
    const struct image_header *header = (const struct image_header *)(const void *)memory;

    if (!memory || header->magic != IMAGE_MAGIC || header->size > size)
        return NULL;
    begin = texts_begin(header->size);
    if (begin + sizeof(struct kernel_text) > size)
        return NULL;
    *ret_size = size - begin;
    return (const struct kernel_text *)(const void *)(memory + begin);
}

uint32_t standing_current(const struct kernel_wall *wall, unsigned family)
{
    return bpf_element(family == WALL_IPV6,
                       __atomic_load_n(&wall->state->generation[family], __ATOMIC_ACQUIRE));
}

/* ---- rules ---- */

struct counting {
    struct kernel_wall *wall;
    const uint32_t *numbers;
    struct known *known;
};

static void read_count(void *arg, const struct texts_place *place)
{
    struct counting *c = arg;
    uint32_t number = c->numbers[place->index];
    struct rules_counters *counters = texts_counters(place);

    if (number < maps_find(&c->wall->maps, "rule_counts")->entries) {
        counters->packets = __atomic_load_n(&c->wall->counts[number].packets, __ATOMIC_RELAXED);
        counters->bytes = __atomic_load_n(&c->wall->counts[number].bytes, __ATOMIC_RELAXED);
    }
    c->known[place->key] = (struct known){true, number, *counters};
}

static int learn(struct kernel_wall *wall, unsigned family, const struct rules *r, const uint32_t *numbers)
{
    uint32_t count = texts_keys(r);
    struct counting counting = {wall, numbers, calloc(count, sizeof(struct known))};

    if (!counting.known)
        return -ENOMEM;
    texts_each(r, read_count, &counting);
    free(wall->known[family]);
    wall->known[family] = counting.known;
    wall->known_count[family] = count;
    return 0;
}

/* Bytes that are needed, beside one of text, for rules read from it, their image and their text. */
enum { RULES_OF_TEXT = 48 };

int kernel_wall_rules(struct kernel_wall *wall, enum packet_family family, struct rules **ret,
                      struct kernel_error *error)
{
    return kernel_wall_rules_but(wall, family, 0, ret, error);
}

int kernel_wall_rules_but(struct kernel_wall *wall, enum packet_family family, uint32_t tables,
                          struct rules **ret, struct kernel_error *error)
{
    struct rules_error wrong = {0};
    const uint32_t *numbers;
    uint32_t serial;
    size_t size;
    unsigned f = wall_family((uint8_t)family);
    const struct kernel_text *text = standing_text(wall, standing_current(wall, f), &size);

    heap_expect(text ? text->size * (size_t)RULES_OF_TEXT : 0);
    int r = text ? texts_read((const uint8_t *)text, size, (uint8_t)family, tables, ret, &numbers, &serial,
                              &wrong)
                 : -ENODATA;

    if (r == 0) {
        r = learn(wall, f, *ret, numbers);
        if (r)
            rules_free(ret);
    }
    if (r)
        return kernel_refuse(error, KERNEL_FAILS, r, "the wall's rules can't be read: %s",
                             r == -EINVAL ? wrong.message : strerror(-r));
    return 0;
}

int kernel_wall_replace(struct kernel_wall *wall, const struct rules *rules, enum wall_counters counters,
                        const struct wall_terms *terms, struct kernel_error *error)
{
    answers_want(wall, rules, error);
    return standing_replace(wall, rules, counters, terms, 0, error);
}

void kernel_wall_answer_again(struct kernel_wall *wall, enum packet_family family, struct kernel_error *error)
{
    answers_again(wall, wall_family((uint8_t)family), error);
}

int kernel_wall_try(struct kernel_wall *wall, const struct rules *rules, unsigned seconds,
                    const struct wall_terms *terms, struct kernel_error *error)
{
    answers_want(wall, rules, error);
    return standing_replace(wall, rules, WALL_ALIKE_RULES, terms, seconds, error);
}
