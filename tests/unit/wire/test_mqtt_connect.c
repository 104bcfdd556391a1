/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_connect.h"

#include "tests/unit/wire/mqtt_case.h"

#define NAME "\x00\x04MQTT"

static const struct mqtt_case cases[] = {
    /* CONNECT 3.1.1 */
    {"the least", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x04\x02\x00\x3c\x00\x01"
           "a"),
     0, NULL},
    {"empty id, clean", V0, CLIENT, BYTES("\x10\x0c" NAME "\x04\x02\x00\x3c\x00\x00"), 0, NULL},
    {"all fields", V0, CLIENT,
     BYTES("\x10\x19" NAME "\x04\xee\x00\x0a\x00\x01"
           "a\x00\x01t\x00\x01m\x00\x01u\x00\x01p"),
     0, NULL},
    {"padded length", V0, CLIENT,
     BYTES("\x10\x8d\x00" NAME "\x04\x02\x00\x3c\x00\x01"
           "a"),
     0, NULL},
    {"empty id, not clean", V0, CLIENT, BYTES("\x10\x0c" NAME "\x04\x00\x00\x3c\x00\x00"), 0x85,
     "MQTT-3.1.3-8"},
    {"password alone", V0, CLIENT,
     BYTES("\x10\x10" NAME "\x04\x42\x00\x3c\x00\x01"
           "a\x00\x01p"),
     0x81, "MQTT-3.1.2-22"},
    {"reserved flag", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x04\x03\x00\x3c\x00\x01"
           "a"),
     0x81, "MQTT-3.1.2-3"},
    {"will QoS without will", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x04\x0a\x00\x3c\x00\x01"
           "a"),
     0x81, "MQTT-3.1.2-13"},
    {"will retain without will", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x04\x22\x00\x3c\x00\x01"
           "a"),
     0x81, "MQTT-3.1.2-15"},
    {"will QoS 3", V0, CLIENT,
     BYTES("\x10\x13" NAME "\x04\x1e\x00\x3c\x00\x01"
           "a\x00\x01t\x00\x01m"),
     0x81, "MQTT-3.1.2-14"},
    {"will without message", V0, CLIENT,
     BYTES("\x10\x10" NAME "\x04\x06\x00\x3c\x00\x01"
           "a\x00\x01t"),
     0x81, "MQTT-4.8.0-1"},
    {"will topic with wildcard", V0, CLIENT,
     BYTES("\x10\x13" NAME "\x04\x06\x00\x3c\x00\x01"
           "a\x00\x01#\x00\x01m"),
     0x90, "MQTT-4.7.1-1"},
    {"empty will topic", V0, CLIENT,
     BYTES("\x10\x12" NAME "\x04\x06\x00\x3c\x00\x01"
           "a\x00\x00\x00\x01m"),
     0x90, "MQTT-4.7.1-1"},
    {"will topic not UTF-8", V0, CLIENT,
     BYTES("\x10\x13" NAME "\x04\x06\x00\x3c\x00\x01"
           "a\x00\x01\xff\x00\x01m"),
     0x81, "MQTT-1.5.3-1"},
    {"user name announced and missing", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x04\x82\x00\x3c\x00\x01"
           "a"),
     0x81, "MQTT-4.8.0-1"},
    {"user name not UTF-8", V0, CLIENT,
     BYTES("\x10\x10" NAME "\x04\x82\x00\x3c\x00\x01"
           "a\x00\x01\xff"),
     0x81, "MQTT-1.5.3-1"},
    {"user name present and not announced", V0, CLIENT,
     BYTES("\x10\x10" NAME "\x04\x02\x00\x3c\x00\x01"
           "a\x00\x01u"),
     0x81, "MQTT-4.8.0-1"},
    {"id with U+0000", V0, CLIENT, BYTES("\x10\x0d" NAME "\x04\x02\x00\x3c\x00\x01\x00"), 0x81,
     "MQTT-1.5.3-2"},
    {"id with a surrogate", V0, CLIENT,
     BYTES("\x10\x0f" NAME "\x04\x02\x00\x3c\x00\x03\xed\xa0\x80"), 0x81, "MQTT-1.5.3-1"},
    {"id in overlong UTF-8", V0, CLIENT, BYTES("\x10\x0e" NAME "\x04\x02\x00\x3c\x00\x02\xc0\x80"),
     0x81, "MQTT-1.5.3-1"},
    {"header flags", V0, CLIENT,
     BYTES("\x11\x0d" NAME "\x04\x02\x00\x3c\x00\x01"
           "a"),
     0x81, "MQTT-2.1.3-1"},
    {"empty packet", V0, CLIENT, BYTES("\x10\x00"), 0x81, "MQTT-4.13.1-1"},

    /* name and level */
    {"MQTT 3.1", V0, CLIENT,
     BYTES("\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01"
           "a"),
     0x84, "MQTT-3.1.2-1"},
    {"lower case name", V0, CLIENT,
     BYTES("\x10\x0d\x00\x04mqtt\x04\x02\x00\x3c\x00\x01"
           "a"),
     0x84, "MQTT-3.1.2-1"},
    {"level 3", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x03\x02\x00\x3c\x00\x01"
           "a"),
     0x84, "MQTT-3.1.2-2"},
    {"level 6", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x06\x02\x00\x3c\x00\x01"
           "a"),
     0x84, "MQTT-3.1.2-2"},
    {"bridge level", V0, CLIENT,
     BYTES("\x10\x0d" NAME "\x84\x02\x00\x3c\x00\x01"
           "a"),
     0x84, "MQTT-3.1.2-2"},

    /* CONNECT 5.0 */
    {"the least of 5", V0, CLIENT, BYTES("\x10\x0d" NAME "\x05\x02\x00\x3c\x00\x00\x00"), 0, NULL},
    {"empty id, not clean", V0, CLIENT, BYTES("\x10\x0d" NAME "\x05\x00\x00\x3c\x00\x00\x00"), 0,
     NULL},
    {"password alone", V0, CLIENT, BYTES("\x10\x10" NAME "\x05\x42\x00\x3c\x00\x00\x00\x00\x01p"),
     0, NULL},
    {"will with properties", V0, CLIENT,
     BYTES("\x10\x1e" NAME "\x05\x06\x00\x3c\x05\x11\x00\x00\x00\x0a\x00\x00\x05\x18\x00\x00\x00"
           "\x01\x00\x01t\x00\x01m"),
     0, NULL},
    {"extended authentication", V0, CLIENT,
     BYTES("\x10\x15" NAME "\x05\x02\x00\x3c\x08\x15\x00\x01m\x16\x00\x01"
           "d\x00\x00"),
     0, NULL},
    {"padded length", V0, CLIENT, BYTES("\x10\x8d\x00" NAME "\x05\x02\x00\x3c\x00\x00\x00"), 0x81,
     "MQTT-1.5.5-1"},
    {"authentication data alone", V0, CLIENT,
     BYTES("\x10\x11" NAME "\x05\x02\x00\x3c\x04\x16\x00\x01"
           "d\x00\x00"),
     0x82, "3.1.2.11.10"},
    {"will delay among the packet's", V0, CLIENT,
     BYTES("\x10\x12" NAME "\x05\x02\x00\x3c\x05\x18\x00\x00\x00\x01\x00\x00"), 0x81, "2.2.2.2"},
    {"session expiry in the will", V0, CLIENT,
     BYTES("\x10\x19" NAME "\x05\x06\x00\x3c\x00\x00\x00\x05\x11\x00\x00\x00\x01\x00\x01t\x00\x01"
           "m"),
     0x81, "2.2.2.2"},
    {"will QoS without will", V0, CLIENT, BYTES("\x10\x0d" NAME "\x05\x0a\x00\x3c\x00\x00\x00"),
     0x81, "MQTT-3.1.2-11"},
    {"will retain without will", V0, CLIENT, BYTES("\x10\x0d" NAME "\x05\x22\x00\x3c\x00\x00\x00"),
     0x81, "MQTT-3.1.2-13"},
    {"trailing byte", V0, CLIENT, BYTES("\x10\x0e" NAME "\x05\x02\x00\x3c\x00\x00\x00\x00"), 0x81,
     "MQTT-4.13.1-1"},
    {"no properties at all", V0, CLIENT, BYTES("\x10\x0a" NAME "\x05\x02\x00\x3c"), 0x81,
     "MQTT-4.13.1-1"},

    /* order */
    {"second CONNECT", V5, CLIENT, BYTES("\x10\x0d" NAME "\x05\x02\x00\x3c\x00\x00\x00"), 0x82,
     "MQTT-3.1.0-2"},
    {"a server connects", V0, SERVER, BYTES("\x10\x0d" NAME "\x05\x02\x00\x3c\x00\x00\x00"), 0x82,
     "2.1.2"},
    {"something else first", V0, CLIENT, BYTES("\xc0\x00"), 0x82, "MQTT-3.1.0-1"},

    /* CONNACK */
    {"accepted", V4, SERVER, BYTES("\x20\x02\x01\x00"), 0, NULL},
    {"refused", V4, SERVER, BYTES("\x20\x02\x00\x05"), 0, NULL},
    {"unknown return code", V4, SERVER, BYTES("\x20\x02\x00\x06"), 0x82, "3.2.2.3"},
    {"reserved flags", V4, SERVER, BYTES("\x20\x02\x02\x00"), 0x81, "3.2.2.1"},
    {"session of a refused one", V4, SERVER, BYTES("\x20\x02\x01\x05"), 0x82, "MQTT-3.2.2-4"},
    {"properties in 3.1.1", V4, SERVER, BYTES("\x20\x03\x00\x00\x00"), 0x81, "MQTT-4.8.0-1"},
    {"from a client", V4, CLIENT, BYTES("\x20\x02\x00\x00"), 0x82, "2.2.1"},
    {"accepted", V5, SERVER, BYTES("\x20\x03\x01\x00\x00"), 0, NULL},
    {"limits told", V5, SERVER,
     BYTES("\x20\x10\x00\x00\x0d\x21\x00\x0a\x22\x00\x05\x24\x01\x25\x00\x13\x00\x3c"), 0, NULL},
    {"code of 3.1.1 in 5", V5, SERVER, BYTES("\x20\x03\x00\x05\x00"), 0x82, "MQTT-3.2.2-8"},
    {"reserved flags", V5, SERVER, BYTES("\x20\x03\x80\x00\x00"), 0x81, "MQTT-3.2.2-1"},
    {"session of a refused one", V5, SERVER, BYTES("\x20\x03\x01\x87\x00"), 0x82, "MQTT-3.2.2-6"},
    {"no property length", V5, SERVER, BYTES("\x20\x02\x00\x00"), 0x81, "MQTT-4.13.1-1"},
};

static void packets_are_judged(void **state)
{
    (void)state;
    run_cases(cases, MRL_COUNT(cases));
}

static void all_fields_are_found(void **state)
{
    struct mrl_mqtt_packet p;

    (void)state;
    assert_ok(read_one(MRL_LIT("\x10\x1e" NAME "\x05\xee\x01\x02\x00\x00\x01"
                               "a\x02\x01\x01\x00\x01"
                               "t\x00\x01m\x00\x01u\x00\x02pw"),
                       V0, CLIENT, &p, NULL));
    assert_int_equal(p.connect.version, V5);
    assert_true(p.connect.clean_start && p.connect.has_will && p.connect.will.retain);
    assert_int_equal(p.connect.will.qos, 1);
    assert_int_equal(p.connect.will.props.payload_format, 1);
    assert_int_equal(p.connect.keep_alive, 0x0102);
    assert_bytes_equal(p.connect.client_id, MRL_LIT("a"));
    assert_bytes_equal(p.connect.will.topic, MRL_LIT("t"));
    assert_bytes_equal(p.connect.will.payload, MRL_LIT("m"));
    assert_bytes_equal(p.connect.username, MRL_LIT("u"));
    assert_bytes_equal(p.connect.password, MRL_LIT("pw"));
}

/* The door must know in which dialect to say no, and when to say nothing. */
static void a_refused_connect_tells_the_dialect_of_the_answer(void **state)
{
    static const struct {
        mrl_bytes bytes;
        enum mrl_mqtt_version answer;
    } refused[] = {
        {BYTES("\x10\x0d" NAME "\x03\x02\x00\x3c\x00\x01"
               "a"),
         V4},
        {BYTES("\x10\x0d" NAME "\x84\x02\x00\x3c\x00\x01"
               "a"),
         V5},
        {BYTES("\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01"
               "a"),
         V4},
        {BYTES("\x10\x0d" NAME "\x05\x03\x00\x3c\x00\x00\x00"), V5},
        {BYTES("\x10\x06\x00\x04HTTP"), V0},
        {BYTES("\x10\x04GET "), V0},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(refused); i++) {
        struct mrl_mqtt_fault fault;
        struct mrl_mqtt_packet p;

        assert_int_not_equal(read_one(refused[i].bytes, V0, CLIENT, &p, &fault), MRL_OK);
        assert_int_equal(fault.version, refused[i].answer);
    }
}

static void absent_properties_read_as_their_defaults(void **state)
{
    struct mrl_mqtt_packet p;

    (void)state;
    assert_ok(read_one(MRL_LIT("\x20\x02\x00\x00"), V4, SERVER, &p, NULL));
    assert_int_equal(p.connack.props.present, 0);
    assert_int_equal(p.connack.props.receive_maximum, 65535);
    assert_int_equal(p.connack.props.maximum_packet_size, UINT32_MAX);
    assert_int_equal(p.connack.props.maximum_qos, 2);
    assert_int_equal(p.connack.props.topic_alias_maximum, 0);
    assert_true(p.connack.props.retain_available && p.connack.props.wildcard_available);
    assert_true(p.connack.props.subscription_id_available && p.connack.props.shared_available);
    assert_ok(
        read_one(MRL_LIT("\x10\x0d" NAME "\x05\x02\x00\x3c\x00\x00\x00"), V0, CLIENT, &p, NULL));
    assert_true(p.connect.props.request_problem_info && !p.connect.props.request_response_info);
}

static void what_a_reader_would_refuse_is_not_written(void **state)
{
    static uint8_t large[UINT16_MAX + 1];
    static uint8_t memory[1 << 18];
    static const struct mrl_mqtt_connect good = {.version = V5, .clean_start = true};
    const struct mrl_mqtt_connect bad[] = {
        {.version = V0},
        {.version = (enum mrl_mqtt_version)3},
        {.version = V4, .clean_start = false},
        {.version = V4, .clean_start = true, .has_password = true},
        {.version = V5, .will = {.qos = 1}},
        {.version = V5, .will = {.retain = true}},
        {.version = V5, .has_will = true, .will = {.qos = 3, .topic = MRL_LIT("t")}},
        {.version = V5, .has_will = true, .will = {.topic = MRL_LIT("+")}},
        {.version = V5, .has_will = true},
        {.version = V5, .client_id = MRL_LIT("\xff")},
        {.version = V5, .client_id = mrl_bytes_of(large, sizeof(large))},
        {.version = V5, .has_password = true, .password = mrl_bytes_of(large, sizeof(large))},
        {.version = V5, .has_username = true, .username = MRL_LIT("a\0b")},
        {.version = V5, .props = {.present = 1ull << MRL_MQTT_PROP_TOPIC_ALIAS, .topic_alias = 1}},
        {.version = V5, .props = {.present = 1ull << MRL_MQTT_PROP_RECEIVE_MAXIMUM}},
        {.version = V5, .props = {.present = 1ull << MRL_MQTT_PROP_AUTH_DATA}},
        {.version = V5, .props = {.present = 1}},
        {.version = V5, .props = {.present = 1ull << 63}},
    };
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

    (void)state;
    mrl_mqtt_write_connect(&w, &good);
    assert_written(&w, "\x10\x0d" NAME "\x05\x02\x00\x00\x00\x00\x00");
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        w = mrl_writer_on(memory, sizeof(memory));
        mrl_mqtt_write_connect(&w, &bad[i]);
        if (!w.overflow)
            fail_msg("connect %zu was written", i);
        assert_int_equal(w.len, 0);
    }
}

static void a_password_of_65535_bytes_fits_and_one_more_does_not(void **state)
{
    static uint8_t large[UINT16_MAX + 1];
    static uint8_t memory[1 << 17];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_connect p = {.version = V5, .clean_start = true, .has_password = true};

    (void)state;
    p.password = mrl_bytes_of(large, UINT16_MAX);
    mrl_mqtt_write_connect(&w, &p);
    assert_false(w.overflow);
    w = mrl_writer_on(memory, sizeof(memory));
    p.password.len++;
    mrl_mqtt_write_connect(&w, &p);
    assert_refused(&w);
}

static void a_connack_of_3_1_1_has_no_properties(void **state)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_connack p = {.session_present = true,
                                 .props = {.reason_string = MRL_LIT("why")}};

    (void)state;
    mrl_mqtt_set(&p.props, MRL_MQTT_PROP_REASON_STRING);
    mrl_mqtt_write_connack(&w, V4, &p);
    assert_written(&w, "\x20\x02\x01\x00");
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_mqtt_write_connack(&w, V5, &p);
    assert_written(&w, "\x20\x09\x01\x00\x06\x1f\x00\x03why");
    p.reason = MRL_MQTT_NOT_AUTHORIZED;
    mrl_mqtt_write_connack(&w, V5, &p); /* session present with a refusal */
    assert_refused(&w);
    w = mrl_writer_on(memory, sizeof(memory));
    p.session_present = false;
    mrl_mqtt_write_connack(&w, V4, &p); /* a code of 5 in 3.1.1 */
    assert_refused(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_judged),
        cmocka_unit_test(all_fields_are_found),
        cmocka_unit_test(a_refused_connect_tells_the_dialect_of_the_answer),
        cmocka_unit_test(absent_properties_read_as_their_defaults),
        cmocka_unit_test(what_a_reader_would_refuse_is_not_written),
        cmocka_unit_test(a_password_of_65535_bytes_fits_and_one_more_does_not),
        cmocka_unit_test(a_connack_of_3_1_1_has_no_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
