/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness.h"

#include "server/broker/resolve.h"

#include <dirent.h>

/* Starts an upload, writes content, and leaves it open in h->fd; its number. */
static uint32_t begin(struct harness *h, const char *path, uint32_t flags, const char *content)
{
    assert_int_equal(ASK(h, WRITE, .path = path, .flags = flags, .umask = 027), 0);
    assert_true(h->fd >= 0);
    assert_int_equal(write(h->fd, content, strlen(content)), (ssize_t)strlen(content));
    return h->reply.upload;
}

/* Names in the root that begin with prefix. */
static unsigned count_names(const struct harness *h, const char *prefix)
{
    unsigned count = 0;
    DIR *d = opendir(h->root);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.' || strncmp(e->d_name, UPLOAD_PREFIX, strlen(UPLOAD_PREFIX)) == 0
                     ? strncmp(e->d_name, prefix, strlen(prefix)) == 0
                     : 0;
    closedir(d);
    return count;
}

static void test_in_place(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/old", "12345", 0600);
    harness_start(h);
    uint32_t upload = begin(h, "/new", 0, "hello");
    assert_int_equal(h->reply.files, 1);
    assert_string_equal(harness_get(h, "/new"), "hello");
    assert_int_equal(ASK(h, END, .upload = upload, .flags = FILE_WHOLE), 0);
    assert_int_equal(ASK(h, END, .upload = upload, .flags = FILE_WHOLE), EBADF);
    assert_int_equal(ASK(h, STAT, .path = "/new"), 0);
    assert_int_equal(h->reply.mode, S_IFREG | 0640);
    (void)begin(h, "/old", 0, "x");
    assert_int_equal(h->reply.files, 0);
    assert_int_equal(h->reply.size, 5);
    assert_int_equal(h->reply.freed, 5);
    assert_string_equal(harness_get(h, "/old"), "x");
}

static void test_append_and_resume(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "12345", 0600);
    harness_start(h);
    uint32_t upload = begin(h, "/a", FILE_APPEND | FILE_ATOMIC, "67");
    assert_int_equal(ASK(h, END, .upload = upload, .flags = FILE_WHOLE), 0);
    assert_string_equal(harness_get(h, "/a"), "1234567");
    assert_int_equal(ASK(h, WRITE, .path = "/a", .offset = 2), 0);
    assert_int_equal(write(h->fd, "xx", 2), 2);
    assert_string_equal(harness_get(h, "/a"), "12xx567");
}

static void test_delete_failed_uploads(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/old", "12345", 0600);
    h->c->delete_failed_uploads = true;
    harness_start(h);
    uint32_t upload = begin(h, "/new", 0, "hello");
    assert_int_equal(ASK(h, END, .upload = upload), 0);
    assert_int_equal(h->reply.freed, 5);
    assert_int_equal(h->reply.freed_files, 1);
    assert_false(harness_exists(h, "/new"));
    upload = begin(h, "/old", FILE_APPEND, "x"); /* what was there before is not ours to delete */
    assert_int_equal(ASK(h, END, .upload = upload), 0);
    assert_string_equal(harness_get(h, "/old"), "12345x");
    upload = begin(h, "/swap", 0, "hello");
    harness_put(h, "other", "other", 0644);
    char from[256], to[256];
    harness_path(h, "other", from, sizeof(from));
    harness_path(h, "/swap", to, sizeof(to));
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(ASK(h, END, .upload = upload), 0);
    assert_string_equal(harness_get(h, "/swap"), "other");
}

static void test_failed_uploads_stay_by_default(void **state)
{
    struct harness *h = *state;
    harness_start(h);
    uint32_t upload = begin(h, "/new", 0, "hello");
    assert_int_equal(ASK(h, END, .upload = upload), 0);
    assert_string_equal(harness_get(h, "/new"), "hello");
}

static void test_two_uploads_to_one_name(void **state)
{
    struct harness *h = *state;
    harness_start(h);
    (void)begin(h, "/new", 0, "hello");
    int first = h->fd;
    h->fd = -1;
    assert_int_equal(ASK(h, WRITE, .path = "/new"), EAGAIN);
    assert_int_equal(ASK(h, READ, .path = "/new"), EAGAIN);
    assert_string_equal(harness_get(h, "/new"), "hello");
    close(first);
    assert_int_equal(ASK(h, READ, .path = "/new"), 0);
}

static void test_atomic_appears_when_whole(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "old", 0604);
    harness_start(h);
    uint32_t upload = begin(h, "/a", FILE_ATOMIC, "new content");
    assert_int_equal(h->reply.freed, 0);
    assert_int_equal(h->reply.files, 1);
    assert_string_equal(harness_get(h, "/a"), "old");
    assert_int_equal(count_names(h, UPLOAD_PREFIX), 1);
    assert_int_equal(ASK(h, LIST, .path = "/", .flags = FILE_LIST_ALL, .mode = LIST_NAMES), 0);
    char *text = harness_text(h, NULL);
    assert_string_equal(text, ".\r\n..\r\na\r\n");
    free(text);
    assert_int_equal(ASK(h, END, .upload = upload, .flags = FILE_WHOLE), 0);
    assert_int_equal(h->reply.freed, 3);
    assert_int_equal(h->reply.freed_files, 1);
    assert_string_equal(harness_get(h, "/a"), "new content");
    assert_int_equal(count_names(h, UPLOAD_PREFIX), 0);
    assert_int_equal(ASK(h, STAT, .path = "/a"), 0);
    assert_int_equal(h->reply.mode, S_IFREG | 0604);
}

static void test_atomic_dropped(void **state)
{
    struct harness *h = *state;
    harness_start(h);
    uint32_t upload = begin(h, "/a", FILE_ATOMIC, "new");
    assert_int_equal(ASK(h, END, .upload = upload), 0);
    assert_int_equal(h->reply.freed, 3);
    assert_int_equal(count_names(h, ""), 0);
    assert_int_equal(ASK(h, MKDIR, .path = "/d"), 0);
    assert_int_equal(ASK(h, WRITE, .path = "/d", .flags = FILE_ATOMIC), EISDIR);
    assert_int_equal(ASK(h, WRITE, .path = "/", .flags = FILE_ATOMIC), EISDIR);
}

/* Without the right to replace, a file that came meanwhile wins. */
static void test_atomic_never_replaces_without_the_right(void **state)
{
    struct harness *h = *state;
    h->grant.rights = RIGHT_ALL & ~RIGHT_REPLACE;
    harness_start(h);
    uint32_t upload = begin(h, "/a", FILE_ATOMIC, "late");
    harness_put(h, "/a", "early", 0644);
    assert_int_equal(ASK(h, END, .upload = upload, .flags = FILE_WHOLE), EEXIST);
    assert_string_equal(harness_get(h, "/a"), "early");
    assert_int_equal(count_names(h, UPLOAD_PREFIX), 0);
    upload = begin(h, "/b", FILE_ATOMIC, "fine");
    assert_int_equal(ASK(h, END, .upload = upload, .flags = FILE_WHOLE), 0);
    assert_string_equal(harness_get(h, "/b"), "fine");
}

static void test_hidden_names_are_out_of_reach(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/" UPLOAD_PREFIX "a.0123456789ab", "half", 0644);
    harness_put(h, "/b", "1", 0644);
    harness_start(h);
    const char *path = "/" UPLOAD_PREFIX "a.0123456789ab";
    assert_int_equal(ASK(h, READ, .path = path), ENOENT);
    assert_int_equal(ASK(h, STAT, .path = path), ENOENT);
    assert_int_equal(ASK(h, DELETE, .path = path), ENOENT);
    assert_int_equal(ASK(h, RENAME, .path = path, .path2 = "/mine"), ENOENT);
    assert_int_equal(ASK(h, RENAME, .path = "/b", .path2 = path), ENOENT);
    assert_int_equal(ASK(h, WRITE, .path = path), ENOENT);
    assert_int_equal(ASK(h, LIST, .path = path), ENOENT);
}

static void test_the_end_of_the_worker_removes_what_was_half(void **state)
{
    struct harness *h = *state;
    harness_start(h);
    (void)begin(h, "/a", FILE_ATOMIC, "half");
    (void)begin(h, "/b", 0, "half");
    assert_int_equal(harness_stop(h), 0);
    assert_int_equal(count_names(h, UPLOAD_PREFIX), 0);
    assert_false(harness_exists(h, "/a"));
    assert_true(harness_exists(h, "/b")); /* as vsftpd, without delete_failed_uploads */
}

static void test_the_end_of_the_worker_with_delete_failed_uploads(void **state)
{
    struct harness *h = *state;
    h->c->delete_failed_uploads = true;
    harness_start(h);
    for (int i = 0; i < 20; i++) {
        char path[16];
        snprintf(path, sizeof(path), "/f%d", i);
        (void)begin(h, path, 0, "half");
    }
    assert_int_equal(harness_stop(h), 0);
    assert_int_equal(count_names(h, ""), 0);
}

static void test_unique(void **state)
{
    struct harness *h = *state;
    static const uint32_t ways[] = {FILE_UNIQUE, FILE_UNIQUE | FILE_ATOMIC};
    harness_put(h, "/a", "0", 0644);
    harness_start(h);
    for (size_t i = 0; i < COUNT(ways); i++) {
        char expected[8];
        uint32_t uploads[2];
        for (unsigned k = 0; k < 2; k++) {
            uploads[k] = begin(h, "/a", ways[i], "x");
            snprintf(expected, sizeof(expected), "a.%u", (unsigned)i * 2 + k + 1);
            assert_string_equal(h->reply.text, expected);
        }
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(ASK(h, END, .upload = uploads[k], .flags = FILE_WHOLE), 0);
    }
    assert_string_equal(harness_get(h, "/a"), "0");
    assert_string_equal(harness_get(h, "/a.4"), "x");
}

/* A machine that crashed leaves hidden files: a listing removes old ones that nobody holds. */
static void test_stale_uploads_are_swept(void **state)
{
    struct harness *h = *state;
    char path[256];
    static const char *const names[] = {"/" UPLOAD_PREFIX "old.0", "/" UPLOAD_PREFIX "busy.0",
                                        "/" UPLOAD_PREFIX "young.0"};
    for (size_t i = 0; i < COUNT(names); i++) {
        harness_put(h, names[i], "half", 0644);
        struct timespec times[2] = {{.tv_sec = time(NULL) - 2 * 24 * 60 * 60}};
        times[1] = times[0];
        harness_path(h, names[i], path, sizeof(path));
        if (i != 2)
            assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    harness_path(h, names[1], path, sizeof(path));
    int busy = open(path, O_WRONLY | O_CLOEXEC);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(busy, F_OFD_SETLK, &whole), 0);
    harness_start(h);
    assert_int_equal(ASK(h, LIST, .path = "/", .mode = LIST_NAMES), 0);
    assert_int_equal(h->reply.data_len, 0);
    assert_false(harness_exists(h, names[0]));
    assert_true(harness_exists(h, names[1]));
    assert_true(harness_exists(h, names[2]));
    close(busy);
}

/* Is the file read, if a lock on it goes an instant after it was asked for? */
static bool is_read_after_a_lock(struct harness *h)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[512];
    harness_path(h, "/a", path, sizeof(path));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
    harness_send(h, MSG_FILE_READ, &(struct file_request){.path = "/a"});
    (void)poll(NULL, 0, 5);
    close(fd);
    return harness_receive(h) == 0;
}

/* RETR on the heels of STOR's 226: the descriptor of the upload may live an instant longer than its reply
 * takes. On a machine so busy that we sleep through the broker's patience, another try is due. */
static void test_reading_what_was_just_stored(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a", "1", 0666);
    harness_start(h);
    bool is_read = false;
    for (int tries = 0; tries < 10 && !is_read; tries++)
        is_read = is_read_after_a_lock(h);
    assert_true(is_read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_in_place),
        HARNESS_TEST(test_append_and_resume),
        HARNESS_TEST(test_delete_failed_uploads),
        HARNESS_TEST(test_failed_uploads_stay_by_default),
        HARNESS_TEST(test_two_uploads_to_one_name),
        HARNESS_TEST(test_atomic_appears_when_whole),
        HARNESS_TEST(test_atomic_dropped),
        HARNESS_TEST(test_atomic_never_replaces_without_the_right),
        HARNESS_TEST(test_hidden_names_are_out_of_reach),
        HARNESS_TEST(test_the_end_of_the_worker_removes_what_was_half),
        HARNESS_TEST(test_the_end_of_the_worker_with_delete_failed_uploads),
        HARNESS_TEST(test_unique),
        HARNESS_TEST(test_stale_uploads_are_swept),
        HARNESS_TEST(test_reading_what_was_just_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
