/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_frame.h"

#include "tests/unit/wire/mqtt_case.h"

static void a_whole_packet_is_found_and_the_next_one_left_alone(void **state)
{
    struct mrl_mqtt_frame f;

    (void)state;
    assert_ok(mrl_mqtt_frame(MRL_LIT("\x3d\x02xy\xc0\x00"), 100, &f));
    assert_int_equal(f.type, MRL_MQTT_PUBLISH);
    assert_int_equal(f.flags, 0x0d);
    assert_bytes_equal(f.body, MRL_LIT("xy"));
    assert_int_equal(f.total, 4);
    assert_false(f.overlong);
}

static void every_prefix_asks_for_more_and_never_for_too_much(void **state)
{
    static uint8_t packet[3 + 300] = {0x30, 0xac, 0x02};
    struct mrl_mqtt_frame f;

    (void)state;
    for (size_t have = 0; have < sizeof(packet); have++) {
        assert_int_equal(mrl_mqtt_frame(mrl_bytes_of(packet, have), sizeof(packet), &f),
                         MRL_ERR_AGAIN);
        assert_true(f.total > have && f.total <= sizeof(packet));
        if (have >= 3)
            assert_int_equal(f.total, sizeof(packet));
    }
    assert_ok(mrl_mqtt_frame(mrl_bytes_of(packet, sizeof(packet)), sizeof(packet), &f));
}

static void a_packet_above_the_limit_is_refused_by_its_header_alone(void **state)
{
    struct mrl_mqtt_frame f;

    (void)state;
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x30\x08"), 10, &f), MRL_ERR_AGAIN); /* at the limit */
    assert_int_equal(f.total, 10);
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x30\x09"), 10, &f), MRL_ERR_LIMIT); /* limit + 1 */
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x30\xff\xff\xff\x7f"), 1 << 20, &f), MRL_ERR_LIMIT);
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x30\xff\xff\xff\x7f"), MRL_MQTT_MAX_PACKET, &f),
                     MRL_ERR_AGAIN);
    assert_int_equal(f.total, MRL_MQTT_MAX_PACKET);
}

static void a_length_of_five_bytes_and_type_0_are_malformed(void **state)
{
    struct mrl_mqtt_frame f;

    (void)state;
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x30\x80\x80\x80\x80"), 100, &f), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x30\x80\x80\x80"), 100, &f), MRL_ERR_AGAIN);
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x00"), 100, &f), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_mqtt_frame(MRL_LIT("\x0f\x00"), 100, &f), MRL_ERR_MALFORMED);
}

static void a_padded_length_is_an_error_in_mqtt_5_only(void **state)
{
    static const mrl_bytes padded = MRL_LIT_INIT("\xc0\x80\x00");
    struct mrl_mqtt_fault fault;
    struct mrl_mqtt_packet p;
    struct mrl_mqtt_frame f;

    (void)state;
    assert_ok(mrl_mqtt_frame(padded, 100, &f));
    assert_true(f.overlong);
    assert_int_equal(f.total, 3);
    assert_int_equal(mrl_mqtt_read(&f, V5, CLIENT, &p, &fault), MRL_ERR_MALFORMED);
    assert_string_equal(fault.statement, "MQTT-1.5.5-1");
    assert_ok(mrl_mqtt_read(&f, V4, CLIENT, &p, &fault));
}

/* 1.5.5, table 1-1 */
static void variable_byte_integers_have_the_encodings_of_the_table(void **state)
{
    static const struct {
        uint32_t value;
        mrl_bytes bytes;
    } cases[] = {
        {0, BYTES("\x00")},
        {127, BYTES("\x7f")},
        {128, BYTES("\x80\x01")},
        {16383, BYTES("\xff\x7f")},
        {16384, BYTES("\x80\x80\x01")},
        {2097151, BYTES("\xff\xff\x7f")},
        {2097152, BYTES("\x80\x80\x80\x01")},
        {268435455, BYTES("\xff\xff\xff\x7f")},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        uint8_t memory[8];
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
        struct mrl_reader r = {cases[i].bytes, 0};
        uint32_t value;
        bool overlong;
        mrl_bytes out;

        mrl_mqtt_put_varint(&w, cases[i].value);
        assert_ok(mrl_writer_end(&w, &out));
        assert_bytes_equal(out, cases[i].bytes);
        assert_ok(mrl_mqtt_read_varint(&r, &value, &overlong));
        assert_int_equal(value, cases[i].value);
        assert_false(overlong);
        assert_ok(mrl_reader_end(&r));
    }
}

static void a_variable_byte_integer_cannot_be_too_large_or_cut(void **state)
{
    static const mrl_bytes bad[] = {BYTES(""), BYTES("\x80"), BYTES("\xff\xff\xff"),
                                    BYTES("\xff\xff\xff\xff\x01")};
    uint8_t memory[8];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    uint32_t value = 7;
    bool overlong;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_reader r = {bad[i], 0};

        assert_int_equal(mrl_mqtt_read_varint(&r, &value, &overlong), MRL_ERR_MALFORMED);
        assert_int_equal(r.at, 0);
    }
    assert_int_equal(value, 7);
    mrl_mqtt_put_varint(&w, 268435456);
    assert_true(w.overflow);
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(mrl_mqtt_type_name(MRL_MQTT_CONNECT), "CONNECT");
    assert_string_equal(mrl_mqtt_type_name(MRL_MQTT_AUTH), "AUTH");
    assert_string_equal(mrl_mqtt_type_name((enum mrl_mqtt_type)0), "?");
    assert_string_equal(mrl_mqtt_type_name((enum mrl_mqtt_type)16), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_packet_is_found_and_the_next_one_left_alone),
        cmocka_unit_test(every_prefix_asks_for_more_and_never_for_too_much),
        cmocka_unit_test(a_packet_above_the_limit_is_refused_by_its_header_alone),
        cmocka_unit_test(a_length_of_five_bytes_and_type_0_are_malformed),
        cmocka_unit_test(a_padded_length_is_an_error_in_mqtt_5_only),
        cmocka_unit_test(variable_byte_integers_have_the_encodings_of_the_table),
        cmocka_unit_test(a_variable_byte_integer_cannot_be_too_large_or_cut),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
