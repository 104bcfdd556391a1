/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/policy.h"

#include "tests/unit/unit.h"

#define DAY INT64_C(86400)
static const int64_t now = 1800000000;
static const int64_t issuer_end = 1800000000 + 1000 * DAY;

static struct mrl_policy fresh(void)
{
    struct mrl_policy_limits limits = mrl_policy_defaults();

    return mrl_policy_start(&limits, 0);
}

static struct mrl_keys_issue wanted(void)
{
    return (struct mrl_keys_issue){.kind = MRL_KEYS_DEVICE,
                                   .id = MRL_LIT("pump-1"),
                                   .not_before = now,
                                   .not_after = now + 90 * DAY};
}

static mrl_err judge(const struct mrl_keys_issue *want)
{
    struct mrl_policy p = fresh();

    return mrl_policy_check_issue(&p, want, now, issuer_end, NULL);
}

static void a_common_request_passes(void **state)
{
    struct mrl_keys_issue want = wanted();

    (void)state;
    assert_ok(judge(&want));
}

static void a_life_of_the_longest_passes_and_one_second_more_does_not(void **state)
{
    (void)state;
    for (int kind = MRL_KEYS_DEVICE; kind < MRL_KEYS_KIND_END_; kind++) {
        struct mrl_policy p = fresh();
        struct mrl_keys_issue want = wanted();

        p.limits.max_lifetime_s[kind] = (uint64_t)(10 * DAY + kind);
        want.kind = (enum mrl_keys_kind)kind;
        want.dns_count = kind == MRL_KEYS_SERVER;
        want.dns[0] = MRL_LIT("localhost");
        want.not_after = now + 10 * DAY + kind;
        assert_ok(mrl_policy_check_issue(&p, &want, now, issuer_end, NULL));
        want.not_after++;
        assert_int_equal(mrl_policy_check_issue(&p, &want, now, issuer_end, NULL), MRL_ERR_DENIED);
    }
}

static void nothing_outlives_the_issuing_ca(void **state)
{
    struct mrl_policy p = fresh();
    struct mrl_keys_issue want = wanted();

    (void)state;
    assert_ok(mrl_policy_check_issue(&p, &want, now, want.not_after, NULL));
    assert_int_equal(mrl_policy_check_issue(&p, &want, now, want.not_after - 1, NULL),
                     MRL_ERR_DENIED);
}

static void the_start_lies_in_a_narrow_window(void **state)
{
    struct mrl_keys_issue want = wanted();

    (void)state;
    want.not_before = now - INT64_C(65) * 60;
    assert_ok(judge(&want));
    want.not_before--;
    assert_int_equal(judge(&want), MRL_ERR_DENIED);
    want.not_before = now + INT64_C(5) * 60;
    assert_ok(judge(&want));
    want.not_before++;
    assert_int_equal(judge(&want), MRL_ERR_DENIED);
}

static void times_that_make_no_sense_are_refused(void **state)
{
    struct mrl_keys_issue want = wanted();

    (void)state;
    want.not_after = want.not_before;
    assert_int_equal(judge(&want), MRL_ERR_INVALID);
    want.not_before = now - 10;
    want.not_after = now;
    assert_int_equal(judge(&want), MRL_ERR_INVALID);
    want.not_before = INT64_MAX;
    want.not_after = INT64_MAX;
    assert_int_equal(judge(&want), MRL_ERR_DENIED);
    want = wanted();
    want.not_after = INT64_MAX;
    assert_int_equal(judge(&want), MRL_ERR_DENIED);
    want.not_before = 0;
    assert_int_equal(judge(&want), MRL_ERR_DENIED);
}

static void only_servers_have_host_names(void **state)
{
    struct mrl_keys_issue want = wanted();

    (void)state;
    want.dns_count = 1;
    want.dns[0] = MRL_LIT("localhost");
    assert_int_equal(judge(&want), MRL_ERR_DENIED);
    want.kind = MRL_KEYS_SERVER;
    assert_ok(judge(&want));
    want.dns[0] = MRL_LIT("evil\nname");
    assert_int_equal(judge(&want), MRL_ERR_INVALID);
    want.dns_count = 0;
    assert_int_equal(judge(&want), MRL_ERR_INVALID);
}

static void a_name_that_could_be_read_otherwise_is_refused(void **state)
{
    static const char *const bad[] = {"", "a b", "a/b", "../x", "-rf", "a\x01", "\xc3\xa9", "a+b"};
    struct mrl_keys_issue want = wanted();

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        want.id = mrl_str(bad[i]);
        assert_int_equal(judge(&want), MRL_ERR_INVALID);
    }
}

static void the_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    struct mrl_policy_limits limits = mrl_policy_defaults();
    struct mrl_policy p;

    (void)state;
    limits.issue_burst = 3;
    limits.issue_rate = 2;
    p = mrl_policy_start(&limits, 1000);
    for (int i = 0; i < 3; i++)
        assert_ok(mrl_policy_take_token(&p, 1000, NULL));
    assert_int_equal(mrl_policy_take_token(&p, 1000, NULL), MRL_ERR_BUSY);
    assert_int_equal(mrl_policy_take_token(&p, 1499, NULL), MRL_ERR_BUSY);
    assert_ok(mrl_policy_take_token(&p, 1500, NULL));
    assert_int_equal(mrl_policy_take_token(&p, 1500, NULL), MRL_ERR_BUSY);
    for (int i = 0; i < 3; i++) /* full again, but never above the burst */
        assert_ok(mrl_policy_take_token(&p, UINT64_MAX, NULL));
    assert_int_equal(mrl_policy_take_token(&p, UINT64_MAX, NULL), MRL_ERR_BUSY);
}

static void our_own_keys_get_no_certificate(void **state)
{
    MRL_AUTO(mrl_key) ca = NULL;
    MRL_AUTO(mrl_key) again = NULL;
    MRL_AUTO(mrl_key) device = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    const struct mrl_key *own[2];

    (void)state;
    assert_ok(mrl_key_generate(MRL_KEY_P256, &ca, NULL));
    assert_ok(mrl_key_generate(MRL_KEY_P256, &device, NULL));
    assert_ok(mrl_key_to_spki(ca, &spki));
    assert_ok(mrl_key_from_spki(mrl_buf_bytes(&spki), &again, NULL));
    own[0] = device;
    own[1] = ca;
    assert_int_equal(mrl_policy_check_key(again, own, 2, NULL), MRL_ERR_DENIED);
    assert_ok(mrl_policy_check_key(again, own, 1, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_common_request_passes),
        cmocka_unit_test(a_life_of_the_longest_passes_and_one_second_more_does_not),
        cmocka_unit_test(nothing_outlives_the_issuing_ca),
        cmocka_unit_test(the_start_lies_in_a_narrow_window),
        cmocka_unit_test(times_that_make_no_sense_are_refused),
        cmocka_unit_test(only_servers_have_host_names),
        cmocka_unit_test(a_name_that_could_be_read_otherwise_is_refused),
        cmocka_unit_test(the_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(our_own_keys_get_no_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
