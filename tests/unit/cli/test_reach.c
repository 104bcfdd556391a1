/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reach.h"

#include "tests/unit/unit.h"

static void an_address_for_everyone_becomes_the_servers_name(void **state)
{
    static const struct {
        const char *address, *host;
        uint16_t port;
    } cases[] = {
        {"*:8883", "broker.example", 8883},          {"0.0.0.0:8883", "broker.example", 8883},
        {"[::]:443", "broker.example", 443},         {"192.0.2.1:8443", "192.0.2.1", 8443},
        {"[2001:db8::1]:8443", "2001:db8::1", 8443}, {"iot.example:1", "iot.example", 1},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        mrl_bytes host;
        uint16_t port;

        assert_ok(
            mrl_cli_reach(mrl_str(cases[i].address), MRL_LIT("broker.example"), &host, &port));
        assert_bytes_equal(host, mrl_str(cases[i].host));
        assert_int_equal(port, cases[i].port);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    mrl_bytes host;
    uint16_t port;

    (void)state;
    assert_int_not_equal(mrl_cli_reach(MRL_BYTES_NONE, MRL_LIT("x"), &host, &port), MRL_OK);
    assert_int_not_equal(mrl_cli_reach(MRL_LIT("host"), MRL_LIT("x"), &host, &port), MRL_OK);
    assert_int_not_equal(mrl_cli_reach(MRL_LIT("host:99999"), MRL_LIT("x"), &host, &port), MRL_OK);
}

static void a_pasted_line_is_what_was_meant(void **state)
{
    MRL_SCOPED(mrl_buf) line = {0};

    (void)state;
    assert_ok(mrl_cli_put_word(&line, "merlon-agent"));
    assert_ok(mrl_cli_put_word(&line, "--name"));
    assert_ok(mrl_cli_put_word_bytes(&line, MRL_LIT("a; reboot")));
    assert_bytes_equal(mrl_buf_bytes(&line), MRL_LIT("merlon-agent --name 'a; reboot'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_for_everyone_becomes_the_servers_name),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_pasted_line_is_what_was_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
