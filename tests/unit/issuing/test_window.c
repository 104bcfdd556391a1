/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/window.h"

#include <stdio.h>

#include "issuing/issuing.h"
#include "tests/unit/unit.h"

enum { START = 1800000000 };

static struct mrl_window window_in(const char *key, const char *device, uint8_t certificate,
                                   int64_t life)
{
    uint8_t fingerprint[MRL_SHA256_SIZE] = {certificate};
    const struct mrl_window_of of = {mrl_str(device), mrl_bytes_of(fingerprint, 32),
                                     START - MRL_ISSUING_BACKDATE_S, START + life};
    struct mrl_window w = {0};

    assert_int_equal(mrl_window_of(mrl_str(key), &of, &w), MRL_OK);
    return w;
}

static void window_is_in_the_last_third_and_leaves_time_to_try_again(void **state)
{
    static const int64_t lives[] = {1, 3, 20, 3600, 180 * 86400, (int64_t)8000 * 365 * 86400};

    (void)state;
    for (size_t l = 0; l < MRL_COUNT(lives); l++)
        for (int i = 0; i < 200; i++) {
            struct mrl_window w = window_in("key", "pump-7", (uint8_t)i, lives[l]);

            assert_true(w.start >= START + lives[l] - lives[l] / 3);
            assert_true(w.end >= w.start);
            assert_true(w.end <= START + lives[l] - lives[l] / 3 / 4);
        }
}

static void fleet_that_enrolled_at_once_is_spread_evenly(void **state)
{
    enum { DEVICES = 4000, PARTS = 10, LIFE = 180 * 86400 };
    int64_t third = LIFE / 3, room = third - third / 4 - third / 8;
    unsigned count[PARTS + 1] = {0};

    (void)state;
    for (int i = 0; i < DEVICES; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "d-%d", i);
        count[(window_in("key", id, 0, LIFE).start - (START + LIFE - third)) * PARTS / room]++;
    }
    for (int part = 0; part < PARTS; part++)
        assert_in_range(count[part], DEVICES / PARTS * 3 / 4, DEVICES / PARTS * 5 / 4);
}

static void window_is_the_same_when_asked_again_and_another_with_anything_else(void **state)
{
    struct mrl_window w = window_in("key", "pump-7", 1, 180 * 86400);

    (void)state;
    assert_int_equal(w.start, window_in("key", "pump-7", 1, 180 * 86400).start);
    assert_int_not_equal(w.start, window_in("key", "pump-7", 2, 180 * 86400).start);
    assert_int_not_equal(w.start, window_in("key", "pump-8", 1, 180 * 86400).start);
    assert_int_not_equal(w.start, window_in("kez", "pump-7", 1, 180 * 86400).start);
}

static void certificate_that_ended_before_it_began_has_a_window_all_the_same(void **state)
{
    const struct mrl_window_of of = {MRL_LIT("d"), MRL_LIT("f"), 1000, 10};
    struct mrl_window w;

    (void)state;
    assert_int_equal(mrl_window_of(MRL_LIT("k"), &of, &w), MRL_OK);
    assert_int_equal(w.start, 10);
    assert_int_equal(w.end, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_is_in_the_last_third_and_leaves_time_to_try_again),
        cmocka_unit_test(fleet_that_enrolled_at_once_is_spread_evenly),
        cmocka_unit_test(window_is_the_same_when_asked_again_and_another_with_anything_else),
        cmocka_unit_test(certificate_that_ended_before_it_began_has_a_window_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
