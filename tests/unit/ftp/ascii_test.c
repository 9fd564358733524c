/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/ascii.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

/* Every text of six of these bytes, in every cut into two blocks, each block's output in a buffer of the
 * promised size. */
static const char alphabet[] = "\r\nx";
enum { LENGTH = 6, TEXTS = 3 * 3 * 3 * 3 * 3 * 3 };

static void make_text(char *text, size_t number)
{
    for (size_t i = 0; i < LENGTH; i++, number /= 3)
        text[i] = alphabet[number % 3];
}

static size_t to_wire(struct ftp_ascii *state, const char *in, size_t len, char *out)
{
    char *room = malloc(2 * len + 1);
    size_t n = ftp_ascii_to_wire(state, in, len, room);
    assert_true(n <= 2 * len);
    memcpy(out, room, n);
    free(room);
    return n;
}

static size_t from_wire(struct ftp_ascii *state, const char *in, size_t len, char *out)
{
    char *room = malloc(len + 1);
    size_t n = ftp_ascii_from_wire(state, in, len, room);
    assert_true(n <= len + 1);
    memcpy(out, room, n);
    free(room);
    return n;
}

/* What the header says, in the simplest way. */
static size_t expect_wire(const char *in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < LENGTH; i++) {
        if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r'))
            out[n++] = '\r';
        out[n++] = in[i];
    }
    return n;
}

static size_t expect_file(const char *in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < LENGTH; i++)
        if (in[i] != '\r' || i + 1 == LENGTH || in[i + 1] != '\n')
            out[n++] = in[i];
    return n;
}

static void to_wire_at_every_edge(void **state)
{
    char text[LENGTH], got[2 * LENGTH], want[2 * LENGTH];
    (void)state;
    for (size_t number = 0; number < TEXTS; number++) {
        make_text(text, number);
        size_t want_len = expect_wire(text, want);
        for (size_t cut = 0; cut <= LENGTH; cut++) {
            struct ftp_ascii ascii = {0};
            size_t len = to_wire(&ascii, text, cut, got);
            len += to_wire(&ascii, text + cut, LENGTH - cut, got + len);
            assert_int_equal(len, want_len);
            assert_memory_equal(got, want, len);
        }
    }
}

static void from_wire_at_every_edge(void **state)
{
    char text[LENGTH], got[LENGTH + 3], want[LENGTH];
    (void)state;
    for (size_t number = 0; number < TEXTS; number++) {
        make_text(text, number);
        size_t want_len = expect_file(text, want);
        for (size_t cut = 0; cut <= LENGTH; cut++) {
            struct ftp_ascii ascii = {0};
            size_t len = from_wire(&ascii, text, cut, got);
            len += from_wire(&ascii, text + cut, LENGTH - cut, got + len);
            len += ftp_ascii_from_wire_end(&ascii, got + len);
            assert_int_equal(ftp_ascii_from_wire_end(&ascii, got + len), 0);
            assert_int_equal(len, want_len);
            assert_memory_equal(got, want, len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_wire_at_every_edge),
        cmocka_unit_test(from_wire_at_every_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
