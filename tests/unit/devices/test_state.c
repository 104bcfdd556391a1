/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/state.h"

#include <string.h>

#include "tests/unit/unit.h"

enum { E = MRL_DEVICE_EXPECTED, A, Q, S, R, NO = 0 };

/* Every action in every state; NO: refused. Suspended ones return to the state they came from. */
static const struct {
    enum mrl_device_action action;
    int after[6]; /* in expected, active, quarantined, suspended, retired */
} table[] = {
    {MRL_DEVICE_ACTIVATE, {A, A, Q, NO, NO}},     {MRL_DEVICE_SUSPEND, {S, S, S, NO, NO}},
    {MRL_DEVICE_QUARANTINE, {NO, Q, NO, NO, NO}}, {MRL_DEVICE_RELEASE, {NO, NO, A, NO, NO}},
    {MRL_DEVICE_REVOKE, {E, E, E, S, NO}},        {MRL_DEVICE_RETIRE, {R, R, R, R, NO}},
};

static void every_step_is_allowed_or_refused_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(table); i++) {
        for (int from = E; from <= R; from++) {
            struct mrl_device_life life = {(enum mrl_device_state)from, MRL_DEVICE_ACTIVE};
            struct mrl_why why = {{0}};
            int to = table[i].after[from - E];
            mrl_err err = mrl_device_step(&life, table[i].action, &why);

            assert_int_equal(err, to == NO ? MRL_ERR_STATE : MRL_OK);
            assert_int_equal((int)life.state, to == NO ? from : to);
            if (to == NO) {
                assert_non_null(strstr(why.text, mrl_device_action_name(table[i].action)));
                assert_non_null(
                    strstr(why.text, mrl_device_state_name((enum mrl_device_state)from)));
            }
        }
    }
}

static void resume_returns_to_where_it_was(void **state)
{
    (void)state;
    for (int from = E; from <= Q; from++) {
        struct mrl_device_life life = {(enum mrl_device_state)from, MRL_DEVICE_EXPECTED};

        assert_ok(mrl_device_step(&life, MRL_DEVICE_SUSPEND, NULL));
        assert_int_equal((int)life.state, S);
        assert_ok(mrl_device_step(&life, MRL_DEVICE_RESUME, NULL));
        assert_int_equal((int)life.state, from);
        assert_int_equal(mrl_device_step(&life, MRL_DEVICE_RESUME, NULL), MRL_ERR_STATE);
    }
}

static void revoking_a_suspended_device_keeps_it_off_and_makes_it_enrol_again(void **state)
{
    struct mrl_device_life life = {MRL_DEVICE_ACTIVE, MRL_DEVICE_EXPECTED};

    (void)state;
    assert_ok(mrl_device_step(&life, MRL_DEVICE_SUSPEND, NULL));
    assert_ok(mrl_device_step(&life, MRL_DEVICE_REVOKE, NULL));
    assert_int_equal((int)life.state, S);
    assert_ok(mrl_device_step(&life, MRL_DEVICE_RESUME, NULL));
    assert_int_equal((int)life.state, E);
}

static void only_a_lift_leads_out_of_retired(void **state)
{
    struct mrl_device_life lifted = {MRL_DEVICE_RETIRED, MRL_DEVICE_ACTIVE};

    (void)state;
    for (int a = 0; a < MRL_DEVICE_LIFT; a++) {
        struct mrl_device_life life = {MRL_DEVICE_RETIRED, MRL_DEVICE_ACTIVE};

        assert_int_equal(mrl_device_step(&life, (enum mrl_device_action)a, NULL), MRL_ERR_STATE);
        assert_int_equal((int)life.state, R);
    }
    assert_ok(mrl_device_step(&lifted, MRL_DEVICE_LIFT, NULL));
    assert_int_equal((int)lifted.state, E);
    assert_int_equal(mrl_device_step(&lifted, MRL_DEVICE_LIFT, NULL), MRL_ERR_STATE);
}

static void states_that_cannot_be_are_refused(void **state)
{
    struct mrl_device_life none = {(enum mrl_device_state)0, MRL_DEVICE_ACTIVE};
    struct mrl_device_life beyond = {(enum mrl_device_state)6, MRL_DEVICE_ACTIVE};
    struct mrl_device_life lost = {MRL_DEVICE_SUSPENDED, MRL_DEVICE_RETIRED};

    (void)state;
    assert_int_equal(mrl_device_step(&none, MRL_DEVICE_RETIRE, NULL), MRL_ERR_STATE);
    assert_int_equal(mrl_device_step(&beyond, MRL_DEVICE_RETIRE, NULL), MRL_ERR_STATE);
    assert_int_equal(mrl_device_step(&lost, MRL_DEVICE_RESUME, NULL), MRL_ERR_CORRUPT);
    assert_int_equal(mrl_device_step(&lost, (enum mrl_device_action)99, NULL), MRL_ERR_STATE);
    assert_false(mrl_device_state_known(0));
    assert_false(mrl_device_state_known(6));
    assert_false(mrl_device_state_known(-1));
    assert_false(mrl_device_state_known(INT64_C(1) << 32 | 1));
}

static void what_a_state_allows(void **state)
{
    static const struct {
        enum mrl_device_state s;
        bool enrol, connect;
    } rows[] = {
        {MRL_DEVICE_EXPECTED, true, false},   {MRL_DEVICE_ACTIVE, true, true},
        {MRL_DEVICE_QUARANTINED, true, true}, {MRL_DEVICE_SUSPENDED, false, false},
        {MRL_DEVICE_RETIRED, false, false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        assert_int_equal(mrl_device_may_enrol(rows[i].s), rows[i].enrol);
        assert_int_equal(mrl_device_may_connect(rows[i].s), rows[i].connect);
    }
}

static void names_go_both_ways(void **state)
{
    enum mrl_device_state back;

    (void)state;
    for (int s = E; s <= R; s++) {
        assert_true(mrl_device_state_parse(mrl_str(mrl_device_state_name((enum mrl_device_state)s)),
                                           &back));
        assert_int_equal((int)back, s);
    }
    assert_false(mrl_device_state_parse(MRL_LIT("Active"), &back));
    assert_false(mrl_device_state_parse(MRL_BYTES_NONE, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_allowed_or_refused_as_the_table_says),
        cmocka_unit_test(resume_returns_to_where_it_was),
        cmocka_unit_test(revoking_a_suspended_device_keeps_it_off_and_makes_it_enrol_again),
        cmocka_unit_test(only_a_lift_leads_out_of_retired),
        cmocka_unit_test(states_that_cannot_be_are_refused),
        cmocka_unit_test(what_a_state_allows),
        cmocka_unit_test(names_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
