/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "net/address.h"
#include "tests/unit/unit.h"

static void what_is_parsed_is_written_the_same(void **state)
{
    static const char *const texts[] = {"192.0.2.1:8883", "[2001:db8::1]:0", "[::1]:65535",
                                        "unix:/run/x.sock"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        struct mrl_address a;
        char text[MRL_ADDRESS_TEXT];

        assert_ok(mrl_address_parse(mrl_str(texts[i]), &a, NULL));
        mrl_address_format(&a, text);
        assert_string_equal(text, texts[i]);
    }
}

static void what_is_no_address_is_refused_with_a_reason(void **state)
{
    static const char *const texts[] = {"",
                                        "8883",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:x",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:-1",
                                        ":8883",
                                        "[::1",
                                        "[::1]",
                                        "[::1]8883",
                                        "[]:1",
                                        "::1:8883",
                                        "unix:",
                                        "127.0.0.1:1 "};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        struct mrl_why why = {0};
        struct mrl_address a;

        assert_int_equal(mrl_address_parse(mrl_str(texts[i]), &a, &why), MRL_ERR_INVALID);
        assert_true(strlen(why.text) > 0);
    }
}

static void a_name_is_not_resolved(void **state)
{
    struct mrl_address a;
    mrl_bytes host;
    uint16_t port;

    (void)state;
    assert_int_equal(mrl_address_parse(MRL_LIT("example.org:1"), &a, NULL), MRL_ERR_UNSUPPORTED);
    assert_ok(mrl_address_split(MRL_LIT("example.org:8883"), &host, &port, NULL));
    assert_bytes_equal(host, MRL_LIT("example.org"));
    assert_int_equal(port, 8883);
    assert_ok(mrl_address_resolve(MRL_LIT("127.0.0.1"), 7, &a, NULL));
    assert_int_equal(mrl_address_port(&a), 7);
}

static void a_socket_path_fits_at_its_limit_and_not_one_above(void **state)
{
    struct mrl_address a;
    char text[200] = "unix:";
    size_t limit = sizeof(a.sa.local.sun_path) - 1;

    (void)state;
    memset(text + 5, 'p', limit + 1);
    assert_ok(mrl_address_parse(mrl_bytes_of(text, 5 + limit), &a, NULL));
    assert_int_equal(mrl_address_parse(mrl_bytes_of(text, 5 + limit + 1), &a, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_address_parse(MRL_LIT("unix:/a\0b"), &a, NULL), MRL_ERR_INVALID);
}

static struct mrl_peer peer_of(const char *text)
{
    struct mrl_address a;
    struct mrl_peer p;

    assert_ok(mrl_address_parse(mrl_str(text), &a, NULL));
    mrl_peer_from_address(&a, &p);
    return p;
}

static void loopback_is_known_in_every_spelling(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } rows[] = {{"127.0.0.1:1", true},
                {"127.9.9.9:1", true},
                {"[::1]:1", true},
                {"[::ffff:127.0.0.1]:1", true},
                {"unix:/x", true},
                {"128.0.0.1:1", false},
                {"[::2]:1", false},
                {"*:1", false},
                {"[::ffff:10.0.0.1]:1", false},
                {"localhost:1", true}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct mrl_peer p = peer_of(rows[i].text);

        assert_int_equal(mrl_peer_is_loopback(&p), rows[i].loopback);
    }
}

static bool same_prefix(const char *a, const char *b, unsigned bits4, unsigned bits6)
{
    struct mrl_peer p = peer_of(a), q = peer_of(b);
    struct mrl_prefix x, y;

    mrl_peer_prefix(&p, bits4, bits6, &x);
    mrl_peer_prefix(&q, bits4, bits6, &y);
    return memcmp(&x, &y, sizeof(x)) == 0;
}

static void a_prefix_joins_a_network_and_nothing_else(void **state)
{
    (void)state;
    assert_true(same_prefix("10.1.2.3:1", "10.1.2.3:2", 32, 64));
    assert_false(same_prefix("10.1.2.3:1", "10.1.2.4:1", 32, 64));
    assert_true(same_prefix("10.1.2.3:1", "10.1.3.255:1", 23, 64));
    assert_false(same_prefix("10.1.2.3:1", "10.1.4.3:1", 23, 64));
    assert_true(same_prefix("[2001:db8::1]:1", "[2001:db8::ffff]:1", 32, 64));
    assert_false(same_prefix("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", 32, 64));
    assert_true(same_prefix("[::ffff:10.1.2.3]:1", "10.1.2.3:9", 32, 64));
    assert_true(same_prefix("10.1.2.3:1", "10.1.2.3:1", 999, 999));
}

static void peers_are_written_for_people(void **state)
{
    struct mrl_peer p = peer_of("[::ffff:192.0.2.7]:40000");
    char text[MRL_PEER_TEXT];

    (void)state;
    mrl_peer_format(&p, text);
    assert_string_equal(text, "192.0.2.7:40000");
    mrl_peer_format_host(&p, text);
    assert_string_equal(text, "192.0.2.7");
    p = (struct mrl_peer){.kind = MRL_PEER_LOCAL, .uid = 1000, .pid = 4711};
    mrl_peer_format(&p, text);
    assert_string_equal(text, "local:uid=1000,pid=4711");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_parsed_is_written_the_same),
        cmocka_unit_test(what_is_no_address_is_refused_with_a_reason),
        cmocka_unit_test(a_name_is_not_resolved),
        cmocka_unit_test(a_socket_path_fits_at_its_limit_and_not_one_above),
        cmocka_unit_test(loopback_is_known_in_every_spelling),
        cmocka_unit_test(a_prefix_joins_a_network_and_nothing_else),
        cmocka_unit_test(peers_are_written_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
