/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/tls_files.h"

#include "certificates.h"
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct tls_file files[] = {
    {TLS_FILE_CHAIN, "/etc/ssl/a.pem", "one\0two", 7},
    {TLS_FILE_OCSP, "/etc/ssl/a.pem.ocsp", "", 0},
    {TLS_FILE_CHAIN, "", "x", 1},
    {TLS_FILE_AUTHORITIES, "/etc/ssl/\xff\n.pem", "authorities", 11},
};

static int memory(const void *bytes, size_t len)
{
    int fd = memfd_create("files", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    return fd;
}

/* The files above, as bytes; malloc'ed. ends: where each of them does. */
static uint8_t *written(size_t *ret_len, size_t ends[COUNT(files)])
{
    int fd = memory("", 0);
    for (size_t i = 0; i < COUNT(files); i++) {
        assert_int_equal(tls_files_add(fd, &files[i]), 0);
        ends[i] = (size_t)lseek(fd, 0, SEEK_END);
    }
    *ret_len = ends[COUNT(files) - 1];
    uint8_t *bytes = malloc(*ret_len);
    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, *ret_len, 0), *ret_len);
    close(fd);
    return bytes;
}

/* Expects them in their order. */
static int compare(void *ctx, const struct tls_file *f)
{
    size_t i = (*(size_t *)ctx)++;
    assert_in_range(i, 0, COUNT(files) - 1);
    assert_int_equal(f->kind, files[i].kind);
    assert_string_equal(f->path, files[i].path);
    assert_int_equal(f->len, files[i].len);
    assert_memory_equal(f->bytes, files[i].bytes, f->len);
    return 0;
}

static void round_trip(void **state)
{
    size_t len, ends[COUNT(files)], count = 0;
    (void)state;
    uint8_t *bytes = written(&len, ends);
    int fd = memory(bytes, len);
    for (unsigned i = 1; i <= 2; i++) { /* wherever the descriptor stands */
        assert_int_equal(tls_files_each(fd, compare, &count), 0);
        assert_int_equal(count, COUNT(files));
        count = 0;
    }
    close(fd);
    free(bytes);
}

static int stop_at_second(void *ctx, const struct tls_file *f)
{
    (void)f;
    return ++*(size_t *)ctx == 2 ? -ENOENT : 0;
}

static void an_error_ends_it(void **state)
{
    size_t len, ends[COUNT(files)], count = 0;
    (void)state;
    uint8_t *bytes = written(&len, ends);
    int fd = memory(bytes, len);
    assert_int_equal(tls_files_each(fd, stop_at_second, &count), -ENOENT);
    assert_int_equal(count, 2);
    close(fd);
    free(bytes);
}

/* Where a file ends there are fewer; anywhere else it is -EBADMSG, after those that are whole. */
static void every_truncation(void **state)
{
    size_t whole, ends[COUNT(files)];
    (void)state;
    uint8_t *bytes = written(&whole, ends);
    for (size_t len = 0; len < whole; len++) {
        size_t count = 0, expected = 0;
        int fd = memory(bytes, len);
        while (ends[expected] <= len)
            expected++;
        bool is_at_end = len == (expected > 0 ? ends[expected - 1] : 0);
        assert_int_equal(tls_files_each(fd, compare, &count), is_at_end ? 0 : -EBADMSG);
        assert_int_equal(count, expected);
        close(fd);
    }
    free(bytes);
}

static int touch_all(void *ctx, const struct tls_file *f)
{
    const uint8_t *bytes = f->bytes;
    assert_true(f->kind < TLS_FILE_KINDS);
    *(size_t *)ctx += strlen(f->path);
    for (size_t i = 0; i < f->len; i++)
        *(size_t *)ctx += bytes[i];
    return 0;
}

/* Each byte changed, and each four of them to the largest number: an error or other files, all of them inside. */
static void every_change(void **state)
{
    size_t len, ends[COUNT(files)], sum = 0;
    (void)state;
    uint8_t *bytes = written(&len, ends);
    for (size_t i = 0; i < 2 * len; i++) {
        uint8_t *changed = malloc(len);
        memcpy(changed, bytes, len);
        if (i < len)
            changed[i] ^= 0x80;
        else
            memset(changed + (i - len), 0xff, 2 * len - i < 4 ? 2 * len - i : 4);
        int fd = memory(changed, len);
        int r = tls_files_each(fd, touch_all, &sum);
        assert_true(r == 0 || r == -EBADMSG);
        close(fd);
        free(changed);
    }
    free(bytes);
}

static void lengths_that_lie(void **state)
{
    static const struct {
        uint32_t kind, path_len;
        uint64_t len;
    } rows[] = {
        {TLS_FILE_KINDS, 1, 0},
        {UINT32_MAX, 1, 0},
        {0, 0, 0},
        {0, UINT32_MAX, 0},
        {0, 1, UINT64_MAX},
        {0, 1, UINT64_MAX - 16},
        {0, 1, 1},
        {0, 2, UINT64_MAX - 1},
        {0, UINT32_MAX, UINT64_MAX},
        {0, 2, 0},
        {0, 1, (uint64_t)1 << 63},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[17] = {0};
        size_t sum = 0;
        memcpy(bytes, &rows[i], 16);
        int fd = memory(bytes, sizeof(bytes));
        assert_int_equal(tls_files_each(fd, touch_all, &sum), -EBADMSG);
        close(fd);
    }
    /* A path without its end. */
    const struct tls_file f = {TLS_FILE_CHAIN, "path", "", 0};
    size_t sum = 0;
    int fd = memory("", 0);
    assert_int_equal(tls_files_add(fd, &f), 0);
    assert_int_equal(pwrite(fd, "h", 1, lseek(fd, 0, SEEK_END) - 1), 1);
    assert_int_equal(tls_files_each(fd, touch_all, &sum), -EBADMSG);
    close(fd);
}

static void no_file_at_all(void **state)
{
    size_t count = 0;
    int ends[2];
    (void)state;
    assert_int_equal(tls_files_each(-1, compare, &count), -EBADF);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(tls_files_each(ends[0], compare, &count), -ESPIPE);
    assert_int_equal(tls_files_add(-1, &files[0]), -EBADF);
    close(ends[0]);
    close(ends[1]);
}

/* --- used -------------------------------------------------------------------------------------------- */

static void used(void **state)
{
    char why[TLS_WHY_MAX];
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certify(key, &(struct certificate_wish){.name = "a"});
    char *pem = pem_of(x, NULL, NULL, NULL);
    struct config *c = config_new();
    const struct {
        struct tls_file file;
        const char *why; /* NULL: it is of use */
    } rows[] = {
        {{TLS_FILE_CHAIN, "/a", pem, strlen(pem)}, NULL},
        {{TLS_FILE_AUTHORITIES, "/a", pem, strlen(pem)}, NULL},
        {{TLS_FILE_CHAIN, "/b", pem, 100}, "/b is no certificate"},
        {{TLS_FILE_CHAIN, "/b", "", 0}, "/b is no certificate"},
        {{TLS_FILE_AUTHORITIES, "/c", "no", 2}, "/c has no certificate"},
        {{TLS_FILE_OCSP, "/d", pem, strlen(pem)}, "/d is no answer of an OCSP responder"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = memory("", 0);
        assert_int_equal(tls_files_add(fd, &rows[0].file), 0);
        assert_int_equal(tls_files_add(fd, &rows[i].file), 0);
        struct tls_server *server = tls_files_use(c, fd, NULL, NULL, why);
        if (rows[i].why) {
            assert_null(server);
            assert_memory_equal(why, rows[i].why, strlen(rows[i].why));
        } else
            assert_non_null(server);
        tls_server_free(&server);
        close(fd);
    }
    int fd = memory("rubbish", 7);
    assert_null(tls_files_use(c, fd, NULL, NULL, why));
    assert_string_equal(why, "what the key process wrote cannot be read");
    close(fd);
    config_free(&c);
    free(pem);
    X509_free(x);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(an_error_ends_it),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_change),
        cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(no_file_at_all),
        cmocka_unit_test(used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
