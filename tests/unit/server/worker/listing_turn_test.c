/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/listing_turn.h"

#include "server/worker/peers.h"

#include "unit.h"

#include <string.h>

enum {
    AT_ONCE = 4, /* as listing_turn.c has it */
    SESSIONS = 10,
};

static uint32_t had_turn[SESSIONS];
static size_t turns;

static void on_turn(uint32_t session, uint32_t serial)
{
    assert_int_equal(serial, 1);
    had_turn[turns++] = session;
}

static uint32_t session(size_t n)
{
    return (uint32_t)n + 1;
}

static struct in6_addr address(uint8_t last)
{
    return (struct in6_addr){.s6_addr = {[10] = 0xff, 0xff, 127, 0, 0, last}};
}

static int set_up(void **state)
{
    struct in6_addr one = address(1), two = address(2);
    (void)state;
    turns = 0;
    listing_turn_init(on_turn);
    return peers_join(&one) != 1 || peers_join(&two) != 1;
}

static int tear_down(void **state)
{
    struct in6_addr one = address(1), two = address(2);
    (void)state;
    int left = (int)peers_find(&one)->listings + (int)peers_find(&two)->listings;
    peers_leave(&one);
    peers_leave(&two);
    return left;
}

static void request_all(struct listing_turn *t, size_t count, const struct in6_addr *ip)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(listing_turn_request(&t[i], session(i), ip),
                         i < AT_ONCE ? LISTING_HAS : LISTING_QUEUED);
}

static void test_first_come_first_served(void **state)
{
    struct listing_turn t[SESSIONS] = {0};
    struct in6_addr ip = address(1);
    (void)state;
    request_all(t, SESSIONS, &ip);
    for (size_t i = 0; i < SESSIONS; i++)
        listing_turn_release(&t[i]);
    assert_int_equal(turns, SESSIONS - AT_ONCE);
    for (size_t i = 0; i < turns; i++)
        assert_int_equal(had_turn[i], session(AT_ONCE + i));
}

static void test_another_address_is_not_held_up(void **state)
{
    struct listing_turn t[SESSIONS] = {0}, other = {0};
    struct in6_addr ip = address(1), other_ip = address(2);
    (void)state;
    request_all(t, SESSIONS, &ip);
    assert_int_equal(listing_turn_request(&other, session(0), &other_ip), LISTING_HAS);
    listing_turn_release(&other);
    assert_int_equal(turns, 0);
    for (size_t i = SESSIONS; i > 0; i--) /* whoever still waits gives up first */
        listing_turn_release(&t[i - 1]);
    assert_int_equal(turns, 0);
}

static void test_release_twice_is_once(void **state)
{
    struct listing_turn t[AT_ONCE + 1] = {0};
    struct in6_addr ip = address(1);
    (void)state;
    request_all(t, AT_ONCE + 1, &ip);
    listing_turn_release(&t[0]);
    listing_turn_release(&t[0]);
    assert_int_equal(turns, 1);
    assert_int_equal(peers_find(&ip)->listings, AT_ONCE);
    for (size_t i = 0; i < COUNT(t); i++)
        listing_turn_release(&t[i]);
}

static void test_asking_again_gives_the_old_one_up(void **state)
{
    struct listing_turn t = {0};
    struct in6_addr ip = address(1);
    (void)state;
    assert_int_equal(listing_turn_request(&t, session(0), &ip), LISTING_HAS);
    assert_int_equal(listing_turn_request(&t, session(0), &ip), LISTING_HAS);
    assert_int_equal(peers_find(&ip)->listings, 1);
    listing_turn_release(&t);
}

#define TURN_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TURN_TEST(test_first_come_first_served),
        TURN_TEST(test_another_address_is_not_held_up),
        TURN_TEST(test_release_twice_is_once),
        TURN_TEST(test_asking_again_gives_the_old_one_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
