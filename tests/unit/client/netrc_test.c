/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/netrc.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

static void expect(const char *text, const char *host, const char *user, const char *wanted_user,
                   const char *wanted_password)
{
    struct client_login l = {.user = NULL};
    int r = client_netrc_find(text, host, user, &l);

    assert_int_equal(r, wanted_user || wanted_password ? 1 : 0);
    if (wanted_user)
        assert_string_equal(l.user, wanted_user);
    if (wanted_password)
        assert_string_equal(l.password, wanted_password);
    client_login_free(&l);
}

static void finds(void **state)
{
    const char *text = "machine a.example login anna password 'x\n"
                       "machine a.example\n\tlogin berta\n\tpassword \"two words\\\"\"\n"
                       "macdef init\nmachine a.example login no password no\n\n"
                       "machine b.example login carl password c,machine c.example,login dora\n"
                       "default login anonymous password me@\n";

    (void)state;
    expect(text, "a.example", NULL, "anna", "'x");
    expect(text, "A.EXAMPLE", "berta", "berta", "two words\"");
    expect(text, "b.example", NULL, "carl", "c");
    expect(text, "c.example", NULL, "dora", NULL);
    expect(text, "d.example", NULL, "anonymous", "me@");
    expect(text, "d.example", "emil", NULL, NULL);
    expect("", "a.example", NULL, NULL, NULL);
    expect("machine x account y login z password w", "x", NULL, "z", "w");
}

static void refuses_what_ends_early(void **state)
{
    struct client_login l = {.user = NULL};

    (void)state;
    assert_int_equal(client_netrc_find("machine", "a", NULL, &l), -EINVAL);
    assert_int_equal(client_netrc_find("machine a login", "a", NULL, &l), -EINVAL);
    assert_null(l.user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds), cmocka_unit_test(refuses_what_ends_early)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
