/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "server/auth/rights.h"

#include <errno.h>

static void letters_and_rights_are_each_others_reverse(void **state)
{
    (void)state;
    static const char *const all[] = {"r", "w", "d", "rw", "rd", "wd", "rwd"};
    for (size_t i = 0; i < COUNT(all); i++) {
        uint32_t rights = 0;
        char letters[RIGHTS_LETTERS_CAP];
        assert_int_equal(rights_parse(all[i], &rights), 0);
        assert_int_equal(rights_print(rights, letters), 0);
        assert_string_equal(letters, all[i]);
    }
    uint32_t rights = 0;
    assert_int_equal(rights_parse("dwr", &rights), 0);
    assert_int_equal(rights, RIGHT_ALL);
}

static void other_letters_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "rx", "rr", "rwdr", "R", " r"};
    uint32_t rights = 77;
    char letters[RIGHTS_LETTERS_CAP];
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(rights_parse(bad[i], &rights), -EINVAL);
    assert_int_equal(rights, 77);
    assert_int_equal(rights_print(0, letters), -EINVAL);
    assert_int_equal(rights_print(RIGHT_READ, letters), -EINVAL);
    assert_int_equal(rights_print(RIGHT_ALL | 512, letters), -EINVAL);
}

static void nothing_is_written_without_write_enable(void **state)
{
    (void)state;
    struct config c = {
        .download_enable = true,
        .dirlist_enable = true,
        .chmod_enable = true,
        .mdtm_write = true,
        .anon_upload_enable = true,
        .anon_mkdir_write_enable = true,
        .anon_other_write_enable = true,
    };
    assert_int_equal(rights_of(&c, true), RIGHT_READ | RIGHT_LIST);
    assert_int_equal(rights_of(&c, false), RIGHT_READ | RIGHT_LIST);
    c.write_enable = true;
    assert_int_equal(rights_of(&c, false), RIGHT_ALL);
    assert_int_equal(rights_of(&c, true), RIGHT_ALL & ~RIGHT_CHMOD);
}

static void each_option_gives_its_right(void **state)
{
    (void)state;
    struct config c = {.write_enable = true};
    assert_int_equal(rights_of(&c, true), 0);
    assert_int_equal(rights_of(&c, false),
                     RIGHT_STORE | RIGHT_REPLACE | RIGHT_MKDIR | RIGHT_RENAME | RIGHT_DELETE);
    c.anon_upload_enable = true;
    assert_int_equal(rights_of(&c, true), RIGHT_STORE);
    c.anon_mkdir_write_enable = true;
    assert_int_equal(rights_of(&c, true), RIGHT_STORE | RIGHT_MKDIR);
    c.mdtm_write = true;
    assert_int_equal(rights_of(&c, true), RIGHT_STORE | RIGHT_MKDIR);
    c.anon_other_write_enable = true;
    assert_int_equal(rights_of(&c, true),
                     RIGHT_STORE | RIGHT_MKDIR | RIGHT_REPLACE | RIGHT_RENAME | RIGHT_DELETE | RIGHT_TIMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_and_rights_are_each_others_reverse),
        cmocka_unit_test(other_letters_are_refused),
        cmocka_unit_test(nothing_is_written_without_write_enable),
        cmocka_unit_test(each_option_gives_its_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
