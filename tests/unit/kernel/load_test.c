/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/load.h"

#include "unit.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One for each compiler, then NULL; where there is no clang, there are none. */
static const char *const OBJECTS[] = {WALL_OBJECTS NULL}; /* the kernel program */
static const char *const REFUSED[] = {REFUSED_OBJECTS NULL};
static const char *const SIZED[] = {SIZED_OBJECTS NULL};

enum { NOBODY = 65534, WRONG = 100 };

/* False, and says why, where no program can be loaded. */
static bool can_load(void)
{
    struct kernel_sizes sizes = {0};
    struct kernel_program *p;
    struct kernel_error error = {0};

    if (!OBJECTS[0]) {
        printf("# there is no clang-14 and no clang-19, so there is no program\n");
        return false;
    }
    if (kernel_program_load(OBJECTS[0], &sizes, &p, &error) == 0) {
        kernel_program_free(&p);
        return true;
    }
    if (error.refusal == KERNEL_LACKS || error.refusal == KERNEL_FORBIDS) {
        printf("# %s\n", error.text);
        return false;
    }
    fail_msg("%s", error.text);
    return false;
}

static void what_every_compiler_made_is_taken(void **state)
{
    struct kernel_sizes sizes = {0};

    (void)state;
    if (!can_load())
        skip();
    for (unsigned i = 0; OBJECTS[i]; i++) {
        struct kernel_program *p = NULL;
        struct kernel_error error = {0};
        if (kernel_program_load(OBJECTS[i], &sizes, &p, &error) < 0)
            fail_msg("%s", error.text);
        assert_true(kernel_program_fd(p) >= 0);
        assert_true(kernel_program_map(p, "asked") >= 0);
        assert_true(kernel_program_map(p, "no such") < 0);
        kernel_program_free(&p);
        assert_null(p);
    }
}

/* In the kernel, or in its module that is loaded now. */
static bool kernel_has(const char *type)
{
    struct btf *kernel = btf__load_vmlinux_btf(), *module = btf__load_module_btf("nf_conntrack", kernel);
    bool is_there = btf__find_by_name_kind(kernel, type, BTF_KIND_STRUCT) > 0 ||
                    (module && btf__find_by_name_kind(module, type, BTF_KIND_STRUCT) > 0);

    btf__free(module);
    btf__free(kernel);
    return is_there;
}

static void whether_conntracks_types_are_known_is_told(void **state)
{
    struct kernel_sizes sizes = {0};

    (void)state;
    if (!can_load())
        skip();
    for (unsigned i = 0; OBJECTS[i]; i++) {
        struct kernel_program *p = NULL;
        struct kernel_error error = {0};
        uint64_t order[8] = {0};
        if (kernel_program_load(OBJECTS[i], &sizes, &p, &error) < 0)
            fail_msg("%s", error.text);
        assert_int_equal(kernel_program_run(kernel_program_named(p, "knows_rewritten"), order, sizeof(order)),
                         kernel_has("nf_conn_seqadj"));
        kernel_program_free(&p);
    }
}

static void what_is_no_object_is_named(void **state)
{
    static const char *const PATHS[] = {"/no/such.bpf.o", "/etc/passwd"};
    struct kernel_sizes sizes = {0};

    (void)state;
    if (!can_load())
        skip();
    for (unsigned i = 0; i < COUNT(PATHS); i++) {
        struct kernel_program *p = NULL;
        struct kernel_error error = {0};
        assert_true(kernel_program_load(PATHS[i], &sizes, &p, &error) < 0);
        assert_null(p);
        assert_int_equal(error.refusal, KERNEL_FAILS);
        assert_non_null(strstr(error.text, PATHS[i]));
    }
}

static void the_verifier_is_heard(void **state)
{
    struct kernel_sizes sizes = {0};

    (void)state;
    if (!can_load())
        skip();
    for (unsigned i = 0; REFUSED[i]; i++) {
        struct kernel_program *p = NULL;
        struct kernel_error error = {0};
        assert_true(kernel_program_load(REFUSED[i], &sizes, &p, &error) < 0);
        assert_null(p);
        assert_int_equal(error.refusal, KERNEL_VERIFIER);
        assert_non_null(strstr(error.text, "invalid mem access 'map_value_or_null'"));
        assert_null(strstr(error.text, "END PROG LOAD LOG"));
    }
}

static void a_map_that_is_not_there_has_no_size(void **state)
{
    static const struct kernel_sizes MISSING[] = {
        {.image = 64}, {.rule_counts = 2}, {.flows = 2}, {.expected = 2}};

    (void)state;
    if (!can_load())
        skip();
    for (unsigned i = 0; i < COUNT(MISSING); i++) {
        struct kernel_program *p = NULL;
        struct kernel_error error = {0};
        assert_int_equal(kernel_program_load(REFUSED[0], &MISSING[i], &p, &error), -ENOENT);
        assert_null(p);
        assert_int_equal(error.refusal, KERNEL_FAILS);
    }
}

/* What the program returns in a test run of an empty packet. */
static uint32_t run_once(const struct kernel_program *p)
{
    uint8_t frame[64] = {[12] = 0x08, [14] = 0x45};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame));

    assert_int_equal(bpf_prog_test_run_opts(kernel_program_fd(p), &options), 0);
    return options.retval;
}

static struct bpf_map_info info_of(const struct kernel_program *p, const char *map)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);

    assert_int_equal(bpf_obj_get_info_by_fd(kernel_program_map(p, map), &info, &size), 0);
    return info;
}

static void sizes_are_the_maps_and_the_programs(void **state)
{
    struct kernel_sizes sizes = {.image = 8192, .rule_counts = 5};

    (void)state;
    if (!can_load())
        skip();
    for (unsigned i = 0; SIZED[i]; i++) {
        struct kernel_program *p = NULL;
        struct kernel_error error = {0};
        if (kernel_program_load(SIZED[i], &sizes, &p, &error) < 0)
            fail_msg("%s", error.text);
        assert_int_equal(info_of(p, "image").value_size, 8192);
        assert_int_equal(info_of(p, "rule_counts").max_entries, 5);
        assert_int_equal(run_once(p), 1);
        kernel_program_free(&p);
    }
}

/* In a child, for the way back to root is closed to it. */
static int try_as_nobody(void)
{
    struct kernel_sizes sizes = {0};
    struct kernel_program *p = NULL;
    struct kernel_error error = {0};

    if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        return WRONG;
    int r = kernel_program_load(OBJECTS[0], &sizes, &p, &error);
    return r < 0 && error.refusal == KERNEL_FORBIDS && strstr(error.text, "CAP_BPF and CAP_NET_ADMIN")
               ? 0
               : WRONG;
}

static void rights_that_are_missing_are_named(void **state)
{
    int status;

    (void)state;
    if (geteuid() != 0 || !can_load())
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(try_as_nobody());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_every_compiler_made_is_taken),
        cmocka_unit_test(whether_conntracks_types_are_known_is_told),
        cmocka_unit_test(what_is_no_object_is_named),
        cmocka_unit_test(the_verifier_is_heard),
        cmocka_unit_test(a_map_that_is_not_there_has_no_size),
        cmocka_unit_test(sizes_are_the_maps_and_the_programs),
        cmocka_unit_test(rights_that_are_missing_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
