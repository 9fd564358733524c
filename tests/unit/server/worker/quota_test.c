/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/quota.h"

#include "unit.h"

static void test_one_count_for_one_user(void **state)
{
    struct quota *a = quota_ref("kim", true), *b = quota_ref("kim", false), *other = quota_ref("lee", true);
    (void)state;
    assert_non_null(a);
    assert_ptr_equal(a, b);
    assert_non_null(other);
    assert_ptr_not_equal(a, other);
    a->counted = true;
    quota_unref(&a);
    assert_null(a);
    assert_true(b->counted); /* as long as anybody holds it */
    quota_unref(&b);
    b = quota_ref("kim", true);
    assert_false(b->counted); /* then it is counted anew */
    quota_unref(&b);
    quota_unref(&other);
}

static void test_none_is_made_unless_wanted(void **state)
{
    struct quota *none = quota_ref("kim", false);
    (void)state;
    assert_null(none);
    quota_unref(&none);
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(quota_limit(1), 1);
    assert_int_equal(quota_limit(0), INT64_MAX / 2);
    assert_int_equal(quota_limit(UINT64_MAX), INT64_MAX / 2); /* what is added to it must not overflow */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_count_for_one_user),
        cmocka_unit_test(test_none_is_made_unless_wanted),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
