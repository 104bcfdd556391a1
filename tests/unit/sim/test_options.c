/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/options.h"

#include "base/attr.h"
#include "tests/unit/unit.h"

#define NEEDED "merlon-sim", "idle", "--broker", "127.0.0.1:1", "--ca", "r.pem", "--mint", "k.pem"

static mrl_err read(char **argv, size_t count, struct mrl_sim_options *o)
{
    return mrl_sim_options_read((int)count, argv, o, NULL);
}

static void what_is_given_counts_and_the_rest_has_defaults(void **state)
{
    char *argv[] = {NEEDED, "--subscribers", "7",  "--rate", "2.5", "--server",
                    "12",   "--server",      "13", "--json"};
    struct mrl_sim_options o;

    (void)state;
    assert_ok(read(argv, MRL_COUNT(argv), &o));
    assert_string_equal(o.scenario, "idle");
    assert_int_equal(o.subscribers, 7);
    assert_int_equal(o.publishers, 10);
    assert_true(o.rate > 2.4 && o.rate < 2.6 && o.json && !o.retain);
    assert_int_equal(o.server_count, 2);
    assert_int_equal(o.servers[1], 13);
}

static void numbers_hold_their_limits(void **state)
{
    static const struct {
        char *name, *value;
        bool good;
    } cases[] = {
        {"--payload", "7", false},     {"--payload", "8", true},   {"--payload", "65536", true},
        {"--payload", "65537", false}, {"--window", "0", false},   {"--window", "65535", true},
        {"--window", "65536", false},  {"--qos", "2", false},      {"--mqtt", "3", false},
        {"--mqtt", "6", false},        {"--rate", "-1", false},    {"--rate", "nan", false},
        {"--rate", "1e9", true},       {"--rate", "1.1e9", false}, {"--rate", "5x", false},
        {"--server", "0", false},      {"--server", "x", false},   {"--publishers", "", false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        char *argv[] = {NEEDED, cases[i].name, cases[i].value};
        struct mrl_sim_options o;

        assert_int_equal(read(argv, MRL_COUNT(argv), &o) == MRL_OK, cases[i].good);
    }
}

static void a_line_that_cannot_be_meant_is_refused(void **state)
{
    char *unknown[] = {NEEDED, "--fast"};
    char *without_value[] = {NEEDED, "--rate"};
    char *both_identities[] = {NEEDED, "--identities", "f"};
    char *no_clients[] = {NEEDED, "--publishers", "0", "--subscribers", "0"};
    char *no_token[] = {"merlon-sim", "enrol", "--est",        "a:1",
                        "--ca",       "r.pem", "--identities", "f"};
    struct mrl_sim_options o;

    (void)state;
    assert_int_equal(read(unknown, MRL_COUNT(unknown), &o), MRL_ERR_INVALID);
    assert_int_equal(read(without_value, MRL_COUNT(without_value), &o), MRL_ERR_INVALID);
    assert_int_equal(read(both_identities, MRL_COUNT(both_identities), &o), MRL_ERR_INVALID);
    assert_int_equal(read(no_clients, MRL_COUNT(no_clients), &o), MRL_ERR_INVALID);
    assert_int_equal(read(no_token, MRL_COUNT(no_token), &o), MRL_ERR_INVALID);
}

static void a_fifth_server_is_one_too_many(void **state)
{
    char *argv[] = {NEEDED, "--server", "1", "--server", "2", "--server",
                    "3",    "--server", "4", "--server", "5"};
    struct mrl_sim_options o;

    (void)state;
    assert_int_equal(read(argv, MRL_COUNT(argv), &o), MRL_ERR_INVALID);
    assert_ok(read(argv, MRL_COUNT(argv) - 2, &o));
    assert_int_equal(o.server_count, MRL_SIM_SERVERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_counts_and_the_rest_has_defaults),
        cmocka_unit_test(numbers_hold_their_limits),
        cmocka_unit_test(a_line_that_cannot_be_meant_is_refused),
        cmocka_unit_test(a_fifth_server_is_one_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
