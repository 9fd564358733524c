/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the program's maps after sets were written, and what is cleared of a process that was killed. */
#include "kernel/sets.h"

#include "kernel/load.h"
#include "verdict/sets/flat.h"

#include "unit.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One for each compiler, then NULL; where there is no clang, there are none. */
static const char *const OBJECTS[] = {WALL_OBJECTS NULL};

static struct kernel_program *program;
static struct kernel_sets_maps maps;

/* false: it can't be loaded, which is said. */
static bool load(void)
{
    struct kernel_sizes sizes = {0};
    struct kernel_error error;

    if (!OBJECTS[0])
        return false;
    if (kernel_program_load(OBJECTS[0], &sizes, &program, &error) < 0) {
        assert_true(error.refusal == KERNEL_LACKS || error.refusal == KERNEL_FORBIDS);
        printf("# %s\n", error.text);
        return false;
    }
    maps = (struct kernel_sets_maps){kernel_program_map(program, "sets"),
                                     kernel_program_map(program, "set_heads"),
                                     kernel_program_map(program, "members")};
    return true;
}

static int write_text(const char *text)
{
    struct rules_error error;
    struct sets *sets;

    assert_int_equal(sets_read(text, strlen(text), "sets", &sets, &error), 0);
    int r = kernel_sets_write(&maps, sets);
    sets_free(&sets);
    return r;
}

static unsigned count_of(int map)
{
    uint8_t key[sizeof(struct sets_member_key)], next[sizeof key];
    unsigned count = 0;
    int r = bpf_map_get_next_key(map, NULL, next);

    while (r == 0) {
        count++;
        memcpy(key, next, sizeof key);
        r = bpf_map_get_next_key(map, key, next);
    }
    return count;
}

static uint32_t version_of(const char *name)
{
    uint64_t id = sets_id(name);
    uint32_t version;

    assert_int_equal(bpf_map_lookup_elem(maps.sets, &id, &version), 0);
    return version;
}

static void sets_are_replaced_and_others_stay(void **state)
{
    (void)state;
    if (!load())
        skip();
    assert_int_equal(write_text("create a hash:ip\nadd a 192.0.2.1\nadd a 192.0.2.3\ncreate b hash:net\n"),
                     0);
    uint32_t a = version_of("a"), b = version_of("b");
    assert_int_equal(count_of(maps.members), 2);
    assert_int_equal(write_text("create a hash:ip\nadd a 192.0.2.5\n"), 0);
    assert_int_not_equal(version_of("a"), a);
    assert_int_equal(version_of("b"), b);
    assert_int_equal(count_of(maps.members), 1);
    assert_int_equal(count_of(maps.set_heads), 2);

    uint64_t *ids;
    size_t count;
    assert_int_equal(kernel_sets_ids(&maps, &ids, &count), 0);
    assert_int_equal(count, 2);
    assert_true(ids[0] == sets_id("a") || ids[1] == sets_id("a"));
    free(ids);
    kernel_program_free(&program);
}

/* As a process leaves it that is killed before it names what it has written. */
static void what_was_never_named_goes(void **state)
{
    struct sets_head *head = calloc(1, sizeof(*head));
    struct sets_member_key member = {.version = 77};
    uint32_t version = 77, value = SETS_MEMBER;

    (void)state;
    assert_non_null(head);
    if (!load())
        skip();
    assert_int_equal(write_text("create a hash:ip\nadd a 192.0.2.1\n"), 0);
    assert_int_equal(bpf_map_update_elem(maps.set_heads, &version, head, BPF_ANY), 0);
    assert_int_equal(bpf_map_update_elem(maps.members, &member, &value, BPF_ANY), 0);
    assert_int_equal(write_text("create b hash:ip\nadd b 192.0.2.2\n"), 0);
    assert_int_equal(count_of(maps.members), 2);
    assert_int_equal(count_of(maps.set_heads), 2);
    kernel_program_free(&program);
    free(head);
}

/* 1,024 have room. */
static void what_has_no_room_changes_nothing(void **state)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    if (!load())
        skip();
    assert_int_equal(write_text("create a hash:ip\nadd a 192.0.2.1\n"), 0);
    uint32_t a = version_of("a");
    for (unsigned i = 0; i < 1024; i++)
        fprintf(out, "create n%u hash:ip\nadd n%u 192.0.2.1\n", i, i);
    fputs("create a hash:ip\n", out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(write_text(text), -E2BIG);
    assert_int_equal(version_of("a"), a);
    assert_int_equal(count_of(maps.members), 1);
    assert_int_equal(count_of(maps.set_heads), 1);
    assert_int_equal(count_of(maps.sets), 1);
    free(text);
    kernel_program_free(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_replaced_and_others_stay),
        cmocka_unit_test(what_was_never_named_goes),
        cmocka_unit_test(what_has_no_room_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
