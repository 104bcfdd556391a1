/* SPDX-License-Identifier: Apache-2.0 */
#include "net/network.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct mrl_peer peer(const char *host)
{
    struct mrl_peer p;

    assert_ok(mrl_network_parse_host(mrl_str(host), &p));
    return p;
}

static bool has(const char *network, const char *host)
{
    struct mrl_peer p = peer(host);
    struct mrl_network n;

    assert_ok(mrl_network_parse(mrl_str(network), &n, NULL));
    return mrl_network_has(&n, &p);
}

static void each_prefix_ends_where_it_says(void **state)
{
    static const struct {
        const char *network, *first, *last, *before, *behind;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
        {"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
        {"192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.127", "192.0.3.0"},
        {"192.0.2.6/31", "192.0.2.6", "192.0.2.7", "192.0.2.5", "192.0.2.8"},
        {"192.0.2.6/32", "192.0.2.6", "192.0.2.6", "192.0.2.5", "192.0.2.7"},
        {"192.0.2.6", "192.0.2.6", "192.0.2.6", "192.0.2.5", "192.0.2.7"},
        {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::", "::1"},
        {"128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255", "0.0.0.0"},
        {"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001:db7:ffff::", "2001:db9::"},
        {"2001:db8::/33", "2001:db8::", "2001:db8:7fff::", "2001:db7::", "2001:db8:8000::"},
        {"2001:db8::8/127", "2001:db8::8", "2001:db8::9", "2001:db8::7", "2001:db8::a"},
        {"::1", "::1", "::1", "::", "::2"},
        {"8000::/1", "8000::", "ffff::", "7fff::", "::"},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        assert_true(has(cases[i].network, cases[i].first));
        assert_true(has(cases[i].network, cases[i].last));
        assert_false(has(cases[i].network, cases[i].before));
        assert_false(has(cases[i].network, cases[i].behind));
    }
}

static void a_mapped_address_is_ipv4(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_true(has("::ffff:10.0.0.0/104", "::ffff:10.255.0.0"));
    assert_false(has("::ffff:10.0.0.0/104", "11.0.0.0"));
    assert_true(has("::ffff:192.0.2.1", "192.0.2.1"));
    assert_false(has("::/1", "192.0.2.1")); /* another family */
    assert_false(has("0.0.0.0/1", "::1"));
}

static void what_is_no_network_is_refused_with_a_reason(void **state)
{
    static const char *const texts[] = {"",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/8 ",
                                        " 10.0.0.0",
                                        "10.0.0.1/8",
                                        "10.0.0/8",
                                        "10.0.0.0/8/8",
                                        "lb.example.org",
                                        "2001:db8::1/64",
                                        "::1/129",
                                        "[::1]",
                                        "010.0.0.0/8",
                                        "::ffff:10.0.0.1/104",
                                        "*",
                                        "10.0.0.0/0x8",
                                        "::ffff:0.0.0.0/95"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        struct mrl_network n = {.bits = 77};
        struct mrl_why why = {""};

        assert_int_equal(mrl_network_parse(mrl_str(texts[i]), &n, &why), MRL_ERR_INVALID);
        assert_true(strlen(why.text) > 0);
        assert_int_equal(n.bits, 77);
    }
}

static void an_address_has_no_port_and_no_prefix(void **state)
{
    static const char *const texts[] = {"",      "localhost", "192.0.2.1:1", "192.0.2.1/32",
                                        "[::1]", "1"};
    struct mrl_peer p = {.port = 9};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++)
        assert_int_equal(mrl_network_parse_host(mrl_str(texts[i]), &p), MRL_ERR_INVALID);
    assert_int_equal(p.port, 9);
    assert_ok(mrl_network_parse_host(MRL_LIT("::ffff:192.0.2.1"), &p));
    assert_int_equal(p.kind, MRL_PEER_IPV4);
}

static void one_of_many_is_enough(void **state)
{
    struct mrl_peer in = peer("10.1.2.3"), out = peer("11.1.2.3");
    struct mrl_peer local = {.kind = MRL_PEER_LOCAL};
    struct mrl_network n[2];

    (void)state;
    assert_ok(mrl_network_parse(MRL_LIT("2001:db8::/32"), &n[0], NULL));
    assert_ok(mrl_network_parse(MRL_LIT("10.0.0.0/8"), &n[1], NULL));
    assert_true(mrl_networks_have(n, 2, &in));
    assert_false(mrl_networks_have(n, 1, &in));
    assert_false(mrl_networks_have(n, 2, &out));
    assert_false(mrl_networks_have(n, 2, &local));
    assert_false(mrl_networks_have(n, 0, &in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_prefix_ends_where_it_says),
        cmocka_unit_test(a_mapped_address_is_ipv4),
        cmocka_unit_test(what_is_no_network_is_refused_with_a_reason),
        cmocka_unit_test(an_address_has_no_port_and_no_prefix),
        cmocka_unit_test(one_of_many_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
