/* SPDX-License-Identifier: Apache-2.0 */
#include "export/reveal.h"

#include "tests/unit/unit.h"

static void assert_revealed(mrl_bytes json, const struct mrl_audit_openings *opened, mrl_bytes want)
{
    const struct mrl_audit_row row = {.seq = 7, .json = json, .opened = opened};
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_export_reveal(&row, &out));
    assert_bytes_equal(mrl_buf_bytes(&out), want);
}

static void what_is_open_stands_behind_the_text(void **state)
{
    const struct mrl_audit_openings two = {
        2,
        {{.field = MRL_LIT("source"), .value = MRL_LIT("::1")},
         {.field = MRL_LIT("actor.id"), .value = MRL_LIT("ann")}}};

    (void)state;
    assert_revealed(MRL_LIT("{\"seq\":7}"), &two,
                    MRL_LIT("{\"seq\":7,\"opened\":{\"actor.id\":\"ann\",\"source\":\"::1\"}}"));
}

static void an_entry_of_which_nothing_is_open_stays_as_it_is(void **state)
{
    const struct mrl_audit_openings none = {0};

    (void)state;
    assert_revealed(MRL_LIT("{\"seq\":7}"), &none, MRL_LIT("{\"seq\":7}"));
}

static void values_cannot_leave_their_member(void **state)
{
    const struct mrl_audit_openings hostile = {
        1, {{.field = MRL_LIT("target"), .value = MRL_LIT("\"},\"seq\":8,\n\\")}}};

    (void)state;
    assert_revealed(MRL_LIT("{\"seq\":7}"), &hostile,
                    MRL_LIT("{\"seq\":7,\"opened\":{\"target\":\"\\\"},\\\"seq\\\":8,\\n\\\\\"}}"));
}

static void values_that_are_no_text_stay_closed(void **state)
{
    const struct mrl_audit_openings odd = {
        3,
        {{.field = MRL_LIT("target"), .value = MRL_LIT("\xff\xfe")},
         {.field = MRL_LIT("a\0b"), .value = MRL_LIT("x")},
         {.field = MRL_LIT("source"), .value = MRL_LIT("::1")}}};

    (void)state;
    assert_revealed(MRL_LIT("{\"seq\":7}"), &odd,
                    MRL_LIT("{\"seq\":7,\"opened\":{\"source\":\"::1\"}}"));
}

static void a_text_that_is_no_object_stays_as_it_is(void **state)
{
    const struct mrl_audit_openings one = {1,
                                           {{.field = MRL_LIT("source"), .value = MRL_LIT("::1")}}};

    (void)state;
    assert_revealed(MRL_BYTES_NONE, &one, MRL_BYTES_NONE);
    assert_revealed(MRL_LIT("{}"), &one, MRL_LIT("{}"));
    assert_revealed(MRL_LIT("[1]"), &one, MRL_LIT("[1]"));
    assert_revealed(MRL_LIT("{\"seq\":"), &one, MRL_LIT("{\"seq\":"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_open_stands_behind_the_text),
        cmocka_unit_test(an_entry_of_which_nothing_is_open_stays_as_it_is),
        cmocka_unit_test(values_cannot_leave_their_member),
        cmocka_unit_test(values_that_are_no_text_stay_closed),
        cmocka_unit_test(a_text_that_is_no_object_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
