/* SPDX-License-Identifier: Apache-2.0 */
#include "merlon/backoff.h"

#include "base/random.h"
#include "tests/unit/unit.h"

static uint32_t below(void *context, uint32_t bound)
{
    (void)context;
    return mrl_random_below(bound);
}

static uint32_t most(void *context, uint32_t bound)
{
    (void)context;
    return bound - 1;
}

static void ceiling_doubles_up_to_the_cap(void **state)
{
    struct merlon_backoff b = {.base_ms = 100, .cap_ms = 1000};
    static const uint32_t expected[] = {100, 200, 400, 800, 1000, 1000};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(merlon_backoff_next(&b, most, NULL), expected[i]);
    b.tries = 0;
    assert_int_equal(merlon_backoff_next(&b, most, NULL), 100);
}

static void nothing_overflows(void **state)
{
    struct merlon_backoff b = {UINT32_MAX, UINT32_MAX, UINT32_MAX};

    (void)state;
    assert_int_equal(merlon_backoff_ceiling(&b), UINT32_MAX - 1);
    assert_int_equal(merlon_backoff_next(&b, most, NULL), UINT32_MAX - 1);
    assert_int_equal(b.tries, UINT32_MAX);
    b = (struct merlon_backoff){0, 5, 3};
    assert_int_equal(merlon_backoff_next(&b, most, NULL), 0);
}

/* 20 000 delays in ten parts: each part is within 6 standard deviations (42) of its share. */
static void delays_are_uniform_over_the_whole_range(void **state)
{
    enum { DRAWS = 20000, PARTS = 10, WIDE = 255 };
    unsigned seen[PARTS] = {0};

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        struct merlon_backoff b = {.base_ms = 125, .cap_ms = 999, .tries = 5};
        uint32_t delay = merlon_backoff_next(&b, below, NULL);

        assert_in_range(delay, 0, 999);
        seen[delay / 100]++;
    }
    for (int i = 0; i < PARTS; i++)
        assert_in_range(seen[i], DRAWS / PARTS - WIDE, DRAWS / PARTS + WIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ceiling_doubles_up_to_the_cap),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(delays_are_uniform_over_the_whole_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
