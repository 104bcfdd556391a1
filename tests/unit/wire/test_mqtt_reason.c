/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/wire/mqtt_case.h"
#include "wire/mqtt_frame.h"

/* The lists of 3.2.2.2, 3.4.2.1, 3.6.2.1, 3.9.3, 3.11.3, 3.14.2.1 and 3.15.2.1, written anew. */
static const struct {
    enum mrl_mqtt_version version;
    enum mrl_mqtt_type type;
    enum mrl_mqtt_from from;
    mrl_bytes codes;
} lists[] = {
    {V5, MRL_MQTT_CONNACK, SERVER,
     BYTES("\x00\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8c\x90\x95\x97\x99\x9a\x9b\x9c\x9d"
           "\x9f")},
    {V5, MRL_MQTT_PUBACK, CLIENT, BYTES("\x00\x10\x80\x83\x87\x90\x91\x97\x99")},
    {V5, MRL_MQTT_PUBREC, SERVER, BYTES("\x00\x10\x80\x83\x87\x90\x91\x97\x99")},
    {V5, MRL_MQTT_PUBREL, CLIENT, BYTES("\x00\x92")},
    {V5, MRL_MQTT_PUBCOMP, SERVER, BYTES("\x00\x92")},
    {V5, MRL_MQTT_SUBACK, SERVER, BYTES("\x00\x01\x02\x80\x83\x87\x8f\x91\x97\x9e\xa1\xa2")},
    {V5, MRL_MQTT_SUBACK, CLIENT, BYTES("")},
    {V5, MRL_MQTT_UNSUBACK, SERVER, BYTES("\x00\x11\x80\x83\x87\x8f\x91")},
    {V5, MRL_MQTT_DISCONNECT, CLIENT,
     BYTES("\x00\x04\x80\x81\x82\x83\x90\x93\x94\x95\x96\x97\x98\x99")},
    {V5, MRL_MQTT_DISCONNECT, SERVER,
     BYTES("\x00\x80\x81\x82\x83\x87\x89\x8b\x8c\x8d\x8e\x8f\x90\x93\x94\x95\x96\x97\x98\x99\x9a"
           "\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2")},
    {V5, MRL_MQTT_AUTH, CLIENT, BYTES("\x18\x19")},
    {V5, MRL_MQTT_AUTH, SERVER, BYTES("\x00\x18")},
    {V4, MRL_MQTT_CONNACK, SERVER, BYTES("\x00\x01\x02\x03\x04\x05")},
    {V4, MRL_MQTT_SUBACK, SERVER, BYTES("\x00\x01\x02\x80")},
    {V4, MRL_MQTT_PUBACK, CLIENT, BYTES("\x00")},
};

static void every_packet_allows_its_codes_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(lists); i++) {
        for (unsigned code = 0; code <= 0xff; code++) {
            bool listed = mrl_bytes_find(lists[i].codes, (uint8_t)code, 0) < lists[i].codes.len;

            if (mrl_mqtt_reason_allowed(lists[i].version, lists[i].type, lists[i].from,
                                        (uint8_t)code) != listed)
                fail_msg("%s 0x%02x", mrl_mqtt_type_name(lists[i].type), code);
        }
    }
}

static void a_refusal_has_a_return_code_of_3_1_1_or_none(void **state)
{
    uint8_t code = 0xff;

    (void)state;
    assert_true(mrl_mqtt_connack_code_311(MRL_MQTT_SUCCESS, &code) && code == 0);
    assert_true(mrl_mqtt_connack_code_311(MRL_MQTT_UNSUPPORTED_VERSION, &code) && code == 1);
    assert_true(mrl_mqtt_connack_code_311(MRL_MQTT_CLIENT_ID_NOT_VALID, &code) && code == 2);
    assert_true(mrl_mqtt_connack_code_311(MRL_MQTT_SERVER_BUSY, &code) && code == 3);
    assert_true(mrl_mqtt_connack_code_311(MRL_MQTT_BAD_CREDENTIALS, &code) && code == 4);
    assert_true(mrl_mqtt_connack_code_311(MRL_MQTT_NOT_AUTHORIZED, &code) && code == 5);
    assert_false(mrl_mqtt_connack_code_311(MRL_MQTT_MALFORMED_PACKET, &code));
    assert_int_equal(code, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_allows_its_codes_and_no_other),
        cmocka_unit_test(a_refusal_has_a_return_code_of_3_1_1_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
