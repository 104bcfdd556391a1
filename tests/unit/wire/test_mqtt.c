/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt.h"

#include "tests/unit/wire/mqtt_case.h"

/* 2.1.2, table 2-1: which side may send what. */
static void a_packet_type_has_its_direction(void **state)
{
    static const enum mrl_mqtt_from may[MRL_MQTT_TYPES_] = {
        0, 1, 2, 3, 3, 3, 3, 3, 1, 2, 1, 2, 1, 2, 3, 3,
    };

    (void)state;
    for (int type = MRL_MQTT_CONNACK; type < MRL_MQTT_TYPES_; type++) {
        for (int from = MRL_MQTT_FROM_CLIENT; from <= MRL_MQTT_FROM_SERVER; from++) {
            struct mrl_mqtt_frame f = {.type = (enum mrl_mqtt_type)type};
            struct mrl_mqtt_fault fault = {0};
            struct mrl_mqtt_packet p;
            mrl_err err = mrl_mqtt_read(&f, V5, (enum mrl_mqtt_from)from, &p, &fault);
            bool wrong_way =
                err != MRL_OK && strcmp(fault.text, "packet type of the other direction") == 0;

            assert_int_equal(wrong_way, ((int)may[type] & from) == 0);
        }
    }
}

static void a_type_that_does_not_exist_is_refused_both_ways(void **state)
{
    static const int types[] = {0, 16, 255};
    uint8_t memory[16];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
        struct mrl_mqtt_packet p = {.type = (enum mrl_mqtt_type)types[i]};
        struct mrl_mqtt_frame f = {.type = p.type};
        struct mrl_mqtt_fault fault;

        assert_int_equal(mrl_mqtt_read(&f, V5, CLIENT, &p, &fault), MRL_ERR_MALFORMED);
        assert_string_equal(fault.statement, "2.1.2");
        mrl_mqtt_write(&w, V5, &p);
        assert_refused(&w);
    }
}

static void only_publish_has_flags_of_its_own(void **state)
{
    (void)state;
    for (int type = MRL_MQTT_CONNACK; type < MRL_MQTT_TYPES_; type++) {
        for (unsigned flags = 0; flags <= 0x0f; flags++) {
            struct mrl_mqtt_frame f = {.type = (enum mrl_mqtt_type)type, .flags = (uint8_t)flags};
            bool two = type == MRL_MQTT_PUBREL || type == MRL_MQTT_SUBSCRIBE ||
                       type == MRL_MQTT_UNSUBSCRIBE;
            bool good = type == MRL_MQTT_PUBLISH || flags == (two ? 2u : 0u);
            bool flagged = false;

            for (int from = MRL_MQTT_FROM_CLIENT; from <= MRL_MQTT_FROM_SERVER; from++) {
                struct mrl_mqtt_fault fault = {.text = ""};
                struct mrl_mqtt_packet p;

                flagged |= mrl_mqtt_read(&f, V5, (enum mrl_mqtt_from)from, &p, &fault) != MRL_OK &&
                           strcmp(fault.text, "reserved header flags") == 0;
            }
            assert_int_equal(flagged, !good);
        }
    }
}

static void nothing_is_written_for_a_version_that_does_not_exist(void **state)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_PUBACK, .ack = {.packet_id = 1}};
    size_t size;

    (void)state;
    mrl_mqtt_write(&w, V0, &p);
    assert_refused(&w);
    assert_int_equal(mrl_mqtt_size((enum mrl_mqtt_version)3, &p, &size), MRL_ERR_INVALID);
}

/* One damaged byte at a time: a packet is refused, or it is another right one. */
static void damage_is_refused_or_makes_another_right_packet(void **state)
{
    static const mrl_bytes packets[] = {
        BYTES("\x10\x23\x00\x04MQTT\x05\xee\x00\x3c\x05\x11\x00\x00\x00\x0a\x00\x01"
              "a\x02\x01\x01"
              "\x00\x01t\x00\x01m\x00\x01u\x00\x02pw"),
        BYTES("\x33\x13\x00\x01t\x00\x07\x0c\x23\x00\x01\x0b\x05\x26\x00\x01k\x00\x01vm"),
        BYTES("\x82\x16\x00\x01\x02\x0b\x05\x00\x01"
              "a\x2d\x00\x0a$share/g/#\x02"),
        BYTES("\xe0\x0d\x9d\x0b\x1c\x00\x01s\x26\x00\x01k\x00\x01v"),
    };
    static uint8_t out[1 << 12];
    size_t good = 0;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(packets); i++) {
        for (size_t at = 0; at < packets[i].len * 256; at++) {
            uint8_t copy[64];
            struct mrl_writer w = mrl_writer_on(out, sizeof(out));
            struct mrl_mqtt_frame f;
            struct mrl_mqtt_packet p;
            enum mrl_mqtt_version spoken = i == 0 ? V0 : V5;
            enum mrl_mqtt_from from = i % 2 == 1 ? SERVER : CLIENT;

            memcpy(copy, packets[i].data, packets[i].len);
            copy[at / 256] = (uint8_t)at;
            if (mrl_mqtt_frame(mrl_bytes_of(copy, packets[i].len), sizeof(copy), &f) != MRL_OK ||
                mrl_mqtt_read(&f, spoken, from, &p, NULL) != MRL_OK) {
                assert_true(memcmp(copy, packets[i].data, packets[i].len) != 0);
                continue;
            }
            good++;
            assert_true(survives_writing(&p, p.type == MRL_MQTT_CONNECT ? p.connect.version : V5,
                                         from, &w));
        }
    }
    assert_true(good > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_type_has_its_direction),
        cmocka_unit_test(a_type_that_does_not_exist_is_refused_both_ways),
        cmocka_unit_test(only_publish_has_flags_of_its_own),
        cmocka_unit_test(nothing_is_written_for_a_version_that_does_not_exist),
        cmocka_unit_test(damage_is_refused_or_makes_another_right_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
