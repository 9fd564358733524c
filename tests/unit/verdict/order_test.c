/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/rules.h"
#include "verdict/order.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static const char *what(const struct order_stop *stop)
{
    if (stop->deed == ORDER_CONNTRACK || stop->deed == ORDER_CONFIRM)
        return stop->deed == ORDER_CONFIRM ? "confirm" : "conntrack";
    assert_int_equal(stop->deed == ORDER_NAT, stop->table == RULES_NAT);
    return rules_table_name((enum rules_table_type)stop->table);
}

static void each_path_has_the_kernels_order(void **state)
{
    static const char *const expected[WALL_PATHS] = {
        [WALL_IN] = "0:-300 raw, 0:-200 conntrack, 0:-150 mangle, 0:-100 nat, "
                    "1:-150 mangle, 1:0 filter, 1:50 security, 1:100 nat, 1:2147483647 confirm, ",
        [WALL_OUT] = "3:-300 raw, 3:-200 conntrack, 3:-150 mangle, 3:-100 nat, 3:0 filter, 3:50 security, "
                     "4:-150 mangle, 4:100 nat, 4:2147483647 confirm, ",
        [WALL_THROUGH] = "0:-300 raw, 0:-200 conntrack, 0:-150 mangle, 0:-100 nat, "
                         "2:-150 mangle, 2:0 filter, 2:50 security, 4:-150 mangle, 4:100 nat, "
                         "4:2147483647 confirm, ",
        [WALL_LOOP] = "3:-300 raw, 3:-200 conntrack, 3:-150 mangle, 3:-100 nat, 3:0 filter, 3:50 security, "
                      "4:-150 mangle, 4:100 nat, 4:2147483647 confirm, "
                      "0:-300 raw, 0:-150 mangle, 1:-150 mangle, 1:0 filter, 1:50 security, ",
    };

    (void)state;
    for (int path = 0; path < WALL_PATHS; path++) {
        struct order_place place = {0};
        char text[400] = "";

        while (order_next((enum wall_path)path, &place)) {
            size_t used = strlen(text);

            snprintf(text + used, sizeof(text) - used, "%d:%d %s, ", place.hook, place.stop->priority,
                     what(place.stop));
        }
        assert_string_equal(text, expected[path]);
    }
}

static void each_table_has_its_hook(void **state)
{
    (void)state;
    assert_int_equal(order_hook(WALL_IN, RULES_RAW), RULES_PREROUTING);
    assert_int_equal(order_hook(WALL_IN, RULES_FILTER), RULES_INPUT);
    assert_int_equal(order_hook(WALL_OUT, RULES_RAW), RULES_OUTPUT);
    assert_int_equal(order_hook(WALL_OUT, RULES_FILTER), RULES_OUTPUT);
    assert_int_equal(order_hook(WALL_THROUGH, RULES_RAW), RULES_PREROUTING);
    assert_int_equal(order_hook(WALL_THROUGH, RULES_FILTER), RULES_FORWARD);
    assert_int_equal(order_hook(WALL_LOOP, RULES_FILTER), RULES_OUTPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_has_the_kernels_order),
        cmocka_unit_test(each_table_has_its_hook),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
