/* SPDX-License-Identifier: Apache-2.0 */
#include "main/quotas.h"

#include <string.h>

#include "tests/unit/unit.h"

static void read_config(struct mrl_arena *arena, const char *text, struct mrl_config *out)
{
    struct mrl_why why;

    if (mrl_config_read(&mrl_config_schema, mrl_str(text), arena, out, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

static void defaults_of_a_device_are_those_of_the_rules(void **state)
{
    struct mrl_arena arena = {0};
    uint64_t of[MRL_QUOTA_COUNT_];
    struct mrl_config c;

    (void)state;
    read_config(&arena, "[server]\nstate = \"/s\"\n", &c);
    mrl_quotas_of_config(&c, MRL_PRINCIPAL_DEVICE, of);
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        assert_int_equal(of[i], mrl_quota_rules[i].fallback);
    mrl_arena_done(&arena);
}

static void an_application_has_no_rates(void **state)
{
    struct mrl_arena arena = {0};
    uint64_t of[MRL_QUOTA_COUNT_];
    struct mrl_config c;

    (void)state;
    read_config(&arena, "[server]\nstate = \"/s\"\n[mqtt]\nin_flight = 7\n", &c);
    mrl_quotas_of_config(&c, MRL_PRINCIPAL_APPLICATION, of);
    assert_int_equal(of[MRL_QUOTA_CONNECTS], 0);
    assert_int_equal(of[MRL_QUOTA_MESSAGES], 0);
    assert_int_equal(of[MRL_QUOTA_BYTES], 0);
    assert_int_equal(of[MRL_QUOTA_SESSIONS], 1000);
    assert_int_equal(of[MRL_QUOTA_IN_FLIGHT], 7);
    mrl_arena_done(&arena);
}

static void whatever_the_configuration_takes_is_a_limit(void **state)
{
    struct mrl_arena arena = {0};
    uint64_t of[MRL_QUOTA_COUNT_];
    struct mrl_config c;

    (void)state;
    read_config(&arena,
                "[server]\nstate = \"/s\"\n[mqtt]\npacket_bytes = \"128\"\nin_flight = 65535\n"
                "queued_bytes = \"1KiB\"\nqueued_messages = 1\nsubscriptions = 1\n"
                "device_sessions = 1\n[quota]\nconnects = 1000000\nmessages = 10000000\n"
                "bytes = \"1024GiB\"\nretained = 4294967296\nretained_bytes = \"1024GiB\"\n",
                &c);
    mrl_quotas_of_config(&c, MRL_PRINCIPAL_DEVICE, of);
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        assert_ok(mrl_quota_check((enum mrl_quota_limit)i, of[i], NULL));
    mrl_arena_done(&arena);
}

static void exempt_networks_must_be_some(void **state)
{
    struct mrl_network exempt[MRL_CONFIG_EXEMPT_MAX];
    struct mrl_arena arena = {0};
    struct mrl_why why = {{0}};
    struct mrl_guard *g = NULL;
    struct mrl_config c;

    (void)state;
    read_config(&arena, "[server]\nstate = \"/s\"\n", &c);
    assert_ok(mrl_guard_of_config(&c, NULL, exempt, &g, &why));
    mrl_guard_free(g);
    read_config(&arena, "[server]\nstate = \"/s\"\n[quota]\nexempt = [\"10.0.0.1/8\"]\n", &c);
    assert_int_equal(mrl_guard_of_config(&c, NULL, exempt, &g, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "[quota] exempt: 10.0.0.1/8"));
    mrl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_of_a_device_are_those_of_the_rules),
        cmocka_unit_test(an_application_has_no_rates),
        cmocka_unit_test(whatever_the_configuration_takes_is_a_limit),
        cmocka_unit_test(exempt_networks_must_be_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
