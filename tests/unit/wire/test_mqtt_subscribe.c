/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_subscribe.h"

#include "tests/unit/wire/mqtt_case.h"

static const struct mqtt_case cases[] = {
    /* SUBSCRIBE */
    {"two filters", V4, CLIENT,
     BYTES("\x82\x0a\x00\x01\x00\x01"
           "a\x01\x00\x01#\x02"),
     0, NULL},
    {"no filter", V4, CLIENT, BYTES("\x82\x02\x00\x01"), 0x82, "MQTT-3.8.3-3"},
    {"packet identifier 0", V4, CLIENT,
     BYTES("\x82\x06\x00\x00\x00\x01"
           "a\x01"),
     0x82, "MQTT-2.3.1-1"},
    {"QoS 3", V4, CLIENT,
     BYTES("\x82\x06\x00\x01\x00\x01"
           "a\x03"),
     0x82, "MQTT-3.8.3-4"},
    {"no local in 3.1.1", V4, CLIENT,
     BYTES("\x82\x06\x00\x01\x00\x01"
           "a\x04"),
     0x81, "MQTT-3.8.3-4"},
    {"flags", V4, CLIENT,
     BYTES("\x80\x06\x00\x01\x00\x01"
           "a\x01"),
     0x81, "MQTT-2.2.2-2"},
    {"from a server", V4, SERVER,
     BYTES("\x82\x06\x00\x01\x00\x01"
           "a\x01"),
     0x82, "2.2.1"},
    {"options missing", V4, CLIENT,
     BYTES("\x82\x05\x00\x01\x00\x01"
           "a"),
     0x81, "MQTT-4.8.0-1"},
    {"second filter bad", V4, CLIENT,
     BYTES("\x82\x0b\x00\x01\x00\x01"
           "a\x01\x00\x02"
           "a#\x00"),
     0x8f, "MQTT-4.7.1-2"},
    {"empty filter", V4, CLIENT, BYTES("\x82\x05\x00\x01\x00\x00\x00"), 0x8f, "MQTT-4.7.1-2"},
    {"filter not UTF-8", V4, CLIENT, BYTES("\x82\x06\x00\x01\x00\x01\xff\x00"), 0x81,
     "MQTT-1.5.3-1"},

    {"all options", V5, CLIENT,
     BYTES("\x82\x07\x00\x01\x00\x00\x01"
           "a\x2e"),
     0, NULL},
    {"subscription identifier", V5, CLIENT,
     BYTES("\x82\x09\x00\x01\x02\x0b\x07\x00\x01"
           "a\x00"),
     0, NULL},
    {"shared", V5, CLIENT, BYTES("\x82\x10\x00\x01\x00\x00\x0a$share/g/#\x02"), 0, NULL},
    {"two subscription identifiers", V5, CLIENT,
     BYTES("\x82\x0b\x00\x01\x04\x0b\x07\x0b\x07\x00\x01"
           "a\x00"),
     0x82, "2.2.2.2"},
    {"subscription identifier 0", V5, CLIENT,
     BYTES("\x82\x09\x00\x01\x02\x0b\x00\x00\x01"
           "a\x00"),
     0x82, "2.2.2.2"},
    {"no filter", V5, CLIENT, BYTES("\x82\x03\x00\x01\x00"), 0x82, "MQTT-3.8.3-2"},
    {"QoS 3", V5, CLIENT,
     BYTES("\x82\x07\x00\x01\x00\x00\x01"
           "a\x03"),
     0x82, "3.8.3.1"},
    {"retain handling 3", V5, CLIENT,
     BYTES("\x82\x07\x00\x01\x00\x00\x01"
           "a\x30"),
     0x82, "3.8.3.1"},
    {"reserved bit 6", V5, CLIENT,
     BYTES("\x82\x07\x00\x01\x00\x00\x01"
           "a\x40"),
     0x81, "MQTT-3.8.3-5"},
    {"reserved bit 7", V5, CLIENT,
     BYTES("\x82\x07\x00\x01\x00\x00\x01"
           "a\x80"),
     0x81, "MQTT-3.8.3-5"},
    {"no local and shared", V5, CLIENT, BYTES("\x82\x10\x00\x01\x00\x00\x0a$share/g/#\x04"), 0x82,
     "MQTT-3.8.3-4"},
    {"shared without group", V5, CLIENT, BYTES("\x82\x0f\x00\x01\x00\x00\x09$share//#\x00"), 0x8f,
     "MQTT-4.8.2-2"},
    {"shared without filter", V5, CLIENT, BYTES("\x82\x0f\x00\x01\x00\x00\x09$share/g/\x00"), 0x8f,
     "MQTT-4.8.2-2"},
    {"# not last", V5, CLIENT, BYTES("\x82\x09\x00\x01\x00\x00\x03#/a\x00"), 0x8f, "MQTT-4.7.1-1"},

    /* SUBACK */
    {"granted and refused", V4, SERVER, BYTES("\x90\x06\x00\x01\x00\x01\x02\x80"), 0, NULL},
    {"unknown code", V4, SERVER, BYTES("\x90\x03\x00\x01\x03"), 0x82, "MQTT-3.9.3-2"},
    {"no code", V4, SERVER, BYTES("\x90\x02\x00\x01"), 0x82, "MQTT-3.8.4-5"},
    {"packet identifier 0", V4, SERVER, BYTES("\x90\x03\x00\x00\x00"), 0x82, "MQTT-2.3.1-1"},
    {"granted and refused", V5, SERVER, BYTES("\x90\x05\x00\x01\x00\x02\x87"), 0, NULL},
    {"with reason string", V5, SERVER, BYTES("\x90\x08\x00\x01\x04\x1f\x00\x01r\x00"), 0, NULL},
    {"code of UNSUBACK", V5, SERVER, BYTES("\x90\x04\x00\x01\x00\x11"), 0x82, "MQTT-3.9.3-2"},
    {"no code", V5, SERVER, BYTES("\x90\x03\x00\x01\x00"), 0x82, "MQTT-3.8.4-6"},
    {"from a client", V5, CLIENT, BYTES("\x90\x04\x00\x01\x00\x00"), 0x82, "2.1.2"},

    /* UNSUBSCRIBE */
    {"two filters", V4, CLIENT,
     BYTES("\xa2\x08\x00\x01\x00\x01"
           "a\x00\x01+"),
     0, NULL},
    {"no filter", V4, CLIENT, BYTES("\xa2\x02\x00\x01"), 0x82, "MQTT-3.10.3-2"},
    {"bad filter", V4, CLIENT, BYTES("\xa2\x06\x00\x01\x00\x02++"), 0x8f, "MQTT-4.7.1-2"},
    {"with user property", V5, CLIENT,
     BYTES("\xa2\x0d\x00\x01\x07\x26\x00\x01k\x00\x01v\x00\x01"
           "a"),
     0, NULL},
    {"with reason string", V5, CLIENT,
     BYTES("\xa2\x0a\x00\x01\x04\x1f\x00\x01r\x00\x01"
           "a"),
     0x81, "2.2.2.2"},
    {"no filter", V5, CLIENT, BYTES("\xa2\x03\x00\x01\x00"), 0x82, "MQTT-3.10.3-2"},
    {"flags", V5, CLIENT,
     BYTES("\xa3\x06\x00\x01\x00\x00\x01"
           "a"),
     0x81, "MQTT-2.1.3-1"},
    {"filter cut", V5, CLIENT,
     BYTES("\xa2\x06\x00\x01\x00\x00\x02"
           "a"),
     0x81, "MQTT-4.13.1-1"},

    /* UNSUBACK */
    {"plain", V4, SERVER, BYTES("\xb0\x02\x00\x01"), 0, NULL},
    {"with codes in 3.1.1", V4, SERVER, BYTES("\xb0\x03\x00\x01\x00"), 0x81, "MQTT-4.8.0-1"},
    {"codes", V5, SERVER, BYTES("\xb0\x05\x00\x01\x00\x00\x11"), 0, NULL},
    {"no code", V5, SERVER, BYTES("\xb0\x03\x00\x01\x00"), 0x82, "MQTT-3.8.4-6"},
    {"code of SUBACK", V5, SERVER, BYTES("\xb0\x04\x00\x01\x00\x01"), 0x82, "MQTT-3.11.3-2"},
};

static void packets_are_judged(void **state)
{
    (void)state;
    run_cases(cases, MRL_COUNT(cases));
}

static void entries_are_walked_in_order(void **state)
{
    struct mrl_mqtt_subscription s;
    struct mrl_mqtt_packet p;
    struct mrl_mqtt_cursor c;

    (void)state;
    assert_ok(read_one(MRL_LIT("\x82\x14\x00\x01\x00\x00\x01"
                               "a\x2d\x00\x0a$share/g/#\x02"),
                       V5, CLIENT, &p, NULL));
    c = mrl_mqtt_cursor_on(p.subscribe.subscriptions);
    assert_true(mrl_mqtt_subscription_next(&c, &s));
    assert_bytes_equal(s.filter, MRL_LIT("a"));
    assert_bytes_equal(s.plain, MRL_LIT("a"));
    assert_int_equal(s.group.len, 0);
    assert_true(s.qos == 1 && s.no_local && s.retain_as_published && s.retain_handling == 2);
    assert_true(mrl_mqtt_subscription_next(&c, &s));
    assert_bytes_equal(s.filter, MRL_LIT("$share/g/#"));
    assert_bytes_equal(s.group, MRL_LIT("g"));
    assert_bytes_equal(s.plain, MRL_LIT("#"));
    assert_true(s.qos == 2 && !s.no_local && !s.retain_as_published && s.retain_handling == 0);
    assert_false(mrl_mqtt_subscription_next(&c, &s));
    assert_false(mrl_mqtt_subscription_next(&c, &s));
}

static void a_list_is_built_and_written(void **state)
{
    uint8_t list_memory[32];
    uint8_t memory[64];
    struct mrl_writer list = mrl_writer_on(list_memory, sizeof(list_memory));
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_subscribe p = {.packet_id = 2};
    struct mrl_mqtt_unsubscribe u = {.packet_id = 3};

    (void)state;
    mrl_mqtt_put_subscription(
        &list, &(struct mrl_mqtt_subscription){
                   .filter = MRL_LIT("a/+"), .qos = 1, .no_local = true, .retain_handling = 1});
    assert_ok(mrl_writer_end(&list, &p.subscriptions));
    mrl_mqtt_write_subscribe(&w, V5, &p);
    assert_written(&w, "\x82\x09\x00\x02\x00\x00\x03"
                       "a/+\x15");
    mrl_mqtt_write_subscribe(&w, V4, &p); /* options of 5 in 3.1.1 */
    assert_refused(&w);

    list = mrl_writer_on(list_memory, sizeof(list_memory));
    mrl_mqtt_put_filter(&list, MRL_LIT("x"));
    assert_ok(mrl_writer_end(&list, &u.filters));
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_mqtt_write_unsubscribe(&w, V4, &u);
    assert_written(&w, "\xa2\x05\x00\x03\x00\x01x");

    mrl_mqtt_put_subscription(&list,
                              &(struct mrl_mqtt_subscription){.filter = MRL_LIT("a"), .qos = 3});
    assert_refused(&list);
}

static void failures_in_3_1_1_are_all_0x80(void **state)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_suback p = {.packet_id = 1, .codes = MRL_LIT("\x01\x87\x8f")};

    (void)state;
    mrl_mqtt_write_suback(&w, V4, &p);
    assert_written(&w, "\x90\x05\x00\x01\x01\x80\x80");
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_mqtt_write_suback(&w, V5, &p);
    assert_written(&w, "\x90\x06\x00\x01\x00\x01\x87\x8f");
    p.codes = MRL_LIT("\x00\x11");
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_mqtt_write_unsuback(&w, V4, &p);
    assert_written(&w, "\xb0\x02\x00\x01");
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_mqtt_write_unsuback(&w, V5, &p);
    assert_written(&w, "\xb0\x05\x00\x01\x00\x00\x11");
    mrl_mqtt_write_suback(&w, V4, &p); /* 0x11 is no code of SUBACK */
    assert_refused(&w);
}

static void what_a_reader_would_refuse_is_not_written(void **state)
{
    const struct mrl_mqtt_subscribe bad[] = {
        {.packet_id = 1},
        {.packet_id = 0,
         .subscriptions = MRL_LIT("\x00\x01"
                                  "a\x00")},
        {.packet_id = 1,
         .subscriptions = MRL_LIT("\x00\x01"
                                  "a")},
        {.packet_id = 1,
         .subscriptions = MRL_LIT("\x00\x01"
                                  "a\x03")},
        {.packet_id = 1,
         .subscriptions = MRL_LIT("\x00\x02"
                                  "a#\x00")},
        {.packet_id = 1,
         .subscriptions = MRL_LIT("\x00\x01"
                                  "a\x00"),
         .props = {.present = 1ull << MRL_MQTT_PROP_SUBSCRIPTION_ID,
                   .subscription_ids = MRL_LIT("\x0b\x01\x0b\x02")}},
    };
    uint8_t memory[64];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

        mrl_mqtt_write_subscribe(&w, V5, &bad[i]);
        if (!w.overflow || w.len != 0)
            fail_msg("subscribe %zu was written", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_judged),
        cmocka_unit_test(entries_are_walked_in_order),
        cmocka_unit_test(a_list_is_built_and_written),
        cmocka_unit_test(failures_in_3_1_1_are_all_0x80),
        cmocka_unit_test(what_a_reader_would_refuse_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
