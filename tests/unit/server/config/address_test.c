/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/config.h"

#include "server/config/told.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>

/* The address that a client at peer is told, as text; "own" for the control connection's. */
static const char *told_address(const struct config *c, const char *peer)
{
    static char text[INET_ADDRSTRLEN];
    unsigned char bytes[16], address[4];
    assert_int_equal(inet_pton(AF_INET6, peer, bytes), 1);
    if (!config_passive_address(c, bytes, address))
        return "own";
    return inet_ntop(AF_INET, address, text, sizeof(text));
}

static struct config *config_with(const char *text)
{
    struct config *c = config_new();
    struct told told = {.errors = 0};
    assert_int_equal(config_parse(c, "f", text, strlen(text), told_tell, &told), 0);
    return c;
}

static void without_options_it_is_the_own_address(void **state)
{
    struct config *c = config_with("");
    (void)state;
    assert_string_equal(told_address(c, "::ffff:192.0.2.1"), "own");
    assert_string_equal(told_address(c, "2001:db8::1"), "own");
    config_free(&c);
}

static void one_address_for_all(void **state)
{
    struct config *c = config_with("pasv_address=203.0.113.7\n");
    (void)state;
    assert_string_equal(told_address(c, "::ffff:192.0.2.1"), "203.0.113.7");
    assert_string_equal(told_address(c, "2001:db8::1"), "own"); /* PASV is for IPv4 */
    config_free(&c);
}

static void the_first_network_that_holds_the_client_counts(void **state)
{
    struct config *c = config_with("pasv_address=203.0.113.7\n"
                                   "pasv_address_map=10.1.0.0/16=10.1.0.5, 10.0.0.0/8=10.0.0.5,192.168.7.9=,"
                                   "172.16.0.0/12=172.16.0.1\n");
    (void)state;
    assert_string_equal(told_address(c, "::ffff:10.1.2.3"), "10.1.0.5");
    assert_string_equal(told_address(c, "::ffff:10.2.2.3"), "10.0.0.5");
    assert_string_equal(told_address(c, "::ffff:192.168.7.9"), "own");
    assert_string_equal(told_address(c, "::ffff:192.168.7.8"), "203.0.113.7");
    assert_string_equal(told_address(c, "::ffff:172.31.255.255"), "172.16.0.1");
    assert_string_equal(told_address(c, "::ffff:172.32.0.0"), "203.0.113.7");
    config_free(&c);
}

static void a_network_of_no_bits_holds_everybody(void **state)
{
    struct config *c = config_with("pasv_address_map=0.0.0.0/0=203.0.113.7\n");
    (void)state;
    assert_string_equal(told_address(c, "::ffff:0.0.0.0"), "203.0.113.7");
    assert_string_equal(told_address(c, "::ffff:255.255.255.255"), "203.0.113.7");
    config_free(&c);
}

static void a_host_name_is_looked_up_once(void **state)
{
    struct told told = {.errors = 0};
    struct config *c = config_with("pasv_addr_resolve=YES\npasv_address=localhost\n");
    (void)state;
    assert_int_equal(config_resolve(c, "f", told_tell, &told), 0);
    assert_string_equal(c->pasv_address, "127.0.0.1");
    assert_int_equal(config_resolve(c, "f", told_tell, &told), 0);
    config_free(&c);

    c = config_with("pasv_addr_resolve=YES\npasv_address=not a host name\n");
    assert_int_equal(config_resolve(c, "f", told_tell, &told), -EINVAL);
    assert_int_equal(told.errors, 1);
    assert_string_equal(c->pasv_address, "not a host name");
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_it_is_the_own_address),
        cmocka_unit_test(one_address_for_all),
        cmocka_unit_test(the_first_network_that_holds_the_client_counts),
        cmocka_unit_test(a_network_of_no_bits_holds_everybody),
        cmocka_unit_test(a_host_name_is_looked_up_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
