/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness.h"

#include <sys/mman.h>

/* --- reading ----------------------------------------------------------------------------------------- */

static void test_read_inline(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "hello", 0644);
    harness_put(h, "/empty", "", 0644);
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/a", .flags = FILE_INLINE), 0);
    assert_int_equal(h->fd, -1);
    assert_int_equal(h->reply.size, 5);
    assert_memory_equal(h->reply.data, "hello", 5);
    assert_int_equal(ASK(h, READ, .path = "/a", .flags = FILE_INLINE, .offset = 3), 0);
    assert_int_equal(h->reply.data_len, 2);
    assert_memory_equal(h->reply.data, "lo", 2);
    assert_int_equal(ASK(h, READ, .path = "/empty", .flags = FILE_INLINE), 0);
    assert_int_equal(h->reply.data_len, 0);
}

static void test_read_descriptor(void **state)
{
    struct harness *h = *state;
    char rest[8];
    harness_put(h, "/a", "hello", 0644);
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/a", .offset = 1), 0);
    assert_true(h->fd >= 0);
    assert_int_equal(read(h->fd, rest, sizeof(rest)), 4);
    assert_memory_equal(rest, "ello", 4);
    assert_int_equal(fcntl(h->fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_RDONLY);
}

static void test_rest_past_the_end(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "hello", 0644);
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/a", .flags = FILE_INLINE, .offset = 5), 0);
    assert_int_equal(h->reply.data_len, 0);
    assert_int_equal(ASK(h, READ, .path = "/a", .flags = FILE_INLINE, .offset = 6), EINVAL);
    assert_int_equal(ASK(h, READ, .path = "/a", .offset = UINT64_MAX), EINVAL);
    assert_int_equal(ASK(h, WRITE, .path = "/a", .offset = 6), EINVAL);
    assert_int_equal(ASK(h, WRITE, .path = "/absent", .offset = 6), ENOENT);
}

static void test_only_regular_files_are_read(void **state)
{
    struct harness *h = *state;
    char fifo[256];
    harness_mkdir(h, "/dir");
    harness_path(h, "/fifo", fifo, sizeof(fifo));
    assert_int_equal(mkfifo(fifo, 0666), 0);
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/dir"), EISDIR);
    assert_int_equal(ASK(h, READ, .path = "/fifo"), EINVAL); /* and at once, not when a writer comes */
    assert_int_equal(ASK(h, WRITE, .path = "/fifo"), ENXIO);
    assert_int_equal(ASK(h, READ, .path = "/absent"), ENOENT);
}

/* --- staying inside ---------------------------------------------------------------------------------- */

static void test_symlinks_stay_inside(void **state)
{
    struct harness *h = *state;
    char absolute[128];
    harness_put(h, "secret", "outside", 0666);
    harness_put(h, "/inside", "inside", 0644);
    snprintf(absolute, sizeof(absolute), "%s/secret", h->top);
    harness_link(h, "../secret", "/up");
    harness_link(h, absolute, "/absolute");
    harness_link(h, "/inside", "/fine");
    harness_link(h, "../../../..", "/top");
    harness_link(h, "loop", "/loop");
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/up"), ENOENT);
    assert_int_equal(ASK(h, READ, .path = "/absolute"), ENOENT);
    assert_int_equal(ASK(h, READ, .path = "/top/secret"), ENOENT);
    assert_int_equal(ASK(h, READ, .path = "/loop"), ELOOP);
    assert_int_equal(ASK(h, READ, .path = "/fine", .flags = FILE_INLINE), 0);
    assert_memory_equal(h->reply.data, "inside", 6);
    assert_int_equal(ASK(h, READ, .path = "/top/inside", .flags = FILE_INLINE), 0);
    /* Storing through the link makes a file inside, at most. */
    (void)ASK(h, WRITE, .path = "/up");
    assert_string_equal(harness_get(h, "secret"), "outside");
    assert_int_equal(ASK(h, DELETE, .path = "/absolute"), 0);
    assert_true(harness_exists(h, "secret"));
}

static void test_dot_dot_is_refused(void **state)
{
    struct harness *h = *state;
    static const char *const paths[] = {
        "/..", "/../secret", "/dir/../../secret", "/.", "/dir/.", "//", "/a//b", "secret", "", "/dir/"};
    harness_put(h, "secret", "outside", 0666);
    harness_mkdir(h, "/dir");
    harness_start(h);
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_int_equal(ASK(h, READ, .path = paths[i]), EINVAL);
        assert_int_equal(ASK(h, DELETE, .path = paths[i]), EINVAL);
        assert_int_equal(ASK(h, RENAME, .path = "/dir", .path2 = paths[i]), EINVAL);
        assert_int_equal(ASK(h, LIST, .path = paths[i], .mode = LIST_FACTS_ONE), EINVAL);
    }
}

/* Magic links under /proc lead anywhere, whatever the path says: the root is a directory that has them. */
static void test_proc_magic_links(void **state)
{
    struct harness *h = *state;
    char root[64];
    snprintf(root, sizeof(root), "/proc/%d", getpid());
    h->grant.root = root;
    if (geteuid() == 0)
        h->grant.root_as_user = false;
    harness_start(h);
    static const char *const paths[] = {"/root/etc/passwd", "/cwd", "/exe", "/fd/0"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        int error = ASK(h, READ, .path = paths[i]);
        assert_true(error == ELOOP || error == EACCES);
    }
}

/* A link that changes while it is walked (CVE-2017-7418). */
static void test_swapped_symlink(void **state)
{
    struct harness *h = *state;
    char dir[256], link[256], aside[256];
    harness_mkdir(h, "outside");
    harness_put(h, "outside/file", "outside", 0666);
    harness_mkdir(h, "/real");
    harness_put(h, "/real/file", "inside", 0644);
    harness_link(h, "../outside", "/bad");
    harness_path(h, "/real", dir, sizeof(dir));
    harness_path(h, "/bad", link, sizeof(link));
    harness_path(h, "/aside", aside, sizeof(aside));
    harness_start(h);
    pid_t swapper = fork();
    assert_true(swapper >= 0);
    if (swapper == 0) {
        for (;;)
            (void)renameat2(AT_FDCWD, dir, AT_FDCWD, link, RENAME_EXCHANGE);
    }
    unsigned inside = 0;
    for (int i = 0; i < 5000; i++) {
        int error = ASK(h, READ, .path = "/real/file", .flags = FILE_INLINE);
        assert_true(error == 0 || error == ENOENT || error == EAGAIN);
        if (error == 0) {
            assert_memory_equal(h->reply.data, "inside", 6);
            inside++;
        }
        error = ASK(h, WRITE, .path = "/real/new");
        if (error == 0)
            assert_int_equal(ASK(h, END, .upload = h->reply.upload, .flags = FILE_WHOLE), 0);
    }
    kill(swapper, SIGKILL);
    waitpid(swapper, NULL, 0);
    assert_true(inside > 0);
    assert_false(harness_exists(h, "outside/new"));
}

/* --- changing ---------------------------------------------------------------------------------------- */

static void test_directories(void **state)
{
    struct harness *h = *state;
    harness_start(h);
    assert_int_equal(ASK(h, MKDIR, .path = "/d", .umask = 027), 0);
    assert_int_equal(ASK(h, STAT, .path = "/d"), 0);
    assert_int_equal(h->reply.mode, S_IFDIR | 0750);
    assert_int_equal(ASK(h, MKDIR, .path = "/d"), EEXIST);
    assert_int_equal(ASK(h, MKDIR, .path = "/"), EEXIST);
    assert_int_equal(ASK(h, MKDIR, .path = "/x/y"), ENOENT);
    assert_int_equal(ASK(h, CHDIR, .path = "/d"), 0);
    assert_int_equal(ASK(h, DELETE, .path = "/d"), EISDIR);
    assert_int_equal(ASK(h, RMDIR, .path = "/d"), 0);
    assert_int_equal(ASK(h, RMDIR, .path = "/"), EBUSY);
    assert_int_equal(ASK(h, CHDIR, .path = "/d"), ENOENT);
}

static void test_chdir_wants_search_permission(void **state)
{
    struct harness *h = *state;
    char path[256];
    harness_mkdir(h, "/closed");
    harness_put(h, "/file", "", 0644);
    harness_path(h, "/closed", path, sizeof(path));
    assert_int_equal(chmod(path, 0600), 0);
    harness_start(h);
    assert_int_equal(ASK(h, CHDIR, .path = "/closed"), EACCES);
    assert_int_equal(ASK(h, CHDIR, .path = "/file"), ENOTDIR);
    assert_int_equal(ASK(h, CHDIR, .path = "/"), 0);
}

static void test_message_file(void **state)
{
    struct harness *h = *state;
    harness_mkdir(h, "/d");
    harness_put(h, "/d/.message", "Welcome\nin d\n", 0644);
    h->c->dirmessage_enable = true;
    harness_start(h);
    assert_int_equal(ASK(h, CHDIR, .path = "/d"), 0);
    assert_string_equal(h->reply.text, "Welcome\nin d\n");
    assert_int_equal(ASK(h, CHDIR, .path = "/"), 0);
    assert_string_equal(h->reply.text, "");
}

static void test_delete_and_rename_say_what_they_freed(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "12345", 0644);
    harness_put(h, "/b", "123", 0644);
    harness_start(h);
    assert_int_equal(ASK(h, RENAME, .path = "/a", .path2 = "/b"), 0);
    assert_int_equal(h->reply.freed, 3);
    assert_int_equal(h->reply.freed_files, 1);
    assert_int_equal(ASK(h, RENAME, .path = "/b", .path2 = "/b"), 0);
    assert_int_equal(h->reply.freed_files, 0);
    assert_int_equal(ASK(h, DELETE, .path = "/b"), 0);
    assert_int_equal(h->reply.freed, 5);
    assert_int_equal(h->reply.freed_files, 1);
    assert_int_equal(ASK(h, DELETE, .path = "/b"), ENOENT);
}

static void test_rename_between_directories(void **state)
{
    struct harness *h = *state;
    harness_mkdir(h, "/x");
    harness_mkdir(h, "/y");
    harness_put(h, "/x/a", "1", 0644);
    harness_start(h);
    assert_int_equal(ASK(h, RENAME, .path = "/x/a", .path2 = "/y/b"), 0);
    assert_true(harness_exists(h, "/y/b"));
}

static void test_links_are_not_followed_when_removed(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/target", "1", 0644);
    harness_mkdir(h, "/dir");
    harness_link(h, "target", "/link");
    harness_link(h, "dir", "/dirlink");
    harness_start(h);
    assert_int_equal(ASK(h, DELETE, .path = "/link"), 0);
    assert_int_equal(h->reply.freed_files, 0);
    assert_int_equal(ASK(h, RMDIR, .path = "/dirlink"), ENOTDIR);
    assert_true(harness_exists(h, "/target"));
    assert_int_equal(ASK(h, RENAME, .path = "/dirlink", .path2 = "/other"), 0);
    assert_true(harness_exists(h, "/dir"));
}

static void test_chmod_and_utime(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "1", 0000);
    harness_mkdir(h, "/d");
    harness_start(h);
    assert_int_equal(ASK(h, CHMOD, .path = "/a", .mode = 06640), 0);
    assert_int_equal(ASK(h, UTIME, .path = "/a", .time = 1000000000), 0);
    assert_int_equal(ASK(h, STAT, .path = "/a"), 0);
    assert_int_equal(h->reply.mode, S_IFREG | 0640);
    assert_int_equal(h->reply.mtime, 1000000000);
    assert_int_equal(ASK(h, CHMOD, .path = "/d", .mode = 0700), 0);
    assert_int_equal(ASK(h, CHMOD, .path = "/absent", .mode = 0700), ENOENT);
}

/* The time is kept, but for the grain of FAT, or it is an error and the file is as it was: which, is the file
 * system's. */
static void test_times_that_a_file_system_may_not_keep(void **state)
{
    struct harness *h = *state;
    static const int64_t times[] = {
        -62167219200, /* year 0 */
        -2147483649,  -2147483648,  -1,         0,
        2147483647,   2147483648,   4294967296, 15032385535, /* the last of ext4 */
        15032385536,  253402300799,                          /* year 9999 */
    };
    char path[512];
    struct stat st;
    harness_put(h, "/a", "1", 0644);
    harness_path(h, "/a", path, sizeof(path));
    harness_start(h);
    for (size_t i = 0; i < COUNT(times); i++) {
        const struct timespec before[2] = {{.tv_sec = 7}, {.tv_sec = 1000000000, .tv_nsec = 42}};
        assert_int_equal(utimensat(AT_FDCWD, path, before, 0), 0);
        int error = ASK(h, UTIME, .path = "/a", .time = times[i]);
        assert_int_equal(stat(path, &st), 0);
        if (error == 0) {
            assert_in_range(st.st_mtime - times[i] + 2, 0, 4);
            assert_int_equal(h->reply.mtime, st.st_mtime);
            continue;
        }
        assert_int_equal(error, ERANGE);
        assert_memory_equal(&st.st_mtim, &before[1], sizeof(before[1]));
        assert_int_equal(st.st_atime, 7);
    }
}

static void test_space_and_usage(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "12345", 0644);
    harness_mkdir(h, "/d");
    harness_mkdir(h, "/d/e");
    harness_put(h, "/d/e/b", "123", 0644);
    harness_link(h, "/", "/d/e/up");
    harness_start(h);
    assert_int_equal(ASK(h, SPACE, .path = "/d"), 0);
    assert_true(h->reply.size > 0);
    assert_int_equal(ASK(h, USAGE), 0);
    assert_int_equal(h->reply.size, 8);
    assert_int_equal(h->reply.files, 2);
    /* A quota can't be escaped by closing a directory of one's own. */
    assert_int_equal(ASK(h, CHMOD, .path = "/d", .mode = 0), 0);
    assert_int_equal(ASK(h, USAGE), EACCES);
    assert_int_equal(ASK(h, CHMOD, .path = "/d", .mode = 0755), 0);
}

/* --- what is not allowed ----------------------------------------------------------------------------- */

static void test_rights_are_enforced(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "1", 0644);
    h->grant.rights = 0;
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/a"), EACCES);
    assert_int_equal(ASK(h, WRITE, .path = "/b"), EACCES);
    assert_int_equal(ASK(h, LIST, .path = "/"), EACCES);
    assert_int_equal(ASK(h, MKDIR, .path = "/b"), EACCES);
    assert_int_equal(ASK(h, RMDIR, .path = "/b"), EACCES);
    assert_int_equal(ASK(h, DELETE, .path = "/a"), EACCES);
    assert_int_equal(ASK(h, RENAME, .path = "/a", .path2 = "/b"), EACCES);
    assert_int_equal(ASK(h, CHMOD, .path = "/a", .mode = 0600), EACCES);
    assert_int_equal(ASK(h, UTIME, .path = "/a"), EACCES);
    assert_int_equal(ASK(h, STAT, .path = "/a"), 0);
}

static void test_without_replace_nothing_is_overwritten(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "old", 0644);
    harness_put(h, "/b", "old", 0644);
    h->grant.rights = RIGHT_ALL & ~RIGHT_REPLACE;
    harness_start(h);
    assert_int_equal(ASK(h, WRITE, .path = "/a"), EEXIST);
    assert_int_equal(ASK(h, WRITE, .path = "/a", .flags = FILE_APPEND), EEXIST);
    assert_int_equal(ASK(h, WRITE, .path = "/a", .offset = 1), EEXIST);
    assert_int_equal(ASK(h, WRITE, .path = "/a", .flags = FILE_ATOMIC), EEXIST);
    assert_int_equal(ASK(h, RENAME, .path = "/a", .path2 = "/b"), EEXIST);
    assert_int_equal(ASK(h, RENAME, .path = "/a", .path2 = "/c"), 0);
    assert_string_equal(harness_get(h, "/b"), "old");
}

static void test_anonymous_reads_what_the_world_may(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/open", "1", 0644);
    harness_put(h, "/upload", "1", 0600);
    h->grant.kind = LOGIN_ANONYMOUS;
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/open"), 0);
    assert_int_equal(ASK(h, READ, .path = "/upload"), EACCES);
}

static void test_deny_file(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/song.mp3", "1", 0644);
    harness_mkdir(h, "/.private");
    harness_put(h, "/.private/a", "1", 0644);
    h->c->deny_file = strdup("{*.mp3,.private}");
    harness_start(h);
    assert_int_equal(ASK(h, READ, .path = "/song.mp3"), EPERM);
    assert_int_equal(ASK(h, STAT, .path = "/song.mp3"), EPERM);
    assert_int_equal(ASK(h, DELETE, .path = "/song.mp3"), EPERM);
    assert_int_equal(ASK(h, WRITE, .path = "/new.mp3"), EPERM);
    assert_int_equal(ASK(h, RENAME, .path = "/song.mp3", .path2 = "/song"), EPERM);
    assert_int_equal(ASK(h, MKDIR, .path = "/song"), 0);
    assert_int_equal(ASK(h, RENAME, .path = "/song", .path2 = "/x.mp3"), EPERM);
    assert_int_equal(ASK(h, READ, .path = "/.private/a"), EPERM);
    assert_int_equal(ASK(h, CHDIR, .path = "/.private"), EPERM);
}

static void test_broken_protocol_ends_the_broker(void **state)
{
    struct harness *h = *state;
    struct ipc_message m = {.type = MSG_FILE_READ, .payload = (const uint8_t *)"junk", .len = 4, .fd = -1};
    harness_start(h);
    assert_int_equal(ASK(h, STAT, .path = "/"), 0);
    assert_int_equal(ipc_send(h->sock, &m), 0);
    struct pollfd p = {.fd = h->sock, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(harness_stop(h), 1);
}

/* Threads: a request that waits (here for nothing, so only many at once can be shown) holds up nobody. */
static void test_many_requests_at_once(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "hello", 0644);
    harness_start(h);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 40; i++)
            harness_send(h, MSG_FILE_READ, &(struct file_request){.path = "/a", .flags = FILE_INLINE});
        for (int i = 0; i < 40; i++) {
            assert_int_equal(harness_receive(h), 0);
            assert_int_equal(h->reply.data_len, 5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_read_inline),
        HARNESS_TEST(test_read_descriptor),
        HARNESS_TEST(test_rest_past_the_end),
        HARNESS_TEST(test_only_regular_files_are_read),
        HARNESS_TEST(test_symlinks_stay_inside),
        HARNESS_TEST(test_dot_dot_is_refused),
        HARNESS_TEST(test_proc_magic_links),
        HARNESS_TEST(test_swapped_symlink),
        HARNESS_TEST(test_directories),
        HARNESS_TEST(test_chdir_wants_search_permission),
        HARNESS_TEST(test_message_file),
        HARNESS_TEST(test_delete_and_rename_say_what_they_freed),
        HARNESS_TEST(test_rename_between_directories),
        HARNESS_TEST(test_links_are_not_followed_when_removed),
        HARNESS_TEST(test_chmod_and_utime),
        HARNESS_TEST(test_times_that_a_file_system_may_not_keep),
        HARNESS_TEST(test_space_and_usage),
        HARNESS_TEST(test_rights_are_enforced),
        HARNESS_TEST(test_without_replace_nothing_is_overwritten),
        HARNESS_TEST(test_anonymous_reads_what_the_world_may),
        HARNESS_TEST(test_deny_file),
        HARNESS_TEST(test_broken_protocol_ends_the_broker),
        HARNESS_TEST(test_many_requests_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
