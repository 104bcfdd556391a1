/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/schedule.h"

#include "tests/unit/unit.h"

enum { CLIENTS = 5, MEMBERS = 2, TIMES = 40 };

/* Every time slot belongs to exactly one client of one member, and the slots are even. */
static void all_members_together_keep_an_even_rate(void **state)
{
    unsigned seen[TIMES] = {0};

    (void)state;
    for (unsigned member = 0; member < MEMBERS; member++) {
        struct mrl_schedule s = {.start_ns = 1000,
                                 .rate = 1000,
                                 .clients = CLIENTS,
                                 .members = MEMBERS,
                                 .member = member};
        struct mrl_due due;

        while (mrl_schedule_next(&s, &due) && due.at_ns < 1000 + TIMES * UINT64_C(1000000)) {
            uint64_t slot = (due.at_ns - 1000) / 1000000;

            assert_int_equal((due.at_ns - 1000) % 1000000, 0);
            assert_int_equal(due.client, slot % CLIENTS);
            assert_int_equal(due.client % MEMBERS, member);
            seen[slot]++;
            mrl_schedule_done(&s);
        }
    }
    for (unsigned i = 0; i < TIMES; i++)
        assert_int_equal(seen[i], 1);
}

static void a_member_without_clients_has_nothing_to_do(void **state)
{
    const struct mrl_schedule s = {.rate = 1, .clients = 1, .members = 2, .member = 1};
    struct mrl_due due;

    (void)state;
    assert_false(mrl_schedule_next(&s, &due));
}

static void looking_does_not_advance(void **state)
{
    const struct mrl_schedule s = {.start_ns = 7, .rate = 2, .clients = 1, .members = 1};
    struct mrl_due first, second;

    (void)state;
    assert_true(mrl_schedule_next(&s, &first) && mrl_schedule_next(&s, &second));
    assert_int_equal(first.at_ns, 7);
    assert_int_equal(second.at_ns, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members_together_keep_an_even_rate),
        cmocka_unit_test(a_member_without_clients_has_nothing_to_do),
        cmocka_unit_test(looking_does_not_advance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
