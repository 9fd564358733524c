/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/write_behind.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is at that place of the content. */
static char byte_at(uint64_t at)
{
    return (char)(at * 2654435761u >> 24);
}

static void all_of_it_in_order(void **state)
{
    static const size_t lengths[] = {WRITE_BEHIND_BLOCK, 1, 4096, WRITE_BEHIND_BLOCK, 70000,
                                     WRITE_BEHIND_BLOCK, 3};
    int fd = memfd_create("content", MFD_CLOEXEC);
    struct write_behind *w = write_behind_begin(fd);
    unsigned long long written, total = 0;
    (void)state;
    assert_non_null(w);
    for (size_t i = 0; i < 20 * COUNT(lengths); i++) {
        size_t len = lengths[i % COUNT(lengths)];
        char *block = write_behind_block(w);
        for (size_t n = 0; n < len; n++)
            block[n] = byte_at(total + n);
        total += len;
        assert_int_equal(write_behind_put(w, len), 0);
    }
    assert_int_equal(write_behind_end(&w, &written), 0);
    assert_null(w);
    assert_int_equal(written, total);
    assert_int_equal(lseek(fd, 0, SEEK_END), total);
    const char *content = mmap(NULL, total, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(content, MAP_FAILED);
    for (uint64_t at = 0; at < total; at++) {
        if (content[at] != byte_at(at))
            fail_msg("another byte at %llu", (unsigned long long)at);
    }
    assert_int_equal(munmap((void *)content, total), 0);
    close(fd);
}

static void nothing_at_all(void **state)
{
    int fd = memfd_create("content", MFD_CLOEXEC);
    struct write_behind *w = write_behind_begin(fd);
    unsigned long long written = 7;
    (void)state;
    assert_non_null(w);
    assert_non_null(write_behind_block(w));
    assert_int_equal(write_behind_put(w, 0), 0);
    assert_int_equal(write_behind_end(&w, &written), 0);
    assert_int_equal(written, 0);
    close(fd);
}

static void a_full_disk_is_told(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct write_behind *w = write_behind_begin(fd);
    unsigned long long written;
    int error = 0;
    (void)state;
    assert_non_null(w);
    for (int i = 0; i < 4; i++) { /* the third block is had when the first was tried */
        memset(write_behind_block(w), 'x', 100);
        error = write_behind_put(w, 100);
    }
    assert_int_equal(error, -ENOSPC);
    assert_int_equal(write_behind_end(&w, &written), -ENOSPC);
    assert_int_equal(written, 0);
    close(fd);
}

static void one_block_that_fails_is_told_at_the_end(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct write_behind *w = write_behind_begin(fd);
    unsigned long long written;
    (void)state;
    assert_non_null(w);
    *write_behind_block(w) = 'x';
    (void)!write_behind_put(w, 1); /* it may know already */
    assert_int_equal(write_behind_end(&w, &written), -ENOSPC);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_in_order),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(one_block_that_fails_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
