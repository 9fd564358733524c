/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/file_error.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

static void expect(int error, int code, const char *text)
{
    char got[160];
    assert_int_equal(file_error_answer(error, 550, "It failed.", got, sizeof(got)), code);
    assert_string_equal(got, text);
}

static void test_answers(void **state)
{
    (void)state;
    expect(0, 550, "It failed.");
    expect(ENOENT, 550, "It failed."); /* vsftpd's words, which say it */
    expect(EACCES, 550, "It failed. Permission denied.");
    expect(EROFS, 550, "It failed. Read-only file system.");
    expect(ENOTEMPTY, 550, "It failed. Directory not empty.");
    expect(ENOSPC, 452, "No space left on the server's disk.");
    expect(EAGAIN, 450, "Another transfer is using this file. Please try again.");
    expect(ENOTSUP, 550, "It failed."); /* what nobody has thought of tells nothing */
    expect(-1, 550, "It failed.");
}

/* A reply is one line of no more than its buffer, whatever the words are. */
static void test_long_words_are_cut(void **state)
{
    char words[400], got[160];
    (void)state;
    memset(words, 'x', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    assert_int_equal(file_error_answer(EACCES, 553, words, got, sizeof(got)), 553);
    assert_int_equal(strlen(got), sizeof(got) - 1);
}

static void test_every_error_has_a_text(void **state)
{
    (void)state;
    for (int error = -1; error < 4096; error++)
        assert_true(file_error_text(error)[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_long_words_are_cut),
        cmocka_unit_test(test_every_error_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
