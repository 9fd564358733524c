/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "scratch.h"
#include "server/auth/accounts.h"
#include "server/auth/auth.h"

#include <errno.h>
#include <pwd.h>

/* Debian's "nobody" stands for any user that is not root. Local users: pam_test. */
static struct config example(void)
{
    return (struct config){
        .anonymous_enable = true,
        .userlist_deny = true,
        .download_enable = true,
        .dirlist_enable = true,
        .ftp_username = "nobody",
        .guest_username = "nobody",
        .anon_root = scratch,
        .anon_umask = 027,
        .local_umask = 022,
        .anon_max_rate = 1000,
        .local_max_rate = 2000,
    };
}

static int log_in_anonymously(const struct config *c, const char *password, struct auth_why *why)
{
    struct auth_grant g = {0};
    int r = auth_anonymous(c, "anonymous", password, &g, why);
    auth_grant_fini(&g);
    return r;
}

static void which_names_are_anonymous(void **state)
{
    (void)state;
    struct config c = example();
    assert_true(config_is_anonymous(&c, "anonymous"));
    assert_true(config_is_anonymous(&c, "FTP"));
    assert_true(config_is_anonymous(&c, "Anonymous"));
    assert_false(config_is_anonymous(&c, "anonymous "));
    assert_false(config_is_anonymous(&c, "kim"));
    c.anonymous_enable = false;
    assert_false(config_is_anonymous(&c, "ftp"));
    assert_int_equal(log_in_anonymously(&c, "a@b", NULL), -EACCES);
}

static void an_anonymous_grant(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_grant g;
    const struct passwd *nobody = getpwnam("nobody");
    assert_int_equal(auth_anonymous(&c, "ftp", "a@b", &g, NULL), 0);
    assert_int_equal(g.kind, LOGIN_ANONYMOUS);
    assert_string_equal(g.user, "nobody");
    assert_int_equal(g.uid, nobody->pw_uid);
    assert_int_equal(g.gid, nobody->pw_gid);
    assert_true(g.group_count >= 1);
    assert_string_equal(g.root, scratch);
    assert_string_equal(g.cwd, "/");
    assert_false(g.root_as_user);
    assert_int_equal(g.rights, RIGHT_READ | RIGHT_LIST);
    assert_int_equal(g.umask, 027);
    assert_int_equal(g.rate, 1000);
    assert_int_equal(g.quota_bytes, 0);
    auth_grant_fini(&g);
}

static void root_is_never_a_sessions_uid(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_why why;
    c.ftp_username = "root";
    assert_int_equal(log_in_anonymously(&c, "a@b", &why), -EINVAL);
    assert_non_null(strstr(why.text, "root"));
    c = example();
    c.run_as_launching_user = true;
    assert_int_equal(log_in_anonymously(&c, "a@b", &why), 0);
    c.anon_root = mkdir_scratch("mine", 0777); /* as vsftpd, which has no chroot then */
    assert_int_equal(log_in_anonymously(&c, "a@b", &why), 0);
}

static void a_missing_anonymous_user_or_root_is_our_failure_with_a_reason(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_why why;
    c.ftp_username = "no-such-user";
    assert_int_equal(log_in_anonymously(&c, "a@b", &why), -ENOENT);
    assert_non_null(strstr(why.text, "no-such-user"));
    c = example();
    c.anon_root = in_scratch("nowhere");
    assert_int_equal(log_in_anonymously(&c, "a@b", &why), -ENOTDIR);
    assert_non_null(strstr(why.text, "nowhere"));
}

static void a_writable_anonymous_root_is_refused(void **state)
{
    (void)state;
    struct config c = example();
    c.anon_root = mkdir_scratch("writable", 0777);
    assert_int_equal(log_in_anonymously(&c, "a@b", NULL), -EPERM);
    c.allow_writeable_chroot = true;
    assert_int_equal(log_in_anonymously(&c, "a@b", NULL), 0);
}

static void banned_addresses_are_denied(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_why why;
    c.deny_email_enable = true;
    c.banned_email_file = write_scratch("banned", "mozilla@\r\nspam@example.org\n", 0600);
    assert_int_equal(log_in_anonymously(&c, "a@b", NULL), 0);
    assert_int_equal(log_in_anonymously(&c, "mozilla@", NULL), -EACCES);
    assert_int_equal(log_in_anonymously(&c, "spam@example.org", NULL), -EACCES);
    c.banned_email_file = in_scratch("missing");
    assert_int_equal(log_in_anonymously(&c, "a@b", &why), -ENOENT);
    assert_non_null(strstr(why.text, "banned_email_file"));
}

static void only_listed_addresses_are_let_in(void **state)
{
    (void)state;
    struct config c = example();
    c.secure_email_list_enable = true;
    c.email_password_file = write_scratch("let-in", "\n\nfriend@example.org\nlast", 0600);
    assert_int_equal(log_in_anonymously(&c, "friend@example.org", NULL), 0);
    assert_int_equal(log_in_anonymously(&c, "last", NULL), 0);
    assert_int_equal(log_in_anonymously(&c, "friend@example", NULL), -EACCES);
    assert_int_equal(log_in_anonymously(&c, "", NULL), -EACCES);
    c.email_password_file = write_scratch("let-in", "", 0600);
    assert_int_equal(log_in_anonymously(&c, "friend@example.org", NULL), -EACCES);
}

static void the_userlist_turns_names_away(void **state)
{
    (void)state;
    struct config c = example();
    assert_false(auth_is_listed(&c, "kim"));
    c.userlist_enable = true;
    c.userlist_file = write_scratch("userlist", "kim\nanonymous\n", 0600);
    assert_true(auth_is_listed(&c, "kim"));
    assert_false(auth_is_listed(&c, "ann"));
    assert_int_equal(log_in_anonymously(&c, "a@b", NULL), -EACCES);
    c.userlist_deny = false;
    assert_false(auth_is_listed(&c, "kim"));
    assert_true(auth_is_listed(&c, "ann"));
    assert_int_equal(log_in_anonymously(&c, "a@b", NULL), 0);
    c.userlist_file = in_scratch("missing");
    assert_true(auth_is_listed(&c, "kim"));
    assert_int_equal(log_in_anonymously(&c, "a@b", NULL), -ENOENT);
}

/* --- accounts ---------------------------------------------------------------------------------------- */

static struct config with_account(uint32_t rights, uint64_t rate)
{
    struct config c = example();
    struct accounts *accounts = NULL;
    char *hash = password_hash("secret");
    const struct account kim = {
        .name = (char *)"kim",
        .hash = hash,
        .home = (char *)mkdir_scratch("kim", 0777),
        .rights = rights,
        .rate = rate,
        .quota_bytes = 4096,
        .quota_files = 7,
    };

    (void)unlink(in_scratch("accounts.db"));
    c.virtual_enable = true;
    c.write_enable = true;
    c.chmod_enable = true;
    c.mdtm_write = true;
    c.accounts_file = in_scratch("accounts.db");
    assert_int_equal(accounts_open(c.accounts_file, true, &accounts), 0);
    assert_int_equal(accounts_add(accounts, &kim), 0);
    accounts_close(&accounts);
    free(hash);
    return c;
}

static void end_account(void)
{
    assert_int_equal(rmdir(in_scratch("kim")), 0);
    assert_int_equal(unlink(in_scratch("accounts.db")), 0);
}

static int log_in(const struct config *c, const char *user, const char *password, struct auth_grant *ret,
                  struct auth_why *why)
{
    struct auth_session *session = NULL;
    int r = auth_password(c, user, password, "127.0.0.1", ret, &session, why);
    assert_null(session);
    return r;
}

static void an_account_logs_in_with_its_password_only(void **state)
{
    (void)state;
    struct config c = with_account(RIGHT_ALL, 0);
    struct auth_grant g = {.umask = 5};
    struct auth_why why;
    assert_int_equal(log_in(&c, "kim", "wrong", &g, &why), -EACCES);
    assert_int_equal(log_in(&c, "kim", "", &g, &why), -EACCES);
    assert_int_equal(log_in(&c, "ann", "secret", &g, &why), -EACCES);
    assert_int_equal(g.umask, 5);
    assert_int_equal(log_in(&c, "kim", "secret", &g, &why), 0);
    assert_int_equal(g.kind, LOGIN_VIRTUAL);
    assert_string_equal(g.user, "kim");
    assert_int_equal(g.uid, getpwnam("nobody")->pw_uid);
    assert_string_equal(g.root, in_scratch("kim"));
    assert_string_equal(g.cwd, "/");
    assert_false(g.root_as_user);
    assert_int_equal(g.rights, RIGHT_ALL);
    assert_int_equal(g.umask, 022);
    assert_int_equal(g.rate, 2000);
    assert_int_equal(g.quota_bytes, 4096);
    assert_int_equal(g.quota_files, 7);
    auth_grant_fini(&g);
    end_account();
}

static void an_account_has_no_more_than_the_configuration_gives(void **state)
{
    (void)state;
    struct config c = with_account(RIGHT_READ | RIGHT_LIST | RIGHT_DELETE, 500);
    struct auth_grant g;
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    assert_int_equal(g.rights, RIGHT_READ | RIGHT_LIST | RIGHT_DELETE);
    assert_int_equal(g.rate, 500);
    auth_grant_fini(&g);
    c.write_enable = false;
    c.dirlist_enable = false;
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    assert_int_equal(g.rights, RIGHT_READ);
    auth_grant_fini(&g);
    end_account();
}

static void an_account_whose_home_is_gone_is_our_failure(void **state)
{
    (void)state;
    struct config c = with_account(RIGHT_ALL, 0);
    struct auth_grant g;
    struct auth_why why;
    assert_int_equal(rmdir(in_scratch("kim")), 0);
    assert_int_equal(log_in(&c, "kim", "secret", &g, &why), -ENOTDIR);
    assert_non_null(strstr(why.text, "home"));
    (void)mkdir_scratch("kim", 0755);
    c.guest_username = "root";
    assert_int_equal(log_in(&c, "kim", "secret", &g, &why), -EINVAL);
    end_account();
}

static void an_unusable_accounts_file_is_our_failure(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_grant g;
    struct auth_why why;
    c.virtual_enable = true;
    c.accounts_file = in_scratch("missing.db");
    assert_int_equal(log_in(&c, "kim", "secret", &g, &why), -ENOENT);
    assert_non_null(strstr(why.text, "sallyd user add"));
    c.accounts_file = write_scratch("broken.db",
                                    "not SQLite at all, and longer than a header would be: "
                                    "................................................",
                                    0600);
    assert_int_equal(log_in(&c, "kim", "secret", &g, &why), -EUCLEAN);
    assert_non_null(strstr(why.text, "damaged"));
    assert_int_equal(chmod(c.accounts_file, 0666), 0);
    assert_int_equal(log_in(&c, "kim", "secret", &g, &why), -EINVAL);
}

static void a_listed_account_is_denied_despite_its_password(void **state)
{
    (void)state;
    struct config c = with_account(RIGHT_ALL, 0);
    struct auth_grant g;
    c.userlist_enable = true;
    c.userlist_file = write_scratch("userlist", "kim\n", 0600);
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), -EACCES);
    end_account();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_names_are_anonymous),
        cmocka_unit_test(an_anonymous_grant),
        cmocka_unit_test(root_is_never_a_sessions_uid),
        cmocka_unit_test(a_missing_anonymous_user_or_root_is_our_failure_with_a_reason),
        cmocka_unit_test(a_writable_anonymous_root_is_refused),
        cmocka_unit_test(banned_addresses_are_denied),
        cmocka_unit_test(only_listed_addresses_are_let_in),
        cmocka_unit_test(the_userlist_turns_names_away),
        cmocka_unit_test(an_account_logs_in_with_its_password_only),
        cmocka_unit_test(an_account_has_no_more_than_the_configuration_gives),
        cmocka_unit_test(an_account_whose_home_is_gone_is_our_failure),
        cmocka_unit_test(an_unusable_accounts_file_is_our_failure),
        cmocka_unit_test(a_listed_account_is_denied_despite_its_password),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
