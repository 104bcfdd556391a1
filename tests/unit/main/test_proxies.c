/* SPDX-License-Identifier: Apache-2.0 */
#include "main/proxies.h"

#include <string.h>

#include "tests/unit/unit.h"

static mrl_bytes texts[MRL_PROXIES_MAX + 1];

static void a_list_becomes_networks(void **state)
{
    const struct mrl_config_strings list = {texts, 2};
    struct mrl_proxies proxies;

    (void)state;
    texts[0] = MRL_LIT("10.0.0.0/8");
    texts[1] = MRL_LIT("2001:db8::1");
    assert_ok(mrl_proxies_read(&list, "[mqtt] proxies", &proxies, NULL));
    assert_int_equal(proxies.count, 2);
    assert_int_equal(proxies.at[0].bits, 8);
    assert_int_equal(proxies.at[1].bits, 128);
}

static void a_wrong_one_is_named_with_its_key(void **state)
{
    const struct mrl_config_strings list = {texts, 2};
    struct mrl_proxies proxies = {.count = 7};
    struct mrl_why why = {""};

    (void)state;
    texts[0] = MRL_LIT("10.0.0.0/8");
    texts[1] = MRL_LIT("balancer.example.org");
    assert_int_equal(mrl_proxies_read(&list, "[mqtt] proxies", &proxies, &why), MRL_ERR_INVALID);
    assert_string_equal(why.text,
                        "[mqtt] proxies: balancer.example.org: an address, or one with /bits");
    assert_int_equal(proxies.count, 7);
}

static void everybody_is_no_load_balancer(void **state)
{
    const struct mrl_config_strings list = {texts, 1};
    struct mrl_proxies proxies;

    (void)state;
    texts[0] = MRL_LIT("0.0.0.0/0");
    assert_int_equal(mrl_proxies_read(&list, "k", &proxies, NULL), MRL_ERR_INVALID);
    texts[0] = MRL_LIT("::/0");
    assert_int_equal(mrl_proxies_read(&list, "k", &proxies, NULL), MRL_ERR_INVALID);
    texts[0] = MRL_LIT("0.0.0.0/1");
    assert_ok(mrl_proxies_read(&list, "k", &proxies, NULL));
}

static void there_are_64_and_not_65(void **state)
{
    struct mrl_config_strings list = {texts, MRL_PROXIES_MAX};
    struct mrl_proxies proxies;

    (void)state;
    for (size_t i = 0; i <= MRL_PROXIES_MAX; i++)
        texts[i] = MRL_LIT("::1");
    assert_ok(mrl_proxies_read(&list, "k", &proxies, NULL));
    list.count++;
    assert_int_equal(mrl_proxies_read(&list, "k", &proxies, NULL), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_becomes_networks),
        cmocka_unit_test(a_wrong_one_is_named_with_its_key),
        cmocka_unit_test(everybody_is_no_load_balancer),
        cmocka_unit_test(there_are_64_and_not_65),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
