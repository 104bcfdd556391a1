/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/network.h"

#include "tests/unit/unit.h"

static bool has(const char *network, const char *host)
{
    struct mrl_network n;
    struct mrl_peer peer;
    struct mrl_why why;

    if (mrl_network_parse(mrl_str(network), &n, &why) != MRL_OK)
        fail_msg("%s", why.text);
    assert_ok(mrl_network_parse_host(mrl_str(host), &peer));
    return mrl_network_has(&n, &peer);
}

static void a_network_has_its_addresses_and_no_others(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.1"));
    assert_true(has("192.0.2.128/25", "192.0.2.129"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("192.0.2.7", "192.0.2.7"));
    assert_false(has("192.0.2.7", "192.0.2.8"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_true(has("2001:db8::/32", "2001:db8:1::1"));
    assert_false(has("2001:db8::/32", "2001:db9::1"));
    assert_true(has("::1", "::1"));
    assert_true(has("::1/128", "::1"));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const bad[] = {"",           "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/-1",
                                      "10.0.0.1/8", "localhost",   "::1/129",     "2001:db8::1/64",
                                      "10.0.0/8",   "/8",          "10.0.0.0/8/8"};
    struct mrl_network n;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_why why = {{0}};

        assert_int_equal(mrl_network_parse(mrl_str(bad[i]), &n, &why), MRL_ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_its_addresses_and_no_others),
        cmocka_unit_test(what_is_no_network_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
