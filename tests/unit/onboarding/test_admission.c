/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/admission.h"

#include "tests/unit/unit.h"

static uint64_t now_ms;

static uint64_t clock_of_test(void)
{
    return now_ms;
}

static struct mrl_admission *admission(size_t waiting, size_t of_source)
{
    const struct mrl_admission_config config = {waiting, of_source, clock_of_test};

    now_ms = 1000000;
    return mrl_admission_new(&config);
}

static mrl_bytes source(uint8_t *n)
{
    return mrl_bytes_of(n, 1);
}

static void as_many_wait_as_the_limit_says_and_not_one_more(void **state)
{
    struct mrl_admission *a = admission(10, 0);
    uint8_t of[11];
    unsigned wait_s;

    (void)state;
    for (uint8_t i = 0; i < 11; i++) {
        of[i] = i;
        assert_int_equal(mrl_admission_enter(a, source(&of[i]), &wait_s),
                         i < 10 ? MRL_ADMITTED : MRL_ADMISSION_FULL);
    }
    assert_int_equal(mrl_admission_waiting(a), 10);
    mrl_admission_leave(a, source(&of[3]));
    assert_int_equal(mrl_admission_enter(a, source(&of[10]), &wait_s), MRL_ADMITTED);
    mrl_admission_free(a);
}

static void a_source_has_a_limit_of_its_own_and_leaves_room_for_others(void **state)
{
    struct mrl_admission *a = admission(10, 3);
    uint8_t greedy = 1, other = 2;
    unsigned wait_s;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(mrl_admission_enter(a, source(&greedy), &wait_s), MRL_ADMITTED);
    assert_int_equal(mrl_admission_enter(a, source(&greedy), &wait_s), MRL_ADMISSION_SOURCE_FULL);
    assert_int_equal(mrl_admission_enter(a, source(&other), &wait_s), MRL_ADMITTED);
    mrl_admission_leave(a, source(&greedy));
    assert_int_equal(mrl_admission_enter(a, source(&greedy), &wait_s), MRL_ADMITTED);
    mrl_admission_free(a);
}

/* As if 50 a second were served while all places are taken. */
static void serve(struct mrl_admission *a, uint8_t *of, int seconds)
{
    unsigned wait_s;

    for (int i = 0; i < seconds * 50; i++) {
        now_ms += 20;
        mrl_admission_leave(a, source(of));
        assert_int_equal(mrl_admission_enter(a, source(of), &wait_s), MRL_ADMITTED);
    }
}

static void whoever_is_sent_away_comes_back_at_the_speed_of_the_queue(void **state)
{
    enum { HERD = 1000 };
    struct mrl_admission *a = admission(100, 0);
    unsigned wait_s, back[60] = {0}, later = 0;
    uint8_t of = 1;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(mrl_admission_enter(a, source(&of), &wait_s), MRL_ADMITTED);
    serve(a, &of, 20);
    for (int i = 0; i < HERD; i++) {
        assert_int_equal(mrl_admission_enter(a, source(&of), &wait_s), MRL_ADMISSION_FULL);
        assert_in_range(wait_s, 3, 29); /* 100 wait for two seconds, a thousand for 20 more */
        back[wait_s]++;
    }
    for (int s = 0; s < 60; s++)
        later = back[s] > later ? back[s] : later;
    assert_in_range(later, 40, 110); /* in the fullest second */
    mrl_admission_free(a);
}

static void nobody_waits_longer_than_ten_minutes_nor_shorter_than_a_second(void **state)
{
    struct mrl_admission *a = admission(1, 0);
    unsigned wait_s, most = 0;
    uint8_t of = 1;

    (void)state;
    assert_int_equal(mrl_admission_enter(a, source(&of), &wait_s), MRL_ADMITTED);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(mrl_admission_enter(a, source(&of), &wait_s), MRL_ADMISSION_FULL);
        assert_in_range(wait_s, 1, MRL_ADMISSION_WAIT_MAX_S);
        most = wait_s > most ? wait_s : most;
    }
    assert_true(most > MRL_ADMISSION_WAIT_MAX_S / 2);
    mrl_admission_leave(a, source(&of));
    assert_in_range(mrl_admission_later(a), 1, MRL_ADMISSION_WAIT_MAX_S);
    mrl_admission_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_wait_as_the_limit_says_and_not_one_more),
        cmocka_unit_test(a_source_has_a_limit_of_its_own_and_leaves_room_for_others),
        cmocka_unit_test(whoever_is_sent_away_comes_back_at_the_speed_of_the_queue),
        cmocka_unit_test(nobody_waits_longer_than_ten_minutes_nor_shorter_than_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
