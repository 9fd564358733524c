/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "scratch.h"
#include "server/auth/place.h"

#include <errno.h>

static struct person someone(const char *home)
{
    return (struct person){.uid = 12345, .gid = 12345, .home = (char *)home};
}

static void check_local(const struct config *c, const char *home, bool always_jail, const char *root,
                        const char *cwd)
{
    struct place place;
    struct person p = someone(home);
    assert_int_equal(place_local(c, "kim", &p, always_jail, &place, NULL), 0);
    assert_string_equal(place.root, root);
    assert_string_equal(place.cwd, cwd);
    place_fini(&place);
}

static void a_local_user_starts_at_home_in_the_whole_system(void **state)
{
    (void)state;
    struct config c = {0};
    check_local(&c, "/home/kim", false, "/", "/home/kim");
    check_local(&c, "/home//./kim/", false, "/", "/home/kim");
    check_local(&c, "/", false, "/", "/");
}

static void chroot_local_user_jails_at_home(void **state)
{
    (void)state;
    struct config c = {.chroot_local_user = true};
    check_local(&c, "/home/kim", false, "/home/kim", "/");
    c.chroot_local_user = false;
    check_local(&c, "/home/kim", true, "/home/kim", "/");
}

static void the_chroot_list_names_the_exceptions(void **state)
{
    (void)state;
    struct config c = {.chroot_list_enable = true};
    c.chroot_list_file = write_scratch("list", "ann\nkim\n", 0644);
    check_local(&c, "/home/kim", false, "/home/kim", "/");
    c.chroot_local_user = true;
    check_local(&c, "/home/kim", false, "/", "/home/kim");
    c.chroot_list_file = write_scratch("list", "ann\n#kim\nkimberly\n kim\n", 0644);
    check_local(&c, "/home/kim", false, "/home/kim", "/");
}

static void an_unreadable_chroot_list_ends_the_login(void **state)
{
    (void)state;
    struct config c = {.chroot_list_enable = true, .chroot_list_file = in_scratch("missing")};
    struct person p = someone("/home/kim");
    struct place place;
    struct auth_why why;
    assert_int_equal(place_local(&c, "kim", &p, false, &place, &why), -ENOENT);
    assert_non_null(strstr(why.text, c.chroot_list_file));
    c.chroot_list_file = NULL;
    assert_int_equal(place_local(&c, "kim", &p, false, &place, &why), -ENOENT);
}

static void slash_dot_slash_marks_the_jail(void **state)
{
    (void)state;
    struct config c = {.chroot_local_user = true, .passwd_chroot_enable = true, .local_root = "/ignored"};
    check_local(&c, "/srv/jail/./home/kim", false, "/srv/jail", "/home/kim");
    check_local(&c, "/srv/jail/./", false, "/srv/jail", "/");
    check_local(&c, "/./home/kim", false, "/", "/home/kim");
    c.chroot_local_user = false;
    check_local(&c, "/srv/jail/./home/kim", false, "/", "/srv/jail/home/kim");
}

static void local_root_takes_the_place_of_home(void **state)
{
    (void)state;
    struct config c = {.chroot_local_user = true, .local_root = "/srv/data"};
    check_local(&c, "/home/kim", false, "/srv/data", "/");
    c.local_root = "public";
    check_local(&c, "/home/kim", false, "/home/kim/public", "/");
}

static void a_local_root_that_is_not_there_is_ignored_outside_a_jail(void **state)
{
    (void)state;
    struct config c = {.local_root = in_scratch("nowhere")};
    check_local(&c, "/home/kim", false, "/", "/home/kim");
    c.local_root = scratch;
    check_local(&c, "/home/kim", false, "/", scratch);
}

static void the_token_becomes_the_name(void **state)
{
    (void)state;
    struct config c = {
        .chroot_local_user = true, .user_sub_token = "$USER", .local_root = "/srv/$USER/$USER.d"};
    check_local(&c, "/home/kim", false, "/srv/kim/kim.d", "/");
    c.local_root = NULL;
    check_local(&c, "/home/$USER", false, "/home/kim", "/");
    c.user_sub_token = NULL;
    check_local(&c, "/home/$USER", false, "/home/$USER", "/");
}

static void a_relative_home_is_refused(void **state)
{
    (void)state;
    struct config c = {0};
    struct person p = someone("home/kim");
    struct place place;
    assert_int_equal(place_local(&c, "kim", &p, false, &place, NULL), -ENOTDIR);
}

static void a_writable_root_needs_allow_writeable_chroot(void **state)
{
    (void)state;
    struct config c = {0};
    struct person p = someone("/");
    struct place place;
    struct auth_why why;
    static const struct {
        const char *name;
        mode_t mode;
        int result;
    } rows[] = {{"read", 0755, 0}, {"others", 0757, -EPERM}, {"group", 0775, 0}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(place_fixed(mkdir_scratch(rows[i].name, rows[i].mode), "/", &place), 0);
        c.allow_writeable_chroot = false;
        assert_int_equal(place_check(&c, &place, &p, &why), rows[i].result);
        c.allow_writeable_chroot = true;
        assert_int_equal(place_check(&c, &place, &p, &why), 0);
        c.allow_writeable_chroot = false;
        place.is_jail = false; /* the whole system is never refused */
        assert_int_equal(place_check(&c, &place, &p, &why), 0);
        place_fini(&place);
    }
    assert_non_null(strstr(why.text, "refusing to run with writable root"));

    struct stat st;
    gid_t group;
    assert_int_equal(stat(in_scratch("group"), &st), 0);
    group = st.st_gid;
    p.groups = &group;
    p.group_count = 1;
    assert_int_equal(place_fixed(in_scratch("group"), "/", &place), 0);
    assert_int_equal(place_check(&c, &place, &p, &why), -EPERM);
    place_fini(&place);
    p.uid = st.st_uid; /* the owner, with 0755 */
    assert_int_equal(place_fixed(in_scratch("read"), "/", &place), 0);
    assert_int_equal(place_check(&c, &place, &p, &why), -EPERM);
    place_fini(&place);
}

static void a_root_that_is_not_there_ends_the_login(void **state)
{
    (void)state;
    struct config c = {.allow_writeable_chroot = true};
    struct person p = someone("/");
    struct place place;
    struct auth_why why;
    assert_int_equal(place_fixed(in_scratch("nowhere"), "/", &place), 0);
    assert_int_equal(place_check(&c, &place, &p, &why), -ENOTDIR);
    place_fini(&place);
    assert_int_equal(place_fixed(write_scratch("file", "", 0644), "/", &place), 0);
    assert_int_equal(place_check(&c, &place, &p, &why), -ENOTDIR);
    place_fini(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_local_user_starts_at_home_in_the_whole_system),
        cmocka_unit_test(chroot_local_user_jails_at_home),
        cmocka_unit_test(the_chroot_list_names_the_exceptions),
        cmocka_unit_test(an_unreadable_chroot_list_ends_the_login),
        cmocka_unit_test(slash_dot_slash_marks_the_jail),
        cmocka_unit_test(local_root_takes_the_place_of_home),
        cmocka_unit_test(a_local_root_that_is_not_there_is_ignored_outside_a_jail),
        cmocka_unit_test(the_token_becomes_the_name),
        cmocka_unit_test(a_relative_home_is_refused),
        cmocka_unit_test(a_writable_root_needs_allow_writeable_chroot),
        cmocka_unit_test(a_root_that_is_not_there_ends_the_login),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
