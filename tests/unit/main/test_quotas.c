/* SPDX-License-Identifier: Apache-2.0 */
#include "main/quotas.h"

#include <stdio.h>
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

static unsigned admitted(struct mrl_guard *g, const char *host, unsigned tries)
{
    struct mrl_peer p;
    unsigned passed = 0;

    assert_ok(mrl_network_parse_host(mrl_str(host), &p));
    for (unsigned i = 0; i < tries; i++)
        passed += mrl_guard_admit(g, &p) == MRL_GUARD_PASS;
    return passed;
}

/* Fails from so many addresses, so often each; is the last one kept out then? */
static bool is_out_after(struct mrl_guard *g, const char *network, unsigned hosts, unsigned each)
{
    char host[32];
    struct mrl_peer p;

    for (unsigned i = 1; i <= hosts; i++) {
        (void)snprintf(host, sizeof(host), "%s.%u", network, i);
        assert_ok(mrl_network_parse_host(mrl_str(host), &p));
        for (unsigned k = 0; k < each; k++)
            mrl_guard_failed(g, &p);
    }
    return mrl_guard_admit(g, &p) == MRL_GUARD_BLOCKED;
}

static unsigned tokens_taken(struct mrl_guard *g, const char *host)
{
    struct mrl_peer p;
    unsigned taken = 0;

    assert_ok(mrl_network_parse_host(mrl_str(host), &p));
    for (; mrl_guard_enrol_wait_ms(g, &p) == 0; taken++)
        mrl_guard_token_refused(g, &p);
    return taken;
}

static void take_block(void *context, const struct mrl_guard_block *block)
{
    *(uint64_t *)context = block->left_ms;
}

/* How long somebody is kept out the first time, in milliseconds. */
static uint64_t first_block(const char *times)
{
    const struct mrl_guard_principal who = {MRL_GUARD_DEVICE, MRL_LIT("d"), MRL_LIT("192.0.2.7:1")};
    struct mrl_network exempt[MRL_CONFIG_EXEMPT_MAX];
    struct mrl_arena arena = {0};
    struct mrl_guard *g = NULL;
    struct mrl_config c;
    char text[128];
    uint64_t left_ms = 0;

    (void)snprintf(text, sizeof(text), "[server]\nstate = \"/s\"\n[quota]\n%s", times);
    read_config(&arena, text, &c);
    assert_ok(mrl_guard_of_config(&c, NULL, exempt, &g, NULL));
    mrl_guard_flooded(g, &who);
    mrl_guard_list(g, MRL_BYTES_NONE, 1, take_block, &left_ms);
    mrl_guard_free(g);
    mrl_arena_done(&arena);
    return left_ms;
}

static void blocks_last_as_long_as_the_configuration_says(void **state)
{
    (void)state;
    assert_in_range(first_block("block = \"100s\"\nblock_max = \"150s\"\n"), 90000, 100000);
    assert_in_range(first_block("block = \"200s\"\nblock_max = \"150s\"\n"), 140000, 150000);
}

static void the_guard_has_the_numbers_of_the_configuration(void **state)
{
    struct mrl_network exempt[MRL_CONFIG_EXEMPT_MAX];
    struct mrl_arena arena = {0};
    struct mrl_guard *g = NULL;
    struct mrl_config c;

    (void)state;
    read_config(&arena,
                "[server]\nstate = \"/s\"\n[quota]\nexempt = []\nsource_connects = 3\n"
                "network_connects = 5\nsource_failures = 6\nnetwork_failures = 7\n"
                "token_failures = 8\n",
                &c);
    assert_ok(mrl_guard_of_config(&c, NULL, exempt, &g, NULL));
    assert_int_equal(admitted(g, "192.0.2.1", 4), 3);
    assert_int_equal(admitted(g, "192.0.2.2", 3), 2);
    assert_false(is_out_after(g, "198.51.100", 1, 6));
    assert_true(is_out_after(g, "198.51.100", 1, 1));
    assert_false(is_out_after(g, "198.51.101", 7, 1));
    assert_true(is_out_after(g, "198.51.101", 1, 1));
    assert_int_equal(tokens_taken(g, "203.0.113.1"), 8 + 1);
    mrl_guard_free(g);
    mrl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_of_a_device_are_those_of_the_rules),
        cmocka_unit_test(an_application_has_no_rates),
        cmocka_unit_test(whatever_the_configuration_takes_is_a_limit),
        cmocka_unit_test(exempt_networks_must_be_some),
        cmocka_unit_test(the_guard_has_the_numbers_of_the_configuration),
        cmocka_unit_test(blocks_last_as_long_as_the_configuration_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
