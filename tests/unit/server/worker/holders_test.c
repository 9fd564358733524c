/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/holders.h"

#include "unit.h"

#include <string.h>

enum { PORT = 5000, OTHER_PORT = 5001, COUNT_OF_WAITS = 4 };

static struct holders all;
static struct passive_wait waits[COUNT_OF_WAITS];
static struct tls_mark marks[2];

static struct passive_key key_of(uint8_t client, uint32_t port)
{
    struct passive_key key = {.port = port};
    key.ip.s6_addr[15] = client;
    return key;
}

/* The first two are bound, and have marks of their own. */
static int before_each(void **state)
{
    (void)state;
    memset(&all, 0, sizeof(all));
    memset(waits, 0, sizeof(waits));
    TAILQ_INIT(&all.queue);
    for (size_t i = 0; i < 2; i++) {
        marks[i].ticket_key[0] = (uint8_t)('a' + i);
        waits[i].bound_to = &marks[i];
    }
    return 0;
}

static void queue_up(struct passive_wait *w, uint8_t client)
{
    w->key = key_of(client, 0);
    w->state = PASSIVE_QUEUED;
    TAILQ_INSERT_TAIL(&all.queue, w, queue);
}

static struct tls_hello naming(char who)
{
    struct tls_hello h = {.ticket_count = 1};
    h.tickets[0].key[0] = (uint8_t)who;
    return h;
}

static void one_holds_it_alone(void **state)
{
    struct passive_key key = key_of(1, PORT), others = key_of(2, PORT);
    (void)state;
    assert_null(holders_of(&all, &key));
    assert_true(holders_may(&all, &waits[2], &key));
    holders_add(&all, &waits[2], &key, 7);
    assert_ptr_equal(holders_of(&all, &key), &waits[2]);
    assert_int_equal(waits[2].state, PASSIVE_HOLDS);
    assert_false(holders_may(&all, &waits[3], &key));
    assert_false(holders_may(&all, &waits[0], &key));
    assert_true(holders_may(&all, &waits[3], &others));
    holders_remove(&all, &waits[2], PASSIVE_MET);
    assert_null(holders_of(&all, &key));
    assert_int_equal(waits[2].state, PASSIVE_MET);
}

/* By the greater turn the monitor knows who has a port, whichever loop it hears first. */
static void who_comes_later_has_a_later_turn(void **state)
{
    struct passive_key key = key_of(1, PORT);
    (void)state;
    holders_add(&all, &waits[2], &key, 1);
    holders_remove(&all, &waits[2], PASSIVE_MET);
    queue_up(&waits[3], 1);
    assert_ptr_equal(holders_serve(&all, PORT, 2), &waits[3]);
    assert_true(waits[3].turn > waits[2].turn);
    holders_remove(&all, &waits[3], PASSIVE_IDLE);
}

static void bound_ones_hold_it_together(void **state)
{
    struct passive_key key = key_of(1, PORT);
    (void)state;
    for (int first = 0; first < 2; first++) {
        holders_add(&all, &waits[0], &key, 1);
        assert_true(holders_may(&all, &waits[1], &key));
        assert_false(holders_may(&all, &waits[2], &key));
        holders_add(&all, &waits[1], &key, 2);
        for (size_t i = 0; i < 2; i++) {
            struct tls_hello hello = naming((char)('a' + (int)i));
            assert_ptr_equal(holders_named(&all, &key, &hello), &waits[i]);
        }
        struct tls_hello stranger = naming('x');
        assert_null(holders_named(&all, &key, &stranger));
        holders_remove(&all, &waits[first], PASSIVE_IDLE);
        assert_ptr_equal(holders_of(&all, &key), &waits[1 - first]);
        assert_null(waits[1 - first].beside);
        holders_remove(&all, &waits[1 - first], PASSIVE_IDLE);
        assert_null(holders_of(&all, &key));
    }
}

/* Nobody else gets beside them meanwhile: the turn of who needs the port alone would never come. */
static void who_needs_it_alone_is_served_in_turn(void **state)
{
    struct passive_key key = key_of(1, PORT);
    (void)state;
    holders_add(&all, &waits[0], &key, 1);
    queue_up(&waits[2], 1);
    assert_false(holders_may(&all, &waits[1], &key));
    queue_up(&waits[1], 1);
    assert_null(holders_serve(&all, PORT, 2));
    holders_remove(&all, &waits[0], PASSIVE_MET);
    assert_ptr_equal(holders_serve(&all, PORT, 2), &waits[2]);
    assert_null(holders_serve(&all, PORT, 2));
    assert_ptr_equal(holders_serve(&all, OTHER_PORT, 2), &waits[1]);
    assert_int_equal(waits[1].key.port, OTHER_PORT);
    assert_true(TAILQ_EMPTY(&all.queue));
    holders_remove(&all, &waits[1], PASSIVE_IDLE);
    holders_remove(&all, &waits[2], PASSIVE_IDLE);
}

static void who_waits_for_another_address_keeps_nobody_waiting(void **state)
{
    struct passive_key key = key_of(1, PORT);
    (void)state;
    holders_add(&all, &waits[0], &key, 1);
    queue_up(&waits[2], 2);
    assert_true(holders_may(&all, &waits[1], &key));
    assert_ptr_equal(holders_serve(&all, PORT, 2), &waits[2]);
    holders_remove(&all, &waits[2], PASSIVE_IDLE);
    holders_remove(&all, &waits[0], PASSIVE_IDLE);
}

static void the_promiscuous_one_that_waits_longest(void **state)
{
    struct passive_key one = key_of(1, PORT), two = key_of(2, PORT), elsewhere = key_of(3, OTHER_PORT);
    (void)state;
    assert_null(holders_promiscuous(&all, PORT));
    waits[2].promiscuous = waits[3].promiscuous = true;
    holders_add(&all, &waits[2], &one, 9);
    holders_add(&all, &waits[3], &two, 8);
    holders_add(&all, &waits[0], &elsewhere, 1);
    assert_ptr_equal(holders_promiscuous(&all, PORT), &waits[3]);
    holders_remove(&all, &waits[3], PASSIVE_MET);
    assert_ptr_equal(holders_promiscuous(&all, PORT), &waits[2]);
    holders_remove(&all, &waits[2], PASSIVE_MET);
    assert_null(holders_promiscuous(&all, PORT));
    holders_remove(&all, &waits[0], PASSIVE_MET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_holds_it_alone, before_each),
        cmocka_unit_test_setup(who_comes_later_has_a_later_turn, before_each),
        cmocka_unit_test_setup(bound_ones_hold_it_together, before_each),
        cmocka_unit_test_setup(who_needs_it_alone_is_served_in_turn, before_each),
        cmocka_unit_test_setup(who_waits_for_another_address_keeps_nobody_waiting, before_each),
        cmocka_unit_test_setup(the_promiscuous_one_that_waits_longest, before_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
