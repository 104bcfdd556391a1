/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_ack.h"

#include "tests/unit/wire/mqtt_case.h"

static const struct mqtt_case cases[] = {
    {"PUBACK", V4, CLIENT, BYTES("\x40\x02\x00\x01"), 0, NULL},
    {"PUBREC", V4, SERVER, BYTES("\x50\x02\x00\x01"), 0, NULL},
    {"PUBREL", V4, CLIENT, BYTES("\x62\x02\x00\x01"), 0, NULL},
    {"PUBCOMP", V4, SERVER, BYTES("\x70\x02\xff\xff"), 0, NULL},
    {"reason in 3.1.1", V4, CLIENT, BYTES("\x40\x03\x00\x01\x00"), 0x81, "MQTT-4.8.0-1"},
    {"packet identifier 0", V4, CLIENT, BYTES("\x40\x02\x00\x00"), 0x82, "MQTT-2.3.1-1"},
    {"packet identifier cut", V4, CLIENT, BYTES("\x40\x01\x00"), 0x81, "MQTT-4.8.0-1"},
    {"PUBREL flags", V4, CLIENT, BYTES("\x60\x02\x00\x01"), 0x81, "MQTT-2.2.2-2"},
    {"PUBACK flags", V4, CLIENT, BYTES("\x42\x02\x00\x01"), 0x81, "MQTT-2.2.2-2"},

    {"short PUBACK", V5, CLIENT, BYTES("\x40\x02\x00\x01"), 0, NULL},
    {"PUBREC with reason", V5, CLIENT, BYTES("\x50\x03\x00\x01\x97"), 0, NULL},
    {"PUBREL not found", V5, SERVER, BYTES("\x62\x03\x00\x01\x92"), 0, NULL},
    {"PUBCOMP with all", V5, CLIENT,
     BYTES("\x70\x0f\x00\x01\x92\x0b\x1f\x00\x01r\x26\x00\x01k\x00\x01v"), 0, NULL},
    {"success with empty properties", V5, CLIENT, BYTES("\x40\x04\x00\x01\x00\x00"), 0, NULL},
    {"PUBREL with a code of PUBACK", V5, CLIENT, BYTES("\x62\x03\x00\x01\x10"), 0x82, "2.4"},
    {"unknown code", V5, CLIENT, BYTES("\x40\x03\x00\x01\x7f"), 0x82, "2.4"},
    {"property of another packet", V5, CLIENT, BYTES("\x40\x07\x00\x01\x00\x03\x21\x00\x01"), 0x81,
     "2.2.2.2"},
    {"reason string twice", V5, CLIENT, BYTES("\x40\x0a\x00\x01\x00\x06\x1f\x00\x00\x1f\x00\x00"),
     0x82, "2.2.2.2"},
    {"after the properties", V5, CLIENT, BYTES("\x40\x05\x00\x01\x00\x00\x00"), 0x81,
     "MQTT-4.13.1-1"},
    {"properties past the end", V5, CLIENT, BYTES("\x40\x04\x00\x01\x00\x01"), 0x81, "2.2.2.1"},

    {"PINGREQ", V4, CLIENT, BYTES("\xc0\x00"), 0, NULL},
    {"PINGRESP", V5, SERVER, BYTES("\xd0\x00"), 0, NULL},
    {"PINGREQ of a server", V5, SERVER, BYTES("\xc0\x00"), 0x82, "2.1.2"},
    {"PINGRESP of a client", V5, CLIENT, BYTES("\xd0\x00"), 0x82, "2.1.2"},
    {"PINGREQ with bytes", V5, CLIENT, BYTES("\xc0\x01\x00"), 0x81, "MQTT-4.13.1-1"},
    {"PINGREQ flags", V5, CLIENT, BYTES("\xc1\x00"), 0x81, "MQTT-2.1.3-1"},

    {"DISCONNECT", V4, CLIENT, BYTES("\xe0\x00"), 0, NULL},
    {"DISCONNECT of a 3.1.1 server", V4, SERVER, BYTES("\xe0\x00"), 0x82, "2.2.1"},
    {"DISCONNECT with reason in 3.1.1", V4, CLIENT, BYTES("\xe0\x01\x00"), 0x81, "MQTT-4.8.0-1"},
    {"short DISCONNECT", V5, CLIENT, BYTES("\xe0\x00"), 0, NULL},
    {"with will", V5, CLIENT, BYTES("\xe0\x01\x04"), 0, NULL},
    {"with session expiry", V5, CLIENT, BYTES("\xe0\x07\x00\x05\x11\x00\x00\x00\x00"), 0, NULL},
    {"taken over", V5, SERVER, BYTES("\xe0\x02\x8e\x00"), 0, NULL},
    {"moved", V5, SERVER, BYTES("\xe0\x06\x9d\x04\x1c\x00\x01s"), 0, NULL},
    {"with will, from a server", V5, SERVER, BYTES("\xe0\x01\x04"), 0x82, "2.4"},
    {"taken over, from a client", V5, CLIENT, BYTES("\xe0\x01\x8e"), 0x82, "2.4"},
    {"session expiry of a server", V5, SERVER, BYTES("\xe0\x07\x00\x05\x11\x00\x00\x00\x00"), 0x82,
     "MQTT-3.14.2-2"},
    {"server reference of a client", V5, CLIENT, BYTES("\xe0\x06\x80\x04\x1c\x00\x01s"), 0x82,
     "3.14.2.2.5"},
    {"DISCONNECT flags", V5, CLIENT, BYTES("\xe8\x00"), 0x81, "MQTT-2.1.3-1"},

    {"AUTH continues", V5, CLIENT,
     BYTES("\xf0\x0a\x18\x08\x15\x00\x01m\x16\x00\x01"
           "d"),
     0, NULL},
    {"short AUTH", V5, SERVER, BYTES("\xf0\x00"), 0, NULL},
    {"AUTH without method", V5, CLIENT, BYTES("\xf0\x02\x18\x00"), 0x82, "3.15.2.2.2"},
    {"AUTH with data alone", V5, CLIENT,
     BYTES("\xf0\x06\x18\x04\x16\x00\x01"
           "d"),
     0x82, "3.1.2.11.10"},
    {"re-authentication by a server", V5, SERVER, BYTES("\xf0\x06\x19\x04\x15\x00\x01m"), 0x82,
     "2.4"},
    {"success from a client", V5, CLIENT, BYTES("\xf0\x00"), 0x82, "2.4"},
    {"AUTH flags", V5, CLIENT, BYTES("\xf1\x00"), 0x81, "MQTT-2.1.3-1"},
    {"AUTH in 3.1.1", V4, CLIENT, BYTES("\xf0\x00"), 0x81, "2.2.1"},
};

static void packets_are_judged(void **state)
{
    (void)state;
    run_cases(cases, MRL_COUNT(cases));
}

static void what_is_left_out_reads_as_success(void **state)
{
    struct mrl_mqtt_packet p;

    (void)state;
    assert_ok(read_one(MRL_LIT("\x40\x02\x01\x02"), V5, CLIENT, &p, NULL));
    assert_int_equal(p.ack.packet_id, 0x0102);
    assert_int_equal(p.ack.reason, MRL_MQTT_SUCCESS);
    assert_ok(read_one(MRL_LIT("\x40\x03\x01\x02\x87"), V5, CLIENT, &p, NULL));
    assert_int_equal(p.ack.reason, MRL_MQTT_NOT_AUTHORIZED);
    assert_int_equal(p.ack.props.present, 0);
    assert_ok(read_one(MRL_LIT("\xe0\x00"), V5, CLIENT, &p, NULL));
    assert_int_equal(p.disconnect.reason, MRL_MQTT_SUCCESS);
}

static void the_shortest_form_is_written(void **state)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_ack p = {.packet_id = 1};
    struct mrl_mqtt_disconnect d = {.reason = MRL_MQTT_SESSION_TAKEN_OVER};

    (void)state;
    mrl_mqtt_write_puback(&w, V5, &p);
    mrl_mqtt_write_pubrec(&w, V4, &p);
    mrl_mqtt_write_pubrel(&w, V5, &p);
    mrl_mqtt_write_pubcomp(&w, V5, &p);
    mrl_mqtt_write_pingreq(&w);
    mrl_mqtt_write_pingresp(&w);
    mrl_mqtt_write_disconnect(&w, V5, &d);
    assert_written(&w, "\x40\x02\x00\x01\x50\x02\x00\x01\x62\x02\x00\x01\x70\x02\x00\x01"
                       "\xc0\x00\xd0\x00\xe0\x01\x8e");
    w = mrl_writer_on(memory, sizeof(memory));
    p.props.reason_string = MRL_LIT("r");
    mrl_mqtt_set(&p.props, MRL_MQTT_PROP_REASON_STRING);
    mrl_mqtt_write_puback(&w, V5, &p);
    assert_written(&w, "\x40\x08\x00\x01\x00\x04\x1f\x00\x01r");
}

static void refused(enum mrl_mqtt_version version, const struct mrl_mqtt_packet *p)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    size_t size;

    mrl_mqtt_write(&w, version, p);
    assert_refused(&w);
    assert_int_equal(w.len, 0);
    assert_int_equal(mrl_mqtt_size(version, p, &size), MRL_ERR_INVALID);
}

static void what_a_reader_would_refuse_is_not_written(void **state)
{
    struct mrl_mqtt_packet both = {.type = MRL_MQTT_DISCONNECT,
                                   .disconnect = {.reason = MRL_MQTT_SESSION_TAKEN_OVER}};

    (void)state;
    refused(V5, &(struct mrl_mqtt_packet){.type = MRL_MQTT_PUBACK, .ack = {0, 0}});
    refused(V5, &(struct mrl_mqtt_packet){.type = MRL_MQTT_PUBREL, .ack = {1, 0x10}});
    refused(V4, &(struct mrl_mqtt_packet){.type = MRL_MQTT_PUBACK, .ack = {1, 0x87}});
    refused(V4, &(struct mrl_mqtt_packet){.type = MRL_MQTT_DISCONNECT, .disconnect = {0x04}});
    refused(V5, &(struct mrl_mqtt_packet){.type = MRL_MQTT_AUTH, .auth = {0x18}});
    refused(V4, &(struct mrl_mqtt_packet){.type = MRL_MQTT_AUTH, .auth = {0}});
    /* The reason only a server has with the property only a client has. */
    mrl_mqtt_set(&both.disconnect.props, MRL_MQTT_PROP_SESSION_EXPIRY);
    refused(V5, &both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_judged),
        cmocka_unit_test(what_is_left_out_reads_as_success),
        cmocka_unit_test(the_shortest_form_is_written),
        cmocka_unit_test(what_a_reader_would_refuse_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
