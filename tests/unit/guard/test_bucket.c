/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/bucket.h"

#include "tests/unit/unit.h"

#define SECOND ((uint64_t)MRL_SECOND_NS)
static const uint64_t start = 1000 * SECOND;
static const struct mrl_bucket_rule ten_a_second = {
    .rate = 10, .per_ns = MRL_SECOND_NS, .full_after_ns = 2 * SECOND};

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    struct mrl_bucket b = {0};

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 1, start), 0);
    assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 1, start), SECOND / 10);
    assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 1, start + SECOND / 10 - 1), 1);
    assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 1, start + SECOND / 10), 0);
    assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 1, start + SECOND / 10), SECOND / 10);
}

static void a_bucket_is_full_after_its_time_and_holds_no_more(void **state)
{
    struct mrl_bucket b = {0};
    unsigned taken = 0;

    (void)state;
    assert_true(mrl_bucket_is_full(&b, start));
    assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 20, start), 0);
    assert_false(mrl_bucket_is_full(&b, start + 2 * SECOND - 1));
    assert_true(mrl_bucket_is_full(&b, start + 2 * SECOND));
    while (mrl_bucket_take(&b, &ten_a_second, 1, start + 3600 * SECOND) == 0)
        taken++;
    assert_int_equal(taken, 20);
}

static void what_is_charged_is_taken_and_makes_a_debt(void **state)
{
    struct mrl_bucket b = {0};

    (void)state;
    assert_int_equal(mrl_bucket_charge(&b, &ten_a_second, 20, start), 0);
    assert_int_equal(mrl_bucket_charge(&b, &ten_a_second, 30, start), 3 * SECOND);
    assert_int_equal(mrl_bucket_charge(&b, &ten_a_second, 10, start + 3 * SECOND), SECOND);
    assert_int_equal(mrl_bucket_charge(&b, &ten_a_second, 0, start + 4 * SECOND), 0);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
    struct mrl_bucket b = {0};

    (void)state;
    mrl_bucket_give_back(&b, &ten_a_second, 5);
    assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 20, start), 0);
    mrl_bucket_give_back(&b, &ten_a_second, 1);
    assert_int_equal(mrl_bucket_take(&b, &ten_a_second, 1, start), 0);
    assert_true(mrl_bucket_take(&b, &ten_a_second, 1, start) > 0);
}

static void the_largest_rates_and_amounts_do_not_wrap(void **state)
{
    const struct mrl_bucket_rule bytes = {
        .rate = UINT64_C(1) << 40, .per_ns = MRL_SECOND_NS, .full_after_ns = 10 * SECOND};
    const struct mrl_bucket_rule slow = {
        .rate = 1, .per_ns = MRL_SECOND_NS, .full_after_ns = 10 * SECOND};
    const uint64_t part = UINT64_C(1) << 33; /* 128 of them in a second */
    struct mrl_bucket b = {0};

    (void)state;
    for (unsigned i = 0; i < 10 * 128; i++)
        assert_int_equal(mrl_bucket_charge(&b, &bytes, part, start), 0);
    assert_int_equal(mrl_bucket_charge(&b, &bytes, part, start), SECOND / 128);
    b = (struct mrl_bucket){0};
    assert_int_equal(mrl_bucket_charge(&b, &slow, 10 + 3600, start), MRL_BUCKET_DEBT_MAX_NS);
    for (unsigned i = 0; i < 1000; i++) /* the largest packet, at the slowest rate */
        assert_int_equal(mrl_bucket_charge(&b, &slow, 268435460, start), MRL_BUCKET_DEBT_MAX_NS);
}

static void rates_that_do_not_divide_a_minute_hold_exactly(void **state)
{
    (void)state;
    for (uint64_t rate = 1; rate <= 1000; rate++) {
        const struct mrl_bucket_rule rule = {
            .rate = rate, .per_ns = MRL_MINUTE_NS, .full_after_ns = MRL_MINUTE_NS};
        struct mrl_bucket b = {0};

        for (uint64_t i = 0; i < rate; i++)
            assert_int_equal(mrl_bucket_take(&b, &rule, 1, start), 0);
        assert_true(mrl_bucket_take(&b, &rule, 1, start) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(a_bucket_is_full_after_its_time_and_holds_no_more),
        cmocka_unit_test(what_is_charged_is_taken_and_makes_a_debt),
        cmocka_unit_test(what_is_given_back_can_be_taken_again),
        cmocka_unit_test(the_largest_rates_and_amounts_do_not_wrap),
        cmocka_unit_test(rates_that_do_not_divide_a_minute_hold_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
