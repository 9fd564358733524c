/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "scratch.h"
#include "server/auth/accounts.h"
#include "server/auth/auth.h"
#include "server/auth/password.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>

/*
 * Local users and guests, through the real PAM: as root, in a mount namespace of our own, in which
 * /etc/passwd, shadow, group, nsswitch.conf and pam.d are files of this test. Nothing of it is left when the
 * process ends.
 */
enum {
    SKIPPED = 77, /* meson's word for it */
};

static const char passwd_text[] = "root:x:0:0::/root:/bin/sh\n"
                                  "toor:x:0:0::/root:/bin/sh\n"
                                  "kim:x:4001:4001::%s/kim:/bin/sh\n"
                                  "locked:x:4002:4001::/:/bin/sh\n"
                                  "guest:x:4003:4001::%s/guest:/bin/sh\n";
static const char group_text[] = "root:x:0:\nusers:x:4001:\nstaff:x:4100:kim\n";

static const char service_text[] = "auth required pam_unix.so nullok\n"
                                   "account required pam_unix.so\n"
                                   "account required pam_exec.so quiet %s/record\n"
                                   "session required pam_exec.so quiet %s/record\n";

static const char record_text[] =
    "#!/bin/sh\n"
    "echo \"$PAM_TYPE user=$PAM_USER rhost=$PAM_RHOST ruser=$PAM_RUSER tty=$PAM_TTY\" >>%s/records\n";

static int bind_over(const char *name, const char *target, const char *text, mode_t mode)
{
    return mount(write_scratch(name, text, mode), target, NULL, MS_BIND, NULL);
}

static int write_files(void)
{
    char text[2048];
    char *hash = password_hash("secret");
    (void)snprintf(text, sizeof(text), passwd_text, scratch, scratch);
    int r = bind_over("passwd", "/etc/passwd", text, 0644);
    r |= bind_over("group", "/etc/group", group_text, 0644);
    (void)snprintf(text, sizeof(text),
                   "root:%s:19000::::::\ntoor:%s:19000::::::\nkim:%s:19000::::::\nlocked:!:19000::::::"
                   "\nguest:*:19000::::::\n",
                   hash, hash, hash);
    r |= bind_over("shadow", "/etc/shadow", text, 0600);
    r |= bind_over("nsswitch", "/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n", 0644);
    free(hash);

    r |= mount(mkdir_scratch("pam.d", 0755), "/etc/pam.d", NULL, MS_BIND, NULL);
    (void)snprintf(text, sizeof(text), service_text, scratch, scratch);
    (void)write_scratch("pam.d/ftp", text, 0644);
    (void)write_scratch("pam.d/permit", "auth required pam_permit.so\naccount required pam_permit.so\n",
                        0644);
    (void)write_scratch("pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n", 0644);
    (void)snprintf(text, sizeof(text), record_text, scratch);
    (void)write_scratch("record", text, 0755);
    (void)mkdir_scratch("kim", 0755);
    (void)mkdir_scratch("guest", 0755);
    return r;
}

static struct config example(void)
{
    return (struct config){
        .local_enable = true,
        .write_enable = true,
        .download_enable = true,
        .dirlist_enable = true,
        .chmod_enable = true,
        .mdtm_write = true,
        .userlist_deny = true,
        .pam_service_name = "ftp",
        .guest_username = "guest",
        .local_umask = 022,
        .anon_umask = 077,
        .local_max_rate = 2000,
        .anon_max_rate = 1000,
    };
}

static struct auth_session *session;

static int log_in(const struct config *c, const char *user, const char *password, struct auth_grant *ret,
                  struct auth_why *why)
{
    session = NULL;
    return auth_password(c, user, password, "192.0.2.7", ret, &session, why);
}

static int try_login(const struct config *c, const char *user, const char *password, struct auth_why *why)
{
    struct auth_grant g = {0};
    int r = log_in(c, user, password, &g, why);
    auth_grant_fini(&g);
    assert_null(session);
    return r;
}

static bool is_recorded(const char *line)
{
    char text[4096] = "";
    FILE *f = fopen(in_scratch("records"), "r");
    if (f) {
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        (void)fclose(f);
    }
    return strstr(text, line) != NULL;
}

static void a_local_user_logs_in(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_grant g;
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    assert_null(session);
    assert_int_equal(g.kind, LOGIN_LOCAL);
    assert_string_equal(g.user, "kim");
    assert_int_equal(g.uid, 4001);
    assert_int_equal(g.gid, 4001);
    assert_int_equal(g.group_count, 2);
    assert_string_equal(g.root, "/");
    assert_string_equal(g.cwd, in_scratch("kim"));
    assert_true(g.root_as_user);
    assert_int_equal(g.rights, RIGHT_ALL);
    assert_int_equal(g.umask, 022);
    assert_int_equal(g.rate, 2000);
    auth_grant_fini(&g);
    assert_true(is_recorded("account user=kim rhost=192.0.2.7 ruser=kim tty=ftp\n"));
    assert_false(is_recorded("open_session"));
}

static void everybody_else_does_not(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_why why;
    static const char *const names[] = {"locked", "guest", "stranger", "", "../kim", ".", "ki\nm"};
    assert_int_equal(try_login(&c, "kim", "wrong", &why), -EACCES);
    assert_int_equal(try_login(&c, "kim", "", &why), -EACCES);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(try_login(&c, names[i], "secret", &why), -EACCES);
    c.local_enable = false;
    assert_int_equal(try_login(&c, "kim", "secret", &why), -EACCES);
}

static void root_never_logs_in(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_why why;
    assert_int_equal(try_login(&c, "root", "secret", &why), -EACCES);
    assert_int_equal(try_login(&c, "toor", "secret", &why), -EACCES);
    assert_false(is_recorded("user=root"));
}

static void a_missing_service_is_named_in_the_reason(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_why why;
    c.pam_service_name = "vsftpd";
    assert_int_equal(try_login(&c, "kim", "secret", &why), -EACCES);
    assert_non_null(strstr(why.text, "/etc/pam.d/vsftpd"));
}

static void a_session_stays_open_until_it_is_closed(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_grant g;
    c.session_support = true;
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    auth_grant_fini(&g);
    assert_non_null(session);
    assert_true(is_recorded("open_session user=kim"));
    assert_false(is_recorded("close_session"));
    auth_session_close(&session);
    assert_null(session);
    assert_true(is_recorded("close_session user=kim"));
}

static void a_jailed_user_has_a_root_it_cannot_write(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_grant g;
    c.chroot_local_user = true;
    assert_int_equal(chmod(in_scratch("kim"), 0777), 0);
    assert_int_equal(try_login(&c, "kim", "secret", NULL), -EPERM);
    assert_int_equal(chmod(in_scratch("kim"), 0755), 0);
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    assert_string_equal(g.root, in_scratch("kim"));
    assert_string_equal(g.cwd, "/");
    auth_grant_fini(&g);
}

static void a_guest_is_somebody_else_under_anonymous_rules(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_grant g;
    c.guest_enable = true;
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    assert_int_equal(g.kind, LOGIN_GUEST);
    assert_string_equal(g.user, "kim");
    assert_int_equal(g.uid, 4003);
    assert_string_equal(g.root, in_scratch("guest"));
    assert_int_equal(g.rights, RIGHT_READ | RIGHT_LIST);
    assert_int_equal(g.umask, 077);
    assert_int_equal(g.rate, 1000);
    auth_grant_fini(&g);

    c.virtual_use_local_privs = true;
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    assert_int_equal(g.rights, RIGHT_ALL);
    assert_int_equal(g.umask, 022);
    assert_string_equal(g.root, "/");
    assert_string_equal(g.cwd, in_scratch("guest"));
    auth_grant_fini(&g);
}

static void a_guest_need_not_be_a_user_of_the_system(void **state)
{
    (void)state;
    struct config c = example();
    struct auth_grant g;
    c.guest_enable = true;
    c.pam_service_name = "permit";
    assert_int_equal(log_in(&c, "web7", "anything", &g, NULL), 0);
    assert_string_equal(g.user, "web7");
    assert_int_equal(g.uid, 4003);
    auth_grant_fini(&g);
    c.guest_enable = false;
    assert_int_equal(try_login(&c, "web7", "anything", NULL), -ENOENT);
}

static void accounts_are_asked_before_pam(void **state)
{
    (void)state;
    struct config c = example();
    struct accounts *a = NULL;
    struct auth_grant g;
    char *hash = password_hash("other");
    c.virtual_enable = true;
    c.accounts_file = in_scratch("accounts.db");
    assert_int_equal(accounts_open(c.accounts_file, true, &a), 0);
    const struct account kim = {.name = (char *)"kim", .hash = hash, .home = scratch, .rights = RIGHT_ALL};
    assert_int_equal(accounts_add(a, &kim), 0);
    free(hash);
    assert_int_equal(try_login(&c, "kim", "secret", NULL), -EACCES);
    assert_int_equal(log_in(&c, "kim", "other", &g, NULL), 0);
    assert_int_equal(g.kind, LOGIN_VIRTUAL);
    auth_grant_fini(&g);
    assert_int_equal(accounts_delete(a, "kim"), 0);
    assert_int_equal(log_in(&c, "kim", "secret", &g, NULL), 0);
    assert_int_equal(g.kind, LOGIN_LOCAL);
    auth_grant_fini(&g);
    accounts_close(&a);
}

static double clock_seconds(clockid_t clock)
{
    struct timespec t;
    assert_int_equal(clock_gettime(clock, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Processor time that this process and those it waited for have used: Linux-PAM from 1.6 on lets unix_chkpwd(8)
 * do the hashing. */
static double seconds_used(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double sum = 0;
    for (size_t i = 0; i < COUNT(whose); i++) {
        struct rusage used;
        assert_int_equal(getrusage(whose[i], &used), 0);
        sum += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Processor time of a denial. */
static double cost_of(const struct config *c, const char *user)
{
    double from = seconds_used();
    auth_denial_cost = 0;
    assert_int_equal(try_login(c, user, "wrong", NULL), -EACCES);
    double cost = seconds_used() - from;
    if (auth_denial_cost > 0)
        password_note_denial(auth_denial_cost); /* as the monitor does */
    return cost;
}

/* What user costs, in known's price: the median of several, each beside known's of that moment. */
static double cost_ratio(const struct config *c, const char *user, const char *known)
{
    double ratios[5];
    for (size_t i = 0; i < COUNT(ratios); i++) {
        double price = cost_of(c, known);
        ratios[i] = cost_of(c, user) / price;
    }
    qsort(ratios, COUNT(ratios), sizeof(ratios[0]), compare);
    return ratios[COUNT(ratios) / 2];
}

/* Half a hash more or less of two, and as much for the noise of a busy machine; a missing or a needless pair of
 * hashes is beyond that, in each of several attempts. */
static void known_and_unknown_names_cost_the_same(void **state)
{
    (void)state;
    struct config c = example();
    struct accounts *a = NULL;
    char *hash = password_hash("other");
    c.virtual_enable = true;
    c.accounts_file = in_scratch("accounts.db");
    assert_int_equal(accounts_open(c.accounts_file, true, &a), 0);
    const struct account web = {.name = (char *)"web", .hash = hash, .home = scratch, .rights = RIGHT_ALL};
    assert_int_equal(accounts_add(a, &web), 0);
    static const char *const others[] = {"stranger", "locked", "root", "../x", "web"};
    for (size_t i = 0; i < COUNT(others); i++) {
        bool same = false;
        for (int attempt = 0; attempt < 4 && !same; attempt++) {
            double ratio = cost_ratio(&c, others[i], "kim");
            print_message("%s: %.2f of kim\n", others[i], ratio);
            same = ratio > 0.55 && ratio < 1.8;
        }
        assert_true(same);
    }
    assert_int_equal(accounts_delete(a, "web"), 0);
    accounts_close(&a);
    free(hash);
}

static void a_denial_waits_for_the_next_quarter_of_a_second(void **state)
{
    (void)state;
    struct config c = example();
    double from = clock_seconds(CLOCK_MONOTONIC);
    assert_int_equal(try_login(&c, "stranger", "wrong", NULL), -EACCES);
    assert_true(clock_seconds(CLOCK_MONOTONIC) - from >= 0.249);
}

int main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        (void)fprintf(
            stderr, "SKIPPED: pam_test needs root and a mount namespace (%s); local logins are not tested\n",
            strerror(errno));
        return SKIPPED;
    }
    /* The directory is unmounted with the namespace; until then its files are pinned, not its names. */
    if (scratch_make(NULL) < 0 || write_files() != 0) {
        (void)fprintf(stderr,
                      "SKIPPED: pam_test cannot bind its files over /etc (%s); local logins are not tested\n",
                      strerror(errno));
        (void)scratch_remove(NULL);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_local_user_logs_in),
        cmocka_unit_test(everybody_else_does_not),
        cmocka_unit_test(root_never_logs_in),
        cmocka_unit_test(a_missing_service_is_named_in_the_reason),
        cmocka_unit_test(a_session_stays_open_until_it_is_closed),
        cmocka_unit_test(a_jailed_user_has_a_root_it_cannot_write),
        cmocka_unit_test(a_guest_is_somebody_else_under_anonymous_rules),
        cmocka_unit_test(a_guest_need_not_be_a_user_of_the_system),
        cmocka_unit_test(accounts_are_asked_before_pam),
        cmocka_unit_test(known_and_unknown_names_cost_the_same),
        cmocka_unit_test(a_denial_waits_for_the_next_quarter_of_a_second),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)scratch_remove(NULL);
    return failed;
}
