/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/random.h"
#include "tests/unit/unit.h"

static void a_healthy_source_passes(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_ok(mrl_random_check(NULL));
}

static void a_dead_source_is_named(void **state)
{
    uint8_t zeros[4096] = {0};
    uint8_t counter[4096];
    struct mrl_why why;

    (void)state;
    assert_int_equal(mrl_random_judge(zeros, sizeof(zeros), &why), MRL_ERR_CRYPTO);
    assert_non_null(strstr(why.text, "repeats"));
    for (size_t i = 0; i < sizeof(counter); i++)
        counter[i] = (uint8_t)(i % 7);
    assert_int_equal(mrl_random_judge(counter, sizeof(counter), &why), MRL_ERR_CRYPTO);
    assert_non_null(strstr(why.text, "favours"));
}

static void a_bound_is_never_reached(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(mrl_random_below(3) < 3);
    assert_int_equal(mrl_random_below(1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_healthy_source_passes),
                                       cmocka_unit_test(a_dead_source_is_named),
                                       cmocka_unit_test(a_bound_is_never_reached)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
