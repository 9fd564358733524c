/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "kernel/answers.h"
#include "kernel/clock.h"
#include "kernel/flows.h"
#include "kernel/husks.h"
#include "kernel/link.h"
#include "kernel/pins.h"
#include "kernel/standing.h"
#include "kernel/unseen.h"
#include "verdict/image/image.h"

/*
 * A wall goes up in a folder of its own, and lets everything pass until its last step, which arms it; it goes down
 * the other way round. What is killed on the way leaves a folder that is not armed, which the next one removes.
 */

/* ---- what it will be ---- */

static int empty_rules(enum packet_family family, struct rules **ret)
{
    static const char *const LIST[] = {"-S"};
    struct rules_outcome outcome = {0};
    struct rules_error error;
    struct rules *r = rules_new(family);
    int rc = r ? rules_command(r, 1, LIST, &outcome, &error) : -ENOMEM;

    free(outcome.output);
    if (rc)
        rules_free(&r);
    *ret = r;
    return rc;
}

/* The sizes that a family's rules ask for. */
static int measure(const struct rules *r, size_t *most, uint32_t *counters)
{
    struct image *compiled = image_compile(r);
    uint32_t count = texts_each(r, NULL, NULL);
    uint32_t *numbers = calloc(count + 1, sizeof(*numbers));
    uint8_t *written = NULL;
    size_t size = 0;
    int rc = compiled && numbers ? texts_write(r, numbers, 0, &written, &size) : -ENOMEM;

    if (rc == 0) {
        size += texts_begin(image_size(compiled));
        *most = size > *most ? size : *most;
        *counters += count;
    }
    free(written);
    free(numbers);
    image_free(&compiled);
    return rc;
}

static int load(struct rules *const rules[WALL_FAMILIES], const struct track_config *track,
                struct kernel_program **ret, struct kernel_error *error)
{
    size_t most = 0;
    uint32_t counters = 0;
    struct kernel_sizes sizes = {0};
    int r = 0;

    for (unsigned f = 0; r == 0 && f < WALL_FAMILIES; f++)
        r = measure(rules[f], &most, &counters);
    if (r)
        return kernel_refuse(error, KERNEL_FAILS, r, "out of memory");
    standing_sizes(most, counters, &sizes);
    sizes.flows = track->max_flows;
    sizes.expected = track->max_expectations;
    return kernel_program_load(NULL, &sizes, ret, error);
}

/* ---- putting it up ---- */

static int write_settings(const struct kernel_wall *wall, const struct track_config *track, int program,
                          struct kernel_error *error)
{
    struct bpf_settings settings = {.track = track_settings_of(track), .tai_offset = kernel_tai_offset()};
    struct track_key *key = &settings.track.config.key;
    uint32_t zero = 0;

    if (getrandom(key, sizeof(*key), 0) != (ssize_t)sizeof(*key))
        return kernel_refuse(error, KERNEL_FAILS, -errno, "the kernel gives no random numbers: %s",
                             strerror(errno));
    if (bpf_map_update_elem(kernel_wall_map(wall, "settings"), &zero, &settings, BPF_ANY) ||
        bpf_map_update_elem(kernel_wall_map(wall, "slots"), &zero, &program, BPF_ANY))
        return kernel_refuse(error, KERNEL_FAILS, -errno, "the wall's settings can't be written: %s",
                             strerror(errno));
    return 0;
}

static int pin_all(const struct kernel_wall *wall, const struct kernel_program *program,
                   struct kernel_error *error)
{
    int r = pins_put(wall->folder, "wall", kernel_program_fd(program), error);

    if (r == 0)
        r = pins_put(wall->folder, "gate", kernel_program_named(program, "gate"), error);
    if (r == 0)
        r = answers_pin(wall, program, error);
    if (r == 0)
        r = pins_put(wall->folder, "trial", kernel_program_named(program, "trial"), error);
    if (r == 0)
        r = pins_put(wall->folder, "trials", kernel_program_map(program, "trials"), error);
    for (size_t i = 0; r == 0 && i < wall->maps.count; i++) {
        const struct map_view *map = &wall->maps.all[i];
        if (!strchr(map->name, '.')) /* constants */
            r = pins_put(wall->folder, map->name, map->fd, error);
    }
    return r;
}

/* What sweeps connections, and ends them for people. The kernel stops the timer of a map that nobody holds, so that is
 * pinned first. */
static int pin_sweep(const struct kernel_wall *wall, const struct kernel_program *program,
                     struct kernel_error *error)
{
    static const char *const PROGRAMS[] = {"sweep_arm", "sweep_now", "forget_flow", "forget_expected",
                                           "order_expected"};
    struct kernel_flows flows = {.sweep_arm = kernel_program_named(program, PROGRAMS[0])};
    int r = pins_put(wall->folder, "sweeper", kernel_program_map(program, "sweeper"), error);

    for (unsigned i = 0; r == 0 && i < sizeof(PROGRAMS) / sizeof(PROGRAMS[0]); i++)
        r = pins_put(wall->folder, PROGRAMS[i], kernel_program_named(program, PROGRAMS[i]), error);
    if (r)
        return r;
    r = flows_sweep(&flows);
    return r < 0 ? kernel_refuse(error, KERNEL_FAILS, r,
                                 "the timer that sweeps connections can't be started: %s", strerror(-r))
                 : 0;
}

static int attach(const struct kernel_wall *wall, int gate, struct kernel_error *error)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < LINKS; i++) {
        int link = link_attach(gate, &link_places[i], error);
        if (link < 0)
            return link;
        r = pins_put(wall->folder, link_places[i].name, link, error);
        close(link);
    }
    return r;
}

static int build(struct kernel_wall *wall, const struct wall_plan *plan,
                 struct rules *const rules[WALL_FAMILIES], const struct kernel_program *program,
                 struct kernel_error *error)
{
    int r = standing_open_maps(wall, kernel_program_fd(program), kernel_program_map(program, "slots"), error);

    if (r == 0) {
        husks_mark(wall->state);
        wall->state->layout = BPF_LAYOUT;
        standing_note(wall, program);
    }
    if (r == 0)
        r = write_settings(wall, &plan->track, kernel_program_fd(program), error);
    for (unsigned f = 0; r == 0 && f < WALL_FAMILIES; f++)
        r = standing_replace(wall, rules[f], WALL_NEW_COUNTERS, &plan->terms, 0, error);
    if (r == 0)
        r = pin_all(wall, program, error);
    if (r == 0)
        r = pin_sweep(wall, program, error);
    if (r == 0)
        r = attach(wall, kernel_program_named(program, "gate"), error);
    if (r)
        return r;
    for (unsigned f = 0; f < WALL_FAMILIES; f++)
        answers_want(wall, rules[f], error);
    wall->state->since = (uint64_t)time(NULL);
    __atomic_store_n(&wall->state->armed, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int remove_all(int root, const char *name, struct kernel_error *error)
{
    answers_end(root, name, error);
    return pins_remove_folder(root, name, error);
}

/* What is in the way: -EEXIST if it is a wall, else it is removed. */
static int clear_way(int root, const char *name, int folder, struct kernel_error *error)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error why;
    int r = kernel_wall_open(&wall, &why);

    kernel_wall_close(&wall);
    if (r == 0)
        return kernel_refuse(
            error, KERNEL_FAILS, -EEXIST,
            "a wall is up in this network namespace already; sallywall status tells about it, "
            "sallywall iptables-restore gives it other rules, sallywall down removes it");
    if (r != -ENOENT)
        return kernel_refuse(error, why.refusal, r, "%s", why.text);
    answers_end(root, name, error);
    r = pins_empty_folder(folder);
    return r ? kernel_refuse(error, KERNEL_FAILS, r,
                             "what an interrupted sallywall up or down has left can't be "
                             "removed: %s",
                             strerror(-r))
             : 0;
}

static int up_in(struct kernel_wall *wall, const char *name, const struct wall_plan *plan,
                 struct rules *const rules[WALL_FAMILIES], struct kernel_error *error)
{
    struct kernel_program *program = NULL;
    struct kernel_error ignored;
    int r = clear_way(wall->root, name, wall->folder, error);

    if (r)
        return r;
    r = load(rules, &plan->track, &program, error);
    if (r == 0)
        r = build(wall, plan, rules, program, error);
    maps_close(&wall->maps);
    kernel_program_free(&program);
    if (r)
        (void)!remove_all(wall->root, name, &ignored); /* why it failed is told; it lets everything pass */
    return r;
}

static int take_rules(const struct wall_plan *plan, struct rules *ret[WALL_FAMILIES],
                      struct kernel_error *error)
{
    static const enum packet_family families[WALL_FAMILIES] = {PACKET_IPV4, PACKET_IPV6};
    int r = 0;

    for (unsigned f = 0; r == 0 && f < WALL_FAMILIES; f++) {
        r = plan->rules[f] ? 0 : empty_rules(families[f], &ret[f]);
        if (plan->rules[f] && !(ret[f] = rules_copy(plan->rules[f])))
            r = -ENOMEM;
    }
    return r ? kernel_refuse(error, KERNEL_FAILS, r, "out of memory") : 0;
}

static int lock_and_up(const struct wall_plan *plan, struct rules *const rules[WALL_FAMILIES],
                       struct kernel_error *error)
{
    struct kernel_wall wall = {.root = pins_open_root(true, error), .folder = -1};
    char name[PINS_NAME];
    uint64_t cookie;
    int r = wall.root < 0 ? wall.root : pins_cookie(&cookie, error);

    if (r == 0) {
        pins_folder_name(cookie, name);
        wall.folder = pins_lock_folder(wall.root, name, -1, true, error);
        r = wall.folder < 0 ? wall.folder : up_in(&wall, name, plan, rules, error);
    }
    if (wall.folder >= 0)
        close(wall.folder);
    if (wall.root >= 0)
        close(wall.root);
    return r;
}

int kernel_wall_up(const struct wall_plan *plan, struct kernel_error *error)
{
    struct rules *rules[WALL_FAMILIES] = {NULL, NULL};
    int r = take_rules(plan, rules, error);

    if (r == 0)
        r = lock_and_up(plan, rules, error);
    for (unsigned f = 0; f < WALL_FAMILIES; f++)
        rules_free(&rules[f]);
    return r;
}

/* ---- taking it down ---- */

static void disarm(void)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error ignored;

    if (kernel_wall_open(&wall, &ignored) == 0)
        __atomic_store_n(&wall->state->armed, 0, __ATOMIC_SEQ_CST);
    kernel_wall_close(&wall);
}

int kernel_wall_down(unsigned *ret_husks, struct kernel_error *error)
{
    char name[PINS_NAME];
    uint64_t cookie;
    int r = pins_cookie(&cookie, error), root = r ? r : pins_open_root(false, error), folder;

    *ret_husks = 0;
    if (root < 0)
        return root == -ENOENT ? unseen_check(-1, error) : root;
    pins_folder_name(cookie, name);
    folder = pins_lock_folder(root, name, -1, false, error);
    r = folder;
    if (folder >= 0) {
        disarm();
        r = remove_all(root, name, error);
        close(folder);
    }
    if (r == 0 || r == -ENOENT)
        *ret_husks = husks_remove(root);
    if (r == -ENOENT)
        r = unseen_check(root, error);
    close(root);
    return r;
}
