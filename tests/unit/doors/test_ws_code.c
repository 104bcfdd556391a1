/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/ws_code.h"

#include "tests/unit/unit.h"

static void each_kind_of_end_has_its_code(void **state)
{
    (void)state;
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_SUCCESS), 1000);
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_SERVER_SHUTTING_DOWN), 1001);
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_USE_ANOTHER_SERVER), 1001);
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_PROTOCOL_ERROR), 1002);
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_PAYLOAD_FORMAT_INVALID), 1007);
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_NOT_AUTHORIZED), 1008);
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_PACKET_TOO_LARGE), 1009);
    assert_int_equal(mrl_mqtt_ws_code(MRL_MQTT_SERVER_BUSY), 1013);
}

/* Whatever the reason: 1005, 1006 and 1015 must not be on the wire. RFC 6455 7.4.1 */
static void every_code_may_be_sent(void **state)
{
    (void)state;
    for (unsigned reason = 0; reason <= UINT8_MAX; reason++) {
        uint16_t code = (uint16_t)mrl_mqtt_ws_code((uint8_t)reason), read;
        const uint8_t payload[] = {(uint8_t)(code >> 8), (uint8_t)code};
        struct mrl_ws_fault fault;

        assert_int_equal(mrl_ws_read_close(mrl_bytes_of(payload, sizeof(payload)), &read, &fault),
                         MRL_OK);
        assert_int_equal(read, code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_end_has_its_code),
        cmocka_unit_test(every_code_may_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
