/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "server/auth/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gid_t groups[] = {100, 4, 27};

static const struct config plain;

static struct auth_grant example(void)
{
    return (struct auth_grant){
        .kind = LOGIN_VIRTUAL,
        .user = (char *)"kim",
        .uid = 1000,
        .gid = 100,
        .groups = groups,
        .group_count = COUNT(groups),
        .root = (char *)"/srv/ftp/kim",
        .cwd = (char *)"/",
        .root_as_user = true,
        .rights = RIGHT_ALL,
        .umask = 077,
        .rate = 1 << 20,
        .quota_bytes = UINT64_MAX,
        .quota_files = 12,
        .root_dev = UINT64_MAX - 1,
        .root_ino = 1 << 30,
    };
}

static void a_grant_survives_the_pipe(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct auth_grant in = example(), out;
    int len = auth_grant_encode(&in, bytes, sizeof(bytes));
    assert_true(len > 0);
    assert_int_equal(auth_grant_decode(&plain, bytes, (size_t)len, &out), 0);
    assert_int_equal(out.kind, in.kind);
    assert_string_equal(out.user, in.user);
    assert_int_equal(out.uid, in.uid);
    assert_int_equal(out.gid, in.gid);
    assert_int_equal(out.group_count, in.group_count);
    assert_memory_equal(out.groups, in.groups, sizeof(groups));
    assert_string_equal(out.root, in.root);
    assert_string_equal(out.cwd, in.cwd);
    assert_int_equal(out.root_as_user, in.root_as_user);
    assert_int_equal(out.rights, in.rights);
    assert_int_equal(out.umask, in.umask);
    assert_int_equal(out.rate, in.rate);
    assert_int_equal(out.quota_bytes, in.quota_bytes);
    assert_int_equal(out.quota_files, in.quota_files);
    assert_int_equal(out.root_dev, in.root_dev);
    assert_int_equal(out.root_ino, in.root_ino);
    assert_true((size_t)len <= auth_grant_room(&in));
    auth_grant_fini(&out);
    assert_null(out.root);
}

static void a_cut_or_lengthened_grant_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[512] = {0};
    struct auth_grant in = example(), out = {.umask = 5};
    int len = auth_grant_encode(&in, bytes, sizeof(bytes));
    for (int i = 0; i < len; i++) {
        uint8_t *exact = malloc((size_t)i + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, bytes, (size_t)i);
        assert_int_equal(auth_grant_decode(&plain, exact, (size_t)i, &out), -EPROTO);
        free(exact);
    }
    assert_int_equal(auth_grant_decode(&plain, bytes, (size_t)len + 1, &out), -EPROTO);
    assert_int_equal(out.umask, 5);
    assert_int_equal(auth_grant_encode(&in, bytes, (size_t)len - 1), -EMSGSIZE);
}

static void check_refused(struct auth_grant in)
{
    uint8_t bytes[512];
    struct auth_grant out;
    int len = auth_grant_encode(&in, bytes, sizeof(bytes));
    assert_true(len > 0);
    assert_int_equal(auth_grant_decode(&plain, bytes, (size_t)len, &out), -EPROTO);
}

static void what_must_never_be_is_refused(void **state)
{
    (void)state;
    struct auth_grant g = example();
    g.uid = 0;
    check_refused(g);
    g.uid = (uid_t)-1; /* "leave as it is" to setresuid(2) */
    check_refused(g);
    g = example();
    g.root = (char *)"srv";
    check_refused(g);
    g.root = (char *)"";
    check_refused(g);
    g = example();
    g.cwd = (char *)"home";
    check_refused(g);
    g = example();
    g.user = (char *)"";
    check_refused(g);
    g = example();
    g.rights = RIGHT_ALL + 1;
    check_refused(g);
    g = example();
    g.umask = 01000;
    check_refused(g);
    g = example();
    g.kind = (enum login_kind)(LOGIN_VIRTUAL + 1);
    check_refused(g);
}

static void root_is_let_through_where_it_runs_as_itself(void **state)
{
    (void)state;
    const struct config self = {.run_as_launching_user = true};
    uint8_t bytes[512];
    struct auth_grant in = example(), out;
    in.uid = 0;
    int len = auth_grant_encode(&in, bytes, sizeof(bytes));
    int r = auth_grant_decode(&self, bytes, (size_t)len, &out);
    assert_int_equal(r, getuid() == 0 ? 0 : -EPROTO);
    if (r == 0)
        auth_grant_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_survives_the_pipe),
        cmocka_unit_test(a_cut_or_lengthened_grant_is_refused),
        cmocka_unit_test(what_must_never_be_is_refused),
        cmocka_unit_test(root_is_let_through_where_it_runs_as_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
