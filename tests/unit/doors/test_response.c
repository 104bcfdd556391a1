/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/response.h"

#include "tests/unit/unit.h"

static void patterns_are_topics_with_whole_levels_for_the_id(void **state)
{
    static const struct {
        const char *pattern;
        mrl_err expected;
    } cases[] = {
        {"", MRL_OK},
        {"devices/${id}/responses", MRL_OK},
        {"${id}", MRL_OK},
        {"r", MRL_OK},
        {"devices/x-${id}/responses", MRL_ERR_INVALID},
        {"devices/${group}/responses", MRL_ERR_INVALID},
        {"devices/+/responses", MRL_ERR_INVALID},
        {"devices/#", MRL_ERR_INVALID},
        {"$SYS/${id}", MRL_ERR_INVALID},
        {"/${id}", MRL_ERR_INVALID},
        {"a\xff", MRL_ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_why why = {""};

        assert_int_equal(mrl_response_topic_check(mrl_str(cases[i].pattern), &why),
                         cases[i].expected);
        assert_int_equal(why.text[0] != '\0', cases[i].expected != MRL_OK);
    }
}

static void without_a_pattern_or_a_right_there_is_none(void **state)
{
    const struct mrl_subject who = {.kind = MRL_PRINCIPAL_DEVICE, .id = MRL_LIT("pump")};
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_false(mrl_response_topic(MRL_BYTES_NONE, NULL, &who, &out));
    assert_int_equal(out.len, 0);
    assert_false(mrl_response_topic(MRL_LIT("devices/${id}"), NULL, &who, &out));
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("devices/pump"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_topics_with_whole_levels_for_the_id),
        cmocka_unit_test(without_a_pattern_or_a_right_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
