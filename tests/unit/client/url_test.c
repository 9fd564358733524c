/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/url.h"

#include "unit.h"

#include <string.h>

static const struct {
    const char *text;
    enum client_url_error error;
    struct client_url url;
} rows[] = {
    {"ftp://h/a", CLIENT_URL_OK, {"h", NULL, "a", 0, false}},
    {"FTPS://h", CLIENT_URL_OK, {"h", NULL, "", 0, true}},
    {"h", CLIENT_URL_OK, {"h", NULL, "", 0, false}},
    {"h:2121/a/b/", CLIENT_URL_OK, {"h", NULL, "a/b/", 2121, false}},
    {"ftp://kim@h:65535//etc", CLIENT_URL_OK, {"h", "kim", "/etc", 65535, false}},
    {"ftp://kim%40x@h/%2Fetc%20%25", CLIENT_URL_OK, {"h", "kim@x", "/etc %", 0, false}},
    {"ftp://a@b@h/@:", CLIENT_URL_OK, {"h", "a@b", "@:", 0, false}},
    {"[2001:db8::1]:21/x", CLIENT_URL_OK, {"2001:db8::1", NULL, "x", 21, false}},
    {"ftp://[::1]", CLIENT_URL_OK, {"::1", NULL, "", 0, false}},
    {"h/a://b", CLIENT_URL_OK, {"h", NULL, "a://b", 0, false}},
    {"http://h/", CLIENT_URL_SCHEME, {0}},
    {"", CLIENT_URL_HOST, {0}},
    {"ftp:///a", CLIENT_URL_HOST, {0}},
    {"ftp://[::1/a", CLIENT_URL_HOST, {0}},
    {"ftp://[::1]x/a", CLIENT_URL_HOST, {0}},
    {"h:0", CLIENT_URL_PORT, {0}},
    {"h:65536", CLIENT_URL_PORT, {0}},
    {"h:", CLIENT_URL_PORT, {0}},
    {"h:2 1/", CLIENT_URL_PORT, {0}},
    {"h/%", CLIENT_URL_ENCODING, {0}},
    {"h/%4", CLIENT_URL_ENCODING, {0}},
    {"h/%zz", CLIENT_URL_ENCODING, {0}},
    {"h/%00", CLIENT_URL_ENCODING, {0}},
    {"h/a%0aDELE b", CLIENT_URL_ENCODING, {0}},
    {"ftp://kim:secret@h/", CLIENT_URL_PASSWORD, {0}},
};

static void urls(void **state)
{
    struct client_url url;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum client_url_error error = client_url_parse(rows[i].text, &url);
        if (error != rows[i].error)
            fail_msg("%s: %s", rows[i].text, client_url_why(error));
        if (error)
            continue;
        assert_string_equal(url.host, rows[i].url.host);
        assert_string_equal(url.path, rows[i].url.path);
        assert_int_equal(url.port, rows[i].url.port);
        assert_int_equal(url.is_implicit, rows[i].url.is_implicit);
        assert_int_equal(url.user == NULL, rows[i].url.user == NULL);
        if (url.user)
            assert_string_equal(url.user, rows[i].url.user);
        client_url_free(&url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(urls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
