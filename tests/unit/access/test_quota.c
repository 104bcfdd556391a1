/* SPDX-License-Identifier: Apache-2.0 */
#include "access/quota.h"

#include "tests/unit/unit.h"

static uint64_t parsed(enum mrl_quota_limit limit, const char *text)
{
    uint64_t value = 0;
    struct mrl_why why;

    if (mrl_quota_parse(limit, mrl_str(text), &value, &why) != MRL_OK)
        fail_msg("%s: %s", text, why.text);
    return value;
}

static void limits_are_read_with_and_without_their_unit(void **state)
{
    (void)state;
    assert_int_equal(parsed(MRL_QUOTA_MESSAGES, "100/s"), 100);
    assert_int_equal(parsed(MRL_QUOTA_MESSAGES, "100"), 100);
    assert_int_equal(parsed(MRL_QUOTA_CONNECTS, "30/min"), 30);
    assert_int_equal(parsed(MRL_QUOTA_BYTES, "1MiB/s"), 1 << 20);
    assert_int_equal(parsed(MRL_QUOTA_BYTES, "512"), 512);
    assert_int_equal(parsed(MRL_QUOTA_QUEUE_BYTES, "2GiB"), UINT64_C(2) << 30);
    assert_int_equal(parsed(MRL_QUOTA_MESSAGES, "unlimited"), 0);
    assert_int_equal(parsed(MRL_QUOTA_IN_FLIGHT, "64"), 64);
}

static void what_is_no_limit_is_refused(void **state)
{
    static const struct {
        enum mrl_quota_limit limit;
        const char *text;
    } bad[] = {
        {MRL_QUOTA_MESSAGES, ""},
        {MRL_QUOTA_MESSAGES, "/s"},
        {MRL_QUOTA_MESSAGES, "100/min"},
        {MRL_QUOTA_MESSAGES, "-1"},
        {MRL_QUOTA_MESSAGES, "1KiB/s"},
        {MRL_QUOTA_CONNECTS, "30/s"},
        {MRL_QUOTA_IN_FLIGHT, "unlimited"},
        {MRL_QUOTA_IN_FLIGHT, "10/s"},
        {MRL_QUOTA_PACKET, "KiB"},
        {MRL_QUOTA_PACKET, "1 KiB"},
        {MRL_QUOTA_BYTES, "1KiBKiB"},
        {MRL_QUOTA_BYTES, "18446744073709551616"},
        {MRL_QUOTA_BYTES, "18014398509481984KiB"},
    };
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_why why = {{0}};

        assert_int_equal(mrl_quota_parse(bad[i].limit, mrl_str(bad[i].text), &value, &why),
                         MRL_ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
    assert_int_equal(value, 7);
}

static void each_limit_has_a_least_and_a_most(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++) {
        const struct mrl_quota_rule *rule = &mrl_quota_rules[i];
        enum mrl_quota_limit limit = (enum mrl_quota_limit)i, found;

        assert_ok(mrl_quota_check(limit, rule->least, NULL));
        assert_ok(mrl_quota_check(limit, rule->most, NULL));
        assert_ok(mrl_quota_check(limit, rule->fallback, NULL));
        assert_int_equal(mrl_quota_check(limit, rule->most + 1, NULL), MRL_ERR_INVALID);
        if (rule->least > 0)
            assert_int_equal(mrl_quota_check(limit, rule->least - 1, NULL), MRL_ERR_INVALID);
        assert_true(mrl_quota_limit_find(mrl_str(rule->name), &found));
        assert_int_equal(found, limit);
    }
    assert_false(mrl_quota_limit_find(MRL_LIT("nothing"), &(enum mrl_quota_limit){0}));
}

static void what_is_given_stands_over_what_was(void **state)
{
    const struct mrl_quota_override over = {.given = 1u << MRL_QUOTA_QUEUE,
                                            .of[MRL_QUOTA_QUEUE] = 5};
    const struct mrl_quota *base = mrl_quota_new(NULL, NULL);
    const struct mrl_quota *q = mrl_quota_new(base, &over);

    (void)state;
    assert_int_equal(q->of[MRL_QUOTA_QUEUE], 5);
    assert_int_equal(q->of[MRL_QUOTA_SESSIONS], mrl_quota_rules[MRL_QUOTA_SESSIONS].fallback);
    assert_false(mrl_quota_same(base, q));
    mrl_quota_unref(q);
    q = mrl_quota_new(base, NULL);
    assert_true(mrl_quota_same(base, q));
    mrl_quota_unref(mrl_quota_ref(base));
    mrl_quota_unref(q);
    mrl_quota_unref(base);
    mrl_quota_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read_with_and_without_their_unit),
        cmocka_unit_test(what_is_no_limit_is_refused),
        cmocka_unit_test(each_limit_has_a_least_and_a_most),
        cmocka_unit_test(what_is_given_stands_over_what_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
