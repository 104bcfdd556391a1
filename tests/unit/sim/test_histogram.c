/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/histogram.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct mrl_histogram h;

static int empty(void **state)
{
    (void)state;
    memset(&h, 0, sizeof(h));
    return 0;
}

static void an_empty_one_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(mrl_histogram_at(&h, 990), 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t v = 1; v <= 100; v++)
        mrl_histogram_add(&h, v);
    assert_int_equal(mrl_histogram_at(&h, 0), 1);
    assert_int_equal(mrl_histogram_at(&h, 500), 50);
    assert_int_equal(mrl_histogram_at(&h, 990), 99);
    assert_int_equal(mrl_histogram_at(&h, 1000), 100);
}

static void every_value_is_known_to_a_64th(void **state)
{
    (void)state;
    for (uint64_t v = 1; v < MRL_HISTOGRAM_MOST / 3; v = v * 3 + 1) {
        uint64_t at;

        memset(&h, 0, sizeof(h));
        mrl_histogram_add(&h, v);
        mrl_histogram_add(&h, MRL_HISTOGRAM_MOST);
        at = mrl_histogram_at(&h, 500);
        assert_true(at >= v && at - v <= v / 64);
    }
}

static void no_percentile_is_above_the_largest(void **state)
{
    (void)state;
    mrl_histogram_add(&h, 1000001);
    assert_int_equal(mrl_histogram_at(&h, 500), 1000001);
    assert_int_equal(mrl_histogram_at(&h, 1000), 1000001);
}

static void values_past_the_end_count_as_the_end(void **state)
{
    (void)state;
    mrl_histogram_add(&h, MRL_HISTOGRAM_MOST);
    assert_int_equal(mrl_histogram_at(&h, 1000), MRL_HISTOGRAM_MOST);
    mrl_histogram_add(&h, UINT64_MAX);
    assert_int_equal(h.count, 2);
    assert_int_equal(mrl_histogram_at(&h, 1000), MRL_HISTOGRAM_MOST);
}

static void merging_is_as_if_one_had_seen_all(void **state)
{
    static struct mrl_histogram other;

    (void)state;
    for (uint64_t v = 1; v <= 50; v++) {
        mrl_histogram_add(&h, v);
        mrl_histogram_add(&other, v + 50);
    }
    mrl_histogram_merge(&h, &other);
    assert_int_equal(h.count, 100);
    assert_int_equal(mrl_histogram_at(&h, 500), 50);
    assert_int_equal(mrl_histogram_at(&h, 1000), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_one_says_nothing, empty),
        cmocka_unit_test_setup(small_values_are_exact, empty),
        cmocka_unit_test_setup(every_value_is_known_to_a_64th, empty),
        cmocka_unit_test_setup(no_percentile_is_above_the_largest, empty),
        cmocka_unit_test_setup(values_past_the_end_count_as_the_end, empty),
        cmocka_unit_test_setup(merging_is_as_if_one_had_seen_all, empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
