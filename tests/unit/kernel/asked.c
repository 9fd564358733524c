/* SPDX-License-Identifier: BSD-2-Clause */
#include "asked.h"

#include "test_run.h"
#include "unit.h"

#include <bpf/bpf.h>
#include <stdio.h>

enum { LARGEST = 2048, BEGINNING = 1000000, THROUGH = 2 /* enum wall_path */ };

static int find(void *arg, const char *name, bool is_program)
{
    const struct kernel_program *p = arg;

    return is_program ? kernel_program_named(p, name) : kernel_program_map(p, name);
}

void asked_put(const struct asked *a, const char *map, uint32_t place, const void *value)
{
    assert_int_equal(bpf_map_update_elem(kernel_program_map(a->program, map), &place, value, BPF_ANY), 0);
}

bool asked_open(struct asked *a, const char *object, const struct kernel_sizes *sizes,
                const struct track_config *config, uint32_t how)
{
    struct bpf_settings settings = {.track = track_settings_of(config), .is_asked = how};
    struct kernel_error error;
    const char *lacking;

    *a = (struct asked){.now = BEGINNING};
    if (kernel_program_load(object, sizes, &a->program, &error) < 0) {
        if (error.refusal != KERNEL_LACKS && error.refusal != KERNEL_FORBIDS)
            fail_msg("%s", error.text);
        printf("# %s\n", error.text);
        return false;
    }
    if (flows_open(&a->flows, find, a->program, &lacking) < 0)
        fail_msg("the object has no \"%s\"", lacking);
    asked_put(a, "settings", 0, &settings);
    return true;
}

void asked_close(struct asked *a)
{
    kernel_program_free(&a->program);
}

struct bpf_answer asked_deliver(const struct asked *a, const struct packet_recipe *r, uint64_t now_ms,
                                uint32_t place)
{
    struct bpf_ask ask = {.now_ms = now_ms, .path = THROUGH, .is_live = a->is_live};
    struct bpf_answer answer;
    uint8_t bytes[LARGEST];
    int size = packet_build(r, bytes, sizeof(bytes));

    assert_true(size > 0);
    asked_put(a, "asked", place, &ask);
    assert_true(test_run(kernel_program_fd(a->program), bytes, (uint32_t)size, r->family == PACKET_IPV4) >=
                0);
    assert_int_equal(bpf_map_lookup_elem(kernel_program_map(a->program, "answered"), &place, &answer), 0);
    return answer;
}

struct bpf_answer asked_next(struct asked *a, const struct packet_recipe *r)
{
    return asked_deliver(a, r, a->now++, 0);
}

void asked_sweep(const struct asked *a, uint64_t now_ms, uint32_t slots)
{
    struct bpf_order order = {.now_ms = now_ms, .steps = slots};
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &order, .ctx_size_in = sizeof(order));

    assert_int_equal(bpf_prog_test_run_opts(a->flows.sweep_now, &options), 0);
}
