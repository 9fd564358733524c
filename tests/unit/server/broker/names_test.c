/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/names.h"

#include "server/messages.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_sorts_bytewise(void **state)
{
    (void)state;
    struct names n = {0};
    srand(1);
    for (int i = 0; i < 20000; i++) { /* few letters, so that many share beginnings or are the same */
        char name[32] = "common-";
        size_t len = strlen(name), more = (size_t)rand() % 20;
        for (size_t k = 0; k < more; k++)
            name[len++] = "a\xff b"[rand() % 4];
        name[len] = '\0';
        assert_int_equal(names_add(&n, name, (unsigned char)more, NULL), 0);
    }
    assert_int_equal(names_sort(&n, false, false), 0);
    assert_int_equal(n.count, 20000);
    for (size_t i = 0; i < n.count; i++) {
        assert_int_equal(names_type(&n, i), strlen(names_get(&n, i)) - strlen("common-"));
        if (i > 0)
            assert_true(strcmp(names_get(&n, i - 1), names_get(&n, i)) <= 0);
    }
    names_clear(&n);
    assert_int_equal(names_sort(&n, false, false), 0);
    names_free(&n);
}

/* Facts come back as they were given, wherever sorting put the name. */
static void test_facts_stay_with_their_names(void **state)
{
    (void)state;
    struct names n = {.keeps_facts = true};
    char name[16];
    for (unsigned i = 0; i < 1000; i++) {
        struct stat st = {.st_mode = S_IFREG | (i / 10 % 2 ? 0600 : 0644), .st_uid = i / 100, .st_gid = 7};
        st.st_nlink = 1 + i % 3 / 2;
        st.st_size = (off_t)i << 33;
        st.st_mtime = (time_t)i - 500;
        snprintf(name, sizeof(name), "%03u", i * 389 % 1000);
        assert_int_equal(names_add(&n, name, (unsigned char)i, &st), 0);
    }
    assert_int_equal(names_sort(&n, false, false), 0);
    for (unsigned at = 0; at < 1000; at++) {
        struct stat st;
        unsigned i = at * 509 % 1000; /* 389 * 509 = 1 modulo 1000 */
        snprintf(name, sizeof(name), "%03u", at);
        assert_string_equal(names_get(&n, at), name);
        assert_int_equal(names_type(&n, at), i & 0xff);
        names_facts(&n, at, &st);
        assert_int_equal(st.st_mode, S_IFREG | (i / 10 % 2 ? 0600 : 0644));
        assert_int_equal(st.st_uid, i / 100);
        assert_int_equal(st.st_gid, 7);
        assert_int_equal(st.st_nlink, 1 + i % 3 / 2);
        assert_int_equal(st.st_size, (off_t)i << 33);
        assert_int_equal(st.st_mtime, (time_t)i - 500);
    }
    names_free(&n);
}

static void test_sorts_by_time(void **state)
{
    static const struct {
        const char *name;
        time_t mtime;
    } given[] = {{"b", 5}, {"a", 5}, {"old", INT64_MIN}, {"c", -5}, {"new", INT64_MAX}, {"d", 0}};
    static const char *const want[] = {"new", "a", "b", "d", "c", "old"};
    (void)state;
    for (int reversed = 0; reversed < 2; reversed++) {
        struct names n = {.keeps_facts = true};
        for (size_t i = 0; i < COUNT(given); i++) {
            struct stat st = {.st_mtime = given[i].mtime};
            assert_int_equal(names_add(&n, given[i].name, 0, &st), 0);
        }
        assert_int_equal(names_sort(&n, true, reversed), 0);
        for (size_t i = 0; i < COUNT(want); i++)
            assert_string_equal(names_get(&n, reversed ? COUNT(want) - 1 - i : i), want[i]);
        names_free(&n);
    }
}

static void test_stack_of_paths(void **state)
{
    (void)state;
    struct path_stack s = {0};
    char path[FILE_PATH_MAX], longest[FILE_PATH_MAX + 1];
    assert_false(path_stack_pop(&s, path));
    assert_int_equal(path_stack_push(&s, "", ""), 0);
    assert_int_equal(path_stack_push(&s, "a", "b"), 0);
    assert_int_equal(path_stack_push(&s, "", "c"), 0);
    memset(longest, 'x', FILE_PATH_MAX);
    longest[FILE_PATH_MAX] = '\0';
    assert_int_equal(path_stack_push(&s, "", longest), -ENAMETOOLONG);
    longest[FILE_PATH_MAX - 1] = '\0';
    assert_int_equal(path_stack_push(&s, "", longest), 0);
    assert_true(path_stack_pop(&s, path));
    assert_string_equal(path, longest);
    assert_true(path_stack_pop(&s, path));
    assert_string_equal(path, "c");
    assert_true(path_stack_pop(&s, path));
    assert_string_equal(path, "a/b");
    assert_true(path_stack_pop(&s, path));
    assert_string_equal(path, "");
    assert_false(path_stack_pop(&s, path));
    path_stack_free(&s);
}

/* A tree so wide that its paths would fill the memory is given up. */
static void test_stack_is_bounded(void **state)
{
    (void)state;
    struct path_stack s = {0};
    char name[256];
    memset(name, 'x', 255);
    name[255] = '\0';
    int r = 0;
    for (int i = 0; i < 300 * 1000 && r == 0; i++)
        r = path_stack_push(&s, "", name);
    assert_int_equal(r, -E2BIG);
    path_stack_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorts_bytewise),   cmocka_unit_test(test_facts_stay_with_their_names),
        cmocka_unit_test(test_sorts_by_time),    cmocka_unit_test(test_stack_of_paths),
        cmocka_unit_test(test_stack_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
