/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/order.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static void each_path_has_the_kernels_order(void **state)
{
    static const char *const deeds[] = {[ORDER_RULES] = "rules",
                                        [ORDER_KEPT] = "kept",
                                        [ORDER_CONNTRACK] = "conntrack",
                                        [ORDER_CONFIRM] = "confirm"};
    static const char *const expected[WALL_PATHS] = {
        [WALL_IN] = "0:-300 rules, 0:-200 conntrack, 0:-150 kept, 0:-100 kept, "
                    "1:-150 kept, 1:0 rules, 1:50 kept, 1:100 kept, 1:2147483647 confirm, ",
        [WALL_OUT] = "3:-300 rules, 3:-200 conntrack, 3:-150 kept, 3:-100 kept, 3:0 rules, 3:50 kept, "
                     "4:-150 kept, 4:100 kept, 4:2147483647 confirm, ",
        [WALL_THROUGH] = "0:-300 rules, 0:-200 conntrack, 0:-150 kept, 0:-100 kept, "
                         "2:-150 kept, 2:0 rules, 2:50 kept, 4:-150 kept, 4:100 kept, 4:2147483647 confirm, ",
    };

    (void)state;
    for (int path = 0; path < WALL_PATHS; path++) {
        struct order_place place = {0};
        char text[400] = "";

        while (order_next((enum wall_path)path, &place)) {
            size_t used = strlen(text);

            snprintf(text + used, sizeof(text) - used, "%d:%d %s, ", place.hook, place.stop->priority,
                     deeds[place.stop->deed]);
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_has_the_kernels_order),
        cmocka_unit_test(each_table_has_its_hook),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
