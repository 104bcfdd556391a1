/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include "tests/unit/unit.h"

static void segments_are_encoded(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    mrl_cli_target(&out, "/v1/devices", "pump-7", "suspend", NULL);
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("/v1/devices/pump-7/suspend"));
}

static void nothing_typed_can_leave_its_segment(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    mrl_cli_target(&out, "/v1/devices", "../tokens?x=1#y z", "100%\xc3\xbc\r\nHost: evil", NULL);
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("/v1/devices/..%2Ftokens%3Fx%3D1%23y%20z/"
                                                    "100%25%C3%BC%0D%0AHost%3A%20evil"));
}

static void queries_are_joined_and_encoded(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    mrl_cli_target(&out, "/v1/audit", NULL);
    mrl_cli_target_query(&out, "actor", mrl_str(NULL));
    mrl_cli_target_query(&out, "action", MRL_LIT("device."));
    mrl_cli_target_query(&out, "group", mrl_str(""));
    mrl_cli_target_query(&out, "target", MRL_LIT("a&b=c+d/#"));
    mrl_cli_target_query_number(&out, "since_ms", UINT64_MAX);
    assert_bytes_equal(mrl_buf_bytes(&out),
                       MRL_LIT("/v1/audit?action=device.&group=&target=a%26b%3Dc%2Bd%2F%23&"
                               "since_ms=18446744073709551615"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_encoded),
        cmocka_unit_test(nothing_typed_can_leave_its_segment),
        cmocka_unit_test(queries_are_joined_and_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
