/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/telemetry.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

/* The linker puts this in the place of the clock (--wrap). */
static uint64_t now_ms = 1000000;
uint64_t __wrap_mrl_monotonic_ms(void);
uint64_t __wrap_mrl_monotonic_ms(void)
{
    return now_ms;
}

/* clang-format off */
#define MAPPING(t, f, m, h, s) {MRL_LIT_INIT(t), MRL_LIT_INIT(f), MRL_LIT_INIT(m), \
    MRL_LIT_INIT(h), s}
/* clang-format on */

static const struct mrl_telemetry_mapping climate[] = {
    MAPPING("devices/${id}/climate", "temperature", "iot_device_temperature", "Degrees.", 3),
};

static struct mrl_telemetry *open_with(const struct mrl_telemetry_mapping *mappings, size_t count)
{
    struct mrl_telemetry *t = NULL;
    struct mrl_why why = {""};

    if (mrl_telemetry_new(mappings, count, &t, &why) != MRL_OK)
        fail_msg("%s", why.text);
    return t;
}

static unsigned see(struct mrl_telemetry *t, const char *device, const char *payload)
{
    char topic[128];

    (void)snprintf(topic, sizeof(topic), "devices/%s/climate", device);
    return mrl_telemetry_observe(t, mrl_str(device), mrl_str(topic), mrl_str(payload));
}

/* Memory that the next call reuses. */
static const char *text_of(struct mrl_telemetry *t)
{
    static char text[4096];
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_telemetry_write(t, &out));
    assert_true(mrl_bytes_to_cstr(mrl_buf_bytes(&out), text, sizeof(text)));
    return text;
}

static void a_field_becomes_a_gauge(void **state)
{
    struct mrl_telemetry *t = open_with(climate, 1);

    (void)state;
    assert_string_equal(text_of(t), "");
    assert_int_equal(see(t, "001", "{\"temperature\":25.4,\"humidity\":40}"), 0);
    assert_string_equal(text_of(t), "# HELP iot_device_temperature Degrees.\n"
                                    "# TYPE iot_device_temperature gauge\n"
                                    "iot_device_temperature{device_id=\"001\"} 25.4\n");
    assert_int_equal(see(t, "001", "{\"temperature\":-3}"), 0);
    assert_non_null(strstr(text_of(t), "{device_id=\"001\"} -3\n"));
    mrl_telemetry_free(t);
}

static void a_topic_of_another_device_is_not_looked_at(void **state)
{
    struct mrl_telemetry *t = open_with(climate, 1);

    (void)state;
    assert_int_equal(mrl_telemetry_observe(t, MRL_LIT("eve"), MRL_LIT("devices/001/climate"),
                                           MRL_LIT("{\"temperature\":1}")),
                     0);
    assert_int_equal(mrl_telemetry_observe(t, MRL_LIT("001"), MRL_LIT("devices/001/other"),
                                           MRL_LIT("{\"temperature\":1}")),
                     0);
    assert_string_equal(text_of(t), "");
    mrl_telemetry_free(t);
}

static void fields_are_found_below_each_other(void **state)
{
    static const struct mrl_telemetry_mapping deep[] = {
        MAPPING("devices/${id}/climate", "room.air.celsius", "celsius", "", 3),
    };
    struct mrl_telemetry *t = open_with(deep, 1);

    (void)state;
    assert_int_equal(see(t, "a", "{\"room\":{\"air\":{\"celsius\":7}}}"), 0);
    assert_non_null(strstr(text_of(t), "celsius{device_id=\"a\"} 7\n"));
    assert_int_equal(see(t, "a", "{\"room\":{\"air\":7}}"), 1);
    assert_int_equal(see(t, "a", "{\"room\":7}"), 1);
    assert_int_equal(see(t, "a", "{\"room.air.celsius\":7}"), 1);
    mrl_telemetry_free(t);
}

static void what_is_no_finite_number_is_refused(void **state)
{
    static const char *const payloads[] = {
        "",
        "{}",
        "[25]",
        "25",
        "{\"temperature\":\"25\"}",
        "{\"temperature\":true}",
        "{\"temperature\":null}",
        "{\"temperature\":NaN}",
        "{\"temperature\":Infinity}",
        "{\"temperature\":1e999}",
        "{\"temperature\":[1]}",
        "{\"temperature\":1",
        "{\"temperature\":1} x",
        "{\"temperature\":1,\"temperature\":2}",
        "{\"temperature\":1,\"d\":[[[[[[[[1]]]]]]]]}", /* nine deep */
    };
    struct mrl_telemetry *t = open_with(climate, 1);

    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        if (see(t, "a", payloads[i]) != 1)
            fail_msg("taken: %s", payloads[i]);
    assert_string_equal(text_of(t), "");
    mrl_telemetry_free(t);
}

static void an_object_may_be_eight_deep(void **state)
{
    struct mrl_telemetry *t = open_with(climate, 1);

    (void)state;
    assert_int_equal(see(t, "a", "{\"temperature\":1,\"d\":[[[[[[[1]]]]]]]}"), 0);
    mrl_telemetry_free(t);
}

static void a_payload_may_be_the_number_itself(void **state)
{
    static const struct mrl_telemetry_mapping plain[] = {
        MAPPING("devices/${id}/climate", "", "plain", "", 3),
    };
    static const struct {
        const char *payload;
        unsigned refused;
    } payloads[] = {
        {"1", 0},
        {" -2.5e3\n", 0},
        {"+7", 0},
        {".5", 0},
        {"", 1},
        {"inf", 1},
        {"nan", 1},
        {"0x10", 1},
        {"1,5", 1},
        {"1 2", 1},
        {"1e999", 1},
        {"--1", 1},
        {"e", 1},
        {"1.2.3", 1},
        {"one", 1},
        {"{\"a\":1}", 1},
        {"0000000000000000000000000000000000000000000000000000000000000001", 0},  /* 64 bytes */
        {"00000000000000000000000000000000000000000000000000000000000000001", 1}, /* 65 */
    };
    struct mrl_telemetry *t = open_with(plain, 1);

    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        if (see(t, "a", payloads[i].payload) != payloads[i].refused)
            fail_msg("%s", payloads[i].payload);
    assert_int_equal(mrl_telemetry_observe(t, MRL_LIT("a"), MRL_LIT("devices/a/climate"),
                                           mrl_bytes_of("1\0", 2)),
                     1);
    mrl_telemetry_free(t);
}

static void devices_over_the_cap_are_not_shown(void **state)
{
    static const char one[] = "{\"temperature\":1}", two[] = "{\"temperature\":2}";
    struct mrl_telemetry *t = open_with(climate, 1);

    (void)state;
    assert_int_equal(see(t, "a", one) + see(t, "b", one) + see(t, "c", one), 0);
    assert_int_equal(see(t, "d", one), 1);
    assert_int_equal(see(t, "b", two), 0); /* who is in stays in */
    assert_null(strstr(text_of(t), "\"d\""));
    assert_non_null(strstr(text_of(t), "{device_id=\"b\"} 2\n"));
    mrl_telemetry_free(t);
}

static void a_silent_device_gives_its_place_back(void **state)
{
    static const char one[] = "{\"temperature\":1}";
    struct mrl_telemetry *t = open_with(climate, 1);

    (void)state;
    assert_int_equal(see(t, "a", one) + see(t, "b", one) + see(t, "c", one), 0);
    now_ms += MRL_TELEMETRY_STALE_MS;
    assert_int_equal(see(t, "b", one), 0);
    assert_int_equal(see(t, "d", one), 1); /* not silent for longer than that yet */
    assert_non_null(strstr(text_of(t), "\"a\""));
    now_ms++;
    assert_int_equal(see(t, "d", one), 0);
    assert_null(strstr(text_of(t), "\"a\""));
    assert_non_null(strstr(text_of(t), "\"b\""));
    assert_null(strstr(text_of(t), "\"c\""));
    assert_non_null(strstr(text_of(t), "\"d\""));
    now_ms += MRL_TELEMETRY_STALE_MS + 1;
    assert_string_equal(text_of(t), "");
    mrl_telemetry_free(t);
}

static void two_topics_may_fill_one_metric(void **state)
{
    static const struct mrl_telemetry_mapping both[] = {
        MAPPING("devices/${id}/climate", "temperature", "t", "Same.", 3),
        MAPPING("devices/${id}/#", "temperature", "t", "Same.", 3),
    };
    struct mrl_telemetry *t = open_with(both, 2);
    const char *text;

    (void)state;
    assert_int_equal(see(t, "a", "{\"temperature\":1}"), 0);
    text = text_of(t);
    assert_ptr_equal(strstr(text, "# TYPE"), strrchr(text, '#')); /* one family */
    assert_non_null(strstr(text, "t{device_id=\"a\"} 1\n"));
    assert_null(strstr(strstr(text, "t{device_id") + 1, "t{device_id")); /* one sample */
    mrl_telemetry_free(t);
}

static void label_values_are_escaped(void **state)
{
    static const struct mrl_telemetry_mapping any[] = {MAPPING("#", "", "any", "", 3)};
    struct mrl_telemetry *t = open_with(any, 1);

    (void)state;
    assert_int_equal(mrl_telemetry_observe(t, MRL_LIT("a\"b\\c\nd"), MRL_LIT("x"), MRL_LIT("1")),
                     0);
    assert_non_null(strstr(text_of(t), "any{device_id=\"a\\\"b\\\\c\\nd\"} 1\n"));
    mrl_telemetry_free(t);
}

static void mappings_that_are_none_are_refused(void **state)
{
    static const struct mrl_telemetry_mapping bad[] = {
        MAPPING("a", "", "", "", 1),
        MAPPING("a", "", "1a", "", 1),
        MAPPING("a", "", "a-b", "", 1),
        MAPPING("a", "", "a{x=\"1\"}", "", 1),
        MAPPING("a", "", "merlon_devices", "", 1),
        MAPPING("", "", "a", "", 1),
        MAPPING("a/#/b", "", "a", "", 1),
        MAPPING("a+", "", "a", "", 1),
        MAPPING("$share/g/a", "", "a", "", 1),
        MAPPING("a/x${id}", "", "a", "", 1),
        MAPPING("a/${group}", "", "a", "", 1),
        MAPPING("${id}/${id}/${id}/${id}/${id}", "", "a", "", 1),
        MAPPING("a", ".", "a", "", 1),
        MAPPING("a", "b.", "a", "", 1),
        MAPPING("a", "b..c", "a", "", 1),
        MAPPING("a", "1.2.3.4.5.6.7.8.9", "a", "", 1),
        MAPPING("a", "", "a", "two\nlines", 1),
        MAPPING("a", "", "a", "back\\slash", 1),
    };
    static const struct mrl_telemetry_mapping two_helps[] = {
        MAPPING("a", "", "m", "One.", 1),
        MAPPING("b", "", "m", "Another.", 1),
    };
    struct mrl_telemetry *t = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mrl_why why = {""};

        if (mrl_telemetry_new(&bad[i], 1, &t, &why) != MRL_ERR_INVALID || why.text[0] == '\0')
            fail_msg("mapping %zu", i);
    }
    assert_int_equal(mrl_telemetry_new(two_helps, 2, &t, NULL), MRL_ERR_INVALID);
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_becomes_a_gauge),
        cmocka_unit_test(a_topic_of_another_device_is_not_looked_at),
        cmocka_unit_test(fields_are_found_below_each_other),
        cmocka_unit_test(what_is_no_finite_number_is_refused),
        cmocka_unit_test(an_object_may_be_eight_deep),
        cmocka_unit_test(a_payload_may_be_the_number_itself),
        cmocka_unit_test(devices_over_the_cap_are_not_shown),
        cmocka_unit_test(a_silent_device_gives_its_place_back),
        cmocka_unit_test(two_topics_may_fill_one_metric),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(mappings_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
