/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/wire/mqtt_case.h"
#include "wire/mqtt_codec.h"

static void every_rule_tells_the_peer_something_it_may_be_told(void **state)
{
    (void)state;
    for (int rule = MRL_MQTT_RULE_NONE + 1; rule < MRL_MQTT_RULES_; rule++) {
        for (int version = MRL_MQTT_311; version <= MRL_MQTT_5; version++) {
            struct mrl_mqtt_fault fault = {0};
            struct mrl_mqtt_in in = {.version = (enum mrl_mqtt_version)version, .fault = &fault};

            assert_int_not_equal(mrl_mqtt_judge(&in, (enum mrl_mqtt_rule)rule), MRL_OK);
            assert_int_equal(fault.version, version);
            assert_true(fault.statement != NULL && fault.statement[0] != '\0');
            assert_true(fault.text != NULL && fault.text[0] != '\0');
            assert_true(mrl_mqtt_reason_allowed(V5, MRL_MQTT_CONNACK, SERVER, fault.reason) ||
                        mrl_mqtt_reason_allowed(V5, MRL_MQTT_DISCONNECT, SERVER, fault.reason));
        }
    }
}

static void no_broken_rule_is_no_fault(void **state)
{
    struct mrl_mqtt_fault fault = {.reason = 7};
    struct mrl_mqtt_in in = {.fault = &fault};

    (void)state;
    assert_ok(mrl_mqtt_judge(&in, MRL_MQTT_RULE_NONE));
    assert_int_equal(fault.reason, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_tells_the_peer_something_it_may_be_told),
        cmocka_unit_test(no_broken_rule_is_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
