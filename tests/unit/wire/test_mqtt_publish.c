/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_publish.h"

#include "tests/unit/wire/mqtt_case.h"

static const struct mqtt_case cases[] = {
    {"QoS 0", V4, CLIENT, BYTES("\x30\x05\x00\x01tmm"), 0, NULL},
    {"QoS 1", V4, SERVER, BYTES("\x32\x07\x00\x01t\x00\x01mm"), 0, NULL},
    {"QoS 2 again, retained", V4, CLIENT, BYTES("\x3d\x05\x00\x01t\xff\xff"), 0, NULL},
    {"no payload", V4, CLIENT, BYTES("\x31\x03\x00\x01t"), 0, NULL},
    {"QoS 3", V4, CLIENT, BYTES("\x36\x05\x00\x01t\x00\x01"), 0x81, "MQTT-3.3.1-4"},
    {"DUP with QoS 0", V4, CLIENT, BYTES("\x38\x03\x00\x01t"), 0x81, "MQTT-3.3.1-2"},
    {"packet identifier 0", V4, CLIENT, BYTES("\x32\x05\x00\x01t\x00\x00"), 0x82, "MQTT-2.3.1-1"},
    {"packet identifier cut", V4, CLIENT, BYTES("\x32\x04\x00\x01t\x00"), 0x81, "MQTT-4.8.0-1"},
    {"empty topic", V4, CLIENT, BYTES("\x30\x03\x00\x00m"), 0x90, "MQTT-4.7.3-1"},
    {"topic with +", V4, CLIENT,
     BYTES("\x30\x05\x00\x03"
           "a/+"),
     0x90, "MQTT-3.3.2-2"},
    {"topic with #", V4, SERVER,
     BYTES("\x30\x04\x00\x02"
           "a#"),
     0x90, "MQTT-3.3.2-2"},
    {"topic with U+0000", V4, CLIENT,
     BYTES("\x30\x04\x00\x02"
           "a\x00"),
     0x81, "MQTT-1.5.3-2"},
    {"topic not UTF-8", V4, CLIENT, BYTES("\x30\x04\x00\x02\xc3("), 0x81, "MQTT-1.5.3-1"},
    {"topic past the end", V4, CLIENT, BYTES("\x30\x03\x00\x02t"), 0x81, "MQTT-4.8.0-1"},

    {"QoS 0", V5, CLIENT, BYTES("\x30\x06\x00\x01t\x00mm"), 0, NULL},
    {"alias set", V5, CLIENT, BYTES("\x30\x07\x00\x01t\x03\x23\x00\x01"), 0, NULL},
    {"alias used", V5, CLIENT, BYTES("\x30\x07\x00\x00\x03\x23\xff\xffm"), 0, NULL},
    {"all a message may have", V5, CLIENT,
     BYTES("\x33\x2a\x00\x01t\x00\x07\x23\x01\x01\x02\x00\x00\x00\x3c\x03\x00\x02"
           "ct\x08\x00\x02"
           "rt\x09\x00\x02\x00\xff\x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x00m"),
     0, NULL},
    {"subscription identifiers", V5, SERVER, BYTES("\x30\x09\x00\x01t\x05\x0b\x01\x0b\x80\x01"), 0,
     NULL},
    {"subscription identifier of a client", V5, CLIENT, BYTES("\x30\x06\x00\x01t\x02\x0b\x01"),
     0x82, "MQTT-3.3.4-6"},
    {"subscription identifier 0", V5, SERVER, BYTES("\x30\x06\x00\x01t\x02\x0b\x00"), 0x82,
     "2.2.2.2"},
    {"neither topic nor alias", V5, CLIENT, BYTES("\x30\x03\x00\x00\x00"), 0x82, "3.3.2.1"},
    {"alias 0", V5, CLIENT, BYTES("\x30\x07\x00\x01t\x03\x23\x00\x00"), 0x94, "MQTT-3.3.2-8"},
    {"response topic with wildcard", V5, CLIENT, BYTES("\x30\x08\x00\x01t\x04\x08\x00\x01+"), 0x82,
     "MQTT-3.3.2-14"},
    {"payload format 2", V5, CLIENT, BYTES("\x30\x06\x00\x01t\x02\x01\x02"), 0x82, "2.2.2.2"},
    {"payload format twice", V5, CLIENT, BYTES("\x30\x08\x00\x01t\x04\x01\x00\x01\x00"), 0x82,
     "2.2.2.2"},
    {"topic with wildcard", V5, CLIENT, BYTES("\x30\x04\x00\x01+\x00"), 0x90, "MQTT-3.3.2-2"},
    {"QoS 3", V5, SERVER, BYTES("\x36\x06\x00\x01t\x00\x01\x00"), 0x81, "MQTT-3.3.1-4"},
    {"packet identifier 0", V5, SERVER, BYTES("\x34\x06\x00\x01t\x00\x00\x00"), 0x82,
     "MQTT-2.2.1-3"},
    {"before CONNECT", V0, CLIENT, BYTES("\x30\x05\x00\x01tmm"), 0x82, "MQTT-3.1.0-1"},
};

static void packets_are_judged(void **state)
{
    (void)state;
    run_cases(cases, MRL_COUNT(cases));
}

static void all_fields_are_found(void **state)
{
    struct mrl_mqtt_packet p;
    struct mrl_mqtt_cursor c;
    uint32_t id;

    (void)state;
    assert_ok(read_one(MRL_LIT("\x3d\x0c\x00\x01t\x01\x02\x05\x0b\x01\x0b\x80\x01m"), V5, SERVER,
                       &p, NULL));
    assert_bytes_equal(p.publish.topic, MRL_LIT("t"));
    assert_bytes_equal(p.publish.payload, MRL_LIT("m"));
    assert_int_equal(p.publish.packet_id, 0x0102);
    assert_int_equal(p.publish.qos, 2);
    assert_true(p.publish.dup && p.publish.retain);
    assert_int_equal(p.publish.props.subscription_id, 1);
    c = mrl_mqtt_cursor_on(p.publish.props.subscription_ids);
    assert_true(mrl_mqtt_subscription_id_next(&c, &id) && id == 1);
    assert_true(mrl_mqtt_subscription_id_next(&c, &id) && id == 128);
    assert_false(mrl_mqtt_subscription_id_next(&c, &id));
}

static void the_header_and_a_shared_payload_are_the_packet(void **state)
{
    static uint8_t payload[200];
    uint8_t whole[300];
    uint8_t split[300];
    struct mrl_writer w = mrl_writer_on(whole, sizeof(whole));
    struct mrl_writer h = mrl_writer_on(split, sizeof(split));
    struct mrl_mqtt_publish p = {.topic = MRL_LIT("a/b"), .packet_id = 9, .qos = 1};
    mrl_bytes a;
    mrl_bytes b;

    (void)state;
    mrl_mqtt_write_publish_header(&h, V5, &p, sizeof(payload));
    assert_written(&h, "\x32\xd0\x01\x00\x03"
                       "a/b\x00\x09\x00");
    mrl_put_bytes(&h, mrl_bytes_of(payload, sizeof(payload)));
    p.payload = mrl_bytes_of(payload, sizeof(payload));
    mrl_mqtt_write_publish(&w, V5, &p);
    assert_ok(mrl_writer_end(&w, &a));
    assert_ok(mrl_writer_end(&h, &b));
    assert_bytes_equal(a, b);
}

static void a_packet_has_at_most_268435455_bytes_after_its_header(void **state)
{
    uint8_t memory[32];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_publish p = {.topic = MRL_LIT("t")};

    (void)state;
    mrl_mqtt_write_publish_header(&w, V4, &p, MRL_MQTT_MAX_REMAINING - 3);
    assert_written(&w, "\x30\xff\xff\xff\x7f\x00\x01t");
    mrl_mqtt_write_publish_header(&w, V4, &p, MRL_MQTT_MAX_REMAINING - 2);
    assert_refused(&w);
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_mqtt_write_publish_header(&w, V4, &p, SIZE_MAX);
    assert_refused(&w);
}

static void what_a_reader_would_refuse_is_not_written(void **state)
{
    const struct mrl_mqtt_publish bad[] = {
        {.topic = MRL_LIT("")},
        {.topic = MRL_LIT("a/#")},
        {.topic = MRL_LIT("\xff")},
        {.topic = MRL_LIT("t"), .qos = 3, .packet_id = 1},
        {.topic = MRL_LIT("t"), .qos = 1},
        {.topic = MRL_LIT("t"), .packet_id = 1},
        {.topic = MRL_LIT("t"), .dup = true},
        {.topic = MRL_LIT("t"), .props = {.present = 1ull << MRL_MQTT_PROP_TOPIC_ALIAS}},
        {.topic = MRL_LIT("t"), .props = {.present = 1ull << MRL_MQTT_PROP_RESPONSE_TOPIC}},
        {.topic = MRL_LIT("t"), .props = {.present = 1ull << MRL_MQTT_PROP_SUBSCRIPTION_ID}},
        {.topic = MRL_LIT("t"), .props = {.present = 1ull << MRL_MQTT_PROP_SESSION_EXPIRY}},
        {.topic = MRL_LIT("t"),
         .props = {.present = 1ull << MRL_MQTT_PROP_USER, .user = MRL_LIT("\x26\x00\x01k\x00")}},
        {.topic = MRL_LIT("t"),
         .props = {.present = 1ull << MRL_MQTT_PROP_USER, .user = MRL_LIT("\x26")}},
    };
    uint8_t memory[64];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

        mrl_mqtt_write_publish(&w, V5, &bad[i]);
        if (!w.overflow || w.len != 0)
            fail_msg("publish %zu was written", i);
    }
}

static void too_little_room_is_remembered(void **state)
{
    uint8_t memory[16];
    struct mrl_mqtt_publish p = {.topic = MRL_LIT("topic"), .payload = MRL_LIT("payload")};

    (void)state;
    for (size_t cap = 0; cap <= 16; cap++) {
        struct mrl_writer w = mrl_writer_on(memory, cap);

        mrl_mqtt_write_publish(&w, V4, &p);
        assert_int_equal(w.overflow, cap < 2 + 2 + 5 + 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_judged),
        cmocka_unit_test(all_fields_are_found),
        cmocka_unit_test(the_header_and_a_shared_payload_are_the_packet),
        cmocka_unit_test(a_packet_has_at_most_268435455_bytes_after_its_header),
        cmocka_unit_test(what_a_reader_would_refuse_is_not_written),
        cmocka_unit_test(too_little_room_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
