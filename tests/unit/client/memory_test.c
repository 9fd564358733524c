/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/memory.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/sally-memory-XXXXXX", file[64], lock[80];

static int make(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof(file), "%s/servers", folder);
    snprintf(lock, sizeof(lock), "%s.lock", file);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    unlink(file);
    unlink(lock);
    return rmdir(folder);
}

static void put(const char *text)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void keeps_what_it_was_told(void **state)
{
    struct client_known known = {.has_tls = true, .way = CLIENT_PASV}, got;
    unsigned line;

    (void)state;
    assert_int_equal(client_memory_read(file, "a", 21, &got, &line), 0);
    assert_false(got.has_tls);
    memcpy(known.fingerprint, hex, sizeof(hex));
    assert_int_equal(client_memory_write(file, "a", 21, &known), 0);
    assert_int_equal(client_memory_write(file, "::1", 21, &(struct client_known){.way = CLIENT_ACTIVE}), 0);
    assert_int_equal(client_memory_read(file, "A", 21, &got, &line), 0);
    assert_true(got.has_tls);
    assert_int_equal(got.way, CLIENT_PASV);
    assert_string_equal(got.fingerprint, hex);
    assert_int_equal(client_memory_read(file, "a", 22, &got, &line), 0);
    assert_false(got.has_tls);
    assert_int_equal(client_memory_read(file, "::1", 21, &got, &line), 0);
    assert_int_equal(got.way, CLIENT_ACTIVE);
    assert_int_equal(client_memory_write(file, "a", 21, &(struct client_known){.has_tls = true}), 0);
    assert_int_equal(client_memory_read(file, "a", 21, &got, &line), 0);
    assert_string_equal(got.fingerprint, "");
    /* Somebody who has known nothing of it says by which way data came. */
    assert_int_equal(client_memory_write(file, "a", 21, &(struct client_known){.way = CLIENT_EPSV}), 0);
    assert_int_equal(client_memory_read(file, "a", 21, &got, &line), 0);
    assert_true(got.has_tls);
    assert_int_equal(got.way, CLIENT_EPSV);
}

static void names_the_line_that_is_none(void **state)
{
    static const char *const wrong[] = {"a:21 tsl", "b:21 fingerprint=12", "b:21 way=EPSW", "b:21 tls way="};
    struct client_known got;
    unsigned line;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "# mine\n\nc:21 tls\n%s\n", wrong[i]);
        put(text);
        assert_int_equal(client_memory_read(file, "a", 21, &got, &line), -EINVAL);
        assert_int_equal(line, 4);
    }
    put("# mine\na:21\n");
    assert_int_equal(client_memory_read(file, "a", 21, &got, &line), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_what_it_was_told),
                                       cmocka_unit_test(names_the_line_that_is_none)};

    return cmocka_run_group_tests(tests, make, unmake);
}
