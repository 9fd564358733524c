/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "scratch.h"
#include "server/auth/accounts.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static struct account example(const char *name)
{
    return (struct account){
        .name = (char *)name,
        .hash = (char *)"$y$old",
        .home = (char *)"/srv/ftp",
        .rights = RIGHT_ALL,
        .rate = 1000,
        .quota_bytes = INT64_MAX,
        .quota_files = 3,
    };
}

static struct accounts *open_or_fail(const char *path, bool write)
{
    struct accounts *a = NULL;
    assert_int_equal(accounts_open(path, write, &a), 0);
    return a;
}

static void a_row_comes_back_as_it_went_in(void **state)
{
    (void)state;
    struct accounts *a = open_or_fail(in_scratch("a.db"), true);
    struct account in = example("kim"), out;
    assert_int_equal(accounts_add(a, &in), 0);
    assert_int_equal(accounts_add(a, &in), -EEXIST);
    accounts_close(&a);
    assert_null(a);

    struct stat st;
    assert_int_equal(stat(in_scratch("a.db"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    a = open_or_fail(in_scratch("a.db"), false);
    assert_int_equal(accounts_find(a, "kim", &out), 0);
    assert_string_equal(out.name, in.name);
    assert_string_equal(out.hash, in.hash);
    assert_string_equal(out.home, in.home);
    assert_int_equal(out.rights, in.rights);
    assert_int_equal(out.rate, in.rate);
    assert_int_equal(out.quota_bytes, in.quota_bytes);
    assert_int_equal(out.quota_files, in.quota_files);
    account_fini(&out);
    assert_int_equal(accounts_find(a, "Kim", &out), -ENOENT);
    assert_int_equal(accounts_find(a, "kim' OR '1'='1", &out), -ENOENT);
    assert_int_equal(accounts_add(a, &(struct account){.name = (char *)"x",
                                                       .hash = (char *)"h",
                                                       .home = (char *)"/",
                                                       .rights = RIGHT_ALL}),
                     -EROFS);
    accounts_close(&a);
}

static bool collect(void *ctx, const struct account *a)
{
    (void)strcat(strcat(ctx, a->name), " ");
    return strcmp(a->name, "c") != 0;
}

static void rows_change_go_and_list_in_order(void **state)
{
    (void)state;
    struct accounts *a = open_or_fail(in_scratch("b.db"), true);
    static const char *const names[] = {"d", "b", "c", "a"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct account in = example(names[i]);
        assert_int_equal(accounts_add(a, &in), 0);
    }
    char all[64] = "";
    assert_int_equal(accounts_each(a, collect, all), 0);
    assert_string_equal(all, "a b c ");

    struct account out;
    assert_int_equal(accounts_set_password(a, "b", "$y$new"), 0);
    assert_int_equal(accounts_find(a, "b", &out), 0);
    assert_string_equal(out.hash, "$y$new");
    account_fini(&out);
    assert_int_equal(accounts_set_password(a, "nobody", "$y$new"), -ENOENT);
    assert_int_equal(accounts_delete(a, "b"), 0);
    assert_int_equal(accounts_delete(a, "b"), -ENOENT);
    assert_int_equal(accounts_find(a, "b", &out), -ENOENT);
    accounts_close(&a);
}

static void names_that_could_do_harm_are_refused(void **state)
{
    (void)state;
    char longest[66];
    memset(longest, 'n', sizeof(longest));
    longest[65] = '\0';
    const char *const bad[] = {"",          "a/b", "a\nb", "a\033[2J", "\x7f",         "anonymous",
                               "Anonymous", "FTP", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xc2\x85",
                               "\xe2\x82",  ".",   "..",   longest};
    struct accounts *a = open_or_fail(in_scratch("c.db"), true);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct account in = example(bad[i]);
        assert_non_null(account_name_fault(bad[i]));
        assert_int_equal(accounts_add(a, &in), -EINVAL);
    }
    longest[64] = '\0';
    const char *const good[] = {"kim", "ftpuser", "k i m", "J\xc3\xbcrgen", "\xf0\x9f\x9a\xaa",
                                "-x",  longest};
    for (size_t i = 0; i < COUNT(good); i++) {
        struct account in = example(good[i]);
        assert_null(account_name_fault(good[i]));
        assert_int_equal(accounts_add(a, &in), 0);
    }
    accounts_close(&a);
}

static void rows_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct accounts *a = open_or_fail(in_scratch("d.db"), true);
    struct account in = example("kim");
    in.home = (char *)"relative";
    assert_int_equal(accounts_add(a, &in), -EINVAL);
    in = example("kim");
    in.rights = RIGHT_READ;
    assert_int_equal(accounts_add(a, &in), -EINVAL);
    in = example("kim");
    in.rate = (uint64_t)INT64_MAX + 1;
    assert_int_equal(accounts_add(a, &in), -EINVAL);
    accounts_close(&a);
}

static void a_missing_file_is_not_made_by_a_reader(void **state)
{
    (void)state;
    struct accounts *a = NULL;
    assert_int_equal(accounts_open(in_scratch("none.db"), false, &a), -ENOENT);
    assert_int_equal(access(in_scratch("none.db"), F_OK), -1);
    assert_int_equal(accounts_open(in_scratch("no/directory.db"), true, &a), -ENOENT);
    assert_null(a);
}

static void what_is_not_an_accounts_file_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct accounts *a = NULL;
    const char *path = write_scratch("junk.db",
                                     "this is no database, but it is long enough to be looked at twice, "
                                     "and a header of SQLite is one hundred bytes long",
                                     0600);
    assert_int_equal(accounts_open(path, false, &a), -EUCLEAN);
    assert_int_equal(accounts_open(path, true, &a), -EUCLEAN);
    assert_int_equal(accounts_open(scratch, false, &a), -EUCLEAN);
    path = write_scratch("empty.db", "", 0600);
    assert_int_equal(accounts_open(path, false, &a), -EUCLEAN);
    assert_null(a);
}

static void a_damaged_file_is_noticed(void **state)
{
    (void)state;
    const char *path = in_scratch("e.db");
    struct accounts *a = open_or_fail(path, true);
    struct account in = example("kim"), out;
    assert_int_equal(accounts_add(a, &in), 0);
    accounts_close(&a);

    /* SQLite's second page holds the table: overwrite it. */
    char noise[4096];
    memset(noise, 0xa5, sizeof(noise));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, noise, sizeof(noise), 4096), sizeof(noise));
    (void)close(fd);
    int r = accounts_open(path, false, &a);
    if (r == 0)
        r = accounts_find(a, "kim", &out);
    assert_int_equal(r, -EUCLEAN);
    accounts_close(&a);
}

static void a_file_that_others_may_write_is_refused(void **state)
{
    (void)state;
    const char *path = in_scratch("f.db");
    struct accounts *a = open_or_fail(path, true);
    accounts_close(&a);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(accounts_open(path, false, &a), -EPERM);
    assert_int_equal(accounts_open(path, true, &a), -EPERM);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(accounts_open(path, false, &a), 0);
    accounts_close(&a);
}

/* Changes one password over and over, from one value to another, until it is killed. */
static _Noreturn void change_forever(const char *path)
{
    struct accounts *a = NULL;
    if (accounts_open(path, true, &a) < 0)
        _exit(1);
    for (unsigned i = 0;; i++)
        if (accounts_set_password(a, "kim", i % 2 ? "$y$old" : "$y$new") < 0)
            _exit(1);
}

static void a_killed_writer_leaves_the_old_row_or_the_new_one(void **state)
{
    (void)state;
    const char *path = in_scratch("g.db");
    struct accounts *a = open_or_fail(path, true);
    struct account in = example("kim");
    assert_int_equal(accounts_add(a, &in), 0);
    accounts_close(&a);

    for (unsigned i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child == 0)
            change_forever(path);
        const struct timespec pause = {.tv_nsec = 3000000 + 500000 * (long)i};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));

        struct account out;
        a = open_or_fail(path, false);
        assert_int_equal(accounts_find(a, "kim", &out), 0);
        assert_true(strcmp(out.hash, "$y$old") == 0 || strcmp(out.hash, "$y$new") == 0);
        assert_int_equal(out.quota_files, in.quota_files);
        account_fini(&out);
        accounts_close(&a);
    }
}

static _Noreturn void add_many(const char *path, char who)
{
    for (int i = 0; i < 25; i++) {
        char name[16];
        struct accounts *a = NULL;
        (void)snprintf(name, sizeof(name), "%c%d", who, i);
        struct account in = example(name);
        if (accounts_open(path, true, &a) < 0 || accounts_add(a, &in) < 0)
            _exit(1);
        accounts_close(&a);
    }
    _exit(0);
}

static bool count(void *ctx, const struct account *a)
{
    (void)a;
    ++*(int *)ctx;
    return true;
}

static void several_administrators_do_not_hinder_one_another(void **state)
{
    (void)state;
    const char *path = in_scratch("h.db");
    pid_t children[4];
    for (size_t i = 0; i < COUNT(children); i++)
        if ((children[i] = fork()) == 0)
            add_many(path, (char)('a' + i));
    for (size_t i = 0; i < COUNT(children); i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    int rows = 0;
    struct accounts *a = open_or_fail(path, false);
    assert_int_equal(accounts_each(a, count, &rows), 0);
    assert_int_equal(rows, 100);
    accounts_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_comes_back_as_it_went_in),
        cmocka_unit_test(rows_change_go_and_list_in_order),
        cmocka_unit_test(names_that_could_do_harm_are_refused),
        cmocka_unit_test(rows_that_make_no_sense_are_refused),
        cmocka_unit_test(a_missing_file_is_not_made_by_a_reader),
        cmocka_unit_test(what_is_not_an_accounts_file_is_refused_and_left_alone),
        cmocka_unit_test(a_damaged_file_is_noticed),
        cmocka_unit_test(a_file_that_others_may_write_is_refused),
        cmocka_unit_test(a_killed_writer_leaves_the_old_row_or_the_new_one),
        cmocka_unit_test(several_administrators_do_not_hinder_one_another),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
